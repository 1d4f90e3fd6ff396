//! What a staging copy needs to know of main besides its definitions: rows, positions of sequences, rights, extensions.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use optischema::model::TableName;
use sqlx::Row;
use sqlx::postgres::{PgConnection, PgRow};

use super::super::SandboxError;
use super::super::copy::RowSource;
use crate::postgres::{OutOfReach, query};
use crate::sql::{DumpKind, DumpStatement};

/// A table with rows of its own.
#[derive(Debug, Clone)]
pub(super) struct TableFacts {
    pub source: RowSource,
    /// The partitioned table that it belongs to at last, or itself.
    pub top: TableName,
    /// `pg_table_size`, in bytes.
    pub bytes: i64,
    /// Names of its generated columns.
    pub generated: Vec<String>,
    /// Whether there is no page of rows.
    pub is_empty: bool,
    /// Why its rows cannot be read whole.
    pub forbidden: Option<String>,
}

/// Everything that is read of main at once.
#[derive(Debug, Default)]
pub(super) struct Facts {
    pub tables: Vec<TableFacts>,
    pub out_of_reach: OutOfReach,
    /// Relations that the role may not lock, so that `pg_dump` cannot read them.
    pub unreadable: Vec<TableName>,
    /// Schemas that the role may not use.
    pub closed_schemas: Vec<String>,
    /// Materialized views that have rows.
    pub populated: BTreeSet<TableName>,
    /// Pages of larger indexes by name (that of a key is its constraint's), as of the last time they were counted: asking
    /// for the size itself waits for locks.
    pub index_pages: HashMap<TableName, i32>,
    /// `last_value` of each sequence that was used.
    pub positions: BTreeMap<TableName, i64>,
    /// Roles that policies name, by table and policy.
    pub policy_roles: HashMap<(TableName, String), Vec<String>>,
    /// Extensions with the schema that each was installed in.
    pub extensions: Vec<(String, String)>,
    /// How many tables there are, partitions included.
    pub table_count: i64,
    /// How many locks the server has room for.
    pub lock_room: i64,
}

/// Tables with their rights. `COPY` wants every column.
const TABLES: &str = "
    SELECT /* optischema */ n.nspname::pg_catalog.text AS schema, c.relname::pg_catalog.text AS name,
           tn.nspname::pg_catalog.text AS top_schema, t.relname::pg_catalog.text AS top_name,
           ARRAY(SELECT a.attname::pg_catalog.text FROM pg_catalog.pg_attribute a
                 WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = '' ORDER BY a.attnum) AS columns,
           ARRAY(SELECT a.attname::pg_catalog.text FROM pg_catalog.pg_attribute a
                 WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated <> '') AS generated,
           EXISTS (SELECT FROM pg_catalog.pg_attribute a
                   WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.atttypid >= '16384') AS has_own_types,
           -- Asking for the size of a locked table waits for the lock.
           CASE WHEN c.oid::pg_catalog.int8 <> ALL ($1) THEN pg_catalog.pg_table_size(c.oid::pg_catalog.regclass) END::pg_catalog.int8 AS bytes,
           CASE WHEN c.oid::pg_catalog.int8 <> ALL ($1) THEN pg_catalog.pg_relation_size(c.oid::pg_catalog.regclass) END::pg_catalog.int8 AS row_bytes,
           pg_catalog.has_schema_privilege(n.oid, 'USAGE') AS may_enter,
           (SELECT pg_catalog.string_agg(pg_catalog.quote_ident(a.attname::pg_catalog.text), ', ' ORDER BY a.attnum)
            FROM pg_catalog.pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
              AND NOT pg_catalog.has_column_privilege(c.oid, a.attnum, 'SELECT')) AS forbidden,
           pg_catalog.row_security_active(c.oid) AS has_hidden_rows
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    LEFT JOIN LATERAL (SELECT pg_catalog.pg_partition_root(c.oid::pg_catalog.regclass) AS oid) root ON c.relispartition
    LEFT JOIN pg_catalog.pg_class t ON t.oid = COALESCE(root.oid::pg_catalog.oid, c.oid)
    LEFT JOIN pg_catalog.pg_namespace tn ON tn.oid = t.relnamespace
    WHERE c.relkind = 'r' AND c.relpersistence <> 't' AND c.oid >= '16384' AND n.nspname <> 'optischema'
      AND n.nspname NOT IN ('pg_catalog', 'information_schema')
      AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d WHERE d.classid = '1259' AND d.objid = c.oid AND d.deptype = 'e')
    ORDER BY row_bytes DESC NULLS LAST, 1, 2";

