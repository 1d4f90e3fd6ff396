//! What is compared, and how.

use std::collections::BTreeSet;
use std::time::Duration;

use optischema::model::{Join, Phase, StatementShape, TableName, TrackedStatement};
use optischema::plan::parse_plan;

use super::case::Case;
use crate::sandbox::{Family, ScratchSchema};
use crate::sql::{self, Patch, PatchKind, Statement};

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
    /// Nothing is run: what rows of two tables have to do with each other does not matter.
    pub only_planned: bool,
    /// Whether functions of the database are copied for indexes, checks, defaults and triggers.
    pub with_functions: bool,
    /// What the timed runs of all bindings may take.
    pub budget: Duration,
    /// Seconds that one run may take.
    pub statement_timeout_s: u32,
    /// What a rewrite reads and joins; found while it runs.
    pub rewritten_shape: Option<StatementShape>,
}

/// Told what happens, and how far it is (0 to 1).
pub type Report<'a> = &'a mut (dyn FnMut(Phase, f64) + Send);

impl BenchmarkRequest<'_> {
    /// Every table that is read or changed, each once.
    pub(super) fn tables(&self) -> Vec<TableName> {
        let mut tables: BTreeSet<TableName> =
            self.cases.iter().flat_map(|case| case.plannable.shape.tables.clone()).collect();
        tables.extend(self.cases.iter().flat_map(|case| case.plannable.writes_to.clone()));
        tables.extend(self.rewritten_shape.iter().flat_map(|shape| shape.tables.clone()));
        tables.extend(self.changed_tables());
        tables.into_iter().collect()
    }

    /// The statement that takes the place of those that are measured.
    pub(super) fn rewrite(&self) -> Option<&Statement> {
        match &self.patch.kind {
            PatchKind::Rewrite(rewrite) => Some(&rewrite.statement),
            _ => None,
        }
    }

    /// Whether a case writes.
    pub(super) fn writes(&self) -> bool {
        self.cases.iter().any(|case| case.whole.is_some())
    }

    /// Tables that the change is made to.
    pub(super) fn changed_tables(&self) -> Vec<TableName> {
        match (&self.patch.kind, self.patch.kind.table()) {
            (_, Some(table)) => vec![table.clone()],
            (PatchKind::Setting(_) | PatchKind::Rewrite(_), None) => Vec::new(),
            (_, None) => self.concerned.to_vec(),
        }
    }

    /// How often a statement reads a table, by its text or, through views, by its plan: the one that does so most.
    pub(super) fn appearances(&self, family: &Family, table: &TableName) -> u32 {
        let named = |statement: &Statement| {
            let names = sql::relation_names(statement);
            let is_it = |schema: &str, name: &str| {
                name == table.name && (schema.is_empty() || schema == table.schema)
            };
            names.iter().filter(|(schema, name)| is_it(schema, name)).count()
        };
        let parts = family.with_rows(table);
        let planned = |case: &Case| {
            let Ok(plan) = parse_plan(&case.plannable.plan) else { return 0 };
            let reads = |part: &TableName| {
                let nodes = plan.root.walk().filter(|node| {
                    let read = node.table.as_ref();
                    read.is_some_and(|read| {
                        read.name == part.name
                            && read.schema.as_ref().is_none_or(|schema| *schema == part.schema)
                    })
                });
                nodes.filter_map(|node| node.alias.as_deref()).collect::<BTreeSet<_>>().len()
            };
            parts.iter().map(|part| reads(&part.table)).max().unwrap_or_default()
        };
        let mut counts: Vec<usize> =
            self.cases.iter().flat_map(|case| [named(&case.statement), planned(case)]).collect();
        counts.extend(self.rewrite().map(named));
        u32::try_from(counts.into_iter().max().unwrap_or(1)).unwrap_or(u32::MAX)
    }

    /// Columns that the statements set equal.
    pub(super) fn joins(&self) -> Vec<Join> {
        let mut joins: Vec<Join> =
            self.rewritten_shape.iter().flat_map(|shape| shape.joins.clone()).collect();
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

    /// Whether nothing is made where it is measured: two statements are compared.
    pub(super) fn only_reads(&self) -> bool {
        matches!(&self.patch.kind, PatchKind::Rewrite(rewritten) if rewritten.index.is_none())
    }
}
