//! Statements made to do harm, tried on a real main with a superuser's rights. Each must be refused before
//! PostgreSQL sees it, and main must be the same afterwards.

use optischema::model::{PlannedAs, TrackedStatement};
use optischema_server::analysis::analyze_once;
use optischema_server::config::{Settings, SettingsArgs};
use optischema_server::postgres::{MainSession, PlanFailure};
use optischema_server::sql::parse_one;
use optischema_server::workload::AdviseLimits;

use crate::fixture::Shop;

/// Leaves a file in the server's folder, and claims to be immutable. A read-only transaction does not
/// keep it from that, so the file shows whether planning ran it. Bodies name their schema: since PostgreSQL
/// 17, CREATE INDEX and ANALYZE run functions under a path without it.
const TRAPS: &[&str] = &[
    "CREATE EXTENSION dblink",
    "CREATE EXTENSION pg_trgm",
    "CREATE SEQUENCE numbers",
    "CREATE FUNCTION spring() RETURNS void VOLATILE LANGUAGE plpgsql AS $$ BEGIN
        EXECUTE 'COPY (SELECT 1) TO PROGRAM ''cat > /dev/null; touch witness'''; END $$",
    "CREATE FUNCTION evil(int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN
        PERFORM public.spring(); RETURN $1; END $$",
    "CREATE FUNCTION definer(int) RETURNS int IMMUTABLE SECURITY DEFINER LANGUAGE sql AS 'SELECT public.evil($1)'",
    "CREATE FUNCTION inlined(int) RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT public.evil(1) + $1'",
    "CREATE FUNCTION evil_eq(int, int) RETURNS bool IMMUTABLE LANGUAGE sql AS 'SELECT public.evil($1) = $2'",
    "CREATE OPERATOR === (LEFTARG = int, RIGHTARG = int, FUNCTION = evil_eq)",
    "CREATE TYPE wrapped AS (x int)",
    "CREATE FUNCTION unwrap(wrapped) RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT public.evil(1)'",
    "CREATE CAST (wrapped AS int) WITH FUNCTION unwrap(wrapped)",
    "CREATE FUNCTION total(orders) RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT public.evil(1)'",
    "CREATE VIEW trapped AS SELECT * FROM orders WHERE id = evil(1)",
    "CREATE VIEW trapped_twice AS SELECT count(*) FROM trapped",
    "CREATE VIEW counting AS SELECT nextval('numbers') AS n, name FROM orders",
    "CREATE VIEW operating AS SELECT * FROM orders WHERE id::int === 7",
    "CREATE VIEW plain AS SELECT name FROM orders",
    "CREATE TABLE checked (a int CHECK (evil(1) = a))",
    "CREATE TABLE indexed (a int)",
    "CREATE INDEX ON indexed (inlined(a))",
    "CREATE TABLE walled (a int)",
    "ALTER TABLE walled ENABLE ROW LEVEL SECURITY",
    "CREATE POLICY p ON walled USING (a = evil(1))",
    "CREATE TABLE parted (a int) PARTITION BY RANGE (a)",
    "CREATE TABLE parted_1 PARTITION OF parted FOR VALUES FROM (0) TO (10)",
    "ALTER TABLE parted_1 ADD CHECK (evil(1) > 0)",
    "CREATE FUNCTION \"json_scalar\"(int) RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT public.evil($1)'",
    "CREATE FUNCTION of_record(record) RETURNS int IMMUTABLE LANGUAGE plpgsql AS 'BEGIN PERFORM public.spring(); RETURN 1; END'",
    "CREATE TABLE misleading (of_record int)",
    "CREATE FUNCTION difference(int, int) RETURNS float8 IMMUTABLE LANGUAGE plpgsql AS 'BEGIN PERFORM public.spring(); RETURN $1 - $2; END'",
    "CREATE TYPE span AS RANGE (SUBTYPE = int, SUBTYPE_DIFF = difference)",
    "CREATE TABLE spans (s span)",
    "CREATE DOMAIN checked_int AS int CHECK (evil(VALUE) > 0)",
    "CREATE TYPE holder AS (x checked_int)",
    "CREATE OPERATOR ### (LEFTARG = int, RIGHTARG = int, FUNCTION = evil_eq)",
    "CREATE TABLE carrying (a int)",
    "CREATE INDEX ON carrying ((a + (1 ### 2)::int))",
    "CREATE TABLE parent_check (a int)",
    "CREATE TABLE child_check (CHECK (1 ### 1)) INHERITS (parent_check)",
    "CREATE TYPE mood AS ENUM ('a', 'b')",
    "CREATE FUNCTION mood_eq(mood, mood) RETURNS bool IMMUTABLE LANGUAGE plpgsql AS 'BEGIN PERFORM public.spring(); RETURN true; END'",
    "CREATE OPERATOR = (LEFTARG = mood, RIGHTARG = mood, FUNCTION = mood_eq)",
    "CREATE DOMAIN moody AS mood",
    "CREATE TABLE moods (m moody, list mood[])",
    "CREATE FUNCTION to_wrapped(text) RETURNS wrapped IMMUTABLE LANGUAGE plpgsql AS 'BEGIN PERFORM public.spring(); RETURN NULL; END'",
    "CREATE CAST (text AS wrapped) WITH FUNCTION to_wrapped(text)",
    "CREATE OPERATOR @@@ (LEFTARG = int, RIGHTARG = int, FUNCTION = int4eq, NEGATOR = ###)",
    "CREATE TABLE domained (d checked_int)",
    "CREATE FUNCTION orders_eq(orders, orders) RETURNS bool IMMUTABLE LANGUAGE plpgsql AS 'BEGIN PERFORM public.spring(); RETURN true; END'",
    "CREATE OPERATOR ==== (LEFTARG = orders, RIGHTARG = orders, FUNCTION = orders_eq)",
    // They would be taken for PostgreSQL's own, were names looked for in this database.
    "CREATE FUNCTION array_remove(int8[], int8) RETURNS int8[] IMMUTABLE LANGUAGE plpgsql AS 'BEGIN PERFORM public.spring(); RETURN $1; END'",
    "CREATE FUNCTION quote_ident(name) RETURNS text IMMUTABLE LANGUAGE plpgsql AS 'BEGIN PERFORM public.spring(); RETURN $1; END'",
    "CREATE FUNCTION unnest(oid[]) RETURNS SETOF oid IMMUTABLE LANGUAGE plpgsql AS 'BEGIN PERFORM public.spring(); RETURN; END'",
    // The planner negates, and then commutes.
    "CREATE FUNCTION evil_cmp(int, int) RETURNS bool IMMUTABLE LANGUAGE plpgsql AS 'BEGIN PERFORM public.spring(); RETURN true; END'",
    "CREATE OPERATOR <<~ (LEFTARG = int, RIGHTARG = int, FUNCTION = evil_cmp, COMMUTATOR = ~>>, RESTRICT = scalarlesel)",
    "CREATE OPERATOR ~>> (LEFTARG = int, RIGHTARG = int, FUNCTION = int4ge, COMMUTATOR = <<~, RESTRICT = scalargesel)",
    "CREATE OPERATOR <<! (LEFTARG = int, RIGHTARG = int, FUNCTION = int4lt, NEGATOR = ~>>, RESTRICT = scalarltsel)",
    // Members of a known extension that are the database's own all the same.
    "CREATE OPERATOR #=# (LEFTARG = int, RIGHTARG = int, FUNCTION = evil_eq)",
    "ALTER EXTENSION pg_trgm ADD OPERATOR #=# (int, int)",
    "CREATE TYPE adopted AS (x int)",
    "CREATE FUNCTION from_adopted(adopted) RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT public.evil(1)'",
    "CREATE CAST (adopted AS int) WITH FUNCTION from_adopted(adopted)",
    "ALTER EXTENSION pg_trgm ADD CAST (adopted AS int)",
    // Named as PostgreSQL names its own.
    "CREATE VIEW pg_evil AS SELECT id, name FROM orders WHERE id = evil(1)",
    "CREATE TABLE pg_tab (a int, b int)",
    "CREATE INDEX ON pg_tab ((a + evil(0)))",
    "CREATE TABLE abs (evil int, z int)",
    "CREATE VIEW rows AS SELECT 1 AS a, 2 AS b",
    "CREATE DOMAIN row_domain AS rows",
    "CREATE FUNCTION of_domain(row_domain) RETURNS int IMMUTABLE LANGUAGE plpgsql AS 'BEGIN PERFORM public.spring(); RETURN 1; END'",
    "CREATE FUNCTION of_many(VARIADIC rows[]) RETURNS int IMMUTABLE LANGUAGE plpgsql AS 'BEGIN PERFORM public.spring(); RETURN 1; END'",
    "CREATE TABLE hidden (a int)",
    "ALTER TABLE hidden ENABLE ROW LEVEL SECURITY",
    // A type by its number leaves no trace in pg_depend.
    "DO $$ BEGIN EXECUTE format('CREATE POLICY p ON hidden USING (a = pg_column_size(array_in(''{12}''::cstring, %s, -1)))',
        'checked_int'::regtype::oid); END $$",
    "CREATE VIEW onto_hidden AS SELECT a FROM hidden",
    "CREATE DOMAIN xml_domain AS int CHECK (query_to_xml('select public.evil(1)', true, true, '') IS NOT NULL)",
    "CREATE DOMAIN lock_domain AS int CHECK (pg_advisory_lock(4242)::text IS NOT NULL)",
    "CREATE TABLE ranged (a int, b int) PARTITION BY RANGE (inlined(a))",
    "CREATE TABLE ranged_1 PARTITION OF ranged FOR VALUES FROM (0) TO (1000)",
    // An aggregate that the driver's own look at types would take.
    "CREATE TYPE colour AS ENUM ('red', 'blue')",
    "CREATE TABLE coloured (id int, c colour)",
    "CREATE FUNCTION collect(name[], name) RETURNS name[] IMMUTABLE LANGUAGE plpgsql AS 'BEGIN PERFORM public.spring(); RETURN $1; END'",
    "CREATE AGGREGATE array_agg(name) (SFUNC = collect, STYPE = name[])",
    "CREATE FUNCTION pg_table_size(oid) RETURNS int8 IMMUTABLE LANGUAGE plpgsql AS 'BEGIN PERFORM public.spring(); RETURN 1; END'",
    "CREATE FUNCTION pg_relation_size(oid) RETURNS int8 IMMUTABLE LANGUAGE plpgsql AS 'BEGIN PERFORM public.spring(); RETURN 1; END'",
    "CREATE FOREIGN DATA WRAPPER nothing",
    "CREATE SERVER elsewhere FOREIGN DATA WRAPPER nothing",
    "CREATE FOREIGN TABLE far (a int) SERVER elsewhere",
];

