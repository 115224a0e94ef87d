//! The kinds of clauses and the fields of each. Not responsible for what a field means (see
//! [`crate::settle`]).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

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
