//! From export files to canonical tables, with every row accounted for. Responsible for
//! encodings, dialects, dates, duplicates, rejects and scope; not for where the tables are kept
//! (see [`crate::store`]) or what is counted in them (see [`crate::measure`]).

pub mod account;
pub mod calendars;
pub mod columns;
mod dates;
mod delimited;
mod duplicates;
mod encoding;
pub mod file;
mod history;
pub mod inspect;
mod json;
mod laws;
pub mod notes;
mod numbers;
mod parquet;
pub mod people;
pub mod plan;
mod reader;
pub mod record;
mod report;
mod scope;
pub mod texts;
mod tree;
pub mod value;
mod xlsx;
mod xml;
mod zip;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use account::{Fate, FileAccount};
use columns::{ByIdentity, Columns};
use file::InputError;
use notes::Notes;
use people::Pseudonyms;
use plan::Plan;
use record::{HistoryRow, Lost, Parsed, Reject};
pub use report::why;
use scope::{Assigned, Scope, Ticket};
use value::Context;

use crate::config::project::{Names, Project, ResolvedSource};
use crate::finding::{Finding, Severity, Stage};
use crate::store::schema::TABLES;

/// What ingest made of all files of a project.
#[derive(Debug)]
pub struct Ingested {
    /// Accepted rows by table, in no particular order; only tables that a source fills.
    pub tables: BTreeMap<&'static str, Columns>,
    /// One account per file, in the order of the project.
    pub accounts: Vec<FileAccount>,
    /// Refused rows, by table, file and line.
    pub rejects: Vec<Reject>,
    /// What was noticed.
    pub findings: Vec<Finding>,
    /// Which columns of each table any source delivers.
    pub delivered: BTreeMap<&'static str, BTreeSet<&'static str>>,
    /// Source columns that hold people's names, as `source: column`.
    pub people: BTreeSet<String>,
}

impl Ingested {
    /// The tables, and everything else.
    pub fn into_parts(self) -> (BTreeMap<&'static str, Columns>, Notes) {
        let texts = |set: BTreeSet<&str>| set.into_iter().map(str::to_owned).collect();
        let notes = Notes {
            accounts: self.accounts,
            rejects: self.rejects,
            findings: self.findings,
            delivered: self
                .delivered
                .into_iter()
                .map(|(table, columns)| (table.to_owned(), texts(columns)))
                .collect(),
            people: self.people,
        };
        (self.tables, notes)
    }
}

struct ReadFile {
    parsed: Parsed,
    account: usize,
}

