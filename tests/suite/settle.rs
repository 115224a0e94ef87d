//! Laws of settlement over random terms and measures: closing to the cent, order and thread
//! independence, monotonicity, limits, scale, bands, repetition; and what bad input does.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeMap;
use std::sync::Arc;

use gainshare::finding::Severity;
use gainshare::money::{Decimal, FxRates};
use gainshare::settle::{
    AmountKind, Detail, Facts, Inputs, LineStatus, Measured, Measures, Parameters, Plan, Settled,
    Settlement, Table, read_measures, read_parameters, settle,
};
use gainshare::terms::Terms;
use gainshare::time::Month;
use proptest::prelude::*;

fn cents(value: i64) -> Decimal {
    Decimal::from_cents(value)
}

fn month(n: i32) -> Month {
    Month::new(2024, 1).unwrap().plus(n)
}

fn sum(values: impl IntoIterator<Item = Decimal>) -> Decimal {
    values
        .into_iter()
        .fold(Decimal::ZERO, |a, b| a.checked_add(b).unwrap())
}

/// Terms of one contract around some clauses.
fn contract(clauses: &str) -> Terms {
    let text = format!(
        "schema = 1\n[contract]\nid = \"C1\"\ncurrency = \"EUR\"\nstart = 2024-01-01\n\n[measures]\nx = {{}}\ny = {{}}\n\n{clauses}"
    );
    Terms::parse("terms", &text)
        .unwrap_or_else(|e| panic!("{:?}\n{text}", e.problems().collect::<Vec<_>>()))
}

fn facts(rows: &[(Decimal, Decimal)]) -> Facts {
    let mut measures = Measures::new();
    for (i, (x, y)) in rows.iter().enumerate() {
        let at = month(i32::try_from(i).unwrap());
        measures.insert("C1", at, "x", None, *x);
        measures.insert("C1", at, "y", None, *y);
    }
    Facts {
        measures,
        ..Facts::default()
    }
}

fn bound(terms: &Terms, facts: &Facts) -> (Plan, Inputs) {
    let plan = Plan::new(&terms.settle, "C1", &Parameters::new()).unwrap();
    let inputs = plan.bind(
        &facts.measures,
        &Arc::new(FxRates::new()),
        &Arc::new(Settled::new()),
        &Arc::new(Vec::new()),
    );
    (plan, inputs)
}

/// Amounts before rounding of the first clause, by period.
fn unrounded(terms: &Terms, rows: &[(Decimal, Decimal)]) -> Vec<Decimal> {
    let (plan, inputs) = bound(terms, &facts(rows));
    let outcome = plan.run(&inputs, false);
    outcome
        .results
        .iter()
        .filter(|r| r.clause == 0)
        .map(|r| {
            assert_eq!(r.failure, None);
            r.unrounded
        })
        .collect()
}

