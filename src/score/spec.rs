//! The `[score]` table of the terms: prices of disruption, the unit of exposure, least numbers
//! and targets. Responsible for its shape and its contradictions; not for shares or clauses.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::catalogue::{self, Unit};
use super::exposure::ExposureUnit;
use super::value::{Direction, Level};
use crate::money::{Currency, Decimal};

/// The entry of `cost_per_minute` that holds for services without one of their own.
pub const DEFAULT_PRICE: &str = "default";

/// What decides how measured cells become KPI values.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ScoreSpec {
    /// The currency of the contract: of prices and of the invoices. Default `EUR`.
    #[serde(default = "euro")]
    pub currency: Currency,
    /// The currency in which the amounts of a supplier's contracts are added up and suppliers are
    /// compared (`wallet_share`), where it is another than the contract's: each amount by the rate
    /// of its period, as `[fx]` says. Default: that of the contract.
    #[serde(default)]
    pub reporting_currency: Option<Currency>,
    /// Business impact of one minute in which a service is down for all its users, per service,
    /// in quotes; the entry `default` holds for the others. Without a price `impact_cost` of a
    /// service is not measurable.
    #[serde(default)]
    pub cost_per_minute: BTreeMap<String, Decimal>,
    /// What incident rates and the benchmark are divided by. Default `users`.
    #[serde(default)]
    pub exposure_unit: ExposureUnit,
    /// Share of incidents, in percent, whose item and category must be known for `repeat_rate`.
    /// Default 50.
    #[serde(default = "fifty")]
    pub min_items_known_percent: u8,
    /// How often the parties are to meet: a cadence as `contact_moments` names it, and every how
    /// many days. Without it the moments planned are those agreed.
    #[serde(default)]
    pub contact_rhythm: BTreeMap<String, u32>,
    /// Preventive hours agreed a month.
    #[serde(default)]
    pub proactive_hours_per_month: Option<Decimal>,
    /// Days within which a goal that the customer shared is to be answered by a proposal.
    /// Default 30.
    #[serde(default = "thirty")]
    pub challenge_days: u32,
    /// Days without incidents after which a fix is structural. Default 90.
    #[serde(default = "ninety")]
    pub fix_window_days: u32,
    /// Days before a fix whose incidents say how many would have come. Default 180.
    #[serde(default = "half_a_year")]
    pub fix_before_days: u32,
    /// Incidents that a person must have restored on an item and category in twelve months to
    /// oversee it. Default 3.
    #[serde(default = "three")]
    pub holistic_min_solved: u32,
    /// Observations under which a KPI is not measurable, where it is to differ from the
    /// catalogue.
    #[serde(default)]
    pub min_n: BTreeMap<String, u64>,
    /// Targets per KPI.
    #[serde(default)]
    pub targets: BTreeMap<String, KpiTarget>,
    /// What must hold for a `quality_score` above 0: no bonus while a gate is shut.
    #[serde(default)]
    pub gates: Vec<Gate>,
    /// Scores beside `quality_score`, each with weights and gates of its own; clauses name one as
    /// `score_` and its id.
    #[serde(default)]
    pub composite: Vec<Composite>,
    /// Flags of integrity tests that both parties looked into: they stay flags, but no longer
    /// stand in the way of `integrity_cleared`.
    #[serde(default)]
    pub cleared: Vec<ClearedFlag>,
}

/// How the measure of a composite score is called: this and its id.
pub const SCORE_PREFIX: &str = "score_";

/// A named score: Σ weight × score ÷ Σ weight over the KPIs named, 0 while one of its gates is
/// shut.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Composite {
    /// Lower-case letters, digits and `_`; the measure is `score_` and this.
    pub id: String,
    /// Weight of each KPI, above zero. Each needs a target in `[score.targets]`, which says what
    /// scores 0 and 1; the weight of that target plays no part here.
    pub weights: BTreeMap<String, Decimal>,
    /// What must hold for a score above 0.
    #[serde(default)]
    pub gates: Vec<Gate>,
}

impl Composite {
    /// The name of its measure.
    #[must_use]
    pub fn measure(&self) -> String {
        format!("{SCORE_PREFIX}{}", self.id)
    }
}

