//! The worst incidents of a contract over its performance period, each with what the disruption
//! and the silence about it cost. Responsible for prices, the as-of moment and the order; not for
//! which incidents were kept (see [`crate::measure::worst`]).

use super::spec::ScoreSpec;
use super::view::S_PPM_PER_MINUTE;
use crate::measure::plan::MeasurePlan;
use crate::measure::worst::{Incident, KEPT, OfContract};
use crate::money::{Currency, Decimal, Rounding};
use crate::time::{Instant, Month, Period};

/// One row of the table `worst_incidents`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorstIncident {
    /// The contract.
    pub contract_id: String,
    /// Months of opening over which they are the worst.
    pub period: Period<Month>,
    /// 1 for the worst.
    pub rank: u64,
    /// The service; empty when unknown.
    pub service_id: String,
    /// The incident; the disruption of an open one is counted up to the as-of moment.
    pub incident: Incident,
    /// Its target was missed by the as-of moment; absent without a target.
    pub breached: Option<bool>,
    /// Business minutes × share of users affected, 4 decimals half-even.
    pub impact_minutes: Option<Decimal>,
    /// Their price, exact until rounded once to the decimals of the currency; absent without one.
    pub cost: Option<Decimal>,
    /// Of the minutes, those between knowing and telling.
    pub silent_minutes: Option<Decimal>,
    /// Their price.
    pub silent_cost: Option<Decimal>,
    /// Of the prices.
    pub currency: Currency,
}

/// The worst [`KEPT`] incidents of a contract that were opened in `period`: by cost where every
/// one of them has a price, else by minutes of disruption; then by duration, source and number.
#[must_use]
pub fn worst_incidents(
    groups: Option<&OfContract>,
    plan: &MeasurePlan,
    spec: &ScoreSpec,
    period: Period<Month>,
    as_of: Instant,
) -> Vec<WorstIncident> {
    let mut rows: Vec<WorstIncident> = Vec::new();
    for (service, months) in groups.into_iter().flatten() {
        for (_, group) in months.range(period.start()..period.end()) {
            for incident in group.restored.iter().chain(&group.open) {
                rows.push(row(service, incident, plan, spec, period, as_of));
            }
        }
    }
    let priced = rows
        .iter()
        .all(|r| r.cost.is_some() || r.impact_minutes.is_none());
    rows.sort_by(|a, b| {
        let lasted = |r: &WorstIncident| {
            let end = r.incident.resolved_at.unwrap_or(as_of);
            end.wall_s_since(r.incident.known_at)
        };
        let cost = |r: &WorstIncident| r.cost.filter(|_| priced);
        let id = |r: &WorstIncident| (r.incident.source.clone(), r.incident.ticket_id.clone());
        cost(b)
            .cmp(&cost(a))
            .then_with(|| {
                let minutes = |r: &WorstIncident| r.incident.impact_s_ppm;
                minutes(b).cmp(&minutes(a))
            })
            .then_with(|| lasted(b).cmp(&lasted(a)))
            .then_with(|| id(a).cmp(&id(b)))
    });
    rows.truncate(KEPT);
    for (rank, row) in (1..).zip(&mut rows) {
        row.rank = rank;
    }
    rows
}

fn row(
    service: &str,
    incident: &Incident,
    plan: &MeasurePlan,
    spec: &ScoreSpec,
    period: Period<Month>,
    as_of: Instant,
) -> WorstIncident {
    let mut incident = incident.clone();
    if incident.resolved_at.is_none() {
        let impact = incident
            .share_ppm
            .filter(|_| incident.opened_at < as_of)
            .and_then(|ppm| plan.disruption(service, incident.opened_at, as_of, ppm));
        incident.impact_s_ppm = impact.map(|i| i.s_ppm);
        incident.impact_weighed = impact.map(|i| i.weighed);
    }
    let breached = match (incident.due_at, incident.resolved_at) {
        _ if incident.breached => Some(true),
        (None, _) => None,
        (Some(due), None) => Some(due < as_of),
        (Some(_), Some(_)) => Some(false),
    };
    let price = spec.price(service);
    let digits = spec.currency.minor_digits();
    let minutes = |s_ppm: Option<i128>| ratio(s_ppm, 0, Decimal::ONE, 4);
    let cost = |weighed: Option<i128>| ratio(weighed, 6, price?, digits);
    WorstIncident {
        contract_id: plan.contract_id.clone(),
        period,
        rank: 0,
        service_id: service.to_owned(),
        breached,
        impact_minutes: minutes(incident.impact_s_ppm),
        cost: cost(incident.impact_weighed),
        silent_minutes: minutes(incident.silent_s_ppm),
        silent_cost: cost(incident.silent_weighed),
        currency: spec.currency,
        incident,
    }
}

/// Seconds × parts per million, the last `scale` digits behind the point, × price per minute,
/// rounded half-even.
fn ratio(s_ppm: Option<i128>, scale: u8, price: Decimal, decimals: u8) -> Option<Decimal> {
    let minutes = Decimal::from_i64(S_PPM_PER_MINUTE);
    let s_ppm = Decimal::new(s_ppm?, scale).ok()?.normalized();
    let product = s_ppm.checked_mul(price).ok()?;
    product.div(minutes, decimals, Rounding::HalfEven).ok()
}