/// What is tried, and a word of the sentence that refuses it.
const ATTACKS: &[(&str, &str)] = &[
    ("COMMIT; DROP TABLE orders", "exactly one"),
    ("SELECT 1; DROP TABLE orders", "exactly one"),
    ("SELECT 1 /* ; */ ; DROP TABLE orders --", "exactly one"),
    ("SELECT $a$ ; $a$; DROP TABLE orders", "exactly one"),
    ("SELECT 'a\0'; DROP TABLE orders", "cannot be parsed"),
    ("DROP TABLE orders", "not a SELECT"),
    ("DROP/**/TABLE orders", "not a SELECT"),
    ("SELECT * FROM pg_read_file('/etc/passwd')", "pg_read_file"),
    ("SELECT pg_catalog.pg_ls_dir('.')", "pg_ls_dir"),
    ("SELECT pg_read_binary_file('PG_VERSION')", "pg_read_binary_file"),
    ("SELECT U&\"pg_read\\005ffile\"('/etc/passwd')", "pg_read_file"),
    ("SELECT ('/etc/passwd'::text).pg_read_file", "pg_read_file"),
    ("WITH gone AS (DELETE FROM orders RETURNING *) SELECT * FROM gone", "modifies"),
    (
        "WITH a AS (INSERT INTO orders (name) VALUES ('x') RETURNING 1), b AS (SELECT 1) SELECT * FROM b",
        "modifies",
    ),
    (
        "SELECT * FROM (WITH u AS (UPDATE orders SET name = 'x' RETURNING 1) SELECT * FROM u) s",
        "modifies",
    ),
    ("MERGE INTO orders o USING orders s ON o.id = s.id WHEN MATCHED THEN DELETE", "modifies"),
    ("EXPLAIN ANALYZE DELETE FROM orders", "not a SELECT"),
    ("EXPLAIN (ANALYZE) SELECT evil(1)", "not a SELECT"),
    (") SELECT 1", "cannot be parsed"),
    ("(ANALYZE) DELETE FROM orders", "cannot be parsed"),
    ("ANALYZE orders", "not a SELECT"),
    ("DO $$ BEGIN DELETE FROM orders; END $$", "not a SELECT"),
    ("DO 'BEGIN DELETE FROM orders; END'", "not a SELECT"),
    ("COPY orders TO PROGRAM 'touch witness'", "not a SELECT"),
    ("COPY orders FROM PROGRAM 'touch witness'", "not a SELECT"),
    ("SELECT * FROM dblink('dbname=shop', 'DELETE FROM orders') AS t(a int)", "dblink"),
    ("SELECT dblink_exec('dbname=shop', 'DELETE FROM orders')", "dblink_exec"),
    ("SELECT lo_export(lo_from_bytea(0, 'x'), 'witness')", "lo_"),
    ("SELECT lo_create(77)", "lo_create"),
    ("SELECT set_config('transaction_read_only', 'off', false)", "set_config"),
    ("SET TRANSACTION READ WRITE", "not a SELECT"),
    ("SELECT pg_terminate_backend(pid) FROM pg_stat_activity", "pg_terminate_backend"),
    ("SELECT * FROM orders WHERE NOT (3 <<! id::int)", "<<!"),
    ("SELECT * FROM orders WHERE id = 5 AND 7 #=# 7", "#=#"),
    ("SELECT * FROM orders WHERE id = CAST(ROW(1)::adopted AS int)", "adopted"),
    // It would end the process: the deparser stops at it.
    ("SELECT * FROM orders WHERE id::numeric(abs(3), 2) = 5", "modifiers"),
    ("SELECT * FROM pg_evil WHERE id = 5", "evil"),
    ("SELECT b FROM pg_tab WHERE a = 5", "pg_tab"),
    (
        "SELECT 1 FROM orders o, abs(5) WHERE o.id = abs.evil AND EXISTS (SELECT 1 FROM public.abs)",
        "evil",
    ),
    ("SELECT o.id FROM orders o, rows WHERE o.id = rows.of_domain", "of_domain"),
    ("SELECT o.id FROM orders o, rows WHERE o.id = rows.of_many", "of_many"),
    ("SELECT o.id FROM orders o, (SELECT 1 AS a, 2 AS b) s WHERE o.id = s.of_domain", "of_domain"),
    ("SELECT id, (('{5}')._checked_int) FROM orders WHERE id = 3", "checked_int"),
    ("SELECT id FROM orders WHERE pg_catalog.int4(('{5}')._checked_int[1]) = 5", "checked_int"),
    (
        "SELECT id FROM orders WHERE id = pg_column_size(domain_in('5'::cstring, 'checked_int'::regtype::oid, -1))",
        "domain_in",
    ),
    (
        "SELECT id FROM orders WHERE id = pg_column_size(array_in('{5}'::cstring, 'checked_int'::regtype::oid, -1))",
        "array_in",
    ),
    (
        "SELECT id FROM orders WHERE name = pg_get_partition_constraintdef('ranged_1'::regclass)",
        "constraintdef",
    ),
    (
        "SELECT id FROM orders WHERE satisfies_hash_partition('ranged'::regclass, 1, 0, 5)",
        "satisfies_hash",
    ),
    ("SELECT a FROM onto_hidden WHERE a = 3", "hidden"),
    ("SELECT id FROM orders WHERE id = ANY ('{5}'::xml_domain[])", "xml_domain"),
    ("SELECT id FROM orders WHERE id = '5'::lock_domain", "lock_domain"),
    ("SELECT b FROM ranged_1 WHERE a = 5", "ranged_1"),
    ("SELECT pg_cancel_backend(1)", "pg_cancel_backend"),
    ("SELECT pg_reload_conf()", "pg_reload_conf"),
    ("SELECT pg_notify('a', 'b')", "pg_notify"),
    ("SELECT pg_advisory_lock(1)", "pg_advisory_lock"),
    ("SELECT pg_sleep(100)", "pg_sleep"),
    ("SELECT query_to_xml('DELETE FROM orders', true, true, '')", "query_to_xml"),
    ("SELECT 1 FROM orders WHERE name = database_to_xml(true, true, '')::text", "database_to_xml"),
    ("SELECT 1 FROM orders WHERE id = txid_current()", "txid_current"),
    ("SELECT nextval('numbers')", "nextval"),
    ("SELECT setval('numbers', 99)", "setval"),
    ("SELECT n FROM counting", "in the view counting"),
    ("SELECT * FROM trapped", "in the view trapped"),
    ("SELECT * FROM public.trapped_twice", "in the view trapped"),
    ("SELECT * FROM operating", "in the view operating"),
    ("SELECT evil(1)", "evil"),
    ("SELECT public.evil(1)", "evil"),
    ("SELECT \"evil\" /* a */ (1)", "evil"),
    ("SELECT 1 FROM orders WHERE id = evil(1)", "evil"),
    ("SELECT 1 FROM orders ORDER BY evil(1)", "evil"),
    ("SELECT 1 FROM orders LIMIT evil(1)", "evil"),
    ("SELECT 1 FROM orders TABLESAMPLE SYSTEM (evil(1))", "evil"),
    ("SELECT sum(1) FILTER (WHERE evil(1) = 1) OVER (PARTITION BY evil(2)) FROM orders", "evil"),
    ("SELECT 1 FROM orders JOIN LATERAL evil(1) e ON true", "evil"),
    ("VALUES (evil(1))", "evil"),
    ("SELECT (1).evil", "evil"),
    ("SELECT definer(1)", "definer"),
    ("SELECT inlined(id::int) FROM orders", "inlined"),
    ("SELECT 1 FROM orders WHERE 7 === 7", "can reach the operator"),
    ("SELECT 1 FROM orders WHERE 7 OPERATOR(public.===) 7", "can reach the operator"),
    ("SELECT 1 FROM orders WHERE 7 === ANY (ARRAY[1, 2])", "can reach the operator"),
    ("SELECT 1 FROM orders WHERE id = CAST(ROW(1)::wrapped AS int)", "can reach"),
    ("SELECT int4(ROW(1)::wrapped)", "can reach"),
    ("SELECT o.total FROM orders o", "total"),
    (
        "SELECT * FROM (SELECT a FROM checked UNION ALL SELECT a FROM checked) s WHERE a = 1",
        "carries an expression",
    ),
    ("SELECT * FROM indexed WHERE a = 1", "carries an expression"),
    ("SELECT * FROM parted", "carries an expression"),
    ("SELECT * FROM far", "foreign table"),
    ("SELECT 1 FROM orders WHERE id = json_scalar(3)", "json_scalar"),
    ("SELECT 1 FROM orders, abs(5) g WHERE id = g.evil", "evil"),
    (
        "SELECT 1 FROM orders o, misleading m, (SELECT 1 AS z) s WHERE o.id = s.of_record",
        "of_record",
    ),
    ("SELECT * FROM spans WHERE s && '[5,50)'::span", "range with a function"),
    ("SELECT 1 FROM orders WHERE 5 = ANY ('{5}'::checked_int[])", "is checked by"),
    ("SELECT ('(7)'::holder).x", "is checked by"),
    ("SELECT a FROM carrying WHERE a = 4", "carries an expression"),
    ("SELECT a FROM parent_check WHERE a = 1", "carries an expression"),
    ("SELECT * FROM moods WHERE m = 'a'", "can reach the operator"),
    ("SELECT * FROM moods WHERE list = '{a}'", "can reach the operator"),
    ("SELECT 1 FROM orders WHERE name = (ARRAY['a'::text]::wrapped[])::text", "can reach"),
    ("SELECT 1 FROM orders WHERE NOT (id::int @@@ 3)", "can reach the operator"),
    (
        "WITH misleading AS (SELECT 1 AS id) SELECT o.id FROM orders o, misleading AS q WHERE o.id = q.of_record",
        "of_record",
    ),
    ("SELECT o.id FROM orders o, misleading AS q(x) WHERE o.id = q.of_record", "of_record"),
    ("SELECT ('(5)'::domained).d", "is checked by"),
    ("SELECT * FROM jsonb_populate_record(NULL::domained, '{}')", "is checked by"),
    ("SELECT 1 FROM orders t WHERE t ==== t", "can reach the operator"),
    ("SELECT * INTO copy FROM orders", "SELECT INTO"),
    ("CREATE TABLE copy AS SELECT * FROM orders", "not a SELECT"),
    ("SELECT * FROM orders FOR UPDATE", "locks rows"),
    ("SELECT * FROM (SELECT * FROM orders FOR SHARE) s", "locks rows"),
    ("PREPARE p AS DELETE FROM orders", "not a SELECT"),
    ("EXECUTE p", "not a SELECT"),
    ("DECLARE c CURSOR WITH HOLD FOR SELECT evil(1)", "not a SELECT"),
    ("LOCK TABLE orders", "not a SELECT"),
    ("CALL evil(1)", "not a SELECT"),
    ("LOAD '/tmp/x.so'", "not a SELECT"),
    ("REFRESH MATERIALIZED VIEW x", "not a SELECT"),
    ("ALTER SYSTEM SET work_mem = '1MB'", "not a SELECT"),
];

