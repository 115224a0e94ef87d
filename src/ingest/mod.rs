//! From export files to canonical tables, with every row accounted for. Responsible for
//! encodings, dialects, dates, duplicates, rejects and scope; not for where the tables are kept
//! (see [`crate::store`]) or what is counted in them (see [`crate::measure`]).

pub mod account;
pub mod calendars;
pub(crate) mod chunk;
pub mod columns;
mod dates;
mod delimited;
mod duplicates;
mod encoding;
mod fates;
pub mod file;
mod grouping;
mod history;
pub mod inspect;
mod invoices;
mod json;
mod laws;
pub mod notes;
mod numbers;
mod packed;
#[cfg(feature = "frames")]
mod parquet;
mod part;
pub mod people;
pub mod plan;
mod reader;
pub mod record;
pub mod refused;
pub mod remote;
mod report;
mod scope;
mod split;
pub mod texts;
mod tree;
pub mod value;
mod xlsx;
mod xml;
mod zip;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use account::FileAccount;
use columns::Columns;
use fates::{Judging, Said};
use file::InputError;
use grouping::Grouping;
pub use grouping::bin_of;
use notes::Notes;
use people::Pseudonyms;
use plan::Plan;
use record::{Kept, Lost, Parsed, Reject};
use refused::Rejects;
pub use report::why;
use scope::Scope;
use value::Context;

use crate::config::project::{Names, Project, ResolvedSource};
use crate::finding::Finding;
use crate::store::error::StoreError;
use crate::store::spill::Room;

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
}

/// Reads all sources of a project into memory. `progress` hears of each file and of bytes done in
/// it.
///
/// # Errors
/// When a file cannot be read at all; bad rows become rejects instead.
pub fn ingest(
    project: &Project,
    progress: &(dyn Fn(&str, u64) + Sync),
) -> Result<Ingested, InputError> {
    let tables: Mutex<BTreeMap<&'static str, Columns>> = Mutex::default();
    let take = |rows: Rows| {
        let mut tables = tables.lock().unwrap_or_else(PoisonError::into_inner);
        for (name, rows) in rows {
            match tables.get_mut(name) {
                Some(all) => all.append(rows),
                None => {
                    tables.insert(name, rows);
                }
            }
        }
        Ok(())
    };
    let (notes, refused) = ingest_to::<InputError>(project, Room::memory(), &take, progress)?;
    let mut rejects = Vec::new();
    refused.each(|some| {
        rejects.extend(some);
        Ok::<(), InputError>(())
    })?;
    Ok(Ingested {
        tables: tables.into_inner().unwrap_or_else(PoisonError::into_inner),
        accounts: notes.accounts,
        rejects,
        findings: notes.findings,
    })
}

/// Accepted rows by table: a whole table, some invoice lines, or some tickets with all that names
/// them.
pub type Rows = BTreeMap<&'static str, Columns>;

/// Reads all sources of a project and hands the accepted rows to `take`, some at a time, from
/// several threads, in no particular order; each table that a source fills is handed over at least
/// once. `room` is for rows that wait for their turn. `progress` hears of each file and of bytes
/// done in it. Gives what there is to say of them, and the rows that were refused.
///
/// # Errors
/// When a file cannot be read at all, or `take` fails; bad rows become rejects instead.
pub fn ingest_to<E>(
    project: &Project,
    room: Room<'_>,
    take: &(dyn Fn(Rows) -> Result<(), E> + Sync),
    progress: &(dyn Fn(&str, u64) + Sync),
) -> Result<(Notes, Rejects), E>
where
    E: From<InputError> + From<StoreError> + Send,
{
    let mut notes = Notes::default();
    let grouping = Grouping::new(project, room);
    let named = project.sources.iter().flat_map(|source| {
        let files = source.files.iter();
        files.map(|(shown, _)| (source.table.name, shown.clone()))
    });
    let rejects = Rejects::new(room, named.collect());
    let mut context = Context {
        people: pseudonyms(project),
        bins: grouping.bins(),
        ..Context::default()
    };
    let zones = project
        .sources
        .iter()
        .filter_map(|s| s.mapping.zone.as_ref());
    for name in zones {
        if let Ok(zone) = crate::time::Zone::new(name) {
            context.zones.insert(name.clone(), zone);
        }
    }
    for source in &project.sources {
        for (shown, path) in &source.files {
            let number = u32::try_from(notes.accounts.len()).unwrap_or(u32::MAX);
            let place = (shown.as_str(), path.as_path(), number);
            let told = (&grouping, &rejects, progress);
            read_file(source, place, &mut context, told, &mut notes)?;
        }
        if source.mapping.history.is_some() {
            let columns = ["at", "field", "to"].map(str::to_owned);
            let delivered = &mut notes.delivered;
            let of_events = delivered.entry("incident_events".to_owned()).or_default();
            of_events.extend(columns);
        }
    }
    let files: Vec<String> = notes.accounts.iter().map(|a| a.file.clone()).collect();

    let mut said = Said::default();
    let mut judging = Judging::new(project, files, Scope::default());
    let mut scopes: Rows = BTreeMap::new();
    for table in grouping.small() {
        let rows = grouping.whole(table, &judging)?;
        let rows = judging.judge(rows, &mut fates::Tickets::default(), &mut said);
        match table.name {
            "contract_scope" | "ci_services" => {
                scopes.insert(table.name, rows);
                let of = |name| scopes.get(name);
                judging.scope = Scope::new(of("contract_scope"), of("ci_services"));
            }
            name => take(BTreeMap::from([(name, rows)]))?,
        }
    }
    if !scopes.is_empty() {
        take(scopes)?;
    }
    let told = Mutex::new(said);
    grouping.each(&judging, |rows, said| {
        told.lock()
            .unwrap_or_else(PoisonError::into_inner)
            .append(said);
        take(rows)
    })?;
    let said = told.into_inner().unwrap_or_else(PoisonError::into_inner);
    for (account, counted) in notes.accounts.iter_mut().zip(&said.accounts) {
        account.add(counted);
    }
    notes.findings.extend(said.findings(project));
    if !notes.people.is_empty() && context.people.is_some() && project.secret.is_none() {
        notes
            .findings
            .push(report::people_without_key(&notes.people));
    }
    notes.findings.sort();
    Ok((notes, rejects))
}

