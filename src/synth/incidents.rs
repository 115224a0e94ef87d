//! The tickets of one contract's month or of a slice of it: how many, on which item, by whom, and which of them
//! would have happened but did not. Responsible for the population and its truths; what happens
//! to a ticket after it is opened is in [`super::lifecycle`].

use super::clock::{DAY, HOUR, Hours, MINUTE};
use super::lifecycle::{self, Update};
use super::rhythm::Arrivals;
use super::sample::Draw;
use super::slices::{MONTH_NOISE, Part, Slice};
use super::world::{
    CASCADES, GAMMA_SHAPE, HOT_SHARES, PRIORITY_SHARES, RELABELLED, REQUEST_RATIO, SERVICES, Topic,
    World, first_day,
};

/// Number of categories; each has three subcategories.
pub(crate) const CATEGORIES: [&str; 8] = [
    "availability",
    "performance",
    "access",
    "configuration",
    "hardware",
    "software",
    "data",
    "connectivity",
];
/// Names of the subcategories of a category.
pub(crate) const SUBCATEGORIES: [&str; 3] = ["first occurrence", "known error", "unclear"];

/// State of a ticket, as numbers that every dialect names its own way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    /// Registered, nobody works on it.
    New,
    /// Being worked on.
    InProgress,
    /// Waiting for the user.
    HoldUser,
    /// Waiting for a vendor.
    HoldVendor,
    /// Solved, may be reopened.
    Resolved,
    /// Final.
    Closed,
}

/// How a ticket came in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Channel {
    /// By telephone.
    Phone,
    /// Self-service portal.
    Portal,
    /// By e-mail.
    Email,
    /// From monitoring, before a user noticed.
    Monitoring,
}

/// Who caused a ticket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Party {
    /// The supplier.
    Supplier,
    /// The customer.
    Customer,
    /// Somebody else.
    Other,
}

/// What the gaming supplier did to a ticket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trick {
    /// An incident filed as a request.
    Relabelled,
    /// Put on hold just before the breach while work went on.
    HeldBeforeBreach,
    /// Priority lowered late in the clock.
    LoweredLate,
    /// Declared solved just before the deadline.
    Bunched,
    /// The same matter under a new number after it was declared solved.
    Resubmitted,
}

impl Trick {
    /// Name in the truth files.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Trick::Relabelled => "relabelled_as_request",
            Trick::HeldBeforeBreach => "held_before_breach",
            Trick::LoweredLate => "priority_lowered_late",
            Trick::Bunched => "bunched_before_deadline",
            Trick::Resubmitted => "resubmitted_under_new_number",
        }
    }
}

/// One ticket with everything that happened to it until the export.
#[derive(Debug, Clone)]
pub(crate) struct Ticket {
    pub(crate) service: u8,
    /// Number within the contract's month, from 1 in order of opening.
    pub(crate) number: u32,
    pub(crate) is_request: bool,
    pub(crate) trick: Option<Trick>,
    pub(crate) opened: i64,
    /// When it was entered; later than `opened` for a ticket logged late.
    pub(crate) logged: i64,
    pub(crate) detected: Option<i64>,
    pub(crate) responded: Option<i64>,
    pub(crate) resolved: Option<i64>,
    pub(crate) closed: Option<i64>,
    pub(crate) priority: u8,
    pub(crate) initial_priority: u8,
    pub(crate) category: u8,
    pub(crate) subcategory: u8,
    pub(crate) ci: u32,
    pub(crate) caller: u32,
    pub(crate) channel: Channel,
    pub(crate) cause: Party,
    pub(crate) group: u8,
    pub(crate) assignee: u16,
    pub(crate) reassignments: u8,
    pub(crate) reopens: u8,
    pub(crate) hold_s: i64,
    pub(crate) affected_ppm: u32,
    pub(crate) is_major: bool,
    /// Index into [`CASCADES`] for the parent and its children.
    pub(crate) cascade: Option<u8>,
    /// Number of the parent in the same month.
    pub(crate) parent: Option<u32>,
    /// Hot stream whose problem record it refers to.
    pub(crate) problem: Option<u8>,
    pub(crate) by_change: bool,
    pub(crate) state: State,
    pub(crate) elapsed_s: i64,
    pub(crate) due: i64,
    pub(crate) response_due: i64,
    pub(crate) response_s: i64,
    /// Its rows in the audit log: first and one past the last.
    pub(crate) updates: (u32, u32),
}

