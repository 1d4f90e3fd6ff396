//! Conditions and orders that a plan shows, read back. PostgreSQL has folded constants, put bodies in the place of calls,
//! and computed columns in their place: what is left is what it compares with the keys of indexes.

#[cfg(test)]
mod tests;
mod text;

use std::collections::{BTreeMap, BTreeSet};

use optischema::advisor::{Clause, ClauseTest, KeyTarget, OperatorTest};
use optischema::model::{Catalog, CatalogTable, TableName};
use optischema::plan::{Plan, PlanNode};
use pg_query::NodeEnum;
use pg_query::protobuf::{AExpr, AExprKind, BoolExpr, BoolExprType, ColumnRef};

use self::text::{cast_to, conjuncts, expression, type_of};
use super::shape::{KeyExpressions, columns_in, constant_text, inner, is_prefix, operator_name};

/// The conditions and orders of a verbose plan, each once. Of a partition they are those of the whole.
#[must_use]
pub fn clauses(plan: &Plan, catalog: &Catalog) -> Clauses {
    let mut reader = Reader {
        catalog,
        tables: BTreeMap::new(),
        found: Vec::new(),
        failing: Vec::new(),
        groups: 0,
    };
    for node in plan.root.walk() {
        if let (Some(read), Some(alias)) = (&node.table, &node.alias)
            && let Some(table) = catalog.resolve(read.schema.as_deref().unwrap_or(""), &read.name)
        {
            reader.tables.insert(alias, table);
        }
    }
    reader.node(&plan.root, false);
    Clauses { found: reader.found, failing: reader.failing }
}

/// What a plan shows.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Clauses {
    pub found: Vec<Clause>,
    /// Expressions that are compared and fail for some values, each with its table: as an index they would keep rows from
    /// being written.
    pub failing: Vec<(TableName, String)>,
}

struct Reader<'a> {
    catalog: &'a Catalog,
    /// By alias, of which a plan has each once.
    tables: BTreeMap<&'a str, &'a CatalogTable>,
    found: Vec<Clause>,
    failing: Vec<(TableName, String)>,
    groups: usize,
}

/// Where a condition stands.
#[derive(Debug, Clone, Copy, Default)]
struct Standing {
    is_served: bool,
    arm_of: Option<usize>,
}

impl<'a> Reader<'a> {
    fn node(&mut self, node: &PlanNode, is_limited: bool) {
        for (name, text) in node.conditions() {
            let is_served = match name {
                // Shown again above the scan of the index.
                "Recheck Cond" | "One-Time Filter" => continue,
                name => name == "Index Cond",
            };
            for part in conjuncts(text) {
                if let Some(condition) = expression(part) {
                    self.condition(&condition, Standing { is_served, ..Standing::default() });
                }
            }
        }
        let is_limited = match node.node_type.as_str() {
            "Limit" => true,
            // Rows of the first order reach the limit through these as they are.
            "Sort" | "Incremental Sort" | "Gather Merge" | "Result" | "Subquery Scan" => is_limited,
            _ => false,
        };
        if let (true, Some(key)) = (is_limited, node.sort_key.first()) {
            let key = key.strip_suffix(" NULLS FIRST").unwrap_or(key);
            let key = key.strip_suffix(" DESC").unwrap_or(key);
            if let Some(NodeEnum::AExpr(key)) = expression(key) {
                self.comparison(&key, true, Standing::default());
            }
        }
        for child in &node.children {
            self.node(child, is_limited);
        }
    }

    fn condition(&mut self, condition: &NodeEnum, standing: Standing) {
        match condition {
            NodeEnum::AExpr(expr) => self.comparison(expr, false, standing),
            NodeEnum::BoolExpr(expr) => self.boolean(expr, standing),
            NodeEnum::FuncCall(call) => {
                let arguments: Vec<&NodeEnum> =
                    call.args.iter().filter_map(|argument| argument.node.as_ref()).collect();
                for argument in arguments {
                    if let Some((table, target @ KeyTarget::Column(_))) = self.target(argument) {
                        self.note(table, target, ClauseTest::Function, standing);
                    }
                }
            }
            _ => {}
        }
    }

    fn boolean(&mut self, expr: &BoolExpr, standing: Standing) {
        let arms = expr.args.iter().filter_map(|arm| arm.node.as_ref());
        match BoolExprType::try_from(expr.boolop) {
            Ok(BoolExprType::AndExpr) => arms.for_each(|arm| self.condition(arm, standing)),
            // An OR inside an OR is part of it; PostgreSQL has made one of them.
            Ok(BoolExprType::OrExpr) if standing.arm_of.is_none() => {
                self.groups += 1;
                let standing = Standing { arm_of: Some(self.groups), ..standing };
                arms.for_each(|arm| self.condition(arm, standing));
            }
            _ => {}
        }
    }

    /// `a <operator> b`: a clause for each side that is of one table, where the other is not of it.
    fn comparison(&mut self, expr: &AExpr, orders: bool, standing: Standing) {
        let kind = AExprKind::try_from(expr.kind);
        let is_list = kind == Ok(AExprKind::AexprOpAny);
        if !is_list && kind != Ok(AExprKind::AexprOp) {
            return;
        }
        let (Some(left), Some(right)) = (inner(&expr.lexpr), inner(&expr.rexpr)) else { return };
        for (side, other, is_turned) in [(left, right, false), (right, left, true)] {
            if is_list && is_turned {
                continue;
            }
            let Some((table, target)) = self.target(side) else {
                let failing = self.failing(side).filter(|known| !self.failing.contains(known));
                self.failing.extend(failing);
                continue;
            };
            if self.tables_of(other).contains(&table.name) {
                continue;
            }
            let test = OperatorTest {
                name: operator_name(expr),
                schema: schema_of(expr),
                other_type: type_of(other)
                    .or_else(|| self.type_of_column(other))
                    .or_else(|| is_parameter(other).then(|| type_of(side)).flatten()),
                value: constant_text(other),
                begins: begins(&operator_name(expr), other),
                is_turned,
                orders,
                is_list,
            };
            self.note(table, target, ClauseTest::Operator(test), standing);
        }
    }

