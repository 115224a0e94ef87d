//! Sheets as Office Open XML (ECMA-376 part 1, SpreadsheetML): typed cells, a frozen header, a
//! filter and named ranges. Responsible for the format; not for what is in the cells.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::ops::Range;

use rayon::prelude::*;

use crate::money::Decimal;

/// One cell.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Cell<'a> {
    /// Nothing.
    Empty,
    /// A text, never a formula.
    Text(Cow<'a, str>),
    /// A number as it is.
    Number(Decimal, Look),
    /// A formula without its `=`, and its value as we computed it.
    Formula(String, Decimal, Look),
    /// A formula with a text as its value.
    Says(String, String),
}

/// How a number is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Look {
    /// As many decimals as it has.
    Plain,
    /// Two decimals, digits in groups.
    Money,
}

/// One sheet.
#[derive(Debug, Clone)]
pub(super) struct Sheet<'a> {
    pub(super) name: &'static str,
    pub(super) header: Vec<&'static str>,
    pub(super) widths: Vec<u8>,
    pub(super) rows: Vec<Vec<Cell<'a>>>,
    /// Name of a range and its column, from the first row to the last.
    pub(super) ranges: Vec<(&'static str, usize)>,
}

/// Most characters of a cell (Excel's limit is 32,767).
const MOST: usize = 2_000;

/// The letters of a column, from 0.
pub(super) fn letters(column: usize) -> String {
    let mut n = column + 1;
    let mut text = String::new();
    while n > 0 {
        let digit = u8::try_from((n - 1) % 26).unwrap_or(0);
        text.insert(0, char::from(b'A' + digit));
        n = (n - 1) / 26;
    }
    text
}

/// A text as XML: escaped, without characters that XML cannot hold, not longer than a cell.
fn xml(text: &str) -> Cow<'_, str> {
    let plain = |b: u8| (b' '..=b'~').contains(&b) && !matches!(b, b'&' | b'<' | b'>' | b'"');
    if text.len() <= MOST && text.bytes().all(plain) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(escaped(&crate::publish::report::names::short(text, MOST)))
}

