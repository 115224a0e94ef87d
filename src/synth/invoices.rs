//! How an invoice line is written: FOCUS 1.0 for supplier A, canonical columns for the others.
//! Responsible for columns and labels; not for amounts (see [`super::billing`]).

use super::text::{cents, cents_text, date_text, padded};
use super::world::{CONTRACTS, SUPPLIERS, first_day};

/// Header of supplier A's billing: FOCUS 1.0 columns and custom ones with `x_`.
pub(crate) const FOCUS_HEADER: &str = "BilledCost,BillingAccountId,BillingAccountName,\
BillingCurrency,BillingPeriodEnd,BillingPeriodStart,ChargeCategory,ChargeClass,ChargeDescription,\
ChargeFrequency,ChargePeriodEnd,ChargePeriodStart,ConsumedQuantity,ConsumedUnit,ContractedCost,\
ContractedUnitPrice,EffectiveCost,InvoiceIssuerName,ListCost,PricingCategory,PricingQuantity,\
PricingUnit,ProviderName,PublisherName,ServiceCategory,ServiceName,SkuId,SubAccountId,\
SubAccountName,x_InvoiceId,x_LineId,x_DocumentType,x_CorrectsInvoiceId,x_SettlementRef";

/// Header of the other suppliers' billing.
pub(crate) const CANONICAL_HEADER: &str = "source,invoice_id,line_id,contract_id,supplier_id,\
period_start,period_end,amount,currency,quantity,unit,unit_price,charge_category,settlement_ref,\
is_correction,document_type,corrects_invoice_id,service_id,description";

/// One invoice line.
#[derive(Clone, Copy)]
pub(crate) struct Line<'a> {
    pub(crate) service: Option<usize>,
    pub(crate) period: (i64, i64),
    pub(crate) amount: i64,
    pub(crate) quantity: Option<i64>,
    pub(crate) unit: &'a str,
    pub(crate) price: Option<i64>,
    pub(crate) category: Category,
    pub(crate) settlement: &'a str,
    pub(crate) corrects: &'a str,
    pub(crate) description: &'a str,
}

/// What kind of charge a line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Category {
    Usage,
    Purchase,
    Tax,
    Credit,
    Incentive,
}

impl Category {
    fn name(self) -> &'static str {
        match self {
            Category::Usage => "usage",
            Category::Purchase => "purchase",
            Category::Tax => "tax",
            Category::Credit => "credit",
            Category::Incentive => "incentive",
        }
    }

    fn focus_name(self) -> &'static str {
        match self {
            Category::Usage => "Usage",
            Category::Purchase => "Purchase",
            Category::Tax => "Tax",
            Category::Credit => "Credit",
            // FOCUS knows no incentives.
            Category::Incentive => "Adjustment",
        }
    }
}

/// Writes one line: contract as index and as named, invoice and line number, billing period.
pub(crate) fn write_line(
    out: &mut Vec<u8>,
    place: (usize, &str),
    invoice: (&str, u64),
    period: (i64, i64),
    line: &Line<'_>,
) {
    if CONTRACTS[place.0].supplier == 0 {
        focus(out, place, invoice, period, line);
    } else {
        canonical(out, place, invoice, line);
    }
}

fn service_id(contract: usize, service: Option<usize>, month_start: i64) -> &'static str {
    let Some(service) = service else { return "" };
    let spec = &CONTRACTS[contract].services[service];
    match (spec.renamed, CONTRACTS[contract].reorganisation) {
        (Some(name), Some((from, _))) if month_start >= first_day(from as i64) => name,
        _ => spec.id,
    }
}

fn canonical(
    out: &mut Vec<u8>,
    (contract, contract_id): (usize, &str),
    (invoice, number): (&str, u64),
    line: &Line<'_>,
) {
    let supplier = CONTRACTS[contract].supplier;
    let mut text = |s: &str| {
        out.extend_from_slice(s.as_bytes());
        out.push(b',');
    };
    text("erp");
    text(invoice);
    text(&number.to_string());
    text(contract_id);
    text(SUPPLIERS[supplier].id);
    text(&date_text(line.period.0));
    text(&date_text(line.period.1));
    cents(out, line.amount);
    let mut text = |s: &str| {
        out.push(b',');
        out.extend_from_slice(s.as_bytes());
    };
    text(CONTRACTS[contract].currency);
    text(&line.quantity.map(|q| q.to_string()).unwrap_or_default());
    text(line.unit);
    text(&line.price.map(cents_text).unwrap_or_default());
    text(line.category.name());
    text(line.settlement);
    text(if line.corrects.is_empty() {
        "false"
    } else {
        "true"
    });
    text(if line.corrects.is_empty() {
        "invoice"
    } else {
        "credit_note"
    });
    text(line.corrects);
    text(service_id(contract, line.service, line.period.0));
    // Descriptions contain commas.
    out.extend_from_slice(b",\"");
    out.extend_from_slice(line.description.as_bytes());
    out.push(b'"');
}

fn focus(
    out: &mut Vec<u8>,
    (contract, contract_id): (usize, &str),
    (invoice, number): (&str, u64),
    period: (i64, i64),
    line: &Line<'_>,
) {
    let or_null = |s: &str| {
        if s.is_empty() {
            "NULL".to_owned()
        } else {
            format!("\"{s}\"")
        }
    };
    let moment = |days: i64| format!("\"{} 00:00:00\"", date_text(days));
    let quantity = line
        .quantity
        .map_or_else(|| "NULL".to_owned(), |q| q.to_string());
    let price = line.price.map_or_else(|| "NULL".to_owned(), cents_text);
    let frequency = if line.category == Category::Purchase {
        "Recurring"
    } else {
        "Usage-Based"
    };
    let amount = cents_text(line.amount);
    cents(out, line.amount);
    let fields: [&str; 33] = [
        "\"ACC-0042\"",
        "\"Customer\"",
        &format!("\"{}\"", CONTRACTS[contract].currency),
        &moment(period.1),
        &moment(period.0),
        &format!("\"{}\"", line.category.focus_name()),
        if line.corrects.is_empty() {
            "NULL"
        } else {
            "\"Correction\""
        },
        &format!("\"{}\"", line.description),
        &format!("\"{frequency}\""),
        &moment(line.period.1),
        &moment(line.period.0),
        &quantity,
        &or_null(line.unit),
        &amount,
        &price,
        &amount,
        "\"Alder Managed Services\"",
        &amount,
        "\"Standard\"",
        &quantity,
        &or_null(line.unit),
        "\"Alder Managed Services\"",
        "\"Alder Managed Services\"",
        "\"Other\"",
        &or_null(service_id(contract, line.service, line.period.0)),
        &or_null(line.unit),
        &format!("\"{contract_id}\""),
        "NULL",
        &format!("\"{invoice}\""),
        "",
        if line.corrects.is_empty() {
            "\"invoice\""
        } else {
            "\"credit_note\""
        },
        &or_null(line.corrects),
        &or_null(line.settlement),
    ];
    for (index, field) in fields.iter().enumerate() {
        out.push(b',');
        if index == 29 {
            padded(out, number as i64, 1);
        } else {
            out.extend_from_slice(field.as_bytes());
        }
    }
}
