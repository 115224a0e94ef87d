//! A stored table as a stream of Arrow batches: only the columns asked for, only a few thousand
//! rows at a time, so that a pass needs the same memory whatever the size of a partition.
//! Responsible for typed access to stored columns; not for what they mean.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::types::{
    Date32Type, Decimal128Type, Int32Type, Int64Type, TimestampMicrosecondType,
};
use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, DictionaryArray, PrimitiveArray, RecordBatch,
    StringArray, StringViewArray,
};
use arrow::buffer::NullBuffer;
use arrow::datatypes::{DataType, Field, Schema, TimeUnit};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader,
    ParquetRecordBatchReaderBuilder,
};

use super::disk::StoreError;

/// Rows of a batch.
const BATCH: usize = 1 << 13;

/// The batches of one stored file, in its order.
#[derive(Debug)]
pub struct Batches {
    path: PathBuf,
    reader: ParquetRecordBatchReader,
}

impl Batches {
    /// Opens a file for some of its columns; `None` when there is no such file. Columns that it
    /// does not have read as absent.
    ///
    /// # Errors
    /// When it is damaged.
    pub fn open(path: &Path, columns: &[&str]) -> Result<Option<Batches>, StoreError> {
        if !path.is_file() {
            return Ok(None);
        }
        let damaged = |cause: String| StoreError::Damaged {
            path: path.to_owned(),
            cause,
        };
        let file = File::open(path).map_err(|e| StoreError::io(path, &e))?;
        let plain = ArrowReaderOptions::new().with_skip_arrow_metadata(true);
        let metadata =
            ArrowReaderMetadata::load(&file, plain.clone()).map_err(|e| damaged(e.to_string()))?;
        // Texts that repeat are stored as codes and stay codes. The others as views: short ones lie
        // in the view itself, none is copied into a long buffer.
        let coded = |column: usize| {
            let mut groups = metadata.metadata().row_groups().iter();
            groups.all(|g| g.column(column).dictionary_page_offset().is_some())
        };
        let fields: Vec<Arc<Field>> = metadata
            .schema()
            .fields()
            .iter()
            .enumerate()
            .map(|(column, field)| match field.data_type() {
                DataType::Utf8 => {
                    let texts = if coded(column) {
                        let (codes, texts) = (DataType::Int32, DataType::Utf8);
                        DataType::Dictionary(Box::new(codes), Box::new(texts))
                    } else {
                        DataType::Utf8View
                    };
                    Arc::new(field.as_ref().clone().with_data_type(texts))
                }
                _ => Arc::clone(field),
            })
            .collect();
        let options = plain.with_schema(Arc::new(Schema::new(fields)));
        let metadata = ArrowReaderMetadata::try_new(Arc::clone(metadata.metadata()), options)
            .map_err(|e| damaged(e.to_string()))?;
        let builder = ParquetRecordBatchReaderBuilder::new_with_metadata(file, metadata);
        let wanted = ProjectionMask::columns(builder.parquet_schema(), columns.iter().copied());
        let reader = builder
            .with_projection(wanted)
            .with_batch_size(BATCH)
            .build()
            .map_err(|e| damaged(e.to_string()))?;
        Ok(Some(Batches {
            path: path.to_owned(),
            reader,
        }))
    }

    /// The next rows; `None` at the end.
    ///
    /// # Errors
    /// When they are damaged.
    pub fn next_rows(&mut self) -> Result<Option<Rows>, StoreError> {
        match self.reader.next() {
            None => Ok(None),
            Some(Ok(batch)) => Ok(Some(Rows {
                path: self.path.clone(),
                batch,
            })),
            Some(Err(e)) => Err(StoreError::Damaged {
                path: self.path.clone(),
                cause: e.to_string(),
            }),
        }
    }
}

/// Some rows of a stored table.
#[derive(Debug)]
pub struct Rows {
    path: PathBuf,
    batch: RecordBatch,
}

impl Rows {
    /// How many.
    pub fn height(&self) -> usize {
        self.batch.num_rows()
    }

    fn column<'a, T>(
        &'a self,
        name: &str,
        kind: &str,
        read: impl Fn(&'a ArrayRef) -> Option<T>,
    ) -> Result<Option<T>, StoreError> {
        let Some(column) = self.batch.column_by_name(name) else {
            return Ok(None);
        };
        match read(column) {
            Some(read) => Ok(Some(read)),
            None => Err(self.damaged(&format!(
                "column `{name}` holds {}, not {kind}",
                column.data_type()
            ))),
        }
    }

    /// An error about these rows.
    pub fn damaged(&self, cause: &str) -> StoreError {
        StoreError::Damaged {
            path: self.path.clone(),
            cause: cause.to_owned(),
        }
    }

