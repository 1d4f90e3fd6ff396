//! What measuring an applied change again found.

use optischema::advisor::calibration::outcome;
use optischema::audit::WatchMeasured;
use optischema::model::{BenchmarkResult, BenchmarkSource, Job, Watch, WatchOutcome};
use optischema::operations::Actor;
use sqlx::SqliteConnection;

use super::StoreError;
use super::audit::{AuditRecord, append};
use super::predictions::note_prediction;
use super::recommendation_rows::fetch as fetch_recommendation;
use super::row::to_json;
use crate::clock::now;

/// Keeps what measuring an applied change again came to. Without a benchmark it was not measured, for this reason.
pub(super) async fn note_watch(
    write: &mut SqliteConnection,
    job: &Job,
    benchmark: Option<&BenchmarkResult>,
    reason: Option<&str>,
) -> Result<(), StoreError> {
    let (Some(change_id), Some(id)) = (job.change_id, job.recommendation_id) else { return Ok(()) };
    let measured = benchmark.filter(|benchmark| benchmark.source != BenchmarkSource::Estimated);
    let saved = measured.and_then(|benchmark| benchmark.change_percent).map(|change| -change);
    let recommendation = fetch_recommendation(write, id).await?;
    let found = match measured {
        None => WatchOutcome::NotMeasured,
        Some(benchmark) => {
            let dearer = benchmark.workload.iter().any(|effect| effect.is_dearer());
            outcome(benchmark.verdict, recommendation.predicted_percent(), saved, dearer)
        }
    };
    let sentence = match measured {
        Some(benchmark) => benchmark.watched(recommendation.predicted_percent()),
        None => {
            let estimated = benchmark.map(|benchmark| benchmark.source_reason.as_str());
            let why = reason.or(estimated).unwrap_or("it was stopped before its end");
            format!("It was not measured: {}.", why.trim_end_matches('.'))
        }
    };
    let watch = Watch { at: now(), job_id: job.id, outcome: found, sentence };
    sqlx::query(
        "UPDATE changes SET watch_json = ?2, watch_outcome = ?3, measured_percent = ?4 WHERE id = ?1",
    )
    .bind(change_id.to_string())
    .bind(to_json("watch_json", &watch)?)
    .bind(found.as_str())
    .bind(saved)
    .execute(&mut *write)
    .await?;
    let event = WatchMeasured {
        change_id,
        outcome: found,
        sentence: watch.sentence,
        predicted_percent: recommendation.predicted_percent(),
        measured_percent: saved,
    };
    let audit = AuditRecord {
        actor: Actor::itself().0,
        event: event.into(),
        database: recommendation.database.clone(),
        recommendation_id: Some(id),
        job_id: Some(job.id),
    };
    append(write, &audit).await?;
    match measured {
        Some(benchmark) => {
            note_prediction(write, job, &recommendation, benchmark.verdict, saved).await
        }
        None => Ok(()),
    }
}
