//! Findings: what a run noticed about its data, its models or its terms, with evidence.
//!
//! A finding is one row per kind and place, with a count and samples, never one per ticket.
//! Not responsible for printing or for exit codes (see [`crate::cli`]).

use std::fmt;

/// How much a finding weighs. `Disqualifying` means that a value which depends on the place
/// named is not used.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Worth knowing; changes no value.
    Note,
    /// A value may be affected.
    Warning,
    /// A value is not reported because of this.
    Disqualifying,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Severity::Note => "note",
            Severity::Warning => "warning",
            Severity::Disqualifying => "disqualifying",
        })
    }
}

/// The stage of the pipeline that made a finding.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// Reading export files.
    Ingest,
    /// Rows into cells.
    Measure,
    /// Expected values and uncertainty.
    Baseline,
    /// KPI values.
    Score,
    /// Settlement lines.
    Settle,
    /// Incentives and integrity.
    Judge,
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Stage::Ingest => "ingest",
            Stage::Measure => "measure",
            Stage::Baseline => "baseline",
            Stage::Score => "score",
            Stage::Settle => "settle",
            Stage::Judge => "judge",
        })
    }
}

/// One kind of observation at one place.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub struct Finding {
    /// The stage that noticed it.
    pub stage: Stage,
    /// Stable machine-readable name in `snake_case`, for example `baseline_too_short`.
    pub code: String,
    /// Its weight.
    pub severity: Severity,
    /// The contract concerned, if it is one.
    pub contract_id: Option<String>,
    /// The input file, as named in the project.
    pub file: Option<String>,
    /// First line concerned, counted from 1.
    pub line: Option<u64>,
    /// The source column concerned.
    pub column: Option<String>,
    /// How many rows, months or values are concerned; at least 1.
    pub count: u64,
    /// What was seen and what to do about it, as one sentence for a person.
    pub detail: String,
    /// The data that shows it: samples and figures.
    pub evidence: String,
}

impl Finding {
    /// A finding about nothing more specific than its stage; narrow it with the `with_` methods.
    pub fn new(stage: Stage, severity: Severity, code: &str, detail: impl Into<String>) -> Self {
        Finding {
            stage,
            code: code.to_owned(),
            severity,
            contract_id: None,
            file: None,
            line: None,
            column: None,
            count: 1,
            detail: detail.into(),
            evidence: String::new(),
        }
    }

    /// Names the contract concerned.
    #[must_use]
    pub fn with_contract(mut self, contract_id: &str) -> Self {
        self.contract_id = Some(contract_id.to_owned());
        self
    }

    /// Names the file and the first line concerned.
    #[must_use]
    pub fn with_place(mut self, file: &str, line: Option<u64>) -> Self {
        self.file = Some(file.to_owned());
        self.line = line;
        self
    }

    /// Names the source column concerned.
    #[must_use]
    pub fn with_column(mut self, column: &str) -> Self {
        self.column = Some(column.to_owned());
        self
    }

    /// Sets how many are concerned.
    #[must_use]
    pub fn with_count(mut self, count: u64) -> Self {
        self.count = count;
        self
    }

    /// Adds the data that shows it.
    #[must_use]
    pub fn with_evidence(mut self, evidence: impl Into<String>) -> Self {
        self.evidence = evidence.into();
        self
    }
}
