//! The `[savings]` table of the terms as a type: how the benchmark is built, which saving counts,
//! and what it must be to qualify. Not responsible for shares, caps or payments.

use crate::money::Decimal;
use crate::time::{Month, Period};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How the benchmark cost of a service follows its volume.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum BenchmarkMethod {
    /// Unit price × exposure: everything is variable.
    #[default]
    Price,
    /// A fixed part and a part per unit of exposure, by least squares on the baseline months.
    Model,
}

/// Which saving counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Counted {
    /// Whatever the invoices show, whoever caused it.
    #[default]
    Any,
    /// Only the services and months on which an accepted and implemented initiative claims cost.
    Linked,
}

/// When a price follows its index.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Adjusts {
    /// Every month, with the index of the month.
    #[default]
    Monthly,
    /// Every January, with the index of that January.
    Yearly,
}

/// Which figure of an index counts, of those that were published by the as-of moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Revision {
    /// The latest revision.
    #[default]
    Latest,
    /// The first figure; later revisions change nothing.
    First,
}

/// Indexation of the benchmark's prices.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct IndexTerms {
    /// `index_id` of the table `indices`.
    pub id: String,
    /// Part of the price that follows the index, such as `"80%"`. Default all of it.
    #[serde(default = "whole", with = "share")]
    #[schemars(with = "String")]
    pub share: Decimal,
    /// When prices follow. Default `monthly`.
    #[serde(default)]
    pub adjusts: Adjusts,
    /// Which figure counts. Default `latest`.
    #[serde(default)]
    pub revision: Revision,
    /// Months by which the index is older than the month that it is used for, because it is
    /// published late. Default 0.
    #[serde(default)]
    pub lag_months: u8,
}

/// An agreed unit price of a service, in place of the one that the baseline shows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AgreedPrice {
    /// The service; empty for what names none.
    pub service: String,
    /// Price of one unit of exposure for one month, in the contract's currency, in quotes.
    #[schemars(with = "String")]
    pub price: Decimal,
    /// The month whose index level the price has. Default: the first month of the baseline.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub as_of: Option<Month>,
}

/// An agreed change of scope: money per month on top of the priced volumes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ScopeTerms {
    /// The service; empty for the contract as a whole.
    #[serde(default)]
    pub service: String,
    /// First month with the change.
    #[schemars(with = "String")]
    pub from: Month,
    /// First month without it.
    #[schemars(with = "String")]
    pub to: Month,
    /// Signed amount per month in the contract's currency, in quotes.
    #[schemars(with = "String")]
    pub monthly: Decimal,
    /// Why.
    pub reason: String,
}

/// The `[savings]` table of the terms. Everything has a default.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SavingsSpec {
    /// How the benchmark follows the volume. Default `price`.
    #[serde(default)]
    pub benchmark: BenchmarkMethod,
    /// Indexation of prices. Default none.
    #[serde(default)]
    pub index: Option<IndexTerms>,
    /// Agreed unit prices. Default: those of the baseline.
    #[serde(default)]
    pub prices: Vec<AgreedPrice>,
    /// Agreed changes of scope.
    #[serde(default)]
    pub scope_changes: Vec<ScopeTerms>,
    /// Which saving counts. Default `any`.
    #[serde(default)]
    pub counted: Counted,
    /// Most that non-routine adjustments may come to together, as a share of the benchmark of the
    /// period, such as `"5%"`. Default no limit.
    #[serde(default, with = "optional_share")]
    #[schemars(with = "Option<String>")]
    pub adjustment_cap: Option<Decimal>,
    /// Share of the benchmark that a verified saving must reach, either way, to qualify, such as
    /// `"2%"`. Default 0.
    #[serde(default = "nothing", with = "share")]
    #[schemars(with = "String")]
    pub minimum_rate: Decimal,
    /// Two-sided level of the saving's interval. Default 0.9.
    #[serde(default = "level")]
    pub level: f64,
    /// CV(RMSE) of the baseline above which the model of cost is a warning. Default 0.25, the
    /// value of ASHRAE Guideline 14 for whole-building models.
    #[serde(default = "cvrmse")]
    pub max_cvrmse: f64,
    /// Uncertainty ÷ saving above which a saving does not qualify, such as 0.5. Default no limit.
    #[serde(default)]
    pub max_uncertainty: Option<f64>,
}

impl Default for SavingsSpec {
    fn default() -> Self {
        SavingsSpec {
            benchmark: BenchmarkMethod::default(),
            index: None,
            prices: Vec::new(),
            scope_changes: Vec::new(),
            counted: Counted::default(),
            adjustment_cap: None,
            minimum_rate: Decimal::ZERO,
            level: level(),
            max_cvrmse: cvrmse(),
            max_uncertainty: None,
        }
    }
}

