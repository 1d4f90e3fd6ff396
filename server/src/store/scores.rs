//! The confidence of a recommendation, from the record of its rule.

use optischema::advisor::calibration::{LOOK_BACK, Record, learned};
use optischema::model::{Evidence, RecommendationId};
use sqlx::SqliteConnection;

use super::StoreError;
use super::row::{integer, json, number, to_json};

/// Moves the confidence of one recommendation to what its rule's record says.
pub(super) async fn score(
    write: &mut SqliteConnection,
    id: RecommendationId,
) -> Result<(), StoreError> {
    let row = sqlx::query(
        "SELECT coalesce(base_confidence, confidence_score) AS base, evidence_json FROM recommendations
         WHERE id = ?1",
    )
    .bind(id.to_string())
    .fetch_one(&mut *write)
    .await?;
    let base = number(&row, "base")?;
    let mut evidence: Evidence = json(&row, "evidence_json")?;
    let Some(rule) = evidence.rule else { return Ok(()) };
    let now_held = learned(base, record(write, rule.as_str()).await?);
    evidence.learned = now_held.reason;
    sqlx::query(
        "UPDATE recommendations SET confidence_score = ?2, evidence_json = ?3, base_confidence = ?4
         WHERE id = ?1",
    )
    .bind(id.to_string())
    .bind(now_held.confidence)
    .bind(to_json("evidence_json", &evidence)?)
    .bind(base)
    .execute(write)
    .await?;
    Ok(())
}

async fn record(connection: &mut SqliteConnection, rule: &str) -> Result<Record, StoreError> {
    let row = sqlx::query(
        "SELECT count(*) AS decided, coalesce(sum(held), 0) AS held FROM (
             SELECT held FROM predictions WHERE rule = ?1 AND held IS NOT NULL ORDER BY id DESC LIMIT ?2)",
    )
    .bind(rule)
    .bind(LOOK_BACK)
    .fetch_one(connection)
    .await?;
    Ok(Record { held: integer(&row, "held")?, decided: integer(&row, "decided")? })
}
