//! The page around the contracts: the first screen, the list of contracts, findings about the
//! data, and where everything comes from. Not responsible for a contract's own part.

use std::collections::{BTreeMap, BTreeSet};

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::contract;
use super::facts::{Contract, Facts, Noticed, plus};
use super::figures::Caption;
use super::kpis::KpiRow;
use super::language::Language;
use super::names::{name, sentence};
use crate::money::Decimal;
use crate::publish::reading::Published;

/// Above so many amounts a calculation is one line; its steps are in the table `settlement`.
const MOST_IN_STEPS: usize = 1_500;

/// The whole page.
pub(super) fn page(facts: &Facts, published: &Published, l: Language) -> Markup {
    let amounts: usize = facts.contracts.iter().map(|c| c.calculations.len()).sum();
    let steps = amounts <= MOST_IN_STEPS;
    html! {
        (DOCTYPE)
        html lang=(l.tag()) data-filter=(l.say("Show only rows with", "Toon alleen rijen met")) {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width,initial-scale=1";
                meta name="generator" content={ "gainshare " (published.said("gainshare")) };
                title { (l.say("Settlement", "Afrekening")) " · " (super::names::short(published.said("project"), 60)) }
                style { (PreEscaped(include_str!("style.css"))) }
            }
            body {
                a.skip href="#contracts" { (l.say("To the contracts", "Naar de contracten")) }
                header {
                    h1 { (l.say("Settlement", "Afrekening")) ": " (name(published.said("project"))) }
                    p.soft {
                        (l.say("As known at ", "Stand van ")) (published.said("as_of"))
                        " · gainshare " (published.said("gainshare"))
                        " · " a href="#source" { (l.say("where this comes from", "waar dit vandaan komt")) }
                    }
                }
                (super::picture::keys(l))
                main {
                    (said(facts, l))
                    (sure(facts, published, l))
                    (overview(facts, l))
                    @if !steps {
                        h3 { (l.say("How to read the pictures", "Hoe de grafieken te lezen")) }
                        ul { @for caption in Caption::ALL { li { (caption.words(l)) } } }
                    }
                    @for (n, contract) in facts.contracts.iter().enumerate() {
                        (contract::part(contract, n + 1, published.said("as_of"), steps, l))
                    }
                    (data(facts, published, l))
                    (meaning(facts, l))
                    (source(facts, published, l))
                }
                script { (PreEscaped(include_str!("script.js"))) }
            }
        }
    }
}

/// A list in words: `a, b and c`.
fn listed(parts: Vec<Markup>, l: Language) -> Markup {
    let last = parts.len().saturating_sub(1);
    html! {
        @for (i, part) in parts.into_iter().enumerate() {
            @if i > 0 { (if i == last { l.say(" and ", " en ") } else { ", " }) }
            (part)
        }
    }
}

type ByParty = BTreeMap<(String, String), [Decimal; 3]>;

/// What is owed by supplier and currency over all contracts.
fn owed(facts: &Facts) -> ByParty {
    let mut all = ByParty::new();
    for contract in &facts.contracts {
        for (key, parts) in contract.owed() {
            let entry = all.entry(key).or_insert([Decimal::ZERO; 3]);
            for (sum, part) in entry.iter_mut().zip(parts) {
                *sum = plus(*sum, Some(part));
            }
        }
    }
    all
}

/// Who owes whom what and why, and what a ticket-count contract would have paid.
fn said(facts: &Facts, l: Language) -> Markup {
    html! {
        section.said aria-label=(l.say("The result", "De uitkomst")) {
            p { (who(facts, l)) }
            p { (why(facts, l)) }
            p { (instead(facts, l)) }
        }
    }
}

