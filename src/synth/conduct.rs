//! Do the integrity tests find gaming, and leave honest suppliers alone? Lives the contracts of
//! many worlds, lets every supplier be honest or play one trick, measures their tickets by the same
//! pass as a run, and counts the flags. Responsible for the tricks that the example worlds do not
//! play; not for measuring or testing.

use std::collections::{BTreeMap, BTreeSet};

use rayon::prelude::*;

use super::billing::{APPROVAL_LIMIT, order_parts};
use super::clock::{HOLIDAYS, HOUR, MINUTE};
use super::incidents::{CATEGORIES, Channel, State, Ticket, Trick, Unit, simulate};
use super::notices::{Sent, notices};
use super::sample::Draw;
use super::world::{
    BASELINE_MONTHS, CONTRACTS, MONTHS, RESTORE, SERVICES, Topic, World, year_month,
};
use super::writer::Piece;
use super::{Options, Scenario, SynthError};
use crate::judge::integrity::{self, Counts, Kind, PeriodOf};
use crate::measure::cells::Cells;
use crate::measure::fact::{Change, Event, Fact, Neighbours, Notice, NoticeKind, TicketType};
use crate::measure::fragment::Fragment;
use crate::measure::kernel;
use crate::measure::neighbours::{self, Reported};
use crate::measure::orders::Orders;
use crate::measure::plan::MeasurePlan;
use crate::measure::spec::{Impact, MeasureSpec, Target};
use crate::measure::tally::{Ready, Tally};
use crate::money::Decimal;
use crate::time::{CalendarDefinition, Date, Instant, Month, Period, Weekly, Zone};

/// How many contracts were flagged.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Flags {
    /// Contracts tried.
    pub contracts: u64,
    /// Contracts with any flag.
    pub any: u64,
    /// Contracts flagged by each test.
    pub by_test: BTreeMap<Kind, u64>,
}

impl Flags {
    fn add(&mut self, other: &Flags) {
        self.contracts += other.contracts;
        self.any += other.any;
        for (kind, n) in &other.by_test {
            *self.by_test.entry(*kind).or_default() += n;
        }
    }
}

/// What a supplier does to show each kind, in words, for the table beside the power.
#[must_use]
pub fn trick_in_words(kind: Kind) -> &'static str {
    match kind {
        Kind::BunchingBeforeDeadline => {
            "28 % of what would be late is called solved at 96.8 to 99.9 % of the target"
        }
        Kind::HoldBeforeBreach => {
            "36 % of what would be late is put on hold 2 to 12 minutes before the deadline"
        }
        Kind::PriorityLoweredLate => {
            "26 % of what would be late is lowered at 78 to 97 % of the target"
        }
        Kind::RequestsForIncidents => "18.5 % of incidents of P3 to P5 are filed as requests",
        Kind::ReopenedUnderNewNumber => {
            "half of what is solved too early comes back within four hours under a new number"
        }
        Kind::SplitTickets => "4 % of incidents are registered twice within 10 minutes",
        Kind::MergedTickets => "4 % of incidents are made a child of another on the service",
        Kind::BackDated => "a third of what is late gets an earlier date of resolution",
        Kind::ToldAfterwards => "a quarter of what is told of is told only afterwards",
        Kind::SplitOrders => "every order above the limit comes in parts under it",
        Kind::ImpactDespiteKpi => {
            "a quarter of P3 to P5 goes unregistered, the others hit three times as many users"
        }
    }
}

/// Tries the tests on `worlds` worlds of six contracts each, seeds `seed` and on, size `scale`:
/// honest suppliers when `plays` is `None`, else all playing that one trick.
///
/// Honest suppliers prevent and save as declared; reorganisations, outages, customers who leave and
/// the renaming of a service are in the worlds.
///
/// # Errors
/// When the scale makes no sense.
pub fn flags(seed: u64, worlds: u64, scale: f64, plays: Option<Kind>) -> Result<Flags, SynthError> {
    let each: Vec<Result<Flags, SynthError>> = (0..worlds)
        .into_par_iter()
        .map(|n| {
            let world = World::new(&Options {
                seed: seed.wrapping_add(n),
                scale,
                scenario: Scenario::Honest,
                ..Options::new(0)
            })?;
            let world = match plays.and_then(of_the_worlds) {
                Some(trick) => world.playing(trick),
                None => world,
            };
            let plan = plan()?;
            let mut sum = Flags::default();
            for c in 0..CONTRACTS.len() {
                sum.add(&of_contract(&world, c, &plan, plays));
            }
            Ok(sum)
        })
        .collect();
    let mut sum = Flags::default();
    for flags in each {
        sum.add(&flags?);
    }
    Ok(sum)
}

