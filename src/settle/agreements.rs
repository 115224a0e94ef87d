//! What both parties agreed beside the measures: events that relieve the supplier, and the weights
//! by which a result is credited to parties. Not responsible for reading tables (see
//! [`super::table`]) or for what a clause makes of them.

use std::collections::BTreeMap;

use super::period::Span;
use crate::money::{Decimal, MoneyError, Rounding};
use crate::time::{Date, Instant};

/// Decimals of the share of a period that is relieved; half even.
const SHARE_DECIMALS: u8 = 15;

const SECONDS_PER_DAY: i64 = 86_400;

/// An event for which the supplier does not answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Relief {
    /// Its name.
    pub relief_id: String,
    /// The contract.
    pub contract_id: String,
    /// `customer_caused`, `maintenance_window`, `force_majeure`, …
    pub kind: String,
    /// The service; all when `None`.
    pub service_id: Option<String>,
    /// What is relieved, by the names of measures; everything when empty.
    pub kpis: Vec<String>,
    /// Start, on the contract's clock.
    pub from: Instant,
    /// End (first moment after), on the contract's clock.
    pub to: Instant,
    /// When it was claimed.
    pub claimed_at: Option<Instant>,
    /// When the customer accepted it; without it there is no relief.
    pub accepted_at: Option<Instant>,
}

impl Relief {
    /// The measures that a cell of the column `kpis` names: separated by spaces, commas or
    /// semicolons, however the table was written.
    #[must_use]
    pub fn measures(cell: &str) -> Vec<String> {
        cell.split([' ', ',', ';'])
            .filter(|name| !name.is_empty())
            .map(str::to_owned)
            .collect()
    }
}

/// How much of a result is credited to one party.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attribution {
    /// The contract.
    pub contract_id: String,
    /// The service of the stream; all when `None`.
    pub service_id: Option<String>,
    /// The priority of the stream; all when `None`.
    pub priority: Option<String>,
    /// The party.
    pub party: String,
    /// Its share, from 0 to 1.
    pub weight: Decimal,
    /// Whether it was agreed; a proposal pays nothing.
    pub agreed: bool,
}

/// Which reliefs count: `[relief]` of the terms.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct ReliefRule {
    pub(super) claim_within_days: Option<u16>,
    pub(super) kinds: Option<Vec<String>>,
}

/// Weights that make no sense together.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AgreementError {
    /// A weight outside 0 to 1.
    #[error("the weight {0} of {1} is not between 0 and 1")]
    Weight(Decimal, String),
    /// The same party twice for one stream.
    #[error("{0} has two weights for the same stream")]
    Twice(String),
    /// Weights of one stream over 1.
    #[error(
        "the weights of a stream of contract {0} add up to {1}, more than the whole; the remainder up to 1 may be nobody's, but nobody is credited twice"
    )]
    MoreThanWhole(String, Decimal),
    /// An event that ends before it starts.
    #[error("the event ends ({to}) before it starts ({from})")]
    Order {
        /// Start.
        from: Instant,
        /// End.
        to: Instant,
    },
}

/// Reliefs and attributions by contract.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Agreements {
    reliefs: BTreeMap<String, Vec<Relief>>,
    weights: BTreeMap<String, Vec<Attribution>>,
}

impl Agreements {
    /// Nothing agreed.
    #[must_use]
    pub fn new() -> Agreements {
        Agreements::default()
    }

    /// The contracts that something was agreed about.
    pub fn contracts(&self) -> impl Iterator<Item = &str> {
        self.reliefs
            .keys()
            .chain(self.weights.keys())
            .map(String::as_str)
    }

    /// Adds an event.
    ///
    /// # Errors
    /// An event that ends before it starts.
    pub fn relieve(&mut self, relief: Relief) -> Result<(), AgreementError> {
        if relief.to < relief.from {
            return Err(AgreementError::Order {
                from: relief.from,
                to: relief.to,
            });
        }
        self.reliefs
            .entry(relief.contract_id.clone())
            .or_default()
            .push(relief);
        Ok(())
    }

