//! Advice: what is planted is found, nothing harmful is proposed, and it is the same advice next time.

use std::collections::BTreeSet;

use optischema::model::{
    Provenance, Recommendation, RecommendationPage, RecommendationStatus, RecommendationType,
    RejectedPage, Rule, WhatIfReport,
};
use optischema_server::config::SettingsArgs;
use optischema_server::demo;
use reqwest::StatusCode;
use serde_json::json;

use crate::fixture::{App, Shop, TITLE, TOKEN};

async fn listed(app: &App) -> Vec<Recommendation> {
    let response = app.post("/api/analyze").await;
    let status = response.status();
    assert_eq!(status, StatusCode::OK, "{}", response.text().await.unwrap());
    let page: RecommendationPage =
        app.get("/api/recommendations?limit=100").await.json().await.unwrap();
    page.items
}

async fn titled(app: &App) -> Recommendation {
    let listed = listed(app).await;
    let titles: Vec<String> = listed.iter().map(|item| item.title.clone()).collect();
    let found = listed.into_iter().find(|item| item.title == TITLE);
    found.unwrap_or_else(|| panic!("{TITLE} is not among {titles:?}"))
}

#[tokio::test]
async fn every_planted_problem_of_the_demo_shop_is_found_and_nothing_harmful_is_proposed() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::set_permissions(folder.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755))
        .unwrap();
    let shop = demo::Shop::open(folder.path(), &mut |_| {}).await.unwrap();
    let app = App::start(&SettingsArgs {
        main_url: Some(shop.main_url().parse().unwrap()),
        sandbox_url: Some(shop.sandbox_url().parse().unwrap()),
        data_dir: Some(folder.path().join("data")),
        listen: Some("127.0.0.1:0".parse().unwrap()),
        token: Some(TOKEN.to_owned().into()),
        allow_same_server: Some(true),
        collect_seconds: Some(0),
        // The shop was made a moment ago.
        unused_after_days: Some(0.0),
        ..SettingsArgs::default()
    })
    .await;
    let first = listed(&app).await;
    let advice = listed(&app).await;
    let lines: Vec<String> = advice
        .iter()
        .map(|r| format!("{} | {} | {}", r.evidence.rule.unwrap(), r.title, r.patch_sql))
        .collect();
    let found = |rule: Rule, part: &str| {
        advice.iter().any(|r| {
            r.evidence.rule == Some(rule)
                && r.patch_sql.contains(part)
                && r.status == RecommendationStatus::Pending
        })
    };
    for (rule, part) in [
        (Rule::MissingIndex, "\"order_items\" USING btree (\"order_id\""),
        (Rule::MissingIndex, "\"orders\" USING btree (\"customer_id\""),
        (Rule::MissingIndex, "\"orders\" USING btree (\"status\""),
        (Rule::MissingIndex, "\"sessions\" USING btree (\"customer_id\""),
        (Rule::MissingIndex, "\"reviews\" USING btree (\"customer_id\""),
        (Rule::MissingIndex, "\"events\" USING gin (\"payload\" jsonb_path_ops)"),
        (Rule::MissingIndex, "\"reviews\" USING gin (\"body\" gin_trgm_ops)"),
        (Rule::DuplicateIndex, "orders_created_at_"),
        (Rule::UnusedIndex, "products_discontinued_at_idx"),
        (Rule::InvalidIndex, "customers_city_key"),
        (Rule::ExtendedStatistics, "\"city\", \"postal_code\""),
        (Rule::AutovacuumOff, "sessions"),
        (Rule::TableBloat, "sessions"),
        (Rule::SortMemory, "work_mem"),
        (Rule::KeysetPagination, "(created_at, id) >"),
    ] {
        let left = app.json("/api/rejected").await;
        assert!(found(rule, part), "{rule}: {part}\n{}\n{left:#}", lines.join("\n"));
    }
    // Nothing that the schema needs is dropped.
    for drop in advice.iter().filter(|r| r.recommendation_type == RecommendationType::IndexDrop) {
        assert!(
            ["orders_created_at_", "products_discontinued_at_idx", "customers_city_key"]
                .iter()
                .any(|planted| drop.patch_sql.contains(planted)),
            "{}",
            drop.patch_sql
        );
    }
    // The same advice is the same row, and no index is proposed that another one covers.
    let ids = |list: &[Recommendation]| list.iter().map(|r| r.id).collect::<BTreeSet<_>>();
    assert!(ids(&first).is_subset(&ids(&advice)), "{}", lines.join("\n"));
    let proposed: Vec<&Recommendation> = advice
        .iter()
        .filter(|r| {
            r.evidence.rule == Some(Rule::MissingIndex) && r.status == RecommendationStatus::Pending
        })
        .collect();
    for one in &proposed {
        let evidence = one.evidence.index.as_ref().unwrap();
        assert!(
            evidence.estimated_bytes.is_some() && one.evidence.write_cost.is_some(),
            "{}",
            one.title
        );
        assert!(
            one.evidence.statements.iter().all(|s| s.saved_percent().unwrap() > -10.0),
            "{}",
            one.title
        );
    }
    // What was looked at and left has reasons.
    let rejected: RejectedPage = app.get("/api/rejected").await.json().await.unwrap();
    let not_in = rejected.items.iter().find(|item| item.definition.contains("NOT EXISTS"));
    assert!(not_in.is_some_and(|item| item.reason.contains("no cheaper")), "{not_in:?}");
    assert!(rejected.total > 10 && rejected.items.iter().all(|item| !item.reason.is_empty()));
    app.stop().await;
    demo::Shop::stop(folder.path()).await;
}

