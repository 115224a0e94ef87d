//! The small tables that are passed whole, as typed rows: what the parties did beside tickets
//! and invoices. Shapes only; not responsible for reading them (see [`crate::pipeline`]) nor for
//! any value.

use std::collections::BTreeMap;

use crate::money::{Currency, Decimal};
use crate::time::{Instant, Month};

/// One of the two parties.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Party {
    /// The supplier.
    Supplier,
    /// The customer.
    Customer,
}

impl Party {
    /// The other one.
    #[must_use]
    pub fn other(self) -> Party {
        match self {
            Party::Supplier => Party::Customer,
            Party::Customer => Party::Supplier,
        }
    }

    /// By its name in tables.
    #[must_use]
    pub fn named(text: &str) -> Option<Party> {
        match text.trim() {
            "supplier" => Some(Party::Supplier),
            "customer" => Some(Party::Customer),
            _ => None,
        }
    }

    /// Its name in tables.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Party::Supplier => "supplier",
            Party::Customer => "customer",
        }
    }
}

/// A change of a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangeRecord {
    /// The contract.
    pub contract_id: String,
    /// The service; empty when unknown.
    pub service_id: String,
    /// When it was to start.
    pub planned_start: Option<Instant>,
    /// When it started.
    pub actual_start: Option<Instant>,
    /// It interrupts the service; `None` when nothing says so.
    pub disruptive: Option<bool>,
    /// It was an emergency.
    pub emergency: bool,
    /// It was cancelled.
    pub cancelled: bool,
    /// When it was first announced, by its own record or by a notice about it.
    pub announced_at: Option<Instant>,
}

impl ChangeRecord {
    /// When it began to matter: planned start, else actual start.
    #[must_use]
    pub fn at(&self) -> Option<Instant> {
        self.planned_start.or(self.actual_start)
    }
}

/// A meeting between the parties.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContactMoment {
    /// The contract.
    pub contract_id: String,
    /// Its rhythm: daily, weekly, monthly, ...
    pub cadence: String,
    /// When it was planned.
    pub planned_at: Option<Instant>,
    /// When it was held.
    pub held_at: Option<Instant>,
    /// A party that is known not to have been there.
    pub somebody_absent: bool,
}

impl ContactMoment {
    /// When both parties met.
    #[must_use]
    pub fn met_at(&self) -> Option<Instant> {
        self.held_at.filter(|_| !self.somebody_absent)
    }
}

/// A proposal, question, escalation, invitation or answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Interaction {
    /// The contract.
    pub contract_id: String,
    /// Who made it.
    pub initiator: Party,
    /// It answers something itself.
    pub is_answer: bool,
    /// When it was made.
    pub at: Instant,
    /// When it was answered.
    pub answered_at: Option<Instant>,
}

/// Work that waits for one side.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blocker {
    /// The contract.
    pub contract_id: String,
    /// Who is waited for.
    pub waiting_on: Party,
    /// When it was raised.
    pub raised_at: Instant,
    /// When it was cleared.
    pub cleared_at: Option<Instant>,
}

/// What the customer told about its own business.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Goal {
    /// The contract.
    pub contract_id: String,
    /// When it was shared.
    pub shared_at: Instant,
    /// The first proposal that answers it, by either side.
    pub answered_at: Option<Instant>,
}

/// A savings proposal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Initiative {
    /// The contract.
    pub contract_id: String,
    /// The service; empty for all.
    pub service_id: String,
    /// Who proposed it.
    pub proposed_by: Option<Party>,
    /// When.
    pub proposed_at: Option<Instant>,
    /// When it was decided.
    pub decided_at: Option<Instant>,
    /// It was accepted; `None` while nothing is decided.
    pub accepted: Option<bool>,
    /// When it took effect.
    pub implemented_at: Option<Instant>,
    /// Saving promised per year.
    pub promised: Option<(Decimal, Currency)>,
}

