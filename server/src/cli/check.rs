//! `optischema check`: findings as a table.

use comfy_table::Table;
use optischema::model::{FindingLevel, TargetHealth};

/// One line a finding, with what mends it.
pub(super) fn table(targets: &[TargetHealth]) -> Table {
    let mut table = Table::new();
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
