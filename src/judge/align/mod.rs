//! Alignment: what one more avoided incident, euro saved, breach or hour of prevention is worth to
//! the supplier, over the whole range. Computed by moving measures and settling again, never by a
//! second set of formulas. Not responsible for measuring or for printing.
//!
//! ```text
//! terms + measures ──▶ drivers (what one more does) ──▶ path (settlement as a function of it)
//!   ──▶ regions (slopes, jumps) ──▶ rows: marginal profit, break-even share, verdict, repair
//! ```
//!
//! The supplier's marginal profit is what the clauses pay for one more, plus what it is paid
//! elsewhere, less what one more costs it. `docs/alignment.md` says how to read the result.

mod ask;
mod assume;
mod dial;
mod driver;
mod knob;
mod path;
mod rebuild;
mod regions;
mod repair;
mod rows;
mod study;
mod wallet;
mod words;

use std::collections::BTreeMap;

pub use ask::asked_by_period;
pub use assume::{Assumptions, Origin};
pub use dial::{Dial, Term, dials};
pub use rebuild::{CellStream, Rebuild, Wanted};

use crate::finding::{Finding, Severity, Stage};
use crate::money::{Currency, Decimal, MoneyError};
use crate::settle::{Facts, Measured, PeriodKey, Plan, PlanError, Span};
use crate::terms::{Billed, SettleSpec, measure_key};

/// Why a contract's alignment cannot be told.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AlignError {
    /// It cannot be settled.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// A number does not fit exactly.
    #[error(transparent)]
    Money(#[from] MoneyError),
    /// An expression or assumption has no value.
    #[error("{0}")]
    Expression(String),
}

/// A measure as a quotient.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ratio {
    /// What is divided.
    pub numerator: Decimal,
    /// What it is divided by.
    pub denominator: Decimal,
    /// What the quotient is multiplied by, such as 100.
    pub times: Decimal,
    /// Decimals to which the value is rounded, half even.
    pub decimals: u8,
}

/// Quotients by period, measure and scope.
pub type Ratios = BTreeMap<(Span, String, Option<String>), Ratio>;

/// Which statement periods are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum When {
    /// The last one with measures.
    #[default]
    Last,
    /// One.
    Period(PeriodKey),
    /// Every one.
    All,
}

/// What the caller says beside the terms.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Given {
    /// Assumptions in place of those of the terms.
    pub assumptions: BTreeMap<String, Decimal>,
    /// Years, in place of those of the terms.
    pub horizon_years: Option<u8>,
    /// Where the service itself is billed, in place of what the terms say.
    pub billed: Option<Billed>,
    /// Which periods.
    pub when: When,
    /// Only this driver.
    pub driver: Option<String>,
    /// Places at which the change of profit is told as well.
    pub at: Vec<Decimal>,
    /// Whether changes of terms are looked for.
    pub repair: bool,
}

/// What a row says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RowKind {
    /// One region of the range.
    Region,
    /// The best place for the supplier.
    BestPlan,
    /// The change of profit from the start of the range to a place that was asked for.
    At,
    /// One more that lasts so many years.
    Ratchet,
    /// A change of a term that repairs a region.
    Repair,
    /// A slice of a wallet that is as much as what a member has now.
    Slice,
}

/// A row of `alignment`. Amounts are in `currency`, per one more of `unit`.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct AlignmentRow {
    /// The contract.
    pub contract_id: String,
    /// The clause; `all` for all clauses together.
    pub clause_id: String,
    /// The statement period in which the driver acts.
    pub period: String,
    /// What there is one more of.
    pub driver: String,
    /// What one of it is called.
    pub unit: String,
    /// What the row says.
    pub kind: RowKind,
    /// Years over which it lasts.
    pub horizon_years: u8,
    /// Start of the region.
    pub region_from: Option<Decimal>,
    /// End of the region; belongs to the next one where that starts with a jump.
    pub region_to: Option<Decimal>,
    /// Where the contract stands.
    pub now: Decimal,
    /// What the clause pays for one more.
    pub marginal_payment: Option<Decimal>,
    /// What one more is worth to the supplier; for a clause: if it were the only one.
    pub marginal_profit: Option<Decimal>,
    /// What one more is worth to the customer.
    pub marginal_customer: Option<Decimal>,
    /// The share at which one more neither earns nor costs the supplier anything.
    pub break_even_share: Option<Decimal>,
    /// The most that bringing one more about may cost the supplier.
    pub break_even_cost: Option<Decimal>,
    /// The jump of the payment at the start of the region.
    pub notch: Option<Decimal>,
    /// The change of the supplier's profit from the start of the range to the end of the region,
    /// or to the place; of payments alone where costs are missing.
    pub profit: Option<Decimal>,
    /// Currency of the amounts.
    pub currency: Currency,
    /// Whether region and slope are exact; else the payment is curved and this a straight piece.
    pub exact: bool,
    /// In words.
    pub verdict: String,
}

