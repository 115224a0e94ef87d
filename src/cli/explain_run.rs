//! `gainshare explain CONTRACT PERIOD CLAUSE|KPI [FOLDER]`: one amount or measure of a run, down
//! to the tickets and invoice lines it rests on. Reads what was published and stored; not
//! responsible for any figure.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use crate::config::project::{PROJECT_FILE, Project};
use crate::money::Decimal;
use crate::pipeline;
use crate::publish::reading::{self, Published, ReadTable, ReadingError, Row};
use crate::publish::report::facts::{self, Kpi, Line, months, plus};
use crate::score::{SCORE_PREFIX, catalogue};
use crate::time::{Instant, Month, Zone};

/// Why nothing can be shown.
enum Stopped {
    Reading(ReadingError),
    Said(u8, String),
}

impl From<ReadingError> for Stopped {
    fn from(error: ReadingError) -> Self {
        Stopped::Reading(error)
    }
}

/// Runs the command on a run's output.
pub(super) fn run(
    contract: &str,
    period: &str,
    what: &str,
    folder: &Path,
    rows: bool,
) -> miette::Result<ExitCode> {
    match explained(contract, period, what, folder, rows) {
        Ok(text) => {
            super::data(text.as_bytes())?;
            Ok(ExitCode::SUCCESS)
        }
        Err(Stopped::Reading(error)) => {
            eprintln!("{:?}", miette::Report::from(error));
            Ok(ExitCode::from(3))
        }
        Err(Stopped::Said(code, text)) => {
            eprintln!("error: {text}");
            Ok(ExitCode::from(code))
        }
    }
}

fn explained(
    contract: &str,
    period: &str,
    what: &str,
    folder: &Path,
    rows: bool,
) -> Result<String, Stopped> {
    let project = folder
        .join(PROJECT_FILE)
        .is_file()
        .then(|| super::project(folder))
        .transpose()
        .map_err(|e| Stopped::Said(2, format!("{e}")))?;
    let out = match &project {
        Some(project) => project.output_folder(),
        None => folder.to_owned(),
    };
    let published = Published::open(&out)?;
    let source = Source {
        published,
        project,
        contract,
        period,
    };
    let lines = source.lines()?;
    let clause: Vec<&Line> = lines
        .iter()
        .filter(|l| l.clause == what && same(&l.period, period))
        .collect();
    let mut text = String::new();
    let named: Vec<String> = if clause.is_empty() {
        if catalogue::describing(what).is_none() {
            return Err(Stopped::Said(2, unknown(&lines, contract, period, what)));
        }
        vec![what.to_owned()]
    } else {
        on_paper(&mut text, contract, &clause);
        measures_of(&clause)
    };
    for id in named {
        source.measure(&mut text, &id, rows)?;
    }
    Ok(text)
}

/// The same months, however they are written.
fn same(a: &str, b: &str) -> bool {
    a == b || months(a).is_some_and(|m| months(b) == Some(m))
}

/// What there is instead, so that a mistyped word is found.
fn unknown(lines: &[Line], contract: &str, period: &str, what: &str) -> String {
    let mut periods: Vec<&str> = Vec::new();
    let mut clauses: Vec<&str> = Vec::new();
    for line in lines {
        if !periods.contains(&line.period.as_str()) {
            periods.push(&line.period);
        }
        if !clauses.contains(&line.clause.as_str()) {
            clauses.push(&line.clause);
        }
    }
    if lines.is_empty() {
        return format!(
            "no row of the settlement is about contract `{contract}`; see the column contract_id"
        );
    }
    if clauses.contains(&what) {
        return format!(
            "clause `{what}` of {contract} was not settled for `{period}`; periods: {}",
            periods.join(", ")
        );
    }
    let near = clauses
        .iter()
        .copied()
        .chain(catalogue::all().map(|k| k.id))
        .max_by(|a, b| strsim::jaro(a, what).total_cmp(&strsim::jaro(b, what)))
        .unwrap_or_default();
    format!(
        "`{what}` is no clause of {contract} and no KPI; did you mean `{near}`? Clauses: {}; \
         `gainshare kpis` lists the KPIs",
        clauses.join(", ")
    )
}

/// The calculation, a line per step with its running amount.
fn on_paper(text: &mut String, contract: &str, lines: &[&Line]) {
    let mut heading = String::new();
    for line in lines {
        let rule = if line.rule.is_empty() {
            String::new()
        } else {
            format!(" ({})", line.rule)
        };
        let next = format!(
            "{contract} · {} · {} · terms: {}{rule}",
            line.period, line.clause, line.terms_version
        );
        if next != heading {
            let _ = writeln!(text, "{next}");
            heading = next;
        }
        let due = matches!(line.kind.as_str(), "payable" | "total");
        let amount = line.amount.map_or_else(
            || "—".to_owned(),
            |a| {
                let short = a.normalized();
                let cents = due.then(|| short.padded(2).ok()).flatten();
                cents
                    .filter(|c| c.scale() == 2)
                    .unwrap_or(short)
                    .to_string()
            },
        );
        let (mark, currency) = if due {
            ("=", line.currency.as_str())
        } else {
            (" ", "")
        };
        let _ = writeln!(
            text,
            " {mark} {:<14} {amount:>20} {currency:<3}  {}",
            line.step, line.explanation
        );
    }
}

