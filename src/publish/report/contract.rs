//! One contract of the report: what it comes to, its pictures, its amounts with their
//! calculations, its measures, its integrity and what was noticed. Not responsible for the page
//! around it.

use std::collections::BTreeSet;

use maud::{Markup, html};

use super::facts::{Calculation, Contract, Line, Noticed};
use super::figures;
use super::integrity;
use super::kpis::{Kpi, KpiRow};
use super::language::Language;
use super::names::{name, sentence};
use super::page::noticed;
use super::timeline;
use crate::money::Decimal;
use crate::publish::reading::ReadTable;

/// The part of the contract with number `n`.
pub(super) fn part(contract: &Contract, n: usize, as_of: &str, steps: bool, l: Language) -> Markup {
    html! {
        section.contract.new aria-labelledby=(format!("c{n}")) {
            h2 id=(format!("c{n}")) {
                (name(&contract.id))
                @for s in &contract.suppliers { " · " (name(s)) }
            }
            (comes_to(contract, l))
            div.pair {
                (figures::incidents(contract, n, steps, l))
                (figures::saving(contract, n, steps, l))
            }
            (amounts(contract, n, steps, l))
            (measures(contract, n, steps, l))
            (timeline::told(contract, n, as_of, steps, l))
            (figures::alignment(contract, n, steps, l))
            (integrity::integrity(contract, n, steps, l))
            @if steps {
                @for (title, table) in &contract.others {
                    h3 { (title.replace('_', " ")) }
                    (plain(table, title, l))
                }
            } @else if !contract.others.is_empty() {
                p.soft {
                    (l.say("With so many contracts these stand in their own tables: ", "Bij zo veel contracten staan in hun eigen tabellen: "))
                    (contract.others.iter().map(|(title, _)| title.replace('_', " ")).collect::<Vec<_>>().join(", "))
                    "."
                }
            }
            @if !contract.noticed.is_empty() {
                @let shown: Vec<Noticed> = contract.noticed.iter().filter(|f| steps || f.severity != "note").cloned().collect();
                @let left = contract.noticed.len() - shown.len();
                details.print {
                    summary { (l.say("Findings about this contract", "Bevindingen over dit contract")) " (" (contract.noticed.len()) ")" }
                    (noticed(&shown, &format!("{} {}", l.say("Findings", "Bevindingen"), super::names::short(&contract.id, 60)), l))
                    @if left > 0 { p.soft { (left) (l.say(" notes are in the table findings.", " opmerkingen staan in de tabel findings.")) } }
                }
            }
        }
    }
}

fn comes_to(contract: &Contract, l: Language) -> Markup {
    html! {
        p {
            @for ((supplier, currency), parts) in &contract.owed() {
                @if parts[2].is_negative() { (name(supplier)) (l.say(" owes ", " is verschuldigd ")) }
                @else { (name(supplier)) (l.say(" is owed ", " krijgt ")) }
                strong { (l.money(parts[2].abs(), currency)) }
                @if !parts[1].is_zero() {
                    " (" (l.money(parts[0], currency)) (l.say(" in all, of which ", " in totaal, waarvan ")) (l.money(parts[1], currency)) (l.say(" was settled before)", " eerder is afgerekend)"))
                }
                ". "
            }
            @for ((scheme, currency), sum) in contract.schemes.iter().filter(|((s, _), _)| s != "this_contract") {
                i { (name(scheme)) } (l.say(" would have paid ", " was uitgekomen op "))
                @match sum {
                    Some(sum) => (l.money(*sum, currency)),
                    None => (l.status("not_measurable")),
                }
                ". "
            }
        }
    }
}

