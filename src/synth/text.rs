//! How single values are written in the generated exports: dates of three dialects, money,
//! identifiers. Not responsible for which columns a file has.

use super::clock::{DAY, HOUR, MINUTE, civil_of};
use super::incidents::{Party, Ticket};
use super::world::{CONTRACTS, REORGANISATION, World, year_month};

/// Appends a number padded with zeros to at least `width` digits.
pub(crate) fn padded(out: &mut Vec<u8>, value: i64, width: usize) {
    let mut digits = [b'0'; 20];
    let mut left = value.unsigned_abs();
    let mut at = digits.len();
    while left > 0 || digits.len() - at < width.max(1) {
        at -= 1;
        digits[at] = b'0' + (left % 10) as u8;
        left /= 10;
        if at == 0 {
            break;
        }
    }
    if value < 0 {
        out.push(b'-');
    }
    out.extend_from_slice(&digits[at..]);
}

fn parts(local: i64) -> (i64, i64, i64, i64, i64, i64) {
    let (year, month, day) = civil_of(local.div_euclid(DAY));
    let second = local.rem_euclid(DAY);
    (
        year,
        month,
        day,
        second / HOUR,
        second % HOUR / MINUTE,
        second % MINUTE,
    )
}

/// `d/m/yyyy hh:mm` in local time.
pub(crate) fn slashed(out: &mut Vec<u8>, world: &World, utc: i64) {
    let (year, month, day, hour, minute, _) = parts(world.clock.local(utc));
    padded(out, day, 1);
    out.push(b'/');
    padded(out, month, 1);
    out.push(b'/');
    padded(out, year, 4);
    out.push(b' ');
    padded(out, hour, 2);
    out.push(b':');
    padded(out, minute, 2);
}

/// `dd-mm-yyyy hh:mm:ss` in local time.
pub(crate) fn dashed(out: &mut Vec<u8>, world: &World, utc: i64) {
    let (year, month, day, hour, minute, second) = parts(world.clock.local(utc));
    padded(out, day, 2);
    out.push(b'-');
    padded(out, month, 2);
    out.push(b'-');
    padded(out, year, 4);
    out.push(b' ');
    padded(out, hour, 2);
    out.push(b':');
    padded(out, minute, 2);
    out.push(b':');
    padded(out, second, 2);
}

/// RFC 3339 in UTC.
pub(crate) fn instant(out: &mut Vec<u8>, utc: i64) {
    let (year, month, day, hour, minute, second) = parts(utc);
    padded(out, year, 4);
    out.push(b'-');
    padded(out, month, 2);
    out.push(b'-');
    padded(out, day, 2);
    out.push(b'T');
    padded(out, hour, 2);
    out.push(b':');
    padded(out, minute, 2);
    out.push(b':');
    padded(out, second, 2);
    out.push(b'Z');
}

/// RFC 3339 in UTC as a string.
pub(crate) fn instant_text(utc: i64) -> String {
    let mut out = Vec::with_capacity(20);
    instant(&mut out, utc);
    String::from_utf8(out).unwrap_or_default()
}

/// `yyyy-mm-dd` of days since 1970-01-01.
pub(crate) fn date_text(days: i64) -> String {
    let (year, month, day) = civil_of(days);
    format!("{year:04}-{month:02}-{day:02}")
}

/// Minor units as a decimal with two places.
pub(crate) fn cents(out: &mut Vec<u8>, minor: i64) {
    if minor < 0 {
        out.push(b'-');
    }
    padded(out, minor.abs() / 100, 1);
    out.push(b'.');
    padded(out, minor.abs() % 100, 2);
}

/// Minor units as a decimal with two places, as a string.
pub(crate) fn cents_text(minor: i64) -> String {
    let mut out = Vec::with_capacity(16);
    cents(&mut out, minor);
    String::from_utf8(out).unwrap_or_default()
}

/// Parts per million as a share between 0 and 1 with six places.
pub(crate) fn share(out: &mut Vec<u8>, ppm: u32, point: u8) {
    padded(out, i64::from(ppm) / 1_000_000, 1);
    out.push(point);
    padded(out, i64::from(ppm) % 1_000_000, 6);
}

/// Short name of a contract's teams; the reorganisation renames those of CT-B1.
pub(crate) fn team(contract: usize, month: usize) -> &'static str {
    match contract {
        0 => "Workplace",
        1 => "Applications",
        2 if month >= REORGANISATION => "Connectivity",
        2 => "Network",
        3 => "Hosting",
        4 => "End User Computing",
        _ => "Commerce",
    }
}

