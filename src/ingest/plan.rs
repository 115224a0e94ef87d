//! Which column of a file feeds which column of a table: a mapping bound to the header of a file.
//! Not responsible for the rows (see [`super::record`]).

use std::collections::BTreeMap;
use std::sync::Mutex;

use super::file::InputError;
use super::laws::LawPlan;
use super::people::Pseudonyms;
use super::value::{Context, Problem, Reader, STORE_SCALE, Value};
use crate::config::document::nearest;
use crate::config::mapping::{ColumnMapping, Encoding, OR};
use crate::config::project::ResolvedSource;
use crate::money::{Decimal, Rounding};
use crate::store::schema::{Kind, Table};
use crate::time::Month;

/// How the columns of one file are read.
pub struct Plan<'a> {
    pub(super) source: &'a ResolvedSource,
    pub(super) file: u32,
    pub(super) readers: Vec<Bound>,
    /// Of each source column the numbers of those that read it.
    pub(super) fed: Vec<Vec<usize>>,
    pub(super) kept: Vec<usize>,
    pub(super) latest: Vec<usize>,
    /// Reads the `latest` columns where they hold moments.
    pub(super) moment: Option<Reader>,
    pub(super) only: Vec<(usize, &'a [String])>,
    pub(super) except: Vec<(usize, &'a [String])>,
    pub(super) history: Option<HistoryPlan>,
    pub(super) laws: Vec<LawPlan>,
    /// By the first byte of a text, whether it may be a spelling of "no value".
    pub(super) null_from: [bool; 256],
    pub(super) header: Vec<String>,
    /// Source columns that the mapping uses.
    pub(super) used: Vec<bool>,
    /// The numbers of those.
    pub(super) used_at: Vec<usize>,
    /// Source columns that hold people.
    pub(super) people: Vec<bool>,
    pub(super) pseudonyms: Option<Pseudonyms>,
    pub(super) encoding: Encoding,
    pub(super) absent: Vec<String>,
    /// Into how many bins rows go, and by which canonical columns.
    pub(super) bins: usize,
    pub(super) bin_by: Vec<Option<usize>>,
    /// Where the amount is, in a table that has one.
    pub(super) amount: Option<usize>,
    /// Whether a row of which a later version is there is needed no more but for its head.
    pub(super) strips: bool,
    pub(super) orders: Vec<Order>,
    /// The canonical columns that tell one row from another.
    pub(super) key: Vec<(usize, Kind)>,
    /// Room that parts of the file which are done no longer need.
    pub(super) spare: Mutex<Vec<Vec<Vec<u8>>>>,
}

/// How the rows of an audit log become history.
pub(super) struct HistoryPlan {
    pub(super) moment: Reader,
    pub(super) at: usize,
    /// Source column of each watched field, with a reader where its spelling is mapped, and
    /// whether it holds people.
    pub(super) fields: Vec<(usize, Option<Reader>, bool)>,
}

/// Two moments of a row of which the second is never before the first.
pub(super) struct Order {
    pub(super) first: usize,
    pub(super) then: usize,
    /// The reject that it is otherwise.
    pub(super) code: &'static str,
}

/// The moments of a table that have an order.
fn orders(table: &Table) -> Vec<Order> {
    let known: &[(&str, &str, &str, &'static str)] = &[
        (
            "incidents",
            "opened_at",
            "resolved_at",
            "resolved_before_opened",
        ),
        (
            "incidents",
            "opened_at",
            "closed_at",
            "closed_before_opened",
        ),
        (
            "billing",
            "period_start",
            "period_end",
            "period_end_before_start",
        ),
        ("relief_events", "from", "to", "end_before_start"),
    ];
    known
        .iter()
        .filter(|(name, ..)| *name == table.name)
        .filter_map(|(_, first, then, code)| {
            Some(Order {
                first: table.position(first)?,
                then: table.position(then)?,
                code,
            })
        })
        .collect()
}

/// What the field of a row was found to be when it was checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Checked {
    /// Without a value.
    Absent,
    /// This number, moment or day.
    Integer(i64),
    /// This truth value.
    Boolean(bool),
    /// This decimal.
    Decimal(Units),
    /// This month.
    Month(Month),
    /// A text that reads, of which it is not worked out yet what it becomes: most rows of an audit
    /// log are superseded by the next one.
    Text,
    /// A hash of the row.
    RowHash,
    /// A type of ticket that does not read.
    Unknown,
}

/// A decimal in units of 10^-15, its bytes as they lie, so that what is copied from row to row is small.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Units([u8; 16]);

impl Units {
    pub(super) fn new(units: i128) -> Units {
        Units(units.to_le_bytes())
    }

    pub(super) fn get(self) -> i128 {
        i128::from_le_bytes(self.0)
    }
}

/// A field that was checked.
#[derive(Debug, Clone, Copy)]
pub(super) struct Found {
    pub(super) checked: Checked,
    /// Whether it is the same again in a row of which it reads the same texts.
    pub(super) stays: bool,
}

pub(super) struct Bound {
    /// Source columns that it reads.
    pub(super) reads: Vec<usize>,
    /// Whether it says of which ticket a row is, or how a name in it is told.
    pub(super) names: bool,
    pub(super) source_at: Vec<usize>,
    pub(super) source_name: String,
    pub(super) reader: Reader,
    pub(super) fallback: Option<String>,
    pub(super) row_hash: bool,
    /// Source column, spellings of minus, spellings of plus.
    pub(super) signs: Vec<(usize, Vec<String>, Vec<String>)>,
    pub(super) divisor: Option<usize>,
}

impl Bound {
    /// The value in a row, whose texts `text` gives by source column.
    pub(super) fn value<'t>(
        &'t self,
        text: &impl Fn(usize) -> Option<&'t str>,
    ) -> Option<Result<Value<'t>, Problem>> {
        Some(self.read(self.found(text)?, text))
    }

    /// Whether what is found in a row is found again in one that has the same texts.
    pub(super) fn stays(&self) -> bool {
        !self.row_hash && self.reader.counts_nothing()
    }

    /// Whether the field in a row reads, without working out what it becomes where that cannot
    /// fail.
    pub(super) fn check<'t>(
        &'t self,
        text: &impl Fn(usize) -> Option<&'t str>,
    ) -> Option<(&'t str, Result<Checked, Problem>)> {
        let found = self.found(text)?;
        let checked = match self.reader.column.kind {
            Kind::Text | Kind::Person => Ok(Checked::Text),
            kind => self.read(found, text).and_then(|value| match value {
                Value::Integer(n) => Ok(Checked::Integer(n)),
                Value::Boolean(b) => Ok(Checked::Boolean(b)),
                Value::Decimal(units) => Ok(Checked::Decimal(Units::new(units))),
                // Its dates are counted: it is read once.
                Value::Text(month) if kind == Kind::Month => {
                    let month = month.parse().map_err(|_| Problem::Date)?;
                    Ok(Checked::Month(month))
                }
                Value::Text(_) => Ok(Checked::Text),
            }),
        };
        Some((found, checked))
    }

    /// The text in a row.
    fn found<'t>(&'t self, text: &impl Fn(usize) -> Option<&'t str>) -> Option<&'t str> {
        let found = self.source_at.iter().find_map(|at| text(*at));
        found.or(self.fallback.as_deref())
    }

    fn read<'t>(
        &'t self,
        found: &'t str,
        text: &impl Fn(usize) -> Option<&'t str>,
    ) -> Result<Value<'t>, Problem> {
        match self.reader.read(found)? {
            Value::Decimal(units) => self.arranged(units, text),
            value => Ok(value),
        }
    }

    /// A number with the sign that other columns say, divided by what another column says.
    fn arranged<'t>(
        &self,
        units: i128,
        text: &impl Fn(usize) -> Option<&'t str>,
    ) -> Result<Value<'t>, Problem> {
        let mut units = units;
        for (at, minus, plus) in &self.signs {
            let Some(said) = text(*at) else { continue };
            if minus.iter().any(|m| m == said) {
                units = -units;
            } else if !plus.is_empty() && !plus.iter().any(|p| p == said) {
                return Err(Problem::Sign);
            }
        }
        if let Some(divisor) = self.divisor.and_then(text) {
            let number = |units| Decimal::new(units, STORE_SCALE).map_err(|_| Problem::Quotient);
            let divisor = match self.reader.decimal(divisor) {
                Ok(divisor) if divisor != 0 => number(divisor)?,
                _ => return Err(Problem::Quotient),
            };
            let quotient = number(units)?.div(divisor, STORE_SCALE, Rounding::HalfEven);
            units = quotient
                .and_then(|q| q.padded(STORE_SCALE))
                .map_err(|_| Problem::Quotient)?
                .mantissa();
        }
        Ok(Value::Decimal(units))
    }
}

