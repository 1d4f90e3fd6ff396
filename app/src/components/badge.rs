//! Words with a shape and a colour; the word alone says it.

use leptos::prelude::*;
use optischema::model::{JobStatus, RecommendationStatus, Verdict};

/// A recommendation's status.
#[component]
pub(crate) fn StatusBadge(status: RecommendationStatus) -> impl IntoView {
    let tone = match status {
        RecommendationStatus::Pending => "badge",
        RecommendationStatus::Active => "badge badge-accent",
        RecommendationStatus::Applied => "badge badge-good",
        RecommendationStatus::Dismissed => "badge badge-quiet",
    };
    view! { <span class=tone>{status.label()}</span> }
}

/// A job's status.
#[component]
pub(crate) fn JobBadge(status: JobStatus) -> impl IntoView {
    let (tone, shape) = match status {
        JobStatus::Pending => ("badge badge-quiet", "○ "),
        JobStatus::Running => ("badge badge-accent", "◐ "),
        JobStatus::Completed => ("badge badge-good", "✓ "),
        JobStatus::Failed => ("badge badge-warn", "✕ "),
        JobStatus::Error => ("badge badge-bad", "! "),
        JobStatus::Cancelled => ("badge badge-quiet", "– "),
    };
    view! {
        <span class=tone>
            <span aria-hidden="true">{shape}</span>
            {status.label()}
        </span>
    }
}

/// A verdict.
#[component]
pub(crate) fn VerdictBadge(verdict: Verdict) -> impl IntoView {
    let (tone, shape) = match verdict {
        Verdict::Faster => ("badge badge-good", "▼ "),
        Verdict::Slower => ("badge badge-bad", "▲ "),
        Verdict::Equivalent => ("badge", "= "),
        Verdict::Inconclusive => ("badge badge-quiet", "? "),
        Verdict::NotEquivalent => ("badge badge-bad", "≠ "),
        Verdict::Unstable => ("badge badge-warn", "~ "),
    };
    view! {
        <span class=tone title=verdict.meaning()>
            <span aria-hidden="true">{shape}</span>
            {verdict.label()}
        </span>
    }
}

/// Where a number came from.
#[component]
pub(crate) fn Provenance(#[prop(into)] text: String) -> impl IntoView {
    view! { <span class="provenance">{text}</span> }
}
