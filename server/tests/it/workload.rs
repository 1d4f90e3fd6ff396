//! The workload as it is read: deltas, resets, evictions, roles, sources, plans and their changes.

use optischema::model::{Health, QueryDetail, QueryKind, QueryPage, QuerySummary};
use optischema_server::config::SettingsArgs;
use optischema_server::postgres::StatementsView;
use optischema_server::store::Store;
use reqwest::StatusCode;
use serde_json::{Value, json};
use sqlx::AssertSqlSafe;

use crate::fixture::{App, SLOW, Shop};

async fn page(app: &App, query: &str) -> QueryPage {
    let response = app.get(&format!("/api/queries{query}")).await;
    assert_eq!(response.status(), StatusCode::OK, "{query}");
    response.json().await.unwrap()
}

async fn collect(app: &App) -> Value {
    let response = app.post("/api/queries/collect").await;
    assert_eq!(response.status(), StatusCode::OK, "{:?}", response.text().await);
    response.json().await.unwrap()
}

fn named<'a>(page: &'a QueryPage, part: &str) -> &'a QuerySummary {
    let found = page.items.iter().find(|item| item.sql.contains(part));
    found.unwrap_or_else(|| panic!("{part} is not among {:?}", texts(page)))
}

fn texts(page: &QueryPage) -> Vec<&str> {
    page.items.iter().map(|item| item.sql.as_str()).collect()
}

async fn detail(app: &App, hash: &str, range: &str) -> QueryDetail {
    let response = app.get(&format!("/api/queries/{hash}?range={range}")).await;
    assert_eq!(response.status(), StatusCode::OK);
    response.json().await.unwrap()
}

#[tokio::test]
async fn a_reading_counts_what_came_since_the_one_before() {
    let shop = Shop::start().await;
    let app = App::start(&shop.settings()).await;
    let first = collect(&app).await;
    assert!(first["fresh"].as_i64().unwrap() >= 3, "{first}");
    assert!(first["main_ms"].as_f64().unwrap() > 0.0);
    assert_eq!(named(&page(&app, "").await, "FROM \"Items\"").figures.calls, 30);
    // The first reading has counted for nobody knows how long: it belongs to no range.
    assert!(page(&app, "?range=hour").await.items.is_empty());

    shop.traffic().await;
    let statements = page(&app, "").await.total;
    collect(&app).await;
    assert_eq!(page(&app, "").await.total, statements);
    let hour = page(&app, "?range=hour").await;
    let slow = named(&hour, "FROM \"Items\"");
    assert_eq!(slow.figures.calls, 30);
    assert_eq!(named(&page(&app, "").await, "FROM \"Items\"").figures.calls, 60);
    let share: f64 = hour.items.iter().map(|item| item.figures.share_percent).sum();
    assert!((share - 100.0).abs() < 0.01, "{share}");
    let history = detail(&app, &slow.query_hash.0, "hour").await.history;
    assert_eq!(history.iter().map(|period| period.calls).sum::<i64>(), 30);

    // Nothing ran since: nothing is counted twice, across a restart too.
    collect(&app).await;
    app.stop().await;
    let app = App::start(&shop.settings()).await;
    collect(&app).await;
    assert_eq!(named(&page(&app, "?range=hour").await, "FROM \"Items\"").figures.calls, 30);
    let cost = page(&app, "").await.cost;
    assert_eq!(cost.readings, 4);
    assert!(cost.main_ms_per_hour > 0.0);
    app.stop().await;
}

#[tokio::test]
async fn a_reset_and_an_eviction_between_readings_lose_nothing_that_is_there() {
    let shop = Shop::start().await;
    let app = App::start(&shop.settings()).await;
    collect(&app).await;
    shop.run("postgres", "shop", &["SELECT pg_stat_statements_reset()"]).await;
    shop.traffic().await;
    let after_reset = collect(&app).await;
    assert_eq!(after_reset["was_reset"], true);
    assert_eq!(named(&page(&app, "?range=hour").await, "FROM \"Items\"").figures.calls, 30);
    assert_eq!(named(&page(&app, "").await, "FROM \"Items\"").figures.calls, 60);
    // One entry alone goes, and comes back.
    shop.run(
        "postgres",
        "shop",
        &["SELECT pg_stat_statements_reset(0, 0, queryid) FROM pg_stat_statements WHERE query LIKE '%\"Items\"%'"],
    )
    .await;
    collect(&app).await;
    shop.traffic().await;
    collect(&app).await;
    assert_eq!(named(&page(&app, "").await, "FROM \"Items\"").figures.calls, 90);
    app.stop().await;
}