fn who(facts: &Facts, l: Language) -> Markup {
    let owed = owed(facts);
    if owed.is_empty() {
        return html! { (l.say("No amount could be settled: see the findings below.", "Er kon geen bedrag worden afgerekend: zie de bevindingen hieronder.")) };
    }
    let mut suppliers: BTreeMap<&str, Vec<(&str, Decimal)>> = BTreeMap::new();
    for ((supplier, currency), parts) in &owed {
        suppliers
            .entry(supplier)
            .or_default()
            .push((currency, parts[2]));
    }
    let party = |sign: fn(Decimal) -> bool| -> Vec<Markup> {
        suppliers
            .iter()
            .filter_map(|(supplier, sums)| {
                let sums: Vec<String> = sums
                    .iter()
                    .filter(|(_, sum)| sign(*sum))
                    .map(|(currency, sum)| l.money(sum.abs(), currency))
                    .collect();
                (!sums.is_empty())
                    .then(|| html! { (name(supplier)) " " strong { (sums.join(" + ")) } })
            })
            .collect()
    };
    let (pays, receives) = (party(Decimal::is_positive), party(Decimal::is_negative));
    html! {
        @if !pays.is_empty() {
            (name(&facts.customer)) (l.say(" owes ", " is verschuldigd aan ")) (listed(pays, l))
            @if receives.is_empty() { "." } @else { "; " }
        }
        @if !receives.is_empty() {
            (l.say("owed to ", "aan ")) (name(&facts.customer)) (l.say(" by ", " verschuldigd door ")) (listed(receives, l)) "."
        }
    }
}

fn why(facts: &Facts, l: Language) -> Markup {
    let mut clauses: BTreeMap<(String, String), Decimal> = BTreeMap::new();
    let mut order: Vec<String> = Vec::new();
    for line in facts
        .contracts
        .iter()
        .flat_map(|c| &c.calculations)
        .flat_map(|c| c.due())
        .filter(|l| matches!(l.status.as_str(), "final" | "provisional"))
    {
        if !order.contains(&line.clause) {
            order.push(line.clause.clone());
        }
        let entry = clauses
            .entry((line.clause.clone(), line.currency.clone()))
            .or_insert(Decimal::ZERO);
        *entry = plus(*entry, line.amount);
    }
    let parts: Vec<Markup> = order
        .iter()
        .take(6)
        .map(|clause| {
            let sums: Vec<String> = clauses
                .iter()
                .filter(|((c, _), _)| c == clause)
                .map(|((_, currency), sum)| l.money(*sum, currency))
                .collect();
            html! { i { (name(clause)) } " " (sums.join(" + ")) }
        })
        .collect();
    let mut prior: BTreeMap<String, Decimal> = BTreeMap::new();
    for ((_, currency), parts) in owed(facts) {
        let sum = prior.entry(currency).or_insert(Decimal::ZERO);
        *sum = plus(*sum, Some(parts[1]));
    }
    let before: Vec<String> = prior
        .iter()
        .filter(|(_, sum)| !sum.is_zero())
        .map(|(currency, sum)| l.money(*sum, currency))
        .collect();
    html! {
        @if !parts.is_empty() {
            (l.say("By clause the statements come to ", "Per bepaling komen de afrekeningen op ")) (listed(parts, l))
            @if !before.is_empty() {
                (l.say(", of which earlier statements settled ", ", waarvan eerder is afgerekend ")) (before.join(" + "))
            }
            "; " (l.say("each amount below leads to its calculation.", "elk bedrag hieronder leidt naar zijn berekening."))
        }
    }
}

fn instead(facts: &Facts, l: Language) -> Markup {
    // Only over contracts that have both, so that like is compared with like.
    let mut sums: BTreeMap<(String, String), (Decimal, Decimal, usize)> = BTreeMap::new();
    let mut missing = 0;
    for contract in &facts.contracts {
        for ((scheme, currency), other) in contract
            .schemes
            .iter()
            .filter(|((s, _), _)| s != "this_contract")
        {
            let own = contract
                .schemes
                .get(&("this_contract".to_owned(), currency.clone()));
            match (own.copied().flatten(), other) {
                (Some(own), Some(other)) => {
                    let entry = sums.entry((scheme.clone(), currency.clone())).or_insert((
                        Decimal::ZERO,
                        Decimal::ZERO,
                        0,
                    ));
                    *entry = (
                        plus(entry.0, Some(own)),
                        plus(entry.1, Some(*other)),
                        entry.2 + 1,
                    );
                }
                _ => missing += 1,
            }
        }
    }
    let parts: Vec<Markup> = sums
        .iter()
        .map(|((scheme, currency), (own, other, n))| {
            let more = other.checked_sub(*own).unwrap_or(Decimal::ZERO);
            html! {
                strong { (l.money(*other, currency)) } " (" i { (name(scheme)) } ", " (n) " "
                (if *n == 1 { l.say("contract", "contract") } else { l.say("contracts", "contracten") })
                "), " (l.money(more.abs(), currency)) " "
                (if more.is_negative() { l.say("less than this contract", "minder dan dit contract") } else { l.say("more than this contract", "meer dan dit contract") })
            }
        })
        .collect();
    html! {
        @if parts.is_empty() {
            (l.say("What a contract that pays per ticket would have come to is not in this output: name it under ", "Wat een contract per ticket had gekost staat niet in deze uitvoer: noem het onder "))
            code { "compare" } (l.say(" in the project.", " in het project."))
        } @else {
            (l.say("Over the same history a contract of the other kind would have paid ", "Over dezelfde periode was een contract van de andere soort uitgekomen op ")) (listed(parts, l)) "."
            @if missing > 0 {
                " " (missing) " " (l.say("comparisons lack an amount.", "vergelijkingen missen een bedrag."))
            }
        }
    }
}

