//! Comparisons: what a column is searched for with, and what each parameter meets.

use optischema::model::{ColumnName, ParameterRole, ParameterUse, PredicateKind};
use pg_query::NodeEnum;
use pg_query::protobuf::{AExpr, AExprKind, RowExpr, SubLink, SubLinkType};

use super::Walker;
use super::expression::{
    constant, inner, is_free_of_columns, is_prefix, list_items, operator_name, predicate_kind,
};
use super::scope::{Output, Scope};
use crate::sql::SqlError;

/// One side of a comparison.
#[derive(Default)]
struct Side {
    columns: Vec<ColumnName>,
    /// Whether a condition on them can be searched for.
    is_open: bool,
    /// It is an element of this list.
    list: Option<i32>,
}

impl Side {
    fn of(node: Option<&NodeEnum>, scope: &Scope<'_>) -> Self {
        let Some(NodeEnum::ColumnRef(column)) = node else { return Self::default() };
        match scope.output(column) {
            Some((Output::Columns(columns), is_open)) => Self { columns, is_open, list: None },
            Some((Output::List(list), _)) => Self { list: Some(list), ..Self::default() },
            _ => Self::default(),
        }
    }

    /// The columns that an index could be searched by.
    fn searched(&self) -> Vec<ColumnName> {
        if self.is_open { self.columns.clone() } else { Vec::new() }
    }
}

