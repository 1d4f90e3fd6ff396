//! What main pays: entries of `pg_stat_statements`, memory of the server process, time of its planner.

use optischema::advisor::{CostOracle, IndexCandidate, IndexKey};
use optischema::model::{ReasonCode, Rule, TableName};
use optischema_server::analysis::analyze_once;
use optischema_server::config::{Settings, SettingsArgs};
use optischema_server::postgres::{Dsn, HypoOracle, MainSession, PlanFailure};
use optischema_server::sql::parse_one;
use optischema_server::workload::{AdviseLimits, RawStatement, ReadingContext};

use serde_json::json;

use crate::fixture::{App, Shop, TOKEN};

/// Entries of the application that the test makes; the view has room for so many, and for some more.
const ENTRIES: usize = 4600;

async fn entries(shop: &Shop, of: &str) -> usize {
    let query = format!(
        "SELECT count(*)::text FROM pg_stat_statements s JOIN pg_roles r ON r.oid = s.userid WHERE r.rolname = '{of}'"
    );
    shop.text("shop", &query).await.parse().unwrap()
}

/// One statement of each kind that an application has, over and over: by number of columns and of values.
async fn busy(shop: &Shop) {
    let mut app = shop.connect("app", "shop").await;
    for number in 0..ENTRIES {
        let values = (0..=number % 40).map(|n| format!("{n}")).collect::<Vec<_>>().join(", ");
        let columns = vec!["name"; 1 + number / 40].join(", ");
        // Another text in another place of the tree: a list of values is one entry whatever its length from 18 on.
        let more = vec!["id > 0"; number % 40].join(" AND ");
        let more = if more.is_empty() { String::new() } else { format!("AND {more}") };
        let sql = format!("SELECT {columns} FROM orders WHERE id IN ({values}) {more}");
        sqlx::query(sqlx::AssertSqlSafe(sql)).persistent(false).execute(&mut app).await.unwrap();
    }
}

/// The history that OptiSchema reads is not what it destroys.
#[tokio::test]
async fn an_analysis_of_thousands_of_statements_evicts_none_of_them() {
    let shop = Shop::start().await;
    busy(&shop).await;
    let before = entries(&shop, "app").await;
    assert!(before > ENTRIES - 50, "{before} entries were made");
    let app = App::start(&shop.settings()).await;
    assert_eq!(app.post("/api/queries/collect").await.status(), 200);
    app.analyzed().await;
    assert_eq!(app.post("/api/queries/collect").await.status(), 200);
    // There is room for it; for much more there is not, which is said.
    let health = app.get("/api/health").await.text().await.unwrap();
    assert!(health.contains("reader_evicts"), "{health}");
    app.stop().await;
    assert_eq!(entries(&shop, "app").await, before, "entries of the application");
    let own = entries(&shop, "reader").await;
    assert!(own < 250, "{own} entries are OptiSchema's own");
    // Nothing but the types of parameters tells one plan's text from another's.
    let written = shop
        .text(
            "shop",
            "SELECT count(*)::text FROM pg_stat_statements s JOIN pg_roles r ON r.oid = s.userid
             WHERE r.rolname = 'reader' AND s.query LIKE '%FROM orders%'",
        )
        .await;
    assert_eq!(written, "0", "no text of the application is among them");
}

/// The same where the role is not counted at all: the way that `check` recommends.
#[tokio::test]
async fn a_role_that_is_not_tracked_leaves_no_entry() {
    let shop = Shop::start().await;
    shop.run("postgres", "postgres", &["ALTER ROLE reader SET pg_stat_statements.track = 'none'"])
        .await;
    let app = App::start(&shop.settings()).await;
    app.analyzed().await;
    let health = app.get("/api/health").await.text().await.unwrap();
    app.stop().await;
    assert!(health.contains("reader_not_tracked"), "{health}");
    assert_eq!(entries(&shop, "reader").await, 0);
}

