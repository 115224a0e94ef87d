//! The life of one ticket: response, work, hand-offs, pauses, priority changes, solution, reopening
//! and closure, and the tricks of a supplier that games its numbers. Not responsible for how many
//! tickets there are.

use super::clock::{DAY, HOUR, Hours, MINUTE};
use super::incidents::{State, Ticket, Trick, hours_of};
use super::sample::Draw;
use super::world::{RESPOND, RESTORE, World, hours_of as hours_of_priority};

/// The ticket as it stood after one update.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Update {
    pub(crate) at: i64,
    pub(crate) state: State,
    pub(crate) priority: u8,
    pub(crate) group: u8,
    /// 0 when nobody is assigned.
    pub(crate) assignee: u16,
}

/// What happens when so much work has been done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Respond,
    Priority(u8),
    HandOff,
    /// Wall seconds on hold.
    Hold(i64),
    /// On hold while so many counted seconds of work go on.
    HoldAndWork(i64),
}

/// A ticket's path in the making.
struct Path<'a> {
    world: &'a World,
    ticket: &'a mut Ticket,
    updates: &'a mut Vec<Update>,
    now: i64,
    running_since: i64,
    /// Intervals in which the clock ran.
    counted: Vec<(i64, i64)>,
}

impl Path<'_> {
    /// Records an update unless the export was made before it.
    fn update(&mut self, state: State) -> bool {
        if self.now > self.world.export_at {
            return false;
        }
        self.ticket.state = state;
        self.updates.push(Update {
            at: self.now,
            state,
            priority: self.ticket.priority,
            group: self.ticket.group,
            assignee: self.ticket.assignee,
        });
        true
    }

    fn work(&mut self, seconds: i64) {
        let hours = hours_of(self.ticket);
        self.now = self.world.clock.advance(hours, self.now, seconds);
    }

    fn pause(&mut self) {
        self.counted.push((self.running_since, self.now));
    }

    fn resume(&mut self) {
        self.running_since = self.now;
    }

    fn assign(&mut self, draw: &mut Draw) {
        // Few people do most of the work.
        let people = (7.0 * libm::sqrt(self.world.scale)).max(4.0);
        let rank = libm::pow(draw.unit(), 1.8) * people;
        self.ticket.assignee = 1 + rank as u16;
    }

    /// Tool's view of the clocks at the end.
    fn judge(&mut self) {
        let ticket = &mut *self.ticket;
        let clock = &self.world.clock;
        let hours = hours_of(ticket);
        let target = RESTORE[ticket.priority as usize];
        let mut left = target;
        let mut due = None;
        let mut end = ticket.opened;
        for (from, to) in &self.counted {
            let piece = clock.elapsed(hours, *from, *to);
            ticket.elapsed_s += piece;
            if due.is_none() && piece >= left {
                due = Some(clock.advance(hours, *from, left));
            }
            left -= piece;
            end = *to;
        }
        ticket.due = due.unwrap_or_else(|| clock.advance(hours, end, left));
        let first = hours_of_priority(ticket.initial_priority as usize);
        let respond = RESPOND[ticket.initial_priority as usize];
        ticket.response_due = clock.advance(first, ticket.opened, respond);
        let until = ticket.responded.unwrap_or(self.world.export_at);
        ticket.response_s = clock.elapsed(first, ticket.opened, until);
    }
}

/// Lives a ticket to its end or to the export.
pub(crate) fn live(
    world: &World,
    ticket: &mut Ticket,
    games: bool,
    updates: &mut Vec<Update>,
    draw: &mut Draw,
) {
    let from = updates.len() as u32;
    let (mut steps, work) = plan(world, ticket, games, draw);
    steps.sort_by_key(|(at, _)| *at);
    let stuck = !games && draw.chance(0.004);
    let start = ticket.logged;
    let opened = ticket.opened;
    let mut path = Path {
        world,
        ticket,
        updates,
        now: start,
        running_since: opened,
        counted: Vec::new(),
    };
    if run(&mut path, &steps, work, stuck, draw) {
        after_solution(&mut path, draw);
    }
    path.judge();
    ticket.updates = (from, updates.len() as u32);
}

