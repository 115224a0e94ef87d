//! [`Decimal`]: a whole number of up to 38 digits with a decimal point in it, and how to round
//! one. Not responsible for reading or writing text (see the sibling `text`).

use std::cmp::Ordering;
use std::hash::{Hash, Hasher};

use super::MoneyError;

/// The most decimals a [`Decimal`] can have.
pub(super) const MAX_SCALE: u8 = 38;

/// Powers of ten that fit an `i128`: 10^0 to 10^38.
const POW10: [i128; 39] = {
    let mut table = [1_i128; 39];
    let mut i = 1;
    while i < 39 {
        table[i] = table[i - 1] * 10;
        i += 1;
    }
    table
};

fn pow10(exponent: u32) -> Result<i128, MoneyError> {
    POW10
        .get(exponent as usize)
        .copied()
        .ok_or(MoneyError::Overflow)
}

/// How a value between two neighbours is rounded.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Default,
    serde::Serialize,
    serde::Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Rounding {
    /// To the nearest; a tie goes away from zero (the commercial rule): 0.125 → 0.13,
    /// −0.125 → −0.13.
    #[default]
    HalfUp,
    /// To the nearest; a tie goes to the even neighbour: 0.125 → 0.12.
    HalfEven,
    /// Towards zero: 0.129 → 0.12, −0.129 → −0.12.
    Down,
}

/// An exact decimal number: `mantissa × 10^-scale`, at most 38 digits and 38 decimals.
///
/// Sums and products are exact or an error, never rounded. Two decimals are equal when their
/// values are: `1.50 == 1.5`. The written form keeps the scale; [`Decimal::normalized`] drops
/// trailing zeros.
#[derive(Debug, Clone, Copy, Default)]
pub struct Decimal {
    // Invariant: mantissa > i128::MIN, so that negation is total; scale ≤ MAX_SCALE.
    mantissa: i128,
    scale: u8,
}

impl Decimal {
    /// Zero.
    pub const ZERO: Decimal = Decimal {
        mantissa: 0,
        scale: 0,
    };
    /// One.
    pub const ONE: Decimal = Decimal {
        mantissa: 1,
        scale: 0,
    };

    /// `mantissa × 10^-scale`.
    ///
    /// # Errors
    /// More than 38 decimals, or a mantissa of `i128::MIN`.
    pub fn new(mantissa: i128, scale: u8) -> Result<Decimal, MoneyError> {
        if scale > MAX_SCALE {
            return Err(MoneyError::Scale(u32::from(scale)));
        }
        if mantissa == i128::MIN {
            return Err(MoneyError::Overflow);
        }
        Ok(Decimal { mantissa, scale })
    }

    /// A whole number.
    #[must_use]
    pub const fn from_i64(value: i64) -> Decimal {
        Decimal {
            mantissa: value as i128,
            scale: 0,
        }
    }

    /// A whole number.
    #[must_use]
    pub const fn from_u64(value: u64) -> Decimal {
        Decimal {
            mantissa: value as i128,
            scale: 0,
        }
    }

    /// `hundredths / 100`: a literal such as 12.34 as `from_cents(1234)`.
    #[must_use]
    pub const fn from_cents(hundredths: i64) -> Decimal {
        Decimal {
            mantissa: hundredths as i128,
            scale: 2,
        }
    }

    /// The whole number that, with [`Decimal::scale`], makes the value.
    #[must_use]
    pub const fn mantissa(self) -> i128 {
        self.mantissa
    }

    /// The number of decimals kept, trailing zeros included.
    #[must_use]
    pub const fn scale(self) -> u8 {
        self.scale
    }

    /// Whether the value is zero.
    #[must_use]
    pub const fn is_zero(self) -> bool {
        self.mantissa == 0
    }

    /// Whether the value is below zero.
    #[must_use]
    pub const fn is_negative(self) -> bool {
        self.mantissa < 0
    }

    /// Whether the value is above zero.
    #[must_use]
    pub const fn is_positive(self) -> bool {
        self.mantissa > 0
    }

    /// The value without its sign.
    #[must_use]
    pub const fn abs(self) -> Decimal {
        Decimal {
            mantissa: self.mantissa.abs(),
            scale: self.scale,
        }
    }