/// The confidence in the result: counts of what is published, no judgement of our own.
fn sure(facts: &Facts, published: &Published, l: Language) -> Markup {
    let (mut above, mut across, mut below, mut unknown) = (0, 0, 0, 0);
    for contract in &facts.contracts {
        match contract.year().map(|k| (k.low, k.high)) {
            Some((Some(low), Some(_))) if low.is_positive() => above += 1,
            Some((Some(_), Some(high))) if high.is_negative() => below += 1,
            Some((Some(_), Some(_))) => across += 1,
            _ => unknown += 1,
        }
    }
    let count =
        |status: &str| -> usize { facts.contracts.iter().map(|c| c.with_status(status)).sum() };
    let overridden: usize = facts.contracts.iter().map(Contract::overridden).sum();
    let flagged: Vec<usize> = facts
        .contracts
        .iter()
        .filter_map(Contract::flagged)
        .collect();
    let disqualifying: usize = facts
        .contracts
        .iter()
        .flat_map(|c| &c.noticed)
        .chain(&facts.noticed)
        .filter(|n| n.severity == "disqualifying")
        .count();
    let rejected = rejected(published);
    html! {
        section.sure aria-labelledby="sure" {
            h2 id="sure" { (l.say("How sure is this?", "Hoe zeker is dit?")) }
            p {
                (l.say("Avoided incidents over the performance period: the interval lies wholly above zero for ", "Voorkomen incidenten over de prestatieperiode: het interval ligt geheel boven nul bij "))
                strong { (above) } (l.say(" of ", " van ")) (facts.contracts.len()) (l.say(" contracts", " contracten"))
                (l.say(", includes zero for ", ", bevat nul bij ")) (across)
                (l.say(", lies wholly below zero for ", ", ligt geheel onder nul bij ")) (below)
                (l.say(", and is not measurable for ", ", en is niet meetbaar bij ")) (unknown) ". "
                (l.say("An interval that includes zero may be chance.", "Een interval dat nul bevat kan toeval zijn."))
            }
            p {
                (l.say("Amounts: ", "Bedragen: "))
                (count("final")) " " (l.status("final")) ", " (count("provisional")) " " (l.status("provisional"))
                ", " (count("disputed")) " " (l.status("disputed")) ", " (count("not_measurable")) " " (l.status("not_measurable"))
                @if overridden > 0 {
                    ", " (overridden) " " (l.say("resting on a decision against a rule (overridden)", "op grond van een besluit tegen een regel"))
                } ". "
                (l.say("Data: ", "Gegevens: ")) (l.number(rejected.0)) (l.say(" of ", " van ")) (l.number(rejected.1))
                (l.say(" input rows rejected, ", " invoerrijen afgewezen, ")) (disqualifying)
                (l.say(" disqualifying findings (", " afkeurende bevindingen ("))
                a href="#data" { (l.say("what to deliver next time", "wat de volgende keer te leveren")) } "). "
                @if flagged.is_empty() {
                    (l.say("Gaming of the numbers was not tested in this output.", "Op sturen van de cijfers is in deze uitvoer niet getoetst."))
                } @else {
                    @let raised = flagged.iter().sum::<usize>();
                    (l.say("Integrity tests raised ", "Integriteitstoetsen gaven ")) (raised)
                    (if raised == 1 { l.say(" flag.", " signaal.") } else { l.say(" flags.", " signalen.") })
                }
            }
        }
    }
}

