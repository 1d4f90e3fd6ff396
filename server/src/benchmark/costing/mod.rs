//! Building indexes in a scratch schema to see what the planner makes of them.

mod served;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use optischema::advisor::{IndexCandidate, IndexMethod};
use optischema::model::TableName;
use optischema::plan::parse_plan;
use serde_json::Value;
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Row};

use self::served::{Planning, Ran, Served};
use super::BenchmarkError;
use super::arms::{Fence, execute};
use super::case::Case;
use super::patching::install;
use super::request::BenchmarkRequest;
use super::scratch_site::open_scratch;
use super::site::Site;
use super::statistics::Statistics;
use super::survey::Places;
use crate::clock::new_id;
use crate::postgres::{MainSession, PgFailure, connect_writable, plan_settings, query};
use crate::sandbox::{ScratchKind, ScratchSchema, drop_scratch};
use crate::sql::{self, Patch, PatchKind, Statement};
use crate::workload::{Built, Planned, Trial, Workshop};

/// Rows that stand for main's together take at most this many bytes: a few thousand pages tell an index from a scan.
const COPIED: i64 = 16 << 20;
/// One run of a statement may take this long.
const LONGEST_RUN_MS: u32 = 1000;
/// What a step may take beyond its end before it is given up.
const SPARE: Duration = Duration::from_millis(500);
/// Dropping what was made may take this long.
const DROPPING_S: u32 = 60;

/// The sandbox, as a place where indexes are built to be costed.
#[derive(Debug, Clone)]
pub struct SandboxWorkshop {
    pub places: Places,
    pub copy_limit_bytes: i64,
    pub with_functions: bool,
}