/// What looks like an attack and is none.
const HARMLESS: &[&str] = &[
    "SELECT $$; DROP TABLE orders; $$ FROM orders",
    "SELECT '; DROP TABLE orders' AS \"; COMMIT;\" FROM orders -- ; COMMIT",
    "SELECT name FROM plain WHERE name ILIKE '%x%' AND similarity(name, 'order') > 0.3",
    "SELECT lower(name), now(), random(), 1 + 2, id::int FROM orders WHERE name = ANY (ARRAY['a'])",
    "SELECT /* evil(1) */ 'evil(1)' FROM orders",
    // A CHECK leaves no lone table out, and policies are not for a superuser.
    "SELECT * FROM checked WHERE a = 1",
    "SELECT a FROM hidden WHERE a = 3",
    "SELECT a FROM walled WHERE a = 3",
];

async fn state(shop: &Shop) -> String {
    let extra = "SELECT concat((SELECT last_value FROM numbers), ' ', (SELECT is_called FROM numbers), ' ',
            (SELECT count(*) FROM pg_largeobject_metadata), ' ',
            (SELECT count(*) FROM pg_ls_dir('.') f WHERE f = 'witness'), ' ',
            (SELECT count(*) FROM pg_prepared_statements), ' ', (SELECT setting FROM pg_settings WHERE name = 'work_mem'))";
    format!("{}\n{}", shop.fingerprint("shop").await, shop.text("shop", extra).await)
}

