//! What is looked at before an apply, each with how it came out.

use optischema::change_plan::ChangePlan;
use optischema::figures;
use optischema::model::{ChangeKind, Check, CheckKind, CheckState, Recommendation, TableName};
use sqlx::Row;
use sqlx::postgres::PgConnection;

use super::error::ApplyError;
use super::reason::ApplyReason;
use super::watch_locks::old_transactions;
use crate::postgres::query;

/// A transaction this old is named: what is built concurrently waits for it to end.
const OLD_SECONDS: i64 = 5;

/// Looks at what the plan needs beside what it was derived from.
///
/// # Errors
/// The sandbox cannot be asked.
pub async fn preflight(
    connection: &mut PgConnection,
    plan: &ChangePlan,
    recommendation: &Recommendation,
) -> Result<Vec<Check>, ApplyError> {
    let mut checks = vec![Check::new(
        CheckKind::Object,
        CheckState::Ok,
        format!("{} is possible in the sandbox now.", plan.kind),
    )];
    let makes = plan.steps.iter().any(|step| step.sql.starts_with("CREATE"));
    if makes {
        for table in &plan.tables {
            checks.push(may_create(connection, table).await?);
        }
    }
    checks.push(transactions(connection, plan).await?);
    if plan.kind == ChangeKind::CreateIndex {
        checks.push(space(recommendation));
    }
    if matches!(plan.kind, ChangeKind::VacuumFull | ChangeKind::Repack) {
        checks.push(Check::new(
            CheckKind::Disk,
            CheckState::Unknown,
            "It writes a second copy of the whole table; free disk space cannot be read over SQL.",
        ));
    }
    Ok(checks)
}

/// The first thing that is in the way, as a failure.
///
/// # Errors
/// There is one.
pub fn refuse_blocked(checks: &[Check]) -> Result<(), ApplyError> {
    match checks.iter().find(|check| check.state == CheckState::Blocked) {
        Some(blocked) => {
            Err(ApplyError::failed(ApplyReason::Blocked { reason: blocked.detail.clone() }))
        }
        None => Ok(()),
    }
}

async fn may_create(connection: &mut PgConnection, table: &TableName) -> Result<Check, ApplyError> {
    let row = query(
        "SELECT pg_catalog.has_schema_privilege(n.oid, 'CREATE') AS may FROM pg_catalog.pg_namespace n WHERE n.nspname = $1",
    )
    .bind(&table.schema)
    .fetch_optional(connection)
    .await?;
    let may = row.map(|row| row.try_get::<bool, _>("may")).transpose()?.unwrap_or(false);
    Ok(if may {
        Check::new(
            CheckKind::Privileges,
            CheckState::Ok,
            format!("The role owns {table}, and may create in its schema."),
        )
    } else {
        Check::new(
            CheckKind::Privileges,
            CheckState::Blocked,
            format!("the sandbox's role may not create anything in the schema {}", table.schema),
        )
    })
}

async fn transactions(
    connection: &mut PgConnection,
    plan: &ChangePlan,
) -> Result<Check, ApplyError> {
    let old = old_transactions(connection, OLD_SECONDS).await?;
    let waits = plan.steps.iter().any(|step| step.sql.contains("CONCURRENTLY"));
    Ok(match old.first() {
        None => Check::new(
            CheckKind::Transactions,
            CheckState::Ok,
            format!("None is older than {OLD_SECONDS} s."),
        ),
        Some(oldest) => Check::new(
            CheckKind::Transactions,
            CheckState::Warning,
            format!(
                "{} {} older than {OLD_SECONDS} s{}: {oldest}",
                old.len(),
                if old.len() == 1 { "is" } else { "are" },
                if waits { ", and CONCURRENTLY waits for them to end" } else { "" },
            ),
        ),
    })
}

fn space(recommendation: &Recommendation) -> Check {
    let estimated = recommendation.evidence.index.as_ref().and_then(|index| index.estimated_bytes);
    let need = match estimated {
        Some(bytes) => format!("The index will take about {}", figures::bytes(bytes)),
        None => "How large the index will be is not known".to_owned(),
    };
    Check::new(
        CheckKind::Disk,
        CheckState::Unknown,
        format!(
            "{need}; how much disk is free cannot be asked over SQL. Where it does not suffice, the build fails and is cleaned up."
        ),
    )
}