/// An amount per row, with its calculation in one line and its steps behind it.
fn amounts(contract: &Contract, n: usize, steps: bool, l: Language) -> Markup {
    html! {
        h3 id=(format!("c{n}-amounts")) { (l.say("What is due, and how it came about", "Wat verschuldigd is, en hoe dat tot stand kwam")) }
        @if contract.calculations.is_empty() {
            p { (l.say("Nothing was settled for this contract.", "Voor dit contract is niets afgerekend.")) }
        } @else {
            div.wide tabindex="0" role="group" aria-labelledby=(format!("c{n}-amounts")) {
                table.sort {
                    thead { tr {
                        th scope="col" { (l.say("Period", "Periode")) }
                        th scope="col" { (l.say("Clause", "Bepaling")) }
                        th scope="col" { (l.say("Calculation", "Berekening")) }
                        th.n scope="col" { (l.say("Due", "Verschuldigd")) }
                        th scope="col" { (l.say("Status", "Status")) }
                    } }
                    tbody {
                        @for calculation in &contract.calculations { (due(calculation, n, steps, l)) }
                    }
                }
            }
            @if !steps {
                p.soft { (l.say("With this many amounts the steps stay in the table settlement; ", "Bij zoveel bedragen blijven de stappen in de tabel settlement; ")) code { "gainshare explain" } (l.say(" prints them.", " drukt ze af.")) }
            }
        }
        @if steps {
            details {
                summary { (l.say("Every step, as on paper", "Elke stap, als op papier")) }
                @for calculation in &contract.calculations { (on_paper(calculation, n, l)) }
            }
        }
    }
}

/// The running amounts of a calculation in one line.
fn chain(calculation: &Calculation, l: Language) -> String {
    let mut text = String::new();
    for line in &calculation.lines {
        let Some(amount) = line.amount else { continue };
        let amount = l.rounded(amount, 2);
        match (line.kind.as_str(), line.step.as_str()) {
            ("gross", _) => text = amount,
            ("payable" | "total", _) => {}
            (_, "round") => {}
            (_, "share" | "price") => {
                let rate = line.rate.map(|r| l.number(r)).unwrap_or_default();
                text.push_str(&format!(" × {rate} = {amount}"));
            }
            (_, step) if line.amount != line.basis => {
                text.push_str(&format!(" → {} {amount}", l.step(step)));
            }
            _ => {}
        }
    }
    text
}

fn due(calculation: &Calculation, n: usize, steps: bool, l: Language) -> Markup {
    let chain = chain(calculation, l);
    html! {
        @for line in calculation.due() {
            tr id=[(!steps).then(|| format!("c{n}-{}", line.seq))] {
                td.k { (l.period(&line.period)) }
                td { (name(&line.clause)) }
                td { @if line.amount.is_none() { (sentence(&line.explanation)) } @else { (chain) } }
                td.n data-v=(line.amount.map(|a| a.normalized().to_string()).unwrap_or_default()) {
                    @match line.amount {
                        Some(amount) if steps => a href=(format!("#c{n}-{}", line.seq)) { (l.money(amount, &line.currency)) },
                        Some(amount) => (l.money(amount, &line.currency)),
                        None => "–",
                    }
                }
                td {
                    (l.status(&line.status)) (decided(line, l))
                    @if !line.bound_by.is_empty() { " (" (l.step(&line.bound_by)) ")" }
                }
            }
        }
    }
}

/// The mark of an amount that rests on a decision against a rule.
fn decided(line: &Line, l: Language) -> Markup {
    html! {
        @if !line.overridden.is_empty() {
            span.mark.bad { (l.say("overridden: ", "besluit tegen een regel: ")) (name(&line.overridden)) }
        }
    }
}

/// A calculation as one writes it under each other.
fn on_paper(calculation: &Calculation, n: usize, l: Language) -> Markup {
    let Some(last) = calculation.last() else {
        return html! {};
    };
    html! {
        div.wide tabindex="0" role="group" aria-label=(format!("{} {}", super::names::short(&last.clause, 60), last.period)) {
            table {
                caption {
                    (name(&last.clause)) " · " (l.period(&last.period))
                    @if !last.rule.is_empty() { " · " (name(&last.rule)) }
                    " · " (l.say("terms: ", "voorwaarden: ")) (name(&last.terms_version))
                }
                thead { tr {
                    th scope="col" { (l.say("Step", "Stap")) }
                    th scope="col" { (l.say("In words", "In woorden")) }
                    th.n scope="col" { (l.say("Rate or limit", "Tarief of grens")) }
                    th.n scope="col" { (l.say("Amount", "Bedrag")) }
                } }
                tbody { @for line in &calculation.lines { (step(line, n, l)) } }
            }
        }
    }
}

