//! An applied change: its object, what it altered in the catalog, and what is read to compare it.

use optischema::change_plan::ChangePlan;
use optischema::model::{
    CatalogChange, CatalogObject, Change, ChangeDetail, ChangeKind, ChangedObject, StepLock,
    TableName,
};
use sqlx::postgres::PgConnection;

use super::error::ApplyError;
use super::kinds::statistics;
use super::known_index::known_index;
use super::steps::alone;

/// A change that was made.
#[derive(Debug, Clone, PartialEq)]
pub struct Applied {
    pub object: ChangedObject,
    /// What it changed in the catalog.
    pub effect: Vec<CatalogChange>,
    /// Wall time of all steps.
    pub duration_ms: f64,
    pub notes: Vec<String>,
}

/// What stands under the name of an object that a change of this kind makes; absent for kinds that make none.
pub(super) async fn made_object(
    connection: &mut PgConnection,
    kind: ChangeKind,
    name: &TableName,
) -> Result<Option<ChangedObject>, ApplyError> {
    Ok(match kind {
        ChangeKind::CreateIndex => known_index(connection, name).await?.map(|known| known.object),
        ChangeKind::CreateStatistics => statistics::standing(connection, name).await?,
        _ => None,
    })
}

/// The object as the catalog has it now.
pub(super) async fn object_of(
    connection: &mut PgConnection,
    plan: &ChangePlan,
) -> Result<ChangedObject, ApplyError> {
    let name = TableName::new(&plan.object.schema, &plan.object.name);
    let found = made_object(connection, plan.kind, &name).await?;
    Ok(found.unwrap_or_else(|| plan.object.clone()))
}

/// What a change did to the catalog. Of one that was made before such lines were kept, its object says so.
pub(super) fn detail_of(change: &Change) -> ChangeDetail {
    if let Some(detail) = &change.detail {
        return detail.clone();
    }
    let object = &change.object;
    let name = TableName::new(&object.schema, &object.name);
    let entry = Some(object.definition.clone().into());
    let (before, after) = if object.oid.is_some() { (None, entry) } else { (entry, None) };
    let step = alone("Undo it", change.rollback_sql.clone(), StepLock::ShareUpdateExclusive);
    ChangeDetail {
        rollback: vec![step],
        effect: vec![CatalogChange { object: CatalogObject::Index(name), before, after }],
        ..ChangeDetail::default()
    }
}
