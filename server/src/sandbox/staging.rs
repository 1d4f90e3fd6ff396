//! The staging copy: main's tables under their own names in the sandbox, for changes to be applied to.

use std::collections::BTreeSet;

use optischema::model::{Catalog, CopiedTable, TableName, quote_identifier};
use optischema::sampling::RowChoice;
use sqlx::Row;
use sqlx::postgres::PgConnection;

use super::SandboxError;
use super::copy::{CopyRows, RowChoices, count_rows, vacuum_analyze};
use super::scratch::execute;
use super::structure::{
    Family, SchemaOf, StructureKind, Upkeep, create_tables, extension_schemas, finish_tables,
    install_extensions, read_family,
};
use crate::postgres::relation_exists;
use crate::postgres::{MainSession, PlanFailure, query};

/// What a staging copy was made of.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct StagingReport {
    pub copied: Vec<CopiedTable>,
    /// Tables that were there already.
    pub present: Vec<TableName>,
    /// Tables that were left out, and why.
    pub skipped: Vec<(TableName, String)>,
    /// Indexes, checks and keys that a copy lacks, with the reason.
    pub missing: Vec<String>,
}

/// Copies main's tables into the sandbox, structure whole and rows up to `limit_bytes` a table; above
/// that, a sample of `sample_percent` of the blocks. Tables that are there already are left alone.
pub async fn init_staging(
    main: &mut MainSession,
    sandbox: &mut PgConnection,
    catalog: &Catalog,
    limit_bytes: i64,
    sample_percent: f64,
    say: &mut (dyn FnMut(&str) + Send),
) -> Result<StagingReport, SandboxError> {
    let mut report = StagingReport::default();
    prepare_notes(sandbox).await?;
    let mut path: Vec<String> =
        catalog.search_path.iter().map(|name| quote_identifier(name)).collect();
    // What an extension brings is found wherever the sandbox has the extension.
    for schema in extension_schemas(sandbox).await? {
        let quoted = quote_identifier(&schema);
        if !path.contains(&quoted) {
            path.push(quoted);
        }
    }
    if !path.is_empty() {
        execute(sandbox, format!("SET search_path = {}", path.join(", "))).await?;
    }
    let here = |schema: &str| schema.to_owned();
    let resolve = |schema: &str, name: &str| catalog.resolve(schema, name).map(|t| t.name.clone());
    let mut family = Family::default();
    for table in catalog.tables.values().filter(|table| table.partition_of.is_none()) {
        if family.get(&table.name).is_some() {
            continue;
        }
        if relation_exists(sandbox, &table.name).await? {
            if was_cut_off(sandbox, &table.name).await? {
                let reason = "its copy was cut off: run `optischema sandbox refresh`";
                report.skipped.push((table.name.clone(), reason.to_owned()));
            } else {
                report.present.push(table.name.clone());
            }
            continue;
        }
        let names = std::slice::from_ref(&table.name);
        let read = main.guarded(async |main| Ok(read_family(main, names).await)).await;
        let made = match read.map_err(of_main)? {
            Ok(mut read) => {
                // A view may read what is there already.
                read.tables.retain(|structure| {
                    let known = &structure.table;
                    family.get(known).is_none() && !report.present.contains(known)
                });
                make(sandbox, &read, &here, &resolve).await.map(|()| read)
            }
            Err(error) => Err(error),
        };
        match made {
            Ok(read) => family.merge(read),
            Err(SandboxError::Target(failure)) if failure.sqlstate().is_none() => {
                return Err(failure.into());
            }
            Err(error) => report.skipped.push((table.name.clone(), error.to_string())),
        }
    }
    let mut choices = RowChoices { seed: 1, ..RowChoices::default() };
    for (top, bytes) in family.tops() {
        if bytes > limit_bytes {
            let blocks = RowChoice::Blocks { percent: sample_percent };
            choices.choices.insert(top.table.clone(), blocks);
        }
    }
    for (top, _) in family.tops() {
        for structure in family.with_rows(&top.table) {
            say(&format!("copying {}", structure.table));
            let schema = &structure.table.schema;
            let rows = CopyRows { structure, top: &top.table, schema, choices: &choices };
            match rows.run(main, sandbox, &mut |_| {}).await {
                Ok(copied) => report.copied.push(copied),
                Err(SandboxError::UnreadableRows { table, reason }) => {
                    report.skipped.push((table, format!("its rows are not copied: {reason}")));
                }
                Err(error) => return Err(error),
            }
        }
    }
    say("building keys and indexes");
    report.missing = finish_tables(sandbox, &family, &here).await?.missing;
    for copied in &mut report.copied {
        vacuum_analyze(sandbox, &copied.table).await?;
        copied.rows = count_rows(sandbox, &copied.table).await?;
    }
    execute(sandbox, format!("UPDATE {MADE} SET is_whole = true WHERE NOT is_whole")).await?;
    Ok(report)
}

fn of_main(failure: PlanFailure) -> SandboxError {
    match failure {
        PlanFailure::Target(failure) => failure.into(),
        PlanFailure::Sql(refusal) => refusal.into(),
    }
}

/// Where the sandbox keeps which relations a staging copy was made of: nothing else is ever dropped by a refresh.
const MADE: &str = "optischema.staging";

