//! Nested data (JSON, XML) as rows of texts: the rows stand at declared paths, their columns are
//! named by the path below the row, and what stands above a row is reached by `../`. Responsible
//! for that naming; not for the syntax of either format (see [`super::json`], [`super::xml`]).

use std::collections::{HashMap, HashSet};

use super::reader::{Row, Table};

/// How deep objects and elements may lie in one another.
pub(super) const DEPTH: usize = 64;
/// How many columns the rows of one file may have in all.
const COLUMNS: usize = 4096;
/// The column that says at which of several declared paths a row stands.
pub(super) const ROWS: &str = "(rows)";

/// A value and the line on which it begins.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Node {
    pub(super) line: u64,
    pub(super) value: Value,
}

/// What a node holds.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    /// Text, a number as it is written, `true`, `false`; `None` for null.
    Scalar(Option<String>),
    /// Members in the order of the file. An XML attribute is a member whose name begins with `@`,
    /// the text of an element that has attributes is the member without a name.
    Object(Vec<(String, Node)>),
    /// Elements.
    Array(Vec<Node>),
}

impl Node {
    fn members(&self) -> &[(String, Node)] {
        match &self.value {
            Value::Object(members) => members,
            _ => &[],
        }
    }

    fn is_record_list(&self) -> bool {
        matches!(&self.value, Value::Array(a) if a.iter().any(|n| matches!(n.value, Value::Object(_))))
    }
}

/// Why there are no rows.
#[derive(Debug, PartialEq)]
pub(super) enum NoRows {
    /// Several lists could be meant, or none: their paths.
    Undeclared(Vec<String>),
    /// The rows have too many different columns in all.
    TooWide,
}

/// The rows at `paths`; without any, the document itself where it is a list, else the only list
/// of objects in it, else the document as one row. Of what stands above rows only the columns
/// `wanted` are taken; without a list, all.
pub(super) fn table<'a>(
    root: &'a Node,
    paths: &'a [String],
    wanted: Option<&'a HashSet<&'a str>>,
) -> Result<Table, NoRows> {
    let only = if paths.is_empty() {
        only_list(root)?
    } else {
        ""
    };
    let paths: Vec<&str> = match paths {
        [] => vec![only],
        paths => paths.iter().map(String::as_str).collect(),
    };
    let mut writer = Writer {
        table: Table::default(),
        columns: HashMap::new(),
        above: HashMap::new(),
        wanted,
    };
    let several = paths.len() > 1;
    if several {
        writer.column(ROWS)?;
    }
    for path in paths {
        let segments: Vec<&str> = path.split('.').filter(|s| !s.is_empty()).collect();
        let named = several.then_some(path);
        walk(root, &segments, &mut Vec::new(), named, &mut writer)?;
    }
    writer.table.rows.sort_by_key(|r| r.line);
    Ok(writer.table)
}

fn only_list(root: &Node) -> Result<&str, NoRows> {
    let Value::Object(members) = &root.value else {
        return Ok("");
    };
    let lists: Vec<&String> = members
        .iter()
        .filter(|(_, node)| node.is_record_list())
        .map(|(name, _)| name)
        .collect();
    match lists.as_slice() {
        [] => {
            // `{"result": []}`: a list without rows, not one row without columns.
            let empty = members
                .iter()
                .find(|(_, n)| matches!(&n.value, Value::Array(a) if a.is_empty()));
            Ok(empty.map_or("", |(name, _)| name.as_str()))
        }
        [one] => Ok(one.as_str()),
        many => Err(NoRows::Undeclared(
            many.iter().map(|n| (*n).clone()).collect(),
        )),
    }
}

/// Cells of an object above rows, by object, the member that leads down, and how far above.
type Above<'a> = HashMap<(*const Node, &'a str, usize), Vec<(u32, String)>>;

struct Writer<'a> {
    table: Table,
    columns: HashMap<String, u32>,
    above: Above<'a>,
    wanted: Option<&'a HashSet<&'a str>>,
}

impl<'a> Writer<'a> {
    fn column(&mut self, name: &str) -> Result<u32, NoRows> {
        if let Some(at) = self.columns.get(name) {
            return Ok(*at);
        }
        if self.table.header.len() >= COLUMNS {
            return Err(NoRows::TooWide);
        }
        let at = u32::try_from(self.table.header.len()).map_err(|_| NoRows::TooWide)?;
        self.columns.insert(name.to_owned(), at);
        self.table.header.push(name.to_owned());
        Ok(at)
    }

