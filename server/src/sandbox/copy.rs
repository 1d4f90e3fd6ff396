//! Streaming rows from main into the sandbox: binary `COPY` out of a read-only transaction, straight into
//! `COPY` in. Nothing is held but one batch.

use std::collections::BTreeMap;

use futures_util::TryStreamExt;
use optischema::model::{CopiedTable, TableName, quote_identifier};
use optischema::sampling::RowChoice;
use sqlx::Row;
use sqlx::postgres::PgConnection;

use super::SandboxError;
use super::structure::{StructureKind, TableStructure};
use crate::postgres::{MainSession, PgFailure, PlanFailure, query};
use crate::sql::{OWN_MARK, parse_one};

/// Bytes sent at once: PostgreSQL hands over a message a row, and each that is sent alone is a system call.
const BATCH: usize = 256 * 1024;
/// How long one table may take to be read.
const READING_S: &str = "SET LOCAL statement_timeout = '15min'";
const TEXT: &str = "text";
/// Values as text are read as they were written.
const AS_TEXT: &[&str] = &[
    "SET LOCAL datestyle = 'ISO, YMD'",
    "SET LOCAL intervalstyle = 'postgres'",
    "SET LOCAL extra_float_digits = 3",
];

/// What is told of a copy under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Copied {
    pub rows: i64,
    pub bytes: i64,
}

/// Told of every batch.
pub type CopyProgress<'a> = &'a mut (dyn FnMut(Copied) + Send);

/// Which rows of each table are copied; tables that are not named are whole.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RowChoices {
    pub choices: BTreeMap<TableName, RowChoice>,
    /// The same seed chooses the same rows.
    pub seed: u64,
}

impl RowChoices {
    /// What stands between `FROM table t` and the end. `top` is the table that the choice is made for.
    fn clauses(&self, top: &TableName) -> String {
        match self.choices.get(top) {
            // REPEATABLE takes a float4: a small whole number is exact in it.
            Some(RowChoice::Blocks { percent }) => {
                format!(" TABLESAMPLE SYSTEM ({percent}) REPEATABLE ({})", self.seed % 65_536)
            }
            Some(choice) => self
                .condition(choice, "t")
                .map_or_else(String::new, |condition| format!(" WHERE {condition}")),
            None => String::new(),
        }
    }

    /// Rows of a choice, as a condition on the table of that alias. Names are PostgreSQL's own, and quoted.
    fn condition(&self, choice: &RowChoice, alias: &str) -> Option<String> {
        match choice {
            RowChoice::Whole | RowChoice::Blocks { .. } => None,
            RowChoice::JoinKey { column, percent } => {
                let column = quote_identifier(column);
                let below = (percent / 100.0 * 4_294_967_296.0).round() as i64;
                // NULLs join nothing: the same share of them is taken, by where they stand.
                Some(format!(
                    "(pg_catalog.hashtextextended(COALESCE({alias}.{column}::pg_catalog.text, {alias}.ctid::pg_catalog.text), \
                     {seed}::pg_catalog.int8) OPERATOR(pg_catalog.&) 4294967295::pg_catalog.int8) \
                     OPERATOR(pg_catalog.<) {below}::pg_catalog.int8",
                    seed = (self.seed >> 1) as i64
                ))
            }
            RowChoice::Referenced { column, by, by_column } => {
                let inner = format!("{alias}s");
                let chosen = self.choices.get(by).and_then(|by| self.condition(by, &inner));
                let chosen = chosen.map_or_else(String::new, |chosen| format!(" WHERE {chosen}"));
                Some(format!(
                    "{alias}.{} OPERATOR(pg_catalog.=) ANY (SELECT {inner}.{} FROM {} {inner}{chosen})",
                    quote_identifier(column),
                    quote_identifier(by_column),
                    by.quoted()
                ))
            }
        }
    }
}

