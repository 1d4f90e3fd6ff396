//! An index on a partitioned table: made for each part, since none is built concurrently for all.

use std::collections::BTreeSet;

use super::{IndexCandidate, IndexMethod};
use crate::model::{Catalog, CatalogIndex, RelationKind, TableName};

/// A part of a partitioned table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Partition {
    pub table: TableName,
    /// What it is a part of.
    pub parent: TableName,
    /// Whether it has parts of its own.
    pub is_partitioned: bool,
    /// What its part of the index is called: a name that nothing in its schema has, or that of an index which is there.
    pub index: String,
    /// Whether that index is there already, and a part of none.
    pub is_there: bool,
}

/// The parts of a table, each behind what it is a part of, with the names of their parts of an index.
#[must_use]
pub fn parts_in_order(catalog: &Catalog, candidate: &IndexCandidate) -> Vec<Partition> {
    let (mut found, mut waiting) = (Vec::new(), vec![candidate.table.clone()]);
    while let Some(parent) = waiting.pop() {
        let below = catalog.tables.values().filter(|t| t.partition_of.as_ref() == Some(&parent));
        // Rows of a foreign one are another server's: no index of ours is there.
        for part in below.filter(|part| part.kind != RelationKind::Foreign) {
            let is_partitioned = part.kind == RelationKind::Partitioned;
            let (table, parent) = (part.name.clone(), parent.clone());
            let own = IndexCandidate { table: table.clone(), ..candidate.clone() };
            let there = part.indexes.iter().find(|index| can_be_attached(index, &own));
            let taken = names_in(catalog, &table.schema);
            let index = match there {
                Some(index) => index.name.clone(),
                None => own.free_name(|name| taken.contains(name)),
            };
            let is_there = there.is_some();
            // Where its index is there, those of its own parts are attached to it.
            if is_partitioned && !is_there {
                waiting.push(table.clone());
            }
            found.push(Partition { table, parent, is_partitioned, index, is_there });
        }
    }
    found
}

/// Names of tables and indexes in a schema: they share one space.
fn names_in<'c>(catalog: &'c Catalog, schema: &str) -> BTreeSet<&'c str> {
    let tables = catalog.tables.values().filter(|table| table.name.schema == schema);
    let names = tables.flat_map(|table| {
        let indexes = table.indexes.iter().map(|index| index.name.as_str());
        indexes.chain(std::iter::once(table.name.name.as_str()))
    });
    names.collect()
}

/// Whether an index is what a candidate would be on this table, and a part of no other.
fn can_be_attached(index: &CatalogIndex, candidate: &IndexCandidate) -> bool {
    index.valid
        && !index.attached
        && index.constraint.is_none()
        && !index.unique
        && candidate.method == IndexMethod::Btree
        && index.method == IndexMethod::Btree
        && index.predicate.is_none()
        && candidate.predicate.is_none()
        && index.include == candidate.include
        && index.key_columns.len() == candidate.keys.len()
        && index.key_options.iter().all(|options| *options == 0)
        && index.keys_collated_alike.iter().all(|alike| *alike)
        && !index.key_classes.iter().any(|class| class.contains("pattern_ops"))
        && index.key_columns.iter().zip(&candidate.keys).all(|(column, key)| {
            column.as_deref().is_some_and(|column| key.column_name() == Some(column))
                && !key.descending
                && key.nulls_first.is_none()
                && key.operator_class.is_none()
        })
}

