//! A published output read back: its manifest and its tables as texts, by the names of tables and
//! columns. Responsible for what is in the folder; not for what it means. Tables and columns that
//! a version does not write are simply absent.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{Array as _, ArrayRef, AsArray as _};
use arrow::datatypes::{DataType, TimestampMicrosecondType};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use miette::Diagnostic;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use super::manifest::MANIFEST;
use crate::money::Decimal;

/// A published output that cannot be read.
#[derive(Debug, thiserror::Error, Diagnostic)]
#[error("{}: {cause}", path.display())]
#[diagnostic(help(
    "name the folder that `gainshare run` wrote (the one with {MANIFEST}), or its project folder"
))]
pub struct ReadingError {
    /// The folder or file.
    pub path: PathBuf,
    /// What is wrong with it.
    pub cause: String,
}

/// One column of a table that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadColumn {
    /// Name.
    pub name: String,
    /// Unit as published, `""` for none.
    pub unit: String,
    /// Description as published.
    pub description: String,
    /// Whether its values are numbers.
    pub numeric: bool,
}

/// A table that was read. Decimals have no trailing zeros; what is absent is the empty text.
#[derive(Debug, Clone, Default)]
pub struct ReadTable {
    /// Columns.
    pub columns: Vec<ReadColumn>,
    /// Description as published.
    pub description: String,
    /// Rows in published order.
    pub rows: Vec<Vec<String>>,
}

/// One row with the names of its columns.
#[derive(Debug, Clone, Copy)]
pub struct Row<'a> {
    columns: &'a [ReadColumn],
    cells: &'a [String],
}

impl<'a> Row<'a> {
    /// The text of a column; empty when the row or the table has none.
    pub fn text(&self, name: &str) -> &'a str {
        self.columns
            .iter()
            .position(|c| c.name == name)
            .and_then(|i| self.cells.get(i))
            .map_or("", String::as_str)
    }

    /// The number in a column.
    pub fn number(&self, name: &str) -> Option<Decimal> {
        decimal(self.text(name))
    }
}

/// A number as a table holds it; also what a float prints as, such as `1e-5`.
pub fn decimal(text: &str) -> Option<Decimal> {
    if text.is_empty() {
        return None;
    }
    text.parse().ok().or_else(|| {
        let value: f64 = text.parse().ok()?;
        Decimal::from_f64_rounded(value, 9).ok()
    })
}

impl ReadTable {
    /// Its rows by column names.
    pub fn iter(&self) -> impl Iterator<Item = Row<'_>> {
        self.rows.iter().map(|cells| Row {
            columns: &self.columns,
            cells,
        })
    }

    /// Whether it has a column.
    pub fn has(&self, name: &str) -> bool {
        self.columns.iter().any(|c| c.name == name)
    }
}

/// A published output.
#[derive(Debug, Clone)]
pub struct Published {
    folder: PathBuf,
    /// The manifest as written.
    pub manifest: serde_json::Value,
}

impl Published {
    /// Opens an output folder, or the output of a project folder with the usual name.
    ///
    /// # Errors
    /// When there is no readable manifest.
    pub fn open(folder: &Path) -> Result<Published, ReadingError> {
        let folder =
            if !folder.join(MANIFEST).is_file() && folder.join("out/_manifest.json").is_file() {
                folder.join("out")
            } else {
                folder.to_owned()
            };
        let path = folder.join(MANIFEST);
        let failed = |cause: String| ReadingError {
            path: path.clone(),
            cause,
        };
        let text = std::fs::read_to_string(&path)
            .map_err(|e| failed(format!("the manifest cannot be read: {e}")))?;
        let manifest = serde_json::from_str(&text)
            .map_err(|e| failed(format!("the manifest is not whole: {e}")))?;
        Ok(Published { folder, manifest })
    }

