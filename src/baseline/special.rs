//! Special functions and quantiles, computed on `libm` and plain arithmetic only, so that every
//! machine gets the same bits. Not responsible for any model; nothing here knows of incidents.

use libm::{exp, lgamma, log};

/// Natural logarithm of 2π, halved: the constant of Stirling's series.
const HALF_LN_TWO_PI: f64 = 0.918_938_533_204_672_8;

/// ln Γ(x) for x > 0; `NaN` elsewhere.
#[must_use]
pub fn ln_gamma(x: f64) -> f64 {
    if x <= 0.0 {
        return f64::NAN;
    }
    if x < 15.0 {
        return lgamma(x);
    }
    // Stirling's series, Abramowitz & Stegun 6.1.41; error below 1e-16 for x ≥ 15.
    let r = 1.0 / x;
    let r2 = r * r;
    (x - 0.5) * log(x) - x
        + HALF_LN_TWO_PI
        + r * (1.0 / 12.0
            - r2 * (1.0 / 360.0 - r2 * (1.0 / 1260.0 - r2 * (1.0 / 1680.0 - r2 / 1188.0))))
}

/// Digamma ψ(x) and trigamma ψ′(x) for x > 0.
///
/// Recurrence up to x ≥ 8, then the asymptotic series (Abramowitz & Stegun 6.3.18, 6.4.12);
/// relative error below 1e-11.
#[must_use]
pub fn digamma_trigamma(mut x: f64) -> (f64, f64) {
    let (mut psi, mut tri) = (0.0, 0.0);
    while x < 8.0 {
        let r = 1.0 / x;
        psi -= r;
        tri += r * r;
        x += 1.0;
    }
    let r = 1.0 / x;
    let r2 = r * r;
    psi += log(x)
        - 0.5 * r
        - r2 * (1.0 / 12.0
            - r2 * (1.0 / 120.0
                - r2 * (1.0 / 252.0
                    - r2 * (1.0 / 240.0 - r2 * (1.0 / 132.0 - r2 * 0.021_092_796_092_796_1)))));
    tri += r
        + 0.5 * r2
        + r * r2
            * (1.0 / 6.0
                - r2 * (1.0 / 30.0
                    - r2 * (1.0 / 42.0
                        - r2 * (1.0 / 30.0 - r2 * (5.0 / 66.0 - r2 * 0.253_113_553_113_553_1)))));
    (psi, tri)
}

/// Standard normal distribution function.
#[must_use]
pub fn normal_cdf(x: f64) -> f64 {
    0.5 * libm::erfc(-x * std::f64::consts::FRAC_1_SQRT_2)
}

/// Standard normal quantile for p in (0, 1); ±∞ at the ends.
///
/// Acklam's rational approximation, refined by one Halley step on [`normal_cdf`].
#[must_use]
pub fn normal_quantile(p: f64) -> f64 {
    if p.is_nan() || p <= 0.0 {
        return f64::NEG_INFINITY;
    }
    if p >= 1.0 {
        return f64::INFINITY;
    }
    const A: [f64; 6] = [
        -3.969_683_028_665_376e1,
        2.209_460_984_245_205e2,
        -2.759_285_104_469_687e2,
        1.383_577_518_672_69e2,
        -3.066_479_806_614_716e1,
        2.506_628_277_459_239,
    ];
    const B: [f64; 5] = [
        -5.447_609_879_822_406e1,
        1.615_858_368_580_409e2,
        -1.556_989_798_598_866e2,
        6.680_131_188_771_972e1,
        -1.328_068_155_288_572e1,
    ];
    const C: [f64; 6] = [
        -7.784_894_002_430_293e-3,
        -3.223_964_580_411_365e-1,
        -2.400_758_277_161_838,
        -2.549_732_539_343_734,
        4.374_664_141_464_968,
        2.938_163_982_698_783,
    ];
    const D: [f64; 4] = [
        7.784_695_709_041_462e-3,
        3.224_671_290_700_398e-1,
        2.445_134_137_142_996,
        3.754_408_661_907_416,
    ];
    let tail = |q: f64| {
        (((((C[0] * q + C[1]) * q + C[2]) * q + C[3]) * q + C[4]) * q + C[5])
            / ((((D[0] * q + D[1]) * q + D[2]) * q + D[3]) * q + 1.0)
    };
    let x = if p < 0.024_25 {
        tail((-2.0 * log(p)).sqrt())
    } else if p > 1.0 - 0.024_25 {
        -tail((-2.0 * log(1.0 - p)).sqrt())
    } else {
        let q = p - 0.5;
        let r = q * q;
        (((((A[0] * r + A[1]) * r + A[2]) * r + A[3]) * r + A[4]) * r + A[5]) * q
            / (((((B[0] * r + B[1]) * r + B[2]) * r + B[3]) * r + B[4]) * r + 1.0)
    };
    let e = normal_cdf(x) - p;
    let u = e * (std::f64::consts::TAU).sqrt() * exp(0.5 * x * x);
    x - u / (1.0 + 0.5 * x * u)
}

