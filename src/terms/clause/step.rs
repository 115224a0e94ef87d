//! Steps and bands as written. Not responsible for their arithmetic (see [`crate::settle`]).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::super::value::{Located, OneOrMany, Value};
use super::Within;
use crate::money::Rounding;

/// One band `[from, to)`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BandSource {
    /// Lower edge; the end of the band before, or no lower limit, when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Located<Value>>,
    /// Upper edge; the start of the next band, or no upper limit, when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<Located<Value>>,
    /// What the amount is multiplied by: a share, price or rate.
    #[serde(
        default,
        alias = "share",
        alias = "price",
        skip_serializing_if = "Option::is_none"
    )]
    pub rate: Option<Located<Value>>,
    /// What the amount becomes, whatever it was (with `apply = "whole"` only): an amount or a
    /// number of points.
    #[serde(default, alias = "points", skip_serializing_if = "Option::is_none")]
    pub amount: Option<Located<Value>>,
}

/// One step of the algebra: exactly one of the verbs, with what belongs to it. The running
/// amount enters and leaves.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StepSource {
    /// Nothing counts until the amount passes this; then `mode` says what counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub minimum: Option<Located<Value>>,
    /// For `minimum`: everything (`first_dollar`) or the excess only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<Located<Mode>>,
    /// Bands of shares, prices or amounts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bands: Option<Located<Vec<BandSource>>>,
    /// For `bands`: marginal or whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub apply: Option<Located<Apply>>,
    /// For `bands`: edges are shares of this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub of: Option<Located<Value>>,
    /// For `bands`: the value that chooses the band, when it is not the amount itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<Located<Value>>,
    /// For `bands`: a value on an edge belongs to the band below (`upper`) or above (`lower`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closed: Option<Located<Closed>>,
    /// The supplier's share: multiplies, and lies between 0 and 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub share: Option<Located<Value>>,
    /// The supplier's share in the first, second, … contract year; the last one stays.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub share_by_year: Option<Located<OneOrMany>>,
    /// A price per unit: multiplies.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price: Option<Located<Value>>,
    /// Any factor: multiplies.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub times: Option<Located<Value>>,
    /// A quality score: multiplies.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quality: Option<Located<Value>>,
    /// How much of it is credited to the supplier: multiplies, and lies between 0 and 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attribution: Option<Located<Value>>,
    /// How much of it is relieved: multiplies by 1 less it, and lies between 0 and 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub relief: Option<Located<Value>>,
    /// Adds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub add: Option<Located<Value>>,
    /// Subtracts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subtract: Option<Located<Value>>,
    /// At most this, or the least of several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cap: Option<Located<OneOrMany>>,
    /// At least this, or the greatest of several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub floor: Option<Located<OneOrMany>>,
    /// For `cap` and `floor`: the span over which the sum is limited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub over: Option<Located<Within>>,
    /// A negative amount is carried into the next period and deducted there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub carry: Option<Located<Carry>>,
    /// For `carry`: the most that is carried.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<Located<Value>>,
    /// For `carry`: after how many periods a carried loss lapses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_after: Option<Located<u16>>,
    /// For `carry`: what was carried before the first period.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub opening: Option<Located<Value>>,
    /// Rounds here, to so many decimals.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub round: Option<Located<u8>>,
    /// For `round`: the rule; `half_up` when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rounding: Option<Rounding>,
    /// Nothing, unless this holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when: Option<Located<Value>>,
    /// Multiplies when the amount here was not zero in the period before either.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repeat: Option<Located<Value>>,
    /// For people: why, shown in the explanation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub because: Option<String>,
}

/// On which side an edge belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Closed {
    /// `[from, to)`: an edge belongs to the band above it.
    #[default]
    Lower,
    /// `(from, to]`: an edge belongs to the band below it.
    Upper,
}

/// What is carried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Carry {
    /// Negative amounts.
    Losses,
}

impl StepSource {
    /// The verbs.
    pub const VERBS: &[&str] = &[
        "minimum",
        "bands",
        "share",
        "share_by_year",
        "price",
        "times",
        "quality",
        "attribution",
        "relief",
        "add",
        "subtract",
        "cap",
        "floor",
        "carry",
        "round",
        "when",
        "repeat",
    ];
}

/// How bands apply.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Apply {
    /// Each slice of the amount at the rate of the band it lies in.
    #[default]
    Marginal,
    /// The whole amount at the rate of the band that the amount (or `by`) lies in.
    Whole,
}

/// What counts once a minimum or dead band is passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Everything, from the first unit.
    FirstDollar,
    /// Only what exceeds it.
    #[default]
    Excess,
}
