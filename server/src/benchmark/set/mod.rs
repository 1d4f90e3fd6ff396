//! Several changes together: all of them against none, on the statements that touch their tables; then each left out in
//! turn, to see which carries what.

mod cases;
mod measuring;
mod summing;

use std::time::{Duration, Instant};

use optischema::model::{
    Binding, Environment, Phase, QueryHash, RecommendationId, SetBenchmark, SetLeft, TableName,
    TrackedStatement,
};

use super::BenchmarkError;
use super::bound::bound as guard_one;
use super::calibration::calibrate;
use super::patching::build;
use super::request::{BenchmarkRequest, Report};
use super::scratch_site::open_scratch;
use super::survey::Places;
use crate::postgres::{MainSession, plan_settings};
use crate::sandbox::ScratchSchema;
use crate::sql::{self, Patch, PatchKind, Statement};
use cases::{Chosen, cases_of};
use measuring::Measuring;
use summing::{Found, summed};

/// One of the changes.
#[derive(Debug, Clone, Copy)]
pub struct SetChange<'a> {
    pub recommendation_id: RecommendationId,
    pub title: &'a str,
    pub patch_text: &'a str,
    pub patch: &'a Patch,
    /// Tables that it concerns, where its text does not say.
    pub tables: &'a [TableName],
    /// The statement whose place it takes, where it is a rewrite.
    pub replaces: Option<&'a QueryHash>,
}

impl SetChange<'_> {
    /// What takes the place of a statement.
    fn instead_of(&self, query_hash: &QueryHash) -> Option<&Statement> {
        match &self.patch.kind {
            PatchKind::Rewrite(rewrite) if self.replaces == Some(query_hash) => {
                Some(&rewrite.statement)
            }
            _ => None,
        }
    }
}

/// What is measured together, and how.
#[derive(Debug)]
pub struct SetQuestion<'a> {
    pub changes: &'a [SetChange<'a>],
    pub tracked: &'a [TrackedStatement],
    pub name: String,
    pub schema: &'a ScratchSchema,
    pub seed: u64,
    pub copy_limit_bytes: i64,
    pub sample_percent: f64,
    pub with_functions: bool,
    /// What all timed runs may take.
    pub budget: Duration,
    pub statement_timeout_s: u32,
}

/// Why a change cannot be measured beside others; absent where it can.
#[must_use]
pub fn objection_in_a_set(patch: &PatchKind) -> Option<&'static str> {
    match patch {
        PatchKind::CreateIndex(_)
        | PatchKind::DropIndex(_)
        | PatchKind::CreateStatistics(_)
        | PatchKind::DropStatistics(_)
        | PatchKind::AlterTable(_)
        | PatchKind::Setting(_)
        | PatchKind::Rewrite(_) => None,
        PatchKind::Maintenance(_) => {
            Some("it cannot be made and undone around a statement: it is not measured")
        }
    }
}

