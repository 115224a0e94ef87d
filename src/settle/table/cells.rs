//! What a cell of a table means, as the terms declare it: nulls, percent, thousands, flags, dates.
//! Not responsible for which cells are read.

use super::super::measures::Measured;
use super::super::parameters::ParameterValue;
use super::super::period::{PeriodError, PeriodKey};
use super::{Table, TableError};
use crate::money::{Decimal, MoneyError};
use crate::terms::{CellType, DateFormat, InputSource, ParameterSource, SettleSpec};
use crate::time::Date;

/// How a table is laid out, as declared.
pub(super) struct Shape<'a> {
    pub(super) input: &'a InputSource,
    pub(super) contract: Option<usize>,
    pub(super) fixed_contract: Option<String>,
    pub(super) period: Option<usize>,
    pub(super) fixed_period: Option<PeriodKey>,
}

impl<'a> Shape<'a> {
    pub(super) fn of(
        spec: &'a SettleSpec,
        table: &Table,
        default: &'a InputSource,
    ) -> Result<Shape<'a>, TableError> {
        let input = spec.source.input.as_ref().unwrap_or(default);
        if let [only] = table.header.as_slice()
            && let Some(sign) = only.chars().find(|c| [';', '\t', '|', ','].contains(c))
        {
            return Err(table.fail(
                Some(1),
                format!(
                    "the header is one column, `{only}`: if `{}` stands between columns, declare [input] separator = \"{}\"",
                    sign.escape_default(),
                    sign.escape_default()
                ),
            ));
        }
        let fixed_contract = spec.source.contract.id.as_ref().map(|id| id.value.clone());
        let named = input.contract.as_deref().unwrap_or("contract_id");
        let contract = match table.column(&[named.to_owned()])? {
            Some(column) => Some(column),
            // Terms of one contract may come with tables that do not repeat its name.
            None if fixed_contract.is_some() && input.contract.is_none() => None,
            None => Some(table.needed(named, "the contract; name it with [input] contract")?),
        };
        let period_name = input.period.as_deref().unwrap_or("period");
        let period = match (&input.period, table.column(&[period_name.to_owned()])?) {
            (_, Some(column)) => Some(column),
            (Some(name), None) => Some(table.needed(name, "the period")?),
            (None, None) => None,
        };
        let fixed_period = match &input.all_rows_are {
            None => None,
            Some(text) => Some(
                text.value
                    .parse::<PeriodKey>()
                    .map_err(|e| table.fail(None, e.to_string()))?,
            ),
        };
        Ok(Shape {
            input,
            contract,
            fixed_contract,
            period,
            fixed_period,
        })
    }

    /// The contract that a row is about.
    pub(super) fn contract_of(
        &self,
        table: &Table,
        line: u64,
        row: &[String],
    ) -> Result<String, TableError> {
        let (id, column) = match self.contract {
            Some(column) => (
                Some(Table::cell(row, column)),
                table.header.get(column).map_or("", String::as_str),
            ),
            None => (self.fixed_contract.as_deref(), ""),
        };
        id.filter(|id| !id.is_empty())
            .map(str::to_owned)
            .ok_or_else(|| table.fail_at(line, column, "the row names no contract".to_owned()))
    }

    pub(super) fn wanted(&self, contract: &str) -> bool {
        self.fixed_contract.as_deref().is_none_or(|c| c == contract)
    }

    pub(super) fn period_of(
        &self,
        table: &Table,
        line: u64,
        row: &[String],
    ) -> Result<Option<PeriodKey>, TableError> {
        match self.period {
            Some(column) => {
                let text = Table::cell(row, column);
                if text.is_empty() {
                    return Ok(self.fixed_period);
                }
                let name = table.header.get(column).map_or("", String::as_str);
                text.parse()
                    .map(Some)
                    .map_err(|e: PeriodError| table.fail_at(line, name, e.to_string()))
            }
            None => Ok(self.fixed_period),
        }
    }

    pub(super) fn is_null(&self, text: &str) -> bool {
        match &self.input.nulls {
            Some(nulls) => nulls.iter().any(|n| n == text),
            None => text.is_empty(),
        }
    }

    /// A cell as a number, as declared.
    pub(super) fn number(&self, text: &str, cell: CellType) -> Result<Decimal, String> {
        let mut body = text.to_owned();
        for strip in self.input.strip.iter().flatten() {
            body = body.replace(strip.as_str(), "");
        }
        let mut body = body.trim().to_owned();
        let mut negative = false;
        if self.input.parentheses_are_negative == Some(true)
            && let Some(inner) = body.strip_prefix('(').and_then(|b| b.strip_suffix(')'))
        {
            body = inner.trim().to_owned();
            negative = true;
        }
        let percent = body.ends_with('%');
        if let Some(inner) = body.strip_suffix('%') {
            body = inner.trim().to_owned();
        }
        if let Some(separator) = self.input.thousands {
            body = body.replace(separator, "");
        }
        if let Some(point) = self.input.decimal_point
            && point != '.'
        {
            if body.contains('.') {
                return Err(format!(
                    "`{text}` has a point, but the declared decimal sign is `{point}`"
                ));
            }
            body = body.replace(point, ".");
        }
        let lower = body.to_ascii_lowercase();
        if ["nan", "inf", "infinity", "-inf", "-infinity", "+inf"].contains(&lower.as_str()) {
            return Err(format!(
                "it is {text}, which is no number that can be paid on"
            ));
        }
        let value: Decimal = body.parse().map_err(|error| {
            let exponent = body.split_once(['e', 'E']).is_some_and(|(a, b)| {
                a.parse::<Decimal>().is_ok() && b.trim_start_matches(['+', '-']).parse::<u64>().is_ok()
            });
            if error == MoneyError::Overflow {
                format!("`{text}` is {error}")
            } else if exponent {
                format!("`{text}` is a number that a spreadsheet has shortened: export the column with all its digits")
            } else if self.input.thousands.is_none() && body.contains(',') {
                format!("`{text}` is no number; if `,` stands between thousands, declare [input] thousands = \",\"")
            } else {
                format!("`{text}` is no number; if it means that there is no value, declare it under [input] nulls")
            }
        })?;
        let value = if negative { -value } else { value };
        match (cell, percent) {
            (CellType::Percent, true) | (CellType::PercentPoints, false) => value
                .checked_mul(Decimal::from_cents(1))
                .map(Decimal::normalized)
                .map_err(|e| e.to_string()),
            (CellType::Percent, false) => Err(format!(
                "`{text}` has no percent sign, but its type is percent; for percent without a sign declare type = \"percent_points\""
            )),
            (_, true) => Err(format!(
                "`{text}` has a percent sign; declare type = \"percent\""
            )),
            (_, false) => Ok(value),
        }
    }

    pub(super) fn flag(text: &str) -> Result<Decimal, String> {
        match text.to_ascii_lowercase().as_str() {
            "1" | "true" | "yes" | "y" => Ok(Decimal::ONE),
            "0" | "false" | "no" | "n" => Ok(Decimal::ZERO),
            _ => Err(format!(
                "`{text}` is neither yes nor no (1/0, true/false, yes/no, y/n)"
            )),
        }
    }

    pub(super) fn measured(&self, text: &str, cell: CellType) -> Measured {
        if self.is_null(text) {
            let shown = if text.is_empty() {
                "empty".to_owned()
            } else {
                format!("`{text}`, a declared null")
            };
            return Measured::NotMeasurable(format!("the cell is {shown}"));
        }
        let value = match cell {
            CellType::Flag => Self::flag(text),
            other => self.number(text, other),
        };
        value.map_or_else(Measured::NotMeasurable, Measured::Value)
    }

    pub(super) fn parameter(&self, text: &str, declared: &ParameterSource) -> ParameterValue {
        let cell = declared.cell.as_ref().map_or(CellType::Number, |c| c.value);
        if self.is_null(text) && cell != CellType::Text || text.is_empty() {
            return absent(declared, "the cell is empty or a declared null");
        }
        match cell {
            CellType::Text => match &declared.one_of {
                Some(known) if !known.iter().any(|k| k == text) => {
                    let list: Vec<&str> = known.iter().map(String::as_str).collect();
                    ParameterValue::Missing(format!(
                        "`{text}` is none of the declared values ({})",
                        crate::terms::suggestion(text, &list)
                    ))
                }
                _ => ParameterValue::Text(text.to_owned()),
            },
            CellType::Date => date(text, declared.format.unwrap_or_default())
                .map_or_else(ParameterValue::Missing, ParameterValue::Date),
            CellType::Flag => {
                Self::flag(text).map_or_else(ParameterValue::Missing, ParameterValue::Number)
            }
            other => self
                .number(text, other)
                .map_or_else(ParameterValue::Missing, ParameterValue::Number),
        }
    }
}

