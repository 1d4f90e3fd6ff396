//! A seeded bootstrap of the ratio of medians: a cross-check of the rank interval.

use super::summary::{median, quantile};
use super::wilcoxon::Interval;

/// Resamples drawn. The interval's ends move by less than a tenth of its width beyond this.
const RESAMPLES: usize = 2000;

/// The percentile interval of `median(patched) / median(baseline)` at `level` (0 to 1), resampling pairs.
/// `None` of empty or unequal samples.
#[must_use]
pub fn ratio_of_medians_interval(
    baseline: &[f64],
    patched: &[f64],
    level: f64,
    seed: u64,
) -> Option<Interval> {
    if baseline.is_empty() || baseline.len() != patched.len() {
        return None;
    }
    let mut rng = fastrand::Rng::with_seed(seed);
    let mut ratios = Vec::with_capacity(RESAMPLES);
    let (mut a, mut b) = (baseline.to_vec(), patched.to_vec());
    for _ in 0..RESAMPLES {
        for at in 0..baseline.len() {
            let drawn = rng.usize(..baseline.len());
            a[at] = baseline[drawn];
            b[at] = patched[drawn];
        }
        ratios.push(median(&b)? / median(&a)?);
    }
    let tail = (1.0 - level) / 2.0;
    Some(Interval { low: quantile(&ratios, tail)?, high: quantile(&ratios, 1.0 - tail)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_interval_and_it_holds_the_ratio() {
        let baseline: Vec<f64> = (0..40).map(|i| 100.0 + f64::from(i % 7)).collect();
        let patched: Vec<f64> = (0..40).map(|i| 50.0 + f64::from(i % 5)).collect();
        let interval = ratio_of_medians_interval(&baseline, &patched, 0.9833, 7).unwrap();
        assert_eq!(ratio_of_medians_interval(&baseline, &patched, 0.9833, 7), Some(interval));
        assert!(interval.low <= 52.0 / 103.0 && 52.0 / 103.0 <= interval.high, "{interval:?}");
        assert!(interval.high < 0.6, "{interval:?}");
    }
}
