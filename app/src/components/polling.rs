//! Calling something every so often, in the browser only, for as long as the component lives.

use std::time::Duration;

use gloo_timers::callback::Interval;
use leptos::prelude::*;

/// Calls `tick` every `period` while `live` holds. Effects do not run on the server, so neither does this;
/// the timer is the effect's own value, since nothing of the browser's may be kept in the server's storage.
pub(crate) fn every(
    period: Duration,
    live: impl Fn() -> bool + Send + Sync + 'static,
    tick: impl Fn() + Clone + 'static,
) {
    let live = Memo::new(move |_| live());
    Effect::new(move |_: Option<Option<Interval>>| {
        let milliseconds = u32::try_from(period.as_millis()).unwrap_or(u32::MAX);
        // The interval of the run before is dropped, and thereby cancelled.
        live.get().then(|| Interval::new(milliseconds, tick.clone()))
    });
}
