//! What holds for the whole server and database: settings, sequences, ages, counters' beginning.

use std::collections::{BTreeMap, BTreeSet};

use optischema::model::{SequenceFacts, ServerFacts, Setting, TableName};
use sqlx::Row;
use sqlx::postgres::{PgConnection, PgRow};

use super::PgFailure;
use super::locked::Locked;
use super::query;

/// Settings that some rule looks at.
const SETTINGS: &[&str] = &[
    "autovacuum",
    "autovacuum_analyze_scale_factor",
    "autovacuum_analyze_threshold",
    "autovacuum_freeze_max_age",
    "autovacuum_vacuum_max_threshold",
    "autovacuum_vacuum_scale_factor",
    "autovacuum_vacuum_score_weight",
    "autovacuum_vacuum_threshold",
    "default_statistics_target",
    "default_text_search_config",
    "effective_cache_size",
    "fsync",
    "full_page_writes",
    "jit",
    "jit_above_cost",
    "maintenance_work_mem",
    "max_connections",
    "max_repack_replication_slots",
    "random_page_cost",
    "seq_page_cost",
    "shared_buffers",
    "synchronous_commit",
    "track_counts",
    "track_io_timing",
    "wal_level",
    "work_mem",
];

const SEQUENCES: &str = "
    SELECT /* optischema */ DISTINCT ON (c.oid) n.nspname::pg_catalog.text AS schema, c.relname::pg_catalog.text AS name,
           CASE WHEN NOT c.oid::pg_catalog.int8 = ANY ($1) AND pg_catalog.has_sequence_privilege(c.oid, 'USAGE, SELECT') THEN pg_catalog.pg_sequence_last_value(c.oid) END AS last_value,
           s.seqmax AS max_value, s.seqmin AS min_value, pg_catalog.format_type(s.seqtypid, NULL) AS data_type, s.seqincrement AS increment, s.seqcycle AS cycles,
           tn.nspname::pg_catalog.text AS owner_schema, t.relname::pg_catalog.text AS owner_table, a.attname::pg_catalog.text AS owner_column,
           -- A domain ends where the type that it is made of ends.
           CASE WHEN ot.typtype = 'd' THEN pg_catalog.format_type(ot.typbasetype, ot.typtypmod)
                ELSE pg_catalog.format_type(a.atttypid, a.atttypmod) END AS owner_type,
           (WITH RECURSIVE reads AS (
                   SELECT r.ev_class AS view, 1 AS depth FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_rewrite r ON r.oid = d.objid
                   WHERE d.classid = 'pg_rewrite'::pg_catalog.regclass AND d.refclassid = 'pg_class'::pg_catalog.regclass
                     AND d.refobjid = fed.relation AND d.refobjsubid = fed.number AND r.ev_class <> fed.relation
                   UNION
                   SELECT r.ev_class, reads.depth OPERATOR(pg_catalog.+) 1 FROM reads JOIN pg_catalog.pg_depend d ON d.refobjid = reads.view
                       AND d.refclassid = 'pg_class'::pg_catalog.regclass AND d.classid = 'pg_rewrite'::pg_catalog.regclass
                   JOIN pg_catalog.pg_rewrite r ON r.oid = d.objid WHERE r.ev_class <> reads.view AND reads.depth < 32)
                 SELECT pg_catalog.jsonb_agg(pg_catalog.jsonb_build_array(f.schema, f.name) ORDER BY f.depth, f.schema, f.name)::pg_catalog.text
                 FROM (SELECT vn.nspname AS schema, v.relname AS name, pg_catalog.max(reads.depth) AS depth FROM reads
                       JOIN pg_catalog.pg_class v ON v.oid = reads.view JOIN pg_catalog.pg_namespace vn ON vn.oid = v.relnamespace
                       GROUP BY vn.nspname, v.relname) f) AS readers,
           pg_catalog.array_remove(ARRAY(SELECT pg_catalog.pg_describe_object(d.classid, d.objid, d.objsubid) FROM pg_catalog.pg_depend d
                 WHERE d.refclassid = 'pg_class'::pg_catalog.regclass AND d.refobjid = fed.relation AND d.refobjsubid = fed.number
                   AND (d.classid IN ('pg_policy'::pg_catalog.regclass, 'pg_trigger'::pg_catalog.regclass)
                        OR d.classid = 'pg_attrdef'::pg_catalog.regclass AND EXISTS (SELECT FROM pg_catalog.pg_attrdef g
                            JOIN pg_catalog.pg_attribute ga ON ga.attrelid = g.adrelid AND ga.attnum = g.adnum
                            WHERE g.oid = d.objid AND ga.attgenerated <> '' AND g.adnum <> fed.number))
                 ORDER BY 1), NULL) AS others_in_the_way
    FROM pg_catalog.pg_sequence s JOIN pg_catalog.pg_class c ON c.oid = s.seqrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    -- A column may take its numbers without owning the sequence: its default says so.
    LEFT JOIN (SELECT d.objid AS sequence, d.refobjid AS relation, d.refobjsubid::pg_catalog.int4 AS number FROM pg_catalog.pg_depend d
               WHERE d.classid = 'pg_class'::pg_catalog.regclass AND d.deptype IN ('a', 'i')
                 AND d.refclassid = 'pg_class'::pg_catalog.regclass AND d.refobjsubid > 0
               UNION ALL
               SELECT d.refobjid, f.adrelid, f.adnum FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_attrdef f ON f.oid = d.objid
               WHERE d.classid = 'pg_attrdef'::pg_catalog.regclass AND d.refclassid = 'pg_class'::pg_catalog.regclass) fed ON fed.sequence = c.oid
    LEFT JOIN pg_catalog.pg_class t ON t.oid = fed.relation LEFT JOIN pg_catalog.pg_namespace tn ON tn.oid = t.relnamespace
    LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = fed.relation AND a.attnum = fed.number
    LEFT JOIN pg_catalog.pg_type ot ON ot.oid = a.atttypid
    WHERE c.relpersistence <> 't' AND n.nspname NOT IN ('pg_catalog', 'information_schema')
    -- Of several columns the narrowest runs out first.
    ORDER BY c.oid, a.attlen, t.relname, a.attname";

