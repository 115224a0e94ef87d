//! Rows that were refused, in the store: `_rejects.parquet`, by table, file and line. Responsible for
//! writing them and reading them again some at a time; not for why they were refused (see
//! [`crate::ingest`]), nor for the output table (see [`crate::publish`]).

use std::path::Path;

use polars::prelude::{PolarsError, PolarsResult};

use super::columnar::{self, Batches};
use super::disk::{StoreError, Writing};
use super::encode::{Group, Stored};
use crate::ingest::record::Reject;
use crate::ingest::refused::Rejects;
use crate::ingest::texts::{Numbering, Texts};

/// Name of the file within the store.
pub const REJECTS: &str = "_rejects.parquet";

/// Rows that are written, and read, together.
const TOGETHER: usize = 1 << 17;

/// The columns, in their order.
const COLUMNS: [&str; 6] = ["table", "file", "line", "code", "column", "raw"];

fn group(rows: &[Reject]) -> PolarsResult<Group> {
    let mut group = Group {
        rows: rows.len(),
        columns: Vec::with_capacity(COLUMNS.len()),
    };
    let mut numbering = Numbering::default();
    for name in COLUMNS {
        if name == "line" {
            let lines = rows.iter().map(|row| i64::try_from(row.line).ok());
            group.columns.push(Stored::growing(name, lines));
            continue;
        }
        let mut texts = Texts::default();
        for row in rows {
            texts.push(match name {
                "table" => Some(&row.table),
                "file" => Some(&row.file),
                "code" => Some(&row.code),
                "column" => row.column.as_deref(),
                _ => Some(&row.raw),
            });
        }
        let texts = Stored::texts(name, &texts, 0..rows.len(), &mut numbering)?;
        group.columns.push(texts);
    }
    Ok(group)
}

/// Writes all of them into the store in `folder`.
///
/// # Errors
/// When the file cannot be written.
pub fn write(folder: &Path, rejects: &Rejects) -> Result<(), StoreError> {
    let path = folder.join(REJECTS);
    let failed = |e: PolarsError| StoreError::Io {
        path: path.clone(),
        cause: e.to_string(),
    };
    let none = group(&[]).map_err(failed)?;
    let mut writing = Writing::begin(&path, &none)?;
    let mut waiting: Vec<Reject> = Vec::new();
    rejects.each(|some| {
        waiting.extend(some);
        if waiting.len() >= TOGETHER {
            writing.add(group(&waiting).map_err(failed)?)?;
            waiting.clear();
        }
        Ok::<(), StoreError>(())
    })?;
    if !waiting.is_empty() {
        writing.add(group(&waiting).map_err(failed)?)?;
    }
    writing.end()?;
    Ok(())
}

/// Hands over those of the store in `folder`, some at a time; at least once, though there be none.
///
/// # Errors
/// When they cannot be read, and those of `take`.
pub fn read<E: From<StoreError>>(
    folder: &Path,
    mut take: impl FnMut(&[Reject]) -> Result<(), E>,
) -> Result<(), E> {
    let path = folder.join(REJECTS);
    let Some(mut batches) = Batches::open(&path, &COLUMNS)? else {
        let cause = "it is not there".to_owned();
        return Err(StoreError::Damaged { path, cause }.into());
    };
    let mut waiting = Vec::new();
    let mut taken = false;
    while let Some(rows) = batches.next_rows()? {
        let [table, file, code, column, raw] =
            ["table", "file", "code", "column", "raw"].map(|name| rows.text(name));
        let (table, file, code, column, raw) = (table?, file?, code?, column?, raw?);
        let line = rows.integer("line")?;
        for row in 0..rows.height() {
            let text = |texts: &columnar::Texts<'_>| texts.get(row).unwrap_or_default().to_owned();
            waiting.push(Reject {
                table: text(&table),
                file: text(&file),
                line: line
                    .get(row)
                    .and_then(|l| u64::try_from(l).ok())
                    .unwrap_or_default(),
                code: text(&code),
                column: column.get(row).map(str::to_owned),
                raw: text(&raw),
            });
            if waiting.len() == TOGETHER {
                take(&waiting)?;
                waiting.clear();
                taken = true;
            }
        }
    }
    if !taken || !waiting.is_empty() {
        take(&waiting)?;
    }
    Ok(())
}
