//! A source mapping: how one kind of export becomes one canonical table. Responsible for what a
//! mapping may say and whether it contradicts itself; not for applying it (see `ingest`).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::document::nearest;
use super::one_or_many;
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
    /// What kind of file it is; without it the file's ending and first bytes decide.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format: Option<FileFormat>,
    /// Encoding of text without a byte-order mark; without it, UTF-8.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encoding: Option<Encoding>,
    /// Field delimiter of delimited text: one character. Without it the header decides.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delimiter: Option<String>,
    /// Line of the header, counted from 1; what stands above it is not read.
    #[serde(default = "first", skip_serializing_if = "is_first")]
    pub header_line: u64,
    /// The sheet of a workbook; needed where several hold rows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sheet: Option<String>,
    /// Where the rows of a JSON or XML file stand: paths of names joined by dots.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rows: Vec<String>,
    /// Spellings of "no value" beside the empty one, compared after trimming.
    #[serde(default = "empty")]
    pub null: Vec<String>,
    /// Decimal sign of numbers.
    #[serde(default = "point")]
    pub decimal: String,
    /// Sign between thousands, if the export uses one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thousands: Option<String>,
    /// Where the minus of a negative number stands.
    #[serde(default, skip_serializing_if = "Minus::is_leading")]
    pub minus: Minus,
    /// Language of month names in dates.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub locale: Option<Locale>,
    /// Spellings of true beside `true`, `1`, `yes` and `y`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub yes: Vec<String>,
    /// Spellings of false beside `false`, `0`, `no` and `n`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub no: Vec<String>,
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
    /// Formats of the `latest` columns where they hold moments; what is none sorts as a number,
    /// else by its bytes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub latest_formats: Vec<String>,
    /// Set where the row with the smallest moment stands instead.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub earliest: bool,
    /// Set for audit logs: what changes between the rows of one ticket becomes events.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub history: Option<History>,
    /// Rows to take, by source column: only rows whose value is listed. Others are out of scope.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub only: BTreeMap<String, Vec<String>>,
    /// Rows to leave out, by source column: rows whose value is listed are out of scope.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub except: BTreeMap<String, Vec<String>>,
    /// Numbers of rows at which the tool cuts its exports off: a file of exactly so many is a
    /// finding.
    #[serde(default = "caps", skip_serializing_if = "is_caps")]
    pub export_caps: Vec<u64>,
    /// Laws that the rows must obey; a breach is a finding.
    #[serde(default, rename = "law", skip_serializing_if = "Vec::is_empty")]
    pub laws: Vec<Law>,
}

/// What kind of file an export is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FileFormat {
    /// Delimited text.
    Text,
    /// An Excel workbook (Office Open XML).
    Xlsx,
    /// JSON or newline-delimited JSON.
    Json,
    /// XML.
    Xml,
    /// Parquet.
    Parquet,
}

/// How characters are written as bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Encoding {
    /// UTF-8.
    #[default]
    #[serde(rename = "utf-8")]
    Utf8,
    /// UTF-16, least significant byte first.
    #[serde(rename = "utf-16le")]
    Utf16Le,
    /// UTF-16, most significant byte first.
    #[serde(rename = "utf-16be")]
    Utf16Be,
    /// Windows code page 1252 (Western European), which holds ISO 8859-1.
    #[serde(rename = "windows-1252")]
    Windows1252,
}

/// Where the minus of a negative number stands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Minus {
    /// Before the digits: `-12`.
    #[default]
    Leading,
    /// After them, as SAP writes it: `12-`; one before them is read as well.
    Trailing,
    /// Parentheses around them: `(12)`; a minus before them is read as well.
    Parentheses,
}

impl Minus {
    fn is_leading(&self) -> bool {
        *self == Minus::Leading
    }
}

/// Language of month names.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Locale {
    /// English.
    #[default]
    En,
    /// Dutch.
    Nl,
    /// German.
    De,
    /// French.
    Fr,
    /// Spanish.
    Es,
    /// Italian.
    It,
    /// Portuguese.
    Pt,
}

