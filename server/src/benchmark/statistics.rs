//! Main's statistics in the place of those of rows that stand for main's: what the planner expects of a column is then what
//! it expects on main. Servers from PostgreSQL 18 on take them (`pg_restore_attribute_stats`).

use std::collections::BTreeMap;

use optischema::model::TableName;
use sqlx::postgres::PgRow;
use sqlx::{AssertSqlSafe, FromRow, Row};

use super::BenchmarkError;
use super::arms::Fence;
use super::site::Site;
use crate::postgres::{MainSession, PgFailure, query};

/// A row of `pg_stats`: of a column, and of its table alone or with its children. Arrays of values are texts, since their
/// elements are of any type.
#[derive(Debug, Clone, PartialEq)]
struct ColumnStatistics {
    column: String,
    inherited: bool,
    null_share: f32,
    width: i32,
    distinct: f32,
    common: Option<String>,
    common_shares: Option<Vec<f32>>,
    bounds: Option<String>,
    correlation: Option<f32>,
    elements: Option<String>,
    element_shares: Option<Vec<f32>>,
    element_counts: Option<Vec<f32>>,
    lengths: Option<String>,
    empty_share: Option<f32>,
    range_bounds: Option<String>,
}

impl FromRow<'_, PgRow> for ColumnStatistics {
    fn from_row(row: &PgRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            column: row.try_get("attname")?,
            inherited: row.try_get("inherited")?,
            null_share: row.try_get("null_frac")?,
            width: row.try_get("avg_width")?,
            distinct: row.try_get("n_distinct")?,
            common: row.try_get("common")?,
            common_shares: row.try_get("most_common_freqs")?,
            bounds: row.try_get("bounds")?,
            correlation: row.try_get("correlation")?,
            elements: row.try_get("elements")?,
            element_shares: row.try_get("most_common_elem_freqs")?,
            element_counts: row.try_get("elem_count_histogram")?,
            lengths: row.try_get("lengths")?,
            empty_share: row.try_get("empty_share")?,
            range_bounds: row.try_get("range_bounds")?,
        })
    }
}

/// From here on `pg_stats` shows what is known of ranges.
const SHOWS_RANGES: i32 = 170_000;

const OF_RANGES: &str =
    "s.range_length_histogram::pg_catalog.text AS lengths, s.range_empty_frac AS empty_share,
         s.range_bounds_histogram::pg_catalog.text AS range_bounds";
const NONE_OF_RANGES: &str =
    "NULL::pg_catalog.text AS lengths, NULL::pg_catalog.float4 AS empty_share,
         NULL::pg_catalog.text AS range_bounds";

/// What is absent is NULL, and left as it is.
const PUT: &str = "SELECT pg_catalog.pg_restore_attribute_stats(
         'schemaname', $1::pg_catalog.text, 'relname', $2::pg_catalog.text, 'attname', $3::pg_catalog.text,
         'inherited', $4::pg_catalog.bool, 'null_frac', $5::pg_catalog.float4, 'avg_width', $6::pg_catalog.int4,
         'n_distinct', $7::pg_catalog.float4, 'most_common_vals', $8::pg_catalog.text,
         'most_common_freqs', $9::pg_catalog.float4[], 'histogram_bounds', $10::pg_catalog.text,
         'correlation', $11::pg_catalog.float4, 'most_common_elems', $12::pg_catalog.text,
         'most_common_elem_freqs', $13::pg_catalog.float4[], 'elem_count_histogram', $14::pg_catalog.float4[],
         'range_length_histogram', $15::pg_catalog.text, 'range_empty_frac', $16::pg_catalog.float4,
         'range_bounds_histogram', $17::pg_catalog.text)";

/// The share of pages whose rows are visible to all, which an index-only scan counts on.
const VISIBLE: &str = "SELECT /* optischema */ (c.relallvisible::pg_catalog.float4 OPERATOR(pg_catalog./) c.relpages::pg_catalog.float4) AS share
     FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace
     WHERE n.nspname OPERATOR(pg_catalog.=) $1 AND c.relname OPERATOR(pg_catalog.=) $2 AND c.relpages OPERATOR(pg_catalog.>) 0";

/// A copy has pages of its own, and main's share of them counts as visible.
const PUT_VISIBLE: &str = "SELECT pg_catalog.pg_restore_relation_stats(
         'schemaname', $1::pg_catalog.text, 'relname', $2::pg_catalog.text,
         'relallvisible', pg_catalog.round(c.relpages OPERATOR(pg_catalog.*) $3::pg_catalog.float8)::pg_catalog.int4)
     FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace
     WHERE n.nspname OPERATOR(pg_catalog.=) $1::pg_catalog.name AND c.relname OPERATOR(pg_catalog.=) $2::pg_catalog.name";

/// What main knows of a table.
#[derive(Debug)]
struct TableStatistics {
    /// 0 to 1; absent where main never vacuumed or analysed it.
    visible: Option<f32>,
    columns: Vec<ColumnStatistics>,
}

/// What main knows of the tables that were copied; nothing where the sandbox cannot be told.
#[derive(Debug, Default)]
pub(super) struct Statistics {
    tables: BTreeMap<TableName, TableStatistics>,
}

