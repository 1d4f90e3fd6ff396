//! A benchmark as a job: where it runs, and that nothing of it is left.

use std::time::Duration;

use optischema::model::{JobResult, TrackedStatement};

use super::progress::Progress;
use super::worker::Worker;
use crate::benchmark::{BenchmarkError, BenchmarkRequest, estimated_result, run_benchmark};
use crate::postgres::{
    MainSession, PgFailure, Session, check_sandbox, connect_main, connect_writable, main_is_refused,
};
use crate::sandbox::{ScratchKind, ScratchSchema, drop_scratch};
use crate::store::{ClaimedJob, JobEnd};

fn schema_of(claimed: &ClaimedJob) -> ScratchSchema {
    ScratchSchema::new(ScratchKind::Benchmark, claimed.job.id.0)
}

/// What the server shows as the name of the job's connections, so that they can be found and stopped.
fn tag_of(claimed: &ClaimedJob) -> String {
    format!("optischema job {}", claimed.job.id)
}

/// Names the connection after the job.
pub(super) async fn tag(
    connection: &mut sqlx::postgres::PgConnection,
    claimed: &ClaimedJob,
) -> Result<(), PgFailure> {
    sqlx::query("SELECT set_config('application_name', $1, false)")
        .bind(tag_of(claimed))
        .execute(connection)
        .await?;
    Ok(())
}

/// Runs it to its end.
pub(super) async fn run(worker: &Worker, claimed: &ClaimedJob, progress: &Progress) -> JobEnd {
    match measure(worker, claimed, progress).await {
        Ok(result) => JobEnd::Completed(JobResult::Benchmark(Box::new(result))),
        Err(BenchmarkError::Failed(reason)) => JobEnd::Failed(reason),
        Err(BenchmarkError::Error(reason)) => JobEnd::Error(reason),
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
    let Some(main) = &settings.main_url else {
        return Err(BenchmarkError::Error("no main database is configured".into()));
    };
    let Some(sandbox) = &settings.sandbox_url else {
        return Ok(estimated_result(&recommendation, "no sandbox is configured."));
    };
    let health = check_sandbox(Some(sandbox), Some(main), settings.allow_same_server).await;
    if let Some(reason) = main_is_refused(&health) {
        return Ok(estimated_result(&recommendation, &reason));
    }
    let statement = worker
        .store
        .query(&recommendation.database, &recommendation.query_hash)
        .await
        .map_err(store)?
        .map(|query| query.statement);
    let Some(TrackedStatement { plannable: Ok(plannable), .. }) = statement else {
        return Err(BenchmarkError::Failed(
            "the statement behind it is no longer in the workload: analyse again".into(),
        ));
    };
    let bindings: Vec<optischema::model::Binding> =
        plannable.bindings.iter().filter(|b| b.kind.is_representative()).cloned().collect();
    let key = format!("search_path:{}", recommendation.database);
    let path = worker.store.setting(&key).await.map_err(store)?.unwrap_or_default();
    let search_path: Vec<String> = serde_json::from_str(&path).unwrap_or_default();
    let schema = schema_of(claimed);
    let mut session = connect_writable(sandbox, settings.statement_timeout_s).await?;
    tag(&mut session.connection, claimed).await?;
    let mut reading = MainSession::begin(main).await?;
    reading.use_own_path().await?;
    tag(reading.connection(), claimed).await?;
    // The seed is the job's own, so that the same job is repeated the same way.
    let seed = claimed.job.id.0.as_u64_pair().1;
    let request = BenchmarkRequest {
        shape: &plannable.shape,
        bindings: &bindings,
        patch_sql: &recommendation.patch_sql,
        schema: &schema,
        seed,
        copy_limit_bytes: settings.copy_limit_bytes,
        sample_percent: settings.sample_percent,
        budget: Duration::from_secs(u64::from(settings.benchmark_seconds)),
        search_path: &search_path,
    };
    run_benchmark(&request, reading, &mut session, &mut |phase, fraction| {
        progress.report(phase, fraction);
    })
    .await
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
    let dropped = async {
        let mut session = connect_writable(dsn, worker.settings.statement_timeout_s).await?;
        drop_scratch(&mut session.connection, &schema).await
    };
    if let Err(error) = dropped.await {
        tracing::warn!(job = %claimed.job.id, %error, "the scratch schema stays until the next sweep");
    }
}

/// Cancels what the job's connections are doing, on the sandbox and on main, and waits for them to go.
pub(super) async fn stop_backends(worker: &Worker, claimed: &ClaimedJob) {
    let tag = tag_of(claimed);
    if let Some(dsn) = &worker.settings.sandbox_url {
        stop_on(connect_writable(dsn, 30).await, &tag).await;
    }
    if let Some(dsn) = &worker.settings.main_url {
        stop_on(connect_main(dsn).await, &tag).await;
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
