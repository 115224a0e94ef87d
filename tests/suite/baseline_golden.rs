//! Golden examples 8 to 12 and 14 to 17, to the printed digits (13 is in `baseline_regression`).

#![allow(clippy::unwrap_used, reason = "test code")]

use gainshare::baseline::bayes::{BeforeAfter, empirical_bayes, population_overdispersion};
use gainshare::baseline::charts::{laney_chart, u_chart};
use gainshare::baseline::mix::{Stratum, direct, indirect};
use gainshare::baseline::power::{Plan, RatioTest, provable_with, ratio_power, smallest_provable};
use gainshare::baseline::rates::{RateError, RateMethod, one_rate, two_rates};
use gainshare::baseline::savings::*;
use gainshare::time::{Month, Period};

fn digits(value: f64, places: usize) -> String {
    format!("{value:.places$}")
}

#[test]
fn golden_8_model_fit_metrics() {
    let observed = [1.0, 3.0, 4.0, 1.0, 6.0];
    let predicted = [2.0, 3.0, 3.0, 2.0, 4.0];
    let (m, findings) = fit_metrics(&observed, &predicted, 2);
    assert!(findings.is_empty());
    assert_eq!(digits(m.cvrmse.unwrap(), 3), "0.394");
    assert_eq!(digits(m.cvrmse_adjusted.unwrap(), 3), "0.509");
    assert_eq!(digits(m.nmbe.unwrap(), 3), "-0.067");
    assert_eq!(digits(m.autocorrelation.unwrap(), 3), "-0.674");
    assert_eq!(digits(m.effective_n.unwrap(), 3), "25.694");
    let (m, findings) = fit_metrics(&[0.0, 3.0, 4.0], &[1.0, 3.0, 4.0], 1);
    assert_eq!(m.mape, None);
    assert_eq!(findings[0].code, "mape_infinite");
}

#[test]
fn golden_9_fractional_savings_uncertainty() {
    let billing = UncertaintyInput {
        interval: Interval::Billing,
        baseline_n: 12.0,
        effective_n: 12.0,
        reporting_n: 12.0,
        months: 12.0,
        cvrmse: 0.10,
        saving_fraction: 0.10,
        parameters: 2,
        level: 0.90,
    };
    assert_eq!(
        digits(fractional_uncertainty(&billing).unwrap(), 6),
        "0.737828"
    );
    let daily = UncertaintyInput {
        interval: Interval::Daily,
        baseline_n: 365.0,
        effective_n: 365.0 * 0.5 / 1.5,
        reporting_n: 365.0,
        cvrmse: 0.20,
        parameters: 3,
        ..billing
    };
    assert_eq!(
        digits(fractional_uncertainty(&daily).unwrap(), 6),
        "0.419778"
    );
    let portfolio = portfolio_uncertainty(&[(100.0, 40.0), (300.0, 30.0)]).unwrap();
    assert_eq!(digits(portfolio, 3), "0.125");
    let month = |text: &str| text.parse::<Month>().unwrap();
    let eight = Period::new(month("2024-01"), month("2024-09")).unwrap();
    assert_eq!(
        annualised(8.0, &eight).unwrap_err().code,
        "annualisation_refused"
    );
    let two_years = Period::new(month("2024-01"), month("2026-01")).unwrap();
    assert_eq!(annualised(8.0, &two_years).unwrap(), 4.0);
}

#[test]
fn golden_11_one_rate() {
    let exact = one_rate(15, 400.0, 0.05, 0.95, RateMethod::Exact).unwrap();
    assert_eq!(digits(exact.low, 10), "0.0209884653");
    assert_eq!(digits(exact.high.unwrap(), 10), "0.0618505472");
    assert_eq!(digits(exact.p_value, 10), "0.3130262693");
    let score = one_rate(15, 400.0, 0.05, 0.95, RateMethod::Score).unwrap();
    assert_eq!(digits(score.low, 10), "0.0227264749");
    assert_eq!(digits(score.high.unwrap(), 10), "0.0618771721");
    let midp = one_rate(15, 400.0, 0.05, 0.95, RateMethod::MidP).unwrap();
    assert_eq!(digits(midp.low, 7), "0.0217901");
    assert_eq!(digits(midp.high.unwrap(), 7), "0.0604624");
    let none = one_rate(0, 1.0, 1.0, 0.95, RateMethod::Exact).unwrap();
    assert_eq!(
        (none.low, digits(none.high.unwrap(), 4)),
        (0.0, "3.6889".into())
    );
}

