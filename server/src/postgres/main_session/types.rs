//! The types of a statement's parameters, by preparing it.

use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Row};

use super::super::{PgFailure, query};
use super::execute;

/// What the texts of prepared statements begin with: places in what PostgreSQL says of them count from there.
pub(crate) const PREPARED_AS: &str = "PREPARE optischema_types AS ";

/// Types of parameters by their names, those of this database with their schema. The path is the database's: every
/// function and operator is named in full.
const TYPES: &str = "
    SELECT /* optischema */ ARRAY(SELECT pg_catalog.concat(
             CASE WHEN t.oid::pg_catalog.int8 OPERATOR(pg_catalog.>=) 16384
                  THEN pg_catalog.concat(pg_catalog.quote_ident(n.nspname), '.', pg_catalog.quote_ident(COALESCE(e.typname, t.typname)))
                  ELSE COALESCE(e.typname, t.typname)::pg_catalog.text END, CASE WHEN e.oid IS NOT NULL THEN '[]' END)
         FROM pg_catalog.unnest(p.parameter_types) WITH ORDINALITY u (type, n)
         JOIN pg_catalog.pg_type t ON t.oid OPERATOR(pg_catalog.=) u.type::pg_catalog.oid
         JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) t.typnamespace
         LEFT JOIN pg_catalog.pg_type e
             ON e.typarray OPERATOR(pg_catalog.=) t.oid AND t.typarray OPERATOR(pg_catalog.=) '0' ORDER BY u.n) AS types
     FROM pg_catalog.pg_prepared_statements p WHERE p.name OPERATOR(pg_catalog.=) 'optischema_types'";

/// Prepares a statement, and asks for the types of its parameters. Nothing stays prepared; a failure ends the savepoint.
pub(super) async fn types_of(
    connection: &mut PgConnection,
    sql: &str,
) -> Result<Vec<String>, PgFailure> {
    let prepare = format!("{PREPARED_AS}{sql}");
    query(AssertSqlSafe(prepare)).execute(&mut *connection).await?;
    let row = query(TYPES).fetch_one(&mut *connection).await?;
    execute(connection, "DEALLOCATE optischema_types").await?;
    Ok(row.try_get("types")?)
}
