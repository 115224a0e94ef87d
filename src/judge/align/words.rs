//! Verdicts in words. Not responsible for the figures in them.

use super::driver::Driver;
use crate::money::{Currency, Decimal, Rounding};

/// A number for people: two decimals where it has any, thousands apart.
pub(super) fn number(value: Decimal) -> String {
    let rounded = value.round(2, Rounding::HalfUp);
    let plain = if rounded.is_zero() && !value.is_zero() {
        // Too small for two decimals: the first four that say something.
        let mut scale = 3;
        while scale < 12 && value.round(scale, Rounding::HalfUp).is_zero() {
            scale += 1;
        }
        value.round(scale + 1, Rounding::HalfUp).normalized()
    } else {
        rounded.normalized()
    };
    grouped(plain, true)
}

/// A place on an axis: up to six decimals.
fn spot(value: Decimal) -> String {
    grouped(value.round(6, Rounding::HalfUp).normalized(), false)
}

fn grouped(plain: Decimal, money: bool) -> String {
    let text = plain.to_string();
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", text.as_str()),
    };
    let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
    let mut thousands = String::new();
    for (i, digit) in whole.chars().enumerate() {
        if i > 0 && (whole.len() - i) % 3 == 0 {
            thousands.push(',');
        }
        thousands.push(digit);
    }
    match part.len() {
        0 => format!("{sign}{thousands}"),
        1 if money => format!("{sign}{thousands}.{part}0"),
        _ => format!("{sign}{thousands}.{part}"),
    }
}

/// A part of one as a percentage, with up to three decimals.
pub(super) fn percent(value: Decimal) -> String {
    let hundred = value.checked_mul(Decimal::from_i64(100)).unwrap_or(value);
    format!(
        "{} %",
        grouped(hundred.round(3, Rounding::HalfUp).normalized(), false)
    )
}

/// Several of a unit.
pub(super) fn plural(unit: &str) -> String {
    if unit.ends_with("ch") || unit.ends_with('s') {
        format!("{unit}es")
    } else {
        format!("{unit}s")
    }
}

/// A place on the axis of a driver, with its percentage where one is known.
pub(super) fn place(driver: &Driver, at: Decimal) -> String {
    let many = if at == Decimal::ONE {
        &driver.unit.0
    } else {
        &driver.unit.1
    };
    if driver.falling {
        return format!("a cost of {}", spot(at));
    }
    if generic(driver) {
        return format!("`{many}` {}", spot(at));
    }
    match part(driver, at) {
        Some(part) => format!("{} {many} ({part})", spot(at)),
        None => format!("{} {many}", spot(at)),
    }
}

/// A driver that is nothing but one more of a measure.
fn generic(driver: &Driver) -> bool {
    driver.name.starts_with("one_more:")
}

fn part(driver: &Driver, at: Decimal) -> Option<String> {
    let of = driver.of.filter(|of| of.is_positive())?;
    Some(percent(at.div(of, 8, Rounding::HalfUp).ok()?))
}

/// A place alone: the percentage where one is known, else the number.
fn short(driver: &Driver, at: Decimal) -> String {
    part(driver, at).unwrap_or_else(|| spot(at))
}

/// What a region is to be told with.
pub(super) struct Told {
    pub(super) from: Decimal,
    pub(super) to: Decimal,
    /// It starts or ends where the range that is looked at does.
    pub(super) first: bool,
    pub(super) last: bool,
    pub(super) payment: Decimal,
    pub(super) profit: Option<Decimal>,
    pub(super) customer: Option<Decimal>,
    pub(super) notch: Decimal,
    /// The most that one more may cost the supplier.
    pub(super) room: Decimal,
}

/// Where a region lies.
fn stretch(driver: &Driver, told: &Told) -> String {
    let unit = |at: Decimal| place(driver, at);
    match (told.first, told.last) {
        (true, true) => "Over the whole range".to_owned(),
        _ if told.from == told.to => format!("At {}", unit(told.from)),
        (true, false) if driver.falling => format!("Down to {}", unit(told.to)),
        (true, false) if part(driver, told.to).is_some() => {
            format!("Below {}", short(driver, told.to))
        }
        (true, false) => format!("Up to {}", unit(told.to)),
        (false, true) if driver.falling => format!("Below {}", unit(told.from)),
        (false, true) => format!("Beyond {}", unit(told.from)),
        (false, false) => format!("Between {} and {}", short(driver, told.from), unit(told.to)),
    }
}

