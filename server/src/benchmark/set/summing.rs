//! From what was measured of a set to its result.

use optischema::model::{
    Calibration, ConfidenceInterval, Environment, FidelityKind, SetBenchmark, SetLeft, SetMember,
    SetStatement, Verdict,
};
use optischema::statistics::{
    Comparison, FAMILY_LEVEL, compare, compare_several, interquartile_mean, median,
};

use super::super::calibration::warning;
use super::super::protocol::{interval_percent, percent};
use super::super::site::Site;
use super::SetQuestion;
use super::measuring::Together;

/// Fewer pairs decide nothing.
const FEWEST_PAIRS: usize = 10;

/// Everything that a result is made of.
pub(super) struct Found {
    pub measured: Vec<Together>,
    pub shares: Vec<f64>,
    pub members: Vec<SetMember>,
    pub left: Vec<SetLeft>,
    pub warnings: Vec<String>,
    pub calibration: Calibration,
    pub environment: Environment,
}

pub(super) fn summed(question: &SetQuestion<'_>, site: Site, found: Found) -> SetBenchmark {
    let Found { measured, shares, members, left, mut warnings, calibration, environment } = found;
    let floor = calibration.floor_percent / 100.0;
    let is_enough = |one: &Together| one.times.patched_ms.len() >= FEWEST_PAIRS;
    let ratios: Vec<Vec<f64>> = measured
        .iter()
        .map(|one| if is_enough(one) { one.log_ratios() } else { Vec::new() })
        .collect();
    let judged = compare_several(&ratios, floor);
    let whole = whole_of(&measured, &shares, floor);
    let mut statements: Vec<SetStatement> = measured
        .iter()
        .zip(&judged)
        .map(|(one, judged)| SetStatement {
            query_hash: one.query_hash.clone(),
            sql: one.sql.clone(),
            share: shares[one.case],
            verdict: match (&one.other_rows, one.times.is_unstable) {
                (Some(_), _) => Verdict::NotEquivalent,
                (None, true) => Verdict::Unstable,
                (None, false) => judged.verdict,
            },
            change_percent: is_enough(one).then(|| percent(judged.ratio)),
            confidence_interval: judged.interval.map(|interval| ConfidenceInterval {
                level: 1.0 - FAMILY_LEVEL,
                ..interval_percent(interval)
            }),
            baseline_ms: median(&one.times.baseline_ms).unwrap_or_default(),
            patched_ms: median(&one.times.patched_ms).unwrap_or_default(),
            pairs: u32::try_from(one.times.patched_ms.len()).unwrap_or(u32::MAX),
            writes: one.writes,
            plan_changes: one.plan_changes.clone(),
        })
        .collect();
    statements.sort_by(|a, b| b.share.total_cmp(&a.share));
    let has = |verdict: Verdict| statements.iter().any(|statement| statement.verdict == verdict);
    let (slower, differs) = (has(Verdict::Slower), has(Verdict::NotEquivalent));
    let of_whole = whole.as_ref().map_or(Verdict::Inconclusive, |whole| whole.verdict);
    let mut verdict = match (differs, slower) {
        (true, _) => Verdict::NotEquivalent,
        (false, true) => Verdict::Slower,
        // What one statement does is not known, and it may be slower.
        (false, false) if of_whole == Verdict::Faster && has(Verdict::Unstable) => {
            Verdict::Unstable
        }
        (false, false) => of_whole,
    };
    if verdict == Verdict::Faster && site.lacks_index {
        verdict = Verdict::Inconclusive;
        warnings.push("Indexes of main's are missing in the copy, so its baseline may be slower than main's: the verdict \"faster\" is not given.".to_owned());
    }
    if !measured.iter().filter(|one| one.other_rows.is_none()).all(is_enough) {
        warnings.push(format!(
            "The time was not enough for {FEWEST_PAIRS} pairs of every statement: those with fewer are inconclusive, and so is the whole. Raise benchmark_seconds."
        ));
        // A few runs of a large part say too little of the whole.
        if !slower && !differs {
            verdict = Verdict::Inconclusive;
        }
    }
    if verdict == Verdict::Faster && site.fidelity.kind == FidelityKind::Sampled {
        verdict = Verdict::Inconclusive;
        warnings.push("Only a sample of the rows was measured, and main's planner was not asked about all of them: the verdict \"faster\" is not given. Raise copy_limit_mb.".to_owned());
    }
    let change = whole.as_ref().map(|whole| percent(whole.ratio));
    warnings.extend(warning(&calibration, change));
    warnings.extend(site.warnings);
    SetBenchmark {
        verdict,
        change_percent: change,
        confidence_interval: whole.and_then(|whole| whole.interval).map(interval_percent),
        family_level: FAMILY_LEVEL,
        members,
        statements,
        left,
        fidelity: site.fidelity,
        warnings,
        calibration,
        seed: question.seed,
        server_version: site.session.version.clone(),
        environment,
    }
}

/// The whole: by pair, the sum of what each statement takes with the changes for what it takes without, weighted by its
/// part of the time on main. Of a statement with fewer pairs than the others its own come again.
fn whole_of(measured: &[Together], shares: &[f64], floor: f64) -> Option<Comparison> {
    let pairs = measured.iter().map(|one| one.times.patched_ms.len()).max()?;
    let (mut before, mut after) = (vec![0.0; pairs], vec![0.0; pairs]);
    for one in measured.iter().filter(|one| !one.times.patched_ms.is_empty()) {
        let usual = interquartile_mean(&one.times.baseline_ms).filter(|usual| *usual > 0.0)?;
        let times = one.times.baseline_ms.iter().zip(&one.times.patched_ms).cycle();
        for ((before, after), (without, with)) in before.iter_mut().zip(&mut after).zip(times) {
            *before += shares[one.case] * without / usual;
            *after += shares[one.case] * with / usual;
        }
    }
    compare(&before, &after, floor)
}
