//! Which rows of main stand for all of them: whole tables where they fit, else a sample that keeps joins whole.
//!
//! Independent samples of a share p of two tables keep p² of their join. So all large tables of a join are sampled by
//! the same hash of the same key, and what hangs on them by another key follows from the rows that were taken.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::{ColumnName, CopyMethod, Join, TableName};

/// A table to be copied.
#[derive(Debug, Clone, PartialEq)]
pub struct SourceTable {
    pub name: TableName,
    /// With everything below it: partitions, children.
    pub bytes: i64,
    /// Types of its columns, as `format_type` gives them.
    pub columns: BTreeMap<String, String>,
    /// How often the statement names it.
    pub appearances: u32,
}

/// Which rows of one table.
#[derive(Debug, Clone, PartialEq)]
pub enum RowChoice {
    Whole,
    /// `TABLESAMPLE SYSTEM` of this percentage.
    Blocks {
        percent: f64,
    },
    /// Rows whose key's hash lies in this percentage of all hashes.
    JoinKey {
        column: String,
        percent: f64,
    },
    /// Rows whose `column` is a value of `by_column` in the chosen rows of `by`.
    Referenced {
        column: String,
        by: TableName,
        by_column: String,
    },
}

impl RowChoice {
    /// What a copy made this way is called.
    #[must_use]
    pub const fn method(&self) -> CopyMethod {
        match self {
            Self::Whole => CopyMethod::Whole,
            Self::Blocks { .. } => CopyMethod::Blocks,
            Self::JoinKey { .. } => CopyMethod::JoinKey,
            Self::Referenced { .. } => CopyMethod::Referenced,
        }
    }
}

/// How every table is copied.
#[derive(Debug, Clone, PartialEq)]
pub struct SamplePlan {
    /// Percentage of blocks or of keys; absent where every table is whole.
    pub percent: Option<f64>,
    pub choices: BTreeMap<TableName, RowChoice>,
}

/// Decides for all tables that are read together.
///
/// # Errors
/// The sentence that says why no sample would keep the join.
pub fn plan_copy(
    tables: &[SourceTable],
    joins: &[Join],
    limit_bytes: i64,
    sample_percent: f64,
) -> Result<SamplePlan, String> {
    let total: i64 = tables.iter().map(|table| table.bytes).sum();
    let mut choices: BTreeMap<TableName, RowChoice> =
        tables.iter().map(|table| (table.name.clone(), RowChoice::Whole)).collect();
    if total <= limit_bytes {
        return Ok(SamplePlan { percent: None, choices });
    }
    let large = large_tables(tables, limit_bytes / 2);
    let joins = joins_among(joins, &large);
    if let Some(table) = large.iter().find(|table| table.appearances > 1) {
        return Err(format!(
            "{} is larger than the limit and read more than once, so a sample could lose what its rows have to do with each other: raise copy_limit_mb",
            table.name
        ));
    }
    if let ([only], true) = (large.as_slice(), joins.is_empty()) {
        // Everything else is there whole, so a share of its rows keeps that share of the join.
        let fits = 100.0 * (limit_bytes / 2) as f64 / only.bytes.max(1) as f64;
        let percent = sample_percent.min(fits).max(1e-4);
        choices.insert(only.name.clone(), RowChoice::Blocks { percent });
        return Ok(SamplePlan { percent: Some(percent), choices });
    }
    let keys = best_key(&large, &joins).ok_or_else(|| {
        format!(
            "{} together are larger than the limit, and no key that they are joined by can be sampled: raise copy_limit_mb",
            listed(large.iter().map(|table| &table.name))
        )
    })?;
    let sampled: i64 =
        large.iter().filter(|table| keys.contains_key(&table.name)).map(|table| table.bytes).sum();
    let percent = (100.0 * (limit_bytes / 2) as f64 / sampled.max(1) as f64).min(100.0);
    for (table, column) in &keys {
        let choice = RowChoice::JoinKey { column: column.clone(), percent };
        choices.insert(table.clone(), choice);
    }
    follow(&large, &joins, &mut choices)?;
    Ok(SamplePlan { percent: Some(percent), choices })
}

