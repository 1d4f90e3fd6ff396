//! Reading structures from a catalog.
//!
//! Main's own search path is set while this runs, so that definitions are written as their owner writes them: every call
//! has exactly the types of PostgreSQL's own function, which is then taken before any other.

use std::collections::{BTreeMap, BTreeSet};

use optischema::model::{TableName, quote_literal};
use sqlx::Row;
use sqlx::postgres::{PgConnection, PgRow};

use super::super::SandboxError;
use super::types::{Place, Types};
use super::{
    CollationStructure, ColumnStructure, Family, IdentityKind, Parent, StructureKind,
    TableStructure,
};
use crate::postgres::query;

const COLUMNS: &str = "
    SELECT a.attname::pg_catalog.text AS name, pg_catalog.format_type(a.atttypid, a.atttypmod) AS type_text, a.atttypid::pg_catalog.int8 AS type,
           a.atttypmod AS modifier, a.attnotnull AS not_null, a.attidentity::pg_catalog.text AS identity,
           a.attgenerated::pg_catalog.text AS generated, pg_catalog.pg_get_expr(d.adbin, d.adrelid) AS expression,
           NULLIF(a.attstattarget::int, -1) AS statistics_target, ARRAY(SELECT o FROM pg_catalog.unnest(a.attoptions) o WHERE o NOT LIKE 'pg\\_%') AS options,
           CASE WHEN a.attstorage <> t.typstorage THEN
               CASE a.attstorage WHEN 'p' THEN 'PLAIN' WHEN 'e' THEN 'EXTERNAL' WHEN 'm' THEN 'MAIN' ELSE 'EXTENDED' END
           END AS storage,
           cn.nspname::pg_catalog.text AS collation_schema, c.collname::pg_catalog.text AS collation_name
    FROM pg_catalog.pg_attribute a
    JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
    LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
    LEFT JOIN pg_catalog.pg_collation c ON c.oid = a.attcollation AND a.attcollation <> t.typcollation
    LEFT JOIN pg_catalog.pg_namespace cn ON cn.oid = c.collnamespace
    WHERE a.attrelid = $1::pg_catalog.int8::pg_catalog.oid AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum";

const RELATION: &str = "
    SELECT c.oid::pg_catalog.int8 AS oid, c.relkind::pg_catalog.text AS kind, c.reltuples::pg_catalog.float8 AS rows,
           coalesce(c.reloptions, '{}') OPERATOR(pg_catalog.||) ARRAY(SELECT 'toast.' OPERATOR(pg_catalog.||) o FROM pg_catalog.unnest(t.reloptions) AS o) AS options,
           CASE WHEN c.relkind IN ('r', 'm') THEN pg_catalog.pg_table_size(c.oid::pg_catalog.regclass) ELSE 0 END::pg_catalog.int8 AS bytes,
           CASE WHEN c.relkind = 'p' THEN pg_catalog.pg_get_partkeydef(c.oid) END AS partition_key,
           CASE WHEN c.relkind = 'v' THEN pg_catalog.pg_get_viewdef(c.oid) END AS view_definition
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace LEFT JOIN pg_catalog.pg_class t ON t.oid = c.reltoastrelid
    WHERE n.nspname = $1 AND c.relname = $2";

/// What a relation stands on, and what stands below it.
#[derive(Debug)]
struct Links {
    parent: Option<Parent>,
    /// Relations that a view reads.
    reads: Vec<TableName>,
}

/// Reads tables with all that belongs to them: partitions, children, and what views read.
///
/// # Errors
/// One is not there, is of a kind that cannot be copied, or has a type that cannot be made again.
pub async fn read_family(
    connection: &mut PgConnection,
    names: &[TableName],
) -> Result<Family, SandboxError> {
    let mut links: BTreeMap<TableName, Links> = BTreeMap::new();
    let mut due: Vec<(TableName, Option<Parent>)> =
        names.iter().map(|name| (name.clone(), None)).collect();
    while let Some((name, parent)) = due.pop() {
        if let Some(known) = links.get_mut(&name) {
            // Named for itself first, and then found below its parent.
            known.parent = known.parent.take().or(parent);
            continue;
        }
        let row = relation(connection, &name).await?;
        let oid: i64 = row.try_get("oid")?;
        due.extend(children(connection, oid, &name).await?);
        let reads = match row.try_get::<String, _>("kind")?.as_str() {
            "v" => view_reads(connection, oid).await?,
            _ => Vec::new(),
        };
        due.extend(reads.iter().map(|read| (read.clone(), None)));
        links.insert(name, Links { parent, reads });
    }
    let mut family = Family {
        extensions: extensions(connection).await?,
        extension_schemas: extension_schemas(connection).await?,
        ..Family::default()
    };
    let mut types = Types::default();
    let mut collations = BTreeSet::new();
    for name in in_order(&links) {
        let parent = links.get(&name).and_then(|links| links.parent.clone());
        let structure = structure(connection, &name, parent, &mut types).await?;
        let own = structure.columns.iter().filter_map(|column| column.collation.clone());
        collations.extend(own.filter(|collation| collation.schema != "pg_catalog"));
        family.tables.push(structure);
    }
    family.own_types = types.own;
    for name in collations {
        family.collations.push(collation(connection, name).await?);
    }
    Ok(family)
}

