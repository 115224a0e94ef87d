//! `gainshare report`: the report of an output that is there already. Responsible for its flags;
//! not for the page (see [`crate::publish::report`]).

use std::path::PathBuf;
use std::process::ExitCode;

use miette::{Context as _, IntoDiagnostic as _};

use crate::publish::reading::Published;
use crate::publish::report::facts::gather;
use crate::publish::report::{Language, report};

/// Write the report of an output as one HTML file.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example: gainshare report data/complete/out --language nl --output afrekening.html"
)]
pub(super) struct Arguments {
    /// Output folder that `gainshare run` wrote, or its project folder.
    out: PathBuf,
    /// Language of the report, and how it writes numbers.
    #[arg(long, value_enum, default_value_t = Language::En)]
    language: Language,
    /// File to write; stdout when left out.
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// Runs the command.
pub(super) fn run(arguments: &Arguments) -> miette::Result<ExitCode> {
    let page = match Published::open(&arguments.out)
        .and_then(|published| Ok(report(&gather(&published)?, &published, arguments.language)))
    {
        Ok(page) => page,
        Err(error) => {
            super::say(format_args!("{:?}", miette::Report::from(error)));
            return Ok(ExitCode::from(3));
        }
    };
    match &arguments.output {
        None => super::data(page.as_bytes())?,
        Some(path) => {
            std::fs::write(path, &page)
                .into_diagnostic()
                .wrap_err_with(|| format!("{} cannot be written", path.display()))?;
            super::say(format_args!("wrote {}", path.display()));
        }
    }
    Ok(ExitCode::SUCCESS)
}
