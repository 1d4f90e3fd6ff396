//! Jobs as they are read.

use optischema::model::{
    DEFAULT_PAGE, Job, JobFilter, JobId, JobPage, JobType, Phase, RecommendationId,
};
use sqlx::sqlite::SqliteRow;
use sqlx::{QueryBuilder, Sqlite, SqliteConnection};

use super::row::{integer, number, optional_json, optional_parsed, optional_text, parsed, text};
use super::{Store, StoreError};

/// What an analysis is called in a list.
const OF_THE_WORKLOAD: &str = "The workload";

const SELECT_JOB: &str = "SELECT j.*, r.title AS recommendation_title FROM benchmark_jobs j
    LEFT JOIN recommendations r ON r.id = j.recommendation_id";

impl Store {
    /// One job.
    pub async fn job(&self, id: JobId) -> Result<Job, StoreError> {
        let mut reader = self.readers.acquire().await?;
        fetch_job(&mut reader, id).await
    }

    /// A page of jobs, newest first.
    pub async fn jobs(&self, database: &str, filter: &JobFilter) -> Result<JobPage, StoreError> {
        let limit = filter.limit.unwrap_or(DEFAULT_PAGE);
        let mut query = QueryBuilder::<Sqlite>::new(SELECT_JOB);
        // Ids are put in order first: results are not carried through a sort.
        query.push(" WHERE j.id IN (SELECT j.id FROM benchmark_jobs j WHERE j.database = ");
        query.push_bind(database);
        if let Some(status) = filter.status {
            query.push(" AND j.status = ").push_bind(status.as_str());
        }
        if let Some(job_type) = filter.job_type {
            query.push(" AND j.job_type = ").push_bind(job_type.as_str());
        }
        if let Some(id) = filter.recommendation_id {
            query.push(" AND j.recommendation_id = ").push_bind(id.to_string());
        }
        if let Some(cursor) = &filter.cursor {
            query
                .push(" AND (j.created_at, j.id) < (SELECT created_at, id FROM benchmark_jobs WHERE id = ")
                .push_bind(cursor.to_string())
                .push(")");
        }
        query.push(" ORDER BY j.created_at DESC, j.id DESC LIMIT ").push_bind(i64::from(limit) + 1);
        query.push(") ORDER BY j.created_at DESC, j.id DESC");
        let rows = query.build().fetch_all(&self.readers).await?;
        let mut items = rows.iter().map(job_from_row).collect::<Result<Vec<_>, _>>()?;
        let more = items.len() > limit as usize;
        items.truncate(limit as usize);
        let next_cursor = items.last().filter(|_| more).map(|last| last.id.to_string());
        Ok(JobPage { items, next_cursor })
    }

    /// Jobs that are queued, and jobs that are running.
    pub async fn live_job_counts(&self) -> Result<(i64, i64), StoreError> {
        let row = sqlx::query(
            "SELECT count(*) FILTER (WHERE status = 'pending') AS pending,
                    count(*) FILTER (WHERE status = 'running') AS running FROM benchmark_jobs
             WHERE status IN ('pending', 'running')",
        )
        .fetch_one(&self.readers)
        .await?;
        Ok((integer(&row, "pending")?, integer(&row, "running")?))
    }

    /// Apply and rollback jobs that are running.
    pub async fn running_changes(&self, database: &str) -> Result<Vec<Job>, StoreError> {
        let mut query = QueryBuilder::<Sqlite>::new(SELECT_JOB);
        query.push(" WHERE j.status = 'running' AND j.job_type IN (");
        query.push_bind(JobType::Apply.as_str()).push(", ");
        query.push_bind(JobType::Rollback.as_str()).push(") AND j.database = ");
        query.push_bind(database).push(" ORDER BY j.started_at");
        let rows = query.build().fetch_all(&self.readers).await?;
        rows.iter().map(job_from_row).collect()
    }
}

/// One job, inside a transaction or out of it.
pub(super) async fn fetch_job(
    connection: &mut SqliteConnection,
    id: JobId,
) -> Result<Job, StoreError> {
    let mut query = QueryBuilder::<Sqlite>::new(SELECT_JOB);
    query.push(" WHERE j.id = ").push_bind(id.to_string());
    let row = query
        .build()
        .fetch_optional(connection)
        .await?
        .ok_or_else(|| StoreError::NotFound { what: "job", id: id.to_string() })?;
    job_from_row(&row)
}

fn job_from_row(row: &SqliteRow) -> Result<Job, StoreError> {
    let members: Vec<RecommendationId> = optional_json(row, "members")?.unwrap_or_default();
    let phase = optional_text(row, "phase")?.map(read_phase);
    Ok(Job {
        id: parsed(row, "id")?,
        recommendation_id: optional_parsed(row, "recommendation_id")?,
        recommendation_title: optional_text(row, "recommendation_title")?.unwrap_or_else(|| {
            match members.len() {
                0 => OF_THE_WORKLOAD.to_owned(),
                1 => "One change, as a set".to_owned(),
                count => format!("{count} changes together"),
            }
        }),
        status: parsed(row, "status")?,
        job_type: parsed(row, "job_type")?,
        created_at: parsed(row, "created_at")?,
        started_at: optional_parsed(row, "started_at")?,
        completed_at: optional_parsed(row, "completed_at")?,
        result: optional_json(row, "result_json")?,
        error_message: optional_text(row, "error_message")?,
        error_code: optional_text(row, "error_code")?,
        phase: phase.as_ref().map(ToString::to_string),
        phase_detail: phase,
        progress: number(row, "progress")?,
        attempts: integer(row, "attempts")?,
        actor: text(row, "actor")?,
        target: text(row, "target")?,
        change_id: optional_parsed(row, "change_id")?,
        after_job: optional_parsed(row, "after_job")?,
        members,
    })
}

/// A phase from its column. Earlier builds stored its words.
fn read_phase(text: String) -> Phase {
    serde_json::from_str(&text).unwrap_or(Phase::Unstructured { words: text })
}
