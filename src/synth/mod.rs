//! Seeded generator of example worlds with known truths. Not responsible for any estimate: it
//! knows nothing of the estimators, and its world is richer than any of their models
//! (overdispersion, autocorrelation, hot items, a reorganisation, outages, bad rows).
//!
//! [`generate`] walks month by month: the contracts of a month are simulated in parallel, each
//! from its own stream of random numbers, written in order, and forgotten. So the bytes depend
//! on the seed and the scale only, and memory on the size of one month.

mod billing;
mod clock;
pub mod conduct;
mod counts;
mod dialect;
mod governance;
mod incidents;
mod invoices;
mod lifecycle;
mod notices;
mod recovery;
pub(crate) mod sample;
mod tables;
mod text;
mod truth;
mod world;
mod writer;

use std::path::{Path, PathBuf};

pub use counts::{TrueMonth, true_months};
use rayon::prelude::*;
pub use recovery::{recover, terms as recovery_terms};

use incidents::ServiceTruth;
use world::{CONTRACTS, MONTHS, SERVICES, World};
use writer::{Output, Piece, Staging};

/// Why a world could not be generated.
#[derive(Debug, thiserror::Error)]
pub enum SynthError {
    /// The folder already has generated data.
    #[error("{path} exists already; --force replaces it", path = path.display())]
    Exists {
        /// What is in the way.
        path: PathBuf,
    },
    /// The scale is not a usable number.
    #[error("scale {scale} is not between 0 (excluded) and 100000")]
    Scale {
        /// The scale asked for.
        scale: f64,
    },
    /// The zone is not in the bundled database.
    #[error("zone {zone}: {detail}")]
    Zone {
        /// The zone's name.
        zone: String,
        /// What the zone database said.
        detail: String,
    },
    /// A file could not be written.
    #[error("{path}: {source}", path = path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}

impl SynthError {
    fn io(path: &Path, source: std::io::Error) -> Self {
        SynthError::Io {
            path: path.to_owned(),
            source,
        }
    }
}

/// What the suppliers do in the performance period.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Scenario {
    /// One prevents, one prevents a little, one games its numbers.
    #[default]
    Declared,
    /// As declared, but nobody games.
    Honest,
    /// Nobody prevents, saves or games, whatever their initiatives claim.
    Idle,
}

impl std::fmt::Display for Scenario {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Scenario::Declared => "declared",
            Scenario::Honest => "honest",
            Scenario::Idle => "idle",
        })
    }
}

/// What to generate.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Options {
    /// Seed of every draw.
    pub seed: u64,
    /// Size: 1 is about 20,000 incidents and 30,000 invoice lines.
    pub scale: f64,
    /// What the suppliers do.
    pub scenario: Scenario,
    /// Replace data that is already there.
    pub force: bool,
}

impl Options {
    /// A world of size 1 as declared, which replaces nothing.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Options {
            seed,
            scale: 1.0,
            scenario: Scenario::Declared,
            force: false,
        }
    }
}

/// What was generated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// Rows per file, in the order written, with the folder in the name.
    pub files: Vec<(String, u64)>,
}

impl Summary {
    /// Rows of a file.
    #[must_use]
    pub fn rows(&self, file: &str) -> Option<u64> {
        self.files
            .iter()
            .find(|(name, _)| name == file)
            .map(|(_, rows)| *rows)
    }
}

/// Incidents a month at scale 1, to turn a wanted number into a scale.
#[must_use]
pub fn incidents_per_month_at_scale_one() -> f64 {
    CONTRACTS.iter().map(|c| c.monthly).sum()
}

/// Everything that one contract's month adds to the files.
struct Month {
    tickets: Piece,
    events: Piece,
    clocks: Piece,
    billing: Piece,
    tricks: Piece,
    notices: Piece,
    truth: [ServiceTruth; SERVICES],
    cost: billing::MonthCost,
    defects: Vec<String>,
}

