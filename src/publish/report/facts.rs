//! What the report shows, gathered from the published tables by their names. Responsible for
//! which rows belong together; sums that are shown are sums of published amounts, nothing else
//! is computed here.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use rayon::prelude::*;

use super::kpis::{self, Kpi, KpiRow, Kpis};
use crate::money::Decimal;
use crate::publish::reading::{Part, Published, ReadTable, ReadingError, Row};
use crate::publish::rows::Rows;

/// One row of `settlement`.
#[derive(Debug, Clone)]
pub(crate) struct Line {
    pub(crate) seq: String,
    pub(crate) period: String,
    /// The months of the period, as far as it is one.
    pub(crate) span: Option<(i32, i32)>,
    pub(crate) clause: String,
    pub(crate) supplier: String,
    pub(crate) step: String,
    pub(crate) basis: Option<Decimal>,
    pub(crate) rate: Option<Decimal>,
    pub(crate) amount: Option<Decimal>,
    pub(crate) currency: String,
    pub(crate) kind: String,
    pub(crate) prior: Option<Decimal>,
    pub(crate) delta: Option<Decimal>,
    pub(crate) bound_by: String,
    pub(crate) status: String,
    /// The decisions against a rule that it rests on; empty for none.
    pub(crate) overridden: String,
    pub(crate) rule: String,
    pub(crate) terms_version: String,
    pub(crate) explanation: String,
}

/// The rows of one clause in one period, ending in what is due.
#[derive(Debug, Clone)]
pub(crate) struct Calculation {
    pub(crate) lines: Vec<Line>,
}

impl Calculation {
    /// The rows that say what is due: one per supplier.
    pub(crate) fn due(&self) -> impl Iterator<Item = &Line> {
        self.lines.iter().filter(|l| l.kind == "payable")
    }

    /// The last row, for its clause, period and status.
    pub(crate) fn last(&self) -> Option<&Line> {
        self.due().last().or(self.lines.last())
    }

    /// Whether it shares a saving: its basis names one.
    pub(crate) fn shares_a_saving(&self) -> bool {
        self.lines.iter().any(|l| {
            l.kind == "gross"
                && (l.explanation.contains("saving") || l.explanation.contains("benchmark"))
        })
    }
}

/// Findings of one kind, put together.
#[derive(Debug, Clone)]
pub(crate) struct Noticed {
    pub(crate) severity: String,
    pub(crate) code: String,
    pub(crate) detail: String,
    pub(crate) places: Vec<String>,
    pub(crate) count: Decimal,
}

/// Everything about one contract.
#[derive(Debug, Clone, Default)]
pub(crate) struct Contract {
    pub(crate) id: String,
    pub(crate) suppliers: Vec<String>,
    pub(crate) calculations: Vec<Calculation>,
    pub(crate) totals: Vec<Line>,
    /// The rows of `measures` that are its own: those of longer periods than a month, and of every
    /// month those that pictures need.
    kpis: Vec<usize>,
    measures: Arc<Kpis>,
    /// Revenue of the supplier by scheme and currency; `None` where a period has none.
    pub(crate) schemes: BTreeMap<(String, String), Option<Decimal>>,
    pub(crate) noticed: Vec<Noticed>,
    pub(crate) integrity: Option<ReadTable>,
    pub(crate) alignment: Option<ReadTable>,
    pub(crate) worst: Option<ReadTable>,
    pub(crate) others: Vec<(&'static str, ReadTable)>,
}

impl Contract {
    /// Its KPI values.
    pub(crate) fn kpis(&self) -> impl Iterator<Item = KpiRow<'_>> {
        self.kpis.iter().filter_map(|row| self.measures.row(*row))
    }

