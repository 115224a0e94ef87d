//! From the text of a number or a duration to an exact value, by the declared signs and units.
//! Not responsible for other kinds of values (see [`super::value`]).

use super::value::{Problem, STORE_SCALE};
use crate::config::mapping::{Mapping, Minus, Unit};
use crate::money::Decimal;

/// Digits before the decimal sign that are kept.
const DIGITS: u32 = 16;
/// One, in units of the store.
const ONE: i128 = 10i128.pow(STORE_SCALE as u32);

/// How the numbers of a column are written.
#[derive(Debug, Clone)]
pub(super) struct Numbers {
    decimal: char,
    thousands: Option<char>,
    minus: Minus,
    units: Vec<Unit>,
}

impl Numbers {
    /// By a mapping; `units` are those of a column with durations.
    pub(super) fn new(mapping: &Mapping, units: &[Unit]) -> Numbers {
        Numbers {
            decimal: mapping.decimal.chars().next().unwrap_or('.'),
            thousands: mapping.thousands.as_ref().and_then(|t| t.chars().next()),
            minus: mapping.minus,
            units: if units.is_empty() {
                vec![Unit::Seconds]
            } else {
                units.to_vec()
            },
        }
    }

    /// A whole number of at least 0.
    pub(super) fn whole(&self, text: &str) -> Result<i64, Problem> {
        match text.parse::<i64>() {
            Ok(n) if n >= 0 => Ok(n),
            Ok(_) => Err(Problem::Negative),
            Err(_) => at_least_0(self.units(text)?),
        }
    }

    /// A duration in whole seconds of at least 0, in the first declared unit that fits.
    pub(super) fn seconds(&self, text: &str) -> Result<i64, Problem> {
        let mut problem = Problem::Number;
        for unit in &self.units {
            match self.duration(text, *unit) {
                Ok(seconds) => return Ok(seconds),
                Err(p) => problem = p,
            }
        }
        Err(problem)
    }

    fn duration(&self, text: &str, unit: Unit) -> Result<i64, Problem> {
        let times = |factor: i128| {
            let units = self.units(text)?.checked_mul(factor);
            units.ok_or(Problem::NumberRange)
        };
        match unit {
            Unit::Seconds => at_least_0(times(1)?),
            Unit::Minutes => at_least_0(times(60)?),
            Unit::Hours => at_least_0(times(3600)?),
            Unit::Milliseconds => {
                let whole = times(1)?.div_euclid(1000 * ONE);
                at_least_0(whole * ONE)
            }
            Unit::Days => {
                let units = times(86_400)?;
                at_least_0((units + ONE / 2).div_euclid(ONE) * ONE)
            }
            Unit::Clock => clock(text).ok_or(Problem::Number),
            Unit::Since1970 => since_1970(text).ok_or(Problem::Number),
            Unit::Words => words(text).ok_or(Problem::Number),
        }
    }

    /// The number in units of 10^-15, exactly.
    pub(super) fn units(&self, text: &str) -> Result<i128, Problem> {
        let (negative, text) = self.without_minus(text);
        let plain;
        let text = if self.decimal == '.' && self.thousands.is_none() {
            text
        } else {
            plain = text
                .chars()
                .filter(|c| !self.is_between_thousands(*c))
                .map(|c| if c == self.decimal { '.' } else { c })
                .collect::<String>();
            plain.as_str()
        };
        let number: Decimal = text.parse().map_err(|_| Problem::Number)?;
        let padded = number
            .normalized()
            .padded(STORE_SCALE)
            .map_err(|_| Problem::NumberRange)?;
        // Sums over any file, and amounts times days, then fit as well.
        let bound = ONE * 10i128.pow(DIGITS);
        if padded.scale() != STORE_SCALE || padded.mantissa().abs() >= bound {
            return Err(Problem::NumberRange);
        }
        match (negative, padded.mantissa()) {
            // Two signs are no number.
            (true, m) if m < 0 => Err(Problem::Number),
            (true, m) => Ok(-m),
            (false, m) => Ok(m),
        }
    }

    /// A space between thousands may be any of the spaces that do not break a line.
    fn is_between_thousands(&self, c: char) -> bool {
        match self.thousands {
            Some(' ') => matches!(c, ' ' | '\u{a0}' | '\u{202f}'),
            // Swiss exports write either apostrophe.
            Some('\'') => matches!(c, '\'' | '\u{2019}'),
            Some(t) => c == t,
            None => false,
        }
    }

    fn without_minus<'a>(&self, text: &'a str) -> (bool, &'a str) {
        let inner = match self.minus {
            Minus::Leading => None,
            Minus::Trailing => text.strip_suffix('-').map(str::trim_end),
            Minus::Parentheses => text
                .strip_prefix('(')
                .and_then(|t| t.strip_suffix(')'))
                .map(str::trim),
        };
        match inner {
            Some(inner) => (true, inner),
            None => (false, text),
        }
    }
}

/// A number in units of the store as a whole number of at least 0.
fn at_least_0(units: i128) -> Result<i64, Problem> {
    if units < 0 {
        return Err(Problem::Negative);
    }
    if units % ONE != 0 {
        return Err(Problem::Number);
    }
    i64::try_from(units / ONE).map_err(|_| Problem::NumberRange)
}

/// `hh:mm` or `hh:mm:ss`; a fraction of the last second is cut.
fn clock(text: &str) -> Option<i64> {
    let mut parts = text.split(':');
    let number = |part: &str, limit: i64| {
        let whole = part.bytes().all(|b| b.is_ascii_digit());
        let n: i64 = part.parse().ok().filter(|_| whole)?;
        (n < limit).then_some(n)
    };
    let hours = number(parts.next()?, 10_000_000)?;
    let minutes = number(parts.next()?, 60)?;
    let seconds = match parts.next() {
        None => 0,
        Some(part) => {
            let (whole, fraction) = part.split_once('.').unwrap_or((part, "0"));
            number(fraction, i64::MAX)?;
            number(whole, 60)?
        }
    };
    parts
        .next()
        .is_none()
        .then_some(hours * 3600 + minutes * 60 + seconds)
}

/// A moment as the time since the first of January 1970, as ServiceNow keeps durations.
fn since_1970(text: &str) -> Option<i64> {
    let (date, time) = text.split_once([' ', 'T'])?;
    let date: crate::time::Date = date.parse().ok()?;
    let seconds = clock(time.trim_end_matches('Z')).filter(|s| *s < 86_400)?;
    let total = i64::from(date.days_since_epoch()) * 86_400 + seconds;
    (total >= 0).then_some(total)
}

/// `2 Days 3 Hours 10 Minutes 5 Seconds`, each part once and in that order.
fn words(text: &str) -> Option<i64> {
    const UNITS: [(&str, i64); 4] = [
        ("day", 86_400),
        ("hour", 3600),
        ("minute", 60),
        ("second", 1),
    ];
    let mut words = text.split([' ', ',']).filter(|w| !w.is_empty());
    let mut total = 0i64;
    let mut next = 0usize;
    while let Some(count) = words.next() {
        let count: u32 = count.parse().ok()?;
        let word = words.next()?.to_ascii_lowercase();
        let singular = word.strip_suffix('s').unwrap_or(&word);
        let at = UNITS.iter().position(|(name, _)| *name == singular)?;
        if at < next {
            return None;
        }
        next = at + 1;
        total = total.checked_add(i64::from(count).checked_mul(UNITS.get(at)?.1)?)?;
    }
    (next > 0).then_some(total)
}
