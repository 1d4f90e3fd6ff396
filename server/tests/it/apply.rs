//! Changes can be undone, drift is seen, and the trail cannot be rewritten.

use optischema::audit::{AuditAction, SandboxDropped};
use optischema::model::{BenchmarkSource, Change, JobStatus};
use optischema_server::config::SettingsArgs;
use reqwest::StatusCode;
use serde_json::json;
use sqlx::Row;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection};

use crate::fixture::{App, Shop};
use crate::proposing::{applied, propose};

async fn changes(app: &App) -> Vec<Change> {
    serde_json::from_value(app.json("/api/apply/changes").await).unwrap()
}

#[tokio::test]
async fn an_override_is_recorded_and_the_change_can_be_undone() {
    let shop = Shop::start().await;
    shop.stage().await;
    let before = shop.fingerprint("staging").await;
    let app = App::start(&shop.settings()).await;
    let id = app.analyzed().await.id;
    let response = app
        .post_json(&format!("/api/apply/{id}"), &json!({"override_reason": "known to help"}))
        .await;
    assert_eq!(response.status(), StatusCode::ACCEPTED);
    let location = response.headers()["location"].to_str().unwrap().to_owned();
    let job = app.ended(&location).await;
    assert_eq!(job.status, JobStatus::Completed, "{:?}", job.error_message);
    let change = changes(&app).await.remove(0);
    assert_eq!(change.override_reason.as_deref(), Some("known to help"));
    assert_eq!(change.rollback_sql, "DROP INDEX CONCURRENTLY \"public\".\"Items_order_id_idx\"");
    assert!(change.object.oid.is_some());
    assert_eq!(app.json("/api/apply/status").await["applied"], 1);
    // Applied once, it is not applied twice, dismissed, or benchmarked against itself.
    for (path, reason) in [
        (format!("/api/apply/{id}"), "already_applied"),
        (format!("/api/recommendations/{id}/dismiss"), "applied"),
        (format!("/api/benchmark/{id}"), "applied"),
    ] {
        let refused = app.post(&path).await;
        assert_eq!(refused.status(), StatusCode::CONFLICT, "{path}");
        let problem: serde_json::Value = refused.json().await.unwrap();
        assert_eq!(problem["reason"], reason, "{path}");
    }
    app.completed(&format!("/api/apply/{id}/rollback")).await;
    assert_eq!(shop.fingerprint("staging").await, before);
    assert_eq!(app.json(&format!("/api/recommendations/{id}")).await["status"], "pending");
    app.stop().await;
}

#[tokio::test]
async fn a_benchmark_that_measured_nothing_does_not_take_the_place_of_a_reason() {
    let shop = Shop::start().await;
    let unreachable = Some("postgres://a:b@127.0.0.1:1/c".parse().unwrap());
    let app =
        App::start(&SettingsArgs { sandbox_url: unreachable.clone(), ..shop.settings() }).await;
    let id = app.analyzed().await.id;
    let job = app.completed(&format!("/api/benchmark/{id}")).await;
    assert_eq!(job.result.unwrap().benchmark().unwrap().source, BenchmarkSource::Estimated);
    app.stop().await;

    let app = App::start(&shop.settings()).await;
    assert_eq!(app.json(&format!("/api/apply/{id}/plan")).await["needs_override"], true);
    assert_eq!(app.post(&format!("/api/apply/{id}")).await.status(), StatusCode::CONFLICT);
    app.completed(&format!("/api/benchmark/{id}")).await;
    assert_eq!(app.json(&format!("/api/apply/{id}/plan")).await["needs_override"], false);
    app.stop().await;
}

#[tokio::test]
async fn without_the_staging_tables_apply_says_what_to_do() {
    let shop = Shop::start().await;
    let app = App::start(&shop.settings()).await;
    let id = app.analyzed().await.id;
    let response = app
        .post_json(&format!("/api/apply/{id}"), &json!({"override_reason": "for the test"}))
        .await;
    let job = app.ended(response.headers()["location"].to_str().unwrap()).await;
    assert_eq!(job.status, JobStatus::Failed);
    assert_eq!(job.error_code.as_deref(), Some("table_missing"));
    assert_eq!(shop.scratch_schemas().await, "");
    app.stop().await;
}

