//! The tables about working together: initiatives, hours, meetings, opinions, goals, money kept
//! and money disputed. Responsible for their rows; not for tickets, invoices or scope.

use super::billing::{monthly_usage, provisional_incentive, statement_id};
use super::clock::{DAY, HOUR, MINUTE, weekday_of};
use super::sample::Draw;
use super::text::{cents_text, date_text, instant_text};
use super::world::{
    BASELINE_MONTHS, CONTRACTS, Conduct, MONTHS, SERVICES, SUPPLIERS, Topic, World, first_day,
    month_label, year_month,
};
use super::writer::Piece;

/// One table: file name, header, rows.
pub(crate) type Table = (&'static str, &'static str, Piece);

/// Every table of this module.
pub(crate) fn tables(world: &World) -> Vec<Table> {
    vec![
        (
            "initiatives.csv",
            "initiative_id,contract_id,proposed_by,proposed_at,decided_at,decision,\
             implemented_at,expected_saving,currency,service_id,claims,goal_id",
            initiatives(world),
        ),
        (
            "proactive_hours.csv",
            "line_id,contract_id,month,activity,hours,role,rate,currency,approved_at,\
             initiative_id,reimbursed",
            proactive_hours(world),
        ),
        (
            "contact_moments.csv",
            "moment_id,contract_id,cadence,level,initiator,planned_at,held_at,customer_present,\
             supplier_present",
            contact_moments(world),
        ),
        (
            "satisfaction.csv",
            "response_id,contract_id,service_id,at,score_0_10,lost_minutes",
            satisfaction(world),
        ),
        (
            "interactions.csv",
            "interaction_id,contract_id,initiator,type,at,answered_at",
            interactions(world),
        ),
        (
            "blockers.csv",
            "blocker_id,contract_id,waiting_on,raised_at,cleared_at",
            blockers(world),
        ),
        (
            "customer_goals.csv",
            "goal_id,contract_id,shared_at,measure,baseline,target,value_per_unit,currency",
            customer_goals(),
        ),
        (
            "business_outcomes.csv",
            "goal_id,month,numerator,denominator",
            business_outcomes(world),
        ),
        (
            "retained_costs.csv",
            "contract_id,month,amount,currency",
            retained_costs(world),
        ),
        (
            "disputes.csv",
            "dispute_id,contract_id,period,clause_id,invoice_id,line_id,amount,currency,opened_at,\
             closed_at,outcome",
            disputes(),
        ),
        (
            "settled.csv",
            "statement_id,contract_id,period,clause_id,amount,currency,version,status",
            settled(world),
        ),
    ]
}

fn draws(world: &World, c: usize, m: usize, table: usize) -> Draw {
    world.stream(Topic::Tables, c * 64 + table, m)
}

/// A local working hour of a day near the one wanted.
fn working_moment(world: &World, day: i64, draw: &mut Draw) -> i64 {
    let mut day = day;
    while !world.clock.is_workday(day) {
        day += 1;
    }
    world
        .clock
        .utc(day * DAY + 9 * HOUR + draw.whole(0, 8 * 60) * MINUTE)
}

fn at_text(world: &World, at: i64) -> String {
    if at > world.export_at {
        String::new()
    } else {
        instant_text(at)
    }
}

/// Identifier of a service's initiative of a kind.
fn initiative_id(c: usize, s: usize, kind: &str) -> String {
    format!(
        "IN-{}-{}{kind}",
        CONTRACTS[c].id.trim_start_matches("CT-"),
        s + 1
    )
}

