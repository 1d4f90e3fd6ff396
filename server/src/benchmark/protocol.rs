//! The protocol of one binding: gate, warm-up, interleaved pairs in seeded random order, looks at 10, 20
//! and 40 pairs, verdict.

use std::time::Instant;

use optischema::figures;
use optischema::model::{
    Arm, Binding, BindingResult, ConfidenceInterval, RowComparison, Verdict, WriteArm, WrittenRows,
};
use optischema::statistics::{
    Comparison, Interval, LOOK_LEVEL, LOOKS, compare, median, outliers, quantile,
    ratio_of_medians_interval, scaled_mad,
};

use super::BenchmarkError;
use super::arms::{ArmKind, Arms, Run, Written};

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

/// How both arms are measured against each other.
#[derive(Debug, Clone, Copy)]
pub(super) struct Protocol {
    pub seed: u64,
    /// No new pair is begun after this.
    pub deadline: Instant,
    /// A winner needs more than this share: what the place shows where nothing differs.
    pub floor: f64,
}

/// Runs of both arms, side by side, with what they show.
pub(super) struct Measured {
    baseline: Vec<Run>,
    patched: Vec<Run>,
    baseline_batch: u32,
    patched_batch: u32,
    pub comparison: Comparison,
    pub verdict: Verdict,
}

impl Protocol {
    /// Warms both arms up and measures pairs, until a look decides or the time is over.
    ///
    /// # Errors
    /// An arm does not run.
    pub async fn measure(
        &self,
        arms: &mut Arms<'_>,
        progress: PairProgress<'_>,
    ) -> Result<Measured, BenchmarkError> {
        let mut pairing = self.warmed_up(arms).await?;
        let most = LOOKS[LOOKS.len() - 1];
        while self.goes_on(&pairing, most) {
            pairing.run(arms).await?;
            let pairs = &pairing.pairs;
            progress(pairs.len(), most);
            if LOOKS.contains(&pairs.len()) && pairs.is_decided(self.floor) {
                break;
            }
        }
        let Pairing { pairs, baseline_batch, patched_batch, .. } = pairing;
        let comparison = pairs
            .comparison(self.floor)
            .ok_or_else(|| BenchmarkError::Failed("no pair of runs could be compared".into()))?;
        let verdict = if pairs.is_unstable() {
            Verdict::Unstable
        } else if pairs.len() >= LOOKS[0] {
            comparison.verdict
        } else {
            Verdict::Inconclusive
        };
        let Pairs { baseline, patched } = pairs;
        Ok(Measured { baseline, patched, baseline_batch, patched_batch, comparison, verdict })
    }

    /// Run times of both arms in a number of pairs that was fixed before, or fewer where the time is over.
    ///
    /// # Errors
    /// An arm does not run.
    pub async fn pairs(
        &self,
        arms: &mut Arms<'_>,
        count: usize,
    ) -> Result<PairTimes, BenchmarkError> {
        let mut pairing = self.warmed_up(arms).await?;
        while self.goes_on(&pairing, count) {
            pairing.run(arms).await?;
        }
        let pairs = pairing.pairs;
        Ok(PairTimes {
            baseline_ms: times(&pairs.baseline),
            patched_ms: times(&pairs.patched),
            is_unstable: pairs.is_unstable(),
        })
    }

    fn goes_on(&self, pairing: &Pairing, most: usize) -> bool {
        let done = pairing.pairs.len();
        done < most && (done == 0 || Instant::now() < self.deadline)
    }

    async fn warmed_up(&self, arms: &mut Arms<'_>) -> Result<Pairing, BenchmarkError> {
        let baseline = self.warm_up(arms, ArmKind::Baseline).await?;
        let patched = self.warm_up(arms, ArmKind::Patched).await?;
        let (baseline_batch, patched_batch) =
            if arms.writes() { (1, 1) } else { batches_for(baseline, patched) };
        let (rng, pairs) = (fastrand::Rng::with_seed(self.seed), Pairs::default());
        Ok(Pairing { rng, baseline_batch, patched_batch, pairs })
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
}

impl Measured {
    pub fn pairs(&self) -> u32 {
        u32::try_from(self.patched.len()).unwrap_or(u32::MAX)
    }

    pub fn arm(&self, arm: ArmKind) -> Arm {
        arm_of(match arm {
            ArmKind::Baseline => &self.baseline,
            ArmKind::Patched => &self.patched,
        })
    }

    /// The interval of the change, in percent.
    pub fn interval(&self) -> Option<ConfidenceInterval> {
        self.comparison.interval.map(interval_percent)
    }