/// One random clause as text; `n` makes its id.
fn clause(n: usize) -> impl Strategy<Value = String> {
    let id = format!("[[clause]]\nid = \"c{n}\"\n");
    let number = 1_i64..100_000;
    prop_oneof![
        number.clone().prop_map(|a| format!("kind = \"fixed_fee\"\namount = {}\n", cents(a))),
        number.clone().prop_map(|a| format!("kind = \"per_ticket\"\nquantity = \"abs(y)\"\nprice = {}\n", cents(a))),
        (1_i64..50, 1_i64..99, number.clone()).prop_map(|(m, s, c)| format!(
            "kind = \"gain_share\"\nbasis = \"x\"\nsteps = [{{ minimum = {m}, mode = \"first_dollar\" }}, {{ share = \"{s}%\" }}, {{ cap = {} }}]\n",
            cents(c)
        )),
        (1_i64..99, number.clone()).prop_map(|(s, c)| format!(
            "kind = \"pain_share\"\nbasis = \"x\"\nshare = \"{s}%\"\ncap = {}\n",
            cents(c)
        )),
        (1_i64..99).prop_map(|s| format!(
            "kind = \"gain_share\"\nbasis = \"x\"\nsteps = [{{ carry = \"losses\" }}, {{ share = \"{s}%\" }}]\nsplit = {{ a = \"50%\", b = \"33.33%\" }}\n"
        )),
        (1_i64..999, 1_i64..999).prop_map(|(a, b)| format!(
            "kind = \"formula\"\nbasis = \"x * {} / {b}\"\nsplit = {{ a = \"1%\", b = \"99%\" }}\n",
            cents(a)
        )),
        (1_i64..30, 1_i64..100).prop_map(|(r, t)| format!(
            "kind = \"service_credit\"\namount = 1000\nat_risk = \"{r}%\"\nlevels = [{{ id = \"l\", measure = \"y\", target = {t}, repeat = 2 }}]\n"
        )),
        number.prop_map(move |c| if n == 0 {
            format!("kind = \"fixed_fee\"\namount = {}\n", cents(c))
        } else {
            format!("kind = \"cap\"\nlimit = {}\nover_period = \"contract_year\"\n", cents(c))
        }),
        (1_i64..50).prop_map(move |s| if n == 0 {
            format!("kind = \"fixed_fee\"\namount = {s}\n")
        } else {
            format!("kind = \"holdback\"\nshare = \"{s}%\"\nrelease = \"y > 50\"\n")
        }),
        Just(if n == 0 {
            "kind = \"fixed_fee\"\namount = 1\n".to_owned()
        } else {
            "kind = \"carry_forward\"\n".to_owned()
        }),
    ]
    .prop_map(move |body| format!("{id}{body}\n"))
}

fn clauses() -> impl Strategy<Value = String> {
    (1_usize..7).prop_flat_map(|count| {
        (0..count)
            .map(clause)
            .collect::<Vec<_>>()
            .prop_map(|list| list.concat())
    })
}

fn rounding() -> impl Strategy<Value = &'static str> {
    prop_oneof![
        Just(""),
        Just("rounding = { mode = \"half_even\" }\n"),
        Just("rounding = { mode = \"down\", decimals = 0 }\n"),
        Just("rounding = { at = \"total\" }\n"),
        Just("rounding = { at = \"total\", mode = \"half_even\" }\n"),
    ]
}

fn values() -> impl Strategy<Value = Vec<(Decimal, Decimal)>> {
    prop::collection::vec(
        (-9_999_999_i64..9_999_999, 0_i64..10_000)
            .prop_map(|(x, y)| (Decimal::new(i128::from(x), 3).unwrap(), cents(y))),
        1..15,
    )
}

fn text(settlement: &Settlement) -> String {
    settlement
        .lines
        .iter()
        .map(|l| serde_json::to_string(l).unwrap() + "\n")
        .collect()
}

