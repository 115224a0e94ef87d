//! `[alignment]` as written: what the supplier and the customer gain and lose beside the clauses,
//! and what one more of something does to the measures. Not responsible for what follows from it
//! (see [`crate::judge`]); settlement never reads it.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::clause::ClauseSource;
use super::error::Problem;
use super::source::{RoundingSource, TermsSource};
use super::value::{Located, Value};
use crate::money::{Decimal, Rounding};

/// Names that expressions of `[alignment]` may use beside those of the terms.
pub const ASSUMPTIONS: &[&str] = &[
    "price",
    "cost_to_serve",
    "prevention_cost",
    "impact",
    "hour_cost",
    "margin",
    "discount_rate",
    "spend_now",
];

/// Decimals of an expression of `[alignment]`; half even.
pub const ALIGNMENT_DECIMALS: u8 = 12;

/// `[alignment]`: cost assumptions and drivers. All amounts are in the contract's currency.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AlignmentSource {
    /// What the customer is billed per handled incident.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price: Option<Located<Value>>,
    /// What handling one incident costs the supplier.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost_to_serve: Option<Located<Value>>,
    /// What preventing one incident costs the supplier, once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prevention_cost: Option<Located<Value>>,
    /// What one incident costs the customer's business.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub impact: Option<Located<Value>>,
    /// What one hour of prevention costs the supplier.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hour_cost: Option<Located<Value>>,
    /// The supplier's margin on what it bills, 0 to 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub margin: Option<Located<Value>>,
    /// Yearly rate at which later years are discounted; 0 when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub discount_rate: Option<Located<Value>>,
    /// What the customer now spends with all members of a wallet in one period.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spend_now: Option<Located<Value>>,
    /// What the service costs the supplier in a statement period; `cost_to_serve * ticket_count`
    /// when left out. Used where schemes are compared, month by month where the months add up to
    /// it, else in the last month of the period.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub period_cost: Option<Located<Value>>,
    /// Years that an effect lasts and is looked at; 1 when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub horizon_years: Option<Located<u8>>,
    /// Whether the service itself is billed by clauses of these terms or elsewhere; found from
    /// the clauses when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub billed: Option<Billed>,
    /// Measures that are a quotient of two others, by name: `sla_attainment` of incidents met and
    /// due. When a driver moves the two, the quotient follows.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub ratios: BTreeMap<String, Located<RatioSource>>,
    /// What one more of something does, by name; replaces the driver of the same name that the
    /// program has.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub drivers: BTreeMap<String, Located<DriverSource>>,
}

/// Where the service itself is billed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Billed {
    /// By clauses of these terms.
    Here,
    /// Outside of these terms: `price` is lost there with every incident that does not happen.
    Elsewhere,
}

/// A measure that is the quotient of two.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RatioSource {
    /// The measure that is divided.
    pub numerator: Located<String>,
    /// The measure it is divided by.
    pub denominator: Located<String>,
    /// What the quotient is multiplied by; 1 when left out, 100 for percent points.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub times: Option<Decimal>,
    /// Decimals to which it is rounded, half even; 12 when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decimals: Option<u8>,
}

/// `[alignment.drivers.NAME]`: what one more of something does.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DriverSource {
    /// What one of it is called: `avoided incident`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
    /// What each measure changes by for one more; a scope is written `sla_attainment["P1"]`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub measures: BTreeMap<String, Located<Value>>,
    /// The same in later years of the horizon; as `measures` when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub later: Option<BTreeMap<String, Located<Value>>>,
    /// How many there are now; the one measure that rises by 1 when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Located<Value>>,
    /// The least to look at; 0 when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Located<Value>>,
    /// The most to look at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<Located<Value>>,
    /// What 100 % of it is, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub of: Option<Located<Value>>,
    /// The smallest step; 1 when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<Located<Value>>,
    /// What the supplier receives outside of these terms for one more, each year.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub supplier_revenue: Option<Located<Value>>,
    /// What one more costs the supplier, each year; negative when it saves cost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub supplier_cost: Option<Located<Value>>,
    /// What bringing one more about costs the supplier, once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub effort: Option<Located<Value>>,
    /// What one more is worth to the customer beside payments, each year.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub customer_benefit: Option<Located<Value>>,
}

/// `name` or `name["scope"]`.
#[must_use]
pub fn measure_key(key: &str) -> (&str, Option<&str>) {
    match key.split_once('[') {
        Some((name, rest)) => {
            let scope = rest
                .trim()
                .trim_end_matches(']')
                .trim_matches(|c| c == '"' || c == '\'');
            (name.trim(), Some(scope))
        }
        None => (key, None),
    }
}

