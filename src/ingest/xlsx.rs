//! A sheet of an Excel workbook (Office Open XML, ECMA-376) as rows of texts: a number as the
//! shortest text of the same number, a date as RFC 3339 without zone, a duration as `h:mm:ss`,
//! true and false in words. The value of a formula is the one that Excel last computed. Not
//! responsible for the archive around it (see [`super::zip`]).

use quick_xml::events::{BytesStart, Event};
use quick_xml::reader::Reader;

use super::reader::{Row, Table};
use super::zip::{Archive, Damage};

/// The widest row of a workbook.
const WIDTH: u32 = 16_384;

/// Why a workbook gives no table.
#[derive(Debug, PartialEq)]
pub(super) enum NoTable {
    /// It is damaged.
    Damaged(String),
    /// It has several sheets and none is declared, or the declared one is not there.
    Sheet(Vec<String>),
    /// It has no row at the line of the header.
    Empty,
}

impl From<Damage> for NoTable {
    fn from(damage: Damage) -> NoTable {
        NoTable::Damaged(damage.to_owned())
    }
}

/// How a number format shows a number.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Shown {
    Number,
    Date,
    Duration,
}

/// The table under the header on row `header_line` of the sheet declared, else of the only one.
pub(super) fn table(bytes: &[u8], sheet: Option<&str>, header_line: u64) -> Result<Table, NoTable> {
    let archive = Archive::open(bytes)?;
    let book = archive
        .part("xl/workbook.xml")?
        .ok_or("it is a zip archive, but no Excel workbook")?;
    let (sheets, from_1904) = sheets(&book)?;
    let links = archive.part("xl/_rels/workbook.xml.rels")?;
    let links = relations(&links.unwrap_or_default())?;
    let names = || sheets.iter().map(|s| s.0.clone()).collect::<Vec<_>>();
    let chosen = match (sheet, sheets.as_slice()) {
        (Some(wanted), all) => all.iter().find(|s| s.0 == wanted),
        (None, [only]) => Some(only),
        (None, _) => None,
    };
    let chosen = chosen.ok_or_else(|| NoTable::Sheet(names()))?;
    let target = links.iter().find(|(id, _)| *id == chosen.1);
    let target = target.ok_or("its list of sheets is damaged")?.1.as_str();
    let path = match target.strip_prefix('/') {
        Some(absolute) => absolute.to_owned(),
        None => format!("xl/{target}"),
    };
    let cells = archive.part(&path)?.ok_or("its sheet is missing")?;
    let shared = strings(&archive.part("xl/sharedStrings.xml")?.unwrap_or_default())?;
    let styles = styles(&archive.part("xl/styles.xml")?.unwrap_or_default())?;
    let rows = rows(&cells, &shared, &styles, from_1904)?;
    let mut rows = rows.into_iter().filter(|r| r.line >= header_line);
    let head = rows.next().ok_or(NoTable::Empty)?;
    let width = head.cells.last().map_or(0, |(at, _)| at + 1);
    let mut header = vec![String::new(); usize::try_from(width).unwrap_or_default()];
    for (at, text) in head.cells {
        if let Some(slot) = header.get_mut(usize::try_from(at).unwrap_or(usize::MAX)) {
            text.trim().clone_into(slot);
        }
    }
    Ok(Table {
        header,
        rows: rows.collect(),
    })
}

fn broken(e: impl std::fmt::Display) -> NoTable {
    NoTable::Damaged(e.to_string())
}

/// The value of an attribute by its local name.
fn attribute(start: &BytesStart<'_>, name: &str) -> Option<String> {
    start
        .attributes()
        .filter_map(Result::ok)
        .find(|a| a.key.local_name().as_ref() == name.as_bytes())
        .and_then(|a| a.unescape_value().ok().map(std::borrow::Cow::into_owned))
}

