//! The worst incidents of a contract: when they were known, told, updated, warned of and breached,
//! as a drawing and as a table that says the same in words. Responsible for which moments are
//! shown and where; not for which incidents are the worst (see [`crate::score::worst`]).

use maud::{Markup, html};

use super::facts::Contract;
use super::figures::Caption;
use super::language::Language;
use super::names::{name, short};
use super::picture::at;
use crate::money::Decimal;
use crate::publish::reading::{ReadTable, Row};
use crate::time::Instant;

/// Width of the drawing in its own units, of the stretch of time, and height of a lane.
const WIDTH: f64 = 560.0;
const LEFT: f64 = 8.0;
const RIGHT: f64 = 410.0;
const LANE: f64 = 58.0;
/// Incidents drawn where the page has many contracts.
const FEW: usize = 2;

/// One incident, its moments in seconds since it was known.
#[derive(Debug, Clone, Default)]
struct Lane {
    rank: String,
    ticket: String,
    what: String,
    known_at: String,
    told_s: Option<f64>,
    /// Seconds allowed for the first notice.
    tell_s: Option<f64>,
    updates_s: Vec<f64>,
    notices: Option<Decimal>,
    update_s: Option<f64>,
    gap_s: Option<f64>,
    warned_s: Option<f64>,
    due_s: Option<f64>,
    end_s: f64,
    open: bool,
    breached: Option<bool>,
    minutes: Option<Decimal>,
    cost: Option<Decimal>,
    silent_minutes: Option<Decimal>,
    silent_cost: Option<Decimal>,
    currency: String,
}

/// A moment as a table prints it.
fn instant(text: &str) -> Option<Instant> {
    if text.is_empty() {
        return None;
    }
    text.parse()
        .ok()
        .or_else(|| format!("{}Z", text.trim_end_matches('Z')).parse().ok())
}

fn lane(row: &Row<'_>, as_of: Option<Instant>) -> Option<Lane> {
    let known = instant(row.text("known_at"))?;
    let since = |at: Instant| at.wall_s_since(known).max(0) as f64;
    let moment = |name: &str| instant(row.text(name)).map(since);
    let number = |name: &str| row.number(name).map(Decimal::to_f64_lossy);
    let resolved = moment("resolved_at");
    let told_s = moment("first_notice_at");
    Some(Lane {
        rank: row.text("rank").to_owned(),
        ticket: row.text("ticket_id").to_owned(),
        what: [row.text("service_id"), row.text("category")]
            .into_iter()
            .filter(|t| !t.is_empty())
            .map(|t| short(t, 30))
            .chain([row.text("priority").to_owned()])
            .collect::<Vec<_>>()
            .join(" · "),
        known_at: known
            .to_string()
            .replace('T', " ")
            .chars()
            .take(16)
            .collect(),
        told_s,
        tell_s: moment("tell_by"),
        updates_s: row
            .text("notices_at")
            .split(' ')
            .skip(1)
            .filter_map(instant)
            .map(since)
            .collect(),
        notices: row.number("notices"),
        update_s: number("update_s"),
        gap_s: number("longest_gap_s"),
        warned_s: moment("warned_at"),
        due_s: moment("due_at"),
        end_s: resolved.or(as_of.map(since)).unwrap_or(0.0),
        open: resolved.is_none(),
        breached: match row.text("breached") {
            "true" => Some(true),
            "false" => Some(false),
            _ => None,
        },
        minutes: row.number("impact_minutes"),
        cost: row.number("impact_cost"),
        silent_minutes: row.number("silent_minutes"),
        silent_cost: row.number("silent_cost"),
        currency: row.text("currency").to_owned(),
    })
}

/// The section on telling in time.
pub(super) fn told(contract: &Contract, n: usize, as_of: &str, all: bool, l: Language) -> Markup {
    let as_of = instant(as_of);
    let lanes: Vec<Lane> = contract
        .worst
        .iter()
        .flat_map(ReadTable::iter)
        .filter_map(|row| lane(&row, as_of))
        .take(if all { usize::MAX } else { FEW })
        .collect();
    html! {
        h3 id=(format!("c{n}-told")) { (l.say("Was the customer told in time?", "Is de klant op tijd ingelicht?")) }
        (shares(contract, n, l))
        @if contract.worst.is_none() {
            p { (l.say("Single incidents are not in this output (no table worst_incidents).", "Afzonderlijke incidenten staan niet in deze uitvoer (geen tabel worst_incidents).")) }
        } @else if lanes.is_empty() {
            p { (l.say("No incident of the performance period was measured.", "Er is geen incident van de prestatieperiode gemeten.")) }
        } @else {
            p {
                @match lanes.len() {
                    1 => (l.say("The worst incident", "Het ergste incident")),
                    count => { (l.say("The ", "De ")) (count) (l.say(" worst incidents", " ergste incidenten")) }
                }
                (l.say(" of the performance period, by ", " van de prestatieperiode, naar "))
                (if lanes.iter().all(|x| x.cost.is_some()) { l.say("what the disruption cost", "wat de verstoring kostte") } else { l.say("minutes of disruption", "minuten verstoring") })
                ":"
            }
            figure.lanes {
                div.wide tabindex="0" role="group" aria-label=(format!("{} c{n}", l.say("Drawing", "Tekening"))) {
                    (picture(&lanes, &format!("c{n}-p4"), &format!("{}: {}", short(&contract.id, 60), l.say("the worst incidents from knowing to restoration; the table below says the same", "de ergste incidenten van bekend tot hersteld; de tabel hieronder zegt hetzelfde")), l))
                }
                @if all { figcaption { (Caption::Told.words(l)) } }
            }
            (words(&lanes, n, all, l))
        }
    }
}

