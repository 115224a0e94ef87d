//! The regressions against answers that others published or computed: golden example 13 and four
//! public tables with statsmodels' answers (`tests/fixtures/baseline/make_regressions.py`).

#![allow(clippy::unwrap_used, reason = "test code")]

use gainshare::baseline::glm::{CountFamily, regress};
use std::path::Path;

fn fixture(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/baseline");
    std::fs::read_to_string(path.join(name)).unwrap()
}

/// Rows of numbers below a header.
fn table(name: &str) -> Vec<Vec<f64>> {
    let text = fixture(name);
    text.lines()
        .skip(1)
        .map(|line| line.split(',').map(|cell| cell.parse().unwrap()).collect())
        .collect()
}

fn close(name: &str, got: &[f64], wanted: &serde_json::Value, tolerance: f64) {
    let wanted: Vec<f64> = match wanted {
        serde_json::Value::Array(all) => all.iter().map(|v| v.as_f64().unwrap()).collect(),
        one => vec![one.as_f64().unwrap()],
    };
    assert_eq!(got.len(), wanted.len(), "{name}");
    for (a, b) in got.iter().zip(&wanted) {
        assert!(
            (a - b).abs() <= tolerance * b.abs().max(1e-3),
            "{name}: {a} against {b}"
        );
    }
}

#[test]
fn poisson_nb2_quasi_and_newey_west_agree_with_statsmodels_on_four_tables() {
    for name in ["uk_drivers", "ships", "quine", "discoveries"] {
        let rows = table(&format!("{name}.csv"));
        let wanted: serde_json::Value =
            serde_json::from_str(&fixture(&format!("{name}.json"))).unwrap();
        let y: Vec<f64> = rows.iter().map(|r| r[0]).collect();
        let offset: Vec<f64> = rows.iter().map(|r| r[1]).collect();
        let x: Vec<f64> = rows.iter().flat_map(|r| r[2..].to_vec()).collect();
        let lag = wanted["lag"].as_u64().unwrap() as usize;

        let poisson = regress(&x, &y, &offset, CountFamily::Poisson).unwrap();
        let answer = &wanted["poisson"];
        close(name, &poisson.coefficients, &answer["params"], 1e-9);
        close(name, &poisson.standard_errors(), &answer["bse"], 1e-9);
        close(name, &[poisson.deviance], &answer["deviance"], 1e-9);
        close(name, &[poisson.pearson], &answer["pearson"], 1e-9);
        close(name, &[poisson.log_likelihood(&y)], &answer["llf"], 1e-9);
        let quasi = poisson.dispersion().sqrt();
        let errors: Vec<f64> = poisson
            .standard_errors()
            .iter()
            .map(|e| e * quasi)
            .collect();
        close(name, &errors, &answer["quasi_bse"], 1e-9);
        let robust = poisson.newey_west(&x, &y, lag, false);
        close(name, &robust, &answer["hac_bse"], 1e-9);

        let nb2 = regress(&x, &y, &offset, CountFamily::NegativeBinomial).unwrap();
        let answer = &wanted["nb2"];
        if answer.is_null() {
            assert_eq!(nb2.theta, None, "{name} is not overdispersed");
            continue;
        }
        close(name, &[nb2.theta.unwrap()], &answer["theta"], 1e-5);
        close(name, &nb2.coefficients, &answer["params"], 1e-5);
        close(
            name,
            &nb2.standard_errors(),
            &answer["bse_given_theta"],
            1e-5,
        );
        close(name, &[nb2.log_likelihood(&y)], &answer["llf"], 1e-9);
    }
}

/// Golden 13: the Sicilian smoking ban.
#[test]
fn golden_13_the_seasonal_interrupted_series() {
    let rows = table("sicily_its.csv");
    let y: Vec<f64> = rows.iter().map(|r| r[2]).collect();
    let offset: Vec<f64> = rows.iter().map(|r| r[6].ln()).collect();
    let columns = |season: bool| -> Vec<f64> {
        rows.iter()
            .flat_map(|r| {
                let mut row = vec![1.0, r[4], r[3]];
                if season {
                    for k in [1.0, 2.0] {
                        let angle = std::f64::consts::TAU * k * r[3] / 12.0;
                        row.extend([angle.sin(), angle.cos()]);
                    }
                }
                row
            })
            .collect()
    };
    let digits = |value: f64, places: usize| format!("{value:.places$}");

    let fit = regress(&columns(true), &y, &offset, CountFamily::Poisson).unwrap();
    let (b, se) = (
        fit.coefficients[1],
        fit.standard_errors()[1] * fit.dispersion().sqrt(),
    );
    assert_eq!(digits(b.exp(), 6), "0.885072");
    assert_eq!(
        digits((b - 1.959_963_984_540_054 * se).exp(), 6),
        "0.839401"
    );
    assert_eq!(
        digits((b + 1.959_963_984_540_054 * se).exp(), 6),
        "0.933227"
    );
    assert_eq!(digits(fit.dispersion(), 6), "2.262183");
    let avoided: f64 = rows
        .iter()
        .zip(&fit.fitted)
        .filter(|(r, _)| r[4] > 0.0)
        .map(|(_, mu)| mu / b.exp() - mu)
        .sum();
    assert_eq!(digits(avoided, 2), "2561.07");

    let plain = regress(&columns(false), &y, &offset, CountFamily::Poisson).unwrap();
    let (b, se) = (plain.coefficients[1], plain.standard_errors()[1]);
    assert_eq!(digits(b.exp(), 6), "0.894377");
    assert_eq!(
        digits((b - 1.959_963_984_540_054 * se).exp(), 6),
        "0.864686"
    );
    assert_eq!(
        digits((b + 1.959_963_984_540_054 * se).exp(), 6),
        "0.925086"
    );
    assert_eq!(digits(plain.deviance, 4), "197.3096");
}
