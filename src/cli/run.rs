//! `gainshare run` and `gainshare recalc`: the main job, from the command line. Responsible for
//! their flags and for what is said at the end; not for the job (see [`crate::pipeline`]).

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use miette::IntoDiagnostic as _;

use super::accounts::{say_accounts, say_findings};
use super::progress::Bar;
use super::settle::FailOn;
use crate::config::project::Project;
use crate::money::Decimal;
use crate::pipeline::{self, Exports, Outcome, RunError};
use crate::publish::report::facts::plus;
use crate::settle::{AmountKind, SettlementLine};

/// Read a project's exports, measure and settle its contracts, and write the output tables.
///
/// Exports are read when they, or the mappings, changed since the store was made; months that did
/// not change are not measured again. The output is the same bytes either way.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: gainshare run data/complete")]
pub(super) struct Arguments {
    #[command(flatten)]
    shared: Shared,
    /// Read the exports even when nothing changed.
    #[arg(long)]
    reread: bool,
}

/// Measure and settle again from the store, without reading the exports.
///
/// For a new draft of the terms, a corrected calendar in the project file, or a machine that has
/// the store and not the exports. What did not change is not worked out again: other prices only
/// settle again, another service level measures its own contract again. The output is the same
/// bytes as that of `gainshare run`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: gainshare recalc data/complete")]
pub(super) struct Recalc {
    #[command(flatten)]
    shared: Shared,
}

#[derive(Debug, clap::Args)]
struct Shared {
    /// Project folder with a gainshare.toml, or that file.
    project: PathBuf,
    /// The least severity of a finding that makes the exit code 1.
    #[arg(long, value_enum, default_value_t = FailOn::Never)]
    fail_on: FailOn,
    /// How the summary is written to stdout.
    #[arg(long, value_enum, default_value_t = super::settle::Format::Table)]
    format: super::settle::Format,
    /// Write to stdout on how many incidents the verdict depends on the clock policy, instead of
    /// the settlement; the tables are written all the same.
    #[arg(long)]
    clock_audit: bool,
    /// Write the table `incident_facts` too: every ticket of a contract, counted or not and why,
    /// with its clocks, impact and notices; one file per month, `out/incident_facts/2025-03.parquet`.
    #[arg(long)]
    incident_facts: bool,
    /// Say nothing but errors on stderr.
    #[arg(long, short)]
    quiet: bool,
}

/// Runs `run`.
pub(super) fn run(arguments: &Arguments) -> miette::Result<ExitCode> {
    let exports = match arguments.reread {
        true => Exports::Always,
        false => Exports::WhenChanged,
    };
    whole(&arguments.shared, exports)
}

/// Runs `recalc`.
pub(super) fn recalc(arguments: &Recalc) -> miette::Result<ExitCode> {
    whole(&arguments.shared, Exports::Never)
}

/// Reads a project, or says what is wrong with it.
pub(super) fn opened(path: &Path, exports: Exports) -> Result<Project, ExitCode> {
    let read = match exports {
        Exports::Never => super::project_with_a_store(path),
        Exports::Always | Exports::WhenChanged => super::project(path),
    };
    read.map_err(|error| {
        super::say(format_args!("{:?}", miette::Report::from(*error)));
        ExitCode::from(2)
    })
}

/// Says why a run stopped.
pub(super) fn stopped(error: RunError) -> ExitCode {
    let code = match &error {
        RunError::Contract(_) => 2,
        RunError::Input(_) | RunError::Store(_) | RunError::Unfilled { .. } => 3,
        RunError::Publish(_) | RunError::Reading(_) => 4,
    };
    super::say(format_args!("{:?}", miette::Report::from(error)));
    ExitCode::from(code)
}

fn whole(arguments: &Shared, exports: Exports) -> miette::Result<ExitCode> {
    let project = match opened(&arguments.project, exports) {
        Ok(project) => project,
        Err(code) => return Ok(code),
    };
    let bar = Bar::new(
        arguments.quiet,
        project.sources.iter().map(|s| s.files.len() as u64).sum(),
    );
    let asked = pipeline::Asked {
        clock_audit: arguments.clock_audit,
        incident_facts: arguments.incident_facts,
        exports,
    };
    let done = pipeline::run(&project, asked, &|p| bar.hear(p));
    bar.clear();
    let outcome = match done {
        Ok(outcome) => outcome,
        Err(error) => return Ok(stopped(error)),
    };
    if !arguments.quiet {
        say_accounts(&outcome.accounts);
        if !outcome.filled {
            super::say(format_args!(
                "these files were not read again: the store was made of them"
            ));
        }
        say_findings(&outcome.findings, "all in findings.parquet");
    }
    if arguments.clock_audit {
        audit(&outcome.audit, arguments.format)?;
    } else {
        summary(&outcome, arguments.format, arguments.quiet)?;
    }
    if !arguments.quiet {
        super::say(format_args!(
            "wrote {} files; see {}",
            outcome.outputs.len(),
            outcome.manifest.display()
        ));
    }
    let failed = outcome
        .findings
        .iter()
        .any(|f| arguments.fail_on.reached(f.severity));
    Ok(ExitCode::from(u8::from(failed)))
}

