//! An index with those of its partitions: how they are made, and how they are dropped.
//!
//! A partitioned table's index cannot be built concurrently: it is made on the parent alone, then on each partition
//! concurrently, and each partition's is attached; with the last one the parent's becomes valid.

use optischema::model::{ChangeStep, IndexPart, StepLock, TableName};
use sqlx::postgres::PgConnection;

use super::super::error::ApplyError;
use super::super::plan_site::{Branch, Place};
use super::super::reason::ApplyReason;
use super::super::steps::alone;
use crate::postgres::relation_exists;
use crate::sql::{IndexForm, drop_index_sql, index_definition_as};

/// An index of a tree, to be made.
#[derive(Debug, Clone)]
pub(in super::super) struct Part {
    pub table: TableName,
    pub name: String,
    /// Any `CREATE INDEX` of the same columns.
    pub definition: String,
    pub tablespace: Option<String>,
    pub is_partitioned: bool,
    pub parent: Option<usize>,
    pub depth: i32,
}

impl Part {
    pub(in super::super) fn index(&self, place: Place<'_>) -> TableName {
        let table = place.of(&self.table);
        TableName::new(table.schema, &self.name)
    }
}

/// The same as it is kept with a change. An index of a plain table is never another's part, so there is nothing to keep.
pub(in super::super) fn kept(parts: &[Part], finish: &[Vec<ChangeStep>]) -> Vec<IndexPart> {
    if !parts.first().is_some_and(|top| top.is_partitioned) {
        return Vec::new();
    }
    let keep = |(at, part): (usize, &Part)| IndexPart {
        table: part.table.clone(),
        index: part.index(Place::Own),
        definition: part.definition.clone(),
        tablespace: part.tablespace.clone(),
        finish: finish.get(at).cloned().unwrap_or_default(),
    };
    parts.iter().enumerate().map(keep).collect()
}

/// Kept parts on the partitions that there are now. A partition that came since gets an index like its top's, under a
/// name that is free.
pub(in super::super) async fn rebuilt(
    connection: &mut PgConnection,
    kept: &[IndexPart],
    tree: &[Branch],
) -> Result<Vec<Part>, ApplyError> {
    let Some(top) = kept.first() else { return Ok(Vec::new()) };
    let mut parts: Vec<Part> = Vec::with_capacity(tree.len());
    for branch in tree {
        let known = kept.iter().find(|part| part.table == branch.name);
        let like = known.unwrap_or(top);
        let name = match known {
            Some(known) => known.index.name.clone(),
            None => {
                let below = (top.index.name.as_str(), top.table.name.as_str());
                free_name(connection, below, branch, &parts).await?
            }
        };
        parts.push(Part {
            table: branch.name.clone(),
            name,
            definition: like.definition.clone(),
            tablespace: known.and_then(|known| known.tablespace.clone()),
            is_partitioned: branch.is_partitioned(),
            parent: branch.parent,
            depth: branch.depth,
        });
    }
    Ok(parts)
}

/// A name that nothing in the partition's schema has, after the index of the topmost table: `(index, table)`.
pub(super) async fn free_name(
    connection: &mut PgConnection,
    (index, table): (&str, &str),
    branch: &Branch,
    taken: &[Part],
) -> Result<String, ApplyError> {
    for number in 0..100 {
        let name = match number {
            0 => name_below(index, table, &branch.name.name),
            _ => name_below(&format!("{index}_{number}"), table, &branch.name.name),
        };
        let is_taken =
            taken.iter().any(|part| part.name == name && part.table.schema == branch.name.schema);
        let wanted = TableName::new(&branch.name.schema, &name);
        if !is_taken && !relation_exists(connection, &wanted).await? {
            return Ok(name);
        }
    }
    Err(ApplyError::failed(ApplyReason::NoFreeName { table: branch.name.clone() }))
}

