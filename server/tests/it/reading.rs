//! Reading main's catalogs.

use optischema::model::TableName;
use optischema_server::analysis::analyze_once;
use optischema_server::config::Settings;
use optischema_server::postgres::MainSession;
use optischema_server::workload::AdviseLimits;

use sqlx::Row;

use crate::fixture::Shop;

/// Each reading is one transaction with one snapshot, and what PostgreSQL writes out of its catalogs (`pg_get_indexdef`,
/// sizes) comes from the present.
#[tokio::test]
async fn what_is_dropped_while_it_is_read_is_passed_over() {
    let shop = Shop::start().await;
    let setup = [
        "CREATE TYPE colour AS ENUM ('red')",
        "CREATE TABLE passing (id serial PRIMARY KEY, colour colour, size int)",
        "CREATE VIEW sizes AS SELECT size FROM passing",
        "CREATE INDEX items_price_idx ON \"Items\" (price)",
        "CREATE STATISTICS items_both ON price, kind FROM \"Items\"",
        "ALTER TABLE passing ENABLE ROW LEVEL SECURITY",
        "CREATE POLICY own ON passing USING (size = 7)",
    ];
    shop.run("app", "shop", &setup).await;
    let dsn = Settings::resolve(&shop.settings()).unwrap().main_url.unwrap();
    let mut session = MainSession::begin(&dsn).await.unwrap();
    let asked = "SELECT /* optischema */ pg_catalog.count(*) AS known FROM pg_catalog.pg_class WHERE relname = 'passing'";
    let connection = session.connection().await.unwrap();
    let known: i64 = sqlx::query(asked).fetch_one(connection).await.unwrap().get("known");
    assert_eq!(known, 1, "the snapshot is from before");
    let drops = [
        "DROP VIEW sizes",
        "DROP TABLE passing",
        "DROP TYPE colour",
        "DROP INDEX items_price_idx",
        "DROP STATISTICS items_both",
    ];
    shop.run("app", "shop", &drops).await;
    let after = session.catalog().await.unwrap();
    assert!(after.tables.keys().all(|table| table.name != "passing"));
    let items = after.tables.values().find(|table| table.name.name == "Items").unwrap();
    assert!(items.indexes.iter().all(|index| index.name != "items_price_idx"));
    session.lineage().await.unwrap();
    session.end().await.unwrap();
}

/// One table that somebody has for himself costs no other its analysis.
#[tokio::test]
async fn what_another_session_has_locked_is_left_out_and_named() {
    let shop = Shop::start().await;
    let setup = [
        "CREATE TABLE held (id int PRIMARY KEY, size int)",
        "CREATE INDEX held_idx ON held ((size + 1)) WHERE size > 3",
        "CREATE VIEW of_held AS SELECT size FROM held",
        "ALTER TABLE held ENABLE ROW LEVEL SECURITY",
        "CREATE POLICY own ON held USING (size = 7)",
        "CREATE TABLE leaving (id serial PRIMARY KEY)",
        "INSERT INTO leaving DEFAULT VALUES",
        "CREATE TABLE whole (id int, day int) PARTITION BY RANGE (day)",
        "CREATE TABLE whole_1 PARTITION OF whole FOR VALUES FROM (1) TO (9)",
    ];
    shop.run("app", "shop", &setup).await;
    let mut other = shop.connect("app", "shop").await;
    // A table that is dropped takes its sequence along.
    let held = ["BEGIN", "LOCK TABLE held, whole_1 IN ACCESS EXCLUSIVE MODE", "DROP TABLE leaving"];
    for statement in held {
        sqlx::query(statement).execute(&mut other).await.unwrap();
    }
    let settings = Settings::resolve(&shop.settings()).unwrap();
    let workload = "SELECT name FROM orders WHERE name = 'a'; SELECT size FROM held WHERE size = 3; SELECT size FROM of_held; SELECT id FROM whole WHERE id = 3";
    let limits = AdviseLimits::default();
    let (collection, advice) =
        analyze_once(&settings, Some(&mut workload.as_bytes()), &limits).await.unwrap();
    assert!(advice.complete.is_empty(), "what was given before on those stays");
    let of = |text: &str| {
        let found = collection.statements.iter().find(|s| s.sql.contains(text)).unwrap();
        found.plannable.as_ref().map(|_| ()).map_err(ToString::to_string)
    };
    assert_eq!(of("FROM orders"), Ok(()));
    let said = of("FROM held").unwrap_err();
    assert!(said.contains("another session had public.held for itself"), "{said}");
    of("FROM of_held").unwrap_err();
    let said = of("FROM whole").unwrap_err();
    assert!(
        said.contains("public.whole for itself"),
        "whoever reads it waits for its part: {said}"
    );
    sqlx::query("ROLLBACK").execute(&mut other).await.unwrap();
}

/// A table is read with those that inherit from it, and ANALYZE keeps the values of both beside its own.
#[tokio::test]
async fn a_table_with_children_has_the_values_of_all_its_rows() {
    let shop = Shop::start().await;
    let setup = [
        "CREATE TABLE event (id int, kind text)",
        "CREATE TABLE event_old () INHERITS (event)",
        "INSERT INTO event SELECT g, 'new' FROM generate_series(1, 100) g",
        "INSERT INTO event_old SELECT g, 'old' FROM generate_series(1, 9900) g",
        "ANALYZE event",
        "ANALYZE event_old",
        "CREATE TABLE lone (id int, kind text)",
        "CREATE TABLE lone_part () INHERITS (lone)",
        "INSERT INTO lone SELECT g, 'own' FROM generate_series(1, 100) g",
        "ANALYZE lone",
        "DROP TABLE lone_part",
    ];
    shop.run("app", "shop", &setup).await;
    let dsn = Settings::resolve(&shop.settings()).unwrap().main_url.unwrap();
    let catalog = MainSession::begin(&dsn).await.unwrap().catalog().await.unwrap();
    let kind = |table: &str| {
        let table = &catalog.tables[&TableName::new("public", table)];
        assert_eq!(table.columns.len(), 2, "each column once");
        let column = table.column("kind").unwrap();
        (column.common_values.clone(), column.common_shares.clone())
    };
    let (values, shares) = kind("event");
    assert_eq!(values, ["old", "new"]);
    assert!((shares[0] - 0.99).abs() < 0.001, "{shares:?}");
    assert_eq!(kind("event_old").0, ["old"]);
    assert_eq!(kind("lone").0, ["own"], "its children are gone, and their values with them");
}
