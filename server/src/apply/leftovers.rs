//! Invalid indexes that a build left behind when even its clean-up had to wait too long.

use optischema::model::{RecommendationFilter, TableName, index_of_line};

use super::error::ApplyError;
use super::known_index::known_index;
use super::settle::{drop_invalid, drop_rebuilt};
use crate::config::Settings;
use crate::postgres::{Session, connect_writable};
use crate::sql::{Maintenance, Patch, PatchKind};
use crate::store::Store;

/// Looks, for every recommended index that is not applied, whether an invalid leftover of it stands in the
/// sandbox, and drops it. Returns the names of those dropped. The caller knows that the sandbox is not main.
///
/// # Errors
/// The sandbox or the store cannot be used.
pub async fn drop_leftovers(settings: &Settings, store: &Store) -> Result<Vec<String>, ApplyError> {
    let (Some(sandbox), Some(main)) = (&settings.sandbox_url, &settings.main_url) else {
        return Ok(Vec::new());
    };
    let mut session: Session = connect_writable(sandbox, settings.statement_timeout_s).await?;
    let mut dropped = Vec::new();
    let mut filter = RecommendationFilter { limit: Some(200), ..RecommendationFilter::default() };
    loop {
        let page = store.recommendations(main.database(), &filter).await?;
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
            let name = TableName::new(&index.table.schema, &index.name);
            let connection = &mut session.connection;
            let is_ours = known_index(connection, &name)
                .await?
                .is_some_and(|known| index.makes(&known.object.definition));
            if is_ours && drop_invalid(connection, &name).await? {
                dropped.push(format!("{}.{}", name.schema, name.name));
            }
        }
        let Some(cursor) = page.next_cursor else { break };
        // The cursor is the store's own, so it is an id.
        filter.cursor = cursor.parse().ok();
        if filter.cursor.is_none() {
            break;
        }
    }
    for change in store.standing_changes(main.database()).await? {
        let removed = change.detail.iter().flat_map(|detail| &detail.effect);
        let removed: Vec<TableName> = removed
            .filter(|line| line.after.is_none())
            .filter_map(|line| index_of_line(&line.key))
            .collect();
        for name in removed {
            // A drop that was begun, and had to wait too long for its end.
            if drop_invalid(&mut session.connection, &name).await? {
                dropped.push(format!("{}.{}", name.schema, name.name));
            }
        }
    }
    Ok(dropped)
}
