//! What was told about one incident, against what the terms want told: in time, at the right
//! level, kept posted, complete, and near the truth. Silence counts as lateness.
//! Not responsible for warnings before a breach (the clock knows when it was due; see
//! [`super::kernel`]) nor for any share or price (see [`crate::score`]).

use super::fact::{Notice, NoticeKind};
use super::fragment::Clock;
use super::tally::{Place, Tally};
use crate::time::Instant;

/// Adds the communication about one incident. `end` is its restoration, `share` its share of
/// users affected in parts per million.
///
/// An incident is known from its detection, or from its opening if that was earlier. Gaps are
/// those between notices from the first one to restoration; an incident without a notice before
/// restoration is one gap as long as itself. What an open incident still owes is not counted.
pub(super) fn tell(
    place: &Place<'_, '_>,
    end: Option<Instant>,
    share: Option<u32>,
    out: &mut Tally,
) {
    let (fact, plan) = (place.fact, place.plan);
    let Some(limit) = plan.notices.limit(place.priority).filter(|_| !fact.child) else {
        return;
    };
    let known_at = fact.known_at();
    let about = || {
        fact.notices
            .iter()
            .filter(|n| n.kind == NoticeKind::Incident)
    };
    let first = about().next();
    let cell = place.cell(out, place.opened);
    cell.notifiable += 1;
    if let Some(first) = first {
        let after = first.sent_at.wall_s_since(known_at).max(0);
        cell.told += 1;
        cell.notify_wall_s += i128::from(after);
        cell.told_in_time += u64::from(after <= limit.first_s);
    }
    if let Some(wanted) = limit.level {
        let mut levels = about()
            .filter_map(|n| plan.notices.rank(n.level?))
            .peekable();
        if first.is_none() || levels.peek().is_some() {
            cell.level_known += 1;
            cell.level_reached += u64::from(levels.any(|level| level >= wanted));
        }
    }
    if let (Some(update_s), Some(end)) = (limit.update_s, end)
        && end > known_at
    {
        let told: Vec<Instant> = about()
            .map(|n| n.sent_at.max(known_at))
            .filter(|at| *at < end)
            .collect();
        cell.informed_of_s += i128::from(end.wall_s_since(known_at));
        let mut gap = |gap_s: i64, covers: bool| {
            cell.update_gaps += 1;
            cell.update_gaps_kept += u64::from(gap_s <= update_s);
            cell.update_gap_max_s = cell.update_gap_max_s.max(u64::try_from(gap_s).unwrap_or(0));
            if covers {
                cell.informed_s += i128::from(gap_s.min(update_s));
            }
        };
        if told.is_empty() {
            gap(end.wall_s_since(known_at), false);
        }
        for gap_s in crate::time::gaps_s(&told, end) {
            gap(gap_s, true);
        }
    }
    telling(place, first, end, share, out);
    if let Some(first) = first {
        let after = first.sent_at.wall_s_since(known_at).max(0);
        place.took(out, place.opened, Clock::Notify, after);
    }
    for notice in about() {
        let cell = place.cell(out, plan.zone.month_of(notice.sent_at));
        cell.notices += 1;
        let part = |part: super::fact::NoticePart| notice.parts.get(part as usize).copied()?;
        let wanted = &plan.notices.complete;
        if wanted.iter().any(|p| part(*p).is_some()) {
            cell.notice_parts += wanted.len() as u64;
            cell.notice_parts_given +=
                wanted.iter().filter(|p| part(**p) == Some(true)).count() as u64;
        }
    }
    if let (Some(end), Some(ppm)) = (end, share) {
        statement(place, end, ppm, out);
    }
}

/// The disruption that passed between knowing and telling; of an incident that nobody was told
/// of before it ended, all of it.
fn telling(
    place: &Place<'_, '_>,
    first: Option<&Notice<'_>>,
    end: Option<Instant>,
    share: Option<u32>,
    out: &mut Tally,
) {
    let Some(calendar) = place.plan.impact_calendar() else {
        return;
    };
    let Some(until) = first.map(|n| n.sent_at).into_iter().chain(end).min() else {
        return;
    };
    let known_at = place.fact.known_at();
    let until = until.max(known_at);
    let untold = calendar.business_s(known_at, until);
    let rates = &place.plan.rates;
    let extra = rates.extra(place.fact.service_id, known_at, until);
    let cell = place.cell(out, place.opened);
    match (untold, extra, share) {
        (Ok(business_s), Ok(extra), Some(ppm)) => {
            cell.telling_s_ppm += i128::from(business_s) * i128::from(ppm);
            cell.telling_rated += extra * i128::from(ppm);
        }
        _ => cell.telling_unknown += 1,
    }
}

/// The last impact that was stated before restoration, or the last one at all, beside the one
/// that came about.
fn statement(place: &Place<'_, '_>, end: Instant, ppm: u32, out: &mut Tally) {
    let stated = |until: Instant| {
        place
            .fact
            .notices
            .iter()
            .filter(|n| n.kind == NoticeKind::Incident && n.sent_at <= until)
            .filter_map(|n| n.stated_s_ppm)
            .next_back()
    };
    let Some(stated) = stated(end).or_else(|| stated(Instant::from_micros(i64::MAX))) else {
        return;
    };
    let Some(calendar) = place.plan.impact_calendar() else {
        return;
    };
    let Ok(business_s) = calendar.business_s(place.fact.opened_at, end) else {
        return;
    };
    let realised = i128::from(business_s) * i128::from(ppm);
    let cell = place.cell(out, place.opened);
    cell.stated += 1;
    cell.stated_error_s_ppm += (stated - realised).abs();
    cell.stated_realised_s_ppm += realised;
}
