//! `ANALYZE`, `VACUUM`, `REPACK` and `REINDEX`: they alter nothing that could be put back, and say so.

use optischema::change_plan::{ChangePlan, Rehearsal};
use optischema::model::{CatalogState, ChangeKind, ChangedObject, StepLock, TableName};
use sqlx::Row;
use sqlx::postgres::PgConnection;

use super::super::error::ApplyError;
use super::super::plan_site::{PlanSite, require_table};
use super::super::reason::ApplyReason;
use super::super::steps::alone;
use crate::postgres::query;
use crate::sql::{Maintenance, MaintenanceKind};

const fn lock(kind: MaintenanceKind) -> StepLock {
    match kind {
        MaintenanceKind::VacuumFull => StepLock::AccessExclusive,
        MaintenanceKind::Repack => StepLock::ShareUpdateExclusiveThenAccessExclusive,
        _ => StepLock::ShareUpdateExclusive,
    }
}

const fn kind_of(kind: MaintenanceKind) -> ChangeKind {
    match kind {
        MaintenanceKind::Analyze => ChangeKind::Analyze,
        MaintenanceKind::Vacuum => ChangeKind::Vacuum,
        MaintenanceKind::VacuumFull => ChangeKind::VacuumFull,
        MaintenanceKind::Repack => ChangeKind::Repack,
        MaintenanceKind::Reindex => ChangeKind::Reindex,
    }
}

const fn why_not(kind: MaintenanceKind) -> &'static str {
    match kind {
        MaintenanceKind::Analyze => {
            "ANALYZE cannot be undone: the statistics before are gone, and the next ANALYZE makes new ones"
        }
        MaintenanceKind::Vacuum | MaintenanceKind::VacuumFull => {
            "VACUUM cannot be undone: dead rows do not come back, and nothing needs them"
        }
        MaintenanceKind::Repack => {
            "REPACK cannot be undone, and need not be: the rows are the same"
        }
        MaintenanceKind::Reindex => {
            "REINDEX cannot be undone and need not be: the index is defined as before"
        }
    }
}

pub(in super::super) async fn plan(
    connection: &mut PgConnection,
    maintenance: &Maintenance,
    site: PlanSite<'_>,
) -> Result<ChangePlan, ApplyError> {
    let table = match &maintenance.table {
        Some(table) => table.clone(),
        None => table_of(connection, &maintenance.object).await?,
    };
    require_table(connection, &table, site).await?;
    let kind = maintenance.kind;
    if kind == MaintenanceKind::Repack {
        require_repack(connection).await?;
    }
    let statement = maintenance.sql();
    let marker = marker(connection, kind_of(kind), &table).await?;
    Ok(ChangePlan {
        kind: kind_of(kind),
        tables: vec![table],
        touches: Vec::new(),
        steps: vec![alone(format!("Run {}", kind.label()), &statement, lock(kind))],
        rollback: Vec::new(),
        no_rollback: Some(why_not(kind).to_owned()),
        object: ChangedObject {
            schema: maintenance.object.schema.clone(),
            name: maintenance.object.name.clone(),
            oid: None,
            definition: statement,
        },
        before: CatalogState::default(),
        marker,
        parts: Vec::new(),
        expected: None,
        rehearsal: Rehearsal::Nothing,
    })
}

/// `REPACK` is known from 19 on, and reads what others change meanwhile from the log, through a slot.
async fn require_repack(connection: &mut PgConnection) -> Result<(), ApplyError> {
    let row = query(
        "SELECT pg_catalog.current_setting('server_version') AS version,
                pg_catalog.current_setting('server_version_num')::pg_catalog.int4 >= 190000 AS known,
                pg_catalog.current_setting('wal_level') AS wal_level,
                pg_catalog.current_setting('max_repack_replication_slots', true) AS slots",
    )
    .fetch_one(connection)
    .await?;
    let reason = if !row.try_get::<bool, _>("known")? {
        let version: String = row.try_get("version")?;
        ApplyReason::RepackMissing { version }
    } else if row.try_get::<String, _>("wal_level")? == "minimal" {
        ApplyReason::RepackNeedsLog
    } else if row.try_get::<Option<String>, _>("slots")?.as_deref() == Some("0") {
        ApplyReason::RepackNeedsSlots
    } else {
        return Ok(());
    };
    Err(ApplyError::failed(reason))
}

async fn table_of(
    connection: &mut PgConnection,
    index: &TableName,
) -> Result<TableName, ApplyError> {
    let row = query(
        "SELECT tn.nspname::pg_catalog.text AS schema, t.relname::pg_catalog.text AS name FROM pg_catalog.pg_index i
         JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
         JOIN pg_catalog.pg_class t ON t.oid = i.indrelid JOIN pg_catalog.pg_namespace tn ON tn.oid = t.relnamespace
         WHERE n.nspname = $1 AND c.relname = $2",
    )
    .bind(&index.schema)
    .bind(&index.name)
    .fetch_optional(connection)
    .await?;
    let Some(row) = row else {
        let index = index.to_string();
        return Err(ApplyError::failed(ApplyReason::IndexMissing { index }));
    };
    Ok(TableName::new(row.try_get::<String, _>("schema")?, row.try_get::<String, _>("name")?))
}

/// What is another text once it was done: the time of the last ANALYZE or VACUUM, or the files of table and indexes. Absent
/// where the table is gone.
pub(in super::super) async fn marker(
    connection: &mut PgConnection,
    kind: ChangeKind,
    table: &TableName,
) -> Result<Option<String>, ApplyError> {
    let row = query(
        "SELECT coalesce(s.last_analyze::pg_catalog.text, '') AS analyzed, coalesce(s.last_vacuum::pg_catalog.text, '') AS vacuumed,
                pg_catalog.pg_relation_filenode(c.oid)::pg_catalog.text AS file,
                (SELECT pg_catalog.string_agg(pg_catalog.pg_relation_filenode(i.indexrelid)::pg_catalog.text, ' ' ORDER BY i.indexrelid)
                 FROM pg_catalog.pg_index i WHERE i.indrelid = c.oid) AS index_files
         FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
         LEFT JOIN pg_catalog.pg_stat_all_tables s ON s.relid = c.oid
         WHERE n.nspname = $1 AND c.relname = $2",
    )
    .bind(&table.schema)
    .bind(&table.name)
    .fetch_optional(connection)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let column = match kind {
        ChangeKind::Analyze => "analyzed",
        ChangeKind::Vacuum => "vacuumed",
        ChangeKind::VacuumFull | ChangeKind::Repack => "file",
        _ => "index_files",
    };
    Ok(Some(row.try_get::<Option<String>, _>(column)?.unwrap_or_default()))
}
