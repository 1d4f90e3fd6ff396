//! What a benchmark found: verdict, figures, chart, plans, warnings.

use leptos::prelude::*;
use optischema::model::{BenchmarkResult, BindingResult};

use super::badge::{Provenance, VerdictBadge};
use super::plan_view::PlanView;
use crate::charts::{comparison_chart, impact_badge};
use optischema::figures;

fn binding(binding: &BindingResult) -> impl IntoView + use<> {
    view! {
        <tr>
            <td>
                {binding.label.clone()}
                <div class="quiet mono">{binding.values.join(", ")}</div>
            </td>
            <td><VerdictBadge verdict=binding.verdict/></td>
            <td class="number">{figures::milliseconds(binding.baseline.median_ms)}</td>
            <td class="number">{figures::milliseconds(binding.patched.median_ms)}</td>
            <td class="number">
                {binding.confidence_interval.as_ref().map(figures::interval)}
            </td>
            <td class="number">{binding.pairs}</td>
            <td class="number">
                {figures::grouped(binding.baseline.shared_blocks as f64)} " → "
                {figures::grouped(binding.patched.shared_blocks as f64)}
            </td>
        </tr>
    }
}

/// The sentence under the verdict.
fn headline(result: &BenchmarkResult) -> Option<String> {
    let (baseline, patched) = (result.baseline.as_ref()?, result.patched.as_ref()?);
    let mut text = format!(
        "{} → {}",
        figures::milliseconds(baseline.median_ms),
        figures::milliseconds(patched.median_ms)
    );
    if let Some(change) = result.change_percent {
        text.push_str(&format!(", {}", figures::change(change)));
    }
    if let Some(interval) = &result.confidence_interval {
        text.push_str(&format!(
            " ({}, {} interval)",
            figures::interval(interval),
            figures::level(interval.level)
        ));
    }
    Some(text)
}

/// A completed benchmark.
#[component]
pub(crate) fn BenchmarkSummary(result: BenchmarkResult) -> impl IntoView {
    let chart = comparison_chart(&result);
    let badge = impact_badge(&result);
    let rows: Vec<_> = result.bindings.iter().map(binding).collect();
    let warnings: Vec<_> =
        result.warnings.iter().map(|text| view! { <li>{text.clone()}</li> }).collect();
    let index = result.index.as_ref().map(|index| {
        format!(
            "The index was built in {} and takes {}.",
            figures::milliseconds(index.build_ms),
            figures::bytes(index.bytes)
        )
    });
    let plans = result.plans.clone().map(|plans| {
        view! {
            <div class="pair">
                <PlanView caption="Plan without the change" plan=plans.baseline/>
                <PlanView caption="Plan with the change" plan=plans.patched/>
            </div>
        }
    });
    view! {
        <div class="verdict">
            <VerdictBadge verdict=result.verdict/>
            <strong class="headline">{headline(&result)}</strong>
            <Provenance text=result.fidelity.tag()/>
        </div>
        <p class="quiet">{result.verdict.meaning()} " " {result.source_reason.clone()}</p>
        {badge.map(|svg| view! { <figure class="chart impact" inner_html=svg></figure> })}
        {chart.map(|svg| view! { <figure class="chart" inner_html=svg></figure> })}
        <p>{index}</p>
        <Show when={
            let any = !result.bindings.is_empty();
            move || any
        }>
            <h3>"By parameter values"</h3>
        </Show>
        <div class="scroll" tabindex="0">
            <table>
                <thead>
                    <tr>
                        <th scope="col">"Values"</th>
                        <th scope="col">"Verdict"</th>
                        <th scope="col" class="number">"Without"</th>
                        <th scope="col" class="number">"With"</th>
                        <th scope="col" class="number">"Interval"</th>
                        <th scope="col" class="number">"Pairs"</th>
                        <th scope="col" class="number">"Blocks"</th>
                    </tr>
                </thead>
                <tbody>{rows}</tbody>
            </table>
        </div>
        <ul class="warnings">{warnings}</ul>
        {plans}
    }
}
