//! Settings that lose data when the machine goes down.

use super::{Draft, Facts, Findings};
use crate::model::{RecommendationType, RiskLevel, Rule};

pub(super) fn check(facts: &Facts<'_>, findings: &mut Findings) {
    for (setting, lost) in [
        ("fsync", "a crash of the machine can destroy the whole database"),
        ("full_page_writes", "a crash in the middle of a write can destroy pages for good"),
    ] {
        if facts.catalog.server.is_on(setting) != Some(false) {
            continue;
        }
        let mut draft = Draft::new(Rule::Durability, RecommendationType::Config, setting)
            .server_setting(setting, "on");
        draft.sql_fix.push_str("\nSELECT pg_reload_conf();");
        draft.title = format!("Switch {setting} on");
        draft.description = format!(
            "{setting} is off: {lost}. Where losing the last moment is acceptable, synchronous_commit = off gains most of the speed without that danger."
        );
        draft.confidence = (0.9, "The setting is off.");
        draft.risk = (RiskLevel::Low, "Writes take longer: they wait for the disk.");
        draft.magnitude = 1.0;
        findings.proposals.push(draft.proposal());
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::shop;
    use super::check;

    #[test]
    fn what_loses_data_is_switched_on() {
        let mut shop = shop();
        assert!(shop.sql(check).is_empty());
        shop.set("fsync", "off");
        shop.set("full_page_writes", "on");
        assert_eq!(shop.sql(check), ["ALTER SYSTEM SET fsync = on;"]);
    }
}