impl Ticket {
    /// A new ticket before its life.
    pub(crate) fn open(service: usize, opened: i64) -> Self {
        Ticket {
            service: service as u8,
            number: 0,
            is_request: false,
            trick: None,
            opened,
            logged: opened,
            detected: None,
            responded: None,
            resolved: None,
            closed: None,
            priority: 2,
            initial_priority: 2,
            category: 0,
            subcategory: 0,
            ci: 0,
            caller: 0,
            channel: Channel::Phone,
            cause: Party::Supplier,
            group: 0,
            assignee: 0,
            reassignments: 0,
            reopens: 0,
            hold_s: 0,
            affected_ppm: 0,
            is_major: false,
            cascade: None,
            parent: None,
            problem: None,
            by_change: false,
            state: State::New,
            elapsed_s: 0,
            due: 0,
            response_due: 0,
            response_s: 0,
            updates: (0, 0),
        }
    }
}

/// What is true of a service's month.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct ServiceTruth {
    /// Incidents that would have happened had nobody changed anything.
    pub(crate) counterfactual: u64,
    /// Of those, gone with the users that the customer took away.
    pub(crate) removed_by_customer: u64,
    /// Of those, prevented by the supplier.
    pub(crate) removed_by_supplier: u64,
    /// Incidents that did happen (without cascades).
    pub(crate) happened: u64,
    /// Of those, filed as requests.
    pub(crate) relabelled: u64,
    /// Tickets opened again under a new number.
    pub(crate) resubmitted: u64,
    /// Parent and children of outages.
    pub(crate) cascade: u64,
    /// Honest requests.
    pub(crate) requests: u64,
}

impl ServiceTruth {
    /// Adds the truth of another slice of the month.
    pub(crate) fn add(&mut self, other: &ServiceTruth) {
        self.counterfactual += other.counterfactual;
        self.removed_by_customer += other.removed_by_customer;
        self.removed_by_supplier += other.removed_by_supplier;
        self.happened += other.happened;
        self.relabelled += other.relabelled;
        self.resubmitted += other.resubmitted;
        self.cascade += other.cascade;
        self.requests += other.requests;
    }

    /// Tickets of type incident that the supplier's tool shows.
    pub(crate) fn shown(&self) -> u64 {
        self.happened - self.relabelled + self.resubmitted + self.cascade
    }
}

/// Tickets of a contract's month, or of a slice of it, in order of opening.
pub(crate) struct Unit {
    pub(crate) contract: usize,
    pub(crate) month: usize,
    /// Which slice of the month, from 1; 0 for a month that is not sliced.
    pub(crate) slice: u32,
    /// What a month has once, such as its bad rows, belongs to this unit.
    pub(crate) last: bool,
    pub(crate) tickets: Vec<Ticket>,
    pub(crate) updates: Vec<Update>,
    pub(crate) truth: [ServiceTruth; SERVICES],
}

/// Start and end of a service's planned change in a month, local office evening.
pub(crate) fn change_window(
    world: &World,
    contract: usize,
    service: usize,
    month: usize,
) -> (i64, i64) {
    let day = first_day(month as i64) + 2 + 5 * service as i64 + contract as i64 % 3;
    let start = world.clock.utc(day * DAY + 20 * HOUR);
    (start, start + 2 * HOUR)
}

/// Month index from which tickets of a hot stream name a problem record.
pub(crate) fn problem_opened_month(stream: usize) -> usize {
    13 + 3 * stream
}

/// Simulates the tickets of one contract's month in one piece.
pub(crate) fn simulate(world: &World, contract: usize, month: usize) -> Unit {
    let mut unit = draw(world, &Slice::whole(contract, month));
    finish(&mut unit, 0, &mut [None; CASCADES.len()]);
    unit
}

