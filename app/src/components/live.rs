//! What the server tells as it happens, over its WebSocket. While there is none, pages poll.

use leptos::prelude::*;
use optischema::model::{Event, EventType, JobProgress};

/// What was told last, and whether anything is told at all.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Live {
    connected: RwSignal<bool>,
    progress: RwSignal<Option<JobProgress>>,
    /// Counts what changes a page as a whole: jobs and changes that moved, and reconnections.
    happened: RwSignal<u32>,
}

impl Default for Live {
    fn default() -> Self {
        Self {
            connected: RwSignal::new(false),
            progress: RwSignal::new(None),
            happened: RwSignal::new(0),
        }
    }
}

impl Live {
    /// Whether the server tells what happens. Tracked.
    pub(crate) fn connected(&self) -> bool {
        self.connected.get()
    }

    /// Changes whenever a list may have become another. Tracked.
    pub(crate) fn happened(&self) -> u32 {
        self.happened.get()
    }

    /// How far a running job was when it was told last. Tracked.
    pub(crate) fn progress(&self) -> Option<JobProgress> {
        self.progress.get()
    }

    pub(super) fn connect(&self, connected: bool) {
        if self.connected.get_untracked() != connected {
            self.connected.set(connected);
        }
    }

    /// Everything may be another: after a time without the server, or with a restored store.
    pub(super) fn reset(&self) {
        self.happened.update(|count| *count += 1);
    }

    pub(super) fn tell(&self, event: &Event) {
        if event.event_type != EventType::Recommendation {
            self.reset();
        }
    }

    pub(super) fn advance(&self, progress: JobProgress) {
        self.progress.set(Some(progress));
    }
}
