//! The side of `gainshare settle` that takes a project: what may be said of one, and its settlement
//! from what was measured before. Not responsible for tables of measures made elsewhere (see
//! [`super`]).

#[cfg(feature = "frames")]
use miette::miette;

#[cfg(feature = "frames")]
use super::Tables;
use super::{Arguments, Metadata, Refused};
use crate::finding::Finding;
use crate::settle::Settlement;

#[cfg(feature = "frames")]
impl Tables {
    /// Whether any is named.
    fn any(&self) -> bool {
        let one = [
            &self.settled,
            &self.fx_rates,
            &self.disputes,
            &self.relief,
            &self.attribution,
        ];
        !self.measures.is_empty()
            || !self.parameters.is_empty()
            || self.periods.is_some()
            || one.iter().any(|table| table.is_some())
    }
}

/// The settlement of a project, what was noticed, and what a Parquet file says of both.
#[cfg(feature = "frames")]
pub(super) fn of_project(
    arguments: &Arguments,
) -> Result<(Settlement, Vec<Finding>, Metadata), Refused> {
    if arguments.tables.any() {
        return Err(Refused::Terms(miette!(
            help = "leave the tables out, or give the terms file instead of the project",
            "a project is settled from its own tables and measures"
        )));
    }
    let project = super::super::project_with_a_store(&arguments.terms)
        .map_err(|e| Refused::Terms(miette::Report::from(*e)))?;
    let ids: Vec<&str> = project
        .file
        .contracts
        .iter()
        .map(|c| c.id.as_str())
        .collect();
    let wanted = &arguments.contract;
    if let Some(stranger) = wanted.iter().find(|w| !ids.contains(&w.as_str())) {
        let near = crate::terms::suggestion(stranger, &ids);
        return Err(Refused::Terms(miette!(
            "--contract: the project has no contract `{stranger}`; {near}"
        )));
    }
    let (mut settlement, mut findings) = crate::pipeline::settlements(&project, arguments.detail())
        .map_err(super::super::judged::refused)?;
    if !wanted.is_empty() {
        settlement.lines.retain(|l| wanted.contains(&l.contract_id));
        let about = |f: &Finding| f.contract_id.as_ref().is_none_or(|id| wanted.contains(id));
        settlement.findings.retain(about);
        findings.retain(about);
    }
    let metadata = vec![
        ("version".to_owned(), env!("CARGO_PKG_VERSION").to_owned()),
        ("as_of".to_owned(), project.as_of.to_string()),
    ];
    Ok((settlement, findings, metadata))
}

#[cfg(not(feature = "frames"))]
pub(super) fn of_project(
    arguments: &Arguments,
) -> Result<(Settlement, Vec<Finding>, Metadata), Refused> {
    Err(super::super::judged::no_projects(&arguments.terms))
}
