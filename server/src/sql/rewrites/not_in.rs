//! `x NOT IN (SELECT y …)`: PostgreSQL cannot turn it into an anti-join, since a NULL among the y makes it false
//! for every row. Where neither can be NULL, `NOT EXISTS` means the same and can.

use optischema::model::{Catalog, Rule};
use pg_query::NodeEnum;
use pg_query::protobuf::{BoolExpr, BoolExprType, ResTarget, SelectStmt, SubLink, SubLinkType};

use super::pieces::{
    all_of, boxed, column, column_ref, compare, conjuncts, expression, inner, is_bare, is_plain,
    plain, relations, targets,
};
use super::{Rewrite, Sameness, written};

pub(super) fn rewrite(select: &SelectStmt, catalog: &Catalog) -> Option<Rewrite> {
    if !is_plain(select) {
        return None;
    }
    let outer = relations(select, catalog)?;
    let mut conditions = conjuncts(select);
    let (at, replaced) = conditions
        .iter()
        .enumerate()
        .find_map(|(at, condition)| Some((at, not_exists(condition, &outer, catalog)?)))?;
    conditions[at] = replaced;
    let sql = written(SelectStmt { where_clause: all_of(conditions), ..select.clone() })?;
    Some(Rewrite {
        rule: Rule::NotIn,
        sql,
        why: "NOT IN with a subquery looks every row up in a list, which must fit into work_mem; NOT EXISTS can be \
              planned as an anti-join."
            .to_owned(),
        sameness: Sameness::Proven("Neither side can be NULL: both columns are NOT NULL."),
    })
}

fn not_exists(
    condition: &NodeEnum,
    outer: &[(String, &optischema::model::CatalogTable)],
    catalog: &Catalog,
) -> Option<NodeEnum> {
    let NodeEnum::BoolExpr(not) = condition else { return None };
    if not.boolop != BoolExprType::NotExpr as i32 {
        return None;
    }
    let [argument] = not.args.as_slice() else { return None };
    let Some(NodeEnum::SubLink(link)) = &argument.node else { return None };
    // `= ANY` without an operator of its own is IN.
    if link.sub_link_type != SubLinkType::AnySublink as i32 || !link.oper_name.is_empty() {
        return None;
    }
    let (alias, tested) = column(inner(&link.testexpr)?, outer)?;
    let Some(NodeEnum::SelectStmt(query)) = inner(&link.subselect) else { return None };
    if !is_bare(query) {
        return None;
    }
    let within = relations(query, catalog)?;
    let found = targets(query)?;
    let [target] = found.as_slice() else { return None };
    let (own, found) = column(target, &within)?;
    // The name of the outer table must still mean it inside.
    if tested.nullable || found.nullable || within.iter().any(|(name, _)| *name == alias) {
        return None;
    }
    let mut conditions = conjuncts(query);
    conditions.push(compare(column_ref(&own, &found.name), "=", column_ref(&alias, &tested.name)));
    let one = ResTarget { val: boxed(expression("1")?), ..ResTarget::default() };
    let query = SelectStmt {
        target_list: vec![plain(NodeEnum::ResTarget(Box::new(one)))],
        where_clause: all_of(conditions),
        ..(**query).clone()
    };
    let exists = SubLink {
        sub_link_type: SubLinkType::ExistsSublink as i32,
        subselect: boxed(NodeEnum::SelectStmt(Box::new(query))),
        ..SubLink::default()
    };
    Some(NodeEnum::BoolExpr(Box::new(BoolExpr {
        boolop: BoolExprType::NotExpr as i32,
        args: vec![plain(NodeEnum::SubLink(Box::new(exists)))],
        ..BoolExpr::default()
    })))
}

#[cfg(test)]
mod tests {
    use super::super::testing::by;
    use optischema::model::Rule;

    #[test]
    fn where_nothing_can_be_null_it_becomes_not_exists() {
        assert_eq!(
            by(
                Rule::NotIn,
                "SELECT count(*) FROM customers WHERE id NOT IN (SELECT customer_id FROM orders WHERE created_at > $1)"
            )
            .unwrap(),
            "SELECT count(*) FROM customers WHERE NOT EXISTS (SELECT 1 FROM orders WHERE created_at > $1 AND \
             orders.customer_id = customers.id)"
        );
    }

    #[test]
    fn where_a_null_would_matter_it_stays() {
        for sql in [
            "SELECT 1 FROM customers WHERE id NOT IN (SELECT seller_id FROM orders)",
            "SELECT 1 FROM orders WHERE seller_id NOT IN (SELECT id FROM customers)",
            "SELECT 1 FROM customers WHERE id IN (SELECT customer_id FROM orders)",
            "SELECT 1 FROM customers WHERE id NOT IN (SELECT customer_id FROM orders LIMIT 3)",
            "SELECT 1 FROM orders WHERE id NOT IN (SELECT id FROM orders)",
            "SELECT 1 FROM customers WHERE id NOT IN (1, 2)",
            "SELECT 1 FROM customers WHERE id NOT IN (SELECT o.customer_id FROM customers c LEFT JOIN orders o ON true)",
        ] {
            assert_eq!(by(Rule::NotIn, sql), None, "{sql}");
        }
    }
}
