//! Ways to a function of the database's that no statement names: an index beside the rows that are copied, a built-in
//! function that runs a query, a type's modifier, a schema that comes later. Traps write a line into the server's log.

use std::time::Duration;

use optischema::model::TableName;
use optischema_server::config::SettingsArgs;
use optischema_server::postgres::{Dsn, MainSession};
use optischema_server::sandbox::{StagingOptions, StagingReport};
use optischema_server::sql::parse_one;
use serde_json::json;

use crate::copies::{copied, options};
use crate::fixture::{App, Shop};

const SPRUNG: &str = "sprung";

/// Three tables whose planning runs a trap: by an index's expression, by its predicate, and, where statistics have
/// them, by theirs.
const CARRYING: &[&str] = &[
    "CREATE FUNCTION trap(int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN RAISE LOG 'sprung by %', session_user; RETURN $1; END $$",
    "CREATE TABLE notes (id int, t text)",
    "CREATE INDEX ON notes ((id + public.trap(1)))",
    "CREATE TABLE marks (id int, t text)",
    "CREATE INDEX ON marks (id) WHERE id > public.trap(7)",
    "CREATE MATERIALIZED VIEW sums AS SELECT id, count(*) AS n FROM orders GROUP BY id",
    "CREATE INDEX ON sums ((n + public.trap(1)))",
    "INSERT INTO notes SELECT i, 'note' FROM generate_series(1, 50000) i",
    "INSERT INTO marks SELECT i, 'mark' FROM generate_series(1, 1000) i",
];

fn sprung(shop: &Shop) -> Vec<String> {
    shop.log_lines(SPRUNG).into_iter().filter(|line| line.contains("sprung by reader")).collect()
}

async fn staged(shop: &Shop, limit: i64) -> StagingReport {
    let options = StagingOptions { limit_bytes: limit, ..options() };
    copied(shop, ("shop", "reader"), ("staging", "sandbox"), &options).await
}

/// The trap is real: a query for the rows springs it.
#[tokio::test]
async fn a_query_for_rows_evaluates_what_indexes_are_made_of() {
    let shop = Shop::start().await;
    shop.run("app", "shop", CARRYING).await;
    shop.run("reader", "shop", &["SELECT id FROM ONLY public.notes"]).await;
    assert!(!sprung(&shop).is_empty());
}

#[tokio::test]
async fn rows_are_copied_without_running_what_indexes_are_made_of() {
    let shop = Shop::start().await;
    shop.run("app", "shop", CARRYING).await;
    let report = staged(&shop, 1 << 30).await;
    assert_eq!(sprung(&shop), Vec::<String>::new());
    let copied = |name: &str| {
        report.copied.iter().find(|copied| copied.table == TableName::new("public", name))
    };
    assert_eq!(copied("notes").unwrap().rows, 50_000, "{:?}", report.skipped);
    assert_eq!(copied("marks").unwrap().rows, 1000);
    // A sample and a materialized view need a query.
    shop.run(
        "postgres",
        "staging",
        &["DROP SCHEMA public, optischema CASCADE", "CREATE SCHEMA public AUTHORIZATION sandbox"],
    )
    .await;
    let report = staged(&shop, 1 << 20).await;
    assert_eq!(sprung(&shop), Vec::<String>::new());
    let reason = |name: &str| {
        let table = TableName::new("public", name);
        let found = report.skipped.iter().find(|(skipped, _)| *skipped == table);
        found.map(|(_, reason)| reason.clone()).unwrap_or_default()
    };
    assert!(reason("notes").contains("carries an expression that calls public.trap"), "{report:?}");
    assert!(report.copied.iter().any(|copied| copied.table.name == "Items"), "{report:?}");
}

/// A table that the role may not read, or not whole, costs itself; what came after it is copied.
#[tokio::test]
async fn a_table_that_may_not_be_read_is_left_out_of_a_copy() {
    let shop = Shop::start().await;
    let secret =
        ["CREATE TABLE a_secret AS SELECT 1 AS id", "GRANT SELECT ON orders, \"Items\" TO reader"];
    let hidden = [
        "CREATE TABLE b_hidden AS SELECT 1 AS id",
        "GRANT SELECT ON b_hidden TO reader",
        "ALTER TABLE b_hidden ENABLE ROW LEVEL SECURITY",
        "CREATE POLICY few ON b_hidden FOR SELECT TO reader USING (id > 5)",
    ];
    shop.run("app", "shop", &[&secret[..], &hidden[..]].concat()).await;
    shop.end_reading_all().await;
    shop.run("app", "shop", &["REVOKE ALL ON a_secret FROM PUBLIC"]).await;
    let report = staged(&shop, 1 << 30).await;
    let mut skipped: Vec<&str> =
        report.skipped.iter().map(|(table, _)| table.name.as_str()).collect();
    skipped.sort_unstable();
    assert_eq!(skipped, ["a_secret", "b_hidden"], "{report:?}");
    let reasons: String = report.skipped.iter().map(|(_, reason)| reason.as_str()).collect();
    assert!(reasons.contains("GRANT SELECT") && reasons.contains("policy"), "{reasons}");
    assert!(report.copied.iter().any(|copied| copied.table.name == "orders"), "{report:?}");
}

