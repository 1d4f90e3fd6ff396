//! Changes: the trail, apply and rollback.

use leptos::prelude::*;
use leptos::server_fn::codec::GetUrl;
use optischema::model::{ApplyStatus, AuditEntry, Change};

/// What was applied, how the apply side is, and the audit trail.
#[server(prefix = "/rpc", endpoint = "changes", input = GetUrl)]
pub async fn load_changes() -> Result<(Vec<Change>, ApplyStatus, Vec<AuditEntry>), ServerFnError> {
    use super::context::{failed, operations};
    let operations = operations()?;
    let changes = operations.changes().await.map_err(failed)?;
    let status = operations.apply_status().await.map_err(failed)?;
    let trail = operations.audit_trail().await.map_err(failed)?;
    Ok((changes, status, trail))
}

/// Queues an apply; without a completed benchmark it needs a reason.
#[server(prefix = "/rpc", endpoint = "start-apply")]
pub async fn start_apply(id: String, override_reason: Option<String>) -> Result<(), ServerFnError> {
    use super::context::{failed, operations, parse_id};
    let id = parse_id("recommendation", id)?;
    operations()?.start_apply(id, override_reason).await.map(drop).map_err(failed)
}

/// Queues a rollback.
#[server(prefix = "/rpc", endpoint = "start-rollback")]
pub async fn start_rollback(id: String) -> Result<(), ServerFnError> {
    use super::context::{failed, operations, parse_id};
    let id = parse_id("recommendation", id)?;
    operations()?.start_rollback(id).await.map(drop).map_err(failed)
}
