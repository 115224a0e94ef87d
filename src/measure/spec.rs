//! The `[measure]` table of the terms: everything whose change means that rows are measured
//! again. Responsible for its shape and its contradictions; not for prices or shares (a change
//! of those only settles again).

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::clock_policy::ClockPolicy;
use super::fact::{Fact, NoticePart};
use super::rates::{self, Rate, RatePlan};
use super::relief::ReliefWindow;
use crate::money::Decimal;
use crate::time::{BusinessCalendar, CalendarDefinition, Instant, Zone};

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
    /// Targets for restoration.
    targets: Targets,
    /// Targets for a response.
    respond: Targets,
    /// Position of the calendar of disruption, and the assumed share.
    pub impact: Option<u16>,
    /// Share in parts per million where a ticket names none.
    pub assumed_share_ppm: Option<u32>,
    /// What a minute of disruption weighs by its hours.
    pub rates: RatePlan,
    /// Which incidents are outages.
    pub outage: Option<OutagePlan>,
    /// What is to be told of incidents.
    pub notices: NoticePlan,
    /// The channels by which monitoring opens tickets.
    monitoring: Vec<String>,
    /// Above this an order needs approval.
    pub approval_limit: Option<Decimal>,
    /// The problems of the contract that were fixed: from the related small table, not from
    /// the terms.
    pub fixes: Fixes,
    /// Windows in which incidents are relieved: from the related small table.
    pub relief: Vec<ReliefWindow>,
    /// Hash of the terms and calendars that the plan was made of.
    declared: blake3::Hash,
}

/// Seconds allowed and calendar, by priority.
pub(super) type ByPriority = [Option<(i64, u16)>; 6];

/// Targets of services, and of those that have none of their own.
#[derive(Debug, Default)]
struct Targets {
    of_service: BTreeMap<String, ByPriority>,
    of_any: ByPriority,
}

impl Targets {
    fn of(&self, service: &str, priority: u8) -> Option<(i64, u16)> {
        let at = usize::from(priority);
        let own = self.of_service.get(service).and_then(|t| *t.get(at)?);
        own.or_else(|| *self.of_any.get(at)?)
    }

    /// Those of a service, its own before the ones of any.
    fn of_service(&self, service: &str) -> ByPriority {
        let mut all = self.of_any;
        if let Some(own) = self.of_service.get(service) {
            for (target, own) in all.iter_mut().zip(own) {
                *target = own.or(*target);
            }
        }
        all
    }

    /// Sets a target; whether there was none yet.
    fn set(&mut self, service: Option<&String>, priority: u8, target: (i64, u16)) -> bool {
        let by_priority = match service {
            Some(service) => self.of_service.entry(service.clone()).or_default(),
            None => &mut self.of_any,
        };
        by_priority
            .get_mut(usize::from(priority))
            .is_some_and(|slot| slot.replace(target).is_none())
    }

    fn is_empty(&self) -> bool {
        self.of_service.is_empty() && self.of_any.iter().all(Option::is_none)
    }
}

/// Which incidents are outages, looked up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OutagePlan {
    /// This priority or a higher one.
    pub priority: u8,
    /// Least share affected, in parts per million; 0 asks for none.
    pub min_affected_ppm: u32,
    /// Position of the calendar of the hours in which services are to be there.
    pub calendar: u16,
}

/// What is to be told of the incidents of one priority, looked up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TellWithin {
    /// Wall seconds to the first notice.
    pub first_s: i64,
    /// Wall seconds between notices.
    pub update_s: Option<i64>,
    /// Rank of the least level.
    pub level: Option<usize>,
}

/// What is to be told of incidents, looked up.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NoticePlan {
    limits: BTreeMap<u8, TellWithin>,
    levels: Vec<String>,
    /// The parts that a complete notice has.
    pub complete: Vec<NoticePart>,
    /// Wall seconds before the due time by which a breach is to be announced.
    pub warn_before_s: Option<i64>,
}

impl NoticePlan {
    /// What is to be told of incidents of a priority.
    pub fn limit(&self, priority: u8) -> Option<TellWithin> {
        self.limits.get(&priority).copied()
    }

    /// Whether incidents of any priority are to be told of.
    pub fn has_limits(&self) -> bool {
        !self.limits.is_empty()
    }

    /// Whether notices are to follow each other within a limit.
    pub fn has_updates(&self) -> bool {
        self.limits.values().any(|l| l.update_s.is_some())
    }

    /// Whether a level is to be reached.
    pub fn has_levels(&self) -> bool {
        self.limits.values().any(|l| l.level.is_some())
    }

    /// The rank of a level by its name.
    pub fn rank(&self, level: &str) -> Option<usize> {
        self.levels
            .iter()
            .position(|l| l.eq_ignore_ascii_case(level.trim()))
    }
}

/// The fixed problems of a contract, found by what their incidents carry.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fixes {
    /// (configuration item, category) → problems and when they were fixed.
    pub by_item: BTreeMap<(String, String), Vec<(String, Instant)>>,
    /// Problem → when it was fixed, for those without item and category.
    pub by_id: BTreeMap<String, Instant>,
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
        let mut used: Vec<CalendarDefinition> = Vec::new();
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
        let calendar = |at: u16| built.get(usize::from(at));
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
            built.push(calendar);
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

impl MeasurePlan {
    /// A hash of everything in the plan, within one build of the program: plans that hash alike
    /// measure alike.
    pub fn fingerprint(&self) -> blake3::Hash {
        let mut hasher = blake3::Hasher::new();
        hasher.update(self.declared.as_bytes());
        hasher.update(format!("{:?} {:?}", self.fixes, self.relief).as_bytes());
        hasher.finalize()
    }

    /// Seconds allowed for restoration and calendar of a service and priority.
    pub fn target(&self, service: &str, priority: u8) -> Option<(i64, u16)> {
        self.targets.of(service, priority)
    }

    /// As [`MeasurePlan::target`], of all priorities.
    pub(super) fn targets_of(&self, service: &str) -> ByPriority {
        self.targets.of_service(service)
    }

    /// As [`MeasurePlan::respond_target`], of all priorities.
    pub(super) fn respond_targets_of(&self, service: &str) -> ByPriority {
        self.respond.of_service(service)
    }

    /// Seconds allowed for a response and calendar of a service and priority.
    pub fn respond_target(&self, service: &str, priority: u8) -> Option<(i64, u16)> {
        self.respond.of(service, priority)
    }

    /// Whether any target for restoration is set.
    pub fn has_targets(&self) -> bool {
        !self.targets.is_empty()
    }

    /// Whether any target for a response is set.
    pub fn has_respond_targets(&self) -> bool {
        !self.respond.is_empty()
    }

    /// Share of users affected that counts for a ticket, in parts per million: its own, else the
    /// one that the terms assume. A child carries none.
    pub(super) fn share_ppm(&self, fact: &Fact<'_>) -> Option<u32> {
        fact.affected_ppm
            .or(self.assumed_share_ppm)
            .filter(|_| !fact.child)
    }

    /// The calendar of disruption.
    pub fn impact_calendar(&self) -> Option<&BusinessCalendar> {
        self.calendars.get(usize::from(self.impact?))
    }

    /// Whether monitoring opens tickets by this channel.
    pub fn is_monitoring(&self, channel: &str) -> bool {
        self.monitoring
            .iter()
            .any(|m| m.eq_ignore_ascii_case(channel.trim()))
    }
}
