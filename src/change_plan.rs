//! A change before it is made: its statements both ways, and which objects of the catalog it touches.

use serde::{Deserialize, Serialize};

use crate::model::{
    CatalogObject, CatalogState, ChangeKind, ChangeStep, ChangedObject, IndexPart, TableName,
};

/// What a change does to one object of the catalog.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Touch {
    Makes,
    Removes,
    Alters,
}

/// A change before it is made, derived from the catalog as it is then.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ChangePlan {
    pub kind: ChangeKind,
    pub tables: Vec<TableName>,
    /// Objects of the catalog that it touches, and how. Empty for maintenance.
    pub touches: Vec<(CatalogObject, Touch)>,
    pub steps: Vec<ChangeStep>,
    pub rollback: Vec<ChangeStep>,
    /// Why it cannot be undone, where it cannot.
    pub no_rollback: Option<String>,
    pub object: ChangedObject,
    /// The catalog as it was read for this plan.
    pub before: CatalogState,
    /// Of maintenance: a text that differs once the maintenance was done.
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
    /// Nothing could be restored: the change alters nothing of the catalog.
    #[default]
    Nothing,
    /// In one transaction that is rolled back.
    Transaction,
    /// On empty copies of the tables, in a schema of their own; the statements as they read there.
    Copies { patch: Vec<String>, rollback: Vec<String> },
}

impl Rehearsal {
    /// The words that a person reads.
    #[must_use]
    pub const fn sentence(&self) -> &'static str {
        match self {
            Self::Nothing => {
                "There is nothing to rehearse: the change alters nothing that could be restored."
            }
            Self::Transaction => {
                "Patch and rollback run in one transaction that is rolled back. The catalog after both must equal the catalog before."
            }
            Self::Copies { .. } => {
                "Patch and rollback run on empty copies of the tables, in a schema of their own. The catalog after both must equal the catalog before."
            }
        }
    }
}

impl ChangePlan {
    /// The statements of the change, separated by semicolons.
    #[must_use]
    pub fn sql(&self) -> String {
        joined(&self.steps)
    }

    /// The statements that undo it, separated by semicolons.
    #[must_use]
    pub fn rollback_sql(&self) -> String {
        joined(&self.rollback)
    }

    /// The objects that it touches.
    #[must_use]
    pub fn objects(&self) -> Vec<CatalogObject> {
        self.touches.iter().map(|(object, _)| object.clone()).collect()
    }

    /// Whether it touches a setting of the database.
    #[must_use]
    pub fn touches_settings(&self) -> bool {
        self.touches.iter().any(|(object, _)| object.is_setting())
    }
}

/// Statements as one text; the last one has no semicolon.
#[must_use]
pub fn joined(steps: &[ChangeStep]) -> String {
    let texts: Vec<&str> = steps.iter().map(|step| step.sql.as_str()).collect();
    texts.join(";\n")
}
