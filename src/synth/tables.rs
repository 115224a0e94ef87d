//! The small tables in canonical columns that describe the estate: scope, items, exposure,
//! calendars, changes, problems, adjustments, relief, indices and exchange rates. Responsible for
//! their rows; not for tickets, invoices or the tables about working together
//! ([`super::governance`]).

use std::path::Path;

use super::SynthError;
use super::clock::{DAY, HOLIDAYS, HOUR, MINUTE, weekday_of};
use super::governance;
use super::incidents::{CATEGORIES, change_window, problem_opened_month};
use super::text::{
    GROUPS, change_text, date_text, instant_text, outage_change_text, problem_text, team,
};
use super::world::{
    BASELINE_MONTHS, CASCADES, CONTRACTS, MONTHS, REORGANISATION, SERVICES, SUPPLIERS, Topic,
    World, ZONE, first_day, month_label,
};
use super::writer::{Output, Piece};

/// Writes every small table; gives their names and rows.
pub(crate) fn write(world: &World, folder: &Path) -> Result<Vec<(&'static str, u64)>, SynthError> {
    let mut tables: Vec<governance::Table> = vec![
        (
            "contract_scope.csv",
            "contract_id,supplier_id,role,service_id,assignment_group,ci_id,valid_from,valid_to",
            contract_scope(),
        ),
        (
            "ci_services.csv",
            "ci_id,service_id,weight,valid_from,valid_to",
            ci_services(world),
        ),
        (
            "exposure.csv",
            "contract_id,service_id,month,users,cis,transactions",
            exposure(world),
        ),
        (
            "calendars.csv",
            "calendar_id,zone,kind,weekday,date,open,close,description",
            calendars(),
        ),
        (
            "changes.csv",
            "change_id,contract_id,service_id,planned_start,planned_end,actual_start,actual_end,\
             disruptive,announced_at,emergency,outcome",
            changes(world),
        ),
        (
            "problems.csv",
            "problem_id,contract_id,opened_at,root_cause_at,fixed_at,ci_id,category",
            problems(world),
        ),
        (
            "adjustments.csv",
            "adjustment_id,contract_id,kind,measure,amount,currency,from,to,reason,proposed_by,\
             agreed_by_customer_at,agreed_by_supplier_at",
            adjustments(world),
        ),
        (
            "relief_events.csv",
            "relief_id,contract_id,kind,service_id,from,to,kpis,claimed_at,accepted_at",
            relief_events(world),
        ),
        (
            "attribution.csv",
            "contract_id,service_id,priority,party,weight,agreed_at",
            governance::attribution(world),
        ),
        (
            "indices.csv",
            "index_id,month,value,published_at,revision",
            indices(),
        ),
        ("fx_rates.csv", "date,from,to,source,rate", fx_rates(world)),
    ];
    tables.extend(governance::tables(world));
    let mut written = Vec::new();
    for (name, header, piece) in tables {
        let mut output = Output::create(folder, name, header)?;
        output.append(&piece.close())?;
        written.push((name, output.finish()?));
    }
    Ok(written)
}

/// Suppliers A and C are told by service, supplier B by the group that solves.
fn contract_scope() -> Piece {
    let mut piece = Piece::new(false);
    let start = date_text(first_day(0));
    let change = date_text(first_day(REORGANISATION as i64));
    for (c, contract) in CONTRACTS.iter().enumerate() {
        let supplier = SUPPLIERS[contract.supplier].id;
        let mut row = |service: &str, group: &str, from: &str, to: &str| {
            piece.row(&format!(
                "{},{supplier},lead,{service},{group},,{from},{to}",
                contract.id
            ));
        };
        if contract.supplier == 1 {
            for group in GROUPS {
                let before = format!("{} {group}", team(c, 0));
                let after = format!("{} {group}", team(c, MONTHS - 1));
                if before == after {
                    row("", &before, &start, "");
                } else {
                    row("", &before, &start, &change);
                    row("", &after, &change, "");
                }
            }
        } else {
            for service in &contract.services {
                row(service.id, "", &start, "");
            }
        }
    }
    piece
}

