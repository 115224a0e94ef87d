//! KPI values, settlement and the comparison of schemes as output tables with the column names of
//! the table contracts.

use super::table::{Table, decimal, integer, text};
use super::tables::{MONEY_SCALE, count, owned};
use crate::judge::align::AlignmentRow;
use crate::judge::backtest::SchemeRow;
use crate::score::{KpiValue, period_text};
use crate::settle::SettlementLine;

/// The serde name of a closed word, so that tables and JSON say the same.
fn word(value: impl serde::Serialize) -> Option<String> {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => Some(word),
        _ => None,
    }
}

/// `kpi`: KPI values per contract, period and scope.
pub fn kpi(rows: &[KpiValue]) -> Table {
    let figure = |name: &'static str,
                  unit: &'static str,
                  description: &'static str,
                  get: fn(&KpiValue) -> Option<crate::money::Decimal>| {
        decimal(name, unit, description, MONEY_SCALE, rows.iter().map(get))
    };
    Table {
        name: "kpi",
        description: "KPI values per contract, period and scope",
        columns: vec![
            text(
                "contract_id",
                "The contract",
                rows.iter().map(|r| owned(&r.contract_id)),
            ),
            text(
                "period",
                "Month, quarter or half-open interval of months",
                rows.iter().map(|r| Some(period_text(&r.period))),
            ),
            text(
                "kpi",
                "Id in the catalogue; of a composite score of the terms score_ and its id",
                rows.iter().map(|r| Some(r.kpi.to_string())),
            ),
            text(
                "scope",
                "contract, service or priority",
                rows.iter().map(|r| Some(r.scope.kind().to_owned())),
            ),
            text(
                "scope_value",
                "The supplier, service or priority; absent for the contract and for all suppliers together",
                rows.iter().map(|r| owned(&r.scope.value())),
            ),
            figure(
                "value",
                "see column unit",
                "The value, rounded as the catalogue says",
                |r| r.value,
            ),
            text("unit", "Its unit", rows.iter().map(|r| owned(&r.unit))),
            integer(
                "n",
                "count",
                "Observations it rests on",
                rows.iter().map(|r| count(r.n)),
            ),
            integer(
                "min_n",
                "count",
                "Observations it needs",
                rows.iter().map(|r| count(r.min_n)),
            ),
            integer(
                "excluded_n",
                "count",
                "Observations left out",
                rows.iter().map(|r| count(r.excluded_n)),
            ),
            figure("numerator", "", "What is divided, unrounded", |r| {
                r.numerator
                    .map(|d| d.round(MONEY_SCALE, crate::money::Rounding::HalfEven))
            }),
            figure("denominator", "", "What it is divided by", |r| {
                r.denominator
                    .map(|d| d.round(MONEY_SCALE, crate::money::Rounding::HalfEven))
            }),
            figure(
                "baseline",
                "see column unit",
                "The same KPI over the baseline period",
                |r| r.baseline,
            ),
            figure(
                "target",
                "see column unit",
                "The target of the terms",
                |r| r.target,
            ),
            figure(
                "ci_low",
                "see column unit",
                "Lower end of the joint interval",
                |r| r.ci_low,
            ),
            figure(
                "ci_high",
                "see column unit",
                "Upper end of the joint interval",
                |r| r.ci_high,
            ),
            figure("ci_level", "", "Two-sided level of the interval", |r| {
                r.ci_level
            }),
            figure(
                "score",
                "",
                "0 to 1, linear between floor and target",
                |r| r.score,
            ),
            text(
                "direction",
                "Which values are better",
                rows.iter().map(|r| Some(r.direction.name().to_owned())),
            ),
            text(
                "status",
                "ok, not_measurable or disqualified",
                rows.iter().map(|r| Some(r.status.name().to_owned())),
            ),
            text(
                "reason",
                "Why there is no value, or what to know about it",
                rows.iter().map(|r| owned(&r.reason)),
            ),
            text(
                "rule",
                "The rule that decided the ambiguous",
                rows.iter().map(|r| owned(&r.rule)),
            ),
        ],
    }
}