    /// The same value without trailing zeros: 1.50 → 1.5, 0.00 → 0.
    #[must_use]
    pub fn normalized(self) -> Decimal {
        if self.mantissa == 0 {
            return Decimal::ZERO;
        }
        let (mut mantissa, mut scale) = (self.mantissa, self.scale);
        if let Ok(mut small) = i64::try_from(mantissa) {
            while scale > 0 && small % 10 == 0 {
                small /= 10;
                scale -= 1;
            }
            return Decimal {
                mantissa: i128::from(small),
                scale,
            };
        }
        while scale > 0 && mantissa % 10 == 0 {
            mantissa /= 10;
            scale -= 1;
        }
        Decimal { mantissa, scale }
    }

    /// The same value written with at least `scale` decimals.
    ///
    /// # Errors
    /// [`MoneyError::Overflow`] when the padded form needs more than 38 digits.
    pub fn padded(self, scale: u8) -> Result<Decimal, MoneyError> {
        if scale <= self.scale {
            return Ok(self);
        }
        Decimal::new(self.mantissa_at(scale)?, scale)
    }

    fn mantissa_at(self, scale: u8) -> Result<i128, MoneyError> {
        if scale <= self.scale {
            return Ok(self.mantissa);
        }
        let power = pow10(u32::from(scale - self.scale))?;
        // Two 64-bit factors are the common case and cannot overflow.
        match (i64::try_from(self.mantissa), i64::try_from(power)) {
            (Ok(a), Ok(b)) => Ok(i128::from(a) * i128::from(b)),
            _ => in_range(self.mantissa.checked_mul(power)),
        }
    }

    fn add_aligned(self, rhs: Decimal, sign: i128) -> Result<Decimal, MoneyError> {
        if self.scale == rhs.scale {
            // The common case of two amounts of one currency.
            let mantissa = in_range(self.mantissa.checked_add(rhs.mantissa * sign))?;
            return Ok(Decimal {
                mantissa,
                scale: self.scale,
            });
        }
        let scale = self.scale.max(rhs.scale);
        let left = self.mantissa_at(scale)?;
        let right = rhs.mantissa_at(scale)?;
        Ok(Decimal {
            mantissa: in_range(left.checked_add(right * sign))?,
            scale,
        })
    }

    /// The exact sum.
    ///
    /// # Errors
    /// [`MoneyError::Overflow`] when it does not fit exactly.
    pub fn checked_add(self, rhs: Decimal) -> Result<Decimal, MoneyError> {
        self.add_aligned(rhs, 1)
            .or_else(|_| self.normalized().add_aligned(rhs.normalized(), 1))
    }

    /// The exact difference.
    ///
    /// # Errors
    /// [`MoneyError::Overflow`] when it does not fit exactly.
    pub fn checked_sub(self, rhs: Decimal) -> Result<Decimal, MoneyError> {
        self.add_aligned(rhs, -1)
            .or_else(|_| self.normalized().add_aligned(rhs.normalized(), -1))
    }

    fn mul_plain(self, rhs: Decimal) -> Result<Decimal, MoneyError> {
        let scale = self.scale + rhs.scale;
        if scale > MAX_SCALE {
            return Err(MoneyError::Overflow);
        }
        let product = match (i64::try_from(self.mantissa), i64::try_from(rhs.mantissa)) {
            // Two 64-bit factors cannot overflow 128 bits, and this is the common case.
            (Ok(a), Ok(b)) => i128::from(a) * i128::from(b),
            _ => in_range(self.mantissa.checked_mul(rhs.mantissa))?,
        };
        Ok(Decimal {
            mantissa: product,
            scale,
        })
    }

    /// The exact product.
    ///
    /// # Errors
    /// [`MoneyError::Overflow`] when it does not fit exactly.
    pub fn checked_mul(self, rhs: Decimal) -> Result<Decimal, MoneyError> {
        self.mul_plain(rhs)
            .or_else(|_| self.normalized().mul_plain(rhs.normalized()))
    }

    /// The value rounded to at most `scale` decimals; a value with fewer decimals is unchanged.
    #[must_use]
    pub fn round(self, scale: u8, rounding: Rounding) -> Decimal {
        if self.scale <= scale {
            return self;
        }
        let drop = usize::from(self.scale - scale);
        let Some(&divisor) = POW10.get(drop) else {
            return self;
        };
        let mantissa = divide_rounded(self.mantissa, divisor, rounding);
        Decimal { mantissa, scale }
    }

