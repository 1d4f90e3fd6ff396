//! Collecting and advising, stored or not.

use std::collections::BTreeMap;
use std::io::BufRead;
use std::time::{Duration, Instant};

use optischema::advisor::rules::IndexUsage;
use optischema::model::{AnalyzeReport, Catalog, Rule, TableName};
use optischema::operations::Outcome;

use super::collecting;
use super::given::given;
use super::main_access::checked_main;
use super::places::places;
use crate::benchmark::SandboxWorkshop;
use crate::config::Settings;
use crate::postgres::{Dsn, MainSession, add_scans_of_replica, prove_not_main};
use crate::store::{AdviceTaken, Store};
use crate::workload::{
    Advice, AdviseLimits, Collection, OtherPlanners, ReadingContext, Workshop, advise, collect,
    collect_given,
};

/// How long a person's analysis waits for what may be taken from main.
const PATIENCE: Duration = Duration::from_secs(60);

/// What an analysis in the background may take for choosing indexes.
const FOR_CHOOSING: Duration = Duration::from_secs(30);
/// The share of the time that statements are read and planned in; choosing indexes has the rest.
const FOR_UNDERSTANDING: f64 = 0.6;

/// Planners that may have HypoPG where main's has not. One that is down, or that is no sandbox but main itself, is passed
/// over: health says so.
pub(crate) async fn other_planners(settings: &Settings, main: &mut MainSession) -> OtherPlanners {
    let mut others = OtherPlanners::default();
    if let Some(replica) = &settings.replica_url {
        others.replica = MainSession::begin(replica).await.ok();
    }
    if let Some(sandbox) = &settings.sandbox_url
        && let Ok(mut session) = MainSession::begin(sandbox).await
        && let (Ok(of_main), Ok(own)) = (main.connection().await, session.connection().await)
        && prove_not_main(of_main, own, settings.allow_same_server).await.is_ok()
    {
        others.sandbox_is_apart = prove_not_main(of_main, own, false).await.is_ok();
        others.sandbox = Some(session);
        others.workshop = workshop(settings);
    }
    others
}

/// The sandbox, as a place to build indexes in.
fn workshop(settings: &Settings) -> Option<Box<dyn Workshop>> {
    Some(Box::new(SandboxWorkshop {
        places: places(settings)?,
        copy_limit_bytes: settings.copy_limit_bytes,
        with_functions: settings.with_functions.unwrap_or(false),
    }))
}

/// Collects and advises without a store. `workload` is a text of statements, or a log, to advise on instead
/// of main's own.
pub async fn analyze_once(
    settings: &Settings,
    workload: Option<&mut (dyn BufRead + Send)>,
    limits: &AdviseLimits,
) -> Outcome<(Collection, Advice)> {
    let database = settings.main_url.as_ref().map(Dsn::database);
    let workload = workload.map(|source| given(source, database)).transpose()?;
    let mut session = MainSession::begin(checked_main(settings).await?).await?;
    let begun = Instant::now();
    session.wait_until(begun + limits.deadline);
    let understood = begun + limits.deadline.mul_f64(FOR_UNDERSTANDING);
    let understood = limits.for_everything.then_some(understood);
    let mut notes = Vec::new();
    let collection = match workload {
        None => collect(&mut session, understood, settings.sample_activity).await?,
        Some(contents) => {
            notes = contents.notes;
            collect_given(&mut session, contents.statements, understood).await?
        }
    };
    let others = other_planners(settings, &mut session).await;
    let mut limits = limits.clone();
    if limits.for_everything {
        limits.deadline =
            limits.deadline.saturating_sub(begun.elapsed()).max(Duration::from_secs(1));
    }
    let mut advice = advise(&mut session, others, &collection, &limits).await?;
    advice.notes.extend(notes);
    session.end().await?;
    Ok((collection, advice))
}

/// Main's workload as it is now; nothing is stored.
///
/// # Errors
/// Main may not be used, or is out of reach.
pub async fn collected(settings: &Settings) -> Outcome<Collection> {
    let mut session = MainSession::begin(checked_main(settings).await?).await?;
    let collection = collect(&mut session, None, settings.sample_activity).await?;
    session.end().await?;
    Ok(collection)
}

/// How each index was used on main and on its replica; absent while the replica cannot be asked.
async fn usage(
    settings: &Settings,
    store: &Store,
    catalog: &mut Catalog,
) -> Outcome<Option<BTreeMap<(TableName, String), IndexUsage>>> {
    if let Err(failure) = add_scans_of_replica(settings.replica_url.as_ref(), catalog).await {
        tracing::warn!(%failure, "no index is called unused: the replica's scans are not known");
        return Ok(None);
    }
    store.note_index_usage(&catalog.database, catalog).await?;
    Ok(Some(store.index_usage(&catalog.database, catalog).await?))
}

/// Collects, plans every statement anew, advises, and takes the advice into the store.
pub(crate) async fn analyze(settings: &Settings, store: &Store) -> Outcome<AnalyzeReport> {
    collecting::collect(settings, store).await?;
    let dsn = checked_main(settings).await?;
    let mut session = MainSession::begin(dsn).await?;
    session.wait_until(Instant::now() + PATIENCE);
    let context = ReadingContext::read(&mut session).await?;
    let database = context.catalog.database.clone();
    store.replace_catalog(&database, &context.catalog.tables).await?;
    let search_path = serde_json::to_string(&context.catalog.search_path).unwrap_or_default();
    store.set_setting(&format!("search_path:{database}"), &search_path).await?;
    let queries = store.user_queries(&database).await?;
    collecting::plan_queries(&mut session, store, &context.reader(), &queries).await?;
    let statements = store.user_queries(&database).await?;
    let statements = statements.into_iter().map(|query| query.statement).collect();
    let mut collection = Collection { catalog: context.catalog, statements, left_out: 0 };
    let usage = usage(settings, store, &mut collection.catalog).await?;
    let is_usage_known = usage.is_some();
    let limits = AdviseLimits {
        usage: usage.unwrap_or_default(),
        unused_after_days: settings.unused_after_days,
        deadline: FOR_CHOOSING,
        ..AdviseLimits::default()
    };
    let others = other_planners(settings, &mut session).await;
    let mut advice = advise(&mut session, others, &collection, &limits).await?;
    session.end().await?;
    if !is_usage_known {
        // Earlier advice stays until the replica answers.
        advice.complete.retain(|rule| *rule != Rule::UnusedIndex);
    }
    let taken = AdviceTaken {
        proposals: &advice.proposals,
        rejected: &advice.rejected,
        complete: &advice.complete,
    };
    let recommendations = store.take_advice(&database, taken).await?;
    let Advice { rejected, statements, .. } = advice;
    Ok(AnalyzeReport { recommendations, rejected, statements })
}
