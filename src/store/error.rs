//! Why a store cannot be used. Responsible for what a person is told; not for finding it out.

use std::path::{Path, PathBuf};

use miette::Diagnostic;

/// A store that cannot be used.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub enum StoreError {
    /// Another run holds the lock.
    #[error(
        "{}: another run is using this folder; it holds the lock {}",
        folder.display(),
        lock.display()
    )]
    #[diagnostic(help("wait until it has ended; the lock goes with its process"))]
    Locked {
        /// The folder.
        folder: PathBuf,
        /// The file whose lock is held.
        lock: PathBuf,
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
    #[diagnostic(help("run `gainshare ingest` again: it makes the store anew from the exports"))]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What was wrong.
        cause: String,
    },
}

impl StoreError {
    pub(crate) fn io(path: &Path, cause: &std::io::Error) -> StoreError {
        StoreError::Io {
            path: path.to_owned(),
            cause: cause.to_string(),
        }
    }
}
