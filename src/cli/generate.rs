//! `gainshare generate`: files made from the program itself. Not responsible for their content.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use miette::IntoDiagnostic as _;

use crate::config::document::nearest;
use crate::config::shipped::{BUILTIN, builtin};
use crate::store::schema::TABLES;

/// Write files that are made from the program itself.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples: gainshare generate schema > terms.schema.json\n          gainshare generate mapping servicenow-incident > mappings/incidents.toml\n          gainshare generate completions bash > /etc/bash_completion.d/gainshare"
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
    /// A shipped mapping, to copy and change, to stdout; without a name, the list of them.
    #[command(
        after_help = "Example: gainshare generate mapping servicenow-incident > mappings/incidents.toml"
    )]
    Mapping {
        /// Its name.
        name: Option<String>,
    },
    /// An empty CSV file with the columns of each canonical table.
    #[command(after_help = "Example: gainshare generate templates exports")]
    Templates {
        /// Folder to write into; files that are there already stay as they are.
        #[arg(default_value = "templates")]
        folder: PathBuf,
    },
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
        What::Mapping { name: None } => {
            let names: Vec<&str> = BUILTIN.iter().map(|b| b.name).collect();
            super::data(format!("{}\n", names.join("\n")).as_bytes())?;
        }
        What::Mapping { name: Some(name) } => {
            let Some(found) = builtin(name) else {
                let near = nearest(name, BUILTIN.iter().map(|b| b.name));
                let near = near.map_or_else(
                    || "`gainshare generate mapping` lists them".to_owned(),
                    |n| format!("did you mean `{n}`?"),
                );
                super::say(format_args!("error: there is no mapping `{name}`; {near}"));
                return Ok(ExitCode::from(2));
            };
            super::data(found.text.as_bytes())?;
        }
        What::Templates { folder } => return templates(folder),
    }
    Ok(ExitCode::SUCCESS)
}

/// Writes a header for each canonical table.
fn templates(folder: &Path) -> miette::Result<ExitCode> {
    let failed = |path: &Path, error: std::io::Error| {
        super::say(format_args!(
            "error: {}: cannot be written: {error}",
            path.display()
        ));
        Ok(ExitCode::from(2))
    };
    if let Err(error) = std::fs::create_dir_all(folder) {
        return failed(folder, error);
    }
    let (mut written, mut there) = (0, 0);
    for table in TABLES {
        let path = folder.join(format!("{}.csv", table.name));
        if path.exists() {
            there += 1;
            continue;
        }
        // The name of the source comes from the project.
        let own = table
            .columns
            .iter()
            .filter(|c| c.name != "source" || !c.required);
        let names: Vec<&str> = own.map(|c| c.name).collect();
        if let Err(error) = std::fs::write(&path, format!("{}\n", names.join(","))) {
            return failed(&path, error);
        }
        written += 1;
    }
    super::say(format_args!(
        "wrote {written} templates into {}; {there} were there already; docs/inputs.md says what \
         each column is",
        folder.display()
    ));
    Ok(ExitCode::SUCCESS)
}