/// Reads one table, and nothing below it.
///
/// # Errors
/// It is not there, is of a kind that cannot be copied, or has a type that cannot be made again.
pub async fn read_structure(
    connection: &mut PgConnection,
    table: &TableName,
) -> Result<TableStructure, SandboxError> {
    structure(connection, table, None, &mut Types::default()).await
}

/// Parents before children, and what a view reads before the view.
fn in_order(links: &BTreeMap<TableName, Links>) -> Vec<TableName> {
    let mut order: Vec<TableName> = Vec::new();
    while order.len() < links.len() {
        let before = order.len();
        for (name, link) in links {
            let stands = |table: &TableName| order.contains(table);
            let parent_stands = link.parent.as_ref().is_none_or(|parent| stands(&parent.table));
            if !order.contains(name) && parent_stands && link.reads.iter().all(stands) {
                order.push(name.clone());
            }
        }
        if order.len() == before {
            // PostgreSQL allows no cycle here.
            break;
        }
    }
    order
}

async fn relation(connection: &mut PgConnection, table: &TableName) -> Result<PgRow, SandboxError> {
    query(RELATION)
        .bind(&table.schema)
        .bind(&table.name)
        .fetch_optional(connection)
        .await?
        .ok_or_else(|| SandboxError::MissingTable(table.clone()))
}

fn named(row: &PgRow) -> Result<TableName, SandboxError> {
    Ok(TableName::new(row.try_get::<String, _>("schema")?, row.try_get::<String, _>("name")?))
}

async fn children(
    connection: &mut PgConnection,
    oid: i64,
    parent: &TableName,
) -> Result<Vec<(TableName, Option<Parent>)>, SandboxError> {
    let rows = query(
        "SELECT n.nspname::pg_catalog.text AS schema, c.relname::pg_catalog.text AS name, pg_catalog.pg_get_expr(c.relpartbound, c.oid) AS bound
         FROM pg_catalog.pg_inherits i JOIN pg_catalog.pg_class c ON c.oid = i.inhrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
         WHERE i.inhparent = $1::pg_catalog.int8::pg_catalog.oid AND c.relkind IN ('r', 'p', 'f') ORDER BY c.relname",
    )
    .bind(oid)
    .fetch_all(connection)
    .await?;
    rows.iter()
        .map(|row| {
            let parent = Parent { table: parent.clone(), bound: row.try_get("bound")? };
            Ok((named(row)?, Some(parent)))
        })
        .collect()
}

async fn view_reads(
    connection: &mut PgConnection,
    oid: i64,
) -> Result<Vec<TableName>, SandboxError> {
    let rows = query(
        "SELECT DISTINCT n.nspname::pg_catalog.text AS schema, c.relname::pg_catalog.text AS name FROM pg_catalog.pg_rewrite r
         JOIN pg_catalog.pg_depend d ON d.classid = '2618' AND d.objid = r.oid AND d.refclassid = '1259'
         JOIN pg_catalog.pg_class c ON c.oid = d.refobjid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
         WHERE r.ev_class = $1::pg_catalog.int8::pg_catalog.oid AND c.oid <> r.ev_class AND c.relkind IN ('r', 'p', 'm', 'v', 'f')",
    )
    .bind(oid)
    .fetch_all(connection)
    .await?;
    rows.iter().map(named).collect()
}

async fn extensions(connection: &mut PgConnection) -> Result<Vec<String>, SandboxError> {
    let rows =
        query("SELECT extname::pg_catalog.text AS name FROM pg_catalog.pg_extension ORDER BY 1")
            .fetch_all(connection)
            .await?;
    Ok(rows.iter().map(|row| row.try_get("name")).collect::<Result<_, _>>()?)
}

