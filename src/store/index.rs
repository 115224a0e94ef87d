//! What a store holds and what it was made of: the hash of every file, the hash of the settings
//! and exports behind them. Responsible for saying whether something changed; not for making or
//! reading tables.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::disk::StoreError;

/// Name of the file within the store.
pub const INDEX: &str = "_index.json";

/// Version of the store's layout and columns: a store of another version is made anew.
pub const STORE_VERSION: u32 = 3;

/// Which build of the program this is.
pub const BUILD: &str = env!("GAINSHARE_BUILD");

/// The index of a store.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Index {
    /// [`STORE_VERSION`] of whoever made it.
    pub version: u32,
    /// [`BUILD`] of whoever made it.
    pub build: String,
    /// Hash of the settings that decide what the exports become.
    pub settings: String,
    /// Hash of every file, by its path within the store.
    pub files: BTreeMap<String, String>,
}

impl Index {
    /// The index of a store; `None` where there is no store, or one of another version.
    ///
    /// # Errors
    /// When it is there and cannot be read.
    pub fn read(store: &Path) -> Result<Option<Index>, StoreError> {
        let path = store.join(INDEX);
        if !path.is_file() {
            return Ok(None);
        }
        let bytes = std::fs::read(&path).map_err(|e| StoreError::io(&path, &e))?;
        let index: Index = serde_json::from_slice(&bytes).map_err(|e| StoreError::Damaged {
            path,
            cause: e.to_string(),
        })?;
        Ok((index.version == STORE_VERSION).then_some(index))
    }

    /// Writes it into a store.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&self, store: &Path) -> Result<(), StoreError> {
        let path = store.join(INDEX);
        let text = serde_json::to_string_pretty(self).map_err(|e| StoreError::Io {
            path: path.clone(),
            cause: e.to_string(),
        })?;
        std::fs::write(&path, text + "\n").map_err(|e| StoreError::io(&path, &e))
    }

    /// A file that the store should have and has not.
    pub fn missing(&self, store: &Path) -> Option<PathBuf> {
        let files: Vec<&String> = self.files.keys().collect();
        let paths = files.into_par_iter().map(|file| store.join(file));
        paths.find_first(|path| !path.is_file())
    }

    /// What was stored in a file, for a hash of what is made of it; empty where there is none.
    pub fn hash(&self, file: &str) -> &str {
        self.files.get(file).map_or("", String::as_str)
    }
}
