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
