//! A subquery in the select list that is run for every row, as one grouped join.

use optischema::model::{Catalog, Rule};
use pg_query::NodeEnum;
use pg_query::protobuf::{SelectStmt, SubLinkType};

use super::pieces::{
    column, conjuncts, deparse, expression, inner, is_bare, is_grouped, is_plain, operator,
    relations, targets, text_of,
};
use super::{Rewrite, Sameness, written};

const AGGREGATES: &[&str] = &["count", "sum", "min", "max", "avg"];

pub(super) fn rewrite(select: &SelectStmt, catalog: &Catalog) -> Option<Rewrite> {
    if !is_plain(select) || is_grouped(select) || !select.distinct_clause.is_empty() {
        return None;
    }
    let outer = relations(select, catalog)?;
    let (at, query) =
        targets(select)?.into_iter().enumerate().find_map(|(at, target)| match target {
            NodeEnum::SubLink(link) if link.sub_link_type == SubLinkType::ExprSublink as i32 => {
                match inner(&link.subselect) {
                    Some(NodeEnum::SelectStmt(query)) => Some((at, query)),
                    _ => None,
                }
            }
            _ => None,
        })?;
    if !is_bare(query) {
        return None;
    }
    let within = relations(query, catalog)?;
    let [(own, _)] = within.as_slice() else { return None };
    if outer.iter().any(|(name, _)| name == own) {
        return None;
    }
    let found = targets(query)?;
    let [NodeEnum::FuncCall(call)] = found.as_slice() else { return None };
    let [name] = call.funcname.as_slice() else { return None };
    let Some(NodeEnum::String(name)) = &name.node else { return None };
    let arguments = call.args.iter().filter_map(|argument| argument.node.as_ref());
    let mut arguments_within = arguments.map(|argument| column(argument, &within).is_some());
    if !AGGREGATES.contains(&name.sval.as_str())
        || !arguments_within.all(|is| is)
        || call.over.is_some()
    {
        return None;
    }
    let (mut tie, mut rest) = (None, Vec::new());
    for condition in conjuncts(query) {
        match tied(&condition, &within, &outer) {
            Some(found) if tie.is_none() => tie = Some(found),
            Some(_) => return None,
            None if is_within(&condition, &within) => rest.push(text_of(&condition)?),
            None => return None,
        }
    }
    let (key, to) = tie?;
    let from = deparse_from(query)?;
    let filter =
        if rest.is_empty() { String::new() } else { format!(" WHERE {}", rest.join(" AND ")) };
    let aggregate = text_of(&NodeEnum::FuncCall(call.clone()))?;
    let joined = format!(
        "SELECT 1 FROM x LEFT JOIN (SELECT {key} AS joined_key, {aggregate} AS joined_value FROM {from}{filter} GROUP BY {key}) joined ON joined.joined_key = {to}"
    );
    let NodeEnum::JoinExpr(mut join) = from_item(&joined)? else { return None };
    // In place of `x`: what the statement reads, as a join of all its parts.
    let [only] = select.from_clause.as_slice() else { return None };
    join.larg = Some(Box::new(only.clone()));
    let value = if name.sval == "count" {
        "COALESCE(joined.joined_value, 0)"
    } else {
        "joined.joined_value"
    };
    let mut rewritten = select.clone();
    rewritten.from_clause = vec![super::pieces::plain(NodeEnum::JoinExpr(join))];
    let Some(NodeEnum::ResTarget(target)) = &mut rewritten.target_list[at].node else {
        return None;
    };
    target.val = super::pieces::boxed(expression(value)?);
    if target.name.is_empty() {
        target.name.clone_from(&name.sval);
    }
    Some(Rewrite {
        rule: Rule::CorrelatedSubquery,
        sql: written(rewritten)?,
        why: "The subquery is run once for every row of the result.".to_owned(),
        sameness: Sameness::Proven(
            "Grouped by the column that ties them, there is at most one row to join; where there is none, the aggregate is what it is over no rows.",
        ),
    })
}

/// `inner.column = outer.column`, either way round: both as SQL.
fn tied(
    condition: &NodeEnum,
    within: &[(String, &optischema::model::CatalogTable)],
    outer: &[(String, &optischema::model::CatalogTable)],
) -> Option<(String, String)> {
    let NodeEnum::AExpr(expr) = condition else { return None };
    if operator(expr)? != "=" {
        return None;
    }
    let (left, right) = (inner(&expr.lexpr)?, inner(&expr.rexpr)?);
    for (mine, theirs) in [(left, right), (right, left)] {
        if let (Some((own, key)), None, Some((alias, to))) =
            (column(mine, within), column(theirs, within), column(theirs, outer))
        {
            let quoted = |alias: &str, name: &str| {
                format!(
                    "{}.{}",
                    optischema::model::quote_identifier(alias),
                    optischema::model::quote_identifier(name)
                )
            };
            return Some((quoted(&own, &key.name), quoted(&alias, &to.name)));
        }
    }
    None
}

/// A comparison of the subquery's own columns with values.
fn is_within(condition: &NodeEnum, within: &[(String, &optischema::model::CatalogTable)]) -> bool {
    let NodeEnum::AExpr(expr) = condition else { return false };
    let side = |node: Option<&NodeEnum>| {
        node.is_some_and(|node| column(node, within).is_some() || super::pieces::is_value(node))
    };
    side(inner(&expr.lexpr)) && side(inner(&expr.rexpr))
}

fn deparse_from(query: &SelectStmt) -> Option<String> {
    let only = SelectStmt { where_clause: None, ..query.clone() };
    let sql = deparse(NodeEnum::SelectStmt(Box::new(only)))?;
    Some(sql.split_once(" FROM ")?.1.to_owned())
}

fn from_item(sql: &str) -> Option<NodeEnum> {
    let parsed = pg_query::parse(sql, 0).ok()?.protobuf;
    match parsed.stmts.into_iter().next()?.stmt?.node? {
        NodeEnum::SelectStmt(select) => select.from_clause.into_iter().next()?.node,
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::by;
    use optischema::model::Rule;

    #[test]
    fn a_count_for_each_row_becomes_one_grouped_join() {
        let sql = by(
            Rule::CorrelatedSubquery,
            "SELECT c.email, (SELECT count(*) FROM orders o WHERE o.customer_id = c.id AND o.note = $1) FROM customers c",
        );
        assert_eq!(
            sql.unwrap(),
            "SELECT c.email, COALESCE(joined.joined_value, 0) AS count FROM customers c LEFT JOIN (SELECT o.customer_id AS \
             joined_key, count(*) AS joined_value FROM orders o WHERE o.note = $1 GROUP BY o.customer_id) joined ON \
             joined.joined_key = c.id"
        );
    }

    #[test]
    fn what_cannot_be_grouped_stays() {
        for sql in [
            "SELECT (SELECT count(*) FROM orders o WHERE o.customer_id > c.id) FROM customers c",
            "SELECT (SELECT o.note FROM orders o WHERE o.customer_id = c.id LIMIT 1) FROM customers c",
            "SELECT (SELECT count(*) FROM orders) FROM customers c",
            "SELECT c.email, (SELECT max(c.id) FROM orders o WHERE o.customer_id = c.id) FROM customers c",
            "SELECT count((SELECT count(*) FROM orders o WHERE o.customer_id = c.id)) FROM customers c GROUP BY c.id",
        ] {
            assert_eq!(by(Rule::CorrelatedSubquery, sql), None, "{sql}");
        }
    }
}
