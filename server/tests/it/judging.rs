//! What is of this database and still does not speak against planning a statement: planning that statement cannot run it,
//! or it is nothing but PostgreSQL's own. Each trap is shown to spring where it is in reach.

use optischema::advisor::{CostError, IndexCandidate, IndexKey, KeyTarget};
use optischema::model::TableName;
use optischema_server::analysis::analyze_once;
use optischema_server::config::Settings;
use optischema_server::postgres::{Dsn, HypoOracle, MainSession, has_hypopg};
use optischema_server::sql::parse_one;
use optischema_server::workload::AdviseLimits;

use crate::fixture::Shop;

const SPRUNG: &str = "sprung by reader";

/// A trap that stays immutable in name, and a role that policies do not concern.
const TRAP: &[&str] = &[
    "CREATE FUNCTION trap(int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN RAISE LOG 'sprung by %', session_user; RETURN $1; END $$",
    "ALTER ROLE reader BYPASSRLS",
];

async fn session(shop: &Shop) -> MainSession {
    let dsn: Dsn = shop.url("reader", "shop").parse().unwrap();
    MainSession::begin(&dsn).await.unwrap()
}

/// Plans each; says whether any sprang a trap.
async fn all_planned(shop: &Shop, statements: &[&str]) {
    let mut session = session(shop).await;
    for sql in statements {
        let planned = session.plan(&parse_one(sql).unwrap()).await;
        planned.unwrap_or_else(|error| panic!("{sql}: {error}"));
    }
    assert_eq!(shop.log_lines(SPRUNG), Vec::<String>::new());
}

async fn all_refused(shop: &Shop, statements: &[&str], word: &str) {
    let mut session = session(shop).await;
    for sql in statements {
        let refused = session.plan(&parse_one(sql).unwrap()).await;
        let refused = refused.err().unwrap_or_else(|| panic!("{sql} was planned")).to_string();
        assert!(refused.contains(word), "{sql}: {refused}");
    }
    assert_eq!(shop.log_lines(SPRUNG), Vec::<String>::new());
}

/// Explains by hand what was refused: the trap springs.
async fn springs(shop: &Shop, sql: &str) {
    shop.run("reader", "shop", &[&format!("EXPLAIN {sql}")]).await;
    assert!(!shop.log_lines(SPRUNG).is_empty(), "{sql}: no trap sprang");
}

#[tokio::test]
async fn a_check_matters_where_tables_are_left_out_by_it() {
    let shop = Shop::start().await;
    let tables = [
        "CREATE TABLE checked (a int CHECK (trap(1) = 1))",
        "CREATE TABLE parent (a int)",
        "CREATE TABLE child (CHECK (trap(2) = 2)) INHERITS (parent)",
        "CREATE VIEW both_sides AS SELECT a FROM checked UNION ALL SELECT a FROM checked",
    ];
    shop.run("postgres", "shop", &[TRAP, &tables].concat()).await;
    all_planned(
        &shop,
        &[
            "SELECT a FROM checked WHERE a = 3",
            "SELECT c.a FROM checked c JOIN orders o ON o.id = c.a WHERE c.a > 3",
        ],
    )
    .await;
    let parts = [
        "SELECT a FROM checked WHERE a = 3 UNION ALL SELECT a FROM checked WHERE a = 4",
        "SELECT a FROM parent WHERE a = 3",
        "SELECT a FROM child WHERE a = 3",
        "SELECT a FROM both_sides WHERE a = 3",
    ];
    all_refused(&shop, &parts, "carries an expression").await;
    springs(&shop, parts[3]).await;
    let always = "ALTER DATABASE shop SET constraint_exclusion = on";
    shop.run("postgres", "shop", &[always]).await;
    let mut session = session(&shop).await;
    let plain = parse_one("SELECT a FROM checked WHERE a = 3").unwrap();
    session.plan(&plain).await.unwrap_err();
}

