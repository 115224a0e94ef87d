//! `gainshare explain`: one clause of one period, printed like a calculation on paper. Not
//! responsible for arithmetic (see [`crate::settle`]).

use std::process::ExitCode;

use super::settle::{Refused, Tables, read_facts, read_terms};
use crate::settle::{AmountKind, Detail, LineStatus, SettlementLine, settle};

/// Print how an amount came about, from its measures to the cent.
#[derive(Debug, clap::Args)]
#[command(
    override_usage = "gainshare explain [--rows] CONTRACT PERIOD CLAUSE|KPI [FOLDER]\n       gainshare explain [OPTIONS] TERMS --measures TABLE",
    after_help = "Examples: gainshare explain CT-A1 2025-Q3 gain_share data/complete\n          gainshare explain CT-A1 2025-Q3 actual_cost data/complete --rows\n          gainshare explain terms.toml --measures measures.csv --clause gain_share"
)]
pub(super) struct Arguments {
    /// Of a run: contract, period, clause or KPI, and the project or output folder (here, when
    /// left out). Of tables: the terms file (TOML).
    #[arg(value_name = "SUBJECT", required = true, num_args = 1..=4)]
    subject: Vec<String>,
    /// Of a run: list every ticket and invoice line.
    #[arg(long)]
    rows: bool,
    /// The contract; all of them when left out.
    #[arg(long)]
    contract: Option<String>,
    /// The period, as in the settlement table: 2024-03, 2024-Q1, 2024.
    #[arg(long)]
    period: Option<String>,
    /// The clause.
    #[arg(long)]
    clause: Option<String>,
    #[command(flatten)]
    tables: Tables,
}

/// Runs the command.
pub(super) fn run(arguments: &Arguments) -> miette::Result<ExitCode> {
    let terms = match arguments.subject.as_slice() {
        [terms] => std::path::Path::new(terms),
        #[cfg(feature = "frames")]
        [contract, period, what, folder @ ..] => {
            let folder = folder.first().map_or(".", String::as_str);
            let folder = std::path::Path::new(folder);
            return super::explain_run::run(contract, period, what, folder, arguments.rows);
        }
        _ => {
            super::say(format_args!(
                "error: name a contract, a period and a clause or KPI (and the folder of the run), or \
                 one terms file\nExample: gainshare explain CT-A1 2025-Q3 gain_share data/complete"
            ));
            return Ok(ExitCode::from(2));
        }
    };
    let loaded = read_terms(terms).and_then(|terms| {
        read_facts(&terms.settle, &arguments.tables).map(|(facts, _)| (terms, facts))
    });
    let (terms, facts) = match loaded {
        Ok(loaded) => loaded,
        Err(refused) => return Ok(refused.exit()),
    };
    let settlement = settle(&terms.settle, &facts, Detail::Steps);
    let mut lines: Vec<&SettlementLine> = settlement.lines.iter().collect();
    type Of = fn(&SettlementLine) -> &str;
    let asked: [(&str, &Option<String>, Of); 3] = [
        ("contract", &arguments.contract, |l| &l.contract_id),
        ("period", &arguments.period, |l| &l.period),
        ("clause", &arguments.clause, |l| &l.clause_id),
    ];
    for (what, wanted, of) in asked {
        let Some(wanted) = wanted else { continue };
        let mut known: Vec<&str> = Vec::new();
        for line in &lines {
            if !known.contains(&of(line)) {
                known.push(of(line));
            }
        }
        if !known.contains(&wanted.as_str()) {
            let refused = Refused::Terms(miette::miette!(
                "no row of the settlement is about {what} `{wanted}`; {}",
                crate::terms::suggestion(wanted, &known)
            ));
            return Ok(refused.exit());
        }
        lines.retain(|line| of(line) == wanted);
    }
    if lines.is_empty() {
        let told: Vec<String> = settlement
            .findings
            .iter()
            .map(|f| f.detail.clone())
            .collect();
        let refused = Refused::Input(miette::miette!("nothing was settled: {}", told.join("; ")));
        return Ok(refused.exit());
    }
    // A failure that would be repeated, or a balance of nothing, is for the next statement only.
    lines.retain(|l| !l.status.is_balance() || l.amount.is_some_and(|a| !a.is_zero()));
    lines.retain(|l| !matches!(l.status, LineStatus::Missed | LineStatus::Passed));
    super::console::table(&on_paper(&lines))?;
    Ok(ExitCode::SUCCESS)
}

/// Rows as a calculation: a heading per clause and period, a line per step with its running
/// amount on the right.
fn on_paper(lines: &[&SettlementLine]) -> String {
    let mut text = String::new();
    let mut heading = String::new();
    for line in lines {
        let rule = if line.rule.is_empty() {
            String::new()
        } else {
            format!(" ({})", line.rule)
        };
        let next = format!(
            "{} · {} · {} · terms: {}{rule}",
            line.contract_id, line.period, line.clause_id, line.terms_version
        );
        if next != heading {
            if !heading.is_empty() {
                text.push('\n');
            }
            text.push_str(&next);
            text.push('\n');
            heading = next;
        }
        let amount = match (line.amount, line.status) {
            (Some(amount), _) => amount.to_string(),
            (None, LineStatus::NotMeasurable) => "—".to_owned(),
            (None, _) => String::new(),
        };
        // What leads to an amount may be tickets, hours or shares: only what is due is money.
        let (mark, currency) = match line.amount_kind {
            AmountKind::Payable | AmountKind::Total => ("=", line.currency.to_string()),
            _ => (" ", String::new()),
        };
        let amount = if mark == "=" {
            amount
        } else {
            trimmed(&amount)
        };
        text.push_str(&format!(
            " {mark} {:<14} {amount:>20} {currency:<3}  {}\n",
            line.step, line.explanation
        ));
    }
    text
}

/// A figure without the zeros behind its point.
fn trimmed(figure: &str) -> String {
    match figure.split_once('.') {
        Some((whole, part)) => match part.trim_end_matches('0') {
            "" => whole.to_owned(),
            part => format!("{whole}.{part}"),
        },
        None => figure.to_owned(),
    }
}