/// Constants that cannot be bound make a text of their own each: so many an hour and no more.
#[tokio::test]
async fn texts_with_constants_are_counted_and_capped() {
    let shop = Shop::start().await;
    let limits = SettingsArgs { main_texts_per_hour: Some(3), ..shop.settings() };
    let dsn = Settings::resolve(&limits).unwrap().main_url.unwrap();
    let mut session = MainSession::begin(&dsn).await.unwrap();
    // PostgreSQL wants a constant path there.
    let sql = |n: usize| {
        format!(
            "SELECT price FROM \"Items\" WHERE tags[1] = ANY (string_to_array('a', ',')) AND note IS NOT NULL AND kind = 'book' OFFSET {n}"
        )
    };
    let mut refused = None;
    for n in 0..10 {
        // A literal of a type of the database's own is not bound.
        if let Err(failure) = session.plan(&parse_one(&sql(n)).unwrap()).await {
            refused = Some((n, failure));
            break;
        }
    }
    let (n, failure) = refused.expect("a fourth text is refused");
    assert_eq!(n, 3);
    assert!(matches!(failure, PlanFailure::Target(_)), "{failure}");
    assert!(failure.to_string().contains("OPTISCHEMA_MAIN_TEXTS_PER_HOUR"), "{failure}");
    assert_eq!(dsn.budget().usage().unwrap().texts, 3);
    // What was planned before goes on, and so does everything for a role that is not counted.
    session.plan(&parse_one(&sql(0)).unwrap()).await.unwrap();
    shop.run("postgres", "postgres", &["ALTER ROLE reader SET pg_stat_statements.track = 'none'"])
        .await;
    let mut session = MainSession::begin(&dsn).await.unwrap();
    session.plan(&parse_one(&sql(99)).unwrap()).await.unwrap();
}

/// Statements with parameters only are planned however many there are: up to 17 nothing of them is kept, and from 18 on
/// what is kept finds room.
#[tokio::test]
async fn statements_with_parameters_push_nothing_out() {
    let shop = Shop::start().await;
    let columns = ["id", "order_id", "kind", "price", "tags", "note", "at"];
    let texts: Vec<String> = (1..128)
        .map(|bits: u32| {
            let read = (0..7).filter(|at| bits >> at & 1 == 1).map(|at| columns[at]);
            let read = read.collect::<Vec<_>>().join(", ");
            format!("SELECT {read} FROM \"Items\" WHERE order_id = $1 AND price > $2;")
        })
        .collect();
    let args = SettingsArgs { main_texts_per_hour: Some(5), ..shop.settings() };
    let settings = Settings::resolve(&args).unwrap();
    let deallocated = "SELECT dealloc::text FROM pg_stat_statements_info";
    let version = shop.version().await;
    let text = texts.join("\n");
    let (collection, _) =
        analyze_once(&settings, Some(&mut text.as_bytes()), &AdviseLimits::default())
            .await
            .unwrap();
    let refused: Vec<_> =
        collection.statements.iter().filter_map(|s| s.plannable.as_ref().err()).collect();
    assert!(refused.is_empty(), "{:?}", refused.first());
    if version >= 140_000 {
        assert_eq!(shop.text("shop", deallocated).await, "0");
    }
}

/// What would wait for the budget longer than a person gives is not planned, says so, and proves nothing about advice.
#[tokio::test]
async fn what_the_budget_does_not_allow_in_time_is_named() {
    let shop = Shop::start().await;
    let limited = SettingsArgs { main_planner_calls_per_minute: Some(8), ..shop.settings() };
    let settings = Settings::resolve(&limited).unwrap();
    let texts: Vec<String> = ["price", "kind", "note", "at", "tags", "id"]
        .iter()
        .map(|column| format!("SELECT {column} FROM \"Items\" WHERE order_id = $1;"))
        .collect();
    let deadline = std::time::Duration::from_secs(5);
    let limits = AdviseLimits { deadline, ..AdviseLimits::default() };
    let (collection, advice) =
        analyze_once(&settings, Some(&mut texts.join("\n").as_bytes()), &limits).await.unwrap();
    let codes: Vec<ReasonCode> = collection
        .statements
        .iter()
        .filter_map(|statement| Some(statement.plannable.as_ref().err()?.code))
        .collect();
    assert!(!codes.is_empty() && codes.len() < texts.len(), "{codes:?}");
    assert!(codes.iter().all(|code| *code == ReasonCode::Budget), "{codes:?}");
    let said = advice.notes.iter().any(|note| note.contains("_PLANNER_CALLS_PER_MINUTE"));
    assert!(said, "{:?}", advice.notes);
    assert!(advice.complete.is_empty(), "{:?}", advice.complete);
    // With enough of it all are planned, and everything is looked at.
    let settings = Settings::resolve(&shop.settings()).unwrap();
    let (_, advice) =
        analyze_once(&settings, Some(&mut texts.join("\n").as_bytes()), &limits).await.unwrap();
    assert!(advice.complete.contains(&Rule::MissingIndex), "{:?}", advice.notes);
}

