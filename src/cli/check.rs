//! `gainshare check`: whether terms contradict themselves, without any data. Not responsible for
//! the checks themselves (see [`crate::terms`]).

use std::path::PathBuf;
use std::process::ExitCode;

use super::settle::read_terms;
#[cfg(feature = "frames")]
use crate::config::project::PROJECT_FILE;

/// Check a project or a terms file for contradictions, without reading any data.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples: gainshare check data/complete\n          gainshare check terms.toml"
)]
pub(super) struct Arguments {
    /// Terms file (TOML), or a project folder with a gainshare.toml.
    terms: PathBuf,
}

/// Runs the command.
pub(super) fn run(arguments: &Arguments) -> miette::Result<ExitCode> {
    #[cfg(feature = "frames")]
    if arguments.terms.is_dir() || arguments.terms.ends_with(PROJECT_FILE) {
        return super::check_project::run(&arguments.terms);
    }
    let terms = match read_terms(&arguments.terms) {
        Ok(terms) => terms,
        Err(refused) => return Ok(refused.exit()),
    };
    let source = &terms.settle.source;
    super::say(format_args!(
        "{}: {} clauses, {} amendments, nothing contradicts itself (terms {})",
        arguments.terms.display(),
        source.clause.len(),
        source.amendment.len(),
        terms.hash().get(..12).unwrap_or_default()
    ));
    Ok(ExitCode::SUCCESS)
}
