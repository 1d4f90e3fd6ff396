//! The staging copy: main's tables under their own names in the sandbox, for changes to be applied to.

use optischema::model::{Catalog, CopiedTable, RelationKind, TableName, quote_identifier};
use sqlx::postgres::PgConnection;

use super::SandboxError;
use super::copy::{CopyPlan, copy_rows, count_rows, vacuum_analyze};
use super::scratch::execute;
use super::structure::{Upkeep, build_indexes, create_tables, read_structure};

/// What a staging copy was made of.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct StagingReport {
    pub copied: Vec<CopiedTable>,
    /// Tables that were there already.
    pub present: Vec<TableName>,
    /// Tables that were left out, and why.
    pub skipped: Vec<(TableName, String)>,
}

/// Copies main's tables into the sandbox, structure whole and rows up to `limit_bytes` a table; above
/// that, a sample of `sample_percent` of the blocks. Tables that are there already are left alone.
pub async fn init_staging(
    main: &mut PgConnection,
    sandbox: &mut PgConnection,
    catalog: &Catalog,
    limit_bytes: i64,
    sample_percent: f64,
    say: &mut (dyn FnMut(&str) + Send),
) -> Result<StagingReport, SandboxError> {
    let mut report = StagingReport::default();
    for table in catalog.tables.values() {
        if table.kind != RelationKind::Table {
            report.skipped.push((table.name.clone(), "it is not an ordinary table".into()));
            continue;
        }
        if read_structure(sandbox, &table.name).await.is_ok() {
            report.present.push(table.name.clone());
            continue;
        }
        let structure = match read_structure(main, &table.name).await {
            Ok(structure) => structure,
            Err(error @ SandboxError::UnsupportedType { .. }) => {
                report.skipped.push((table.name.clone(), error.to_string()));
                continue;
            }
            Err(error) => return Err(error),
        };
        say(&format!("copying {}", table.name));
        let schema = &table.name.schema;
        execute(sandbox, format!("CREATE SCHEMA IF NOT EXISTS {}", quote_identifier(schema)))
            .await?;
        let of = |table: &TableName| table.schema.clone();
        create_tables(sandbox, std::slice::from_ref(&structure), &of, Upkeep::Autovacuum).await?;
        let plan = if structure.bytes <= limit_bytes {
            CopyPlan::Full
        } else {
            CopyPlan::Sample { percent: sample_percent, seed: 1 }
        };
        let mut copied = copy_rows(main, sandbox, &structure, schema, plan, &mut |_| {}).await?;
        build_indexes(sandbox, &structure, schema).await?;
        vacuum_analyze(sandbox, &table.name).await?;
        copied.rows = count_rows(sandbox, &table.name).await?;
        report.copied.push(copied);
    }
    Ok(report)
}