fn random_terms(clauses: &str, rounding: &str) -> Terms {
    let terms = contract(clauses);
    let text = terms.to_toml().unwrap();
    // The rounding goes into the [contract] table, whatever else stands there.
    let mut table: toml::Table = text.parse().unwrap();
    let rules: toml::Table = rounding.parse().unwrap();
    let toml::Value::Table(contract) = &mut table["contract"] else {
        panic!("a table")
    };
    contract.extend(rules);
    Terms::parse("terms", &table.to_string()).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(120))]

    /// What the customer pays and what suppliers receive is the same sum, statement by statement,
    /// and every total is the sum of its lines: to the cent, whatever the rounding.
    #[test]
    fn closes_to_the_cent(clauses in clauses(), rounding in rounding(), rows in values()) {
        let terms = random_terms(&clauses, rounding);
        let settlement = settle(&terms.settle, &facts(&rows), Detail::Steps);
        let mut lines: BTreeMap<(String, String), Decimal> = BTreeMap::new();
        let mut totals: BTreeMap<(String, String), Decimal> = BTreeMap::new();
        let (mut paid, mut received) = (Decimal::ZERO, Decimal::ZERO);
        for line in &settlement.lines {
            let key = (line.period.clone(), line.supplier_id.clone());
            let Some(amount) = line.amount else { continue };
            match line.amount_kind {
                AmountKind::Payable => {
                    prop_assert!(amount.normalized().scale() <= 2, "{amount} is no whole cent");
                    let entry = lines.entry(key).or_default();
                    *entry = entry.checked_add(amount).unwrap();
                    let out = if line.payer.as_deref() == Some("customer") { amount } else { Decimal::ZERO };
                    let back = if line.payee.as_deref() == Some("customer") { amount } else { Decimal::ZERO };
                    paid = paid.checked_add(out).unwrap().checked_add(back).unwrap();
                    received = received.checked_add(amount).unwrap();
                }
                AmountKind::Total => {
                    totals.insert(key, amount);
                }
                _ => {}
            }
        }
        prop_assert_eq!(lines, totals);
        prop_assert_eq!(paid, received);
    }

    /// A split never makes or loses a cent against the amount that is split.
    #[test]
    fn a_split_keeps_the_cent(x in 0_i64..10_000_000, a in 0_i64..=10_000, b in 0_i64..=10_000) {
        prop_assume!(a + b <= 10_000);
        let share = |s: i64| Decimal::new(i128::from(s), 4).unwrap();
        let terms = contract(&format!(
            "[[clause]]\nid = \"c\"\nkind = \"formula\"\nbasis = \"x\"\nsplit = {{ a = {}, b = {} }}\n", share(a), share(b)
        ));
        let settlement = settle(&terms.settle, &facts(&[(cents(x), Decimal::ZERO)]), Detail::Amounts);
        let parts = sum(settlement.lines.iter().filter(|l| l.amount_kind == AmountKind::Payable).map(|l| l.amount.unwrap()));
        let whole = cents(x).checked_mul(share(a + b)).unwrap().round(2, gainshare::money::Rounding::HalfUp);
        prop_assert_eq!(parts, whole);
    }

    /// The order in which measures arrive and the number of threads change no byte; nor does a
    /// second run; nor does writing the terms out and reading them back.
    #[test]
    fn same_bytes_every_time(clauses in clauses(), rounding in rounding(), rows in values()) {
        let terms = random_terms(&clauses, rounding);
        let plain = facts(&rows);
        let mut reversed = Measures::new();
        for (i, (x, y)) in rows.iter().enumerate().rev() {
            let at = month(i32::try_from(i).unwrap());
            reversed.insert("C1", at, "y", None, *y);
            reversed.insert("C1", at, "x", None, *x);
        }
        let reversed = Facts { measures: reversed, ..Facts::default() };
        let first = text(&settle(&terms.settle, &plain, Detail::Steps));
        prop_assert_eq!(&first, &text(&settle(&terms.settle, &plain, Detail::Steps)));
        prop_assert_eq!(&first, &text(&settle(&terms.settle, &reversed, Detail::Steps)));
        let again = Terms::parse("again", &terms.to_toml().unwrap()).unwrap();
        prop_assert_eq!(&again, &terms);
        prop_assert_eq!(again.hash(), terms.hash());
        prop_assert_eq!(&first, &text(&settle(&again.settle, &plain, Detail::Steps)));
        // Amounts do not depend on whether they are explained.
        let (plan, inputs) = bound(&terms, &plain);
        let (quick, full) = (plan.run(&inputs, false), plan.run(&inputs, true));
        for (a, b) in quick.results.iter().zip(&full.results) {
            prop_assert_eq!(a.amount, b.amount);
        }
    }

    /// Without carry or rounding steps a larger saving never pays the supplier less: bands,
    /// minimum (whose notch goes up), caps and pain share together.
    #[test]
    fn more_saving_never_pays_less(
        edges in prop::collection::btree_set(1_i64..100_000, 1..5),
        shares in prop::collection::vec(0_i64..=100, 6),
        minimum in 0_i64..20_000, first_dollar in any::<bool>(), cap in 0_i64..100_000, pain in 0_i64..=100,
        a in -200_000_i64..200_000, b in -200_000_i64..200_000,
    ) {
        let mut bands = String::new();
        for (edge, share) in edges.iter().zip(&shares) {
            bands.push_str(&format!("{{ to = {edge}, share = \"{share}%\" }}, "));
        }
        bands.push_str(&format!("{{ share = \"{}%\" }}", shares[5]));
        let mode = if first_dollar { "first_dollar" } else { "excess" };
        let terms = contract(&format!(
            "[[clause]]\nid = \"gain\"\nkind = \"gain_share\"\nbasis = \"x\"\nsteps = [{{ minimum = {minimum}, mode = \"{mode}\" }}, {{ bands = [{bands}] }}, {{ cap = {cap} }}]\n\
             [[clause]]\nid = \"pain\"\nkind = \"pain_share\"\nbasis = \"x\"\nsteps = [{{ minimum = {minimum}, mode = \"{mode}\" }}, {{ share = \"{pain}%\" }}]\n"
        ));
        let pays = |x: i64| {
            let settlement = settle(&terms.settle, &facts(&[(cents(x), Decimal::ZERO)]), Detail::Amounts);
            settlement.lines.iter().find(|l| l.clause_id == "total").unwrap().amount.unwrap()
        };
        prop_assert!(pays(a.min(b)) <= pays(a.max(b)));
        let most = Decimal::from_i64(cap);
        prop_assert!(pays(a.max(b)) <= most);
    }

    /// Caps and floors hold, in a clause and over the contract, per period and per year.
    #[test]
    fn limits_are_kept(rows in values(), high in 0_i64..500_000, low in -500_000_i64..0, year in 0_i64..2_000_000) {
        let (high, low, year) = (cents(high), cents(low), cents(year));
        let terms = contract(&format!(
            "[[clause]]\nid = \"c\"\nkind = \"formula\"\nbasis = \"x\"\nsteps = [{{ cap = {high} }}, {{ floor = {low} }}]\n\
             [[clause]]\nid = \"year\"\nkind = \"cap\"\nlimit = {year}\nover_period = \"contract_year\"\n"
        ));
        let settlement = settle(&terms.settle, &facts(&rows), Detail::Amounts);
        let mut running = Decimal::ZERO;
        for line in &settlement.lines {
            let Some(amount) = line.amount else { continue };
            if line.clause_id == "c" {
                prop_assert!(low <= amount && amount <= high);
            }
            if line.clause_id == "total" {
                if line.period.ends_with("-01") {
                    running = Decimal::ZERO;
                }
                running = running.checked_add(amount).unwrap();
                prop_assert!(running <= year, "{running} in {}", line.period);
            }
        }
    }

    /// Everything in another unit of money: a thousandfold in, a thousandfold out.
    #[test]
    fn amounts_scale_with_the_currency(rows in values(), minimum in 0_i64..9_999, cap in 1_i64..99_999, share in 1_i64..99) {
        let terms = |k: i64| contract(&format!(
            "[[clause]]\nid = \"c\"\nkind = \"gain_share\"\nbasis = \"x\"\nsteps = [{{ carry = \"losses\" }}, {{ minimum = {}, mode = \"first_dollar\" }}, {{ share = \"{share}%\" }}, {{ cap = {} }}]\n",
            cents(minimum).checked_mul(Decimal::from_i64(k)).unwrap(), cents(cap).checked_mul(Decimal::from_i64(k)).unwrap(),
        ));
        let k = Decimal::from_i64(1000);
        let large: Vec<_> = rows.iter().map(|(x, y)| (x.checked_mul(k).unwrap(), *y)).collect();
        let small = unrounded(&terms(1), &rows);
        let scaled: Vec<_> = small.iter().map(|a| a.checked_mul(k).unwrap()).collect();
        prop_assert_eq!(scaled, unrounded(&terms(1000), &large));
    }

    /// A band cut in two with the same share pays the same.
    #[test]
    fn cutting_a_band_changes_nothing(rows in values(), from in 1_i64..1000, width in 2_i64..1000, at in 1_i64..1000, s in 0_i64..=100, t in 0_i64..=100) {
        let to = from + width;
        let cut = from + 1 + at % (width - 1).max(1);
        prop_assume!(cut > from && cut < to);
        let terms = |middle: String| contract(&format!(
            "[[clause]]\nid = \"c\"\nkind = \"formula\"\nbasis = \"x\"\nsteps = [{{ bands = [{{ to = {from}, rate = \"{t}%\" }}, {middle}, {{ rate = \"{t}%\" }}] }}]\n"
        ));
        let whole = terms(format!("{{ to = {to}, rate = \"{s}%\" }}"));
        let halves = terms(format!("{{ to = {cut}, rate = \"{s}%\" }}, {{ to = {to}, rate = \"{s}%\" }}"));
        prop_assert_eq!(unrounded(&whole, &rows), unrounded(&halves, &rows));
    }
}

