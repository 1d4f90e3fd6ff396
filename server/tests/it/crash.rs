//! The real program is killed (-9) at each phase of each job type, and started again. Afterwards no job is lost, none was
//! run twice to effect, nothing of it is left in the sandbox, and the trail verifies.

use std::time::Duration;

use optischema::model::{Job, JobStatus, JobType, PhaseName, RecommendationId};
use serde_json::{Value, json};

use crate::fixture::{Shop, TITLE};
use crate::process::Process;
use crate::proposing::propose;

/// Phases of each job type at which it is killed, in the order in which they come.
const PHASES: &[(JobType, PhaseName)] = &[
    (JobType::Benchmark, PhaseName::AskingPlanner),
    (JobType::Benchmark, PhaseName::Copying),
    (JobType::Benchmark, PhaseName::Patching),
    (JobType::Benchmark, PhaseName::SummingUp),
    (JobType::Apply, PhaseName::CheckingSandbox),
    (JobType::Apply, PhaseName::Rehearsing),
    (JobType::Apply, PhaseName::WritingIntent),
    (JobType::Apply, PhaseName::Applying),
    (JobType::Apply, PhaseName::RunningStep),
    (JobType::Apply, PhaseName::PlanningAfter),
    (JobType::Apply, PhaseName::Recording),
    (JobType::Apply, PhaseName::Recorded),
    (JobType::Rollback, PhaseName::CheckingSandbox),
    (JobType::Rollback, PhaseName::WritingIntent),
    (JobType::Rollback, PhaseName::RunningStep),
    (JobType::Rollback, PhaseName::Recording),
    (JobType::Rollback, PhaseName::Recorded),
    (JobType::Analyze, PhaseName::ReadingWorkload),
    (JobType::Analyze, PhaseName::AdviceRecorded),
];

struct CrashSite {
    shop: Shop,
    id: RecommendationId,
}

impl CrashSite {
    /// A shop with a staging copy and one recommendation.
    async fn new() -> Self {
        let shop = Shop::start().await;
        shop.stage().await;
        let process = Process::start(&shop, None, &[]);
        let job = process.analyse().await;
        assert_eq!(process.ended(&job).await.status, JobStatus::Completed);
        let page = process.json("/api/recommendations").await;
        let found = page["items"].as_array().unwrap().iter().find(|item| item["title"] == TITLE);
        let id = found.unwrap()["id"].as_str().unwrap().parse().unwrap();
        process.kill();
        Self { shop, id }
    }

    async fn start_job(&self, process: &Process, kind: JobType) -> Option<String> {
        let id = self.id;
        match kind {
            JobType::Benchmark => process.post(&format!("/api/benchmark/{id}"), json!({})).await,
            JobType::Apply => {
                let body = json!({"override_reason": "crash test"});
                process.post(&format!("/api/apply/{id}"), body).await
            }
            JobType::Rollback => {
                process.post(&format!("/api/apply/{id}/rollback"), json!({})).await
            }
            JobType::Analyze => Some(process.analyse().await),
        }
    }

    /// Brings the recommendation to where a job of this type may start.
    async fn prepare(&self, process: &Process, kind: JobType) {
        let path = format!("/api/recommendations/{}", self.id);
        let applied = process.json(&path).await["status"] == "applied";
        let due = match (kind, applied) {
            (JobType::Rollback, false) => JobType::Apply,
            (JobType::Benchmark | JobType::Apply, true) => JobType::Rollback,
            _ => return,
        };
        let job = self.start_job(process, due).await.unwrap();
        let ended = process.ended(&job).await;
        assert_eq!(ended.status, JobStatus::Completed, "{:?}", ended.error_message);
    }

