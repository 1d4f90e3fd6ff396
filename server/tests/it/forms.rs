//! Forms of statements that applications send: each is planned, as itself or through what it searches, or says why not.

use optischema::model::{NotPlanned, PlannedAs, ReasonCode, TrackedStatement};
use optischema_server::analysis::analyze_once;
use optischema_server::config::Settings;
use optischema_server::workload::AdviseLimits;

use crate::bench::{Options, measured};
use crate::fixture::Shop;

/// Analyses a file of statements.
pub async fn analysed(shop: &Shop, workload: &str) -> (Vec<TrackedStatement>, Vec<String>) {
    let settings = Settings::resolve(&shop.settings()).unwrap();
    let (collection, advice) =
        analyze_once(&settings, Some(&mut workload.as_bytes()), &AdviseLimits::default())
            .await
            .unwrap();
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
    let view = "CREATE MATERIALIZED VIEW bought AS SELECT price FROM \"Items\" WHERE order_id = 7";
    shop.run("app", "shop", &[view]).await;
    let (refreshes, titles) = analysed(&shop, "REFRESH MATERIALIZED VIEW bought").await;
    assert_eq!(refreshes[0].planned_as(), PlannedAs::InnerQuery, "{:?}", refreshes[0].plannable);
    assert!(titles.iter().any(|title| title.contains("on (order_id)")), "{titles:?}");
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
    let said = result.warnings.iter().any(|warning| warning.starts_with("Measured as it is"));
    assert!(said, "{:?}", result.warnings);
    let written = result.bindings[0].written.as_ref().unwrap();
    assert_eq!(written.rows, 20, "{written:?}");
    assert!(written.patched.wal_bytes > 0 && written.baseline.wal_bytes > 0, "{written:?}");
    let plan = result.plans.unwrap().patched.to_string();
    assert!(plan.contains("ModifyTable"), "{plan}");
}

/// Types of the application's own, in a schema that the reader's path lacks, and arrays of all kinds.
#[tokio::test]
async fn values_have_the_types_of_their_columns() {
    let shop = Shop::start().await;
    let setup = [
        "CREATE SCHEMA app",
        "CREATE TYPE app.\"PostStatus\" AS ENUM ('DRAFT', 'PUBLISHED')",
        "CREATE TABLE app.posts (id int, status app.\"PostStatus\", tags text[], dims int[], letter \"char\", flags bit(8))",
        "INSERT INTO app.posts SELECT i, (ARRAY['DRAFT', 'PUBLISHED'])[1 + i % 2]::app.\"PostStatus\",
             ARRAY['t' || i % 50], ARRAY[i % 7, i % 3], 'x', (i % 256)::bit(8) FROM generate_series(1, 20000) i",
        "ANALYZE app.posts",
    ];
    shop.run("app", "shop", &setup).await;
    for statement in [
        "SELECT id FROM app.posts WHERE status = $1",
        "SELECT id FROM app.posts WHERE status = ANY ($1)",
        "SELECT id FROM app.posts WHERE status IN ($1, $2)",
        "SELECT id FROM app.posts WHERE tags @> $1::text[] AND dims @> ARRAY[$2]",
        "SELECT id FROM app.posts WHERE dims > ARRAY[$1] OR tags = $2",
        "SELECT id FROM app.posts WHERE letter = $1",
        "SELECT id FROM app.posts WHERE flags = $1",
        "VALUES ((SELECT count(*) FROM app.posts WHERE id = $1))",
    ] {
        let (statements, _) = analysed(&shop, statement).await;
        let plannable = statements[0].plannable.as_ref();
        let plannable = plannable.unwrap_or_else(|reason| panic!("{statement}: {reason}"));
        let first = &plannable.bindings[0];
        // How long a list is nobody knows; what stands in it is known.
        let is_list = statement.contains("ANY");
        assert_eq!(first.assumed, is_list, "{statement}: {first:?}");
        assert!(first.values.iter().all(|v| v.as_deref() != Some("{}")), "{statement}: {first:?}");
        assert_eq!(first.kind, optischema::model::BindingKind::Common, "{statement}");
    }
    for statement in [
        "SELECT id FROM posts WHERE status = $1::\"PostStatus\" AND id = ANY ($2::bigint[])",
        "SELECT COALESCE(json_agg(json_build_object($1, p.id, $2, p.letter)), $3::json) FROM posts p WHERE p.id = $4",
        "SELECT jsonb_build_object($1, p.id, $2, p.dims), format($3, p.id, $4) FROM posts p WHERE p.id = $5 LIMIT $6",
        "v_n := (SELECT count(*) FROM posts WHERE id = v_id AND status = $2)",
        "EXISTS (SELECT FROM posts p WHERE p.id = rec.id AND p.letter = $3)",
    ] {
        let (statements, _) = analysed(&shop, statement).await;
        let plannable = statements[0].plannable.as_ref();
        plannable.unwrap_or_else(|reason| panic!("{statement}: {reason}"));
    }
    shop.run("app", "shop", &["CREATE VIEW cheap AS SELECT * FROM \"Items\" WHERE price < 10"])
        .await;
    let (statements, _) = analysed(&shop, "UPDATE cheap SET note = 'x' WHERE order_id = 7").await;
    assert_eq!(statements[0].planned_as(), PlannedAs::RowSearch, "{:?}", statements[0].plannable);
    let (later, _) =
        analysed(&shop, "SELECT id FROM orders GROUP BY ALL HAVING name = 'secret'").await;
    assert!(later[0].sql.starts_with("SELECT id FROM orders GROUP BY ALL"), "{}", later[0].sql);
    assert!(!later[0].sql.contains("secret"), "{}", later[0].sql);
}