/// How often the customer was told in time, from the measures over the performance period.
fn shares(contract: &Contract, n: usize, l: Language) -> Markup {
    let period = contract.year().map_or("", |k| k.period);
    let value = |id: &str| contract.kpi(id, period).and_then(|k| Some((k.value?, k)));
    let (timely, warned) = (value("notify_timely_share"), value("breach_warned_share"));
    let cost = value("telling_delay_cost");
    html! {
        @if timely.is_none() && warned.is_none() {
            p { (l.say("Notices and warnings could not be measured: deliver the table notices and name limits in the terms.", "Berichten en waarschuwingen konden niet worden gemeten: lever de tabel notices en noem grenzen in de voorwaarden.")) }
        } @else {
            p {
                @if let Some((share, _)) = timely {
                    a href=(format!("#c{n}-k-notify_timely_share")) { (l.percent(share)) }
                    (l.say(" of the incidents to be told of were told in time. ", " van de te melden incidenten is op tijd gemeld. "))
                }
                @if let Some((share, _)) = warned {
                    a href=(format!("#c{n}-k-breach_warned_share")) { (l.percent(share)) }
                    (l.say(" of the missed targets had been warned of in time. ", " van de gemiste normen was op tijd aangekondigd. "))
                }
                @if let Some((cost, kpi)) = cost {
                    (l.say("Between knowing and telling, disruption came to ", "Tussen weten en vertellen liep de verstoring op tot "))
                    a href=(format!("#c{n}-k-telling_delay_cost")) { (super::contract::valued(cost, kpi.unit, l)) } "."
                }
            }
        }
    }
}

/// A stretch of time in the two units that say enough.
fn lasted(seconds: f64, l: Language) -> String {
    let minutes = (seconds.max(0.0) / 60.0) as i64;
    let (days, hours, rest) = (minutes / 1440, minutes / 60 % 24, minutes % 60);
    let hour = l.say("h", "u");
    match (days, hours, rest) {
        (0, 0, m) => format!("{m}\u{a0}min"),
        (0, h, 0) => format!("{h}\u{a0}{hour}"),
        (0, h, m) => format!("{h}\u{a0}{hour}\u{a0}{m}\u{a0}min"),
        (d, 0, _) => format!("{d}\u{a0}d"),
        (d, h, _) => format!("{d}\u{a0}d\u{a0}{h}\u{a0}{hour}"),
    }
}

fn picture(lanes: &[Lane], id: &str, title: &str, l: Language) -> Markup {
    let height = LANE * lanes.len() as f64 + 26.0;
    html! {
        svg viewBox=(format!("0 0 {WIDTH} {height}")) role="img" aria-labelledby=(format!("{id}-t")) {
            title id=(format!("{id}-t")) { (title) }
            @for (i, lane) in lanes.iter().enumerate() { (drawn(lane, LANE * i as f64, l)) }
            use href="#key-lanes" y=(height - 8.0) {}
        }
    }
}

/// The shapes: known a disc, told a triangle, update a stroke, warned a diamond, due a bar,
/// restored a square. They differ without colour.
fn mark(kind: &str, x: f64, y: f64) -> Markup {
    let d = match kind {
        "known" => format!("M{} {}a5 5 0 1 0 10 0a5 5 0 1 0-10 0", at(x - 5.0), at(y)),
        "told" => format!("M{} {}l6 11h-12z", at(x), at(y - 7.0)),
        "update" => format!("M{} {}v10", at(x), at(y - 5.0)),
        "warned" => format!("M{} {}l6 7-6 7-6-7z", at(x), at(y - 7.0)),
        "due" => format!("M{} {}v20", at(x), at(y - 10.0)),
        _ => format!("M{} {}h9v9h-9z", at(x - 4.5), at(y - 4.5)),
    };
    html! { path class=(format!("m {kind}")) d=(d) {} }
}

