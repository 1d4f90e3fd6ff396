//! Autovacuum switched off, for a table or for all: dead rows stay, statistics age, and transaction ids run out.

use super::{Draft, Facts, Findings};
use crate::figures;
use crate::model::{RecommendationType, RiskLevel, Rule, TableActivity, quote_identifier};

pub(super) fn check(facts: &Facts<'_>, findings: &mut Findings) {
    for setting in ["autovacuum", "track_counts"] {
        if facts.catalog.server.is_on(setting) != Some(false) {
            continue;
        }
        let mut draft = Draft::new(Rule::AutovacuumOff, RecommendationType::Config, setting)
            .server_setting(setting, "on");
        draft.sql_fix.push_str("\nSELECT pg_reload_conf();");
        draft.title = format!("Switch {setting} on");
        draft.description = format!(
            "{setting} is off, so no table is vacuumed or analysed unless somebody does it: tables grow, and plans are \
             made for old data. Only what keeps transaction ids from running out is still done, late and all at once."
        );
        draft.confidence = (0.9, "The setting is off.");
        draft.risk = (RiskLevel::Low, "Vacuuming what has piled up takes time and I/O at first.");
        draft.magnitude = 1.0;
        findings.proposals.push(draft.proposal());
    }
    for table in facts.catalog.tables.values() {
        let is_off = |option: &String| {
            option
                .strip_prefix("autovacuum_enabled=")
                .is_some_and(|value| matches!(value, "false" | "off" | "no" | "0" | "f"))
        };
        if !table.options.iter().any(is_off) {
            continue;
        }
        let dead = table.activity.as_ref().map_or(0, |a: &TableActivity| a.dead_rows);
        let mut draft = Draft::new(
            Rule::AutovacuumOff,
            RecommendationType::Maintenance,
            table.name.to_string(),
        )
        .sql(format!("ALTER TABLE {} RESET (autovacuum_enabled)", table.name.quoted()))
        .fact("Dead rows", figures::grouped(dead as f64));
        draft.title = format!("Let autovacuum look after {}", table.name);
        draft.description = format!(
            "Autovacuum is switched off for {}: its dead rows stay, and its statistics age. VACUUM {} clears what has \
             piled up.",
            table.name,
            quote_identifier(&table.name.name)
        );
        draft.tables = vec![table.name.clone()];
        draft.confidence = (0.8, "The table's own setting says so.");
        draft.risk =
            (RiskLevel::Low, "Autovacuum gives way to other work; setting it again undoes it.");
        draft.magnitude = dead as f64;
        findings.proposals.push(draft.proposal());
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::shop;
    use super::check;

    #[test]
    fn a_table_of_its_own_and_the_whole_server() {
        let mut shop = shop();
        assert!(shop.sql(check).is_empty());
        shop.table().options = vec!["autovacuum_enabled=false".into()];
        assert_eq!(shop.sql(check), ["ALTER TABLE \"public\".\"t\" RESET (autovacuum_enabled);"]);
        shop.table().options = vec!["autovacuum_enabled=true".into(), "fillfactor=70".into()];
        assert!(shop.sql(check).is_empty());
        shop.set("autovacuum", "off");
        assert_eq!(shop.sql(check), ["ALTER SYSTEM SET autovacuum = on;"]);
        shop.set("autovacuum", "on");
        assert!(shop.sql(check).is_empty());
    }
}
