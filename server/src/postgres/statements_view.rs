//! Reading `pg_stat_statements` of PostgreSQL 13 to 18. Which columns there are is asked of the view itself:
//! the extension may be older than the server.

use std::collections::BTreeMap;

use optischema::model::Timestamp;
use optischema::workload::{Counters, Reading, Snapshot, StatementKey};
use sqlx::postgres::{PgConnection, PgRow};
use sqlx::{AssertSqlSafe, Row};

use super::PgFailure;
use super::query;
use super::suspects::schema_of_trusted;
use crate::clock::now;

/// What a column stands as where the version lacks it.
const EXPRESSIONS: &[(&str, &[&str], &str)] = &[
    ("toplevel", &["toplevel"], "true"),
    ("read_time", &["shared_blk_read_time", "blk_read_time"], "0::pg_catalog.float8"),
    ("since", &["stats_since"], "NULL::pg_catalog.timestamptz"),
    ("wal_bytes", &["wal_bytes"], "0"),
];

/// What is called of the extension.
const CALL: &str = "pg_stat_statements(bool)";
const INFO_CALL: &str = "pg_stat_statements_info()";

/// The view of one database: where it is, and what it has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatementsView {
    /// Quoted.
    schema: String,
    columns: Vec<String>,
    /// What tells of resets: the extension's function, or the relation that recorded rows stand in.
    info: Option<&'static str>,
}

impl StatementsView {
    /// Finds the view.
    ///
    /// # Errors
    /// It is not installed; the sentence says how to.
    pub async fn find(connection: &mut PgConnection) -> Result<Self, PgFailure> {
        let schema = schema_of_trusted(connection, "pg_stat_statements", &[CALL]).await?;
        let schema = schema.ok_or_else(|| {
            PgFailure::Unexpected(
                "pg_stat_statements is not installed in main: CREATE EXTENSION pg_stat_statements"
                    .into(),
            )
        })?;
        // The function is read, and not the view: a view can be made anew.
        let has_info =
            schema_of_trusted(connection, "pg_stat_statements", &[INFO_CALL]).await.is_ok();
        let row = query(
            "SELECT /* optischema */ p.proargnames AS columns
             FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
             WHERE pg_catalog.quote_ident(n.nspname) = $1 AND p.proname = 'pg_stat_statements'
               AND pg_catalog.oidvectortypes(p.proargtypes) = 'boolean'",
        )
        .bind(&schema)
        .fetch_one(connection)
        .await?;
        Ok(Self {
            schema,
            info: has_info.then_some("pg_stat_statements_info()"),
            columns: row.try_get::<Option<Vec<String>>, _>("columns")?.unwrap_or_default(),
        })
    }

    /// A view in a schema (quoted) with these columns; for recorded rows.
    #[must_use]
    pub fn with_columns(schema: &str, columns: Vec<String>, has_info: bool) -> Self {
        Self {
            schema: schema.to_owned(),
            columns,
            info: has_info.then_some("pg_stat_statements_info"),
        }
    }

    fn expression(&self, name: &str) -> String {
        let Some((_, names, absent)) = EXPRESSIONS.iter().find(|(known, ..)| *known == name) else {
            return format!("s.{name}");
        };
        names
            .iter()
            .find(|name| self.columns.iter().any(|column| column == *name))
            .map_or_else(|| (*absent).to_owned(), |name| format!("s.{name}"))
    }

    /// Reads every entry of the connected database, without its text.
    pub async fn snapshot(
        &self,
        connection: &mut PgConnection,
    ) -> Result<(Snapshot, i64), PgFailure> {
        let schema = &self.schema;
        let (toplevel, read_time) = (self.expression("toplevel"), self.expression("read_time"));
        let (since, wal) = (self.expression("since"), self.expression("wal_bytes"));
        let text = format!(
            "SELECT /* optischema */ s.dbid::pg_catalog.int8 AS dbid, s.userid::pg_catalog.int8 AS userid, s.queryid::pg_catalog.int8 AS queryid,
                    {toplevel} AS toplevel, s.calls::pg_catalog.int8 AS calls, s.total_exec_time::pg_catalog.float8 AS total_time,
                    s.total_plan_time::pg_catalog.float8 AS plan_time, s.rows::pg_catalog.int8 AS rows,
                    s.shared_blks_hit::pg_catalog.int8 AS hit, s.shared_blks_read::pg_catalog.int8 AS read,
                    (s.temp_blks_read OPERATOR(pg_catalog.+) s.temp_blks_written)::pg_catalog.int8 AS temp, {read_time}::pg_catalog.float8 AS read_time,
                    {wal}::pg_catalog.int8 AS wal, (extract(epoch FROM {since}) OPERATOR(pg_catalog.*) 1000)::pg_catalog.int8 AS since
             FROM {schema}.pg_stat_statements(false) s
             WHERE s.dbid = (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())"
        );
        let rows = query(AssertSqlSafe(text)).fetch_all(&mut *connection);
        let mut hidden = 0;
        let mut readings: BTreeMap<StatementKey, Reading> = BTreeMap::new();
        for row in rows.await? {
            match reading(&row)? {
                Some(reading) => {
                    let entry = readings.entry(reading.key);
                    let known =
                        entry.or_insert(Reading { counters: Counters::default(), ..reading });
                    known.counters = known.counters.plus(&reading.counters);
                }
                None => hidden += 1,
            }
        }
        let (reset_at, deallocations) = self.info(connection).await?;
        let readings = readings.into_values().collect();
        Ok((Snapshot { at: now(), reset_at, deallocations, readings }, hidden))
    }

