//! `gainshare diff RUN_A RUN_B`: which amounts changed between two outputs, by how much, and
//! because of what, closing to the cent. Not responsible for any amount: it subtracts published
//! ones.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use miette::{IntoDiagnostic as _, miette};

use crate::money::Decimal;
use crate::publish::reading::{Published, ReadingError};
use crate::publish::report::facts::{self, Calculation, Contract, Facts, Line, plus};

/// Show which amounts changed between two runs, and because of what.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: gainshare diff received/out data/complete/out")]
pub(super) struct Arguments {
    /// Output folder (or project folder) of the earlier run.
    before: PathBuf,
    /// Output folder (or project folder) of the later run.
    after: PathBuf,
    /// How the changes are written to stdout.
    #[arg(long, value_enum, default_value_t = super::settle::Format::Table)]
    format: super::settle::Format,
}

/// One amount that changed.
#[derive(Debug, serde::Serialize)]
struct Change {
    contract_id: String,
    supplier_id: String,
    period: String,
    clause_id: String,
    currency: String,
    before: Option<String>,
    after: Option<String>,
    change: String,
    cause: &'static str,
    detail: String,
    #[serde(skip)]
    by: Decimal,
}

type Key = (String, String, String, String, String, String);

/// Runs the command.
pub(super) fn run(arguments: &Arguments) -> miette::Result<ExitCode> {
    let read = |path: &PathBuf| -> Result<(Published, Facts), ReadingError> {
        let published = Published::open(path)?;
        let facts = facts::gather(&published)?;
        Ok((published, facts))
    };
    let (a, b) = match read(&arguments.before).and_then(|a| Ok((a, read(&arguments.after)?))) {
        Ok(both) => both,
        Err(error) => {
            super::say(format_args!("{:?}", miette::Report::from(error)));
            return Ok(ExitCode::from(3));
        }
    };
    let changes = changes(&a, &b)?;
    let mut text = Vec::new();
    match arguments.format {
        super::settle::Format::Json => {
            for change in &changes {
                serde_json::to_writer(&mut text, change).into_diagnostic()?;
                text.push(b'\n');
            }
        }
        super::settle::Format::Csv => {
            let mut writer = csv::Writer::from_writer(&mut text);
            for change in &changes {
                writer.serialize(change).into_diagnostic()?;
            }
            writer.flush().into_diagnostic()?;
        }
        super::settle::Format::Table => {
            super::console::table(&table(&a, &b, &changes)?)?;
            return Ok(ExitCode::SUCCESS);
        }
    }
    super::data(&text)?;
    Ok(ExitCode::SUCCESS)
}

/// Due amounts by what they are about; several of one kind add up.
fn due(facts: &Facts) -> BTreeMap<Key, (Decimal, bool, &Contract, &Calculation)> {
    let mut found = BTreeMap::new();
    for contract in &facts.contracts {
        for calculation in &contract.calculations {
            for line in calculation.due() {
                let key = (
                    contract.id.clone(),
                    line.supplier.clone(),
                    line.period.clone(),
                    line.clause.clone(),
                    line.step.clone(),
                    line.currency.clone(),
                );
                let counts = matches!(line.status.as_str(), "final" | "provisional");
                let entry =
                    found
                        .entry(key)
                        .or_insert((Decimal::ZERO, false, contract, calculation));
                if counts && line.amount.is_some() {
                    entry.0 = plus(entry.0, line.amount);
                    entry.1 = true;
                }
            }
        }
    }
    found
}

fn changes(
    (pa, a): &(Published, Facts),
    (pb, b): &(Published, Facts),
) -> miette::Result<Vec<Change>> {
    let (before, after) = (due(a), due(b));
    let mut keys: Vec<&Key> = before.keys().chain(after.keys()).collect();
    keys.sort();
    keys.dedup();
    let mut changes = Vec::new();
    for key in keys {
        let (old, new) = (before.get(key), after.get(key));
        let amount =
            |x: Option<&(Decimal, bool, &Contract, &Calculation)>| x.filter(|x| x.1).map(|x| x.0);
        let (from, to) = (amount(old), amount(new));
        if from == to {
            continue;
        }
        let by = to
            .unwrap_or(Decimal::ZERO)
            .checked_sub(from.unwrap_or(Decimal::ZERO))
            .map_err(|e| miette!("{}: {e}", key.0))?;
        let (cause, detail) = match (old, new) {
            (Some((_, _, ca, old)), Some((_, _, cb, new))) => cause(pa, pb, (ca, old), (cb, new)),
            (None, Some(_)) => ("new row", "not settled in the earlier run".to_owned()),
            _ => ("gone row", "not settled in the later run".to_owned()),
        };
        let (contract_id, supplier_id, period, clause_id, _, currency) = key.clone();
        let shown = |d: Option<Decimal>| d.map(|d| d.to_string());
        changes.push(Change {
            contract_id,
            supplier_id,
            period,
            clause_id,
            currency,
            before: shown(from.map(cents)),
            after: shown(to.map(cents)),
            change: cents(by).to_string(),
            cause,
            detail,
            by,
        });
    }
    Ok(changes)
}

