//! What measuring an applied change again found.

use leptos::prelude::*;
use optischema::model::{Watch, WatchOutcome};

/// A word with a shape, and the sentence.
#[component]
pub(crate) fn WatchFound(watch: Watch) -> impl IntoView {
    let (tone, shape) = match watch.outcome {
        WatchOutcome::AsPredicted => ("badge badge-good", "✓ "),
        WatchOutcome::Less => ("badge badge-warn", "– "),
        WatchOutcome::Regression => ("badge badge-bad", "▲ "),
        WatchOutcome::Undecided | WatchOutcome::NotMeasured => ("badge badge-quiet", "? "),
    };
    view! {
        <span class=tone><span aria-hidden="true">{shape}</span>{watch.outcome.label()}</span>
        <div class="quiet">{watch.sentence}</div>
    }
}
