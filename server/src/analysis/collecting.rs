//! Reading main's counters into the store, and planning what is new or has run again.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use optischema::model::{
    AddedQueries, Binding, CollectionReport, PlanJson, QueryKind, QuerySource, Timestamp,
};
use optischema::operations::{OperationError, Outcome};
use optischema::plan::parse_plan;
use optischema::refusal::Refusal;
use optischema::workload::{StatementKey, deltas};
use sha2::{Digest, Sha256};

use super::given::given;
use super::main_access::checked_main;
use crate::clock::now;
use crate::config::Settings;
use crate::postgres::{
    Dsn, MainSession, StatementsView, active_texts, add_scans_of_replica, role_paths,
};
use crate::store::{FreshQuery, NewReading, SeenPlan, Store, StoredQuery};
use crate::workload::{
    CUT, Calling, LoggedPlan, RawStatement, Reader, ReadingContext, StatementIdentity,
};

/// Statements that one reading plans at most: main is asked for each.
const MOST_PLANNED: i64 = 100;
/// How long a plan is taken for the present one.
const PLAN_IS_FRESH: Duration = Duration::from_secs(60);

/// Reads main's counters once. A failure is kept too, so that a page can show it.
pub(crate) async fn collect(settings: &Settings, store: &Store) -> Outcome<CollectionReport> {
    let read = read_once(settings, store).await;
    if let (Err(error), Some(dsn)) = (&read, &settings.main_url) {
        store.record_failed_reading(dsn.database(), now(), &error.to_string()).await?;
    }
    read
}

async fn read_once(settings: &Settings, store: &Store) -> Outcome<CollectionReport> {
    let dsn = checked_main(settings).await?;
    let database = dsn.database();
    let begun = Instant::now();
    let mut on_main = Duration::ZERO;
    let before = store.last_reading(database).await?;

    let asking = Instant::now();
    let mut session = MainSession::begin(dsn).await?;
    let view = StatementsView::find(session.connection().await?).await?;
    let (snapshot, mut hidden) = view.snapshot(session.connection().await?).await?;
    on_main += asking.elapsed();

    let empty = BTreeMap::new();
    let known = before.as_ref().map_or(&empty, |before| &before.known);
    let deltas = deltas(
        known,
        before.as_ref().and_then(|before| before.reset_at),
        before.as_ref().and_then(|before| before.deallocations),
        &snapshot,
    );
    let queries = before.as_ref().map(|before| &before.queries);
    let is_fresh = |key: &StatementKey| queries.is_none_or(|queries| !queries.contains_key(key));
    let fresh_keys: Vec<StatementKey> =
        snapshot.readings.iter().map(|reading| reading.key).filter(is_fresh).collect();
    let mut context = None;
    let fresh = if fresh_keys.is_empty() {
        Vec::new()
    } else {
        let asking = Instant::now();
        let ids: Vec<i64> = fresh_keys.iter().map(|key| key.queryid).collect();
        // A text of another database, in no encoding, can keep all of them from being read. What is known
        // goes on being counted; what is new waits, and is counted as hidden.
        let texts = match view.texts(session.connection().await?, &ids).await {
            Err(failure) if failure.sqlstate().is_some() => {
                tracing::warn!(%failure, "the texts of new statements cannot be read");
                // Its connection goes first: main's budget may allow only one.
                drop(session);
                session = MainSession::begin(dsn).await?;
                hidden += i64::try_from(ids.len()).unwrap_or_default();
                BTreeMap::new()
            }
            texts => texts?,
        };
        let read = context.insert(ReadingContext::read(&mut session).await?);
        let roles = role_paths(session.connection().await?).await?;
        on_main += asking.elapsed();
        identify(read, &fresh_keys, &texts, &roles)
    };
    let reading = NewReading {
        snapshot,
        deltas,
        fresh,
        hidden,
        main_ms: on_main.as_secs_f64() * 1000.0,
        here_ms: begun.elapsed().saturating_sub(on_main).as_secs_f64() * 1000.0,
    };
    let report = store.record_reading(database, before.as_ref(), &reading).await?;
    let report = match settings.sample_activity {
        true => look_at_sessions(&mut session, (store, database), context, report).await?,
        false => {
            store.forget_seen(database).await?;
            report
        }
    };
    session.end().await?;
    Ok(report)
}

