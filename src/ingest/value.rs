//! From the text of one field to a typed value, by what the mapping declares. Responsible for
//! every reading of dates, numbers and words; guesses nothing. Not responsible for what happens
//! to a row whose field does not read (see [`super::delimited`]).

use std::collections::HashMap;

use jiff::civil;

use crate::config::mapping::{ColumnMapping, Fold, Mapping};
use crate::money::Decimal;
use crate::store::schema::{Column, Kind};
use crate::time::{Date, LocalTime, Month, Zone};

/// Decimal places of decimals in the store.
pub const STORE_SCALE: u8 = 15;
/// Digits before the decimal sign that are kept.
const DIGITS: u32 = 16;

/// A typed value; absent is `None` around it.
#[derive(Debug, Clone, PartialEq)]
pub enum Value<'a> {
    /// Text, words and currencies, as in the source or from a value map.
    Text(std::borrow::Cow<'a, str>),
    /// Instants (UTC microseconds), dates (days since 1970-01-01), counts, seconds, priorities
    /// (1 to 5), shares (parts per million).
    Integer(i64),
    /// True or false.
    Boolean(bool),
    /// A decimal in units of 10^-15.
    Decimal(i128),
}

/// Why a field does not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Problem {
    /// Not a date and time in a declared format.
    Date,
    /// A local time although no zone is declared.
    ZoneMissing,
    /// A local time that the zone skips (start of summer time).
    LocalTimeSkipped,
    /// A local time that occurs twice, where the mapping rejects those.
    LocalTimeTwice,
    /// Not a number as declared.
    Number,
    /// A number with more than 15 decimals, or too large.
    NumberRange,
    /// A number below 0 where only durations or counts stand.
    Negative,
    /// Neither of the spellings of true and false.
    Boolean,
    /// A word that is not in the closed list of the column.
    Word,
    /// Not a priority P1 to P5.
    Priority,
    /// Not a share from 0 to 1.
    Share,
    /// Not a currency code.
    Currency,
}

impl Problem {
    /// Stable name, as in `rejects.code`.
    pub fn code(self) -> &'static str {
        match self {
            Problem::Date => "date_format",
            Problem::ZoneMissing => "zone_missing",
            Problem::LocalTimeSkipped => "local_time_skipped",
            Problem::LocalTimeTwice => "local_time_twice",
            Problem::Number => "number_format",
            Problem::NumberRange => "number_range",
            Problem::Negative => "negative",
            Problem::Boolean => "boolean_spelling",
            Problem::Word => "unknown_word",
            Problem::Priority => "unknown_priority",
            Problem::Share => "share_range",
            Problem::Currency => "currency_code",
        }
    }

    /// What to do about it, for a person.
    pub fn hint(self) -> &'static str {
        match self {
            Problem::Date => {
                "it is no date in the declared formats; add the export's to `formats` of this column"
            }
            Problem::ZoneMissing => {
                "it is a local time without a zone; declare `zone` in the source or the mapping"
            }
            Problem::LocalTimeSkipped => {
                "no clock showed it, because the clock was put forward then; check `zone`"
            }
            Problem::LocalTimeTwice => {
                "the clock showed it twice; set `fold` to \"earlier\" or \"later\""
            }
            Problem::Number => "it is no number; declare `decimal` and `thousands` in the mapping",
            Problem::NumberRange => {
                "it is too long; at most 15 decimals and 16 digits before them are kept"
            }
            Problem::Negative => {
                "it is negative, which a count or duration never is; correct it in the source"
            }
            Problem::Boolean => {
                "it is neither true nor false; add the spelling to `values` of this column"
            }
            Problem::Word => {
                "it is none of the words of this column; add the spelling to its `values`"
            }
            Problem::Priority => {
                "it is no priority; add the label to `values` of this column, as P1 to P5"
            }
            Problem::Share => "it is no share; write it as 0 to 1, or set `percent = true`",
            Problem::Currency => "it is no currency; write the three-letter ISO 4217 code",
        }
    }
}

/// How local times are placed on the time line.
#[derive(Debug, Clone)]
pub struct Clock {
    zone: Option<Zone>,
    fold: Fold,
}

/// How one canonical column is read.
#[derive(Debug, Clone)]
pub struct Reader {
    /// The canonical column.
    pub column: &'static Column,
    formats: Vec<Format>,
    values: HashMap<String, String>,
    scale: i64,
    percent: bool,
    decimal: u8,
    thousands: Option<char>,
    clock: Clock,
}

