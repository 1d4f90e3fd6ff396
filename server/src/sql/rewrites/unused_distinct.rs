//! `SELECT DISTINCT` over rows that a key keeps apart already: all rows are sorted or hashed for nothing.

use optischema::model::{Catalog, Rule};
use pg_query::protobuf::SelectStmt;

use super::pieces::{holds_a_key, is_grouped, is_plain, only_table};
use super::{Rewrite, Sameness, written};

pub(super) fn rewrite(select: &SelectStmt, catalog: &Catalog) -> Option<Rewrite> {
    // Plain DISTINCT is one empty entry; DISTINCT ON names its columns.
    let is_plain_distinct =
        select.distinct_clause.len() == 1 && select.distinct_clause[0].node.is_none();
    if !is_plain(select) || is_grouped(select) || !is_plain_distinct {
        return None;
    }
    let (alias, table) = only_table(select, catalog)?;
    if !holds_a_key(select, &alias, table) {
        return None;
    }
    Some(Rewrite {
        rule: Rule::UnusedDistinct,
        sql: written(SelectStmt { distinct_clause: Vec::new(), ..select.clone() })?,
        why: "DISTINCT sorts or hashes all rows, and a key keeps them apart already.".to_owned(),
        sameness: Sameness::Proven(
            "The rows hold a unique key of the only table, none of it NULL.",
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::super::testing::by;
    use optischema::model::Rule;

    #[test]
    fn a_key_makes_rows_distinct() {
        assert_eq!(
            by(Rule::UnusedDistinct, "SELECT DISTINCT id, note FROM orders WHERE customer_id = $1")
                .unwrap(),
            "SELECT id, note FROM orders WHERE customer_id = $1"
        );
        assert!(by(Rule::UnusedDistinct, "SELECT DISTINCT * FROM orders o").is_some());
    }

    #[test]
    fn without_a_key_or_with_a_join_it_stays() {
        for sql in [
            "SELECT DISTINCT customer_id FROM orders",
            "SELECT DISTINCT o.id FROM orders o JOIN customers c ON c.id = o.customer_id",
            "SELECT DISTINCT ON (id) id FROM orders",
            "SELECT DISTINCT a FROM loose",
            "SELECT id FROM orders",
            "SELECT DISTINCT id, generate_series(1, 2) FROM orders",
        ] {
            assert_eq!(by(Rule::UnusedDistinct, sql), None, "{sql}");
        }
    }
}
