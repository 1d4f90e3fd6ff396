//! The staging copy: made, and made anew with the changes that stand in it.

use futures_util::future::BoxFuture;
use optischema::audit::{ApplyAgain, ApplyLost, AuditEvent, SandboxDropped, SandboxRefreshed};
use optischema::model::Change;
use optischema::operations::{OperationError, Outcome};
use optischema::refusal::Refusal;

use super::Service;
use crate::analysis::{copied_main, functions_choice};
use crate::apply::{Again, ApplyError, make_again};
use crate::postgres::query;
use crate::postgres::{MainSession, PgFailure, Session, database_id};
use crate::sandbox::{SandboxError, StagingOptions, StagingReport, hold, init_staging, proven};
use crate::store::AuditRecord;

/// The name of its connections.
const COPYING: &str = "optischema copies into the sandbox";
/// Seconds that one statement of it may take.
const STEP_S: u32 = 3600;

/// What a new staging copy came to.
#[derive(Debug)]
pub struct Refreshed {
    pub copy: StagingReport,
    /// Titles of the changes that could not be made again, and why; they have drifted.
    pub lost: Vec<(String, String)>,
}

impl Service {
    /// Copies into the sandbox what is not there yet.
    ///
    /// # Errors
    ///
    /// A target that is not configured, is main, or fails.
    pub async fn init_staging(&self, say: &mut (dyn FnMut(&str) + Send)) -> Outcome<StagingReport> {
        let mut sandbox = self.proven_sandbox().await?;
        self.copy(&mut sandbox, false, say).await
    }

    /// Drops the copies, makes them anew, and makes again what was applied to them, the oldest first.
    ///
    /// # Errors
    ///
    /// As of [`Service::init_staging`], and a store that cannot be written.
    pub async fn refresh_staging(&self, say: &mut (dyn FnMut(&str) + Send)) -> Outcome<Refreshed> {
        let mut sandbox = self.proven_sandbox().await?;
        let (queued, running) = self.store.live_job_counts().await?;
        if queued + running > 0 {
            return Err(Refusal::SandboxInUse.into());
        }
        // Before anything is dropped: main can be read.
        copied_main(&self.settings).await?;
        self.note(SandboxDropped {}).await?;
        let copy = self.copy(&mut sandbox, true, say).await?;
        let copied = copy.copied.len() as u64;
        self.note(SandboxRefreshed { dropped: copy.dropped.clone(), copied }).await?;
        // A path of the copy's own is of no use to what is made again.
        query("RESET search_path")
            .execute(&mut sandbox.connection)
            .await
            .map_err(PgFailure::from)?;
        let mut lost = Vec::new();
        for change in self.store.standing_changes(self.database()).await?.into_iter().rev() {
            say(&format!("making again: {}", change.recommendation_title));
            if let Err(reason) = self.make_again(&mut sandbox, &change).await? {
                lost.push((change.recommendation_title, reason));
            }
        }
        Ok(Refreshed { copy, lost })
    }

    /// The sandbox, proven not to be main, while nobody else changes something there.
    async fn proven_sandbox(&self) -> Outcome<Session> {
        self.targets.require_sandbox().await?;
        let mut session = proven(&self.settings, COPYING, STEP_S).await?;
        hold(&mut session).await?;
        Ok(session)
    }

    async fn copy(
        &self,
        sandbox: &mut Session,
        replaces: bool,
        say: &mut (dyn FnMut(&str) + Send),
    ) -> Outcome<StagingReport> {
        let settings = &self.settings;
        let mut main = MainSession::begin(copied_main(settings).await?).await?;
        main.read_rows_whole().await?;
        let options = StagingOptions {
            limit_bytes: settings.copy_limit_bytes,
            sample_percent: settings.sample_percent,
            with_functions: functions_choice(settings, &self.store).await?.copied,
            program: settings.pg_dump.clone(),
            replaces,
        };
        let connect = || -> BoxFuture<'_, Result<Session, SandboxError>> {
            Box::pin(async move { proven(settings, COPYING, STEP_S).await })
        };
        let connection = &mut sandbox.connection;
        let report = init_staging(&mut main, connection, Some(&connect), &options, say).await?;
        main.end().await?;
        Ok(report)
    }

    /// One change made again, or why it is lost.
    async fn make_again(
        &self,
        sandbox: &mut Session,
        change: &Change,
    ) -> Outcome<Result<(), String>> {
        let record = |event: AuditEvent| AuditRecord {
            job_id: Some(change.job_id),
            ..self.record(event, Some(change.recommendation_id))
        };
        match make_again(&mut sandbox.connection, change).await {
            Ok(Again { object, sql, detail }) => {
                let again = ApplyAgain {
                    change_id: change.id,
                    sql,
                    object: object.clone(),
                    database_id: database_id(&mut sandbox.connection).await?,
                    effect: detail.as_ref().map(|detail| detail.effect.clone()),
                };
                let audit = record(again.into());
                let store = &self.store;
                store.record_made_again(change.id, &object, detail.as_ref(), &audit).await?;
                Ok(Ok(()))
            }
            // Neither is an answer: the next refresh goes on.
            Err(ApplyError::Error(reason) | ApplyError::Locked(reason)) => {
                Err(OperationError::Unavailable(format!(
                    "{}: {reason}; run `optischema sandbox refresh` again",
                    change.recommendation_title
                )))
            }
            Err(error) => {
                let reason = error.to_string();
                let lost = ApplyLost { change_id: change.id, reason: reason.clone() };
                self.store.record_ended(change.id, true, &record(lost.into())).await?;
                Ok(Err(reason))
            }
        }
    }
}
