//! Proactive communication about incidents: told in time, at the right level, kept posted,
//! completely, near the truth, and warned before a breach. Silence counts as lateness.

use super::super::catalogue::{Across, Kpi, TICKET_SHARE, Unit};
use super::super::parts::Parts;
use super::super::value::Direction;
use super::super::view::{Outcome, View};
use crate::measure::fragment::Clock;
use crate::money::Decimal;

const INPUTS: &[&str] = &[
    "incidents.opened_at",
    "incidents.priority",
    "notices.ref_id",
    "notices.sent_at",
];
const RESTORED: &[&str] = &[
    "incidents.opened_at",
    "incidents.priority",
    "incidents.resolved_at",
    "notices.ref_id",
    "notices.sent_at",
];
const MAJOR: &str = "ITIL 4 incident management practice: communication during incidents";
const LIMITS: &str = "[measure.notices] limits of the terms";

pub(in super::super) const ENTRIES: &[Kpi] = &[
    Kpi {
        id: "time_to_notify",
        title: "Time to notify, mean",
        formula: "Σ wall seconds from knowing of an incident to the first notice about it ÷ \
                  incidents told of",
        unit: Unit::Word("wall_s"),
        direction: Direction::LowerIsBetter,
        inputs: INPUTS,
        across: Across::Ratio(0),
        parts: "Σ seconds, count",
        rule: "month of opening; known from the detection, or the opening if earlier; incidents \
               of which nobody was told are not in it: see notify_timely_share; whole seconds, \
               half-even",
        source: MAJOR,
        example: "detected 09:00, first notice 09:12: 720",
        compute: |view| {
            let cell = &told(view)?.cell;
            view.mean_s(cell.notify_wall_s, cell.told, NOBODY)
                .map(|o| o.excluding(cell.notifiable.saturating_sub(cell.told)))
        },
        ..TICKET_SHARE
    },
    Kpi {
        id: "time_to_notify_p50",
        title: "Time to notify, median",
        formula: "median of wall seconds from knowing of an incident to the first notice about it",
        unit: Unit::Word("wall_s"),
        direction: Direction::LowerIsBetter,
        inputs: INPUTS,
        across: Across::Merged,
        parts: "histogram of wall seconds",
        rule: "month of opening; known from the detection, or the opening if earlier; incidents \
               of which nobody was told are not in it: see notify_timely_share; nearest rank in \
               histograms, at most 1/128 from the exact value",
        source: MAJOR,
        example: "detected 09:00, first notice 09:12: 720",
        compute: |view| time_to_notify(view, 50),
        ..TICKET_SHARE
    },
    Kpi {
        id: "time_to_notify_p90",
        title: "Time to notify, ninth decile",
        formula: "ninth decile of wall seconds from knowing of an incident to the first notice",
        unit: Unit::Word("wall_s"),
        direction: Direction::LowerIsBetter,
        inputs: INPUTS,
        across: Across::Merged,
        parts: "histogram of wall seconds",
        rule: "as time_to_notify_p50",
        source: MAJOR,
        example: "1 to 10 seconds, one each: 9",
        compute: |view| time_to_notify(view, 90),
        ..TICKET_SHARE
    },
    Kpi {
        id: "notify_timely_share",
        title: "Told in time",
        formula: "incidents first told of within the limit ÷ incidents to be told of",
        inputs: INPUTS,
        parts: "counts of incidents to be told of and of those told in time",
        rule: "month of opening; an incident of which nobody was told counts as late; children \
               are told of through their parent; 4 decimals, half-even",
        source: LIMITS,
        example: "10 incidents, 6 told within 15 minutes, 3 later, 1 never: 6 ÷ 10 = 0.6",
        compute: |view| {
            let cell = &told(view)?.cell;
            view.share(cell.told_in_time, cell.notifiable, NOTHING)
        },
        ..TICKET_SHARE
    },
    Kpi {
        id: "audience_level_share",
        title: "Told at the right level",
        formula: "incidents told at the level wanted or above ÷ incidents that had to reach one",
        inputs: &[
            "incidents.opened_at",
            "incidents.priority",
            "notices.ref_id",
            "notices.sent_at",
            "notices.audience_level",
        ],
        parts: "counts",
        rule: "month of opening; silence counts as not reached; incidents told to unknown levels \
               only are left out; 4 decimals, half-even",
        source: "[measure.notices] levels and limits of the terms",
        example: "5 P1 incidents for level strategic: 3 reach it, 1 tactical only, 1 told to \
                  nobody: 3 ÷ 5 = 0.6",
        compute: |view| {
            let cell = &told(view)?.cell;
            if !view.plan.notices.has_levels() {
                return Err(
                    "the terms want no level told ([measure.notices] limits, level)".into(),
                );
            }
            view.share(cell.level_reached, cell.level_known, NOTHING)
                .map(|o| o.excluding(cell.notifiable.saturating_sub(cell.level_known)))
        },
        ..TICKET_SHARE
    },
    Kpi {
        id: "update_cadence_share",
        title: "Update cadence",
        formula: "gaps between notices no longer than the limit ÷ all gaps, from the first \
                  notice to restoration",
        inputs: RESTORED,
        parts: "counts of gaps",
        rule: "month of opening; the gap from the last notice to restoration counts; an incident \
               without a notice before restoration is one gap; open incidents are left out; 4 \
               decimals, half-even",
        source: LIMITS,
        example: "notices 09:12, 09:40, 10:15, 10:44, restored 11:10, limit 30 minutes: gaps 28, \
                  35, 29, 26; 3 ÷ 4 = 0.75",
        compute: |view| {
            let cell = &kept_posted(view)?.cell;
            view.share(cell.update_gaps_kept, cell.update_gaps, NO_GAP)
        },
        ..TICKET_SHARE
    },
    Kpi {
        id: "max_update_gap",
        title: "Longest gap between notices",
        formula: "longest wall time between notices, from the first one to restoration",
        unit: Unit::Word("wall_s"),
        direction: Direction::LowerIsBetter,
        inputs: RESTORED,
        across: Across::Max,
        parts: "maximum",
        rule: "as update_cadence_share",
        source: LIMITS,
        example: "gaps of 28, 35, 29 and 26 minutes: 2100",
        compute: |view| {
            let cell = &kept_posted(view)?.cell;
            if cell.update_gaps == 0 {
                return Err(NO_GAP.to_owned());
            }
            let longest = Decimal::from_u64(cell.update_gap_max_s);
            Ok(Outcome::of(longest).counting(cell.update_gaps))
        },
        ..TICKET_SHARE
    },
    Kpi {
        id: "informed_time_share",
        title: "Informed time",
        formula: "Σ min(gap, limit) ÷ duration: the part of disruption covered by a notice no \
                  older than the limit",
        inputs: RESTORED,
        parts: "Σ covered seconds, Σ seconds from knowing to restoration",
        rule: "month of opening; the time before the first notice is not covered, so an early \
               burst of notices earns nothing; open incidents are left out; 4 decimals, half-even",
        source: LIMITS,
        example: "known 09:00, notices as above, restored 11:10: (28 + 30 + 29 + 26) ÷ 130 = \
                  0.8692",
        compute: |view| {
            let cell = &kept_posted(view)?.cell;
            if cell.informed_of_s == 0 {
                return Err(NO_GAP.to_owned());
            }
            let of = |s: i128| Decimal::new(s, 0).map_err(|e| e.to_string());
            Outcome::ratio(of(cell.informed_s)?, of(cell.informed_of_s)?, 4)
                .map(|o| o.counting(cell.update_gaps))
        },
        ..TICKET_SHARE
    },
    Kpi {
        id: "notice_completeness",
        title: "Completeness of notices",
        formula: "parts given ÷ parts wanted, over the notices about incidents to be told of",
        inputs: &[
            "incidents.opened_at",
            "notices.ref_id",
            "notices.has_status",
        ],
        parts: "counts of parts",
        rule: "month of sending; notices of which no part is known are left out; 4 decimals, \
               half-even",
        source: "[measure.notices] complete of the terms",
        example: "status, scope, impact and eta wanted; one notice gives all, one lacks the eta: \
                  7 ÷ 8 = 0.875",
        compute: |view| {
            let cell = &told(view)?.cell;
            view.share(
                cell.notice_parts_given,
                cell.notice_parts,
                "no notice of the period says what it contains",
            )
            .map(|o| o.counting(cell.notices))
        },
        ..TICKET_SHARE
    },
    Kpi {
        id: "breach_warned_share",
        title: "Breaches warned of",
        formula: "breaches announced at least the lead before the due time ÷ all breaches",
        inputs: &[
            "incidents.opened_at",
            "incidents.priority",
            "notices.ref_id",
            "notices.sent_at",
        ],
        parts: "counts of breaches and of those warned of, open incidents with their warning",
        rule: "month of the due time; open past due at the as-of moment is a breach; a breach \
               nobody warned of counts against it; 4 decimals, half-even",
        source: "[measure.notices] warn_before of the terms",
        example: "8 breaches, 3 announced 30 minutes ahead, 1 ten minutes ahead: 3 ÷ 8 = 0.375",
        compute: |view| {
            let parts = view.observed()?;
            if !view.plan.has_targets() {
                return Err("the terms set no targets for restoration".into());
            }
            if view.plan.notices.warn_before_s.is_none() {
                return Err("the terms name no lead ([measure.notices] warn_before)".into());
            }
            view.share(
                parts.cell.breach_warned + parts.open_warned,
                parts.cell.restore_breached + parts.open_past_due,
                "no service level was missed in the period",
            )
        },
        ..TICKET_SHARE
    },
    Kpi {
        id: "breach_warning_lead",
        title: "Lead of breach warnings",
        formula: "median of wall seconds from the first warning to the due time, among breaches \
                  warned of before it",
        unit: Unit::Word("wall_s"),
        inputs: &[
            "incidents.opened_at",
            "incidents.priority",
            "notices.ref_id",
            "notices.sent_at",
        ],
        across: Across::Merged,
        parts: "histogram of wall seconds",
        rule: "month of the due time; nearest rank in histograms, at most 1/128 from the exact \
               value; breaches without a warning show in breach_warned_share",
        source: MAJOR,
        example: "warned 10, 30 and 50 seconds ahead: 30",
        compute: |view| {
            if !view.plan.has_targets() {
                return Err("the terms set no targets for restoration".into());
            }
            let none = "no breach of the period was warned of before it came";
            view.quantile(Clock::WarningLead, 50, none)
        },
        ..TICKET_SHARE
    },
    Kpi {
        id: "impact_statement_error",
        title: "Error of stated impact",
        formula: "Σ |stated − realised| ÷ Σ realised, in business minutes of all users",
        unit: Unit::Word("ratio"),
        direction: Direction::LowerIsBetter,
        inputs: &[
            "incidents.opened_at",
            "incidents.resolved_at",
            "notices.ref_id",
            "notices.stated_impact",
        ],
        parts: "Σ absolute differences, Σ realised impact",
        rule: "month of opening; the last statement before restoration, else the last one; \
               realised as impact_minutes; 4 decimals, half-even",
        source: "weighted absolute percentage error (Hyndman and Koehler 2006)",
        example: "stated 50 and 20, realised 40 and 40: (10 + 20) ÷ 80 = 0.375",
        compute: |view| {
            let parts = told(view)?;
            if view.plan.impact.is_none() {
                return Err(NO_CALENDAR.to_owned());
            }
            let cell = &parts.cell;
            if cell.stated_realised_s_ppm == 0 {
                return Err("no incident of the period has a stated and a realised impact".into());
            }
            let of = |s: i128| Decimal::new(s, 0).map_err(|e| e.to_string());
            Outcome::ratio(
                of(cell.stated_error_s_ppm)?,
                of(cell.stated_realised_s_ppm)?,
                4,
            )
            .map(|o| {
                o.counting(cell.stated)
                    .excluding(cell.notifiable.saturating_sub(cell.stated))
            })
        },
        ..TICKET_SHARE
    },
    Kpi {
        id: "telling_delay_cost",
        title: "Cost of telling late",
        formula: "Σ over services of business minutes between knowing and telling × share of \
                  users affected × factor of their hours × cost per minute of the service",
        unit: Unit::Money,
        direction: Direction::LowerIsBetter,
        inputs: INPUTS,
        across: Across::Sum,
        comparable: false,
        parts: "Σ business seconds × parts per million per service",
        min_n: 0,
        rule: "month of opening; an incident that nobody was told of counts up to its \
               restoration; the factor is 1, or that of [[measure.impact.rates]] in its hours; \
               exact until rounded once, half-even, to the decimals of the currency",
        source: "business impact per minute as agreed in the terms ([score] cost_per_minute)",
        example: "known 09:00, told 09:12, half of the users, 40 a minute: 12 × 0.5 × 40 = 240",
        compute: |view| {
            let parts = told(view)?;
            if view.plan.impact.is_none() {
                return Err(NO_CALENDAR.to_owned());
            }
            let shares = view.delivers("incidents.affected_share");
            if !shares && view.plan.assumed_share_ppm.is_none() {
                return Err(
                    "incidents.affected_share was not delivered and the terms assume no share"
                        .into(),
                );
            }
            let unknown = parts.cell.telling_unknown;
            let n = parts.cell.notifiable.saturating_sub(unknown);
            Ok(view.priced(&parts.telling)?.counting(n).excluding(unknown))
        },
        ..TICKET_SHARE
    },
];

const NOBODY: &str = "nobody was told of any incident of the period";
const NOTHING: &str = "no incident of the period had to be told of";
const NO_GAP: &str = "no incident of the period that had to be kept posted was restored";
const NO_CALENDAR: &str = "the terms name no calendar for impact ([measure] impact.calendar)";

/// The parts, when the terms say which incidents are to be told of.
fn told<'a>(view: &View<'a>) -> Result<&'a Parts, String> {
    if !view.plan.notices.has_limits() {
        return Err(
            "the terms name no incidents to be told of ([[measure.notices.limits]])".to_owned(),
        );
    }
    view.observed()
}

fn kept_posted<'a>(view: &View<'a>) -> Result<&'a Parts, String> {
    if view.plan.notices.has_limits() && !view.plan.notices.has_updates() {
        return Err(
            "the terms set no limit between notices ([[measure.notices.limits]] update)".to_owned(),
        );
    }
    told(view)
}

fn time_to_notify(view: &View<'_>, percent: u32) -> Result<Outcome, String> {
    let cell = &told(view)?.cell;
    view.quantile(Clock::Notify, percent, NOBODY)
        .map(|o| o.excluding(cell.notifiable.saturating_sub(cell.told)))
}
