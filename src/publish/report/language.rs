//! What depends on the reader: the language of the report's own words, and how numbers, money and
//! periods are written. Not responsible for the words of tables: those stay as published.

pub use crate::config::project::Language;
use crate::money::{Decimal, Rounding};

/// Between a number and its unit or currency: never broken over two lines.
const NARROW: char = '\u{a0}';

impl Language {
    /// Its tag in HTML.
    pub fn tag(self) -> &'static str {
        match self {
            Language::En => "en",
            Language::Nl => "nl",
        }
    }

    /// One of two wordings of the same.
    pub fn say(self, english: &'static str, dutch: &'static str) -> &'static str {
        match self {
            Language::En => english,
            Language::Nl => dutch,
        }
    }

    /// A number with all its decimals, digits in groups of three.
    pub fn number(self, value: Decimal) -> String {
        self.grouped(&value.normalized().to_string())
    }

    /// A number rounded half-even to `decimals` for reading; the tables hold it exactly.
    pub fn rounded(self, value: Decimal, decimals: u8) -> String {
        let short = value.round(decimals, Rounding::HalfEven).normalized();
        self.grouped(&short.to_string())
    }

    /// Money in its currency, with the decimals it has but at least two.
    pub fn money(self, value: Decimal, currency: &str) -> String {
        let short = value.normalized();
        let padded = if short.scale() < 2 {
            short.padded(2).unwrap_or(short)
        } else {
            short
        };
        format!("{currency}{NARROW}{}", self.grouped(&padded.to_string()))
    }

    /// A share as a percentage with one decimal.
    pub fn percent(self, share: Decimal) -> String {
        let hundred = Decimal::from_i64(100);
        share.checked_mul(hundred).map_or_else(
            |_| self.number(share),
            |p| format!("{}{NARROW}%", self.rounded(p, 1)),
        )
    }

    fn grouped(self, plain: &str) -> String {
        let (group, point) = match self {
            Language::En => (',', '.'),
            Language::Nl => ('.', ','),
        };
        let (sign, digits) = match plain.strip_prefix('-') {
            Some(rest) => ("\u{2212}", rest),
            None => ("", plain),
        };
        let (whole, decimals) = digits.split_once('.').unwrap_or((digits, ""));
        let mut text = String::from(sign);
        for (i, digit) in whole.chars().enumerate() {
            if i > 0 && (whole.len() - i) % 3 == 0 {
                text.push(group);
            }
            text.push(digit);
        }
        if !decimals.is_empty() {
            text.push(point);
            text.push_str(decimals);
        }
        text
    }

    /// A period as tables write it, for reading: the half-open `2025-01/2026-01` becomes
    /// `2025-01 to 2025-12`.
    pub fn period(self, period: &str) -> String {
        let Some((from, to)) = period.split_once('/') else {
            return period.to_owned();
        };
        let Some(last) = month_before(to) else {
            return period.to_owned();
        };
        format!("{from} {} {last}", self.say("to", "t/m"))
    }

    /// A unit of the tables in words.
    pub fn unit(self, unit: &str) -> String {
        let dutch = match unit {
            "incidents" => "incidenten",
            "tickets" => "tickets",
            "share" => "aandeel",
            "ratio" => "verhouding",
            "score" => "score (0 tot 1)",
            "business_s" => "s kantoortijd",
            "wall_s" => "s kloktijd",
            "incidents per 1,000 exposure-months" => "incidenten per 1.000 eenheid-maanden",
            "business minutes of all users" => "kantoorminuten van alle gebruikers",
            "count" => "aantal",
            "days" => "dagen",
            "hours" => "uren",
            other => other,
        };
        let english = match unit {
            "business_s" => "s of business time",
            "wall_s" => "s of wall time",
            "score" => "score (0 to 1)",
            other => other,
        };
        match self {
            Language::En => english.to_owned(),
            Language::Nl => dutch.to_owned(),
        }
    }

    /// A status of the tables in words.
    pub fn status(self, status: &str) -> String {
        let (english, dutch) = match status {
            "final" => ("final", "definitief"),
            "provisional" => ("provisional", "voorlopig"),
            "disputed" => ("disputed", "betwist"),
            "not_measurable" => ("not measurable", "niet meetbaar"),
            "carried" => ("carried forward", "doorgeschoven"),
            "withheld" => ("withheld", "ingehouden"),
            "disqualified" => ("disqualified", "afgekeurd"),
            "ok" => ("measured", "gemeten"),
            "disqualifying" => ("disqualifying", "afkeurend"),
            "warning" => ("warning", "waarschuwing"),
            "note" => ("note", "opmerking"),
            other => return other.to_owned(),
        };
        self.say(english, dutch).to_owned()
    }

    /// A step of a settlement in words.
    pub fn step(self, step: &str) -> String {
        let (english, dutch) = match step {
            "basis" => ("basis", "grondslag"),
            "minimum" => ("minimum", "minimum"),
            "share" => ("share", "aandeel"),
            "price" => ("price", "prijs"),
            "cap" => ("cap", "plafond"),
            "floor" => ("floor", "ondergrens"),
            "round" => ("rounding", "afronding"),
            "carry" => ("carried loss", "doorgeschoven verlies"),
            "bands" => ("bands", "staffel"),
            "amount" => ("amount", "bedrag"),
            "true_up" => ("true-up", "eindafrekening"),
            "paid_before" => ("paid before", "eerder betaald"),
            "total" => ("total", "totaal"),
            "quality" => ("quality", "kwaliteit"),
            "add" => ("added", "opgeteld"),
            "subtract" => ("subtracted", "afgetrokken"),
            other => return other.replace('_', " "),
        };
        self.say(english, dutch).to_owned()
    }
}

/// The month before `2026-01`.
fn month_before(month: &str) -> Option<String> {
    let (year, month) = month.split_once('-')?;
    let (year, month): (i32, u8) = (year.parse().ok()?, month.parse().ok()?);
    let month = crate::time::Month::new(year, month).ok()?;
    Some(month.previous().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_the_reader_writes_them() {
        let value: Decimal = "-1234567.8".parse().unwrap_or(Decimal::ZERO);
        assert_eq!(Language::En.number(value), "\u{2212}1,234,567.8");
        assert_eq!(Language::Nl.number(value), "\u{2212}1.234.567,8");
        assert_eq!(
            Language::Nl.money(value, "EUR"),
            "EUR\u{a0}\u{2212}1.234.567,80"
        );
        assert_eq!(Language::En.number(Decimal::from_i64(999)), "999");
        assert_eq!(Language::En.number(Decimal::from_i64(1000)), "1,000");
        let half: Decimal = "0.8782".parse().unwrap_or(Decimal::ZERO);
        assert_eq!(Language::Nl.percent(half), "87,8\u{a0}%");
    }

    #[test]
    fn a_half_open_period_is_shown_with_its_last_month() {
        assert_eq!(Language::En.period("2025-01/2026-01"), "2025-01 to 2025-12");
        assert_eq!(Language::Nl.period("2025-Q1"), "2025-Q1");
        assert_eq!(Language::En.period("a/b"), "a/b");
    }
}
