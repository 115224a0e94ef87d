//! The terms language: what is refused, where and with which advice; the schema; the command
//! line's answers to bad input.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::path::Path;
use std::process::{Command, Output};

use gainshare::terms::Terms;

const HEAD: &str = "schema = 1\n[contract]\nid = \"C1\"\ncurrency = \"EUR\"\nstart = 2024-01-01\n";

/// What a refusal says, with the text of the main place.
fn refusal(text: &str) -> String {
    let error = Terms::parse("terms.toml", text)
        .err()
        .unwrap_or_else(|| panic!("accepted: {text}"));
    error
        .problems()
        .map(|p| {
            let places: Vec<&str> = p
                .places
                .iter()
                .map(|(s, _)| text.get(s.clone()).unwrap_or("?"))
                .collect();
            format!(
                "{} @ {} | {}\n",
                p.message,
                places.join(" & "),
                p.help.clone().unwrap_or_default()
            )
        })
        .collect()
}

#[track_caller]
fn refused(body: &str, words: &[&str]) {
    let said = refusal(&format!("{HEAD}{body}"));
    for word in words {
        assert!(said.contains(word), "`{word}` is missing in: {said}");
    }
}

#[test]
fn unknown_words_are_refused_with_the_nearest_known_one() {
    refused(
        "[[clause]]\nid = \"a\"\nkind = \"fixed_fee\"\namuont = 5\n",
        &["unknown field `amuont`", "did you mean `amount`?"],
    );
    refused(
        "[[clause]]\nid = \"a\"\nkind = \"fixed_free\"\namount = 5\n",
        &["unknown word `fixed_free`", "did you mean `fixed_fee`?"],
    );
    refused(
        "[[clause]]\nid = \"a\"\nkind = \"fixed_fee\"\namount = \"ticket_cuont * 2\"\n",
        &[
            "`ticket_cuont` is no measure",
            "@ ticket_cuont",
            "did you mean `ticket_count`?",
        ],
    );
    refused(
        "[[clause]]\nid = \"a\"\nkind = \"fixed_fee\"\namount = \"mni(1, 2)\"\n",
        &["no function `mni`", "did you mean `min`?"],
    );
    refused(
        "[[clause]]\nid = \"a\"\nkind = \"fixed_fee\"\namount = 1\nshare = 0.5\n",
        &["`share` does not belong to a clause of kind fixed_fee"],
    );
    refused(
        "[[clause]]\nid = \"a\"\nkind = \"per_ticket\"\n",
        &["needs `price`"],
    );
    refused(
        "[[clause]]\nid = \"a\"\nkind = \"formula\"\nbasis = 1\nsteps = [{ shares = 1 }]\n",
        &["unknown field `shares`", "did you mean `share`?"],
    );
}

