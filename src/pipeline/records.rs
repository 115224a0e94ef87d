//! The small tables that scoring reads whole, from canonical rows to their typed values. A row
//! that lacks what makes it count is left out; what every KPI leaves out it says itself.

use std::collections::BTreeMap;

use crate::ingest::columns::Columns;
use crate::ingest::value::STORE_SCALE;
use crate::measure::plan::Fixes;
use crate::money::{Currency, Decimal};
use crate::score::{
    Blocker, ChangeRecord, ContactMoment, FixedProblem, Goal, HoursRecord, Initiative, Interaction,
    Party, Records, Relief, Response, RetainedCost,
};
use crate::time::{Instant, Month};

type Tables = BTreeMap<&'static str, Columns>;

/// One row of a table.
#[derive(Clone, Copy)]
struct Row<'a> {
    rows: &'a Columns,
    row: usize,
}

impl Row<'_> {
    fn text(&self, column: &str) -> String {
        self.rows
            .text(column, self.row)
            .unwrap_or_default()
            .to_owned()
    }

    fn at(&self, column: &str) -> Option<Instant> {
        self.rows
            .integer(column, self.row)
            .map(Instant::from_micros)
    }

    fn flag(&self, column: &str) -> Option<bool> {
        self.rows.boolean(column, self.row)
    }

    fn number(&self, column: &str) -> Option<u64> {
        let n = self.rows.integer(column, self.row)?;
        u64::try_from(n).ok()
    }

    fn decimal(&self, column: &str) -> Option<Decimal> {
        Decimal::new(self.rows.decimal(column, self.row)?, STORE_SCALE)
            .ok()
            .map(Decimal::normalized)
    }

    fn month(&self, column: &str) -> Option<Month> {
        self.rows.text(column, self.row)?.parse().ok()
    }

    fn currency(&self, column: &str) -> Option<Currency> {
        self.rows.text(column, self.row)?.parse().ok()
    }

    fn party(&self, column: &str) -> Option<Party> {
        self.rows.text(column, self.row).and_then(Party::named)
    }
}