/// At least two decimals.
fn cents(value: Decimal) -> Decimal {
    let short = value.normalized();
    if short.scale() < 2 {
        short.padded(2).unwrap_or(short)
    } else {
        short
    }
}

/// Names in a sentence that are measures of the contract.
fn named<'a>(contract: &Contract, lines: &'a [Line]) -> Vec<&'a str> {
    let mut names: Vec<&str> = lines
        .iter()
        .flat_map(|l| {
            l.explanation
                .split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))
        })
        .filter(|w| {
            let id = w.strip_suffix("_lower").unwrap_or(w);
            contract.kpis().any(|k| k.id() == *w || k.id() == id)
        })
        .collect();
    names.sort_unstable();
    names.dedup();
    names
}

/// The value that a name of the terms has in a period.
fn value(contract: &Contract, name: &str, period: &str) -> Option<Decimal> {
    match name.strip_suffix("_lower") {
        Some(id) => contract.kpi(id, period)?.low,
        None => contract.kpi(name, period)?.value,
    }
}

/// What differs in the calculation, and which difference of the runs that points to.
fn cause(
    pa: &Published,
    pb: &Published,
    (ca, a): (&Contract, &Calculation),
    (cb, b): (&Contract, &Calculation),
) -> (&'static str, String) {
    let shown = |d: Option<Decimal>| d.map_or("—".to_owned(), |d| d.normalized().to_string());
    let mut said = Vec::new();
    let period = a.last().map_or("", |l| l.period.as_str());
    let mut measures = false;
    for name in named(cb, &b.lines) {
        let (old, new) = (value(ca, name, period), value(cb, name, period));
        if old != new {
            measures = true;
            said.push(format!("{name} {} → {}", shown(old), shown(new)));
        }
    }
    let gross = |c: &Calculation| {
        c.lines
            .iter()
            .find(|l| l.kind == "gross")
            .and_then(|l| l.amount)
    };
    if !measures && gross(a) != gross(b) {
        measures = true;
        said.push(format!("basis {} → {}", shown(gross(a)), shown(gross(b))));
    }
    // Steps whose rate is written down, not measured: a difference there is the terms'.
    let written = |c: &Calculation| -> Vec<(String, Option<Decimal>)> {
        c.lines
            .iter()
            .filter(|l| !matches!(l.kind.as_str(), "gross" | "payable"))
            .filter(|l| !matches!(l.step.as_str(), "paid_before" | "round" | "carry"))
            .filter(|l| l.rate.is_some())
            .map(|l| {
                let measured = !named(cb, std::slice::from_ref(l)).is_empty();
                (l.step.clone(), l.rate.filter(|_| !measured))
            })
            .collect()
    };
    let (old, new) = (written(a), written(b));
    let mut terms = false;
    let limits = |c: &Calculation| -> Vec<String> {
        c.lines
            .iter()
            .filter(|l| matches!(l.step.as_str(), "minimum" | "cap" | "floor"))
            .filter_map(expression_of)
            .collect()
    };
    if limits(a) != limits(b) {
        terms = true;
        said.push("a limit is written otherwise".to_owned());
    }
    for (i, (step, rate)) in new.iter().enumerate() {
        let was = old.get(i);
        if was.is_none_or(|(s, r)| s != step || r != rate) {
            terms = true;
            let from = was.map_or("none".to_owned(), |(_, r)| shown(*r));
            said.push(format!("{step} {from} → {}", shown(*rate)));
        }
    }
    if old.len() > new.len() {
        terms = true;
        said.push("a step is gone".to_owned());
    }
    let before = |c: &Calculation| {
        c.lines
            .iter()
            .find(|l| l.step == "paid_before")
            .and_then(|l| l.rate)
    };
    if before(a) != before(b) {
        said.push(format!(
            "paid before {} → {}",
            shown(before(a)),
            shown(before(b))
        ));
    }
    let other = |key: &str| pa.said(key) != pb.said(key);
    let word = match (measures, terms) {
        (true, true) => "measures and terms",
        (false, true) => "terms or rates",
        (true, false) if other("inputs_hash") => "data",
        (true, false) if other("gainshare") => "version",
        (true, false) => "measuring terms",
        (false, false) if before(a) != before(b) => "earlier periods",
        (false, false) if other("gainshare") => "version",
        (false, false) => "statements before or disputes",
    };
    (word, said.join("; "))
}

