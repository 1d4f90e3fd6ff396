//! From paired run times to a verdict.

use crate::model::Verdict;

use super::rank::{cliffs_delta, spearman_with_time};
use super::wilcoxon::{Interval, hodges_lehmann, signed_rank_interval};

/// A change below this share does not matter to anybody: 5 %.
pub const THRESHOLD: f64 = 0.05;
/// Above this a floor says nothing more: only a change of more than nine tenths is called.
const HIGHEST_FLOOR: f64 = 0.9;
/// The only numbers of pairs after which the data may be looked at.
pub const LOOKS: [usize; 3] = [10, 20, 40];
/// The level of each look, so that three of them together err at most once in twenty (Bonferroni).
pub const LOOK_LEVEL: f64 = 1.0 - 0.05 / 3.0;

/// What paired run times show.
#[derive(Debug, Clone, PartialEq)]
pub struct Comparison {
    pub verdict: Verdict,
    /// The Hodges-Lehmann ratio patched / baseline.
    pub ratio: f64,
    /// The exact interval of that ratio at [`LOOK_LEVEL`]; absent where there are too few pairs.
    pub interval: Option<Interval>,
    pub cliffs_delta: Option<f64>,
    /// Spearman's correlation of the log ratios with time.
    pub drift: Option<f64>,
    /// The smallest change, in percent, that an interval of this width could have called.
    pub smallest_detectable_percent: Option<f64>,
}

/// Compares runs taken in pairs: `baseline[i]` and `patched[i]` ran side by side. Times are in any unit,
/// above zero. A winner needs more than `floor`, a share from 0 to 1, and never less than [`THRESHOLD`]: what the place
/// shows where nothing differs. `None` where the samples are empty, unequal in number, or not positive.
#[must_use]
pub fn compare(baseline: &[f64], patched: &[f64], floor: f64) -> Option<Comparison> {
    let positive = |sample: &[f64]| sample.iter().all(|x| x.is_finite() && *x > 0.0);
    if baseline.len() != patched.len() || !positive(baseline) || !positive(patched) {
        return None;
    }
    let log_ratios: Vec<f64> = baseline.iter().zip(patched).map(|(b, p)| (p / b).ln()).collect();
    let floor = floor.clamp(THRESHOLD, HIGHEST_FLOOR);
    let ratio = hodges_lehmann(&log_ratios)?.exp();
    let log_interval = signed_rank_interval(&log_ratios, LOOK_LEVEL);
    let interval = log_interval.map(|i| Interval { low: i.low.exp(), high: i.high.exp() });
    Some(Comparison {
        verdict: interval.map_or(Verdict::Inconclusive, |interval| verdict_of(interval, floor)),
        ratio,
        interval,
        cliffs_delta: cliffs_delta(baseline, patched),
        drift: spearman_with_time(&log_ratios),
        smallest_detectable_percent: log_interval.map(|i| {
            let half_width = (i.high - i.low) / 2.0;
            100.0 * (1.0 - (1.0 - floor) * (-half_width).exp())
        }),
    })
}

/// The verdict that an interval of the ratio allows, where a winner needs more than `floor`.
fn verdict_of(interval: Interval, floor: f64) -> Verdict {
    let (faster, slower) = (1.0 - THRESHOLD, 1.0 / (1.0 - THRESHOLD));
    if interval.high < 1.0 - floor {
        Verdict::Faster
    } else if interval.low > 1.0 / (1.0 - floor) {
        Verdict::Slower
    } else if interval.low > faster && interval.high < slower {
        Verdict::Equivalent
    } else {
        Verdict::Inconclusive
    }
}

