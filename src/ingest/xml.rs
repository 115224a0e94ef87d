//! XML as a tree of texts: elements by their local names, attributes as `@name`. External entities
//! and document types are refused. An event log (XES, IEEE 1849) keeps its values in attributes
//! `key` and `value`; they become members of that name. Not responsible for which parts are rows
//! (see [`super::tree`]).

use quick_xml::events::{BytesRef, BytesStart, Event};
use quick_xml::reader::Reader;

use super::json::Syntax;
use super::tree::{DEPTH, Node, Value};

/// Elements of an event log that hold one value under a key.
const XES_VALUES: [&str; 6] = ["string", "date", "int", "float", "boolean", "id"];

/// How many differently named parts one element may have.
const CHILDREN: usize = 4096;

struct Open {
    name: String,
    line: u64,
    members: Vec<(String, Node)>,
    text: String,
}

/// The document: an object with the root element as its only member.
///
/// # Errors
/// When the text is not well-formed XML, nests too deep, or has a document type.
pub(super) fn parse(text: &[u8]) -> Result<Node, Syntax> {
    let mut reader = Reader::from_reader(text);
    reader.config_mut().trim_text(false);
    let mut lines = Lines {
        text,
        at: 0,
        line: 1,
    };
    let mut open: Vec<Open> = Vec::new();
    let mut root: Option<(String, Node)> = None;
    loop {
        let event = reader.read_event();
        let line = lines.at(reader.buffer_position());
        let wrong = |problem: String| Syntax { line, problem };
        match event.map_err(|e| wrong(format!("not well-formed XML: {e}")))? {
            Event::Start(start) => {
                if open.len() >= DEPTH {
                    return Err(wrong(format!("nests deeper than {DEPTH} levels")));
                }
                if open.is_empty() && root.is_some() {
                    return Err(wrong("a second root element".to_owned()));
                }
                open.push(element(&start, line).map_err(wrong)?);
            }
            Event::Empty(start) => {
                let done = element(&start, line).map_err(wrong)?;
                close(done, &mut open, &mut root).map_err(wrong)?;
            }
            Event::End(_) => {
                let done = open.pop();
                let done = done.ok_or_else(|| wrong("an end without a start".to_owned()))?;
                close(done, &mut open, &mut root).map_err(wrong)?;
            }
            Event::Text(part) => {
                let part = part.decode().map_err(|e| wrong(e.to_string()))?;
                match open.last_mut() {
                    Some(element) => element.text.push_str(&part),
                    None if part
                        .trim_matches(['\u{feff}', ' ', '\t', '\r', '\n'])
                        .is_empty() => {}
                    None => return Err(wrong("text outside the root element".to_owned())),
                }
            }
            Event::CData(part) => {
                let part = part.decode().map_err(|e| wrong(e.to_string()))?;
                if let Some(element) = open.last_mut() {
                    element.text.push_str(&part);
                }
            }
            Event::GeneralRef(reference) => {
                let c = character(&reference).map_err(wrong)?;
                if let Some(element) = open.last_mut() {
                    element.text.push(c);
                }
            }
            Event::DocType(_) => {
                return Err(wrong(
                    "a document type declaration: entities are not resolved".to_owned(),
                ));
            }
            Event::Decl(_) | Event::PI(_) | Event::Comment(_) => {}
            Event::Eof => {
                let (name, node) = match (open.pop(), root) {
                    (Some(element), _) => {
                        return Err(wrong(format!("`{}` is not closed", element.name)));
                    }
                    (None, None) => return Err(wrong("no root element".to_owned())),
                    (None, Some(root)) => root,
                };
                return Ok(Node {
                    line: 1,
                    value: Value::Object(vec![(name, node)]),
                });
            }
        }
    }
}

/// Counts lines up to a growing position.
struct Lines<'a> {
    text: &'a [u8],
    at: usize,
    line: u64,
}

