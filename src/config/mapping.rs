//! A source mapping: how one kind of export becomes one canonical table. Responsible for what a
//! mapping may say and whether it contradicts itself; not for applying it (see `ingest`).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::document::nearest;
use crate::store::schema::{Kind, Table, table};

/// A mapping file.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mapping {
    /// Version of this format; 1.
    pub schema: u32,
    /// Name, as `inspect` shows it.
    pub name: String,
    /// One line: which export of which tool this is.
    #[serde(default)]
    pub description: String,
    /// The canonical table it fills.
    pub table: String,
    /// Field delimiter of delimited text: one character.
    #[serde(default = "comma")]
    pub delimiter: String,
    /// Spellings of "no value", compared after trimming.
    #[serde(default = "empty")]
    pub null: Vec<String>,
    /// Decimal sign of numbers.
    #[serde(default = "point")]
    pub decimal: String,
    /// Sign between thousands, if the export uses one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thousands: Option<String>,
    /// IANA zone of local times. Needed as soon as a date and time has no offset of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zone: Option<String>,
    /// What a local time that occurs twice (end of summer time) means.
    #[serde(default)]
    pub fold: Fold,
    /// Canonical column → where it comes from.
    #[serde(default)]
    pub columns: BTreeMap<String, ColumnMapping>,
    /// Source columns kept as `x_<name>` text.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub keep: Vec<String>,
    /// Source columns whose order says which row of a key is the latest; the largest value wins.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub latest: Vec<String>,
    /// Set for audit logs: what changes between the rows of one ticket becomes events.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub history: Option<History>,
    /// Rows to take, by source column: only rows whose value is listed. Others are out of scope.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub only: BTreeMap<String, Vec<String>>,
}

/// What a local time that occurs twice means.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fold {
    /// The first of the two (summer time).
    #[default]
    Earlier,
    /// The second of the two (winter time).
    Later,
    /// The row is rejected.
    Reject,
}

/// Where one canonical column comes from.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ColumnMapping {
    /// Source column, compared exactly.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// A fixed value instead, or where the source column is empty.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// Date and time formats in strftime notation, tried in order; also `iso8601` and `epoch_s`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub formats: Vec<String>,
    /// Source spelling → canonical value, compared after trimming.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub values: BTreeMap<String, String>,
    /// Unit of a duration: `seconds` (as a default), `minutes` or `hours`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
    /// For a text column that the source may not have: a hash of the row stands for it, so that
    /// rows alike to the letter are one.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub row_hash: bool,
    /// Set when the source writes a share as a percentage.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub percent: bool,
}

/// How an audit log's rows become events of the ticket.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct History {
    /// Source column with the moment of each row.
    pub at: String,
    /// Formats of that column, as in [`ColumnMapping::formats`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub formats: Vec<String>,
    /// Event field (`state`, `priority`, `group`, `assignee`) → source column.
    pub fields: BTreeMap<String, String>,
    /// Source spelling of a priority → P1 to P5; without it, that of the column `priority`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub values: BTreeMap<String, String>,
}

fn comma() -> String {
    ",".to_owned()
}
fn point() -> String {
    ".".to_owned()
}
fn empty() -> Vec<String> {
    vec![String::new()]
}

/// A mapping shipped with the program, usable by name.
pub struct Builtin {
    /// Its name in a project file.
    pub name: &'static str,
    /// Its text, to copy and change.
    pub text: &'static str,
}

/// The shipped mappings.
pub const BUILTIN: &[Builtin] = &[
    Builtin {
        name: "servicenow-incident",
        text: include_str!("mappings/servicenow-incident.toml"),
    },
    Builtin {
        name: "servicenow-audit",
        text: include_str!("mappings/servicenow-audit.toml"),
    },
    Builtin {
        name: "focus-1.0",
        text: include_str!("mappings/focus-1.0.toml"),
    },
];

impl Mapping {
    /// The mapping for a table whose export already uses the canonical names, RFC 3339 instants
    /// and a comma.
    pub fn canonical(table: &Table) -> Mapping {
        Mapping {
            schema: 1,
            name: format!("canonical-{}", table.name),
            description: format!("The canonical table `{}`", table.name),
            table: table.name.to_owned(),
            delimiter: comma(),
            null: empty(),
            decimal: point(),
            thousands: None,
            zone: None,
            fold: Fold::Earlier,
            columns: table
                .columns
                .iter()
                .map(|c| {
                    let from = Some(c.name.to_owned());
                    (
                        c.name.to_owned(),
                        ColumnMapping {
                            from,
                            ..ColumnMapping::default()
                        },
                    )
                })
                .collect(),
            keep: Vec::new(),
            latest: Vec::new(),
            history: None,
            only: BTreeMap::new(),
        }
    }

