//! What a run gives back to the rim, beside the files it wrote.

use std::path::PathBuf;

use crate::finding::Finding;
use crate::ingest::account::FileAccount;
use crate::judge::align::Alignment;
use crate::judge::backtest::SchemeRow;
use crate::publish::manifest::OutputFile;
use crate::score::KpiValue;
use crate::settle::SettlementLine;

/// The result of a run.
#[derive(Debug)]
pub struct Outcome {
    /// One account per input file.
    pub accounts: Vec<FileAccount>,
    /// What was noticed, sorted.
    pub findings: Vec<Finding>,
    /// The rows of `settlement`.
    pub settlement: Vec<SettlementLine>,
    /// The rows of `schemes`.
    pub schemes: Vec<SchemeRow>,
    /// The rows of `alignment`, and what was assumed.
    pub alignment: Alignment,
    /// The rows of `kpi`.
    pub kpis: Vec<KpiValue>,
    /// Where the manifest lies.
    pub manifest: PathBuf,
    /// The files written.
    pub outputs: Vec<OutputFile>,
}
