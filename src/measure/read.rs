//! From the partitions of the store to fragments and billing cells. Responsible for turning
//! stored columns into typed facts; not for what is counted (see [`super::kernel`]).

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;

use rayon::prelude::*;

use super::billing::{BillingCell, BillingCells, BillingClass, BillingKey, split_by_month};
use super::cells::Cells;
use super::fact::{Change, Event, Fact, Notice, NoticeKind, TicketType};
use super::fragment::Fragment;
use super::incident_facts::{IncidentFact, incident_fact};
use super::kernel;
use super::orders::Orders;
use super::spec::{MeasurePlan, priority};
use super::tally::{Ready, Tally};
use crate::ingest::value::STORE_SCALE;
use crate::money::{Currency, Decimal};
use crate::store::columnar::{Batches, Rows};
use crate::store::disk::{self, StoreError};
use crate::store::neighbours;
use crate::store::prepare::{ITEM_GAP, TICKET_ROW};
use crate::time::Instant;

/// The measure plans of all contracts.
pub type Plans = BTreeMap<String, MeasurePlan>;

/// The columns of tickets that the pass reads.
pub const TICKETS: &[&str] = &[
    "source",
    "ticket_id",
    "contract_id",
    "ticket_type",
    "opened_at",
    "responded_at",
    "detected_at",
    "resolved_at",
    "priority",
    "initial_priority",
    "service_id",
    "ci_id",
    "category",
    ITEM_GAP,
    "parent_id",
    "affected_share",
    "on_hold_s",
    "state",
    "assignee",
    "channel",
    "reassignments",
    "reopens",
    "problem_id",
    "caused_by_change_id",
    neighbours::COMPARABLE,
    neighbours::OPENED_BEFORE,
    neighbours::RESOLVED_BEFORE,
    neighbours::FIRST_CHILD,
];
/// The columns of their events.
pub const EVENTS: &[&str] = &[TICKET_ROW, "at", "field", "from", "to"];
/// The columns of what was told about them.
pub const NOTICES: &[&str] = &[
    TICKET_ROW,
    "sent_at",
    "kind",
    "about",
    "audience_level",
    "stated_impact",
    "has_status",
    "has_scope",
    "has_impact",
    "has_eta",
    "has_workaround",
];
/// The columns of the tool's clocks.
pub const CLOCKS: &[&str] = &[TICKET_ROW, "kind", "breached", "stopped_at"];
/// The columns of invoice lines.
pub const BILLING: &[&str] = &[
    "source",
    "invoice_id",
    "line_id",
    "contract_id",
    "service_id",
    "period_start",
    "period_end",
    "amount",
    "currency",
    "charge_category",
    "settlement_ref",
    "description",
];

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
    let ready: BTreeMap<&str, Ready<'_>> = plans
        .iter()
        .map(|(contract, plan)| (contract.as_str(), Ready::new(plan)))
        .collect();
    let fragments: BTreeMap<String, Fragment> = disk::partitions(store, "incidents")?
        .par_iter()
        .map(|(month, path)| {
            let fragment = Partition::open(store, month, path)?.measure(&ready, audited)?;
            progress();
            Ok((month.clone(), fragment))
        })
        .collect::<Result<_, StoreError>>()?;
    Ok(Cells::fold(&fragments, |contract| plans.get(contract)))
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
    let ready: BTreeMap<&str, Ready<'_>> = plans
        .iter()
        .map(|(contract, plan)| (contract.as_str(), Ready::new(plan)))
        .collect();
    for (month, path) in disk::partitions(store, "incidents")? {
        let (mut rows, mut segments) = (Vec::new(), Vec::new());
        Partition::open(store, &month, &path)?.each(&ready, |fact, ready| {
            rows.push(incident_fact(fact, ready, as_of, &mut segments));
        })?;
        rows.sort_by(|a, b| {
            (&a.contract_id, a.opened_at, &a.source, &a.ticket_id).cmp(&(
                &b.contract_id,
                b.opened_at,
                &b.source,
                &b.ticket_id,
            ))
        });
        write(&month, &rows)?;
    }
    Ok(())
}

/// How many partitions of tickets a store has.
///
/// # Errors
/// When the folder cannot be listed.
pub fn partition_count(store: &Path) -> Result<usize, StoreError> {
    Ok(disk::partitions(store, "incidents")?.len())
}

/// Rows that lie beside tickets, in their order: read no further than the tickets at hand need.
struct Beside {
    batches: Option<Batches>,
    /// What was read and may still be needed.
    held: Vec<Rows>,
}

impl Beside {
    fn open(path: &Path, columns: &[&str]) -> Result<Beside, StoreError> {
        Ok(Beside {
            batches: Batches::open(path, columns)?,
            held: Vec::new(),
        })
    }

