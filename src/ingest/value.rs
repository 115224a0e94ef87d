//! From the text of one field to a typed value, by what the mapping declares. Responsible for
//! every reading of dates, numbers and words; guesses nothing. Not responsible for what happens
//! to a row whose field does not read (see [`super::delimited`]).

use std::collections::HashMap;

use foldhash::fast::FixedState;

use super::dates::{Ambiguity, Clock, Format, date_of};
use super::numbers::Numbers;
use super::people::Pseudonyms;
use crate::config::mapping::{ColumnMapping, Mapping};
use crate::store::schema::{Column, Kind};
use crate::time::{Month, Zone};

/// Decimal places of decimals in the store.
pub const STORE_SCALE: u8 = 15;

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
    /// A sign column that says neither plus nor minus.
    Sign,
    /// A quotient by zero or too large.
    Quotient,
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
            Problem::Sign => "unknown_sign",
            Problem::Quotient => "quotient",
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
            Problem::Sign => {
                "the column that says its sign has an unknown spelling; add it to `sign`"
            }
            Problem::Quotient => "what it is divided by is 0 or no number; check `divide_by`",
        }
    }
}

/// How one canonical column is read.
#[derive(Debug)]
pub struct Reader {
    /// The canonical column.
    pub column: &'static Column,
    formats: Vec<Format>,
    /// Whether one of them leaves open which number is the day.
    ambiguous: bool,
    values: HashMap<String, String, FixedState>,
    percent: bool,
    inclusive: bool,
    numbers: Numbers,
    yes: Vec<String>,
    no: Vec<String>,
    clock: Clock,
    seen: Ambiguity,
    people: Option<Pseudonyms>,
}

/// What a reader needs to know beyond the mapping.
#[derive(Debug, Clone, Default)]
pub struct Context {
    /// The file holds typed values, whose dates are written as RFC 3339 whatever the mapping says.
    pub typed: bool,
    /// How names of people are replaced; `None` where they are kept as given.
    pub people: Option<Pseudonyms>,
    /// Zones made already, by name: making one is slow beside reading a small file.
    pub zones: HashMap<String, Zone>,
    /// Into how many bins rows go, so that all rows of a ticket are in one.
    pub bins: usize,
}

impl Reader {
    /// The reader for a canonical column under a mapping.
    ///
    /// # Errors
    /// When the mapping names a zone that does not exist; the text says which.
    pub fn new(
        column: &'static Column,
        mapping: &Mapping,
        context: &Context,
    ) -> Result<Reader, String> {
        let plain = ColumnMapping::default();
        let mapped = mapping.columns.get(column.name).unwrap_or(&plain);
        Reader::build(column, mapped, mapping, context)
    }

    /// A reader by a column mapping of its own, as for the moments of an audit log.
    ///
    /// # Errors
    /// As [`Reader::new`].
    pub fn build(
        column: &'static Column,
        mapped: &ColumnMapping,
        mapping: &Mapping,
        context: &Context,
    ) -> Result<Reader, String> {
        let zone = match &mapping.zone {
            None => None,
            Some(name) => Some(match context.zones.get(name) {
                Some(zone) => zone.clone(),
                None => Zone::new(name).map_err(|e| e.to_string())?,
            }),
        };
        let locale = mapping.locale.unwrap_or_default();
        let mut formats: Vec<Format> = mapped
            .formats
            .iter()
            .map(|f| Format::new(f, locale))
            .collect();
        if formats.is_empty() || context.typed {
            formats.push(Format::Iso);
        }
        let lower = |words: &[String]| words.iter().map(|w| w.to_lowercase()).collect();
        Ok(Reader {
            column,
            ambiguous: formats.iter().any(Format::is_ambiguous),
            formats,
            values: mapped.values.clone().into_iter().collect(),
            percent: mapped.percent,
            inclusive: mapped.inclusive,
            numbers: Numbers::new(mapping, &mapped.unit),
            yes: lower(&mapping.yes),
            no: lower(&mapping.no),
            clock: Clock {
                zone,
                fold: mapping.fold,
            },
            seen: Ambiguity::default(),
            people: context.people.clone(),
        })
    }

    /// How many dates were read, if all of them read as day and month in either order.
    pub fn ambiguous_dates(&self) -> Option<u64> {
        self.seen.unresolved()
    }

    /// Whether nothing is counted when a field is read, so that one that says the same as that of the
    /// row before need not be read again.
    pub(super) fn counts_nothing(&self) -> bool {
        match self.column.kind {
            Kind::Instant | Kind::Date | Kind::Month => !self.ambiguous || self.seen.decided(),
            _ => true,
        }
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
            Kind::Person => Ok(Value::Text(match &self.people {
                Some(people) => people.of(text).as_str().to_owned().into(),
                None => text.into(),
            })),
            Kind::Instant => {
                for format in &self.formats {
                    if let Some(at) = format.read(text, &self.clock, &self.seen)? {
                        return Ok(Value::Integer(if self.inclusive {
                            self.clock.day_after(at)?
                        } else {
                            at
                        }));
                    }
                }
                Err(Problem::Date)
            }
            Kind::Date => {
                let day = self.day(text).ok_or(Problem::Date)?;
                Ok(Value::Integer(i64::from(day) + i64::from(self.inclusive)))
            }
            Kind::Month => {
                let month = self.month(text).ok_or(Problem::Date)?;
                Ok(Value::Text(month.to_string().into()))
            }
            Kind::Integer => self.numbers.whole(text).map(Value::Integer),
            Kind::Seconds => self.numbers.seconds(text).map(Value::Integer),
            Kind::Decimal => self.numbers.units(text).map(Value::Decimal),
            Kind::Boolean => {
                let word = text.to_lowercase();
                match word.as_str() {
                    "true" | "1" | "yes" | "y" => Ok(Value::Boolean(true)),
                    "false" | "0" | "no" | "n" => Ok(Value::Boolean(false)),
                    _ if self.yes.contains(&word) => Ok(Value::Boolean(true)),
                    _ if self.no.contains(&word) => Ok(Value::Boolean(false)),
                    _ => Err(Problem::Boolean),
                }
            }
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
                let units = self.numbers.units(digits)?;
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

    /// The number in `text` as written, in units of 10^-15, without sign or divisor of other
    /// columns.
    pub(super) fn decimal(&self, text: &str) -> Result<i128, Problem> {
        self.numbers.units(text)
    }

    /// The month in `text`.
    fn month(&self, text: &str) -> Option<Month> {
        if let Ok(month) = text.parse() {
            return Some(month);
        }
        let mut formats = self.formats.iter();
        let date = formats.find_map(|f| f.read_date(text, &self.seen))?;
        date_of(date).map(crate::time::Date::month)
    }

    /// The day in `text`, in days since 1970-01-01.
    fn day(&self, text: &str) -> Option<i32> {
        self.formats
            .iter()
            .find_map(|f| f.read_date(text, &self.seen))
            .and_then(date_of)
            .map(crate::time::Date::days_since_epoch)
    }
}
