//! One scope of a contract: the fit of its benchmark to the baseline, and its amounts in every
//! period. Not responsible for prices (see [`super::benchmark`]) or for what is said of them.

use super::super::cost::{self, ActualLine, Charge, CostTerms, ScopeChange};
use super::super::savings::{
    FitMetrics, Interval, UncertaintyInput, fit_metrics, fractional_uncertainty,
};
use super::benchmark::{self, Ledger, Price};
use super::initiatives;
use super::{
    AdjustmentRow, BenchmarkMethod, Compared, Counted, Facts, Figures, MONEY_MEASURES, SavingsSpec,
};
use crate::finding::Finding;
use crate::money::{Decimal, MoneyError, Rounding};
use crate::time::{Month, Period, months_between};

/// One scope of a contract: what all its periods share.
pub(super) struct Scoped<'a> {
    facts: &'a Facts<'a>,
    pub(super) spec: &'a SavingsSpec,
    ledger: &'a Ledger,
    pub(super) scope: Option<String>,
    fit: Result<FitMetrics, String>,
    pub(super) fit_findings: Vec<Finding>,
    months: u64,
    parameters: u32,
}

impl<'a> Scoped<'a> {
    pub(super) fn new(
        facts: &'a Facts<'a>,
        spec: &'a SavingsSpec,
        ledger: &'a Ledger,
        scope: Option<String>,
    ) -> Scoped<'a> {
        let months = ledger
            .services(scope.as_deref())
            .iter()
            .filter_map(|s| match ledger.prices.get(*s) {
                Some(Price::Unit { months, .. } | Price::Model { months, .. }) => Some(*months),
                _ => None,
            })
            .max()
            .unwrap_or(0);
        let mut scoped = Scoped {
            facts,
            spec,
            ledger,
            scope,
            fit: Err(String::new()),
            fit_findings: Vec::new(),
            months,
            parameters: match spec.benchmark {
                BenchmarkMethod::Price => 1,
                BenchmarkMethod::Model => 2,
            },
        };
        scoped.fit = scoped.baseline_points().map(|(observed, predicted)| {
            let (metrics, findings) =
                fit_metrics(&observed, &predicted, scoped.parameters as usize);
            // A month without cost is no error of a model of cost.
            scoped.fit_findings = findings
                .into_iter()
                .filter(|f| f.code != "mape_infinite")
                .collect();
            metrics
        });
        scoped
    }

    /// Cost of the baseline's months as invoiced and as the benchmark has it.
    fn baseline_points(&self) -> Result<(Vec<f64>, Vec<f64>), String> {
        let (mut observed, mut predicted) = (Vec::new(), Vec::new());
        let baseline = &self.facts.baseline;
        for month in months_between(baseline.start(), baseline.end()) {
            if !self.ledger.billed.contains(&month) {
                continue;
            }
            let (mut cost, mut model, mut any) = (Decimal::ZERO, Decimal::ZERO, false);
            for service in self.ledger.services(self.scope.as_deref()) {
                let Some(line) = self.ledger.line(self.facts, self.spec, service, month)? else {
                    continue;
                };
                // A service that was not yet invoiced has no point.
                let invoiced = self.ledger.cost.get(service).and_then(|c| c.keys().next());
                if invoiced.is_none_or(|first| *first > month) {
                    continue;
                }
                any = true;
                cost = cost
                    .checked_add(self.ledger.cost_of(service, month)?)
                    .map_err(|e| e.to_string())?;
                model = model
                    .checked_add(Ledger::amount(&line)?)
                    .map_err(|e| e.to_string())?;
            }
            if any {
                observed.push(cost.to_f64_lossy());
                predicted.push(model.to_f64_lossy());
            }
        }
        Ok((observed, predicted))
    }

    pub(super) fn figures(&self, period: &Period<Month>) -> (Figures, Vec<Finding>) {
        let digits = self.facts.currency.minor_digits();
        let rounded = |d: Decimal| d.round(digits, Rounding::HalfEven);
        let exact = self.actual(period);
        let actual = exact.clone().map(|lines| {
            lines
                .iter()
                .try_fold(Decimal::ZERO, |sum, line| sum.checked_add(line.amount))
        });
        let actual = match actual {
            Ok(Ok(sum)) => Ok(rounded(sum)),
            Ok(Err(e)) => Err(e.to_string()),
            Err(why) => Err(why),
        };
        let mut noticed = Vec::new();
        let compared = if self.facts.performance.start() > period.start() {
            Err("a period of the baseline is not compared with itself".to_owned())
        } else {
            exact.and_then(|lines| self.compared(period, &lines, &mut noticed))
        };
        (Figures { actual, compared }, noticed)
    }

    fn actual(&self, period: &Period<Month>) -> Result<Vec<ActualLine>, String> {
        let mut lines = Vec::new();
        for service in self.ledger.services(self.scope.as_deref()) {
            let Some(by_month) = self.ledger.cost.get(service) else {
                continue;
            };
            for (month, amount) in by_month.range(period.start()..period.end()) {
                lines.push(ActualLine {
                    invoice_id: service.to_owned(),
                    line_id: month.to_string(),
                    amount: amount.clone()?,
                    currency: self.facts.currency,
                    rate_date: month.first_day(),
                    charge: Charge::Usage,
                    from_settlement: false,
                });
            }
        }
        Ok(lines)
    }

    fn compared(
        &self,
        period: &Period<Month>,
        actual: &[ActualLine],
        noticed: &mut Vec<Finding>,
    ) -> Result<Compared, String> {
        let facts = self.facts;
        let only = self.scope.as_deref();
        let mut lines = Vec::new();
        for service in self.ledger.services(only) {
            for month in months_between(period.start(), period.end()) {
                lines.extend(self.ledger.line(facts, self.spec, service, month)?);
            }
        }
        let scope: Vec<ScopeChange> = self
            .spec
            .scope_changes
            .iter()
            .filter(|c| only.is_none_or(|o| o == c.service))
            .map(|c| ScopeChange {
                service_id: c.service.clone(),
                months: Period::spanning(c.from, c.to),
                monthly: c.monthly,
                reason: c.reason.clone(),
            })
            .collect();
        // Adjustments have no service, so they count for the contract.
        let adjustments = if only.is_none() {
            of_period(facts, period)?
        } else {
            Vec::new()
        };
        let terms = CostTerms {
            currency: facts.currency,
            fx: facts.fx,
            adjustment_cap: self.spec.adjustment_cap,
            scale: facts.fx_decimals,
        };
        let saving = cost::saving(&lines, &scope, period, actual, &adjustments, &[], &terms)
            .map_err(|e| e.to_string())?;
        noticed.extend(saving.findings);
        let digits = facts.currency.minor_digits();
        let rounded = |d: Decimal| d.round(digits, Rounding::HalfEven);
        let fail = |e: MoneyError| e.to_string();
        let (benchmark, paid) = (rounded(saving.benchmark), rounded(saving.actual));
        let mut gross = benchmark.checked_sub(paid).map_err(fail)?;
        let mut double_claims = Decimal::ZERO;
        if self.spec.counted == Counted::Linked {
            let order = initiatives::in_order(facts);
            let groups = initiatives::groups(facts, self.spec, self.ledger, &order, only, period)?;
            let sums = initiatives::claimed(facts, &order, &groups)?;
            gross = rounded(sums.gross);
            double_claims = rounded(sums.double);
        }
        let adjustments = rounded(saving.adjustments);
        let verified = gross
            .checked_sub(adjustments)
            .and_then(|g| g.checked_sub(double_claims))
            .map_err(fail)?;
        let fit = self.fit.clone()?;
        let half_width = self.half_width(period, benchmark, &fit);
        let mut compared = Compared {
            benchmark,
            gross,
            adjustments,
            double_claims,
            verified,
            qualified: verified,
            not_qualified: String::new(),
            half_width,
            level: Decimal::from_f64_rounded(self.spec.level, 4).map_err(fail)?,
            baseline_months: self.months,
            fit,
        };
        compared.not_qualified = self.not_qualified(&compared)?;
        if !compared.not_qualified.is_empty() {
            compared.qualified = Decimal::ZERO;
        }
        Ok(compared)
    }

    /// Half width of the saving's interval: fractional uncertainty × saving, which does not
    /// depend on the saving: t (aM² + bM + d) CV √(…) × benchmark.
    fn half_width(
        &self,
        period: &Period<Month>,
        benchmark: Decimal,
        fit: &FitMetrics,
    ) -> Result<Decimal, String> {
        let months = f64::from(period.end().months_since(period.start()));
        let (Some(cvrmse), Some(effective)) = (fit.cvrmse_adjusted, fit.effective_n) else {
            if fit.cvrmse_adjusted == Some(0.0) {
                // Every month exactly on its price.
                return Ok(Decimal::ZERO);
            }
            return Err(format!(
                "{} months of cost in the baseline are too few for an error of the model",
                fit.n
            ));
        };
        let n = fit.n as f64;
        let input = UncertaintyInput {
            interval: Interval::Billing,
            baseline_n: n,
            // Alternating residuals do not make more observations than there are.
            effective_n: effective.min(n),
            reporting_n: months,
            months,
            cvrmse,
            saving_fraction: 1.0,
            parameters: self.parameters,
            level: self.spec.level,
        };
        let share = fractional_uncertainty(&input).ok_or_else(|| {
            format!(
                "{} months of cost in the baseline give no uncertainty of the saving",
                fit.n
            )
        })?;
        Decimal::from_f64_rounded(
            share * benchmark.to_f64_lossy().abs(),
            self.facts.currency.minor_digits(),
        )
        .map_err(|e| e.to_string())
    }

    /// Why a verified saving does not qualify; empty when it does.
    fn not_qualified(&self, c: &Compared) -> Result<String, String> {
        let least = self
            .spec
            .minimum_rate
            .checked_mul(c.benchmark)
            .map_err(|e| e.to_string())?;
        if c.verified.abs() < least.abs() {
            return Ok(format!(
                "{} is below the minimum of {} ({} of the benchmark)",
                c.verified,
                least.round(self.facts.currency.minor_digits(), Rounding::HalfEven),
                self.spec.minimum_rate
            ));
        }
        let Some(limit) = self.spec.max_uncertainty else {
            return Ok(String::new());
        };
        let width = match &c.half_width {
            Ok(width) => width.to_f64_lossy(),
            Err(why) => return Ok(format!("the uncertainty is unknown: {why}")),
        };
        if width > limit * c.verified.to_f64_lossy().abs() {
            return Ok(format!(
                "its uncertainty of {} is more than {limit} of it",
                c.half_width.clone().unwrap_or(Decimal::ZERO)
            ));
        }
        Ok(String::new())
    }
}

