//! Names: whatever a database calls by the names of PostgreSQL's own, reading main never runs it. Traps are harmless:
//! each writes a line into the server's log.

use optischema::model::{JobStatus, TableName};
use optischema_server::postgres::{Dsn, MainSession, StatementsView, has_hypopg, relation_exists};
use optischema_server::sql::parse_one;
use reqwest::StatusCode;
use serde_json::json;

use crate::fixture::{App, Shop};

/// A word of every trap's line.
const SPRUNG: &str = "sprung";

/// A namesake of every built-in function and operator, with the same argument types; and, for the polymorphic ones,
/// with the types that they are called with most. A trap tells who called.
const NAMESAKES: &[&str] = &[
    "CREATE SCHEMA traps",
    "DO $do$
     DECLARE f record; variant text; arguments text; made int := 0;
     BEGIN
         PERFORM pg_catalog.set_config('check_function_bodies', 'off', true);
         FOR f IN SELECT p.oid, p.proname, pg_catalog.oidvectortypes(p.proargtypes) AS arguments,
                         pg_catalog.format_type(p.prorettype, NULL) AS result, r.typtype AS result_kind
                  FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_type r ON r.oid = p.prorettype
                  WHERE p.prokind = 'f' AND p.pronamespace = 'pg_catalog'::pg_catalog.regnamespace AND p.pronargs > 0
         LOOP
             FOREACH variant IN ARRAY ARRAY['text', 'bigint', 'name', 'oid', '\"char\"', 'integer', 'smallint'] LOOP
                 arguments := pg_catalog.regexp_replace(f.arguments, 'any(compatible)?array', variant || '[]', 'g');
                 arguments := pg_catalog.regexp_replace(arguments, '\"?\\many(element|compatible|nonarray|enum)?\\M\"?', variant, 'g');
                 CONTINUE WHEN arguments ~ '(internal|cstring|trigger|_handler|record|range|pg_ndistinct|pg_dependencies|pg_mcv)';
                 CONTINUE WHEN arguments = f.arguments AND variant <> 'text';
                 BEGIN
                     EXECUTE pg_catalog.format('CREATE FUNCTION traps.%I(%s) RETURNS %s LANGUAGE plpgsql IMMUTABLE AS %L',
                         f.proname, arguments, CASE WHEN f.result_kind = 'p' THEN 'text' ELSE f.result END,
                         pg_catalog.format('BEGIN RAISE LOG ''sprung %s by %%'', session_user; RETURN NULL; END', f.proname));
                     made := made + 1;
                 EXCEPTION WHEN OTHERS THEN NULL;
                 END;
             END LOOP;
         END LOOP;
         ASSERT made > 2000, made;
     END $do$",
    "DO $do$
     DECLARE o record; variant text; l text; r text; made int := 0;
     BEGIN
         PERFORM pg_catalog.set_config('check_function_bodies', 'off', true);
         FOR o IN SELECT p.oid, p.oprname, pg_catalog.format_type(p.oprleft, NULL) AS l,
                         pg_catalog.format_type(p.oprright, NULL) AS r, pg_catalog.format_type(p.oprresult, NULL) AS result,
                         t.typtype AS result_kind
                  FROM pg_catalog.pg_operator p JOIN pg_catalog.pg_type t ON t.oid = p.oprresult
                  WHERE p.oprnamespace = 'pg_catalog'::pg_catalog.regnamespace AND p.oprleft <> 0
         LOOP
             FOREACH variant IN ARRAY ARRAY['text', 'bigint', 'name', 'oid', '\"char\"'] LOOP
                 l := pg_catalog.regexp_replace(pg_catalog.regexp_replace(o.l, 'any(compatible)?array', variant || '[]'),
                          '\\many(element|compatible|nonarray|enum)?\\M', variant);
                 r := pg_catalog.regexp_replace(pg_catalog.regexp_replace(o.r, 'any(compatible)?array', variant || '[]'),
                          '\\many(element|compatible|nonarray|enum)?\\M', variant);
                 CONTINUE WHEN (l || r) ~ 'record|range';
                 CONTINUE WHEN l = o.l AND r = o.r AND variant <> 'text';
                 BEGIN
                     EXECUTE pg_catalog.format('CREATE FUNCTION traps.op_%s_%s(%s, %s) RETURNS %s LANGUAGE plpgsql IMMUTABLE AS %L',
                         o.oid, made, l, r, CASE WHEN o.result_kind = 'p' THEN 'text' ELSE o.result END,
                         pg_catalog.format('BEGIN RAISE LOG ''sprung the operator %s by %%'', session_user; RETURN NULL; END',
                             pg_catalog.replace(o.oprname, '%', '%%')));
                     EXECUTE pg_catalog.format('CREATE OPERATOR traps.%s (LEFTARG = %s, RIGHTARG = %s, FUNCTION = traps.op_%s_%s)',
                         o.oprname, l, r, o.oid, made);
                     made := made + 1;
                 EXCEPTION WHEN OTHERS THEN NULL;
                 END;
             END LOOP;
         END LOOP;
         ASSERT made > 500, made;
     END $do$",
    "GRANT USAGE ON SCHEMA traps TO PUBLIC",
];

