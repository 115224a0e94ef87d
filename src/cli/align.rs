//! `gainshare align`: what the terms reward. Not responsible for arithmetic (see
//! [`crate::judge::align`]).

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use miette::{IntoDiagnostic as _, miette};

use super::judged::{Printed, is_project};
use super::settle::{Format, Refused, Tables, read_facts, read_terms};
use crate::judge::align::{
    Alignment, AlignmentRow, Assumptions, Given, Origin, Ratios, RowKind, When, align,
};
use crate::money::Decimal;
use crate::terms::{ASSUMPTIONS, Billed};

/// What one more avoided incident, euro saved, breach or hour of prevention is worth to the
/// supplier under a contract, over the whole range.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: gainshare align terms.toml --measures measures.csv")]
pub(super) struct Arguments {
    /// Terms file (TOML), or the folder of a project: then it is measured as by a run, and its
    /// measures are looked at; nothing is published.
    terms: PathBuf,
    #[command(flatten)]
    tables: Tables,
    #[command(flatten)]
    costs: Costs,
    /// The statement period to look at, such as 2024-03; the last one with measures when left
    /// out.
    #[arg(long, value_name = "PERIOD", conflicts_with = "all_periods")]
    period: Option<String>,
    /// Look at every statement period.
    #[arg(long)]
    all_periods: bool,
    /// Only this driver, such as avoided_incident.
    #[arg(long, value_name = "NAME")]
    driver: Option<String>,
    /// Tell the change of profit at these places of the driver as well: 100,199,200.
    #[arg(
        long,
        value_name = "NUMBERS",
        value_delimiter = ',',
        allow_hyphen_values = true
    )]
    at: Vec<String>,
    /// Look for no changes of the terms.
    #[arg(long)]
    no_repair: bool,
    #[command(flatten)]
    printed: Printed,
}

/// Cost assumptions on the command line.
#[derive(Debug, clap::Args)]
pub(super) struct Costs {
    /// A cost assumption, in place of the one in the terms: price, cost_to_serve,
    /// prevention_cost, impact, hour_cost, margin, discount_rate, spend_now.
    #[arg(long, value_name = "NAME=NUMBER")]
    pub(super) assume: Vec<String>,
    /// Years that an effect lasts.
    #[arg(long, value_name = "YEARS", allow_negative_numbers = true, value_parser = super::number::whole::<u8>)]
    pub(super) horizon: Option<u8>,
    /// Where the service itself is billed.
    #[arg(long, value_enum)]
    pub(super) billed: Option<BilledWord>,
}

/// Where the service itself is billed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum BilledWord {
    /// By clauses of these terms.
    Here,
    /// Outside of these terms.
    Elsewhere,
}

impl Costs {
    /// As the judge takes them.
    pub(super) fn given(&self) -> Result<Given, Refused> {
        let mut given = Given {
            horizon_years: self.horizon,
            billed: self.billed.map(|b| match b {
                BilledWord::Here => Billed::Here,
                BilledWord::Elsewhere => Billed::Elsewhere,
            }),
            ..Given::default()
        };
        for text in &self.assume {
            let wrong = |why: String| Refused::Terms(miette!("--assume {text}: {why}"));
            let (name, number) = text
                .split_once('=')
                .ok_or_else(|| wrong("write NAME=NUMBER, such as price=35".to_owned()))?;
            let (name, number) = (name.trim(), number.trim());
            if !ASSUMPTIONS.contains(&name) {
                return Err(wrong(format!(
                    "there is no assumption `{name}` (known: {})",
                    ASSUMPTIONS.join(", ")
                )));
            }
            let (digits, percent) = match number.strip_suffix('%') {
                Some(digits) => (digits.trim(), true),
                None => (number, false),
            };
            let mut value: Decimal = digits.parse().map_err(|e| wrong(format!("{e}")))?;
            if percent {
                value = Decimal::new(value.mantissa(), value.scale() + 2)
                    .map_err(|e| wrong(e.to_string()))?;
            }
            given.assumptions.insert(name.to_owned(), value);
        }
        Ok(given)
    }
}

