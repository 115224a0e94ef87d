//! Generates the files of a world as a stream: slices are drawn side by side, put in order,
//! written out side by side, and forgotten. Responsible for that order and for how much is in
//! memory at once; not for what is in a slice.
//!
//! A batch holds some slices per thread, each of about 2,000 tickets or 4,000 invoice lines, so
//! memory depends on the number of threads and not on the size of the world. What a slice needs
//! of those before it (ticket numbers, tickets that open later than it ends, line numbers, sums)
//! is handed on in their order, so how slices fall into batches changes no byte.

use std::path::Path;

use rayon::prelude::*;

use super::billing::{self, MonthCost, Sum};
use super::incidents::{self, ServiceTruth, Ticket, Unit};
use super::lifecycle::Update;
use super::slices::{self, Slice, Usage};
use super::world::{CASCADES, CONTRACTS, MONTHS, SERVICES, World};
use super::writer::{Layout, Piece, Series};
use super::{SynthError, dialect, invoices, notices, truth};

/// Most slices that are in memory at once, whatever the number of threads.
const MOST_SLICES: usize = 128;

/// One unit of work, in the order of the files.
#[derive(Debug, Clone, Copy)]
enum Work {
    Tickets(Slice),
    Usage(Usage),
    /// The invoice, or the rest of it, which closes the contract's month.
    Invoice {
        contract: usize,
        month: usize,
        cut: bool,
    },
}

/// All work of a contract's month.
fn work_of(world: &World, contract: usize, month: usize) -> Vec<Work> {
    let usage = slices::of_usage(world, contract, month);
    let invoice = Work::Invoice {
        contract,
        month,
        cut: !usage.is_empty(),
    };
    let tickets = slices::of_tickets(world, contract, month);
    let tickets = tickets.into_iter().map(Work::Tickets);
    let usage = usage.into_iter().map(Work::Usage);
    tickets.chain(usage).chain([invoice]).collect()
}

/// Work that was drawn, and what it knows of the work before it.
enum Drawn {
    Tickets {
        unit: Unit,
        before: u32,
        parents: Parents,
    },
    Usage(Usage, Sum),
    Invoice {
        contract: usize,
        month: usize,
        truth: [ServiceTruth; SERVICES],
        before: Option<Sum>,
    },
}

type Parents = [Option<u32>; CASCADES.len()];

/// What a contract's month hands from slice to slice.
#[derive(Default)]
struct Carried {
    tickets: u32,
    parents: Parents,
    /// Tickets drawn in an earlier slice that open in a later one, with their updates.
    later: Vec<(Ticket, Vec<Update>)>,
    truth: [ServiceTruth; SERVICES],
    invoice: Sum,
}

impl Carried {
    /// Hands on what the next work of the same contract's month needs.
    fn pass(&mut self, work: &Work, drawn: &mut Drawn) {
        match (work, drawn) {
            (
                Work::Tickets(slice),
                Drawn::Tickets {
                    unit,
                    before,
                    parents,
                },
            ) => {
                self.reorder(slice, unit);
                *before = self.tickets;
                // The first ticket of an outage is its parent, drawn in the outage's first part.
                for (position, ticket) in unit.tickets.iter().enumerate() {
                    if let (true, Some(cascade)) = (ticket.is_major, ticket.cascade) {
                        self.parents[cascade as usize] = Some(self.tickets + position as u32 + 1);
                    }
                }
                *parents = self.parents;
                self.tickets += unit.tickets.len() as u32;
                for (sum, part) in self.truth.iter_mut().zip(&unit.truth) {
                    sum.add(part);
                }
            }
            (Work::Usage(_), Drawn::Usage(_, sum)) => {
                let own = *sum;
                *sum = self.invoice;
                self.invoice.lines += own.lines;
                self.invoice.cost.add(&own.cost);
            }
            (Work::Invoice { cut, .. }, Drawn::Invoice { truth, before, .. }) => {
                *truth = self.truth;
                *before = cut.then_some(self.invoice);
                *self = Carried::default();
            }
            _ => {}
        }
    }

    /// Takes out the tickets that open after the slice and puts in those from before.
    fn reorder(&mut self, slice: &Slice, unit: &mut Unit) {
        let end = unit.tickets.partition_point(|t| t.opened < slice.until);
        let moved = unit.tickets.split_off(end);
        // An outage has its tickets to itself.
        if let slices::Part::Hours { .. } = slice.part {
            let (due, later) = std::mem::take(&mut self.later)
                .into_iter()
                .partition(|(t, _)| t.opened < slice.until);
            self.later = later;
            let due: Vec<(Ticket, Vec<Update>)> = due;
            for (mut ticket, updates) in due {
                let from = unit.updates.len() as u32;
                unit.updates.extend(updates);
                ticket.updates = (from, unit.updates.len() as u32);
                unit.tickets.push(ticket);
            }
            unit.tickets.sort_by_key(|t| t.opened);
        }
        for ticket in moved {
            let (from, to) = ticket.updates;
            let own = unit.updates.get(from as usize..to as usize);
            let own = own.unwrap_or_default().to_vec();
            self.later.push((ticket, own));
        }
    }
}