#[tokio::test]
async fn policies_are_for_those_whom_they_concern() {
    let shop = Shop::start().await;
    let tables = [
        "CREATE TABLE walled (a int)",
        "ALTER TABLE walled ENABLE ROW LEVEL SECURITY",
        "CREATE POLICY p ON walled USING (a = trap(1))",
        "CREATE VIEW through AS SELECT a FROM walled",
        "GRANT SELECT ON walled TO app",
        "ALTER VIEW through OWNER TO app",
    ];
    shop.run("postgres", "shop", &[TRAP, &tables].concat()).await;
    all_planned(&shop, &["SELECT a FROM walled WHERE a = 3"]).await;
    all_refused(&shop, &["SELECT a FROM through WHERE a = 3"], "carries an expression").await;
    springs(&shop, "SELECT a FROM through WHERE a = 3").await;
    shop.run("postgres", "shop", &["ALTER ROLE reader NOBYPASSRLS"]).await;
    let mut session = session(&shop).await;
    session.plan(&parse_one("SELECT a FROM walled").unwrap()).await.unwrap_err();
}

#[tokio::test]
async fn an_expression_over_columns_is_not_computed() {
    let shop = Shop::start().await;
    let tables = [
        "CREATE TABLE over_columns (a int, b int)",
        "CREATE INDEX ON over_columns (trap(a))",
        "CREATE INDEX ON over_columns (b) WHERE trap(a) > 3",
        "CREATE TABLE over_constants (a int)",
        "CREATE INDEX ON over_constants ((a + trap(1)))",
        "CREATE TABLE over_both (a int)",
        "CREATE INDEX ON over_both (trap(trap(1) + a))",
        "CREATE TABLE stored (a int, b int GENERATED ALWAYS AS (trap(a)) STORED)",
        "INSERT INTO over_columns SELECT i, i FROM generate_series(1, 1000) i",
        "ANALYZE over_columns",
    ];
    shop.run("postgres", "shop", &[TRAP, &tables].concat()).await;
    all_planned(
        &shop,
        &[
            "SELECT a FROM over_columns WHERE b = 3",
            "SELECT a FROM over_columns WHERE a > 3 ORDER BY b LIMIT 5",
            "SELECT a FROM stored WHERE b = 3",
        ],
    )
    .await;
    all_refused(&shop, &["SELECT a FROM over_columns WHERE trap(a) = 3"], "it calls").await;
    let computed =
        ["SELECT a FROM over_constants WHERE a = 3", "SELECT a FROM over_both WHERE a = 3"];
    all_refused(&shop, &computed, "carries an expression").await;
    springs(&shop, computed[0]).await;
}

/// An own type counts where a statement comes to a value of it.
#[tokio::test]
async fn a_column_that_no_statement_names_is_not_looked_at() {
    let shop = Shop::start().await;
    let tables = [
        "CREATE DOMAIN trapped AS int CHECK (trap(VALUE) > 0)",
        "CREATE TABLE wide (a int, b trapped)",
        "CREATE TABLE parted (a int, b trapped) PARTITION BY RANGE (a)",
        "CREATE TABLE parted_1 PARTITION OF parted FOR VALUES FROM (0) TO (10)",
    ];
    shop.run("postgres", "shop", &[TRAP, &tables].concat()).await;
    all_planned(&shop, &["SELECT a FROM wide WHERE a = 3", "SELECT count(*) FROM wide"]).await;
    let reached = [
        "SELECT a FROM wide WHERE b = 3",
        "SELECT * FROM wide",
        "SELECT w FROM wide w",
        "SELECT a FROM wide JOIN (SELECT 3 AS b) o USING (b)",
        "SELECT a FROM wide NATURAL JOIN (SELECT 3 AS b) o",
        "SELECT x FROM wide AS w (y, x)",
        "SELECT a FROM parted WHERE a = 3",
    ];
    all_refused(&shop, &reached, "trapped").await;
    all_refused(&shop, &["SELECT a FROM wide WHERE a = '3'::trapped"], "trapped").await;
    springs(&shop, "SELECT a FROM wide WHERE 3 = ANY ('{3}'::trapped[])").await;
}

