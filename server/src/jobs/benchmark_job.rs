//! A benchmark as a job: where it runs, and that nothing of it is left.

use std::time::Duration;

use optischema::model::{JobResult, TrackedStatement};

use super::progress::Progress;
use super::worker::Worker;
use crate::benchmark::{
    BenchmarkError, BenchmarkRequest, Places, cases_for, run_benchmark, typed_cases,
};
use crate::config::Settings;
use crate::postgres::{Dsn, PgFailure, Session, connect_main, connect_writable};
use crate::sandbox::{SandboxError, ScratchKind, ScratchSchema, drop_scratch};
use crate::sql::Patch;
use crate::store::{ClaimedJob, JobEnd};

/// Seconds that dropping a scratch schema may take.
const DROPPING_S: u32 = 300;

fn schema_of(claimed: &ClaimedJob) -> ScratchSchema {
    ScratchSchema::new(ScratchKind::Benchmark, claimed.job.id.0)
}

/// What the server shows as the name of the job's connections, so that they can be found and stopped.
fn tag_of(claimed: &ClaimedJob) -> String {
    format!("optischema job {}", claimed.job.id)
}

/// Names the connection after the job.
pub(super) async fn tag(session: &mut Session, claimed: &ClaimedJob) -> Result<(), PgFailure> {
    session.name(&tag_of(claimed)).await
}

/// Runs it to its end.
pub(super) async fn run(worker: &Worker, claimed: &ClaimedJob, progress: &Progress) -> JobEnd {
    match measure(worker, claimed, progress).await {
        Ok(result) => JobEnd::Completed(JobResult::Benchmark(Box::new(result))),
        Err(error) => match error.refusal() {
            Ok(reason) => JobEnd::Failed(reason),
            Err(error) => JobEnd::Error(error.to_string()),
        },
    }
}

async fn measure(
    worker: &Worker,
    claimed: &ClaimedJob,
    progress: &Progress,
) -> Result<optischema::model::BenchmarkResult, BenchmarkError> {
    let store = |error: crate::store::StoreError| BenchmarkError::Error(error.to_string());
    let settings = &worker.settings;
    let recommendation =
        worker.store.recommendation(claimed.job.recommendation_id).await.map_err(store)?;
    let Some(places) = places(settings) else {
        return Err(BenchmarkError::Error("no main database is configured".into()));
    };
    let queries = worker.store.user_queries(&recommendation.database).await.map_err(store)?;
    let tracked: Vec<TrackedStatement> = queries.into_iter().map(|query| query.statement).collect();
    let patch = Patch::parse(&recommendation.patch_sql)?;
    let cases = if recommendation.is_typed() {
        typed_cases(&places.main, &recommendation.original_sql, "the statement").await?
    } else {
        cases_for(&recommendation, &tracked)?
    };
    let schema = schema_of(claimed);
    let request = BenchmarkRequest {
        cases: &cases,
        patch: &patch,
        patch_text: &recommendation.patch_sql,
        concerned: &recommendation.tables,
        others: &tracked,
        name: tag_of(claimed),
        schema: &schema,
        // The seed is the job's own, so that the same job is repeated the same way.
        seed: claimed.job.id.0.as_u64_pair().1,
        copy_limit_bytes: settings.copy_limit_bytes,
        sample_percent: settings.sample_percent,
        budget: Duration::from_secs(u64::from(settings.benchmark_seconds)),
        statement_timeout_s: settings.statement_timeout_s,
        rewritten_shape: None,
    };
    run_benchmark(request, &places, &mut |phase, fraction| progress.report(phase, fraction)).await
}

/// The databases of a benchmark; absent without main.
pub(crate) fn places(settings: &Settings) -> Option<Places> {
    Some(Places {
        main: settings.main_url.clone()?,
        sandbox: settings.sandbox_url.clone(),
        replica: settings.replica_url.clone(),
        allow_same_server: settings.allow_same_server,
    })
}

/// Drops the job's schema, whatever the end. An interrupted job's connections are stopped first.
pub(super) async fn clean(worker: &Worker, claimed: &ClaimedJob, interrupted: bool) {
    if interrupted {
        stop_backends(worker, claimed).await;
    }
    drop_schema(worker, claimed, ScratchKind::Benchmark).await;
}

/// Drops a scratch schema of the job.
pub(super) async fn drop_schema(worker: &Worker, claimed: &ClaimedJob, kind: ScratchKind) {
    let Some(dsn) = &worker.settings.sandbox_url else { return };
    let schema = ScratchSchema::new(kind, claimed.job.id.0);
    if let Err(error) = drop_schema_in(dsn, &schema).await {
        tracing::warn!(job = %claimed.job.id, %error, "the scratch schema stays until the next sweep");
    }
}

/// Drops a scratch schema.
pub(crate) async fn drop_schema_in(dsn: &Dsn, schema: &ScratchSchema) -> Result<(), SandboxError> {
    let mut session = connect_writable(dsn, DROPPING_S).await?;
    drop_scratch(&mut session.connection, schema).await
}

/// Cancels what the job's connections are doing, on the sandbox and on main, and waits for them to go.
pub(super) async fn stop_backends(worker: &Worker, claimed: &ClaimedJob) {
    stop_named(&worker.settings, &tag_of(claimed)).await;
}

/// Cancels what connections of that name are doing, on every target, and waits for them to go.
pub(crate) async fn stop_named(settings: &Settings, name: &str) {
    for dsn in [&settings.sandbox_url, &settings.replica_url].into_iter().flatten() {
        stop_on(connect_writable(dsn, 30).await, name).await;
    }
    if let Some(dsn) = &settings.main_url {
        stop_on(connect_main(dsn).await, name).await;
    }
}

async fn stop_on(session: Result<Session, PgFailure>, tag: &str) {
    let stopped = async {
        let mut session = session?;
        for attempt in 0..50 {
            // First a cancel, which lets a statement end in order; then the end of the connection.
            let text = if attempt < 5 {
                "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE application_name = $1
                     AND usename = current_user"
            } else {
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = $1
                     AND usename = current_user"
            };
            let found = sqlx::query(text).bind(tag).fetch_all(&mut session.connection).await?;
            if found.is_empty() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        Ok::<(), PgFailure>(())
    };
    if let Err(failure) = stopped.await {
        tracing::warn!(%failure, "the job's connections could not be stopped");
    }
}
