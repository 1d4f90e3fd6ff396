//! Who is signed in, for the next start.

use optischema::model::Timestamp;

use super::row::{parsed, text};
use super::{Store, StoreError};
use crate::clock::now;

/// One session: digests only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignIn {
    pub id_hash: String,
    /// The name of the token that opened it.
    pub actor: String,
    pub token_hash: String,
    pub expires_at: Timestamp,
}

impl Store {
    /// Keeps a session; those that have ended are removed.
    pub async fn sign_in(&self, session: &SignIn) -> Result<(), StoreError> {
        let mut write = self.write().await?;
        let at = now().to_string();
        sqlx::query("DELETE FROM sessions WHERE expires_at <= ?1")
            .bind(&at)
            .execute(&mut *write)
            .await?;
        sqlx::query(
            "INSERT INTO sessions (id_hash, actor, token_hash, created_at, expires_at) VALUES (?1, ?2, ?3, ?4, ?5)",
        )
        .bind(&session.id_hash)
        .bind(&session.actor)
        .bind(&session.token_hash)
        .bind(at)
        .bind(session.expires_at.to_string())
        .execute(&mut *write)
        .await?;
        write.commit().await
    }

    /// Sessions that last beyond `at`.
    pub async fn sign_ins(&self, at: Timestamp) -> Result<Vec<SignIn>, StoreError> {
        let rows = sqlx::query("SELECT * FROM sessions WHERE expires_at > ?1")
            .bind(at.to_string())
            .fetch_all(&self.readers)
            .await?;
        rows.iter()
            .map(|row| {
                Ok(SignIn {
                    id_hash: text(row, "id_hash")?,
                    actor: text(row, "actor")?,
                    token_hash: text(row, "token_hash")?,
                    expires_at: parsed(row, "expires_at")?,
                })
            })
            .collect()
    }

    /// Forgets a session.
    pub async fn sign_out(&self, id_hash: &str) -> Result<(), StoreError> {
        let mut write = self.write().await?;
        sqlx::query("DELETE FROM sessions WHERE id_hash = ?1")
            .bind(id_hash)
            .execute(&mut *write)
            .await?;
        write.commit().await
    }
}