async fn prepare_notes(sandbox: &mut PgConnection) -> Result<(), SandboxError> {
    for statement in [
        "CREATE SCHEMA IF NOT EXISTS optischema".to_owned(),
        format!(
            "CREATE TABLE IF NOT EXISTS {MADE} (schema_name text, relation_name text, is_view boolean NOT NULL,
                 made_at timestamptz NOT NULL DEFAULT now(), PRIMARY KEY (schema_name, relation_name))"
        ),
        // What was made before this was noted was whole: notes were written last.
        format!("ALTER TABLE {MADE} ADD COLUMN IF NOT EXISTS is_whole boolean NOT NULL DEFAULT true"),
    ] {
        execute(sandbox, statement).await?;
    }
    Ok(())
}

/// Whether it is a copy of ours that came to no end.
async fn was_cut_off(sandbox: &mut PgConnection, table: &TableName) -> Result<bool, SandboxError> {
    let row = query(
        "SELECT EXISTS (SELECT 1 FROM optischema.staging
                        WHERE schema_name = $1 AND relation_name = $2 AND NOT is_whole) AS cut_off",
    )
    .bind(&table.schema)
    .bind(&table.name)
    .fetch_one(sandbox)
    .await?;
    Ok(row.try_get("cut_off")?)
}

/// In the transaction that makes them: what comes to no end is dropped by the next refresh.
async fn note_made(sandbox: &mut PgConnection, family: &Family) -> Result<(), SandboxError> {
    for structure in &family.tables {
        query(
            "INSERT INTO optischema.staging (schema_name, relation_name, is_view, is_whole) VALUES ($1, $2, $3, false)
             ON CONFLICT (schema_name, relation_name) DO UPDATE
             SET made_at = now(), is_view = excluded.is_view, is_whole = false",
        )
        .bind(&structure.table.schema)
        .bind(&structure.table.name)
        .bind(matches!(structure.kind, StructureKind::View(_)))
        .execute(&mut *sandbox)
        .await?;
    }
    Ok(())
}

/// Drops the relations that an earlier staging copy was made of. What a person made there stays, and keeps what it
/// stands on from being dropped.
///
/// # Errors
/// Something else depends on one of them; nothing was dropped then.
pub async fn drop_staging(sandbox: &mut PgConnection) -> Result<Vec<TableName>, SandboxError> {
    let there = query("SELECT pg_catalog.to_regclass('optischema.staging') IS NOT NULL AS present")
        .fetch_one(&mut *sandbox)
        .await?;
    if !there.try_get::<bool, _>("present")? {
        return Ok(Vec::new());
    }
    let rows = query(
        "SELECT s.schema_name, s.relation_name, s.is_view FROM optischema.staging s
         JOIN pg_catalog.pg_namespace n ON n.nspname = s.schema_name
         JOIN pg_catalog.pg_class c ON c.relnamespace = n.oid AND c.relname = s.relation_name
         WHERE c.relkind = CASE WHEN s.is_view THEN 'v'::pg_catalog.\"char\" ELSE c.relkind END
           AND c.relkind IN ('r', 'p', 'v') ORDER BY 1, 2",
    )
    .fetch_all(&mut *sandbox)
    .await?;
    let (mut views, mut tables) = (Vec::new(), Vec::new());
    for row in &rows {
        let name = TableName::new(
            row.try_get::<String, _>("schema_name")?,
            row.try_get::<String, _>("relation_name")?,
        );
        if row.try_get("is_view")? { views.push(name) } else { tables.push(name) }
    }
    execute(sandbox, "BEGIN".to_owned()).await?;
    let dropped = drop_in(sandbox, &views, &tables).await;
    execute(sandbox, if dropped.is_ok() { "COMMIT" } else { "ROLLBACK" }.to_owned()).await?;
    dropped?;
    Ok(tables.into_iter().chain(views).collect())
}

async fn drop_in(
    sandbox: &mut PgConnection,
    views: &[TableName],
    tables: &[TableName],
) -> Result<(), SandboxError> {
    for (kind, names) in [("VIEW", views), ("TABLE", tables)] {
        if names.is_empty() {
            continue;
        }
        let quoted: Vec<String> = names.iter().map(TableName::quoted).collect();
        // All at once: they may refer to each other.
        execute(sandbox, format!("DROP {kind} {}", quoted.join(", "))).await?;
    }
    execute(sandbox, format!("DELETE FROM {MADE}")).await
}

/// Makes the empty tables of one family, all or none.
async fn make(
    sandbox: &mut PgConnection,
    family: &Family,
    here: SchemaOf<'_>,
    resolve: &(dyn Fn(&str, &str) -> Option<TableName> + Sync),
) -> Result<(), SandboxError> {
    let tables = family.tables.iter().map(|structure| structure.table.schema.as_str());
    let schemas: BTreeSet<&str> = tables.chain(family.own_schemas()).collect();
    for schema in schemas {
        execute(sandbox, format!("CREATE SCHEMA IF NOT EXISTS {}", quote_identifier(schema)))
            .await?;
    }
    install_extensions(sandbox, family, "public").await?;
    execute(sandbox, "BEGIN".to_owned()).await?;
    let mut made = create_tables(sandbox, family, here, Upkeep::Autovacuum, resolve).await;
    if made.is_ok() {
        made = note_made(sandbox, family).await;
    }
    let end = if made.is_ok() { "COMMIT" } else { "ROLLBACK" };
    execute(sandbox, end.to_owned()).await?;
    made
}
