//! A copy has what its original has.

use optischema::model::TableName;
use optischema_server::postgres::{MainSession, connect_writable};
use optischema_server::sandbox::{
    CopyRows, RowChoices, RowSource, ScratchKind, ScratchSchema, Upkeep, create_scratch,
    create_tables, finish_tables, install_extensions, read_family,
};
use sqlx::{AssertSqlSafe, Row};

use optischema::model::BenchmarkSource;

use crate::bench::{Options, clean, run, uuid};
use crate::fixture::Shop;

/// Something of every kind that a table can have.
const ODD: &[&str] = &[
    "CREATE EXTENSION pg_trgm",
    "CREATE EXTENSION citext",
    "CREATE SCHEMA app",
    "GRANT USAGE ON SCHEMA app TO reader",
    "CREATE TYPE app.mood AS ENUM ('good', 'it''s \"bad\"')",
    "CREATE TYPE app.place AS (x numeric(8, 2), label text, mood app.mood)",
    "CREATE DOMAIN app.cents AS numeric(12, 2) DEFAULT 0 CHECK (VALUE >= 0)",
    "CREATE DOMAIN app.moods AS app.mood[]",
    "CREATE TYPE app.span AS RANGE (subtype = date)",
    "CREATE COLLATION app.ignoring (provider = icu, locale = 'und-u-ks-level2', deterministic = false)",
    "CREATE TABLE app.parent (id bigint GENERATED ALWAYS AS IDENTITY (START 5) PRIMARY KEY,
        code varchar(20) COLLATE \"C\" NOT NULL UNIQUE, name text COLLATE app.ignoring,
        mail citext, mood app.mood NOT NULL DEFAULT 'good'::app.mood, moods app.moods, place app.place,
        cents app.cents, during app.span, tags text[] NOT NULL DEFAULT '{}', doc jsonb,
        vat numeric GENERATED ALWAYS AS (cents * 0.2) STORED, bits bit varying(9), fixed char(4),
        CONSTRAINT short CHECK (length(code) < 15), CONSTRAINT mooded CHECK (mood <> 'good'::app.mood OR name IS NOT NULL))
        WITH (fillfactor = 70, parallel_workers = 2)",
    "ALTER TABLE app.parent ALTER COLUMN name SET STATISTICS 321, ALTER COLUMN doc SET STORAGE EXTERNAL,
        ALTER COLUMN code SET (n_distinct = -0.5)",
    "CREATE INDEX parent_expression ON app.parent (lower(code) DESC NULLS LAST, mood) INCLUDE (cents) WHERE mood = 'good'::app.mood",
    "CREATE INDEX parent_trgm ON app.parent USING gin (code gin_trgm_ops)",
    "CREATE INDEX parent_brin ON app.parent USING brin (id) WITH (pages_per_range = 16)",
    "CREATE INDEX parent_hash ON app.parent USING hash (mood)",
    "CREATE UNIQUE INDEX parent_mail ON app.parent (mail)",
    "CREATE STATISTICS app.parent_stats (ndistinct, dependencies) ON mood, code FROM app.parent",
    "CREATE TABLE app.events (id bigint, at date NOT NULL, parent_id bigint REFERENCES app.parent, kind int)
        PARTITION BY RANGE (at)",
    "CREATE TABLE app.events_old PARTITION OF app.events FOR VALUES FROM ('2020-01-01') TO ('2025-01-01')",
    "CREATE TABLE app.events_new PARTITION OF app.events FOR VALUES FROM ('2025-01-01') TO ('2030-01-01')
        PARTITION BY LIST (kind)",
    "CREATE TABLE app.events_new_1 PARTITION OF app.events_new FOR VALUES IN (1, 2)",
    "CREATE TABLE app.events_rest PARTITION OF app.events_new DEFAULT",
    "CREATE INDEX events_parent ON app.events (parent_id)",
    "CREATE INDEX events_only_old ON app.events_old (kind)",
    "CREATE TABLE app.animal (id int PRIMARY KEY, name text)",
    "CREATE TABLE app.dog (barks boolean) INHERITS (app.animal)",
    "CREATE MATERIALIZED VIEW app.summary AS SELECT mood, count(*) AS n FROM app.parent GROUP BY 1",
    "CREATE UNIQUE INDEX summary_mood ON app.summary (mood)",
    "CREATE VIEW app.happy AS SELECT p.id, p.code, e.at FROM app.parent p JOIN app.events e ON e.parent_id = p.id
        WHERE p.mood = 'good'::app.mood",
    "CREATE VIEW app.happier AS SELECT count(*) AS n FROM app.happy",
    "INSERT INTO app.parent (code, name, mail, mood, moods, place, cents, during, doc, bits, fixed)
        SELECT 'c' || i, CASE WHEN i % 3 > 0 THEN 'n' || i END, 'M' || i || '@x', (ARRAY['good', 'it''s \"bad\"'])[1 + (i % 3 = 0)::int]::app.mood,
               ARRAY['good']::app.moods, ROW(i, 'p', 'good')::app.place, i, app.span('2025-01-01', '2025-02-01'),
               jsonb_build_object('i', i), '101', 'ab' FROM generate_series(1, 500) i",
    "INSERT INTO app.events SELECT i, date '2023-01-01' + i, 5 + i % 500, i % 5 FROM generate_series(0, 1500) i",
    "INSERT INTO app.animal VALUES (1, 'cat')",
    "INSERT INTO app.dog VALUES (2, 'rex', true)",
    "REFRESH MATERIALIZED VIEW app.summary",
    "ANALYZE",
];