fn initiatives(world: &World) -> Piece {
    let mut piece = Piece::new(false);
    for (c, contract) in CONTRACTS.iter().enumerate() {
        let mut draw = draws(world, c, 0, 1);
        let honest = SUPPLIERS[contract.supplier].conduct == Conduct::Honest;
        for (s, service) in contract.services.iter().enumerate() {
            let yearly = 12 * monthly_usage(world, c, s, BASELINE_MONTHS);
            let mut row = |kind: &str,
                           by: &str,
                           decision: &str,
                           month: usize,
                           share: f64,
                           claims: &str,
                           goal: &str,
                           draw: &mut Draw| {
                let start = first_day(month as i64);
                let proposed = working_moment(world, start - 120 + draw.whole(-15, 15), draw);
                let decided = working_moment(world, start - 60 + draw.whole(-20, 20), draw);
                let done = if decision == "accepted" {
                    instant_text(world.clock.utc(start * DAY))
                } else {
                    String::new()
                };
                let decided = if decision.is_empty() {
                    String::new()
                } else {
                    instant_text(decided)
                };
                piece.row(&format!(
                    "{},{},{by},{},{decided},{decision},{done},{},{},{},{claims},{goal}",
                    initiative_id(c, s, kind),
                    contract.id,
                    instant_text(proposed),
                    cents_text((yearly as f64 * share) as i64),
                    contract.currency,
                    world.service_id(c, s, month),
                ));
            };
            if let (true, Some((from, _))) = (honest, contract.effect_from) {
                // Promises are a little larger than what comes of them.
                if service.saving > 0.0 {
                    let promised = service.saving * 1.2;
                    row(
                        "C", "supplier", "accepted", from, promised, "cost", "", &mut draw,
                    );
                }
                if service.effect > 0.0 {
                    let goal = if c == 1 && s == 1 { "GOAL-1" } else { "" };
                    row(
                        "P",
                        "supplier",
                        "accepted",
                        from,
                        0.015,
                        "incidents",
                        goal,
                        &mut draw,
                    );
                }
            } else if !honest && s < 3 {
                row("C", "supplier", "accepted", 24, 0.09, "cost", "", &mut draw);
                if s == 0 {
                    // The same saving claimed a second time.
                    row(
                        "D",
                        "supplier",
                        "accepted",
                        25,
                        0.08,
                        "total cost",
                        "",
                        &mut draw,
                    );
                }
            }
            if s == 4 {
                row("R", "supplier", "rejected", 22, 0.03, "cost", "", &mut draw);
                row("O", "supplier", "", 33, 0.02, "cost", "", &mut draw);
            }
            if let (Some((month, share)), 0) = (contract.customer_drop, s) {
                row(
                    "K", "customer", "accepted", month, share, "cost", "", &mut draw,
                );
            }
        }
    }
    piece
}

fn proactive_hours(world: &World) -> Piece {
    let mut piece = Piece::new(false);
    for (c, contract) in CONTRACTS.iter().enumerate() {
        for m in 18..MONTHS {
            let mut draw = draws(world, c, m, 2);
            let performance = m >= BASELINE_MONTHS;
            for (number, (activity, role, rate)) in [
                ("problem", "engineer", 9_500),
                ("capacity", "engineer", 9_500),
                ("performance", "architect", 12_800),
            ]
            .into_iter()
            .enumerate()
            {
                let mean = match (contract.supplier, performance) {
                    (0, true) => 28.0,
                    (1, true) => 12.0,
                    (2, true) => 16.0,
                    _ => 6.0,
                };
                // Quarters of an hour.
                let quarters = draw.poisson(mean * 4.0);
                let approved = contract.supplier != 2 || draw.chance(0.4);
                let day = first_day(m as i64 + 1) + draw.whole(2, 9);
                let at = working_moment(world, day, &mut draw);
                let approved_at = if approved {
                    at_text(world, at)
                } else {
                    String::new()
                };
                let linked = contract.effect_from.is_some_and(|(from, _)| m + 2 >= from)
                    && contract.services[0].effect > 0.0
                    && activity == "problem";
                let initiative = if linked {
                    initiative_id(c, 0, "P")
                } else {
                    String::new()
                };
                let reimbursed = approved && performance && !approved_at.is_empty();
                piece.row(&format!(
                    "PH{}{:02}{number},{},{},{activity},{}.{:02},{role},{},{},{approved_at},\
                     {initiative},{reimbursed}",
                    c + 1,
                    m + 1,
                    contract.id,
                    month_label(m as i64),
                    quarters / 4,
                    quarters % 4 * 25,
                    cents_text(rate),
                    contract.currency,
                ));
            }
        }
    }
    piece
}

