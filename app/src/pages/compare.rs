//! Two statements, or a statement and a change, that a person types in and has measured.

use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::use_query_map;

use crate::components::ActionFailure;
use crate::server_fns::Compare;

/// Both texts, filled in where the URL has them.
fn fields(statement: String, patch: String) -> impl IntoView {
    view! {
        <div class="pair">
            <label class="stack">
                <span>"The statement, with its values"</span>
                <textarea name="request[statement]" rows="10" required spellcheck="false"
                    placeholder="SELECT * FROM public.orders WHERE customer_id = 42 ORDER BY created_at DESC LIMIT 20">
                    {statement}
                </textarea>
            </label>
            <label class="stack">
                <span>"The change, or the statement in its place"</span>
                <textarea name="request[patch]" rows="10" required spellcheck="false"
                    placeholder="CREATE INDEX orders_customer ON public.orders (customer_id, created_at DESC)">
                    {patch}
                </textarea>
            </label>
        </div>
    }
}

/// The page.
#[component]
pub(crate) fn ComparePage() -> impl IntoView {
    let compare = ServerAction::<Compare>::new();
    let map = use_query_map();
    let given = Memo::new(move |_| {
        let text = |name: &str| map.with(|map| map.get(name)).unwrap_or_default();
        (text("statement"), text("patch"))
    });
    view! {
        <Title text="Compare"/>
        <h1>"Compare"</h1>
        <p>
            "Type a statement, and what is to be measured with it: a change, or the statement that takes its place. Both arms \
             run in the sandbox or on the replica, never on main, and the verdict is the same as for a recommendation."
        </p>
        <ActionForm action=compare attr:class="stack">
            {move || {
                let (statement, patch) = given.get();
                fields(statement, patch)
            }}
            <div>
                <button class="button primary" disabled=move || compare.pending().get()>"Measure"</button>
            </div>
        </ActionForm>
        <ActionFailure action=compare/>
        <p class="quiet below">
            "A change is one of: CREATE or DROP INDEX, CREATE or DROP STATISTICS, ALTER TABLE … SET (…) of storage parameters, \
             ALTER TABLE … ALTER COLUMN … SET STATISTICS, ALTER DATABASE … SET of a planner setting. The same on the command line: "
            <code>"optischema benchmark --query a.sql --patch p.sql"</code> " or "
            <code>"--before a.sql --after b.sql"</code> "."
        </p>
    }
}
