//! The working state of one pass over one partition: sums by dense local codes instead of texts,
//! so that a ticket costs no allocation and no comparison of keys. Becomes a [`Fragment`] at the
//! end of the pass, and never leaves it otherwise. Not responsible for what is counted (see
//! [`super::kernel`]) nor for how fragments merge.

use std::collections::BTreeMap;
use std::sync::Arc;

use foldhash::fast::FixedState;

use super::clock::Segment;
use super::fact::Fact;
use super::fragment::{
    Audited, Cell, CellKey, Clock, Edge, FixKey, Fragment, KindKey, Kinds, OpenKey, Opening, Sample,
};
use super::histogram::{self, SparseHistogram};
use super::integrity::IntegrityCells;
use super::outage::Outages;
use super::plan::{ByPriority, MeasurePlan};
use super::solved::{Solved, SolvedPlace};
use super::ticket_clocks::ClockTerms;
use super::worst::Worst;
use crate::time::{BusinessCalendar, Instant, Month};

/// A map of codes: fast, and of no order.
type HashMap<K, V> = std::collections::HashMap<K, V, FixedState>;

/// How many values of one clock wait before they are counted into buckets.
const WAITING: usize = 1 << 12;

/// A measure plan made ready for a pass: its calendars as the clocks want them, its fixed problems
/// by borrowed texts.
#[derive(Debug)]
pub struct Ready<'p> {
    /// The plan.
    pub plan: &'p MeasurePlan,
    /// Its calendars, in their order.
    pub calendars: Vec<&'p BusinessCalendar>,
    fixes: HashMap<&'p str, Vec<FixedItem<'p>>>,
}

/// A category of an item, with the problems on both that were fixed.
type FixedItem<'p> = (&'p str, &'p [(String, Instant)]);

impl<'p> Ready<'p> {
    /// Of a plan.
    pub fn new(plan: &'p MeasurePlan) -> Ready<'p> {
        let mut fixes: HashMap<&str, Vec<FixedItem<'p>>> = HashMap::default();
        for ((item, category), problems) in &plan.fixes.by_item {
            fixes
                .entry(item.as_str())
                .or_default()
                .push((category.as_str(), problems.as_slice()));
        }
        Ready {
            plan,
            calendars: plan.calendars.iter().map(Arc::as_ref).collect(),
            fixes,
        }
    }

    /// The fixed problems of an item and category.
    pub(super) fn fixed(&self, item: &str, category: &str) -> &'p [(String, Instant)] {
        let of_item = self.fixes.get(item).map(Vec::as_slice).unwrap_or_default();
        let found = of_item.iter().find(|(c, _)| *c == category);
        found.map_or(&[], |(_, problems)| problems)
    }
}

/// Texts by the order in which they were first seen.
#[derive(Debug, Default)]
struct Names {
    codes: HashMap<Box<str>, u32>,
    texts: Vec<Box<str>>,
}

impl Names {
    fn code(&mut self, text: &str) -> u32 {
        if let Some(code) = self.codes.get(text) {
            return *code;
        }
        // A partition has less than 2^32 rows, so less different texts.
        let code = self.texts.len() as u32;
        self.codes.insert(text.into(), code);
        self.texts.push(text.into());
        code
    }

    fn get(&self, code: u32) -> &str {
        self.texts.get(code as usize).map_or("", AsRef::as_ref)
    }

    fn text(&self, code: u32) -> String {
        self.get(code).to_owned()
    }
}

/// One service of a contract with its targets.
#[derive(Debug)]
struct Stream {
    contract: u32,
    service: u32,
    targets: ByPriority,
    respond: ByPriority,
    /// Outages that have ended.
    outages: Outages,
    /// When the first outage that has not ended began.
    outage_open: Option<Instant>,
}

/// One priority of a stream, with what falls into each month, in order.
#[derive(Debug)]
struct Lane {
    stream: u32,
    priority: u8,
    months: Vec<(Month, Box<Slot>)>,
}

/// Sums of one cell, and the durations that ended in it.
#[derive(Debug, Default)]
struct Slot {
    cell: Cell,
    took: [Durations; Clock::ALL.len()],
}

