//! One line of the list.

use leptos::prelude::*;
use optischema::model::{Recommendation, saving_label};

use super::badge::{StatusBadge, VerdictBadge};
use optischema::figures;

/// A row of the recommendations' table.
#[component]
pub(crate) fn RecommendationRow(
    recommendation: Recommendation,
    /// Whether it can be ticked, inside a form.
    #[prop(optional)]
    choosable: bool,
) -> impl IntoView {
    let r = recommendation;
    let tick = choosable.then(|| view! {
        <input type="checkbox" name="id" value=r.id.to_string() aria-label=format!("Choose: {}", r.title)/>
    });
    let saving = r.estimated_improvement_percent.map(|percent| saving_label(percent, &r.evidence));
    let link = format!("/recommendations/{}", r.id);
    let measured = r.latest_benchmark.map(|latest| {
        view! {
            <VerdictBadge verdict=latest.verdict/>
            " "
            <span class="nowrap">{latest.change_percent.map(figures::change)}</span>
        }
    });
    view! {
        <tr>
            <td>
                {tick} <a href=link>{r.title.clone()}</a>
            </td>
            <td><StatusBadge status=r.status/></td>
            <td class="wide-only">{r.recommendation_type.label()}</td>
            <td class="number">{saving.unwrap_or_else(|| "–".to_owned())}</td>
            <td>{measured}</td>
            <td class="wide-only">{r.risk_level.as_str()}</td>
        </tr>
    }
}
