//! Everything that a repetition needs beside statement and change.

use leptos::prelude::*;
use optischema::model::BenchmarkResult;

/// Seed, versions, settings.
#[component]
pub(crate) fn ResultRepeat(result: BenchmarkResult) -> impl IntoView {
    let environment = result.environment.clone();
    let settings: Vec<_> = environment
        .settings
        .iter()
        .map(|(name, value)| view! { <li><code>{format!("{name} = {value}")}</code></li> })
        .collect();
    let left: Vec<_> = environment
        .settings_left
        .iter()
        .map(|line| view! { <li>"not set there: " {line.clone()}</li> })
        .collect();
    view! {
        <h3>"To repeat it"</h3>
        <dl class="facts">
            <dt>"Seed"</dt>
            <dd class="mono">{result.seed.to_string()}</dd>
            <dt>"Versions"</dt>
            <dd>
                "OptiSchema " {environment.optischema_version.clone()} ", main PostgreSQL "
                {environment.main_version.clone()}
            </dd>
        </dl>
        <details>
            <summary>"Settings of main that both arms ran with"</summary>
            <ul class="plain columns">{settings}</ul>
            <ul class="warnings">{left}</ul>
        </details>
    }
}
