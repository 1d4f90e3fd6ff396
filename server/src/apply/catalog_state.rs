//! What the catalog says of everything that a patch could change: read before a change, after it, and after its
//! rollback.

use optischema::change_plan::ChangePlan;
use optischema::model::{
    CatalogEntry, CatalogObject, CatalogState, Change, ChangeDetail, IndexEntry, TableName,
};
use sqlx::Row;
use sqlx::postgres::{PgConnection, PgRow};

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

impl Scope {
    /// What a planned change touches.
    pub(super) fn of_plan(plan: &ChangePlan) -> Self {
        Self { tables: plan.tables.clone(), settings: plan.touches_settings() }
    }

    /// What an applied change touched.
    pub(super) fn of_change(change: &Change, detail: &ChangeDetail) -> Self {
        let settings = detail.effect.iter().any(|change| change.object.is_setting());
        Self { tables: change.tables.clone(), settings }
    }
}

const TREE: &str = "
    WITH RECURSIVE tree AS (
        SELECT c.oid FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
        JOIN ROWS FROM (pg_catalog.unnest($1::pg_catalog.text[]), pg_catalog.unnest($2::pg_catalog.text[])) AS t (schema, name) ON t.schema = n.nspname AND t.name = c.relname
        WHERE c.relkind IN ('r', 'p', 'm')
        UNION SELECT i.inhrelid FROM pg_catalog.pg_inherits i JOIN tree ON i.inhparent = tree.oid)";

/// Storage parameters, of the table and of its TOAST table.
const TABLES: &str = "
    SELECT n.nspname::pg_catalog.text AS schema, c.relname::pg_catalog.text AS name,
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
    SELECT n.nspname::pg_catalog.text AS schema, c.relname::pg_catalog.text AS name,
           pg_catalog.pg_get_indexdef(c.oid) AS definition, i.indisvalid AS valid, s.spcname::pg_catalog.text AS tablespace,
           i.indisclustered AS clustered, i.indisreplident AS replica_identity,
           (SELECT pg_catalog.string_agg(pg_catalog.format('%s=%s', a.attnum, a.attstattarget), ' ' ORDER BY a.attnum)
            FROM pg_catalog.pg_attribute a WHERE a.attrelid = c.oid AND nullif(a.attstattarget::int, -1) IS NOT NULL) AS statistics,
           pn.nspname::pg_catalog.text AS parent_schema, p.relname::pg_catalog.text AS parent_name,
           pg_catalog.quote_literal(pg_catalog.obj_description(c.oid, 'pg_class')) AS comment
    FROM tree JOIN pg_catalog.pg_index i ON i.indrelid = tree.oid JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    LEFT JOIN pg_catalog.pg_tablespace s ON s.oid = c.reltablespace
    LEFT JOIN pg_catalog.pg_inherits h ON h.inhrelid = c.oid
    LEFT JOIN pg_catalog.pg_class p ON p.oid = h.inhparent LEFT JOIN pg_catalog.pg_namespace pn ON pn.oid = p.relnamespace";

const STATISTICS: &str = "
    SELECT n.nspname::pg_catalog.text AS schema, s.stxname::pg_catalog.text AS name,
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

/// A kind of entry: its query, and how a row is read.
type Kind = (&'static str, fn(&PgRow) -> Result<(CatalogObject, CatalogEntry), sqlx::Error>);

const KINDS: [Kind; 4] = [
    (TABLES, |row| Ok((CatalogObject::Table(name(row)?), value(row)?))),
    (COLUMNS, |row| {
        let (table, column) = (name(row)?, row.try_get("part")?);
        Ok((CatalogObject::Column { table, column }, value(row)?))
    }),
    (INDEXES, |row| Ok((CatalogObject::Index(name(row)?), CatalogEntry::Index(index(row)?)))),
    (STATISTICS, |row| Ok((CatalogObject::Statistics(name(row)?), value(row)?))),
];

async fn read(connection: &mut PgConnection, scope: &Scope) -> Result<CatalogState, PgFailure> {
    let mut state = CatalogState::default();
    let schemas: Vec<&str> = scope.tables.iter().map(|table| table.schema.as_str()).collect();
    let names: Vec<&str> = scope.tables.iter().map(|table| table.name.as_str()).collect();
    if !scope.tables.is_empty() {
        for (what, entry) in KINDS {
            // Both parts are constants of this file.
            let text = sqlx::AssertSqlSafe(format!("{TREE} {what}"));
            let rows = query(text).bind(&schemas).bind(&names).fetch_all(&mut *connection).await?;
            for row in &rows {
                state.0.extend([entry(row)?]);
            }
        }
    }
    if scope.settings {
        for row in &query(SETTINGS).fetch_all(connection).await? {
            let setting =
                CatalogObject::Setting { role: row.try_get("role")?, name: row.try_get("name")? };
            state.0.insert(setting, value(row)?);
        }
    }
    Ok(state)
}

fn name(row: &PgRow) -> Result<TableName, sqlx::Error> {
    Ok(TableName::new(row.try_get::<String, _>("schema")?, row.try_get::<String, _>("name")?))
}

fn value(row: &PgRow) -> Result<CatalogEntry, sqlx::Error> {
    Ok(CatalogEntry::Text(row.try_get("value")?))
}

fn index(row: &PgRow) -> Result<IndexEntry, sqlx::Error> {
    let parent: (Option<String>, Option<String>) =
        (row.try_get("parent_schema")?, row.try_get("parent_name")?);
    Ok(IndexEntry {
        definition: row.try_get("definition")?,
        valid: row.try_get("valid")?,
        tablespace: row.try_get("tablespace")?,
        clustered: row.try_get("clustered")?,
        replica_identity: row.try_get("replica_identity")?,
        statistics: row.try_get("statistics")?,
        parent: parent.0.zip(parent.1).map(|(schema, name)| TableName::new(schema, name)),
        comment: row.try_get("comment")?,
    })
}