/// A sample of blocks of each table where all together are larger than the limit: small ones whole, the others alike. What
/// rows of two tables have to do with each other is lost, so it is for what is planned and never run.
#[must_use]
pub fn sample_each(tables: &[SourceTable], limit_bytes: i64) -> SamplePlan {
    let mut order: Vec<&SourceTable> = tables.iter().collect();
    order.sort_by_key(|table| table.bytes);
    let (mut room, mut left) = (limit_bytes, order.len() as i64);
    let mut choices = BTreeMap::new();
    let mut least: Option<f64> = None;
    for table in order {
        let share = room / left.max(1);
        let choice = if table.bytes <= share {
            RowChoice::Whole
        } else {
            let percent = (100.0 * share as f64 / table.bytes.max(1) as f64).max(1e-4);
            least = Some(least.map_or(percent, |known| known.min(percent)));
            RowChoice::Blocks { percent }
        };
        room -= table.bytes.min(share);
        left -= 1;
        choices.insert(table.name.clone(), choice);
    }
    SamplePlan { percent: least, choices }
}

/// Tables that do not fit beside all smaller ones within the room for whole copies.
fn large_tables(tables: &[SourceTable], room: i64) -> Vec<&SourceTable> {
    let mut by_size: Vec<&SourceTable> = tables.iter().collect();
    by_size.sort_by(|a, b| (a.bytes, &a.name).cmp(&(b.bytes, &b.name)));
    let mut taken = 0;
    by_size
        .into_iter()
        .filter(|table| {
            taken += table.bytes;
            taken > room
        })
        .collect()
}

/// Joins between large tables, a table with itself included.
fn joins_among(joins: &[Join], large: &[&SourceTable]) -> Vec<Join> {
    let is_large = |column: &ColumnName| large.iter().any(|table| table.name == column.table);
    joins.iter().filter(|join| is_large(&join.left) && is_large(&join.right)).cloned().collect()
}

/// One column for each of as many bytes of large tables as one key reaches.
fn best_key(large: &[&SourceTable], joins: &[Join]) -> Option<BTreeMap<TableName, String>> {
    let bytes = |table: &TableName| {
        large.iter().find(|known| known.name == *table).map_or(0, |known| known.bytes)
    };
    let mut best: Option<(i64, BTreeMap<TableName, String>)> = None;
    for class in classes(joins) {
        let mut key: BTreeMap<TableName, String> = BTreeMap::new();
        let mut is_one_column_each = true;
        for column in &class {
            let known = key.insert(column.table.clone(), column.column.clone());
            // Two columns of one table tied together (a tree by parent): their hashes differ.
            is_one_column_each &= known.is_none_or(|known| known == column.column);
        }
        let kinds: BTreeSet<&str> = class.iter().filter_map(|column| kind(large, column)).collect();
        let is_hashable = kinds.len() == 1 && class.iter().all(|c| kind(large, c).is_some());
        let reached: i64 = key.keys().map(bytes).sum();
        if is_one_column_each
            && is_hashable
            && best.as_ref().is_none_or(|(most, _)| reached > *most)
        {
            best = Some((reached, key));
        }
    }
    best.map(|(_, key)| key)
}

/// Columns that joins set equal, class by class.
fn classes(joins: &[Join]) -> Vec<BTreeSet<ColumnName>> {
    let mut classes: Vec<BTreeSet<ColumnName>> = Vec::new();
    for join in joins {
        let mut merged: BTreeSet<ColumnName> = [join.left.clone(), join.right.clone()].into();
        classes.retain(|class| {
            let touches = class.contains(&join.left) || class.contains(&join.right);
            if touches {
                merged.extend(class.iter().cloned());
            }
            !touches
        });
        classes.push(merged);
    }
    classes
}