/// The trick of the example worlds that shows a kind.
fn of_the_worlds(kind: Kind) -> Option<Trick> {
    match kind {
        Kind::BunchingBeforeDeadline => Some(Trick::Bunched),
        Kind::HoldBeforeBreach => Some(Trick::HeldBeforeBreach),
        Kind::PriorityLoweredLate => Some(Trick::LoweredLate),
        Kind::RequestsForIncidents => Some(Trick::Relabelled),
        Kind::ReopenedUnderNewNumber => Some(Trick::Resubmitted),
        _ => None,
    }
}

fn month(m: usize) -> Month {
    let (year, month) = year_month(m as i64);
    Month::from_ordinal(year as i32 * 12 + month as i32 - 1)
}

/// The terms of the example, as far as they decide what is measured.
fn plan() -> Result<MeasurePlan, SynthError> {
    let fail = |detail: String| SynthError::Zone {
        zone: super::world::ZONE.to_owned(),
        detail,
    };
    let zone = Zone::new(super::world::ZONE).map_err(|e| fail(e.to_string()))?;
    let window = "08:00-18:00".parse();
    let day = vec![window.map_err(|e| fail(format!("{e}")))?];
    let holidays = HOLIDAYS
        .iter()
        .filter_map(|(y, m, d, _)| Date::new(*y as i32, *m as u8, *d as u8).ok())
        .collect();
    let office = CalendarDefinition {
        round_the_clock: false,
        weekly: Weekly {
            mon: day.clone(),
            tue: day.clone(),
            wed: day.clone(),
            thu: day.clone(),
            fri: day,
            ..Weekly::default()
        },
        holidays,
        ..CalendarDefinition::round_the_clock("office", zone.clone())
    };
    let always = CalendarDefinition::round_the_clock("always", zone);
    let restore = RESTORE
        .iter()
        .enumerate()
        .map(|(i, seconds)| Target {
            priority: format!("P{}", i + 1),
            within: format!("{}h", seconds / HOUR),
            calendar: if i < 2 { "always" } else { "office" }.to_owned(),
            service: None,
        })
        .collect();
    let mut spec = MeasureSpec {
        restore,
        impact: Impact {
            calendar: Some("office".to_owned()),
            assumed_share_ppm: None,
            ..Impact::default()
        },
        approval_limit: Decimal::new(i128::from(APPROVAL_LIMIT), 2).ok(),
        ..MeasureSpec::new(super::world::ZONE)
    };
    spec.clock.pauses = vec!["on_hold".to_owned()];
    spec.plan("", &[office, always])
        .map_err(|e| fail(e.to_string()))
}

