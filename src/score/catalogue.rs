//! The KPI catalogue: what an entry says about its KPI, and the list of all entries. Adding a
//! KPI is adding one [`Kpi`] to one of the lists in `kpi/`, compute function included; the
//! stage, the command `gainshare kpis` and `docs/kpis.md` follow. Not responsible for any value.

use super::kpi;
use super::spec::SCORE_PREFIX;
use super::value::{Direction, Level};
use super::view::{Outcome, View};

/// What a value is counted in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// A fixed word, such as `incidents`.
    Word(&'static str),
    /// Money in the currency of the contract.
    Money,
}

/// Of which periods a KPI has values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Periods {
    /// Of baseline and performance.
    All,
    /// Of the performance period only: it compares with the baseline.
    Performance,
}

/// How the values of a supplier's contracts become the supplier's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Across {
    /// They add up.
    Sum,
    /// They add up over contracts, but not over time: what there is at the end of a period, or
    /// what a period differs in from another.
    Stock,
    /// Numerators and denominators add up; the quotient is rounded half-even to these decimals.
    Ratio(u8),
    /// The greatest holds.
    Max,
    /// The durations that they were taken from are put together, and the percentile or median is
    /// taken of all.
    Merged,
    /// They are formed over all suppliers, from the actual cost of each.
    OverSuppliers,
    /// They do not, for the reason given.
    Never(&'static str),
}

/// The scopes within a contract that a KPI is published on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Levels {
    /// Those.
    pub of: &'static [Level],
    /// Why the others are missing; empty where none is.
    pub why: &'static str,
}

/// A rule that computes one KPI from the parts of a scope and period.
pub type Compute = fn(&View<'_>) -> Result<Outcome, String>;

/// One KPI: everything about it.
#[derive(Debug)]
pub struct Kpi {
    /// Stable name in tables and terms.
    pub id: &'static str,
    /// Short title.
    pub title: &'static str,
    /// How it is computed, in one line.
    pub formula: &'static str,
    /// Its unit.
    pub unit: Unit,
    /// Which values are better.
    pub direction: Direction,
    /// The `table.column`s without which it is not measurable.
    pub inputs: &'static [&'static str],
    /// The scopes within a contract it is published on.
    pub levels: Levels,
    /// How it goes over the contracts of a supplier.
    pub across: Across,
    /// Of which periods.
    pub periods: Periods,
    /// Whether its value in the baseline period may stand beside it: ratios and percentiles.
    pub comparable: bool,
    /// The sums it is made of.
    pub parts: &'static str,
    /// Observations under which it is not measurable, unless the terms say otherwise.
    pub min_n: u64,
    /// How the ambiguous is decided: attribution month, rounding.
    pub rule: &'static str,
    /// Where the definition comes from.
    pub source: &'static str,
    /// A case worked out by hand.
    pub example: &'static str,
    /// Computes it.
    pub compute: Compute,
}

impl Kpi {
    /// The names of all scopes it is published on.
    #[must_use]
    pub fn level_names(&self) -> Vec<&'static str> {
        let mut levels = self.levels.of.to_vec();
        if !matches!(self.across, Across::Never(_)) {
            levels.push(Level::Supplier);
        }
        levels.sort_unstable();
        levels.iter().map(|l| l.name()).collect()
    }

    /// Its unit in words; money as the currency given.
    #[must_use]
    pub fn unit_text(&self, currency: &str) -> String {
        match self.unit {
            Unit::Word(word) => word.to_owned(),
            Unit::Money => currency.to_owned(),
        }
    }
}

/// All entries, by subject.
pub fn all() -> impl Iterator<Item = &'static Kpi> {
    kpi::incidents::ENTRIES
        .iter()
        .chain(kpi::service::ENTRIES)
        .chain(kpi::flow::ENTRIES)
        .chain(kpi::availability::ENTRIES)
        .chain(kpi::impact::ENTRIES)
        .chain(kpi::prevention::ENTRIES)
        .chain(kpi::communication::ENTRIES)
        .chain(kpi::changes::ENTRIES)
        .chain(kpi::savings::ENTRIES)
        .chain(kpi::proposals::ENTRIES)
        .chain(kpi::total::ENTRIES)
        .chain(kpi::together::ENTRIES)
        .chain(kpi::knowledge::ENTRIES)
        .chain(kpi::quality::ENTRIES)
}

/// The entry of an id.
#[must_use]
pub fn find(id: &str) -> Option<&'static Kpi> {
    all().find(|entry| entry.id == id)
}

/// The entry that describes a measure: its own, or that of scores for a composite score of the
/// terms.
#[must_use]
pub fn describing(id: &str) -> Option<&'static Kpi> {
    let score = || id.starts_with(SCORE_PREFIX).then(|| find("quality_score"));
    find(id).or_else(|| score().flatten())
}

/// All scopes that tickets have.
pub(super) const TICKET_LEVELS: Levels = Levels {
    of: &[Level::Contract, Level::Service, Level::Priority],
    why: "",
};
/// All scopes that invoices have.
pub(super) const MONEY_LEVELS: Levels = of_services("invoices name no priority");
/// Contract and services, for rows that have no priority.
pub(super) const SERVICE_LEVELS: Levels = of_services("its rows name a service but no priority");
/// The contract alone, for rows that name nothing else.
pub(super) const CONTRACT_LEVEL: Levels = of_contract("its rows name neither service nor priority");

/// Contract and services, with the reason.
pub(super) const fn of_services(why: &'static str) -> Levels {
    Levels {
        of: &[Level::Contract, Level::Service],
        why,
    }
}

/// The contract alone, with the reason.
pub(super) const fn of_contract(why: &'static str) -> Levels {
    Levels {
        of: &[Level::Contract],
        why,
    }
}

/// A share of counted tickets: what most entries differ from in a few words. An entry sets the
/// rest; one that leaves a text empty fails the test of the catalogue.
pub(super) const TICKET_SHARE: Kpi = Kpi {
    id: "",
    title: "",
    formula: "",
    unit: Unit::Word("share"),
    direction: Direction::HigherIsBetter,
    inputs: &[],
    levels: TICKET_LEVELS,
    across: Across::Ratio(4),
    periods: Periods::All,
    comparable: true,
    parts: "",
    min_n: 1,
    rule: "",
    source: "",
    example: "",
    compute: |_| Err(String::new()),
};

/// The outcome of an entry in a view, when everything that it needs was delivered.
pub(super) fn outcome_of(entry: &Kpi, view: &View<'_>) -> Result<Outcome, String> {
    for input in entry.inputs {
        if !view.delivers(input) {
            return Err(format!("{input} was not delivered"));
        }
    }
    (entry.compute)(view)
}

/// The outcome of another KPI, for those that are made of it; the reason names it.
pub(super) fn value_in(id: &str, view: &View<'_>) -> Result<Outcome, String> {
    match find(id) {
        Some(entry) => outcome_of(entry, view).map_err(|why| format!("{id}: {why}")),
        None => Err(format!("there is no KPI {id}")),
    }
}
