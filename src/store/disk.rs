//! The store's folder: one Parquet file per small table, one per contract and month for
//! partitioned ones, so that a month of a contract can be replaced alone. Responsible for layout,
//! locking and replacing the whole at once; not for the content of rows.
//!
//! Layout: `<store>/<table>.parquet`, or `<store>/<table>/<contract>/<yyyy-mm>.parquet` where the
//! UTC month of the partition column names the file. A reader sees the old store or the new one,
//! never a mixture: a run writes beside the store and exchanges the two folders.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};

pub use super::error::StoreError;
use polars::prelude::{DataFrame, ParquetReader, PolarsError, PolarsResult, SerReader};
use polars_arrow::datatypes::{ArrowSchema, Field};
use polars_parquet::parquet::error::ParquetError;
use polars_parquet::write::{
    CompressionOptions, Compressor, DynIter, DynStreamingIterator, FallibleStreamingIterator,
    FileWriter, StatisticsOptions, Version, WriteOptions, array_to_columns,
};

use super::encode::Group;

/// Rows in a row group of the store.
const ROW_GROUP: usize = 1 << 17;

/// A folder that is written beside the one it will replace.
#[derive(Debug)]
pub struct Staging {
    target: PathBuf,
    staging: PathBuf,
    // Held as long as this is.
    _lock: Lock,
}

/// The lock of a folder, on a file that lies beside it. The system releases it with the process.
#[derive(Debug)]
struct Lock(File);

impl Lock {
    fn open(parent: &Path, name: &str) -> Result<Lock, StoreError> {
        let path = Lock::path(parent, name);
        let file = File::create(&path).map_err(|e| StoreError::io(&path, &e))?;
        Ok(Lock(file))
    }

    fn path(parent: &Path, name: &str) -> PathBuf {
        parent.join(format!(".{name}.lock"))
    }
}

impl Drop for Lock {
    /// Closing the file would not be enough: a process that was started meanwhile has it open too,
    /// until it begins its own program.
    fn drop(&mut self) {
        self.0.unlock().ok();
    }
}

/// The name of a folder and the folder that it lies in.
fn placed(target: &Path) -> (PathBuf, &str) {
    let name = target.file_name().and_then(|n| n.to_str());
    let parent = match target.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => PathBuf::from("."),
    };
    (parent, name.unwrap_or("folder"))
}

/// A folder that nobody replaces as long as this is held; others may read it as well.
#[derive(Debug)]
pub struct Reading {
    _lock: Lock,
}

impl Reading {
    /// Of the folder `target`.
    ///
    /// # Errors
    /// When a run is replacing it.
    pub fn begin(target: &Path) -> Result<Reading, StoreError> {
        let (parent, name) = placed(target);
        let lock = Lock::open(&parent, name)?;
        match lock.0.try_lock_shared() {
            Ok(()) => Ok(Reading { _lock: lock }),
            Err(_) => Err(StoreError::Locked {
                folder: target.to_owned(),
                lock: Lock::path(&parent, name),
            }),
        }
    }
}

impl Staging {
    /// Starts a new version of the folder `target`.
    ///
    /// # Errors
    /// When another run holds it or the folder cannot be made.
    pub fn begin(target: &Path) -> Result<Staging, StoreError> {
        let (parent, name) = placed(target);
        fs::create_dir_all(&parent).map_err(|e| StoreError::io(&parent, &e))?;
        let lock = Lock::open(&parent, name)?;
        if lock.0.try_lock().is_err() {
            return Err(StoreError::Locked {
                folder: target.to_owned(),
                lock: Lock::path(&parent, name),
            });
        }
        let staging = parent.join(format!(".{name}.new"));
        if staging.exists() {
            // Left by a run that was killed; nobody reads it.
            fs::remove_dir_all(&staging).map_err(|e| StoreError::io(&staging, &e))?;
        }
        fs::create_dir_all(&staging).map_err(|e| StoreError::io(&staging, &e))?;
        Ok(Staging {
            target: target.to_owned(),
            staging,
            _lock: lock,
        })
    }

