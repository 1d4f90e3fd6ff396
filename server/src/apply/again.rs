//! A standing change made once more, in a sandbox whose tables were made anew.

use optischema::change_plan::joined;
use optischema::model::{
    CatalogChange, CatalogEntry, CatalogObject, CatalogState, Change, ChangeDetail, ChangeKind,
    ChangedObject, TableName,
};
use sqlx::postgres::PgConnection;

use super::applied::{detail_of, made_object};
use super::catalog_state::{Scope, read_state};
use super::current_effect::current_effect;
use super::error::ApplyError;
use super::kinds::parts::{Part, build, kept, rebuilt};
use super::plan_site::{Place, branches};
use super::reason::ApplyReason;
use super::steps::run_steps;

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
    let scope = Scope::of_change(change, &detail);
    let moved = on_other_partitions(connection, change, &detail).await?;
    let changes = current_effect(connection, change, &detail).await?.changes;
    let meant = moved.clone().unwrap_or_else(|| Meant {
        entries: changes.into_iter().map(|c| (c.object, Expected::Exactly(c.after))).collect(),
        detail,
    });
    if !meant.stands(&read_state(connection, &scope).await?) {
        run_steps(connection, &meant.detail.steps, &mut |_, _, _| {}).await?;
    }
    let now = read_state(connection, &scope).await?;
    if !meant.stands(&now) {
        return Err(ApplyError::drifted(ApplyReason::MadeOtherwise));
    }
    let object = object_now(connection, change).await?.unwrap_or_else(|| change.object.clone());
    let sql = joined(&meant.detail.steps);
    Ok(Again { object, sql, detail: moved.map(|moved| moved.seen(&now)) })
}

/// What the catalog must say of an object.
#[derive(Debug, Clone, PartialEq)]
enum Expected {
    Exactly(Option<CatalogEntry>),
    /// Anything. The entry of an index on a partition that came since is not known yet: it belongs to the topmost index,
    /// which is valid only when every one is.
    Any,
}

/// A change as it is to be made here.
#[derive(Debug, Clone)]
struct Meant {
    detail: ChangeDetail,
    entries: Vec<(CatalogObject, Expected)>,
}

impl Meant {
    /// Whether the catalog says that it is made.
    fn stands(&self, state: &CatalogState) -> bool {
        self.entries.iter().all(|(object, expected)| match (expected, state.0.get(object)) {
            (Expected::Any, there) => there.is_some(),
            (Expected::Exactly(entry), there) => there == entry.as_ref(),
        })
    }

    /// Its detail, with the entries as the catalog has them.
    fn seen(self, now: &CatalogState) -> ChangeDetail {
        let change = |(object, _): (CatalogObject, Expected)| CatalogChange {
            after: now.0.get(&object).cloned(),
            before: None,
            object,
        };
        ChangeDetail { effect: self.entries.into_iter().map(change).collect(), ..self.detail }
    }
}

/// How an index is made on the partitions that its table has now, where those are others than before.
async fn on_other_partitions(
    connection: &mut PgConnection,
    change: &Change,
    detail: &ChangeDetail,
) -> Result<Option<Meant>, ApplyError> {
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
    let entry = |part: &Part| {
        let object = CatalogObject::Index(part.index(Place::Own));
        let known = detail.effect.iter().find(|change| change.object == object);
        let expected = known.map_or(Expected::Any, |known| Expected::Exactly(known.after.clone()));
        (object, expected)
    };
    Ok(Some(Meant {
        entries: parts.iter().map(entry).collect(),
        detail: ChangeDetail {
            steps: build(&parts, Place::Own)?,
            parts: kept(&parts, &[]),
            ..detail.clone()
        },
    }))
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
