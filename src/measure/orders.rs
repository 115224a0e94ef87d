//! Orders on invoices against the limit above which they need approval: how many were placed
//! whole, and how many in parts that each stay under it. Pure; not responsible for reading invoice
//! lines nor for any test (see [`crate::judge::integrity`]).

use std::collections::BTreeMap;

use crate::money::{Decimal, MoneyError};
use crate::time::Month;

/// What the lines of one order come to: sums and extremes, so that it merges in any order.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
struct Order {
    month: Month,
    sum: Decimal,
    largest: Decimal,
    limit: Decimal,
    lines: u64,
}

/// Contract, then invoice, service and description of an order.
type OrderKey = (String, [String; 3]);

/// The purchases of contracts whose terms have a limit.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Orders {
    by_key: BTreeMap<OrderKey, Order>,
}

/// Orders that come to more than the limit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct OrderCounts {
    /// With a line above the limit.
    pub whole: u64,
    /// In lines that are all at most the limit.
    pub split: u64,
}

impl Orders {
    /// Adds one purchase line. Lines of one invoice for one service with one description are one
    /// order. What is taken back (an amount not above zero) is left out.
    ///
    /// # Errors
    /// When a sum does not fit exactly.
    pub fn add(
        &mut self,
        contract_id: &str,
        order: [String; 3],
        month: Month,
        amount: Decimal,
        limit: Decimal,
    ) -> Result<(), MoneyError> {
        if !amount.is_positive() {
            return Ok(());
        }
        let one = Order {
            month,
            sum: amount,
            largest: amount,
            limit,
            lines: 1,
        };
        self.put((contract_id.to_owned(), order), one)
    }

    fn put(&mut self, key: OrderKey, other: Order) -> Result<(), MoneyError> {
        match self.by_key.get_mut(&key) {
            None => {
                self.by_key.insert(key, other);
            }
            Some(mine) => {
                mine.month = mine.month.min(other.month);
                mine.sum = mine.sum.checked_add(other.sum)?;
                mine.largest = mine.largest.max(other.largest);
                mine.lines += other.lines;
            }
        }
        Ok(())
    }

    /// Adds those of another part of the invoices.
    ///
    /// # Errors
    /// When a sum does not fit exactly.
    pub fn merge(&mut self, other: Orders) -> Result<(), MoneyError> {
        other
            .by_key
            .into_iter()
            .try_for_each(|(key, order)| self.put(key, order))
    }

    /// The orders of a contract above its limit in the months from `from` to before `to`, and the
    /// first invoices with a split one.
    #[must_use]
    pub fn of(&self, contract_id: &str, from: Month, to: Month) -> (OrderCounts, Vec<&str>) {
        let mut counts = OrderCounts::default();
        let mut invoices = Vec::new();
        for ((contract, [invoice, _, _]), order) in &self.by_key {
            let within = order.month >= from && order.month < to;
            if contract != contract_id || !within || order.sum <= order.limit {
                continue;
            }
            if order.largest > order.limit {
                counts.whole += 1;
            } else {
                counts.split += 1;
                if invoices.len() < super::integrity::SAMPLES {
                    invoices.push(invoice.as_str());
                }
            }
        }
        (counts, invoices)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(name: &str) -> [String; 3] {
        ["INV-1".to_owned(), "mail".to_owned(), name.to_owned()]
    }

    #[test]
    fn an_order_in_parts_under_the_limit_is_split_in_any_order_of_lines() {
        let month = Month::new(2025, 3).unwrap();
        let limit = Decimal::from_i64(10_000);
        let lines = [
            ("laptops", 9_900),
            ("laptops", 4_000),
            ("server", 12_000),
            ("cables", 9_900),
            ("phones", -9_900),
            ("phones", 10_000),
        ];
        let of = |lines: &[(&str, i64)]| {
            let mut orders = Orders::default();
            for (name, amount) in lines {
                let amount = Decimal::from_i64(*amount);
                orders.add("C1", order(name), month, amount, limit).unwrap();
            }
            orders
        };
        let all = of(&lines);
        let (counts, invoices) = all.of("C1", month, month.next());
        assert_eq!((counts.whole, counts.split), (1, 1));
        assert_eq!(invoices, ["INV-1"]);
        assert_eq!(all.of("C2", month, month.next()).0, OrderCounts::default());
        for cut in 0..lines.len() {
            let mut merged = of(&lines[cut..]);
            merged.merge(of(&lines[..cut])).unwrap();
            assert_eq!(merged, all);
        }
    }
}
