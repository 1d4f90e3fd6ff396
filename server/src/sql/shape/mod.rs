//! What a statement reads, compares, joins and sorts: names are resolved against the catalog, through
//! aliases, subqueries and common table expressions.

mod expression;
mod reads;
mod scope;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use optischema::model::{
    Catalog, ColumnName, Join, ParameterRole, ParameterUse, PredicateKind, StatementShape,
};
use pg_query::protobuf::{
    AExpr, BoolExpr, BoolExprType, NullTestType, SelectStmt, SubLink, SubLinkType,
};
use pg_query::{Node, NodeEnum};

pub(super) use expression::{constant as constant_text, unqualified as expression_text};

use super::{SqlError, Statement, tree};
use expression::{
    children, constant, inner, is_free_of_columns, is_prefix, list_items, operator_name,
    predicate_kind,
};
use scope::Scope;

/// Nesting beyond this is refused: the tree is walked recursively.
const MAX_DEPTH: usize = 200;

/// Reads the shape of a SELECT.
///
/// # Errors
/// It names a relation that the catalog does not have, or is nested too deeply.
pub fn analyze(statement: &Statement, catalog: &Catalog) -> Result<StatementShape, SqlError> {
    let json = tree::as_json(&statement.tree)?;
    let relations = tree::relations(&json);
    for relation in &relations {
        let is_system = matches!(relation.schema.as_str(), "pg_catalog" | "information_schema");
        if is_system || catalog.resolve(&relation.schema, &relation.name).is_none() {
            let name = if relation.schema.is_empty() {
                relation.name.clone()
            } else {
                format!("{}.{}", relation.schema, relation.name)
            };
            return Err(SqlError::Refused(format!(
                "it reads {name}, which is not a user's table of this database"
            )));
        }
    }
    let tables_at = relations.iter().filter_map(|relation| relation.location).collect();
    let mut walker = Walker {
        catalog,
        tables_at,
        shape: StatementShape::default(),
        parameters: BTreeMap::new(),
    };
    let root = statement.tree.stmts.first().and_then(|raw| raw.stmt.as_ref()?.node.as_ref());
    if let Some(NodeEnum::SelectStmt(select)) = root {
        let scope = walker.select(select, None, 0)?;
        walker.sort_keys(select, &scope);
    }
    for number in tree::parameter_numbers(&json) {
        walker.parameters.entry(number).or_insert(ParameterUse {
            number,
            role: ParameterRole::Other,
            column: None,
        });
    }
    walker.shape.parameters = walker.parameters.into_values().collect();
    Ok(walker.shape)
}

struct Walker<'a> {
    catalog: &'a Catalog,
    /// Where relations stand that are tables; a name elsewhere is a `WITH` query.
    tables_at: BTreeSet<usize>,
    shape: StatementShape,
    parameters: BTreeMap<i32, ParameterUse>,
}