fn of_contract(world: &World, c: usize, plan: &MeasurePlan, plays: Option<Kind>) -> Flags {
    let id = CONTRACTS[c].id;
    let mut fragments = BTreeMap::new();
    let mut orders = Orders::default();
    for m in 0..MONTHS {
        let mut draw = world.stream(Topic::Trials, c, m);
        let trick = plays.filter(|_| m >= BASELINE_MONTHS);
        let mut unit = simulate(world, c, m);
        let mut told = notices(world, &unit, &mut Piece::new(false));
        if let Some(kind) = trick {
            play(kind, &mut unit, &mut told, &mut draw);
        }
        fragments.insert(month(m).to_string(), measured(&unit, &told, plan));
        let limit = plan.approval_limit.unwrap_or(Decimal::ZERO);
        for part in order_parts(trick == Some(Kind::SplitOrders), &mut draw) {
            let amount = Decimal::new(i128::from(part), 2).unwrap_or(Decimal::ZERO);
            let order = [format!("INV-{m}"), String::new(), String::new()];
            // A sum of a few orders always fits.
            let _ = orders.add(id, order, month(m), amount, limit);
        }
    }
    let cells = Cells::fold(fragments, |_| Some(plan));
    let counts = |from: usize, to: usize| -> Counts {
        let of = PeriodOf {
            contract_id: id,
            months: Period::spanning(month(from), month(to)),
            orders: Some(&orders),
            impact: true,
        };
        integrity::counts(&cells, &of, |at| {
            let m = usize::try_from(at.ordinal() - month(0).ordinal()).ok()?;
            Some((0..SERVICES).map(|s| world.users(c, s, m)).sum())
        })
    };
    let rows = integrity::test(
        id,
        "",
        &counts(0, BASELINE_MONTHS),
        &counts(BASELINE_MONTHS, MONTHS),
    );
    let found: BTreeSet<Kind> = rows.iter().filter(|r| r.flagged).map(|r| r.kind).collect();
    Flags {
        contracts: 1,
        any: u64::from(!found.is_empty()),
        by_test: found.into_iter().map(|kind| (kind, 1)).collect(),
    }
}

/// Plays the tricks that need no other life of a ticket.
fn play(kind: Kind, unit: &mut Unit, told: &mut [Sent], draw: &mut Draw) {
    match kind {
        Kind::SplitTickets => {
            let mut twins = Vec::new();
            let last = unit.tickets.last().map_or(0, |t| t.number);
            for ticket in unit.tickets.iter().filter(|t| !t.is_request) {
                if draw.chance(0.04) {
                    let mut twin = ticket.clone();
                    twin.number = last + 1 + twins.len() as u32;
                    twin.opened += draw.whole(MINUTE, 10 * MINUTE);
                    twins.push(twin);
                }
            }
            unit.tickets.extend(twins);
        }
        Kind::MergedTickets => {
            let mut former = [None; SERVICES];
            for ticket in unit.tickets.iter_mut().filter(|t| !t.is_request) {
                let slot = &mut former[usize::from(ticket.service)];
                if let (Some(parent), true) = (*slot, draw.chance(0.04)) {
                    ticket.parent = Some(parent);
                } else {
                    *slot = Some(ticket.number);
                }
            }
        }
        Kind::BackDated => {
            for ticket in unit.tickets.iter_mut().filter(|t| !t.is_request) {
                let late = ticket.resolved.filter(|at| *at > ticket.due);
                if late.is_some() && draw.chance(0.33) {
                    ticket.resolved = Some(ticket.due - draw.whole(MINUTE, 30 * MINUTE));
                }
            }
        }
        Kind::ToldAfterwards => {
            let mut late: BTreeMap<u32, bool> = BTreeMap::new();
            for sent in told.iter() {
                late.entry(sent.ticket).or_insert_with(|| draw.chance(0.25));
            }
            let over: BTreeMap<u32, i64> = unit
                .tickets
                .iter()
                .filter_map(|t| Some((t.number, t.resolved?.max(t.due))))
                .collect();
            for sent in told.iter_mut() {
                if let (Some(true), Some(over)) = (late.get(&sent.ticket), over.get(&sent.ticket)) {
                    sent.at = sent.at.max(over + 10 * MINUTE);
                }
            }
        }
        Kind::ImpactDespiteKpi => {
            unit.tickets
                .retain(|t| t.is_request || t.priority < 2 || !draw.chance(0.25));
            for ticket in &mut unit.tickets {
                ticket.affected_ppm = ticket.affected_ppm.saturating_mul(3).min(1_000_000);
            }
        }
        _ => {}
    }
}

/// The texts of a ticket, which a fact borrows.
struct Texts {
    number: String,
    item: String,
    caller: String,
    parent: Option<String>,
}

