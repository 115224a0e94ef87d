//! The three pictures of a contract from its facts, each with its figures in a table. Responsible
//! for which values are drawn; not for where lines go (see [`super::picture`]).

use std::collections::BTreeMap;

use maud::{Markup, html};

use super::contract::plain;
use super::facts::{Contract, months};
use super::kpis::Kpi;
use super::language::Language;
use super::names::short;
use super::picture::{self, Bar, Month};
use crate::money::Decimal;
use crate::publish::reading::{ReadColumn, ReadTable};
use crate::publish::rows::Rows;

/// How a picture is read. Where a page has many contracts it is said once for all.
#[derive(Debug, Clone, Copy)]
pub(super) enum Caption {
    Incidents,
    Saving,
    Told,
    Alignment,
}

impl Caption {
    /// In the order of a contract's part.
    pub(super) const ALL: [Caption; 4] = [
        Caption::Incidents,
        Caption::Saving,
        Caption::Told,
        Caption::Alignment,
    ];

    pub(super) fn words(self, l: Language) -> &'static str {
        match self {
            Caption::Incidents => l.say("Incidents per month. An interval of one month is wide; only the interval over the whole period decides.", "Incidenten per maand. Het interval van één maand is breed; alleen dat over de hele periode beslist."),
            Caption::Saving => l.say("Above: cost against the benchmark. Below, on its own scale: what becomes of the difference. The dashed outline is the step before.", "Boven: kosten tegenover de maatstaf. Onder, op eigen schaal: wat er van het verschil wordt. De stippellijn is de stap ervoor."),
            Caption::Alignment => l.say("Change of the supplier's profit, by region; a jump is a notch of the terms. Where the line falls, the terms make the supplier poorer.", "Verandering van de winst van de leverancier, per gebied; een sprong is een drempel in de voorwaarden. Waar de lijn daalt maken de voorwaarden de leverancier armer."),
            Caption::Told => l.say("Each line runs from the moment the incident was known to its restoration, each on its own scale. Dashed: nobody had been told yet. Thick: past its target.", "Elke lijn loopt van het moment waarop het incident bekend was tot het herstel, elk op zijn eigen schaal. Gestreept: nog niemand was ingelicht. Dik: over de norm heen."),
        }
    }
}