/// What a database calls its own is often one call of PostgreSQL's.
#[tokio::test]
async fn a_function_that_is_an_expression_of_postgresqls_own_is_planned_with() {
    let shop = Shop::start().await;
    let functions = [
        "CREATE FUNCTION plain(text) RETURNS text IMMUTABLE STRICT LANGUAGE sql AS $$ SELECT lower(btrim($1)) $$",
        "CREATE FUNCTION named(given text) RETURNS text STABLE LANGUAGE sql SET search_path = public AS 'SELECT upper(given);'",
        "CREATE FUNCTION tenant() RETURNS int STABLE LANGUAGE sql AS $$ SELECT nullif(current_setting('app.tenant', true), '')::int $$",
        "CREATE TABLE people (id int, name text, tenant int)",
        "CREATE INDEX ON people (plain(name))",
        // What a body may not hold.
        "CREATE FUNCTION calls_trap(int) RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT public.trap(1) + $1'",
        "CREATE FUNCTION calls_own(text) RETURNS text IMMUTABLE LANGUAGE sql AS 'SELECT public.plain($1)'",
        "CREATE FUNCTION reads() RETURNS bigint STABLE LANGUAGE sql AS 'SELECT count(*) FROM public.orders'",
        "CREATE FUNCTION moves() RETURNS bigint VOLATILE LANGUAGE sql AS 'SELECT 1::bigint'",
        "CREATE FUNCTION grows(text) RETURNS text IMMUTABLE LANGUAGE sql AS 'SELECT repeat($1, 100000000)'",
        "CREATE FUNCTION two(int) RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT 1; SELECT $1'",
        "CREATE FUNCTION definer(int) RETURNS int IMMUTABLE SECURITY DEFINER LANGUAGE sql AS 'SELECT $1'",
        "CREATE FUNCTION twofold(text) RETURNS text IMMUTABLE LANGUAGE sql AS 'SELECT lower($1)'",
        "CREATE FUNCTION twofold(int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN RETURN $1; END $$",
        // An operator of its own that a body could mean.
        "CREATE FUNCTION joined(text, text) RETURNS text IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN RAISE LOG 'sprung by %', session_user; RETURN $1; END $$",
        "CREATE SCHEMA aside",
        "CREATE OPERATOR aside.## (LEFTARG = text, RIGHTARG = text, FUNCTION = public.joined)",
        "CREATE FUNCTION by_path(text) RETURNS text IMMUTABLE LANGUAGE sql SET search_path = aside AS $$ SELECT $1 ## 'x' $$",
    ];
    shop.run("postgres", "shop", &[TRAP, &functions].concat()).await;
    all_planned(
        &shop,
        &[
            "SELECT id FROM people WHERE plain(name) = plain('Ann')",
            "SELECT id FROM people WHERE name = named('Ann')",
            "SELECT id FROM people WHERE tenant = tenant()",
            "SELECT id FROM people WHERE id = 3",
        ],
    )
    .await;
    if shop.version().await >= 140_000 {
        let functions = [
            "CREATE FUNCTION atomic(text) RETURNS text IMMUTABLE LANGUAGE sql RETURN lower($1)",
            "CREATE FUNCTION atomic_trap(int) RETURNS int IMMUTABLE LANGUAGE sql RETURN public.trap(1) + $1",
            "CREATE FUNCTION atomic_query() RETURNS bigint STABLE LANGUAGE sql BEGIN ATOMIC SELECT count(*) FROM orders; END",
        ];
        shop.run("postgres", "shop", &functions).await;
        all_planned(&shop, &["SELECT id FROM people WHERE name = atomic('Ann')"]).await;
        for (call, word) in [("atomic_trap(id)", "atomic_trap"), ("atomic_query()", "atomic_query")]
        {
            all_refused(&shop, &[&format!("SELECT {call} FROM people")], word).await;
        }
    }
    for (call, word) in [
        ("calls_trap(id)", "calls_trap"),
        ("calls_own(name)", "calls_own"),
        ("reads()", "reads"),
        ("moves()", "moves"),
        ("grows(name)", "grows"),
        ("two(id)", "two"),
        ("definer(id)", "definer"),
        ("twofold(name)", "twofold"),
        ("by_path(name)", "by_path"),
    ] {
        all_refused(&shop, &[&format!("SELECT {call} FROM people")], word).await;
    }
    let many = vec!["plain(name)"; 201].join(", ");
    all_refused(&shop, &[&format!("SELECT {many} FROM people")], "puts in place").await;
    springs(&shop, "SELECT calls_trap(id) FROM people").await;
}

