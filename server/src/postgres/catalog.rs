//! Reading the system catalogs into [`Catalog`].

use std::collections::BTreeMap;

use optischema::model::{
    Catalog, CatalogColumn, CatalogIndex, CatalogTable, RelationKind, TableName,
};
use optischema::plan::Lineage;
use sqlx::Row;
use sqlx::postgres::{PgConnection, PgRow};

use super::PgFailure;

const TABLES: &str = "
    SELECT /* optischema */ c.oid::int8 AS oid, n.nspname::text AS schema, c.relname::text AS name,
           c.relkind::text AS kind, c.reltuples::float8 AS rows,
           CASE WHEN c.relkind IN ('r', 'm') THEN pg_table_size(c.oid) ELSE 0 END::int8 AS bytes
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p', 'm', 'v', 'f') AND c.relpersistence <> 't'
      AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname !~ '^pg_toast'
      AND NOT EXISTS (SELECT 1 FROM pg_depend d WHERE d.classid = 'pg_class'::regclass
                      AND d.objid = c.oid AND d.deptype = 'e')";

const COLUMNS: &str = "
    SELECT /* optischema */ a.attrelid::int8 AS table_oid, a.attname::text AS name,
           format_type(a.atttypid, a.atttypmod) AS data_type, NOT a.attnotnull AS nullable,
           s.n_distinct::float8 AS n_distinct, s.avg_width AS average_width,
           s.correlation::float8 AS correlation,
           s.null_frac::float8 AS null_share,
           (s.most_common_vals::text::text[])[1:100] AS common_values,
           s.most_common_freqs[1:100]::float8[] AS common_shares,
           s.histogram_bounds::text::text[] AS histogram
    FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
    JOIN pg_namespace n ON n.oid = c.relnamespace
    LEFT JOIN pg_stats s ON s.schemaname = n.nspname AND s.tablename = c.relname
        AND s.attname = a.attname AND NOT s.inherited
    WHERE a.attnum > 0 AND NOT a.attisdropped AND c.relkind IN ('r', 'p', 'm', 'v', 'f')
      AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname !~ '^pg_toast'
    ORDER BY a.attrelid, a.attnum";

const INDEXES: &str = "
    SELECT /* optischema */ i.indrelid::int8 AS table_oid, c.relname::text AS name,
           pg_get_indexdef(i.indexrelid) AS definition, am.amname::text AS method,
           i.indisunique AS is_unique, i.indisprimary AS is_primary, i.indisvalid AS is_valid,
           pg_get_expr(i.indpred, i.indrelid) AS predicate,
           pg_relation_size(i.indexrelid)::int8 AS bytes,
           (SELECT array_agg(a.attname::text ORDER BY k.n)
            FROM unnest(i.indkey::int2[]) WITH ORDINALITY k (attnum, n)
            LEFT JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum
            WHERE k.n <= i.indnkeyatts) AS key_columns
    FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_am am ON am.oid = c.relam
    JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname !~ '^pg_toast'
    ORDER BY c.relname";

/// Reads every user table of the connected database, with columns, indexes and statistics.
pub async fn read_catalog(connection: &mut PgConnection) -> Result<Catalog, PgFailure> {
    let row = sqlx::query(
        "SELECT /* optischema */ current_database()::text AS database, COALESCE(
             NULLIF(current_setting('optischema.search_path', true), '')::text[], current_schemas(false)::text[])
             AS search_path",
    )
    .fetch_one(&mut *connection)
    .await?;
    let mut catalog = Catalog {
        database: row.try_get("database")?,
        search_path: row.try_get("search_path")?,
        tables: BTreeMap::new(),
    };
    let mut by_oid: BTreeMap<i64, CatalogTable> = BTreeMap::new();
    for row in sqlx::query(TABLES).fetch_all(&mut *connection).await? {
        by_oid.insert(row.try_get("oid")?, table(&row)?);
    }
    for row in sqlx::query(COLUMNS).fetch_all(&mut *connection).await? {
        if let Some(table) = by_oid.get_mut(&row.try_get("table_oid")?) {
            table.columns.push(column(&row)?);
        }
    }
    for row in sqlx::query(INDEXES).fetch_all(&mut *connection).await? {
        if let Some(table) = by_oid.get_mut(&row.try_get("table_oid")?) {
            table.indexes.push(index(&row)?);
        }
    }
    catalog.tables = by_oid.into_values().map(|table| (table.name.clone(), table)).collect();
    Ok(catalog)
}

