//! Whose reduction it is, through the whole program: what `causation` and `shrinkage` of the terms
//! do to the amount that is settled. Figures by hand.

use std::fmt::Write as _;

use crate::agreed_run::{column, paid, project, table};

#[test]
fn a_linked_reduction_is_paid_from_the_month_of_its_cause() {
    let tiny = project();
    tiny.append("terms.toml", "causation = \"linked\"\n");
    // 24 incidents fewer a year, but nothing that can have made them go.
    let said = tiny.run().with(0, &["reduction_not_credited"]);
    assert_eq!(paid(&said), ["0.00", "0.00"]);
    // An initiative of the supplier from July 2024: 6 × 2 in that year. One of the customer and
    // one that only claims cost link nothing.
    tiny.write(
        "initiatives.csv",
        "initiative_id,contract_id,proposed_by,proposed_at,decided_at,decision,implemented_at,\
         service_id,claims\n\
         I1,CT-1,supplier,2024-05-01T00:00:00Z,2024-05-10T00:00:00Z,accepted,\
         2024-07-03T00:00:00Z,mail,incidents\n\
         I2,CT-1,customer,2024-01-01T00:00:00Z,2024-01-02T00:00:00Z,accepted,\
         2024-02-01T00:00:00Z,mail,incidents\n\
         I3,CT-1,supplier,2024-01-01T00:00:00Z,2024-01-02T00:00:00Z,accepted,\
         2024-02-01T00:00:00Z,mail,cost\n",
    );
    tiny.append(
        "gainshare.toml",
        "\n[[source]]\nname = \"proposals\"\ntable = \"initiatives\"\nfiles = [\"initiatives.csv\"]\n",
    );
    assert_eq!(paid(&tiny.run().with(0, &[])), ["120.00", "240.00"]);
    // A problem fixed in April on an item of the service: 9 × 2.
    tiny.write(
        "problems.csv",
        "problem_id,contract_id,opened_at,fixed_at,ci_id,category\n\
         P1,CT-1,2024-03-01T00:00:00Z,2024-04-20T00:00:00Z,CI-7,queue\n",
    );
    tiny.write("cis.csv", "ci_id,service_id\nCI-7,mail\n");
    tiny.append(
        "gainshare.toml",
        "\n[[source]]\nname = \"problems\"\ntable = \"problems\"\nfiles = [\"problems.csv\"]\n\
         \n[[source]]\nname = \"cmdb\"\ntable = \"ci_services\"\nfiles = [\"cis.csv\"]\n",
    );
    assert_eq!(paid(&tiny.run().with(0, &[])), ["180.00", "240.00"]);
    // What is measured stays what it is.
    let avoided: f64 = column(&table(&tiny, "baseline"), "avoided")
        .iter()
        .map(|v| v.parse::<f64>().unwrap())
        .sum();
    assert!((avoided - 48.0).abs() < 1e-9, "{avoided}");
}

#[test]
fn an_agreed_reduction_is_paid_at_the_agreed_weight() {
    let tiny = project();
    tiny.append("terms.toml", "causation = \"agreed\"\n");
    let attribution = |rows: &str| {
        tiny.write(
            "attribution.csv",
            format!("contract_id,service_id,priority,party,weight,agreed_at\n{rows}"),
        );
    };
    attribution(
        "CT-1,mail,,supplier,0.6,2024-01-01T00:00:00Z\n\
         CT-1,mail,,customer,0.3,2024-01-01T00:00:00Z\n",
    );
    tiny.append(
        "gainshare.toml",
        "\n[[source]]\nname = \"minutes\"\ntable = \"attribution\"\nfiles = [\"attribution.csv\"]\n",
    );
    // 24 × 0.6 = 14.4 a year; the remaining 0.1 is paid to nobody.
    assert_eq!(paid(&tiny.run().with(0, &[])), ["144.00", "144.00"]);
    // Parties who together claim more than all get nothing until they agree.
    attribution(
        "CT-1,mail,,supplier,0.8,2024-01-01T00:00:00Z\n\
         CT-1,mail,,customer,0.4,2024-01-01T00:00:00Z\n",
    );
    let said = tiny.run().with(0, &["attribution_over_one"]);
    assert_eq!(paid(&said), ["0.00", "0.00"]);
}

#[test]
fn peers_of_the_project_draw_an_unlucky_baseline_back_and_less_is_paid() {
    let tiny = project();
    assert_eq!(paid(&tiny.run().with(0, &[])), ["240.00", "240.00"]);
    tiny.append("terms.toml", "shrinkage = \"peers\"\n");
    let alone = tiny.run().with(0, &["few_peers"]);
    assert_eq!(paid(&alone), ["240.00", "240.00"]);
    // Five other contracts with 8, 7, 9, 6 and 10 incidents a month, all the time.
    let mut tickets = String::new();
    let mut contracts = String::new();
    for (other, a_month) in [8, 7, 9, 6, 10].iter().enumerate() {
        let id = format!("CT-{}", other + 2);
        let _ = write!(
            contracts,
            "\n[[contract]]\nid = \"{id}\"\nsupplier = \"Supplier\"\ncustomer = \"Customer\"\n\
             terms = \"terms.toml\"\n"
        );
        for year in 2022..=2025 {
            for month in 1..=12 {
                for n in 1..=*a_month {
                    let at = format!("{year}-{month:02}-{n:02}T10:00:00Z");
                    let _ = writeln!(tickets, "{id}-{year}-{month}-{n},{id},{at},{at},P3,mail");
                }
            }
        }
    }
    tiny.append("tickets.csv", tickets);
    tiny.append("gainshare.toml", contracts);
    let mut said = tiny.run().with(0, &["shrunk_to_peers"]);
    said.out = said
        .out
        .lines()
        .filter(|l| l.starts_with("CT-1 "))
        .fold(String::new(), |all, line| all + line + "\n");
    // 24 months: own 240, peers 24 × 50 ÷ 6 = 200; Σ(O − P)² = 576 × 13.3333 = 7,680;
    // k = (7,680 − 6 × 200) ÷ (6 × 200²) = 0.027; weight of the peers 1 ÷ (1 + 0.027 × 200) =
    // 0.15625; level 0.15625 × 200 + 0.84375 × 240 = 233.75, a year 116.875; less 96 counted.
    assert_eq!(paid(&said), ["208.75", "208.75"]);
}