    /// How many entries there are, in all databases.
    pub async fn count(&self, connection: &mut PgConnection) -> Result<i64, PgFailure> {
        let text = format!(
            "SELECT /* optischema */ pg_catalog.count(*) AS entries FROM {}.pg_stat_statements(false)",
            self.schema
        );
        let row = query(AssertSqlSafe(text)).fetch_one(connection).await?;
        Ok(row.try_get("entries")?)
    }

    async fn info(
        &self,
        connection: &mut PgConnection,
    ) -> Result<(Option<Timestamp>, Option<i64>), PgFailure> {
        let Some(info) = self.info else { return Ok((None, None)) };
        let text = format!(
            "SELECT /* optischema */ dealloc::pg_catalog.int8 AS dealloc,
                    (extract(epoch FROM stats_reset) OPERATOR(pg_catalog.*) 1000)::pg_catalog.int8 AS reset
             FROM {}.{info}",
            self.schema
        );
        let row = query(AssertSqlSafe(text)).fetch_one(connection).await?;
        let reset: Option<i64> = row.try_get("reset")?;
        Ok((reset.map(Timestamp::from_millisecond), row.try_get("dealloc")?))
    }

    /// The texts of some entries. A text in no known encoding is read as far as it goes.
    pub async fn texts(
        &self,
        connection: &mut PgConnection,
        queryids: &[i64],
    ) -> Result<BTreeMap<i64, String>, PgFailure> {
        let text = format!(
            "SELECT /* optischema */ s.queryid::pg_catalog.int8 AS queryid,
                    pg_catalog.convert_to(s.query, CASE pg_catalog.getdatabaseencoding() WHEN 'SQL_ASCII' THEN 'SQL_ASCII' ELSE 'UTF8' END)
                        AS query
             FROM {}.pg_stat_statements(true) s
             WHERE s.dbid = (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())
               AND s.queryid = ANY ($1)",
            self.schema
        );
        let rows = query(AssertSqlSafe(text)).bind(queryids).fetch_all(connection).await?;
        let mut texts = BTreeMap::new();
        for row in rows {
            let bytes: Option<Vec<u8>> = row.try_get("query")?;
            let text = String::from_utf8_lossy(&bytes.unwrap_or_default()).into_owned();
            texts.insert(row.try_get("queryid")?, text);
        }
        Ok(texts)
    }
}

/// `untranslatable_character`, `character_not_in_repertoire`.
const OTHER_ENCODING: &[&str] = &["22P05", "22021"];

/// What a failure to read texts means: PostgreSQL writes those of every database of the server in this one's encoding,
/// and gives none where one of them cannot be.
pub(crate) fn no_texts(failure: PgFailure) -> PgFailure {
    match failure.sqlstate() {
        Some(state) if OTHER_ENCODING.contains(&state) => PgFailure::Unexpected(format!(
            "pg_stat_statements gives no texts here: one of another database of this server, or an invalid one, cannot be written in this database's encoding, and PostgreSQL refuses all of them then. pg_stat_statements_reset() for that database mends it until such a statement runs again ({failure})"
        )),
        _ => failure,
    }
}

/// One entry; absent where the role may not see whose it is.
fn reading(row: &PgRow) -> Result<Option<Reading>, PgFailure> {
    let Some(queryid) = row.try_get::<Option<i64>, _>("queryid")? else { return Ok(None) };
    let since: Option<i64> = row.try_get("since")?;
    Ok(Some(Reading {
        key: StatementKey {
            dbid: row.try_get("dbid")?,
            userid: row.try_get("userid")?,
            queryid,
            toplevel: row.try_get("toplevel")?,
        },
        counters: Counters {
            calls: row.try_get("calls")?,
            total_time_ms: row.try_get("total_time")?,
            rows: row.try_get("rows")?,
            plan_time_ms: row.try_get("plan_time")?,
            shared_hit: row.try_get("hit")?,
            shared_read: row.try_get("read")?,
            temp_blocks: row.try_get("temp")?,
            read_time_ms: row.try_get("read_time")?,
            wal_bytes: row.try_get("wal")?,
        },
        since: since.map(Timestamp::from_millisecond),
    }))
}