/// `settlement`: every step of every amount.
pub fn settlement(rows: &[SettlementLine]) -> Table {
    let figure = |name: &'static str,
                  description: &'static str,
                  get: fn(&SettlementLine) -> Option<crate::money::Decimal>| {
        text(
            name,
            description,
            rows.iter()
                .map(move |r| get(r).map(|d| d.normalized().to_string())),
        )
    };
    let money = |name: &'static str,
                 description: &'static str,
                 get: fn(&SettlementLine) -> Option<crate::money::Decimal>| {
        decimal(
            name,
            "currency",
            description,
            MONEY_SCALE,
            rows.iter().map(move |r| {
                get(r).map(|d| d.round(MONEY_SCALE, crate::money::Rounding::HalfEven))
            }),
        )
    };
    Table {
        name: "settlement",
        description: "Every step of every amount; positive is owed by the customer",
        columns: vec![
            text(
                "contract_id",
                "The contract",
                rows.iter().map(|r| owned(&r.contract_id)),
            ),
            text(
                "supplier_id",
                "The supplier",
                rows.iter().map(|r| owned(&r.supplier_id)),
            ),
            text(
                "period",
                "The period of the clause",
                rows.iter().map(|r| owned(&r.period)),
            ),
            text(
                "clause_id",
                "The clause; total for the sum of a statement",
                rows.iter().map(|r| owned(&r.clause_id)),
            ),
            integer(
                "seq",
                "",
                "Order within the contract",
                rows.iter().map(|r| Some(i64::from(r.seq))),
            ),
            text(
                "step",
                "basis, the step's word, or amount",
                rows.iter().map(|r| owned(&r.step)),
            ),
            text(
                "level",
                "The service level of the row, in a clause with several",
                rows.iter().map(|r| r.level.clone()),
            ),
            figure("basis", "Running amount before the step, exact", |r| {
                r.basis
            }),
            figure(
                "rate",
                "What the step multiplied by, added or limited to, exact; on a balance the periods that are left",
                |r| r.rate,
            ),
            figure(
                "measure_value",
                "Measured basis of the clause, exact",
                |r| r.measure_value,
            ),
            figure("unrounded", "The amount before rounding, exact", |r| {
                r.unrounded
            }),
            money(
                "amount",
                "Running amount after the step; what is due, where amount_kind is payable",
                |r| r.amount,
            ),
            text(
                "currency",
                "ISO 4217 code",
                rows.iter().map(|r| Some(r.currency.to_string())),
            ),
            text("payer", "Who pays", rows.iter().map(|r| r.payer.clone())),
            text(
                "payee",
                "Who receives",
                rows.iter().map(|r| r.payee.clone()),
            ),
            text(
                "amount_kind",
                "gross, qualified, step, payable or total",
                rows.iter().map(|r| word(r.amount_kind)),
            ),
            money("prior_amount", "What earlier statements settled", |r| {
                r.prior_amount
            }),
            money("delta", "Amount less prior amount", |r| r.delta),
            text(
                "document_type",
                "invoice, credit_note or none",
                rows.iter()
                    .map(|r| r.document_type.as_deref().map(str::to_owned)),
            ),
            text(
                "bound_by",
                "Which limit decided",
                rows.iter().map(|r| r.bound_by.clone()),
            ),
            text(
                "terms_version",
                "State of the terms that counted",
                rows.iter().map(|r| owned(&r.terms_version)),
            ),
            text(
                "status",
                "final, provisional, disputed, not_measurable; balances: carried, withheld, pending, missed, passed, rebased",
                rows.iter().map(|r| word(r.status)),
            ),
            text(
                "overridden",
                "Decisions against a rule that the row rests on: `override_id` of the table overrides, separated by commas; absent for none",
                rows.iter().map(|r| owned(&r.overridden.join(", "))),
            ),
            text(
                "rule",
                "The paragraph that the clause writes down",
                rows.iter().map(|r| owned(&r.rule)),
            ),
            text(
                "explanation",
                "One line of the calculation, in words",
                rows.iter().map(|r| owned(&r.explanation)),
            ),
        ],
    }
}

