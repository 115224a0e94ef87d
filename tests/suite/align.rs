//! Alignment: golden examples F29 to F32 and D26 to the printed digits, and the verdicts on the
//! golden contracts of section A.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::path::Path;

use gainshare::judge::align::{
    Alignment, AlignmentRow, Given, Ratio, Ratios, RowKind, align, align_one,
};
use gainshare::money::Decimal;
use gainshare::settle::{Facts, PeriodKey, read_measures, read_parameters};
use gainshare::terms::Terms;

use crate::cases;

fn decimal(text: &str) -> Decimal {
    text.parse().unwrap()
}

fn fixture(name: &str) -> (Terms, Facts) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/alignment");
    let text = std::fs::read_to_string(folder.join(format!("{name}.toml"))).unwrap();
    let terms = Terms::parse(name, &text).unwrap_or_else(|e| {
        let problems: Vec<_> = e.problems().collect();
        panic!("{name}: {problems:?}")
    });
    let table = cases::table(&folder.join(format!("{name}.csv")), ',').unwrap();
    let mut facts = Facts::default();
    read_measures(
        &terms.settle,
        std::slice::from_ref(&table),
        &mut facts.measures,
    )
    .unwrap();
    read_parameters(&terms.settle, &[table], &mut facts.parameters).unwrap();
    (terms, facts)
}

fn look(name: &str, given: &Given) -> Alignment {
    let (terms, facts) = fixture(name);
    align(&terms.settle, &facts, &Ratios::new(), given)
}

fn regions<'a>(alignment: &'a Alignment, clause: &str, driver: &str) -> Vec<&'a AlignmentRow> {
    alignment
        .rows
        .iter()
        .filter(|r| r.kind == RowKind::Region && r.clause_id == clause && r.driver == driver)
        .collect()
}

/// From, to, marginal profit, jump.
fn shape(rows: &[&AlignmentRow]) -> Vec<[String; 4]> {
    let text = |d: Option<Decimal>| d.map_or("-".to_owned(), |d| d.normalized().to_string());
    rows.iter()
        .map(|r| {
            [
                text(r.region_from),
                text(r.region_to),
                text(r.marginal_profit),
                text(r.notch),
            ]
        })
        .collect()
}

fn percent(share: Option<Decimal>) -> String {
    let hundred = share.unwrap().checked_mul(Decimal::from_i64(100)).unwrap();
    hundred
        .round(3, gainshare::money::Rounding::HalfUp)
        .normalized()
        .to_string()
}

/// Golden F29: 15/35, 15/125, 23/35, 23/125.
#[test]
fn break_even_shares_are_the_published_ones() {
    let alignment = look("shares", &Given::default());
    for (contract, expected) in [
        ("fee_only", "42.857"),
        ("fee_and_impact", "12"),
        ("fee_only_prevention", "65.714"),
        ("fee_and_impact_prevention", "18.4"),
    ] {
        let row = alignment
            .rows
            .iter()
            .find(|r| {
                r.contract_id == contract && r.clause_id == "gain" && r.kind == RowKind::Region
            })
            .unwrap();
        assert_eq!(percent(row.break_even_share), expected, "{contract}");
    }
}

/// Golden F29: margin lost T years, share paid in year one only.
#[test]
fn what_lasts_longer_needs_a_larger_share() {
    let alignment = look("ratchet", &Given::default());
    let of = |years: u8| {
        let row = alignment
            .rows
            .iter()
            .find(|r| r.kind == RowKind::Ratchet && r.horizon_years == years)
            .unwrap();
        percent(row.break_even_share)
    };
    assert_eq!([of(1), of(3), of(5)], ["18.4", "42.4", "66.4"]);
}