async fn surrounded(path: &str) -> Shop {
    let shop = Shop::start().await;
    shop.run("postgres", "shop", NAMESAKES).await;
    let set = format!("ALTER ROLE reader SET search_path = {path}");
    shop.run("postgres", "postgres", &[&set]).await;
    shop
}

fn sprung_by_reader(shop: &Shop) -> Vec<String> {
    shop.log_lines(SPRUNG).into_iter().filter(|line| line.contains("by reader")).collect()
}

/// The traps are real: what the path gives first is what an unqualified name means.
#[tokio::test]
async fn a_namesake_is_called_where_a_name_is_not_qualified() {
    let shop = surrounded("traps, public, pg_catalog").await;
    let mut reader = shop.connect("reader", "shop").await;
    for (sql, trap) in [
        ("SELECT lower('x'::text)", "sprung lower"),
        ("SELECT ARRAY['a']::text[] || ARRAY['b']::text[]", "sprung the operator ||"),
        ("SELECT array_remove(ARRAY[1::int8], 1::int8)", "sprung array_remove"),
        ("SELECT 1::oid = 1::oid", "sprung the operator ="),
    ] {
        sqlx::query(sql).execute(&mut reader).await.unwrap();
        assert_eq!(shop.log_lines(trap).len(), 1, "{sql}");
    }
}

/// Everything that reads main, from the first check to the migration that is handed over.
#[tokio::test]
async fn nothing_that_reads_main_calls_a_namesake() {
    for path in ["traps, public, pg_catalog", "public, traps"] {
        let shop = surrounded(path).await;
        let app = App::start(&shop.settings()).await;
        assert_eq!(app.get("/api/health").await.status(), StatusCode::OK);
        let analyzed = app.post("/api/analyze").await;
        assert_eq!(analyzed.status(), StatusCode::OK, "{:?}", analyzed.text().await);
        assert_eq!(app.post("/api/queries/collect").await.status(), StatusCode::OK);
        let index = json!({ "definition": "CREATE INDEX ON public.orders (name)" });
        app.post_json("/api/what-if", &index).await;
        for patch in [
            "CREATE INDEX i ON public.\"Items\" (order_id)",
            "CREATE STATISTICS public.s ON order_id, kind FROM public.\"Items\"",
            "ALTER TABLE public.\"Items\" ALTER COLUMN order_id SET STATISTICS 500",
        ] {
            let compared = json!({ "statement": "SELECT id, price FROM public.\"Items\" WHERE order_id = 5", "patch": patch });
            let queued = app.post_json("/api/benchmark", &compared).await;
            if queued.status() == StatusCode::ACCEPTED {
                let location = queued.headers()["location"].to_str().unwrap().to_owned();
                app.ended(&location).await;
            }
        }
        shop.stage().await;
        let listed = app.json("/api/recommendations").await;
        let ids: Vec<&str> =
            listed["items"].as_array().unwrap().iter().filter_map(|r| r["id"].as_str()).collect();
        assert!(!ids.is_empty(), "the compared changes are listed");
        app.get(&format!("/api/handover?ids={}&format=sql", ids.join(","))).await;
        for id in &ids {
            app.get(&format!("/api/apply/{id}/plan")).await;
        }
        app.stop().await;
        let sprung = sprung_by_reader(&shop);
        assert!(
            sprung.is_empty(),
            "{path}: {} lines, among them {:?}",
            sprung.len(),
            sprung.first()
        );
    }
}

