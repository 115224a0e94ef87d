//! `gainshare settle`: terms and tables of measures made elsewhere → the settlement table, with
//! no store. Not responsible for arithmetic (see [`crate::settle`]).

mod project;

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use miette::{IntoDiagnostic as _, WrapErr as _, miette};

use crate::finding::{Finding, Severity, Stage};
use crate::money::Decimal;
use crate::settle::{
    Agreements, AmountKind, Detail, Facts, PeriodKey, Settled, Settlement, SettlementLine, Table,
    contracts, read_attribution, read_disputes, read_fx_rates, read_measures, read_parameters,
    read_relief, read_settled, settle,
};
use crate::terms::{Encoding, SettleSpec, Terms};

/// Settle a contract, or hundreds from one template, from tables of measures; or all contracts of
/// a project from what was measured before.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples: gainshare settle tests/cases/a4_at_risk_pool/terms.toml --measures tests/cases/a4_at_risk_pool/measures.csv\n          gainshare settle data/complete --contract CT-A1"
)]
pub(super) struct Arguments {
    /// Terms file (TOML). Or the folder of a project: then its contracts are settled under the
    /// terms as they are now, from the measures of its last run; no row is read, no KPI worked
    /// out again and nothing published. Measures that are not known any more are made first.
    terms: PathBuf,
    /// Of a project only this contract; several are named one by one.
    #[arg(long, value_name = "ID")]
    contract: Vec<String>,
    #[command(flatten)]
    tables: Tables,
    /// Only the rows that are due, without the steps that lead to them.
    #[arg(long)]
    amounts_only: bool,
    /// Write the table to this file instead of stdout; `.parquet` writes Parquet.
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    /// How the table is written.
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
    /// The least severity of a finding that makes the exit code 1.
    #[arg(long, value_enum, default_value_t = FailOn::Warning)]
    fail_on: FailOn,
}

/// The tables that a settlement reads.
#[derive(Debug, clap::Args)]
pub(super) struct Tables {
    /// Table of measures (CSV or Parquet); several are read together.
    #[arg(long, value_name = "TABLE")]
    measures: Vec<PathBuf>,
    /// Table of per-contract parameters (CSV or Parquet).
    #[arg(long, value_name = "TABLE")]
    parameters: Vec<PathBuf>,
    /// What earlier statements settled: contract_id, period, clause_id, amount, status; or the
    /// settlement table of an earlier run.
    #[arg(long, value_name = "TABLE")]
    settled: Option<PathBuf>,
    /// Exchange rates: date, from, to, rate.
    #[arg(long, value_name = "TABLE")]
    fx_rates: Option<PathBuf>,
    /// Amounts in dispute: dispute_id, contract_id, period, clause_id, amount.
    #[arg(long, value_name = "TABLE")]
    disputes: Option<PathBuf>,
    /// Relief events: relief_id, contract_id, from, to, accepted_at; kind, service_id, kpis,
    /// claimed_at.
    #[arg(long, value_name = "TABLE")]
    relief: Option<PathBuf>,
    /// Who is credited: contract_id, party, weight, agreed_at; service_id, priority.
    #[arg(long, value_name = "TABLE")]
    attribution: Option<PathBuf>,
    /// Settle these months whether or not there are measures: 2024-01..2024-12, 2024-Q1, 2024.
    #[arg(long, value_name = "PERIOD")]
    periods: Option<String>,
}

/// How a table is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Format {
    /// Columns for people.
    Table,
    /// One JSON object per line.
    Json,
    /// Comma-separated.
    Csv,
}

/// When findings make a run fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum FailOn {
    /// Any finding.
    Note,
    /// A warning or worse.
    Warning,
    /// Only what makes a value unusable.
    Disqualifying,
    /// Never.
    Never,
}

