//! What the surfaces tell the worker within one process: there is work, and stop that one.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use optischema::model::JobId;
use tokio::sync::{Notify, watch};

/// Shared between the service and the worker.
#[derive(Debug, Clone, Default)]
pub struct Signals {
    work: Arc<Notify>,
    running: Arc<Mutex<HashMap<JobId, watch::Sender<bool>>>>,
    analysis: Arc<tokio::sync::Mutex<()>>,
}

impl Signals {
    /// There may be work.
    pub fn wake_worker(&self) {
        self.work.notify_one();
    }

    /// Waits until there may be work.
    pub async fn work(&self) {
        self.work.notified().await;
    }

    /// Held by who analyses: one analysis at a time.
    #[must_use]
    pub fn alone(&self) -> &tokio::sync::Mutex<()> {
        &self.analysis
    }

    /// Jobs that run in this process.
    pub(super) fn live(&self) -> Vec<JobId> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner).keys().copied().collect()
    }

    /// Asks a running job to stop.
    pub fn cancel(&self, job: JobId) {
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(sender) = running.get(&job) {
            // Without a receiver the job has just ended, and there is nothing to stop.
            let _ = sender.send(true);
        }
    }

    /// Announces a running job; the receiver turns true when it is asked to stop.
    pub(super) fn started(&self, job: JobId) -> watch::Receiver<bool> {
        let (sender, receiver) = watch::channel(false);
        self.running.lock().unwrap_or_else(PoisonError::into_inner).insert(job, sender);
        receiver
    }

    pub(super) fn ended(&self, job: JobId) {
        self.running.lock().unwrap_or_else(PoisonError::into_inner).remove(&job);
    }
}
