//! `[[clause]]` as written. Not responsible for how a kind becomes steps (see
//! [`crate::settle`]).

mod kind;
mod step;

pub use kind::{COMMON_FIELDS, Kind};
pub use step::{Apply, BandSource, Carry, Closed, Mode, StepSource};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::source::{Per, RoundingSource};
use super::value::{Day, Located, OneOrMany, Value};
use crate::money::{Currency, Decimal};

/// `[[clause]]`. Which fields belong to which kind: see [`Kind::fields`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[allow(
    missing_docs,
    reason = "each field is documented per kind in docs/terms.md"
)]
pub struct ClauseSource {
    /// Its name, unique in the contract; later clauses may use it as a value.
    pub id: Located<String>,
    /// What it is.
    pub kind: Located<Kind>,
    /// For people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// The paragraph of the contract or regulation that it writes down.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// How often it is settled; as the contract when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per: Option<Located<Per>>,
    /// The currency it is computed in; that of the contract when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub currency: Option<Located<Currency>>,
    /// The currency it is paid in; that of the contract when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pay_in: Option<Located<Currency>>,
    /// First day on which it holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Located<Day>>,
    /// First day on which it no longer holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Located<Day>>,
    /// The condition under which it pays at all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when: Option<Located<Value>>,
    /// The supplier that receives or pays it; that of the contract when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub supplier: Option<Located<String>>,
    /// The shares of several suppliers, at most 1 together; the remainder is paid to nobody.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub split: Option<Located<std::collections::BTreeMap<String, Located<Value>>>>,
    /// Whether a period that the contract covers in part pays by its days.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prorate: Option<bool>,
    /// Rounding other than that of the contract.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rounding: Option<RoundingSource>,
    /// Paid provisionally each period and recomputed over this longer period at its end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub true_up: Option<Located<Per>>,

    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub basis: Option<Located<Value>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amount: Option<Located<Value>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price: Option<Located<Value>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quantity: Option<Located<Value>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub baseline: Option<Located<Value>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dead_band: Option<Located<Value>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub beyond: Option<Located<Mode>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub arc: Option<Located<Value>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rrc: Option<Located<Value>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub minimum: Option<Located<Value>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub minimum_mode: Option<Located<Mode>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub share: Option<Located<Value>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bands: Option<Located<Vec<BandSource>>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub apply: Option<Located<Apply>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub of: Option<Located<Value>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quality: Option<Located<Value>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cap: Option<Located<OneOrMany>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub floor: Option<Located<OneOrMany>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<Located<Method>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actual_cost: Option<Located<Value>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_cost: Option<Located<Value>>,
    #[serde(
        default,
        alias = "target_profit",
        skip_serializing_if = "Option::is_none"
    )]
    pub target_fee: Option<Located<Value>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_price: Option<Located<Value>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub share_over: Option<Located<Value>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub share_under: Option<Located<Value>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_fee: Option<Located<Value>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_fee: Option<Located<Value>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ceiling_price: Option<Located<Value>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pays: Option<Located<Pays>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paid_on: Option<Located<PaidOn>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signed: Option<Located<bool>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_risk: Option<Located<Value>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub levels: Option<Located<Vec<LevelSource>>>,
    /// What the allocations of the pool may add up to; 1 when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allocation_limit: Option<Located<Decimal>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget: Option<Located<Value>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget_per: Option<Located<Within>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub funded_by: Option<Located<Value>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spend: Option<Located<Value>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<Located<WalletBy>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub members: Option<Located<Vec<MemberSource>>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slices: Option<Located<OneOrMany>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate: Option<Located<Value>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<Located<Value>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<Located<OneOrMany>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub low: Option<Located<Value>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub high: Option<Located<Value>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub over: Option<Located<Vec<Located<String>>>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub over_period: Option<Located<Within>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub release: Option<Located<Value>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub release_after: Option<Located<u16>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_after: Option<Located<u16>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub opening: Option<Located<Value>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<Located<Value>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blend: Option<Located<Value>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub every: Option<Located<Per>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub only_down: Option<Located<bool>>,
    /// Says a second time that the benchmark is meant to follow the ticket volume.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub benchmark_follows_volume: Option<Located<bool>>,
    /// Further steps, in order, after what the kind's own fields say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub steps: Option<Located<Vec<Located<StepSource>>>>,
}

/// The rule by which a cost incentive works.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// Cost plus incentive fee (FAR 16.405-1).
    Cpif,
    /// Fixed price incentive, firm target (FAR 16.403-1).
    Fpif,
    /// Supplier's share of slices of the difference between target and actual cost (NEC Option
    /// C and D, clause 54).
    ShareRanges,
}

/// What a cost incentive pays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Pays {
    /// Only the fee or share; the cost is paid elsewhere.
    Fee,
    /// The cost and the fee or share.
    Price,
}

/// The figure on which avoided incidents are paid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PaidOn {
    /// The point estimate.
    Estimate,
    /// The lower confidence bound.
    LowerBound,
}

/// A span over which a limit or budget counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Within {
    /// Each settlement period.
    Period,
    /// The contract year.
    ContractYear,
    /// The whole contract.
    Contract,
}

/// How a wallet is divided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum WalletBy {
    /// Slices by rank of score.
    Rank,
    /// In proportion to the score.
    Score,
}

/// One service level or communication KPI.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LevelSource {
    /// Its name in the record.
    pub id: Located<String>,
    /// What is measured.
    pub measure: Located<Value>,
    /// The level that must be reached; for `bands`, what counts as failed when it is given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<Located<Value>>,
    /// Whether less is better.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lower_is_better: Option<bool>,
    /// Its part of the amount at risk; several multiply (category, credit).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allocation: Option<Located<OneOrMany>>,
    /// Category: the allocations of different categories may together be at most 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub category: Option<String>,
    /// Points, amounts or shares by measured value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bands: Option<Located<Vec<BandSource>>>,
    /// For `communication`: paid when the target is reached.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bonus: Option<Located<Value>>,
    /// For `communication`: charged when `floor` is missed (or the target, without a floor).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub malus: Option<Located<Value>>,
    /// For `communication`: below it the malus applies.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub floor: Option<Located<Value>>,
    /// The factor when the same level failed in the period before as well.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repeat: Option<Located<Value>>,
    /// The condition under which the level does not count (accepted relief).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub excused_when: Option<Located<Value>>,
    /// How a credit is earned back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub earn_back: Option<Located<EarnBackSource>>,
}

/// Earn-back of a credit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EarnBackSource {
    /// In how many consecutive following periods the condition has to hold.
    pub periods: u16,
    /// The condition; that the level is reached, when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when: Option<Located<Value>>,
    /// How much of the credit comes back; all when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub share: Option<Located<Value>>,
}

/// One supplier in a wallet.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MemberSource {
    /// The supplier.
    pub supplier: Located<String>,
    /// What it is ranked by; more is better.
    pub score: Located<Value>,
    /// Its slice today, to show the effect.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub current: Option<Located<Value>>,
}