async fn trapped() -> Shop {
    let shop = Shop::start().await;
    // Setting one of them up springs it; what it left is removed.
    shop.run("postgres", "shop", TRAPS).await;
    shop.run("postgres", "shop", &["COPY (SELECT 1) TO PROGRAM 'cat > /dev/null; rm -f witness'"])
        .await;
    shop
}

#[tokio::test]
async fn every_attack_is_refused_and_main_is_as_it_was() {
    let shop = trapped().await;
    let before = state(&shop).await;
    let dsn = shop.url("postgres", "shop").parse().unwrap();
    let mut session = MainSession::begin(&dsn).await.unwrap();
    for (attack, word) in ATTACKS {
        let refusal = match parse_one(attack) {
            Err(error) => error.to_string(),
            Ok(statement) => {
                match session.parameter_types(&statement).await {
                    Err(PlanFailure::Sql(_)) => {}
                    other => panic!("{attack}: {other:?}"),
                }
                match session.plan(&statement).await {
                    // Not PostgreSQL's refusal, which comes too late: ours.
                    Err(PlanFailure::Sql(error)) => error.to_string(),
                    other => panic!("{attack}: {other:?}"),
                }
            }
        };
        assert!(refusal.contains(word), "{attack}: {refusal}");
    }
    for harmless in HARMLESS {
        let statement = parse_one(harmless).unwrap();
        session.plan(&statement).await.unwrap_or_else(|error| panic!("{harmless}: {error}"));
    }
    session.end().await.unwrap();
    assert_eq!(state(&shop).await, before);
}

