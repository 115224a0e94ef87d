//! Services and priorities that the terms treat on their own. An incident has one of each: it
//! moves the measures of the contract, of its service and of its priority, and no others. Not
//! responsible for what it moves.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use super::Bench;
use crate::judge::align::rebuild::CellStream;
use crate::measure::spec::priority;
use crate::money::Decimal;

/// Services and priorities of the cells that have drivers of their own where the terms do not tell
/// them apart: those with the most incidents. The others have one together.
const MOST_OF_CELLS: usize = 12;

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
    /// Whether the terms do not tell it apart; then it is a part of another stream.
    pub(super) part: bool,
    /// What the cells hold of it, where there are any.
    cells: Vec<CellStream>,
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

    /// Services and priorities of its cells.
    pub(super) fn keys(&self) -> BTreeSet<(String, u8)> {
        let key = |c: &CellStream| (c.service.clone(), c.priority);
        self.cells.iter().map(key).collect()
    }

    /// Incidents in its cells.
    pub(super) fn incidents(&self) -> u64 {
        self.cells.iter().map(|c| c.incidents).sum()
    }

    /// Those that met their service level.
    pub(super) fn met(&self) -> u64 {
        self.cells.iter().map(|c| c.met).sum()
    }

    /// Those that missed it.
    pub(super) fn late(&self) -> u64 {
        self.cells.iter().map(|c| c.late).sum()
    }

    /// What its cells say was avoided, signed and netted; `None` where one has no number.
    pub(super) fn avoided(&self) -> Option<Decimal> {
        let mut cells = self.cells.iter();
        let first = cells.next()?.avoided?;
        cells.try_fold(first, |sum, c| sum.checked_add(c.avoided?).ok())
    }

    /// A driver's name for this stream.
    pub(super) fn named(&self, driver: &str) -> String {
        let parts: Vec<&str> = [&self.service, &self.priority]
            .into_iter()
            .flatten()
            .map(String::as_str)
            .collect();
        match (parts.is_empty(), self.other) {
            (true, _) if self.part => format!("{driver}[all smaller]"),
            (false, _) => format!("{driver}[{}]", parts.join(" ")),
            (true, true) => format!("{driver}[other]"),
            (true, false) => driver.to_owned(),
        }
    }

    /// What one of them is called, after what it is.
    pub(super) fn in_words(&self, what: &str) -> String {
        match (&self.service, &self.priority, self.other) {
            (None, None, _) if self.part => {
                format!("{what} of the services and priorities with fewer")
            }
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
                    part: false,
                    cells: Vec::new(),
                });
            }
        }
        self.add_cells(&mut streams);
        streams
    }

    /// Adds what the cells hold: to the streams of the terms, and as streams of their own.
    fn add_cells(&self, streams: &mut Vec<Stream>) {
        let Some(rebuild) = self.rebuild else { return };
        let mut cells = rebuild.streams(self.act);
        for cell in &cells {
            let priority = format!("P{}", cell.priority);
            // The narrowest that it belongs to: one that names it, else the one of all others.
            let fits = |own: &Option<String>, name: &str| own.as_deref().is_none_or(|o| o == name);
            let home = streams
                .iter_mut()
                .filter(|s| fits(&s.service, &cell.service) && fits(&s.priority, &priority))
                .max_by_key(|s| (s.service.is_some(), s.priority.is_some()));
            if let Some(home) = home {
                home.cells.push(cell.clone());
            }
        }
        let alone = |c: &CellStream| {
            let priority = format!("P{}", c.priority);
            streams.iter().any(|s| {
                s.service.as_deref() == Some(c.service.as_str())
                    && s.priority.as_deref() == Some(priority.as_str())
            })
        };
        cells.retain(|c| !alone(c));
        if cells.len() < 2 {
            return;
        }
        cells.sort_by_key(|c| (Reverse(c.incidents), c.service.clone(), c.priority));
        let smaller = cells.split_off(cells.len().min(MOST_OF_CELLS));
        cells.sort_by_key(|c| (c.service.clone(), c.priority));
        for cell in cells {
            streams.push(Stream {
                service: Some(match cell.service.as_str() {
                    "" => "no service".to_owned(),
                    service => service.to_owned(),
                }),
                priority: Some(format!("P{}", cell.priority)),
                other: false,
                part: true,
                cells: vec![cell],
            });
        }
        if !smaller.is_empty() {
            streams.push(Stream {
                part: true,
                cells: smaller,
                ..Stream::default()
            });
        }
    }
}