/// How names are replaced; `None` where the project keeps them.
fn pseudonyms(project: &Project) -> Option<Pseudonyms> {
    match (project.file.people.names, &project.secret) {
        (Names::AsGiven, _) => None,
        (Names::Pseudonymous, Some(secret)) => Some(Pseudonyms::new(&secret.0)),
        (Names::Pseudonymous, None) => Some(Pseudonyms::new(b"")),
    }
}

/// Where rows go, and who hears how much of a file was read.
type Told<'a, 'g> = (
    &'a Grouping<'g>,
    &'a Rejects,
    &'a (dyn Fn(&str, u64) + Sync),
);

/// Reads one file, whose rows go to their bins and of which the rest is noted.
fn read_file(
    source: &ResolvedSource,
    (shown, path, number): (&str, &Path, u32),
    context: &mut Context,
    (grouping, rejects, progress): Told<'_, '_>,
    notes: &mut Notes,
) -> Result<(), InputError> {
    let mut opened = reader::open(shown, path, &source.mapping, false)?;
    if let reader::Content::Table(rows, _) = &opened.content
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
    let keep = |kept: Kept| {
        if let Some(refused) = kept.refused {
            rejects.put(refused)?;
        }
        grouping.put(source.table, kept.rows)
    };
    let (mut parsed, hash) =
        reader::read(&plan, &mut opened.content, &keep, &|n| progress(shown, n))?;
    for law in &mut parsed.laws {
        law.close();
    }
    notes
        .findings
        .extend(report::file(source, shown, &opened, &plan, &parsed));
    let people = plan.people();
    let named = people.map(|c| format!("{}: {c}", source.source.name));
    notes.people.extend(named);
    let account = account(source, shown, hash, &parsed);
    notes.accounts.push(account);
    let delivered = notes.delivered.entry(source.table.name.to_owned());
    delivered.or_default().extend(delivers(source, &parsed));
    Ok(())
}

/// The account of a file as far as its rows were read.
fn account(source: &ResolvedSource, shown: &str, hash: String, parsed: &Parsed) -> FileAccount {
    let mut account = FileAccount {
        table: source.table.name.to_owned(),
        source: source.source.name.clone(),
        file: shown.to_owned(),
        blake3: hash,
        rows_in: parsed.rows_in,
        rejected: parsed.refused.count,
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
    account
}

/// The canonical columns that a file delivers.
fn delivers<'a>(
    source: &'a ResolvedSource,
    parsed: &'a Parsed,
) -> impl Iterator<Item = String> + 'a {
    let there = |name: &str| {
        let mapped = source.mapping.columns.get(name);
        let from = mapped
            .map(|m| m.from.join(" or "))
            .filter(|f| !f.is_empty());
        let given = mapped.is_some_and(|m| m.value.is_some())
            || source.source.set.contains_key(name)
            || name == "source";
        given || from.is_some_and(|f| !parsed.absent.contains(&f))
    };
    let columns = source.table.columns.iter().map(|c| c.name);
    columns.filter(move |c| there(c)).map(str::to_owned)
}
