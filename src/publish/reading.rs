//! A published output read back: its manifest and its tables as texts, by the names of tables and
//! columns. Responsible for what is in the folder; not for what it means. Tables and columns that
//! a version does not write are simply absent.

use std::cell::OnceCell;
use std::fmt::Write as _;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{Array as _, ArrayRef, AsArray as _, BooleanArray};
use arrow::datatypes::{DataType, TimestampMicrosecondType};
use arrow::error::ArrowError;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use miette::Diagnostic;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowPredicate, ArrowPredicateFn, ArrowReaderMetadata, ArrowReaderOptions,
    ParquetRecordBatchReaderBuilder, RowFilter,
};
use rayon::prelude::*;

use super::manifest::MANIFEST;
use super::rows::{self, Rows};
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
    pub rows: Rows,
}

/// Which part of a table is read; all of it by default.
#[derive(Debug, Clone, Copy, Default)]
pub struct Part<'a> {
    /// The columns; `None` for all.
    pub columns: Option<&'a [&'a str]>,
    /// Texts that a row has in columns of its own. Where it has others, the rest of the row is not
    /// even decoded.
    pub texts: &'a [(&'a str, &'a str)],
}

/// One row with the names of its columns.
#[derive(Clone, Copy)]
pub struct Row<'a> {
    columns: &'a [ReadColumn],
    cells: Cells<'a>,
}

/// Where the cells of a row are.
#[derive(Clone, Copy)]
enum Cells<'a> {
    /// In a table that was read.
    Read(rows::Cells<'a>),
    /// In a batch of the file, where a column becomes texts when it is first asked for.
    Batch(&'a Batch<'a>, usize),
}

impl<'a> Row<'a> {
    /// The text of a column; empty when the row or the table has none.
    pub fn text(&self, name: &str) -> &'a str {
        let Some(column) = self.columns.iter().position(|c| c.name == name) else {
            return "";
        };
        match self.cells {
            Cells::Read(cells) => cells.get(column),
            Cells::Batch(batch, row) => batch.column(column).get(row).map(String::as_str),
        }
        .unwrap_or_default()
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
        self.rows.iter().map(|cells| self.row(cells))
    }

    /// One of its rows by column names.
    pub fn row<'a>(&'a self, cells: rows::Cells<'a>) -> Row<'a> {
        Row {
            columns: &self.columns,
            cells: Cells::Read(cells),
        }
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
        self.filtered(name, Part::default(), |_| true)
    }

    /// The columns of a table, or nothing when this output has none of that name.
    ///
    /// # Errors
    /// When its file cannot be read.
    pub fn columns(&self, name: &str) -> Result<Option<Vec<ReadColumn>>, ReadingError> {
        let path = self.folder.join(format!("{name}.parquet"));
        let Ok(file) = File::open(&path) else {
            return Ok(None);
        };
        match ParquetRecordBatchReaderBuilder::try_new(file) {
            Ok(builder) => Ok(Some(columns(builder.schema()))),
            Err(e) => Err(ReadingError {
                path,
                cause: e.to_string(),
            }),
        }
    }

    /// The rows of a part of a table that `keep` wants.
    ///
    /// # Errors
    /// When its file cannot be read.
    pub fn filtered(
        &self,
        name: &str,
        part: Part<'_>,
        keep: impl Fn(&Row<'_>) -> bool + Sync,
    ) -> Result<Option<ReadTable>, ReadingError> {
        let path = self.folder.join(format!("{name}.parquet"));
        if path.is_file() {
            return read(&path, part, keep).map(Some);
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
                let more = read(&self.folder.join(file), part, &keep)?;
                match &mut whole {
                    None => whole = Some(more),
                    Some(whole) => whole.rows.append(&more.rows),
                }
            }
        }
        Ok(whole)
    }
}

