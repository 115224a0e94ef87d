//! What stands behind the numbers as output tables: adjustments, initiatives, overrides and tests
//! for gaming, with the column names of the table contracts.

use super::table::{Column, Table, Values, boolean, decimal, integer, text};
use super::tables::{MONEY_SCALE, count, owned};
use crate::baseline::saving::{AdjustmentResult, InitiativeResult};
use crate::judge::integrity::IntegrityRow;
use crate::money::Decimal;
use crate::pipeline::OverrideRow;

/// `adjustments_applied`: every adjustment of the input and what became of it.
pub fn adjustments_applied(rows: &[AdjustmentResult]) -> Table {
    Table {
        name: "adjustments_applied",
        description: "Every adjustment that was given and what became of it",
        columns: vec![
            text(
                "contract_id",
                "The contract",
                rows.iter().map(|r| owned(&r.row.contract_id)),
            ),
            text(
                "adjustment_id",
                "The adjustment",
                rows.iter().map(|r| owned(&r.row.adjustment_id)),
            ),
            text(
                "kind",
                "routine or non_routine",
                rows.iter().map(|r| {
                    let kind = if r.row.non_routine {
                        "non_routine"
                    } else {
                        "routine"
                    };
                    Some(kind.to_owned())
                }),
            ),
            text(
                "measure",
                "The measure it is added to",
                rows.iter().map(|r| owned(&r.row.measure)),
            ),
            text(
                "from",
                "First day",
                rows.iter().map(|r| Some(r.row.from.to_string())),
            ),
            text(
                "to",
                "First day after",
                rows.iter().map(|r| Some(r.row.to.to_string())),
            ),
            decimal(
                "amount",
                "incidents or currency",
                "Signed amount per month, as given",
                MONEY_SCALE,
                rows.iter().map(|r| Some(r.row.amount)),
            ),
            text(
                "currency",
                "ISO 4217 code; absent for incidents, and for money in the contract's currency",
                rows.iter().map(|r| r.row.currency.map(|c| c.to_string())),
            ),
            integer(
                "months",
                "months",
                "Months that it falls in: of the performance period for money, of baseline and \
                 performance for incidents",
                rows.iter().map(|r| Some(i64::from(r.months))),
            ),
            decimal(
                "applied",
                "incidents or currency",
                "Added to the measure over those months; zero when it does not count",
                MONEY_SCALE,
                rows.iter().map(|r| Some(r.applied)),
            ),
            text(
                "agreed_by_customer_at",
                "When the customer agreed, in UTC",
                rows.iter()
                    .map(|r| r.row.agreed_by_customer_at.map(|at| at.to_string())),
            ),
            text(
                "agreed_by_supplier_at",
                "When the supplier agreed, in UTC",
                rows.iter()
                    .map(|r| r.row.agreed_by_supplier_at.map(|at| at.to_string())),
            ),
            text(
                "status",
                "applied, capped, not_agreed or not_used",
                rows.iter().map(|r| Some(r.status.to_owned())),
            ),
            text("reason", "Why", rows.iter().map(|r| owned(&r.reason))),
        ],
    }
}

/// `initiative_results`: every initiative and what it is credited with.
pub fn initiative_results(rows: &[InitiativeResult]) -> Table {
    let money = |name: &'static str,
                 description: &'static str,
                 get: fn(&InitiativeResult) -> Option<Decimal>| {
        decimal(
            name,
            "currency",
            description,
            MONEY_SCALE,
            rows.iter().map(get),
        )
    };
    Table {
        name: "initiative_results",
        description: "Every savings proposal and what it is credited with, each euro once",
        columns: vec![
            text(
                "contract_id",
                "The contract",
                rows.iter().map(|r| owned(&r.contract_id)),
            ),
            text(
                "initiative_id",
                "The initiative",
                rows.iter().map(|r| owned(&r.initiative_id)),
            ),
            text(
                "proposed_by",
                "supplier or customer",
                rows.iter().map(|r| owned(&r.proposed_by)),
            ),
            text(
                "service_id",
                "The service; absent for the whole contract",
                rows.iter().map(|r| owned(&r.service_id)),
            ),
            text(
                "claims",
                "What it claims",
                rows.iter().map(|r| owned(&r.claims)),
            ),
            text(
                "from",
                "First month of the performance period that it counts in",
                rows.iter().map(|r| r.from.map(|m| m.to_string())),
            ),
            integer(
                "months",
                "months",
                "Months of the performance period that it counts in",
                rows.iter().map(|r| Some(i64::from(r.months))),
            ),
            money("promised", "What was promised for those months", |r| {
                r.promised
            }),
            money(
                "realised",
                "Benchmark less actual on its service in those months, signed",
                |r| r.realised,
            ),
            money(
                "credited",
                "Its part of what was realised; every euro is credited once",
                |r| r.credited,
            ),
            money(
                "double_claimed",
                "Promised on the same money as others, beyond what is credited",
                |r| r.double_claimed,
            ),
            money(
                "realised_per_year",
                "Realised per year; absent unless the months are whole years",
                |r| r.per_year,
            ),
            text(
                "currency",
                "ISO 4217 code of the amounts",
                rows.iter().map(|r| Some(r.currency.to_string())),
            ),
            decimal(
                "incidents_avoided",
                "incidents",
                "Avoided incidents of its service in those months, signed, where it claims \
                 incidents",
                MONEY_SCALE,
                rows.iter().map(|r| r.incidents_avoided),
            ),
            text(
                "shared_with",
                "Other initiatives on the same service and months",
                rows.iter().map(|r| owned(&r.shared_with.join(" "))),
            ),
            text(
                "status",
                "credited, not_accepted, not_implemented or not_measurable",
                rows.iter().map(|r| Some(r.status.to_owned())),
            ),
            text(
                "reason",
                "Why, or what to know",
                rows.iter().map(|r| owned(&r.reason)),
            ),
        ],
    }
}

