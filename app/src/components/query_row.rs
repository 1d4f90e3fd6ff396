//! One statement of the list.

use leptos::prelude::*;
use optischema::model::{QuerySource, QuerySummary, WorkloadQuery};

use crate::charts::spark_line;
use optischema::figures;

/// Letters of a statement that the list shows.
const SHOWN: usize = 240;

/// The statement's page, in the same time range.
fn link(query: &QuerySummary, list: &WorkloadQuery) -> String {
    let range = list.range.as_deref().filter(|range| !range.is_empty());
    match range {
        Some(range) => format!("/queries/{}?range={range}", query.query_hash),
        None => format!("/queries/{}", query.query_hash),
    }
}

/// A row of the workload's table.
#[component]
pub(crate) fn QueryRow(query: QuerySummary, list: WorkloadQuery) -> impl IntoView {
    let figures = query.figures;
    let absent = || "–".to_owned();
    let rows = (figures.calls > 0).then(|| figures.rows as f64 / figures.calls as f64);
    let warnings: Vec<_> =
        query.warnings.iter().map(|warning| view! { <li>{warning.clone()}</li> }).collect();
    let warnings =
        (!warnings.is_empty()).then(|| view! { <ul class="row-warnings">{warnings}</ul> });
    let source = match query.source {
        QuerySource::Main => None,
        QuerySource::Typed => Some("typed in"),
        QuerySource::Log => Some("from a log"),
    };
    let source = source.map(|word| view! { " " <span class="badge badge-quiet">{word}</span> });
    let trend = spark_line(&query.trend);
    view! {
        <tr>
            <td>
                <a class="statement-link" href=link(&query, &list)><code>{figures::in_one_line(&query.sql, SHOWN)}</code></a>
                {source}
                {warnings}
            </td>
            <td class="number" data-label="share">
                {figures::percent(figures.share_percent)}
                <meter min="0" max="100" value=format!("{:.2}", figures.share_percent) aria-hidden="true"></meter>
            </td>
            <td class="number" data-label="total">{figures::milliseconds(figures.total_time_ms)}</td>
            <td class="number" data-label="calls">{figures::grouped(figures.calls as f64)}</td>
            <td class="number" data-label="mean">{figures.mean_ms.map_or_else(absent, figures::milliseconds)}</td>
            <td class="number wide-only">{rows.map_or_else(absent, figures::average)}</td>
            <td class="number wide-only">{figures.cache_hit_percent.map_or_else(absent, |p| format!("{p:.0} %"))}</td>
            <td class="wide-only spark" inner_html=trend.unwrap_or_default()></td>
        </tr>
    }
}
