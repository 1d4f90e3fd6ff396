//! A table that takes far more room than its rows need.

use super::{Draft, Facts, Findings};
use crate::figures;
use crate::model::{CatalogTable, RecommendationType, RelationKind, RiskLevel, Rule};

/// Bytes that are not worth an exclusive lock.
const MIN_WASTE: f64 = 4.0 * 1024.0 * 1024.0;
/// Share of the table, 0 to 1.
const MIN_SHARE: f64 = 0.4;
const PAGE: f64 = 8192.0;

pub(super) fn check(facts: &Facts<'_>, findings: &mut Findings) {
    for table in facts.catalog.tables.values().filter(|table| table.kind == RelationKind::Table) {
        let Some(needed) = needed_bytes(table) else { continue };
        let taken = table.pages * PAGE;
        let waste = taken - needed;
        if waste < MIN_WASTE || waste < MIN_SHARE * taken {
            continue;
        }
        let mut draft =
            Draft::new(Rule::TableBloat, RecommendationType::Maintenance, table.name.to_string())
                .sql(format!("VACUUM (FULL, ANALYZE) {}", table.name.quoted()))
                .fact("Takes", figures::bytes(taken as i64))
                .fact("Its rows need about", figures::bytes(needed as i64));
        draft.title = format!("Pack {}", table.name);
        draft.description = format!(
            "The rows of {} need about {}, and it takes {}: the rest is room of rows that are gone, and every scan \
             reads it. VACUUM FULL writes the table anew and locks it meanwhile; pg_repack does the same without.",
            table.name,
            figures::bytes(needed as i64),
            figures::bytes(taken as i64)
        );
        draft.tables = vec![table.name.clone()];
        draft.confidence =
            (0.6, "Reckoned from the rows' average width, not looked at page by page.");
        draft.risk = (
            RiskLevel::High,
            "Nobody can read or write the table while it is written anew. It cannot be undone.",
        );
        draft.magnitude = waste;
        findings.proposals.push(draft.proposal());
    }
}

/// Bytes that the rows would take, packed; absent without statistics on every column.
fn needed_bytes(table: &CatalogTable) -> Option<f64> {
    if table.rows < 1.0 || table.columns.is_empty() {
        return None;
    }
    let mut width = 0.0;
    for column in &table.columns {
        let share = 1.0 - column.null_share.unwrap_or_default();
        width += f64::from(column.average_width?) * share;
    }
    // 23 bytes of header and the null bitmap, aligned; a line pointer of 4; some padding between columns.
    let header = ((23.0 + (table.columns.len() as f64 / 8.0).ceil()) / 8.0).ceil() * 8.0;
    let row = header + (width / 8.0).ceil() * 8.0 + 4.0 + 4.0;
    let fill = table.options.iter().find_map(|option| option.strip_prefix("fillfactor="));
    let fill = fill.and_then(|fill| fill.parse::<f64>().ok()).unwrap_or(100.0) / 100.0;
    let per_page = ((PAGE - 24.0) * fill / row).floor().max(1.0);
    Some((table.rows / per_page).ceil() * PAGE)
}

#[cfg(test)]
mod tests {
    use super::super::testing::shop;
    use super::check;

    #[test]
    fn a_table_three_times_its_rows_is_packed() {
        let mut shop = shop();
        // 100,000 rows of 64 bytes are some 830 pages.
        assert!(shop.sql(check).is_empty());
        shop.table().pages = 2500.0;
        assert_eq!(shop.sql(check), ["VACUUM (FULL, ANALYZE) \"public\".\"t\";"]);
        shop.table().options = vec!["fillfactor=40".into()];
        assert!(shop.sql(check).is_empty(), "it is kept open on purpose");
        shop.table().options.clear();
        shop.table().columns[0].average_width = None;
        assert!(shop.sql(check).is_empty(), "nothing is known of its rows");
    }
}
