//! Laws of a settlement that goes on from earlier statements: what a ledger says is as good as the
//! periods themselves, true-ups end where the whole year would, and everything still closes.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::sync::Arc;

use gainshare::money::Decimal;
use gainshare::settle::{
    AmountKind, Detail, Dispute, DisputeOutcome, Facts, LineStatus, Measures, Settled, Settlement,
    Span, Table, read_settled, settle,
};
use gainshare::terms::Terms;
use gainshare::time::Month;
use proptest::prelude::*;

fn month(n: i32) -> Month {
    Month::new(2024, 1).unwrap().plus(n)
}

fn terms(head: &str, clauses: &str) -> Terms {
    let text = format!(
        "schema = 1\n[contract]\nid = \"C1\"\ncurrency = \"EUR\"\nstart = 2024-01-01\n{head}\n[measures]\nx = {{ aggregate = \"sum\" }}\ny = {{ aggregate = \"mean\" }}\n\n{clauses}"
    );
    Terms::parse("terms", &text)
        .unwrap_or_else(|e| panic!("{:?}\n{text}", e.problems().collect::<Vec<_>>()))
}

fn facts(rows: &[(i64, i64)]) -> Facts {
    let mut measures = Measures::new();
    for (i, (x, y)) in rows.iter().enumerate() {
        let at = month(i32::try_from(i).unwrap());
        measures.insert("C1", at, "x", None, Decimal::from_cents(*x));
        measures.insert("C1", at, "y", None, Decimal::from_i64(*y));
    }
    Facts {
        measures,
        ..Facts::default()
    }
}

/// The settlement table as a ledger, by way of its CSV.
fn ledger(lines: &Settlement, into: &mut Settled) {
    let columns = [
        "contract_id",
        "period",
        "clause_id",
        "step",
        "level",
        "rate",
        "amount",
        "amount_kind",
        "delta",
        "status",
    ];
    let mut csv = columns.join(",") + "\n";
    for line in &lines.lines {
        let row = serde_json::to_value(line).unwrap();
        let cells = columns.map(|c| row[c].as_str().unwrap_or_default().to_owned());
        csv.push_str(&(cells.join(",") + "\n"));
    }
    let table = Table::from_csv("ledger", csv.as_bytes(), ',').unwrap();
    read_settled(&table, into).unwrap();
}

fn span(from: usize, to: usize) -> Span {
    Span {
        from: month(i32::try_from(from).unwrap()),
        to: month(i32::try_from(to).unwrap()),
    }
}

type Due = Vec<(String, String, String, Option<Decimal>)>;

fn due(settlement: &Settlement) -> Due {
    settlement
        .lines
        .iter()
        .filter(|l| matches!(l.amount_kind, AmountKind::Payable | AmountKind::Total))
        .map(|l| {
            (
                l.period.clone(),
                l.clause_id.clone(),
                l.supplier_id.clone(),
                l.amount,
            )
        })
        .collect()
}

/// Everything that remembers something: losses that lapse, limits over a year and the contract,
/// repeats, earn-back, holdbacks that wait, a baseline that follows, true-ups.
const REMEMBERING: &[&str] = &[
    "kind = \"gain_share\"\nbasis = \"x\"\nsteps = [{ cap = 300 }, { carry = \"losses\", expires_after = 2 }, { share = \"50%\" }]\n",
    "kind = \"formula\"\nbasis = \"x\"\nsteps = [{ cap = 900, over = \"contract_year\" }, { times = 0.37 }, { floor = -100, over = \"contract\" }]\n",
    "kind = \"formula\"\nbasis = \"x\"\nsteps = [{ carry = \"losses\", limit = 200 }, { cap = 50 }, { subtract = 20 }, { carry = \"losses\" }]\n",
    "kind = \"proactive_fund\"\nquantity = \"y\"\nprice = 9.99\nbudget = 700\n",
    "kind = \"service_credit\"\namount = 1000\nlevels = [\n  { id = \"a\", measure = \"y\", target = 30, allocation = \"10%\", repeat = 2, earn_back = { periods = 2, when = \"y >= 40\" } },\n  { id = \"b\", measure = \"y\", target = 55, allocation = \"7%\", repeat = 3, earn_back = { periods = 1, share = \"50%\" } },\n]\n",
    "kind = \"formula\"\nbasis = \"max(x, 0)\"\nsteps = [{ repeat = 1.5 }]\n",
    "kind = \"rebase\"\nvalue = 50\nto = \"y\"\nblend = \"50%\"\nevery = \"quarter\"\n",
    "kind = \"formula\"\nbasis = \"x\"\nsteps = [{ carry = \"losses\" }, { share = \"33.3%\" }]\ntrue_up = \"quarter\"\n",
    "kind = \"gain_share\"\nbasis = \"x\"\nshare = \"33.33%\"\ntrue_up = \"contract_year\"\nsplit = { a = \"70%\", b = \"25%\" }\n",
    "kind = \"holdback\"\nshare = \"10%\"\nrelease = \"y > 50\"\nrelease_after = 2\n",
    "kind = \"cap\"\nlimit = 600\nover_period = \"contract_year\"\n",
    "kind = \"collar\"\nlow = -50\nhigh = 400\nover_period = \"contract\"\n",
    "kind = \"carry_forward\"\nexpires_after = 3\n",
];

