//! Dated exchange rates: which rate stands for a date, and conversion with it. Not responsible
//! for reading rate files.

use std::collections::BTreeMap;

use super::{Currency, Decimal, MoneyError, Rounding};
use crate::time::Date;

/// A rate and the day it is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quote {
    /// The day of publication, on or before the day asked for.
    pub date: Date,
    /// Units of the `to` currency for one unit of `from`, as published.
    pub rate: Decimal,
    /// Whether the published pair is the other way round, so that one divides.
    pub inverse: bool,
}

/// Dated rates from one source. Weekends and holidays are missing in such tables: the last
/// earlier rate stands for them, up to `max_age_days`.
#[derive(Debug, Clone, Default)]
pub struct FxRates {
    rates: BTreeMap<(Currency, Currency), BTreeMap<Date, Decimal>>,
    max_age_days: Option<i32>,
}

impl FxRates {
    /// No rates; a rate may be at most 10 days older than the day it stands for (the longest
    /// holiday gap of the common reference rates is 5).
    #[must_use]
    pub fn new() -> FxRates {
        FxRates {
            rates: BTreeMap::new(),
            max_age_days: Some(10),
        }
    }

    /// Sets how old a rate may be; `None` is any age.
    #[must_use]
    pub fn with_max_age_days(mut self, days: Option<i32>) -> FxRates {
        self.max_age_days = days;
        self
    }

    /// Adds the rate of one day: `rate` units of `to` for one `from`. A second rate of the same
    /// day replaces the first.
    ///
    /// # Errors
    /// A rate that is zero or negative.
    pub fn insert(
        &mut self,
        date: Date,
        from: Currency,
        to: Currency,
        rate: Decimal,
    ) -> Result<(), MoneyError> {
        if !rate.is_positive() {
            return Err(MoneyError::BadRate(from, to));
        }
        self.rates.entry((from, to)).or_default().insert(date, rate);
        Ok(())
    }

    /// The number of currency pairs known.
    #[must_use]
    pub fn pairs(&self) -> usize {
        self.rates.len()
    }

    fn last(&self, from: Currency, to: Currency, date: Date) -> Option<(Date, Decimal)> {
        let (found, rate) = self.rates.get(&(from, to))?.range(..=date).next_back()?;
        Some((*found, *rate))
    }

    /// The last rate on or before `date`: the published pair if there is one, else its inverse.
    ///
    /// # Errors
    /// No rate, or only one that is too old. Cross rates over a third currency are not made up:
    /// convert twice where the terms say so.
    pub fn quote(&self, from: Currency, to: Currency, date: Date) -> Result<Quote, MoneyError> {
        if from == to {
            return Ok(Quote {
                date,
                rate: Decimal::ONE,
                inverse: false,
            });
        }
        let direct = self.last(from, to, date).map(|(d, rate)| (d, rate, false));
        let found = direct.or_else(|| self.last(to, from, date).map(|(d, rate)| (d, rate, true)));
        let Some((found, rate, inverse)) = found else {
            return Err(MoneyError::NoRate {
                from,
                to,
                date: date.to_string(),
            });
        };
        if let Some(max_age_days) = self.max_age_days
            && date.days_since(found) > i64::from(max_age_days)
        {
            return Err(MoneyError::StaleRate {
                from,
                to,
                date: date.to_string(),
                found: found.to_string(),
                max_age_days,
            });
        }
        Ok(Quote {
            date: found,
            rate,
            inverse,
        })
    }

    /// Converts with the rate of a date. With the published pair the product is exact and is not
    /// rounded; with the inverse pair the quotient is rounded to `scale` decimals.
    ///
    /// # Errors
    /// As [`FxRates::quote`]; an amount beyond range.
    pub fn convert(
        &self,
        amount: Decimal,
        from: Currency,
        to: Currency,
        date: Date,
        scale: u8,
        rounding: Rounding,
    ) -> Result<(Decimal, Quote), MoneyError> {
        let quote = self.quote(from, to, date)?;
        let converted = if quote.inverse {
            amount.div(quote.rate, scale, rounding)?
        } else {
            amount.checked_mul(quote.rate)?
        };
        Ok((converted, quote))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn d(text: &str) -> Decimal {
        text.parse().unwrap()
    }

    fn date(year: i32, month: u8, day: u8) -> Date {
        Date::new(year, month, day).unwrap()
    }

    #[test]
    fn the_last_earlier_rate_stands_for_a_weekend() {
        let mut fx = FxRates::new();
        fx.insert(date(2024, 3, 1), Currency::EUR, Currency::USD, d("1.0813"))
            .unwrap();
        let (usd, quote) = fx
            .convert(
                d("100"),
                Currency::EUR,
                Currency::USD,
                date(2024, 3, 3),
                2,
                Rounding::HalfUp,
            )
            .unwrap();
        assert_eq!((usd, quote.date), (d("108.13"), date(2024, 3, 1)));
        let (eur, quote) = fx
            .convert(
                d("100"),
                Currency::USD,
                Currency::EUR,
                date(2024, 3, 3),
                2,
                Rounding::HalfUp,
            )
            .unwrap();
        assert_eq!((eur, quote.inverse), (d("92.48"), true));
        assert!(matches!(
            fx.quote(Currency::EUR, Currency::USD, date(2024, 2, 1)),
            Err(MoneyError::NoRate { .. })
        ));
        assert!(matches!(
            fx.quote(Currency::EUR, Currency::USD, date(2024, 6, 1)),
            Err(MoneyError::StaleRate { .. })
        ));
        assert!(
            fx.insert(
                date(2024, 3, 1),
                Currency::EUR,
                Currency::USD,
                Decimal::ZERO
            )
            .is_err()
        );
    }
}
