//! What becomes of each row that reads: which of a key stands, to which contract it belongs, and
//! whether its ticket is known. Rows of one ticket, or of one key, are judged together, in any
//! order of tickets. Not responsible for rows that do not read (see [`super::record`]).

use std::collections::{BTreeMap, BTreeSet};

use super::account::{Fate, FileAccount};
use super::columns::{ByIdentity, Columns};
use super::duplicates;
use super::invoices::Sums;
use super::scope::{Assigned, Scope, Ticket};
use crate::config::document::nearest;
use crate::config::project::Project;
use crate::finding::{Finding, Severity, Stage};

/// What rows are judged by.
pub(super) struct Judging<'a> {
    suppliers: BTreeMap<&'a str, &'a str>,
    files: Vec<String>,
    /// Each file's place among all files by name.
    by_name: Vec<usize>,
    pub(super) scope: Scope,
    /// Whether invoice lines are compared with what invoices say.
    compares: bool,
}

/// The rows of the accepted tickets among them: by source and number, and by number alone.
pub(super) type Tickets = ByIdentity<usize>;

/// Rows of a table to be judged, of which it is known which of a key stands.
#[derive(Debug)]
pub(super) struct Sifted {
    pub(super) rows: Columns,
    /// Per row: whether it stands.
    pub(super) stands: Vec<bool>,
    /// Rows that do not stand and were not even read again: how many of each file.
    pub(super) passed: BTreeMap<u32, u64>,
    /// Rows that stand although nothing declares that they are the latest of their key.
    pub(super) conflicts: BTreeSet<usize>,
}

/// How many rows, and file and line of the first.
type Seen = (u64, (String, u64));

