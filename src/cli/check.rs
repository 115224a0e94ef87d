//! `gainshare check`: whether terms contradict themselves, without any data, and what they can
//! prove. Not responsible for the checks themselves (see [`crate::terms`]) or for the power (see
//! [`crate::baseline::power`]).

use std::path::PathBuf;
use std::process::ExitCode;

use super::settle::read_terms;
use crate::baseline::BaselineSpec;
use crate::baseline::power::{Plan, Provable, smallest_provable};
#[cfg(feature = "frames")]
use crate::config::project::PROJECT_FILE;
use crate::terms::Terms;
use crate::time::{Month, Period};

/// Check a project or a terms file for contradictions, without reading any data.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples: gainshare check data/complete\n          gainshare check terms.toml --incidents-per-month 120 --dispersion 2"
)]
pub(super) struct Arguments {
    /// Terms file (TOML), or a project folder with a gainshare.toml.
    terms: PathBuf,
    /// Incidents a month that the terms will be about: says what a terms file can prove. A project
    /// takes its own from the store of its last run.
    #[arg(long, value_name = "N")]
    incidents_per_month: Option<f64>,
    /// Pearson dispersion of monthly counts: 1 when incidents are independent, 2 to 5 as seen in
    /// practice.
    #[arg(long, default_value_t = 1.0, requires = "incidents_per_month")]
    dispersion: f64,
    /// Autocorrelation from month to month of what varies beyond chance, 0 to below 1.
    #[arg(long, default_value_t = 0.0, requires = "incidents_per_month")]
    autocorrelation: f64,
    /// Probability with which a true reduction is to be shown.
    #[arg(long, default_value_t = 0.8)]
    power: f64,
}

/// How a reduction that can be proved is shown.
pub(super) fn shown(period: &str, provable: Option<Provable>) -> String {
    match provable {
        Some(p) => format!(
            "    {period:<19} {:>5.1} % ({:.0} of {:.0} incidents)\n",
            100.0 * p.reduction,
            p.incidents.ceil(),
            p.expected
        ),
        None => format!("    {period:<19} nothing: not even a reduction to zero would show\n"),
    }
}

/// The power of a terms file for a volume that is said, as text.
fn power_of(arguments: &Arguments, terms: &Terms, per_month: f64) -> Result<String, String> {
    let table = terms.baseline.clone().ok_or(
        "the terms have no [baseline]: without one it is not known how long incidents are \
         measured",
    )?;
    let spec: BaselineSpec = table
        .try_into()
        .map_err(|e: toml::de::Error| format!("[baseline]: {}", e.message().trim()))?;
    let months = |p: &Period<Month>| p.end().months_since(p.start());
    let length = |n: i32| u32::try_from(n).unwrap_or(0);
    let whole = months(&spec.performance);
    let mut out = format!(
        "smallest reduction that is shown with probability {:.0} %, lower bound at {:.0} %,\n  \
         for {per_month} incidents a month, dispersion {}, autocorrelation {}, {} months of \
         baseline:\n",
        100.0 * arguments.power,
        100.0 * spec.level,
        arguments.dispersion,
        arguments.autocorrelation,
        months(&spec.baseline),
    );
    let periods = [("a month", 1), ("a quarter", 3), ("a contract year", 12)];
    for (name, period) in periods.into_iter().filter(|(_, n)| *n <= whole) {
        let plan = Plan {
            incidents_per_month: per_month,
            baseline_months: length(months(&spec.baseline)),
            period_months: length(period),
            dispersion: arguments.dispersion,
            rho: arguments.autocorrelation,
            level: spec.level,
            power: arguments.power,
        };
        out.push_str(&shown(name, smallest_provable(&plan)));
    }
    Ok(out)
}

/// What is wrong with the numbers given, if anything.
fn refused(arguments: &Arguments) -> Option<&'static str> {
    let positive = |v: f64| v.is_finite() && v > 0.0;
    if !arguments.incidents_per_month.is_none_or(positive) {
        Some("--incidents-per-month must be above zero")
    } else if !(positive(arguments.dispersion) && arguments.dispersion >= 1.0) {
        Some("--dispersion must be 1 or more")
    } else if !(0.0..1.0).contains(&arguments.autocorrelation) {
        Some("--autocorrelation must be at least 0 and below 1")
    } else if !(0.5..1.0).contains(&arguments.power) {
        Some("--power must be at least 0.5 and below 1")
    } else {
        None
    }
}

/// Runs the command.
pub(super) fn run(arguments: &Arguments) -> miette::Result<ExitCode> {
    if let Some(why) = refused(arguments) {
        super::say(format_args!("error: {why}"));
        return Ok(ExitCode::from(2));
    }
    #[cfg(feature = "frames")]
    if arguments.terms.is_dir() || arguments.terms.ends_with(PROJECT_FILE) {
        return super::check_project::run(&arguments.terms, arguments.power);
    }
    let terms = match read_terms(&arguments.terms) {
        Ok(terms) => terms,
        Err(refused) => return Ok(refused.exit()),
    };
    if let Some(per_month) = arguments.incidents_per_month {
        match power_of(arguments, &terms, per_month) {
            Ok(text) => super::console::table(&text)?,
            Err(why) => {
                super::say(format_args!("error: {why}"));
                return Ok(ExitCode::from(2));
            }
        }
    }
    let source = &terms.settle.source;
    super::say(format_args!(
        "{}: {} clauses, {} amendments, nothing contradicts itself (terms {})",
        arguments.terms.display(),
        source.clause.len(),
        source.amendment.len(),
        terms.hash().get(..12).unwrap_or_default()
    ));
    Ok(ExitCode::SUCCESS)
}
