//! Applied patches. A change, its recommendation, its job and its audit row move in one transaction.

use optischema::lifecycle::{RecommendationEvent, change_after, recommendation_after};
use optischema::model::{
    ApplyStatus, Change, ChangeDetail, ChangeFilter, ChangeId, ChangeKind, ChangeStatus,
    ChangedObject, Job, JobId, JobType, Recommendation, RecommendationId, TableName,
};
use sqlx::sqlite::SqliteRow;
use sqlx::{QueryBuilder, Sqlite, SqliteConnection};

use super::audit::{AuditRecord, append};
use super::filters::push_table;
use super::job_rows::{NewJob, enqueue_in};
use super::recommendation_rows::{fetch as fetch_recommendation, set_applied, set_status};
use super::row::{
    integer, json, optional_json, optional_parsed, optional_text, parsed, text, to_json,
};
use super::scores::score;
use super::{Store, StoreError};
use crate::clock::{new_id, now};

/// A change that has just been made in the sandbox.
#[derive(Debug, Clone, PartialEq)]
pub struct NewChange<'a> {
    pub recommendation: &'a Recommendation,
    pub job: &'a Job,
    pub kind: ChangeKind,
    /// What it was done to.
    pub tables: &'a [TableName],
    /// `host:port/database`.
    pub target: &'a str,
    pub sql: &'a str,
    pub sql_hash: &'a str,
    pub rollback_sql: &'a str,
    pub no_rollback: Option<&'a str>,
    pub object: &'a ChangedObject,
    pub detail: &'a ChangeDetail,
    pub override_reason: Option<&'a str>,
    /// Whether it is measured again once it stands.
    pub watch: bool,
}

/// A change that is recorded, and the job that measures it again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Recorded {
    pub change_id: ChangeId,
    pub watch_job: Option<JobId>,
}

const SELECT_CHANGE: &str = "SELECT c.*, r.title AS recommendation_title FROM changes c
    JOIN recommendations r ON r.id = c.recommendation_id";