/// Draws the tickets of a slice, in order of opening but not numbered yet.
pub(crate) fn draw(world: &World, slice: &Slice) -> Unit {
    let (contract, month) = (slice.contract, slice.month);
    let mut draw = world.slice_stream(Topic::Tickets, contract, month, slice.number);
    let mut unit = Unit {
        contract,
        month,
        slice: slice.number,
        last: slice.last,
        tickets: Vec::new(),
        updates: Vec::new(),
        truth: [ServiceTruth::default(); SERVICES],
    };
    match slice.part {
        Part::Month => {
            let arrivals = Arrivals::month(world, contract, month);
            for service in 0..SERVICES {
                let noise = draw.gamma(GAMMA_SHAPE);
                incidents_of(world, &mut unit, service, noise, &arrivals, &mut draw);
                requests_of(world, &mut unit, service, &arrivals, &mut draw);
            }
            for (index, cascade) in CASCADES.iter().enumerate() {
                if cascade.contract == contract && cascade.month == month {
                    outage(world, &mut unit, index, (0, 1), &mut draw);
                }
            }
        }
        Part::Hours { from, to } => {
            // The noise of a service's month is one draw, whatever the slice.
            let mut noise = world.slice_stream(Topic::Tickets, contract, month, MONTH_NOISE);
            let arrivals = Arrivals::hours(world, contract, month, from..to);
            for service in 0..SERVICES {
                let noise = noise.gamma(GAMMA_SHAPE);
                incidents_of(world, &mut unit, service, noise, &arrivals, &mut draw);
                requests_of(world, &mut unit, service, &arrivals, &mut draw);
            }
        }
        Part::Outage { index, part, parts } => {
            outage(world, &mut unit, index, (part, parts), &mut draw);
        }
    }
    unit.tickets.sort_by_key(|t| t.opened);
    unit
}

/// Numbers tickets that stand in order of opening, the first one after `before`, and names the
/// parents of outages; `parents` holds those of earlier slices and takes up new ones.
pub(crate) fn finish(unit: &mut Unit, before: u32, parents: &mut [Option<u32>; CASCADES.len()]) {
    for (position, ticket) in unit.tickets.iter_mut().enumerate() {
        ticket.number = before + position as u32 + 1;
        if let (true, Some(cascade)) = (ticket.is_major, ticket.cascade) {
            parents[cascade as usize] = Some(ticket.number);
        }
    }
    for ticket in &mut unit.tickets {
        if let (false, Some(cascade)) = (ticket.is_major, ticket.cascade) {
            ticket.parent = parents[cascade as usize];
        }
    }
}

fn incidents_of(
    world: &World,
    unit: &mut Unit,
    service: usize,
    noise: f64,
    arrivals: &Arrivals,
    draw: &mut Draw,
) {
    let (c, m) = (unit.contract, unit.month);
    let games = world.games(c, m);
    let removal = world.removal(c, service, m);
    let customer = world.customer_share(c, service, m);
    let mean = world.intensity(c, service, m) * noise / GAMMA_SHAPE * arrivals.incidents;
    let count = draw.poisson(mean);
    let hot: f64 = HOT_SHARES.iter().sum();
    let mut previous: Option<(u32, u8, i64)> = None;
    unit.truth[service].counterfactual = count;
    for _ in 0..count {
        let stream = draw.weighted(&[HOT_SHARES[0], HOT_SHARES[1], HOT_SHARES[2], 1.0 - hot]);
        if draw.chance(customer) {
            unit.truth[service].removed_by_customer += 1;
            continue;
        }
        if draw.chance(removal[stream]) {
            unit.truth[service].removed_by_supplier += 1;
            continue;
        }
        unit.truth[service].happened += 1;
        let machine = draw.chance(arrivals.machine);
        let mut ticket = Ticket::open(service, arrivals.moment(world, draw, machine));
        describe(world, &mut ticket, c, stream, machine, draw);
        // Some matters come back soon on the same item, whoever is at fault.
        if let (3, Some((ci, category, before))) = (stream, previous)
            && draw.chance(0.08)
        {
            let again = before + draw.whole(5 * HOUR, 8 * DAY);
            let last = world.clock.utc(first_day(m as i64 + 1) * DAY) - 1;
            ticket.ci = ci;
            ticket.category = category;
            if again < last {
                ticket.opened = again;
                ticket.logged = again;
            }
        }
        previous = Some((ticket.ci, ticket.category, ticket.opened));
        finish_description(world, &mut ticket, c, m, stream, draw);
        let relabel = games
            && world.plays(Trick::Relabelled)
            && ticket.priority >= 2
            && draw.chance(RELABELLED);
        if relabel {
            ticket.is_request = true;
            ticket.trick = Some(Trick::Relabelled);
            unit.truth[service].relabelled += 1;
        }
        lifecycle::live(
            world,
            &mut ticket,
            games && !relabel,
            &mut unit.updates,
            draw,
        );
        let again = resubmission(world, &ticket, m, draw);
        unit.tickets.push(ticket);
        if let Some(mut again) = again {
            lifecycle::live(world, &mut again, false, &mut unit.updates, draw);
            unit.truth[service].resubmitted += 1;
            unit.tickets.push(again);
        }
    }
}

