//! The pass over invoice lines: sums for the stages that follow, and the table `billing_facts`, a
//! file per UTC month, without doing again what an earlier run did. Responsible for what is done
//! again; not for what a line counts as (see [`crate::measure::billing`]).

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use rayon::prelude::*;

use super::RunError;
use super::contracts::Contract;
use super::savings::{place, places};
use crate::measure::invoices::{self, Billing, InvoiceLine};
use crate::measure::plan::MeasurePlan;
use crate::measure::read::{Pass, of_contracts};
use crate::publish::billing::BillingFile;
use crate::publish::manifest::{Manifest, OutputFile};
use crate::publish::table::PublishError;
use crate::store::disk::{self, Partition, StoreError};
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

/// What invoice lines come to, by contract.
pub(super) type Billed = BTreeMap<String, Billing>;

/// Where the files of an output go, and where those of the former output are.
pub(super) struct Outputs<'a> {
    pub(super) new: &'a Path,
    pub(super) former: &'a Path,
}

/// What invoice lines come to; nothing is published.
///
/// # Errors
/// When a partition is damaged or an amount does not fit exactly.
pub(super) fn sums(pass: &Pass<'_>) -> Result<Billed, RunError> {
    of_contracts(pass, "billing")?
        .into_par_iter()
        .map(|(plan, partitions)| {
            let mut all = Billing::default();
            for partition in partitions {
                let made_of = invoices::made_of(pass, plan, &partition);
                let billing = known(pass, plan, &partition, &made_of)?;
                absorb(&mut all, billing, pass)?;
            }
            Ok((plan.contract_id.clone(), all))
        })
        .collect()
}

/// Goes through all invoice lines of a store; gives what those of the contracts that are `wanted`
/// (`None` for all) come to. What is published is added to the manifest.
///
/// # Errors
/// When a partition is damaged, an amount does not fit exactly or a file cannot be written.
pub(super) fn bill(
    pass: &Pass<'_>,
    contracts: &[Contract],
    wanted: Option<&BTreeSet<String>>,
    outputs: &Outputs<'_>,
    manifest: &mut Manifest,
) -> Result<Billed, RunError> {
    let named: BTreeMap<&str, &Contract> =
        contracts.iter().map(|c| (c.entry.id.as_str(), c)).collect();
    let mut months: BTreeMap<String, Vec<Part<'_>>> = BTreeMap::new();
    for (plan, partitions) in of_contracts(pass, "billing")? {
        let Some(contract) = named.get(plan.contract_id.as_str()).copied() else {
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
    if months.is_empty() {
        return Ok(Billed::new());
    }
    let folder = outputs.new.join(TABLE);
    std::fs::create_dir_all(&folder).map_err(|e| PublishError {
        path: folder.clone(),
        cause: e.to_string(),
    })?;
    let metadata = manifest.file_metadata_of_part();
    let done: Vec<(Billed, OutputFile)> = months
        .into_par_iter()
        .map(|(month, parts)| one_month(pass, wanted, outputs, &metadata, &month, &parts))
        .collect::<Result<_, RunError>>()?;
    let mut all = Billed::new();
    for (billed, file) in done {
        for (contract, billing) in billed {
            absorb(all.entry(contract).or_default(), billing, pass)?;
        }
        manifest.outputs.push(file);
    }
    Ok(all)
}

fn one_month(
    pass: &Pass<'_>,
    wanted: Option<&BTreeSet<String>>,
    outputs: &Outputs<'_>,
    metadata: &[(String, String)],
    month: &str,
    parts: &[Part<'_>],
) -> Result<(Billed, OutputFile), RunError> {
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
    let former = pass
        .cache
        .get(&kept, &made_of)
        .filter(|file: &OutputFile| taken_over(&former, &path, file));
    let mut file = match former {
        Some(file) => Month::Stands(file),
        None => {
            let mut metadata = metadata.to_vec();
            metadata.push(("lines_hash".to_owned(), lines.finalize().to_string()));
            Month::Written(Box::new(BillingFile::create(&path, &metadata)?))
        }
    };
    let mut all = Billed::new();
    for part in parts {
        let stands = matches!(file, Month::Stands(_));
        if stands && wanted.is_some_and(|wanted| !wanted.contains(&part.plan.contract_id)) {
            continue;
        }
        let billing = one_part(pass, part, &mut file)?;
        // A month has one part of a contract.
        all.insert(part.plan.contract_id.clone(), billing);
    }
    let file = match file {
        Month::Stands(file) => file,
        Month::Written(writing) => {
            let rows = writing.close()?;
            let file = OutputFile::of(&path, &name, rows)?;
            pass.cache.put(&kept, &made_of, &file);
            file
        }
    };
    Ok((all, file))
}

/// The file of a month.
enum Month {
    /// That of the former output is taken over.
    Stands(OutputFile),
    /// It is being written.
    Written(Box<BillingFile>),
}

/// The sums of one contract's month; its lines are written where the file is.
fn one_part(pass: &Pass<'_>, part: &Part<'_>, file: &mut Month) -> Result<Billing, RunError> {
    let file = match file {
        Month::Stands(_) => return known(pass, part.plan, &part.partition, &part.made_of),
        Month::Written(file) => file,
    };
    let path = part.partition.path(pass.store, "billing");
    let contract = part.contract;
    let billing = invoices::measure(&path, part.plan, |line| {
        Ok::<(), RunError>(file.push(&contract.entry.id, line, place(line, contract))?)
    })?;
    let kept = part.partition.place("billing");
    pass.cache.put(&kept, &part.made_of, &billing);
    Ok(billing)
}

/// The sums of one contract's month, whose lines are read only when the sums are not kept.
fn known(
    pass: &Pass<'_>,
    plan: &MeasurePlan,
    partition: &Partition,
    made_of: &blake3::Hash,
) -> Result<Billing, RunError> {
    let kept = partition.place("billing");
    if let Some(billing) = pass.cache.get(&kept, made_of) {
        return Ok(billing);
    }
    let path = partition.path(pass.store, "billing");
    let told = |_: &InvoiceLine<'_>| Ok::<(), RunError>(());
    let billing = invoices::measure(&path, plan, told)?;
    pass.cache.put(&kept, made_of, &billing);
    Ok(billing)
}

fn absorb(all: &mut Billing, part: Billing, pass: &Pass<'_>) -> Result<(), StoreError> {
    all.absorb(part).map_err(|e| StoreError::Damaged {
        path: pass.store.join("billing"),
        cause: e.to_string(),
    })
}

/// Takes a file of the former output over into the new one, if it is the same byte for byte.
pub(super) fn taken_over(former: &Path, new: &Path, file: &OutputFile) -> bool {
    disk::hash_of(former).is_ok_and(|hash| hash.to_string() == file.blake3)
        && (std::fs::hard_link(former, new).is_ok() || std::fs::copy(former, new).is_ok())
}
