//! `gainshare check PROJECT`: whether a project, its mappings and its terms fit together, before
//! any export is read. Not responsible for the checks themselves (see [`crate::pipeline`]).

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::process::ExitCode;

use crate::baseline::PeriodKind;
use crate::pipeline::{self, Planned, RunError};

/// Runs the command on a project folder.
pub(super) fn run(folder: &Path, power: f64) -> miette::Result<ExitCode> {
    let project = match super::project(folder) {
        Ok(project) => project,
        Err(error) => {
            super::say(format_args!("{:?}", miette::Report::from(*error)));
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
            super::say(format_args!("{:?}", miette::Report::from(error)));
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
        let there = source.addresses.iter().map(|a| a.of(&a.last));
        let here = source.files.iter().map(|(name, _)| name.clone());
        let files: Vec<String> = here.chain(there).collect();
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
    match pipeline::planned(&project, contracts, power) {
        Ok(Some(found)) => prove(&mut out, &found, power),
        Ok(None) => {
            let _ = writeln!(
                out,
                "what the contracts can prove: not known before a first run; for a terms file say \
                 --incidents-per-month"
            );
        }
        Err(error) => {
            super::say(format_args!("{:?}", miette::Report::from(error)));
            return Ok(ExitCode::from(3));
        }
    }
    super::console::table(&out)?;
    super::say(format_args!("nothing contradicts itself"));
    Ok(ExitCode::SUCCESS)
}

/// What the contracts can prove, from the incidents of their baselines in the store.
fn prove(out: &mut String, found: &BTreeMap<String, Planned>, power: f64) {
    let _ = writeln!(
        out,
        "smallest reduction that the lower bound shows with probability {:.0} %, from the \
         baselines in the store of the last run:",
        100.0 * power
    );
    for (contract, periods) in found {
        if periods.is_empty() {
            let _ = writeln!(
                out,
                "  {contract}: nothing, because no stream has a baseline that its terms accept"
            );
            continue;
        }
        let _ = writeln!(out, "  {contract}");
        for (kind, provable) in periods {
            let name = match kind {
                PeriodKind::Month => "first month",
                PeriodKind::Quarter => "first quarter",
                PeriodKind::ContractYear => "first year",
                PeriodKind::Performance => "performance period",
            };
            out.push_str(&super::check::shown(name, *provable));
        }
    }
}
