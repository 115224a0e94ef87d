//! One function per parser: bytes in, nothing out but a failed assertion. Each parser is driven
//! the way the program drives it, and what must hold whatever the bytes are is asserted: no panic,
//! every row and all money accounted for, what was read says the same when it is read again.
//! The fuzz targets run these under libFuzzer, `tests/suite/mutations.rs` under a seeded mutator.

#[path = "workbook.rs"]
mod workbook;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use gainshare::config::document;
use gainshare::config::mapping::{ColumnMapping, Fold, Locale, Mapping, Minus, Unit};
use gainshare::config::project::Project;
use gainshare::config::shipped::{BUILTIN, builtin};
use gainshare::ingest::{self, account, file, value};
use gainshare::store::schema::table;
use gainshare::terms::Terms;
use workbook::{WORKBOOK, stored};

/// A parser to fuzz.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    /// Its name, also of the fuzz target.
    pub name: &'static str,
    /// Feeds it; whether the bytes could be read.
    pub run: fn(&[u8]) -> bool,
    /// Inputs to start from, all of which can be read.
    pub seeds: fn() -> Vec<Vec<u8>>,
}

/// All parsers.
pub const TARGETS: &[Target] = &[
    Target {
        name: "delimited",
        run: |data| chosen(DELIMITED, data),
        seeds: || of_files(DELIMITED),
    },
    Target {
        name: "json",
        run: |data| chosen(JSON, data),
        seeds: || of_files(JSON),
    },
    Target {
        name: "xml",
        run: |data| chosen(XML, data),
        seeds: || of_files(XML),
    },
    Target {
        name: "zip",
        run: |data| chosen(WORKBOOKS, data),
        seeds: || of_files(WORKBOOKS),
    },
    Target {
        name: "xlsx",
        run: xlsx,
        seeds: || vec![WORKBOOK.as_bytes().to_vec()],
    },
    Target {
        name: "unpacking",
        run: unpacking,
        seeds: packed,
    },
    Target {
        name: "dates",
        run: dates,
        seeds: || lines(DATES),
    },
    Target {
        name: "numbers",
        run: numbers,
        seeds: || lines(NUMBERS),
    },
    Target {
        name: "mapping",
        run: mapping,
        seeds: mappings,
    },
    Target {
        name: "terms",
        run: terms,
        seeds: || files("data/complete/terms", "toml"),
    },
    Target {
        name: "project",
        run: project,
        seeds: || {
            let project = PROJECT.replace("{}", "jira-service-management");
            vec![format!("{REMARKS}{project}{MORE}").into_bytes()]
        },
    },
];

/// The parser of that name.
pub fn target(name: &str) -> Option<&'static Target> {
    TARGETS.iter().find(|t| t.name == name)
}

/// File of the fixtures, shipped mapping. The first byte of an input chooses one of the list, the
/// rest is the file.
type Cases = &'static [(&'static str, &'static str)];

const DELIMITED: Cases = &[
    ("jira.csv", "jira-service-management"),
    ("topdesk_nl.csv", "topdesk-completed"),
    ("topdesk_en.csv", "topdesk-closed"),
    ("zendesk_cr.csv", "zendesk"),
    ("freshservice.csv", "freshservice"),
    ("bmc.csv", "bmc-helix"),
    ("servicenow_task_sla.csv", "servicenow-task-sla"),
    ("servicenow_change.csv", "servicenow-change"),
    ("servicenow_problem.csv", "servicenow-problem"),
    ("helpdesk.csv", "helpdesk-log-events"),
    ("helpdesk.csv", "helpdesk-log-cases"),
    ("focus_1.2.csv", "focus"),
    ("focus_1.4_invoices.csv", "focus-invoice-totals"),
    ("focus_invoice_detail.csv", "focus-invoice-detail"),
    ("aws_cur.csv", "aws-cur"),
    ("azure.csv", "azure-cost"),
    ("sap_utf16.txt", "sap-list"),
    ("supplier_spend.csv", "supplier-spend"),
];

const JSON: Cases = &[
    ("servicenow_incident.json", "servicenow-incident"),
    ("jira.json", "jira-issues-json"),
    ("jira.json", "jira-sla-json"),
    ("zendesk.json", "zendesk"),
];