#[async_trait]
impl Workshop for SandboxWorkshop {
    async fn try_out(
        &self,
        planned: &[Planned<'_>],
        trials: Vec<Trial>,
        until: Instant,
    ) -> Result<Vec<(Trial, Result<Built, String>)>, String> {
        let first = match self.in_time(planned, trials.clone(), until).await {
            Ok(done) => return Ok(done),
            Err(reason) => reason,
        };
        // What one table needs and the sandbox lacks must not keep the others from it.
        let mut by_table: BTreeMap<TableName, Vec<Trial>> = BTreeMap::new();
        for trial in trials {
            by_table.entry(trial.candidate.table.clone()).or_default().push(trial);
        }
        if by_table.len() < 2 || until <= Instant::now() {
            return Err(first);
        }
        let mut done = Vec::new();
        for trials in by_table.into_values() {
            match self.in_time(planned, trials.clone(), until).await {
                Ok(more) => done.extend(more),
                Err(reason) => {
                    done.extend(trials.into_iter().map(|trial| (trial, Err(reason.clone()))));
                }
            }
        }
        Ok(done)
    }
}

impl SandboxWorkshop {
    /// Tries in a schema of its own, and drops it, whatever the end.
    async fn in_time(
        &self,
        planned: &[Planned<'_>],
        trials: Vec<Trial>,
        until: Instant,
    ) -> Result<Vec<(Trial, Result<Built, String>)>, String> {
        let schema = ScratchSchema::new(ScratchKind::Benchmark, new_id());
        // A build is stopped by the server; past that, only what hangs is left behind.
        let longest = until.saturating_duration_since(Instant::now()) + SPARE;
        let outcome =
            match tokio::time::timeout(longest, self.run(planned, trials, until, &schema)).await {
                Ok(outcome) => outcome.map_err(|error| error.to_string()),
                Err(_) => Err("it took too long".to_owned()),
            };
        if let Err(error) = self.clean(&schema).await {
            tracing::warn!(%error, schema = schema.name, "it stays until the next sweep");
        }
        outcome
    }

    async fn run(
        &self,
        planned: &[Planned<'_>],
        trials: Vec<Trial>,
        until: Instant,
        schema: &ScratchSchema,
    ) -> Result<Vec<(Trial, Result<Built, String>)>, BenchmarkError> {
        let mut numbers: Vec<usize> =
            trials.iter().flat_map(|trial| trial.statements.clone()).collect();
        numbers.sort_unstable();
        numbers.dedup();
        let of_numbers = numbers.iter().filter_map(|number| planned.get(*number));
        let cases: Vec<Case> = of_numbers
            .filter_map(|planned| {
                let hash = planned.tracked.query_hash.clone();
                Case::new(hash, &planned.tracked.sql, planned.plannable.clone()).ok()
            })
            .collect();
        let Some(first) = trials.first() else { return Ok(Vec::new()) };
        let patch_text = first.candidate.create_sql(false);
        let patch = Patch::parse(&patch_text)?;
        let request = BenchmarkRequest {
            cases: &cases,
            patch: &patch,
            patch_text: &patch_text,
            concerned: &[],
            others: &[],
            name: format!("optischema costing {}", schema.id),
            schema,
            seed: schema.id.as_u64_pair().1,
            copy_limit_bytes: self.copy_limit_bytes.min(COPIED),
            sample_percent: 100.0,
            only_planned: true,
            with_functions: self.with_functions,
            budget: Duration::ZERO,
            statement_timeout_s: 60,
            rewritten_shape: None,
        };
        let mut site =
            open_scratch(&request, &self.places, &mut |phase, _| tracing::debug!(%phase)).await?;
        let mut main = MainSession::begin(&self.places.main).await?;
        let settings = plan_settings(main.connection().await?).await?;
        site.take_settings(&settings).await?;
        let statistics = Statistics::of_main(&mut main, &mut site).await?;
        main.end().await?;
        let statistics = statistics.put(&mut site).await?;
        let mut bench = Bench {
            site: &mut site,
            statistics: &statistics,
            planned,
            before: Vec::new(),
            runs: BTreeMap::new(),
            failures: BTreeMap::new(),
        };
        let mut done = Vec::new();
        for trial in trials {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            if is_served(&done, &trial) {
                let reason = "another one that was built serves its statements for next to nothing";
                done.push((trial, Err(reason.to_owned())));
                continue;
            }
            let outcome = bench.attempt(&trial, left).await;
            match outcome {
                Ok(built) => done.push((trial, Ok(built))),
                // The time was up while it was built.
                Err(BenchmarkError::Stopped) => break,
                Err(error) => done.push((trial, Err(error.refusal()?))),
            }
        }
        Ok(done)
    }

    async fn clean(&self, schema: &ScratchSchema) -> Result<(), BenchmarkError> {
        let Some(sandbox) = &self.places.sandbox else { return Ok(()) };
        let mut session = connect_writable(sandbox, DROPPING_S).await?;
        Ok(drop_scratch(&mut session.connection, schema).await?)
    }
}

/// The share of a statement's cost that is next to nothing.
const NEXT_TO_NOTHING: f64 = 0.02;

/// Whether each statement of a trial costs next to nothing with one index that was built before.
fn is_served(done: &[(Trial, Result<Built, String>)], trial: &Trial) -> bool {
    let is_cheap = |number: &usize| {
        let effects = done.iter().filter_map(|(_, built)| built.as_ref().ok());
        effects.flat_map(|built| &built.effects).any(|effect| {
            effect.statement == *number && effect.after <= NEXT_TO_NOTHING * effect.before
        })
    };
    trial.statements.iter().all(is_cheap)
}

struct Bench<'a, 's> {
    site: &'a mut Site,
    statistics: &'a Statistics,
    planned: &'a [Planned<'s>],
    /// Of statements that were planned without any index of a trial: their number, and the plan of each set of values.
    before: Vec<(usize, Vec<Option<Planning>>)>,
    /// What one run of each statement with each set of values did then; absent where it was not run, or not to its end.
    runs: BTreeMap<(usize, usize), Option<Ran>>,
    /// Why statements cannot be planned here.
    failures: BTreeMap<usize, String>,
}

impl Bench<'_, '_> {
    /// Builds an index, plans its statements, and takes it back.
    async fn attempt(&mut self, trial: &Trial, left: Duration) -> Result<Built, BenchmarkError> {
        execute(self.site.connection(), "BEGIN".to_owned()).await?;
        let built = self.build(trial, left).await;
        let ended = execute(self.site.connection(), "ROLLBACK".to_owned()).await;
        let (mut built, served) = built?;
        ended?;
        let is_approximate = trial.candidate.method.is_approximate();
        for served in served {
            let before = self.ran_before(served.statement, served.shown).await?;
            if let (true, Some(before), Some(after)) = (is_approximate, before, served.ran)
                && after.rows < before.rows
            {
                built.objection = Some(format!(
                    "a statement returned {} of {} rows there with it, since its filter comes behind the search for the nearest",
                    after.rows, before.rows
                ));
            }
            let ran = before.filter(|run| run.blocks > 0).zip(served.ran);
            built.effects.push(served.effect(trial.candidate.method, ran));
        }
        Ok(built)
    }