/// Work needed and what happens on the way, in counted seconds since opening.
fn plan(
    world: &World,
    ticket: &mut Ticket,
    games: bool,
    draw: &mut Draw,
) -> (Vec<(i64, Step)>, i64) {
    let priority = ticket.priority as usize;
    let target = RESTORE[priority];
    let mut work = (draw.lognormal(0.35 * target as f64, 0.85) as i64).max(4 * MINUTE);
    let response = draw.lognormal(0.34 * RESPOND[priority] as f64, 0.75) as i64;
    let mut steps = Vec::with_capacity(6);
    steps.push((response.min(work * 9 / 10), Step::Respond));
    let hand_offs = draw.weighted(&[0.62, 0.24, 0.10, 0.04]);
    for _ in 0..hand_offs {
        steps.push((
            (work as f64 * draw.between(0.1, 0.85)) as i64,
            Step::HandOff,
        ));
    }
    if draw.chance(if priority >= 2 { 0.19 } else { 0.08 }) {
        let wall = draw.lognormal(7.0 * HOUR as f64, 1.0) as i64;
        steps.push((
            (work as f64 * draw.between(0.15, 0.9)) as i64,
            Step::Hold(wall),
        ));
    }
    // Corrections of the priority come early and go both ways.
    if draw.chance(0.05) && priority >= 1 {
        let up = draw.chance(0.5) || priority == 4;
        let to = if up { priority - 1 } else { priority + 1 };
        steps.push((
            (work as f64 * draw.between(0.03, 0.18)) as i64,
            Step::Priority(to as u8),
        ));
    }
    if games && work > target {
        let choice = draw.unit();
        if let Some(trick) = chosen(choice, ticket).filter(|t| world.plays(*t)) {
            ticket.trick = Some(trick);
            work = game(trick, (work, target), &mut steps, ticket.priority, draw);
        } else if !world.plays_one() {
            keep_deadline(&mut steps);
        }
    }
    (steps, work)
}

/// A corrected priority or an honest hold would change the deadline being gamed.
fn keep_deadline(steps: &mut Vec<(i64, Step)>) {
    steps.retain(|(_, step)| matches!(step, Step::Respond | Step::HandOff));
}

/// What the gaming supplier does with a ticket that is about to miss its target.
fn chosen(choice: f64, ticket: &Ticket) -> Option<Trick> {
    if choice < 0.36 {
        Some(Trick::HeldBeforeBreach)
    } else if choice < 0.62 && ticket.priority < 4 {
        Some(Trick::LoweredLate)
    } else if choice < 0.90 {
        Some(Trick::Bunched)
    } else {
        None
    }
}

/// Plays the trick; gives the work that is then done before the ticket is called solved.
fn game(
    trick: Trick,
    (work, target): (i64, i64),
    steps: &mut Vec<(i64, Step)>,
    priority: u8,
    draw: &mut Draw,
) -> i64 {
    keep_deadline(steps);
    match trick {
        Trick::HeldBeforeBreach => {
            let left = draw.whole(2 * MINUTE, 12 * MINUTE);
            steps.retain(|(at, _)| *at < target - left);
            steps.push((target - left, Step::HoldAndWork(work - target + left)));
            target - left + (left as f64 * draw.between(0.2, 0.7)) as i64
        }
        Trick::LoweredLate => {
            let at = (target as f64 * draw.between(0.78, 0.97)) as i64;
            steps.push((at, Step::Priority(priority + 1)));
            work
        }
        Trick::Bunched => {
            let end = (target as f64 * draw.between(0.968, 0.999)) as i64;
            steps.retain(|(at, _)| *at < end);
            end
        }
        Trick::Relabelled | Trick::Resubmitted => work,
    }
}

