//! Rank statistics beside the interval: effect size and drift.

/// Cliff's delta of `patched` against `baseline`, -1 to 1: the share of pairs in which patched is
/// greater, less the share in which it is smaller. `None` where a sample is empty.
#[must_use]
pub fn cliffs_delta(baseline: &[f64], patched: &[f64]) -> Option<f64> {
    if baseline.is_empty() || patched.is_empty() {
        return None;
    }
    let balance: i64 =
        patched.iter().flat_map(|p| baseline.iter().map(move |b| p.total_cmp(b) as i64)).sum();
    Some(balance as f64 / (baseline.len() * patched.len()) as f64)
}

/// Spearman's correlation of a series with its order in time, -1 to 1. `None` below three values, or
/// where all are equal.
#[must_use]
pub fn spearman_with_time(series: &[f64]) -> Option<f64> {
    if series.len() < 3 {
        return None;
    }
    let ranks = average_ranks(series);
    let n = series.len() as f64;
    let mean = (n + 1.0) / 2.0;
    let (mut covariance, mut rank_variance, mut time_variance) = (0.0, 0.0, 0.0);
    for (index, rank) in ranks.iter().enumerate() {
        let time = index as f64 + 1.0;
        covariance += (rank - mean) * (time - mean);
        rank_variance += (rank - mean).powi(2);
        time_variance += (time - mean).powi(2);
    }
    (rank_variance > 0.0).then(|| covariance / (rank_variance * time_variance).sqrt())
}

/// Ranks from 1, ties sharing their mean.
fn average_ranks(series: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..series.len()).collect();
    order.sort_by(|a, b| series[*a].total_cmp(&series[*b]));
    let mut ranks = vec![0.0; series.len()];
    let mut start = 0;
    while start < order.len() {
        let mut end = start;
        while end + 1 < order.len() && series[order[end + 1]] == series[order[start]] {
            end += 1;
        }
        for index in &order[start..=end] {
            ranks[*index] = (start + end) as f64 / 2.0 + 1.0;
        }
        start = end + 1;
    }
    ranks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delta_is_one_where_the_arms_do_not_overlap() {
        assert_eq!(cliffs_delta(&[1.0, 2.0], &[3.0, 4.0]), Some(1.0));
        assert_eq!(cliffs_delta(&[3.0, 4.0], &[1.0, 2.0]), Some(-1.0));
        assert_eq!(cliffs_delta(&[1.0, 2.0], &[1.0, 2.0]), Some(0.0));
        assert_eq!(cliffs_delta(&[], &[1.0]), None);
    }

    #[test]
    fn drift_is_the_correlation_with_time() {
        assert_eq!(spearman_with_time(&[1.0, 2.0, 5.0, 9.0]), Some(1.0));
        assert_eq!(spearman_with_time(&[9.0, 5.0, 2.0, 1.0]), Some(-1.0));
        assert_eq!(spearman_with_time(&[2.0, 2.0, 2.0]), None);
        // SciPy 1.11: spearmanr([1, 2, 3, 4, 5], [2, 1, 4, 3, 5]) is 0.8
        let r = spearman_with_time(&[2.0, 1.0, 4.0, 3.0, 5.0]).unwrap();
        assert!((r - 0.8).abs() < 1e-12);
    }
}
