//! `gainshare check PROJECT`: whether a project, its mappings and its terms fit together, before
//! any export is read. Not responsible for the checks themselves (see [`crate::pipeline`]).

use std::fmt::Write as _;
use std::path::Path;
use std::process::ExitCode;

use crate::pipeline::{self, RunError};

/// Runs the command on a project folder.
pub(super) fn run(folder: &Path) -> miette::Result<ExitCode> {
    let project = match super::project(folder) {
        Ok(project) => project,
        Err(error) => {
            eprintln!("{:?}", miette::Report::from(*error));
            return Ok(ExitCode::from(2));
        }
    };
    let contracts = match pipeline::check(&project) {
        Ok(contracts) => contracts,
        Err(error) => {
            let code = if matches!(error, RunError::Contract(_)) {
                2
            } else {
                3
            };
            eprintln!("{:?}", miette::Report::from(error));
            return Ok(ExitCode::from(code));
        }
    };
    let mut out = String::new();
    let _ = writeln!(
        out,
        "project {}, as of {}",
        project.file.name, project.as_of
    );
    for source in &project.sources {
        let files: Vec<&str> = source.files.iter().map(|(name, _)| name.as_str()).collect();
        let _ = writeln!(
            out,
            "  {:<17} <- {} ({}, zone {})",
            source.table.name,
            files.join(", "),
            source.mapping.name,
            source.mapping.zone.as_deref().unwrap_or("of each value")
        );
    }
    for (contract, plan) in &contracts {
        let spec = &contract.baseline;
        let _ = writeln!(
            out,
            "contract {}: {} with {}, terms {} ({})",
            contract.entry.id,
            contract.entry.supplier,
            contract.entry.customer,
            contract.entry.terms.display(),
            contract.terms.hash().get(..12).unwrap_or_default()
        );
        let _ = writeln!(
            out,
            "  {} clauses; zone {}; baseline {} to {}, performance {} to {} (ends exclusive)",
            contract.terms.settle.source.clause.len(),
            plan.zone.name(),
            spec.baseline.start(),
            spec.baseline.end(),
            spec.performance.start(),
            spec.performance.end()
        );
        if !plan.has_targets() {
            let _ = writeln!(
                out,
                "  no service-level targets: sla_attainment will not be measurable"
            );
        }
        if plan.impact.is_none() {
            let _ = writeln!(out, "  no impact calendar: impact will not be measurable");
        }
        for scheme in contract.compare.keys() {
            let _ = writeln!(out, "  compared with {scheme}");
        }
    }
    super::data(out.as_bytes())?;
    eprintln!("nothing contradicts itself");
    Ok(ExitCode::SUCCESS)
}