impl<'a> Walker<'a> {
    fn select<'s>(
        &mut self,
        select: &SelectStmt,
        outer: Option<&'s Scope<'s>>,
        depth: usize,
    ) -> Result<Scope<'s>, SqlError>
    where
        'a: 's,
    {
        if depth > MAX_DEPTH {
            return Err(SqlError::Refused(format!(
                "it is nested more than {MAX_DEPTH} levels deep"
            )));
        }
        let mut scope = Scope { relations: Vec::new(), outer };
        for cte in select.with_clause.iter().flat_map(|with| &with.ctes) {
            if let Some(NodeEnum::CommonTableExpr(cte)) = &cte.node
                && let Some(NodeEnum::SelectStmt(query)) = inner(&cte.ctequery)
            {
                self.select(query, outer, depth + 1)?;
            }
        }
        for side in [&select.larg, &select.rarg].into_iter().flatten() {
            self.select(side, outer, depth + 1)?;
        }
        let mut conditions = Vec::new();
        for from in select.from_clause.iter().filter_map(|node| node.node.as_ref()) {
            self.from(from, &mut scope, &mut conditions, depth + 1)?;
        }
        conditions.extend(inner(&select.where_clause));
        for condition in conditions {
            self.condition(condition, &scope, true, depth + 1)?;
        }
        if let Some(having) = inner(&select.having_clause) {
            self.condition(having, &scope, false, depth + 1)?;
        }
        for target in &select.target_list {
            if let Some(NodeEnum::ResTarget(target)) = &target.node {
                self.expressions(inner(&target.val).into_iter(), &scope, depth + 1)?;
            }
        }
        for key in &select.group_clause {
            if let Some(NodeEnum::ColumnRef(column)) = &key.node {
                self.shape.group.extend(scope.resolve(column));
            }
        }
        let rest = [&select.group_clause, &select.sort_clause, &select.distinct_clause];
        let rest = rest.into_iter().flatten().filter_map(|node| node.node.as_ref());
        self.expressions(rest, &scope, depth + 1)?;
        self.extremes(select, &scope);
        self.limits(select);
        Ok(scope)
    }

    /// `SELECT max(x)` alone is the last entry of an index on x.
    fn extremes(&mut self, select: &SelectStmt, scope: &Scope<'_>) {
        let [Node { node: Some(NodeEnum::ResTarget(target)) }] = select.target_list.as_slice()
        else {
            return;
        };
        let Some(NodeEnum::FuncCall(call)) = inner(&target.val) else { return };
        let name = match call.funcname.last().map(|name| &name.node) {
            Some(Some(NodeEnum::String(name))) => name.sval.as_str(),
            _ => return,
        };
        if let ("min" | "max", [Node { node: Some(NodeEnum::ColumnRef(column)) }]) =
            (name, call.args.as_slice())
        {
            self.shape.extremes.extend(scope.resolve(column));
        }
    }

    fn limits(&mut self, select: &SelectStmt) {
        for (node, role) in [
            (&select.limit_count, ParameterRole::Limit),
            (&select.limit_offset, ParameterRole::Offset),
        ] {
            if let Some(node) = inner(node) {
                self.shape.has_limit |= role == ParameterRole::Limit;
                self.parameter(node, role, None);
            }
        }
    }

    fn from<'n, 's>(
        &mut self,
        node: &'n NodeEnum,
        scope: &mut Scope<'s>,
        conditions: &mut Vec<&'n NodeEnum>,
        depth: usize,
    ) -> Result<(), SqlError>
    where
        'a: 's,
    {
        match node {
            NodeEnum::RangeVar(relation) => {
                let alias = relation.alias.as_ref().map_or(&relation.relname, |a| &a.aliasname);
                let location = usize::try_from(relation.location).ok();
                let catalog = self.catalog;
                let table = location
                    .filter(|location| self.tables_at.contains(location))
                    .and_then(|_| catalog.resolve(&relation.schemaname, &relation.relname));
                if let Some(table) = table
                    && !self.shape.tables.contains(&table.name)
                {
                    self.shape.tables.push(table.name.clone());
                }
                scope.relations.push((alias.clone(), table));
            }
            NodeEnum::JoinExpr(join) => {
                for side in [&join.larg, &join.rarg] {
                    if let Some(side) = inner(side) {
                        self.from(side, scope, conditions, depth + 1)?;
                    }
                }
                conditions.extend(inner(&join.quals));
                for column in &join.using_clause {
                    if let Some(NodeEnum::String(column)) = &column.node {
                        self.join_using(&column.sval, scope);
                    }
                }
            }
            NodeEnum::RangeTableSample(sample) => {
                if let Some(relation) = inner(&sample.relation) {
                    self.from(relation, scope, conditions, depth + 1)?;
                }
            }
            NodeEnum::RangeSubselect(subselect) => {
                if let Some(NodeEnum::SelectStmt(query)) = inner(&subselect.subquery) {
                    // A LATERAL one sees its neighbours; any other sees what lies outside.
                    let outer = if subselect.lateral { Some(&*scope) } else { scope.outer };
                    self.select(query, outer, depth + 1)?;
                }
                let alias = subselect.alias.as_ref().map(|a| a.aliasname.clone());
                scope.relations.push((alias.unwrap_or_default(), None));
            }
            NodeEnum::RangeFunction(function) => {
                let alias = function.alias.as_ref().map(|a| a.aliasname.clone());
                scope.relations.push((alias.unwrap_or_default(), None));
            }
            _ => scope.relations.push((String::new(), None)),
        }
        Ok(())
    }

    fn join_using(&mut self, column: &str, scope: &Scope<'_>) {
        let mut sides = scope.relations.iter().rev().filter_map(|(_, table)| {
            let table = (*table)?;
            table.column(column)?;
            Some(ColumnName { table: table.name.clone(), column: column.to_owned() })
        });
        if let (Some(right), Some(left)) = (sides.next(), sides.next()) {
            self.shape.joins.push(Join { left, right });
        }
    }

    /// A condition. `conjunct` says whether every row must pass it: only then can an index serve it.
    fn condition(
        &mut self,
        node: &NodeEnum,
        scope: &Scope<'_>,
        conjunct: bool,
        depth: usize,
    ) -> Result<(), SqlError> {
        if depth > MAX_DEPTH {
            return Err(SqlError::Refused(format!(
                "it is nested more than {MAX_DEPTH} levels deep"
            )));
        }
        match node {
            NodeEnum::BoolExpr(expr) => self.boolean(expr, scope, conjunct, depth),
            NodeEnum::AExpr(expr) => self.comparison(expr, scope, conjunct, depth),
            NodeEnum::NullTest(test) => {
                let (kind, operator) = if test.nulltesttype == NullTestType::IsNull as i32 {
                    (PredicateKind::Null, "IS NULL")
                } else {
                    (PredicateKind::NotNull, "IS NOT NULL")
                };
                if let (true, Some(NodeEnum::ColumnRef(column))) = (conjunct, inner(&test.arg)) {
                    self.predicate(scope.resolve(column), kind, operator, None, true);
                }
                self.expressions(inner(&test.arg).into_iter(), scope, depth + 1)
            }
            // A column of type boolean is a condition by itself.
            NodeEnum::ColumnRef(column) if conjunct => {
                let value = Some("t".to_owned());
                self.predicate(scope.resolve(column), PredicateKind::Equality, "=", value, true);
                self.expressions(std::iter::once(node), scope, depth + 1)
            }
            NodeEnum::SubLink(link) => self.sublink(link, scope, conjunct, depth),
            other => self.expressions(std::iter::once(other), scope, depth + 1),
        }
    }

    fn boolean(
        &mut self,
        expr: &BoolExpr,
        scope: &Scope<'_>,
        conjunct: bool,
        depth: usize,
    ) -> Result<(), SqlError> {
        let stays = conjunct && expr.boolop == BoolExprType::AndExpr as i32;
        if let (true, [Node { node: Some(NodeEnum::ColumnRef(column)) }]) =
            (conjunct && expr.boolop == BoolExprType::NotExpr as i32, expr.args.as_slice())
        {
            let value = Some("f".to_owned());
            self.predicate(scope.resolve(column), PredicateKind::Equality, "=", value, true);
        }
        for argument in expr.args.iter().filter_map(|node| node.node.as_ref()) {
            self.condition(argument, scope, stays, depth + 1)?;
        }
        Ok(())
    }

    fn comparison(
        &mut self,
        expr: &AExpr,
        scope: &Scope<'_>,
        conjunct: bool,
        depth: usize,
    ) -> Result<(), SqlError> {
        let (left, right) = (inner(&expr.lexpr), inner(&expr.rexpr));
        let column_of = |node: Option<&NodeEnum>| match node {
            Some(NodeEnum::ColumnRef(column)) => scope.resolve(column),
            _ => None,
        };
        let (left_column, right_column) = (column_of(left), column_of(right));
        let operator = operator_name(expr);
        let kind = predicate_kind(expr.kind, &operator).map(|kind| match (kind, right) {
            (PredicateKind::Pattern, Some(pattern)) if is_prefix(pattern) => PredicateKind::Prefix,
            (kind, _) => kind,
        });
        if let (Some(left), Some(right)) = (&left_column, &right_column) {
            // Under an OR as well: what all its arms say is a condition of the whole.
            if kind == Some(PredicateKind::Equality) && left.table != right.table {
                let join = Join { left: left.clone(), right: right.clone() };
                if !self.shape.joins.contains(&join) {
                    self.shape.joins.push(join);
                }
            }
            self.read(left.clone());
            self.read(right.clone());
            return Ok(());
        }
        let (column, other) =
            if left_column.is_some() { (left_column, right) } else { (right_column, left) };
        if let (Some(column), Some(kind)) = (&column, kind) {
            let role = match kind {
                PredicateKind::Pattern | PredicateKind::Prefix => ParameterRole::Pattern,
                PredicateKind::Containment => ParameterRole::Contained,
                _ => ParameterRole::Compared,
            };
            for value in other.into_iter().flat_map(list_items) {
                self.parameter(value, role, Some(column));
            }
            if other.is_some_and(is_free_of_columns) {
                let value = other.and_then(constant);
                self.predicate(Some(column.clone()), kind, &operator, value, conjunct);
            }
        }
        if let (None, true, Some(kind)) = (&column, conjunct, kind) {
            for (side, value) in [(left, right), (right, left)] {
                if let (Some(side), Some(value)) = (side, value)
                    && is_free_of_columns(value)
                {
                    self.expression_predicate(side, kind, scope);
                }
            }
        }
        self.expressions(left.into_iter().chain(right), scope, depth + 1)
    }

    fn sublink(
        &mut self,
        link: &SubLink,
        scope: &Scope<'_>,
        conjunct: bool,
        depth: usize,
    ) -> Result<(), SqlError> {
        let Some(NodeEnum::SelectStmt(query)) = inner(&link.subselect) else { return Ok(()) };
        let inside = self.select(query, Some(scope), depth + 1)?;
        // x IN (SELECT y …) ties x and y as a join does.
        if let (true, Some(NodeEnum::ColumnRef(tested))) = (conjunct, inner(&link.testexpr)) {
            let target = query.target_list.first().and_then(|node| match &node.node {
                Some(NodeEnum::ResTarget(target)) => match inner(&target.val) {
                    Some(NodeEnum::ColumnRef(column)) => inside.resolve(column),
                    _ => None,
                },
                _ => None,
            });
            let is_any = link.sub_link_type == SubLinkType::AnySublink as i32;
            if let (true, Some(left), Some(right)) = (is_any, scope.resolve(tested), target)
                && left.table != right.table
            {
                self.shape.joins.push(Join { left, right });
            }
        }
        Ok(())
    }

    /// Looks for subqueries inside expressions.
    fn expressions<'n>(
        &mut self,
        nodes: impl Iterator<Item = &'n NodeEnum>,
        scope: &Scope<'_>,
        depth: usize,
    ) -> Result<(), SqlError> {
        if depth > MAX_DEPTH {
            return Err(SqlError::Refused(format!(
                "it is nested more than {MAX_DEPTH} levels deep"
            )));
        }
        for node in nodes {
            match node {
                NodeEnum::SubLink(link) => self.sublink(link, scope, false, depth + 1)?,
                NodeEnum::ColumnRef(column) => self.column(column, scope),
                _ => self.expressions(children(node).into_iter(), scope, depth + 1)?,
            }
        }
        Ok(())
    }
}
