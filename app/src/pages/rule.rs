//! The documentation of one rule.

use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::use_params_map;

use crate::components::Failure;
use crate::server_fns::load_rule;

/// The page.
#[component]
pub(crate) fn RulePage() -> impl IntoView {
    let params = use_params_map();
    let rule = Memo::new(move |_| params.with(|params| params.get("rule").unwrap_or_default()));
    let page = Resource::new(move || rule.get(), load_rule);
    view! {
        <p class="crumbs"><a href="/recommendations">"Recommendations"</a></p>
        <Transition fallback=|| view! { <p class="quiet">"Loading…"</p> }>
            {move || Suspend::new(async move {
                match page.await {
                    Ok(page) => view! {
                        <Title text=page.title.clone()/>
                        <h1>{page.title}</h1>
                        // Made on the server from Markdown of ours.
                        <div class="prose" inner_html=page.html></div>
                    }.into_any(),
                    Err(error) => view! { <Title text="Rule"/> <Failure error/> }.into_any(),
                }
            })}
        </Transition>
    }
}
