//! What the walk notes: columns, comparisons, parameters and sort keys.

use optischema::model::{
    ColumnName, ExpressionPredicate, ParameterRole, ParameterUse, Predicate, PredicateKind, SortKey,
};
use pg_query::protobuf::a_const::Val;
use pg_query::protobuf::{ColumnRef, SelectStmt, SortByDir, SortByNulls};
use pg_query::{Node, NodeEnum};

use super::Walker;
use super::expression::{children, columns_in, has_parameter, inner};
use super::key_expression::KeyExpressions;
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
            for (alias, table) in scope.tables() {
                if qualifier.is_none_or(|q| q == alias)
                    && !self.shape.whole_rows.contains(&table.name)
                {
                    self.shape.whole_rows.push(table.name.clone());
                }
            }
        } else if let [Node { node: Some(NodeEnum::String(name)) }] = column.fields.as_slice() {
            // `SELECT t FROM t`: the row as a value.
            if let Some((_, table)) = scope.tables().find(|(alias, _)| *alias == name.sval)
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
        let column_of = |column: &ColumnRef| {
            let name = scope.resolve(column)?;
            self.catalog.tables.get(&name.table)?.column(&name.column)
        };
        let keys = KeyExpressions { catalog: self.catalog, column_of: &column_of };
        let Some(expression) = keys.text(side) else { return };
        let predicate = ExpressionPredicate { table, expression, kind };
        if !self.shape.expressions.contains(&predicate) {
            self.shape.expressions.push(predicate);
        }
    }

    pub(super) fn predicate(
        &mut self,
        columns: Vec<ColumnName>,
        kind: PredicateKind,
        operator: &str,
        constant: Option<String>,
        conjunct: bool,
    ) {
        for column in columns {
            self.read(column.clone());
            let (operator, constant) = (operator.to_owned(), constant.clone());
            let predicate = Predicate { column, kind, operator, constant };
            let list =
                if conjunct { &mut self.shape.predicates } else { &mut self.shape.alternatives };
            if !list.contains(&predicate) {
                list.push(predicate);
            }
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
            // `price BETWEEN $1 - $2 AND …`: parts of a value are of its kind, mostly. What stands for one another is.
            NodeEnum::AExpr(_)
            | NodeEnum::CoalesceExpr(_)
            | NodeEnum::MinMaxExpr(_)
            | NodeEnum::AArrayExpr(_)
                if column.is_some() =>
            {
                for part in children(node) {
                    self.parameter(part, role, column);
                }
            }
            // `(ARRAY[$1, $2])[$3] = status`: one of the elements is compared; the place of it is not.
            NodeEnum::AIndirection(chosen) if column.is_some() => {
                if let Some(array) = inner(&chosen.arg) {
                    self.parameter(array, role, column);
                }
            }
            NodeEnum::CaseExpr(case) if column.is_some() => {
                let results = case.args.iter().filter_map(|arm| match &arm.node {
                    Some(NodeEnum::CaseWhen(when)) => inner(&when.result),
                    _ => None,
                });
                for result in results.chain(inner(&case.defresult)) {
                    self.parameter(result, role, column);
                }
            }
            _ => {}
        }
    }
}

/// What a key of ORDER BY or GROUP BY names: an output by its place, or by its name. In ORDER BY an output's name comes
/// before a column's, in GROUP BY after it.
pub(super) fn named_output<'n>(
    select: &'n SelectStmt,
    key: &'n Node,
    outputs_first: bool,
) -> Option<&'n NodeEnum> {
    let key = key.node.as_ref()?;
    let outputs = || {
        select.target_list.iter().filter_map(|target| match &target.node {
            Some(NodeEnum::ResTarget(target)) => Some(target),
            _ => None,
        })
    };
    match key {
        NodeEnum::AConst(constant) => {
            let Some(Val::Ival(place)) = &constant.val else { return Some(key) };
            let place = usize::try_from(place.ival).ok()?.checked_sub(1)?;
            inner(&outputs().nth(place)?.val)
        }
        NodeEnum::ColumnRef(column) if outputs_first => {
            let [Node { node: Some(NodeEnum::String(name)) }] = column.fields.as_slice() else {
                return Some(key);
            };
            let named = outputs().find(|target| target.name == name.sval);
            named.map_or(Some(key), |target| inner(&target.val))
        }
        _ => Some(key),
    }
}

/// The keys of ORDER BY where all of them are columns that an index could give in that order; else none.
pub(super) fn sort_keys(select: &SelectStmt, scope: &Scope<'_>) -> Vec<SortKey> {
    // Grouped rows are sorted after they are made: an index on the keys cannot serve that.
    if !select.group_clause.is_empty() || !select.distinct_clause.is_empty() {
        return Vec::new();
    }
    let key = |node: &Node| {
        let Some(NodeEnum::SortBy(sort)) = &node.node else { return None };
        let Some(NodeEnum::ColumnRef(column)) = named_output(select, sort.node.as_ref()?, true)
        else {
            return None;
        };
        let column = scope.searched(column).into_iter().next()?;
        Some(SortKey {
            column,
            descending: sort.sortby_dir == SortByDir::SortbyDesc as i32,
            nulls_first: match sort.sortby_nulls {
                nulls if nulls == SortByNulls::SortbyNullsFirst as i32 => Some(true),
                nulls if nulls == SortByNulls::SortbyNullsLast as i32 => Some(false),
                _ => None,
            },
        })
    };
    select.sort_clause.iter().map(key).collect::<Option<Vec<_>>>().unwrap_or_default()
}
