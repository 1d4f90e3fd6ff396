//! Pages that go on from the last row with an OR: `a > $1 OR (a = $2 AND b > $3)`. No index is searched for an OR of
//! different conditions; a comparison of rows, or a bound on the first key, begins at the place in the index.

use optischema::model::{Catalog, Rule};
use pg_query::NodeEnum;

use super::conditions::{Around, Instead, everywhere};
use super::pieces::{column, expression, text_of};
use super::{Rewrite, Sameness};
use crate::sql::Statement;
use crate::sql::keyset::Keyset;

pub(super) fn rewrite(statement: &Statement, catalog: &Catalog) -> Option<Rewrite> {
    everywhere(statement, catalog, Rule::RowComparison, instead)
}

fn instead(condition: &NodeEnum, around: &Around<'_>) -> Option<Instead> {
    let keyset = Keyset::of(condition)?;
    let mut names = Vec::new();
    let mut relation = None;
    for key in &keyset.keys {
        let (of, _) = column(&key.column, around)?;
        // Keys of several tables are no order of an index.
        if *relation.get_or_insert_with(|| of.clone()) != of {
            return None;
        }
        names.push(text_of(&key.column)?);
    }
    let first = keyset.keys.first()?;
    let (sign, end) =
        (if first.ascends { ">" } else { "<" }, if keyset.is_inclusive { "=" } else { "" });
    let conditions = if keyset.goes_one_way() {
        let values: Option<Vec<String>> =
            keyset.keys.iter().map(|key| text_of(&key.value)).collect();
        let (names, values) = (names.join(", "), values?.join(", "));
        vec![expression(&format!("({names}) {sign}{end} ({values})"))?]
    } else {
        let bound = format!("{} {sign}= {}", names[0], text_of(&first.value)?);
        vec![expression(&bound)?, condition.clone()]
    };
    Some(Instead {
        conditions,
        why: format!(
            "The next page after a known row is asked for with OR, so that every page reads all rows from the first on; an index on ({}) cannot begin at that row.",
            names.join(", ")
        ),
        sameness: if keyset.same.is_empty() {
            Sameness::Proven(
                "A row comes after another one by its first key, or where that is equal by the next.",
            )
        } else {
            Sameness::Usual(
                "The results are the same where the application sends the key of the last row as one value wherever the condition has it, as paging does.",
            )
        },
    })
}

#[cfg(test)]
mod tests {
    use super::super::testing::{all, by};
    use crate::sql::Sameness;
    use optischema::model::Rule;

    fn page(condition: &str) -> Option<String> {
        let found = by(Rule::RowComparison, &format!("SELECT note FROM orders WHERE {condition}"))?;
        Some(found.strip_prefix("SELECT note FROM orders WHERE ").unwrap().to_owned())
    }

    #[test]
    fn a_page_written_with_or_is_a_comparison_of_rows() {
        for (condition, same) in [
            ("created_at > $1 OR (created_at = $1 AND id > $2)", "(created_at, id) > ($1, $2)"),
            ("(created_at = $2 AND id < $3) OR created_at < $1", "(created_at, id) < ($1, $3)"),
            ("$1 < created_at OR ($1 = created_at AND id >= $2)", "(created_at, id) >= ($1, $2)"),
            (
                "created_at > $1 OR (created_at = $1 AND (customer_id > $2 OR (customer_id = $2 AND id > $3)))",
                "(created_at, customer_id, id) > ($1, $2, $3)",
            ),
            (
                "created_at > '2026-01-01'::timestamp OR (created_at = '2026-01-01'::timestamp AND id > 5)",
                "(created_at, id) > ('2026-01-01'::timestamp, 5)",
            ),
            (
                "customer_id = 7 AND (created_at < $1 OR created_at = $1 AND id < $2)",
                "customer_id = 7 AND (created_at, id) < ($1, $2)",
            ),
        ] {
            assert_eq!(page(condition).as_deref(), Some(same), "{condition}");
        }
    }

    #[test]
    fn keys_that_go_both_ways_get_a_bound_on_the_first() {
        assert_eq!(
            page("created_at < $1 OR (created_at = $1 AND id > $2)").unwrap(),
            "created_at <= $1 AND (created_at < $1 OR (created_at = $1 AND id > $2))"
        );
    }

    #[test]
    fn what_is_no_page_stays() {
        for condition in [
            "created_at > $1 OR id > $2",
            "created_at > $1 OR (customer_id = $1 AND id > $2)",
            "created_at >= $1 OR (created_at = $1 AND id > $2)",
            "created_at > '2026-01-01' OR (created_at = '2026-01-02' AND id > 5)",
            "created_at > $1 OR (created_at = $1 AND created_at > $2)",
            "created_at > $1 AND (created_at = $1 OR id > $2)",
            "created_at > $1 OR (created_at = $1 AND id > $2 AND note = $3)",
            "created_at > $1 OR (created_at = $1 AND NOT id > $2)",
        ] {
            assert_eq!(page(condition), None, "{condition}");
        }
    }

    #[test]
    fn it_is_proven_only_where_the_values_are_written_alike() {
        let sameness = |condition: &str| {
            let found = all(&format!("SELECT note FROM orders WHERE {condition}"));
            found.into_iter().find(|one| one.rule == Rule::RowComparison).unwrap().sameness
        };
        let proven = sameness("created_at > $1 OR (created_at = $1 AND id > $2)");
        assert!(matches!(proven, Sameness::Proven(_)));
        let usual = sameness("created_at > $1 OR (created_at = $2 AND id > $3)");
        assert!(matches!(usual, Sameness::Usual(_)));
    }
}
