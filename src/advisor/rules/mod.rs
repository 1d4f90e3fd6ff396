//! One rule, one file, with its tests. What a rule says is a [`Proposal`]; `docs/rules` has a page on each.
//!
//! Rules on the text of a statement need its syntax tree, and stand with the parser in the server.

mod autovacuum_off;
mod cache_size;
mod dead_rows;
mod distinct_values;
mod draft;
mod duplicate_index;
mod durability;
mod extended_statistics;
mod foreign_key_index;
mod gin_index;
mod index_bloat;
mod invalid_index;
mod missing_index;
mod redundant_index;
mod sequence_exhaustion;
mod shared_buffers;
mod sort_memory;
mod stale_statistics;
mod table_bloat;
#[cfg(test)]
mod testing;
mod unused_index;
mod wraparound;

use std::collections::{BTreeMap, BTreeSet};

use crate::advisor::IndexCandidate;
use crate::model::{Catalog, Proposal, RejectedCandidate, TableName, TrackedStatement};

pub use draft::Draft;
pub(crate) use gin_index::with_extensions;
pub use missing_index::{BuiltOn, MissingIndex, index_fix, propose_index};

/// What rules look at.
#[derive(Debug)]
pub struct Facts<'a> {
    pub catalog: &'a Catalog,
    /// The application's statements.
    pub statements: &'a [TrackedStatement],
    /// How indexes were used while they were watched.
    pub usage: &'a BTreeMap<(TableName, String), IndexUsage>,
    /// Names of existing indexes that a planned statement uses.
    pub used_by_plans: &'a BTreeSet<String>,
    /// Days without a scan after which an index counts as unused.
    pub unused_after_days: f64,
    /// Columns that an index proposed already leads with, by table.
    pub proposed: &'a BTreeMap<TableName, Vec<Vec<String>>>,
    /// Indexes that only a build can cost, and that nobody could build.
    pub untried: &'a [Untried],
}

/// An index that serves statements, of which nobody could say what it saves.
#[derive(Debug, Clone, PartialEq)]
pub struct Untried {
    pub candidate: IndexCandidate,
    pub statements: Vec<TrackedStatement>,
    /// Extensions that its operator classes come from, and that the database lacks.
    pub lacking: Vec<String>,
}

/// What reading the counters of an index again and again has shown.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct IndexUsage {
    /// Readings so far.
    pub readings: i64,
    /// Days since the first of them, or since its counter last grew.
    pub unused_days: f64,
}

/// What the rules say: proposals, and what they looked at and left.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Findings {
    pub proposals: Vec<Proposal>,
    pub rejected: Vec<RejectedCandidate>,
}

/// Every rule that needs no planner.
#[must_use]
pub fn check_catalog(facts: &Facts<'_>) -> Findings {
    let mut findings = Findings::default();
    for rule in [
        invalid_index::check,
        duplicate_index::check,
        redundant_index::check,
        unused_index::check,
        foreign_key_index::check,
        gin_index::check,
        stale_statistics::check,
        extended_statistics::check,
        distinct_values::check,
        autovacuum_off::check,
        dead_rows::check,
        wraparound::check,
        table_bloat::check,
        index_bloat::check,
        sequence_exhaustion::check,
        sort_memory::check,
        shared_buffers::check,
        cache_size::check,
        durability::check,
    ] {
        rule(facts, &mut findings);
    }
    one_drop_each(&mut findings.proposals);
    findings
}

/// An index that two rules would drop is dropped by the first: the surer rules run first. And at most one
/// index of a table at a time, but for what is invalid: each may be the reason why another can go. The next
/// analysis sees what is left.
fn one_drop_each(proposals: &mut Vec<Proposal>) {
    use crate::model::{RecommendationType, Rule};
    let mut dropped = BTreeSet::new();
    let mut tables = BTreeSet::new();
    proposals.retain(|proposal| {
        if proposal.recommendation_type != RecommendationType::IndexDrop {
            return true;
        }
        let leans_on_others = proposal.evidence.rule != Some(Rule::InvalidIndex);
        dropped.insert(proposal.patch_sql.clone())
            && (!leans_on_others || tables.insert(proposal.tables.clone()))
    });
}

#[cfg(test)]
mod tests {
    use super::testing::{index, name, shop};
    use super::*;

    #[test]
    fn of_two_indexes_that_are_the_reason_for_each_other_one_stays() {
        let mut shop = shop();
        // Nothing scans the wide one since plans use the narrow one, which the wide one covers.
        shop.table().indexes = vec![index("t_a", &["a"]), index("t_a_b", &["a", "b"])];
        let unused = IndexUsage { readings: 9, unused_days: 30.0 };
        shop.usage.insert((name("t"), "t_a_b".into()), unused);
        let (proposed, plans, usage) = (BTreeMap::new(), BTreeSet::new(), shop.usage.clone());
        let findings = check_catalog(&Facts {
            catalog: &shop.catalog,
            statements: &[],
            usage: &usage,
            used_by_plans: &plans,
            unused_after_days: 14.0,
            proposed: &proposed,
            untried: &[],
        });
        let drops = findings.proposals.iter().filter(|p| p.patch_sql.starts_with("DROP"));
        assert_eq!(drops.count(), 1);
    }
}