fn contact_moments(world: &World) -> Piece {
    let mut piece = Piece::new(false);
    for (c, contract) in CONTRACTS.iter().enumerate() {
        let mut draw = draws(world, c, 0, 3);
        let mut number = 0;
        let kept = [0.96, 0.91, 0.78][contract.supplier.min(2)];
        let mut moment = |day: i64, cadence: &str, level: &str, draw: &mut Draw| {
            number += 1;
            let planned = working_moment(world, day, draw);
            let performance = day >= first_day(BASELINE_MONTHS as i64);
            let supplier_share = match (contract.supplier, performance) {
                (0, true) => 0.62,
                (2, true) => 0.2,
                _ => 0.4,
            };
            let initiator = if draw.chance(supplier_share) {
                "supplier"
            } else {
                "customer"
            };
            let moved = if draw.chance(0.1) {
                draw.whole(1, 4) * DAY
            } else {
                0
            };
            let held = if draw.chance(kept) {
                at_text(world, planned + moved)
            } else {
                String::new()
            };
            let present = |draw: &mut Draw, p: f64| !held.is_empty() && draw.chance(p);
            let customer = present(draw, 0.95);
            let supplier = present(draw, 0.94);
            piece.row(&format!(
                "CM{}{number:04},{},{cadence},{level},{initiator},{},{held},{customer},{supplier}",
                c + 1,
                contract.id,
                instant_text(planned),
            ));
        };
        for day in first_day(0)..first_day(MONTHS as i64) {
            if weekday_of(day) == 1 {
                moment(day, "weekly", "operational", &mut draw);
            }
        }
        for m in 0..MONTHS as i64 {
            moment(first_day(m) + 9, "monthly", "tactical", &mut draw);
            if m % 3 == 1 {
                moment(first_day(m) + 14, "quarterly", "strategic", &mut draw);
            }
            if m % 12 == 10 {
                moment(first_day(m) + 20, "yearly", "cio", &mut draw);
            }
        }
    }
    piece
}

fn satisfaction(world: &World) -> Piece {
    let mut piece = Piece::new(false);
    for (c, contract) in CONTRACTS.iter().enumerate() {
        for m in 0..MONTHS {
            let mut draw = draws(world, c, m, 4);
            let mean = match contract.supplier {
                0 => 6.7 + 1.3 * world.phase(c, m),
                1 => 7.0 + 0.2 * world.phase(c, m),
                _ if m >= BASELINE_MONTHS => 6.2,
                _ => 6.9,
            };
            for number in 0..draw.poisson(12.0) {
                let s = draw.weighted(&contract.services.each_ref().map(|s| s.share));
                let day = first_day(m as i64) + draw.whole(0, 27);
                let at = working_moment(world, day, &mut draw);
                let score = libm::round(mean + 1.6 * draw.normal()).clamp(0.0, 10.0);
                let lost = draw.gamma(1.2) * (10.5 - score) * 14.0;
                piece.row(&format!(
                    "SR{}{:02}{number:03},{},{},{},{},{}",
                    c + 1,
                    m + 1,
                    contract.id,
                    world.service_id(c, s, m),
                    instant_text(at),
                    score as i64,
                    lost as i64,
                ));
            }
        }
    }
    piece
}