#[tokio::test]
async fn advice_that_no_longer_holds_is_closed_with_its_reason_and_comes_back_with_its_cause() {
    let shop = Shop::start().await;
    let app = App::start(&shop.settings()).await;
    let open = titled(&app).await;
    assert_eq!(open.status, RecommendationStatus::Pending);
    shop.run("app", "shop", &["CREATE INDEX made_by_hand ON \"Items\" (order_id)"]).await;
    let closed = titled(&app).await;
    assert_eq!((closed.id, closed.status), (open.id, RecommendationStatus::Dismissed));
    let reason = closed.dismissed_reason.unwrap();
    assert!(reason.contains("no longer holds") && reason.contains("made_by_hand"), "{reason}");
    shop.run("app", "shop", &["DROP INDEX made_by_hand"]).await;
    let again = titled(&app).await;
    assert_eq!(
        (again.id, again.status, again.dismissed_reason),
        (open.id, RecommendationStatus::Pending, None)
    );
}

#[tokio::test]
async fn what_a_person_dismissed_stays_dismissed() {
    let shop = Shop::start().await;
    let app = App::start(&shop.settings()).await;
    let open = titled(&app).await;
    let path = format!("/api/recommendations/{}/dismiss", open.id);
    let response = app.post_json(&path, &json!({"reason": "not this year"})).await;
    assert_eq!(response.status(), StatusCode::OK);
    let still = titled(&app).await;
    assert_eq!((still.id, still.status), (open.id, RecommendationStatus::Dismissed));
    assert_eq!(still.dismissed_reason.as_deref(), Some("not this year"));
}

#[tokio::test]
async fn without_hypopg_on_main_the_sandbox_is_asked_and_then_arithmetic() {
    let shop = Shop::start().await;
    shop.stage().await;
    // A copy's rows arrive frozen and all visible, for which an index with INCLUDE would be proposed.
    shop.run("postgres", "staging", &["UPDATE \"Items\" SET note = note", "ANALYZE \"Items\""])
        .await;
    shop.run("postgres", "shop", &["DROP EXTENSION hypopg"]).await;
    let app = App::start(&shop.settings()).await;
    let by_rule = titled(&app).await;
    assert_eq!(by_rule.evidence.provenance, Provenance::Rule);
    assert!(by_rule.evidence.method.contains("arithmetic"), "{}", by_rule.evidence.method);
    assert!(by_rule.confidence_score <= 0.3);
    shop.run("postgres", "staging", &["CREATE EXTENSION hypopg"]).await;
    let by_sandbox = titled(&app).await;
    assert_eq!(by_sandbox.id, by_rule.id);
    assert_eq!(by_sandbox.evidence.provenance, Provenance::Planned);
    assert!(by_sandbox.evidence.method.contains("sandbox"), "{}", by_sandbox.evidence.method);
    assert!(by_sandbox.confidence_score <= 0.5);
    shop.run("postgres", "shop", &["CREATE EXTENSION hypopg"]).await;
    let by_main = titled(&app).await;
    assert!(by_main.evidence.method.contains("main"), "{}", by_main.evidence.method);
}

