//! `CREATE INDEX` and `DROP INDEX`, of plain and of partitioned tables.

use optischema::change_plan::{ChangePlan, Rehearsal, Touch, joined};
use optischema::model::{
    CatalogObject, CatalogState, ChangeKind, ChangeStep, ChangedObject, StepLock, TableName,
    quote_identifier, quote_literal,
};
use sqlx::postgres::PgConnection;

use super::super::error::ApplyError;
use super::super::known_index::{KnownIndex, known_index, tail, twin};
use super::super::plan_site::{Place, PlanSite, branches, require_table};
use super::super::reason::ApplyReason;
use super::super::steps::alone;
use super::parts::{Part, build, free_name, kept, texts, unbuild};
use crate::postgres::relation_exists;
use crate::sql::{CreateIndex, DropIndex};

pub(in super::super) async fn create(
    connection: &mut PgConnection,
    create: &CreateIndex,
    site: PlanSite<'_>,
) -> Result<ChangePlan, ApplyError> {
    let table = &create.table;
    require_table(connection, table, site).await?;
    let tree = branches(connection, table).await?;
    let mut parts: Vec<Part> = Vec::with_capacity(tree.len());
    let definition = create.sql(&table.schema, false)?;
    for branch in &tree {
        if branch.kind == "f" {
            let partition = branch.name.clone();
            return Err(ApplyError::failed(ApplyReason::ForeignPartition { partition }));
        }
        let name = match branch.parent {
            None => create.name.clone(),
            Some(_) => {
                let below = (create.name.as_str(), table.name.as_str());
                free_name(connection, below, branch, &parts).await?
            }
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
        return Err(ApplyError::failed(ApplyReason::TableMissing { table: table.clone() }));
    };
    check_free(connection, create, &top).await?;
    let tail = tail(&definition);
    if let Some(index) = twin(connection, table, &tail, &create.name, false).await? {
        return Err(ApplyError::failed(ApplyReason::SameIndex { index }));
    }
    let steps = build(&parts, Place::Own)?;
    let rehearsed = Place::Rehearsal(site.rehearsal_schema);
    Ok(ChangePlan {
        kind: ChangeKind::CreateIndex,
        tables: vec![table.clone()],
        touches: parts
            .iter()
            .map(|part| (CatalogObject::Index(part.index(Place::Own)), Touch::Makes))
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
        parts: kept(&parts, &[]),
        expected: None,
        rehearsal: Rehearsal::Copies {
            patch: texts(&build(&parts, rehearsed)?),
            rollback: texts(&[unbuild(&top, rehearsed)]),
        },
    })
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
        if relation_exists(connection, &name).await? {
            return Err(ApplyError::failed(ApplyReason::NameTaken { name }));
        }
        return Ok(());
    };
    if there.building {
        return Err(ApplyError::failed(ApplyReason::BeingBuilt { index: name }));
    }
    if !there.valid && create.makes(&there.object.definition) {
        return Ok(());
    }
    Err(ApplyError::failed(if there.valid {
        ApplyReason::IndexExists { definition: there.object.definition }
    } else {
        ApplyReason::InvalidIndexInTheWay { index: name }
    }))
}

pub(in super::super) async fn drop(
    connection: &mut PgConnection,
    drop: &DropIndex,
    site: PlanSite<'_>,
) -> Result<ChangePlan, ApplyError> {
    let name = TableName::new(&drop.schema, &drop.name);
    let missing = || ApplyError::failed(ApplyReason::IndexMissing { index: drop.name.clone() });
    let known = known_index(connection, &name).await?.ok_or_else(missing)?;
    require_table(connection, &known.table, site).await?;
    let refuse = |reason: ApplyReason| Err(ApplyError::failed(reason));
    if known.backs_constraint {
        return refuse(ApplyReason::BacksConstraint { index: drop.name.clone() });
    }
    if known.is_part {
        return refuse(ApplyReason::BelongsToParent { index: name });
    }
    if known.replica_identity {
        return refuse(ApplyReason::ReplicaIdentity { index: name });
    }
    // An invalid one keeps nothing unique for sure.
    if known.unique && known.valid {
        let tail = tail(&known.object.definition);
        if twin(connection, &known.table, &tail, &drop.name, true).await?.is_none() {
            return refuse(ApplyReason::OnlyUnique { index: name });
        }
    }
    let mut parts = Vec::new();
    let mut extras = Vec::new();
    for branch in branches(connection, &name).await? {
        let Some(part) = known_index(connection, &branch.name).await? else { continue };
        extras.push(again(&branch.name, &part));
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
        return Err(missing());
    };
    let mut rollback = build(&parts, Place::Own)?;
    rollback.extend(extras.iter().flatten().cloned());
    let rehearsed = Place::Rehearsal(site.rehearsal_schema);
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
        kind: ChangeKind::DropIndex,
        tables: vec![known.table.clone()],
        touches: parts
            .iter()
            .map(|part| (CatalogObject::Index(part.index(Place::Own)), Touch::Removes))
            .collect(),
        steps: vec![unbuild(&top, Place::Own)],
        rollback: if no_rollback.is_some() { Vec::new() } else { rollback },
        no_rollback,
        object: ChangedObject { oid: None, ..known.object },
        before: CatalogState::default(),
        marker: None,
        parts: kept(&parts, &extras),
        expected: None,
        rehearsal,
    })
}

/// What an index has beside its definition.
fn again(name: &TableName, known: &KnownIndex) -> Vec<ChangeStep> {
    let index = name.quoted();
    let mut steps = Vec::new();
    let mut step =
        |title: &str, sql: String| steps.push(alone(title, sql, StepLock::ShareUpdateExclusive));
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