    /// The value of a KPI in a period, however the tables write the period.
    pub(crate) fn kpi(&self, id: &str, period: &str) -> Option<Kpi<'_>> {
        let wanted = months(period);
        let same = |k: &KpiRow<'_>| {
            k.id() == id && (k.period() == period || wanted.is_some() && k.span == wanted)
        };
        self.kpis().find(same).map(KpiRow::kpi)
    }

    /// The longest period with a statement about avoided incidents: the performance period.
    pub(crate) fn year(&self) -> Option<Kpi<'_>> {
        let avoided = self.kpis().filter(|k| k.id() == "incidents_avoided");
        avoided.max_by_key(|k| k.months()).map(KpiRow::kpi)
    }

    /// What the statements add up to, by supplier and currency: amount, settled before, to pay.
    pub(crate) fn owed(&self) -> BTreeMap<(String, String), [Decimal; 3]> {
        let mut owed = BTreeMap::new();
        for line in &self.totals {
            let entry = owed
                .entry((line.supplier.clone(), line.currency.clone()))
                .or_insert([Decimal::ZERO; 3]);
            let parts = [line.amount, line.prior, line.delta.or(line.amount)];
            for (sum, part) in entry.iter_mut().zip(parts) {
                *sum = plus(*sum, part);
            }
        }
        owed
    }

    /// How many due rows have a status.
    pub(crate) fn with_status(&self, status: &str) -> usize {
        self.calculations
            .iter()
            .flat_map(Calculation::due)
            .filter(|l| l.status == status)
            .count()
    }

    /// How many due rows rest on a decision against a rule.
    pub(crate) fn overridden(&self) -> usize {
        self.calculations
            .iter()
            .flat_map(Calculation::due)
            .filter(|l| !l.overridden.is_empty())
            .count()
    }

    /// How many integrity tests were flagged; `None` when there is no such table.
    pub(crate) fn flagged(&self) -> Option<usize> {
        let table = self.integrity.as_ref()?;
        Some(table.iter().filter(|r| r.text("flagged") == "true").count())
    }
}

/// Everything of the report.
#[derive(Debug, Clone)]
pub(crate) struct Facts {
    pub(crate) customer: String,
    pub(crate) contracts: Vec<Contract>,
    /// The rows of `kpi` of whole contracts, of every period that is settled or longer than a
    /// month, and of every month those that pictures need.
    pub(crate) measures: Arc<Kpis>,
    /// The periods that are settled.
    pub(crate) settled: BTreeSet<(i32, i32)>,
    /// What was noticed about no contract in particular.
    pub(crate) noticed: Vec<Noticed>,
    /// Tables of the plan that this output does not have.
    pub(crate) absent: Vec<&'static str>,
}

/// A sum that stays as it was where it would leave the range of decimals.
pub(crate) fn plus(sum: Decimal, part: Option<Decimal>) -> Decimal {
    part.and_then(|p| sum.checked_add(p).ok()).unwrap_or(sum)
}

/// Months from and to (exclusive) of a period as `settlement` and `kpi` write it.
pub(crate) fn months(period: &str) -> Option<(i32, i32)> {
    let month = |text: &str| -> Option<i32> {
        let (year, month) = text.split_once('-')?;
        let month = crate::time::Month::new(year.parse().ok()?, month.parse().ok()?).ok()?;
        Some(month.ordinal())
    };
    if let Some((from, to)) = period.split_once('/') {
        return Some((month(from)?, month(to)?));
    }
    if let Some((from, to)) = period.split_once("..") {
        return Some((month(from)?, month(to)? + 1));
    }
    if let Some((year, quarter)) = period.split_once("-Q") {
        let quarter: i32 = quarter.parse().ok().filter(|q| (1..=4).contains(q))?;
        let from = month(&format!("{year}-{:02}", quarter * 3 - 2))?;
        return Some((from, from + 3));
    }
    if let Some(from) = month(period) {
        return Some((from, from + 1));
    }
    let from = month(&format!("{period}-01"))?;
    Some((from, from + 12))
}

/// KPIs of which the pictures need every month.
const MONTHLY: &[&str] = &["incidents_expected", "incidents_avoided", "incident_rate"];

/// What is shown of `kpi`: the values of whole contracts.
const OF_CONTRACTS: Part<'static> = Part {
    columns: Some(&kpis::COLUMNS),
    texts: &[("scope", "contract")],
};

/// Tables that are shown as they are, when the output has them.
const OTHERS: &[&str] = &["initiative_results", "adjustments_applied", "overrides"];

