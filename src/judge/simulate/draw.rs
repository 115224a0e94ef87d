//! One drawn year: incidents, what is seen of them, and the measures that follow. Not responsible
//! for settling it.
//!
//! Counts are Poisson with a gamma factor for their dispersion. The baseline is wrong by one
//! normal draw a year, with the relative error √(φ / incidents on which it rests). The lower end
//! of the interval is `avoided − z √(error of the baseline² + φ × expected)`. A verified saving with
//! a lower end is off by one normal draw a year, of the standard error that its interval has.

use std::collections::BTreeMap;

use super::{Conduct, Scenario, Settings};
use crate::baseline::special::normal_quantile;
use crate::judge::align::{AlignError, Assumptions};
use crate::money::Decimal;
use crate::settle::{Facts, Inputs, Measured, Plan, Span};
use crate::synth::sample::Draw;

type Key = (Span, String, Option<String>);

/// What is known of one period of the year that is drawn anew.
#[derive(Debug, Clone)]
struct Unit {
    span: Span,
    /// Incidents expected, and those counted.
    expected: f64,
    counted: f64,
    /// Values of the measures that the terms use.
    values: BTreeMap<(String, Option<String>), f64>,
}

/// A verified saving that is known with its lower end.
#[derive(Debug, Clone)]
struct Saving {
    span: Span,
    verified: f64,
    /// (verified − lower end) ÷ z of the level.
    half_width: f64,
}

/// The last year of a contract, as a place to draw from.
#[derive(Debug, Clone)]
pub(super) struct World {
    units: Vec<Unit>,
    /// Longer periods that the terms settle, within the year.
    longer: Vec<Span>,
    /// Verified savings of any period within the year, with their standard error.
    savings: Vec<Saving>,
    price: f64,
    impact: Option<f64>,
}

/// A drawn year.
#[derive(Debug, Clone)]
pub(super) struct Year {
    pub(super) values: BTreeMap<Key, Decimal>,
    pub(super) happened: Decimal,
    pub(super) prevented: Decimal,
}

/// Measures that follow the drawn incidents; all others stay as measured.
const DRAWN: &[&str] = &[
    "ticket_count",
    "incidents_expected",
    "incidents_avoided",
    "incidents_avoided_lower",
    "impact_avoided",
    "impact_cost",
    "actual_cost",
    "gross_saving",
    "verified_saving",
    "qualified_saving",
    "sla_attainment",
];

impl World {
    pub(super) fn read(
        plan: &Plan,
        inputs: &Inputs,
        facts: &Facts,
        contract_id: &str,
        assumptions: &Assumptions,
    ) -> Result<World, AlignError> {
        let start = plan.first_month();
        let known: Vec<(Span, &str, Option<&str>, f64)> = facts
            .measures
            .values(contract_id)
            .filter_map(|(key, name, scope, value)| match value {
                Measured::Value(value) => {
                    Some((key.span(start), name, scope, value.to_f64_lossy()))
                }
                Measured::NotMeasurable(_) => None,
            })
            .collect();
        let counts = ["ticket_count", "incidents_expected", "incidents_avoided"];
        let shortest = known
            .iter()
            .filter(|(_, name, _, _)| counts.contains(name))
            .map(|(span, ..)| span.months())
            .min();
        let Some(shortest) = shortest else {
            return Err(AlignError::Expression(
                "no incidents are known: give ticket_count, incidents_expected or \
                 incidents_avoided, from which years can be drawn"
                    .to_owned(),
            ));
        };
        let last = inputs.periods().last().map(|p| p.to);
        let to = known
            .iter()
            .filter(|(span, name, ..)| span.months() == shortest && counts.contains(name))
            .map(|(span, ..)| span.to)
            .filter(|to| last.is_none_or(|l| *to <= l))
            .max()
            .or(last);
        let Some(to) = to else {
            return Err(AlignError::Expression("no period is settled".to_owned()));
        };
        let whole = Span {
            from: to.plus(-shortest.max(12)),
            to,
        };
        let mut units: BTreeMap<Span, Unit> = BTreeMap::new();
        for (span, name, scope, value) in &known {
            if span.months() == shortest && whole.covers(*span) {
                units
                    .entry(*span)
                    .or_insert_with(|| Unit {
                        span: *span,
                        expected: 0.0,
                        counted: 0.0,
                        values: BTreeMap::new(),
                    })
                    .values
                    .insert(((*name).to_owned(), scope.map(str::to_owned)), *value);
            }
        }
        let mut units: Vec<Unit> = units.into_values().collect();
        for unit in &mut units {
            let get = |name: &str| unit.values.get(&(name.to_owned(), None)).copied();
            let avoided = get("incidents_avoided").unwrap_or(0.0);
            unit.expected = get("incidents_expected")
                .or_else(|| Some(get("ticket_count")? + avoided))
                .unwrap_or(0.0)
                .max(0.0);
            unit.counted = (unit.expected - avoided).max(0.0);
        }
        units.retain(|u| u.expected > 0.0);
        if units.is_empty() {
            return Err(AlignError::Expression(format!(
                "no incidents were expected in {whole}: with no volume there is nothing to draw"
            )));
        }
        let longer = inputs
            .spans()
            .filter(|span| span.months() > shortest && whole.covers(*span))
            .collect();
        let saved = |wanted: &str, span: Span| {
            let mut of = known.iter().filter(|k| k.0 == span && k.2.is_none());
            of.find(|k| k.1 == wanted).map(|k| k.3)
        };
        let mut spans: Vec<Span> = known.iter().map(|k| k.0).collect();
        spans.sort_unstable();
        spans.dedup();
        let savings = spans
            .into_iter()
            .filter(|span| whole.covers(*span))
            .filter_map(|span| {
                let verified = saved("verified_saving", span)?;
                let lower = saved("verified_saving_lower", span)?;
                Some(Saving {
                    span,
                    verified,
                    half_width: (verified - lower).max(0.0),
                })
            })
            .collect();
        let number = |name: &str| assumptions.get(name).map(Decimal::to_f64_lossy);
        Ok(World {
            units,
            longer,
            savings,
            price: number("price").unwrap_or(0.0),
            impact: number("impact"),
        })
    }