    /// Where to write.
    pub fn folder(&self) -> &Path {
        &self.staging
    }

    /// Makes the new version the current one.
    ///
    /// # Errors
    /// When the folders cannot be exchanged; the former version then still stands.
    pub fn publish(self) -> Result<(), StoreError> {
        if self.target.exists() {
            exchange(&self.staging, &self.target)?;
            fs::remove_dir_all(&self.staging).map_err(|e| StoreError::io(&self.staging, &e))
        } else {
            fs::rename(&self.staging, &self.target).map_err(|e| StoreError::io(&self.target, &e))
        }
    }
}

impl Drop for Staging {
    /// What was not published is of no use to anybody. A killed process leaves it to the next run.
    fn drop(&mut self) {
        fs::remove_dir_all(&self.staging).ok();
    }
}

/// Exchanges two folders, at once where the system can.
fn exchange(new: &Path, old: &Path) -> Result<(), StoreError> {
    #[cfg(target_os = "linux")]
    {
        use rustix::fs::{CWD, RenameFlags, renameat_with};
        if renameat_with(CWD, new, CWD, old, RenameFlags::EXCHANGE).is_ok() {
            return Ok(());
        }
    }
    // Elsewhere there is a moment between two renames in which the folder is away; the former
    // version is kept beside it until the new one stands.
    let aside = old.with_extension("old");
    fs::rename(old, &aside).map_err(|e| StoreError::io(old, &e))?;
    fs::rename(new, old).map_err(|e| StoreError::io(old, &e))?;
    fs::rename(&aside, new).map_err(|e| StoreError::io(new, &e))
}

/// The hash of a file as it lies on disk.
///
/// # Errors
/// When it cannot be read.
pub fn hash_of(path: &Path) -> std::io::Result<blake3::Hash> {
    let mut hasher = blake3::Hasher::new();
    hasher.update_reader(File::open(path)?)?;
    Ok(hasher.finalize())
}

/// A writer that hashes what passes.
struct Hashing {
    file: File,
    hash: blake3::Hasher,
}

impl Write for Hashing {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.hash.update(bytes.get(..written).unwrap_or_default());
        Ok(written)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.file.flush()
    }
}

/// So many bytes are written at once.
const BUFFER: usize = 1 << 16;

/// How columns are written.
const OPTIONS: WriteOptions = WriteOptions {
    statistics: StatisticsOptions {
        min_value: true,
        max_value: true,
        distinct_count: false,
        null_count: true,
        binary_statistics_truncate_length: None,
    },
    version: Version::V1,
    // Read far more often than written: unpacking zstd was an eighth of the passes.
    compression: CompressionOptions::Snappy,
    data_page_size: None,
};

/// The schema of a file of which some rows are known.
fn schema(group: &Group) -> ArrowSchema {
    let columns = group.columns.iter();
    let fields = columns.map(|c| Field::new(c.name.as_str().into(), c.dtype.clone(), true));
    fields.collect()
}

/// A Parquet file of the store that is being written.
pub(super) struct Writing {
    path: PathBuf,
    writer: FileWriter<BufWriter<Hashing>>,
}