#[test]
fn golden_12_two_rates() {
    let exact = two_rates((60, 51_477.5), (30, 54_308.7), 1.0, 0.95, RateMethod::Exact).unwrap();
    assert_eq!(digits(exact.estimate.unwrap(), 13), "2.1099975717546");
    assert!((exact.low - 1.339_735_721_772_65).abs() < 1e-13);
    assert!((exact.high.unwrap() - 3.388_365_573_616_252).abs() < 1e-13);
    let few = two_rates((2, 17_877.0), (9, 16_660.0), 1.0, 0.95, RateMethod::Exact).unwrap();
    assert_eq!(digits(few.estimate.unwrap(), 4), "0.2071");
    assert_eq!(digits(few.low, 5), "0.02177");
    assert_eq!(digits(few.high.unwrap(), 5), "1.00055");
    assert_eq!(digits(few.p_value, 5), "0.05011");
    assert_eq!(
        two_rates((0, 1.0), (0, 1.0), 1.0, 0.95, RateMethod::Exact),
        Err(RateError::NoEvents)
    );
    assert_eq!(
        one_rate(3, 0.0, 1.0, 0.95, RateMethod::Exact),
        Err(RateError::Exposure)
    );
}

/// "Significant" and "the interval excludes it" agree for every method and count.
#[test]
fn p_values_agree_with_intervals() {
    for method in [RateMethod::Exact, RateMethod::MidP, RateMethod::Score] {
        for n1 in 0..25 {
            let one = one_rate(n1, 10.0, 1.0, 0.95, method).unwrap();
            let excluded = one.low > 1.0 || one.high.unwrap() < 1.0;
            assert_eq!(one.p_value < 0.05, excluded, "{method:?} {n1} {one:?}");
            for n2 in 1..25 {
                let two = two_rates((n1, 10.0), (n2, 12.0), 1.0, 0.95, method).unwrap();
                let excluded = two.low > 1.0 || two.high.is_some_and(|h| h < 1.0);
                assert_eq!(two.p_value < 0.05, excluded, "{method:?} {n1} {n2} {two:?}");
            }
        }
    }
}

#[test]
fn golden_14_regression_to_the_mean() {
    let text = include_str!("../fixtures/baseline/hsm_eb_sites.csv");
    let streams: Vec<BeforeAfter> = text
        .lines()
        .skip(1)
        .map(|line| {
            let v: Vec<f64> = line.split(',').map(|c| c.parse().unwrap()).collect();
            let predicted =
                |aadt: f64, years: f64| years * aadt * v[1] * 365e-6 * (-0.312f64).exp();
            BeforeAfter {
                predicted_before: predicted(v[2], v[4]),
                predicted_after: predicted(v[3], v[5]),
                overdispersion: 0.236 / v[1],
                observed_before: v[6] as u64,
                observed_after: v[7] as u64,
                period_ratio: v[5] / v[4],
            }
        })
        .collect();
    let all = empirical_bayes(&streams).unwrap();
    assert_eq!(streams.iter().map(|s| s.observed_before).sum::<u64>(), 122);
    assert_eq!(all.observed, 30);
    assert_eq!(digits(all.expected, 5), "42.88098");
    // Printed as 11.161 with the last digits cut off.
    assert_eq!(digits(all.variance, 4), "11.1616");
    assert_eq!(digits(all.effectiveness, 6), "0.695390");
    assert_eq!(digits(100.0 * (1.0 - all.effectiveness), 2), "30.46");
    assert_eq!(digits(100.0 * all.std_error, 2), "13.85");
    assert_eq!(digits(100.0 * all.naive_reduction.unwrap(), 2), "38.52");
    let pairs: Vec<(f64, f64)> = streams
        .iter()
        .map(|s| (s.observed_before as f64, s.predicted_before))
        .collect();
    assert!(population_overdispersion(&pairs) >= 0.0);
}

