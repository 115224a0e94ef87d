//! Some of the KPI values are those of all: whatever is asked for, and on cells that carry no more
//! than what is read for it.

use gainshare::measure::fragment::{KindKey, Kinds, SolvedKey};
use gainshare::score::{Wanted, cells_for, score_some};

use super::*;

#[test]
fn what_is_asked_for_alone_is_what_it_is_among_all() {
    let mut world = world();
    let histograms = world.cells.total.histograms.clone();
    for ((key, _), durations) in histograms {
        for clock in [
            Clock::RespondBusiness,
            Clock::RespondWall,
            Clock::Notify,
            Clock::WarningLead,
        ] {
            let at = (key.clone(), clock);
            world.cells.total.histograms.insert(at, durations.clone());
        }
        let who = |assignee: &str| SolvedKey {
            contract_id: key.contract_id.clone(),
            service_id: key.service_id.clone(),
            month: key.month,
            assignee: assignee.to_owned(),
            item: Some(("ci".to_owned(), "network".to_owned())),
        };
        for assignee in ["ann", "bob", "cem", "dee", "eve", "fay"] {
            *world.cells.total.solved.entry(who(assignee)).or_default() += 1;
        }
        let kind = KindKey {
            contract_id: key.contract_id.clone(),
            service_id: key.service_id.clone(),
            category: "network".to_owned(),
            month: key.month,
        };
        let kinds = Kinds {
            incidents: 3,
            requests: 2,
        };
        world.cells.total.kinds.insert(kind, kinds);
    }
    for column in [
        "assignee",
        "category",
        "ci_id",
        "responded_at",
        "detected_at",
        "ticket_type",
    ] {
        let incidents = world.delivered.entry("incidents".to_owned()).or_default();
        incidents.insert(column.to_owned());
    }
    let baseline = baseline(&world);
    let all = run_with(&world, &baseline);
    let saving = saving_of(&world);
    let months = gainshare::time::Period::spanning(month("2025-02"), month("2025-04"));
    let mut measured = 0;
    for entry in gainshare::score::catalogue::all() {
        if entry.id == "quality_score" {
            // It is made of those with a target, which have to be asked for as well.
            continue;
        }
        let cells = cells_for(&world.cells, "C1", std::iter::once(entry.id));
        let inputs = Inputs {
            cells: &cells,
            ..inputs(&world, &baseline, &saving)
        };
        let some = score_some(
            &inputs,
            Wanted {
                months,
                scope: &|scope| *scope != Scope::Service("desk".to_owned()),
                kpi: &|kpi| kpi == entry.id,
            },
        );
        let same: Vec<&KpiValue> = all
            .values
            .iter()
            .filter(|v| v.kpi == entry.id && v.period.intersect(&months).is_some())
            .filter(|v| v.scope != Scope::Service("desk".to_owned()))
            .collect();
        assert_eq!(some.iter().collect::<Vec<_>>(), same, "{}", entry.id);
        measured += usize::from(some.iter().any(|v| v.value.is_some()));
    }
    assert!(measured > 20, "only {measured} KPIs are measured");
    let reads = |id: &str| cells_for(&world.cells, "C1", std::iter::once(id)).total;
    assert!(reads("ticket_count").histograms.is_empty());
    assert!(reads("ticket_count").solved.is_empty());
    assert!(!reads("time_to_restore_p90").histograms.is_empty());
    assert!(!reads("bus_factor").solved.is_empty());
    assert!(!reads("substitution").kinds.is_empty());
}
