//! What an index adds to writes.

use leptos::prelude::*;
use optischema::advisor::WriteCost;
use optischema::figures;

use super::badge::Provenance;

/// Lines of a list of facts.
#[component]
pub(crate) fn WriteCostFacts(cost: Option<WriteCost>) -> impl IntoView {
    cost.map(|cost| {
        let rows = cost.inserts + cost.updates + cost.deletes;
        let text = if rows > 0.0 {
            format!(
                "{} more index entries, {} (and about as much in the log), for the {} rows inserted, {} updated and {} deleted since the counters began",
                figures::grouped(cost.entries),
                figures::bytes(cost.bytes as i64),
                figures::grouped(cost.inserts),
                figures::grouped(cost.updates),
                figures::grouped(cost.deletes),
            )
        } else {
            "no row was written since the counters began".to_owned()
        };
        let hot = (cost.hot_lost > 0.0).then(|| {
            format!("; {} updates could no longer leave all indexes alone", figures::grouped(cost.hot_lost))
        });
        let relative = cost.relative_percent.map(|percent| {
            format!("; a new row takes {} more room", figures::percent(percent))
        });
        view! {
            <dt>"Write cost"</dt>
            <dd>{text} {relative} {hot} " " <Provenance text="rule"/></dd>
        }
    })
}
