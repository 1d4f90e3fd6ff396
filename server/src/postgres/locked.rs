//! Which relations somebody else has for himself: whatever is asked of one waits for him.

use optischema::model::TableName;
use sqlx::Row;
use sqlx::postgres::PgConnection;

use super::{PgFailure, query};

const LOCKED: &str = "
    WITH RECURSIVE held AS (
        SELECT l.relation AS oid FROM pg_catalog.pg_locks l JOIN pg_catalog.pg_class c ON c.oid = l.relation
        WHERE l.locktype = 'relation'
          -- A transaction that was prepared has no process. The last number of a sequence is asked for as if by who takes one.
          AND (l.mode = 'AccessExclusiveLock' OR c.relkind = 'S' AND l.mode IN ('ExclusiveLock', 'ShareRowExclusiveLock', 'ShareLock'))
          AND l.pid IS DISTINCT FROM pg_catalog.pg_backend_pid()
          AND l.database = (SELECT d.oid FROM pg_catalog.pg_database d WHERE d.datname = pg_catalog.current_database())
        -- Whoever reads a partitioned table waits for any of its parts.
        UNION SELECT i.inhparent FROM held JOIN pg_catalog.pg_inherits i ON i.inhrelid = held.oid)
    SELECT /* optischema */ c.oid::pg_catalog.int8 AS oid, c.relkind::pg_catalog.text AS kind,
           n.nspname::pg_catalog.text AS schema, c.relname::pg_catalog.text AS name
    FROM held JOIN pg_catalog.pg_class c ON c.oid = held.oid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace";

/// Relations under an `ACCESS EXCLUSIVE` lock that another session has, or waits for, and what they are parts of.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Locked {
    /// Tables, views, indexes and all else.
    pub oids: Vec<i64>,
    /// Tables and views by name.
    pub tables: Vec<TableName>,
}

/// Reads them.
pub(super) async fn read_locked(connection: &mut PgConnection) -> Result<Locked, PgFailure> {
    let mut locked = Locked::default();
    for row in query(LOCKED).fetch_all(connection).await? {
        locked.oids.push(row.try_get("oid")?);
        let kind: String = row.try_get("kind")?;
        if matches!(kind.as_str(), "r" | "p" | "m" | "v" | "f") {
            let schema: String = row.try_get("schema")?;
            locked.tables.push(TableName::new(schema, row.try_get::<String, _>("name")?));
        }
    }
    Ok(locked)
}

/// What cannot be written out while another session has relations locked: PostgreSQL locks whatever a view, a rule or the
/// body of a function reads.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OutOfReach {
    /// Locked relations, and those with a rule or a view over one.
    pub relations: Vec<TableName>,
    /// The same, and functions with a body over one, in their catalogs' numbers.
    pub oids: Vec<i64>,
    /// Whether there is such a function.
    pub has_functions: bool,
}

const READERS: &str = "
    SELECT /* optischema */ c.oid::pg_catalog.int8 AS oid, n.nspname::pg_catalog.text AS schema, c.relname::pg_catalog.text AS name
    FROM pg_catalog.pg_rewrite w JOIN pg_catalog.pg_depend d ON d.classid = '2618' AND d.objid = w.oid AND d.refclassid = '1259'
    JOIN pg_catalog.pg_class c ON c.oid = w.ev_class JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE d.refobjid::pg_catalog.int8 = ANY ($1)
    UNION SELECT d.objid::pg_catalog.int8, NULL, NULL FROM pg_catalog.pg_depend d
    WHERE d.classid = '1255' AND d.refclassid = '1259' AND d.refobjid::pg_catalog.int8 = ANY ($1)";

/// Reads what is out of reach now.
pub(super) async fn read_out_of_reach(
    connection: &mut PgConnection,
) -> Result<OutOfReach, PgFailure> {
    let locked = read_locked(connection).await?;
    let mut found =
        OutOfReach { relations: locked.tables, oids: locked.oids, has_functions: false };
    if found.oids.is_empty() {
        return Ok(found);
    }
    for row in query(READERS).bind(found.oids.clone()).fetch_all(connection).await? {
        found.oids.push(row.try_get("oid")?);
        let schema: Option<String> = row.try_get("schema")?;
        let Some((schema, name)) = schema.zip(row.try_get::<Option<String>, _>("name")?) else {
            found.has_functions = true;
            continue;
        };
        let reader = TableName::new(schema, name);
        if !found.relations.contains(&reader) {
            found.relations.push(reader);
        }
    }
    Ok(found)
}