async fn memory(session: &mut MainSession) -> u64 {
    let pid = session.backend_pid();
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("RssAnon:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() / 1024
}

/// Named prepared statements once stayed in the server process: 1.8 GB after 90 seconds.
#[tokio::test]
async fn the_server_process_does_not_grow_with_planner_calls() {
    let shop = Shop::start().await;
    let dsn: Dsn = shop.url("reader", "shop").parse().unwrap();
    let mut session = MainSession::begin(&dsn).await.unwrap();
    let texts = [
        "SELECT id, price FROM \"Items\" WHERE order_id = 5",
        "SELECT name FROM orders WHERE name = 'order 7' AND id > 3",
        "SELECT count(*) FROM \"Items\" WHERE at > '2026-01-05'::timestamptz GROUP BY order_id",
    ];
    let statements: Vec<Vec<String>> =
        texts.iter().map(|sql| vec![parse_one(sql).unwrap().sql]).collect();
    let index = |column: &str, table: &str| IndexCandidate {
        table: TableName::new("public", table),
        keys: vec![IndexKey::column(column)],
        ..IndexCandidate::default()
    };
    let candidates = [index("order_id", "Items"), index("at", "Items"), index("name", "orders")];
    // The caches fill first.
    let mut start = 0;
    for round in 0..40 {
        let mut oracle = HypoOracle::new(&mut session, &statements);
        for call in 0..1000 {
            let with = &candidates[call % 3];
            oracle
                .cost(call % 3, if call % 2 == 0 { &[] } else { std::slice::from_ref(&with) })
                .await
                .unwrap();
        }
        assert_eq!(oracle.explained, 1000);
        oracle.reset().await.unwrap();
        drop(oracle);
        if round == 0 {
            start = memory(&mut session).await;
        }
    }
    let end = memory(&mut session).await;
    assert!(end.saturating_sub(start) <= 64, "from {start} to {end} MB over 40,000 planner calls");
}

/// What PostgreSQL would compute while it plans is refused before it sees it; a long list is a sample of itself.
#[tokio::test]
async fn what_would_take_mains_memory_never_reaches_it() {
    let shop = Shop::start().await;
    let dsn: Dsn = shop.url("reader", "shop").parse().unwrap();
    let mut session = MainSession::begin(&dsn).await.unwrap();
    shop.run(
        "app",
        "shop",
        &["CREATE VIEW wide AS SELECT repeat(name, 10) || repeat('x', 100000) AS x FROM orders"],
    )
    .await;
    let start = memory(&mut session).await;
    for sql in [
        "SELECT id FROM orders WHERE name = repeat('x', 1000000000)",
        "SELECT id FROM orders WHERE name = lpad('x', 900000000)",
        "SELECT id FROM orders WHERE id = ANY (array_fill(1::bigint, ARRAY[10000, 10000]))",
        "SELECT length(replace(repeat('x', 100000), 'x', repeat('y', 100000))) FROM orders",
    ] {
        let refused = session.plan(&parse_one(sql).unwrap()).await.unwrap_err();
        assert!(matches!(refused, PlanFailure::Sql(_)), "{sql}: {refused}");
    }
    session.plan(&parse_one("SELECT x FROM wide").unwrap()).await.unwrap();
    let end = memory(&mut session).await;
    assert!(end - start < 64, "from {start} to {end} MB");
}

#[tokio::test]
async fn a_long_list_is_planned_as_a_sample_and_says_so() {
    let shop = Shop::start().await;
    let list = (1..=20_000).map(|n| n.to_string()).collect::<Vec<_>>().join(", ");
    let settings = Settings::resolve(&shop.settings()).unwrap();
    let text = format!("SELECT price FROM \"Items\" WHERE order_id IN ({list});");
    let (collection, _) =
        analyze_once(&settings, Some(&mut text.as_bytes()), &AdviseLimits::default())
            .await
            .unwrap();
    let plannable = collection.statements[0].plannable.as_ref().unwrap();
    let label = plannable.bindings[0].described();
    assert!(
        label.contains("of 20000 list values") || label.contains("of 19999 list values"),
        "{label}"
    );
}

/// Limits are kept, and shown.
#[tokio::test]
async fn what_is_taken_from_main_is_shown() {
    let shop = Shop::start().await;
    let app = App::start(&shop.settings()).await;
    app.analyzed().await;
    let page = app.json("/api/queries").await;
    let usage = &page["usage"];
    assert!(usage["planner_calls"].as_u64().unwrap() > 0, "{usage}");
    assert_eq!(usage["limits"]["connections"], 8);
    let health = app.get("/api/health").await.text().await.unwrap();
    assert!(health.contains("main_budget"), "{health}");
    let html = app.get("/queries").await.text().await.unwrap();
    assert!(html.contains("of 8 connections to main"));
    // The command says what the server took, and not what it took itself.
    let checked = tokio::process::Command::new(env!("CARGO_BIN_EXE_optischema"))
        .args(["check", "--format", "json"])
        .env("OPTISCHEMA_MAIN_URL", shop.url("reader", "shop"))
        .env("OPTISCHEMA_DATA_DIR", shop.settings().data_dir.unwrap())
        .env("OPTISCHEMA_TOKEN", TOKEN)
        .output()
        .await
        .unwrap();
    let said = String::from_utf8_lossy(&checked.stdout).into_owned();
    let made = said.split("This minute it made ").nth(1).unwrap_or_default();
    let made: u64 = made.split(' ').next().unwrap_or_default().parse().unwrap_or_default();
    assert!(made > 0, "{said}");
    app.stop().await;
}

/// Every way to the planner is counted, and one connection is enough for everything.
#[tokio::test]
async fn every_planner_call_is_counted_on_one_connection() {
    let shop = Shop::start().await;
    let one = SettingsArgs { main_connections: Some(1), ..shop.settings() };
    let dsn = Settings::resolve(&one).unwrap().main_url.unwrap();
    let calls = || dsn.budget().usage().unwrap().planner_calls;
    let mut session = MainSession::begin(&dsn).await.unwrap();
    let bound = parse_one("SELECT name FROM orders WHERE id = $1").unwrap();
    let plain = parse_one("SELECT name FROM orders WHERE id = 1").unwrap();
    session.plan(&plain).await.unwrap();
    assert_eq!(calls(), 1);
    session.plan_verbose(&plain).await.unwrap();
    assert_eq!(calls(), 2);
    session.plan_verbose(&bound).await.unwrap();
    assert_eq!(calls(), 3);
    session.parameter_types(&bound).await.unwrap();
    assert_eq!(calls(), 4);
    session.end().await.unwrap();
    let app = App::start(&one).await;
    let id = app.analyzed().await.id;
    let index = json!({ "definition": "CREATE INDEX ON public.orders (name)" });
    for (path, body) in [("/api/queries/collect", &json!({})), ("/api/what-if", &index)] {
        assert_eq!(app.post_json(path, body).await.status(), 200, "{path}");
    }
    app.completed(&format!("/api/benchmark/{id}")).await;
    let hash = app.json("/api/queries").await["items"][0]["query_hash"].clone();
    for path in [
        "/api/health".to_owned(),
        format!("/api/queries/{}", hash.as_str().unwrap()),
        format!("/api/handover?ids={id}&format=sql"),
        "/dashboard".to_owned(),
    ] {
        let response = app.get(&path).await;
        assert_eq!(response.status(), 200, "{path}: {:?}", response.text().await);
    }
    app.stop().await;
}

/// A transaction lasts for some seconds only: what was asked of the session holds in the next one.
#[tokio::test]
async fn what_was_asked_of_a_session_outlives_its_transaction() {
    use sqlx::Row;
    let shop = Shop::start().await;
    let dsn: Dsn = shop.url("reader", "shop").parse().unwrap();
    let mut session = MainSession::begin(&dsn).await.unwrap();
    session.name("a name of its own").await.unwrap();
    session.read_rows_whole().await.unwrap();
    let query = "SELECT pg_catalog.concat(pg_catalog.current_setting('application_name'), ', ',
                    pg_catalog.current_setting('row_security'), ', ', pg_catalog.now())";
    let mut seen = Vec::new();
    for _ in 0..2 {
        session.plan(&parse_one("SELECT name FROM orders WHERE id = 1").unwrap()).await.unwrap();
        let row = sqlx::query(query).fetch_one(session.connection().await.unwrap()).await.unwrap();
        let text: String = row.get(0);
        assert!(text.starts_with("a name of its own, off, "), "{text}");
        seen.push(text);
        tokio::time::sleep(std::time::Duration::from_secs(6)).await;
    }
    assert_ne!(seen[0], seen[1], "each in a transaction of its own");
}

