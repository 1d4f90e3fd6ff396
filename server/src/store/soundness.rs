//! Whether a store can be read to its end, before it takes another's place.

use std::path::Path;

use optischema::model::quote_identifier;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Row, SqliteConnection};

use super::row::{integer, parsed, text};
use super::{Store, StoreError};

/// Looks at a file before it is used as a store. A file that is missing or empty is a new store.
///
/// # Errors
/// It is damaged, another program's, or of a later version; the sentence says what to do.
pub(super) async fn check_file(file: &Path, known: i64) -> Result<(), StoreError> {
    if !std::fs::metadata(file).is_ok_and(|found| found.len() > 0) {
        return Ok(());
    }
    let damaged = |reason: String| StoreError::Damaged { file: file.to_owned(), reason };
    let opened =
        SqliteConnectOptions::new().filename(file).create_if_missing(false).connect().await;
    let mut connection = opened.map_err(|error| damaged(in_short(&error)))?;
    let checked = look(&mut connection).await;
    // What was only read needs no end in order.
    drop(connection.close().await);
    let found = checked.map_err(|error| damaged(in_short(&error)))?;
    if found.check != "ok" {
        return Err(damaged(found.check));
    }
    match found.version {
        Some(version) if version > known => {
            Err(StoreError::Newer { file: file.to_owned(), version, known })
        }
        None if found.tables > 0 => Err(StoreError::Foreign(file.to_owned())),
        _ => Ok(()),
    }
}

struct Found {
    check: String,
    tables: i64,
    /// The last migration that was made; absent where it is no store of ours.
    version: Option<i64>,
}

async fn look(connection: &mut SqliteConnection) -> Result<Found, sqlx::Error> {
    let check = sqlx::query("PRAGMA quick_check(1)").fetch_one(&mut *connection).await?;
    let row = sqlx::query(
        "SELECT count(*) AS tables, sum(name = '_sqlx_migrations') AS migrations, sum(name = 'recommendations') AS ours
         FROM sqlite_master WHERE type = 'table'",
    )
    .fetch_one(&mut *connection)
    .await?;
    let count = |name: &str| row.try_get::<Option<i64>, _>(name).map(Option::unwrap_or_default);
    let (tables, migrations, ours) = (count("tables")?, count("migrations")?, count("ours")?);
    let version = if migrations == 1 && (ours == 1 || tables == 1) {
        let row = sqlx::query("SELECT coalesce(max(version), 0) AS version FROM _sqlx_migrations")
            .fetch_one(connection)
            .await?;
        Some(row.try_get("version")?)
    } else {
        None
    };
    Ok(Found { check: check.try_get(0)?, tables, version })
}

/// What SQLite says, without the driver's words around it.
fn in_short(error: &sqlx::Error) -> String {
    match error {
        sqlx::Error::Database(database) => database.message().to_owned(),
        other => other.to_string(),
    }
}

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
