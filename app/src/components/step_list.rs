//! The statements of a change, one after the other.

use leptos::prelude::*;
use optischema::model::ChangeStep;

/// Each step with what it does, its SQL, and the lock that it takes.
#[component]
pub(crate) fn StepList(steps: Vec<ChangeStep>) -> impl IntoView {
    let items: Vec<_> = steps
        .into_iter()
        .map(|step| {
            view! {
                <li>
                    {step.title}
                    <pre class="remedy"><code>{step.sql}</code></pre>
                    <span class="quiet">"Lock: " {step.lock.label()}</span>
                </li>
            }
        })
        .collect();
    view! { <ol class="steps">{items}</ol> }
}