fn draw(world: &World, work: &Work) -> Drawn {
    match work {
        Work::Tickets(slice) => Drawn::Tickets {
            unit: incidents::draw(world, slice),
            before: 0,
            parents: Parents::default(),
        },
        Work::Usage(slice) => Drawn::Usage(*slice, billing::usage_sum(world, slice)),
        Work::Invoice {
            contract, month, ..
        } => Drawn::Invoice {
            contract: *contract,
            month: *month,
            truth: [ServiceTruth::default(); SERVICES],
            before: None,
        },
    }
}

/// What a unit of work adds to the files.
enum Made {
    Tickets {
        contract: usize,
        month: usize,
        /// Tickets, events, clocks, notices and tricks.
        pieces: Box<[Piece; 5]>,
        defects: Vec<String>,
    },
    Usage {
        contract: usize,
        month: usize,
        lines: Piece,
    },
    Invoice {
        contract: usize,
        month: usize,
        lines: Piece,
        truth: Box<[ServiceTruth; SERVICES]>,
        cost: MonthCost,
        defects: Vec<String>,
    },
}

fn make(world: &World, layout: Layout, drawn: Drawn) -> Made {
    let data = || Piece::new(layout.compress());
    match drawn {
        Drawn::Tickets {
            mut unit,
            before,
            mut parents,
        } => {
            incidents::finish(&mut unit, before, &mut parents);
            let mut pieces = [data(), data(), data(), data(), Piece::new(false)];
            let [tickets, events, clocks, told, tricks] = &mut pieces;
            let defects = dialect::tickets(world, &unit, tickets, tricks);
            dialect::events(world, &unit, events);
            dialect::sla_clocks(&unit, clocks);
            notices::notices(world, &unit, told);
            Made::Tickets {
                contract: unit.contract,
                month: unit.month,
                pieces: Box::new(pieces.map(Piece::close)),
                defects,
            }
        }
        Drawn::Usage(slice, before) => {
            let mut lines = data();
            billing::usage_lines(world, &slice, &before, &mut lines);
            Made::Usage {
                contract: slice.contract,
                month: slice.month,
                lines: lines.close(),
            }
        }
        Drawn::Invoice {
            contract,
            month,
            truth,
            before,
        } => {
            let mut lines = data();
            let place = (contract, month);
            let (cost, defects) =
                billing::invoice(world, place, &truth, before.as_ref(), &mut lines);
            Made::Invoice {
                contract,
                month,
                lines: lines.close(),
                truth: Box::new(truth),
                cost,
                defects,
            }
        }
    }
}

/// The large files of a world.
pub(crate) struct Files {
    tickets: Vec<Series>,
    events: Vec<Series>,
    clocks: Series,
    notices: Series,
    focus: Series,
    canonical: Series,
    tricks: Series,
    ledger: truth::Ledger,
    /// Defects of the tickets of the month at hand, which come before those of its invoice.
    defects: Vec<String>,
}

const TICKET_FILES: [&str; 3] = ["alder_incidents", "birch_tickets", "cedar_incidents"];
const EVENT_FILES: [&str; 3] = ["alder_audit", "birch_history", "cedar_incident_events"];

impl Files {
    /// Opens nothing but the truths; a data file is created with its first row.
    pub(crate) fn new(input: &Path, truths: &Path, layout: Layout) -> Result<Self, SynthError> {
        let series = |name: &str, header: &'static str| Series::new(input, name, header, layout);
        let each = |names: [&str; 3], headers: [&'static str; 3]| {
            let pairs = names.iter().zip(headers);
            pairs.map(|(name, header)| series(name, header)).collect()
        };
        Ok(Files {
            tickets: each(TICKET_FILES, dialect::TICKET_HEADERS),
            events: each(EVENT_FILES, dialect::EVENT_HEADERS),
            clocks: series("sla_clocks", dialect::CLOCK_HEADER),
            notices: series("notices", notices::HEADER),
            focus: series("alder_billing_focus", invoices::FOCUS_HEADER),
            canonical: series("billing", invoices::CANONICAL_HEADER),
            tricks: Series::new(truths, "tricks", truth::TRICKS_HEADER, Layout::plain()),
            ledger: truth::Ledger::new(truths)?,
            defects: Vec::new(),
        })
    }

    fn billing(&mut self, contract: usize) -> &mut Series {
        if CONTRACTS[contract].supplier == 0 {
            &mut self.focus
        } else {
            &mut self.canonical
        }
    }