#[test]
fn contradictions_are_refused_with_every_place() {
    refused(
        "[[clause]]\nid = \"a\"\nkind = \"service_credit\"\namount = 1\nat_risk = \"10%\"\nlevels = [{ id = \"l\", measure = \"availability\", target = 1, allocation = \"60%\" }, { id = \"m\", measure = \"availability\", target = 1, allocation = \"50%\" }]\n",
        &["adds up to 1.1, more than 1", "\"60%\" & \"50%\""],
    );
    let more = format!(
        "{HEAD}[[clause]]\nid = \"a\"\nkind = \"service_credit\"\namount = 1\nat_risk = \"10%\"\nallocation_limit = 2.5\nlevels = [{{ id = \"l\", measure = \"availability\", target = 1, allocation = 1 }}, {{ id = \"m\", measure = \"availability\", target = 1, allocation = 1 }}]\n"
    );
    assert!(Terms::parse("terms.toml", &more).is_ok());
    refused(
        "[[clause]]\nid = \"a\"\nkind = \"fixed_fee\"\namount = 1\nsplit = { x = 0.7, y = 0.4 }\n",
        &["the split adds up to 1.1"],
    );
    refused(
        "[[clause]]\nid = \"a\"\nkind = \"gain_share\"\nbasis = \"gross_saving\"\nbands = [{ to = 10, share = 0.1 }, { from = 8, share = 0.2 }]\n",
        &["the bands overlap between 10 and 8", "8 & 10"],
    );
    refused(
        "[[clause]]\nid = \"a\"\nkind = \"gain_share\"\nbasis = \"gross_saving\"\nbands = [{ to = 10, share = 0.1 }, { from = 12, share = 0.2 }]\n",
        &["the bands leave a gap between 10 and 12"],
    );
    refused(
        "[[clause]]\nid = \"a\"\nkind = \"gain_share\"\nbasis = \"gross_saving\"\nbands = [{ from = 5, share = 0.1 }]\n",
        &["nothing says what happens between 0 and 5"],
    );
    refused(
        "[[clause]]\nid = \"a\"\nkind = \"gain_share\"\nbasis = \"gross_saving\"\nshare = 50\n",
        &["a share of 50 is not between 0 and 1", "\"30%\""],
    );
    refused(
        "[[clause]]\nid = \"a\"\nkind = \"gain_share\"\nbasis = \"gross_saving\"\n",
        &["shares nothing"],
    );
    refused(
        "[[clause]]\nid = \"a\"\nkind = \"gain_share\"\nbasis = \"gross_saving\"\nshare = 0.5\ncap = 5\nsteps = [{ carry = \"losses\" }]\n",
        &["leaves open which comes first"],
    );
    refused(
        "[[clause]]\nid = \"a\"\nkind = \"gain_share\"\nbasis = \"ticket_count * 30 - actual_cost\"\nshare = 0.5\n",
        &[
            "depends on the ticket count",
            "benchmark_follows_volume = true",
        ],
    );
    refused(
        "[[clause]]\nid = \"a\"\nkind = \"fixed_fee\"\namount = 1\n[[clause]]\nid = \"a\"\nkind = \"fixed_fee\"\namount = 1\n",
        &["`a` is the name of a clause and of a clause"],
    );
    refused(
        "[[clause]]\nid = \"a\"\nkind = \"fixed_fee\"\namount = \"b\"\n[[clause]]\nid = \"b\"\nkind = \"fixed_fee\"\namount = 1\n",
        &["clause `b` comes later"],
    );
    refused(
        "[define]\np = \"q + 1\"\nq = \"p + 1\"\n[[clause]]\nid = \"a\"\nkind = \"fixed_fee\"\namount = \"p\"\n",
        &["is defined by itself"],
    );
    refused(
        "[[clause]]\nid = \"a\"\nkind = \"collar\"\nlow = 5\nhigh = 1\n",
        &["the lower limit 5 is above the upper limit 1"],
    );
    refused(
        "[[clause]]\nid = \"a\"\nkind = \"fixed_fee\"\namount = \"1 < 2\"\n",
        &["a number is needed here, not a condition"],
    );
    refused(
        "[[clause]]\nid = \"a\"\nkind = \"fixed_fee\"\namount = 1\nwhen = \"ticket_count\"\n",
        &["a condition is needed here"],
    );
    refused(
        "[[clause]]\nid = \"a\"\nkind = \"formula\"\nbasis = 1\nsteps = [{ share = 0.5, cap = 1 }]\n",
        &["a step does one thing; this one has 2"],
    );
    refused(
        "[[clause]]\nid = \"a\"\nkind = \"fixed_fee\"\namount = 1\n[[amendment]]\nid = \"A\"\neffective = 2024-03-15\n",
        &["inside a settlement period", "inside_period"],
    );
    refused("", &["no clause"]);
    refused(
        "[[clause]]\nid = \"a\"\nkind = \"target_cost\"\nmethod = \"fpif\"\ntarget_cost = 10\ntarget_fee = 1\nceiling_price = 9\nshare = 0.2\nactual_cost = \"actual_cost\"\n",
        &["the ceiling price 9 is below the target price 11"],
    );
    refused(
        "[[clause]]\nid = \"a\"\nkind = \"wallet\"\nspend = 1\nslices = [0.7, 0.4]\nmembers = [{ supplier = \"x\", score = 1 }, { supplier = \"y\", score = 2 }]\n",
        &["more than the whole"],
    );
}

#[test]
fn what_can_never_be_is_refused() {
    let parameters =
        "[parameters]\ntrack = { type = \"text\", one_of = [\"basic\", \"enhanced\"] }\n";
    let clause = "[[clause]]\nid = \"a\"\nkind = \"fixed_fee\"\namount = ";
    refused(
        &format!(
            "{parameters}[lookup.l]\nby = \"track\"\nvalues = {{ basic = 1, enhancd = 2 }}\n{clause}\"l\"\n"
        ),
        &[
            "`enhancd` never occurs",
            "did you mean `enhanced`?",
            "no value for enhanced",
        ],
    );
    refused(
        &format!("{parameters}{clause}\"if(track == 'basc', 1, 2)\"\n"),
        &["`basc` never occurs", "@ 'basc'", "did you mean `basic`?"],
    );
    refused(
        &format!(
            "{clause}1\n[[clause]]\nid = \"b\"\nkind = \"cap\"\nlimit = 1\ntrue_up = \"quarter\"\n"
        ),
        &["a clause of kind cap is not recomputed"],
    );
    refused(
        &format!("{clause}1\n[termination]\ndate = 2023-06-01\n"),
        &["terminated before it starts"],
    );
    refused(
        &format!("{clause}\"relief_share('availabilty')\"\n"),
        &[
            "`availabilty` is no measure",
            "did you mean `availability`?",
        ],
    );
    refused(
        &format!("{clause}\"interpolate(ticket_count, 10, 1, 5, 2)\"\n"),
        &["from the lowest to the highest"],
    );
    refused(
        &format!("{clause}\"interpolate(ticket_count, 10, 1, 5)\"\n"),
        &["this is written interpolate("],
    );
}

