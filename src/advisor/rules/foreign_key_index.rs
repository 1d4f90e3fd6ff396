//! A foreign key whose table has no index on its columns, while referenced rows are deleted.

use super::{Draft, Facts, Findings};
use crate::advisor::partitions::{creation, parts_in_order};
use crate::advisor::{IndexCandidate, TableWrites, index_size, write_cost};
use crate::figures;
use crate::model::{
    CatalogTable, ForeignKey, IndexEvidence, RecommendationType, RejectedCandidate, RelationKind,
    RiskLevel, Rule, TableActivity,
};

/// A smaller table is read whole as fast.
const MIN_BYTES: i64 = 1 << 20;

pub(super) fn check(facts: &Facts<'_>, findings: &mut Findings) {
    for table in facts.catalog.tables.values() {
        let parts = facts.catalog.parts_of(&table.name);
        let whole = with_parts(table, &parts);
        let bytes = whole.bytes;
        for key in &table.foreign_keys {
            // The key of a part follows from that of the whole, and is not listed.
            if bytes < MIN_BYTES
                || is_supported(table, &parts, key)
                || is_proposed(facts, table, key)
            {
                continue;
            }
            let columns: Vec<&str> = key.columns.iter().map(String::as_str).collect();
            let candidate = IndexCandidate::btree(table.name.clone(), &columns);
            let parent = facts.catalog.tables.get(&key.references);
            let of_parent = facts.catalog.parts_of(&key.references);
            let counted = parent.into_iter().chain(of_parent).filter_map(|t| t.activity.as_ref());
            let deletes: i64 = counted.map(|activity| activity.deletes).sum();
            if deletes == 0 {
                findings.rejected.push(RejectedCandidate::of(
                    &candidate,
                    format!(
                        "the foreign key {} has no index, but no row of {} was deleted since the counters began, and no statement needs it",
                        key.name, key.references
                    ),
                ));
                continue;
            }
            findings.proposals.push(propose(facts, &whole, key, &Lookup { candidate, deletes }));
        }
    }
}

/// A table with the rows, bytes and writes of its parts; what is no leaf has none.
fn with_parts(table: &CatalogTable, parts: &[&CatalogTable]) -> CatalogTable {
    let mut whole = table.clone();
    if table.kind != RelationKind::Partitioned {
        return whole;
    }
    whole.rows = parts.iter().map(|part| part.rows.max(0.0)).sum();
    whole.bytes = parts.iter().map(|part| part.bytes).sum();
    whole.pages = parts.iter().map(|part| part.pages).sum();
    let mut activity = TableActivity::default();
    for counted in parts.iter().filter_map(|part| part.activity.as_ref()) {
        activity.inserts += counted.inserts;
        activity.updates += counted.updates;
        activity.hot_updates += counted.hot_updates;
        activity.deletes += counted.deletes;
    }
    whole.activity = Some(activity);
    whole
}

/// Whether an index finds the rows that refer to one: its own, or one on each of its parts.
fn is_supported(table: &CatalogTable, parts: &[&CatalogTable], key: &ForeignKey) -> bool {
    let has = |table: &CatalogTable| table.indexes.iter().any(|index| index.supports(key));
    let mut leaves = parts
        .iter()
        .filter(|part| !matches!(part.kind, RelationKind::Partitioned | RelationKind::Foreign))
        .peekable();
    has(table) || (leaves.peek().is_some() && leaves.all(|leaf| has(leaf)))
}

/// What looks for the rows that refer to one that is deleted.
struct Lookup {
    candidate: IndexCandidate,
    /// Rows deleted where the key refers to.
    deletes: i64,
}

fn is_proposed(facts: &Facts<'_>, table: &CatalogTable, key: &ForeignKey) -> bool {
    facts.proposed.get(&table.name).is_some_and(|proposed| {
        proposed.iter().any(|columns| {
            columns.len() >= key.columns.len()
                && columns[..key.columns.len()].iter().all(|column| key.columns.contains(column))
        })
    })
}

