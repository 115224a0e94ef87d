//! The table `billing_facts`: every invoice line in scope, counted or not, and why. Written line by
//! line, one file per UTC month, because there may be more lines than memory. Responsible for its
//! columns; not for what counts.

use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{
    ArrayBuilder as _, ArrayRef, BooleanBuilder, Decimal128Builder, Int64Builder, StringBuilder,
};

use super::table::{
    PRECISION, PublishError, Table, TableFile, at_scale, boolean, decimal, integer, text,
};
use super::tables::MONEY_SCALE;
use crate::measure::invoices::InvoiceLine;

/// Lines that are written at once.
const AT_ONCE: usize = 1 << 14;

/// Where an invoice line enters, and why or why not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Placed {
    /// `benchmark`, `actual`, or absent.
    pub measure: Option<&'static str>,
    /// Why; after what the class of the line says, where it is cost.
    pub what: Option<&'static str>,
}

/// The columns, without rows.
fn columns() -> Table {
    Table {
        name: "billing_facts",
        description: "Every invoice line in scope: counted or not, in which measure, and why",
        columns: vec![
            text("contract_id", "The contract", []),
            text("month", "Month in which its period starts", []),
            text("source", "Billing source", []),
            text("invoice_id", "The invoice", []),
            text("line_id", "The line", []),
            text("service_id", "The service", []),
            decimal(
                "amount",
                "currency",
                "Net amount of the line",
                MONEY_SCALE,
                [],
            ),
            text("currency", "ISO 4217 code", []),
            text("class", "cost, tax, credit or incentive", []),
            boolean("counted", "Counts in the benchmark or as actual cost", []),
            text(
                "measure",
                "benchmark or actual: where it counts; absent where it counts in neither",
                [],
            ),
            text("reason", "Why", []),
            integer(
                "months",
                "months",
                "Months over which the line was split by days",
                [],
            ),
        ],
    }
}

/// A file of the table.
pub struct BillingFile {
    file: TableFile,
    rows: u64,
    contract: StringBuilder,
    month: StringBuilder,
    source: StringBuilder,
    invoice: StringBuilder,
    line: StringBuilder,
    service: StringBuilder,
    amount: Decimal128Builder,
    currency: StringBuilder,
    class: StringBuilder,
    counted: BooleanBuilder,
    measure: StringBuilder,
    reason: StringBuilder,
    months: Int64Builder,
}

impl BillingFile {
    /// Begins a file.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn create(path: &Path, metadata: &[(String, String)]) -> Result<BillingFile, PublishError> {
        let file = TableFile::create(path, &columns(), metadata)?;
        let scale = i8::try_from(MONEY_SCALE).map_err(|e| file.failed(e.to_string()))?;
        let amount = Decimal128Builder::new()
            .with_precision_and_scale(PRECISION, scale)
            .map_err(|e| file.failed(e.to_string()))?;
        Ok(BillingFile {
            file,
            rows: 0,
            contract: StringBuilder::new(),
            month: StringBuilder::new(),
            source: StringBuilder::new(),
            invoice: StringBuilder::new(),
            line: StringBuilder::new(),
            service: StringBuilder::new(),
            amount,
            currency: StringBuilder::new(),
            class: StringBuilder::new(),
            counted: BooleanBuilder::new(),
            measure: StringBuilder::new(),
            reason: StringBuilder::new(),
            months: Int64Builder::new(),
        })
    }

    /// Adds a line of a contract.
    ///
    /// # Errors
    /// When it cannot be written, or its amount has more decimals than the column.
    pub fn push(
        &mut self,
        contract_id: &str,
        line: &InvoiceLine<'_>,
        placed: Placed,
    ) -> Result<(), PublishError> {
        let units = at_scale(line.amount, MONEY_SCALE, "amount")
            .map_err(|cause| self.file.failed(cause))?;
        let service = Some(line.service_id).filter(|s| !s.is_empty());
        self.contract.append_value(contract_id);
        // Writing into a text in memory does not fail.
        let _ = write!(self.month, "{}", line.month);
        self.month.append_value("");
        self.source.append_value(line.source);
        self.invoice.append_value(line.invoice_id);
        self.line.append_value(line.line_id);
        self.service.append_option(service);
        self.amount.append_value(units);
        self.currency.append_value(line.currency.as_str());
        self.class.append_value(line.class.name());
        self.counted.append_value(placed.measure.is_some());
        self.measure.append_option(placed.measure);
        if let Some(what) = placed.what {
            let _ = write!(self.reason, "{}: {what}", line.class.reason());
            self.reason.append_value("");
        } else {
            self.reason.append_value(line.class.reason());
        }
        self.months.append_value(i64::from(line.months));
        self.rows += 1;
        if self.contract.len() >= AT_ONCE {
            self.flush()?;
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), PublishError> {
        let columns: Vec<ArrayRef> = vec![
            Arc::new(self.contract.finish()),
            Arc::new(self.month.finish()),
            Arc::new(self.source.finish()),
            Arc::new(self.invoice.finish()),
            Arc::new(self.line.finish()),
            Arc::new(self.service.finish()),
            Arc::new(self.amount.finish()),
            Arc::new(self.currency.finish()),
            Arc::new(self.class.finish()),
            Arc::new(self.counted.finish()),
            Arc::new(self.measure.finish()),
            Arc::new(self.reason.finish()),
            Arc::new(self.months.finish()),
        ];
        self.file.write_columns(columns)
    }

    /// Ends the file; gives its number of rows.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn close(mut self) -> Result<u64, PublishError> {
        self.flush()?;
        self.file.close()?;
        Ok(self.rows)
    }
}
