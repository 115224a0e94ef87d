//! From the text of a date to a day or a moment, by declared formats, zone and language. Guesses
//! nothing; counts whether day and month could have been the other way round. Not responsible for
//! other kinds of values (see [`super::value`]).

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use jiff::civil;

use super::value::Problem;
use crate::config::mapping::{Fold, Locale};
use crate::time::{Date, LocalTime, Zone};

/// How local times are placed on the time line.
#[derive(Debug, Clone)]
pub(super) struct Clock {
    /// The zone of local times, if one is declared.
    pub(super) zone: Option<Zone>,
    /// What a local time means that occurs twice.
    pub(super) fold: Fold,
}

/// Whether the dates of a column say which number is the day.
#[derive(Debug, Default)]
pub(super) struct Ambiguity {
    read: AtomicU64,
    decided: AtomicBool,
}

impl Ambiguity {
    /// How many dates were read, if all of them read as day and month in either order although
    /// the two differ.
    pub(super) fn unresolved(&self) -> Option<u64> {
        let read = self.read.load(Ordering::Relaxed);
        (read > 0 && !self.decided.load(Ordering::Relaxed)).then_some(read)
    }

    /// Whether some date said which number is the day, so that none is counted any more.
    pub(super) fn decided(&self) -> bool {
        self.decided.load(Ordering::Relaxed)
    }