#[tokio::test]
async fn a_full_pg_stat_statements_is_read_and_says_that_room_was_made() {
    let shop = Shop::start().await;
    let app = App::start(&shop.settings()).await;
    collect(&app).await;
    // More statements than pg_stat_statements.max has room for.
    let many = "DO $$ BEGIN FOR i IN 1..5600 LOOP EXECUTE (SELECT 'SELECT 1 FROM orders WHERE '
        || string_agg(CASE WHEN (i >> b) & 1 = 1 THEN 'id > 1' ELSE 'id < 1' END, ' AND ') || ' LIMIT 0'
        FROM generate_series(0, 13) b); END LOOP; END $$";
    shop.run(
        "postgres",
        "shop",
        &["ALTER SYSTEM SET pg_stat_statements.track = 'all'", "SELECT pg_reload_conf()"],
    )
    .await;
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    shop.run("app", "shop", &[many]).await;
    let report = collect(&app).await;
    assert!(report["deallocations"].as_i64().unwrap() > 0, "{report}");
    shop.traffic().await;
    collect(&app).await;
    assert!(named(&page(&app, "?range=hour").await, "FROM \"Items\"").figures.calls >= 30);
    app.stop().await;
}

#[tokio::test]
async fn statements_of_the_system_and_our_own_are_left_out_even_where_all_share_one_role() {
    let shop = Shop::start().await;
    let superuser = SettingsArgs {
        main_url: Some(shop.url("postgres", "shop").parse().unwrap()),
        allow_privileged_main: Some(true),
        ..shop.settings()
    };
    shop.run(
        "postgres",
        "shop",
        &[
            "SELECT count(*) FROM orders",
            "SET work_mem = '5MB'",
            "SELECT relname FROM pg_class LIMIT 1",
        ],
    )
    .await;
    let app = App::start(&superuser).await;
    // Everything that OptiSchema does on main.
    let _ = app.analyzed().await;
    app.get("/api/health").await;
    collect(&app).await;
    let user = page(&app, "?limit=200").await;
    let mut found = texts(&user);
    found.sort_unstable();
    let own: Vec<&str> = found
        .iter()
        .copied()
        .filter(|sql| {
            ![
                "FROM orders WHERE id",
                "FROM \"Items\" WHERE",
                "UPDATE orders",
                "count(*) FROM orders",
                "INSERT INTO",
                "CREATE",
                "ANALYZE",
            ]
            .iter()
            .any(|known| sql.contains(known))
        })
        .collect();
    assert!(own.is_empty(), "not the application's: {own:#?}");
    assert!(user.own > 0 && user.system > 0, "{} {}", user.own, user.system);
    let page_of_own = page(&app, "?kind=own&limit=200").await;
    assert!(page_of_own.items.iter().all(|item| item.kind == QueryKind::Own));
    app.stop().await;
}

#[tokio::test]
async fn a_roles_search_path_decides_what_its_statements_mean() {
    let shop = Shop::start().await;
    shop.run(
        "postgres",
        "shop",
        &[
            "CREATE ROLE tenant LOGIN PASSWORD 'test'",
            "CREATE SCHEMA tenant AUTHORIZATION tenant",
            "CREATE TABLE tenant.orders (id bigint PRIMARY KEY, colour text)",
            "INSERT INTO tenant.orders SELECT i, 'c' || i % 7 FROM generate_series(1, 2000) i",
            "ALTER TABLE tenant.orders OWNER TO tenant",
            "ANALYZE tenant.orders",
            "CREATE SCHEMA hidden",
            "CREATE TABLE hidden.parcels (id int, weight int)",
            "GRANT USAGE ON SCHEMA hidden TO app",
            "GRANT SELECT ON hidden.parcels TO app",
        ],
    )
    .await;
    shop.run("tenant", "shop", &["SELECT colour FROM orders WHERE id = 7"]).await;
    let mut app_role = shop.connect("app", "shop").await;
    for statement in ["SET search_path = hidden", "SELECT weight FROM parcels WHERE id = 1"] {
        sqlx::query(AssertSqlSafe(statement.to_owned()))
            .persistent(false)
            .execute(&mut app_role)
            .await
            .unwrap();
    }
    let app = App::start(&shop.settings()).await;
    let _ = app.analyzed().await;
    let all = page(&app, "").await;
    let tenant = named(&all, "colour");
    assert_eq!(tenant.planned, Some(true), "{:?}", tenant.reason);
    let shown = detail(&app, &tenant.query_hash.0, "all").await;
    assert_eq!(shown.tables[0].name.schema, "tenant");
    assert_eq!(shown.roles, ["tenant"]);
    // A path that was set at run time is unknown; a name that only one schema has is not.
    assert_eq!(named(&all, "parcels").planned, Some(true), "{:?}", named(&all, "parcels").reason);
    app.stop().await;
}

