//! Sizes of indexes: what arithmetic on `pg_stats` says, beside what PostgreSQL builds.

use optischema::advisor::{IndexCandidate, IndexKey, IndexMethod, index_size};
use optischema::model::TableName;
use optischema_server::postgres::read_catalog;
use optischema_server::sql::typed_index;
use sqlx::AssertSqlSafe;

use crate::fixture::Shop;

const TABLES: &[&str] = &[
    "SELECT setseed(0.5)",
    "CREATE TABLE facts (
        id bigint PRIMARY KEY, small smallint, part int, parent int NOT NULL, big bigint, skewed int, price numeric(12, 2),
        ratio float8, flag boolean, kind text, city text, postal text, email text, note text, code char(6), at timestamptz,
        day date, token uuid, rare int)",
    "INSERT INTO facts SELECT i, i % 300, (random() * 20000)::int, i / 4, i * 7919, floor(power(random(), 4) * 5000)::int,
        (random() * 100000)::numeric(12, 2), random(), i % 7 = 0, (ARRAY['alpha', 'beta', 'gamma', 'delta'])[1 + i % 4],
        'City ' || i % 500, lpad((i % 500)::text, 5, '0'), 'user' || i || '@example.com',
        CASE WHEN i % 3 > 0 THEN md5(i::text) || repeat('x', i % 40) END, lpad((i % 1000)::text, 6, 'c'),
        timestamptz '2026-01-01' + i * interval '1 minute', date '2020-01-01' + i % 2000, gen_random_uuid(),
        CASE WHEN i % 50 = 0 THEN i END
     FROM generate_series(1, 200000) i",
    "CREATE TABLE \"Odd Names\" (\"Key\" int, \"the value\" text)",
    "INSERT INTO \"Odd Names\" SELECT (random() * 1000)::int, repeat('v', 1 + i % 100) FROM generate_series(1, 100000) i",
    // Every row is in the sample: what the statistics say does not depend on which rows are.
    "SET default_statistics_target = 1000",
    "VACUUM ANALYZE facts",
    "VACUUM ANALYZE \"Odd Names\"",
];

/// Forty of them: numbers, texts, correlated, unique, nullable, partial, and with carried columns.
const INDEXES: &[&str] = &[
    "(id)",
    "(small)",
    "(part)",
    "(parent)",
    "(big)",
    "(skewed)",
    "(price)",
    "(ratio)",
    "(flag)",
    "(kind)",
    "(city)",
    "(email)",
    "(note)",
    "(code)",
    "(at)",
    "(day)",
    "(token)",
    "(rare)",
    "(city, postal)",
    "(postal, city)",
    "(kind, at)",
    "(part, at)",
    "(parent, part)",
    "(day, kind)",
    "(flag, small)",
    "(price, day)",
    "(kind, city, day)",
    "(note, id)",
    "(part) INCLUDE (price)",
    "(parent) INCLUDE (big, kind)",
    "(at) INCLUDE (price, flag)",
    "(email) INCLUDE (id)",
    "(city) INCLUDE (note)",
    "(at) WHERE rare IS NOT NULL",
    "(part) WHERE note IS NULL",
    "(at) WHERE kind = 'alpha'",
    "(city, at) WHERE flag = 't'",
    "(rare) WHERE rare IS NOT NULL",
    "(big DESC, small)",
    "(day DESC) INCLUDE (ratio)",
];

#[tokio::test]
async fn sizes_are_within_ten_percent_for_nine_of_ten_indexes() {
    let shop = Shop::start().await;
    shop.run("app", "shop", TABLES).await;
    let mut connection = shop.connect("app", "shop").await;
    let catalog = read_catalog(&mut connection).await.unwrap();
    assert_eq!(INDEXES.len(), 40);
    let (mut close, mut lines) = (0, Vec::new());
    for (number, body) in INDEXES.iter().enumerate() {
        let sql = format!("CREATE INDEX tried_{number} ON public.facts {body}");
        let candidate = typed_index(&sql, &catalog).unwrap();
        let table = &catalog.tables[&candidate.table];
        let thought = index_size(table, &candidate).unwrap().bytes as f64;
        shop.run("app", "shop", &[&sql]).await;
        let real: f64 = shop
            .text("shop", &format!("SELECT pg_relation_size('tried_{number}')::text"))
            .await
            .parse()
            .unwrap();
        let off = 100.0 * (thought / real - 1.0);
        close += usize::from(off.abs() <= 10.0);
        lines.push(format!("{off:+6.1} %  {thought:>9} for {real:>9}  {body}"));
    }
    println!("{close} of 40 within 10 %\n{}", lines.join("\n"));
    assert!(close >= 36, "{close} of 40\n{}", lines.join("\n"));
}

#[tokio::test]
async fn hash_brin_odd_names_and_empty_tables_have_sizes_too() {
    let shop = Shop::start().await;
    shop.run("app", "shop", TABLES).await;
    shop.run(
        "app",
        "shop",
        &["CREATE TABLE empty (a int)", "ANALYZE empty", "CREATE TABLE unknown (a int)"],
    )
    .await;
    let mut connection = shop.connect("app", "shop").await;
    let catalog = read_catalog(&mut connection).await.unwrap();
    let of = |table: &str, method: IndexMethod, column: &str| {
        let name = TableName::new("public", table);
        let candidate = IndexCandidate {
            table: name.clone(),
            method,
            keys: vec![IndexKey::column(column)],
            ..IndexCandidate::default()
        };
        (index_size(&catalog.tables[&name], &candidate), candidate.create_sql_named("sized", false))
    };
    for (table, method, column, within) in [
        ("facts", IndexMethod::Hash, "email", 0.35),
        ("facts", IndexMethod::Brin, "at", 0.35),
        ("Odd Names", IndexMethod::Btree, "Key", 0.1),
        ("Odd Names", IndexMethod::Btree, "the value", 0.1),
        ("empty", IndexMethod::Btree, "a", 0.0),
    ] {
        let (size, sql) = of(table, method, column);
        let mut connection = shop.connect("app", "shop").await;
        for step in [sql.as_str(), "SELECT 1"] {
            sqlx::query(AssertSqlSafe(step.to_owned())).execute(&mut connection).await.unwrap();
        }
        let real: f64 =
            shop.text("shop", "SELECT pg_relation_size('sized')::text").await.parse().unwrap();
        shop.run("app", "shop", &["DROP INDEX sized"]).await;
        let off = size.unwrap().bytes as f64 / real - 1.0;
        assert!(off.abs() <= within, "{table} {column}: {off:+.2}");
    }
    // Never analysed: nothing is made up.
    assert_eq!(of("unknown", IndexMethod::Btree, "a").0, None);
    assert_eq!(of("facts", IndexMethod::Gin, "email").0, None);
}
