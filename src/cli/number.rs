//! Numbers on the command line: what is no number, or not one that can be meant, is refused with
//! what to write instead. Not responsible for what a number means.

/// A whole number of 0 or more.
pub(super) fn whole<T: TryFrom<u64>>(text: &str) -> Result<T, String> {
    let digits = text.trim();
    let digits = digits.strip_prefix('+').unwrap_or(digits);
    match digits.parse::<i128>() {
        Ok(number) if number < 0 => Err("it cannot be below 0".to_owned()),
        Ok(number) => u64::try_from(number)
            .ok()
            .and_then(|n| T::try_from(n).ok())
            .ok_or_else(|| "it is too great".to_owned()),
        Err(_) => Err("write a whole number, such as 12".to_owned()),
    }
}

/// A number with a point for decimals, 0 or more.
pub(super) fn fraction(text: &str) -> Result<f64, String> {
    match text.trim().parse::<f64>() {
        Ok(number) if !number.is_finite() => Err("write a finite number, such as 0.15".to_owned()),
        Ok(number) if number < 0.0 => Err("it cannot be below 0".to_owned()),
        Ok(number) => Ok(number),
        Err(_) => Err("write a number with a point for decimals, such as 0.15".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn what_cannot_be_meant_is_refused_in_words() {
        assert_eq!(whole::<u8>(" 12 "), Ok(12));
        assert_eq!(whole::<u64>("+3"), Ok(3));
        for (text, said) in [
            ("-3", "below 0"),
            ("256", "too great"),
            ("1.5", "whole number"),
            ("", "whole number"),
            ("0x10", "whole number"),
        ] {
            let error = whole::<u8>(text).unwrap_err();
            assert!(error.contains(said), "{text}: {error}");
        }
        assert_eq!(fraction("0.25"), Ok(0.25));
        for (text, said) in [
            ("-0.1", "below 0"),
            ("NaN", "finite"),
            ("inf", "finite"),
            ("0,25", "point for decimals"),
        ] {
            let error = fraction(text).unwrap_err();
            assert!(error.contains(said), "{text}: {error}");
        }
    }
}
