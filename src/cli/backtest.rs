//! `gainshare backtest`: the same history under several contracts. Not responsible for arithmetic
//! (see [`crate::judge::backtest`]).

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use miette::IntoDiagnostic as _;

use super::align::Costs;
use super::settle::{FailOn, Format, Refused, Tables, input, put, read_facts, read_terms, tell};
use crate::finding::Finding;
use crate::judge::backtest::{Scheme, SchemeRow, backtest};
use crate::money::Decimal;

/// Settle the same history under several contracts and compare what each pays.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example: gainshare backtest gain.toml per-ticket.toml --measures measures.csv"
)]
pub(super) struct Arguments {
    /// Terms files (TOML); a scheme is called like its file. Cost assumptions are those of the
    /// first that has an `[alignment]` table.
    #[arg(required = true)]
    terms: Vec<PathBuf>,
    #[command(flatten)]
    tables: Tables,
    #[command(flatten)]
    costs: Costs,
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
    let (rows, findings) = match compare(arguments) {
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
        Format::Csv => csv(&rows)?,
    };
    put(text.as_bytes(), arguments.output.as_deref())?;
    tell(&findings);
    let failed = findings
        .iter()
        .any(|f| arguments.fail_on.reached(f.severity));
    Ok(ExitCode::from(u8::from(failed)))
}

fn compare(arguments: &Arguments) -> Result<(Vec<SchemeRow>, Vec<Finding>), Refused> {
    let given = arguments.costs.given()?;
    let mut read = Vec::new();
    for path in &arguments.terms {
        let name = path
            .file_stem()
            .map_or_else(String::new, |s| s.to_string_lossy().into_owned());
        let terms = read_terms(path)?;
        if read.iter().any(|(n, _)| *n == name) {
            return Err(input(format!(
                "two terms files are called `{name}`: rename one, schemes are called like files"
            )));
        }
        read.push((name, terms));
    }
    let mut rows = Vec::new();
    let mut findings = Vec::new();
    let costs = read
        .iter()
        .map(|(_, t)| &t.settle)
        .find(|s| s.source.alignment.is_some())
        .or(read.first().map(|(_, t)| &t.settle));
    for (name, terms) in &read {
        // Each terms file says how it reads the tables.
        let (facts, noticed) = read_facts(&terms.settle, &arguments.tables)?;
        findings.extend(noticed);
        let scheme = Scheme {
            name,
            spec: &terms.settle,
        };
        let (settled, noticed) =
            backtest(&[scheme], costs.unwrap_or(&terms.settle), &facts, &given);
        rows.extend(settled);
        findings.extend(noticed);
    }
    Ok((rows, findings))
}

fn table(rows: &[SchemeRow]) -> String {
    let figure = |v: Option<Decimal>| v.map_or_else(|| "-".to_owned(), |d| d.to_string());
    let mut text = String::new();
    let _ = writeln!(
        text,
        "{:<12} {:<12} {:<20} {:>16} {:>16} {:>16} {:>16}  cur",
        "contract", "period", "scheme", "revenue", "profit", "impact", "customer cost"
    );
    for row in rows {
        let _ = writeln!(
            text,
            "{:<12} {:<12} {:<20} {:>16} {:>16} {:>16} {:>16}  {}{}",
            row.contract_id,
            row.period,
            row.scheme,
            figure(row.supplier_revenue),
            figure(row.supplier_profit),
            figure(row.impact_cost),
            figure(row.customer_total_cost),
            row.currency,
            if row.reason.is_empty() {
                String::new()
            } else {
                format!("  ({})", row.reason)
            }
        );
    }
    let mut totals: Vec<(&str, &str, Option<Decimal>, Option<Decimal>)> = Vec::new();
    for row in rows {
        let key = (row.contract_id.as_str(), row.scheme.as_str());
        let add = |sum: Option<Decimal>, v: Option<Decimal>| sum?.checked_add(v?).ok();
        match totals.iter_mut().find(|t| (t.0, t.1) == key) {
            Some(total) => {
                total.2 = add(total.2, row.supplier_revenue);
                total.3 = add(total.3, row.supplier_profit);
            }
            None => totals.push((key.0, key.1, row.supplier_revenue, row.supplier_profit)),
        }
    }
    for (contract, scheme, revenue, profit) in totals {
        let _ = writeln!(
            text,
            "{contract:<12} {:<12} {scheme:<20} {:>16} {:>16}",
            "together",
            figure(revenue),
            figure(profit)
        );
    }
    text
}

fn csv(rows: &[SchemeRow]) -> miette::Result<String> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    for row in rows {
        writer.serialize(row).into_diagnostic()?;
    }
    let bytes = writer.into_inner().into_diagnostic()?;
    String::from_utf8(bytes).into_diagnostic()
}