/// Writes and locking reads run as they are, with values of the rows that they find; nothing of it stays.
#[tokio::test]
async fn what_writes_or_locks_is_measured_as_it_is() {
    let shop = Shop::start().await;
    let patch = "CREATE INDEX i ON public.\"Items\" (order_id)";
    for (statement, rows) in [
        ("UPDATE \"Items\" SET price = $1, note = $2 WHERE order_id = $3", 20),
        ("DELETE FROM \"Items\" WHERE order_id = $1 RETURNING id", 20),
        (
            "SELECT id FROM \"Items\" WHERE order_id = $1 ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED",
            0,
        ),
        ("INSERT INTO orders (name) SELECT note FROM \"Items\" WHERE order_id = $1", 20),
        (
            "MERGE INTO orders o USING (SELECT DISTINCT order_id FROM \"Items\" WHERE order_id = $1) i ON o.id = i.order_id WHEN MATCHED THEN UPDATE SET name = $2",
            1,
        ),
    ] {
        let result = measured(&shop, statement, patch, &Options::of(&shop)).await;
        let said = result.warnings.iter().any(|warning| warning.starts_with("Measured as it is"));
        assert!(said, "{statement}: {:?}", result.warnings);
        let binding = &result.bindings[0];
        assert!(binding.found_rows, "{statement}: {binding:?}");
        assert_eq!(binding.written.as_ref().unwrap().rows, rows, "{statement}: {binding:?}");
        assert_eq!(result.verdict, optischema::model::Verdict::Faster, "{statement}: {result:?}");
    }
    // What cannot run as it is, is measured in part, and says why.
    shop.run("app", "shop", &["CREATE FUNCTION own(int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS 'BEGIN RETURN $1; END'"]).await;
    let calling = "UPDATE \"Items\" SET price = own(3) WHERE order_id = $1";
    let result = measured(&shop, calling, patch, &Options::of(&shop)).await;
    let said = result
        .warnings
        .iter()
        .any(|w| w.starts_with("Measured is the search") && w.contains("public.own"));
    assert!(said && result.bindings[0].written.is_none(), "{:?}", result.warnings);
}

