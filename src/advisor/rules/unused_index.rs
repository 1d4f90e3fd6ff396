//! An index that nothing has used for a long time, as seen in several readings.

use super::{Draft, Facts, Findings};
use crate::figures;
use crate::model::{
    CatalogIndex, CatalogTable, RecommendationType, RejectedCandidate, RelationKind, RiskLevel,
    Rule, quote_identifier,
};

/// Below this an index is not worth a person's time.
const MIN_BYTES: i64 = 16 * 1024;
/// One reading says nothing of time.
const MIN_READINGS: i64 = 2;

pub(super) fn check(facts: &Facts<'_>, findings: &mut Findings) {
    for table in facts.catalog.tables.values() {
        for index in &table.indexes {
            if !may_go(table, index) || index.bytes < MIN_BYTES || index.unique {
                continue;
            }
            let usage = facts.usage.get(&(table.name.clone(), index.name.clone()));
            let usage = usage.copied().unwrap_or_default();
            if usage.readings < MIN_READINGS || usage.unused_days < facts.unused_after_days {
                continue;
            }
            if facts.used_by_plans.contains(&index.name) {
                keep(findings, table, index, "a statement of the workload is planned with it");
                continue;
            }
            let mut draft = draft(table, index, usage.unused_days);
            if let Some(days) = facts.catalog.server.days_counted(index) {
                draft = draft.fact("Its counters cover", figures::duration(86_400.0 * days));
            }
            findings.proposals.push(draft.proposal());
        }
    }
}

/// Whether an index may be dropped at all: nothing of the schema's meaning hangs on it.
pub(super) fn may_go(table: &CatalogTable, index: &CatalogIndex) -> bool {
    index.valid
        && !index.primary
        && index.constraint.is_none()
        && !index.replica_identity
        && !index.referenced
        && !index.clustered
        // It may be a part of its parent's index, which cannot be taken apart.
        && table.partition_of.is_none()
        && table.kind != RelationKind::Partitioned
        && !is_only_support_of_a_foreign_key(table, index)
}

fn is_only_support_of_a_foreign_key(table: &CatalogTable, index: &CatalogIndex) -> bool {
    table.foreign_keys.iter().any(|key| {
        index.supports(key)
            && !table.indexes.iter().any(|other| other.name != index.name && other.supports(key))
    })
}

fn keep(findings: &mut Findings, table: &CatalogTable, index: &CatalogIndex, reason: &str) {
    findings.rejected.push(RejectedCandidate {
        table: table.name.clone(),
        definition: drop_sql(table, index, false),
        reason: reason.to_owned(),
        estimated_bytes: Some(index.bytes),
        alone_percent: None,
    });
}

pub(super) fn drop_sql(table: &CatalogTable, index: &CatalogIndex, concurrently: bool) -> String {
    format!(
        "DROP INDEX {}{}.{}",
        // A partitioned index cannot be dropped concurrently.
        if concurrently && table.kind != RelationKind::Partitioned { "CONCURRENTLY " } else { "" },
        quote_identifier(&table.name.schema),
        quote_identifier(&index.name)
    )
}

/// What every proposal to drop an index says.
pub(super) fn drop_draft(rule: Rule, table: &CatalogTable, index: &CatalogIndex) -> Draft {
    let key = format!("{}.{}", table.name.schema, index.name);
    let mut draft =
        Draft::new(rule, RecommendationType::IndexDrop, key).sql(drop_sql(table, index, false));
    // The index of a partitioned table has its rows in those of the parts.
    if index.bytes > 0 {
        draft = draft.fact("Size", figures::bytes(index.bytes));
    }
    draft = draft.fact("Definition", index.definition.clone());
    draft.sql_fix = format!("{};", drop_sql(table, index, true));
    draft.tables = vec![table.name.clone()];
    draft.magnitude = index.bytes as f64;
    // A partitioned table counts no writes of its own: they are those of its parts.
    if let Some(activity) =
        table.activity.as_ref().filter(|_| table.kind != RelationKind::Partitioned)
    {
        let entries = activity.inserts + activity.updates - activity.hot_updates;
        draft = draft.fact(
            "Writes saved",
            format!(
                "an entry for each of {} rows inserted or updated since the counters began",
                figures::grouped(entries.max(0) as f64)
            ),
        );
    }
    draft
}