/// Namesakes of what structure is read with, and of nothing that the statement calls: benchmarks run with them about.
#[tokio::test]
async fn a_benchmark_calls_no_namesake() {
    const FEW: &[&str] = &[
        "CREATE SCHEMA traps",
        "DO $do$
         DECLARE variant text; named text;
         BEGIN
             FOREACH variant IN ARRAY ARRAY['text', 'name', 'oid', 'int2', 'int4', 'int8', '\"char\"'] LOOP
                 EXECUTE pg_catalog.format('CREATE FUNCTION traps.unnest(%s[]) RETURNS SETOF %s LANGUAGE plpgsql IMMUTABLE AS %L',
                     variant, variant, 'BEGIN RAISE LOG ''sprung unnest by %'', session_user; RETURN; END');
                 EXECUTE pg_catalog.format('CREATE FUNCTION traps.array_remove(%s[], %s) RETURNS %s[] LANGUAGE plpgsql IMMUTABLE AS %L',
                     variant, variant, variant, 'BEGIN RAISE LOG ''sprung array_remove by %'', session_user; RETURN $1; END');
                 EXECUTE pg_catalog.format('CREATE FUNCTION traps.joined(%s[], %s[]) RETURNS %s[] LANGUAGE plpgsql IMMUTABLE AS %L',
                     variant, variant, variant, 'BEGIN RAISE LOG ''sprung the operator || by %'', session_user; RETURN $1; END');
                 EXECUTE pg_catalog.format('CREATE OPERATOR traps.|| (LEFTARG = %s[], RIGHTARG = %s[], FUNCTION = traps.joined)',
                     variant, variant);
             END LOOP;
         END $do$",
        "GRANT USAGE ON SCHEMA traps TO PUBLIC",
    ];
    for path in ["traps, public, pg_catalog", "public, traps"] {
        let shop = Shop::start().await;
        shop.run("postgres", "shop", FEW).await;
        let set = format!("ALTER ROLE reader SET search_path = {path}");
        shop.run("postgres", "postgres", &[&set]).await;
        if shop.version().await < 140_000 && path.starts_with("traps") {
            // There nothing is planned under such a path.
            continue;
        }
        let app = App::start(&shop.settings()).await;
        for patch in [
            "CREATE INDEX i ON public.\"Items\" (order_id)",
            "CREATE STATISTICS public.s ON order_id, kind FROM public.\"Items\"",
            "ALTER TABLE public.\"Items\" ALTER COLUMN order_id SET STATISTICS 500",
        ] {
            let compared = json!({ "statement": "SELECT id, price FROM public.\"Items\" WHERE order_id = 5", "patch": patch });
            let queued = app.post_json("/api/benchmark", &compared).await;
            assert_eq!(queued.status(), StatusCode::ACCEPTED, "{patch}: {:?}", queued.text().await);
            let location = queued.headers()["location"].to_str().unwrap().to_owned();
            let job = app.ended(&location).await;
            assert_eq!(job.status, JobStatus::Completed, "{:?}", job.error_message);
        }
        app.stop().await;
        assert_eq!(sprung_by_reader(&shop), Vec::<String>::new(), "{path}");
    }
}

/// Plans one statement, and says why not.
async fn refusal(session: &mut MainSession, sql: &str) -> Option<String> {
    session.plan(&parse_one(sql).unwrap()).await.err().map(|error| error.to_string())
}

/// What makes each trap, a statement that would spring it, and a word of the sentence that refuses the statement.
struct Attack {
    name: &'static str,
    setup: &'static [&'static str],
    statements: &'static [&'static str],
    said: &'static str,
}

/// Functions that several attacks use.
const TRAP: &[&str] = &[
    "CREATE FUNCTION trap() RETURNS void LANGUAGE plpgsql AS $$ BEGIN RAISE LOG 'sprung by reader'; END $$",
    "CREATE FUNCTION less(int4, numeric) RETURNS bool IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN PERFORM public.trap(); RETURN true; END $$",
    "CREATE FUNCTION order_of(int4, numeric) RETURNS int4 IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN PERFORM public.trap(); RETURN 0; END $$",
    "CREATE FUNCTION same(int4, int4) RETURNS bool IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN PERFORM public.trap(); RETURN true; END $$",
];

