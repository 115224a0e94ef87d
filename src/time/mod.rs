//! Months, instants, half-open periods, zones and business calendars: the words for time that
//! every stage shares.
//!
//! Instants are UTC with microseconds, durations are whole seconds (`i64`) and say in their
//! name whether they count wall time (`wall_s`) or business time (`business_s`). Every duration
//! is the difference of two instants that were each cut to their whole second first; so the
//! durations of adjacent periods always add up to the duration of the whole.
//!
//! Not responsible for service-level clocks (see [`crate::measure`]) or for guessing date
//! formats in exports (the `ingest` stage). Nothing here reads the clock or the system's zone
//! files: the zone database is compiled in, so that both parties get the same days.

mod calendar;
mod date;
mod definition;
mod instant;
mod month;
mod offsets;
mod period;
mod window;
mod zone;

pub use calendar::{BusinessCalendar, OutsideYears};
pub use date::{Date, Weekday};
pub use definition::{CalendarDefinition, CalendarError, Weekly};
pub use instant::Instant;
pub use month::{Month, Quarter, months_between};
pub use period::{Period, gaps_s, union};
pub use window::TimeWindow;
pub use zone::{LocalTime, Zone, zone_database_version};

/// Why a text or a pair of values is not a time. Each message says what was expected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TimeError {
    /// Not a calendar month.
    #[error("`{text}` is not a month: write year and month as in 2025-03")]
    Month {
        /// What was given.
        text: String,
    },
    /// Not a calendar date.
    #[error("`{text}` is not a date: write year, month and day as in 2025-03-31")]
    Date {
        /// What was given.
        text: String,
    },
    /// Not an instant.
    #[error("`{text}` is not an instant: write RFC 3339 with an offset as in 2025-03-31T09:30:00Z")]
    Instant {
        /// What was given.
        text: String,
    },
    /// A period that ends before it starts.
    #[error("a period cannot end ({end}) before it starts ({start}): swap the two or correct one")]
    Period {
        /// The start given.
        start: String,
        /// The end given.
        end: String,
    },
    /// Not opening hours of a day.
    #[error("`{text}` is not a window of the day: {hint}")]
    Window {
        /// What was given.
        text: String,
        /// What to write instead.
        hint: String,
    },
    /// A zone that the bundled database does not know.
    #[error("unknown time zone `{name}`: {hint}")]
    Zone {
        /// What was given.
        name: String,
        /// What to write instead.
        hint: String,
    },
}

/// Serde as the text of `Display` and `FromStr`, with a schema and an expectation that says so.
/// In formats that no person reads a type may stand as a number instead.
macro_rules! serde_as_text {
    ($type:ty, $name:literal, $expecting:literal $(, $number:ty, $to:path, $from:path)?) => {
        impl serde::Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                $(if !serializer.is_human_readable() {
                    return <$number as serde::Serialize>::serialize(&$to(*self), serializer);
                })?
                serializer.collect_str(self)
            }
        }

        impl<'de> serde::Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Text;

                impl serde::de::Visitor<'_> for Text {
                    type Value = $type;

                    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        f.write_str(concat!("in quotes, ", $expecting))
                    }

                    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<$type, E> {
                        text.parse().map_err(E::custom)
                    }
                }

                $(if !deserializer.is_human_readable() {
                    let number = <$number as serde::Deserialize>::deserialize(deserializer)?;
                    return Ok($from(number));
                })?
                deserializer.deserialize_str(Text)
            }
        }

        impl schemars::JsonSchema for $type {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> std::borrow::Cow<'static, str> {
                $name.into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({ "type": "string", "description": $expecting })
            }
        }
    };
}
use serde_as_text;
