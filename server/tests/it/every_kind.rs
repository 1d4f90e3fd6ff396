//! Every kind of change, applied and rolled back: the catalog is what it was. And what is refused changes nothing.

use optischema::model::{Change, JobStatus, TableName};
use reqwest::StatusCode;
use serde_json::json;

use crate::fixture::{App, Shop};
use crate::proposing::{applied, apply, catalog, propose};

/// Tables of the sandbox's own, with everything that a rollback could forget.
pub const STAGING: &[&str] = &[
    "CREATE TABLE readings (id int, place text, at date NOT NULL, value numeric, big text) PARTITION BY RANGE (at)",
    "CREATE TABLE readings_old PARTITION OF readings FOR VALUES FROM ('2020-01-01') TO ('2025-01-01')",
    "CREATE TABLE readings_new PARTITION OF readings FOR VALUES FROM ('2025-01-01') TO ('2030-01-01') PARTITION BY LIST (place)",
    "CREATE TABLE readings_new_a PARTITION OF readings_new FOR VALUES IN ('a')",
    "CREATE TABLE readings_new_rest PARTITION OF readings_new DEFAULT",
    "INSERT INTO readings SELECT i, (ARRAY['a', 'b'])[1 + i % 2], date '2021-01-01' + i, i, 'x' FROM generate_series(1, 3000) i",
    "CREATE INDEX readings_place_idx ON readings (place)",
    "ALTER INDEX readings_new_rest_place_idx SET (fillfactor = 55)",
    "ALTER INDEX readings_new_a_place_idx RENAME TO a_name_of_its_own",
    "CREATE INDEX \"odd \"\"name; DROP TABLE x\" ON orders (name text_pattern_ops) WHERE name <> 'it''s'",
    "COMMENT ON INDEX \"odd \"\"name; DROP TABLE x\" IS 'kept \\ for ''it'''",
    "CREATE INDEX orders_lower ON orders (lower(name))",
    "ALTER INDEX orders_lower ALTER COLUMN 1 SET STATISTICS 321",
    "ALTER TABLE orders CLUSTER ON orders_lower",
    "CREATE STATISTICS public.\"s x\" (ndistinct, dependencies) ON id, name FROM orders",
    "ALTER STATISTICS public.\"s x\" SET STATISTICS 77",
    "CREATE SCHEMA apart",
    "CREATE STATISTICS apart.other (ndistinct) ON id, name FROM orders",
    "COMMENT ON STATISTICS public.\"s x\" IS 'why'",
    "ALTER TABLE orders SET (fillfactor = 90, autovacuum_vacuum_scale_factor = 0.05, toast.autovacuum_vacuum_threshold = 77)",
    "ALTER TABLE orders ALTER COLUMN name SET STATISTICS 150",
    "ALTER TABLE readings_new_a ALTER COLUMN place SET STATISTICS 42",
    "ALTER DATABASE staging SET random_page_cost = 2.5",
    "ANALYZE",
];

/// Each is applied and rolled back by itself.
const UNDONE: &[&str] = &[
    "CREATE INDEX orders_name ON public.orders (name)",
    "CREATE INDEX \"q\"\"; DROP\" ON public.\"Items\" (price, (lower(note))) INCLUDE (at) WHERE kind = 'O''ther'",
    "CREATE INDEX readings_value_idx ON public.readings (value)",
    "DROP INDEX public.\"odd \"\"name; DROP TABLE x\"",
    "DROP INDEX public.orders_lower",
    "DROP INDEX public.readings_place_idx",
    "CREATE STATISTICS public.fresh (mcv) ON price, kind FROM public.\"Items\"",
    "DROP STATISTICS public.\"s x\"",
    "DROP STATISTICS apart.other",
    "ALTER TABLE public.orders ALTER COLUMN name SET STATISTICS 50, ALTER COLUMN name SET (n_distinct = -1)",
    "ALTER TABLE public.orders SET (fillfactor = 70, autovacuum_enabled = false, toast.autovacuum_enabled = false)",
    "ALTER TABLE public.orders RESET (autovacuum_vacuum_scale_factor, fillfactor, toast.autovacuum_vacuum_threshold)",
    "ALTER TABLE public.orders ALTER COLUMN name SET STATISTICS 500",
    "ALTER TABLE public.orders ALTER COLUMN name SET (n_distinct = -0.5)",
    "ALTER TABLE public.readings ALTER COLUMN place SET STATISTICS 300",
    "ALTER DATABASE shop SET work_mem = '37MB'",
    "ALTER DATABASE shop SET random_page_cost = 1.1",
    "ALTER DATABASE shop RESET random_page_cost",
    "ALTER ROLE sandbox SET enable_nestloop = off",
];