/// Gathers the report's facts.
///
/// # Errors
/// When a table that is there cannot be read.
pub(crate) fn gather(published: &Published) -> Result<Facts, ReadingError> {
    let shown: Vec<&'static str> = ["integrity", "alignment", "worst_incidents"]
        .into_iter()
        .chain(OTHERS.iter().copied())
        .collect();
    // Beside each other: what is read, and what is made of the measures.
    let (settled, read) = rayon::join(
        || settled(published),
        || {
            let (schemes, findings) = (published.table("schemes")?, published.table("findings")?);
            let tables = shown.par_iter().map(|name| published.table(name));
            let tables: Vec<Option<ReadTable>> = tables.collect::<Result<_, ReadingError>>()?;
            Ok((schemes, findings, tables))
        },
    );
    let (mut facts, mut place) = settled?;
    let (schemes, findings, tables) = read?;
    let contracts = &mut facts.contracts;
    for row in schemes.iter().flat_map(ReadTable::iter) {
        let index = at(&mut place, contracts, row.text("contract_id"));
        let key = (
            row.text("scheme").to_owned(),
            row.text("currency").to_owned(),
        );
        if let Some(contract) = contracts.get_mut(index) {
            let revenue = row.number("supplier_revenue");
            let sum = contract.schemes.entry(key).or_insert(Some(Decimal::ZERO));
            *sum = match (*sum, revenue) {
                (Some(sum), Some(revenue)) => sum.checked_add(revenue).ok(),
                _ => None,
            };
        }
    }
    for row in findings.iter().flat_map(ReadTable::iter) {
        let known = place.get(row.text("contract_id")).copied();
        match known.and_then(|i| contracts.get_mut(i)) {
            Some(contract) => notice(&mut contract.noticed, &row),
            None => notice(&mut facts.noticed, &row),
        }
    }
    for (name, table) in shown.into_iter().zip(tables) {
        match table {
            None => facts.absent.push(name),
            Some(table) => spread(contracts, name, table),
        }
    }
    Ok(facts)
}

/// Where each contract is.
type Place = BTreeMap<String, usize>;

fn at(place: &mut Place, contracts: &mut Vec<Contract>, id: &str) -> usize {
    if let Some(index) = place.get(id) {
        return *index;
    }
    contracts.push(Contract {
        id: id.to_owned(),
        ..Contract::default()
    });
    place.insert(id.to_owned(), contracts.len() - 1);
    contracts.len() - 1
}

/// The facts as far as they come from settlement and measures.
fn settled(published: &Published) -> Result<(Facts, Place), ReadingError> {
    let mut contracts: Vec<Contract> = Vec::new();
    let mut place = Place::new();
    if let Some(terms) = published.manifest.get("terms").and_then(|t| t.as_object()) {
        for id in terms.keys() {
            at(&mut place, &mut contracts, id);
        }
    }
    let mut customer = String::new();
    if let Some(table) = published.table("settlement")? {
        for row in table.iter() {
            let index = at(&mut place, &mut contracts, row.text("contract_id"));
            let line = line(&row);
            for party in [row.text("payer"), row.text("payee")] {
                if !party.is_empty() && party != line.supplier && customer.is_empty() {
                    party.clone_into(&mut customer);
                }
            }
            if let Some(contract) = contracts.get_mut(index) {
                add(contract, line);
            }
        }
    }
    let settled: BTreeSet<(i32, i32)> = contracts
        .iter()
        .flat_map(|c| &c.calculations)
        .filter_map(|c| c.last()?.span)
        .collect();
    let monthly = |row: &Row<'_>| MONTHLY.contains(&row.text("kpi"));
    let longer = |period: Option<(i32, i32)>| period.is_none_or(|(from, to)| to > from + 1);
    let wanted = |row: &Row<'_>| {
        let period = months(row.text("period"));
        monthly(row) || longer(period) || period.is_some_and(|span| settled.contains(&span))
    };
    let measures = published.filtered("kpi", OF_CONTRACTS, wanted)?;
    let measures = Arc::new(Kpis::of(measures.unwrap_or_default()));
    let mut index = None;
    for (n, row) in (0..measures.len()).filter_map(|n| Some((n, measures.row(n)?))) {
        if !(MONTHLY.contains(&row.id()) || longer(row.span)) {
            continue;
        }
        // The rows of a contract follow each other.
        let id = row.contract();
        let known = index.and_then(|i: usize| contracts.get(i));
        if known.is_none_or(|c| c.id != id) {
            index = Some(at(&mut place, &mut contracts, id));
        }
        if let Some(contract) = index.and_then(|i| contracts.get_mut(i)) {
            contract.kpis.push(n);
        }
    }
    for contract in &mut contracts {
        contract.measures = Arc::clone(&measures);
    }
    let facts = Facts {
        customer,
        contracts,
        measures,
        settled,
        noticed: Vec::new(),
        absent: Vec::new(),
    };
    Ok((facts, place))
}