/// A relation of main with rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowSource {
    pub table: TableName,
    /// Names of its columns but generated ones.
    pub columns: Vec<String>,
    /// Whether its rows can be sent without a query: it is a table, and none of the columns is generated.
    pub is_sent: bool,
    /// Whether the role on main is known to read all of its rows.
    pub is_readable: bool,
    /// Whether a column has a type of the database's or an extension's.
    pub has_own_types: bool,
}

impl RowSource {
    /// The rows of a structure.
    #[must_use]
    pub fn of(structure: &TableStructure) -> Self {
        Self {
            table: structure.table.clone(),
            columns: structure.copied_columns(),
            is_sent: structure.kind == StructureKind::Table,
            is_readable: false,
            has_own_types: structure.has_own_types(),
        }
    }

    /// Quoted and joined.
    fn list(&self) -> String {
        let quoted: Vec<String> = self.columns.iter().map(|name| quote_identifier(name)).collect();
        quoted.join(", ")
    }
}

/// The copy of one table's rows.
#[derive(Debug)]
pub struct CopyRows<'a> {
    pub source: &'a RowSource,
    /// The table that the rows were chosen for: itself, or the one that it is a part of.
    pub top: &'a TableName,
    pub schema: &'a str,
    pub choices: &'a RowChoices,
    /// Whether rows arrive frozen, as after a VACUUM: the table is emptied first, which costs a new file.
    pub is_frozen: bool,
}

impl CopyRows<'_> {
    /// Copies them. The table must be empty.
    ///
    /// # Errors
    /// Main or the sandbox is lost, or does not take the rows.
    pub async fn run(
        &self,
        main: &mut MainSession,
        sandbox: &mut PgConnection,
        progress: CopyProgress<'_>,
    ) -> Result<CopiedTable, SandboxError> {
        let columns = self.source.list();
        // A table may have no columns at all.
        let list = if columns.is_empty() { String::new() } else { format!(" ({columns})") };
        let format = self.format(sandbox);
        let out = self.reading(main, &columns, &list, format).await?;
        let frozen = if self.is_frozen { ", FREEZE" } else { "" };
        let into = format!("COPY {}{list} FROM STDIN (FORMAT {format}{frozen})", self.target());
        let reading = main.copy(&out, async |main| {
            super::scratch::execute(main, READING_S.to_owned()).await?;
            for setting in AS_TEXT.iter().filter(|_| format == TEXT) {
                super::scratch::execute(main, (*setting).to_owned()).await?;
            }
            self.hold(main).await.map_err(|failure| self.not_read(failure))?;
            self.transfer((main, &out), (sandbox, &into), progress).await
        });
        let copied = reading.await.map_err(|failure| self.not_read(failure))??;
        Ok(CopiedTable {
            table: self.source.table.clone(),
            rows: copied.rows,
            bytes: copied.bytes,
            method: self
                .choices
                .choices
                .get(self.top)
                .map_or(optischema::model::CopyMethod::Whole, RowChoice::method),
        })
    }
}