    fn note(&self, local: civil::DateTime) {
        if self.decided() {
            return;
        }
        if local.day() > 12 {
            self.decided.store(true, Ordering::Relaxed);
        } else if i16::from(local.day()) != i16::from(local.month()) {
            self.read.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// One declared format.
#[derive(Debug, Clone)]
pub(super) enum Format {
    /// RFC 3339.
    Iso,
    /// Whole seconds since 1970.
    EpochSeconds,
    /// Whole milliseconds since 1970.
    EpochMilliseconds,
    /// Fields that are read here; set where day and month could be taken for each other.
    Fields(Vec<Token>, Locale, bool),
    /// Anything else, read by jiff.
    General(String),
}

/// A part of a format.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Token {
    Year,
    ShortYear,
    Month,
    MonthName,
    Day,
    Hour,
    Hour12,
    HalfDay,
    Minute,
    Second,
    Fraction,
    Literal(u8),
}

impl Format {
    /// Formats made of the usual fields and literals are read by a small reader of ours, because
    /// nearly all exports use them and every row has several; all others go to jiff.
    pub(super) fn new(text: &str, locale: Locale) -> Format {
        match text {
            "iso8601" => return Format::Iso,
            "epoch_s" => return Format::EpochSeconds,
            "epoch_ms" => return Format::EpochMilliseconds,
            _ => {}
        }
        let mut tokens = Vec::new();
        let mut bytes = text.bytes();
        while let Some(b) = bytes.next() {
            let token = if b == b'%' {
                match bytes.next() {
                    Some(b'Y') => Token::Year,
                    Some(b'y') => Token::ShortYear,
                    Some(b'm') => Token::Month,
                    Some(b'b' | b'B') => Token::MonthName,
                    Some(b'd') => Token::Day,
                    Some(b'H') => Token::Hour,
                    Some(b'I') => Token::Hour12,
                    Some(b'p') => Token::HalfDay,
                    Some(b'M') => Token::Minute,
                    Some(b'S') => Token::Second,
                    Some(b'f') => Token::Fraction,
                    _ => return Format::General(text.to_owned()),
                }
            } else {
                Token::Literal(b)
            };
            tokens.push(token);
        }
        let place = |wanted: &[Token]| tokens.iter().position(|t| wanted.contains(t));
        let (year, month, day) = (
            place(&[Token::Year, Token::ShortYear]),
            place(&[Token::Month]),
            place(&[Token::Day]),
        );
        let either = match (month, day) {
            (Some(m), Some(d)) => year.is_none_or(|y| y > m && y > d),
            _ => false,
        };
        Format::Fields(tokens, locale, either)
    }

    /// Whether day and month could be taken for each other.
    pub(super) fn is_ambiguous(&self) -> bool {
        matches!(self, Format::Fields(_, _, true))
    }

    /// The moment in `text` as UTC microseconds; `None` when the text is not in this format, or when
    /// it lies before year 1, where no date of ours begins.
    ///
    /// # Errors
    /// When the text is a local time that the clock cannot place.
    pub(super) fn read(
        &self,
        text: &str,
        clock: &Clock,
        seen: &Ambiguity,
    ) -> Result<Option<i64>, Problem> {
        let at = self.moment(text, clock, seen)?;
        Ok(at.filter(|at| *at >= YEAR_ONE))
    }

    fn moment(&self, text: &str, clock: &Clock, seen: &Ambiguity) -> Result<Option<i64>, Problem> {
        let epoch = |per_second: i64| {
            text.parse::<i64>()
                .ok()
                .and_then(|n| n.checked_mul(1_000_000 / per_second))
                .and_then(|us| jiff::Timestamp::from_microsecond(us).ok())
                .map(|t| t.as_microsecond())
        };
        match self {
            Format::Iso => iso(text, clock),
            Format::EpochSeconds => Ok(epoch(1)),
            Format::EpochMilliseconds => Ok(epoch(1000)),
            Format::Fields(tokens, locale, either) => match fields(tokens, *locale, text) {
                Some(local) => {
                    if *either {
                        seen.note(local);
                    }
                    clock.place(local).map(Some)
                }
                None => Ok(None),
            },
            Format::General(format) => {
                let Ok(broken) = jiff::fmt::strtime::parse(format, text) else {
                    return Ok(None);
                };
                if broken.offset().is_some() {
                    return Ok(broken.to_timestamp().ok().map(|t| t.as_microsecond()));
                }
                match broken.to_datetime() {
                    Ok(local) => clock.place(local).map(Some),
                    Err(_) => Ok(None),
                }
            }
        }
    }

    /// The date in `text`, whatever its time of day.
    pub(super) fn read_date(&self, text: &str, seen: &Ambiguity) -> Option<civil::Date> {
        match self {
            Format::Iso => {
                let rest = text.get(10..).unwrap_or_default();
                let day = rest.is_empty() || rest.starts_with(['T', 't', ' ']);
                text.get(..10).filter(|_| day)?.parse().ok()
            }
            Format::EpochSeconds | Format::EpochMilliseconds => None,
            Format::Fields(tokens, locale, either) => {
                let local = fields(tokens, *locale, text)?;
                if *either {
                    seen.note(local);
                }
                Some(local.date())
            }
            Format::General(format) => jiff::fmt::strtime::parse(format, text).ok()?.to_date().ok(),
        }
    }
}

/// 0001-01-01T00:00:00Z in microseconds.
const YEAR_ONE: i64 = -62_135_596_800_000_000;

/// Up to `width` digits at `at`, and where they end.
fn digits(bytes: &[u8], at: usize, width: usize) -> Option<(i64, usize)> {
    let mut value = 0i64;
    let mut end = at;
    while end - at < width
        && let Some(b @ b'0'..=b'9') = bytes.get(end)
    {
        value = value * 10 + i64::from(b - b'0');
        end += 1;
    }
    (end > at).then_some((value, end))
}

fn fields(tokens: &[Token], locale: Locale, text: &str) -> Option<civil::DateTime> {
    let bytes = text.as_bytes();
    let (mut at, mut year, mut month, mut day) = (0usize, 0i64, 1i64, 1i64);
    let (mut hour, mut minute, mut second, mut nanos) = (0i64, 0i64, 0i64, 0i64);
    let mut half = None;
    for token in tokens {
        match token {
            Token::Literal(l) => {
                if bytes.get(at) != Some(l) {
                    return None;
                }
                at += 1;
            }
            Token::MonthName => {
                let (found, length) = month_name(text.get(at..)?, locale)?;
                month = found;
                at += length;
            }
            Token::HalfDay => {
                let word = text.get(at..at + 2)?.to_ascii_lowercase();
                half = match word.as_str() {
                    "am" => Some(0),
                    "pm" => Some(12),
                    _ => return None,
                };
                at += 2;
            }
            Token::Fraction => {
                let (value, end) = digits(bytes, at, 9)?;
                nanos = value * 10i64.pow(u32::try_from(9 - (end - at)).ok()?);
                at = end;
            }
            other => {
                let width = if *other == Token::Year { 4 } else { 2 };
                let (value, end) = digits(bytes, at, width)?;
                let whole = matches!(other, Token::Year | Token::ShortYear);
                if whole && end - at != width {
                    return None;
                }
                at = end;
                match other {
                    Token::Year => year = value,
                    // POSIX: 69 to 99 are of the 20th century.
                    Token::ShortYear => year = value + if value < 69 { 2000 } else { 1900 },
                    Token::Month => month = value,
                    Token::Day => day = value,
                    Token::Hour => hour = value,
                    Token::Hour12 if (1..=12).contains(&value) => hour = value % 12,
                    Token::Hour12 => return None,
                    Token::Minute => minute = value,
                    _ => second = value,
                }
            }
        }
    }
    if at != bytes.len() {
        return None;
    }
    civil::DateTime::new(
        i16::try_from(year).ok()?,
        i8::try_from(month).ok()?,
        i8::try_from(day).ok()?,
        i8::try_from(hour + half.unwrap_or(0)).ok()?,
        i8::try_from(minute).ok()?,
        i8::try_from(second).ok()?,
        i32::try_from(nanos).ok()?,
    )
    .ok()
}

/// Full month names by language, in lower case. An abbreviation is any beginning of at least
/// three letters that fits one month only, or one of [`SHORT`].
fn names(locale: Locale) -> [&'static str; 12] {
    match locale {
        Locale::En => [
            "january",
            "february",
            "march",
            "april",
            "may",
            "june",
            "july",
            "august",
            "september",
            "october",
            "november",
            "december",
        ],
        Locale::Nl => [
            "januari",
            "februari",
            "maart",
            "april",
            "mei",
            "juni",
            "juli",
            "augustus",
            "september",
            "oktober",
            "november",
            "december",
        ],
        Locale::De => [
            "januar",
            "februar",
            "märz",
            "april",
            "mai",
            "juni",
            "juli",
            "august",
            "september",
            "oktober",
            "november",
            "dezember",
        ],
        Locale::Fr => [
            "janvier",
            "février",
            "mars",
            "avril",
            "mai",
            "juin",
            "juillet",
            "août",
            "septembre",
            "octobre",
            "novembre",
            "décembre",
        ],
        Locale::Es => [
            "enero",
            "febrero",
            "marzo",
            "abril",
            "mayo",
            "junio",
            "julio",
            "agosto",
            "septiembre",
            "octubre",
            "noviembre",
            "diciembre",
        ],
        Locale::It => [
            "gennaio",
            "febbraio",
            "marzo",
            "aprile",
            "maggio",
            "giugno",
            "luglio",
            "agosto",
            "settembre",
            "ottobre",
            "novembre",
            "dicembre",
        ],
        Locale::Pt => [
            "janeiro",
            "fevereiro",
            "março",
            "abril",
            "maio",
            "junho",
            "julho",
            "agosto",
            "setembro",
            "outubro",
            "novembro",
            "dezembro",
        ],
    }
}

/// Abbreviations that are no beginnings of the name.
const SHORT: &[(Locale, &str, i64)] = &[
    (Locale::Nl, "mrt", 3),
    (Locale::De, "mrz", 3),
    (Locale::Es, "set", 9),
];

/// The month at the beginning of `text`, and the bytes of its name with the full stop of an
/// abbreviation.
fn month_name(text: &str, locale: Locale) -> Option<(i64, usize)> {
    let length = text
        .char_indices()
        .find(|(_, c)| !c.is_alphabetic())
        .map_or(text.len(), |(i, _)| i);
    let word = text.get(..length)?.to_lowercase();
    let short = SHORT.iter().find(|(l, s, _)| *l == locale && *s == word);
    let month = match short {
        Some((_, _, month)) => *month,
        None if word.chars().count() < 3 => return None,
        None => {
            let mut found = (1i64..)
                .zip(names(locale))
                .filter(|(_, name)| name.starts_with(&word));
            let (month, _) = found.next()?;
            if found.next().is_some() {
                return None;
            }
            month
        }
    };
    let stop = text.get(length..)?.starts_with('.');
    Some((month, length + usize::from(stop)))
}

/// RFC 3339 with an offset (also `+0100`), or the same without one as a local time; a space may
/// stand for `T`.
fn iso(text: &str, clock: &Clock) -> Result<Option<i64>, Problem> {
    let bytes = text.as_bytes();
    let tail = bytes.get(10..).unwrap_or_default();
    let absolute = tail.last().is_some_and(|b| *b == b'Z' || *b == b'z')
        || tail.contains(&b'+')
        || tail.contains(&b'-');
    if absolute {
        return Ok(text
            .parse::<jiff::Timestamp>()
            .ok()
            .map(|t| t.as_microsecond()));
    }
    match text.parse::<civil::DateTime>() {
        Ok(local) => clock.place(local).map(Some),
        Err(_) => Ok(None),
    }
}

/// A civil date as a day of ours.
pub(super) fn date_of(date: civil::Date) -> Option<Date> {
    let month = u8::try_from(date.month()).ok()?;
    let day = u8::try_from(date.day()).ok()?;
    Date::new(i32::from(date.year()), month, day).ok()
}

impl Clock {
    fn place(&self, local: civil::DateTime) -> Result<i64, Problem> {
        let Some(zone) = &self.zone else {
            return Err(Problem::ZoneMissing);
        };
        let date = date_of(local.date()).ok_or(Problem::Date)?;
        let second = u32::try_from(
            i32::from(local.hour()) * 3600
                + i32::from(local.minute()) * 60
                + i32::from(local.second()),
        )
        .map_err(|_| Problem::Date)?;
        let at = match zone.instant_of(date, second) {
            LocalTime::Once(at) => at,
            LocalTime::Gap { .. } => return Err(Problem::LocalTimeSkipped),
            LocalTime::Fold { earlier, later } => match self.fold {
                Fold::Earlier => earlier,
                Fold::Later => later,
                Fold::Reject => return Err(Problem::LocalTimeTwice),
            },
        };
        Ok(at.micros() + i64::from(local.subsec_nanosecond() / 1000))
    }

    /// The start of the day after the one that holds a moment, for a period whose last day is
    /// meant inclusively.
    pub(super) fn day_after(&self, micros: i64) -> Result<i64, Problem> {
        let zone = self.zone.as_ref().ok_or(Problem::ZoneMissing)?;
        let at = crate::time::Instant::from_micros(micros);
        Ok(zone.start_of_day(zone.date_of(at).plus_days(1)).micros())
    }
}
