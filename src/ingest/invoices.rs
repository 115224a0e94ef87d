//! Whether the charge lines of an invoice add up to what the invoice itself says, where a project
//! gives both: `billing` against `invoice_totals`. Responsible for that comparison; a difference
//! changes no row, it is a finding. Sums inside one file are a law of its mapping (see
//! [`super::laws`]).

use std::collections::{BTreeMap, BTreeSet};

use super::account::shown;
use super::columns::Columns;
use super::value::STORE_SCALE;
use crate::finding::{Finding, Severity, Stage};
use crate::money::{Currency, Decimal, Rounding};

/// Invoices shown in the evidence of a finding.
const SAMPLES: usize = 3;

/// What tells one invoice from another: source, number, currency, issuer. The issuer is empty
/// where either side leaves it open for any row of that number and currency.
type Invoice<'a> = (&'a str, &'a str, &'a str, &'a str);

/// Both sides of an invoice; sums in units of 10^-15.
#[derive(Debug, Clone, Copy, Default)]
struct Sides {
    /// Charge lines, and their sum.
    lines: (u64, i128),
    /// Rows of the invoice's own statement, and their sum.
    stated: (u64, i128),
}

/// The sums of invoices, of what was seen of `billing` and of `invoice_totals`.
#[derive(Debug, Default)]
pub(super) struct Sums(BTreeMap<[String; 4], Sides>);

impl Sums {
    /// Adds rows of either table; of any other, nothing. `stands` says which rows stand. Lines
    /// count whether or not they belong to a contract of the project.
    pub(super) fn add(&mut self, rows: &Columns, stands: &[bool]) {
        let of_lines = match rows.table.name {
            "billing" => true,
            "invoice_totals" => false,
            _ => return,
        };
        let mut sums: BTreeMap<Invoice<'_>, (u64, i128)> = BTreeMap::new();
        for row in 0..rows.len() {
            if !stands.get(row).copied().unwrap_or_default() {
                continue;
            }
            let Some(units) = rows.decimal("amount", row) else {
                continue;
            };
            let text = |column| rows.text(column, row).unwrap_or_default();
            let invoice = (
                text("source"),
                text("invoice_id"),
                text("currency"),
                text("issuer"),
            );
            plus(sums.entry(invoice).or_default(), (1, units));
        }
        for ((source, number, currency, issuer), sum) in sums {
            let invoice = [source, number, currency, issuer].map(str::to_owned);
            let sides = self.0.entry(invoice).or_default();
            plus(
                if of_lines {
                    &mut sides.lines
                } else {
                    &mut sides.stated
                },
                sum,
            );
        }
    }

    /// Adds what was seen of other rows.
    pub(super) fn append(&mut self, other: Sums) {
        for (invoice, theirs) in other.0 {
            let mine = self.0.entry(invoice).or_default();
            plus(&mut mine.lines, theirs.lines);
            plus(&mut mine.stated, theirs.stated);
        }
    }

    /// After the last row: compares both sides of each invoice. Each sum is rounded once, half
    /// away from zero, to the minor unit of its currency (ISO 4217); then nothing may differ. Only
    /// sources that state totals are looked at.
    ///
    /// Each finding has its number of invoices and up to three of them: `invoice_sum` (warning)
    /// for those that differ, `invoice_without_lines` (warning), `lines_without_invoice` (note),
    /// `invoice_sums_equal` (note).
    pub(super) fn findings(&self) -> Vec<Finding> {
        let stated = self.0.iter().filter(|(_, sides)| sides.stated.0 > 0);
        let stating: BTreeSet<&str> = stated.map(|(invoice, _)| invoice[0].as_str()).collect();
        let seen = || {
            self.0
                .iter()
                .filter(|(i, _)| stating.contains(i[0].as_str()))
        };
        let open: BTreeSet<&[String]> = seen()
            .filter(|([_, _, _, issuer], _)| issuer.is_empty())
            .map(|(invoice, _)| &invoice[..3])
            .collect();
        let mut invoices: BTreeMap<Invoice<'_>, Sides> = BTreeMap::new();
        for (invoice, sides) in seen() {
            let [source, number, currency, issuer] = invoice;
            let is_open = open.contains(&invoice[..3]);
            let issuer = if is_open { "" } else { issuer.as_str() };
            let sum = invoices
                .entry((source, number, currency, issuer))
                .or_default();
            plus(&mut sum.lines, sides.lines);
            plus(&mut sum.stated, sides.stated);
        }
        judged(&invoices)
    }
}