/// Golden F30: slopes, the notch at 200, the cap at 2,000, and the profit at six places.
#[test]
fn a_minimum_is_a_notch_and_a_cap_an_end() {
    let given = Given {
        at: ["100", "199", "200", "1000", "2000", "2001"]
            .map(decimal)
            .to_vec(),
        repair: true,
        ..Given::default()
    };
    let alignment = look("minimum_and_cap", &given);
    let rows = regions(&alignment, "all", "avoided_incident");
    assert_eq!(
        shape(&rows),
        [
            ["0", "200", "-15", "0"],
            ["200", "2000", "47.5", "12500"],
            ["2000", "10000", "-15", "0"],
        ]
    );
    let profits: Vec<String> = alignment
        .rows
        .iter()
        .filter(|r| r.kind == RowKind::At)
        .map(|r| r.profit.unwrap().to_string())
        .collect();
    assert_eq!(
        profits,
        ["-1500", "-2985", "9500", "47500", "95000", "94985"]
    );
    let best = alignment
        .rows
        .iter()
        .find(|r| r.kind == RowKind::BestPlan)
        .unwrap();
    assert_eq!(
        best.verdict,
        "The supplier's best plan is to stop at 2,000 avoided incidents (20 %)."
    );
    assert!(
        rows[0]
            .verdict
            .starts_with("Below 2 % every further avoided incident costs the supplier 15 EUR"),
        "{}",
        rows[0].verdict
    );
    let repairs: Vec<&str> = alignment
        .rows
        .iter()
        .filter(|r| r.kind == RowKind::Repair)
        .map(|r| r.verdict.as_str())
        .collect();
    // Without a minimum the first region earns; a cap that 10,000 incidents do not reach repairs
    // the last one: 50 % of 1,250,000.
    assert_eq!(
        repairs,
        [
            "Repair between 0 and 200 avoided incidents (2 %): minimum of `gain` from 25,000 to 125; one region still does.",
            "Repair between 2,000 and 10,000 avoided incidents (100 %): cap of `gain` from 125,000 to 625,000; one region still does.",
        ]
    );
}

/// Golden F31: fixed fee +c, per ticket −(p − c), volume band +c inside and −(credit − c) outside.
#[test]
fn pricing_models_reward_differently() {
    let (terms, facts) = cases::load(&cases::folder().join("f31_pricing_models")).unwrap();
    let mut given = Given::default();
    given
        .assumptions
        .insert("cost_to_serve".into(), decimal("20"));
    let alignment = align_one(
        &terms.settle,
        &facts,
        &Ratios::new(),
        &given,
        "n10000",
        None,
    )
    .unwrap();
    let of = |clause| shape(&regions(&alignment, clause, "avoided_incident"));
    assert_eq!(of("fixed"), [["0", "10000", "20", "0"]]);
    assert_eq!(of("tickets"), [["0", "10000", "-15", "0"]]);
    assert_eq!(
        of("band"),
        [["0", "500", "20", "0"], ["500", "10000", "-5", "0"]]
    );
}

/// Golden F32: 30 % of 10 m is 35.294 % of 8.5 m.
#[test]
fn a_larger_slice_of_a_smaller_pie() {
    let alignment = look("wallet", &Given::default());
    let row = alignment
        .rows
        .iter()
        .find(|r| r.driver == "slice:alder")
        .unwrap();
    assert_eq!(percent(row.break_even_share), "35.294");
}

/// Golden D26: 38 of 40 meets 95 %, 37 of 39 does not; after the third miss nothing more is lost.
#[test]
fn preventing_easy_tickets_can_lose_the_level_and_the_month_dies_after_the_third_miss() {
    let alignment = look("small_numbers", &Given::default());
    let avoided = regions(&alignment, "all", "avoided_incident");
    assert_eq!(
        shape(&avoided),
        [["0", "1", "-15", "0"], ["1", "35", "-15", "-1000"]]
    );
    assert!(avoided[1].verdict.contains("loses 1,000 EUR at once"));
    let breach = regions(&alignment, "credits", "breach");
    let payments: Vec<(String, String, String)> = breach
        .iter()
        .map(|r| {
            let text = |d: Option<Decimal>| d.unwrap().normalized().to_string();
            (
                text(r.region_from),
                text(r.region_to),
                text(r.marginal_payment),
            )
        })
        .collect();
    let row = |a: &str, b: &str, c: &str| (a.to_owned(), b.to_owned(), c.to_owned());
    assert_eq!(payments, [row("0", "3", "0"), row("3", "40", "0")]);
    assert_eq!(breach[1].notch.unwrap(), decimal("-1000"));
}

