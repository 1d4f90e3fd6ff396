//! A table without the defaults, checks and generation expressions that the sandbox refuses.

use std::collections::BTreeSet;

use optischema::model::{TableName, quote_identifier};
use sqlx::postgres::PgConnection;

use super::super::SandboxError;
use super::super::scratch::execute;
use super::builder::Builder;
use super::running::run_one;
use super::workers::Failed;
use crate::postgres::PgFailure;
use crate::sql::{DumpKind, DumpStatement, Element, TableText, table_text};

impl Builder<'_> {
    /// Makes a table without the defaults, checks and generation expressions that the sandbox refuses.
    pub(super) async fn reduce_table(
        &mut self,
        sandbox: &mut PgConnection,
        (statement, failure): Failed,
    ) -> Result<(), SandboxError> {
        let Ok(Some(table)) = table_text(&statement.sql) else {
            self.give_up(vec![(statement, failure)]);
            return Ok(());
        };
        let generated: Vec<usize> =
            places(&table, |element| matches!(element, Element::Column { is_generated: true, .. }));
        let mut kept: BTreeSet<usize> = BTreeSet::new();
        if let Err(failure) = self.try_table(sandbox, &table, &kept).await? {
            self.give_up(vec![(statement, failure)]);
            return Ok(());
        }
        for at in generated {
            kept.insert(at);
            if let Err(failure) = self.try_table(sandbox, &table, &kept).await? {
                kept.remove(&at);
                let of = &statement.object;
                if let Some(Element::Column { name, value, .. }) = table.elements.get(at) {
                    let cause = self.cause_of(value.as_deref().unwrap_or_default(), &failure);
                    let column = TableName::new(&of.schema, format!("{}.{name}", of.name));
                    self.lacks.add(cause, DumpKind::Default, column);
                }
            }
        }
        let reduced =
            DumpStatement { sql: table.written(&|at| kept.contains(&at)), ..statement.clone() };
        if let Err(failure) = self.attempt(sandbox, &reduced).await? {
            self.give_up(vec![(statement, failure)]);
            return Ok(());
        }
        let parts = added_parts(&statement.object, &table, &kept);
        let failed = self.pass(sandbox, parts).await?;
        let failed = self.retried(sandbox, failed).await?;
        self.give_up(failed);
        Ok(())
    }

    /// Whether the table can be made so; it is not.
    async fn try_table(
        &mut self,
        sandbox: &mut PgConnection,
        table: &TableText,
        kept: &BTreeSet<usize>,
    ) -> Result<Result<(), PgFailure>, SandboxError> {
        execute(sandbox, "BEGIN".to_owned()).await?;
        let made = run_one(sandbox, &table.written(&|at| kept.contains(&at))).await;
        execute(sandbox, "ROLLBACK".to_owned()).await?;
        match made {
            Ok(()) => Ok(Ok(())),
            Err(SandboxError::Target(failure)) if !failure.is_connection() => Ok(Err(failure)),
            Err(error) => Err(error),
        }
    }
}

fn places(table: &TableText, is: impl Fn(&Element) -> bool) -> Vec<usize> {
    let elements = table.elements.iter().enumerate();
    elements.filter(|(_, element)| is(element)).map(|(at, _)| at).collect()
}

/// Defaults and checks of a table that was made without them, each as a statement of its own.
fn added_parts(table: &TableName, text: &TableText, kept: &BTreeSet<usize>) -> Vec<DumpStatement> {
    let elements = text.elements.iter().enumerate().filter(|(at, _)| !kept.contains(at));
    elements
        .filter_map(|(_, element)| {
            let (kind, own, change) = match element {
                Element::Column { is_generated: true, .. }
                | Element::Column { value: None, .. } => {
                    return None;
                }
                Element::Column { name, value: Some(value), .. } => (
                    DumpKind::Default,
                    format!("{}.{name}", table.name),
                    format!("ALTER COLUMN {} SET {value}", quote_identifier(name)),
                ),
                Element::Constraint { name, text } => {
                    (DumpKind::Constraint, name.clone(), format!("ADD {text}"))
                }
            };
            Some(DumpStatement {
                kind,
                sql: format!("ALTER TABLE ONLY {} {change}", table.quoted()),
                object: TableName::new(&table.schema, own),
                relation: Some(table.clone()),
            })
        })
        .collect()
}
