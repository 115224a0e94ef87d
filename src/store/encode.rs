//! From typed columns of canonical tables to the columns of a Parquet file: the one place that knows how
//! a kind of value is stored. Responsible for types and encodings; not for which rows are in a file (see
//! [`super::prepare`]), nor for the file itself (see [`super::disk`]).
//!
//! Texts are held once per column already (see [`Texts`]), so that a dictionary of them is made without
//! looking at what they say.

use polars::prelude::PolarsResult;
use polars_arrow::array::{
    Array, BooleanArray, DictionaryArray, MutableBinaryViewArray, PrimitiveArray,
};
use polars_arrow::bitmap::{Bitmap, BitmapBuilder};
use polars_arrow::datatypes::{ArrowDataType, IntegerType, TimeUnit};
use polars_arrow::types::NativeType;
use polars_parquet::write::Encoding;

use crate::ingest::columns::{Columns, Values};
use crate::ingest::texts::{Numbering, Texts};
use crate::ingest::value::STORE_SCALE;
use crate::store::prepare::TICKET_ROW;
use crate::store::schema::Kind;

/// Digits of decimals in the store.
const PRECISION: usize = 38;

/// A column of some rows of a file.
pub(super) struct Stored {
    pub(super) name: String,
    /// The type that a reader finds.
    pub(super) dtype: ArrowDataType,
    pub(super) array: Box<dyn Array>,
    pub(super) encoding: Encoding,
}

/// Some rows of a file.
#[derive(Default)]
pub(super) struct Group {
    /// How many rows each column has.
    pub(super) rows: usize,
    pub(super) columns: Vec<Stored>,
}

impl Group {
    /// The rows `order` of a canonical table, with kept columns as `x_<name>`, without the columns
    /// `without`.
    ///
    /// # Errors
    /// When polars refuses a column, which no input can cause.
    pub(super) fn new(
        rows: &Columns,
        order: &[usize],
        without: &[&str],
        numbering: &mut Numbering,
    ) -> PolarsResult<Group> {
        let mut group = Group {
            rows: order.len(),
            columns: Vec::with_capacity(rows.values.len() + rows.kept.len()),
        };
        fn pick<'a, T: Copy>(
            values: &'a [Option<T>],
            order: &'a [usize],
        ) -> impl ExactSizeIterator<Item = Option<T>> + 'a {
            let of = |row: &usize| values.get(*row).copied().flatten();
            order.iter().map(of)
        }
        for (column, values) in rows.table.columns.iter().zip(&rows.values) {
            if without.contains(&column.name) {
                continue;
            }
            let name = column.name;
            group.columns.push(match values {
                Values::Text(v) => Stored::texts(name, v, order.iter().copied(), numbering)?,
                Values::Integer(v) => match column.kind {
                    Kind::Instant => Stored::moments(name, pick(v, order)),
                    Kind::Date => Stored::days(name, pick(v, order)),
                    _ => Stored::integers(name, pick(v, order)),
                },
                Values::Boolean(v) => Stored::truths(name, pick(v, order)),
                Values::Decimal(v) => Stored::decimals(name, pick(v, order)),
            });
        }
        for (name, v) in &rows.kept {
            let name = format!("x_{name}");
            let texts = Stored::texts(&name, v, order.iter().copied(), numbering)?;
            group.columns.push(texts);
        }
        Ok(group)
    }
}

impl Stored {
    fn numbers<T: NativeType>(
        name: &str,
        dtype: ArrowDataType,
        encoding: Encoding,
        values: impl ExactSizeIterator<Item = Option<T>>,
    ) -> Stored {
        let mut there = BitmapBuilder::with_capacity(values.len());
        let mut all: Vec<T> = Vec::with_capacity(values.len());
        for value in values {
            there.push(value.is_some());
            all.push(value.unwrap_or_default());
        }
        let there = there.into_opt_validity();
        let array = PrimitiveArray::new(dtype.clone(), all.into(), there);
        Stored {
            name: name.to_owned(),
            // Nothing has no first value to begin with.
            encoding: match array.null_count() == array.len() {
                true => Encoding::Plain,
                false => encoding,
            },
            array: Box::new(array),
            dtype,
        }
    }

    /// A column of a frame of the store.
    pub(super) fn of(name: &str, array: Box<dyn Array>) -> Stored {
        let dtype = array.dtype().clone();
        let some = array.null_count() < array.len();
        let encoding = match dtype {
            ArrowDataType::Boolean | ArrowDataType::Timestamp(..) => Encoding::Plain,
            ArrowDataType::Int64 if some && name == TICKET_ROW => Encoding::DeltaBinaryPacked,
            _ => Encoding::RleDictionary,
        };
        Stored {
            name: name.to_owned(),
            dtype,
            array,
            encoding,
        }
    }

