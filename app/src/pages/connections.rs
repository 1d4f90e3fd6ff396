//! The databases: what works, what is missing, what mends it.

use leptos::prelude::*;
use leptos_meta::Title;
use optischema::model::Health;

use crate::components::{ActionFailure, Failure, OwnFunctions, TargetCard};
use crate::server_fns::{ChooseFunctions, load_functions_choice, load_health};

fn content(health: Health) -> impl IntoView {
    let checked = health.checked_at;
    let cards: Vec<_> =
        health.targets.into_iter().map(|target| view! { <TargetCard target/> }).collect();
    view! {
        {cards}
        <p class="quiet">
            "Checked at " <time datetime=checked.to_string()>{checked.readable()}</time>
            ", OptiSchema " {health.version} "."
        </p>
    }
}

/// The page.
#[component]
pub(crate) fn ConnectionsPage() -> impl IntoView {
    let health = Resource::new(|| (), |()| load_health());
    let choose = ServerAction::<ChooseFunctions>::new();
    let functions = Resource::new(move || choose.version().get(), |_| load_functions_choice());
    view! {
        <Title text="Connections"/>
        <h1>"Connections"</h1>
        <Transition fallback=|| view! { <p class="quiet">"Checking the databases…"</p> }>
            {move || Suspend::new(async move {
                match health.await {
                    Ok(health) => content(health).into_any(),
                    Err(error) => view! { <Failure error/> }.into_any(),
                }
            })}
        </Transition>
        <Transition>
            {move || Suspend::new(async move {
                match functions.await {
                    Ok(choice) => view! { <OwnFunctions choice action=choose/> }.into_any(),
                    Err(error) => view! { <Failure error/> }.into_any(),
                }
            })}
        </Transition>
        <ActionFailure action=choose/>
    }
}
