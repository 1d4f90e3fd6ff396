//! Nothing is lost when a process dies, and nothing is run twice to effect.

use std::time::Duration;

use optischema::audit::ApplyIntent;
use optischema::change_plan::{ChangePlan, Rehearsal, Touch};
use optischema::model::{
    CatalogObject, CatalogState, ChangeKind, ChangeStep, ChangedObject, Job, JobStatus, JobType,
    Phase, PhaseName, RecommendationId, StepLock, TableName,
};
use optischema_server::config::Settings;
use optischema_server::instance::{Instance, InstanceError};
use optischema_server::store::{AuditRecord, JobEnd, NewJob, Store, StoreError};
use serde_json::json;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection};

use crate::fixture::{App, Shop};

/// A job of an earlier process that was claimed and never ended.
async fn orphan(store: &Store, id: RecommendationId, job_type: JobType) -> Job {
    let reason = (job_type == JobType::Apply).then_some("test");
    let new = NewJob { override_reason: reason, ..NewJob::new(job_type, id, "test") };
    let job = store.enqueue(&new).await.unwrap();
    store.claim("an earlier boot", 1).await.unwrap().unwrap();
    job
}

/// What an apply of the index on the slow statement writes before it changes anything.
async fn write_intent(store: &Store, job: &Job) {
    let step = |title: &str, sql: &str| ChangeStep {
        title: title.into(),
        sql: sql.into(),
        lock: StepLock::ShareUpdateExclusive,
        in_transaction: false,
        follow_up: false,
        table: None,
    };
    let made = step("Build", "CREATE INDEX \"Items_order_id_idx\" ON public.\"Items\" (order_id)");
    let index = TableName::new("public", "Items_order_id_idx");
    let plan = ChangePlan {
        kind: ChangeKind::CreateIndex,
        tables: vec![TableName::new("public", "Items")],
        touches: vec![(CatalogObject::Index(index.clone()), Touch::Makes)],
        rollback: vec![step("Drop", "DROP INDEX CONCURRENTLY public.\"Items_order_id_idx\"")],
        no_rollback: None,
        object: ChangedObject {
            schema: index.schema,
            name: index.name,
            oid: None,
            definition: made.sql.clone(),
        },
        steps: vec![made],
        before: CatalogState::default(),
        marker: None,
        parts: Vec::new(),
        expected: None,
        rehearsal: Rehearsal::Nothing,
    };
    let intent = ApplyIntent {
        target: String::new(),
        database_id: None,
        sql: plan.sql(),
        rollback_sql: plan.rollback_sql(),
        no_rollback: None,
        sql_hash: String::new(),
        override_reason: None,
        before: CatalogState::default(),
        plan,
    };
    let record = AuditRecord {
        actor: "test".into(),
        event: intent.into(),
        database: "shop".into(),
        recommendation_id: job.recommendation_id,
        job_id: Some(job.id),
    };
    store.audit(&record).await.unwrap();
}

#[tokio::test]
async fn a_benchmark_whose_process_died_is_run_again_and_its_schema_is_gone() {
    let shop = Shop::start().await;
    let args = shop.settings();
    let app = App::start(&args).await;
    let id = app.analyzed().await.id;
    app.stop().await;

    // What a process leaves behind that died in the middle: a running job and its schema.
    let store = Store::open(&args.data_dir.clone().unwrap().join("optischema.db")).await.unwrap();
    let job = orphan(&store, id, JobType::Benchmark).await;
    store.close().await;
    let schema = format!("benchmark_job_{}", job.id.0.simple());
    let comment = json!({"optischema_job": job.id, "expires_at": "2999-01-01T00:00:00.000Z"});
    shop.run(
        "sandbox",
        "staging",
        &[
            &format!("CREATE SCHEMA {schema}"),
            &format!("COMMENT ON SCHEMA {schema} IS '{comment}'"),
            "CREATE SCHEMA benchmark_job_of_somebody_else",
        ],
    )
    .await;

    let app = App::start(&args).await;
    let ended = app.ended(&format!("/api/benchmark/{}", job.id)).await;
    assert_eq!(ended.status, JobStatus::Completed, "{:?}", ended.error_message);
    assert_eq!(ended.attempts, 2);
    assert_eq!(
        shop.scratch_schemas().await,
        "benchmark_job_of_somebody_else",
        "only its own is dropped"
    );
    app.stop().await;
}