/// citext brings functions in SQL under the names of PostgreSQL's own. From 18 on their bodies are kept as trees, which are
/// not proven to be harmless yet: there these names stay refused.
#[tokio::test]
async fn functions_of_citext_do_not_speak_against_those_of_text() {
    let shop = Shop::start().await;
    shop.run("postgres", "shop", &["CREATE EXTENSION citext", TRAP[1]]).await;
    all_planned(
        &shop,
        &[
            "SELECT id FROM orders WHERE replace(name, 'order', 'o') = 'o 5'",
            "SELECT id FROM orders WHERE regexp_replace(name, '[0-9]+', '') = 'order '",
            "SELECT id FROM orders WHERE split_part(name, ' ', 2) = '5'",
            "SELECT id FROM orders WHERE strpos(name, '7') > 0",
            "SELECT id FROM orders WHERE (regexp_match(name, '[0-9]+'))[1] = '7'",
        ],
    )
    .await;
}

/// A join may give the columns of its tables other names, and a type of the database's own is reached by them.
#[tokio::test]
async fn columns_that_a_join_gives_other_names_are_in_reach() {
    let shop = Shop::start().await;
    let tables = [
        "CREATE TYPE mood AS ENUM ('a', 'b', 'c')",
        "CREATE FUNCTION same(mood, mood) RETURNS bool IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN RAISE LOG 'sprung by %', session_user; RETURN true; END $$",
        "CREATE OPERATOR public.= (FUNCTION = same, LEFTARG = mood, RIGHTARG = mood, RESTRICT = eqsel, JOIN = eqjoinsel)",
        "CREATE TABLE w (id int PRIMARY KEY, x mood, n int)",
        "CREATE TABLE w2 (id2 int PRIMARY KEY, x mood, n2 int)",
        "INSERT INTO w SELECT g, (ARRAY['a', 'b', 'c'])[1 + g % 3]::mood, g FROM generate_series(1, 3000) g",
        "INSERT INTO w2 SELECT g, (ARRAY['a', 'b', 'c'])[1 + g % 3]::mood, g FROM generate_series(1, 3000) g",
        "ANALYZE w",
        "ANALYZE w2",
    ];
    shop.run("postgres", "shop", &[TRAP, &tables].concat()).await;
    let renamed =
        "SELECT q.a1 FROM (w JOIN w2 ON w.n = w2.n2) AS q (a1, b1, c1, a2, b2, c2) WHERE b1 = b2";
    let crossed =
        "SELECT q.a1 FROM (w CROSS JOIN w2) AS q (a1, b1, c1, a2, b2, c2) WHERE b1 IN (b2)";
    all_refused(&shop, &[renamed, crossed], "operator").await;
    springs(&shop, renamed).await;
}

