//! What the system catalogs say of a database: facts, read once and passed around.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{AccessMethod, IndexMethod, OperatorClass, RowSecurity, TableName, Timestamp};

/// The tables of one database, with their columns, indexes and statistics.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Catalog {
    /// The database's name.
    pub database: String,
    /// The role that read it.
    #[serde(default)]
    pub role: String,
    /// `search_path`, in order, as schema names.
    pub search_path: Vec<String>,
    pub tables: BTreeMap<TableName, CatalogTable>,
    /// The query behind each view, with every name in full.
    #[serde(default)]
    pub views: BTreeMap<TableName, String>,
    /// The query that fills each materialized view, likewise.
    #[serde(default)]
    pub materialized: BTreeMap<TableName, String>,
    /// Schemas in which a type of a name stands: those of the database, without rows of tables and arrays.
    #[serde(default)]
    pub types: BTreeMap<String, Vec<String>>,
    /// The first label of each enum, by the type's name in full, quoted where it must be.
    #[serde(default)]
    pub first_labels: BTreeMap<String, String>,
    /// Names of functions and procedures of the database, those of extensions left out.
    #[serde(default)]
    pub functions: BTreeSet<String>,
    /// Schemas of functions outside of PostgreSQL's own, by name; names that PostgreSQL has, too, are left out.
    #[serde(default)]
    pub function_schemas: BTreeMap<String, Vec<String>>,
    /// Those of them that are in SQL, so that a body may stand in the place of a call: schema and name, quoted where
    /// PostgreSQL quotes them.
    #[serde(default)]
    pub inlined_functions: BTreeSet<String>,
    /// Functions of the database that take nothing and give one value, as SQL names them in full, with its type. In a
    /// policy they stand for what a session is.
    #[serde(default)]
    pub session_values: BTreeMap<String, String>,
    /// Row security of the tables that have it.
    #[serde(default)]
    pub row_security: BTreeMap<TableName, RowSecurity>,
    /// Views that read their tables as the role that asks them (`security_invoker`, from 15 on); others read as their
    /// owner.
    #[serde(default)]
    pub invoker_views: BTreeSet<TableName>,
    /// Tables and views that another session had for itself while the catalogs were read: nothing else is known of them.
    #[serde(default)]
    pub locked: BTreeSet<TableName>,
    /// What the access methods of the database can search and order by, those of extensions included.
    #[serde(default)]
    pub operator_classes: Vec<OperatorClass>,
    /// What holds for the server and the database as a whole.
    #[serde(default)]
    pub server: ServerFacts,
}

impl Catalog {
    /// A table as a statement names it: by schema, or through the search path.
    #[must_use]
    pub fn resolve(&self, schema: &str, name: &str) -> Option<&CatalogTable> {
        if !schema.is_empty() {
            return self.tables.get(&TableName::new(schema, name));
        }
        self.search_path.iter().find_map(|path| self.tables.get(&TableName::new(path, name)))
    }

