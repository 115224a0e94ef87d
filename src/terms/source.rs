//! The terms file as written: one struct per table, each field with its place in the file.
//! Not responsible for what contradicts what (see [`super::check`]) or for the clause tables
//! (see [`super::clause`]).

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::alignment::AlignmentSource;
use super::clause::ClauseSource;
use super::value::{Day, Located, OneOrMany, Value};
use crate::money::{Currency, Decimal, Rounding};

/// The version of the terms language that this program reads.
pub const SCHEMA_VERSION: u32 = 1;

/// A terms file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TermsSource {
    /// Version of the terms language: 1.
    pub schema: Located<u32>,
    /// The parties, the currency and the periods.
    pub contract: ContractSource,
    /// How measure and parameter tables are written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input: Option<InputSource>,
    /// Measured values that the clauses use, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub measures: BTreeMap<String, Located<MeasureSource>>,
    /// Values per contract, from a table, by name: they make a template of the terms.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub parameters: BTreeMap<String, Located<ParameterSource>>,
    /// Numbers looked up by a text parameter, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub lookup: BTreeMap<String, Located<LookupSource>>,
    /// Named expressions.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub define: BTreeMap<String, Located<Value>>,
    /// Exchange rates: which day counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fx: Option<FxSource>,
    /// Which relief events count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub relief: Option<ReliefSource>,
    /// The clauses, in the order in which they are settled.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub clause: Vec<Located<ClauseSource>>,
    /// Changes of the terms from a date on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub amendment: Vec<Located<AmendmentSource>>,
    /// The end of the contract before its time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub termination: Option<Located<TerminationSource>>,
    /// Cost assumptions and drivers of the alignment check; settlement never reads them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alignment: Option<AlignmentSource>,
    /// Measurement terms (clocks, calendars, targets), read by the `measure` stage.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<crate::measure::spec::MeasureSpec>")]
    pub measure: Option<toml::Table>,
    /// Baseline terms (periods, model), read by the `baseline` stage.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<crate::baseline::BaselineSpec>")]
    pub baseline: Option<toml::Table>,
    /// Savings terms (benchmark, index, caps), read by the `baseline` stage.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<crate::baseline::saving::SavingsSpec>")]
    pub savings: Option<toml::Table>,
    /// Scoring terms (prices of impact, targets, exposure unit), read by the `score` stage.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<crate::score::ScoreSpec>")]
    pub score: Option<toml::Table>,
    /// The measures that composite scores of `[score]` give; known without an entry in `measures`.
    #[serde(skip)]
    pub scores: BTreeSet<String>,
}

impl TermsSource {
    /// The names of measures that `[score]` declares with its composite scores. What is wrong with
    /// them is said by the `score` stage.
    pub(super) fn scored(score: Option<&toml::Table>) -> BTreeSet<String> {
        let composites = score
            .and_then(|table| table.get("composite")?.as_array())
            .into_iter()
            .flatten();
        composites
            .filter_map(|composite| composite.get("id")?.as_str())
            .map(|id| format!("{}{id}", crate::score::SCORE_PREFIX))
            .collect()
    }

    /// How months of a measure make a longer period where `measures` does not say; `None` when
    /// neither the catalogue nor the terms know the name.
    #[must_use]
    pub fn known_aggregate(&self, name: &str) -> Option<Aggregate> {
        let score = || self.scores.contains(name).then_some(Aggregate::None);
        super::names::catalogue_aggregate(name).or_else(score)
    }
}

/// `[contract]`: parties, currency, periods, rounding.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ContractSource {
    /// Identifier; left out in a template, where the tables name the contracts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<Located<String>>,
    /// A title for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// The paying party; `customer` when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub customer: Option<String>,
    /// The supplier that clauses pay unless they say otherwise; `supplier` when left out. A
    /// name, or the name of a text parameter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub supplier: Option<Located<String>>,
    /// The currency of the statement.
    pub currency: Located<Currency>,
    /// First day; contract years count from here. A date, or the name of a date parameter.
    pub start: Located<StartSource>,
    /// First day after the contract; open when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<Located<Day>>,
    /// How often a statement is made; `month` when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per: Option<Located<Per>>,
    /// Where and how amounts are rounded; per line, half up, to the currency's minor unit when
    /// left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rounding: Option<RoundingSource>,
}

/// The first day of a contract: a date, or the name of a date parameter.
#[derive(Debug, Clone, PartialEq)]
pub enum StartSource {
    /// A date.
    Day(Day),
    /// The name of a parameter of type `date`.
    Parameter(String),
}

impl Serialize for StartSource {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            StartSource::Day(day) => day.serialize(serializer),
            StartSource::Parameter(name) => serializer.serialize_str(name),
        }
    }
}