/// What makes equal values have equal texts, so that their hashes are equal: one word for each group of types.
fn kind<'a>(large: &[&'a SourceTable], column: &ColumnName) -> Option<&'a str> {
    let table = large.iter().find(|table| table.name == column.table)?;
    let data_type = table.columns.get(&column.column)?.as_str();
    Some(match data_type.split('(').next().unwrap_or_default() {
        "smallint" | "integer" | "bigint" => "integer",
        "text" | "character varying" => "text",
        "uuid"
        | "date"
        | "timestamp with time zone"
        | "timestamp without time zone"
        | "inet"
        | "macaddr"
        | "bytea"
        | "boolean" => data_type,
        // numeric writes 1.0 and 1.00 differently, character(n) pads, and others are not known.
        _ => return None,
    })
}

/// What hangs on sampled tables by another column follows from their rows.
fn follow(
    large: &[&SourceTable],
    joins: &[Join],
    choices: &mut BTreeMap<TableName, RowChoice>,
) -> Result<(), String> {
    let is_left = |choices: &BTreeMap<TableName, RowChoice>, table: &TableName| {
        large.iter().any(|known| known.name == *table)
            && choices.get(table) == Some(&RowChoice::Whole)
    };
    loop {
        let left: Vec<&TableName> =
            large.iter().map(|table| &table.name).filter(|t| is_left(choices, t)).collect();
        if left.is_empty() {
            return Ok(());
        }
        let next =
            joins.iter().flat_map(|join| [(&join.left, &join.right), (&join.right, &join.left)]);
        let next = next
            .filter(|(from, to)| from.table != to.table)
            // Types whose comparison is PostgreSQL's own.
            .filter(|(from, to)| {
                kind(large, from).is_some() && kind(large, from) == kind(large, to)
            })
            .find(|(from, to)| !is_left(choices, &from.table) && is_left(choices, &to.table));
        let Some((from, to)) = next else {
            return Err(format!(
                "{} is larger than the limit and joined to the others by no column of a large table, so a sample would lose the join: raise copy_limit_mb",
                listed(left.into_iter())
            ));
        };
        let choice = RowChoice::Referenced {
            column: to.column.clone(),
            by: from.table.clone(),
            by_column: from.column.clone(),
        };
        choices.insert(to.table.clone(), choice);
    }
}