/// Reads all sources of a project. `progress` hears of each file and of bytes done in it.
///
/// # Errors
/// When a file cannot be read at all; bad rows become rejects instead.
pub fn ingest(
    project: &Project,
    progress: &(dyn Fn(&str, u64) + Sync),
) -> Result<Ingested, InputError> {
    let mut accounts: Vec<FileAccount> = Vec::new();
    let mut findings = Vec::new();
    let mut rejects = Vec::new();
    let mut read: BTreeMap<&'static str, Vec<ReadFile>> = BTreeMap::new();
    let mut derived: Vec<Columns> = Vec::new();
    let mut delivered: BTreeMap<&'static str, BTreeSet<&'static str>> = BTreeMap::new();
    let mut context = Context {
        people: pseudonyms(project),
        ..Context::default()
    };
    for name in project
        .sources
        .iter()
        .filter_map(|s| s.mapping.zone.as_ref())
    {
        if let Ok(zone) = crate::time::Zone::new(name) {
            context.zones.insert(name.clone(), zone);
        }
    }
    let mut people: BTreeSet<String> = BTreeSet::new();
    for source in &project.sources {
        let files_before = read.get(source.table.name).map_or(0, Vec::len);
        for (shown, path) in &source.files {
            let number = u32::try_from(accounts.len()).unwrap_or(u32::MAX);
            let place = (shown.as_str(), path.as_path(), number);
            let read_file = read_file(source, place, &mut context, progress)?;
            let ReadResult { mut parsed, hash } = read_file.0;
            let named = read_file.1.iter();
            people.extend(named.map(|c| format!("{}: {c}", source.source.name)));
            findings.extend(read_file.2);
            let mut account = FileAccount {
                table: source.table.name.to_owned(),
                source: source.source.name.clone(),
                file: shown.clone(),
                blake3: hash,
                rows_in: parsed.rows_in,
                rejected: parsed.rejects.len() as u64,
                out_of_scope: parsed.left_out,
                ..FileAccount::default()
            };
            for ((currency, what), units) in &parsed.money_lost {
                let money = account.money.entry(currency.clone()).or_default();
                money.amount_in += units;
                match what {
                    Lost::Rejected => money.rejected += units,
                    Lost::OutOfScope => money.out_of_scope += units,
                }
            }
            rejects.append(&mut parsed.rejects);
            let columns = delivered.entry(source.table.name).or_default();
            for column in source.table.columns {
                let mapped = source.mapping.columns.get(column.name);
                let from = mapped
                    .map(|m| m.from.join(" or "))
                    .filter(|f| !f.is_empty());
                let given = mapped.is_some_and(|m| m.value.is_some())
                    || source.source.set.contains_key(column.name)
                    || column.name == "source";
                if given || from.is_some_and(|f| !parsed.absent.contains(&f)) {
                    columns.insert(column.name);
                }
            }
            read.entry(source.table.name).or_default().push(ReadFile {
                parsed,
                account: accounts.len(),
            });
            accounts.push(account);
        }
        // All files of the source together: a ticket's history may go on in the next file.
        if let Some(history) = &source.mapping.history {
            let files = read.get(source.table.name).map(Vec::as_slice);
            let logs: Vec<(&Columns, &[HistoryRow])> = files
                .and_then(|f| f.get(files_before..))
                .unwrap_or_default()
                .iter()
                .map(|f| (&f.parsed.columns, f.parsed.history.as_slice()))
                .collect();
            let fields: Vec<String> = history.fields.keys().cloned().collect();
            derived.extend(history::events(&logs, &fields));
            delivered
                .entry("incident_events")
                .or_default()
                .extend(["at", "field", "to"]);
        }
    }
    rejects.sort();
    let mut names: Vec<usize> = (0..accounts.len()).collect();
    names.sort_by_key(|i| accounts.get(*i).map(|a| a.file.as_str()));
    let mut by_name = vec![0; names.len()];
    for (place, file) in names.into_iter().enumerate() {
        if let Some(slot) = by_name.get_mut(file) {
            *slot = place;
        }
    }

    let known: BTreeSet<&str> = project
        .file
        .contracts
        .iter()
        .map(|c| c.id.as_str())
        .collect();
    let mut tables: BTreeMap<&'static str, Columns> = BTreeMap::new();
    let mut tickets: ByIdentity<()> = ByIdentity::default();
    // Scope tables first, tickets next, the history of tickets after them.
    let order = TABLES.iter().map(|t| t.name);
    for name in order {
        let is_events = name == "incident_events";
        let Some(files) = read.remove(name) else {
            continue;
        };
        let mut all: Option<Columns> = None;
        let mut origin: Vec<usize> = Vec::new();
        let mut audit = Vec::new();
        for file in files {
            let is_audit = is_events && !file.parsed.history.is_empty();
            if is_audit {
                audit.push(file);
                continue;
            }
            origin.extend(std::iter::repeat_n(file.account, file.parsed.columns.len()));
            match &mut all {
                None => all = Some(file.parsed.columns),
                Some(columns) => columns.append(file.parsed.columns),
            }
        }
        // Rows of an audit log that only feeds events: accounted by whether their ticket is known.
        for file in audit {
            let columns = &file.parsed.columns;
            let at = ticket_columns(columns);
            for row in 0..columns.len() {
                let fate = if tickets.contains_key(&columns.identity(&at, row)) {
                    Fate::Accepted
                } else {
                    Fate::OutOfScope
                };
                if let Some(account) = accounts.get_mut(file.account) {
                    account.count(fate, None);
                }
            }
        }
        let Some(mut all) = all else { continue };
        let found = duplicates::find(&all, &by_name);
        if found.conflicts.0 > 0 {
            findings.push(
                Finding::new(
                    Stage::Ingest,
                    Severity::Warning,
                    "conflicting_duplicates",
                    format!(
                        "rows of `{name}` with the same key differ and `latest` of the mapping does \
                         not say which is the latest; the one with the larger content hash stands"
                    ),
                )
                .with_count(found.conflicts.0)
                .with_evidence(found.conflicts.1.join("; ")),
            );
        }
        let scoped = name == "incidents" || name == "billing";
        let scope =
            scoped.then(|| Scope::new(tables.get("contract_scope"), tables.get("ci_services")));
        let mut unknown: BTreeMap<String, (u64, (String, u64))> = BTreeMap::new();
        let mut ambiguous: BTreeMap<String, (u64, String)> = BTreeMap::new();
        let mut nowhere = 0u64;
        let mut orphans: (u64, BTreeSet<String>) = (0, BTreeSet::new());
        let mut accepted = vec![false; all.len()];
        let names_tickets = is_events || name == "sla_clocks" || name == "incidents";
        let of_tickets = match names_tickets {
            true => all.identities(&ticket_columns(&all)),
            false => Vec::new(),
        };
        let number_at = all.table.position("ticket_id");
        let contract_at = all.table.position("contract_id");
        let amount_at = all.table.position("amount");
        let mut supplier_by_contract: HashMap<&str, &str> = HashMap::new();
        for contract in &project.file.contracts {
            supplier_by_contract.insert(&contract.id, &contract.supplier);
        }
        for row in 0..all.len() {
            let stands = found.stands.get(row).copied().unwrap_or_default();
            let mut fate = if stands {
                Fate::Accepted
            } else {
                Fate::Duplicate
            };
            if stands && let Some(scope) = &scope {
                assign(scope, &mut all, row, &mut ambiguous, &mut nowhere);
            }
            let has_contract = contract_at.is_some();
            let contract = all.text_at(contract_at, row);
            if fate == Fate::Accepted && has_contract {
                match contract {
                    Some(id) if known.contains(id) => {}
                    Some(id) => {
                        fate = Fate::OutOfScope;
                        let file = all.file.get(row).and_then(|f| accounts.get(*f as usize));
                        let file = file.map(|a| a.file.clone()).unwrap_or_default();
                        let place = (file, all.line.get(row).copied().unwrap_or_default());
                        let entry = unknown.entry(id.to_owned()).or_insert((0, place.clone()));
                        entry.0 += 1;
                        entry.1 = entry.1.clone().min(place);
                    }
                    None if scoped => fate = Fate::OutOfScope,
                    None => {}
                }
            }
            if fate == Fate::Accepted
                && scoped
                && all.text("supplier_id", row).is_none()
                && let Some(supplier) = contract.and_then(|c| supplier_by_contract.get(c).copied())
            {
                all.set_text("supplier_id", row, Some(supplier));
            }
            if fate == Fate::Accepted
                && (is_events || name == "sla_clocks")
                && !of_tickets.get(row).is_some_and(|t| tickets.contains_key(t))
            {
                fate = Fate::OutOfScope;
                orphans.0 += 1;
                orphans.1.insert(all.shown("ticket_id", row));
                if orphans.1.len() > 3 {
                    orphans.1.pop_last();
                }
            }
            let units = amount_at.and_then(|_| all.decimal("amount", row));
            let money = match (units, all.text("currency", row)) {
                (Some(units), Some(currency)) => Some((units, currency)),
                _ => None,
            };
            if let Some(account) = origin.get(row).and_then(|i| accounts.get_mut(*i)) {
                account.count(fate, money);
            }
            if fate == Fate::Accepted {
                if let Some(slot) = accepted.get_mut(row) {
                    *slot = true;
                }
                if name == "incidents" {
                    tickets.extend(of_tickets.get(row).map(|ticket| (*ticket, ())));
                    tickets.insert(all.identity(&[None, number_at], row), ());
                }
            }
        }
        for (id, (count, (place, line))) in unknown {
            let near = crate::config::document::nearest(&id, known.iter().copied())
                .map(|n| format!("; did you mean `{n}`?"))
                .unwrap_or_default();
            findings.push(
                Finding::new(
                    Stage::Ingest,
                    Severity::Warning,
                    "unknown_contract",
                    format!(
                        "`{name}` has rows of contract `{id}`, which the project does not \
                         name; they are out of scope{near}"
                    ),
                )
                .with_contract(&id)
                .with_place(&place, Some(line))
                .with_count(count),
            );
        }
        for (contracts, (count, sample)) in ambiguous {
            findings.push(
                Finding::new(
                    Stage::Ingest,
                    Severity::Warning,
                    "ambiguous_scope",
                    format!(
                        "rows of `{name}` fit more than one contract ({contracts}) and are out of \
                         scope: narrow the lines of contract_scope"
                    ),
                )
                .with_count(count)
                .with_evidence(format!("for example {sample}")),
            );
        }
        if nowhere > 0 {
            findings.push(
                Finding::new(
                    Stage::Ingest,
                    Severity::Note,
                    "out_of_scope",
                    format!(
                        "rows of `{name}` fit no line of contract_scope and count for no contract"
                    ),
                )
                .with_count(nowhere),
            );
        }
        if orphans.0 > 0 {
            findings.push(
                Finding::new(
                    Stage::Ingest,
                    Severity::Note,
                    "without_ticket",
                    format!("rows of `{name}` belong to no accepted ticket"),
                )
                .with_count(orphans.0)
                .with_evidence(format!(
                    "for example {}",
                    orphans.1.into_iter().collect::<Vec<_>>().join(", ")
                )),
            );
        }
        tables.insert(all.table.name, retain(all, &accepted));
    }
    for events in derived {
        let at = ticket_columns(&events);
        let names = events.identities(&at);
        let keep: Vec<bool> = names.iter().map(|t| tickets.contains_key(t)).collect();
        let events = retain(events, &keep);
        match tables.get_mut("incident_events") {
            Some(all) => all.append(events),
            None => {
                tables.insert("incident_events", events);
            }
        }
    }
    if let Some(events) = tables.remove("incident_events") {
        let stands = duplicates::find(&events, &by_name).stands;
        tables.insert("incident_events", retain(events, &stands));
    }
    if !people.is_empty() && context.people.is_some() && project.secret.is_none() {
        findings.push(report::people_without_key(&people));
    }
    findings.sort();
    Ok(Ingested {
        tables,
        accounts,
        rejects,
        findings,
        delivered,
        people,
    })
}