/// PostgreSQL compares values of built-in types wherever it likes: with a comparison of the database's own,
/// nothing is planned at all.
#[tokio::test]
async fn a_comparison_of_its_own_for_a_built_in_type_keeps_everything_from_being_planned() {
    let shop = trapped().await;
    shop.run(
        "postgres",
        "shop",
        &[
            "CREATE FUNCTION compare(int, int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS 'BEGIN PERFORM public.spring(); RETURN $1 - $2; END'",
            "CREATE OPERATOR CLASS evil_ops FOR TYPE int USING btree AS OPERATOR 1 <, OPERATOR 2 <=, OPERATOR 3 =, OPERATOR 4 >=, OPERATOR 5 >, FUNCTION 1 compare(int, int)",
            "CREATE TABLE keyed (x int) PARTITION BY RANGE (x evil_ops)",
            "CREATE TABLE keyed_1 PARTITION OF keyed FOR VALUES FROM (0) TO (100)",
        ],
    )
    .await;
    shop.run("postgres", "shop", &["COPY (SELECT 1) TO PROGRAM 'cat > /dev/null; rm -f witness'"])
        .await;
    let before = state(&shop).await;
    let dsn = shop.url("postgres", "shop").parse().unwrap();
    let mut session = MainSession::begin(&dsn).await.unwrap();
    for sql in ["SELECT x FROM keyed WHERE x = 5", "SELECT name FROM orders"] {
        let refused = session.plan(&parse_one(sql).unwrap()).await.unwrap_err().to_string();
        assert!(refused.contains("evil_ops"), "{sql}: {refused}");
    }
    assert_eq!(state(&shop).await, before);
}

