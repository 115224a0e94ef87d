//! Completions, man pages and the command reference, made from the command line's own definition.
//! Not responsible for what the commands do.

use std::fmt::Write as _;
use std::path::Path;

use clap::CommandFactory as _;
use clap_complete::Shell;
use miette::{Context as _, IntoDiagnostic as _};

/// Columns of the reference, whatever the terminal.
const WIDTH: usize = 100;

fn command() -> clap::Command {
    super::Arguments::command().term_width(WIDTH)
}

/// A completion script.
pub(super) fn completions(shell: Shell) -> Vec<u8> {
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut command(), "gainshare", &mut text);
    text
}

/// A man page per command, written into a folder.
pub(super) fn pages(folder: &Path) -> miette::Result<()> {
    std::fs::create_dir_all(folder)
        .into_diagnostic()
        .wrap_err_with(|| format!("{} cannot be made", folder.display()))?;
    clap_mangen::generate_to(command(), folder)
        .into_diagnostic()
        .wrap_err_with(|| format!("{} cannot be written", folder.display()))
}

/// `docs/cli.md`.
pub(super) fn reference() -> String {
    let mut text = String::from(
        "# Commands\n\n<!-- Written by `gainshare generate reference`; edit src/cli/ instead. -->\n\n\
         Data goes to stdout, conversation to stderr. Exit codes: 0 done · 1 findings at or above \
         `--fail-on` · 2 the command line, the project or the terms are invalid · 3 an input \
         cannot be read · 4 an internal error. `NO_COLOR` is honoured.\n",
    );
    let mut root = command();
    root.build();
    document(&mut text, &mut root, "gainshare");
    text
}

fn document(text: &mut String, command: &mut clap::Command, name: &str) {
    let help = command.render_long_help().to_string();
    let help: Vec<&str> = help.lines().map(str::trim_end).collect();
    // Writing to a String cannot fail.
    let _ = write!(
        text,
        "\n## {name}\n\n```text\n{}\n```\n",
        help.join("\n").trim_end()
    );
    for sub in command.get_subcommands_mut() {
        if sub.get_name() == "help" {
            continue;
        }
        let name = format!("{name} {}", sub.get_name());
        document(text, sub, &name);
    }
}
