//! Indexes of partitioned tables, rolled back on other partitions than those that they were made or dropped on.

use optischema::model::{ChangeOutcome, TableName};

use crate::every_kind::STAGING;
use crate::fixture::{App, Shop};
use crate::proposing::{applied, apply, propose};

/// One partition leaves, one goes for good, and one comes that has partitions of its own.
const MEANWHILE: &[&str] = &[
    "ALTER TABLE readings DETACH PARTITION readings_old",
    "DROP TABLE readings_new_a",
    "CREATE TABLE readings_late PARTITION OF readings FOR VALUES FROM ('2030-01-01') TO ('2040-01-01') PARTITION BY LIST (place)",
    "CREATE TABLE readings_late_rest PARTITION OF readings_late DEFAULT",
];

/// Indexes of a column: their names, whether they are valid, and what they hang on.
async fn indexes(shop: &Shop, column: &str) -> String {
    let query = format!(
        "SELECT string_agg(format('%s %s %s', i.indexrelid::regclass, i.indisvalid,
                    coalesce((SELECT inhparent::regclass::text FROM pg_inherits WHERE inhrelid = i.indexrelid), '-')),
                E'\\n' ORDER BY i.indexrelid::regclass::text)
         FROM pg_index i WHERE i.indrelid::regclass::text LIKE 'readings%'
           -- Not by pg_get_indexdef, which fails on what is dropped at that moment.
           AND (SELECT array_agg(a.attname) FROM pg_attribute a WHERE a.attrelid = i.indexrelid) = ARRAY['{column}'::name]"
    );
    shop.text("staging", &query).await
}

async fn staged() -> (Shop, App) {
    let shop = Shop::start().await;
    shop.stage().await;
    shop.run("sandbox", "staging", STAGING).await;
    let app = App::start(&shop.settings()).await;
    (shop, app)
}

async fn rolled_back(app: &App, id: optischema::model::RecommendationId) -> ChangeOutcome {
    let job = app.completed(&format!("/api/apply/{id}/rollback")).await;
    job.result.unwrap().change().unwrap().clone()
}

fn readings() -> [TableName; 1] {
    [TableName::new("public", "readings")]
}

#[tokio::test]
async fn a_dropped_index_is_built_again_on_the_partitions_that_there_are_now() {
    let (shop, app) = staged().await;
    shop.run("sandbox", "staging", &["COMMENT ON INDEX readings_place_idx IS 'top'"]).await;
    let id = propose(&shop, "DROP INDEX public.readings_place_idx", &readings()).await;
    applied(&app, id).await;
    assert_eq!(indexes(&shop, "place").await, "");
    shop.run("sandbox", "staging", MEANWHILE).await;
    let outcome = rolled_back(&app, id).await;
    let notes = outcome.notes.join(" ");
    for said in [
        "public.readings_old was detached",
        "public.readings_new_a is gone",
        "public.readings_late came since",
        "public.readings_late_rest came since",
    ] {
        assert!(notes.contains(said), "{said}: {notes}");
    }
    assert_eq!(
        indexes(&shop, "place").await,
        "readings_late_place_idx t readings_place_idx\n\
         readings_late_rest_place_idx t readings_late_place_idx\n\
         readings_new_place_idx t readings_place_idx\n\
         readings_new_rest_place_idx t readings_new_place_idx\n\
         readings_place_idx t -"
    );
    let comment = "SELECT obj_description('readings_place_idx'::regclass)";
    assert_eq!(shop.text("staging", comment).await, "top");
    // What ran is what the trail says.
    let trail = app.json("/api/audit?action=rollback.intent").await;
    assert_eq!(trail["items"][0]["detail"]["sql"], outcome.executed_sql.as_str());
    assert!(outcome.executed_sql.contains("readings_late_rest"), "{}", outcome.executed_sql);
    app.stop().await;
}

#[tokio::test]
async fn an_index_goes_from_partitions_that_came_and_stays_on_those_that_left() {
    let (shop, app) = staged().await;
    let patch = "CREATE INDEX readings_value_idx ON public.readings (value)";
    let id = propose(&shop, patch, &readings()).await;
    applied(&app, id).await;
    shop.run("sandbox", "staging", MEANWHILE).await;
    let notes = rolled_back(&app, id).await.notes.join(" ");
    assert!(notes.contains("readings_old was detached: its index is left as it is"), "{notes}");
    assert!(
        notes.contains("With it went the index public.readings_late_rest_value_idx"),
        "{notes}"
    );
    assert_eq!(indexes(&shop, "value").await, "readings_old_value_idx t -");
    app.stop().await;
}