impl FailOn {
    pub(super) fn reached(self, severity: Severity) -> bool {
        match self {
            FailOn::Note => true,
            FailOn::Warning => severity >= Severity::Warning,
            FailOn::Disqualifying => severity >= Severity::Disqualifying,
            FailOn::Never => false,
        }
    }
}

/// What can go wrong before anything is settled, by exit code.
pub(super) enum Refused {
    /// The terms are invalid: exit code 2.
    Terms(miette::Report),
    /// A file cannot be read or is no such table: exit code 3.
    Input(miette::Report),
}

impl Refused {
    /// Prints the report and gives its exit code.
    pub(super) fn exit(self) -> ExitCode {
        let (report, code) = match self {
            Refused::Terms(report) => (report, 2),
            Refused::Input(report) => (report, 3),
        };
        super::say(format_args!("{report:?}"));
        ExitCode::from(code)
    }
}

/// Names and values in the metadata of a file.
type Metadata = Vec<(String, String)>;

/// The settlement of one terms file, likewise.
fn of_tables(arguments: &Arguments) -> Result<(Settlement, Vec<Finding>, Metadata), Refused> {
    if !arguments.contract.is_empty() {
        return Err(Refused::Terms(miette!(
            help = "name the project's folder instead of the terms, or leave it out: a template \
                    settles every contract that the tables name",
            "--contract chooses among the contracts of a project"
        )));
    }
    let terms = read_terms(&arguments.terms)?;
    let (facts, findings) = read_facts(&terms.settle, &arguments.tables)?;
    let settlement = settle(&terms.settle, &facts, arguments.detail());
    let metadata = vec![
        ("version".to_owned(), env!("CARGO_PKG_VERSION").to_owned()),
        ("terms_hash".to_owned(), terms.hash()),
    ];
    Ok((settlement, findings, metadata))
}

impl Arguments {
    fn detail(&self) -> Detail {
        match self.amounts_only {
            true => Detail::Amounts,
            false => Detail::Steps,
        }
    }
}

/// Runs the command.
pub(super) fn run(arguments: &Arguments) -> miette::Result<ExitCode> {
    let settled = match super::judged::is_project(&arguments.terms) {
        true => project::of_project(arguments),
        false => of_tables(arguments),
    };
    let (settlement, mut findings, metadata) = match settled {
        Ok(settled) => settled,
        Err(refused) => return Ok(refused.exit()),
    };
    match arguments.output.as_deref() {
        Some(path) if path.extension().is_some_and(|e| e == "parquet") => {
            write_parquet(&settlement, &metadata, path)?;
        }
        path => write(&settlement, arguments.format, path)?,
    }
    findings.extend(settlement.findings.iter().cloned());
    conclude(&settlement, &findings);
    let failed = findings
        .iter()
        .any(|f| arguments.fail_on.reached(f.severity));
    Ok(ExitCode::from(u8::from(failed)))
}

/// Reads and checks a terms file.
pub(super) fn read_terms(path: &Path) -> Result<Terms, Refused> {
    let name = path.display().to_string();
    let bytes = std::fs::read(path).map_err(|e| {
        let help = if path.is_dir() {
            "it is a folder: name the terms file (TOML) in it".to_owned()
        } else {
            format!(
                "give the path of a terms file (TOML){}; `settle`, `align`, `backtest` and \
                 `simulate` also take the folder of a project, which has a gainshare.toml",
                beside(path)
            )
        };
        Refused::Input(miette!(
            help = help,
            "the terms file {name} cannot be read: {e}"
        ))
    })?;
    let text = String::from_utf8(bytes).map_err(|e| {
        let at = e.utf8_error().valid_up_to();
        let line = e.as_bytes().iter().take(at).filter(|b| **b == b'\n').count() + 1;
        input(format!(
            "{name}, line {line}: byte {at} is no UTF-8: terms are a text file (TOML) in UTF-8; save it as such"
        ))
    })?;
    Terms::parse(&name, &text).map_err(|e| Refused::Terms(e.into()))
}