/// A text of another database that has no encoding keeps all texts from being read: what is known is counted all the
/// same, and no second connection is wanted.
#[tokio::test]
async fn texts_in_no_encoding_do_not_stop_the_counting() {
    let shop = Shop::start().await;
    let one = SettingsArgs { main_connections: Some(1), ..shop.settings() };
    shop.run(
        "postgres",
        "postgres",
        &["CREATE DATABASE plain ENCODING 'SQL_ASCII' TEMPLATE template0 LOCALE 'C'"],
    )
    .await;
    shop.run(
        "postgres",
        "plain",
        &[
            "SET pg_stat_statements.track = 'all'",
            "DO $$ BEGIN EXECUTE 'SELECT 1 AS \"' || pg_catalog.chr(233) || '\"'; END $$",
        ],
    )
    .await;
    let app = App::start(&one).await;
    let report: serde_json::Value =
        app.post_json("/api/queries/collect", &json!({})).await.json().await.unwrap();
    assert!(report["hidden"].as_i64().unwrap() > 0, "{report}");
    assert_eq!(report["error"], serde_json::Value::Null, "{report}");
    app.stop().await;
}

/// Values arrive as they are, whatever stands in them and however many there are.
#[tokio::test]
async fn a_plan_is_made_for_just_these_values() {
    let shop = Shop::start().await;
    let dsn: Dsn = shop.url("reader", "shop").parse().unwrap();
    let mut session = MainSession::begin(&dsn).await.unwrap();
    for odd in [
        "",
        " ",
        "NULL",
        "a\"b",
        "back\\slash",
        "{a,b}",
        "a,b",
        "line\nline",
        "ä€😀",
        "'quoted'",
        "$1",
        "}\\\"",
    ] {
        let quoted = format!("'{}'", odd.replace('\'', "''"));
        // Twenty values before it: it stands in the second setting.
        let numbers: Vec<String> = (0..20).map(|n| format!("id <> {}", 1000 + n)).collect();
        let sql =
            format!("SELECT id FROM orders WHERE {} AND name = {quoted}", numbers.join(" AND "));
        let (_, plan) = session.plan(&parse_one(&sql).unwrap()).await.unwrap();
        let filter = find(&plan, "Filter").unwrap_or_default();
        let shown = format!("name = {quoted}::text");
        assert!(filter.contains(&shown), "{odd:?}: {filter}");
        assert!((0..20).all(|n| filter.contains(&format!("id <> {}", 1000 + n))), "{filter}");
    }
}

