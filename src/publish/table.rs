//! One output table: typed columns with unit and description, written as Parquet.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, Decimal128Array, Float64Array, Int64Array, RecordBatch, StringArray,
    TimestampMicrosecondArray,
};
use arrow::datatypes::{DataType, Field, Schema, TimeUnit};
use miette::Diagnostic;
use parquet::arrow::ArrowWriter;
use parquet::basic::Compression;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::{WriterProperties, WriterPropertiesBuilder};

use crate::money::Decimal;

/// Version of the table contracts. It grows when a column goes, changes its meaning or its type.
pub const SCHEMA_VERSION: u32 = 1;

/// Rows in a row group of an output file.
const ROW_GROUP: usize = 1 << 16;

/// Digits of decimals in output files.
pub(super) const PRECISION: u8 = 38;

/// Values of one column.
#[derive(Debug, Clone)]
pub enum Values {
    /// Text.
    Text(Vec<Option<String>>),
    /// Whole numbers.
    Integer(Vec<Option<i64>>),
    /// Statistics, already rounded to declared decimals.
    Float(Vec<Option<f64>>),
    /// Exact decimals, written with this many decimals.
    Decimal(Vec<Option<Decimal>>, u8),
    /// True or false.
    Boolean(Vec<Option<bool>>),
    /// Instants in UTC microseconds.
    Instant(Vec<Option<i64>>),
}

/// One column.
#[derive(Debug, Clone)]
pub struct Column {
    /// Name.
    pub name: &'static str,
    /// Unit, `""` for none.
    pub unit: &'static str,
    /// One line for the data dictionary.
    pub description: &'static str,
    /// Values, one per row.
    pub values: Values,
}

/// One table.
#[derive(Debug, Clone)]
pub struct Table {
    /// Name, also of its file.
    pub name: &'static str,
    /// One line for the data dictionary.
    pub description: &'static str,
    /// Columns, all of the same length.
    pub columns: Vec<Column>,
}

/// An output file that cannot be written.
#[derive(Debug, thiserror::Error, Diagnostic)]
#[error("{}: {cause}", path.display())]
#[diagnostic(help("check free space and permissions, then run again; the former output stands"))]
pub struct PublishError {
    /// The file.
    pub path: PathBuf,
    /// What went wrong.
    pub cause: String,
}

/// A column of texts.
pub fn text(
    name: &'static str,
    description: &'static str,
    values: impl IntoIterator<Item = Option<String>>,
) -> Column {
    let values = Values::Text(values.into_iter().collect());
    Column {
        name,
        unit: "",
        description,
        values,
    }
}

/// A column of whole numbers.
pub fn integer(
    name: &'static str,
    unit: &'static str,
    description: &'static str,
    values: impl IntoIterator<Item = Option<i64>>,
) -> Column {
    let values = Values::Integer(values.into_iter().collect());
    Column {
        name,
        unit,
        description,
        values,
    }
}

/// A column of truth values.
pub fn boolean(
    name: &'static str,
    description: &'static str,
    values: impl IntoIterator<Item = Option<bool>>,
) -> Column {
    let values = Values::Boolean(values.into_iter().collect());
    Column {
        name,
        unit: "",
        description,
        values,
    }
}

/// A column of rounded statistics.
pub fn float(
    name: &'static str,
    unit: &'static str,
    description: &'static str,
    values: impl IntoIterator<Item = Option<f64>>,
) -> Column {
    let values = Values::Float(values.into_iter().collect());
    Column {
        name,
        unit,
        description,
        values,
    }
}

/// A column of exact decimals with `scale` decimals.
pub fn decimal(
    name: &'static str,
    unit: &'static str,
    description: &'static str,
    scale: u8,
    values: impl IntoIterator<Item = Option<Decimal>>,
) -> Column {
    let values = Values::Decimal(values.into_iter().collect(), scale);
    Column {
        name,
        unit,
        description,
        values,
    }
}

impl Table {
    /// How many rows.
    pub fn rows(&self) -> usize {
        self.columns.first().map_or(0, |c| match &c.values {
            Values::Text(v) => v.len(),
            Values::Integer(v) | Values::Instant(v) => v.len(),
            Values::Float(v) => v.len(),
            Values::Decimal(v, _) => v.len(),
            Values::Boolean(v) => v.len(),
        })
    }

