//! Which indexes a statement could use: key orders from equality, then range, then sort columns, and
//! joins in both directions. Pruned against the indexes that exist before any planner is asked.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use crate::model::{
    Catalog, CatalogTable, ColumnName, PredicateKind, RejectedCandidate, RelationKind,
    StatementShape, TableName, quote_identifier,
};

/// Key columns beyond this make an index wide and rarely help.
const MAX_WIDTH: usize = 4;
/// A table below this many bytes is read whole faster than any index could be.
const MIN_TABLE_BYTES: i64 = 64 * 1024;

/// One key column.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyColumn {
    pub column: String,
    pub descending: bool,
}

/// A B-tree index that might be worth having.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IndexCandidate {
    pub table: TableName,
    pub keys: Vec<KeyColumn>,
}

impl IndexCandidate {
    /// The name that it gets: table, columns, `idx`, cut to PostgreSQL's 63 bytes with a digest of the
    /// whole where it is longer, so that two long names never meet.
    #[must_use]
    pub fn name(&self) -> String {
        self.numbered_name(0)
    }

    /// The same, or the first of `…_idx1`, `…_idx2`, … that is not taken.
    #[must_use]
    pub fn free_name(&self, is_taken: impl Fn(&str) -> bool) -> String {
        let mut number = 0;
        loop {
            let name = self.numbered_name(number);
            if !is_taken(&name) {
                return name;
            }
            number += 1;
        }
    }

    fn numbered_name(&self, number: u32) -> String {
        let columns: Vec<&str> = self.keys.iter().map(|key| key.column.as_str()).collect();
        let number = if number == 0 { String::new() } else { number.to_string() };
        let full = format!("{}_{}_idx{number}", self.table.name, columns.join("_"));
        if full.len() <= 63 {
            return full;
        }
        let digest = full.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        let mut end = 63 - 13;
        while !full.is_char_boundary(end) {
            end -= 1;
        }
        format!("{}_{:08x}_idx", &full[..end], digest & 0xffff_ffff)
    }

    /// `CREATE INDEX … ON … USING btree (…)`, with every identifier quoted.
    #[must_use]
    pub fn create_sql(&self, concurrently: bool) -> String {
        self.create_sql_named(&self.name(), concurrently)
    }

    /// The same, under a name that the caller knows to be free.
    #[must_use]
    pub fn create_sql_named(&self, name: &str, concurrently: bool) -> String {
        let keys: Vec<String> = self
            .keys
            .iter()
            .map(|key| {
                let direction = if key.descending { " DESC" } else { "" };
                format!("{}{direction}", quote_identifier(&key.column))
            })
            .collect();
        format!(
            "CREATE INDEX {}{} ON {} USING btree ({})",
            if concurrently { "CONCURRENTLY " } else { "" },
            quote_identifier(name),
            self.table.quoted(),
            keys.join(", ")
        )
    }

    /// The key columns as a person writes them.
    #[must_use]
    pub fn columns(&self) -> Vec<String> {
        self.keys
            .iter()
            .map(|key| format!("{}{}", key.column, if key.descending { " DESC" } else { "" }))
            .collect()
    }
}

/// Candidates, with the ones that were dropped and why.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct CandidateSet {
    /// Each with the indexes of the statements that asked for it.
    pub candidates: BTreeMap<IndexCandidate, Vec<usize>>,
    pub rejected: Vec<RejectedCandidate>,
}

/// The candidates of all statements.
#[must_use]
pub fn generate(catalog: &Catalog, statements: &[&StatementShape]) -> CandidateSet {
    let mut set = CandidateSet::default();
    for (number, shape) in statements.iter().enumerate() {
        for name in &shape.tables {
            let Some(table) = catalog.tables.get(name) else { continue };
            for keys in key_orders(table, shape) {
                let candidate = IndexCandidate { table: name.clone(), keys };
                set.candidates.entry(candidate).or_default().push(number);
            }
        }
    }
    let all = std::mem::take(&mut set.candidates);
    for (candidate, wanted_by) in all {
        match catalog.tables.get(&candidate.table).and_then(|table| objection(table, &candidate)) {
            None => {
                set.candidates.insert(candidate, wanted_by);
            }
            Some(reason) => set.rejected.push(RejectedCandidate {
                table: candidate.table.clone(),
                definition: candidate.create_sql(false),
                reason,
            }),
        }
    }
    set
}