/// One month by the pass of a run.
fn measured(unit: &Unit, told: &[Sent], plan: &MeasurePlan) -> Fragment {
    let id = CONTRACTS[unit.contract].id;
    let texts: Vec<Texts> = unit
        .tickets
        .iter()
        .map(|t| Texts {
            number: format!("{:06}", t.number),
            item: format!("{}-{}", t.service, t.ci),
            caller: t.caller.to_string(),
            parent: t.parent.map(|p| format!("{p:06}")),
        })
        .collect();
    let micros = |seconds: i64| seconds.saturating_mul(1_000_000);
    let mut by_time: Vec<usize> = (0..texts.len()).collect();
    by_time.sort_by_key(|n| {
        let ticket = unit.tickets.get(*n).map(|t| t.opened);
        (ticket, texts.get(*n).map(|text| &text.number))
    });
    let reported = by_time.iter().map(|n| {
        let (t, text) = (unit.tickets.get(*n)?, texts.get(*n)?);
        (!t.is_request).then(|| Reported {
            opened: micros(t.opened),
            contract_id: id,
            by: Some([
                &text.item,
                CATEGORIES[usize::from(t.category)],
                &text.caller,
            ]),
            resolved: t.resolved.map(micros),
            parent: text.parent.as_deref(),
        })
    });
    let mut near = vec![Neighbours::default(); texts.len()];
    for (n, of) in by_time.iter().zip(neighbours::find(reported)) {
        if let Some(slot) = near.get_mut(*n) {
            *slot = of;
        }
    }
    let mut by_ticket: BTreeMap<u32, Vec<Notice<'_>>> = BTreeMap::new();
    for sent in told {
        by_ticket.entry(sent.ticket).or_default().push(Notice {
            sent_at: Instant::from_seconds(sent.at),
            kind: if sent.warning {
                NoticeKind::BreachWarning
            } else {
                NoticeKind::Incident
            },
            level: None,
            parts: [None; 5],
            stated_s_ppm: None,
        });
    }
    let ready = Ready::new(plan);
    let mut tally = Tally::default();
    for ((ticket, text), neighbours) in unit.tickets.iter().zip(&texts).zip(near) {
        let events = history(unit, ticket, plan);
        let mut notices = by_ticket.get(&ticket.number).cloned().unwrap_or_default();
        notices.sort_by_key(|n| n.sent_at);
        let fact = Fact {
            service_id: CONTRACTS[unit.contract].services[usize::from(ticket.service)].id,
            ticket_type: if ticket.is_request {
                TicketType::Request
            } else {
                TicketType::Incident
            },
            responded_at: ticket.responded.map(Instant::from_seconds),
            detected_at: ticket.detected.map(Instant::from_seconds),
            resolved_at: ticket.resolved.map(Instant::from_seconds),
            priority: ticket.priority + 1,
            initial_priority: Some(ticket.initial_priority + 1),
            channel: Some(match ticket.channel {
                Channel::Monitoring => "monitoring",
                Channel::Phone | Channel::Portal | Channel::Email => "phone",
            }),
            neighbours,
            child: ticket.parent.is_some(),
            affected_ppm: Some(ticket.affected_ppm),
            events: &events,
            notices: &notices,
            ..Fact::opened(id, &text.number, Instant::from_seconds(ticket.opened))
        };
        kernel::add(&fact, &ready, false, &mut tally);
    }
    tally.into_fragment()
}

/// The history of a ticket as an export tells it.
fn history(unit: &Unit, ticket: &Ticket, plan: &MeasurePlan) -> Vec<Event<'static>> {
    let (from, to) = ticket.updates;
    let updates = unit.updates.get(from as usize..to as usize);
    let mut events = Vec::new();
    let mut before: Option<(State, u8)> = None;
    for update in updates.unwrap_or_default() {
        let at = Instant::from_seconds(update.at);
        if before.is_none_or(|(state, _)| state != update.state) {
            let state = plan.policy.state_of(match update.state {
                State::New => "new",
                State::InProgress => "in_progress",
                State::HoldUser | State::HoldVendor => "on_hold",
                State::Resolved => "resolved",
                State::Closed => "closed",
            });
            let change = Change::State(state);
            events.push(Event { at, change });
        }
        if before.is_some_and(|(_, priority)| priority != update.priority) {
            let change = Change::Priority(update.priority + 1);
            events.push(Event { at, change });
        }
        before = Some((update.state, update.priority));
    }
    events
}
