//! The rim: command line, console and exit codes. The only part of the crate that reads flags,
//! the clock or the environment and that prints. Not responsible for any arithmetic.
//!
//! Data goes to stdout, conversation to stderr. Exit codes: 0 ok, 1 findings at or above
//! `--fail-on`, 2 usage or terms invalid, 3 input unreadable, 4 internal error.
#![allow(clippy::print_stdout, clippy::print_stderr)]

#[cfg(feature = "frames")]
mod accounts;
mod align;
mod backtest;
mod calibrate;
mod check;
#[cfg(feature = "frames")]
mod check_project;
mod console;
#[cfg(feature = "frames")]
mod diff;
mod explain;
#[cfg(feature = "frames")]
mod explain_rows;
#[cfg(feature = "frames")]
mod explain_run;
mod generate;
#[cfg(feature = "frames")]
mod ingest;
#[cfg(feature = "frames")]
mod inspect;
mod judged;
mod kpis;
mod manual;
mod number;
#[cfg(feature = "frames")]
mod parquet;
#[cfg(feature = "frames")]
mod progress;
#[cfg(feature = "frames")]
mod report;
#[cfg(feature = "frames")]
mod run;
mod settle;
mod simulate;
mod synth;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Settles outsourcing contracts by incidents that no longer happen and savings both sides share.
#[derive(Debug, Parser)]
#[command(name = "gainshare", version, about, propagate_version = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Align(align::Arguments),
    Backtest(backtest::Arguments),
    Calibrate(calibrate::Arguments),
    Check(check::Arguments),
    #[cfg(feature = "frames")]
    Diff(diff::Arguments),
    Explain(explain::Arguments),
    Generate(generate::Arguments),
    #[cfg(feature = "frames")]
    Ingest(ingest::Arguments),
    #[cfg(feature = "frames")]
    Inspect(inspect::Arguments),
    #[cfg(feature = "frames")]
    Recalc(run::Recalc),
    #[cfg(feature = "frames")]
    Report(report::Arguments),
    #[cfg(feature = "frames")]
    Run(run::Arguments),
    Settle(settle::Arguments),
    Simulate(simulate::Arguments),
    /// Write a seeded example world with known truths.
    Synth(synth::SynthArgs),
    /// Print the KPI catalogue.
    Kpis(kpis::KpisArgs),
}

/// Runs the command line of this process.
pub fn main() -> ExitCode {
    fit_errors();
    let done = match Arguments::parse().command {
        Command::Align(arguments) => align::run(&arguments),
        Command::Backtest(arguments) => backtest::run(&arguments),
        Command::Calibrate(arguments) => Ok(said(calibrate::run(&arguments))),
        Command::Check(arguments) => check::run(&arguments),
        #[cfg(feature = "frames")]
        Command::Diff(arguments) => diff::run(&arguments),
        Command::Explain(arguments) => explain::run(&arguments),
        Command::Generate(arguments) => generate::run(&arguments),
        #[cfg(feature = "frames")]
        Command::Ingest(arguments) => ingest::run(&arguments),
        #[cfg(feature = "frames")]
        Command::Inspect(arguments) => inspect::run(&arguments),
        #[cfg(feature = "frames")]
        Command::Recalc(arguments) => run::recalc(&arguments),
        #[cfg(feature = "frames")]
        Command::Report(arguments) => report::run(&arguments),
        #[cfg(feature = "frames")]
        Command::Run(arguments) => run::run(&arguments),
        Command::Settle(arguments) => settle::run(&arguments),
        Command::Simulate(arguments) => simulate::run(&arguments),
        Command::Synth(arguments) => Ok(said(synth::run(&arguments))),
        Command::Kpis(arguments) => Ok(said(kpis::run(&arguments))),
    };
    done.unwrap_or_else(|report| {
        say(format_args!("{report:?}"));
        ExitCode::from(4)
    })
}

/// Lets errors wrap at the width of a terminal only: in a log or a pipe a message stays on one
/// line, where it can be searched for.
fn fit_errors() {
    use std::io::IsTerminal as _;
    if !std::io::stderr().is_terminal() {
        // Fails only when a hook was set before, and that one then stands.
        let _ = miette::set_hook(Box::new(|_| {
            Box::new(miette::MietteHandlerOpts::new().wrap_lines(false).build())
        }));
    }
}

/// Says something on stderr, harmless for the terminal.
fn say(text: impl std::fmt::Display) {
    console::say(&text.to_string());
}

/// Reads a project, with the environment variable that it may name.
#[cfg(feature = "frames")]
fn project(
    path: &std::path::Path,
) -> Result<crate::config::project::Project, Box<crate::config::document::DocumentError>> {
    crate::config::project::Project::read_with(path, &variable)
}

/// As [`project`], where the exports need not be there.
#[cfg(feature = "frames")]
fn project_with_a_store(
    path: &std::path::Path,
) -> Result<crate::config::project::Project, Box<crate::config::document::DocumentError>> {
    crate::config::project::Project::read_without_exports(path, &variable)
}

#[cfg(feature = "frames")]
fn variable(name: &str) -> Option<Vec<u8>> {
    std::env::var_os(name).map(|v| v.into_encoded_bytes())
}

/// Writes data to stdout. A reader that has seen enough, such as `head`, is no error.
fn data(text: &[u8]) -> miette::Result<()> {
    use std::io::Write as _;
    match std::io::stdout().lock().write_all(text) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(miette::miette!("stdout cannot be written: {error}"))
        }
        _ => Ok(()),
    }
}

/// Prints an error of usage and gives its exit code.
fn said<E: std::fmt::Display>(done: Result<(), E>) -> ExitCode {
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(format_args!("error: {error}"));
            ExitCode::from(2)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        use clap::CommandFactory as _;
        Arguments::command().debug_assert();
    }

    #[test]
    fn every_command_shows_an_example() {
        use clap::CommandFactory as _;
        for command in Arguments::command().get_subcommands() {
            let help = command.clone().render_long_help().to_string();
            assert!(help.contains("Example"), "{help}");
        }
    }
}
