//! How sure advice is, once earlier predictions of its rule have been measured.
//!
//! A rule's own confidence says how the number was obtained. It counts like `PRIOR` predictions of which that share
//! held; each measured one moves the mean of both (the posterior mean of a beta distribution).

use crate::figures::counted;
use crate::model::{Verdict, WatchOutcome};

/// Measured predictions that the rule's own word weighs as much as.
const PRIOR: f64 = 4.0;
/// Predictions that are looked back on: a rule may have been mended since.
pub const LOOK_BACK: i64 = 50;
/// The part of a predicted gain that must be measured for a prediction to have held: planner costs are no times.
const ENOUGH: f64 = 0.5;

/// Earlier predictions of one rule that were measured and decided.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Record {
    pub held: i64,
    pub decided: i64,
}

/// A confidence, and the words that explain how it moved.
#[derive(Debug, Clone, PartialEq)]
pub struct Learned {
    /// 0 to 1.
    pub confidence: f64,
    /// Absent where nothing was measured yet.
    pub reason: Option<String>,
}

/// Whether a prediction held; absent where the verdict decides nothing. Both figures are percent saved.
#[must_use]
pub fn held(verdict: Verdict, predicted: Option<f64>, measured: Option<f64>) -> Option<bool> {
    match (verdict, predicted) {
        (Verdict::Inconclusive | Verdict::Unstable, _) => None,
        (Verdict::Slower | Verdict::NotEquivalent, _) => Some(false),
        // Nothing was promised but that nothing gets slower.
        (Verdict::Faster | Verdict::Equivalent, None) => Some(true),
        (Verdict::Equivalent, Some(predicted)) => Some(predicted < 5.0),
        (Verdict::Faster, Some(predicted)) => {
            Some(measured.is_some_and(|measured| measured >= ENOUGH * predicted))
        }
    }
}

/// What measuring an applied change again comes to. `dearer` is whether another statement became more than 10 % dearer.
#[must_use]
pub fn outcome(
    verdict: Verdict,
    predicted: Option<f64>,
    measured: Option<f64>,
    dearer: bool,
) -> WatchOutcome {
    if dearer || matches!(verdict, Verdict::Slower | Verdict::NotEquivalent) {
        return WatchOutcome::Regression;
    }
    match held(verdict, predicted, measured) {
        Some(true) => WatchOutcome::AsPredicted,
        Some(false) => WatchOutcome::Less,
        None => WatchOutcome::Undecided,
    }
}

/// The rule's own confidence, moved by what was measured.
#[must_use]
pub fn learned(base: f64, record: Record) -> Learned {
    if record.decided <= 0 {
        return Learned { confidence: base, reason: None };
    }
    // Counts of at most LOOK_BACK are exact in a double.
    let confidence = (PRIOR * base + record.held as f64) / (PRIOR + record.decided as f64);
    Learned {
        confidence: confidence.clamp(0.0, 1.0),
        reason: Some(format!(
            "Of {} of this rule that {} measured here, {} held.",
            counted(record.decided.unsigned_abs(), "prediction"),
            if record.decided == 1 { "was" } else { "were" },
            record.held
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_held_raises_confidence_and_what_did_not_lowers_it() {
        let of = |held, decided| learned(0.6, Record { held, decided }).confidence;
        assert_eq!(of(0, 0), 0.6, "nothing measured, nothing learned");
        assert!(of(1, 1) > 0.6 && of(0, 1) < 0.6);
        assert!(of(50, 50) > 0.95 && of(0, 50) < 0.05, "in the end measurements decide");
        assert!((of(3, 5) - 0.6).abs() < 1e-9, "as often as it said: unmoved");
    }

    #[test]
    fn a_prediction_holds_with_half_of_its_gain() {
        assert_eq!(held(Verdict::Faster, Some(80.0), Some(45.0)), Some(true));
        assert_eq!(held(Verdict::Faster, Some(80.0), Some(30.0)), Some(false));
        assert_eq!(held(Verdict::Equivalent, Some(80.0), Some(0.0)), Some(false));
        assert_eq!(held(Verdict::Equivalent, None, Some(0.0)), Some(true), "a dropped index");
        assert_eq!(held(Verdict::Inconclusive, Some(80.0), Some(90.0)), None);
        assert_eq!(held(Verdict::Slower, None, Some(-20.0)), Some(false));
    }

    #[test]
    fn another_statement_that_gets_dearer_is_a_regression_whatever_else_was_gained() {
        let gain = Some(90.0);
        assert_eq!(outcome(Verdict::Faster, gain, gain, true), WatchOutcome::Regression);
        assert_eq!(outcome(Verdict::Faster, gain, gain, false), WatchOutcome::AsPredicted);
        assert_eq!(outcome(Verdict::Faster, gain, Some(10.0), false), WatchOutcome::Less);
        assert_eq!(outcome(Verdict::Unstable, gain, gain, false), WatchOutcome::Undecided);
    }
}