/// The rows of a part of a flat Parquet file that `keep` wants, as texts. Several row groups are
/// read side by side.
///
/// # Errors
/// When the file cannot be read.
pub fn read(
    path: &Path,
    part: Part<'_>,
    keep: impl Fn(&Row<'_>) -> bool + Sync,
) -> Result<ReadTable, ReadingError> {
    let failed = |cause: String| ReadingError {
        path: path.to_owned(),
        cause,
    };
    let opened = File::open(path).map_err(|e| failed(e.to_string()))?;
    let options = ArrowReaderOptions::default();
    let metadata =
        ArrowReaderMetadata::load(&opened, options).map_err(|e| failed(e.to_string()))?;
    let groups: Vec<usize> = (0..metadata.metadata().num_row_groups()).collect();
    // Each with a handle of its own: clones of a handle share their place in the file.
    let parts = groups
        .par_chunks(GROUPS_AT_ONCE)
        .map(|groups| {
            let file = File::open(path).map_err(|e| failed(e.to_string()))?;
            some_groups(file, &metadata, groups, part, &keep).map_err(|e| failed(e.to_string()))
        })
        .collect::<Result<Vec<_>, ReadingError>>()?;
    let schema = metadata.schema();
    let wanted = |c: &ReadColumn| {
        part.columns
            .is_none_or(|only| only.contains(&c.name.as_str()))
    };
    let columns: Vec<ReadColumn> = columns(schema).into_iter().filter(wanted).collect();
    let mut rows = Rows::new(columns.len());
    for part in parts {
        rows.append(&part);
    }
    Ok(ReadTable {
        columns,
        description: schema
            .metadata()
            .get("gainshare.description")
            .cloned()
            .unwrap_or_default(),
        rows,
    })
}

/// Row groups that one thread reads at a time.
const GROUPS_AT_ONCE: usize = 8;

fn some_groups(
    file: File,
    metadata: &ArrowReaderMetadata,
    groups: &[usize],
    part: Part<'_>,
    keep: &impl Fn(&Row<'_>) -> bool,
) -> Result<Rows, ArrowError> {
    let mut builder = ParquetRecordBatchReaderBuilder::new_with_metadata(file, metadata.clone())
        .with_row_groups(groups.to_vec());
    let schema = metadata.metadata().file_metadata().schema_descr();
    if let Some(only) = part.columns {
        builder = builder.with_projection(ProjectionMask::columns(schema, only.iter().copied()));
    }
    let with = |(name, text): &(&str, &str)| -> Box<dyn ArrowPredicate> {
        let text = (*text).to_owned();
        let mask = ProjectionMask::columns(schema, [*name]);
        Box::new(ArrowPredicateFn::new(mask, move |batch| {
            let all = BooleanArray::from(vec![true; batch.num_rows()]);
            let Some(column) = batch.columns().first() else {
                return Ok(all);
            };
            // As we write texts; other programs write them otherwise.
            if let Some(texts) = column.as_string_opt::<i32>() {
                let same = texts.iter().map(|t| Some(t.unwrap_or_default() == text));
                return Ok(BooleanArray::from_iter(same));
            }
            let shown = ArrayFormatter::try_new(column.as_ref(), &OPTIONS)?;
            let same = (0..batch.num_rows()).map(|row| shown.value(row).to_string() == text);
            Ok(BooleanArray::from(same.collect::<Vec<bool>>()))
        }))
    };
    let there = |(name, _): &&(&str, &str)| metadata.schema().field_with_name(name).is_ok();
    let predicates: Vec<_> = part.texts.iter().filter(there).map(with).collect();
    if !predicates.is_empty() {
        builder = builder.with_row_filter(RowFilter::new(predicates));
    }
    let mut rows = Rows::default();
    for batch in builder.build()? {
        let batch = batch?;
        let columns = columns(&batch.schema());
        let arrays: Vec<ArrayRef> = batch.columns().iter().map(by_offset).collect();
        let batch = Batch::new(&arrays, batch.num_rows())?;
        for index in 0..batch.rows {
            let row = Row {
                columns: &columns,
                cells: Cells::Batch(&batch, index),
            };
            if keep(&row) {
                batch.add(index, &mut rows);
            }
        }
    }
    Ok(rows)
}

/// How cells become texts: what is absent is the empty text.
const OPTIONS: FormatOptions<'static> = FormatOptions::new().with_null("");

/// A batch of a file. Most rows of large tables are passed over for what stands in one or two of
/// their columns, so that only these become texts whole.
struct Batch<'a> {
    rows: usize,
    columns: Vec<Formatted<'a>>,
}

/// A column of a batch.
struct Formatted<'a> {
    formatter: ArrayFormatter<'a>,
    decimal: bool,
    /// All of its texts, once one was asked for.
    texts: OnceCell<Vec<String>>,
}