/// The adjustments of a period as the cost function takes them.
fn of_period(facts: &Facts<'_>, period: &Period<Month>) -> Result<Vec<cost::Adjustment>, String> {
    let mut all = Vec::new();
    for (row, sign) in money_rows(facts) {
        let mut amount = Decimal::ZERO;
        let mut months = 0;
        for month in row.months(period) {
            let from = row.currency.unwrap_or(facts.currency);
            let own = benchmark::converted(facts, row.amount, from, month)
                .map_err(|e| format!("adjustment {}: {e}", row.adjustment_id))?;
            amount = own
                .checked_mul(Decimal::from_i64(sign))
                .and_then(|a| amount.checked_add(a))
                .map_err(|e| e.to_string())?;
            months += 1;
        }
        if months == 0 {
            continue;
        }
        let day = |at: Option<crate::time::Instant>| {
            at.filter(|at| *at <= facts.as_of)
                .map(|at| (facts.month_of)(at).first_day())
        };
        all.push(cost::Adjustment {
            adjustment_id: row.adjustment_id.clone(),
            non_routine: row.non_routine,
            amount,
            reason: row.reason.clone(),
            agreed_by_customer_at: day(row.agreed_by_customer_at),
            agreed_by_supplier_at: day(row.agreed_by_supplier_at),
        });
    }
    Ok(all)
}

pub(super) fn money_rows<'a>(facts: &Facts<'a>) -> Vec<(&'a AdjustmentRow, i64)> {
    let mut rows: Vec<(&AdjustmentRow, i64)> = facts
        .adjustments
        .iter()
        .filter(|a| a.contract_id == facts.contract_id)
        .filter_map(|a| {
            let (_, sign) = MONEY_MEASURES.iter().find(|(name, _)| *name == a.measure)?;
            Some((a, *sign))
        })
        .collect();
    rows.sort_by(|a, b| a.0.adjustment_id.cmp(&b.0.adjustment_id));
    rows
}