    /// Everything of one binding.
    pub fn result(
        &self,
        binding: &Binding,
        label: String,
        sql: String,
        rows: RowComparison,
        seed: u64,
    ) -> BindingResult {
        let (baseline, patched) = (self.arm(ArmKind::Baseline), self.arm(ArmKind::Patched));
        BindingResult {
            label,
            values: shown_values(&binding.values),
            sql,
            verdict: self.verdict,
            change_percent: Some(percent(self.comparison.ratio)),
            confidence_interval: self.interval(),
            bootstrap_interval: ratio_of_medians_interval(
                &baseline.samples_ms,
                &patched.samples_ms,
                LOOK_LEVEL,
                seed,
            )
            .map(interval_percent),
            pairs: self.pairs(),
            cliffs_delta: self.comparison.cliffs_delta,
            drift: self.comparison.drift,
            smallest_detectable_percent: self.comparison.smallest_detectable_percent,
            baseline,
            patched,
            batch: self.patched_batch,
            baseline_batch: self.baseline_batch,
            rows_compared: rows.rows,
            found_rows: self.baseline.iter().any(|run| run.found_rows),
            written: written(&self.baseline, &self.patched),
            comparison: rows,
        }
    }

    /// What a person should be warned of.
    pub fn warnings(&self, label: &str) -> Vec<String> {
        let mut warnings = Vec::new();
        if self.patched.len() < LOOKS[0] {
            warnings.push(format!(
                "{label}: the time ran out after {}; at least {} are needed for a verdict: raise benchmark_seconds.",
                figures::counted(self.patched.len() as u64, "pair"),
                LOOKS[0]
            ));
        }
        // Among ten pairs a correlation of 0.5 comes by chance in one of seven.
        let enough = self.patched.len() >= LOOKS[1];
        if enough && self.comparison.drift.is_some_and(|drift| drift.abs() > 0.5) {
            warnings.push(format!(
                "{label}: the difference drifted while it was measured: something else may have changed meanwhile."
            ));
        }
        if let (Verdict::Inconclusive, Some(smallest)) =
            (self.verdict, self.comparison.smallest_detectable_percent)
        {
            warnings.push(format!(
                "{label}: {} could have called a change of {} or more, and no smaller one.",
                figures::counted(self.patched.len() as u64, "pair"),
                figures::percent(smallest)
            ));
        }
        warnings
    }
}

/// A binding whose arms return different rows is not timed: one run of each is shown.
pub(super) async fn not_equivalent(
    arms: &mut Arms<'_>,
    binding: &Binding,
    label: String,
    rows: RowComparison,
) -> Result<BindingResult, BenchmarkError> {
    let baseline = vec![arms.run(ArmKind::Baseline, 1).await?];
    let patched = vec![arms.run(ArmKind::Patched, 1).await?];
    Ok(BindingResult {
        label,
        values: shown_values(&binding.values),
        sql: arms.baseline.sql.clone(),
        verdict: Verdict::NotEquivalent,
        change_percent: None,
        confidence_interval: None,
        bootstrap_interval: None,
        pairs: 0,
        cliffs_delta: None,
        drift: None,
        smallest_detectable_percent: None,
        baseline: arm_of(&baseline),
        patched: arm_of(&patched),
        batch: 1,
        baseline_batch: 1,
        rows_compared: rows.rows,
        found_rows: baseline.iter().chain(&patched).any(|run| run.found_rows),
        written: written(&baseline, &patched),
        comparison: rows,
    })
}

/// Run times in milliseconds, side by side.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct PairTimes {
    pub baseline_ms: Vec<f64>,
    pub patched_ms: Vec<f64>,
    /// A plan flipped inside one arm.
    pub is_unstable: bool,
}

/// Pairs in the making: which arm runs first is drawn for each.
struct Pairing {
    rng: fastrand::Rng,
    baseline_batch: u32,
    patched_batch: u32,
    pairs: Pairs,
}

impl Pairing {
    async fn run(&mut self, arms: &mut Arms<'_>) -> Result<(), BenchmarkError> {
        let (baseline, patched) = if self.rng.bool() {
            let baseline = arms.run(ArmKind::Baseline, self.baseline_batch).await?;
            (baseline, arms.run(ArmKind::Patched, self.patched_batch).await?)
        } else {
            let patched = arms.run(ArmKind::Patched, self.patched_batch).await?;
            (arms.run(ArmKind::Baseline, self.baseline_batch).await?, patched)
        };
        self.pairs.baseline.push(baseline);
        self.pairs.patched.push(patched);
        Ok(())
    }
}