#[derive(Debug, Clone)]
enum Format {
    Iso,
    EpochSeconds,
    Fields(Vec<Token>),
    General(String),
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Token {
    Year,
    Month,
    Day,
    Hour,
    Minute,
    Second,
    Literal(u8),
}

impl Format {
    /// Formats made of numeric fields and literals are read by a small reader of ours, because
    /// nearly all exports use them and every row has several; all others go to jiff.
    fn new(text: &str) -> Format {
        match text {
            "iso8601" => return Format::Iso,
            "epoch_s" => return Format::EpochSeconds,
            _ => {}
        }
        let mut tokens = Vec::new();
        let mut bytes = text.bytes();
        while let Some(b) = bytes.next() {
            let token = if b == b'%' {
                match bytes.next() {
                    Some(b'Y') => Token::Year,
                    Some(b'm') => Token::Month,
                    Some(b'd') => Token::Day,
                    Some(b'H') => Token::Hour,
                    Some(b'M') => Token::Minute,
                    Some(b'S') => Token::Second,
                    _ => return Format::General(text.to_owned()),
                }
            } else {
                Token::Literal(b)
            };
            tokens.push(token);
        }
        Format::Fields(tokens)
    }

    fn read(&self, text: &str, clock: &Clock) -> Result<Option<i64>, Problem> {
        match self {
            Format::Iso => iso(text, clock),
            Format::EpochSeconds => Ok(text
                .parse::<i64>()
                .ok()
                .and_then(|s| jiff::Timestamp::from_second(s).ok())
                .map(|t| t.as_microsecond())),
            Format::Fields(tokens) => match fields(tokens, text) {
                Some(local) => clock.place(local).map(Some),
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
    fn read_date(&self, text: &str) -> Option<civil::Date> {
        match self {
            Format::Iso => text.get(..10).unwrap_or(text).parse().ok(),
            Format::EpochSeconds => None,
            Format::Fields(tokens) => fields(tokens, text).map(|l| l.date()),
            Format::General(format) => jiff::fmt::strtime::parse(format, text).ok()?.to_date().ok(),
        }
    }
}

fn fields(tokens: &[Token], text: &str) -> Option<civil::DateTime> {
    let bytes = text.as_bytes();
    let (mut at, mut year, mut month, mut day) = (0usize, 0i64, 1i64, 1i64);
    let (mut hour, mut minute, mut second) = (0i64, 0i64, 0i64);
    for token in tokens {
        if let Token::Literal(l) = token {
            if bytes.get(at) != Some(l) {
                return None;
            }
            at += 1;
            continue;
        }
        let width = if *token == Token::Year { 4 } else { 2 };
        let mut value = 0i64;
        let start = at;
        while at - start < width
            && let Some(b @ b'0'..=b'9') = bytes.get(at)
        {
            value = value * 10 + i64::from(b - b'0');
            at += 1;
        }
        if at == start || (width == 4 && at - start != 4) {
            return None;
        }
        match token {
            Token::Year => year = value,
            Token::Month => month = value,
            Token::Day => day = value,
            Token::Hour => hour = value,
            Token::Minute => minute = value,
            Token::Second => second = value,
            Token::Literal(_) => {}
        }
    }
    if at != bytes.len() {
        return None;
    }
    civil::DateTime::new(
        i16::try_from(year).ok()?,
        i8::try_from(month).ok()?,
        i8::try_from(day).ok()?,
        i8::try_from(hour).ok()?,
        i8::try_from(minute).ok()?,
        i8::try_from(second).ok()?,
        0,
    )
    .ok()
}

/// RFC 3339 with an offset, or the same without one as a local time; a space may stand for `T`.
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

fn date_of(date: civil::Date) -> Option<Date> {
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
}

impl Reader {
    /// The reader for a canonical column under a mapping.
    ///
    /// # Errors
    /// When the mapping names a zone that does not exist; the text says which.
    pub fn new(column: &'static Column, mapping: &Mapping) -> Result<Reader, String> {
        let plain = ColumnMapping::default();
        let mapped = mapping.columns.get(column.name).unwrap_or(&plain);
        Reader::build(column, mapped, mapping)
    }

    /// A reader of instants in the formats given, as for the moments of an audit log.
    ///
    /// # Errors
    /// As [`Reader::new`].
    pub fn build(
        column: &'static Column,
        mapped: &ColumnMapping,
        mapping: &Mapping,
    ) -> Result<Reader, String> {
        let zone = match &mapping.zone {
            None => None,
            Some(name) => Some(Zone::new(name).map_err(|e| e.to_string())?),
        };
        let formats = if mapped.formats.is_empty() {
            vec![Format::Iso]
        } else {
            mapped.formats.iter().map(|f| Format::new(f)).collect()
        };
        Ok(Reader {
            column,
            formats,
            values: mapped.values.clone().into_iter().collect(),
            scale: match mapped.unit.as_deref() {
                Some("minutes") => 60,
                Some("hours") => 3600,
                _ => 1,
            },
            percent: mapped.percent,
            decimal: mapping.decimal.bytes().next().unwrap_or(b'.'),
            thousands: mapping.thousands.as_ref().and_then(|t| t.chars().next()),
            clock: Clock {
                zone,
                fold: mapping.fold,
            },
        })
    }

    /// Reads a trimmed field that is not a spelling of "no value".
    ///
    /// # Errors
    /// When the field is not what the mapping declares.
    pub fn read<'a>(&'a self, text: &'a str) -> Result<Value<'a>, Problem> {
        let text = match self.values.get(text) {
            Some(mapped) => mapped.as_str(),
            None => text,
        };
        match self.column.kind {
            Kind::Text => Ok(Value::Text(text.into())),
            Kind::Instant => {
                for format in &self.formats {
                    if let Some(at) = format.read(text, &self.clock)? {
                        return Ok(Value::Integer(at));
                    }
                }
                Err(Problem::Date)
            }
            Kind::Date => {
                let date = self
                    .formats
                    .iter()
                    .find_map(|f| f.read_date(text))
                    .and_then(date_of);
                date.map(|d| Value::Integer(i64::from(d.days_since_epoch())))
                    .ok_or(Problem::Date)
            }
            Kind::Month => {
                if text.parse::<Month>().is_ok() {
                    return Ok(Value::Text(text.into()));
                }
                match self.formats.iter().find_map(|f| f.read_date(text)) {
                    Some(d) => Ok(Value::Text(
                        format!("{:04}-{:02}", d.year(), d.month()).into(),
                    )),
                    None => Err(Problem::Date),
                }
            }
            Kind::Integer => self.whole(text).map(Value::Integer),
            Kind::Seconds => self.seconds(text).map(Value::Integer),
            Kind::Decimal => self.units(text).map(Value::Decimal),
            Kind::Boolean => match text.to_ascii_lowercase().as_str() {
                "true" | "1" | "yes" | "y" => Ok(Value::Boolean(true)),
                "false" | "0" | "no" | "n" => Ok(Value::Boolean(false)),
                _ => Err(Problem::Boolean),
            },
            Kind::Priority => match text.as_bytes() {
                [b'P' | b'p', n @ b'1'..=b'5'] | [n @ b'1'..=b'5'] => {
                    Ok(Value::Integer(i64::from(n - b'0')))
                }
                _ => Err(Problem::Priority),
            },
            Kind::Share => {
                let digits = if self.percent {
                    text.trim_end_matches('%').trim_end()
                } else {
                    text
                };
                let units = self.units(digits)?;
                let per_million: i128 = if self.percent { 10_000 } else { 1_000_000 };
                let scaled = units.checked_mul(per_million).ok_or(Problem::Share)?;
                let one = 10i128.pow(u32::from(STORE_SCALE));
                let ppm = scaled.div_euclid(one);
                if scaled.rem_euclid(one) != 0 || !(0..=1_000_000).contains(&ppm) {
                    return Err(Problem::Share);
                }
                Ok(Value::Integer(
                    i64::try_from(ppm).map_err(|_| Problem::Share)?,
                ))
            }
            Kind::Currency => match text.as_bytes() {
                [a, b, c] if [a, b, c].iter().all(|b| b.is_ascii_uppercase()) => {
                    Ok(Value::Text(text.into()))
                }
                _ => Err(Problem::Currency),
            },
            Kind::TicketType | Kind::EventField | Kind::ChargeCategory => {
                if self.column.kind.words().contains(&text) {
                    Ok(Value::Text(text.into()))
                } else {
                    Err(Problem::Word)
                }
            }
        }
    }

    fn whole(&self, text: &str) -> Result<i64, Problem> {
        let one = 10i128.pow(u32::from(STORE_SCALE));
        let units = match text.parse::<i64>() {
            Ok(n) if n >= 0 => return Ok(n),
            Ok(_) => return Err(Problem::Negative),
            Err(_) => self.units(text)?,
        };
        if units < 0 {
            return Err(Problem::Negative);
        }
        if units % one != 0 {
            return Err(Problem::Number);
        }
        i64::try_from(units / one).map_err(|_| Problem::NumberRange)
    }

    fn seconds(&self, text: &str) -> Result<i64, Problem> {
        let one = 10i128.pow(u32::from(STORE_SCALE));
        let units = self.units(text)?.checked_mul(i128::from(self.scale));
        let units = units.ok_or(Problem::NumberRange)?;
        if units < 0 {
            return Err(Problem::Negative);
        }
        if units % one != 0 {
            return Err(Problem::Number);
        }
        i64::try_from(units / one).map_err(|_| Problem::NumberRange)
    }

    /// The number in units of 10^-15, exactly.
    fn units(&self, text: &str) -> Result<i128, Problem> {
        let plain;
        let text = if self.decimal == b'.' && self.thousands.is_none() {
            text
        } else {
            plain = text
                .chars()
                .filter(|c| Some(*c) != self.thousands)
                .map(|c| {
                    if c == char::from(self.decimal) {
                        '.'
                    } else {
                        c
                    }
                })
                .collect::<String>();
            plain.as_str()
        };
        let number: Decimal = text.parse().map_err(|_| Problem::Number)?;
        let padded = number
            .normalized()
            .padded(STORE_SCALE)
            .map_err(|_| Problem::NumberRange)?;
        // Sums over any file, and amounts times days, then fit as well.
        let bound = 10i128.pow(u32::from(STORE_SCALE) + DIGITS);
        if padded.scale() != STORE_SCALE || padded.mantissa().abs() >= bound {
            return Err(Problem::NumberRange);
        }
        Ok(padded.mantissa())
    }
}