/// The identity of tickets in a table's rows: source and number. A table without a source column
/// (clocks of a tool over several sources) names tickets by number alone.
fn ticket_columns(rows: &Columns) -> Vec<Option<usize>> {
    rows.positions(&["source", "ticket_id"])
}

/// Keeps the rows marked.
fn retain(mut rows: Columns, keep: &[bool]) -> Columns {
    use columns::Values;
    fn filter<T>(values: &mut Vec<T>, keep: &[bool]) {
        let mut i = 0;
        values.retain(|_| {
            let kept = keep.get(i).copied().unwrap_or_default();
            i += 1;
            kept
        });
    }
    for values in &mut rows.values {
        match values {
            Values::Text(v) => v.retain(keep),
            Values::Integer(v) => filter(v, keep),
            Values::Boolean(v) => filter(v, keep),
            Values::Decimal(v) => filter(v, keep),
        }
    }
    for (_, values) in &mut rows.kept {
        values.retain(keep);
    }
    filter(&mut rows.line, keep);
    filter(&mut rows.file, keep);
    filter(&mut rows.hash, keep);
    filter(&mut rows.latest, keep);
    rows
}

/// Gives a ticket its service (through its configuration item) and its contract.
fn assign(
    scope: &Scope,
    rows: &mut Columns,
    row: usize,
    ambiguous: &mut BTreeMap<String, (u64, String)>,
    nowhere: &mut u64,
) {
    let moment = rows.table.partition.unwrap_or("opened_at");
    let opened_at = rows.integer(moment, row).unwrap_or_default();
    if rows.text("service_id", row).is_none()
        && let Some(ci) = rows.text("ci_id", row)
        && let Some(service) = scope.service_of(ci, opened_at).map(str::to_owned)
    {
        rows.set_text("service_id", row, Some(&service));
    }
    if rows.text("contract_id", row).is_some() {
        return;
    }
    let assigned = scope.assign(Ticket {
        supplier: rows.text("supplier_id", row),
        service: rows.text("service_id", row),
        group: rows.text("assignment_group", row),
        ci: rows.text("ci_id", row),
        opened_at,
    });
    match assigned {
        Assigned::Contract(contract, supplier) => {
            rows.set_text("contract_id", row, Some(&contract));
            if rows.text("supplier_id", row).is_none() {
                rows.set_text("supplier_id", row, supplier.as_deref());
            }
        }
        Assigned::Nowhere => *nowhere += 1,
        Assigned::Ambiguous(contracts) => {
            let sample = rows
                .text("ticket_id", row)
                .or_else(|| rows.text("line_id", row))
                .unwrap_or_default()
                .to_owned();
            let entry = ambiguous
                .entry(contracts.join(", "))
                .or_insert_with(|| (0, sample.clone()));
            entry.0 += 1;
            entry.1 = std::mem::take(&mut entry.1).min(sample);
        }
    }
}