/// Preventive hours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HoursRecord {
    /// The contract.
    pub contract_id: String,
    /// The month worked.
    pub month: Month,
    /// Hours.
    pub hours: Decimal,
    /// Paid by the customer; `None` when nothing says so.
    pub reimbursed: Option<bool>,
}

/// An answer to a survey.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    /// The contract.
    pub contract_id: String,
    /// The service; empty when unknown.
    pub service_id: String,
    /// When it was given.
    pub at: Instant,
    /// Likelihood to recommend, 0 to 10.
    pub score: Option<u8>,
    /// Minutes lost, as perceived.
    pub lost_minutes: Option<u64>,
}

/// Cost of the customer's own organisation in a month.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetainedCost {
    /// The contract.
    pub contract_id: String,
    /// The month.
    pub month: Month,
    /// The cost.
    pub amount: Decimal,
    /// Its currency.
    pub currency: Currency,
}

/// A problem that was fixed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FixedProblem {
    /// The contract.
    pub contract_id: String,
    /// The problem.
    pub problem_id: String,
    /// When it was fixed.
    pub fixed_at: Instant,
}

/// A period in which a service need not be there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Relief {
    /// The contract.
    pub contract_id: String,
    /// The service; empty for all.
    pub service_id: String,
    /// Start.
    pub from: Instant,
    /// End.
    pub to: Instant,
}

/// All of them, in the order of the store.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Records {
    /// Changes.
    pub changes: Vec<ChangeRecord>,
    /// Meetings.
    pub contact_moments: Vec<ContactMoment>,
    /// Proposals, questions, answers.
    pub interactions: Vec<Interaction>,
    /// Blockers.
    pub blockers: Vec<Blocker>,
    /// Goals of the customer.
    pub goals: Vec<Goal>,
    /// Savings proposals.
    pub initiatives: Vec<Initiative>,
    /// Preventive hours.
    pub hours: Vec<HoursRecord>,
    /// Answers to surveys.
    pub responses: Vec<Response>,
    /// Cost of the customer's own organisation.
    pub retained: Vec<RetainedCost>,
    /// Fixed problems.
    pub fixed: Vec<FixedProblem>,
    /// Accepted relief that names availability.
    pub relief: Vec<Relief>,
}

impl Records {
    /// Parted by contract, in the order that they have.
    #[must_use]
    pub fn by_contract(self) -> BTreeMap<String, Records> {
        let mut all: BTreeMap<String, Records> = BTreeMap::new();
        macro_rules! part {
            ($($table:ident),+) => {$(
                for row in self.$table {
                    match all.get_mut(&row.contract_id) {
                        Some(own) => own.$table.push(row),
                        None => {
                            let own = all.entry(row.contract_id.clone()).or_default();
                            own.$table.push(row);
                        }
                    }
                }
            )+};
        }
        part!(
            changes,
            contact_moments,
            interactions,
            blockers,
            goals,
            initiatives,
            hours,
            responses,
            retained,
            fixed,
            relief
        );
        all
    }

    /// Those of one contract.
    #[must_use]
    pub fn of(&self, contract_id: &str) -> Records {
        fn own<T: Clone>(rows: &[T], contract: impl Fn(&T) -> bool) -> Vec<T> {
            rows.iter().filter(|r| contract(r)).cloned().collect()
        }
        let id = contract_id;
        Records {
            changes: own(&self.changes, |r| r.contract_id == id),
            contact_moments: own(&self.contact_moments, |r| r.contract_id == id),
            interactions: own(&self.interactions, |r| r.contract_id == id),
            blockers: own(&self.blockers, |r| r.contract_id == id),
            goals: own(&self.goals, |r| r.contract_id == id),
            initiatives: own(&self.initiatives, |r| r.contract_id == id),
            hours: own(&self.hours, |r| r.contract_id == id),
            responses: own(&self.responses, |r| r.contract_id == id),
            retained: own(&self.retained, |r| r.contract_id == id),
            fixed: own(&self.fixed, |r| r.contract_id == id),
            relief: own(&self.relief, |r| r.contract_id == id),
        }
    }
}