fn ci_services(world: &World) -> Piece {
    let mut piece = Piece::new(false);
    let start = date_text(first_day(0));
    for (c, contract) in CONTRACTS.iter().enumerate() {
        for (s, service) in contract.services.iter().enumerate() {
            for ci in 1..=world.ci_weights.len() {
                let id = service.id;
                let last = world.service_id(c, s, MONTHS - 1);
                if last == id {
                    piece.row(&format!("{id}-{ci:04},{id},1,{start},"));
                } else {
                    let change = date_text(first_day(REORGANISATION as i64));
                    piece.row(&format!("{id}-{ci:04},{id},1,{start},{change}"));
                    piece.row(&format!("{id}-{ci:04},{last},1,{change},"));
                }
            }
        }
    }
    piece
}

fn exposure(world: &World) -> Piece {
    let mut piece = Piece::new(false);
    for (c, contract) in CONTRACTS.iter().enumerate() {
        for s in 0..SERVICES {
            for m in 0..MONTHS {
                let users = world.users(c, s, m);
                let service = world.service_id(c, s, m);
                let month = month_label(m as i64);
                let cis = world.ci_weights.len();
                let transactions = (users * 212.0) as i64 + (m as i64 * 37 + s as i64 * 11) % 97;
                piece.row(&format!(
                    "{},{service},{month},{},{cis},{transactions}",
                    contract.id, users as i64
                ));
            }
        }
    }
    piece
}

/// One row per weekly window, holiday or exception.
fn calendars() -> Piece {
    let mut piece = Piece::new(false);
    for day in [
        "monday",
        "tuesday",
        "wednesday",
        "thursday",
        "friday",
        "saturday",
        "sunday",
    ] {
        piece.row(&format!(
            "always,{ZONE},window,{day},,00:00,24:00,every hour"
        ));
    }
    for day in ["monday", "tuesday", "wednesday", "thursday", "friday"] {
        piece.row(&format!(
            "office,{ZONE},window,{day},,08:00,18:00,office hours"
        ));
    }
    for (year, month, day, name) in HOLIDAYS {
        piece.row(&format!(
            "office,{ZONE},holiday,,{year:04}-{month:02}-{day:02},,,{name}"
        ));
    }
    piece
}

/// When a planned change was announced, if it was.
pub(crate) fn announcement(world: &World, c: usize, s: usize, m: usize) -> Option<i64> {
    let mut draw = world.stream(Topic::Tables, c * 64, m * 8 + s);
    let (start, _) = change_window(world, c, s, m);
    let games = world.games(c, m);
    if draw.chance(if games { 0.3 } else { 0.04 }) {
        return None;
    }
    let days = match CONTRACTS[c].supplier {
        0 => draw.between(5.0, 14.0),
        1 => draw.between(3.0, 10.0),
        _ if games => draw.between(-0.1, 3.0),
        _ => draw.between(2.0, 8.0),
    };
    Some(start - (days * DAY as f64) as i64)
}

fn changes(world: &World) -> Piece {
    let mut piece = Piece::new(false);
    for (c, contract) in CONTRACTS.iter().enumerate() {
        for m in 0..MONTHS {
            for s in 0..SERVICES {
                let mut draw = world.stream(Topic::Tables, c * 64 + 9, m * 8 + s);
                let (start, end) = change_window(world, c, s, m);
                let late = draw.whole(-5, 25) * MINUTE;
                let over = draw.whole(-30, 40) * MINUTE;
                let outcome = ["successful", "successful with problems", "rolled back"]
                    [draw.weighted(&[0.86, 0.1, 0.04])];
                let announced = announcement(world, c, s, m)
                    .map(instant_text)
                    .unwrap_or_default();
                piece.row(&format!(
                    "{},{},{},{},{},{},{},{},{announced},false,{outcome}",
                    change_text(c, s, m),
                    contract.id,
                    world.service_id(c, s, m),
                    instant_text(start),
                    instant_text(end),
                    instant_text(start + late),
                    instant_text(end + over),
                    draw.chance(0.45),
                ));
            }
        }
    }
    for (index, cascade) in CASCADES.iter().enumerate().filter(|(_, x)| x.by_customer) {
        let day = first_day(cascade.month as i64) + cascade.day - 1;
        let start = world.clock.utc(day * DAY + cascade.hour * HOUR);
        let text = instant_text(start);
        let end = instant_text(start + HOUR);
        piece.row(&format!(
            "{},{},{},{text},{end},{text},{end},true,,true,rolled back",
            outage_change_text(index),
            CONTRACTS[cascade.contract].id,
            CONTRACTS[cascade.contract].services[cascade.service].id,
        ));
    }
    piece
}

