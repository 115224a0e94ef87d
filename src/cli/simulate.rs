//! `gainshare simulate`: what a contract may pay. Not responsible for arithmetic (see
//! [`crate::judge::simulate`]).

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use super::align::{Costs, assumed};
use super::judged::{Printed, is_project};
use super::settle::{Refused, Tables, read_facts, read_terms};
use crate::finding::{Finding, Severity, Stage};
use crate::judge::align::{AlignError, Given, Term};
use crate::judge::simulate::optimise::{Change, Wish, optimise};
use crate::judge::simulate::{Fitted, Settings, SimulationRow, scenarios, simulate};
use crate::money::Decimal;
use crate::settle::Facts;
use crate::terms::SettleSpec;

/// Draw many years from what is uncertain, settle each, and show what both sides may get.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples: gainshare simulate terms.toml --measures measures.csv --seed 7\n          gainshare simulate data/complete --contract CT-A1"
)]
pub(super) struct Arguments {
    /// Terms file (TOML), or the folder of a project: then years are drawn from its measures, those
    /// of its last run as far as they still hold, and the uncertainty of its baselines.
    terms: PathBuf,
    #[command(flatten)]
    tables: Tables,
    #[command(flatten)]
    costs: Costs,
    /// Years drawn per scenario.
    #[arg(long, default_value_t = 2_000, allow_negative_numbers = true, value_parser = super::number::whole::<u32>)]
    paths: u32,
    /// Seed of the draws: the same seed gives the same result on every machine.
    #[arg(long, default_value_t = 1, allow_negative_numbers = true, value_parser = super::number::whole::<u64>)]
    seed: u64,
    /// Part of incidents that the supplier prevents (or hides) in the scenarios.
    #[arg(long, default_value_t = 0.15, allow_negative_numbers = true, value_parser = super::number::fraction)]
    reduction: f64,
    /// Dispersion of monthly counts; 1 is chance alone. When left out that of the project's
    /// baseline, or 1.5.
    #[arg(long, allow_negative_numbers = true, value_parser = super::number::fraction)]
    dispersion: Option<f64>,
    /// Months on which the baseline rests, as a plain mean. When left out the project's baseline as
    /// it was fitted, or 24 months.
    #[arg(long, allow_negative_numbers = true, value_parser = super::number::whole::<u32>)]
    baseline_months: Option<u32>,
    /// Two-sided level of the interval that is paid on. When left out that of the project, or
    /// 0.95.
    #[arg(long, allow_negative_numbers = true, value_parser = super::number::fraction)]
    level: Option<f64>,
    /// Of a project only this contract; several are named one by one.
    #[arg(long, value_name = "ID")]
    contract: Vec<String>,
    /// Turn no terms.
    #[arg(long)]
    no_sensitivity: bool,
    /// Look for terms that satisfy the constraints below, instead of showing distributions: which
    /// of the numbers of the first clause that pays an incentive may change.
    #[arg(long, value_enum, value_delimiter = ',', value_name = "TERMS")]
    optimise: Vec<TermWord>,
    /// With --optimise: the supplier's mean profit of a year in which it prevents, at least.
    #[arg(
        long,
        value_name = "AMOUNT",
        requires = "optimise",
        allow_hyphen_values = true
    )]
    supplier_keeps: Option<String>,
    /// With --optimise: what the customer pays in such a year on average, at most.
    #[arg(
        long,
        value_name = "AMOUNT",
        requires = "optimise",
        allow_hyphen_values = true
    )]
    customer_pays: Option<String>,
    /// With --optimise: up to this part of the expected incidents, such as 0.3, one more avoided
    /// incident never costs the supplier anything.
    #[arg(
        long,
        value_name = "PART",
        requires = "optimise",
        allow_hyphen_values = true
    )]
    aligned_to: Option<String>,
    #[command(flatten)]
    printed: Printed,
}

/// A term that may change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum TermWord {
    /// The supplier's share.
    Share,
    /// The price of an avoided incident.
    Price,
    /// The most that is paid.
    Cap,
    /// The minimum savings rate, or another minimum below which nothing is paid.
    Msr,
}

impl Arguments {
    /// The constraints of a search.
    fn wish(&self) -> Result<Wish, Refused> {
        let number = |name: &str, text: &Option<String>| -> Result<Option<Decimal>, Refused> {
            let text = text.as_deref().map(str::trim);
            text.map(str::parse)
                .transpose()
                .map_err(|e| Refused::Terms(miette::miette!("--{name}: {e}")))
        };
        let mut terms: Vec<Term> = Vec::new();
        for word in &self.optimise {
            let term = match word {
                TermWord::Share => Term::Share,
                TermWord::Price => Term::Price,
                TermWord::Cap => Term::Cap,
                TermWord::Msr => Term::Minimum,
            };
            if !terms.contains(&term) {
                terms.push(term);
            }
        }
        Ok(Wish {
            terms,
            supplier_keeps: number("supplier-keeps", &self.supplier_keeps)?,
            customer_pays: number("customer-pays", &self.customer_pays)?,
            aligned_to: number("aligned-to", &self.aligned_to)?,
        })
    }
}

/// Runs the command.
pub(super) fn run(arguments: &Arguments) -> miette::Result<ExitCode> {
    let mut out = Out::default();
    match drawn(arguments, &mut out) {
        Err(refused) => Ok(refused.exit()),
        Ok(()) if arguments.optimise.is_empty() => {
            arguments.printed.rows(&out.rows, table, &out.findings)
        }
        Ok(()) => arguments.printed.rows(&out.changes, changed, &out.findings),
    }
}

