//! The terms that can be turned: which numbers of which clauses, and a copy of the terms with one
//! of them set. Not responsible for choosing (see [`super::repair`]).

use crate::money::Decimal;
use crate::terms::{ClauseSource, Kind, Located, SettleSpec, TermsSource, Value};

/// What a term is, which decides in which direction it can repair anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sort {
    Share,
    Price,
    Minimum,
    Cap,
    Floor,
    /// A band around a volume, or a price beyond it.
    Band,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Share,
    Price,
    Minimum,
    DeadBand,
    Arc,
    Rrc,
    Cap(usize),
    Floor(usize),
    Limit(usize),
    StepShare(usize),
    StepYear(usize, usize),
    StepPrice(usize),
    StepMinimum(usize),
    StepCap(usize, usize),
    StepFloor(usize, usize),
}

/// One number of one clause.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Knob {
    pub(super) clause_id: String,
    pub(super) sort: Sort,
    /// As the terms call it.
    pub(super) name: &'static str,
    /// As the terms say it.
    pub(super) now: Located<Value>,
    place: Place,
}

fn get(clause: &mut ClauseSource, place: Place) -> Option<&mut Located<Value>> {
    match place {
        Place::Share => clause.share.as_mut(),
        Place::Price => clause.price.as_mut(),
        Place::Minimum => clause.minimum.as_mut(),
        Place::DeadBand => clause.dead_band.as_mut(),
        Place::Arc => clause.arc.as_mut(),
        Place::Rrc => clause.rrc.as_mut(),
        Place::Cap(i) => clause.cap.as_mut()?.value.0.get_mut(i),
        Place::Floor(i) => clause.floor.as_mut()?.value.0.get_mut(i),
        Place::Limit(i) => clause.limit.as_mut()?.value.0.get_mut(i),
        Place::StepShare(s)
        | Place::StepYear(s, _)
        | Place::StepPrice(s)
        | Place::StepMinimum(s)
        | Place::StepCap(s, _)
        | Place::StepFloor(s, _) => {
            let step = &mut clause.steps.as_mut()?.value.get_mut(s)?.value;
            match place {
                Place::StepShare(_) => step.share.as_mut(),
                Place::StepYear(_, i) => step.share_by_year.as_mut()?.value.0.get_mut(i),
                Place::StepPrice(_) => step.price.as_mut(),
                Place::StepMinimum(_) => step.minimum.as_mut(),
                Place::StepCap(_, i) => step.cap.as_mut()?.value.0.get_mut(i),
                Place::StepFloor(_, i) => step.floor.as_mut()?.value.0.get_mut(i),
                _ => None,
            }
        }
    }
}

/// Every number that can be turned, in the order of the terms. `year` is the contract year that
/// is looked at, from 1.
pub(super) fn knobs(source: &TermsSource, year: usize) -> Vec<Knob> {
    let mut all = Vec::new();
    for located in &source.clause {
        let mut clause = located.value.clone();
        let mut places: Vec<(Place, Sort, &'static str)> = vec![
            (Place::Share, Sort::Share, "share"),
            (Place::Price, Sort::Price, "price"),
            (Place::Minimum, Sort::Minimum, "minimum"),
            (Place::DeadBand, Sort::Band, "dead_band"),
            (Place::Arc, Sort::Band, "arc"),
            (Place::Rrc, Sort::Band, "rrc"),
        ];
        let many = |list: &Option<Located<crate::terms::OneOrMany>>| {
            list.as_ref().map_or(0, |l| l.value.0.len())
        };
        for i in 0..many(&clause.cap) {
            places.push((Place::Cap(i), Sort::Cap, "cap"));
        }
        for i in 0..many(&clause.floor) {
            places.push((Place::Floor(i), Sort::Floor, "floor"));
        }
        if clause.kind.value == Kind::Cap {
            for i in 0..many(&clause.limit) {
                places.push((Place::Limit(i), Sort::Cap, "limit"));
            }
        }
        for (s, step) in clause.steps.iter().flat_map(|s| &s.value).enumerate() {
            let step = &step.value;
            places.push((Place::StepShare(s), Sort::Share, "share"));
            places.push((Place::StepPrice(s), Sort::Price, "price"));
            places.push((Place::StepMinimum(s), Sort::Minimum, "minimum"));
            let years = many(&step.share_by_year);
            if years > 0 {
                let place = year.saturating_sub(1).min(years - 1);
                places.push((Place::StepYear(s, place), Sort::Share, "share_by_year"));
            }
            for i in 0..many(&step.cap) {
                places.push((Place::StepCap(s, i), Sort::Cap, "cap"));
            }
            for i in 0..many(&step.floor) {
                places.push((Place::StepFloor(s, i), Sort::Floor, "floor"));
            }
        }
        for (place, sort, name) in places {
            if let Some(now) = get(&mut clause, place).cloned() {
                all.push(Knob {
                    clause_id: clause.id.value.clone(),
                    sort,
                    name,
                    now,
                    place,
                });
            }
        }
    }
    all
}

impl Knob {
    /// The terms with this number set, in the clause as it was first and in every amendment that
    /// has it.
    pub(super) fn set(&self, spec: &SettleSpec, value: Decimal) -> SettleSpec {
        self.put(spec, &Value::Number(value))
    }

    /// The same with any value.
    pub(super) fn put(&self, spec: &SettleSpec, value: &Value) -> SettleSpec {
        let mut spec = spec.clone();
        let amended = spec
            .source
            .amendment
            .iter_mut()
            .flat_map(|a| a.value.clause.iter_mut());
        for clause in spec.source.clause.iter_mut().chain(amended) {
            if clause.value.id.value == self.clause_id
                && let Some(term) = get(&mut clause.value, self.place)
            {
                term.value = value.clone();
            }
        }
        spec
    }
}
