//! `CREATE INDEX` and `DROP INDEX`, of plain and of partitioned tables.
//!
//! A partitioned table's index cannot be built concurrently: it is made on the parent alone, then on each partition
//! concurrently, and each partition's is attached; with the last one the parent's becomes valid.

use optischema::model::{
    CatalogState, ChangeStep, ChangedObject, TableName, quote_identifier, quote_literal,
};
use sqlx::Row;
use sqlx::postgres::PgConnection;

use super::super::error::ApplyError;
use super::super::plan::{
    Branch, ChangePlan, Ground, LOCK_BESIDE_WRITES, LOCK_WHOLE, LOCK_WRITES, Place, Rehearsal,
    Touch, alone, branches, joined, require_table,
};
use super::super::state::index_key;
use crate::sql::{CreateIndex, DropIndex, IndexForm, drop_index_sql, index_definition_as};

/// An index as the catalog knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) struct KnownIndex {
    pub object: ChangedObject,
    pub table: TableName,
    pub valid: bool,
    /// Whether somebody is building it now.
    pub building: bool,
    backs_constraint: bool,
    unique: bool,
    replica_identity: bool,
    clustered: bool,
    /// Whether it belongs to a partitioned parent's.
    pub is_part: bool,
    /// Whether it is a partitioned table's.
    pub is_partitioned: bool,
    tablespace: Option<String>,
    comment: Option<String>,
    /// `(column number, statistics target)` of expression columns.
    targets: Vec<(i32, i32)>,
}

/// What the catalog says of one index.
pub(in super::super) async fn known_index(
    connection: &mut PgConnection,
    name: &TableName,
) -> Result<Option<KnownIndex>, ApplyError> {
    let row = sqlx::query(
        "SELECT c.oid::int8 AS oid, pg_get_indexdef(c.oid) AS definition, i.indisvalid, i.indisunique, i.indisreplident,
                i.indisclustered, c.relispartition, c.relkind = 'I' AS is_partitioned, tn.nspname::text AS schema, t.relname::text AS name,
                s.spcname::text AS tablespace, obj_description(c.oid, 'pg_class') AS comment,
                EXISTS (SELECT 1 FROM pg_constraint k WHERE k.conindid = c.oid AND k.contype IN ('p', 'u', 'x', 'f'))
                    AS backs_constraint,
                EXISTS (SELECT 1 FROM pg_stat_progress_create_index p WHERE p.index_relid = c.oid) AS building,
                ARRAY(SELECT a.attnum::int4 FROM pg_attribute a WHERE a.attrelid = c.oid
                      AND nullif(a.attstattarget::int, -1) IS NOT NULL ORDER BY a.attnum) AS numbers,
                ARRAY(SELECT a.attstattarget::int4 FROM pg_attribute a WHERE a.attrelid = c.oid
                      AND nullif(a.attstattarget::int, -1) IS NOT NULL ORDER BY a.attnum) AS targets
         FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
         JOIN pg_index i ON i.indexrelid = c.oid JOIN pg_class t ON t.oid = i.indrelid
         JOIN pg_namespace tn ON tn.oid = t.relnamespace LEFT JOIN pg_tablespace s ON s.oid = c.reltablespace
         WHERE n.nspname = $1 AND c.relname = $2",
    )
    .bind(&name.schema)
    .bind(&name.name)
    .fetch_optional(connection)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let numbers: Vec<i32> = row.try_get("numbers")?;
    let targets: Vec<i32> = row.try_get("targets")?;
    Ok(Some(KnownIndex {
        object: ChangedObject {
            schema: name.schema.clone(),
            name: name.name.clone(),
            oid: row.try_get("oid")?,
            definition: row.try_get("definition")?,
        },
        table: TableName::new(
            row.try_get::<String, _>("schema")?,
            row.try_get::<String, _>("name")?,
        ),
        valid: row.try_get("indisvalid")?,
        building: row.try_get("building")?,
        backs_constraint: row.try_get("backs_constraint")?,
        unique: row.try_get("indisunique")?,
        replica_identity: row.try_get("indisreplident")?,
        clustered: row.try_get("indisclustered")?,
        is_part: row.try_get("relispartition")?,
        is_partitioned: row.try_get("is_partitioned")?,
        tablespace: row.try_get("tablespace")?,
        comment: row.try_get("comment")?,
        targets: numbers.into_iter().zip(targets).collect(),
    }))
}