const XML: Cases = &[
    ("helpdesk.xes", "xes-cases"),
    ("helpdesk.xes", "xes-events"),
    ("ubl_invoice.xml", "ubl"),
    ("ubl_credit_note.xml", "ubl"),
    ("ubl_invoice.xml", "ubl-totals"),
];

const WORKBOOKS: Cases = &[("servicenow_incident.xlsx", "servicenow-incident")];

/// A project over one export.
const PROJECT: &str = "schema = 1\nname = \"one\"\nas_of = \"2025-06-01T00:00:00Z\"\n\
    [[source]]\nname = \"s\"\nmapping = \"{}\"\nfiles = [\"*.export\"]\nzone = \"Europe/Amsterdam\"\n\
    set = { contract_id = \"CT-1\" }\n\
    [[contract]]\nid = \"CT-1\"\nsupplier = \"S\"\ncustomer = \"C\"\nterms = \"t.toml\"\n";

/// Before a project: what people write for people.
const REMARKS: &str = "# Incidents and invoices of the service desk, as exported on the first working\n\
    # day of each month. The zone is that of the person who exports; ask when somebody else does.\n\
    # Nothing is sent before the controller of the customer has seen the rejects and the findings.\n";
/// After it: the other sections.
const MORE: &str = "[people]\nnames = \"as_given\"\n\
    [[calendar]]\nid = \"office\"\nzone = \"Europe/Amsterdam\"\nholidays = [\"2025-12-25\"]\n\
    weekly = { mon = [\"08:00-18:00\"], fri = [\"08:00-12:00\", \"13:00-17:00\"] }\n";

/// The folder of gainshare's own sources.
fn home() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let above = here.parent().unwrap_or(here);
    match here.join("tests/fixtures").is_dir() {
        true => here.to_owned(),
        false => above.to_owned(),
    }
}

/// Whole files of a folder by their ending, sorted by name.
fn files(folder: &str, ending: &str) -> Vec<Vec<u8>> {
    let entries = std::fs::read_dir(home().join(folder)).unwrap();
    let mut paths: Vec<PathBuf> = entries.map(|e| e.unwrap().path()).collect();
    paths.retain(|p| p.extension().is_some_and(|e| e == ending));
    paths.sort();
    paths.iter().map(|p| std::fs::read(p).unwrap()).collect()
}

fn of_files(cases: Cases) -> Vec<Vec<u8>> {
    let fixtures = home().join("tests/fixtures/exports");
    (0u8..)
        .zip(cases)
        .map(|(i, (file, _))| {
            let mut seed = vec![i];
            seed.extend(std::fs::read(fixtures.join(file)).unwrap());
            seed
        })
        .collect()
}

fn lines(text: &str) -> Vec<Vec<u8>> {
    text.lines()
        .map(|l| l.replace(" | ", "\n").into_bytes())
        .collect()
}

/// A project folder that stays as long as the thread.
struct Export {
    folder: tempfile::TempDir,
    project: Project,
    file: String,
}

impl Export {
    /// `ending` decides the parser, as it does for people.
    fn new(mapping: &str, ending: &str) -> Export {
        let folder = tempfile::tempdir().unwrap();
        let file = format!("x.{ending}");
        let mut text = PROJECT.replace("{}", mapping).replace("*.export", &file);
        // Events and clocks belong to tickets, not to contracts.
        let shipped = builtin(mapping).map(|b| document::parse::<Mapping>("m.toml", b.text));
        let target = shipped.and_then(|m| table(&m.unwrap().table)).unwrap();
        if target.column("contract_id").is_none() {
            text = text.replace("contract_id = \"CT-1\"", "");
        }
        std::fs::write(folder.path().join("gainshare.toml"), text).unwrap();
        std::fs::write(folder.path().join(&file), b"").unwrap();
        let project = Project::read(folder.path()).unwrap();
        Export {
            folder,
            project,
            file,
        }
    }

    fn read(&self, bytes: &[u8]) -> bool {
        std::fs::write(self.folder.path().join(&self.file), bytes).unwrap();
        accounted(&self.project, &self.file)
    }
}

