//! `_manifest.json`: what a run read, by which terms, and what it wrote. Written last: a reader
//! that sees it sees a complete run.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::table::{PublishError, SCHEMA_VERSION};
use crate::ingest::account::FileAccount;
use crate::store::disk;

/// Name of the manifest in the output folder.
pub const MANIFEST: &str = "_manifest.json";

/// What a run read and wrote. No timestamp and nothing of the host.
#[derive(Debug, Serialize)]
pub struct Manifest {
    /// Version of the program.
    pub gainshare: String,
    /// Version of the table contracts.
    pub schema_version: u32,
    /// Version of the bundled zone database.
    pub zone_database: String,
    /// Name of the project.
    pub project: String,
    /// The moment up to which the files tell what happened.
    pub as_of: String,
    /// Hash of all terms, by contract.
    pub terms: BTreeMap<String, String>,
    /// Hash of the project file, mappings and terms together.
    pub configuration_hash: String,
    /// What became of people's names and of free text.
    pub people: PeopleNote,
    /// Hash of all input files, in order of their names.
    pub inputs_hash: String,
    /// The account of each input file.
    pub inputs: Vec<FileAccount>,
    /// The files written.
    pub outputs: Vec<OutputFile>,
}

/// What became of people's names and of free text, for whoever has to agree to it.
#[derive(Debug, Default, Serialize)]
pub struct PeopleNote {
    /// `pseudonymous` or `as_given`.
    pub names: String,
    /// Where the key of the pseudonyms came from; absent without a key.
    pub key: Option<String>,
    /// Source columns with names, as `source: column`.
    pub columns: Vec<String>,
    /// Source columns kept as they are because a mapping asks for them, as `source: column`. No
    /// other text of an export beyond the canonical columns is stored.
    pub kept: Vec<String>,
}

/// One file written.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct OutputFile {
    /// Name in the output folder.
    pub file: String,
    /// Rows.
    pub rows: u64,
    /// BLAKE3 of the file.
    pub blake3: String,
}

impl OutputFile {
    /// A written file by its name in the output folder.
    ///
    /// # Errors
    /// When it cannot be read back.
    pub fn of(path: &Path, name: &str, rows: u64) -> Result<OutputFile, PublishError> {
        match disk::hash_of(path) {
            Ok(hash) => Ok(OutputFile {
                file: name.to_owned(),
                rows,
                blake3: hash.to_string(),
            }),
            Err(e) => Err(PublishError {
                path: path.to_owned(),
                cause: e.to_string(),
            }),
        }
    }
}

impl Manifest {
    /// The metadata that every output file carries.
    pub fn file_metadata(&self) -> Vec<(String, String)> {
        let terms: Vec<&str> = self.terms.values().map(String::as_str).collect();
        let all = blake3::hash(terms.join("\n").as_bytes())
            .to_hex()
            .to_string();
        vec![
            ("version".to_owned(), self.gainshare.clone()),
            ("schema_version".to_owned(), SCHEMA_VERSION.to_string()),
            ("terms_hash".to_owned(), all),
            (
                "configuration_hash".to_owned(),
                self.configuration_hash.clone(),
            ),
            ("inputs_hash".to_owned(), self.inputs_hash.clone()),
            ("as_of".to_owned(), self.as_of.clone()),
            ("zone_database".to_owned(), self.zone_database.clone()),
        ]
    }

    /// The metadata of a file that later runs take over as it is: what is the same for all of
    /// them.
    pub fn file_metadata_of_part(&self) -> Vec<(String, String)> {
        let of_part = ["version", "schema_version", "zone_database"];
        let mut all = self.file_metadata();
        all.retain(|(key, _)| of_part.contains(&key.as_str()));
        all
    }

    /// What it says so far, as it will be written.
    pub fn as_value(&self) -> serde_json::Value {
        serde_json::to_value(self).unwrap_or_default()
    }

    /// Adds a written file.
    ///
    /// # Errors
    /// When the file cannot be read back for its hash.
    pub fn add(&mut self, path: &Path, rows: u64) -> Result<(), PublishError> {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        self.add_as(path, &name, rows)
    }

    /// Adds a written file by its name in the output folder, with `/` between folders.
    ///
    /// # Errors
    /// As [`Manifest::add`].
    pub fn add_as(&mut self, path: &Path, name: &str, rows: u64) -> Result<(), PublishError> {
        self.outputs.push(OutputFile::of(path, name, rows)?);
        Ok(())
    }

    /// Writes the manifest into `folder`.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&self, folder: &Path) -> Result<(), PublishError> {
        let path = folder.join(MANIFEST);
        let failed = |cause: String| PublishError {
            path: path.clone(),
            cause,
        };
        let mut json = serde_json::to_string_pretty(self).map_err(|e| failed(e.to_string()))?;
        json.push('\n');
        std::fs::write(&path, json).map_err(|e| failed(e.to_string()))
    }
}
