//! How the apply side is: where, how many, what runs, who waits for whom.

use leptos::prelude::*;
use optischema::model::{ApplyStatus, LockWait};

fn lock(wait: &LockWait) -> impl IntoView + use<> {
    let blockers: Vec<_> =
        wait.blocked_by.iter().map(|one| view! { <li>{one.to_string()}</li> }).collect();
    view! {
        <li>
            {wait.application.clone()} " (session " {wait.pid} ") waits since "
            {wait.waits_seconds} " s: " <code>{wait.statement.clone()}</code>
            <ul class="warnings">{blockers}</ul>
        </li>
    }
}

/// The card at the top of the page of changes.
#[component]
pub(crate) fn ApplySide(status: ApplyStatus) -> impl IntoView {
    let (tone, word) = if status.ready {
        ("badge badge-good", "✓ Ready")
    } else {
        ("badge badge-bad", "! Cannot apply")
    };
    let running: Vec<_> = status
        .running
        .iter()
        .map(|job| {
            view! {
                <li>
                    <a href=job.page()>{job.label()} ": " {job.recommendation_title.clone()}</a>
                    " " <span class="quiet">{job.phase.clone()}</span>
                </li>
            }
        })
        .collect();
    let locks: Vec<_> = status.locks.iter().map(lock).collect();
    let targets: Vec<_> = status
        .targets
        .iter()
        .map(|target| {
            let place = target.address.clone().unwrap_or_default();
            view! {
                <li>{target.target.label()} ": " {target.state.label()} " " <span class="quiet mono">{place}</span></li>
            }
        })
        .collect();
    let none = || view! { <span class="quiet">"none"</span> };
    view! {
        <section class="card target" aria-label="Apply side">
            <header><h2>"Apply side"</h2><span class=tone>{word}</span></header>
            <p class="quiet mono">{status.target.clone()}</p>
            {status.reason.clone().map(|reason| view! { <p>{reason}</p> })}
            <dl class="facts">
                <dt>"Applied"</dt><dd>{status.applied}</dd>
                <dt>"Rolled back"</dt><dd>{status.rolled_back}</dd>
                <dt>"Drifted"</dt><dd>{status.drifted}</dd>
                <dt>"Queued or running"</dt><dd>{status.live_jobs}</dd>
                <dt>"Running now"</dt>
                <dd>{if running.is_empty() { none().into_any() } else { view! { <ul class="plain">{running}</ul> }.into_any() }}</dd>
                <dt>"Waiting for locks"</dt>
                <dd>{if locks.is_empty() { none().into_any() } else { view! { <ul class="plain">{locks}</ul> }.into_any() }}</dd>
                <dt>"Databases"</dt><dd><ul class="plain">{targets}</ul></dd>
            </dl>
        </section>
    }
}
