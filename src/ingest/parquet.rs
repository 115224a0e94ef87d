//! A Parquet file as rows of texts, some thousand at a time, so that the same mapping and the same
//! checks apply to it as to delimited text, and its size does not matter. Responsible for the text
//! of each kind of value; not for what the texts become (see [`super::record`]).

use std::fmt::Write;
use std::panic::AssertUnwindSafe;

use arrow::array::types::{
    ArrowPrimitiveType, Date32Type, Date64Type, Float16Type, Float32Type, Float64Type, Int8Type,
    Int16Type, Int32Type, Int64Type, Time32MillisecondType, Time64MicrosecondType,
    Time64NanosecondType, TimestampMicrosecondType, TimestampMillisecondType,
    TimestampNanosecondType, TimestampSecondType, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, RecordBatchReader as _};
use arrow::datatypes::{DataType, TimeUnit};
use bytes::Bytes;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader,
    ParquetRecordBatchReaderBuilder,
};
use parquet::file::metadata::{ParquetMetaData, ParquetMetaDataReader};
use parquet::file::reader::ChunkReader;

use super::file::{Input, InputError};
use super::plan::Plan;
use super::reader::{self, Keeping, Row};
use super::record::Parsed;
use super::split::{Fields, Record};

/// Rows that one thread handles together.
const BATCH: usize = 4096;

/// The rows of a Parquet file that is open.
pub(super) struct Stored {
    shown: String,
    pub(super) header: Vec<String>,
    hash: String,
    reader: ParquetRecordBatchReader,
    /// Those that were read and not handled yet.
    held: Option<RecordBatch>,
    /// The number of the first row of the next batch.
    row: u64,
}

/// Opens a file of which `head` was read. Where it is not compressed as a whole it is read where it
/// lies; what is compressed is held in memory.
///
/// # Errors
/// When it is damaged, or no Parquet file.
pub(super) fn open(shown: &str, input: Input, head: Vec<u8>) -> Result<Stored, InputError> {
    if !head.starts_with(b"PAR1") {
        return Err(InputError::Unreadable {
            file: shown.to_owned(),
            cause: "it is no Parquet file".to_owned(),
            hint: "if it is delimited text, give it the ending .csv".to_owned(),
        });
    }
    let (reader, hash) = match input.in_place()? {
        Ok((file, hash)) => (begun(shown, file)?, hash),
        Err(packed) => {
            let loaded = packed.all(head)?;
            (begun(shown, Bytes::from(loaded.bytes))?, loaded.hash)
        }
    };
    let schema = reader.schema();
    let fields = schema.fields().iter();
    let mut stored = Stored {
        shown: shown.to_owned(),
        header: fields.map(|field| field.name().clone()).collect(),
        hash,
        reader,
        held: None,
        row: 1,
    };
    stored.held = stored.next()?;
    Ok(stored)
}

fn damaged(shown: &str, cause: &str) -> InputError {
    InputError::Unreadable {
        file: shown.to_owned(),
        cause: format!("not a whole Parquet file: {cause}"),
        hint: "it was cut off or changed on its way; write or copy it again".to_owned(),
    }
}

/// What the library says of a file, which may panic on some damage.
fn guarded<T>(
    shown: &str,
    read: impl FnOnce() -> Result<T, parquet::errors::ParquetError>,
) -> Result<T, InputError> {
    match std::panic::catch_unwind(AssertUnwindSafe(read)) {
        Ok(read) => read.map_err(|e| damaged(shown, &e.to_string())),
        Err(_) => Err(damaged(shown, "its pages contradict its footer")),
    }
}

fn begun<R: ChunkReader + 'static>(
    shown: &str,
    file: R,
) -> Result<ParquetRecordBatchReader, InputError> {
    guarded(shown, || {
        let metadata = ParquetMetaDataReader::new().parse_and_finish(&file)?;
        whole(&metadata, file.len())?;
        // The types that Parquet has, not those of the program that wrote it.
        let options = ArrowReaderOptions::new().with_skip_arrow_metadata(true);
        let metadata = ArrowReaderMetadata::try_new(metadata.into(), options)?;
        ParquetRecordBatchReaderBuilder::new_with_metadata(file, metadata)
            .with_batch_size(BATCH)
            .build()
    })
}