fn problems(world: &World) -> Piece {
    let mut piece = Piece::new(false);
    for (c, contract) in CONTRACTS.iter().enumerate() {
        let games = world.games(c, BASELINE_MONTHS);
        for (s, service) in contract.services.iter().enumerate() {
            for stream in 0..3 {
                let mut draw = world.stream(Topic::Tables, c * 64 + 10, s * 8 + stream);
                let month = problem_opened_month(stream) as i64;
                let opened = world.clock.utc(first_day(month) * DAY + 9 * HOUR);
                let cause = opened + draw.whole(25, 80) * DAY;
                // The gaming supplier says that it fixed what goes on as before.
                let fixed = world
                    .fixed_from(c, s, stream)
                    .or((games && stream == 0).then_some(BASELINE_MONTHS + 1))
                    .map(|from| {
                        let last = first_day(from as i64) - 1;
                        instant_text(world.clock.utc(last * DAY + 18 * HOUR))
                    })
                    .unwrap_or_default();
                piece.row(&format!(
                    "{},{},{},{},{fixed},{}-{:04},{}",
                    problem_text(c, s, stream),
                    contract.id,
                    instant_text(opened),
                    instant_text(cause),
                    service.id,
                    stream + 1,
                    CATEGORIES[(stream * 3 + s) % CATEGORIES.len()],
                ));
            }
        }
    }
    piece
}

/// One adjustment that somebody proposed.
struct Adjustment {
    contract: usize,
    kind: &'static str,
    measure: &'static str,
    /// Per month: incidents, or money of the contract's currency when `money` is set.
    amount: String,
    money: bool,
    /// Month indices, half-open.
    period: (usize, usize),
    reason: &'static str,
    /// Month index and day on which customer and supplier agreed.
    customer: Option<(usize, i64)>,
    supplier: (usize, i64),
}

fn adjustments(world: &World) -> Piece {
    let mut piece = Piece::new(false);
    let date = |m: usize| date_text(first_day(m as i64));
    let at = |(m, d): (usize, i64)| instant_text((first_day(m as i64) + d) * DAY + 12 * HOUR);
    let (from, factor) = CONTRACTS[2].reorganisation.unwrap_or((REORGANISATION, 1.0));
    let more = libm::round(CONTRACTS[2].monthly * world.scale * (factor - 1.0));
    let outage = libm::round(CASCADES[1].children * world.scale);
    let claimed = libm::round(20.0 * world.scale);
    let year = (BASELINE_MONTHS, MONTHS);
    let proposed = [
        Adjustment {
            contract: 2,
            kind: "non_routine",
            measure: "incidents_expected",
            amount: format!("{more}"),
            money: false,
            period: (0, from),
            reason: "reorganisation: two sites joined the network",
            customer: Some((19, 10)),
            supplier: (19, 4),
        },
        Adjustment {
            contract: 1,
            kind: "non_routine",
            measure: "incidents_actual",
            amount: format!("-{outage}"),
            money: false,
            period: (28, 29),
            reason: "outage caused by the customer's own change",
            customer: Some((29, 12)),
            supplier: (29, 9),
        },
        Adjustment {
            contract: 3,
            kind: "routine",
            measure: "benchmark_cost",
            amount: "1250.00".to_owned(),
            money: true,
            period: year,
            reason: "backup retention extended by law",
            customer: Some((25, 3)),
            supplier: (25, 1),
        },
        Adjustment {
            contract: 4,
            kind: "non_routine",
            measure: "incidents_expected",
            amount: format!("{claimed}"),
            money: false,
            period: year,
            reason: "more complex devices",
            customer: None,
            supplier: (26, 2),
        },
        Adjustment {
            contract: 5,
            kind: "non_routine",
            measure: "benchmark_cost",
            amount: "4800.00".to_owned(),
            money: true,
            period: year,
            reason: "market conditions",
            customer: None,
            supplier: (27, 15),
        },
    ];
    for (number, a) in proposed.iter().enumerate() {
        let contract = &CONTRACTS[a.contract];
        piece.row(&format!(
            "AD-{},{},{},{},{},{},{},{},{},supplier,{},{}",
            number + 1,
            contract.id,
            a.kind,
            a.measure,
            a.amount,
            if a.money { contract.currency } else { "" },
            date(a.period.0),
            date(a.period.1),
            a.reason,
            a.customer.map(at).unwrap_or_default(),
            at(a.supplier),
        ));
    }
    piece
}

