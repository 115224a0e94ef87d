//! `gainshare explain CONTRACT PERIOD CLAUSE|KPI [FOLDER]`: one amount or measure of a run, down
//! to the tickets and invoice lines it rests on. Reads what was published and stored; not
//! responsible for any figure.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;
use std::process::ExitCode;

use super::explain_rows;
use crate::config::project::{PROJECT_FILE, Project};
use crate::money::Decimal;
use crate::pipeline;
use crate::publish::reading::{Part, Published, ReadTable, ReadingError, Row};
use crate::publish::report::facts::{self, Line, months, plus};
use crate::publish::report::kpis::{KpiRow, Kpis};
use crate::score::SCORE_PREFIX;
use crate::score::catalogue::{self, Kpi};
use crate::time::Zone;

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
            super::console::table(&text)?;
            Ok(ExitCode::SUCCESS)
        }
        Err(Stopped::Reading(error)) => {
            super::say(format_args!("{:?}", miette::Report::from(error)));
            Ok(ExitCode::from(3))
        }
        Err(Stopped::Said(code, text)) => {
            super::say(format_args!("error: {text}"));
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
    source.known()?;
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
        source.valued(what)?;
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
        if due && !line.overridden.is_empty() {
            let _ = writeln!(text, "   {}, overridden: {}", line.status, line.overridden);
        }
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
    /// What a row of the contract has.
    fn own(&self) -> (&str, &str) {
        ("contract_id", self.contract)
    }

    fn lines(&self) -> Result<Vec<Line>, ReadingError> {
        let of = [self.own()];
        let part = Part {
            texts: &of,
            ..Part::default()
        };
        let table = self
            .published
            .filtered("settlement", part, |_| true)?
            .unwrap_or_default();
        Ok(table.iter().map(|r| facts::line(&r)).collect())
    }

    /// The value of a measure in the period, with its numerator and denominator.
    fn kpi(&self, id: &str) -> Result<Option<(Kpis, String, String)>, ReadingError> {
        let of = [self.own(), ("kpi", id), ("scope", "contract")];
        let part = Part {
            texts: &of,
            ..Part::default()
        };
        let period = |r: &Row<'_>| same(r.text("period"), self.period);
        let Some(table) = self.published.filtered("kpi", part, period)? else {
            return Ok(None);
        };
        let of = |name: &str| table.iter().next().map(|row| row.text(name).to_owned());
        let made_of = of("numerator").zip(of("denominator"));
        Ok(made_of.map(|(numerator, denominator)| (Kpis::of(table), numerator, denominator)))
    }

    /// Whether the run has the contract.
    fn known(&self) -> Result<(), Stopped> {
        let terms = self.published.manifest.get("terms");
        let ids: Vec<&str> = terms
            .and_then(|t| t.as_object())
            .map(|t| t.keys().map(String::as_str).collect())
            .unwrap_or_default();
        if ids.is_empty() || ids.contains(&self.contract) {
            return Ok(());
        }
        Err(Stopped::Said(
            2,
            format!(
                "the run has no contract `{}`; {}",
                self.contract,
                crate::terms::suggestion(self.contract, &ids)
            ),
        ))
    }

    /// Whether the measure has a row for the period; if not, for which it has one.
    fn valued(&self, id: &str) -> Result<(), Stopped> {
        let part = Part {
            columns: Some(&["period"]),
            texts: &[self.own(), ("kpi", id), ("scope", "contract")],
        };
        let table = self.published.filtered("kpi", part, |_| true)?;
        let table = table.unwrap_or_default();
        let periods: Vec<&str> = table.iter().map(|r| r.text("period")).collect();
        if periods.iter().any(|p| same(p, self.period)) {
            return Ok(());
        }
        let longer: Vec<&str> = periods
            .iter()
            .copied()
            .filter(|p| months(p).is_none_or(|(from, to)| to > from + 1))
            .collect();
        let single: Vec<&&str> = periods.iter().filter(|p| !longer.contains(*p)).collect();
        let shown = match (single.first(), single.last(), longer.join(", ")) {
            (None, _, longer) if longer.is_empty() => {
                "no period: it is formed for suppliers only, see the table kpi".to_owned()
            }
            (Some(first), Some(last), longer) => format!("{first} to {last} by month, {longer}"),
            (_, _, longer) => longer,
        };
        Err(Stopped::Said(
            2,
            format!(
                "`{id}` of {} has no value for `{}`; it has one for {shown}",
                self.contract, self.period
            ),
        ))
    }

    /// A measure: its value, what it is, and what it rests on.
    fn measure(&self, text: &mut String, id: &str, rows: bool) -> Result<(), Stopped> {
        let Some(entry) = catalogue::describing(id) else {
            return Ok(());
        };
        let _ = writeln!(text, "\n{} ({id}), {}", entry.title, self.period);
        let _ = writeln!(text, "  {}", entry.formula);
        let found = self.kpi(id)?;
        let found = found.as_ref().and_then(|(kpis, numerator, denominator)| {
            Some((kpis.row(0).map(KpiRow::kpi)?, numerator, denominator))
        });
        match found {
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
        if entry.inputs.is_empty() {
            self.scores(text)?;
        }
        let of = |table: &str| entry.inputs.iter().any(|i| i.starts_with(table));
        if of("billing.") {
            self.invoices(text, rows)?;
        }
        if of("incidents.") {
            self.tickets(text)?;
        }
        self.stored(text, entry, rows)
    }

    /// What the store holds of what the measure reads: tickets, and rows of small tables.
    fn stored(&self, text: &mut String, entry: &Kpi, rows: bool) -> Result<(), Stopped> {
        let tickets = entry.inputs.iter().any(|i| i.starts_with("incidents."));
        let others = entry.inputs.iter().any(|i| {
            ["incidents.", "billing.", "notices.", "sla_clocks."]
                .iter()
                .all(|t| !i.starts_with(t))
        });
        if !rows {
            if !entry.inputs.is_empty() {
                let _ = writeln!(text, "    (--rows lists them)");
            }
            return Ok(());
        }
        if !tickets && !others {
            return Ok(());
        }
        let store = self
            .project
            .as_ref()
            .filter(|p| explain_rows::stored(&p.store_folder()));
        let Some(project) = store else {
            return Err(Stopped::Said(
                2,
                "--rows lists from the project's store: name the project folder, after a run"
                    .to_owned(),
            ));
        };
        if tickets {
            explain_rows::tickets(text, project, self.contract, self.period, entry)
                .map_err(|e| Stopped::Said(2, e))?;
        }
        if others {
            let zone = zone(project, self.contract)?;
            let place = (self.contract, self.period);
            explain_rows::small(text, project, place, entry, &zone, true)?;
        }
        Ok(())
    }

    /// The measures that a composite is made of, with their scores.
    fn scores(&self, text: &mut String) -> Result<(), ReadingError> {
        let of = [self.own(), ("scope", "contract")];
        let part = Part {
            texts: &of,
            ..Part::default()
        };
        let table = self.published.filtered("kpi", part, |r| {
            !r.text("target").is_empty() && same(r.text("period"), self.period)
        })?;
        for row in table.iter().flat_map(ReadTable::iter) {
            let _ = writeln!(
                text,
                "    {:<24} {:>12}  target {:>8}  score {}",
                row.text("kpi"),
                match row.text("value") {
                    "" => row.text("status"),
                    value => value,
                },
                row.text("target"),
                match row.text("score") {
                    "" => "—",
                    score => score,
                }
            );
        }
        Ok(())
    }

    /// Invoice lines of the period, counted and not.
    fn invoices(&self, text: &mut String, rows: bool) -> Result<(), Stopped> {
        let wanted = months(self.period);
        let of = [self.own()];
        let part = Part {
            texts: &of,
            ..Part::default()
        };
        let table = self.published.filtered("billing_facts", part, |r| {
            wanted
                .zip(months(r.text("month")))
                .is_some_and(|(span, month)| month.0 < span.1 && reaches(r, month.0) > span.0)
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
            let earlier = wanted
                .zip(months(row.text("month")))
                .is_some_and(|(span, month)| month.0 < span.0);
            let reason = match (earlier, row.text("reason")) {
                (true, reason) => format!("started earlier: {reason}"),
                (false, reason) => reason.to_owned(),
            };
            let key = (reason, row.text("currency").to_owned());
            let entry = sums.entry(key).or_insert((Decimal::ZERO, 0));
            *entry = (plus(entry.0, row.number("amount")), entry.1 + 1);
        }
        let _ = writeln!(
            text,
            "  invoice lines that bill {}, with their whole amounts (those over several months count by days):",
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
        }
        Ok(())
    }

    /// How many incidents were opened in the period, by service and priority.
    fn tickets(&self, text: &mut String) -> Result<(), Stopped> {
        let part = Part {
            columns: Some(&["service_id", "priority", "month", "incidents", "children"]),
            texts: &[self.own()],
        };
        let counted = self
            .published
            .filtered("cells", part, |r| within(r.text("month"), self.period))?;
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
        for ((service, priority), (n, children)) in sums.iter().filter(|(_, s)| !s.0.is_zero()) {
            let also = if children.is_zero() {
                String::new()
            } else {
                format!(", {children} of them children of another")
            };
            let _ = writeln!(text, "    {n:>6} {service} {priority}{also}");
        }
        Ok(())
    }
}

/// The month after the last that an invoice line bills.
fn reaches(row: &Row<'_>, start: i32) -> i32 {
    let months = row.text("months").parse::<i32>().unwrap_or(1);
    start.saturating_add(months.max(1))
}

fn within(month: &str, period: &str) -> bool {
    months(month)
        .zip(months(period))
        .is_some_and(|(m, p)| m.0 >= p.0 && m.1 <= p.1)
}

fn zone(project: &Project, contract: &str) -> Result<Zone, Stopped> {
    let checked = pipeline::check(project).map_err(|e| Stopped::Said(2, e.to_string()))?;
    checked
        .into_iter()
        .find(|(c, _)| c.entry.id == contract)
        .map(|(_, plan)| plan.zone)
        .ok_or_else(|| Stopped::Said(2, format!("the project has no contract `{contract}`")))
}
