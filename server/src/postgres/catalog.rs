//! Reading the system catalogs into [`Catalog`].

use std::collections::{BTreeMap, BTreeSet};

use optischema::model::{
    Catalog, CatalogColumn, CatalogIndex, CatalogTable, ExtendedStatistics, ForeignKey,
    RelationKind, ReplicaIdentity, ServerFacts, TableActivity, TableName, Timestamp,
};
use sqlx::Row;
use sqlx::postgres::{PgConnection, PgRow};

use super::PgFailure;
use super::lineage::{Views, read_views};
use super::locked::read_locked;
use super::operators::read_operator_classes;
use super::query;
use super::row_security::read_row_security;
use super::server_facts::read_server;

const TABLES: &str = "
    SELECT /* optischema */ c.oid::pg_catalog.int8 AS oid, n.nspname::pg_catalog.text AS schema, c.relname::pg_catalog.text AS name,
           c.relkind::pg_catalog.text AS kind, -- PostgreSQL 13 writes 0 for what was never analysed.
           CASE WHEN c.reltuples = 0 AND c.relpages = 0 AND c.relkind IN ('r', 'm')
                     AND pg_catalog.pg_table_size(c.oid::pg_catalog.regclass) > 8192 THEN -1 ELSE c.reltuples END::pg_catalog.float8 AS rows,
           CASE WHEN c.relkind IN ('r', 'm') THEN pg_catalog.pg_table_size(c.oid) ELSE 0 END::pg_catalog.int8 AS bytes,
           c.relkind = 'r' AND c.relhassubclass AS has_children, c.relpages::pg_catalog.float8 AS pages, c.relallvisible::pg_catalog.float8 AS all_visible_pages,
           c.relreplident::pg_catalog.text AS replica_identity, c.relpersistence = 'u' AS unlogged,
           COALESCE(c.reloptions, '{}')::pg_catalog.text[] AS options,
           CASE WHEN c.relfrozenxid = '0' THEN 0 ELSE pg_catalog.age(c.relfrozenxid) END::pg_catalog.int8 AS frozen_age,
           st.seq_scan AS sequential_scans, st.idx_scan AS index_scans, st.n_tup_ins AS inserts,
           st.n_tup_upd AS updates, st.n_tup_hot_upd AS hot_updates, st.n_tup_del AS deletes,
           st.n_live_tup AS live_rows, st.n_dead_tup AS dead_rows,
           st.n_mod_since_analyze AS modified_since_analyze,
           pg_catalog.to_char(GREATEST(st.last_vacuum, st.last_autovacuum) AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"')
               AS last_vacuum,
           pg_catalog.to_char(GREATEST(st.last_analyze, st.last_autoanalyze) AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"')
               AS last_analyze,
           (SELECT pn.nspname::pg_catalog.text FROM pg_catalog.pg_inherits h JOIN pg_catalog.pg_class p ON p.oid = h.inhparent
            JOIN pg_catalog.pg_namespace pn ON pn.oid = p.relnamespace
            WHERE h.inhrelid = c.oid AND c.relispartition LIMIT 1) AS parent_schema,
           (SELECT p.relname::pg_catalog.text FROM pg_catalog.pg_inherits h JOIN pg_catalog.pg_class p ON p.oid = h.inhparent
            WHERE h.inhrelid = c.oid AND c.relispartition LIMIT 1) AS parent_name
    FROM pg_catalog.pg_class c LEFT JOIN pg_catalog.pg_stat_all_tables st ON st.relid = c.oid
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p', 'm', 'v', 'f') AND c.relpersistence <> 't'
      AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname OPERATOR(pg_catalog.!~) '^pg_toast'
      AND NOT EXISTS (SELECT 1 FROM pg_catalog.pg_depend d WHERE d.classid = 'pg_class'::pg_catalog.regclass
                      AND d.objid = c.oid AND d.deptype = 'e')
      AND NOT c.oid::pg_catalog.int8 = ANY ($1)";

const COLUMNS: &str = "
    SELECT /* optischema */ a.attrelid::pg_catalog.int8 AS table_oid, a.attname::pg_catalog.text AS name,
           pg_catalog.format_type(a.atttypid, a.atttypmod) AS data_type,
           -- One that was not validated holds for new rows only (18).
           NOT a.attnotnull OR EXISTS (SELECT 1 FROM pg_catalog.pg_constraint nn WHERE nn.conrelid = a.attrelid AND nn.contype = 'n'
               AND NOT nn.convalidated AND a.attnum = ANY (nn.conkey)) AS nullable,
           a.attgenerated = 'v' AS is_virtual,
           ARRAY(SELECT pg_catalog.format_type(i.type, NULL::pg_catalog.int4) FROM (
               SELECT b.oid AS type FROM pg_catalog.pg_type b WHERE b.oid IN (t.oid, t.typbasetype) AND b.typtype <> 'd'
               UNION SELECT k.casttarget FROM pg_catalog.pg_cast k
               WHERE k.castsource IN (t.oid, t.typbasetype) AND k.castmethod = 'b' AND k.castcontext = 'i'
               UNION SELECT CASE WHEN b.typcategory = 'A' AND b.typelem <> '0' THEN 'anyarray'::pg_catalog.regtype
                   WHEN b.typtype = 'e' THEN 'anyenum'::pg_catalog.regtype WHEN b.typtype = 'r' THEN 'anyrange'::pg_catalog.regtype
                   ELSE pg_catalog.to_regtype(CASE WHEN b.typtype = 'm' THEN 'anymultirange' END) END::pg_catalog.oid
               FROM pg_catalog.pg_type b WHERE b.oid IN (t.oid, t.typbasetype)) i (type)
               WHERE i.type IS NOT NULL AND i.type <> '0')::pg_catalog.text[] AS input_types,
           a.attcollation <> '0' AND COALESCE((SELECT CASE WHEN co.collprovider = 'd' THEN
                   (SELECT d.datcollate FROM pg_catalog.pg_database d WHERE d.datname = pg_catalog.current_database()) IN ('C', 'POSIX')
                   WHEN co.collprovider = 'b' THEN true ELSE co.collcollate IN ('C', 'POSIX') END
               FROM pg_catalog.pg_collation co WHERE co.oid = a.attcollation), false) AS sorts_by_bytes,
           t.typlen AS type_length, CASE t.typalign WHEN 'd' THEN 8 WHEN 'i' THEN 4 WHEN 's' THEN 2 ELSE 1 END
               AS type_align,
           COALESCE(oc.ordered, false) AS ordered, COALESCE(oc.equal_image, false)
               AND COALESCE((SELECT co.collisdeterministic FROM pg_catalog.pg_collation co WHERE co.oid = a.attcollation), true)
               AS equal_image,
           s.n_distinct::pg_catalog.float8 AS n_distinct,
           EXISTS (SELECT 1 FROM pg_catalog.unnest(a.attoptions) o WHERE o LIKE 'n_distinct%') AS distinct_is_set, s.avg_width AS average_width,
           s.correlation::pg_catalog.float8 AS correlation,
           s.null_frac::pg_catalog.float8 AS null_share,
           (s.most_common_vals::pg_catalog.text::pg_catalog.text[])[1:100] AS common_values,
           s.most_common_freqs[1:100]::pg_catalog.float8[] AS common_shares,
           s.histogram_bounds::pg_catalog.text::pg_catalog.text[] AS histogram
    FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_class c ON c.oid = a.attrelid
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
    -- A domain is ordered as what it is made of; varchar has text's operator class, an enum any enum's.
    LEFT JOIN LATERAL (
        SELECT true AS ordered, EXISTS (SELECT 1 FROM pg_catalog.pg_amproc p WHERE p.amprocfamily = o.opcfamily
                   AND p.amproclefttype = o.opcintype AND p.amprocrighttype = o.opcintype AND p.amprocnum = 4)
                   -- 15.20 no longer has it of character(n), whose equal values may differ in their blanks.
                   AND pg_catalog.btequalimage(o.opcintype)
               AS equal_image
        FROM pg_catalog.pg_opclass o, (SELECT CASE WHEN t.typtype = 'd' THEN t.typbasetype ELSE t.oid END AS base) d
        WHERE o.opcdefault AND o.opcmethod = (SELECT oid FROM pg_catalog.pg_am WHERE amname = 'btree')
          AND o.opcintype = CASE
              WHEN d.base = 'varchar'::pg_catalog.regtype THEN 'text'::pg_catalog.regtype
              WHEN (SELECT b.typtype FROM pg_catalog.pg_type b WHERE b.oid = d.base) = 'e' THEN 'anyenum'::pg_catalog.regtype
              WHEN (SELECT b.typtype FROM pg_catalog.pg_type b WHERE b.oid = d.base) = 'r' THEN 'anyrange'::pg_catalog.regtype
              WHEN (SELECT b.typcategory = 'A' AND b.typelem <> '0' FROM pg_catalog.pg_type b WHERE b.oid = d.base) THEN 'anyarray'::pg_catalog.regtype
              ELSE d.base END
        LIMIT 1) oc ON true
    LEFT JOIN pg_catalog.pg_stats s ON s.schemaname = n.nspname AND s.tablename = c.relname
        -- Of a partitioned table all rows are those of its partitions; of one with children those of both count, if known.
        AND s.attname = a.attname AND (s.inherited = (c.relkind = 'p') OR c.relkind = 'r' AND c.relhassubclass)
    WHERE a.attnum > 0 AND NOT a.attisdropped AND c.relkind IN ('r', 'p', 'm', 'v', 'f')
      AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname OPERATOR(pg_catalog.!~) '^pg_toast'
    ORDER BY a.attrelid, a.attnum, s.inherited";

const INDEXES: &str = "
    SELECT /* optischema */ i.indrelid::pg_catalog.int8 AS table_oid, c.relname::pg_catalog.text AS name,
           pg_catalog.pg_get_indexdef(i.indexrelid) AS definition, am.amname::pg_catalog.text AS method,
           i.indisunique AS is_unique, i.indisprimary AS is_primary, i.indisvalid AS is_valid,
           pg_catalog.pg_get_expr(i.indpred, i.indrelid) AS predicate,
           CASE WHEN i.indexrelid::pg_catalog.int8 = ANY ($1) THEN c.relpages::pg_catalog.int8 OPERATOR(pg_catalog.*) 8192
                ELSE pg_catalog.pg_relation_size(i.indexrelid) END::pg_catalog.int8 AS bytes,
           i.indisreplident AS replica_identity, i.indisclustered AS clustered,
           -- A search compares by the column's collation, and an index of another one does not serve it.
           ARRAY(SELECT COALESCE(a.attcollation = k.coll, true)
                 FROM ROWS FROM (pg_catalog.unnest(i.indkey::pg_catalog.int2[]), pg_catalog.unnest(i.indcollation::pg_catalog.oid[])) WITH ORDINALITY k (attnum, coll, n)
                 LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum
                 WHERE k.n <= i.indnkeyatts ORDER BY k.n) AS keys_collated_alike,
           EXISTS (SELECT 1 FROM pg_catalog.pg_inherits h WHERE h.inhrelid = i.indexrelid) AS is_attached,
           EXISTS (SELECT 1 FROM pg_catalog.pg_constraint f WHERE f.contype = 'f' AND f.conindid = i.indexrelid) AS is_referenced, NOT i.indimmediate AS deferrable,
           EXISTS (SELECT 1 FROM pg_catalog.pg_stat_progress_create_index g WHERE g.index_relid = i.indexrelid) AS building, COALESCE(st.idx_scan, 0)::pg_catalog.int8 AS scans,
           -- Known of each index from 19 on.
           pg_catalog.to_char(((pg_catalog.to_jsonb(st) OPERATOR(pg_catalog.->>) 'stats_reset')::pg_catalog.timestamptz) AT TIME ZONE 'UTC',
                              'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"') AS counters_since,
           ARRAY(SELECT o FROM pg_catalog.unnest(i.indoption::pg_catalog.int2[]) o) AS key_options,
           (SELECT co.conname::pg_catalog.text FROM pg_catalog.pg_constraint co WHERE co.conindid = i.indexrelid
              AND co.contype IN ('p', 'u', 'x') LIMIT 1) AS constraint_name,
           (SELECT pg_catalog.array_agg(oc.opcname OPERATOR(pg_catalog.||) ' ' OPERATOR(pg_catalog.||) c2.coll::pg_catalog.oid::pg_catalog.text ORDER BY c2.n)
            FROM ROWS FROM (pg_catalog.unnest(i.indclass::pg_catalog.oid[]), pg_catalog.unnest(i.indcollation::pg_catalog.oid[])) WITH ORDINALITY c2 (class, coll, n)
            JOIN pg_catalog.pg_opclass oc ON oc.oid = c2.class) AS key_classes,
           (SELECT pg_catalog.array_agg(a.attname::pg_catalog.text ORDER BY k.n)
            FROM pg_catalog.unnest(i.indkey::pg_catalog.int2[]) WITH ORDINALITY k (attnum, n)
            JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum
            WHERE k.n > i.indnkeyatts) AS include,
           (SELECT pg_catalog.array_agg(a.attname::pg_catalog.text ORDER BY k.n)
            FROM pg_catalog.unnest(i.indkey::pg_catalog.int2[]) WITH ORDINALITY k (attnum, n)
            LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum
            WHERE k.n <= i.indnkeyatts) AS key_columns
    FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid JOIN pg_catalog.pg_am am ON am.oid = c.relam
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    LEFT JOIN pg_catalog.pg_stat_all_indexes st ON st.indexrelid = i.indexrelid
    WHERE n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname OPERATOR(pg_catalog.!~) '^pg_toast'
      AND NOT i.indrelid::pg_catalog.int8 = ANY ($1)
    ORDER BY c.relname";

const FOREIGN_KEYS: &str = "
    SELECT /* optischema */ co.conrelid::pg_catalog.int8 AS table_oid, co.conname::pg_catalog.text AS name,
           rn.nspname::pg_catalog.text AS references_schema, r.relname::pg_catalog.text AS references_name,
           (SELECT pg_catalog.array_agg(a.attname::pg_catalog.text ORDER BY k.n) FROM pg_catalog.unnest(co.conkey) WITH ORDINALITY k (attnum, n)
            JOIN pg_catalog.pg_attribute a ON a.attrelid = co.conrelid AND a.attnum = k.attnum) AS columns,
           (SELECT pg_catalog.array_agg(a.attname::pg_catalog.text ORDER BY k.n) FROM pg_catalog.unnest(co.confkey) WITH ORDINALITY k (attnum, n)
            JOIN pg_catalog.pg_attribute a ON a.attrelid = co.confrelid AND a.attnum = k.attnum) AS referenced_columns
    FROM pg_catalog.pg_constraint co JOIN pg_catalog.pg_class r ON r.oid = co.confrelid JOIN pg_catalog.pg_namespace rn ON rn.oid = r.relnamespace
    WHERE co.contype = 'f' AND co.conparentid = '0'
      -- One that is not enforced looks nothing up (18).
      AND COALESCE((pg_catalog.to_jsonb(co) OPERATOR(pg_catalog.->>) 'conenforced')::pg_catalog.bool, true) ORDER BY co.conname";

const STATISTICS: &str = "
    SELECT /* optischema */ s.stxrelid::pg_catalog.int8 AS table_oid, s.stxname::pg_catalog.text AS name,
           s.stxkind::pg_catalog.text[] AS kinds,
           COALESCE((SELECT pg_catalog.array_agg(a.attname::pg_catalog.text ORDER BY k.n)
            FROM pg_catalog.unnest(s.stxkeys::pg_catalog.int2[]) WITH ORDINALITY k (attnum, n)
            JOIN pg_catalog.pg_attribute a ON a.attrelid = s.stxrelid AND a.attnum = k.attnum), '{}') AS columns
    FROM pg_catalog.pg_statistic_ext s ORDER BY s.stxname";

/// The version from which autovacuum shows what it thinks of each table.
const FIRST_WITH_SCORES: i32 = 190_000;

const SCORES: &str = "
    SELECT /* optischema */ s.relid::pg_catalog.int8 AS table_oid, s.vacuum_score AS score FROM pg_catalog.pg_stat_autovacuum_scores s";

const TYPES: &str = "
    SELECT /* optischema */ t.typname::pg_catalog.text AS name, pg_catalog.array_agg(n.nspname::pg_catalog.text ORDER BY n.nspname) AS schemas
    FROM pg_catalog.pg_type t JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace
    LEFT JOIN pg_catalog.pg_class c ON c.oid = t.typrelid
    WHERE t.oid::pg_catalog.int8 >= 16384 AND t.typarray <> '0' AND (c.oid IS NULL OR c.relkind = 'c')
    GROUP BY t.typname";

const FIRST_LABELS: &str = "
    SELECT /* optischema */ DISTINCT ON (e.enumtypid) pg_catalog.concat(pg_catalog.quote_ident(n.nspname), '.', pg_catalog.quote_ident(t.typname)) AS name,
           e.enumlabel::pg_catalog.text AS label
    FROM pg_catalog.pg_enum e JOIN pg_catalog.pg_type t ON t.oid = e.enumtypid JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace
    ORDER BY e.enumtypid, e.enumsortorder";

const OWN_FUNCTIONS: &str = "
    SELECT /* optischema */ DISTINCT p.proname::pg_catalog.text AS name FROM pg_catalog.pg_proc p
    WHERE p.oid::pg_catalog.int8 >= 16384 AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d
        WHERE d.classid = 'pg_proc'::pg_catalog.regclass AND d.objid = p.oid AND d.deptype = 'e')";

/// Schemas of functions by name, those of extensions among them; PostgreSQL's own names mean its own.
const FUNCTION_SCHEMAS: &str = "
    SELECT /* optischema */ p.proname::pg_catalog.text AS name, pg_catalog.array_agg(DISTINCT n.nspname::pg_catalog.text) AS schemas
    FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
    WHERE n.nspname NOT IN ('pg_catalog', 'information_schema') AND NOT EXISTS (SELECT FROM pg_catalog.pg_proc o
        WHERE o.proname = p.proname AND o.pronamespace = 'pg_catalog'::pg_catalog.regnamespace)
    GROUP BY p.proname";

const INLINED_FUNCTIONS: &str = "
    SELECT /* optischema */ DISTINCT pg_catalog.concat(pg_catalog.quote_ident(n.nspname), '.', pg_catalog.quote_ident(p.proname)) AS name
    FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace JOIN pg_catalog.pg_language l ON l.oid = p.prolang
    WHERE l.lanname = 'sql' AND p.oid::pg_catalog.int8 >= 16384 AND p.provolatile = 'i'";

const SESSION_VALUES: &str = "
    SELECT /* optischema */ pg_catalog.concat(pg_catalog.quote_ident(n.nspname), '.', pg_catalog.quote_ident(p.proname)) AS name,
           pg_catalog.format_type(p.prorettype, NULL::pg_catalog.int4) AS type
    FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
    JOIN pg_catalog.pg_type t ON t.oid = p.prorettype
    WHERE p.oid::pg_catalog.int8 >= 16384 AND p.pronargs = 0 AND p.prokind = 'f' AND NOT p.proretset AND t.typtype <> 'p'";

async fn read_first_labels(
    connection: &mut PgConnection,
) -> Result<BTreeMap<String, String>, PgFailure> {
    let rows = query(FIRST_LABELS).fetch_all(connection).await?;
    rows.iter().map(|row| Ok((row.try_get("name")?, row.try_get("label")?))).collect()
}

async fn read_names(
    connection: &mut PgConnection,
    of: &'static str,
) -> Result<BTreeSet<String>, PgFailure> {
    let rows = query(of).fetch_all(connection).await?;
    rows.iter().map(|row| Ok(row.try_get("name")?)).collect()
}

/// Schemas by name.
async fn read_schemas(
    connection: &mut PgConnection,
    of: &'static str,
) -> Result<BTreeMap<String, Vec<String>>, PgFailure> {
    let rows = query(of).fetch_all(connection).await?;
    rows.iter().map(|row| Ok((row.try_get("name")?, row.try_get("schemas")?))).collect()
}

async fn read_session_values(
    connection: &mut PgConnection,
) -> Result<BTreeMap<String, String>, PgFailure> {
    let rows = query(SESSION_VALUES).fetch_all(connection).await?;
    rows.iter().map(|row| Ok((row.try_get("name")?, row.try_get("type")?))).collect()
}

/// Reads every user table of the connected database, with columns, indexes and statistics.
pub async fn read_catalog(connection: &mut PgConnection) -> Result<Catalog, PgFailure> {
    let row = query(
        "SELECT /* optischema */ pg_catalog.current_database()::pg_catalog.text AS database,
         current_user::pg_catalog.text AS role, COALESCE(
             NULLIF(pg_catalog.current_setting('optischema.search_path', true), '')::pg_catalog.text[], pg_catalog.current_schemas(false)::pg_catalog.text[])
             AS search_path",
    )
    .fetch_one(&mut *connection)
    .await?;
    // Sizes and definitions of what another session has for itself would wait for it.
    let locked = read_locked(connection).await?;
    let Views { plain, materialized, of_invoker } = read_views(connection, &locked).await?;
    let mut catalog = Catalog {
        database: row.try_get("database")?,
        role: row.try_get("role")?,
        search_path: row.try_get("search_path")?,
        tables: BTreeMap::new(),
        views: plain,
        materialized,
        invoker_views: of_invoker,
        types: read_schemas(connection, TYPES).await?,
        first_labels: read_first_labels(connection).await?,
        functions: read_names(connection, OWN_FUNCTIONS).await?,
        inlined_functions: read_names(connection, INLINED_FUNCTIONS).await?,
        function_schemas: read_schemas(connection, FUNCTION_SCHEMAS).await?,
        session_values: read_session_values(connection).await?,
        row_security: read_row_security(connection, &locked).await?,
        locked: locked.tables.iter().cloned().collect(),
        operator_classes: read_operator_classes(connection).await?,
        server: ServerFacts::default(),
    };
    let mut by_oid: BTreeMap<i64, CatalogTable> = BTreeMap::new();
    for row in query(TABLES).bind(&locked.oids).fetch_all(&mut *connection).await? {
        // What is dropped while it is read has no size any more.
        if row.try_get::<Option<i64>, _>("bytes")?.is_some() {
            by_oid.insert(row.try_get("oid")?, table(&row)?);
        }
    }
    for row in query(COLUMNS).fetch_all(&mut *connection).await? {
        if let Some(table) = by_oid.get_mut(&row.try_get("table_oid")?) {
            let column = column(&row)?;
            table.columns.pop_if(|last| last.name == column.name);
            table.columns.push(column);
        }
    }
    for row in query(INDEXES).bind(&locked.oids).fetch_all(&mut *connection).await? {
        if let Some(table) = by_oid.get_mut(&row.try_get("table_oid")?) {
            table.indexes.extend(index(&row)?);
        }
    }
    for row in query(FOREIGN_KEYS).fetch_all(&mut *connection).await? {
        if let Some(table) = by_oid.get_mut(&row.try_get("table_oid")?) {
            table.foreign_keys.push(ForeignKey {
                name: row.try_get("name")?,
                columns: texts(&row, "columns")?,
                references: TableName::new(
                    row.try_get::<String, _>("references_schema")?,
                    row.try_get::<String, _>("references_name")?,
                ),
                referenced_columns: texts(&row, "referenced_columns")?,
            });
        }
    }
    for row in query(STATISTICS).fetch_all(&mut *connection).await? {
        if let Some(table) = by_oid.get_mut(&row.try_get("table_oid")?) {
            table.statistics.push(ExtendedStatistics {
                name: row.try_get("name")?,
                columns: texts(&row, "columns")?,
                kinds: texts(&row, "kinds")?,
            });
        }
    }
    catalog.server = read_server(connection, &locked).await?;
    if catalog.server.version_number >= FIRST_WITH_SCORES {
        for row in query(SCORES).fetch_all(&mut *connection).await? {
            let table = by_oid.get_mut(&row.try_get("table_oid")?);
            if let Some(activity) = table.and_then(|table| table.activity.as_mut()) {
                activity.vacuum_score = Some(row.try_get("score")?);
            }
        }
    }
    catalog.tables = by_oid.into_values().map(|table| (table.name.clone(), table)).collect();
    catalog.fill_from_partitions();
    Ok(catalog)
}

fn table(row: &PgRow) -> Result<CatalogTable, PgFailure> {
    let kind: String = row.try_get("kind")?;
    Ok(CatalogTable {
        name: TableName::new(
            row.try_get::<String, _>("schema")?,
            row.try_get::<String, _>("name")?,
        ),
        kind: match kind.as_str() {
            "p" => RelationKind::Partitioned,
            "m" => RelationKind::MaterializedView,
            "v" => RelationKind::View,
            "f" => RelationKind::Foreign,
            _ => RelationKind::Table,
        },
        rows: row.try_get("rows")?,
        bytes: row.try_get("bytes")?,
        pages: row.try_get("pages")?,
        all_visible_pages: row.try_get("all_visible_pages")?,
        options: row.try_get("options")?,
        frozen_age: row.try_get("frozen_age")?,
        has_children: row.try_get("has_children")?,
        unlogged: row.try_get("unlogged")?,
        replica_identity: match row.try_get::<String, _>("replica_identity")?.as_str() {
            "i" => ReplicaIdentity::Index,
            "f" => ReplicaIdentity::Full,
            "n" => ReplicaIdentity::Nothing,
            _ => ReplicaIdentity::Default,
        },
        activity: activity(row)?,
        partition_of: match row.try_get::<Option<String>, _>("parent_schema")? {
            Some(schema) => Some(TableName::new(schema, row.try_get::<String, _>("parent_name")?)),
            None => None,
        },
        ..CatalogTable::default()
    })
}

fn activity(row: &PgRow) -> Result<Option<TableActivity>, PgFailure> {
    // A view has no counters, nor has a table whose counters are not collected.
    let Some(sequential_scans) = row.try_get::<Option<i64>, _>("sequential_scans")? else {
        return Ok(None);
    };
    let count = |name: &str| -> Result<i64, PgFailure> {
        Ok(row.try_get::<Option<i64>, _>(name)?.unwrap_or_default())
    };
    let time = |name: &str| -> Result<Option<Timestamp>, PgFailure> {
        let text: Option<String> = row.try_get(name)?;
        Ok(text.and_then(|text| text.parse().ok()))
    };
    Ok(Some(TableActivity {
        sequential_scans,
        index_scans: count("index_scans")?,
        inserts: count("inserts")?,
        updates: count("updates")?,
        hot_updates: count("hot_updates")?,
        deletes: count("deletes")?,
        live_rows: count("live_rows")?,
        dead_rows: count("dead_rows")?,
        modified_since_analyze: count("modified_since_analyze")?,
        vacuum_score: None,
        last_vacuum: time("last_vacuum")?,
        last_analyze: time("last_analyze")?,
    }))
}

fn texts(row: &PgRow, name: &str) -> Result<Vec<String>, PgFailure> {
    Ok(row.try_get::<Option<Vec<String>>, _>(name)?.unwrap_or_default())
}

fn column(row: &PgRow) -> Result<CatalogColumn, PgFailure> {
    // A NULL inside these arrays is no value that could be bound.
    let values = |name: &str| -> Result<Vec<String>, PgFailure> {
        let values: Option<Vec<Option<String>>> = row.try_get(name)?;
        Ok(values.unwrap_or_default().into_iter().flatten().collect())
    };
    Ok(CatalogColumn {
        name: row.try_get("name")?,
        data_type: row.try_get("data_type")?,
        input_types: row.try_get("input_types")?,
        sorts_by_bytes: row.try_get("sorts_by_bytes")?,
        nullable: row.try_get("nullable")?,
        is_virtual: row.try_get("is_virtual")?,
        type_length: row.try_get("type_length")?,
        type_align: u8::try_from(row.try_get::<i32, _>("type_align")?).unwrap_or(1),
        ordered: row.try_get("ordered")?,
        equal_image: row.try_get("equal_image")?,
        distinct_is_set: row.try_get("distinct_is_set")?,
        n_distinct: row.try_get("n_distinct")?,
        average_width: row.try_get("average_width")?,
        correlation: row.try_get("correlation")?,
        null_share: row.try_get("null_share")?,
        common_values: values("common_values")?,
        common_shares: row.try_get::<Option<Vec<f64>>, _>("common_shares")?.unwrap_or_default(),
        histogram: values("histogram")?,
    })
}

/// Absent where it was dropped while it was read: nothing writes it out any more.
fn index(row: &PgRow) -> Result<Option<CatalogIndex>, PgFailure> {
    let (definition, bytes) = (row.try_get("definition")?, row.try_get("bytes")?);
    let (Some(definition), Some(bytes)) = (definition, bytes) else { return Ok(None) };
    Ok(Some(CatalogIndex {
        name: row.try_get("name")?,
        definition,
        method: row.try_get::<String, _>("method")?.into(),
        key_columns: row
            .try_get::<Option<Vec<Option<String>>>, _>("key_columns")?
            .unwrap_or_default(),
        unique: row.try_get("is_unique")?,
        primary: row.try_get("is_primary")?,
        valid: row.try_get("is_valid")?,
        predicate: row.try_get("predicate")?,
        bytes,
        include: texts(row, "include")?,
        key_options: row.try_get::<Option<Vec<i16>>, _>("key_options")?.unwrap_or_default(),
        key_classes: texts(row, "key_classes")?,
        constraint: row.try_get("constraint_name")?,
        replica_identity: row.try_get("replica_identity")?,
        clustered: row.try_get("clustered")?,
        keys_collated_alike: row.try_get("keys_collated_alike")?,
        attached: row.try_get("is_attached")?,
        referenced: row.try_get("is_referenced")?,
        deferrable: row.try_get("deferrable")?,
        building: row.try_get("building")?,
        scans: row.try_get("scans")?,
        counters_since: row
            .try_get::<Option<String>, _>("counters_since")?
            .and_then(|text| text.parse().ok()),
    }))
}

/// Tables, views, sequences, indexes and foreign tables of a database but PostgreSQL's own, with their `relkind`.
///
/// # Errors
/// The server cannot be asked.
pub async fn relation_kinds(
    connection: &mut PgConnection,
) -> Result<BTreeMap<TableName, String>, PgFailure> {
    let rows = query(
        "SELECT n.nspname::pg_catalog.text AS schema, c.relname::pg_catalog.text AS name, c.relkind::pg_catalog.text AS kind
         FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
         WHERE c.relkind IN ('r', 'p', 'v', 'm', 'S', 'f', 'i', 'I') AND c.oid >= '16384'",
    )
    .fetch_all(connection)
    .await?;
    rows.iter()
        .map(|row| {
            let schema: String = row.try_get("schema")?;
            let name = TableName::new(schema, row.try_get::<String, _>("name")?);
            Ok((name, row.try_get("kind")?))
        })
        .collect()
}

/// Whether anything in a schema has this name.
///
/// # Errors
/// The server cannot be asked.
pub async fn relation_exists(
    connection: &mut PgConnection,
    name: &TableName,
) -> Result<bool, PgFailure> {
    let row = query(
        "SELECT EXISTS (SELECT 1 FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
                        WHERE n.nspname = $1 AND c.relname = $2) AS present",
    )
    .bind(&name.schema)
    .bind(&name.name)
    .fetch_one(connection)
    .await?;
    Ok(row.try_get("present")?)
}
