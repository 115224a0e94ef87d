//! Services and priorities that the terms treat on their own. An incident has one of each: it
//! moves the measures of the contract, of its service and of its priority, and no others. Not
//! responsible for what it moves.

use std::collections::BTreeSet;

use super::Bench;
use crate::measure::spec::priority;

/// What an incident moves may be measured of a service or a priority.
const OF_INCIDENTS: &[&str] = &[
    "incidents_avoided",
    "incidents_avoided_lower",
    "incidents_expected",
    "ticket_count",
    "sla_attainment",
    "breaches",
    "impact_avoided",
    "impact_cost",
];

/// The incidents of one service and one priority. `None` stands for those that the terms do not
/// name: all of them where they name none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::judge::align) struct Stream {
    service: Option<String>,
    priority: Option<String>,
    /// Whether the terms name others.
    other: bool,
}

/// A scope as the terms write it: `P1`, `priority:P1`, `mail` or `service:mail`.
enum Of<'a> {
    Service(&'a str),
    Priority(&'a str),
}

fn of(scope: &str) -> Of<'_> {
    match scope.split_once(':') {
        Some(("service", name)) => Of::Service(name),
        Some(("priority", name)) => Of::Priority(name),
        _ if priority(scope).is_some() => Of::Priority(scope),
        _ => Of::Service(scope),
    }
}

impl Stream {
    /// Whether a measure of this scope counts its incidents.
    pub(super) fn is_in(&self, scope: Option<&str>) -> bool {
        match scope.map(of) {
            None => true,
            Some(Of::Service(name)) => self.service.as_deref() == Some(name),
            Some(Of::Priority(name)) => self.priority.as_deref() == Some(name),
        }
    }

    /// A driver's name for this stream.
    pub(super) fn named(&self, driver: &str) -> String {
        let parts: Vec<&str> = [&self.service, &self.priority]
            .into_iter()
            .flatten()
            .map(String::as_str)
            .collect();
        match (parts.is_empty(), self.other) {
            (false, _) => format!("{driver}[{}]", parts.join(" ")),
            (true, true) => format!("{driver}[other]"),
            (true, false) => driver.to_owned(),
        }
    }

    /// What one of them is called, after what it is.
    pub(super) fn in_words(&self, what: &str) -> String {
        match (&self.service, &self.priority, self.other) {
            (Some(service), Some(priority), _) => format!("{what} of {service}, {priority}"),
            (Some(one), None, _) | (None, Some(one), _) => format!("{what} of {one}"),
            (None, None, true) => format!("{what} elsewhere"),
            (None, None, false) => what.to_owned(),
        }
    }

    /// The scopes under which its own numbers may be given, the narrow ones first.
    pub(super) fn scopes(&self) -> Vec<Option<String>> {
        let mut scopes = Vec::new();
        for (kind, name) in [("priority", &self.priority), ("service", &self.service)] {
            if let Some(name) = name {
                scopes.push(Some(name.clone()));
                scopes.push(Some(format!("{kind}:{name}")));
            }
        }
        if scopes.is_empty() {
            scopes.push(None);
        }
        scopes
    }
}

impl Bench<'_> {
    /// The streams that the terms tell apart, and the one of all others.
    pub(super) fn streams(&self) -> Vec<Stream> {
        let mut services: BTreeSet<&str> = BTreeSet::new();
        let mut priorities: BTreeSet<&str> = BTreeSet::new();
        let mut names: BTreeSet<String> = OF_INCIDENTS.iter().map(|n| (*n).to_owned()).collect();
        names.extend(self.quantities().map(|(name, _, _)| name));
        let used = self
            .plan
            .measures()
            .filter(|(name, _)| names.contains(*name));
        for scope in used.filter_map(|(_, scope)| scope) {
            match of(scope) {
                Of::Service(name) => services.insert(name),
                Of::Priority(name) => priorities.insert(name),
            };
        }
        let told_apart = !services.is_empty() || !priorities.is_empty();
        let every = priorities.len() == 5;
        let rest = |named: BTreeSet<&str>, rest: bool| -> Vec<Option<String>> {
            let mut all: Vec<Option<String>> =
                named.into_iter().map(|n| Some(n.to_owned())).collect();
            if rest {
                all.push(None);
            }
            all
        };
        let (services, priorities) = (rest(services, true), rest(priorities, !every));
        let mut streams = Vec::new();
        for service in &services {
            for priority in &priorities {
                streams.push(Stream {
                    service: service.clone(),
                    priority: priority.clone(),
                    other: told_apart,
                });
            }
        }
        streams
    }
}
