//! The protocol of one binding: gate, warm-up, interleaved pairs in seeded random order, looks at 10, 20
//! and 40 pairs, verdict.

use std::time::Instant;

use optischema::model::{Arm, Binding, BindingResult, ConfidenceInterval, Verdict};
use optischema::statistics::{
    Comparison, Interval, LOOK_LEVEL, LOOKS, compare, median, quantile, ratio_of_medians_interval,
    scaled_mad,
};

use super::BenchmarkError;
use super::arms::{ArmKind, Arms, Run};

/// Warm-up runs of an arm: at least two, until the last three vary by at most 5 %, at most ten.
const WARM_UP: std::ops::RangeInclusive<usize> = 2..=10;
/// Statements shorter than this are run several times within one timed run.
const SHORT_MS: f64 = 5.0;
/// What such a batch lasts at least.
const BATCH_MS: f64 = 20.0;
/// Executions in a batch at most: beyond this, planning each of them costs more than it shows.
const MAX_BATCH: u32 = 50;
/// Below this many samples a 95th percentile cannot be seen.
const MIN_FOR_P95: usize = 40;

/// What is told while it runs: pairs done, of at most how many.
pub(super) type PairProgress<'a> = &'a mut (dyn FnMut(usize, usize) + Send);

/// How one binding is measured.
pub(super) struct Protocol<'a> {
    pub binding: &'a Binding,
    pub seed: u64,
    /// No new pair is begun after this.
    pub deadline: Instant,
    /// Whether the statement may choose among ties: LIMIT without a total order.
    pub has_limit: bool,
}

/// A binding's result, with what a person should be warned of.
pub(super) struct Measured {
    pub result: BindingResult,
    pub warnings: Vec<String>,
}

impl Protocol<'_> {
    /// Measures both arms.
    pub async fn measure(
        &self,
        arms: &mut Arms<'_>,
        progress: PairProgress<'_>,
    ) -> Result<Measured, BenchmarkError> {
        let mut warnings = Vec::new();
        let (baseline_rows, patched_rows) =
            (arms.rows(ArmKind::Baseline).await?, arms.rows(ArmKind::Patched).await?);
        let same_rows = baseline_rows == patched_rows;
        if !same_rows && self.has_limit && baseline_rows.rows == patched_rows.rows {
            warnings.push(
                "The arms returned different rows of equal number: LIMIT chooses among ties, and an \
                 index changes which come first."
                    .to_owned(),
            );
        } else if !same_rows {
            return self.not_equivalent(arms, baseline_rows.rows, patched_rows.rows).await;
        }
        let baseline_batch = batch_for(self.warm_up(arms, ArmKind::Baseline).await?);
        let patched_batch = batch_for(self.warm_up(arms, ArmKind::Patched).await?);
        let pairs = self.pairs(arms, baseline_batch, patched_batch, progress).await?;
        let comparison = compare(&pairs.times(ArmKind::Baseline), &pairs.times(ArmKind::Patched))
            .ok_or_else(|| {
            BenchmarkError::Failed("no pair of runs could be compared".into())
        })?;
        if pairs.len() < LOOKS[0] {
            warnings.push(format!(
                "The time ran out after {} pairs; at least {} are needed for a verdict.",
                pairs.len(),
                LOOKS[0]
            ));
        }
        if comparison.drift.is_some_and(|drift| drift.abs() > 0.5) {
            warnings.push(format!(
                "With the {}, the difference drifted while it was measured: something else may have changed meanwhile.",
                self.binding.label
            ));
        }
        let result = self.result(arms, &pairs, &comparison, patched_batch, baseline_rows.rows);
        Ok(Measured { result, warnings })
    }

    async fn warm_up(&self, arms: &mut Arms<'_>, arm: ArmKind) -> Result<f64, BenchmarkError> {
        let mut times: Vec<f64> = Vec::new();
        while times.len() < *WARM_UP.end() {
            times.push(arms.run(arm, 1).await?.milliseconds);
            if times.len() >= *WARM_UP.start() && Instant::now() >= self.deadline {
                break;
            }
            if let [.., a, b, c] = times.as_slice() {
                let (low, high) = (a.min(*b).min(*c), a.max(*b).max(*c));
                if (high - low) / high <= 0.05 {
                    break;
                }
            }
        }
        let settled = &times[times.len().saturating_sub(3)..];
        Ok(median(settled).unwrap_or(BATCH_MS))
    }

    async fn pairs(
        &self,
        arms: &mut Arms<'_>,
        baseline_batch: u32,
        patched_batch: u32,
        progress: PairProgress<'_>,
    ) -> Result<Pairs, BenchmarkError> {
        let mut rng = fastrand::Rng::with_seed(self.seed);
        let mut pairs = Pairs::default();
        let most = LOOKS[LOOKS.len() - 1];
        while pairs.len() < most && (pairs.len() == 0 || Instant::now() < self.deadline) {
            let (baseline, patched) = if rng.bool() {
                let baseline = arms.run(ArmKind::Baseline, baseline_batch).await?;
                (baseline, arms.run(ArmKind::Patched, patched_batch).await?)
            } else {
                let patched = arms.run(ArmKind::Patched, patched_batch).await?;
                (arms.run(ArmKind::Baseline, baseline_batch).await?, patched)
            };
            pairs.baseline.push(baseline);
            pairs.patched.push(patched);
            progress(pairs.len(), most);
            if LOOKS.contains(&pairs.len()) && pairs.is_decided() {
                break;
            }
        }
        Ok(pairs)
    }

    fn result(
        &self,
        arms: &Arms<'_>,
        pairs: &Pairs,
        comparison: &Comparison,
        batch: u32,
        rows_compared: i64,
    ) -> BindingResult {
        let (baseline, patched) = (pairs.times(ArmKind::Baseline), pairs.times(ArmKind::Patched));
        let looked = LOOKS.contains(&pairs.len()) || pairs.len() > LOOKS[0];
        let verdict = if pairs.is_unstable() {
            Verdict::Unstable
        } else if looked {
            comparison.verdict
        } else {
            Verdict::Inconclusive
        };
        BindingResult {
            label: self.binding.label.clone(),
            values: shown_values(&self.binding.values),
            sql: arms.sql.clone(),
            verdict,
            change_percent: Some(percent(comparison.ratio)),
            confidence_interval: comparison.interval.map(interval_percent),
            bootstrap_interval: ratio_of_medians_interval(
                &baseline, &patched, LOOK_LEVEL, self.seed,
            )
            .map(interval_percent),
            pairs: u32::try_from(pairs.len()).unwrap_or(u32::MAX),
            cliffs_delta: comparison.cliffs_delta,
            drift: comparison.drift,
            smallest_detectable_percent: comparison.smallest_detectable_percent,
            baseline: arm(&pairs.baseline),
            patched: arm(&pairs.patched),
            batch,
            rows_compared,
        }
    }

    async fn not_equivalent(
        &self,
        arms: &mut Arms<'_>,
        baseline_rows: i64,
        patched_rows: i64,
    ) -> Result<Measured, BenchmarkError> {
        let baseline = vec![arms.run(ArmKind::Baseline, 1).await?];
        let patched = vec![arms.run(ArmKind::Patched, 1).await?];
        let result = BindingResult {
            label: self.binding.label.clone(),
            values: shown_values(&self.binding.values),
            sql: arms.sql.clone(),
            verdict: Verdict::NotEquivalent,
            change_percent: None,
            confidence_interval: None,
            bootstrap_interval: None,
            pairs: 0,
            cliffs_delta: None,
            drift: None,
            smallest_detectable_percent: None,
            baseline: arm(&baseline),
            patched: arm(&patched),
            batch: 1,
            rows_compared: baseline_rows,
        };
        let warning = format!(
            "The baseline returned {baseline_rows} rows and the patched arm {patched_rows}, or rows with other contents."
        );
        Ok(Measured { result, warnings: vec![warning] })
    }
}

