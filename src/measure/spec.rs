//! The `[measure]` table of the terms: everything whose change means that rows are measured
//! again. Responsible for its shape and its contradictions; not for prices or shares (a change
//! of those only settles again).

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::clock_policy::ClockPolicy;
use crate::time::{BusinessCalendar, CalendarDefinition, Zone};

/// What decides how a contract's rows are measured.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MeasureSpec {
    /// IANA zone that decides the contract's days and months.
    pub zone: String,
    /// A new incident on the same configuration item and category within this many days of the
    /// former one is a repeat. Default 30.
    #[serde(default = "thirty")]
    pub repeat_window_days: u32,
    /// How service-level clocks run.
    #[serde(default)]
    pub clock: ClockPolicy,
    /// Within what time service is to be restored, per priority and possibly service. The line
    /// that names the service goes before the one that does not.
    #[serde(default)]
    pub restore: Vec<Target>,
    /// How disruption is counted.
    #[serde(default)]
    pub impact: Impact,
}

/// A service-level target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Target {
    /// The priority, `P1` to `P5`.
    pub priority: String,
    /// Business time allowed, such as `4h`, `30m` or `1h30m`.
    pub within: String,
    /// The calendar whose hours count.
    pub calendar: String,
    /// Limits the target to one service.
    #[serde(default)]
    pub service: Option<String>,
}

/// How disruption is counted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Impact {
    /// The calendar whose hours count; without it impact is not measurable.
    #[serde(default)]
    pub calendar: Option<String>,
    /// Share of the service's users taken as affected where a ticket does not say, in parts per
    /// million (1000000 = all). Without it such tickets count nothing and are reported.
    #[serde(default)]
    pub assumed_share_ppm: Option<u32>,
}

fn thirty() -> u32 {
    30
}

/// A contradiction in `[measure]`, with the field it stands in.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("[measure] {field}: {problem}")]
pub struct MeasureSpecError {
    /// The field.
    pub field: String,
    /// What is wrong and what to do.
    pub problem: String,
}

/// A contract's measure terms with zones and calendars looked up.
#[derive(Debug)]
pub struct MeasurePlan {
    /// The contract.
    pub contract_id: String,
    /// The zone of its days and months.
    pub zone: Zone,
    /// Seconds within which an opening on the same item is a repeat.
    pub repeat_window_s: i64,
    /// Clock policy.
    pub policy: ClockPolicy,
    /// Calendars by their position in segments.
    pub calendars: Vec<BusinessCalendar>,
    /// (service or any, priority) → (seconds allowed, calendar).
    targets: BTreeMap<(Option<String>, u8), (i64, u16)>,
    /// Position of the calendar of disruption, and the assumed share.
    pub impact: Option<u16>,
    /// Share in parts per million where a ticket names none.
    pub assumed_share_ppm: Option<u32>,
}

/// A duration such as `4h`, `30m`, `1h30m` or `90s`, in whole seconds; `None` when it is none.
pub fn seconds(text: &str) -> Option<i64> {
    let (mut total, mut number, mut any) = (0i64, String::new(), false);
    for c in text.trim().chars() {
        match c {
            '0'..='9' => number.push(c),
            'h' | 'm' | 's' => {
                let scale = match c {
                    'h' => 3600,
                    'm' => 60,
                    _ => 1,
                };
                let n: i64 = number.parse().ok()?;
                total = total.checked_add(n.checked_mul(scale)?)?;
                number.clear();
                any = true;
            }
            _ => return None,
        }
    }
    (any && number.is_empty()).then_some(total)
}

/// The number of a priority `P1` to `P5`.
pub fn priority(text: &str) -> Option<u8> {
    match text.as_bytes() {
        [b'P', n @ b'1'..=b'5'] => Some(n - b'0'),
        _ => None,
    }
}

