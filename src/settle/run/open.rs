//! What earlier statements left behind: balances, what limits have let pass, and whether the period
//! before had an amount. Not responsible for the ledger itself (see [`super::super::ledger`]).

use super::super::algebra::Act;
use super::super::clause::Body;
use super::super::ledger::SettledStatus;
use super::super::period::Span;
use super::{PartState, Run};
use crate::money::Decimal;
use crate::terms::{Per, Within};
use crate::time::Month;

impl Run<'_> {
    /// What earlier statements left behind: balances and whether the period before had an
    /// amount.
    pub(super) fn open(&mut self) {
        let Some(first) = self.inputs.bases.first().copied() else {
            return;
        };
        let start = self.plan.start.month();
        let id = self.plan.contract_id.as_str();
        let settled = &self.inputs.settled;
        let contract_year = self.year(first);
        for (number, clause) in self.plan.ids.iter().enumerate() {
            let Some(state) = self.states.get_mut(number) else {
                continue;
            };
            if let Some(balance) =
                settled.balance(id, first.from, start, clause, SettledStatus::Carried)
            {
                state.losses = Some(vec![(balance, u16::MAX)]);
                state.memory.carried = vec![Some(vec![(balance, u16::MAX)])];
            }
            if let Some(balance) =
                settled.balance(id, first.from, start, clause, SettledStatus::Withheld)
            {
                state.withheld = Some(vec![(0, balance)]);
            }
            if settled.had_amount_before(id, first.from, start, clause) {
                state.memory.repeated = vec![true; 4];
                // Which of several levels it was, an amount does not say.
                let one = self.plan.versions.iter().flat_map(|v| &v.clauses).any(|c| {
                    c.number == number
                        && matches!(&c.body, Body::Algebra { parts, .. } if parts.len() == 1)
                });
                if one {
                    state.parts = vec![PartState {
                        missed_before: true,
                        pending: Vec::new(),
                    }];
                }
            }
            let year = Span::containing(first.from, Per::ContractYear, start);
            let paid = |ids: &[&str], from: Month| -> Decimal {
                ids.iter().fold(Decimal::ZERO, |sum, clause| {
                    let one = settled.paid_between(id, from, first.from, start, clause);
                    one.and_then(|one| sum.checked_add(one)).unwrap_or(sum)
                })
            };
            let passed = |ids: &[&str], within: Within| match within {
                Within::Period => (0, Decimal::ZERO),
                Within::ContractYear => (contract_year, paid(ids, year.from)),
                Within::Contract => (0, paid(ids, start)),
            };
            let place = self.plan.versions.iter().flat_map(|v| &v.clauses);
            let Some(found) = place.into_iter().find(|c| c.number == number) else {
                continue;
            };
            match &found.body {
                Body::Algebra { steps, charge, .. } => {
                    for step in steps {
                        let Act::Limit { over, key, .. } = &step.act else {
                            continue;
                        };
                        let (span, sum) = passed(&[clause], *over);
                        if state.memory.passed.len() <= *key {
                            state.memory.passed.resize(key + 1, (0, Decimal::ZERO));
                        }
                        // Limits count what is charged as a positive number.
                        state.memory.passed[*key] = (span, if *charge { -sum } else { sum });
                    }
                }
                Body::Limit { over, within, .. } => {
                    // What passed is what the clauses had and what the limit took away.
                    let mut ids: Vec<&str> = over
                        .iter()
                        .filter_map(|n| self.plan.ids.get(*n))
                        .map(String::as_str)
                        .collect();
                    ids.push(clause);
                    state.passed = passed(&ids, *within);
                }
                _ => {}
            }
        }
    }
}
