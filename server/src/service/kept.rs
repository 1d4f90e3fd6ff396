//! What was read from the store, kept until the next write to it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use optischema::operations::Outcome;

use crate::store::{Store, Written};

/// Answers that are kept of one kind.
const MOST: usize = 64;

/// Answers of one kind, by what was asked.
#[derive(Debug, Clone)]
pub(super) struct Kept<T> {
    store: Store,
    answers: Arc<Mutex<HashMap<String, (Written, T)>>>,
}

impl<T: Clone> Kept<T> {
    pub(super) fn new(store: &Store) -> Self {
        Self { store: store.clone(), answers: Arc::default() }
    }

    /// The answer of before, or one that is made now.
    ///
    /// # Errors
    /// It cannot be made.
    pub(super) async fn or_read(
        &self,
        asked: String,
        read: impl AsyncFnOnce() -> Outcome<T>,
    ) -> Outcome<T> {
        let written = self.store.written().await?;
        if let Some((at, answer)) = self.lock().get(&asked)
            && *at == written
        {
            return Ok(answer.clone());
        }
        let answer = read().await?;
        let mut answers = self.lock();
        if answers.len() >= MOST {
            answers.clear();
        }
        // Of before the reading: what is written meanwhile makes it old.
        answers.insert(asked, (written, answer.clone()));
        Ok(answer)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, (Written, T)>> {
        self.answers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_answer_holds_until_something_is_written() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("optischema.db")).await.unwrap();
        let kept = Kept::new(&store);
        let ask =
            async |answer: u32| kept.or_read("a".to_owned(), async || Ok(answer)).await.unwrap();
        assert_eq!((ask(1).await, ask(2).await), (1, 1));
        store.set_setting("x", "y").await.unwrap();
        assert_eq!(ask(3).await, 3);
    }
}