fn tables() -> [TableName; 1] {
    [TableName::new("public", "orders")]
}

#[tokio::test]
async fn every_kind_is_undone_to_the_letter() {
    let shop = Shop::start().await;
    shop.stage().await;
    shop.run("sandbox", "staging", STAGING).await;
    let app = App::start(&shop.settings()).await;
    let main = catalog(&shop, "shop").await;
    let before = catalog(&shop, "staging").await;
    for patch in UNDONE {
        let id = propose(&shop, patch, &tables()).await;
        let plan = app.json(&format!("/api/apply/{id}/plan")).await;
        assert_eq!(plan["ready"], true, "{patch}: {plan}");
        let job = applied(&app, id).await;
        let with = catalog(&shop, "staging").await;
        assert_ne!(with, before, "{patch} changed something");
        assert!(!with.contains(" f f f "), "no index is invalid after {patch}");
        let outcome = job.result.as_ref().unwrap().change().unwrap();
        assert!(!outcome.rollback_sql.is_empty(), "{patch}");
        // What was shown is what ran.
        let shown: Vec<&str> =
            plan["steps"].as_array().unwrap().iter().map(|s| s["sql"].as_str().unwrap()).collect();
        assert_eq!(outcome.executed_sql, shown.join(";\n"), "{patch}");
        let undone = app.completed(&format!("/api/apply/{id}/rollback")).await;
        let notes = &undone.result.as_ref().unwrap().change().unwrap().notes;
        assert!(
            notes.iter().any(|note| note.contains("equals the one before")),
            "{patch}: {notes:?}"
        );
        assert_eq!(catalog(&shop, "staging").await, before, "{patch} was undone");
        assert_eq!(shop.scratch_schemas().await, "");
    }
    assert_eq!(catalog(&shop, "shop").await, main, "main is as it was");
    app.stop().await;
}

#[tokio::test]
async fn what_cannot_be_undone_says_so_before_and_after() {
    let shop = Shop::start().await;
    shop.stage().await;
    let app = App::start(&shop.settings()).await;
    for patch in [
        "ANALYZE public.orders",
        "VACUUM (ANALYZE) public.orders",
        "VACUUM (FULL) public.orders",
        "REINDEX TABLE public.\"Items\"",
        "REINDEX INDEX public.\"Items_pkey\"",
    ] {
        let id = propose(&shop, patch, &tables()).await;
        let plan = app.json(&format!("/api/apply/{id}/plan")).await;
        assert!(plan["no_rollback"].as_str().unwrap().contains("cannot be undone"), "{plan}");
        let job = applied(&app, id).await;
        assert_eq!(job.result.unwrap().change().unwrap().rollback_sql, "");
        let response = app.post(&format!("/api/apply/{id}/rollback")).await;
        assert_eq!(response.status(), StatusCode::CONFLICT, "{patch}");
        assert!(response.text().await.unwrap().contains("cannot be undone"), "{patch}");
        // It is done again when it is due, or put aside.
        applied(&app, id).await;
        let response = app.post(&format!("/api/recommendations/{id}/dismiss")).await;
        assert_eq!(response.status(), StatusCode::OK, "{patch}");
        let changes = app.json("/api/apply/changes").await;
        let of_it = |change: &&serde_json::Value| change["recommendation_id"] == id.to_string();
        assert_eq!(changes.as_array().unwrap().iter().filter(of_it).count(), 2, "{patch}");
        let restored = app.post(&format!("/api/recommendations/{id}/restore")).await;
        let restored: serde_json::Value = restored.json().await.unwrap();
        assert_eq!((&restored["status"], &restored["applied"]), (&json!("pending"), &json!(false)));
    }
    app.stop().await;
}

