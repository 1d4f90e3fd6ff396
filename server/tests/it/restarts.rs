//! PostgreSQL is restarted, or runs out of disk, under what runs: a benchmark is run again, and an index that was being
//! built is put right.

use std::time::Duration;

use optischema::model::JobStatus;
use optischema_server::demo::Cluster;
use serde_json::json;

use crate::fixture::{App, Shop};
use crate::proposing::{applied, apply, catalog, propose};

/// Restarts the server on its own port, as a crash and a start would.
async fn restart(shop: &Shop) {
    shop.cluster.crash().await.unwrap();
    tokio::time::sleep(Duration::from_millis(500)).await;
    let again = Cluster::start_on(&shop.folder.path().join("postgres"), shop.cluster.port).await;
    again.unwrap();
}

#[tokio::test]
async fn a_benchmark_whose_server_restarts_is_run_again() {
    let shop = Shop::start().await;
    let app = App::start(&shop.settings()).await;
    let id = app.analyzed().await.id;
    let response = app.post(&format!("/api/benchmark/{id}")).await;
    let location = response.headers()["location"].to_str().unwrap().to_owned();
    for _ in 0..400 {
        if !shop.scratch_schemas().await.is_empty() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    restart(&shop).await;
    let job = app.ended(&location).await;
    assert_eq!(job.status, JobStatus::Completed, "{:?}", job.error_message);
    assert!(job.attempts >= 2, "it was begun again");
    assert_eq!(shop.scratch_schemas().await, "");
    app.stop().await;
}

#[tokio::test]
async fn an_index_whose_server_restarts_while_it_is_built_is_put_right() {
    let shop = Shop::start().await;
    shop.stage().await;
    let mut settings = shop.settings();
    settings.lock_timeout_s = Some(60);
    let app = App::start(&settings).await;
    let id = app.analyzed().await.id;
    let before = catalog(&shop, "staging").await;
    let mut other = shop.connect("sandbox", "staging").await;
    for statement in ["BEGIN", "UPDATE public.\"Items\" SET note = 'held' WHERE id = 1"] {
        sqlx::query(statement).execute(&mut other).await.unwrap();
    }
    let body = json!({"override_reason": "restart"});
    let response = app.post_json(&format!("/api/apply/{id}"), &body).await;
    let location = response.headers()["location"].to_str().unwrap().to_owned();
    const INVALID: &str = "SELECT count(*)::text FROM pg_index WHERE NOT indisvalid";
    for _ in 0..200 {
        if shop.text("staging", INVALID).await == "1" {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(shop.text("staging", INVALID).await, "1", "it is being built");
    restart(&shop).await;
    let job = app.ended(&location).await;
    assert!(matches!(job.status, JobStatus::Failed | JobStatus::Error), "{job:?}");
    assert_eq!(catalog(&shop, "staging").await, before, "nothing of it is left");
    let verified = app.json("/api/audit/verify").await;
    assert_eq!(verified["first_broken"], serde_json::Value::Null);
    // And it can be applied now.
    let response = app.post_json(&format!("/api/apply/{id}"), &body).await;
    let job = app.ended(response.headers()["location"].to_str().unwrap()).await;
    assert_eq!(job.status, JobStatus::Completed, "{:?}", job.error_message);
    app.stop().await;
}

#[tokio::test]
async fn a_disk_that_fills_while_an_index_is_built_leaves_nothing_of_it() {
    let shop = Shop::start().await;
    shop.stage().await;
    let app = App::start(&shop.settings()).await;
    let before = catalog(&shop, "staging").await;
    // 100,000 keys of some 320 bytes: more than the 20 MB that a file may have.
    let wide = "CREATE INDEX wide ON public.\"Items\" ((repeat(md5(id::text), 10)))";
    let id = propose(&shop, wide, &[]).await;
    shop.restart_with_files_of_at_most(20_480).await;
    let job = apply(&app, id).await;
    assert_eq!(job.status, JobStatus::Error, "{job:?}");
    assert_eq!(job.error_code.as_deref(), Some("server_exhausted"));
    let said = job.error_message.unwrap();
    assert!(!said.contains('\n'), "{said}");
    assert_eq!(catalog(&shop, "staging").await, before, "no invalid index is left");
    let shown = app.json(&format!("/api/recommendations/{id}")).await;
    assert_eq!((&shown["status"], &shown["applied"]), (&json!("pending"), &json!(false)));
    let trail = app.json("/api/audit?action=apply").await;
    assert_eq!(trail["items"][0]["detail"]["result"], "absent", "{}", trail["items"][0]);
    // With room, it is made.
    restart(&shop).await;
    applied(&app, id).await;
    app.stop().await;
}
