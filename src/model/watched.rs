//! A change that stands, measured by undoing it: what was found, told the right way round.

use super::{BenchmarkResult, BindingResult, ConfidenceInterval, Verdict};
use crate::figures;

/// The change in percent from B to A, where it is `percent` from A to B.
fn inverse(percent: f64) -> f64 {
    100.0 * (1.0 / (1.0 + percent / 100.0).max(f64::MIN_POSITIVE) - 1.0)
}

fn inverse_interval(interval: ConfidenceInterval) -> ConfidenceInterval {
    ConfidenceInterval {
        low_percent: inverse(interval.high_percent),
        high_percent: inverse(interval.low_percent),
        level: interval.level,
    }
}

impl Verdict {
    /// The verdict on A after B, where this is the one on B after A.
    #[must_use]
    pub const fn inverted(self) -> Self {
        match self {
            Self::Faster => Self::Slower,
            Self::Slower => Self::Faster,
            other => other,
        }
    }
}

impl BindingResult {
    fn inverted(mut self) -> Self {
        std::mem::swap(&mut self.baseline, &mut self.patched);
        std::mem::swap(&mut self.baseline_batch, &mut self.batch);
        self.verdict = self.verdict.inverted();
        self.change_percent = self.change_percent.map(inverse);
        self.confidence_interval = self.confidence_interval.map(inverse_interval);
        self.bootstrap_interval = self.bootstrap_interval.map(inverse_interval);
        self.cliffs_delta = self.cliffs_delta.map(|delta| -delta);
        self.drift = self.drift.map(|drift| -drift);
        self
    }
}

impl BenchmarkResult {
    /// The same runs with the arms the other way round: of undoing a change they become those of making it. What was
    /// measured of the index alone has no other way round, and is left out.
    #[must_use]
    pub fn inverted(mut self) -> Self {
        std::mem::swap(&mut self.baseline, &mut self.patched);
        self.verdict = self.verdict.inverted();
        self.change_percent = self.change_percent.map(inverse);
        self.confidence_interval = self.confidence_interval.map(inverse_interval);
        self.bindings = self.bindings.into_iter().map(BindingResult::inverted).collect();
        if let Some(plans) = &mut self.plans {
            std::mem::swap(&mut plans.baseline, &mut plans.patched);
        }
        for effect in &mut self.workload {
            std::mem::swap(&mut effect.cost_before, &mut effect.cost_after);
        }
        self.write_cost = None;
        self.index = None;
        self.worst_binding =
            super::worst_binding(&self.bindings).map(|binding| binding.label.clone());
        self
    }

    /// What an applied change came to, beside what was predicted: one sentence.
    #[must_use]
    pub fn watched(&self, predicted_percent: Option<f64>) -> String {
        let dearer = self.workload.iter().filter(|effect| effect.is_dearer()).count();
        let others = match dearer {
            0 => String::new(),
            1 => " Another statement became more than 10 % dearer by plan.".to_owned(),
            more => format!(" {more} other statements became more than 10 % dearer by plan."),
        };
        let predicted = match predicted_percent {
            Some(percent) => format!("{} less cost was predicted", figures::percent(percent)),
            None => "no gain was predicted that this could be compared with".to_owned(),
        };
        let measured = match (self.verdict, self.change_percent) {
            (Verdict::Faster, Some(change)) => {
                format!("{} less time was measured", figures::percent(-change))
            }
            (Verdict::Slower, Some(change)) => {
                format!("{} more time was measured", figures::percent(change))
            }
            (Verdict::Equivalent, _) => "no difference was measured".to_owned(),
            (Verdict::NotEquivalent, _) => "different rows came back".to_owned(),
            _ => "the runs did not decide".to_owned(),
        };
        format!("With the change in place {measured}; {predicted}.{others}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn undoing_that_doubles_the_time_means_that_the_change_halves_it() {
        assert!((inverse(100.0) + 50.0).abs() < 1e-9);
        assert!((inverse(-50.0) - 100.0).abs() < 1e-9);
        assert!((inverse(inverse(37.0)) - 37.0).abs() < 1e-9);
        let interval = ConfidenceInterval { low_percent: 100.0, high_percent: 300.0, level: 0.95 };
        let inverted = inverse_interval(interval);
        assert!((inverted.low_percent + 75.0).abs() < 1e-9);
        assert!((inverted.high_percent + 50.0).abs() < 1e-9, "{inverted:?}");
        assert!(inverted.low_percent < inverted.high_percent);
    }

    #[test]
    fn only_verdicts_with_a_direction_are_turned() {
        assert_eq!(Verdict::Faster.inverted(), Verdict::Slower);
        assert_eq!(Verdict::Equivalent.inverted(), Verdict::Equivalent);
        assert_eq!(Verdict::NotEquivalent.inverted(), Verdict::NotEquivalent);
    }
}
