//! What was predicted and what was measured then; and the confidence that follows from it.

use optischema::advisor::calibration::held;
use optischema::lifecycle::{RecommendationEvent, recommendation_after};
use optischema::model::{
    BenchmarkResult, BenchmarkSource, DismissedBy, Job, LatestBenchmark, Recommendation,
    RecommendationId, Rule, Verdict,
};
use sqlx::SqliteConnection;

use super::StoreError;
use super::recommendation_rows::{fetch, set_latest_benchmark, set_status};
use super::row::parsed;
use super::scores::score;
use crate::clock::now;

/// Keeps what a benchmark found with its recommendation, and what was predicted beside it.
pub(super) async fn note_benchmark(
    write: &mut SqliteConnection,
    job: &Job,
    benchmark: &BenchmarkResult,
) -> Result<(), StoreError> {
    let Some(id) = job.recommendation_id else { return Ok(()) };
    let recommendation = fetch(write, id).await?;
    let latest = LatestBenchmark {
        job_id: job.id,
        verdict: benchmark.verdict,
        change_percent: benchmark.change_percent,
        source: benchmark.source,
    };
    set_latest_benchmark(write, id, &latest).await?;
    let status = recommendation_after(recommendation.status, RecommendationEvent::Benchmarked)?;
    set_status(write, id, status).await?;
    if benchmark.source == BenchmarkSource::Estimated {
        return Ok(());
    }
    if let Some(reason) = benchmark.refutation() {
        close_refuted(write, id, &reason).await?;
    }
    let measured = benchmark.change_percent.map(|change| -change);
    note_prediction(write, job, &recommendation, benchmark.verdict, measured).await
}

/// Closes advice that a benchmark refuted. What a person typed is no advice, and stays.
pub(super) async fn close_refuted(
    write: &mut SqliteConnection,
    id: RecommendationId,
    reason: &str,
) -> Result<(), StoreError> {
    let recommendation = fetch(write, id).await?;
    if recommendation.is_typed() {
        return Ok(());
    }
    let event = RecommendationEvent::Dismissed { for_good: false };
    // What is applied or dismissed meanwhile is left as it is.
    let Ok(status) = recommendation_after(recommendation.status, event) else { return Ok(()) };
    set_status(write, id, status).await?;
    sqlx::query(
        "UPDATE recommendations SET dismissed_reason = ?2, dismissed_by = ?3,
             dismissed_magnitude = magnitude WHERE id = ?1",
    )
    .bind(id.to_string())
    .bind(reason)
    .bind(DismissedBy::Benchmark.as_str())
    .execute(write)
    .await?;
    Ok(())
}

/// Keeps a prediction that was measured, and scores its rule's open advice anew.
pub(super) async fn note_prediction(
    write: &mut SqliteConnection,
    job: &Job,
    recommendation: &Recommendation,
    verdict: Verdict,
    measured: Option<f64>,
) -> Result<(), StoreError> {
    let predicted = recommendation.predicted_percent();
    let rule = recommendation.evidence.rule;
    sqlx::query(
        "INSERT INTO predictions (at, database, recommendation_id, job_id, rule, predicted_percent,
             measured_percent, verdict, held) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
         ON CONFLICT (job_id) DO NOTHING",
    )
    .bind(now().to_string())
    .bind(&recommendation.database)
    .bind(recommendation.id.to_string())
    .bind(job.id.to_string())
    .bind(rule.map_or("", Rule::as_str))
    .bind(predicted)
    .bind(measured)
    .bind(verdict.as_str())
    .bind(held(verdict, predicted, measured).map(i64::from))
    .execute(&mut *write)
    .await?;
    match rule {
        Some(rule) => score_anew(write, &recommendation.database, rule).await,
        None => Ok(()),
    }
}

/// Moves the confidence of a rule's open advice to what its record says now.
async fn score_anew(
    write: &mut SqliteConnection,
    database: &str,
    rule: Rule,
) -> Result<(), StoreError> {
    let rows = sqlx::query(
        "SELECT id FROM recommendations WHERE database = ?1 AND status IN ('pending', 'active')
           AND evidence_json->>'$.rule' = ?2",
    )
    .bind(database)
    .bind(rule.as_str())
    .fetch_all(&mut *write)
    .await?;
    for row in &rows {
        score(write, parsed(row, "id")?).await?;
    }
    Ok(())
}
