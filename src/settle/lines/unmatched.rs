//! Disputes and ledger lines, matched with what is settled. What matches nothing is a finding: it
//! would be lost silently.

use super::super::ledger::Dispute;
use super::super::period::Span;
use super::super::run::{ClauseResult, Outcome as RunOutcome};
use super::super::words::plain;
use super::writer::Writer;
use crate::finding::{Finding, Severity, Stage};

impl Writer<'_> {
    pub(super) fn disputes<'d>(
        &'d self,
        result: &'d ClauseResult,
        id: &'d str,
    ) -> impl Iterator<Item = &'d Dispute> {
        let start = self.plan.start.month();
        self.inputs.disputes.iter().filter(move |d| {
            d.contract_id == self.plan.contract_id
                && d.clause_id == id
                && d.period.span(start) == result.period
                && !result.true_up
        })
    }

    /// Disputes and ledger lines that fit nothing that is settled: they would be lost silently.
    pub(super) fn unmatched(&mut self, outcome: &RunOutcome) {
        let plan = self.plan;
        let start = plan.start.month();
        let known: Vec<&str> = plan.ids.iter().map(String::as_str).collect();
        let settled = |clause: &str, span: Span| {
            outcome
                .results
                .iter()
                .any(|r| r.period == span && plan.ids.get(r.clause).is_some_and(|id| id == clause))
        };
        let within = |span: Span| {
            let mut bases = self.inputs.bases.iter();
            bases.any(|b| b.covers(span) || span.covers(*b))
        };
        let mut noticed: Vec<(&str, String)> = Vec::new();
        for dispute in self.inputs.disputes.iter() {
            let span = dispute.period.span(start);
            if dispute.contract_id != plan.contract_id
                || settled(&dispute.clause_id, span)
                || !within(span)
            {
                continue;
            }
            let why = match known.iter().any(|k| *k == dispute.clause_id) {
                true => format!("clause `{}` is not settled for {span}", dispute.clause_id),
                false => format!(
                    "there is no clause `{}` ({})",
                    dispute.clause_id,
                    crate::terms::suggestion(&dispute.clause_id, &known)
                ),
            };
            noticed.push((
                "dispute_without_amount",
                format!("dispute {} holds nothing back: {why}", dispute.dispute_id),
            ));
        }
        for line in self.inputs.settled.of(&plan.contract_id) {
            let span = line.period.span(start);
            if !line.status.is_payment() || settled(&line.clause_id, span) || !within(span) {
                continue;
            }
            noticed.push((
                "ledger_without_amount",
                format!(
                    "the ledger has {} for clause `{}` of {span}, which is not settled here: it is neither counted nor claimed back",
                    plain(line.amount),
                    line.clause_id
                ),
            ));
        }
        for (code, words) in noticed {
            self.settlement.findings.push(
                Finding::new(Stage::Settle, Severity::Warning, code, words)
                    .with_contract(&plan.contract_id),
            );
        }
    }
}
