//! Histograms of durations that merge exactly: integer log-linear buckets and percentiles.
//! Not responsible for which durations are counted, nor for storing a histogram.
//!
//! A value below 128 s has a bucket of its own. Above, every octave `[2^e, 2^(e+1))` is cut
//! into 64 buckets of equal width, so a bucket is at most 1/64 of its values wide and its
//! representative value, the middle, is at most 1/128 (0.79 %) away from any of them. All of it
//! is integer arithmetic: the same bucket on every machine, and merging is addition.

use std::cmp::Ordering;

/// Bits of a value below its leading one that tell buckets of an octave apart.
const MANTISSA_BITS: u32 = 6;
const PER_OCTAVE: u64 = 1 << MANTISSA_BITS;

/// How many buckets there are: every bucket number is below this.
pub const BUCKETS: u16 = ((64 - MANTISSA_BITS) as u16 + 1) * PER_OCTAVE as u16;

/// The bucket of a value in seconds. Never decreases as the value grows.
pub const fn bucket(value_s: u64) -> u16 {
    if value_s < PER_OCTAVE {
        return value_s as u16;
    }
    let shift = value_s.ilog2() - MANTISSA_BITS;
    // The leading one of the mantissa, always set, makes room for the 64 values before.
    (shift as u64 * PER_OCTAVE + (value_s >> shift)) as u16
}

/// The smallest value in a bucket, in seconds; for numbers from [`BUCKETS`] on, `u64::MAX`.
pub const fn lower_s(bucket: u16) -> u64 {
    if bucket >= BUCKETS {
        return u64::MAX;
    }
    let bucket = bucket as u64;
    if bucket < 2 * PER_OCTAVE {
        return bucket;
    }
    let shift = bucket / PER_OCTAVE - 1;
    (bucket % PER_OCTAVE + PER_OCTAVE) << shift
}

/// The largest value in a bucket (inclusive), in seconds.
pub const fn upper_s(bucket: u16) -> u64 {
    if bucket >= BUCKETS - 1 {
        u64::MAX
    } else {
        lower_s(bucket + 1) - 1
    }
}

/// The value that stands for a bucket, in seconds: its middle, a half rounded down. At most
/// 1/128 of the value away from any value in it.
pub const fn representative_s(bucket: u16) -> u64 {
    let lower = lower_s(bucket);
    lower + (upper_s(bucket) - lower) / 2
}

/// How often each bucket occurred; buckets that did not are not stored.
#[derive(
    Debug,
    Clone,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    serde::Serialize,
    serde::Deserialize,
)]
pub struct SparseHistogram {
    /// By bucket, each once.
    counts: Vec<(u16, u64)>,
}

impl SparseHistogram {
    /// An empty histogram.
    pub const fn new() -> Self {
        SparseHistogram { counts: Vec::new() }
    }

    /// Counts one value in seconds.
    pub fn add(&mut self, value_s: u64) {
        self.add_bucket(bucket(value_s), 1);
    }

    /// Counts `n` values of a bucket; none changes nothing.
    pub fn add_bucket(&mut self, bucket: u16, n: u64) {
        if n == 0 {
            return;
        }
        match self.counts.binary_search_by_key(&bucket, |(b, _)| *b) {
            Ok(at) => self.counts[at].1 += n,
            Err(at) => self.counts.insert(at, (bucket, n)),
        }
    }

    /// Adds everything that another histogram counted. In any order and grouping the result is
    /// that of counting all values in one.
    pub fn merge(&mut self, other: &SparseHistogram) {
        if self.counts.is_empty() {
            self.counts.clone_from(&other.counts);
            return;
        }
        if other.counts.is_empty() {
            return;
        }
        let mut merged = Vec::with_capacity(self.counts.len() + other.counts.len());
        let (mut mine, mut theirs) = (
            self.counts.iter().peekable(),
            other.counts.iter().peekable(),
        );
        while let (Some((a, n)), Some((b, m))) = (mine.peek().copied(), theirs.peek().copied()) {
            match a.cmp(b) {
                Ordering::Less => merged.extend(mine.next()),
                Ordering::Greater => merged.extend(theirs.next()),
                Ordering::Equal => {
                    merged.push((*a, n + m));
                    mine.next();
                    theirs.next();
                }
            }
        }
        merged.extend(mine);
        merged.extend(theirs);
        self.counts = merged;
    }

    /// Takes `out` of `of` equal parts of its values away, rounded down, evenly over the buckets
    /// in their order; with `out` below 0 as many are added. Not more than there are.
    pub fn lessen(&mut self, out: i128, of: i128) {
        let (mut seen, mut taken) = (0_i128, 0_i128);
        for (_, n) in &mut self.counts {
            seen += i128::from(*n);
            let due = seen.checked_mul(out).and_then(|d| d.checked_div_euclid(of));
            let due = due.unwrap_or(taken);
            *n = u64::try_from(i128::from(*n) - (due - taken)).unwrap_or(0);
            taken = due;
        }
        self.counts.retain(|(_, n)| *n > 0);
    }

    /// How many values were counted.
    pub fn n(&self) -> u64 {
        self.counts.iter().map(|(_, n)| n).sum()
    }

