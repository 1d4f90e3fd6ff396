//! What main pays for OptiSchema: connections, planner calls and planner time, counted and capped.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use optischema::model::{MainLimits, MainUsage};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::PgFailure;

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);
/// How long a caller waits for one of the connections.
const PATIENCE: Duration = Duration::from_secs(30);

/// The budget of one server, shared by all connections to it. Without limits nothing is counted: a sandbox has none.
#[derive(Debug, Clone, Default)]
pub struct Budget(Option<Arc<Shared>>);

#[derive(Debug)]
struct Shared {
    limits: MainLimits,
    connections: Arc<Semaphore>,
    spent: Mutex<Spent>,
}

/// What was spent since each window began.
#[derive(Debug)]
struct Spent {
    minute: Instant,
    calls: u32,
    planning: Duration,
    hour: Instant,
    texts: HashSet<u64>,
    /// Entries that the view does not show. They stay until the server makes room.
    hidden: HashSet<u64>,
    /// How many of them there may be.
    room: usize,
}

/// Budgets say nothing about which database an address means.
impl PartialEq for Budget {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Budget {}

impl Budget {
    /// A budget with these limits.
    #[must_use]
    pub fn new(limits: MainLimits) -> Self {
        let now = Instant::now();
        let spent = Spent {
            minute: now,
            calls: 0,
            planning: Duration::ZERO,
            hour: now,
            texts: HashSet::new(),
            hidden: HashSet::new(),
            room: 0,
        };
        Self(Some(Arc::new(Shared {
            limits,
            connections: Arc::new(Semaphore::new(limits.connections as usize)),
            spent: Mutex::new(spent),
        })))
    }

    /// A place among the connections, held for as long as the permit lives.
    ///
    /// # Errors
    /// None becomes free in time.
    pub async fn connection(&self) -> Result<Option<OwnedSemaphorePermit>, PgFailure> {
        self.connection_within(PATIENCE).await
    }

    async fn connection_within(
        &self,
        patience: Duration,
    ) -> Result<Option<OwnedSemaphorePermit>, PgFailure> {
        let Some(shared) = &self.0 else { return Ok(None) };
        let waiting = shared.connections.clone().acquire_owned();
        match tokio::time::timeout(patience, waiting).await {
            Ok(Ok(permit)) => Ok(Some(permit)),
            Ok(Err(_)) | Err(_) => Err(PgFailure::Busy(format!(
                "all {} connections that OptiSchema may open to main are in use: try again later, or raise OPTISCHEMA_MAIN_CONNECTIONS",
                shared.limits.connections
            ))),
        }
    }

    /// Whether at least two connections are free: one more may be taken, and one is left.
    #[must_use]
    pub fn has_connections_to_spare(&self) -> bool {
        self.0.as_ref().is_none_or(|shared| shared.connections.available_permits() >= 2)
    }

    /// How long one more plan must wait; where it need not, it is counted. Whoever waits must hold nothing on main.
    #[must_use]
    pub fn planner_call(&self) -> Option<Duration> {
        let shared = self.0.as_ref()?;
        shared.lock().wait(&shared.limits)
    }

    /// Counts what a plan took.
    pub fn planned(&self, took: Duration) {
        if let Some(shared) = &self.0 {
            shared.lock().planning += took;
        }
    }

    /// Counts a text that `pg_stat_statements` keeps as an entry of its own.
    ///
    /// # Errors
    /// There were as many as may be in this hour.
    pub fn new_text(&self, text: &str) -> Result<(), PgFailure> {
        let Some(shared) = &self.0 else { return Ok(()) };
        let mut spent = shared.lock();
        if spent.hour.elapsed() >= HOUR {
            spent.hour = Instant::now();
            spent.texts.clear();
        }
        let hash = hash_of(text);
        if !spent.texts.contains(&hash)
            && spent.texts.len() >= shared.limits.texts_per_hour as usize
        {
            return Err(PgFailure::Spent(format!(
                "it would leave an entry of its own in pg_stat_statements, and {} such texts were sent to main within the hour. Set pg_stat_statements.track = 'none' for the role on main, or raise OPTISCHEMA_MAIN_TEXTS_PER_HOUR",
                shared.limits.texts_per_hour
            )));
        }
        spent.texts.insert(hash);
        Ok(())
    }

    /// Tells how many entries that `pg_stat_statements` does not show it has room for.
    pub fn found_room(&self, room: usize) {
        if let Some(shared) = &self.0 {
            shared.lock().room = room;
        }
    }