/// Expected against counted incidents, month by month.
pub(super) fn incidents(contract: &Contract, n: usize, all: bool, l: Language) -> Markup {
    let mut list: BTreeMap<i32, Month> = BTreeMap::new();
    let monthly = |id: &'static str| {
        let named = contract.kpis().filter(move |k| k.id() == id);
        named.filter_map(|k| {
            let (from, to) = k.span?;
            (to == from + 1).then(|| (from, k.kpi()))
        })
    };
    type Put = fn(&mut Month, Kpi<'_>);
    let at = |list: &mut BTreeMap<i32, Month>, from: i32, kpi: Kpi<'_>, put: Put| {
        let month = list.entry(from).or_default();
        kpi.period.clone_into(&mut month.name);
        put(month, kpi);
    };
    for (from, kpi) in monthly("incident_rate") {
        // What the rate rests on is the count.
        let counted = kpi.n.parse().ok();
        at(&mut list, from, kpi, |_, _| {});
        if let Some(month) = list.get_mut(&from) {
            month.counted = counted;
        }
    }
    for (from, kpi) in monthly("incidents_expected") {
        at(&mut list, from, kpi, |month, kpi| {
            month.expected = kpi.value.map(Decimal::to_f64_lossy);
            month.low = kpi.low.map(Decimal::to_f64_lossy);
            month.high = kpi.high.map(Decimal::to_f64_lossy);
        });
    }
    for (from, kpi) in monthly("incidents_avoided") {
        let month = list.entry(from).or_default();
        if month.counted.is_none()
            && let (Some(expected), Some(avoided)) = (month.expected, kpi.value)
        {
            month.counted = Some(expected - avoided.to_f64_lossy());
        }
    }
    let list: Vec<Month> = list.into_values().collect();
    let known = list.iter().any(|m| m.expected.is_some());
    let year = contract.year();
    html! {
        div {
            h3 id=(format!("c{n}-incidents")) { (l.say("Incidents that did not happen", "Incidenten die niet gebeurden")) }
            @if !known {
                p {
                    (l.say("What was to be expected could not be measured", "Wat te verwachten was kon niet worden gemeten"))
                    @match year.filter(|k| !k.reason.is_empty()) {
                        Some(k) => { ": " (super::names::sentence(k.reason)) "." }
                        None => "."
                    }
                }
            } @else {
                @if let Some((value, low, high, year)) = year.and_then(|k| Some((k.value?, k.low?, k.high?, k))) {
                    p {
                        strong { (l.rounded(value.abs(), 0)) " " (if value.is_negative() { l.say("incidents more than expected", "incidenten meer dan verwacht") } else { l.say("incidents fewer than expected", "incidenten minder dan verwacht") }) }
                        (l.say(" over ", " over ")) (l.period(year.period))
                        (l.say("; the interval runs from ", "; het interval loopt van ")) (l.rounded(low, 0)) (l.say(" to ", " tot ")) (l.rounded(high, 0))
                        @if let Some(level) = year.level { " (" (l.percent(level)) ")" } ". "
                        @if low.is_positive() { span.mark.good { (l.say("Chance alone does not explain it.", "Toeval alleen verklaart dit niet.")) } }
                        @else if high.is_negative() { span.mark.bad { (l.say("More than chance explains.", "Meer dan toeval verklaart.")) } }
                        @else { (l.say("It may be chance.", "Het kan toeval zijn.")) }
                    }
                }
                figure {
                    (picture::incidents(&list, &format!("c{n}-p1"), &format!("{}: {}", short(&contract.id, 60), l.say("expected incidents per month with their interval, and what was counted", "verwachte incidenten per maand met interval, en wat is geteld")), l))
                    @if all { figcaption { (Caption::Incidents.words(l)) } }
                }
                details {
                    summary { (l.say("Figures of this picture", "Cijfers van deze grafiek")) }
                    @if all { (figures(&list, l)) } @else { (in_lines(&list, l)) }
                }
            }
        }
    }
}

/// A value drawn, with one decimal.
fn number(value: Option<f64>, l: Language) -> String {
    value
        .and_then(|v| Decimal::from_f64_rounded(v, 1).ok())
        .map_or("–".to_owned(), |d| l.number(d))
}

/// The same figures, a few letters a month: for pages with many contracts.
fn in_lines(list: &[Month], l: Language) -> Markup {
    let before: Vec<&Month> = list.iter().filter(|m| m.expected.is_none()).collect();
    let counts: Vec<String> = before.iter().map(|m| number(m.counted, l)).collect();
    html! {
        @if let (Some(first), Some(last)) = (before.first(), before.last()) {
            p { (first.name) " " (l.say("to", "t/m")) " " (last.name) ", " (l.say("counted", "geteld")) ": " (counts.join(" · ")) }
        }
        p {
            (l.say("Counted / expected (interval): ", "Geteld / verwacht (interval): "))
            @for m in list.iter().filter(|m| m.expected.is_some()) {
                (m.name) " " (number(m.counted, l)) " / " (number(m.expected, l)) " (" (number(m.low, l)) "–" (number(m.high, l)) "); "
            }
        }
    }
}

fn figures(list: &[Month], l: Language) -> Markup {
    let number = |v: Option<f64>| number(v, l);
    html! {
        div.wide tabindex="0" role="group" aria-label=(l.say("Figures of the picture", "Cijfers van de grafiek")) {
            table {
                thead { tr {
                    th scope="col" { (l.say("Month", "Maand")) }
                    th.n scope="col" { (l.say("Counted", "Geteld")) }
                    th.n scope="col" { (l.say("Expected", "Verwacht")) }
                    th.n scope="col" { (l.say("Interval", "Interval")) }
                } }
                tbody { @for m in list {
                    tr {
                        th scope="row" { (m.name) }
                        td.n { (number(m.counted)) }
                        td.n { (number(m.expected)) }
                        td.n { @if m.low.is_some() { (number(m.low)) " " (l.say("to", "tot")) " " (number(m.high)) } @else { "–" } }
                    }
                } }
            }
        }
    }
}