    /// Reads on until the rows of all these tickets are held, and lets go of those before.
    fn hold(&mut self, tickets: &Range<i64>) -> Result<(), StoreError> {
        let mut reached = None;
        let mut kept = Vec::with_capacity(self.held.len());
        for rows in self.held.drain(..) {
            let last = last_ticket(&rows)?;
            if last >= Some(tickets.start) {
                reached = last;
                kept.push(rows);
            }
        }
        self.held = kept;
        while reached < Some(tickets.end)
            && let Some(batches) = &mut self.batches
        {
            match batches.next_rows()? {
                None => self.batches = None,
                Some(rows) => {
                    reached = last_ticket(&rows)?.or(reached);
                    self.held.push(rows);
                }
            }
        }
        Ok(())
    }

    /// What lies beside each of these tickets, as `read` makes it from the rows held.
    fn of<'a, T, R>(
        &'a self,
        tickets: &Range<i64>,
        read: impl Fn(&'a Rows) -> Result<R, StoreError>,
    ) -> Result<Grouped<T>, StoreError>
    where
        R: Fn(usize) -> Option<T>,
    {
        let n = usize::try_from(tickets.end - tickets.start).unwrap_or_default();
        let (mut found, mut starts) = (Vec::new(), vec![0; n + 1]);
        for rows in &self.held {
            let ticket = rows.integer(TICKET_ROW)?;
            let value = read(rows)?;
            for row in 0..rows.height() {
                let Some(at) = ticket.get(row).filter(|t| tickets.contains(t)) else {
                    continue;
                };
                if let Some(value) = value(row) {
                    found.push(value);
                    let at = usize::try_from(at - tickets.start).unwrap_or_default();
                    if let Some(end) = starts.get_mut(at + 1) {
                        *end = found.len();
                    }
                }
            }
        }
        // Tickets without rows end where the former ticket ended.
        let mut reached = 0;
        for end in &mut starts {
            reached = reached.max(*end);
            *end = reached;
        }
        Ok(Grouped { found, starts })
    }
}

fn last_ticket(rows: &Rows) -> Result<Option<i64>, StoreError> {
    let ticket = rows.integer(TICKET_ROW)?;
    Ok(rows.height().checked_sub(1).and_then(|row| ticket.get(row)))
}

/// What lies beside tickets, with the place of each ticket's first.
struct Grouped<T> {
    found: Vec<T>,
    starts: Vec<usize>,
}

impl<T> Grouped<T> {
    fn of(&self, ticket: usize) -> &[T] {
        match (self.starts.get(ticket), self.starts.get(ticket + 1)) {
            (Some(from), Some(to)) => self.found.get(*from..*to).unwrap_or_default(),
            _ => &[],
        }
    }
}

fn event<'a>(rows: &'a Rows) -> Result<impl Fn(usize) -> Option<Event<'a>>, StoreError> {
    let (at, field) = (rows.integer("at")?, rows.text("field")?);
    let (from, to) = (rows.text("from")?, rows.text("to")?);
    Ok(move |row: usize| {
        let to = to.get(row)?;
        let change = match field.get(row)? {
            "state" => Change::State(to),
            "priority" => Change::Priority(priority(to)?),
            "group" => Change::Group {
                from: from.get(row),
                to,
            },
            _ => return None,
        };
        let at = Instant::from_micros(at.get(row)?);
        Some(Event { at, change })
    })
}

/// Minutes of all users in units of 10^-15 as seconds × parts per million, cut down: a minute is
/// 60 million of them.
fn stated_s_ppm(units: i128) -> i128 {
    units.saturating_mul(6) / 100_000_000
}

fn notice<'a>(rows: &'a Rows) -> Result<impl Fn(usize) -> Option<Notice<'a>>, StoreError> {
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
    Ok(move |row: usize| {
        let kind = match (kind.get(row), about.get(row)) {
            (Some("breach_warning"), _) | (_, Some("breach")) => NoticeKind::BreachWarning,
            (_, Some("change")) => return None,
            _ => NoticeKind::Incident,
        };
        Some(Notice {
            sent_at: Instant::from_micros(sent_at.get(row)?),
            kind,
            level: level.get(row),
            parts: said.map(|part| part.get(row)),
            stated_s_ppm: stated.get(row).map(stated_s_ppm),
        })
    })
}

/// Whether the tool calls the restoration of a ticket late, for those whose clock has ended.
fn verdict(rows: &Rows) -> Result<impl Fn(usize) -> Option<bool>, StoreError> {
    let (kind, breached) = (rows.text("kind")?, rows.boolean("breached")?);
    let stopped = rows.integer("stopped_at")?;
    Ok(move |row: usize| {
        let kind = kind.get(row)?.trim();
        let restores = ["resolution", "restore", "restoration", "resolve"];
        stopped.get(row)?;
        let judged = restores.iter().any(|r| r.eq_ignore_ascii_case(kind));
        breached.get(row).filter(|_| judged)
    })
}

