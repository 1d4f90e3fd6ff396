//! TPC-H: all 22 statements are run, and read back from pg_stat_statements without their constants.

use optischema::model::{BindingKind, TrackedStatement};
use optischema_server::postgres::MainSession;
use optischema_server::sql::parse_one;
use optischema_server::workload::{Collection, collect, read_sql};
use sqlx::AssertSqlSafe;

use crate::fixture::Shop;
use crate::tpch::{QUERIES, SCHEMA, fill};

/// Rows of lineitem in thousands: enough for statistics.
const SCALE: f64 = 0.002;

async fn tpch() -> Shop {
    let shop = Shop::start().await;
    shop.run("postgres", "postgres", &["CREATE DATABASE tpch OWNER app"]).await;
    shop.run(
        "postgres",
        "tpch",
        &["CREATE EXTENSION pg_stat_statements", "CREATE EXTENSION hypopg"],
    )
    .await;
    let mut connection = shop.connect("app", "tpch").await;
    let tables: Vec<&str> = SCHEMA.split(';').map(str::trim).filter(|s| !s.is_empty()).collect();
    shop.run("app", "tpch", &tables).await;
    fill(&mut connection, SCALE).await;
    sqlx::query("ANALYZE").execute(&mut connection).await.unwrap();
    shop
}

async fn collected(shop: &Shop) -> (MainSession, Collection) {
    let mut session =
        MainSession::begin(&shop.url("reader", "tpch").parse().unwrap()).await.unwrap();
    let collection = collect(&mut session, None, false).await.unwrap();
    (session, collection)
}

fn of_tpch(collection: &Collection) -> Vec<&TrackedStatement> {
    let is_select = |statement: &&TrackedStatement| {
        statement.sql.starts_with("select") || statement.sql.starts_with("with")
    };
    collection.statements.iter().filter(is_select).collect()
}

#[tokio::test]
async fn all_22_statements_of_tpch_are_planned_from_their_normalised_text() {
    let shop = tpch().await;
    let written = read_sql(QUERIES).unwrap();
    assert_eq!(written.len(), 22);
    let mut connection = shop.connect("app", "tpch").await;
    for statement in &written {
        sqlx::query(AssertSqlSafe(statement.sql.clone()))
            .persistent(false)
            .fetch_all(&mut connection)
            .await
            .unwrap_or_else(|error| panic!("{}: {error}", statement.sql));
    }
    let (mut session, collection) = collected(&shop).await;
    let statements = of_tpch(&collection);
    assert_eq!(statements.len(), 22);
    let mut as_they_stand = 0;
    let mut failures = Vec::new();
    for statement in &statements {
        // What the text would be without any repair.
        let mut plain = shop.connect("app", "tpch").await;
        let prepare = format!("PREPARE p AS {}", statement.sql);
        let unrepaired =
            sqlx::query(AssertSqlSafe(prepare)).persistent(false).execute(&mut plain).await;
        as_they_stand += u32::from(unrepaired.is_ok());
        match &statement.plannable {
            Err(reason) => failures.push(format!("{reason}\n  {}", statement.sql)),
            Ok(plannable) => {
                assert!(plannable.bindings.iter().all(|b| b.kind != BindingKind::Generic));
                for binding in &plannable.bindings {
                    let bound = parse_one(&binding.sql).unwrap();
                    if let Err(error) = session.plan(&bound).await {
                        failures.push(format!(
                            "{}: {error}\n  {}",
                            binding.described(),
                            binding.sql
                        ));
                    }
                }
            }
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    assert!(
        as_they_stand < 22,
        "the repair is needed: {as_they_stand} can be prepared as they stand"
    );
    println!("{as_they_stand} of 22 can be prepared as they stand, 22 of 22 are planned");
}
