//! What a contract costs its customer in all, and how spend spreads over suppliers.

use super::super::catalogue::{self, Across, Kpi, Levels, TICKET_SHARE, Unit, of_contract};
use super::super::value::{Direction, Level};
use super::super::view::{Outcome, View};
use crate::money::Decimal;

const INPUTS: &[&str] = &[
    "billing.amount",
    "incidents.opened_at",
    "incidents.resolved_at",
    "retained_costs.amount",
];
const SOURCE: &str = "total cost of a service: what is paid, what disruption costs, what the \
                      customer's own organisation costs";
const WALLET_RULE: &str = "contracts whose cost is measurable in the period, in the currency that \
                           their terms report in ([score] reporting_currency), each by the rate of \
                           the period ([fx]); not formed where one has no cost or no rate, or where \
                           they report in several currencies; 4 decimals, half-even";

const COST: Kpi = Kpi {
    unit: Unit::Money,
    direction: Direction::LowerIsBetter,
    levels: of_contract("the customer's own organisation is not divided over services"),
    across: Across::Sum,
    comparable: false,
    parts: "those of actual_cost and impact_cost, retained costs whole",
    min_n: 0,
    source: SOURCE,
    ..TICKET_SHARE
};

const SUPPLIERS: Levels = Levels {
    of: &[],
    why: "it compares suppliers",
};

pub(in super::super) const ENTRIES: &[Kpi] = &[
    Kpi {
        id: "retained_cost",
        title: "Cost of the customer's own organisation",
        formula: "Σ retained cost",
        inputs: &["retained_costs.month", "retained_costs.amount"],
        rule: "months that are over; each must have a row; exact; other currencies at the rate of \
               their month ([fx]), the sum then rounded once, half-even, to the decimals of the \
               currency",
        example: "8549.75 and 9864.05: 18413.80",
        compute: retained,
        ..COST
    },
    Kpi {
        id: "service_cost",
        title: "Cost of a service",
        formula: "actual cost + cost of disruption",
        inputs: &[
            "billing.amount",
            "incidents.opened_at",
            "incidents.resolved_at",
        ],
        levels: Levels {
            of: &[Level::Service],
            why: "of a contract it is actual_cost and impact_cost; invoices name no priority",
        },
        across: Across::Never("it is of one service; total_cost is of the supplier"),
        rule: "as actual_cost and impact_cost; the customer's own organisation is not divided \
               over services",
        example: "6000.00 invoiced, 810.00 of disruption: 6810.00",
        compute: |view| sum(view, &["actual_cost", "impact_cost"]),
        ..COST
    },
    Kpi {
        id: "total_cost",
        title: "Total cost",
        formula: "actual cost + cost of disruption + retained cost",
        inputs: INPUTS,
        rule: "as actual_cost, impact_cost and retained_cost; not measurable as soon as one is",
        example: "298000.00 invoiced, 41000.00 of disruption, 26000.00 retained: 365000.00",
        compute: |view| sum(view, &["actual_cost", "impact_cost", "retained_cost"]),
        ..COST
    },
    Kpi {
        id: "total_cost_per_unit",
        title: "Total cost per exposure-month",
        formula: "total cost ÷ exposure-months (users, CIs or transactions, as the terms say)",
        inputs: &[
            "billing.amount",
            "incidents.opened_at",
            "incidents.resolved_at",
            "retained_costs.amount",
            "exposure.month",
        ],
        across: Across::Ratio(4),
        comparable: true,
        rule: "every month must have exposure; 4 decimals, half-even",
        example: "365000.00 in a quarter, 2500 users a month: 365000 ÷ 7500 = 48.6667",
        compute: |view| {
            view.exposed()?;
            let parts = view.over()?;
            if parts.months_exposed < parts.months_over || parts.exposure == 0 {
                return Err(format!(
                    "no exposure ({}) in some months of the period",
                    view.spec.exposure_unit.column()
                ));
            }
            let total = sum(view, &["actual_cost", "impact_cost", "retained_cost"])?;
            Outcome::ratio(total.value, view.whole(parts.exposure)?, 4)
                .map(|o| o.counting(total.n).noting(total.note))
        },
        ..COST
    },
    Kpi {
        id: "wallet_share",
        title: "Share of wallet",
        formula: "actual cost of the supplier ÷ actual cost of all suppliers",
        unit: Unit::Word("share"),
        direction: Direction::Neutral,
        inputs: &["billing.amount"],
        levels: SUPPLIERS,
        across: Across::OverSuppliers,
        parts: "actual_cost of each supplier",
        rule: WALLET_RULE,
        source: "share of wallet",
        example: "300000 of 1000000: 0.3",
        compute: over_suppliers,
        ..COST
    },
    Kpi {
        id: "wallet_concentration",
        title: "Concentration of spend over suppliers",
        formula: "Σ over suppliers of (share of wallet)²",
        unit: Unit::Word("index"),
        direction: Direction::Neutral,
        inputs: &["billing.amount"],
        levels: SUPPLIERS,
        across: Across::OverSuppliers,
        parts: "actual_cost of each supplier",
        rule: WALLET_RULE,
        source: "Herfindahl–Hirschman index",
        example: "shares 0.5, 0.3 and 0.2: 0.38; the row of the supplier without a name",
        compute: over_suppliers,
        ..COST
    },
];

/// Values over several suppliers are formed from theirs, not from a contract.
fn over_suppliers(_: &View<'_>) -> Result<Outcome, String> {
    Err("formed over suppliers".to_owned())
}

fn sum(view: &View<'_>, of: &[&str]) -> Result<Outcome, String> {
    let mut total = Outcome::of(Decimal::ZERO);
    let mut notes = Vec::new();
    for id in of {
        let part = catalogue::value_in(id, view)?;
        total.value = total
            .value
            .checked_add(part.value)
            .map_err(|e| e.to_string())?;
        total.n += part.n;
        total.excluded += part.excluded;
        if !part.note.is_empty() {
            notes.push(part.note);
        }
    }
    Ok(total.noting(notes.join("; ")))
}

fn retained(view: &View<'_>) -> Result<Outcome, String> {
    let over = view.over()?.months_over;
    let now = view.plan.zone.month_of(view.as_of);
    let (mut cost, mut n, mut converted) = (Decimal::ZERO, 0, false);
    for row in &view.records.retained {
        if !view.period.contains(row.month) || row.month >= now {
            continue;
        }
        let own = view.in_own_currency(row.amount, row.currency, row.month)?;
        converted |= row.currency != view.spec.currency;
        cost = cost.checked_add(own).map_err(|e| e.to_string())?;
        n += 1;
    }
    if n < over {
        return Err(format!("retained cost is known of {n} of {over} months"));
    }
    if converted {
        cost = view.rounded(cost);
    }
    Ok(Outcome::of(cost).counting(n))
}