/// Share of a gaming supplier's incidents that its export shows as incidents, about: without
/// those filed as requests, with those that come back under a new number.
pub(crate) fn shown_share() -> f64 {
    let minor: f64 = PRIORITY_SHARES.iter().skip(2).sum();
    let kept = 1.0 - RELABELLED * minor;
    // Some 11 % would miss their target, 29 % of those are called solved too early, and half of
    // those come back.
    kept * (1.0 + 0.11 * 0.29 * 0.5)
}

/// Half of the tickets that were declared solved too early come back under a new number.
fn resubmission(world: &World, ticket: &Ticket, month: usize, draw: &mut Draw) -> Option<Ticket> {
    if ticket.trick != Some(Trick::Bunched) || !world.plays(Trick::Resubmitted) || !draw.chance(0.5)
    {
        return None;
    }
    let opened = ticket.resolved? + draw.whole(10 * MINUTE, 4 * HOUR);
    if opened >= world.clock.utc(first_day(month as i64 + 1) * DAY) {
        return None;
    }
    let mut again = Ticket::open(ticket.service as usize, opened);
    again.trick = Some(Trick::Resubmitted);
    again.priority = ticket.priority;
    again.initial_priority = ticket.priority;
    again.category = ticket.category;
    again.subcategory = ticket.subcategory;
    again.ci = ticket.ci;
    again.caller = ticket.caller;
    again.channel = Channel::Phone;
    again.affected_ppm = ticket.affected_ppm;
    Some(again)
}

fn requests_of(
    world: &World,
    unit: &mut Unit,
    service: usize,
    arrivals: &Arrivals,
    draw: &mut Draw,
) {
    let (c, m) = (unit.contract, unit.month);
    let kept = 1.0 - world.customer_share(c, service, m);
    let mean = world.intensity(c, service, m) * REQUEST_RATIO * kept * arrivals.requests;
    let count = draw.poisson(mean);
    unit.truth[service].requests = count;
    for _ in 0..count {
        let mut ticket = Ticket::open(service, arrivals.moment(world, draw, false));
        ticket.is_request = true;
        describe(world, &mut ticket, c, 3, false, draw);
        ticket.priority = 3 + u8::from(draw.chance(0.4));
        ticket.initial_priority = ticket.priority;
        ticket.affected_ppm = 0;
        lifecycle::live(world, &mut ticket, false, &mut unit.updates, draw);
        unit.tickets.push(ticket);
    }
}

