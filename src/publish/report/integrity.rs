//! Tests for gaming in words that a meeting understands: what was tested, what was found, how
//! large it is and how likely by chance. Responsible for the words; the table `integrity` holds
//! the figures.

use maud::{Markup, html};

use super::facts::Contract;
use super::language::Language;
use super::names::sentence;
use crate::publish::reading::{ReadTable, Row};

/// What a test asks, in words; an unknown one by its own name.
fn question(test: &str, l: Language) -> String {
    let (english, dutch) = match test {
        "bunching_before_deadline" => (
            "Incidents resolved just before their deadline",
            "Incidenten opgelost vlak voor hun deadline",
        ),
        "hold_before_breach" => (
            "Clocks stopped just before a breach",
            "Klokken stilgezet vlak voor een overschrijding",
        ),
        "priority_lowered_late" => (
            "Priorities lowered late in the clock",
            "Prioriteiten laat in de klok verlaagd",
        ),
        "requests_for_incidents" => (
            "Requests that grew while incidents shrank",
            "Verzoeken die groeiden terwijl incidenten afnamen",
        ),
        "quick_return" | "reopened_under_new_number" => (
            "The same matter back under a new number",
            "Dezelfde zaak terug onder een nieuw nummer",
        ),
        "split_tickets" => (
            "One matter logged as several tickets",
            "Eén zaak vastgelegd als meerdere tickets",
        ),
        "merged_tickets" => (
            "Tickets folded under others",
            "Tickets onder andere geschoven",
        ),
        "back_dated" => (
            "Tickets logged or resolved with an earlier date",
            "Tickets vastgelegd of opgelost met een eerdere datum",
        ),
        "told_afterwards" => (
            "Incidents first told of when they were over",
            "Incidenten pas gemeld toen ze voorbij waren",
        ),
        "split_orders" => (
            "Orders in parts under the limit of approval",
            "Bestellingen in delen onder de goedkeuringsgrens",
        ),
        "impact_despite_kpi" => (
            "Impact that grew while the measures improved",
            "Impact die groeide terwijl de maten verbeterden",
        ),
        other => return super::names::short(&other.replace('_', " "), 60),
    };
    l.say(english, dutch).to_owned()
}

/// `2.4 times the baseline (ratio of rates)`.
fn effect(row: &Row<'_>, l: Language) -> Option<String> {
    let effect = row.number("effect")?;
    let unit = match row.text("effect_unit") {
        "" => String::new(),
        "ratio of rates" => l
            .say(" (ratio of rates)", " (verhouding van frequenties)")
            .to_owned(),
        "ratio of odds" => l
            .say(" (ratio of odds)", " (verhouding van kansen)")
            .to_owned(),
        "ratio of means" => l
            .say(" (ratio of means)", " (verhouding van gemiddelden)")
            .to_owned(),
        other => format!(" ({})", super::names::short(other, 40)),
    };
    Some(format!(
        "{} {}{unit}",
        l.rounded(effect, 1),
        l.say("times the baseline", "maal de basisperiode")
    ))
}

/// The chance, in words for what is too small to read.
fn chance(row: &Row<'_>, l: Language) -> Option<String> {
    let q = row.number("q_value").or(row.number("p_value"))?;
    Some(if q.to_f64_lossy() < 0.001 {
        l.say("less than 0.1", "minder dan 0,1").to_owned() + "\u{a0}%"
    } else {
        l.percent(q)
    })
}

fn flagged(row: &Row<'_>) -> bool {
    row.text("flagged") == "true"
}