/// Reads it.
pub(super) async fn read_server(
    connection: &mut PgConnection,
    locked: &Locked,
) -> Result<ServerFacts, PgFailure> {
    let row = query(
        "SELECT /* optischema */ pg_catalog.current_setting('server_version_num')::pg_catalog.int4 AS version_number,
                (SELECT pg_catalog.age(datfrozenxid)::pg_catalog.int8 FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database()) AS frozen_age,
                pg_catalog.to_char((SELECT stats_reset FROM pg_catalog.pg_stat_database WHERE datname = pg_catalog.current_database())
                    AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"') AS counters_since,
                pg_catalog.to_char(pg_catalog.now() AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"') AS read_at,
                pg_catalog.pg_database_size(pg_catalog.current_database())::pg_catalog.int8 AS database_bytes",
    )
    .fetch_one(&mut *connection)
    .await?;
    let time = |name: &str| -> Result<_, PgFailure> {
        Ok(row.try_get::<Option<String>, _>(name)?.and_then(|text| text.parse().ok()))
    };
    let mut facts = ServerFacts {
        version_number: row.try_get("version_number")?,
        frozen_age: row.try_get::<Option<i64>, _>("frozen_age")?.unwrap_or_default(),
        counters_since: time("counters_since")?,
        read_at: time("read_at")?,
        database_bytes: row.try_get("database_bytes")?,
        settings: settings(connection).await?,
        ..ServerFacts::default()
    };
    for row in query(SEQUENCES).bind(&locked.oids).fetch_all(&mut *connection).await? {
        facts.sequences.push(SequenceFacts {
            name: TableName::new(
                row.try_get::<String, _>("schema")?,
                row.try_get::<String, _>("name")?,
            ),
            last_value: row.try_get("last_value")?,
            max_value: row.try_get("max_value")?,
            min_value: row.try_get("min_value")?,
            data_type: row.try_get("data_type")?,
            increment: row.try_get("increment")?,
            cycles: row.try_get("cycles")?,
            owner: match row.try_get::<Option<String>, _>("owner_schema")? {
                Some(schema) => Some((
                    TableName::new(schema, row.try_get::<String, _>("owner_table")?),
                    row.try_get("owner_column")?,
                    row.try_get("owner_type")?,
                )),
                None => None,
            },
            readers: readers(&row)?,
            others_in_the_way: row.try_get("others_in_the_way")?,
        });
    }
    facts.sequences.sort_by(|a, b| a.name.cmp(&b.name));
    facts.extensions = names(
        connection,
        "SELECT /* optischema */ extname::pg_catalog.text AS name FROM pg_catalog.pg_extension",
    )
    .await?;
    facts.available_extensions = names(
        connection,
        "SELECT /* optischema */ name::pg_catalog.text AS name FROM pg_catalog.pg_available_extensions",
    )
    .await?;
    Ok(facts)
}

/// Pairs of schema and name, as JSON.
fn readers(row: &PgRow) -> Result<Vec<TableName>, PgFailure> {
    let Some(text) = row.try_get::<Option<String>, _>("readers")? else { return Ok(Vec::new()) };
    let pairs: Vec<(String, String)> =
        serde_json::from_str(&text).map_err(|error| PgFailure::Unexpected(error.to_string()))?;
    Ok(pairs.into_iter().map(|(schema, name)| TableName::new(schema, name)).collect())
}

async fn settings(connection: &mut PgConnection) -> Result<BTreeMap<String, Setting>, PgFailure> {
    let rows = query(
        "SELECT /* optischema */ name, setting AS value, unit, source FROM pg_catalog.pg_settings WHERE name = ANY ($1)",
    )
    .bind(SETTINGS)
    .fetch_all(connection)
    .await?;
    rows.iter()
        .map(|row| {
            let setting = Setting {
                value: row.try_get("value")?,
                unit: row.try_get("unit")?,
                source: row.try_get("source")?,
            };
            Ok((row.try_get("name")?, setting))
        })
        .collect()
}

async fn names(
    connection: &mut PgConnection,
    text: &'static str,
) -> Result<BTreeSet<String>, PgFailure> {
    let rows = query(text).fetch_all(connection).await?;
    rows.iter().map(|row| Ok(row.try_get("name")?)).collect()
}

/// Settings that shape plans and that a session may have for itself: name and value, in their base units.
///
/// # Errors
/// The connection is lost.
pub async fn plan_settings(
    connection: &mut PgConnection,
) -> Result<Vec<(String, String)>, PgFailure> {
    let rows = query(
        "SELECT /* optischema */ name, setting AS value FROM pg_catalog.pg_settings
         WHERE (name = ANY ($1) OR pg_catalog.starts_with(name, 'enable_')) AND name <> 'temp_buffers' ORDER BY name",
    )
    .bind(crate::sql::SESSION_SETTINGS)
    .fetch_all(connection)
    .await?;
    rows.iter().map(|row| Ok((row.try_get("name")?, row.try_get("value")?))).collect()
}