    /// The texts of a column.
    ///
    /// # Errors
    /// When it holds none.
    pub fn text(&self, name: &str) -> Result<Texts<'_>, StoreError> {
        let found = self.column(name, "texts", |column| {
            if let Some(views) = column.as_string_view_opt() {
                return Some(Texts::One(views));
            }
            let codes: &DictionaryArray<Int32Type> = column.as_dictionary_opt()?;
            let texts: &StringArray = codes.values().as_string_opt()?;
            Some(Texts::Coded {
                codes: codes.keys(),
                texts: texts.iter().map(Option::unwrap_or_default).collect(),
            })
        })?;
        Ok(found.unwrap_or(Texts::Absent))
    }

    /// The whole numbers, instants (UTC microseconds) or dates (days) of a column.
    ///
    /// # Errors
    /// When it holds none.
    pub fn integer(&self, name: &str) -> Result<Integers<'_>, StoreError> {
        let found = self.column(name, "whole numbers or instants", |c| match c.data_type() {
            DataType::Int64 => {
                let whole: &PrimitiveArray<Int64Type> = c.as_primitive_opt()?;
                Some(Integers::Long(whole.values(), whole.nulls()))
            }
            DataType::Timestamp(TimeUnit::Microsecond, _) => {
                let moments: &PrimitiveArray<TimestampMicrosecondType> = c.as_primitive_opt()?;
                Some(Integers::Long(moments.values(), moments.nulls()))
            }
            DataType::Date32 => Some(Integers::Date(c.as_primitive_opt()?)),
            _ => None,
        })?;
        Ok(found.unwrap_or(Integers::Absent))
    }

    /// The truth values of a column.
    ///
    /// # Errors
    /// When it holds none.
    pub fn boolean(&self, name: &str) -> Result<Booleans<'_>, StoreError> {
        Ok(Booleans(
            self.column(name, "truth values", |c| c.as_boolean_opt())?,
        ))
    }

    /// The decimals of a column in units of 10^-15.
    ///
    /// # Errors
    /// When it holds none.
    pub fn decimal(&self, name: &str) -> Result<Decimals<'_>, StoreError> {
        Ok(Decimals(
            self.column(name, "decimals", |c| c.as_primitive_opt())?,
        ))
    }
}

#[inline]
fn present<A: Array>(array: &A, row: usize) -> bool {
    row < array.len() && !array.is_null(row)
}

/// A column of texts.
#[derive(Debug, Clone)]
pub enum Texts<'a> {
    /// The table has no such column.
    Absent,
    /// Each row with a text of its own.
    One(&'a StringViewArray),
    /// Texts that repeat: each row with the place of its text.
    Coded {
        /// The places.
        codes: &'a PrimitiveArray<Int32Type>,
        /// The texts.
        texts: Vec<&'a str>,
    },
}

impl<'a> Texts<'a> {
    /// That of a row.
    #[inline]
    pub fn get(&self, row: usize) -> Option<&'a str> {
        match self {
            Texts::Absent => None,
            Texts::One(views) => present(*views, row).then(|| views.value(row)),
            Texts::Coded { codes, texts } => texts.get(code(codes, row)?).copied(),
        }
    }

    /// What `read` makes of the texts: asked once for each text that repeats, not once per row.
    pub fn mapped<T: Copy>(&self, read: impl Fn(&'a str) -> T) -> Mapped<'a, T> {
        match self {
            Texts::Absent => Mapped::One(Vec::new()),
            Texts::One(views) => Mapped::One(views.iter().map(|text| text.map(&read)).collect()),
            Texts::Coded { codes, texts } => Mapped::Coded {
                codes,
                values: texts.iter().map(|text| read(text)).collect(),
            },
        }
    }
}

/// The place of a row's text.
#[inline]
fn code(codes: &PrimitiveArray<Int32Type>, row: usize) -> Option<usize> {
    if !present(codes, row) {
        return None;
    }
    usize::try_from(codes.value(row)).ok()
}

/// What was made of a column of texts.
#[derive(Debug, Clone)]
pub enum Mapped<'a, T> {
    /// By row.
    One(Vec<Option<T>>),
    /// By the place of the text.
    Coded {
        /// The places.
        codes: &'a PrimitiveArray<Int32Type>,
        /// What was made of the text there.
        values: Vec<T>,
    },
}

impl<T: Copy> Mapped<'_, T> {
    /// That of a row.
    #[inline]
    pub fn get(&self, row: usize) -> Option<T> {
        match self {
            Mapped::One(values) => values.get(row).copied().flatten(),
            Mapped::Coded { codes, values } => values.get(code(codes, row)?).copied(),
        }
    }
}

/// A column of whole numbers.
#[derive(Debug, Clone, Copy)]
pub enum Integers<'a> {
    /// The table has no such column.
    Absent,
    /// Whole numbers, or instants in UTC microseconds.
    Long(&'a [i64], Option<&'a NullBuffer>),
    /// Days since 1970-01-01.
    Date(&'a PrimitiveArray<Date32Type>),
}

impl Integers<'_> {
    /// That of a row.
    #[inline]
    pub fn get(&self, row: usize) -> Option<i64> {
        match self {
            Integers::Absent => None,
            Integers::Long(values, nulls) => {
                let value = values.get(row).copied();
                value.filter(|_| nulls.is_none_or(|n| n.is_valid(row)))
            }
            Integers::Date(a) => present(*a, row).then(|| i64::from(a.value(row))),
        }
    }
}

/// A column of truth values.
#[derive(Debug, Clone, Copy)]
pub struct Booleans<'a>(Option<&'a BooleanArray>);

impl Booleans<'_> {
    /// That of a row.
    #[inline]
    pub fn get(&self, row: usize) -> Option<bool> {
        self.0.filter(|a| present(*a, row)).map(|a| a.value(row))
    }
}

/// A column of decimals.
#[derive(Debug, Clone, Copy)]
pub struct Decimals<'a>(Option<&'a PrimitiveArray<Decimal128Type>>);

impl Decimals<'_> {
    /// That of a row, in units of 10^-15.
    pub fn get(&self, row: usize) -> Option<i128> {
        self.0.filter(|a| present(*a, row)).map(|a| a.value(row))
    }
}
