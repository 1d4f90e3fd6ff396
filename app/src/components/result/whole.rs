//! All parts of a result, in the order in which a person asks for them.

use leptos::prelude::*;
use optischema::model::BenchmarkResult;

use crate::components::sql_block::SqlBlock;

use super::{
    ResultBindings, ResultGround, ResultPlans, ResultRepeat, ResultRuns, ResultVerdict,
    ResultWorkload, ResultWrites,
};

/// The result.
#[component]
pub(crate) fn WholeResult(
    result: BenchmarkResult,
    /// Whether the pages of the web app are there to be led to.
    has_links: bool,
) -> impl IntoView {
    let provenance = match result.baseline {
        Some(_) => "One run of each arm with the time of every node.",
        None => "Planned, not run.",
    };
    let plans = result.plans.clone();
    view! {
        <ResultVerdict result=result.clone()/>
        <div class="pair">
            {(!result.statement.is_empty()).then(|| view! {
                <SqlBlock caption="The statement" sql=result.statement.clone()/>
            })}
            {(!result.patch.is_empty()).then(|| view! {
                <SqlBlock caption="The change" sql=result.patch.clone()/>
            })}
        </div>
        <ResultRuns result=result.clone()/>
        <ResultBindings bindings=result.bindings.clone()/>
        {plans.map(|plans| view! { <ResultPlans plans provenance/> })}
        <ResultWrites index=result.index.clone() cost=result.write_cost.clone()/>
        <ResultWorkload result=result.clone() has_links/>
        <ResultGround result=result.clone()/>
        <ResultRepeat result/>
    }
}
