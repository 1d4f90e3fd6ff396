//! In which order and in which transactions definitions run, and what their kinds can depend on.

use optischema::model::TableName;

use crate::sql::{DumpKind, DumpStatement};

/// Kinds whose names are told apart: a function and a table may have the same one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Class {
    /// Tables, views, sequences, indexes and keys.
    Relation,
    Function,
    Type,
    /// Schemas and extensions.
    Database,
    Other,
    /// A constraint, trigger, policy or rule: named within its relation.
    Part,
}

/// What tells one object from all others.
pub(super) type Key = (Class, TableName);

pub(super) const fn class_of(kind: DumpKind) -> Class {
    match kind {
        DumpKind::Table
        | DumpKind::View
        | DumpKind::MaterializedView
        | DumpKind::MaterializedViewRows
        | DumpKind::Sequence
        | DumpKind::Index
        | DumpKind::IndexLink
        | DumpKind::Key
        | DumpKind::Foreign => Class::Relation,
        DumpKind::Function => Class::Function,
        DumpKind::Type | DumpKind::Domain => Class::Type,
        DumpKind::Schema | DumpKind::Extension => Class::Database,
        DumpKind::Collation
        | DumpKind::Other
        | DumpKind::Statistics
        | DumpKind::EventTrigger
        | DumpKind::Setting
        | DumpKind::Unknown => Class::Other,
        DumpKind::SequenceOwner
        | DumpKind::TablePart
        | DumpKind::Default
        | DumpKind::Constraint
        | DumpKind::ForeignKey
        | DumpKind::Mark
        | DumpKind::Rule
        | DumpKind::Trigger
        | DumpKind::TriggerState
        | DumpKind::Policy
        | DumpKind::RowSecurity
        | DumpKind::Comment => Class::Part,
    }
}

pub(super) fn key_of(statement: &DumpStatement) -> Key {
    let class = class_of(statement.kind);
    match (&statement.relation, class) {
        (Some(relation), Class::Part) => part_key(relation, &statement.object.name),
        _ => (class, statement.object.clone()),
    }
}

fn part_key(relation: &TableName, name: &str) -> Key {
    (Class::Part, TableName::new(format!("{}.{}", relation.schema, relation.name), name))
}

/// The object that a comment is on; for a constraint, which may be a key, both that it can be.
pub(super) fn commented(statement: &DumpStatement) -> Vec<Key> {
    let object = statement.object.clone();
    let kind = statement.sql.split_whitespace().nth(2).unwrap_or_default().to_uppercase();
    let of = statement.relation.as_ref();
    match (kind.as_str(), of) {
        ("COLUMN", Some(of)) => vec![(Class::Relation, of.clone()), (Class::Type, of.clone())],
        ("TABLE" | "VIEW" | "MATERIALIZED" | "SEQUENCE" | "INDEX", _) => {
            vec![(Class::Relation, object)]
        }
        ("CONSTRAINT", Some(of)) => {
            vec![part_key(of, &object.name), (Class::Relation, object), (Class::Type, of.clone())]
        }
        // Of a domain.
        ("CONSTRAINT", None) => vec![(Class::Type, object)],
        (_, Some(of)) => vec![part_key(of, &object.name)],
        ("FUNCTION" | "PROCEDURE" | "ROUTINE" | "AGGREGATE", None) => {
            vec![(Class::Function, object)]
        }
        ("TYPE" | "DOMAIN", None) => vec![(Class::Type, object)],
        ("SCHEMA", None) => vec![(Class::Database, object)],
        _ => vec![(Class::Other, object)],
    }
}

/// Statements of one transaction among several at once.
pub(super) const SIDE_BY_SIDE: usize = 50;

/// Statements of one transaction. Each table that it makes takes some ten locks, of which the server has 64 a connection
/// by default.
pub(super) const AT_ONCE: usize = 100;

/// Whether a statement defines a table or a sequence, or belongs to one.
const fn is_of_tables(kind: DumpKind) -> bool {
    matches!(
        kind,
        DumpKind::Table
            | DumpKind::Sequence
            | DumpKind::SequenceOwner
            | DumpKind::TablePart
            | DumpKind::Default
    )
}

/// Runs of statements that are of tables, and that are not.
pub(super) fn runs(statements: Vec<DumpStatement>) -> Vec<(bool, Vec<DumpStatement>)> {
    let mut runs: Vec<(bool, Vec<DumpStatement>)> = Vec::new();
    for statement in statements {
        let of_tables = is_of_tables(statement.kind);
        match runs.last_mut() {
            Some((is_of_tables, run)) if *is_of_tables == of_tables => run.push(statement),
            _ => runs.push((of_tables, vec![statement])),
        }
    }
    runs
}

/// Groups of which each needs those before it: sequences, tables, then their parts, ordered so that two transactions
/// rarely wait for one table.
pub(super) fn by_dependence(statements: Vec<DumpStatement>) -> Vec<Vec<DumpStatement>> {
    let order = |kind| match kind {
        DumpKind::Sequence => 0,
        DumpKind::Table => 1,
        DumpKind::SequenceOwner => 2,
        _ => 3,
    };
    let mut groups = vec![Vec::new(), Vec::new(), Vec::new(), Vec::new()];
    for statement in statements {
        if let Some(group) = groups.get_mut(order(statement.kind)) {
            group.push(statement);
        }
    }
    if let Some(parts) = groups.last_mut() {
        parts.sort_by(|a, b| a.relation.cmp(&b.relation));
    }
    groups
}

/// Whether a statement names others of its batch that must have been decided on before: a comment on an object that is
/// not made is left out.
const fn is_decided_alone(kind: DumpKind) -> bool {
    matches!(kind, DumpKind::Comment | DumpKind::Mark | DumpKind::IndexLink)
}

pub(super) fn batches(statements: Vec<DumpStatement>) -> Vec<Vec<DumpStatement>> {
    let mut batches: Vec<Vec<DumpStatement>> = Vec::new();
    let mut was_alone = false;
    for statement in statements {
        let is_alone = is_decided_alone(statement.kind);
        match batches.last_mut() {
            Some(batch) if batch.len() < AT_ONCE && is_alone == was_alone => batch.push(statement),
            _ => batches.push(vec![statement]),
        }
        was_alone = is_alone;
    }
    batches
}

/// Kinds whose objects other definitions name.
pub(super) const fn can_be_named(kind: DumpKind) -> bool {
    is_noted(kind)
        || matches!(
            kind,
            DumpKind::Extension
                | DumpKind::Foreign
                | DumpKind::Index
                | DumpKind::Key
                | DumpKind::Constraint
                | DumpKind::ForeignKey
                | DumpKind::Statistics
                | DumpKind::Rule
                | DumpKind::Trigger
                | DumpKind::Policy
        )
}

/// Kinds that can depend on what follows the rows: a view that groups by a primary key, a function over such a view.
pub(super) const fn may_need_keys(kind: DumpKind) -> bool {
    matches!(
        kind,
        DumpKind::View | DumpKind::MaterializedView | DumpKind::Function | DumpKind::Default
    )
}

/// Kinds that are dropped by themselves.
pub(super) const fn is_noted(kind: DumpKind) -> bool {
    matches!(
        kind,
        DumpKind::Schema
            | DumpKind::Type
            | DumpKind::Domain
            | DumpKind::Function
            | DumpKind::Collation
            | DumpKind::Other
            | DumpKind::Sequence
            | DumpKind::Table
            | DumpKind::View
            | DumpKind::MaterializedView
    )
}
