//! A standing change made once more, in a sandbox whose tables were made anew.

use optischema::model::{
    CatalogState, Change, ChangeDetail, ChangeKind, ChangedObject, EffectLine, TableName,
    index_line,
};
use sqlx::postgres::PgConnection;

use super::error::ApplyError;
use super::execute::{detail_of, made_object, run_steps, scope_of};
use super::kinds::parts::{build, kept, rebuilt};
use super::plan::{Place, branches, joined};
use super::rollback::lines_now;
use super::state::read_state;

/// A change that stands again.
#[derive(Debug, Clone, PartialEq)]
pub struct Again {
    /// Its object as it is now.
    pub object: ChangedObject,
    /// The statements that make it there.
    pub sql: String,
    /// What it did to the catalog, where that is another than before: its table has other partitions now.
    pub detail: Option<ChangeDetail>,
}

/// Makes it again, where it does not stand already.
///
/// # Errors
/// It cannot be made there any more; the sentence says why.
pub async fn make_again(
    connection: &mut PgConnection,
    change: &Change,
) -> Result<Again, ApplyError> {
    let detail = detail_of(change);
    let scope = scope_of(change, &detail);
    let moved = on_other_partitions(connection, change, &detail).await?;
    let effect = lines_now(connection, change, &detail).await?.effect;
    let here = ChangeDetail { effect, ..detail };
    let meant = moved.as_ref().unwrap_or(&here);
    if !stands(meant, &read_state(connection, &scope).await?) {
        run_steps(connection, &meant.steps, &mut |_, _, _| {}).await?;
    }
    let now = read_state(connection, &scope).await?;
    if !stands(meant, &now) {
        return Err(ApplyError::Drifted(
            "it was made again, and the catalog is not what it was with it before".into(),
        ));
    }
    let object = object_now(connection, change).await?.unwrap_or_else(|| change.object.clone());
    let sql = joined(&meant.steps);
    Ok(Again { object, sql, detail: moved.map(|detail| seen(detail, &now)) })
}

/// Whether the catalog says that it stands. Of an index on a partition that came since nobody knows the line yet: it
/// hangs on the topmost, which is valid only when every one is.
fn stands(detail: &ChangeDetail, state: &CatalogState) -> bool {
    detail.effect.iter().all(|line| match (&line.after, state.0.get(&line.key)) {
        (Some(after), Some(there)) if after.is_empty() => !there.is_empty(),
        (after, there) => there == after.as_ref(),
    })
}

/// How an index is made on the partitions that its table has now, where those are others than before.
async fn on_other_partitions(
    connection: &mut PgConnection,
    change: &Change,
    detail: &ChangeDetail,
) -> Result<Option<ChangeDetail>, ApplyError> {
    let (ChangeKind::CreateIndex, Some(table), false) =
        (change.kind, change.tables.first(), detail.parts.is_empty())
    else {
        return Ok(None);
    };
    let tree = branches(connection, table).await?;
    let known = |name: &TableName| detail.parts.iter().any(|part| part.table == *name);
    if tree.len() == detail.parts.len() && tree.iter().all(|branch| known(&branch.name)) {
        return Ok(None);
    }
    let parts = rebuilt(connection, &detail.parts, &tree).await?;
    let line = |part: &super::kinds::parts::Part| {
        let key = index_line(&part.index(Place::Own));
        let known = detail.effect.iter().find(|line| line.key == key);
        let after = known.and_then(|line| line.after.clone()).unwrap_or_default();
        EffectLine { key, before: None, after: Some(after) }
    };
    Ok(Some(ChangeDetail {
        steps: build(&parts, Place::Own)?,
        effect: parts.iter().map(line).collect(),
        parts: kept(&parts, &[]),
        ..detail.clone()
    }))
}

/// The same with the lines as the catalog has them.
fn seen(mut detail: ChangeDetail, now: &CatalogState) -> ChangeDetail {
    for line in &mut detail.effect {
        line.after = now.0.get(&line.key).cloned();
    }
    detail
}

/// The object that a change made, as the catalog has it now.
///
/// # Errors
/// The sandbox cannot be asked.
pub async fn object_now(
    connection: &mut PgConnection,
    change: &Change,
) -> Result<Option<ChangedObject>, ApplyError> {
    let name = TableName::new(&change.object.schema, &change.object.name);
    made_object(connection, change.kind, &name).await
}
