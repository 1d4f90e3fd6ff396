//! One benchmark: guard, place, copy, change, statements, verdict. The caller drops the scratch schema, whatever the
//! end.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use optischema::ground::{Choice, Ground, Need, choose};
use optischema::model::{
    Arm, BenchmarkResult, Binding, BindingResult, Calibration, Environment, FidelityKind, Join,
    MeasuredWriteCost, PlanPair, Predicate, TableName, TrackedStatement, Verdict, quote_literal,
    worst_binding,
};
use optischema::plan::parse_plan;
use optischema::statistics::overall_verdict;

use super::adversary::add_rows;
use super::arms::{ArmKind, ArmSpec, Arms};
use super::calibration::{calibrate, warning};
use super::case::{Case, measured_bindings};
use super::equivalence::{Agreement, compare, compare_here};
use super::estimate::estimated;
use super::full_scale::{FullScale, ask};
use super::patching::{Patched, build};
use super::protocol::{Protocol, not_equivalent};
use super::scratch_site::open_scratch;
use super::site::{Site, open_clone, open_standby};
use super::survey::{Places, survey};
use super::{BenchmarkError, workload, write_cost};
use crate::postgres::{MainSession, plan_settings, read_catalog};
use crate::sandbox::ScratchSchema;
use crate::sql::{self, Patch, PatchKind, Statement};

/// What is compared, and how.
#[derive(Debug, Clone)]
pub struct BenchmarkRequest<'a> {
    pub cases: &'a [Case],
    pub patch: &'a Patch,
    pub patch_text: &'a str,
    /// Tables that the change concerns, where its text does not say.
    pub concerned: &'a [TableName],
    /// The rest of the workload.
    pub others: &'a [TrackedStatement],
    /// What the servers show as the name of the connections.
    pub name: String,
    pub schema: &'a ScratchSchema,
    pub seed: u64,
    /// Tables together up to this size are copied whole.
    pub copy_limit_bytes: i64,
    pub sample_percent: f64,
    /// What the timed runs of all bindings may take.
    pub budget: Duration,
    /// Seconds that one run may take.
    pub statement_timeout_s: u32,
    /// Tables that a rewrite reads; found by [`run_benchmark`].
    pub rewritten_tables: Vec<TableName>,
}

/// Told what happens, and how far it is (0 to 1).
pub type Report<'a> = &'a mut (dyn FnMut(&str, f64) + Send);

/// A statement with values, as main would run it.
#[derive(Debug, Clone)]
pub(super) struct Bound {
    /// Number of its case.
    pub case: usize,
    pub binding: Binding,
    pub label: String,
    pub statement: Statement,
    /// The statement that takes its place, with the same values.
    pub rewritten: Option<Statement>,
    /// Its own conditions with their values, where it is rewritten.
    pub predicates: Vec<Predicate>,
}

impl BenchmarkRequest<'_> {
    /// Every table that is read or changed, each once.
    pub(super) fn tables(&self) -> Vec<TableName> {
        let mut tables: BTreeSet<TableName> =
            self.cases.iter().flat_map(|case| case.plannable.shape.tables.clone()).collect();
        tables.extend(self.rewritten_tables.iter().cloned());
        tables.extend(self.changed_tables());
        tables.into_iter().collect()
    }

    /// Tables that the change is made to.
    pub(super) fn changed_tables(&self) -> Vec<TableName> {
        match (&self.patch.kind, self.patch.kind.table()) {
            (_, Some(table)) => vec![table.clone()],
            (PatchKind::Setting(_) | PatchKind::Rewrite(_), None) => Vec::new(),
            (_, None) => self.concerned.to_vec(),
        }
    }

    /// How often the statements name a table: the one that does so most.
    pub(super) fn appearances(&self, table: &TableName) -> u32 {
        let named = |case: &Case| {
            let names = sql::relation_names(&case.statement);
            names
                .iter()
                .filter(|(schema, name)| {
                    *name == table.name && (schema.is_empty() || *schema == table.schema)
                })
                .count()
        };
        let most = self.cases.iter().map(named).max().unwrap_or(1);
        u32::try_from(most).unwrap_or(u32::MAX)
    }

    /// Columns that the statements set equal.
    pub(super) fn joins(&self) -> Vec<Join> {
        let mut joins = Vec::new();
        for case in self.cases {
            joins.extend(case.plannable.shape.joins.clone());
            for join in &case.plannable.dependencies.joins {
                let column = |table: &TableName, column: &str| optischema::model::ColumnName {
                    table: table.clone(),
                    column: column.to_owned(),
                };
                joins.push(Join {
                    left: column(&join.left, &join.left_column),
                    right: column(&join.right, &join.right_column),
                });
            }
        }
        joins
    }

    /// The statements, one under the other.
    pub(super) fn statement_text(&self) -> String {
        let texts: Vec<&str> = self.cases.iter().map(|case| case.statement.sql.as_str()).collect();
        texts.join(";\n")
    }

    const fn is_rewrite(&self) -> bool {
        matches!(self.patch.kind, PatchKind::Rewrite(_))
    }
}