/// A flag that the parties explained.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ClearedFlag {
    /// The test, as the table `integrity` names it.
    pub test: String,
    /// What it was.
    pub reason: String,
    /// Who decided it, for both parties.
    pub agreed_by: String,
}

/// A condition on a KPI of the same contract and period.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Gate {
    /// The KPI.
    pub kpi: String,
    /// The gate is shut below this value.
    #[serde(default)]
    pub at_least: Option<Decimal>,
    /// The gate is shut above this value.
    #[serde(default)]
    pub at_most: Option<Decimal>,
    /// What the gate is for, in the words of the contract.
    pub because: String,
}

/// What a KPI is to reach, and how a miss is scored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct KpiTarget {
    /// The value that scores 1; better values score 1 as well.
    pub target: Decimal,
    /// The value that scores 0; worse values score 0 as well. In between the score is linear.
    /// Without it the score is 1 when the target is reached, else 0.
    #[serde(default)]
    pub floor: Option<Decimal>,
    /// Weight in the contract's `quality_score`. Default 1; 0 keeps the KPI out of it;
    /// composite scores have weights of their own.
    #[serde(default = "one")]
    pub weight: Decimal,
}

fn euro() -> Currency {
    Currency::EUR
}

fn fifty() -> u8 {
    50
}

fn thirty() -> u32 {
    30
}

fn ninety() -> u32 {
    90
}

fn half_a_year() -> u32 {
    180
}

fn three() -> u32 {
    3
}

fn one() -> Decimal {
    Decimal::ONE
}

impl Default for ScoreSpec {
    fn default() -> Self {
        ScoreSpec {
            currency: euro(),
            reporting_currency: None,
            cost_per_minute: BTreeMap::new(),
            exposure_unit: ExposureUnit::default(),
            min_items_known_percent: fifty(),
            contact_rhythm: BTreeMap::new(),
            proactive_hours_per_month: None,
            challenge_days: thirty(),
            fix_window_days: ninety(),
            fix_before_days: half_a_year(),
            holistic_min_solved: three(),
            min_n: BTreeMap::new(),
            targets: BTreeMap::new(),
            gates: Vec::new(),
            composite: Vec::new(),
            cleared: Vec::new(),
        }
    }
}

/// A contradiction in `[score]`, with the field it stands in.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("[score] {field}: {problem}")]
pub struct ScoreSpecError {
    /// The field.
    pub field: String,
    /// What is wrong and what to do.
    pub problem: String,
}

impl ScoreSpec {
    /// The price of a minute of a service.
    #[must_use]
    pub fn price(&self, service_id: &str) -> Option<Decimal> {
        self.cost_per_minute
            .get(service_id)
            .or_else(|| self.cost_per_minute.get(DEFAULT_PRICE))
            .copied()
    }