/// The expression of a limit as its sentence quotes it, without figures that were measured.
fn expression_of(line: &Line) -> Option<String> {
    let (_, rest) = line.explanation.split_once(&format!("{} ", line.step))?;
    let end = rest.find([':', '=']).unwrap_or(rest.len());
    let text = rest.get(..end)?.split(" to ").next()?;
    Some(text.trim().to_owned())
}

fn table(
    (pa, a): &(Published, Facts),
    (pb, b): &(Published, Facts),
    changes: &[Change],
) -> miette::Result<String> {
    let mut text = String::new();
    for line in differences(pa, pb) {
        let _ = writeln!(text, "{line}");
    }
    if changes.is_empty() {
        let _ = writeln!(text, "no amount changed");
    }
    let width = |get: fn(&Change) -> &str, least: usize| {
        changes
            .iter()
            .map(|c| get(c).chars().count())
            .max()
            .unwrap_or(0)
            .max(least)
            .min(28)
    };
    let (wc, wp, wl) = (
        width(|c| &c.contract_id, 8),
        width(|c| &c.period, 6),
        width(|c| &c.clause_id, 6),
    );
    for change in changes {
        let old = change.before.as_deref().unwrap_or("—");
        let new = change.after.as_deref().unwrap_or("—");
        let _ = writeln!(
            text,
            "{:<wc$} {:<wp$} {:<wl$} {old:>14} → {new:>14} {:>14} {}  {}: {}",
            change.contract_id,
            change.period,
            change.clause_id,
            change.change,
            change.currency,
            change.cause,
            change.detail
        );
    }
    let mut causes: BTreeMap<(&str, &str), Decimal> = BTreeMap::new();
    for change in changes {
        let entry = causes
            .entry((&change.currency, change.cause))
            .or_insert(Decimal::ZERO);
        *entry = plus(*entry, Some(change.by));
    }
    for ((currency, cause), sum) in &causes {
        let _ = writeln!(text, "because of {cause}: {} {currency}", cents(*sum));
    }
    let total = |facts: &Facts| -> BTreeMap<String, Decimal> {
        let mut sums = BTreeMap::new();
        for (key, (amount, ..)) in due(facts) {
            let entry = sums.entry(key.5).or_insert(Decimal::ZERO);
            *entry = plus(*entry, Some(amount));
        }
        sums
    };
    let (old, mut new) = (total(a), total(b));
    for currency in old.keys() {
        new.entry(currency.clone()).or_insert(Decimal::ZERO);
    }
    for (currency, after) in new {
        let before = old.get(&currency).copied().unwrap_or(Decimal::ZERO);
        let by = changes
            .iter()
            .filter(|c| c.currency == currency)
            .fold(Decimal::ZERO, |sum, c| plus(sum, Some(c.by)));
        if before.checked_add(by).ok() != Some(after) {
            return Err(miette!(
                "the changes do not close: {before} + {by} is not {after} {currency}"
            ));
        }
        let _ = writeln!(
            text,
            "together: {} + {} = {} {currency}",
            cents(before),
            cents(by),
            cents(after)
        );
    }
    Ok(text)
}

/// What the manifests say is not the same.
fn differences(a: &Published, b: &Published) -> Vec<String> {
    let mut lines = Vec::new();
    for (key, label) in [
        ("gainshare", "version"),
        ("zone_database", "zone rules"),
        ("as_of", "as of"),
    ] {
        if a.said(key) != b.said(key) {
            lines.push(format!("{label}: {} → {}", a.said(key), b.said(key)));
        }
    }
    let terms = |p: &Published| -> BTreeMap<String, String> {
        let object = p.manifest.get("terms").and_then(|t| t.as_object());
        object
            .into_iter()
            .flatten()
            .map(|(k, v)| (k.clone(), v.to_string()))
            .collect()
    };
    let files = |p: &Published| -> BTreeMap<String, String> {
        let list = p.manifest.get("inputs").and_then(|i| i.as_array());
        let text = |f: &serde_json::Value, key: &str| {
            f.get(key)
                .and_then(|v| v.as_str())
                .unwrap_or_default()
                .to_owned()
        };
        list.into_iter()
            .flatten()
            .map(|f| (text(f, "file"), text(f, "blake3")))
            .collect()
    };
    for (what, old, new) in [
        ("terms of", terms(a), terms(b)),
        ("input", files(a), files(b)),
    ] {
        for (name, hash) in &new {
            match old.get(name) {
                None => lines.push(format!("{what} {name}: new")),
                Some(was) if was != hash => lines.push(format!("{what} {name}: changed")),
                Some(_) => {}
            }
        }
        for name in old.keys().filter(|n| !new.contains_key(*n)) {
            lines.push(format!("{what} {name}: gone"));
        }
    }
    if lines.is_empty() && a.said("configuration_hash") != b.said("configuration_hash") {
        lines.push("the project file, a mapping or a parameter: changed".to_owned());
    }
    if lines.is_empty() {
        lines.push("same version, terms and inputs".to_owned());
    }
    lines
}
