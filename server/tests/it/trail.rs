//! The audit trail says who did what, where, and what it did; it is filtered, exported and verified.

use optischema::audit::{AuditAction, DETAIL_VERSION};
use optischema::model::{AuditEntry, TableName};
use optischema_server::config::Secret;
use serde_json::{Value, json};

use crate::fixture::{App, Shop};
use crate::proposing::{applied, propose};

const ANN: &str = "ann-has-a-secret-of-her-own";

#[tokio::test]
async fn the_trail_names_who_where_and_what_changed() {
    let shop = Shop::start().await;
    shop.stage().await;
    let mut settings = shop.settings();
    settings.tokens = Some(vec![Secret::from(format!("ann={ANN}"))]);
    let app = App::start(&settings).await;
    let patch = "CREATE INDEX by_name ON public.orders (name)";
    let id = propose(&shop, patch, &[TableName::new("public", "orders")]).await;
    let path = format!("/api/apply/{id}");
    let body = json!({"override_reason": "because"});
    let request = app.anonymous("POST", &path).bearer_auth(ANN).json(&body);
    let response = request.send().await.unwrap();
    app.ended(response.headers()["location"].to_str().unwrap()).await;
    app.completed(&format!("{path}/rollback")).await;

    let rows: Vec<AuditEntry> =
        serde_json::from_value(app.json("/api/audit/export?format=json").await).unwrap();
    let row = |action: AuditAction| rows.iter().find(|row| row.action == action.as_str()).unwrap();
    let (intent, outcome) = (row(AuditAction::ApplyIntent), row(AuditAction::ApplyOutcome));
    let rollback = row(AuditAction::RollbackIntent);
    assert_eq!((intent.actor.as_str(), rollback.actor.as_str()), ("ann", "owner"));
    let target = shop.url("sandbox", "staging");
    let target = target.rsplit('@').next().unwrap().split('?').next().unwrap();
    assert_eq!(intent.detail["target"], target);
    assert_eq!(intent.detail["override_reason"], "because");
    assert_eq!(intent.detail["sql_hash"].as_str().unwrap().len(), 64);
    assert!(intent.detail["before"].is_object(), "the catalog before");
    let line = &outcome.detail["effect"][0];
    assert_eq!(line["key"], "index public.by_name");
    assert_eq!(line["before"], Value::Null);
    assert!(line["after"].as_str().unwrap().contains("USING btree (name)"), "{line}");
    assert_eq!(rows[1].previous_hash, rows[0].hash);
    assert!(rows.iter().all(|row| row.detail["version"] == DETAIL_VERSION), "{rows:?}");

    // Filters, and pages that follow each other.
    let page = app.json("/api/audit?actor=ann").await;
    assert_eq!(page["items"].as_array().unwrap().len(), 2);
    let page = app.json("/api/audit?action=rollback&limit=1").await;
    assert_eq!(page["items"][0]["action"], "rollback.outcome");
    let cursor = page["next_cursor"].as_str().unwrap();
    let page = app.json(&format!("/api/audit?action=rollback&limit=1&cursor={cursor}")).await;
    assert_eq!(page["items"][0]["action"], "rollback.intent");
    assert_eq!(app.get("/api/audit?cursor=x").await.status(), 422);
    assert_eq!(app.get("/api/audit/export?format=pdf").await.status(), 422);
    let csv = app.get("/api/audit/export?format=csv").await;
    assert_eq!(csv.headers()["content-type"], "text/csv; charset=utf-8");
    let csv = csv.text().await.unwrap();
    assert_eq!(csv.lines().next().unwrap().split(',').count(), 10);
    assert!(csv.contains("apply.intent"));
    // Changes have filters too.
    assert_eq!(app.get("/api/apply/changes?table=a.b.c").await.status(), 422);
    for (query, count) in [
        ("actor=ann", 1),
        ("actor=token", 0),
        ("status=rolled_back", 1),
        ("status=applied", 0),
        ("table=public.orders", 1),
        ("table=public.other", 0),
        ("table=orders", 1),
        ("table=rders", 0),
        ("q=by_name", 1),
        ("q=nothing", 0),
    ] {
        let changes = app.json(&format!("/api/apply/changes?{query}")).await;
        assert_eq!(changes.as_array().unwrap().len(), count, "{query}");
    }
    app.stop().await;
}

#[tokio::test]
async fn the_apply_side_says_who_waits_for_whom() {
    let shop = Shop::start().await;
    shop.stage().await;
    let mut settings = shop.settings();
    settings.lock_timeout_s = Some(30);
    let app = App::start(&settings).await;
    let id = propose(&shop, "CREATE INDEX held ON public.orders (name)", &[]).await;
    let mut other = shop.connect("sandbox", "staging").await;
    for statement in ["BEGIN", "UPDATE orders SET name = 'held' WHERE id = 1"] {
        sqlx::query(statement).execute(&mut other).await.unwrap();
    }
    let body = json!({"override_reason": "locks"});
    let response = app.post_json(&format!("/api/apply/{id}"), &body).await;
    let location = response.headers()["location"].to_str().unwrap().to_owned();
    let mut seen = (false, false);
    for _ in 0..200 {
        let status = app.json("/api/apply/status").await;
        let blocked = status["locks"][0]["blocked_by"][0]["state"] == "idle in transaction";
        let wait = &status["running"][0]["phase_detail"]["wait"]["blocked_by"][0]["pid"];
        seen = (seen.0 || blocked, seen.1 || wait.is_i64());
        if seen == (true, true) {
            assert!(status["targets"].as_array().unwrap().len() >= 2);
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    assert_eq!(seen, (true, true), "the status names the lock, and the job's phase does");
    sqlx::query("ROLLBACK").execute(&mut other).await.unwrap();
    assert_eq!(app.ended(&location).await.status.as_str(), "completed");
    applied(&app, propose(&shop, "CREATE INDEX other ON public.orders (id, name)", &[]).await)
        .await;
    app.stop().await;
}