/// From the benchmark to what is payable, of the last period in which a saving was shared.
pub(super) fn saving(contract: &Contract, n: usize, all: bool, l: Language) -> Markup {
    let sharing = contract
        .calculations
        .iter()
        .filter(|c| c.shares_a_saving() && c.lines.first().is_some_and(|l| l.amount.is_some()));
    let longest = sharing.max_by_key(|c| {
        c.lines
            .first()
            .and_then(|l| l.span)
            .map_or((0, 0), |(from, to)| (to - from, to))
    });
    html! {
        div {
            h3 id=(format!("c{n}-saving")) { (l.say("From benchmark to payable", "Van maatstaf naar te betalen")) }
            @match longest.and_then(|c| c.lines.first().map(|first| (c, first))) {
                None => p { (l.say("No clause of this contract shared a measurable saving.", "Geen bepaling van dit contract verdeelde een meetbare besparing.")) },
                Some((calculation, first)) => {
                    @let groups = bars(contract, calculation, l);
                    p { (super::names::name(&first.clause)) " · " (l.period(&first.period)) }
                    figure {
                        (picture::bars(&groups, &format!("c{n}-p2"), &format!("{}: {}", short(&contract.id, 60), l.say("from the benchmark to what is payable", "van de maatstaf naar wat te betalen is"))))
                        @if all { figcaption { (Caption::Saving.words(l)) } }
                    }
                    details {
                        summary { (l.say("Figures of this picture", "Cijfers van deze grafiek")) }
                        ul { @for bar in groups.iter().flatten() { li { (bar.label) ": " (bar.shown) } } }
                    }
                }
            }
        }
    }
}

fn bars(
    contract: &Contract,
    calculation: &super::facts::Calculation,
    l: Language,
) -> Vec<Vec<Bar>> {
    let Some(first) = calculation.lines.first() else {
        return Vec::new();
    };
    let bar = |label: String, value: Decimal, end: bool| Bar {
        label,
        value: value.to_f64_lossy(),
        shown: l.money(
            value.round(2, crate::money::Rounding::HalfEven),
            &first.currency,
        ),
        end,
    };
    let mut above = Vec::new();
    for (id, label) in [
        ("benchmark_cost", l.say("benchmark", "maatstaf")),
        ("actual_cost", l.say("actual cost", "werkelijke kosten")),
    ] {
        if let Some(value) = contract.kpi(id, &first.period).and_then(|k| k.value) {
            above.push(bar(label.to_owned(), value, false));
        }
    }
    let mut below = Vec::new();
    for line in &calculation.lines {
        let Some(amount) = line.amount else { continue };
        let label = match line.kind.as_str() {
            "gross" => l.say("saving", "besparing").to_owned(),
            "payable" => l.say("payable", "te betalen").to_owned(),
            _ => format!("{} {}", l.say("after", "na"), l.step(&line.step)),
        };
        if line.step != "round" {
            below.push(bar(label, amount, line.kind == "payable"));
        }
    }
    vec![above, below]
        .into_iter()
        .filter(|g| !g.is_empty())
        .collect()
}

