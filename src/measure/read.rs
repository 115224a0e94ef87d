//! From the partitions of the store to fragments and cells. Responsible for turning stored columns
//! into typed facts, and for not doing it again where nothing changed; not for what is counted
//! (see [`super::kernel`]) nor for invoice lines (see [`super::invoices`]).

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::path::Path;

use rayon::prelude::*;

use super::cells::Cells;
use super::fact::{Change, Event, Fact, Notice, NoticeKind, TicketType};
use super::fragment::Fragment;
use super::incident_facts::{IncidentFact, incident_fact};
use super::kernel;
use super::plan::MeasurePlan;
use super::spec::priority;
use super::tally::{Ready, Tally};
use crate::store::cache::Cache;
use crate::store::columnar::{Batches, Rows};
use crate::store::disk::{self, Partition, StoreError};
use crate::store::index::{BUILD, Index};
use crate::store::neighbours;
use crate::store::prepare::{ITEM_GAP, TICKET_ROW};
use crate::time::Instant;

/// The measure plans of all contracts.
pub type Plans = BTreeMap<String, MeasurePlan>;

/// The tables that the pass over tickets reads.
const TABLES: &[&str] = &["incidents", "incident_events", "notices", "sla_clocks"];
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
/// What a store is read with: the plans of its contracts, the hashes of its files, and what
/// earlier passes left.
#[derive(Debug, Clone, Copy)]
pub struct Pass<'a> {
    /// The store's folder.
    pub store: &'a Path,
    /// Its files.
    pub index: &'a Index,
    /// What was worked out before.
    pub cache: &'a Cache,
    /// The measure plans.
    pub plans: &'a Plans,
    /// Of which contracts rows are read; `None` for all that have a plan.
    pub only: Option<&'a BTreeSet<String>>,
}

impl Pass<'_> {
    /// A hash of what is worked out of one partition: the plan, and the partition's files in these
    /// tables. Rows of other partitions, other contracts and terms of payment are not in it.
    pub(super) fn made_of(
        &self,
        plan: &blake3::Hash,
        partition: &Partition,
        tables: &[&str],
    ) -> blake3::Hash {
        let mut hasher = blake3::Hasher::new();
        hasher.update(BUILD.as_bytes()).update(plan.as_bytes());
        for table in tables {
            let file = partition.name(table);
            hasher.update(self.index.hash(&file).as_bytes());
            hasher.update(&[0]);
        }
        hasher.finalize()
    }
}

/// A hash of several.
pub(super) fn together<'a>(hashes: impl IntoIterator<Item = &'a blake3::Hash>) -> blake3::Hash {
    let mut hasher = blake3::Hasher::new();
    for hash in hashes {
        hasher.update(hash.as_bytes());
    }
    hasher.finalize()
}

/// The partitions of a table by contract, for contracts that have a plan.
///
/// # Errors
/// When a folder cannot be listed.
pub fn of_contracts<'p>(
    pass: &Pass<'p>,
    table: &str,
) -> Result<Vec<(&'p MeasurePlan, Vec<Partition>)>, StoreError> {
    let mut found: Vec<(&MeasurePlan, Vec<Partition>)> = Vec::new();
    for partition in disk::partitions(pass.store, table)? {
        let wanted = pass
            .only
            .is_none_or(|only| only.contains(&partition.contract));
        let Some(plan) = pass.plans.get(&partition.contract).filter(|_| wanted) else {
            continue;
        };
        match found.last_mut() {
            Some((last, list)) if last.contract_id == partition.contract => list.push(partition),
            _ => found.push((plan, vec![partition])),
        }
    }
    Ok(found)
}

