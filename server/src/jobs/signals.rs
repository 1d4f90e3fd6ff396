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

    /// Announces a running job, for as long as what is returned lives.
    pub(super) fn started(&self, job: JobId) -> Announced {
        let (sender, asked) = watch::channel(false);
        self.running.lock().unwrap_or_else(PoisonError::into_inner).insert(job, sender);
        Announced { signals: self.clone(), job, asked }
    }
}

/// A job that runs in this process. It no longer does once this is dropped, even by a panic.
#[derive(Debug)]
pub(super) struct Announced {
    signals: Signals,
    job: JobId,
    /// Turns true when the job is asked to stop.
    pub asked: watch::Receiver<bool>,
}

impl Drop for Announced {
    fn drop(&mut self) {
        self.signals.running.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.job);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_job_whose_task_panics_no_longer_counts_as_running() {
        let (signals, job) = (Signals::default(), JobId(uuid::Uuid::from_u128(1)));
        let announced = signals.started(job);
        assert_eq!(signals.live(), [job]);
        let task = tokio::spawn(async move {
            let _announced = announced;
            panic!("as a defect would");
        });
        assert!(task.await.is_err());
        assert!(signals.live().is_empty());
    }
}
