//! What `align`, `backtest` and `simulate` have in common: where the history comes from, and how
//! rows are printed. Not responsible for any of their questions.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use miette::IntoDiagnostic as _;

use super::settle::{FailOn, Format, Refused, put, tell};
use crate::finding::Finding;

/// How rows are printed, and when findings make the command fail.
#[derive(Debug, clap::Args)]
pub(super) struct Printed {
    /// Write the table to this file instead of stdout.
    #[arg(long, short, value_name = "FILE")]
    pub(super) output: Option<PathBuf>,
    /// How the table is written.
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub(super) format: Format,
    /// The least severity of a finding that makes the exit code 1.
    #[arg(long, value_enum, default_value_t = FailOn::Warning)]
    fail_on: FailOn,
}

impl Printed {
    /// Writes the rows and the findings.
    pub(super) fn rows<T: serde::Serialize>(
        &self,
        rows: &[T],
        table: impl Fn(&[T]) -> String,
        findings: &[Finding],
    ) -> miette::Result<ExitCode> {
        let text = match self.format {
            Format::Table => table(rows),
            Format::Json => {
                let mut text = String::new();
                for row in rows {
                    text.push_str(&serde_json::to_string(row).into_diagnostic()?);
                    text.push('\n');
                }
                text
            }
            Format::Csv => {
                let mut writer = csv::Writer::from_writer(Vec::new());
                for row in rows {
                    writer.serialize(row).into_diagnostic()?;
                }
                String::from_utf8(writer.into_inner().into_diagnostic()?).into_diagnostic()?
            }
        };
        self.text(&text, findings)
    }

    /// Writes a text and the findings.
    pub(super) fn text(&self, text: &str, findings: &[Finding]) -> miette::Result<ExitCode> {
        match (&self.output, self.format) {
            (None, Format::Table) => super::console::table(text)?,
            (output, _) => put(text.as_bytes(), output.as_deref())?,
        }
        tell(findings);
        let failed = findings.iter().any(|f| self.fail_on.reached(f.severity));
        Ok(ExitCode::from(u8::from(failed)))
    }
}

/// Whether a path is a project: its folder, or the project file itself.
pub(super) fn is_project(path: &Path) -> bool {
    path.is_dir()
        || path
            .file_name()
            .is_some_and(|name| name == "gainshare.toml")
}

/// The contracts of a project with their history. Nothing is published.
#[cfg(feature = "frames")]
pub(super) fn kept(
    path: &Path,
    wanted: &[String],
) -> Result<Vec<crate::pipeline::kept::Kept>, Refused> {
    let project = super::project(path).map_err(|e| Refused::Terms(miette::Report::from(*e)))?;
    let kept = crate::pipeline::kept(&project).map_err(refused)?;
    crate::pipeline::kept::chosen(kept, wanted)
        .map_err(|e| Refused::Terms(miette::miette!("--contract: {e}")))
}

/// Why a run of a project stopped, by exit code.
#[cfg(feature = "frames")]
pub(super) fn refused(error: crate::pipeline::RunError) -> Refused {
    let of_terms = matches!(error, crate::pipeline::RunError::Contract(_));
    let report = miette::Report::from(error);
    if of_terms {
        Refused::Terms(report)
    } else {
        Refused::Input(report)
    }
}

/// A project, for a build that reads none.
#[cfg(not(feature = "frames"))]
pub(super) fn no_projects(path: &Path) -> Refused {
    super::settle::input(format!(
        "{} is a project: this build reads none; give the terms file and the tables of measures",
        path.display()
    ))
}