    /// `self / rhs`, rounded to `scale` decimals.
    ///
    /// # Errors
    /// Division by zero; [`MoneyError::Overflow`] when the quotient or a step on the way to it
    /// needs more than 38 digits.
    pub fn div(self, rhs: Decimal, scale: u8, rounding: Rounding) -> Result<Decimal, MoneyError> {
        if rhs.is_zero() {
            return Err(MoneyError::DivisionByZero);
        }
        if scale > MAX_SCALE {
            return Err(MoneyError::Scale(u32::from(scale)));
        }
        let (a, b) = (self.normalized(), rhs.normalized());
        let shift = i32::from(scale) + i32::from(b.scale) - i32::from(a.scale);
        let (mut numerator, mut divisor) = (a.mantissa, b.mantissa);
        if divisor < 0 {
            (numerator, divisor) = (-numerator, -divisor);
        }
        let mantissa = if shift < 0 {
            let wide = in_range(divisor.checked_mul(pow10(shift.unsigned_abs())?))?;
            divide_rounded(numerator, wide, rounding)
        } else if let Some(shifted) = pow10(shift.unsigned_abs())
            .ok()
            .and_then(|p| numerator.checked_mul(p))
        {
            divide_rounded(shifted, divisor, rounding)
        } else {
            long_division(numerator, divisor, shift.unsigned_abs(), rounding)?
        };
        Decimal::new(mantissa, scale)
    }

    /// The whole number, if the value is one and fits.
    #[must_use]
    pub fn to_i64(self) -> Option<i64> {
        let n = self.normalized();
        if n.scale == 0 {
            i64::try_from(n.mantissa).ok()
        } else {
            None
        }
    }

    /// The nearest double, for plots and statistics; never to be turned back into money.
    #[must_use]
    pub fn to_f64_lossy(self) -> f64 {
        // Text to float is correctly rounded; mantissa / 10^scale would round twice.
        self.to_string().parse().unwrap_or(f64::NAN)
    }

    /// A float as a decimal of `decimals` decimals, correctly rounded from the float's exact
    /// binary value: the one door from statistics into money.
    ///
    /// # Errors
    /// NaN, an infinity, more than 38 digits.
    pub fn from_f64_rounded(value: f64, decimals: u8) -> Result<Decimal, MoneyError> {
        if !value.is_finite() {
            return Err(MoneyError::NotFinite(value.to_string()));
        }
        if decimals > MAX_SCALE {
            return Err(MoneyError::Scale(u32::from(decimals)));
        }
        if value.abs() >= 1e38 {
            return Err(MoneyError::Overflow);
        }
        format!("{value:.*}", usize::from(decimals)).parse()
    }

    /// The lesser of two.
    #[must_use]
    pub fn min(self, rhs: Decimal) -> Decimal {
        if rhs < self { rhs } else { self }
    }

    /// The greater of two.
    #[must_use]
    pub fn max(self, rhs: Decimal) -> Decimal {
        if rhs > self { rhs } else { self }
    }
}

fn in_range(value: Option<i128>) -> Result<i128, MoneyError> {
    match value {
        Some(v) if v != i128::MIN => Ok(v),
        _ => Err(MoneyError::Overflow),
    }
}

/// `numerator / divisor` for a positive divisor.
fn divide_rounded(numerator: i128, divisor: i128, rounding: Rounding) -> i128 {
    // A 128-bit division costs many times a 64-bit one, and most amounts fit in 64 bits.
    let (quotient, rest) = match (i64::try_from(numerator), i64::try_from(divisor)) {
        (Ok(n), Ok(d)) => (i128::from(n / d), u128::from((n % d).unsigned_abs())),
        _ => (numerator / divisor, (numerator % divisor).unsigned_abs()),
    };
    if bump(quotient, rest, divisor.unsigned_abs(), rounding) {
        quotient + numerator.signum()
    } else {
        quotient
    }
}

/// Whether a remainder moves the quotient away from zero.
fn bump(quotient: i128, rest: u128, divisor: u128, rounding: Rounding) -> bool {
    if rest == 0 || rounding == Rounding::Down {
        return false;
    }
    match rest.cmp(&(divisor - rest)) {
        Ordering::Greater => true,
        Ordering::Less => false,
        Ordering::Equal => rounding == Rounding::HalfUp || quotient % 2 != 0,
    }
}