    /// The schema in which the search path finds a name.
    #[must_use]
    pub fn schema_of<'c>(
        &'c self,
        name: &str,
        of: &'c BTreeMap<String, Vec<String>>,
    ) -> Option<&'c str> {
        let schemas = of.get(name)?;
        self.search_path.iter().find(|schema| schemas.contains(schema)).map(String::as_str)
    }

    /// Gives a partitioned table that nobody has analysed the values that its largest partition has: autovacuum analyses
    /// partitions, and never what they are parts of. How many different ones there are in all is not known from that.
    pub fn fill_from_partitions(&mut self) {
        let parents = self.tables.values().filter(|table| {
            table.kind == RelationKind::Partitioned
                && table.columns.iter().all(|column| column.n_distinct.is_none())
        });
        let parents: Vec<TableName> = parents.map(|table| table.name.clone()).collect();
        for parent in parents {
            let mut parts: Vec<&CatalogTable> =
                self.tables.values().filter(|part| self.is_below(part, &parent)).collect();
            parts.sort_by(|a, b| b.rows.total_cmp(&a.rows));
            let known = |name: &str| {
                let columns = parts.iter().filter_map(|part| part.column(name));
                columns.into_iter().find(|column| column.n_distinct.is_some()).cloned()
            };
            let Some(table) = self.tables.get(&parent) else { continue };
            let mut columns = table.columns.clone();
            for column in &mut columns {
                if let Some(known) = known(&column.name) {
                    column.null_share = known.null_share;
                    column.average_width = known.average_width;
                    column.common_values = known.common_values;
                    column.common_shares = known.common_shares;
                    column.histogram = known.histogram;
                }
            }
            if let Some(table) = self.tables.get_mut(&parent) {
                table.columns = columns;
            }
        }
    }

    /// The partitioned tables that a table is a part of, the nearest first.
    #[must_use]
    pub fn ancestors_of(&self, table: &TableName) -> Vec<&TableName> {
        let mut found = Vec::new();
        let mut at = self.tables.get(table).and_then(|table| table.partition_of.as_ref());
        while let Some(parent) = at.filter(|parent| !found.contains(parent)) {
            found.push(parent);
            at = self.tables.get(parent).and_then(|table| table.partition_of.as_ref());
        }
        found
    }

    /// Every partition of a table, and theirs.
    #[must_use]
    pub fn parts_of(&self, top: &TableName) -> Vec<&CatalogTable> {
        self.tables.values().filter(|part| self.is_below(part, top)).collect()
    }

    /// Whether a table is a partition of another, or of one of its partitions.
    fn is_below(&self, part: &CatalogTable, top: &TableName) -> bool {
        let mut at = part.partition_of.as_ref();
        // A cycle cannot be, and would not end.
        for _ in 0..32 {
            match at {
                Some(parent) if parent == top => return true,
                Some(parent) => at = self.tables.get(parent).and_then(|t| t.partition_of.as_ref()),
                None => return false,
            }
        }
        false
    }
}

/// One table, partitioned table or materialised view.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct CatalogTable {
    pub name: TableName,
    pub kind: RelationKind,
    /// `reltuples`: live rows at the last ANALYZE; negative where there was none.
    pub rows: f64,
    /// `pg_table_size`.
    pub bytes: i64,
    /// `relpages`: 8 KiB pages at the last VACUUM or ANALYZE.
    #[serde(default)]
    pub pages: f64,
    /// `relallvisible`: pages that an index-only scan need not visit.
    #[serde(default)]
    pub all_visible_pages: f64,
    pub columns: Vec<CatalogColumn>,
    pub indexes: Vec<CatalogIndex>,
    #[serde(default)]
    pub foreign_keys: Vec<ForeignKey>,
    /// `CREATE STATISTICS` objects.
    #[serde(default)]
    pub statistics: Vec<ExtendedStatistics>,
    /// `reloptions`, as `name=value`.
    #[serde(default)]
    pub options: Vec<String>,
    /// `age(relfrozenxid)`: transactions since its oldest row may have been written.
    #[serde(default)]
    pub frozen_age: i64,
    /// Absent where the counters cannot be read.
    #[serde(default)]
    pub activity: Option<TableActivity>,
    /// Whether other tables inherit from it, without being partitions: a key of its own is none of theirs.
    #[serde(default)]
    pub has_children: bool,
    /// The partitioned table that it is a part of.
    #[serde(default)]
    pub partition_of: Option<TableName>,
    /// What names its rows to those who read the changes.
    #[serde(default)]
    pub replica_identity: ReplicaIdentity,
    /// Whether its changes are not logged (`UNLOGGED`).
    #[serde(default)]
    pub unlogged: bool,
}

/// `pg_class.relreplident`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReplicaIdentity {
    /// Its primary key, where it has one.
    #[default]
    Default,
    /// An index that was chosen: the one whose `replica_identity` is set.
    Index,
    /// All columns.
    Full,
    Nothing,
}