/// Why a candidate is not worth asking the planner about.
fn objection(table: &CatalogTable, candidate: &IndexCandidate) -> Option<String> {
    match table.kind {
        RelationKind::Table | RelationKind::MaterializedView => {}
        RelationKind::Partitioned => {
            return Some(
                "the table is partitioned: an index on it is made partition by partition, which is not proposed yet"
                    .into(),
            );
        }
        RelationKind::View => return Some("a view cannot have an index".into()),
        RelationKind::Foreign => return Some("a foreign table cannot have an index here".into()),
    }
    if table.rows >= 0.0 && table.bytes < MIN_TABLE_BYTES {
        return Some(format!(
            "the table has {} kB: reading it whole is as fast as any index",
            table.bytes / 1024
        ));
    }
    for key in &candidate.keys {
        let data_type = &table.column(&key.column)?.data_type;
        if !has_btree_order(data_type) {
            return Some(format!(
                "{} has type {data_type}, which a B-tree cannot order",
                key.column
            ));
        }
    }
    let existing = table.indexes.iter().find(|index| {
        index.valid
            && index.method == "btree"
            && index.predicate.is_none()
            && index.key_columns.len() >= candidate.keys.len()
            && index
                .key_columns
                .iter()
                .zip(&candidate.keys)
                .all(|(column, key)| column.as_deref() == Some(key.column.as_str()))
    })?;
    // A B-tree is read in both directions, so one direction for all keys is the same index.
    let one_direction =
        candidate.keys.windows(2).all(|pair| pair[0].descending == pair[1].descending);
    one_direction.then(|| format!("the index {} begins with these columns already", existing.name))
}

/// Types whose default operator class is not B-tree's.
fn has_btree_order(data_type: &str) -> bool {
    !matches!(
        data_type,
        "json"
            | "xml"
            | "point"
            | "polygon"
            | "box"
            | "circle"
            | "line"
            | "path"
            | "lseg"
            | "xid"
            | "cid"
            | "aclitem"
    ) && data_type != "jsonb"
        && data_type != "tsvector"
        && !data_type.ends_with("[]")
}

/// The key orders that serve one table of one statement.
fn key_orders(table: &CatalogTable, shape: &StatementShape) -> Vec<Vec<KeyColumn>> {
    let here = |column: &ColumnName| column.table == table.name;
    let columns_of = |kinds: &[PredicateKind]| {
        let mut columns: Vec<String> = shape
            .predicates
            .iter()
            .filter(|predicate| here(&predicate.column) && kinds.contains(&predicate.kind))
            .map(|predicate| predicate.column.column.clone())
            .collect();
        columns.sort();
        columns.dedup();
        columns
    };
    let mut equality =
        columns_of(&[PredicateKind::Equality, PredicateKind::List, PredicateKind::Null]);
    // The most selective first: a prefix of the index then serves other statements best.
    equality.sort_by(|a, b| distinct(table, b).total_cmp(&distinct(table, a)).then(a.cmp(b)));
    let ranges = columns_of(&[PredicateKind::Range]);
    let sort: Vec<KeyColumn> = shape
        .sort
        .iter()
        .take_while(|key| here(&key.column))
        .map(|key| KeyColumn { column: key.column.column.clone(), descending: key.descending })
        .collect();
    let mut joins: Vec<String> = shape
        .joins
        .iter()
        .flat_map(|join| [&join.left, &join.right])
        .filter(|column| here(column))
        .map(|column| column.column.clone())
        .collect();
    joins.sort();
    joins.dedup();

    let mut orders = Orders::default();
    orders.add(&equality, &[]);
    orders.add(&equality, &sort);
    for range in &ranges {
        orders.add(&equality, &ascending(std::slice::from_ref(range)));
        orders.add(std::slice::from_ref(range), &[]);
    }
    for column in &equality {
        orders.add(std::slice::from_ref(column), &[]);
        orders.add(std::slice::from_ref(column), &sort);
        for range in &ranges {
            orders.add(std::slice::from_ref(column), &ascending(std::slice::from_ref(range)));
        }
    }
    for join in &joins {
        orders.add(std::slice::from_ref(join), &[]);
        orders.add(std::slice::from_ref(join), &ascending(&equality));
        orders.add(&equality, &ascending(std::slice::from_ref(join)));
        for range in &ranges {
            orders.add(std::slice::from_ref(join), &ascending(std::slice::from_ref(range)));
        }
    }
    if shape.has_limit {
        orders.add(&[], &sort);
    }
    orders.0
}

fn distinct(table: &CatalogTable, column: &str) -> f64 {
    table.column(column).and_then(|column| column.distinct_values(table.rows)).unwrap_or(0.0)
}

fn ascending(columns: &[String]) -> Vec<KeyColumn> {
    columns.iter().map(|column| KeyColumn { column: column.clone(), descending: false }).collect()
}

/// Distinct key orders, none wider than [`MAX_WIDTH`].
#[derive(Default)]
struct Orders(Vec<Vec<KeyColumn>>);

impl Orders {
    fn add(&mut self, leading: &[String], trailing: &[KeyColumn]) {
        let mut keys = ascending(leading);
        for key in trailing {
            if !keys.iter().any(|known| known.column == key.column) {
                keys.push(key.clone());
            }
        }
        keys.truncate(MAX_WIDTH);
        // One direction throughout reads the same index: write it ascending.
        if keys.iter().all(|key| key.descending) {
            keys.iter_mut().for_each(|key| key.descending = false);
        }
        if !keys.is_empty() && !self.0.contains(&keys) {
            self.0.push(keys);
        }
    }
}
