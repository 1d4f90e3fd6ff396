//! The statements of the last collection.

use optischema::model::{PlannableStatement, QueryHash, StatementShape, TrackedStatement};
use serde::{Deserialize, Serialize};
use sqlx::sqlite::SqliteRow;

use crate::clock::now;

use super::row::{integer, number, optional_json, optional_text, text, to_json};
use super::{Store, StoreError};

/// How a plannable statement is stored.
#[derive(Serialize, Deserialize)]
struct StoredPlannable {
    shape: StatementShape,
    bindings: Vec<optischema::model::Binding>,
}

impl Store {
    /// Replaces the statements of a database by those just collected.
    pub async fn replace_statements(
        &self,
        database: &str,
        statements: &[TrackedStatement],
    ) -> Result<(), StoreError> {
        let mut write = self.write().await?;
        sqlx::query("DELETE FROM statements WHERE database = ?1")
            .bind(database)
            .execute(&mut *write)
            .await?;
        let at = now().to_string();
        for statement in statements {
            let (plannable, reason) = match &statement.plannable {
                Ok(plannable) => {
                    let stored = StoredPlannable {
                        shape: plannable.shape.clone(),
                        bindings: plannable.bindings.clone(),
                    };
                    (Some(to_json("plannable_json", &stored)?), None)
                }
                Err(reason) => (None, Some(reason.as_str())),
            };
            sqlx::query(
                "INSERT INTO statements (database, query_hash, sql, calls, total_time_ms, rows,
                     plannable_json, reason, seen_at)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
            )
            .bind(database)
            .bind(&statement.query_hash.0)
            .bind(&statement.sql)
            .bind(statement.calls)
            .bind(statement.total_time_ms)
            .bind(statement.rows)
            .bind(plannable)
            .bind(reason)
            .bind(&at)
            .execute(&mut *write)
            .await?;
        }
        write.commit().await?;
        Ok(())
    }

    /// One statement of the last collection.
    pub async fn statement(
        &self,
        database: &str,
        hash: &QueryHash,
    ) -> Result<Option<TrackedStatement>, StoreError> {
        let row = sqlx::query("SELECT * FROM statements WHERE database = ?1 AND query_hash = ?2")
            .bind(database)
            .bind(&hash.0)
            .fetch_optional(&self.readers)
            .await?;
        row.as_ref().map(statement_from_row).transpose()
    }

    /// All statements of the last collection, the dearest first.
    pub async fn statements(&self, database: &str) -> Result<Vec<TrackedStatement>, StoreError> {
        let rows = sqlx::query(
            "SELECT * FROM statements WHERE database = ?1 ORDER BY total_time_ms DESC, query_hash",
        )
        .bind(database)
        .fetch_all(&self.readers)
        .await?;
        rows.iter().map(statement_from_row).collect()
    }

    /// When the last collection was made, how many statements it has, and how many can be planned.
    pub async fn statement_counts(
        &self,
        database: &str,
    ) -> Result<(Option<String>, i64, i64), StoreError> {
        let row = sqlx::query(
            "SELECT max(seen_at) AS seen_at, count(*) AS total, count(plannable_json) AS planned
             FROM statements WHERE database = ?1",
        )
        .bind(database)
        .fetch_one(&self.readers)
        .await?;
        Ok((optional_text(&row, "seen_at")?, integer(&row, "total")?, integer(&row, "planned")?))
    }
}

fn statement_from_row(row: &SqliteRow) -> Result<TrackedStatement, StoreError> {
    let stored: Option<StoredPlannable> = optional_json(row, "plannable_json")?;
    let reason = optional_text(row, "reason")?;
    Ok(TrackedStatement {
        query_hash: QueryHash(text(row, "query_hash")?),
        sql: text(row, "sql")?,
        calls: integer(row, "calls")?,
        total_time_ms: number(row, "total_time_ms")?,
        rows: integer(row, "rows")?,
        plannable: stored
            .map(|stored| PlannableStatement { shape: stored.shape, bindings: stored.bindings })
            .ok_or_else(|| reason.unwrap_or_default()),
    })
}
