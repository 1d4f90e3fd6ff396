//! `effective_cache_size` below `shared_buffers`: the planner then thinks that less is cached than
//! PostgreSQL itself keeps, and shuns indexes.

use super::{Draft, Facts, Findings};
use crate::figures;
use crate::model::{RecommendationType, RiskLevel, Rule};

pub(super) fn check(facts: &Facts<'_>, findings: &mut Findings) {
    let pages = |name: &str| facts.catalog.server.number(name).map(|pages| pages * 8192.0);
    let (Some(cache), Some(buffers)) = (pages("effective_cache_size"), pages("shared_buffers"))
    else {
        return;
    };
    if cache >= buffers {
        return;
    }
    let megabytes = 3.0 * buffers / 1048576.0;
    let mut draft = Draft::new(Rule::CacheSize, RecommendationType::Config, "effective_cache_size")
        .server_setting("effective_cache_size", &format!("'{megabytes:.0}MB'"))
        .fact("effective_cache_size now", figures::bytes(cache as i64))
        .fact("shared_buffers", figures::bytes(buffers as i64));
    draft.sql_fix.push_str("\nSELECT pg_reload_conf();");
    draft.title = format!("Raise effective_cache_size to {megabytes:.0} MB");
    draft.description = format!(
        "effective_cache_size ({}) is less than shared_buffers ({}), so the planner takes index scans for dearer than \
         they are. It reserves nothing: it says what PostgreSQL and the operating system cache together.",
        figures::bytes(cache as i64),
        figures::bytes(buffers as i64)
    );
    draft.confidence = (0.8, "One setting contradicts the other.");
    draft.risk = (RiskLevel::Low, "Plans may change; RESET and a reload undo it.");
    draft.magnitude = buffers / cache.max(1.0);
    findings.proposals.push(draft.proposal());
}

#[cfg(test)]
mod tests {
    use super::super::testing::shop;
    use super::check;

    #[test]
    fn the_cache_is_at_least_what_postgresql_keeps_itself() {
        let mut shop = shop();
        shop.set("shared_buffers", "131072");
        shop.set("effective_cache_size", "524288");
        assert!(shop.sql(check).is_empty());
        shop.set("effective_cache_size", "16384");
        assert_eq!(shop.sql(check), ["ALTER SYSTEM SET effective_cache_size = '3072MB';"]);
    }
}