/// Runs it in the best place there is. The caller drops the scratch schema, whatever the end.
///
/// # Errors
/// The answer is no, or it could not run.
pub async fn run_benchmark(
    request: BenchmarkRequest<'_>,
    places: &Places,
    report: Report<'_>,
) -> Result<BenchmarkResult, BenchmarkError> {
    report("asking main's planner", 0.0);
    let mut request = request;
    let mut main = MainSession::begin(&places.main).await?;
    let mut bound = guard(&mut main, &request).await?;
    if let PatchKind::Rewrite(rewrite) = &request.patch.kind {
        let catalog = read_catalog(main.connection()).await?;
        request.rewritten_tables = sql::analyze(rewrite, &catalog)?.tables;
        for one in &mut bound {
            one.predicates = sql::analyze(&one.statement, &catalog)?.predicates;
        }
    }
    let settings = plan_settings(main.connection()).await?;
    let mut environment = Environment {
        optischema_version: env!("CARGO_PKG_VERSION").to_owned(),
        main_version: main.version().to_owned(),
        settings: settings.iter().cloned().collect(),
        ..Environment::default()
    };
    main.end().await?;
    let need = if request.is_rewrite() { Need::Read } else { Need::Write };
    let mut choice = choose(need, &survey(places).await);
    for ground in choice.order.clone() {
        if ground == Ground::Estimate {
            break;
        }
        let measured =
            measure(&request, places, ground, &bound, &settings, environment.clone(), report).await;
        match measured {
            Ok(result) => return Ok(with_reasons(result, &choice, ground)),
            Err(BenchmarkError::Unsuitable(reason)) => choice.passed_over.push((ground, reason)),
            Err(error) => return Err(error),
        }
    }
    environment.target = places.main.address().to_owned();
    let answer = ask(&request, places, &bound).await?;
    Ok(estimated(&request, answer, &choice.reasons_before(Ground::Estimate), environment))
}

fn with_reasons(mut result: BenchmarkResult, choice: &Choice, ground: Ground) -> BenchmarkResult {
    let what = match ground {
        Ground::Clone => "Measured on the writable replica, in a transaction that was rolled back.",
        Ground::Standby => "Measured on the standby.",
        _ => "Measured on rows copied from main into the sandbox.",
    };
    let reasons = choice.reasons_before(ground);
    result.source_reason =
        std::iter::once(what.to_owned()).chain(reasons).collect::<Vec<_>>().join(" ");
    result
}

/// Everything that will run is first planned on main: its form, and every function in its reach, are checked there.
async fn guard(
    main: &mut MainSession,
    request: &BenchmarkRequest<'_>,
) -> Result<Vec<Bound>, BenchmarkError> {
    let mut bound = Vec::new();
    for (number, case) in request.cases.iter().enumerate() {
        let bindings = measured_bindings(&case.plannable);
        if bindings.is_empty() {
            return Err(BenchmarkError::Failed(
                "no values are known for the statement's parameters, so it cannot be run: add it with values written out".into(),
            ));
        }
        for binding in bindings {
            let statement = sql::parse_one(&binding.sql)?;
            main.plan(&statement).await?;
            let rewritten = match &request.patch.kind {
                PatchKind::Rewrite(rewrite) => {
                    let rewritten = with_values(rewrite, binding)?;
                    if rewritten.sql == statement.sql {
                        return Err(BenchmarkError::Failed(
                            "the statement stays the same: what changes is in the application, and cannot be measured here".into(),
                        ));
                    }
                    main.plan(&rewritten).await?;
                    Some(rewritten)
                }
                _ => None,
            };
            let label = format!("{}{}", case.label, binding.label);
            let binding = binding.clone();
            let predicates = Vec::new();
            bound.push(Bound { case: number, binding, label, statement, rewritten, predicates });
        }
    }
    Ok(bound)
}

fn with_values(rewrite: &Statement, binding: &Binding) -> Result<Statement, BenchmarkError> {
    let literals: Vec<String> = binding
        .values
        .iter()
        .map(|value| value.as_deref().map_or_else(|| "NULL".to_owned(), quote_literal))
        .collect();
    Ok(sql::parse_one(&sql::bind_parameters(rewrite, &literals)?)?)
}

