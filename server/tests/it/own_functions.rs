//! Benchmarks of tables whose indexes, checks and triggers call functions of the database.

use optischema::model::{RecommendationType, TableName, Verdict};
use optischema_server::config::SettingsArgs;
use serde_json::json;

use crate::bench::{Options, measured};
use crate::fixture::{App, Shop};
use crate::proposing::{advise, proposal};

const SETUP: &[&str] = &[
    "CREATE FUNCTION code(name text) RETURNS text IMMUTABLE LANGUAGE sql AS $$ SELECT upper(name) $$",
    "CREATE FUNCTION shout() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE LOG 'fired in %', TG_TABLE_SCHEMA; NEW.note := code(NEW.note); RETURN NEW; END $$",
    "CREATE INDEX by_note ON \"Items\" (code(note))",
    "CREATE INDEX by_kind ON \"Items\" (kind, code(note))",
    "ALTER TABLE \"Items\" ADD CONSTRAINT coded CHECK (code(note) <> 'x')",
    "CREATE TRIGGER shouting BEFORE UPDATE ON \"Items\" FOR EACH ROW EXECUTE FUNCTION shout()",
    "CREATE TRIGGER silent BEFORE UPDATE ON \"Items\" FOR EACH ROW EXECUTE FUNCTION shout()",
    "ALTER TABLE \"Items\" DISABLE TRIGGER silent",
];
const PATCH: &str = "CREATE INDEX i ON public.\"Items\" (order_id)";

/// Without the functions an index is missing, so that a copy may be slower than main: no verdict says faster.
#[tokio::test]
async fn a_verdict_is_withheld_without_functions_and_given_with_them() {
    let shop = Shop::start().await;
    shop.run("app", "shop", SETUP).await;
    let read = "SELECT id FROM \"Items\" WHERE order_id = 7";
    let without = measured(&shop, read, PATCH, &Options::of(&shop)).await;
    assert_ne!(without.verdict, Verdict::Faster, "{without:?}");
    let missing: Vec<&String> =
        without.warnings.iter().filter(|warning| warning.contains("not in the copy")).collect();
    assert_eq!(missing.len(), 1, "one sentence a cause: {:?}", without.warnings);
    assert!(
        missing[0].contains("coded") && missing[0].contains("OPTISCHEMA_WITH_FUNCTIONS"),
        "{missing:?}"
    );
    let with = Options { with_functions: true, ..Options::of(&shop) };
    let result = measured(&shop, read, PATCH, &with).await;
    assert_eq!(result.verdict, Verdict::Faster, "{result:?}");
    assert!(
        !result.warnings.iter().any(|w| w.contains("not in the copy")),
        "{:?}",
        result.warnings
    );
    // Another benchmark finds the functions there.
    assert_eq!(measured(&shop, read, PATCH, &with).await.verdict, Verdict::Faster);
}

/// A write is measured with its triggers where their functions may be copied.
#[tokio::test]
async fn writes_run_with_their_triggers() {
    let shop = Shop::start().await;
    shop.run("app", "shop", SETUP).await;
    let write = "UPDATE \"Items\" SET price = 1 WHERE order_id = 7";
    let fired = || {
        shop.log_lines("fired in").into_iter().filter(|line| line.contains("benchmark_job")).count()
    };
    let without = measured(&shop, write, PATCH, &Options::of(&shop)).await;
    let said =
        |warnings: &[String], word: &str| warnings.iter().any(|warning| warning.contains(word));
    assert!(
        said(&without.warnings, "Triggers that did not run: shouting."),
        "{:?}",
        without.warnings
    );
    assert_eq!(fired(), 0);
    let with = Options { with_functions: true, ..Options::of(&shop) };
    let result = measured(&shop, write, PATCH, &with).await;
    assert!(said(&result.warnings, "Triggers ran."), "{:?}", result.warnings);
    assert!(fired() > 20, "{}", fired());
    // What the statement touches beside them is main's no more than before.
    assert_eq!(
        shop.text("shop", "SELECT count(*)::text FROM \"Items\" WHERE note <> 'none'").await,
        "0"
    );
}

/// The answer that a person gives on the page holds for benchmarks and for the staging copy, and is in the trail; where
/// the configuration decides, there is nothing to answer.
#[tokio::test]
async fn the_answer_of_a_person_holds_where_the_configuration_does_not_decide() {
    let shop = Shop::start().await;
    shop.run("app", "shop", SETUP).await;
    let app = App::start(&shop.settings()).await;
    let path = "/api/sandbox/functions";
    assert_eq!(app.json(path).await, json!({"copied": false, "decided_by": "nobody"}));
    for wrong in [json!({}), json!({"copied": "yes"}), json!({"copied": true, "more": 1})] {
        assert_eq!(app.post_json(path, &wrong).await.status().as_u16(), 422, "{wrong}");
    }
    assert_eq!(app.json(path).await["decided_by"], "nobody");
    let verdict = async || {
        assert_eq!(app.post("/api/analyze").await.status(), 200);
        let tables = [TableName::new("public", "Items")];
        let id = advise(&shop, proposal(PATCH, RecommendationType::Index, &tables)).await;
        let job = app.job(&format!("/api/benchmark/{id}")).await;
        let result = job.result.and_then(|result| result.benchmark().cloned()).unwrap();
        (result.verdict == Verdict::Faster, result.warnings)
    };
    let (is_faster, warnings) = verdict().await;
    assert!(!is_faster && warnings.iter().any(|w| w.contains("page Connections")), "{warnings:?}");
    let answered = app.post_json(path, &json!({"copied": true})).await;
    assert_eq!(answered.json::<serde_json::Value>().await.unwrap()["decided_by"], "person");
    let (is_faster, warnings) = verdict().await;
    assert!(is_faster, "{warnings:?}");
    let trail = app.json("/api/audit?limit=50").await;
    assert!(trail.to_string().contains("sandbox.functions"), "{trail}");
    app.stop().await;
    for copied in [true, false] {
        let decided = SettingsArgs { with_functions: Some(copied), ..shop.settings() };
        let app = App::start(&decided).await;
        assert_eq!(app.json(path).await, json!({"copied": copied, "decided_by": "configuration"}));
        assert_eq!(app.post_json(path, &json!({"copied": !copied})).await.status().as_u16(), 409);
        app.stop().await;
    }
}