#[tokio::test]
async fn a_person_adds_statements_and_logs_and_takes_them_back() {
    let shop = Shop::start().await;
    let app = App::start(&shop.settings()).await;
    let text =
        "-- weight: 500\nSELECT name FROM orders WHERE name = 'order 7';\nSELEC;\nVACUUM orders;";
    let response = app.post_json("/api/queries", &json!({ "text": text })).await;
    assert_eq!(response.status(), StatusCode::OK);
    let added: Value = response.json().await.unwrap();
    assert_eq!(added["added"].as_array().unwrap().len(), 1, "{added}");
    assert_eq!(added["refused"].as_array().unwrap().len(), 2, "{added}");
    let hash = added["added"][0].as_str().unwrap().to_owned();
    let shown = detail(&app, &hash, "all").await;
    assert_eq!(shown.summary.figures.calls, 500);
    assert_eq!(shown.summary.figures.share_percent, 0.0, "it took nothing of main's time");
    assert_eq!(shown.summary.planned, Some(true));
    assert_eq!(shown.plans.len(), 1);
    // It is advised on like any other.
    let report: Value = app.post("/api/analyze").await.json().await.unwrap();
    let titles = report["recommendations"].to_string();
    assert!(titles.contains("Index public.orders on (name)"), "{titles}");

    let log = "2026-01-01 10:00:00 UTC [7] app@shop LOG:  duration: 12.5 ms  execute <unnamed>: SELECT id FROM \"Items\" WHERE order_id = $1 AND price > $2\n2026-01-01 10:00:00 UTC [7] app@shop DETAIL:  parameters: $1 = '4711', $2 = NULL\n";
    let response = app.post_json("/api/queries", &json!({ "text": log })).await;
    let added: Value = response.json().await.unwrap();
    let logged = detail(&app, added["added"][0].as_str().unwrap(), "all").await;
    assert_eq!(logged.bindings[0].values, [Some("4711".to_owned()), None]);
    assert_eq!(logged.bindings[0].label, "values from the log");

    let delete = |hash: &str| {
        app.anonymous("DELETE", &format!("/api/queries/{hash}"))
            .bearer_auth(crate::fixture::TOKEN)
            .send()
    };
    assert_eq!(delete(&hash).await.unwrap().status(), StatusCode::NO_CONTENT);
    assert_eq!(delete(&hash).await.unwrap().status(), StatusCode::NOT_FOUND);
    let counted = named(&page(&app, "").await, "order_id = $1").query_hash.0.clone();
    let counted = if counted == added["added"][0].as_str().unwrap() {
        named(&page(&app, "").await, "SELECT name FROM orders WHERE id").query_hash.0.clone()
    } else {
        counted
    };
    assert_eq!(delete(&counted).await.unwrap().status(), StatusCode::CONFLICT);
    for (text, status) in [("", 422), ("SELECT 'open", 200)] {
        let response = app.post_json("/api/queries", &json!({ "text": text })).await;
        assert_eq!(response.status().as_u16(), status, "{text}");
    }
    app.stop().await;
}

