//! The databases and how they are; a check is kept for some seconds, so that a page costs one.

use std::sync::Arc;
use std::time::{Duration, Instant};

use optischema::model::{CleanupReport, TargetHealth, TargetKind};
use optischema::operations::{OperationError, Outcome};
use tokio::sync::Mutex;
use uuid::Uuid;

use crate::apply::drop_leftovers;
use crate::config::Settings;
use crate::postgres::{
    check_main, check_replica, check_sandbox, connect_writable, main_is_refused,
};
use crate::sandbox::{Due, sweep};
use crate::store::Store;

/// How long a check stands for the present.
const FRESH: Duration = Duration::from_secs(3);

/// The databases of an instance.
#[derive(Debug)]
pub struct Targets {
    settings: Arc<Settings>,
    last: Mutex<Option<(Instant, Vec<TargetHealth>)>>,
}

impl Targets {
    /// The targets that the settings name.
    #[must_use]
    pub fn new(settings: Arc<Settings>) -> Self {
        Self { settings, last: Mutex::new(None) }
    }

    /// Checks main, sandbox and replica.
    pub async fn check(&self) -> Vec<TargetHealth> {
        let mut last = self.last.lock().await;
        if let Some((at, targets)) = last.as_ref()
            && at.elapsed() < FRESH
        {
            return targets.clone();
        }
        let settings = &self.settings;
        let main = settings.main_url.as_ref();
        let (main_health, sandbox, replica) = tokio::join!(
            check_main(main, settings.allow_privileged_main),
            check_sandbox(settings.sandbox_url.as_ref(), main, settings.allow_same_server),
            check_replica(settings.replica_url.as_ref()),
        );
        let targets = vec![main_health, sandbox, replica];
        *last = Some((Instant::now(), targets.clone()));
        targets
    }

    /// Fails with the sandbox's first error where it cannot be written in.
    pub async fn require_sandbox(&self) -> Outcome<()> {
        let targets = self.check().await;
        let sandbox = targets.iter().find(|target| target.target == TargetKind::Sandbox);
        match sandbox {
            Some(sandbox) if sandbox.usable() => Ok(()),
            Some(sandbox) => Err(OperationError::Unavailable(
                main_is_refused(sandbox)
                    .or_else(|| sandbox.findings.first().map(|finding| finding.message.clone()))
                    .unwrap_or_else(|| "the sandbox cannot be used".to_owned()),
            )),
            None => Err(OperationError::Unavailable("there is no sandbox".into())),
        }
    }

    /// Drops every scratch schema but those of `live` jobs, and invalid leftovers of builds.
    pub async fn cleanup(&self, store: &Store, live: &[Uuid]) -> Outcome<CleanupReport> {
        let Some(dsn) = &self.settings.sandbox_url else {
            return Err(OperationError::Unavailable("no sandbox is configured".into()));
        };
        let mut session = connect_writable(dsn, self.settings.statement_timeout_s).await?;
        let mut dropped = sweep(&mut session.connection, Due::AllBut(live)).await?;
        let leftovers = drop_leftovers(&self.settings, store).await;
        dropped.extend(leftovers.map_err(|error| OperationError::Unavailable(error.to_string()))?);
        Ok(CleanupReport { dropped })
    }
}
