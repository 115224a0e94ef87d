//! The page without what HTML lets one leave out: end tags, quotes around plain values, and the
//! language where it is the page's own. A fifth of a large report. Responsible for bytes only: what
//! a browser makes of the page is the same.

use super::language::Language;

/// End tags that HTML implies.
const IMPLIED: [&str; 8] = [
    "</td>", "</th>", "</tr>", "</li>", "</dt>", "</dd>", "</thead>", "</tbody>",
];
/// Elements of a drawing that have nothing inside.
const EMPTY: [&str; 5] = ["path", "line", "circle", "rect", "use"];

/// The thinned page. Texts hold neither `<` nor `"`: the template escapes them. What stands before
/// the body and in the script is left alone.
pub(super) fn thinned(page: &str, language: Language) -> String {
    let body = page.find("<body>").unwrap_or(0);
    let script = page.rfind("<script>").unwrap_or(page.len());
    let part = |from: usize, to: usize| page.get(from..to).unwrap_or_default();
    let own = format!(" lang=\"{}\"", language.tag());
    let mut thin = String::with_capacity(page.len());
    thin.push_str(part(0, body));
    let mut rest = part(body, script);
    // Whether each open span said nothing and was left out.
    let mut spans: Vec<bool> = Vec::new();
    while let Some(at) = rest.find('<') {
        let (text, from) = rest.split_at(at);
        thin.push_str(text);
        let end = from.find('>').map_or(from.len(), |end| end + 1);
        let (tag, after) = from.split_at(end);
        rest = after;
        if IMPLIED.contains(&tag) {
            continue;
        }
        let name = tag.trim_start_matches('<').split([' ', '>']).next();
        let closing = name.map(|name| format!("</{name}>")).unwrap_or_default();
        let tag = tag.replace(&own, "");
        if name == Some("span") {
            spans.push(tag == "<span>");
        }
        if tag == "<span>" || tag == "</span>" && spans.pop() == Some(true) {
            continue;
        }
        let empty = name.is_some_and(|name| EMPTY.contains(&name)) && rest.starts_with(&closing);
        if empty {
            rest = rest.get(closing.len()..).unwrap_or_default();
        }
        unquoted(&mut thin, &tag, empty);
    }
    thin.push_str(rest);
    thin.push_str(part(script, page.len()));
    thin
}

/// Writes a tag without the quotes around plain values; `empty` closes it.
fn unquoted(thin: &mut String, tag: &str, empty: bool) {
    let tag = tag.strip_suffix('>').unwrap_or(tag);
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | '#');
    let mut parts = tag.split('"');
    if let Some(first) = parts.next() {
        thin.push_str(first);
    }
    while let (Some(value), Some(between)) = (parts.next(), parts.next()) {
        // Before `/>` a bare value would take the stroke with it.
        if !value.is_empty() && value.chars().all(plain) && !(empty && between.is_empty()) {
            thin.push_str(value);
        } else {
            thin.push('"');
            thin.push_str(value);
            thin.push('"');
        }
        thin.push_str(between);
    }
    thin.push_str(if empty { "/>" } else { ">" });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_html_implies_goes() {
        let page = "<html lang=\"en\"><style>a{b:\"c\"}</style><body><table><tr><td class=\"n\" \
                    data-v=\"-1.5\">a</td><td><span lang=\"en\">b &lt; \u{201c}c\u{201d}</span></td></tr></table>\
                    <svg viewBox=\"0 0 1 1\"><path class=\"m\" d=\"M1 2\"></path><use \
                    href=\"#k\" y=\"3\"></use></svg><script>x = \"</td>\"</script></body>";
        assert_eq!(
            thinned(page, Language::En),
            "<html lang=\"en\"><style>a{b:\"c\"}</style><body><table><tr><td class=n data-v=-1.5>a<td>\
             b &lt; \u{201c}c\u{201d}</table><svg viewBox=\"0 0 1 1\"><path class=m d=\"M1 2\"/>\
             <use href=#k y=\"3\"/></svg><script>x = \"</td>\"</script></body>"
        );
        assert_eq!(thinned("", Language::Nl), "");
    }

    #[test]
    fn a_hostile_value_keeps_its_quotes() {
        let tag = "<body><p title=\"a&quot; onload=x\" id=\"b c\">t</p>";
        assert_eq!(thinned(tag, Language::En), tag);
    }
}
