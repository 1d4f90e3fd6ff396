//! Who follows what happens: told that there is something new, and how far running jobs are.

use optischema::model::JobProgress;
use tokio::sync::{broadcast, watch};

/// Progress that a slow follower may lag behind before it misses some: progress is no history.
const LAG: usize = 256;

/// The store's side of it.
#[derive(Debug, Clone)]
pub struct Live {
    written: watch::Sender<u64>,
    progress: broadcast::Sender<JobProgress>,
}

impl Default for Live {
    fn default() -> Self {
        Self { written: watch::channel(0).0, progress: broadcast::channel(LAG).0 }
    }
}

impl Live {
    /// Changes after every committed write: there may be new events.
    #[must_use]
    pub fn written(&self) -> watch::Receiver<u64> {
        self.written.subscribe()
    }

    /// How far running jobs are.
    #[must_use]
    pub fn followed_progress(&self) -> broadcast::Receiver<JobProgress> {
        self.progress.subscribe()
    }

    pub(super) fn wrote(&self) {
        self.written.send_modify(|count| *count = count.wrapping_add(1));
    }

    pub(super) fn progress(&self, progress: JobProgress) {
        // Without a follower there is nobody to tell.
        drop(self.progress.send(progress));
    }
}
