//! From the partitions of the store to fragments and billing cells. Responsible for turning
//! stored columns into typed facts; not for what is counted (see [`super::kernel`]).

use std::collections::BTreeMap;
use std::path::Path;

use polars::prelude::{DataFrame, PolarsError};
use rayon::prelude::*;

use super::billing::{BillingCell, BillingCells, BillingClass, BillingKey, split_by_month};
use super::cells::Cells;
use super::fact::{Change, Event, Fact, TicketType};
use super::fragment::Fragment;
use super::kernel;
use super::spec::{MeasurePlan, priority};
use crate::ingest::value::STORE_SCALE;
use crate::money::{Currency, Decimal};
use crate::store::disk::{self, StoreError};
use crate::store::frame::Reading;
use crate::store::prepare::{ITEM_GAP, TICKET_ROW};
use crate::time::Instant;

/// The measure plans of all contracts.
pub type Plans = BTreeMap<String, MeasurePlan>;

/// Measures all tickets of a store. `progress` hears of each partition done.
///
/// # Errors
/// When a partition is damaged.
pub fn tickets(
    store: &Path,
    plans: &Plans,
    progress: &(dyn Fn() + Sync),
) -> Result<Cells, StoreError> {
    let partitions = disk::partitions(store, "incidents")?;
    let mut fragments: BTreeMap<String, Fragment> = BTreeMap::new();
    // Files are read one after the other (polars has threads of its own and waits badly inside
    // ours); a batch of them is then measured side by side.
    for batch in partitions.chunks(rayon::current_num_threads().saturating_mul(2)) {
        let mut frames = Vec::with_capacity(batch.len());
        for (month, path) in batch {
            let events = store
                .join("incident_events")
                .join(format!("{month}.parquet"));
            frames.push((month, path, disk::read(path)?, disk::read(&events)?));
        }
        let measured: Vec<(String, Fragment)> =
            frames
                .par_iter()
                .map(|(month, path, incidents, events)| {
                    let fragment =
                        match incidents {
                            None => Fragment::default(),
                            Some(incidents) => partition(incidents, events.as_ref(), plans)
                                .map_err(|e| StoreError::Damaged {
                                    path: (*path).clone(),
                                    cause: e.to_string(),
                                })?,
                        };
                    progress();
                    Ok(((*month).clone(), fragment))
                })
                .collect::<Result<_, StoreError>>()?;
        fragments.extend(measured);
    }
    Ok(Cells::fold(&fragments, |contract| plans.get(contract)))
}

/// How many partitions of tickets a store has.
///
/// # Errors
/// When the folder cannot be listed.
pub fn partition_count(store: &Path) -> Result<usize, StoreError> {
    Ok(disk::partitions(store, "incidents")?.len())
}

/// The fragment of one partition: its tickets, and its events in the order of the tickets.
///
/// # Errors
/// When a column has another type than the store gives it.
pub fn partition(
    incidents: &DataFrame,
    events: Option<&DataFrame>,
    plans: &Plans,
) -> Result<Fragment, PolarsError> {
    let rows = Reading::new(incidents);
    let source = rows.text("source")?;
    let ticket_id = rows.text("ticket_id")?;
    let contract_id = rows.text("contract_id")?;
    let ticket_type = rows.text("ticket_type")?;
    let opened_at = rows.integer("opened_at")?;
    let resolved_at = rows.integer("resolved_at")?;
    let level = rows.integer("priority")?;
    let initial = rows.integer("initial_priority")?;
    let service_id = rows.text("service_id")?;
    let ci_id = rows.text("ci_id")?;
    let category = rows.text("category")?;
    let gap = rows.integer(ITEM_GAP)?;
    let parent = rows.text("parent_id")?;
    let affected = rows.integer("affected_share")?;
    let on_hold = rows.integer("on_hold_s")?;
    let state = rows.text("state")?;

    let (mut changes, mut starts) = (Vec::new(), vec![0usize; rows.height() + 1]);
    if let Some(events) = events {
        let events = Reading::new(events);
        let ticket_row = events.integer(TICKET_ROW)?;
        let at = events.integer("at")?;
        let field = events.text("field")?;
        let to = events.text("to")?;
        for i in 0..events.height() {
            let (Some(Some(row)), Some(Some(at)), Some(Some(to))) =
                (ticket_row.get(i), at.get(i), to.get(i))
            else {
                continue;
            };
            let change = match field.get(i).copied().flatten() {
                Some("state") => Change::State(to),
                Some("priority") => match priority(to) {
                    Some(p) => Change::Priority(p),
                    None => continue,
                },
                _ => continue,
            };
            changes.push(Event {
                at: Instant::from_micros(*at),
                change,
            });
            let next = usize::try_from(*row)
                .unwrap_or(usize::MAX)
                .saturating_add(1);
            if let Some(end) = starts.get_mut(next) {
                *end = changes.len();
            }
        }
        // Tickets without events end where the former ticket ended.
        let mut reached = 0;
        for end in &mut starts {
            reached = reached.max(*end);
            *end = reached;
        }
    }

    let get = |v: &[Option<i64>], i: usize| v.get(i).copied().flatten();
    let level_of = |v: Option<i64>| v.and_then(|p| u8::try_from(p).ok());
    let mut out = Fragment::default();
    let mut segments = Vec::new();
    for i in 0..rows.height() {
        let Some(contract) = contract_id.get(i).copied().flatten() else {
            continue;
        };
        let Some(plan) = plans.get(contract) else {
            continue;
        };
        let events = match (starts.get(i), starts.get(i + 1)) {
            (Some(from), Some(to)) => changes.get(*from..*to).unwrap_or_default(),
            _ => &[],
        };
        let fact = Fact {
            source: source.get(i).copied().flatten().unwrap_or_default(),
            ticket_id: ticket_id.get(i).copied().flatten().unwrap_or_default(),
            contract_id: contract,
            service_id: service_id.get(i).copied().flatten().unwrap_or_default(),
            ticket_type: match ticket_type.get(i).copied().flatten() {
                None | Some("incident") => TicketType::Incident,
                Some("request") => TicketType::Request,
                Some(_) => TicketType::Other,
            },
            opened_at: Instant::from_micros(get(&opened_at, i).unwrap_or_default()),
            resolved_at: get(&resolved_at, i).map(Instant::from_micros),
            priority: level_of(get(&level, i)).unwrap_or(5),
            initial_priority: level_of(get(&initial, i)),
            item: ci_id
                .get(i)
                .copied()
                .flatten()
                .zip(category.get(i).copied().flatten()),
            item_gap_s: get(&gap, i),
            child: parent.get(i).copied().flatten().is_some(),
            affected_ppm: get(&affected, i).and_then(|p| u32::try_from(p).ok()),
            on_hold_s: get(&on_hold, i).unwrap_or_default(),
            state: state.get(i).copied().flatten(),
            events,
        };
        kernel::add(&fact, plan, &mut segments, &mut out);
    }
    Ok(out)
}