/// A role that cannot write is no shield either: a policy may read a view that calls a function of its owner.
#[tokio::test]
async fn policies_are_followed_for_an_ordinary_role_and_a_function_can_be_vouched_for() {
    let shop = trapped().await;
    shop.run(
        "postgres",
        "shop",
        &[
            "CREATE FUNCTION owned() RETURNS int IMMUTABLE SECURITY DEFINER LANGUAGE plpgsql AS 'BEGIN PERFORM public.spring(); RETURN 1; END'",
            "CREATE VIEW through AS SELECT owned() AS x",
            "CREATE TABLE guarded (a int)",
            "ALTER TABLE guarded ENABLE ROW LEVEL SECURITY",
            "CREATE POLICY p ON guarded USING (a IN (SELECT x FROM through))",
            "CREATE FUNCTION tenant() RETURNS int STABLE LANGUAGE plpgsql AS 'BEGIN RETURN 1; END'",
            "CREATE FUNCTION shown(text) RETURNS text IMMUTABLE LANGUAGE plpgsql AS 'BEGIN RETURN $1; END'",
            "CREATE TABLE ours (a int)",
            "ALTER TABLE ours ENABLE ROW LEVEL SECURITY",
            "CREATE POLICY p ON ours USING (a = tenant())",
        ],
    )
    .await;
    let before = state(&shop).await;
    let dsn: optischema_server::postgres::Dsn = shop.url("reader", "shop").parse().unwrap();
    let mut session = MainSession::begin(&dsn).await.unwrap();
    let (guarded, ours) =
        (parse_one("SELECT a FROM guarded").unwrap(), parse_one("SELECT a FROM ours").unwrap());
    let refused = session.plan(&guarded).await.unwrap_err().to_string();
    assert!(refused.contains("owned") && refused.contains("in the view through"), "{refused}");
    let refused = session.plan(&ours).await.unwrap_err().to_string();
    assert!(refused.contains("OPTISCHEMA_TRUSTED_FUNCTIONS"), "{refused}");
    let mut session =
        MainSession::begin(&dsn.trusting(&["public.tenant".to_owned(), "public.shown".to_owned()]))
            .await
            .unwrap();
    session.plan(&ours).await.unwrap();
    // What it gives for constants is taken to be no longer than they are.
    let constant = "SELECT name FROM orders WHERE name = shown('x')";
    session.plan(&parse_one(constant).unwrap()).await.unwrap();
    session.plan(&guarded).await.unwrap_err();
    assert_eq!(state(&shop).await, before);
}