/// Lists that are sent as arrays, names that stand for columns, lists that PostgreSQL 18 cuts: an index is found for each.
#[tokio::test]
async fn lists_and_names_lead_to_the_columns_behind_them() {
    let shop = Shop::start().await;
    let view = "CREATE VIEW costs AS SELECT order_id AS bought, price AS cost FROM \"Items\"";
    shop.run("app", "shop", &[view, "GRANT SELECT ON costs TO reader"]).await;
    for statement in [
        "SELECT price FROM \"Items\" WHERE order_id = ANY($1)",
        "SELECT price FROM \"Items\" WHERE order_id = ANY($1::bigint[]) AND price > $2",
        "SELECT price FROM \"Items\" WHERE order_id IN (SELECT unnest($1))",
        "SELECT i.price FROM unnest($1) AS wanted(id) JOIN \"Items\" i ON i.order_id = wanted.id",
        "SELECT price FROM \"Items\" WHERE order_id IN ($1 /*, ... */)",
        "SELECT price FROM \"Items\" WHERE order_id = ANY(ARRAY[$1, $2])",
        "SELECT price FROM \"Items\" WHERE order_id = COALESCE($1, $2)",
        "SELECT cost FROM costs WHERE bought = $1",
        "SELECT c FROM (SELECT order_id AS o, price AS c FROM \"Items\") s WHERE o = $1",
        "WITH s AS (SELECT order_id AS o, price FROM \"Items\") SELECT price FROM s WHERE o = $1",
    ] {
        let (statements, titles) = analysed(&shop, statement).await;
        assert!(statements[0].plannable.is_ok(), "{statement}: {:?}", statements[0].plannable);
        let indexed = titles.iter().any(|title| title.contains("\"Items\" on (order_id"));
        assert!(indexed, "{statement}: {titles:?}");
    }
    let cut = "SELECT price FROM \"Items\" WHERE order_id IN ($1 /*, ... */)";
    let (statements, _) = analysed(&shop, cut).await;
    // Texts of one statement that have parameters differ in nothing that could be bound.
    let lengths = "SELECT price FROM \"Items\" WHERE id IN ($1, $2);\nSELECT price FROM \"Items\" WHERE id IN ($1, $2, $3);\nSELECT price FROM \"Items\" WHERE id = $1;";
    let (planned, _) = analysed(&shop, lengths).await;
    assert!(planned.iter().all(|statement| statement.plannable.is_ok()), "{planned:?}");
    let label = &statements[0].plannable.as_ref().unwrap().bindings[0].described();
    assert!(label.contains("lists of 10 values, assumed"), "{label}");
}

/// A role that policies filter reads other rows than OptiSchema's: its statements are planned with their conditions, or
/// say why they are not.
#[tokio::test]
async fn policies_are_a_part_of_the_statement() {
    let shop = Shop::start().await;
    let setup = [
        "CREATE ROLE web",
        "CREATE TABLE memo (id int PRIMARY KEY, author_id int NOT NULL, folder int NOT NULL, body text NOT NULL)",
        "INSERT INTO memo SELECT g, g % 20000, g % 4, repeat('m', 60) FROM generate_series(1, 100000) g",
        "ALTER TABLE memo ENABLE ROW LEVEL SECURITY",
        "CREATE POLICY own ON memo FOR SELECT TO web USING (author_id = current_setting('app.author')::int)",
        "GRANT SELECT ON memo TO web",
        "ANALYZE memo",
        "SET ROLE web",
        "SET app.author = '77'",
    ];
    let reading = ["SELECT id, body FROM memo WHERE folder = 2"; 40];
    shop.run("postgres", "shop", &[&setup[..], &reading[..]].concat()).await;
    let settings = Settings::resolve(&shop.settings()).unwrap();
    let limits = AdviseLimits::default();
    let of_memo = |statements: &[TrackedStatement]| {
        let mut found = statements.iter().filter(|s| s.sql.contains("FROM memo WHERE folder"));
        found.next().unwrap().clone()
    };
    let (collection, _) = analyze_once(&settings, None, &limits).await.unwrap();
    let reason = of_memo(&collection.statements).plannable.unwrap_err();
    assert_eq!(reason.code, ReasonCode::RowSecurity, "{reason}");
    // A role that sees every row plans what the other one runs, and is no less a reader.
    shop.run("postgres", "shop", &["ALTER ROLE reader BYPASSRLS"]).await;
    let (collection, advice) = analyze_once(&settings, None, &limits).await.unwrap();
    let planned = of_memo(&collection.statements).plannable.unwrap();
    assert!(planned.bindings[0].sql.contains("author_id"), "{:?}", planned.bindings);
    let titles: Vec<&String> = advice.proposals.iter().map(|p| &p.title).collect();
    assert!(titles.iter().any(|title| title.contains("memo on (author_id")), "{titles:?}");
}