/// Whether all that the footer points at is there.
fn whole(metadata: &ParquetMetaData, size: u64) -> Result<(), parquet::errors::ParquetError> {
    for column in metadata.row_groups().iter().flat_map(|g| g.columns()) {
        let first = column
            .dictionary_page_offset()
            .unwrap_or(i64::MAX)
            .min(column.data_page_offset());
        let last = first.checked_add(column.compressed_size());
        let fits = |at: i64| u64::try_from(at).is_ok_and(|at| at <= size);
        if !fits(first) || !last.is_some_and(fits) {
            let cause = "it is shorter than its footer says".to_owned();
            return Err(parquet::errors::ParquetError::General(cause));
        }
    }
    Ok(())
}

impl Stored {
    /// The next batch as it is stored.
    fn next(&mut self) -> Result<Option<RecordBatch>, InputError> {
        let reader = &mut self.reader;
        guarded(&self.shown, || Ok(reader.next().transpose()?))
    }

    /// The next rows, with the number of the first one.
    fn numbered(&mut self) -> Result<Option<(RecordBatch, u64)>, InputError> {
        let next = match self.held.take() {
            Some(held) => Some(held),
            None => self.next()?,
        };
        Ok(next.map(|batch| {
            let first = self.row;
            self.row += batch.num_rows() as u64;
            (batch, first)
        }))
    }

    /// The first `most` rows, of those that were read already.
    pub(super) fn sample(&self, most: usize) -> Vec<Row> {
        let Some(batch) = &self.held else {
            return Vec::new();
        };
        let columns: Vec<Texts<'_>> = batch.columns().iter().map(Texts::of).collect();
        (1u64..)
            .zip(0..batch.num_rows().min(most))
            .map(|(line, i)| Row {
                line,
                cells: (0u32..)
                    .zip(&columns)
                    .map(|(at, texts)| (at, texts.get(i).to_owned()))
                    .filter(|(_, text)| !text.is_empty())
                    .collect(),
            })
            .collect()
    }

    /// Reads all rows. `keep` takes them, `progress` hears of rows done. Gives what else there is to
    /// say of them, and the hash of the file.
    ///
    /// # Errors
    /// When the file is damaged, holds what no text stands for in a column that is read, or the
    /// rows are not kept; single bad rows become rejects.
    pub(super) fn rows(
        &mut self,
        plan: &Plan<'_>,
        keep: &Keeping<'_>,
        progress: &(dyn Fn(u64) + Sync),
    ) -> Result<(Parsed, String), InputError> {
        let schema = self.reader.schema();
        let read = schema.fields().iter().zip(&plan.used);
        let unread = read
            .filter(|(field, used)| **used && !has_text(field.data_type()))
            .map(|(field, _)| field)
            .next();
        if let Some(field) = unread {
            return Err(InputError::Unreadable {
                file: self.shown.clone(),
                cause: format!(
                    "column `{}` holds {}, for which no text stands",
                    field.name(),
                    field.data_type()
                ),
                hint: "write what it holds to columns of their own, or leave the column out of \
                       the mapping"
                    .to_owned(),
            });
        }
        let understand = |(batch, first): (RecordBatch, u64)| {
            progress(batch.num_rows() as u64);
            understood(plan, &batch, first)
        };
        let out = reader::part_by_part(plan, keep, || self.numbered(), understand)?;
        Ok((out, std::mem::take(&mut self.hash)))
    }
}

/// The rows of a batch whose first row has the number `first`.
fn understood(plan: &Plan<'_>, batch: &RecordBatch, first: u64) -> Parsed {
    let columns: Vec<Texts<'_>> = batch.columns().iter().map(Texts::of).collect();
    // The raw text of a row names each filled cell.
    let raws = Made::new(batch.num_rows(), |i, raw| {
        let begins = raw.len();
        for (name, texts) in plan.header.iter().zip(&columns) {
            let text = texts.get(i);
            if !text.is_empty() {
                if raw.len() > begins {
                    raw.push_str("; ");
                }
                raw.push_str(name);
                raw.push('=');
                raw.push_str(text);
            }
        }
    });
    let mut part = plan.part(first, raws.text.len());
    let mut record = Record::default();
    for (line, i) in (first..).zip(0..batch.num_rows()) {
        record.line = line;
        record.raw = std::borrow::Cow::Borrowed(raws.get(i).as_bytes());
        let mut texts = match std::mem::take(&mut record.fields) {
            Fields::Given(texts) => texts,
            Fields::Cut(_) => Vec::new(),
        };
        texts.clear();
        texts.extend(columns.iter().map(|texts| texts.get(i)));
        record.fields = Fields::Given(texts);
        plan.record(&mut record, &mut part);
    }
    plan.done(part)
}