/// The KPIs that the calculation names.
fn measures_of(lines: &[&Line]) -> Vec<String> {
    let words: BTreeSet<String> = lines
        .iter()
        .flat_map(|l| {
            l.explanation
                .split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))
                .map(|w| w.strip_suffix("_lower").unwrap_or(w).to_owned())
                .collect::<Vec<_>>()
        })
        .collect();
    let scores = words.iter().filter(|w| w.starts_with(SCORE_PREFIX));
    catalogue::all()
        .map(|k| k.id)
        .filter(|id| words.contains(*id))
        .chain(scores.map(String::as_str))
        .map(str::to_owned)
        .collect()
}

/// One contract and period of a run.
struct Source<'a> {
    published: Published,
    project: Option<Project>,
    contract: &'a str,
    period: &'a str,
}

impl Source<'_> {
    fn lines(&self) -> Result<Vec<Line>, ReadingError> {
        let table = self
            .published
            .filtered("settlement", None, |r| {
                r.text("contract_id") == self.contract
            })?
            .unwrap_or_default();
        Ok(table.iter().map(|r| facts::line(&r)).collect())
    }

    fn kpi(&self, id: &str) -> Result<Option<(Kpi, String, String)>, ReadingError> {
        let table = self.published.filtered("kpi", None, |r| {
            r.text("contract_id") == self.contract
                && r.text("kpi") == id
                && r.text("scope") == "contract"
                && same(r.text("period"), self.period)
        })?;
        let found = table.as_ref().and_then(|t| {
            let row = t.iter().next()?;
            let text = |name: &str| row.text(name).to_owned();
            Some((facts::kpi(&row), text("numerator"), text("denominator")))
        });
        Ok(found)
    }

    /// A measure: its value, what it is, and what it rests on.
    fn measure(&self, text: &mut String, id: &str, rows: bool) -> Result<(), Stopped> {
        let Some(entry) = catalogue::describing(id) else {
            return Ok(());
        };
        let _ = writeln!(text, "\n{} ({id}), {}", entry.title, self.period);
        let _ = writeln!(text, "  {}", entry.formula);
        match self.kpi(id)? {
            None => {
                let _ = writeln!(text, "  no value for this period in the table kpi");
            }
            Some((kpi, numerator, denominator)) => {
                let value = kpi.value.map_or_else(
                    || format!("not measurable: {}", kpi.reason),
                    |v| format!("{} {}", v.normalized(), kpi.unit),
                );
                let _ = writeln!(text, "  value      {value}");
                if let (Some(low), Some(high)) = (kpi.low, kpi.high) {
                    let _ = writeln!(
                        text,
                        "  interval   {} to {} (level {})",
                        low.normalized(),
                        high.normalized(),
                        kpi.level.map(|l| l.to_string()).unwrap_or_default()
                    );
                }
                if !numerator.is_empty() && !denominator.is_empty() {
                    let _ = writeln!(text, "  made of    {numerator} ÷ {denominator}");
                }
                if !kpi.n.is_empty() {
                    let _ = writeln!(text, "  rests on   {} observations", kpi.n);
                }
            }
        }
        let _ = writeln!(
            text,
            "  rule       {}\n  source     {}",
            entry.rule, entry.source
        );
        let of = |table: &str| entry.inputs.iter().any(|i| i.starts_with(table));
        if of("incidents.") {
            self.tickets(text, rows)?;
        } else if of("billing.") {
            self.invoices(text, rows)?;
        }
        Ok(())
    }

    /// Invoice lines of the period, counted and not.
    fn invoices(&self, text: &mut String, rows: bool) -> Result<(), Stopped> {
        let wanted = months(self.period);
        let table = self.published.filtered("billing_facts", None, |r| {
            r.text("contract_id") == self.contract
                && wanted
                    .zip(months(r.text("month")))
                    .is_some_and(|(span, month)| month.0 >= span.0 && month.0 < span.1)
        })?;
        let Some(table) = table else {
            let _ = writeln!(
                text,
                "  invoice lines: this output has no table billing_facts"
            );
            return Ok(());
        };
        let mut sums: BTreeMap<(String, String), (Decimal, usize)> = BTreeMap::new();
        for row in table.iter() {
            let key = (
                row.text("reason").to_owned(),
                row.text("currency").to_owned(),
            );
            let entry = sums.entry(key).or_insert((Decimal::ZERO, 0));
            *entry = (plus(entry.0, row.number("amount")), entry.1 + 1);
        }
        let _ = writeln!(
            text,
            "  invoice lines whose period starts in {}:",
            self.period
        );
        for ((reason, currency), (sum, n)) in &sums {
            let _ = writeln!(
                text,
                "    {n:>6} lines {:>18} {currency}  {reason}",
                sum.normalized()
            );
        }
        if rows {
            for row in table.iter() {
                let _ = writeln!(
                    text,
                    "    {} {} {}/{} {} {:>14} {} {}",
                    row.text("month"),
                    row.text("source"),
                    row.text("invoice_id"),
                    row.text("line_id"),
                    row.text("service_id"),
                    row.text("amount"),
                    row.text("currency"),
                    if row.text("counted") == "true" {
                        "counted"
                    } else {
                        row.text("class")
                    }
                );
            }
        } else if !table.rows.is_empty() {
            let _ = writeln!(text, "    (--rows lists them)");
        }
        Ok(())
    }

    /// Tickets opened in the period, from the store.
    fn tickets(&self, text: &mut String, rows: bool) -> Result<(), Stopped> {
        let counted = self.published.filtered(
            "cells",
            Some(&[
                "contract_id",
                "service_id",
                "priority",
                "month",
                "incidents",
                "children",
            ]),
            |r| r.text("contract_id") == self.contract && within(r.text("month"), self.period),
        )?;
        let mut sums: BTreeMap<(String, String), (Decimal, Decimal)> = BTreeMap::new();
        for row in counted.iter().flat_map(ReadTable::iter) {
            let service = match row.text("service_id") {
                "" => "(no service)",
                id => id,
            };
            let key = (service.to_owned(), row.text("priority").to_owned());
            let entry = sums.entry(key).or_default();
            *entry = (
                plus(entry.0, row.number("incidents")),
                plus(entry.1, row.number("children")),
            );
        }
        let all = sums.values().fold(Decimal::ZERO, |s, v| plus(s, Some(v.0)));
        let _ = writeln!(text, "  incidents opened in {}: {all}", self.period);
        for ((service, priority), (n, children)) in &sums {
            let also = if children.is_zero() {
                String::new()
            } else {
                format!(", {children} of them children of another")
            };
            let _ = writeln!(text, "    {n:>6} {service} {priority}{also}");
        }
        if !rows {
            let _ = writeln!(text, "    (--rows lists them)");
            return Ok(());
        }
        let Some(project) = &self.project else {
            return Err(Stopped::Said(
                2,
                "--rows lists tickets from the project's store: name the project folder".to_owned(),
            ));
        };
        let zone = zone(project, self.contract)?;
        let mut listed = 0_u64;
        for path in partitions(&project.store_folder(), self.period) {
            let table = reading::read(&path, None, |r| {
                r.text("contract_id") == self.contract
                    && matches!(r.text("ticket_type"), "" | "incident")
                    && opened(r, &zone).is_some_and(|m| within(&m.to_string(), self.period))
            })?;
            for row in table.iter() {
                listed += 1;
                let _ = writeln!(
                    text,
                    "    {} {} {} P{} {} {} {}",
                    row.text("source"),
                    row.text("ticket_id"),
                    row.text("opened_at"),
                    row.text("priority"),
                    row.text("service_id"),
                    row.text("category"),
                    if row.text("parent_id").is_empty() {
                        ""
                    } else {
                        "child"
                    }
                );
            }
        }
        let _ = writeln!(text, "  {listed} tickets listed, times in UTC");
        Ok(())
    }
}