const PARENTS: &str = "
    SELECT /* optischema */ cn.nspname::text AS child_schema, c.relname::text AS child,
           pn.nspname::text AS parent_schema, p.relname::text AS parent
    FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid JOIN pg_namespace cn ON cn.oid = c.relnamespace
    JOIN pg_class p ON p.oid = i.inhparent JOIN pg_namespace pn ON pn.oid = p.relnamespace
    WHERE c.relkind IN ('r', 'p', 'f')";

/// What each view reads, directly.
const VIEW_READS: &str = "
    SELECT DISTINCT /* optischema */ vn.nspname::text AS view_schema, v.relname::text AS view,
           tn.nspname::text AS read_schema, t.relname::text AS read
    FROM pg_rewrite r JOIN pg_class v ON v.oid = r.ev_class AND v.relkind = 'v'
    JOIN pg_namespace vn ON vn.oid = v.relnamespace
    JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid
        AND d.refclassid = 'pg_class'::regclass AND d.refobjid <> v.oid
    JOIN pg_class t ON t.oid = d.refobjid JOIN pg_namespace tn ON tn.oid = t.relnamespace
    WHERE vn.nspname NOT IN ('pg_catalog', 'information_schema')";

/// Reads which tables are parts of others, and which tables lie behind each view.
pub async fn read_lineage(connection: &mut PgConnection) -> Result<Lineage, PgFailure> {
    let name = |row: &PgRow, schema: &str, name: &str| -> Result<TableName, PgFailure> {
        Ok(TableName::new(row.try_get::<String, _>(schema)?, row.try_get::<String, _>(name)?))
    };
    let mut lineage = Lineage::default();
    for row in sqlx::query(PARENTS).fetch_all(&mut *connection).await? {
        let child = name(&row, "child_schema", "child")?;
        lineage.parents.insert(child, name(&row, "parent_schema", "parent")?);
    }
    for row in sqlx::query(VIEW_READS).fetch_all(&mut *connection).await? {
        let view = name(&row, "view_schema", "view")?;
        lineage.views.entry(view).or_default().insert(name(&row, "read_schema", "read")?);
    }
    // A view of a view reads what that one reads.
    for _ in 0..lineage.views.len() {
        let known = lineage.views.clone();
        let mut grown = false;
        for read in lineage.views.values_mut() {
            let deeper: Vec<TableName> =
                read.iter().filter_map(|table| known.get(table)).flatten().cloned().collect();
            let before = read.len();
            read.extend(deeper);
            grown |= read.len() > before;
        }
        if !grown {
            break;
        }
    }
    Ok(lineage)
}

fn table(row: &PgRow) -> Result<CatalogTable, PgFailure> {
    let kind: String = row.try_get("kind")?;
    Ok(CatalogTable {
        name: TableName::new(
            row.try_get::<String, _>("schema")?,
            row.try_get::<String, _>("name")?,
        ),
        kind: match kind.as_str() {
            "p" => RelationKind::Partitioned,
            "m" => RelationKind::MaterializedView,
            "v" => RelationKind::View,
            "f" => RelationKind::Foreign,
            _ => RelationKind::Table,
        },
        rows: row.try_get("rows")?,
        bytes: row.try_get("bytes")?,
        columns: Vec::new(),
        indexes: Vec::new(),
    })
}

fn column(row: &PgRow) -> Result<CatalogColumn, PgFailure> {
    // A NULL inside these arrays is no value that could be bound.
    let values = |name: &str| -> Result<Vec<String>, PgFailure> {
        let values: Option<Vec<Option<String>>> = row.try_get(name)?;
        Ok(values.unwrap_or_default().into_iter().flatten().collect())
    };
    Ok(CatalogColumn {
        name: row.try_get("name")?,
        data_type: row.try_get("data_type")?,
        nullable: row.try_get("nullable")?,
        n_distinct: row.try_get("n_distinct")?,
        average_width: row.try_get("average_width")?,
        correlation: row.try_get("correlation")?,
        null_share: row.try_get("null_share")?,
        common_values: values("common_values")?,
        common_shares: row.try_get::<Option<Vec<f64>>, _>("common_shares")?.unwrap_or_default(),
        histogram: values("histogram")?,
    })
}

fn index(row: &PgRow) -> Result<CatalogIndex, PgFailure> {
    Ok(CatalogIndex {
        name: row.try_get("name")?,
        definition: row.try_get("definition")?,
        method: row.try_get("method")?,
        key_columns: row
            .try_get::<Option<Vec<Option<String>>>, _>("key_columns")?
            .unwrap_or_default(),
        unique: row.try_get("is_unique")?,
        primary: row.try_get("is_primary")?,
        valid: row.try_get("is_valid")?,
        predicate: row.try_get("predicate")?,
        bytes: row.try_get("bytes")?,
    })
}
