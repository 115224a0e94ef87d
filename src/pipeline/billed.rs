//! The pass over invoice lines: sums for the stages that follow, and the table `billing_facts`, a
//! file per UTC month, without doing again what an earlier run did. Responsible for what is done
//! again; not for what a line counts as (see [`crate::measure::billing`]).

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use super::RunError;
use super::contracts::Contract;
use super::savings::{place, places};
use crate::measure::invoices::{self, Billing};
use crate::measure::read::{Pass, of_contracts};
use crate::measure::spec::MeasurePlan;
use crate::publish::billing::BillingFile;
use crate::publish::manifest::{Manifest, OutputFile};
use crate::publish::table::PublishError;
use crate::store::disk::{Partition, StoreError};
use crate::store::index::BUILD;

/// Name of the table and of its folder.
const TABLE: &str = "billing_facts";

/// One contract's invoice lines of a month.
struct Part<'a> {
    contract: &'a Contract,
    plan: &'a MeasurePlan,
    partition: Partition,
    made_of: blake3::Hash,
}

/// Where the files of an output go, and where those of the former output are.
pub(super) struct Outputs<'a> {
    pub(super) new: &'a Path,
    pub(super) former: &'a Path,
}

/// Goes through all invoice lines of a store. What is published is added to the manifest.
///
/// # Errors
/// When a partition is damaged, an amount does not fit exactly or a file cannot be written.
pub(super) fn bill(
    pass: &Pass<'_>,
    contracts: &[Contract],
    outputs: &Outputs<'_>,
    manifest: &mut Manifest,
) -> Result<Billing, RunError> {
    let folder = outputs.new.join(TABLE);
    std::fs::create_dir_all(&folder).map_err(|e| PublishError {
        path: folder.clone(),
        cause: e.to_string(),
    })?;
    let mut months: BTreeMap<String, Vec<Part<'_>>> = BTreeMap::new();
    for (plan, partitions) in of_contracts(pass, "billing")? {
        let Some(contract) = contracts.iter().find(|c| c.entry.id == plan.contract_id) else {
            continue;
        };
        for partition in partitions {
            let month = partition.month.clone();
            months.entry(month).or_default().push(Part {
                contract,
                plan,
                made_of: invoices::made_of(pass, plan, &partition),
                partition,
            });
        }
    }
    let metadata = manifest.file_metadata_of_part();
    let done: Vec<(Billing, OutputFile)> = months
        .into_par_iter()
        .map(|(month, parts)| one_month(pass, outputs, &metadata, &month, &parts))
        .collect::<Result<_, RunError>>()?;
    let mut all = Billing::default();
    for (billing, file) in done {
        all.absorb(billing).map_err(|e| StoreError::Damaged {
            path: pass.store.join("billing"),
            cause: e.to_string(),
        })?;
        manifest.outputs.push(file);
    }
    Ok(all)
}

fn one_month(
    pass: &Pass<'_>,
    outputs: &Outputs<'_>,
    metadata: &[(String, String)],
    month: &str,
    parts: &[Part<'_>],
) -> Result<(Billing, OutputFile), RunError> {
    let name = format!("{TABLE}/{month}.parquet");
    let (path, former) = (outputs.new.join(&name), outputs.former.join(&name));
    let mut hasher = blake3::Hasher::new();
    let mut lines = blake3::Hasher::new();
    hasher.update(BUILD.as_bytes());
    for part in parts {
        let stored = pass.index.hash(&part.partition.name("billing"));
        lines.update(stored.as_bytes()).update(&[0]);
        hasher
            .update(part.made_of.as_bytes())
            .update(places(part.contract).as_bytes())
            .update(&[0]);
    }
    let made_of = hasher.finalize();
    let kept = format!("{TABLE}/{month}");
    let stands = pass
        .cache
        .get(&kept, &made_of)
        .filter(|file: &OutputFile| taken_over(&former, &path, file));
    let mut writing = match stands {
        Some(_) => None,
        None => {
            let mut metadata = metadata.to_vec();
            metadata.push(("lines_hash".to_owned(), lines.finalize().to_string()));
            Some(BillingFile::create(&path, &metadata)?)
        }
    };
    let mut all = Billing::default();
    for part in parts {
        let kept = part.partition.place("billing");
        let known = pass.cache.get(&kept, &part.made_of);
        let billing = match (known, &mut writing) {
            (Some(billing), None) => billing,
            (_, writing) => {
                let path = part.partition.path(pass.store, "billing");
                let id = &part.contract.entry.id;
                let billing = invoices::measure(&path, part.plan, |line| match writing {
                    None => Ok::<(), RunError>(()),
                    Some(file) => Ok(file.push(id, line, place(line, part.contract))?),
                })?;
                pass.cache.put(&kept, &part.made_of, &billing);
                billing
            }
        };
        all.absorb(billing).map_err(|e| StoreError::Damaged {
            path: pass.store.join("billing"),
            cause: e.to_string(),
        })?;
    }
    let file = match (stands, writing) {
        (_, Some(writing)) => {
            let rows = writing.close()?;
            let file = OutputFile {
                blake3: hash_of(&path)?,
                file: name,
                rows,
            };
            pass.cache.put(&kept, &made_of, &file);
            file
        }
        (Some(file), None) => file,
        (None, None) => return Err(lost(&path)),
    };
    Ok((all, file))
}

/// Cannot happen: a file either stands or is written.
fn lost(path: &Path) -> RunError {
    RunError::Publish(PublishError {
        path: path.to_owned(),
        cause: "nothing was written".to_owned(),
    })
}

/// Takes a file of the former output over into the new one, if it is the same byte for byte.
fn taken_over(former: &Path, new: &PathBuf, file: &OutputFile) -> bool {
    hash_of(former).is_ok_and(|hash| hash == file.blake3)
        && (std::fs::hard_link(former, new).is_ok() || std::fs::copy(former, new).is_ok())
}

fn hash_of(path: &Path) -> Result<String, PublishError> {
    let mut hasher = blake3::Hasher::new();
    let read = std::fs::File::open(path).and_then(|f| hasher.update_reader(f).map(|_| ()));
    match read {
        Ok(()) => Ok(hasher.finalize().to_string()),
        Err(e) => Err(PublishError {
            path: path.to_owned(),
            cause: e.to_string(),
        }),
    }
}