/// Calls `each` for every start of an element; an empty one counts as one.
fn starts(xml: &[u8], mut each: impl FnMut(&[u8], &BytesStart<'_>)) -> Result<(), NoTable> {
    let mut reader = Reader::from_reader(xml);
    loop {
        match reader.read_event().map_err(broken)? {
            Event::Start(start) | Event::Empty(start) => each(start.local_name().as_ref(), &start),
            Event::DocType(_) => return Err(NoTable::Damaged("it holds a document type".into())),
            Event::Eof => return Ok(()),
            _ => {}
        }
    }
}

/// Names and relation ids of the sheets, and whether days count from 1904.
fn sheets(book: &[u8]) -> Result<(Vec<(String, String)>, bool), NoTable> {
    let mut sheets = Vec::new();
    let mut from_1904 = false;
    starts(book, |name, start| match name {
        b"sheet" => {
            if let (Some(name), Some(id)) = (attribute(start, "name"), attribute(start, "id")) {
                sheets.push((name, id));
            }
        }
        b"workbookPr" => {
            from_1904 = attribute(start, "date1904").is_some_and(|v| v == "1" || v == "true");
        }
        _ => {}
    })?;
    Ok((sheets, from_1904))
}

fn relations(links: &[u8]) -> Result<Vec<(String, String)>, NoTable> {
    let mut found = Vec::new();
    starts(links, |name, start| {
        if name == b"Relationship"
            && let (Some(id), Some(target)) = (attribute(start, "Id"), attribute(start, "Target"))
        {
            found.push((id, target));
        }
    })?;
    Ok(found)
}

/// How each cell style shows numbers.
fn styles(xml: &[u8]) -> Result<Vec<Shown>, NoTable> {
    let mut own: Vec<(u32, Shown)> = Vec::new();
    let mut styles = Vec::new();
    let mut in_cells = false;
    let mut reader = Reader::from_reader(xml);
    loop {
        match reader.read_event().map_err(broken)? {
            Event::Start(start) | Event::Empty(start) => {
                let id = attribute(&start, "numFmtId").and_then(|t| t.parse::<u32>().ok());
                match start.local_name().as_ref() {
                    b"numFmt" => {
                        if let (Some(id), Some(code)) = (id, attribute(&start, "formatCode")) {
                            own.push((id, shown(&code)));
                        }
                    }
                    b"cellXfs" => in_cells = true,
                    b"xf" if in_cells => {
                        let id = id.unwrap_or(0);
                        let own = own.iter().find(|(i, _)| *i == id).map(|(_, s)| *s);
                        styles.push(own.unwrap_or(builtin(id)));
                    }
                    _ => {}
                }
            }
            Event::End(end) if end.local_name().as_ref() == b"cellXfs" => in_cells = false,
            Event::Eof => return Ok(styles),
            _ => {}
        }
    }
}

/// The formats that a workbook does not spell out (ECMA-376 part 1, 18.8.30); 27 to 36 and 50 to
/// 58 are dates in East Asian versions.
fn builtin(id: u32) -> Shown {
    match id {
        14..=22 | 27..=36 | 45 | 47 | 50..=58 => Shown::Date,
        46 => Shown::Duration,
        _ => Shown::Number,
    }
}

/// What a format code shows: a date when a date letter stands outside quotes, brackets and
/// escapes, a duration when hours, minutes or seconds stand in brackets.
fn shown(code: &str) -> Shown {
    let first = code.split(';').next().unwrap_or_default();
    let mut chars = first.chars();
    let mut date = false;
    while let Some(c) = chars.next() {
        match c {
            '"' => while chars.next().is_some_and(|c| c != '"') {},
            '\\' | '_' | '*' => {
                chars.next();
            }
            '[' => {
                let inner: String = chars.by_ref().take_while(|c| *c != ']').collect();
                let inner = inner.to_ascii_lowercase();
                if !inner.is_empty() && inner.chars().all(|c| matches!(c, 'h' | 'm' | 's')) {
                    return Shown::Duration;
                }
            }
            'd' | 'D' | 'm' | 'M' | 'y' | 'Y' | 'h' | 'H' | 's' | 'S' => date = true,
            _ => {}
        }
    }
    if date { Shown::Date } else { Shown::Number }
}

/// The shared texts; of formatted text its parts joined, without readings (`rPh`).
fn strings(xml: &[u8]) -> Result<Vec<String>, NoTable> {
    let mut found = Vec::new();
    let mut reader = Reader::from_reader(xml);
    let mut text = TextOf::default();
    loop {
        let event = reader.read_event().map_err(broken)?;
        match &event {
            Event::Start(start) if start.local_name().as_ref() == b"si" => text.clear(),
            Event::Empty(start) if start.local_name().as_ref() == b"si" => {
                found.push(String::new());
            }
            Event::End(end) if end.local_name().as_ref() == b"si" => {
                found.push(std::mem::take(&mut text.text));
            }
            Event::Eof => return Ok(found),
            _ => text.hear(&event)?,
        }
    }
}

/// Collects the text of `t` elements outside of readings.
#[derive(Default)]
struct TextOf {
    text: String,
    inside: bool,
    reading: bool,
}

impl TextOf {
    fn clear(&mut self) {
        *self = TextOf::default();
    }

    fn hear(&mut self, event: &Event<'_>) -> Result<(), NoTable> {
        match event {
            Event::Start(start) => match start.local_name().as_ref() {
                b"t" => self.inside = true,
                b"rPh" => self.reading = true,
                _ => {}
            },
            Event::End(end) => match end.local_name().as_ref() {
                b"t" => self.inside = false,
                b"rPh" => self.reading = false,
                _ => {}
            },
            event if self.inside && !self.reading => add_text(&mut self.text, event)?,
            _ => {}
        }
        Ok(())
    }
}

/// Adds what a text event says; other events say nothing.
fn add_text(to: &mut String, event: &Event<'_>) -> Result<(), NoTable> {
    match event {
        Event::Text(part) => to.push_str(&part.decode().map_err(broken)?),
        Event::CData(part) => to.push_str(&part.decode().map_err(broken)?),
        Event::GeneralRef(reference) => {
            if let Some(c) = reference.resolve_char_ref().map_err(broken)? {
                to.push(c);
                return Ok(());
            }
            let name = reference.decode().map_err(broken)?;
            let known = quick_xml::escape::resolve_predefined_entity(&name);
            to.push_str(known.ok_or_else(|| broken(format!("unknown entity `{name}`")))?);
        }
        _ => {}
    }
    Ok(())
}

/// The cell being read.
#[derive(Default)]
struct Cell {
    at: u32,
    kind: String,
    style: usize,
    value: String,
    in_value: bool,
    inline: TextOf,
}

/// All rows with a filled cell.
fn rows(
    xml: &[u8],
    shared: &[String],
    styles: &[Shown],
    from_1904: bool,
) -> Result<Vec<Row>, NoTable> {
    let mut rows: Vec<Row> = Vec::new();
    let mut reader = Reader::from_reader(xml);
    let (mut line, mut next) = (0u64, 0u32);
    let mut cells: Vec<(u32, String)> = Vec::new();
    let mut cell: Option<Cell> = None;
    loop {
        let event = reader.read_event().map_err(broken)?;
        match &event {
            Event::Start(start) | Event::Empty(start) if start.local_name().as_ref() == b"row" => {
                let own = attribute(start, "r").and_then(|t| t.parse().ok());
                line = own.unwrap_or(line + 1);
                next = 0;
            }
            Event::Start(start) if start.local_name().as_ref() == b"c" => {
                let at = attribute(start, "r")
                    .and_then(|r| column(&r))
                    .unwrap_or(next);
                if at >= WIDTH {
                    return Err(NoTable::Damaged(
                        "a cell lies beyond the last column".into(),
                    ));
                }
                next = at + 1;
                cell = Some(Cell {
                    at,
                    kind: attribute(start, "t").unwrap_or_default(),
                    style: attribute(start, "s")
                        .and_then(|t| t.parse().ok())
                        .unwrap_or(0),
                    ..Cell::default()
                });
            }
            Event::Empty(start) if start.local_name().as_ref() == b"c" => {
                let at = attribute(start, "r")
                    .and_then(|r| column(&r))
                    .unwrap_or(next);
                next = at.saturating_add(1);
            }
            Event::Start(start) if start.local_name().as_ref() == b"v" => {
                if let Some(cell) = &mut cell {
                    cell.in_value = true;
                }
            }
            Event::End(end) => match end.local_name().as_ref() {
                b"v" => {
                    if let Some(cell) = &mut cell {
                        cell.in_value = false;
                    }
                }
                b"c" => {
                    if let Some(cell) = cell.take() {
                        let shown = styles.get(cell.style).copied().unwrap_or(Shown::Number);
                        let text = text_of(&cell, shown, shared, from_1904)?;
                        if !text.is_empty() {
                            cells.push((cell.at, text));
                        }
                    }
                }
                b"row" => {
                    cells.sort_by_key(|(at, _)| *at);
                    cells.dedup_by_key(|(at, _)| *at);
                    if !cells.is_empty() {
                        let cells = std::mem::take(&mut cells);
                        rows.push(Row { line, cells });
                    }
                }
                _ => {
                    if let Some(cell) = &mut cell {
                        cell.inline.hear(&event)?;
                    }
                }
            },
            Event::Eof => return Ok(rows),
            event => {
                if let Some(cell) = &mut cell {
                    if cell.in_value {
                        add_text(&mut cell.value, event)?;
                    } else {
                        cell.inline.hear(event)?;
                    }
                }
            }
        }
    }
}

/// The column of a cell's name such as `AB12`, counted from 0.
fn column(name: &str) -> Option<u32> {
    let letters = name.bytes().take_while(u8::is_ascii_alphabetic);
    let mut at = 0u32;
    for letter in letters {
        let digit = u32::from(letter.to_ascii_uppercase() - b'A') + 1;
        at = at.checked_mul(26)?.checked_add(digit)?;
    }
    at.checked_sub(1)
}

fn text_of(
    cell: &Cell,
    shown: Shown,
    shared: &[String],
    from_1904: bool,
) -> Result<String, NoTable> {
    match cell.kind.as_str() {
        "s" => {
            let text = cell.value.trim().parse::<usize>().ok();
            let text = text.and_then(|i| shared.get(i));
            text.cloned()
                .ok_or_else(|| NoTable::Damaged("a cell refers to a text that is missing".into()))
        }
        "inlineStr" => Ok(cell.inline.text.clone()),
        "b" => Ok(if cell.value.trim() == "1" {
            "true"
        } else {
            "false"
        }
        .to_owned()),
        "str" | "e" | "d" => Ok(cell.value.clone()),
        _ => {
            let value = cell.value.trim();
            if value.is_empty() {
                return Ok(String::new());
            }
            let number: f64 = value
                .parse()
                .map_err(|_| NoTable::Damaged(format!("`{value}` in a cell is no number")))?;
            let moment = match shown {
                Shown::Number => None,
                Shown::Date => date(number, from_1904),
                Shown::Duration => duration(number),
            };
            // The shortest digits that are this number again: Excel writes 17, and 0.1 as
            // 0.10000000000000001.
            Ok(moment.unwrap_or_else(|| format!("{number}")))
        }
    }
}

/// Milliseconds of a serial number of days; `None` where it is out of any calendar.
fn milliseconds(serial: f64) -> Option<i64> {
    if !(0.0..2_958_466.0).contains(&serial) {
        return None;
    }
    // At most 2.6e14: exact in a float and in an i64.
    Some((serial * 86_400_000.0).round() as i64)
}

/// A serial number as a date and time. Day 60 of the 1900 system is a 29 February that never was;
/// days before it are counted one lower. Without a day it is a time.
fn date(serial: f64, from_1904: bool) -> Option<String> {
    let ms = milliseconds(serial)?;
    let (days, ms) = (ms.div_euclid(86_400_000), ms.rem_euclid(86_400_000));
    let (s, ms) = (ms / 1000, ms % 1000);
    let time = format!("{:02}:{:02}:{:02}", s / 3600, s / 60 % 60, s % 60);
    let fraction = if ms == 0 {
        String::new()
    } else {
        format!(".{ms:03}")
    };
    if days == 0 && !from_1904 {
        return Some(format!("{time}{fraction}"));
    }
    let base = match (from_1904, days) {
        (true, _) => -24_107,
        (false, 60) => return None,
        (false, ..60) => -25_568,
        (false, _) => -25_569,
    };
    let days = i32::try_from(days + base).ok()?;
    let day = crate::time::Date::from_days_since_epoch(days);
    Some(format!("{day}T{time}{fraction}"))
}

fn duration(serial: f64) -> Option<String> {
    let s = (milliseconds(serial)? + 500) / 1000;
    Some(format!("{}:{:02}:{:02}", s / 3600, s / 60 % 60, s % 60))
}
