//! The `[measure]` table of the terms: everything whose change means that rows are measured
//! again. Responsible for its shape and its contradictions; not for prices or shares (a change
//! of those only settles again).

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::clock_policy::ClockPolicy;
use super::fact::NoticePart;
use super::plan::{Fixes, MeasurePlan, NoticePlan, OutagePlan, Targets, TellWithin};
use super::rates::{self, Rate, RatePlan};
use crate::money::Decimal;
use crate::time::{BusinessCalendar, CalendarDefinition, CalendarError, Zone};

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
    /// Within what time somebody is to answer, likewise.
    #[serde(default)]
    pub respond: Vec<Target>,
    /// How disruption is counted.
    #[serde(default)]
    pub impact: Impact,
    /// Which incidents are outages of their service; without it availability is not measurable.
    #[serde(default)]
    pub outage: Option<Outage>,
    /// Who is to be told of incidents, when and what.
    #[serde(default)]
    pub notices: Notices,
    /// The channels by which monitoring opens tickets. Default: monitoring.
    #[serde(default = "monitoring")]
    pub monitoring_channels: Vec<String>,
    /// An order above this amount, in quotes, in the currency of the invoices, needs the
    /// customer's approval. Without it, orders that are split to stay under it are not looked for.
    #[serde(default)]
    pub approval_limit: Option<Decimal>,
}

impl MeasureSpec {
    /// The defaults of a contract in a zone.
    pub fn new(zone: &str) -> MeasureSpec {
        MeasureSpec {
            zone: zone.to_owned(),
            repeat_window_days: thirty(),
            clock: ClockPolicy::default(),
            restore: Vec::new(),
            respond: Vec::new(),
            impact: Impact::default(),
            outage: None,
            notices: Notices::default(),
            monitoring_channels: monitoring(),
            approval_limit: None,
        }
    }
}

/// Which incidents are outages of their service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Outage {
    /// Incidents that ever held this priority or a higher one are outages.
    pub priority: String,
    /// And, where given, affected at least this share of users, in parts per million.
    #[serde(default)]
    pub min_affected_ppm: u32,
    /// The hours in which the service is to be there.
    pub calendar: String,
}

/// Who is to be told of incidents, when and what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Notices {
    /// One line per priority whose incidents are to be told of; the highest priority that an
    /// incident held counts. Without lines communication about incidents is not measurable.
    #[serde(default)]
    pub limits: Vec<NoticeLimit>,
    /// Levels of an organisation from the lowest up. Default: operational, tactical, strategic.
    #[serde(default = "levels")]
    pub levels: Vec<String>,
    /// What a complete notice says. Default: status, scope, impact, eta.
    #[serde(default = "parts")]
    pub complete: Vec<NoticePart>,
    /// How long before the due time a breach is to be announced, in wall time, such as `30m`.
    #[serde(default)]
    pub warn_before: Option<String>,
}

impl Default for Notices {
    fn default() -> Self {
        Notices {
            limits: Vec::new(),
            levels: levels(),
            complete: parts(),
            warn_before: None,
        }
    }
}

/// What is to be told of the incidents of one priority.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NoticeLimit {
    /// The priority, `P1` to `P5`.
    pub priority: String,
    /// Wall time from knowing to the first notice, such as `15m`.
    pub first: String,
    /// Longest wall time between notices until restoration; without it there is no cadence.
    #[serde(default)]
    pub update: Option<String>,
    /// The least level that is to be told, one of `levels`.
    #[serde(default)]
    pub level: Option<String>,
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
    /// Hours in which a minute of disruption costs another price, such as nights; the others cost
    /// `cost_per_minute`. Minutes are counted alike in all hours.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rates: Vec<Rate>,
}

fn thirty() -> u32 {
    30
}

fn monitoring() -> Vec<String> {
    vec!["monitoring".to_owned()]
}

fn levels() -> Vec<String> {
    ["operational", "tactical", "strategic"]
        .map(str::to_owned)
        .to_vec()
}