/// Regularised incomplete beta function I_x(a, b) for a, b > 0 and x in [0, 1].
///
/// Lentz's continued fraction (Press et al., Numerical Recipes 3rd ed., 6.4).
#[must_use]
pub fn beta_cdf(x: f64, a: f64, b: f64) -> f64 {
    if x <= 0.0 {
        return 0.0;
    }
    if x >= 1.0 {
        return 1.0;
    }
    let front = exp(ln_gamma(a + b) - ln_gamma(a) - ln_gamma(b) + a * log(x) + b * libm::log1p(-x));
    if x < (a + 1.0) / (a + b + 2.0) {
        front * beta_fraction(x, a, b) / a
    } else {
        1.0 - front * beta_fraction(1.0 - x, b, a) / b
    }
}

fn beta_fraction(x: f64, a: f64, b: f64) -> f64 {
    const TINY: f64 = 1e-300;
    let away = |v: f64| if v.abs() < TINY { TINY } else { v };
    let mut c = 1.0;
    let mut d = 1.0 / away(1.0 - (a + b) * x / (a + 1.0));
    let mut h = d;
    for m in 1..2_000 {
        let m = f64::from(m);
        let even = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
        d = 1.0 / away(1.0 + even * d);
        c = away(1.0 + even / c);
        h *= d * c;
        let odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
        d = 1.0 / away(1.0 + odd * d);
        c = away(1.0 + odd / c);
        let step = d * c;
        h *= step;
        if (step - 1.0).abs() < 1e-16 {
            break;
        }
    }
    h
}

/// Regularised lower incomplete gamma function P(a, x) for a > 0 and x ≥ 0.
///
/// Series below a + 1, Lentz's continued fraction above (Numerical Recipes 3rd ed., 6.2).
#[must_use]
pub fn gamma_cdf(x: f64, a: f64) -> f64 {
    if x <= 0.0 {
        return 0.0;
    }
    let front = exp(a * log(x) - x - ln_gamma(a));
    if x < a + 1.0 {
        let mut term = 1.0 / a;
        let mut sum = term;
        let mut n = a;
        for _ in 0..100_000 {
            n += 1.0;
            term *= x / n;
            sum += term;
            if term < sum * 1e-17 {
                break;
            }
        }
        (sum * front).min(1.0)
    } else {
        const TINY: f64 = 1e-300;
        let mut b = x + 1.0 - a;
        let mut c = 1.0 / TINY;
        let mut d = 1.0 / b;
        let mut h = d;
        for i in 1..100_000 {
            let i = f64::from(i);
            let an = -i * (i - a);
            b += 2.0;
            d = an * d + b;
            d = 1.0 / if d.abs() < TINY { TINY } else { d };
            c = b + an / c;
            if c.abs() < TINY {
                c = TINY;
            }
            let step = d * c;
            h *= step;
            if (step - 1.0).abs() < 1e-16 {
                break;
            }
        }
        (1.0 - front * h).max(0.0)
    }
}