/// One verdict over several bindings: a difference in rows or plans decides; else the bindings must not
/// contradict each other, and a slower one is never hidden behind a faster one.
#[must_use]
pub fn overall_verdict(verdicts: &[Verdict]) -> Verdict {
    let has = |verdict| verdicts.contains(&verdict);
    for decisive in [Verdict::NotEquivalent, Verdict::Unstable, Verdict::Slower] {
        if has(decisive) {
            return decisive;
        }
    }
    if has(Verdict::Faster) {
        Verdict::Faster
    } else if has(Verdict::Inconclusive) || verdicts.is_empty() {
        Verdict::Inconclusive
    } else {
        Verdict::Equivalent
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Standard normal by Box and Muller.
    fn normal(rng: &mut fastrand::Rng) -> f64 {
        (-2.0 * (1.0 - rng.f64()).ln()).sqrt() * (2.0 * std::f64::consts::PI * rng.f64()).cos()
    }

    /// Something that disturbs a measurement.
    #[derive(Clone, Copy)]
    enum Trouble {
        Noise,
        /// Three runs in a hundred take half as long again.
        Spikes,
        /// Everything gets slower by a per cent with every pair.
        Drift,
        All,
    }

    /// Runs the protocol's looks over simulated arms with 5 % noise. Gives the verdict, and after how many
    /// pairs it was made.
    fn simulate(rng: &mut fastrand::Rng, true_ratio: f64, trouble: Trouble) -> (Verdict, usize) {
        let (mut baseline, mut patched) = (Vec::new(), Vec::new());
        for look in LOOKS {
            while baseline.len() < look {
                let drifts = matches!(trouble, Trouble::Drift | Trouble::All);
                let spikes = matches!(trouble, Trouble::Spikes | Trouble::All);
                let drift = if drifts { 1.0 + 0.01 * baseline.len() as f64 } else { 1.0 };
                let mut run = |ratio: f64| {
                    let spike = if spikes && rng.f64() < 0.03 { 1.5 } else { 1.0 };
                    100.0 * ratio * drift * spike * (0.05 * normal(rng)).exp()
                };
                let ratios = (run(1.0), run(true_ratio));
                baseline.push(ratios.0);
                patched.push(ratios.1);
            }
            let found =
                compare(&baseline, &patched, THRESHOLD).map(|comparison| comparison.verdict);
            match found {
                Some(Verdict::Inconclusive) | None => {}
                Some(verdict) => return (verdict, look),
            }
        }
        (Verdict::Inconclusive, baseline.len())
    }

    const TROUBLES: [Trouble; 4] = [Trouble::Noise, Trouble::Spikes, Trouble::Drift, Trouble::All];

    #[test]
    fn an_a_a_comparison_has_no_winner() {
        let mut rng = fastrand::Rng::with_seed(20_261_122);
        for trouble in TROUBLES {
            let wins = |verdict| matches!(verdict, Verdict::Faster | Verdict::Slower);
            let winners = (0..500).filter(|_| wins(simulate(&mut rng, 1.0, trouble).0)).count();
            // At most one in twenty.
            assert!(winners <= 25, "{winners} of 500 A/A comparisons had a winner");
        }
    }

    #[test]
    fn a_change_at_the_threshold_is_not_called_more_often_than_the_level_allows() {
        // The hardest case: the truth is exactly what just does not count as a gain.
        let mut rng = fastrand::Rng::with_seed(20_261_125);
        for trouble in TROUBLES {
            let at_threshold = 1.0 - THRESHOLD;
            let called = (0..500)
                .filter(|_| simulate(&mut rng, at_threshold, trouble).0 == Verdict::Faster)
                .count();
            assert!(called <= 25, "{called} of 500 called");
        }
    }

    #[test]
    fn a_true_gain_of_a_tenth_is_called_by_forty_pairs() {
        let mut rng = fastrand::Rng::with_seed(20_261_124);
        for trouble in TROUBLES {
            let called =
                (0..200).filter(|_| simulate(&mut rng, 0.9, trouble).0 == Verdict::Faster).count();
            assert!(called >= 170, "{called} of 200 called");
        }
    }

    #[test]
    fn a_true_gain_of_a_fifth_is_called_by_twenty_pairs() {
        let mut rng = fastrand::Rng::with_seed(20_261_123);
        for trouble in TROUBLES {
            let called = (0..200)
                .filter(|_| {
                    let (verdict, pairs) = simulate(&mut rng, 0.8, trouble);
                    verdict == Verdict::Faster && pairs <= 20
                })
                .count();
            assert!(called >= 190, "{called} of 200 called");
        }
    }

    #[test]
    fn the_verdict_follows_from_the_interval() {
        let of = |low, high| verdict_of(Interval { low, high }, THRESHOLD);
        assert_eq!(of(0.5, 0.94), Verdict::Faster);
        assert_eq!(of(0.5, 0.96), Verdict::Inconclusive);
        assert_eq!(of(0.96, 1.04), Verdict::Equivalent);
        assert_eq!(of(1.06, 1.5), Verdict::Slower);
        assert_eq!(of(0.9, 1.2), Verdict::Inconclusive);
    }

    #[test]
    fn no_winner_is_called_below_the_floor() {
        let called =
            |patched: f64, floor| compare(&[100.0; 10], &[patched; 10], floor).unwrap().verdict;
        assert_eq!(called(89.0, THRESHOLD), Verdict::Faster);
        assert_eq!(called(89.0, 0.12), Verdict::Inconclusive);
        assert_eq!(called(113.0, 0.12), Verdict::Inconclusive);
        assert_eq!(called(80.0, 0.12), Verdict::Faster);
        assert_eq!(called(115.0, 0.12), Verdict::Slower);
        assert_eq!(called(99.0, 0.12), Verdict::Equivalent);
        assert_eq!(called(94.0, 0.0), Verdict::Faster, "never below the threshold");
        assert_eq!(called(1.0, f64::INFINITY), Verdict::Faster, "a hundredth is called anywhere");
    }

    #[test]
    fn what_cannot_be_compared_gives_nothing() {
        assert_eq!(compare(&[], &[], THRESHOLD), None);
        assert_eq!(compare(&[1.0], &[1.0, 2.0], THRESHOLD), None);
        assert_eq!(compare(&[1.0, 0.0], &[1.0, 2.0], THRESHOLD), None);
        let few = compare(&[10.0; 5], &[1.0; 5], THRESHOLD).unwrap();
        assert_eq!(few.verdict, Verdict::Inconclusive);
    }

    #[test]
    fn a_slower_binding_is_not_hidden() {
        assert_eq!(overall_verdict(&[Verdict::Faster, Verdict::Slower]), Verdict::Slower);
        assert_eq!(overall_verdict(&[Verdict::Faster, Verdict::Inconclusive]), Verdict::Faster);
        assert_eq!(overall_verdict(&[]), Verdict::Inconclusive);
    }
}