/// Measures all tickets of a store, by contract. `audited` asks for the clock audit as well;
/// `progress` hears of so many partitions done.
///
/// # Errors
/// When a partition is damaged.
pub fn tickets(
    pass: &Pass<'_>,
    audited: bool,
    progress: &(dyn Fn(u64) + Sync),
) -> Result<BTreeMap<String, Cells>, StoreError> {
    // An audited pass counts more than is kept.
    let nowhere = Cache::none();
    let cache = if audited { &nowhere } else { pass.cache };
    of_contracts(pass, "incidents")?
        .into_par_iter()
        .map(|(plan, partitions)| {
            let fingerprint = plan.fingerprint();
            let made_of: Vec<blake3::Hash> = partitions
                .iter()
                .map(|p| pass.made_of(&fingerprint, p, TABLES))
                .collect();
            let whole = together(&made_of);
            let name = format!("cells/{}", disk::escaped(&plan.contract_id));
            if let Some(cells) = cache.get(&name, &whole) {
                progress(partitions.len() as u64);
                return Ok((plan.contract_id.clone(), cells));
            }
            let ready = Ready::new(plan);
            let fragments: BTreeMap<Partition, Fragment> = partitions
                .into_par_iter()
                .zip(made_of)
                .map(|(partition, made_of)| {
                    let name = partition.place("fragments");
                    let fragment = match cache.get(&name, &made_of) {
                        Some(fragment) => fragment,
                        None => {
                            let tickets = Tickets::open(pass.store, &partition)?;
                            let fragment = tickets.measure(&ready, audited)?;
                            cache.put(&name, &made_of, &fragment);
                            fragment
                        }
                    };
                    progress(1);
                    Ok((partition, fragment))
                })
                .collect::<Result<_, StoreError>>()?;
            let cells = Cells::fold(fragments, |_| Some(plan));
            cache.put(&name, &whole, &cells);
            Ok((plan.contract_id.clone(), cells))
        })
        .collect()
}