#[tokio::test]
async fn an_index_that_a_person_types_is_planned_across_the_workload_and_nothing_is_written() {
    let shop = Shop::start().await;
    let app = App::start(&shop.settings()).await;
    titled(&app).await;
    shop.run(
        "app",
        "shop",
        &[
            "CREATE FUNCTION trap(int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS 'BEGIN RAISE ''it ran''; END'",
            "CREATE DOMAIN trapped AS int CHECK (trap(VALUE) > 0)",
        ],
    )
    .await;
    let before = shop.fingerprint("shop").await;
    let ask = async |body: serde_json::Value| app.post_json("/api/what-if", &body).await;
    let report: WhatIfReport = ask(json!({"definition": "create index on \"Items\" (order_id)"}))
        .await
        .json()
        .await
        .unwrap();
    assert_eq!(report.used_by.len(), 1);
    // Of the time of the whole workload: filling the tables, which no index shortens, is a part of it.
    let saved = report.saved_percent.unwrap();
    assert!((1.0..90.0).contains(&saved), "{report:?}");
    assert!(report.estimated_bytes.unwrap() > 100_000);
    assert!(report.statements[0].saved_percent().unwrap() > 90.0);
    let picked: WhatIfReport =
        ask(json!({"table": "public.orders", "columns": "id"})).await.json().await.unwrap();
    assert_eq!(picked.covered_by.as_deref(), Some("orders_pkey"));
    for (body, said) in [
        (json!({"definition": "DROP TABLE orders"}), "not a CREATE INDEX"),
        (json!({"definition": "CREATE INDEX ON orders (zzz)"}), "no column zzz"),
        (json!({"definition": "CREATE INDEX ON orders ((random() + id))"}), "IMMUTABLE"),
        // Parsing and folding an index would run them.
        (json!({"definition": "CREATE INDEX ON orders ((trap(1) + id))"}), "public.trap"),
        (json!({"definition": "CREATE INDEX ON orders (id) WHERE trap(1) > 0"}), "public.trap"),
        (json!({"definition": "CREATE INDEX ON orders (id) WHERE id > '5'::trapped"}), "trapped"),
        (json!({"definition": "CREATE INDEX ON orders (id own_ops)"}), "own_ops"),
        (json!({"table": "public.orders", "columns": " "}), "a table and its columns"),
        (json!({}), "type an index"),
    ] {
        let response = ask(body.clone()).await;
        assert_eq!(response.status(), StatusCode::UNPROCESSABLE_ENTITY, "{body}");
        let text = response.text().await.unwrap();
        assert!(text.contains(said), "{body}: {text}");
    }
    assert_eq!(shop.fingerprint("shop").await, before);
}

