//! The names that need no declaration: measures of the KPI catalogue, with how their months make
//! a quarter or year. Not responsible for computing them (see [`crate::score`]).

use super::source::Aggregate;

/// Catalogue measures that settlement knows without a `[measures]` entry.
pub const CATALOGUE: &[(&str, Aggregate)] = &[
    // Counts and money add up over months.
    ("ticket_count", Aggregate::Sum),
    ("incidents_expected", Aggregate::Sum),
    ("incidents_avoided", Aggregate::Sum),
    ("breaches", Aggregate::Sum),
    ("structural_fixes", Aggregate::Sum),
    ("impact_minutes", Aggregate::Sum),
    ("impact_cost", Aggregate::Sum),
    ("impact_avoided", Aggregate::Sum),
    ("benchmark_cost", Aggregate::Sum),
    ("actual_cost", Aggregate::Sum),
    ("gross_saving", Aggregate::Sum),
    ("verified_saving", Aggregate::Sum),
    ("qualified_saving", Aggregate::Sum),
    ("total_cost", Aggregate::Sum),
    ("retained_cost", Aggregate::Sum),
    ("proactive_hours", Aggregate::Sum),
    ("contact_moments_held", Aggregate::Sum),
    ("unannounced_disruptive_changes", Aggregate::Sum),
    ("max_update_gap", Aggregate::Max),
    // Bounds, rates, shares and percentiles do not add up: the coarser value must be given.
    ("incidents_avoided_lower", Aggregate::None),
    ("incident_rate", Aggregate::None),
    ("rate_ratio", Aggregate::None),
    ("mix_adjusted_ratio", Aggregate::None),
    ("repeat_rate", Aggregate::None),
    ("change_induced_rate", Aggregate::None),
    ("self_detected_share", Aggregate::None),
    ("substitution", Aggregate::None),
    ("availability", Aggregate::None),
    ("mtbf", Aggregate::None),
    ("time_to_respond", Aggregate::None),
    ("time_to_restore", Aggregate::None),
    ("sla_attainment", Aggregate::None),
    ("reopen_rate", Aggregate::None),
    ("first_assignment_resolution", Aggregate::None),
    ("handoffs", Aggregate::None),
    ("ping_pong", Aggregate::None),
    ("backlog_age", Aggregate::None),
    ("time_to_notify", Aggregate::None),
    ("notify_timely_share", Aggregate::None),
    ("breach_warning_lead", Aggregate::None),
    ("breach_warned_share", Aggregate::None),
    ("informed_time_share", Aggregate::None),
    ("update_cadence_share", Aggregate::None),
    ("notice_completeness", Aggregate::None),
    ("audience_level_share", Aggregate::None),
    ("change_notice_lead", Aggregate::None),
    ("impact_statement_error", Aggregate::None),
    ("saving_uncertainty", Aggregate::None),
    ("decision_latency", Aggregate::None),
    ("wallet_share", Aggregate::None),
    ("proactivity_balance", Aggregate::None),
    ("proactive_hours_share", Aggregate::None),
    ("knowledge_concentration", Aggregate::None),
    ("holistic_coverage", Aggregate::None),
    ("challenge_response", Aggregate::None),
    ("blocker_age", Aggregate::None),
    ("experience_score", Aggregate::None),
    ("integrity_cleared", Aggregate::Min),
];

/// How months of a catalogue measure make a longer period; `None` if the name is not in the
/// catalogue.
#[must_use]
pub fn catalogue_aggregate(name: &str) -> Option<Aggregate> {
    CATALOGUE
        .iter()
        .find(|(known, _)| *known == name)
        .map(|(_, aggregate)| *aggregate)
}