    /// Incidents expected in the year.
    pub(super) fn expected(&self) -> f64 {
        self.units.iter().map(|u| u.expected).sum()
    }

    /// Whether a period lies in the year that is drawn.
    pub(super) fn covers(&self, period: Span) -> bool {
        let (Some(first), Some(last)) = (self.units.first(), self.units.last()) else {
            return false;
        };
        Span {
            from: first.span.from,
            to: last.span.to,
        }
        .covers(period)
    }

    /// The relative error of the baseline: as it was fitted, else of a mean over its months.
    fn relative_error(&self, settings: &Settings) -> f64 {
        if let Some(error) = settings.relative_error {
            return error;
        }
        let months: i32 = self.units.iter().map(|u| u.span.months()).sum();
        let per_month = self.expected() / f64::from(months.max(1));
        libm::sqrt(settings.dispersion / (per_month * f64::from(settings.baseline_months)))
    }

    /// The standard error of what is estimated as avoided in the year.
    pub(super) fn standard_error(&self, settings: &Settings, scenario: &Scenario) -> f64 {
        let expected = self.expected() * (1.0 + scenario.growth);
        let baseline = expected * self.relative_error(settings);
        libm::sqrt(baseline * baseline + settings.dispersion * expected)
    }

    /// One year; the same path draws the same numbers in every scenario.
    pub(super) fn draw(
        &self,
        settings: &Settings,
        scenario: &Scenario,
        reduction: f64,
        path: u32,
    ) -> Year {
        self.year(settings, scenario, reduction, path, false)
    }

    /// The year that is expected: nothing is off and nothing scatters. Lower ends are as far below
    /// as they always are.
    pub(super) fn certain(&self, settings: &Settings, scenario: &Scenario, reduction: f64) -> Year {
        self.year(settings, scenario, reduction, 0, true)
    }

