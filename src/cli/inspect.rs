//! `gainshare inspect`: what a file is and which mapping fits. Responsible for how it is shown;
//! not for finding it out (see [`crate::ingest::inspect`]).

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use crate::config::mapping::{Encoding, FileFormat};
use crate::ingest::inspect::{self, Inspection, Look};
use crate::time::Zone;

/// Show which mapping fits a file, what its columns become, and what stays unmapped.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: gainshare inspect export.csv --zone Europe/Amsterdam --mapping")]
pub(super) struct Arguments {
    /// Export file: delimited text, Excel workbook, JSON, XML (also gzip or zstd) or Parquet.
    file: PathBuf,
    /// IANA zone to read local times in.
    #[arg(long, value_name = "ZONE")]
    zone: Option<String>,
    /// Encoding of text that is not UTF-8: utf-16le, utf-16be or windows-1252.
    #[arg(long, value_name = "NAME", value_parser = encoding)]
    encoding: Option<Encoding>,
    /// Line of the header, where other lines stand above it.
    #[arg(long, value_name = "LINE", value_parser = clap::value_parser!(u64).range(1..))]
    header_line: Option<u64>,
    /// Sheet of a workbook.
    #[arg(long, value_name = "NAME")]
    sheet: Option<String>,
    /// Write a starting mapping (TOML) to stdout.
    #[arg(long)]
    mapping: bool,
}

/// An encoding by its name in a mapping.
fn encoding(name: &str) -> Result<Encoding, String> {
    let value = serde_json::Value::String(name.to_lowercase());
    serde_json::from_value(value)
        .map_err(|_| "known are utf-8, utf-16le, utf-16be and windows-1252".to_owned())
}

/// Runs the command.
pub(super) fn run(arguments: &Arguments) -> miette::Result<ExitCode> {
    if let Some(Err(error)) = arguments.zone.as_deref().map(Zone::new) {
        super::say(format_args!("error: --zone: {error}"));
        return Ok(ExitCode::from(2));
    }
    let look = Look {
        zone: arguments.zone.clone(),
        encoding: arguments.encoding,
        header_line: arguments.header_line,
        sheet: arguments.sheet.clone(),
    };
    let found = match inspect::inspect(&arguments.file, &look) {
        Ok(found) => found,
        Err(error) => {
            super::say(format_args!("{:?}", miette::Report::from(error)));
            return Ok(ExitCode::from(3));
        }
    };
    if arguments.mapping {
        return mapping(&found, arguments);
    }
    super::console::table(&show(&found, arguments))?;
    Ok(ExitCode::SUCCESS)
}

fn show(found: &Inspection, arguments: &Arguments) -> String {
    let mut out = String::new();
    let mut dialect = match (found.format, found.delimiter) {
        (FileFormat::Xlsx, _) => "Excel workbook".to_owned(),
        (FileFormat::Json, _) => "JSON".to_owned(),
        (FileFormat::Xml, _) => "XML".to_owned(),
        (FileFormat::Parquet, _) | (FileFormat::Text, None) => "Parquet".to_owned(),
        (FileFormat::Text, Some(b'\t')) => "delimited by tabs".to_owned(),
        (FileFormat::Text, Some(d)) => format!("delimited by `{}`", char::from(d)),
    };
    if let Some(encoding) = found.encoding {
        let _ = write!(dialect, ", {}", inspect::encoding_name(encoding));
    }
    if let Some(taken) = &found.taken {
        let _ = write!(dialect, ", of which `{taken}` was looked at");
    }
    let _ = writeln!(
        out,
        "{}: {dialect}, {} columns, {} rows sampled",
        arguments.file.display(),
        found.header.len(),
        found.rows
    );
    match found.fits.first().filter(|f| f.missing.is_empty()) {
        Some(best) => {
            let _ = writeln!(
                out,
                "mapping: {} -> table `{}` ({} of {} columns found)",
                best.mapping.name, best.mapping.table, best.found, best.wanted
            );
            let others: Vec<&str> = found
                .fits
                .iter()
                .skip(1)
                .map(|f| f.mapping.name.as_str())
                .collect();
            if !others.is_empty() {
                let _ = writeln!(out, "also fits: {}", others.join(", "));
            }
            if let Some(near) = &found.nearer {
                let _ = writeln!(
                    out,
                    "knows more of the columns: {} -> `{}` ({} of {} columns found); missing: {}",
                    near.mapping.name,
                    near.mapping.table,
                    near.found,
                    near.wanted,
                    near.missing.join(", ")
                );
            }
        }
        None if found.fits.is_empty() => {
            let _ = writeln!(
                out,
                "mapping: none fits: no mapping knows any of its columns"
            );
        }
        None => {
            let _ = writeln!(out, "mapping: none fits whole; the nearest:");
            for fit in &found.fits {
                let _ = writeln!(
                    out,
                    "  {} -> `{}`: {} of {} columns found; missing: {}",
                    fit.mapping.name,
                    fit.mapping.table,
                    fit.found,
                    fit.wanted,
                    fit.missing.join(", ")
                );
            }
        }
    }
    let width = found
        .columns
        .iter()
        .map(|c| c.source.chars().count())
        .max()
        .unwrap_or(6)
        .min(40);
    let _ = writeln!(
        out,
        "\n{:<width$}  {:<20} {:>6} {:>7}  samples",
        "column", "becomes", "empty", "unread"
    );
    for column in &found.columns {
        let _ = writeln!(
            out,
            "{:<width$}  {:<20} {:>6} {:>7}  {}",
            column.source,
            column.becomes.as_deref().unwrap_or("(unmapped)"),
            column.empty,
            column.unread,
            column.samples.join(" | ")
        );
    }
    for (column, n) in &found.ambiguous {
        let _ = writeln!(
            out,
            "ambiguous dates: all {n} in {column} read with day and month swapped as well"
        );
    }
    for (code, n) in &found.rejected {
        let _ = writeln!(
            out,
            "{n} of the sampled rows would be rejected: {code}: {}",
            crate::ingest::why(code)
        );
    }
    out
}

fn mapping(found: &Inspection, arguments: &Arguments) -> miette::Result<ExitCode> {
    let Some(best) = found.fits.first() else {
        super::say(format_args!(
            "no mapping comes near: see docs/mappings.md and write one"
        ));
        return Ok(ExitCode::from(1));
    };
    let mut start = best.mapping.clone();
    start.delimiter = found.delimiter.map(|d| char::from(d).to_string());
    start.encoding = found.encoding.filter(|_| arguments.encoding.is_some());
    start.header_line = arguments.header_line.unwrap_or(start.header_line);
    if found.format == FileFormat::Xlsx {
        start.sheet = arguments.sheet.clone().or_else(|| found.taken.clone());
    }
    if arguments.zone.is_some() {
        start.zone.clone_from(&arguments.zone);
    }
    start.columns.retain(|_, c| {
        c.value.is_some() || c.row_hash || c.from.iter().any(|f| found.header.contains(f))
    });
    let mut out = String::new();
    let text = toml::to_string(&start).map_err(|e| miette::miette!("{e}"))?;
    let _ = writeln!(
        out,
        "# A starting mapping for {}: check every line.",
        arguments.file.display()
    );
    for column in found.columns.iter().filter(|c| c.becomes.is_none()) {
        let _ = writeln!(
            out,
            "# unmapped: {:?} ({})",
            column.source,
            column.samples.join(" | ")
        );
    }
    for missing in &best.missing {
        let _ = writeln!(out, "# required and not found: {missing:?}");
    }
    out.push_str(&text);
    super::data(out.as_bytes())?;
    Ok(ExitCode::SUCCESS)
}