/// Texts one after the other.
struct Made {
    text: String,
    ends: Vec<usize>,
}

impl Made {
    fn new(rows: usize, mut write: impl FnMut(usize, &mut String)) -> Made {
        let mut made = Made {
            text: String::new(),
            ends: Vec::with_capacity(rows),
        };
        for i in 0..rows {
            write(i, &mut made.text);
            made.ends.push(made.text.len());
        }
        made
    }

    fn get(&self, i: usize) -> &str {
        let from = i.checked_sub(1).and_then(|i| self.ends.get(i)).copied();
        let range = from.unwrap_or(0)..self.ends.get(i).copied().unwrap_or(0);
        self.text.get(range).unwrap_or_default()
    }
}

/// The texts of a column; empty where there is no value.
enum Texts<'a> {
    /// As they are stored.
    Stored(&'a arrow::array::StringArray),
    Made(Made),
}

/// Whether a text stands for the values of a type.
fn has_text(kind: &DataType) -> bool {
    use DataType as T;
    match kind {
        T::List(of) => !matches!(of.data_type(), T::List(_)) && has_text(of.data_type()),
        T::Struct(_) | T::Map(..) | T::Union(..) | T::Interval(_) => false,
        _ => true,
    }
}

impl<'a> Texts<'a> {
    fn of(column: &'a ArrayRef) -> Texts<'a> {
        match column.as_string_opt::<i32>() {
            Some(texts) => Texts::Stored(texts),
            None => Texts::Made(made(column)),
        }
    }

    fn get(&self, i: usize) -> &str {
        match self {
            Texts::Stored(texts) if texts.is_valid(i) => texts.value(i),
            Texts::Stored(_) => "",
            Texts::Made(made) => made.get(i),
        }
    }
}

/// Texts of the values of one type.
fn each<T: ArrowPrimitiveType>(column: &ArrayRef, write: impl Fn(T::Native, &mut String)) -> Made {
    let values = column.as_primitive::<T>();
    Made::new(values.len(), |i, text| {
        if values.is_valid(i) {
            write(values.value(i), text);
        }
    })
}

fn shown<T: ArrowPrimitiveType>(column: &ArrayRef) -> Made
where
    T::Native: std::fmt::Display,
{
    each::<T>(column, |value, text| plain(text, value))
}

/// Writing to a text cannot fail.
fn plain(text: &mut String, value: impl std::fmt::Display) {
    let _ = write!(text, "{value}");
}

fn moment<T: ArrowPrimitiveType<Native = i64>>(column: &ArrayRef, zone: bool) -> Made {
    let micros: fn(i64) -> Option<i64> = match T::DATA_TYPE {
        DataType::Timestamp(TimeUnit::Second, _) => |ticks: i64| ticks.checked_mul(1_000_000),
        DataType::Timestamp(TimeUnit::Millisecond, _) => |ticks: i64| ticks.checked_mul(1_000),
        DataType::Timestamp(TimeUnit::Nanosecond, _) => |ticks: i64| Some(ticks.div_euclid(1_000)),
        _ => |ticks: i64| Some(ticks),
    };
    each::<T>(column, |ticks, text| {
        let at = micros(ticks).and_then(|at| jiff::Timestamp::from_microsecond(at).ok());
        match at {
            Some(at) if zone => plain(text, at),
            // Without a zone the file means a local time: the mapping's zone decides.
            Some(at) => plain(text, jiff::tz::Offset::UTC.to_datetime(at)),
            None => plain(text, format_args!("{ticks} (outside of the calendar)")),
        }
    })
}

fn date(days: i64, text: &mut String) {
    let epoch = jiff::civil::date(1970, 1, 1);
    let span = jiff::Span::new().try_days(days);
    match span.and_then(|span| epoch.checked_add(span)) {
        Ok(date) => plain(text, date),
        Err(_) => plain(text, format_args!("{days} (outside of the calendar)")),
    }
}

/// A time of day; only as many decimals of the second as it has.
fn time(nanos: i64, text: &mut String) {
    let (seconds, rest) = (
        nanos.div_euclid(1_000_000_000),
        nanos.rem_euclid(1_000_000_000),
    );
    let (hours, minutes) = (seconds / 3_600, seconds / 60 % 60);
    plain(
        text,
        format_args!("{hours:02}:{minutes:02}:{:02}", seconds % 60),
    );
    if rest != 0 {
        plain(text, format_args!(".{rest:09}"));
        text.truncate(text.trim_end_matches('0').len());
    }
}

/// Bytes that are a text, else in hexadecimal.
fn bytes(value: &[u8], text: &mut String) {
    match std::str::from_utf8(value) {
        Ok(utf8) if !utf8.contains('\0') => text.push_str(utf8),
        _ => value
            .iter()
            .for_each(|byte| plain(text, format_args!("{byte:02x}"))),
    }
}

/// The texts of a column of anything but texts.
fn made(column: &ArrayRef) -> Made {
    use DataType as T;
    let rows = column.len();
    match column.data_type() {
        T::Boolean => {
            let values = column.as_boolean();
            Made::new(rows, |i, text| {
                if values.is_valid(i) {
                    plain(text, values.value(i));
                }
            })
        }
        T::Int8 => shown::<Int8Type>(column),
        T::Int16 => shown::<Int16Type>(column),
        T::Int32 => shown::<Int32Type>(column),
        T::Int64 => shown::<Int64Type>(column),
        T::UInt8 => shown::<UInt8Type>(column),
        T::UInt16 => shown::<UInt16Type>(column),
        T::UInt32 => shown::<UInt32Type>(column),
        T::UInt64 => shown::<UInt64Type>(column),
        T::Float16 => shown::<Float16Type>(column),
        T::Float32 => shown::<Float32Type>(column),
        T::Float64 => shown::<Float64Type>(column),
        T::Date32 => each::<Date32Type>(column, |days, text| date(days.into(), text)),
        T::Date64 => each::<Date64Type>(column, |ms, text| date(ms.div_euclid(86_400_000), text)),
        T::Time32(_) => each::<Time32MillisecondType>(column, |ms, text| {
            time(i64::from(ms) * 1_000_000, text);
        }),
        T::Time64(TimeUnit::Nanosecond) => each::<Time64NanosecondType>(column, time),
        T::Time64(_) => each::<Time64MicrosecondType>(column, |us, text| {
            time(us.saturating_mul(1_000), text);
        }),
        T::Timestamp(TimeUnit::Second, z) => moment::<TimestampSecondType>(column, z.is_some()),
        T::Timestamp(TimeUnit::Millisecond, z) => {
            moment::<TimestampMillisecondType>(column, z.is_some())
        }
        T::Timestamp(TimeUnit::Microsecond, z) => {
            moment::<TimestampMicrosecondType>(column, z.is_some())
        }
        T::Timestamp(TimeUnit::Nanosecond, z) => {
            moment::<TimestampNanosecondType>(column, z.is_some())
        }
        T::Decimal32(..) => {
            let values = column.as_primitive::<arrow::array::types::Decimal32Type>();
            decimals(column, |i| values.value_as_string(i))
        }
        T::Decimal64(..) => {
            let values = column.as_primitive::<arrow::array::types::Decimal64Type>();
            decimals(column, |i| values.value_as_string(i))
        }
        T::Decimal128(..) => {
            let values = column.as_primitive::<arrow::array::types::Decimal128Type>();
            decimals(column, |i| values.value_as_string(i))
        }
        T::Decimal256(..) => {
            let values = column.as_primitive::<arrow::array::types::Decimal256Type>();
            decimals(column, |i| values.value_as_string(i))
        }
        T::Binary => {
            let values = column.as_binary::<i32>();
            Made::new(rows, |i, text| {
                if values.is_valid(i) {
                    bytes(values.value(i), text);
                }
            })
        }
        T::FixedSizeBinary(_) => {
            let values = column.as_fixed_size_binary();
            Made::new(rows, |i, text| {
                if values.is_valid(i) {
                    bytes(values.value(i), text);
                }
            })
        }
        T::List(of) if has_text(of.data_type()) => {
            let values = column.as_list::<i32>();
            Made::new(rows, |i, text| {
                if values.is_valid(i) {
                    let begins = text.len();
                    let own = values.value(i);
                    let texts = Texts::of(&own);
                    // As lists in JSON.
                    for at in 0..own.len() {
                        if text.len() > begins {
                            text.push_str("; ");
                        }
                        text.push_str(texts.get(at));
                    }
                }
            })
        }
        // Nothing stands for these; a mapping that reads one is refused.
        _ => Made::new(rows, |_, _| {}),
    }
}

fn decimals(column: &ArrayRef, value: impl Fn(usize) -> String) -> Made {
    Made::new(column.len(), |i, text| {
        if column.is_valid(i) {
            text.push_str(&value(i));
        }
    })
}