#[tokio::test]
async fn repack_is_run_by_a_server_that_knows_it_and_refused_by_others() {
    let mut shop = Shop::start().await;
    shop.stage().await;
    shop.run("postgres", "postgres", &["ALTER SYSTEM SET wal_level = 'replica'"]).await;
    shop.restart().await;
    let app = App::start(&shop.settings()).await;
    let id = propose(&shop, "REPACK (CONCURRENTLY, ANALYZE) public.orders", &tables()).await;
    if shop.version().await < 190_000 {
        let job = apply(&app, id).await;
        assert_eq!(job.status, JobStatus::Failed, "{job:?}");
        assert_eq!(job.error_code.as_deref(), Some("repack_missing"));
    } else {
        let file = "SELECT pg_relation_filenode('public.orders')::text";
        let before = shop.text("staging", file).await;
        applied(&app, id).await;
        assert_ne!(shop.text("staging", file).await, before, "it was written anew");
    }
    app.stop().await;
}

#[tokio::test]
async fn what_hides_a_second_statement_or_is_of_no_known_kind_is_refused_and_changes_nothing() {
    let shop = Shop::start().await;
    shop.stage().await;
    let kept = [
        "CREATE TABLE rooms (at tsrange, EXCLUDE USING gist (at WITH &&))",
        "CREATE UNIQUE INDEX orders_identity ON orders (id)",
        "ALTER TABLE orders REPLICA IDENTITY USING INDEX orders_identity",
        "CREATE UNIQUE INDEX orders_alone ON orders (name, id)",
        "CREATE INDEX orders_beside ON orders (name, id)",
    ];
    shop.run("sandbox", "staging", &kept).await;
    let app = App::start(&shop.settings()).await;
    let before = catalog(&shop, "staging").await;
    let mut failed = Vec::new();
    for patch in [
        "SET work_mem = '1GB'; DROP TABLE public.orders",
        "CREATE INDEX i ON public.orders (name); DROP TABLE public.orders",
        "CREATE INDEX i ON public.orders (name) -- \n; DROP TABLE public.orders",
        "CREATE INDEX i ON public.orders (name) /* ; */ ; DROP TABLE public.orders",
        "DO $x$ BEGIN EXECUTE 'DROP TABLE public.orders'; END $x$",
        "CREATE INDEX i ON public.orders ((name || $a$x$a$)); DROP TABLE public.orders",
        "CREATE UNIQUE INDEX i ON public.orders (name)",
        "ALTER TABLE public.orders DROP COLUMN name",
        "ALTER SYSTEM SET work_mem = '64MB'",
        "ALTER DATABASE postgres SET work_mem = '64MB'",
        "ALTER ROLE postgres SET work_mem = '64MB'",
        "ALTER ROLE nobody_at_all SET work_mem = '64MB'",
        "DROP INDEX public.orders_pkey",
        "DROP INDEX public.rooms_at_excl",
        "DROP INDEX public.orders_identity",
        "DROP INDEX public.orders_alone",
        "DROP INDEX public.not_there",
        "DROP STATISTICS public.not_there",
        "CREATE INDEX i ON public.not_there (name)",
        "ALTER TABLE public.orders ALTER COLUMN not_there SET STATISTICS 10",
        "CREATE INDEX i ON public.orders (not_there)",
        "CREATE INDEX i ON public.orders USING nothing (name)",
        "VACUUM",
        "GRANT ALL ON public.orders TO public",
        "\u{0}",
    ] {
        let id = propose(&shop, &patch.replace('\u{0}', " "), &tables()).await;
        let plan = app.json(&format!("/api/apply/{id}/plan")).await;
        let body = json!({"override_reason": "attack"});
        let response = app.post_json(&format!("/api/apply/{id}"), &body).await;
        if response.status() == StatusCode::ACCEPTED {
            let location = response.headers()["location"].to_str().unwrap().to_owned();
            let job = app.ended(&location).await;
            assert_eq!(job.status, JobStatus::Failed, "{patch}: {job:?}");
            let said = job.error_message.unwrap();
            assert!(!said.is_empty() && !said.contains('\n'), "one sentence: {said}");
            failed.push((job.id.to_string(), said));
        } else {
            assert_eq!(response.status(), StatusCode::CONFLICT, "{patch}");
            assert_eq!(plan["ready"], false, "{patch}");
        }
        assert_eq!(catalog(&shop, "staging").await, before, "{patch} changed something");
    }
    let changes: Vec<Change> =
        serde_json::from_value(app.json("/api/apply/changes").await).unwrap();
    assert!(changes.is_empty());
    // Who asked for what, and why it was not done, stands in the trail.
    assert!(failed.len() > 5, "{failed:?}");
    let trail = app.json("/api/audit?action=apply&limit=200").await;
    let rows = trail["items"].as_array().unwrap();
    for (job, said) in failed {
        let of_job: Vec<_> = rows.iter().filter(|row| row["job_id"] == job.as_str()).collect();
        let [row] = of_job[..] else { panic!("one row for {said}: {of_job:?}") };
        assert_eq!(row["action"], "apply.refused");
        assert_eq!(row["detail"]["reason"], said.as_str());
    }
    app.stop().await;
}