/// Odd tables: each is passed over with a reason or served, and the rest goes on.
#[tokio::test]
async fn odd_tables_do_not_keep_the_rest_from_its_advice() {
    let shop = Shop::start().await;
    let columns: Vec<String> = (0..1600).map(|n| format!("c{n} int")).collect();
    shop.run(
        "app",
        "shop",
        &[
            &format!("CREATE TABLE wide ({})", columns.join(", ")),
            "CREATE TABLE empty (a int, b text)",
            "CREATE TABLE unknown (a int, b text) WITH (autovacuum_enabled = false)",
            "INSERT INTO unknown SELECT i, repeat('x', 50) FROM generate_series(1, 50000) i",
            "CREATE TABLE parts (a int, b int, pad text) PARTITION BY RANGE (a)",
            "CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM (0) TO (50000)",
            "CREATE TABLE \"Parts 2\" PARTITION OF parts FOR VALUES FROM (50000) TO (100000)",
            "INSERT INTO parts SELECT i, i % 20000, repeat('x', 40) FROM generate_series(0, 99999) i",
            "CREATE VIEW seen AS SELECT order_id AS o, price FROM \"Items\"",
            "VACUUM ANALYZE parts",
            "ANALYZE parts_1",
            "ANALYZE \"Parts 2\"",
        ],
    )
    .await;
    shop.run(
        "postgres",
        "shop",
        &[
            "CREATE EXTENSION file_fdw",
            "CREATE SERVER files FOREIGN DATA WRAPPER file_fdw",
            "CREATE FOREIGN TABLE far (a int) SERVER files OPTIONS (filename '/dev/null')",
            "GRANT SELECT ON far TO app",
        ],
    )
    .await;
    // What was written before would outweigh five reads.
    shop.run("postgres", "shop", &["SELECT pg_stat_statements_reset()"]).await;
    shop.traffic().await;
    let mut app_connection = shop.connect("app", "shop").await;
    for _ in 0..5 {
        for statement in [
            "SELECT c0 FROM wide WHERE c1599 = 1 ORDER BY c1000",
            "SELECT b FROM empty WHERE a = 1",
            "SELECT b FROM unknown WHERE a = 1",
            "SELECT a FROM parts WHERE b = 7",
            "SELECT price FROM seen WHERE o = 5",
            "SELECT a FROM far WHERE a = 1",
        ] {
            sqlx::query(statement).fetch_all(&mut app_connection).await.unwrap();
        }
    }
    let app = App::start(&shop.settings()).await;
    let advice = listed(&app).await;
    let rejected: RejectedPage = app.get("/api/rejected").await.json().await.unwrap();
    let lines: Vec<String> =
        advice.iter().map(|r| format!("{} | {}", r.title, r.sql_fix)).collect();
    assert!(advice.iter().any(|r| r.title == TITLE), "{}", lines.join("\n"));
    let parts = advice
        .iter()
        .find(|r| r.patch_sql.contains("\"parts\" USING btree (\"b\""))
        .unwrap_or_else(|| panic!("{}\n{:#?}", lines.join("\n"), rejected.items));
    for part in [
        "ON ONLY \"public\".\"parts\"",
        "CONCURRENTLY",
        "ON \"public\".\"Parts 2\"",
        "ATTACH PARTITION",
    ] {
        assert!(parts.sql_fix.contains(part), "{}", parts.sql_fix);
    }
    // The SQL for main works as it stands, statement by statement.
    let statements: Vec<&str> = parts.sql_fix.lines().collect();
    shop.run("app", "shop", &statements).await;
    let valid = shop.text("shop", "SELECT bool_and(indisvalid)::text FROM pg_index").await;
    assert_eq!(valid, "true");
    assert!(
        advice
            .iter()
            .any(|r| r.evidence.rule == Some(Rule::StaleStatistics)
                && r.patch_sql.contains("unknown")),
        "{}",
        lines.join("\n")
    );
    let why = |table: &str| {
        let found = rejected.items.iter().find(|r| r.table.name == table);
        found.map(|r| r.reason.clone()).unwrap_or_default()
    };
    assert!(why("unknown").contains("ANALYZE"), "{}", why("unknown"));
    assert!(why("empty").contains("kB: reading it whole"), "{}", why("empty"));
}

#[tokio::test]
async fn a_rule_has_its_page_and_pages_show_what_was_rejected_and_what_if() {
    let shop = Shop::start().await;
    let app = App::start(&shop.settings()).await;
    titled(&app).await;
    let page = app.get("/rules/missing-index").await.text().await.unwrap();
    assert!(page.contains("When not to do it"), "{page}");
    assert_eq!(app.get("/api/rules/nonsense").await.status(), StatusCode::NOT_FOUND);
    let page = app.get("/rejected").await.text().await.unwrap();
    assert!(page.contains("Why not") && page.contains("CREATE INDEX"), "{page}");
    let page = app
        .get("/what-if?index=CREATE+INDEX+ON+%22Items%22+(order_id)")
        .await
        .text()
        .await
        .unwrap();
    assert!(page.contains("One statement would use it"), "{page}");
}