#[tokio::test]
async fn an_index_that_was_renamed_is_said_to_be_renamed() {
    let (shop, app) = staged().await;
    let id = propose(&shop, "CREATE INDEX first_name ON public.orders (name)", &[]).await;
    applied(&app, id).await;
    let rename = "ALTER INDEX first_name RENAME TO second_name";
    shop.run("sandbox", "staging", &[rename]).await;
    let job = app.job(&format!("/api/apply/{id}/rollback")).await;
    assert_eq!(job.error_code.as_deref(), Some("renamed"));
    let said = job.error_message.unwrap();
    assert!(said.contains("public.second_name"), "{said}");
    let rename = "ALTER INDEX second_name RENAME TO first_name";
    shop.run("sandbox", "staging", &[rename]).await;
    app.completed(&format!("/api/apply/{id}/rollback")).await;
    app.stop().await;
}

#[tokio::test]
async fn what_was_altered_below_a_partitioned_table_is_put_back_where_it_still_is() {
    let (shop, app) = staged().await;
    let patch = "ALTER TABLE public.readings ALTER COLUMN place SET STATISTICS 300";
    let id = propose(&shop, patch, &readings()).await;
    applied(&app, id).await;
    shop.run("sandbox", "staging", MEANWHILE).await;
    let notes = rolled_back(&app, id).await.notes.join(" ");
    assert!(notes.contains("readings_old was detached"), "{notes}");
    let targets = "SELECT string_agg(format('%s %s', attrelid::regclass, attstattarget), ', ' ORDER BY attrelid::regclass::text)
        FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
        WHERE a.attname = 'place' AND c.relkind IN ('r', 'p') AND coalesce(attstattarget, -1) >= 0";
    assert_eq!(shop.text("staging", targets).await, "readings_old 300", "as it was left");
    app.stop().await;
}