const FAMILIES: &[Attack] = &[
    Attack {
        name: "a cross-type operator added to a built-in B-tree family",
        setup: &[
            "CREATE OPERATOR < (LEFTARG = int4, RIGHTARG = numeric, FUNCTION = less)",
            "ALTER OPERATOR FAMILY integer_ops USING btree ADD OPERATOR 1 < (int4, numeric)",
        ],
        statements: &[
            "SELECT id FROM \"Items\" WHERE id < 5",
            "SELECT name FROM orders WHERE id = 5",
        ],
        said: "operator family integer_ops",
    },
    Attack {
        name: "a support function added to a built-in B-tree family",
        setup: &[
            "ALTER OPERATOR FAMILY integer_ops USING btree ADD FUNCTION 1 (int4, numeric) order_of(int4, numeric)",
        ],
        statements: &["SELECT id FROM \"Items\" WHERE id < 5"],
        said: "operator family integer_ops",
    },
    Attack {
        name: "a family that no class names, on built-in types",
        setup: &[
            "CREATE OPERATOR === (LEFTARG = int4, RIGHTARG = int4, FUNCTION = same)",
            "CREATE OPERATOR FAMILY lonely USING btree",
            "ALTER OPERATOR FAMILY lonely USING btree ADD OPERATOR 3 === (int4, int4), OPERATOR 1 < (int4, int4)",
        ],
        statements: &["SELECT id FROM \"Items\" WHERE id < 5"],
        said: "operator family lonely",
    },
    Attack {
        name: "an operator added to a built-in hash family",
        setup: &[
            "CREATE FUNCTION like_it(int4, numeric) RETURNS bool IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN PERFORM public.trap(); RETURN true; END $$",
            "CREATE OPERATOR = (LEFTARG = int4, RIGHTARG = numeric, FUNCTION = like_it)",
            "ALTER OPERATOR FAMILY integer_ops USING hash ADD OPERATOR 1 = (int4, numeric)",
        ],
        statements: &["SELECT id FROM \"Items\" WHERE id = 5"],
        said: "operator family integer_ops",
    },
    Attack {
        name: "a member between a type of the database and a built-in one",
        setup: &[
            "CREATE TYPE shade AS ENUM ('dark', 'light')",
            "CREATE TABLE shades (s shade)",
            "CREATE FUNCTION shade_eq(shade, int4) RETURNS bool IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN PERFORM public.trap(); RETURN true; END $$",
            "CREATE OPERATOR = (LEFTARG = shade, RIGHTARG = int4, FUNCTION = shade_eq)",
            "ALTER OPERATOR FAMILY integer_ops USING btree ADD OPERATOR 3 = (shade, int4)",
        ],
        statements: &["SELECT s FROM shades WHERE s = 'dark'"],
        said: "can",
    },
];

/// Every way into the planner that a family has is closed, whether a class names its members or not.
#[tokio::test]
async fn members_of_operator_families_are_judged_without_their_classes() {
    for attack in FAMILIES {
        let shop = Shop::start().await;
        shop.run("postgres", "shop", TRAP).await;
        shop.run("postgres", "shop", attack.setup).await;
        let dsn: Dsn = shop.url("reader", "shop").parse().unwrap();
        let mut session = MainSession::begin(&dsn).await.unwrap();
        for sql in attack.statements {
            let refused = refusal(&mut session, sql).await;
            let refused = refused.unwrap_or_else(|| panic!("{}: {sql} was planned", attack.name));
            assert!(
                refused.contains(attack.said) || refused.contains("operator class"),
                "{}: {refused}",
                attack.name
            );
        }
        assert!(shop.log_lines(SPRUNG).is_empty(), "{}", attack.name);
    }
}

/// Families of trusted extensions stand in nobody's way.
#[tokio::test]
async fn families_of_known_extensions_are_no_objection() {
    let shop = Shop::start().await;
    let extensions = [
        "btree_gin",
        "btree_gist",
        "citext",
        "cube",
        "hstore",
        "intarray",
        "isn",
        "ltree",
        "pg_trgm",
        "seg",
        "unaccent",
    ];
    for extension in extensions {
        shop.run("postgres", "shop", &[&format!("CREATE EXTENSION {extension}")]).await;
    }
    shop.run("app", "shop", &["CREATE TABLE people (email citext, tags int4[], path ltree)"]).await;
    let dsn: Dsn = shop.url("reader", "shop").parse().unwrap();
    let mut session = MainSession::begin(&dsn).await.unwrap();
    for sql in [
        "SELECT id FROM orders WHERE id = 5",
        "SELECT email FROM people WHERE email = 'a@example.com' ORDER BY email",
        "SELECT path FROM people WHERE path <@ 'a.b'::ltree",
        "SELECT name FROM orders WHERE name ILIKE '%x%' AND similarity(name, 'order') > 0.3",
    ] {
        assert_eq!(refusal(&mut session, sql).await, None, "{sql}");
    }
}

