//! Rows of recommendations, inside a transaction or out of it.

use optischema::model::{
    LatestBenchmark, Proposal, QueryHash, Recommendation, RecommendationId, RecommendationStatus,
    Timestamp,
};
use sqlx::SqliteConnection;
use sqlx::sqlite::SqliteRow;

use super::StoreError;
use super::row::{
    corrupt, integer, json, number, optional_json, optional_parsed, optional_text, parsed, text,
    to_json,
};
use super::scores::score;
use crate::clock::{new_id, now};

pub(super) async fn upsert(
    write: &mut SqliteConnection,
    database: &str,
    proposal: &Proposal,
) -> Result<RecommendationId, StoreError> {
    let at = now().to_string();
    let plan = proposal
        .execution_plan_json
        .as_ref()
        .map(|plan| to_json("execution_plan_json", plan))
        .transpose()?;
    let row = sqlx::query(
        "INSERT INTO recommendations (id, database, query_hash, recommendation_type, title,
             description, sql_fix, original_sql, patch_sql, execution_plan_json,
             estimated_improvement_percent, confidence_score, risk_level, status, created_at,
             updated_at, tables_json, evidence_json, fingerprint, magnitude,
             base_confidence)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?15, ?16, ?17, ?18, ?19,
             ?12)
         ON CONFLICT (database, fingerprint) DO UPDATE SET
             query_hash = excluded.query_hash, title = excluded.title,
             description = excluded.description, sql_fix = excluded.sql_fix,
             original_sql = excluded.original_sql, patch_sql = excluded.patch_sql,
             execution_plan_json = excluded.execution_plan_json,
             estimated_improvement_percent = excluded.estimated_improvement_percent,
             confidence_score = excluded.confidence_score, risk_level = excluded.risk_level,
             updated_at = excluded.updated_at, tables_json = excluded.tables_json,
             evidence_json = excluded.evidence_json, magnitude = excluded.magnitude,
             base_confidence = excluded.base_confidence
         RETURNING id",
    )
    .bind(new_id().to_string())
    .bind(database)
    .bind(&proposal.query_hash.0)
    .bind(proposal.recommendation_type.as_str())
    .bind(&proposal.title)
    .bind(&proposal.description)
    .bind(&proposal.sql_fix)
    .bind(&proposal.original_sql)
    .bind(&proposal.patch_sql)
    .bind(plan)
    .bind(proposal.estimated_improvement_percent)
    .bind(proposal.confidence_score)
    .bind(proposal.risk_level.as_str())
    .bind(RecommendationStatus::Pending.as_str())
    .bind(at)
    .bind(to_json("tables_json", &proposal.tables)?)
    .bind(to_json("evidence_json", &proposal.evidence)?)
    .bind(&proposal.fingerprint)
    .bind(proposal.magnitude)
    .fetch_one(&mut *write)
    .await?;
    let id = parsed(&row, "id")?;
    score(write, id).await?;
    Ok(id)
}

/// One recommendation, inside a transaction or out of it.
pub(super) async fn fetch(
    connection: &mut SqliteConnection,
    id: RecommendationId,
) -> Result<Recommendation, StoreError> {
    let row = sqlx::query("SELECT * FROM recommendations WHERE id = ?1")
        .bind(id.to_string())
        .fetch_optional(connection)
        .await?
        .ok_or_else(|| StoreError::NotFound { what: "recommendation", id: id.to_string() })?;
    from_row(&row)
}

/// Moves it to a status that the lifecycle allowed.
pub(super) async fn set_status(
    write: &mut SqliteConnection,
    id: RecommendationId,
    status: RecommendationStatus,
) -> Result<(), StoreError> {
    sqlx::query("UPDATE recommendations SET status = ?2, updated_at = ?3 WHERE id = ?1")
        .bind(id.to_string())
        .bind(status.as_str())
        .bind(now().to_string())
        .execute(write)
        .await?;
    Ok(())
}

/// Notes that the change stands in the sandbox since `at`, or no longer does.
pub(super) async fn set_applied(
    write: &mut SqliteConnection,
    id: RecommendationId,
    applied: Option<(Timestamp, &str)>,
) -> Result<(), StoreError> {
    sqlx::query(
        "UPDATE recommendations SET applied = ?2, applied_at = ?3, rollback_sql = ?4 WHERE id = ?1",
    )
    .bind(id.to_string())
    .bind(i64::from(applied.is_some()))
    .bind(applied.map(|(at, _)| at.to_string()))
    .bind(applied.map(|(_, rollback)| rollback))
    .execute(write)
    .await?;
    Ok(())
}

/// Keeps what its last completed benchmark found.
pub(super) async fn set_latest_benchmark(
    write: &mut SqliteConnection,
    id: RecommendationId,
    latest: &LatestBenchmark,
) -> Result<(), StoreError> {
    sqlx::query("UPDATE recommendations SET latest_benchmark_json = ?2 WHERE id = ?1")
        .bind(id.to_string())
        .bind(to_json("latest_benchmark_json", latest)?)
        .execute(write)
        .await?;
    Ok(())
}

pub(super) fn from_row(row: &SqliteRow) -> Result<Recommendation, StoreError> {
    Ok(Recommendation {
        id: parsed(row, "id")?,
        query_hash: QueryHash(text(row, "query_hash")?),
        recommendation_type: parsed(row, "recommendation_type")?,
        title: text(row, "title")?,
        description: text(row, "description")?,
        sql_fix: text(row, "sql_fix")?,
        original_sql: text(row, "original_sql")?,
        patch_sql: text(row, "patch_sql")?,
        execution_plan_json: optional_json(row, "execution_plan_json")?,
        estimated_improvement_percent: sqlx::Row::try_get(row, "estimated_improvement_percent")?,
        confidence_score: number(row, "confidence_score")?,
        risk_level: parsed(row, "risk_level")?,
        status: parsed(row, "status")?,
        applied: match integer(row, "applied")? {
            0 => false,
            1 => true,
            other => return Err(corrupt("applied", other)),
        },
        applied_at: optional_parsed(row, "applied_at")?,
        created_at: parsed(row, "created_at")?,
        updated_at: parsed(row, "updated_at")?,
        rollback_sql: optional_text(row, "rollback_sql")?,
        tables: json(row, "tables_json")?,
        evidence: json(row, "evidence_json")?,
        dismissed_reason: optional_text(row, "dismissed_reason")?,
        latest_benchmark: optional_json(row, "latest_benchmark_json")?,
        database: text(row, "database")?,
    })
}

pub(super) async fn clear_dismissal(
    write: &mut SqliteConnection,
    id: RecommendationId,
) -> Result<(), StoreError> {
    sqlx::query(
        "UPDATE recommendations SET dismissed_reason = NULL, dismissed_by = NULL, dismissed_magnitude = NULL
         WHERE id = ?1",
    )
    .bind(id.to_string())
    .execute(write)
    .await?;
    Ok(())
}