/// A range is settled step by step in the fixture above; here bisection has to find the same
/// places as a look at every step.
#[test]
fn bisection_agrees_with_every_step() {
    let (terms, facts) = fixture("minimum_and_cap");
    let given = Given {
        at: (0..=2_400).map(Decimal::from_i64).collect(),
        ..Given::default()
    };
    let alignment = align(&terms.settle, &facts, &Ratios::new(), &given);
    let profits: Vec<Decimal> = alignment
        .rows
        .iter()
        .filter(|r| r.kind == RowKind::At)
        .map(|r| r.profit.unwrap())
        .collect();
    assert_eq!(profits.len(), 2_401);
    let rows = regions(&alignment, "all", "avoided_incident");
    for (step, pair) in profits.windows(2).enumerate() {
        let change = pair[1].checked_sub(pair[0]).unwrap();
        let at = Decimal::from_i64(i64::try_from(step).unwrap() + 1);
        let row = rows
            .iter()
            .rfind(|r| {
                r.region_from.unwrap() < at
                    || (r.region_from.unwrap() == at && !r.notch.unwrap().is_zero())
            })
            .unwrap();
        let expected = if row.region_from.unwrap() == at {
            rows[0]
                .marginal_profit
                .unwrap()
                .checked_add(row.notch.unwrap())
                .unwrap()
        } else {
            row.marginal_profit.unwrap()
        };
        assert_eq!(change, expected, "from {step}");
    }
}

/// Without costs there is no profit but a break-even cost, and the missing ones are named.
#[test]
fn missing_costs_are_named_and_a_break_even_is_given() {
    let (terms, facts) = cases::load(&cases::folder().join("f31_pricing_models")).unwrap();
    let alignment = align_one(
        &terms.settle,
        &facts,
        &Ratios::new(),
        &Given::default(),
        "n10000",
        None,
    )
    .unwrap();
    let row = regions(&alignment, "tickets", "avoided_incident")[0];
    assert_eq!(row.marginal_profit, None);
    assert_eq!(row.break_even_cost.unwrap(), decimal("-35"));
    let details: String = alignment
        .findings
        .iter()
        .map(|f| f.detail.as_str())
        .collect();
    for name in ["cost_to_serve", "impact", "prevention_cost"] {
        assert!(
            details.contains(&format!("`{name}` is not given")),
            "{details}"
        );
    }
}

/// The verdicts on the golden contracts of section A, as one would defend them before both
/// parties.
#[test]
fn verdicts_on_the_golden_contracts() {
    let mut text = String::new();
    for (case, contract) in [
        ("a1_cpif", "on_target"),
        ("a2_fpif", "on_target"),
        ("a3_nec_four_ranges", "c1000"),
        ("a3_nec_option_c", "C1"),
        ("a4_at_risk_pool", "C1"),
        ("a5_severity_points", "C1"),
        ("a6_mssp_constructed", "at_the_minimum"),
        ("a6_mssp_constructed", "loss"),
        ("a6_mssp_py2022", "A1001"),
        ("a7_share_by_year", "C1"),
    ] {
        let (terms, facts) = cases::load(&cases::folder().join(case)).unwrap();
        let alignment = align_one(
            &terms.settle,
            &facts,
            &Ratios::new(),
            &Given::default(),
            contract,
            None,
        )
        .unwrap();
        text.push_str(&format!("## {case}, {contract}\n"));
        for row in &alignment.rows {
            // The second clause of the FPIF case shows its profit; what is judged is the price.
            let judged = if case == "a2_fpif" { "price" } else { "all" };
            if row.kind == RowKind::Region && row.clause_id == judged {
                text.push_str(&format!("{}: {}\n", row.driver, row.verdict));
            }
        }
        text.push('\n');
    }
    insta::assert_snapshot!(text);
}

