//! Tables of measures, parameters and earlier statements as text: wide or long, with the
//! spellings that the terms declare. Nothing is guessed. Not responsible for opening files.

mod cells;
mod ledgers;
mod text;

use std::collections::BTreeMap;

use self::cells::Shape;
pub(super) use self::cells::default_of;
pub use self::ledgers::{
    read_attribution, read_disputes, read_fx_rates, read_relief, read_settled,
};
pub use self::text::{Table, TableError};

use super::measures::{Measured, Measures};
use super::parameters::{ParameterValue, Parameters};
use super::period::PeriodKey;
use crate::finding::{Finding, Severity, Stage};
use crate::terms::{CellType, InputSource, Layout, SettleSpec};

/// Measures from tables, as `[input]` and `[measures]` of the terms declare. Also gives findings:
/// cells that are no numbers, columns that are missing.
///
/// # Errors
/// A table without its contract or period column, a period that is none, two rows for the same
/// contract and period.
pub fn read_measures(
    spec: &SettleSpec,
    tables: &[Table],
    measures: &mut Measures,
) -> Result<Vec<Finding>, TableError> {
    let default = InputSource::default();
    let mut findings = Vec::new();
    let names = used_measures(spec);
    for table in tables {
        let shape = Shape::of(spec, table, &default)?;
        let mut seen: BTreeMap<(String, PeriodKey), u64> = BTreeMap::new();
        let long = shape.input.layout == Some(Layout::Long);
        let long_columns = if long {
            Some(long_columns(table, shape.input)?)
        } else {
            None
        };
        let columns: Vec<(&String, CellType, Option<usize>)> = names
            .iter()
            .map(|(name, (cell, columns))| Ok((name, *cell, table.column(columns)?)))
            .collect::<Result<_, TableError>>()?;
        if !long {
            for (name, (_, wanted)) in &names {
                let declared = spec
                    .source
                    .measures
                    .get(name.as_str())
                    .is_some_and(|m| m.value.default.is_none());
                if declared && table.column(wanted)?.is_none() && tables.len() == 1 {
                    let known: Vec<&str> = table.header.iter().map(String::as_str).collect();
                    findings.push(
                        Finding::new(
                            Stage::Settle,
                            Severity::Warning,
                            "measure_column_missing",
                            format!(
                                "no column for measure `{name}` ({}): {}",
                                wanted.join(", "),
                                wanted
                                    .first()
                                    .map(|w| crate::terms::suggestion(w, &known))
                                    .unwrap_or_default()
                            ),
                        )
                        .with_place(&table.name, Some(1)),
                    );
                }
            }
        }
        let mut others: Vec<String> = Vec::new();
        let mut own = 0;
        for (line, row) in &table.rows {
            let contract = shape.contract_of(table, *line, row)?;
            if !shape.wanted(&contract) {
                if others.len() < 50 && !others.contains(&contract) {
                    others.push(contract);
                }
                continue;
            }
            own += 1;
            let Some(period) = shape.period_of(table, *line, row)? else {
                return Err(table.fail(
                    Some(*line),
                    "nothing says which period the row is about: name its column with [input] period, or the one period of all rows with all_rows_are".to_owned(),
                ));
            };
            let mut put = |name: &str,
                           scope: Option<&str>,
                           text: &str,
                           cell: CellType,
                           column: &str| {
                if measures.contains(&contract, period, name, scope) {
                    return Err(table.fail_at(
                            *line,
                            column,
                            format!(
                                "measure `{name}`{} of contract {contract} has a second value for the same period: keep one",
                                scope.map_or(String::new(), |s| format!(" of {s}"))
                            ),
                        ));
                }
                let value = shape.measured(text, cell);
                if let Measured::NotMeasurable(reason) = &value
                    && !shape.is_null(text)
                {
                    findings.push(
                        Finding::new(
                            Stage::Settle,
                            Severity::Warning,
                            "cell_not_read",
                            format!("measure `{name}`: {reason}"),
                        )
                        .with_contract(&contract)
                        .with_place(&table.name, Some(*line))
                        .with_column(column),
                    );
                }
                measures.insert(&contract, period, name, scope, value);
                Ok(())
            };
            if let Some((name_at, value_at, scope_at)) = long_columns {
                let written = Table::cell(row, name_at);
                let found = names
                    .iter()
                    .find(|(_, (_, columns))| columns.iter().any(|c| c == written));
                if let Some((name, (cell, _))) = found {
                    let scope = scope_at
                        .map(|s| Table::cell(row, s))
                        .filter(|s| !s.is_empty());
                    let column = table.header.get(value_at).map_or("value", String::as_str);
                    put(name, scope, Table::cell(row, value_at), *cell, column)?;
                }
            } else {
                if let Some(first) = seen.insert((contract.clone(), period), *line) {
                    return Err(table.fail(
                        Some(*line),
                        format!("contract {contract} has two rows for the same period; the first is on line {first}"),
                    ));
                }
                for (name, cell, column) in &columns {
                    if let Some(column) = column {
                        let header = table.header.get(*column).map_or("", String::as_str);
                        put(name, None, Table::cell(row, *column), *cell, header)?;
                    }
                }
            }
            measures.insert_period(&contract, period);
        }
        if own == 0
            && let (Some(id), Some(first)) = (&shape.fixed_contract, others.first())
        {
            let known: Vec<&str> = others.iter().map(String::as_str).collect();
            let near = crate::terms::nearest(id, known.iter().copied()).unwrap_or(first);
            findings.push(
                Finding::new(
                    Stage::Settle,
                    Severity::Warning,
                    "contract_not_in_table",
                    format!(
                        "no row is about contract `{id}` of the terms; the table is about others, such as `{near}`: correct the id, or leave it out of the terms to make them a template"
                    ),
                )
                .with_place(&table.name, None),
            );
        }
    }
    Ok(findings)
}