/// A law that the rows of an export obey among their own columns.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Law {
    /// Two source columns whose product ...
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub product: Vec<String>,
    /// ... or, instead, the source column whose values name the groups over which the amount
    /// (canonical column `amount`) is summed ...
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sum_per: Option<String>,
    /// ... equals this source column, ...
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub equals: Option<String>,
    /// ... but for at most this difference; without it, none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub within: Option<String>,
    /// Two source columns with moments: the first lies before the second.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub before: Vec<String>,
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
    /// Source column, compared exactly; of several the first that has a value in the row.
    #[serde(default, with = "one_or_many", skip_serializing_if = "Vec::is_empty")]
    pub from: Vec<String>,
    /// A fixed value instead, or where the source column is empty.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// Date and time formats in strftime notation, tried in order; also `iso8601` and `epoch_s`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub formats: Vec<String>,
    /// Source spelling → canonical value, compared after trimming.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub values: BTreeMap<String, String>,
    /// Units of a duration, tried in order; without any, seconds.
    #[serde(default, with = "one_or_many", skip_serializing_if = "Vec::is_empty")]
    pub unit: Vec<Unit>,
    /// Source columns that say the sign of a number, each for itself.
    #[serde(default, with = "one_or_many", skip_serializing_if = "Vec::is_empty")]
    pub sign: Vec<Sign>,
    /// Source column by which a number is divided, such as a price's base quantity; an absent
    /// value is 1. Rounded half to even at 15 decimals.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub divide_by: Option<String>,
    /// Set for the last day of a period where the source means it inclusively: the moment is the
    /// start of the day after.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub inclusive: bool,
    /// For a text column that the source may not have: a hash of the row stands for it, so that
    /// rows alike to the letter are one.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub row_hash: bool,
    /// Set when the source writes a share as a percentage.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub percent: bool,
}

/// How a duration is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// A number of milliseconds, cut to whole seconds.
    Milliseconds,
    /// A number of seconds.
    Seconds,
    /// A number of minutes.
    Minutes,
    /// A number of hours.
    Hours,
    /// A number of days of 24 hours, rounded to the second, as Excel keeps durations.
    Days,
    /// `hh:mm` or `hh:mm:ss`, the hours without limit.
    Clock,
    /// A moment so long after `1970-01-01 00:00:00`.
    Since1970,
    /// `2 Days 3 Hours 10 Minutes`, in English.
    Words,
}

/// A source column that says the sign of a number.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sign {
    /// The source column.
    pub from: String,
    /// Its spellings that make the number negative.
    pub minus: Vec<String>,
    /// Its spellings that leave it; without any, all others do.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub plus: Vec<String>,
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

fn first() -> u64 {
    1
}
fn is_first(line: &u64) -> bool {
    *line == 1
}
fn is_caps(numbers: &[u64]) -> bool {
    numbers == caps().as_slice()
}
fn caps() -> Vec<u64> {
    vec![10_000]
}
fn point() -> String {
    ".".to_owned()
}
fn empty() -> Vec<String> {
    vec![String::new()]
}

/// Stands between alternative names of one source column, where a list has no place.
pub const OR: &str = " or ";

impl Mapping {
    /// A mapping that maps nothing, for a first look at a file.
    pub fn bare() -> Mapping {
        Mapping {
            schema: 1,
            name: String::new(),
            description: String::new(),
            table: String::new(),
            format: None,
            encoding: None,
            delimiter: None,
            header_line: 1,
            sheet: None,
            rows: Vec::new(),
            null: empty(),
            decimal: point(),
            thousands: None,
            minus: Minus::Leading,
            locale: None,
            yes: Vec::new(),
            no: Vec::new(),
            zone: None,
            fold: Fold::Earlier,
            columns: BTreeMap::new(),
            keep: Vec::new(),
            latest: Vec::new(),
            latest_formats: Vec::new(),
            earliest: false,
            history: None,
            only: BTreeMap::new(),
            except: BTreeMap::new(),
            export_caps: caps(),
            laws: Vec::new(),
        }
    }