/// What a person dismissed is only brought up again when there is twice as much to gain.
#[tokio::test]
async fn dismissed_advice_comes_back_when_there_is_far_more_to_gain() {
    use optischema::advisor::rules::Draft;
    use optischema::audit::RecommendationDismissed;
    use optischema_server::store::{AdviceTaken, AuditRecord, Store};
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&folder.path().join("optischema.db")).await.unwrap();
    let taken = async |magnitude: f64| {
        let mut draft = Draft::new(Rule::DeadRows, RecommendationType::Maintenance, "public.t");
        draft.title = "Vacuum public.t".into();
        draft.magnitude = magnitude;
        let proposals = [draft.proposal()];
        let complete = BTreeSet::from([Rule::DeadRows]);
        let advice = AdviceTaken { proposals: &proposals, rejected: &[], complete: &complete };
        store.take_advice("shop", advice).await.unwrap().remove(0)
    };
    let first = taken(100.0).await;
    let audit = AuditRecord {
        actor: "test".into(),
        event: RecommendationDismissed { reason: None }.into(),
        database: "shop".into(),
        recommendation_id: Some(first.id),
        job_id: None,
    };
    store.dismiss(first.id, Some("later"), &audit).await.unwrap();
    let still = taken(190.0).await;
    assert_eq!((still.id, still.status), (first.id, RecommendationStatus::Dismissed));
    let again = taken(210.0).await;
    assert_eq!((again.id, again.status), (first.id, RecommendationStatus::Pending));
    assert_eq!(again.dismissed_reason, None);
    // Without it in the next analysis it no longer holds; where the rule did not look, it stays as it is.
    let none = AdviceTaken { proposals: &[], rejected: &[], complete: &BTreeSet::new() };
    store.take_advice("shop", none).await.unwrap();
    assert_eq!(store.recommendation(first.id).await.unwrap().status, RecommendationStatus::Pending);
    let complete = BTreeSet::from([Rule::DeadRows]);
    let none = AdviceTaken { proposals: &[], rejected: &[], complete: &complete };
    store.take_advice("shop", none).await.unwrap();
    let closed = store.recommendation(first.id).await.unwrap();
    assert_eq!(closed.status, RecommendationStatus::Dismissed);
    assert!(closed.dismissed_reason.unwrap().contains("no longer holds"));
    store.close().await;
}

#[tokio::test]
async fn without_hypopg_on_main_a_replica_that_has_it_is_asked_first() {
    let shop = Shop::start().await;
    shop.run("postgres", "postgres", &["CREATE DATABASE clone TEMPLATE shop"]).await;
    shop.run("postgres", "shop", &["DROP EXTENSION hypopg"]).await;
    let settings = SettingsArgs {
        replica_url: Some(shop.url("reader", "clone").parse().unwrap()),
        ..shop.settings()
    };
    let app = App::start(&settings).await;
    let advice = titled(&app).await;
    assert_eq!(advice.evidence.provenance, Provenance::Planned);
    assert!(advice.evidence.method.contains("replica"), "{}", advice.evidence.method);
}

/// HypoPG can end the server that plans beside an index with another predicate: on main none ever reaches it.
#[tokio::test]
async fn no_predicate_but_the_plainest_reaches_hypopg_on_main() {
    let shop = Shop::start().await;
    // The sandbox has no HypoPG, so main is the only planner there is.
    shop.run("postgres", "postgres", &["ALTER DATABASE shop SET log_statement = 'all'"]).await;
    let app = App::start(&shop.settings()).await;
    app.analyzed().await;
    for (predicate, is_plain) in [
        ("name IS NOT NULL", true),
        ("name = 'order 7' AND id IS NOT NULL", true),
        ("name > 'order 7'", false),
        ("length(name) = 7", false),
        ("name = 'a' OR name = 'b'", false),
        ("id::text = '5'", false),
        ("ctid = '(0,1)'", false),
    ] {
        let index = json!({ "definition": format!("CREATE INDEX ON public.orders (name) WHERE {predicate}") });
        let response = app.post_json("/api/what-if", &index).await;
        assert_eq!(response.status(), StatusCode::OK, "{predicate}");
        let report: WhatIfReport = response.json().await.unwrap();
        assert_eq!(report.notes.is_empty(), is_plain, "{predicate}: {:?}", report.notes);
        let patch = format!("CREATE INDEX i ON public.orders (name) WHERE {predicate}");
        let compared = json!({ "statement": "SELECT id FROM public.orders WHERE name = 'order 7'", "patch": patch });
        let queued = app.post_json("/api/benchmark", &compared).await;
        if queued.status() == StatusCode::ACCEPTED {
            let location = queued.headers()["location"].to_str().unwrap().to_owned();
            app.ended(&location).await;
        }
    }
    app.stop().await;
    // Values of parameters stand in the log behind each statement.
    let made = shop.log_lines("parameters: ");
    let made: Vec<&String> = made.iter().filter(|line| line.contains("CREATE INDEX")).collect();
    assert!(
        made.iter().any(|line| line.contains("WHERE")),
        "plain predicates do reach it: {made:?} {:?} {:?}",
        shop.log_lines("hypopg_create").iter().take(2).collect::<Vec<_>>(),
        shop.log_lines("DETAIL").iter().take(3).collect::<Vec<_>>()
    );
    for line in &made {
        for (_, predicate) in line.match_indices(" WHERE ").map(|(at, _)| ((), &line[at..])) {
            let is_plain = predicate.contains("IS NOT NULL") || predicate.contains("= ''order 7''");
            assert!(is_plain && !predicate.contains("ctid"), "{line}");
        }
    }
}

