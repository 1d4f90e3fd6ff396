//! `ALTER TABLE` of storage and autovacuum parameters, and of what `ANALYZE` keeps of a column. The rollback is made of
//! the values that stand now, for each table below it that has its own.

use std::collections::BTreeMap;

use optischema::change_plan::{ChangePlan, Rehearsal, Touch};
use optischema::model::{
    CatalogObject, CatalogState, ChangeKind, ChangeStep, ChangedObject, StepLock, TableName,
    quote_identifier, quote_literal,
};
use sqlx::Row;
use sqlx::postgres::PgConnection;

use super::super::error::ApplyError;
use super::super::plan_site::{Place, PlanSite, require_table};
use super::super::reason::ApplyReason;
use super::super::steps::{follow_up, together};
use crate::postgres::query;
use crate::sql::AlterTable;

/// Parameters of one table as they stand.
#[derive(Debug, Clone)]
struct Parameters {
    table: TableName,
    /// By full name: `fillfactor`, `toast.autovacuum_enabled`.
    options: BTreeMap<String, String>,
    /// By column: target of its statistics, and its options.
    columns: BTreeMap<String, (Option<i32>, BTreeMap<String, String>)>,
}

fn pairs(options: &[String], prefix: &str) -> BTreeMap<String, String> {
    let pair = |option: &String| {
        option.split_once('=').map(|(name, value)| (format!("{prefix}{name}"), value.to_owned()))
    };
    options.iter().filter_map(pair).collect()
}

/// The table, and what inherits from it: `ALTER COLUMN … SET STATISTICS` reaches those too.
async fn standing(
    connection: &mut PgConnection,
    alter: &AlterTable,
) -> Result<Vec<Parameters>, ApplyError> {
    let rows = query(
        "WITH RECURSIVE tree AS (
             SELECT c.oid, 0 AS depth FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
             WHERE n.nspname = $1 AND c.relname = $2
             UNION SELECT i.inhrelid, t.depth OPERATOR(pg_catalog.+) 1 FROM pg_catalog.pg_inherits i JOIN tree t ON t.oid = i.inhparent)
         SELECT n.nspname::pg_catalog.text AS schema, c.relname::pg_catalog.text AS name, coalesce(c.reloptions, '{}') AS options,
                coalesce(t.reloptions, '{}') AS toast_options, x.depth
         FROM tree x JOIN pg_catalog.pg_class c ON c.oid = x.oid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
         LEFT JOIN pg_catalog.pg_class t ON t.oid = c.reltoastrelid ORDER BY x.depth, 1, 2",
    )
    .bind(&alter.table.schema)
    .bind(&alter.table.name)
    .fetch_all(&mut *connection)
    .await?;
    let mut found = Vec::with_capacity(rows.len());
    for row in &rows {
        let table =
            TableName::new(row.try_get::<String, _>("schema")?, row.try_get::<String, _>("name")?);
        let mut options = pairs(&row.try_get::<Vec<String>, _>("options")?, "");
        options.extend(pairs(&row.try_get::<Vec<String>, _>("toast_options")?, "toast."));
        let columns = columns(connection, &table, &alter.columns).await?;
        found.push(Parameters { table, options, columns });
    }
    Ok(found)
}

async fn columns(
    connection: &mut PgConnection,
    table: &TableName,
    names: &[String],
) -> Result<BTreeMap<String, (Option<i32>, BTreeMap<String, String>)>, ApplyError> {
    let rows = query(
        "SELECT a.attname::pg_catalog.text AS name, nullif(a.attstattarget::int, -1) AS target,
                ARRAY(SELECT o FROM pg_catalog.unnest(a.attoptions) o WHERE o NOT LIKE 'pg\\_%') AS options
         FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_class c ON c.oid = a.attrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
         WHERE n.nspname = $1 AND c.relname = $2 AND a.attname = ANY ($3) AND a.attnum > 0",
    )
    .bind(&table.schema)
    .bind(&table.name)
    .bind(names)
    .fetch_all(connection)
    .await?;
    let mut found = BTreeMap::new();
    for row in &rows {
        let options = pairs(&row.try_get::<Vec<String>, _>("options")?, "");
        found.insert(row.try_get("name")?, (row.try_get("target")?, options));
    }
    Ok(found)
}