/// Schemas of the connected database that extensions are installed in, `pg_catalog` left out.
///
/// # Errors
/// The connection is lost.
pub async fn extension_schemas(connection: &mut PgConnection) -> Result<Vec<String>, SandboxError> {
    let rows = query(
        "SELECT DISTINCT n.nspname::pg_catalog.text AS name FROM pg_catalog.pg_extension e
         JOIN pg_catalog.pg_namespace n ON n.oid = e.extnamespace WHERE n.nspname <> 'pg_catalog' ORDER BY 1",
    )
    .fetch_all(connection)
    .await?;
    Ok(rows.iter().map(|row| row.try_get("name")).collect::<Result<_, _>>()?)
}

/// Name and definition of every row.
async fn definitions(
    connection: &mut PgConnection,
    text: &'static str,
    oid: i64,
    alone: bool,
) -> Result<Vec<(String, String)>, SandboxError> {
    let rows = query(text).bind(oid).bind(alone).fetch_all(connection).await?;
    let pair = |row: &PgRow| Ok((row.try_get("name")?, row.try_get("definition")?));
    Ok(rows.iter().map(pair).collect::<Result<_, sqlx::Error>>()?)
}

async fn structure(
    connection: &mut PgConnection,
    table: &TableName,
    parent: Option<Parent>,
    types: &mut Types,
) -> Result<TableStructure, SandboxError> {
    let row = relation(connection, table).await?;
    let oid: i64 = row.try_get("oid")?;
    let kind = match row.try_get::<String, _>("kind")?.as_str() {
        "r" => StructureKind::Table,
        "m" => StructureKind::MaterializedView,
        "p" => StructureKind::Partitioned(
            row.try_get::<Option<String>, _>("partition_key")?.unwrap_or_default(),
        ),
        "v" => StructureKind::View(
            row.try_get::<Option<String>, _>("view_definition")?.unwrap_or_default(),
        ),
        _ => return Err(SandboxError::UnsupportedTable(table.clone())),
    };
    let mut columns = Vec::new();
    for row in query(COLUMNS).bind(oid).fetch_all(&mut *connection).await? {
        columns.push(column(connection, table, &row, types).await?);
    }
    // What follows from a parent's is made with the parent's; a part that is named alone has it for its own.
    let alone = parent.is_none();
    let constraints = definitions(
        connection,
        "SELECT conname::pg_catalog.text AS name, pg_catalog.pg_get_constraintdef(oid) AS definition FROM pg_catalog.pg_constraint
         WHERE conrelid = $1::pg_catalog.int8::pg_catalog.oid AND contype IN ('p', 'u', 'x', 'c')
           AND ($2 OR (conparentid = '0' AND conislocal)) ORDER BY contype, conname",
        oid,
        alone,
    )
    .await?;
    let indexes = definitions(
        connection,
        "SELECT '' AS name, pg_catalog.pg_get_indexdef(i.indexrelid) AS definition FROM pg_catalog.pg_index i
         WHERE i.indrelid = $1::pg_catalog.int8::pg_catalog.oid AND i.indisvalid
           AND ($2 OR NOT EXISTS (SELECT 1 FROM pg_catalog.pg_inherits h WHERE h.inhrelid = i.indexrelid))
           AND NOT EXISTS (SELECT 1 FROM pg_catalog.pg_constraint c
                           WHERE c.conindid = i.indexrelid AND c.contype IN ('p', 'u', 'x'))
         ORDER BY i.indexrelid",
        oid,
        alone,
    )
    .await?;
    let statistics = definitions(
        connection,
        "SELECT '' AS name, pg_catalog.pg_get_statisticsobjdef(oid) AS definition FROM pg_catalog.pg_statistic_ext
         WHERE stxrelid = $1::pg_catalog.int8::pg_catalog.oid AND $2 IS NOT NULL ORDER BY oid",
        oid,
        alone,
    )
    .await?;
    let triggers = definitions(
        connection,
        "SELECT tgname::pg_catalog.text AS name, pg_catalog.pg_get_triggerdef(oid) AS definition FROM pg_catalog.pg_trigger
         WHERE tgrelid = $1::pg_catalog.int8::pg_catalog.oid AND NOT tgisinternal AND tgenabled IN ('O', 'A')
           AND ($2 OR tgparentid = '0') ORDER BY tgname",
        oid,
        alone,
    )
    .await?;
    Ok(TableStructure {
        table: table.clone(),
        kind,
        parent,
        bytes: row.try_get("bytes")?,
        rows: row.try_get("rows")?,
        columns,
        options: row.try_get("options")?,
        constraints,
        foreign_keys: foreign_keys(connection, oid, alone).await?,
        indexes: indexes.into_iter().map(|(_, definition)| definition).collect(),
        statistics: statistics.into_iter().map(|(_, definition)| definition).collect(),
        triggers,
    })
}

