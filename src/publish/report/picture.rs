//! The drawings of the report, as SVG of our own: counts over months with their interval, bars of
//! a calculation, and a curve over regions. Responsible for where lines go; every figure drawn is
//! also in a table beside it. Positions are rounded to a tenth, so that bytes do not vary.

use std::fmt::Write as _;

use maud::{Markup, html};

use super::language::Language;
use crate::money::Decimal;

/// Width of a drawing in its own units.
const WIDTH: f64 = 560.0;

/// One month of the picture of incidents.
#[derive(Debug, Clone, Default)]
pub(super) struct Month {
    pub(super) name: String,
    pub(super) counted: Option<f64>,
    pub(super) expected: Option<f64>,
    pub(super) low: Option<f64>,
    pub(super) high: Option<f64>,
}

/// Lines across at these heights, as one element.
fn grid(from: f64, to: f64, heights: impl Iterator<Item = f64>) -> String {
    heights
        .map(|y| format!("M{} {}H{}", at(from), at(y), at(to)))
        .collect()
}

/// Discs as strokes without length and with round ends: one element for all of them.
fn dots(points: &[(f64, f64)]) -> String {
    let mut path = String::new();
    for (x, y) in points {
        let _ = write!(path, "M{} {}h0", at(*x), at(*y));
    }
    path
}

/// A round step of an axis that gives at most six marks.
fn step(most: f64) -> f64 {
    let mut unit = 1e-6;
    loop {
        for factor in [1.0, 2.0, 5.0] {
            if unit * factor * 5.0 >= most || unit > 1e15 {
                return unit * factor;
            }
        }
        unit *= 10.0;
    }
}

fn marks(low: f64, high: f64) -> Vec<f64> {
    let step = step((high - low).max(1e-6));
    let mut at = libm::floor(low / step) * step;
    let mut list = Vec::new();
    while at < high + step && list.len() < 14 {
        list.push(at);
        at += step;
    }
    list
}

fn shown(value: f64, language: Language) -> String {
    Decimal::from_f64_rounded(value, 4).map_or_else(|_| String::new(), |d| language.number(d))
}

fn line(points: &[(f64, f64)]) -> String {
    let mut path = String::new();
    for (i, (x, y)) in points.iter().enumerate() {
        let start = if i == 0 { "M" } else { "L" };
        let _ = write!(path, "{start}{} {}", at(*x), at(*y));
    }
    path
}

/// Expected incidents with their interval, and what was counted, month by month.
pub(super) fn incidents(months: &[Month], id: &str, title: &str, language: Language) -> Markup {
    let (left, top, height, bottom) = (52.0, 30.0, 300.0, 250.0);
    let values = months
        .iter()
        .flat_map(|m| [m.counted, m.high, m.expected])
        .flatten();
    let most = values.fold(1.0, f64::max);
    let marks = marks(0.0, most);
    let ceiling = marks.last().copied().unwrap_or(most).max(1.0);
    let wide = (WIDTH - left - 12.0) / (months.len().max(2) - 1) as f64;
    let x = |i: usize| left + wide * i as f64;
    let y = |v: f64| bottom - (bottom - top) * v / ceiling;
    let points = |get: fn(&Month) -> Option<f64>| -> Vec<(f64, f64)> {
        months
            .iter()
            .enumerate()
            .filter_map(|(i, m)| get(m).map(|v| (x(i), y(v))))
            .collect()
    };
    let first = months.iter().position(|m| m.expected.is_some());
    let counted = points(|m| m.counted);
    let before: Vec<(f64, f64)> = counted
        .iter()
        .copied()
        .filter(|p| first.is_none_or(|f| p.0 <= x(f) + 0.05))
        .collect();
    let since: Vec<(f64, f64)> = counted
        .iter()
        .copied()
        .filter(|p| first.is_some_and(|f| p.0 >= x(f) - 0.05))
        .collect();
    let mut band = points(|m| m.high);
    let mut under = points(|m| m.low);
    under.reverse();
    band.extend(under);
    let every = months.len().div_ceil(7).max(1);
    html! {
        svg viewBox=(format!("0 0 {WIDTH} {height}")) role="img" aria-labelledby=(format!("{id}-t")) {
            title id=(format!("{id}-t")) { (title) }
            path class="grid" d=(grid(left, WIDTH - 12.0, marks.iter().map(|m| y(*m)))) {}
            @for mark in &marks {
                text class="soft" x=(left - 6.0) y=(at(y(*mark) + 4.0)) text-anchor="end" { (shown(*mark, language)) }
            }
            @if band.len() > 3 { path class="band" d={ (line(&band)) "Z" } {} }
            path class="expected" d=(line(&points(|m| m.expected))) {}
            path class="history" d=(line(&before)) {}
            path class="actual" d=(line(&since)) {}
            path class="dots" d=(dots(&since)) {}
            @if let Some(first) = first.filter(|f| *f > 0) {
                line class="axis" x1=(at(x(first))) x2=(at(x(first))) y1=(top - 8.0) y2=(bottom) {}
                text class="soft" x=(at(x(first) - 6.0)) y=(top - 10.0) text-anchor="end" { (language.say("baseline period", "basisperiode")) }
                text class="soft" x=(at(x(first) + 6.0)) y=(top - 10.0) { (language.say("performance period", "prestatieperiode")) }
            }
            line class="axis" x1=(left) x2=(WIDTH - 12.0) y1=(bottom) y2=(bottom) {}
            @for (i, month) in months.iter().enumerate() {
                @if i % every == 0 {
                    text class="soft" x=(at(x(i))) y=(bottom + 18.0) text-anchor="middle" { (month.name) }
                }
            }
            use href=(if before.len() > 1 { "#key-incidents" } else { "#key-short" }) x=(left) y=(height - 16.0) {}
        }
    }
}

