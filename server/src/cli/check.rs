//! `optischema check`: findings as a table.

use comfy_table::Table;
use optischema::model::{Finding, FindingLevel, Health, TargetHealth, TargetKind};

use super::remote::Remote;
use crate::config::Settings;
use crate::instance::is_served;
use crate::service::FUNCTIONS_IN_THE_WAY;

/// What a server on the data folder takes from main stands in place of what this command took: each process has a budget
/// of its own, and the server's is the one that counts.
pub(super) async fn tell_servers_usage(settings: &Settings, targets: &mut [TargetHealth]) {
    if !is_served(&settings.data_dir) {
        return;
    }
    let Ok(server) = Remote::of(settings) else { return };
    // A server that does not answer is no fault of main's.
    let Ok(health) = server.get::<Health>("/api/health").await else { return };
    let usage_of = |target: &TargetHealth| {
        let is_main = target.target == TargetKind::Main;
        let usage = target.findings.iter().find(|finding| finding.code == "main_budget");
        usage.filter(|_| is_main).map(|usage| (target.address.clone(), usage.message.clone()))
    };
    let Some((address, message)) = health.targets.iter().find_map(usage_of) else { return };
    for target in targets.iter_mut().filter(|target| target.address == address) {
        for usage in target.findings.iter_mut().filter(|finding| finding.code == "main_budget") {
            *usage = Finding::ok("main_budget", message.clone());
        }
    }
}

/// One line a finding, with what mends it.
pub(super) fn table(targets: &[TargetHealth]) -> Table {
    let mut table = super::table();
    table.set_header(["Target", "", "Finding", "Remedy"]);
    for target in targets {
        for finding in &target.findings {
            let mark = match finding.level {
                FindingLevel::Ok => "ok",
                FindingLevel::Warning => "warning",
                FindingLevel::Error => "error",
            };
            table.add_row([
                target.target.label(),
                mark,
                &finding.message,
                finding.remedy.as_deref().unwrap_or_default(),
            ]);
        }
    }
    table
}

/// Settings that a person pastes: a table breaks them.
pub(super) fn to_paste(targets: &[TargetHealth]) -> impl Iterator<Item = &str> {
    let findings = targets.iter().flat_map(|target| &target.findings);
    findings
        .filter(|finding| finding.code == FUNCTIONS_IN_THE_WAY)
        .filter_map(|finding| finding.remedy.as_deref())
}
