//! Planning a change: its statements both ways, and which objects of the catalog it touches, derived from the catalog as it
//! is before anything is done.

use optischema::change_plan::{ChangePlan, Touch};
use optischema::model::Recommendation;
use sqlx::postgres::PgConnection;

use super::catalog_state::{Scope, read_state};
use super::error::ApplyError;
use super::kinds::{index, maintenance, setting, statistics, table};
use super::plan_site::PlanSite;
use super::reason::ApplyReason;
use crate::sql::{Patch, PatchKind};

/// Looks whether the patch can be applied, and derives its rollback from the catalog as it is now.
///
/// # Errors
/// The sentence that says what is in the way.
pub async fn plan_change(
    connection: &mut PgConnection,
    patch: &Patch,
    recommendation: &Recommendation,
    site: PlanSite<'_>,
) -> Result<ChangePlan, ApplyError> {
    let mut plan = match &patch.kind {
        PatchKind::CreateIndex(create) => index::create(connection, create, site).await?,
        PatchKind::DropIndex(drop) => index::drop(connection, drop, site).await?,
        PatchKind::CreateStatistics(create) => statistics::create(connection, create, site).await?,
        PatchKind::DropStatistics(drop) => statistics::drop(connection, drop, site).await?,
        PatchKind::AlterTable(alter) => table::alter(connection, alter, site).await?,
        PatchKind::Maintenance(maintain) => maintenance::plan(connection, maintain, site).await?,
        PatchKind::Setting(set) => setting::plan(connection, set, site).await?,
        PatchKind::Rewrite(rewritten) => match &rewritten.index {
            Some(create) => index::create(connection, create, site).await?,
            None => {
                return Err(ApplyError::failed(ApplyReason::NothingToApply));
            }
        },
    };
    if plan.tables.is_empty() {
        plan.tables = recommendation.tables.clone();
    }
    plan.before = read_state(connection, &Scope::of_plan(&plan)).await?;
    for (object, touch) in &plan.touches {
        if *touch == Touch::Makes {
            // At most an invalid leftover of an earlier try, which is dropped first.
            plan.before.0.remove(object);
        }
    }
    Ok(plan)
}
