//! Running definitions in the sandbox, alone and many in one transaction, with the notes of what they make.

use optischema::model::TableName;
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
    // Attaching a partition may have made the index of its parent on it.
    let is_index = kind == DumpKind::Index && failure.sqlstate() == Some("42P07");
    // duplicate_schema, duplicate_object, duplicate_function.
    is_index || is_named && matches!(failure.sqlstate(), Some("42P06" | "42710" | "42723"))
}

pub(super) async fn run_one(sandbox: &mut PgConnection, sql: &str) -> Result<(), SandboxError> {
    // A definition of main's catalog, never text of a person's or a workload's; one statement by its protocol.
    query(sqlx::AssertSqlSafe(sql.to_owned())).execute(sandbox).await?;
    Ok(())
}
