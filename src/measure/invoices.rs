//! From the stored invoice lines to billing cells, orders against the limit of approval, and what
//! became of each line. Responsible for turning stored columns into typed values; not for what
//! counts as cost (see [`super::billing`]) nor for what is published of a line.

use std::collections::HashMap;
use std::path::Path;

use foldhash::fast::FixedState;
use serde::{Deserialize, Serialize};

use super::billing::{BillingCell, BillingCells, BillingClass, BillingKey, one_month, split_days};
use super::orders::Orders;
use super::plan::MeasurePlan;
use super::read::Pass;
use crate::ingest::value::STORE_SCALE;
use crate::money::{Currency, Decimal, MoneyError};
use crate::store::columnar::Batches;
use crate::store::disk::{Partition, StoreError};
use crate::time::{Date, Instant, Month, Zone};

/// The columns of invoice lines.
pub const BILLING: &[&str] = &[
    "source",
    "invoice_id",
    "line_id",
    "service_id",
    "period_start",
    "period_end",
    "amount",
    "currency",
    "charge_category",
    "settlement_ref",
    "description",
];

/// One invoice line and what became of it, for `billing_facts`.
#[derive(Debug, Clone, Copy)]
pub struct InvoiceLine<'a> {
    /// Billing source.
    pub source: &'a str,
    /// Invoice.
    pub invoice_id: &'a str,
    /// Line.
    pub line_id: &'a str,
    /// Service; empty when the line names none.
    pub service_id: &'a str,
    /// Month in which its period starts.
    pub month: Month,
    /// Amount of the whole line.
    pub amount: Decimal,
    /// Currency.
    pub currency: Currency,
    /// What it is to the measurement.
    pub class: BillingClass,
    /// Months over which it was split.
    pub months: u32,
}

/// What invoice lines come to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Billing {
    /// Sums.
    pub cells: BillingCells,
    /// Orders against the limit of approval.
    pub orders: Orders,
}

impl Billing {
    /// Adds that of other lines.
    ///
    /// # Errors
    /// When a sum does not fit exactly.
    pub fn absorb(&mut self, other: Billing) -> Result<(), MoneyError> {
        for (key, cell) in other.cells {
            self.cells.entry(key).or_default().add(cell)?;
        }
        self.orders.merge(other.orders)
    }
}

/// A hash of what one partition of invoice lines is worked out of: of the plan only what
/// [`measure`] reads.
pub fn made_of(pass: &Pass<'_>, plan: &MeasurePlan, partition: &Partition) -> blake3::Hash {
    let read = (&plan.contract_id, &plan.zone, plan.approval_limit);
    let plan = blake3::hash(format!("{read:?}").as_bytes());
    pass.made_of(&plan, partition, &["billing"])
}

