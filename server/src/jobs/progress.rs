//! From a running job to the store: the latest phase and fraction, written a few times a second.

use std::time::Duration;

use optischema::model::{Phase, PhaseName};
use tokio::sync::watch;

use crate::store::{Lease, Store, StoreError};

/// Time between two writes.
const PACE: Duration = Duration::from_millis(250);
/// Time between two renewals of the lease.
const RENEWAL: Duration = Duration::from_secs(20);

/// What a job says of itself.
#[derive(Debug, Clone)]
pub(super) struct Progress {
    sender: watch::Sender<(Phase, f64)>,
    /// For crash tests: the job stops where this phase begins.
    pause_at: Option<PhaseName>,
}

impl Progress {
    pub(super) fn channel(pause_at: Option<PhaseName>) -> (Self, watch::Receiver<(Phase, f64)>) {
        let (sender, receiver) = watch::channel((Phase::Starting, 0.0));
        (Self { sender, pause_at }, receiver)
    }

    /// Notes phase and fraction (0 to 1).
    pub(super) fn report(&self, phase: Phase, fraction: f64) {
        let name = phase.name();
        self.sender.send_replace((phase, fraction));
        if self.pause_at == Some(name) {
            eprintln!("paused at {name}");
            // The thread itself stops, so that the job is killed at exactly this point.
            loop {
                std::thread::park();
            }
        }
    }
}

/// Writes progress and renews the lease, until the lease is lost or the person cancels: then it returns.
pub(super) async fn keep(
    store: &Store,
    lease: &Lease,
    mut progress: watch::Receiver<(Phase, f64)>,
) -> KeepEnd {
    let mut renewal = tokio::time::interval(RENEWAL);
    loop {
        tokio::select! {
            _ = renewal.tick() => match store.renew(lease).await {
                Ok(false) => {}
                Ok(true) => return KeepEnd::Cancelled,
                Err(StoreError::LeaseLost) => return KeepEnd::LeaseLost,
                Err(error) => tracing::warn!(%error, "a lease was not renewed"),
            },
            changed = progress.changed() => {
                if changed.is_err() {
                    // The job has ended; whoever waits for it decides.
                    std::future::pending::<()>().await;
                }
                let (phase, fraction) = progress.borrow_and_update().clone();
                match store.report_progress(lease, &phase, fraction).await {
                    Ok(()) => {}
                    Err(StoreError::LeaseLost) => return KeepEnd::LeaseLost,
                    Err(error) => tracing::warn!(%error, "progress was not written"),
                }
                tokio::time::sleep(PACE).await;
            }
        }
    }
}

/// Why keeping ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum KeepEnd {
    Cancelled,
    LeaseLost,
}