/// The keys of the drawings, defined once for the page.
pub(super) fn keys(language: Language) -> Markup {
    let short = html! {
        rect class="band" x="0" y="-9" width="26" height="11" {}
        path class="expected" d="M0 -3.5L26 -3.5" {}
        text x="32" y="1" { (language.say("expected, with its interval", "verwacht, met interval")) }
        path class="actual" d="M205 -3.5L231 -3.5" {}
        path class="dots" d="M218 -3.5h0" {}
        text x="237" y="1" { (language.say("counted", "geteld")) }
    };
    html! {
        svg.keys aria-hidden="true" width="0" height="0" {
            defs {
                g id="key-short" { (short) }
                g id="key-incidents" {
                    (short)
                    path class="history" d="M298 -3.5L324 -3.5" {}
                    text x="330" y="1" { (language.say("counted, baseline period", "geteld, basisperiode")) }
                }
                g id="key-lanes" { (super::timeline::legend(language)) }
            }
        }
    }
}

/// A coordinate with at most one decimal.
pub(super) fn at(value: f64) -> String {
    let text = format!("{value:.1}");
    match text.strip_suffix(".0") {
        Some(whole) => whole.to_owned(),
        None => text,
    }
}

/// One bar of a calculation.
#[derive(Debug, Clone)]
pub(super) struct Bar {
    pub(super) label: String,
    pub(super) value: f64,
    pub(super) shown: String,
    /// Drawn as the end of the calculation.
    pub(super) end: bool,
}

/// Bars under each other, each with the outline of the one before, so that one sees what every
/// step took away.
pub(super) fn bars(groups: &[Vec<Bar>], id: &str, title: &str) -> Markup {
    let (left, room, row) = (128.0, WIDTH - 128.0 - 140.0, 34.0);
    let mut top = 8.0;
    let mut drawn = Vec::new();
    for group in groups {
        let low = group.iter().map(|b| b.value).fold(0.0, f64::min);
        let high = group.iter().map(|b| b.value).fold(0.0, f64::max);
        let scale = room / (high - low).max(1e-9);
        let zero = left - low * scale;
        let mut before: Option<f64> = None;
        for bar in group {
            let span = |v: f64| {
                let (a, b) = if v < 0.0 { (v, 0.0) } else { (0.0, v) };
                (zero + a * scale, (b - a) * scale)
            };
            drawn.push((top, bar, span(bar.value), before.map(span), zero));
            before = Some(bar.value);
            top += row;
        }
        top += 16.0;
    }
    let height = top;
    html! {
        svg viewBox=(format!("0 0 {WIDTH} {height}")) role="img" aria-labelledby=(format!("{id}-t")) {
            title id=(format!("{id}-t")) { (title) }
            @for (top, bar, (from, wide), before, zero) in &drawn {
                @let end = from + wide.max(0.0);
                text x=(left - 8.0) y=(at(top + 16.0)) text-anchor="end" { (bar.label) }
                @if let Some((from, wide)) = before {
                    rect class="less" x=(at(*from)) y=(at(*top + 2.0)) width=(at(*wide)) height="20" {}
                }
                rect class=(if bar.value < 0.0 { "loss" } else if bar.end { "end" } else { "bar" }) x=(at(*from)) y=(at(*top + 2.0)) width=(at(wide.max(1.0))) height="20" {}
                line class="axis" x1=(at(*zero)) x2=(at(*zero)) y1=(at(*top - 2.0)) y2=(at(*top + 27.0)) {}
                text x=(at(before.map_or(end, |(f, w)| end.max(f + w)) + 7.0)) y=(at(top + 16.0)) { (bar.shown) }
            }
        }
    }
}