    /// An output that is still being written: its manifest is not in the folder yet.
    pub fn staged(folder: &Path, manifest: serde_json::Value) -> Published {
        Published {
            folder: folder.to_owned(),
            manifest,
        }
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// A text of the manifest, empty when there is none.
    pub fn said(&self, key: &str) -> &str {
        self.manifest
            .get(key)
            .and_then(serde_json::Value::as_str)
            .unwrap_or_default()
    }

    /// A table whole, or nothing when this output has none of that name.
    ///
    /// # Errors
    /// When its file cannot be read.
    pub fn table(&self, name: &str) -> Result<Option<ReadTable>, ReadingError> {
        self.filtered(name, None, |_| true)
    }

    /// The rows of a table that `keep` wants; `only` names the columns that are read.
    ///
    /// # Errors
    /// When its file cannot be read.
    pub fn filtered(
        &self,
        name: &str,
        only: Option<&[&str]>,
        keep: impl Fn(&Row<'_>) -> bool,
    ) -> Result<Option<ReadTable>, ReadingError> {
        let path = self.folder.join(format!("{name}.parquet"));
        if path.is_file() {
            return read(&path, only, keep).map(Some);
        }
        // A table with a file per month: its files as the manifest names them.
        let outputs = self.manifest.get("outputs").and_then(|o| o.as_array());
        let mut whole: Option<ReadTable> = None;
        for file in outputs.into_iter().flatten() {
            let file = file
                .get("file")
                .and_then(|f| f.as_str())
                .unwrap_or_default();
            if file
                .strip_prefix(name)
                .is_some_and(|rest| rest.starts_with('/'))
            {
                let mut part = read(&self.folder.join(file), only, &keep)?;
                match &mut whole {
                    None => whole = Some(part),
                    Some(whole) => whole.rows.append(&mut part.rows),
                }
            }
        }
        Ok(whole)
    }
}

/// The rows of a flat Parquet file that `keep` wants, as texts.
///
/// # Errors
/// When the file cannot be read.
pub fn read(
    path: &Path,
    only: Option<&[&str]>,
    keep: impl Fn(&Row<'_>) -> bool,
) -> Result<ReadTable, ReadingError> {
    let failed = |cause: String| ReadingError {
        path: path.to_owned(),
        cause,
    };
    let file = File::open(path).map_err(|e| failed(e.to_string()))?;
    let mut builder =
        ParquetRecordBatchReaderBuilder::try_new(file).map_err(|e| failed(e.to_string()))?;
    let mut table = ReadTable {
        description: builder
            .schema()
            .metadata()
            .get("gainshare.description")
            .cloned()
            .unwrap_or_default(),
        ..ReadTable::default()
    };
    if let Some(only) = only {
        let mask = ProjectionMask::columns(builder.parquet_schema(), only.iter().copied());
        builder = builder.with_projection(mask);
    }
    let options = FormatOptions::default().with_null("");
    for batch in builder.build().map_err(|e| failed(e.to_string()))? {
        let batch = batch.map_err(|e| failed(e.to_string()))?;
        if table.columns.is_empty() {
            table.columns = columns(&batch.schema());
        }
        let columns: Vec<ArrayRef> = batch.columns().iter().map(by_offset).collect();
        let formatters = columns
            .iter()
            .map(|column| ArrayFormatter::try_new(column.as_ref(), &options))
            .collect::<Result<Vec<_>, _>>()
            .map_err(|e| failed(e.to_string()))?;
        for index in 0..batch.num_rows() {
            let cells: Vec<String> = formatters
                .iter()
                .zip(&columns)
                .map(|(formatter, array)| {
                    let text = formatter.value(index).to_string();
                    match array.data_type() {
                        DataType::Decimal128(..) => trimmed(text),
                        _ => text,
                    }
                })
                .collect();
            let row = Row {
                columns: &table.columns,
                cells: &cells,
            };
            if keep(&row) {
                table.rows.push(cells);
            }
        }
    }
    Ok(table)
}

/// Moments in UTC by their offset: arrow shows zones by name only with a zone database of its own.
fn by_offset(column: &ArrayRef) -> ArrayRef {
    match column.as_primitive_opt::<TimestampMicrosecondType>() {
        Some(moments) if moments.timezone() == Some("UTC") => {
            Arc::new(moments.clone().with_timezone("+00:00"))
        }
        _ => Arc::clone(column),
    }
}

fn columns(schema: &arrow::datatypes::Schema) -> Vec<ReadColumn> {
    let told = |field: &arrow::datatypes::Field, key: &str| {
        field.metadata().get(key).cloned().unwrap_or_default()
    };
    schema
        .fields()
        .iter()
        .map(|field| ReadColumn {
            name: field.name().clone(),
            unit: told(field, "unit"),
            description: told(field, "description"),
            numeric: field.data_type().is_numeric(),
        })
        .collect()
}

/// A decimal without trailing zeros.
fn trimmed(text: String) -> String {
    if !text.contains('.') {
        return text;
    }
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}