fn drawn(lane: &Lane, top: f64, l: Language) -> Markup {
    let y = top + 30.0;
    let span = lane.end_s.max(lane.told_s.unwrap_or(0.0)).max(60.0);
    let x = |s: f64| LEFT + (RIGHT - LEFT) * (s / span).clamp(0.0, 1.0);
    let silent_until = match (lane.told_s, lane.tell_s) {
        (Some(told), _) => told.min(lane.end_s),
        // Who owes no notice is not silent.
        (None, None) => 0.0,
        (None, Some(_)) => lane.end_s,
    };
    let due = lane.due_s.filter(|due| *due <= span);
    let over = due.filter(|due| lane.breached == Some(true) && *due < lane.end_s);
    let told_label = match (lane.told_s, lane.tell_s) {
        (Some(s), _) => Some(format!(
            "{} {}",
            l.say("told after", "gemeld na"),
            lasted(s, l)
        )),
        (None, Some(_)) => Some(l.say("never told", "niet gemeld").to_owned()),
        (None, None) => None,
    };
    let due_label = due.map(|s| format!("{} {}", l.say("due after", "norm"), lasted(s, l)));
    // Some 6.6 units a letter; a label that would lie on another is left to the table.
    let place = |label: &Option<String>, seconds: f64| {
        let wide = label
            .as_ref()
            .map_or(0.0, |t| t.chars().count() as f64 * 6.6);
        let from = x(seconds).min(WIDTH - wide).max(LEFT - 6.0);
        (from, from + wide)
    };
    let told = place(&told_label, lane.told_s.unwrap_or(0.0));
    let target = place(&due_label, due.unwrap_or(0.0));
    let beside = told_label.is_none() || target.0 > told.1 + 10.0 || target.1 + 10.0 < told.0;
    let updates: String = lane
        .updates_s
        .iter()
        .filter(|s| **s <= span)
        .map(|s| format!("M{} {}v10", at(x(*s)), at(y - 5.0)))
        .collect();
    let end_label = match (lane.open, l, lasted(lane.end_s, l)) {
        (false, _, time) => format!("{} {time}", l.say("restored", "hersteld")),
        (true, Language::En, time) => format!("open for {time}"),
        (true, Language::Nl, time) => format!("{time} open"),
    };
    html! {
        text x="2" y=(at(top + 14.0)) {
            (lane.rank) ". " (short(&lane.ticket, 24)) " " tspan class="soft" { (short(&lane.what, 48)) }
        }
        @if let Some(cost) = lane.cost {
            text x=(WIDTH - 2.0) y=(at(top + 14.0)) text-anchor="end" { (l.money(cost, &lane.currency)) }
        } @else if let Some(minutes) = lane.minutes {
            text x=(WIDTH - 2.0) y=(at(top + 14.0)) text-anchor="end" { (l.rounded(minutes, 0)) " min" }
        }
        path class="lane" d=(format!("M{} {}H{}", at(x(silent_until)), at(y), at(x(lane.end_s)))) {}
        @if silent_until > 0.0 { path class="lane hush" d=(format!("M{} {}H{}", at(LEFT), at(y), at(x(silent_until)))) {} }
        @if let Some(due) = over { path class="lane over" d=(format!("M{} {}H{}", at(x(due)), at(y), at(x(lane.end_s)))) {} }
        @if !updates.is_empty() { path class="m update" d=(updates) {} }
        @if let Some(due) = due { (mark("due", x(due), y)) }
        (mark("known", LEFT, y))
        @if let Some(s) = lane.warned_s { (mark("warned", x(s), y)) }
        @if let Some(s) = lane.told_s { (mark("told", x(s), y)) }
        @if !lane.open { (mark("end", x(lane.end_s), y)) }
        @if let Some(label) = &told_label {
            text class="soft" x=(at(told.0)) y=(at(y + 20.0)) { (label) }
        }
        @if beside && let Some(label) = &due_label {
            text class="soft" x=(at(target.0)) y=(at(y + 20.0)) { (label) }
        }
        text x=(at(RIGHT + 12.0)) y=(at(y + 4.0)) { (end_label) }
    }
}

pub(super) fn legend(l: Language) -> Markup {
    html! {
        @for (kind, label, x) in [
            ("known", l.say("known", "bekend"), 8.0),
            ("told", l.say("told", "gemeld"), 78.0),
            ("update", l.say("update", "update"), 144.0),
            ("warned", l.say("warned", "gewaarschuwd"), 212.0),
            ("due", l.say("target used up", "norm verbruikt"), 322.0),
            ("end", l.say("restored", "hersteld"), 440.0),
        ] {
            (mark(kind, x, -4.0))
            text class="soft" x=(at(x + 11.0)) y="0" { (label) }
        }
    }
}

