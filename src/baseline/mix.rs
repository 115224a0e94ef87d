//! Mix adjustment: direct and indirect standardisation over strata such as service × priority, so
//! that a friendlier mix is not taken for an improvement. Not responsible for choosing strata.
//!
//! Source: Rothman, Greenland & Lash, Modern Epidemiology (3rd ed. 2008), chapters 3–4; Breslow &
//! Day, Statistical Methods in Cancer Research II (1987), 2.3.

use super::rates::{Interval, RateError, RateMethod, one_rate};
use serde::Serialize;

/// One stratum of a group.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Stratum {
    /// Incidents of the group in the stratum (not needed for indirect standardisation, where
    /// only their sum counts).
    pub events: u64,
    /// Exposure of the group in the stratum.
    pub exposure: f64,
    /// Indirect: the standard's rate. Direct: the standard's exposure.
    pub standard: f64,
}

/// Observed against expected incidents.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Indirect {
    /// Incidents observed.
    pub observed: u64,
    /// Incidents at the standard's rates.
    pub expected: f64,
    /// Observed ÷ expected with an interval; the p value tests a ratio of 1.
    pub ratio: Interval,
    /// Observed ÷ exposure, unadjusted.
    pub crude_rate: f64,
}

/// Indirect standardisation: Σ exposure × standard rate is what was expected.
pub fn indirect(strata: &[Stratum], level: f64, method: RateMethod) -> Result<Indirect, RateError> {
    let mut observed = 0;
    let (mut expected, mut exposure) = (0.0, 0.0);
    for s in strata {
        if !(s.exposure.is_finite() && s.exposure >= 0.0 && s.standard.is_finite())
            || s.standard < 0.0
        {
            return Err(RateError::Exposure);
        }
        observed += s.events;
        expected += s.exposure * s.standard;
        exposure += s.exposure;
    }
    let ratio = one_rate(observed, expected, 1.0, level, method)?;
    Ok(Indirect {
        observed,
        expected,
        ratio,
        crude_rate: observed as f64 / exposure,
    })
}

/// A directly standardised rate.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Direct {
    /// Rate that the group would have with the standard's mix.
    pub rate: f64,
    /// Its standard error, Poisson: √ Σ (share/exposure)² events.
    pub std_error: f64,
    /// Lower end of the gamma interval (Fay & Feuer 1997, Statistics in Medicine 16).
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

/// Direct standardisation: the group's own rates weighted with the standard's mix.
pub fn direct(strata: &[Stratum], level: f64) -> Result<Direct, RateError> {
    if !(level > 0.0 && level < 1.0) {
        return Err(RateError::Level);
    }
    let total: f64 = strata.iter().map(|s| s.standard).sum();
    if !(total.is_finite() && total > 0.0) {
        return Err(RateError::Exposure);
    }
    let (mut rate, mut variance, mut largest): (f64, f64, f64) = (0.0, 0.0, 0.0);
    for s in strata {
        if !(s.exposure.is_finite() && s.exposure > 0.0 && s.standard >= 0.0) {
            return Err(RateError::Exposure);
        }
        let weight = s.standard / total / s.exposure;
        rate += weight * s.events as f64;
        variance += weight * weight * s.events as f64;
        largest = largest.max(weight);
    }
    let tail = 0.5 * (1.0 - level);
    let low = if rate > 0.0 && variance > 0.0 {
        variance / rate * super::special::gamma_quantile(tail, rate * rate / variance)
    } else {
        0.0
    };
    let (top, spread) = (rate + largest, variance + largest * largest);
    let high = spread / top * super::special::gamma_quantile(1.0 - tail, top * top / spread);
    Ok(Direct {
        rate,
        std_error: variance.sqrt(),
        low,
        high,
    })
}
