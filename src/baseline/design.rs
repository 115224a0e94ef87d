//! The columns of a regression: level, trend, season, agreed changes, step and slope at the start
//! of the performance period. Not responsible for choosing among them.

use super::series::Timeline;
use super::spec::{ChangeKind, Seasonality};

/// sin(2π m/12) for m = 0..=11, to the last bit; cos is the same table three months on.
const SINE: [f64; 12] = {
    const H: f64 = 0.866_025_403_784_438_6;
    [0.0, 0.5, H, 1.0, H, 0.5, 0.0, -0.5, -H, -1.0, -H, -0.5]
};

/// Which columns a design has.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Shape {
    /// The season; never `Auto`.
    pub(crate) season: Seasonality,
    /// Whether there is a trend column.
    pub(crate) trend: bool,
    /// Agreed changes inside the fitted months: timeline index and kind.
    pub(crate) changes: Vec<(usize, ChangeKind)>,
    /// Step of a segmented fit, by timeline index.
    pub(crate) step_at: Option<usize>,
    /// Whether the slope changes with the step.
    pub(crate) slope: bool,
    /// Timeline index at which the trend column is zero.
    pub(crate) centre: f64,
}

impl Shape {
    /// Number of columns.
    pub(crate) fn columns(&self) -> usize {
        let season = match self.season {
            Seasonality::None | Seasonality::Auto => 0,
            Seasonality::Harmonics1 => 2,
            Seasonality::Harmonics2 => 4,
            Seasonality::MonthFactors => 11,
        };
        1 + usize::from(self.trend)
            + season
            + self.changes.len()
            + usize::from(self.step_at.is_some())
            + usize::from(self.slope)
    }

    /// Place of the trend column (per year), if there is one.
    pub(crate) fn trend_column(&self) -> Option<usize> {
        self.trend.then_some(1)
    }

    /// Appends the columns of month `t`; the step and slope of a segmented fit only when
    /// `observed`, because the counterfactual is the prediction without them.
    pub(crate) fn append_row(&self, line: &Timeline, t: usize, observed: bool, row: &mut Vec<f64>) {
        row.push(1.0);
        let at = t as f64;
        if self.trend {
            row.push((at - self.centre) / 12.0);
        }
        let month = usize::from(line.month(t).month_of_year()) - 1;
        let harmonic = |k: usize, row: &mut Vec<f64>| {
            row.push(SINE[(k * month) % 12]);
            row.push(SINE[(k * month + 3) % 12]);
        };
        match self.season {
            Seasonality::None | Seasonality::Auto => {}
            Seasonality::Harmonics1 => harmonic(1, row),
            Seasonality::Harmonics2 => {
                harmonic(1, row);
                harmonic(2, row);
            }
            Seasonality::MonthFactors => {
                for factor in 1..12 {
                    row.push(if month == factor { 1.0 } else { 0.0 });
                }
            }
        }
        for &(from, kind) in &self.changes {
            row.push(since(t, from, kind));
        }
        if let Some(from) = self.step_at {
            row.push(if observed {
                since(t, from, ChangeKind::Step)
            } else {
                0.0
            });
            if self.slope {
                row.push(if observed {
                    since(t, from, ChangeKind::Slope)
                } else {
                    0.0
                });
            }
        }
    }

    /// The design matrix of some months, row-major.
    pub(crate) fn matrix(&self, line: &Timeline, at: &[usize], observed: bool) -> Vec<f64> {
        let mut x = Vec::with_capacity(at.len() * self.columns());
        for &t in at {
            self.append_row(line, t, observed, &mut x);
        }
        x
    }

    /// What is in it, for people: `harmonics2 trend`.
    pub(crate) fn describe(&self) -> String {
        let mut words = vec![match self.season {
            Seasonality::None | Seasonality::Auto => "no_season",
            Seasonality::Harmonics1 => "harmonics1",
            Seasonality::Harmonics2 => "harmonics2",
            Seasonality::MonthFactors => "month_factors",
        }];
        if self.trend {
            words.push("trend");
        }
        if !self.changes.is_empty() {
            words.push("changes");
        }
        if self.step_at.is_some() {
            words.push("step");
        }
        if self.slope {
            words.push("slope_change");
        }
        words.join(" ")
    }
}

fn since(t: usize, from: usize, kind: ChangeKind) -> f64 {
    match kind {
        ChangeKind::Step => {
            if t >= from {
                1.0
            } else {
                0.0
            }
        }
        ChangeKind::Slope => t.saturating_sub(from) as f64 / 12.0,
    }
}
