//! What is said of the files read and of what was noticed. Responsible for its lines on stderr; not
//! for what they count.

use std::collections::BTreeMap;

use crate::finding::{Finding, Severity, Stage};
use crate::ingest::account::{self, FileAccount};

/// One line per file: rows in and what became of them.
pub(super) fn say_accounts(accounts: &[FileAccount]) {
    let width = accounts
        .iter()
        .map(|a| a.file.chars().count())
        .max()
        .unwrap_or(4)
        .max(4);
    super::say(format_args!(
        "{:<width$} {:>10} {:>10} {:>10} {:>9} {:>12}",
        "file", "rows in", "accepted", "duplicate", "rejected", "out of scope"
    ));
    for account in accounts {
        super::say(format_args!(
            "{:<width$} {:>10} {:>10} {:>10} {:>9} {:>12}",
            account.file,
            account.rows_in,
            account.accepted,
            account.duplicate,
            account.rejected,
            account.out_of_scope
        ));
        for (currency, money) in &account.money {
            super::say(format_args!(
                "{:<width$} {currency} {} in = {} accepted + {} duplicate + {} rejected + {} out of scope",
                "",
                account::shown(money.amount_in),
                account::shown(money.accepted),
                account::shown(money.duplicate),
                account::shown(money.rejected),
                account::shown(money.out_of_scope)
            ));
        }
    }
}

/// Findings by kind, worst first; `where_all` says where every one of them is.
pub(super) fn say_findings(findings: &[Finding], where_all: &str) {
    let mut kinds: BTreeMap<(std::cmp::Reverse<Severity>, &str), (u64, &Finding)> = BTreeMap::new();
    for finding in findings {
        let key = (std::cmp::Reverse(finding.severity), finding.code.as_str());
        kinds.entry(key).or_insert((0, finding)).0 += 1;
    }
    if kinds.is_empty() {
        return;
    }
    super::say(format_args!("\nfindings ({where_all}):"));
    for ((severity, code), (places, first)) in kinds {
        let place = match (&first.file, &first.contract_id) {
            (Some(file), _) => {
                let line = first.line.map(|l| format!(":{l}")).unwrap_or_default();
                let column = first.column.as_ref().map(|c| format!(" `{c}`"));
                format!(" [{file}{line}{}]", column.unwrap_or_default())
            }
            (None, Some(contract)) => format!(" [{contract}]"),
            (None, None) => String::new(),
        };
        let seen = match (first.stage, first.evidence.is_empty()) {
            (Stage::Ingest, false) => {
                format!(
                    " (found {})",
                    first.evidence.chars().take(80).collect::<String>()
                )
            }
            _ => String::new(),
        };
        let more = if places > 1 {
            format!(" (+{} more places)", places - 1)
        } else {
            String::new()
        };
        super::say(format_args!(
            "  {:<13} {code}{place}: {}{seen}{more}",
            severity.0.to_string(),
            first.detail
        ));
    }
    super::say("");
}
