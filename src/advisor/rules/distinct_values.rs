//! A foreign key's column of which the statistics know far fewer values than the referenced table has rows:
//! samples of large tables underestimate them, and joins are then planned for too many rows each.

use super::{Draft, Facts, Findings};
use crate::figures;
use crate::model::{RecommendationType, RiskLevel, Rule, quote_identifier};

/// A sample of 30,000 rows sees a table of this size well enough.
const MIN_ROWS: f64 = 1_000_000.0;
const TIMES_TOO_FEW: f64 = 10.0;

pub(super) fn check(facts: &Facts<'_>, findings: &mut Findings) {
    for table in facts.catalog.tables.values().filter(|table| table.rows >= MIN_ROWS) {
        for key in table.foreign_keys.iter().filter(|key| key.columns.len() == 1) {
            let Some(column) = table.column(&key.columns[0]) else { continue };
            let Some(parent) = facts.catalog.tables.get(&key.references) else { continue };
            let known = match column.n_distinct {
                // A share of the rows grows with them, and is not what samples get wrong.
                Some(known) if known > 0.0 => known,
                _ => continue,
            };
            // Where few values are most of the rows, few values there are.
            let common: f64 = column.common_shares.iter().sum();
            if parent.rows < TIMES_TOO_FEW * known || common > 0.2 {
                continue;
            }
            let nulls = column.null_share.unwrap_or_default();
            let share = (parent.rows / table.rows).min(1.0 - nulls);
            if column.distinct_is_set {
                continue;
            }
            let set = format!(
                "ALTER TABLE {} ALTER COLUMN {} SET (n_distinct = {})",
                table.name.quoted(),
                quote_identifier(&column.name),
                -(share * 1e6).round() / 1e6
            );
            let mut draft = Draft::new(
                Rule::DistinctValues,
                RecommendationType::Statistics,
                format!("{}:{}", table.name, column.name),
            )
            .sql(&set)
            .fact("Values that the statistics know", figures::grouped(known))
            .fact("Rows of the referenced table", figures::grouped(parent.rows));
            draft.sql_fix = format!("{set};\nANALYZE {};", table.name.quoted());
            draft.title = format!("Set the number of values of {} in {}", column.name, table.name);
            draft.description = format!(
                "The statistics of {} know {} values of {}, but {} has {} rows that they refer to. Samples of \
                 large tables underestimate this, and every join is planned for {:.0} times too many rows a value, \
                 if most are referred to.",
                table.name,
                figures::grouped(known),
                column.name,
                key.references,
                figures::grouped(parent.rows),
                parent.rows / known
            );
            draft.tables = vec![table.name.clone()];
            draft.confidence = (
                0.4,
                "It assumes that most rows of the referenced table are referred to: count them first.",
            );
            draft.risk = (
                RiskLevel::Medium,
                "Plans of many statements may change. RESET (n_distinct) and ANALYZE undo it.",
            );
            draft.magnitude = parent.rows / known;
            findings.proposals.push(draft.proposal());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Shop, name, shop};
    use super::check;
    use crate::model::{CatalogTable, ForeignKey};

    fn large(known: f64, parents: f64) -> Shop {
        let mut shop = shop();
        let parent = CatalogTable { name: name("p"), rows: parents, ..CatalogTable::default() };
        shop.catalog.tables.insert(name("p"), parent);
        let table = shop.table();
        table.rows = 10_000_000.0;
        table.columns[1].n_distinct = Some(known);
        table.foreign_keys = vec![ForeignKey {
            name: "f".into(),
            columns: vec!["a".into()],
            references: name("p"),
            referenced_columns: vec!["id".into()],
        }];
        shop
    }

    #[test]
    fn far_too_few_values_are_set_right() {
        assert_eq!(
            large(20_000.0, 1_000_000.0).sql(check),
            ["ALTER TABLE \"public\".\"t\" ALTER COLUMN \"a\" SET (n_distinct = -0.1);"]
        );
    }

    #[test]
    fn a_plausible_number_a_share_or_a_small_table_stays() {
        assert!(large(900_000.0, 1_000_000.0).sql(check).is_empty());
        assert!(large(-0.1, 1_000_000.0).sql(check).is_empty());
        let mut small = large(20.0, 10_000.0);
        small.table().rows = 50_000.0;
        assert!(small.sql(check).is_empty());
    }
}
