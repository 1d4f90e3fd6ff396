//! Recommendations that were chosen in a list, as a page's URL has them.

use leptos::prelude::*;
use leptos_router::hooks::use_query_map;

/// Their ids, joined by commas. A form sends one `id` for each box that is ticked; a link names all in `ids`.
pub(crate) fn chosen_ids() -> Memo<String> {
    let map = use_query_map();
    Memo::new(move |_| {
        map.with(|map| {
            let mut ids = map.get_all("id").unwrap_or_default();
            ids.extend(map.get("ids"));
            ids.join(",")
        })
    })
}