/// The tables of a change are copied, whatever the statement reads.
#[tokio::test]
async fn a_changed_table_is_copied_without_running_its_indexes() {
    let shop = Shop::start().await;
    shop.run("app", "shop", CARRYING).await;
    let small = SettingsArgs { copy_limit_mb: Some(1), ..shop.settings() };
    for (settings, copied) in [(shop.settings(), true), (small, false)] {
        let app = App::start(&settings).await;
        for patch in ["CREATE INDEX i ON public.notes (t)", "ANALYZE public.notes"] {
            let compared = json!({ "statement": "SELECT name FROM public.orders WHERE id = 5", "patch": patch });
            let queued = app.post_json("/api/benchmark", &compared).await;
            assert_eq!(queued.status(), 202, "{patch}: {:?}", queued.text().await);
            let location = queued.headers()["location"].to_str().unwrap().to_owned();
            let job = app.ended(&location).await;
            // Where a sample is needed, nothing is measured.
            let said = format!("{:?}", job.result);
            assert_eq!(said.contains("The rows of public.notes are not copied"), !copied, "{said}");
        }
        app.stop().await;
        assert_eq!(sprung(&shop), Vec::<String>::new());
    }
}

struct Way {
    name: &'static str,
    setup: &'static [&'static str],
    statements: &'static [&'static str],
    /// A word of the sentence that refuses each.
    said: &'static str,
}

const WAYS: &[Way] = &[
    Way {
        name: "a built-in function that queries by the path",
        setup: &[
            "CREATE FUNCTION alike(name, name) RETURNS bool IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN RAISE LOG 'sprung by %', session_user; RETURN true; END $$",
            "CREATE OPERATOR ~ (LEFTARG = name, RIGHTARG = name, FUNCTION = alike)",
        ],
        statements: &[
            "SELECT id FROM orders WHERE name < database_to_xmlschema(true, true, '')::text",
            "SELECT id FROM orders WHERE name < schema_to_xmlschema('public', true, true, '')::text",
            "SELECT id FROM orders WHERE name < table_to_xmlschema('orders', true, true, '')::text",
            "SELECT id FROM orders WHERE name < pg_get_viewdef('pg_class'::regclass)",
        ],
        said: "does more than give a result",
    },
    Way {
        name: "a function of an extension under another name of PostgreSQL's own",
        setup: &[
            "CREATE EXTENSION citext",
            "CREATE OR REPLACE FUNCTION texticlike(citext, text) RETURNS bool IMMUTABLE STRICT LANGUAGE internal AS 'texteq'",
        ],
        statements: &["SELECT id FROM orders WHERE texticlike('x'::citext, 'y'::text)"],
        said: "a function of this database",
    },
    Way {
        name: "a modifier of an extension's type",
        setup: &[
            "CREATE EXTENSION citext",
            "CREATE FUNCTION modifier(cstring[]) RETURNS int IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN RAISE LOG 'sprung by %', session_user; RETURN 1; END $$",
            "ALTER TYPE citext SET (TYPMOD_IN = modifier)",
        ],
        statements: &[
            "SELECT id FROM orders WHERE name < ('x'::citext(5))::text",
            "SELECT id FROM orders WHERE id < to_regtype('public.cite' || 'xt(5)')::oid::bigint",
            "SELECT id FROM orders WHERE id < ('public.cite' || 'xt(5)')::regtype::oid::bigint",
        ],
        said: "reads or writes its modifiers",
    },
];