/// The section: the flagged tests in words, then all of them (or, where the page has many
/// contracts, their names).
pub(super) fn integrity(contract: &Contract, n: usize, all: bool, l: Language) -> Markup {
    html! {
        h3 id=(format!("c{n}-integrity")) { (l.say("Can the numbers be trusted?", "Zijn de cijfers te vertrouwen?")) }
        @match &contract.integrity {
            None => p { (l.say("Gaming was not tested: this output has no table integrity. Do not pay on the count of incidents alone.", "Of er met de cijfers is gestuurd, is niet getoetst: deze uitvoer heeft geen tabel integrity. Betaal niet alleen op het aantal incidenten.")) },
            Some(table) if table.rows.is_empty() => p { (l.say("Gaming was not tested for this contract: the table integrity has no row about it.", "Of er met de cijfers is gestuurd, is voor dit contract niet getoetst: de tabel integrity heeft er geen rij over.")) },
            Some(table) => (tested(table, contract.flagged().unwrap_or(0), n, all, l)),
        }
    }
}

fn tested(table: &ReadTable, flags: usize, n: usize, all: bool, l: Language) -> Markup {
    let measured = table
        .iter()
        .filter(|r| r.number("q_value").or(r.number("p_value")).is_some())
        .count();
    html! {
        p {
            @if measured == 0 { (l.say("There was too little to test.", "Er was te weinig om te toetsen.")) }
            @else if flags == 0 {
                (l.say("None of ", "Geen van de ")) (measured) (l.say(" tests was flagged. That is no proof that nothing was done.", " toetsen gaf een signaal. Dat bewijst niet dat er niets is gedaan."))
            } @else {
                span.mark.bad { (flags) (l.say(" of ", " van de ")) (measured) (l.say(if flags == 1 { " tests was flagged" } else { " tests were flagged" }, if flags == 1 { " toetsen gaf een signaal" } else { " toetsen gaven een signaal" })) }
                (l.say(". A flag is a reason to ask, not a verdict:", ". Een signaal is een reden om te vragen, geen oordeel:"))
            }
        }
        @if flags > 0 {
            ul {
                @for row in table.iter().filter(flagged) {
                    li {
                        strong { (question(row.text("test"), l)) } ": "
                        @if let Some(effect) = effect(&row, l) { (effect) }
                        @if let Some(chance) = chance(&row, l) { (l.say("; by chance with a probability of ", "; door toeval met een kans van ")) (chance) } ". "
                        (sentence(row.text("evidence")))
                        @if !row.text("cleared").is_empty() { " " strong { (l.say("Cleared: ", "Opgehelderd: ")) } (sentence(row.text("cleared"))) }
                    }
                }
            }
        }
        @if all {
            details {
                summary { (l.say("All tests", "Alle toetsen")) }
                div.wide tabindex="0" role="group" aria-label=(format!("{} c{n}", l.say("Integrity tests", "Integriteitstoetsen"))) {
                    table.sort {
                        thead { tr {
                            th scope="col" { (l.say("What was tested", "Wat is getoetst")) }
                            th scope="col" { (l.say("Flagged", "Signaal")) }
                            th.n scope="col" { (l.say("Times the baseline", "Maal de basis")) }
                            th.n scope="col" { (l.say("Chance", "Toeval")) }
                            th scope="col" { (l.say("Figures", "Cijfers")) }
                        } }
                        tbody { @for row in table.iter() { tr {
                            th scope="row" { (question(row.text("test"), l)) }
                            td { @if flagged(&row) { span.mark.bad { (l.say("yes", "ja")) } } @else if chance(&row, l).is_some() { (l.say("no", "nee")) } @else { (l.say("too little to test", "te weinig om te toetsen")) } }
                            td.n data-v=(row.text("effect")) { @if let Some(e) = row.number("effect") { (l.rounded(e, 2)) } }
                            td.n data-v=(row.text("q_value")) { @if let Some(c) = chance(&row, l) { (c) } }
                            td { (sentence(row.text("evidence"))) }
                        } } }
                    }
                }
            }
        } @else {
            p.soft { (l.say("All tests with their figures are in the table integrity.", "Alle toetsen met hun cijfers staan in de tabel integrity.")) }
        }
    }
}