#[tokio::test]
async fn an_object_that_changed_since_stops_the_rollback() {
    let shop = Shop::start().await;
    shop.stage().await;
    let app = App::start(&shop.settings()).await;
    let id = app.analyzed().await.id;
    let response =
        app.post_json(&format!("/api/apply/{id}"), &json!({"override_reason": "drift"})).await;
    app.ended(response.headers()["location"].to_str().unwrap()).await;
    shop.run(
        "sandbox",
        "staging",
        &[
            "DROP INDEX public.\"Items_order_id_idx\"",
            "CREATE INDEX \"Items_order_id_idx\" ON public.\"Items\" (price)",
        ],
    )
    .await;
    let job = app.job(&format!("/api/apply/{id}/rollback")).await;
    assert_eq!(job.status, JobStatus::Failed);
    assert_eq!(job.error_code.as_deref(), Some("object_altered"));
    assert_eq!(changes(&app).await[0].status.as_str(), "drifted");
    // The recommendation is no dead end: it can be dismissed, or applied anew.
    assert_eq!(app.json(&format!("/api/recommendations/{id}")).await["status"], "pending");
    let still = shop
        .text("staging", "SELECT pg_get_indexdef('public.\"Items_order_id_idx\"'::regclass)")
        .await;
    assert!(still.contains("price"), "somebody else's index is left alone: {still}");
    app.stop().await;
}

#[tokio::test]
async fn what_stands_in_another_sandbox_has_not_drifted() {
    let shop = Shop::start().await;
    shop.stage().await;
    let app = App::start(&shop.settings()).await;
    let id = propose(&shop, "CREATE INDEX here ON public.orders (name)", &[]).await;
    applied(&app, id).await;
    app.stop().await;
    shop.run("postgres", "postgres", &["CREATE DATABASE other OWNER sandbox"]).await;
    let other = Some(shop.url("sandbox", "other").parse().unwrap());
    let app = App::start(&SettingsArgs { sandbox_url: other, ..shop.settings() }).await;
    let job = app.job(&format!("/api/apply/{id}/rollback")).await;
    assert_eq!(job.status, JobStatus::Failed);
    assert_eq!(job.error_code.as_deref(), Some("made_elsewhere"));
    let said = job.error_message.unwrap();
    assert!(said.contains("/staging"), "{said}");
    app.stop().await;
    let app = App::start(&shop.settings()).await;
    app.completed(&format!("/api/apply/{id}/rollback")).await;
    app.stop().await;
}

#[tokio::test]
async fn an_invalid_index_of_main_is_left_alone_where_main_is_named_as_the_sandbox() {
    let shop = Shop::start().await;
    let invalid = [
        "CREATE INDEX broken ON orders (name)",
        "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'broken'::regclass",
    ];
    shop.run("postgres", "shop", &invalid).await;
    propose(&shop, "CREATE INDEX broken ON public.orders (name)", &[]).await;
    // A role that may well drop it.
    let main = Some(shop.url("postgres", "shop").parse().unwrap());
    let app = App::start(&SettingsArgs { sandbox_url: main, ..shop.settings() }).await;
    let response = app.post("/api/apply/cleanup").await;
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    // The worker tidies as soon as it has started.
    tokio::time::sleep(std::time::Duration::from_secs(3)).await;
    assert_eq!(shop.text("shop", "SELECT to_regclass('broken')::text").await, "broken");
    app.stop().await;
}

#[tokio::test]
async fn a_failed_build_leaves_no_invalid_index() {
    let shop = Shop::start().await;
    shop.stage().await;
    let before = shop.fingerprint("staging").await;
    let app = App::start(&shop.settings()).await;
    let id = app.analyzed().await.id;
    // A lock that is never granted: another session holds the table until the build gives up.
    let mut other = shop.connect("sandbox", "staging").await;
    sqlx::query("BEGIN").execute(&mut other).await.unwrap();
    sqlx::query("LOCK TABLE public.\"Items\" IN ACCESS EXCLUSIVE MODE")
        .execute(&mut other)
        .await
        .unwrap();
    let response =
        app.post_json(&format!("/api/apply/{id}"), &json!({"override_reason": "lock"})).await;
    let job = app.ended(response.headers()["location"].to_str().unwrap()).await;
    assert_eq!(job.status, JobStatus::Failed, "{job:?}");
    sqlx::query("ROLLBACK").execute(&mut other).await.unwrap();
    assert_eq!(shop.fingerprint("staging").await, before);
    assert_eq!(shop.scratch_schemas().await, "");
    app.stop().await;
}