/// The terms files in the folder where one was looked for.
fn beside(path: &Path) -> String {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let mut found: Vec<String> = std::fs::read_dir(folder)
        .into_iter()
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|e| e == "toml"))
        .map(|path| path.display().to_string())
        .collect();
    found.sort();
    found.truncate(6);
    if found.is_empty() {
        String::new()
    } else {
        format!(", such as {}", found.join(", "))
    }
}

fn read_table(path: &Path, separator: char, encoding: Encoding) -> Result<Table, Refused> {
    if path.extension().is_some_and(|e| e == "parquet") {
        return read_parquet(path);
    }
    let name = path.display().to_string();
    let bytes = std::fs::read(path)
        .into_diagnostic()
        .wrap_err_with(|| format!("the table {name} cannot be read"))
        .map_err(Refused::Input)?;
    Table::from_encoded_csv(&name, &bytes, separator, encoding).map_err(input)
}

#[cfg(feature = "frames")]
fn write_parquet(settlement: &Settlement, metadata: &Metadata, path: &Path) -> miette::Result<()> {
    super::parquet::write(&settlement.lines, path, metadata)
}

#[cfg(not(feature = "frames"))]
fn write_parquet(_: &Settlement, _: &Metadata, path: &Path) -> miette::Result<()> {
    Err(miette!(
        "{}: this build writes no Parquet; use --format csv",
        path.display()
    ))
}

#[cfg(feature = "frames")]
fn read_parquet(path: &Path) -> Result<Table, Refused> {
    super::parquet::read(path).map_err(Refused::Input)
}

#[cfg(not(feature = "frames"))]
fn read_parquet(path: &Path) -> Result<Table, Refused> {
    Err(input(format!(
        "{}: this build reads no Parquet; give the table as CSV",
        path.display()
    )))
}

pub(super) fn input(error: impl std::fmt::Display) -> Refused {
    Refused::Input(miette!("{error}"))
}

/// Reads every table. The findings are about cells that could not be read.
pub(super) fn read_facts(
    spec: &SettleSpec,
    paths: &Tables,
) -> Result<(Facts, Vec<Finding>), Refused> {
    let separator = spec
        .source
        .input
        .as_ref()
        .and_then(|i| i.separator)
        .unwrap_or(',');
    let encoding = spec
        .source
        .input
        .as_ref()
        .and_then(|i| i.encoding)
        .unwrap_or_default();
    let tables = |paths: &[PathBuf]| -> Result<Vec<Table>, Refused> {
        paths
            .iter()
            .map(|p| read_table(p, separator, encoding))
            .collect()
    };
    let mut facts = Facts::default();
    let mut findings = Vec::new();
    let measures = tables(&paths.measures)?;
    findings.extend(read_measures(spec, &measures, &mut facts.measures).map_err(input)?);
    let parameters = tables(&paths.parameters)?;
    findings.extend(read_parameters(spec, &parameters, &mut facts.parameters).map_err(input)?);
    let plain = |path: &Path| read_table(path, ',', Encoding::Utf8);
    if let Some(path) = &paths.settled {
        let mut settled = Settled::new();
        read_settled(&plain(path)?, &mut settled).map_err(input)?;
        facts.settled = Arc::new(settled);
    }
    if let Some(path) = &paths.fx_rates {
        let age = spec
            .source
            .fx
            .as_ref()
            .and_then(|f| f.max_age_days)
            .unwrap_or(10);
        let rates = read_fx_rates(&plain(path)?).map_err(input)?;
        facts.fx = Arc::new(rates.with_max_age_days(Some(age)));
    }
    if let Some(path) = &paths.disputes {
        facts.disputes = Arc::new(read_disputes(&plain(path)?).map_err(input)?);
    }
    let mut agreements = Agreements::new();
    if let Some(path) = &paths.relief {
        read_relief(&plain(path)?, &mut agreements).map_err(input)?;
    }
    if let Some(path) = &paths.attribution {
        read_attribution(&plain(path)?, &mut agreements).map_err(input)?;
    }
    facts.agreements = Arc::new(agreements);
    if let Some(periods) = &paths.periods {
        let key: PeriodKey = periods
            .parse()
            .map_err(|e| Refused::Terms(miette!("--periods: {e}")))?;
        facts.months = Some(match (key, &spec.source.contract.start.value) {
            (key, crate::terms::StartSource::Day(day)) => key.span(day.0.month()),
            (PeriodKey::Span(span), _) => span,
            (PeriodKey::ContractYear(_), _) => {
                return Err(Refused::Terms(miette!(
                    "--periods: contract years differ by contract in this template; name months"
                )));
            }
        });
    }
    findings.extend(strangers(spec, &facts));
    Ok((facts, findings))
}