impl<'de> Deserialize<'de> for StartSource {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = match toml::Value::deserialize(deserializer)? {
            toml::Value::String(text) => text,
            toml::Value::Datetime(at) => at.to_string(),
            other => {
                return Err(serde::de::Error::custom(format!(
                    "expected a date such as 2024-01-31 or the name of a parameter, found {}",
                    other.type_str()
                )));
            }
        };
        match text.parse() {
            Ok(date) => Ok(StartSource::Day(Day(date))),
            Err(_) if text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') => {
                Ok(StartSource::Parameter(text))
            }
            Err(error) => Err(serde::de::Error::custom(error)),
        }
    }
}

impl JsonSchema for StartSource {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Start".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "description": "A date such as 2024-01-31, or the name of a parameter of type date.",
            "type": "string",
        })
    }
}

/// A settlement period.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Per {
    /// A calendar month.
    Month,
    /// Three months, counted from the month in which the contract starts.
    Quarter,
    /// Twelve months, counted from the month in which the contract starts.
    ContractYear,
}

impl Per {
    /// Its months.
    #[must_use]
    pub fn months(self) -> i32 {
        match self {
            Per::Month => 1,
            Per::Quarter => 3,
            Per::ContractYear => 12,
        }
    }
}

/// Rounding of amounts.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RoundingSource {
    /// Decimals of an amount; the currency's minor unit when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decimals: Option<u8>,
    /// The rule for what lies between; `half_up` when left out.
    #[serde(default)]
    pub mode: Rounding,
    /// Each line, or the total of a statement (lines then show the rounded running total's
    /// differences, so that they still add up).
    #[serde(default)]
    pub at: RoundAt,
}

/// Where rounding happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RoundAt {
    /// Every clause amount of a statement.
    #[default]
    Line,
    /// The total of a statement.
    Total,
}

/// `[input]`: how the tables given with `--measures` and `--parameters` are written. Nothing is
/// guessed: what is not declared here is not accepted.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct InputSource {
    /// The column of the contract id; `contract_id` when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contract: Option<String>,
    /// The column of the period; `period` when left out and such a column exists.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub period: Option<String>,
    /// The one period that all rows belong to, for a table without such a column.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub all_rows_are: Option<Located<String>>,
    /// For a table with one value per row: the column of the name; `name` when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// For a table with one value per row: the column of the value; `value` when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// For a table with one value per row: the column of the scope, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<String>,
    /// `wide` (a column per value) or `long` (a row per value); `wide` when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub layout: Option<Layout>,
    /// Spellings of "no value"; only the empty cell when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nulls: Option<Vec<String>>,
    /// The character between thousands, if one is used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thousands: Option<char>,
    /// The character before the decimals; a point when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decimal_point: Option<char>,
    /// The character between columns; a comma when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub separator: Option<char>,
    /// How the file's bytes are characters; `utf8` when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encoding: Option<Encoding>,
    /// Texts to drop before a number is read, such as `$`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub strip: Option<Vec<String>>,
    /// Whether `(1,200)` means −1,200.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parentheses_are_negative: Option<bool>,
}

/// How the bytes of a file are characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Encoding {
    /// UTF-8, with or without a byte-order mark.
    #[default]
    Utf8,
    /// Windows-1252, of which Latin-1 is a part.
    #[serde(rename = "windows_1252")]
    Windows1252,
}

/// Whether a table has a column or a row per value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Layout {
    /// A column per value.
    #[default]
    Wide,
    /// A row per value.
    Long,
}

/// How months of a measure make a quarter or year, when the coarser value is not given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Aggregate {
    /// They do not: the coarser value has to be given.
    #[default]
    None,
    /// The sum.
    Sum,
    /// The mean of the months, with 12 decimals, half even.
    Mean,
    /// The last month.
    Last,
    /// The first month.
    First,
    /// The greatest month.
    Max,
    /// The least month.
    Min,
}

/// How a cell of a table is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CellType {
    /// A plain number.
    #[default]
    Number,
    /// A number with a percent sign: `2.50%` is 0.025.
    Percent,
    /// A number of percent without a sign: `2.50` is 0.025.
    PercentPoints,
    /// Yes or no: `1`/`0`, `true`/`false`, `yes`/`no`, `y`/`n`.
    Flag,
    /// A text, to be compared or looked up; parameters only.
    Text,
    /// A date; parameters only.
    Date,
}

