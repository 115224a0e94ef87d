//! Parquet for `gainshare settle`: tables of measures in, the settlement table out. Not
//! responsible for what cells mean (see [`crate::settle`]) or for the table contract (see
//! [`crate::publish`]).

use std::fs::File;
use std::path::Path;

use arrow::util::display::{ArrayFormatter, FormatOptions};
use miette::{Context as _, IntoDiagnostic as _};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use crate::publish::statements;
use crate::settle::{SettlementLine, Table};

/// Reads a flat Parquet file as a table of texts; a null is an empty text.
pub(super) fn read(path: &Path) -> miette::Result<Table> {
    let name = path.display().to_string();
    let told = || format!("the table {name} cannot be read");
    let file = File::open(path).into_diagnostic().wrap_err_with(told)?;
    let builder = ParquetRecordBatchReaderBuilder::try_new(file)
        .into_diagnostic()
        .wrap_err_with(told)?;
    let header: Vec<String> = builder
        .schema()
        .fields()
        .iter()
        .map(|field| field.name().clone())
        .collect();
    let options = FormatOptions::default().with_null("");
    let mut rows = Vec::new();
    for batch in builder.build().into_diagnostic().wrap_err_with(told)? {
        let batch = batch.into_diagnostic().wrap_err_with(told)?;
        let columns = batch
            .columns()
            .iter()
            .map(|column| ArrayFormatter::try_new(column.as_ref(), &options))
            .collect::<Result<Vec<_>, _>>()
            .into_diagnostic()
            .wrap_err_with(told)?;
        for index in 0..batch.num_rows() {
            let cells = columns
                .iter()
                .map(|column| column.value(index).to_string())
                .collect();
            // Rows count from 1, the header being no row of the file.
            rows.push((rows.len() as u64 + 1, cells));
        }
    }
    Ok(Table { name, header, rows })
}

/// Writes the settlement table to a file, all of it or nothing.
pub(super) fn write(
    lines: &[SettlementLine],
    path: &Path,
    metadata: &[(String, String)],
) -> miette::Result<()> {
    let told = || format!("{} cannot be written", path.display());
    let beside = path
        .parent()
        .filter(|p| !p.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    let folder = tempfile::tempdir_in(beside)
        .into_diagnostic()
        .wrap_err_with(told)?;
    let written = folder.path().join("settlement.parquet");
    statements::settlement(lines).write_as(&written, metadata)?;
    std::fs::rename(&written, path)
        .into_diagnostic()
        .wrap_err_with(told)
}
