//! Settlement as a pure function of measures, terms and what was settled before. Not responsible
//! for reading or writing files.
//!
//! ```text
//! SettleSpec + Parameters ──Plan::new──▶ Plan ──bind(Measures, rates, ledger)──▶ Inputs
//!                                         │                                        │
//!                                         └────────────── run / settle ◀───────────┘
//! ```
//!
//! A [`Plan`] is one contract's terms, bound to its parameters; [`Inputs`] are its measures, laid
//! out by period. [`Plan::run`] gives amounts and is what simulation calls thousands of times;
//! [`Plan::settle`] gives the rows of the `settlement` table with every step. [`settle`] does all
//! of it for many contracts.

mod agreements;
mod algebra;
mod clause;
mod inputs;
mod kinds;
mod ledger;
mod lines;
mod lower;
mod measures;
mod node;
mod parameters;
mod period;
mod plan;
mod run;
mod table;
mod words;

use std::collections::BTreeSet;
use std::sync::Arc;

pub use agreements::{AgreementError, Agreements, Attribution, Relief};
pub use inputs::{Inputs, Way};
pub use ledger::{Dispute, Outcome as DisputeOutcome, Settled, SettledLine, SettledStatus};
pub use lines::{AmountKind, Detail, LineStatus, Settlement, SettlementLine};
pub use measures::{Measured, Measures};
pub use parameters::{ParameterRow, ParameterValue, Parameters};
pub use period::{PeriodError, PeriodKey, Span};
pub use plan::{Plan, PlanError, check};
pub use run::{ClauseResult, Outcome};
pub use table::{
    Table, TableError, read_attribution, read_disputes, read_fx_rates, read_measures,
    read_parameters, read_relief, read_settled,
};

use crate::finding::{Finding, Severity, Stage};
use crate::money::FxRates;
use crate::terms::SettleSpec;

/// What a settlement reads beside the terms.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    /// Measured values.
    pub measures: Measures,
    /// Per-contract parameters of a template.
    pub parameters: Parameters,
    /// What earlier statements settled.
    pub settled: Arc<Settled>,
    /// Exchange rates.
    pub fx: Arc<FxRates>,
    /// Amounts in dispute.
    pub disputes: Arc<Vec<Dispute>>,
    /// Relief events and attributions.
    pub agreements: Arc<Agreements>,
    /// The months to settle, whether or not there are measures; where there are, when `None`.
    pub months: Option<Span>,
}

impl Facts {
    /// The same facts with other measures.
    #[must_use]
    pub fn with_measures(&self, measures: Measures) -> Facts {
        Facts {
            measures,
            parameters: self.parameters.clone(),
            settled: Arc::clone(&self.settled),
            fx: Arc::clone(&self.fx),
            disputes: Arc::clone(&self.disputes),
            agreements: Arc::clone(&self.agreements),
            months: self.months,
        }
    }
}

/// Settles every contract that the terms cover: the one they name, or, for a template, all that
/// the tables name. Contracts are settled in parallel and come out in the order of their ids.
///
/// A contract or clause that cannot be settled becomes a finding; the others settle.
#[must_use]
pub fn settle(spec: &SettleSpec, facts: &Facts, detail: Detail) -> Settlement {
    use rayon::prelude::*;

    let contracts = contracts(spec, facts);
    let settled: Vec<Settlement> = contracts
        .par_iter()
        .map(|id| settle_one(spec, id, facts, detail))
        .collect();
    let mut all = Settlement::default();
    for one in settled {
        all.lines.extend(one.lines);
        all.findings.extend(one.findings);
    }
    if contracts.is_empty() {
        all.findings.push(Finding::new(
            Stage::Settle,
            Severity::Disqualifying,
            "no_contract",
            "the terms name no contract and the tables have none: add `id` under [contract] or a \
             table with a contract column",
        ));
    }
    all
}

/// The contracts that [`settle`] settles, in order.
#[must_use]
pub fn contracts(spec: &SettleSpec, facts: &Facts) -> Vec<String> {
    if let Some(id) = &spec.source.contract.id {
        return vec![id.value.clone()];
    }
    let ids: BTreeSet<&str> = facts
        .measures
        .contracts()
        .chain(facts.parameters.contracts())
        .collect();
    ids.into_iter().map(str::to_owned).collect()
}

fn settle_one(spec: &SettleSpec, id: &str, facts: &Facts, detail: Detail) -> Settlement {
    let failed = |code: &str, reason: String| Settlement {
        lines: Vec::new(),
        findings: vec![
            Finding::new(Stage::Settle, Severity::Disqualifying, code, reason).with_contract(id),
        ],
    };
    let plan = match Plan::new(spec, id, &facts.parameters) {
        Ok(plan) => plan,
        Err(error) => return failed("contract_not_settled", error.reason),
    };
    let inputs = plan.bind_facts(facts);
    if inputs.periods().is_empty() {
        return failed(
            "nothing_to_settle",
            "no measure lies within the contract's term; name the periods to settle \
                 (--periods) if the terms need none"
                .to_owned(),
        );
    }
    match plan.settle(&inputs, detail) {
        Ok(settlement) => settlement,
        Err(error) => failed("contract_not_settled", error.to_string()),
    }
}