/// Formulas are made of cells and numbers only; they are escaped, never cut.
fn escaped(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\u{fffe}' | '\u{ffff}' => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

const HEAD: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\n";
const MAIN: &str = "http://schemas.openxmlformats.org/spreadsheetml/2006/main";
const RELATIONS: &str = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
const PACKAGE: &str = "http://schemas.openxmlformats.org/package/2006";
const TYPE: &str = "application/vnd.openxmlformats-officedocument.spreadsheetml";

/// A file of the workbook: its name, and its parts one after the other.
pub(super) type File = (String, Vec<String>);

/// All files of the workbook, in order.
pub(super) fn files(sheets: &[Sheet<'_>]) -> Vec<File> {
    let mut types = String::new();
    let mut list = String::new();
    let mut relations = String::new();
    let mut names = String::new();
    let mut files = Vec::new();
    for (i, sheet) in sheets.iter().enumerate() {
        let n = i + 1;
        let _ = write!(
            types,
            "<Override PartName=\"/xl/worksheets/sheet{n}.xml\" ContentType=\"{TYPE}.worksheet+xml\"/>"
        );
        let _ = write!(
            list,
            "<sheet name=\"{}\" sheetId=\"{n}\" r:id=\"rId{n}\"/>",
            xml(sheet.name)
        );
        let _ = write!(
            relations,
            "<Relationship Id=\"rId{n}\" Type=\"{RELATIONS}/worksheet\" Target=\"worksheets/sheet{n}.xml\"/>"
        );
        let last = sheet.rows.len().max(1) + 1;
        for (name, column) in &sheet.ranges {
            let c = letters(*column);
            let _ = write!(
                names,
                "<definedName name=\"{name}\">{}!${c}$2:${c}${last}</definedName>",
                sheet.name
            );
        }
        files.push((format!("xl/worksheets/sheet{n}.xml"), worksheet(sheet)));
    }
    let styles = sheets.len() + 1;
    let first = [
        (
            "[Content_Types].xml",
            format!(
                "{HEAD}<Types xmlns=\"{PACKAGE}/content-types\"><Default Extension=\"rels\" ContentType=\"application/vnd.openxmlformats-package.relationships+xml\"/><Default Extension=\"xml\" ContentType=\"application/xml\"/><Override PartName=\"/xl/workbook.xml\" ContentType=\"{TYPE}.sheet.main+xml\"/><Override PartName=\"/xl/styles.xml\" ContentType=\"{TYPE}.styles+xml\"/>{types}</Types>"
            ),
        ),
        (
            "_rels/.rels",
            format!(
                "{HEAD}<Relationships xmlns=\"{PACKAGE}/relationships\"><Relationship Id=\"rId1\" Type=\"{RELATIONS}/officeDocument\" Target=\"xl/workbook.xml\"/></Relationships>"
            ),
        ),
        (
            "xl/workbook.xml",
            format!(
                "{HEAD}<workbook xmlns=\"{MAIN}\" xmlns:r=\"{RELATIONS}\"><sheets>{list}</sheets><definedNames>{names}</definedNames><calcPr calcId=\"0\" fullCalcOnLoad=\"1\"/></workbook>"
            ),
        ),
        (
            "xl/_rels/workbook.xml.rels",
            format!(
                "{HEAD}<Relationships xmlns=\"{PACKAGE}/relationships\">{relations}<Relationship Id=\"rId{styles}\" Type=\"{RELATIONS}/styles\" Target=\"styles.xml\"/></Relationships>"
            ),
        ),
        // Formats: 0 plain, 1 header, 2 money, 3 formula, 4 money by formula, 5 wrapped text.
        (
            "xl/styles.xml",
            format!(
                "{HEAD}<styleSheet xmlns=\"{MAIN}\"><fonts count=\"3\"><font><sz val=\"11\"/><name val=\"Calibri\"/></font><font><b/><sz val=\"11\"/><name val=\"Calibri\"/></font><font><sz val=\"11\"/><color rgb=\"FF00558A\"/><name val=\"Calibri\"/></font></fonts><fills count=\"3\"><fill><patternFill patternType=\"none\"/></fill><fill><patternFill patternType=\"gray125\"/></fill><fill><patternFill patternType=\"solid\"><fgColor rgb=\"FFE3EBF2\"/></patternFill></fill></fills><borders count=\"1\"><border/></borders><cellStyleXfs count=\"1\"><xf/></cellStyleXfs><cellXfs count=\"6\"><xf xfId=\"0\"/><xf xfId=\"0\" fontId=\"1\" fillId=\"2\" applyFont=\"1\" applyFill=\"1\"/><xf xfId=\"0\" numFmtId=\"4\" applyNumberFormat=\"1\"/><xf xfId=\"0\" fontId=\"2\" applyFont=\"1\"/><xf xfId=\"0\" numFmtId=\"4\" fontId=\"2\" applyNumberFormat=\"1\" applyFont=\"1\"/><xf xfId=\"0\" applyAlignment=\"1\"><alignment vertical=\"top\"/></xf></cellXfs></styleSheet>"
            ),
        ),
    ];
    let mut all: Vec<File> = first
        .into_iter()
        .map(|(name, text)| (name.to_owned(), vec![text]))
        .collect();
    all.extend(files);
    all
}

fn worksheet(sheet: &Sheet<'_>) -> Vec<String> {
    let mut text = format!(
        "{HEAD}<worksheet xmlns=\"{MAIN}\"><sheetViews><sheetView workbookViewId=\"0\"><pane ySplit=\"1\" topLeftCell=\"A2\" activePane=\"bottomLeft\" state=\"frozen\"/></sheetView></sheetViews><cols>"
    );
    for (i, width) in sheet.widths.iter().enumerate() {
        let n = i + 1;
        let _ = write!(
            text,
            "<col min=\"{n}\" max=\"{n}\" width=\"{width}\" customWidth=\"1\"/>"
        );
    }
    text.push_str("</cols><sheetData><row r=\"1\">");
    for (i, title) in sheet.header.iter().enumerate() {
        let _ = write!(
            text,
            "<c r=\"{}1\" s=\"1\" t=\"inlineStr\"><is><t>{}</t></is></c>",
            letters(i),
            xml(title)
        );
    }
    text.push_str("</row>");
    let columns: Vec<String> = (0..sheet.header.len()).map(letters).collect();
    let mut parts: Vec<String> = parted(&sheet.rows)
        .into_par_iter()
        .map(|range| {
            let mut text = String::new();
            for (r, row) in (range.start + 2..).zip(sheet.rows.get(range).unwrap_or_default()) {
                let _ = write!(text, "<row r=\"{r}\">");
                for (column, cell) in columns.iter().zip(row) {
                    write_cell(&mut text, column, r, cell);
                }
                text.push_str("</row>");
            }
            text
        })
        .collect();
    parts.insert(0, text);
    let last = letters(sheet.header.len().saturating_sub(1));
    let tail = format!(
        "</sheetData><autoFilter ref=\"A1:{last}{}\"/><pageSetup paperSize=\"9\" orientation=\"landscape\" fitToHeight=\"0\"/></worksheet>",
        sheet.rows.len() + 1
    );
    parts.push(tail);
    parts
}

/// Rows of a part of a sheet: at least so many where it could end, and at most.
const ROWS: Range<usize> = 512..4_096;

/// The parts of a sheet. Each ends where the first cell of the next row says something else,
/// mostly another contract, so that what changes of one leaves the parts of the others as they are.
fn parted(rows: &[Vec<Cell<'_>>]) -> Vec<Range<usize>> {
    let mut parts = Vec::new();
    let mut start = 0;
    for (n, pair) in rows.windows(2).enumerate() {
        let next = n + 1;
        let [a, b] = pair else { break };
        let count = next - start;
        if count >= ROWS.end || (count >= ROWS.start && a.first() != b.first()) {
            parts.push(start..next);
            start = next;
        }
    }
    if start < rows.len() {
        parts.push(start..rows.len());
    }
    parts
}

fn write_cell(text: &mut String, column: &str, r: usize, cell: &Cell<'_>) {
    let look = |look: Look, plain: u8, money: u8| if look == Look::Money { money } else { plain };
    let _ = match cell {
        Cell::Empty => Ok(()),
        Cell::Text(value) => write!(
            text,
            "<c r=\"{column}{r}\" s=\"5\" t=\"inlineStr\"><is><t xml:space=\"preserve\">{}</t></is></c>",
            xml(value)
        ),
        Cell::Number(value, l) => write!(
            text,
            "<c r=\"{column}{r}\" s=\"{}\"><v>{}</v></c>",
            look(*l, 0, 2),
            value.normalized()
        ),
        Cell::Formula(formula, value, l) => write!(
            text,
            "<c r=\"{column}{r}\" s=\"{}\"><f>{}</f><v>{}</v></c>",
            look(*l, 3, 4),
            escaped(formula),
            value.normalized()
        ),
        Cell::Says(formula, value) => write!(
            text,
            "<c r=\"{column}{r}\" s=\"3\" t=\"str\"><f>{}</f><v>{}</v></c>",
            escaped(formula),
            xml(value)
        ),
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_count_as_spreadsheets_do() {
        assert_eq!(letters(0), "A");
        assert_eq!(letters(25), "Z");
        assert_eq!(letters(26), "AA");
        assert_eq!(letters(701), "ZZ");
        assert_eq!(letters(702), "AAA");
    }

    #[test]
    fn a_sheet_is_parted_between_contracts() {
        let of = |counts: &[(&'static str, usize)]| -> Vec<Vec<Cell<'static>>> {
            let rows = counts
                .iter()
                .flat_map(|(id, n)| std::iter::repeat_n(*id, *n));
            rows.map(|id| vec![Cell::Text(id.into())]).collect()
        };
        let all = [("a", 700), ("b", 100), ("c", 500), ("d", 5_000)];
        let parts = parted(&of(&all));
        assert_eq!(parts, [0..700, 700..1300, 1300..5396, 5396..6300]);
        assert!(parted(&[]).is_empty());
    }

    #[test]
    fn a_text_that_looks_like_a_formula_stays_a_text() {
        let mut text = String::new();
        write_cell(&mut text, "A", 2, &Cell::Text("=HYPERLINK(\"x\")<".into()));
        assert!(text.contains("t=\"inlineStr\""), "{text}");
        assert!(!text.contains("<f>"), "{text}");
        assert!(text.contains("=HYPERLINK(&quot;x&quot;)&lt;"), "{text}");
    }
}
