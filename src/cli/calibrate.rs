//! `gainshare calibrate`: does the interval of avoided incidents keep its promise, and do the tests
//! for gaming find what they are for? Responsible for its flags and the tables on the console; not
//! for any simulation (see [`crate::baseline::calibration`] and [`crate::synth`]).

use clap::{Args, ValueEnum};

use crate::baseline::BaselineSpec;
use crate::baseline::calibration::{self, Calibration, World};
use crate::judge::integrity::Kind;
use crate::synth::conduct;
use crate::synth::{self, Scenario, SynthError};

/// Where the simulated contracts come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Source {
    /// Contracts of three services with free months, trends, steps, clusters and autocorrelation.
    Generator,
    /// The contracts of the example worlds that `gainshare synth` writes, six a world.
    Example,
}

/// Simulate contracts whose truth is known, and count how often the interval of avoided incidents
/// holds it and how often a gain would be paid although nothing happened.
#[derive(Debug, Args)]
#[command(after_help = "Example: gainshare calibrate --contracts 1000 --from example")]
pub(super) struct Arguments {
    /// Contracts to simulate, with and without an effect each.
    #[arg(long, default_value_t = 200, allow_negative_numbers = true, value_parser = super::number::whole::<u64>)]
    contracts: u64,
    /// Seed: the same seed gives the same answer on every machine.
    #[arg(long, default_value_t = 1, allow_negative_numbers = true, value_parser = super::number::whole::<u64>)]
    seed: u64,
    /// Where the contracts come from.
    #[arg(long = "from", value_enum, default_value_t = Source::Generator)]
    source: Source,
    /// Size of an example world; 1 is that of data/complete.
    #[arg(long, default_value_t = 1.0, allow_negative_numbers = true, value_parser = super::number::fraction)]
    scale: f64,
    /// A terms file whose [baseline] is used in place of the defaults; its periods are not.
    #[arg(long, value_name = "TERMS")]
    terms: Option<std::path::PathBuf>,
    /// Try the tests for gaming instead, on the contracts of example worlds: how many honest
    /// contracts are flagged, and how many of those that play one trick are found.
    #[arg(long, conflicts_with_all = ["source", "terms"])]
    integrity: bool,
}

/// Runs the command.
///
/// # Errors
/// When the numbers make no sense or the terms cannot be used.
pub(super) fn run(arguments: &Arguments) -> Result<(), String> {
    if arguments.contracts == 0 {
        return Err("--contracts must be at least 1".to_owned());
    }
    if arguments.integrity {
        return integrity(arguments);
    }
    let base = match &arguments.terms {
        None => None,
        Some(path) => Some(own_terms(path)?),
    };
    let with = |periods: BaselineSpec| match &base {
        None => periods,
        Some(own) => BaselineSpec {
            baseline: periods.baseline,
            performance: periods.performance,
            frozen_hash: None,
            known_changes: Vec::new(),
            ..own.clone()
        },
    };
    let (without, effect) = match arguments.source {
        Source::Generator => {
            let run = |effect: f64| {
                let world = World {
                    effect,
                    ..World::default()
                };
                let spec = with(calibration::terms(&world));
                calibration::calibrate(&world, &spec, arguments.seed, arguments.contracts)
            };
            (run(0.0), run(0.2))
        }
        Source::Example => {
            let worlds = arguments.contracts.div_ceil(6);
            let run = |scenario: Scenario| {
                synth::recover(
                    &with(synth::recovery_terms()),
                    arguments.seed,
                    worlds,
                    arguments.scale,
                    scenario,
                )
            };
            let said = |e: SynthError| e.to_string();
            (
                run(Scenario::Idle).map_err(said)?,
                run(Scenario::Honest).map_err(said)?,
            )
        }
    };
    let mut out = String::from(
        "world            contracts  measured  covers   too high  too low  paid     width ÷ expected\n",
    );
    out.push_str(&line("no effect", &without));
    out.push_str(&line("with an effect", &effect));
    super::data(out.as_bytes()).map_err(|e| e.to_string())
}

/// The false alarms and the power of the tests for gaming.
fn integrity(arguments: &Arguments) -> Result<(), String> {
    let worlds = arguments.contracts.div_ceil(6);
    let try_one = |plays: Option<Kind>| {
        conduct::flags(arguments.seed, worlds, arguments.scale, plays).map_err(|e| e.to_string())
    };
    let honest = try_one(None)?;
    let share = |n: u64, of: u64| format!("{:.1} %", 100.0 * n as f64 / of.max(1) as f64);
    let of = honest.contracts;
    let mut out = format!(
        "{of} honest contracts: {} with any flag\n\n{:<27} {:>10} {:>10}  what the supplier does\n",
        share(honest.any, of),
        "test",
        "honest",
        "gaming"
    );
    for kind in Kind::ALL {
        let gaming = try_one(Some(*kind))?;
        let found = |flags: &conduct::Flags| flags.by_test.get(kind).copied().unwrap_or_default();
        out.push_str(&format!(
            "{:<27} {:>10} {:>10}  {}\n",
            kind.name(),
            share(found(&honest), of),
            share(found(&gaming), gaming.contracts),
            conduct::trick_in_words(*kind)
        ));
    }
    super::data(out.as_bytes()).map_err(|e| e.to_string())
}

fn line(name: &str, c: &Calibration) -> String {
    let share = |n: u64| format!("{:.1} %", 100.0 * n as f64 / c.measured.max(1) as f64);
    format!(
        "{name:<16} {:>9} {:>9}  {:<8} {:<9} {:<8} {:<8} {:.3}\n",
        c.contracts,
        c.measured,
        share(c.covered),
        share(c.above),
        share(c.below),
        share(c.paid),
        c.mean_width
    )
}

fn own_terms(path: &std::path::Path) -> Result<BaselineSpec, String> {
    let name = path.display();
    let text = std::fs::read_to_string(path).map_err(|e| format!("{name}: {e}"))?;
    let terms = crate::terms::Terms::parse(&name.to_string(), &text)
        .map_err(|e| format!("{:?}", miette::Report::from(e)))?;
    let table = terms
        .baseline
        .ok_or_else(|| format!("{name} has no [baseline]"))?;
    table
        .try_into()
        .map_err(|e: toml::de::Error| format!("{name}: [baseline]: {}", e.message().trim()))
}
