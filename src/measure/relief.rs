//! Relief from incidents: which events of `relief_events` count, and the windows in which a
//! contract's incidents are then left out, in baseline and performance alike. Not responsible for
//! relief of other measures.

use crate::time::{Instant, Period};

/// The word in `relief_events.kpis` that relieves incidents.
const INCIDENTS: &str = "incidents";

/// A row of the table `relief_events`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReliefRow {
    /// Its key.
    pub relief_id: String,
    /// The contract.
    pub contract_id: String,
    /// The service; empty for all.
    pub service_id: String,
    /// Start.
    pub from: Instant,
    /// End.
    pub to: Instant,
    /// KPIs relieved, separated by spaces, commas or semicolons; empty for all.
    pub kpis: String,
    /// When it was claimed.
    pub claimed_at: Option<Instant>,
    /// When it was accepted.
    pub accepted_at: Option<Instant>,
    /// `customer_caused`, `maintenance_window`, …
    pub kind: String,
}

/// Which events count: `[relief]` of the terms.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReliefRule {
    /// Days after the end of an event within which it must be claimed; any time when absent.
    pub claim_within_days: Option<u16>,
    /// The kinds that relieve; all when absent.
    pub kinds: Option<Vec<String>>,
}

/// A window in which incidents of a service (empty: of all) do not count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReliefWindow {
    /// The service; empty for all.
    pub service_id: String,
    /// Its time, half-open.
    pub time: Period<Instant>,
}

impl ReliefWindow {
    /// Whether an incident opened in it.
    #[must_use]
    pub fn covers(&self, service_id: &str, opened_at: Instant) -> bool {
        (self.service_id.is_empty() || self.service_id == service_id)
            && self.time.contains(opened_at)
    }
}

/// Why an event gives no relief from incidents, as a finding code.
pub const LATE: &str = "relief_late";
/// Why an event gives no relief from incidents, as a finding code.
pub const NOT_ACCEPTED: &str = "relief_not_accepted";

/// The windows of a contract, and the events that name incidents but give none, with the reason:
/// not accepted by the as-of moment, or claimed later after their end than the rule allows (a
/// late claim gives no relief even when it was accepted).
#[must_use]
pub fn windows<'a>(
    contract_id: &str,
    rows: &'a [ReliefRow],
    rule: &ReliefRule,
    as_of: Instant,
) -> (Vec<ReliefWindow>, Vec<(&'a ReliefRow, &'static str)>) {
    let (mut given, mut refused) = (Vec::new(), Vec::new());
    for row in rows.iter().filter(|r| r.contract_id == contract_id) {
        let named = row.kpis.trim().is_empty()
            || row
                .kpis
                .split([' ', ',', ';'])
                .any(|word| word.trim() == INCIDENTS);
        let Ok(time) = Period::new(row.from, row.to) else {
            continue;
        };
        let kind = rule.kinds.as_ref().is_none_or(|k| k.contains(&row.kind));
        if !named || !kind {
            continue;
        }
        let in_time = rule.claim_within_days.is_none_or(|days| {
            row.claimed_at
                .is_some_and(|at| at.wall_s_since(row.to) <= i64::from(days) * 86_400)
        });
        if row.accepted_at.is_none_or(|at| at > as_of) {
            refused.push((row, NOT_ACCEPTED));
        } else if !in_time {
            refused.push((row, LATE));
        } else {
            given.push(ReliefWindow {
                service_id: row.service_id.clone(),
                time,
            });
        }
    }
    (given, refused)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Instant {
        text.parse().unwrap()
    }

    fn row(id: &str, claimed: &str, accepted: Option<&str>) -> ReliefRow {
        ReliefRow {
            relief_id: id.to_owned(),
            contract_id: "C".to_owned(),
            service_id: "erp".to_owned(),
            from: at("2025-03-01T09:00:00Z"),
            to: at("2025-03-01T12:00:00Z"),
            kpis: "incidents;availability".to_owned(),
            claimed_at: Some(at(claimed)),
            accepted_at: accepted.map(at),
            kind: "customer_caused".to_owned(),
        }
    }

    #[test]
    fn only_what_was_claimed_in_time_and_accepted_gives_relief() {
        let yes = Some("2025-05-01T00:00:00Z");
        let rows = [
            row("on time", "2025-03-31T12:00:00Z", yes),
            row("a second late", "2025-03-31T12:00:01Z", yes),
            row("not accepted", "2025-03-02T00:00:00Z", None),
            row(
                "accepted later",
                "2025-03-02T00:00:00Z",
                Some("2026-01-01T00:00:00Z"),
            ),
            ReliefRow {
                kpis: "availability".to_owned(),
                ..row("of something else", "2025-03-02T00:00:00Z", yes)
            },
        ];
        let rule = ReliefRule {
            claim_within_days: Some(30),
            kinds: None,
        };
        let now = at("2025-06-01T00:00:00Z");
        let (given, refused) = windows("C", &rows, &rule, now);
        assert_eq!(given.len(), 1);
        let why: Vec<(&str, &str)> = refused
            .iter()
            .map(|(r, why)| (r.relief_id.as_str(), *why))
            .collect();
        assert_eq!(
            why,
            [
                ("a second late", LATE),
                ("not accepted", NOT_ACCEPTED),
                ("accepted later", NOT_ACCEPTED),
            ]
        );
        assert!(given[0].covers("erp", at("2025-03-01T11:59:59Z")));
        assert!(!given[0].covers("erp", at("2025-03-01T12:00:00Z")));
        assert!(!given[0].covers("mail", at("2025-03-01T10:00:00Z")));
        assert!(windows("D", &rows, &rule, now).0.is_empty());
        let other = ReliefRule {
            kinds: Some(vec!["force_majeure".to_owned()]),
            ..rule
        };
        assert!(windows("C", &rows, &other, now).0.is_empty());
    }
}