/// Adds a number of rows and their sum.
fn plus(sum: &mut (u64, i128), (rows, units): (u64, i128)) {
    sum.0 += rows;
    sum.1 = sum.1.saturating_add(units);
}

fn judged(invoices: &BTreeMap<Invoice<'_>, Sides>) -> Vec<Finding> {
    let (mut equal, mut differing) = (0u64, Vec::new());
    let (mut without_lines, mut without_invoice, mut loose) = (Vec::new(), Vec::new(), 0u64);
    for (invoice, sides) in invoices {
        match (sides.lines.0, sides.stated.0) {
            (_, 0) => {
                loose += sides.lines.0;
                let sum = shown(sides.lines.1);
                without_invoice.push(format!("{} {sum}", named(*invoice)));
            }
            (0, _) => without_lines.push(format!("{} {}", named(*invoice), shown(sides.stated.1))),
            _ => {
                let (lines, stated) = (
                    paid(sides.lines.1, invoice.2),
                    paid(sides.stated.1, invoice.2),
                );
                if lines.is_some() && lines == stated {
                    equal += 1;
                    continue;
                }
                let difference = match (lines, stated) {
                    (Some(a), Some(b)) => a.checked_sub(b).ok(),
                    _ => None,
                };
                differing.push(format!(
                    "{}: {} lines are {}, the invoice says {}{}",
                    named(*invoice),
                    sides.lines.0,
                    written(lines, sides.lines.1),
                    written(stated, sides.stated.1),
                    difference.map_or(String::new(), |d| format!(" (difference {d})")),
                ));
            }
        }
    }
    let compared = equal + differing.len() as u64;
    let finding = |severity, code, count: u64, detail: String, samples: &[String]| {
        Finding::new(Stage::Ingest, severity, code, detail)
            .with_count(count)
            .with_evidence(samples[..samples.len().min(SAMPLES)].join(" | "))
    };
    let mut findings = Vec::new();
    if !differing.is_empty() {
        findings.push(finding(
            Severity::Warning,
            "invoice_sum",
            differing.len() as u64,
            format!(
                "{} of {compared} invoices are not the sum of their charge lines, rounded to the \
                 minor unit of the currency: look for rejected lines, lines that a mapping leaves \
                 out and months that were not exported, else ask the issuer",
                differing.len()
            ),
            &differing,
        ));
    }
    if !without_lines.is_empty() {
        findings.push(finding(
            Severity::Warning,
            "invoice_without_lines",
            without_lines.len() as u64,
            "invoices of `invoice_totals` have no line in `billing`: export their lines, and give \
             both sources the same name"
                .to_owned(),
            &without_lines,
        ));
    }
    if !without_invoice.is_empty() {
        findings.push(finding(
            Severity::Note,
            "lines_without_invoice",
            without_invoice.len() as u64,
            format!(
                "{loose} lines of `billing` name invoices that `invoice_totals` does not have: \
                 not invoiced yet, or the export of the invoices is too short"
            ),
            &without_invoice,
        ));
    }
    if equal > 0 {
        let detail = "invoices are the sum of their charge lines, rounded to the minor unit of \
                      the currency";
        let code = "invoice_sums_equal";
        findings.push(finding(Severity::Note, code, equal, detail.to_owned(), &[]));
    }
    findings
}

/// A sum as it is paid: in whole minor units of its currency; `None` where it does not fit.
fn paid(units: i128, currency: &str) -> Option<Decimal> {
    let digits = currency.parse::<Currency>().ok()?.minor_digits();
    let sum = Decimal::new(units, STORE_SCALE).ok()?;
    Some(sum.round(digits, Rounding::HalfUp))
}

fn written(paid: Option<Decimal>, units: i128) -> String {
    paid.map_or_else(|| shown(units), |d| d.to_string())
}

fn named((source, number, currency, issuer): Invoice<'_>) -> String {
    match issuer {
        "" => format!("{source} {number} {currency}"),
        issuer => format!("{source} {number} of {issuer} {currency}"),
    }
}