/// What was said of rows, table by table.
#[derive(Debug, Default)]
pub(super) struct Said {
    /// Counts of the rows of each file.
    pub(super) accounts: Vec<FileAccount>,
    conflicts: BTreeMap<&'static str, BTreeSet<String>>,
    /// Rows of contracts that the project does not name, and the first of them.
    unknown: BTreeMap<(&'static str, String), Seen>,
    /// Rows that fit several contracts, and one of them.
    ambiguous: BTreeMap<(&'static str, String), (u64, String)>,
    nowhere: BTreeMap<&'static str, u64>,
    /// Rows without a ticket, and up to three tickets that they name.
    orphans: BTreeMap<&'static str, (u64, BTreeSet<String>)>,
    /// Sums of invoices, by lines and as stated.
    invoices: Sums,
}

/// The identity of tickets in a table's rows: source and number. A table without a source column
/// (clocks of a tool over several sources) names tickets by number alone.
pub(super) fn ticket_columns(rows: &Columns) -> Vec<Option<usize>> {
    rows.positions(&["source", "ticket_id"])
}

impl<'a> Judging<'a> {
    /// By the contracts of a project; `files` are all files in its order.
    pub(super) fn new(project: &'a Project, files: Vec<String>, scope: Scope) -> Judging<'a> {
        let mut names: Vec<usize> = (0..files.len()).collect();
        names.sort_by_key(|i| files.get(*i));
        let mut by_name = vec![0; names.len()];
        for (place, file) in names.into_iter().enumerate() {
            if let Some(slot) = by_name.get_mut(file) {
                *slot = place;
            }
        }
        Judging {
            suppliers: contracts(project).collect(),
            files,
            by_name,
            scope,
            compares: project
                .sources
                .iter()
                .any(|s| s.table.name == "invoice_totals"),
        }
    }

    /// Counts rows of an audit log that only feeds events: by whether their ticket is known.
    pub(super) fn audit(&self, rows: &Columns, tickets: &Tickets, said: &mut Said) {
        let at = ticket_columns(rows);
        for (row, name) in rows.identities(&at).iter().enumerate() {
            let fate = match tickets.contains_key(name) {
                true => Fate::Accepted,
                false => Fate::OutOfScope,
            };
            said.count(rows.file.get(row), fate, None);
        }
    }

    /// The place of a file among all files by name.
    pub(super) fn place(&self, file: u32) -> Option<usize> {
        let file = usize::try_from(file).ok()?;
        self.by_name.get(file).copied()
    }

    /// Judges rows of a table; gives those accepted. Tickets become known in `tickets`.
    pub(super) fn judge(&self, sifted: Sifted, tickets: &mut Tickets, said: &mut Said) -> Columns {
        let mut all = sifted.rows;
        let name = all.table.name;
        let key = duplicates::key(all.table);
        let conflicts = sifted.conflicts.iter().map(|row| {
            let shown: Vec<String> = key.iter().map(|c| all.shown(c, *row)).collect();
            shown.join(" ").trim().to_owned()
        });
        said.conflicts.entry(name).or_default().extend(conflicts);
        for (file, count) in &sifted.passed {
            if let Some(account) = said.account(Some(file)) {
                account.duplicate += count;
            }
        }
        if self.compares {
            said.invoices.add(&all, &sifted.stands);
        }
        let scoped = name == "incidents" || name == "billing";
        let follows = name == "incident_events" || name == "sla_clocks";
        let of_tickets = match follows || name == "incidents" {
            true => all.identities(&ticket_columns(&all)),
            false => Vec::new(),
        };
        let places = Places::of(&all);
        let number_at = all.table.position("ticket_id");
        let amount_at = all.table.position("amount");
        let currency_at = all.table.position("currency");
        let mut accepted = vec![false; all.len()];
        let mut count = 0;
        for row in 0..all.len() {
            let stands = sifted.stands.get(row).copied().unwrap_or_default();
            let mut fate = match stands {
                true => Fate::Accepted,
                false => Fate::Duplicate,
            };
            if stands && scoped {
                self.assign(&places, &mut all, row, said);
            }
            if fate == Fate::Accepted && places.contract.is_some() {
                let contract = all.text_at(places.contract, row);
                match contract.map(|id| (id, self.suppliers.get(id).copied())) {
                    Some((_, Some(supplier)))
                        if scoped && all.text_at(places.supplier, row).is_none() =>
                    {
                        all.set_text_at(places.supplier, row, Some(supplier));
                    }
                    Some((_, Some(_))) => {}
                    Some((id, None)) => {
                        fate = Fate::OutOfScope;
                        let file = all.file.get(row).and_then(|f| self.files.get(*f as usize));
                        let line = all.line.get(row).copied().unwrap_or_default();
                        let place = (file.cloned().unwrap_or_default(), line);
                        said.unknown(name, id, 1, place);
                    }
                    None if scoped => fate = Fate::OutOfScope,
                    None => {}
                }
            }
            if fate == Fate::Accepted
                && follows
                && !of_tickets.get(row).is_some_and(|t| tickets.contains_key(t))
            {
                fate = Fate::OutOfScope;
                said.orphan(name, 1, [all.shown("ticket_id", row)]);
            }
            let units = match amount_at {
                Some(_) => all.decimal("amount", row),
                None => None,
            };
            let money = match (units, all.text_at(currency_at, row)) {
                (Some(units), Some(currency)) => Some((units, currency)),
                _ => None,
            };
            said.count(all.file.get(row), fate, money);
            if fate == Fate::Accepted {
                if let Some(slot) = accepted.get_mut(row) {
                    *slot = true;
                }
                if name == "incidents" {
                    tickets.extend(of_tickets.get(row).map(|ticket| (*ticket, count)));
                    tickets.insert(all.identity(&[None, number_at], row), count);
                }
                count += 1;
            }
        }
        all.retain(&accepted);
        all
    }

    /// Gives a row its service (through its configuration item) and its contract.
    fn assign(&self, places: &Places, rows: &mut Columns, row: usize, said: &mut Said) {
        let opened_at = rows.integer_at(places.moment, row).unwrap_or_default();
        if rows.text_at(places.service, row).is_none()
            && let Some(ci) = rows.text_at(places.ci, row)
            && let Some(service) = self.scope.service_of(ci, opened_at)
        {
            rows.set_text_at(places.service, row, Some(service));
        }
        if rows.text_at(places.contract, row).is_some() {
            return;
        }
        let assigned = self.scope.assign(Ticket {
            supplier: rows.text_at(places.supplier, row),
            service: rows.text_at(places.service, row),
            group: rows.text_at(places.group, row),
            ci: rows.text_at(places.ci, row),
            opened_at,
        });
        let name = rows.table.name;
        match assigned {
            Assigned::Contract(contract, supplier) => {
                rows.set_text_at(places.contract, row, Some(contract));
                if rows.text_at(places.supplier, row).is_none() {
                    rows.set_text_at(places.supplier, row, supplier);
                }
            }
            Assigned::Nowhere => *said.nowhere.entry(name).or_default() += 1,
            Assigned::Ambiguous(contracts) => {
                let sample = rows
                    .text("ticket_id", row)
                    .or_else(|| rows.text("line_id", row))
                    .unwrap_or_default()
                    .to_owned();
                said.ambiguous(name, contracts.join(", "), 1, sample);
            }
        }
    }
}

/// Where the columns are by which a row is given its contract.
struct Places {
    contract: Option<usize>,
    supplier: Option<usize>,
    service: Option<usize>,
    group: Option<usize>,
    ci: Option<usize>,
    moment: Option<usize>,
}

impl Places {
    fn of(rows: &Columns) -> Places {
        let table = rows.table;
        Places {
            contract: table.position("contract_id"),
            supplier: table.position("supplier_id"),
            service: table.position("service_id"),
            group: table.position("assignment_group"),
            ci: table.position("ci_id"),
            moment: table.position(table.partition.unwrap_or("opened_at")),
        }
    }
}

impl Said {
    fn account(&mut self, file: Option<&u32>) -> Option<&mut FileAccount> {
        let file = file.and_then(|f| usize::try_from(*f).ok())?;
        if self.accounts.len() <= file {
            self.accounts.resize_with(file + 1, FileAccount::default);
        }
        self.accounts.get_mut(file)
    }

    fn count(&mut self, file: Option<&u32>, fate: Fate, money: Option<(i128, &str)>) {
        if let Some(account) = self.account(file) {
            account.count(fate, money);
        }
    }

    fn unknown(&mut self, table: &'static str, contract: &str, rows: u64, place: (String, u64)) {
        let entry = self.unknown.entry((table, contract.to_owned()));
        let (count, first) = entry.or_insert_with(|| (0, place.clone()));
        *count += rows;
        if place < *first {
            *first = place;
        }
    }

    fn ambiguous(&mut self, table: &'static str, contracts: String, rows: u64, sample: String) {
        let entry = self.ambiguous.entry((table, contracts));
        let (count, first) = entry.or_insert_with(|| (0, sample.clone()));
        *count += rows;
        if sample < *first {
            *first = sample;
        }
    }

    fn orphan(&mut self, table: &'static str, rows: u64, named: impl IntoIterator<Item = String>) {
        let (count, samples) = self.orphans.entry(table).or_default();
        *count += rows;
        samples.extend(named);
        while samples.len() > 3 {
            samples.pop_last();
        }
    }

    /// Adds what was said of other tickets.
    pub(super) fn append(&mut self, other: Said) {
        if self.accounts.len() < other.accounts.len() {
            self.accounts
                .resize_with(other.accounts.len(), FileAccount::default);
        }
        for (mine, theirs) in self.accounts.iter_mut().zip(&other.accounts) {
            mine.add(theirs);
        }
        for (table, keys) in other.conflicts {
            self.conflicts.entry(table).or_default().extend(keys);
        }
        for ((table, contract), (count, place)) in other.unknown {
            self.unknown(table, &contract, count, place);
        }
        for ((table, contracts), (count, sample)) in other.ambiguous {
            self.ambiguous(table, contracts, count, sample);
        }
        for (table, count) in other.nowhere {
            *self.nowhere.entry(table).or_default() += count;
        }
        for (table, (count, samples)) in other.orphans {
            self.orphan(table, count, samples);
        }
        self.invoices.append(other.invoices);
    }

    /// What a person is told, in no particular order.
    pub(super) fn findings(&self, project: &Project) -> Vec<Finding> {
        let mut findings = self.invoices.findings();
        let finding = |severity, code: &str, detail: String| {
            Finding::new(Stage::Ingest, severity, code, detail)
        };
        for (name, keys) in self.conflicts.iter().filter(|(_, keys)| !keys.is_empty()) {
            let detail = format!(
                "rows of `{name}` with the same key differ and `latest` of the mapping does not say \
                 which is the latest; the one with the larger content hash stands"
            );
            let samples: Vec<&str> = keys.iter().take(3).map(String::as_str).collect();
            findings.push(
                finding(Severity::Warning, "conflicting_duplicates", detail)
                    .with_count(keys.len() as u64)
                    .with_evidence(samples.join("; ")),
            );
        }
        for ((name, id), (count, (file, line))) in &self.unknown {
            let known: BTreeSet<&str> = contracts(project).map(|(id, _)| id).collect();
            let near = nearest(id, known)
                .map(|n| format!("; did you mean `{n}`?"))
                .unwrap_or_default();
            let detail = format!(
                "`{name}` has rows of contract `{id}`, which the project does not name; they are \
                 out of scope{near}"
            );
            findings.push(
                finding(Severity::Warning, "unknown_contract", detail)
                    .with_contract(id)
                    .with_place(file, Some(*line))
                    .with_count(*count),
            );
        }
        for ((name, contracts), (count, sample)) in &self.ambiguous {
            let detail = format!(
                "rows of `{name}` fit more than one contract ({contracts}) and are out of scope: \
                 narrow the lines of contract_scope"
            );
            findings.push(
                finding(Severity::Warning, "ambiguous_scope", detail)
                    .with_count(*count)
                    .with_evidence(format!("for example {sample}")),
            );
        }
        for (name, count) in &self.nowhere {
            let detail =
                format!("rows of `{name}` fit no line of contract_scope and count for no contract");
            findings.push(finding(Severity::Note, "out_of_scope", detail).with_count(*count));
        }
        for (name, (count, samples)) in &self.orphans {
            let samples: Vec<&str> = samples.iter().map(String::as_str).collect();
            let detail = format!("rows of `{name}` belong to no accepted ticket");
            findings.push(
                finding(Severity::Note, "without_ticket", detail)
                    .with_count(*count)
                    .with_evidence(format!("for example {}", samples.join(", "))),
            );
        }
        findings
    }
}

/// The contracts of a project and their suppliers.
fn contracts(project: &Project) -> impl Iterator<Item = (&str, &str)> {
    let contracts = project.file.contracts.iter();
    contracts.map(|c| (c.id.as_str(), c.supplier.as_str()))
}
