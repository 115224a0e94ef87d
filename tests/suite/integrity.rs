//! Integrity: golden E27, the correction for many tests, false alarms over honest contracts and
//! the power against each kind of gaming.
#![allow(clippy::unwrap_used, clippy::panic)]

use gainshare::judge::integrity::{
    Counts, Kind, benjamini_hochberg, binomial_two_sided, excess_mass, odds_greater, rate_greater,
    test,
};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// Golden E27.
#[test]
fn bunching_has_the_published_p_values() {
    assert_eq!(format!("{:.4e}", binomial_two_sided(90, 30)), "3.7728e-8");
    assert_eq!(format!("{:.6}", binomial_two_sided(60, 40)), "0.056888");
    assert_eq!(binomial_two_sided(7, 7), 1.0);
    let before: Vec<u64> = (0..11).map(|i| 100 - 2 * i).collect();
    let (counterfactual, excess, ratio) = excess_mass(&before, 200).unwrap();
    assert!((counterfactual - 78.0).abs() < 1e-9);
    assert!((excess - 122.0).abs() < 1e-9);
    assert_eq!(format!("{ratio:.4}"), "1.5641");
}

/// The fifteen p values of Benjamini and Hochberg (1995, section 4): four are rejected at 5 %.
#[test]
fn the_correction_rejects_the_published_four() {
    let p = [
        0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.3240, 0.4262,
        0.5719, 0.6528, 0.7590, 1.0000,
    ];
    let q = benjamini_hochberg(&p);
    assert_eq!(q.iter().filter(|q| **q <= 0.05).count(), 4);
    assert!((q[3] - 0.035625).abs() < 1e-12);
    let mut shuffled = p;
    shuffled.reverse();
    let mut again = benjamini_hochberg(&shuffled);
    again.reverse();
    assert_eq!(q, again);
}

/// Fisher's tea: 3 of 4 against 1 of 4 is 17/70. And 2 of 10 events in a tenth of the exposure
/// is a binomial tail, 1 − 0.9^10 − 10 × 0.1 × 0.9^9.
#[test]
fn exact_tests_are_exact() {
    let (p, _) = odds_greater((3, 1), (1, 3)).unwrap();
    assert!((p - 17.0 / 70.0).abs() < 1e-12, "{p}");
    let (p, _) = rate_greater((2, 1.0), (8, 9.0)).unwrap();
    let tail = 1.0 - 0.9_f64.powi(10) - 10.0 * 0.1 * 0.9_f64.powi(9);
    assert!((p - tail).abs() < 1e-12, "{p} against {tail}");
}

struct World(ChaCha8Rng);

impl World {
    fn unit(&mut self) -> f64 {
        (self.0.next_u64() >> 11) as f64 / 9_007_199_254_740_992.0
    }

    fn normal(&mut self) -> f64 {
        let (u, v) = (1.0 - self.unit(), self.unit());
        (-2.0 * u.ln()).sqrt() * (std::f64::consts::TAU * v).cos()
    }

    /// Poisson, by a normal approximation above 30.
    fn poisson(&mut self, mean: f64) -> u64 {
        if mean > 30.0 {
            return (mean + mean.sqrt() * self.normal()).round().max(0.0) as u64;
        }
        let limit = (-mean).exp();
        let (mut product, mut count) = (self.unit(), 0);
        while product > limit {
            product *= self.unit();
            count += 1;
        }
        count
    }

    /// One period of a contract of 120 incidents and 50 requests a month whose weather varies
    /// from month to month; `gaming` changes what is counted.
    fn period(&mut self, months: u64, growth: f64, gaming: Option<Kind>) -> Counts {
        let mut counts = Counts::default();
        let mut weather = 0.0;
        for _ in 0..months {
            weather = 0.5 * weather + 0.08 * self.normal();
            let level = f64::exp(weather) * growth;
            let mut incidents = self.poisson(120.0 * level);
            let weather_of_requests = f64::exp(0.08 * self.normal());
            let mut requests = self.poisson(50.0 * growth * weather_of_requests);
            if gaming == Some(Kind::RequestsForIncidents) {
                let moved = incidents * 18 / 100;
                incidents -= moved;
                requests += moved;
            }
            counts.incidents.push(incidents);
            counts.requests.push(requests);
            counts.exposure.push(1_000.0 * growth);
            for _ in 0..incidents {
                let cell = &mut counts.cell;
                cell.restored += 1;
                cell.item_known += 1;
                // Time used: exponential with a mean of half the target.
                let mut used = -(1.0 - self.unit()).ln() * 50.0;
                let late = used > 100.0;
                let caught = self.unit() < 0.3;
                match gaming {
                    Some(Kind::BunchingBeforeDeadline) if late && caught => used = 98.0,
                    Some(Kind::HoldBeforeBreach) if late && caught => {
                        cell.holds += 1;
                        cell.late_holds += 1;
                    }
                    Some(Kind::PriorityLoweredLate) if late && caught => {
                        cell.lowered += 1;
                        cell.late_lowered += 1;
                    }
                    Some(Kind::QuickReturn) if self.unit() < 0.06 => cell.quick_returns += 1,
                    _ => {}
                }
                *cell.used.entry(used.min(200.0) as u16).or_default() += 1;
                if self.unit() < 0.16 {
                    cell.holds += 1;
                    cell.late_holds += u64::from(self.unit() < 0.04);
                }
                if self.unit() < 0.05 {
                    cell.lowered += 1;
                    cell.late_lowered += u64::from(self.unit() < 0.15);
                }
                cell.quick_returns += u64::from(self.unit() < 0.03);
            }
        }
        counts
    }
}

fn flags(gaming: Option<Kind>, contracts: u64) -> Vec<usize> {
    let mut found = vec![0; Kind::ALL.len() + 1];
    for seed in 0..contracts {
        let mut world = World(ChaCha8Rng::seed_from_u64(seed + 1_000));
        let before = world.period(24, 1.0, None);
        let growth = 1.05;
        let after = world.period(12, growth, gaming);
        let rows = test("C", "2025", &before, &after);
        for (place, row) in rows.iter().enumerate() {
            found[place] += usize::from(row.flagged);
        }
        found[Kind::ALL.len()] += usize::from(rows.iter().any(|r| r.flagged));
    }
    found
}

/// Over 500 honest contracts at most 5 % get any flag.
#[test]
fn honest_contracts_are_hardly_ever_flagged() {
    let found = flags(None, 500);
    let any = found[Kind::ALL.len()];
    assert!(any <= 25, "{any} of 500: {found:?}");
}

/// The power against each kind of gaming, as docs/integrity.md states it.
#[test]
fn gaming_is_found_with_the_stated_power() {
    for (place, kind) in Kind::ALL.iter().enumerate() {
        let found = flags(Some(*kind), 100);
        assert!(found[place] >= 90, "{}: {found:?}", kind.name());
    }
}

#[test]
fn too_few_cases_say_nothing() {
    let rows = test("C", "2025", &Counts::default(), &Counts::default());
    assert_eq!(rows.len(), Kind::ALL.len());
    for row in rows {
        assert_eq!((row.p_value, row.flagged), (None, false));
        assert_eq!(row.verdict, "Too few cases to say anything.");
    }
}
