//! What a statement reads, compares, joins and sorts: names are resolved against the catalog, through
//! aliases, subqueries and common table expressions.

mod comparison;
mod expression;
mod key_expression;
mod outputs;
mod reads;
mod scope;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use optischema::model::{
    Catalog, CatalogTable, ColumnName, Join, ParameterRole, ParameterUse, PredicateKind,
    StatementShape,
};
use pg_query::protobuf::{BoolExpr, BoolExprType, NullTestType, SelectStmt};
use pg_query::{Node, NodeEnum};

pub(super) use expression::{
    columns_in, constant as constant_text, inner, is_prefix, operator_name,
    unqualified as expression_text,
};
pub(super) use key_expression::KeyExpressions;

use super::{SqlError, Statement, parse_one, tree};
use expression::children;
use outputs::{names, names_of, of_function, outputs};
use reads::{named_output, sort_keys};
use scope::{Outputs, Scope, Source, common_columns};

/// Nesting beyond this is refused: the tree is walked recursively.
const MAX_DEPTH: usize = 200;

/// Reads the shape of a SELECT.
///
/// # Errors
/// It names a relation that the catalog does not have, or is nested too deeply.
pub fn analyze(statement: &Statement, catalog: &Catalog) -> Result<StatementShape, SqlError> {
    let json = statement.json()?;
    let relations = tree::relations(json);
    for relation in &relations {
        // PostgreSQL's own tables are nobody's to tune; beside others they are read all the same.
        let of_catalog = relation.schema == "pg_catalog"
            || (relation.schema.is_empty() && relation.name.starts_with("pg_"));
        if of_catalog && catalog.resolve(&relation.schema, &relation.name).is_none() {
            continue;
        }
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
        let (scope, _) = walker.select(select, None, 0)?;
        let keys = sort_keys(select, &scope);
        if !keys.is_empty() {
            walker.shape.sort = keys;
        }
    }
    for number in tree::parameter_numbers(json) {
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
    ) -> Result<(Scope<'s>, Outputs), SqlError>
    where
        'a: 's,
    {
        if depth > MAX_DEPTH {
            return Err(SqlError::Refused(format!(
                "it is nested more than {MAX_DEPTH} levels deep"
            )));
        }
        let mut scope = Scope { outer, ..Scope::default() };
        for cte in select.with_clause.iter().flat_map(|with| &with.ctes) {
            if let Some(NodeEnum::CommonTableExpr(cte)) = &cte.node
                && let Some(NodeEnum::SelectStmt(query)) = inner(&cte.ctequery)
            {
                let outputs = self.select(query, Some(&scope), depth + 1)?.1;
                let outputs = outputs.renamed(&names(&cte.aliascolnames));
                scope.queries.insert(cte.ctename.clone(), outputs);
            }
        }
        let mut arms: Option<Outputs> = None;
        for side in [&select.larg, &select.rarg].into_iter().flatten() {
            let outputs = self.select(side, Some(&scope), depth + 1)?.1;
            arms = Some(match arms {
                None => outputs,
                Some(first) => first.beside(&outputs),
            });
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
            if let Some(NodeEnum::ColumnRef(column)) = named_output(select, key, false) {
                self.shape.group.extend(scope.resolve(column));
            }
        }
        let rest = [&select.group_clause, &select.sort_clause, &select.distinct_clause];
        let rest = rest.into_iter().flatten().chain(&select.values_lists);
        self.expressions(rest.filter_map(|node| node.node.as_ref()), &scope, depth + 1)?;
        self.extremes(select, &scope);
        self.limits(select);
        // The first rows of a query inside: of a queue, or of each row outside.
        if depth > 0 && select.limit_count.is_some() && self.shape.sort.is_empty() {
            self.shape.sort = sort_keys(select, &scope);
        }
        let mut outputs = outputs(select, &scope);
        if let Some(arms) = arms {
            outputs = Outputs { is_open: arms.is_open && outputs.is_open, ..arms };
        }
        Ok((scope, outputs))
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
                let source = match table {
                    Some(table) => {
                        if !self.shape.tables.contains(&table.name) {
                            self.shape.tables.push(table.name.clone());
                        }
                        self.view(table, depth)?.map_or(Source::Table(table), Source::Query)
                    }
                    None => {
                        let query = scope.query(&relation.relname).filter(|_| location.is_some());
                        Source::Query(query.cloned().unwrap_or_default())
                    }
                };
                let source = match source {
                    Source::Query(outputs) => {
                        Source::Query(outputs.renamed(&names_of(relation.alias.as_ref())))
                    }
                    table => table,
                };
                scope.relations.push((alias.clone(), source));
            }
            NodeEnum::JoinExpr(join) => {
                let before = scope.relations.len();
                let mut sides = Vec::new();
                for side in [&join.larg, &join.rarg] {
                    if let Some(side) = inner(side) {
                        self.from(side, scope, conditions, depth + 1)?;
                    }
                    sides.push(scope.relations.len());
                }
                conditions.extend(inner(&join.quals));
                let middle = sides.first().copied().unwrap_or(before);
                let common = if join.is_natural {
                    common_columns(&scope.relations[before..middle], &scope.relations[middle..])
                } else {
                    names(&join.using_clause)
                };
                for column in common {
                    self.join_using(
                        &column,
                        &scope.relations[before..middle],
                        &scope.relations[middle..],
                    );
                }
            }
            NodeEnum::RangeTableSample(sample) => {
                if let Some(relation) = inner(&sample.relation) {
                    self.from(relation, scope, conditions, depth + 1)?;
                }
            }
            NodeEnum::RangeSubselect(subselect) => {
                let mut outputs = Outputs::default();
                if let Some(NodeEnum::SelectStmt(query)) = inner(&subselect.subquery) {
                    // A LATERAL one sees its neighbours; any other sees what lies outside, and the WITH queries here.
                    let queries = scope.queries.clone();
                    let around = Scope { queries, outer: scope.outer, ..Scope::default() };
                    let outer = if subselect.lateral { &*scope } else { &around };
                    outputs = self.select(query, Some(outer), depth + 1)?.1;
                }
                let alias = subselect.alias.as_ref();
                let outputs = outputs.renamed(&names_of(alias));
                let alias = alias.map(|a| a.aliasname.clone());
                scope.relations.push((alias.unwrap_or_default(), Source::Query(outputs)));
            }
            NodeEnum::RangeFunction(function) => {
                let alias = function.alias.as_ref().map(|a| a.aliasname.clone());
                let outputs = of_function(function);
                scope.relations.push((alias.unwrap_or_default(), Source::Query(outputs)));
            }
            _ => scope.relations.push((String::new(), Source::Query(Outputs::default()))),
        }
        Ok(())
    }

    /// What a view gives, where the query behind it is known.
    fn view(&mut self, view: &CatalogTable, depth: usize) -> Result<Option<Outputs>, SqlError> {
        let Some(text) = self.catalog.views.get(&view.name) else { return Ok(None) };
        // PostgreSQL wrote it: one that this parser cannot read is taken as it is.
        let Ok(statement) = parse_one(text) else { return Ok(None) };
        let json = statement.json()?;
        let is_known = |relation: &tree::Relation| {
            self.catalog.resolve(&relation.schema, &relation.name).is_some()
        };
        let inside = tree::relations(json).into_iter().filter(is_known);
        let inside = inside.filter_map(|relation| relation.location).collect();
        // Places are those of a text: the view has one of its own.
        let around = std::mem::replace(&mut self.tables_at, inside);
        let root = statement.tree.stmts.first().and_then(|raw| raw.stmt.as_ref()?.node.as_ref());
        let outputs = match root {
            Some(NodeEnum::SelectStmt(select)) => {
                self.select(select, None, depth + 1).map(|s| Some(s.1))
            }
            _ => Ok(None),
        };
        self.tables_at = around;
        outputs
    }

    fn join_using(
        &mut self,
        column: &str,
        left: &[(String, Source<'_>)],
        right: &[(String, Source<'_>)],
    ) {
        let side = |relations: &[(String, Source<'_>)]| {
            relations.iter().find_map(|(_, source)| source.column(column))
        };
        if let (Some(left), Some(right)) = (side(left), side(right)) {
            self.join(left, right);
        }
    }

    fn join(&mut self, left: ColumnName, right: ColumnName) {
        let join = Join { left, right };
        if join.left.table != join.right.table && !self.shape.joins.contains(&join) {
            self.shape.joins.push(join);
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
                    self.predicate(scope.searched(column), kind, operator, None, true);
                }
                self.expressions(inner(&test.arg).into_iter(), scope, depth + 1)
            }
            // A column of type boolean is a condition by itself.
            NodeEnum::ColumnRef(column) if conjunct => {
                let value = Some("t".to_owned());
                self.predicate(scope.searched(column), PredicateKind::Equality, "=", value, true);
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
            self.predicate(scope.searched(column), PredicateKind::Equality, "=", value, true);
        }
        for argument in expr.args.iter().filter_map(|node| node.node.as_ref()) {
            self.condition(argument, scope, stays, depth + 1)?;
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