/// Measures the invoice lines of one partition, and gives each to `tell` in the order of the
/// store: by source, invoice and line.
///
/// # Errors
/// When the partition is damaged or an amount does not fit exactly, or what `tell` says.
pub fn measure<E: From<StoreError>>(
    path: &Path,
    plan: &MeasurePlan,
    mut tell: impl FnMut(&InvoiceLine<'_>) -> Result<(), E>,
) -> Result<Billing, E> {
    let mut sums = Sums::default();
    let mut orders = Orders::default();
    let mut days = Days::new(&plan.zone);
    let mut parts: Vec<(Month, Decimal)> = Vec::new();
    let Some(mut batches) = Batches::open(path, BILLING)? else {
        return Ok(Billing::default());
    };
    while let Some(rows) = batches.next_rows()? {
        let source = rows.text("source")?;
        let invoice = rows.text("invoice_id")?;
        let line = rows.text("line_id")?;
        let service = rows.text("service_id")?;
        let start = rows.integer("period_start")?;
        let end = rows.integer("period_end")?;
        let amount = rows.decimal("amount")?;
        let currency = rows.text("currency")?;
        let category = rows.text("charge_category")?;
        let settlement = rows.text("settlement_ref")?;
        let description = rows.text("description")?;
        let exact = |e: MoneyError| rows.damaged(&e.to_string());
        for i in 0..rows.height() {
            let (Some(start), Some(end), Some(units)) = (start.get(i), end.get(i), amount.get(i))
            else {
                continue;
            };
            let Some(currency) = currency.get(i).and_then(|c| c.parse::<Currency>().ok()) else {
                continue;
            };
            let amount = Decimal::new(units, STORE_SCALE)
                .map_err(exact)?
                .normalized();
            let class = BillingClass::of(category.get(i), settlement.get(i));
            let (first, last) = (days.of(start), days.of(end));
            // Most lines bill one month, and are not split.
            parts.clear();
            match one_month(first, last) {
                Some(month) => parts.push((month, amount)),
                None => parts.extend(split_days(amount, currency, first, last).map_err(exact)?),
            }
            let Some((month, _)) = parts.first().copied() else {
                continue;
            };
            let service_id = service.get(i).unwrap_or_default();
            let invoice_id = invoice.get(i).unwrap_or_default();
            if category.get(i) == Some("purchase")
                && let Some(limit) = plan.approval_limit
            {
                let described = description.get(i).unwrap_or_default();
                let order = [invoice_id, service_id, described].map(str::to_owned);
                orders
                    .add(&plan.contract_id, order, month, amount, limit)
                    .map_err(exact)?;
            }
            tell(&InvoiceLine {
                source: source.get(i).unwrap_or_default(),
                invoice_id,
                line_id: line.get(i).unwrap_or_default(),
                service_id,
                month,
                amount,
                currency,
                class,
                months: u32::try_from(parts.len()).unwrap_or(u32::MAX),
            })?;
            let service = sums.service(service_id);
            for (n, (month, part)) in parts.drain(..).enumerate() {
                let part = BillingCell {
                    amount: part,
                    lines: u64::from(n == 0),
                };
                let cell = sums.cells.entry((service, month, currency, class));
                cell.or_default().add(part).map_err(exact)?;
            }
        }
    }
    Ok(Billing {
        cells: sums.into_cells(&plan.contract_id),
        orders,
    })
}

/// Days of moments. Lines begin and end at few moments, so that most are known already.
struct Days<'a> {
    zone: &'a Zone,
    known: [Option<(i64, Date)>; Days::KNOWN],
}

impl<'a> Days<'a> {
    /// How many are remembered: the starts and ends of a month of days.
    const KNOWN: usize = 64;
    const DAY: i64 = 86_400_000_000;

    fn new(zone: &'a Zone) -> Days<'a> {
        Days {
            zone,
            known: [None; Days::KNOWN],
        }
    }

    #[inline]
    fn of(&mut self, micros: i64) -> Date {
        let place = micros.div_euclid(Days::DAY).rem_euclid(Days::KNOWN as i64) as usize;
        let found = || self.zone.date_of(Instant::from_micros(micros));
        match self.known.get_mut(place) {
            Some(Some((known, date))) if *known == micros => *date,
            Some(place) => place.insert((micros, found())).1,
            None => found(),
        }
    }
}

/// Sums by codes of services, so that a line costs no text.
#[derive(Default)]
struct Sums {
    services: Vec<String>,
    codes: HashMap<String, usize, FixedState>,
    /// The service of the former line.
    last: usize,
    cells: HashMap<(usize, Month, Currency, BillingClass), BillingCell, FixedState>,
}

impl Sums {
    fn service(&mut self, id: &str) -> usize {
        if self.services.get(self.last).is_some_and(|s| s == id) {
            return self.last;
        }
        self.last = match self.codes.get(id) {
            Some(code) => *code,
            None => {
                let code = self.services.len();
                self.services.push(id.to_owned());
                self.codes.insert(id.to_owned(), code);
                code
            }
        };
        self.last
    }

    fn into_cells(self, contract_id: &str) -> BillingCells {
        let services = &self.services;
        self.cells
            .into_iter()
            .map(|((service, month, currency, class), cell)| {
                let key = BillingKey {
                    contract_id: contract_id.to_owned(),
                    service_id: services.get(service).cloned().unwrap_or_default(),
                    month,
                    currency,
                    class,
                };
                (key, cell)
            })
            .collect()
    }
}