#[tokio::test]
async fn a_workload_of_attacks_is_listed_with_reasons_and_changes_nothing() {
    let shop = trapped().await;
    let before = state(&shop).await;
    let settings = Settings::resolve(&SettingsArgs {
        main_url: Some(shop.url("postgres", "shop").parse().unwrap()),
        allow_privileged_main: Some(true),
        ..shop.settings()
    })
    .unwrap();
    for (attack, _) in ATTACKS {
        match analyze_once(&settings, Some(&mut attack.as_bytes()), &AdviseLimits::default()).await
        {
            Ok((collection, _)) => {
                // Of what would write, the query inside may be planned, through the same gates.
                let planned = |s: &TrackedStatement| {
                    s.planned_as() == PlannedAs::Itself && s.sql != "SELECT 1"
                };
                assert!(!collection.statements.iter().any(planned), "{attack}");
            }
            // A text that no parser reads is refused as a whole.
            Err(error) => assert!(error.to_string().contains("workload"), "{attack}: {error}"),
        }
    }
    assert_eq!(state(&shop).await, before);
}

/// Shows that the traps above are real: what the guard keeps away does run when PostgreSQL only plans.
#[tokio::test]
async fn without_the_guard_planning_would_run_them() {
    use sqlx::AssertSqlSafe;
    let shop = trapped().await;
    let before = state(&shop).await;
    for statement in [
        "SELECT 1 FROM orders WHERE id = evil(1)",
        "SELECT inlined(id::int) FROM orders",
        "SELECT * FROM trapped_twice",
        "SELECT 1 FROM orders WHERE 7 === 7",
        "SELECT (1).evil",
        "SELECT 1 FROM orders WHERE id = CAST(ROW(1)::wrapped AS int)",
        "SELECT * FROM indexed WHERE a = 1",
    ] {
        let mut connection = shop.connect("postgres", "shop").await;
        for step in ["BEGIN READ ONLY", "SELECT 1", &format!("EXPLAIN {statement}"), "ROLLBACK"] {
            sqlx::query(AssertSqlSafe(step.to_owned()))
                .persistent(false)
                .execute(&mut connection)
                .await
                .unwrap_or_else(|error| panic!("{statement}: {error}"));
        }
        assert_ne!(state(&shop).await, before, "{statement}");
        shop.run(
            "postgres",
            "shop",
            &["COPY (SELECT 1) TO PROGRAM 'cat > /dev/null; rm -f witness'"],
        )
        .await;
    }
}