/// Digit by digit, for a numerator that would overflow when shifted.
fn long_division(
    numerator: i128,
    divisor: i128,
    digits: u32,
    rounding: Rounding,
) -> Result<i128, MoneyError> {
    let divisor = divisor.unsigned_abs();
    let mut quotient = numerator.unsigned_abs() / divisor;
    let mut rest = numerator.unsigned_abs() % divisor;
    for _ in 0..digits {
        rest = rest.checked_mul(10).ok_or(MoneyError::Overflow)?;
        quotient = quotient
            .checked_mul(10)
            .and_then(|q| q.checked_add(rest / divisor))
            .ok_or(MoneyError::Overflow)?;
        rest %= divisor;
    }
    let quotient = i128::try_from(quotient).map_err(|_| MoneyError::Overflow)?;
    let rounded = if bump(quotient, rest, divisor, rounding) {
        quotient.checked_add(1)
    } else {
        Some(quotient)
    };
    in_range(rounded.map(|q| q * numerator.signum()))
}

impl std::ops::Neg for Decimal {
    type Output = Decimal;

    fn neg(self) -> Decimal {
        Decimal {
            mantissa: -self.mantissa,
            scale: self.scale,
        }
    }
}

impl PartialEq for Decimal {
    fn eq(&self, other: &Decimal) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Decimal {}

impl PartialOrd for Decimal {
    fn partial_cmp(&self, other: &Decimal) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Decimal {
    fn cmp(&self, other: &Decimal) -> Ordering {
        if self.scale == other.scale {
            return self.mantissa.cmp(&other.mantissa);
        }
        let scale = self.scale.max(other.scale);
        match (self.mantissa_at(scale), other.mantissa_at(scale)) {
            (Ok(a), Ok(b)) => a.cmp(&b),
            _ => compare_parts(*self, *other),
        }
    }
}

/// Compares by whole part, then by fraction, neither of which can overflow.
fn compare_parts(a: Decimal, b: Decimal) -> Ordering {
    let parts = |d: Decimal| {
        let one = POW10.get(usize::from(d.scale)).copied().unwrap_or(1);
        let fraction = d.mantissa % one;
        let up = POW10
            .get(usize::from(MAX_SCALE - d.scale))
            .copied()
            .unwrap_or(1);
        // |fraction| < 10^scale, hence below 10^38 after padding.
        (d.mantissa / one, fraction * up)
    };
    parts(a).cmp(&parts(b))
}

impl Hash for Decimal {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let n = self.normalized();
        n.mantissa.hash(state);
        n.scale.hash(state);
    }
}

impl From<i64> for Decimal {
    fn from(value: i64) -> Decimal {
        Decimal::from_i64(value)
    }
}

impl From<u64> for Decimal {
    fn from(value: u64) -> Decimal {
        Decimal::from_u64(value)
    }
}

impl From<i32> for Decimal {
    fn from(value: i32) -> Decimal {
        Decimal::from_i64(i64::from(value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn d(text: &str) -> Decimal {
        text.parse().unwrap()
    }

    #[test]
    fn sums_and_products_are_exact_or_an_error() {
        assert_eq!(d("0.1").checked_add(d("0.2")).unwrap(), d("0.3"));
        assert_eq!(
            d("1.005").checked_mul(d("100")).unwrap().to_string(),
            "100.500"
        );
        let huge = d("99999999999999999999999999999999999999");
        assert_eq!(huge.checked_mul(huge), Err(MoneyError::Overflow));
        assert_eq!(huge.checked_add(d("0.01")), Err(MoneyError::Overflow));
        // Trailing zeros never cause an overflow.
        let padded = Decimal::new(5 * 10_i128.pow(30), 30).unwrap();
        assert_eq!(padded.checked_mul(padded).unwrap(), d("25"));
    }

    #[test]
    fn rounding_follows_the_named_rule() {
        for (text, up, even, down) in [
            ("0.125", "0.13", "0.12", "0.12"),
            ("-0.125", "-0.13", "-0.12", "-0.12"),
            ("0.135", "0.14", "0.14", "0.13"),
            ("-0.129", "-0.13", "-0.13", "-0.12"),
            ("7", "7", "7", "7"),
        ] {
            assert_eq!(d(text).round(2, Rounding::HalfUp), d(up), "{text}");
            assert_eq!(d(text).round(2, Rounding::HalfEven), d(even), "{text}");
            assert_eq!(d(text).round(2, Rounding::Down), d(down), "{text}");
        }
    }

    #[test]
    fn division_names_its_decimals() {
        assert_eq!(
            d("1").div(d("3"), 4, Rounding::HalfUp).unwrap().to_string(),
            "0.3333"
        );
        assert_eq!(
            d("-2")
                .div(d("3"), 4, Rounding::HalfUp)
                .unwrap()
                .to_string(),
            "-0.6667"
        );
        assert_eq!(
            d("2").div(d("-3"), 0, Rounding::Down).unwrap().to_string(),
            "0"
        );
        assert_eq!(
            d("1").div(d("0.00"), 2, Rounding::HalfUp),
            Err(MoneyError::DivisionByZero)
        );
        // Needs the digit-by-digit path: 38 digits of numerator and 10 of shift.
        let q = d("12345678901234567890123456789")
            .div(d("7"), 9, Rounding::Down)
            .unwrap();
        assert_eq!(q.to_string(), "1763668414462081127160493827.000000000");
    }

    #[test]
    fn floats_enter_by_one_door_only() {
        assert_eq!(
            Decimal::from_f64_rounded(2.675, 2).unwrap().to_string(),
            "2.67"
        );
        assert!(matches!(
            Decimal::from_f64_rounded(f64::NAN, 2),
            Err(MoneyError::NotFinite(_))
        ));
        assert!(Decimal::from_f64_rounded(f64::INFINITY, 2).is_err());
        assert_eq!(
            Decimal::from_f64_rounded(1e40, 2),
            Err(MoneyError::Overflow)
        );
        assert_eq!(d("0.1").to_f64_lossy(), 0.1);
    }

    #[test]
    fn order_and_equality_are_by_value() {
        assert_eq!(d("1.50"), d("1.5"));
        assert!(d("-1") < d("-0.99"));
        let big = d("10000000000000000000000000000000000000");
        assert!(big > d("0.00000000000000000000000000000000000001"));
        assert!(-big < d("-0.00000000000000000000000000000000000001"));
    }

    proptest! {
        #[test]
        fn agrees_with_integers(a in -1_000_000_000_i64..1_000_000_000, b in -1_000_000_000_i64..1_000_000_000,
                                s in 0_u8..9, t in 0_u8..9) {
            let (x, y) = (Decimal::new(i128::from(a), s).unwrap(), Decimal::new(i128::from(b), t).unwrap());
            let m = u32::from(s.max(t));
            let (xa, ya) = (i128::from(a) * 10_i128.pow(m - u32::from(s)), i128::from(b) * 10_i128.pow(m - u32::from(t)));
            prop_assert_eq!(x.cmp(&y), xa.cmp(&ya));
            prop_assert_eq!(compare_parts(x, y), xa.cmp(&ya));
            prop_assert_eq!(x.checked_add(y).unwrap(), Decimal::new(xa + ya, s.max(t)).unwrap());
            prop_assert_eq!(x.checked_mul(y).unwrap(), Decimal::new(i128::from(a) * i128::from(b), s + t).unwrap());
            prop_assert_eq!(x.to_string().parse::<Decimal>().unwrap(), x);
            if b != 0 {
                // A quotient times its divisor is within half a unit of the dividend.
                let q = x.div(y, 12, Rounding::HalfEven).unwrap();
                let back = q.checked_mul(y).unwrap().checked_sub(x).unwrap().abs();
                let half = Decimal::new(5, 13).unwrap().checked_mul(y.abs()).unwrap();
                prop_assert!(back <= half);
            }
        }

        #[test]
        fn long_division_agrees_with_short(a in any::<i64>(), b in 1_i64..i64::MAX, k in 0_u32..19) {
            for rounding in [Rounding::HalfUp, Rounding::HalfEven, Rounding::Down] {
                let short = divide_rounded(i128::from(a) * 10_i128.pow(k), i128::from(b), rounding);
                let long = long_division(i128::from(a), i128::from(b), k, rounding).unwrap();
                prop_assert_eq!(short, long);
            }
        }
    }
}
