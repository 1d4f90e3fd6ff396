//! What a change is made of: its statements both ways, and what of the catalog it touches. Derived from the catalog as
//! it is before anything is done.

use optischema::model::{
    CatalogState, ChangeKind, ChangeStep, ChangedObject, IndexPart, Recommendation, TableName,
    is_setting_line,
};
use serde::{Deserialize, Serialize};
use sqlx::Row;
use sqlx::postgres::PgConnection;

use super::error::ApplyError;
use super::kinds::{index, maintenance, setting, statistics, table};
use super::state::{Scope, read_state};
use crate::postgres::PgFailure;
use crate::postgres::query;
use crate::sql::{Patch, PatchKind};

/// What a change does to one line of the catalog.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Touch {
    Makes,
    Removes,
    Alters,
}

/// A change before it is made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ChangePlan {
    pub kind: ChangeKind,
    pub tables: Vec<TableName>,
    /// Lines of the catalog that it touches, and how.
    pub touches: Vec<(String, Touch)>,
    pub steps: Vec<ChangeStep>,
    pub rollback: Vec<ChangeStep>,
    pub no_rollback: Option<String>,
    pub object: ChangedObject,
    /// The catalog as it was read for this plan.
    pub before: CatalogState,
    /// Of maintenance: what is another text once it was done.
    #[serde(default)]
    pub marker: Option<String>,
    /// Of a partitioned table's index: each with its table.
    #[serde(default)]
    pub parts: Vec<IndexPart>,
    /// Of an index that is made: its definition from `USING` on, as PostgreSQL itself wrote it in rehearsal.
    #[serde(default)]
    pub expected: Option<String>,
    #[serde(skip)]
    pub rehearsal: Rehearsal,
}

/// How patch and rollback are tried out first.
#[derive(Debug, Clone, Default, PartialEq)]
pub enum Rehearsal {
    /// There is nothing that could be restored.
    #[default]
    Nothing,
    /// In one transaction that is rolled back.
    Transaction,
    /// On empty copies of the tables, in a schema of their own; the statements as they read there.
    Copies { patch: Vec<String>, rollback: Vec<String> },
}

impl Rehearsal {
    /// The same for a person.
    #[must_use]
    pub const fn sentence(&self) -> &'static str {
        match self {
            Self::Nothing => {
                "There is nothing to rehearse: it alters nothing that could be put back."
            }
            Self::Transaction => {
                "Patch and rollback are tried out in one transaction that is rolled back; the catalog after both must equal the one before."
            }
            Self::Copies { .. } => {
                "Patch and rollback are tried out on empty copies of the tables, in a schema of their own; the catalog after both must equal the one before."
            }
        }
    }
}

impl ChangePlan {
    /// The statements of the change, one under the other.
    #[must_use]
    pub fn sql(&self) -> String {
        joined(&self.steps)
    }

    /// What undoes it, one under the other.
    #[must_use]
    pub fn rollback_sql(&self) -> String {
        joined(&self.rollback)
    }

    /// Lines that it touches.
    #[must_use]
    pub fn keys(&self) -> Vec<String> {
        self.touches.iter().map(|(key, _)| key.clone()).collect()
    }

    /// What is read to compare.
    #[must_use]
    pub fn scope(&self) -> Scope {
        let settings = self.touches.iter().any(|(key, _)| is_setting_line(key));
        Scope { tables: self.tables.clone(), settings }
    }
}

/// Statements as one text; a single one stands without a semicolon.
pub(super) fn joined(steps: &[ChangeStep]) -> String {
    let texts: Vec<&str> = steps.iter().map(|step| step.sql.as_str()).collect();
    texts.join(";\n")
}

/// Where a plan is made for.
#[derive(Debug, Clone, Copy)]
pub struct Ground<'a> {
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

/// Looks whether the patch can be applied, and derives its rollback from the catalog as it is now.
///
/// # Errors
/// The sentence that says what is in the way.
pub async fn plan_change(
    connection: &mut PgConnection,
    patch: &Patch,
    recommendation: &Recommendation,
    ground: Ground<'_>,
) -> Result<ChangePlan, ApplyError> {
    let mut plan = match &patch.kind {
        PatchKind::CreateIndex(create) => index::create(connection, create, ground).await?,
        PatchKind::DropIndex(drop) => index::drop(connection, drop, ground).await?,
        PatchKind::CreateStatistics(create) => {
            statistics::create(connection, create, ground).await?
        }
        PatchKind::DropStatistics(drop) => statistics::drop(connection, drop, ground).await?,
        PatchKind::AlterTable(alter) => table::alter(connection, alter, ground).await?,
        PatchKind::Maintenance(maintain) => maintenance::plan(connection, maintain, ground).await?,
        PatchKind::Setting(set) => setting::plan(connection, set, ground).await?,
        PatchKind::Rewrite(rewritten) => match &rewritten.index {
            Some(create) => index::create(connection, create, ground).await?,
            None => {
                return Err(ApplyError::Failed(
                    "a rewritten statement is for the application to send: there is nothing to be applied"
                        .into(),
                ));
            }
        },
    };
    if plan.tables.is_empty() {
        plan.tables = recommendation.tables.clone();
    }
    plan.before = read_state(connection, &plan.scope()).await?;
    for (key, touch) in &plan.touches {
        if *touch == Touch::Makes {
            // At most an invalid leftover of an earlier try, which is dropped first.
            plan.before.0.remove(key);
        }
    }
    Ok(plan)
}

/// A table that is there, that the role owns, and what hangs below it.
pub(super) async fn require_table(
    connection: &mut PgConnection,
    table: &TableName,
    ground: Ground<'_>,
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
        Some(owned) if owned || ground.for_others => Ok(()),
        Some(_) => Err(ApplyError::Failed(format!("the sandbox's role does not own {table}"))),
        None if ground.for_others => Err(ApplyError::Failed(format!("{table} is missing on main"))),
        None => Err(ApplyError::Failed(format!(
            "{table} is missing in the sandbox: run `optischema sandbox init`"
        ))),
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

/// A step that runs by itself.
pub(super) fn alone(title: impl Into<String>, sql: impl Into<String>, lock: &str) -> ChangeStep {
    ChangeStep {
        title: title.into(),
        sql: sql.into(),
        lock: lock.to_owned(),
        in_transaction: false,
        follow_up: false,
        table: None,
    }
}

/// A step that runs in a transaction with its neighbours.
pub(super) fn together(title: impl Into<String>, sql: impl Into<String>, lock: &str) -> ChangeStep {
    ChangeStep { in_transaction: true, ..alone(title, sql, lock) }
}

/// A step that completes what was done, and may be run again.
pub(super) fn follow_up(title: impl Into<String>, sql: impl Into<String>) -> ChangeStep {
    ChangeStep { follow_up: true, ..alone(title, sql, LOCK_BESIDE_WRITES) }
}

pub(super) const LOCK_BESIDE_WRITES: &str =
    "SHARE UPDATE EXCLUSIVE: reading and writing go on; other maintenance of the table waits";
pub(super) const LOCK_WHOLE: &str =
    "ACCESS EXCLUSIVE: for a moment nobody reads or writes the table";
pub(super) const LOCK_WRITES: &str = "SHARE: writes to the table wait until it is done";
pub(super) const LOCK_NONE: &str = "no lock that anybody waits for";