/// Another valid index of the same table with the same columns, method and condition.
async fn twin(
    connection: &mut PgConnection,
    table: &TableName,
    tail: &str,
    own: &str,
) -> Result<Option<String>, ApplyError> {
    let row = sqlx::query(
        "SELECT c.relname::text AS name FROM pg_index i
         JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_class t ON t.oid = i.indrelid
         JOIN pg_namespace n ON n.oid = t.relnamespace
         WHERE n.nspname = $1 AND t.relname = $2 AND i.indisvalid AND c.relname <> $4
           AND right(pg_get_indexdef(i.indexrelid), length($3)) = $3 LIMIT 1",
    )
    .bind(&table.schema)
    .bind(&table.name)
    .bind(tail)
    .bind(own)
    .fetch_optional(connection)
    .await?;
    Ok(row.map(|row| row.try_get("name")).transpose()?)
}

/// Everything of a definition from its access method on.
fn tail(definition: &str) -> String {
    definition
        .split_once(" USING ")
        .map_or_else(|| definition.to_owned(), |(_, tail)| format!(" USING {tail}"))
}

/// An index of a tree, to be made.
#[derive(Debug, Clone)]
struct Part {
    table: TableName,
    name: String,
    /// Any `CREATE INDEX` of the same columns.
    definition: String,
    tablespace: Option<String>,
    is_partitioned: bool,
    parent: Option<usize>,
    depth: i32,
}

impl Part {
    fn index(&self, place: Place<'_>) -> TableName {
        let table = place.of(&self.table);
        TableName::new(table.schema, &self.name)
    }
}

/// Makes an index with those of its partitions: the topmost is the first part.
fn build(parts: &[Part], place: Place<'_>) -> Result<Vec<ChangeStep>, ApplyError> {
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
        steps.push(alone(title, form(part, &table, false, true)?, LOCK_WRITES));
    }
    for part in parts.iter().filter(|part| !part.is_partitioned) {
        let table = place.of(&part.table);
        let title = format!("Build the index on {}", part.table);
        let sql = form(part, &table, place.concurrently(), false)?;
        steps.push(alone(title, sql, LOCK_BESIDE_WRITES));
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
        steps.push(alone(format!("Attach it for {}", part.table), sql, LOCK_WHOLE));
    }
    Ok(steps)
}

/// Drops an index, with those of its partitions where it has some.
fn unbuild(top: &Part, place: Place<'_>) -> ChangeStep {
    let index = top.index(place);
    // A partitioned index cannot be dropped concurrently.
    let concurrently = place.concurrently() && !top.is_partitioned;
    let lock = if concurrently { LOCK_BESIDE_WRITES } else { LOCK_WHOLE };
    alone(
        format!("Drop the index of {}", top.table),
        drop_index_sql(&index.schema, &index.name, concurrently),
        lock,
    )
}

fn texts(steps: &[ChangeStep]) -> Vec<String> {
    steps.iter().map(|step| step.sql.clone()).collect()
}

/// The longest name that PostgreSQL keeps, in bytes.
const LONGEST_NAME: usize = 63;