/// Reads the exports of a project; whether they could be read. Every row read has one fate, every
/// reject is kept, every accepted row is in the table, and money adds up.
fn accounted(project: &Project, file: &str) -> bool {
    let ingested = match ingest::ingest(project, &|_, _| {}) {
        Ok(ingested) => ingested,
        Err(error) => {
            let said = error.to_string();
            assert!(said.contains(file), "{said}");
            return false;
        }
    };
    let mut accepted: BTreeMap<&str, u64> = BTreeMap::new();
    for account in &ingested.accounts {
        assert!(account.closes(), "{account:?}");
        *accepted.entry(&account.table).or_default() += account.accepted;
    }
    let rejected: u64 = ingested.accounts.iter().map(|a| a.rejected).sum();
    assert_eq!(rejected, ingested.rejects.len() as u64);
    for (name, rows) in &ingested.tables {
        // Rows of an audit log become several events each.
        if *name != "incident_events" {
            assert_eq!(accepted.get(name), Some(&(rows.len() as u64)), "{name}");
        }
    }
    true
}

thread_local! {
    static EXPORTS: RefCell<BTreeMap<(&'static str, String), Export>> =
        const { RefCell::new(BTreeMap::new()) };
}

fn export(mapping: &'static str, ending: &str, bytes: &[u8]) -> bool {
    EXPORTS.with_borrow_mut(|exports| {
        exports
            .entry((mapping, ending.to_owned()))
            .or_insert_with(|| Export::new(mapping, ending))
            .read(bytes)
    })
}

fn chosen(cases: Cases, data: &[u8]) -> bool {
    let Some((first, bytes)) = data.split_first() else {
        return false;
    };
    let (file, mapping) = cases[usize::from(*first) % cases.len()];
    let ending = file.rsplit('.').next().unwrap_or_default();
    export(mapping, ending, bytes)
}

/// The parts of a workbook, packed here, so that damage to a part reaches the parser of it.
fn xlsx(data: &[u8]) -> bool {
    let mut parts: Vec<(String, Vec<u8>)> = Vec::new();
    for line in data.split_inclusive(|b| *b == b'\n') {
        if let Some(name) = line.strip_prefix(b"--- ") {
            let name = String::from_utf8_lossy(name.trim_ascii()).into_owned();
            parts.push((name.chars().take(200).collect(), Vec::new()));
        } else if let Some((_, text)) = parts.last_mut() {
            text.extend_from_slice(line);
        }
    }
    export("servicenow-incident", "xlsx", &stored(&parts))
}

fn packed() -> Vec<Vec<u8>> {
    let text = b"ticket_id,opened_at\nT1,2025-01-01\n".repeat(20);
    let (zip, zst) = both(&text);
    vec![text.clone(), zip, zst]
}

/// The bytes as gzip and as zstd.
fn both(bytes: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(bytes).unwrap();
    (
        gzip.finish().unwrap(),
        zstd::stream::encode_all(bytes, 1).unwrap(),
    )
}

/// Bytes as they lie on disk: what they unpack to is bounded. What is packed here comes out as it
/// went in.
fn unpacking(data: &[u8]) -> bool {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x");
    let read = |bytes: &[u8]| {
        std::fs::write(&path, bytes).unwrap();
        file::read("x", &path)
    };
    let is_packed = data.starts_with(&[0x1f, 0x8b]) || data.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]);
    let given = read(data);
    match &given {
        Ok(out) if is_packed => {
            let bound = data.len().saturating_mul(250).max(64 << 20);
            assert!(out.bytes.len() <= bound, "{}", out.bytes.len());
        }
        Ok(out) => assert_eq!(out.bytes, data),
        Err(error) => assert!(is_packed && error.to_string().starts_with("x: "), "{error}"),
    }
    let (zip, zst) = both(data);
    for packed in [zip, zst] {
        assert_eq!(read(&packed).unwrap().bytes, data);
    }
    given.is_ok()
}

