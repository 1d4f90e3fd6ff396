//! What an index would do, planned across the workload at once. The question stands in the URL.

use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::use_query_map;
use optischema::figures;
use optischema::model::{WhatIfReport, WhatIfRequest};

use crate::components::{EvidenceTable, Failure, Provenance, SqlBlock, WriteCostFacts};
use crate::server_fns::load_what_if;

fn verdict(report: &WhatIfReport) -> String {
    if let Some(index) = &report.covered_by {
        return format!("The index {index} does all of this already.");
    }
    match (report.used_by.len(), report.saved_percent) {
        (0, _) => "No statement of the workload would use it.".to_owned(),
        (1, Some(saved)) => {
            format!(
                "One statement would use it. It saves {} of the workload's planned cost.",
                figures::percent(saved)
            )
        }
        (count, Some(saved)) => format!(
            "{count} statements would use it. It saves {} of the workload's planned cost.",
            figures::percent(saved)
        ),
        (count, None) => format!("{count} statements would use it."),
    }
}

fn content(report: WhatIfReport) -> impl IntoView {
    let skipped: Vec<_> =
        report.skipped.iter().map(|line| view! { <li>{line.clone()}</li> }).collect();
    let notes: Vec<_> =
        report.notes.iter().map(|note| view! { <p class="notice">{note.clone()}</p> }).collect();
    view! {
        <section aria-labelledby="answer">
            <h2 id="answer">"Answer"</h2>
            <p class="notice" role="status">{verdict(&report)}</p>
            {notes}
            <dl class="facts">
                <dt>"Size"</dt>
                <dd>
                    {report.estimated_bytes.map_or_else(|| "not known".to_owned(), figures::bytes)} " "
                    <Provenance text="rule"/>
                </dd>
                <WriteCostFacts cost=report.write_cost.clone()/>
            </dl>
            <EvidenceTable statements=report.statements provenance=format!("planned · {}", report.method)/>
            <SqlBlock caption="The index that was tried" sql=report.definition/>
            {(!skipped.is_empty()).then(|| view! {
                <details><summary>"Statements that could not be planned"</summary><ul>{skipped}</ul></details>
            })}
        </section>
    }
}

fn form(request: &WhatIfRequest) -> impl IntoView + use<> {
    let WhatIfRequest { definition, table, columns } = request.clone();
    view! {
        <form method="get" action="/what-if" class="stack">
            <label class="stack">
                <span>"An index, as SQL"</span>
                <textarea name="index" rows="3" spellcheck="false"
                    placeholder="CREATE INDEX ON public.orders (customer_id, created_at DESC) INCLUDE (total)">
                    {definition.unwrap_or_default()}
                </textarea>
            </label>
            <div class="pair">
                <label class="stack"><span>"Or a table"</span>
                    <input name="table" spellcheck="false" placeholder="public.orders" value=table.unwrap_or_default()/>
                </label>
                <label class="stack"><span>"and its columns, between commas"</span>
                    <input name="columns" spellcheck="false" placeholder="customer_id, created_at DESC"
                        value=columns.unwrap_or_default()/>
                </label>
            </div>
            <div><button class="button primary">"Plan the workload with it"</button></div>
        </form>
    }
}

/// The page.
#[component]
pub(crate) fn WhatIfPage() -> impl IntoView {
    let map = use_query_map();
    let request = Memo::new(move |_| {
        let given =
            |name: &str| map.with(|map| map.get(name)).filter(|text| !text.trim().is_empty());
        WhatIfRequest {
            definition: given("index"),
            table: given("table"),
            columns: given("columns"),
        }
    });
    let report = Resource::new(
        move || request.get(),
        |request| async move {
            let asked = request != WhatIfRequest::default();
            if asked { Some(load_what_if(request).await) } else { None }
        },
    );
    view! {
        <Title text="What if"/>
        <h1>"What if"</h1>
        <p>
            "Try an index without building it: main's planner is asked what every statement of the workload would cost. \
             Nothing is written."
        </p>
        {move || form(&request.get())}
        <Transition fallback=|| view! { <p class="quiet" role="status">"Asking the planner…"</p> }>
            {move || Suspend::new(async move {
                match report.await {
                    None => ().into_any(),
                    Some(Ok(report)) => content(report).into_any(),
                    Some(Err(error)) => view! { <Failure error/> }.into_any(),
                }
            })}
        </Transition>
    }
}