/// Whether the terms make the supplier richer for the next avoided incident.
pub(super) fn alignment(contract: &Contract, n: usize, rows: bool, l: Language) -> Markup {
    html! {
        h3 id=(format!("c{n}-alignment")) { (l.say("Do the terms point both the same way?", "Wijzen de voorwaarden beide kanten dezelfde kant op?")) }
        @match &contract.alignment {
            None => p { (l.say("What the next avoided incident does to the supplier's profit is not in this output (no table alignment).", "Wat het volgende voorkomen incident doet met de winst van de leverancier staat niet in deze uitvoer (geen tabel alignment).")) },
            Some(table) => {
                @let regions = regions(table);
                @let drivers = drivers(&regions);
                @for (at, (driver, parts)) in drivers.iter().enumerate().filter(|(_, (driver, _))| rows || driver == "avoided_incident") {
                    figure {
                        (picture::curve(parts, &format!("c{n}-p3-{at}"), &format!("{}: {}", short(&contract.id, 60), l.say("the supplier's profit over regions of the driver", "de winst van de leverancier over gebieden van de drijfveer")), &short(&driver.replace('_', " "), 60), l))
                        @if rows { figcaption { (Caption::Alignment.words(l)) } }
                    }
                }
                @if drivers.is_empty() { p { (l.say("The run could not tell: see the findings about alignment.", "De run kon het niet bepalen: zie de bevindingen over alignment.")) } }
                @if !rows && let Some(first) = drivers.iter().find(|(driver, _)| driver == "avoided_incident") {
                    @for verdict in verdicts(&regions, &first.0) { p { (super::names::sentence(&verdict)) } }
                }
                @if !rows && drivers.iter().any(|(driver, _)| driver != "avoided_incident") { p.soft { (l.say("Other drivers are in the table alignment.", "Andere drijfveren staan in de tabel alignment.")) } }
                @if rows { (plain(&regions, &format!("alignment {}", short(&contract.id, 60)), l)) }
            }
        }
    }
}

/// What the regions of a driver mean, in the words of the table.
fn verdicts(table: &ReadTable, driver: &str) -> Vec<String> {
    let of = |row: &crate::publish::reading::Row<'_>| row.text("driver") == driver;
    table
        .iter()
        .filter(of)
        .map(|row| row.text("verdict").to_owned())
        .collect()
}

/// What is shown of the table: regions of all clauses together, in the last period.
fn regions(table: &ReadTable) -> ReadTable {
    const SHOWN: [&str; 8] = [
        "driver",
        "region_from",
        "region_to",
        "marginal_profit",
        "marginal_customer",
        "break_even_cost",
        "notch",
        "verdict",
    ];
    let latest = table
        .iter()
        .filter_map(|r| months(r.text("period")).map(|(from, to)| (to, from)))
        .max();
    let columns = table.columns.iter();
    let columns = columns.filter(|c| SHOWN.contains(&c.name.as_str()) || c.name == "profit");
    let columns: Vec<ReadColumn> = columns.cloned().collect();
    let mut shown = ReadTable {
        description: table.description.clone(),
        rows: Rows::new(columns.len()),
        columns,
    };
    for row in table.iter() {
        let last = months(row.text("period")).map(|(from, to)| (to, from));
        if last == latest && row.text("clause_id") == "all" && row.text("kind") == "region" {
            let cells = shown.columns.iter().map(|c| row.text(&c.name));
            shown.rows.push(cells);
        }
    }
    shown
}

/// The regions of each driver: from, to, profit per unit, and profit at the start. Drivers whose
/// profit is not told are left out.
fn drivers(table: &ReadTable) -> Vec<(String, Vec<picture::Region>)> {
    let mut found: Vec<(String, Vec<picture::Region>)> = Vec::new();
    for row in table.iter() {
        let (Some(from), Some(to), Some(slope)) = (
            row.number("region_from"),
            row.number("region_to"),
            row.number("marginal_profit"),
        ) else {
            continue;
        };
        let region = picture::Region {
            from: from.to_f64_lossy(),
            to: to.to_f64_lossy(),
            slope: slope.to_f64_lossy(),
            start: row.number("profit").map(Decimal::to_f64_lossy),
        };
        let driver = row.text("driver");
        match found.iter_mut().find(|(name, _)| name == driver) {
            Some((_, regions)) => regions.push(region),
            None => found.push((driver.to_owned(), vec![region])),
        }
    }
    for (_, regions) in &mut found {
        regions.sort_by(|a, b| a.from.total_cmp(&b.from));
    }
    found
}