impl Store {
    /// Records a change that stands, with its audit row, and queues its watch.
    pub async fn record_applied(
        &self,
        change: &NewChange<'_>,
        audit: &AuditRecord,
    ) -> Result<Recorded, StoreError> {
        let mut write = self.write().await?;
        let change_id = ChangeId(new_id());
        let at = now();
        let recommendation = fetch_recommendation(&mut write, change.recommendation.id).await?;
        let status = recommendation_after(recommendation.status, RecommendationEvent::Stands)?;
        sqlx::query(
            "INSERT INTO changes (id, database, recommendation_id, job_id, tables_json, sql, sql_hash,
                 rollback_sql, status, applied_at, object_json, override_reason, kind, actor, target,
                 no_rollback, detail_json, predicted_percent)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18)",
        )
        .bind(change_id.to_string())
        .bind(&recommendation.database)
        .bind(recommendation.id.to_string())
        .bind(change.job.id.to_string())
        .bind(to_json("tables_json", &change.tables)?)
        .bind(change.sql)
        .bind(change.sql_hash)
        .bind(change.rollback_sql)
        .bind(ChangeStatus::Applied.as_str())
        .bind(at.to_string())
        .bind(to_json("object_json", change.object)?)
        .bind(change.override_reason)
        .bind(change.kind.as_str())
        .bind(&change.job.actor)
        .bind(change.target)
        .bind(change.no_rollback)
        .bind(to_json("detail_json", change.detail)?)
        .bind(recommendation.predicted_percent())
        .execute(&mut *write)
        .await?;
        set_status(&mut write, recommendation.id, status).await?;
        set_applied(&mut write, recommendation.id, Some((at, change.rollback_sql))).await?;
        append(&mut write, audit).await?;
        let watch_job = match change.watch {
            true => Some(enqueue_watch(&mut write, change, change_id).await?),
            false => None,
        };
        write.commit().await?;
        Ok(Recorded { change_id, watch_job })
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
        // It is open again, and what was measured meanwhile counts for it too.
        score(&mut write, recommendation.id).await?;
        append(&mut write, audit).await?;
        write.commit().await
    }

    /// Notes where the object of a standing change is now, and what it did there where that is another: it was made
    /// again.
    pub async fn record_made_again(
        &self,
        id: ChangeId,
        object: &ChangedObject,
        detail: Option<&ChangeDetail>,
        audit: &AuditRecord,
    ) -> Result<(), StoreError> {
        let mut write = self.write().await?;
        let detail = detail.map(|detail| to_json("detail_json", detail)).transpose()?;
        sqlx::query(
            "UPDATE changes SET object_json = ?2, detail_json = coalesce(?3, detail_json) WHERE id = ?1",
        )
            .bind(id.to_string())
            .bind(to_json("object_json", object)?)
            .bind(detail)
            .execute(&mut *write)
            .await?;
        append(&mut write, audit).await?;
        write.commit().await
    }

    /// One change.
    pub async fn change(&self, id: ChangeId) -> Result<Change, StoreError> {
        let mut reader = self.readers.acquire().await?;
        fetch_change(&mut reader, id).await
    }

    /// The change that stands for a recommendation.
    pub async fn standing_change(
        &self,
        recommendation_id: RecommendationId,
    ) -> Result<Option<Change>, StoreError> {
        let mut query = QueryBuilder::<Sqlite>::new(SELECT_CHANGE);
        query
            .push(" WHERE c.status = 'applied' AND c.recommendation_id = ")
            .push_bind(recommendation_id.to_string())
            .push(" ORDER BY c.applied_at DESC LIMIT 1");
        let row = query.build().fetch_optional(&self.readers).await?;
        row.as_ref().map(change_from_row).transpose()
    }

    /// Every change that stands, newest first.
    pub async fn standing_changes(&self, database: &str) -> Result<Vec<Change>, StoreError> {
        let mut query = QueryBuilder::<Sqlite>::new(SELECT_CHANGE);
        query.push(" WHERE c.status = 'applied' AND c.database = ").push_bind(database);
        query.push(" ORDER BY c.applied_at DESC, c.id DESC");
        let rows = query.build().fetch_all(&self.readers).await?;
        rows.iter().map(change_from_row).collect()
    }

    /// Standing changes that measuring again found to be regressions, and that were not rolled back by themselves yet.
    pub async fn regressions(&self) -> Result<Vec<Change>, StoreError> {
        let mut query = QueryBuilder::<Sqlite>::new(SELECT_CHANGE);
        query.push(
            " WHERE c.status = 'applied' AND c.watch_outcome = 'regression' AND c.no_rollback IS NULL
               AND NOT EXISTS (SELECT 1 FROM audit_log a WHERE a.job_id = c.job_id
                               AND a.action = 'rollback.automatic')
             ORDER BY c.applied_at DESC",
        );
        let rows = query.build().fetch_all(&self.readers).await?;
        rows.iter().map(change_from_row).collect()
    }

    /// Changes, newest first.
    pub async fn changes(
        &self,
        database: &str,
        filter: &ChangeFilter,
        most: u32,
    ) -> Result<Vec<Change>, StoreError> {
        let mut query = QueryBuilder::<Sqlite>::new(SELECT_CHANGE);
        query.push(" WHERE c.database = ").push_bind(database);
        if let Some(status) = filter.status {
            query.push(" AND c.status = ").push_bind(status.as_str());
        }
        if let Some(outcome) = filter.outcome {
            query.push(" AND c.watch_outcome = ").push_bind(outcome.as_str());
        }
        push_table(&mut query, "c.tables_json", filter.table.clone());
        if let Some(actor) = &filter.actor {
            query.push(" AND c.actor = ").push_bind(actor);
        }
        for word in filter.search.iter().flat_map(|search| search.split_whitespace()) {
            query.push(" AND instr(lower(r.title || ' ' || c.sql), ");
            query.push_bind(word.to_lowercase()).push(") > 0");
        }
        query.push(" ORDER BY c.applied_at DESC, c.id DESC LIMIT ");
        query.push_bind(i64::from(filter.limit.unwrap_or(most).min(most)));
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
            running: Vec::new(),
            locks: Vec::new(),
            targets: Vec::new(),
        })
    }
}

/// A watch follows its apply: it counts as live only once that has ended.
async fn enqueue_watch(
    write: &mut SqliteConnection,
    change: &NewChange<'_>,
    change_id: ChangeId,
) -> Result<JobId, StoreError> {
    let watch = NewJob {
        target: &change.job.target,
        change_id: Some(change_id),
        after_job: Some(change.job.id),
        ..NewJob::new(JobType::Benchmark, change.recommendation.id, &change.job.actor)
    };
    Ok(enqueue_in(write, &watch).await?.id)
}

async fn fetch_change(
    connection: &mut SqliteConnection,
    id: ChangeId,
) -> Result<Change, StoreError> {
    let mut query = QueryBuilder::<Sqlite>::new(SELECT_CHANGE);
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
        target: text(row, "target")?,
        kind: parsed(row, "kind")?,
        actor: text(row, "actor")?,
        tables: json(row, "tables_json")?,
        sql: text(row, "sql")?,
        sql_hash: text(row, "sql_hash")?,
        rollback_sql: text(row, "rollback_sql")?,
        no_rollback: optional_text(row, "no_rollback")?,
        status: parsed(row, "status")?,
        applied_at: parsed(row, "applied_at")?,
        rolled_back_at: optional_parsed(row, "rolled_back_at")?,
        object: json(row, "object_json")?,
        override_reason: optional_text(row, "override_reason")?,
        detail: optional_json(row, "detail_json")?,
        predicted_percent: sqlx::Row::try_get(row, "predicted_percent")?,
        measured_percent: sqlx::Row::try_get(row, "measured_percent")?,
        watch: optional_json(row, "watch_json")?,
    })
}