/// Runs of both arms, side by side.
#[derive(Default)]
struct Pairs {
    baseline: Vec<Run>,
    patched: Vec<Run>,
}

fn times(runs: &[Run]) -> Vec<f64> {
    runs.iter().map(|run| run.milliseconds).collect()
}

impl Pairs {
    fn len(&self) -> usize {
        self.patched.len()
    }

    fn comparison(&self, floor: f64) -> Option<Comparison> {
        compare(&times(&self.baseline), &times(&self.patched), floor)
    }

    fn is_decided(&self, floor: f64) -> bool {
        self.comparison(floor).is_some_and(|comparison| comparison.verdict != Verdict::Inconclusive)
    }

    /// A plan flipped inside one arm.
    fn is_unstable(&self) -> bool {
        [&self.baseline, &self.patched]
            .into_iter()
            .any(|runs| runs.windows(2).any(|pair| pair[0].plan != pair[1].plan))
    }
}

/// Arms whose run times lie nearer than this are run in batches of one size, so that both do the same.
const ALIKE: f64 = 2.0;

/// Executions in one timed run of each arm.
fn batches_for(baseline_ms: f64, patched_ms: f64) -> (u32, u32) {
    let (baseline, patched) = (batch_for(baseline_ms), batch_for(patched_ms));
    if baseline_ms.max(patched_ms) <= ALIKE * baseline_ms.min(patched_ms) {
        let both = baseline.max(patched);
        return (both, both);
    }
    (baseline, patched)
}

/// Executions that make one timed run of a statement that takes `milliseconds`.
fn batch_for(milliseconds: f64) -> u32 {
    if milliseconds >= SHORT_MS {
        return 1;
    }
    let wanted = (BATCH_MS / milliseconds.max(0.001)).ceil();
    (wanted as u32).clamp(1, MAX_BATCH)
}

fn arm_of(runs: &[Run]) -> Arm {
    let samples_ms = times(runs);
    let blocks: Vec<f64> = runs.iter().map(|run| run.shared_blocks as f64).collect();
    Arm {
        median_ms: median(&samples_ms).unwrap_or_default(),
        mad_ms: scaled_mad(&samples_ms).unwrap_or_default(),
        p95_ms: (samples_ms.len() >= MIN_FOR_P95).then(|| quantile(&samples_ms, 0.95)).flatten(),
        shared_blocks: median(&blocks).unwrap_or_default() as i64,
        plan_hashes: runs.iter().map(|run| run.plan.clone()).collect(),
        outliers: outliers(&samples_ms),
        samples_ms,
    }
}

/// What each arm wrote, by its middle run.
fn written(baseline: &[Run], patched: &[Run]) -> Option<WrittenRows> {
    let middle = |runs: &[Run], of: fn(&Written) -> i64| {
        let values: Vec<f64> =
            runs.iter().filter_map(|run| run.written.as_ref()).map(|w| of(w) as f64).collect();
        median(&values).map(|value| value as i64)
    };
    let arm = |runs: &[Run]| {
        Some(WriteArm {
            median_ms: median(&times(runs))?,
            wal_bytes: middle(runs, |written| written.wal_bytes)?,
            wal_records: middle(runs, |written| written.wal_records)?,
            hot_updates: middle(runs, |written| written.hot_updates)?,
            merge_ms: None,
        })
    };
    let rows = middle(patched, |written| written.rows)?;
    Some(WrittenRows { rows, baseline: arm(baseline)?, patched: arm(patched)? })
}

pub(super) fn percent(ratio: f64) -> f64 {
    100.0 * (ratio - 1.0)
}

pub(super) fn interval_percent(interval: Interval) -> ConfidenceInterval {
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
    fn arms_that_take_about_the_same_do_the_same() {
        assert_eq!(batches_for(4.9, 5.1), (5, 5));
        assert_eq!(batches_for(5.1, 4.9), (5, 5));
        assert_eq!(batches_for(100.0, 0.01), (1, MAX_BATCH));
    }

    #[test]
    fn a_plan_that_flips_inside_one_arm_is_unstable() {
        let run = |plan: &str| Run {
            milliseconds: 1.0,
            shared_blocks: 1,
            plan: plan.to_owned(),
            found_rows: true,
            written: None,
        };
        let mut pairs =
            Pairs { baseline: vec![run("a"), run("a")], patched: vec![run("b"), run("b")] };
        assert!(!pairs.is_unstable(), "the arms may differ from each other");
        pairs.patched.push(run("c"));
        assert!(pairs.is_unstable());
    }
}