/// Runs of both arms, side by side.
#[derive(Default)]
struct Pairs {
    baseline: Vec<Run>,
    patched: Vec<Run>,
}

impl Pairs {
    fn len(&self) -> usize {
        self.patched.len()
    }

    fn times(&self, arm: ArmKind) -> Vec<f64> {
        let runs = match arm {
            ArmKind::Baseline => &self.baseline,
            ArmKind::Patched => &self.patched,
        };
        runs.iter().map(|run| run.milliseconds).collect()
    }

    fn is_decided(&self) -> bool {
        compare(&self.times(ArmKind::Baseline), &self.times(ArmKind::Patched))
            .is_some_and(|comparison| comparison.verdict != Verdict::Inconclusive)
    }

    /// A plan flipped inside one arm.
    fn is_unstable(&self) -> bool {
        [&self.baseline, &self.patched]
            .into_iter()
            .any(|runs| runs.windows(2).any(|pair| pair[0].outline != pair[1].outline))
    }
}

/// Executions that make one timed run of a statement that takes `milliseconds`.
fn batch_for(milliseconds: f64) -> u32 {
    if milliseconds >= SHORT_MS {
        return 1;
    }
    let wanted = (BATCH_MS / milliseconds.max(0.001)).ceil();
    (wanted as u32).clamp(1, MAX_BATCH)
}

fn arm(runs: &[Run]) -> Arm {
    let samples_ms: Vec<f64> = runs.iter().map(|run| run.milliseconds).collect();
    let blocks: Vec<f64> = runs.iter().map(|run| run.shared_blocks as f64).collect();
    Arm {
        median_ms: median(&samples_ms).unwrap_or_default(),
        mad_ms: scaled_mad(&samples_ms).unwrap_or_default(),
        p95_ms: (samples_ms.len() >= MIN_FOR_P95).then(|| quantile(&samples_ms, 0.95)).flatten(),
        shared_blocks: median(&blocks).unwrap_or_default() as i64,
        samples_ms,
    }
}

fn percent(ratio: f64) -> f64 {
    100.0 * (ratio - 1.0)
}

fn interval_percent(interval: Interval) -> ConfidenceInterval {
    ConfidenceInterval {
        low_percent: percent(interval.low),
        high_percent: percent(interval.high),
        level: LOOK_LEVEL,
    }
}

/// Values as a person reads them.
fn shown_values(values: &[Option<String>]) -> Vec<String> {
    values.iter().map(|value| value.clone().unwrap_or_else(|| "NULL".to_owned())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_statements_are_batched_to_twenty_milliseconds() {
        assert_eq!(batch_for(5.0), 1);
        assert_eq!(batch_for(4.0), 5);
        assert_eq!(batch_for(1.0), 20);
        assert_eq!(batch_for(0.001), MAX_BATCH);
        assert_eq!(batch_for(0.0), MAX_BATCH);
    }

    #[test]
    fn a_plan_that_flips_inside_one_arm_is_unstable() {
        let run = |outline: &str| Run {
            milliseconds: 1.0,
            shared_blocks: 1,
            outline: outline.to_owned(),
        };
        let mut pairs =
            Pairs { baseline: vec![run("a"), run("a")], patched: vec![run("b"), run("b")] };
        assert!(!pairs.is_unstable(), "the arms may differ from each other");
        pairs.patched.push(run("c"));
        assert!(pairs.is_unstable());
    }
}
