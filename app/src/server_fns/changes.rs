//! Changes: what an apply would do, apply and rollback, the trail.

use leptos::prelude::*;
use leptos::server_fn::codec::GetUrl;
use optischema::model::{
    ApplyPlan, ApplyStatus, AuditPage, AuditQuery, Change, ChangeQuery, CleanupReport,
    FunctionsChoice,
};
use serde::{Deserialize, Serialize};

/// What the page of changes shows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ChangesView {
    pub changes: Vec<Change>,
    pub status: ApplyStatus,
    pub trail: AuditPage,
}

/// What was applied, how the apply side is, and the audit trail.
#[server(prefix = "/rpc", endpoint = "changes", input = GetUrl)]
pub async fn load_changes(
    #[server(default)] query: ChangeQuery,
    #[server(default)] audit: AuditQuery,
) -> Result<ChangesView, ServerFnError> {
    use super::context::{failed, operations};
    let operations = operations()?;
    let filter = query.parse().map_err(|error| failed(error.into()))?;
    let trail = audit.parse().map_err(|error| failed(error.into()))?;
    Ok(ChangesView {
        changes: operations.changes(filter).await.map_err(failed)?,
        status: operations.apply_status().await.map_err(failed)?,
        trail: operations.audit_trail(trail).await.map_err(failed)?,
    })
}

/// What an apply would do; nothing is done.
#[server(prefix = "/rpc", endpoint = "apply-plan", input = GetUrl)]
pub async fn load_apply_plan(id: String) -> Result<ApplyPlan, ServerFnError> {
    use super::context::{failed, operations, parse_id};
    let id = parse_id("recommendation", id)?;
    operations()?.apply_plan(id).await.map_err(failed)
}

/// Queues an apply of the patch that was shown; without a completed benchmark it needs a reason.
#[server(prefix = "/rpc", endpoint = "start-apply")]
pub async fn start_apply(
    id: String,
    override_reason: Option<String>,
    sql_hash: Option<String>,
) -> Result<(), ServerFnError> {
    use super::context::{failed, operations, parse_id};
    use optischema::operations::Approval;
    let id = parse_id("recommendation", id)?;
    let approval = Approval { override_reason, sql_hash };
    operations()?.start_apply(id, approval).await.map_err(failed)?;
    leptos_axum::redirect(&format!("/recommendations/{id}"));
    Ok(())
}

/// Queues a rollback.
#[server(prefix = "/rpc", endpoint = "start-rollback")]
pub async fn start_rollback(id: String) -> Result<(), ServerFnError> {
    use super::context::{failed, operations, parse_id};
    let id = parse_id("recommendation", id)?;
    operations()?.start_rollback(id).await.map(drop).map_err(failed)
}

/// Queues the rollback of the changes that were shown (ids joined by commas), the newest first.
#[server(prefix = "/rpc", endpoint = "roll-back-all")]
pub async fn roll_back_all(changes: String) -> Result<(), ServerFnError> {
    use super::context::{failed, operations, parse_id};
    use optischema::model::RollbackScope;
    let ids = changes.split(',').map(|id| parse_id("change", id.to_owned()));
    let ids = ids.collect::<Result<Vec<_>, _>>()?;
    operations()?.roll_back_together(RollbackScope::Changes(ids)).await.map(drop).map_err(failed)
}

/// Whether functions of the database are copied into the sandbox.
#[server(prefix = "/rpc", endpoint = "functions-choice", input = GetUrl)]
pub async fn load_functions_choice() -> Result<FunctionsChoice, ServerFnError> {
    use super::context::{failed, operations};
    operations()?.functions_choice().await.map_err(failed)
}

/// Answers that.
#[server(prefix = "/rpc", endpoint = "choose-functions")]
pub async fn choose_functions(copied: bool) -> Result<(), ServerFnError> {
    use super::context::{failed, operations};
    operations()?.choose_functions(copied).await.map(drop).map_err(failed)
}

/// Drops what was left behind.
#[server(prefix = "/rpc", endpoint = "clean-up")]
pub async fn clean_up() -> Result<CleanupReport, ServerFnError> {
    use super::context::{failed, operations};
    operations()?.cleanup().await.map_err(failed)
}
