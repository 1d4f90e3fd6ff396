//! The change as it stands in the place where it is measured: built once, and done or undone before each run of an arm.

use std::time::Instant;

use optischema::model::{IndexMeasure, TableName, quote_identifier, quote_literal};
use sqlx::Row;
use sqlx::postgres::PgConnection;

use super::BenchmarkError;
use super::arms::execute;
use super::sham;
use super::site::Site;
use crate::postgres::query;
use crate::sql::{
    CreateIndex, MaintenanceKind, PatchKind, Setting, drop_index_sql, index_definition_in,
};

/// Extensions whose operator classes the advisor proposes.
const CLASSES: [(&str, &[&str]); 2] = [
    ("pg_trgm", &["gin_trgm_ops", "gist_trgm_ops"]),
    ("intarray", &["gin__int_ops", "gist__int_ops", "gist__intbig_ops"]),
];
/// Extensions with classes for plain values, by the method that takes them in beside what it searches.
const MIXING: [(&str, &str); 2] = [("gin", "btree_gin"), ("gist", "btree_gist")];
/// A type has no class for a method.
const NO_CLASS: &str = "42704";

/// What is done before a run of each arm.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Patched {
    pub baseline_setup: Vec<String>,
    pub patched_setup: Vec<String>,
    pub index: Option<IndexMeasure>,
    /// The index that the change makes or drops, as it stands here, with its table.
    pub target: Option<TargetIndex>,
    pub warnings: Vec<String>,
}

/// An index of the change.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct TargetIndex {
    pub table: TableName,
    pub name: String,
    pub definition: String,
    /// Names of it and of its partitions' own.
    pub parts: Vec<String>,
    /// Whether the change makes it; else it drops it.
    pub is_made: bool,
}

/// Builds the change.
///
/// # Errors
/// It does not execute, or cannot be measured here.
pub(super) async fn build(site: &mut Site, patch: &PatchKind) -> Result<Patched, BenchmarkError> {
    match patch {
        PatchKind::CreateIndex(index) => create_index(site, index).await,
        PatchKind::DropIndex(drop) => {
            let schema = site.schema_of(&drop.schema);
            let found = find_index(site.connection(), &schema, &drop.name).await?;
            let Some(found) = found else {
                return Err(BenchmarkError::Unsuitable(format!(
                    "There is no valid index {} on these tables (an invalid one is not copied, since no statement uses it).",
                    drop.name
                )));
            };
            Ok(Patched {
                baseline_setup: vec![sham::index(site, &found.table, &found.definition).await?],
                patched_setup: vec![drop_index_sql(&schema, &drop.name, false)],
                index: Some(IndexMeasure {
                    definition: index_definition_in(&found.definition, &drop.schema, false)?,
                    build_ms: 0.0,
                    bytes: found.bytes,
                }),
                target: Some(TargetIndex {
                    table: found.table,
                    name: drop.name.clone(),
                    definition: found.definition,
                    parts: found.parts,
                    is_made: false,
                }),
                ..Patched::default()
            })
        }
        PatchKind::CreateStatistics(statistics) => {
            let table = site.located(&statistics.table);
            let statement = statistics.sql(&table.schema)?;
            execute(site.connection(), statement.clone()).await?;
            execute(site.connection(), format!("ANALYZE {}", table.quoted())).await?;
            Ok(Patched {
                baseline_setup: vec![statistics.undo(&table.schema)],
                patched_setup: vec![sham::statistics(site, &table.schema, &statement).await?],
                ..Patched::default()
            })
        }
        PatchKind::DropStatistics(drop) => {
            let schema = site.schema_of(&drop.schema);
            let sham = sham::statistics_like(site, &schema, &drop.name).await?;
            Ok(Patched {
                baseline_setup: sham.into_iter().collect(),
                patched_setup: vec![drop.sql(&schema)],
                ..Patched::default()
            })
        }
        PatchKind::AlterTable(alter) => {
            let table = site.located(&alter.table);
            let mut patched_setup = vec![alter.sql(&table.schema)?];
            let mut baseline_setup: Vec<String> =
                sham::alter_table(site, &table).await?.into_iter().collect();
            let mut warnings = Vec::new();
            if alter.needs_analyze {
                // It is done before each run: only what is to change is looked at.
                let columns: Vec<String> =
                    alter.columns.iter().map(|column| quote_identifier(column)).collect();
                let analyze = format!("ANALYZE {} ({})", table.quoted(), columns.join(", "));
                baseline_setup.push(analyze.clone());
                patched_setup.push(analyze);
            } else {
                warnings.push(format!(
                    "{} shapes how rows are kept from now on: what a statement takes on rows that are there already is what was measured.",
                    alter.parameters.join(", ")
                ));
            }
            Ok(Patched { baseline_setup, patched_setup, warnings, ..Patched::default() })
        }
        PatchKind::Maintenance(maintenance) => {
            maintain(site, maintenance.kind, maintenance.table.as_ref()).await
        }
        PatchKind::Setting(setting) => set(site, setting).await,
        PatchKind::Rewrite(rewritten) => match &rewritten.index {
            Some(index) => create_index(site, index).await,
            None => Ok(Patched::default()),
        },
    }
}