impl Walker<'_> {
    pub(super) fn comparison(
        &mut self,
        expr: &AExpr,
        scope: &Scope<'_>,
        conjunct: bool,
        depth: usize,
    ) -> Result<(), SqlError> {
        let (left, right) = (inner(&expr.lexpr), inner(&expr.rexpr));
        let operator = operator_name(expr);
        if let (Some(NodeEnum::RowExpr(row)), Some(values)) = (left, right) {
            self.rows(row, values, (expr.kind, &operator), scope, conjunct);
            return self.expressions(left.into_iter().chain(right), scope, depth + 1);
        }
        let (left_side, right_side) = (Side::of(left, scope), Side::of(right, scope));
        let kind = predicate_kind(expr.kind, &operator).map(|kind| match (kind, right) {
            (PredicateKind::Pattern, Some(pattern))
                if is_prefix(pattern, operator.ends_with('*')) =>
            {
                PredicateKind::Prefix
            }
            (kind, _) => kind,
        });
        if let (Some(left), Some(right)) = (left_side.columns.first(), right_side.columns.first()) {
            // Under an OR as well: what all its arms say is a condition of the whole.
            if kind == Some(PredicateKind::Equality) {
                self.join(left.clone(), right.clone());
            }
            self.read(left.clone());
            self.read(right.clone());
            return Ok(());
        }
        for (side, other) in [(&left_side, &right_side), (&right_side, &left_side)] {
            if let (Some(list), Some(column), Some(PredicateKind::Equality)) =
                (other.list, side.columns.first(), kind)
            {
                self.list(list, column);
                self.predicate(side.searched(), PredicateKind::List, "=", None, conjunct);
            }
        }
        let is_of_list = is_any(expr.kind);
        // `value = ANY (column)`: no index is searched by it.
        let is_turned = is_of_list && left_side.columns.is_empty();
        let (side, other) =
            if left_side.columns.is_empty() { (&right_side, left) } else { (&left_side, right) };
        let role = match kind {
            _ if is_turned => ParameterRole::Contained,
            Some(PredicateKind::Pattern | PredicateKind::Prefix) => ParameterRole::Pattern,
            Some(PredicateKind::Containment) => ParameterRole::Contained,
            _ if is_of_list && other.is_some_and(is_whole_list) => ParameterRole::Listed,
            _ => ParameterRole::Compared,
        };
        let is_compared = kind.is_some() || is_of_list || matches!(operator.as_str(), "<>" | "!=");
        if let (Some(column), true) = (side.columns.first(), is_compared) {
            for value in other.into_iter().flat_map(list_items) {
                self.parameter(value, role, Some(column));
            }
        }
        if let (false, Some(kind), true) = (is_turned, kind, other.is_some_and(is_free_of_columns))
            && !side.columns.is_empty()
        {
            let value = other.and_then(constant);
            self.predicate(side.searched(), kind, &operator, value, conjunct);
        }
        if let (true, true, Some(kind)) = (side.columns.is_empty(), conjunct, kind) {
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

    /// `(a, b) = ($1, $2)`, `(a, b) > ($1, $2)`, `(a, b) IN (($1, $2), …)`.
    fn rows(
        &mut self,
        row: &RowExpr,
        values: &NodeEnum,
        (kind, operator): (i32, &str),
        scope: &Scope<'_>,
        conjunct: bool,
    ) {
        let kind = predicate_kind(kind, operator);
        for (at, tested) in row.args.iter().enumerate() {
            let side = Side::of(tested.node.as_ref(), scope);
            let Some(column) = side.columns.first() else { continue };
            let mut is_free = true;
            for given in list_items(values) {
                let NodeEnum::RowExpr(given) = given else { continue };
                let Some(value) = given.args.get(at).and_then(|value| value.node.as_ref()) else {
                    continue;
                };
                is_free &= is_free_of_columns(value);
                self.parameter(value, ParameterRole::Compared, Some(column));
                if let Some(other) = Side::of(Some(value), scope).columns.first()
                    && kind == Some(PredicateKind::Equality)
                {
                    self.join(column.clone(), other.clone());
                }
            }
            let is_searched = match kind {
                Some(PredicateKind::Equality | PredicateKind::List) => true,
                // Of rows in their order the first column is searched by.
                Some(PredicateKind::Range) => at == 0,
                _ => false,
            };
            if let (true, true, Some(kind)) = (is_free, is_searched, kind) {
                self.predicate(side.searched(), kind, operator, None, conjunct);
            }
        }
    }

    /// A list whose elements meet a column.
    fn list(&mut self, number: i32, column: &ColumnName) {
        let column = Some(column.clone());
        let role = ParameterRole::Listed;
        self.parameters.entry(number).or_insert(ParameterUse { number, role, column });
    }

    pub(super) fn sublink(
        &mut self,
        link: &SubLink,
        scope: &Scope<'_>,
        conjunct: bool,
        depth: usize,
    ) -> Result<(), SqlError> {
        let Some(NodeEnum::SelectStmt(query)) = inner(&link.subselect) else { return Ok(()) };
        let outputs = self.select(query, Some(scope), depth + 1)?.1;
        let is_any = link.sub_link_type == SubLinkType::AnySublink as i32;
        // x IN (SELECT y …) ties x and y as a join does.
        let tested: Vec<&NodeEnum> = match inner(&link.testexpr) {
            Some(NodeEnum::RowExpr(row)) => {
                row.args.iter().filter_map(|item| item.node.as_ref()).collect()
            }
            other => other.into_iter().collect(),
        };
        for (tested, output) in tested.iter().zip(&outputs.in_order) {
            let side = Side::of(Some(tested), scope);
            let Some(column) = side.columns.first().filter(|_| is_any) else { continue };
            match output {
                Output::Columns(columns) if conjunct => {
                    if let Some(right) = columns.first() {
                        self.join(column.clone(), right.clone());
                    }
                }
                Output::List(list) => {
                    self.list(*list, column);
                    self.predicate(side.searched(), PredicateKind::List, "=", None, conjunct);
                }
                Output::Columns(_) | Output::Other => {}
            }
        }
        self.expressions(tested.into_iter(), scope, depth + 1)
    }
}

fn is_any(kind: i32) -> bool {
    kind == AExprKind::AexprOpAny as i32 || kind == AExprKind::AexprOpAll as i32
}

/// A parameter that is a whole list, behind any casts.
fn is_whole_list(node: &NodeEnum) -> bool {
    match node {
        NodeEnum::ParamRef(_) => true,
        NodeEnum::TypeCast(cast) => inner(&cast.arg).is_some_and(is_whole_list),
        _ => false,
    }
}