/// What was measured in one place.
struct Measured {
    bindings: Vec<BindingResult>,
    plans: Option<PlanPair>,
    calibration: Calibration,
    write_cost: Option<MeasuredWriteCost>,
    /// Whether a plan of the patched arm uses the index that the change makes.
    uses_index: bool,
    warnings: Vec<String>,
}

async fn measure(
    request: &BenchmarkRequest<'_>,
    places: &Places,
    ground: Ground,
    bound: &[Bound],
    settings: &[(String, String)],
    mut environment: Environment,
    report: Report<'_>,
) -> Result<BenchmarkResult, BenchmarkError> {
    let mut reading = MainSession::begin(&places.main).await?;
    reading.name(&request.name).await?;
    reading.use_own_path().await?;
    let mut site = match ground {
        Ground::Clone => open_clone(request, places, &mut reading, report).await?,
        Ground::Standby => open_standby(request, places, &mut reading).await?,
        Ground::Sandbox | Ground::Estimate => {
            open_scratch(request, places, &mut reading, report).await?
        }
    };
    // Main has given all it is asked for: let its transaction go before the long part.
    reading.end().await?;
    report(&format!("making the change: {}", request.patch.kind.label()), 0.45);
    environment.target = site.address.clone();
    environment.settings_left = site.take_settings(settings).await?;
    let patched = build(&mut site, &request.patch.kind).await?;
    let measured = run_all(request, &mut site, &patched, bound, report).await?;
    report("planning the rest of the workload", 0.95);
    let mut answer = ask(request, places, bound).await?;
    if !matches!(request.patch.kind, PatchKind::CreateIndex(_) | PatchKind::Rewrite(_)) {
        answer.workload = workload::plan_here(request, &mut site, &patched).await?;
    }
    report("summing up", 0.99);
    Ok(summary(request, site, patched, measured, answer, environment))
}

async fn run_all(
    request: &BenchmarkRequest<'_>,
    site: &mut Site,
    patched: &Patched,
    bound: &[Bound],
    report: Report<'_>,
) -> Result<Measured, BenchmarkError> {
    report("measuring a statement against itself", 0.5);
    site.limit_statements(request.statement_timeout_s).await?;
    let (fence, workspace) = (site.fence, site.workspace.clone());
    let calibration =
        calibrate(site.connection(), fence, workspace.as_deref(), request.seed).await?;
    let mut found = Measured {
        bindings: Vec::new(),
        plans: None,
        calibration,
        write_cost: None,
        uses_index: false,
        warnings: Vec::new(),
    };
    let begun = Instant::now();
    for (number, one) in bound.iter().enumerate() {
        let share = |done: f64| 0.52 + 0.36 * (number as f64 + done) / bound.len() as f64;
        report(&format!("comparing the rows of both arms ({})", one.label), share(0.0));
        let left = request.budget.saturating_sub(begun.elapsed());
        let deadline = Instant::now() + left / u32::try_from(bound.len() - number).unwrap_or(1);
        let protocol = Protocol { seed: request.seed.wrapping_add(number as u64), deadline };
        run_one(request, site, patched, one, protocol, &mut found, &mut |phase, done| {
            report(phase, share(done));
        })
        .await?;
    }
    if let (Some(target), Some(workspace)) = (&patched.target, &workspace) {
        report("measuring what each write costs", 0.9);
        let cost =
            write_cost::measure(site.connection(), fence, workspace, target, request.seed).await?;
        found.write_cost = Some(cost);
    }
    Ok(found)
}