/// The rows of `incident_facts`, one UTC month after the other, so that no more than one is in
/// memory; each month by contract, opening, source and number.
///
/// # Errors
/// When a partition is damaged, or what `write` says.
pub fn incident_facts<E: From<StoreError>>(
    store: &Path,
    plans: &Plans,
    as_of: Instant,
    mut write: impl FnMut(&str, &[IncidentFact]) -> Result<(), E>,
) -> Result<(), E> {
    let mut months: BTreeMap<String, Vec<(&MeasurePlan, Partition)>> = BTreeMap::new();
    for partition in disk::partitions(store, "incidents")? {
        if let Some(plan) = plans.get(&partition.contract) {
            let month = months.entry(partition.month.clone()).or_default();
            month.push((plan, partition));
        }
    }
    for (month, partitions) in months {
        let (mut rows, mut segments) = (Vec::new(), Vec::new());
        for (plan, partition) in partitions {
            let ready = Ready::new(plan);
            Tickets::open(store, &partition)?.each(plan, &mut |fact| {
                rows.push(incident_fact(fact, &ready, as_of, &mut segments));
            })?;
        }
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

/// How many partitions of tickets a pass goes through.
///
/// # Errors
/// When a folder cannot be listed.
pub fn partition_count(pass: &Pass<'_>) -> Result<u64, StoreError> {
    let contracts = of_contracts(pass, "incidents")?;
    Ok(contracts.iter().map(|(_, list)| list.len() as u64).sum())
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

/// Which of a ticket's fields an event changes.
#[derive(Debug, Clone, Copy)]
enum Changed {
    State,
    Priority,
    Group,
}

/// An event; what a state means is asked once per state.
fn event<'a>(
    rows: &'a Rows,
    plan: &MeasurePlan,
) -> Result<impl Fn(usize) -> Option<Event<'a>>, StoreError> {
    let at = rows.integer("at")?;
    let field = rows.text("field")?.mapped(|field| match field {
        "state" => Some(Changed::State),
        "priority" => Some(Changed::Priority),
        "group" => Some(Changed::Group),
        _ => None,
    });
    let (from, to) = (rows.text("from")?, rows.text("to")?);
    let state = to.mapped(|to| plan.policy.state_of(to));
    let priority = to.mapped(priority);
    Ok(move |row: usize| {
        let change = match field.get(row)?? {
            Changed::State => Change::State(state.get(row)?),
            Changed::Priority => Change::Priority(priority.get(row)??),
            Changed::Group => Change::Group {
                from: from.get(row),
                to: to.get(row)?,
            },
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

/// What a notice is about.
#[derive(Debug, Clone, Copy)]
enum About {
    Breach,
    Change,
    Other,
}

fn notice<'a>(rows: &'a Rows) -> Result<impl Fn(usize) -> Option<Notice<'a>>, StoreError> {
    let (sent_at, level) = (rows.integer("sent_at")?, rows.text("audience_level")?);
    let warning = rows.text("kind")?.mapped(|kind| kind == "breach_warning");
    let about = rows.text("about")?.mapped(|about| match about {
        "breach" => About::Breach,
        "change" => About::Change,
        _ => About::Other,
    });
    let stated = rows.decimal("stated_impact")?;
    let said = [
        rows.boolean("has_status")?,
        rows.boolean("has_scope")?,
        rows.boolean("has_impact")?,
        rows.boolean("has_eta")?,
        rows.boolean("has_workaround")?,
    ];
    Ok(move |row: usize| {
        let kind = match (warning.get(row), about.get(row)) {
            (Some(true), _) | (_, Some(About::Breach)) => NoticeKind::BreachWarning,
            (_, Some(About::Change)) => return None,
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
    let restores = ["resolution", "restore", "restoration", "resolve"];
    let judged = rows.text("kind")?.mapped(|kind| {
        let is = |name: &&str| name.eq_ignore_ascii_case(kind.trim());
        restores.iter().any(is)
    });
    let breached = rows.boolean("breached")?;
    let stopped = rows.integer("stopped_at")?;
    Ok(move |row: usize| {
        let judged = judged.get(row)?;
        stopped.get(row)?;
        breached.get(row).filter(|_| judged)
    })
}

/// The tables of one partition; those beside the tickets are in the order of the tickets.
struct Tickets {
    tickets: Option<Batches>,
    events: Beside,
    notices: Beside,
    clocks: Beside,
}

impl Tickets {
    /// A partition of the store.
    fn open(store: &Path, partition: &Partition) -> Result<Tickets, StoreError> {
        let beside = |table: &str| partition.path(store, table);
        Ok(Tickets {
            tickets: Batches::open(&beside("incidents"), TICKETS)?,
            events: Beside::open(&beside("incident_events"), EVENTS)?,
            notices: Beside::open(&beside("notices"), NOTICES)?,
            clocks: Beside::open(&beside("sla_clocks"), CLOCKS)?,
        })
    }

    /// The fragment of the partition.
    fn measure(self, ready: &Ready<'_>, audited: bool) -> Result<Fragment, StoreError> {
        let mut tally = Tally::default();
        self.each(ready.plan, &mut |fact| {
            kernel::add(fact, ready, audited, &mut tally)
        })?;
        Ok(tally.into_fragment())
    }

    /// Hands over every ticket, its states as the plan reads them.
    fn each(
        mut self,
        plan: &MeasurePlan,
        give: &mut impl FnMut(&Fact<'_>),
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
                self.events.of(&range, |rows| event(rows, plan))?,
                self.notices.of(&range, notice)?,
                self.clocks.of(&range, verdict)?,
            );
            batch(&rows, &beside, give)?;
        }
        Ok(())
    }
}

/// Hands over the tickets of one batch.
fn batch(
    rows: &Rows,
    (events, notices, verdicts): &(Grouped<Event<'_>>, Grouped<Notice<'_>>, Grouped<bool>),
    give: &mut impl FnMut(&Fact<'_>),
) -> Result<(), StoreError> {
    let source = rows.text("source")?;
    let ticket_id = rows.text("ticket_id")?;
    let contract_id = rows.text("contract_id")?;
    let ticket_type = rows.text("ticket_type")?.mapped(|kind| match kind {
        "incident" => TicketType::Incident,
        "request" => TicketType::Request,
        _ => TicketType::Other,
    });
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
    for i in 0..rows.height() {
        let verdicts = verdicts.of(i);
        let category = category.get(i);
        let fact = Fact {
            source: source.get(i).unwrap_or_default(),
            ticket_id: ticket_id.get(i).unwrap_or_default(),
            contract_id: contract_id.get(i).unwrap_or_default(),
            service_id: service_id.get(i).unwrap_or_default(),
            ticket_type: ticket_type.get(i).unwrap_or(TicketType::Incident),
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
        give(&fact);
    }
    Ok(())
}