/// Contracts that a small table names and nothing else does: most often a misspelt id.
fn strangers(spec: &SettleSpec, facts: &Facts) -> Vec<Finding> {
    let known = contracts(spec, facts);
    let known: Vec<&str> = known.iter().map(String::as_str).collect();
    let named: std::collections::BTreeSet<(&str, &str)> = facts
        .settled
        .contracts()
        .map(|c| ("ledger", c))
        .chain(
            facts
                .disputes
                .iter()
                .map(|d| ("table of disputes", d.contract_id.as_str())),
        )
        .chain(
            facts
                .agreements
                .contracts()
                .map(|c| ("table of reliefs or attributions", c)),
        )
        .filter(|(_, c)| !known.contains(c))
        .collect();
    named
        .into_iter()
        .map(|(table, contract)| {
            let near = crate::terms::nearest(contract, known.iter().copied())
                .map_or(String::new(), |n| format!(" (did you mean `{n}`?)"));
            Finding::new(
                Stage::Settle,
                Severity::Note,
                "contract_not_settled_here",
                format!("the {table} names contract `{contract}`, which is not settled here{near}"),
            )
        })
        .collect()
}

/// The columns of the settlement table, in order.
pub(super) const COLUMNS: &[&str] = &[
    "contract_id",
    "supplier_id",
    "period",
    "clause_id",
    "seq",
    "step",
    "level",
    "basis",
    "rate",
    "measure_value",
    "unrounded",
    "amount",
    "currency",
    "payer",
    "payee",
    "amount_kind",
    "prior_amount",
    "delta",
    "document_type",
    "bound_by",
    "terms_version",
    "status",
    "overridden",
    "rule",
    "explanation",
];

pub(super) fn write(
    settlement: &Settlement,
    format: Format,
    output: Option<&Path>,
) -> miette::Result<()> {
    let mut text = Vec::new();
    match format {
        Format::Json => {
            for line in &settlement.lines {
                serde_json::to_writer(&mut text, line).into_diagnostic()?;
                text.push(b'\n');
            }
        }
        Format::Csv => {
            let mut writer = csv::Writer::from_writer(&mut text);
            writer.write_record(COLUMNS).into_diagnostic()?;
            for line in &settlement.lines {
                writer.write_record(cells(line)).into_diagnostic()?;
            }
            writer.flush().into_diagnostic()?;
        }
        Format::Table => {
            let lines: Vec<&SettlementLine> =
                settlement.lines.iter().filter(|l| shown(l)).collect();
            match super::console::width().filter(|_| output.is_none()) {
                // A file or another program gets the same columns each time.
                None => text.extend(rows(&lines, [12, 18, 22, 18]).into_bytes()),
                Some(_) => {
                    let widest = |get: fn(&SettlementLine) -> usize| {
                        lines.iter().map(|l| get(l)).max().unwrap_or(0).min(28)
                    };
                    let wide = [
                        widest(|l| l.contract_id.chars().count()),
                        widest(|l| l.period.chars().count()),
                        widest(|l| l.clause_id.chars().count()),
                        widest(|l| l.amount.map_or(1, |a| a.to_string().len())),
                    ];
                    return super::console::table(&rows(&lines, wide));
                }
            }
        }
    }
    put(&text, output)
}

