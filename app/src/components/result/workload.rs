//! What becomes of the other statements.

use leptos::prelude::*;
use optischema::figures;
use optischema::model::{BenchmarkResult, WorkloadEffect};

use crate::components::badge::Provenance;

fn row(effect: &WorkloadEffect, has_links: bool) -> impl IntoView + use<> {
    view! {
        <tr>
            <td>
                <code class="statement">{effect.sql.clone()}</code>
                {has_links.then(|| view! { <a class="quiet" href=format!("/queries/{}", effect.query_hash)>"its page"</a> })}
            </td>
            <td class="number">{figures::grouped(effect.cost_before)}</td>
            <td class="number">{figures::grouped(effect.cost_after)}</td>
            <td class="number">
                {figures::percent(effect.change_percent())}
                {effect.is_dearer().then(|| view! { " " <span class="badge badge-bad">"▲ dearer"</span> })}
            </td>
        </tr>
    }
}

/// One line for each statement whose planned cost changes.
#[component]
pub(crate) fn ResultWorkload(
    result: BenchmarkResult,
    /// Whether the pages of the web app are there to be led to.
    has_links: bool,
) -> impl IntoView {
    if result.workload_planned == 0 && result.workload_left.is_empty() {
        return ().into_any();
    }
    let rows: Vec<_> = result.workload.iter().map(|effect| row(effect, has_links)).collect();
    let none = rows.is_empty();
    let left: Vec<_> =
        result.workload_left.iter().map(|line| view! { <li>{line.clone()}</li> }).collect();
    let about = format!(
        "{} other statements on the same tables were planned without and with the change; {}.",
        result.workload_planned,
        if none { "none of them changes its cost" } else { "these change their cost" }
    );
    view! {
        <h3>"The rest of the workload"</h3>
        <p class="quiet">{about} " " <Provenance text="planned"/></p>
        {(!none).then(|| view! {
            <div class="scroll" tabindex="0">
                <table>
                    <thead>
                        <tr>
                            <th scope="col">"Statement"</th>
                            <th scope="col" class="number">"Cost without"</th>
                            <th scope="col" class="number">"Cost with"</th>
                            <th scope="col" class="number">"Change"</th>
                        </tr>
                    </thead>
                    <tbody>{rows}</tbody>
                </table>
            </div>
        })}
        {(!left.is_empty()).then(|| view! {
            <details><summary>"Statements that could not be planned"</summary><ul class="warnings">{left}</ul></details>
        })}
    }
    .into_any()
}