#[tokio::test]
async fn the_trail_is_append_only_and_a_broken_link_is_named() {
    let shop = Shop::start().await;
    shop.stage().await;
    let args = shop.settings();
    let app = App::start(&args).await;
    let id = app.analyzed().await.id;
    let response =
        app.post_json(&format!("/api/apply/{id}"), &json!({"override_reason": "trail"})).await;
    app.ended(response.headers()["location"].to_str().unwrap()).await;
    app.completed(&format!("/api/apply/{id}/rollback")).await;
    app.stop().await;

    let file = args.data_dir.clone().unwrap().join("optischema.db");
    let store = optischema_server::store::Store::open(&file).await.unwrap();
    let actions: Vec<AuditAction> = store
        .whole_trail()
        .await
        .unwrap()
        .iter()
        .map(|entry| entry.event().unwrap().action())
        .collect();
    use AuditAction::{ApplyIntent, ApplyOutcome, RollbackIntent, RollbackOutcome};
    assert_eq!(actions, [ApplyIntent, ApplyOutcome, RollbackIntent, RollbackOutcome]);
    assert_eq!(store.verify_audit().await.unwrap().first_broken, None);

    let mut raw = SqliteConnectOptions::new().filename(&file).connect().await.unwrap();
    for statement in [
        "UPDATE audit_log SET actor = 'x'",
        "DELETE FROM audit_log",
        // Nothing takes the last row's place, and nothing is put anywhere but behind it.
        "INSERT OR REPLACE INTO audit_log SELECT * FROM audit_log WHERE sequence = 4",
        "INSERT INTO audit_log SELECT 9, at, actor, action, database, recommendation_id, job_id, detail_json, hash, hash
         FROM audit_log WHERE sequence = 4",
    ] {
        assert!(sqlx::query(statement).execute(&mut raw).await.is_err(), "{statement}");
    }
    assert!(store.verify_audit().await.unwrap().is_sound());
    // Whoever gets past the triggers is still found out.
    sqlx::query("DROP TRIGGER audit_log_no_update").execute(&mut raw).await.unwrap();
    sqlx::query("UPDATE audit_log SET detail_json = '{}' WHERE sequence = 2")
        .execute(&mut raw)
        .await
        .unwrap();
    let changed =
        sqlx::query("SELECT count(*) AS n FROM audit_log").fetch_one(&mut raw).await.unwrap();
    assert_eq!(changed.try_get::<i64, _>("n").unwrap(), 4);
    raw.close().await.unwrap();
    let found = store.verify_audit().await.unwrap();
    assert_eq!(found.first_broken, Some(2));
    assert!(found.problems[0].contains("triggers"), "{:?}", found.problems);
    // An end that is cut off leaves a chain that holds; what was changed says that rows are missing.
    let mut raw = SqliteConnectOptions::new().filename(&file).connect().await.unwrap();
    for statement in ["DROP TRIGGER audit_log_no_delete", "DELETE FROM audit_log"] {
        sqlx::query(statement).execute(&mut raw).await.unwrap();
    }
    raw.close().await.unwrap();
    let found = store.verify_audit().await.unwrap();
    assert_eq!((found.entries, found.first_broken), (0, None));
    assert!(found.problems.iter().any(|problem| problem.contains("no outcome")), "{found:?}");
    // A trail that swallows rows is no trail.
    let mut raw = SqliteConnectOptions::new().filename(&file).connect().await.unwrap();
    let swallow =
        "CREATE TRIGGER swallow BEFORE INSERT ON audit_log BEGIN SELECT RAISE(IGNORE); END";
    sqlx::query(swallow).execute(&mut raw).await.unwrap();
    raw.close().await.unwrap();
    let audit = optischema_server::store::AuditRecord {
        actor: "test".into(),
        event: SandboxDropped {}.into(),
        database: "shop".into(),
        recommendation_id: None,
        job_id: None,
    };
    assert!(store.audit(&audit).await.is_err());
}

/// A session that holds back whoever wants the whole table, for as long as it lives.
async fn old_transaction(shop: &Shop) -> sqlx::postgres::PgConnection {
    let mut other = shop.connect("sandbox", "staging").await;
    sqlx::query("BEGIN").execute(&mut other).await.unwrap();
    sqlx::query("UPDATE public.\"Items\" SET note = 'held' WHERE id = 1")
        .execute(&mut other)
        .await
        .unwrap();
    other
}

const INDEX_STATE: &str = "SELECT string_agg(c.relname || ' ' || i.indisvalid, ',')
    FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid WHERE c.relname = 'Items_order_id_idx'";