/// `overrides`: every decision against a rule that the terms record.
pub fn overrides(rows: &[OverrideRow]) -> Table {
    Table {
        name: "overrides",
        description: "Decisions to use a result although a rule disqualifies it",
        columns: vec![
            text(
                "contract_id",
                "The contract",
                rows.iter().map(|r| owned(&r.contract_id)),
            ),
            text(
                "override_id",
                "Its name in `overridden` of the settlement: the code, with the service where it is limited to one",
                rows.iter().map(|r| owned(&r.id())),
            ),
            text(
                "code",
                "The finding that is overridden",
                rows.iter().map(|r| owned(&r.code)),
            ),
            text(
                "service_id",
                "The service it is limited to; absent for all",
                rows.iter().map(|r| r.service_id.clone()),
            ),
            text("reason", "Why", rows.iter().map(|r| owned(&r.reason))),
            text(
                "agreed_by",
                "Who decided it",
                rows.iter().map(|r| owned(&r.agreed_by)),
            ),
            Column {
                name: "used",
                unit: "",
                description: "Whether a number rests on it",
                values: Values::Boolean(rows.iter().map(|r| Some(r.streams > 0)).collect()),
            },
            integer(
                "streams",
                "streams",
                "Streams of service and priority whose numbers rest on it",
                rows.iter().map(|r| count(r.streams)),
            ),
        ],
    }
}

/// `integrity`: every test for gaming of every contract.
pub fn integrity(rows: &[IntegrityRow]) -> Table {
    Table {
        name: "integrity",
        description: "Tests for gaming: conduct in the performance period against the baseline",
        columns: vec![
            text(
                "contract_id",
                "The contract",
                rows.iter().map(|r| owned(&r.contract_id)),
            ),
            text(
                "period",
                "The months of the performance period that were tested",
                rows.iter().map(|r| owned(&r.period)),
            ),
            text(
                "test",
                "What is tested",
                rows.iter().map(|r| Some(r.kind.name().to_owned())),
            ),
            decimal(
                "statistic",
                "count",
                "Occurrences in the period; for impact_despite_kpi hours of all users",
                0,
                rows.iter().map(|r| Some(r.statistic)),
            ),
            decimal(
                "p_value",
                "",
                "One-sided probability of as much by chance had conduct not changed; absent when \
                 there is too little to test",
                9,
                rows.iter().map(|r| r.p_value),
            ),
            decimal(
                "q_value",
                "",
                "The p value corrected for all tests of the contract (Benjamini and Hochberg)",
                9,
                rows.iter().map(|r| r.q_value),
            ),
            decimal(
                "effect",
                "times the baseline",
                "How many times as much as in the baseline, as effect_unit says",
                3,
                rows.iter().map(|r| r.effect),
            ),
            text(
                "effect_unit",
                "ratio of rates, ratio of odds or ratio of means",
                rows.iter().map(|r| Some(r.kind.effect_unit().to_owned())),
            ),
            decimal(
                "least_effect",
                "times the baseline",
                "Smaller effects are not flagged, however certain",
                3,
                rows.iter()
                    .map(|r| Decimal::from_f64_rounded(r.kind.least_effect(), 3).ok()),
            ),
            boolean(
                "flagged",
                "Whether q_value is at most 0.05 and effect at least least_effect; a reason to \
                 ask, never a penalty by itself",
                rows.iter().map(|r| Some(r.flagged)),
            ),
            text(
                "cleared",
                "What the parties found a flag to be, and who decided it",
                rows.iter().map(|r| r.cleared.clone()),
            ),
            text(
                "verdict",
                "In words",
                rows.iter().map(|r| owned(&r.verdict)),
            ),
            text(
                "evidence",
                "Figures of both periods, and the first ticket or invoice numbers",
                rows.iter().map(|r| owned(&r.evidence)),
            ),
        ],
    }
}