/// Counts what sessions run with the statements that are known. Its constants settle what `pg_stat_statements` hides.
async fn look_at_sessions(
    session: &mut MainSession,
    (store, database): (&Store, &str),
    context: Option<ReadingContext>,
    report: CollectionReport,
) -> Outcome<CollectionReport> {
    let asking = Instant::now();
    let mut texts = active_texts(session.connection().await?).await?;
    // One without a constant tells nothing, and names cost a look at the catalogs.
    texts.retain(|text| text.sql.contains(|c: char| c == '\'' || c.is_ascii_digit()));
    if texts.is_empty() {
        return Ok(report);
    }
    let roles = role_paths(session.connection().await?).await?;
    let context = match context {
        Some(context) => context,
        None => ReadingContext::read(session).await?,
    };
    let seen_ms = asking.elapsed().as_secs_f64() * 1000.0;
    let reader = context.reader();
    let known = reader.statements_of_sessions(texts, &roles);
    let seen = store.record_seen(database, &known).await?;
    store.note_seen(database, seen, seen_ms).await?;
    Ok(CollectionReport { seen, seen_ms, main_ms: report.main_ms + seen_ms, ..report })
}

fn identify(
    context: &ReadingContext,
    keys: &[StatementKey],
    texts: &BTreeMap<i64, String>,
    roles: &BTreeMap<i64, crate::postgres::RolePath>,
) -> Vec<FreshQuery> {
    let reader = context.reader();
    keys.iter()
        .filter_map(|key| {
            let text = texts.get(&key.queryid)?;
            let role = roles.get(&key.userid);
            let path = role.map(|role| role.search_path.as_slice());
            let StatementIdentity { sql, query_hash, kind, unreadable } =
                reader.identify(text, path, role.map(|role| role.role.as_str()));
            let calls = reader.calling(text);
            Some(FreshQuery {
                calls_functions: calls == Calling::Functions,
                writes: calls == Calling::Writes,
                key: *key,
                query_hash,
                sql,
                kind,
                unreadable,
                role: role.map(|role| role.role.clone()).unwrap_or_default(),
                search_path: path
                    .filter(|path| *path != context.catalog.search_path)
                    .map(<[String]>::to_vec),
            })
        })
        .collect()
}

/// Plans what was never planned, and what ran since its plan was looked at last.
pub(crate) async fn plan_due(settings: &Settings, store: &Store) -> Outcome<()> {
    let begun = Instant::now();
    let dsn = checked_main(settings).await?;
    let fresh = i64::try_from(PLAN_IS_FRESH.as_millis()).unwrap_or_default();
    let before = Timestamp::from_millisecond(now().as_millisecond() - fresh);
    let due = store.queries_to_plan(dsn.database(), before, MOST_PLANNED).await?;
    if due.is_empty() {
        return Ok(());
    }
    let mut session = MainSession::begin(dsn).await?;
    let mut context = ReadingContext::read(&mut session).await?;
    store.replace_catalog(dsn.database(), &context.catalog.tables).await?;
    match add_scans_of_replica(settings.replica_url.as_ref(), &mut context.catalog).await {
        Ok(()) => store.note_index_usage(dsn.database(), &context.catalog).await?,
        Err(failure) => tracing::debug!(%failure, "use of indexes is not noted"),
    }
    plan_queries(&mut session, store, &context.reader(), &due).await?;
    session.end().await?;
    // Nearly all of it is waiting for main.
    store.add_reading_cost(dsn.database(), begun.elapsed().as_secs_f64() * 1000.0).await?;
    Ok(())
}

/// Plans statements of the store, and keeps what comes of it.
pub(crate) async fn plan_queries(
    session: &mut MainSession,
    store: &Store,
    reader: &Reader<'_>,
    queries: &[StoredQuery],
) -> Outcome<()> {
    let (mut results, mut plans) = (Vec::new(), Vec::new());
    for query in queries {
        if query.statement.sql.ends_with(CUT) {
            // Only a part of it was kept, with the reason.
            results.push((query.id, query.statement.plannable.clone()));
            continue;
        }
        let result = reader.understand(session, &raw(query)).await?;
        if let Ok(plannable) = &result {
            let binding = plannable.bindings.first().map(Binding::described);
            plans.extend(seen(query.id, false, &plannable.plan, binding.unwrap_or_default()));
        }
        results.push((query.id, result));
    }
    store.set_plannable(&results).await?;
    store.record_plans(&plans, now()).await?;
    Ok(())
}