fn propose(
    facts: &Facts<'_>,
    table: &CatalogTable,
    key: &ForeignKey,
    lookup: &Lookup,
) -> crate::model::Proposal {
    let Lookup { candidate, deletes } = lookup;
    let taken = |name: &str| table.indexes.iter().any(|index| index.name == name);
    let name = candidate.free_name(taken);
    let identity = format!("{}:{}", table.name, candidate.label());
    let mut draft = Draft::new(Rule::ForeignKeyIndex, RecommendationType::Index, identity)
        .sql(candidate.create_sql_named(&name, false))
        .fact("Foreign key", format!("{} references {}", key.name, key.references))
        .fact(
            "Rows deleted there",
            format!("{} since the counters began", figures::grouped(*deletes as f64)),
        );
    draft.sql_fix = creation(candidate, &name, &parts_in_order(facts.catalog, candidate));
    draft.title = format!("Index {} on {} for its foreign key", table.name, candidate.label());
    draft.description = format!(
        "Every row deleted from {} makes PostgreSQL look for rows of {} that refer to it, and without an index \
         it reads all of {} each time.",
        key.references,
        table.name,
        figures::bytes(table.bytes)
    );
    draft.tables = vec![table.name.clone()];
    draft.confidence = (0.6, "Referenced rows were deleted; how long each took is not counted.");
    draft.risk = (RiskLevel::Low, "Built concurrently it blocks no writes and drops cleanly.");
    draft.magnitude = *deletes as f64 * table.bytes as f64;
    let mut proposal = draft.proposal();
    let writes = TableWrites::since_reset(table);
    proposal.evidence.write_cost = write_cost(table, candidate, &writes);
    proposal.evidence.index = Some(IndexEvidence {
        table: table.name.clone(),
        index_name: name,
        columns: candidate.columns(),
        estimated_bytes: index_size(table, candidate).map(|size| size.bytes),
        table_rows: table.rows,
        table_bytes: table.bytes,
        existing_indexes: table.indexes.iter().map(|i| i.definition.clone()).collect(),
    });
    proposal
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Shop, index, name, shop};
    use super::check;
    use crate::model::{CatalogTable, ForeignKey, RelationKind, TableActivity};

    fn with_parent(deletes: i64) -> Shop {
        let mut shop = shop();
        let parent = CatalogTable {
            name: name("parents"),
            activity: Some(TableActivity { deletes, ..TableActivity::default() }),
            ..CatalogTable::default()
        };
        shop.catalog.tables.insert(name("parents"), parent);
        shop.table().foreign_keys = vec![ForeignKey {
            name: "t_a_fkey".into(),
            columns: vec!["a".into()],
            references: name("parents"),
            referenced_columns: vec!["id".into()],
        }];
        shop
    }

    #[test]
    fn a_foreign_key_to_a_table_that_loses_rows_gets_an_index() {
        assert_eq!(
            with_parent(10).sql(check),
            ["CREATE INDEX \"t_a_idx\" ON \"public\".\"t\" USING btree (\"a\");"]
        );
    }

    #[test]
    fn without_deletes_it_is_rejected_with_its_reason() {
        let findings = with_parent(0).check(check);
        assert!(findings.proposals.is_empty());
        assert!(findings.rejected[0].reason.contains("no row of public.parents was deleted"));
    }

    #[test]
    fn an_index_of_all_values_but_nulls_is_enough() {
        for (predicate, is_enough) in [
            ("(a IS NOT NULL)", true),
            ("((a IS NOT NULL) AND (b IS NULL))", false),
            ("(b IS NOT NULL)", false),
        ] {
            let mut shop = with_parent(10);
            shop.table().indexes = vec![index("t_a_some", &["a"])];
            shop.table().indexes[0].predicate = Some(predicate.into());
            assert_eq!(shop.sql(check).is_empty(), is_enough, "{predicate}");
        }
    }

    #[test]
    fn an_index_of_another_collation_finds_nothing() {
        let mut shop = with_parent(10);
        shop.table().indexes = vec![index("t_a", &["a"])];
        shop.table().indexes[0].keys_collated_alike = vec![false];
        assert_eq!(shop.sql(check).len(), 1);
    }

    #[test]
    fn the_key_of_a_partitioned_table_is_looked_for_in_every_part() {
        let part = |name_of: &str, indexes: Vec<crate::model::CatalogIndex>| CatalogTable {
            name: name(name_of),
            partition_of: Some(name("t")),
            bytes: 4 << 20,
            indexes,
            ..CatalogTable::default()
        };
        let mut shop = with_parent(10);
        shop.table().kind = RelationKind::Partitioned;
        shop.table().bytes = 0;
        for (name_of, indexes) in [("t_1", vec![index("t_1_a", &["a"])]), ("t_2", vec![])] {
            shop.catalog.tables.insert(name(name_of), part(name_of, indexes));
        }
        let found = shop.check(check).proposals;
        let lines: Vec<&str> = found[0].sql_fix.lines().collect();
        assert!(lines[0].contains("ON ONLY"), "{lines:?}");
        assert!(lines[1].contains("CONCURRENTLY \"t_2_a_idx\""), "{lines:?}");
        assert_eq!(lines.len(), 4, "what is there is attached: {lines:?}");
        let second = shop.catalog.tables.get_mut(&name("t_2")).unwrap();
        second.indexes = vec![index("t_2_a", &["a"])];
        assert!(shop.check(check).proposals.is_empty());
    }

    #[test]
    fn what_is_supported_small_or_proposed_already_is_left_alone() {
        let mut shop = with_parent(10);
        shop.table().indexes = vec![index("t_a_b", &["a", "b"])];
        assert!(shop.sql(check).is_empty());
        let mut shop = with_parent(10);
        shop.table().bytes = 8192;
        assert!(shop.sql(check).is_empty());
        let mut shop = with_parent(10);
        shop.proposed.insert(name("t"), vec![vec!["a".into(), "c".into()]]);
        assert!(shop.sql(check).is_empty());
    }
}