impl Writing {
    /// Begins a file with the columns of `like`, whose rows do not matter.
    ///
    /// # Errors
    /// When it cannot be made.
    pub(super) fn begin(path: &Path, like: &Group) -> Result<Writing, StoreError> {
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).map_err(|e| StoreError::io(parent, &e))?;
        }
        let file = File::create(path).map_err(|e| StoreError::io(path, &e))?;
        // The encoder of a file's footer writes byte by byte.
        let buffered = BufWriter::with_capacity(
            BUFFER,
            Hashing {
                file,
                hash: blake3::Hasher::new(),
            },
        );
        let writer = FileWriter::try_new(buffered, schema(like), OPTIONS);
        Ok(Writing {
            writer: writer.map_err(|e| unwritten(path, &e))?,
            path: path.to_owned(),
        })
    }

    /// Adds a row group; none for no rows.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(super) fn add(&mut self, group: Group) -> Result<(), StoreError> {
        if group.rows == 0 {
            return Ok(());
        }
        add(&mut self.writer, group).map_err(|e| unwritten(&self.path, &e))
    }

    /// Ends the file; gives its hash.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(super) fn end(mut self) -> Result<blake3::Hash, StoreError> {
        let ended = self.writer.end(None);
        ended.map_err(|e| unwritten(&self.path, &e))?;
        let buffered = self.writer.into_inner();
        let hashing = buffered
            .into_inner()
            .map_err(|e| StoreError::io(&self.path, e.error()))?;
        Ok(hashing.hash.finalize())
    }
}

fn unwritten(path: &Path, cause: &PolarsError) -> StoreError {
    StoreError::Io {
        path: path.to_owned(),
        cause: cause.to_string(),
    }
}

/// Writes some rows as a row group.
fn add(writer: &mut FileWriter<impl Write>, group: Group) -> PolarsResult<()> {
    let types = writer.parquet_schema().fields().to_vec();
    let mut columns = Vec::with_capacity(types.len());
    for (column, kind) in group.columns.into_iter().zip(types) {
        let encoding = [column.encoding];
        for pages in array_to_columns(column.array, kind, OPTIONS, &encoding)? {
            let failed = |e: PolarsError| ParquetError::OutOfSpec(e.to_string());
            let pages = DynIter::new(pages.map(move |page| page.map_err(failed)));
            let packed = Compressor::new(pages, OPTIONS.compression, Vec::new());
            columns.push(Ok(DynStreamingIterator::new(
                packed.map_err(PolarsError::from),
            )));
        }
    }
    writer.write(group.rows as u64, DynIter::new(columns.into_iter()))
}

/// Writes so many rows as a Parquet file of the store, of which `group` makes some at a time; gives
/// the hash of the file.
///
/// # Errors
/// When it cannot be written, or those of `group`.
pub(super) fn write(
    path: &Path,
    rows: usize,
    mut group: impl FnMut(Range<usize>) -> PolarsResult<Group>,
) -> Result<blake3::Hash, StoreError> {
    let mut next = |range| group(range).map_err(|e| unwritten(path, &e));
    let first = next(0..rows.min(ROW_GROUP))?;
    let mut writing = Writing::begin(path, &first)?;
    let mut written = first.rows;
    writing.add(first)?;
    while written < rows {
        let some = next(written..rows.min(written + ROW_GROUP))?;
        if some.rows == 0 {
            break;
        }
        written += some.rows;
        writing.add(some)?;
    }
    writing.end()
}

/// Reads a Parquet file of the store; `None` when there is no such table.
///
/// # Errors
/// When it is damaged.
pub fn read(path: &Path) -> Result<Option<DataFrame>, StoreError> {
    if !path.is_file() {
        return Ok(None);
    }
    let file = File::open(path).map_err(|e| StoreError::io(path, &e))?;
    let damaged = |cause: String| StoreError::Damaged {
        path: path.to_owned(),
        cause,
    };
    let mut frame = ParquetReader::new(file)
        .finish()
        .map_err(|e| damaged(e.to_string()))?;
    frame.rechunk_mut();
    Ok(Some(frame))
}

/// One file of a partitioned table: a UTC month of a contract.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Partition {
    /// The contract.
    pub contract: String,
    /// The UTC month, `2025-03`.
    pub month: String,
}

impl Partition {
    /// Where the partition of a table lies.
    pub fn path(&self, store: &Path, table: &str) -> PathBuf {
        let file = format!("{}.parquet", self.month);
        store.join(table).join(escaped(&self.contract)).join(file)
    }

