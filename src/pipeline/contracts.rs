//! The contracts of a project with their terms read, checked and bound to the project's
//! calendars and parameters. Not responsible for what terms mean (see [`crate::terms`]).

use std::collections::BTreeMap;
use std::path::Path;

use miette::Diagnostic;
use rayon::prelude::*;

use crate::baseline::BaselineSpec;
use crate::baseline::saving::{RateDay, SavingsSpec, SavingsSpecError};
use crate::config::document::DocumentError;
use crate::config::project::{ContractEntry, Project};
use crate::judge::integrity;
use crate::measure::plan::MeasurePlan;
use crate::measure::spec::{Calendars, MeasureSpec, MeasureSpecError};
use crate::money::Decimal;
use crate::score::{ScoreSpec, ScoreSpecError};
use crate::settle::{ParameterValue, Parameters};
use crate::terms::{CellType, FxDate, StartSource, Terms, TermsError};
use crate::time::{CalendarDefinition, Date};

/// A contract ready for the pipeline.
#[derive(Debug)]
pub struct Contract {
    /// As the project names it.
    pub entry: ContractEntry,
    /// Its terms.
    pub terms: Terms,
    /// `[measure]` of its terms.
    pub measure: MeasureSpec,
    /// `[baseline]` of its terms.
    pub baseline: BaselineSpec,
    /// `[savings]` of its terms.
    pub savings: SavingsSpec,
    /// `[score]` of its terms.
    pub score: ScoreSpec,
    /// Parameters of its terms, as the project sets them.
    pub parameters: Parameters,
    /// Terms of other pricing models, by name of the scheme, with their parameters.
    pub compare: BTreeMap<String, (Terms, Parameters)>,
}

impl Contract {
    /// Which day's exchange rate counts for the cost of a month, decimals where one divides, and
    /// how old a rate may be: `[fx]` of the terms, months being the periods.
    #[must_use]
    pub fn rates(&self) -> (RateDay, u8, i32) {
        let source = &self.terms.settle.source;
        let Some(fx) = &source.fx else {
            return (RateDay::MonthEnd, 12, 10);
        };
        let start = match &source.contract.start.value {
            StartSource::Day(day) => Some(day.0),
            StartSource::Parameter(_) => None,
        };
        let fixed = |day: Option<Date>| day.map_or(RateDay::MonthEnd, RateDay::Fixed);
        let day = match fx.date {
            FxDate::PeriodEnd => RateDay::MonthEnd,
            FxDate::PeriodStart => RateDay::MonthStart,
            FxDate::ContractStart => {
                fixed(start.or_else(|| Some(self.baseline.performance.start().first_day())))
            }
            FxDate::Fixed => fixed(fx.day.map(|d| d.0)),
        };
        (
            day,
            fx.decimals.unwrap_or(12),
            fx.max_age_days.unwrap_or(10),
        )
    }
}

/// Terms or a contract entry that cannot be used.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub enum ContractError {
    /// The terms file contradicts itself.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Terms(#[from] Box<TermsError>),
    /// The project file contradicts itself.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Document(#[from] Box<DocumentError>),
    /// A table of the terms that another stage reads is wrong or missing.
    #[error("{file}: [{table}]: {problem}")]
    Section {
        /// The terms file.
        file: String,
        /// The table in it.
        table: &'static str,
        /// What is wrong.
        problem: String,
        /// What to do.
        #[help]
        hint: Option<String>,
    },
    /// `[measure]` does not fit the project.
    #[error("{file}: {cause}")]
    Measure {
        /// The terms file.
        file: String,
        /// What is wrong and what to do.
        cause: MeasureSpecError,
    },
    /// `[savings]` contradicts itself.
    #[error("{file}: {cause}")]
    Savings {
        /// The terms file.
        file: String,
        /// What is wrong and what to do.
        cause: SavingsSpecError,
    },
    /// `[score]` contradicts itself.
    #[error("{file}: {cause}")]
    Score {
        /// The terms file.
        file: String,
        /// What is wrong and what to do.
        cause: ScoreSpecError,
    },
    /// A parameter of the project does not fit the terms.
    #[error("contract {contract}: parameter `{name}`: {problem}")]
    #[diagnostic(help("see `parameters` of this [[contract]] and [parameters] in its terms"))]
    Parameter {
        /// The contract.
        contract: String,
        /// The parameter.
        name: String,
        /// What is wrong.
        problem: String,
    },
}

