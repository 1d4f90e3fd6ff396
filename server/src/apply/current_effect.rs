//! What an applied change altered, as far as it can still be found: partitions come and go, and objects are renamed.

use std::collections::BTreeSet;

use optischema::model::{
    CatalogChange, CatalogEntry, CatalogObject, Change, ChangeDetail, ChangeKind, IndexEntry,
    TableName,
};
use sqlx::Row;
use sqlx::postgres::PgConnection;

use super::error::ApplyError;
use super::plan_site::{Branch, branches};
use super::reason::ApplyReason;
use crate::postgres::query;
use crate::sql::index_definition_in;

/// What a change altered, as far as it is still there to be put back.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct CurrentEffect {
    /// What it altered, except on tables that have left the changed one since.
    pub changes: Vec<CatalogChange>,
    /// The changed table with its partitions, where the change is one of an index with parts.
    pub tree: Vec<Branch>,
    /// Tables below the changed one that have left it.
    pub left: Vec<TableName>,
}

impl CurrentEffect {
    /// Whether two entries say the same. PostgreSQL may write a definition differently once it was read back; and where
    /// partitions have left, an index may belong to another parent than before.
    pub(super) fn is_same(&self, one: Option<&CatalogEntry>, other: Option<&CatalogEntry>) -> bool {
        match (one, other) {
            (Some(CatalogEntry::Index(one)), Some(CatalogEntry::Index(other))) => {
                is_same_index(one, other, !self.left.is_empty())
            }
            (one, other) => one == other,
        }
    }
}

fn is_same_index(one: &IndexEntry, other: &IndexEntry, any_parent: bool) -> bool {
    let rest = |index: &IndexEntry| IndexEntry {
        definition: String::new(),
        parent: index.parent.clone().filter(|_| !any_parent),
        ..index.clone()
    };
    rest(one) == rest(other) && is_same_definition(&one.definition, &other.definition)
}

/// Whether two definitions of indexes are one, however they are written.
fn is_same_definition(one: &str, other: &str) -> bool {
    let read = |definition: &str| index_definition_in(definition, "any", false).ok();
    one == other || read(one).is_some_and(|one| read(other) == Some(one))
}

/// What a change altered, as far as it is still there.
pub(super) async fn current_effect(
    connection: &mut PgConnection,
    change: &Change,
    detail: &ChangeDetail,
) -> Result<CurrentEffect, ApplyError> {
    let mut now =
        CurrentEffect { changes: detail.effect.clone(), tree: Vec::new(), left: Vec::new() };
    let Some(table) = change.tables.first() else { return Ok(now) };
    let below = detail.rollback.iter().filter_map(|step| step.table.as_ref());
    let of_parts = detail.parts.iter().map(|part| &part.table);
    let known: Vec<&TableName> = below.chain(of_parts).collect();
    if known.is_empty() {
        return Ok(now);
    }
    let there = family(connection, table).await?;
    if there.is_empty() {
        // The table itself is gone, and every entry with it.
        return Ok(now);
    }
    now.left = known.into_iter().filter(|table| !there.contains(table)).cloned().collect();
    let part = |object: &CatalogObject| {
        detail.parts.iter().find(|part| object.index() == Some(&part.index))
    };
    let is_gone = |object: &CatalogObject| {
        part(object).is_some_and(|part| now.left.contains(&part.table))
            || now.left.iter().any(|table| object.is_parameter_of(table))
    };
    now.changes.retain(|change| !is_gone(&change.object));
    if !detail.parts.is_empty() {
        now.tree = branches(connection, table).await?;
    }
    Ok(now)
}

/// A table with all that inherits from it.
async fn family(
    connection: &mut PgConnection,
    top: &TableName,
) -> Result<BTreeSet<TableName>, ApplyError> {
    let rows = query(
        "WITH RECURSIVE tree AS (
             SELECT c.oid FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
             WHERE n.nspname = $1 AND c.relname = $2
             UNION SELECT i.inhrelid FROM pg_catalog.pg_inherits i JOIN tree t ON t.oid = i.inhparent)
         SELECT n.nspname::pg_catalog.text AS schema, c.relname::pg_catalog.text AS name FROM tree
         JOIN pg_catalog.pg_class c ON c.oid = tree.oid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace",
    )
    .bind(&top.schema)
    .bind(&top.name)
    .fetch_all(connection)
    .await?;
    let name = |row: &sqlx::postgres::PgRow| {
        Ok(TableName::new(row.try_get::<String, _>("schema")?, row.try_get::<String, _>("name")?))
    };
    rows.iter().map(name).collect()
}

/// The new name of the object that was made, or of its table, where it was renamed.
pub(super) async fn renamed(
    connection: &mut PgConnection,
    change: &Change,
) -> Result<Option<ApplyReason>, ApplyError> {
    let Some(oid) = change.object.oid else { return Ok(None) };
    let text = match change.kind {
        ChangeKind::CreateIndex => {
            "SELECT n.nspname::pg_catalog.text AS schema, c.relname::pg_catalog.text AS name, tn.nspname::pg_catalog.text AS table_schema,
                    t.relname::pg_catalog.text AS table_name FROM pg_catalog.pg_index i
             JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
             JOIN pg_catalog.pg_class t ON t.oid = i.indrelid JOIN pg_catalog.pg_namespace tn ON tn.oid = t.relnamespace
             WHERE i.indexrelid::pg_catalog.int8 = $1"
        }
        ChangeKind::CreateStatistics => {
            "SELECT n.nspname::pg_catalog.text AS schema, s.stxname::pg_catalog.text AS name, tn.nspname::pg_catalog.text AS table_schema,
                    t.relname::pg_catalog.text AS table_name FROM pg_catalog.pg_statistic_ext s
             JOIN pg_catalog.pg_namespace n ON n.oid = s.stxnamespace
             JOIN pg_catalog.pg_class t ON t.oid = s.stxrelid JOIN pg_catalog.pg_namespace tn ON tn.oid = t.relnamespace
             WHERE s.oid::pg_catalog.int8 = $1"
        }
        _ => return Ok(None),
    };
    let row = query(text).bind(oid).fetch_optional(connection).await?;
    let Some(row) = row else { return Ok(None) };
    let is = TableName::new(row.try_get::<String, _>("schema")?, row.try_get::<String, _>("name")?);
    let table = TableName::new(
        row.try_get::<String, _>("table_schema")?,
        row.try_get::<String, _>("table_name")?,
    );
    let was = TableName::new(&change.object.schema, &change.object.name);
    let of = change.tables.first().filter(|of| **of != table);
    Ok(match of {
        _ if is != was => Some(ApplyReason::Renamed { was, is }),
        Some(of) => Some(ApplyReason::Renamed { was: of.clone(), is: table }),
        None => None,
    })
}