/// `pg_stat_all_tables`, since the counters were reset.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct TableActivity {
    pub sequential_scans: i64,
    pub index_scans: i64,
    pub inserts: i64,
    pub updates: i64,
    /// Updates that touched no index (heap-only tuples).
    pub hot_updates: i64,
    pub deletes: i64,
    pub live_rows: i64,
    pub dead_rows: i64,
    pub modified_since_analyze: i64,
    /// `pg_stat_autovacuum_scores.vacuum_score`: times the number of dead rows for which autovacuum comes, times
    /// `autovacuum_vacuum_score_weight`. Absent before PostgreSQL 19.
    #[serde(default)]
    pub vacuum_score: Option<f64>,
    /// By hand or by autovacuum.
    pub last_vacuum: Option<Timestamp>,
    pub last_analyze: Option<Timestamp>,
}

impl TableActivity {
    /// The share of updates that left all indexes alone, 0 to 1; absent without updates.
    #[must_use]
    pub fn hot_share(&self) -> Option<f64> {
        (self.updates > 0).then(|| self.hot_updates as f64 / self.updates as f64)
    }
}

/// A foreign key of a table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ForeignKey {
    pub name: String,
    pub columns: Vec<String>,
    pub references: TableName,
    pub referenced_columns: Vec<String>,
}

/// `pg_statistic_ext`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ExtendedStatistics {
    pub name: String,
    pub columns: Vec<String>,
    /// `stxkind`: `d` n_distinct, `f` dependencies, `m` most common values.
    pub kinds: Vec<String>,
}

/// Settings, sequences and counters of the whole database.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ServerFacts {
    /// `server_version_num`.
    pub version_number: i32,
    /// By name.
    pub settings: BTreeMap<String, Setting>,
    pub sequences: Vec<SequenceFacts>,
    /// `age(datfrozenxid)`.
    pub frozen_age: i64,
    /// When the counters of tables and indexes begin.
    pub counters_since: Option<Timestamp>,
    /// When this was read.
    pub read_at: Option<Timestamp>,
    pub extensions: BTreeSet<String>,
    /// Extensions that are there to be created.
    pub available_extensions: BTreeSet<String>,
    pub database_bytes: i64,
}

impl ServerFacts {
    /// A setting as a number in its unit, where it is one.
    #[must_use]
    pub fn number(&self, name: &str) -> Option<f64> {
        self.settings.get(name)?.value.parse().ok()
    }

    /// Whether a setting is on.
    #[must_use]
    pub fn is_on(&self, name: &str) -> Option<bool> {
        self.settings.get(name).map(|setting| setting.value == "on")
    }

    /// Days that the counters of an index cover: since they were reset for the database or for the index, whichever was
    /// last.
    #[must_use]
    pub fn days_counted(&self, index: &CatalogIndex) -> Option<f64> {
        let since = self.counters_since.max(index.counters_since)?;
        Some(self.read_at?.seconds_since(since) / 86_400.0)
    }
}

/// One row of `pg_settings`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Setting {
    pub value: String,
    pub unit: Option<String>,
    /// `default`, `configuration file`, …
    pub source: String,
}

/// A sequence, and the column that it fills.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SequenceFacts {
    pub name: TableName,
    /// Absent while it was never used.
    pub last_value: Option<i64>,
    pub max_value: i64,
    pub min_value: i64,
    /// `smallint`, `integer` or `bigint`.
    pub data_type: String,
    pub increment: i64,
    pub cycles: bool,
    /// The column that it fills, by its default or as an identity, with its type; of a domain the type that it is made of.
    pub owner: Option<(TableName, String, String)>,
    /// Views that read the column, and views that read those: each behind what it reads.
    #[serde(default)]
    pub readers: Vec<TableName>,
    /// What else keeps the column's type from being changed, in PostgreSQL's words.
    #[serde(default)]
    pub others_in_the_way: Vec<String>,
}

