//! A published step as a spreadsheet formula. Each formula is also computed here, exactly; one
//! that does not give the published amount is not written, and the value stands instead, said to
//! be so. Not responsible for where cells are.

use crate::money::{Decimal, Rounding};

/// A formula over cells, and what it gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Formula {
    pub(super) text: String,
    pub(super) value: Decimal,
}

/// A value in a cell.
#[derive(Debug, Clone)]
pub(super) struct At {
    pub(super) cell: String,
    pub(super) value: Decimal,
}

/// The step's formula from the amount before it and its rate or limit. `from_first` says whether
/// a minimum counts from the first unit.
pub(super) fn step(
    word: &str,
    before: &At,
    rate: Option<&At>,
    from_first: bool,
) -> Option<Formula> {
    let (x, b) = (before.value, &before.cell);
    let made = |text: String, value: Decimal| Some(Formula { text, value });
    let Some(rate) = rate else {
        return match word {
            "floor" => made(format!("MAX({b},0)"), x.max(Decimal::ZERO)),
            "round" => made(format!("ROUND({b},2)"), x.round(2, Rounding::HalfUp)),
            _ => made(b.clone(), x),
        };
    };
    let (r, c) = (rate.value, &rate.cell);
    match word {
        "floor" => made(format!("MAX({b},{c})"), x.max(r)),
        "cap" => made(format!("MIN({b},{c})"), x.min(r)),
        "minimum" if from_first => made(
            format!("IF(ABS({b})<{c},0,{b})"),
            if x.abs() < r { Decimal::ZERO } else { x },
        ),
        "minimum" => {
            let beyond = if x.is_negative() {
                x.checked_add(r)
            } else {
                x.checked_sub(r)
            };
            made(
                format!("IF(ABS({b})<{c},0,{b}-SIGN({b})*{c})"),
                if x.abs() < r {
                    Decimal::ZERO
                } else {
                    beyond.ok()?
                },
            )
        }
        "relief" => made(
            format!("{b}*(1-{c})"),
            x.checked_mul(Decimal::ONE.checked_sub(r).ok()?).ok()?,
        ),
        "add" => made(format!("{b}+{c}"), x.checked_add(r).ok()?),
        "subtract" | "paid_before" | "carry" => made(format!("{b}-{c}"), x.checked_sub(r).ok()?),
        "bands" | "round" => None,
        // Shares, prices, qualities, repeats: whatever is multiplied.
        _ => made(format!("{b}*{c}"), x.checked_mul(r).ok()?),
    }
}

/// The text of an expression between two marks, such as `2% * benchmark_cost` in
/// `… the minimum 2% * benchmark_cost = 6071.61: …`.
pub(super) fn expression<'a>(explanation: &'a str, word: &str, value: Decimal) -> Option<&'a str> {
    let end = explanation.find(&format!(" = {}", value.normalized()))?;
    let before = explanation.get(..end)?;
    if word.is_empty() {
        return Some(before.trim());
    }
    let mark = format!("{word} ");
    let start = before.rfind(&mark).map_or(0, |i| i + mark.len());
    before.get(start..).map(str::trim)
}

/// An expression of numbers, percentages, `+ - * / ( )` and names, with every name replaced by
/// the cell that `find` gives for it; nothing when it has anything else.
pub(super) fn translate(expression: &str, find: impl Fn(&str) -> Option<At>) -> Option<Formula> {
    let mut parser = Parser {
        rest: expression.trim(),
        text: String::new(),
        find: &find,
        named: false,
    };
    let value = parser.sum()?;
    (parser.rest.is_empty() && parser.named).then_some(Formula {
        text: parser.text,
        value,
    })
}

struct Parser<'a> {
    rest: &'a str,
    text: String,
    find: &'a dyn Fn(&str) -> Option<At>,
    named: bool,
}