/// Runs the command.
pub(super) fn run(arguments: &Arguments) -> miette::Result<ExitCode> {
    let (alignment, findings) = match look(arguments) {
        Ok(found) => found,
        Err(refused) => return Ok(refused.exit()),
    };
    let printed = &arguments.printed;
    let text = match printed.format {
        Format::Table => table(&alignment),
        Format::Json => json(&alignment)?,
        Format::Csv => csv(&alignment)?,
    };
    if printed.format != Format::Table || printed.output.is_some() {
        for (contract, period, assumptions) in &alignment.assumptions {
            super::say(format_args!(
                "{contract} {period}: {}",
                assumed(assumptions)
            ));
        }
    }
    printed.text(&text, &findings)
}

fn look(arguments: &Arguments) -> Result<(Alignment, Vec<crate::finding::Finding>), Refused> {
    let mut given = arguments.costs.given()?;
    given.repair = !arguments.no_repair;
    given.driver.clone_from(&arguments.driver);
    given.when = match (&arguments.period, arguments.all_periods) {
        (_, true) => When::All,
        (None, false) => When::Last,
        (Some(text), false) => When::Period(
            text.parse()
                .map_err(|e| Refused::Terms(miette!("--period: {e}")))?,
        ),
    };
    for text in &arguments.at {
        let place = text
            .trim()
            .parse()
            .map_err(|e| Refused::Terms(miette!("--at: {e}")))?;
        given.at.push(place);
    }
    if is_project(&arguments.terms) {
        return project(&arguments.terms, &given);
    }
    let terms = read_terms(&arguments.terms)?;
    let (facts, mut findings) = read_facts(&terms.settle, &arguments.tables)?;
    let alignment = align(&terms.settle, &facts, &Ratios::new(), &given);
    findings.extend(alignment.findings.iter().cloned());
    Ok((alignment, findings))
}

/// The alignment of a project's contracts, on what a run measures.
#[cfg(feature = "frames")]
fn project(
    folder: &std::path::Path,
    given: &Given,
) -> Result<(Alignment, Vec<crate::finding::Finding>), Refused> {
    let project = super::project(folder).map_err(|e| Refused::Terms(miette::Report::from(*e)))?;
    let outcome = crate::pipeline::rows(&project, given).map_err(super::judged::refused)?;
    let findings = outcome.alignment.findings.clone();
    Ok((outcome.alignment, findings))
}

#[cfg(not(feature = "frames"))]
fn project(
    folder: &std::path::Path,
    _: &Given,
) -> Result<(Alignment, Vec<crate::finding::Finding>), Refused> {
    Err(super::judged::no_projects(folder))
}

/// The assumptions as one line.
pub(super) fn assumed(assumptions: &Assumptions) -> String {
    let mut parts: Vec<String> = assumptions
        .values
        .iter()
        .map(|(name, (value, origin))| {
            let from = match origin {
                Origin::Terms => "terms",
                Origin::Caller => "command line",
                Origin::Derived => "from price and margin",
            };
            format!("{name} {} ({from})", value.normalized())
        })
        .collect();
    parts.push(match (assumptions.billed, assumptions.billed_found) {
        (Billed::Here, false) => "the service is billed by these terms".to_owned(),
        (Billed::Elsewhere, false) => "the service is billed elsewhere".to_owned(),
        (Billed::Here, true) => {
            "the service is billed by these terms (a clause charges for it)".to_owned()
        }
        (Billed::Elsewhere, true) => {
            "the service is billed elsewhere (no clause charges for it)".to_owned()
        }
    });
    parts.push(match assumptions.horizon_years {
        1 => "effects last 1 year".to_owned(),
        years => format!("effects last {years} years"),
    });
    format!("assumed: {}", parts.join("; "))
}

fn figure(value: Option<Decimal>) -> String {
    value.map_or_else(
        || "-".to_owned(),
        |v| {
            let v = v.round(4, crate::money::Rounding::HalfUp).normalized();
            v.padded(2).unwrap_or(v).to_string()
        },
    )
}

