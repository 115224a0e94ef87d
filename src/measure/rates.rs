//! What a minute of disruption weighs by the hours it falls in: `[[measure.impact.rates]]`.
//! Responsible for the shape of the rates, for their contradictions and for the weight of a
//! stretch of time; not for the price of a minute (see `[score] cost_per_minute`) nor for which
//! time counts as disruption at all (see `[measure.impact] calendar`).

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::plan::MeasurePlan;
use crate::money::{Decimal, Rounding};
use crate::time::{BusinessCalendar, Instant, Month, OutsideYears, Zone};

/// The weight of an ordinary minute: factors are kept as whole millionths.
pub const ONE_PPM: i64 = 1_000_000;

/// The greatest factor.
const GREATEST: i64 = 1_000;

/// How much a minute of disruption in the hours of a calendar costs, against `cost_per_minute`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Rate {
    /// The calendar of the hours. Only those that are also hours of `impact.calendar` count; the
    /// hours of two rates of a service may not overlap.
    pub calendar: String,
    /// What `cost_per_minute` is multiplied by in those hours, in quotes: from 0 to 1000 with at
    /// most six decimals. "0.25" is a quarter of the price, "3" three times the price.
    pub factor: Decimal,
    /// Limits the rate to one service. A service with rates of its own has only those.
    #[serde(default)]
    pub service: Option<String>,
}

impl Rate {
    /// What the factor adds to an ordinary minute, in millionths; `None` when it is out of range.
    pub(super) fn extra_ppm(&self) -> Option<i64> {
        let exact = self.factor.round(6, Rounding::Down) == self.factor;
        let least = !self.factor.is_negative() && self.factor <= Decimal::from_i64(GREATEST);
        let ppm = self.factor.checked_mul(Decimal::from_i64(ONE_PPM)).ok()?;
        (exact && least).then_some(ppm.to_i64()? - ONE_PPM)
    }
}

/// Where a rate stands in the terms.
pub(super) fn field(at: usize) -> String {
    format!("impact.rates, entry {}", at + 1)
}

/// The hours of one rate within those of disruption, and what the factor adds to a second there.
#[derive(Debug)]
struct Hours {
    calendar: BusinessCalendar,
    extra_ppm: i64,
}

/// The rates of a contract, looked up.
#[derive(Debug, Default)]
pub struct RatePlan {
    of_service: BTreeMap<String, Vec<Hours>>,
    of_any: Vec<Hours>,
}

impl RatePlan {
    /// Looks up rates, each with its calendar; `counted` is the calendar of disruption.
    ///
    /// # Errors
    /// The position of the rate that contradicts, and what to do.
    pub(super) fn new<'a>(
        rates: impl Iterator<Item = (&'a Rate, &'a BusinessCalendar)>,
        counted: Option<&BusinessCalendar>,
    ) -> Result<RatePlan, (usize, String)> {
        let mut plan = RatePlan::default();
        for (i, (rate, calendar)) in rates.enumerate() {
            let wrong = |problem: String| (i, problem);
            let extra_ppm = rate.extra_ppm().ok_or_else(|| {
                wrong(format!(
                    "the factor is {}: it goes from 0 to {GREATEST} with at most six decimals",
                    rate.factor
                ))
            })?;
            let counted = counted.ok_or_else(|| {
                wrong(
                    "without impact.calendar no disruption is counted that could have a rate: name \
                     the calendar of all hours that count"
                        .to_owned(),
                )
            })?;
            let hours = calendar.within(counted);
            if hours.first_open().is_none() {
                return Err(wrong(format!(
                    "`{}` has no hour in common with impact.calendar `{}`, so nothing is counted \
                     at this rate: widen one of them",
                    calendar.id(),
                    counted.id()
                )));
            }
            let list = match &rate.service {
                Some(service) => plan.of_service.entry(service.clone()).or_default(),
                None => &mut plan.of_any,
            };
            for other in list.iter() {
                if let Some(moment) = other.calendar.within(&hours).first_open() {
                    return Err(wrong(format!(
                        "`{}` covers {moment} and so does `{}`: an hour has one rate, so take it \
                         out of one of them",
                        hours.id(),
                        other.calendar.id()
                    )));
                }
            }
            list.push(Hours {
                calendar: hours,
                extra_ppm,
            });
        }
        Ok(plan)
    }

    /// Whether every minute of every service weighs the same.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.of_any.is_empty() && self.of_service.is_empty()
    }

    fn of(&self, service: &str) -> &[Hours] {
        self.of_service.get(service).unwrap_or(&self.of_any)
    }

    /// What the rates add to the business seconds from `start` to `end`, in millionths of a
    /// second by month of `zone`: Σ seconds in the hours of a rate × (factor − 1). Nothing where
    /// no rate holds. A month may come more than once.
    ///
    /// # Errors
    /// When a moment lies outside the years of the calendars.
    pub fn extra_by_month<'a>(
        &'a self,
        service: &str,
        start: Instant,
        end: Instant,
        zone: &'a Zone,
    ) -> Result<impl Iterator<Item = (Month, i128)> + 'a, OutsideYears> {
        let mut all = Vec::new();
        for hours in self.of(service) {
            let parts = hours.calendar.split_by_month(start, end, zone)?;
            all.extend(
                parts.map(|(month, s)| (month, i128::from(s) * i128::from(hours.extra_ppm))),
            );
        }
        Ok(all.into_iter())
    }

    /// As [`RatePlan::extra_by_month`], of the whole stretch.
    ///
    /// # Errors
    /// When a moment lies outside the years of the calendars.
    pub fn extra(&self, service: &str, start: Instant, end: Instant) -> Result<i128, OutsideYears> {
        let mut sum = 0;
        for hours in self.of(service) {
            let seconds = hours.calendar.business_s(start, end)?;
            sum += i128::from(seconds) * i128::from(hours.extra_ppm);
        }
        Ok(sum)
    }

    /// The greatest weight of a second of a service, in millionths; at least that of an ordinary
    /// one.
    #[must_use]
    pub fn greatest_ppm(&self, service: &str) -> i64 {
        let extra = self.of(service).iter().map(|h| h.extra_ppm).max();
        ONE_PPM + extra.unwrap_or(0).max(0)
    }
}

/// Disruption of one incident in a stretch of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Disruption {
    /// Business seconds × parts per million of users affected.
    pub s_ppm: i128,
    /// The same × the factor of the hours, in millionths.
    pub weighed: i128,
}

impl MeasurePlan {
    /// What an incident of a service that affects `share_ppm` of its users disrupts from `start`
    /// to `end`; `None` without a calendar of disruption and outside its years.
    #[must_use]
    pub fn disruption(
        &self,
        service: &str,
        start: Instant,
        end: Instant,
        share_ppm: u32,
    ) -> Option<Disruption> {
        let business_s = self.impact_calendar()?.business_s(start, end).ok()?;
        let extra = self.rates.extra(service, start, end).ok()?;
        let s_ppm = i128::from(business_s) * i128::from(share_ppm);
        Some(Disruption {
            s_ppm,
            weighed: s_ppm * i128::from(ONE_PPM) + extra * i128::from(share_ppm),
        })
    }
}