/// Item, category, person, channel and priority of a ticket.
fn describe(
    world: &World,
    ticket: &mut Ticket,
    contract: usize,
    stream: usize,
    machine: bool,
    draw: &mut Draw,
) {
    let service = ticket.service as usize;
    if stream < 3 {
        ticket.ci = stream as u32;
        ticket.category = ((stream * 3 + service) % CATEGORIES.len()) as u8;
    } else {
        // The three hot items also break in other ways.
        ticket.ci = draw.cumulative(&world.ci_weights) as u32;
        let favourite = (service + contract) % CATEGORIES.len();
        ticket.category = if draw.chance(0.35) {
            favourite as u8
        } else {
            draw.index(CATEGORIES.len()) as u8
        };
    }
    ticket.subcategory = draw.index(SUBCATEGORIES.len()) as u8;
    ticket.caller = draw.index(world.users(contract, service, 0) as usize) as u32;
    ticket.channel = if machine {
        Channel::Monitoring
    } else {
        [Channel::Phone, Channel::Portal, Channel::Email][draw.weighted(&[0.45, 0.38, 0.17])]
    };
    if machine {
        ticket.detected = Some(ticket.opened - draw.whole(0, 3 * MINUTE));
    }
    ticket.priority = draw.weighted(&PRIORITY_SHARES) as u8;
    ticket.initial_priority = ticket.priority;
}

/// Cause, impact and references, once the moment and the item are known.
fn finish_description(
    world: &World,
    ticket: &mut Ticket,
    contract: usize,
    month: usize,
    stream: usize,
    draw: &mut Draw,
) {
    if ticket.detected.is_some() {
        ticket.detected = Some(ticket.opened - draw.whole(0, 3 * MINUTE));
    }
    ticket.cause =
        [Party::Supplier, Party::Customer, Party::Other][draw.weighted(&[0.80, 0.08, 0.12])];
    let share = match ticket.priority {
        0 => draw.between(0.15, 0.9),
        1 => draw.between(0.03, 0.35),
        2 => draw.between(0.0005, 0.02),
        _ => draw.between(0.0001, 0.002),
    };
    ticket.affected_ppm = (share * 1e6) as u32;
    ticket.is_major = ticket.priority == 0 && share > 0.3;
    if stream < 3 && month >= problem_opened_month(stream) && draw.chance(0.75) {
        ticket.problem = Some(stream as u8);
    }
    let (_, end) = change_window(world, contract, ticket.service as usize, month);
    ticket.by_change = (end..end + 3 * DAY).contains(&ticket.opened) && draw.chance(0.22);
    if draw.chance(0.003) {
        ticket.logged = ticket.opened + draw.whole(DAY, 4 * DAY);
    }
}

/// One outage, or one of several equal parts of it: a parent, which stands in the first part, and
/// a wave of children, most of them within the first hour.
fn outage(
    world: &World,
    unit: &mut Unit,
    index: usize,
    (part, parts): (u32, u32),
    draw: &mut Draw,
) {
    let cascade = &CASCADES[index];
    let service = cascade.service;
    let day = first_day(cascade.month as i64) + cascade.day - 1;
    let start = world
        .clock
        .utc(day * DAY + cascade.hour * HOUR + 7 * MINUTE);
    let restored = start + (cascade.hours * HOUR as f64) as i64;
    let children = draw.poisson(cascade.children * world.scale / f64::from(parts));
    for child in u64::from(part > 0)..=children {
        let parent = child == 0;
        let after = (1_500.0 * draw.gamma(1.4)) as i64;
        let opened = if parent {
            start
        } else {
            (start + MINUTE + after).min(restored - MINUTE)
        };
        let mut ticket = Ticket::open(service, opened);
        describe(world, &mut ticket, unit.contract, 0, parent, draw);
        ticket.category = 0;
        ticket.priority = if parent {
            0
        } else {
            1 + u8::from(draw.chance(0.8))
        };
        ticket.initial_priority = ticket.priority;
        ticket.cascade = Some(index as u8);
        ticket.is_major = parent;
        ticket.affected_ppm = if parent { 820_000 } else { 700 };
        ticket.by_change = parent && cascade.by_customer;
        ticket.cause = if cascade.by_customer {
            Party::Customer
        } else {
            Party::Supplier
        };
        let end = if parent {
            restored
        } else {
            restored + draw.whole(0, 50 * MINUTE)
        };
        lifecycle::end_with_outage(world, &mut ticket, end, &mut unit.updates, draw);
        unit.truth[service].cascade += 1;
        unit.tickets.push(ticket);
    }
}

/// Calendar that a ticket's clock runs on.
pub(crate) fn hours_of(ticket: &Ticket) -> Hours {
    super::world::hours_of(ticket.priority as usize)
}
