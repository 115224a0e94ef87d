//! The mergeable parts that KPIs are computed from: cells, open incidents, invoices and exposure
//! of one scope in one month, and their sums over the months of a period. Sums only; not
//! responsible for any ratio.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::exposure::ExposureTable;
use super::records::Records;
use super::solvers::{Solvers, Spread};
use super::uptime::{Uptime, uptime};
use super::value::Scope;
use crate::measure::billing::{BillingCells, BillingClass, BillingKey};
use crate::measure::cells::Cells;
use crate::measure::fragment::{Cell, Clock, KindKey, Kinds, OpenKey};
use crate::measure::histogram::{SparseHistogram, bucket};
use crate::measure::plan::MeasurePlan;
use crate::measure::solved::person_of;
use crate::money::Currency;
use crate::time::{Instant, Month, Period, months_between};

/// What is summed over months and services.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Parts {
    /// Sums of the cells, each by its own attribution month.
    pub cell: Cell,
    /// Durations, each by its own attribution month.
    pub clocks: BTreeMap<Clock, SparseHistogram>,
    /// Open incidents whose due time has passed, by month of the due time.
    pub open_past_due: u64,
    /// Those that were warned of with the lead that the terms want.
    pub open_warned: u64,
    /// Open incidents that nobody answered by the due time, by month of the due time.
    pub open_unanswered: u64,
    /// Business seconds of disruption × parts per million affected, per service, open incidents
    /// up to the as-of moment included.
    pub impact: BTreeMap<String, Disrupted>,
    /// Open incidents whose disruption lies in the month in part.
    pub impact_open: u64,
    /// Business seconds between knowing and telling × parts per million affected, per service.
    pub telling: BTreeMap<String, Disrupted>,
    /// Hours in which services were to be there, and outages.
    pub uptime: Uptime,
    /// Restored incidents by who solved them.
    pub solved: BTreeMap<String, u64>,
    /// Restored incidents that name nobody.
    pub solved_by_nobody: u64,
    /// Incidents and requests by service and category.
    pub kinds: BTreeMap<(String, String), Kinds>,
    /// Exposure-months.
    pub exposure: u128,
    /// Months that have exposure.
    pub months_exposed: u64,
    /// Incidents opened in months whose tickets are known and that have exposure.
    pub incidents_exposed: u64,
    /// Exposure-months of those.
    pub exposure_observed: u128,
    /// Months with invoices of the contract.
    pub months_billed: u64,
    /// Months whose tickets are known.
    pub months_observed: u64,
    /// Months that are over at the as-of moment.
    pub months_over: u64,
    /// Months.
    pub months: u64,
}

/// Disruption of one service.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Disrupted {
    /// Business seconds × parts per million affected.
    pub s_ppm: i128,
    /// What the rates of the hours add to their weight, in millionths of those.
    pub rated: i128,
}

impl Parts {
    /// Adds other parts, of another month or another service.
    pub fn merge(&mut self, other: &Parts) {
        self.cell.merge(&other.cell);
        for (clock, histogram) in &other.clocks {
            self.clocks.entry(*clock).or_default().merge(histogram);
        }
        self.open_past_due += other.open_past_due;
        self.open_warned += other.open_warned;
        self.open_unanswered += other.open_unanswered;
        self.impact_open += other.impact_open;
        for (service, disrupted) in &other.impact {
            add(&mut self.impact, service, *disrupted);
        }
        for (service, disrupted) in &other.telling {
            add(&mut self.telling, service, *disrupted);
        }
        self.uptime.merge(&other.uptime);
        for (assignee, n) in &other.solved {
            *self.solved.entry(assignee.clone()).or_default() += n;
        }
        self.solved_by_nobody += other.solved_by_nobody;
        for (key, kinds) in &other.kinds {
            let mine = self.kinds.entry(key.clone()).or_default();
            mine.incidents += kinds.incidents;
            mine.requests += kinds.requests;
        }
        self.exposure += other.exposure;
        self.months_exposed += other.months_exposed;
        self.incidents_exposed += other.incidents_exposed;
        self.exposure_observed += other.exposure_observed;
        self.months_billed += other.months_billed;
        self.months_observed += other.months_observed;
        self.months_over += other.months_over;
        self.months += other.months;
    }

    /// Business seconds of disruption × parts per million, over all services.
    #[must_use]
    pub fn impact_s_ppm(&self) -> i128 {
        self.impact.values().map(|d| d.s_ppm).sum()
    }

    fn add_cell(&mut self, service: &str, cell: &Cell) {
        self.cell.merge(cell);
        let disrupted = |s_ppm, rated| Disrupted { s_ppm, rated };
        if cell.impact_s_ppm != 0 {
            let part = disrupted(cell.impact_s_ppm, cell.impact_rated);
            add(&mut self.impact, service, part);
        }
        if cell.telling_s_ppm != 0 {
            let part = disrupted(cell.telling_s_ppm, cell.telling_rated);
            add(&mut self.telling, service, part);
        }
    }
}