/// Values of one clock, as buckets that were not counted yet beside those that were.
#[derive(Debug, Default)]
struct Durations {
    waiting: Vec<u16>,
    counted: SparseHistogram,
}

impl Durations {
    fn add(&mut self, value_s: u64) {
        self.waiting.push(histogram::bucket(value_s));
        if self.waiting.len() >= WAITING {
            self.count();
        }
    }

    fn count(&mut self) {
        self.waiting.sort_unstable();
        for same in self.waiting.chunk_by(|a, b| a == b) {
            if let Some(bucket) = same.first() {
                self.counted.add_bucket(*bucket, same.len() as u64);
            }
        }
        self.waiting.clear();
    }
}

/// Where one ticket is counted.
pub(super) struct Place<'a, 'p> {
    pub(super) fact: &'a Fact<'a>,
    pub(super) ready: &'a Ready<'p>,
    pub(super) plan: &'p MeasurePlan,
    /// The highest priority that it held.
    pub(super) priority: u8,
    /// Month of opening in the contract's zone.
    pub(super) opened: Month,
    /// Targets for restoration of its service.
    targets: ByPriority,
    /// Targets for a response of its service.
    respond: ByPriority,
    contract: u32,
    stream: u32,
    lane: usize,
}

impl Place<'_, '_> {
    /// The cell of a month.
    pub(super) fn cell<'t>(&self, out: &'t mut Tally, month: Month) -> &'t mut Cell {
        &mut out.slot(self.lane, month).cell
    }

    /// Counts a duration in a month.
    pub(super) fn took(&self, out: &mut Tally, month: Month, clock: Clock, seconds: i64) {
        let value = u64::try_from(seconds).unwrap_or_default();
        if let Some(durations) = out.slot(self.lane, month).took.get_mut(clock as usize) {
            durations.add(value);
        }
    }

    /// What the clocks of the ticket run by.
    pub(super) fn clock_terms(&self) -> ClockTerms<'_> {
        ClockTerms {
            plan: self.plan,
            calendars: &self.ready.calendars,
            targets: &self.targets,
            respond: &self.respond,
        }
    }
}

/// What one pass has counted so far.
#[derive(Debug, Default)]
pub struct Tally {
    names: Names,
    /// The stream of the former ticket: tickets come sorted by contract and service.
    last: Option<(u32, u32, u32)>,
    stream_codes: HashMap<(u32, u32), u32>,
    streams: Vec<Stream>,
    lane_codes: HashMap<(u32, u8), usize>,
    lanes: Vec<Lane>,
    open: HashMap<OpenKey, u64>,
    edges: HashMap<(u32, u32, u32), Edge>,
    /// Stream, month, assignee, item and category (absent: `u32::MAX`).
    solved: HashMap<(u32, Month, u32, u32, u32), u64>,
    kinds: HashMap<(u32, u32, Month), Kinds>,
    /// Contract, problem, day.
    fixes: HashMap<(u32, u32, i32), u64>,
    differs: BTreeMap<(u32, bool), Sample>,
    /// Working space of the kernel, kept so that it is not made anew for every ticket.
    pub(super) segments: Vec<Segment>,
    /// What tests for gaming look at.
    pub(super) integrity: IntegrityCells,
    /// The worst incidents.
    pub(super) worst: Worst,
    /// The clock audit.
    pub(super) audit: BTreeMap<(String, &'static str), Audited>,
}

impl Tally {
    /// The place of a ticket.
    pub(super) fn place<'a, 'p>(
        &mut self,
        fact: &'a Fact<'a>,
        ready: &'a Ready<'p>,
    ) -> Place<'a, 'p> {
        let plan = ready.plan;
        let contract = self.names.code(fact.contract_id);
        let service = self.names.code(fact.service_id);
        let stream = match self.last {
            Some((c, s, stream)) if (c, s) == (contract, service) => stream,
            _ => self.stream(contract, service, fact, plan),
        };
        self.last = Some((contract, service, stream));
        let priority = fact.highest_priority();
        let lane = *self
            .lane_codes
            .entry((stream, priority))
            .or_insert_with(|| {
                self.lanes.push(Lane {
                    stream,
                    priority,
                    months: Vec::new(),
                });
                self.lanes.len() - 1
            });
        let (targets, respond) = match self.streams.get(stream as usize) {
            Some(stream) => (stream.targets, stream.respond),
            None => Default::default(),
        };
        Place {
            fact,
            ready,
            plan,
            priority,
            opened: plan.zone.month_of(fact.opened_at),
            targets,
            respond,
            contract,
            stream,
            lane,
        }
    }

