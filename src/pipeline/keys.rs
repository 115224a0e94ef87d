//! Of what the kept history and the kept tables of each contract are made, as hashes: what is the
//! same in two runs is not worked out twice. Responsible for naming everything that counts; not
//! for keeping anything.

use std::collections::{BTreeMap, BTreeSet};

use rayon::prelude::*;

use super::contracts::Contract;
use super::ground::Ground;
use super::prepared;
use crate::judge::align;
use crate::store::disk;
use crate::store::index::BUILD;

/// Small tables that only settlement reads.
const OF_SETTLEMENT: [&str; 2] = ["settled.parquet", "disputes.parquet"];

/// By contract, a hash of all that its history is made of: the build, its measure plan, the tables
/// of its terms that measure (not those that pay), who it is between, its files in the store and
/// the small tables. A contract that leans on its peers is made of all of them.
pub(super) fn histories(ground: &Ground<'_>) -> BTreeMap<String, blake3::Hash> {
    let mut small = blake3::Hasher::new();
    let mut own: BTreeMap<&str, blake3::Hasher> = BTreeMap::new();
    for (file, hash) in &ground.stored.index.files {
        // `<table>/<contract>/<month>.parquet`, or a small table.
        let hasher = match file.split('/').nth(1) {
            Some(contract) => own.entry(contract).or_default(),
            None if OF_SETTLEMENT.contains(&file.as_str()) => continue,
            None => &mut small,
        };
        add(hasher, file);
        add(hasher, hash);
    }
    add(&mut small, BUILD);
    add(&mut small, &format!("{:?}", ground.stored.notes.delivered));
    add(&mut small, &ground.project.as_of.to_string());
    let small = small.finalize();
    let one = |contract: &Contract| {
        let id = &contract.entry.id;
        let mut hasher = blake3::Hasher::new();
        hasher.update(small.as_bytes());
        add(&mut hasher, id);
        add(&mut hasher, &contract.entry.supplier);
        let terms = &contract.terms;
        for table in [
            &terms.measure,
            &terms.baseline,
            &terms.savings,
            &terms.score,
        ] {
            add(&mut hasher, &format!("{table:?}"));
        }
        add(&mut hasher, &format!("{:?}", contract.rates()));
        if let Some(plan) = ground.plans.get(id) {
            hasher.update(plan.fingerprint().as_bytes());
        }
        if let Some(files) = own.get(disk::escaped(id).as_str()) {
            hasher.update(files.finalize().as_bytes());
        }
        (id.clone(), hasher.finalize())
    };
    let alone: BTreeMap<String, blake3::Hash> = ground.contracts.par_iter().map(one).collect();
    let mut all = blake3::Hasher::new();
    for hash in alone.values() {
        all.update(hash.as_bytes());
    }
    let all = all.finalize();
    let leaning: BTreeSet<&str> = ground
        .contracts
        .iter()
        .filter(|c| prepared::with_peers(c))
        .map(|c| c.entry.id.as_str())
        .collect();
    let with_all = |own: &blake3::Hash| {
        let both = [own.as_bytes().as_slice(), all.as_bytes()].concat();
        blake3::hash(&both)
    };
    alone
        .iter()
        .map(|(id, hash)| match leaning.contains(id.as_str()) {
            true => (id.clone(), with_all(hash)),
            false => (id.clone(), *hash),
        })
        .collect()
}

/// By contract, a hash of all that its tables are made of: its history, all of its terms and those
/// that it is compared with, what the project says of it, and the ledgers.
pub(super) fn tables(
    ground: &Ground<'_>,
    given: &align::Given,
    histories: &BTreeMap<String, blake3::Hash>,
) -> BTreeMap<String, blake3::Hash> {
    let mut ledgers = blake3::Hasher::new();
    for file in OF_SETTLEMENT {
        add(&mut ledgers, ground.stored.index.hash(file));
    }
    add(&mut ledgers, &format!("{given:?}"));
    let ledgers = ledgers.finalize();
    let one = |contract: &Contract| {
        let id = &contract.entry.id;
        let mut hasher = blake3::Hasher::new();
        hasher
            .update(histories.get(id)?.as_bytes())
            .update(ledgers.as_bytes());
        add(&mut hasher, &format!("{:?}", contract.entry));
        add(&mut hasher, &contract.terms.hash());
        for (scheme, (terms, _)) in &contract.compare {
            add(&mut hasher, scheme);
            add(&mut hasher, &terms.hash());
        }
        Some((id.clone(), hasher.finalize()))
    };
    ground.contracts.par_iter().filter_map(one).collect()
}

/// Adds a text, with its end.
fn add(hasher: &mut blake3::Hasher, text: &str) {
    hasher
        .update(&(text.len() as u64).to_le_bytes())
        .update(text.as_bytes());
}
