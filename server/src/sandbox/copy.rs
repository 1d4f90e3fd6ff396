//! Streaming rows from main into the sandbox: binary `COPY` out of a read-only transaction, straight into
//! `COPY` in. Nothing is held but one chunk.

use futures_util::TryStreamExt;
use optischema::model::{CopiedTable, TableName};
use sqlx::Row;
use sqlx::postgres::PgConnection;

use super::SandboxError;
use super::structure::TableStructure;

/// How much of a table is copied.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum CopyPlan {
    Full,
    /// `TABLESAMPLE SYSTEM` of this percentage of blocks, with a seed.
    Sample {
        percent: f64,
        seed: u64,
    },
}

/// Told of every chunk: bytes copied so far.
pub type CopyProgress<'a> = &'a mut (dyn FnMut(i64) + Send);

/// Copies one table's rows.
pub async fn copy_rows(
    main: &mut PgConnection,
    sandbox: &mut PgConnection,
    structure: &TableStructure,
    schema: &str,
    plan: CopyPlan,
    progress: CopyProgress<'_>,
) -> Result<CopiedTable, SandboxError> {
    let columns = structure.copied_columns();
    let sample = match plan {
        CopyPlan::Full => String::new(),
        CopyPlan::Sample { percent, seed } => {
            // REPEATABLE takes a float4: a small whole number is exact in it.
            format!(" TABLESAMPLE SYSTEM ({percent}) REPEATABLE ({})", seed % 65_536)
        }
    };
    let out = format!(
        "COPY (SELECT {columns} FROM {}{sample}) TO STDOUT (FORMAT binary)",
        structure.table.quoted()
    );
    let target = TableName::new(schema, &structure.table.name).quoted();
    let into = format!("COPY {target} ({columns}) FROM STDIN (FORMAT binary)");
    let mut stream = main.copy_out_raw(&out).await?;
    let mut sink = sandbox.copy_in_raw(&into).await?;
    let mut bytes = 0;
    loop {
        match stream.try_next().await {
            Ok(Some(chunk)) => {
                bytes += chunk.len() as i64;
                sink.send(chunk).await?;
                progress(bytes);
            }
            Ok(None) => break,
            Err(error) => {
                // The sandbox's side must be told, or its connection could not be used again.
                drop(sink.abort("main stopped sending rows").await);
                return Err(error.into());
            }
        }
    }
    let rows = sink.finish().await?;
    Ok(CopiedTable {
        table: structure.table.clone(),
        rows: i64::try_from(rows).unwrap_or(i64::MAX),
        bytes,
    })
}

/// `VACUUM (ANALYZE)` of a copy, so that the planner and index-only scans see it as it is.
pub async fn vacuum_analyze(
    sandbox: &mut PgConnection,
    table: &TableName,
) -> Result<(), SandboxError> {
    super::scratch::execute(sandbox, format!("VACUUM (ANALYZE) {}", table.quoted())).await
}

/// Live rows of a table as the sandbox counts them.
pub(super) async fn count_rows(
    sandbox: &mut PgConnection,
    table: &TableName,
) -> Result<i64, SandboxError> {
    let text = format!("SELECT count(*) AS rows FROM {}", table.quoted());
    let row = sqlx::query(sqlx::AssertSqlSafe(text)).persistent(false).fetch_one(sandbox).await?;
    Ok(row.try_get("rows")?)
}