#[test]
fn threads_change_nothing() {
    let case = super::cases::folder().join("a6_mssp_py2022");
    let (terms, facts) = super::cases::load(&case).unwrap();
    let with = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        pool.install(|| text(&settle(&terms.settle, &facts, Detail::Steps)))
    };
    assert_eq!(with(1), with(4));
}

const GAIN_AND_FEE: &str = "[[clause]]\nid = \"fee\"\nkind = \"fixed_fee\"\namount = 100\n\n[[clause]]\nid = \"gain\"\nkind = \"gain_share\"\nbasis = \"x\"\nshare = \"50%\"\n";

#[test]
fn a_clause_that_cannot_be_measured_leaves_the_others_alone() {
    let terms = contract(GAIN_AND_FEE);
    for (value, words) in [
        (Measured::from_f64_rounded(f64::NAN, 2), "NaN"),
        (Measured::from_f64_rounded(f64::INFINITY, 2), "inf"),
        (Measured::from_f64_rounded(1e300, 2), "range"),
        (
            Measured::NotMeasurable("the baseline is too short".into()),
            "too short",
        ),
    ] {
        let mut measures = Measures::new();
        measures.insert("C1", month(0), "x", None, value);
        let settlement = settle(
            &terms.settle,
            &Facts {
                measures,
                ..Facts::default()
            },
            Detail::Amounts,
        );
        let line = |id: &str| settlement.lines.iter().find(|l| l.clause_id == id).unwrap();
        assert_eq!(line("fee").amount, Some(Decimal::from_i64(100)));
        assert_eq!(line("gain").status, LineStatus::NotMeasurable);
        assert!(
            line("gain").explanation.contains(words),
            "{}",
            line("gain").explanation
        );
        assert_eq!(line("total").status, LineStatus::Provisional);
        assert_eq!(settlement.findings.len(), 1);
        assert_eq!(settlement.findings[0].severity, Severity::Warning);
        assert!(settlement.findings[0].detail.contains(words));
    }
}