/// Policies for writing, views that read as who asks them, and roles that reach nothing, or each something else.
#[tokio::test]
async fn policies_of_writes_views_and_roles_are_followed() {
    let shop = Shop::start().await;
    let has_invoker_views = shop.version().await >= 150_000;
    let setup = [
        "CREATE ROLE web",
        "CREATE ROLE desk",
        "CREATE ROLE nobody_else",
        "CREATE TABLE memo (id int PRIMARY KEY, author_id int NOT NULL, folder int NOT NULL, body text NOT NULL)",
        "INSERT INTO memo SELECT g, g % 20000, g % 4, repeat('m', 60) FROM generate_series(1, 60000) g",
        "CREATE TABLE member (id int PRIMARY KEY, team int NOT NULL)",
        "INSERT INTO member SELECT g, g % 10 FROM generate_series(1, 100) g",
        "ALTER TABLE memo ENABLE ROW LEVEL SECURITY",
        "ALTER TABLE member ENABLE ROW LEVEL SECURITY",
        "CREATE POLICY own ON memo FOR SELECT TO web USING (author_id = 77)",
        "CREATE POLICY change ON memo FOR UPDATE TO web USING (body = 'open')",
        "CREATE POLICY teams ON memo FOR SELECT TO desk USING (author_id IN (SELECT m.id FROM member m))",
        "CREATE POLICY team ON member TO desk USING (team = 3)",
        "GRANT SELECT, UPDATE, DELETE ON memo, member TO web, desk, nobody_else",
        "ALTER ROLE reader BYPASSRLS",
        "ANALYZE memo",
    ];
    shop.run("postgres", "shop", &setup).await;
    let reading = "SELECT id, body FROM memo WHERE folder = 2";
    let shown = "SELECT id FROM shown WHERE folder = 1";
    let of_owner = "SELECT id FROM of_owner WHERE folder = 1";
    let views = [
        "CREATE VIEW shown WITH (security_invoker = on) AS SELECT id, folder FROM memo",
        "CREATE VIEW of_owner AS SELECT id, folder FROM memo",
        "GRANT SELECT ON shown, of_owner TO web",
    ];
    let web = ["SET ROLE web", reading, "UPDATE memo SET folder = 3 WHERE id = 7"];
    let web = [
        &web[..],
        &["DELETE FROM memo WHERE id = 8", "SELECT id FROM memo WHERE id = 9 FOR UPDATE"],
    ];
    shop.run("postgres", "shop", &web.concat()).await;
    if has_invoker_views {
        let asked = ["SET ROLE web", shown, of_owner];
        shop.run("postgres", "shop", &[&views[..], &asked[..]].concat()).await;
    }
    shop.run("postgres", "shop", &["SET ROLE desk", reading]).await;
    shop.run("postgres", "shop", &["SET ROLE nobody_else", reading]).await;
    let settings = Settings::resolve(&shop.settings()).unwrap();
    let (collection, _) = analyze_once(&settings, None, &AdviseLimits::default()).await.unwrap();
    let of = |text: &str| {
        let same = |s: &&TrackedStatement| s.sql.contains(text);
        collection.statements.iter().filter(same).map(|s| s.plannable.clone()).collect::<Vec<_>>()
    };
    let sql_of = |text: &str| match of(text).as_slice() {
        [Ok(plannable)] => plannable.bindings[0].sql.clone(),
        other => panic!("{text}: {other:?}"),
    };
    // One text that three roles run is three statements.
    let mut told: Vec<String> = of("FROM memo WHERE folder")
        .into_iter()
        .map(|planned| match planned {
            Ok(plannable) => plannable.bindings[0].sql.clone(),
            Err(reason) => reason.to_string(),
        })
        .collect();
    told.sort();
    assert_eq!(told.len(), 3, "{told:?}");
    assert!(told[0].contains("author_id = 77") && !told[0].contains("open"), "{told:?}");
    let of_team = "FROM (SELECT * FROM public.member WHERE team = 3)";
    assert!(told[1].contains(of_team), "{told:?}");
    assert!(told[2].contains("no policy lets nobody_else reach a row of public.memo"), "{told:?}");
    // What is changed or locked must be readable and open to change; no policy lets web delete.
    for text in ["UPDATE memo", "FOR UPDATE"] {
        let sql = sql_of(text);
        assert!(sql.contains("author_id = 77") && sql.contains("body = 'open'"), "{sql}");
    }
    let refused = of("DELETE FROM memo")[0].clone().unwrap_err();
    assert_eq!(refused.code, ReasonCode::RowSecurity, "{refused}");
    if has_invoker_views {
        assert!(sql_of("FROM shown").contains("author_id = 77"));
        // A view of the owner's reads as the owner, whom no policy filters: so does main when it plans.
        assert!(!sql_of("FROM of_owner").contains("author_id"));
    }
}