fn relief_events(world: &World) -> Piece {
    let mut piece = Piece::new(false);
    let outage = &CASCADES[1];
    let day = first_day(outage.month as i64) + outage.day - 1;
    let start = world.clock.utc(day * DAY + outage.hour * HOUR);
    let end = start + (outage.hours * HOUR as f64) as i64 + 7 * MINUTE;
    piece.row(&format!(
        "RE-1,CT-A2,customer_caused,erp,{},{},incidents;sla_attainment;availability,{},{}",
        instant_text(start),
        instant_text(end),
        instant_text(start + DAY),
        instant_text(start + 6 * DAY),
    ));
    for m in 0..MONTHS {
        // Second Sunday of the month, in baseline and performance alike.
        let first = first_day(m as i64);
        let sunday = first + (6 - weekday_of(first)).rem_euclid(7) + 7;
        let from = world.clock.utc(sunday * DAY + 2 * HOUR);
        let told = instant_text(from - 10 * DAY);
        piece.row(&format!(
            "RE-2-{:02},CT-B2,maintenance_window,compute,{},{},availability,{told},{told}",
            m + 1,
            instant_text(from),
            instant_text(from + 4 * HOUR),
        ));
    }
    for (number, month) in [(1, 26), (2, 29), (3, 32)] {
        // Claimed long after the fact, and not accepted.
        let from = first_day(month) * DAY + 9 * HOUR;
        piece.row(&format!(
            "RE-3-{number},CT-C1,customer_caused,devices,{},{},sla_attainment,{},",
            instant_text(from),
            instant_text(from + 5 * DAY),
            instant_text(from + 64 * DAY),
        ));
    }
    piece
}

/// Thousandths of the price index: 100 in January 2023, 103 a year later, 105.575 after two.
fn index_value(month: i64) -> i64 {
    match month {
        ..0 => 100_000 - (-month) * 230,
        0..12 => 100_000 + month * 3_000 / 12,
        12..24 => 103_000 + (month - 12) * 2_575 / 12,
        _ => 105_575 + (month - 24) * 2_400 / 12,
    }
}

fn indices() -> Piece {
    let mut piece = Piece::new(false);
    for month in -12..MONTHS as i64 {
        let mut row = |value: i64, published: i64, revision: i64| {
            piece.row(&format!(
                "SERVICES-PRICE,{},{}.{:03},{}T08:00:00Z,{revision}",
                month_label(month),
                value / 1_000,
                value % 1_000,
                date_text(published),
            ));
        };
        let value = index_value(month);
        let published = first_day(month + 1) + 14;
        if month % 12 == 5 {
            row(value - 180, published, 1);
            row(value, first_day(month + 3) + 14, 2);
        } else {
            row(value, published, 1);
        }
    }
    piece
}

/// An invented path on working days; weekends and holidays are missing, as in life.
fn fx_rates(world: &World) -> Piece {
    let mut piece = Piece::new(false);
    let mut draw = world.stream(Topic::Fixed, 60, 0);
    let mut log = libm::log(0.9350);
    for day in first_day(-1)..first_day(MONTHS as i64) + 15 {
        if !world.clock.is_workday(day) {
            continue;
        }
        log += 0.0042 * draw.normal() - 0.004 * (log - libm::log(0.92));
        let rate = (libm::exp(log) * 10_000.0) as i64;
        piece.row(&format!(
            "{},USD,EUR,synthetic,{}.{:04}",
            date_text(day),
            rate / 10_000,
            rate % 10_000
        ));
    }
    piece
}