#[test]
fn golden_15_mix_adjustment() {
    let stratum = |exposure: f64, standard: f64, events: u64| Stratum {
        events,
        exposure,
        standard,
    };
    let a = [stratum(550.0, 0.025, 58), stratum(450.0, 0.085, 0)];
    let b = [stratum(500.0, 0.025, 130), stratum(1500.0, 0.085, 0)];
    let a = indirect(&a, 0.95, RateMethod::Exact).unwrap();
    let b = indirect(&b, 0.95, RateMethod::Exact).unwrap();
    assert_eq!(
        (digits(a.expected, 6), digits(b.expected, 6)),
        ("52.000000".into(), "140.000000".into())
    );
    assert_eq!(digits(a.ratio.estimate.unwrap(), 7), "1.1153846");
    assert_eq!(digits(b.ratio.estimate.unwrap(), 7), "0.9285714");
    assert_eq!(
        (
            digits(100.0 * a.crude_rate, 1),
            digits(100.0 * b.crude_rate, 1)
        ),
        ("5.8".into(), "6.5".into())
    );
    let own = [stratum(100.0, 1.0, 10), stratum(300.0, 3.0, 90)];
    let d = direct(&own, 0.95).unwrap();
    assert!((d.rate - 0.25).abs() < 1e-12 && d.low < 0.25 && d.high > 0.25);
}

#[test]
fn golden_16_u_chart() {
    let counts = [
        10, 12, 8, 14, 10, 16, 11, 7, 10, 15, 9, 5, 7, 11, 12, 6, 8, 10, 7, 5,
    ];
    let chart = u_chart(&counts, &[5.0; 20]).unwrap();
    assert_eq!(digits(chart.centre, 2), "1.93");
    assert_eq!(digits(chart.points[0].lower, 4), "0.0661");
    assert_eq!(digits(chart.points[0].upper, 4), "3.7939");
    assert!(chart.points.iter().all(|p| !p.outside));
    let laney = laney_chart(&counts, &[5.0; 20]).unwrap();
    assert!(laney.sigma_z > 0.5 && laney.sigma_z < 1.5);
    let z = |c: f64| (c / 5.0 - 1.93) / (1.93f64 / 5.0).sqrt();
    let ranges: f64 = counts
        .windows(2)
        .map(|w| (z(w[1] as f64) - z(w[0] as f64)).abs())
        .sum();
    assert!((laney.sigma_z - ranges / 19.0 / 1.128).abs() < 1e-12);
}

#[test]
fn golden_17_power_and_the_smallest_provable_reduction() {
    let test = RatioTest {
        rate_1: 1.8,
        rate_2: 2.2,
        exposure_1: 2.5 * 29.0,
        exposure_2: 2.5 * 29.0,
        null_ratio: 1.2,
        dispersion: 1.0,
        alpha: 0.025,
    };
    assert_eq!(digits(ratio_power(&test).unwrap(), 5), "0.90056");
    let mut plan = Plan {
        incidents_per_month: 100.0,
        baseline_months: 36,
        period_months: 3,
        dispersion: 2.0,
        rho: 0.0,
        level: 0.95,
        power: 0.8,
    };
    let quarter = smallest_provable(&plan).unwrap();
    plan.period_months = 12;
    let year = smallest_provable(&plan).unwrap();
    assert!(year.reduction < quarter.reduction);
    plan.rho = 0.5;
    assert!(smallest_provable(&plan).unwrap().reduction > year.reduction);
    plan.incidents_per_month = 0.2;
    assert_eq!(smallest_provable(&plan), None);
    // At that reduction the bound is exceeded with the probability asked for.
    let p = provable_with(1200.0, 60.0, 0.95, 0.8).unwrap();
    let sd = (60.0f64 * 60.0 + p.incidents * (1.0 - p.reduction)).sqrt();
    assert!((p.incidents - 1.959_964 * 60.0 - 0.841_621_2 * sd).abs() < 1e-3);
}