impl AlignmentSource {
    /// The assumptions that are written, by name.
    pub fn assumptions(&self) -> impl Iterator<Item = (&'static str, &Located<Value>)> {
        let fields = [
            &self.price,
            &self.cost_to_serve,
            &self.prevention_cost,
            &self.impact,
            &self.hour_cost,
            &self.margin,
            &self.discount_rate,
            &self.spend_now,
        ];
        ASSUMPTIONS
            .iter()
            .zip(fields)
            .filter_map(|(name, value)| Some((*name, value.as_ref()?)))
    }
}

impl DriverSource {
    /// Every expression of the driver.
    pub fn expressions(&self) -> impl Iterator<Item = &Located<Value>> {
        let single = [
            &self.at,
            &self.from,
            &self.to,
            &self.of,
            &self.step,
            &self.supplier_revenue,
            &self.supplier_cost,
            &self.effort,
            &self.customer_benefit,
        ];
        self.measures
            .values()
            .chain(self.later.iter().flatten().map(|(_, v)| v))
            .chain(single.into_iter().flatten())
    }
}

/// The terms with one more clause per expression, at the end: how expressions of `[alignment]`
/// are computed by settlement and not by a second set of rules. The clause of expression `i` is
/// [`asked`]`(i)`. `names` are known to the expressions unless the terms know the name.
#[must_use]
pub fn asking(
    source: &TermsSource,
    expressions: &[Located<Value>],
    names: &[(&str, Decimal)],
) -> TermsSource {
    let mut source = source.clone();
    for (name, value) in names {
        let taken = source.measures.contains_key(*name)
            || source.parameters.contains_key(*name)
            || source.lookup.contains_key(*name)
            || source.define.contains_key(*name)
            || source.clause.iter().any(|c| c.value.id.value == *name);
        if !taken {
            source
                .define
                .insert((*name).to_owned(), Located::bare(Value::Number(*value)));
        }
    }
    let written: Result<ClauseSource, _> =
        toml::from_str("id = \"asked\"\nkind = \"formula\"\nbasis = 0\n");
    let Ok(mut clause) = written else {
        return source;
    };
    clause.rounding = Some(RoundingSource {
        decimals: Some(ALIGNMENT_DECIMALS),
        mode: Rounding::HalfEven,
        at: super::source::RoundAt::Line,
    });
    for (number, expression) in expressions.iter().enumerate() {
        let mut one = clause.clone();
        one.id = Located::bare(asked(number));
        one.basis = Some(expression.clone());
        source.clause.push(Located::bare(one));
    }
    source
}

/// The id of the clause that [`asking`] adds for an expression.
#[must_use]
pub fn asked(number: usize) -> String {
    format!("alignment_asks_{number}")
}

/// What is wrong in `[alignment]`, once the rest of the terms is known to be right.
pub(super) fn check(source: &TermsSource) -> Vec<Problem> {
    let Some(alignment) = &source.alignment else {
        return Vec::new();
    };
    let mut problems = Vec::new();
    let known =
        |name: &str| source.measures.contains_key(name) || source.known_aggregate(name).is_some();
    let unknown = |name: &str, span: &std::ops::Range<usize>| {
        let names: Vec<&str> = source
            .measures
            .keys()
            .chain(&source.scores)
            .map(String::as_str)
            .chain(super::names::known())
            .collect();
        Problem::at(span, format!("there is no measure `{name}`"))
            .help(super::error::suggestion(name, &names))
    };
    for (name, driver) in &alignment.drivers {
        let moved = driver.value.measures.iter();
        for (key, value) in moved.chain(driver.value.later.iter().flatten()) {
            let name = measure_key(key).0;
            if !known(name) {
                problems.push(unknown(name, &value.span));
            }
        }
        if driver.value.measures.is_empty() {
            problems.push(
                Problem::at(&driver.span, format!("driver `{name}` moves no measure"))
                    .help("say what one more does: measures = { ticket_count = -1 }"),
            );
        }
    }
    for ratio in alignment.ratios.values() {
        for part in [&ratio.value.numerator, &ratio.value.denominator] {
            if !known(&part.value) {
                problems.push(unknown(&part.value, &part.span));
            }
        }
    }
    if let Some(horizon) = &alignment.horizon_years
        && !(1..=30).contains(&horizon.value)
    {
        problems.push(
            Problem::at(&horizon.span, "a horizon is 1 to 30 years")
                .help("how long does a prevented incident stay prevented?"),
        );
    }
    let expressions: Vec<Located<Value>> = alignment
        .assumptions()
        .map(|(_, v)| v)
        .chain(&alignment.period_cost)
        .chain(
            alignment
                .drivers
                .values()
                .flat_map(|d| d.value.expressions()),
        )
        .cloned()
        .collect();
    let names: Vec<(&str, Decimal)> = ASSUMPTIONS.iter().map(|n| (*n, Decimal::ONE)).collect();
    problems.extend(crate::settle::check(&super::SettleSpec {
        source: asking(source, &expressions, &names),
    }));
    problems
}