async fn create_index(site: &mut Site, index: &CreateIndex) -> Result<Patched, BenchmarkError> {
    let table = site.located(&index.table);
    let statement = index.sql(&table.schema, false)?;
    let mut warnings = install_for(site, &index.operator_classes()).await?;
    let mut started = Instant::now();
    let fence = site.fence;
    let make =
        async |connection: &mut PgConnection| Ok(execute(connection, statement.clone()).await?);
    match fence.attempt(site.connection(), make).await {
        Err(BenchmarkError::Sql { sqlstate, reason }) if sqlstate == NO_CLASS => {
            let mixing = MIXING.iter().find(|(method, _)| *method == index.method());
            let Some((_, extension)) = mixing else {
                return Err(BenchmarkError::Sql { sqlstate, reason });
            };
            warnings.extend(install(site, extension).await?);
            started = Instant::now();
            fence.attempt(site.connection(), make).await?;
        }
        made => made?,
    }
    let build_ms = started.elapsed().as_secs_f64() * 1000.0;
    let sham = sham::index(site, &table, &statement).await?;
    // An expression index has statistics of its own.
    execute(site.connection(), format!("ANALYZE {}", table.quoted())).await?;
    let found = find_index(site.connection(), &table.schema, &index.name).await?;
    let Some(found) = found else {
        return Err(BenchmarkError::Failed("the index was not made".into()));
    };
    Ok(Patched {
        baseline_setup: vec![drop_index_sql(&table.schema, &index.name, false)],
        patched_setup: vec![sham],
        index: Some(IndexMeasure {
            definition: index.sql(&index.table.schema, false)?,
            build_ms,
            bytes: found.bytes,
        }),
        target: Some(TargetIndex {
            table,
            name: index.name.clone(),
            definition: found.definition,
            parts: found.parts,
            is_made: true,
        }),
        warnings,
    })
}

/// Installs the extension of operator classes that nobody has yet into the benchmark's own schema, with which it goes.
async fn install_for(
    site: &mut Site,
    operator_classes: &[String],
) -> Result<Vec<String>, BenchmarkError> {
    let mut warnings = Vec::new();
    for (extension, classes) in CLASSES {
        if operator_classes.iter().any(|class| classes.contains(&class.as_str())) {
            warnings.extend(install(site, extension).await?);
        }
    }
    Ok(warnings)
}

/// Installs an extension that nobody has yet into the benchmark's own schema; says so where main lacks it.
pub(super) async fn install(
    site: &mut Site,
    extension: &str,
) -> Result<Option<String>, BenchmarkError> {
    let Some(workspace) = site.workspace.clone() else { return Ok(None) };
    let there = query("SELECT 1 AS one FROM pg_catalog.pg_extension WHERE extname = $1")
        .bind(extension)
        .fetch_optional(site.connection())
        .await?;
    if there.is_none() {
        let (name, schema) = (quote_identifier(extension), quote_identifier(&workspace));
        execute(site.connection(), format!("CREATE EXTENSION {name} SCHEMA {schema}")).await?;
    }
    let is_on_main = site.family.extensions.iter().any(|known| known == extension);
    Ok((!is_on_main).then(|| {
        format!("Main lacks the extension {extension}, which the index needs: CREATE EXTENSION {extension} comes first.")
    }))
}