    /// Whether nothing was counted.
    pub fn is_empty(&self) -> bool {
        self.counts.is_empty()
    }

    /// The buckets that occur with their counts, in order of their values.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (u16, u64)> + '_ {
        self.counts.iter().copied()
    }

    /// The quantile `numerator / denominator` (0.9 is 9/10) in seconds; `None` when nothing was
    /// counted. A fraction above one is read as one, a zero denominator as one.
    ///
    /// Definition: the nearest rank, that is the value at rank ⌈q·n⌉ (at least 1) of the sorted
    /// values, without interpolation (type 1 of Hyndman and Fan 1996). What is returned is the
    /// representative of its bucket: at most 1/128 of that value away from it.
    pub fn quantile_s(&self, numerator: u32, denominator: u32) -> Option<u64> {
        let n = u128::from(self.n());
        let denominator = u128::from(denominator.max(1));
        let rank = (n * u128::from(numerator))
            .div_ceil(denominator)
            .clamp(1, n.max(1));
        let mut seen = 0;
        for (bucket, n) in self.iter() {
            seen += u128::from(n);
            if seen >= rank {
                return Some(representative_s(bucket));
            }
        }
        None
    }

    /// The median in seconds (see [`SparseHistogram::quantile_s`]).
    pub fn p50_s(&self) -> Option<u64> {
        self.quantile_s(1, 2)
    }

    /// The ninth decile in seconds (see [`SparseHistogram::quantile_s`]).
    pub fn p90_s(&self) -> Option<u64> {
        self.quantile_s(9, 10)
    }
}

impl FromIterator<(u16, u64)> for SparseHistogram {
    /// From buckets and counts, as [`SparseHistogram::iter`] gives them; repeats are added up.
    fn from_iter<I: IntoIterator<Item = (u16, u64)>>(buckets: I) -> Self {
        let mut histogram = SparseHistogram::new();
        for (bucket, n) in buckets {
            histogram.add_bucket(bucket, n);
        }
        histogram
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_bucket_follows_the_one_before() {
        for b in 0..BUCKETS {
            assert_eq!((bucket(lower_s(b)), bucket(upper_s(b))), (b, b));
            assert!(lower_s(b) <= representative_s(b) && representative_s(b) <= upper_s(b));
            if b > 0 {
                assert_eq!(lower_s(b), upper_s(b - 1) + 1);
            }
        }
        assert_eq!(bucket(u64::MAX), BUCKETS - 1);
        assert_eq!(lower_s(BUCKETS), u64::MAX);
        assert_eq!(upper_s(u16::MAX), u64::MAX);
    }

    #[test]
    fn percentiles_of_a_few_values() {
        let mut histogram = SparseHistogram::new();
        assert_eq!(histogram.p50_s(), None);
        (1..=10).for_each(|value| histogram.add(value));
        assert_eq!((histogram.p50_s(), histogram.p90_s()), (Some(5), Some(9)));
        assert_eq!(
            (histogram.quantile_s(0, 1), histogram.quantile_s(3, 2)),
            (Some(1), Some(10))
        );
        assert_eq!(histogram.quantile_s(91, 100), Some(10));
        histogram.add(86_400);
        let p100 = histogram.quantile_s(1, 1).unwrap();
        assert!(p100.abs_diff(86_400) * 128 <= 86_400, "{p100}");
    }

    /// Small and large values, evenly over the octaves.
    fn values() -> impl Strategy<Value = Vec<u64>> {
        let value = (0u32..64, any::<u64>()).prop_map(|(shift, value)| value >> shift);
        prop::collection::vec(value, 1..200)
    }

    fn count(values: &[u64]) -> SparseHistogram {
        let mut histogram = SparseHistogram::new();
        values.iter().for_each(|&value| histogram.add(value));
        histogram
    }

    proptest! {
        #[test]
        fn a_representative_is_at_most_one_128th_away(shift in 0u32..64, value: u64) {
            let value = value >> shift;
            let distance = representative_s(bucket(value)).abs_diff(value);
            prop_assert!(u128::from(distance) * 128 <= u128::from(value));
        }

        #[test]
        fn merging_is_counting_together(a in values(), b in values(), c in values()) {
            let all = count(&[a.clone(), b.clone(), c.clone()].concat());
            let (a, b, c) = (count(&a), count(&b), count(&c));
            let mut left = a.clone();
            left.merge(&b);
            left.merge(&c);
            let mut right = c;
            right.merge(&a);
            right.merge(&b);
            prop_assert_eq!(&left, &all);
            prop_assert_eq!(&right, &all);
            prop_assert_eq!(all.iter().collect::<SparseHistogram>(), all);
        }

        #[test]
        fn a_quantile_is_close_to_the_exact_one(mut values in values(), numerator in 0u32..=100) {
            let quantile = count(&values).quantile_s(numerator, 100).unwrap();
            values.sort_unstable();
            let rank = (values.len() * numerator as usize).div_ceil(100).max(1);
            let exact = values[rank - 1];
            prop_assert!(u128::from(quantile.abs_diff(exact)) * 128 <= u128::from(exact));
        }
    }
}