/// What `align` gives.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Alignment {
    /// Rows by contract, period and driver.
    pub rows: Vec<AlignmentRow>,
    /// What was assumed, by contract and period.
    pub assumptions: Vec<(String, String, Assumptions)>,
    /// What was noticed, missing assumptions among it.
    pub findings: Vec<Finding>,
}

/// What is assumed about a contract's costs in one statement period.
///
/// # Errors
/// Assumptions without a value or out of range.
pub fn assumptions_of(
    spec: &SettleSpec,
    facts: &Facts,
    contract_id: &str,
    period: Span,
    given: &Given,
) -> Result<Assumptions, AlignError> {
    Assumptions::read(spec, facts, contract_id, period, given)
}

/// The terms with one number of theirs a tenth higher.
#[derive(Debug, Clone, PartialEq)]
pub struct Turn {
    /// The term and what became of it, such as `gain: share 0.5 → 0.55`.
    pub term: String,
    /// The changed terms.
    pub changed: SettleSpec,
}

/// Every share, price, minimum, limit and band of the terms, turned up by a tenth of its value in
/// a period.
///
/// # Errors
/// Terms that cannot be settled for the contract.
pub fn turns(
    spec: &SettleSpec,
    facts: &Facts,
    contract_id: &str,
    period: Span,
) -> Result<Vec<Turn>, AlignError> {
    let all = knob::knobs(&spec.source, 1);
    let written: Vec<_> = all.iter().map(|k| k.now.clone()).collect();
    let values = ask::ask(spec, facts, contract_id, period, &written, &[])?;
    let mut turned = Vec::new();
    for (knob, value) in all.iter().zip(values) {
        let Ok(now) = value else { continue };
        if now.is_zero() {
            continue;
        }
        let mut more = now.checked_mul(Decimal::new(11, 1)?)?.normalized();
        if knob.sort == knob::Sort::Share {
            more = more.min(Decimal::ONE);
        }
        turned.push(Turn {
            term: format!("{}: {} {now} → {more}", knob.clause_id, knob.name),
            changed: knob.set(spec, more),
        });
    }
    Ok(turned)
}

/// The alignment of every contract that the terms cover. `ratios` are quotients whose parts are
/// known; those of `[alignment.ratios]` are added.
#[must_use]
pub fn align(spec: &SettleSpec, facts: &Facts, ratios: &Ratios, given: &Given) -> Alignment {
    use rayon::prelude::*;

    let contracts = crate::settle::contracts(spec, facts);
    let found: Vec<Alignment> = contracts
        .par_iter()
        .map(|id| {
            align_one(spec, facts, ratios, given, id, None).unwrap_or_else(|error| Alignment {
                findings: vec![
                    Finding::new(
                        Stage::Judge,
                        Severity::Disqualifying,
                        "not_aligned",
                        error.to_string(),
                    )
                    .with_contract(id),
                ],
                ..Alignment::default()
            })
        })
        .collect();
    let mut all = Alignment::default();
    for one in found {
        all.rows.extend(one.rows);
        all.assumptions.extend(one.assumptions);
        all.findings.extend(one.findings);
    }
    all
}

/// The alignment of one contract. Where its measures can be made again from its cells, `rebuild`
/// does: then the drivers of incidents take incidents out of cells, one service and priority at a
/// time; else they move the measures that are known to follow.
///
/// # Errors
/// Terms that cannot be settled for it, and expressions without a value.
pub fn align_one(
    spec: &SettleSpec,
    facts: &Facts,
    ratios: &Ratios,
    given: &Given,
    contract_id: &str,
    rebuild: Option<&dyn Rebuild>,
) -> Result<Alignment, AlignError> {
    let exact = ask::unrounded(spec);
    let plan = Plan::new(&exact, contract_id, &facts.parameters)?;
    let start = plan.first_month();
    let mut facts = facts.with_measures(relevant(spec, &plan, facts, contract_id));
    let mut ratios = ratios.clone();
    written_ratios(spec, &mut facts, &mut ratios, contract_id, &plan)?;
    let inputs = plan.bind_facts(&facts);
    let periods: Vec<Span> = match given.when {
        When::All => inputs.periods().to_vec(),
        When::Last => inputs.periods().last().copied().into_iter().collect(),
        When::Period(key) => {
            let wanted = key.span(start);
            let within = |p: &&Span| wanted.covers(**p) || p.covers(wanted);
            inputs.periods().iter().filter(within).copied().collect()
        }
    };
    if periods.is_empty() {
        let known: Vec<String> = inputs.periods().iter().map(Span::to_string).collect();
        return Err(AlignError::Expression(if known.is_empty() {
            "no measure lies within the contract's term, so there is nothing to look at; name the \
             periods to settle (--periods) if the terms need no measures"
                .to_owned()
        } else {
            format!("it settles no such period (it does: {})", known.join(", "))
        }));
    }
    let mut all = Alignment::default();
    for act in periods {
        let assumptions = Assumptions::read(spec, &facts, contract_id, act, given)?;
        study::period(
            &study::Place {
                spec: &exact,
                facts: &facts,
                ratios: &ratios,
                given,
                contract_id,
                act,
                assumptions: &assumptions,
                rebuild,
            },
            &mut all,
        )?;
        all.assumptions
            .push((contract_id.to_owned(), act.to_string(), assumptions));
    }
    Ok(all)
}