/// One invoice line and what became of it, for `billing_facts`.
#[derive(Debug, Clone)]
pub struct BillingFact {
    /// Billing source.
    pub source: String,
    /// Invoice.
    pub invoice_id: String,
    /// Line.
    pub line_id: String,
    /// Contract.
    pub contract_id: String,
    /// Service; empty when the line names none.
    pub service_id: String,
    /// Month in which its period starts.
    pub month: crate::time::Month,
    /// Amount of the whole line.
    pub amount: Decimal,
    /// Currency.
    pub currency: Currency,
    /// What it is to the measurement.
    pub class: BillingClass,
    /// Months over which it was split.
    pub months: u32,
}

/// Measures all invoice lines of a store.
///
/// # Errors
/// When a partition is damaged or an amount does not fit exactly.
pub fn billing(
    store: &Path,
    plans: &Plans,
) -> Result<(BillingCells, Vec<BillingFact>), StoreError> {
    let mut cells = BillingCells::new();
    let mut facts = Vec::new();
    for (_, path) in disk::partitions(store, "billing")? {
        let damaged = |cause: String| StoreError::Damaged {
            path: path.clone(),
            cause,
        };
        let Some(frame) = disk::read(&path)? else {
            continue;
        };
        let polars = |e: PolarsError| damaged(e.to_string());
        let rows = Reading::new(&frame);
        let source = rows.text("source").map_err(polars)?;
        let invoice = rows.text("invoice_id").map_err(polars)?;
        let line = rows.text("line_id").map_err(polars)?;
        let contract = rows.text("contract_id").map_err(polars)?;
        let service = rows.text("service_id").map_err(polars)?;
        let start = rows.integer("period_start").map_err(polars)?;
        let end = rows.integer("period_end").map_err(polars)?;
        let amount = rows.decimal("amount").map_err(polars)?;
        let currency = rows.text("currency").map_err(polars)?;
        let category = rows.text("charge_category").map_err(polars)?;
        let settlement = rows.text("settlement_ref").map_err(polars)?;
        for i in 0..rows.height() {
            let text = |v: &[Option<&str>]| v.get(i).copied().flatten().unwrap_or("").to_owned();
            let contract_id = text(&contract);
            let Some(plan) = plans.get(&contract_id) else {
                continue;
            };
            let (Some(Some(start)), Some(Some(end)), Some(Some(units))) =
                (start.get(i), end.get(i), amount.get(i))
            else {
                continue;
            };
            let Ok(currency) = text(&currency).parse::<Currency>() else {
                continue;
            };
            let amount = Decimal::new(*units, STORE_SCALE)
                .map_err(|e| damaged(e.to_string()))?
                .normalized();
            let class = BillingClass::of(
                category.get(i).copied().flatten(),
                settlement.get(i).copied().flatten(),
            );
            let parts = split_by_month(
                amount,
                currency,
                Instant::from_micros(*start),
                Instant::from_micros(*end),
                &plan.zone,
            )
            .map_err(|e| damaged(e.to_string()))?;
            let Some((month, _)) = parts.first().copied() else {
                continue;
            };
            facts.push(BillingFact {
                source: text(&source),
                invoice_id: text(&invoice),
                line_id: text(&line),
                contract_id: contract_id.clone(),
                service_id: text(&service),
                month,
                amount,
                currency,
                class,
                months: u32::try_from(parts.len()).unwrap_or(u32::MAX),
            });
            for (n, (month, part)) in parts.into_iter().enumerate() {
                let key = BillingKey {
                    contract_id: contract_id.clone(),
                    service_id: text(&service),
                    month,
                    currency,
                    class,
                };
                let cell = cells.entry(key).or_insert(BillingCell {
                    amount: Decimal::ZERO,
                    lines: 0,
                });
                cell.amount = cell
                    .amount
                    .checked_add(part)
                    .map_err(|e| damaged(e.to_string()))?;
                cell.lines += u64::from(n == 0);
            }
        }
    }
    Ok((cells, facts))
}