fn draft(table: &CatalogTable, index: &CatalogIndex, days: f64) -> Draft {
    let mut draft = drop_draft(Rule::UnusedIndex, table, index);
    let watched = figures::duration(86_400.0 * days);
    let not_scanned = match days {
        // Somebody asked for no patience at all.
        ..0.1 => "while it was watched".to_owned(),
        _ => format!("for {watched}"),
    };
    draft.title = format!("Drop {}, which nothing uses", index.name);
    draft.description = format!(
        "The index {} on {} was not scanned {not_scanned}, and no statement of the workload is \
         planned with it. It takes {} and slows every write down.",
        index.name,
        table.name,
        figures::bytes(index.bytes)
    );
    draft = draft.fact("Watched without a scan", watched);
    draft = draft.fact("Scans since the counters began", figures::grouped(index.scans as f64));
    draft.confidence = if index.scans == 0 && days >= 7.0 {
        (0.8, "Never scanned since the counters began, and watched over time.")
    } else if index.scans == 0 {
        (0.5, "Never scanned since the counters began, but watched for a short time only.")
    } else {
        (0.6, "Scanned earlier, and not once since it is watched.")
    };
    draft.risk = (
        RiskLevel::Medium,
        "A yearly report may still need it, and a standby counts its own scans: look there too. Made again from its definition.",
    );
    draft
}

#[cfg(test)]
mod tests {
    use super::super::IndexUsage;
    use super::super::testing::{Shop, index, name, shop};
    use super::check;
    use crate::model::ForeignKey;

    fn watched(days: f64) -> Shop {
        let mut shop = shop();
        shop.table().indexes = vec![index("t_a", &["a"])];
        let usage = IndexUsage { readings: 9, unused_days: days };
        shop.usage.insert((name("t"), "t_a".into()), usage);
        shop
    }

    #[test]
    fn an_index_without_a_scan_for_a_fortnight_goes() {
        assert_eq!(watched(15.0).sql(check), ["DROP INDEX \"public\".\"t_a\";"]);
    }

    #[test]
    fn one_reading_or_a_short_time_is_not_enough() {
        assert!(watched(3.0).sql(check).is_empty());
        let mut shop = watched(15.0);
        shop.usage.values_mut().for_each(|usage| usage.readings = 1);
        assert!(shop.sql(check).is_empty());
        shop.usage.clear();
        assert!(shop.sql(check).is_empty());
    }

    #[test]
    fn what_the_schema_needs_stays() {
        for change in [
            |i: &mut crate::model::CatalogIndex| i.constraint = Some("t_a_key".into()),
            |i: &mut crate::model::CatalogIndex| i.primary = true,
            |i: &mut crate::model::CatalogIndex| i.replica_identity = true,
            |i: &mut crate::model::CatalogIndex| i.referenced = true,
            |i: &mut crate::model::CatalogIndex| i.unique = true,
        ] {
            let mut shop = watched(15.0);
            shop.table().indexes.iter_mut().for_each(change);
            assert!(shop.sql(check).is_empty());
        }
        let mut shop = watched(15.0);
        shop.table().foreign_keys = vec![ForeignKey {
            name: "t_a_fkey".into(),
            columns: vec!["a".into()],
            references: name("parents"),
            referenced_columns: vec!["id".into()],
        }];
        assert!(shop.sql(check).is_empty(), "the foreign key's only support");
        shop.table().indexes.push(index("t_a_b", &["a", "b"]));
        assert_eq!(shop.sql(check).len(), 1, "another index supports it");
    }

    #[test]
    fn what_a_statement_is_planned_with_stays_and_says_so() {
        let mut shop = watched(15.0);
        shop.used_by_plans.insert("t_a".into());
        let findings = shop.check(check);
        assert!(findings.proposals.is_empty());
        assert!(findings.rejected[0].reason.contains("planned with it"));
    }
}
