//! Where a change is planned: the database it is for, the schema of its rehearsal, and the tables that are there.

use optischema::model::TableName;
use sqlx::Row;
use sqlx::postgres::PgConnection;

use super::error::ApplyError;
use super::reason::ApplyReason;
use crate::postgres::PgFailure;
use crate::postgres::query;

/// Where a plan is made for.
#[derive(Debug, Clone, Copy)]
pub struct PlanSite<'a> {
    /// The name of the tuned database: what a patch says about it is done to the sandbox's.
    pub main_database: &'a str,
    /// The schema of the rehearsal.
    pub rehearsal_schema: &'a str,
    /// Whether it is only written down, for somebody else to run on main: then the role here need not own anything.
    pub for_others: bool,
}

/// The schema that a statement is written for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place<'a> {
    /// The sandbox's own tables; indexes are built so that others can write meanwhile.
    Own,
    /// All tables stand in the rehearsal's schema.
    Rehearsal(&'a str),
}

impl Place<'_> {
    pub(super) fn of(&self, name: &TableName) -> TableName {
        match self {
            Self::Own => name.clone(),
            Self::Rehearsal(schema) => TableName::new(*schema, &name.name),
        }
    }

    pub(super) const fn concurrently(&self) -> bool {
        matches!(self, Self::Own)
    }
}

/// A table that is there, that the role owns, and what hangs below it.
pub(super) async fn require_table(
    connection: &mut PgConnection,
    table: &TableName,
    site: PlanSite<'_>,
) -> Result<(), ApplyError> {
    let row = query(
        "SELECT pg_catalog.pg_has_role(current_user, c.relowner, 'USAGE') AS owned FROM pg_catalog.pg_class c
         JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
         WHERE n.nspname = $1 AND c.relname = $2 AND c.relkind IN ('r', 'p', 'm')",
    )
    .bind(&table.schema)
    .bind(&table.name)
    .fetch_optional(connection)
    .await?;
    match row.map(|row| row.try_get::<bool, _>("owned")).transpose().map_err(PgFailure::from)? {
        Some(owned) if owned || site.for_others => Ok(()),
        Some(_) => Err(ApplyError::failed(ApplyReason::NotOwner { table: table.clone() })),
        None if site.for_others => {
            Err(ApplyError::failed(ApplyReason::TableMissingOnMain { table: table.clone() }))
        }
        None => Err(ApplyError::failed(ApplyReason::TableMissing { table: table.clone() })),
    }
}

/// A relation of a tree of partitions (or of their indexes), the topmost first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Branch {
    pub name: TableName,
    pub oid: i64,
    /// `pg_class.relkind`.
    pub kind: String,
    /// Its place among the branches; absent for the topmost.
    pub parent: Option<usize>,
    pub depth: i32,
}

impl Branch {
    /// Whether it has partitions, or could.
    pub(super) fn is_partitioned(&self) -> bool {
        matches!(self.kind.as_str(), "p" | "I")
    }
}

/// A relation with its partitions, the topmost first.
pub(super) async fn branches(
    connection: &mut PgConnection,
    top: &TableName,
) -> Result<Vec<Branch>, ApplyError> {
    let rows = query(
        "WITH RECURSIVE tree AS (
             SELECT c.oid, NULL::pg_catalog.oid AS parent, 0 AS depth FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
             WHERE n.nspname = $1 AND c.relname = $2
             UNION ALL
             SELECT i.inhrelid, i.inhparent, t.depth OPERATOR(pg_catalog.+) 1 FROM pg_catalog.pg_inherits i JOIN tree t ON t.oid = i.inhparent
             JOIN pg_catalog.pg_class c ON c.oid = i.inhrelid WHERE c.relispartition)
         SELECT t.oid::pg_catalog.int8 AS oid, t.parent::pg_catalog.int8 AS parent, t.depth, n.nspname::pg_catalog.text AS schema,
                c.relname::pg_catalog.text AS name, c.relkind::pg_catalog.text AS kind
         FROM tree t JOIN pg_catalog.pg_class c ON c.oid = t.oid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
         ORDER BY t.depth, n.nspname, c.relname",
    )
    .bind(&top.schema)
    .bind(&top.name)
    .fetch_all(connection)
    .await?;
    let mut found: Vec<Branch> = Vec::with_capacity(rows.len());
    for row in &rows {
        let parent: Option<i64> = row.try_get("parent")?;
        let parent = parent.and_then(|oid| found.iter().position(|branch| branch.oid == oid));
        found.push(Branch {
            name: TableName::new(
                row.try_get::<String, _>("schema")?,
                row.try_get::<String, _>("name")?,
            ),
            oid: row.try_get("oid")?,
            kind: row.try_get("kind")?,
            parent,
            depth: row.try_get("depth")?,
        });
    }
    Ok(found)
}
