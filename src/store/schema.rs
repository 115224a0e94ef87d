//! The canonical tables: names, keys, columns and kinds of values, as published in the data
//! dictionary. Responsible for the definition of what ingest delivers; not for reading,
//! checking or writing any of it.

use std::fmt;

pub use super::tables::TABLES;

/// What kind of value a canonical column holds, and so how a source's text is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Any text.
    Text,
    /// A person's name; a pseudonym in the store, unless the project keeps names as given.
    Person,
    /// A moment; stored as UTC microseconds.
    Instant,
    /// A calendar day.
    Date,
    /// A calendar month, `2025-03`.
    Month,
    /// A whole number of at least 0.
    Integer,
    /// An exact decimal number.
    Decimal,
    /// True or false.
    Boolean,
    /// P1 (highest) to P5; stored as 1 to 5.
    Priority,
    /// A duration in whole seconds of at least 0.
    Seconds,
    /// A share from 0 to 1; stored in parts per million.
    Share,
    /// An ISO 4217 currency code.
    Currency,
    /// `incident`, `request`, `problem` or `change`.
    TicketType,
    /// `state`, `priority`, `group` or `assignee`.
    EventField,
    /// `usage`, `purchase`, `tax`, `credit`, `adjustment` or `incentive`.
    ChargeCategory,
}

impl Kind {
    /// The words a column of this kind may hold, where the kind is a closed list.
    pub fn words(self) -> &'static [&'static str] {
        match self {
            Kind::TicketType => &["incident", "request", "problem", "change"],
            Kind::EventField => &["state", "priority", "group", "assignee"],
            Kind::ChargeCategory => &[
                "usage",
                "purchase",
                "tax",
                "credit",
                "adjustment",
                "incentive",
            ],
            _ => &[],
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Kind::Text => "text",
            Kind::Person => "a person",
            Kind::Instant => "a date and time",
            Kind::Date => "a date",
            Kind::Month => "a month such as 2025-03",
            Kind::Integer => "a whole number of at least 0",
            Kind::Decimal => "a decimal number",
            Kind::Boolean => "true or false",
            Kind::Priority => "a priority P1 to P5",
            Kind::Seconds => "a duration of at least 0",
            Kind::Share => "a share from 0 to 1",
            Kind::Currency => "a three-letter currency code",
            Kind::TicketType => "incident, request, problem or change",
            Kind::EventField => "state, priority, group or assignee",
            Kind::ChargeCategory => "usage, purchase, tax, credit, adjustment or incentive",
        })
    }
}

/// One column of a canonical table.
#[derive(Debug, Clone, Copy)]
pub struct Column {
    /// Its name, everywhere.
    pub name: &'static str,
    /// What it holds.
    pub kind: Kind,
    /// Whether a row without it is rejected.
    pub required: bool,
    /// One line for the data dictionary.
    pub description: &'static str,
}

/// One canonical table.
#[derive(Debug, Clone, Copy)]
pub struct Table {
    /// Its name, everywhere.
    pub name: &'static str,
    /// The columns that tell one row from another.
    pub key: &'static [&'static str],
    /// The instant whose UTC month decides the partition, for large tables.
    pub partition: Option<&'static str>,
    /// One line for the data dictionary.
    pub description: &'static str,
    /// Its columns, in stored order.
    pub columns: &'static [Column],
}

impl Table {
    /// The column of that name.
    pub fn column(&self, name: &str) -> Option<&'static Column> {
        self.columns.iter().find(|c| c.name == name)
    }

    /// The position of the column of that name.
    pub fn position(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|c| c.name == name)
    }
}

/// The canonical table of that name.
pub fn table(name: &str) -> Option<&'static Table> {
    TABLES.iter().find(|t| t.name == name)
}