    async fn build(
        &mut self,
        trial: &Trial,
        left: Duration,
    ) -> Result<(Built, Vec<Served>), BenchmarkError> {
        let of_table = &self.site.fidelity.tables;
        let copied = of_table.iter().find(|copied| copied.table == trial.candidate.table);
        let rows = copied.map_or(0, |copied| copied.rows);
        let share = if trial.rows > 0.0 { (rows as f64 / trial.rows).min(1.0) } else { 1.0 };
        let candidate = in_scale(&trial.candidate, share);
        let Patch { kind: PatchKind::CreateIndex(index), .. } =
            Patch::parse(&candidate.create_sql(false))?
        else {
            return Err(BenchmarkError::Failed("it is no index".into()));
        };
        for number in &trial.statements {
            if !self.before.iter().any(|(known, _)| known == number) {
                let plans = self.plans(*number).await?;
                self.before.push((*number, plans));
            }
        }
        let failures: Option<Vec<&String>> =
            trial.statements.iter().map(|number| self.failures.get(number)).collect();
        if let Some(reason) = failures.as_ref().and_then(|failures| failures.first()) {
            return Err(BenchmarkError::Failed(format!(
                "its statement cannot be planned there: {reason}"
            )));
        }
        self.install(trial).await?;
        let table = self.site.located(&trial.candidate.table);
        let limit = format!("SET LOCAL statement_timeout = {}", left.as_millis().max(1));
        execute(self.site.connection(), limit).await?;
        let begun = Instant::now();
        execute(self.site.connection(), index.sql(&table.schema, false)?).await?;
        let build_ms = begun.elapsed().as_secs_f64() * 1000.0;
        if trial.candidate.keys.iter().any(|key| key.column_name().is_none()) {
            // What an expression gives has statistics with the index that holds it.
            execute(self.site.connection(), format!("ANALYZE {}", table.quoted())).await?;
            self.statistics.put_again(self.site, &trial.candidate.table).await?;
        }
        let mut served = Vec::new();
        for number in &trial.statements {
            let after = self.plans(*number).await?;
            let before = self.before.iter().find(|(known, _)| known == number);
            let before = before.map_or(&[][..], |(_, plans)| plans.as_slice());
            let weights = self.planned.get(*number).map_or(&[][..], |planned| &planned.weights);
            if let Some(mut one) = Served::of(*number, (before, &after), weights, &index.name) {
                one.ran = self.run_of(*number, one.shown).await?;
                served.push(one);
            }
        }
        let bytes = size(self.site.connection(), &table.schema, &index.name).await?;
        let bytes = match trial.candidate.method {
            // As many ranges as main's are there already.
            IndexMethod::Brin => (bytes as f64 * share) as i64,
            _ => bytes,
        };
        let with_statistics_of_main = self.statistics.are_of(&trial.candidate.table);
        let (effects, objection) = (Vec::new(), None);
        Ok((Built { bytes, build_ms, with_statistics_of_main, rows, effects, objection }, served))
    }

    /// Extensions that the sandbox lacks, into the scratch schema: they go with the transaction.
    async fn install(&mut self, trial: &Trial) -> Result<(), BenchmarkError> {
        for extension in &trial.extensions {
            install(self.site, extension).await.map_err(|error| match error {
                BenchmarkError::Sql { reason, .. } => BenchmarkError::Failed(format!(
                    "the sandbox lacks the extension {extension}, and it could not be made there: {reason}"
                )),
                other => other,
            })?;
        }
        Ok(())
    }

    /// What a run of a statement with a set of values does without any index of a trial.
    async fn ran_before(
        &mut self,
        number: usize,
        values: usize,
    ) -> Result<Option<Ran>, BenchmarkError> {
        if let Some(known) = self.runs.get(&(number, values)) {
            return Ok(*known);
        }
        execute(self.site.connection(), "BEGIN".to_owned()).await?;
        let run = self.run_of(number, values).await;
        execute(self.site.connection(), "ROLLBACK".to_owned()).await?;
        let run = run?;
        self.runs.insert((number, values), run);
        Ok(run)
    }