    /// Where something that is kept of it lies: `<kind>/<contract>/<yyyy-mm>`.
    pub fn place(&self, kind: &str) -> String {
        format!("{kind}/{}/{}", escaped(&self.contract), self.month)
    }

    /// Its path within the store, with `/` between the parts on every system.
    pub fn name(&self, table: &str) -> String {
        format!("{}.parquet", self.place(table))
    }
}

/// An identifier as the name of a folder or file: bytes other than letters, digits, `-`, `_` and
/// dots that are not the first become `%` and two hexadecimal digits (RFC 3986, section 2.1);
/// nothing at all becomes `%`.
pub fn escaped(id: &str) -> String {
    if id.is_empty() {
        return "%".to_owned();
    }
    let mut name = String::with_capacity(id.len());
    for (i, byte) in id.bytes().enumerate() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' => name.push(char::from(byte)),
            b'.' if i > 0 => name.push('.'),
            _ => name.push_str(&format!("%{byte:02X}")),
        }
    }
    name
}

/// The identifier that [`escaped`] made a name of; `None` for any other name.
fn unescaped(name: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(name.len());
    let mut rest = name.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' || name == "%" {
            bytes.push(byte);
            continue;
        }
        let digits = [rest.next()?, rest.next()?];
        let digits = std::str::from_utf8(&digits).ok()?;
        bytes.push(u8::from_str_radix(digits, 16).ok()?);
    }
    let id = match name {
        "%" => String::new(),
        _ => String::from_utf8(bytes).ok()?,
    };
    (escaped(&id) == name).then_some(id)
}

/// The partitions of a table, by contract and month.
///
/// # Errors
/// When a folder cannot be listed.
pub fn partitions(store: &Path, table: &str) -> Result<Vec<Partition>, StoreError> {
    let folder = store.join(table);
    let mut found = Vec::new();
    for of_contract in listed(&folder)? {
        let name = of_contract.file_name().and_then(|n| n.to_str());
        let Some(contract) = name.and_then(unescaped) else {
            continue;
        };
        for path in listed(&of_contract)? {
            if let (Some(stem), Some("parquet")) = (
                path.file_stem().and_then(|s| s.to_str()),
                path.extension().and_then(|e| e.to_str()),
            ) {
                found.push(Partition {
                    contract: contract.clone(),
                    month: stem.to_owned(),
                });
            }
        }
    }
    found.sort();
    Ok(found)
}

/// What lies in a folder; nothing where there is none.
fn listed(folder: &Path) -> Result<Vec<PathBuf>, StoreError> {
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let entries = fs::read_dir(folder).map_err(|e| StoreError::io(folder, &e))?;
    entries
        .map(|entry| match entry {
            Ok(entry) => Ok(entry.path()),
            Err(e) => Err(StoreError::io(folder, &e)),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_free_again_though_a_child_has_its_lock_open() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("store");
        let staging = Staging::begin(&target).unwrap();
        let inherited = staging._lock.0.try_clone().unwrap();
        assert!(Staging::begin(&target).is_err() && Reading::begin(&target).is_err());
        drop(staging);
        let reading = Reading::begin(&target).unwrap();
        assert!(Reading::begin(&target).is_ok() && Staging::begin(&target).is_err());
        drop(reading);
        assert!(Staging::begin(&target).is_ok());
        drop(inherited);
    }

    #[test]
    fn any_identifier_is_a_name_and_comes_back() {
        for id in ["", "CT-A1", "a/b", "..", ".x", "50 %", "naïve", "a.b", "%"] {
            let name = escaped(id);
            assert!(
                !name.contains(['/', '\\', ' ']) && !name.starts_with('.'),
                "{name}"
            );
            assert_eq!(unescaped(&name).as_deref(), Some(id), "{name}");
        }
        for foreign in [".DS_Store", "%zz", "%2", "a b", "%41"] {
            assert_eq!(unescaped(foreign), None, "{foreign}");
        }
    }
}