fn add(sums: &mut BTreeMap<String, Disrupted>, service: &str, part: Disrupted) {
    let sum = sums.entry(service.to_owned()).or_default();
    sum.s_ppm += part.s_ppm;
    sum.rated += part.rated;
}

/// Parts by scope and month; shared by tables that have the same.
type ByScope = BTreeMap<Scope, BTreeMap<Month, Arc<Parts>>>;

/// The parts of one contract by scope and month.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PartsTable {
    by_scope: ByScope,
    /// Months with a cost line of the contract.
    pub billed: BTreeSet<Month>,
    /// Open incidents whose disruption lies outside the years of the calendar.
    pub open_unread: u64,
    /// Open incidents past their due time.
    pub open_past_due: u64,
    /// Who restored incidents on what.
    solvers: Arc<Solvers>,
}

/// What a table is without its cells, and what follows from them.
#[derive(Debug, Clone)]
pub(super) struct WithoutCells(ByScope);

/// What the parts of a contract are gathered from.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sources<'a> {
    pub(super) plan: &'a MeasurePlan,
    pub(super) cells: &'a Cells,
    pub(super) billing: &'a BillingCells,
    pub(super) exposure: &'a ExposureTable,
    pub(super) records: &'a Records,
    pub(super) observed: Option<Period<Month>>,
    pub(super) as_of: Instant,
    /// The months of the terms: baseline and performance.
    pub(super) months: &'a [Month],
}

impl PartsTable {
    /// Gathers everything that belongs to the contract of the plan, in the months given.
    pub(super) fn gather(from: &Sources<'_>) -> PartsTable {
        let mut table = PartsTable::without_cells(from);
        table.add_cells(from, from.months);
        table
    }

    /// The same, and what it is without cells, for [`PartsTable::with_cells`].
    pub(super) fn gather_both(from: &Sources<'_>) -> (PartsTable, WithoutCells) {
        let mut table = PartsTable::without_cells(from);
        let without = WithoutCells(table.by_scope.clone());
        table.add_cells(from, from.months);
        (table, without)
    }

    /// All but the sums of cells, and what follows from them.
    fn without_cells(from: &Sources<'_>) -> PartsTable {
        let contract = from.plan.contract_id.as_str();
        let wanted: BTreeSet<Month> = from.months.iter().copied().collect();
        let mut table = PartsTable::default();
        table.by_scope.entry(Scope::Contract).or_default();
        // The scopes of the cells come first: they say which services there are.
        let total = &from.cells.total;
        let keys = total.cells_of(contract).map(|(key, _)| key);
        let counted = total.histograms_of(contract).map(|((key, _), _)| key);
        for key in keys.chain(counted) {
            if wanted.contains(&key.month) {
                table.each(&key.service_id, Some(key.priority), key.month, |_| {});
            }
        }
        table.gather_open(from, &wanted);
        table.gather_kinds(from, &wanted);
        table.gather_solved(from, &wanted);
        table.gather_uptime(from);
        let first = BillingKey {
            contract_id: contract.to_owned(),
            service_id: String::new(),
            month: Month::from_ordinal(i32::MIN),
            currency: Currency::EUR,
            class: BillingClass::Cost,
        };
        for key in from.billing.range(first..).map(|(key, _)| key) {
            if key.contract_id != contract {
                break;
            }
            if key.class == BillingClass::Cost && wanted.contains(&key.month) {
                table.billed.insert(key.month);
                // The amounts are those of the savings; here only the scope must exist.
                table.each(&key.service_id, None, key.month, |_| {});
            }
        }
        table
    }

    /// This table with other cells in some months: those of the sources, which need hold no other
    /// months than these, and no other services and priorities than the table was gathered from.
    pub(super) fn with_cells(
        &self,
        without: &WithoutCells,
        from: &Sources<'_>,
        months: Period<Month>,
    ) -> PartsTable {
        let inside = |month: &Month| months.contains(*month);
        let changed: Vec<Month> = from.months.iter().copied().filter(inside).collect();
        let mut table = self.clone();
        for (scope, by_month) in &mut table.by_scope {
            let plain = without.0.get(scope);
            for month in &changed {
                match plain.and_then(|plain| plain.get(month)) {
                    Some(parts) => by_month.insert(*month, Arc::clone(parts)),
                    None => by_month.remove(month),
                };
            }
        }
        table.add_cells(from, &changed);
        table
    }

