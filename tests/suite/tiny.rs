//! A project of a few rows in a folder of its own, for tests that break one thing at a time.

use std::path::PathBuf;
use std::process::Command;

use gainshare::config::project::Project;
use gainshare::ingest::{self, Ingested};

const PROJECT: &str = r#"schema = 1
name = "tiny"
as_of = "2025-06-01T00:00:00Z"

[[source]]
name = "tool"
table = "incidents"
files = ["tickets.csv"]

[[source]]
name = "erp"
table = "billing"
files = ["billing.csv"]
zone = "Europe/Amsterdam"

[[calendar]]
id = "office"
zone = "Europe/Amsterdam"
weekly = { mon = ["08:00-18:00"], tue = ["08:00-18:00"] }

[[contract]]
id = "CT-1"
supplier = "Supplier"
customer = "Customer"
terms = "terms.toml"
"#;

const TERMS: &str = r#"schema = 1

[contract]
title = "A few rows"
customer = "Customer"
supplier = "Supplier"
currency = "EUR"
start = 2025-01-01
end = 2025-04-01
per = "quarter"

[[clause]]
id = "tickets"
kind = "per_ticket"
title = "Price per handled ticket"
price = "10"

[measure]
zone = "Europe/Amsterdam"

[measure.impact]
calendar = "office"

[baseline]
baseline = { start = "2024-01", end = "2025-01" }
performance = { start = "2025-01", end = "2025-04" }
"#;

pub(crate) const TICKETS: &str = "\
ticket_id,contract_id,opened_at,resolved_at,priority,service_id,on_hold_s
T1,CT-1,2025-01-03T10:00:00Z,2025-01-03T11:00:00Z,P2,mail,0
T2,CT-1,2025-02-03T10:00:00Z,2025-02-04T11:30:00Z,P3,web,60
T3,CT-1,2025-03-03T10:00:00Z,,P2,mail,
";

const BILLING: &str = "\
invoice_id,line_id,contract_id,period_start,period_end,amount,currency
I1,1,CT-1,2025-01-01,2025-02-01,100.00,EUR
I2,1,CT-1,2025-02-01,2025-04-01,59.01,EUR
";

/// The project, deleted with the value.
pub(crate) struct Tiny {
    folder: tempfile::TempDir,
}

/// What a run of the program said.
pub(crate) struct Said {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Said {
    /// Whether stderr has the text, wherever the lines were broken.
    pub(crate) fn has(&self, text: &str) -> bool {
        squeezed(&self.err).contains(&squeezed(text))
    }

    /// Asserts the exit code and the texts on stderr.
    pub(crate) fn with(self, code: i32, texts: &[&str]) -> Said {
        assert_eq!(self.code, Some(code), "{}\n{}", self.out, self.err);
        for text in texts {
            assert!(self.has(text), "no `{text}` in:\n{}", self.err);
        }
        self
    }
}

/// Without spaces and the marks that continue a broken line.
fn squeezed(text: &str) -> String {
    text.chars()
        .filter(|c| !c.is_whitespace() && *c != '│')
        .collect()
}

pub(crate) fn run(arguments: &[&str]) -> Said {
    let output = Command::new(env!("CARGO_BIN_EXE_gainshare"))
        .args(arguments)
        .env("NO_COLOR", "1")
        .output()
        .unwrap();
    Said {
        code: output.status.code(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

impl Tiny {
    pub(crate) fn new() -> Tiny {
        let folder = tempfile::tempdir().unwrap();
        let tiny = Tiny { folder };
        tiny.write("gainshare.toml", PROJECT);
        tiny.write("terms.toml", TERMS);
        tiny.write("tickets.csv", TICKETS);
        tiny.write("billing.csv", BILLING);
        tiny
    }

    pub(crate) fn path(&self, file: &str) -> PathBuf {
        self.folder.path().join(file)
    }

    pub(crate) fn write(&self, file: &str, bytes: impl AsRef<[u8]>) {
        std::fs::write(self.path(file), bytes).unwrap();
    }

    /// Replaces the first `from` in a file, which has to be there.
    pub(crate) fn replace(&self, file: &str, from: &str, to: &str) {
        let text = std::fs::read_to_string(self.path(file)).unwrap();
        assert!(text.contains(from), "no `{from}` in {file}");
        self.write(file, text.replacen(from, to, 1));
    }

    pub(crate) fn append(&self, file: &str, more: impl AsRef<[u8]>) {
        let mut bytes = std::fs::read(self.path(file)).unwrap();
        bytes.extend_from_slice(more.as_ref());
        self.write(file, bytes);
    }

    /// Points the source of tickets at another file or mapping.
    pub(crate) fn tickets_from(&self, lines: &str) {
        self.replace(
            "gainshare.toml",
            "table = \"incidents\"\nfiles = [\"tickets.csv\"]",
            lines,
        );
    }

    /// `gainshare run` on the project.
    pub(crate) fn run(&self) -> Said {
        run(&["run", self.folder.path().to_str().unwrap()])
    }

    /// Only the ingest stage, in this process.
    pub(crate) fn ingest(&self) -> Ingested {
        let project = Project::read(self.folder.path()).unwrap();
        ingest::ingest(&project, &|_, _| {}).unwrap()
    }
}