/// Names of a contract's groups after [`team`].
pub(crate) const GROUPS: [&str; 3] = ["Service Desk", "Second Line", "Specialists"];

/// Identifier of a configuration item.
pub(crate) fn ci_id(out: &mut Vec<u8>, contract: usize, service: usize, ci: u32) {
    out.extend_from_slice(CONTRACTS[contract].services[service].id.as_bytes());
    out.push(b'-');
    padded(out, i64::from(ci) + 1, 4);
}

/// Identifier of a ticket.
pub(crate) fn ticket_id(out: &mut Vec<u8>, c: usize, month: usize, number: u32, request: bool) {
    match CONTRACTS[c].supplier {
        0 => {
            out.extend_from_slice(if request { b"RITM" } else { b"INC" });
            padded(out, c as i64 + 1, 1);
            padded(out, month as i64 + 1, 2);
            padded(out, i64::from(number), 5);
        }
        1 => {
            // A leading zero, as many tools have it: this identifier is not a number.
            padded(out, c as i64 + 1, 2);
            padded(out, month as i64 + 1, 2);
            padded(out, i64::from(number), 6);
        }
        _ => {
            let (year, number_of_month) = year_month(month as i64);
            out.push(b'C');
            padded(out, c as i64 - 3, 1);
            out.push(b'-');
            padded(out, year % 100, 2);
            padded(out, number_of_month, 2);
            out.push(b'-');
            padded(out, i64::from(number), 5);
        }
    }
}

/// Identifier of a ticket as a string.
pub(crate) fn ticket_text(c: usize, month: usize, number: u32, request: bool) -> String {
    let mut out = Vec::with_capacity(16);
    ticket_id(&mut out, c, month, number, request);
    String::from_utf8(out).unwrap_or_default()
}

/// Identifier of a hot stream's problem.
pub(crate) fn problem_text(c: usize, service: usize, stream: usize) -> String {
    format!("PRB{}{}{}", c + 1, service + 1, stream + 1)
}

/// Identifier of a service's planned change in a month.
pub(crate) fn change_text(c: usize, service: usize, month: usize) -> String {
    format!("CHG{}{:02}{}", c + 1, month + 1, service + 1)
}

/// Identifier of the change that caused an outage.
pub(crate) fn outage_change_text(outage: usize) -> String {
    format!("CHG-OUTAGE-{}", outage + 1)
}

/// Name of the person with a number in a group.
pub(crate) fn person(out: &mut Vec<u8>, contract: usize, group: u8, assignee: u16) {
    if assignee == 0 {
        return;
    }
    out.extend_from_slice(b"Resolver ");
    padded(
        out,
        (contract as i64 + 1) * 100_000 + i64::from(group) * 10_000 + i64::from(assignee),
        6,
    );
}

/// Name of a party in the canonical vocabulary.
pub(crate) fn party(party: Party) -> &'static str {
    match party {
        Party::Supplier => "supplier",
        Party::Customer => "customer",
        Party::Other => "third_party",
    }
}

/// How a ticket was closed, drawn from its own figures so that no draw is spent on it.
pub(crate) fn close_code(ticket: &Ticket) -> &'static str {
    if ticket.closed.is_none() {
        return "";
    }
    match (ticket.opened / 7 + i64::from(ticket.ci)).rem_euclid(10) {
        0..=4 => "solved permanently",
        5..=7 => "solved by workaround",
        8 => "not reproducible",
        _ => "closed by caller",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_money_are_written_exactly() {
        let text = |minor| cents_text(minor);
        assert_eq!(text(0), "0.00");
        assert_eq!(text(-5), "-0.05");
        assert_eq!(text(123_456), "1234.56");
        let mut out = Vec::new();
        padded(&mut out, 7, 3);
        padded(&mut out, 12_345, 3);
        assert_eq!(out, b"00712345");
    }

    #[test]
    fn a_summer_evening_in_three_dialects() {
        let world = World::new(&super::super::Options::new(1)).unwrap();
        let utc = super::super::clock::days_of(2025, 7, 3) * DAY + 21 * HOUR + 5 * MINUTE + 9;
        let mut out = Vec::new();
        slashed(&mut out, &world, utc);
        out.push(b'|');
        dashed(&mut out, &world, utc);
        out.push(b'|');
        instant(&mut out, utc);
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "3/7/2025 23:05|03-07-2025 23:05:09|2025-07-03T21:05:09Z"
        );
    }
}
