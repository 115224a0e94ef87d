//! From polars frames back to typed columns of a canonical table, and to files of the store. Not
//! responsible for how a file is written (see [`super::disk`]), nor for how values are stored (see
//! [`super::encode`]).

use std::path::Path;

use polars::prelude::{CompatLevel, DataFrame, PolarsResult};

use super::disk::{self, StoreError};
use super::encode::{Group, Stored};

use crate::ingest::columns::{Columns, Values};
use crate::store::prepare::SOURCE_LINE;
use crate::store::schema::Table;

/// The rows of a stored table, in its order, with the lines of their exports: what
/// [`super::encode`] made, less the columns kept as `x_<name>`.
///
/// # Errors
/// When a column holds another kind of value than the table says.
pub fn columns(table: &'static Table, stored: &DataFrame) -> PolarsResult<Columns> {
    let reading = Reading::new(stored);
    let mut rows = Columns::new(table, &[]);
    for (column, values) in table.columns.iter().zip(&mut rows.values) {
        match values {
            Values::Text(v) => {
                for text in reading.text(column.name)? {
                    v.push(text);
                }
            }
            Values::Integer(v) => *v = reading.integer(column.name)?,
            Values::Boolean(v) => *v = reading.boolean(column.name)?,
            Values::Decimal(v) => *v = reading.decimal(column.name)?,
        }
    }
    let lines = reading.integer(SOURCE_LINE)?;
    rows.line = lines
        .into_iter()
        .map(|line| line.and_then(|l| u64::try_from(l).ok()).unwrap_or_default())
        .collect();
    rows.file = vec![0; stored.height()];
    rows.hash = vec![0; stored.height()];
    Ok(rows)
}

/// Writes a frame of the store as a file of it, as benches do that measure stores which were grown.
///
/// # Errors
/// When it cannot be written.
pub fn write(path: &Path, frame: &DataFrame) -> Result<(), StoreError> {
    disk::write(path, frame.height(), |rows| {
        let part = frame.slice(i64::try_from(rows.start).unwrap_or(i64::MAX), rows.len());
        let columns = part.columns().iter().map(|column| {
            let series = column.as_materialized_series().rechunk();
            Stored::of(column.name(), series.to_arrow(0, CompatLevel::newest()))
        });
        Ok(Group {
            rows: part.height(),
            columns: columns.collect(),
        })
    })?;
    Ok(())
}

/// Typed access to the columns of a stored frame; a column that is not there reads as absent.
#[derive(Debug)]
pub struct Reading<'a> {
    frame: &'a DataFrame,
}

impl<'a> Reading<'a> {
    /// Over a frame.
    pub fn new(frame: &'a DataFrame) -> Reading<'a> {
        Reading { frame }
    }

    /// How many rows.
    pub fn height(&self) -> usize {
        self.frame.height()
    }

    /// The texts of a column.
    ///
    /// # Errors
    /// When the column holds no text.
    pub fn text(&self, name: &str) -> PolarsResult<Vec<Option<&'a str>>> {
        match self.frame.column(name) {
            Err(_) => Ok(vec![None; self.height()]),
            Ok(column) => Ok(column.str()?.iter().collect()),
        }
    }

    /// The whole numbers, instants (UTC microseconds) or dates (days) of a column.
    ///
    /// # Errors
    /// When the column holds none.
    pub fn integer(&self, name: &str) -> PolarsResult<Vec<Option<i64>>> {
        use polars::prelude::DataType;
        match self.frame.column(name) {
            Err(_) => Ok(vec![None; self.height()]),
            Ok(column) => {
                let physical = column.to_physical_repr().cast(&DataType::Int64)?;
                Ok(physical.i64()?.iter().collect())
            }
        }
    }

    /// The truth values of a column.
    ///
    /// # Errors
    /// When the column holds none.
    pub fn boolean(&self, name: &str) -> PolarsResult<Vec<Option<bool>>> {
        match self.frame.column(name) {
            Err(_) => Ok(vec![None; self.height()]),
            Ok(column) => Ok(column.bool()?.iter().collect()),
        }
    }

    /// The decimals of a column in units of 10^-15.
    ///
    /// # Errors
    /// When the column holds none.
    pub fn decimal(&self, name: &str) -> PolarsResult<Vec<Option<i128>>> {
        match self.frame.column(name) {
            Err(_) => Ok(vec![None; self.height()]),
            Ok(column) => {
                let series = column.as_materialized_series();
                let decimals = series.decimal()?;
                Ok(decimals.physical().iter().collect())
            }
        }
    }
}
