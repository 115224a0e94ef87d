//! What a test says, as one sentence that both parties can read. Not responsible for figures.

use super::Kind;
use crate::money::Decimal;

/// What is counted, as the subject of a sentence.
fn subject(kind: Kind) -> &'static str {
    match kind {
        Kind::BunchingBeforeDeadline => {
            "incidents restored just before their deadline, against just after it,"
        }
        Kind::HoldBeforeBreach => "holds that start just before a breach",
        Kind::PriorityLoweredLate => "priorities lowered late in the clock",
        Kind::RequestsForIncidents => "requests",
        Kind::ReopenedUnderNewNumber => {
            "callers who come back with the same matter within a day after it was resolved"
        }
        Kind::SplitTickets => "tickets of one caller on the same item within minutes",
        Kind::MergedTickets => "tickets that others were made children of",
        Kind::BackDated => "tickets logged late or resolved with an earlier date",
        Kind::ToldAfterwards => "incidents and breaches first told of when they were over",
        Kind::SplitOrders => "orders in parts under the limit of approval, against whole ones,",
        Kind::ImpactDespiteKpi => "business impact",
    }
}

/// The sentence. `why_not` says what is missing when there is no test.
pub(super) fn verdict(
    kind: Kind,
    effect: Option<f64>,
    q: Option<f64>,
    flagged: bool,
    why_not: Option<&'static str>,
) -> String {
    let (Some(effect), Some(q)) = (effect, q) else {
        let why = why_not.unwrap_or("too few cases to say anything");
        return format!("Not tested: {why}.");
    };
    let what = subject(kind);
    if !flagged {
        return format!("Nothing unusual: {what} are within what chance and trifles explain.")
            .replace("business impact are", "business impact is");
    }
    let times = Decimal::from_f64_rounded(effect, 1)
        .unwrap_or(Decimal::ONE)
        .normalized();
    let chance = if q < 0.001 {
        "less than one in a thousand".to_owned()
    } else {
        format!("{q:.3}")
    };
    let (many, tail) = match kind {
        Kind::RequestsForIncidents => ("There are", ", while incidents became fewer"),
        Kind::ImpactDespiteKpi => ("There is", ", while incidents or breaches became fewer"),
        _ => ("There are", ""),
    };
    let amount = if kind == Kind::ImpactDespiteKpi {
        "as much"
    } else {
        "as many"
    };
    let look = match kind {
        Kind::SplitOrders => "Look at the invoices named.",
        Kind::RequestsForIncidents => "Look at the requests on items that had incidents.",
        Kind::ImpactDespiteKpi => "Look at what the remaining incidents cost.",
        _ => "Look at the tickets named.",
    };
    format!(
        "{many} {times} times {amount} {what} as in the baseline{tail}; the corrected probability \
         of that by chance is {chance}. {look}"
    )
}
