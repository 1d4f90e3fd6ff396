//! A table that takes far more room than its rows need.

use super::{Draft, Facts, Findings};
use crate::figures;
use crate::model::{
    Catalog, CatalogTable, RecommendationType, RelationKind, ReplicaIdentity, RiskLevel, Rule,
};

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
        let way = Way::of(facts.catalog, table);
        let mut draft =
            Draft::new(Rule::TableBloat, RecommendationType::Maintenance, table.name.to_string())
                .sql(way.sql(table))
                .fact("Takes", figures::bytes(taken as i64))
                .fact("Its rows need about", figures::bytes(needed as i64));
        draft.title = format!("Pack {}", table.name);
        draft.description = format!(
            "The rows of {} need about {}, and it takes {}: the rest is room of rows that are gone, and every scan \
             reads it. {}",
            table.name,
            figures::bytes(needed as i64),
            figures::bytes(taken as i64),
            way.sentence()
        );
        draft.tables = vec![table.name.clone()];
        draft.confidence =
            (0.6, "Reckoned from the rows' average width, not looked at page by page.");
        draft.risk = way.risk();
        draft.magnitude = waste;
        findings.proposals.push(draft.proposal());
    }
}

/// How a table is written anew.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Way {
    /// Beside those who read and write it (PostgreSQL 19).
    Concurrently,
    /// Under a lock, with the reason why it is not done beside others.
    Locked(Option<String>),
}

impl Way {
    fn of(catalog: &Catalog, table: &CatalogTable) -> Self {
        if catalog.server.version_number < FIRST_WITH_REPACK {
            return Self::Locked(None);
        }
        match hindrance(catalog, table) {
            Some(hindrance) => Self::Locked(Some(hindrance)),
            None => Self::Concurrently,
        }
    }

    fn sql(&self, table: &CatalogTable) -> String {
        match self {
            Self::Concurrently => format!("REPACK (CONCURRENTLY, ANALYZE) {}", table.name.quoted()),
            Self::Locked(_) => format!("VACUUM (FULL, ANALYZE) {}", table.name.quoted()),
        }
    }

    fn sentence(&self) -> String {
        match self {
            Self::Concurrently => {
                "REPACK (CONCURRENTLY) writes the table and its indexes anew while others read and \
                                   write it, and locks it for a moment at the end."
                    .to_owned()
            }
            Self::Locked(None) => {
                "VACUUM FULL writes the table anew and locks it meanwhile; pg_repack does the same \
                                   without."
                    .to_owned()
            }
            Self::Locked(Some(hindrance)) => format!(
                "VACUUM FULL writes the table anew and locks it meanwhile. REPACK (CONCURRENTLY) would not, but \
                 {hindrance}."
            ),
        }
    }

    const fn risk(&self) -> (RiskLevel, &'static str) {
        match self {
            Self::Concurrently => (
                RiskLevel::Medium,
                "It needs twice the space while it runs: the new table exists next to the old one, and logged changes wait for it. A transaction whose snapshot is older than its end sees the table empty afterwards. It cannot be undone.",
            ),
            Self::Locked(_) => (
                RiskLevel::High,
                "Reads and writes of the table wait while it is rewritten. It cannot be undone.",
            ),
        }
    }
}

/// The version that brings `REPACK`.
const FIRST_WITH_REPACK: i32 = 190_000;

/// Why `REPACK (CONCURRENTLY)` refuses a table, in the order in which 19 looks.
fn hindrance(catalog: &Catalog, table: &CatalogTable) -> Option<String> {
    let setting = |name: &str| catalog.server.settings.get(name).map(|known| known.value.as_str());
    if table.unlogged {
        return Some("the table is not logged".to_owned());
    }
    match table.replica_identity {
        ReplicaIdentity::Nothing => return Some("its REPLICA IDENTITY is NOTHING".to_owned()),
        ReplicaIdentity::Full => return Some("its REPLICA IDENTITY is FULL".to_owned()),
        ReplicaIdentity::Index if table.indexes.iter().any(|index| index.replica_identity) => {}
        ReplicaIdentity::Index => {
            return Some("the index that was its REPLICA IDENTITY is gone".to_owned());
        }
        ReplicaIdentity::Default => {
            match table.indexes.iter().find(|index| index.primary) {
                None => {
                    return Some(
                        "the table has no primary key and no other replica identity".to_owned(),
                    );
                }
                Some(key) if key.deferrable => {
                    return Some("its primary key is deferrable: REPLICA IDENTITY USING INDEX can name another".to_owned());
                }
                Some(_) => {}
            }
        }
    }
    if setting("wal_level") == Some("minimal") {
        return Some("wal_level is minimal, and it reads the changes from the log".to_owned());
    }
    if setting("max_repack_replication_slots") == Some("0") {
        return Some("max_repack_replication_slots is 0".to_owned());
    }
    None
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
    use super::super::testing::{index, shop};
    use super::{ReplicaIdentity, check};

    #[test]
    fn from_19_on_it_is_packed_beside_others_where_that_can_be() {
        let mut shop = shop();
        shop.table().pages = 2500.0;
        let full = ["VACUUM (FULL, ANALYZE) \"public\".\"t\";"];
        let beside = ["REPACK (CONCURRENTLY, ANALYZE) \"public\".\"t\";"];
        shop.table().indexes = vec![index("t_pkey", &["id"])];
        shop.table().indexes[0].primary = true;
        assert_eq!(shop.sql(check), full, "18 has no REPACK");
        shop.catalog.server.version_number = 190_000;
        assert_eq!(shop.sql(check), beside);
        shop.table().unlogged = true;
        assert_eq!(shop.sql(check), full);
        shop.table().unlogged = false;
        shop.table().indexes[0].deferrable = true;
        assert_eq!(shop.sql(check), full);
        shop.table().replica_identity = ReplicaIdentity::Index;
        assert_eq!(shop.sql(check), full, "that index is gone");
        shop.table().indexes.push(index("identity", &["id"]));
        shop.table().indexes[1].replica_identity = true;
        assert_eq!(shop.sql(check), beside);
        for identity in [ReplicaIdentity::Full, ReplicaIdentity::Nothing] {
            shop.table().replica_identity = identity;
            assert_eq!(shop.sql(check), full);
        }
        shop.table().replica_identity = ReplicaIdentity::Default;
        shop.table().indexes[0].deferrable = false;
        for (name, value, other) in
            [("wal_level", "minimal", "replica"), ("max_repack_replication_slots", "0", "5")]
        {
            shop.set(name, value);
            assert_eq!(shop.sql(check), full, "{name}");
            shop.set(name, other);
            assert_eq!(shop.sql(check), beside, "{name}");
        }
        shop.table().indexes.clear();
        assert_eq!(shop.sql(check), full, "it has no key");
    }

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