#[tokio::test]
async fn a_definition_that_postgresql_writes_in_other_words_is_the_same() {
    let shop = Shop::start().await;
    shop.stage().await;
    let odd = "CREATE INDEX odd ON orders (name) WHERE (id, name) IS DISTINCT FROM (5, 'x') OR id = ALL (ARRAY[1, 2])";
    shop.run("sandbox", "staging", &[odd]).await;
    let app = App::start(&shop.settings()).await;
    let id = propose(&shop, "DROP INDEX public.odd", &tables()).await;
    applied(&app, id).await;
    app.completed(&format!("/api/apply/{id}/rollback")).await;
    app.stop().await;
}

#[tokio::test]
async fn maintenance_that_passed_its_table_over_is_not_called_done() {
    let shop = Shop::start().await;
    shop.stage().await;
    let app = App::start(&shop.settings()).await;
    let id = propose(&shop, "VACUUM (SKIP_LOCKED) public.orders", &tables()).await;
    let mut other = shop.connect("sandbox", "staging").await;
    for statement in ["BEGIN", "LOCK TABLE orders IN SHARE ROW EXCLUSIVE MODE"] {
        sqlx::query(statement).execute(&mut other).await.unwrap();
    }
    let job = apply(&app, id).await;
    assert_eq!(job.status, JobStatus::Failed);
    assert_eq!(job.error_code.as_deref(), Some("skipped"));
    sqlx::query("ROLLBACK").execute(&mut other).await.unwrap();
    applied(&app, id).await;
    app.stop().await;
}

#[tokio::test]
async fn what_only_completes_a_change_and_fails_is_no_failure_of_the_change() {
    let shop = Shop::start().await;
    shop.stage().await;
    let app = App::start(&shop.settings()).await;
    let before = catalog(&shop, "staging").await;
    // It can be made, and ANALYZE fails over one row.
    let patch = "CREATE STATISTICS public.odd ON (10 / (id - 5)), name FROM public.orders";
    let id = propose(&shop, patch, &tables()).await;
    let outcome = applied(&app, id).await.result.unwrap();
    let notes = outcome.change().unwrap().notes.join(" ");
    assert!(notes.contains("ANALYZE") && notes.contains("division by zero"), "{notes}");
    app.completed(&format!("/api/apply/{id}/rollback")).await;
    assert_eq!(catalog(&shop, "staging").await, before);
    app.stop().await;
}

#[tokio::test]
async fn only_the_patch_that_was_shown_is_applied() {
    let shop = Shop::start().await;
    shop.stage().await;
    let app = App::start(&shop.settings()).await;
    let id = propose(&shop, "CREATE INDEX one ON public.orders (name)", &tables()).await;
    let body = json!({"override_reason": "x", "sql_hash": "0".repeat(64)});
    let response = app.post_json(&format!("/api/apply/{id}"), &body).await;
    assert_eq!(response.status(), StatusCode::CONFLICT);
    let plan = app.json(&format!("/api/apply/{id}/plan")).await;
    let body = json!({"override_reason": "x", "sql_hash": plan["sql_hash"]});
    let response = app.post_json(&format!("/api/apply/{id}"), &body).await;
    assert_eq!(response.status(), StatusCode::ACCEPTED);
    app.ended(response.headers()["location"].to_str().unwrap()).await;
    app.stop().await;
}