fn rejected(published: &Published) -> (Decimal, Decimal) {
    let mut sums = (Decimal::ZERO, Decimal::ZERO);
    let inputs = published.manifest.get("inputs").and_then(|i| i.as_array());
    for account in inputs.into_iter().flatten() {
        let number = |key: &str| {
            account
                .get(key)
                .and_then(serde_json::Value::as_u64)
                .map(Decimal::from_u64)
        };
        sums = (
            plus(sums.0, number("rejected")),
            plus(sums.1, number("rows_in")),
        );
    }
    sums
}

/// A row per contract; every figure leads to where it comes from.
fn overview(facts: &Facts, l: Language) -> Markup {
    html! {
        h2 id="contracts" { (l.say("The contracts", "De contracten")) }
        div.wide tabindex="0" role="group" aria-labelledby="contracts" {
            table.sort {
                thead { tr {
                    th scope="col" { (l.say("Contract", "Contract")) }
                    th scope="col" { (l.say("Supplier", "Leverancier")) }
                    th.n scope="col" { (l.say("To pay", "Te betalen")) }
                    th.n scope="col" { (l.say("Other contract", "Ander contract")) }
                    th.n scope="col" { (l.say("Expected", "Verwacht")) }
                    th.n scope="col" { (l.say("Counted", "Geteld")) }
                    th.n scope="col" { (l.say("Avoided (interval)", "Voorkomen (interval)")) }
                    th.n scope="col" { (l.say("Flags", "Signalen")) }
                } }
                tbody {
                    @for (n, contract) in facts.contracts.iter().enumerate() { (row(contract, n + 1, l)) }
                }
            }
        }
        p.soft {
            (l.say("Incidents over the performance period. A positive amount is owed by the customer. “Other contract” is what the pricing scheme it is compared with would have paid.", "Incidenten over de prestatieperiode. Een positief bedrag is verschuldigd door de klant. “Ander contract” is wat het vergeleken prijsmodel had betaald."))
        }
    }
}

fn row(contract: &Contract, n: usize, l: Language) -> Markup {
    let owed = contract.owed();
    let first = owed.values().next().map(|p| p[2]);
    let year = contract.year();
    let expected = year.and_then(|y| contract.kpi("incidents_expected", y.period));
    let counted = year
        .and_then(|y| Some((expected?.value?, y.value?)))
        .and_then(|(e, a)| e.checked_sub(a).ok());
    let other: Vec<String> = contract
        .schemes
        .iter()
        .filter(|((scheme, _), _)| scheme != "this_contract")
        .filter_map(|((_, currency), sum)| sum.map(|s| l.money(s, currency)))
        .collect();
    let sorted = |d: Option<Decimal>| d.map(|d| d.normalized().to_string()).unwrap_or_default();
    let figure = |d: Option<Decimal>| d.map_or("–".to_owned(), |d| l.rounded(d, 0));
    html! {
        tr {
            th scope="row" { a href=(format!("#c{n}")) { (name(&contract.id)) } }
            td { @for s in &contract.suppliers { (name(s)) " " } }
            td.n data-v=(sorted(first)) {
                @if owed.is_empty() { "–" }
                @for ((_, currency), parts) in &owed {
                    a href=(format!("#c{n}-amounts")) { (l.money(parts[2], currency)) } " "
                }
            }
            td.n { @if other.is_empty() { "–" } @else { (other.join(" / ")) } }
            td.n data-v=(sorted(expected.and_then(|e| e.value))) { (figure(expected.and_then(|e| e.value))) }
            td.n data-v=(sorted(counted)) { (figure(counted)) }
            td.n data-v=(sorted(year.and_then(|y| y.value))) {
                @match year.and_then(|y| Some((y.value?, y.low?, y.high?))) {
                    Some((value, low, high)) => {
                        a href=(format!("#c{n}-incidents")) { (l.rounded(value, 0)) } " (" (l.rounded(low, 0)) " " (l.say("to", "tot")) " " (l.rounded(high, 0)) ")"
                    }
                    None => a href=(format!("#c{n}-incidents")) { (l.status("not_measurable")) }
                }
            }
            td.n data-v=(contract.flagged().unwrap_or(0)) {
                @match contract.flagged() {
                    Some(flags) => a href=(format!("#c{n}-integrity")) { (flags) },
                    None => (l.say("not tested", "niet getoetst")),
                }
            }
        }
    }
}