/// A line per amount, its columns as wide as given.
fn rows(lines: &[&SettlementLine], [contract, period, clause, amount]: [usize; 4]) -> String {
    let mut text = String::new();
    for line in lines {
        let due = line
            .amount
            .map_or_else(|| "—".to_owned(), |a| a.to_string());
        let row = format!(
            "{:<contract$} {:<period$} {:<clause$} {due:>amount$} {}  {}\n",
            line.contract_id, line.period, line.clause_id, line.currency, line.explanation
        );
        text.push_str(&super::console::harmless(&row, false));
    }
    text
}

/// Writes a table to a file, or to stdout.
pub(super) fn put(text: &[u8], output: Option<&Path>) -> miette::Result<()> {
    match output {
        Some(path) => std::fs::write(path, text)
            .into_diagnostic()
            .wrap_err_with(|| format!("{} cannot be written", path.display())),
        None => match std::io::stdout().lock().write_all(text) {
            // A reader that has seen enough, such as `head`, is no error.
            Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
                Err(error).into_diagnostic()
            }
            _ => Ok(()),
        },
    }
}

fn shown(line: &SettlementLine) -> bool {
    matches!(line.amount_kind, AmountKind::Payable | AmountKind::Total) || line.step == "struck_off"
}

/// A row as texts, in the order of [`COLUMNS`].
pub(super) fn cells(line: &SettlementLine) -> Vec<String> {
    let number = |v: Option<Decimal>| v.map_or_else(String::new, |d| d.to_string());
    let word = |v: &serde_json::Value| v.as_str().unwrap_or_default().to_owned();
    let name =
        |v: Result<serde_json::Value, serde_json::Error>| v.map(|v| word(&v)).unwrap_or_default();
    vec![
        line.contract_id.clone(),
        line.supplier_id.clone(),
        line.period.clone(),
        line.clause_id.clone(),
        line.seq.to_string(),
        line.step.clone(),
        line.level.clone().unwrap_or_default(),
        number(line.basis),
        number(line.rate),
        number(line.measure_value),
        number(line.unrounded),
        number(line.amount),
        line.currency.to_string(),
        line.payer.clone().unwrap_or_default(),
        line.payee.clone().unwrap_or_default(),
        name(serde_json::to_value(line.amount_kind)),
        number(line.prior_amount),
        number(line.delta),
        line.document_type.clone().unwrap_or_default().into_owned(),
        line.bound_by.clone().unwrap_or_default(),
        line.terms_version.clone(),
        name(serde_json::to_value(line.status)),
        line.overridden.join(", "),
        line.rule.clone(),
        line.explanation.clone(),
    ]
}

fn conclude(settlement: &Settlement, findings: &[Finding]) {
    let totals = settlement
        .lines
        .iter()
        .filter(|l| l.amount_kind == AmountKind::Total)
        .count();
    super::say(format_args!(
        "{totals} statements settled, {} findings",
        findings.len()
    ));
    tell(findings);
}

/// Findings on stderr, the first twenty in words.
pub(super) fn tell(findings: &[Finding]) {
    for finding in findings.iter().take(20) {
        let contract = finding
            .contract_id
            .as_deref()
            .map_or(String::new(), |c| format!("{c}: "));
        let place = match (&finding.file, finding.line) {
            (Some(file), Some(line)) => {
                let column = finding
                    .column
                    .as_deref()
                    .map_or(String::new(), |c| format!(", column {c}"));
                format!(" ({file}, line {line}{column})")
            }
            _ => String::new(),
        };
        super::say(format_args!(
            "{}: {contract}{}{place}",
            finding.severity, finding.detail
        ));
    }
    if findings.len() > 20 {
        super::say(format_args!("… and {} more", findings.len() - 20));
    }
}
