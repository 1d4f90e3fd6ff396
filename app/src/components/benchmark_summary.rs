//! What a benchmark found, in short: the whole of it has a page of its own.

use leptos::prelude::*;
use optischema::model::{BenchmarkResult, JobId};

use super::result::{ResultBindings, ResultVerdict};
use crate::charts::comparison_chart;

/// A completed benchmark.
#[component]
pub(crate) fn BenchmarkSummary(job: JobId, result: BenchmarkResult) -> impl IntoView {
    let chart = comparison_chart(&result);
    let warnings: Vec<_> =
        result.warnings.iter().map(|text| view! { <li>{text.clone()}</li> }).collect();
    view! {
        <ResultVerdict result=result.clone()/>
        {chart.map(|svg| view! { <figure class="chart" inner_html=svg></figure> })}
        <ResultBindings bindings=result.bindings.clone()/>
        <ul class="warnings">{warnings}</ul>
        <p class="actions">
            <a class="button" href=format!("/benchmarks/{job}")>"Everything that was measured"</a>
            <a class="button" href=format!("/api/benchmark/{job}/patch.sql") rel="external">"Download patch.sql"</a>
        </p>
    }
}