#[test]
fn a_value_given_for_the_longer_period_wins_over_its_months() {
    let terms = contract(
        "[[clause]]\nid = \"gain\"\nkind = \"gain_share\"\nper = \"quarter\"\nbasis = \"verified_saving\"\nshare = 1\n",
    );
    let mut measures = Measures::new();
    for i in 0..3 {
        measures.insert(
            "C1",
            month(i),
            "verified_saving",
            None,
            Decimal::from_i64(10),
        );
    }
    let run = |measures: &Measures| {
        let facts = Facts {
            measures: measures.clone(),
            ..Facts::default()
        };
        settle(&terms.settle, &facts, Detail::Amounts).lines[0]
            .amount
            .unwrap()
    };
    assert_eq!(run(&measures), Decimal::from_i64(30));
    let quarter: gainshare::settle::PeriodKey = "2024-Q1".parse().unwrap();
    measures.insert(
        "C1",
        quarter,
        "verified_saving",
        None,
        Decimal::from_i64(29),
    );
    assert_eq!(run(&measures), Decimal::from_i64(29));
}

#[test]
fn inputs_can_be_varied_without_binding_again() {
    let terms = contract(GAIN_AND_FEE);
    let (plan, mut inputs) = bound(&terms, &facts(&[(cents(10_000), Decimal::ZERO)]));
    let period = inputs.periods()[0];
    assert_eq!(plan.run(&inputs, false).results[1].amount, cents(5_000));
    inputs.set(period, "x", None, cents(20_000));
    assert_eq!(plan.run(&inputs, false).results[1].amount, cents(10_000));
    assert_eq!(plan.clauses().collect::<Vec<_>>(), ["fee", "gain"]);
    assert_eq!(plan.measures().collect::<Vec<_>>(), [("x", None)]);
}

