//! The queue by itself: many workers, leases that run out, jobs that wait for jobs, tries that wait.

use std::collections::BTreeSet;
use std::time::Instant;

use optischema::model::{
    AnalysisOutcome, Job, JobId, JobResult, JobStatus, JobType, Phase, RecommendationId,
    RecommendationType,
};
use optischema_server::store::{JobEnd, JobFailure, NewJob, Store, StoreError};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection};

use crate::proposing::proposal;

struct Bench {
    folder: tempfile::TempDir,
    store: Store,
}

impl Bench {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("optischema.db")).await.unwrap();
        Self { folder, store }
    }

    async fn recommendation(&self, number: usize) -> RecommendationId {
        let patch = format!("CREATE INDEX i{number} ON public.t (a)");
        let proposal = proposal(&patch, RecommendationType::Index, &[]);
        self.store.add_typed("shop", &proposal).await.unwrap().id
    }

    /// Something done to the file behind the store's back.
    async fn behind(&self, statement: &'static str) {
        let file = self.folder.path().join("optischema.db");
        let mut raw = SqliteConnectOptions::new().filename(file).connect().await.unwrap();
        sqlx::query(statement).execute(&mut raw).await.unwrap();
        raw.close().await.unwrap();
    }
}

fn done() -> JobEnd {
    JobEnd::Completed(JobResult::Analysis(AnalysisOutcome {
        recommendations: 0,
        rejected: 0,
        statements: 0,
        statements_planned: 0,
    }))
}