#[tokio::test]
async fn changes_that_stand_on_each_other_are_rolled_back_together_the_newest_first() {
    let shop = Shop::start().await;
    shop.stage().await;
    let app = App::start(&shop.settings()).await;
    let before = catalog(&shop, "staging").await;
    let mut ids = Vec::new();
    for patch in [
        "ALTER TABLE public.orders SET (fillfactor = 90)",
        "ALTER TABLE public.orders SET (fillfactor = 70)",
        "CREATE INDEX by_name ON public.orders (name)",
    ] {
        let id = propose(&shop, patch, &tables()).await;
        applied(&app, id).await;
        ids.push(id);
    }
    // The first cannot go alone, and it is said what stands on it.
    let response = app.post(&format!("/api/apply/{}/rollback", ids[0])).await;
    assert_eq!(response.status(), StatusCode::CONFLICT);
    let problem: serde_json::Value = response.json().await.unwrap();
    assert_eq!(problem["reason"], "needed_by_another_change");
    let said = problem["detail"].as_str().unwrap();
    assert!(
        said.contains("fillfactor = 70") && said.contains("altered table public.orders again"),
        "{said}"
    );
    // A form that names none does not mean all.
    let form = app.anonymous("POST", "/rpc/roll-back-all").bearer_auth(crate::fixture::TOKEN);
    let form = form.header("content-type", "application/x-www-form-urlencoded").body("changes=");
    assert!(!form.send().await.unwrap().status().is_success());
    assert_eq!(app.json("/api/apply/status").await["applied"], 3);
    // Nor does a request that names none, or says both.
    let change = app.json("/api/apply/changes").await[0]["id"].clone();
    for body in [
        json!({}),
        json!({"changes": []}),
        json!({"all": false}),
        json!([]),
        json!({"changes": [change], "all": true}),
    ] {
        let refused = app.post_json("/api/apply/rollback", &body).await;
        assert_eq!(refused.status(), StatusCode::UNPROCESSABLE_ENTITY, "{body}");
    }
    assert_eq!(app.post("/api/apply/rollback").await.status(), StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(app.json("/api/apply/status").await["applied"], 3);
    let order = app.post_json("/api/apply/rollback", &json!({"all": true})).await;
    assert_eq!(order.status(), StatusCode::ACCEPTED);
    let order: serde_json::Value = order.json().await.unwrap();
    let titles: Vec<&str> = order["steps"]
        .as_array()
        .unwrap()
        .iter()
        .map(|step| step["recommendation_title"].as_str().unwrap())
        .collect();
    assert!(titles[0].contains("by_name") && titles[2].contains("90"), "{titles:?}");
    assert_eq!(order["steps"][2]["after"].as_array().unwrap().len(), 1);
    for step in order["steps"].as_array().unwrap() {
        let location = format!("/api/benchmark/{}", step["job_id"].as_str().unwrap());
        assert_eq!(app.ended(&location).await.status, JobStatus::Completed);
    }
    assert_eq!(catalog(&shop, "staging").await, before);
    app.stop().await;
}

#[tokio::test]
async fn a_rollback_that_fails_stops_those_that_wait_for_it() {
    let shop = Shop::start().await;
    shop.stage().await;
    let app = App::start(&shop.settings()).await;
    for patch in [
        "CREATE INDEX first ON public.orders (name)",
        "CREATE INDEX second ON public.\"Items\" (price)",
    ] {
        applied(&app, propose(&shop, patch, &tables()).await).await;
    }
    // The newest has drifted: its rollback fails, and the older one is not begun.
    shop.run("sandbox", "staging", &["DROP INDEX public.second"]).await;
    let order = app.post_json("/api/apply/rollback", &json!({"all": true})).await;
    let order: serde_json::Value = order.json().await.unwrap();
    let job =
        |at: usize| format!("/api/benchmark/{}", order["steps"][at]["job_id"].as_str().unwrap());
    assert_eq!(app.ended(&job(0)).await.status, JobStatus::Failed);
    assert_eq!(app.ended(&job(1)).await.status, JobStatus::Cancelled);
    let there = shop.text("staging", "SELECT to_regclass('public.first')::text").await;
    assert_eq!(there, "first");
    app.stop().await;
}

#[tokio::test]
async fn a_lock_that_is_never_granted_fails_with_who_holds_it() {
    let shop = Shop::start().await;
    shop.stage().await;
    let mut settings = shop.settings();
    settings.lock_timeout_s = Some(2);
    let app = App::start(&settings).await;
    let before = catalog(&shop, "staging").await;
    let id = propose(&shop, "CREATE INDEX i ON public.orders (name)", &tables()).await;
    let mut other = shop.connect("sandbox", "staging").await;
    for statement in ["BEGIN", "INSERT INTO orders (id, name) VALUES (999999, 'held')"] {
        sqlx::query(statement).execute(&mut other).await.unwrap();
    }
    let job = apply(&app, id).await;
    assert_eq!(job.status, JobStatus::Failed);
    let said = job.error_message.unwrap();
    assert!(said.contains("idle in transaction"), "{said}");
    assert!(said.contains("INSERT INTO orders"), "{said}");
    // The apply side shows it while it lasts, too.
    drop(other);
    app.post("/api/apply/cleanup").await;
    assert_eq!(catalog(&shop, "staging").await, before);
    app.stop().await;
}

#[tokio::test]
async fn a_drop_that_is_cut_off_is_carried_on_and_can_be_undone() {
    let shop = Shop::start().await;
    shop.stage().await;
    shop.run("sandbox", "staging", &["CREATE INDEX by_name ON orders (name)"]).await;
    let mut settings = shop.settings();
    settings.lock_timeout_s = Some(1);
    let app = App::start(&settings).await;
    let before = catalog(&shop, "staging").await;
    let id = propose(&shop, "DROP INDEX public.by_name", &tables()).await;
    let mut other = shop.connect("sandbox", "staging").await;
    for statement in ["BEGIN", "UPDATE orders SET name = 'held' WHERE id = 1"] {
        sqlx::query(statement).execute(&mut other).await.unwrap();
    }
    // PostgreSQL has begun to drop it, which cannot be taken back: it is recorded, with what undoes it.
    let job = applied(&app, id).await;
    let notes = job.result.unwrap().change().unwrap().notes.join(" ");
    assert!(notes.contains("cut off"), "{notes}");
    drop(other);
    let report: serde_json::Value = app.post("/api/apply/cleanup").await.json().await.unwrap();
    assert_eq!(report["dropped"], json!(["public.by_name"]), "the rest goes with a clean-up");
    app.completed(&format!("/api/apply/{id}/rollback")).await;
    assert_eq!(catalog(&shop, "staging").await, before);
    app.stop().await;
}

#[tokio::test]
async fn what_optischema_itself_made_anew_is_still_its_own() {
    let shop = Shop::start().await;
    shop.stage().await;
    let app = App::start(&shop.settings()).await;
    let before = catalog(&shop, "staging").await;
    let made = propose(&shop, "CREATE INDEX own ON public.orders (name)", &tables()).await;
    applied(&app, made).await;
    // Dropped, and brought back by a rollback: another object of the same form.
    let dropped = propose(&shop, "DROP INDEX public.own", &tables()).await;
    applied(&app, dropped).await;
    app.completed(&format!("/api/apply/{dropped}/rollback")).await;
    // Rebuilt: another one again.
    let rebuilt = propose(&shop, "REINDEX INDEX public.own", &tables()).await;
    applied(&app, rebuilt).await;
    app.completed(&format!("/api/apply/{made}/rollback")).await;
    assert_eq!(catalog(&shop, "staging").await, before);
    app.stop().await;
}

#[tokio::test]
async fn a_text_that_looks_like_a_mark_is_a_text() {
    let shop = Shop::start().await;
    shop.stage().await;
    let app = App::start(&shop.settings()).await;
    let patch = "CREATE INDEX odd ON public.orders (name) WHERE name <> '; invalid; invalid: '";
    let id = propose(&shop, patch, &tables()).await;
    applied(&app, id).await;
    // Named twice, it is one change.
    let changes = app.json("/api/apply/changes").await;
    let change = &changes[0]["id"];
    let body = json!({"changes": [change, change]});
    let order = app.post_json("/api/apply/rollback", &body).await;
    assert_eq!(order.status(), StatusCode::ACCEPTED);
    let order: serde_json::Value = order.json().await.unwrap();
    assert_eq!(order["steps"].as_array().unwrap().len(), 1);
    let location = format!("/api/benchmark/{}", order["steps"][0]["job_id"].as_str().unwrap());
    assert_eq!(app.ended(&location).await.status, JobStatus::Completed);
    app.stop().await;
}
