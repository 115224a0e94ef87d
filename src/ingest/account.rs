//! The account of every file read: rows and money in against rows and money accepted,
//! duplicate, rejected and out of scope. Not responsible for deciding which is which.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::value::STORE_SCALE;
use crate::money::Decimal;

/// What became of a row that could be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It is in the store.
    Accepted,
    /// Another row of the same key stands.
    Duplicate,
    /// It belongs to no contract of the project.
    OutOfScope,
}

/// Rows of one file. `rows_in = accepted + duplicate + rejected + out_of_scope`, always.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileAccount {
    /// The canonical table.
    pub table: String,
    /// The source's name in the project.
    pub source: String,
    /// The file as the project names it.
    pub file: String,
    /// BLAKE3 of the file as it lies on disk.
    pub blake3: String,
    /// Data rows in the file.
    pub rows_in: u64,
    /// Rows in the store.
    pub accepted: u64,
    /// Rows that another row of the same key replaces.
    pub duplicate: u64,
    /// Rows in `rejects`.
    pub rejected: u64,
    /// Rows that belong to no contract of the project.
    pub out_of_scope: u64,
    /// Money per currency, for tables that carry an amount.
    pub money: BTreeMap<String, MoneyAccount>,
}

/// Money of one file in one currency, exactly. `amount_in` is the sum of the other four.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct MoneyAccount {
    /// In units of 10^-15: all rows whose amount reads.
    pub amount_in: i128,
    /// Of accepted rows.
    pub accepted: i128,
    /// Of duplicate rows.
    pub duplicate: i128,
    /// Of rejected rows whose amount reads.
    pub rejected: i128,
    /// Of rows out of scope.
    pub out_of_scope: i128,
}

impl MoneyAccount {
    /// Whether the identity holds.
    pub fn closes(&self) -> bool {
        self.amount_in == self.accepted + self.duplicate + self.rejected + self.out_of_scope
    }
}

impl Serialize for MoneyAccount {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeMap;
        let mut map = serializer.serialize_map(Some(5))?;
        for (name, value) in [
            ("amount_in", self.amount_in),
            ("accepted", self.accepted),
            ("duplicate", self.duplicate),
            ("rejected", self.rejected),
            ("out_of_scope", self.out_of_scope),
        ] {
            map.serialize_entry(name, &shown(value))?;
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for MoneyAccount {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let sums = BTreeMap::<String, String>::deserialize(deserializer)?;
        let units = |name: &str| -> Result<i128, D::Error> {
            let text = sums.get(name).map_or("0", String::as_str);
            if let Some(units) = text.strip_suffix("e-15") {
                return units.parse().map_err(serde::de::Error::custom);
            }
            let sum: Decimal = text.parse().map_err(serde::de::Error::custom)?;
            let sum = sum.padded(STORE_SCALE).map_err(serde::de::Error::custom)?;
            Ok(sum.mantissa())
        };
        Ok(MoneyAccount {
            amount_in: units("amount_in")?,
            accepted: units("accepted")?,
            duplicate: units("duplicate")?,
            rejected: units("rejected")?,
            out_of_scope: units("out_of_scope")?,
        })
    }
}

/// A sum in units of 10^-15 as a plain decimal number without trailing zeros.
pub fn shown(units: i128) -> String {
    match Decimal::new(units, STORE_SCALE) {
        Ok(d) => d.normalized().to_string(),
        Err(_) => format!("{units}e-15"),
    }
}

impl FileAccount {
    /// Counts a row that could be read.
    pub fn count(&mut self, fate: Fate, amount: Option<(i128, &str)>) {
        match fate {
            Fate::Accepted => self.accepted += 1,
            Fate::Duplicate => self.duplicate += 1,
            Fate::OutOfScope => self.out_of_scope += 1,
        }
        if let Some((units, currency)) = amount {
            let account = self.money.entry(currency.to_owned()).or_default();
            account.amount_in += units;
            *match fate {
                Fate::Accepted => &mut account.accepted,
                Fate::Duplicate => &mut account.duplicate,
                Fate::OutOfScope => &mut account.out_of_scope,
            } += units;
        }
    }

    /// Adds what other rows of the file came to.
    pub fn add(&mut self, other: &FileAccount) {
        self.accepted += other.accepted;
        self.duplicate += other.duplicate;
        self.out_of_scope += other.out_of_scope;
        for (currency, money) in &other.money {
            let mine = self.money.entry(currency.clone()).or_default();
            mine.amount_in += money.amount_in;
            mine.accepted += money.accepted;
            mine.duplicate += money.duplicate;
            mine.rejected += money.rejected;
            mine.out_of_scope += money.out_of_scope;
        }
    }

    /// Whether the row and money identities hold.
    pub fn closes(&self) -> bool {
        self.rows_in == self.accepted + self.duplicate + self.rejected + self.out_of_scope
            && self.money.values().all(MoneyAccount::closes)
    }
}