async fn run_one(
    request: &BenchmarkRequest<'_>,
    site: &mut Site,
    patched: &Patched,
    one: &Bound,
    protocol: Protocol,
    found: &mut Measured,
    report: Report<'_>,
) -> Result<(), BenchmarkError> {
    let plannable = &request.cases[one.case].plannable;
    let baseline = site.placed(&one.statement, &plannable.search_path)?;
    let other = match &one.rewritten {
        Some(rewritten) => site.placed(rewritten, &plannable.search_path)?,
        None => baseline.clone(),
    };
    let mut specs = [
        ArmSpec { setup: patched.baseline_setup.clone(), sql: baseline },
        ArmSpec { setup: patched.patched_setup.clone(), sql: other },
    ];
    for (at, spec) in specs.iter().enumerate() {
        let plan = {
            let (fence, spec) = (site.fence, spec.clone());
            let (baseline, patched) = (spec.clone(), spec);
            Arms { connection: site.connection(), fence, baseline, patched }
                .planned(ArmKind::Baseline)
                .await?
        };
        site.check_reach(&plan)?;
        let uses =
            |name: &str| plan.root.walk().any(|node| node.index_name.as_deref() == Some(name));
        found.uses_index |=
            at == 1 && patched.target.as_ref().is_some_and(|target| uses(&target.name));
    }
    let has_limit = plannable.shape.has_limit;
    let agreement = Agreement::of(&one.statement, one.rewritten.is_some(), has_limit);
    let mut rows = compare_rows(site, &specs, one, plannable, &agreement).await?;
    if let (Some(rewritten), None) = (&one.rewritten, &rows.difference) {
        add_adversary(site, one, rewritten, plannable, &mut rows).await?;
    }
    found.warnings.extend(rows.ties.clone());
    found.warnings.extend(rows.not_added.clone());
    let fence = site.fence;
    let [baseline, patched] = std::mem::take(&mut specs);
    let mut arms = Arms { connection: site.connection(), fence, baseline, patched };
    if rows.difference.is_some() {
        found.warnings.push(rows.sentence());
        found
            .bindings
            .push(not_equivalent(&mut arms, &one.binding, one.label.clone(), rows).await?);
    } else {
        let sql = arms.baseline.sql.clone();
        let measured = protocol
            .measure(&mut arms, &mut |pairs, most| {
                let phase = format!("measuring pair {pairs} of at most {most} ({})", one.label);
                report(&phase, pairs as f64 / most as f64);
            })
            .await?;
        found.warnings.extend(measured.warnings(&one.label));
        let seed = protocol.seed;
        found.bindings.push(measured.result(&one.binding, one.label.clone(), sql, rows, seed));
    }
    if found.plans.is_none() {
        found.plans = Some(PlanPair {
            baseline: arms.shown_plan(ArmKind::Baseline).await?,
            patched: arms.shown_plan(ArmKind::Patched).await?,
        });
    }
    Ok(())
}

/// The rows of both arms. Two statements with a LIMIT are compared without it: which of tied rows a LIMIT keeps says
/// nothing of whether they are the same statement.
async fn compare_rows(
    site: &mut Site,
    specs: &[ArmSpec; 2],
    one: &Bound,
    plannable: &optischema::model::PlannableStatement,
    agreement: &Agreement,
) -> Result<optischema::model::RowComparison, BenchmarkError> {
    let mut compared = specs.clone();
    if let Some(rewritten) = &one.rewritten {
        let limits = (sql::without_limit(&one.statement)?, sql::without_limit(rewritten)?);
        if let (Some(baseline), Some(patched)) = limits {
            let path = &plannable.search_path;
            compared[0].sql = site.placed(&sql::parse_one(&baseline)?, path)?;
            compared[1].sql = site.placed(&sql::parse_one(&patched)?, path)?;
        }
    }
    let fence = site.fence;
    let [baseline, patched] = compared;
    let mut arms = Arms { connection: site.connection(), fence, baseline, patched };
    compare(&mut arms, agreement).await
}

/// The second comparison of a rewrite: with NULLs and duplicates put into the tables.
async fn add_adversary(
    site: &mut Site,
    one: &Bound,
    rewritten: &Statement,
    plannable: &optischema::model::PlannableStatement,
    rows: &mut optischema::model::RowComparison,
) -> Result<(), BenchmarkError> {
    if site.workspace.is_none() {
        rows.not_added.push(
            "Rows with NULLs and duplicates could not be put into a standby: only the rows that are there were compared.".to_owned(),
        );
        return Ok(());
    }
    let path = &plannable.search_path;
    let unlimited = |statement: &Statement| -> Result<Statement, BenchmarkError> {
        match sql::without_limit(statement)? {
            Some(text) => Ok(sql::parse_one(&text)?),
            None => Ok(statement.clone()),
        }
    };
    let baseline = site.placed(&unlimited(&one.statement)?, path)?;
    let patched = site.placed(&unlimited(rewritten)?, path)?;
    let tables: Vec<TableName> = site
        .family
        .tops()
        .iter()
        .filter(|(top, _)| !matches!(top.kind, crate::sandbox::StructureKind::MaterializedView))
        .map(|(top, _)| site.located(&top.table))
        .collect();
    let predicates: Vec<&Predicate> = one.predicates.iter().collect();
    let fence = site.fence;
    let (added, found) = fence
        .around(site.connection(), async |connection| {
            let mut added = super::adversary::Added::default();
            for table in &tables {
                let more = add_rows(connection, table, &predicates).await?;
                added.rows += more.rows;
                added.refused.extend(more.refused);
            }
            let found = compare_here(connection, &baseline, &patched).await?;
            Ok((added, found))
        })
        .await?;
    rows.rows_added = added.rows;
    rows.not_added.extend(added.refused);
    if let Some(mut difference) = found.1 {
        difference.what = format!(
            "With NULLs and duplicates put into the tables, the statements differ. {}",
            difference.what
        );
        rows.difference = Some(difference);
    }
    Ok(())
}

