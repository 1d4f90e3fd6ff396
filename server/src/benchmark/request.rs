//! What is compared, and how.

use std::collections::BTreeSet;
use std::time::Duration;

use optischema::model::{Join, TableName, TrackedStatement};

use super::case::Case;
use crate::sandbox::ScratchSchema;
use crate::sql::{self, Patch, PatchKind};

/// What is compared, and how.
#[derive(Debug, Clone)]
pub struct BenchmarkRequest<'a> {
    pub cases: &'a [Case],
    pub patch: &'a Patch,
    pub patch_text: &'a str,
    /// Tables that the change concerns, where its text does not say.
    pub concerned: &'a [TableName],
    /// The rest of the workload.
    pub others: &'a [TrackedStatement],
    /// What the servers show as the name of the connections.
    pub name: String,
    pub schema: &'a ScratchSchema,
    pub seed: u64,
    /// Tables together up to this size are copied whole.
    pub copy_limit_bytes: i64,
    pub sample_percent: f64,
    /// What the timed runs of all bindings may take.
    pub budget: Duration,
    /// Seconds that one run may take.
    pub statement_timeout_s: u32,
    /// Tables that a rewrite reads; found by [`run_benchmark`].
    pub rewritten_tables: Vec<TableName>,
}

/// Told what happens, and how far it is (0 to 1).
pub type Report<'a> = &'a mut (dyn FnMut(&str, f64) + Send);

impl BenchmarkRequest<'_> {
    /// Every table that is read or changed, each once.
    pub(super) fn tables(&self) -> Vec<TableName> {
        let mut tables: BTreeSet<TableName> =
            self.cases.iter().flat_map(|case| case.plannable.shape.tables.clone()).collect();
        tables.extend(self.rewritten_tables.iter().cloned());
        tables.extend(self.changed_tables());
        tables.into_iter().collect()
    }

    /// Tables that the change is made to.
    pub(super) fn changed_tables(&self) -> Vec<TableName> {
        match (&self.patch.kind, self.patch.kind.table()) {
            (_, Some(table)) => vec![table.clone()],
            (PatchKind::Setting(_) | PatchKind::Rewrite(_), None) => Vec::new(),
            (_, None) => self.concerned.to_vec(),
        }
    }

    /// How often the statements name a table: the one that does so most.
    pub(super) fn appearances(&self, table: &TableName) -> u32 {
        let named = |case: &Case| {
            let names = sql::relation_names(&case.statement);
            names
                .iter()
                .filter(|(schema, name)| {
                    *name == table.name && (schema.is_empty() || *schema == table.schema)
                })
                .count()
        };
        let most = self.cases.iter().map(named).max().unwrap_or(1);
        u32::try_from(most).unwrap_or(u32::MAX)
    }

    /// Columns that the statements set equal.
    pub(super) fn joins(&self) -> Vec<Join> {
        let mut joins = Vec::new();
        for case in self.cases {
            joins.extend(case.plannable.shape.joins.clone());
            for join in &case.plannable.dependencies.joins {
                let column = |table: &TableName, column: &str| optischema::model::ColumnName {
                    table: table.clone(),
                    column: column.to_owned(),
                };
                joins.push(Join {
                    left: column(&join.left, &join.left_column),
                    right: column(&join.right, &join.right_column),
                });
            }
        }
        joins
    }

    /// The statements, one under the other.
    pub(super) fn statement_text(&self) -> String {
        let texts: Vec<&str> = self.cases.iter().map(|case| case.statement.sql.as_str()).collect();
        texts.join(";\n")
    }

    pub(super) const fn is_rewrite(&self) -> bool {
        matches!(self.patch.kind, PatchKind::Rewrite(_))
    }
}
