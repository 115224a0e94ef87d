//! Some of the KPI values are those of all: whatever is asked for, and on cells that carry no more
//! than what is read for it.

use gainshare::measure::fragment::{KindKey, Kinds};
use gainshare::measure::solved::{Solved, SolvedPlace};
use gainshare::measure::without::{Change, Moved};
use gainshare::score::{Basis, Changeable, Wanted, cells_for, score_some};

use super::*;

/// A world in which people, categories and all clocks are known.
fn full_world() -> World {
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
        let place = SolvedPlace {
            contract_id: key.contract_id.clone(),
            service_id: key.service_id.clone(),
            month: key.month,
        };
        let people = ["ann", "bob", "cem", "dee", "eve", "fay"];
        let item = Some(("ci", "network"));
        let more = Solved::of(people.map(|person| (place.clone(), person, item, 1)));
        let solved = std::mem::take(&mut world.cells.total.solved);
        world.cells.total.solved = Solved::together(&[solved, more]);
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
    world
}

#[test]
fn changed_cells_of_some_months_give_what_gathering_all_again_gives() {
    let world = full_world();
    let baseline = baseline(&world);
    let saving = saving_of(&world);
    let unmoved = Inputs {
        observed: Some(span("2024-01", "2026-01")),
        ..inputs(&world, &baseline, &saving)
    };
    let changeable = Changeable::new(&unmoved);
    let streams: BTreeSet<(String, u8)> = world
        .cells
        .total
        .cells
        .keys()
        .map(|key| (key.service_id.clone(), key.priority))
        .take(3)
        .collect();
    let as_it_is = run_with(&world, &baseline).values;
    let mut differing = 0;
    // Within the performance period, across its start, the baseline alone, and everything gone.
    for (from, to, by) in [
        ("2025-02", "2025-03", 5),
        ("2024-11", "2025-03", -4),
        ("2024-03", "2024-04", 7),
        ("2024-01", "2025-12", 1_000_000),
    ] {
        for change in [Change::InTime, Change::Late, Change::Missed] {
            let months = span(from, to);
            let moved = Moved {
                contract_id: "C1",
                streams: &streams,
                months,
                change,
                by,
            };
            let (some, _) = world.cells.without(&moved);
            let mut cells: Cells = world.cells.clone();
            cells.total.cells.extend(some.total.cells.clone());
            cells.total.histograms.extend(some.total.histograms.clone());
            let again = Inputs {
                cells: &cells,
                ..unmoved
            };
            let everything = Wanted {
                months: span("2024-01", "2026-01"),
                scope: &|_| true,
                kpi: &|_| true,
            };
            let quick = changeable.with(&unmoved, &some, months);
            let found = score_some(&unmoved, &quick, everything);
            assert_eq!(found, score(&again).values, "{change:?} {by} from {from}");
            differing += usize::from(found != as_it_is);
        }
    }
    assert!(differing >= 11, "only {differing} changes changed a value");
}

#[test]
fn what_is_asked_for_alone_is_what_it_is_among_all() {
    let world = full_world();
    let baseline = baseline(&world);
    let all = run_with(&world, &baseline);
    let saving = saving_of(&world);
    let months = span("2025-02", "2025-04");
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
            &Basis::new(&inputs),
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
