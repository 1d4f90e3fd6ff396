//! An index that takes far more room than it would when built anew.

use super::{Draft, Facts, Findings};
use crate::advisor::{IndexCandidate, index_size};
use crate::figures;
use crate::model::{
    CatalogIndex, CatalogTable, IndexMethod, RecommendationType, RiskLevel, Rule, quote_identifier,
};

const MIN_WASTE: i64 = 4 * 1024 * 1024;
const TIMES: f64 = 2.0;

pub(super) fn check(facts: &Facts<'_>, findings: &mut Findings) {
    for table in facts.catalog.tables.values() {
        for index in table.indexes.iter().filter(|index| index.valid) {
            let Some(needed) = needed_bytes(table, index) else { continue };
            if index.bytes - needed < MIN_WASTE || (index.bytes as f64) < TIMES * needed as f64 {
                continue;
            }
            let name = format!(
                "{}.{}",
                quote_identifier(&table.name.schema),
                quote_identifier(&index.name)
            );
            let key = format!("{}.{}", table.name.schema, index.name);
            let mut draft = Draft::new(Rule::IndexBloat, RecommendationType::Maintenance, key)
                .sql(format!("REINDEX INDEX {name}"))
                .fact("Takes", figures::bytes(index.bytes))
                .fact("Size after a rebuild, about", figures::bytes(needed));
            draft.sql_fix = format!("REINDEX INDEX CONCURRENTLY {name};");
            draft.title = format!("Rebuild {}", index.name);
            draft.description = format!(
                "{} on {} takes {}. After a rebuild it would take about {}.",
                index.name,
                table.name,
                figures::bytes(index.bytes),
                figures::bytes(needed)
            );
            draft.tables = vec![table.name.clone()];
            draft.confidence = (0.5, "The size of a new one is reckoned from statistics.");
            draft.risk = (
                RiskLevel::Low,
                "Concurrently it blocks no writes; it needs the room of both meanwhile.",
            );
            draft.magnitude = (index.bytes - needed) as f64;
            findings.proposals.push(draft.proposal());
        }
    }
}

fn needed_bytes(table: &CatalogTable, index: &CatalogIndex) -> Option<i64> {
    if index.method != IndexMethod::Btree || index.predicate.is_some() || table.rows < 0.0 {
        return None;
    }
    let columns: Option<Vec<&str>> = index.key_columns.iter().map(Option::as_deref).collect();
    let candidate = IndexCandidate {
        include: index.include.clone(),
        ..IndexCandidate::btree(table.name.clone(), &columns?)
    };
    index_size(table, &candidate).map(|size| size.bytes)
}

#[cfg(test)]
mod tests {
    use super::super::testing::{index, shop};
    use super::check;

    #[test]
    fn an_index_of_many_times_its_size_is_built_anew() {
        let mut shop = shop();
        shop.table().indexes = vec![index("t_a", &["a"])];
        // 100,000 entries of 20 bytes are some 2 MB.
        shop.table().indexes[0].bytes = 2_300_000;
        assert!(shop.sql(check).is_empty());
        shop.table().indexes[0].bytes = 20_000_000;
        assert_eq!(shop.sql(check), ["REINDEX INDEX \"public\".\"t_a\";"]);
        shop.table().indexes[0].predicate = Some("(b > 1)".into());
        assert!(shop.sql(check).is_empty(), "how many rows it holds is not known");
    }
}
