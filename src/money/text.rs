//! Decimals as text and in serde. Not responsible for locale: no thousands separators, percent
//! signs or exponents are understood here; whoever reads a table declares those.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::decimal::MAX_SCALE;
use super::{Decimal, MoneyError};

impl FromStr for Decimal {
    type Err = MoneyError;

    /// Reads `[+-]digits[.digits]`; `_` may separate digits as in TOML. No exponent.
    fn from_str(text: &str) -> Result<Decimal, MoneyError> {
        let bad = || MoneyError::Parse(text.to_owned());
        let (negative, body) = match text.as_bytes().first() {
            Some(b'-') => (true, &text[1..]),
            Some(b'+') => (false, &text[1..]),
            _ => (false, text),
        };
        let mut mantissa: i128 = 0;
        let mut digits = 0_u32;
        let mut scale: Option<u32> = None;
        let mut previous = b' ';
        for byte in body.bytes() {
            match byte {
                b'0'..=b'9' => {
                    digits += 1;
                    if let Some(s) = &mut scale {
                        *s += 1;
                    }
                    mantissa = mantissa
                        .checked_mul(10)
                        .and_then(|m| m.checked_add(i128::from(byte - b'0')))
                        .ok_or(MoneyError::Overflow)?;
                }
                b'.' if scale.is_none() && previous.is_ascii_digit() => scale = Some(0),
                b'_' if previous.is_ascii_digit() => {}
                _ => return Err(bad()),
            }
            previous = byte;
        }
        if digits == 0 || !previous.is_ascii_digit() {
            return Err(bad());
        }
        let scale = u8::try_from(scale.unwrap_or(0))
            .ok()
            .filter(|s| *s <= MAX_SCALE)
            .ok_or(MoneyError::Overflow)?;
        Decimal::new(if negative { -mantissa } else { mantissa }, scale)
    }
}

impl fmt::Display for Decimal {
    /// Plain digits, never an exponent; as many decimals as the scale says.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scale = usize::from(self.scale());
        let digits = self.mantissa().unsigned_abs().to_string();
        let padded = if digits.len() <= scale {
            format!("{digits:0>width$}", width = scale + 1)
        } else {
            digits
        };
        let (whole, fraction) = padded.split_at(padded.len() - scale);
        let body = if scale == 0 {
            whole.to_owned()
        } else {
            format!("{whole}.{fraction}")
        };
        f.pad_integral(!self.is_negative(), "", &body)
    }
}

impl Serialize for Decimal {
    /// As text, so that no reader makes a float of it; as digits and scale in formats that no
    /// person reads.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if !serializer.is_human_readable() {
            return (self.mantissa(), self.scale()).serialize(serializer);
        }
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Decimal {
    /// From text, from an integer, or from a float of at most 15 significant digits: of such a
    /// float the shortest decimal form is exactly what was written, so nothing is guessed.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Decimal, D::Error> {
        if !deserializer.is_human_readable() {
            let (mantissa, scale) = <(i128, u8)>::deserialize(deserializer)?;
            return Decimal::new(mantissa, scale).map_err(de::Error::custom);
        }
        struct DecimalVisitor;

        impl de::Visitor<'_> for DecimalVisitor {
            type Value = Decimal;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a decimal number")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Decimal, E> {
                text.parse().map_err(E::custom)
            }

            fn visit_i64<E: de::Error>(self, value: i64) -> Result<Decimal, E> {
                Ok(Decimal::from_i64(value))
            }

            fn visit_u64<E: de::Error>(self, value: u64) -> Result<Decimal, E> {
                Ok(Decimal::from_u64(value))
            }

            fn visit_f64<E: de::Error>(self, value: f64) -> Result<Decimal, E> {
                from_written_float(value).map_err(E::custom)
            }
        }

        deserializer.deserialize_any(DecimalVisitor)
    }
}

impl schemars::JsonSchema for Decimal {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Decimal".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "description": "An exact decimal number: a number, or digits in quotes.",
            "type": ["number", "string"],
            "pattern": "^[+-]?[0-9][0-9_]*(\\.[0-9]+)?$",
        })
    }
}

fn from_written_float(value: f64) -> Result<Decimal, MoneyError> {
    if !value.is_finite() {
        return Err(MoneyError::NotFinite(value.to_string()));
    }
    // Rust prints the shortest digits that read back as the same float, without an exponent.
    let text = value.to_string();
    let significant = text
        .trim_start_matches(['-', '0', '.'])
        .trim_end_matches('0')
        .bytes()
        .filter(u8::is_ascii_digit)
        .count();
    if significant > 15 {
        return Err(MoneyError::InexactFloat(text));
    }
    text.parse()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_round_trips_and_nonsense_is_refused() {
        for text in [
            "0",
            "0.00",
            "-0.05",
            "12.30",
            "123456789012345678901234567890.12345678",
        ] {
            assert_eq!(text.parse::<Decimal>().unwrap().to_string(), text);
        }
        assert_eq!("+1_000.5".parse::<Decimal>().unwrap().to_string(), "1000.5");
        for text in [
            "", "-", ".", "1.", ".5", "1e5", "1,000", "NaN", "1_", "--1", "1.2.3", "12 ",
        ] {
            assert!(text.parse::<Decimal>().is_err(), "{text:?}");
        }
        assert_eq!("1".repeat(60).parse::<Decimal>(), Err(MoneyError::Overflow));
        assert_eq!(
            format!("{:>8}", "-1.5".parse::<Decimal>().unwrap()),
            "    -1.5"
        );
    }

    #[test]
    fn serde_takes_text_and_numbers_as_written() {
        #[derive(serde::Deserialize)]
        struct T {
            v: Decimal,
        }
        let read = |t: &str| toml::from_str::<T>(t).map(|t| t.v.to_string());
        assert_eq!(read("v = 0.35").unwrap(), "0.35");
        assert_eq!(read("v = 5_000_000").unwrap(), "5000000");
        assert_eq!(
            read("v = \"0.12345678901234567890\"").unwrap(),
            "0.12345678901234567890"
        );
        assert!(read("v = 0.12345678901234567890").is_err());
        assert!(read("v = nan").is_err());
        assert_eq!(
            serde_json::to_string(&Decimal::from_cents(1250)).unwrap(),
            "\"12.50\""
        );
    }
}
