//! `gainshare synth`: writes an example world. Responsible for its flags and what is said on the
//! console; not for the world (see [`crate::synth`]).

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use indicatif::{ProgressBar, ProgressStyle};

use crate::synth::{self, Options, Scenario, SynthError};

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

/// Flags of `gainshare synth`.
#[derive(Debug, Args)]
#[command(after_help = "Example: gainshare synth /tmp/world --seed 7 --scale 0.1")]
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
    let options = Options {
        seed: args.seed,
        scale,
        scenario: args.scenario.into(),
        force: args.force,
    };
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