impl CatalogIndex {
    /// Whether rows of a foreign key's columns are found by it: all of them are its first keys, in any order, and compare
    /// as the columns do.
    #[must_use]
    pub fn supports(&self, key: &ForeignKey) -> bool {
        let count = key.columns.len();
        let first = self.key_columns.get(..count).unwrap_or_default();
        self.valid
            && matches!(
                self.method.known(),
                Some(
                    IndexMethod::Btree
                        | IndexMethod::Hash
                        | IndexMethod::Gist
                        | IndexMethod::Spgist
                )
            )
            && first.len() == count
            && first.iter().all(|column| column.as_ref().is_some_and(|c| key.columns.contains(c)))
            && self.keys_collated_alike.iter().take(count).all(|alike| *alike)
            && self.predicate.as_ref().is_none_or(|p| leaves_out_nulls(p, &key.columns))
    }
}

/// Whether a predicate says no more than that columns of the key are not NULL: what looks for a value says so, too.
fn leaves_out_nulls(predicate: &str, columns: &[String]) -> bool {
    predicate.split(" AND ").all(|part| {
        let part = part.trim_matches(['(', ')', ' ']);
        part.strip_suffix(" IS NOT NULL")
            .map(|column| column.trim_matches('"').replace("\"\"", "\""))
            .is_some_and(|column| columns.contains(&column))
    })
}

impl CatalogTable {
    /// A column by name.
    #[must_use]
    pub fn column(&self, name: &str) -> Option<&CatalogColumn> {
        self.columns.iter().find(|column| column.name == name)
    }
}

/// `pg_class.relkind`, for what can be read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum RelationKind {
    #[default]
    Table,
    Partitioned,
    MaterializedView,
    View,
    Foreign,
}

/// One column, with what `pg_stats` knows of its values.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct CatalogColumn {
    pub name: String,
    /// As `format_type` gives it.
    pub data_type: String,
    /// The types that an index on it may be declared with: its own, that of its domain, what those are read as without a
    /// change of bytes (text, of varchar), and `anyarray`, `anyrange`, `anymultirange` or `anyenum` where it is one.
    #[serde(default)]
    pub input_types: Vec<String>,
    /// Whether its collation compares bytes, so that a plain B-tree finds what begins with a text.
    #[serde(default)]
    pub sorts_by_bytes: bool,
    /// `typlen`: bytes, or negative where values differ in length.
    #[serde(default)]
    pub type_length: i16,
    /// `typalign` in bytes: 1, 2, 4 or 8.
    #[serde(default)]
    pub type_align: u8,
    /// Whether its type has a default B-tree operator class.
    #[serde(default)]
    pub ordered: bool,
    /// Whether equal values are equal bytes, so that a B-tree keeps them once (numeric does not).
    #[serde(default)]
    pub equal_image: bool,
    pub nullable: bool,
    /// Whether it is computed when it is read: no index can hold it.
    #[serde(default)]
    pub is_virtual: bool,
    /// Whether a person set `n_distinct` for it.
    #[serde(default)]
    pub distinct_is_set: bool,
    /// Distinct values: above zero a count, below zero a share of the rows (pg_stats).
    pub n_distinct: Option<f64>,
    /// Bytes, on average.
    pub average_width: Option<i32>,
    /// -1 to 1: physical order against logical order.
    pub correlation: Option<f64>,
    /// Share of NULLs, from 0 to 1.
    pub null_share: Option<f64>,
    /// Most common values as text, the most common first.
    pub common_values: Vec<String>,
    /// Their shares of all rows, from 0 to 1, in the same order.
    pub common_shares: Vec<f64>,
    /// Histogram bounds as text, ascending.
    pub histogram: Vec<String>,
}

