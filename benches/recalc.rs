//! A recalculation, as `gainshare recalc` does it, with how long each stage took: for
//! `benches/peers.py`, which compares the measuring with other ways to measure.
//!
//! ```sh
//! cargo bench --profile dev --bench recalc -- data/complete    # after: gainshare ingest data/complete
//! ```
//!
//! Prints seconds per stage as one line of JSON. `measuring` is everything that touches rows: tickets
//! and invoice lines from the store to cells, and the table `billing_facts`.

#![allow(clippy::expect_used, clippy::print_stdout, missing_docs)]

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Mutex;
use std::time::Instant;

use gainshare::config::project::Project;
use gainshare::pipeline::{self, Asked, Exports, Progress};

fn main() {
    let folder = std::env::args().skip(1).find(|a| a != "--bench");
    let folder = folder.expect("a project folder");
    let project = Project::read_without_exports(Path::new(&folder), &|_| None).expect("a project");
    let began = Mutex::new(vec![("reading", Instant::now())]);
    let asked = Asked {
        exports: Exports::Never,
        ..Asked::default()
    };
    pipeline::run(&project, asked, &|progress| {
        if let Progress::Stage(stage) = progress {
            let mut began = began.lock().expect("no stage panics");
            began.push((stage, Instant::now()));
        }
    })
    .expect("the store reads");
    let began = began.into_inner().expect("no stage panics");
    let ends = began.iter().skip(1).map(|(_, at)| *at);
    let seconds: BTreeMap<&str, f64> = began
        .iter()
        .zip(ends.chain([Instant::now()]))
        .map(|((stage, from), to)| (*stage, (to - *from).as_secs_f64()))
        .collect();
    println!(
        "{}",
        serde_json::to_string(&seconds).expect("plain numbers")
    );
}