    /// Adds the cells of some months, and what is known once they are there.
    fn add_cells(&mut self, from: &Sources<'_>, months: &[Month]) {
        let contract = from.plan.contract_id.as_str();
        let wanted: BTreeSet<Month> = months.iter().copied().collect();
        for (key, cell) in from.cells.total.cells_of(contract) {
            if wanted.contains(&key.month) {
                self.each(&key.service_id, Some(key.priority), key.month, |p| {
                    p.add_cell(&key.service_id, cell);
                });
            }
        }
        for ((key, clock), histogram) in from.cells.total.histograms_of(contract) {
            if wanted.contains(&key.month) {
                self.each(&key.service_id, Some(key.priority), key.month, |p| {
                    p.clocks.entry(*clock).or_default().merge(histogram);
                });
            }
        }
        self.finish(from, months);
    }

    fn gather_open(&mut self, from: &Sources<'_>, wanted: &BTreeSet<Month>) {
        let plan = from.plan;
        let first = OpenKey {
            contract_id: plan.contract_id.clone(),
            service_id: String::new(),
            priority: 0,
            opened_at: Instant::from_micros(i64::MIN),
            due_at: None,
            affected_ppm: None,
            respond_due_at: None,
            warned_at: None,
        };
        for (key, &n) in from.cells.total.open.range(first..) {
            if key.contract_id != plan.contract_id {
                break;
            }
            if let Some(due) = key.due_at.filter(|due| *due < from.as_of) {
                self.open_past_due += n;
                let month = plan.zone.month_of(due);
                let lead_s = key
                    .warned_at
                    .filter(|at| *at < due)
                    .map(|at| due.wall_s_since(at));
                let in_time = match (lead_s, plan.notices.warn_before_s) {
                    (Some(lead), Some(least)) => lead >= least,
                    _ => false,
                };
                if wanted.contains(&month) {
                    self.each(&key.service_id, Some(key.priority), month, |p| {
                        p.open_past_due += n;
                        p.open_warned += if in_time { n } else { 0 };
                        if let Some(lead) = lead_s.and_then(|l| u64::try_from(l).ok()) {
                            p.clocks
                                .entry(Clock::WarningLead)
                                .or_default()
                                .add_bucket(bucket(lead), n);
                        }
                    });
                }
            }
            if let Some(due) = key.respond_due_at.filter(|due| *due < from.as_of) {
                let month = plan.zone.month_of(due);
                if wanted.contains(&month) {
                    self.each(&key.service_id, Some(key.priority), month, |p| {
                        p.open_unanswered += n;
                    });
                }
            }
            let mut month = plan.zone.month_of(key.opened_at);
            loop {
                let end = month.next().start(&plan.zone);
                if end > from.as_of {
                    break;
                }
                if wanted.contains(&month) {
                    let age = i128::from(end.wall_s_since(key.opened_at)) * i128::from(n);
                    self.each(&key.service_id, Some(key.priority), month, |p| {
                        p.cell.backlog_open += n;
                        p.cell.backlog_age_s += age;
                    });
                }
                month = month.next();
            }
            let calendar = plan.impact.and_then(|i| plan.calendars.get(usize::from(i)));
            let (Some(calendar), Some(ppm)) = (calendar, key.affected_ppm) else {
                continue;
            };
            let (service, until) = (&key.service_id, from.as_of);
            match (
                calendar.split_by_month(key.opened_at, until, &plan.zone),
                plan.rates
                    .extra_by_month(service, key.opened_at, until, &plan.zone),
            ) {
                (Err(_), _) | (_, Err(_)) => self.open_unread += n,
                (Ok(parts), Ok(extra)) => {
                    for (month, business_s) in parts {
                        if wanted.contains(&month) {
                            let s_ppm = i128::from(business_s) * i128::from(ppm) * i128::from(n);
                            self.each(&key.service_id, Some(key.priority), month, |p| {
                                add(&mut p.impact, service, Disrupted { s_ppm, rated: 0 });
                                p.impact_open += n;
                            });
                        }
                    }
                    for (month, extra) in extra.filter(|(month, _)| wanted.contains(month)) {
                        let rated = extra * i128::from(ppm) * i128::from(n);
                        self.each(service, Some(key.priority), month, |p| {
                            add(&mut p.impact, service, Disrupted { s_ppm: 0, rated });
                        });
                    }
                }
            }
        }
    }

    fn gather_kinds(&mut self, from: &Sources<'_>, wanted: &BTreeSet<Month>) {
        let contract = &from.plan.contract_id;
        let first = KindKey {
            contract_id: contract.clone(),
            service_id: String::new(),
            category: String::new(),
            month: Month::from_ordinal(i32::MIN),
        };
        for (key, kinds) in from.cells.total.kinds.range(first..) {
            if key.contract_id != *contract {
                break;
            }
            if wanted.contains(&key.month) {
                self.each(&key.service_id, None, key.month, |p| {
                    let at = (key.service_id.clone(), key.category.clone());
                    let mine = p.kinds.entry(at).or_default();
                    mine.incidents += kinds.incidents;
                    mine.requests += kinds.requests;
                });
            }
        }
    }

