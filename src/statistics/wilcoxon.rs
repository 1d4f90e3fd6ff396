//! The Hodges-Lehmann estimate of a paired difference, and its exact interval by inverting the Wilcoxon
//! signed-rank test (Hollander and Wolfe, "Nonparametric Statistical Methods", section 3.2-3.3).

use super::summary::median;

/// An interval of a quantity.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interval {
    pub low: f64,
    pub high: f64,
}

/// All means of two differences, a difference with itself included, ascending.
fn walsh_averages(differences: &[f64]) -> Vec<f64> {
    let mut averages = Vec::with_capacity(differences.len() * (differences.len() + 1) / 2);
    for (index, a) in differences.iter().enumerate() {
        for b in &differences[index..] {
            averages.push((a + b) / 2.0);
        }
    }
    averages.sort_by(f64::total_cmp);
    averages
}

/// The Hodges-Lehmann estimate: the median of the Walsh averages. `None` of an empty sample.
#[must_use]
pub fn hodges_lehmann(differences: &[f64]) -> Option<f64> {
    median(&walsh_averages(differences))
}

/// The interval of the pseudomedian at `level` (0 to 1), exact and conservative. `None` where there are
/// too few differences for that level.
#[must_use]
pub fn signed_rank_interval(differences: &[f64], level: f64) -> Option<Interval> {
    let averages = walsh_averages(differences);
    let outside = largest_rank_sum_in_tail(differences.len(), (1.0 - level) / 2.0)?;
    // P(W <= k) is at most the tail, so the (k + 1)th average from either end bounds the interval.
    let low = *averages.get(outside.checked_sub(1)?)?;
    let high = *averages.get(averages.len().checked_sub(outside)?)?;
    Some(Interval { low, high })
}

/// The probability of a signed-rank sum of positive differences as small as theirs, if their median were zero: how little
/// speaks for it not being below. Exact where none are tied; ties share their mean rank, and half ranks count up. 1 of an
/// empty sample.
#[must_use]
pub fn signed_rank_tail(differences: &[f64]) -> f64 {
    let mut order: Vec<usize> = (0..differences.len()).collect();
    order.sort_by(|a, b| differences[*a].abs().total_cmp(&differences[*b].abs()));
    let (mut sum, mut at) = (0.0, 0);
    while at < order.len() {
        let size = differences[order[at]].abs();
        let tied = order[at..].iter().take_while(|i| differences[**i].abs() <= size).count();
        let rank = at as f64 + (tied as f64 + 1.0) / 2.0;
        sum +=
            rank * order[at..at + tied].iter().filter(|i| differences[**i] >= 0.0).count() as f64;
        at += tied;
    }
    let counts = rank_sums(differences.len());
    let all: f64 = counts.iter().sum();
    counts.iter().take(sum.ceil() as usize + 1).sum::<f64>() / all
}

/// Subsets of {1, …, n} by their sum. With n at most some hundreds, f64 is exact far into the tail, where the counts are
/// small, and that is the only part in use.
fn rank_sums(n: usize) -> Vec<f64> {
    let total = n * (n + 1) / 2;
    let mut counts = vec![0.0_f64; total + 1];
    counts[0] = 1.0;
    for rank in 1..=n {
        for sum in (rank..=total).rev() {
            counts[sum] += counts[sum - rank];
        }
    }
    counts
}

/// One more than the largest k with P(W <= k) <= `tail`, where W is the signed-rank sum of `n` untied
/// differences under the null hypothesis; `None` where even k = 0 is too likely.
fn largest_rank_sum_in_tail(n: usize, tail: f64) -> Option<usize> {
    let counts = rank_sums(n);
    let all = 2.0_f64.powi(i32::try_from(n).ok()?);
    let mut cumulative = 0.0;
    let beyond = counts.iter().position(|count| {
        cumulative += count;
        cumulative / all > tail
    })?;
    (beyond > 0).then_some(beyond)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Hollander and Wolfe, table 3.1: depression scores; the example of R's `wilcox.test`.
    #[expect(clippy::approx_constant, reason = "a score that happens to be near pi")]
    const DEPRESSION: [(f64, f64); 9] = [
        (1.83, 0.878),
        (0.50, 0.647),
        (1.62, 0.598),
        (2.48, 2.05),
        (1.68, 1.06),
        (1.88, 1.29),
        (1.55, 1.06),
        (3.06, 3.14),
        (1.30, 1.29),
    ];

    #[test]
    fn estimate_and_interval_are_those_of_r() {
        // R 4.3: wilcox.test(x, y, paired = TRUE, conf.int = TRUE)
        //   95 percent confidence interval: 0.010 0.786; (pseudo)median 0.46
        let differences: Vec<f64> = DEPRESSION.iter().map(|(x, y)| x - y).collect();
        assert!((hodges_lehmann(&differences).unwrap() - 0.46).abs() < 1e-9);
        let interval = signed_rank_interval(&differences, 0.95).unwrap();
        assert!((interval.low - 0.010).abs() < 1e-9, "{interval:?}");
        assert!((interval.high - 0.786).abs() < 1e-9, "{interval:?}");
    }

    #[test]
    fn the_tail_follows_from_the_exact_distribution() {
        // R 4.3: psignrank(0:5, 10) = 1, 2, 3, 5, 7, 10 of 1024
        assert_eq!(largest_rank_sum_in_tail(10, 7.0 / 1024.0), Some(5));
        assert_eq!(largest_rank_sum_in_tail(10, 6.9 / 1024.0), Some(4));
        assert_eq!(largest_rank_sum_in_tail(10, 0.5 / 1024.0), None);
    }

    #[test]
    fn the_tail_of_a_sum_is_that_of_r() {
        // R 4.3: psignrank(c(0, 3, 55), 10) = 1/1024, 5/1024, 1
        let below: Vec<f64> = (1..=10).map(|i| -f64::from(i)).collect();
        assert!((signed_rank_tail(&below) - 1.0 / 1024.0).abs() < 1e-12);
        let mut one: Vec<f64> = below.clone();
        one[2] = 3.0;
        assert!((signed_rank_tail(&one) - 5.0 / 1024.0).abs() < 1e-12);
        let above: Vec<f64> = below.iter().map(|x| -x).collect();
        assert!((signed_rank_tail(&above) - 1.0).abs() < 1e-12);
        assert_eq!(signed_rank_tail(&[]), 1.0);
    }

    #[test]
    fn too_few_differences_give_no_interval() {
        assert_eq!(signed_rank_interval(&[], 0.9833), None);
        assert_eq!(signed_rank_interval(&[1.0, 2.0, 3.0], 0.9833), None);
    }
}
