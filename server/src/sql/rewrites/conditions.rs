//! Conditions written differently one by one, wherever they stand: in the statement, its subqueries, its `WITH` queries and
//! its joins. A rule sees one condition and the tables around it.

use optischema::model::{Catalog, CatalogTable, Rule};
use pg_query::NodeEnum;
use pg_query::protobuf::{BoolExprType, JoinExpr, ParseResult, SelectStmt};

use super::pieces::{all_of, boxed, inner};
use super::{Rewrite, Sameness};
use crate::sql::selects::each_select;
use crate::sql::{Statement, tree};

/// What takes the place of a condition: conditions that must all hold.
pub(super) struct Instead {
    pub conditions: Vec<NodeEnum>,
    /// What is wrong with the original, in a sentence.
    pub why: String,
    pub sameness: Sameness,
}

/// Tables by the names that they have at one place.
pub(super) type Around<'c> = [(String, &'c CatalogTable)];

/// The statement with every condition replaced that the rule has something for.
pub(super) fn everywhere(
    statement: &Statement,
    catalog: &Catalog,
    rule: Rule,
    instead: fn(&NodeEnum, &Around<'_>) -> Option<Instead>,
) -> Option<Rewrite> {
    let mut queries = Vec::new();
    tree::walk(statement.json().ok()?, &mut |kind, object| {
        if let ("CommonTableExpr", Some(name)) = (kind, object.get("ctename")) {
            queries.extend(name.as_str().map(str::to_owned));
        }
    });
    let mut walk = Walk { catalog, queries, instead, found: Vec::new() };
    let mut tree = ParseResult::clone(&statement.tree);
    each_select(&mut tree, &mut |select| walk.select(select));
    let found = walk.found;
    let first = found.first()?;
    let sql = pg_query::deparse(&tree, Default::default()).ok()?;
    pg_query::parse(&sql, 0).ok()?;
    // It is no surer than the least sure of its parts.
    let sameness = found.iter().map(|one| one.sameness).max_by_key(|sameness| sameness.risk());
    Some(Rewrite { rule, sql, why: first.why.clone(), sameness: sameness? })
}

struct Walk<'c> {
    catalog: &'c Catalog,
    /// Names of `WITH` queries: no tables.
    queries: Vec<String>,
    instead: fn(&NodeEnum, &Around<'_>) -> Option<Instead>,
    found: Vec<Instead>,
}

impl<'c> Walk<'c> {
    fn select(&mut self, select: &mut SelectStmt) {
        let mut tables = Vec::new();
        for from in &select.from_clause {
            self.tables(from.node.as_ref(), &mut tables);
        }
        self.place(&mut select.where_clause, &tables);
        for from in &mut select.from_clause {
            if let Some(NodeEnum::JoinExpr(join)) = &mut from.node {
                self.join(join, &tables);
            }
        }
    }

    fn join(&mut self, join: &mut JoinExpr, tables: &Around<'c>) {
        self.place(&mut join.quals, tables);
        for side in [&mut join.larg, &mut join.rarg] {
            if let Some(NodeEnum::JoinExpr(inside)) =
                side.as_mut().and_then(|side| side.node.as_mut())
            {
                self.join(inside, tables);
            }
        }
    }

    /// Tables of FROM. What else stands there has names of its own, and a name that a table has, too, would be ambiguous.
    fn tables(&self, node: Option<&NodeEnum>, found: &mut Vec<(String, &'c CatalogTable)>) {
        match node {
            Some(NodeEnum::RangeVar(range)) => {
                let is_query = range.schemaname.is_empty() && self.queries.contains(&range.relname);
                let alias = range.alias.as_ref();
                let is_renamed = alias.is_some_and(|alias| !alias.colnames.is_empty());
                if is_query || is_renamed {
                    return;
                }
                if let Some(table) = self.catalog.resolve(&range.schemaname, &range.relname) {
                    let name = alias.map_or_else(|| range.relname.clone(), |a| a.aliasname.clone());
                    found.push((name, table));
                }
            }
            // Under a name of its own the columns are the join's.
            Some(NodeEnum::JoinExpr(join)) if join.alias.is_none() => {
                self.tables(inner(&join.larg), found);
                self.tables(inner(&join.rarg), found);
            }
            _ => {}
        }
    }

    fn place(&mut self, place: &mut Option<Box<pg_query::Node>>, tables: &Around<'c>) {
        let Some(condition) = place.as_mut().and_then(|node| node.node.take()) else { return };
        let parts = match condition {
            NodeEnum::BoolExpr(expr) if expr.boolop == BoolExprType::AndExpr as i32 => {
                expr.args.into_iter().filter_map(|arg| arg.node).collect()
            }
            other => vec![other],
        };
        let mut written = Vec::with_capacity(parts.len());
        for part in parts {
            match (self.instead)(&part, tables) {
                Some(instead) => {
                    written.extend(instead.conditions.iter().cloned());
                    self.found.push(instead);
                }
                None => written.push(part),
            }
        }
        *place = match written.len() {
            1 => written.pop().and_then(boxed),
            _ => all_of(written),
        };
    }
}