fn read(terms: &Terms, csv: &[u8]) -> Result<(Facts, usize), String> {
    let table = Table::from_csv("t.csv", csv, ',').map_err(|e| e.to_string())?;
    let mut facts = Facts::default();
    let tables = [table];
    let mut findings =
        read_measures(&terms.settle, &tables, &mut facts.measures).map_err(|e| e.to_string())?;
    findings.extend(
        read_parameters(&terms.settle, &tables, &mut facts.parameters)
            .map_err(|e| e.to_string())?,
    );
    Ok((facts, findings.len()))
}

fn template(input: &str, measure: &str, parameters: &str) -> Terms {
    let text = format!(
        "schema = 1\n[contract]\ncurrency = \"EUR\"\nstart = 2024-01-01\n[input]\nall_rows_are = \"2024-01\"\n{input}\n\n[measures]\nx = {{ {measure} }}\n{parameters}\n[[clause]]\nid = \"c\"\nkind = \"formula\"\nbasis = \"x\"\n"
    );
    Terms::parse("terms", &text)
        .unwrap_or_else(|e| panic!("{:?}\n{text}", e.problems().collect::<Vec<_>>()))
}

#[test]
fn cells_are_read_as_declared_and_never_guessed() {
    let amount = |terms: &Terms, cell: &str| {
        let csv = format!("\u{feff}contract_id,x\nA,{cell}\n");
        let (facts, _) = read(terms, csv.as_bytes()).unwrap();
        let settlement = settle(&terms.settle, &facts, Detail::Amounts);
        let line = settlement.lines[0].clone();
        line.amount
            .map_or(line.explanation, |a| a.normalized().to_string())
    };
    let plain = template("", "", "");
    assert_eq!(amount(&plain, "1234.5"), "1234.5");
    assert!(amount(&plain, "\"1,234.5\"").contains("declare [input] thousands"));
    assert!(amount(&plain, "50%").contains("declare type = \"percent\""));
    assert!(amount(&plain, "*").contains("declare it under [input] nulls"));
    assert!(amount(&plain, "NaN").contains("no number that can be paid on"));
    assert!(amount(&plain, "inf").contains("no number that can be paid on"));
    assert!(amount(&plain, "").contains("the cell is empty"));
    let us = template(
        "thousands = \",\"\nstrip = [\"$\"]\nparentheses_are_negative = true",
        "",
        "",
    );
    assert_eq!(amount(&us, "\"($1,234.50)\""), "-1234.5");
    assert_eq!(amount(&us, "\" $1,234 \""), "1234");
    let dutch = template("thousands = \".\"\ndecimal_point = \",\"", "", "");
    assert_eq!(amount(&dutch, "\"1.234,5\""), "1234.5");
    let percent = template("nulls = [\"-\"]", "type = \"percent\"", "");
    assert_eq!(amount(&percent, "12.5%"), "0.13");
    assert!(amount(&percent, "12.5").contains("no percent sign"));
    assert!(amount(&percent, "-").contains("a declared null"));
    assert_eq!(
        amount(&template("", "type = \"percent_points\"", ""), "150"),
        "1.5"
    );
    assert_eq!(amount(&template("", "default = 7", ""), ""), "7");
}