pub(super) fn absent(declared: &ParameterSource, why: &str) -> ParameterValue {
    let Some(default) = &declared.default else {
        return ParameterValue::Missing(why.to_owned());
    };
    let text = default.value.to_string();
    let plain = InputSource::default();
    let shape = Shape {
        input: &plain,
        contract: None,
        fixed_contract: None,
        period: None,
        fixed_period: None,
    };
    let written = ParameterSource {
        default: None,
        ..declared.clone()
    };
    match (&default.value, declared.cell.as_ref().map(|c| c.value)) {
        // A default is written as in the terms: a number, or an expression such as 2%.
        (
            crate::terms::Value::Number(number),
            Some(CellType::Percent | CellType::PercentPoints),
        ) => ParameterValue::Number(*number),
        _ => shape.parameter(&text, &written),
    }
}

/// What a parameter is where no table has it.
pub(in crate::settle) fn default_of(declared: &ParameterSource) -> ParameterValue {
    absent(declared, "it is in no parameter table")
}

pub(super) fn date(text: &str, format: DateFormat) -> Result<Date, String> {
    let bad = || format!("`{text}` is no date of the declared format");
    let parts: Vec<&str> = text.split(['-', '/', '.']).collect();
    let [a, b, c] = parts.as_slice() else {
        return Err(bad());
    };
    let (year, month, day) = match format {
        DateFormat::Ymd => (a, b, c),
        DateFormat::Mdy => (c, a, b),
        DateFormat::Dmy => (c, b, a),
    };
    let number = |t: &str| t.parse::<i32>().map_err(|_| bad());
    let small = |t: &str| t.parse::<u8>().map_err(|_| bad());
    if year.len() != 4 {
        return Err(bad());
    }
    Date::new(number(year)?, small(month)?, small(day)?).map_err(|_| bad())
}