    /// Adds a weight.
    ///
    /// # Errors
    /// A weight that is no share, a second one for the same party and stream, weights of a
    /// stream that are more than 1 together.
    pub fn credit(&mut self, one: Attribution) -> Result<(), AgreementError> {
        if one.weight.is_negative() || one.weight > Decimal::ONE {
            return Err(AgreementError::Weight(one.weight, one.party));
        }
        let all = self.weights.entry(one.contract_id.clone()).or_default();
        let mut sum = one.weight;
        for other in all.iter() {
            if (&other.service_id, &other.priority) != (&one.service_id, &one.priority) {
                continue;
            }
            if other.party == one.party {
                return Err(AgreementError::Twice(one.party));
            }
            sum = sum.checked_add(other.weight).unwrap_or(sum);
        }
        if sum > Decimal::ONE {
            return Err(AgreementError::MoreThanWhole(one.contract_id, sum));
        }
        all.push(one);
        Ok(())
    }

    /// The share of a period during which accepted, timely events relieve a measure: the union
    /// of their seconds over the seconds of the period.
    pub(super) fn relieved(
        &self,
        contract_id: &str,
        (kpi, service): (Option<&str>, Option<&str>),
        span: Span,
        rule: &ReliefRule,
    ) -> Result<Decimal, MoneyError> {
        let start = |day: Date| i64::from(day.days_since_epoch()) * SECONDS_PER_DAY;
        let (first, last) = (start(span.first_day()), start(span.to.first_day()));
        let mut parts: Vec<(i64, i64)> = self
            .reliefs
            .get(contract_id)
            .into_iter()
            .flatten()
            .filter(|r| counts(r, rule))
            .filter(|r| kpi.is_none_or(|kpi| r.kpis.is_empty() || r.kpis.iter().any(|k| k == kpi)))
            .filter(|r| service.is_none_or(|s| r.service_id.as_deref().is_none_or(|own| own == s)))
            .map(|r| (r.from.seconds().max(first), r.to.seconds().min(last)))
            .filter(|(from, to)| from < to)
            .collect();
        parts.sort_unstable();
        let (mut seconds, mut reached) = (0, first);
        for (from, to) in parts {
            seconds += (to - from.max(reached)).max(0);
            reached = reached.max(to);
        }
        Ok(Decimal::from_i64(seconds)
            .div(
                Decimal::from_i64(last - first),
                SHARE_DECIMALS,
                Rounding::HalfEven,
            )?
            .normalized())
    }

    /// The agreed weight of a party in a stream: that of the stream itself, else of the service,
    /// else of the whole contract. A party that is not named where others are has none.
    pub(super) fn weight(
        &self,
        contract_id: &str,
        party: &str,
        service: Option<&str>,
        priority: Option<&str>,
    ) -> Result<Decimal, String> {
        let all = self.weights.get(contract_id).map_or(&[][..], Vec::as_slice);
        let streams = [(service, priority), (service, None), (None, None)];
        for (service, priority) in streams {
            let of_stream: Vec<&Attribution> = all
                .iter()
                .filter(|a| a.service_id.as_deref() == service && a.priority.as_deref() == priority)
                .collect();
            if of_stream.is_empty() {
                continue;
            }
            return match of_stream.iter().find(|a| a.party == party) {
                Some(one) if one.agreed => Ok(one.weight),
                Some(_) => Err(format!(
                    "the weight of {party} has not been agreed (agreed_at is empty)"
                )),
                None => Ok(Decimal::ZERO),
            };
        }
        Err("no weights have been agreed: they are given with the table of attributions".to_owned())
    }
}

/// Accepted, of a kind that relieves, and claimed in time.
fn counts(relief: &Relief, rule: &ReliefRule) -> bool {
    let kind = rule
        .kinds
        .as_ref()
        .is_none_or(|kinds| kinds.contains(&relief.kind));
    let timely = rule.claim_within_days.is_none_or(|days| {
        relief.claimed_at.is_some_and(|claimed| {
            claimed.seconds() <= relief.to.seconds() + i64::from(days) * SECONDS_PER_DAY
        })
    });
    kind && timely && relief.accepted_at.is_some()
}

#[cfg(test)]
mod tests {
    use super::Relief;

    #[test]
    fn a_list_of_measures_reads_however_it_is_separated() {
        for cell in [
            "availability sla_attainment",
            "availability;sla_attainment",
            "availability, sla_attainment",
        ] {
            assert_eq!(
                Relief::measures(cell),
                ["availability", "sla_attainment"],
                "{cell}"
            );
        }
        assert!(Relief::measures("").is_empty());
    }
}
