//! The store's folder: one Parquet file per small table, one per month for partitioned ones.
//! Responsible for layout, locking and replacing the whole at once; not for the content of rows.
//!
//! Layout: `<store>/<table>.parquet`, or `<store>/<table>/<yyyy-mm>.parquet` where the UTC month
//! of the partition column names the file. A reader sees the old store or the new one, never a
//! mixture: a run writes beside the store and exchanges the two folders.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use miette::Diagnostic;
use polars::prelude::{
    DataFrame, ParquetCompression, ParquetReader, ParquetWriter, SerReader, StatisticsOptions,
};

/// Rows in a row group of the store.
const ROW_GROUP: usize = 1 << 17;

/// A store that cannot be used.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub enum StoreError {
    /// Another run holds the lock.
    #[error("{}: another run is using this folder", folder.display())]
    #[diagnostic(help("wait until it has ended; the lock goes with its process"))]
    Locked {
        /// The folder.
        folder: PathBuf,
    },
    /// The operating system refused.
    #[error("{}: {cause}", path.display())]
    #[diagnostic(help("check free space and permissions, then run again"))]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        cause: String,
    },
    /// A stored table is damaged.
    #[error("{}: damaged or not ours: {cause}", path.display())]
    #[diagnostic(help("run `gainshare run` again: it makes the store anew from the exports"))]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What was wrong.
        cause: String,
    },
}

impl StoreError {
    pub(super) fn io(path: &Path, cause: &std::io::Error) -> StoreError {
        StoreError::Io {
            path: path.to_owned(),
            cause: cause.to_string(),
        }
    }
}

/// A folder that is written beside the one it will replace.
#[derive(Debug)]
pub struct Staging {
    target: PathBuf,
    staging: PathBuf,
    // Held until the end of the run; the system releases it with the process.
    _lock: File,
}

impl Staging {
    /// Starts a new version of the folder `target`.
    ///
    /// # Errors
    /// When another run holds it or the folder cannot be made.
    pub fn begin(target: &Path) -> Result<Staging, StoreError> {
        let name = target
            .file_name()
            .and_then(|n| n.to_str())
            .unwrap_or("folder");
        let parent = target.parent().map(Path::to_owned).unwrap_or_default();
        let parent = if parent.as_os_str().is_empty() {
            PathBuf::from(".")
        } else {
            parent
        };
        fs::create_dir_all(&parent).map_err(|e| StoreError::io(&parent, &e))?;
        let lock_path = parent.join(format!(".{name}.lock"));
        let lock = File::create(&lock_path).map_err(|e| StoreError::io(&lock_path, &e))?;
        if lock.try_lock().is_err() {
            return Err(StoreError::Locked {
                folder: target.to_owned(),
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

/// Writes a frame as a Parquet file of the store.
///
/// # Errors
/// When it cannot be written.
pub fn write(path: &Path, frame: &mut DataFrame) -> Result<(), StoreError> {
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent).map_err(|e| StoreError::io(parent, &e))?;
    }
    let file = File::create(path).map_err(|e| StoreError::io(path, &e))?;
    ParquetWriter::new(file)
        .with_compression(ParquetCompression::Zstd(None))
        .with_statistics(StatisticsOptions::default())
        .with_row_group_size(Some(ROW_GROUP))
        .finish(frame)
        .map_err(|e| StoreError::Io {
            path: path.to_owned(),
            cause: e.to_string(),
        })?;
    Ok(())
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

/// The months of a partitioned table, in order, with their files.
///
/// # Errors
/// When the folder cannot be listed.
pub fn partitions(store: &Path, table: &str) -> Result<Vec<(String, PathBuf)>, StoreError> {
    let folder = store.join(table);
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let mut found = Vec::new();
    for entry in fs::read_dir(&folder).map_err(|e| StoreError::io(&folder, &e))? {
        let path = entry.map_err(|e| StoreError::io(&folder, &e))?.path();
        if let (Some(stem), Some("parquet")) = (
            path.file_stem().and_then(|s| s.to_str()),
            path.extension().and_then(|e| e.to_str()),
        ) {
            found.push((stem.to_owned(), path));
        }
    }
    found.sort();
    Ok(found)
}