impl CatalogColumn {
    /// Distinct values in a table of `rows` rows, as a count.
    #[must_use]
    pub fn distinct_values(&self, rows: f64) -> Option<f64> {
        self.n_distinct.map(|n| if n < 0.0 { -n * rows.max(0.0) } else { n })
    }
}

/// One index.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct CatalogIndex {
    pub name: String,
    /// `pg_get_indexdef`.
    pub definition: String,
    pub method: AccessMethod,
    /// Key columns in order; an expression is `None`.
    pub key_columns: Vec<Option<String>>,
    pub unique: bool,
    pub primary: bool,
    pub valid: bool,
    /// The predicate of a partial index, as SQL.
    pub predicate: Option<String>,
    pub bytes: i64,
    /// Columns that it carries beside its keys.
    #[serde(default)]
    pub include: Vec<String>,
    /// `indoption` of each key: 1 is descending, 2 is nulls first.
    #[serde(default)]
    pub key_options: Vec<i16>,
    /// Operator class and collation of each key, as one text.
    #[serde(default)]
    pub key_classes: Vec<String>,
    /// The constraint that it backs.
    #[serde(default)]
    pub constraint: Option<String>,
    #[serde(default)]
    pub replica_identity: bool,
    /// `CLUSTER` orders the table by it.
    #[serde(default)]
    pub clustered: bool,
    /// For each key whether it has its column's own collation; empty where that is not known.
    #[serde(default)]
    pub keys_collated_alike: Vec<bool>,
    /// It is a part of the index of a partitioned table.
    #[serde(default)]
    pub attached: bool,
    /// Whether a foreign key of another table rests on it: PostgreSQL drops it for nobody then.
    #[serde(default)]
    pub referenced: bool,
    /// Whether it is checked at the end of the statement or transaction only (`NOT indimmediate`).
    #[serde(default)]
    pub deferrable: bool,
    /// Whether `pg_stat_progress_create_index` shows it being built.
    #[serde(default)]
    pub building: bool,
    /// `idx_scan`, since the counters were reset.
    #[serde(default)]
    pub scans: i64,
    /// When its own counters were reset, which PostgreSQL tells from 19 on.
    #[serde(default)]
    pub counters_since: Option<Timestamp>,
}

impl CatalogIndex {
    /// Everything that `pg_get_indexdef` says but its name and table: two indexes of one table with the
    /// same are the same index.
    #[must_use]
    pub fn body(&self) -> &str {
        self.definition.split_once(" USING ").map_or("", |(_, body)| body)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_partitioned_table_has_the_values_of_its_largest_partition() {
        let table = |name: &str, kind, rows, of: Option<&str>, values: &[&str]| {
            let column = CatalogColumn {
                name: "plan".into(),
                n_distinct: (!values.is_empty()).then_some(values.len() as f64),
                common_values: values.iter().map(|value| (*value).to_owned()).collect(),
                ..CatalogColumn::default()
            };
            let name = TableName::new("public", name);
            let partition_of = of.map(|of| TableName::new("public", of));
            let columns = vec![column];
            (
                name.clone(),
                CatalogTable { name, kind, rows, partition_of, columns, ..CatalogTable::default() },
            )
        };
        let part =
            |name, rows, of, values| table(name, RelationKind::Table, rows, Some(of), values);
        let mut catalog = Catalog {
            tables: [
                table("top", RelationKind::Partitioned, -1.0, None, &[]),
                table("middle", RelationKind::Partitioned, -1.0, Some("top"), &[]),
                part("small", 10.0, "top", &["basic"]),
                part("large", 1000.0, "middle", &["pro"]),
                part("empty", 5000.0, "middle", &[]),
            ]
            .into(),
            ..Catalog::default()
        };
        catalog.fill_from_partitions();
        for name in ["top", "middle"] {
            let column = &catalog.tables[&TableName::new("public", name)].columns[0];
            assert_eq!(
                (&column.common_values[..], column.n_distinct),
                (&["pro".to_owned()][..], None)
            );
        }
    }
}