fn parts() -> Vec<NoticePart> {
    vec![
        NoticePart::Status,
        NoticePart::Scope,
        NoticePart::Impact,
        NoticePart::Eta,
    ]
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

/// The calendars of a project, each worked out once for all plans that use it.
#[derive(Debug)]
pub struct Calendars<'a> {
    definitions: &'a [CalendarDefinition],
    made: Mutex<BTreeMap<String, Arc<BusinessCalendar>>>,
}

impl<'a> Calendars<'a> {
    /// Those with these definitions; of two with one id the first counts.
    #[must_use]
    pub fn new(definitions: &'a [CalendarDefinition]) -> Calendars<'a> {
        Calendars {
            definitions,
            made: Mutex::default(),
        }
    }

    fn find(&self, id: &str) -> Option<&'a CalendarDefinition> {
        self.definitions.iter().find(|c| c.id == id)
    }

    fn made(
        &self,
        definition: &CalendarDefinition,
    ) -> Result<Arc<BusinessCalendar>, CalendarError> {
        // Whoever panicked while holding it left it whole: it is only ever added to.
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(calendar) = made.get(&definition.id) {
            return Ok(Arc::clone(calendar));
        }
        let calendar = Arc::new(BusinessCalendar::new(definition)?);
        made.insert(definition.id.clone(), Arc::clone(&calendar));
        Ok(calendar)
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
        self.plan_with(contract_id, &Calendars::new(calendars))
    }