/// The root of a function that rises over `[low, high]`, by bisection to the last bit or 200
/// halvings: slow and the same everywhere.
pub(crate) fn bisect(mut low: f64, mut high: f64, rises: impl Fn(f64) -> f64) -> f64 {
    for _ in 0..200 {
        let middle = 0.5 * (low + high);
        if middle <= low || middle >= high {
            break;
        }
        if rises(middle) < 0.0 {
            low = middle;
        } else {
            high = middle;
        }
    }
    0.5 * (low + high)
}

/// Quantile of the gamma distribution with shape `a` and unit scale; p in (0, 1).
#[must_use]
pub fn gamma_quantile(p: f64, a: f64) -> f64 {
    if p <= 0.0 {
        return 0.0;
    }
    let mut high = a + 10.0 * a.sqrt() + 10.0;
    while gamma_cdf(high, a) < p && high < 1e300 {
        high *= 2.0;
    }
    bisect(0.0, high, |x| gamma_cdf(x, a) - p)
}

/// Quantile of the beta distribution; p in (0, 1).
#[must_use]
pub fn beta_quantile(p: f64, a: f64, b: f64) -> f64 {
    bisect(0.0, 1.0, |x| beta_cdf(x, a, b) - p)
}

/// Distribution function of Student's t with `df` > 0 degrees of freedom.
#[must_use]
pub fn t_cdf(t: f64, df: f64) -> f64 {
    let tail = 0.5 * beta_cdf(df / (df + t * t), 0.5 * df, 0.5);
    if t > 0.0 { 1.0 - tail } else { tail }
}

/// Quantile of Student's t for p in (0, 1) and `df` ≥ 1; degrees of freedom need not be whole.
#[must_use]
pub fn t_quantile(p: f64, df: f64) -> f64 {
    if df > 1e7 {
        return normal_quantile(p);
    }
    if p < 0.5 {
        return -t_quantile(1.0 - p, df);
    }
    // Start from Hill (1970), Algorithm 396 in its expansion form (Abramowitz & Stegun 26.7.5).
    let z = normal_quantile(p);
    let z2 = z * z;
    let start = z
        + z * (z2 + 1.0) / (4.0 * df)
        + z * ((5.0 * z2 + 16.0) * z2 + 3.0) / (96.0 * df * df)
        + z * (((3.0 * z2 + 19.0) * z2 + 17.0) * z2 - 15.0) / (384.0 * df * df * df);
    if df < 4.0 {
        let mut high = 2.0 * start.max(1.0);
        while t_cdf(high, df) < p && high < 1e12 {
            high *= 2.0;
        }
        return bisect(0.0, high, |x| t_cdf(x, df) - p);
    }
    let ln_scale =
        ln_gamma(0.5 * (df + 1.0)) - ln_gamma(0.5 * df) - 0.5 * log(df * std::f64::consts::PI);
    let mut x = start;
    for _ in 0..60 {
        let density = exp(ln_scale - 0.5 * (df + 1.0) * libm::log1p(x * x / df));
        let step = (t_cdf(x, df) - p) / density;
        x -= step;
        if step.abs() < 1e-13 * x.abs().max(1.0) {
            break;
        }
    }
    x
}

/// Rounds half away from zero to `decimals` places: the declared rounding of every statistic
/// before money depends on it. A value that is not finite becomes `None`.
#[must_use]
pub fn round_to(value: f64, decimals: u32) -> Option<f64> {
    if !value.is_finite() {
        return None;
    }
    let mut scale = 1.0;
    for _ in 0..decimals.min(15) {
        scale *= 10.0;
    }
    let scaled = value * scale;
    if !scaled.is_finite() || scaled.abs() > 9e15 {
        return Some(value);
    }
    // Adding zero turns a negative zero into zero, so that it prints alike everywhere.
    Some(libm::round(scaled) / scale + 0.0)
}