/// The same in words: what a screen reader reads and what is sorted.
fn words(lanes: &[Lane], n: usize, all: bool, l: Language) -> Markup {
    let table = html! {
        div.wide tabindex="0" role="group" aria-label=(format!("{} c{n}", l.say("The worst incidents", "De ergste incidenten"))) {
            table {
                thead { tr {
                    th scope="col" { (l.say("Incident", "Incident")) }
                    th scope="col" { (l.say("Known (UTC)", "Bekend (UTC)")) }
                    th scope="col" { (l.say("Told", "Gemeld")) }
                    th scope="col" { (l.say("Updates", "Updates")) }
                    th scope="col" { (l.say("Warned", "Gewaarschuwd")) }
                    th scope="col" { (l.say("Restored", "Hersteld")) }
                    th.n scope="col" { (l.say("Disruption", "Verstoring")) }
                    th.n scope="col" { (l.say("While untold", "Zolang niet gemeld")) }
                } }
                tbody { @for lane in lanes { (line(lane, l)) } }
            }
        }
    };
    if all {
        table
    } else {
        html! { details { summary { (l.say("The same in words", "Hetzelfde in woorden")) } (table) } }
    }
}

fn line(lane: &Lane, l: Language) -> Markup {
    let worth = |minutes: Option<Decimal>, cost: Option<Decimal>| match (cost, minutes) {
        (Some(cost), _) => l.money(cost, &lane.currency),
        (None, Some(minutes)) => format!("{} min", l.rounded(minutes, 0)),
        (None, None) => "–".to_owned(),
    };
    let allowed = |seconds: Option<f64>| {
        seconds.map_or(String::new(), |s| {
            format!(" ({} {})", l.say("allowed", "toegestaan"), lasted(s, l))
        })
    };
    html! {
        tr {
            th scope="row" { (lane.rank) ". " (name(&lane.ticket)) div.soft { bdi { (lane.what) } } }
            td.k { (lane.known_at) }
            td {
                @match lane.told_s {
                    Some(s) => { (l.say("after ", "na ")) (lasted(s, l)) (allowed(lane.tell_s)) },
                    None if lane.tell_s.is_some() => { span.mark.bad { (l.say("never", "nooit")) } (allowed(lane.tell_s)) },
                    None => (l.say("not required", "niet vereist")),
                }
                @if lane.told_s.zip(lane.tell_s).is_some_and(|(s, by)| s > by) { " " span.mark.bad { (l.say("late", "te laat")) } }
            }
            td {
                @let updates = lane.notices.and_then(|all| all.checked_sub(Decimal::ONE).ok()).filter(|u| u.is_positive());
                @match updates { Some(u) => (l.number(u)), None => "0" }
                @if let Some(gap) = lane.gap_s {
                    "; " (l.say("longest silence ", "langste stilte ")) (lasted(gap, l)) (allowed(lane.update_s))
                }
            }
            td {
                @match (lane.warned_s, lane.due_s) {
                    (Some(s), Some(due)) if s < due => { (lasted(due - s, l)) (l.say(" before the target", " vóór de norm")) },
                    (Some(_), _) => (l.say("after the target", "ná de norm")),
                    (None, _) if lane.breached == Some(true) => span.mark.bad { (l.say("no warning", "geen waarschuwing")) },
                    (None, _) => "–",
                }
            }
            td {
                @if lane.open { (l.say("still open after ", "nog open na ")) (lasted(lane.end_s, l)) }
                @else { (l.say("after ", "na ")) (lasted(lane.end_s, l)) }
                @match (lane.breached, lane.due_s) {
                    (Some(true), Some(due)) => { "; " span.mark.bad { (lasted(lane.end_s - due, l)) (l.say(" over the target", " over de norm")) } },
                    (Some(true), None) => { "; " span.mark.bad { (l.say("target missed", "norm gemist")) } },
                    (Some(false), _) => { "; " (l.say("target kept", "norm gehaald")) },
                    (None, _) => { "; " (l.say("no target", "geen norm")) },
                }
            }
            td.n { (worth(lane.minutes, lane.cost)) }
            td.n { (worth(lane.silent_minutes, lane.silent_cost)) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_in_two_units() {
        assert_eq!(lasted(59.0, Language::En), "0\u{a0}min");
        assert_eq!(lasted(3600.0, Language::Nl), "1\u{a0}u");
        assert_eq!(lasted(5400.0, Language::En), "1\u{a0}h\u{a0}30\u{a0}min");
        assert_eq!(
            lasted(2.0 * 86_400.0 + 3600.0, Language::Nl),
            "2\u{a0}d\u{a0}1\u{a0}u"
        );
    }

    #[test]
    fn an_incident_without_moments_is_drawn() {
        let lane = Lane::default();
        let drawn = drawn(&lane, 0.0, Language::En).into_string();
        assert!(
            drawn.contains("restored 0") && !drawn.contains("NaN"),
            "{drawn}"
        );
    }
}
