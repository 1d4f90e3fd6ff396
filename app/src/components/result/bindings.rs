//! The verdict for each set of parameter values.

use leptos::prelude::*;
use optischema::figures;
use optischema::model::{BindingResult, WrittenRows};

use crate::components::badge::{Provenance, VerdictBadge};

/// What a statement that writes wrote.
fn written(written: &WrittenRows) -> impl IntoView + use<> {
    let (without, with) = (&written.baseline, &written.patched);
    let text = format!(
        "{} written a run; WAL {} → {}; heap-only updates {} → {}.",
        figures::counted(written.rows.unsigned_abs(), "row"),
        figures::bytes(without.wal_bytes),
        figures::bytes(with.wal_bytes),
        figures::grouped(without.hot_updates as f64),
        figures::grouped(with.hot_updates as f64)
    );
    view! { <div class="quiet">{text}</div> }
}

fn row(binding: &BindingResult) -> impl IntoView + use<> {
    let values = (!binding.values.is_empty()).then(|| binding.values.join(", "));
    let ties = binding.comparison.ties.clone();
    let written = binding.written.as_ref().map(written);
    view! {
        <tr>
            <td>
                {binding.label.clone()}
                {values.map(|values| view! { <div class="quiet mono">{values}</div> })}
            </td>
            <td><VerdictBadge verdict=binding.verdict/></td>
            <td class="number">{figures::milliseconds(binding.baseline.median_ms)}</td>
            <td class="number">{figures::milliseconds(binding.patched.median_ms)}</td>
            <td class="number">{binding.confidence_interval.as_ref().map(figures::interval)}</td>
            <td class="number">{binding.pairs}</td>
            <td class="number">
                {figures::grouped(binding.baseline.shared_blocks as f64)} " → "
                {figures::grouped(binding.patched.shared_blocks as f64)}
            </td>
            <td class="rows">{binding.comparison.sentence()} {ties.map(|ties| format!(" {ties}"))} {written}</td>
        </tr>
    }
}

/// One line a set.
#[component]
pub(crate) fn ResultBindings(bindings: Vec<BindingResult>) -> impl IntoView {
    if bindings.is_empty() {
        return ().into_any();
    }
    let rows: Vec<_> = bindings.iter().map(row).collect();
    view! {
        <h3>"By parameter values"</h3>
        <p class="quiet">
            "A change may help one value and hurt another. Rows of both arms are compared before anything is timed: \
             what passes has shown no difference, which is no proof. The interval is of the ratio within pairs, which the \
             two medians need not have."
            " " <Provenance text="measured"/>
        </p>
        <div class="scroll" tabindex="0">
            <table>
                <thead>
                    <tr>
                        <th scope="col">"Values"</th>
                        <th scope="col">"Verdict"</th>
                        <th scope="col" class="number">"Without"</th>
                        <th scope="col" class="number">"With"</th>
                        <th scope="col" class="number">"Interval"</th>
                        <th scope="col" class="number">"Pairs"</th>
                        <th scope="col" class="number">"Blocks"</th>
                        <th scope="col">"Rows"</th>
                    </tr>
                </thead>
                <tbody>{rows}</tbody>
            </table>
        </div>
    }
    .into_any()
}
