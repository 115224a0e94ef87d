//! `[[clause]]` as written: the kinds, their fields and the steps of the algebra. Not responsible
//! for how a kind becomes steps (see [`crate::settle`]).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::source::{Per, RoundingSource};
use super::value::{Day, Located, OneOrMany, Value};
use crate::money::{Currency, Decimal, Rounding};

/// What a clause is. Every kind is a short way to write a basis and some steps of one algebra.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Any basis and any steps; what remains is paid (or charged, if negative).
    Formula,
    /// The same amount every period.
    FixedFee,
    /// A price per ticket.
    PerTicket,
    /// A charge for a baseline volume, with prices for more and for less (ARC/RRC).
    VolumeBand,
    /// A share of a saving, never below zero.
    GainShare,
    /// A share of a loss that the supplier pays back.
    PainShare,
    /// Cost incentives: CPIF, FPIF, share ranges.
    TargetCost,
    /// A price per avoided incident, or a share of the avoided impact.
    IncidentReduction,
    /// Credits for missed service levels.
    ServiceCredit,
    /// Bonus and malus on proactive communication.
    Communication,
    /// Paid hours for capacity, performance and problem management, up to a budget.
    ProactiveFund,
    /// The division of the next period's spend over suppliers; pays nothing itself.
    Wallet,
    /// A share of a business outcome.
    OutcomeShare,
    /// An upper limit on the sum of earlier clauses.
    Cap,
    /// A lower and an upper limit on the sum of earlier clauses.
    Collar,
    /// A part of earlier clauses that is paid later, on a condition.
    Holdback,
    /// A negative sum of earlier clauses is carried into the next period.
    CarryForward,
    /// A baseline that follows what was achieved.
    Rebase,
}

impl Kind {
    /// The name in a terms file.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Kind::Formula => "formula",
            Kind::FixedFee => "fixed_fee",
            Kind::PerTicket => "per_ticket",
            Kind::VolumeBand => "volume_band",
            Kind::GainShare => "gain_share",
            Kind::PainShare => "pain_share",
            Kind::TargetCost => "target_cost",
            Kind::IncidentReduction => "incident_reduction",
            Kind::ServiceCredit => "service_credit",
            Kind::Communication => "communication",
            Kind::ProactiveFund => "proactive_fund",
            Kind::Wallet => "wallet",
            Kind::OutcomeShare => "outcome_share",
            Kind::Cap => "cap",
            Kind::Collar => "collar",
            Kind::Holdback => "holdback",
            Kind::CarryForward => "carry_forward",
            Kind::Rebase => "rebase",
        }
    }

    /// Fields of the kind, beside those that every clause has: required ones first.
    #[must_use]
    pub fn fields(self) -> (&'static [&'static str], &'static [&'static str]) {
        match self {
            Kind::Formula => (&["basis"], &["steps"]),
            Kind::FixedFee => (&["amount"], &["steps"]),
            Kind::PerTicket => (&["price"], &["quantity", "steps"]),
            Kind::VolumeBand => (
                &["quantity", "baseline"],
                &[
                    "amount",
                    "dead_band",
                    "beyond",
                    "arc",
                    "rrc",
                    "bands",
                    "steps",
                ],
            ),
            Kind::GainShare | Kind::PainShare => (
                &["basis"],
                &[
                    "minimum",
                    "minimum_mode",
                    "share",
                    "bands",
                    "apply",
                    "of",
                    "quality",
                    "cap",
                    "floor",
                    "benchmark_follows_volume",
                    "steps",
                ],
            ),
            Kind::TargetCost => (
                &["method", "actual_cost", "target_cost"],
                &[
                    "target_fee",
                    "target_price",
                    "share",
                    "share_over",
                    "share_under",
                    "min_fee",
                    "max_fee",
                    "ceiling_price",
                    "bands",
                    "pays",
                    "steps",
                ],
            ),
            Kind::IncidentReduction => (
                &[],
                &["paid_on", "quantity", "price", "share", "signed", "steps"],
            ),
            Kind::ServiceCredit => (
                &["levels"],
                &["amount", "at_risk", "allocation_limit", "price", "steps"],
            ),
            Kind::Communication => (
                &["levels"],
                &["amount", "at_risk", "allocation_limit", "price", "steps"],
            ),
            Kind::ProactiveFund => (
                &["quantity", "price", "budget"],
                &["budget_per", "funded_by", "steps"],
            ),
            Kind::Wallet => (&["spend", "members"], &["by", "slices"]),
            Kind::OutcomeShare => (
                &["rate", "baseline", "quantity", "value", "share"],
                &["signed", "steps"],
            ),
            Kind::Cap => (&["limit"], &["over", "over_period"]),
            Kind::Collar => (&["low", "high"], &["over", "over_period"]),
            Kind::Holdback => (&["share", "release"], &["over", "release_after"]),
            Kind::CarryForward => (&[], &["over", "limit", "expires_after", "opening"]),
            Kind::Rebase => (&["value", "to"], &["blend", "every", "only_down"]),
        }
    }
}

/// Fields that every clause has.
pub const COMMON_FIELDS: &[&str] = &[
    "id", "kind", "title", "rule", "per", "currency", "pay_in", "from", "until", "when",
    "supplier", "split", "prorate", "rounding", "true_up",
];

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