fn step(line: &Line, n: usize, l: Language) -> Markup {
    let payable = line.kind == "payable";
    html! {
        tr.sum[payable] id=[payable.then(|| format!("c{n}-{}", line.seq))] {
            td { (l.step(&line.step)) }
            td {
                (sentence(&line.explanation))
                @if line.kind == "gross" {
                    @for kpi in measures_named(&line.explanation) {
                        " " a href=(format!("#kpi-{kpi}")) { (l.say("what it is", "wat het is")) }
                    }
                }
            }
            td.n { @if let Some(rate) = line.rate { (l.number(rate)) } }
            td.n {
                @match line.amount {
                    Some(amount) if payable => { (l.money(amount, &line.currency)) (decided(line, l)) },
                    Some(amount) => (l.number(amount)),
                    None => (l.status(&line.status)),
                }
            }
        }
    }
}

/// The KPIs of the catalogue that a sentence names.
fn measures_named(text: &str) -> Vec<&'static str> {
    let words: Vec<&str> = text
        .split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))
        .collect();
    crate::score::catalogue::all()
        .map(|k| k.id)
        .filter(|id| words.contains(id))
        .collect()
}

/// A value for reading: shares as percentages, seconds as hours, money with its currency; the
/// unit of others stands in its own column.
pub(super) fn valued(value: Decimal, unit: &str, l: Language) -> String {
    match unit {
        "share" => l.percent(value),
        "business_s" | "wall_s" => {
            let hours = value.div(Decimal::from_i64(3600), 1, crate::money::Rounding::HalfEven);
            match hours {
                Ok(hours) => format!(
                    "{} {}",
                    l.number(hours),
                    if unit == "business_s" {
                        l.say("business hours", "kantooruren")
                    } else {
                        l.say("hours", "uur")
                    }
                ),
                Err(_) => format!("{} {}", l.number(value), l.unit(unit)),
            }
        }
        _ if unit.len() == 3 && unit.chars().all(|c| c.is_ascii_uppercase()) => {
            l.money(value.round(2, crate::money::Rounding::HalfEven), unit)
        }
        _ => l.rounded(value, 2),
    }
}

/// Whether a value says its unit itself; see [`valued`].
fn said(unit: &str) -> bool {
    matches!(unit, "share" | "business_s" | "wall_s")
        || unit.len() == 3 && unit.chars().all(|c| c.is_ascii_uppercase())
}

/// The measures over the performance period: first those that an amount names or the terms aim at,
/// then, unless the page has many contracts (`all` is false), the others.
fn measures(contract: &Contract, n: usize, all: bool, l: Language) -> Markup {
    let longest = || {
        let compared = contract.kpis().map(KpiRow::kpi).filter(|k| {
            k.baseline.is_some() || k.id == "incidents_avoided" || k.id == "actual_cost"
        });
        compared.max_by_key(|k| k.span.map_or((0, 0), |(from, to)| (to - from, from)))
    };
    let period = contract.year().or_else(longest).map_or("", |k| k.period);
    let named: BTreeSet<&str> = contract
        .calculations
        .iter()
        .flat_map(|c| &c.lines)
        .flat_map(|line| measures_named(&line.explanation))
        .chain(["incidents_avoided"])
        // The section on telling in time leads to these.
        .chain([
            "notify_timely_share",
            "breach_warned_share",
            "telling_delay_cost",
        ])
        .collect();
    let (rows, rest): (Vec<Kpi<'_>>, Vec<Kpi<'_>>) = contract
        .kpis()
        .filter(|k| k.period() == period)
        .map(KpiRow::kpi)
        .partition(|k| k.target.is_some() || named.contains(k.id));
    let title = format!("c{n}-kpis");
    html! {
        @if !rows.is_empty() {
            h3 id=(title) { (l.say("Measures over ", "Maten over ")) (l.period(period)) }
            p.soft { (l.say("Those that an amount names or the terms aim at.", "De maten die een bedrag noemt of waarvoor de voorwaarden een doel stellen.")) }
            (table_of(&rows, &format!("{} c{n}", l.say("Measures", "Maten")), n, l))
        }
        @if !rest.is_empty() && all {
            details.print {
                summary { (l.say("All other measures", "Alle andere maten")) " (" (rest.len()) ")" }
                (table_of(&rest, &format!("{} c{n}", l.say("Other measures", "Andere maten")), n, l))
            }
        } @else if !rest.is_empty() {
            p.soft { (rest.len()) (l.say(" other measures are in the table kpi.", " andere maten staan in de tabel kpi.")) }
        }
    }
}