/// The measures of a contract that anything here can ask for: a run knows thousands of KPI
/// values, and they are laid out anew for every driver.
fn relevant(
    spec: &SettleSpec,
    plan: &Plan,
    facts: &Facts,
    contract_id: &str,
) -> crate::settle::Measures {
    let mut names: std::collections::BTreeSet<String> =
        plan.measures().map(|(name, _)| name.to_owned()).collect();
    let scopes: std::collections::BTreeSet<Option<&str>> = plan
        .measures()
        .map(|(_, scope)| scope)
        .chain([None])
        .collect();
    for name in [
        "ticket_count",
        "incidents_expected",
        "incidents_avoided",
        "benchmark_cost",
    ] {
        names.insert(name.to_owned());
    }
    let mut scoped = false;
    if let Some(alignment) = &spec.source.alignment {
        for ratio in alignment.ratios.values() {
            names.insert(ratio.value.numerator.value.clone());
            names.insert(ratio.value.denominator.value.clone());
        }
        let keys = alignment.drivers.values().flat_map(|d| {
            d.value
                .measures
                .keys()
                .chain(d.value.later.iter().flatten().map(|(k, _)| k))
        });
        for key in keys {
            let (name, scope) = measure_key(key);
            names.insert(name.to_owned());
            scoped |= scope.is_some();
        }
        let expressions = alignment.assumptions().map(|(_, v)| v).chain(
            alignment
                .drivers
                .values()
                .flat_map(|d| d.value.expressions()),
        );
        for expression in expressions {
            let text = expression.value.to_string();
            scoped |= text.contains('[');
            let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
            names.extend(words.map(str::to_owned));
        }
    }
    let mut measures = crate::settle::Measures::new();
    for period in facts.measures.periods(contract_id) {
        measures.insert_period(contract_id, period);
    }
    for (period, name, scope, value) in facts.measures.values(contract_id) {
        if names.contains(name) && (scoped || scopes.contains(&scope)) {
            measures.insert(contract_id, period, name, scope, value.clone());
        }
    }
    measures
}

/// The quotients that `[alignment.ratios]` declares, with their values where the table gives only
/// the parts.
fn written_ratios(
    spec: &SettleSpec,
    facts: &mut Facts,
    ratios: &mut Ratios,
    contract_id: &str,
    plan: &Plan,
) -> Result<(), AlignError> {
    let mut written = spec
        .source
        .alignment
        .iter()
        .flat_map(|a| &a.ratios)
        .peekable();
    if written.peek().is_none() {
        return Ok(());
    }
    let before = facts.measures.clone();
    for (key, source) in written {
        let (name, scope) = measure_key(key);
        let part = |wanted: &str| -> BTreeMap<PeriodKey, Decimal> {
            before
                .values(contract_id)
                .filter(|(_, n, s, _)| *n == wanted && s.is_none())
                .filter_map(|(key, _, _, value)| match value {
                    Measured::Value(value) => Some((key, *value)),
                    Measured::NotMeasurable(_) => None,
                })
                .collect()
        };
        let below = part(&source.value.denominator.value);
        for (period, numerator) in part(&source.value.numerator.value) {
            let Some(denominator) = below.get(&period).copied().filter(|d| !d.is_zero()) else {
                continue;
            };
            let ratio = Ratio {
                numerator,
                denominator,
                times: source.value.times.unwrap_or(Decimal::ONE),
                decimals: source.value.decimals.unwrap_or(12),
            };
            if !before.contains(contract_id, period, name, scope) {
                let value = numerator.checked_mul(ratio.times)?.div(
                    denominator,
                    ratio.decimals,
                    crate::money::Rounding::HalfEven,
                )?;
                facts
                    .measures
                    .insert(contract_id, period, name, scope, value);
            }
            let span = period.span(plan.first_month());
            ratios.insert((span, name.to_owned(), scope.map(str::to_owned)), ratio);
        }
    }
    Ok(())
}
