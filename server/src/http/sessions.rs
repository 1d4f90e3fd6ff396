//! Who is signed in: sessions with ids of their own, which end by themselves or by signing out.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use optischema::model::Timestamp;
use optischema::operations::Actor;
use sha2::{Digest, Sha256};
use tokio::sync::watch;

use crate::clock::{in_seconds, now};
use crate::hex::hex;
use crate::store::{SignIn, Store, StoreError};

/// Hours that a session lasts.
pub(super) const HOURS: i64 = 24;

/// Time between two looks whether a session has come to its end.
const LOOK: Duration = Duration::from_secs(30);

/// All of them. Kept in memory for every request, and in the store for the next start.
#[derive(Debug, Clone, Default)]
pub(super) struct Sessions {
    store: Option<Store>,
    open: Arc<RwLock<HashMap<String, Open>>>,
    /// Told whenever one ends by signing out.
    ended: Arc<watch::Sender<()>>,
}

#[derive(Debug, Clone)]
struct Open {
    actor: String,
    expires_at: Timestamp,
}

/// What is kept of an id or a token: neither can be had from it.
pub(super) fn digest(text: &str) -> String {
    hex(&Sha256::digest(text))
}

impl Sessions {
    /// The sessions of earlier starts whose token is still one of these, by name and digest.
    ///
    /// # Errors
    /// The store cannot be used.
    pub(super) async fn of_store(
        store: Store,
        tokens: &[(String, String)],
    ) -> Result<Self, StoreError> {
        let mut open = HashMap::new();
        for known in store.sign_ins(now()).await? {
            let token = (known.actor.clone(), known.token_hash);
            if tokens.contains(&token) {
                let session = Open { actor: known.actor, expires_at: known.expires_at };
                open.insert(known.id_hash, session);
            }
        }
        Ok(Self { store: Some(store), open: Arc::new(RwLock::new(open)), ..Self::default() })
    }

    /// Opens a session for the holder of a token. Returns its id, which only the browser keeps.
    ///
    /// # Errors
    /// The store cannot be written.
    pub(super) async fn begin(
        &self,
        id: String,
        actor: &str,
        token_hash: &str,
    ) -> Result<String, StoreError> {
        let sign_in = SignIn {
            id_hash: digest(&id),
            actor: actor.to_owned(),
            token_hash: token_hash.to_owned(),
            expires_at: in_seconds(HOURS * 3600),
        };
        if let Some(store) = &self.store {
            store.sign_in(&sign_in).await?;
        }
        let session = Open { actor: sign_in.actor, expires_at: sign_in.expires_at };
        let mut open = self.open.write().unwrap_or_else(PoisonError::into_inner);
        open.retain(|_, session| session.expires_at > now());
        open.insert(sign_in.id_hash, session);
        Ok(id)
    }

    /// Whose session it is, where it has not ended.
    pub(super) fn actor(&self, id: &str) -> Option<Actor> {
        let open = self.open.read().unwrap_or_else(PoisonError::into_inner);
        let session = open.get(&digest(id)).filter(|session| session.expires_at > now())?;
        Some(Actor(session.actor.clone()))
    }

    /// Returns once the session has ended, by signing out or by itself.
    pub(super) async fn ended(&self, id: &str) {
        let mut told = self.ended.subscribe();
        while self.actor(id).is_some() {
            // Its time is looked at now and then; the sender lives as long as this does.
            drop(tokio::time::timeout(LOOK, told.changed()).await);
        }
    }

    /// Signs out.
    ///
    /// # Errors
    /// The store cannot be written; the session has ended in this process all the same.
    pub(super) async fn end(&self, id: &str) -> Result<(), StoreError> {
        let hash = digest(id);
        self.open.write().unwrap_or_else(PoisonError::into_inner).remove(&hash);
        self.ended.send_replace(());
        match &self.store {
            Some(store) => store.sign_out(&hash).await,
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_session_is_known_by_its_id_until_it_ends() {
        let sessions = Sessions::default();
        let id = sessions.begin("an id of its own".to_owned(), "ann", "hash").await.unwrap();
        assert_eq!(sessions.actor(&id), Some(Actor("ann".to_owned())));
        assert_eq!(sessions.actor(&digest(&id)), None, "what is kept opens nothing");
        sessions.end(&id).await.unwrap();
        assert_eq!(sessions.actor(&id), None);
    }

    #[tokio::test]
    async fn whoever_waits_for_a_sessions_end_is_told() {
        let sessions = Sessions::default();
        let id = sessions.begin("id".to_owned(), "ann", "hash").await.unwrap();
        let other = sessions.begin("other".to_owned(), "ann", "hash").await.unwrap();
        let waiting = tokio::spawn({
            let (sessions, id) = (sessions.clone(), id.clone());
            async move { sessions.ended(&id).await }
        });
        tokio::task::yield_now().await;
        sessions.end(&other).await.unwrap();
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        sessions.end(&id).await.unwrap();
        tokio::time::timeout(LOOK / 2, waiting).await.unwrap().unwrap();
    }

    #[tokio::test]
    async fn a_session_outlives_the_process_and_not_its_token() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("optischema.db")).await.unwrap();
        let token = ("ann".to_owned(), "hash".to_owned());
        let before = Sessions::of_store(store.clone(), std::slice::from_ref(&token)).await.unwrap();
        let id = before.begin("id".to_owned(), "ann", "hash").await.unwrap();
        let after = Sessions::of_store(store.clone(), &[token]).await.unwrap();
        assert!(after.actor(&id).is_some());
        let changed = ("ann".to_owned(), "another".to_owned());
        assert!(Sessions::of_store(store, &[changed]).await.unwrap().actor(&id).is_none());
    }
}