/// What comes out.
#[derive(Default)]
struct Out {
    rows: Vec<SimulationRow>,
    changes: Vec<Change>,
    findings: Vec<Finding>,
}

/// What is drawn from: one contract's terms and history.
struct Drawn<'a> {
    spec: &'a SettleSpec,
    facts: &'a Facts,
    contract: &'a str,
    fitted: Option<Fitted>,
}

fn drawn(arguments: &Arguments, out: &mut Out) -> Result<(), Refused> {
    let given = arguments.costs.given()?;
    if is_project(&arguments.terms) {
        return project(arguments, &given, out);
    }
    let terms = read_terms(&arguments.terms)?;
    let (facts, findings) = read_facts(&terms.settle, &arguments.tables)?;
    out.findings.extend(findings);
    for contract in crate::settle::contracts(&terms.settle, &facts) {
        let from = Drawn {
            spec: &terms.settle,
            facts: &facts,
            contract: &contract,
            fitted: None,
        };
        one(arguments, &given, &from, out)?;
    }
    Ok(())
}

#[cfg(feature = "frames")]
fn project(arguments: &Arguments, given: &Given, out: &mut Out) -> Result<(), Refused> {
    for kept in super::judged::kept(&arguments.terms, &arguments.contract)? {
        let from = Drawn {
            spec: &kept.terms,
            facts: &kept.facts,
            contract: &kept.entry.id,
            fitted: kept.fitted,
        };
        one(arguments, given, &from, out)?;
    }
    Ok(())
}

#[cfg(not(feature = "frames"))]
fn project(arguments: &Arguments, _: &Given, _: &mut Out) -> Result<(), Refused> {
    Err(super::judged::no_projects(&arguments.terms))
}

/// The settings for one contract: the command line before its baseline before the defaults.
fn settings(arguments: &Arguments, fitted: Option<Fitted>) -> Settings {
    let plain = Settings::default();
    let or =
        |given: Option<f64>, fitted: Option<f64>, plain: f64| given.or(fitted).unwrap_or(plain);
    Settings {
        paths: arguments.paths,
        seed: arguments.seed,
        dispersion: or(
            arguments.dispersion,
            fitted.map(|f| f.dispersion),
            plain.dispersion,
        ),
        baseline_months: arguments.baseline_months.unwrap_or(plain.baseline_months),
        relative_error: fitted
            .filter(|_| arguments.baseline_months.is_none())
            .map(|f| f.relative_error),
        level: or(arguments.level, fitted.map(|f| f.level), plain.level),
        scenarios: scenarios(arguments.reduction),
        sensitivity: !arguments.no_sensitivity,
    }
}

fn one(
    arguments: &Arguments,
    given: &Given,
    from: &Drawn<'_>,
    out: &mut Out,
) -> Result<(), Refused> {
    let settings = settings(arguments, from.fitted);
    let Drawn {
        spec,
        facts,
        contract,
        ..
    } = *from;
    let failed = |code: &str, error: &AlignError| {
        Finding::new(
            Stage::Judge,
            Severity::Disqualifying,
            code,
            error.to_string(),
        )
        .with_contract(contract)
    };
    if arguments.optimise.is_empty() {
        match simulate(spec, facts, contract, given, &settings) {
            Ok(found) => out.rows.extend(found),
            Err(error) => out.findings.push(failed("not_simulated", &error)),
        }
    } else {
        let wish = arguments.wish()?;
        match optimise(spec, facts, contract, given, &settings, &wish) {
            Err(error) => out.findings.push(failed("no_such_terms", &error)),
            Ok(found) => {
                super::say(format_args!(
                    "{contract}: {} combinations tried; the customer then pays {}{} on average in a \
                     year in which the supplier prevents {} % of incidents",
                    found.tried,
                    found.pays,
                    found
                        .profit
                        .map_or_else(String::new, |p| format!(" and the supplier keeps {p}")),
                    100.0 * arguments.reduction
                ));
                if found.changes.is_empty() {
                    super::say(format_args!(
                        "{contract}: the terms satisfy this as they are"
                    ));
                }
                out.changes.extend(found.changes);
            }
        }
    }
    let last = crate::settle::Plan::new(spec, contract, &facts.parameters)
        .ok()
        .and_then(|plan| {
            let inputs = plan.bind_facts(facts);
            inputs.periods().last().copied()
        });
    if let Some(last) = last
        && let Ok(known) = crate::judge::align::assumptions_of(spec, facts, contract, last, given)
    {
        let baseline = match settings.relative_error {
            Some(error) => format!(
                "a baseline as fitted, with a standard error of {:.1} % of what is expected",
                100.0 * error
            ),
            None => format!("a baseline of {} months", settings.baseline_months),
        };
        super::say(format_args!(
            "{contract}: {}; dispersion {:.3}, {baseline}, level {}, {} years drawn with seed {}",
            assumed(&known),
            settings.dispersion,
            settings.level,
            settings.paths,
            settings.seed
        ));
    }
    Ok(())
}

/// The terms that change.
fn changed(rows: &[Change]) -> String {
    let mut text = String::new();
    for row in rows {
        let _ = writeln!(
            text,
            "{:<12} {:<18} {:<6} {:>18} → {}",
            row.contract_id, row.clause_id, row.term, row.from, row.to
        );
    }
    text
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