/// The tables of one partition; those beside the tickets are in the order of the tickets.
struct Partition {
    tickets: Option<Batches>,
    events: Beside,
    notices: Beside,
    clocks: Beside,
}

impl Partition {
    /// The partition of a month of the store.
    fn open(store: &Path, month: &str, tickets: &Path) -> Result<Partition, StoreError> {
        let beside = |table: &str| store.join(table).join(format!("{month}.parquet"));
        Ok(Partition {
            tickets: Batches::open(tickets, TICKETS)?,
            events: Beside::open(&beside("incident_events"), EVENTS)?,
            notices: Beside::open(&beside("notices"), NOTICES)?,
            clocks: Beside::open(&beside("sla_clocks"), CLOCKS)?,
        })
    }

    /// The fragment of the partition.
    fn measure(
        self,
        ready: &BTreeMap<&str, Ready<'_>>,
        audited: bool,
    ) -> Result<Fragment, StoreError> {
        let mut tally = Tally::default();
        self.each(ready, |fact, ready| {
            kernel::add(fact, ready, audited, &mut tally);
        })?;
        Ok(tally.into_fragment())
    }

    /// Hands over every ticket that belongs to a contract with a plan.
    fn each(
        mut self,
        ready: &BTreeMap<&str, Ready<'_>>,
        mut give: impl FnMut(&Fact<'_>, &Ready<'_>),
    ) -> Result<(), StoreError> {
        let mut first = 0;
        while let Some(tickets) = &mut self.tickets
            && let Some(rows) = tickets.next_rows()?
        {
            let range = first..first + i64::try_from(rows.height()).unwrap_or_default();
            first = range.end;
            self.events.hold(&range)?;
            self.notices.hold(&range)?;
            self.clocks.hold(&range)?;
            let beside = (
                self.events.of(&range, event)?,
                self.notices.of(&range, notice)?,
                self.clocks.of(&range, verdict)?,
            );
            batch(&rows, &beside, ready, &mut give)?;
        }
        Ok(())
    }
}

