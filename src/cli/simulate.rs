//! `gainshare simulate`: what a contract may pay. Not responsible for arithmetic (see
//! [`crate::judge::simulate`]).

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use miette::IntoDiagnostic as _;

use super::align::{Costs, assumed};
use super::settle::{FailOn, Format, Refused, Tables, put, read_facts, read_terms, tell};
use crate::finding::{Finding, Severity, Stage};
use crate::judge::simulate::{Settings, SimulationRow, scenarios, simulate};
use crate::money::Decimal;

/// Draw many years from what is uncertain, settle each, and show what both sides may get.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: gainshare simulate terms.toml --measures measures.csv --seed 7")]
pub(super) struct Arguments {
    /// Terms file (TOML).
    terms: PathBuf,
    #[command(flatten)]
    tables: Tables,
    #[command(flatten)]
    costs: Costs,
    /// Years drawn per scenario.
    #[arg(long, default_value_t = 2_000)]
    paths: u32,
    /// Seed of the draws: the same seed gives the same result on every machine.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Part of incidents that the supplier prevents (or hides) in the scenarios.
    #[arg(long, default_value_t = 0.15)]
    reduction: f64,
    /// Dispersion of monthly counts; 1 is chance alone.
    #[arg(long, default_value_t = 1.5)]
    dispersion: f64,
    /// Months on which the baseline rests.
    #[arg(long, default_value_t = 24)]
    baseline_months: u32,
    /// Two-sided level of the interval that is paid on.
    #[arg(long, default_value_t = 0.95)]
    level: f64,
    /// Turn no terms.
    #[arg(long)]
    no_sensitivity: bool,
    /// Write the table to this file instead of stdout.
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    /// How the table is written.
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
    /// The least severity of a finding that makes the exit code 1.
    #[arg(long, value_enum, default_value_t = FailOn::Warning)]
    fail_on: FailOn,
}

/// Runs the command.
pub(super) fn run(arguments: &Arguments) -> miette::Result<ExitCode> {
    let (rows, findings) = match drawn(arguments) {
        Ok(found) => found,
        Err(refused) => return Ok(refused.exit()),
    };
    let text = match arguments.format {
        Format::Table => table(&rows),
        Format::Json => {
            let mut text = String::new();
            for row in &rows {
                text.push_str(&serde_json::to_string(row).into_diagnostic()?);
                text.push('\n');
            }
            text
        }
        Format::Csv => {
            let mut writer = csv::Writer::from_writer(Vec::new());
            for row in &rows {
                writer.serialize(row).into_diagnostic()?;
            }
            String::from_utf8(writer.into_inner().into_diagnostic()?).into_diagnostic()?
        }
    };
    put(text.as_bytes(), arguments.output.as_deref())?;
    tell(&findings);
    let failed = findings
        .iter()
        .any(|f| arguments.fail_on.reached(f.severity));
    Ok(ExitCode::from(u8::from(failed)))
}

fn drawn(arguments: &Arguments) -> Result<(Vec<SimulationRow>, Vec<Finding>), Refused> {
    let given = arguments.costs.given()?;
    let terms = read_terms(&arguments.terms)?;
    let (facts, mut findings) = read_facts(&terms.settle, &arguments.tables)?;
    let settings = Settings {
        paths: arguments.paths,
        seed: arguments.seed,
        dispersion: arguments.dispersion,
        baseline_months: arguments.baseline_months,
        level: arguments.level,
        scenarios: scenarios(arguments.reduction),
        sensitivity: !arguments.no_sensitivity,
    };
    let mut rows = Vec::new();
    for contract in crate::settle::contracts(&terms.settle, &facts) {
        match simulate(&terms.settle, &facts, &contract, &given, &settings) {
            Ok(found) => rows.extend(found),
            Err(error) => findings.push(
                Finding::new(
                    Stage::Judge,
                    Severity::Disqualifying,
                    "not_simulated",
                    error.to_string(),
                )
                .with_contract(&contract),
            ),
        }
        let last = crate::settle::Plan::new(&terms.settle, &contract, &facts.parameters)
            .ok()
            .and_then(|plan| {
                let inputs = plan.bind_facts(&facts);
                inputs.periods().last().copied()
            });
        if let Some(last) = last
            && let Ok(known) =
                crate::judge::align::assumptions_of(&terms.settle, &facts, &contract, last, &given)
        {
            super::say(format_args!(
                "{contract}: {}; dispersion {}, baseline of {} months, level {}, {} years drawn \
                 with seed {}",
                assumed(&known),
                settings.dispersion,
                settings.baseline_months,
                settings.level,
                settings.paths,
                settings.seed
            ));
        }
    }
    Ok((rows, findings))
}

fn table(rows: &[SimulationRow]) -> String {
    let figure = |v: Option<Decimal>| v.map_or_else(|| "-".to_owned(), |d| d.to_string());
    let part = |v: Option<Decimal>| {
        v.map_or_else(
            || "-".to_owned(),
            |d| {
                let hundred = d.checked_mul(Decimal::from_i64(100)).unwrap_or(d);
                format!("{} %", hundred.normalized())
            },
        )
    };
    let mut text = String::new();
    let _ = writeln!(
        text,
        "{:<12} {:<18} {:<17} {:>14} {:>14} {:>14} {:>14} {:>10} {:>12} {:>12}",
        "contract",
        "scenario",
        "quantity",
        "mean",
        "5 %",
        "50 %",
        "95 %",
        "prevented",
        "for nothing",
        "not paid"
    );
    for row in rows.iter().filter(|r| r.term.is_empty()) {
        let _ = writeln!(
            text,
            "{:<12} {:<18} {:<17} {:>14} {:>14} {:>14} {:>14} {:>10} {:>12} {:>12}",
            row.contract_id,
            row.scenario,
            row.quantity,
            row.mean,
            figure(row.p05),
            figure(row.p50),
            figure(row.p95),
            part(Some(row.true_reduction)),
            part(row.paid_for_nothing),
            part(row.not_paid_for_something)
        );
    }
    for row in rows.iter().filter(|r| !r.term.is_empty()) {
        let _ = writeln!(
            text,
            "{:<12} {:<18} mean incentive {:>14} {} when {}",
            row.contract_id, row.scenario, row.mean, row.currency, row.term
        );
    }
    text
}
