//! `gainshare generate`: files made from the program itself. Not responsible for their content.

use std::path::PathBuf;
use std::process::ExitCode;

use miette::IntoDiagnostic as _;

/// Write files that are made from the program itself.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples: gainshare generate schema > terms.schema.json\n          gainshare generate completions bash > /etc/bash_completion.d/gainshare"
)]
pub(super) struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// JSON Schema of a terms file, for editors, to stdout.
    Schema,
    /// Completions for a shell, to stdout.
    #[command(
        after_help = "Examples: gainshare generate completions bash > ~/.local/share/bash-completion/completions/gainshare\n          gainshare generate completions zsh > ~/.zfunc/_gainshare\n          gainshare generate completions fish > ~/.config/fish/completions/gainshare.fish\n          gainshare generate completions powershell >> $PROFILE"
    )]
    Completions {
        /// The shell.
        #[arg(value_enum)]
        shell: clap_complete::Shell,
    },
    /// Man pages, one per command, into a folder.
    #[command(after_help = "Example: gainshare generate man ~/.local/share/man/man1")]
    Man {
        /// Folder to write into.
        folder: PathBuf,
    },
    /// The page docs/cli.md, to stdout.
    Reference,
}

/// Runs the command.
pub(super) fn run(arguments: &Arguments) -> miette::Result<ExitCode> {
    match &arguments.what {
        What::Schema => {
            let schema = crate::terms::json_schema();
            let mut text = serde_json::to_string_pretty(&schema).into_diagnostic()?;
            text.push('\n');
            super::data(text.as_bytes())?;
        }
        What::Completions { shell } => super::data(&super::manual::completions(*shell))?,
        What::Man { folder } => super::manual::pages(folder)?,
        What::Reference => super::data(super::manual::reference().as_bytes())?,
    }
    Ok(ExitCode::SUCCESS)
}
