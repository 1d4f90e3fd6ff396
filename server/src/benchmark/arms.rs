//! One heap, two arms. What tells the arms apart is done inside a transaction that rolls back, so both read the same
//! rows from the same cache.

use std::sync::atomic::{AtomicU64, Ordering};

use optischema::plan::{Plan, found_rows};
use optischema::statistics::interquartile_mean;
use serde_json::Value;
use sha2::{Digest, Sha256};
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Row};

use super::BenchmarkError;
use crate::hex::hex;
use crate::postgres::query;
use crate::postgres::{ExplainMode, PgFailure, explain};

/// Which of the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ArmKind {
    Baseline,
    Patched,
}

impl ArmKind {
    pub(super) const BOTH: [Self; 2] = [Self::Baseline, Self::Patched];
}

/// How a step is fenced off from what follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fence {
    /// A transaction of its own.
    Transaction,
    /// A savepoint of one that is never committed.
    Savepoint,
    /// A transaction of its own that cannot write.
    ReadOnly,
}

impl Fence {
    /// What begins it.
    const fn begin(self) -> &'static str {
        match self {
            Self::Transaction => "BEGIN",
            Self::Savepoint => "SAVEPOINT optischema",
            // A standby goes on following: both arms see one moment of it.
            Self::ReadOnly => "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
        }
    }

    /// What undoes everything since.
    const fn end(self) -> &'static [&'static str] {
        match self {
            Self::Transaction | Self::ReadOnly => &["ROLLBACK"],
            // A savepoint outlives going back to it, and hundreds would nest.
            Self::Savepoint => {
                &["ROLLBACK TO SAVEPOINT optischema", "RELEASE SAVEPOINT optischema"]
            }
        }
    }

    /// Runs a step whose work stays; one that fails leaves the connection usable.
    pub(super) async fn attempt<T>(
        self,
        connection: &mut PgConnection,
        step: impl AsyncFnOnce(&mut PgConnection) -> Result<T, BenchmarkError>,
    ) -> Result<T, BenchmarkError> {
        if self != Self::Savepoint {
            return step(connection).await;
        }
        execute(connection, "SAVEPOINT attempt".to_owned()).await?;
        let result = step(connection).await;
        if result.is_err() {
            execute(connection, "ROLLBACK TO SAVEPOINT attempt".to_owned()).await?;
        }
        execute(connection, "RELEASE SAVEPOINT attempt".to_owned()).await?;
        result
    }

    /// Runs a step, and undoes all that it did.
    pub(super) async fn around<T>(
        self,
        connection: &mut PgConnection,
        step: impl AsyncFnOnce(&mut PgConnection) -> Result<T, BenchmarkError>,
    ) -> Result<T, BenchmarkError> {
        execute(connection, self.begin().to_owned()).await?;
        let result = step(connection).await;
        for statement in self.end() {
            execute(connection, (*statement).to_owned()).await?;
        }
        result
    }
}

/// What one timed run showed.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Run {
    /// Execution time of one execution, as PostgreSQL measured it.
    pub milliseconds: f64,
    pub shared_blocks: i64,
    /// Hash of node types, relations and indexes of the plan.
    pub plan: String,
    /// Whether it worked on any row.
    pub found_rows: bool,
    /// What it wrote, where it is no query.
    pub written: Option<Written>,
}

/// What one execution of a statement wrote.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Written {
    /// Rows that were inserted, changed or removed.
    pub rows: i64,
    /// Of those that were changed: without touching an index.
    pub hot_updates: i64,
    pub wal_bytes: i64,
    pub wal_records: i64,
}

/// One arm: what is done before the statement, and the statement.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct ArmSpec {
    /// Each one statement; undone afterwards.
    pub setup: Vec<String>,
    pub sql: String,
    /// The schema whose rows it writes or locks; absent for a query.
    pub writes_in: Option<String>,
}

/// Both arms on one connection.
pub(super) struct Arms<'a> {
    pub connection: &'a mut PgConnection,
    pub fence: Fence,
    pub baseline: ArmSpec,
    pub patched: ArmSpec,
}