fn within(month: &str, period: &str) -> bool {
    months(month)
        .zip(months(period))
        .is_some_and(|(m, p)| m.0 >= p.0 && m.1 <= p.1)
}

/// The month of opening in the contract's zone.
fn opened(row: &Row<'_>, zone: &Zone) -> Option<Month> {
    let at: Instant = format!("{}Z", row.text("opened_at").trim_end_matches('Z'))
        .parse()
        .ok()?;
    Some(zone.month_of(at))
}

fn zone(project: &Project, contract: &str) -> Result<Zone, Stopped> {
    let checked = pipeline::check(project).map_err(|e| Stopped::Said(2, e.to_string()))?;
    checked
        .into_iter()
        .find(|(c, _)| c.entry.id == contract)
        .map(|(_, plan)| plan.zone)
        .ok_or_else(|| Stopped::Said(2, format!("the project has no contract `{contract}`")))
}

/// Files of tickets by UTC month, one more on either side for the zone.
fn partitions(store: &Path, period: &str) -> Vec<PathBuf> {
    let Some((from, to)) = months(period) else {
        return Vec::new();
    };
    (from - 1..=to)
        .map(|m| store.join(format!("incidents/{}.parquet", Month::from_ordinal(m))))
        .filter(|path| path.is_file())
        .collect()
}
