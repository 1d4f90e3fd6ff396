//! The question whether functions of the database are copied into the sandbox.

use leptos::prelude::*;
use optischema::model::{FunctionsChoice, FunctionsDecidedBy};

use crate::server_fns::ChooseFunctions;

/// The card with the question, and its answer as it stands.
#[component]
pub(crate) fn OwnFunctions(
    choice: FunctionsChoice,
    action: ServerAction<ChooseFunctions>,
) -> impl IntoView {
    let (tone, word) = match (choice.copied, choice.decided_by) {
        (true, _) => ("badge badge-good", "Copied"),
        (false, FunctionsDecidedBy::Nobody) => ("badge badge-warn", "Not decided"),
        (false, _) => ("badge badge-quiet", "Not copied"),
    };
    let answer = move |copied: bool, label: &'static str| {
        view! {
            <ActionForm action=action attr:class="inline">
                <input type="hidden" name="copied" value=copied.to_string()/>
                <button class="button">{label}</button>
            </ActionForm>
        }
    };
    let answers = match choice.decided_by {
        FunctionsDecidedBy::Configuration => {
            view! { <p class="quiet">"The configuration of this instance decides it (OPTISCHEMA_WITH_FUNCTIONS)."</p> }
                .into_any()
        }
        FunctionsDecidedBy::Person if choice.copied => {
            view! { <div class="actions">{answer(false, "Do not copy them")}</div> }.into_any()
        }
        FunctionsDecidedBy::Person => view! { <div class="actions">{answer(true, "Copy them")}</div> }.into_any(),
        FunctionsDecidedBy::Nobody => view! {
            <div class="actions">{answer(true, "Copy them")} {answer(false, "Do not copy them")}</div>
        }
        .into_any(),
    };
    view! {
        <section class="card target" aria-label="Functions of the database">
            <header><h2>"Functions of the database"</h2><span class=tone>{word}</span></header>
            <p>
                "Indexes, checks, defaults and triggers may call functions that you wrote. Copied into the sandbox, they run there with the rights of its role; without them, what needs them is missing in copies, and a verdict may be withheld."
            </p>
            <p class="quiet">
                "Only functions in SQL and PL/pgSQL are copied. Those that reach out (files, other servers, programs, roles) are named and left out. The staging copy gets them with the next optischema sandbox refresh."
            </p>
            {answers}
        </section>
    }
}
