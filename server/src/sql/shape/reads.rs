//! What the walk notes: columns, comparisons, parameters and sort keys.

use optischema::model::{
    ColumnName, ExpressionPredicate, ParameterRole, ParameterUse, Predicate, PredicateKind, SortKey,
};
use pg_query::protobuf::{ColumnRef, SelectStmt, SortByDir, SortByNulls};
use pg_query::{Node, NodeEnum};

use super::Walker;
use super::expression::{columns_in, has_parameter, inner, unqualified};
use super::scope::Scope;

impl Walker<'_> {
    /// Notes that a column is read; `*` reads whole rows.
    pub(super) fn column(&mut self, column: &ColumnRef, scope: &Scope<'_>) {
        if let Some(column) = scope.resolve(column) {
            self.read(column);
        } else if column.fields.iter().any(|f| matches!(f.node, Some(NodeEnum::AStar(_)))) {
            let qualifier = match column.fields.first().map(|field| &field.node) {
                Some(Some(NodeEnum::String(name))) => Some(name.sval.as_str()),
                _ => None,
            };
            for (alias, table) in &scope.relations {
                if let (Some(table), true) = (table, qualifier.is_none_or(|q| q == alias))
                    && !self.shape.whole_rows.contains(&table.name)
                {
                    self.shape.whole_rows.push(table.name.clone());
                }
            }
        } else if let [Node { node: Some(NodeEnum::String(name)) }] = column.fields.as_slice() {
            // `SELECT t FROM t`: the row as a value.
            let row = scope.relations.iter().find(|(alias, _)| *alias == name.sval);
            if let Some((_, Some(table))) = row
                && !self.shape.whole_rows.contains(&table.name)
            {
                self.shape.whole_rows.push(table.name.clone());
            }
        }
    }

    pub(super) fn read(&mut self, column: ColumnName) {
        if !self.shape.columns.contains(&column) {
            self.shape.columns.push(column);
        }
    }

    /// A comparison of an expression over columns of one table.
    pub(super) fn expression_predicate(
        &mut self,
        side: &NodeEnum,
        kind: PredicateKind,
        scope: &Scope<'_>,
    ) {
        let columns = columns_in(side);
        let resolved: Option<Vec<ColumnName>> =
            columns.iter().map(|column| scope.resolve(column)).collect();
        let Some(resolved) = resolved else { return };
        let Some(table) = resolved.first().map(|column| column.table.clone()) else { return };
        if resolved.iter().any(|column| column.table != table) || has_parameter(side) {
            return;
        }
        let Some(expression) = unqualified(side) else { return };
        let predicate = ExpressionPredicate { table, expression, kind };
        if !self.shape.expressions.contains(&predicate) {
            self.shape.expressions.push(predicate);
        }
    }

    pub(super) fn predicate(
        &mut self,
        column: Option<ColumnName>,
        kind: PredicateKind,
        operator: &str,
        constant: Option<String>,
        conjunct: bool,
    ) {
        let Some(column) = column else { return };
        self.read(column.clone());
        let predicate = Predicate { column, kind, operator: operator.to_owned(), constant };
        let list = if conjunct { &mut self.shape.predicates } else { &mut self.shape.alternatives };
        if !list.contains(&predicate) {
            list.push(predicate);
        }
    }

    pub(super) fn parameter(
        &mut self,
        node: &NodeEnum,
        role: ParameterRole,
        column: Option<&ColumnName>,
    ) {
        match node {
            NodeEnum::ParamRef(parameter) => {
                self.parameters.entry(parameter.number).or_insert_with(|| ParameterUse {
                    number: parameter.number,
                    role,
                    column: column.cloned(),
                });
            }
            NodeEnum::TypeCast(cast) => {
                if let Some(node) = inner(&cast.arg) {
                    self.parameter(node, role, column);
                }
            }
            // `price BETWEEN $1 - $2 AND …`: parts of a value are of its kind, mostly.
            NodeEnum::AExpr(expr) if column.is_some() => {
                for side in [inner(&expr.lexpr), inner(&expr.rexpr)].into_iter().flatten() {
                    self.parameter(side, role, column);
                }
            }
            _ => {}
        }
    }

    pub(super) fn sort_keys(&mut self, select: &SelectStmt, scope: &Scope<'_>) {
        let mut keys = Vec::new();
        for node in &select.sort_clause {
            let Some(NodeEnum::SortBy(sort)) = &node.node else { return };
            let Some(NodeEnum::ColumnRef(column)) = inner(&sort.node) else { return };
            let Some(column) = scope.resolve(column) else { return };
            keys.push(SortKey {
                column,
                descending: sort.sortby_dir == SortByDir::SortbyDesc as i32,
                nulls_first: match sort.sortby_nulls {
                    nulls if nulls == SortByNulls::SortbyNullsFirst as i32 => Some(true),
                    nulls if nulls == SortByNulls::SortbyNullsLast as i32 => Some(false),
                    _ => None,
                },
            });
        }
        // Grouped rows are sorted after they are made: an index on the keys cannot serve that.
        if select.group_clause.is_empty() && select.distinct_clause.is_empty() {
            self.shape.sort = keys;
        }
    }
}