impl MeasureSpec {
    /// Looks up zone and calendars.
    ///
    /// # Errors
    /// When a zone, calendar, priority or duration does not exist or targets contradict.
    pub fn plan(
        &self,
        contract_id: &str,
        calendars: &[CalendarDefinition],
    ) -> Result<MeasurePlan, MeasureSpecError> {
        let wrong = |field: &str, problem: String| MeasureSpecError {
            field: field.to_owned(),
            problem,
        };
        let zone = Zone::new(&self.zone).map_err(|e| wrong("zone", e.to_string()))?;
        self.clock
            .validate()
            .map_err(|e| wrong("clock", e.to_string()))?;
        let mut built: Vec<BusinessCalendar> = Vec::new();
        let mut at = |field: &str, name: &str| -> Result<u16, MeasureSpecError> {
            if let Some(i) = built.iter().position(|c| c.id() == name) {
                return Ok(u16::try_from(i).unwrap_or(u16::MAX));
            }
            let known: Vec<&str> = calendars.iter().map(|c| c.id.as_str()).collect();
            let Some(definition) = calendars.iter().find(|c| c.id == name) else {
                return Err(wrong(
                    field,
                    format!(
                        "there is no calendar `{name}`: add a [[calendar]] of that id or a source of \
                         the table `calendars`; the project has: {}",
                        if known.is_empty() {
                            "none".to_owned()
                        } else {
                            known.join(", ")
                        }
                    ),
                ));
            };
            let calendar =
                BusinessCalendar::new(definition).map_err(|e| wrong(field, e.to_string()))?;
            built.push(calendar);
            Ok(u16::try_from(built.len() - 1).unwrap_or(u16::MAX))
        };
        let mut targets = BTreeMap::new();
        for (i, target) in self.restore.iter().enumerate() {
            let field = format!("restore, entry {}", i + 1);
            let level = priority(&target.priority).ok_or_else(|| {
                wrong(
                    &field,
                    format!("`{}` is no priority P1 to P5", target.priority),
                )
            })?;
            let within = seconds(&target.within).ok_or_else(|| {
                wrong(
                    &field,
                    format!("`{}` is no duration such as 4h or 30m", target.within),
                )
            })?;
            let calendar = at(&field, &target.calendar)?;
            let key = (target.service.clone(), level);
            if targets.insert(key, (within, calendar)).is_some() {
                return Err(wrong(
                    &field,
                    format!("a second target for {}; keep one", target.priority),
                ));
            }
        }
        let impact = match &self.impact.calendar {
            None => None,
            Some(name) => Some(at("impact.calendar", name)?),
        };
        if self.impact.assumed_share_ppm.is_some_and(|s| s > 1_000_000) {
            return Err(wrong(
                "impact.assumed_share_ppm",
                "a share is at most 1000000 parts per million".to_owned(),
            ));
        }
        if built.is_empty() {
            // Clocks need a calendar even where no target is set: elapsed time is then wall time.
            let always = CalendarDefinition::round_the_clock("always", zone.clone());
            let calendar =
                BusinessCalendar::new(&always).map_err(|e| wrong("zone", e.to_string()))?;
            built.push(calendar);
        }
        Ok(MeasurePlan {
            contract_id: contract_id.to_owned(),
            zone,
            repeat_window_s: i64::from(self.repeat_window_days) * 86_400,
            policy: self.clock.clone(),
            calendars: built,
            targets,
            impact,
            assumed_share_ppm: self.impact.assumed_share_ppm,
        })
    }
}

impl MeasurePlan {
    /// Seconds allowed and calendar of a service and priority.
    pub fn target(&self, service: &str, priority: u8) -> Option<(i64, u16)> {
        if self.targets.is_empty() {
            return None;
        }
        self.targets
            .get(&(Some(service.to_owned()), priority))
            .or_else(|| self.targets.get(&(None, priority)))
            .copied()
    }

    /// Whether any target is set.
    pub fn has_targets(&self) -> bool {
        !self.targets.is_empty()
    }
}
