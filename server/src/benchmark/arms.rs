//! One heap, two arms. The patch is built once; for a baseline run it is undone inside a transaction that
//! rolls back, so both arms read the same rows from the same cache.

use optischema::plan::{Plan, relations_outside};
use serde_json::Value;
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Row};

use super::BenchmarkError;
use crate::postgres::{ExplainMode, PgFailure, explain};

/// Which of the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ArmKind {
    Baseline,
    Patched,
}

/// What one timed run showed.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Run {
    /// Execution time of one execution, as PostgreSQL measured it.
    pub milliseconds: f64,
    pub shared_blocks: i64,
    /// Node types, relations and indexes of the plan.
    pub outline: String,
}

/// The rows of one arm, as a number that does not depend on their order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RowSet {
    pub rows: i64,
    digest: String,
}

/// Both arms of one statement on one connection.
pub(super) struct Arms<'a> {
    pub connection: &'a mut PgConnection,
    /// The statement, on the scratch schema.
    pub sql: String,
    /// Undoes the patch; runs inside the baseline's transaction.
    pub undo: String,
}

impl Arms<'_> {
    /// Runs a step inside the arm's transaction, which is rolled back whatever happens.
    async fn within<T>(
        &mut self,
        arm: ArmKind,
        step: impl AsyncFnOnce(&mut PgConnection, &str) -> Result<T, PgFailure>,
    ) -> Result<T, BenchmarkError> {
        execute(self.connection, "BEGIN".to_owned()).await?;
        let result = match arm {
            ArmKind::Baseline => match execute(self.connection, self.undo.clone()).await {
                Ok(()) => step(self.connection, &self.sql).await,
                Err(failure) => Err(failure),
            },
            ArmKind::Patched => step(self.connection, &self.sql).await,
        };
        execute(self.connection, "ROLLBACK".to_owned()).await?;
        Ok(result?)
    }

    /// Plans the arm verbosely, and proves that it reads nothing outside the scratch schema.
    pub async fn check_target(&mut self, arm: ArmKind, schema: &str) -> Result<(), BenchmarkError> {
        let (plan, _) = self
            .within(arm, async |connection, sql| {
                explain(connection, ExplainMode::Verbose, sql).await
            })
            .await?;
        match relations_outside(&plan, schema).first() {
            None => Ok(()),
            Some(table) => Err(BenchmarkError::Failed(format!(
                "the statement would read {} outside the scratch schema",
                table.name
            ))),
        }
    }

    /// The rows that the arm returns.
    pub async fn rows(&mut self, arm: ArmKind) -> Result<RowSet, BenchmarkError> {
        self.within(arm, async |connection, sql| {
            let text = format!(
                "SELECT count(*) AS rows,
                        coalesce(sum(hashtextextended(r::text, 0)::numeric), 0)::text AS digest
                 FROM ({sql}) r"
            );
            let row =
                sqlx::query(AssertSqlSafe(text)).persistent(false).fetch_one(connection).await?;
            Ok(RowSet { rows: row.try_get("rows")?, digest: row.try_get("digest")? })
        })
        .await
    }

    /// One timed run: the mean of `batch` executions. Where there are several, one more goes before them
    /// untimed, since the first after a catalog change fills caches.
    pub async fn run(&mut self, arm: ArmKind, batch: u32) -> Result<Run, BenchmarkError> {
        self.within(arm, async |connection, sql| {
            if batch > 1 {
                explain(connection, ExplainMode::Timed, sql).await?;
            }
            let mut total = 0.0;
            let mut last: Option<Plan> = None;
            for _ in 0..batch {
                let (plan, _) = explain(connection, ExplainMode::Timed, sql).await?;
                total += plan.execution_time_ms.ok_or_else(no_time)?;
                last = Some(plan);
            }
            let plan = last.ok_or_else(no_time)?;
            Ok(Run {
                // PostgreSQL gives microseconds; below one, a run still took some time.
                milliseconds: (total / f64::from(batch)).max(0.0005),
                shared_blocks: plan.shared_blocks().unwrap_or_default(),
                outline: plan.outline(),
            })
        })
        .await
    }

    /// The plan that is shown: one run with the time of every node.
    pub async fn shown_plan(&mut self, arm: ArmKind) -> Result<Value, BenchmarkError> {
        let (_, json) = self
            .within(arm, async |connection, sql| {
                explain(connection, ExplainMode::Analyzed, sql).await
            })
            .await?;
        Ok(json)
    }
}

fn no_time() -> PgFailure {
    PgFailure::Unexpected("EXPLAIN ANALYZE gave no execution time".into())
}

pub(super) async fn execute(
    connection: &mut PgConnection,
    statement: String,
) -> Result<(), PgFailure> {
    sqlx::query(AssertSqlSafe(statement)).persistent(false).execute(connection).await?;
    Ok(())
}