/// A verdict on a sample stands only where main's planner, on all rows, does what the sample's did.
fn agreed(
    request: &BenchmarkRequest<'_>,
    verdict: Verdict,
    uses_index: bool,
    answer: &FullScale,
) -> Result<Verdict, String> {
    let doubt = match (&request.patch.kind, verdict, answer.uses_change) {
        (_, Verdict::NotEquivalent | Verdict::Unstable | Verdict::Inconclusive, _) => None,
        (PatchKind::CreateIndex(_), _, Some(used)) if used == uses_index => None,
        (PatchKind::CreateIndex(_), _, Some(true)) => Some(
            "on all rows main's planner would use the index, and on the sample it was not used",
        ),
        (PatchKind::CreateIndex(_), _, Some(false)) => {
            Some("on all rows main's planner would not use the index")
        }
        (PatchKind::Rewrite(_), Verdict::Faster, Some(true))
        | (PatchKind::Rewrite(_), Verdict::Slower | Verdict::Equivalent, Some(false)) => None,
        (PatchKind::Rewrite(_), _, Some(_)) => {
            Some("on all rows main's planner expects the contrary")
        }
        (_, _, _) => Some("main's planner cannot be asked what it would do on all rows"),
    };
    match doubt {
        None => Ok(verdict),
        Some(doubt) => Err(format!(
            "On the sample alone the verdict would be \"{verdict}\"; {doubt}, so it is inconclusive."
        )),
    }
}

fn summary(
    request: &BenchmarkRequest<'_>,
    site: Site,
    patched: Patched,
    measured: Measured,
    answer: FullScale,
    environment: Environment,
) -> BenchmarkResult {
    let Measured { bindings, plans, calibration, write_cost, uses_index, warnings: own } = measured;
    let verdicts: Vec<Verdict> = bindings.iter().map(|binding| binding.verdict).collect();
    let mut verdict = overall_verdict(&verdicts);
    let mut warnings = Vec::new();
    if bindings.is_empty() {
        warnings.push(
            "No tracked statement reads these tables, so no run time was measured; writes were."
                .to_owned(),
        );
    }
    if site.fidelity.kind == FidelityKind::Sampled {
        match agreed(request, verdict, uses_index, &answer) {
            Ok(agreed) => verdict = agreed,
            Err(reason) => {
                verdict = Verdict::Inconclusive;
                warnings.push(reason);
                warnings.extend(answer.note.clone());
            }
        }
    }
    warnings.extend(site.warnings);
    warnings.extend(patched.warnings);
    warnings.extend(own);
    warnings.extend(warning(&calibration));
    let mut seen = BTreeSet::new();
    warnings.retain(|warning| seen.insert(warning.clone()));
    let worst = worst_binding(&bindings).map(|binding| binding.label.clone());
    let first = bindings.first();
    let arm = |of: fn(&BindingResult) -> &Arm| first.map(|binding| of(binding).clone());
    let mut result = BenchmarkResult {
        source: site.ground.source(),
        source_reason: String::new(),
        fidelity: site.fidelity,
        verdict,
        change_percent: first.and_then(|binding| binding.change_percent),
        confidence_interval: first.and_then(|binding| binding.confidence_interval),
        pairs: first.map_or(0, |binding| binding.pairs),
        baseline: arm(|binding| &binding.baseline),
        patched: arm(|binding| &binding.patched),
        plans: plans.filter(|plans| parse_plan(&plans.patched).is_ok()),
        write_cost,
        index: patched.index,
        workload: Vec::new(),
        warnings,
        seed: request.seed,
        server_version: site.session.version.clone(),
        schema: site.workspace.filter(|_| site.is_copy),
        statement: request.statement_text(),
        patch: request.patch_text.to_owned(),
        calibration: Some(calibration),
        worst_binding: worst.filter(|_| bindings.len() > 1),
        workload_planned: 0,
        workload_left: Vec::new(),
        environment,
        bindings,
    };
    workload::take(&mut result, answer.workload);
    result
}
