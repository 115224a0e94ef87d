//! The catalogue as text: the documentation page, JSON and CSV. Formats only.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::catalogue::{self, Across, Kpi, Periods, Unit};
use super::value::Level;

fn unit(entry: &Kpi) -> &'static str {
    match entry.unit {
        Unit::Word(word) => word,
        Unit::Money => "currency of the contract",
    }
}

fn levels(entry: &Kpi) -> String {
    entry.level_names().join(", ")
}

fn periods(entry: &Kpi) -> &'static str {
    match entry.periods {
        Periods::All => "baseline and performance",
        Periods::Performance => "performance",
    }
}

/// The scopes that it has no value on, with the reasons, as items of a list.
fn missing(entry: &Kpi) -> String {
    let mut text = String::new();
    let within: Vec<&str> = [Level::Contract, Level::Service, Level::Priority]
        .iter()
        .filter(|level| !entry.levels.of.contains(level))
        .map(|level| level.name())
        .collect();
    if !within.is_empty() {
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "- Not of a {}: {}.",
            within.join(" or "),
            entry.levels.why
        );
    }
    if let Across::Never(why) = entry.across {
        let _ = writeln!(text, "- Not of a supplier: {why}.");
    }
    text
}

/// The page `docs/kpis.md`.
#[must_use]
pub fn markdown() -> String {
    let mut text = String::from(
        "# KPIs\n\n<!-- Written by `gainshare kpis --format markdown`; edit src/score/kpi/ \
         instead. -->\n\nA KPI whose inputs were not delivered is *not measurable*, with the \
         reason, never zero. Ratios over longer periods and wider scopes are recomputed from \
         summed numerators and denominators, never averaged.\n\n| KPI | title | unit | better \
         |\n|---|---|---|---|\n",
    );
    for entry in catalogue::all() {
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "| [`{id}`](#{id}) | {} | {} | {} |",
            entry.title,
            unit(entry),
            entry.direction.name(),
            id = entry.id,
        );
    }
    for entry in catalogue::all() {
        let mut inputs: Vec<String> = entry.inputs.iter().map(|i| format!("`{i}`")).collect();
        if inputs.is_empty() {
            inputs.push("none of its own".to_owned());
        }
        let _ = write!(
            text,
            "\n## {}\n\n{}: {}.\n\n- Unit: {}; {}.\n- Inputs: {}.\n- Scopes: {}. Periods: {}.\n{}- \
             Merges as: {}.\n- Least observations: {}.\n- Rule: {}.\n- Source: {}.\n- Example: \
             {}.\n",
            entry.id,
            entry.title,
            entry.formula,
            unit(entry),
            entry.direction.words(),
            inputs.join(", "),
            levels(entry),
            periods(entry),
            missing(entry),
            entry.parts,
            entry.min_n,
            entry.rule,
            entry.source,
            entry.example,
        );
    }
    text
}

/// Entries as JSON objects.
#[must_use]
pub fn json(entries: &[&Kpi]) -> Value {
    entries
        .iter()
        .map(|entry| {
            json!({
                "id": entry.id,
                "title": entry.title,
                "formula": entry.formula,
                "unit": unit(entry),
                "direction": entry.direction.name(),
                "inputs": entry.inputs,
                "scopes": entry.level_names(),
                "periods": periods(entry),
                "parts": entry.parts,
                "min_n": entry.min_n,
                "rule": entry.rule,
                "source": entry.source,
                "example": entry.example,
            })
        })
        .collect()
}

/// Entries as CSV with a header.
///
/// # Errors
/// Never for text in memory; passed on from the writer.
pub fn csv(entries: &[&Kpi]) -> Result<Vec<u8>, csv::Error> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record([
        "id",
        "title",
        "formula",
        "unit",
        "direction",
        "inputs",
        "scopes",
        "periods",
        "parts",
        "min_n",
        "rule",
        "source",
        "example",
    ])?;
    for entry in entries {
        let (inputs, levels, min_n) = (
            entry.inputs.join(" "),
            levels(entry),
            entry.min_n.to_string(),
        );
        writer.write_record([
            entry.id,
            entry.title,
            entry.formula,
            unit(entry),
            entry.direction.name(),
            &inputs,
            &levels,
            periods(entry),
            entry.parts,
            &min_n,
            entry.rule,
            entry.source,
            entry.example,
        ])?;
    }
    writer.into_inner().map_err(|e| e.into_error().into())
}