    pub(super) fn schema(&self) -> Result<Arc<Schema>, String> {
        let mut fields = Vec::new();
        for column in &self.columns {
            let data_type = match &column.values {
                Values::Text(_) => DataType::Utf8,
                Values::Integer(_) => DataType::Int64,
                Values::Float(_) => DataType::Float64,
                Values::Boolean(_) => DataType::Boolean,
                Values::Instant(_) => {
                    DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()))
                }
                Values::Decimal(_, scale) => {
                    let scale = i8::try_from(*scale).map_err(|e| e.to_string())?;
                    DataType::Decimal128(PRECISION, scale)
                }
            };
            let mut metadata = std::collections::HashMap::new();
            metadata.insert("description".to_owned(), column.description.to_owned());
            metadata.insert("unit".to_owned(), column.unit.to_owned());
            fields.push(Field::new(column.name, data_type, true).with_metadata(metadata));
        }
        Ok(Arc::new(Schema::new(fields)))
    }

    pub(super) fn batch(&self) -> Result<RecordBatch, String> {
        let mut arrays: Vec<ArrayRef> = Vec::new();
        for column in &self.columns {
            let array: ArrayRef = match &column.values {
                Values::Text(v) => Arc::new(StringArray::from_iter(v.iter().map(|t| t.as_deref()))),
                Values::Integer(v) => Arc::new(Int64Array::from_iter(v.iter().copied())),
                Values::Float(v) => Arc::new(Float64Array::from_iter(v.iter().copied())),
                Values::Boolean(v) => Arc::new(BooleanArray::from_iter(v.iter().copied())),
                Values::Instant(v) => {
                    let values = TimestampMicrosecondArray::from_iter(v.iter().copied());
                    Arc::new(values.with_timezone("UTC"))
                }
                Values::Decimal(v, scale) => {
                    let mut units = Vec::with_capacity(v.len());
                    for value in v {
                        units.push(match value {
                            None => None,
                            Some(d) => Some(at_scale(*d, *scale, column.name)?),
                        });
                    }
                    let scale = i8::try_from(*scale).map_err(|e| e.to_string())?;
                    let array = Decimal128Array::from(units)
                        .with_precision_and_scale(PRECISION, scale)
                        .map_err(|e| e.to_string())?;
                    Arc::new(array)
                }
            };
            arrays.push(array);
        }
        RecordBatch::try_new(self.schema()?, arrays).map_err(|e| e.to_string())
    }

    /// Writes the table as this file: one of several of a large table, with `metadata` in the
    /// file's own.
    ///
    /// # Errors
    /// When the file cannot be written, or a decimal has more decimals than its column.
    pub fn write_as(&self, path: &Path, metadata: &[(String, String)]) -> Result<(), PublishError> {
        let mut file = TableFile::create(path, self, metadata)?;
        let batch = self.batch().map_err(|cause| file.failed(cause))?;
        file.write(&batch)?;
        file.close()
    }

    /// The metadata of a file of this table.
    pub(super) fn metadata(&self, metadata: &[(String, String)]) -> Vec<KeyValue> {
        let own = [("table", self.name), ("description", self.description)];
        metadata
            .iter()
            .map(|(k, v)| (k.as_str(), v.as_str()))
            .chain(own)
            .map(|(k, v)| KeyValue::new(format!("gainshare.{k}"), v.to_owned()))
            .collect()
    }

    /// How output files are encoded.
    pub(super) fn properties() -> WriterPropertiesBuilder {
        WriterProperties::builder()
            // As the store: a fifth larger than zstd, and read and joined in far less time.
            .set_compression(Compression::SNAPPY)
            .set_created_by(concat!("gainshare ", env!("CARGO_PKG_VERSION")).to_owned())
            .set_max_row_group_row_count(Some(ROW_GROUP))
    }
}

/// A file of a table that is written in parts.
pub(super) struct TableFile {
    path: PathBuf,
    writer: ArrowWriter<File>,
    schema: Arc<Schema>,
}

impl TableFile {
    /// Begins a file with the columns of `table`; its rows are not written.
    ///
    /// # Errors
    /// When the file cannot be made.
    pub(super) fn create(
        path: &Path,
        table: &Table,
        metadata: &[(String, String)],
    ) -> Result<TableFile, PublishError> {
        let failed = |cause: String| PublishError {
            path: path.to_owned(),
            cause,
        };
        let properties = Table::properties()
            .set_key_value_metadata(Some(table.metadata(metadata)))
            .build();
        let schema = table.schema().map_err(failed)?;
        let file = File::create(path).map_err(|e| failed(e.to_string()))?;
        let writer = ArrowWriter::try_new(file, Arc::clone(&schema), Some(properties))
            .map_err(|e| failed(e.to_string()))?;
        Ok(TableFile {
            path: path.to_owned(),
            writer,
            schema,
        })
    }

    /// An error about this file.
    pub(super) fn failed(&self, cause: String) -> PublishError {
        PublishError {
            path: self.path.clone(),
            cause,
        }
    }

    /// Writes columns of the same number of rows, in the order of the table.
    ///
    /// # Errors
    /// When they cannot be written.
    pub(super) fn write_columns(&mut self, columns: Vec<ArrayRef>) -> Result<(), PublishError> {
        let batch = RecordBatch::try_new(Arc::clone(&self.schema), columns)
            .map_err(|e| self.failed(e.to_string()))?;
        self.write(&batch)
    }

    fn write(&mut self, batch: &RecordBatch) -> Result<(), PublishError> {
        self.writer
            .write(batch)
            .map_err(|e| self.failed(e.to_string()))
    }

    /// Ends the file.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(super) fn close(self) -> Result<(), PublishError> {
        let path = self.path;
        match self.writer.close() {
            Ok(_) => Ok(()),
            Err(e) => Err(PublishError {
                path,
                cause: e.to_string(),
            }),
        }
    }
}

/// The units of a decimal at a column's scale; more decimals than that would be lost.
pub(super) fn at_scale(value: Decimal, scale: u8, column: &str) -> Result<i128, String> {
    let padded = value
        .normalized()
        .padded(scale)
        .map_err(|e| format!("{column}: {e}"))?;
    if padded.scale() != scale {
        return Err(format!("{column}: {value} has more than {scale} decimals"));
    }
    Ok(padded.mantissa())
}
