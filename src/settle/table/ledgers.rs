//! The small tables beside measures and parameters: what was settled before, disputes, exchange
//! rates, relief events and attributions. Not responsible for what they do to an amount.

use super::super::agreements::{Agreements, Attribution, Relief};
use super::super::ledger::{Dispute, Outcome, Settled, SettledLine, SettledStatus};
use super::super::period::PeriodKey;
use super::{Table, TableError};
use crate::money::{Currency, Decimal, FxRates};
use crate::time::{Date, Instant};

/// One row of a table with the words for what is wrong in it.
struct Row<'a> {
    table: &'a Table,
    line: u64,
    cells: &'a [String],
}

impl<'a> Row<'a> {
    fn text(&self, column: Option<usize>) -> Option<&'a str> {
        column
            .map(|c| Table::cell(self.cells, c))
            .filter(|t| !t.is_empty())
    }

    fn fail(&self, column: usize, message: impl ToString) -> TableError {
        let name = self.table.header.get(column).map_or("", String::as_str);
        self.table.fail_at(self.line, name, message.to_string())
    }

    /// A cell that has to be there.
    fn needed(&self, column: usize) -> Result<&'a str, TableError> {
        self.text(Some(column))
            .ok_or_else(|| self.fail(column, "the cell is empty"))
    }

    fn parsed<T: std::str::FromStr<Err: ToString>>(&self, column: usize) -> Result<T, TableError> {
        self.needed(column)?
            .parse()
            .map_err(|e: T::Err| self.fail(column, e))
    }

    /// A day (its first moment) or a moment; a time without an offset is the contract's clock.
    fn moment(&self, column: usize) -> Result<Option<Instant>, TableError> {
        let Some(text) = self.text(Some(column)) else {
            return Ok(None);
        };
        let at = if let Ok(day) = text.parse::<Date>() {
            format!("{day}T00:00:00Z").parse()
        } else {
            text.parse().or_else(|_| format!("{text}Z").parse())
        };
        at.map(Some).map_err(|_: crate::time::TimeError| {
            self.fail(
                column,
                format!("`{text}` is no day or moment, such as 2024-01-31 or 2024-01-31T09:30:00"),
            )
        })
    }
}

fn rows(table: &Table) -> impl Iterator<Item = Row<'_>> {
    table.rows.iter().map(|(line, cells)| Row {
        table,
        line: *line,
        cells,
    })
}

/// The ledger of earlier statements: columns contract_id, period, clause_id, amount, status, and
/// where there are such balances level and left. An earlier `settlement` table (with a column
/// `amount_kind`) is one too: its payable rows count with their `delta`, its balances as they
/// are (`rate` is what is left), all other rows not at all.
///
/// # Errors
/// Missing columns; amounts, periods or statuses that are none.
pub fn read_settled(table: &Table, settled: &mut Settled) -> Result<(), TableError> {
    let column = |name: &str| table.needed(name, "of the ledger");
    let (contract, period, clause, amount, status) = (
        column("contract_id")?,
        column("period")?,
        column("clause_id")?,
        column("amount")?,
        column("status")?,
    );
    let maybe = |name: &str| table.column(&[name.to_owned()]);
    let (statement, kind, delta) = (
        maybe("statement_id")?,
        maybe("amount_kind")?,
        maybe("delta")?,
    );
    let level = maybe("level")?;
    let left = if kind.is_some() {
        maybe("rate")?
    } else {
        maybe("left")?
    };
    for row in rows(table) {
        let parsed: SettledStatus = match (kind, row.text(Some(status))) {
            (Some(_), Some("not_measurable" | "disputed")) => continue,
            _ => row.parsed(status)?,
        };
        let mut amount = amount;
        if let Some(kind) = kind
            && parsed.is_payment()
        {
            if row.text(Some(kind)) != Some("payable") {
                continue;
            }
            amount = delta.unwrap_or(amount);
        }
        let left = match left {
            Some(column) if !parsed.is_payment() && row.text(left).is_some() => {
                Some(row.parsed::<u16>(column).map_err(|e| TableError {
                    message: "a whole number of periods is expected here, such as 2".to_owned(),
                    ..e
                })?)
            }
            _ => None,
        };
        settled.push(SettledLine {
            statement_id: row.text(statement).unwrap_or_default().to_owned(),
            contract_id: row.needed(contract)?.to_owned(),
            period: row.parsed(period)?,
            clause_id: row.needed(clause)?.to_owned(),
            amount: row.parsed(amount)?,
            status: parsed,
            level: row.text(level).map(str::to_owned),
            left,
        });
    }
    Ok(())
}

/// Exchange rates: columns date, from, to, rate (units of `to` for one `from`).
///
/// # Errors
/// Missing columns; cells that are no date, currency or positive rate; two rates of one day.
pub fn read_fx_rates(table: &Table) -> Result<FxRates, TableError> {
    let column = |name: &str| table.needed(name, "of the exchange rates");
    let (date, from, to, rate) = (
        column("date")?,
        column("from")?,
        column("to")?,
        column("rate")?,
    );
    let mut rates = FxRates::new();
    let mut seen = std::collections::BTreeMap::new();
    for row in rows(table) {
        let key: (Date, Currency, Currency) =
            (row.parsed(date)?, row.parsed(from)?, row.parsed(to)?);
        let value: Decimal = row.parsed(rate)?;
        if let Some((first, other)) = seen.insert(key, (row.line, value))
            && other != value
        {
            return Err(row.fail(
                rate,
                format!(
                    "line {first} has another rate of {} for the same day: keep the one that the contract names",
                    key.0
                ),
            ));
        }
        rates
            .insert(key.0, key.1, key.2, value)
            .map_err(|e| row.fail(rate, e))?;
    }
    Ok(rates)
}