/// What a copy mends by being made: only a clone has it still.
async fn maintain(
    site: &mut Site,
    kind: MaintenanceKind,
    table: Option<&TableName>,
) -> Result<Patched, BenchmarkError> {
    match (site.is_copy, kind, table) {
        (false, MaintenanceKind::Analyze, Some(table)) => {
            let table = site.located(table);
            let sham = match site.workspace.clone() {
                Some(workspace) => Some(sham::analyze(site, &workspace, &table).await?),
                None => None,
            };
            Ok(Patched {
                baseline_setup: sham.into_iter().collect(),
                patched_setup: vec![format!("ANALYZE {}", table.quoted())],
                ..Patched::default()
            })
        }
        (true, _, _) => Err(BenchmarkError::Unsuitable(format!(
            "A copy has fresh statistics and no dead rows, so what {} mends is not there to be measured.",
            kind.label()
        ))),
        (false, _, _) => Err(BenchmarkError::Unsuitable(format!(
            "{} cannot be undone inside a transaction, so it is not measured in place.",
            kind.label()
        ))),
    }
}

async fn set(site: &mut Site, setting: &Setting) -> Result<Patched, BenchmarkError> {
    let value = match (setting.not_measured(), &setting.value) {
        (None, Some(value)) => value,
        (reason, _) => {
            let reason = reason.unwrap_or_default();
            return Err(BenchmarkError::Unsuitable(format!("It is not measured: {reason}.")));
        }
    };
    let (name, value) = (quote_identifier(&setting.name), quote_literal(value));
    Ok(Patched {
        baseline_setup: vec![sham::setting(site, &setting.name).await?],
        patched_setup: vec![format!("SET LOCAL {name} = {value}")],
        ..Patched::default()
    })
}

struct FoundIndex {
    table: TableName,
    parts: Vec<String>,
    definition: String,
    bytes: i64,
}

async fn find_index(
    connection: &mut PgConnection,
    schema: &str,
    name: &str,
) -> Result<Option<FoundIndex>, BenchmarkError> {
    let row = query(
        "SELECT pg_catalog.pg_get_indexdef(c.oid) AS definition, tn.nspname::pg_catalog.text AS schema, t.relname::pg_catalog.text AS name,
                (SELECT pg_catalog.sum(pg_catalog.pg_relation_size(p.relid)) FROM pg_catalog.pg_partition_tree(c.oid) p)::pg_catalog.int8 AS below,
                ARRAY(SELECT x.relname::pg_catalog.text FROM pg_catalog.pg_partition_tree(c.oid) p
                      JOIN pg_catalog.pg_class x ON x.oid = p.relid) OPERATOR(pg_catalog.||) c.relname::pg_catalog.text AS parts,
                pg_catalog.pg_relation_size(c.oid)::pg_catalog.int8 AS bytes
         FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
         JOIN pg_catalog.pg_index i ON i.indexrelid = c.oid
         JOIN pg_catalog.pg_class t ON t.oid = i.indrelid JOIN pg_catalog.pg_namespace tn ON tn.oid = t.relnamespace
         WHERE n.nspname = $1 AND c.relname = $2",
    )
    .bind(schema)
    .bind(name)
    .fetch_optional(connection)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let (below, own): (Option<i64>, i64) = (row.try_get("below")?, row.try_get("bytes")?);
    Ok(Some(FoundIndex {
        table: TableName::new(
            row.try_get::<String, _>("schema")?,
            row.try_get::<String, _>("name")?,
        ),
        definition: row.try_get("definition")?,
        parts: row.try_get("parts")?,
        bytes: below.unwrap_or_default().max(own),
    }))
}
