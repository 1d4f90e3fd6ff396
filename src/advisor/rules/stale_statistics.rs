//! Statistics that are missing, or older than the rows.

use super::{Draft, Facts, Findings};
use crate::figures;
use crate::model::{CatalogTable, RecommendationType, RelationKind, RiskLevel, Rule};

/// Share of rows changed since the last ANALYZE.
const MAX_CHANGED: f64 = 0.2;
const MIN_CHANGED: f64 = 1000.0;

pub(super) fn check(facts: &Facts<'_>, findings: &mut Findings) {
    for table in facts.catalog.tables.values() {
        if !matches!(table.kind, RelationKind::Table | RelationKind::MaterializedView) {
            continue;
        }
        let changed = table.activity.as_ref().map_or(0.0, |a| a.modified_since_analyze as f64);
        let never = table.rows < 0.0 && table.bytes > 8192;
        let stale = table.rows >= 0.0
            && !just_now(facts, table)
            && changed > (MAX_CHANGED * table.rows).max(MIN_CHANGED);
        if !never && !stale {
            continue;
        }
        let mut draft = Draft::new(
            Rule::StaleStatistics,
            RecommendationType::Statistics,
            table.name.to_string(),
        )
        .sql(format!("ANALYZE {}", table.name.quoted()))
        .fact("Rows changed since the last ANALYZE", figures::grouped(changed));
        draft.title = format!("Analyse {}", table.name);
        draft.description = if never {
            format!(
                "{} was never analysed: the planner guesses how many rows and values it has.",
                table.name
            )
        } else {
            format!(
                "{} of {} rows of {} changed since its statistics were taken, so plans are made for other data.",
                figures::grouped(changed),
                figures::grouped(table.rows),
                table.name
            )
        };
        draft.tables = vec![table.name.clone()];
        draft.confidence = if never {
            (0.9, "There are no statistics at all.")
        } else {
            (0.6, "The share of changed rows is counted; whether plans suffer is not.")
        };
        draft.risk = (
            RiskLevel::Low,
            "It reads a sample of the rows and blocks nobody. Plans may change, which cannot be undone.",
        );
        draft.magnitude = if never { table.bytes as f64 } else { changed };
        findings.proposals.push(draft.proposal());
    }
}

/// Whether it was analysed a moment ago: changes of before may be counted after it.
fn just_now(facts: &Facts<'_>, table: &CatalogTable) -> bool {
    let last = table.activity.as_ref().and_then(|activity| activity.last_analyze);
    match (last, facts.catalog.server.read_at) {
        (Some(last), Some(read_at)) => read_at.seconds_since(last) < 300.0,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::shop;
    use super::check;

    #[test]
    fn a_table_without_statistics_or_with_many_changes_is_analysed() {
        let mut shop = shop();
        assert!(shop.sql(check).is_empty());
        shop.table().activity.as_mut().unwrap().modified_since_analyze = 30_000;
        assert_eq!(shop.sql(check), ["ANALYZE \"public\".\"t\";"]);
        shop.table().activity = None;
        shop.table().rows = -1.0;
        assert_eq!(shop.sql(check).len(), 1);
    }

    #[test]
    fn an_empty_table_needs_none() {
        let mut shop = shop();
        shop.table().rows = -1.0;
        shop.table().bytes = 0;
        shop.table().activity = None;
        assert!(shop.sql(check).is_empty());
    }
}