impl CopyRows<'_> {
    /// Binary but where the sandbox refuses it: an array or a row holds the numbers of its types, and up to version 13
    /// those of a type that was made must be the same on both sides ("wrong element type", 13.23; accepted by 14).
    fn format(&self, sandbox: &PgConnection) -> &'static str {
        let is_old = sandbox.server_version_num().is_none_or(|version| version < 140_000);
        if self.source.has_own_types && is_old { TEXT } else { "binary" }
    }

    /// The statement that reads the rows on main. Every query is planned, and planning evaluates the expressions of the
    /// table's indexes: it is checked like any statement. A whole table is read without a query.
    async fn reading(
        &self,
        main: &mut MainSession,
        columns: &str,
        list: &str,
        format: &str,
    ) -> Result<String, SandboxError> {
        let table = self.source.table.quoted();
        let clauses = self.choices.clauses(self.top);
        let is_sent = self.source.is_sent && clauses.is_empty();
        let select = format!("SELECT {columns} FROM ONLY {table} t{clauses}");
        if !self.source.is_readable {
            self.check_rights(main.connection().await?).await?;
        }
        let allowed = if is_sent {
            main.may_be_sent(&self.source.table).await
        } else {
            // A sample's method is PostgreSQL's own, and its arguments are numbers of ours.
            let is_sample =
                matches!(self.choices.choices.get(self.top), Some(RowChoice::Blocks { .. }));
            let checked = if is_sample { "" } else { clauses.as_str() };
            let checked = format!("SELECT {columns} FROM ONLY {table} t{checked}");
            main.may_be_read(&parse_one(&checked)?).await
        };
        allowed.map_err(|failure| self.not_read(failure))?;
        Ok(match is_sent {
            true => format!("COPY {OWN_MARK} {table}{list} TO STDOUT (FORMAT {format})"),
            false => format!("COPY {OWN_MARK} ({select}) TO STDOUT (FORMAT {format})"),
        })
    }

    /// Locks the table as a reader and looks whether its columns are still there: a COPY that is refused leaves the
    /// driver's connection of no use.
    async fn hold(&self, main: &mut PgConnection) -> Result<(), PgFailure> {
        if !self.source.is_sent {
            return Ok(());
        }
        let table = self.source.table.quoted();
        let lock = format!("LOCK TABLE ONLY {table} IN ACCESS SHARE MODE");
        query(sqlx::AssertSqlSafe(lock)).execute(&mut *main).await?;
        query(
            "SELECT /* optischema */ pg_catalog.has_column_privilege($1, c.name, 'SELECT')
             FROM pg_catalog.unnest($2::pg_catalog.text[]) AS c (name)",
        )
        .bind(table)
        .bind(&self.source.columns)
        .fetch_all(main)
        .await?;
        Ok(())
    }

    /// Whether the role may read every column and every row. It is asked before, since a COPY that is refused leaves the
    /// driver's connection of no use.
    async fn check_rights(&self, main: &mut PgConnection) -> Result<(), SandboxError> {
        let row = query(
            "SELECT /* optischema */ pg_catalog.row_security_active(c.oid) AS has_hidden_rows,
                    (SELECT pg_catalog.string_agg(pg_catalog.quote_ident(a.attname), ', ' ORDER BY a.attnum)
                     FROM pg_catalog.pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
                       AND NOT pg_catalog.has_column_privilege(c.oid, a.attnum, 'SELECT')) AS forbidden
             FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
             WHERE n.nspname = $1 AND c.relname = $2",
        )
        .bind(&self.source.table.schema)
        .bind(&self.source.table.name)
        .fetch_optional(main)
        .await?;
        let Some(row) = row else {
            return Err(SandboxError::MissingTable(self.source.table.clone()));
        };
        let reason = if let Some(columns) = row.try_get::<Option<String>, _>("forbidden")? {
            format!("the role on main may not read {columns}: GRANT SELECT")
        } else if row.try_get("has_hidden_rows")? {
            "a policy hides rows from the role on main".to_owned()
        } else {
            return Ok(());
        };
        Err(SandboxError::UnreadableRows { table: self.source.table.clone(), reason })
    }

    /// A table that main does not give is no end of the others' copy; a server that is lost is.
    fn not_read(&self, failure: impl Into<PlanFailure>) -> SandboxError {
        let reason = match failure.into() {
            PlanFailure::Target(
                failure @ (PgFailure::Sql { .. } | PgFailure::Spent(_) | PgFailure::Unexpected(_)),
            ) => failure.to_string(),
            PlanFailure::Target(failure) => return failure.into(),
            PlanFailure::Sql(refusal) => refusal.to_string(),
        };
        SandboxError::UnreadableRows { table: self.source.table.clone(), reason }
    }

    /// In the sandbox, quoted.
    fn target(&self) -> String {
        TableName::new(self.schema, &self.source.table.name).quoted()
    }

    /// All rows or none.
    async fn transfer(
        &self,
        from: (&mut PgConnection, &str),
        (sandbox, into): (&mut PgConnection, &str),
        progress: CopyProgress<'_>,
    ) -> Result<Copied, SandboxError> {
        if !self.is_frozen {
            return self.stream(from, (sandbox, into), progress).await;
        }
        // FREEZE wants the table emptied in the same transaction.
        super::scratch::execute(sandbox, "BEGIN".to_owned()).await?;
        let empty = format!("TRUNCATE ONLY {}", self.target());
        let copied = match super::scratch::execute(sandbox, empty).await {
            Ok(()) => self.stream(from, (sandbox, into), progress).await,
            Err(failure) => Err(failure),
        };
        let end = if copied.is_ok() { "COMMIT" } else { "ROLLBACK" };
        let ended = super::scratch::execute(sandbox, end.to_owned()).await;
        let copied = copied?;
        ended?;
        Ok(copied)
    }

    async fn stream(
        &self,
        (main, out): (&mut PgConnection, &str),
        (sandbox, into): (&mut PgConnection, &str),
        progress: CopyProgress<'_>,
    ) -> Result<Copied, SandboxError> {
        let mut stream = main.copy_out_raw(out).await?;
        let mut sink = sandbox.copy_in_raw(into).await?;
        let mut copied = Copied { rows: 0, bytes: 0 };
        let mut batch: Vec<u8> = Vec::with_capacity(BATCH + 8192);
        loop {
            match stream.try_next().await {
                Ok(Some(chunk)) => {
                    copied.bytes += chunk.len() as i64;
                    copied.rows += 1;
                    batch.extend_from_slice(&chunk);
                    if batch.len() >= BATCH {
                        sink.send(batch.as_slice()).await?;
                        batch.clear();
                        progress(copied);
                    }
                }
                Ok(None) => break,
                Err(error) => {
                    // The sandbox's side must be told, or its connection could not be used again.
                    drop(sink.abort("main stopped sending rows").await);
                    return Err(error.into());
                }
            }
        }
        if !batch.is_empty() {
            sink.send(batch.as_slice()).await?;
        }
        let rows = sink.finish().await?;
        copied.rows = i64::try_from(rows).unwrap_or(i64::MAX);
        Ok(copied)
    }
}