#[tokio::test]
async fn a_change_of_plan_is_an_event_beside_the_change_of_time() {
    let shop = Shop::start().await;
    let app = App::start(&shop.settings()).await;
    let _ = app.analyzed().await;
    shop.traffic().await;
    collect(&app).await;
    shop.run("app", "shop", &["CREATE INDEX later ON \"Items\" (order_id)"]).await;
    let _ = app.post("/api/analyze").await;
    shop.traffic().await;
    collect(&app).await;
    let slow = named(&page(&app, "").await, "FROM \"Items\"").clone();
    assert!(slow.warnings.iter().any(|warning| warning.contains("plan changed")), "{slow:?}");
    let shown = detail(&app, &slow.query_hash.0, "hour").await;
    assert_eq!(shown.plans.len(), 2);
    assert!(shown.plans[0].current && !shown.plans[1].current);
    assert!(shown.plans[0].first_seen_at >= shown.plans[1].last_seen_at);
    let event = &shown.events[0];
    assert_eq!((event.plan_before, event.plan_after), (shown.plans[1].id, shown.plans[0].id));
    let change = &event.diff.as_ref().unwrap().changes[0];
    assert_eq!(change.before.as_deref(), Some("Seq Scan"));
    assert!(change.after.as_ref().unwrap().contains("later"), "{change:?}");
    // Periods are a minute long, so both means may be of one.
    assert!(event.mean_before_ms.is_some() || event.mean_after_ms.is_some());
    let index = shown.tables[0].indexes.iter().find(|index| index.name == "later").unwrap();
    assert!(index.used);
    assert!(!shown.recommendations.is_empty(), "the advice for it is linked");
    assert_eq!(
        shown
            .formatted
            .iter()
            .map(|span| span.text.as_str())
            .collect::<String>()
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" "),
        SLOW.split_whitespace().collect::<Vec<_>>().join(" ")
    );
    app.stop().await;
}

#[tokio::test]
async fn lists_are_filtered_sorted_and_paged_by_the_url() {
    let shop = Shop::start().await;
    let app = App::start(&shop.settings()).await;
    let _ = app.analyzed().await;
    let all = page(&app, "").await;
    assert!(all.total >= 3 && all.planned >= 2 && all.unplanned >= 1);
    assert!(all.items.windows(2).all(|w| w[0].figures.total_time_ms >= w[1].figures.total_time_ms));
    let calls = page(&app, "?sort=calls").await;
    assert!(calls.items.windows(2).all(|w| w[0].figures.calls >= w[1].figures.calls));
    for sort in ["mean", "rows", "cache", "recent"] {
        assert_eq!(page(&app, &format!("?sort={sort}")).await.items.len(), all.items.len());
    }
    assert_eq!(texts(&page(&app, "?q=update%20ORDERS").await).len(), 1);
    assert_eq!(page(&app, "?planned=no").await.total, all.unplanned);
    assert_eq!(page(&app, "?table=public.%22Items%22").await.total, 1);
    let first = page(&app, "?limit=1").await;
    let second = page(&app, &format!("?limit=1&cursor={}", first.next_cursor.unwrap())).await;
    assert_ne!(texts(&second), [all.items[0].sql.as_str()]);
    for bad in ["?sort=x", "?range=x", "?kind=x", "?planned=x", "?limit=0", "?cursor=x", "?table=x"]
    {
        assert_eq!(app.get(&format!("/api/queries{bad}")).await.status(), 422, "{bad}");
    }
    assert_eq!(app.get("/api/queries/0123456789abcdef").await.status(), 404);
    assert_eq!(app.get("/api/queries/0123456789abcdef?range=x").await.status(), 422);
    app.stop().await;
}

#[tokio::test]
async fn what_keeps_main_from_being_read_is_said_and_collection_goes_on() {
    let shop = Shop::start().await;
    let app = App::start(&shop.settings()).await;
    collect(&app).await;
    shop.run(
        "postgres",
        "shop",
        &[
            "ALTER EXTENSION pg_stat_statements SET SCHEMA pg_catalog",
            "DROP EXTENSION pg_stat_statements",
        ],
    )
    .await;
    let response = app.post("/api/queries/collect").await;
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    let problem: Value = response.json().await.unwrap();
    assert!(problem["detail"].as_str().unwrap().contains("CREATE EXTENSION"), "{problem}");
    let failed = page(&app, "").await.last_collection.unwrap();
    assert!(failed.error.unwrap().contains("CREATE EXTENSION"));
    shop.run(
        "postgres",
        "shop",
        &["CREATE SCHEMA \"Odd one\"", "CREATE EXTENSION pg_stat_statements SCHEMA \"Odd one\""],
    )
    .await;
    shop.traffic().await;
    let report = collect(&app).await;
    assert!(report["error"].is_null());
    app.stop().await;

    shop.run("postgres", "shop", &["REVOKE pg_read_all_stats FROM reader"]).await;
    let app = App::start(&shop.settings()).await;
    let response = app.post("/api/queries/collect").await;
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    let problem: Value = response.json().await.unwrap();
    assert!(
        problem["detail"].as_str().unwrap().contains("GRANT pg_read_all_stats TO"),
        "{problem}"
    );
    let health: Health = app.get("/api/health").await.json().await.unwrap();
    assert!(format!("{health:?}").contains("GRANT pg_read_all_stats TO reader"), "{health:?}");
    app.stop().await;
}