#[tokio::test]
async fn what_no_statement_names_is_found() {
    for way in WAYS {
        let shop = Shop::start().await;
        shop.run("postgres", "shop", way.setup).await;
        let dsn: Dsn = shop.url("reader", "shop").parse().unwrap();
        let mut session = MainSession::begin(&dsn).await.unwrap();
        for sql in way.statements {
            let planned = session.plan(&parse_one(sql).unwrap()).await;
            let refused = planned.err().map(|error| error.to_string());
            let refused = refused.unwrap_or_else(|| panic!("{}: {sql}: planned", way.name));
            assert!(refused.contains(way.said), "{}: {sql}: {refused}", way.name);
        }
        session.plan(&parse_one("SELECT name FROM orders WHERE id = 1").unwrap()).await.unwrap();
        assert_eq!(sprung(&shop), Vec::<String>::new(), "{}", way.name);
    }
}

/// The information schema's functions in SQL look their operators up when they run, where the server keeps their body
/// as a text: all of them on 13, a few later.
#[tokio::test]
async fn functions_of_the_information_schema_are_judged_by_their_body() {
    let shop = Shop::start().await;
    let setup = [
        "CREATE FUNCTION power_of(int4, int4) RETURNS float8 IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN RAISE LOG 'sprung by %', session_user; RETURN 1; END $$",
        "CREATE OPERATOR ^ (LEFTARG = int4, RIGHTARG = int4, FUNCTION = power_of)",
    ];
    shop.run("postgres", "shop", &setup).await;
    let dsn: Dsn = shop.url("reader", "shop").parse().unwrap();
    let mut session = MainSession::begin(&dsn).await.unwrap();
    let sql =
        "SELECT id FROM orders WHERE id < information_schema._pg_char_octet_length(25::oid, -1)";
    let planned = session.plan(&parse_one(sql).unwrap()).await;
    if shop.version().await < 140_000 {
        let refused = planned.unwrap_err().to_string();
        assert!(refused.contains("looks up names by the search path"), "{refused}");
    } else {
        planned.unwrap();
    }
    assert_eq!(sprung(&shop), Vec::<String>::new());
}

/// A schema of the path that comes to be while a session lasts counts from its next transaction on.
#[tokio::test]
async fn a_schema_that_comes_later_counts() {
    let shop = Shop::start().await;
    let dsn: Dsn = shop.url("reader", "shop").parse().unwrap();
    let mut session = MainSession::begin(&dsn).await.unwrap();
    let statement = parse_one("SELECT name FROM orders WHERE id = 1").unwrap();
    session.plan(&statement).await.unwrap();
    // "$user" stands first in the path.
    shop.run(
        "postgres",
        "shop",
        &[
            "CREATE FUNCTION late() RETURNS int IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN RAISE LOG 'sprung by %', session_user; RETURN 1; END $$",
            "CREATE SCHEMA reader",
            "GRANT USAGE ON SCHEMA reader TO PUBLIC",
            "CREATE VIEW reader.orders AS SELECT * FROM public.orders WHERE id > public.late()",
            "GRANT SELECT ON reader.orders TO reader",
        ],
    )
    .await;
    tokio::time::sleep(Duration::from_secs(6)).await;
    let refused = session.plan(&statement).await.unwrap_err().to_string();
    assert!(refused.contains("late"), "{refused}");
    assert_eq!(sprung(&shop), Vec::<String>::new());
}

/// Operators under common names, on types that no statement names: PostgreSQL finds them for constants without a type,
/// for what a domain is made of, and through implicit casts.
const UNNAMED: &[(&[&str], &str)] = &[
    (
        &[
            "CREATE FUNCTION trap(varchar, d) RETURNS bool IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN RAISE LOG 'sprung by %', session_user; RETURN true; END $$",
            "CREATE OPERATOR = (LEFTARG = varchar, RIGHTARG = d, FUNCTION = trap, RESTRICT = eqsel)",
        ],
        "SELECT id FROM users WHERE email = 'u1'",
    ),
    (
        &[
            "CREATE FUNCTION trap(text[], d) RETURNS bool IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN RAISE LOG 'sprung by %', session_user; RETURN true; END $$",
            "CREATE OPERATOR @> (LEFTARG = text[], RIGHTARG = d, FUNCTION = trap, RESTRICT = contsel)",
        ],
        "SELECT id FROM users WHERE ARRAY['a'] @> '{x1}'",
    ),
    (
        &[
            "CREATE FUNCTION trap(json, d) RETURNS bool IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN RAISE LOG 'sprung by %', session_user; RETURN true; END $$",
            "CREATE OPERATOR = (LEFTARG = json, RIGHTARG = d, FUNCTION = trap)",
        ],
        "SELECT id FROM users WHERE '{\"a\": 1}'::json = 'x'",
    ),
    (
        &[
            "CREATE FUNCTION trap(d, d) RETURNS int IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN RAISE LOG 'sprung by %', session_user; RETURN 1; END $$",
            "CREATE OPERATOR + (LEFTARG = d, RIGHTARG = d, FUNCTION = trap)",
        ],
        "SELECT id FROM users WHERE id = 'a' + 'b'",
    ),
    (
        &[
            "CREATE FUNCTION trap(d) RETURNS int IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN RAISE LOG 'sprung by %', session_user; RETURN 1; END $$",
            "CREATE OPERATOR - (RIGHTARG = d, FUNCTION = trap)",
        ],
        "SELECT id FROM users WHERE id = - 'x'",
    ),
    (
        &[
            "CREATE TYPE cc AS (x float8)",
            "CREATE FUNCTION becomes(point) RETURNS cc IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN RAISE LOG 'sprung by %', session_user; RETURN ROW(1)::cc; END $$",
            "CREATE CAST (point AS cc) WITH FUNCTION becomes(point) AS IMPLICIT",
            "CREATE FUNCTION trap(cc, cc) RETURNS bool IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN RAISE LOG 'sprung by %', session_user; RETURN true; END $$",
            "CREATE OPERATOR = (LEFTARG = cc, RIGHTARG = cc, FUNCTION = trap)",
        ],
        "SELECT id FROM users WHERE point '(1,1)' = point '(2,2)'",
    ),
];

