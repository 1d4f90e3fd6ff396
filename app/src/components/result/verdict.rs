//! The verdict in words, with its interval drawn.

use leptos::prelude::*;
use optischema::figures;
use optischema::model::BenchmarkResult;

use crate::charts::impact_badge;
use crate::components::badge::{Provenance, VerdictBadge};

/// The sentence beside the verdict.
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

/// Verdict, figures, interval, and where they were taken.
#[component]
pub(crate) fn ResultVerdict(result: BenchmarkResult) -> impl IntoView {
    let badge = impact_badge(&result);
    let of = result.figures_of.as_ref().and_then(|label| {
        let shown = result.bindings.iter().find(|binding| binding.label == *label)?.verdict;
        let same = result.bindings.iter().filter(|binding| binding.verdict == shown).count();
        let all = result.bindings.len();
        Some(format!(
            "The figures are those of the {label}; {same} of {all} sets of values came out so. "
        ))
    });
    let worst = result.worst_binding.as_ref().and_then(|label| {
        let binding = result.bindings.iter().find(|binding| binding.label == *label)?;
        let change = binding.change_percent.map(figures::change);
        Some(format!(
            "It gains least with the {label}: {}. ",
            change.unwrap_or_else(|| binding.verdict.label().to_lowercase())
        ))
    });
    view! {
        <div class="verdict">
            <VerdictBadge verdict=result.verdict/>
            {result.found_nothing().then(|| view! { <span class="badge badge-warn">"no rows found"</span> })}
            <strong class="headline">{headline(&result)}</strong>
            <Provenance text=result.fidelity.tag()/>
            <span class="badge badge-quiet">{result.source_tag()}</span>
        </div>
        <p class="quiet">{result.meaning()} " " {of} {worst} {result.source_reason.clone()}</p>
        {badge.map(|svg| view! { <figure class="chart impact" inner_html=svg></figure> })}
    }
}
