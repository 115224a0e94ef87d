//! What the manifest of a run says of its project, terms and inputs. Not responsible for its shape
//! (see [`crate::publish::manifest`]).

use std::collections::BTreeMap;

use super::contracts::Contract;
use super::people;
use crate::config::project::Project;
use crate::ingest::notes::Notes;
use crate::publish::manifest::Manifest;
use crate::publish::table::SCHEMA_VERSION;

/// The manifest before any file is written.
pub(super) fn before(project: &Project, contracts: &[Contract], notes: &Notes) -> Manifest {
    let mut configuration = blake3::Hasher::new();
    for (name, text) in &project.texts {
        configuration
            .update(name.as_bytes())
            .update(&[0])
            .update(text.as_bytes())
            .update(&[0]);
    }
    let mut terms = BTreeMap::new();
    for contract in contracts {
        let hash = contract.terms.hash();
        configuration
            .update(contract.entry.id.as_bytes())
            .update(hash.as_bytes());
        for (scheme, (compared, _)) in &contract.compare {
            configuration
                .update(scheme.as_bytes())
                .update(compared.hash().as_bytes());
        }
        terms.insert(contract.entry.id.clone(), hash);
    }
    let mut files: Vec<(&str, &str)> = notes
        .accounts
        .iter()
        .map(|a| (a.file.as_str(), a.blake3.as_str()))
        .collect();
    files.sort_unstable();
    let mut inputs = blake3::Hasher::new();
    for (file, hash) in files {
        inputs
            .update(file.as_bytes())
            .update(&[0])
            .update(hash.as_bytes());
    }
    let mut accounts = notes.accounts.clone();
    accounts.sort_by(|a, b| (&a.table, &a.file).cmp(&(&b.table, &b.file)));
    Manifest {
        gainshare: env!("CARGO_PKG_VERSION").to_owned(),
        schema_version: SCHEMA_VERSION,
        zone_database: crate::time::zone_database_version().to_owned(),
        project: project.file.name.clone(),
        as_of: project.as_of.to_string(),
        terms,
        configuration_hash: configuration.finalize().to_hex().to_string(),
        people: people::note(project, notes),
        inputs_hash: inputs.finalize().to_hex().to_string(),
        inputs: accounts,
        outputs: Vec::new(),
    }
}
