//! How long the values of columns are that an index would hold. `pg_stats` does not say: it counts a value that is stored
//! out of line as the 18 bytes of its pointer, and leaves values of more than 1,024 bytes out of its lists.

use std::collections::{BTreeMap, BTreeSet};

use optischema::advisor::{IndexCandidate, IndexKey, IndexMethod, KeyTarget};
use optischema::model::{Catalog, CatalogColumn, CatalogTable, TableName};
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Row};

use crate::postgres::{MainSession, PgFailure, PlanFailure, query};
use crate::sql::{Carried, carried, parse_one};

/// Blocks of a table that are looked at, about.
const BLOCKS: i64 = 1000;
/// Bytes that all values of one B-tree entry may take: a third of a page, less its headers (`BTMaxItemSize`).
const LONGEST_ENTRY: i64 = 2704;

/// Bytes that one entry of a GIN index may take (`GinMaxItemSize`).
const LONGEST_GIN_ENTRY: i64 = 2712;

/// Bytes of the longest value in a sample, by table and part of a row.
pub(super) type Lengths = BTreeMap<(TableName, Carried), i64>;

/// Looks at a sample of the tables whose values are stored out of line. A table that may not be read says nothing.
///
/// # Errors
/// Main is lost.
pub(super) async fn read_lengths<'a>(
    main: &mut MainSession,
    catalog: &Catalog,
    candidates: impl Iterator<Item = &'a IndexCandidate>,
) -> Result<Lengths, PgFailure> {
    let mut wanted = Wanted::new();
    for candidate in candidates {
        let Some(table) = catalog.tables.get(&candidate.table) else { continue };
        let parts = parts_of(table, candidate);
        let parts = parts.into_iter().filter(|part| is_of_any_length(table, part));
        wanted.entry(table.name.clone()).or_default().extend(parts);
    }
    measure(main, wanted).await
}

type Wanted = BTreeMap<TableName, BTreeSet<Carried>>;

async fn measure(main: &mut MainSession, mut wanted: Wanted) -> Result<Lengths, PgFailure> {
    wanted.retain(|_, parts| !parts.is_empty());
    let tables: Vec<TableName> = wanted.keys().cloned().collect();
    let sampled = match tables.is_empty() {
        true => Vec::new(),
        false => stored_out_of_line(main.connection().await?, &tables).await?,
    };
    let mut lengths = Lengths::new();
    for (table, blocks) in sampled {
        let Some(parts) = wanted.get(&table) else { continue };
        match longest(main, &table, blocks, parts).await {
            Ok(found) => lengths.extend(found),
            Err(PlanFailure::Target(failure)) if failure.is_connection() => return Err(failure),
            Err(failure) => tracing::debug!(%table, %failure, "lengths of values are not known"),
        }
    }
    Ok(lengths)
}

/// What an entry of the index holds of a row, as far as its length is limited.
fn parts_of(table: &CatalogTable, candidate: &IndexCandidate) -> Vec<Carried> {
    match candidate.method {
        IndexMethod::Btree => {}
        IndexMethod::Gin => return entries_of(table, candidate),
        _ => return Vec::new(),
    }
    let of_key = |key: &IndexKey| match &key.target {
        KeyTarget::Column(name) => vec![Carried::Column(name.clone())],
        KeyTarget::Expression(sql) => carried(sql),
    };
    let included = candidate.include.iter().cloned().map(Carried::Column);
    candidate.keys.iter().flat_map(of_key).chain(included).collect()
}

/// An entry of a GIN index holds an element of an array, or a value that is taken in whole; words, keys and the like it
/// shortens.
fn entries_of(table: &CatalogTable, candidate: &IndexCandidate) -> Vec<Carried> {
    let of_key = |key: &IndexKey| {
        let column = table.column(key.column_name()?)?;
        if column.data_type.ends_with("[]") {
            return Some(Carried::Element(column.name.clone()));
        }
        let is_whole = key.operator_class.is_none() && column.ordered;
        let is_document = matches!(column.data_type.as_str(), "jsonb" | "tsvector");
        (is_whole && !is_document).then(|| Carried::Column(column.name.clone()))
    };
    candidate.keys.iter().filter_map(of_key).collect()
}

/// Whether values can be longer than an entry. Numbers are of variable length, and short; a limit of characters is no limit
/// of bytes, and may be larger than an entry.
fn is_of_any_length(table: &CatalogTable, part: &Carried) -> bool {
    let is_long = |column: &CatalogColumn| {
        column.type_length == -1 && !column.data_type.starts_with("numeric")
    };
    match part {
        Carried::Column(name) | Carried::Element(name) => table.column(name).is_some_and(is_long),
        // Other types have operators of these names from their extensions, as hstore has.
        Carried::Member { column, .. } => table
            .column(column)
            .is_some_and(|column| matches!(column.data_type.as_str(), "json" | "jsonb")),
    }
}