/// A comparison that may show what a policy hides is made after the policy's conditions: no index serves it.
#[tokio::test]
async fn patterns_under_policies_get_no_index() {
    let shop = Shop::start().await;
    let setup = [
        "CREATE ROLE web",
        "CREATE TABLE memo (id int PRIMARY KEY, tenant int NOT NULL, title text NOT NULL)",
        "INSERT INTO memo SELECT g, g % 20, md5(g::text) FROM generate_series(1, 60000) g",
        "ALTER TABLE memo ENABLE ROW LEVEL SECURITY",
        "CREATE POLICY own ON memo FOR SELECT TO web USING (tenant = 7 OR tenant < 15)",
        "GRANT SELECT ON memo TO web",
        "ALTER ROLE reader BYPASSRLS",
        "ANALYZE memo",
        "SET ROLE web",
    ];
    let reading = ["SELECT id FROM memo WHERE title LIKE 'abc%'"; 30];
    shop.run("postgres", "shop", &[&setup[..], &reading[..]].concat()).await;
    let settings = Settings::resolve(&shop.settings()).unwrap();
    let limits = AdviseLimits::default();
    let (_, advice) = analyze_once(&settings, None, &limits).await.unwrap();
    let titles: Vec<&String> = advice.proposals.iter().map(|p| &p.title).collect();
    assert!(!titles.iter().any(|title| title.contains("title")), "{titles:?}");
    // Who is under no policy has the index.
    let of_owner = "SELECT id FROM memo WHERE title LIKE 'abc%'";
    shop.run(
        "postgres",
        "shop",
        &["DROP POLICY own ON memo", "ALTER TABLE memo DISABLE ROW LEVEL SECURITY"],
    )
    .await;
    let (_, titles) = analysed(&shop, of_owner).await;
    assert!(titles.iter().any(|title| title.contains("title")), "{titles:?}");
}

/// PostgreSQL 19 lets somebody pin plans by advice. Main's own plan is told apart from the one that a change is weighed
/// against.
#[tokio::test]
async fn pinned_plans_are_told_and_not_planned_with() {
    let shop = Shop::start().await;
    if shop.version().await < 190_000 {
        return;
    }
    let setup = [
        "ALTER DATABASE shop SET session_preload_libraries = 'pg_plan_advice'",
        "ALTER DATABASE shop SET pg_plan_advice.advice = 'SEQ_SCAN(orders)'",
    ];
    shop.run("postgres", "shop", &setup).await;
    let workload = "SELECT name FROM orders WHERE id = 7; SELECT price FROM \"Items\" WHERE id = 7";
    let (statements, _) = analysed(&shop, workload).await;
    let told: Vec<(bool, bool)> = statements
        .iter()
        .map(|statement| statement.plannable.as_ref().unwrap())
        .map(|plannable| (plannable.pinned, plannable.plan.to_string().contains("Index Scan")))
        .collect();
    let pinned = statements.iter().position(|s| s.sql.contains("orders")).unwrap();
    assert_eq!((told[pinned], told[1 - pinned]), ((true, true), (false, true)), "{statements:#?}");
}