    fn stream(&mut self, contract: u32, service: u32, fact: &Fact<'_>, plan: &MeasurePlan) -> u32 {
        let streams = &mut self.streams;
        *self
            .stream_codes
            .entry((contract, service))
            .or_insert_with(|| {
                streams.push(Stream {
                    contract,
                    service,
                    targets: plan.targets_of(fact.service_id),
                    respond: plan.respond_targets_of(fact.service_id),
                    outages: Outages::default(),
                    outage_open: None,
                });
                streams.len() as u32 - 1
            })
    }

    fn slot(&mut self, lane: usize, month: Month) -> &mut Slot {
        // A place names a lane of this tally; lanes are never removed.
        let months = &mut self.lanes[lane].months;
        let at = match months.last() {
            Some((last, _)) if *last == month => months.len() - 1,
            _ => match months.binary_search_by_key(&month, |(m, _)| *m) {
                Ok(at) => at,
                Err(at) => {
                    months.insert(at, (month, Box::default()));
                    at
                }
            },
        };
        &mut months[at].1
    }

    /// Counts a ticket by its category.
    pub(super) fn kind(&mut self, place: &Place<'_, '_>, category: &str) -> &mut Kinds {
        let category = self.names.code(category);
        self.kinds
            .entry((place.stream, category, place.opened))
            .or_default()
    }

    /// Counts an incident of a fixed problem.
    pub(super) fn fix(&mut self, place: &Place<'_, '_>, problem: &str, day: i32) {
        let problem = self.names.code(problem);
        *self
            .fixes
            .entry((place.contract, problem, day))
            .or_default() += 1;
    }

    /// Counts a restored incident for who held it last.
    pub(super) fn solve(&mut self, place: &Place<'_, '_>, month: Month, assignee: &str) {
        let assignee = self.names.code(assignee);
        let (item, category) = match place.fact.item {
            Some((item, category)) => (self.names.code(item), self.names.code(category)),
            None => (u32::MAX, u32::MAX),
        };
        *self
            .solved
            .entry((place.stream, month, assignee, item, category))
            .or_default() += 1;
    }

    /// Counts an incident that is not restored.
    pub(super) fn open(&mut self, key: OpenKey) {
        *self.open.entry(key).or_default() += 1;
    }

    /// Notes that the tool judges an incident otherwise.
    pub(super) fn differs(&mut self, place: &Place<'_, '_>, late: bool) {
        self.differs
            .entry((place.contract, late))
            .or_default()
            .add(place.fact.source, place.fact.ticket_id);
    }

    /// Adds an outage of the ticket's service.
    pub(super) fn outage(&mut self, place: &Place<'_, '_>, end: Option<Instant>) {
        let start = place.fact.opened_at;
        let Some(stream) = self.streams.get_mut(place.stream as usize) else {
            return;
        };
        match end {
            Some(end) => stream.outages.add(start, end),
            None => stream.outage_open = stream.outage_open.into_iter().chain([start]).min(),
        }
    }

    /// The boundary map: first and last opening of the item.
    pub(super) fn edge(&mut self, place: &Place<'_, '_>) {
        let fact = place.fact;
        let Some((item, category)) = fact.item else {
            return;
        };
        let key = (
            place.contract,
            self.names.code(item),
            self.names.code(category),
        );
        let this = (
            fact.opened_at,
            (fact.source, fact.ticket_id),
            fact.service_id,
            place.priority,
        );
        let seen = |opening: &Opening| {
            let (source, ticket) = &opening.ticket;
            let of = (source.as_str(), ticket.as_str());
            // Compared as `Opening` is.
            this.cmp(&(opening.at, of, &opening.service_id, opening.priority))
        };
        match self.edges.get_mut(&key) {
            None => {
                let opening = Opening {
                    at: fact.opened_at,
                    ticket: (fact.source.to_owned(), fact.ticket_id.to_owned()),
                    service_id: fact.service_id.to_owned(),
                    priority: place.priority,
                };
                let edge = Edge {
                    first: opening.clone(),
                    last: opening,
                };
                self.edges.insert(key, edge);
            }
            Some(edge) if seen(&edge.first).is_lt() => put(&mut edge.first, place),
            Some(edge) if seen(&edge.last).is_gt() => put(&mut edge.last, place),
            Some(_) => {}
        }
    }