#[tokio::test]
async fn a_build_that_is_stopped_leaves_nothing_or_says_what_and_cleaning_up_finishes_it() {
    let shop = Shop::start().await;
    shop.stage().await;
    let before = shop.fingerprint("staging").await;
    let app = App::start(&shop.settings()).await;
    let id = app.analyzed().await.id;
    let other = old_transaction(&shop).await;
    let response =
        app.post_json(&format!("/api/apply/{id}"), &json!({"override_reason": "stopped"})).await;
    let location = response.headers()["location"].to_str().unwrap().to_owned();
    for _ in 0..200 {
        // The build waits for the old transaction, with its index there and not valid.
        if !shop.text("staging", INDEX_STATE).await.is_empty() {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    assert_eq!(shop.text("staging", INDEX_STATE).await, "Items_order_id_idx false");
    assert_eq!(app.post(&format!("{location}/cancel")).await.status(), StatusCode::ACCEPTED);
    let job = app.ended(&location).await;
    assert_eq!(job.status, JobStatus::Cancelled, "{job:?}");
    let note = job.error_message.unwrap();
    assert!(note.contains("Items_order_id_idx"), "what is left is said: {note}");
    // Intent and outcome are both in the trail.
    drop(other);
    let report = app.post("/api/apply/cleanup").await;
    let report: serde_json::Value = report.json().await.unwrap();
    assert_eq!(report["dropped"], json!(["public.Items_order_id_idx"]));
    assert_eq!(shop.fingerprint("staging").await, before);
    app.stop().await;
    let file = shop.settings().data_dir.unwrap().join("optischema.db");
    let store = optischema_server::store::Store::open(&file).await.unwrap();
    let actions: Vec<AuditAction> = store
        .whole_trail()
        .await
        .unwrap()
        .iter()
        .map(|entry| entry.event().unwrap().action())
        .collect();
    use AuditAction::{ApplyIntent, ApplyOutcome, JobCancelled, SandboxCleaned};
    assert_eq!(actions, [ApplyIntent, JobCancelled, ApplyOutcome, SandboxCleaned]);
}

#[tokio::test]
async fn a_rollback_that_is_stopped_half_way_is_not_called_done() {
    let shop = Shop::start().await;
    shop.stage().await;
    let before = shop.fingerprint("staging").await;
    let app = App::start(&shop.settings()).await;
    let id = app.analyzed().await.id;
    let response =
        app.post_json(&format!("/api/apply/{id}"), &json!({"override_reason": "half"})).await;
    app.ended(response.headers()["location"].to_str().unwrap()).await;
    let other = old_transaction(&shop).await;
    let response = app.post(&format!("/api/apply/{id}/rollback")).await;
    let location = response.headers()["location"].to_str().unwrap().to_owned();
    for _ in 0..200 {
        if shop.text("staging", INDEX_STATE).await == "Items_order_id_idx false" {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    assert_eq!(app.post(&format!("{location}/cancel")).await.status(), StatusCode::ACCEPTED);
    let job = app.ended(&location).await;
    assert_eq!(job.status, JobStatus::Cancelled, "the index still stands: {job:?}");
    assert_eq!(changes(&app).await[0].status.as_str(), "applied");
    drop(other);
    app.completed(&format!("/api/apply/{id}/rollback")).await;
    assert_eq!(shop.fingerprint("staging").await, before);
    app.stop().await;
}

#[tokio::test]
async fn a_rehearsal_that_is_stopped_leaves_no_schema() {
    let shop = Shop::start().await;
    shop.stage().await;
    let app = App::start(&shop.settings()).await;
    let id = app.analyzed().await.id;
    // Nobody can make a key meanwhile, which holds the rehearsal in the middle: its copies have keys.
    let mut other = shop.connect("postgres", "staging").await;
    for statement in ["BEGIN", "LOCK TABLE pg_catalog.pg_constraint IN SHARE MODE"] {
        sqlx::query(statement).execute(&mut other).await.unwrap();
    }
    let response =
        app.post_json(&format!("/api/apply/{id}"), &json!({"override_reason": "rehearsal"})).await;
    let location = response.headers()["location"].to_str().unwrap().to_owned();
    for _ in 0..200 {
        if shop.scratch_schemas().await.starts_with("apply_check_") {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    let cancelled = app.post(&format!("{location}/cancel")).await;
    let job = app.json(&location).await;
    assert_eq!(cancelled.status(), StatusCode::ACCEPTED, "{job}");
    assert_eq!(app.ended(&location).await.status, JobStatus::Cancelled);
    assert_eq!(shop.scratch_schemas().await, "");
    app.stop().await;
}