pub(in super::super) async fn alter(
    connection: &mut PgConnection,
    alter: &AlterTable,
    site: PlanSite<'_>,
) -> Result<ChangePlan, ApplyError> {
    let table = &alter.table;
    require_table(connection, table, site).await?;
    let mut all = standing(connection, alter).await?;
    if alter.columns.is_empty() {
        // Storage parameters are the named table's alone.
        all.truncate(1);
    }
    let missing = alter
        .columns
        .iter()
        .find(|column| all.first().is_none_or(|standing| !standing.columns.contains_key(*column)));
    if let Some(column) = missing {
        let (table, column) = (table.clone(), column.clone());
        return Err(ApplyError::failed(ApplyReason::ColumnMissing { table, column }));
    }
    let mut touches = Vec::new();
    for standing in &all {
        if !alter.parameters.is_empty() && standing.table == *table {
            touches.push((CatalogObject::Table(standing.table.clone()), Touch::Alters));
        }
        for column in &alter.columns {
            let (table, column) = (standing.table.clone(), column.clone());
            touches.push((CatalogObject::Column { table, column }, Touch::Alters));
        }
    }
    let statement = alter.sql(&table.schema)?;
    let mut steps =
        vec![together("Alter the parameters", &statement, StepLock::ShareUpdateExclusive)];
    let mut rollback = undo(alter, &all, Place::Own);
    if alter.needs_analyze {
        let columns: Vec<String> =
            alter.columns.iter().map(|column| quote_identifier(column)).collect();
        let analyze = format!("ANALYZE {} ({})", table.quoted(), columns.join(", "));
        steps.push(follow_up("Gather the columns' statistics again", &analyze));
        rollback.push(follow_up("Gather the columns' statistics again", analyze));
    }
    let place = Place::Rehearsal(site.rehearsal_schema);
    let undone = undo(alter, &all, place).into_iter().map(|step| step.sql).collect();
    Ok(ChangePlan {
        kind: ChangeKind::AlterTable,
        tables: vec![table.clone()],
        touches,
        steps,
        rollback,
        no_rollback: None,
        object: ChangedObject {
            schema: table.schema.clone(),
            name: table.name.clone(),
            oid: None,
            definition: statement,
        },
        before: CatalogState::default(),
        marker: None,
        parts: Vec::new(),
        expected: None,
        rehearsal: Rehearsal::Copies {
            patch: vec![alter.sql(site.rehearsal_schema)?],
            rollback: undone,
        },
    })
}

/// A storage parameter's name, quoted; `toast.` before it stays outside the quotes.
fn quoted_parameter(name: &str) -> String {
    match name.strip_prefix("toast.") {
        Some(rest) => format!("toast.{}", quote_identifier(rest)),
        None => quote_identifier(name),
    }
}

fn undo(alter: &AlterTable, all: &[Parameters], place: Place<'_>) -> Vec<ChangeStep> {
    let mut steps = Vec::new();
    for standing in all {
        let table = place.of(&standing.table).quoted();
        let mut commands = Vec::new();
        for name in alter.parameters.iter().filter(|_| standing.table == alter.table) {
            let parameter = quoted_parameter(name);
            commands.push(match standing.options.get(name) {
                Some(value) => format!("SET ({parameter} = {})", quote_literal(value)),
                None => format!("RESET ({parameter})"),
            });
        }
        for (column, (target, options)) in &standing.columns {
            let column = quote_identifier(column);
            // -1 is the default, on every version.
            let target = target.unwrap_or(-1);
            commands.push(format!("ALTER COLUMN {column} SET STATISTICS {target}"));
            for name in ["n_distinct", "n_distinct_inherited"] {
                commands.push(match options.get(name) {
                    Some(value) => {
                        format!("ALTER COLUMN {column} SET ({name} = {})", quote_literal(value))
                    }
                    None => format!("ALTER COLUMN {column} RESET ({name})"),
                });
            }
        }
        if !commands.is_empty() {
            let step = together(
                format!("Put back what {} has now", standing.table),
                format!("ALTER TABLE ONLY {table} {}", commands.join(", ")),
                StepLock::ShareUpdateExclusive,
            );
            let below = (standing.table != alter.table).then(|| standing.table.clone());
            steps.push(ChangeStep { table: below, ..step });
        }
    }
    steps
}