    /// Everything that must hold whenever nothing runs.
    async fn check(&self, process: &Process, context: &str) {
        let said = || format!("{context}\n{}", process.said());
        assert_eq!(self.shop.scratch_schemas().await, "", "no scratch schema: {}", said());
        let invalid = self
            .shop
            .text("staging", "SELECT string_agg(indexrelid::regclass::text, ' ') FROM pg_index WHERE NOT indisvalid")
            .await;
        assert_eq!(invalid, "", "no invalid index: {}", said());
        let running = self
            .shop
            .text(
                "staging",
                "SELECT string_agg(query, ' ') FROM pg_stat_activity WHERE application_name LIKE 'optischema job%'",
            )
            .await;
        assert_eq!(running, "", "nothing runs on: {}", said());
        let verified = process.json("/api/audit/verify").await;
        assert_eq!(verified["first_broken"], Value::Null, "the trail verifies: {}", said());
        // The store and the catalog say the same.
        let stands = !self
            .shop
            .text("staging", "SELECT to_regclass('public.\"Items_order_id_idx\"')::text")
            .await
            .is_empty();
        let recommendation = process.json(&format!("/api/recommendations/{}", self.id)).await;
        assert_eq!(recommendation["applied"], stands, "applied as the catalog says: {}", said());
        let changes = process.json("/api/apply/changes?status=applied").await;
        assert_eq!(changes.as_array().unwrap().len(), usize::from(stands), "{}", said());
        self.check_trail(process, context).await;
    }

    /// Each job that said what it meant said what became of it, once.
    async fn check_trail(&self, process: &Process, context: &str) {
        let rows = process.json("/api/audit/export").await;
        let count = |job: &str, action: &str| {
            let is = |row: &&Value| row["job_id"] == job && row["action"] == action;
            rows.as_array().unwrap().iter().filter(is).count()
        };
        for row in rows.as_array().unwrap() {
            let action = row["action"].as_str().unwrap();
            if let Some(kind) = action.strip_suffix(".intent") {
                let job = row["job_id"].as_str().unwrap();
                assert_eq!(count(job, action), 1, "{context}: meant once");
                assert_eq!(count(job, &format!("{kind}.outcome")), 1, "{context}: one outcome");
            }
        }
    }
}

/// What must have become of a job that was cut off.
fn check_end(job: &Job, phase: PhaseName) {
    match job.job_type {
        JobType::Benchmark | JobType::Analyze => {
            assert_eq!(job.status, JobStatus::Completed, "{phase}: {:?}", job.error_message);
            assert_eq!(job.attempts, 2, "{phase}: run again, once");
        }
        JobType::Apply | JobType::Rollback => {
            assert!(
                matches!(job.status, JobStatus::Completed | JobStatus::Failed),
                "{phase}: {job:?}"
            );
            assert_eq!(job.attempts, 1, "{phase}: never run again");
        }
    }
}

#[tokio::test]
async fn killed_at_each_phase_of_each_job_nothing_is_lost_or_done_twice() {
    let site = CrashSite::new().await;
    for (kind, phase) in PHASES {
        let process = Process::start(&site.shop, Some(*phase), &[]);
        // What brings it there must not stop there itself.
        drop(process);
        let process = Process::start(&site.shop, None, &[]);
        site.prepare(&process, *kind).await;
        process.kill();
        let process = Process::start(&site.shop, Some(*phase), &[]);
        let job = site.start_job(&process, *kind).await.expect("it is queued");
        assert!(process.paused().await, "{kind} came to \"{phase}\": {}", process.said());
        process.kill();
        let process = Process::start(&site.shop, None, &[]);
        let ended = process.ended(&job).await;
        check_end(&ended, *phase);
        process.idle().await;
        site.check(&process, &format!("{kind} killed at \"{phase}\"")).await;
        process.kill();
    }
}

/// Holds back whoever builds or drops an index concurrently.
async fn old_transaction(shop: &Shop) -> sqlx::postgres::PgConnection {
    let mut other = shop.connect("sandbox", "staging").await;
    for statement in ["BEGIN", "UPDATE public.\"Items\" SET note = 'held' WHERE id = 1"] {
        sqlx::query(statement).execute(&mut other).await.unwrap();
    }
    other
}