fn some_clauses() -> impl Strategy<Value = String> {
    prop::collection::vec(any::<bool>(), REMEMBERING.len()).prop_map(|chosen| {
        let mut text =
            "[[clause]]\nid = \"fee\"\nkind = \"formula\"\nbasis = \"x * 0.101\"\n".to_owned();
        for (i, (body, _)) in REMEMBERING
            .iter()
            .zip(chosen)
            .enumerate()
            .filter(|(_, (_, c))| *c)
        {
            text.push_str(&format!("[[clause]]\nid = \"c{i}\"\n{body}"));
        }
        text
    })
}

fn rows() -> impl Strategy<Value = Vec<(i64, i64)>> {
    prop::collection::vec((-60_000_i64..90_000, 0_i64..70), 8..30)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    /// A settlement that goes on from the settlement tables of the ones before gives what
    /// settling everything at once gives, wherever it is cut, and cut again.
    #[test]
    fn going_on_from_the_ledger_is_settling_at_once(
        clauses in some_clauses(), rows in rows(), first in 1_usize..7, second in 1_usize..20,
        total in any::<bool>(),
    ) {
        let head = if total { "rounding = { at = \"total\" }" } else { "" };
        let terms = terms(head, &clauses);
        let all = settle(&terms.settle, &facts(&rows), Detail::Steps);
        let cuts = [0, first, (first + second).min(rows.len() - 1).max(first), rows.len()];
        let mut settled = Settled::new();
        let mut found = Due::new();
        for pair in cuts.windows(2).filter(|p| p[0] < p[1]) {
            let part = Facts {
                months: Some(span(pair[0], pair[1])),
                settled: Arc::new(settled.clone()),
                ..facts(&rows)
            };
            let part = settle(&terms.settle, &part, Detail::Steps);
            prop_assert!(part.findings.is_empty(), "{:?}", part.findings);
            found.extend(due(&part));
            ledger(&part, &mut settled);
        }
        prop_assert_eq!(due(&all), found);
    }

    /// Provisional payments and true-ups of a year are together what the year alone would have
    /// paid, to the cent, whatever the months were and however they are rounded.
    #[test]
    fn a_true_up_ends_where_the_year_does(rows in prop::collection::vec((-60_000_i64..90_000, 0_i64..70), 24), share in 1_i64..100, total in any::<bool>()) {
        let head = if total { "rounding = { at = \"total\" }" } else { "" };
        let steps = format!("steps = [{{ carry = \"losses\" }}, {{ share = \"{share}%\" }}, {{ cap = 2000 }}]");
        let monthly = terms(head, &format!("[[clause]]\nid = \"c\"\nkind = \"gain_share\"\nbasis = \"x\"\ntrue_up = \"contract_year\"\n{steps}\n"));
        let yearly = terms("per = \"contract_year\"", &format!("[[clause]]\nid = \"c\"\nkind = \"gain_share\"\nbasis = \"x\"\n{steps}\n"));
        let paid = |terms: &Terms, year: &str| {
            settle(&terms.settle, &facts(&rows), Detail::Amounts)
                .lines
                .iter()
                .filter(|l| l.amount_kind == AmountKind::Payable && l.period.starts_with(year))
                .fold(Decimal::ZERO, |a, l| a.checked_add(l.amount.unwrap()).unwrap())
        };
        for year in ["2024", "2025"] {
            let off = paid(&monthly, year).checked_sub(paid(&yearly, year)).unwrap().abs();
            // A statement that is rounded as a whole may be half a cent up where the year is half
            // a cent down.
            let most = Decimal::from_cents(i64::from(total));
            prop_assert!(off <= most, "{year}: off by {off}");
        }
    }

    /// Settling again with the ledger of the same statements leaves nothing to invoice; after a
    /// correction of a measure it leaves exactly the difference.
    #[test]
    fn a_restatement_invoices_the_difference(clauses in some_clauses(), rows in rows(), at in 0_usize..8, by in -500_i64..500) {
        let terms = terms("", &clauses);
        let before = settle(&terms.settle, &facts(&rows), Detail::Steps);
        let mut settled = Settled::new();
        ledger(&before, &mut settled);
        let again = |rows: &[(i64, i64)]| {
            let facts = Facts { settled: Arc::new(settled.clone()), ..facts(rows) };
            settle(&terms.settle, &facts, Detail::Amounts)
        };
        for line in again(&rows).lines {
            prop_assert!(line.delta.is_none_or(|d| d.is_zero()), "{line:?}");
        }
        let mut corrected = rows.clone();
        corrected[at].0 += by;
        let fresh = settle(&terms.settle, &facts(&corrected), Detail::Amounts);
        for ((new, restated), old) in fresh.lines.iter().zip(&again(&corrected).lines).zip(
            before.lines.iter().filter(|l| matches!(l.amount_kind, AmountKind::Payable | AmountKind::Total)),
        ) {
            prop_assert_eq!(new.amount, restated.amount);
            let difference = new.amount.unwrap().checked_sub(old.amount.unwrap()).unwrap();
            prop_assert_eq!(restated.delta, Some(difference), "{}", restated.clause_id);
        }
    }

    /// With disputes, amendments inside periods and a termination, every total is the sum of what
    /// is due, and due and disputed parts make the amount without a dispute.
    #[test]
    fn disputes_amendments_and_termination_close(clauses in some_clauses(), rows in rows(), amounts in prop::collection::vec((0_usize..8, 0_usize..14, 0_i64..90_000), 0..6), day in 1_u8..29, ends in 2_u8..29) {
        let changed = format!(
            "{clauses}[[amendment]]\nid = \"A\"\neffective = 2024-03-{day:02}\ninside_period = \"by_days\"\n[[amendment.clause]]\nid = \"fee\"\nkind = \"fixed_fee\"\namount = 77.77\nsplit = {{ a = \"33.3%\", b = \"33.3%\" }}\n[termination]\ndate = 2024-06-{ends:02}\n"
        );
        let terms = terms("", &changed);
        let plain = facts(&rows);
        let disputes: Vec<Dispute> = amounts
            .iter()
            .enumerate()
            .map(|(i, (at, clause, amount))| Dispute {
                dispute_id: format!("D{i}"),
                contract_id: "C1".to_owned(),
                period: month(i32::try_from(*at).unwrap()).into(),
                clause_id: if *clause == 13 { "fee".to_owned() } else { format!("c{clause}") },
                amount: (*amount % 7 != 0).then(|| Decimal::from_cents(*amount)),
                outcome: DisputeOutcome::Open,
            })
            .collect();
        let disputed = Facts { disputes: Arc::new(disputes), ..facts(&rows) };
        let whole = settle(&terms.settle, &plain, Detail::Amounts);
        let part = settle(&terms.settle, &disputed, Detail::Amounts);
        prop_assert!(whole.lines.iter().all(|l| l.period.as_str() < "2024-07" || l.period.len() == 4 || l.period.contains('Q') || l.period.contains("..")));
        let sum = |s: &Settlement, kind: AmountKind, status: Option<LineStatus>| {
            s.lines
                .iter()
                .filter(|l| l.amount_kind == kind && status.is_none_or(|st| l.status == st))
                .fold(Decimal::ZERO, |a, l| a.checked_add(l.amount.unwrap_or_default()).unwrap())
        };
        let open = sum(&part, AmountKind::Payable, Some(LineStatus::Disputed));
        let all = sum(&part, AmountKind::Payable, None);
        prop_assert_eq!(all, sum(&whole, AmountKind::Payable, None));
        prop_assert_eq!(all.checked_sub(open).unwrap(), sum(&part, AmountKind::Total, None));
        prop_assert_eq!(sum(&whole, AmountKind::Payable, None), sum(&whole, AmountKind::Total, None));
    }
}