    fn note(
        &mut self,
        table: &CatalogTable,
        target: KeyTarget,
        test: ClauseTest,
        standing: Standing,
    ) {
        let whole = self.catalog.ancestors_of(&table.name).pop().unwrap_or(&table.name);
        let Standing { is_served, arm_of } = standing;
        let clause = Clause { table: whole.clone(), target, test, arm_of, is_served };
        if !self.found.contains(&clause) {
            self.found.push(clause);
        }
    }

    /// What an index of one table could have as a key.
    fn target<'n>(&self, node: &'n NodeEnum) -> Option<(&'a CatalogTable, KeyTarget)> {
        let columns: Vec<&'n ColumnRef> = columns_in(node);
        let first = columns.first().and_then(|column| self.column(column))?;
        let (table, name) = first;
        let is_of_it =
            |column: &&ColumnRef| self.column(column).is_some_and(|(of, _)| of.name == table.name);
        if !columns.iter().all(is_of_it) || aliases(&columns).len() > 1 {
            return None;
        }
        let is_column = match node {
            NodeEnum::ColumnRef(_) => true,
            // Read as another type without a change of its bytes, it is searched as it is.
            NodeEnum::TypeCast(cast) => {
                matches!(inner(&cast.arg), Some(NodeEnum::ColumnRef(_)))
                    && table
                        .column(&name)
                        .zip(cast_to(cast))
                        .is_some_and(|(column, to)| column.input_types.contains(&to))
            }
            _ => false,
        };
        if is_column {
            let column = table.column(&name)?;
            return (!column.is_virtual).then_some((table, KeyTarget::Column(name)));
        }
        let column_of = |column: &ColumnRef| {
            let (table, name) = self.column(column)?;
            table.column(&name)
        };
        let keys = KeyExpressions { catalog: self.catalog, column_of: &column_of };
        Some((table, KeyTarget::Expression(keys.text(node)?)))
    }

    /// An expression over one table that fails for some values.
    fn failing(&self, node: &NodeEnum) -> Option<(TableName, String)> {
        let columns = columns_in(node);
        let (table, _) = self.column(columns.first()?)?;
        let column_of = |column: &ColumnRef| {
            let (table, name) = self.column(column)?;
            table.column(&name)
        };
        let keys = KeyExpressions { catalog: self.catalog, column_of: &column_of };
        Some((table.name.clone(), keys.failing(node)?))
    }

    fn column(&self, column: &ColumnRef) -> Option<(&'a CatalogTable, String)> {
        let parts: Vec<&str> = column.fields.iter().filter_map(named).collect();
        let [alias, name] = parts.as_slice() else { return None };
        let table = *self.tables.get(alias)?;
        Some((table, (*name).to_owned()))
    }

    fn tables_of(&self, node: &NodeEnum) -> BTreeSet<TableName> {
        let columns = columns_in(node).into_iter();
        columns.filter_map(|column| Some(self.column(column)?.0.name.clone())).collect()
    }

    fn type_of_column(&self, node: &NodeEnum) -> Option<String> {
        let NodeEnum::ColumnRef(column) = node else { return None };
        let (table, name) = self.column(column)?;
        Some(table.column(&name)?.data_type.clone())
    }
}

/// A value that a subquery gives, whose type no plan shows: mostly that of what it is compared with.
fn is_parameter(node: &NodeEnum) -> bool {
    matches!(node, NodeEnum::ParamRef(_))
}

fn named(field: &pg_query::Node) -> Option<&str> {
    match field.node.as_ref()? {
        NodeEnum::String(name) => Some(&name.sval),
        _ => None,
    }
}

/// Constants that are written out in an expression or a statement, as texts.
#[must_use]
pub fn constants_in(text: &str) -> Option<BTreeSet<String>> {
    let statement = super::parse_one(text).ok()?;
    let mut found = BTreeSet::new();
    super::tree::walk(statement.json().ok()?, &mut |kind, object| {
        if kind != "AConst" {
            return;
        }
        let value = object.get("val").and_then(serde_json::Value::as_object);
        let inside = value.and_then(|value| value.values().next()?.as_object()?.values().next());
        found.extend(inside.map(|value| match value {
            serde_json::Value::String(text) => text.clone(),
            other => other.to_string(),
        }));
    });
    Some(found)
}

/// One table may stand under several names, and an index has rows of one.
fn aliases<'n>(columns: &[&'n ColumnRef]) -> BTreeSet<&'n str> {
    columns.iter().filter_map(|column| named(column.fields.first()?)).collect()
}

/// Whether a search for this pattern is one for what begins with a text.
fn begins(operator: &str, value: &NodeEnum) -> bool {
    match operator {
        "~~" => is_prefix(value, false),
        "~~*" => is_prefix(value, true),
        "^@" => true,
        "~" => constant_text(value).is_some_and(|pattern| {
            let mut signs = pattern.chars();
            signs.next() == Some('^') && signs.next().is_some_and(char::is_alphanumeric)
        }),
        _ => false,
    }
}

/// The schema of `OPERATOR(schema.…)`.
fn schema_of(expr: &AExpr) -> Option<String> {
    let [schema, _] = expr.name.as_slice() else { return None };
    named(schema).map(str::to_owned)
}