fn long_columns(
    table: &Table,
    input: &InputSource,
) -> Result<(usize, usize, Option<usize>), TableError> {
    let name = table.needed(
        input.name.as_deref().unwrap_or("name"),
        "the name of a value",
    )?;
    let value = table.needed(input.value.as_deref().unwrap_or("value"), "the value")?;
    let scope = match &input.scope {
        Some(scope) => Some(table.needed(scope, "the scope")?),
        None => table.column(&["scope".to_owned()])?,
    };
    Ok((name, value, scope))
}

/// Declared measures, and those of the catalogue, with how and where they are read.
fn used_measures(spec: &SettleSpec) -> BTreeMap<String, (CellType, Vec<String>)> {
    let mut found: BTreeMap<String, (CellType, Vec<String>)> = crate::terms::known()
        .map(|name| (name.to_owned(), (CellType::Number, vec![name.to_owned()])))
        .collect();
    if let Some(cleared) = found.get_mut("integrity_cleared") {
        cleared.0 = CellType::Flag;
    }
    for name in &spec.source.scores {
        found.insert(name.clone(), (CellType::Number, vec![name.clone()]));
    }
    for (name, measure) in &spec.source.measures {
        let cell = measure
            .value
            .cell
            .as_ref()
            .map_or(CellType::Number, |c| c.value);
        let columns = measure
            .value
            .column
            .as_ref()
            .map_or_else(|| vec![name.clone()], |c| c.as_slice().to_vec());
        found.insert(name.clone(), (cell, columns));
    }
    found
}

/// Parameters from tables, as `[input]` and `[parameters]` of the terms declare.
///
/// # Errors
/// As [`read_measures`].
pub fn read_parameters(
    spec: &SettleSpec,
    tables: &[Table],
    parameters: &mut Parameters,
) -> Result<Vec<Finding>, TableError> {
    let default = InputSource::default();
    let mut findings = Vec::new();
    for table in tables {
        let shape = Shape::of(spec, table, &default)?;
        let long = shape.input.layout == Some(Layout::Long)
            && table
                .column(&[shape
                    .input
                    .name
                    .clone()
                    .unwrap_or_else(|| "name".to_owned())])?
                .is_some();
        let long_columns = if long {
            Some(long_columns(table, shape.input)?)
        } else {
            None
        };
        let mut seen: BTreeMap<(String, Option<PeriodKey>), u64> = BTreeMap::new();
        for (line, row) in &table.rows {
            let contract = shape.contract_of(table, *line, row)?;
            if !shape.wanted(&contract) {
                continue;
            }
            // A table without a period column gives values for all periods.
            let period = match shape.period {
                Some(_) => shape.period_of(table, *line, row)?,
                None => None,
            };
            if !long && let Some(first) = seen.insert((contract.clone(), period), *line) {
                return Err(table.fail(
                    Some(*line),
                    format!("contract {contract} has two rows of parameters; the first is on line {first}"),
                ));
            }
            for (name, declared) in &spec.source.parameters {
                let columns = declared
                    .value
                    .column
                    .as_ref()
                    .map_or_else(|| vec![name.clone()], |c| c.as_slice().to_vec());
                let (text, header) = match long_columns {
                    Some((name_at, value_at, _)) => {
                        if !columns.iter().any(|c| c == Table::cell(row, name_at)) {
                            continue;
                        }
                        (Table::cell(row, value_at), "value")
                    }
                    None => match table.column(&columns)? {
                        Some(column) => (
                            Table::cell(row, column),
                            table.header.get(column).map_or("", String::as_str),
                        ),
                        None => continue,
                    },
                };
                let value = shape.parameter(text, &declared.value);
                if let ParameterValue::Missing(reason) = &value
                    && !shape.is_null(text)
                    && !text.is_empty()
                {
                    findings.push(
                        Finding::new(
                            Stage::Settle,
                            Severity::Warning,
                            "cell_not_read",
                            format!("parameter `{name}`: {reason}"),
                        )
                        .with_contract(&contract)
                        .with_place(&table.name, Some(*line))
                        .with_column(header),
                    );
                }
                parameters.insert(&contract, period, name, value);
            }
        }
    }
    Ok(findings)
}
