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

    /// What the clause starts from. For `gain_share` and `pain_share` the saving; its negative part
    /// is the loss.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub basis: Option<Located<Value>>,
    /// For `fixed_fee`: the amount per period. For `volume_band`: the charge for the baseline
    /// volume. For levels: the money of which shares are at risk.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amount: Option<Located<Value>>,
    /// The price per unit: ticket, avoided incident, hour or point.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price: Option<Located<Value>>,
    /// What is counted; `ticket_count` or `incidents_avoided` when left out where the kind has such
    /// a measure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quantity: Option<Located<Value>>,
    /// For `volume_band`: the volume that the charge covers. For `outcome_share`: the rate to be
    /// improved on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub baseline: Option<Located<Value>>,
    /// For `volume_band`: the share of the baseline within which nothing changes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dead_band: Option<Located<Value>>,
    /// For `volume_band`: what counts once the dead band is passed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub beyond: Option<Located<Mode>>,
    /// For `volume_band`: the price of an additional unit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub arc: Option<Located<Value>>,
    /// For `volume_band`: the credit for a unit less.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rrc: Option<Located<Value>>,
    /// Nothing counts until the saving (or loss) reaches this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub minimum: Option<Located<Value>>,
    /// What counts once `minimum` is reached.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub minimum_mode: Option<Located<Mode>>,
    /// The supplier's share, from 0 to 1. For `holdback`: the share held back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub share: Option<Located<Value>>,
    /// Bands of shares, prices or (for ranges) the supplier's share of each.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bands: Option<Located<Vec<BandSource>>>,
    /// How `bands` apply: `marginal` (each slice at its rate, when left out) or `whole`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub apply: Option<Located<Apply>>,
    /// The edges of `bands` are shares of this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub of: Option<Located<Value>>,
    /// A score that the share is multiplied by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quality: Option<Located<Value>>,
    /// The most that is paid (or, in a `pain_share`, charged); of several the least.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cap: Option<Located<OneOrMany>>,
    /// The least that is paid; of several the greatest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub floor: Option<Located<OneOrMany>>,
    /// For `target_cost`: the rule of the incentive.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<Located<Method>>,
    /// For `target_cost`: what the work really cost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actual_cost: Option<Located<Value>>,
    /// For `target_cost`: the cost that was agreed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_cost: Option<Located<Value>>,
    /// For `target_cost`: the fee (or profit) at the target cost; `target_profit` is another name
    /// for it.
    #[serde(
        default,
        alias = "target_profit",
        skip_serializing_if = "Option::is_none"
    )]
    pub target_fee: Option<Located<Value>>,
    /// For `target_cost`: target cost plus target fee; refused if it is not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_price: Option<Located<Value>>,
    /// For `target_cost`: the supplier's share of an overrun.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub share_over: Option<Located<Value>>,
    /// For `target_cost`: the supplier's share of an underrun.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub share_under: Option<Located<Value>>,
    /// For `cpif`: the least fee.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_fee: Option<Located<Value>>,
    /// For `cpif`: the greatest fee.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_fee: Option<Located<Value>>,
    /// For `fpif`: the most that is paid, cost included.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ceiling_price: Option<Located<Value>>,
    /// For `target_cost`: the fee or share alone, or the price with the cost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pays: Option<Located<Pays>>,
    /// For `incident_reduction`: the estimate, or the lower confidence bound.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paid_on: Option<Located<PaidOn>>,
    /// Whether a deterioration is charged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signed: Option<Located<bool>>,
    /// For levels: the share of `amount` that is at risk.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_risk: Option<Located<Value>>,
    /// Service levels or communication KPIs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub levels: Option<Located<Vec<LevelSource>>>,
    /// What the allocations of the pool may add up to; 1 when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allocation_limit: Option<Located<Decimal>>,
    /// For `proactive_fund`: the most that is paid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget: Option<Located<Value>>,
    /// For `proactive_fund`: the span of the budget; the contract year when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget_per: Option<Located<Within>>,
    /// For `proactive_fund`: an amount that is added to the budget, such as a share of an earlier
    /// clause.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub funded_by: Option<Located<Value>>,
    /// For `wallet`: the spend of the next period that is divided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spend: Option<Located<Value>>,
    /// For `wallet`: slices by rank, or in proportion to the score.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<Located<WalletBy>>,
    /// For `wallet`: the suppliers among which the spend is divided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub members: Option<Located<Vec<MemberSource>>>,
    /// For `wallet`: the slice of each rank, the best first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slices: Option<Located<OneOrMany>>,
    /// For `outcome_share`: the rate that was reached.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate: Option<Located<Value>>,
    /// For `rebase`: the baseline at first. For `outcome_share`: the value of one unit of the
    /// outcome.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<Located<Value>>,
    /// For `cap`: the upper limit of the sum; of several the least. For `carry_forward`: the most
    /// that is carried.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<Located<OneOrMany>>,
    /// For `collar`: the lower limit of the sum.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub low: Option<Located<Value>>,
    /// For `collar`: the upper limit of the sum.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub high: Option<Located<Value>>,
    /// The earlier clauses that it is about; all of them when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub over: Option<Located<Vec<Located<String>>>>,
    /// The span over which the sum is limited; each period when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub over_period: Option<Located<Within>>,
    /// For `holdback`: the condition on which it is released.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub release: Option<Located<Value>>,
    /// For `holdback`: how many months it is held at least.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub release_after: Option<Located<u16>>,
    /// For `carry_forward`: after how many periods a carried loss lapses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_after: Option<Located<u16>>,
    /// For `carry_forward`: the loss carried from before the first period.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub opening: Option<Located<Value>>,
    /// For `rebase`: what the baseline moves to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<Located<Value>>,
    /// For `rebase`: how far the baseline moves, from 0 to 1; all the way when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blend: Option<Located<Value>>,
    /// For `rebase`: how often the baseline moves; each contract year when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub every: Option<Located<Per>>,
    /// For `rebase`: whether the baseline never rises.
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