impl Arms<'_> {
    pub(super) const fn spec(&self, arm: ArmKind) -> &ArmSpec {
        match arm {
            ArmKind::Baseline => &self.baseline,
            ArmKind::Patched => &self.patched,
        }
    }

    /// Runs a step inside the arm's fence, with the arm's statement.
    pub(super) async fn within<T>(
        &mut self,
        arm: ArmKind,
        step: impl AsyncFnOnce(&mut PgConnection, &str) -> Result<T, BenchmarkError>,
    ) -> Result<T, BenchmarkError> {
        let spec = self.spec(arm).clone();
        self.fence
            .around(self.connection, async |connection| {
                for statement in spec.setup {
                    execute(connection, statement).await?;
                }
                step(connection, &spec.sql).await
            })
            .await
    }

    /// The arm's plan, with schemas named; nothing runs.
    pub async fn planned(&mut self, arm: ArmKind) -> Result<Plan, BenchmarkError> {
        self.within(arm, async |connection, sql| {
            Ok(explain(connection, ExplainMode::Verbose, sql).await?.0)
        })
        .await
    }

    /// One timed run: the interquartile mean of `batch` executions, since the first ones find colder caches after one change
    /// than after another. What the arm's change did to the catalog, the caches of the
    /// session pay for before that, untimed. Several executions share one plan: planning in between leaves other traces in
    /// the processor's caches where a table has one index more, and microseconds show it.
    pub async fn run(&mut self, arm: ArmKind, batch: u32) -> Result<Run, BenchmarkError> {
        if let Some(schema) = self.spec(arm).writes_in.clone() {
            return self.write(arm, &schema).await;
        }
        self.within(arm, async |connection, sql| {
            let prepared = (batch > 1).then(next_name);
            let run = match &prepared {
                Some(name) => {
                    execute(connection, format!("PREPARE {name} AS {sql}")).await?;
                    format!("EXECUTE {name}")
                }
                None => sql.to_owned(),
            };
            let warming = if batch > 1 { ExplainMode::Timed } else { ExplainMode::Plan };
            explain(connection, warming, &run).await?;
            let mut times = Vec::new();
            let mut last: Option<Plan> = None;
            for _ in 0..batch {
                let (plan, _) = explain(connection, ExplainMode::Timed, &run).await?;
                times.push(plan.execution_time_ms.ok_or_else(no_time)?);
                last = Some(plan);
            }
            if let Some(name) = prepared {
                execute(connection, format!("DEALLOCATE {name}")).await?;
            }
            let plan = last.ok_or_else(no_time)?;
            Ok(Run {
                // PostgreSQL gives microseconds; below one, a run still took some time.
                milliseconds: interquartile_mean(&times).ok_or_else(no_time)?.max(0.0005),
                shared_blocks: plan.shared_blocks().unwrap_or_default(),
                found_rows: found_rows(&plan).unwrap_or(true),
                plan: plan_hash(&plan),
                written: None,
            })
        })
        .await
    }

    /// One execution of a statement that writes: the second one would find what the first one left.
    async fn write(&mut self, arm: ArmKind, schema: &str) -> Result<Run, BenchmarkError> {
        self.within(arm, async |connection, sql| {
            explain(connection, ExplainMode::Plan, sql).await?;
            let before = rows_written(connection, schema).await?;
            let (plan, json) = explain(connection, ExplainMode::Written, sql).await?;
            let after = rows_written(connection, schema).await?;
            let wal = |name: &str| json.pointer(&format!("/0/Plan/{name}")).and_then(Value::as_i64);
            let rows = after.0 - before.0;
            Ok(Run {
                milliseconds: plan.execution_time_ms.ok_or_else(no_time)?.max(0.0005),
                shared_blocks: plan.shared_blocks().unwrap_or_default(),
                // What is locked is returned, and what is written is counted.
                found_rows: rows > 0 || plan.root.actual_rows.is_some_and(|rows| rows > 0.0),
                plan: plan_hash(&plan),
                written: Some(Written {
                    rows,
                    hot_updates: after.1 - before.1,
                    wal_bytes: wal("WAL Bytes").unwrap_or_default(),
                    wal_records: wal("WAL Records").unwrap_or_default(),
                }),
            })
        })
        .await
    }

    /// Whether a run is one execution, whatever it takes.
    pub fn writes(&self) -> bool {
        self.baseline.writes_in.is_some() || self.patched.writes_in.is_some()
    }

    /// The plan that is shown: one run with the time of every node.
    pub async fn shown_plan(&mut self, arm: ArmKind) -> Result<Value, BenchmarkError> {
        self.within(arm, async |connection, sql| {
            Ok(explain(connection, ExplainMode::Analyzed, sql).await?.1)
        })
        .await
    }
}

/// Rows written in the tables of a schema in this transaction so far, and of these the heap-only updates.
async fn rows_written(
    connection: &mut PgConnection,
    schema: &str,
) -> Result<(i64, i64), BenchmarkError> {
    let row = query(
        "SELECT COALESCE(pg_catalog.sum(n_tup_ins), 0)::pg_catalog.int8 AS added,
                COALESCE(pg_catalog.sum(n_tup_upd), 0)::pg_catalog.int8 AS changed,
                COALESCE(pg_catalog.sum(n_tup_del), 0)::pg_catalog.int8 AS removed,
                COALESCE(pg_catalog.sum(n_tup_hot_upd), 0)::pg_catalog.int8 AS hot
         FROM pg_catalog.pg_stat_xact_user_tables WHERE schemaname = $1",
    )
    .bind(schema)
    .fetch_one(connection)
    .await?;
    let count = |name: &str| row.try_get::<i64, _>(name);
    Ok((count("added")? + count("changed")? + count("removed")?, count("hot")?))
}

/// A name for a prepared statement that the session does not have: one outlives the transaction that it fails in.
fn next_name() -> String {
    static LAST: AtomicU64 = AtomicU64::new(0);
    format!("optischema_run_{}", LAST.fetch_add(1, Ordering::Relaxed))
}

/// Eight digits that tell plans of one statement apart.
fn plan_hash(plan: &Plan) -> String {
    hex(&Sha256::digest(plan.outline().as_bytes())[..4])
}

fn no_time() -> PgFailure {
    PgFailure::Unexpected("EXPLAIN ANALYZE gave no execution time".into())
}

pub(super) async fn execute(
    connection: &mut PgConnection,
    statement: String,
) -> Result<(), PgFailure> {
    query(AssertSqlSafe(statement)).execute(connection).await?;
    Ok(())
}