    /// What was counted, by texts and in order.
    pub fn into_fragment(mut self) -> Fragment {
        let mut out = Fragment {
            integrity: std::mem::take(&mut self.integrity),
            audit: std::mem::take(&mut self.audit),
            worst: std::mem::take(&mut self.worst),
            open: self.open.drain().collect(),
            ..Fragment::default()
        };
        let names = &self.names;
        let stream_of = |code: u32| {
            let stream = self.streams.get(code as usize);
            let (contract, service) =
                stream.map_or((u32::MAX, u32::MAX), |s| (s.contract, s.service));
            (names.text(contract), names.text(service))
        };
        for lane in &mut self.lanes {
            let (contract_id, service_id) = stream_of(lane.stream);
            for (month, slot) in &mut lane.months {
                let key = CellKey {
                    contract_id: contract_id.clone(),
                    service_id: service_id.clone(),
                    priority: lane.priority,
                    month: *month,
                };
                for (clock, durations) in Clock::ALL.into_iter().zip(&mut slot.took) {
                    durations.count();
                    if !durations.counted.is_empty() {
                        let counted = std::mem::take(&mut durations.counted);
                        out.histograms.insert((key.clone(), clock), counted);
                    }
                }
                out.cells.insert(key, std::mem::take(&mut slot.cell));
            }
        }
        for stream in &self.streams {
            let key = || (names.text(stream.contract), names.text(stream.service));
            if !stream.outages.is_empty() {
                out.outages.insert(key(), stream.outages.clone());
            }
            if let Some(began) = stream.outage_open {
                out.outages_open.insert(key(), began);
            }
        }
        // Collected whole, which sorts once, where adding one by one would search for each.
        out.edges = self
            .edges
            .drain()
            .map(|((c, i, k), edge)| ((names.text(c), names.text(i), names.text(k)), edge))
            .collect();
        let solved = self.solved.drain();
        out.solved = Solved::of(
            solved.map(|((stream, month, assignee, item, category), n)| {
                let (contract_id, service_id) = stream_of(stream);
                let place = SolvedPlace {
                    contract_id,
                    service_id,
                    month,
                };
                let item = (item != u32::MAX).then(|| (names.get(item), names.get(category)));
                (place, names.get(assignee), item, n)
            }),
        );
        out.kinds.extend(
            self.kinds
                .drain()
                .map(|((stream, category, month), kinds)| {
                    let (contract_id, service_id) = stream_of(stream);
                    let key = KindKey {
                        contract_id,
                        service_id,
                        category: names.text(category),
                        month,
                    };
                    (key, kinds)
                }),
        );
        out.fixes
            .extend(self.fixes.drain().map(|((contract, problem, day), n)| {
                let key = FixKey {
                    contract_id: names.text(contract),
                    problem_id: names.text(problem),
                    day,
                };
                (key, n)
            }));
        let differs = std::mem::take(&mut self.differs);
        out.differs.extend(
            differs
                .into_iter()
                .map(|((contract, late), sample)| ((names.text(contract), late), sample)),
        );
        out
    }
}

/// Writes a ticket over an opening, in the space that it has.
fn put(opening: &mut Opening, place: &Place<'_, '_>) {
    fn over(text: &mut String, new: &str) {
        text.clear();
        text.push_str(new);
    }
    let fact = place.fact;
    opening.at = fact.opened_at;
    over(&mut opening.ticket.0, fact.source);
    over(&mut opening.ticket.1, fact.ticket_id);
    over(&mut opening.service_id, fact.service_id);
    opening.priority = place.priority;
}
