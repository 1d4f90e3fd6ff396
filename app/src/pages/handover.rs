//! Recommendations as files for production: plain SQL or a framework's migration.

use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::use_query_map;
use optischema::model::{Handover, MigrationFormat};

use crate::components::{EmptyState, Failure, SqlBlock, chosen_ids};
use crate::server_fns::load_handover;

fn tabs(ids: &str, current: MigrationFormat) -> impl IntoView + use<> {
    let tabs: Vec<_> = MigrationFormat::ALL
        .iter()
        .map(|format| {
            let url = format!("/handover?ids={ids}&format={format}");
            view! {
                <a class="tab" href=url aria-current=(*format == current).then_some("page")>{format.label()}</a>
            }
        })
        .collect();
    view! { <nav class="tabs" aria-label="Form">{tabs}</nav> }
}

fn content(handover: Handover, ids: String) -> impl IntoView {
    let format = handover.format;
    let stamp = handover.stamp.clone();
    // A reason is said once for all that follow each other for it.
    let before = std::iter::once("").chain(handover.changes.iter().map(|c| c.place.as_str()));
    let order: Vec<_> = handover
        .changes
        .iter()
        .zip(before)
        .map(|(change, before)| {
            let place = (change.place != before).then(|| change.place.clone());
            view! {
                <li>
                    <a href=format!("/recommendations/{}", change.recommendation_id)>{change.title.clone()}</a>
                    " " <span class="quiet">{place} {(!change.can_be_undone).then_some(" It cannot be undone.")}</span>
                </li>
            }
        })
        .collect();
    let files: Vec<_> = handover
        .files
        .iter()
        .map(|file| {
            let name = file.name.replace('/', "%2F");
            let url = format!("/api/handover/{name}?ids={ids}&format={format}&stamp={stamp}");
            view! {
                <p><a class="button" href=url rel="external" download=file.name.clone()>"Download " {file.name.clone()}</a></p>
                <SqlBlock caption=file.name.clone() sql=file.text.clone()/>
            }
        })
        .collect();
    let notes: Vec<_> =
        handover.notes.iter().map(|note| view! { <li>{note.clone()}</li> }).collect();
    view! {
        {tabs(&ids, format)}
        <h2>"Order"</h2>
        <ol class="steps">{order}</ol>
        {(!notes.is_empty()).then(|| view! { <h2>"Before you run it"</h2> <ul>{notes}</ul> })}
        <h2>"Files"</h2>
        <p class="quiet">{format.how_to_run()}</p>
        <p>
            <a class="button primary" href=format!("/api/handover.zip?ids={ids}&format={format}&stamp={stamp}") rel="external"
                download=format!("optischema-{format}.zip")>"Download all"</a>
        </p>
        {files}
    }
}

/// The page.
#[component]
pub(crate) fn HandoverPage() -> impl IntoView {
    let map = use_query_map();
    let ids = chosen_ids();
    let format = Memo::new(move |_| map.with(|map| map.get("format").unwrap_or_default()));
    let handover = Resource::new(
        move || (ids.get(), format.get()),
        |(ids, format)| async move {
            if ids.is_empty() { Ok(None) } else { load_handover(ids, format).await.map(Some) }
        },
    );
    view! {
        <Title text="For production"/>
        <p class="crumbs"><a href="/recommendations">"Recommendations"</a></p>
        <h1>"For production"</h1>
        <p>"Files for a person to review and run on main. OptiSchema itself never writes there."</p>
        <Transition fallback=|| view! { <p class="quiet">"Writing…"</p> }>
            {move || Suspend::new(async move {
                match handover.await {
                    Ok(Some(handover)) => content(handover, ids.get_untracked()).into_any(),
                    Ok(None) => view! {
                        <EmptyState title="Nothing is chosen">
                            "Tick recommendations in the " <a href="/recommendations">"list"</a> "."
                        </EmptyState>
                    }.into_any(),
                    Err(error) => view! { <Failure error/> }.into_any(),
                }
            })}
        </Transition>
    }
}