/// Two service levels, of P1 and of all incidents, each worth 1,000. One more avoided incident is of
/// one priority: prevented P1 incidents that would have been in time lose the level of P1 at once
/// (38 of 40 becomes 37 of 39), others lose only that of the contract, after 200 of them.
#[test]
fn an_incident_moves_its_own_priority_and_no_other() {
    let level = |id: &str, measure: &str| {
        format!(
            "[[clause]]\nid = \"{id}\"\nkind = \"service_credit\"\nlevels = [{{ id = \"{id}\", measure = \
             '{measure}', target = \"95%\", bands = [{{ to = \"95%\", amount = 1_000 }}, {{ amount = 0 }}] }}]\n"
        )
    };
    let text = format!(
        "schema = 1\n[contract]\nid = \"C1\"\ncurrency = \"EUR\"\nstart = 2024-01-01\n[alignment]\n\
         price = 35\ncost_to_serve = 20\nprevention_cost = 0\nimpact = 90\nbilled = \"elsewhere\"\n{}{}",
        level("urgent", "sla_attainment[\"P1\"]"),
        level("all_of_them", "sla_attainment")
    );
    let terms = Terms::parse("t", &text).unwrap_or_else(|e| {
        let problems: Vec<_> = e.problems().collect();
        panic!("{problems:?}")
    });
    let month: PeriodKey = "2024-01".parse().unwrap();
    let span = month.span("2024-01".parse().unwrap());
    let mut facts = Facts::default();
    let mut ratios = Ratios::new();
    for (scope, met, due) in [(Some("P1"), 38, 40), (None, 390, 400)] {
        let ratio = Ratio {
            numerator: Decimal::from_i64(met),
            denominator: Decimal::from_i64(due),
            times: Decimal::ONE,
            decimals: 6,
        };
        let value = ratio
            .numerator
            .div(ratio.denominator, 6, gainshare::money::Rounding::HalfEven)
            .unwrap();
        facts
            .measures
            .insert("C1", month, "sla_attainment", scope, value);
        let key = (span, "sla_attainment".to_owned(), scope.map(str::to_owned));
        ratios.insert(key, ratio);
    }
    let alignment = align_one(
        &terms.settle,
        &facts,
        &ratios,
        &Given::default(),
        "C1",
        None,
    )
    .unwrap();
    let drivers: std::collections::BTreeSet<&str> =
        alignment.rows.iter().map(|r| r.driver.as_str()).collect();
    assert_eq!(
        drivers.into_iter().collect::<Vec<_>>(),
        [
            "avoided_incident[P1]",
            "avoided_incident[other]",
            "avoided_late_incident[P1]",
            "avoided_late_incident[other]",
            "breach[P1]",
            "breach[other]",
        ]
    );
    let notches = |driver: &str| -> Vec<(String, String)> {
        regions(&alignment, "all", driver)
            .iter()
            .filter(|r| !r.notch.unwrap().is_zero())
            .map(|r| {
                let text = |d: Option<Decimal>| d.unwrap().normalized().to_string();
                (text(r.region_from), text(r.notch))
            })
            .collect()
    };
    let row = |a: &str, b: &str| (a.to_owned(), b.to_owned());
    assert_eq!(notches("avoided_incident[P1]"), [row("1", "-1000")]);
    assert_eq!(notches("avoided_incident[other]"), [row("201", "-1000")]);
    // There are two misses of P1 and eight others that may be prevented; nothing is gained.
    assert_eq!(notches("avoided_late_incident[P1]"), []);
    // The third miss of P1 costs its level; the contract has room for twenty.
    assert_eq!(notches("breach[P1]")[0], row("3", "-1000"));
    assert_eq!(notches("breach[other]"), [row("21", "-1000")]);
    let only = Given {
        driver: Some("breach".to_owned()),
        ..Given::default()
    };
    let alignment = align_one(&terms.settle, &facts, &ratios, &only, "C1", None).unwrap();
    assert!(
        alignment
            .rows
            .iter()
            .all(|r| r.driver.starts_with("breach["))
    );
}