    /// Checks what a mapping says against the canonical tables. `set` are the values that the
    /// project sets for every row of the source.
    ///
    /// # Errors
    /// One message per contradiction, each with what to do.
    pub fn check(&self, set: &BTreeMap<String, String>) -> Result<&'static Table, Vec<String>> {
        let mut wrong = Vec::new();
        let Some(target) = table(&self.table) else {
            let known = crate::store::schema::TABLES.iter().map(|t| t.name);
            let hint = nearest(&self.table, known).unwrap_or("incidents");
            return Err(vec![format!(
                "`table = \"{}\"` is not a canonical table; did you mean `{hint}`?",
                self.table
            )]);
        };
        if self.schema != 1 {
            wrong.push(format!(
                "`schema = {}` is not known; this version reads schema 1",
                self.schema
            ));
        }
        if self.delimiter.len() != 1 {
            wrong.push(format!(
                "`delimiter = {:?}` must be one ASCII character, such as \",\", \";\" or \"\\t\"",
                self.delimiter
            ));
        }
        if self.decimal != "." && self.decimal != "," {
            wrong.push(format!(
                "`decimal = {:?}` must be \".\" or \",\"",
                self.decimal
            ));
        }
        if self.thousands.as_deref() == Some(self.decimal.as_str()) {
            wrong.push("`thousands` and `decimal` must differ".to_owned());
        }
        if let Some(Err(e)) = self.zone.as_ref().map(|z| crate::time::Zone::new(z)) {
            wrong.push(e.to_string());
        }
        for name in self.columns.keys().chain(set.keys()) {
            let Some(column) = target.column(name) else {
                let hint = nearest(name, target.columns.iter().map(|c| c.name))
                    .map(|n| format!("; did you mean `{n}`?"))
                    .unwrap_or_default();
                wrong.push(format!(
                    "table `{}` has no column `{name}`{hint}",
                    target.name
                ));
                continue;
            };
            let Some(mapped) = self.columns.get(name) else {
                continue;
            };
            if mapped.from.is_none() && mapped.value.is_none() && !mapped.row_hash {
                wrong.push(format!(
                    "column `{name}` needs `from`, `value` or `row_hash`"
                ));
            }
            if mapped.row_hash && column.kind != Kind::Text {
                wrong.push(format!(
                    "column `{name}` holds {}: `row_hash` does not apply",
                    column.kind
                ));
            }
            if mapped.unit.is_some() && column.kind != Kind::Seconds {
                wrong.push(format!(
                    "column `{name}` is no duration: `unit` does not apply"
                ));
            }
            if let Some(unit) = &mapped.unit
                && !["seconds", "minutes", "hours"].contains(&unit.as_str())
            {
                wrong.push(format!(
                    "column `{name}`: unit `{unit}` must be seconds, minutes or hours"
                ));
            }
            if mapped.percent && column.kind != Kind::Share {
                wrong.push(format!(
                    "column `{name}` is no share: `percent` does not apply"
                ));
            }
        }
        for column in target
            .columns
            .iter()
            .filter(|c| c.required && c.name != "source")
        {
            let derived = self.history.is_some()
                && target.name == "incident_events"
                && (column.name == "at" || column.name == "field");
            if derived {
                continue;
            }
            if !self.columns.contains_key(column.name) && !set.contains_key(column.name) {
                wrong.push(format!(
                    "required column `{}` of `{}` is not mapped; add `{} = {{ from = \"…\" }}`",
                    column.name, target.name, column.name
                ));
            }
        }
        if let Some(history) = &self.history {
            if target.name != "incidents" && target.name != "incident_events" {
                wrong.push(
                    "`history` belongs to a mapping of `incidents` or `incident_events`".to_owned(),
                );
            }
            for field in history.fields.keys() {
                if !Kind::EventField.words().contains(&field.as_str()) {
                    wrong.push(format!(
                        "`history.fields` knows {}; found `{field}`",
                        Kind::EventField
                    ));
                }
            }
        }
        if wrong.is_empty() {
            Ok(target)
        } else {
            Err(wrong)
        }
    }
}