#[tokio::test]
async fn an_apply_whose_process_died_is_reconciled_and_never_run_again() {
    let shop = Shop::start().await;
    shop.stage().await;
    let args = shop.settings();
    let app = App::start(&args).await;
    let id = app.analyzed().await.id;
    app.stop().await;
    let file = args.data_dir.clone().unwrap().join("optischema.db");

    // It died before it did anything: nothing stands, and nothing is tried again.
    let store = Store::open(&file).await.unwrap();
    let absent = orphan(&store, id, JobType::Apply).await;
    store.close().await;
    let app = App::start(&args).await;
    let ended = app.ended(&format!("/api/benchmark/{}", absent.id)).await;
    assert_eq!(ended.status, JobStatus::Failed);
    assert_eq!(ended.error_code.as_deref(), Some("cut_off_early"));
    app.stop().await;

    // It died after the index was built: the change is taken into the trail, and can be undone.
    let store = Store::open(&file).await.unwrap();
    let built = orphan(&store, id, JobType::Apply).await;
    write_intent(&store, &built).await;
    store.close().await;
    shop.run(
        "sandbox",
        "staging",
        &["CREATE INDEX \"Items_order_id_idx\" ON public.\"Items\" (order_id)"],
    )
    .await;
    let app = App::start(&args).await;
    let ended = app.ended(&format!("/api/benchmark/{}", built.id)).await;
    assert_eq!(ended.status, JobStatus::Completed, "{:?}", ended.error_message);
    assert_eq!(app.json(&format!("/api/recommendations/{id}")).await["status"], "applied");
    app.completed(&format!("/api/apply/{id}/rollback")).await;
    app.stop().await;
    let store = Store::open(&file).await.unwrap();
    assert_eq!(store.verify_audit().await.unwrap().first_broken, None);
}

#[tokio::test]
async fn an_index_that_was_never_meant_is_not_adopted() {
    let shop = Shop::start().await;
    shop.stage().await;
    let args = shop.settings();
    let app = App::start(&args).await;
    let id = app.analyzed().await.id;
    app.stop().await;
    let file = args.data_dir.clone().unwrap().join("optischema.db");
    // The process died before its intent was written; somebody else makes an index of that very form.
    let store = Store::open(&file).await.unwrap();
    let job = orphan(&store, id, JobType::Apply).await;
    store.close().await;
    let theirs = "CREATE INDEX \"Items_order_id_idx\" ON public.\"Items\" (order_id)";
    shop.run("sandbox", "staging", &[theirs]).await;
    let app = App::start(&args).await;
    let ended = app.ended(&format!("/api/benchmark/{}", job.id)).await;
    assert_eq!(ended.status, JobStatus::Failed);
    assert_eq!(app.json("/api/apply/changes").await.as_array().unwrap().len(), 0);
    app.stop().await;
}

