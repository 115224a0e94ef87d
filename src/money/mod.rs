//! Exact decimal money: [`Decimal`], [`Rounding`], [`Currency`], [`Money`] and dated exchange
//! rates ([`FxRates`]). Not responsible for any contract logic.
//!
//! Nothing here rounds by itself. A sum or product that does not fit exactly is a
//! [`MoneyError`]; a division says to how many decimals and how. No amount passes through a
//! float.

mod currency;
mod decimal;
mod fx;
mod text;

pub use currency::{Currency, Money};
pub use decimal::{Decimal, Rounding};
pub use fx::{FxRates, Quote};

/// Why an exact computation or a conversion was not possible.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MoneyError {
    /// The exact result needs more than 38 digits.
    #[error("the amount is beyond the range of exact decimals (38 digits)")]
    Overflow,
    /// Division by zero.
    #[error("division by zero")]
    DivisionByZero,
    /// More than 38 decimals asked for.
    #[error("{0} decimals asked for; 38 is the most that a decimal holds")]
    Scale(u32),
    /// A text that is no plain decimal number.
    #[error("`{0}` is no decimal number (expected digits with an optional sign and point)")]
    Parse(String),
    /// NaN or infinite.
    #[error("the value is {0}, which is no number that can be paid on")]
    NotFinite(String),
    /// A binary float whose written form cannot be known.
    #[error("the number {0} has more digits than a float keeps: write it in quotes")]
    InexactFloat(String),
    /// Not three capital letters.
    #[error("`{0}` is no currency (expected three capital letters, such as EUR)")]
    Currency(String),
    /// Two currencies in one sum.
    #[error("{0} and {1} cannot be added without an exchange rate")]
    CurrencyMismatch(Currency, Currency),
    /// No exchange rate on or before a date.
    #[error("no exchange rate from {from} to {to} on or before {date}")]
    NoRate {
        /// The currency to convert from.
        from: Currency,
        /// The currency to convert to.
        to: Currency,
        /// The date asked for, ISO.
        date: String,
    },
    /// The last exchange rate is too old to stand for the date asked for.
    #[error(
        "the last exchange rate from {from} to {to} before {date} is of {found}, \
         more than {max_age_days} days earlier"
    )]
    StaleRate {
        /// The currency to convert from.
        from: Currency,
        /// The currency to convert to.
        to: Currency,
        /// The date asked for, ISO.
        date: String,
        /// The date of the last rate, ISO.
        found: String,
        /// How old a rate may be.
        max_age_days: i32,
    },
    /// A rate that is zero or negative.
    #[error("the exchange rate from {0} to {1} is not positive")]
    BadRate(Currency, Currency),
}