#[tokio::test]
async fn cleaning_up_leaves_what_is_being_built_alone() {
    let (shop, app) = staged().await;
    let patch = "CREATE INDEX readings_value_idx ON public.readings (value)";
    let id = propose(&shop, patch, &readings()).await;
    let mut other = shop.connect("sandbox", "staging").await;
    for statement in ["BEGIN", "INSERT INTO readings_new_a VALUES (1, 'a', '2026-01-01', 1, 'x')"] {
        sqlx::query(statement).execute(&mut other).await.unwrap();
    }
    let body = serde_json::json!({"override_reason": "held"});
    let response = app.post_json(&format!("/api/apply/{id}"), &body).await;
    let location = response.headers()["location"].to_str().unwrap().to_owned();
    for _ in 0..200 {
        if indexes(&shop, "value").await.contains("readings_value_idx f -") {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    assert!(indexes(&shop, "value").await.contains("readings_value_idx f -"), "half way");
    let report = app.post("/api/apply/cleanup").await;
    assert_eq!(report.json::<serde_json::Value>().await.unwrap()["dropped"], serde_json::json!([]));
    // Nor may it be dismissed meanwhile: what becomes of it would be nobody's.
    let dismissed = app.post(&format!("/api/recommendations/{id}/dismiss")).await;
    assert_eq!(dismissed.status(), 409);
    sqlx::query("ROLLBACK").execute(&mut other).await.unwrap();
    let job = app.ended(&location).await;
    assert_eq!(job.status.as_str(), "completed", "{:?}", job.error_message);
    app.stop().await;
}

#[tokio::test]
async fn what_was_built_for_partitions_goes_with_the_index_that_it_was_for() {
    let (shop, app) = staged().await;
    app.stop().await;
    let mut settings = shop.settings();
    settings.lock_timeout_s = Some(1);
    let app = App::start(&settings).await;
    let patch = "CREATE INDEX readings_value_idx ON public.readings (value)";
    let id = propose(&shop, patch, &readings()).await;
    let mut other = shop.connect("sandbox", "staging").await;
    for statement in ["BEGIN", "INSERT INTO readings_new_a VALUES (1, 'a', '2026-01-01', 1, 'x')"] {
        sqlx::query(statement).execute(&mut other).await.unwrap();
    }
    assert_eq!(apply(&app, id).await.status.as_str(), "failed");
    sqlx::query("ROLLBACK").execute(&mut other).await.unwrap();
    app.post("/api/apply/cleanup").await;
    assert_eq!(indexes(&shop, "value").await, "");
    // As a build leaves it that was cut off, and could not be put right then.
    let left = [
        "CREATE INDEX readings_value_idx ON ONLY readings (value)",
        "CREATE INDEX readings_old_value_idx ON readings_old (value)",
        // Of the same name as another part, and somebody's own.
        "CREATE INDEX readings_new_a_value_idx ON readings_new_a (value, place)",
    ];
    shop.run("sandbox", "staging", &left).await;
    app.post("/api/apply/cleanup").await;
    assert_eq!(
        indexes(&shop, "value").await,
        "",
        "whether asked for, or by itself since it failed"
    );
    let own = "SELECT to_regclass('readings_new_a_value_idx')::text";
    assert_eq!(shop.text("staging", own).await, "readings_new_a_value_idx");
    app.stop().await;
}

#[tokio::test]
async fn what_was_left_on_a_detached_partition_stays_there() {
    let (shop, app) = staged().await;
    let patch = "CREATE INDEX readings_value_idx ON public.readings (value)";
    let id = propose(&shop, patch, &readings()).await;
    applied(&app, id).await;
    let detach = "ALTER TABLE readings DETACH PARTITION readings_old";
    shop.run("sandbox", "staging", &[detach]).await;
    rolled_back(&app, id).await;
    app.post("/api/apply/cleanup").await;
    assert_eq!(indexes(&shop, "value").await, "readings_old_value_idx t -");
    app.stop().await;
}

#[tokio::test]
async fn an_index_of_somebodys_own_that_hangs_on_it_is_not_dropped_with_it() {
    let (shop, app) = staged().await;
    let patch = "CREATE INDEX readings_value_idx ON public.readings (value)";
    let id = propose(&shop, patch, &readings()).await;
    applied(&app, id).await;
    let attach = [
        "CREATE TABLE readings_late (LIKE readings)",
        "CREATE INDEX own ON readings_late (value)",
        "ALTER TABLE readings ATTACH PARTITION readings_late FOR VALUES FROM ('2030-01-01') TO ('2031-01-01')",
    ];
    shop.run("sandbox", "staging", &attach).await;
    let job = app.job(&format!("/api/apply/{id}/rollback")).await;
    assert_eq!(job.status.as_str(), "failed");
    assert_eq!(job.error_code.as_deref(), Some("others_index"));
    let said = job.error_message.unwrap();
    assert!(said.contains("public.own of public.readings_late"), "{said}");
    let detach = "ALTER TABLE readings DETACH PARTITION readings_late";
    shop.run("sandbox", "staging", &[detach]).await;
    rolled_back(&app, id).await;
    assert_eq!(indexes(&shop, "value").await, "own t -");
    app.stop().await;
}

#[tokio::test]
async fn a_table_that_was_renamed_is_said_to_be_renamed() {
    let (shop, app) = staged().await;
    let patch = "CREATE INDEX readings_value_idx ON public.readings (value)";
    let id = propose(&shop, patch, &readings()).await;
    applied(&app, id).await;
    shop.run("sandbox", "staging", &["ALTER TABLE readings RENAME TO other"]).await;
    let job = app.job(&format!("/api/apply/{id}/rollback")).await;
    assert_eq!(job.error_code.as_deref(), Some("renamed"));
    let said = job.error_message.unwrap();
    assert!(said.contains("public.other"), "{said}");
    shop.run("sandbox", "staging", &["ALTER TABLE other RENAME TO readings"]).await;
    // A partition, too: its index is built again, whatever the one above it is called by then.
    rolled_back(&app, id).await;
    let id = propose(&shop, "DROP INDEX public.readings_place_idx", &readings()).await;
    applied(&app, id).await;
    shop.run("sandbox", "staging", &["ALTER TABLE readings_new RENAME TO newer"]).await;
    rolled_back(&app, id).await;
    assert!(!indexes(&shop, "place").await.contains(" f "), "every one is valid");
    app.stop().await;
}