#[tokio::test]
async fn operators_on_types_that_nobody_names_are_found() {
    for (setup, sql) in UNNAMED {
        let shop = Shop::start().await;
        let users = [
            "CREATE DOMAIN d AS text",
            "CREATE TABLE users (id int PRIMARY KEY, email varchar(100))",
            "INSERT INTO users SELECT g, 'u' || g % 5 FROM generate_series(1, 3000) g",
            "ANALYZE users",
        ];
        shop.run("postgres", "shop", &users).await;
        shop.run("postgres", "shop", setup).await;
        let dsn: Dsn = shop.url("reader", "shop").parse().unwrap();
        let mut session = MainSession::begin(&dsn).await.unwrap();
        let refused = session.plan(&parse_one(sql).unwrap()).await.unwrap_err().to_string();
        assert!(refused.contains("can reach the operator"), "{sql}: {refused}");
        assert_eq!(sprung(&shop), Vec::<String>::new(), "{sql}");
        // The trap is real.
        shop.run("reader", "shop", &[&format!("EXPLAIN {sql}")]).await;
        assert!(!sprung(&shop).is_empty(), "{sql}");
    }
    // One on types of its own, to which nothing leads, speaks against nothing.
    let shop = Shop::start().await;
    let own = [
        "CREATE TYPE cc AS (x float8)",
        "CREATE FUNCTION alike(cc, cc) RETURNS bool IMMUTABLE LANGUAGE sql AS 'SELECT true'",
        "CREATE OPERATOR = (LEFTARG = cc, RIGHTARG = cc, FUNCTION = alike)",
    ];
    shop.run("postgres", "shop", &own).await;
    let dsn: Dsn = shop.url("reader", "shop").parse().unwrap();
    let mut session = MainSession::begin(&dsn).await.unwrap();
    for sql in
        ["SELECT name FROM orders WHERE id = 1", "SELECT id FROM orders WHERE name IN ('a', 'b')"]
    {
        session.plan(&parse_one(sql).unwrap()).await.unwrap();
    }
}

/// Expressions that are large even as they are stored are not read, and speak against their table alone.
#[tokio::test]
async fn a_large_expression_is_not_read() {
    let shop = Shop::start().await;
    let long =
        (0..200_000).map(|n| (n * 7919 % 1_000_003).to_string()).collect::<Vec<_>>().join(", ");
    let check = format!("ALTER TABLE large ADD CONSTRAINT c CHECK (id NOT IN ({long}))");
    shop.run("app", "shop", &["CREATE TABLE large (id int)", &check]).await;
    let dsn: Dsn = shop.url("reader", "shop").parse().unwrap();
    let mut session = MainSession::begin(&dsn).await.unwrap();
    session.plan(&parse_one("SELECT name FROM orders WHERE id = 1").unwrap()).await.unwrap();
    let of_table = parse_one("SELECT id FROM large WHERE id = 1").unwrap();
    let refused = session.plan(&of_table).await.unwrap_err().to_string();
    assert!(refused.contains("too large"), "{refused}");
    let pid = session.backend_pid();
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let peak = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    let peak: u64 = peak.split_whitespace().nth(1).unwrap().parse().unwrap();
    assert!(peak < 200 * 1024, "{peak} kB");
}
