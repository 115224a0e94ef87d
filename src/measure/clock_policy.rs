//! [`ClockPolicy`]: what the terms of a contract say about clocks when a ticket is paused,
//! changes its priority or schedule, or is opened again.
//! Not responsible for reading a clock (see [`super::clock`]).

use super::clock::ClockState;

/// How service-level clocks run. Every field may be left out; the defaults are those of the
/// crate's rules for ambiguous cases ("the highest priority a ticket held counts"), and where
/// these are silent, the reading that gives the supplier nothing which is not written down.
#[derive(
    Debug, Clone, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize, schemars::JsonSchema,
)]
#[serde(deny_unknown_fields, default)]
pub struct ClockPolicy {
    /// The states in which clocks stand still, as the ticket events name them. Default: none;
    /// a pause has to be agreed.
    pub pauses: Vec<String>,
    /// The states in which a ticket is solved. Default: resolved, closed, cancelled.
    pub resolved: Vec<String>,
    /// Which priority counts when it changed. Default: the highest that was held.
    pub priority: PriorityChange,
    /// Which schedule counts when it changed. Default: each for its own time.
    pub schedule: ScheduleChange,
    /// Which resolution ends the clock of a reopened ticket. Default: the last.
    pub reopened: Reopened,
    /// Whether the time between a resolution and the reopening counts. Default: it does not.
    pub closed_time: ClosedTime,
}

impl Default for ClockPolicy {
    fn default() -> Self {
        ClockPolicy {
            pauses: Vec::new(),
            resolved: ["resolved", "closed", "cancelled"]
                .map(str::to_owned)
                .to_vec(),
            priority: PriorityChange::default(),
            schedule: ScheduleChange::default(),
            reopened: Reopened::default(),
            closed_time: ClosedTime::default(),
        }
    }
}

/// Which priority's target and, possibly, schedule count when the priority changed.
#[derive(
    Debug,
    Clone,
    Copy,
    Default,
    PartialEq,
    Eq,
    Hash,
    serde::Serialize,
    serde::Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum PriorityChange {
    /// The one that the ticket was opened with.
    Initial,
    /// The highest (smallest number) that it held before the clock ended, from the opening on.
    #[default]
    HighestHeld,
    /// The one that it had when the clock ended, from the opening on.
    CurrentAtEnd,
    /// The one that it had when the clock ended, and the clock starts anew with it.
    RestartAtChange,
}

/// Which schedule business time is counted on when the schedule changed.
#[derive(
    Debug,
    Clone,
    Copy,
    Default,
    PartialEq,
    Eq,
    Hash,
    serde::Serialize,
    serde::Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum ScheduleChange {
    /// Each stretch on the schedule that applied in it, summed.
    #[default]
    Sum,
    /// The whole life on the schedule that applied last.
    Last,
    /// The whole life on the schedule that applied first under the priority that counts.
    OfCountedPriority,
}

/// Which resolution ends the clock of a ticket that was opened again.
#[derive(
    Debug,
    Clone,
    Copy,
    Default,
    PartialEq,
    Eq,
    Hash,
    serde::Serialize,
    serde::Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Reopened {
    /// The first: what happens after it is a matter of the reopen rate.
    FirstResolution,
    /// The last; a ticket that is open again has an open clock.
    #[default]
    LastResolution,
}

/// Whether time between a resolution and the reopening counts.
#[derive(
    Debug,
    Clone,
    Copy,
    Default,
    PartialEq,
    Eq,
    Hash,
    serde::Serialize,
    serde::Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum ClosedTime {
    /// The clock goes on where it stopped.
    #[default]
    Excluded,
    /// The clock ran on: the resolution was none.
    Included,
}

/// A contradiction in a [`ClockPolicy`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ClockPolicyError {
    /// A state that pauses and ends the clock.
    #[error("state `{state}` is in both pauses and resolved: keep it in one of the two")]
    PausedAndResolved {
        /// The state.
        state: String,
    },
    /// No state that ends a clock.
    #[error("resolved is empty, so no clock would ever end: name the states as in [\"resolved\"]")]
    NeverResolved,
}

impl ClockPolicy {
    /// Checks the policy.
    pub fn validate(&self) -> Result<(), ClockPolicyError> {
        if self.resolved.is_empty() {
            return Err(ClockPolicyError::NeverResolved);
        }
        match self
            .pauses
            .iter()
            .find(|state| names(&self.resolved, state))
        {
            Some(state) => Err(ClockPolicyError::PausedAndResolved {
                state: state.clone(),
            }),
            None => Ok(()),
        }
    }

    /// What a state of a ticket means to clocks. Case and blanks around a name do not matter.
    /// Meant to be asked once per name, not per ticket.
    pub fn state_of(&self, state: &str) -> ClockState {
        if names(&self.resolved, state) {
            ClockState::Resolved
        } else if names(&self.pauses, state) {
            ClockState::Paused
        } else {
            ClockState::Running
        }
    }
}

fn names(list: &[String], state: &str) -> bool {
    list.iter()
        .any(|name| name.trim().eq_ignore_ascii_case(state.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_are_read_by_name() {
        let policy: ClockPolicy =
            toml::from_str("pauses = ['On Hold']\nreopened = 'first_resolution'").unwrap();
        assert_eq!(policy.state_of(" on hold "), ClockState::Paused);
        assert_eq!(policy.state_of("Closed"), ClockState::Resolved);
        assert_eq!(policy.state_of("new"), ClockState::Running);
        assert_eq!(policy.priority, PriorityChange::HighestHeld);
        assert_eq!(policy.reopened, Reopened::FirstResolution);
        assert_eq!(
            toml::from_str::<ClockPolicy>("").unwrap(),
            ClockPolicy::default()
        );
    }

    #[test]
    fn contradictions_and_unknown_fields_are_refused() {
        let policy: ClockPolicy = toml::from_str("pauses = ['Closed']").unwrap();
        assert!(
            policy
                .validate()
                .unwrap_err()
                .to_string()
                .contains("`Closed` is in both")
        );
        let policy: ClockPolicy = toml::from_str("resolved = []").unwrap();
        assert!(
            policy
                .validate()
                .unwrap_err()
                .to_string()
                .contains("name the states")
        );
        assert!(ClockPolicy::default().validate().is_ok());
        assert!(toml::from_str::<ClockPolicy>("pause = ['x']").is_err());
        assert!(toml::from_str::<ClockPolicy>("priority = 'lowest'").is_err());
    }
}
