//! The staging copy: made, and made anew.

use std::process::ExitCode;
use std::sync::Arc;

use comfy_table::Table;
use optischema::model::Change;
use serde_json::json;

use super::commands::{CommandError, Done, say};
use super::data::{actor, store_of};
use crate::apply::{ApplyError, make_again};
use crate::config::Settings;
use crate::jobs::hold;
use crate::postgres::{MainSession, Session, connect_writable, read_catalog};
use crate::sandbox::{StagingReport, drop_staging, init_staging};
use crate::service::Targets;
use crate::store::{AuditRecord, Store};

/// Seconds that one statement of it may take.
const STEP_S: u32 = 3600;

pub(super) async fn init(settings: Settings) -> Done {
    let mut sandbox = proven(&settings).await?;
    let report = copy(&settings, &mut sandbox).await?;
    tell(&report);
    Ok(ExitCode::SUCCESS)
}

/// The sandbox, proven not to be main, while nobody else changes something there.
async fn proven(settings: &Settings) -> Result<Session, CommandError> {
    let missing = |what: &str| CommandError::Missing(format!("no {what} is configured"));
    let sandbox = settings.sandbox_url.as_ref().ok_or_else(|| missing("sandbox"))?;
    if settings.main_url.is_none() {
        return Err(missing("main database"));
    }
    Targets::new(Arc::new(settings.clone())).require_sandbox().await?;
    let mut session = connect_writable(sandbox, STEP_S).await?;
    hold(&mut session).await?;
    Ok(session)
}

async fn copy(settings: &Settings, sandbox: &mut Session) -> Result<StagingReport, CommandError> {
    let Some(main) = &settings.main_url else {
        return Err(CommandError::Missing("no main database is configured".into()));
    };
    let mut main = MainSession::begin(main).await?;
    let catalog = read_catalog(main.connection()).await?;
    main.use_own_path().await?;
    let report = init_staging(
        main.connection(),
        &mut sandbox.connection,
        &catalog,
        settings.copy_limit_bytes,
        settings.sample_percent,
        &mut say,
    )
    .await?;
    main.end().await?;
    Ok(report)
}

pub(super) async fn refresh(settings: Settings) -> Done {
    let store = store_of(&settings).await?;
    let mut sandbox = proven(&settings).await?;
    say("dropping the copies that were made before");
    let dropped = drop_staging(&mut sandbox.connection).await?;
    let report = copy(&settings, &mut sandbox).await?;
    let database = settings.main_url.as_ref().map_or("", |dsn| dsn.database());
    let audit = AuditRecord {
        actor: actor().0,
        action: "sandbox.refreshed",
        database: database.to_owned(),
        recommendation_id: None,
        job_id: None,
        detail: json!({ "dropped": dropped, "copied": report.copied.len() }),
    };
    store.audit(&audit).await?;
    let mut standing = store.standing_changes(database).await?;
    // As they were made: the oldest first.
    standing.reverse();
    // A path of the copy's own is of no use to what is made again.
    sqlx::query("RESET search_path")
        .execute(&mut sandbox.connection)
        .await
        .map_err(crate::postgres::PgFailure::from)?;
    let mut lost = 0;
    for change in standing {
        say(&format!("making again: {}", change.recommendation_title));
        lost += u8::from(!again(&store, &mut sandbox, &change).await?);
    }
    tell(&report);
    Ok(if lost == 0 { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

/// Makes one change again; whether it stands. What can no longer be made has drifted.
async fn again(
    store: &Store,
    sandbox: &mut Session,
    change: &Change,
) -> Result<bool, CommandError> {
    let record = |action, detail| AuditRecord {
        actor: actor().0,
        action,
        database: change.database.clone(),
        recommendation_id: Some(change.recommendation_id),
        job_id: Some(change.job_id),
        detail,
    };
    match make_again(&mut sandbox.connection, change).await {
        Ok(object) => {
            let detail = json!({ "change_id": change.id, "sql": change.sql, "object": object });
            store.record_made_again(change.id, &object, &record("apply.again", detail)).await?;
            Ok(true)
        }
        Err(error @ ApplyError::Error(_)) => Err(error.into()),
        Err(error) => {
            eprintln!("{}: {error}", change.recommendation_title);
            let detail = json!({ "change_id": change.id, "reason": error.to_string() });
            store.record_ended(change.id, true, &record("apply.lost", detail)).await?;
            Ok(false)
        }
    }
}

fn tell(report: &StagingReport) {
    let mut table = Table::new();
    table.set_header(["Table", "Rows"]);
    for copied in &report.copied {
        table.add_row([copied.table.to_string(), copied.rows.to_string()]);
    }
    for table_name in &report.present {
        table.add_row([table_name.to_string(), "was there already".into()]);
    }
    for (table_name, reason) in &report.skipped {
        table.add_row([table_name.to_string(), format!("left out: {reason}")]);
    }
    println!("{table}");
    for line in &report.missing {
        eprintln!("{line}");
    }
}