/// The rows of a table that can be used, in the order of their key.
fn rows<T>(tables: &Tables, name: &str, read: impl Fn(Row<'_>) -> Option<T>) -> Vec<T> {
    rows_of(tables, name, |_| true, read)
}

/// The same, of contracts that are `wanted`.
fn rows_of<T>(
    tables: &Tables,
    name: &str,
    wanted: impl Fn(&str) -> bool,
    read: impl Fn(Row<'_>) -> Option<T>,
) -> Vec<T> {
    let Some(rows) = tables.get(name) else {
        return Vec::new();
    };
    let of_wanted = |row: &usize| wanted(rows.text("contract_id", *row).unwrap_or_default());
    let mut order: Vec<usize> = (0..rows.len()).filter(of_wanted).collect();
    order.sort_by_cached_key(|row| {
        let key: Vec<String> = rows.table.key.iter().map(|c| rows.shown(c, *row)).collect();
        key
    });
    order
        .into_iter()
        .filter_map(|row| read(Row { rows, row }))
        .collect()
}

/// The small tables of the contracts that are `wanted`.
pub(super) fn records(tables: &Tables, wanted: impl Fn(&str) -> bool) -> Records {
    let mut announced: BTreeMap<String, Instant> = BTreeMap::new();
    for (change, at) in rows(tables, "notices", |r| {
        let about_change = matches!(r.text("about").as_str(), "change");
        Some((r.text("ref_id"), r.at("sent_at").filter(|_| about_change)?))
    }) {
        let first = announced.entry(change).or_insert(at);
        *first = (*first).min(at);
    }
    let mut answers: BTreeMap<String, Instant> = BTreeMap::new();
    for (goal, at) in rows(tables, "initiatives", |r| {
        Some((r.text("goal_id"), r.at("proposed_at")?))
    }) {
        let first = answers.entry(goal).or_insert(at);
        *first = (*first).min(at);
    }
    Records {
        changes: rows_of(tables, "changes", &wanted, |r| {
            let own = r.at("announced_at");
            let notice = announced.get(&r.text("change_id")).copied();
            Some(ChangeRecord {
                contract_id: r.text("contract_id"),
                service_id: r.text("service_id"),
                planned_start: r.at("planned_start"),
                actual_start: r.at("actual_start"),
                disruptive: r.flag("disruptive"),
                emergency: r.flag("emergency").unwrap_or(false),
                cancelled: r.text("outcome").eq_ignore_ascii_case("cancelled"),
                announced_at: own.into_iter().chain(notice).min(),
            })
        }),
        contact_moments: rows_of(tables, "contact_moments", &wanted, |r| {
            Some(ContactMoment {
                contract_id: r.text("contract_id"),
                cadence: r.text("cadence"),
                planned_at: r.at("planned_at"),
                held_at: r.at("held_at"),
                somebody_absent: r.flag("customer_present") == Some(false)
                    || r.flag("supplier_present") == Some(false),
            })
        }),
        interactions: rows_of(tables, "interactions", &wanted, |r| {
            Some(Interaction {
                contract_id: r.text("contract_id"),
                initiator: r.party("initiator")?,
                is_answer: r.text("type") == "answer",
                at: r.at("at")?,
                answered_at: r.at("answered_at"),
            })
        }),
        blockers: rows_of(tables, "blockers", &wanted, |r| {
            Some(Blocker {
                contract_id: r.text("contract_id"),
                waiting_on: r.party("waiting_on")?,
                raised_at: r.at("raised_at")?,
                cleared_at: r.at("cleared_at"),
            })
        }),
        goals: rows_of(tables, "customer_goals", &wanted, |r| {
            Some(Goal {
                contract_id: r.text("contract_id"),
                shared_at: r.at("shared_at")?,
                answered_at: answers.get(&r.text("goal_id")).copied(),
            })
        }),
        initiatives: rows_of(tables, "initiatives", &wanted, |r| {
            Some(Initiative {
                contract_id: r.text("contract_id"),
                service_id: r.text("service_id"),
                proposed_by: r.party("proposed_by"),
                proposed_at: r.at("proposed_at"),
                decided_at: r.at("decided_at"),
                accepted: match r.text("decision").as_str() {
                    "accepted" => Some(true),
                    "rejected" => Some(false),
                    _ => None,
                },
                implemented_at: r.at("implemented_at"),
                promised: r.decimal("expected_saving").zip(r.currency("currency")),
            })
        }),
        hours: rows_of(tables, "proactive_hours", &wanted, |r| {
            Some(HoursRecord {
                contract_id: r.text("contract_id"),
                month: r.month("month")?,
                hours: r.decimal("hours")?,
                reimbursed: r.flag("reimbursed"),
            })
        }),
        responses: rows_of(tables, "satisfaction", &wanted, |r| {
            Some(Response {
                contract_id: r.text("contract_id"),
                service_id: r.text("service_id"),
                at: r.at("at")?,
                score: r.number("score_0_10").and_then(|n| u8::try_from(n).ok()),
                lost_minutes: r.number("lost_minutes"),
            })
        }),
        retained: rows_of(tables, "retained_costs", &wanted, |r| {
            Some(RetainedCost {
                contract_id: r.text("contract_id"),
                month: r.month("month")?,
                amount: r.decimal("amount")?,
                currency: r.currency("currency")?,
            })
        }),
        fixed: rows_of(tables, "problems", &wanted, |r| {
            Some(FixedProblem {
                contract_id: r.text("contract_id"),
                problem_id: r.text("problem_id"),
                fixed_at: r.at("fixed_at")?,
            })
        }),
        relief: rows_of(tables, "relief_events", &wanted, |r| {
            let named = crate::settle::Relief::measures(&r.text("kpis"));
            named.iter().find(|k| *k == "availability")?;
            r.at("accepted_at")?;
            Some(Relief {
                contract_id: r.text("contract_id"),
                service_id: r.text("service_id"),
                from: r.at("from")?,
                to: r.at("to")?,
            })
        }),
    }
}

/// The fixed problems of each contract, by what their incidents carry.
pub(super) fn fixes(tables: &Tables) -> BTreeMap<String, Fixes> {
    let mut all: BTreeMap<String, Fixes> = BTreeMap::new();
    for (contract, problem, fixed_at, ci, category) in rows(tables, "problems", |r| {
        Some((
            r.text("contract_id"),
            r.text("problem_id"),
            r.at("fixed_at")?,
            r.text("ci_id"),
            r.text("category"),
        ))
    }) {
        let fixes = all.entry(contract).or_default();
        if ci.is_empty() || category.is_empty() {
            fixes.by_id.insert(problem, fixed_at);
        } else {
            fixes
                .by_item
                .entry((ci, category))
                .or_default()
                .push((problem, fixed_at));
        }
    }
    all
}
