//! A database: how it is, what is missing, and what mends it.

use leptos::prelude::*;
use optischema::model::{Finding, FindingLevel, TargetHealth, TargetState};

fn finding(finding: Finding) -> impl IntoView {
    let (tone, shape) = match finding.level {
        FindingLevel::Ok => ("finding", "✓"),
        FindingLevel::Warning => ("finding finding-warn", "!"),
        FindingLevel::Error => ("finding finding-bad", "✕"),
    };
    view! {
        <li class=tone>
            <span class="shape" aria-hidden="true">{shape}</span>
            <div>
                {finding.message}
                {finding.remedy.map(|remedy| view! { <pre class="remedy">{remedy}</pre> })}
            </div>
        </li>
    }
}

/// One target.
#[component]
pub(crate) fn TargetCard(target: TargetHealth) -> impl IntoView {
    let tone = match target.state {
        TargetState::Ok => "badge badge-good",
        TargetState::Warning => "badge badge-warn",
        TargetState::Down => "badge badge-bad",
        TargetState::NotConfigured => "badge badge-quiet",
    };
    let findings: Vec<_> = target.findings.into_iter().map(finding).collect();
    let place = target.address.map(|address| {
        let role = target.role.map(|role| format!("{role} at ")).unwrap_or_default();
        format!("{role}{address}")
    });
    view! {
        <section class="card target">
            <header>
                <h2>{target.target.label()}</h2>
                <span class=tone>{target.state.label()}</span>
            </header>
            <p class="quiet mono">{place}</p>
            <ul class="findings">{findings}</ul>
        </section>
    }
}
