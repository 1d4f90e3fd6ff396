//! The statements of the workload: lists, one of them, and what reading and planning them gave.

use std::collections::BTreeMap;

use optischema::model::{
    CatalogTable, NotPlanned, PlannableStatement, PlannedAs, QueryHash, QueryKind, QuerySource,
    TableName, Timestamp, TrackedStatement,
};
use serde_json::{Value, json};
use sqlx::sqlite::SqliteRow;

use super::query_row::tracked;
use super::row::{
    integer, json as read_json, optional_json, optional_parsed, optional_text, parsed, to_json,
};
use super::{Store, StoreError};
use crate::clock::now;

/// A statement with what only the store knows.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredQuery {
    pub id: i64,
    pub statement: TrackedStatement,
    pub source: QuerySource,
    pub roles: Vec<String>,
    pub search_path: Option<Vec<String>>,
    /// Sets of values that a log showed.
    pub logged: Vec<Vec<Option<String>>>,
    /// Texts that sessions ran, with their constants, each with how often it was seen.
    pub seen: Vec<(String, i64)>,
    pub planned_at: Option<Timestamp>,
}

fn stored(row: &SqliteRow) -> Result<StoredQuery, StoreError> {
    Ok(StoredQuery {
        id: integer(row, "id")?,
        statement: tracked(row)?,
        source: parsed(row, "source")?,
        roles: read_json(row, "roles_json")?,
        search_path: optional_json(row, "search_path_json")?,
        logged: optional_json(row, "logged_json")?.unwrap_or_default(),
        seen: optional_json(row, "seen_json")?.unwrap_or_default(),
        planned_at: optional_parsed(row, "planned_at")?,
    })
}

/// Sets of logged values that one statement keeps.
const MOST_LOGGED: usize = 5;

impl Store {
    /// One statement.
    pub async fn query(
        &self,
        database: &str,
        hash: &QueryHash,
    ) -> Result<Option<StoredQuery>, StoreError> {
        let row = sqlx::query("SELECT * FROM queries WHERE database = ?1 AND query_hash = ?2")
            .bind(database)
            .bind(&hash.0)
            .fetch_optional(&self.readers)
            .await?;
        row.as_ref().map(stored).transpose()
    }

    /// The application's statements, the dearest first.
    pub async fn user_queries(&self, database: &str) -> Result<Vec<StoredQuery>, StoreError> {
        let rows = sqlx::query(
            "SELECT * FROM queries WHERE database = ?1 AND kind = 'user'
             ORDER BY total_time_ms DESC, query_hash",
        )
        .bind(database)
        .fetch_all(&self.readers)
        .await?;
        rows.iter().map(stored).collect()
    }

    /// Those that ran since they were planned last, or never were, the dearest first.
    pub async fn queries_to_plan(
        &self,
        database: &str,
        planned_before: Timestamp,
        most: i64,
    ) -> Result<Vec<StoredQuery>, StoreError> {
        let rows = sqlx::query(
            "SELECT * FROM queries WHERE database = ?1 AND kind = 'user'
                 AND (planned_at IS NULL OR (planned_at < ?2 AND last_seen_at > planned_at))
             ORDER BY planned_at IS NOT NULL, total_time_ms DESC LIMIT ?3",
        )
        .bind(database)
        .bind(planned_before.to_string())
        .bind(most)
        .fetch_all(&self.readers)
        .await?;
        rows.iter().map(stored).collect()
    }

    /// Keeps what planning gave.
    pub async fn set_plannable(
        &self,
        results: &[(i64, Result<PlannableStatement, NotPlanned>)],
    ) -> Result<(), StoreError> {
        let mut write = self.write().await?;
        let at = now().to_string();
        for (id, result) in results {
            let (plannable, reason) = match result {
                Ok(plannable) => (Some(to_json("plannable_json", plannable)?), None),
                Err(reason) => (None, Some(reason)),
            };
            let planned_as =
                result.as_ref().map_or(PlannedAs::NotPlanned, |plannable| plannable.planned_as);
            sqlx::query(
                "UPDATE queries SET planned = ?2, plannable_json = ?3, reason = ?4, planned_at = ?5,
                     planned_as = ?6, reason_code = ?7, reason_remedy = ?8 WHERE id = ?1",
            )
            .bind(id)
            .bind(i64::from(result.is_ok()))
            .bind(plannable)
            .bind(reason.map(|reason| reason.message.as_str()))
            .bind(&at)
            .bind(planned_as.as_str())
            .bind(reason.map(|reason| reason.code.as_str()))
            .bind(reason.and_then(|reason| reason.remedy.as_deref()))
            .execute(&mut *write)
            .await?;
        }
        write.commit().await?;
        Ok(())
    }

