//! Dead rows that autovacuum has not cleared: every scan reads them too.

use super::{Draft, Facts, Findings};
use crate::figures;
use crate::model::{RecommendationType, RelationKind, RiskLevel, Rule};

const MIN_DEAD: f64 = 1000.0;
/// Times the number for which autovacuum comes: what it is about to clear is left to it.
const PATIENCE: f64 = 1.5;
/// Above this number of rows a fifth of them is too much to wait for.
const LARGE: f64 = 10_000_000.0;

pub(super) fn check(facts: &Facts<'_>, findings: &mut Findings) {
    let setting = |name: &str, usual: f64| facts.catalog.server.number(name).unwrap_or(usual);
    let scale = setting("autovacuum_vacuum_scale_factor", 0.2);
    let threshold = setting("autovacuum_vacuum_threshold", 50.0);
    // From 18 on; -1 switches it off.
    let most = Some(setting("autovacuum_vacuum_max_threshold", -1.0)).filter(|most| *most >= 0.0);
    let waits_for = |rows: f64| (threshold + scale * rows).min(most.unwrap_or(f64::INFINITY));
    for table in facts.catalog.tables.values().filter(|table| table.kind == RelationKind::Table) {
        let Some(activity) = &table.activity else { continue };
        let (dead, live) = (activity.dead_rows as f64, activity.live_rows as f64);
        // A weight of none leaves nothing to be said by the score.
        let weight = setting("autovacuum_vacuum_score_weight", 1.0);
        let overdue = match activity.vacuum_score.filter(|_| weight > 0.0) {
            Some(score) => score / weight > PATIENCE,
            None => dead > PATIENCE * waits_for(live),
        };
        if dead > MIN_DEAD && overdue {
            let mut draft = Draft::new(
                Rule::DeadRows,
                RecommendationType::Maintenance,
                format!("{}:vacuum", table.name),
            )
            .sql(format!("VACUUM (ANALYZE) {}", table.name.quoted()))
            .fact("Dead rows", figures::grouped(dead))
            .fact("Live rows", figures::grouped(live));
            draft.title = format!("Vacuum {}", table.name);
            draft.description = format!(
                "{} has {} dead rows beside {} live ones, more than autovacuum should let stand. Something keeps it \
                 away: it is off, too slow, or an old transaction still needs the rows.",
                table.name,
                figures::grouped(dead),
                figures::grouped(live)
            );
            draft.tables = vec![table.name.clone()];
            draft.confidence = (0.7, "Counted by PostgreSQL; estimates after a restart.");
            draft.risk = (
                RiskLevel::Low,
                "It blocks no reads and no writes. It cannot be undone, and need not be.",
            );
            draft.magnitude = dead;
            findings.proposals.push(draft.proposal());
        }
        let has_own =
            table.options.iter().any(|o| o.starts_with("autovacuum_vacuum_scale_factor="));
        if table.rows >= LARGE
            && waits_for(table.rows) >= 0.1 * table.rows
            && !has_own
            && activity.updates + activity.deletes > 0
        {
            let set = format!(
                "ALTER TABLE {} SET (autovacuum_vacuum_scale_factor = 0.01, autovacuum_analyze_scale_factor = 0.01)",
                table.name.quoted()
            );
            let waits = figures::grouped(waits_for(table.rows));
            let mut draft = Draft::new(
                Rule::DeadRows,
                RecommendationType::Maintenance,
                format!("{}:scale", table.name),
            )
            .sql(set)
            .fact("Dead rows before autovacuum comes", waits.clone());
            draft.title = format!("Vacuum {} more often", table.name);
            draft.description = format!(
                "{} has {} rows, so autovacuum waits for {waits} dead ones before it comes, and then has much to do at \
                 once.",
                table.name,
                figures::grouped(table.rows)
            );
            draft.tables = vec![table.name.clone()];
            draft.confidence = (0.5, "Arithmetic on the table's size and the server's settings.");
            draft.risk = (RiskLevel::Low, "Smaller vacuums, more often; RESET undoes it.");
            draft.magnitude = table.rows;
            findings.proposals.push(draft.proposal());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::shop;
    use super::check;

    #[test]
    fn what_autovacuum_left_is_vacuumed_and_what_it_will_clear_is_left_to_it() {
        let mut shop = shop();
        shop.table().activity.as_mut().unwrap().dead_rows = 21_000;
        assert!(shop.sql(check).is_empty());
        shop.table().activity.as_mut().unwrap().dead_rows = 60_000;
        assert_eq!(shop.sql(check), ["VACUUM (ANALYZE) \"public\".\"t\";"]);
    }

    #[test]
    fn what_autovacuum_itself_says_comes_first_and_its_highest_threshold_counts() {
        let mut shop = shop();
        shop.table().activity.as_mut().unwrap().dead_rows = 60_000;
        for (score, expected) in [(0.4, 0), (1.2, 0), (1.7, 1)] {
            shop.table().activity.as_mut().unwrap().vacuum_score = Some(score);
            assert_eq!(shop.sql(check).len(), expected, "{score}");
        }
        let activity = shop.table().activity.as_mut().unwrap();
        (activity.vacuum_score, activity.dead_rows) = (None, 10_000);
        assert!(shop.sql(check).is_empty());
        shop.set("autovacuum_vacuum_max_threshold", "5000");
        assert_eq!(shop.sql(check).len(), 1, "it comes for 5,000 already");
        shop.set("autovacuum_vacuum_max_threshold", "-1");
        assert!(shop.sql(check).is_empty(), "which is switched off");
        shop.table().activity.as_mut().unwrap().dead_rows = 0;
        shop.table().rows = 2e9;
        assert_eq!(shop.sql(check).len(), 1);
        shop.set("autovacuum_vacuum_max_threshold", "100000000");
        assert!(shop.sql(check).is_empty(), "a twentieth of its rows is soon enough");
    }

    #[test]
    fn a_large_table_gets_a_smaller_share_unless_it_has_its_own() {
        let mut shop = shop();
        shop.table().rows = 5e7;
        assert!(shop.sql(check)[0].contains("scale_factor = 0.01"));
        shop.table().options = vec!["autovacuum_vacuum_scale_factor=0.05".into()];
        assert!(shop.sql(check).is_empty());
    }
}