/// Reads the terms of all contracts of a project.
///
/// # Errors
/// At the first terms file that cannot be used.
pub fn read(project: &Project) -> Result<Vec<Contract>, ContractError> {
    let entries = project.file.contracts.par_iter();
    let read: Vec<_> = entries.map(|entry| contract(project, entry)).collect();
    // Of several that cannot be read the first is told.
    read.into_iter().collect()
}

fn contract(project: &Project, entry: &ContractEntry) -> Result<Contract, ContractError> {
    let file = entry.terms.display().to_string();
    let terms = terms(&project.folder, &entry.terms)?;
    if let Some(id) = &terms.settle.source.contract.id
        && id.value != entry.id
    {
        return Err(ContractError::Section {
            file,
            table: "contract",
            problem: format!(
                "the terms are those of `{}`, not of `{}`",
                id.value, entry.id
            ),
            hint: Some(
                "correct `terms` of this [[contract]], or leave `id` out to make a template"
                    .to_owned(),
            ),
        });
    }
    let measure: MeasureSpec = section(&file, "measure", terms.measure.as_ref(), None)?;
    let baseline: BaselineSpec = section(&file, "baseline", terms.baseline.as_ref(), None)?;
    let savings: SavingsSpec = section(
        &file,
        "savings",
        terms.savings.as_ref(),
        Some(SavingsSpec::default()),
    )?;
    savings
        .validate(&baseline.performance)
        .map_err(|cause| ContractError::Savings {
            file: file.clone(),
            cause,
        })?;
    let score: ScoreSpec = section(
        &file,
        "score",
        terms.score.as_ref(),
        Some(ScoreSpec::default()),
    )?;
    score
        .validate()
        .and_then(|()| cleared_tests(&score))
        .map_err(|cause| ContractError::Score {
            file: file.clone(),
            cause,
        })?;
    let parameters = bind(entry, &terms)?;
    let mut compare = BTreeMap::new();
    for (scheme, path) in &entry.compare {
        let terms = self::terms(&project.folder, path)?;
        let parameters = bind(entry, &terms)?;
        compare.insert(scheme.clone(), (terms, parameters));
    }
    Ok(Contract {
        entry: entry.clone(),
        terms,
        measure,
        baseline,
        savings,
        score,
        parameters,
        compare,
    })
}

/// Whether the cleared flags name tests that there are.
fn cleared_tests(score: &ScoreSpec) -> Result<(), ScoreSpecError> {
    let names = || integrity::Kind::ALL.iter().map(|kind| kind.name());
    for (i, flag) in score.cleared.iter().enumerate() {
        if !names().any(|name| name == flag.test) {
            return Err(ScoreSpecError {
                field: format!("cleared, entry {}", i + 1),
                problem: format!(
                    "there is no test `{}`; there are {}",
                    flag.test,
                    names().collect::<Vec<_>>().join(", ")
                ),
            });
        }
    }
    Ok(())
}

fn terms(folder: &Path, path: &Path) -> Result<Terms, ContractError> {
    let shown = path.display().to_string();
    let text = std::fs::read_to_string(folder.join(path)).map_err(|e| {
        Box::new(DocumentError::new(
            &shown,
            "",
            None,
            format!("the terms file cannot be read: {e}"),
            Some("`terms` is a path relative to the project folder".to_owned()),
        ))
    })?;
    Terms::parse(&shown, &text).map_err(|e| ContractError::Terms(Box::new(e)))
}

