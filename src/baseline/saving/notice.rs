//! What is noticed about the saving of a contract. Not responsible for any amount.

use std::collections::BTreeMap;

use super::super::savings::annualised;
use super::benchmark::{Ledger, Price};
use super::scoped::Scoped;
use super::{Facts, Figures, SavingResult};
use crate::finding::{Finding, Severity, Stage};
use crate::time::Period;

impl Scoped<'_> {
    /// Findings about the fit and the saving of the whole contract and performance period.
    pub(super) fn notice(&self, figures: &Figures, findings: &mut Vec<Finding>) {
        findings.extend(self.fit_findings.iter().cloned());
        let Ok(c) = &figures.compared else { return };
        let shown = |v: Option<f64>| v.map_or("unknown".to_owned(), |v| format!("{v:.4}"));
        let fit = format!(
            "CV(RMSE) {}, NMBE {}, {} months, effective {}",
            shown(c.fit.cvrmse_adjusted),
            shown(c.fit.nmbe),
            c.fit.n,
            c.fit
                .effective_n
                .map_or("unknown".to_owned(), |v| format!("{v:.1}")),
        );
        findings.push(
            finding(
                Severity::Note,
                "cost_model_fit",
                "how well the price or model of the benchmark fits the months of the baseline",
            )
            .with_evidence(fit.clone()),
        );
        if c.fit
            .cvrmse_adjusted
            .is_some_and(|v| v > self.spec.max_cvrmse)
        {
            findings.push(
                finding(
                    Severity::Warning,
                    "cvrmse_high",
                    "the months of the baseline scatter more around the benchmark than the terms \
                     allow: agree prices, an index or a model of fixed and variable cost",
                )
                .with_evidence(format!("{fit}; at most {}", self.spec.max_cvrmse)),
            );
        }
        if let Ok(width) = &c.half_width
            && c.verified.is_positive()
            && *width > c.verified
        {
            findings.push(
                finding(
                    Severity::Warning,
                    "saving_within_noise",
                    "the verified saving is smaller than its uncertainty: it cannot be told from \
                     none",
                )
                .with_evidence(format!("{} ± {width}; {fit}", c.verified)),
            );
        }
    }
}

pub(super) fn notice_ledger(facts: &Facts<'_>, ledger: &Ledger, result: &mut SavingResult) {
    let mut add = |severity, code: &str, detail: &str, names: Vec<String>| {
        if !names.is_empty() {
            result.findings.push(
                finding(severity, code, detail)
                    .with_count(names.len() as u64)
                    .with_evidence(names.join("; ")),
            );
        }
    };
    let missing: Vec<String> = ledger
        .cost
        .values()
        .flat_map(BTreeMap::values)
        .filter_map(|c| c.as_ref().err().cloned())
        .collect::<std::collections::BTreeSet<String>>()
        .into_iter()
        .take(6)
        .collect();
    if missing.is_empty() {
        add(
            Severity::Note,
            "billing_converted",
            "invoices in another currency than the contract's are converted with the rate of \
             their month",
            ledger.foreign.iter().map(ToString::to_string).collect(),
        );
    } else {
        add(
            Severity::Disqualifying,
            "billing_currency",
            "invoices are in another currency than the contract's and rates are missing: cost and \
             saving of those months are not measurable",
            missing,
        );
    }
    let named = |(service, why): (&String, &String)| format!("{service}: {why}");
    add(
        Severity::Disqualifying,
        "benchmark_without_price",
        "services are invoiced but have no price: the saving of the contract is not measurable",
        ledger.unpriced.iter().map(named).collect(),
    );
    add(
        Severity::Note,
        "service_ended",
        "services were no longer invoiced when the baseline ended: they have no benchmark",
        ledger
            .prices
            .iter()
            .filter(|(_, p)| **p == Price::Ended)
            .map(|(s, _)| s.clone())
            .collect(),
    );
    add(
        Severity::Warning,
        "columns_collinear",
        "exposure does not vary in the baseline, so fixed and variable cost cannot be told apart: \
         all of it counts as fixed",
        ledger.collinear.clone(),
    );
    let shared: Vec<String> = result
        .initiatives
        .iter()
        .filter(|i| !i.shared_with.is_empty())
        .map(|i| {
            format!(
                "{} with {} on {}",
                i.initiative_id,
                i.shared_with.join(", "),
                i.service_id
            )
        })
        .collect();
    add(
        Severity::Warning,
        "saving_claimed_twice",
        "several initiatives claim a saving on the same invoice lines; it counts once",
        shared,
    );
    let parts: Vec<String> = result
        .initiatives
        .iter()
        .filter(|i| i.realised.is_some() && i.per_year.is_none())
        .map(|i| format!("{}: {} months", i.initiative_id, i.months))
        .collect();
    // The rule and its words are those of the function that refuses.
    if let (false, Some(first)) = (
        parts.is_empty(),
        result
            .initiatives
            .iter()
            .find(|i| i.realised.is_some() && i.per_year.is_none())
            .and_then(|i| i.from),
    ) && let Err(refused) = annualised(0.0, &Period::spanning(first, facts.performance.end()))
    {
        let mut refused = *refused;
        refused.count = parts.len() as u64;
        refused.evidence = parts.join("; ");
        result.findings.push(refused);
    }
}

fn finding(severity: Severity, code: &str, detail: &str) -> Finding {
    Finding::new(Stage::Baseline, severity, code, detail)
}