/// `[measures.NAME]`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MeasureSource {
    /// The column (wide) or the name in the name column (long); the measure's own name when left
    /// out. Several: the first that the table has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub column: Option<Names>,
    /// How the cell is read.
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    pub cell: Option<Located<CellType>>,
    /// How months make a quarter or year; none when left out, except for the KPI catalogue.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub aggregate: Option<Aggregate>,
    /// The currency, when it is not that of the contract.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub currency: Option<Located<Currency>>,
    /// What an absent value counts as. Without it, a clause that needs the value is not
    /// measurable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<Decimal>,
    /// For people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
}

/// One or several names.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Names {
    /// One.
    One(String),
    /// Several, in order of preference.
    Several(Vec<String>),
}

impl Names {
    /// The names in order of preference.
    #[must_use]
    pub fn as_slice(&self) -> &[String] {
        match self {
            Names::One(name) => std::slice::from_ref(name),
            Names::Several(names) => names,
        }
    }
}

/// `[parameters.NAME]`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ParameterSource {
    /// The column, as for measures.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub column: Option<Names>,
    /// How the cell is read.
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    pub cell: Option<Located<CellType>>,
    /// What an absent value counts as, written as in the table.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<Located<Value>>,
    /// For texts: the values that may occur; anything else is refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub one_of: Option<Vec<String>>,
    /// For dates: `ymd` (2024-01-31), `mdy` (01/31/2024), `dmy` (31/01/2024).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format: Option<DateFormat>,
    /// For people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
}

/// The order of the parts of a date.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DateFormat {
    /// Year, month, day.
    #[default]
    Ymd,
    /// Month, day, year.
    Mdy,
    /// Day, month, year.
    Dmy,
}

/// `[lookup.NAME]`: a number, or a text, chosen by a text parameter.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LookupSource {
    /// The text parameter.
    pub by: Located<String>,
    /// The value for each text.
    pub values: BTreeMap<String, Located<Value>>,
    /// The value for any other text; without it any other text is refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub otherwise: Option<Located<Value>>,
}

/// `[relief]`: which events of the table of relief events count for `relieved` and `relief_share`.
/// Only accepted ones do in any case.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReliefSource {
    /// How many days after the end of the event it may be claimed at the latest; a later or
    /// missing claim gives no relief. Any time when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub claim_within_days: Option<u16>,
    /// The kinds of events that relieve; all when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kinds: Option<Vec<String>>,
}

/// `[fx]`: which day's rate counts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FxSource {
    /// The day.
    pub date: FxDate,
    /// The day, when `date = "fixed"`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub day: Option<Day>,
    /// Decimals of a converted value where the published rate has to be divided by; 12 when left
    /// out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decimals: Option<u8>,
    /// How many days older than the day that counts a rate may be; 10 when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_age_days: Option<i32>,
}

/// Which day's rate counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FxDate {
    /// The last day of the period that is settled.
    PeriodEnd,
    /// The first day of the period that is settled.
    PeriodStart,
    /// The first day of the contract.
    ContractStart,
    /// One day, for good.
    Fixed,
}

/// `[[amendment]]`: from a date on, some clauses are other.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AmendmentSource {
    /// Its name in the record.
    pub id: Located<String>,
    /// The first day on which it holds.
    pub effective: Located<Day>,
    /// What happens when that day lies inside a settlement period; required then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inside_period: Option<InsidePeriod>,
    /// Clauses that are replaced (same id) or added (new id).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub clause: Vec<Located<ClauseSource>>,
    /// Clauses that end.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub remove: Vec<Located<String>>,
    /// Definitions that are replaced or added.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub define: BTreeMap<String, Located<Value>>,
    /// For people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
}

/// An amendment that starts inside a settlement period.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum InsidePeriod {
    /// The period is settled under both versions, each weighted by its days.
    ByDays,
    /// It counts from the following period.
    NextPeriod,
    /// It counts for the whole period.
    WholePeriod,
}

/// `[termination]`: the contract ends before its time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TerminationSource {
    /// The first day that the contract no longer holds. A date, or the name of a date parameter
    /// (absent for contracts that were not terminated).
    pub date: Located<StartSource>,
    /// What happens to amounts still held back; `release` when left out.
    #[serde(default)]
    pub holdback: HoldbackEnd,
    /// Clauses that go on, and for how many months.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tail: Option<TailSource>,
}

/// What becomes of a holdback at the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum HoldbackEnd {
    /// It is paid with the last statement.
    #[default]
    Release,
    /// It stays with the customer.
    Forfeit,
}

/// The tail of a saving after termination.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TailSource {
    /// For how many months after termination.
    pub months: u16,
    /// The clauses that go on.
    pub clauses: Vec<Located<String>>,
}

/// A limit or list of limits, re-exported for the clause tables.
pub type Limits = OneOrMany;
