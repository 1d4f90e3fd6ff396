//! Notifications of the browser's own, where the person has allowed them: for when the page is not looked at.

use leptos::prelude::*;
use leptos::task::spawn_local;
use optischema::model::Event;
use wasm_bindgen_futures::JsFuture;
use web_sys::{Notification, NotificationOptions, NotificationPermission};

use super::notice::said_of;

/// Says that a job has ended, where that is allowed and nobody looks at the page.
pub(super) fn job_ended(event: &Event) {
    let hidden = web_sys::window().and_then(|window| window.document()).is_some_and(|d| d.hidden());
    if !hidden || Notification::permission() != NotificationPermission::Granted {
        return;
    }
    let options = NotificationOptions::new();
    options.set_tag(&event.id);
    // A browser that does not show it has its reasons; the page says it all the same.
    drop(Notification::new_with_options(&said_of(event), &options));
}

/// A button that asks for leave, where it was neither given nor refused.
#[component]
pub(crate) fn NotifyButton() -> impl IntoView {
    let may_ask = RwSignal::new(false);
    // Only the browser knows, so the first render is without it.
    Effect::new(move |_| {
        may_ask.set(Notification::permission() == NotificationPermission::Default);
    });
    let ask = move |_| {
        spawn_local(async move {
            if let Ok(asking) = Notification::request_permission() {
                // Refused or not, it is not asked again.
                drop(JsFuture::from(asking).await);
            }
            may_ask.set(false);
        });
    };
    view! {
        <Show when=move || may_ask.get()>
            <button type="button" class="button" on:click=ask>"Notify me when jobs end"</button>
        </Show>
    }
}