fn interactions(world: &World) -> Piece {
    let mut piece = Piece::new(false);
    for (c, contract) in CONTRACTS.iter().enumerate() {
        for m in 0..MONTHS {
            let mut draw = draws(world, c, m, 5);
            let share = match (contract.supplier, m >= BASELINE_MONTHS) {
                (0, true) => 0.63,
                (1, true) => 0.47,
                (2, true) => 0.17,
                _ => 0.36,
            };
            for number in 0..draw.poisson(7.0) {
                let supplier = draw.chance(share);
                let kinds = ["proposal", "question", "escalation", "invitation"];
                let weights = if supplier {
                    [0.4, 0.3, 0.05, 0.25]
                } else {
                    [0.15, 0.45, 0.22, 0.18]
                };
                let kind = kinds[draw.weighted(&weights)];
                let day = first_day(m as i64) + draw.whole(0, 27);
                let at = working_moment(world, day, &mut draw);
                // The other party answers; the gaming supplier slowly.
                let slow = !supplier && contract.supplier == 2 && m >= BASELINE_MONTHS;
                let median = if slow { 90.0 } else { 26.0 };
                let answered = at + (draw.lognormal(median, 0.9) * HOUR as f64) as i64;
                let answer = if draw.chance(0.93) {
                    at_text(world, answered)
                } else {
                    String::new()
                };
                piece.row(&format!(
                    "IA{}{:02}{number:02},{},{},{kind},{},{answer}",
                    c + 1,
                    m + 1,
                    contract.id,
                    if supplier { "supplier" } else { "customer" },
                    instant_text(at),
                ));
            }
        }
    }
    piece
}

fn blockers(world: &World) -> Piece {
    let mut piece = Piece::new(false);
    for (c, contract) in CONTRACTS.iter().enumerate() {
        for m in 0..MONTHS {
            let mut draw = draws(world, c, m, 6);
            for number in 0..draw.poisson(1.4) {
                let customer = draw.chance(0.55);
                let day = first_day(m as i64) + draw.whole(0, 27);
                let at = working_moment(world, day, &mut draw);
                let days = draw.lognormal(if customer { 9.0 } else { 6.0 }, 0.9);
                let cleared = at + (days * DAY as f64) as i64;
                piece.row(&format!(
                    "BL{}{:02}{number},{},{},{},{}",
                    c + 1,
                    m + 1,
                    contract.id,
                    if customer { "customer" } else { "supplier" },
                    instant_text(at),
                    at_text(world, cleared),
                ));
            }
        }
    }
    piece
}

/// What the customer wants of its own business.
struct Goal {
    id: &'static str,
    contract: usize,
    shared: usize,
    measure: &'static str,
    /// Rate at the start, rate wanted, rate that truly comes about.
    rates: [f64; 3],
    value: &'static str,
    /// Mean of the denominator a month.
    volume: f64,
}

const GOALS: [Goal; 3] = [
    Goal {
        id: "GOAL-1",
        contract: 1,
        shared: 20,
        measure: "quote_conversion",
        rates: [0.082, 0.095, 0.091],
        value: "61.00",
        volume: 14_000.0,
    },
    Goal {
        id: "GOAL-2",
        contract: 5,
        shared: 21,
        measure: "digital_calls_fallen_back_to_phone",
        rates: [0.140, 0.110, 0.142],
        value: "7.50",
        volume: 9_000.0,
    },
    Goal {
        id: "GOAL-3",
        contract: 0,
        shared: 22,
        measure: "first_day_ready_workplaces",
        rates: [0.870, 0.950, 0.930],
        value: "180.00",
        volume: 260.0,
    },
];

fn customer_goals() -> Piece {
    let mut piece = Piece::new(false);
    for goal in &GOALS {
        let [baseline, target, _] = goal.rates;
        piece.row(&format!(
            "{},{},{},{},{baseline:.3},{target:.3},{},EUR",
            goal.id,
            CONTRACTS[goal.contract].id,
            instant_text(first_day(goal.shared as i64) * DAY + 9 * HOUR),
            goal.measure,
            goal.value,
        ));
    }
    piece
}

