//! The rehearsal: patch and rollback are tried out where they harm nobody. The catalog after both must equal the one
//! before.

use optischema::change_plan::{ChangePlan, Rehearsal};
use optischema::model::{
    CatalogEntry, CatalogObject, CatalogState, ChangeKind, ChangeStep, TableName,
};
use sqlx::postgres::PgConnection;
use uuid::Uuid;

use super::catalog_state::{Scope, read_state};
use super::error::ApplyError;
use super::known_index::expected_of;
use super::reason::ApplyReason;
use super::steps::run;
use crate::postgres::PgFailure;
use crate::postgres::query;
use crate::sandbox::{
    ScratchKind, ScratchSchema, Upkeep, create_scratch, create_tables, drop_scratch, finish_tables,
    hold_scratch, read_family,
};

/// The schema that a job rehearses in.
#[must_use]
pub fn rehearsal_schema(job: Uuid) -> ScratchSchema {
    ScratchSchema::new(ScratchKind::ApplyCheck, job)
}

/// Runs patch and rollback of a plan, whose statements were written for this job's schema. Returns the definition of an
/// index that was made, as [`ChangePlan::expected`] keeps it.
///
/// # Errors
/// One of them does not run, or the catalog afterwards differs.
pub async fn rehearse(
    connection: &mut PgConnection,
    job: Uuid,
    plan: &ChangePlan,
) -> Result<Option<String>, ApplyError> {
    match &plan.rehearsal {
        Rehearsal::Nothing => Ok(None),
        Rehearsal::Transaction => {
            run(connection, "BEGIN").await?;
            let result = in_transaction(connection, plan).await;
            run(connection, "ROLLBACK").await?;
            result.map(|_| None)
        }
        Rehearsal::Copies { patch, rollback } => {
            let schema = rehearsal_schema(job);
            if !hold_scratch(connection, &schema).await? {
                return Err(ApplyError::error(ApplyReason::AlreadyRehearsing));
            }
            // Copies' partitions name their indexes as PostgreSQL does, and have none of their own parameters: built once as
            // they are here, they are what is rehearsed on.
            let prime = plan.kind == ChangeKind::DropIndex && !plan.parts.is_empty();
            let ways = Ways { patch, rollback, prime };
            let result = on_copies(connection, &schema, &plan.tables, ways).await;
            drop_scratch(connection, &schema).await?;
            query("SELECT pg_catalog.pg_advisory_unlock($1)")
                .bind(schema.lock_key())
                .execute(connection)
                .await?;
            let with = result?;
            let made = CatalogObject::Index(TableName::new(&schema.name, &plan.object.name));
            let made = with.0.get(&made).filter(|_| plan.kind == ChangeKind::CreateIndex);
            let index = made.and_then(CatalogEntry::index);
            Ok(index.map(|index| expected_of(&index.definition, &schema.name)))
        }
    }
}

async fn in_transaction(
    connection: &mut PgConnection,
    plan: &ChangePlan,
) -> Result<CatalogState, ApplyError> {
    let texts = |steps: &[ChangeStep]| -> Vec<String> {
        steps.iter().filter(|step| !step.follow_up).map(|step| step.sql.clone()).collect()
    };
    let scope = Scope::of_plan(plan);
    both_ways(connection, &scope, &texts(&plan.steps), &texts(&plan.rollback)).await
}

/// The statements both ways, and whether they run once before it counts.
#[derive(Clone, Copy)]
struct Ways<'a> {
    patch: &'a [String],
    rollback: &'a [String],
    prime: bool,
}

async fn on_copies(
    connection: &mut PgConnection,
    schema: &ScratchSchema,
    tables: &[TableName],
    ways: Ways<'_>,
) -> Result<CatalogState, ApplyError> {
    create_scratch(connection, schema).await?;
    let family = read_family(connection, tables).await?;
    let here = |_: &str| schema.name.clone();
    let resolve = |schema: &str, name: &str| {
        let named = TableName::new(schema, name);
        family.get(&named).map(|structure| structure.table.clone())
    };
    run(connection, "BEGIN").await?;
    let made = create_tables(connection, &family, &here, Upkeep::Autovacuum, &resolve).await;
    run(connection, if made.is_ok() { "COMMIT" } else { "ROLLBACK" }).await?;
    made?;
    finish_tables(connection, &family, &here).await?;
    let copies = tables.iter().map(|table| TableName::new(&schema.name, &table.name)).collect();
    let scope = Scope { tables: copies, settings: false };
    if ways.prime {
        for statement in ways.patch.iter().chain(ways.rollback) {
            run(connection, statement).await.map_err(|error| rehearsed(error, rollback_fails))?;
        }
    }
    both_ways(connection, &scope, ways.patch, ways.rollback).await
}

/// Patch and rollback; returns the catalog as it was between them.
async fn both_ways(
    connection: &mut PgConnection,
    scope: &Scope,
    patch: &[String],
    rollback: &[String],
) -> Result<CatalogState, ApplyError> {
    let before = read_state(connection, scope).await?;
    for statement in patch {
        run(connection, statement).await.map_err(|error| rehearsed(error, patch_fails))?;
    }
    let between = read_state(connection, scope).await?;
    for statement in rollback {
        run(connection, statement).await.map_err(|error| rehearsed(error, rollback_fails))?;
    }
    let after = read_state(connection, scope).await?;
    if between == before {
        return Err(ApplyError::failed(ApplyReason::RehearsedNothing));
    }
    restored(&before, &after)
        .map_err(|difference| ApplyError::failed(ApplyReason::NotRestored { difference }))?;
    Ok(between)
}

/// Whether the catalog is what it was.
///
/// # Errors
/// The first entry that differs, in words.
pub(super) fn restored(before: &CatalogState, after: &CatalogState) -> Result<(), String> {
    let Some(change) = before.changes(after, None).into_iter().next() else { return Ok(()) };
    let side = |side: Option<CatalogEntry>| {
        side.map_or_else(|| "nothing".to_owned(), |entry| entry.to_string())
    };
    Err(format!("{} was `{}`, and is `{}`", change.object, side(change.before), side(change.after)))
}

fn patch_fails(failure: String) -> ApplyReason {
    ApplyReason::RehearsedPatchFails { failure }
}

fn rollback_fails(failure: String) -> ApplyReason {
    ApplyReason::RehearsedRollbackFails { failure }
}

fn rehearsed(error: PgFailure, fails: fn(String) -> ApplyReason) -> ApplyError {
    match ApplyError::from(error) {
        ApplyError::Failed(reasons) => ApplyError::failed(fails(reasons.to_string())),
        other => other,
    }
}