/// No expression can exhaust the stack or the patience of who checks it.
#[test]
fn long_and_deep_expressions_are_refused() {
    let clause = "[[clause]]\nid = \"a\"\nkind = \"fixed_fee\"\namount = ";
    refused(
        &format!("{clause}\"1{}\"\n", " + ticket_count".repeat(20_000)),
        &["more than 1000 words and signs", "[define]"],
    );
    refused(
        &format!("{clause}\"1{}\"\n", " + ticket_count".repeat(400)),
        &["too long or too deep"],
    );
    let mut bomb = "[define]\n".to_owned();
    for i in 0..40 {
        bomb.push_str(&format!("d{i} = \"d{} + d{}\"\n", i + 1, i + 1));
    }
    bomb.push_str("d40 = 1\n");
    refused(
        &format!("{bomb}{clause}\"d0\"\n"),
        &["too long or too deep"],
    );
}

#[test]
fn an_unknown_schema_version_is_refused() {
    let said = refusal("schema = 2\n[contract]\ncurrency = \"EUR\"\nstart = 2024-01-01\n");
    assert!(
        said.contains("schema version 2") && said.contains("reads version 1"),
        "{said}"
    );
    assert!(refusal("[contract]\ncurrency = \"EUR\"\nstart = 2024-01-01\n").contains("schema"));
    assert!(
        refusal("schema = 1\n[contract]\ncurrency = \"Euro\"\nstart = 2024-01-01\n")
            .contains("three capital letters")
    );
}

#[test]
fn arbitrary_text_never_panics() {
    use proptest::prelude::*;
    let whole =
        std::fs::read_to_string(super::cases::folder().join("k_other_kinds/terms.toml")).unwrap();
    proptest!(ProptestConfig::with_cases(300), |(cut in 0..whole.len(), junk in ".{0,12}", keep in any::<bool>())| {
        if let (Some(head), Some(tail)) = (whole.get(..cut), whole.get(cut..)) {
            let text = if keep { format!("{head}{junk}{tail}") } else { format!("{head}{junk}") };
            let _ = Terms::parse("junk", &text);
        }
    });
}

#[test]
fn every_case_survives_writing_and_reading() {
    for entry in std::fs::read_dir(super::cases::folder()).unwrap() {
        let path = entry.unwrap().path().join("terms.toml");
        let Ok(text) = std::fs::read_to_string(&path) else {
            continue;
        };
        if let Ok(terms) = Terms::parse("terms", &text) {
            let again = Terms::parse("again", &terms.to_toml().unwrap()).unwrap();
            assert_eq!(terms, again, "{}", path.display());
            assert_eq!(terms.hash(), again.hash());
        }
    }
}

#[test]
fn measurement_terms_pass_through_untouched() {
    let text = format!(
        "{HEAD}[measure]\nclock = \"business\"\n[measure.targets]\nP1 = 4\n[baseline]\nmodel = \"rate\"\n[[clause]]\nid = \"a\"\nkind = \"fixed_fee\"\namount = 1\n"
    );
    let terms = Terms::parse("terms", &text).unwrap();
    assert_eq!(
        terms.measure.as_ref().unwrap()["targets"]["P1"].as_integer(),
        Some(4)
    );
    assert_eq!(
        terms.baseline.as_ref().unwrap()["model"].as_str(),
        Some("rate")
    );
}

/// Replace the committed file with `cargo run -- generate schema > schema/terms.schema.json`.
#[test]
fn the_committed_schema_is_current() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("schema/terms.schema.json");
    let committed = std::fs::read_to_string(path).unwrap();
    let now = serde_json::to_string_pretty(&gainshare::terms::json_schema()).unwrap();
    assert!(
        committed.trim() == now,
        "run `gainshare generate schema > schema/terms.schema.json`"
    );
}

fn gainshare(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_gainshare"))
        .args(arguments)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .env("NO_COLOR", "1")
        .output()
        .unwrap()
}