fn month(world: &World, contract: usize, month: usize) -> Month {
    let unit = incidents::simulate(world, contract, month);
    let mut made = Month {
        tickets: Piece::new(true),
        events: Piece::new(true),
        clocks: Piece::new(true),
        billing: Piece::new(true),
        tricks: Piece::new(false),
        notices: Piece::new(true),
        truth: unit.truth,
        cost: billing::MonthCost::default(),
        defects: Vec::new(),
    };
    made.defects = dialect::tickets(world, &unit, &mut made.tickets, &mut made.tricks);
    dialect::events(world, &unit, &mut made.events);
    dialect::sla_clocks(&unit, &mut made.clocks);
    notices::notices(world, &unit, &mut made.notices);
    let (cost, defects) = billing::invoice(world, &unit, &mut made.billing);
    made.cost = cost;
    made.defects.extend(defects);
    made.tickets = made.tickets.close();
    made.events = made.events.close();
    made.clocks = made.clocks.close();
    made.billing = made.billing.close();
    made.tricks = made.tricks.close();
    made.notices = made.notices.close();
    made
}

const TICKET_FILES: [&str; 3] = [
    "alder_incidents.csv.gz",
    "birch_tickets.csv.gz",
    "cedar_incidents.csv.gz",
];
const EVENT_FILES: [&str; 3] = [
    "alder_audit.csv.gz",
    "birch_history.csv.gz",
    "cedar_incident_events.csv.gz",
];

/// Generates a world into `out/input` and `out/truth`, which appear whole or not at all.
///
/// `progress` is called with the number of months done and the number of months in all.
///
/// # Errors
///
/// When the folder has data already and `force` is not set, the scale makes no sense, or a file
/// cannot be written.
pub fn generate(
    out: &Path,
    options: &Options,
    progress: &mut dyn FnMut(usize, usize),
) -> Result<Summary, SynthError> {
    let world = World::new(options)?;
    let staging = Staging::begin(out, &["input", "truth"], options.force)?;
    let input = staging.part("input");
    let truth_folder = staging.part("truth");
    let create = |names: [&str; 3], headers: [&str; 3]| -> Result<Vec<Output>, SynthError> {
        names
            .iter()
            .zip(headers)
            .map(|(n, h)| Output::create(&input, n, h))
            .collect()
    };
    let mut tickets = create(TICKET_FILES, dialect::TICKET_HEADERS)?;
    let mut events = create(EVENT_FILES, dialect::EVENT_HEADERS)?;
    let mut clocks = Output::create(&input, "sla_clocks.csv.gz", dialect::CLOCK_HEADER)?;
    let mut notices = Output::create(&input, "notices.csv.gz", notices::HEADER)?;
    let mut focus = Output::create(&input, "alder_billing_focus.csv.gz", invoices::FOCUS_HEADER)?;
    let mut canonical = Output::create(&input, "billing.csv.gz", invoices::CANONICAL_HEADER)?;
    let mut tricks = Output::create(&truth_folder, "tricks.csv", truth::TRICKS_HEADER)?;
    let mut ledger = truth::Ledger::new(&truth_folder)?;
    progress(0, MONTHS);
    for m in 0..MONTHS {
        let made: Vec<Month> = (0..CONTRACTS.len())
            .into_par_iter()
            .map(|c| month(&world, c, m))
            .collect();
        for (c, made) in made.iter().enumerate() {
            let supplier = CONTRACTS[c].supplier;
            tickets[supplier].append(&made.tickets)?;
            events[supplier].append(&made.events)?;
            clocks.append(&made.clocks)?;
            notices.append(&made.notices)?;
            if supplier == 0 {
                &mut focus
            } else {
                &mut canonical
            }
            .append(&made.billing)?;
            tricks.append(&made.tricks)?;
            ledger.month(&world, c, m, &made.truth, &made.cost, &made.defects)?;
        }
        progress(m + 1, MONTHS);
    }
    let mut files = Vec::new();
    for (outputs, names) in [(tickets, TICKET_FILES), (events, EVENT_FILES)] {
        for (output, name) in outputs.into_iter().zip(names) {
            files.push((format!("input/{name}"), output.finish()?));
        }
    }
    files.push(("input/sla_clocks.csv.gz".to_owned(), clocks.finish()?));
    files.push(("input/notices.csv.gz".to_owned(), notices.finish()?));
    files.push((
        "input/alder_billing_focus.csv.gz".to_owned(),
        focus.finish()?,
    ));
    files.push(("input/billing.csv.gz".to_owned(), canonical.finish()?));
    for (name, rows) in tables::write(&world, &input)? {
        files.push((format!("input/{name}"), rows));
    }
    files.push(("truth/tricks.csv".to_owned(), tricks.finish()?));
    for (name, rows) in ledger.finish(&world, options)? {
        files.push((format!("truth/{name}"), rows));
    }
    staging.publish()?;
    Ok(Summary { files })
}