/// Everything about a schema that a copy must have, without the schema's name.
const DESCRIBED: &str = "
    SELECT string_agg(replace(replace(line, $1 || '.', ''), quote_ident($1) || '.', ''), E'\\n' ORDER BY line COLLATE \"C\") FROM (
        SELECT format('table %s %s %s %s', c.relname, CASE c.relkind WHEN 'm' THEN 'r' ELSE c.relkind END,
                      (SELECT array_agg(o ORDER BY o) FROM unnest(c.reloptions) o WHERE o NOT LIKE 'autovacuum%'),
                      pg_get_expr(c.relpartbound, c.oid) || coalesce(pg_get_partkeydef(c.oid), '')) AS line, c.relnamespace AS n
        FROM pg_class c WHERE c.relkind IN ('r', 'm', 'p', 'v')
        UNION ALL SELECT format('column %s.%s %s %s %s %s %s %s %s %s %s', c.relname, a.attname, format_type(a.atttypid, a.atttypmod),
               a.attnotnull, pg_get_expr(d.adbin, d.adrelid), a.attidentity, a.attgenerated, a.attstattarget,
               ARRAY(SELECT o FROM unnest(a.attoptions) o WHERE o NOT LIKE 'pg\\_%'), a.attstorage,
               (SELECT collname FROM pg_collation l WHERE l.oid = a.attcollation)), c.relnamespace
        FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid AND c.relkind IN ('r', 'm', 'p', 'v')
        LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum WHERE a.attnum > 0
        UNION ALL SELECT format('constraint %s %s', conname, pg_get_constraintdef(oid)), connamespace FROM pg_constraint WHERE contype <> 'f'
        UNION ALL SELECT format('key %s %s', conname, replace(pg_get_constraintdef(oid), ' NOT VALID', '')), connamespace
        FROM pg_constraint WHERE contype = 'f'
        UNION ALL SELECT format('index %s', pg_get_indexdef(indexrelid)), c.relnamespace FROM pg_index JOIN pg_class c ON c.oid = indexrelid
        UNION ALL SELECT format('statistics %s', pg_get_statisticsobjdef(oid)), stxnamespace FROM pg_statistic_ext
        UNION ALL SELECT format('type %s %s %s %s', typname, typtype, typnotnull, (SELECT array_agg(enumlabel ORDER BY enumsortorder) FROM pg_enum WHERE enumtypid = t.oid)), typnamespace
        FROM pg_type t WHERE typtype IN ('e', 'd', 'r') OR (typtype = 'c' AND EXISTS (SELECT FROM pg_class WHERE oid = typrelid AND relkind = 'c'))
        UNION ALL SELECT format('collation %s %s', collname, collisdeterministic), collnamespace FROM pg_collation
        UNION ALL SELECT format('view %s %s', relname, regexp_replace(pg_get_viewdef(c.oid), '\\s+', ' ', 'g')), relnamespace
        FROM pg_class c WHERE relkind = 'v'
        UNION ALL SELECT format('inherits %s %s', inhrelid::regclass, inhparent::regclass), c.relnamespace
        FROM pg_inherits JOIN pg_class c ON c.oid = inhrelid AND c.relkind IN ('r', 'p')
    ) s WHERE n = to_regnamespace(quote_ident($1))";

async fn described(shop: &Shop, database: &str, schema: &str) -> String {
    let mut connection = shop.connect("postgres", database).await;
    let path = format!("SET search_path = \"{schema}\", public");
    sqlx::query(AssertSqlSafe(path)).execute(&mut connection).await.unwrap();
    let row = sqlx::query(DESCRIBED).bind(schema).fetch_one(&mut connection).await.unwrap();
    row.get::<Option<String>, _>(0).unwrap_or_default()
}