/// The first text under a key.
fn find(value: &serde_json::Value, key: &str) -> Option<String> {
    match value {
        serde_json::Value::Object(object) => object
            .get(key)
            .and_then(|found| found.as_str().map(str::to_owned))
            .or_else(|| object.values().find_map(|inner| find(inner, key))),
        serde_json::Value::Array(items) => items.iter().find_map(|inner| find(inner, key)),
        _ => None,
    }
}

/// What stands for the values grows with their number, and no faster.
#[tokio::test]
async fn many_values_take_little_of_mains_memory() {
    let shop = Shop::start().await;
    let dsn: Dsn = shop.url("reader", "shop").parse().unwrap();
    let mut session = MainSession::begin(&dsn).await.unwrap();
    session.plan(&parse_one("SELECT name FROM orders WHERE id = 1").unwrap()).await.unwrap();
    let before = peak(&session);
    let list =
        |from: usize| (from..from + 900).map(|n| n.to_string()).collect::<Vec<_>>().join(", ");
    let lists: Vec<String> = (0..12).map(|n| format!("id + {n} IN ({})", list(n * 1000))).collect();
    let numbers = format!("SELECT name FROM orders WHERE {}", lists.join(" OR "));
    let texts: Vec<String> = (0..900).map(|n| format!("'value {n} {}'", "x".repeat(100))).collect();
    let texts = format!(
        "SELECT name FROM orders WHERE name IN ({0}) AND name <> '{1}' AND lower(name) IN ({0})",
        texts.join(", "),
        "y".repeat(30_000)
    );
    for sql in [numbers, texts] {
        session.plan(&parse_one(&sql).unwrap()).await.unwrap();
    }
    let took = peak(&session).saturating_sub(before);
    assert!(took <= 200, "{took} MB");
}

