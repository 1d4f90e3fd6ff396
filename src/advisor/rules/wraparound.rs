//! Tables whose oldest row is so many transactions old that PostgreSQL will stop taking writes one day.

use super::{Draft, Facts, Findings};
use crate::figures;
use crate::model::{RecommendationType, RelationKind, RiskLevel, Rule};

/// At two thousand million transactions nothing is written any more.
const END: f64 = 2_000_000_000.0;

/// At this age it is time, whatever the settings say.
const LATEST: f64 = 1_200_000_000.0;

pub(super) fn check(facts: &Facts<'_>, findings: &mut Findings) {
    let limit = facts.catalog.server.number("autovacuum_freeze_max_age").unwrap_or(200_000_000.0);
    for table in facts.catalog.tables.values() {
        let age = table.frozen_age as f64;
        // Autovacuum begins at its limit, whether it is on or off: half as much again means that it cannot.
        if table.kind != RelationKind::Table || age < (1.5 * limit).min(LATEST) {
            continue;
        }
        let mut draft =
            Draft::new(Rule::Wraparound, RecommendationType::Maintenance, table.name.to_string())
                // Close to the end every transaction counts, and freezing all rows takes longer.
                .sql(format!(
                    "VACUUM {}{}",
                    if age > END * 0.8 { "" } else { "(FREEZE) " },
                    table.name.quoted()
                ))
                .fact("Age of its oldest row", format!("{} transactions", figures::grouped(age)))
                .fact("Of what there is", figures::percent(100.0 * age / END));
        draft.title = format!("Freeze the rows of {}", table.name);
        draft.description = format!(
            "The oldest row of {} is {} transactions old. Autovacuum should have frozen it at {}, and could not. At \
             2,000 million PostgreSQL takes no more writes.",
            table.name,
            figures::grouped(age),
            figures::grouped(limit)
        );
        draft.tables = vec![table.name.clone()];
        draft.confidence = (0.9, "The age is read from the catalog.");
        draft.risk = if age > END / 2.0 {
            (
                RiskLevel::High,
                "More than half of the way is gone: look for old transactions, prepared ones and replication slots first.",
            )
        } else {
            (RiskLevel::Low, "It reads the whole table once, and blocks no session.")
        };
        draft.magnitude = age;
        findings.proposals.push(draft.proposal());
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::shop;
    use super::check;

    #[test]
    fn rows_that_autovacuum_should_have_frozen_are_frozen() {
        let mut shop = shop();
        shop.table().frozen_age = 199_000_000;
        assert!(shop.sql(check).is_empty());
        shop.table().frozen_age = 400_000_000;
        assert_eq!(shop.sql(check), ["VACUUM (FREEZE) \"public\".\"t\";"]);
        shop.set("autovacuum_freeze_max_age", "2000000000");
        assert!(shop.sql(check).is_empty());
        shop.table().frozen_age = 1_900_000_000;
        assert_eq!(shop.sql(check), ["VACUUM \"public\".\"t\";"]);
    }
}
