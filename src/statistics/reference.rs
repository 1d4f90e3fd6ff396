//! Every estimate beside the same of SciPy, on fixtures that `scripts/statistics-reference` wrote.

use serde::Deserialize;

use super::*;

#[derive(Deserialize)]
struct Fixtures {
    level: f64,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    baseline: Vec<f64>,
    patched: Vec<f64>,
    hodges_lehmann: f64,
    interval: [f64; 2],
    bootstrap: [f64; 2],
    scaled_mad: f64,
    cliffs_delta: f64,
    drift: f64,
    p95: f64,
}

fn fixtures() -> Fixtures {
    serde_json::from_str(include_str!("fixtures/scipy.json")).unwrap()
}

fn close(ours: f64, theirs: f64, within: f64, what: &str) {
    assert!((ours / theirs - 1.0).abs() <= within, "{what}: {ours} beside SciPy's {theirs}");
}

#[test]
fn every_exact_estimate_is_that_of_scipy() {
    let fixtures = fixtures();
    close(LOOK_LEVEL, fixtures.level, 1e-12, "level");
    assert!(fixtures.cases.len() >= 6);
    for case in fixtures.cases {
        let found = compare(&case.baseline, &case.patched, super::THRESHOLD).unwrap();
        close(found.ratio, case.hodges_lehmann, 1e-9, "Hodges-Lehmann");
        let interval = found.interval.unwrap();
        close(interval.low, case.interval[0], 1e-9, "lower end");
        close(interval.high, case.interval[1], 1e-9, "upper end");
        // SciPy divides by a quantile of more digits than the customary 1.4826.
        close(scaled_mad(&case.baseline).unwrap(), case.scaled_mad, 1e-4, "MAD");
        assert!((found.cliffs_delta.unwrap() - case.cliffs_delta).abs() < 1e-12);
        assert!((found.drift.unwrap() - case.drift).abs() < 1e-12);
        close(quantile(&case.patched, 0.95).unwrap(), case.p95, 1e-12, "p95");
    }
}

#[test]
fn the_bootstrap_agrees_with_scipys_within_its_own_error() {
    let fixtures = fixtures();
    for case in fixtures.cases {
        let ours =
            ratio_of_medians_interval(&case.baseline, &case.patched, fixtures.level, 7).unwrap();
        // Other random numbers: the ends move by a fraction of the interval's width.
        let width = case.bootstrap[1] - case.bootstrap[0];
        for (ours, theirs) in [(ours.low, case.bootstrap[0]), (ours.high, case.bootstrap[1])] {
            assert!((ours - theirs).abs() < 0.2 * width, "{ours} beside SciPy's {theirs}");
        }
    }
}
