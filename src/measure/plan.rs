//! What the `[measure]` table of the terms comes to when zone, calendars and durations are looked
//! up: what a pass measures by. Responsible for answering what applies to a ticket; not for the
//! table's shape and contradictions (see [`super::spec`]).

use std::collections::BTreeMap;
use std::sync::Arc;

use super::clock_policy::ClockPolicy;
use super::fact::{Fact, NoticePart};
use super::rates::RatePlan;
use super::relief::ReliefWindow;
use crate::money::Decimal;
use crate::time::{BusinessCalendar, Instant, Zone};

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
    pub calendars: Vec<Arc<BusinessCalendar>>,
    /// Targets for restoration.
    pub(super) targets: Targets,
    /// Targets for a response.
    pub(super) respond: Targets,
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
    pub(super) monitoring: Vec<String>,
    /// Above this an order needs approval.
    pub approval_limit: Option<Decimal>,
    /// The problems of the contract that were fixed: from the related small table, not from
    /// the terms.
    pub fixes: Fixes,
    /// Windows in which incidents are relieved: from the related small table.
    pub relief: Vec<ReliefWindow>,
    /// Hash of the terms and calendars that the plan was made of.
    pub(super) declared: blake3::Hash,
}

/// Seconds allowed and calendar, by priority.
pub(super) type ByPriority = [Option<(i64, u16)>; 6];

/// Targets of services, and of those that have none of their own.
#[derive(Debug, Default)]
pub(super) struct Targets {
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
    pub(super) fn set(
        &mut self,
        service: Option<&String>,
        priority: u8,
        target: (i64, u16),
    ) -> bool {
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
    pub(super) limits: BTreeMap<u8, TellWithin>,
    pub(super) levels: Vec<String>,
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
        self.calendars
            .get(usize::from(self.impact?))
            .map(Arc::as_ref)
    }

    /// Whether monitoring opens tickets by this channel.
    pub fn is_monitoring(&self, channel: &str) -> bool {
        self.monitoring
            .iter()
            .any(|m| m.eq_ignore_ascii_case(channel.trim()))
    }
}
