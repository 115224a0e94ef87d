//! `gainshare kpis`: prints the KPI catalogue. Responsible for its flags and the table on the
//! console; not for the catalogue (see [`crate::score`]).

use std::io::Write;

use clap::{Args, ValueEnum};

use crate::score::catalogue::{self, Kpi, Unit};
use crate::score::{csv, json, markdown};

/// How to print.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// For people.
    Table,
    /// An array of objects.
    Json,
    /// A header and a row per KPI.
    Csv,
    /// The documentation page; always the whole catalogue.
    Markdown,
}

/// Flags of `gainshare kpis`.
#[derive(Debug, Args)]
#[command(after_help = "Example: gainshare kpis incidents_avoided")]
pub(super) struct KpisArgs {
    /// Everything about one KPI; without it the list of all.
    pub(super) kpi: Option<String>,
    /// How to print.
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub(super) format: Format,
}

/// Prints the catalogue or one entry.
///
/// # Errors
/// When there is no such KPI, or stdout cannot be written.
pub(super) fn run(args: &KpisArgs) -> Result<(), Box<dyn std::error::Error>> {
    let entries: Vec<&Kpi> = match &args.kpi {
        None => catalogue::all().collect(),
        Some(id) => vec![catalogue::find(id).ok_or_else(|| {
            let ids: Vec<&str> = catalogue::all().map(|k| k.id).collect();
            match crate::config::document::nearest(id, ids.iter().copied()) {
                Some(near) => format!("there is no KPI `{id}`; did you mean `{near}`?"),
                None => format!("there is no KPI `{id}`; `gainshare kpis` lists them"),
            }
        })?],
    };
    let text = match args.format {
        Format::Markdown => markdown().into_bytes(),
        Format::Json => format!("{:#}\n", json(&entries)).into_bytes(),
        Format::Csv => csv(&entries)?,
        Format::Table if args.kpi.is_some() => entries
            .iter()
            .map(|e| sheet(e))
            .collect::<String>()
            .into_bytes(),
        Format::Table => table(&entries).into_bytes(),
    };
    match std::io::stdout().lock().write_all(&text) {
        // Whoever reads has read enough.
        Err(e) if e.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        done => Ok(done?),
    }
}

fn unit(entry: &Kpi) -> &'static str {
    match entry.unit {
        Unit::Word(word) => word,
        Unit::Money => "currency of the contract",
    }
}

fn table(entries: &[&Kpi]) -> String {
    let wide = entries.iter().map(|e| e.id.len()).max().unwrap_or(0);
    entries
        .iter()
        .map(|e| {
            format!(
                "{:wide$}  {} [{}; {}]\n",
                e.id,
                e.title,
                unit(e),
                e.direction.words()
            )
        })
        .collect()
}

fn sheet(entry: &Kpi) -> String {
    [
        ("", entry.title.to_owned()),
        ("formula", entry.formula.to_owned()),
        (
            "unit",
            format!("{}; {}", unit(entry), entry.direction.words()),
        ),
        ("inputs", entry.inputs.join(", ")),
        ("scopes", entry.level_names().join(", ")),
        ("parts", entry.parts.to_owned()),
        ("rule", entry.rule.to_owned()),
        ("source", entry.source.to_owned()),
        ("example", entry.example.to_owned()),
    ]
    .iter()
    .map(|(name, text)| {
        let name = if name.is_empty() { entry.id } else { name };
        format!("{name}: {text}\n")
    })
    .collect()
}