/// `schemes`: the same history under this contract and others, month by month.
pub fn schemes(rows: &[SchemeRow]) -> Table {
    let money = |name: &'static str,
                 description: &'static str,
                 get: fn(&SchemeRow) -> Option<crate::money::Decimal>| {
        decimal(
            name,
            "currency",
            description,
            MONEY_SCALE,
            rows.iter().map(get),
        )
    };
    Table {
        name: "schemes",
        description: "What this contract and other pricing schemes pay over the same history, by month",
        columns: vec![
            text(
                "contract_id",
                "The contract",
                rows.iter().map(|r| owned(&r.contract_id)),
            ),
            text(
                "period",
                "The month, whatever the settlement period",
                rows.iter().map(|r| owned(&r.period)),
            ),
            text(
                "scheme",
                "this_contract, or the scheme it is compared with",
                rows.iter().map(|r| owned(&r.scheme)),
            ),
            money(
                "supplier_revenue",
                "The customer's fees; what settles a longer period stands in its last month, a true-up likewise",
                |r| r.supplier_revenue,
            ),
            money(
                "supplier_profit",
                "Revenue less what the service cost the supplier, by month where it is known by month; absent without cost assumptions in the terms",
                |r| {
                    r.supplier_profit
                        .map(|p| p.round(MONEY_SCALE, crate::money::Rounding::HalfEven))
                },
            ),
            money(
                "impact_cost",
                "Business impact that the customer bore, by the month in which it fell",
                |r| r.impact_cost,
            ),
            money("customer_total_cost", "Revenue and impact together", |r| {
                r.customer_total_cost
            }),
            text(
                "currency",
                "ISO 4217 code",
                rows.iter().map(|r| Some(r.currency.to_string())),
            ),
            text(
                "reason",
                "Why something is absent, or that it stands in a later month",
                rows.iter().map(|r| owned(&r.reason)),
            ),
        ],
    }
}

/// `alignment`: what one more of something is worth to the supplier, by region.
pub fn alignment(rows: &[AlignmentRow]) -> Table {
    let figure = |name: &'static str,
                  unit: &'static str,
                  description: &'static str,
                  get: fn(&AlignmentRow) -> Option<crate::money::Decimal>| {
        decimal(
            name,
            unit,
            description,
            MONEY_SCALE,
            rows.iter().map(move |r| {
                get(r).map(|d| d.round(MONEY_SCALE, crate::money::Rounding::HalfEven))
            }),
        )
    };
    Table {
        name: "alignment",
        description: "What one more of something is worth to the supplier, over its whole range",
        columns: vec![
            text(
                "contract_id",
                "The contract",
                rows.iter().map(|r| owned(&r.contract_id)),
            ),
            text(
                "clause_id",
                "The clause; all for all clauses together",
                rows.iter().map(|r| owned(&r.clause_id)),
            ),
            text(
                "period",
                "The settlement period in which the driver acts",
                rows.iter().map(|r| owned(&r.period)),
            ),
            text(
                "driver",
                "What there is one more of",
                rows.iter().map(|r| owned(&r.driver)),
            ),
            text(
                "unit",
                "What one of it is called",
                rows.iter().map(|r| owned(&r.unit)),
            ),
            text(
                "kind",
                "region, best_plan, at, ratchet, repair or slice",
                rows.iter().map(|r| word(r.kind)),
            ),
            integer(
                "horizon_years",
                "years",
                "Years over which the effect lasts",
                rows.iter().map(|r| Some(i64::from(r.horizon_years))),
            ),
            figure(
                "region_from",
                "units of the driver",
                "Start of the region",
                |r| r.region_from,
            ),
            figure(
                "region_to",
                "units of the driver",
                "End of the region; belongs to the next where that starts with a jump",
                |r| r.region_to,
            ),
            figure(
                "now",
                "units of the driver",
                "Where the contract stands",
                |r| Some(r.now),
            ),
            figure(
                "marginal_payment",
                "currency",
                "What the clause pays for one more",
                |r| r.marginal_payment,
            ),
            figure(
                "marginal_profit",
                "currency",
                "What one more is worth to the supplier; for a clause: if it were the only one",
                |r| r.marginal_profit,
            ),
            figure(
                "marginal_customer",
                "currency",
                "What one more is worth to the customer",
                |r| r.marginal_customer,
            ),
            figure(
                "break_even_share",
                "",
                "The share at which one more neither earns nor costs the supplier anything",
                |r| r.break_even_share,
            ),
            figure(
                "break_even_cost",
                "currency",
                "The most that bringing one more about may cost the supplier",
                |r| r.break_even_cost,
            ),
            figure(
                "notch",
                "currency",
                "Jump of the payment at the start of the region",
                |r| r.notch,
            ),
            figure(
                "profit",
                "currency",
                "Change of the supplier's profit from the start of the range to the start of the region, or to the place",
                |r| r.profit,
            ),
            text(
                "currency",
                "ISO 4217 code",
                rows.iter().map(|r| Some(r.currency.to_string())),
            ),
            text(
                "exact",
                "yes, or no where the payment is curved and the region a straight piece of it",
                rows.iter()
                    .map(|r| Some(if r.exact { "yes" } else { "no" }.to_owned())),
            ),
            text(
                "verdict",
                "In words",
                rows.iter().map(|r| owned(&r.verdict)),
            ),
        ],
    }
}
