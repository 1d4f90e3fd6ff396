//! What was applied, how the apply side is, and the trail. Filters are in the URL.

use std::time::Duration;

use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::use_query_map;
use optischema::figures;
use optischema::model::{AuditQuery, Change, ChangeQuery, ChangeStatus};

use crate::components::{
    ActionFailure, ApplySide, ChangeRow, EmptyState, Failure, Live, TrailTable, every, url_with,
};
use crate::server_fns::{ChangesView, CleanUp, RollBackAll, StartRollback, load_changes};

/// Changes are looked for this often where nothing tells of them.
const PERIOD: Duration = Duration::from_secs(3);

/// The forms' actions.
#[derive(Clone, Copy)]
struct Actions {
    rollback: ServerAction<StartRollback>,
    all: ServerAction<RollBackAll>,
    clean: ServerAction<CleanUp>,
}

impl Actions {
    fn version(&self) -> usize {
        self.rollback.version().get() + self.all.version().get() + self.clean.version().get()
    }
}

fn filters(query: &ChangeQuery) -> impl IntoView + use<> {
    let tab = |word: Option<&'static str>, label: &'static str| {
        let status = word.map(str::to_owned);
        let url = url_with("/changes", &[("status", &status), ("q", &query.q)]);
        let current = query.status.as_deref().filter(|text| !text.is_empty()) == word;
        view! { <a class="tab" href=url aria-current=current.then_some("page")>{label}</a> }
    };
    let others: Vec<_> =
        ChangeStatus::ALL.iter().map(|status| tab(Some(status.as_str()), status.label())).collect();
    view! {
        <nav class="tabs" aria-label="Status">{tab(None, "All")} {others}</nav>
        <form method="get" action="/changes" class="filters" role="search">
            <input type="hidden" name="status" value=query.status.clone().unwrap_or_default()/>
            <label>"Search" <input type="search" name="q" value=query.q.clone().unwrap_or_default()/></label>
            <label>"Table" <input type="search" name="table" placeholder="orders, public.orders" value=query.table.clone().unwrap_or_default()/></label>
            <label>"Applied by" <input type="search" name="actor" value=query.actor.clone().unwrap_or_default()/></label>
            <button class="button">"Show"</button>
        </form>
    }
}

fn none(is_filtered: bool) -> AnyView {
    if is_filtered {
        return view! {
            <EmptyState title="No change fits these filters">
                <a href="/changes">"Show all changes"</a>
            </EmptyState>
        }
        .into_any();
    }
    view! {
        <EmptyState title="Nothing was applied yet">
            "Benchmark a " <a href="/recommendations">"recommendation"</a>
            ", then apply it in the sandbox: it is listed here, with what undoes it."
        </EmptyState>
    }
    .into_any()
}

fn list(changes: Vec<Change>, is_filtered: bool, actions: Actions) -> AnyView {
    if changes.is_empty() {
        return none(is_filtered);
    }
    let rows: Vec<_> = changes
        .into_iter()
        .map(|change| view! { <ChangeRow change rollback=actions.rollback/> })
        .collect();
    view! {
        <div class="scroll" tabindex="0"><table class="stacks">
            <thead><tr>
                <th scope="col">"Change"</th><th scope="col">"Status"</th>
                <th scope="col">"Applied"</th><th scope="col">"Predicted"</th>
                <th scope="col">"Measured again"</th>
                <th scope="col"><span class="visually-hidden">"Undo"</span></th>
            </tr></thead>
            <tbody>{rows}</tbody>
        </table></div>
    }
    .into_any()
}

fn content(
    view: ChangesView,
    query: ChangeQuery,
    audit: AuditQuery,
    actions: Actions,
) -> impl IntoView {
    // What is shown is what is undone, whatever else stands behind the filters.
    let standing = || view.changes.iter().filter(|change| change.can_be_rolled_back());
    let ids = standing().map(|change| change.id.to_string()).collect::<Vec<_>>().join(",");
    let count = figures::counted(standing().count() as u64, "change");
    let titles: Vec<_> =
        standing().map(|change| view! { <li>{change.recommendation_title.clone()}</li> }).collect();
    let tidied = actions.clean.value();
    view! {
        <ApplySide status=view.status/>
        <div class="actions">
            {(!ids.is_empty()).then(|| view! {
                <details class="choice">
                    <summary class="button">{if query.is_filtered() { "Roll back these…" } else { "Roll back all…" }}</summary>
                    <p>"In this order, the newest first:"</p>
                    <ol>{titles}</ol>
                    <ActionForm action=actions.all>
                        <input type="hidden" name="changes" value=ids.clone()/>
                        <button class="button primary">{format!("Roll back {count}")}</button>
                    </ActionForm>
                </details>
            })}
            <ActionForm action=actions.clean>
                <button class="button">"Clean up the sandbox"</button>
            </ActionForm>
        </div>
        {move || tidied.get().and_then(Result::ok).map(|report| view! {
            <p class="notice" role="status">{report.sentence()}</p>
        })}
        <ActionFailure action=actions.all/>
        <ActionFailure action=actions.clean/>
        <ActionFailure action=actions.rollback/>
        {filters(&query)}
        {list(view.changes, query.is_filtered(), actions)}
        <TrailTable page=view.trail audit query/>
    }
}

/// The page.
#[component]
pub(crate) fn ChangesPage() -> impl IntoView {
    let map = use_query_map();
    let query = Memo::new(move |_| {
        map.with(|map| ChangeQuery {
            status: map.get("status"),
            outcome: map.get("outcome"),
            table: map.get("table"),
            q: map.get("q"),
            actor: map.get("actor"),
            limit: None,
        })
    });
    let audit = Memo::new(move |_| {
        map.with(|map| AuditQuery {
            action: map.get("action"),
            actor: map.get("by"),
            recommendation_id: None,
            limit: None,
            cursor: map.get("cursor"),
        })
    });
    let actions = Actions {
        rollback: ServerAction::new(),
        all: ServerAction::new(),
        clean: ServerAction::new(),
    };
    let live = expect_context::<Live>();
    let reload = RwSignal::new(0_u32);
    let view = Resource::new(
        move || (query.get(), audit.get(), actions.version(), reload.get(), live.happened()),
        |(query, audit, ..)| load_changes(query, audit),
    );
    // Nothing tells of a session that waits: while something runs, it is looked.
    let busy = RwSignal::new(false);
    Effect::new(move |_| {
        let Some(Ok(view)) = view.get() else { return };
        busy.set(view.status.live_jobs > 0 || !view.status.locks.is_empty());
    });
    every(PERIOD, move || !live.connected() || busy.get(), move || reload.update(|n| *n += 1));
    view! {
        <Title text="Changes"/>
        <h1>"Changes"</h1>
        <Transition fallback=|| view! { <p class="quiet">"Loading…"</p> }>
            {move || Suspend::new(async move {
                match view.await {
                    Ok(view) => content(view, query.get_untracked(), audit.get_untracked(), actions).into_any(),
                    Err(error) => view! {
                        <Failure error/>
                        <p><a href="/changes">"Show all changes"</a></p>
                    }.into_any(),
                }
            })}
        </Transition>
    }
}
