//! Pieces of output tables: the rows of one contract, encoded as they will stand in the file, so
//! that they can be kept and joined without being encoded again. A row group holds rows of one
//! contract only, and a reader who wants one contract passes over the others. Responsible for
//! making and joining pieces; not for which there are.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::arrow::{ArrowSchemaConverter, ArrowWriter, add_encoded_arrow_schema_to_metadata};
use parquet::column::writer::ColumnCloseResult;
use parquet::errors::ParquetError;
use parquet::file::properties::EnabledStatistics;
use parquet::file::reader::{FileReader as _, SerializedFileReader};
use parquet::file::writer::SerializedFileWriter;
use serde::{Deserialize, Serialize};

use super::table::{PublishError, Table};
use crate::store::cache::Opaque;

/// Rows of a table, encoded: a Parquet file of their own without metadata. Nothing at all for no
/// rows.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Piece {
    bytes: Opaque,
}

impl Piece {
    /// The rows of a table.
    ///
    /// # Errors
    /// When a decimal has more decimals than its column.
    pub fn of(table: &Table) -> Result<Piece, PublishError> {
        if table.rows() == 0 {
            return Ok(Piece::default());
        }
        encoded(table)
            .map(|bytes| Piece {
                bytes: Opaque(bytes),
            })
            .map_err(|cause| PublishError {
                path: PathBuf::from(format!("{}.parquet", table.name)),
                cause,
            })
    }
}

fn encoded(table: &Table) -> Result<Vec<u8>, String> {
    let batch = table.batch()?;
    // Indices of pages are not joined.
    let properties = Table::properties()
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_offset_index_disabled(true)
        .build();
    let options = ArrowWriterOptions::new()
        .with_properties(properties)
        .with_skip_arrow_metadata(true);
    let written = || -> Result<Vec<u8>, ParquetError> {
        let mut writer = ArrowWriter::try_new_with_options(Vec::new(), batch.schema(), options)?;
        writer.write(&batch)?;
        writer.into_inner()
    };
    written().map_err(|e| e.to_string())
}

/// Writes a table as `<folder>/<name>.parquet`: the columns of `table`, whose own rows do not
/// matter, and the rows of the pieces one after the other. Gives the path and the number of rows.
///
/// # Errors
/// When the file cannot be written.
pub fn join<'p>(
    table: &Table,
    pieces: impl IntoIterator<Item = &'p Piece>,
    folder: &Path,
    metadata: &[(String, String)],
) -> Result<(PathBuf, u64), PublishError> {
    let path = folder.join(format!("{}.parquet", table.name));
    match joined(table, pieces, &path, metadata) {
        Ok(rows) => Ok((path, rows)),
        Err(cause) => Err(PublishError { path, cause }),
    }
}

fn joined<'p>(
    table: &Table,
    pieces: impl IntoIterator<Item = &'p Piece>,
    path: &Path,
    metadata: &[(String, String)],
) -> Result<u64, String> {
    let schema = table.schema()?;
    let mut properties = Table::properties()
        .set_key_value_metadata(Some(table.metadata(metadata)))
        .build();
    add_encoded_arrow_schema_to_metadata(&schema, &mut properties);
    let file = File::create(path).map_err(|e| e.to_string())?;
    let written = || -> Result<u64, ParquetError> {
        let columns = ArrowSchemaConverter::new().convert(&schema)?;
        let root = columns.root_schema_ptr();
        let mut writer = SerializedFileWriter::new(file, root, Arc::new(properties))?;
        let mut rows = 0;
        for piece in pieces {
            if piece.bytes.0.is_empty() {
                continue;
            }
            let bytes = Bytes::copy_from_slice(&piece.bytes.0);
            let reader = SerializedFileReader::new(bytes.clone())?;
            for group in reader.metadata().row_groups() {
                let n = u64::try_from(group.num_rows()).unwrap_or_default();
                let mut next = writer.next_row_group()?;
                for column in group.columns() {
                    let close = ColumnCloseResult {
                        bytes_written: u64::try_from(column.compressed_size()).unwrap_or_default(),
                        rows_written: n,
                        metadata: column.clone(),
                        bloom_filter: None,
                        column_index: None,
                        offset_index: None,
                    };
                    next.append_column(&bytes, close)?;
                }
                next.close()?;
                rows += n;
            }
        }
        writer.close()?;
        Ok(rows)
    };
    written().map_err(|e| e.to_string())
}
