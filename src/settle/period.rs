//! Settlement periods: runs of whole months, their labels, and how tables name them. Not
//! responsible for calendars (see [`crate::time`]).

use std::fmt;
use std::str::FromStr;

use crate::terms::Per;
use crate::time::{Date, Month};

/// A run of whole months `[from, to)`.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
pub struct Span {
    /// First month.
    pub from: Month,
    /// First month after it.
    pub to: Month,
}

impl Span {
    /// Its months.
    #[must_use]
    pub fn months(self) -> i32 {
        self.to.months_since(self.from)
    }

    /// First day.
    #[must_use]
    pub fn first_day(self) -> Date {
        self.from.first_day()
    }

    /// Last day.
    #[must_use]
    pub fn last_day(self) -> Date {
        self.to.previous().last_day()
    }

    /// Its days.
    #[must_use]
    pub fn days(self) -> i64 {
        self.to.first_day().days_since(self.from.first_day())
    }

    /// Whether `inner` lies within it.
    #[must_use]
    pub fn covers(self, inner: Span) -> bool {
        self.from <= inner.from && inner.to <= self.to
    }

    /// The period of a length that contains a month, counted from the start of the contract.
    #[must_use]
    pub fn containing(month: Month, per: Per, start: Month) -> Span {
        let length = per.months();
        let from = start.plus(month.months_since(start).div_euclid(length) * length);
        Span {
            from,
            to: from.plus(length),
        }
    }
}

impl fmt::Display for Span {
    /// `2024-03`, `2024-Q1`, `2024`, or first and last month `2024-02..2024-04`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match (self.months(), self.from.month_of_year()) {
            (1, _) => self.from.to_string(),
            (3, 1 | 4 | 7 | 10) => self.from.quarter().to_string(),
            (12, 1) => format!("{:04}", self.from.year()),
            _ => format!("{}..{}", self.from, self.to.previous()),
        };
        f.pad(&text)
    }
}

/// How a table names a period.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
pub enum PeriodKey {
    /// Months, quarters, calendar years or a run of months.
    Span(Span),
    /// A contract year, counted from 1; which months that is depends on the contract.
    ContractYear(u16),
}

impl PeriodKey {
    /// The months, for a contract that starts in a month.
    #[must_use]
    pub fn span(self, start: Month) -> Span {
        match self {
            PeriodKey::Span(span) => span,
            PeriodKey::ContractYear(year) => {
                let from = start.plus((i32::from(year) - 1) * 12);
                Span {
                    from,
                    to: from.plus(12),
                }
            }
        }
    }
}

impl From<Month> for PeriodKey {
    fn from(month: Month) -> PeriodKey {
        PeriodKey::Span(Span {
            from: month,
            to: month.next(),
        })
    }
}

/// A text that names no period.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` names no period (a month 2024-03, a quarter 2024-Q1, a calendar year 2024, a contract \
     year Y1, or first and last month 2024-02..2024-04)"
)]
pub struct PeriodError(pub String);

impl FromStr for PeriodKey {
    type Err = PeriodError;

    fn from_str(text: &str) -> Result<PeriodKey, PeriodError> {
        let bad = || PeriodError(text.to_owned());
        let year = |t: &str| -> Option<i32> {
            (t.len() == 4 && t.bytes().all(|b| b.is_ascii_digit()))
                .then(|| t.parse().ok())
                .flatten()
        };
        let span = |from: Month, months: i32| {
            PeriodKey::Span(Span {
                from,
                to: from.plus(months),
            })
        };
        if let Some((from, last)) = text.split_once("..") {
            let (from, last): (Month, Month) = (
                from.parse().map_err(|_| bad())?,
                last.parse().map_err(|_| bad())?,
            );
            return if last < from {
                Err(bad())
            } else {
                Ok(span(from, last.months_since(from) + 1))
            };
        }
        if let Some(number) = text.strip_prefix('Y').and_then(|n| n.parse::<u16>().ok()) {
            return if number == 0 {
                Err(bad())
            } else {
                Ok(PeriodKey::ContractYear(number))
            };
        }
        if let Some((y, q)) = text.split_once("-Q") {
            let quarter = match q {
                "1" => 1,
                "2" => 4,
                "3" => 7,
                "4" => 10,
                _ => return Err(bad()),
            };
            let from = year(y)
                .and_then(|y| Month::new(y, quarter).ok())
                .ok_or_else(bad)?;
            return Ok(span(from, 3));
        }
        if let Some(from) = year(text).and_then(|y| Month::new(y, 1).ok()) {
            return Ok(span(from, 12));
        }
        Ok(span(text.parse::<Month>().map_err(|_| bad())?, 1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn periods_read_and_show() {
        for text in ["2024-03", "2024-Q2", "2024", "2024-02..2024-04"] {
            let PeriodKey::Span(span) = text.parse().unwrap() else {
                panic!("{text}")
            };
            assert_eq!(span.to_string(), text);
        }
        let start: Month = "2023-07".parse().unwrap();
        let y2 = "Y2".parse::<PeriodKey>().unwrap().span(start);
        assert_eq!(y2.to_string(), "2024-07..2025-06");
        assert_eq!(
            Span::containing("2025-01".parse().unwrap(), Per::ContractYear, start),
            y2
        );
        for text in [
            "",
            "Y0",
            "24",
            "2024-Q5",
            "2024-13",
            "2024-05..2024-02",
            "Q1",
        ] {
            assert!(text.parse::<PeriodKey>().is_err(), "{text}");
        }
    }
}
