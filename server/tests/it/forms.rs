//! Forms of statements that applications send: each is planned, as itself or through what it searches, or says why not.

use optischema::model::{NotPlanned, PlannedAs, ReasonCode, TrackedStatement};
use optischema_server::config::Settings;
use optischema_server::service::analyze_once;
use optischema_server::workload::AdviseLimits;

use crate::bench::{Options, measured};
use crate::fixture::Shop;

/// Analyses a file of statements.
async fn analysed(shop: &Shop, workload: &str) -> (Vec<TrackedStatement>, Vec<String>) {
    let settings = Settings::resolve(&shop.settings()).unwrap();
    let (collection, advice) =
        analyze_once(&settings, Some(workload), &AdviseLimits::default()).await.unwrap();
    let titles = advice.proposals.iter().map(|proposal| proposal.title.clone()).collect();
    (collection.statements, titles)
}

#[tokio::test]
async fn writes_locks_and_wrapped_queries_are_planned_through_what_they_search() {
    let shop = Shop::start().await;
    for (statement, how) in [
        ("UPDATE \"Items\" SET price = 1 WHERE order_id = 7", PlannedAs::RowSearch),
        (
            "DELETE FROM \"Items\" i USING orders o WHERE o.id = i.order_id AND o.name = 'order 5'",
            PlannedAs::RowSearch,
        ),
        (
            "MERGE INTO \"Items\" i USING orders o ON o.id = i.order_id WHEN MATCHED THEN UPDATE SET price = 2",
            PlannedAs::RowSearch,
        ),
        (
            "INSERT INTO orders (name) SELECT kind FROM \"Items\" WHERE order_id = 7",
            PlannedAs::RowSearch,
        ),
        ("SELECT * FROM \"Items\" WHERE order_id = 7 FOR UPDATE SKIP LOCKED", PlannedAs::RowSearch),
        (
            "WITH gone AS (DELETE FROM \"Items\" WHERE order_id = 7 RETURNING price) SELECT sum(price) FROM gone",
            PlannedAs::RowSearch,
        ),
        ("DECLARE c CURSOR FOR SELECT * FROM \"Items\" WHERE order_id = 7", PlannedAs::InnerQuery),
        ("PREPARE p AS SELECT * FROM \"Items\" WHERE order_id = $1", PlannedAs::InnerQuery),
        ("COPY (SELECT * FROM \"Items\" WHERE order_id = 7) TO STDOUT", PlannedAs::InnerQuery),
        ("CREATE TABLE x AS SELECT * FROM \"Items\" WHERE order_id = 7", PlannedAs::InnerQuery),
        ("EXPLAIN SELECT * FROM \"Items\" WHERE order_id = 7", PlannedAs::InnerQuery),
    ] {
        let (statements, titles) = analysed(&shop, statement).await;
        let planned: Vec<PlannedAs> = statements.iter().map(TrackedStatement::planned_as).collect();
        assert_eq!(planned, [how], "{statement}: {:?}", statements[0].plannable);
        let joined = statement.contains("orders");
        let indexed = titles.iter().any(|title| title.contains("\"Items\" on (order_id)"));
        assert!(indexed || joined, "{statement}: {titles:?}");
    }
    let (statements, _) = analysed(&shop, "INSERT INTO orders (name) VALUES ('x')").await;
    let code = |statement: &TrackedStatement| {
        statement.plannable.as_ref().err().map(|NotPlanned { code, .. }| *code)
    };
    assert_eq!(statements.iter().map(code).collect::<Vec<_>>(), [Some(ReasonCode::RowsGiven)]);
}

#[tokio::test]
async fn a_benchmark_of_a_write_says_what_it_measures() {
    let shop = Shop::start().await;
    let statement = "UPDATE \"Items\" SET price = 1 WHERE order_id = 7";
    let patch = "CREATE INDEX i ON public.\"Items\" (order_id)";
    let result = measured(&shop, statement, patch, &Options::of(&shop)).await;
    assert_eq!(result.verdict, optischema::model::Verdict::Faster, "{result:?}");
    let said = result.warnings.iter().any(|warning| warning.starts_with("Measured is the search"));
    assert!(said, "{:?}", result.warnings);
    let left = "SELECT count(*)::text FROM \"Items\" WHERE price = 1";
    let before = shop.text("shop", left).await;
    assert_eq!(shop.text("shop", left).await, before);
}