/// What a policy reads may be the arms of a UNION ALL: the planner holds the checks of each against it.
#[tokio::test]
async fn checks_of_what_a_policy_unites_are_in_reach() {
    let shop = Shop::start().await;
    let tables = [
        "CREATE TABLE one (id int CHECK (trap(1) = 1), k int)",
        "CREATE TABLE two (id int, k int)",
        "CREATE TABLE walled (id int PRIMARY KEY, k int)",
        "ALTER TABLE walled ENABLE ROW LEVEL SECURITY",
        "CREATE POLICY p ON walled USING (EXISTS (SELECT 1 FROM (SELECT id, k FROM one UNION ALL SELECT id, k FROM two) z WHERE z.id = 5 AND z.k < 10))",
        "CREATE ROLE middle",
        "GRANT SELECT ON walled, one, two TO middle",
        "CREATE VIEW through AS SELECT id, k FROM walled",
        "ALTER VIEW through OWNER TO middle",
    ];
    shop.run("postgres", "shop", &[TRAP, &tables].concat()).await;
    let sql = "SELECT id FROM through WHERE k = 5";
    all_refused(&shop, &[sql], "carries an expression").await;
    springs(&shop, sql).await;
}

/// What PostgreSQL writes of a view, a body or an index leaves out the operator behind CASE and NULLIF, and a cast that it
/// makes by itself: only the tree has them.
#[tokio::test]
async fn what_the_text_of_a_view_or_body_does_not_show_is_in_its_tree() {
    let shop = Shop::start().await;
    let sprung = |result: &str| {
        format!(
            "IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN RAISE LOG 'sprung by %', session_user; RETURN {result}; END $$"
        )
    };
    let own = [
        "CREATE SCHEMA hidden".to_owned(),
        "CREATE TYPE e AS ENUM ('x', 'y')".to_owned(),
        format!("CREATE FUNCTION hidden.same(int, text) RETURNS bool {}", sprung("true")),
        "CREATE OPERATOR hidden.= (LEFTARG = int, RIGHTARG = text, FUNCTION = hidden.same)".to_owned(),
        format!("CREATE FUNCTION cast_e(e) RETURNS text {}", sprung("'q'")),
        "CREATE CAST (e AS text) WITH FUNCTION cast_e(e) AS IMPLICIT".to_owned(),
        format!("CREATE FUNCTION plus(e, e) RETURNS int {}", sprung("7")),
        "CREATE OPERATOR public.+ (LEFTARG = e, RIGHTARG = e, FUNCTION = plus)".to_owned(),
        "CREATE FUNCTION sum_of(a e, b e) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT a + b'".to_owned(),
        "CREATE VIEW by_case AS SELECT id FROM orders WHERE id = CASE 1 WHEN 'x'::text THEN 7 ELSE 8 END".to_owned(),
        "CREATE VIEW by_nullif AS SELECT id FROM orders WHERE id = NULLIF(1, 'x'::text)".to_owned(),
        "CREATE VIEW by_distinct AS SELECT id FROM orders WHERE 1 IS DISTINCT FROM 'x'::text".to_owned(),
        "CREATE VIEW by_cast AS SELECT id FROM orders WHERE name = upper('x'::e)".to_owned(),
        "CREATE TABLE indexed AS SELECT id, name FROM orders".to_owned(),
        "CREATE INDEX ON indexed ((name || upper('x'::e)))".to_owned(),
    ];
    let mut statements = vec![TRAP[1], "SET search_path = public, hidden"];
    statements.extend(own.iter().map(String::as_str));
    if shop.version().await >= 140_000 {
        statements.extend([
            "CREATE FUNCTION case_of(a int, b text) RETURNS int LANGUAGE sql IMMUTABLE RETURN CASE a WHEN b THEN 1 ELSE 0 END",
            "CREATE FUNCTION upper_of(a e) RETURNS text LANGUAGE sql IMMUTABLE RETURN upper(a)",
        ]);
    }
    statements.push("DROP CAST (e AS text)");
    // Building the index runs its expression; that is no doing of ours.
    shop.run("postgres", "shop", &statements).await;
    let before = shop.log_lines(SPRUNG).len();
    let is_late = shop.version().await >= 140_000;
    let mut refused = vec![
        "SELECT id FROM by_case",
        "SELECT id FROM by_nullif",
        "SELECT id FROM by_distinct",
        "SELECT id FROM by_cast",
        "SELECT id FROM indexed WHERE id = 7",
        "SELECT id FROM orders WHERE id = sum_of('x', 'y')",
    ];
    if is_late {
        refused.push("SELECT id FROM orders WHERE id = case_of(1, 'y')");
        refused.push("SELECT id FROM orders WHERE name = upper_of('y')");
    }
    let mut session = session(&shop).await;
    for sql in &refused {
        assert!(session.plan(&parse_one(sql).unwrap()).await.is_err(), "{sql}");
    }
    assert_eq!(shop.log_lines(SPRUNG).len(), before);
    // PostgreSQL 13 computes no NULLIF while it plans.
    refused.retain(|sql| is_late || !sql.contains("nullif"));
    for sql in refused {
        let before = shop.log_lines(SPRUNG).len();
        shop.run("reader", "shop", &[&format!("EXPLAIN {sql}")]).await;
        assert!(shop.log_lines(SPRUNG).len() > before, "{sql}: no trap sprang");
    }
}