#[tokio::test]
async fn killed_while_postgresql_builds_or_drops_the_index_it_is_put_right() {
    let site = CrashSite::new().await;
    const STATE: &str = "SELECT string_agg(i.indisvalid::text, ',') FROM pg_index i
        JOIN pg_class c ON c.oid = i.indexrelid WHERE c.relname = 'Items_order_id_idx'";
    for kind in [JobType::Apply, JobType::Rollback] {
        let process = Process::start(&site.shop, None, &[("OPTISCHEMA_LOCK_TIMEOUT_S", "60")]);
        site.prepare(&process, kind).await;
        let other = old_transaction(&site.shop).await;
        let job = site.start_job(&process, kind).await.unwrap();
        for _ in 0..200 {
            if site.shop.text("staging", STATE).await == "false" {
                break;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        assert_eq!(site.shop.text("staging", STATE).await, "false", "half way");
        process.kill();
        // PostgreSQL is still at it. It is stopped, and what it leaves cannot be dropped while the old transaction lasts.
        let process = Process::start(&site.shop, None, &[("OPTISCHEMA_LOCK_TIMEOUT_S", "1")]);
        let ended = process.ended(&job).await;
        assert_eq!(ended.status, JobStatus::Failed, "{kind}");
        let said = ended.error_message.unwrap();
        assert!(said.contains("Items_order_id_idx"), "{kind}: what is left is said: {said}");
        drop(other);
        if kind == JobType::Apply {
            process.post("/api/apply/cleanup", json!({})).await;
        } else {
            let again = site.start_job(&process, kind).await.unwrap();
            assert_eq!(process.ended(&again).await.status, JobStatus::Completed);
        }
        site.check(&process, &format!("{kind} killed while PostgreSQL was at it")).await;
        process.kill();
    }
}

#[tokio::test]
async fn an_index_that_postgresql_writes_differently_is_known_again_after_a_crash() {
    let site = CrashSite::new().await;
    let patches = [
        "CREATE INDEX toys ON public.\"Items\" (order_id) WHERE kind = 'toy' AND price BETWEEN 1 AND 9",
        "CREATE INDEX low ON public.orders (lower(name::varchar)) WHERE name IN ('a', 'b')",
    ];
    for patch in patches {
        let id = propose(&site.shop, patch, &[]).await;
        let process = Process::start(&site.shop, Some(PhaseName::Recording), &[]);
        let body = json!({"override_reason": "crash test"});
        let job = process.post(&format!("/api/apply/{id}"), body).await.expect("it is queued");
        assert!(process.paused().await, "{}", process.said());
        process.kill();
        let process = Process::start(&site.shop, None, &[]);
        let ended = process.ended(&job).await;
        assert_eq!(ended.status, JobStatus::Completed, "{patch}: {:?}", ended.error_message);
        assert_eq!(process.json(&format!("/api/recommendations/{id}")).await["applied"], true);
        let undo = process.post(&format!("/api/apply/{id}/rollback"), json!({})).await.unwrap();
        assert_eq!(process.ended(&undo).await.status, JobStatus::Completed, "{patch}");
        site.check_trail(&process, patch).await;
        process.kill();
    }
}

/// `make soak`: killed at random moments, as often as `OPTISCHEMA_SOAK` says.
#[tokio::test]
#[ignore = "takes minutes: make soak runs it"]
async fn killed_at_random_moments_nothing_is_lost_or_done_twice() {
    let kills: u32 = option_env!("OPTISCHEMA_SOAK").and_then(|n| n.parse().ok()).unwrap_or(100);
    let site = CrashSite::new().await;
    let kinds = [JobType::Benchmark, JobType::Apply, JobType::Rollback, JobType::Analyze];
    let mut ends = std::collections::BTreeMap::<(String, String), u32>::new();
    for number in 0..kills {
        let kind = kinds[number as usize % kinds.len()];
        let process = Process::start(&site.shop, None, &[]);
        site.prepare(&process, kind).await;
        let job = site.start_job(&process, kind).await.expect("it is queued");
        let longest = if kind == JobType::Benchmark { 4000 } else { 700 };
        tokio::time::sleep(Duration::from_millis(fastrand::u64(0..longest))).await;
        process.kill();
        let process = Process::start(&site.shop, None, &[]);
        let ended = process.ended(&job).await;
        process.idle().await;
        site.check(&process, &format!("kill {number}: {kind}")).await;
        *ends.entry((kind.to_string(), ended.status.to_string())).or_default() += 1;
        process.kill();
    }
    println!("{kills} kills: {ends:?}");
}
