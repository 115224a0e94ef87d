//! `gainshare synth`: writes an example world. Responsible for its flags and what is said on the
//! console; not for the world (see [`crate::synth`]).

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use indicatif::{ProgressBar, ProgressStyle};

use crate::synth::{self, Compression, Options, Scenario, Split, SynthError};

/// Scenarios as the command line names them.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum Conduct {
    /// One prevents, one prevents a little, one games its numbers.
    Declared,
    /// As declared, but nobody games.
    Honest,
    /// Nobody prevents, saves or games.
    Idle,
}

impl From<Conduct> for Scenario {
    fn from(conduct: Conduct) -> Self {
        match conduct {
            Conduct::Declared => Scenario::Declared,
            Conduct::Honest => Scenario::Honest,
            Conduct::Idle => Scenario::Idle,
        }
    }
}

/// Compressions as the command line names them.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum Packing {
    /// `.csv.gz`, the same bytes on every machine.
    Gzip,
    /// `.csv`: about ten times as large, in a third to half of the time of the processor.
    None,
}

/// Splits as the command line names them.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum Files {
    /// One file per table.
    One,
    /// A file per year, such as `billing_2023.csv.gz`.
    Year,
    /// A file per month, such as `billing_2023-01.csv.gz`.
    Month,
}

/// A number of rows; `_` may part its digits.
fn rows(text: &str) -> Result<u64, String> {
    let digits = text.replace('_', "");
    let number = digits.parse::<u64>().ok().filter(|n| *n > 0);
    number.ok_or_else(|| {
        "expected a whole number of at least 1, such as 1000000 or 1_000_000".to_owned()
    })
}

/// Flags of `gainshare synth`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples: gainshare synth /tmp/world --seed 7 --scale 0.1
          gainshare synth /tmp/large --seed 7 --incidents 4_000_000 --invoice-lines 12_000_000
          gainshare synth /tmp/huge --seed 7 --incidents 100_000_000 --invoice-lines \
300_000_000 --split month"
)]
pub(super) struct SynthArgs {
    /// Folder to write to; `input` and `truth` appear in it.
    pub(super) out: PathBuf,
    /// Seed: the same seed gives the same bytes on every machine.
    #[arg(long)]
    pub(super) seed: u64,
    /// Size; 1 is about 20,000 incidents and 30,000 invoice lines over three years.
    #[arg(long, default_value_t = 1.0, conflicts_with = "incidents_per_month")]
    pub(super) scale: f64,
    /// Size as mean incidents a month of all contracts together.
    #[arg(long)]
    pub(super) incidents_per_month: Option<f64>,
    /// Size as incidents in the exports of all three years, within 3 %; at most 2000000000.
    #[arg(
        long,
        value_name = "ROWS",
        value_parser = rows,
        allow_negative_numbers = true,
        conflicts_with_all = ["scale", "incidents_per_month"]
    )]
    pub(super) incidents: Option<u64>,
    /// Invoice lines, within 2 %, instead of about 1.4 per incident: costs of the same size, told
    /// by resource, few of which carry most of it.
    #[arg(long, value_name = "ROWS", value_parser = rows, allow_negative_numbers = true)]
    pub(super) invoice_lines: Option<u64>,
    /// How the large files are compressed.
    #[arg(long, value_enum, default_value_t = Packing::Gzip)]
    pub(super) compression: Packing,
    /// Into how many files the large tables go; `billing*.csv.gz` finds them all.
    #[arg(long, value_enum, value_name = "FILES", default_value_t = Files::One)]
    pub(super) split: Files,
    /// What the suppliers do in the performance period.
    #[arg(long, value_enum, default_value_t = Conduct::Declared)]
    pub(super) scenario: Conduct,
    /// Replace what an earlier run wrote.
    #[arg(long)]
    pub(super) force: bool,
}

/// Generates and says what was written.
///
/// # Errors
///
/// When the world cannot be generated.
pub(super) fn run(args: &SynthArgs) -> Result<(), SynthError> {
    let scale = args.incidents_per_month.map_or(args.scale, |wanted| {
        wanted / synth::incidents_per_month_at_scale_one()
    });
    let mut options = Options {
        seed: args.seed,
        scale,
        invoice_lines: args.invoice_lines,
        compression: match args.compression {
            Packing::Gzip => Compression::Gzip,
            Packing::None => Compression::None,
        },
        split: match args.split {
            Files::One => Split::Never,
            Files::Year => Split::Year,
            Files::Month => Split::Month,
        },
        scenario: args.scenario.into(),
        force: args.force,
    };
    if let Some(wanted) = args.incidents {
        options.scale = synth::scale_for(&options, wanted)?;
    }
    let bar = ProgressBar::new(0);
    if let Ok(style) = ProgressStyle::with_template("{spinner} month {pos} of {len} [{elapsed}]") {
        bar.set_style(style);
    }
    let summary = synth::generate(&args.out, &options, &mut |done, all| {
        bar.set_length(all as u64);
        bar.set_position(done as u64);
    })?;
    bar.finish_and_clear();
    let listing: String = summary
        .files
        .iter()
        .map(|(file, rows)| format!("{rows:>12}  {file}\n"))
        .collect();
    // A reader that has seen enough is no error, and the world is written either way.
    let _ = super::data(listing.as_bytes());
    super::say(format_args!("wrote {}", args.out.display()));
    Ok(())
}
