//! The whole story, and what it must leave alone.

use optischema::model::{FidelityKind, JobStatus, Provenance, Verdict};
use serde_json::json;
use sqlx::AssertSqlSafe;

use crate::fixture::{App, Shop, TITLE};

#[tokio::test]
async fn the_story_proves_an_index_and_leaves_main_as_it_was() {
    let shop = Shop::start().await;
    shop.stage().await;
    let before = shop.fingerprint("shop").await;
    let staged = shop.fingerprint("staging").await;
    let app = App::start(&shop.settings()).await;

    let recommendation = app.analyzed().await;
    assert_eq!(recommendation.evidence.provenance, Provenance::Planned);
    let main = &recommendation.evidence.statements[0];
    assert!(main.saved_percent().unwrap() > 90.0, "{main:?}");
    assert!(recommendation.execution_plan_json.is_some());

    let benchmark = app.completed(&format!("/api/benchmark/{}", recommendation.id)).await;
    let result = benchmark.result.as_ref().and_then(|result| result.benchmark()).unwrap();
    assert_eq!(result.verdict, Verdict::Faster, "{result:?}");
    assert_eq!(result.fidelity.kind, FidelityKind::Full);
    assert_eq!(result.fidelity.tables[0].rows, 100_000);
    let interval = result.confidence_interval.unwrap();
    assert!(interval.high_percent < -5.0 && interval.low_percent <= interval.high_percent);
    assert!(result.pairs >= 10);
    let (baseline, patched) = (result.baseline.as_ref().unwrap(), result.patched.as_ref().unwrap());
    assert_eq!(baseline.samples_ms.len(), result.pairs as usize);
    assert!(patched.shared_blocks < baseline.shared_blocks / 10);
    assert!(result.index.as_ref().unwrap().bytes > 0);

    app.completed(&format!("/api/apply/{}", recommendation.id)).await;
    assert_ne!(shop.fingerprint("staging").await, staged, "the change stands in the sandbox");
    app.completed(&format!("/api/apply/{}/rollback", recommendation.id)).await;

    assert_eq!(shop.fingerprint("staging").await, staged, "rolled back, the sandbox is as it was");
    assert_eq!(shop.fingerprint("shop").await, before, "main is as it was");
    assert_eq!(shop.scratch_schemas().await, "");
    app.stop().await;
}

#[tokio::test]
async fn the_role_on_main_cannot_write() {
    let shop = Shop::start().await;
    for statement in [
        "UPDATE orders SET name = 'x'",
        "DELETE FROM \"Items\"",
        "CREATE TABLE public.mine (a int)",
        "CREATE INDEX mine ON orders (name)",
        "DROP TABLE orders",
        "TRUNCATE orders",
    ] {
        let mut reader = shop.connect("reader", "shop").await;
        let result = sqlx::query(AssertSqlSafe(statement.to_owned())).execute(&mut reader).await;
        assert!(result.is_err(), "{statement}");
    }
    // And OptiSchema's own session would refuse even where the role could.
    use optischema_server::postgres::connect_main;
    let owner = shop.url("app", "shop").parse().unwrap();
    let mut session = connect_main(&owner).await.unwrap();
    let result =
        sqlx::query("UPDATE public.orders SET name = 'x'").execute(&mut session.connection).await;
    let refused = result.unwrap_err().into_database_error().unwrap();
    assert_eq!(refused.code().as_deref(), Some("25006"), "read_only_sql_transaction");
}

#[tokio::test]
async fn no_scratch_schema_is_left_after_a_failure() {
    let shop = Shop::start().await;
    let app = App::start(&shop.settings()).await;
    let recommendation = app.analyzed().await;
    // The column goes away between advice and benchmark.
    shop.run("app", "shop", &["ALTER TABLE \"Items\" DROP COLUMN order_id"]).await;
    let job = app.job(&format!("/api/benchmark/{}", recommendation.id)).await;
    assert_eq!(job.status, JobStatus::Failed);
    let message = job.error_message.unwrap();
    assert!(message.contains("order_id"), "{message}");
    assert!(!message.contains("postgres://"), "{message}");
    assert_eq!(shop.scratch_schemas().await, "");
    app.stop().await;
}

