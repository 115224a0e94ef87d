//! What a run knows beyond counts and terms: agreed additions to the expectation, whose reduction
//! it is, and peers in other contracts. Shapes and their layout only; not responsible for how
//! they came about (see `adjust` and `causation`).

use super::peers::PeerLevel;
use super::series::{SeriesKey, Timeline};
use crate::time::Month;
use std::collections::BTreeMap;

/// Whose reduction it is: weights per stream and month, 0 to 1. What is not named has weight 0.
pub type Weights = BTreeMap<(SeriesKey, Month), f64>;

/// Circumstances of an estimate. The default: nothing agreed, all of a reduction is credited, no
/// peers beyond the series given.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Circumstances {
    /// Incidents added to the expectation of a stream in a month of the performance period.
    pub expected: BTreeMap<(SeriesKey, Month), f64>,
    /// What part of a reduction is credited; `None`: all of it.
    pub weights: Option<Weights>,
    /// Baselines of streams of other contracts, for `shrinkage = "peers"`.
    pub peers: Vec<PeerLevel>,
}

/// The circumstances laid on the cells and months of an estimate.
#[derive(Debug, Clone, Default)]
pub(crate) struct Laid {
    added: Vec<Vec<f64>>,
    weights: Option<Vec<Vec<f64>>>,
}

impl Laid {
    pub(crate) fn new(
        circumstances: &Circumstances,
        keys: &[&SeriesKey],
        lines: &[Timeline],
    ) -> Laid {
        let lay = |map: &BTreeMap<(SeriesKey, Month), f64>| -> Vec<Vec<f64>> {
            keys.iter()
                .zip(lines)
                .map(|(key, line)| {
                    (0..line.counts.len())
                        .map(|t| {
                            map.get(&((*key).clone(), line.month(t)))
                                .copied()
                                .unwrap_or(0.0)
                        })
                        .collect()
                })
                .collect()
        };
        Laid {
            added: if circumstances.expected.is_empty() {
                Vec::new()
            } else {
                lay(&circumstances.expected)
            },
            weights: circumstances.weights.as_ref().map(lay),
        }
    }

    /// Incidents added to the expectation of a cell in a month.
    pub(crate) fn added(&self, cell: usize, t: usize) -> f64 {
        self.added
            .get(cell)
            .and_then(|c| c.get(t))
            .copied()
            .unwrap_or(0.0)
    }

    /// Whether parts of a reduction are credited to somebody else.
    pub(crate) fn weighs(&self) -> bool {
        self.weights.is_some()
    }

    /// The part of a cell's reduction in a month that is credited.
    pub(crate) fn weight(&self, cell: usize, t: usize) -> f64 {
        match &self.weights {
            None => 1.0,
            Some(weights) => weights
                .get(cell)
                .and_then(|c| c.get(t))
                .copied()
                .unwrap_or(0.0),
        }
    }
}
