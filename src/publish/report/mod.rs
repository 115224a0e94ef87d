//! The report: one HTML file that a meeting can read. It opens from a mail, asks for nothing from
//! the network, and shows what the tables of its folder hold; where a table is not there it says
//! so. Not responsible for any figure, only for which are shown and how.
//!
//! The same folder gives the same bytes.

mod contract;
pub(crate) mod facts;
mod figures;
pub mod language;
pub(crate) mod names;
mod page;
mod picture;

pub use language::Language;

use super::reading::{Published, ReadingError};

/// Name of the report in the output folder.
pub const REPORT: &str = "report.html";

/// Writes the report of a published output.
///
/// # Errors
/// When a table that is there cannot be read.
pub fn report(published: &Published, language: Language) -> Result<String, ReadingError> {
    let facts = facts::gather(published)?;
    Ok(thinned(
        &page::page(&facts, published, language).into_string(),
    ))
}

/// Without the end tags that HTML lets one leave out: a tenth of a large report. Texts hold none
/// of them, they are escaped.
fn thinned(page: &str) -> String {
    const OPTIONAL: [&str; 8] = [
        "</td>", "</th>", "</tr>", "</li>", "</dt>", "</dd>", "</thead>", "</tbody>",
    ];
    let mut thin = String::with_capacity(page.len());
    let mut rest = page;
    while let Some(at) = rest.find("</") {
        let (before, from) = rest.split_at(at);
        thin.push_str(before);
        let gone = OPTIONAL.iter().find(|tag| from.starts_with(**tag));
        if gone.is_none() {
            thin.push_str("</");
        }
        rest = from
            .get(gone.map_or(2, |tag| tag.len())..)
            .unwrap_or_default();
    }
    thin.push_str(rest);
    thin
}

#[cfg(test)]
mod tests {
    use super::thinned;

    #[test]
    fn only_end_tags_that_may_go_go() {
        assert_eq!(
            thinned("<table><tr><td>a</td><td><bdi>b</bdi></td></tr></table>"),
            "<table><tr><td>a<td><bdi>b</bdi></table>"
        );
        assert_eq!(thinned(""), "");
    }
}
