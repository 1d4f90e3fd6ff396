//! Statements whose sorts and hashes do not fit into `work_mem`, and go through files.

use super::{Draft, Facts, Findings};
use crate::figures;
use crate::model::{
    RecommendationType, RiskLevel, Rule, StatementEvidence, TrackedStatement, quote_identifier,
};

/// 8 KiB blocks a call: less is hardly noticed.
const MIN_BLOCKS: f64 = 128.0;
/// Above this a setting for all sessions is no answer any more.
const MOST_MB: f64 = 256.0;

pub(super) fn check(facts: &Facts<'_>, findings: &mut Findings) {
    let now_kb = facts.catalog.server.number("work_mem").unwrap_or(4096.0);
    let mut spilling: Vec<(&TrackedStatement, f64)> = facts
        .statements
        .iter()
        // What ran once was somebody's script.
        .filter(|statement| statement.calls > 1)
        // Each block is written once and read once.
        .map(|statement| (statement, statement.temp_blocks as f64 / 2.0 / statement.calls as f64))
        .filter(|(_, blocks)| *blocks >= MIN_BLOCKS)
        .collect();
    spilling.sort_by(|a, b| b.0.total_time_ms.total_cmp(&a.0.total_time_ms));
    let Some(most) = spilling.iter().map(|(_, blocks)| *blocks).max_by(f64::total_cmp) else {
        return;
    };
    // What is written to a file takes some three times the room in memory.
    let wanted = (3.0 * most * 8.0 / 1024.0).log2().ceil().exp2();
    let megabytes = wanted.clamp(8.0, MOST_MB);
    if megabytes * 1024.0 <= now_kb {
        return;
    }
    let set = format!(
        "ALTER DATABASE {} SET work_mem = '{megabytes:.0}MB'",
        quote_identifier(&facts.catalog.database)
    );
    let connections = facts.catalog.server.number("max_connections").unwrap_or(100.0);
    let mut draft = Draft::new(Rule::SortMemory, RecommendationType::Config, "work_mem")
        .sql(set)
        .fact("work_mem now", figures::bytes((now_kb * 1024.0) as i64))
        .fact("Statements that spill", figures::grouped(spilling.len() as f64))
        .fact("Largest spill of one call", figures::bytes((most * 8192.0) as i64))
        .fact(
            "If every connection took it once",
            figures::bytes((connections * megabytes * 1024.0 * 1024.0) as i64),
        );
    draft.title = format!("Raise work_mem to {megabytes:.0} MB");
    draft.description = format!(
        "{} sorts or hashes to files, up to {} a call, since work_mem is {}. Where only one report needs it, SET LOCAL \
         work_mem in its transaction instead.",
        match spilling.len() {
            1 => "One statement writes".to_owned(),
            count => format!("{count} statements write"),
        },
        figures::bytes((most * 8192.0) as i64),
        figures::bytes((now_kb * 1024.0) as i64)
    );
    draft.statements = spilling
        .iter()
        .take(10)
        .map(|(statement, _)| StatementEvidence::unplanned(statement))
        .collect();
    draft.confidence = (0.5, "The spills are counted; how much memory they need is reckoned.");
    draft.risk = (
        RiskLevel::Medium,
        "Each sort of each session may take it, several at once: mind the server's memory.",
    );
    draft.magnitude = spilling.iter().map(|(statement, _)| statement.temp_blocks as f64).sum();
    findings.proposals.push(draft.proposal());
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Shop, shop};
    use super::check;
    use crate::model::{QueryHash, QueryKind, TrackedStatement};

    fn spilling(blocks: i64) -> Shop {
        let mut shop = shop();
        shop.set("work_mem", "4096");
        shop.statements.push(TrackedStatement {
            query_hash: QueryHash("aa".into()),
            sql: "SELECT 1 FROM t ORDER BY a".into(),
            kind: QueryKind::User,
            calls: 10,
            total_time_ms: 100.0,
            rows: 10,
            temp_blocks: blocks,
            plannable: Err(crate::model::NotPlanned::new(crate::model::ReasonCode::Other, "")),
        });
        shop
    }

    #[test]
    fn sorts_that_spill_get_the_memory_that_they_need() {
        // 1,000 blocks a call each way: 8 MB on disk, some 24 in memory.
        assert_eq!(spilling(20_000).sql(check), ["ALTER DATABASE \"shop\" SET work_mem = '32MB';"]);
    }

    #[test]
    fn a_small_spill_or_enough_memory_changes_nothing() {
        assert!(spilling(100).sql(check).is_empty());
        let mut shop = spilling(20_000);
        shop.set("work_mem", "65536");
        assert!(shop.sql(check).is_empty());
    }

    #[test]
    fn what_no_setting_would_hold_is_bounded() {
        assert!(spilling(200_000_000).sql(check)[0].contains("256MB"));
    }
}