/// Measures a set in the sandbox. The caller drops the scratch schema, whatever the end.
///
/// # Errors
/// The answer is no, or it could not run.
pub async fn run_set(
    question: &SetQuestion<'_>,
    places: &Places,
    report: Report<'_>,
) -> Result<SetBenchmark, BenchmarkError> {
    report(Phase::AskingPlanner, 0.0);
    // A change of the database says more of the place than one of a statement.
    let is_rewrite = |change: &&SetChange<'_>| matches!(change.patch.kind, PatchKind::Rewrite(_));
    let of_database = question.changes.iter().find(|change| !is_rewrite(change));
    let Some(first) = of_database.or(question.changes.first()) else {
        return Err(BenchmarkError::Failed("the set is empty".into()));
    };
    let rewrites: Vec<&SetChange<'_>> = question.changes.iter().filter(is_rewrite).collect();
    if let Some(twice) = rewrites
        .iter()
        .enumerate()
        .find(|(at, change)| rewrites[..*at].iter().any(|other| other.replaces == change.replaces))
    {
        return Err(BenchmarkError::Failed(format!(
            "{}: another change of the set rewrites the same statement",
            twice.1.title
        )));
    }
    let Chosen { cases, shares, means, mut left } = cases_of(question);
    if cases.is_empty() {
        return Err(BenchmarkError::Failed(
            "no tracked statement that can be measured reads the tables of these changes".into(),
        ));
    }
    let request = BenchmarkRequest {
        cases: &cases,
        patch: first.patch,
        patch_text: first.patch_text,
        concerned: &[],
        others: &[],
        name: question.name.clone(),
        schema: question.schema,
        seed: question.seed,
        copy_limit_bytes: question.copy_limit_bytes,
        sample_percent: question.sample_percent,
        only_planned: false,
        with_functions: question.with_functions,
        budget: question.budget,
        statement_timeout_s: question.statement_timeout_s,
        rewritten_shape: None,
    };
    let mut main = MainSession::begin(&places.main).await?;
    let catalog = match rewrites.is_empty() {
        true => None,
        false => Some(main.catalog().await?),
    };
    let mut bound = Vec::new();
    for (number, case) in cases.iter().enumerate() {
        // One set of values stands for each statement.
        let guarded = match case.bindings(cases.len()).first() {
            Some(first) => {
                let instead = rewrites.iter().find_map(|one| one.instead_of(&case.query_hash));
                let catalog = catalog.as_ref().filter(|_| instead.is_some());
                match instead.filter(|instead| !takes_values(instead, first)) {
                    None => guard_one(&mut main, &request, number, first, instead, catalog).await,
                    Some(_) => Err(BenchmarkError::Failed(
                        "what takes its place has values written out, and it is called with others: measure that change alone".into(),
                    )),
                }
            }
            None => Err(BenchmarkError::Failed("no values are known for its parameters".into())),
        };
        match guarded {
            Ok(one) => bound.push(one),
            Err(error) => left.push(SetLeft {
                query_hash: case.query_hash.clone(),
                sql: case.statement.sql.clone(),
                reason: error.refusal()?,
            }),
        }
    }
    let settings = plan_settings(main.connection().await?).await?;
    let main_version = main.version().to_owned();
    main.end().await?;
    let mut site = open_scratch(&request, places, report).await.map_err(|error| match error {
        BenchmarkError::Unsuitable(reason) => BenchmarkError::Failed(reason),
        other => other,
    })?;
    let settings_left = site.take_settings(&settings).await?;
    let mut built = Vec::new();
    for (at, change) in question.changes.iter().enumerate() {
        report(Phase::Patching { change: change.title.to_owned() }, 0.4 + 0.01 * at as f64);
        let patched = build(&mut site, &change.patch.kind).await;
        built.push(patched.map_err(|error| named(change, error.of_change()))?);
    }
    report(Phase::MeasuringNoise, 0.45);
    // A point query shows differences that are none before anything else does.
    let calibration = calibrate(&mut site, &first.patch.kind, 0.0, question.seed).await?;
    let floor = calibration.floor_percent / 100.0;
    site.limit_statements(question.statement_timeout_s).await?;
    let mut measuring = Measuring {
        request: &request,
        site: &mut site,
        changes: question.changes,
        built: &built,
        floor,
        begun: Instant::now(),
        warnings: Vec::new(),
    };
    // What the quick ones leave of their time is for the slow ones.
    bound.sort_by(|a, b| means[a.case].total_cmp(&means[b.case]));
    let mut measured = Vec::new();
    for (number, one) in bound.iter().enumerate() {
        let done = number as f64 / bound.len() as f64;
        report(
            Phase::MeasuringStatement { number: number as u64 + 1, of: bound.len() as u64 },
            0.5 + 0.3 * done,
        );
        match measuring.all_against_none(one, bound.len() - number).await {
            Ok(found) => measured.push(found),
            Err(error) => left.push(SetLeft {
                query_hash: cases[one.case].query_hash.clone(),
                sql: one.statement.sql.clone(),
                reason: error.refusal()?,
            }),
        }
    }
    report(Phase::LeavingOneOut, 0.82);
    let members = measuring.members(question.changes, &measured, &shares).await?;
    report(Phase::SummingUp, 0.99);
    let mut warnings = std::mem::take(&mut measuring.warnings);
    let approximate = question.changes.iter().filter(|change| change.patch.kind.is_approximate());
    warnings.extend(approximate.map(|change| {
        format!(
            "{}: the index finds the nearest rows approximately. Its own benchmark says how many of them.",
            change.title
        )
    }));
    let environment = Environment {
        optischema_version: env!("CARGO_PKG_VERSION").to_owned(),
        main_version,
        settings: settings.into_iter().collect(),
        settings_left,
        target: site.address.clone(),
    };
    let found = Found { measured, shares, members, left, warnings, calibration, environment };
    Ok(summed(question, site, found))
}

/// Whether what takes the place of a statement has its values, too.
fn takes_values(instead: &Statement, binding: &Binding) -> bool {
    binding.values.is_empty()
        || sql::parameter_places(&instead.sql).is_ok_and(|places| !places.is_empty())
}

fn named(change: &SetChange<'_>, error: BenchmarkError) -> BenchmarkError {
    match error.refusal() {
        Ok(reason) => BenchmarkError::Failed(format!("{}: {reason}", change.title)),
        Err(BenchmarkError::Unsuitable(reason)) => {
            BenchmarkError::Failed(format!("{}: {reason}", change.title))
        }
        Err(error) => error,
    }
}