/// Tables with values out of line, in themselves or in their partitions, with their blocks.
async fn stored_out_of_line(
    main: &mut PgConnection,
    tables: &[TableName],
) -> Result<Vec<(TableName, i64)>, PgFailure> {
    let (schemas, names): (Vec<&str>, Vec<&str>) =
        tables.iter().map(|table| (table.schema.as_str(), table.name.as_str())).unzip();
    let rows = query(
        "WITH RECURSIVE below AS (
             SELECT c.oid AS top, c.oid FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
             JOIN ROWS FROM (pg_catalog.unnest($1::pg_catalog.text[]), pg_catalog.unnest($2::pg_catalog.text[])) AS w (schema, name)
               ON w.schema = n.nspname AND w.name = c.relname
             UNION SELECT b.top, i.inhrelid FROM below b JOIN pg_catalog.pg_inherits i ON i.inhparent = b.oid)
         SELECT /* optischema */ n.nspname::pg_catalog.text AS schema, t.relname::pg_catalog.text AS name,
                pg_catalog.sum(c.relpages)::pg_catalog.int8 AS blocks
         FROM below b JOIN pg_catalog.pg_class c ON c.oid = b.oid JOIN pg_catalog.pg_class t ON t.oid = b.top
         JOIN pg_catalog.pg_namespace n ON n.oid = t.relnamespace
         GROUP BY 1, 2 HAVING pg_catalog.max(pg_catalog.pg_relation_size(NULLIF(c.reltoastrelid, '0')::pg_catalog.regclass)) > 0",
    )
    .bind(schemas)
    .bind(names)
    .fetch_all(main)
    .await?;
    rows.iter()
        .map(|row| {
            let schema: String = row.try_get("schema")?;
            Ok((TableName::new(schema, row.try_get::<String, _>("name")?), row.try_get("blocks")?))
        })
        .collect()
}

async fn longest(
    main: &mut MainSession,
    table: &TableName,
    blocks: i64,
    parts: &BTreeSet<Carried>,
) -> Result<Lengths, PlanFailure> {
    let size =
        |part: &Carried| format!("pg_catalog.max({})::pg_catalog.int8", part.length_sql("t"));
    let sizes: Vec<String> = parts.iter().map(size).collect();
    let select = format!("SELECT /* optischema */ {} FROM {} t", sizes.join(", "), table.quoted());
    // The method of the sample is PostgreSQL's own, and its arguments are numbers of ours.
    main.may_be_read(&parse_one(&select)?).await?;
    let percent = (BLOCKS as f64 / blocks.max(1) as f64 * 100.0).min(100.0);
    let text = format!("{select} TABLESAMPLE SYSTEM ({percent}) REPEATABLE (1)");
    let row = main
        .copy(&text, async |connection| {
            // A policy would run its functions, and a long look is not worth it.
            for limit in ["SET LOCAL row_security = off", "SET LOCAL statement_timeout = '5s'"] {
                query(limit).execute(&mut *connection).await?;
            }
            query(AssertSqlSafe(text.clone())).fetch_one(connection).await
        })
        .await?
        .map_err(PgFailure::from)?;
    let mut lengths = Lengths::new();
    for (at, part) in parts.iter().enumerate() {
        let length: Option<i64> = row.try_get(at).map_err(PgFailure::from)?;
        lengths.extend(length.map(|length| ((table.clone(), part.clone()), length)));
    }
    Ok(lengths)
}

/// Why an index cannot hold the values of its columns; absent where it can, as far as is known.
pub(super) fn too_long(
    table: &CatalogTable,
    candidate: &IndexCandidate,
    lengths: &Lengths,
) -> Option<String> {
    let of = |part: Carried| {
        let length = *lengths.get(&(candidate.table.clone(), part.clone()))?;
        Some((part, length))
    };
    let parts = parts_of(table, candidate).into_iter();
    let known: Vec<(Carried, i64)> = parts.filter_map(of).collect();
    let total: i64 = known.iter().map(|(_, length)| length).sum();
    let (part, length) = known.into_iter().max_by_key(|(_, length)| *length)?;
    // An entry of GIN holds one of them, one of a B-tree all.
    let (taken, most) = match candidate.method {
        IndexMethod::Gin => (length, LONGEST_GIN_ENTRY),
        _ => (total, LONGEST_ENTRY),
    };
    let method = candidate.method.label();
    (taken > most).then(|| {
        format!("values of {} take up to {length} bytes, and a {method} entry holds {most} at most: the index could not be built, or a later row not be written", part.shown())
    })
}