fn listed<'a>(names: impl Iterator<Item = &'a TableName>) -> String {
    names.map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: i64 = 1024 * 1024;

    fn table(name: &str, mebibytes: i64, columns: &[(&str, &str)]) -> SourceTable {
        SourceTable {
            name: TableName::new("public", name),
            bytes: mebibytes * MIB,
            columns: columns.iter().map(|(c, t)| ((*c).to_owned(), (*t).to_owned())).collect(),
            appearances: 1,
        }
    }

    fn join(left: (&str, &str), right: (&str, &str)) -> Join {
        let column = |(table, column): (&str, &str)| ColumnName {
            table: TableName::new("public", table),
            column: column.to_owned(),
        };
        Join { left: column(left), right: column(right) }
    }

    fn choice(plan: &SamplePlan, name: &str) -> RowChoice {
        plan.choices[&TableName::new("public", name)].clone()
    }

    fn shop() -> Vec<SourceTable> {
        vec![
            table("orders", 600, &[("id", "bigint"), ("customer_id", "integer")]),
            table("items", 1000, &[("order_id", "bigint"), ("product_id", "integer")]),
            table("products", 700, &[("id", "integer")]),
            table("countries", 1, &[("id", "integer")]),
        ]
    }

    #[test]
    fn what_fits_is_copied_whole() {
        let plan = plan_copy(&shop(), &[], 4000 * MIB, 1.0).unwrap();
        assert_eq!(plan.percent, None);
        assert!(plan.choices.values().all(|choice| *choice == RowChoice::Whole));
    }

    #[test]
    fn one_large_table_is_sampled_by_blocks_and_small_ones_stay_whole() {
        let tables = [shop().remove(1), shop().remove(3)];
        let joins = [join(("items", "product_id"), ("countries", "id"))];
        let plan = plan_copy(&tables, &joins, 512 * MIB, 1.0).unwrap();
        assert_eq!(choice(&plan, "items"), RowChoice::Blocks { percent: 1.0 });
        assert_eq!(choice(&plan, "countries"), RowChoice::Whole);
        let tiny = plan_copy(&tables, &joins, 4 * MIB, 1.0).unwrap();
        assert_eq!(tiny.percent, Some(0.2), "a sample fits the limit too");
    }

    #[test]
    fn joined_tables_are_sampled_by_one_key_and_the_rest_follows() {
        let joins = [
            join(("items", "order_id"), ("orders", "id")),
            join(("items", "product_id"), ("products", "id")),
            join(("orders", "customer_id"), ("countries", "id")),
        ];
        let plan = plan_copy(&shop(), &joins, 512 * MIB, 1.0).unwrap();
        // Items with products reach more bytes than items with orders.
        let percent = 100.0 * 256.0 / 1700.0;
        assert_eq!(plan.percent, Some(percent));
        let key = |column: &str| RowChoice::JoinKey { column: column.to_owned(), percent };
        assert_eq!(choice(&plan, "items"), key("product_id"));
        assert_eq!(choice(&plan, "products"), key("id"));
        let followed = RowChoice::Referenced {
            column: "id".into(),
            by: TableName::new("public", "items"),
            by_column: "order_id".into(),
        };
        assert_eq!(choice(&plan, "orders"), followed);
        assert_eq!(choice(&plan, "countries"), RowChoice::Whole);
    }

    #[test]
    fn a_join_that_no_sample_keeps_is_refused() {
        let tables = shop();
        // Tied only through a small table: independent samples would keep the square.
        let joins = [
            join(("items", "product_id"), ("countries", "id")),
            join(("orders", "customer_id"), ("countries", "id")),
        ];
        let two = [tables[0].clone(), tables[1].clone(), tables[3].clone()];
        assert!(plan_copy(&two, &joins, 512 * MIB, 1.0).is_err());
        // A tree by parent: the hashes of both columns differ.
        let tree = [table("nodes", 900, &[("id", "bigint"), ("parent", "bigint")])];
        let by_parent = [join(("nodes", "parent"), ("nodes", "id"))];
        assert!(plan_copy(&tree, &by_parent, 512 * MIB, 1.0).is_err());
        // Texts of equal numerics differ.
        let odd = [
            table("a", 900, &[("x", "numeric(10,2)")]),
            table("b", 900, &[("x", "numeric(10,3)")]),
        ];
        assert!(plan_copy(&odd, &[join(("a", "x"), ("b", "x"))], 512 * MIB, 1.0).is_err());
    }

    #[test]
    fn a_table_that_is_read_twice_is_not_sampled() {
        let twice =
            SourceTable { appearances: 2, ..table("visits", 900, &[("user_id", "bigint")]) };
        assert!(plan_copy(std::slice::from_ref(&twice), &[], 512 * MIB, 1.0).is_err());
        // By whatever it is joined to itself: other pairs of its rows may be wanted too.
        let joins = [join(("visits", "user_id"), ("visits", "user_id"))];
        assert!(plan_copy(std::slice::from_ref(&twice), &joins, 512 * MIB, 1.0).is_err());
        assert!(plan_copy(&[twice], &joins, 1024 * MIB, 1.0).is_ok(), "whole, it is copied");
    }

    #[test]
    fn rows_follow_by_columns_that_postgresql_itself_compares() {
        let tables = [
            table("items", 900, &[("order_id", "bigint"), ("tag", "citext")]),
            table("orders", 900, &[("id", "bigint")]),
            table("tags", 900, &[("tag", "citext")]),
        ];
        let joins = [
            join(("items", "order_id"), ("orders", "id")),
            join(("items", "tag"), ("tags", "tag")),
        ];
        assert!(plan_copy(&tables, &joins, 512 * MIB, 1.0).is_err());
    }
}