#[test]
fn exit_codes_say_what_happened() {
    let code = |arguments: &[&str]| {
        let output = gainshare(arguments);
        (
            output.status.code(),
            String::from_utf8_lossy(&output.stderr).into_owned(),
        )
    };
    let case = |name: &str, file: &str| format!("tests/cases/{name}/{file}");
    let settle = |name: &str| {
        code(&[
            "settle",
            &case(name, "terms.toml"),
            "--measures",
            &case(name, "measures.csv"),
        ])
    };
    assert_eq!(settle("a1_cpif").0, Some(0));
    let (status, said) = settle("k_not_measurable");
    assert_eq!(status, Some(1));
    assert!(
        said.contains("clause `gain` is not settled: measure `x`") || said.contains("NaN"),
        "{said}"
    );
    let (status, said) = code(&["check", &case("a2_fpif_contradiction", "terms.toml")]);
    assert_eq!(status, Some(2));
    assert!(
        said.contains("63000") && said.contains("terms.toml:"),
        "{said}"
    );
    let (status, said) = code(&[
        "settle",
        &case("a1_cpif", "terms.toml"),
        "--measures",
        "no-such-file.csv",
    ]);
    assert_eq!(status, Some(3));
    assert!(said.contains("no-such-file.csv"), "{said}");
    assert_eq!(code(&["check", &case("a1_cpif", "terms.toml")]).0, Some(0));
}

/// What one settlement wrote as Parquet is a table of measures to the next.
#[cfg(feature = "frames")]
#[test]
fn parquet_goes_in_and_comes_out() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let first = path("settlement.parquet");
    let case = "tests/cases/a1_cpif";
    let (terms, table) = (format!("{case}/terms.toml"), format!("{case}/measures.csv"));
    let done = gainshare(&[
        "settle",
        &terms,
        "--measures",
        &table,
        "--amounts-only",
        "--output",
        &first,
    ]);
    assert_eq!(done.status.code(), Some(0));
    let again = path("again.toml");
    std::fs::write(
        &again,
        "schema = 1\n[contract]\ncurrency = \"USD\"\nstart = 2024-01-01\nper = \"contract_year\"\n[input]\nlayout = \"long\"\nname = \"clause_id\"\nvalue = \"amount\"\n[measures]\nfee = {}\n[[clause]]\nid = \"again\"\nkind = \"formula\"\nbasis = \"fee\"\n",
    )
    .unwrap();
    let done = gainshare(&[
        "settle",
        &again,
        "--measures",
        &first,
        "--amounts-only",
        "--format",
        "csv",
    ]);
    let said = String::from_utf8(done.stdout).unwrap();
    assert_eq!(done.status.code(), Some(0), "{said}");
    for amount in ["350000.00", "500000.00", "162500.00"] {
        assert!(said.contains(amount), "{amount} is missing in {said}");
    }
}

#[test]
fn explain_reads_like_a_calculation() {
    let case = "tests/cases/a6_mssp_py2022";
    let (terms, table) = (format!("{case}/terms.toml"), format!("{case}/measures.csv"));
    let output = gainshare(&[
        "explain",
        &terms,
        "--measures",
        &table,
        "--parameters",
        &table,
        "--contract",
        "A1001",
        "--clause",
        "shared_savings",
    ]);
    let said = String::from_utf8(output.stdout).unwrap();
    for words in [
        "saving = 62404688 (with benchmark = 966116777, expenditure = 903712089)",
        "62404688 reaches the minimum minimum_rate * benchmark = 19322335.54",
        "62404688 × share sharing_rate = 0.75 = 46803516",
        "45867445.68 rounded to 0 decimals = 45867446",
        "CMS pays ACO 45867446 USD",
    ] {
        assert!(said.contains(words), "{words} is missing in\n{said}");
    }
}

/// The guide's complete examples are accepted, and those with a folder are that folder's terms.
#[test]
fn the_guide_is_true() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let guide = std::fs::read_to_string(root.join("docs/terms.md")).unwrap();
    let examples: Vec<&str> = guide
        .split("```toml\n")
        .skip(1)
        .filter_map(|rest| rest.split("```").next())
        .filter(|text| text.starts_with("schema = 1"))
        .collect();
    assert!(examples.len() >= 7);
    for text in &examples {
        Terms::parse("docs/terms.md", text)
            .unwrap_or_else(|e| panic!("{:?}\n{text}", e.problems().collect::<Vec<_>>()));
    }
    for name in [
        "docs_ticket_priced",
        "docs_at_risk_pool",
        "docs_risk_corridor",
        "docs_cloud_credit",
        "docs_commitments",
    ] {
        let terms =
            std::fs::read_to_string(super::cases::folder().join(name).join("terms.toml")).unwrap();
        assert!(
            examples.contains(&terms.as_str()),
            "{name} is not the guide's example"
        );
    }
}