    /// Counts a text that `pg_stat_statements` keeps without showing it: free as long as it has room, so that it pushes
    /// nothing out.
    ///
    /// # Errors
    /// As of [`Self::new_text`].
    pub fn new_hidden_text(&self, text: &str) -> Result<(), PgFailure> {
        let Some(shared) = &self.0 else { return Ok(()) };
        let mut spent = shared.lock();
        let hash = hash_of(text);
        if spent.hidden.contains(&hash) {
            return Ok(());
        }
        if spent.hidden.len() < spent.room {
            spent.hidden.insert(hash);
            return Ok(());
        }
        drop(spent);
        self.new_text(text)
    }

    /// What is in use now, and since when each window counts; absent without limits.
    #[must_use]
    pub fn usage(&self) -> Option<MainUsage> {
        let shared = self.0.as_ref()?;
        let free = u32::try_from(shared.connections.available_permits()).unwrap_or(u32::MAX);
        let spent = shared.lock();
        let in_minute = spent.minute.elapsed() < MINUTE;
        Some(MainUsage {
            limits: shared.limits,
            connections: shared.limits.connections.saturating_sub(free),
            planner_calls: if in_minute { spent.calls } else { 0 },
            planner_seconds: if in_minute { spent.planning.as_secs_f64() } else { 0.0 },
            texts: u32::try_from(spent.texts.len()).unwrap_or(u32::MAX),
        })
    }
}

fn hash_of(text: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}

impl Shared {
    fn lock(&self) -> std::sync::MutexGuard<'_, Spent> {
        self.spent.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Spent {
    /// How long one more call must wait; where it need not, it is counted.
    fn wait(&mut self, limits: &MainLimits) -> Option<Duration> {
        let elapsed = self.minute.elapsed();
        if elapsed >= MINUTE {
            (self.minute, self.calls, self.planning) = (Instant::now(), 0, Duration::ZERO);
        } else if self.calls >= limits.planner_calls_per_minute
            || self.planning >= Duration::from_secs(limits.planner_seconds_per_minute.into())
        {
            return Some(MINUTE.saturating_sub(elapsed));
        }
        self.calls += 1;
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits() -> MainLimits {
        MainLimits {
            connections: 1,
            planner_calls_per_minute: 2,
            planner_seconds_per_minute: 5,
            texts_per_hour: 1,
        }
    }

    #[tokio::test]
    async fn calls_seconds_and_texts_are_capped() {
        let budget = Budget::new(limits());
        let wait = || budget.0.as_ref().unwrap().lock().wait(&limits());
        assert_eq!((wait(), wait()), (None, None));
        assert!(wait().is_some(), "the third call of a minute waits");
        let slow = Budget::new(limits());
        slow.planned(Duration::from_secs(6));
        assert!(slow.0.as_ref().unwrap().lock().wait(&limits()).is_some(), "so does one after 5 s");
        assert!(budget.new_text("a").is_ok() && budget.new_text("a").is_ok());
        assert!(budget.new_text("b").is_err());
        let usage = budget.usage().unwrap();
        assert_eq!((usage.planner_calls, usage.texts, usage.connections), (2, 1, 0));
    }

    #[test]
    fn entries_that_nobody_sees_are_free_as_long_as_there_is_room() {
        let budget = Budget::new(limits());
        budget.found_room(2);
        assert!(["a", "b", "a"].iter().all(|text| budget.new_hidden_text(text).is_ok()));
        assert_eq!(budget.usage().unwrap().texts, 0);
        // Without room they count as the others do.
        assert!(budget.new_hidden_text("c").is_ok());
        assert_eq!(budget.usage().unwrap().texts, 1);
        assert!(budget.new_hidden_text("d").is_err());
    }

    #[tokio::test]
    async fn connections_are_waited_for_and_then_refused() {
        let budget = Budget::new(limits());
        let held = budget.connection().await.unwrap();
        assert_eq!(budget.usage().unwrap().connections, 1);
        let refused = budget.connection_within(Duration::ZERO).await.unwrap_err().to_string();
        assert!(refused.contains("OPTISCHEMA_MAIN_CONNECTIONS"), "{refused}");
        drop(held);
        assert!(budget.connection().await.is_ok());
    }

    #[tokio::test]
    async fn without_limits_nothing_is_counted() {
        let budget = Budget::default();
        assert!(budget.planner_call().is_none());
        assert!(budget.connection().await.unwrap().is_none() && budget.usage().is_none());
    }
}