#[tokio::test]
async fn a_copy_has_everything_that_its_original_has() {
    let shop = Shop::start().await;
    shop.run("postgres", "shop", ODD).await;
    shop.run("postgres", "shop", &["GRANT SELECT ON ALL TABLES IN SCHEMA app TO reader"]).await;
    let mut main = MainSession::begin(&shop.url("reader", "shop").parse().unwrap()).await.unwrap();
    main.read_rows_whole().await.unwrap();
    let sandbox = shop.url("sandbox", "staging").parse().unwrap();
    let mut sandbox = connect_writable(&sandbox, 60).await.unwrap();
    // A partition that is named alone has for its own what it has from its parent.
    let alone = [TableName::new("app", "events_old")];
    let alone = read_family(main.connection().await.unwrap(), &alone).await.unwrap();
    let own = format!("{:?}", alone.tables[0]);
    assert!(own.contains("events_old_parent_id_idx") && own.contains("REFERENCES"), "{own}");
    let names =
        ["parent", "events", "animal", "summary", "happier"].map(|n| TableName::new("app", n));
    let family = read_family(main.connection().await.unwrap(), &names).await.unwrap();

    let scratch = ScratchSchema::new(ScratchKind::Benchmark, uuid());
    let schema = scratch.name.clone();
    let here = |_: &str| schema.clone();
    let connection = &mut sandbox.connection;
    create_scratch(connection, &scratch).await.unwrap();
    install_extensions(connection, &family, &schema).await.unwrap();
    for statement in [format!("SET search_path = {schema}"), "BEGIN".to_owned()] {
        sqlx::query(AssertSqlSafe(statement)).execute(&mut *connection).await.unwrap();
    }
    let resolve = |schema: &str, name: &str| {
        let table = TableName::new(if schema.is_empty() { "app" } else { schema }, name);
        family.get(&table).map(|known| known.table.clone())
    };
    create_tables(connection, &family, &here, Upkeep::Still, &resolve).await.unwrap();
    sqlx::query("COMMIT").execute(&mut *connection).await.unwrap();
    let choices = RowChoices::default();
    for (top, _) in family.tops() {
        for structure in family.with_rows(&top.table) {
            let source = RowSource::of(structure);
            let rows = CopyRows {
                source: &source,
                top: &top.table,
                schema: &schema,
                choices: &choices,
                is_frozen: true,
            };
            rows.run(&mut main, connection, &mut |_| {}).await.unwrap();
        }
    }
    let created = finish_tables(connection, &family, &here).await.unwrap();
    assert_eq!(created.missing, []);

    let (original, copy) =
        (described(&shop, "shop", "app").await, described(&shop, "staging", &schema).await);
    let only = |a: &str, b: &str| {
        a.lines()
            .filter(|line| !b.lines().any(|other| other == *line))
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    let (missing, added) = (only(&original, &copy), only(&copy, &original));
    assert!(original.lines().count() > 60, "{original}");
    assert!(missing.is_empty() && added.is_empty(), "missing: {missing:#?}\nadded: {added:#?}");
    for table in
        ["parent", "events", "animal", "dog", "summary", "happy", "happier", "events_new_1"]
    {
        let count = |schema: &str| {
            format!("SELECT (count(*), sum(hashtext(t::text)))::text FROM {schema}.{table} t")
        };
        let original = shop.text("shop", &count("app")).await;
        assert_eq!(shop.text("staging", &count(&schema)).await, original, "{table}");
    }
}

#[tokio::test]
async fn views_partitions_and_children_are_measured_in_the_copy() {
    let shop = Shop::start().await;
    shop.run("postgres", "shop", ODD).await;
    shop.run("postgres", "shop", &["GRANT SELECT ON ALL TABLES IN SCHEMA app TO reader"]).await;
    let options = Options { seconds: 2, ..Options::of(&shop) };
    for (statement, patch, rows) in [
        ("SELECT n FROM app.happier", "CREATE INDEX e ON app.events (at, parent_id)", 1),
        (
            "SELECT code, at FROM app.happy WHERE at > date '2026-06-01'",
            "CREATE INDEX e ON app.events (at) INCLUDE (parent_id)",
            0,
        ),
        ("SELECT id FROM app.events WHERE kind = 3", "CREATE INDEX e ON app.events (kind)", 300),
        ("SELECT id FROM app.events_old WHERE kind = 3", "DROP INDEX app.events_only_old", 146),
        ("SELECT name FROM app.animal", "CREATE INDEX a ON app.animal (name)", 2),
        (
            "SELECT n FROM app.summary WHERE mood = 'good'::app.mood",
            "DROP INDEX app.summary_mood",
            1,
        ),
        (
            "SELECT id FROM app.parent WHERE mail = 'm7@X' AND mood = 'good'",
            "SELECT id FROM app.parent WHERE mail = 'M7@x'::citext AND mood IN ('good'::app.mood)",
            1,
        ),
    ] {
        let (result, _) = run(&shop, statement, patch, &options).await;
        let result = result.unwrap_or_else(|error| panic!("{statement}: {error}"));
        assert_eq!(
            result.source,
            BenchmarkSource::Sampled,
            "{statement}: {}",
            result.source_reason
        );
        let binding = &result.bindings[0];
        let schema = result.schema.unwrap();
        assert!(binding.sql.contains(&schema), "moved: {}", binding.sql);
        if rows > 0 {
            assert_eq!(binding.comparison.rows, rows, "{statement}");
        }
        // Every relation of both plans stands in the schema.
        let plans = result.plans.unwrap();
        for plan in [plans.baseline, plans.patched] {
            let named = plan.to_string().matches("\"Relation Name\"").count();
            assert!(named > 0 || statement.contains("happ"), "{plan}");
        }
        clean(&shop).await;
    }
}
