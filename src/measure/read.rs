//! From the partitions of the store to fragments and billing cells. Responsible for turning
//! stored columns into typed facts; not for what is counted (see [`super::kernel`]).

use std::collections::BTreeMap;
use std::path::Path;

use polars::prelude::{DataFrame, PolarsError};
use rayon::prelude::*;

use super::billing::{BillingCell, BillingCells, BillingClass, BillingKey, split_by_month};
use super::cells::Cells;
use super::fact::{Change, Event, Fact, Notice, NoticeKind, TicketType};
use super::fragment::Fragment;
use super::incident_facts::{IncidentFact, incident_fact};
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

/// Measures all tickets of a store. `audited` asks for the clock audit as well; `progress` hears
/// of each partition done.
///
/// # Errors
/// When a partition is damaged.
pub fn tickets(
    store: &Path,
    plans: &Plans,
    audited: bool,
    progress: &(dyn Fn() + Sync),
) -> Result<Cells, StoreError> {
    let partitions = disk::partitions(store, "incidents")?;
    let mut fragments: BTreeMap<String, Fragment> = BTreeMap::new();
    // Files are read one after the other (polars has threads of its own and waits badly inside
    // ours); a batch of them is then measured side by side.
    for batch in partitions.chunks(rayon::current_num_threads().saturating_mul(2)) {
        let mut frames = Vec::with_capacity(batch.len());
        for (month, path) in batch {
            if let Some(frames_of_month) = read_partition(store, month, path)? {
                frames.push((month, path, frames_of_month));
            }
        }
        let measured: Vec<(String, Fragment)> = frames
            .par_iter()
            .map(|(month, path, frames)| {
                let fragment =
                    partition(frames, plans, audited).map_err(|e| StoreError::Damaged {
                        path: (*path).clone(),
                        cause: e.to_string(),
                    })?;
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

/// The tables of one partition; those beside the tickets are in the order of the tickets.
#[derive(Debug)]
pub struct Partition {
    /// Tickets.
    pub incidents: DataFrame,
    /// Their history.
    pub events: Option<DataFrame>,
    /// What was told about them.
    pub notices: Option<DataFrame>,
    /// Their clocks as the tool kept them.
    pub clocks: Option<DataFrame>,
}

/// Rows that lie beside tickets, with the place of each ticket's first.
struct Beside<T> {
    rows: Vec<T>,
    starts: Vec<usize>,
}

impl<T> Beside<T> {
    /// `rows` come with the row of their ticket, in order.
    fn new(tickets: usize, found: impl Iterator<Item = (usize, T)>) -> Beside<T> {
        let (mut rows, mut starts) = (Vec::new(), vec![0; tickets + 1]);
        for (ticket, row) in found {
            rows.push(row);
            if let Some(end) = starts.get_mut(ticket.saturating_add(1)) {
                *end = rows.len();
            }
        }
        // Tickets without rows end where the former ticket ended.
        let mut reached = 0;
        for end in &mut starts {
            reached = reached.max(*end);
            *end = reached;
        }
        Beside { rows, starts }
    }

    fn of(&self, ticket: usize) -> &[T] {
        match (self.starts.get(ticket), self.starts.get(ticket + 1)) {
            (Some(from), Some(to)) => self.rows.get(*from..*to).unwrap_or_default(),
            _ => &[],
        }
    }
}

fn get<T: Copy>(values: &[Option<T>], row: usize) -> Option<T> {
    values.get(row).copied().flatten()
}

fn tickets_of(rows: &Reading<'_>) -> Result<Vec<usize>, PolarsError> {
    let rows = rows.integer(TICKET_ROW)?;
    Ok(rows
        .into_iter()
        .map(|row| {
            row.and_then(|r| usize::try_from(r).ok())
                .unwrap_or(usize::MAX)
        })
        .collect())
}

fn events_of(frame: Option<&DataFrame>, tickets: usize) -> Result<Beside<Event<'_>>, PolarsError> {
    let Some(frame) = frame else {
        return Ok(Beside::new(tickets, std::iter::empty()));
    };
    let rows = Reading::new(frame);
    let ticket = tickets_of(&rows)?;
    let (at, field) = (rows.integer("at")?, rows.text("field")?);
    let (from, to) = (rows.text("from")?, rows.text("to")?);
    let events = ticket.into_iter().enumerate().filter_map(|(i, ticket)| {
        let (at, to) = (get(&at, i)?, get(&to, i)?);
        let change = match get(&field, i)? {
            "state" => Change::State(to),
            "priority" => Change::Priority(priority(to)?),
            "group" => Change::Group {
                from: get(&from, i),
                to,
            },
            _ => return None,
        };
        let at = Instant::from_micros(at);
        Some((ticket, Event { at, change }))
    });
    Ok(Beside::new(tickets, events))
}

/// Minutes of all users in units of 10^-15 as seconds × parts per million, cut down: a minute is
/// 60 million of them.
fn stated_s_ppm(units: i128) -> i128 {
    units.saturating_mul(6) / 100_000_000
}

fn notices_of(
    frame: Option<&DataFrame>,
    tickets: usize,
) -> Result<Beside<Notice<'_>>, PolarsError> {
    let Some(frame) = frame else {
        return Ok(Beside::new(tickets, std::iter::empty()));
    };
    let rows = Reading::new(frame);
    let ticket = tickets_of(&rows)?;
    let (sent_at, kind) = (rows.integer("sent_at")?, rows.text("kind")?);
    let (about, level) = (rows.text("about")?, rows.text("audience_level")?);
    let stated = rows.decimal("stated_impact")?;
    let said = [
        rows.boolean("has_status")?,
        rows.boolean("has_scope")?,
        rows.boolean("has_impact")?,
        rows.boolean("has_eta")?,
        rows.boolean("has_workaround")?,
    ];
    let notices = ticket.into_iter().enumerate().filter_map(|(i, ticket)| {
        let kind = match (get(&kind, i), get(&about, i)) {
            (Some("breach_warning"), _) | (_, Some("breach")) => NoticeKind::BreachWarning,
            (_, Some("change")) => return None,
            _ => NoticeKind::Incident,
        };
        let notice = Notice {
            sent_at: Instant::from_micros(get(&sent_at, i)?),
            kind,
            level: get(&level, i),
            parts: [0, 1, 2, 3, 4].map(|p: usize| said.get(p).and_then(|v| get(v, i))),
            stated_s_ppm: get(&stated, i).map(stated_s_ppm),
        };
        Some((ticket, notice))
    });
    Ok(Beside::new(tickets, notices))
}

/// Whether the tool calls the restoration of a ticket late, for those whose clock has ended.
fn verdicts_of(frame: Option<&DataFrame>, tickets: usize) -> Result<Beside<bool>, PolarsError> {
    let Some(frame) = frame else {
        return Ok(Beside::new(tickets, std::iter::empty()));
    };
    let rows = Reading::new(frame);
    let ticket = tickets_of(&rows)?;
    let (kind, breached) = (rows.text("kind")?, rows.boolean("breached")?);
    let stopped = rows.integer("stopped_at")?;
    let verdicts = ticket.into_iter().enumerate().filter_map(|(i, ticket)| {
        let kind = get(&kind, i)?;
        let restores = ["resolution", "restore", "restoration", "resolve"];
        get(&stopped, i)?;
        let judged = restores.iter().any(|r| r.eq_ignore_ascii_case(kind.trim()));
        Some((ticket, get(&breached, i).filter(|_| judged)?))
    });
    Ok(Beside::new(tickets, verdicts))
}

/// The fragment of one partition.
///
/// # Errors
/// When a column has another type than the store gives it.
pub fn partition(
    frames: &Partition,
    plans: &Plans,
    audited: bool,
) -> Result<Fragment, PolarsError> {
    let mut out = Fragment::default();
    let mut segments = Vec::new();
    each(frames, plans, |fact, plan| {
        kernel::add(fact, plan, audited, &mut segments, &mut out);
    })?;
    Ok(out)
}

/// The rows of `incident_facts`, one partition after the other, so that no more than one is in
/// memory; each partition by contract, opening, source and number.
///
/// # Errors
/// When a partition is damaged, or what `write` says.
pub fn incident_facts<E: From<StoreError>>(
    store: &Path,
    plans: &Plans,
    as_of: Instant,
    mut write: impl FnMut(&str, &[IncidentFact]) -> Result<(), E>,
) -> Result<(), E> {
    for (month, path) in disk::partitions(store, "incidents")? {
        let Some(frames) = read_partition(store, &month, &path)? else {
            continue;
        };
        let (mut rows, mut segments) = (Vec::new(), Vec::new());
        let read = each(&frames, plans, |fact, plan| {
            rows.push(incident_fact(fact, plan, as_of, &mut segments));
        });
        read.map_err(|e| StoreError::Damaged {
            path,
            cause: e.to_string(),
        })?;
        rows.sort_by(|a, b| {
            let key = |r: &IncidentFact| r.opened_at;
            (&a.contract_id, key(a), &a.source, &a.ticket_id).cmp(&(
                &b.contract_id,
                key(b),
                &b.source,
                &b.ticket_id,
            ))
        });
        write(&month, &rows)?;
    }
    Ok(())
}

/// The tables of one partition of the store.
fn read_partition(store: &Path, month: &str, path: &Path) -> Result<Option<Partition>, StoreError> {
    let beside = |table: &str| disk::read(&store.join(table).join(format!("{month}.parquet")));
    let Some(incidents) = disk::read(path)? else {
        return Ok(None);
    };
    Ok(Some(Partition {
        incidents,
        events: beside("incident_events")?,
        notices: beside("notices")?,
        clocks: beside("sla_clocks")?,
    }))
}

/// Hands over every ticket of a partition that belongs to a contract with a plan.
fn each(
    frames: &Partition,
    plans: &Plans,
    mut give: impl FnMut(&Fact<'_>, &MeasurePlan),
) -> Result<(), PolarsError> {
    let rows = Reading::new(&frames.incidents);
    let source = rows.text("source")?;
    let ticket_id = rows.text("ticket_id")?;
    let contract_id = rows.text("contract_id")?;
    let ticket_type = rows.text("ticket_type")?;
    let opened_at = rows.integer("opened_at")?;
    let responded_at = rows.integer("responded_at")?;
    let detected_at = rows.integer("detected_at")?;
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
    let assignee = rows.text("assignee")?;
    let channel = rows.text("channel")?;
    let reassignments = rows.integer("reassignments")?;
    let reopens = rows.integer("reopens")?;
    let problem = rows.text("problem_id")?;
    let change = rows.text("caused_by_change_id")?;
    let events = events_of(frames.events.as_ref(), rows.height())?;
    let notices = notices_of(frames.notices.as_ref(), rows.height())?;
    let verdicts = verdicts_of(frames.clocks.as_ref(), rows.height())?;

    let level_of = |v: Option<i64>| v.and_then(|p| u8::try_from(p).ok());
    let counted = |v: Option<i64>| v.and_then(|n| u64::try_from(n).ok());
    let instant = |v: Option<i64>| v.map(Instant::from_micros);
    for i in 0..rows.height() {
        let Some(contract) = get(&contract_id, i) else {
            continue;
        };
        let Some(plan) = plans.get(contract) else {
            continue;
        };
        let verdicts = verdicts.of(i);
        let fact = Fact {
            source: get(&source, i).unwrap_or_default(),
            ticket_id: get(&ticket_id, i).unwrap_or_default(),
            contract_id: contract,
            service_id: get(&service_id, i).unwrap_or_default(),
            ticket_type: match get(&ticket_type, i) {
                None | Some("incident") => TicketType::Incident,
                Some("request") => TicketType::Request,
                Some(_) => TicketType::Other,
            },
            opened_at: Instant::from_micros(get(&opened_at, i).unwrap_or_default()),
            responded_at: instant(get(&responded_at, i)),
            detected_at: instant(get(&detected_at, i)),
            resolved_at: instant(get(&resolved_at, i)),
            priority: level_of(get(&level, i)).unwrap_or(5),
            initial_priority: level_of(get(&initial, i)),
            item: get(&ci_id, i).zip(get(&category, i)),
            category: get(&category, i),
            assignee: get(&assignee, i),
            channel: get(&channel, i),
            reassignments: counted(get(&reassignments, i)),
            reopens: counted(get(&reopens, i)),
            problem_id: get(&problem, i),
            change_induced: get(&change, i).is_some(),
            // Of several clocks for restoration one that was missed is a miss.
            tool_breached: (!verdicts.is_empty()).then(|| verdicts.contains(&true)),
            item_gap_s: get(&gap, i),
            child: get(&parent, i).is_some(),
            affected_ppm: get(&affected, i).and_then(|p| u32::try_from(p).ok()),
            on_hold_s: get(&on_hold, i).unwrap_or_default(),
            state: get(&state, i),
            events: events.of(i),
            notices: notices.of(i),
        };
        give(&fact, plan);
    }
    Ok(())
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