/// Membership is no proof: what somebody added, or changed, is judged like any function of the database.
#[tokio::test]
async fn a_member_that_the_extensions_script_does_not_make_is_not_trusted() {
    let said = "a function of this database";
    for (name, setup, statement) in [
        (
            "an own function, adopted",
            &[
                "CREATE FUNCTION word_count(text) RETURNS int4 IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN PERFORM public.trap(); RETURN 1; END $$",
                "ALTER EXTENSION pg_trgm ADD FUNCTION word_count(text)",
            ][..],
            "SELECT name FROM orders WHERE id = word_count('x')",
        ),
        (
            "a C function of another library, adopted",
            &[
                "CREATE FUNCTION word_count(text) RETURNS text IMMUTABLE STRICT LANGUAGE c AS '$libdir/pgcrypto', 'pg_digest'",
                "ALTER EXTENSION pg_trgm ADD FUNCTION word_count(text)",
            ],
            "SELECT name FROM orders WHERE name = word_count('x')",
        ),
        (
            "another symbol of the extension's own library, adopted",
            &[
                "CREATE FUNCTION word_count(text, text) RETURNS float4 IMMUTABLE STRICT LANGUAGE c AS '$libdir/pg_trgm', 'similarity'",
                "ALTER EXTENSION pg_trgm ADD FUNCTION word_count(text, text)",
            ],
            "SELECT name FROM orders WHERE word_count('x', 'y') > 0.5",
        ),
        (
            "a member that was replaced",
            &[
                "CREATE OR REPLACE FUNCTION similarity(text, text) RETURNS float4 IMMUTABLE STRICT LANGUAGE plpgsql AS $$ BEGIN PERFORM public.trap(); RETURN 1; END $$",
            ],
            "SELECT name FROM orders WHERE similarity(name, 'x') > 0.5",
        ),
        (
            "a member with another owner",
            &["ALTER FUNCTION similarity(text, text) OWNER TO app"],
            "SELECT name FROM orders WHERE similarity(name, 'x') > 0.5",
        ),
        (
            "an overload that fits better",
            &[
                "CREATE FUNCTION similarity(text, varchar) RETURNS float4 IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN PERFORM public.trap(); RETURN 1; END $$",
            ],
            "SELECT name FROM orders WHERE similarity(name, 'x'::varchar) > 0.5",
        ),
        (
            "an operator of a member's name",
            &[
                "CREATE FUNCTION likeness(text, varchar) RETURNS bool IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN PERFORM public.trap(); RETURN true; END $$",
                "CREATE OPERATOR % (LEFTARG = text, RIGHTARG = varchar, FUNCTION = likeness)",
            ],
            "SELECT name FROM orders WHERE 'a'::text % 'x'::varchar",
        ),
    ] {
        let shop = Shop::start().await;
        shop.run("postgres", "shop", TRAP).await;
        shop.run("postgres", "shop", &["CREATE EXTENSION pg_trgm", "CREATE EXTENSION pgcrypto"])
            .await;
        shop.run("postgres", "shop", setup).await;
        let dsn: Dsn = shop.url("reader", "shop").parse().unwrap();
        let mut session = MainSession::begin(&dsn).await.unwrap();
        let refused = refusal(&mut session, statement).await;
        let refused = refused.unwrap_or_else(|| panic!("{name}: planned"));
        assert!(
            refused.contains(said) || refused.contains("can reach the operator"),
            "{name}: {refused}"
        );
        assert!(shop.log_lines(SPRUNG).is_empty(), "{name}");
    }
}

