//! Which contract a ticket belongs to, and which service its configuration item carries. Not
//! responsible for what becomes of tickets without a contract (see [`super`]).

use std::collections::HashMap;

use super::columns::Columns;

/// The lines of `contract_scope` and `ci_services`, ready for look-up.
#[derive(Debug, Default)]
pub(super) struct Scope {
    lines: Vec<Line>,
    services: HashMap<String, Vec<(String, Validity)>>,
}

#[derive(Debug)]
struct Line {
    contract: String,
    supplier: Option<String>,
    service: Option<String>,
    group: Option<String>,
    ci: Option<String>,
    valid: Validity,
}

/// Days `[from, to)` since 1970-01-01, open where absent.
#[derive(Debug, Clone, Copy)]
struct Validity(Option<i64>, Option<i64>);

impl Validity {
    fn holds(self, micros: i64) -> bool {
        let day = micros.div_euclid(86_400_000_000);
        self.0.is_none_or(|from| day >= from) && self.1.is_none_or(|to| day < to)
    }
}

/// What the scope says of one ticket.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Assigned<'a> {
    /// This contract, and the supplier the line names.
    Contract(&'a str, Option<&'a str>),
    /// None.
    Nowhere,
    /// More than one.
    Ambiguous(Vec<&'a str>),
}

/// What a ticket shows to the scope.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Ticket<'a> {
    /// The supplier, if the export says.
    pub supplier: Option<&'a str>,
    /// The service.
    pub service: Option<&'a str>,
    /// The group.
    pub group: Option<&'a str>,
    /// The configuration item.
    pub ci: Option<&'a str>,
    /// When it was opened, UTC microseconds.
    pub opened_at: i64,
}

impl Scope {
    /// From the two tables; either may be absent.
    pub(super) fn new(contract_scope: Option<&Columns>, ci_services: Option<&Columns>) -> Scope {
        let mut scope = Scope::default();
        if let Some(rows) = contract_scope {
            for row in 0..rows.len() {
                let own = |c: &str| rows.text(c, row).map(str::to_owned);
                let Some(contract) = own("contract_id") else {
                    continue;
                };
                scope.lines.push(Line {
                    contract,
                    supplier: own("supplier_id"),
                    service: own("service_id"),
                    group: own("assignment_group"),
                    ci: own("ci_id"),
                    valid: Validity(
                        rows.integer("valid_from", row),
                        rows.integer("valid_to", row),
                    ),
                });
            }
        }
        if let Some(rows) = ci_services {
            for row in 0..rows.len() {
                let (Some(ci), Some(service)) =
                    (rows.text("ci_id", row), rows.text("service_id", row))
                else {
                    continue;
                };
                let valid = Validity(
                    rows.integer("valid_from", row),
                    rows.integer("valid_to", row),
                );
                scope
                    .services
                    .entry(ci.to_owned())
                    .or_default()
                    .push((service.to_owned(), valid));
            }
        }
        scope
    }

    /// The service that a configuration item carries at a moment, where exactly one does.
    pub(super) fn service_of(&self, ci: &str, micros: i64) -> Option<&str> {
        let mut found = self
            .services
            .get(ci)?
            .iter()
            .filter(|(_, v)| v.holds(micros))
            .map(|(s, _)| s.as_str());
        let first = found.next()?;
        found.all(|other| other == first).then_some(first)
    }

    /// The contract of a ticket: all lines that match must name the same one.
    pub(super) fn assign(&self, ticket: Ticket<'_>) -> Assigned<'_> {
        let agrees = |wanted: &Option<String>, has: Option<&str>| {
            wanted.as_deref().is_none_or(|w| has == Some(w))
        };
        let mut found: Option<&Line> = None;
        let mut others: Vec<&str> = Vec::new();
        for line in &self.lines {
            let supplier = line.supplier.as_deref();
            // A ticket that does not say its supplier can be anybody's.
            let supplier_agrees =
                ticket.supplier.is_none() || supplier.is_none_or(|s| ticket.supplier == Some(s));
            let hit = supplier_agrees
                && agrees(&line.service, ticket.service)
                && agrees(&line.group, ticket.group)
                && agrees(&line.ci, ticket.ci)
                && line.valid.holds(ticket.opened_at);
            if !hit {
                continue;
            }
            match found {
                Some(first) if first.contract != line.contract => {
                    others.push(&line.contract);
                }
                Some(_) => {}
                None => found = Some(line),
            }
        }
        match found {
            None => Assigned::Nowhere,
            Some(line) if others.is_empty() => {
                Assigned::Contract(&line.contract, line.supplier.as_deref())
            }
            Some(line) => {
                others.push(&line.contract);
                others.sort_unstable();
                others.dedup();
                Assigned::Ambiguous(others)
            }
        }
    }
}
