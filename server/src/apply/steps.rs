//! Steps of a change: how they are built, and how they run.

use optischema::model::{ChangeStep, StepLock};
use sqlx::AssertSqlSafe;
use sqlx::postgres::PgConnection;

use crate::postgres::PgFailure;
use crate::postgres::query;

/// A step that runs by itself.
pub(super) fn alone(
    title: impl Into<String>,
    sql: impl Into<String>,
    lock: StepLock,
) -> ChangeStep {
    ChangeStep {
        title: title.into(),
        sql: sql.into(),
        lock,
        in_transaction: false,
        follow_up: false,
        table: None,
    }
}

/// A step that runs in a transaction with its neighbours.
pub(super) fn together(
    title: impl Into<String>,
    sql: impl Into<String>,
    lock: StepLock,
) -> ChangeStep {
    ChangeStep { in_transaction: true, ..alone(title, sql, lock) }
}

/// A step that completes what was done, and may be run again.
pub(super) fn follow_up(title: impl Into<String>, sql: impl Into<String>) -> ChangeStep {
    ChangeStep { follow_up: true, ..alone(title, sql, StepLock::ShareUpdateExclusive) }
}

/// Told which step runs, of how many.
pub type Told<'a> = &'a mut (dyn FnMut(usize, usize, &ChangeStep) + Send);

/// Runs steps; those that stand together in one transaction. What only completes the others and does not run is no failure
/// of theirs: it is returned in words.
pub(super) async fn run_steps(
    connection: &mut PgConnection,
    steps: &[ChangeStep],
    told: Told<'_>,
) -> Result<Vec<String>, PgFailure> {
    let mut at = 0;
    let mut left_out = Vec::new();
    while let Some(step) = steps.get(at) {
        let same = steps[at..].iter().take_while(|next| next.in_transaction).count();
        if same < 2 {
            told(at, steps.len(), step);
            match run(connection, &step.sql).await {
                Err(failure) if step.follow_up && !failure.is_connection() => {
                    left_out.push(not_run(step, &failure));
                }
                ran => ran?,
            }
            at += 1;
            continue;
        }
        run(connection, "BEGIN").await?;
        for step in &steps[at..at + same] {
            told(at, steps.len(), step);
            if let Err(failure) = run(connection, &step.sql).await {
                // Where even that fails the connection is gone, and PostgreSQL rolls back by itself.
                drop(run(connection, "ROLLBACK").await);
                return Err(failure);
            }
            at += 1;
        }
        run(connection, "COMMIT").await?;
    }
    Ok(left_out)
}

/// What is said of a step that only completes others, and did not run.
pub(super) fn not_run(step: &ChangeStep, failure: &PgFailure) -> String {
    format!("{} did not run: {failure}. Run it by hand, or let autovacuum do it.", step.sql)
}

pub(super) async fn run(connection: &mut PgConnection, statement: &str) -> Result<(), PgFailure> {
    query(AssertSqlSafe(statement.to_owned())).execute(connection).await?;
    Ok(())
}