/// Disputes: columns dispute_id, contract_id, period, clause_id, amount (empty: all of it), and
/// where there are such closed_at and outcome. Rows about an invoice line and no clause are left
/// out.
///
/// # Errors
/// Missing columns; cells that are none; a closed dispute whose outcome says nothing.
pub fn read_disputes(table: &Table) -> Result<Vec<Dispute>, TableError> {
    let column = |name: &str| table.needed(name, "of the disputes");
    let (id, contract, period, clause, amount) = (
        column("dispute_id")?,
        column("contract_id")?,
        column("period")?,
        column("clause_id")?,
        column("amount")?,
    );
    let closed = table.column(&["closed_at".to_owned()])?;
    let outcome = table.column(&["outcome".to_owned()])?;
    let mut disputes = Vec::new();
    for row in rows(table) {
        let Some(clause_id) = row.text(Some(clause)) else {
            continue;
        };
        let decided = match (row.text(closed).is_some(), row.text(outcome)) {
            (false, None) => Outcome::Open,
            (_, Some("customer")) => Outcome::Customer,
            (_, Some("supplier")) => Outcome::Supplier,
            (_, other) => {
                let at = outcome.or(closed).unwrap_or(id);
                let word = other.unwrap_or_default();
                return Err(row.fail(
                    at,
                    format!(
                        "`{word}` does not say for whom the dispute was decided: write customer or supplier, or leave both closed_at and outcome empty while it is open; for a compromise give the part that is not owed as a dispute decided for the one who pays"
                    ),
                ));
            }
        };
        let size = match row.text(Some(amount)) {
            None => None,
            Some(_) => Some(row.parsed::<Decimal>(amount)?.abs()),
        };
        disputes.push(Dispute {
            dispute_id: row.needed(id)?.to_owned(),
            contract_id: row.needed(contract)?.to_owned(),
            period: row.parsed::<PeriodKey>(period)?,
            clause_id: clause_id.to_owned(),
            amount: size,
            outcome: decided,
        });
    }
    Ok(disputes)
}

/// Relief events: columns relief_id, contract_id, from, to, accepted_at, and where there are such
/// kind, service_id, kpis (separated by spaces), claimed_at.
///
/// # Errors
/// Missing columns; cells that are no moments; events that end before they start.
pub fn read_relief(table: &Table, agreements: &mut Agreements) -> Result<(), TableError> {
    let column = |name: &str| table.needed(name, "of the relief events");
    let maybe = |name: &str| table.column(&[name.to_owned()]);
    let (id, contract, from, to, accepted) = (
        column("relief_id")?,
        column("contract_id")?,
        column("from")?,
        column("to")?,
        column("accepted_at")?,
    );
    let (kind, service, kpis, claimed) = (
        maybe("kind")?,
        maybe("service_id")?,
        maybe("kpis")?,
        maybe("claimed_at")?,
    );
    for row in rows(table) {
        row.needed(from)?;
        row.needed(to)?;
        let at = |column: Option<usize>| match column {
            Some(column) => row.moment(column),
            None => Ok(None),
        };
        let (Some(begin), Some(end)) = (row.moment(from)?, row.moment(to)?) else {
            continue;
        };
        agreements
            .relieve(Relief {
                relief_id: row.needed(id)?.to_owned(),
                contract_id: row.needed(contract)?.to_owned(),
                kind: row.text(kind).unwrap_or_default().to_owned(),
                service_id: row.text(service).map(str::to_owned),
                kpis: Relief::measures(row.text(kpis).unwrap_or_default()),
                from: begin,
                to: end,
                claimed_at: at(claimed)?,
                accepted_at: row.moment(accepted)?,
            })
            .map_err(|e| row.fail(to, e))?;
    }
    Ok(())
}

/// Attributions: columns contract_id, party, weight, agreed_at, and where there are such
/// service_id and priority.
///
/// # Errors
/// Missing columns; weights that are no shares, or more than 1 together for a stream.
pub fn read_attribution(table: &Table, agreements: &mut Agreements) -> Result<(), TableError> {
    let column = |name: &str| table.needed(name, "of the attributions");
    let (contract, party, weight, agreed) = (
        column("contract_id")?,
        column("party")?,
        column("weight")?,
        column("agreed_at")?,
    );
    let service = table.column(&["service_id".to_owned()])?;
    let priority = table.column(&["priority".to_owned()])?;
    for row in rows(table) {
        agreements
            .credit(Attribution {
                contract_id: row.needed(contract)?.to_owned(),
                service_id: row.text(service).map(str::to_owned),
                priority: row.text(priority).map(str::to_owned),
                party: row.needed(party)?.to_owned(),
                weight: row.parsed(weight)?,
                agreed: row.moment(agreed)?.is_some(),
            })
            .map_err(|e| row.fail(weight, e))?;
    }
    Ok(())
}
