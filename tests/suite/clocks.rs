//! Calendars and service-level clocks, to the second: published answers (numbered as in the
//! golden examples they come from) and laws that hold for any calendar.
#![allow(clippy::unwrap_used)]

mod calendars;
mod levels;
mod minutes;
mod outages;