/// The verdict on a region of all clauses together.
pub(super) fn region(driver: &Driver, told: &Told, currency: Currency) -> String {
    let where_ = stretch(driver, told);
    let one = if generic(driver) {
        format!("each further unit of `{}`", driver.unit.0)
    } else {
        format!("every further {}", driver.unit.0)
    };
    let mut words = match told.profit {
        Some(profit) if profit.is_positive() => format!(
            "{where_} {one} earns the supplier {} {currency}",
            number(profit)
        ),
        Some(profit) if profit.is_negative() => format!(
            "{where_} {one} costs the supplier {} {currency}",
            number(profit.abs())
        ),
        Some(_) => format!("{where_} {one} is worth nothing to the supplier"),
        None if told.payment.is_zero() => {
            format!("{where_} {one} changes no payment of these terms")
        }
        None if told.payment.is_positive() => format!(
            "{where_} {one} is paid with {} {currency}",
            number(told.payment)
        ),
        None => format!(
            "{where_} {one} lowers the payment by {} {currency}",
            number(told.payment.abs())
        ),
    };
    if told.profit.is_none() && !generic(driver) {
        if driver.missing.contains("margin") && !told.room.is_positive() {
            words.push_str("; it gains at no margin");
        } else if driver.missing.contains("margin") {
            words.push_str(&format!(
                "; it gains while its margin on that {currency} is below {}",
                percent(told.room)
            ));
        } else if told.room.is_positive() {
            words.push_str(&format!(
                "; it gains while one costs it less than {} {currency}",
                number(told.room)
            ));
        } else {
            words.push_str(&format!(
                "; it gains only if one saves it more than {} {currency}",
                number(told.room.abs())
            ));
        }
    }
    if driver.name == "breach" && told.payment.is_zero() {
        // After the miss that loses the level nothing matters until the period ends.
        words = if told.first {
            format!("{where_} no {} costs the supplier anything", driver.unit.0)
        } else {
            format!("{where_} one more changes nothing until the period ends")
        };
    }
    if told.from == told.to {
        words = format!("{where_} the range ends");
    }
    if told.notch.is_positive() {
        words.push_str(&format!(
            "; on reaching {} the supplier gains {} {currency} at once",
            place(driver, told.from),
            number(told.notch)
        ));
    } else if told.notch.is_negative() {
        words.push_str(&format!(
            "; on reaching {} the supplier loses {} {currency} at once",
            place(driver, told.from),
            number(told.notch.abs())
        ));
    }
    match (told.profit, told.customer) {
        (Some(profit), Some(customer)) if told.from != told.to => {
            if profit.is_negative() && customer.is_positive() {
                words.push_str(&format!(
                    ", while the customer gains {}: the interests part here",
                    number(customer)
                ));
            } else if !profit.is_negative() && customer.is_negative() {
                words.push_str(&format!(
                    ", at the customer's expense of {}",
                    number(customer.abs())
                ));
            } else {
                words.push_str(&format!(
                    "; the customer {} {}",
                    if customer.is_negative() {
                        "loses"
                    } else {
                        "gains"
                    },
                    number(customer.abs())
                ));
            }
        }
        _ => {}
    }
    words.push('.');
    words
}

/// The verdict on a region of one clause.
pub(super) fn clause(
    driver: &Driver,
    told: &Told,
    id: &str,
    currency: Currency,
    reacts: bool,
) -> String {
    if !reacts {
        let mut words = format!("`{id}` does not react to {}", driver.unit.1);
        if let Some(profit) = told.profit {
            words.push_str(&alone(profit, currency));
        }
        words.push('.');
        return words;
    }
    let where_ = stretch(driver, told);
    let mut words = if told.payment.is_zero() {
        format!("{where_} `{id}` does not change")
    } else {
        format!(
            "{where_} `{id}` {} {} {currency} for every further {}",
            if told.payment.is_positive() {
                "pays"
            } else {
                "takes"
            },
            number(told.payment.abs()),
            driver.unit.0
        )
    };
    if let Some(profit) = told.profit {
        words.push_str(&alone(profit, currency));
    }
    if !told.notch.is_zero() {
        words.push_str(&format!(
            "; it {} {} at once on reaching {}",
            if told.notch.is_positive() {
                "rises by"
            } else {
                "falls by"
            },
            number(told.notch.abs()),
            place(driver, told.from)
        ));
    }
    words.push('.');
    words
}

/// What one more would be worth if a clause were the only one.
fn alone(profit: Decimal, currency: Currency) -> String {
    let amount = number(profit.abs());
    if profit.is_zero() {
        "; were it alone, each would be worth nothing to the supplier".to_owned()
    } else if profit.is_negative() {
        format!("; were it alone, each would cost the supplier {amount} {currency}")
    } else {
        format!("; were it alone, each would earn the supplier {amount} {currency}")
    }
}

/// What the supplier does if it looks at its profit alone.
pub(super) fn best(driver: &Driver, at: Decimal, first: bool, last: bool, known: bool) -> String {
    let who = if known {
        "The supplier's best plan is"
    } else {
        "By payments alone, without its costs, the supplier's best plan is"
    };
    match (first, last) {
        (true, _) if driver.falling => format!("{who} to save nothing."),
        (true, _) => format!("{who} to stay at {}.", place(driver, at)),
        (_, true) => format!(
            "{who} to go on to the end of the range, {}.",
            place(driver, at)
        ),
        _ => format!("{who} to stop at {}.", place(driver, at)),
    }
}