impl Statistics {
    /// # Errors
    /// A connection is lost.
    pub(super) async fn of_main(
        main: &mut MainSession,
        site: &mut Site,
    ) -> Result<Self, PgFailure> {
        if !site.is_copy || !can_be_told(site).await? {
            return Ok(Self::default());
        }
        let connection = main.connection().await?;
        let version: i32 = query(
            "SELECT /* optischema */ pg_catalog.current_setting('server_version_num')::pg_catalog.int4 AS version",
        )
        .fetch_one(&mut *connection)
        .await?
        .try_get("version")?;
        let of_ranges = if version < SHOWS_RANGES { NONE_OF_RANGES } else { OF_RANGES };
        let text = format!(
            "SELECT /* optischema */ s.attname::pg_catalog.text AS attname, s.inherited, s.null_frac, s.avg_width, s.n_distinct,
                s.most_common_vals::pg_catalog.text AS common, s.most_common_freqs,
                s.histogram_bounds::pg_catalog.text AS bounds, s.correlation,
                s.most_common_elems::pg_catalog.text AS elements, s.most_common_elem_freqs, s.elem_count_histogram, {of_ranges}
             FROM pg_catalog.pg_stats s WHERE s.schemaname = $1 AND s.tablename = $2"
        );
        let mut tables = BTreeMap::new();
        for structure in &site.family.tables {
            let table = &structure.table;
            let rows = query(AssertSqlSafe(text.clone()))
                .bind(&table.schema)
                .bind(&table.name)
                .fetch_all(&mut *connection)
                .await?;
            let columns: Vec<ColumnStatistics> =
                rows.iter().map(ColumnStatistics::from_row).collect::<Result<_, _>>()?;
            let visible = query(VISIBLE)
                .bind(&table.schema)
                .bind(&table.name)
                .fetch_optional(&mut *connection)
                .await?;
            let visible = visible.map(|row| row.try_get("share")).transpose()?;
            if !columns.is_empty() {
                tables.insert(table.clone(), TableStatistics { visible, columns });
            }
        }
        Ok(Self { tables })
    }

    /// Whether a table is planned with main's statistics.
    pub(super) fn are_of(&self, table: &TableName) -> bool {
        self.tables.contains_key(table)
    }

    /// Puts those of all tables in the place of the copies' own. A table whose copy does not take them keeps its own.
    ///
    /// # Errors
    /// The connection is lost.
    pub(super) async fn put(mut self, site: &mut Site) -> Result<Self, BenchmarkError> {
        for (table, known) in std::mem::take(&mut self.tables) {
            match put_one(site, Fence::Transaction, &table, &known).await {
                Ok(()) => {
                    self.tables.insert(table, known);
                }
                Err(error) => {
                    let reason = error.refusal()?;
                    tracing::debug!(%table, reason, "the copy keeps its own statistics");
                }
            }
        }
        Ok(self)
    }

    /// Puts those of one table in their place again, inside a transaction, behind an ANALYZE.
    ///
    /// # Errors
    /// The copy does not take them any more, or the connection is lost.
    pub(super) async fn put_again(
        &self,
        site: &mut Site,
        table: &TableName,
    ) -> Result<(), BenchmarkError> {
        let Some(known) = self.tables.get(table) else { return Ok(()) };
        put_one(site, Fence::Savepoint, table, known).await
    }
}

async fn put_one(
    site: &mut Site,
    fence: Fence,
    table: &TableName,
    known: &TableStatistics,
) -> Result<(), BenchmarkError> {
    let copy = site.located(table);
    let put = async |connection: &mut sqlx::PgConnection| {
        if let Some(share) = known.visible {
            query(PUT_VISIBLE)
                .bind(&copy.schema)
                .bind(&copy.name)
                .bind(f64::from(share.clamp(0.0, 1.0)))
                .execute(&mut *connection)
                .await
                .map_err(PgFailure::from)?;
        }
        for one in &known.columns {
            query(PUT)
                .bind(&copy.schema)
                .bind(&copy.name)
                .bind(&one.column)
                .bind(one.inherited)
                .bind(one.null_share)
                .bind(one.width)
                .bind(one.distinct)
                .bind(&one.common)
                .bind(&one.common_shares)
                .bind(&one.bounds)
                .bind(one.correlation)
                .bind(&one.elements)
                .bind(&one.element_shares)
                .bind(&one.element_counts)
                .bind(&one.lengths)
                .bind(one.empty_share)
                .bind(&one.range_bounds)
                .execute(&mut *connection)
                .await
                .map_err(PgFailure::from)?;
        }
        Ok(())
    };
    fence.attempt(site.connection(), put).await
}

/// Whether the sandbox's server takes statistics.
async fn can_be_told(site: &mut Site) -> Result<bool, PgFailure> {
    let row = query(
        "SELECT EXISTS (SELECT FROM pg_catalog.pg_proc WHERE proname = 'pg_restore_attribute_stats'
             AND pronamespace = 'pg_catalog'::pg_catalog.regnamespace) AS takes",
    )
    .fetch_one(site.connection())
    .await?;
    Ok(row.try_get("takes")?)
}
