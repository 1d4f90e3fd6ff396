//! The definitions of main: by `pg_dump`, or from the catalogs.

use std::collections::HashSet;

use optischema::model::TableName;

use super::super::SandboxError;
use super::facts::Facts;
use super::program::{self, DumpError, Excluded};
use super::{StagingOptions, StagingReport, catalog};
use crate::postgres::{MainSession, OutOfReach, PlanFailure, Snapshot};
use crate::sql::{DumpKind, DumpStatement, dump_statements};

/// The definitions of main: those before the rows, those after, and the relations that are not among them.
#[derive(Debug, Default)]
pub(super) struct Definitions {
    before: Vec<DumpStatement>,
    after: Vec<DumpStatement>,
    pub unread: Vec<TableName>,
}

impl Definitions {
    /// `pg_dump` begins to write what follows the rows with the first of certain kinds.
    fn by_position(mut statements: Vec<DumpStatement>, unread: Vec<TableName>) -> Self {
        let boundary = statements.iter().position(|statement| statement.kind.is_after_rows());
        let after = statements.split_off(boundary.unwrap_or(statements.len()));
        Self { before: statements, after, unread }
    }

    fn by_kind(statements: Vec<DumpStatement>) -> Self {
        let (after, before) = statements.into_iter().partition(|statement| {
            let kind = statement.kind;
            kind.is_after_rows() || matches!(kind, DumpKind::Mark | DumpKind::RowSecurity)
        });
        Self { before, after, unread: Vec::new() }
    }

    /// Names of relations, functions and types among them.
    pub(super) fn names(&self) -> HashSet<TableName> {
        let all = self.before.iter().chain(&self.after);
        let is_named = |kind| !matches!(kind, DumpKind::Comment | DumpKind::Extension);
        let named = all.filter(|statement| is_named(statement.kind));
        named.map(|statement| statement.object.clone()).collect()
    }

    /// Schemas, the rest before the rows, and what follows them. Comments come last, when all that they name is there.
    pub(super) fn in_order(self) -> (Vec<DumpStatement>, Vec<DumpStatement>, Vec<DumpStatement>) {
        let is_schema = |statement: &DumpStatement| statement.kind == DumpKind::Schema;
        let (schemas, before): (Vec<_>, Vec<_>) = self.before.into_iter().partition(is_schema);
        let is_comment = |statement: &DumpStatement| statement.kind == DumpKind::Comment;
        let (comments, before) = before.into_iter().partition(is_comment);
        (schemas, before, [self.after, comments].concat())
    }
}

/// Reads the definitions of main by `pg_dump` where a fitting one is on the machine, else from the catalogs.
pub(super) async fn definitions(
    main: &mut MainSession,
    snapshot: &Snapshot,
    facts: &Facts,
    options: &StagingOptions,
    report: &mut StagingReport,
) -> Result<Definitions, SandboxError> {
    let locked = &facts.out_of_reach;
    let excluded = Excluded {
        schemas: facts.closed_schemas.iter().cloned().chain(["optischema".to_owned()]).collect(),
        tables: facts.unreadable.iter().chain(&locked.relations).cloned().collect(),
    };
    let dumped = async {
        // The program locks every table at once.
        if facts.table_count > facts.lock_room / 2 {
            return Err(DumpError::TooManyTables(facts.table_count));
        }
        // No option leaves a function out, and it would wait for the lock without end.
        if locked.has_functions {
            return Err(DumpError::LockedFunctions);
        }
        let program = program::find(&options.program, main.version_number()).await?;
        let script = program::dump(&program, main, Some(snapshot), &excluded).await?;
        Ok((program, script))
    };
    match dumped.await {
        Ok((program, script)) => {
            report.program = Some(program.display().to_string());
            let mut found =
                Definitions::by_position(dump_statements(&script)?, locked.relations.clone());
            if !facts.unreadable.is_empty() || !facts.closed_schemas.is_empty() {
                // Catalogs can be read, whatever the role may read of the tables.
                let others = definitions_from_catalogs(main, locked).await?;
                let others = others.into_iter().filter(|other| facts.hides(other)).collect();
                let others = Definitions::by_kind(others);
                found.before.splice(0..0, others.before);
                found.after.extend(others.after);
            }
            Ok(found)
        }
        Err(DumpError::Target(failure)) if failure.is_connection() => Err(failure.into()),
        Err(error) => {
            tracing::info!(%error, "pg_dump is not used: the catalogs are read instead");
            let statements = definitions_from_catalogs(main, locked).await?;
            Ok(Definitions { unread: locked.relations.clone(), ..Definitions::by_kind(statements) })
        }
    }
}

/// The definitions of a database as its catalogs have them, but of what is out of reach.
///
/// # Errors
/// The server is lost, or changes faster than it can be read.
pub async fn definitions_from_catalogs(
    main: &mut MainSession,
    out_of_reach: &OutOfReach,
) -> Result<Vec<DumpStatement>, SandboxError> {
    let version = main.version_number();
    let reading = main.guarded(async |connection| {
        catalog::read_definitions(connection, version, &out_of_reach.oids).await
    });
    reading.await.map_err(|failure| match failure {
        PlanFailure::Target(failure) => failure.into(),
        PlanFailure::Sql(refusal) => refusal.into(),
    })
}
