//! Running definitions in the sandbox, alone and many in one transaction, with the notes of what they make.

use optischema::model::TableName;
use sqlx::Row;
use sqlx::postgres::PgConnection;

use super::super::SandboxError;
use super::super::scratch::execute;
use super::notes;
use super::order::is_noted;
use crate::postgres::{PgFailure, query};
use crate::sql::{DumpKind, DumpStatement};

/// Runs statements in one transaction, with their notes; whether all of them succeeded.
///
/// # Errors
/// The sandbox is lost.
pub(super) async fn run_together(
    sandbox: &mut PgConnection,
    statements: &[DumpStatement],
    is_whole: bool,
) -> Result<bool, SandboxError> {
    execute(sandbox, "BEGIN".to_owned()).await?;
    let ran = async {
        for statement in statements {
            run_one(sandbox, &statement.sql).await?;
        }
        let noted: Vec<(DumpKind, &TableName)> = statements
            .iter()
            .filter(|statement| is_noted(statement.kind))
            .map(|statement| (statement.kind, &statement.object))
            .collect();
        notes::note(sandbox, &noted, is_whole).await
    };
    let ran = ran.await;
    execute(sandbox, if ran.is_ok() { "COMMIT" } else { "ROLLBACK" }.to_owned()).await?;
    match ran {
        Err(SandboxError::Target(failure)) if failure.is_connection() => Err(failure.into()),
        ran => Ok(ran.is_ok()),
    }
}

pub(super) async fn create_noted(
    sandbox: &mut PgConnection,
    statement: &DumpStatement,
    is_whole: bool,
) -> Result<(), SandboxError> {
    execute(sandbox, "BEGIN".to_owned()).await?;
    let made = run_one(sandbox, &statement.sql).await;
    let noted = match made {
        Ok(()) => notes::note(sandbox, &[(statement.kind, &statement.object)], is_whole).await,
        failed => failed,
    };
    execute(sandbox, if noted.is_ok() { "COMMIT" } else { "ROLLBACK" }.to_owned()).await?;
    noted
}

/// Types, functions, schemas and the like that a person has in the sandbox are used as they are.
pub(super) fn is_there_already(failure: &PgFailure, kind: DumpKind) -> bool {
    let is_named = matches!(
        kind,
        DumpKind::Schema
            | DumpKind::Type
            | DumpKind::Domain
            | DumpKind::Function
            | DumpKind::Collation
            | DumpKind::Other
    );
    // duplicate_schema, duplicate_object, duplicate_function; unique_violation where a catalog has no word of its own for
    // it, as for text search objects.
    is_named && matches!(failure.sqlstate(), Some("42P06" | "42710" | "42723"))
        || kind == DumpKind::Other && failure.sqlstate() == Some("23505")
}

/// Whether an index or a key that failed is there already: attaching a partition makes those of its parent.
pub(super) async fn came_with_its_parent(
    sandbox: &mut PgConnection,
    statement: &DumpStatement,
    failure: &PgFailure,
) -> Result<bool, SandboxError> {
    // duplicate_table, invalid_table_definition (a second primary key).
    let is_candidate = matches!(
        (statement.kind, failure.sqlstate()),
        (DumpKind::Index | DumpKind::Key, Some("42P07" | "42P16"))
    );
    let (Some(relation), true) = (&statement.relation, is_candidate) else { return Ok(false) };
    let row = query(
        "SELECT EXISTS (SELECT FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class x ON x.oid = i.indexrelid
                        WHERE i.indrelid = pg_catalog.to_regclass($1) AND (x.relname = $2 OR i.indisprimary AND x.relispartition)) AS there",
    )
    .bind(relation.quoted())
    .bind(&statement.object.name)
    .fetch_one(sandbox)
    .await?;
    Ok(row.try_get("there")?)
}

/// Drops what `pg_dump` puts in the place of a view that depends on later definitions, where these failed: it has the
/// view's columns and one row of NULLs.
pub(super) async fn drop_placeholder(
    sandbox: &mut PgConnection,
    statement: &DumpStatement,
) -> Result<(), SandboxError> {
    if statement.kind != DumpKind::View || !statement.sql.starts_with("CREATE OR REPLACE VIEW") {
        return Ok(());
    }
    // Views over it were made in this run, and would show its NULLs.
    execute(sandbox, format!("DROP VIEW IF EXISTS {} CASCADE", statement.object.quoted())).await
}

pub(super) async fn run_one(sandbox: &mut PgConnection, sql: &str) -> Result<(), SandboxError> {
    // A definition of main's catalog, never text of a person's or a workload's; one statement by its protocol.
    query(sqlx::AssertSqlSafe(sql.to_owned())).execute(sandbox).await?;
    Ok(())
}