    /// Takes a statement that a person gave; one that is known gets its calls and values on top.
    #[expect(clippy::too_many_arguments, reason = "the parts of one row, each named once")]
    pub async fn add_query(
        &self,
        database: &str,
        hash: &QueryHash,
        sql: &str,
        source: QuerySource,
        figures: (i64, f64),
        search_path: Option<&[String]>,
        logged: &[Vec<Option<String>>],
    ) -> Result<i64, StoreError> {
        let mut values = self.query(database, hash).await?.map(|q| q.logged).unwrap_or_default();
        for set in logged {
            if !values.contains(set) {
                values.insert(0, set.clone());
            }
        }
        values.truncate(MOST_LOGGED);
        let search_path = search_path.map(|path| to_json("search_path_json", &path)).transpose()?;
        let mut write = self.write().await?;
        let row = sqlx::query(
            "INSERT INTO queries (database, query_hash, kind, source, calls, total_time_ms, rows,
                 plan_time_ms, shared_hit, shared_read, temp_blocks, read_time_ms, wal_bytes,
                 first_seen_at, last_seen_at, sql, search_path_json, logged_json)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, 0, 0.0, 0, 0, 0, 0.0, 0, ?7, ?7, ?8, ?9, ?10)
             ON CONFLICT (database, query_hash) DO UPDATE SET logged_json = excluded.logged_json,
                 calls = CASE WHEN source = 'main' THEN calls ELSE calls + excluded.calls END,
                 total_time_ms = CASE WHEN source = 'main' THEN total_time_ms
                     ELSE total_time_ms + excluded.total_time_ms END,
                 last_seen_at = excluded.last_seen_at, planned_at = NULL
             RETURNING id",
        )
        .bind(database)
        .bind(&hash.0)
        .bind(QueryKind::User.as_str())
        .bind(source.as_str())
        .bind(figures.0)
        .bind(figures.1)
        .bind(now().to_string())
        .bind(sql)
        .bind(search_path)
        .bind((!values.is_empty()).then(|| to_json("logged_json", &values)).transpose()?)
        .fetch_one(&mut *write)
        .await?;
        write.commit().await?;
        integer(&row, "id")
    }

    /// Forgets a statement that a person gave. One that main counts stays.
    pub async fn remove_query(&self, database: &str, hash: &QueryHash) -> Result<bool, StoreError> {
        let mut write = self.write().await?;
        let removed = sqlx::query(
            "DELETE FROM queries WHERE database = ?1 AND query_hash = ?2 AND source <> 'main'",
        )
        .bind(database)
        .bind(&hash.0)
        .execute(&mut *write)
        .await?;
        write.commit().await?;
        Ok(removed.rows_affected() > 0)
    }

    /// When the workload was read last, how many statements the application has, and how many of them can
    /// be planned.
    pub async fn statement_counts(
        &self,
        database: &str,
    ) -> Result<(Option<String>, i64, i64), StoreError> {
        let row = sqlx::query(
            "SELECT (SELECT max(planned_at) FROM queries WHERE database = ?1) AS seen_at,
                    count(*) AS total, COALESCE(sum(planned), 0) AS planned
             FROM queries WHERE database = ?1 AND kind = 'user'",
        )
        .bind(database)
        .fetch_one(&self.readers)
        .await?;
        Ok((optional_text(&row, "seen_at")?, integer(&row, "total")?, integer(&row, "planned")?))
    }

    /// Keeps the catalog's tables, for pages.
    pub async fn replace_catalog(
        &self,
        database: &str,
        tables: &BTreeMap<TableName, CatalogTable>,
    ) -> Result<(), StoreError> {
        let mut write = self.write().await?;
        sqlx::query("DELETE FROM catalog_tables WHERE database = ?1")
            .bind(database)
            .execute(&mut *write)
            .await?;
        let rows: Vec<Value> = tables
            .values()
            .map(|table| {
                // Their columns' values may be personal, and no page needs them.
                let table = CatalogTable { columns: Vec::new(), ..table.clone() };
                Ok(json!([table.name.to_string(), to_json("facts_json", &table)?]))
            })
            .collect::<Result<_, StoreError>>()?;
        sqlx::query(
            "INSERT INTO catalog_tables SELECT ?1, value->>0, value->>1 FROM json_each(?2)",
        )
        .bind(database)
        .bind(Value::from(rows).to_string())
        .execute(&mut *write)
        .await?;
        write.commit().await?;
        Ok(())
    }

    /// Some tables as the catalog of the last analysis had them, without their columns.
    pub async fn catalog_tables(
        &self,
        database: &str,
        names: &[TableName],
    ) -> Result<Vec<CatalogTable>, StoreError> {
        let names: Vec<String> = names.iter().map(ToString::to_string).collect();
        let rows = sqlx::query(
            "SELECT facts_json FROM catalog_tables
             WHERE database = ?1 AND name IN (SELECT value FROM json_each(?2)) ORDER BY name",
        )
        .bind(database)
        .bind(json!(names).to_string())
        .fetch_all(&self.readers)
        .await?;
        rows.iter().map(|row| read_json(row, "facts_json")).collect()
    }
}
