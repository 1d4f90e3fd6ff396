//! Reading which rows each role reaches of the tables that have row security.

use std::collections::BTreeMap;

use optischema::model::{Policy, RowAccess, RowSecurity, TableName};
use sqlx::Row;
use sqlx::postgres::{PgConnection, PgRow};

use super::locked::Locked;
use super::{PgFailure, query};

const ROW_SECURITY: &str = "
    SELECT /* optischema */ n.nspname::pg_catalog.text AS schema, c.relname::pg_catalog.text AS name,
           pg_catalog.row_security_active(c.oid) AS is_active,
           ARRAY(SELECT r.rolname::pg_catalog.text FROM pg_catalog.pg_roles r
                 WHERE r.rolsuper OR r.rolbypassrls OR (r.oid = c.relowner AND NOT c.relforcerowsecurity)) AS exempt
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relrowsecurity AND c.relkind IN ('r', 'p')";

const POLICIES: &str = "
    SELECT /* optischema */ n.nspname::pg_catalog.text AS schema, c.relname::pg_catalog.text AS name,
           NOT p.polpermissive AS is_restrictive, p.polcmd::pg_catalog.text AS command, '0'::pg_catalog.oid = ANY (p.polroles) AS is_for_all,
           ARRAY(SELECT m.rolname::pg_catalog.text FROM pg_catalog.pg_roles m, pg_catalog.unnest(p.polroles) u (role)
                 WHERE u.role <> '0' AND pg_catalog.pg_has_role(m.oid, u.role, 'USAGE')) AS roles,
           pg_catalog.pg_column_size(p.polqual) > 65536 AS is_large,
           CASE WHEN pg_catalog.pg_column_size(p.polqual) <= 65536 THEN pg_catalog.pg_get_expr(p.polqual, p.polrelid) END AS condition
    FROM pg_catalog.pg_policy p JOIN pg_catalog.pg_class c ON c.oid = p.polrelid
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relrowsecurity AND p.polcmd <> 'a' AND p.polqual IS NOT NULL
      AND NOT c.oid::pg_catalog.int8 = ANY ($1) ORDER BY p.polname";

/// Which rows each role reads of the tables that have row security.
pub(super) async fn read_row_security(
    connection: &mut PgConnection,
    locked: &Locked,
) -> Result<BTreeMap<TableName, RowSecurity>, PgFailure> {
    let name = |row: &PgRow| -> Result<TableName, PgFailure> {
        let (schema, name): (String, String) = (row.try_get("schema")?, row.try_get("name")?);
        Ok(TableName::new(schema, name))
    };
    let mut tables = BTreeMap::new();
    for row in query(ROW_SECURITY).fetch_all(&mut *connection).await? {
        let (is_active, exempt) = (row.try_get("is_active")?, row.try_get("exempt")?);
        tables.insert(name(&row)?, RowSecurity { is_active, exempt, ..RowSecurity::default() });
    }
    if tables.is_empty() {
        return Ok(tables);
    }
    for row in query(POLICIES).bind(&locked.oids).fetch_all(connection).await? {
        let Some(table) = tables.get_mut(&name(&row)?) else { continue };
        table.has_unread |= row.try_get::<bool, _>("is_large")?;
        // A table that is dropped meanwhile has no condition.
        let Some(condition) = row.try_get("condition")? else { continue };
        let is_for_all: bool = row.try_get("is_for_all")?;
        table.policies.push(Policy {
            roles: if is_for_all { None } else { Some(row.try_get("roles")?) },
            access: match row.try_get::<String, _>("command")?.as_str() {
                "r" => Some(RowAccess::Read),
                "w" => Some(RowAccess::Update),
                "d" => Some(RowAccess::Delete),
                _ => None,
            },
            is_restrictive: row.try_get("is_restrictive")?,
            condition,
        });
    }
    Ok(tables)
}
