//! `gainshare run`: the main job, from the command line. Responsible for its flags, progress and
//! what is said at the end; not for the job (see [`crate::pipeline`]).

use std::collections::BTreeMap;
use std::io::IsTerminal as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Mutex;

use indicatif::{ProgressBar, ProgressStyle};
use miette::IntoDiagnostic as _;

use super::settle::FailOn;
use crate::finding::{Severity, Stage};
use crate::pipeline::{self, Outcome, Progress, RunError};
use crate::settle::{AmountKind, LineStatus};

/// Read a project's exports, measure and settle its contracts, and write the output tables.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: gainshare run data/complete")]
pub(super) struct Arguments {
    /// Project folder with a gainshare.toml, or that file.
    project: PathBuf,
    /// The least severity of a finding that makes the exit code 1.
    #[arg(long, value_enum, default_value_t = FailOn::Never)]
    fail_on: FailOn,
    /// How the summary is written to stdout.
    #[arg(long, value_enum, default_value_t = super::settle::Format::Table)]
    format: super::settle::Format,
    /// Write to stdout on how many incidents the verdict depends on the clock policy, instead of
    /// the settlement; the tables are written all the same.
    #[arg(long)]
    clock_audit: bool,
    /// Write the table `incident_facts` too: every ticket of a contract, counted or not and why,
    /// with its clocks, impact and notices; one file per month, `out/incident_facts/2025-03.parquet`.
    #[arg(long)]
    incident_facts: bool,
    /// Say nothing but errors on stderr.
    #[arg(long, short)]
    quiet: bool,
}

/// Runs the command.
pub(super) fn run(arguments: &Arguments) -> miette::Result<ExitCode> {
    let project = match super::project(&arguments.project) {
        Ok(project) => project,
        Err(error) => {
            super::say(format_args!("{:?}", miette::Report::from(*error)));
            return Ok(ExitCode::from(2));
        }
    };
    let bar = Bar::new(
        arguments.quiet,
        project.sources.iter().map(|s| s.files.len() as u64).sum(),
    );
    let asked = pipeline::Asked {
        clock_audit: arguments.clock_audit,
        incident_facts: arguments.incident_facts,
        ..pipeline::Asked::default()
    };
    let done = pipeline::run_asked(&project, asked, &|p| bar.hear(p));
    bar.clear();
    let outcome = match done {
        Ok(outcome) => outcome,
        Err(error) => {
            let code = match &error {
                RunError::Contract(_) => 2,
                RunError::Input(_) | RunError::Store(_) => 3,
                RunError::Publish(_) | RunError::Reading(_) => 4,
            };
            super::say(format_args!("{:?}", miette::Report::from(error)));
            return Ok(ExitCode::from(code));
        }
    };
    if !arguments.quiet {
        say_accounts(&outcome);
        say_findings(&outcome);
    }
    if arguments.clock_audit {
        audit(&outcome.audit, arguments.format)?;
    } else {
        summary(&outcome, arguments.format)?;
    }
    if !arguments.quiet {
        super::say(format_args!(
            "wrote {} tables; see {}",
            outcome.outputs.len(),
            outcome.manifest.display()
        ));
    }
    let failed = outcome
        .findings
        .iter()
        .any(|f| arguments.fail_on.reached(f.severity));
    Ok(ExitCode::from(u8::from(failed)))
}

/// Progress on stderr, when it is a terminal: files while reading, months while measuring, each
/// with its rate and the time that remains.
struct Bar {
    bar: ProgressBar,
    files: u64,
    reading: Mutex<Reading>,
}

/// What is being read.
struct Reading {
    file: String,
    done: u64,
    bytes: u64,
    since: std::time::Instant,
}

/// Of a stage without a length.
const PLAIN: &str = "{spinner} {msg:<14} [{elapsed}]";
/// Of a stage with one.
const COUNTED: &str =
    "{spinner} {msg:<22} {bar:20} {pos} of {len} [{elapsed}, {eta} left] {prefix}";

impl Bar {
    fn new(quiet: bool, files: u64) -> Bar {
        let bar = if quiet || !std::io::stderr().is_terminal() {
            ProgressBar::hidden()
        } else {
            ProgressBar::new_spinner()
        };
        let reading = Reading {
            file: String::new(),
            done: 0,
            bytes: 0,
            since: std::time::Instant::now(),
        };
        Bar {
            bar,
            files,
            reading: Mutex::new(reading),
        }
    }

    fn style(&self, template: &str) {
        if let Ok(style) = ProgressStyle::with_template(template) {
            self.bar.set_style(style);
        }
    }

    /// From now on so many of something.
    fn count(&self, len: u64) {
        self.style(COUNTED);
        self.bar.set_length(len);
        self.bar.set_position(0);
        self.bar.reset_eta();
    }

