//! `gainshare backtest`: the same history under several contracts. Not responsible for arithmetic
//! (see [`crate::judge::backtest`]).

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use super::align::Costs;
use super::judged::{Printed, is_project};
use super::settle::{Refused, Tables, input, read_facts, read_terms};
use crate::finding::Finding;
use crate::judge::align::Given;
use crate::judge::backtest::{Scheme, SchemeRow, backtest};
use crate::money::Decimal;
use crate::terms::Terms;

/// Settle the same history under several contracts and compare, month by month, what each pays.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples: gainshare backtest gain.toml per-ticket.toml --measures measures.csv\n          gainshare backtest data/complete fixed-fee.toml --contract CT-A1"
)]
pub(super) struct Arguments {
    /// Terms files (TOML); a scheme is called like its file. Cost assumptions are those of the
    /// first that has an `[alignment]` table. Or the folder of a project, and further terms files:
    /// then its contracts and those that they are compared with are settled beside the files, on
    /// the measures of its last run as far as they still hold; nothing is published.
    #[arg(required = true)]
    terms: Vec<PathBuf>,
    #[command(flatten)]
    tables: Tables,
    #[command(flatten)]
    costs: Costs,
    /// Of a project only this contract; several are named one by one.
    #[arg(long, value_name = "ID")]
    contract: Vec<String>,
    #[command(flatten)]
    printed: Printed,
}

/// Runs the command.
pub(super) fn run(arguments: &Arguments) -> miette::Result<ExitCode> {
    match compare(arguments) {
        Ok((rows, findings)) => arguments.printed.rows(&rows, table, &findings),
        Err(refused) => Ok(refused.exit()),
    }
}

/// The terms files by the names of their schemes.
fn schemes(paths: &[PathBuf]) -> Result<Vec<(String, Terms)>, Refused> {
    let mut read: Vec<(String, Terms)> = Vec::new();
    for path in paths {
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
    Ok(read)
}

fn compare(arguments: &Arguments) -> Result<(Vec<SchemeRow>, Vec<Finding>), Refused> {
    let given = arguments.costs.given()?;
    if let Some((first, others)) = arguments.terms.split_first()
        && is_project(first)
    {
        return project(first, &schemes(others)?, &arguments.contract, &given);
    }
    let read = schemes(&arguments.terms)?;
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

/// The contracts of a project, those that they are compared with, and further terms.
#[cfg(feature = "frames")]
fn project(
    path: &std::path::Path,
    others: &[(String, Terms)],
    wanted: &[String],
    given: &Given,
) -> Result<(Vec<SchemeRow>, Vec<Finding>), Refused> {
    let mut rows = Vec::new();
    let mut findings = Vec::new();
    for kept in super::judged::kept(path, wanted)? {
        let mut settle =
            |name: &str, spec: &crate::terms::SettleSpec, facts: &crate::settle::Facts| {
                let scheme = Scheme { name, spec };
                let (settled, noticed) = backtest(&[scheme], &kept.terms, facts, given);
                let own = |contract: &str| contract == kept.entry.id;
                rows.extend(settled.into_iter().filter(|r| own(&r.contract_id)));
                findings.extend(noticed);
            };
        settle("this_contract", &kept.terms, &kept.facts);
        let named = kept.compare.iter().chain(others);
        for (name, terms) in named {
            let facts = kept.under(terms).map_err(|e| Refused::Terms(e.into()))?;
            settle(name, &terms.settle, &facts);
        }
    }
    Ok((rows, findings))
}

#[cfg(not(feature = "frames"))]
fn project(
    path: &std::path::Path,
    _: &[(String, Terms)],
    _: &[String],
    _: &Given,
) -> Result<(Vec<SchemeRow>, Vec<Finding>), Refused> {
    Err(super::judged::no_projects(path))
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
    let add = |sum: Option<Decimal>, v: Option<Decimal>| sum?.checked_add(v?).ok();
    let mut totals: Vec<SchemeRow> = Vec::new();
    for row in rows {
        let same = |t: &&mut SchemeRow| t.contract_id == row.contract_id && t.scheme == row.scheme;
        match totals.iter_mut().find(same) {
            Some(total) => {
                total.supplier_revenue = add(total.supplier_revenue, row.supplier_revenue);
                total.supplier_profit = add(total.supplier_profit, row.supplier_profit);
                total.impact_cost = add(total.impact_cost, row.impact_cost);
                total.customer_total_cost = add(total.customer_total_cost, row.customer_total_cost);
            }
            None => totals.push(row.clone()),
        }
    }
    for total in totals {
        let _ = writeln!(
            text,
            "{:<12} {:<12} {:<20} {:>16} {:>16} {:>16} {:>16}  {}",
            total.contract_id,
            "together",
            total.scheme,
            figure(total.supplier_revenue),
            figure(total.supplier_profit),
            figure(total.impact_cost),
            figure(total.customer_total_cost),
            total.currency
        );
    }
    text
}