fn business_outcomes(world: &World) -> Piece {
    let mut piece = Piece::new(false);
    for (index, goal) in GOALS.iter().enumerate() {
        for m in 0..MONTHS {
            let mut draw = draws(world, index, m, 7);
            let gone = (m as f64 - BASELINE_MONTHS as f64).clamp(0.0, 6.0) / 6.0;
            let rate = goal.rates[0] + (goal.rates[2] - goal.rates[0]) * gone;
            let denominator = draw.poisson(goal.volume * world.scale);
            let numerator = draw.poisson(denominator as f64 * rate).min(denominator);
            let month = month_label(m as i64);
            piece.row(&format!("{},{month},{numerator},{denominator}", goal.id));
        }
    }
    piece
}

fn retained_costs(world: &World) -> Piece {
    let mut piece = Piece::new(false);
    for (c, contract) in CONTRACTS.iter().enumerate() {
        for m in 0..MONTHS {
            let mut draw = draws(world, c, m, 8);
            let base = 9_000.0 + 1_700.0 * c as f64;
            let noise = draw.lognormal(1.0, 0.04);
            let amount = (base * noise * 100.0 * world.scale) as i64;
            let month = month_label(m as i64);
            piece.row(&format!(
                "{},{month},{},EUR",
                contract.id,
                cents_text(amount)
            ));
        }
    }
    piece
}

fn disputes() -> Piece {
    let mut piece = Piece::new(false);
    let day = |m: i64, d: i64| instant_text((first_day(m) + d) * DAY + 10 * HOUR);
    for (id, c, period, clause, invoice, line, amount, opened, closed, outcome) in [
        (
            "DI-1",
            0,
            "2024-03",
            "",
            "INV-A1-202403",
            "",
            42_000,
            day(15, 8),
            day(16, 3),
            "customer",
        ),
        (
            "DI-2",
            3,
            "2025-Q1",
            "gain_share",
            "",
            "",
            30_000,
            day(27, 20),
            day(29, 4),
            "split",
        ),
        (
            "DI-3",
            4,
            "2025-Q2",
            "incident_reduction",
            "",
            "",
            55_000,
            day(30, 11),
            String::new(),
            "",
        ),
        (
            "DI-4",
            5,
            "2025-05",
            "",
            "INV-C2-202505",
            "130",
            90_000,
            day(29, 6),
            String::new(),
            "",
        ),
    ] {
        piece.row(&format!(
            "{id},{},{period},{clause},{invoice},{line},{},{},{opened},{closed},{outcome}",
            CONTRACTS[c].id,
            cents_text(amount),
            CONTRACTS[c].currency,
        ));
    }
    piece
}

fn settled(world: &World) -> Piece {
    let mut piece = Piece::new(false);
    for (c, contract) in CONTRACTS.iter().enumerate() {
        for quarter in 1..=3 {
            let (year, _) = year_month(24);
            piece.row(&format!(
                "{},{},{year}-Q{quarter},gain_share,{},{},1,provisional",
                statement_id(c, quarter),
                contract.id,
                cents_text(provisional_incentive(world, c, quarter)),
                contract.currency,
            ));
        }
    }
    piece
}

/// Services that a party is credited for, as both agreed.
pub(crate) fn attribution(world: &World) -> Piece {
    let mut piece = Piece::new(false);
    let agreed = date_text(first_day(BASELINE_MONTHS as i64) - 20);
    for (c, contract) in CONTRACTS.iter().enumerate() {
        for s in 0..SERVICES {
            let service = world.service_id(c, s, MONTHS - 1);
            for priority in ["P1", "P2", "P3", "P4", "P5"] {
                let (supplier, customer) = if contract.customer_drop.is_some() {
                    ("0.70", "0.20")
                } else {
                    ("0.85", "0.10")
                };
                for (party, weight) in [("supplier", supplier), ("customer", customer)] {
                    let id = contract.id;
                    piece.row(&format!(
                        "{id},{service},{priority},{party},{weight},{agreed}T09:00:00Z"
                    ));
                }
            }
        }
    }
    piece
}