#[test]
fn tables_that_leave_something_open_are_refused() {
    let terms = template("", "", "");
    let refused = |csv: &str, words: &str| {
        let error = read(&terms, csv.as_bytes()).unwrap_err();
        assert!(error.contains(words), "{error}");
    };
    refused("contract_id,x\nA,1\nA,2\n", "two rows for the same period");
    refused("contract_id,x,x\nA,1,2\n", "two columns are called `x`");
    refused("contractid,x\nA,1\n", "did you mean `contractid`");
    refused("contract_id,x\nA,1\nB\n", "cannot be read");
    refused("contract_id,x\n,1\n", "names no contract");
    refused("", "is empty");
    // A doubled column that nobody asks for is no matter.
    assert!(read(&terms, b"contract_id,x,y,y\nA,1,2,3\n").is_ok());
    let error = Table::from_csv("t.csv", b"contract_id,x\nCaf\xe9,1\n", ',').unwrap_err();
    assert!(error.to_string().contains("windows_1252"), "{error}");
    let table = Table::from_encoded_csv(
        "t.csv",
        b"contract_id,x\nCaf\xe9 \x80,1\n",
        ',',
        gainshare::terms::Encoding::Windows1252,
    )
    .unwrap();
    assert_eq!(table.rows[0].1[0], "Café €");
}

#[test]
fn a_factor_that_is_not_needed_may_be_unknown() {
    let terms = template(
        "nulls = [\"-\"]",
        "",
        "[parameters.rate]\ntype = \"percent\"\n[[clause]]\nid = \"g\"\nkind = \"gain_share\"\nbasis = \"x\"\nshare = \"rate\"\n",
    );
    let (facts, findings) = read(&terms, b"contract_id,x,rate\nA,-5,-\nB,5,-\n").unwrap();
    assert_eq!(findings, 0);
    let settlement = settle(&terms.settle, &facts, Detail::Amounts);
    let status = |id: &str| {
        settlement
            .lines
            .iter()
            .find(|l| l.contract_id == id && l.clause_id == "g")
            .unwrap()
            .status
    };
    assert_eq!(status("A"), LineStatus::Final);
    assert_eq!(status("B"), LineStatus::NotMeasurable);
}

#[test]
fn parameters_take_their_default_and_may_differ_by_period() {
    let text = "schema = 1\n[contract]\ncurrency = \"EUR\"\nstart = \"begins\"\nsupplier = \"who\"\n[measures]\nx = {}\n[parameters]\nrate = { default = 0.1 }\nbegins = { type = \"date\", format = \"mdy\", default = \"01/01/2024\" }\nwho = { type = \"text\", default = \"Alder\" }\ntrack = { type = \"text\", one_of = [\"A\", \"B\"], default = \"A\" }\n[lookup.f]\nby = \"track\"\nvalues = { A = 1, B = \"rate * 100\" }\n[[clause]]\nid = \"c\"\nkind = \"formula\"\nbasis = \"x * rate * f\"\n";
    let terms = Terms::parse("terms", text)
        .unwrap_or_else(|e| panic!("{:?}", e.problems().collect::<Vec<_>>()));
    let table = |csv: &str| Table::from_csv("t.csv", csv.as_bytes(), ',').unwrap();
    let mut facts = Facts::default();
    read_measures(
        &terms.settle,
        &[table(
            "contract_id,period,x\nA,2024-01,100\nA,2024-02,100\nB,2024-01,100\n",
        )],
        &mut facts.measures,
    )
    .unwrap();
    let findings = read_parameters(
        &terms.settle,
        &[table(
            "contract_id,period,rate,track\nA,2024-02,0.2,B\nC,2024-01,0.2,Z\n",
        )],
        &mut facts.parameters,
    )
    .unwrap();
    assert_eq!(findings.len(), 1, "Z is no track: {findings:?}");
    let settlement = settle(&terms.settle, &facts, Detail::Amounts);
    let amount = |id: &str, period: &str| {
        let line = settlement
            .lines
            .iter()
            .find(|l| l.contract_id == id && l.period == period)
            .unwrap();
        assert_eq!(line.supplier_id, "Alder");
        line.amount.unwrap().normalized().to_string()
    };
    assert_eq!(amount("A", "2024-01"), "10");
    assert_eq!(amount("A", "2024-02"), "400");
    assert_eq!(amount("B", "2024-01"), "10");
}
