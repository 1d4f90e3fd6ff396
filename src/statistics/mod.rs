//! Paired comparison of two arms, and the verdict that follows from it.
//!
//! Run times are compared as logarithms of ratios: a change is multiplicative, and the logarithm makes
//! "twice as fast" and "twice as slow" equally far from no change. Everything is a pure function of the
//! samples and a seed.

mod bootstrap;
mod comparison;
mod rank;
#[cfg(test)]
mod reference;
mod several;
mod summary;
mod wilcoxon;

pub use bootstrap::ratio_of_medians_interval;
pub use comparison::{Comparison, LOOK_LEVEL, LOOKS, THRESHOLD, compare, overall_verdict};
pub use rank::{cliffs_delta, spearman_with_time};
pub use several::{FAMILY_LEVEL, OneOfSeveral, compare_several, holm};
pub use summary::{interquartile_mean, median, outliers, quantile, scaled_mad};
pub use wilcoxon::{Interval, hodges_lehmann, signed_rank_interval, signed_rank_tail};
