//! Answers made from the store, kept until the next write to it, by this process or another: then they are made anew.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{Store, StoreError, Written};

/// Answers that are kept of one kind.
const MOST: usize = 32;

/// Both numbers only grow.
const fn is_older(one: Written, other: Written) -> bool {
    one.0 < other.0 || one.1 < other.1
}

/// Answers of one kind, by what was asked. Copies share them.
#[derive(Debug, Clone)]
pub(crate) struct Kept<T> {
    store: Store,
    answers: Arc<Mutex<HashMap<String, (Written, T)>>>,
}

/// What is known before an answer is made.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Known<T> {
    /// It still holds.
    Answer(T),
    /// It must be made, and kept as of these writes: what is written meanwhile makes it old.
    Nothing(Written),
}

impl<T: Clone> Kept<T> {
    pub(crate) fn new(store: &Store) -> Self {
        Self { store: store.clone(), answers: Arc::default() }
    }

    /// The answer of before, where nothing has been written since.
    ///
    /// # Errors
    /// The store cannot be read.
    pub(crate) async fn look(&self, asked: &str) -> Result<Known<T>, StoreError> {
        let written = self.store.written().await?;
        Ok(match self.lock().get(asked) {
            Some((at, answer)) if *at == written => Known::Answer(answer.clone()),
            _ => Known::Nothing(written),
        })
    }

    /// Keeps an answer that was made after these writes.
    pub(crate) fn keep(&self, asked: String, written: Written, answer: T) {
        let mut answers = self.lock();
        if answers.values().any(|(at, _)| is_older(written, *at)) {
            return;
        }
        answers.retain(|_, (at, _)| *at == written);
        if answers.len() >= MOST {
            answers.clear();
        }
        answers.insert(asked, (written, answer));
    }

    /// The answer of before, or one that is made now.
    ///
    /// # Errors
    /// The store cannot be read, or the answer cannot be made.
    pub(crate) async fn or_read<E: From<StoreError>>(
        &self,
        asked: String,
        read: impl AsyncFnOnce() -> Result<T, E>,
    ) -> Result<T, E> {
        match self.look(&asked).await? {
            Known::Answer(answer) => Ok(answer),
            Known::Nothing(written) => {
                let answer = read().await?;
                self.keep(asked, written, answer.clone());
                Ok(answer)
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, (Written, T)>> {
        self.answers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_answer_holds_until_the_next_write() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("optischema.db");
        let store = Store::open(&file).await.unwrap();
        let kept = Kept::new(&store);
        let ask = async |asked: &str, answer: u32| {
            kept.or_read(asked.to_owned(), async || Ok::<_, StoreError>(answer)).await.unwrap()
        };
        assert_eq!((ask("a", 1).await, ask("a", 2).await, ask("b", 3).await), (1, 1, 3));
        store.set_setting("x", "y").await.unwrap();
        assert_eq!(ask("a", 4).await, 4);
        // Another process writes too.
        let other = Store::open(&file).await.unwrap();
        other.set_setting("x", "z").await.unwrap();
        assert_eq!(ask("a", 5).await, 5);
        // What was read before a write and is kept after it is old from the beginning.
        let before = store.written().await.unwrap();
        store.set_setting("x", "again").await.unwrap();
        assert_eq!(ask("b", 8).await, 8);
        kept.keep("c".to_owned(), before, 6);
        assert_eq!(ask("c", 7).await, 7);
        // And it sends nothing away that still holds.
        assert_eq!(ask("b", 9).await, 8);
    }

    #[tokio::test]
    async fn only_so_many_answers_are_kept() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("optischema.db")).await.unwrap();
        let kept = Kept::new(&store);
        let written = store.written().await.unwrap();
        for number in 0..3 * MOST {
            kept.keep(number.to_string(), written, number);
            assert!(kept.lock().len() <= MOST);
        }
    }
}