    /// The mapping for a table whose export already uses the canonical names, RFC 3339 instants
    /// and a comma.
    pub fn canonical(table: &Table) -> Mapping {
        Mapping {
            name: format!("canonical-{}", table.name),
            description: format!("The canonical table `{}`", table.name),
            table: table.name.to_owned(),
            columns: table
                .columns
                .iter()
                .map(|c| {
                    let from = vec![c.name.to_owned()];
                    (
                        c.name.to_owned(),
                        ColumnMapping {
                            from,
                            ..ColumnMapping::default()
                        },
                    )
                })
                .collect(),
            ..Mapping::bare()
        }
    }

    /// All source columns that the mapping reads, in no particular order, with repetitions. Of a
    /// name with alternatives (`stage or Stage`) the whole and each.
    pub fn reads(&self) -> impl Iterator<Item = &str> {
        let columns = self.columns.values().flat_map(|c| {
            c.from
                .iter()
                .chain(c.sign.iter().map(|s| &s.from))
                .chain(&c.divide_by)
        });
        let history = self.history.iter();
        let laws = self.laws.iter().flat_map(|l| {
            l.product
                .iter()
                .chain(&l.sum_per)
                .chain(&l.equals)
                .chain(&l.before)
        });
        columns
            .chain(&self.keep)
            .chain(&self.latest)
            .chain(self.only.keys())
            .chain(self.except.keys())
            .chain(history.flat_map(|h| h.fields.values().chain([&h.at])))
            .chain(laws)
            .flat_map(|name| {
                let parts = name.split(OR).filter(move |part| *part != name.as_str());
                parts.chain([name.as_str()])
            })
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
        if let Some(delimiter) = &self.delimiter
            && (delimiter.len() != 1 || delimiter == "\"" || delimiter == "\n" || delimiter == "\r")
        {
            wrong.push(format!(
                "`delimiter = {delimiter:?}` must be one ASCII character, such as \",\", \";\" or \
                 \"\\t\""
            ));
        }
        if self.header_line == 0 {
            wrong.push("`header_line` is counted from 1".to_owned());
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
            if mapped.from.is_empty() && mapped.value.is_none() && !mapped.row_hash {
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
            if !mapped.unit.is_empty() && column.kind != Kind::Seconds {
                wrong.push(format!(
                    "column `{name}` is no duration: `unit` does not apply"
                ));
            }
            if (!mapped.sign.is_empty() || mapped.divide_by.is_some())
                && column.kind != Kind::Decimal
            {
                wrong.push(format!(
                    "column `{name}` is no decimal: `sign` and `divide_by` do not apply"
                ));
            }
            if mapped.inclusive && !matches!(column.kind, Kind::Instant | Kind::Date) {
                wrong.push(format!(
                    "column `{name}` is no date: `inclusive` does not apply"
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
        if self.earliest && (self.latest.is_empty() || self.latest_formats.is_empty()) {
            wrong.push("`earliest` needs `latest` with `latest_formats`".to_owned());
        }
        for law in &self.laws {
            let shape = (
                law.product.len(),
                law.sum_per.is_some(),
                law.equals.is_some(),
                law.before.len(),
            );
            let amounts = target.column("amount").is_some();
            if !matches!(
                shape,
                (2, false, true, 0) | (0, true, true, 0) | (0, false, false, 2)
            ) || (law.sum_per.is_some() && !amounts)
            {
                wrong.push(
                    "a `law` has `product` of two columns and `equals`, or `sum_per` and `equals` \
                     in a table with amounts, or `before` of two columns"
                        .to_owned(),
                );
            }
            if let Some(within) = &law.within
                && within.parse::<crate::money::Decimal>().is_err()
            {
                wrong.push(format!("`within = {within:?}` of a law must be a number"));
            }
        }
        if wrong.is_empty() {
            Ok(target)
        } else {
            Err(wrong)
        }
    }
}