impl<'a> Plan<'a> {
    /// Binds a mapping to the header of a file. `file` is the file's position in the list of all
    /// files read.
    ///
    /// # Errors
    /// When a required column is not in the header, or the header is no header.
    pub fn new(
        source: &'a ResolvedSource,
        shown: &'a str,
        file: u32,
        header: &[String],
        encoding: Encoding,
        context: &Context,
    ) -> Result<Plan<'a>, InputError> {
        let mapping = &source.mapping;
        let wrong = |problem: String| InputError::Mapping {
            file: shown.to_owned(),
            mapping: mapping.name.clone(),
            problem,
            hint: "correct the mapping; zones are IANA names such as Europe/Amsterdam".to_owned(),
        };
        let places: std::collections::HashMap<&str, usize> = header
            .iter()
            .enumerate()
            .rev()
            .map(|(i, h)| (h.as_str(), i))
            .collect();
        let exact = |name: &str| places.get(name).copied();
        let find = |name: &str| exact(name).or_else(|| name.split(OR).find_map(exact));
        if let Some(twice) = mapping
            .reads()
            .find(|n| exact(n).is_none() && exact(&format!("{n}#1")).is_some())
        {
            return Err(InputError::Header {
                file: shown.to_owned(),
                problem: format!("column `{twice}` stands in the header twice"),
                hint: format!(
                    "write `{twice}#1` or `{twice}#2` in the mapping; which one counts cannot be \
                     guessed"
                ),
            });
        }
        let missing = |column: &str, canonical: &str| {
            let near = nearest(column, header.iter().map(String::as_str));
            let list = header
                .iter()
                .take(12)
                .cloned()
                .collect::<Vec<_>>()
                .join(", ");
            InputError::MissingColumn {
                file: shown.to_owned(),
                column: column.to_owned(),
                canonical: canonical.to_owned(),
                hint: match (near, &mapping.delimiter) {
                    (_, Some(delimiter)) if header.len() == 1 => format!(
                        "the whole header reads as one column; is `delimiter = {delimiter:?}` \
                         right? It starts with: {list}"
                    ),
                    (Some(near), _) => {
                        format!("did you mean `{near}`? Otherwise change the mapping")
                    }
                    (None, _) => {
                        format!("the header has: {list}; map one of them to `{canonical}`")
                    }
                },
            }
        };
        let mut absent = Vec::new();
        let mut readers = Vec::new();
        let mut used = vec![false; header.len()];
        let mut people = vec![false; header.len()];
        let mark = |list: &mut Vec<bool>, at: usize| {
            if let Some(slot) = list.get_mut(at) {
                *slot = true;
            }
        };
        let is_events = source.table.name == "incident_events";
        let key = super::duplicates::key(source.table);
        let plain = ColumnMapping::default();
        for column in source.table.columns {
            let mapped = mapping.columns.get(column.name).unwrap_or(&plain);
            let source_at: Vec<usize> = mapped.from.iter().filter_map(|f| find(f)).collect();
            let fallback = source
                .source
                .set
                .get(column.name)
                .or(mapped.value.as_ref())
                .cloned()
                .or_else(|| (column.name == "source").then(|| source.source.name.clone()));
            if !mapped.from.is_empty() && source_at.is_empty() {
                let derived = mapping.history.is_some()
                    && is_events
                    && (column.name == "at" || column.name == "field");
                let names = mapped.from.join("` or `");
                if column.required && fallback.is_none() && !derived && !mapped.row_hash {
                    return Err(missing(&names, column.name));
                }
                absent.push(mapped.from.join(" or "));
            }
            let holds_people = column.kind == Kind::Person
                || (is_events && (column.name == "from" || column.name == "to"));
            for i in &source_at {
                mark(&mut used, *i);
                if holds_people {
                    mark(&mut people, *i);
                }
            }
            let mut signs = Vec::new();
            for sign in &mapped.sign {
                if let Some(i) = find(&sign.from) {
                    mark(&mut used, i);
                    signs.push((i, sign.minus.clone(), sign.plus.clone()));
                } else if mapping.rows.is_empty() {
                    // The rows of a nested file may lie at places of which none has it.
                    return Err(missing(&sign.from, "sign"));
                }
            }
            let divisor = mapped.divide_by.as_ref().and_then(|d| find(d));
            if let Some(i) = divisor {
                mark(&mut used, i);
            }
            let mut reads = source_at.clone();
            reads.extend(signs.iter().map(|(at, _, _)| *at));
            reads.extend(divisor);
            let first = source_at.first().and_then(|i| header.get(*i));
            let first = first.or(mapped.from.first()).cloned();
            let reader = Reader::new(column, mapping, context).map_err(wrong)?;
            readers.push(Bound {
                reads,
                names: key.contains(&column.name) || (is_events && column.name == "field"),
                source_at,
                source_name: first.unwrap_or_else(|| column.name.to_owned()),
                reader,
                fallback,
                row_hash: mapped.row_hash,
                signs,
                divisor,
            });
        }
        let mut fed = vec![Vec::new(); header.len()];
        for (n, bound) in readers.iter().enumerate() {
            for at in &bound.reads {
                if let Some(of) = fed.get_mut(*at)
                    && of.last() != Some(&n)
                {
                    of.push(n);
                }
            }
        }
        let mut need = |name: &str, why: &str| -> Result<usize, InputError> {
            let at = find(name).ok_or_else(|| missing(name, why))?;
            mark(&mut used, at);
            Ok(at)
        };
        let kept = mapping
            .keep
            .iter()
            .map(|k| need(k, "keep"))
            .collect::<Result<_, _>>()?;
        let latest = mapping
            .latest
            .iter()
            .map(|k| need(k, "latest"))
            .collect::<Result<_, _>>()?;
        let events = crate::store::schema::table("incident_events");
        let moments = events.and_then(|t| t.column("at"));
        let moment = match moments.filter(|_| !mapping.latest_formats.is_empty()) {
            None => None,
            Some(column) => {
                let mapped = ColumnMapping {
                    formats: mapping.latest_formats.clone(),
                    ..Default::default()
                };
                let reader = Reader::build(column, &mapped, mapping, context);
                Some(reader.map_err(wrong)?)
            }
        };
        let mut only = Vec::new();
        for (name, values) in &mapping.only {
            only.push((need(name, "only")?, values.as_slice()));
        }
        let mut except = Vec::new();
        for (name, values) in &mapping.except {
            except.push((need(name, "except")?, values.as_slice()));
        }
        let history = match &mapping.history {
            None => None,
            Some(h) => {
                let events = crate::store::schema::table("incident_events");
                let moment = events.and_then(|t| t.column("at"));
                let Some(moment) = moment else {
                    return Err(missing(&h.at, "history"));
                };
                let mapped = ColumnMapping {
                    formats: h.formats.clone(),
                    ..Default::default()
                };
                let reader = Reader::build(moment, &mapped, mapping, context).map_err(wrong)?;
                let at = need(&h.at, "history.at")?;
                let mut fields = Vec::new();
                for (field, from) in &h.fields {
                    let incidents = crate::store::schema::table("incidents");
                    let column = incidents
                        .and_then(|t| t.column("priority"))
                        .filter(|_| field == "priority");
                    let reader = match column {
                        Some(column) => {
                            let of_column = mapping.columns.get("priority");
                            let values = match of_column {
                                _ if !h.values.is_empty() => h.values.clone(),
                                Some(mapped) => mapped.values.clone(),
                                None => BTreeMap::new(),
                            };
                            let mapped = ColumnMapping {
                                values,
                                ..Default::default()
                            };
                            let built = Reader::build(column, &mapped, mapping, context);
                            Some(built.map_err(wrong)?)
                        }
                        None => None,
                    };
                    let i = need(from, "history.fields")?;
                    if field == "assignee" {
                        mark(&mut people, i);
                    }
                    fields.push((i, reader, field == "assignee"));
                }
                Some(HistoryPlan {
                    moment: reader,
                    at,
                    fields,
                })
            }
        };
        let mut laws = Vec::new();
        for law in &mapping.laws {
            laws.push(LawPlan::new(law, mapping, &find, context).map_err(wrong)?);
        }
        for i in laws.iter().flat_map(LawPlan::reads) {
            mark(&mut used, i);
        }
        let mut null_from = [false; 256];
        for first in mapping.null.iter().filter_map(|null| null.bytes().next()) {
            null_from[usize::from(first)] = true;
        }
        Ok(Plan {
            source,
            null_from,
            file,
            readers,
            fed,
            kept,
            latest,
            moment,
            only,
            except,
            history,
            laws,
            header: header.to_vec(),
            used_at: (0..)
                .zip(&used)
                .filter(|(_, u)| **u)
                .map(|(at, _)| at)
                .collect(),
            used,
            people,
            pseudonyms: context.people.clone(),
            encoding,
            absent,
            bins: context.bins,
            bin_by: super::grouping::by(source.table),
            amount: source.table.position("amount"),
            strips: source.table.position("amount").is_none()
                && !super::grouping::feeds_events_only(source),
            orders: orders(source.table),
            spare: Mutex::default(),
            key: key
                .into_iter()
                .filter_map(|name| {
                    let at = source.table.position(name)?;
                    Some((at, source.table.columns.get(at)?.kind))
                })
                .collect(),
        })
    }

    /// The canonical table.
    pub fn table(&self) -> &'static Table {
        self.source.table
    }

    /// Source columns with people's names.
    pub(super) fn people(&self) -> impl Iterator<Item = &str> {
        let named = self.header.iter().zip(&self.people);
        named.filter(|(_, p)| **p).map(|(h, _)| h.as_str())
    }

    /// Columns whose dates read as day and month in either order, all of them, and how many.
    pub(super) fn ambiguous_dates(&self) -> Vec<(&str, u64)> {
        let columns = self.readers.iter().filter_map(|b| {
            let n = b.reader.ambiguous_dates()?;
            Some((b.source_name.as_str(), n))
        });
        columns.collect()
    }
}