/// The two extensions that are called are looked at in the same way before they are.
#[tokio::test]
async fn hypopg_and_pg_stat_statements_are_called_only_as_their_scripts_made_them() {
    let shop = Shop::start().await;
    shop.run("postgres", "shop", TRAP).await;
    let dsn: Dsn = shop.url("reader", "shop").parse().unwrap();
    let mut session = MainSession::begin(&dsn).await.unwrap();
    let has = has_hypopg(&mut session).await.unwrap();
    drop(session);
    if has {
        shop.run(
            "postgres",
            "shop",
            &["CREATE OR REPLACE FUNCTION hypopg_reset() RETURNS void LANGUAGE plpgsql AS $$ BEGIN PERFORM public.trap(); END $$"],
        )
        .await;
        let mut session = MainSession::begin(&dsn).await.unwrap();
        assert!(!has_hypopg(&mut session).await.unwrap(), "it counts as missing");
        drop(session);
        let app = App::start(&shop.settings()).await;
        let health = app.get("/api/health").await.text().await.unwrap();
        assert!(health.contains("hypopg_changed"), "{health}");
        app.stop().await;
    }
    let mut connection = MainSession::begin(&dsn).await.unwrap();
    assert!(StatementsView::find(connection.connection().await.unwrap()).await.is_ok());
    drop(connection);
    // The view on top may be anything: the function below is what is read.
    shop.run(
        "postgres",
        "shop",
        &["CREATE OR REPLACE FUNCTION sneak() RETURNS int4 LANGUAGE plpgsql AS $$ BEGIN PERFORM public.trap(); RETURN 1; END $$",
          "ALTER VIEW pg_stat_statements RENAME TO old_view",
          "CREATE VIEW pg_stat_statements AS SELECT v.* FROM old_view v WHERE public.sneak() = 1"],
    )
    .await;
    let mut session = MainSession::begin(&dsn).await.unwrap();
    let view = StatementsView::find(session.connection().await.unwrap()).await.unwrap();
    view.snapshot(session.connection().await.unwrap()).await.unwrap();
    drop(session);
    shop.run(
        "postgres",
        "shop",
        &["ALTER EXTENSION pg_stat_statements DROP FUNCTION pg_stat_statements(bool)"],
    )
    .await;
    let mut session = MainSession::begin(&dsn).await.unwrap();
    let refused =
        StatementsView::find(session.connection().await.unwrap()).await.unwrap_err().to_string();
    assert!(refused.contains("is not the one that the extension's script makes"), "{refused}");
    assert!(shop.log_lines(SPRUNG).is_empty());
}

/// A path entry longer than 63 bytes names the schema that PostgreSQL cuts it to.
#[tokio::test]
async fn a_long_name_in_the_path_is_cut_as_the_server_cuts_it() {
    let shop = Shop::start().await;
    let long = format!("{}é", "s".repeat(62));
    let cut = "s".repeat(62);
    shop.run("postgres", "shop", TRAP).await;
    for statement in [
        format!("CREATE SCHEMA {cut}"),
        format!("GRANT USAGE ON SCHEMA {cut} TO PUBLIC"),
        format!(
            "CREATE FUNCTION {cut}.lookup(int4) RETURNS int4 IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN PERFORM public.trap(); RETURN 1; END $$"
        ),
        format!("ALTER ROLE reader SET search_path = \"{long}\", public"),
    ] {
        shop.run("postgres", "shop", &[&statement]).await;
    }
    let dsn: Dsn = shop.url("reader", "shop").parse().unwrap();
    let mut session = MainSession::begin(&dsn).await.unwrap();
    assert_eq!(session.search_path().await.unwrap(), [cut, "public".to_owned()]);
    let refused = refusal(&mut session, "SELECT name FROM orders WHERE id = lookup(1)").await;
    assert!(refused.unwrap().contains("lookup"));
    assert!(shop.log_lines(SPRUNG).is_empty());
}

/// In a database that counts other bytes than the parser here, a long name could mean another function.
#[tokio::test]
async fn a_long_name_in_another_encoding_is_refused() {
    let shop = Shop::start().await;
    shop.run(
        "postgres",
        "postgres",
        &["CREATE DATABASE western OWNER app ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0"],
    )
    .await;
    let (long, cut) = ("é".repeat(40), "é".repeat(31));
    shop.run("postgres", "western", TRAP).await;
    for statement in [
        "CREATE TABLE t (a int4)".to_owned(),
        "GRANT SELECT ON t TO PUBLIC".to_owned(),
        format!(
            "CREATE FUNCTION \"{long}\"(int4) RETURNS int4 IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN PERFORM public.trap(); RETURN 1; END $$"
        ),
        format!(
            "CREATE FUNCTION \"{cut}\"(int4) RETURNS int4 IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN PERFORM public.trap(); RETURN 1; END $$"
        ),
        format!("CREATE VIEW seen AS SELECT a FROM t WHERE a = \"{long}\"(1)"),
        "GRANT SELECT ON seen TO PUBLIC".to_owned(),
    ] {
        shop.run("postgres", "western", &[&statement]).await;
    }
    let dsn: Dsn = shop.url("reader", "western").parse().unwrap();
    let mut session = MainSession::begin(&dsn).await.unwrap();
    for sql in [
        format!("SELECT a FROM t WHERE a = \"{long}\"(1)"),
        format!("SELECT a FROM t WHERE a = \"{cut}\"(1)"),
        "SELECT a FROM seen".to_owned(),
        format!("SELECT a AS \"{}\" FROM t", "ü".repeat(20)),
    ] {
        let refused = refusal(&mut session, &sql).await;
        assert!(
            refused.as_ref().is_some_and(|r| r.contains("not UTF-8") || r.contains("calls")),
            "{sql}: {refused:?}"
        );
    }
    assert_eq!(refusal(&mut session, "SELECT a AS \"größe\" FROM t WHERE a = 1").await, None);
    assert!(shop.log_lines(SPRUNG).is_empty());
}

