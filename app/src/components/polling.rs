//! Calling something every so often, in the browser only, for as long as the component lives.

use std::time::Duration;

use gloo_timers::callback::Interval;
use leptos::prelude::*;

/// Calls `tick` every `period` while `live` holds. Effects do not run on the server, so neither does this.
pub(crate) fn every(
    period: Duration,
    live: impl Fn() -> bool + 'static,
    tick: impl Fn() + Clone + 'static,
) {
    let timer = StoredValue::new_local(None::<Interval>);
    Effect::new(move || {
        if live() {
            let tick = tick.clone();
            let milliseconds = u32::try_from(period.as_millis()).unwrap_or(u32::MAX);
            timer.set_value(Some(Interval::new(milliseconds, tick)));
        } else {
            // Dropping an interval cancels it.
            timer.set_value(None);
        }
    });
    on_cleanup(move || {
        timer.try_set_value(None);
    });
}
