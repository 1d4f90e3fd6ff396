//! `a = $1 OR b = $2` over different columns: where the planner does not combine two indexes, it reads the whole
//! table. Two statements tied by UNION use one index each.

use optischema::model::{Catalog, Rule};
use pg_query::NodeEnum;
use pg_query::protobuf::{BoolExprType, LimitOption, SelectStmt, SetOperation};

use super::pieces::{
    all_of, column, conjuncts, holds_a_key, inner, is_bare, is_value, only_table, operator,
};
use super::{Rewrite, Sameness, written};

/// More arms than this are more statements than one.
const MOST_ARMS: usize = 4;

pub(super) fn rewrite(select: &SelectStmt, catalog: &Catalog) -> Option<Rewrite> {
    if !is_bare(select) {
        return None;
    }
    let (alias, table) = only_table(select, catalog)?;
    // UNION compares whole rows: a key keeps different rows apart, and every type must be comparable.
    if !holds_a_key(select, &alias, table) || table.columns.iter().any(|column| !column.ordered) {
        return None;
    }
    let mut rest = conjuncts(select);
    let is_or = |condition: &NodeEnum| matches!(condition, NodeEnum::BoolExpr(expr) if expr.boolop == BoolExprType::OrExpr as i32);
    let at = rest.iter().position(is_or)?;
    let NodeEnum::BoolExpr(or) = rest.remove(at) else { return None };
    if rest.iter().any(is_or) || or.args.len() > MOST_ARMS {
        return None;
    }
    let relations = [(alias, table)];
    let mut columns = Vec::new();
    let mut arms = Vec::new();
    for arm in or.args.iter().filter_map(|arm| arm.node.as_ref()) {
        let NodeEnum::AExpr(expr) = arm else { return None };
        operator(expr).filter(|operator| matches!(*operator, "=" | "<" | "<=" | ">" | ">="))?;
        let (_, found) = column(inner(&expr.lexpr)?, &relations)?;
        if !is_value(inner(&expr.rexpr)?) || columns.contains(&found.name) {
            return None;
        }
        columns.push(found.name.clone());
        let mut conditions = rest.clone();
        conditions.push(arm.clone());
        arms.push(SelectStmt { where_clause: all_of(conditions), ..select.clone() });
    }
    let mut arms = arms.into_iter();
    let first = arms.next()?;
    let union = arms.fold(first, |left, right| SelectStmt {
        op: SetOperation::SetopUnion as i32,
        larg: Some(Box::new(left)),
        rarg: Some(Box::new(right)),
        limit_option: LimitOption::Default as i32,
        ..SelectStmt::default()
    });
    Some(Rewrite {
        rule: Rule::OrToUnion,
        sql: written(union)?,
        why: format!("An OR over {} cannot be searched with one index.", columns.join(" and ")),
        sameness: Sameness::Proven(
            "The rows hold a key of the table, so UNION removes nothing but a row that meets both.",
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::super::testing::by;
    use optischema::model::Rule;

    #[test]
    fn two_columns_become_two_statements() {
        assert_eq!(
            by(Rule::OrToUnion, "SELECT id, email FROM customers WHERE email = $1 OR phone = $2")
                .unwrap(),
            "SELECT id, email FROM customers WHERE email = $1 UNION SELECT id, email FROM customers WHERE phone = $2"
        );
    }

    #[test]
    fn what_else_is_asked_goes_with_both() {
        let sql = by(
            Rule::OrToUnion,
            "SELECT id FROM orders WHERE note = $3 AND (customer_id = $1 OR seller_id = $2)",
        );
        assert_eq!(sql.unwrap().matches("note = $3").count(), 2);
    }

    #[test]
    fn where_rows_could_be_merged_or_counted_it_stays() {
        for sql in [
            "SELECT email FROM customers WHERE email = $1 OR phone = $2",
            "SELECT id FROM customers WHERE email = $1 OR phone = $2 ORDER BY id",
            "SELECT count(*) FROM customers WHERE email = $1 OR phone = $2",
            "SELECT id FROM customers WHERE email = $1 OR email = $2",
            "SELECT a, doc FROM loose WHERE a = $1 OR a = $2",
            "SELECT c.id FROM customers c, orders o WHERE c.email = $1 OR c.phone = $2",
        ] {
            assert_eq!(by(Rule::OrToUnion, sql), None, "{sql}");
        }
    }
}