/// Extensions put functions into `pg_catalog` too: C of the extension's own library, and nothing else.
#[tokio::test]
async fn an_adopted_function_in_pg_catalog_keeps_everything_from_being_read() {
    let shop = Shop::start().await;
    shop.run("postgres", "shop", TRAP).await;
    shop.run(
        "postgres",
        "shop",
        &["CREATE EXTENSION pg_trgm",
          "SET allow_system_table_mods = on",
          "CREATE FUNCTION public.age(name) RETURNS int4 IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN PERFORM public.trap(); RETURN 1; END $$",
          "ALTER FUNCTION public.age(name) SET SCHEMA pg_catalog",
          "ALTER EXTENSION pg_trgm ADD FUNCTION pg_catalog.age(name)"],
    )
    .await;
    let dsn: Dsn = shop.url("reader", "shop").parse().unwrap();
    let refused = MainSession::begin(&dsn).await.unwrap_err().to_string();
    assert!(refused.contains("a function of its own in pg_catalog"), "{refused}");
    assert!(shop.log_lines(SPRUNG).is_empty());
}

/// From PostgreSQL 17 on a database can run a function whenever somebody connects.
#[tokio::test]
async fn a_login_event_trigger_is_named() {
    let shop = Shop::start().await;
    if shop.version().await < 170_000 {
        return;
    }
    shop.run(
        "postgres",
        "shop",
        &["CREATE FUNCTION greet() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN RAISE LOG 'hello'; END $$",
          "CREATE EVENT TRIGGER at_login ON login EXECUTE FUNCTION greet()"],
    )
    .await;
    let app = App::start(&shop.settings()).await;
    let health = app.get("/api/health").await.text().await.unwrap();
    assert!(health.contains("login_event_trigger") && health.contains("public.greet"), "{health}");
    app.stop().await;
}

/// Between statements the session stays on the database's path; queries of our own leave it first.
#[tokio::test]
async fn our_own_queries_after_a_plan_do_not_look_into_the_databases_path() {
    let shop = Shop::start().await;
    // On 13 nothing is planned where the path names pg_catalog after other schemas.
    if shop.version().await < 140_000 {
        return;
    }
    let setup = [
        "CREATE SCHEMA early",
        "GRANT USAGE ON SCHEMA early TO PUBLIC",
        "ALTER DATABASE shop SET search_path = early, pg_catalog, public",
    ];
    shop.run("postgres", "shop", &setup).await;
    let dsn: Dsn = shop.url("reader", "shop").parse().unwrap();
    let mut session = MainSession::begin(&dsn).await.unwrap();
    session.plan(&parse_one("SELECT name FROM orders WHERE id = 1").unwrap()).await.unwrap();
    // It comes after the guard has looked, and would be found first.
    let shadow = [
        "CREATE FUNCTION early.same(oid, oid) RETURNS bool IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN RAISE LOG 'sprung by %', session_user; RETURN $1 OPERATOR(pg_catalog.=) $2; END $$",
        "CREATE OPERATOR early.= (FUNCTION = early.same, LEFTARG = oid, RIGHTARG = oid)",
    ];
    shop.run("postgres", "shop", &shadow).await;
    has_hypopg(&mut session).await.unwrap();
    relation_exists(session.connection().await.unwrap(), &TableName::new("public", "orders"))
        .await
        .unwrap();
    assert_eq!(shop.log_lines("sprung by reader"), Vec::<String>::new());
}