#[tokio::test]
async fn huge_cut_off_and_broken_texts_are_listed_with_their_reason() {
    let shop = Shop::start().await;
    let huge = format!(
        "SELECT id FROM orders WHERE name IN ({})",
        (0..60_000).map(|i| format!("'n{i}'")).collect::<Vec<_>>().join(",")
    );
    shop.run("app", "shop", &[huge.as_str()]).await;
    shop.run("postgres", "postgres", &["CREATE DATABASE ascii ENCODING 'SQL_ASCII' TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C'"]).await;
    let app = App::start(&shop.settings()).await;
    collect(&app).await;
    let all = page(&app, "?q=%241%2C%242").await;
    assert_eq!(all.total, 1, "{:?}", texts(&all));
    assert_eq!(all.items[0].planned, Some(false));
    assert!(
        all.items[0].reason.as_ref().unwrap().message.contains("long"),
        "{:?}",
        all.items[0].reason
    );
    assert!(all.items[0].sql.len() < 5000);
    app.stop().await;

    // Bytes that are no UTF-8, in a database that does not mind.
    shop.run(
        "postgres",
        "ascii",
        &[
            "CREATE SCHEMA rec",
            "CREATE TABLE rec.pg_stat_statements (dbid oid, queryid bigint, query text)",
            "INSERT INTO rec.pg_stat_statements SELECT oid, 7, convert_from('\\x53454c45435420ff', 'SQL_ASCII')
                FROM pg_database WHERE datname = 'ascii'",
            "CREATE FUNCTION rec.pg_stat_statements(boolean) RETURNS SETOF rec.pg_stat_statements
                LANGUAGE sql AS 'SELECT * FROM rec.pg_stat_statements'",
        ],
    )
    .await;
    let mut connection = shop.connect("postgres", "ascii").await;
    let view = StatementsView::with_columns("rec", Vec::new(), false);
    let texts = view.texts(&mut connection, &[7]).await.unwrap();
    assert_eq!(texts[&7], "SELECT \u{fffd}");
}

/// The reading of every version's columns, on rows that each version gave.
#[tokio::test]
async fn recorded_rows_of_thirteen_to_eighteen_are_read() {
    let shop = Shop::start().await;
    let mut connection = shop.connect("postgres", "shop").await;
    for version in 13..=18 {
        let file = format!("{}/src/workload/recorded/pg{version}.json", env!("CARGO_MANIFEST_DIR"));
        let recorded: Value =
            serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
        let columns: Vec<String> = serde_json::from_value(recorded["columns"].clone()).unwrap();
        let types: Vec<String> = columns
            .iter()
            .map(|column| {
                let kind = match column.as_str() {
                    "userid" | "dbid" => "oid",
                    "query" => "text",
                    "toplevel" => "boolean",
                    name if name.ends_with("_since") => "timestamptz",
                    name if name.contains("time") => "float8",
                    "wal_bytes" => "numeric",
                    _ => "bigint",
                };
                format!("{column} {kind}")
            })
            .collect();
        let schema = format!("recorded_{version}");
        let info = !recorded["info"].is_null();
        let mut statements = vec![
            format!("CREATE SCHEMA {schema}"),
            format!("CREATE TABLE {schema}.pg_stat_statements ({})", types.join(", ")),
            format!(
                "INSERT INTO {schema}.pg_stat_statements SELECT * FROM json_populate_recordset(NULL::{schema}.pg_stat_statements, '{}')",
                recorded["rows"].to_string().replace('\'', "''")
            ),
            format!(
                "UPDATE {schema}.pg_stat_statements SET dbid = (SELECT oid FROM pg_database WHERE datname = 'shop')"
            ),
            format!(
                "CREATE FUNCTION {schema}.pg_stat_statements(boolean) RETURNS SETOF {schema}.pg_stat_statements LANGUAGE sql AS 'SELECT * FROM {schema}.pg_stat_statements'"
            ),
        ];
        if info {
            statements.push(format!("CREATE TABLE {schema}.pg_stat_statements_info AS SELECT {}::bigint AS dealloc, '{}'::timestamptz AS stats_reset", recorded["info"]["dealloc"], recorded["info"]["stats_reset"].as_str().unwrap()));
        }
        for statement in statements {
            sqlx::query(AssertSqlSafe(statement.clone()))
                .persistent(false)
                .execute(&mut connection)
                .await
                .unwrap_or_else(|e| panic!("{version} {statement}: {e}"));
        }
        let view = StatementsView::with_columns(&schema, columns, info);
        let (snapshot, hidden) =
            view.snapshot(&mut connection).await.unwrap_or_else(|e| panic!("{version}: {e}"));
        let rows = recorded["rows"].as_array().unwrap();
        assert_eq!((snapshot.readings.len(), hidden), (rows.len(), 0), "{version}");
        assert_eq!(snapshot.reset_at.is_some(), version >= 14);
        assert_eq!(snapshot.readings.iter().all(|reading| reading.since.is_some()), version >= 17);
        assert_eq!(snapshot.readings.iter().any(|reading| !reading.key.toplevel), version >= 14);
        for row in rows {
            let queryid = row["queryid"].as_i64().unwrap();
            let reading = snapshot
                .readings
                .iter()
                .find(|r| {
                    r.key.queryid == queryid
                        && r.key.toplevel == row["toplevel"].as_bool().unwrap_or(true)
                })
                .unwrap();
            assert_eq!(reading.counters.calls, row["calls"].as_i64().unwrap());
            assert_eq!(reading.counters.total_time_ms, row["total_exec_time"].as_f64().unwrap());
            assert_eq!(reading.counters.plan_time_ms, row["total_plan_time"].as_f64().unwrap());
            let read_time = row.get("shared_blk_read_time").or(row.get("blk_read_time")).unwrap();
            assert_eq!(reading.counters.read_time_ms, read_time.as_f64().unwrap(), "{version}");
        }
        let ids: Vec<i64> = snapshot.readings.iter().map(|reading| reading.key.queryid).collect();
        let texts = view.texts(&mut connection, &ids).await.unwrap();
        assert_eq!(
            texts[&ids[0]],
            rows.iter().find(|r| r["queryid"].as_i64() == Some(ids[0])).unwrap()["query"]
                .as_str()
                .unwrap()
        );
    }
}

