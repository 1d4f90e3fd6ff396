//! What the catalog says of everything that a patch could change: read before a change, after it, and after its
//! rollback.

use optischema::model::{CatalogState, TableName, index_line, quote_identifier};
use sqlx::Row;
use sqlx::postgres::PgConnection;

use crate::postgres::PgFailure;
use crate::postgres::query;

/// What a reading covers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Scope {
    /// With their partitions and children.
    pub tables: Vec<TableName>,
    /// Whether settings of this database are read too.
    pub settings: bool,
}

const TREE: &str = "
    WITH RECURSIVE tree AS (
        SELECT c.oid FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
        JOIN ROWS FROM (pg_catalog.unnest($1::pg_catalog.text[]), pg_catalog.unnest($2::pg_catalog.text[])) AS t (schema, name) ON t.schema = n.nspname AND t.name = c.relname
        WHERE c.relkind IN ('r', 'p', 'm')
        UNION SELECT i.inhrelid FROM pg_catalog.pg_inherits i JOIN tree ON i.inhparent = tree.oid)";

/// Storage parameters, of the table and of its TOAST table.
const TABLES: &str = "
    SELECT n.nspname::pg_catalog.text AS schema, c.relname::pg_catalog.text AS name, NULL::pg_catalog.text AS part,
           pg_catalog.concat_ws('; toast: ',
               pg_catalog.array_to_string(ARRAY(SELECT pg_catalog.unnest(c.reloptions) ORDER BY 1), ', '),
               nullif(pg_catalog.array_to_string(ARRAY(SELECT pg_catalog.unnest(t.reloptions) ORDER BY 1), ', '), '')) AS value
    FROM tree JOIN pg_catalog.pg_class c ON c.oid = tree.oid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    LEFT JOIN pg_catalog.pg_class t ON t.oid = c.reltoastrelid
    WHERE c.reloptions IS NOT NULL OR t.reloptions IS NOT NULL";

/// What ANALYZE keeps of a column.
const COLUMNS: &str = "
    SELECT n.nspname::pg_catalog.text AS schema, c.relname::pg_catalog.text AS name, a.attname::pg_catalog.text AS part,
           pg_catalog.concat_ws(', ', 'statistics=' OPERATOR(pg_catalog.||) nullif(a.attstattarget::int, -1),
               nullif(pg_catalog.array_to_string(o.given, ', '), '')) AS value
    FROM tree JOIN pg_catalog.pg_class c ON c.oid = tree.oid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped,
    LATERAL (SELECT ARRAY(SELECT w FROM pg_catalog.unnest(a.attoptions) w WHERE w NOT LIKE 'pg\\_%' ORDER BY 1) AS given) o
    WHERE nullif(a.attstattarget::int, -1) IS NOT NULL OR pg_catalog.cardinality(o.given) > 0";

const INDEXES: &str = "
    SELECT n.nspname::pg_catalog.text AS schema, c.relname::pg_catalog.text AS name, NULL::pg_catalog.text AS part,
           pg_catalog.concat_ws(E'\\n', CASE WHEN NOT i.indisvalid THEN 'invalid: ' END OPERATOR(pg_catalog.||) pg_catalog.pg_get_indexdef(c.oid), CASE WHEN i.indisvalid THEN pg_catalog.pg_get_indexdef(c.oid) END,
               'tablespace ' OPERATOR(pg_catalog.||) s.spcname,
               CASE WHEN i.indisclustered THEN 'clustered' END,
               CASE WHEN i.indisreplident THEN 'replica identity' END,
               (SELECT 'statistics ' OPERATOR(pg_catalog.||) pg_catalog.string_agg(pg_catalog.format('%s=%s', a.attnum, a.attstattarget), ' ' ORDER BY a.attnum)
                FROM pg_catalog.pg_attribute a WHERE a.attrelid = c.oid AND nullif(a.attstattarget::int, -1) IS NOT NULL),
               (SELECT pg_catalog.format('of %I.%I', pn.nspname, p.relname) FROM pg_catalog.pg_inherits h
                JOIN pg_catalog.pg_class p ON p.oid = h.inhparent
                JOIN pg_catalog.pg_namespace pn ON pn.oid = p.relnamespace WHERE h.inhrelid = c.oid),
               'comment ' OPERATOR(pg_catalog.||) pg_catalog.quote_literal(pg_catalog.obj_description(c.oid, 'pg_class'))) AS value
    FROM tree JOIN pg_catalog.pg_index i ON i.indrelid = tree.oid JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    LEFT JOIN pg_catalog.pg_tablespace s ON s.oid = c.reltablespace";