/// What PostgreSQL 18 brought: columns that are computed when they are read, and constraints that do not hold.
#[tokio::test]
async fn features_of_18_are_taken_for_what_they_are() {
    let shop = Shop::start().await;
    if shop.version().await < 180_000 {
        return;
    }
    let setup = [
        "CREATE TABLE owners (id int PRIMARY KEY, name text)",
        "CREATE TABLE pets (id int PRIMARY KEY, owner_id int, kind text, label text GENERATED ALWAYS AS ('k' || kind) VIRTUAL,
             CONSTRAINT weak FOREIGN KEY (owner_id) REFERENCES owners NOT ENFORCED)",
        "INSERT INTO owners SELECT i, 'o' || i FROM generate_series(1, 5000) i",
        "INSERT INTO pets (id, owner_id, kind) SELECT i, NULLIF(i % 5000, 0), 'k' || i % 3000 FROM generate_series(1, 60000) i",
        "ALTER TABLE pets ADD CONSTRAINT known NOT NULL owner_id NOT VALID",
        "ANALYZE owners",
        "ANALYZE pets",
    ];
    shop.run("app", "shop", &setup).await;
    let workload = "SELECT id FROM pets WHERE label = 'kk7'; SELECT name FROM owners WHERE id NOT IN (SELECT owner_id FROM pets)";
    let (statements, titles) = analysed(&shop, workload).await;
    assert!(statements.iter().all(|s| s.plannable.is_ok()), "{statements:#?}");
    let of = |word: &str| titles.iter().find(|title| title.contains(word));
    assert_eq!((of("label"), of("NOT IN"), of("owner_id")), (None, None, None), "{titles:?}");
}

/// Statements inside a function are statements of their own where all are tracked, and no time counts twice.
#[tokio::test]
async fn statements_inside_functions_are_planned_and_counted_once() {
    let shop = Shop::start().await;
    if shop.version().await < 140_000 {
        return;
    }
    let setup = [
        "ALTER DATABASE shop SET pg_stat_statements.track = 'all'",
        "CREATE FUNCTION count_of(o bigint) RETURNS bigint LANGUAGE plpgsql AS $$ DECLARE n bigint; BEGIN
             SELECT count(*) INTO n FROM \"Items\" i WHERE i.order_id = o; RETURN n; END $$",
    ];
    shop.run("postgres", "shop", &setup).await;
    shop.run("app", "shop", &["SELECT count_of(g) FROM generate_series(1, 40) g"]).await;
    let settings = Settings::resolve(&shop.settings()).unwrap();
    let (collection, advice) =
        analyze_once(&settings, None, &AdviseLimits::default()).await.unwrap();
    let named = |part: &str| collection.statements.iter().find(|s| s.sql.contains(part)).unwrap();
    assert!(named("i.order_id = o").plannable.is_ok(), "{:?}", named("i.order_id").plannable);
    let reason = named("count_of(g)").plannable.as_ref().unwrap_err();
    assert!(reason.message.contains("listed by itself") && reason.remedy.is_none(), "{reason}");
    assert!(advice.proposals.iter().any(|p| p.title.contains("\"Items\" on (order_id)")));
    let outer = "SELECT sum(total_exec_time)::text FROM pg_stat_statements s JOIN pg_database d ON d.oid = s.dbid
        WHERE datname = 'shop' AND toplevel AND query ~ 'count_of' AND query !~ 'CREATE|pg_stat'";
    let outer: f64 = shop.text("shop", outer).await.parse().unwrap();
    let both = named("i.order_id = o").total_time_ms + named("count_of(g)").total_time_ms;
    assert!((both - outer).abs() < 0.01 * outer, "{both} of {outer}");
}