/// A body that names an argument more than once multiplies what stands there, level by level; and an own function under a
/// built-in one's name is not what that is.
#[tokio::test]
async fn bodies_that_multiply_are_put_in_place_a_few_times_only() {
    let shop = Shop::start().await;
    let own = [
        "CREATE FUNCTION eight(a bool) RETURNS bool LANGUAGE sql IMMUTABLE AS 'SELECT COALESCE(a, a, a, a, a, a, a, a)'",
        "CREATE FUNCTION \"left\"(a text) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT $1 || $1'",
        "CREATE FUNCTION filled(a text) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT a::char(10000000)'",
        "CREATE FUNCTION large() RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT repeat('x', 1000000) $$",
    ];
    shop.run("postgres", "shop", &[&[TRAP[1]], &own[..]].concat()).await;
    all_planned(&shop, &["SELECT id FROM orders WHERE eight(eight(id > 7))"]).await;
    all_refused(
        &shop,
        &["SELECT id FROM orders WHERE eight(eight(eight(eight(id > 7))))"],
        "among more than 3 calls",
    )
    .await;
    let refused = [
        "SELECT id FROM orders WHERE name = \"left\"('x')",
        "SELECT id FROM orders WHERE name = filled('x')",
        "SELECT id FROM orders WHERE name = large()",
    ];
    all_refused(&shop, &refused, "it calls public.").await;
}

/// A function that is also a cast or an operator is called where the text of an expression does not show it.
#[tokio::test]
async fn a_function_that_is_called_without_its_name_is_not_only_over_columns() {
    let shop = Shop::start().await;
    let tables = [
        "CREATE TYPE color AS ENUM ('a', 'b')",
        "CREATE FUNCTION as_color(int) RETURNS color IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN RAISE LOG 'sprung by %', session_user; RETURN 'a'; END $$",
        "CREATE CAST (int AS color) WITH FUNCTION as_color(int)",
        "CREATE TABLE painted (id int, a int)",
        "INSERT INTO painted SELECT g, g % 50 FROM generate_series(1, 2000) g",
        "CREATE INDEX ON painted (coalesce(as_color(a), 1::color))",
        "ANALYZE painted",
    ];
    shop.run("postgres", "shop", &tables).await;
    all_refused(&shop, &["SELECT a FROM painted WHERE id = 5"], "color").await;
    springs(&shop, "SELECT a FROM painted WHERE id = 5").await;
}