async fn foreign_keys(
    connection: &mut PgConnection,
    oid: i64,
    alone: bool,
) -> Result<Vec<(String, String, TableName)>, SandboxError> {
    let rows = query(
        "SELECT k.conname::pg_catalog.text AS key, pg_catalog.pg_get_constraintdef(k.oid) AS definition, n.nspname::pg_catalog.text AS schema,
                c.relname::pg_catalog.text AS name
         FROM pg_catalog.pg_constraint k JOIN pg_catalog.pg_class c ON c.oid = k.confrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
         WHERE k.conrelid = $1::pg_catalog.int8::pg_catalog.oid AND k.contype = 'f' AND ($2 OR k.conparentid = '0') ORDER BY k.conname",
    )
    .bind(oid)
    .bind(alone)
    .fetch_all(connection)
    .await?;
    rows.iter()
        .map(|row| Ok((row.try_get("key")?, row.try_get("definition")?, named(row)?)))
        .collect()
}

async fn column(
    connection: &mut PgConnection,
    table: &TableName,
    row: &PgRow,
    types: &mut Types,
) -> Result<ColumnStructure, SandboxError> {
    let name: String = row.try_get("name")?;
    let (oid, modifier): (i64, i32) = (row.try_get("type")?, row.try_get("modifier")?);
    let place = Place { table, column: &name };
    let data_type = types.read(connection, oid, modifier, &place).await?;
    let expression: Option<String> = row.try_get("expression")?;
    let generated: String = row.try_get("generated")?;
    let type_text: String = row.try_get("type_text")?;
    let not_null: bool = row.try_get("not_null")?;
    let is_whole = matches!(type_text.as_str(), "smallint" | "integer" | "bigint");
    let from_sequence = expression.as_deref().is_some_and(|text| text.starts_with("nextval("));
    let identity = match row.try_get::<String, _>("identity")?.as_str() {
        "a" => IdentityKind::Always,
        "d" => IdentityKind::ByDefault,
        // As an identity it takes no NULLs, and is a whole number.
        _ if from_sequence && not_null && is_whole => IdentityKind::ByDefault,
        _ => IdentityKind::None,
    };
    let is_generated = !generated.is_empty();
    let collation = match row.try_get::<Option<String>, _>("collation_name")? {
        Some(name) => Some(TableName::new(row.try_get::<String, _>("collation_schema")?, name)),
        None => None,
    };
    Ok(ColumnStructure {
        name,
        data_type,
        type_text,
        not_null,
        default: expression.clone().filter(|_| !is_generated && !from_sequence),
        generated: expression.filter(|_| is_generated),
        is_virtual: generated == "v",
        identity,
        collation,
        statistics_target: row.try_get("statistics_target")?,
        options: row.try_get("options")?,
        storage: row.try_get("storage")?,
    })
}

/// A collation of the database's own. Its columns have other names from version to version.
async fn collation(
    connection: &mut PgConnection,
    name: TableName,
) -> Result<CollationStructure, SandboxError> {
    let row = query(
        "SELECT c.collprovider::pg_catalog.text AS provider, pg_catalog.to_jsonb(c) OPERATOR(pg_catalog.->>) 'colllocale' AS locale17,
                pg_catalog.to_jsonb(c) OPERATOR(pg_catalog.->>) 'colliculocale' AS locale15, c.collcollate::pg_catalog.text AS collate, c.collctype::pg_catalog.text AS ctype,
                c.collisdeterministic AS deterministic
         FROM pg_catalog.pg_collation c JOIN pg_catalog.pg_namespace n ON n.oid = c.collnamespace
         WHERE n.nspname = $1 AND c.collname = $2",
    )
    .bind(&name.schema)
    .bind(&name.name)
    .fetch_one(connection)
    .await?;
    let text = |column: &str| row.try_get::<Option<String>, _>(column);
    let (collate, ctype) = (text("collate")?, text("ctype")?);
    let locale = text("locale17")?.or(text("locale15")?);
    let provider: String = row.try_get("provider")?;
    let mut options = match provider.as_str() {
        "i" => format!(
            "provider = icu, locale = {}",
            quote_literal(&locale.or(collate).unwrap_or_default())
        ),
        "b" => {
            format!("provider = builtin, locale = {}", quote_literal(&locale.unwrap_or_default()))
        }
        _ => format!(
            "provider = libc, lc_collate = {}, lc_ctype = {}",
            quote_literal(&collate.unwrap_or_default()),
            quote_literal(&ctype.unwrap_or_default())
        ),
    };
    if !row.try_get::<bool, _>("deterministic")? {
        options.push_str(", deterministic = false");
    }
    Ok(CollationStructure { name, options })
}
