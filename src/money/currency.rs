//! [`Currency`] and [`Money`]: an amount that knows what it is an amount of. Not responsible for
//! converting (see [`super::FxRates`]).

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{Decimal, MoneyError, Rounding};

/// A currency code: three capital letters (ISO 4217 alphabetic).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Currency([u8; 3]);

impl Currency {
    /// Euro.
    pub const EUR: Currency = Currency(*b"EUR");
    /// US dollar.
    pub const USD: Currency = Currency(*b"USD");

    /// The three letters.
    #[must_use]
    pub fn as_str(&self) -> &str {
        // The invariant (ASCII letters) makes this infallible; the empty text is never seen.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }

    /// The decimals in which the currency is usually paid: 0 for yen, won and the like, 3 for
    /// some dinars, else 2 (ISO 4217 minor units). Terms may say otherwise.
    #[must_use]
    pub fn minor_digits(self) -> u8 {
        match &self.0 {
            b"BIF" | b"CLP" | b"DJF" | b"GNF" | b"ISK" | b"JPY" | b"KMF" | b"KRW" | b"PYG"
            | b"RWF" | b"UGX" | b"UYI" | b"VND" | b"VUV" | b"XAF" | b"XOF" | b"XPF" => 0,
            b"BHD" | b"IQD" | b"JOD" | b"KWD" | b"LYD" | b"OMR" | b"TND" => 3,
            _ => 2,
        }
    }
}

impl FromStr for Currency {
    type Err = MoneyError;

    fn from_str(text: &str) -> Result<Currency, MoneyError> {
        match <[u8; 3]>::try_from(text.as_bytes()) {
            Ok(code) if code.iter().all(u8::is_ascii_uppercase) => Ok(Currency(code)),
            _ => Err(MoneyError::Currency(text.to_owned())),
        }
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for Currency {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Currency {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Currency, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

impl schemars::JsonSchema for Currency {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Currency".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "description": "A currency code: three capital letters.",
            "type": "string",
            "pattern": "^[A-Z]{3}$",
        })
    }
}

/// An amount of one currency. Written `12.30 EUR`, also in serde.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Money {
    /// How much.
    pub amount: Decimal,
    /// Of what.
    pub currency: Currency,
}

impl Money {
    /// An amount of a currency.
    #[must_use]
    pub const fn new(amount: Decimal, currency: Currency) -> Money {
        Money { amount, currency }
    }

    /// Nothing of a currency.
    #[must_use]
    pub const fn zero(currency: Currency) -> Money {
        Money {
            amount: Decimal::ZERO,
            currency,
        }
    }

    /// The exact sum.
    ///
    /// # Errors
    /// Two currencies, or an amount beyond range.
    pub fn checked_add(self, rhs: Money) -> Result<Money, MoneyError> {
        if self.currency != rhs.currency {
            return Err(MoneyError::CurrencyMismatch(self.currency, rhs.currency));
        }
        Ok(Money {
            amount: self.amount.checked_add(rhs.amount)?,
            currency: self.currency,
        })
    }

    /// Rounded to `scale` decimals.
    #[must_use]
    pub fn round(self, scale: u8, rounding: Rounding) -> Money {
        Money {
            amount: self.amount.round(scale, rounding),
            currency: self.currency,
        }
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.amount, self.currency)
    }
}

impl FromStr for Money {
    type Err = MoneyError;

    /// Reads `12.30 EUR`.
    fn from_str(text: &str) -> Result<Money, MoneyError> {
        let (amount, currency) = text
            .split_once(' ')
            .ok_or_else(|| MoneyError::Parse(text.to_owned()))?;
        Ok(Money {
            amount: amount.parse()?,
            currency: currency.parse()?,
        })
    }
}

impl Serialize for Money {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Money {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Money, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn currencies_are_three_capitals_and_never_mixed() {
        assert_eq!("EUR".parse::<Currency>().unwrap().to_string(), "EUR");
        for bad in ["eur", "EURO", "", "E1R", "€"] {
            assert!(bad.parse::<Currency>().is_err(), "{bad}");
        }
        let eur: Money = "1.20 EUR".parse().unwrap();
        let usd: Money = "1.20 USD".parse().unwrap();
        assert_eq!(eur.checked_add(eur).unwrap().to_string(), "2.40 EUR");
        assert!(matches!(
            eur.checked_add(usd),
            Err(MoneyError::CurrencyMismatch(..))
        ));
        assert_eq!("JPY".parse::<Currency>().unwrap().minor_digits(), 0);
    }
}