/// What an operator gives is in reach like what a function gives, vouched for or not.
#[tokio::test]
async fn casts_of_what_an_operator_gives_are_in_reach() {
    let shop = Shop::start().await;
    let tables = [
        "CREATE TYPE color AS ENUM ('a', 'b')",
        "CREATE FUNCTION mixed(int) RETURNS color LANGUAGE sql IMMUTABLE AS $$ SELECT 'a'::color $$",
        "CREATE OPERATOR ### (RIGHTARG = int, FUNCTION = mixed)",
        "CREATE FUNCTION as_text(color) RETURNS text IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN RAISE LOG 'sprung by %', session_user; RETURN 'a'; END $$",
        "CREATE CAST (color AS text) WITH FUNCTION as_text(color) AS IMPLICIT",
        "CREATE TABLE painted (id int, b text)",
        "INSERT INTO painted SELECT g, 'b' || g FROM generate_series(1, 2000) g",
        "ANALYZE painted",
    ];
    shop.run("postgres", "shop", &tables).await;
    let dsn: Dsn = shop.url("reader", "shop").parse().unwrap();
    let mut session =
        MainSession::begin(&dsn.trusting(&["public.mixed".to_owned()])).await.unwrap();
    let reading = "SELECT id FROM painted WHERE b = lower(### 1)";
    let refused = session.plan(&parse_one(reading).unwrap()).await.unwrap_err().to_string();
    assert!(refused.contains("cast from"), "{refused}");
    assert_eq!(shop.log_lines(SPRUNG), Vec::<String>::new());
    springs(&shop, reading).await;
}

/// HypoPG works out what it can of an index's expression: what it is handed is judged like a statement.
#[tokio::test]
async fn hypothetical_indexes_are_judged_like_statements() {
    let shop = Shop::start().await;
    let tables = [
        "CREATE SCHEMA far",
        "CREATE FUNCTION far.jsonb(text) RETURNS jsonb IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN RAISE LOG 'sprung by %', session_user; RETURN $1::pg_catalog.jsonb; END $$",
        "GRANT USAGE ON SCHEMA far TO reader",
        "CREATE TABLE words (id int, s text)",
        "INSERT INTO words SELECT g, 's' || g FROM generate_series(1, 20000) g",
        "ANALYZE words",
    ];
    shop.run("postgres", "shop", &tables).await;
    let mut session = session(&shop).await;
    if !has_hypopg(&mut session).await.unwrap() {
        return;
    }
    let on = |expression: &str| IndexCandidate {
        table: TableName::new("public", "words"),
        keys: vec![IndexKey {
            target: KeyTarget::Expression(expression.to_owned()),
            descending: false,
            nulls_first: None,
            operator_class: None,
        }],
        ..IndexCandidate::default()
    };
    let statements = [vec!["SELECT id FROM words WHERE lower(s || 'x') = 'x'".to_owned()]];
    let mut oracle = HypoOracle::new(&mut session, &statements);
    let sprung = on("lower(s || (far.jsonb('{\"a\": 1}') ->> 'a'))");
    let refused = oracle.plan(0, &[&sprung]).await.unwrap_err();
    assert!(
        matches!(&refused, CostError::Candidate { reason, .. } if reason.contains("far.jsonb")),
        "{refused:?}"
    );
    oracle.plan(0, &[&on("lower(s || 'x')")]).await.unwrap();
    assert_eq!(shop.log_lines(SPRUNG), Vec::<String>::new());
    // Nor does the advisor take a cast in the form of a call for a function that no path leads to.
    let workload = "SELECT id FROM words WHERE lower(s || (jsonb('{\"a\": 1}') ->> 'a')) = 'x'";
    let settings = Settings::resolve(&shop.settings()).unwrap();
    let limits = AdviseLimits::default();
    let (collection, advice) =
        analyze_once(&settings, Some(&mut workload.as_bytes()), &limits).await.unwrap();
    assert!(collection.statements[0].plannable.is_ok(), "{collection:?}");
    assert!(!format!("{:?}", advice.proposals).contains("far."), "{advice:?}");
    assert_eq!(shop.log_lines(SPRUNG), Vec::<String>::new());
}