impl Lines<'_> {
    fn at(&mut self, position: u64) -> u64 {
        let position = usize::try_from(position).unwrap_or(usize::MAX);
        let position = position.min(self.text.len());
        let passed = self.text.get(self.at..position).unwrap_or_default();
        let ends = passed.iter().filter(|b| **b == b'\n').count();
        self.line += u64::try_from(ends).unwrap_or_default();
        self.at = self.at.max(position);
        self.line
    }
}

fn element(start: &BytesStart<'_>, line: u64) -> Result<Open, String> {
    let utf8 = |bytes: &[u8]| {
        std::str::from_utf8(bytes)
            .map(str::to_owned)
            .map_err(|_| "a name is not UTF-8".to_owned())
    };
    let name = utf8(start.local_name().as_ref())?;
    let mut members = Vec::new();
    for attribute in start.attributes() {
        let attribute = attribute.map_err(|e| format!("not well-formed XML: {e}"))?;
        let full = utf8(attribute.key.as_ref())?;
        if full == "xmlns" || full.starts_with("xmlns:") {
            continue;
        }
        let key = utf8(attribute.key.local_name().as_ref())?;
        let value = attribute
            .unescape_value()
            .map_err(|e| format!("attribute `{key}`: {e}"))?;
        members.push((
            format!("@{key}"),
            Node {
                line,
                value: Value::Scalar(Some(value.into_owned())),
            },
        ));
    }
    Ok(Open {
        name,
        line,
        members,
        text: String::new(),
    })
}

fn character(reference: &BytesRef<'_>) -> Result<char, String> {
    if let Some(c) = reference.resolve_char_ref().map_err(|e| e.to_string())? {
        return Ok(c);
    }
    match reference.decode().map_err(|e| e.to_string())?.as_ref() {
        "amp" => Ok('&'),
        "lt" => Ok('<'),
        "gt" => Ok('>'),
        "quot" => Ok('"'),
        "apos" => Ok('\''),
        other => Err(format!(
            "an unknown entity `&{other};`: entities are not resolved"
        )),
    }
}

fn close(done: Open, open: &mut [Open], root: &mut Option<(String, Node)>) -> Result<(), String> {
    let Open {
        mut name,
        line,
        mut members,
        text,
    } = done;
    let text = text.trim();
    let of = |wanted: &str| {
        members.iter().find_map(|(n, node)| match &node.value {
            Value::Scalar(Some(text)) if n == wanted => Some(text.clone()),
            _ => None,
        })
    };
    let value = match (of("@key"), of("@value")) {
        (Some(key), Some(value)) if XES_VALUES.contains(&name.as_str()) => {
            name = key;
            Value::Scalar(Some(value))
        }
        _ if members.is_empty() => Value::Scalar(Some(text.to_owned())),
        _ => {
            if !text.is_empty() {
                let value = Value::Scalar(Some(text.to_owned()));
                members.insert(0, (String::new(), Node { line, value }));
            }
            Value::Object(members)
        }
    };
    let node = Node { line, value };
    let Some(parent) = open.last_mut() else {
        if root.is_some() {
            return Err("a second root element".to_owned());
        }
        *root = Some((name, node));
        return Ok(());
    };
    // Elements of one name are a list. They mostly stand one after another.
    let full = parent.members.len() >= CHILDREN;
    match parent.members.iter_mut().rev().find(|(n, _)| *n == name) {
        Some((_, first)) => match &mut first.value {
            Value::Array(list) => list.push(node),
            _ => {
                let line = first.line;
                let list = Value::Array(Vec::new());
                let former = std::mem::replace(first, Node { line, value: list });
                if let Value::Array(list) = &mut first.value {
                    list.extend([former, node]);
                }
            }
        },
        None if full => {
            return Err(format!(
                "more than {CHILDREN} differently named parts in one element"
            ));
        }
        None => parent.members.push((name, node)),
    }
    Ok(())
}