impl Formatted<'_> {
    /// Adds the text of a cell.
    fn write(&self, row: usize, text: &mut String) {
        let start = text.len();
        // Into a text nothing fails to be written; a value that cannot be shown says so itself.
        if write!(text, "{}", self.formatter.value(row)).is_err() {
            text.truncate(start);
        }
        if self.decimal {
            trim(text, start);
        }
    }
}

impl<'a> Batch<'a> {
    fn new(arrays: &'a [ArrayRef], rows: usize) -> Result<Batch<'a>, ArrowError> {
        let formatted = |array: &'a ArrayRef| {
            Ok(Formatted {
                formatter: ArrayFormatter::try_new(array.as_ref(), &OPTIONS)?,
                decimal: matches!(array.data_type(), DataType::Decimal128(..)),
                texts: OnceCell::new(),
            })
        };
        Ok(Batch {
            rows,
            columns: arrays
                .iter()
                .map(formatted)
                .collect::<Result<_, ArrowError>>()?,
        })
    }

    fn column(&self, column: usize) -> &[String] {
        self.columns.get(column).map_or(&[], |column| {
            let cell = |row: usize| {
                let mut text = String::new();
                column.write(row, &mut text);
                text
            };
            column
                .texts
                .get_or_init(|| (0..self.rows).map(cell).collect())
        })
    }

    /// Adds a row to those of a table.
    fn add(&self, row: usize, rows: &mut Rows) {
        for column in &self.columns {
            rows.put(|text| column.write(row, text));
        }
    }
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

/// Takes the trailing zeros of the decimal that begins at `start`.
fn trim(text: &mut String, start: usize) {
    let number = text.get(start..).unwrap_or_default();
    if number.contains('.') {
        let kept = number.trim_end_matches('0').trim_end_matches('.').len();
        text.truncate(start + kept);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{Int64Array, LargeStringArray, RecordBatch, StringArray, StringViewArray};
    use parquet::arrow::ArrowWriter;

    use super::*;

    /// Other programs rewrite tables, with texts of other kinds.
    #[test]
    fn rows_are_told_apart_however_texts_are_written() {
        let texts = [Some("a"), Some("b"), None, Some("a")];
        let kinds: [ArrayRef; 3] = [
            Arc::new(StringArray::from_iter(texts)),
            Arc::new(LargeStringArray::from_iter(texts)),
            Arc::new(StringViewArray::from_iter(texts)),
        ];
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("t.parquet");
        for kind in kinds {
            let n: ArrayRef = Arc::new(Int64Array::from(vec![1, 2, 3, 4]));
            let batch = RecordBatch::try_from_iter([("scope", kind), ("n", n)]).unwrap();
            let file = File::create(&path).unwrap();
            let mut writer = ArrowWriter::try_new(file, batch.schema(), None).unwrap();
            writer.write(&batch).unwrap();
            writer.close().unwrap();
            let of = |text: &'static str| {
                let part = Part {
                    columns: Some(&["n"]),
                    texts: &[("scope", text)],
                };
                let table = read(&path, part, |_| true).unwrap();
                let numbers = table.iter().map(|row| row.text("n").to_owned());
                numbers.collect::<Vec<String>>()
            };
            assert_eq!(of("a"), ["1", "4"]);
            assert_eq!(of(""), ["3"]);
            assert!(of("c").is_empty());
        }
    }
}