fn table_of(rows: &[Kpi<'_>], label: &str, n: usize, l: Language) -> Markup {
    html! {
        div.wide tabindex="0" role="group" aria-label=(label) {
            table.sort {
                thead { tr {
                    th scope="col" { (l.say("Measure", "Maat")) }
                    th.n scope="col" { (l.say("Value", "Waarde")) }
                    th.n scope="col" { (l.say("Interval", "Interval")) }
                    th.n scope="col" { (l.say("Baseline", "Basis")) }
                    th.n scope="col" { (l.say("Target", "Doel")) }
                    th.n scope="col" { (l.say("Rests on", "Rust op")) }
                    th scope="col" { (l.say("Unit", "Eenheid")) }
                } }
                tbody { @for kpi in rows { (measure(*kpi, n, l)) } }
            }
        }
    }
}

fn measure(kpi: Kpi<'_>, n: usize, l: Language) -> Markup {
    let title = crate::score::catalogue::find(kpi.id).map_or(kpi.id, |k| k.title);
    let sorted = kpi
        .value
        .map(|v| v.normalized().to_string())
        .unwrap_or_default();
    html! {
        tr id=(format!("c{n}-k-{}", kpi.id)) {
            th scope="row" { a href=(format!("#kpi-{}", kpi.id)) lang="en" { (title) } }
            @match kpi.value {
                Some(value) => td.n data-v=(sorted) { (valued(value, kpi.unit, l)) },
                None => td data-v="" { (l.status(kpi.status)) ": " (sentence(kpi.reason)) },
            }
            td.n {
                @if let (Some(low), Some(high)) = (kpi.low, kpi.high) {
                    (l.rounded(low, 2)) " " (l.say("to", "tot")) " " (l.rounded(high, 2))
                    @if let Some(level) = kpi.level { " (" (l.percent(level)) ")" }
                }
            }
            td.n { @if let Some(value) = kpi.baseline { (valued(value, kpi.unit, l)) } }
            td.n { @if let Some(value) = kpi.target { (valued(value, kpi.unit, l)) } }
            td.n { @if let Ok(n) = kpi.n.parse() { (l.number(Decimal::from_u64(n))) } }
            td.soft { @if !said(kpi.unit) { (l.unit(kpi.unit)) } }
        }
    }
}

/// A table as it was published.
pub(super) fn plain(table: &ReadTable, label: &str, l: Language) -> Markup {
    let shown: Vec<usize> = (0..table.columns.len())
        .filter(|i| {
            table
                .columns
                .get(*i)
                .is_some_and(|c| c.name != "contract_id")
                && table
                    .rows
                    .iter()
                    .any(|r| r.get(*i).is_some_and(|c| !c.is_empty()))
        })
        .collect();
    html! {
        @if table.rows.is_empty() {
            p { (l.say("It has no rows for this contract.", "Zij heeft geen rijen voor dit contract.")) }
        } @else {
            div.wide tabindex="0" role="group" aria-label=(label.replace('_', " ")) {
                table.sort {
                    thead { tr {
                        @for column in shown.iter().filter_map(|i| table.columns.get(*i)) {
                            th.n[column.numeric] scope="col" title=(column.description) { (column.name.replace('_', " ")) @if !column.unit.is_empty() { " (" (l.unit(&column.unit)) ")" } }
                        }
                    } }
                    tbody {
                        @for row in table.rows.iter().take(24) {
                            tr { @for i in &shown {
                                @let text = row.get(*i).unwrap_or_default();
                                @let numeric = table.columns.get(*i).is_some_and(|c| c.numeric);
                                td.n[numeric] data-v=[numeric.then_some(text)] {
                                    @match crate::publish::reading::decimal(text).filter(|_| numeric) {
                                        Some(number) => (l.rounded(number, 4)),
                                        None => (sentence(text)),
                                    }
                                }
                            } }
                        }
                    }
                }
            }
            @if table.rows.len() > 24 {
                p.soft { "+ " (table.rows.len() - 24) " " (l.say("rows in the table", "rijen in de tabel")) }
            }
        }
    }
}