/// Hands over the tickets of one batch.
fn batch<'p>(
    rows: &Rows,
    (events, notices, verdicts): &(Grouped<Event<'_>>, Grouped<Notice<'_>>, Grouped<bool>),
    ready: &BTreeMap<&str, Ready<'p>>,
    give: &mut impl FnMut(&Fact<'_>, &Ready<'_>),
) -> Result<(), StoreError> {
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
    let neighbours = neighbours::read(rows)?;
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

    let level_of = |v: Option<i64>| v.and_then(|p| u8::try_from(p).ok());
    let counted = |v: Option<i64>| v.and_then(|n| u64::try_from(n).ok());
    let instant = |v: Option<i64>| v.map(Instant::from_micros);
    let mut of: Option<(&str, Option<&Ready<'p>>)> = None;
    for i in 0..rows.height() {
        let Some(contract) = contract_id.get(i) else {
            continue;
        };
        // Tickets come sorted by contract.
        let plan = match of {
            Some((last, plan)) if last == contract => plan,
            _ => ready.get(contract),
        };
        of = Some((contract, plan));
        let Some(plan) = plan else {
            continue;
        };
        let verdicts = verdicts.of(i);
        let category = category.get(i);
        let fact = Fact {
            source: source.get(i).unwrap_or_default(),
            ticket_id: ticket_id.get(i).unwrap_or_default(),
            contract_id: contract,
            service_id: service_id.get(i).unwrap_or_default(),
            ticket_type: match ticket_type.get(i) {
                None | Some("incident") => TicketType::Incident,
                Some("request") => TicketType::Request,
                Some(_) => TicketType::Other,
            },
            opened_at: Instant::from_micros(opened_at.get(i).unwrap_or_default()),
            responded_at: instant(responded_at.get(i)),
            detected_at: instant(detected_at.get(i)),
            resolved_at: instant(resolved_at.get(i)),
            priority: level_of(level.get(i)).unwrap_or(5),
            initial_priority: level_of(initial.get(i)),
            item: ci_id.get(i).zip(category),
            category,
            assignee: assignee.get(i),
            channel: channel.get(i),
            reassignments: counted(reassignments.get(i)),
            reopens: counted(reopens.get(i)),
            problem_id: problem.get(i),
            change_induced: change.get(i).is_some(),
            // Of several clocks for restoration one that was missed is a miss.
            tool_breached: (!verdicts.is_empty()).then(|| verdicts.contains(&true)),
            item_gap_s: gap.get(i),
            neighbours: neighbours(i),
            child: parent.get(i).is_some(),
            affected_ppm: affected.get(i).and_then(|p| u32::try_from(p).ok()),
            on_hold_s: on_hold.get(i).unwrap_or_default(),
            state: state.get(i),
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

/// What invoice lines give: sums, what became of each, and orders against the limit of approval.
pub type Billing = (BillingCells, Vec<BillingFact>, Orders);

/// Measures all invoice lines of a store.
///
/// # Errors
/// When a partition is damaged or an amount does not fit exactly.
pub fn billing(store: &Path, plans: &Plans) -> Result<Billing, StoreError> {
    let parts: Vec<Billing> = disk::partitions(store, "billing")?
        .par_iter()
        .map(|(_, path)| invoice_lines(path, plans))
        .collect::<Result<_, StoreError>>()?;
    let mut cells = BillingCells::new();
    let mut orders = Orders::default();
    let mut facts = Vec::with_capacity(parts.iter().map(|(_, f, _)| f.len()).sum());
    for (part, lines, purchases) in parts {
        let damaged = |cause: String| StoreError::Damaged {
            path: store.join("billing"),
            cause,
        };
        orders
            .merge(purchases)
            .map_err(|e| damaged(e.to_string()))?;
        facts.extend(lines);
        for (key, cell) in part {
            let sum = cells.entry(key).or_default();
            sum.add(cell).map_err(|e| damaged(e.to_string()))?;
        }
    }
    Ok((cells, facts, orders))
}

/// Measures the invoice lines of one partition.
fn invoice_lines(path: &Path, plans: &Plans) -> Result<Billing, StoreError> {
    let mut cells = BillingCells::new();
    let mut facts = Vec::new();
    let mut orders = Orders::default();
    let Some(mut batches) = Batches::open(path, BILLING)? else {
        return Ok((cells, facts, orders));
    };
    while let Some(rows) = batches.next_rows()? {
        let source = rows.text("source")?;
        let invoice = rows.text("invoice_id")?;
        let line = rows.text("line_id")?;
        let contract = rows.text("contract_id")?;
        let service = rows.text("service_id")?;
        let start = rows.integer("period_start")?;
        let end = rows.integer("period_end")?;
        let amount = rows.decimal("amount")?;
        let currency = rows.text("currency")?;
        let category = rows.text("charge_category")?;
        let settlement = rows.text("settlement_ref")?;
        let description = rows.text("description")?;
        for i in 0..rows.height() {
            let text = |v: Option<&str>| v.unwrap_or_default().to_owned();
            let Some(plan) = contract.get(i).and_then(|c| plans.get(c)) else {
                continue;
            };
            let (Some(start), Some(end), Some(units)) = (start.get(i), end.get(i), amount.get(i))
            else {
                continue;
            };
            let Some(currency) = currency.get(i).and_then(|c| c.parse::<Currency>().ok()) else {
                continue;
            };
            let amount = Decimal::new(units, STORE_SCALE)
                .map_err(|e| rows.damaged(&e.to_string()))?
                .normalized();
            let class = BillingClass::of(category.get(i), settlement.get(i));
            let parts = split_by_month(
                amount,
                currency,
                Instant::from_micros(start),
                Instant::from_micros(end),
                &plan.zone,
            )
            .map_err(|e| rows.damaged(&e.to_string()))?;
            let Some((month, _)) = parts.first().copied() else {
                continue;
            };
            if category.get(i) == Some("purchase")
                && let Some(limit) = plan.approval_limit
            {
                let order = [&invoice, &service, &description].map(|column| text(column.get(i)));
                let id = contract.get(i).unwrap_or_default();
                orders
                    .add(id, order, month, amount, limit)
                    .map_err(|e| rows.damaged(&e.to_string()))?;
            }
            facts.push(BillingFact {
                source: text(source.get(i)),
                invoice_id: text(invoice.get(i)),
                line_id: text(line.get(i)),
                contract_id: text(contract.get(i)),
                service_id: text(service.get(i)),
                month,
                amount,
                currency,
                class,
                months: u32::try_from(parts.len()).unwrap_or(u32::MAX),
            });
            for (n, (month, part)) in parts.into_iter().enumerate() {
                let key = BillingKey {
                    contract_id: text(contract.get(i)),
                    service_id: text(service.get(i)),
                    month,
                    currency,
                    class,
                };
                let part = BillingCell {
                    amount: part,
                    lines: u64::from(n == 0),
                };
                let cell = cells.entry(key).or_default();
                cell.add(part).map_err(|e| rows.damaged(&e.to_string()))?;
            }
        }
    }
    Ok((cells, facts, orders))
}
