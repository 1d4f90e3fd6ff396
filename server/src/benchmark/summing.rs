//! From what was measured to a result: one verdict, and what stands against it.

use std::collections::BTreeSet;

use optischema::model::{
    Arm, BenchmarkResult, BindingResult, Environment, FidelityKind, Verdict, worst_binding,
};
use optischema::plan::parse_plan;
use optischema::statistics::overall_verdict;

use super::calibration::warning;
use super::case::Case;
use super::full_scale::FullScale;
use super::measuring::Measured;
use super::patching::Patched;
use super::request::BenchmarkRequest;
use super::site::Site;
use super::workload;
use crate::sql::PatchKind;

/// A verdict on a sample stands only where main's planner, on all rows, does what the sample's did.
fn agreed(
    request: &BenchmarkRequest<'_>,
    verdict: Verdict,
    uses_index: bool,
    answer: &FullScale,
) -> Result<Verdict, String> {
    let doubt = match (&request.patch.kind, verdict, answer.uses_change) {
        (_, Verdict::NotEquivalent | Verdict::Unstable | Verdict::Inconclusive, _) => None,
        (PatchKind::CreateIndex(_), _, Some(used)) if used == uses_index => None,
        (PatchKind::CreateIndex(_), _, Some(true)) => Some(
            "on all rows main's planner would use the index, and on the sample it was not used",
        ),
        (PatchKind::CreateIndex(_), _, Some(false)) => {
            Some("on all rows main's planner would not use the index")
        }
        (PatchKind::Rewrite(_), Verdict::Faster, Some(true))
        | (PatchKind::Rewrite(_), Verdict::Slower | Verdict::Equivalent, Some(false)) => None,
        (PatchKind::Rewrite(_), _, Some(_)) => {
            Some("on all rows main's planner expects the contrary")
        }
        (_, _, _) => Some("main's planner cannot be asked what it would do on all rows"),
    };
    match doubt {
        None => Ok(verdict),
        Some(doubt) => Err(format!(
            "On the sample alone the verdict would be \"{verdict}\"; {doubt}, so it is inconclusive."
        )),
    }
}

/// What a person should know first: the index plays no part.
fn unused(request: &BenchmarkRequest<'_>, uses_index: bool) -> Option<String> {
    if uses_index {
        return None;
    }
    match &request.patch.kind {
        PatchKind::CreateIndex(index) => {
            let is_read = |case: &Case| {
                let below = case.plannable.dependencies.tables.iter().map(|known| &known.table);
                case.plannable.shape.tables.iter().chain(below).any(|table| *table == index.table)
            };
            Some(if request.cases.iter().any(is_read) {
                "No plan uses the index.".to_owned()
            } else {
                format!("The index is on {}, which the statement does not read.", index.table)
            })
        }
        PatchKind::DropIndex(_) => Some(
            "No plan used the index before it was dropped: another may do its work.".to_owned(),
        ),
        PatchKind::Rewrite(rewritten) if rewritten.index.is_some() => Some(
            "The plan of the rewritten statement does not use the index: whatever it saves, it saves without.".to_owned(),
        ),
        _ => None,
    }
}

pub(super) fn summary(
    request: &BenchmarkRequest<'_>,
    site: Site,
    patched: Patched,
    measured: Measured,
    answer: FullScale,
    environment: Environment,
) -> BenchmarkResult {
    let Measured { bindings, plans, calibration, write_cost, uses_index, warnings: own } = measured;
    let verdicts: Vec<Verdict> = bindings.iter().map(|binding| binding.verdict).collect();
    let mut verdict = overall_verdict(&verdicts);
    let decided = verdict;
    let mut warnings = Vec::new();
    if bindings.is_empty() {
        warnings.push(
            "No tracked statement reads these tables, so no run time was measured; writes were."
                .to_owned(),
        );
    }
    warnings.extend(unused(request, uses_index));
    let without: Vec<&str> =
        bindings.iter().filter(|b| !b.found_rows).map(|b| b.label.as_str()).collect();
    if !without.is_empty() {
        warnings.push(format!(
            "The statement found no rows here with {}: what was measured there is how fast it finds none.",
            without.join("; nor with ")
        ));
    }
    if site.fidelity.kind == FidelityKind::Sampled {
        match agreed(request, verdict, uses_index, &answer) {
            Ok(agreed) => verdict = agreed,
            Err(reason) => {
                verdict = Verdict::Inconclusive;
                warnings.push(reason);
                warnings.extend(answer.note.clone());
            }
        }
    }
    if verdict == Verdict::Faster && site.lacks_index {
        verdict = Verdict::Inconclusive;
        warnings.push("Indexes of main's are missing in the copy, so its baseline may be slower than main's: the verdict \"faster\" is not given.".to_owned());
    }
    let unused = matches!(request.patch.kind, PatchKind::CreateIndex(_))
        && uses_index
        && answer.uses_change == Some(false);
    if verdict == Verdict::Faster && site.is_copy && unused {
        verdict = Verdict::Inconclusive;
        warnings.push("The index is used here, and main's own planner would not use it: the verdict \"faster\" is not given.".to_owned());
    }
    warnings.extend(site.warnings);
    warnings.extend(patched.warnings);
    warnings.extend(own);
    let change = bindings.first().and_then(|binding| binding.change_percent);
    warnings.extend(warning(&calibration, change));
    let mut seen = BTreeSet::new();
    warnings.retain(|warning| seen.insert(warning.clone()));
    let worst = worst_binding(&bindings).map(|binding| binding.label.clone());
    // A headline must not contradict its verdict: other values may have come out otherwise.
    let first =
        bindings.iter().find(|binding| binding.verdict == decided).or_else(|| bindings.first());
    let figures_of = first.map(|binding| binding.label.clone());
    let arm = |of: fn(&BindingResult) -> &Arm| first.map(|binding| of(binding).clone());
    let mut result = BenchmarkResult {
        source: site.place.source(),
        source_reason: String::new(),
        fidelity: site.fidelity,
        verdict,
        change_percent: first.and_then(|binding| binding.change_percent),
        confidence_interval: first.and_then(|binding| binding.confidence_interval),
        pairs: first.map_or(0, |binding| binding.pairs),
        baseline: arm(|binding| &binding.baseline),
        patched: arm(|binding| &binding.patched),
        plans: plans.filter(|plans| parse_plan(&plans.patched).is_ok()),
        write_cost,
        index: patched.index,
        workload: Vec::new(),
        warnings,
        seed: request.seed,
        server_version: site.session.version.clone(),
        schema: site.workspace.filter(|_| site.is_copy),
        statement: request.statement_text(),
        patch: request.patch_text.to_owned(),
        calibration: Some(calibration),
        worst_binding: worst.filter(|_| bindings.len() > 1),
        figures_of: figures_of.filter(|_| bindings.len() > 1),
        workload_planned: 0,
        workload_left: Vec::new(),
        not_worth_it: None,
        environment,
        bindings,
    };
    workload::take(&mut result, answer.workload);
    result
}
