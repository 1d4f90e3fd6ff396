//! The databases and how they are; a check is kept for some seconds, so that a page costs one.

use std::sync::Arc;
use std::time::{Duration, Instant};

use optischema::model::{CleanupReport, TargetHealth, TargetKind, TargetState};
use optischema::operations::{OperationError, Outcome};
use tokio::sync::Mutex;
use uuid::Uuid;

use crate::config::Settings;
use crate::jobs::tidy;
use crate::postgres::{check_main, check_replica, check_sandbox, main_is_refused};
use crate::sandbox::Due;
use crate::store::Store;

/// How long a check stands for the present.
const FRESH: Duration = Duration::from_secs(3);
/// The longest time that a target which is down is left alone.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// The last check of one target, and when it is made again: a target that is down is asked ever less often.
#[derive(Debug, Clone)]
struct Checked {
    due: Instant,
    failures: u32,
    health: TargetHealth,
}

impl Checked {
    fn new(health: TargetHealth, before: Option<&Self>) -> Self {
        let failures = match health.state {
            TargetState::Down => before.map_or(1, |before| before.failures.saturating_add(1)),
            _ => 0,
        };
        Self { due: Instant::now() + pause(failures), failures, health }
    }
}

/// Time until the next check, after so many that failed.
fn pause(failures: u32) -> Duration {
    match failures {
        0 | 1 => FRESH,
        more => (FRESH * 2_u32.saturating_pow(more - 1)).min(LONGEST_PAUSE),
    }
}

/// The databases of an instance.
#[derive(Debug)]
pub struct Targets {
    settings: Arc<Settings>,
    /// Main, sandbox, replica.
    last: Mutex<[Option<Checked>; 3]>,
}

/// What is known, or a new check where it is time for one.
async fn again(known: Option<Checked>, check: impl Future<Output = TargetHealth>) -> Checked {
    match known {
        Some(known) if Instant::now() < known.due => known,
        before => Checked::new(check.await, before.as_ref()),
    }
}

impl Targets {
    /// The targets that the settings name.
    #[must_use]
    pub fn new(settings: Arc<Settings>) -> Self {
        Self { settings, last: Mutex::default() }
    }

    /// Checks main, sandbox and replica, as far as it is time to.
    pub async fn check(&self) -> Vec<TargetHealth> {
        let mut last = self.last.lock().await;
        let settings = &self.settings;
        let main = settings.main_url.as_ref();
        let [of_main, of_sandbox, of_replica] = last.clone();
        let same_server = settings.allow_same_server;
        let (main_health, sandbox, replica) = tokio::join!(
            again(of_main, check_main(main, settings.allow_privileged_main)),
            again(of_sandbox, check_sandbox(settings.sandbox_url.as_ref(), main, same_server)),
            again(of_replica, check_replica(settings.replica_url.as_ref(), main, same_server)),
        );
        let checked = [main_health, sandbox, replica];
        let healths = checked.iter().map(|checked| checked.health.clone()).collect();
        *last = checked.map(Some);
        healths
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
        Ok(CleanupReport { dropped: tidy(&self.settings, store, Due::AllBut(live)).await? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_that_is_down_is_asked_ever_less_often() {
        let pauses: Vec<u64> = (0..7).map(|failures| pause(failures).as_secs()).collect();
        assert_eq!(pauses, [3, 3, 6, 12, 24, 48, 60]);
        assert_eq!(pause(u32::MAX), LONGEST_PAUSE);
    }
}