#[tokio::test]
async fn while_the_sandbox_cannot_be_asked_an_orphan_waits() {
    let shop = Shop::start().await;
    shop.stage().await;
    let args = shop.settings();
    let app = App::start(&args).await;
    let id = app.analyzed().await.id;
    app.stop().await;
    let file = args.data_dir.clone().unwrap().join("optischema.db");
    let store = Store::open(&file).await.unwrap();
    let job = orphan(&store, id, JobType::Apply).await;
    write_intent(&store, &job).await;
    store.close().await;
    let made = "CREATE INDEX \"Items_order_id_idx\" ON public.\"Items\" (order_id)";
    shop.run("sandbox", "staging", &[made]).await;
    shop.run("postgres", "postgres", &["ALTER ROLE sandbox NOLOGIN"]).await;
    let app = App::start(&args).await;
    let location = format!("/api/benchmark/{}", job.id);
    let mut phase = None;
    for _ in 0..100 {
        let now: Job = app.get(&location).await.json().await.unwrap();
        assert_eq!(now.status, JobStatus::Running);
        phase = now.phase_detail.map(|phase| phase.name());
        if phase == Some(PhaseName::AwaitingOutcome) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(phase, Some(PhaseName::AwaitingOutcome));
    shop.run("postgres", "postgres", &["ALTER ROLE sandbox LOGIN"]).await;
    assert_eq!(app.ended(&location).await.status, JobStatus::Completed);
    assert_eq!(app.json(&format!("/api/recommendations/{id}")).await["status"], "applied");
    app.stop().await;
}

/// Rows that nothing of ours wrote: neither the trail nor the clean-up stops at them.
#[tokio::test]
async fn rows_that_cannot_be_read_cost_only_themselves() {
    let shop = Shop::start().await;
    shop.stage().await;
    let args = shop.settings();
    let app = App::start(&args).await;
    let id = app.analyzed().await.id;
    app.stop().await;
    let file = args.data_dir.clone().unwrap().join("optischema.db");
    let mut raw = SqliteConnectOptions::new().filename(&file).connect().await.unwrap();
    for (sequence, action) in [(1, "apply.intent"), (2, "made.up")] {
        sqlx::query(
            "INSERT INTO audit_log (sequence, at, actor, action, database, recommendation_id, detail_json, previous_hash, hash)
             VALUES (?1, '2026-01-01T00:00:00.000Z', 'x', ?2, 'shop', ?3, '{}', ?4, 'x')",
        )
        .bind(sequence)
        .bind(action)
        .bind(id.to_string())
        .bind(if sequence == 1 { "0".repeat(64) } else { "x".to_owned() })
        .execute(&mut raw)
        .await
        .unwrap();
    }
    raw.close().await.unwrap();
    let app = App::start(&args).await;
    let page = app.json("/api/audit").await;
    assert_eq!(page["items"][0]["action"], "made.up");
    assert_eq!(app.json("/api/audit/verify").await["first_broken"], 1);
    assert_eq!(app.post("/api/apply/cleanup").await.status(), 200);
    app.stop().await;
}

#[tokio::test]
async fn one_data_folder_has_one_process() {
    let shop = Shop::start().await;
    let args = shop.settings();
    let app = App::start(&args).await;
    let second = Instance::start(Settings::resolve(&args).unwrap()).await;
    assert!(matches!(second.err(), Some(InstanceError::Locked(_))));
    app.stop().await;
    let third = Instance::start(Settings::resolve(&args).unwrap()).await.unwrap();
    third.stop().await;
}

#[tokio::test]
async fn a_lease_that_was_lost_stops_its_holder() {
    let shop = Shop::start().await;
    let args = shop.settings();
    let app = App::start(&args).await;
    let id = app.analyzed().await.id;
    app.stop().await;
    let store = Store::open(&args.data_dir.clone().unwrap().join("optischema.db")).await.unwrap();
    store.enqueue(&NewJob::new(JobType::Benchmark, id, "test")).await.unwrap();
    let first = store.claim("boot 1", 1).await.unwrap().unwrap();
    assert!(
        store.claim("boot 1", 1).await.unwrap().is_none(),
        "a claimed job is not claimed twice"
    );
    store.take_orphans("boot 2", &[]).await.unwrap();
    tokio::time::sleep(Duration::from_millis(5)).await;
    assert!(matches!(store.renew(&first.lease).await, Err(StoreError::LeaseLost)));
    let written = store.report_progress(&first.lease, &Phase::SummingUp, 0.5).await;
    assert!(matches!(written, Err(StoreError::LeaseLost)));
    assert!(store.finish(&first.lease, &JobEnd::Cancelled(None)).await.is_err());
}

#[tokio::test]
async fn a_database_that_goes_away_under_a_benchmark_ends_it_with_a_reason() {
    let shop = Shop::start().await;
    let app = App::start(&shop.settings()).await;
    let id = app.analyzed().await.id;
    let response = app.post(&format!("/api/benchmark/{id}")).await;
    let location = response.headers()["location"].to_str().unwrap().to_owned();
    for _ in 0..500 {
        if !shop.scratch_schemas().await.is_empty() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    shop.cluster.crash().await.unwrap();
    let job = app.ended(&location).await;
    assert_eq!(job.status, JobStatus::Error, "{job:?}");
    assert!(!job.error_message.unwrap().is_empty());
    assert_eq!(app.get("/api/recommendations").await.status(), 200, "the rest keeps working");
    app.stop().await;
}