#[tokio::test]
async fn what_sessions_run_settles_constants_that_are_hidden() {
    let shop = Shop::start().await;
    let setup = [
        "CREATE TABLE forms (id int PRIMARY KEY, doc jsonb)",
        // Both members have a value of their own in each row: rows of a call tell nothing.
        "INSERT INTO forms SELECT i, jsonb_build_object('code', 'c' || i, 'token', 't' || i) FROM generate_series(1, 20000) i",
        "ANALYZE forms",
    ];
    shop.run("app", "shop", &setup).await;
    let mut session = shop.connect("app", "shop").await;
    let statement = "SELECT id FROM forms WHERE doc ->> 'token' = 't77'";
    for _ in 0..3 {
        sqlx::query(statement).persistent(false).fetch_all(&mut session).await.unwrap();
    }
    let looks_up = async |app: &App| -> Value {
        collect(app).await;
        app.post("/api/analyze").await;
        let page = page(app, "?q=forms").await;
        let hash = named(&page, "->>").query_hash.0.clone();
        serde_json::to_value(detail(app, &hash, "all").await).unwrap()
    };
    let mut settings = shop.settings();
    let off = App::start(&settings).await;
    let guessed = looks_up(&off).await.to_string();
    assert!(guessed.contains("fits the rows of a call best"), "{guessed}");
    assert!(!guessed.contains("pg_stat_activity"));
    off.stop().await;

    settings.sample_activity = Some(true);
    let on = App::start(&settings).await;
    let report = collect(&on).await;
    assert!(
        report["seen"].as_i64() >= Some(1) && report["seen_ms"].as_f64() > Some(0.0),
        "{report}"
    );
    let known = looks_up(&on).await.to_string();
    assert!(known.contains("as pg_stat_activity showed them"), "{known}");
    assert!(known.contains("'token'") && !known.contains("fits the rows"), "{known}");
    assert!(page(&on, "").await.cost.seen_ms_per_hour > 0.0);
    on.stop().await;

    // Where it is off again, nothing of it is kept.
    settings.sample_activity = None;
    let off = App::start(&settings).await;
    collect(&off).await;
    off.stop().await;
    let store = Store::open(&settings.data_dir.unwrap().join("optischema.db")).await.unwrap();
    let kept = store.user_queries("shop").await.unwrap();
    assert!(kept.iter().all(|query| query.seen.is_empty()));
}
