//! An index that failed half-way: it is written, and never read.

use super::unused_index::drop_draft;
use super::{Facts, Findings};
use crate::model::{RiskLevel, Rule};

pub(super) fn check(facts: &Facts<'_>, findings: &mut Findings) {
    for table in facts.catalog.tables.values() {
        for index in table.indexes.iter().filter(|index| !index.valid && !index.building) {
            // A partitioned parent's index is invalid until every part has its own.
            let is_part = table.kind == crate::model::RelationKind::Partitioned
                || table.partition_of.is_some();
            // Names that PostgreSQL gives to what a concurrent REINDEX is making: it may be at work on another.
            let may_be_made = index.name.ends_with("_ccnew") || index.name.ends_with("_ccold");
            let is_watched = facts.usage.get(&(table.name.clone(), index.name.clone()));
            // Seen twice: what is still being built, and hidden from this role, is not what was left behind.
            let was_seen = is_watched.is_some_and(|usage| usage.readings >= 2);
            if is_part || index.constraint.is_some() || (may_be_made && !was_seen) {
                continue;
            }
            let mut draft = drop_draft(Rule::InvalidIndex, table, index);
            draft.title = format!("Drop {}, which is invalid", index.name);
            draft.description = format!(
                "{} on {} was left behind by a build that failed. No statement can use it, and PostgreSQL may \
                 keep it up to date with every write all the same. Build it again where it is wanted.",
                index.name, table.name
            );
            draft.not_measured =
                Some("no statement uses an invalid index, and a copy does not have it");
            draft.confidence =
                (0.9, "The catalog marks it invalid, and no build of it is to be seen.");
            draft.risk = (
                RiskLevel::Low,
                "No statement can use it. Check that no session is building it: another role's build may be hidden.",
            );
            findings.proposals.push(draft.proposal());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{index, shop};
    use super::check;

    #[test]
    fn an_invalid_index_goes_unless_it_is_being_built() {
        let mut shop = shop();
        shop.table().indexes = vec![index("t_a", &["a"])];
        assert!(shop.sql(check).is_empty());
        shop.table().indexes[0].valid = false;
        assert_eq!(shop.sql(check), ["DROP INDEX \"public\".\"t_a\";"]);
        assert!(shop.check(check).proposals[0].evidence.not_measured.is_some());
        shop.table().indexes[0].building = true;
        assert!(shop.sql(check).is_empty());
    }
}
