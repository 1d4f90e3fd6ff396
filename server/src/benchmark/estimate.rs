//! Where nothing can be measured: the planner's word, and no verdict.

use optischema::model::{
    BenchmarkResult, BenchmarkSource, Fidelity, FidelityKind, Recommendation, Verdict,
};

/// A result that says what is known without a measurement. No run time is given, since none was taken.
#[must_use]
pub fn estimated_result(recommendation: &Recommendation, why: &str) -> BenchmarkResult {
    let planned = recommendation.evidence.statements.first().and_then(|statement| {
        Some(format!(
            "The planner expects the statement's cost to go from {:.0} to {:.0}.",
            statement.cost_before?, statement.cost_after?
        ))
    });
    BenchmarkResult {
        source: BenchmarkSource::Estimated,
        source_reason: why.to_owned(),
        fidelity: Fidelity { kind: FidelityKind::Planned, percent: None, tables: Vec::new() },
        verdict: Verdict::Inconclusive,
        change_percent: None,
        confidence_interval: None,
        pairs: 0,
        baseline: None,
        patched: None,
        bindings: Vec::new(),
        plans: None,
        write_cost: None,
        index: None,
        workload: Vec::new(),
        warnings: std::iter::once(format!("Nothing was measured: {why}")).chain(planned).collect(),
        seed: 0,
        server_version: String::new(),
        schema: None,
    }
}