/// A region of a driver: from, to, profit of one more, and profit at its start where known.
#[derive(Debug, Clone, Copy)]
pub(super) struct Region {
    pub(super) from: f64,
    pub(super) to: f64,
    pub(super) slope: f64,
    pub(super) start: Option<f64>,
}

/// The supplier's profit over the regions of a driver; a region that starts elsewhere than the
/// one before ended is a jump.
pub(super) fn curve(
    regions: &[Region],
    id: &str,
    title: &str,
    across: &str,
    language: Language,
) -> Markup {
    let (left, top, bottom, height) = (80.0, 16.0, 230.0, 285.0);
    let mut points: Vec<(f64, f64)> = Vec::new();
    let mut profit = 0.0;
    for region in regions {
        profit = region.start.unwrap_or(profit);
        points.push((region.from, profit));
        profit += (region.to - region.from) * region.slope;
        points.push((region.to, profit));
    }
    let fold = |start: f64, pick: fn(f64, f64) -> f64, get: fn(&(f64, f64)) -> f64| {
        points.iter().map(get).fold(start, pick)
    };
    let (low_x, high_x) = (
        fold(f64::INFINITY, f64::min, |p| p.0),
        fold(f64::NEG_INFINITY, f64::max, |p| p.0),
    );
    let (low_y, high_y) = (fold(0.0, f64::min, |p| p.1), fold(0.0, f64::max, |p| p.1));
    let marks = marks(low_y, high_y);
    let floor = marks.first().copied().unwrap_or(low_y);
    let ceiling = marks.last().copied().unwrap_or(high_y);
    let x = |v: f64| left + (WIDTH - left - 20.0) * (v - low_x) / (high_x - low_x).max(1e-9);
    let y = |v: f64| bottom - (bottom - top) * (v - floor) / (ceiling - floor).max(1e-9);
    let path: Vec<(f64, f64)> = points.iter().map(|(a, b)| (x(*a), y(*b))).collect();
    // Ends of regions that lie too close to be read are left to the table.
    let mut labelled: Vec<(f64, f64)> = Vec::new();
    for (place, (value, _)) in path.iter().zip(&points) {
        if labelled.iter().all(|(at, _)| (at - place.0).abs() > 45.0) {
            labelled.push((place.0, *value));
        }
    }
    html! {
        svg viewBox=(format!("0 0 {WIDTH} {height}")) role="img" aria-labelledby=(format!("{id}-t")) {
            title id=(format!("{id}-t")) { (title) }
            path class="grid" d=(grid(left, WIDTH - 20.0, marks.iter().map(|m| y(*m)))) {}
            @for mark in &marks {
                text class="soft" x=(left - 6.0) y=(at(y(*mark) + 4.0)) text-anchor="end" { (shown(*mark, language)) }
            }
            line class="axis" x1=(left) x2=(WIDTH - 20.0) y1=(at(y(0.0))) y2=(at(y(0.0))) {}
            path class="curve" d=(line(&path)) {}
            path class="dots" d=(dots(&path)) {}
            @for (place, value) in &labelled {
                text class="soft" x=(at(*place)) y=(bottom + 20.0) text-anchor="middle" { (shown(*value, language)) }
            }
            text class="soft" x=((WIDTH + left) / 2.0) y=(height - 8.0) text-anchor="middle" { (across) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_axis_covers_its_values_with_round_marks() {
        let list = marks(0.0, 232.0);
        assert_eq!(list, vec![0.0, 50.0, 100.0, 150.0, 200.0, 250.0]);
        let list = marks(-3.0, 4.0);
        assert!(list.first().is_some_and(|l| *l <= -3.0));
        assert!(list.last().is_some_and(|l| *l >= 4.0));
    }

    #[test]
    fn nothing_to_draw_is_no_panic() {
        let _ = incidents(&[], "a", "t", Language::En);
        let _ = bars(&[], "a", "t");
        let _ = curve(&[], "a", "t", "x", Language::Nl);
    }
}