    fn row(
        &mut self,
        node: &'a Node,
        above: &[(&'a Node, &'a str)],
        path: Option<&str>,
    ) -> Result<(), NoRows> {
        let mut texts = Vec::new();
        flatten(node, "", 0, None, &mut texts);
        let mut cells = Vec::with_capacity(texts.len());
        if let Some(path) = path {
            cells.push((self.column(ROWS)?, path.to_owned()));
        }
        for (name, text) in texts {
            cells.push((self.column(&name)?, text));
        }
        for (level, (object, member)) in above.iter().rev().enumerate() {
            let key = (std::ptr::from_ref::<Node>(*object), *member, level);
            if !self.above.contains_key(&key) {
                let mut texts = Vec::new();
                flatten(object, "", 0, Some(member), &mut texts);
                let mut here = Vec::new();
                for (name, text) in texts {
                    let name = format!("{}{name}", "../".repeat(level + 1));
                    if self.wanted.is_none_or(|w| w.contains(name.as_str())) {
                        here.push((self.column(&name)?, text));
                    }
                }
                self.above.insert(key, here);
            }
            cells.extend(self.above.get(&key).into_iter().flatten().cloned());
        }
        cells.sort_by_key(|(at, _)| *at);
        cells.dedup_by_key(|(at, _)| *at);
        self.table.rows.push(Row {
            line: node.line,
            cells,
        });
        Ok(())
    }
}

fn walk<'a>(
    node: &'a Node,
    segments: &[&'a str],
    above: &mut Vec<(&'a Node, &'a str)>,
    path: Option<&str>,
    writer: &mut Writer<'a>,
) -> Result<(), NoRows> {
    if let Value::Array(elements) = &node.value {
        return elements
            .iter()
            .try_for_each(|element| walk(element, segments, above, path, writer));
    }
    let Some((first, rest)) = segments.split_first() else {
        return match node.value {
            Value::Scalar(None) => Ok(()),
            _ => writer.row(node, above, path),
        };
    };
    for (name, member) in node.members() {
        if *first == "*" || name == first {
            above.push((node, name));
            walk(member, rest, above, path, writer)?;
            above.pop();
        }
    }
    Ok(())
}

/// The columns of an object: a member of a member as `outer.inner`, an attribute as `outer@name`,
/// the elements of a list from the second on as `name#2`, a list of plain values joined by `; `.
/// An object that refers to a record (ServiceNow) is its `display_value`, else its `value`, beside
/// its parts. `without` is left out, as the member that leads down to rows.
fn flatten(
    node: &Node,
    name: &str,
    depth: usize,
    without: Option<&str>,
    out: &mut Vec<(String, String)>,
) {
    match &node.value {
        Value::Scalar(text) => {
            let name = if name.is_empty() { "(value)" } else { name };
            out.push((name.to_owned(), text.clone().unwrap_or_default()));
        }
        Value::Object(members) => {
            if depth > 0
                && let Some(text) = referred(members)
            {
                out.push((name.to_owned(), text.to_owned()));
            }
            for (member, value) in members {
                if without == Some(member) {
                    continue;
                }
                let inner = match (name.is_empty(), member.is_empty()) {
                    (_, true) => name.to_owned(),
                    (true, false) => member.clone(),
                    (false, false) if member.starts_with('@') => format!("{name}{member}"),
                    (false, false) => format!("{name}.{member}"),
                };
                flatten(value, &inner, depth + 1, None, out);
            }
        }
        Value::Array(elements) => {
            let plain: Option<Vec<&str>> = elements
                .iter()
                .map(|e| match &e.value {
                    Value::Scalar(text) => Some(text.as_deref().unwrap_or_default()),
                    _ => None,
                })
                .collect();
            if let Some(plain) = plain {
                out.push((name.to_owned(), plain.join("; ")));
                return;
            }
            for (i, element) in elements.iter().enumerate() {
                let inner = match i {
                    0 => name.to_owned(),
                    _ => format!("{name}#{}", i + 1),
                };
                flatten(element, &inner, depth + 1, None, out);
            }
        }
    }
}

fn referred(members: &[(String, Node)]) -> Option<&str> {
    let known = ["link", "value", "display_value"];
    if !members.iter().all(|(n, _)| known.contains(&n.as_str())) {
        return None;
    }
    let text = |wanted: &str| {
        members.iter().find_map(|(name, node)| match &node.value {
            Value::Scalar(Some(text)) if name == wanted && !text.is_empty() => Some(text.as_str()),
            _ => None,
        })
    };
    text("display_value").or_else(|| text("value"))
}
