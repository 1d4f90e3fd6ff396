//! What each write costs more, and what building the index took.

use leptos::prelude::*;
use optischema::figures;
use optischema::model::{IndexMeasure, MeasuredWriteCost, WriteMeasure};

use crate::components::badge::Provenance;

fn row(measure: &WriteMeasure) -> impl IntoView + use<> {
    let per_row = |ms: f64| figures::milliseconds(ms / measure.rows.max(1) as f64);
    let wal = |bytes: i64| format!("{:.0} B", bytes as f64 / measure.rows.max(1) as f64);
    let column = measure.column.clone().map(|column| format!(" ({column})"));
    let hot = match (measure.baseline.hot_updates, measure.patched.hot_updates) {
        (0, 0) => "–".to_owned(),
        (without, with) => format!("{without} → {with} of {}", measure.rows),
    };
    view! {
        <tr>
            <th scope="row">{measure.operation.label()} {column}</th>
            <td class="number">{per_row(measure.baseline.median_ms)} " → " {per_row(measure.patched.median_ms)}</td>
            <td class="number">{measure.confidence_interval.as_ref().map(figures::interval)}</td>
            <td class="number">{wal(measure.baseline.wal_bytes)} " → " {wal(measure.patched.wal_bytes)}</td>
            <td class="number">
                {figures::grouped(measure.baseline.wal_records as f64)} " → "
                {figures::grouped(measure.patched.wal_records as f64)}
            </td>
            <td class="number">{hot}</td>
        </tr>
    }
}

/// Building, size, and writes.
#[component]
pub(crate) fn ResultWrites(
    index: Option<IndexMeasure>,
    cost: Option<MeasuredWriteCost>,
) -> impl IntoView {
    let index = index.map(|index| {
        let built = (index.build_ms > 0.0).then(|| {
            format!("It was built in {} and takes ", figures::milliseconds(index.build_ms))
        });
        view! {
            <p>
                <code class="long">{index.definition}</code> <br/>
                {built.unwrap_or_else(|| "It takes ".to_owned())} {figures::bytes(index.bytes)} ". "
                <Provenance text="measured"/>
            </p>
        }
    });
    let cost = cost.map(|cost| {
        let rows: Vec<_> = cost.operations.iter().map(row).collect();
        let absent: Vec<_> =
            cost.absent.iter().map(|line| view! { <li>{line.clone()}</li> }).collect();
        let merged = cost.operations.iter().find_map(|measure| {
            let merge_ms = measure.patched.merge_ms.or(measure.baseline.merge_ms)?;
            Some(format!(
                "GIN keeps new entries in a pending list until it is full or VACUUM comes (fastupdate). Each run includes merging them, {} of {}: a write takes less at once, and whichever write fills the list takes far more.",
                figures::milliseconds(merge_ms),
                measure.operation.label(),
            ))
        });
        let about = format!(
            "Measured on a table of its own with {} of the rows, half of each page free. \
             An update that keeps its row out of all indexes (HOT) is the cheap one: what the index takes away shows in the last column.",
            figures::grouped(cost.table_rows as f64)
        );
        view! {
            <p class="quiet">{about}</p>
            {merged.map(|line| view! { <p class="quiet">{line}</p> })}
            {(!rows.is_empty()).then(|| view! {
                <div class="scroll" tabindex="0">
                    <table>
                        <thead>
                            <tr>
                                <th scope="col">"Write"</th>
                                <th scope="col" class="number">"Time a row"</th>
                                <th scope="col" class="number">"Change"</th>
                                <th scope="col" class="number">"WAL a row"</th>
                                <th scope="col" class="number">"WAL records"</th>
                                <th scope="col" class="number">"HOT updates"</th>
                            </tr>
                        </thead>
                        <tbody>{rows}</tbody>
                    </table>
                </div>
            })}
            <ul class="warnings">{absent}</ul>
        }
    });
    (index.is_some() || cost.is_some())
        .then(|| view! { <h3>"The index, and what writes cost"</h3> {index} {cost} })
}