/// Makes an index with those of its partitions: the topmost is the first part.
pub(in super::super) fn build(
    parts: &[Part],
    place: Place<'_>,
) -> Result<Vec<ChangeStep>, ApplyError> {
    let form = |part: &Part, table: &TableName, concurrently, only| {
        index_definition_as(
            &part.definition,
            &IndexForm {
                table,
                name: &part.name,
                concurrently,
                only,
                tablespace: part.tablespace.as_deref().filter(|_| place == Place::Own),
            },
        )
    };
    let mut steps = Vec::new();
    for part in parts.iter().filter(|part| part.is_partitioned) {
        let table = place.of(&part.table);
        let title = format!("Declare the index on {} alone", part.table);
        steps.push(alone(title, form(part, &table, false, true)?, StepLock::Share));
    }
    for part in parts.iter().filter(|part| !part.is_partitioned) {
        let table = place.of(&part.table);
        let title = format!("Build the index on {}", part.table);
        let sql = form(part, &table, place.concurrently(), false)?;
        steps.push(alone(title, sql, StepLock::ShareUpdateExclusive));
    }
    // The deepest first, so that each is valid before it is attached.
    let mut below: Vec<&Part> = parts.iter().filter(|part| part.parent.is_some()).collect();
    below.sort_by_key(|part| std::cmp::Reverse(part.depth));
    for part in below {
        let Some(parent) = part.parent.and_then(|at| parts.get(at)) else { continue };
        let sql = format!(
            "ALTER INDEX {} ATTACH PARTITION {}",
            parent.index(place).quoted(),
            part.index(place).quoted()
        );
        steps.push(alone(
            format!("Attach it for {}", part.table),
            sql,
            StepLock::AccessExclusiveBriefly,
        ));
    }
    Ok(steps)
}

/// Drops an index, with those of its partitions where it has some.
pub(super) fn unbuild(top: &Part, place: Place<'_>) -> ChangeStep {
    let index = top.index(place);
    // A partitioned index cannot be dropped concurrently.
    let concurrently = place.concurrently() && !top.is_partitioned;
    let lock = if concurrently {
        StepLock::ShareUpdateExclusive
    } else {
        StepLock::AccessExclusiveBriefly
    };
    alone(
        format!("Drop the index of {}", top.table),
        drop_index_sql(&index.schema, &index.name, concurrently),
        lock,
    )
}

pub(super) fn texts(steps: &[ChangeStep]) -> Vec<String> {
    steps.iter().map(|step| step.sql.clone()).collect()
}

/// The longest name that PostgreSQL keeps, in bytes.
const LONGEST_NAME: usize = 63;

/// What a partition's index is called: after the partition, with what the parent's name has after its table's.
pub(super) fn name_below(index: &str, table: &str, partition: &str) -> String {
    let suffix = index.strip_prefix(table).map_or(index, |rest| rest.trim_start_matches('_'));
    let suffix = if suffix.is_empty() { "idx" } else { suffix };
    let room = LONGEST_NAME.saturating_sub(suffix.len() + 1);
    let mut kept = partition;
    while kept.len() > room {
        let end = kept.char_indices().next_back().map_or(0, |(at, _)| at);
        kept = &kept[..end];
    }
    format!("{kept}_{suffix}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_partitions_index_is_called_after_the_partition() {
        assert_eq!(name_below("orders_at_idx", "orders", "orders_2026"), "orders_2026_at_idx");
        assert_eq!(name_below("fast", "orders", "orders_2026"), "orders_2026_fast");
        assert_eq!(name_below("orders", "orders", "p"), "p_idx");
        let long = name_below("orders_at_idx", "orders", &"ü".repeat(60));
        assert!(long.len() <= LONGEST_NAME && long.ends_with("_at_idx"), "{long}");
    }

    #[test]
    fn partitions_are_built_before_they_are_attached_and_the_deepest_first() {
        let part = |table: &str, partitioned, parent, depth| Part {
            table: TableName::new("public", table),
            name: format!("{table}_i"),
            definition: "CREATE INDEX i ON public.t USING btree (a)".into(),
            tablespace: None,
            is_partitioned: partitioned,
            parent,
            depth,
        };
        let parts = [
            part("t", true, None, 0),
            part("t1", true, Some(0), 1),
            part("t11", false, Some(1), 2),
        ];
        let sql = texts(&build(&parts, Place::Own).unwrap());
        assert_eq!(
            sql,
            [
                "CREATE INDEX t_i ON ONLY public.t USING btree (a)",
                "CREATE INDEX t1_i ON ONLY public.t1 USING btree (a)",
                "CREATE INDEX CONCURRENTLY t11_i ON public.t11 USING btree (a)",
                "ALTER INDEX \"public\".\"t1_i\" ATTACH PARTITION \"public\".\"t11_i\"",
                "ALTER INDEX \"public\".\"t_i\" ATTACH PARTITION \"public\".\"t1_i\"",
            ]
        );
    }
}
