//! One applied patch: what, by whom, what it came to, and what undoes it.

use leptos::prelude::*;
use optischema::figures;
use optischema::model::{CatalogEntry, Change, ChangeStatus, UseCheck};

use super::badge::Provenance;
use super::watch_found::WatchFound;
use crate::server_fns::StartRollback;

fn uses(check: &UseCheck) -> impl IntoView + use<> {
    let word = match check.used {
        Some(true) => "uses it",
        Some(false) => "does not use it",
        None => "planned",
    };
    let cost = |cost: Option<f64>| cost.map_or_else(|| "–".to_owned(), figures::grouped);
    view! {
        <li>
            <a href=format!("/queries/{}", check.query_hash)>{check.query_hash.to_string()}</a>
            " " {word} ": cost " {cost(check.cost_before)} " → " {cost(check.cost_after)}
            {check.reason.clone().map(|reason| view! { " (" {reason} ")" })}
        </li>
    }
}

fn detail(change: &Change) -> impl IntoView + use<> {
    let checks: Vec<_> = change.detail.iter().flat_map(|detail| &detail.uses).map(uses).collect();
    let lines: Vec<_> = change
        .detail
        .iter()
        .flat_map(|detail| &detail.effect)
        .map(|line| {
            let side = |entry: &Option<CatalogEntry>| {
                entry.as_ref().map_or_else(|| "absent".to_owned(), ToString::to_string)
            };
            view! {
                <li>
                    <code>{line.object.to_string()}</code> ": "
                    <code>{side(&line.before)}</code> " → " <code>{side(&line.after)}</code>
                </li>
            }
        })
        .collect();
    view! {
        <details>
            <summary>"SQL, rollback, and what the catalog says"</summary>
            <pre class="remedy"><code>{change.sql.clone()}</code></pre>
            <p class="quiet">
                {change.no_rollback.clone().unwrap_or_else(|| "What undoes it:".to_owned())}
            </p>
            {(!change.rollback_sql.is_empty()).then(|| view! {
                <pre class="remedy"><code>{change.rollback_sql.clone()}</code></pre>
            })}
            {(!lines.is_empty()).then(|| view! { <ul class="warnings">{lines}</ul> })}
            {(!checks.is_empty()).then(|| view! {
                <p class="quiet">"Its statements in the sandbox " <Provenance text="planned"/></p>
                <ul class="warnings">{checks}</ul>
            })}
        </details>
    }
}

/// A row of the changes' table.
#[component]
pub(crate) fn ChangeRow(change: Change, rollback: ServerAction<StartRollback>) -> impl IntoView {
    let tone = match change.status {
        ChangeStatus::Applied => "badge badge-good",
        ChangeStatus::RolledBack => "badge badge-quiet",
        ChangeStatus::Drifted => "badge badge-warn",
    };
    let ended = change.rolled_back_at.map(|at| format!("rolled back {}", at.readable()));
    let can_undo = change.can_be_rolled_back();
    let saved = |percent: f64| {
        let word = if percent < 0.0 { "more" } else { "less" };
        format!("{} {word} ", figures::percent(percent.abs()))
    };
    let predicted = change
        .predicted_percent
        .map(|percent| view! { {saved(percent)} <Provenance text="planned"/> });
    let measured = change
        .measured_percent
        .map(|percent| view! { {saved(percent)} <Provenance text="measured"/> });
    view! {
        <tr id=change.id.to_string()>
            <td>
                <a href=format!("/recommendations/{}", change.recommendation_id)>
                    {change.recommendation_title.clone()}
                </a>
                <div class="quiet">{change.kind.as_str()} " by " {change.actor.clone()} " on " {change.target.clone()}</div>
                {change.override_reason.clone().map(|reason| view! {
                    <div class="quiet">"reason given: " {reason}</div>
                })}
                {detail(&change)}
            </td>
            <td data-label="Status"><span class=tone>{change.status.label()}</span></td>
            <td data-label="Applied" class="nowrap">{change.applied_at.readable()}<div class="quiet">{ended}</div></td>
            <td data-label="Predicted">{predicted}</td>
            <td data-label="Measured again">{measured} " " {change.watch.clone().map(|watch| view! { <WatchFound watch/> })}</td>
            <td>
                {change.no_rollback.is_some().then(|| view! { <span class="quiet">"cannot be undone"</span> })}
                {can_undo.then(|| view! {
                    <ActionForm action=rollback>
                        <input type="hidden" name="id" value=change.recommendation_id.to_string()/>
                        <button class="button small nowrap">"Roll back"</button>
                    </ActionForm>
                })}
            </td>
        </tr>
    }
}
