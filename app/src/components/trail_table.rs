//! The audit trail: every intent and outcome, in order.

use leptos::prelude::*;
use optischema::model::{AuditEntry, AuditPage, AuditQuery, ChangeQuery};

use super::filter_bar::url_with;

fn row(entry: AuditEntry) -> impl IntoView {
    let said = entry.summary();
    let action = match entry.recommendation_id {
        Some(id) => {
            view! { <a href=format!("/recommendations/{id}")>{entry.action}</a> }.into_any()
        }
        None => entry.action.into_any(),
    };
    // The whole of it stands in the exports.
    let whole: String = entry.detail.to_string().chars().take(2000).collect();
    view! {
        <tr>
            <td data-label="No." class="number">{entry.sequence}</td>
            <td data-label="Time" class="nowrap">{entry.at.readable()}</td>
            <td data-label="By">{entry.actor}</td>
            <td data-label="Action">{action}</td>
            <td>
                <code class="statement">{said}</code>
                <details><summary class="quiet">"All of it"</summary><code class="statement">{whole}</code></details>
            </td>
            <td class="wide-only mono">{entry.hash.chars().take(12).collect::<String>()}</td>
        </tr>
    }
}

/// The trail with its filters and exports.
#[component]
pub(crate) fn TrailTable(page: AuditPage, audit: AuditQuery, query: ChangeQuery) -> impl IntoView {
    let none = page.items.is_empty();
    let rows: Vec<_> = page.items.into_iter().map(row).collect();
    let next = page.next_cursor.map(|cursor| {
        let url = url_with(
            "/changes",
            &[
                ("status", &query.status),
                ("q", &query.q),
                ("action", &audit.action),
                ("by", &audit.actor),
                ("cursor", &Some(cursor)),
            ],
        );
        view! { <a class="button" href=url rel="next">"Older rows"</a> }
    });
    view! {
        <h2 id="trail">"Audit trail"</h2>
        <form method="get" action="/changes" class="filters">
            <label>"Action" <input type="search" name="action" placeholder="apply, rollback, …" value=audit.action.clone().unwrap_or_default()/></label>
            <label>"By" <input type="search" name="by" value=audit.actor.clone().unwrap_or_default()/></label>
            <button class="button">"Show"</button>
            <a class="button" href="/api/audit/export?format=csv" rel="external" download="">"Export CSV"</a>
            <a class="button" href="/api/audit/export?format=json" rel="external" download="">"Export JSON"</a>
        </form>
        {if none {
            view! { <p class="quiet">"No row fits."</p> }.into_any()
        } else {
            view! {
                <div class="scroll" tabindex="0"><table class="stacks">
                    <caption>"Rows are only ever added, and each carries the hash of the one before it."</caption>
                    <thead><tr>
                        <th scope="col" class="number">"No."</th><th scope="col">"Time"</th>
                        <th scope="col">"By"</th><th scope="col">"Action"</th>
                        <th scope="col">"Detail"</th>
                        <th scope="col" class="wide-only">"Hash"</th>
                    </tr></thead>
                    <tbody>{rows}</tbody>
                </table></div>
            }.into_any()
        }}
        {next}
    }
}