    /// As [`MeasureSpec::plan`], for one of many contracts.
    ///
    /// # Errors
    /// As [`MeasureSpec::plan`].
    pub fn plan_with(
        &self,
        contract_id: &str,
        calendars: &Calendars<'_>,
    ) -> Result<MeasurePlan, MeasureSpecError> {
        let wrong = |field: &str, problem: String| MeasureSpecError {
            field: field.to_owned(),
            problem,
        };
        let zone = Zone::new(&self.zone).map_err(|e| wrong("zone", e.to_string()))?;
        self.clock
            .validate()
            .map_err(|e| wrong("clock", e.to_string()))?;
        let mut built: Vec<Arc<BusinessCalendar>> = Vec::new();
        let mut used: Vec<CalendarDefinition> = Vec::new();
        let mut at = |field: &str, name: &str| -> Result<u16, MeasureSpecError> {
            if let Some(i) = built.iter().position(|c| c.id() == name) {
                return Ok(u16::try_from(i).unwrap_or(u16::MAX));
            }
            let Some(definition) = calendars.find(name) else {
                let known = calendars.definitions.iter().map(|c| c.id.as_str());
                let known: Vec<&str> = known.collect();
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
            let made = calendars.made(definition);
            built.push(made.map_err(|e| wrong(field, e.to_string()))?);
            used.push(definition.clone());
            Ok(u16::try_from(built.len() - 1).unwrap_or(u16::MAX))
        };
        let level = |field: &str, text: &str| {
            priority(text).ok_or_else(|| wrong(field, format!("`{text}` is no priority P1 to P5")))
        };
        let within = |field: &str, text: &str| {
            seconds(text)
                .ok_or_else(|| wrong(field, format!("`{text}` is no duration such as 4h or 30m")))
        };
        let mut of = |name: &str, list: &[Target]| -> Result<Targets, MeasureSpecError> {
            let mut targets = Targets::default();
            for (i, target) in list.iter().enumerate() {
                let field = format!("{name}, entry {}", i + 1);
                let level = level(&field, &target.priority)?;
                let within = within(&field, &target.within)?;
                let calendar = at(&field, &target.calendar)?;
                if !targets.set(target.service.as_ref(), level, (within, calendar)) {
                    return Err(wrong(
                        &field,
                        format!("a second target for {}; keep one", target.priority),
                    ));
                }
            }
            Ok(targets)
        };
        let targets = of("restore", &self.restore)?;
        let respond = of("respond", &self.respond)?;
        let outage = match &self.outage {
            None => None,
            Some(outage) => Some(OutagePlan {
                priority: level("outage.priority", &outage.priority)?,
                min_affected_ppm: outage.min_affected_ppm,
                calendar: at("outage.calendar", &outage.calendar)?,
            }),
        };
        let mut notices = NoticePlan {
            limits: BTreeMap::new(),
            levels: self.notices.levels.clone(),
            complete: self.notices.complete.clone(),
            warn_before_s: match &self.notices.warn_before {
                None => None,
                Some(text) => Some(within("notices.warn_before", text)?),
            },
        };
        for (i, limit) in self.notices.limits.iter().enumerate() {
            let field = format!("notices.limits, entry {}", i + 1);
            let told = TellWithin {
                first_s: within(&field, &limit.first)?,
                update_s: match &limit.update {
                    None => None,
                    Some(text) => Some(within(&field, text)?),
                },
                level: match &limit.level {
                    None => None,
                    Some(name) => Some(notices.rank(name).ok_or_else(|| {
                        wrong(
                            &field,
                            format!(
                                "`{name}` is none of the levels {}",
                                self.notices.levels.join(", ")
                            ),
                        )
                    })?),
                },
            };
            if notices
                .limits
                .insert(level(&field, &limit.priority)?, told)
                .is_some()
            {
                return Err(wrong(
                    &field,
                    format!("a second limit for {}; keep one", limit.priority),
                ));
            }
        }
        let impact = match &self.impact.calendar {
            None => None,
            Some(name) => Some(at("impact.calendar", name)?),
        };
        let mut of_rates = Vec::new();
        for (i, rate) in self.impact.rates.iter().enumerate() {
            let field = rates::field(i);
            of_rates.push(at(&field, &rate.calendar)?);
        }
        let calendar = |at: u16| built.get(usize::from(at)).map(Arc::as_ref);
        let rates = RatePlan::new(
            self.impact
                .rates
                .iter()
                .zip(of_rates.iter().filter_map(|c| calendar(*c))),
            impact.and_then(calendar),
        )
        .map_err(|(i, problem)| wrong(&rates::field(i), problem))?;
        if self.impact.assumed_share_ppm.is_some_and(|s| s > 1_000_000) {
            return Err(wrong(
                "impact.assumed_share_ppm",
                "a share is at most 1000000 parts per million".to_owned(),
            ));
        }
        if self
            .approval_limit
            .is_some_and(|limit| !limit.is_positive())
        {
            return Err(wrong(
                "approval_limit",
                "it must be above zero; leave it out where orders need no approval".to_owned(),
            ));
        }
        if built.is_empty() {
            // Clocks need a calendar even where no target is set: elapsed time is then wall time.
            let always = CalendarDefinition::round_the_clock("always", zone.clone());
            let calendar =
                BusinessCalendar::new(&always).map_err(|e| wrong("zone", e.to_string()))?;
            built.push(Arc::new(calendar));
        }
        Ok(MeasurePlan {
            contract_id: contract_id.to_owned(),
            zone,
            repeat_window_s: i64::from(self.repeat_window_days) * 86_400,
            policy: self.clock.clone(),
            calendars: built,
            targets,
            respond,
            impact,
            assumed_share_ppm: self.impact.assumed_share_ppm,
            rates,
            outage,
            notices,
            monitoring: self.monitoring_channels.clone(),
            approval_limit: self.approval_limit,
            fixes: Fixes::default(),
            relief: Vec::new(),
            declared: self.declared(contract_id, &used),
        })
    }

    /// A hash of these terms and of the calendars that they use. The derived `Debug` of plain data
    /// says all of it; it need not be the same in another build of the program.
    fn declared(&self, contract_id: &str, calendars: &[CalendarDefinition]) -> blake3::Hash {
        blake3::hash(format!("{contract_id:?} {self:?} {calendars:?}").as_bytes())
    }
}