/// Gives each contract its rows of a table; where rows name no contract, all of them.
fn spread(contracts: &mut [Contract], name: &'static str, mut table: ReadTable) {
    let column = table.columns.iter().position(|c| c.name == "contract_id");
    let width = table.columns.len();
    let mut parted: BTreeMap<&str, Rows> = BTreeMap::new();
    let rows = std::mem::take(&mut table.rows);
    for row in rows.iter().filter(|_| column.is_some()) {
        let id = column.and_then(|column| row.get(column));
        let own = parted.entry(id.unwrap_or_default());
        own.or_insert_with(|| Rows::new(width)).push(row.iter());
    }
    for contract in contracts {
        let own = ReadTable {
            rows: match column {
                None => rows.clone(),
                Some(_) => parted.remove(contract.id.as_str()).unwrap_or_default(),
            },
            ..table.clone()
        };
        match name {
            "integrity" => contract.integrity = Some(own),
            "alignment" => contract.alignment = Some(own),
            "worst_incidents" => contract.worst = Some(own),
            _ if own.rows.is_empty() => {}
            _ => contract.others.push((name, own)),
        }
    }
}

fn add(contract: &mut Contract, line: Line) {
    if !line.supplier.is_empty() && !contract.suppliers.contains(&line.supplier) {
        contract.suppliers.push(line.supplier.clone());
    }
    if line.kind == "total" {
        contract.totals.push(line);
        return;
    }
    let same = |c: &Calculation| {
        c.lines
            .last()
            .is_some_and(|l| l.clause == line.clause && l.period == line.period)
    };
    match contract.calculations.last_mut().filter(|c| same(c)) {
        Some(calculation) => calculation.lines.push(line),
        None => contract
            .calculations
            .push(Calculation { lines: vec![line] }),
    }
}

pub(crate) fn line(row: &Row<'_>) -> Line {
    let text = |name: &str| row.text(name).to_owned();
    Line {
        seq: text("seq"),
        span: months(row.text("period")),
        period: text("period"),
        clause: text("clause_id"),
        supplier: text("supplier_id"),
        step: text("step"),
        basis: row.number("basis"),
        rate: row.number("rate"),
        amount: row.number("amount"),
        currency: text("currency"),
        kind: text("amount_kind"),
        prior: row.number("prior_amount"),
        delta: row.number("delta"),
        bound_by: text("bound_by"),
        status: text("status"),
        overridden: text("overridden"),
        rule: text("rule"),
        terms_version: text("terms_version"),
        explanation: text("explanation"),
    }
}

fn notice(list: &mut Vec<Noticed>, row: &Row<'_>) {
    let (code, severity, detail) = (row.text("code"), row.text("severity"), row.text("detail"));
    let mut place = row.text("file").to_owned();
    for (mark, name) in [(":", "line"), (" ", "column")] {
        let text = row.text(name);
        if !text.is_empty() {
            place.push_str(mark);
            place.push_str(text);
        }
    }
    let found = list
        .iter()
        .position(|n| n.code == code && n.severity == severity && n.detail == detail);
    let index = found.unwrap_or_else(|| {
        list.push(Noticed {
            severity: severity.to_owned(),
            code: code.to_owned(),
            detail: detail.to_owned(),
            places: Vec::new(),
            count: Decimal::ZERO,
        });
        list.len() - 1
    });
    if let Some(noticed) = list.get_mut(index) {
        noticed.count = plus(noticed.count, row.number("count"));
        if !place.is_empty() && !noticed.places.contains(&place) {
            noticed.places.push(place);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::months;

    #[test]
    fn periods_of_both_tables_meet() {
        assert_eq!(months("2025"), months("2025-01/2026-01"));
        assert_eq!(months("2025-Q4"), months("2025-10/2026-01"));
        assert_eq!(months("2024-07..2025-06"), months("2024-07/2025-07"));
        assert_eq!(months("2025-02").map(|(a, b)| b - a), Some(1));
        assert_eq!(months("Y1"), None);
        assert_eq!(months("2025-Q5"), None);
    }
}
