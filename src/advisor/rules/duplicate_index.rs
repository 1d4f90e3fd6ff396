//! The same index twice.

use super::unused_index::{drop_draft, may_go};
use super::{Facts, Findings};
use crate::model::{CatalogIndex, RiskLevel, Rule};

pub(super) fn check(facts: &Facts<'_>, findings: &mut Findings) {
    for table in facts.catalog.tables.values() {
        for index in &table.indexes {
            if !index.valid
                || index.primary
                || index.constraint.is_some()
                || index.replica_identity
                || index.referenced
                || index.clustered
            {
                continue;
            }
            // A foreign key is supported by the other one as well, so only the rest of `may_go` matters.
            let is_whole = table.kind == crate::model::RelationKind::Partitioned;
            let others_may_stay =
                may_go(table, index) || is_whole || !table.foreign_keys.is_empty();
            let kept = table.indexes.iter().find(|other| {
                other.name != index.name
                    && other.valid
                    // A deferred constraint checks later, and no foreign key or ON CONFLICT can rest on it.
                    && !other.deferrable
                    && other.method == index.method
                    && other.body() == index.body()
                    && !index.body().is_empty()
                    && (other.unique || !index.unique)
                    && worth(other) > worth(index)
            });
            let Some(kept) = kept else { continue };
            if table.partition_of.is_some() || !others_may_stay {
                continue;
            }
            let mut draft = drop_draft(Rule::DuplicateIndex, table, index)
                .fact("Kept", kept.definition.clone());
            draft.title = format!("Drop {}, the same as {}", index.name, kept.name);
            draft.description = format!(
                "{} and {} are the same index on {}: one of them is maintained for nothing.",
                index.name, kept.name, table.name
            );
            draft.confidence = (0.95, "Both have the same definition, to the letter.");
            draft.risk =
                (RiskLevel::Low, "The other one serves every statement that this one did.");
            findings.proposals.push(draft.proposal());
        }
    }
}

/// Which of two stays: what the schema needs, then what is unique, then the shorter name.
fn worth(index: &CatalogIndex) -> (bool, bool, bool, bool, bool, std::cmp::Reverse<(usize, &str)>) {
    (
        index.primary,
        index.constraint.is_some(),
        index.replica_identity,
        index.unique,
        index.clustered,
        std::cmp::Reverse((index.name.len(), index.name.as_str())),
    )
}

#[cfg(test)]
mod tests {
    use super::super::testing::{index, shop};
    use super::check;

    fn twin(name: &str) -> crate::model::CatalogIndex {
        let mut twin = index("t_a", &["a"]);
        twin.name = name.into();
        twin
    }

    #[test]
    fn one_of_two_goes_and_the_first_by_name_stays() {
        let mut shop = shop();
        shop.table().indexes = vec![twin("t_a_again"), twin("t_a")];
        assert_eq!(shop.sql(check), ["DROP INDEX \"public\".\"t_a_again\";"]);
    }

    #[test]
    fn twins_of_a_partitioned_table_go_with_those_of_its_parts() {
        let mut shop = shop();
        shop.table().indexes = vec![twin("t_a"), twin("t_a_again")];
        shop.table().kind = crate::model::RelationKind::Partitioned;
        let found = shop.check(check).proposals;
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].sql_fix, "DROP INDEX \"public\".\"t_a_again\";", "not concurrently");
    }

    #[test]
    fn what_backs_a_constraint_stays() {
        let mut shop = shop();
        shop.table().indexes = vec![twin("t_a"), twin("t_a_key")];
        shop.table().indexes[1].constraint = Some("t_a_key".into());
        shop.table().indexes[1].unique = true;
        assert_eq!(shop.sql(check), ["DROP INDEX \"public\".\"t_a\";"]);
    }

    #[test]
    fn the_one_that_the_table_is_clustered_by_stays() {
        let mut shop = shop();
        shop.table().indexes = vec![twin("t_a"), twin("t_a_again")];
        shop.table().indexes[1].clustered = true;
        assert_eq!(shop.sql(check), ["DROP INDEX \"public\".\"t_a\";"]);
        // Neither goes where the other one is unique: that is needed, too.
        shop.table().indexes[0].unique = true;
        assert!(shop.sql(check).is_empty());
    }

    #[test]
    fn what_a_foreign_key_rests_on_stays() {
        let mut shop = shop();
        shop.table().indexes = vec![twin("t_a_key"), twin("t_a_uq")];
        shop.table().indexes.iter_mut().for_each(|index| index.unique = true);
        shop.table().indexes[1].referenced = true;
        shop.table().indexes[0].constraint = Some("t_a_key".into());
        assert!(shop.sql(check).is_empty());
    }

    #[test]
    fn other_columns_predicates_or_validity_are_no_duplicates() {
        let mut shop = shop();
        shop.table().indexes = vec![twin("x"), index("t_b", &["b"])];
        assert!(shop.sql(check).is_empty());
        shop.table().indexes = vec![twin("x"), twin("y")];
        shop.table().indexes[0].definition.push_str(" WHERE (b > 1)");
        assert!(shop.sql(check).is_empty());
        shop.table().indexes = vec![twin("x"), twin("y")];
        shop.table().indexes[0].valid = false;
        assert!(shop.sql(check).is_empty(), "an invalid one serves nobody");
    }
}
