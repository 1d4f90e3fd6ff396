//! What was applied, how the apply side is, and the trail.

use leptos::prelude::*;
use leptos_meta::Title;
use optischema::model::{ApplyStatus, AuditEntry, Change, ChangeStatus};

use crate::components::{EmptyState, Failure};
use crate::server_fns::load_changes;

fn status(status: &ApplyStatus) -> impl IntoView + use<> {
    let (tone, word) = if status.ready {
        ("badge badge-good", "Ready")
    } else {
        ("badge badge-bad", "Cannot apply")
    };
    view! {
        <section class="card target">
            <header><h2>"Apply side"</h2><span class=tone>{word}</span></header>
            <p class="quiet mono">{status.target.clone()}</p>
            {status.reason.clone().map(|reason| view! { <p>{reason}</p> })}
            <dl class="facts">
                <dt>"Applied"</dt><dd>{status.applied}</dd>
                <dt>"Rolled back"</dt><dd>{status.rolled_back}</dd>
                <dt>"Drifted"</dt><dd>{status.drifted}</dd>
                <dt>"Jobs queued or running"</dt><dd>{status.live_jobs}</dd>
            </dl>
        </section>
    }
}

fn row(change: Change) -> impl IntoView {
    let tone = match change.status {
        ChangeStatus::Applied => "badge badge-good",
        ChangeStatus::RolledBack => "badge badge-quiet",
        ChangeStatus::Drifted => "badge badge-warn",
    };
    let ended = change.rolled_back_at.map(|at| format!("rolled back {}", at.readable()));
    view! {
        <tr>
            <td>
                <a href=format!("/recommendations/{}", change.recommendation_id)>
                    {change.recommendation_title}
                </a>
                {change.override_reason.map(|reason| view! {
                    <div class="quiet">"without a benchmark: " {reason}</div>
                })}
            </td>
            <td><span class=tone>{change.status.label()}</span></td>
            <td class="nowrap">{change.applied_at.readable()}<div class="quiet">{ended}</div></td>
            <td><code class="statement">{change.sql}</code></td>
            <td class="wide-only"><code class="statement">{change.rollback_sql}</code></td>
        </tr>
    }
}

fn trail_row(entry: AuditEntry) -> impl IntoView {
    view! {
        <tr>
            <td class="number">{entry.sequence}</td>
            <td class="nowrap">{entry.at.readable()}</td>
            <td>{entry.action}</td>
            <td><code class="statement">{entry.detail.to_string()}</code></td>
            <td class="wide-only mono">{entry.hash.chars().take(12).collect::<String>()}</td>
        </tr>
    }
}

fn content((changes, apply, trail): (Vec<Change>, ApplyStatus, Vec<AuditEntry>)) -> impl IntoView {
    let none = changes.is_empty();
    let rows: Vec<_> = changes.into_iter().map(row).collect();
    let trail: Vec<_> = trail.into_iter().map(trail_row).collect();
    view! {
        {status(&apply)}
        {if none {
            view! {
                <EmptyState title="Nothing was applied yet">
                    "A recommendation can be applied in the sandbox once it is benchmarked."
                </EmptyState>
            }.into_any()
        } else {
            view! {
                <div class="scroll" tabindex="0"><table>
                    <thead><tr>
                        <th scope="col">"Change"</th><th scope="col">"Status"</th>
                        <th scope="col">"Applied"</th><th scope="col">"SQL"</th>
                        <th scope="col" class="wide-only">"Rollback"</th>
                    </tr></thead>
                    <tbody>{rows}</tbody>
                </table></div>
                <h2>"Audit trail"</h2>
                <div class="scroll" tabindex="0"><table>
                    <thead><tr>
                        <th scope="col" class="number">"No."</th><th scope="col">"Time"</th>
                        <th scope="col">"Action"</th><th scope="col">"Detail"</th>
                        <th scope="col" class="wide-only">"Hash"</th>
                    </tr></thead>
                    <tbody>{trail}</tbody>
                </table></div>
            }.into_any()
        }}
    }
}

/// The page.
#[component]
pub(crate) fn ChangesPage() -> impl IntoView {
    let changes = Resource::new(|| (), |()| load_changes());
    view! {
        <Title text="Changes"/>
        <h1>"Changes"</h1>
        <Transition fallback=|| view! { <p class="quiet">"Loading…"</p> }>
            {move || Suspend::new(async move {
                match changes.await {
                    Ok(parts) => content(parts).into_any(),
                    Err(error) => view! { <Failure error/> }.into_any(),
                }
            })}
        </Transition>
    }
}
