//! `CREATE STATISTICS` and `DROP STATISTICS`. Both take effect with the next `ANALYZE`, which follows.

use optischema::change_plan::{ChangePlan, Rehearsal, Touch};
use optischema::model::{
    CatalogObject, CatalogState, ChangeKind, ChangedObject, StepLock, TableName, quote_literal,
};
use sqlx::Row;
use sqlx::postgres::PgConnection;

use super::super::error::ApplyError;
use super::super::plan_site::{PlanSite, require_table};
use super::super::reason::ApplyReason;
use super::super::steps::{follow_up, together};
use crate::postgres::query;
use crate::sql::{CreateStatistics, DropStatistics, statistics_definition_in};

/// A statistics object as the catalog knows it.
struct Known {
    oid: i64,
    table: TableName,
    definition: String,
    target: Option<i32>,
    comment: Option<String>,
}

async fn known(
    connection: &mut PgConnection,
    name: &TableName,
) -> Result<Option<Known>, ApplyError> {
    let row = query(
        "SELECT s.oid::pg_catalog.int8 AS oid, tn.nspname::pg_catalog.text AS schema, t.relname::pg_catalog.text AS name,
                pg_catalog.pg_get_statisticsobjdef(s.oid) AS definition, nullif(s.stxstattarget::int, -1) AS target,
                pg_catalog.obj_description(s.oid, 'pg_statistic_ext') AS comment
         FROM pg_catalog.pg_statistic_ext s JOIN pg_catalog.pg_namespace n ON n.oid = s.stxnamespace
         JOIN pg_catalog.pg_class t ON t.oid = s.stxrelid JOIN pg_catalog.pg_namespace tn ON tn.oid = t.relnamespace
         WHERE n.nspname = $1 AND s.stxname = $2",
    )
    .bind(&name.schema)
    .bind(&name.name)
    .fetch_optional(connection)
    .await?;
    let Some(row) = row else { return Ok(None) };
    Ok(Some(Known {
        oid: row.try_get("oid")?,
        table: TableName::new(
            row.try_get::<String, _>("schema")?,
            row.try_get::<String, _>("name")?,
        ),
        definition: row.try_get("definition")?,
        target: row.try_get("target")?,
        comment: row.try_get("comment")?,
    }))
}

/// What stands under the name now, after a change was made.
pub(in super::super) async fn standing(
    connection: &mut PgConnection,
    name: &TableName,
) -> Result<Option<ChangedObject>, ApplyError> {
    Ok(known(connection, name).await?.map(|known| object(name, Some(known.oid), known.definition)))
}

fn object(name: &TableName, oid: Option<i64>, definition: String) -> ChangedObject {
    ChangedObject { schema: name.schema.clone(), name: name.name.clone(), oid, definition }
}

pub(in super::super) async fn create(
    connection: &mut PgConnection,
    create: &CreateStatistics,
    site: PlanSite<'_>,
) -> Result<ChangePlan, ApplyError> {
    let table = &create.table;
    require_table(connection, table, site).await?;
    let name = TableName::new(&create.schema, &create.name);
    if let Some(there) = known(connection, &name).await? {
        let definition = there.definition;
        return Err(ApplyError::failed(ApplyReason::StatisticsExist { definition }));
    }
    if create.schema != table.schema {
        let schema = table.schema.clone();
        return Err(ApplyError::failed(ApplyReason::StatisticsElsewhere { schema }));
    }
    let statement = create.sql(&table.schema)?;
    let scratch = site.rehearsal_schema;
    Ok(ChangePlan {
        kind: ChangeKind::CreateStatistics,
        tables: vec![table.clone()],
        touches: vec![(CatalogObject::Statistics(name.clone()), Touch::Makes)],
        steps: vec![
            together("Make the statistics object", &statement, StepLock::ShareUpdateExclusive),
            analyze(table, "Gather the statistics, so that the planner has them"),
        ],
        rollback: vec![together(
            "Drop the statistics object",
            create.undo(&table.schema),
            StepLock::ShareUpdateExclusive,
        )],
        no_rollback: None,
        object: object(&name, None, statement),
        before: CatalogState::default(),
        marker: None,
        parts: Vec::new(),
        expected: None,
        rehearsal: Rehearsal::Copies {
            patch: vec![create.sql(scratch)?],
            rollback: vec![create.undo(scratch)],
        },
    })
}

pub(in super::super) async fn drop(
    connection: &mut PgConnection,
    drop: &DropStatistics,
    site: PlanSite<'_>,
) -> Result<ChangePlan, ApplyError> {
    let name = TableName::new(&drop.schema, &drop.name);
    let there = known(connection, &name)
        .await?
        .ok_or_else(|| ApplyError::failed(ApplyReason::StatisticsMissing { name: name.clone() }))?;
    require_table(connection, &there.table, site).await?;
    let scratch = site.rehearsal_schema;
    let mut rollback = vec![together(
        "Make the statistics object again",
        statistics_definition_in(&there.definition, &drop.schema, &there.table.schema)?,
        StepLock::ShareUpdateExclusive,
    )];
    if let Some(target) = there.target {
        rollback.push(together(
            "Give it its target again",
            format!("ALTER STATISTICS {} SET STATISTICS {target}", name.quoted()),
            StepLock::ShareUpdateExclusive,
        ));
    }
    if let Some(comment) = &there.comment {
        rollback.push(together(
            "Give it its comment again",
            format!("COMMENT ON STATISTICS {} IS {}", name.quoted(), quote_literal(comment)),
            StepLock::ShareUpdateExclusive,
        ));
    }
    rollback.push(analyze(&there.table, "Gather the statistics again"));
    Ok(ChangePlan {
        kind: ChangeKind::DropStatistics,
        tables: vec![there.table.clone()],
        touches: vec![(CatalogObject::Statistics(name.clone()), Touch::Removes)],
        steps: vec![together(
            "Drop the statistics object",
            drop.sql(&drop.schema),
            StepLock::AccessExclusiveBriefly,
        )],
        rollback,
        no_rollback: None,
        object: object(&name, None, there.definition.clone()),
        before: CatalogState::default(),
        marker: None,
        parts: Vec::new(),
        expected: None,
        rehearsal: Rehearsal::Copies {
            patch: vec![drop.sql(scratch)],
            rollback: vec![statistics_definition_in(&there.definition, scratch, scratch)?],
        },
    })
}

fn analyze(table: &TableName, title: &str) -> optischema::model::ChangeStep {
    follow_up(title, format!("ANALYZE {}", table.quoted()))
}
