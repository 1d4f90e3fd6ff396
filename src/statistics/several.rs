//! Verdicts over many comparisons at once: the more are made, the likelier one of them errs, so each must be surer (Holm,
//! "A simple sequentially rejective multiple test procedure", 1979).

use crate::model::Verdict;

use super::comparison::THRESHOLD;
use super::wilcoxon::{Interval, hodges_lehmann, signed_rank_interval, signed_rank_tail};

/// How often at most any of the comparisons may be called wrongly.
pub const FAMILY_LEVEL: f64 = 0.05;

/// What one of several comparisons showed.
#[derive(Debug, Clone, PartialEq)]
pub struct OneOfSeveral {
    pub verdict: Verdict,
    /// The Hodges-Lehmann ratio patched / baseline.
    pub ratio: f64,
    /// An interval of that ratio that holds together with those of all others; absent where there are too few pairs.
    pub interval: Option<Interval>,
}

/// Compares paired run times of several statements: logarithms of the ratios patched / baseline, each list in the order of
/// its pairs. A winner or loser needs more than `floor`, a share from 0 to 1 and at least [`THRESHOLD`]. An empty list is
/// inconclusive.
#[must_use]
pub fn compare_several(statements: &[Vec<f64>], floor: f64) -> Vec<OneOfSeveral> {
    let floor = floor.clamp(THRESHOLD, 0.9);
    let bound = (1.0 - floor).ln();
    // Two questions of each: is it faster by more than the floor, and is it slower by more?
    let questions: Vec<f64> = statements
        .iter()
        .flat_map(|ratios| {
            let below: Vec<f64> = ratios.iter().map(|ratio| ratio - bound).collect();
            let above: Vec<f64> = ratios.iter().map(|ratio| -(ratio + bound)).collect();
            [signed_rank_tail(&below), signed_rank_tail(&above)]
        })
        .collect();
    let answers = holm(&questions, FAMILY_LEVEL);
    let count = statements.len().max(1) as f64;
    statements
        .iter()
        .enumerate()
        .map(|(at, ratios)| {
            let interval = signed_rank_interval(ratios, 1.0 - FAMILY_LEVEL / count)
                .map(|logs| Interval { low: logs.low.exp(), high: logs.high.exp() });
            let is_alike = interval.is_some_and(|interval| {
                interval.low > 1.0 - THRESHOLD && interval.high < 1.0 / (1.0 - THRESHOLD)
            });
            let verdict = match (answers[2 * at], answers[2 * at + 1]) {
                (true, _) => Verdict::Faster,
                (_, true) => Verdict::Slower,
                _ if is_alike => Verdict::Equivalent,
                _ => Verdict::Inconclusive,
            };
            let ratio = hodges_lehmann(ratios).map_or(1.0, f64::exp);
            OneOfSeveral { verdict, ratio, interval }
        })
        .collect()
}

/// Which of several hypotheses are rejected, so that at most with probability `level` any is rejected that holds.
#[must_use]
pub fn holm(p_values: &[f64], level: f64) -> Vec<bool> {
    let mut order: Vec<usize> = (0..p_values.len()).collect();
    order.sort_by(|a, b| p_values[*a].total_cmp(&p_values[*b]));
    let mut rejected = vec![false; p_values.len()];
    for (rank, at) in order.iter().enumerate() {
        let left = (p_values.len() - rank) as f64;
        if p_values[*at] > level / left {
            break;
        }
        rejected[*at] = true;
    }
    rejected
}

#[cfg(test)]
mod tests {
    use super::*;

    fn normal(rng: &mut fastrand::Rng) -> f64 {
        (-2.0 * (1.0 - rng.f64()).ln()).sqrt() * (2.0 * std::f64::consts::PI * rng.f64()).cos()
    }

    /// Twenty pairs of each statement with 5 % noise in either arm.
    fn simulated(rng: &mut fastrand::Rng, ratios: &[f64]) -> Vec<OneOfSeveral> {
        let of = |ratio: &f64, rng: &mut fastrand::Rng| {
            (0..20).map(|_| ratio.ln() + 0.05 * normal(rng) - 0.05 * normal(rng)).collect()
        };
        let statements: Vec<Vec<f64>> = ratios.iter().map(|ratio| of(ratio, rng)).collect();
        compare_several(&statements, THRESHOLD)
    }

    #[test]
    fn holm_rejects_what_the_published_example_does() {
        // R 4.3: p.adjust(c(0.01, 0.04, 0.03, 0.005), "holm") = 0.03 0.06 0.06 0.02
        assert_eq!(holm(&[0.01, 0.04, 0.03, 0.005], 0.05), [true, false, false, true]);
        assert_eq!(holm(&[], 0.05), Vec::<bool>::new());
    }

    #[test]
    fn of_forty_statements_at_the_threshold_hardly_ever_is_one_called() {
        let mut rng = fastrand::Rng::with_seed(5);
        let at_the_threshold = vec![1.0 - THRESHOLD; 40];
        let runs = 400;
        let errs = (0..runs).filter(|_| {
            let found = simulated(&mut rng, &at_the_threshold);
            found.iter().any(|one| matches!(one.verdict, Verdict::Faster | Verdict::Slower))
        });
        let share = errs.count() as f64 / f64::from(runs);
        assert!(share <= FAMILY_LEVEL + 0.03, "{share}");
    }

    #[test]
    fn one_slower_among_many_faster_ones_is_found() {
        let mut rng = fastrand::Rng::with_seed(6);
        let mut ratios = vec![0.5; 20];
        ratios[7] = 1.4;
        for _ in 0..100 {
            let found = simulated(&mut rng, &ratios);
            assert_eq!(found[7].verdict, Verdict::Slower);
            assert!(
                found.iter().enumerate().all(|(at, one)| at == 7 || one.verdict == Verdict::Faster)
            );
        }
    }

    #[test]
    fn what_stays_the_same_is_called_so_and_no_pairs_say_nothing() {
        let same = compare_several(&[vec![0.001; 20], Vec::new()], THRESHOLD);
        assert_eq!(same[0].verdict, Verdict::Equivalent);
        assert_eq!((same[1].verdict, same[1].interval), (Verdict::Inconclusive, None));
    }
}
