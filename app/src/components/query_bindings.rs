//! The values that a statement is planned and measured with.

use leptos::prelude::*;
use optischema::model::QueryBinding;

/// The most letters of a value that are shown.
const SHOWN: usize = 80;

fn value(number: usize, value: &Option<String>) -> impl IntoView + use<> {
    let text = match value {
        None => "NULL".to_owned(),
        Some(text) if text.chars().count() > SHOWN => {
            text.chars().take(SHOWN).collect::<String>() + "…"
        }
        Some(text) => text.clone(),
    };
    view! { <span class="value"><span class="quiet">"$" {number}</span> " " <code>{text}</code></span> }
}

fn row(binding: &QueryBinding) -> impl IntoView + use<> {
    let values: Vec<_> =
        binding.values.iter().enumerate().map(|(at, text)| value(at + 1, text)).collect();
    let tone = if binding.assumed { "badge badge-warn" } else { "badge" };
    let word = if binding.assumed { "partly assumed" } else { "real" };
    view! {
        <tr>
            <td>{binding.label.clone()}</td>
            <td><span class=tone>{word}</span></td>
            <td class="values">{values}</td>
        </tr>
    }
}

/// One line a set of values.
#[component]
pub(crate) fn QueryBindings(bindings: Vec<QueryBinding>) -> impl IntoView {
    let rows: Vec<_> = bindings.iter().map(row).collect();
    view! {
        <div class="scroll" tabindex="0">
            <table>
                <thead>
                    <tr>
                        <th scope="col">"Where from"</th>
                        <th scope="col">"Values"</th>
                        <th scope="col">"Parameters"</th>
                    </tr>
                </thead>
                <tbody>{rows}</tbody>
            </table>
        </div>
    }
}