    /// Says what contradicts.
    ///
    /// # Errors
    /// An unknown KPI, a negative price or weight, a share above 100 %, a floor that is better
    /// than its target, or a composite score of KPIs without a target.
    pub fn validate(&self) -> Result<(), ScoreSpecError> {
        let wrong = |field: String, problem: String| Err(ScoreSpecError { field, problem });
        if self.min_items_known_percent > 100 {
            return wrong(
                "min_items_known_percent".to_owned(),
                "a share is at most 100 percent".to_owned(),
            );
        }
        for (service, price) in &self.cost_per_minute {
            if price.is_negative() {
                return wrong(
                    format!("cost_per_minute.{service}"),
                    "a price is not negative".to_owned(),
                );
            }
        }
        for (cadence, days) in &self.contact_rhythm {
            if *days == 0 {
                return wrong(
                    format!("contact_rhythm.{cadence}"),
                    "an interval has at least one day".to_owned(),
                );
            }
        }
        if self.fix_window_days == 0 || self.fix_before_days == 0 {
            return wrong(
                "fix_window_days".to_owned(),
                "fix_window_days and fix_before_days are at least one day".to_owned(),
            );
        }
        if self
            .proactive_hours_per_month
            .is_some_and(|hours| !hours.is_positive())
        {
            return wrong(
                "proactive_hours_per_month".to_owned(),
                "hours agreed are above zero; leave it out where none are".to_owned(),
            );
        }
        for kpi in self.min_n.keys() {
            if catalogue::find(kpi).is_none() {
                return wrong(format!("min_n.{kpi}"), unknown(kpi));
            }
        }
        for (i, gate) in self.gates.iter().enumerate() {
            if let Some(problem) = gate.problem() {
                return wrong(format!("gates, entry {}", i + 1), problem);
            }
        }
        for (i, composite) in self.composite.iter().enumerate() {
            let again = self.composite.iter().take(i).any(|c| c.id == composite.id);
            if let Some(problem) = self.composite_problem(composite, again) {
                return wrong(format!("composite `{}`", composite.id), problem);
            }
        }
        for (kpi, target) in &self.targets {
            let field = format!("targets.{kpi}");
            let Some(entry) = catalogue::find(kpi) else {
                return wrong(field, unknown(kpi));
            };
            let share = entry.unit == Unit::Word("share");
            for value in [Some(target.target), target.floor].into_iter().flatten() {
                if share && (value.is_negative() || value > Decimal::ONE) {
                    return wrong(
                        field,
                        format!(
                            "{kpi} is a share from 0 to 1, so {value} is never met: write 95 % as 0.95"
                        ),
                    );
                }
            }
            if target.weight.is_negative() {
                return wrong(field, "a weight is not negative".to_owned());
            }
            let Some(floor) = target.floor else { continue };
            let backwards = match entry.direction {
                Direction::HigherIsBetter => floor >= target.target,
                Direction::LowerIsBetter => floor <= target.target,
                Direction::Neutral => floor == target.target,
            };
            if backwards {
                return wrong(
                    field,
                    format!(
                        "the floor {floor} must be worse than the target {}: {}",
                        target.target,
                        entry.direction.words()
                    ),
                );
            }
        }
        Ok(())
    }

    fn composite_problem(&self, composite: &Composite, again: bool) -> Option<String> {
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        if composite.id.is_empty() || !composite.id.chars().all(plain) {
            return Some("an id has lower-case letters, digits and `_`, such as `service`".into());
        }
        if again {
            return Some("two composite scores have this id; rename one".to_owned());
        }
        if composite.weights.is_empty() {
            return Some("name at least one KPI in `weights`".to_owned());
        }
        for (kpi, weight) in &composite.weights {
            if let Some(problem) = of_contract(kpi) {
                return Some(problem);
            }
            if !self.targets.contains_key(kpi) {
                return Some(format!(
                    "{kpi} has no target, so it has no score: add [score.targets.{kpi}]"
                ));
            }
            if !weight.is_positive() {
                return Some(format!(
                    "the weight of {kpi} is above zero, or left out with the KPI"
                ));
            }
        }
        let gates = composite.gates.iter().enumerate();
        gates
            .filter_map(|(i, gate)| Some(format!("gates, entry {}: {}", i + 1, gate.problem()?)))
            .next()
    }
}

impl Gate {
    /// What is wrong with it.
    fn problem(&self) -> Option<String> {
        let crossed = self.at_least.zip(self.at_most).is_some_and(|(l, m)| l > m);
        of_contract(&self.kpi).or_else(|| {
            (crossed || (self.at_least.is_none() && self.at_most.is_none())).then(|| {
                "a gate has at_least or at_most, and a value that can pass both".to_owned()
            })
        })
    }
}

/// Why a score of a contract cannot be made of a KPI, or a gate ask it.
fn of_contract(kpi: &str) -> Option<String> {
    match catalogue::find(kpi) {
        None => Some(unknown(kpi)),
        Some(entry) if entry.id == "quality_score" => {
            Some("a score cannot be made of quality_score, nor be its own gate".to_owned())
        }
        Some(entry) if !entry.levels.of.contains(&Level::Contract) => {
            Some(format!("{kpi} has no value of a contract"))
        }
        Some(_) => None,
    }
}

fn unknown(kpi: &str) -> String {
    let near = catalogue::all()
        .map(|entry| (strsim::jaro_winkler(kpi, entry.id), entry.id))
        .filter(|(likeness, _)| *likeness > 0.8)
        .max_by(|a, b| a.0.total_cmp(&b.0));
    match near {
        Some((_, id)) => format!("there is no KPI `{kpi}`; did you mean `{id}`?"),
        None => format!("there is no KPI `{kpi}`; `gainshare kpis` lists them"),
    }
}
