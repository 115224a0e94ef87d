//! Changes: announced with lead time, disruptive ones that nobody announced, and incidents that
//! changes caused.

use super::super::catalogue::{Across, Kpi, SERVICE_LEVELS, TICKET_SHARE, Unit};
use super::super::distribution::Distribution;
use super::super::records::ChangeRecord;
use super::super::value::Direction;
use super::super::view::{Outcome, View};

pub(in super::super) const ENTRIES: &[Kpi] = &[
    Kpi {
        id: "change_notice_lead",
        title: "Lead of change notices",
        formula: "median of wall seconds from the first announcement to the start of a \
                  disruptive change",
        unit: Unit::Word("wall_s"),
        inputs: &[
            "changes.planned_start",
            "changes.disruptive",
            "changes.announced_at",
        ],
        levels: SERVICE_LEVELS,
        across: Across::Merged,
        parts: "changes, whole",
        rule: "month of the planned start; emergencies and cancelled changes are left out; a \
               change that was not announced before it started has a lead of 0; announced by the \
               change's own record or by a notice about it, whichever came first; nearest rank",
        source: "ITIL 4 change enablement practice: communication of changes",
        example: "announced 1, 3 and 5 days ahead: 259200",
        compute: |view| {
            let changes = disruptive(view)?;
            let leads: Vec<i64> = changes
                .iter()
                .filter(|c| !c.emergency)
                .map(|c| lead_s(c).unwrap_or(0))
                .collect();
            let n = leads.len() as u64;
            let left_out = changes.len() as u64 - n;
            Distribution::Waits(leads)
                .outcome()
                .map(|outcome| outcome.excluding(left_out))
                .ok_or_else(|| "no disruptive change was planned for the period".to_owned())
        },
        ..TICKET_SHARE
    },
    Kpi {
        id: "unannounced_disruptive_changes",
        title: "Disruptive changes nobody announced",
        formula: "disruptive changes without an announcement before they started",
        unit: Unit::Word("changes"),
        direction: Direction::LowerIsBetter,
        inputs: &[
            "changes.planned_start",
            "changes.disruptive",
            "changes.announced_at",
        ],
        levels: SERVICE_LEVELS,
        across: Across::Sum,
        comparable: false,
        parts: "changes, whole",
        min_n: 0,
        rule: "month of the planned start; emergencies count, cancelled changes do not; an \
               announcement after the start is none",
        source: "ITIL 4 change enablement practice: communication of changes",
        example: "9 disruptive changes, 7 announced ahead, 1 on the day after: 2",
        compute: |view| {
            let changes = disruptive(view)?;
            let silent = changes.iter().filter(|c| lead_s(c).is_none()).count();
            Ok(Outcome::count(silent as u64).counting(changes.len() as u64))
        },
        ..TICKET_SHARE
    },
    Kpi {
        id: "change_induced_rate",
        title: "Incidents caused by changes",
        formula: "incidents that name the change that caused them ÷ incidents",
        direction: Direction::LowerIsBetter,
        inputs: &["incidents.opened_at", "incidents.caused_by_change_id"],
        parts: "counts",
        rule: "month of opening; 4 decimals, half-even",
        source: "ITIL 4 change enablement practice: incidents related to changes",
        example: "200 incidents, 6 name a change: 6 ÷ 200 = 0.03",
        compute: |view| {
            let cell = &view.observed()?.cell;
            view.share(
                cell.change_induced,
                cell.incidents,
                "no incidents in the period",
            )
        },
        ..TICKET_SHARE
    },
];

/// Disruptive changes of the scope that were to start in the period.
fn disruptive<'a>(view: &View<'a>) -> Result<Vec<&'a ChangeRecord>, String> {
    view.over()?;
    let period = view.instants();
    Ok(view
        .records
        .changes
        .iter()
        .filter(|c| c.disruptive == Some(true) && !c.cancelled && view.covers(&c.service_id))
        .filter(|c| c.at().is_some_and(|at| period.contains(at)))
        .collect())
}

/// Wall seconds by which a change was announced ahead; `None` when it was not.
fn lead_s(change: &ChangeRecord) -> Option<i64> {
    let start = change.actual_start.or(change.planned_start)?;
    let lead = start.wall_s_since(change.announced_at?);
    (lead > 0).then_some(lead)
}