/// How names are replaced; `None` where the project keeps them.
fn pseudonyms(project: &Project) -> Option<Pseudonyms> {
    match (project.file.people.names, &project.secret) {
        (Names::AsGiven, _) => None,
        (Names::Pseudonymous, Some(secret)) => Some(Pseudonyms::new(&secret.0)),
        (Names::Pseudonymous, None) => Some(Pseudonyms::new(b"")),
    }
}

/// What one file gave, the columns with people in it, and what was noticed.
type FileResult = (ReadResult, Vec<String>, Vec<Finding>);

struct ReadResult {
    parsed: Parsed,
    hash: String,
}

fn read_file(
    source: &ResolvedSource,
    (shown, path, number): (&str, &std::path::Path, u32),
    context: &mut Context,
    progress: &(dyn Fn(&str, u64) + Sync),
) -> Result<FileResult, InputError> {
    let mut opened = reader::open(shown, path, &source.mapping, false)?;
    if let reader::Content::Table(rows) = &opened.content
        && rows.is_empty()
        && opened.header.is_empty()
    {
        // A list without rows names no columns either.
        opened.header = source
            .mapping
            .reads()
            .map(str::to_owned)
            .collect::<BTreeSet<_>>()
            .into_iter()
            .collect();
    }
    context.typed = opened.delimiter().is_none();
    let plan = Plan::new(
        source,
        shown,
        number,
        &opened.header,
        opened.encoding,
        context,
    )?;
    let mut parsed = reader::read(&plan, &opened.content, &|n| progress(shown, n))?;
    for law in &mut parsed.laws {
        law.close();
    }
    let findings = report::file(source, shown, &opened, &plan, &parsed);
    let people = plan.people().map(str::to_owned).collect();
    Ok((
        ReadResult {
            parsed,
            hash: opened.hash,
        },
        people,
        findings,
    ))
}
