//! Collecting and advising, stored or not.

use optischema::model::AnalyzeReport;
use optischema::operations::{OperationError, Outcome};

use crate::config::Settings;
use crate::postgres::{Dsn, MainSession, check_main, main_is_refused};
use crate::store::Store;
use crate::workload::{Advice, CollectError, Collection, advise, collect, statements_from_text};

impl From<CollectError> for OperationError {
    fn from(error: CollectError) -> Self {
        Self::Unavailable(error.to_string())
    }
}

/// Main, where its role may be used.
async fn checked_main(settings: &Settings) -> Outcome<&Dsn> {
    let dsn = settings.main_url.as_ref();
    let health = check_main(dsn, settings.allow_privileged_main).await;
    match (dsn, main_is_refused(&health)) {
        (Some(dsn), None) => Ok(dsn),
        (_, Some(reason)) => Err(OperationError::Unavailable(reason)),
        (None, None) => Err(OperationError::Unavailable(
            "no main database is configured: set OPTISCHEMA_MAIN_URL".into(),
        )),
    }
}

/// Collects and advises without a store. `workload` is a text of statements to advise on instead of
/// main's own.
pub async fn analyze_once(
    settings: &Settings,
    workload: Option<&str>,
) -> Outcome<(Collection, Advice)> {
    let mut session = MainSession::begin(checked_main(settings).await?).await?;
    let collection = match workload {
        None => collect(&mut session).await?,
        Some(text) => statements_from_text(&mut session, text).await?.map_err(|error| {
            OperationError::Invalid { field: "workload".into(), message: error.to_string() }
        })?,
    };
    let advice = advise(&mut session, &collection).await?;
    session.end().await?;
    Ok((collection, advice))
}

/// Collects, advises, and takes the advice into the store.
pub(super) async fn analyze(settings: &Settings, store: &Store) -> Outcome<AnalyzeReport> {
    let (collection, advice) = analyze_once(settings, None).await?;
    let database = &collection.catalog.database;
    store.replace_statements(database, &collection.statements).await?;
    let search_path = serde_json::to_string(&collection.catalog.search_path).unwrap_or_default();
    store.set_setting(&format!("search_path:{database}"), &search_path).await?;
    let recommendations = store.upsert_proposals(database, &advice.proposals).await?;
    let Advice { rejected, statements, .. } = advice;
    Ok(AnalyzeReport { recommendations, rejected, statements })
}