    /// Whole numbers.
    pub(super) fn integers(
        name: &str,
        values: impl ExactSizeIterator<Item = Option<i64>>,
    ) -> Stored {
        Stored::numbers(name, ArrowDataType::Int64, Encoding::RleDictionary, values)
    }

    /// Whole numbers that grow from row to row.
    pub(super) fn growing(
        name: &str,
        values: impl ExactSizeIterator<Item = Option<i64>>,
    ) -> Stored {
        let encoding = Encoding::DeltaBinaryPacked;
        Stored::numbers(name, ArrowDataType::Int64, encoding, values)
    }

    /// Moments in UTC microseconds: too many different ones for a dictionary, and read too often for
    /// differences, which take less room but longer to read.
    fn moments(name: &str, values: impl ExactSizeIterator<Item = Option<i64>>) -> Stored {
        let dtype = ArrowDataType::Timestamp(TimeUnit::Microsecond, None);
        Stored::numbers(name, dtype, Encoding::Plain, values)
    }

    /// Days since 1970-01-01; one that is further away than any calendar reaches is absent.
    fn days(name: &str, values: impl ExactSizeIterator<Item = Option<i64>>) -> Stored {
        let days = values.map(|day| day.and_then(|day| i32::try_from(day).ok()));
        Stored::numbers(name, ArrowDataType::Date32, Encoding::RleDictionary, days)
    }

    /// Decimals in units of 10^-15.
    fn decimals(name: &str, values: impl ExactSizeIterator<Item = Option<i128>>) -> Stored {
        let dtype = ArrowDataType::Decimal(PRECISION, usize::from(STORE_SCALE));
        Stored::numbers(name, dtype, Encoding::RleDictionary, values)
    }

    /// Truth values.
    pub(super) fn truths(
        name: &str,
        values: impl ExactSizeIterator<Item = Option<bool>>,
    ) -> Stored {
        let mut there = BitmapBuilder::with_capacity(values.len());
        let mut all = BitmapBuilder::with_capacity(values.len());
        for value in values {
            there.push(value.is_some());
            all.push(value.unwrap_or_default());
        }
        let dtype = ArrowDataType::Boolean;
        let there = there.into_opt_validity();
        Stored {
            name: name.to_owned(),
            array: Box::new(BooleanArray::new(dtype.clone(), all.freeze(), there)),
            dtype,
            encoding: Encoding::Plain,
        }
    }

    /// The texts of rows of a column, with a dictionary where enough of them say the same.
    ///
    /// # Errors
    /// When polars refuses the column, which no input can cause.
    pub(super) fn texts(
        name: &str,
        values: &Texts,
        rows: impl ExactSizeIterator<Item = usize>,
        numbering: &mut Numbering,
    ) -> PolarsResult<Stored> {
        numbering.begin(values.entries());
        let count = rows.len();
        let mut there = BitmapBuilder::with_capacity(count);
        let mut numbers: Vec<u32> = Vec::with_capacity(count);
        for row in rows {
            let number = numbering.of(values.number(row));
            there.push(number.is_some());
            numbers.push(number.unwrap_or_default());
        }
        let there = there.into_opt_validity();
        let used = numbering.used();
        let text = |number: u32| values.entry(number).unwrap_or_default();
        // As many as polars takes for worth it.
        let few = !used.is_empty() && (count <= 128 || used.len() * 4 <= count * 3);
        let array = match few {
            true => dictionary(used.iter().map(|n| text(*n)), numbers, there)?,
            false => {
                let mut all = MutableBinaryViewArray::<str>::with_capacity(count);
                for (at, number) in numbers.iter().enumerate() {
                    let missing = there.as_ref().is_some_and(|there| !there.get_bit(at));
                    let number = used.get(*number as usize).filter(|_| !missing);
                    all.push(number.map(|n| text(*n)));
                }
                all.freeze().boxed()
            }
        };
        Ok(Stored {
            name: name.to_owned(),
            dtype: ArrowDataType::Utf8View,
            array,
            encoding: match few {
                true => Encoding::RleDictionary,
                false => Encoding::Plain,
            },
        })
    }
}

/// Texts by their numbers.
fn dictionary<'t>(
    texts: impl Iterator<Item = &'t str>,
    numbers: Vec<u32>,
    there: Option<Bitmap>,
) -> PolarsResult<Box<dyn Array>> {
    let mut all = MutableBinaryViewArray::<str>::new();
    for text in texts {
        all.push_value(text);
    }
    let dtype = ArrowDataType::Dictionary(
        IntegerType::UInt32,
        Box::new(ArrowDataType::Utf8View),
        false,
    );
    let numbers = PrimitiveArray::new(ArrowDataType::UInt32, numbers.into(), there);
    let array = DictionaryArray::<u32>::try_new(dtype, numbers, all.freeze().boxed())?;
    Ok(Box::new(array))
}
