//! An index whose keys another index begins with.

use super::unused_index::{drop_draft, may_go};
use super::{Facts, Findings};
use crate::figures;
use crate::model::{CatalogIndex, IndexMethod, RiskLevel, Rule};

/// A wide index that is this many times larger is dearer to read than the narrow one.
const MOST_TIMES_LARGER: f64 = 4.0;

pub(super) fn check(facts: &Facts<'_>, findings: &mut Findings) {
    for table in facts.catalog.tables.values() {
        for index in &table.indexes {
            let is_unique = index.unique || index.primary || index.constraint.is_some();
            let is_whole = table.kind == crate::model::RelationKind::Partitioned;
            if is_unique
                || is_whole
                || !index.valid
                || table.partition_of.is_some()
                || index.replica_identity
                || index.referenced
                || index.clustered
            {
                continue;
            }
            let Some(wide) = table.indexes.iter().find(|other| begins_with(other, index)) else {
                continue;
            };
            // The wide one supports a foreign key as well as the narrow one does.
            if !may_go(table, index) && table.foreign_keys.is_empty() {
                continue;
            }
            let mut draft = drop_draft(Rule::RedundantIndex, table, index)
                .fact("Served by", wide.definition.clone())
                .fact("Size of that", figures::bytes(wide.bytes));
            draft.title = format!("Drop {}, which {} covers", index.name, wide.name);
            draft.description = format!(
                "Every search that {} serves on {}, {} serves too: it begins with the same columns.",
                index.name, table.name, wide.name
            );
            draft.confidence =
                (0.8, "The keys of one are the first keys of the other, in the same order.");
            draft.risk = (
                RiskLevel::Medium,
                "Scans of the wider index read more pages, and a plan may turn out differently: benchmark it.",
            );
            findings.proposals.push(draft.proposal());
        }
    }
}

fn begins_with(wide: &CatalogIndex, narrow: &CatalogIndex) -> bool {
    let keys = narrow.key_columns.len();
    wide.name != narrow.name
        && wide.valid
        && wide.method == IndexMethod::Btree
        && narrow.method == IndexMethod::Btree
        && wide.predicate == narrow.predicate
        && narrow.key_columns.iter().all(Option::is_some)
        && wide.key_columns.len() > keys
        && wide.key_columns[..keys] == narrow.key_columns[..]
        && wide.key_options.get(..keys) == Some(&narrow.key_options[..])
        && wide.key_classes.get(..keys) == Some(&narrow.key_classes[..])
        && narrow.include.iter().all(|column| {
            wide.include.contains(column)
                || wide.key_columns.iter().flatten().any(|key| key == column)
        })
        && wide.bytes as f64 <= MOST_TIMES_LARGER * narrow.bytes.max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::super::testing::{index, shop};
    use super::check;

    #[test]
    fn the_prefix_of_another_index_goes() {
        let mut shop = shop();
        shop.table().indexes = vec![index("t_a", &["a"]), index("t_a_b", &["a", "b"])];
        assert_eq!(shop.sql(check), ["DROP INDEX \"public\".\"t_a\";"]);
    }

    #[test]
    fn what_is_no_prefix_or_means_something_else_stays() {
        type Change = fn(&mut Vec<crate::model::CatalogIndex>);
        let changes: [Change; 7] = [
            |i| i[1] = index("t_b_a", &["b", "a"]),
            |i| i[0].unique = true,
            |i| i[0].predicate = Some("(b > 1)".into()),
            |i| i[1].key_options = vec![1, 0],
            |i| i[1].key_classes = vec!["text_pattern_ops 0".into(); 2],
            |i| i[0].include = vec!["c".into()],
            |i| i[1].bytes = 100 << 20,
        ];
        for (number, change) in changes.into_iter().enumerate() {
            let mut shop = shop();
            shop.table().indexes = vec![index("t_a", &["a"]), index("t_a_b", &["a", "b"])];
            change(&mut shop.table().indexes);
            assert!(shop.sql(check).is_empty(), "change {number}");
        }
    }
}