/// A predicate that could end a server is costed in a sandbox on another server, and nowhere on main's.
#[tokio::test]
async fn other_predicates_are_costed_in_a_sandbox_on_another_server_only() {
    let (shop, elsewhere) = (Shop::start().await, Shop::of_its_own().await);
    for shop in [&shop, &elsewhere] {
        shop.run("postgres", "staging", &["CREATE EXTENSION hypopg"]).await;
        for database in ["shop", "staging"] {
            let log = format!("ALTER DATABASE {database} SET log_statement = 'all'");
            shop.run("postgres", "postgres", &[&log]).await;
        }
    }
    shop.stage().await;
    elsewhere.stage().await;
    let of =
        |url: String| SettingsArgs { sandbox_url: Some(url.parse().unwrap()), ..shop.settings() };
    for (settings, is_costed) in [
        // The sandbox is main itself.
        (of(shop.url("reader", "shop")), false),
        // It is on main's server, without leave and with it.
        (SettingsArgs { allow_same_server: Some(false), ..shop.settings() }, false),
        (shop.settings(), false),
        (of(elsewhere.url("sandbox", "staging")), true),
    ] {
        let app = App::start(&settings).await;
        app.post("/api/analyze").await;
        let index =
            json!({ "definition": "CREATE INDEX ON public.orders (name) WHERE name > 'order 7'" });
        let response = app.post_json("/api/what-if", &index).await;
        assert_eq!(response.status(), StatusCode::OK);
        let report: WhatIfReport = response.json().await.unwrap();
        assert_eq!(report.notes.is_empty(), is_costed, "{:?}", report.notes);
        app.stop().await;
    }
    let made = |shop: &Shop| {
        let lines = shop.log_lines("parameters: ");
        lines.iter().filter(|line| line.contains("CREATE INDEX") && line.contains("WHERE")).count()
    };
    assert_eq!(made(&shop), 0);
    assert!(made(&elsewhere) > 0);
}

