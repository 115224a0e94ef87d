//! `gainshare generate`: files made from the program itself. Not responsible for their content.

use std::process::ExitCode;

use miette::IntoDiagnostic as _;

/// Write a file that is made from the program itself.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// What to write to stdout.
    #[arg(value_enum)]
    what: What,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum What {
    /// JSON Schema of a terms file, for editors.
    Schema,
}

/// Runs the command.
pub(super) fn run(arguments: &Arguments) -> miette::Result<ExitCode> {
    match arguments.what {
        What::Schema => {
            let schema = crate::terms::json_schema();
            let mut text = serde_json::to_string_pretty(&schema).into_diagnostic()?;
            text.push('\n');
            super::data(text.as_bytes())?;
        }
    }
    Ok(ExitCode::SUCCESS)
}
