//! Rules that refuse: terms that contradict themselves, and data too thin for the model that the
//! terms ask for. Not responsible for fitting nor for what replaces a refused model.

use super::series::{SeriesKey, Timeline, cell_finding};
use super::spec::{BaselineSpec, FitOn, Model, Override, Ratchet, Seasonality, Trend};
use crate::finding::{Finding, Severity, Stage};

/// Months of baseline that a single rate needs: a whole year, so that no season is left out
/// (CalTRACK 2.0, 2.2.1: twelve months of baseline).
pub(crate) const MIN_MONTHS_RATE: u32 = 12;

/// Months that a season or a trend needs: every month of the year twice, otherwise a season
/// cannot be told from a single event (Bernal, Cummins & Gasparrini 2017, Int J Epidemiol 46).
pub(crate) const MIN_MONTHS_SEASON: u32 = 24;

/// What is wrong with the terms themselves. Any finding here means that nothing is estimated.
pub(crate) fn terms(spec: &BaselineSpec) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut refuse = |code: &str, detail: &str, evidence: String| {
        findings.push(
            Finding::new(Stage::Baseline, Severity::Disqualifying, code, detail)
                .with_evidence(evidence),
        );
    };
    if spec.baseline.is_empty() || spec.performance.is_empty() {
        refuse(
            "period_empty",
            "baseline and performance period must each have at least one month",
            format!(
                "baseline {}, performance {}",
                spec.baseline, spec.performance
            ),
        );
    } else if spec.performance.start() < spec.baseline.end() {
        refuse(
            "periods_overlap",
            "the performance period must not start before the baseline ends: a month cannot be \
             both measured and learned from",
            format!(
                "baseline {}, performance {}",
                spec.baseline, spec.performance
            ),
        );
    } else if spec.performance.end().months_since(spec.baseline.start()) > 1200 {
        refuse(
            "period_too_long",
            "baseline and performance period together must not be longer than a hundred years",
            format!(
                "baseline {}, performance {}",
                spec.baseline, spec.performance
            ),
        );
    }
    if !(spec.level > 0.0 && spec.level < 1.0) {
        refuse(
            "level_out_of_range",
            "the interval level must lie between 0 and 1, for example 0.95",
            format!("level {}", spec.level),
        );
    }
    if spec.decimals > 9 {
        refuse(
            "decimals_out_of_range",
            "at most nine decimals can be declared",
            format!("decimals {}", spec.decimals),
        );
    }
    if !(spec.exposure_jump > 0.0 && spec.exposure_jump.is_finite()) {
        refuse(
            "exposure_jump_out_of_range",
            "the exposure jump must be a positive number, for example 0.5",
            format!("exposure_jump {}", spec.exposure_jump),
        );
    }
    if !(spec.trend_prior_sd >= 0.0 && spec.trend_prior_sd.is_finite()) {
        refuse(
            "trend_prior_out_of_range",
            "the standard deviation of trends must not be negative, for example 0.05",
            format!("trend_prior_sd {}", spec.trend_prior_sd),
        );
    }
    if spec.min_months < MIN_MONTHS_SEASON {
        refuse(
            "min_months_too_low",
            "a model with a season or a trend needs at least 24 months; to use less, override \
             `baseline_too_short` so that it is on record",
            format!("min_months {}", spec.min_months),
        );
    }
    if let Ratchet::Partial { weight } = spec.ratchet
        && !(0.0..=1.0).contains(&weight)
    {
        refuse(
            "ratchet_weight_out_of_range",
            "the weight of a partial ratchet must lie between 0 and 1",
            format!("weight {weight}"),
        );
    }
    if spec.fit_on != FitOn::Baseline && spec.model != Model::Regression {
        refuse(
            "segmented_needs_regression",
            "only a regression can be fitted on the performance period as well",
            format!("fit_on {:?}, model {:?}", spec.fit_on, spec.model),
        );
    }
    if !spec.known_changes.is_empty() && spec.model != Model::Regression {
        refuse(
            "known_changes_need_regression",
            "only a regression can learn the size of an agreed change; a plain rate would count it \
             as the supplier's doing: use model = \"regression\", or agree a number as an adjustment",
            format!(
                "model {:?}, known_changes {}",
                spec.model,
                spec.known_changes.len()
            ),
        );
    }
    if spec.fit_on == FitOn::SegmentedSlope && spec.trend != Trend::Linear {
        refuse(
            "slope_needs_trend",
            "a change of slope can only be told from a linear trend: set trend = \"linear\"",
            format!("fit_on {:?}, trend {:?}", spec.fit_on, spec.trend),
        );
    }
    if spec.fit_on != FitOn::Baseline && spec.ratchet != Ratchet::Frozen {
        refuse(
            "segmented_needs_frozen",
            "a segmented fit uses all months at once and cannot be rebased from year to year",
            format!("fit_on {:?}, ratchet {:?}", spec.fit_on, spec.ratchet),
        );
    }
    findings
}

/// Whether the terms ask for a season or a trend.
pub(crate) fn wants_shape(spec: &BaselineSpec) -> bool {
    match spec.model {
        Model::MeanRate => false,
        Model::SeasonalMean => true,
        Model::Regression => spec.seasonality != Seasonality::None || spec.trend != Trend::None,
    }
}

/// `baseline_too_short`, if the usable months are too few for the model of the terms.
pub(crate) fn length(key: &SeriesKey, line: &Timeline, spec: &BaselineSpec) -> Option<Finding> {
    let usable = line.usable_in(line.baseline.clone()).len();
    let needed = if wants_shape(spec) {
        spec.min_months.max(MIN_MONTHS_SEASON)
    } else {
        MIN_MONTHS_RATE
    };
    if usable >= needed as usize {
        return None;
    }
    let detail = if wants_shape(spec) {
        format!(
            "a model with a season or a trend needs {needed} usable months of baseline, each month \
             of the year at least twice (Bernal et al. 2017); use more months, a plain rate, or an \
             agreed override"
        )
    } else {
        format!(
            "a rate needs {needed} usable months of baseline, so that no season is left out \
             (CalTRACK 2.2.1); use more months or an agreed override"
        )
    };
    Some(
        cell_finding(key, Severity::Disqualifying, "baseline_too_short", detail)
            .with_count(usable.max(1) as u64)
            .with_evidence(format!(
                "{key}: {usable} usable of {} months in {}",
                line.baseline.len(),
                spec.baseline
            )),
    )
}

/// The override of the terms for a code and service, if there is one.
pub(crate) fn overriding<'a>(
    spec: &'a BaselineSpec,
    code: &str,
    service_id: &str,
) -> Option<&'a Override> {
    spec.overrides
        .iter()
        .find(|o| o.code == code && o.service.as_deref().is_none_or(|s| s == service_id))
}

/// The record of an override that was used.
pub(crate) fn override_used(key: &SeriesKey, used: &Override) -> Finding {
    cell_finding(
        key,
        Severity::Warning,
        "override_used",
        format!(
            "`{}` was overridden: {} (agreed by {}); everything that depends on it is marked",
            used.code, used.reason, used.agreed_by
        ),
    )
}