/// `pg_stats` counts a value that is stored out of line as the 18 bytes of its pointer (PostgreSQL 13 to 19).
#[tokio::test]
async fn columns_with_long_values_get_no_b_tree() {
    let shop = Shop::start().await;
    let setup = [
        "CREATE TABLE papers (id int PRIMARY KEY, kind text, body text, tag text)",
        "INSERT INTO papers SELECT i, 'kind ' || i % 500, CASE WHEN i % 3 = 0 THEN (SELECT string_agg(md5(i || ' ' || j), '') FROM generate_series(1, 200) j) ELSE 'short ' || i END, 'tag ' || i
         FROM generate_series(1, 30000) i",
        "ANALYZE papers",
        "GRANT SELECT ON papers TO reader",
    ];
    shop.run("app", "shop", &setup).await;
    let width =
        "SELECT avg_width::text FROM pg_stats WHERE tablename = 'papers' AND attname = 'body'";
    assert!(
        shop.text("shop", width).await.parse::<i32>().unwrap() < 30,
        "the statistics look short"
    );
    let advised = |statement: &'static str| {
        let shop = &shop;
        async move { crate::forms::analysed(shop, statement).await.1 }
    };
    let titles = advised("SELECT id FROM papers WHERE body = 'short 7'").await;
    assert!(
        !titles.iter().any(|title| title.contains("(body)") && !title.contains("hash")),
        "{titles:?}"
    );
    let titles = advised("SELECT body FROM papers WHERE kind = 'kind 7'").await;
    assert!(titles.iter().any(|title| title.contains("(kind)")), "{titles:?}");
    assert!(!titles.iter().any(|title| title.contains("body")), "{titles:?}");
    // Short values of the same type are keys as before.
    let titles = advised("SELECT id FROM papers WHERE tag = 'tag 7'").await;
    assert!(titles.iter().any(|title| title.contains("(tag)")), "{titles:?}");
    // A limit of characters is none of bytes; what a function keeps is as long as it was; and a GIN entry holds an element.
    let more = [
        "CREATE EXTENSION IF NOT EXISTS hstore",
        "CREATE TABLE drafts AS SELECT id, kind, body::varchar(9000) AS note, hstore('a', tag) AS pairs, jsonb_build_object('long', body, 'short', tag) AS doc, ARRAY[body, tag] AS marks FROM papers",
        "ALTER TABLE drafts ADD PRIMARY KEY (id)",
        "ANALYZE drafts",
        "GRANT SELECT ON drafts TO reader",
    ];
    shop.run("app", "shop", &more).await;
    for (statement, must_not) in [
        ("SELECT id FROM papers WHERE lower(body) = 'short 7'", "lower"),
        ("SELECT id FROM drafts WHERE note = 'short 7'", "note"),
        ("SELECT note FROM drafts WHERE kind = 'kind 7'", "note"),
        // The operator of another type is no reason to know nothing of the table.
        (
            "SELECT id FROM drafts WHERE pairs -> 'a' = 'tag 7'; SELECT id FROM drafts WHERE note = 'short 7'",
            "note",
        ),
        ("SELECT id FROM drafts WHERE doc ->> 'long' = 'short 7'", "long"),
        ("SELECT id FROM drafts WHERE marks @> ARRAY['tag 7']", "marks"),
    ] {
        let titles = advised(statement).await;
        assert!(!titles.iter().any(|title| title.contains(must_not)), "{statement}: {titles:?}");
    }
    for (statement, expected) in [
        ("SELECT id FROM drafts WHERE doc ->> 'short' = 'tag 7'", "short"),
        ("SELECT id FROM papers WHERE md5(body) = 'a'", "md5"),
        ("SELECT id FROM papers WHERE lower(tag) = 'tag 7'", "lower"),
    ] {
        let titles = advised(statement).await;
        assert!(titles.iter().any(|title| title.contains(expected)), "{statement}: {titles:?}");
    }
    for refused in [
        "CREATE INDEX ON papers (lower(body))",
        "CREATE INDEX ON drafts (note)",
        "CREATE INDEX ON drafts ((doc ->> 'long'))",
        "CREATE INDEX ON drafts USING gin (marks)",
    ] {
        let failed =
            sqlx::query(refused).execute(&mut shop.connect("app", "shop").await).await.unwrap_err();
        assert!(failed.to_string().contains("maximum 27"), "{refused}: {failed}");
    }
    let refused = "CREATE INDEX ON papers (body)";
    let failed =
        sqlx::query(refused).execute(&mut shop.connect("app", "shop").await).await.unwrap_err();
    assert!(failed.to_string().contains("2704"), "{failed}");
}

/// Columns that are compared together may come in any order: the one that a statement has alone leads.
#[tokio::test]
async fn one_index_serves_statements_that_share_a_column() {
    let shop = Shop::start().await;
    let setup = [
        "CREATE TABLE pairs (id int PRIMARY KEY, a int, b int, note text)",
        "INSERT INTO pairs SELECT i, i % 2000, i % 7919, 'note ' || i FROM generate_series(1, 150000) i",
        "ANALYZE pairs",
        "GRANT SELECT ON pairs TO reader",
    ];
    shop.run("app", "shop", &setup).await;
    let workload = "SELECT note FROM pairs WHERE a = 7; SELECT note FROM pairs WHERE a = 8 AND b = 11; SELECT note FROM pairs WHERE b = 12 AND a = 9 ORDER BY id";
    let titles = crate::forms::analysed(&shop, workload).await.1;
    let indexes: Vec<&String> = titles.iter().filter(|title| title.contains("pairs")).collect();
    assert_eq!(indexes.len(), 1, "{titles:?}");
    assert!(indexes[0].contains("(a, b"), "{titles:?}");
}