fn section<T: serde::de::DeserializeOwned>(
    file: &str,
    table: &'static str,
    found: Option<&toml::Table>,
    absent: Option<T>,
) -> Result<T, ContractError> {
    let wrong = |problem: String, hint: Option<String>| ContractError::Section {
        file: file.to_owned(),
        table,
        problem,
        hint,
    };
    match (found, absent) {
        (Some(found), _) => found.clone().try_into().map_err(|e: toml::de::Error| {
            let message = e.message().trim().to_owned();
            let hint = crate::config::document::nearest_in(&message);
            wrong(message, hint)
        }),
        (None, Some(absent)) => Ok(absent),
        (None, None) => Err(wrong(
            "the terms have no such table".to_owned(),
            Some(
                "a contract that is measured needs [measure] and [baseline]; see data/complete"
                    .to_owned(),
            ),
        )),
    }
}

/// The parameters that a project sets, typed as the terms declare them.
pub(super) fn bind(entry: &ContractEntry, terms: &Terms) -> Result<Parameters, ContractError> {
    let mut parameters = Parameters::new();
    let declared = &terms.settle.source.parameters;
    for name in ["supplier", "customer"] {
        if declared.contains_key(name) {
            let text = if name == "supplier" {
                &entry.supplier
            } else {
                &entry.customer
            };
            parameters.insert(&entry.id, None, name, ParameterValue::Text(text.clone()));
        }
    }
    for (name, value) in &entry.parameters {
        let wrong = |problem: String| ContractError::Parameter {
            contract: entry.id.clone(),
            name: name.clone(),
            problem,
        };
        // A comparison may need fewer parameters than the contract; what it does not declare is
        // simply not used.
        let Some(parameter) = declared.get(name) else {
            continue;
        };
        let cell = parameter
            .value
            .cell
            .as_ref()
            .map(|c| c.value)
            .unwrap_or_default();
        let text = match value {
            toml::Value::String(s) => s.clone(),
            toml::Value::Integer(i) => i.to_string(),
            toml::Value::Boolean(b) => i32::from(*b).to_string(),
            toml::Value::Datetime(d) => d.to_string(),
            other => {
                return Err(wrong(format!(
                    "write it in quotes, so that it is exact; found {}",
                    other.type_str()
                )));
            }
        };
        let number = |text: &str, decimals: u8| -> Result<ParameterValue, ContractError> {
            let value: Decimal = text
                .trim()
                .parse()
                .map_err(|_| wrong(format!("`{text}` is no number")))?;
            let value = Decimal::new(value.mantissa(), value.scale() + decimals)
                .map_err(|e| wrong(e.to_string()))?;
            Ok(ParameterValue::Number(value))
        };
        let bound = match cell {
            CellType::Text => ParameterValue::Text(text),
            CellType::Date => {
                ParameterValue::Date(text.parse::<Date>().map_err(|e| wrong(e.to_string()))?)
            }
            CellType::Percent => number(text.trim_end_matches('%'), 2)?,
            CellType::PercentPoints => number(&text, 2)?,
            CellType::Number | CellType::Flag => number(&text, 0)?,
        };
        parameters.insert(&entry.id, None, name, bound);
    }
    Ok(parameters)
}

/// The measure plans of all contracts.
///
/// # Errors
/// When terms name a calendar or zone that does not exist.
pub fn plans(
    contracts: &[Contract],
    calendars: &[CalendarDefinition],
) -> Result<BTreeMap<String, MeasurePlan>, ContractError> {
    let calendars = Calendars::new(calendars);
    contracts
        .iter()
        .map(|c| {
            let plan = c
                .measure
                .plan_with(&c.entry.id, &calendars)
                .map_err(|cause| ContractError::Measure {
                    file: c.entry.terms.display().to_string(),
                    cause,
                })?;
            Ok((c.entry.id.clone(), plan))
        })
        .collect()
}
