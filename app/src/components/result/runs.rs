//! Every run: how both arms are spread, and how pairs went over time.

use leptos::prelude::*;
use optischema::figures;
use optischema::model::{Arm, BenchmarkResult};

use crate::charts::{comparison_chart, pairs_chart};
use crate::components::badge::Provenance;

fn arm(name: &'static str, arm: &Arm) -> impl IntoView + use<> {
    let plans: std::collections::BTreeSet<&String> = arm.plan_hashes.iter().collect();
    let outliers = match arm.outliers.len() {
        0 => "none".to_owned(),
        count => format!("{count}, kept"),
    };
    view! {
        <tr>
            <th scope="row">{name}</th>
            <td class="number">{figures::milliseconds(arm.median_ms)}</td>
            <td class="number">{figures::milliseconds(arm.mad_ms)}</td>
            <td class="number">{arm.p95_ms.map_or_else(|| "–".to_owned(), figures::milliseconds)}</td>
            <td class="number">{figures::grouped(arm.shared_blocks as f64)}</td>
            <td class="number">{outliers}</td>
            <td class="mono">{plans.into_iter().cloned().collect::<Vec<_>>().join(", ")}</td>
        </tr>
    }
}

/// Distribution, pairs over time, buffers.
#[component]
pub(crate) fn ResultRuns(result: BenchmarkResult) -> impl IntoView {
    let (Some(baseline), Some(patched)) = (&result.baseline, &result.patched) else {
        return ().into_any();
    };
    if result.pairs == 0 {
        return ().into_any();
    }
    let spread = comparison_chart(&result);
    let pairs = pairs_chart(baseline, patched);
    view! {
        <h3>"Run times"</h3>
        <p class="quiet">
            "Each dot is one run; the box holds the middle half of them, and its line is the median. \
             Where the boxes lie apart, so do the arms."
            " " <Provenance text="measured"/>
        </p>
        {spread.map(|svg| view! { <figure class="chart" inner_html=svg></figure> })}
        {pairs.map(|svg| view! {
            <h3>"Pairs over time"</h3>
            <p class="quiet">
                "Both arms ran side by side, in random order. A level line means that nothing else changed meanwhile; \
                 the band is where a change does not matter."
            </p>
            <figure class="chart" inner_html=svg></figure>
        })}
        <div class="scroll" tabindex="0">
            <table>
                <caption>"Blocks hardly vary from run to run: where they fall, less work is done, whatever the clock says."</caption>
                <thead>
                    <tr>
                        <th scope="col">"Arm"</th>
                        <th scope="col" class="number">"Median"</th>
                        <th scope="col" class="number">"Spread (MAD)"</th>
                        <th scope="col" class="number">"p95"</th>
                        <th scope="col" class="number">"Blocks of 8 KiB"</th>
                        <th scope="col" class="number">"Outliers"</th>
                        <th scope="col">"Plans"</th>
                    </tr>
                </thead>
                <tbody>{arm("Without", baseline)} {arm("With", patched)}</tbody>
            </table>
        </div>
    }
    .into_any()
}