/// What a partition's index is called: after the partition, with what the parent's name has after its table's.
fn name_below(index: &str, table: &str, partition: &str) -> String {
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

pub(in super::super) async fn create(
    connection: &mut PgConnection,
    create: &CreateIndex,
    ground: Ground<'_>,
) -> Result<ChangePlan, ApplyError> {
    let table = &create.table;
    require_table(connection, table, ground).await?;
    let tree = branches(connection, table).await?;
    let mut parts: Vec<Part> = Vec::with_capacity(tree.len());
    let definition = create.sql(&table.schema, false)?;
    for branch in &tree {
        if branch.kind == "f" {
            return Err(ApplyError::Failed(format!(
                "the partition {} is a foreign table, which can have no index here",
                branch.name
            )));
        }
        let name = match branch.parent {
            None => create.name.clone(),
            Some(_) => free_name(connection, create, branch, &parts).await?,
        };
        parts.push(Part {
            table: branch.name.clone(),
            name,
            definition: definition.clone(),
            tablespace: None,
            is_partitioned: branch.is_partitioned(),
            parent: branch.parent,
            depth: branch.depth,
        });
    }
    let Some(top) = parts.first().cloned() else {
        return Err(ApplyError::Failed(format!("{table} is missing in the sandbox")));
    };
    check_free(connection, create, &top).await?;
    let tail = tail(&definition);
    if let Some(twin) = twin(connection, table, &tail, &create.name).await? {
        return Err(ApplyError::Failed(format!("{twin} is the same index already")));
    }
    let steps = build(&parts, Place::Own)?;
    let rehearsed = Place::Rehearsal(ground.rehearsal_schema);
    Ok(ChangePlan {
        kind: "CREATE INDEX".to_owned(),
        tables: vec![table.clone()],
        settings: false,
        touches: parts
            .iter()
            .map(|part| (index_key(&part.index(Place::Own)), Touch::Makes))
            .collect(),
        object: ChangedObject {
            schema: table.schema.clone(),
            name: create.name.clone(),
            oid: None,
            definition: joined(&steps),
        },
        steps,
        rollback: vec![unbuild(&top, Place::Own)],
        no_rollback: None,
        before: CatalogState::default(),
        marker: None,
        rehearsal: Rehearsal::Copies {
            patch: texts(&build(&parts, rehearsed)?),
            rollback: texts(&[unbuild(&top, rehearsed)]),
        },
    })
}

/// The plan of an index of a plain table, from its text alone: for an intent that holds no plan.
///
/// # Errors
/// The deparser refuses the tree, which it made itself.
pub fn plan_of_index(create: &CreateIndex) -> Result<ChangePlan, ApplyError> {
    let table = &create.table;
    let definition = create.sql(&table.schema, false)?;
    let part = Part {
        table: table.clone(),
        name: create.name.clone(),
        definition: definition.clone(),
        tablespace: None,
        is_partitioned: false,
        parent: None,
        depth: 0,
    };
    Ok(ChangePlan {
        kind: "CREATE INDEX".to_owned(),
        tables: vec![table.clone()],
        settings: false,
        touches: vec![(index_key(&part.index(Place::Own)), Touch::Makes)],
        steps: build(std::slice::from_ref(&part), Place::Own)?,
        rollback: vec![unbuild(&part, Place::Own)],
        no_rollback: None,
        object: ChangedObject {
            schema: table.schema.clone(),
            name: create.name.clone(),
            oid: None,
            definition,
        },
        before: CatalogState::default(),
        marker: None,
        rehearsal: Rehearsal::Nothing,
    })
}

/// A name that nothing in the partition's schema has.
async fn free_name(
    connection: &mut PgConnection,
    create: &CreateIndex,
    branch: &Branch,
    taken: &[Part],
) -> Result<String, ApplyError> {
    let wanted = name_below(&create.name, &create.table.name, &branch.name.name);
    for number in 0..100 {
        let name = if number == 0 {
            wanted.clone()
        } else {
            name_below(&format!("{}_{number}", create.name), &create.table.name, &branch.name.name)
        };
        let is_taken =
            taken.iter().any(|part| part.name == name && part.table.schema == branch.name.schema);
        if !is_taken && !relation_exists(connection, &branch.name.schema, &name).await? {
            return Ok(name);
        }
    }
    Err(ApplyError::Failed(format!("no name is free for the index of {}", branch.name)))
}

async fn relation_exists(
    connection: &mut PgConnection,
    schema: &str,
    name: &str,
) -> Result<bool, ApplyError> {
    let row = sqlx::query(
        "SELECT EXISTS (SELECT 1 FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
                        WHERE n.nspname = $1 AND c.relname = $2) AS present",
    )
    .bind(schema)
    .bind(name)
    .fetch_one(connection)
    .await?;
    Ok(row.try_get("present")?)
}

/// Refuses where something else stands under the name; an invalid leftover of this very index gives way when the change
/// is made.
async fn check_free(
    connection: &mut PgConnection,
    create: &CreateIndex,
    top: &Part,
) -> Result<(), ApplyError> {
    let name = top.index(Place::Own);
    let Some(there) = known_index(connection, &name).await? else {
        if relation_exists(connection, &name.schema, &name.name).await? {
            return Err(ApplyError::Failed(format!(
                "something else is called {name} in the sandbox"
            )));
        }
        return Ok(());
    };
    if there.building {
        return Err(ApplyError::Failed(format!("somebody is building the index {name} now")));
    }
    if !there.valid && create.makes(&there.object.definition) {
        return Ok(());
    }
    Err(ApplyError::Failed(format!(
        "the sandbox has that index already: {}",
        there.object.definition
    )))
}