const STATISTICS: &str = "
    SELECT n.nspname::pg_catalog.text AS schema, s.stxname::pg_catalog.text AS name, NULL::pg_catalog.text AS part,
           pg_catalog.concat_ws('; ', pg_catalog.pg_get_statisticsobjdef(s.oid),
               'target ' OPERATOR(pg_catalog.||) nullif(s.stxstattarget::int, -1),
               'comment ' OPERATOR(pg_catalog.||) pg_catalog.quote_literal(pg_catalog.obj_description(s.oid, 'pg_statistic_ext'))) AS value
    FROM tree JOIN pg_catalog.pg_statistic_ext s ON s.stxrelid = tree.oid
    JOIN pg_catalog.pg_namespace n ON n.oid = s.stxnamespace";

const SETTINGS: &str = "
    SELECT r.rolname::pg_catalog.text AS role, pg_catalog.split_part(one, '=', 1) AS name,
           pg_catalog.substr(one, pg_catalog.strpos(one, '=') OPERATOR(pg_catalog.+) 1) AS value
    FROM pg_catalog.pg_db_role_setting s CROSS JOIN pg_catalog.unnest(s.setconfig) AS one
    JOIN pg_catalog.pg_database d ON d.oid = s.setdatabase LEFT JOIN pg_catalog.pg_roles r ON r.oid = s.setrole
    WHERE d.datname = pg_catalog.current_database()";

/// Reads it. Definitions are written with every name outside `pg_catalog` qualified, whatever the session's path is.
pub(super) async fn read_state(
    connection: &mut PgConnection,
    scope: &Scope,
) -> Result<CatalogState, PgFailure> {
    let path: String = query("SELECT pg_catalog.current_setting('search_path') AS path")
        .fetch_one(&mut *connection)
        .await?
        .try_get("path")?;
    set_path(connection, "pg_catalog").await?;
    let state = read(connection, scope).await;
    set_path(connection, &path).await?;
    state
}

async fn set_path(connection: &mut PgConnection, path: &str) -> Result<(), PgFailure> {
    query("SELECT pg_catalog.set_config('search_path', $1, false)")
        .bind(path)
        .execute(connection)
        .await?;
    Ok(())
}

async fn read(connection: &mut PgConnection, scope: &Scope) -> Result<CatalogState, PgFailure> {
    let mut state = CatalogState::default();
    let schemas: Vec<&str> = scope.tables.iter().map(|table| table.schema.as_str()).collect();
    let names: Vec<&str> = scope.tables.iter().map(|table| table.name.as_str()).collect();
    if !scope.tables.is_empty() {
        for (kind, what) in
            [("table", TABLES), ("column", COLUMNS), ("index", INDEXES), ("statistics", STATISTICS)]
        {
            // Both parts are constants of this file.
            let text = sqlx::AssertSqlSafe(format!("{TREE} {what}"));
            let rows = query(text).bind(&schemas).bind(&names).fetch_all(&mut *connection).await?;
            for row in rows {
                let name = TableName::new(
                    row.try_get::<String, _>("schema")?,
                    row.try_get::<String, _>("name")?,
                );
                let part: Option<String> = row.try_get("part")?;
                state.0.insert(key(kind, &name, part.as_deref()), row.try_get("value")?);
            }
        }
    }
    if scope.settings {
        for row in query(SETTINGS).fetch_all(connection).await? {
            let role: Option<String> = row.try_get("role")?;
            let name: String = row.try_get("name")?;
            state.0.insert(setting_key(role.as_deref(), &name), row.try_get("value")?);
        }
    }
    Ok(state)
}

fn key(kind: &str, name: &TableName, part: Option<&str>) -> String {
    match part {
        Some(part) => format!("{kind} {name}.{}", quote_identifier(part)),
        None => format!("{kind} {name}"),
    }
}

/// The key of an index in a state.
pub(super) fn index_key(name: &TableName) -> String {
    index_line(name)
}

/// The key of extended statistics in a state.
pub(super) fn statistics_key(name: &TableName) -> String {
    key("statistics", name, None)
}

/// The key of a table's storage parameters in a state.
pub(super) fn table_key(name: &TableName) -> String {
    key("table", name, None)
}

/// The key of what ANALYZE keeps of a column in a state.
pub(super) fn column_key(table: &TableName, column: &str) -> String {
    key("column", table, Some(column))
}

/// The key of a setting of this database in a state; of all roles where none is named.
pub(super) fn setting_key(role: Option<&str>, name: &str) -> String {
    let whose = role.map_or_else(|| "of all roles".to_owned(), quote_identifier);
    format!("setting {whose} {name}")
}