/// MB that the server process has held at once.
fn peak(session: &MainSession) -> u64 {
    let status =
        std::fs::read_to_string(format!("/proc/{}/status", session.backend_pid())).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() / 1024
}

fn own_peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() / 1024
}

/// OptiSchema's own memory is bounded too. Each test is a process of its own under nextest, so the peak is this test's.
#[tokio::test]
async fn no_statement_takes_more_than_200_mb_of_optischemas_own_memory() {
    let shop = Shop::start().await;
    let settings = Settings::resolve(&shop.settings()).unwrap();
    const ROOM: usize = 250 * 1024;
    let filled = |start: &str, part: &str, between: &str, end: &str| {
        let count = (ROOM - start.len() - end.len()) / (part.len() + between.len());
        format!("{start}{}{end};", vec![part; count].join(between))
    };
    for text in [
        filled("SELECT id FROM orders WHERE id IN (", "1", ",", ")"),
        filled("SELECT id FROM orders WHERE id = ANY (ARRAY[", "1", ",", "])"),
        filled("SELECT id FROM orders WHERE ", "id=1", " OR ", ""),
        filled("SELECT id FROM orders WHERE ", "id>1", " AND ", ""),
        filled("SELECT id FROM orders WHERE id = ", "1", "+", ""),
        filled("SELECT ", "id", ",", " FROM orders"),
        filled("SELECT id FROM orders JOIN (VALUES ", "(1)", ",", ") v(x) ON x = id"),
        filled("", "SELECT id FROM orders", " UNION ALL ", ""),
        filled("SELECT o.id FROM orders o", ",orders", "", ""),
        filled("SELECT CASE ", "WHEN id=1 THEN 2", " ", " END FROM orders"),
        filled(
            "SELECT id FROM orders WHERE name = ",
            "lower(",
            "",
            &format!("name{}", ")".repeat(1000)),
        ),
        filled("SELECT id FROM orders WHERE ", "(", "", "id = 1"),
        format!("SELECT id FROM orders WHERE name = '{}';", "x".repeat(ROOM)),
    ] {
        let before = own_peak();
        // Whether it is planned or listed with a reason: the program stays small.
        drop(analyze_once(&settings, Some(&mut text.as_bytes()), &AdviseLimits::default()).await);
        let took = own_peak().saturating_sub(before);
        assert!(took <= 200, "{took} MB for {}…", &text[..60]);
    }
}

/// A server process that ends over one statement costs that statement: the others are planned.
#[tokio::test]
async fn a_lost_server_process_costs_one_statement() {
    let shop = Shop::start().await;
    if shop.version().await < 140_000 {
        return;
    }
    let dsn: Dsn = shop.url("reader", "shop").parse().unwrap();
    let mut session = MainSession::begin(&dsn).await.unwrap();
    let context = ReadingContext::read(&mut session).await.unwrap();
    let raw = |sql: &str| RawStatement { sql: sql.to_owned(), ..RawStatement::default() };
    let other = raw("SELECT price FROM \"Items\" WHERE order_id = 7");
    context.reader().understand(&mut session, &other).await.unwrap().unwrap();
    // Planning waits for a lock: meanwhile its server process is ended, as by a crash.
    let mut blocker = shop.connect("app", "shop").await;
    for statement in ["BEGIN", "LOCK TABLE orders IN ACCESS EXCLUSIVE MODE"] {
        sqlx::query(statement).execute(&mut blocker).await.unwrap();
    }
    let reader = context.reader();
    let deadly = raw("SELECT name FROM orders WHERE id = 1");
    let planning = reader.understand(&mut session, &deadly);
    let ending = async {
        let waiting = "SELECT count(pg_terminate_backend(pid))::text FROM pg_stat_activity
                       WHERE usename = 'reader' AND wait_event_type = 'Lock'";
        while shop.text("postgres", waiting).await == "0" {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        drop(blocker);
    };
    let (planned, ()) = tokio::join!(planning, ending);
    let reason = planned.unwrap().unwrap_err();
    assert!(reason.message.contains("was lost while it was planned"), "{reason}");
    reader.understand(&mut session, &other).await.unwrap().unwrap();
}