pub(in super::super) async fn drop(
    connection: &mut PgConnection,
    drop: &DropIndex,
    ground: Ground<'_>,
) -> Result<ChangePlan, ApplyError> {
    let name = TableName::new(&drop.schema, &drop.name);
    let known = known_index(connection, &name).await?.ok_or_else(|| {
        ApplyError::Failed(format!("the sandbox has no index named {}", drop.name))
    })?;
    require_table(connection, &known.table, ground).await?;
    let refuse = |reason: String| Err(ApplyError::Failed(reason));
    if known.backs_constraint {
        return refuse(format!("a constraint stands on {}", drop.name));
    }
    if known.is_part {
        return refuse(format!("{name} belongs to an index of a partitioned table: drop that one"));
    }
    if known.replica_identity {
        return refuse(format!("{name} is the table's replica identity"));
    }
    if known.unique {
        let tail = tail(&known.object.definition);
        if twin(connection, &known.table, &tail, &drop.name).await?.is_none() {
            return refuse(format!(
                "{name} keeps rows unique, and no other index does: dropping it could not be undone for sure"
            ));
        }
    }
    let mut parts = Vec::new();
    let mut extras = Vec::new();
    for branch in branches(connection, &name).await? {
        let Some(part) = known_index(connection, &branch.name).await? else { continue };
        extras.extend(again(&branch.name, &part));
        parts.push(Part {
            table: part.table,
            name: branch.name.name.clone(),
            definition: part.object.definition,
            tablespace: part.tablespace,
            is_partitioned: branch.is_partitioned(),
            parent: branch.parent,
            depth: branch.depth,
        });
    }
    let Some(top) = parts.first().cloned() else {
        return refuse(format!("the sandbox has no index named {}", drop.name));
    };
    let mut rollback = build(&parts, Place::Own)?;
    rollback.extend(extras);
    let rehearsed = Place::Rehearsal(ground.rehearsal_schema);
    let rehearsal = match known.valid {
        true => Rehearsal::Copies {
            patch: texts(&[unbuild(&top, rehearsed)]),
            rollback: texts(&build(&parts, rehearsed)?),
        },
        // A copy has no invalid index, and nobody wants it back invalid.
        false => Rehearsal::Nothing,
    };
    let no_rollback = (!known.valid).then(|| {
        format!("{name} is invalid: what undoes the drop would build it whole, which it was not")
    });
    Ok(ChangePlan {
        kind: "DROP INDEX".to_owned(),
        tables: vec![known.table.clone()],
        settings: false,
        touches: parts
            .iter()
            .map(|part| (index_key(&part.index(Place::Own)), Touch::Removes))
            .collect(),
        steps: vec![unbuild(&top, Place::Own)],
        rollback: if no_rollback.is_some() { Vec::new() } else { rollback },
        no_rollback,
        object: ChangedObject { oid: None, ..known.object },
        before: CatalogState::default(),
        marker: None,
        rehearsal,
    })
}

/// What an index has beside its definition.
fn again(name: &TableName, known: &KnownIndex) -> Vec<ChangeStep> {
    let index = name.quoted();
    let mut steps = Vec::new();
    let mut step = |title: &str, sql: String| steps.push(alone(title, sql, LOCK_BESIDE_WRITES));
    for (number, target) in &known.targets {
        step(
            "Give its expression its statistics target again",
            format!("ALTER INDEX {index} ALTER COLUMN {number} SET STATISTICS {target}"),
        );
    }
    if let Some(comment) = &known.comment {
        step(
            "Give it its comment again",
            format!("COMMENT ON INDEX {index} IS {}", quote_literal(comment)),
        );
    }
    if known.clustered {
        step(
            "Mark it as what the table is clustered by again",
            format!(
                "ALTER TABLE {} CLUSTER ON {}",
                known.table.quoted(),
                quote_identifier(&name.name)
            ),
        );
    }
    steps
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