/// Walks the steps; false when the ticket is still open.
fn run(
    path: &mut Path<'_>,
    steps: &[(i64, Step)],
    work: i64,
    stuck: bool,
    draw: &mut Draw,
) -> bool {
    if !path.update(State::New) {
        return false;
    }
    let mut done = 0;
    let mut state = State::New;
    for (index, (at, step)) in steps.iter().enumerate() {
        path.work(at - done);
        done = *at;
        match step {
            Step::Respond => {
                path.assign(draw);
                state = State::InProgress;
                if path.now <= path.world.export_at {
                    path.ticket.responded = Some(path.now);
                }
            }
            Step::Priority(to) => path.ticket.priority = *to,
            Step::HandOff => {
                path.ticket.group = ((path.ticket.group as usize + 1 + draw.index(2)) % 3) as u8;
                path.ticket.reassignments += 1;
                path.assign(draw);
            }
            Step::Hold(_) | Step::HoldAndWork(_) => {
                let waiting = if draw.chance(0.7) {
                    State::HoldUser
                } else {
                    State::HoldVendor
                };
                if !path.update(waiting) {
                    path.pause();
                    return false;
                }
                let from = path.now;
                path.pause();
                match step {
                    Step::Hold(wall) => path.now += wall,
                    Step::HoldAndWork(seconds) => path.work(*seconds),
                    _ => {}
                }
                path.ticket.hold_s += path.now.min(path.world.export_at) - from;
                path.resume();
                state = State::InProgress;
            }
        }
        if !path.update(state) {
            path.now = path.world.export_at;
            path.pause();
            return false;
        }
        if stuck && index + 1 == steps.len() {
            path.now = path.world.export_at;
            path.pause();
            return false;
        }
    }
    path.work(work - done);
    let resolved = path.now <= path.world.export_at && path.update(State::Resolved);
    if resolved {
        path.ticket.resolved = Some(path.now);
    } else {
        path.now = path.world.export_at;
    }
    path.pause();
    resolved
}

/// Reopening and closure.
fn after_solution(path: &mut Path<'_>, draw: &mut Draw) {
    let honest = path.ticket.trick.is_none();
    if honest && draw.chance(0.04) {
        path.now += draw.whole(HOUR, 2 * DAY);
        if path.now > path.world.export_at {
            return;
        }
        path.ticket.reopens += 1;
        path.ticket.resolved = None;
        path.update(State::InProgress);
        path.resume();
        let target = RESTORE[path.ticket.priority as usize] as f64;
        path.work((draw.lognormal(0.12 * target, 0.7) as i64).max(5 * MINUTE));
        if !path.update(State::Resolved) {
            path.now = path.world.export_at;
            path.pause();
            return;
        }
        path.ticket.resolved = Some(path.now);
        path.pause();
    }
    // The caller confirms, or the tool closes after five days.
    path.now += if draw.chance(0.3) {
        draw.whole(10 * MINUTE, DAY)
    } else {
        5 * DAY
    };
    if path.update(State::Closed) {
        path.ticket.closed = Some(path.now);
    }
}

/// A ticket of an outage: it is solved when the outage is.
pub(crate) fn end_with_outage(
    world: &World,
    ticket: &mut Ticket,
    end: i64,
    updates: &mut Vec<Update>,
    draw: &mut Draw,
) {
    let from = updates.len() as u32;
    let opened = ticket.opened;
    let mut path = Path {
        world,
        ticket,
        updates,
        now: opened,
        running_since: opened,
        counted: Vec::new(),
    };
    path.update(State::New);
    path.now = world
        .clock
        .advance(Hours::Always, opened, draw.whole(30, 10 * MINUTE))
        .min(end - 1);
    path.assign(draw);
    path.ticket.responded = Some(path.now);
    path.update(State::InProgress);
    path.now = end;
    path.update(State::Resolved);
    path.ticket.resolved = Some(end);
    path.pause();
    path.now += 5 * DAY;
    path.update(State::Closed);
    path.ticket.closed = Some(path.now);
    path.judge();
    ticket.updates = (from, updates.len() as u32);
}