/// Tables and views that LOCK TABLE refuses: up to PostgreSQL 15 it wants SELECT on the whole table.
const UNREADABLE: &str = "
    SELECT /* optischema */ n.nspname::pg_catalog.text AS schema, c.relname::pg_catalog.text AS name
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p') AND c.relpersistence <> 't' AND c.oid >= '16384'
      AND pg_catalog.has_schema_privilege(n.oid, 'USAGE') AND NOT pg_catalog.has_table_privilege(c.oid, 'SELECT')";

const ROLES: &str = "
    SELECT /* optischema */ n.nspname::pg_catalog.text AS schema, c.relname::pg_catalog.text AS name, p.polname::pg_catalog.text AS policy,
           ARRAY(SELECT r.rolname::pg_catalog.text FROM pg_catalog.pg_roles r WHERE r.oid = ANY (p.polroles) ORDER BY 1) AS roles
    FROM pg_catalog.pg_policy p JOIN pg_catalog.pg_class c ON c.oid = p.polrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace";

const LOCKS: &str = "
    SELECT /* optischema */ pg_catalog.current_setting('max_locks_per_transaction')::pg_catalog.int8
               OPERATOR(pg_catalog.*) (pg_catalog.current_setting('max_connections')::pg_catalog.int8
               OPERATOR(pg_catalog.+) pg_catalog.current_setting('max_prepared_transactions')::pg_catalog.int8) AS room,
           (SELECT pg_catalog.count(*) FROM pg_catalog.pg_class c WHERE c.relkind IN ('r', 'p') AND c.oid >= '16384') AS tables";

impl Facts {
    /// Reads them in the snapshot of the session.
    pub(super) async fn read(
        main: &mut PgConnection,
        out_of_reach: OutOfReach,
    ) -> Result<Self, SandboxError> {
        let mut facts = Self { out_of_reach, ..Self::default() };
        for row in query(TABLES).bind(facts.out_of_reach.oids.clone()).fetch_all(&mut *main).await?
        {
            facts.tables.push(table(&row)?);
        }
        for row in query(UNREADABLE).fetch_all(&mut *main).await? {
            facts.unreadable.push(named(&row)?);
        }
        let closed = query(
            "SELECT /* optischema */ n.nspname::pg_catalog.text AS name FROM pg_catalog.pg_namespace n
             WHERE n.oid >= '16384' AND NOT pg_catalog.has_schema_privilege(n.oid, 'USAGE')",
        );
        for row in closed.fetch_all(&mut *main).await? {
            facts.closed_schemas.push(row.try_get("name")?);
        }
        let populated = query(
            "SELECT /* optischema */ n.nspname::pg_catalog.text AS schema, c.relname::pg_catalog.text AS name
             FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind = 'm' AND c.relispopulated",
        );
        for row in populated.fetch_all(&mut *main).await? {
            facts.populated.insert(named(&row)?);
        }
        let pages = query(
            "SELECT /* optischema */ n.nspname::pg_catalog.text AS schema, c.relname::pg_catalog.text AS name, c.relpages AS pages
             FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
             WHERE c.relkind = 'i' AND c.oid >= '16384' AND c.relpages > 100",
        );
        for row in pages.fetch_all(&mut *main).await? {
            facts.index_pages.insert(named(&row)?, row.try_get("pages")?);
        }
        let positions = query(
            "SELECT /* optischema */ s.schemaname::pg_catalog.text AS schema, s.sequencename::pg_catalog.text AS name, s.last_value AS position
             FROM pg_catalog.pg_sequences s WHERE s.last_value IS NOT NULL",
        );
        for row in positions.fetch_all(&mut *main).await? {
            facts.positions.insert(named(&row)?, row.try_get("position")?);
        }
        for row in query(ROLES).fetch_all(&mut *main).await? {
            facts
                .policy_roles
                .insert((named(&row)?, row.try_get("policy")?), row.try_get("roles")?);
        }
        let extensions = query(
            "SELECT /* optischema */ e.extname::pg_catalog.text AS name, n.nspname::pg_catalog.text AS schema
             FROM pg_catalog.pg_extension e JOIN pg_catalog.pg_namespace n ON n.oid = e.extnamespace WHERE e.extname <> 'plpgsql' ORDER BY e.oid",
        );
        for row in extensions.fetch_all(&mut *main).await? {
            facts.extensions.push((row.try_get("name")?, row.try_get("schema")?));
        }
        let row = query(LOCKS).fetch_one(&mut *main).await?;
        (facts.lock_room, facts.table_count) = (row.try_get("room")?, row.try_get("tables")?);
        Ok(facts)
    }
}

impl Facts {
    /// Whether a definition belongs to what `pg_dump` cannot read with the role's rights.
    pub(super) fn hides(&self, definition: &DumpStatement) -> bool {
        let of = definition.relation.as_ref().unwrap_or(&definition.object);
        if definition.kind == DumpKind::Schema {
            return self.closed_schemas.contains(&of.name);
        }
        self.unreadable.contains(of) || self.closed_schemas.contains(&of.schema)
    }
}