/// Setting (zone, fold and language) | format | text.
const DATES: &str = "a | iso8601 | 2025-03-30T02:30:00+02:00
b | iso8601 | 2025-03-30 03:30:00
c | epoch_s | 1735689600
d | epoch_ms | 1735689600000
e | %d/%m/%Y %H:%M:%S | 3/1/2025 10:00:00
j | %d %B %y, %I:%M %p | 03 maart 25, 10:05 PM
g | %Y-%m-%dT%H:%M:%S.%f | 2025-01-03T10:00:00.123456
h | %a, %d %b %Y %T %z | Fri, 03 Jan 2025 10:00:00 +0100";

/// Setting, format and text of a date: read or refused; a moment that is read says the same when
/// its RFC 3339 form is read.
fn dates(data: &[u8]) -> bool {
    let text = String::from_utf8_lossy(data);
    let mut parts = text.splitn(3, '\n');
    let (Some(setting), Some(format), Some(text)) = (parts.next(), parts.next(), parts.next())
    else {
        return false;
    };
    let setting = usize::from(setting.bytes().next().unwrap_or_default());
    let folds = [Fold::Earlier, Fold::Later, Fold::Reject];
    let zones = ["Europe/Amsterdam", "America/St_Johns", "Etc/UTC"];
    let locales = [Locale::En, Locale::Nl, Locale::Fr, Locale::De, Locale::It];
    let mapping = Mapping {
        zone: Some(zones[setting % zones.len()].to_owned()),
        fold: folds[setting / zones.len() % folds.len()],
        locale: Some(locales[setting % locales.len()]),
        ..Mapping::bare()
    };
    let mut read_any = false;
    for (table_name, column) in [("incidents", "opened_at"), ("adjustments", "from")] {
        let column = table(table_name).and_then(|t| t.column(column)).unwrap();
        let context = value::Context::default();
        let by = |formats: Vec<String>| {
            let mapped = ColumnMapping {
                formats,
                inclusive: setting.is_multiple_of(7),
                ..ColumnMapping::default()
            };
            value::Reader::build(column, &mapped, &mapping, &context).unwrap()
        };
        let reader = by(vec![format.to_owned()]);
        if let Ok(value::Value::Integer(at)) = reader.read(text.trim()) {
            read_any = true;
            if column.name == "opened_at" && !setting.is_multiple_of(7) {
                let shown = gainshare::time::Instant::from_micros(at).to_string();
                let plain = by(vec!["iso8601".to_owned()]);
                let again = plain.read(&shown);
                assert!(
                    matches!(again, Ok(value::Value::Integer(b)) if b == at),
                    "{text:?} by {format:?} is {shown}, which reads as {again:?}"
                );
            }
        }
    }
    read_any
}

/// Setting (signs and unit) | text.
const NUMBERS: &str = "a | 1.234,56-
e | (1,234.56)
c | 0.000000000000001
d | 9999999999999999.5
e | 30:05:10
f | 1970-01-02 06:05:00
g | 1 Day 6 Hours 5 Minutes
h | 1000
j | 12.5 %
d | -0";

/// A number under every setting: read or refused; a decimal that is read says the same when its
/// plain form is read.
fn numbers(data: &[u8]) -> bool {
    let text = String::from_utf8_lossy(data);
    let Some((setting, text)) = text.split_once('\n') else {
        return false;
    };
    let setting = usize::from(setting.bytes().next().unwrap_or_default());
    let units = [
        Unit::Seconds,
        Unit::Milliseconds,
        Unit::Minutes,
        Unit::Hours,
        Unit::Days,
        Unit::Clock,
        Unit::Since1970,
        Unit::Words,
    ];
    let signs = [
        (".", None),
        (".", Some(",")),
        (",", Some(".")),
        (",", Some(" ")),
        (".", Some("'")),
    ];
    let (decimal, thousands) = signs[setting % signs.len()];
    let mapping = Mapping {
        decimal: decimal.to_owned(),
        thousands: thousands.map(str::to_owned),
        minus: [Minus::Leading, Minus::Trailing, Minus::Parentheses][setting % 3],
        ..Mapping::bare()
    };
    let mapped = ColumnMapping {
        unit: vec![
            units[setting % units.len()],
            units[setting / 8 % units.len()],
        ],
        percent: setting.is_multiple_of(2),
        ..ColumnMapping::default()
    };
    let context = value::Context::default();
    let mut read_any = false;
    for (table_name, column) in [
        ("billing", "amount"),
        ("incidents", "on_hold_s"),
        ("incidents", "reopens"),
        ("incidents", "affected_share"),
        ("incidents", "priority"),
        ("incidents", "is_major"),
        ("billing", "currency"),
    ] {
        let column = table(table_name).and_then(|t| t.column(column)).unwrap();
        let reader = value::Reader::build(column, &mapped, &mapping, &context).unwrap();
        let Ok(found) = reader.read(text.trim()) else {
            continue;
        };
        read_any = true;
        match found {
            value::Value::Decimal(units) => {
                let plain = ColumnMapping::default();
                let plain = value::Reader::build(column, &plain, &Mapping::bare(), &context);
                let shown = account::shown(units);
                let plain = plain.unwrap();
                let again = plain.read(&shown);
                assert!(
                    matches!(again, Ok(value::Value::Decimal(b)) if b == units),
                    "{text:?} is {shown}, which reads as {again:?}"
                );
            }
            value::Value::Integer(n) => assert!(n >= 0, "{text:?} is {n} {}", column.name),
            _ => {}
        }
    }
    read_any
}

