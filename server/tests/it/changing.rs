//! A main that changes while it is read: each reading is one transaction with one snapshot, and what PostgreSQL writes out
//! of its catalogs (`pg_get_indexdef`, sizes) comes from the present.

use optischema_server::config::Settings;
use optischema_server::postgres::MainSession;

use sqlx::Row;

use crate::fixture::Shop;

#[tokio::test]
async fn what_is_dropped_while_it_is_read_is_passed_over() {
    let shop = Shop::start().await;
    let setup = [
        "CREATE TYPE colour AS ENUM ('red')",
        "CREATE TABLE passing (id serial PRIMARY KEY, colour colour, size int)",
        "CREATE VIEW sizes AS SELECT size FROM passing",
        "CREATE INDEX items_price_idx ON \"Items\" (price)",
        "CREATE STATISTICS items_both ON price, kind FROM \"Items\"",
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
