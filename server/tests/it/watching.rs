//! An applied change is measured again: what was predicted, what came of it, and what becomes of a regression.

use std::time::Duration;

use optischema::model::{Change, JobStatus, RecommendationType, TableName, WatchOutcome};
use serde_json::json;

use crate::fixture::{App, SLOW, Shop};
use crate::proposing::{applied, proposal, propose, store};

async fn watched(app: &App) -> Change {
    for _ in 0..900 {
        let changes: Vec<Change> =
            serde_json::from_value(app.json("/api/apply/changes").await).unwrap();
        if let Some(change) = changes.into_iter().find(|change| change.watch.is_some()) {
            return change;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("nothing was measured again");
}

#[tokio::test]
async fn what_was_predicted_is_measured_and_moves_the_confidence() {
    let shop = Shop::start().await;
    shop.stage().await;
    let mut settings = shop.settings();
    settings.watch_changes = Some(true);
    let app = App::start(&settings).await;
    let recommendation = app.analyzed().await;
    let id = recommendation.id;
    let job = app.completed(&format!("/api/benchmark/{id}")).await;
    assert!(job.result.unwrap().benchmark().unwrap().change_percent.unwrap() < -50.0);
    // One prediction of this rule held, and the next advice of it is surer.
    let after: serde_json::Value = app.json(&format!("/api/recommendations/{id}")).await;
    assert!(after["confidence_score"].as_f64().unwrap() > recommendation.confidence_score);
    let learned = after["evidence"]["learned"].as_str().unwrap().to_owned();
    assert!(
        learned.contains("Of 1 prediction of this rule that was measured")
            && learned.contains("1 held"),
        "{learned}"
    );
    let job = app.completed(&format!("/api/apply/{id}")).await;
    let outcome = job.result.as_ref().unwrap().change().unwrap().clone();
    // The statement uses the index, and costs less: planned in the sandbox itself.
    let check = &outcome.uses[0];
    assert_eq!(check.used, Some(true), "{check:?}");
    assert!(check.cost_after.unwrap() < check.cost_before.unwrap() / 2.0, "{check:?}");
    let watch_job = outcome.watch_job.expect("it is measured again");
    let ended = app.ended(&format!("/api/benchmark/{watch_job}")).await;
    assert_eq!(ended.status, JobStatus::Completed, "{:?}", ended.error_message);
    let change = watched(&app).await;
    let watch = change.watch.unwrap();
    assert_eq!(watch.outcome, WatchOutcome::AsPredicted, "{}", watch.sentence);
    assert!(change.predicted_percent.unwrap() > 50.0 && change.measured_percent.unwrap() > 50.0);
    assert!(watch.sentence.contains("less time was measured"), "{}", watch.sentence);
    // Undone for measuring, the index stands as before.
    let there =
        shop.text("staging", "SELECT to_regclass('public.\"Items_order_id_idx\"')::text").await;
    assert!(!there.is_empty());
    app.completed(&format!("/api/apply/{id}/rollback")).await;
    app.stop().await;
}

/// Takes away the index that a statement lives on.
const HARMFUL: &str = "DROP INDEX public.\"Items_by_order\"";

async fn with_a_useful_index(shop: &Shop) -> optischema::model::RecommendationId {
    let index = "CREATE INDEX \"Items_by_order\" ON \"Items\" (order_id)";
    shop.run("app", "shop", &[index, "ANALYZE \"Items\""]).await;
    shop.stage().await;
    let tables = [TableName::new("public", "Items")];
    let mut harmful = proposal(HARMFUL, RecommendationType::IndexDrop, &tables);
    harmful.original_sql = "SELECT id, price FROM \"Items\" WHERE order_id = 7".into();
    let store = store(shop).await;
    let id = store.add_typed("shop", &harmful).await.unwrap().id;
    store.close().await;
    id
}

#[tokio::test]
async fn a_regression_is_flagged_and_one_call_rolls_it_back() {
    let shop = Shop::start().await;
    let id = with_a_useful_index(&shop).await;
    let mut settings = shop.settings();
    settings.watch_changes = Some(true);
    let app = App::start(&settings).await;
    applied(&app, id).await;
    let change = watched(&app).await;
    let watch = change.watch.unwrap();
    assert_eq!(watch.outcome, WatchOutcome::Regression, "{}", watch.sentence);
    assert!(change.measured_percent.unwrap() < -20.0, "{:?}", change.measured_percent);
    let flagged = app.json("/api/apply/changes?outcome=regression").await;
    assert_eq!(flagged.as_array().unwrap().len(), 1);
    app.completed(&format!("/api/apply/{id}/rollback")).await;
    app.stop().await;
}

#[tokio::test]
async fn a_regression_is_rolled_back_by_itself_where_that_is_wanted() {
    let shop = Shop::start().await;
    let id = with_a_useful_index(&shop).await;
    let mut settings = shop.settings();
    settings.watch_changes = Some(true);
    settings.rollback_on_regression = Some(true);
    let app = App::start(&settings).await;
    applied(&app, id).await;
    for _ in 0..900 {
        if app.json(&format!("/api/recommendations/{id}")).await["applied"] == false {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let there = shop.text("staging", "SELECT to_regclass('public.\"Items_by_order\"')::text").await;
    assert!(!there.is_empty(), "the index is back");
    let trail = app.json("/api/audit?action=rollback&limit=10").await;
    let actions: Vec<(&str, &str)> = trail["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| (row["action"].as_str().unwrap(), row["actor"].as_str().unwrap()))
        .collect();
    assert!(actions.contains(&("rollback.automatic", "optischema")), "{actions:?}");
    assert!(actions.contains(&("rollback.outcome", "optischema")), "{actions:?}");
    app.stop().await;
}

#[tokio::test]
async fn a_rollback_does_not_wait_for_what_it_came_to() {
    let shop = Shop::start().await;
    shop.stage().await;
    let mut settings = shop.settings();
    settings.watch_changes = Some(true);
    let app = App::start(&settings).await;
    let id = app.analyzed().await.id;
    let body = json!({"override_reason": "at once"});
    let response = app.post_json(&format!("/api/apply/{id}"), &body).await;
    let job = app.ended(response.headers()["location"].to_str().unwrap()).await;
    let watch = job.result.unwrap().change().unwrap().watch_job.unwrap();
    for _ in 0..200 {
        if app.json(&format!("/api/benchmark/{watch}")).await["status"] == "running" {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    let rollback = app.post(&format!("/api/apply/{id}/rollback")).await;
    assert_eq!(rollback.status(), 202);
    assert_eq!(
        app.post(&format!("/api/apply/{id}/rollback")).await.status(),
        409,
        "once is enough"
    );
    let rollback = app.ended(rollback.headers()["location"].to_str().unwrap()).await;
    assert_eq!(rollback.status, JobStatus::Completed, "{:?}", rollback.error_message);
    let watch = app.ended(&format!("/api/benchmark/{watch}")).await;
    assert_eq!(watch.status, JobStatus::Cancelled);
    app.stop().await;
}

#[tokio::test]
async fn what_changes_nothing_that_can_be_measured_says_so() {
    let shop = Shop::start().await;
    shop.stage().await;
    let mut settings = shop.settings();
    settings.watch_changes = Some(true);
    let app = App::start(&settings).await;
    app.analyzed().await;
    let patch = "CREATE STATISTICS public.odd ON price, kind FROM public.\"Items\"";
    let id = propose(&shop, patch, &[TableName::new("public", "Items")]).await;
    applied(&app, id).await;
    let change = watched(&app).await;
    let watch = change.watch.unwrap();
    assert_eq!(watch.outcome, WatchOutcome::NotMeasured, "{}", watch.sentence);
    assert!(change.measured_percent.is_none() && !watch.sentence.is_empty());
    assert!(SLOW.starts_with("SELECT"));
    app.stop().await;
}
