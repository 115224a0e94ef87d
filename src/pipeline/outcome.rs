//! What a run gives back to the rim, beside the files it wrote.

use std::path::PathBuf;

use crate::finding::Finding;
use crate::ingest::account::FileAccount;
use crate::judge::align::Alignment;
use crate::judge::integrity::IntegrityRow;
use crate::publish::manifest::OutputFile;
use crate::score::KpiValue;
use crate::settle::SettlementLine;

/// The result of a run.
#[derive(Debug)]
pub struct Outcome {
    /// Whether the exports were read; if not, the store stood as it was.
    pub filled: bool,
    /// One account per input file.
    pub accounts: Vec<FileAccount>,
    /// What was noticed, sorted.
    pub findings: Vec<Finding>,
    /// The rows of `settlement` that say what is due.
    pub owed: Vec<SettlementLine>,
    /// The clock audit, where it was asked for.
    pub audit: Vec<AuditRow>,
    /// Where the manifest lies.
    pub manifest: PathBuf,
    /// The files written.
    pub outputs: Vec<OutputFile>,
}

/// The rows of a run, of all contracts in the order of the project.
#[derive(Debug)]
pub struct Rows {
    /// The rows of `settlement`.
    pub settlement: Vec<SettlementLine>,
    /// The rows of `alignment`, and what was assumed.
    pub alignment: Alignment,
    /// The rows of `integrity`.
    pub integrity: Vec<IntegrityRow>,
    /// The rows of `kpi`.
    pub kpis: Vec<KpiValue>,
    /// What was noticed, sorted.
    pub findings: Vec<Finding>,
}

/// On how many incidents another clock policy judges otherwise than the terms.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct AuditRow {
    /// The contract.
    pub contract_id: String,
    /// The answer in which the other policy differs, as the terms would write it.
    pub policy: &'static str,
    /// Incidents that have a target.
    pub judged: u64,
    /// Breached by the other policy, not by the terms.
    pub stricter: u64,
    /// Breached by the terms, not by the other policy.
    pub milder: u64,
    /// Numbers of some that differ.
    pub sample: String,
}