fn table(alignment: &Alignment) -> String {
    let mut text = String::new();
    let mut group: Option<(&str, &str, &str)> = None;
    for row in &alignment.rows {
        let key = (
            row.contract_id.as_str(),
            row.period.as_str(),
            row.driver.as_str(),
        );
        if group != Some(key) {
            if group.is_none_or(|g| (g.0, g.1) != (key.0, key.1)) {
                let known = alignment
                    .assumptions
                    .iter()
                    .find(|(c, p, _)| (c.as_str(), p.as_str()) == (key.0, key.1));
                if group.is_some() {
                    text.push('\n');
                }
                let _ = writeln!(text, "{} {}", key.0, key.1);
                if let Some((_, _, assumptions)) = known {
                    let _ = writeln!(text, "  {}", assumed(assumptions));
                }
            }
            group = Some(key);
            if row.kind == RowKind::Slice {
                let _ = writeln!(text, "\n  {}", row.verdict);
                continue;
            }
            let _ = writeln!(
                text,
                "\n  One more {} ({}; stands at {})",
                row.unit, row.driver, row.now
            );
            let _ = writeln!(
                text,
                "  {:<20} {:>14} {:>14} {:>12} {:>12} {:>12} {:>11} {:>14}",
                "clause", "from", "to", "payment", "profit", "customer", "even share", "at once"
            );
            for row in alignment.rows.iter().filter(|r| {
                (r.contract_id.as_str(), r.period.as_str(), r.driver.as_str()) == key
                    && r.kind == RowKind::Region
            }) {
                let _ = writeln!(
                    text,
                    "  {:<20} {:>14} {:>14} {:>12} {:>12} {:>12} {:>11} {:>14}{}",
                    row.clause_id,
                    figure(row.region_from),
                    figure(row.region_to),
                    figure(row.marginal_payment),
                    figure(row.marginal_profit),
                    figure(row.marginal_customer),
                    row.break_even_share.map_or_else(
                        || "-".to_owned(),
                        |s| format!(
                            "{} %",
                            s.checked_mul(Decimal::from_i64(100))
                                .unwrap_or(s)
                                .round(3, crate::money::Rounding::HalfUp)
                                .normalized()
                        )
                    ),
                    figure(row.notch.filter(|n| !n.is_zero())),
                    if row.exact {
                        ""
                    } else {
                        "  curved: a straight piece"
                    }
                );
            }
        }
        if row.clause_id == "all" || row.kind != RowKind::Region {
            let _ = writeln!(text, "  {}", row.verdict);
        }
    }
    text
}

fn json(alignment: &Alignment) -> miette::Result<String> {
    let mut text = String::new();
    for row in &alignment.rows {
        text.push_str(&serde_json::to_string(row).into_diagnostic()?);
        text.push('\n');
    }
    Ok(text)
}

/// The columns of the alignment table, in order.
const COLUMNS: &[&str] = &[
    "contract_id",
    "clause_id",
    "period",
    "driver",
    "unit",
    "kind",
    "horizon_years",
    "region_from",
    "region_to",
    "now",
    "marginal_payment",
    "marginal_profit",
    "marginal_customer",
    "break_even_share",
    "break_even_cost",
    "notch",
    "profit",
    "currency",
    "exact",
    "verdict",
];

fn csv(alignment: &Alignment) -> miette::Result<String> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(COLUMNS).into_diagnostic()?;
    for row in &alignment.rows {
        writer.write_record(cells(row)).into_diagnostic()?;
    }
    let bytes = writer.into_inner().into_diagnostic()?;
    String::from_utf8(bytes).into_diagnostic()
}

fn cells(row: &AlignmentRow) -> Vec<String> {
    let number = |v: Option<Decimal>| v.map_or_else(String::new, |d| d.to_string());
    let kind = serde_json::to_value(row.kind).unwrap_or_default();
    vec![
        row.contract_id.clone(),
        row.clause_id.clone(),
        row.period.clone(),
        row.driver.clone(),
        row.unit.clone(),
        kind.as_str().unwrap_or_default().to_owned(),
        row.horizon_years.to_string(),
        number(row.region_from),
        number(row.region_to),
        row.now.to_string(),
        number(row.marginal_payment),
        number(row.marginal_profit),
        number(row.marginal_customer),
        number(row.break_even_share),
        number(row.break_even_cost),
        number(row.notch),
        number(row.profit),
        row.currency.to_string(),
        row.exact.to_string(),
        row.verdict.clone(),
    ]
}
