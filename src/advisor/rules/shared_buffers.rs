//! `shared_buffers` as PostgreSQL is delivered, on a database many times its size.

use super::{Draft, Facts, Findings};
use crate::figures;
use crate::model::{RecommendationType, RiskLevel, Rule};

const DELIVERED: f64 = 128.0 * 1024.0 * 1024.0;
const TIMES: f64 = 8.0;

pub(super) fn check(facts: &Facts<'_>, findings: &mut Findings) {
    let server = &facts.catalog.server;
    let Some(now) = server.number("shared_buffers").map(|pages| pages * 8192.0) else { return };
    let size = server.database_bytes as f64;
    if now > DELIVERED || size < TIMES * now {
        return;
    }
    // A quarter of memory is usual; memory cannot be seen from here, so a quarter of the data, at most what any server has.
    let megabytes = (size / 4.0 / 1048576.0).log2().floor().exp2().clamp(256.0, 1024.0);
    let mut draft = Draft::new(Rule::SharedBuffers, RecommendationType::Config, "shared_buffers")
        .server_setting("shared_buffers", &format!("'{megabytes:.0}MB'"))
        .fact("shared_buffers now", figures::bytes(now as i64))
        .fact("Size of the database", figures::bytes(server.database_bytes));
    draft.title = format!("Raise shared_buffers to {megabytes:.0} MB");
    draft.description = format!(
        "shared_buffers is {}, as PostgreSQL is delivered, and this database alone has {}. A quarter of the server's \
         memory is usual; take less than {megabytes:.0} MB if that is less. It needs a restart.",
        figures::bytes(now as i64),
        figures::bytes(server.database_bytes)
    );
    draft.confidence = (0.4, "The server's memory cannot be seen from here.");
    draft.risk = (
        RiskLevel::High,
        "It needs a restart; where the memory is not there PostgreSQL does not start, and the line has to be taken out of postgresql.auto.conf by hand.",
    );
    draft.magnitude = size / now;
    findings.proposals.push(draft.proposal());
}

#[cfg(test)]
mod tests {
    use super::super::testing::shop;
    use super::check;

    #[test]
    fn a_large_database_with_the_delivered_buffers_gets_more() {
        let mut shop = shop();
        shop.set("shared_buffers", "16384");
        shop.catalog.server.database_bytes = 200 << 20;
        assert!(shop.sql(check).is_empty());
        shop.catalog.server.database_bytes = 10 << 30;
        assert_eq!(shop.sql(check), ["ALTER SYSTEM SET shared_buffers = '1024MB';"]);
        shop.set("shared_buffers", "524288");
        assert!(shop.sql(check).is_empty());
    }
}
