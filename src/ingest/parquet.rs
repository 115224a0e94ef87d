//! A Parquet file as a table of texts, so that the same mapping and the same checks apply to it
//! as to delimited text.

use std::io::Cursor;

use parquet::basic::ConvertedType;
use parquet::file::metadata::{ParquetMetaData, ParquetMetaDataReader};
use polars::prelude::{AnyValue, DataFrame, ParquetReader, SerReader};

use super::file::InputError;
use super::reader::{Row, Table};

/// Header and rows of a Parquet file; instants as RFC 3339, absent values as no cell.
///
/// # Errors
/// When the file is damaged or holds columns that no text stands for.
pub(super) fn table(shown: &str, bytes: Vec<u8>) -> Result<Table, InputError> {
    let damaged = |cause: String| InputError::Unreadable {
        file: shown.to_owned(),
        cause: format!("not a whole Parquet file: {cause}"),
        hint: "it was cut off or changed on its way; write or copy it again".to_owned(),
    };
    if !bytes.starts_with(b"PAR1") {
        return Err(InputError::Unreadable {
            file: shown.to_owned(),
            cause: "it is no Parquet file".to_owned(),
            hint: "if it is delimited text, give it the ending .csv".to_owned(),
        });
    }
    if !(bytes.ends_with(b"PAR1") && bytes.len() > 12) {
        return Err(damaged("the closing mark is missing".to_owned()));
    }
    let metadata = whole(&bytes).map_err(|e| damaged(e.to_owned()))?;
    let narrow = [
        ConvertedType::INT_8,
        ConvertedType::INT_16,
        ConvertedType::UINT_8,
        ConvertedType::UINT_16,
    ];
    let columns = metadata.file_metadata().schema_descr().columns();
    if let Some(column) = columns
        .iter()
        .find(|c| narrow.contains(&c.converted_type()))
    {
        return Err(InputError::Unreadable {
            file: shown.to_owned(),
            cause: format!(
                "column `{}` holds whole numbers of 8 or 16 bits",
                column.name()
            ),
            hint: "write it as whole numbers of 32 or 64 bits, or as text".to_owned(),
        });
    }
    // The reader panics on some damage; what it read until then is dropped with it.
    let read = std::panic::catch_unwind(|| ParquetReader::new(Cursor::new(bytes)).finish());
    let frame: DataFrame = match read {
        Ok(frame) => frame.map_err(|e| damaged(e.to_string()))?,
        Err(_) => return Err(damaged("its pages contradict its footer".to_owned())),
    };
    let header = frame
        .get_column_names()
        .iter()
        .map(|n| n.to_string())
        .collect();
    let columns = frame.columns();
    let mut rows = Vec::with_capacity(frame.height());
    for (line, i) in (1u64..).zip(0..frame.height()) {
        let mut cells = Vec::with_capacity(columns.len());
        for (at, column) in (0u32..).zip(columns) {
            let value = column.get(i).map_err(|e| damaged(e.to_string()))?;
            let text = text(&value);
            if !text.is_empty() {
                cells.push((at, text));
            }
        }
        rows.push(Row { line, cells });
    }
    Ok(Table { header, rows })
}

/// Whether all that the footer points at is there.
fn whole(bytes: &[u8]) -> Result<ParquetMetaData, &'static str> {
    let footer = "its footer cannot be read";
    let end = bytes.len().checked_sub(8).ok_or(footer)?;
    let length: [u8; 4] = bytes
        .get(end..end + 4)
        .and_then(|b| b.try_into().ok())
        .ok_or(footer)?;
    let length = usize::try_from(u32::from_le_bytes(length)).map_err(|_| footer)?;
    let start = end.checked_sub(length).ok_or(footer)?;
    let encoded = bytes.get(start..end).ok_or(footer)?;
    let metadata = ParquetMetaDataReader::decode_metadata(encoded).map_err(|_| footer)?;
    for column in metadata.row_groups().iter().flat_map(|g| g.columns()) {
        let first = column
            .dictionary_page_offset()
            .unwrap_or(i64::MAX)
            .min(column.data_page_offset());
        let last = first.checked_add(column.compressed_size());
        let fits = |at: i64| usize::try_from(at).is_ok_and(|at| at <= start);
        if !fits(first) || !last.is_some_and(fits) {
            return Err("it is shorter than its footer says");
        }
    }
    Ok(metadata)
}

fn text(value: &AnyValue<'_>) -> String {
    match value {
        AnyValue::Null => String::new(),
        AnyValue::String(s) => (*s).to_owned(),
        AnyValue::StringOwned(s) => s.to_string(),
        AnyValue::Datetime(ticks, unit, zone) => {
            use polars::prelude::TimeUnit;
            let micros = match unit {
                TimeUnit::Nanoseconds => ticks.div_euclid(1000),
                TimeUnit::Microseconds => *ticks,
                TimeUnit::Milliseconds => ticks.saturating_mul(1000),
            };
            match jiff::Timestamp::from_microsecond(micros) {
                // Without a zone the file means a local time: the mapping's zone decides.
                Ok(t) if zone.is_none() => jiff::tz::Offset::UTC.to_datetime(t).to_string(),
                Ok(t) => t.to_string(),
                Err(_) => String::new(),
            }
        }
        AnyValue::Float64(f) => format!("{f}"),
        AnyValue::Float32(f) => format!("{f}"),
        other => match other.get_str() {
            // Words of a dictionary: shown by polars in quotes.
            Some(word) => word.to_owned(),
            None => other.to_string(),
        },
    }
}