fn raw(query: &StoredQuery) -> RawStatement {
    let statement = &query.statement;
    RawStatement {
        is_typed: false,
        is_counted: query.roles.iter().any(|role| !role.is_empty()),
        temp_blocks: query.statement.temp_blocks,
        sql: statement.sql.clone(),
        calls: statement.calls,
        total_time_ms: statement.total_time_ms,
        rows: statement.rows,
        search_path: query.search_path.clone(),
        logged: query.logged.clone(),
        seen: query.seen.clone(),
        role: query.roles.first().filter(|role| !role.is_empty()).cloned(),
        ..RawStatement::default()
    }
}

/// A plan to be kept; absent where the value is no plan.
fn seen(query: i64, logged: bool, json: &PlanJson, binding: String) -> Option<SeenPlan> {
    let plan = parse_plan(json).ok()?;
    let hash = Sha256::digest(plan.outline().as_bytes());
    Some(SeenPlan {
        query,
        logged,
        outline_hash: crate::hex::hex(&hash[..8]),
        total_cost: plan.root.total_cost,
        plan: json.clone(),
        binding,
    })
}

/// Takes statements that a person gives, and plans them.
pub(crate) async fn add(settings: &Settings, store: &Store, text: &str) -> Outcome<AddedQueries> {
    let contents = given(text.as_bytes(), settings.main_url.as_ref().map(Dsn::database))?;
    if contents.statements.is_empty() && contents.plans.is_empty() {
        let message = "there is no statement in it".to_owned();
        return Err(OperationError::Invalid { field: "text".into(), message });
    }
    let source = if contents.is_log { QuerySource::Log } else { QuerySource::Typed };
    let dsn = checked_main(settings).await?;
    let mut session = MainSession::begin(dsn).await?;
    let context = ReadingContext::read(&mut session).await?;
    let reader = context.reader();
    let mut result = AddedQueries { refused: contents.notes, ..AddedQueries::default() };
    let mut ids = BTreeMap::new();
    for given in &contents.statements {
        let path = given.search_path.as_deref();
        let StatementIdentity { sql, query_hash: hash, kind, unreadable } =
            reader.identify(&given.sql, path, None);
        if kind != QueryKind::User {
            let what = sql.chars().take(80).collect::<String>();
            result.refused.push(format!("{what}: it reads no table of the application"));
            continue;
        }
        if let Some(reason) = unreadable {
            let what = sql.chars().take(80).collect::<String>();
            result.refused.push(format!("{what}: {reason}"));
            continue;
        }
        let figures = (given.calls.max(1), given.total_time_ms);
        let id = store
            .add_query(dsn.database(), &hash, &sql, source, figures, path, &given.logged)
            .await?;
        ids.insert(given.sql.clone(), id);
        if !result.added.contains(&hash) {
            result.added.push(hash);
        }
    }
    let mut queries = Vec::new();
    for hash in &result.added {
        queries.extend(store.query(dsn.database(), hash).await?);
    }
    plan_queries(&mut session, store, &reader, &queries).await?;
    session.end().await?;
    store.record_plans(&logged_plans(&contents.plans, &ids), now()).await?;
    Ok(result)
}

fn logged_plans(plans: &[LoggedPlan], ids: &BTreeMap<String, i64>) -> Vec<SeenPlan> {
    plans
        .iter()
        .filter_map(|plan| {
            let label = format!(
                "logged by auto_explain, {}",
                optischema::figures::milliseconds(plan.duration_ms)
            );
            seen(*ids.get(&plan.sql)?, true, &plan.plan, label)
        })
        .collect()
}

/// The statement is not one that a person gave.
pub(crate) fn not_removable(hash: &optischema::model::QueryHash) -> OperationError {
    Refusal::CountedByMain(hash.clone()).into()
}