async fn status(store: &Store, id: JobId) -> Job {
    store.job(id).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_thousand_jobs_are_claimed_once_each_by_eight_at_once() {
    const JOBS: usize = 1000;
    const WORKERS: usize = 8;
    let bench = Bench::new().await;
    for number in 0..JOBS {
        let id = bench.recommendation(number).await;
        bench.store.enqueue(&NewJob::new(JobType::Benchmark, id, "test")).await.unwrap();
    }
    let started = Instant::now();
    let mut workers = tokio::task::JoinSet::new();
    for worker in 0..WORKERS {
        // A store of its own, as another process would have.
        let file = bench.folder.path().join("optischema.db");
        workers.spawn(async move {
            let store = Store::open(&file).await.unwrap();
            let mut claimed = Vec::new();
            while let Some(job) = store.claim(&format!("boot {worker}"), 100_000).await.unwrap() {
                claimed.push(job.job.id);
                store.finish(&job.lease, &done()).await.unwrap();
            }
            store.close().await;
            claimed
        });
    }
    let claimed: Vec<JobId> = workers.join_all().await.into_iter().flatten().collect();
    let seconds = started.elapsed().as_secs_f64();
    println!("{:.0} claims and ends per second by {WORKERS} at once", JOBS as f64 / seconds);
    let distinct: BTreeSet<JobId> = claimed.iter().copied().collect();
    assert_eq!((claimed.len(), distinct.len()), (JOBS, JOBS), "each once, and all of them");
}

fn failure(message: &str) -> JobFailure {
    JobFailure::new("test", message)
}

#[tokio::test]
async fn a_server_has_no_more_jobs_at_once_than_it_may() {
    let bench = Bench::new().await;
    let store = &bench.store;
    for (number, target) in ["a:1", "a:1", "b:1"].into_iter().enumerate() {
        let id = bench.recommendation(number).await;
        let job = NewJob { target, ..NewJob::new(JobType::Benchmark, id, "test") };
        store.enqueue(&job).await.unwrap();
    }
    let first = store.claim("boot", 1).await.unwrap().unwrap();
    let second = store.claim("boot", 1).await.unwrap().unwrap();
    assert_eq!((first.job.target.as_str(), second.job.target.as_str()), ("a:1", "b:1"));
    assert!(store.claim("boot", 1).await.unwrap().is_none(), "a:1 is busy");
    store.finish(&first.lease, &done()).await.unwrap();
    assert_eq!(store.claim("boot", 1).await.unwrap().unwrap().job.target, "a:1");
}

#[tokio::test]
async fn a_lease_that_ran_out_is_taken_and_its_holder_must_stop() {
    let bench = Bench::new().await;
    let store = &bench.store;
    let id = bench.recommendation(1).await;
    let job = NewJob { override_reason: Some("x"), ..NewJob::new(JobType::Apply, id, "test") };
    store.enqueue(&job).await.unwrap();
    let held = store.claim("boot", 1).await.unwrap().unwrap();
    assert!(store.take_orphans("boot", &[]).await.unwrap().is_empty(), "it is renewed");
    bench.behind("UPDATE benchmark_jobs SET lease_expires_at = '2000-01-01T00:00:00.000Z'").await;
    assert!(
        store.take_orphans("boot", &[held.job.id]).await.unwrap().is_empty(),
        "it is worked on"
    );
    let taken = store.take_orphans("boot", &[]).await.unwrap().remove(0);
    for late in [
        store.renew(&held.lease).await.map(drop),
        store.report_progress(&held.lease, &Phase::SummingUp, 0.5).await,
        store.finish(&held.lease, &done()).await,
    ] {
        assert!(matches!(late, Err(StoreError::LeaseLost)), "{late:?}");
    }
    assert_eq!(status(store, held.job.id).await.status, JobStatus::Running);
    store.finish(&taken.lease, &JobEnd::Failed(failure("absent"))).await.unwrap();
    assert_eq!(status(store, held.job.id).await.status, JobStatus::Failed);
}

#[tokio::test]
async fn a_job_that_could_not_run_is_tried_three_times_with_growing_waits() {
    let bench = Bench::new().await;
    let store = &bench.store;
    let id = bench.recommendation(1).await;
    let job = store.enqueue(&NewJob::new(JobType::Benchmark, id, "test")).await.unwrap();
    for attempt in 1..=3 {
        let claimed = store.claim("boot", 1).await.unwrap().expect("it is due");
        assert_eq!(claimed.job.attempts, attempt);
        store.finish(&claimed.lease, &JobEnd::Later(failure("the server is away"))).await.unwrap();
        assert!(store.claim("boot", 1).await.unwrap().is_none(), "not at once");
        bench.behind("UPDATE benchmark_jobs SET not_before = NULL").await;
    }
    let ended = status(store, job.id).await;
    assert_eq!(ended.status, JobStatus::Error);
    assert_eq!(ended.error_message.as_deref(), Some("the server is away"));
}

#[tokio::test]
async fn what_waits_for_a_job_that_fails_is_cancelled_with_all_that_waits_for_it() {
    let bench = Bench::new().await;
    let store = &bench.store;
    let mut jobs = Vec::new();
    for number in 0..3 {
        let id = bench.recommendation(number).await;
        jobs.push(NewJob::new(JobType::Benchmark, id, "test"));
    }
    let queued = store.enqueue_chain(&jobs).await.unwrap();
    let first = store.claim("boot", 9).await.unwrap().unwrap();
    assert_eq!(first.job.id, queued[0].id);
    assert!(store.claim("boot", 9).await.unwrap().is_none(), "the others wait");
    store.finish(&first.lease, &done()).await.unwrap();
    let second = store.claim("boot", 9).await.unwrap().unwrap();
    store.finish(&second.lease, &JobEnd::Failed(failure("no"))).await.unwrap();
    assert_eq!(status(store, queued[2].id).await.status, JobStatus::Cancelled);
}

#[tokio::test]
async fn a_second_analysis_is_the_first_one() {
    let bench = Bench::new().await;
    let analysis = || NewJob {
        job_type: JobType::Analyze,
        database: "shop",
        recommendation_id: None,
        ..NewJob::new(JobType::Analyze, RecommendationId(uuid()), "test")
    };
    let first = bench.store.enqueue(&analysis()).await.unwrap();
    let second = bench.store.enqueue(&analysis()).await.unwrap();
    assert_eq!(first.id, second.id);
    assert_eq!(first.recommendation_id, None);
}

fn uuid() -> uuid::Uuid {
    optischema_server::clock::new_id()
}

#[tokio::test]
async fn what_ended_long_ago_is_removed_and_what_runs_is_not() {
    let bench = Bench::new().await;
    let store = &bench.store;
    let mut ids = Vec::new();
    for number in 0..2 {
        let id = bench.recommendation(number).await;
        ids.push(store.enqueue(&NewJob::new(JobType::Benchmark, id, "test")).await.unwrap().id);
    }
    let claimed = store.claim("boot", 9).await.unwrap().unwrap();
    store.finish(&claimed.lease, &done()).await.unwrap();
    assert_eq!(store.remove_old_jobs(24).await.unwrap(), 0);
    bench
        .behind("UPDATE benchmark_jobs SET completed_at = '2000-01-01T00:00:00.000Z' WHERE completed_at IS NOT NULL")
        .await;
    assert_eq!(store.remove_old_jobs(24).await.unwrap(), 1);
    assert!(store.job(ids[0]).await.is_err() && store.job(ids[1]).await.is_ok());
}

#[tokio::test]
async fn one_change_at_a_time_is_claimed_on_a_server_however_much_else_runs_there() {
    let bench = Bench::new().await;
    let mut jobs = Vec::new();
    for (number, job_type) in
        [JobType::Apply, JobType::Apply, JobType::Benchmark].into_iter().enumerate()
    {
        let id = bench.recommendation(number).await;
        let job = NewJob {
            target: "server",
            override_reason: Some("test"),
            ..NewJob::new(job_type, id, "test")
        };
        jobs.push(bench.store.enqueue(&job).await.unwrap().id);
    }
    let claim = async || bench.store.claim("boot", 4).await.unwrap();
    let first = claim().await.unwrap();
    assert_eq!(first.job.id, jobs[0]);
    assert_eq!(claim().await.unwrap().job.id, jobs[2], "a benchmark goes beside it");
    assert_eq!(claim().await, None, "the second change waits");
    bench.store.finish(&first.lease, &JobEnd::Failed(failure("no"))).await.unwrap();
    assert_eq!(claim().await.unwrap().job.id, jobs[1]);
}
