//! Our special functions against another implementation (statrs), which serves as oracle only.

#![allow(clippy::unwrap_used, reason = "test code")]

use gainshare::baseline::special::*;
use statrs::distribution::{Beta, ContinuousCDF, Gamma, Normal, StudentsT};
use statrs::function::gamma::{digamma, ln_gamma as oracle_ln_gamma};

fn close(name: &str, ours: f64, theirs: f64, tolerance: f64) {
    assert!(
        (ours - theirs).abs() <= tolerance * theirs.abs().max(1e-6),
        "{name}: {ours} against {theirs}"
    );
}

#[test]
fn distribution_functions_and_quantiles_agree() {
    let normal = Normal::new(0.0, 1.0).unwrap();
    for p in [
        1e-6,
        0.001,
        0.02,
        0.025,
        0.3,
        0.5,
        0.7,
        0.975,
        0.999,
        1.0 - 1e-6,
    ] {
        close("normal", normal_cdf(normal_quantile(p)), p, 1e-12);
        close(
            "normal quantile",
            normal_quantile(p),
            normal.inverse_cdf(p),
            1e-8,
        );
        for df in [1.0, 2.5, 4.0, 11.0, 30.0, 250.0] {
            let t = StudentsT::new(0.0, 1.0, df).unwrap();
            close("t", t_cdf(t_quantile(p, df), df), p, 1e-9);
            close("t cdf", t_cdf(1.3, df), t.cdf(1.3), 1e-9);
        }
        for a in [0.5, 1.0, 7.0, 60.0, 900.0] {
            let gamma = Gamma::new(a, 1.0).unwrap();
            close("gamma", gamma_cdf(gamma_quantile(p, a), a), p, 1e-9);
            close("gamma cdf", gamma_cdf(0.9 * a, a), gamma.cdf(0.9 * a), 1e-9);
            for b in [0.5, 3.0, 40.0] {
                let beta = Beta::new(a, b).unwrap();
                close("beta", beta_cdf(beta_quantile(p, a, b), a, b), p, 1e-8);
                close("beta cdf", beta_cdf(0.6, a, b), beta.cdf(0.6), 1e-8);
            }
        }
    }
    for x in [0.01, 0.5, 1.0, 3.3, 7.99, 8.0, 14.9, 15.1, 1e3, 1e6] {
        close(
            "ln gamma",
            1.0 + ln_gamma(x),
            1.0 + oracle_ln_gamma(x),
            1e-11,
        );
        let (psi, tri) = digamma_trigamma(x);
        close("digamma", psi, digamma(x), 1e-9);
        let h = 1e-4 * x;
        let slope = (digamma_trigamma(x + h).0 - digamma_trigamma(x - h).0) / (2.0 * h);
        close("trigamma", tri, slope, 1e-6);
    }
}

#[test]
fn rounding_is_declared_and_never_gives_nan() {
    assert_eq!(round_to(2.345_67, 2), Some(2.35));
    assert_eq!(round_to(-0.5, 0), Some(-1.0));
    assert_eq!(round_to(-0.000_01, 2).map(f64::to_bits), Some(0));
    assert_eq!(round_to(f64::NAN, 2), None);
    assert_eq!(round_to(f64::INFINITY, 2), None);
    assert_eq!(round_to(1e300, 9), Some(1e300));
}
