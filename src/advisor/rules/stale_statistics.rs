//! Statistics that are missing, or older than the rows.

use super::{Draft, Facts, Findings};
use crate::figures;
use crate::model::{CatalogTable, Proposal, RecommendationType, RelationKind, RiskLevel, Rule};

/// Share of rows changed since the last ANALYZE.
const MAX_CHANGED: f64 = 0.2;
const MIN_CHANGED: f64 = 1000.0;

pub(super) fn check(facts: &Facts<'_>, findings: &mut Findings) {
    for table in facts.catalog.tables.values() {
        if table.kind == RelationKind::Partitioned {
            findings.proposals.extend(never_as_a_whole(facts, table));
            continue;
        }
        if !matches!(table.kind, RelationKind::Table | RelationKind::MaterializedView) {
            continue;
        }
        let changed = table.activity.as_ref().map_or(0.0, |a| a.modified_since_analyze as f64);
        let never = table.rows < 0.0 && table.bytes > 8192;
        let stale = table.rows >= 0.0
            && !just_now(facts, table)
            && !counted_late(table)
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
            "It reads a sample of the rows and blocks no session. Plans may change, which cannot be undone.",
        );
        draft.magnitude = if never { table.bytes as f64 } else { changed };
        findings.proposals.push(draft.proposal());
    }
}

/// Autovacuum analyses partitions and never their parent: what the parts have in common nobody knows until a person asks.
fn never_as_a_whole(facts: &Facts<'_>, table: &CatalogTable) -> Option<Proposal> {
    let is_known = table.columns.iter().any(|column| column.n_distinct.is_some());
    let parts: Vec<&CatalogTable> = facts.catalog.parts_of(&table.name);
    let rows: f64 = parts.iter().map(|part| part.rows.max(0.0)).sum();
    if is_known || table.partition_of.is_some() || rows < MIN_CHANGED {
        return None;
    }
    let mut draft =
        Draft::new(Rule::StaleStatistics, RecommendationType::Statistics, table.name.to_string())
            .sql(format!("ANALYZE {}", table.name.quoted()))
            .fact("Rows of its partitions", figures::grouped(rows));
    draft.title = format!("Analyse {}", table.name);
    draft.description = format!(
        "Autovacuum analyses the partitions of {} and never the table as a whole, so the planner guesses how many different values its columns have: groups, joins and their memory are planned for other numbers. Its statistics must be taken by hand, and again from time to time.",
        table.name
    );
    draft.tables = vec![table.name.clone()];
    draft.confidence = (0.9, "There are no statistics of the whole.");
    draft.risk = (
        RiskLevel::Low,
        "It reads a sample of the rows of every partition and blocks no session. Plans may change, which cannot be undone.",
    );
    draft.magnitude = rows;
    Some(draft.proposal())
}

/// Whether it was analysed a moment ago: changes of before may be counted after it.
fn just_now(facts: &Facts<'_>, table: &CatalogTable) -> bool {
    let last = table.activity.as_ref().and_then(|activity| activity.last_analyze);
    match (last, facts.catalog.server.read_at) {
        (Some(last), Some(read_at)) => read_at.seconds_since(last) < 300.0,
        _ => false,
    }
}

/// Whether the counter of changed rows only holds what the statistics have seen already.
///
/// A session's counters of a load may be reported after the ANALYZE that ended it, and then stay: PostgreSQL 13 to 18, see
/// `findings/counters-of-a-load-arrive-after-its-analyze.sh`. The counter then equals all inserts ever, although the table was
/// analyzed, and the planner knows about as many rows as there are.
fn counted_late(table: &CatalogTable) -> bool {
    let Some(activity) = &table.activity else { return false };
    let only_loaded = activity.updates == 0 && activity.deletes == 0;
    let has_statistics = table.columns.iter().any(|column| column.n_distinct.is_some());
    let knows_the_rows = table.rows >= (1.0 - MAX_CHANGED) * activity.live_rows as f64;
    activity.last_analyze.is_some()
        && only_loaded
        && activity.modified_since_analyze >= activity.inserts
        && has_statistics
        && knows_the_rows
}

#[cfg(test)]
mod tests {
    use super::super::testing::shop;
    use super::check;
    use crate::model::CatalogTable;

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
    fn a_table_that_was_loaded_and_analyzed_by_one_session_needs_none() {
        let mut shop = shop();
        let activity = shop.table().activity.as_mut().unwrap();
        *activity = crate::model::TableActivity {
            inserts: 100_000,
            live_rows: 100_000,
            modified_since_analyze: 100_000,
            last_analyze: Some(crate::model::Timestamp::from_millisecond(0)),
            ..crate::model::TableActivity::default()
        };
        assert!(shop.sql(check).is_empty());
        // Rows that came later, rows that changed, and columns without statistics are none of a load.
        let spoils: [fn(&mut CatalogTable); 4] = [
            |table| table.rows = 10_000.0,
            |table| table.activity.as_mut().unwrap().updates = 50_000,
            |table| table.columns.iter_mut().for_each(|column| column.n_distinct = None),
            |table| table.activity.as_mut().unwrap().last_analyze = None,
        ];
        for spoil in spoils {
            let kept = shop.table().clone();
            spoil(shop.table());
            assert_eq!(shop.sql(check).len(), 1);
            *shop.table() = kept;
        }
    }

    #[test]
    fn a_partitioned_table_is_analysed_as_a_whole() {
        let mut shop = shop();
        let mut part = shop.table().clone();
        part.name = crate::model::TableName::new("public", "t_1");
        part.partition_of = Some(shop.table().name.clone());
        shop.catalog.tables.insert(part.name.clone(), part);
        shop.table().kind = crate::model::RelationKind::Partitioned;
        shop.table().columns.iter_mut().for_each(|column| column.n_distinct = None);
        assert_eq!(shop.sql(check), ["ANALYZE \"public\".\"t\";"]);
        shop.table().columns[0].n_distinct = Some(10.0);
        assert!(shop.sql(check).is_empty());
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