    fn append(&mut self, world: &World, made: Made) -> Result<(), SynthError> {
        match made {
            Made::Tickets {
                contract,
                month,
                pieces,
                defects,
            } => {
                let [tickets, events, clocks, told, tricks] = pieces.as_ref();
                let supplier = CONTRACTS[contract].supplier;
                self.tickets[supplier].append(month, tickets)?;
                self.events[supplier].append(month, events)?;
                self.clocks.append(month, clocks)?;
                self.notices.append(month, told)?;
                self.tricks.append(month, tricks)?;
                self.defects.extend(defects);
                Ok(())
            }
            Made::Usage {
                contract,
                month,
                lines,
            } => self.billing(contract).append(month, &lines),
            Made::Invoice {
                contract,
                month,
                lines,
                truth,
                cost,
                defects,
            } => {
                self.billing(contract).append(month, &lines)?;
                self.defects.extend(defects);
                let defects = std::mem::take(&mut self.defects);
                self.ledger
                    .month(world, contract, month, &truth, &cost, &defects)
            }
        }
    }

    /// Closes the files of data; gives their names and rows, and what is still open of the truths.
    pub(crate) fn finish(self) -> Result<Finished, SynthError> {
        let mut data = Vec::new();
        let large = [self.clocks, self.notices, self.focus, self.canonical];
        for series in self.tickets.into_iter().chain(self.events).chain(large) {
            data.extend(series.finish()?);
        }
        Ok(Finished {
            data,
            tricks: self.tricks.finish()?,
            ledger: self.ledger,
        })
    }
}

/// Large files that are written.
pub(crate) struct Finished {
    /// Names and rows of the files of data.
    pub(crate) data: Vec<(String, u64)>,
    /// Name and rows of the list of tricks.
    pub(crate) tricks: Vec<(String, u64)>,
    /// The truths, to be closed.
    pub(crate) ledger: truth::Ledger,
}

/// Draws and writes every month of every contract; `progress` is called with the number of
/// months done.
pub(crate) fn write(
    world: &World,
    layout: Layout,
    files: &mut Files,
    progress: &mut dyn FnMut(usize, usize),
) -> Result<(), SynthError> {
    let at_once = (4 * rayon::current_num_threads()).clamp(8, MOST_SLICES);
    let mut carried = Carried::default();
    progress(0, MONTHS);
    for month in 0..MONTHS {
        let work: Vec<Work> = (0..CONTRACTS.len())
            .into_par_iter()
            .flat_map_iter(|contract| work_of(world, contract, month))
            .collect();
        for batch in work.chunks(at_once) {
            let mut drawn: Vec<Drawn> = batch.par_iter().map(|w| draw(world, w)).collect();
            for (work, drawn) in batch.iter().zip(&mut drawn) {
                carried.pass(work, drawn);
            }
            let made: Vec<Made> = drawn
                .into_par_iter()
                .map(|d| make(world, layout, d))
                .collect();
            for made in made {
                files.append(world, made)?;
            }
        }
        progress(month + 1, MONTHS);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::Options;
    use super::*;

    /// Every ticket of a month in order as the slices hand them on, and how many opened later
    /// than the slice that drew them.
    fn tickets(world: &World, contract: usize, month: usize) -> (Vec<Ticket>, usize) {
        let mut carried = Carried::default();
        let mut all = Vec::new();
        let mut crossed = 0;
        for slice in slices::of_tickets(world, contract, month) {
            let work = Work::Tickets(slice);
            let mut drawn = draw(world, &work);
            carried.pass(&work, &mut drawn);
            crossed += carried.later.len();
            if let Drawn::Tickets {
                mut unit,
                before,
                mut parents,
            } = drawn
            {
                incidents::finish(&mut unit, before, &mut parents);
                assert!(
                    unit.tickets
                        .iter()
                        .all(|t| t.updates.1 as usize <= unit.updates.len())
                );
                all.extend(unit.tickets);
            }
        }
        assert!(carried.later.is_empty());
        (all, crossed)
    }

    #[test]
    fn slices_hand_on_numbers_parents_and_late_tickets() {
        let world = World::new(&Options {
            scale: 100.0,
            ..Options::new(5)
        })
        .unwrap();
        // The month of the customer's outage: thousands of children, cut into parts.
        let cascade = &CASCADES[1];
        let parts = work_of(&world, cascade.contract, cascade.month);
        let outages = parts.iter().filter(
            |w| matches!(w, Work::Tickets(s) if matches!(s.part, slices::Part::Outage { .. })),
        );
        assert_eq!(outages.count(), 4);
        let (all, crossed) = tickets(&world, cascade.contract, cascade.month);
        assert!(crossed > 50, "{crossed} tickets crossed a border");
        assert!(all.iter().zip(1..).all(|(t, n)| t.number == n));
        let parent = all
            .iter()
            .find(|t| t.is_major && t.cascade.is_some())
            .unwrap();
        let children = all.iter().filter(|t| t.cascade.is_some() && !t.is_major);
        assert!(children.clone().count() > 5_000);
        assert!(children.clone().all(|t| t.parent == Some(parent.number)));
        assert!(
            children
                .clone()
                .all(|t| t.opened > parent.opened && t.number > parent.number)
        );
        let plain: Vec<i64> = all
            .iter()
            .filter(|t| t.cascade.is_none())
            .map(|t| t.opened)
            .collect();
        assert!(plain.is_sorted());
    }
}