fn named(row: &PgRow) -> Result<TableName, SandboxError> {
    Ok(TableName::new(row.try_get::<String, _>("schema")?, row.try_get::<String, _>("name")?))
}

fn table(row: &PgRow) -> Result<TableFacts, SandboxError> {
    let table = named(row)?;
    let top_schema: Option<String> = row.try_get("top_schema")?;
    let top_name: Option<String> = row.try_get("top_name")?;
    let forbidden: Option<String> = row.try_get("forbidden")?;
    let forbidden = if !row.try_get::<bool, _>("may_enter")? {
        Some(format!(
            "the role on main may not use the schema: GRANT USAGE ON SCHEMA {}",
            optischema::model::quote_identifier(&table.schema)
        ))
    } else if let Some(columns) = forbidden {
        Some(format!("the role on main may not read {columns}: GRANT SELECT"))
    } else if row.try_get("has_hidden_rows")? {
        Some("a policy hides rows from the role on main: ALTER ROLE … BYPASSRLS lets it read all of them".to_owned())
    } else {
        None
    };
    Ok(TableFacts {
        top: top_schema
            .zip(top_name)
            .map_or_else(|| table.clone(), |(schema, name)| TableName::new(schema, name)),
        source: RowSource {
            table,
            columns: row.try_get("columns")?,
            is_sent: true,
            is_readable: true,
            has_own_types: row.try_get("has_own_types")?,
        },
        generated: row.try_get("generated")?,
        // A table that was dropped since the snapshot has no size.
        bytes: row.try_get::<Option<i64>, _>("bytes")?.unwrap_or_default(),
        is_empty: row.try_get::<Option<i64>, _>("row_bytes")? == Some(0),
        forbidden,
    })
}

/// Names that each of these extensions brings: what refers to one of them needs the extension. Access methods have no
/// schema.
pub(super) async fn members(
    connection: &mut PgConnection,
    extensions: &[String],
) -> Result<Vec<(String, TableName)>, SandboxError> {
    let rows = query(
        "SELECT /* optischema */ e.extname::pg_catalog.text AS extension, COALESCE(n.nspname::pg_catalog.text, '') AS schema, m.name::pg_catalog.text AS name
         FROM (SELECT 'pg_catalog.pg_proc'::pg_catalog.regclass AS class, oid, proname AS name, pronamespace AS namespace FROM pg_catalog.pg_proc
               UNION ALL SELECT 'pg_catalog.pg_type'::pg_catalog.regclass, oid, typname, typnamespace FROM pg_catalog.pg_type
               UNION ALL SELECT 'pg_catalog.pg_operator'::pg_catalog.regclass, oid, oprname, oprnamespace FROM pg_catalog.pg_operator
               UNION ALL SELECT 'pg_catalog.pg_opclass'::pg_catalog.regclass, oid, opcname, opcnamespace FROM pg_catalog.pg_opclass
               UNION ALL SELECT 'pg_catalog.pg_ts_dict'::pg_catalog.regclass, oid, dictname, dictnamespace FROM pg_catalog.pg_ts_dict
               UNION ALL SELECT 'pg_catalog.pg_class'::pg_catalog.regclass, oid, relname, relnamespace FROM pg_catalog.pg_class
               UNION ALL SELECT 'pg_catalog.pg_am'::pg_catalog.regclass, oid, amname, NULL FROM pg_catalog.pg_am) m
         JOIN pg_catalog.pg_depend d ON d.classid = m.class AND d.objid = m.oid AND d.deptype = 'e'
         JOIN pg_catalog.pg_extension e ON d.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass AND e.oid = d.refobjid
         LEFT JOIN pg_catalog.pg_namespace n ON n.oid = m.namespace
         WHERE e.extname::pg_catalog.text = ANY ($1)",
    )
    .bind(extensions)
    .fetch_all(connection)
    .await?;
    rows.iter().map(|row| Ok((row.try_get("extension")?, named(row)?))).collect()
}

/// Names of generated columns, by table.
pub(super) async fn generated_columns(
    connection: &mut PgConnection,
) -> Result<HashMap<TableName, Vec<String>>, SandboxError> {
    let rows = query(
        "SELECT n.nspname::pg_catalog.text AS schema, c.relname::pg_catalog.text AS name, pg_catalog.array_agg(a.attname::pg_catalog.text) AS columns
         FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_class c ON c.oid = a.attrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
         WHERE a.attgenerated <> '' AND NOT a.attisdropped GROUP BY 1, 2",
    )
    .fetch_all(connection)
    .await?;
    rows.iter().map(|row| Ok((named(row)?, row.try_get("columns")?))).collect()
}