    fn hear(&self, progress: Progress<'_>) {
        match progress {
            Progress::Stage("reading") => {
                self.bar.set_message("reading files");
                self.count(self.files);
            }
            Progress::Stage(name) => {
                self.bar.set_prefix("");
                self.style(PLAIN);
                self.bar.set_message(name);
            }
            Progress::Read(file, n) => {
                let Ok(mut reading) = self.reading.lock() else {
                    return;
                };
                if reading.file != file {
                    if !reading.file.is_empty() {
                        reading.done += 1;
                    }
                    file.clone_into(&mut reading.file);
                    self.bar.set_position(reading.done);
                }
                reading.bytes += n;
                let seconds = reading.since.elapsed().as_secs_f64().max(0.001);
                let rate = indicatif::HumanBytes((reading.bytes as f64 / seconds) as u64);
                self.bar.set_prefix(format!("{rate}/s {file}"));
            }
            Progress::Partitions(n) => {
                self.bar.set_message("measuring months");
                self.count(n);
            }
            Progress::Measured => {
                self.bar.inc(1);
                let rate = self.bar.per_sec();
                self.bar.set_prefix(format!("{rate:.0} months/s"));
            }
        }
    }

    fn clear(&self) {
        self.bar.finish_and_clear();
    }
}

/// One line per file: rows in and what became of them.
fn say_accounts(outcome: &Outcome) {
    let width = outcome
        .accounts
        .iter()
        .map(|a| a.file.chars().count())
        .max()
        .unwrap_or(4)
        .max(4);
    super::say(format_args!(
        "{:<width$} {:>10} {:>10} {:>10} {:>9} {:>12}",
        "file", "rows in", "accepted", "duplicate", "rejected", "out of scope"
    ));
    for account in &outcome.accounts {
        super::say(format_args!(
            "{:<width$} {:>10} {:>10} {:>10} {:>9} {:>12}",
            account.file,
            account.rows_in,
            account.accepted,
            account.duplicate,
            account.rejected,
            account.out_of_scope
        ));
        for (currency, money) in &account.money {
            let shown = crate::ingest::account::shown;
            super::say(format_args!(
                "{:<width$} {currency} {} in = {} accepted + {} duplicate + {} rejected + {} out of scope",
                "",
                shown(money.amount_in),
                shown(money.accepted),
                shown(money.duplicate),
                shown(money.rejected),
                shown(money.out_of_scope)
            ));
        }
    }
}

/// Findings by kind, worst first; the rows are in the table.
fn say_findings(outcome: &Outcome) {
    let mut kinds: BTreeMap<(std::cmp::Reverse<Severity>, &str), (u64, &crate::finding::Finding)> =
        BTreeMap::new();
    for finding in &outcome.findings {
        let key = (std::cmp::Reverse(finding.severity), finding.code.as_str());
        kinds.entry(key).or_insert((0, finding)).0 += 1;
    }
    if kinds.is_empty() {
        return;
    }
    super::say(format_args!("\nfindings (all in findings.parquet):"));
    for ((severity, code), (places, first)) in kinds {
        let place = match (&first.file, &first.contract_id) {
            (Some(file), _) => {
                let line = first.line.map(|l| format!(":{l}")).unwrap_or_default();
                let column = first.column.as_ref().map(|c| format!(" `{c}`"));
                format!(" [{file}{line}{}]", column.unwrap_or_default())
            }
            (None, Some(contract)) => format!(" [{contract}]"),
            (None, None) => String::new(),
        };
        let seen = match (first.stage, first.evidence.is_empty()) {
            (Stage::Ingest, false) => {
                format!(
                    " (found {})",
                    first.evidence.chars().take(80).collect::<String>()
                )
            }
            _ => String::new(),
        };
        let more = if places > 1 {
            format!(" (+{} more places)", places - 1)
        } else {
            String::new()
        };
        super::say(format_args!(
            "  {:<13} {code}{place}: {}{seen}{more}",
            severity.0.to_string(),
            first.detail
        ));
    }
    super::say("");
}

/// Per contract and other policy: how many verdicts change, which way, and some tickets.
fn audit(rows: &[pipeline::AuditRow], format: super::settle::Format) -> miette::Result<()> {
    use super::settle::Format;
    let text = match format {
        Format::Table => {
            let wide = rows.iter().map(|r| r.policy.len()).max().unwrap_or(6);
            let mut text = format!(
                "{:<12} {:<wide$} {:>8} {:>9} {:>7}  some of them\n",
                "contract", "policy", "judged", "breached", "met"
            );
            for row in rows {
                text.push_str(&format!(
                    "{:<12} {:<wide$} {:>8} {:>+9} {:>+7}  {}\n",
                    row.contract_id,
                    row.policy,
                    row.judged,
                    i128::from(row.stricter),
                    i128::from(row.milder),
                    row.sample
                ));
            }
            text.into_bytes()
        }
        Format::Json => {
            let mut text = Vec::new();
            for row in rows {
                text.extend(serde_json::to_vec(row).into_diagnostic()?);
                text.push(b'\n');
            }
            text
        }
        Format::Csv => {
            let mut writer = csv::Writer::from_writer(Vec::new());
            for row in rows {
                writer.serialize(row).into_diagnostic()?;
            }
            writer.into_inner().into_diagnostic()?
        }
    };
    super::data(&text)
}

/// Who owes whom what, per contract, period and clause.
fn summary(outcome: &Outcome, format: super::settle::Format) -> miette::Result<()> {
    let settlement = crate::settle::Settlement {
        lines: outcome
            .settlement
            .iter()
            .filter(|l| {
                matches!(l.amount_kind, AmountKind::Payable | AmountKind::Total)
                    && l.status != LineStatus::Carried
            })
            .cloned()
            .collect(),
        findings: Vec::new(),
    };
    super::settle::write(&settlement, format, None)
}