#[tokio::test]
async fn no_scratch_schema_is_left_after_a_cancellation() {
    let shop = Shop::start().await;
    // Enough rows that the job is caught in the middle.
    shop.run(
        "app",
        "shop",
        &["INSERT INTO \"Items\" (order_id, kind, price, at)
           SELECT 1 + i % 5000, 'toy', 1, now() FROM generate_series(1, 1000000) i"],
    )
    .await;
    let app = App::start(&shop.settings()).await;
    let recommendation = app.analyzed().await;
    let response = app.post(&format!("/api/benchmark/{}", recommendation.id)).await;
    let location = response.headers()["location"].to_str().unwrap().to_owned();
    let mut seen = String::new();
    for _ in 0..500 {
        seen = shop.scratch_schemas().await;
        if !seen.is_empty() {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    assert!(seen.starts_with("benchmark_job_"), "the job made its schema: {seen}");
    assert_eq!(app.post(&format!("{location}/cancel")).await.status(), 202);
    let job = app.ended(&location).await;
    assert_eq!(job.status, JobStatus::Cancelled);
    assert_eq!(shop.scratch_schemas().await, "");
    let left = shop
        .text(
            "staging",
            "SELECT string_agg(query, ' ') FROM pg_stat_activity WHERE application_name LIKE 'optischema job%'",
        )
        .await;
    assert_eq!(left, "", "nothing is left running");
    // A cancelled job is over.
    assert_eq!(app.post(&format!("{location}/cancel")).await.status(), 409);
    app.stop().await;
}

#[tokio::test]
async fn writes_are_planned_through_their_row_search_and_listed_once() {
    let shop = Shop::start().await;
    let app = App::start(&shop.settings()).await;
    let report: serde_json::Value = app.post("/api/analyze").await.json().await.unwrap();
    let statements = report["statements"].as_array().unwrap();
    let update =
        statements.iter().find(|s| s["sql"].as_str().unwrap().starts_with("UPDATE")).unwrap();
    assert_eq!((&update["planned"], &update["planned_as"]), (&json!(true), &json!("row_search")));
    let titles: Vec<&str> = report["recommendations"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|r| r["recommendation_type"] == "index")
        .map(|r| r["title"].as_str().unwrap())
        .collect();
    assert_eq!(titles, [TITLE], "the primary key's lookup needs nothing");
    // The same advice is one row, however often it is given.
    app.post("/api/analyze").await;
    let indexes = app.json("/api/recommendations?type=index").await;
    assert_eq!(indexes["items"].as_array().unwrap().len(), 1);
    app.stop().await;
}

#[tokio::test]
async fn one_odd_statement_does_not_spoil_the_advice_and_no_password_is_kept() {
    let shop = Shop::start().await;
    shop.run(
        "app",
        "shop",
        &[
            "CREATE TABLE odd (place lseg, number xid, range int4range, filler text)",
            "INSERT INTO odd SELECT lseg(point(0, 0), point(i, i)), (i % 100)::text::xid,
                int4range(i, i + 5), repeat('x', 100) FROM generate_series(1, 5000) i",
            "ANALYZE odd",
            "SELECT filler FROM odd WHERE place = lseg(point(0, 0), point(3, 3))",
            "SELECT filler FROM odd WHERE number = '77'::xid",
            "SELECT filler FROM odd WHERE range @> 7",
            "SELECT id FROM \"Items\" WHERE 'a' = ANY (tags)",
            "ALTER ROLE app PASSWORD 'hunter2hunter2'",
            "ALTER ROLE app PASSWORD 'test'",
        ],
    )
    .await;
    let app = App::start(&shop.settings()).await;
    let response = app.post("/api/analyze").await;
    let text = response.text().await.unwrap();
    assert!(!text.contains("hunter2"), "a password is shown: {text}");
    let report: serde_json::Value = serde_json::from_str(&text).unwrap();
    let titles: Vec<&str> = report["recommendations"]
        .as_array()
        .unwrap()
        .iter()
        .map(|r| r["title"].as_str().unwrap())
        .collect();
    assert!(titles.contains(&TITLE), "{titles:?}");
    app.stop().await;
}