/// Findings of one kind per row.
pub(super) fn noticed(list: &[Noticed], label: &str, l: Language) -> Markup {
    let mut sorted: Vec<&Noticed> = list.iter().collect();
    let rank = |n: &Noticed| match n.severity.as_str() {
        "disqualifying" => 0,
        "warning" => 1,
        _ => 2,
    };
    sorted.sort_by_key(|n| (rank(n), n.code.clone()));
    html! {
        div.wide tabindex="0" role="group" aria-label=(label) {
            table.sort {
                thead { tr {
                    th scope="col" { (l.say("Weight", "Gewicht")) }
                    th.n scope="col" { (l.say("How many", "Hoeveel")) }
                    th scope="col" { (l.say("What was seen and what to do", "Wat is gezien en wat te doen")) }
                    th scope="col" { (l.say("Where", "Waar")) }
                } }
                tbody {
                    @for n in sorted {
                        tr {
                            td data-v=(rank(n)) { span.mark.bad[rank(n) < 2] { (l.status(&n.severity)) } }
                            td.n data-v=(n.count.to_string()) { (l.number(n.count)) }
                            td { (sentence(&n.detail)) " " span.soft { "(" (n.code) ")" } }
                            td {
                                @for place in n.places.iter().take(4) { div { (name(place)) } }
                                @if n.places.len() > 4 { div.soft { "+ " (n.places.len() - 4) } }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// What could not be measured and what was noticed about the files.
fn data(facts: &Facts, published: &Published, l: Language) -> Markup {
    let mut reasons: BTreeMap<(String, String), BTreeSet<usize>> = BTreeMap::new();
    for (n, contract) in facts.contracts.iter().enumerate() {
        let unmeasured = contract.kpis().filter(|k| k.status() == "not_measurable");
        for kpi in unmeasured.map(KpiRow::kpi) {
            reasons
                .entry((kpi.reason.to_owned(), kpi.id.to_owned()))
                .or_default()
                .insert(n + 1);
        }
    }
    let mut grouped: BTreeMap<&str, (Vec<&str>, BTreeSet<usize>)> = BTreeMap::new();
    for ((reason, id), contracts) in &reasons {
        let entry = grouped.entry(reason).or_default();
        entry.0.push(id);
        entry.1.extend(contracts);
    }
    let inputs = published.manifest.get("inputs").and_then(|i| i.as_array());
    html! {
        section.new aria-labelledby="data" {
            h2 id="data" { (l.say("The data: what to deliver next time", "De gegevens: wat de volgende keer te leveren")) }
            @if grouped.is_empty() {
                p { (l.say("Every measure of every contract could be computed.", "Elke maat van elk contract kon worden berekend.")) }
            } @else {
                div.wide tabindex="0" role="group" aria-label=(l.say("Not measurable", "Niet meetbaar")) {
                    table.sort {
                        caption { (l.say("Not measurable in some period, and why", "Niet meetbaar in een periode, en waarom")) }
                        thead { tr {
                            th scope="col" { (l.say("Reason", "Reden")) }
                            th scope="col" { (l.say("Measures", "Maten")) }
                            th scope="col" { (l.say("Contracts", "Contracten")) }
                        } }
                        tbody {
                            @for (reason, (ids, contracts)) in &grouped {
                                tr {
                                    td { (sentence(reason)) }
                                    td { (ids.join(", ").replace('_', " ")) }
                                    td {
                                        @for n in contracts.iter().take(12) {
                                            a href=(format!("#c{n}")) { (name(facts.contracts.get(n - 1).map_or("", |c| c.id.as_str()))) } " "
                                        }
                                        @if contracts.len() > 12 { "+ " (contracts.len() - 12) }
                                    }
                                }
                            }
                        }
                    }
                }
            }
            h3 { (l.say("Findings about the files", "Bevindingen over de bestanden")) }
            (noticed(&facts.noticed, l.say("Findings about the files", "Bevindingen over de bestanden"), l))
            h3 id="files" { (l.say("The account of the input", "De rekening van de invoer")) }
            div.wide tabindex="0" role="group" aria-labelledby="files" {
                table.sort {
                    thead { tr {
                        th scope="col" { (l.say("File", "Bestand")) }
                        th.n scope="col" { (l.say("Rows in", "Rijen in")) }
                        th.n scope="col" { (l.say("Accepted", "Aanvaard")) }
                        th.n scope="col" { (l.say("Duplicate", "Dubbel")) }
                        th.n scope="col" { (l.say("Rejected", "Afgewezen")) }
                        th.n scope="col" { (l.say("Out of scope", "Buiten bereik")) }
                    } }
                    tbody {
                        @for account in inputs.into_iter().flatten() {
                            tr {
                                th scope="row" { (name(account.get("file").and_then(|f| f.as_str()).unwrap_or_default())) }
                                @for fate in ["rows_in", "accepted", "duplicate", "rejected", "out_of_scope"] {
                                    @let n = account.get(fate).and_then(serde_json::Value::as_u64).unwrap_or(0);
                                    td.n data-v=(n) { (l.number(Decimal::from_u64(n))) }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// What each measure that is shown means.
fn meaning(facts: &Facts, l: Language) -> Markup {
    let ids: BTreeSet<&str> = facts
        .contracts
        .iter()
        .flat_map(|c| c.kpis())
        .map(KpiRow::id)
        .collect();
    html! {
        section.new aria-labelledby="meaning" {
            h2 id="meaning" { (l.say("What the measures mean", "Wat de maten betekenen")) }
            @if l == Language::Nl { p.soft { "De definities zijn in het Engels: zo staan ze in de catalogus waarnaar het contract verwijst." } }
            dl lang="en" {
                @for kpi in crate::score::catalogue::all().filter(|k| ids.contains(k.id)) {
                    dt id=(format!("kpi-{}", kpi.id)) { strong { (kpi.title) } " " span.soft { "(" (kpi.id) ")" } }
                    dd { (kpi.formula) ". " (kpi.rule) ". " span.soft { "Source: " (kpi.source) "." } }
                }
                // Composite scores of the terms.
                @for id in ids.iter().filter(|id| crate::score::catalogue::find(id).is_none()) {
                    @if let Some(kpi) = crate::score::catalogue::describing(id) {
                        dt id=(format!("kpi-{id}")) { strong { (id) } }
                        dd { (kpi.formula) ". " (kpi.rule) ". " span.soft { "Source: " (kpi.source) "." } }
                    }
                }
            }
        }
    }
}

/// Where everything comes from: what the other party compares.
fn source(facts: &Facts, published: &Published, l: Language) -> Markup {
    let outputs = published.manifest.get("outputs").and_then(|o| o.as_array());
    let text = |value: &serde_json::Value, key: &str| -> String {
        value
            .get(key)
            .and_then(|v| v.as_str())
            .unwrap_or_default()
            .to_owned()
    };
    html! {
        section.new aria-labelledby="source" {
            h2 id="source" { (l.say("Where this comes from", "Waar dit vandaan komt")) }
            p {
                (l.say("Whoever runs the same version on the same files gets these same tables, bit for bit: compare ", "Wie dezelfde versie op dezelfde bestanden draait krijgt precies deze tabellen, bit voor bit: vergelijk "))
                code { "_manifest.json" } "."
            }
            div.wide tabindex="0" role="group" aria-label=(l.say("Versions and hashes", "Versies en hashes")) {
                table {
                    tbody {
                        @for (label, key) in [("gainshare", "gainshare"), ("as_of", "as_of"), ("zone_database", "zone_database"), ("configuration_hash", "configuration_hash"), ("inputs_hash", "inputs_hash")] {
                            tr { th scope="row" { (label) } td { code { (published.said(key)) } } }
                        }
                        @for output in outputs.into_iter().flatten().filter(|o| text(o, "file").ends_with(".parquet")) {
                            tr { th scope="row" { (text(output, "file")) } td { code { (text(output, "blake3")) } } }
                        }
                    }
                }
            }
            @if !facts.absent.is_empty() {
                p {
                    (l.say("Not in this output, and so not shown: ", "Niet in deze uitvoer, en dus niet getoond: "))
                    (facts.absent.join(", ")) "."
                }
            }
        }
    }
}
