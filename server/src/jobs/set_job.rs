//! A benchmark of several recommendations as a job.

use std::time::Duration;

use optischema::model::{JobResult, Recommendation, SetBenchmark, TrackedStatement};

use super::context::JobContext;
use super::progress::Progress;
use super::sandbox::tag_of;
use crate::analysis::{functions_choice, places};
use crate::benchmark::{BenchmarkError, SetChange, SetQuestion, run_set};
use crate::sandbox::{ScratchKind, ScratchSchema};
use crate::sql::Patch;
use crate::store::{ClaimedJob, StoreError};

/// Runs it to its end.
pub(super) async fn measure(
    context: &JobContext,
    claimed: &ClaimedJob,
    progress: &Progress,
) -> Result<JobResult, BenchmarkError> {
    let set = together(context, claimed, progress).await?;
    Ok(JobResult::Set(Box::new(set)))
}

async fn together(
    context: &JobContext,
    claimed: &ClaimedJob,
    progress: &Progress,
) -> Result<SetBenchmark, BenchmarkError> {
    let store = |error: StoreError| BenchmarkError::Error(error.to_string());
    let settings = &context.settings;
    let Some(places) = places(settings) else {
        return Err(BenchmarkError::Error("no main database is configured".into()));
    };
    let mut recommendations: Vec<Recommendation> = Vec::new();
    for id in &claimed.job.members {
        recommendations.push(context.store.recommendation(*id).await.map_err(store)?);
    }
    let patches: Vec<Patch> = recommendations
        .iter()
        .map(|recommendation| Patch::parse(&recommendation.patch_sql))
        .collect::<Result<_, _>>()?;
    let changes: Vec<SetChange<'_>> = recommendations
        .iter()
        .zip(&patches)
        .map(|(recommendation, patch)| SetChange {
            recommendation_id: recommendation.id,
            title: &recommendation.title,
            patch_text: &recommendation.patch_sql,
            patch,
            tables: &recommendation.tables,
            replaces: Some(&recommendation.query_hash),
        })
        .collect();
    let database = recommendations.first().map(|first| first.database.clone()).unwrap_or_default();
    let queries = context.store.user_queries(&database).await.map_err(store)?;
    let tracked: Vec<TrackedStatement> = queries.into_iter().map(|query| query.statement).collect();
    let functions = functions_choice(settings, &context.store)
        .await
        .map_err(|error| BenchmarkError::Error(error.to_string()))?;
    let schema = ScratchSchema::new(ScratchKind::Benchmark, claimed.job.id.0);
    let seconds = Duration::from_secs(u64::from(settings.benchmark_seconds));
    let question = SetQuestion {
        changes: &changes,
        tracked: &tracked,
        name: tag_of(&claimed.job),
        schema: &schema,
        // The seed is the job's own, so that the same job is repeated the same way.
        seed: claimed.job.id.0.as_u64_pair().1,
        copy_limit_bytes: settings.copy_limit_bytes,
        sample_percent: settings.sample_percent,
        with_functions: functions.copied,
        // What one change gets, each of them gets.
        budget: seconds * u32::try_from(changes.len().max(1)).unwrap_or(u32::MAX),
        statement_timeout_s: settings.statement_timeout_s,
    };
    run_set(&question, &places, &mut |phase, fraction| progress.report(phase, fraction)).await
}