fn mappings() -> Vec<Vec<u8>> {
    BUILTIN.iter().map(|b| b.text.as_bytes().to_vec()).collect()
}

/// A mapping file: read or refused; written out it is the same mapping; an export that it may or
/// may not fit is accounted for.
fn mapping(data: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(data) else {
        return false;
    };
    let Ok(read) = document::parse::<Mapping>("m.toml", text) else {
        return false;
    };
    if read.check(&BTreeMap::new()).is_err() {
        return false;
    }
    let written = toml::to_string(&read).unwrap();
    let again: Mapping = document::parse("m.toml", &written).unwrap();
    assert_eq!(format!("{read:?}"), format!("{again:?}"), "{written}");
    let folder = tempfile::tempdir().unwrap();
    let project = PROJECT.replace("{}", "m.toml");
    std::fs::write(folder.path().join("gainshare.toml"), project).unwrap();
    std::fs::write(folder.path().join("m.toml"), data).unwrap();
    std::fs::write(folder.path().join("x.export"), EXPORT).unwrap();
    if let Ok(project) = Project::read(folder.path()) {
        accounted(&project, "x.export");
    }
    true
}

/// Columns of several shipped mappings, in one row that reads and one that does not.
const EXPORT: &str = "Issue key,Created,Priority,Number,Opened,Ticket,InvoiceId,BilledCost,\
    BillingCurrency,ChargePeriodStart,ChargePeriodEnd,Status,Assignee\n\
    A-1,2025-01-03 10:00,High,INC1,2025-01-03 10:00:00,1,I-1,12.5,EUR,2025-01-01T00:00:00Z,\
    2025-01-02T00:00:00Z,Open,Ada\n\
    A-2,yesterday,,INC2,03/01/2025,2,I-1,1.000,-,2025-01-02T00:00:00Z,2025-01-01T00:00:00Z,,\n";

/// A terms file: read or refused; written out they are the same terms.
fn terms(data: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(data) else {
        return false;
    };
    match Terms::parse("t.toml", text) {
        Ok(terms) => {
            let written = terms.to_toml().unwrap();
            let again = Terms::parse("t.toml", &written);
            let again = again.unwrap_or_else(|e| panic!("{e}: {written}"));
            assert_eq!(terms.hash(), again.hash(), "{written}");
            true
        }
        Err(error) => {
            // Every place that a message points at is one.
            for problem in error.problems() {
                for (place, _) in &problem.places {
                    assert!(text.get(place.clone()).is_some(), "{place:?} {problem:?}");
                }
            }
            false
        }
    }
}

/// A project file: read or refused, and a refusal names it.
fn project(data: &[u8]) -> bool {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("gainshare.toml");
    std::fs::write(&path, data).unwrap();
    std::fs::write(folder.path().join("x.export"), EXPORT).unwrap();
    match Project::read(folder.path()) {
        Ok(_) => true,
        Err(error) => {
            assert!(!error.to_string().is_empty());
            false
        }
    }
}
