//! Applied patches. A change, its recommendation, its job and its audit row move in one transaction.

use optischema::lifecycle::{RecommendationEvent, change_after, recommendation_after};
use optischema::model::{
    ApplyStatus, Change, ChangeId, ChangeStatus, ChangedObject, Recommendation, RecommendationId,
};
use sqlx::SqliteConnection;
use sqlx::sqlite::SqliteRow;

use crate::clock::{new_id, now};

use super::audit::{AuditRecord, append};
use super::recommendations::{fetch as fetch_recommendation, set_applied, set_status};
use super::row::{integer, json, optional_parsed, optional_text, parsed, text, to_json};
use super::{Store, StoreError};

/// A change that has just been made in the sandbox.
#[derive(Debug, Clone, PartialEq)]
pub struct NewChange<'a> {
    pub recommendation: &'a Recommendation,
    pub job_id: optischema::model::JobId,
    pub sql: &'a str,
    pub sql_hash: &'a str,
    pub rollback_sql: &'a str,
    pub object: &'a ChangedObject,
    pub override_reason: Option<&'a str>,
}

const SELECT_CHANGE: &str = "SELECT c.*, r.title AS recommendation_title FROM changes c
    JOIN recommendations r ON r.id = c.recommendation_id";

impl Store {
    /// Records a change that stands, with its audit row.
    pub async fn record_applied(
        &self,
        change: &NewChange<'_>,
        audit: &AuditRecord,
    ) -> Result<ChangeId, StoreError> {
        let mut write = self.write().await?;
        let id = ChangeId(new_id());
        let at = now();
        let recommendation = fetch_recommendation(&mut write, change.recommendation.id).await?;
        let status = recommendation_after(recommendation.status, RecommendationEvent::Applied)?;
        sqlx::query(
            "INSERT INTO changes (id, database, recommendation_id, job_id, tables_json, sql, sql_hash,
                 rollback_sql, status, applied_at, object_json, override_reason)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
        )
        .bind(id.to_string())
        .bind(&recommendation.database)
        .bind(recommendation.id.to_string())
        .bind(change.job_id.to_string())
        .bind(to_json("tables_json", &recommendation.tables)?)
        .bind(change.sql)
        .bind(change.sql_hash)
        .bind(change.rollback_sql)
        .bind(ChangeStatus::Applied.as_str())
        .bind(at.to_string())
        .bind(to_json("object_json", change.object)?)
        .bind(change.override_reason)
        .execute(&mut *write)
        .await?;
        set_status(&mut write, recommendation.id, status).await?;
        set_applied(&mut write, recommendation.id, Some((at, change.rollback_sql))).await?;
        append(&mut write, audit).await?;
        write.commit().await?;
        Ok(id)
    }

    /// Records that a change was undone, or found to have drifted, with its audit row.
    pub async fn record_ended(
        &self,
        id: ChangeId,
        drifted: bool,
        audit: &AuditRecord,
    ) -> Result<(), StoreError> {
        let mut write = self.write().await?;
        let change = fetch_change(&mut write, id).await?;
        let status = change_after(change.status, drifted)?;
        let rolled_back_at = (!drifted).then(|| now().to_string());
        sqlx::query("UPDATE changes SET status = ?2, rolled_back_at = ?3 WHERE id = ?1")
            .bind(id.to_string())
            .bind(status.as_str())
            .bind(rolled_back_at)
            .execute(&mut *write)
            .await?;
        // A drifted change no longer stands either: what stands is somebody else's. The recommendation is
        // open again, to be applied anew or dismissed.
        let recommendation = fetch_recommendation(&mut write, change.recommendation_id).await?;
        let benchmarked = recommendation.latest_benchmark.is_some();
        let event = RecommendationEvent::RolledBack { benchmarked };
        let status = recommendation_after(recommendation.status, event)?;
        set_status(&mut write, recommendation.id, status).await?;
        set_applied(&mut write, recommendation.id, None).await?;
        append(&mut write, audit).await?;
        write.commit().await?;
        Ok(())
    }

    /// The change that stands for a recommendation.
    pub async fn standing_change(
        &self,
        recommendation_id: RecommendationId,
    ) -> Result<Option<Change>, StoreError> {
        let mut query = sqlx::QueryBuilder::<sqlx::Sqlite>::new(SELECT_CHANGE);
        query
            .push(" WHERE c.status = 'applied' AND c.recommendation_id = ")
            .push_bind(recommendation_id.to_string())
            .push(" ORDER BY c.applied_at DESC LIMIT 1");
        let row = query.build().fetch_optional(&self.readers).await?;
        row.as_ref().map(change_from_row).transpose()
    }

    /// All changes, newest first.
    pub async fn changes(&self, database: &str, limit: i64) -> Result<Vec<Change>, StoreError> {
        let mut query = sqlx::QueryBuilder::<sqlx::Sqlite>::new(SELECT_CHANGE);
        query.push(" WHERE c.database = ").push_bind(database);
        query.push(" ORDER BY c.applied_at DESC, c.id DESC LIMIT ").push_bind(limit);
        let rows = query.build().fetch_all(&self.readers).await?;
        rows.iter().map(change_from_row).collect()
    }

    /// Counts for the state of the apply side; the caller knows whether the target is ready.
    pub async fn apply_counts(&self, database: &str) -> Result<ApplyStatus, StoreError> {
        let row = sqlx::query(
            "SELECT count(*) FILTER (WHERE status = 'applied') AS applied,
                    count(*) FILTER (WHERE status = 'rolled_back') AS rolled_back,
                    count(*) FILTER (WHERE status = 'drifted') AS drifted,
                    (SELECT count(*) FROM benchmark_jobs WHERE job_type IN ('apply', 'rollback')
                         AND status IN ('pending', 'running')) AS live
             FROM changes WHERE database = ?1",
        )
        .bind(database)
        .fetch_one(&self.readers)
        .await?;
        Ok(ApplyStatus {
            ready: false,
            reason: None,
            target: String::new(),
            applied: integer(&row, "applied")?,
            rolled_back: integer(&row, "rolled_back")?,
            drifted: integer(&row, "drifted")?,
            live_jobs: integer(&row, "live")?,
        })
    }
}

async fn fetch_change(
    connection: &mut SqliteConnection,
    id: ChangeId,
) -> Result<Change, StoreError> {
    let mut query = sqlx::QueryBuilder::<sqlx::Sqlite>::new(SELECT_CHANGE);
    query.push(" WHERE c.id = ").push_bind(id.to_string());
    let row = query
        .build()
        .fetch_optional(connection)
        .await?
        .ok_or_else(|| StoreError::NotFound { what: "change", id: id.to_string() })?;
    change_from_row(&row)
}

fn change_from_row(row: &SqliteRow) -> Result<Change, StoreError> {
    Ok(Change {
        id: parsed(row, "id")?,
        recommendation_id: parsed(row, "recommendation_id")?,
        recommendation_title: text(row, "recommendation_title")?,
        job_id: parsed(row, "job_id")?,
        database: text(row, "database")?,
        tables: json(row, "tables_json")?,
        sql: text(row, "sql")?,
        sql_hash: text(row, "sql_hash")?,
        rollback_sql: text(row, "rollback_sql")?,
        status: parsed(row, "status")?,
        applied_at: parsed(row, "applied_at")?,
        rolled_back_at: optional_parsed(row, "rolled_back_at")?,
        object: json(row, "object_json")?,
        override_reason: optional_text(row, "override_reason")?,
    })
}
