//! Invalid indexes that a build left behind when even its clean-up had to wait too long.

use optischema::audit::ApplyIntent;
use optischema::model::{CatalogObject, RecommendationFilter, TableName};
use sqlx::postgres::PgConnection;

use super::error::ApplyError;
use super::known_index::{KnownIndex, is_expected, known_index};
use super::settle::{drop_invalid, drop_rebuilt};
use super::steps::run;
use crate::postgres::Session;
use crate::sql::{CreateIndex, Maintenance, Patch, PatchKind, drop_index_sql};
use crate::store::{Store, StoreError};

/// Looks, for every recommended index that is not applied, whether an invalid leftover of it stands in the
/// sandbox, and drops it. Returns the names of those dropped. The session is proven not to be main's, and holds the lock
/// of those who change something: what is half made there is nobody's.
///
/// # Errors
/// The sandbox or the store cannot be used.
pub async fn drop_leftovers(
    session: &mut Session,
    store: &Store,
    database: &str,
) -> Result<Vec<String>, ApplyError> {
    let mut dropped = Vec::new();
    // Definitions are compared as they were written down: with every name outside `pg_catalog` qualified.
    run(&mut session.connection, "SET search_path = pg_catalog").await?;
    let mut filter = RecommendationFilter { limit: Some(200), ..RecommendationFilter::default() };
    loop {
        let page = store.recommendations(database, &filter).await?;
        for recommendation in page.items.iter().filter(|recommendation| !recommendation.applied) {
            let index = match Patch::parse(&recommendation.patch_sql).map(|patch| patch.kind) {
                Ok(PatchKind::CreateIndex(index)) => index,
                Ok(PatchKind::Maintenance(Maintenance { table: Some(table), .. })) => {
                    // What a rebuild that was cut off left, if anything.
                    drop_rebuilt(&mut session.connection, &table).await?;
                    continue;
                }
                _ => continue,
            };
            let intent = match store.unmade_intent(recommendation.id).await {
                // One row that cannot be read must not keep the rest from being cleaned up.
                Err(error @ StoreError::Corrupt { .. }) => {
                    tracing::warn!(recommendation = %recommendation.id, %error, "cleaning up without the intent");
                    None
                }
                read => read?,
            };
            let meant = Meant::of(&index, intent);
            dropped.extend(drop_parts(&mut session.connection, &meant).await?);
        }
        let Some(cursor) = page.next_cursor else { break };
        // The cursor is the store's own, so it is an id.
        filter.cursor = cursor.parse().ok();
        if filter.cursor.is_none() {
            break;
        }
    }
    for change in store.standing_changes(database).await? {
        let removed = change.detail.iter().flat_map(|detail| &detail.effect);
        let removed: Vec<TableName> = removed
            .filter(|change| change.after.is_none())
            .filter_map(|change| change.object.index().cloned())
            .collect();
        for name in removed {
            // A drop that was begun, and had to wait too long for its end.
            if drop_invalid(&mut session.connection, &name).await? {
                dropped.push(plain(&name));
            }
        }
    }
    Ok(dropped)
}

/// The name for a report, as it is.
fn plain(name: &TableName) -> String {
    format!("{}.{}", name.schema, name.name)
}

/// What an apply meant to make.
struct Meant<'a> {
    index: &'a CreateIndex,
    /// The index with those of partitions, the topmost first.
    names: Vec<TableName>,
    expected: Option<String>,
}

impl<'a> Meant<'a> {
    fn of(index: &'a CreateIndex, intent: Option<ApplyIntent>) -> Self {
        let top = TableName::new(&index.table.schema, &index.name);
        let (objects, expected) = intent
            .map_or_else(Default::default, |intent| (intent.plan.objects(), intent.plan.expected));
        let others = objects.iter().filter_map(CatalogObject::index).filter(|name| **name != top);
        let mut names = vec![top.clone()];
        names.extend(others.cloned());
        Self { index, names, expected }
    }

    fn is(&self, known: &KnownIndex) -> bool {
        let definition = &known.object.definition;
        match &self.expected {
            Some(expected) => is_expected(expected, definition),
            None => self.index.makes(definition),
        }
    }
}

/// Drops what is invalid of it; and what was built for partitions, where the index that it was to hang on is not there.
async fn drop_parts(
    connection: &mut PgConnection,
    meant: &Meant<'_>,
) -> Result<Vec<String>, ApplyError> {
    let mut dropped = Vec::new();
    let mut top_stands = false;
    for (at, name) in meant.names.iter().enumerate() {
        let Some(known) = known_index(connection, name).await? else { continue };
        if !meant.is(&known) || known.building {
            top_stands |= at == 0;
            continue;
        }
        if at == 0 && known.valid {
            top_stands = true;
        } else if !known.valid {
            if drop_invalid(connection, name).await? {
                dropped.push(plain(name));
            }
        } else if !top_stands && !known.is_part {
            run(connection, &drop_index_sql(&name.schema, &name.name, !known.is_partitioned))
                .await?;
            dropped.push(plain(name));
        }
    }
    Ok(dropped)
}
