//! Whether a store can be read to its end, before it takes another's place.

use optischema::model::quote_identifier;
use sqlx::AssertSqlSafe;

use super::row::{integer, parsed, text};
use super::{Store, StoreError};

impl Store {
    /// Reads everything that a page would read. What cannot be read is said in words.
    ///
    /// # Errors
    /// The file itself cannot be read.
    pub(super) async fn unsound(&self) -> Result<Option<String>, StoreError> {
        let checked = sqlx::query("PRAGMA quick_check(1)").fetch_one(&self.readers).await?;
        let checked: String = sqlx::Row::try_get(&checked, 0)?;
        if checked != "ok" {
            return Ok(Some(checked));
        }
        if let Some(row) =
            sqlx::query("PRAGMA foreign_key_check").fetch_optional(&self.readers).await?
        {
            let table: String = sqlx::Row::try_get(&row, 0)?;
            return Ok(Some(format!("a row of {table} names another that is not there")));
        }
        if let Some(broken) = self.broken_json().await? {
            return Ok(Some(broken));
        }
        match self.read_all().await {
            Ok(()) => Ok(None),
            Err(StoreError::Corrupt { column, reason }) => {
                Ok(Some(format!("{column} cannot be read: {reason}")))
            }
            Err(other) => Err(other),
        }
    }

    /// The first column of JSON that holds something else.
    async fn broken_json(&self) -> Result<Option<String>, StoreError> {
        let columns = sqlx::query(
            "SELECT t.name AS tbl, c.name AS col FROM sqlite_master t JOIN pragma_table_info(t.name) c
             WHERE t.type = 'table' AND c.name LIKE '%\\_json' ESCAPE '\\'",
        )
        .fetch_all(&self.readers)
        .await?;
        for column in &columns {
            let (table, name) = (text(column, "tbl")?, text(column, "col")?);
            let (quoted, of) = (quote_identifier(&name), quote_identifier(&table));
            let broken = format!(
                "SELECT count(*) AS n FROM {of} WHERE {quoted} IS NOT NULL AND NOT json_valid({quoted})"
            );
            let row = sqlx::query(AssertSqlSafe(broken)).fetch_one(&self.readers).await?;
            if integer(&row, "n")? > 0 {
                return Ok(Some(format!("{table}.{name} holds what is no JSON")));
            }
        }
        Ok(None)
    }

    async fn read_all(&self) -> Result<(), StoreError> {
        for row in sqlx::query("SELECT id FROM recommendations").fetch_all(&self.readers).await? {
            self.recommendation(parsed(&row, "id")?).await?;
        }
        for row in sqlx::query("SELECT id FROM benchmark_jobs").fetch_all(&self.readers).await? {
            self.job(parsed(&row, "id")?).await?;
        }
        for row in sqlx::query("SELECT id FROM changes").fetch_all(&self.readers).await? {
            self.change(parsed(&row, "id")?).await?;
        }
        self.whole_trail().await.map(drop)
    }
}
