//! Seeded generator of example worlds with known truths. Not responsible for any estimate: it
//! knows nothing of the estimators, and its world is richer than any of their models
//! (overdispersion, autocorrelation, hot items, a reorganisation, outages, bad rows).
//!
//! [`generate`] walks month by month: the contracts of a month, cut into slices when they are
//! large, are simulated in parallel, each from its own stream of random numbers, written in
//! order, and forgotten. So the bytes depend on the seed and the size only, never on the number of
//! threads, and memory not on the size.

mod billing;
mod clock;
pub mod conduct;
mod counts;
mod detail;
mod dialect;
mod governance;
mod incidents;
mod invoices;
mod lifecycle;
mod notices;
mod pipeline;
mod recovery;
mod rhythm;
pub(crate) mod sample;
mod slices;
mod tables;
mod text;
mod truth;
mod world;
mod writer;

use std::path::{Path, PathBuf};

pub use counts::{TrueMonth, true_months};
pub use detail::{MOST_INCIDENTS, scale_for};
pub use recovery::{recover, terms as recovery_terms};

use world::{CONTRACTS, World};
use writer::{Layout, Staging};

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
    /// No world has so few or so many incidents.
    #[error("--incidents {wanted} is not between 1 and {MOST_INCIDENTS}")]
    Incidents {
        /// The number asked for.
        wanted: u64,
    },
    /// A world of this size has no invoices of so few or so many lines.
    #[error(
        "--invoice-lines {wanted}: a world with this many incidents can have between {least} and \
         {most} lines; ask for another number of lines, or for more incidents"
    )]
    InvoiceLines {
        /// The number asked for.
        wanted: u64,
        /// Fewest lines.
        least: u64,
        /// Most lines.
        most: u64,
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

/// How the large files are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Compression {
    /// `.csv.gz`, the same bytes on every machine.
    #[default]
    Gzip,
    /// `.csv`: about ten times as large, in a third to half of the time of the processor.
    None,
}

/// Into how many files the large tables go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Split {
    /// One file each.
    #[default]
    Never,
    /// A file per year, `NAME_2023.csv.gz`.
    Year,
    /// A file per month, `NAME_2023-01.csv.gz`.
    Month,
}

/// What to generate.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Options {
    /// Seed of every draw.
    pub seed: u64,
    /// Size: 1 is about 20,000 incidents and 30,000 invoice lines. [`scale_for`] gives that of a
    /// number of incidents.
    pub scale: f64,
    /// About so many invoice lines (within 2 %) instead of those of the scale: the costs are of
    /// the same size, told by resource, few of which carry most of it.
    pub invoice_lines: Option<u64>,
    /// How the large files are compressed.
    pub compression: Compression,
    /// Into how many files the large tables go.
    pub split: Split,
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
            invoice_lines: None,
            compression: Compression::Gzip,
            split: Split::Never,
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
    let (input, truths) = (staging.part("input"), staging.part("truth"));
    let layout = Layout {
        compression: options.compression,
        split: options.split,
    };
    let mut large = pipeline::Files::new(&input, &truths, layout)?;
    pipeline::write(&world, layout, &mut large, progress)?;
    let large = large.finish()?;
    let mut files = Vec::new();
    let mut list = |folder: &str, written: Vec<(String, u64)>| {
        let named = written.into_iter();
        files.extend(named.map(|(name, rows)| (format!("{folder}/{name}"), rows)));
    };
    let owned = |written: Vec<(&'static str, u64)>| {
        let named = written.into_iter();
        named.map(|(name, rows)| (name.to_owned(), rows)).collect()
    };
    list("input", large.data);
    list("input", owned(tables::write(&world, &input)?));
    list("truth", large.tricks);
    list("truth", owned(large.ledger.finish(&world, options)?));
    staging.publish()?;
    Ok(Summary { files })
}
