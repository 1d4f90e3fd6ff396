//! Which tables a statement reads, by which ways it reaches them, and which joins tie them.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::node::{Plan, PlanNode, PlanTable};
use crate::model::TableName;

/// How a table is reached.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(tag = "kind", content = "name", rename_all = "snake_case")]
pub enum Through {
    /// A view that the statement names.
    View(TableName),
    /// A `WITH` query.
    Cte(String),
    /// A subquery that runs for each row.
    SubPlan(String),
    /// A subquery that runs once.
    InitPlan(String),
    /// It is a partition of, or inherits from, this table.
    Parent(TableName),
}

/// One table.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
pub struct Dependency {
    pub table: TableName,
    /// The ways, from the outside in; empty where the statement reads it directly.
    pub through: Vec<Through>,
}

/// Columns of two tables that a condition sets equal.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
pub struct TableJoin {
    pub left: TableName,
    pub left_column: String,
    pub right: TableName,
    pub right_column: String,
}

/// The map of one statement.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Dependencies {
    pub tables: Vec<Dependency>,
    pub joins: Vec<TableJoin>,
}

/// What the catalog knows and a plan does not show.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lineage {
    /// The table that a partition or child belongs to.
    pub parents: BTreeMap<TableName, TableName>,
    /// The tables behind each view that the statement names.
    pub views: BTreeMap<TableName, BTreeSet<TableName>>,
    /// What the statement itself names: a table of it is read directly, whatever views read it too.
    pub named: BTreeSet<TableName>,
}

/// The map of a statement from its verbose plan. Relations without a schema (a plan without `VERBOSE`) are
/// looked for in `public`.
#[must_use]
pub fn dependencies(plan: &Plan, lineage: &Lineage) -> Dependencies {
    let mut aliases = BTreeMap::new();
    let mut tables = BTreeSet::new();
    collect(&plan.root, &[], lineage, &mut tables, &mut aliases);
    let mut joins = BTreeSet::new();
    for node in plan.root.walk() {
        for (_, text) in node.conditions() {
            joins.extend(equalities(text).filter_map(|(left, right)| join(left, right, &aliases)));
        }
    }
    // Each partition meets the same columns: the join is its parent's.
    let joins = joins
        .into_iter()
        .map(|join| TableJoin {
            left: topmost(&join.left, lineage),
            right: topmost(&join.right, lineage),
            ..join
        })
        .filter(|join| (&join.left, &join.left_column) != (&join.right, &join.right_column))
        .collect::<BTreeSet<_>>();
    Dependencies { tables: tables.into_iter().collect(), joins: joins.into_iter().collect() }
}

fn name_of(table: &PlanTable) -> TableName {
    TableName::new(table.schema.as_deref().unwrap_or("public"), &table.name)
}

fn topmost(table: &TableName, lineage: &Lineage) -> TableName {
    let mut at = table;
    // A hierarchy is never deeper than the number of its members.
    for _ in 0..=lineage.parents.len() {
        match lineage.parents.get(at) {
            Some(parent) => at = parent,
            None => break,
        }
    }
    at.clone()
}

fn collect(
    node: &PlanNode,
    way: &[Through],
    lineage: &Lineage,
    tables: &mut BTreeSet<Dependency>,
    aliases: &mut BTreeMap<String, TableName>,
) {
    let mut way = way.to_vec();
    way.extend(subquery(node));
    if let Some(table) = &node.table {
        let table = name_of(table);
        if let Some(alias) = &node.alias {
            aliases.insert(alias.clone(), table.clone());
        }
        let top = topmost(&table, lineage);
        let mut through = Vec::new();
        if !lineage.named.contains(&top) && !lineage.named.contains(&table) {
            let view = lineage.views.iter().find(|(_, read)| read.contains(&top));
            through.extend(view.map(|(view, _)| Through::View(view.clone())));
        }
        through.extend(way.iter().cloned());
        if top != table {
            through.push(Through::Parent(top));
        }
        tables.insert(Dependency { table, through });
    }
    for child in &node.children {
        collect(child, &way, lineage, tables, aliases);
    }
}