    fn gather_solved(&mut self, from: &Sources<'_>, wanted: &BTreeSet<Month>) {
        let solved = &from.cells.total.solved;
        let mut solvers = Solvers::new(solved.items());
        let own = solved.places(&from.plan.contract_id);
        for (place, counts) in own.filter(|(place, _)| wanted.contains(&place.month)) {
            self.each(&place.service_id, None, place.month, |p| {
                for of_person in counts.chunk_by(|(a, _), (b, _)| person_of(*a) == person_of(*b)) {
                    let Some((pair, _)) = of_person.first() else {
                        continue;
                    };
                    let n: u64 = of_person.iter().map(|(_, n)| n).sum();
                    let person = solved.person(*pair);
                    match p.solved.get_mut(person) {
                        Some(sum) => *sum += n,
                        None => _ = p.solved.insert(person.to_owned(), n),
                    }
                }
            });
            let scopes = [Scope::Contract, Scope::Service(place.service_id.clone())];
            solvers.add(scopes, place.month, counts);
        }
        solvers.finish();
        self.solvers = Arc::new(solvers);
    }

    fn gather_uptime(&mut self, from: &Sources<'_>) {
        let named: Vec<String> = self
            .by_scope
            .keys()
            .filter_map(|scope| match scope {
                Scope::Service(id) if !id.is_empty() => Some(id.clone()),
                _ => None,
            })
            .collect();
        // Where no ticket names a service, the contract is the service.
        let services = if named.is_empty() {
            vec![String::new()]
        } else {
            named
        };
        for ((service, month), uptime) in uptime(from, &services) {
            self.each(&service, None, month, |p| p.uptime.merge(&uptime));
        }
    }

    /// Who restored what in the twelve months up to the end of a period, where having restored
    /// `enough` on an item counts. `None` when not all twelve are known.
    pub(super) fn spread(&self, scope: &Scope, end: Month, enough: u64) -> Option<Spread> {
        let known = self.by_scope.get(&Scope::Contract)?;
        let year = || months_between(end.plus(-12), end);
        for month in year() {
            if known.get(&month)?.months_observed == 0 {
                return None;
            }
        }
        Some(self.solvers.spread(scope, year(), enough))
    }

    /// Changes the parts of every scope that a service and priority belong to. Money has no
    /// priority.
    fn each(
        &mut self,
        service: &str,
        priority: Option<u8>,
        month: Month,
        mut change: impl FnMut(&mut Parts),
    ) {
        let scopes = [
            Some(Scope::Contract),
            Some(Scope::Service(service.to_owned())),
            priority.map(Scope::Priority),
        ];
        for scope in scopes.into_iter().flatten() {
            let by_month = self.by_scope.entry(scope).or_default();
            change(Arc::make_mut(by_month.entry(month).or_default()));
        }
    }

    /// Fills in what is known of these months whether or not something happened in them.
    fn finish(&mut self, from: &Sources<'_>, months: &[Month]) {
        for (scope, by_month) in &mut self.by_scope {
            for &month in months {
                let parts = Arc::make_mut(by_month.entry(month).or_default());
                parts.months = 1;
                parts.months_over = u64::from(month < from.plan.zone.month_of(from.as_of));
                parts.months_observed =
                    u64::from(from.observed.is_some_and(|period| period.contains(month)));
                let billed = self.billed.contains(&month);
                parts.months_billed = u64::from(billed);
                let named: u64 = parts.solved.values().sum();
                parts.solved_by_nobody = parts.cell.restored.saturating_sub(named);
                if let Some(n) = from.exposure.of(scope, month) {
                    parts.exposure = u128::from(n);
                    parts.months_exposed = 1;
                    if parts.months_observed > 0 {
                        parts.incidents_exposed = parts.cell.incidents;
                        parts.exposure_observed = parts.exposure;
                    }
                }
            }
        }
    }

    /// The scopes, in order: contract, services, priorities.
    pub fn scopes(&self) -> impl Iterator<Item = &Scope> {
        self.by_scope.keys()
    }

    /// The sum over the months of a period.
    #[must_use]
    pub fn over(&self, scope: &Scope, period: Period<Month>) -> Parts {
        let mut sum = Parts::default();
        if let Some(by_month) = self.by_scope.get(scope) {
            for month in months_between(period.start(), period.end()) {
                if let Some(parts) = by_month.get(&month) {
                    sum.merge(parts);
                }
            }
        }
        sum
    }
}