impl Parser<'_> {
    fn take(&mut self, mark: char) -> bool {
        match self.rest.trim_start().strip_prefix(mark) {
            Some(rest) => {
                self.rest = rest.trim_start();
                self.text.push(mark);
                true
            }
            None => false,
        }
    }

    fn sum(&mut self) -> Option<Decimal> {
        let mut value = self.product()?;
        loop {
            if self.take('+') {
                value = value.checked_add(self.product()?).ok()?;
            } else if self.take('-') {
                value = value.checked_sub(self.product()?).ok()?;
            } else {
                return Some(value);
            }
        }
    }

    fn product(&mut self) -> Option<Decimal> {
        let mut value = self.factor()?;
        loop {
            if self.take('*') {
                value = value.checked_mul(self.factor()?).ok()?;
            } else if self.take('/') {
                value = value.div(self.factor()?, 12, Rounding::HalfEven).ok()?;
            } else {
                return Some(value);
            }
        }
    }

    fn factor(&mut self) -> Option<Decimal> {
        if self.take('(') {
            let value = self.sum()?;
            return self.take(')').then_some(value);
        }
        self.rest = self.rest.trim_start();
        let end = self
            .rest
            .find(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == '.'))
            .unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at_checked(end)?;
        // A call is not arithmetic that we translate.
        if word.is_empty() || rest.trim_start().starts_with('(') {
            return None;
        }
        self.rest = rest;
        if word.starts_with(|c: char| c.is_ascii_digit()) {
            let value: Decimal = word.replace('_', "").parse().ok()?;
            self.text.push_str(&value.to_string());
            if self.take('%') {
                return value.checked_mul("0.01".parse().ok()?).ok();
            }
            return Some(value);
        }
        let at = (self.find)(word)?;
        self.named = true;
        self.text.push_str(&at.cell);
        Some(at.value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decimal(text: &str) -> Decimal {
        text.parse().unwrap_or(Decimal::ZERO)
    }

    fn at(cell: &str, value: &str) -> At {
        At {
            cell: cell.to_owned(),
            value: decimal(value),
        }
    }

    #[test]
    fn steps_give_what_paper_gives() {
        let before = at("A1", "100");
        let rate = at("B1", "60");
        let given = |word, first| step(word, &before, Some(&rate), first).map(|f| f.value);
        assert_eq!(given("cap", true), Some(decimal("60")));
        assert_eq!(given("floor", true), Some(decimal("100")));
        assert_eq!(given("minimum", true), Some(decimal("100")));
        assert_eq!(given("minimum", false), Some(decimal("40")));
        assert_eq!(given("share", true), Some(decimal("6000")));
        assert_eq!(given("paid_before", true), Some(decimal("40")));
        let below = step("floor", &at("A1", "-3"), None, true);
        assert_eq!(
            below.map(|f| (f.text, f.value)),
            Some(("MAX(A1,0)".to_owned(), Decimal::ZERO))
        );
    }

    #[test]
    fn an_expression_becomes_a_formula_over_cells() {
        let find = |name: &str| (name == "benchmark_cost").then(|| at("KPIs!F7", "303580.34"));
        let made = translate("2% * benchmark_cost", find);
        assert_eq!(
            made.map(|f| (f.text, f.value.normalized().to_string())),
            Some(("2%*KPIs!F7".to_owned(), "6071.6068".to_owned()))
        );
        assert_eq!(translate("max(benchmark_cost, 3)", find), None);
        assert_eq!(translate("other * 2", find), None);
        assert_eq!(translate("35", find), None);
        assert_eq!(
            translate("(benchmark_cost - 3580.34) / 100", find).map(|f| f.value.normalized()),
            Some(decimal("3000"))
        );
    }

    #[test]
    fn an_expression_is_found_in_its_sentence() {
        let text =
            "4251.64 does not reach the minimum 2% * benchmark_cost = 6166.9442: nothing counts";
        assert_eq!(
            expression(text, "minimum", decimal("6166.9442")),
            Some("2% * benchmark_cost")
        );
        let text = "7644.83 keeps within the cap 10% * benchmark_cost = 31336.13";
        assert_eq!(
            expression(text, "cap", decimal("31336.13")),
            Some("10% * benchmark_cost")
        );
        let text = "actual_cost = 307449.66 (with actual_cost = 307449.66)";
        assert_eq!(
            expression(text, "", decimal("307449.66")),
            Some("actual_cost")
        );
    }
}
