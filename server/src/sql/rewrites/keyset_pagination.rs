//! `ORDER BY k LIMIT n OFFSET m`: the first m rows are found, sorted and thrown away. Going on from the last row
//! seen reads n rows. It is another statement: the application hands the last row's keys on.

use optischema::model::{Catalog, Rule};
use pg_query::NodeEnum;
use pg_query::protobuf::{SelectStmt, SortByDir, SortByNulls};

use super::pieces::{
    all_of, column, conjuncts, expression, inner, integer, is_grouped, is_plain, only_table,
};
use super::{Rewrite, Sameness, written};

/// Rows that may well be skipped.
const SMALL: i64 = 500;

pub(super) fn rewrite(select: &SelectStmt, catalog: &Catalog) -> Option<Rewrite> {
    if !is_plain(select) || is_grouped(select) || !select.distinct_clause.is_empty() {
        return None;
    }
    select.limit_count.as_ref()?;
    let offset = inner(&select.limit_offset)?;
    if integer(offset).is_some_and(|rows| rows < SMALL) {
        return None;
    }
    let (alias, table) = only_table(select, catalog)?;
    let relations = [(alias, table)];
    let mut keys = Vec::new();
    let mut descending = None;
    for key in &select.sort_clause {
        let Some(NodeEnum::SortBy(sort)) = &key.node else { return None };
        let (_, found) = column(inner(&sort.node)?, &relations)?;
        let down = sort.sortby_dir == SortByDir::SortbyDesc as i32;
        let usual = sort.sortby_nulls == SortByNulls::SortbyNullsDefault as i32;
        // Rows are compared as wholes: one direction for all, and no NULLs, which no comparison passes.
        if *descending.get_or_insert(down) != down || !usual || found.nullable {
            return None;
        }
        keys.push(found.name.as_str());
    }
    let is_unique = !table.has_children
        && table.indexes.iter().any(|index| {
            index.unique
                && index.valid
                && index.predicate.is_none()
                && index
                    .key_columns
                    .iter()
                    .all(|key| key.as_deref().is_some_and(|k| keys.contains(&k)))
        });
    // Without a key among them, rows with equal keys would be lost between two pages.
    if keys.is_empty() || !is_unique {
        return None;
    }
    let names: Vec<String> =
        keys.iter().map(|key| optischema::model::quote_identifier(key)).collect();
    let values: Vec<String> = keys
        .iter()
        .enumerate()
        .map(|(at, key)| {
            let data_type = table.column(key).map_or("text", |column| column.data_type.as_str());
            format!("${}::{data_type}", highest_parameter(select) + 1 + at as i32)
        })
        .collect();
    let comparison = if descending == Some(true) { "<" } else { ">" };
    let beyond = format!("({}) {comparison} ({})", names.join(", "), values.join(", "));
    let mut conditions = conjuncts(select);
    conditions.push(expression(&beyond)?);
    let next =
        SelectStmt { where_clause: all_of(conditions), limit_offset: None, ..select.clone() };
    Some(Rewrite {
        rule: Rule::KeysetPagination,
        sql: written(next)?,
        why: "Every page reads all pages before it, and throws them away.".to_owned(),
        sameness: Sameness::Other(
            "The application hands on the keys of the last row that it showed instead of a number of rows.",
        ),
    })
}

fn highest_parameter(select: &SelectStmt) -> i32 {
    let text = super::pieces::deparse(NodeEnum::SelectStmt(Box::new(select.clone())));
    let places = text.and_then(|text| crate::sql::parameter_places(&text).ok());
    places.into_iter().flatten().map(|(_, number)| number).max().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::super::testing::by;
    use optischema::model::Rule;

    #[test]
    fn an_output_that_counts_other_rows_keeps_them() {
        for sql in [
            "SELECT id, count(*) OVER () FROM orders ORDER BY created_at, id LIMIT $1 OFFSET $2",
            "SELECT id, 1 + rank() OVER (ORDER BY note) FROM orders ORDER BY id LIMIT $1 OFFSET $2",
        ] {
            assert_eq!(by(Rule::KeysetPagination, sql), None, "{sql}");
        }
    }

    #[test]
    fn the_next_page_begins_after_the_last_row() {
        assert_eq!(
            by(Rule::KeysetPagination, "SELECT id FROM orders ORDER BY created_at, id LIMIT $1 OFFSET $2").unwrap(),
            "SELECT id FROM orders WHERE (created_at, id) > ($3::timestamp without time zone, $4::bigint) \
             ORDER BY created_at, id LIMIT $1"
                .replace("timestamp without time zone", "timestamp")
        );
        assert!(
            by(
                Rule::KeysetPagination,
                "SELECT id FROM orders ORDER BY id DESC LIMIT 10 OFFSET 5000"
            )
            .unwrap()
            .contains("<")
        );
    }

    #[test]
    fn small_offsets_ties_nulls_and_mixed_directions_stay() {
        for sql in [
            "SELECT id FROM orders ORDER BY id LIMIT 10 OFFSET 20",
            "SELECT id FROM orders ORDER BY created_at LIMIT 10 OFFSET 5000",
            "SELECT id FROM orders ORDER BY seller_id, id LIMIT 10 OFFSET 5000",
            "SELECT id FROM orders ORDER BY created_at DESC, id LIMIT 10 OFFSET 5000",
            "SELECT id FROM orders ORDER BY id LIMIT 10",
        ] {
            assert_eq!(by(Rule::KeysetPagination, sql), None, "{sql}");
        }
    }
}
