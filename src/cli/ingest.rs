//! `gainshare ingest`: exports into the store, from the command line. Responsible for its flags and
//! for what is said at the end; not for reading (see [`crate::ingest`]).

use std::path::PathBuf;
use std::process::ExitCode;

use super::accounts::{say_accounts, say_findings};
use super::progress::Bar;
use super::run::{opened, stopped};
use super::settle::FailOn;
use crate::pipeline;

/// Read a project's exports into its store, with every row accounted for.
///
/// The first half of `gainshare run`; `gainshare recalc` is the second. Rejected rows and findings
/// are kept in the store and published by the next recalculation.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: gainshare ingest data/complete")]
pub(super) struct Arguments {
    /// Project folder with a gainshare.toml, or that file.
    project: PathBuf,
    /// The least severity of a finding that makes the exit code 1.
    #[arg(long, value_enum, default_value_t = FailOn::Never)]
    fail_on: FailOn,
    /// Say nothing but errors on stderr.
    #[arg(long, short)]
    quiet: bool,
}

/// Runs the command.
pub(super) fn run(arguments: &Arguments) -> miette::Result<ExitCode> {
    let project = match opened(&arguments.project, pipeline::Exports::Always) {
        Ok(project) => project,
        Err(code) => return Ok(code),
    };
    let files = project.sources.iter().map(|s| s.files.len() as u64).sum();
    let bar = Bar::new(arguments.quiet, files);
    let done = pipeline::fill(&project, &|p| bar.hear(p));
    bar.clear();
    let notes = match done {
        Ok(notes) => notes,
        Err(error) => return Ok(stopped(error)),
    };
    if !arguments.quiet {
        say_accounts(&notes.accounts);
        say_findings(&notes.findings, "published by the next recalculation");
        super::say(format_args!(
            "the store is {}; `gainshare recalc` goes on from there",
            project.store_folder().display()
        ));
    }
    let failed = notes
        .findings
        .iter()
        .any(|f| arguments.fail_on.reached(f.severity));
    Ok(ExitCode::from(u8::from(failed)))
}
