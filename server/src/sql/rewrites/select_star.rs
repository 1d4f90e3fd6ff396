//! `SELECT *` where an index holds all that the statement searches and sorts by: naming the columns that are
//! needed could make it an index-only scan.

use optischema::model::{Catalog, IndexMethod, Rule};
use pg_query::NodeEnum;
use pg_query::protobuf::SelectStmt;

use super::pieces::{
    column, conjuncts, expression, inner, is_grouped, is_plain, is_star, only_table, plain, targets,
};
use super::{Rewrite, Sameness, written};

/// Bytes of a row, on average: a narrow table has little to leave out.
const WIDE: i32 = 200;

pub(super) fn rewrite(select: &SelectStmt, catalog: &Catalog) -> Option<Rewrite> {
    if !is_plain(select) || is_grouped(select) {
        return None;
    }
    let found = targets(select)?;
    let [star] = found.as_slice() else { return None };
    let (alias, table) = only_table(select, catalog)?;
    let width: i32 = table.columns.iter().filter_map(|column| column.average_width).sum();
    if !is_star(star) || width < WIDE {
        return None;
    }
    let relations = [(alias, table)];
    let mut searched = Vec::new();
    for condition in conjuncts(select) {
        let NodeEnum::AExpr(expr) = &condition else { return None };
        searched.push(column(inner(&expr.lexpr)?, &relations)?.1.name.clone());
    }
    for key in &select.sort_clause {
        let Some(NodeEnum::SortBy(sort)) = &key.node else { return None };
        searched.push(column(inner(&sort.node)?, &relations)?.1.name.clone());
    }
    let index = table.indexes.iter().find(|index| {
        let holds = |name: &String| index.key_columns.iter().flatten().any(|key| key == name);
        index.valid
            && index.method == IndexMethod::Btree
            && index.key_columns.len() > 1
            && searched.iter().all(holds)
    })?;
    if searched.is_empty() {
        return None;
    }
    let held = index.key_columns.iter().flatten().chain(&index.include);
    let names: Vec<String> = held.map(|name| optischema::model::quote_identifier(name)).collect();
    let list = names
        .iter()
        .map(|name| {
            let val = super::pieces::boxed(expression(name)?);
            let target = pg_query::protobuf::ResTarget { val, ..Default::default() };
            Some(plain(NodeEnum::ResTarget(Box::new(target))))
        })
        .collect::<Option<Vec<_>>>()?;
    Some(Rewrite {
        rule: Rule::SelectStar,
        sql: written(SelectStmt { target_list: list, ..select.clone() })?,
        why: format!(
            "Every column is read, {width} bytes a row, though {} holds all that is searched and sorted by: with the \
             columns that it holds, the table itself need not be visited.",
            index.name
        ),
        sameness: Sameness::Other("Fewer columns: only where the application needs no others."),
    })
}

#[cfg(test)]
mod tests {
    use super::super::testing::by;
    use optischema::model::Rule;

    #[test]
    fn what_an_index_holds_is_named() {
        assert_eq!(
            by(Rule::SelectStar, "SELECT * FROM orders WHERE customer_id = $1 ORDER BY created_at")
                .unwrap(),
            "SELECT customer_id, created_at FROM orders WHERE customer_id = $1 ORDER BY created_at"
        );
    }

    #[test]
    fn without_such_an_index_or_with_columns_named_it_stays() {
        for sql in [
            "SELECT * FROM orders WHERE note = $1",
            "SELECT id FROM orders WHERE customer_id = $1",
            "SELECT * FROM orders",
            "SELECT * FROM loose WHERE a = $1",
        ] {
            assert_eq!(by(Rule::SelectStar, sql), None, "{sql}");
        }
    }
}