/// `VACUUM (ANALYZE)` of a copy, so that the planner and index-only scans see it as it is.
pub async fn vacuum_analyze(
    sandbox: &mut PgConnection,
    table: &TableName,
) -> Result<(), SandboxError> {
    super::scratch::execute(sandbox, format!("VACUUM (ANALYZE) {}", table.quoted())).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_that_follow_others_are_chosen_by_the_same_hash() {
        let name = |name: &str| TableName::new("public", name);
        let choices = RowChoices {
            seed: 6,
            choices: [
                (name("a"), RowChoice::JoinKey { column: "k".into(), percent: 50.0 }),
                (
                    name("b"),
                    RowChoice::Referenced {
                        column: "id".into(),
                        by: name("a"),
                        by_column: "b".into(),
                    },
                ),
            ]
            .into(),
        };
        let hash = |alias: &str| {
            format!(
                "(pg_catalog.hashtextextended(COALESCE({alias}.\"k\"::pg_catalog.text, {alias}.ctid::pg_catalog.text), \
                 3::pg_catalog.int8) OPERATOR(pg_catalog.&) 4294967295::pg_catalog.int8) \
                 OPERATOR(pg_catalog.<) 2147483648::pg_catalog.int8"
            )
        };
        assert_eq!(choices.clauses(&name("a")), format!(" WHERE {}", hash("t")));
        assert_eq!(
            choices.clauses(&name("b")),
            format!(
                " WHERE t.\"id\" OPERATOR(pg_catalog.=) ANY (SELECT ts.\"b\" FROM \"public\".\"a\" ts WHERE {})",
                hash("ts")
            )
        );
        assert_eq!(choices.clauses(&name("c")), "");
    }
}
