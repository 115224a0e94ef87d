//! What ingest has to say beside the tables: accounts, findings, and what the exports
//! deliver. Kept in the store, so that a recalculation says the same without reading an export.
//! Responsible for keeping it and for saying whether exports or settings changed since; not for
//! the tables (see [`crate::store::prepare`]), nor for refused rows (see [`crate::store::rejects`]).

use std::collections::{BTreeMap, BTreeSet};
#[cfg(feature = "frames")]
use std::path::Path;

#[cfg(feature = "frames")]
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::account::FileAccount;
use crate::config::project::Project;
use crate::finding::Finding;
#[cfg(feature = "frames")]
use crate::store::disk::{self, StoreError};

/// Name of the file within the store.
pub const NOTES: &str = "_ingest.json";

/// What was said of the exports that a store was made of.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Notes {
    /// One account per file, in the order of the project.
    pub accounts: Vec<FileAccount>,
    /// What was noticed.
    pub findings: Vec<Finding>,
    /// Which columns of each table any source delivers.
    pub delivered: BTreeMap<String, BTreeSet<String>>,
    /// Source columns that hold people's names, as `source: column`.
    pub people: BTreeSet<String>,
}

#[cfg(feature = "frames")]
impl Notes {
    /// The notes in a store.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn read(store: &Path) -> Result<Notes, StoreError> {
        let path = store.join(NOTES);
        let bytes = std::fs::read(&path).map_err(|e| StoreError::io(&path, &e))?;
        serde_json::from_slice(&bytes).map_err(|e| StoreError::Damaged {
            path,
            cause: e.to_string(),
        })
    }

    /// Writes them into a store.
    ///
    /// # Errors
    /// When they cannot be written.
    pub fn write(&self, store: &Path) -> Result<(), StoreError> {
        let path = store.join(NOTES);
        let text = serde_json::to_vec(self).map_err(|e| StoreError::Io {
            path: path.clone(),
            cause: e.to_string(),
        })?;
        std::fs::write(&path, text).map_err(|e| StoreError::io(&path, &e))
    }

    /// Whether the exports of the project are, byte for byte, those that were read.
    pub fn are_of(&self, project: &Project) -> bool {
        let files: Vec<_> = project.sources.iter().flat_map(|s| &s.files).collect();
        files.len() == self.accounts.len()
            && files.par_iter().zip(&self.accounts).all(|(file, account)| {
                let (shown, path) = file;
                *shown == account.file
                    && disk::hash_of(path).is_ok_and(|h| h.to_string() == account.blake3)
            })
    }
}

/// A hash of what decides, beside the exports themselves, what ingest makes of them: sources and
/// mappings, contracts and suppliers, and how names are replaced.
pub fn settings(project: &Project) -> String {
    let mut hasher = blake3::Hasher::new();
    for source in &project.sources {
        hasher.update(format!("{:?} {:?}", source.source, source.mapping).as_bytes());
    }
    for contract in &project.file.contracts {
        hasher.update(format!("{:?} {:?}", contract.id, contract.supplier).as_bytes());
    }
    hasher.update(format!("{:?}", project.file.people.names).as_bytes());
    let key = project.secret.as_ref().map(|s| s.0.as_slice());
    hasher.update(blake3::hash(key.unwrap_or_default()).as_bytes());
    hasher.finalize().to_hex().to_string()
}
