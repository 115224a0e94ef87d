//! Between typed columns of a canonical table and polars frames: the one place that knows how a
//! kind of value is stored. Not responsible for files (see [`super::disk`]).

use polars::prelude::{
    Column as PolarsColumn, DataFrame, NamedFrom, PolarsResult, Series, TimeUnit,
};

use crate::ingest::columns::{Columns, Values};
use crate::ingest::value::STORE_SCALE;
use crate::store::prepare::SOURCE_LINE;
use crate::store::schema::{Kind, Table};

/// Digits of decimals in the store.
const PRECISION: usize = 38;

/// The rows `order` of a canonical table as a frame, with kept columns as `x_<name>`.
///
/// # Errors
/// When polars refuses a column, which no input can cause.
pub fn frame(rows: &Columns, order: &[usize]) -> PolarsResult<DataFrame> {
    fn pick<'a, T: Clone>(values: &'a [Option<T>], order: &'a [usize]) -> Vec<Option<T>> {
        order
            .iter()
            .map(|i| values.get(*i).cloned().flatten())
            .collect()
    }
    let mut columns: Vec<PolarsColumn> = Vec::with_capacity(rows.values.len());
    for (column, values) in rows.table.columns.iter().zip(&rows.values) {
        let name = column.name.into();
        let series = match values {
            Values::Text(v) => {
                let picked: Vec<Option<&str>> = order.iter().map(|i| v.get(*i)).collect();
                Series::new(name, picked)
            }
            Values::Integer(v) => {
                let series = Series::new(name, pick(v, order));
                match column.kind {
                    Kind::Instant => series
                        .i64()?
                        .clone()
                        .into_datetime(TimeUnit::Microseconds, None)
                        .into_series(),
                    Kind::Date => series.cast(&polars::prelude::DataType::Int32)?.into_date(),
                    _ => series,
                }
            }
            Values::Boolean(v) => Series::new(name, pick(v, order)),
            Values::Decimal(v) => {
                let picked = pick(v, order);
                polars::prelude::Int128Chunked::from_iter_options(name, picked.into_iter())
                    .into_decimal_unchecked(PRECISION, usize::from(STORE_SCALE))
                    .into_series()
            }
        };
        columns.push(series.into());
    }
    for (name, values) in &rows.kept {
        let picked: Vec<Option<&str>> = order.iter().map(|i| values.get(*i)).collect();
        columns.push(Series::new(format!("x_{name}").into(), picked).into());
    }
    DataFrame::new(order.len(), columns)
}

use polars::prelude::IntoSeries;
use polars::prelude::NewChunkedArray;

/// The rows of a stored table, in its order, with the lines of their exports: what [`frame`] made,
/// less the columns kept as `x_<name>`.
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
    rows.latest.fill(stored.height());
    Ok(rows)
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