fn whole() -> Decimal {
    Decimal::ONE
}
fn nothing() -> Decimal {
    Decimal::ZERO
}
fn level() -> f64 {
    0.9
}
fn cvrmse() -> f64 {
    0.25
}

/// A contradiction in `[savings]`, with the field it stands in.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("[savings] {field}: {problem}")]
pub struct SavingsSpecError {
    /// The field.
    pub field: String,
    /// What is wrong and what to do.
    pub problem: String,
}

impl SavingsSpec {
    /// Says what contradicts, for terms whose savings are measured in `performance`.
    ///
    /// # Errors
    /// A share outside 0 to 1, a level outside (0, 1), a price that is not positive, two prices
    /// of one service, or a change of scope that ends before it starts.
    pub fn validate(&self, performance: &Period<Month>) -> Result<(), SavingsSpecError> {
        let wrong = |field: &str, problem: String| {
            Err(SavingsSpecError {
                field: field.to_owned(),
                problem,
            })
        };
        let shares = [
            ("index.share", self.index.as_ref().map(|i| i.share)),
            ("adjustment_cap", self.adjustment_cap),
            ("minimum_rate", Some(self.minimum_rate)),
        ];
        for (field, value) in shares {
            if let Some(value) = value
                && (value.is_negative() || value > Decimal::ONE)
            {
                return wrong(
                    field,
                    format!("{value} is no share; write \"5%\" or \"0.05\""),
                );
            }
        }
        if !(self.level > 0.0 && self.level < 1.0) {
            return wrong(
                "level",
                format!("{} does not lie between 0 and 1", self.level),
            );
        }
        let positive = |v: f64| v.is_finite() && v > 0.0;
        if !positive(self.max_cvrmse) {
            return wrong(
                "max_cvrmse",
                "must be a positive number, such as 0.25".to_owned(),
            );
        }
        if self.max_uncertainty.is_some_and(|v| !positive(v)) {
            return wrong(
                "max_uncertainty",
                "must be a positive number, such as 0.5".to_owned(),
            );
        }
        for (at, price) in self.prices.iter().enumerate() {
            if !price.price.is_positive() {
                return wrong(
                    "prices",
                    format!("the price of `{}` must be above zero", price.service),
                );
            }
            if self
                .prices
                .iter()
                .take(at)
                .any(|p| p.service == price.service)
            {
                return wrong(
                    "prices",
                    format!("`{}` has two prices; keep one", price.service),
                );
            }
        }
        for change in &self.scope_changes {
            if change.to <= change.from {
                return wrong(
                    "scope_changes",
                    format!(
                        "`{}` ends in {} before it starts in {}; `to` is the first month without it",
                        change.reason, change.to, change.from
                    ),
                );
            }
            if change.to <= performance.start() || change.from >= performance.end() {
                return wrong(
                    "scope_changes",
                    format!(
                        "`{}` lies outside the performance period {performance} and changes nothing",
                        change.reason
                    ),
                );
            }
        }
        Ok(())
    }
}

/// A share written as `"5%"` or `"0.05"`.
mod share {
    use crate::money::Decimal;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn parse(text: &str) -> Result<Decimal, String> {
        let text = text.trim();
        let (digits, more) = match text.strip_suffix('%') {
            Some(digits) => (digits.trim_end(), 2),
            None => (text, 0),
        };
        let number: Decimal = digits
            .parse()
            .map_err(|_| format!("`{text}` is no share; write \"5%\" or \"0.05\""))?;
        Decimal::new(number.mantissa(), number.scale() + more).map_err(|e| e.to_string())
    }

    pub(super) fn serialize<S: Serializer>(value: &Decimal, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(value)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Decimal, D::Error> {
        parse(&String::deserialize(from)?).map_err(serde::de::Error::custom)
    }
}

/// The same, or nothing.
mod optional_share {
    use crate::money::Decimal;
    use serde::{Deserialize, Deserializer, Serializer};

    #[expect(clippy::ref_option, reason = "serde's signature")]
    pub(super) fn serialize<S: Serializer>(
        value: &Option<Decimal>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        match value {
            Some(value) => to.collect_str(value),
            None => to.serialize_none(),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Option<Decimal>, D::Error> {
        let text = Option::<String>::deserialize(from)?;
        text.map(|t| super::share::parse(&t))
            .transpose()
            .map_err(serde::de::Error::custom)
    }
}
