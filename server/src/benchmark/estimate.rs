//! Where nothing can be measured: the planner's word, and no verdict.

use optischema::figures;
use optischema::model::{
    BenchmarkResult, BenchmarkSource, Environment, Fidelity, FidelityKind, Verdict,
};

use super::full_scale::FullScale;
use super::request::BenchmarkRequest;

/// A result that says what is known without a measurement. No run time is given, since none was taken.
pub(super) fn estimated(
    request: &BenchmarkRequest<'_>,
    answer: FullScale,
    why: &[String],
    environment: Environment,
) -> BenchmarkResult {
    let why = why.join(" ");
    let planned = answer.costs.map(|(before, after)| {
        format!(
            "Main's planner expects the statement's cost to go from {} to {} units.",
            figures::grouped(before),
            figures::grouped(after)
        )
    });
    let warnings = std::iter::once(format!("Nothing was measured. {why}"));
    let warnings = warnings.chain(planned).chain(answer.note.clone()).collect();
    let mut result = BenchmarkResult {
        source: BenchmarkSource::Estimated,
        source_reason: why.clone(),
        fidelity: Fidelity { kind: FidelityKind::Planned, percent: None, tables: Vec::new() },
        verdict: Verdict::Inconclusive,
        change_percent: None,
        confidence_interval: None,
        pairs: 0,
        baseline: None,
        patched: None,
        bindings: Vec::new(),
        plans: answer.plans,
        write_cost: None,
        index: None,
        workload: Vec::new(),
        warnings,
        seed: request.seed,
        server_version: environment.main_version.clone(),
        schema: None,
        statement: request.statement_text(),
        patch: request.patch_text.to_owned(),
        calibration: None,
        worst_binding: None,
        figures_of: None,
        workload_planned: 0,
        workload_left: Vec::new(),
        not_worth_it: None,
        environment,
    };
    super::workload::take(&mut result, answer.workload);
    result
}
