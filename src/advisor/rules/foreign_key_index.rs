//! A foreign key whose table has no index on its columns, while referenced rows are deleted.

use super::{Draft, Facts, Findings};
use crate::advisor::{IndexCandidate, TableWrites, index_size, write_cost};
use crate::figures;
use crate::model::{
    CatalogTable, ForeignKey, IndexEvidence, RecommendationType, RejectedCandidate, RelationKind,
    RiskLevel, Rule,
};

/// A smaller table is read whole as fast.
const MIN_BYTES: i64 = 1 << 20;

pub(super) fn check(facts: &Facts<'_>, findings: &mut Findings) {
    for table in facts.catalog.tables.values() {
        for key in &table.foreign_keys {
            if table.bytes < MIN_BYTES
                || table.kind == RelationKind::Partitioned
                || is_supported(table, key)
                || is_proposed(facts, table, key)
            {
                continue;
            }
            let columns: Vec<&str> = key.columns.iter().map(String::as_str).collect();
            let candidate = IndexCandidate::btree(table.name.clone(), &columns);
            let parent = facts.catalog.tables.get(&key.references);
            let deletes = parent.and_then(|t| t.activity.as_ref()).map_or(0, |a| a.deletes);
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
            findings.proposals.push(propose(table, key, &candidate, deletes));
        }
    }
}

fn is_supported(table: &CatalogTable, key: &ForeignKey) -> bool {
    table.indexes.iter().any(|index| {
        index.valid
            && index.predicate.as_ref().is_none_or(|p| leaves_out_nulls(p, &key.columns))
            && index.method != "brin"
            && index.method != "gin"
            && index.key_columns.len() >= key.columns.len()
            && index.key_columns[..key.columns.len()]
                .iter()
                .all(|column| column.as_ref().is_some_and(|c| key.columns.contains(c)))
    })
}

/// Whether a predicate says no more than that columns of the key are not NULL: what looks for a value says so, too.
fn leaves_out_nulls(predicate: &str, columns: &[String]) -> bool {
    predicate.split(" AND ").all(|part| {
        let part = part.trim_matches(['(', ')', ' ']);
        part.strip_suffix(" IS NOT NULL")
            .map(|column| column.trim_matches('"').replace("\"\"", "\""))
            .is_some_and(|column| columns.contains(&column))
    })
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
    table: &CatalogTable,
    key: &ForeignKey,
    candidate: &IndexCandidate,
    deletes: i64,
) -> crate::model::Proposal {
    let taken = |name: &str| table.indexes.iter().any(|index| index.name == name);
    let name = candidate.free_name(taken);
    let identity = format!("{}:{}", table.name, candidate.label());
    let mut draft = Draft::new(Rule::ForeignKeyIndex, RecommendationType::Index, identity)
        .sql(candidate.create_sql_named(&name, false))
        .fact("Foreign key", format!("{} references {}", key.name, key.references))
        .fact(
            "Rows deleted there",
            format!("{} since the counters began", figures::grouped(deletes as f64)),
        );
    draft.sql_fix = format!("{};", candidate.create_sql_named(&name, true));
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
    draft.magnitude = deletes as f64 * table.bytes as f64;
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
    use crate::model::{CatalogTable, ForeignKey, TableActivity};

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