    /// A run of a statement with one of its sets of values; absent where it may not be run, or takes too long.
    async fn run_of(
        &mut self,
        number: usize,
        values: usize,
    ) -> Result<Option<Ran>, BenchmarkError> {
        let Some(planned) = self.planned.get(number) else { return Ok(None) };
        let text = planned.bound.get(values).filter(|_| planned.plannable.under.is_none());
        let Some(statement) = text.and_then(|text| sql::parse_one(text).ok()) else {
            return Ok(None);
        };
        let path = &planned.plannable.search_path;
        let Ok(text) = self.site.placed(&statement, path) else { return Ok(None) };
        let explain = format!("EXPLAIN (ANALYZE, BUFFERS, TIMING off, FORMAT JSON) {text}");
        let limit = format!("SET LOCAL statement_timeout = {LONGEST_RUN_MS}");
        let asked = Fence::Savepoint
            .around(self.site.connection(), async |connection: &mut PgConnection| {
                execute(connection, limit).await?;
                let row = query(AssertSqlSafe(explain)).fetch_one(connection).await?;
                Ok(row.try_get::<Value, _>(0)?)
            })
            .await;
        match asked {
            Ok(json) => Ok(parse_plan(&json).ok().and_then(|plan| Ran::of(&plan))),
            Err(BenchmarkError::Sql { .. } | BenchmarkError::Stopped) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The plans of a statement's sets of values as they are now; absent where one cannot be planned here.
    async fn plans(&mut self, number: usize) -> Result<Vec<Option<Planning>>, BenchmarkError> {
        let Some(planned) = self.planned.get(number) else { return Ok(Vec::new()) };
        let (mut plans, mut failure) = (Vec::new(), None);
        for text in &planned.bound {
            let statement = sql::parse_one(text)?;
            match self.plan(&statement, &planned.plannable.search_path).await? {
                Ok(planning) => plans.push(Some(planning)),
                Err(reason) => {
                    failure = Some(reason);
                    plans.push(None);
                }
            }
        }
        if let (true, Some(reason)) = (plans.iter().all(Option::is_none), failure) {
            self.failures.insert(number, reason);
        }
        Ok(plans)
    }

    /// A reason where its values do not fit, or it cannot be planned on a copy.
    async fn plan(
        &mut self,
        statement: &Statement,
        path: &[String],
    ) -> Result<Result<Planning, String>, BenchmarkError> {
        let text = match self.site.placed(statement, path) {
            Ok(text) => text,
            Err(error) => return Ok(Err(error.refusal()?)),
        };
        let explain = format!("EXPLAIN (VERBOSE, FORMAT JSON) {text}");
        let asked = Fence::Savepoint
            .around(self.site.connection(), async |connection: &mut PgConnection| {
                let row = query(AssertSqlSafe(explain)).fetch_one(connection).await?;
                Ok(row.try_get::<Value, _>(0)?)
            })
            .await;
        let json = match asked {
            Ok(json) => json,
            Err(BenchmarkError::Sql { reason, .. }) => return Ok(Err(reason)),
            Err(error) => return Err(error),
        };
        let plan = parse_plan(&json).map_err(|error| BenchmarkError::Error(error.to_string()))?;
        self.site.check_reach(&plan)?;
        Ok(Ok((plan, json)))
    }
}

/// The index as it is built on a share of the rows, 0 to 1: an entry of BRIN stands for the same part of the table.
fn in_scale(candidate: &IndexCandidate, share: f64) -> IndexCandidate {
    let mut scaled = candidate.clone();
    if candidate.method == IndexMethod::Brin {
        let pages = (f64::from(IndexMethod::PAGES_PER_RANGE) * share).round().max(1.0) as u32;
        scaled.parameters.push(("pages_per_range".to_owned(), pages));
    }
    scaled
}

async fn size(
    connection: &mut PgConnection,
    schema: &str,
    name: &str,
) -> Result<i64, BenchmarkError> {
    let row = query(
        "SELECT COALESCE((SELECT pg_catalog.sum(pg_catalog.pg_relation_size(p.relid)) FROM pg_catalog.pg_partition_tree(c.oid) p),
                         pg_catalog.pg_relation_size(c.oid))::pg_catalog.int8 AS bytes
         FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = $1 AND c.relname = $2",
    )
    .bind(schema)
    .bind(name)
    .fetch_one(connection)
    .await
    .map_err(PgFailure::from)?;
    Ok(row.try_get("bytes")?)
}