fn subquery(node: &PlanNode) -> Option<Through> {
    let name = node.subplan_name.as_deref()?;
    if let Some(cte) = name.strip_prefix("CTE ") {
        return Some(Through::Cte(cte.to_owned()));
    }
    match node.parent_relationship.as_deref() {
        Some("InitPlan") => Some(Through::InitPlan(name.to_owned())),
        _ => Some(Through::SubPlan(name.to_owned())),
    }
}

fn join(left: Column, right: Column, aliases: &BTreeMap<String, TableName>) -> Option<TableJoin> {
    let (a, b) = (aliases.get(&left.alias)?, aliases.get(&right.alias)?);
    if left.alias == right.alias {
        return None;
    }
    let (left, right) = ((a.clone(), left.name), (b.clone(), right.name));
    let (left, right) = if left <= right { (left, right) } else { (right, left) };
    Some(TableJoin { left: left.0, left_column: left.1, right: right.0, right_column: right.1 })
}

/// A column as a condition of a verbose plan names it.
#[derive(Debug, PartialEq, Eq)]
struct Column {
    alias: String,
    name: String,
}

/// Every `a.x = b.y` of a condition as PostgreSQL writes it. Texts between quotes are no columns.
fn equalities(condition: &str) -> impl Iterator<Item = (Column, Column)> + '_ {
    let marks = outside_quotes(condition);
    marks.into_iter().filter_map(move |at| {
        let (before, after) = (condition.get(..at)?, condition.get(at + 3..)?);
        Some((column_before(before)?, column_after(after)?))
    })
}

/// Where ` = ` stands outside of literals and identifiers.
fn outside_quotes(text: &str) -> Vec<usize> {
    let (mut found, mut quote) = (Vec::new(), None);
    for (at, c) in text.char_indices() {
        match (quote, c) {
            (None, '\'' | '"') => quote = Some(c),
            (Some(open), _) if open == c => quote = None,
            (None, ' ') if text[at..].starts_with(" = ") => found.push(at),
            _ => {}
        }
    }
    found
}

fn column_after(text: &str) -> Option<Column> {
    let text = text.trim_start_matches('(');
    let (alias, rest) = identifier(text)?;
    let (name, _) = identifier(rest.strip_prefix('.')?)?;
    Some(Column { alias, name })
}

/// The column that a text ends with. A cast around it (`(a.x)::text`) leaves it the same column.
fn column_before(text: &str) -> Option<Column> {
    let start = text
        .char_indices()
        .rev()
        .scan(false, |quoted, (at, c)| {
            if c == '"' {
                *quoted = !*quoted;
            }
            (*quoted || is_name(c) || matches!(c, '.' | '"' | ':' | ')')).then_some(at)
        })
        .last()?;
    column_after(&text[start..])
}

fn is_name(c: char) -> bool {
    c.is_alphanumeric() || c == '_' || c == '$'
}

fn identifier(text: &str) -> Option<(String, &str)> {
    if let Some(quoted) = text.strip_prefix('"') {
        let mut name = String::new();
        let mut rest = quoted;
        loop {
            let end = rest.find('"')?;
            name.push_str(&rest[..end]);
            rest = &rest[end + 1..];
            match rest.strip_prefix('"') {
                Some(more) => {
                    name.push('"');
                    rest = more;
                }
                None => return Some((name, rest)),
            }
        }
    }
    let end = text.find(|c: char| !is_name(c)).unwrap_or(text.len());
    (end > 0).then(|| (text[..end].to_owned(), &text[end..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(condition: &str) -> Vec<String> {
        equalities(condition)
            .map(|(l, r)| format!("{}.{}={}.{}", l.alias, l.name, r.alias, r.name))
            .collect()
    }

    #[test]
    fn columns_are_read_from_conditions_and_not_from_literals() {
        assert_eq!(pairs("(i.order_id = o.id)"), ["i.order_id=o.id"]);
        assert_eq!(
            pairs("((a.x = b.y) AND (\"A b\".\"C \"\"d\" = o.z) AND (o.id = 7))"),
            ["a.x=b.y", "A b.C \"d=o.z"]
        );
        assert_eq!(pairs("(o.note = 'a.x = b.y'::text)"), Vec::<String>::new());
        assert_eq!(pairs("((a.x)::text = (b.y)::text)"), ["a.x=b.y"]);
    }
}