/// Per contract and other policy: how many verdicts change, which way, and some tickets.
fn audit(rows: &[pipeline::AuditRow], format: super::settle::Format) -> miette::Result<()> {
    use super::settle::Format;
    let text = match format {
        Format::Table => {
            let wide = rows.iter().map(|r| r.policy.len()).max().unwrap_or(6);
            let mut text = format!(
                "{:<12} {:<wide$} {:>8} {:>9} {:>7}  some of them\n",
                "contract", "policy", "judged", "breached", "met"
            );
            for row in rows {
                text.push_str(&format!(
                    "{:<12} {:<wide$} {:>8} {:>+9} {:>+7}  {}\n",
                    row.contract_id,
                    row.policy,
                    row.judged,
                    i128::from(row.stricter),
                    i128::from(row.milder),
                    row.sample
                ));
            }
            text.into_bytes()
        }
        Format::Json => {
            let mut text = Vec::new();
            for row in rows {
                text.extend(serde_json::to_vec(row).into_diagnostic()?);
                text.push(b'\n');
            }
            text
        }
        Format::Csv => {
            let mut writer = csv::Writer::from_writer(Vec::new());
            for row in rows {
                writer.serialize(row).into_diagnostic()?;
            }
            writer.into_inner().into_diagnostic()?
        }
    };
    super::data(&text)
}

/// So many amounts are shown one by one.
const ONE_BY_ONE: usize = 250;

/// Who owes whom what, per contract, period and clause; of many contracts, what each supplier comes
/// to.
fn summary(outcome: &Outcome, format: super::settle::Format, quiet: bool) -> miette::Result<()> {
    if format == super::settle::Format::Table && outcome.owed.len() > ONE_BY_ONE {
        super::data(totals(&outcome.owed).as_bytes())?;
        if !quiet {
            super::say(format_args!(
                "{} amounts are in settlement.parquet and report.html; `--format csv` shows them one by \
                 one",
                outcome.owed.len()
            ));
        }
        return Ok(());
    }
    let settlement = crate::settle::Settlement {
        lines: outcome.owed.clone(),
        findings: Vec::new(),
    };
    super::settle::write(&settlement, format, None)
}

/// What the statements of a supplier in a currency come to.
#[derive(Default)]
struct OfSupplier<'a> {
    contracts: BTreeSet<&'a str>,
    statements: usize,
    /// Amount, settled before, to pay; a statement without an amount adds nothing to them.
    sums: [Decimal; 3],
    open: usize,
}

/// A line per supplier and currency, from the totals of the statements. Amounts are positive where
/// the customer pays.
fn totals(owed: &[SettlementLine]) -> String {
    let mut all: BTreeMap<(&str, String), OfSupplier<'_>> = BTreeMap::new();
    for line in owed.iter().filter(|l| l.amount_kind == AmountKind::Total) {
        let key = (line.supplier_id.as_str(), line.currency.to_string());
        let of = all.entry(key).or_default();
        of.contracts.insert(&line.contract_id);
        of.statements += 1;
        of.open += usize::from(line.amount.is_none());
        let parts = [line.amount, line.prior_amount, line.delta.or(line.amount)];
        for (sum, part) in of.sums.iter_mut().zip(parts) {
            *sum = plus(*sum, part);
        }
    }
    let wide = all
        .keys()
        .map(|(s, _)| s.chars().count())
        .max()
        .unwrap_or(0);
    let wide = wide.clamp(8, 40);
    let mut text = format!(
        "{:<wide$} {:>9} {:>10} {:>18} {:>18} {:>18}\n",
        "supplier", "contracts", "statements", "amount", "settled before", "to pay"
    );
    for ((supplier, currency), of) in &all {
        let [amount, before, to_pay] = of.sums.map(|sum| sum.to_string());
        let open = match of.open {
            0 => String::new(),
            n => format!("  ({n} without an amount)"),
        };
        let row = format!(
            "{supplier:<wide$} {:>9} {:>10} {amount:>18} {before:>18} {to_pay:>18} {currency}{open}\n",
            of.contracts.len(),
            of.statements
        );
        text.push_str(&super::console::harmless(&row, false));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settle::LineStatus;

    #[test]
    fn many_amounts_are_added_up_by_supplier_and_currency() {
        let line = |contract: &str, kind, amount: Option<&str>, before: Option<&str>| {
            let number = |text: &str| text.parse::<Decimal>().unwrap();
            let (amount, prior) = (amount.map(number), before.map(number));
            SettlementLine {
                contract_id: contract.to_owned(),
                supplier_id: "SUP-\u{1b}A".to_owned(),
                period: "2025-Q1".to_owned(),
                clause_id: "total".to_owned(),
                seq: 1,
                step: "total".to_owned(),
                level: None,
                basis: None,
                rate: None,
                measure_value: None,
                unrounded: None,
                amount,
                currency: "EUR".parse().unwrap(),
                payer: None,
                payee: None,
                amount_kind: kind,
                prior_amount: prior,
                delta: amount.zip(prior).map(|(a, p)| plus(a, Some(-p))),
                document_type: None,
                bound_by: None,
                terms_version: "original".to_owned(),
                status: LineStatus::Final,
                overridden: Vec::new(),
                rule: String::new(),
                explanation: String::new(),
            }
        };
        let text = totals(&[
            line("A", AmountKind::Total, Some("100.50"), Some("40.25")),
            line("A", AmountKind::Payable, Some("7.00"), None),
            line("B", AmountKind::Total, Some("-0.50"), None),
            line("B", AmountKind::Total, None, None),
        ]);
        let shown: Vec<&str> = text.lines().collect();
        assert_eq!(shown.len(), 2, "{text}");
        let words: Vec<&str> = shown[1].split_whitespace().skip(1).collect();
        let wanted = "2 3 100.00 40.25 59.75 EUR (1 without an amount)";
        assert_eq!(words, wanted.split(' ').collect::<Vec<_>>(), "{text}");
        assert!(!text.contains('\u{1b}'), "{text}");
    }
}