/// The statements that make it: for the parent alone, then for each part that lacks it, and the parts are attached.
/// Without parts it is one statement.
#[must_use]
pub fn creation(candidate: &IndexCandidate, name: &str, parts: &[Partition]) -> String {
    if parts.is_empty() {
        return format!("{};", candidate.create_sql_named(name, true));
    }
    // On a partitioned one alone: its parts' own follow.
    let only = |text: String| format!("{};", text.replacen(" ON ", " ON ONLY ", 1));
    let index = |table: &TableName| {
        let of_part = parts.iter().find(|part| part.table == *table);
        let name = of_part.map_or(name, |part| &part.index);
        TableName::new(&table.schema, name).quoted()
    };
    let mut lines = vec![only(candidate.create_sql_named(name, false))];
    for part in parts.iter().filter(|part| !part.is_there) {
        let own = IndexCandidate { table: part.table.clone(), ..candidate.clone() };
        lines.push(if part.is_partitioned {
            only(own.create_sql_named(&part.index, false))
        } else {
            format!("{};", own.create_sql_named(&part.index, true))
        });
    }
    // From the leaves up: an index is valid once all its parts are attached.
    for part in parts.iter().rev() {
        lines.push(format!(
            "ALTER INDEX {} ATTACH PARTITION {};",
            index(&part.parent),
            index(&part.table)
        ));
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::CatalogTable;

    fn name(table: &str) -> TableName {
        TableName::new("public", table)
    }

    fn catalog(tables: Vec<CatalogTable>) -> Catalog {
        let tables = tables.into_iter().map(|table| (table.name.clone(), table)).collect();
        Catalog { tables, ..Catalog::default() }
    }

    fn table(of: &str, kind: RelationKind, parent: Option<&str>) -> CatalogTable {
        let partition_of = parent.map(name);
        CatalogTable { name: name(of), kind, partition_of, ..CatalogTable::default() }
    }

    fn index(name: &str, column: &str) -> CatalogIndex {
        CatalogIndex {
            name: name.into(),
            method: IndexMethod::Btree.into(),
            key_columns: vec![Some(column.into())],
            key_options: vec![0],
            valid: true,
            ..CatalogIndex::default()
        }
    }

    fn script(tables: Vec<CatalogTable>) -> Vec<String> {
        let candidate = IndexCandidate::btree(name("orders"), &["customer_id"]);
        let parts = parts_in_order(&catalog(tables), &candidate);
        creation(&candidate, "i", &parts).lines().map(str::to_owned).collect()
    }

    #[test]
    fn indexes_of_parts_are_attached_to_those_of_their_parents() {
        use RelationKind::{Partitioned, Table};
        let lines = script(vec![
            table("orders", Partitioned, None),
            table("o_1", Partitioned, Some("orders")),
            table("o_1_a", Table, Some("o_1")),
            table("o_2", Table, Some("orders")),
            table("o_3", RelationKind::Foreign, Some("orders")),
        ]);
        assert!(lines[0].contains("\"i\" ON ONLY \"public\".\"orders\""), "{lines:?}");
        assert!(lines[1].starts_with("CREATE INDEX \"o_1_customer_id_idx\" ON ONLY"), "{lines:?}");
        assert!(lines[2].starts_with("CREATE INDEX CONCURRENTLY"), "{lines:?}");
        assert_eq!(
            lines[4..],
            [
                "ALTER INDEX \"public\".\"o_1_customer_id_idx\" ATTACH PARTITION \"public\".\"o_1_a_customer_id_idx\";",
                "ALTER INDEX \"public\".\"i\" ATTACH PARTITION \"public\".\"o_2_customer_id_idx\";",
                "ALTER INDEX \"public\".\"i\" ATTACH PARTITION \"public\".\"o_1_customer_id_idx\";",
            ]
        );
    }

    #[test]
    fn below_an_index_that_is_there_nothing_is_made() {
        use RelationKind::{Partitioned, Table};
        let mut middle = table("o_1", Partitioned, Some("orders"));
        middle.indexes = vec![index("o_1_idx", "customer_id")];
        let mut leaf = table("o_1_a", Table, Some("o_1"));
        leaf.indexes = vec![CatalogIndex { attached: true, ..index("o_1_a_idx", "customer_id") }];
        let lines = script(vec![table("orders", Partitioned, None), middle, leaf]);
        assert_eq!(lines.len(), 2, "{lines:?}");
        assert!(lines[1].ends_with("ATTACH PARTITION \"public\".\"o_1_idx\";"), "{lines:?}");
    }

    #[test]
    fn what_a_part_has_is_attached_and_names_are_free() {
        use RelationKind::{Partitioned, Table};
        let mut there = table("o_1", Table, Some("orders"));
        there.indexes = vec![index("own", "customer_id")];
        let mut attached = table("o_2", Table, Some("orders"));
        attached.indexes =
            vec![CatalogIndex { attached: true, ..index("of_another", "customer_id") }];
        let mut named = table("o_3", Table, Some("orders"));
        named.indexes = vec![index("o_3_customer_id_idx", "other")];
        let lines = script(vec![table("orders", Partitioned, None), there, attached, named]);
        let made = lines.iter().filter(|line| line.starts_with("CREATE")).count();
        assert_eq!(made, 3, "the parent's, and two of three parts': {lines:?}");
        assert!(lines.iter().any(|line| line.contains("\"o_3_customer_id_idx1\"")), "{lines:?}");
        let attach = "ALTER INDEX \"public\".\"i\" ATTACH PARTITION \"public\".\"own\";";
        assert!(lines.iter().any(|line| line == attach), "{lines:?}");
        assert!(lines.iter().any(|line| line.contains("\"o_2_customer_id_idx\"")), "{lines:?}");
    }
}