    fn year(
        &self,
        settings: &Settings,
        scenario: &Scenario,
        reduction: f64,
        path: u32,
        certain: bool,
    ) -> Year {
        let luck = |drawn: f64| if certain { 0.0 } else { drawn };
        let mut draw = Draw::new(settings.seed, u64::from(path));
        let error = self.relative_error(settings);
        let off = 1.0 + error * luck(draw.normal());
        let struck = draw.index(self.units.len());
        // Last of the year's own draws: the others stay what they were without savings.
        let saving_off = luck(draw.normal());
        let saves = matches!(
            scenario.conduct,
            Conduct::Prevents(_) | Conduct::PreventsProvable
        );
        let z = normal_quantile(0.5 + settings.level / 2.0);
        let hidden = match scenario.conduct {
            Conduct::Games(part) => part,
            _ => 0.0,
        };
        let mut drawn: Vec<(Span, BTreeMap<&'static str, f64>, f64)> = Vec::new();
        let (mut happened_all, mut prevented_all) = (0.0, 0.0);
        for (number, unit) in self.units.iter().enumerate() {
            // A stream of its own per period: a Poisson draw uses as many numbers as it needs.
            let mut draw = Draw::new(
                settings.seed ^ 0x9e37_79b9_7f4a_7c15_u64.wrapping_mul(number as u64 + 1),
                u64::from(path),
            );
            let noise = luck(draw.normal());
            let counterfactual = unit.expected * (1.0 + scenario.growth);
            let mut mean = counterfactual * (1.0 - reduction);
            if settings.dispersion > 1.0 && mean > 0.0 && !certain {
                let shape = (mean / (settings.dispersion - 1.0)).max(1.0);
                mean *= draw.gamma(shape) / shape;
            }
            let mut happened = if certain {
                mean
            } else {
                draw.poisson(mean) as f64
            };
            if scenario.outage > 0.0 && number == struck {
                happened += libm::round(counterfactual * scenario.outage);
            }
            let shown = happened - libm::round(happened * hidden);
            let expected = counterfactual * off;
            let avoided = expected - shown;
            let spread = libm::sqrt(
                (expected * error) * (expected * error) + settings.dispersion * counterfactual,
            );
            happened_all += happened;
            prevented_all += counterfactual * reduction;
            let get = |name: &str| unit.values.get(&(name.to_owned(), None)).copied();
            let change = happened - unit.counted;
            let mut values: BTreeMap<&'static str, f64> = BTreeMap::new();
            // What is filed as a request is a ticket all the same.
            if let Some(tickets) = get("ticket_count") {
                values.insert("ticket_count", (tickets + change).max(0.0));
            }
            values.insert("incidents_expected", expected);
            values.insert("incidents_avoided", avoided);
            values.insert("incidents_avoided_lower", avoided - z * spread);
            if let Some(impact) = self.impact {
                values.insert("impact_avoided", avoided * impact);
                values.insert("impact_cost", happened * impact);
            }
            if let Some(cost) = get("actual_cost") {
                values.insert("actual_cost", cost + self.price * change);
            }
            for name in ["gross_saving", "verified_saving", "qualified_saving"] {
                if let Some(saving) = get(name) {
                    // Who prevents nothing saves nothing either.
                    let saving = if saves {
                        saving - self.price * change
                    } else {
                        0.0
                    };
                    values.insert(name, saving);
                }
            }
            if let Some(level) = get("sla_attainment") {
                let whole = if level > 1.0 { 100.0 } else { 1.0 };
                let mut met = level / whole;
                if scenario.outage > 0.0 && number == struck {
                    met /= 1.0 + scenario.outage;
                }
                if hidden > 0.0 {
                    met += (1.0 - met) / 2.0;
                }
                let n = shown.max(1.0);
                met += noise * libm::sqrt(met * (1.0 - met) / n);
                values.insert("sla_attainment", met.clamp(0.0, 1.0) * whole);
            }
            drawn.push((unit.span, values, shown));
        }
        let mut values: BTreeMap<Key, Decimal> = BTreeMap::new();
        let mut put = |span: Span, name: &str, value: f64| {
            if let Ok(value) = Decimal::from_f64_rounded(value, 4) {
                values.insert((span, name.to_owned(), None), value);
            }
        };
        for (span, of, _) in &drawn {
            for (name, value) in of {
                put(*span, name, *value);
            }
        }
        for span in &self.longer {
            let within: Vec<_> = drawn.iter().filter(|(s, ..)| span.covers(*s)).collect();
            if within.is_empty() {
                continue;
            }
            for name in DRAWN {
                let parts = within
                    .iter()
                    .filter_map(|(_, of, shown)| Some((*of.get(name)?, *shown)));
                let (mut sum, mut weighted, mut weights, mut count) = (0.0, 0.0, 0.0, 0);
                for (value, weight) in parts {
                    sum += value;
                    weighted += value * weight;
                    weights += weight;
                    count += 1;
                }
                if count != within.len() {
                    continue;
                }
                match *name {
                    "sla_attainment" if weights > 0.0 => put(*span, name, weighted / weights),
                    "sla_attainment" => {}
                    "incidents_avoided_lower" => {
                        // Jointly, not a sum of ends: the baseline is wrong in one direction.
                        let expected: f64 = within
                            .iter()
                            .filter_map(|(_, of, _)| of.get("incidents_expected"))
                            .sum();
                        let avoided: f64 = within
                            .iter()
                            .filter_map(|(_, of, _)| of.get("incidents_avoided"))
                            .sum();
                        let spread = libm::sqrt(
                            (expected * error) * (expected * error)
                                + settings.dispersion * expected,
                        );
                        put(*span, name, avoided - z * spread);
                    }
                    _ => put(*span, name, sum),
                }
            }
        }
        // A saving that is known with its error: as measured, or nothing, and off by one draw for
        // the whole year.
        for saving in &self.savings {
            let truth = if saves { saving.verified } else { 0.0 };
            let estimate = truth + saving_off * saving.half_width / z;
            put(saving.span, "verified_saving", estimate);
            put(
                saving.span,
                "verified_saving_lower",
                estimate - saving.half_width,
            );
        }
        let exact = |v: f64| Decimal::from_f64_rounded(v, 4).unwrap_or(Decimal::ZERO);
        Year {
            values,
            happened: exact(happened_all),
            prevented: exact(prevented_all),
        }
    }
}