/// The driver asks for the names of types that it does not know: not with the database's own functions.
#[tokio::test]
async fn types_of_parameters_are_read_with_postgresqls_own_functions() {
    let shop = trapped().await;
    let before = state(&shop).await;
    let dsn: optischema_server::postgres::Dsn = shop.url("reader", "shop").parse().unwrap();
    let mut session = MainSession::begin(&dsn).await.unwrap();
    let statement = parse_one("SELECT * FROM coloured WHERE c = $1 AND id = $2").unwrap();
    assert_eq!(session.parameter_types(&statement).await.unwrap(), ["public.colour", "int4"]);
    assert_eq!(state(&shop).await, before);
}

/// The structure of main is read with main's own search path.
#[tokio::test]
async fn reading_the_structure_of_main_runs_nothing_of_its_own() {
    let shop = trapped().await;
    let before = state(&shop).await;
    let dsn: optischema_server::postgres::Dsn = shop.url("postgres", "shop").parse().unwrap();
    let mut session = MainSession::begin(&dsn).await.unwrap();
    session.read_rows_whole().await.unwrap();
    let table = optischema::model::TableName::new("public", "orders");
    let structure =
        optischema_server::sandbox::read_structure(session.connection().await.unwrap(), &table)
            .await
            .unwrap();
    assert!(structure.bytes > 0);
    assert_eq!(state(&shop).await, before);
}

#[tokio::test]
async fn a_database_whose_catalog_was_tampered_with_is_not_read_at_all() {
    for (tampering, said) in [
        ("CREATE CAST (regclass AS text) WITH FUNCTION named(regclass)", "a cast between two built-in"),
        (
            "CREATE OPERATOR pg_catalog.= (LEFTARG = oid, RIGHTARG = regclass, FUNCTION = equal)",
            "an operator of its own in pg_catalog",
        ),
        (
            "CREATE OPERATOR !^@ (LEFTARG = text, RIGHTARG = text, FUNCTION = not_starts, NEGATOR = ^@)",
            "tied to a built-in one",
        ),
        ("CREATE FUNCTION pg_catalog.added() RETURNS int LANGUAGE sql AS 'SELECT 1'", "in pg_catalog"),
        (
            "CREATE OR REPLACE VIEW information_schema.information_schema_catalog_name AS
             SELECT current_database()::information_schema.sql_identifier AS catalog_name WHERE named(1) = ''",
            "made anew",
        ),
    ] {
        let shop = Shop::start().await;
        let setup = [
            "SET allow_system_table_mods = on",
            "CREATE FUNCTION named(regclass) RETURNS text IMMUTABLE LANGUAGE sql AS 'SELECT ''''::text'",
            "CREATE FUNCTION named(int) RETURNS text IMMUTABLE LANGUAGE sql AS 'SELECT ''''::text'",
            "CREATE FUNCTION equal(oid, regclass) RETURNS bool IMMUTABLE LANGUAGE sql AS 'SELECT true'",
            "CREATE FUNCTION not_starts(text, text) RETURNS bool IMMUTABLE LANGUAGE sql AS 'SELECT true'",
            tampering,
        ];
        shop.run("postgres", "shop", &setup).await;
        let dsn: optischema_server::postgres::Dsn = shop.url("reader", "shop").parse().unwrap();
        let refused = MainSession::begin(&dsn).await.unwrap_err().to_string();
        assert!(refused.contains(said), "{tampering}: {refused}");
    }
}
