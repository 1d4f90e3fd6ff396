//! All statements in one place: rows compared, runs timed, writes measured.

use std::time::Instant;

use optischema::model::{
    BindingResult, Calibration, MeasuredWriteCost, PlanPair, PlannableStatement, Predicate,
    RowComparison, TableName,
};

use super::adversary::{Added, add_rows};
use super::arms::{ArmKind, ArmSpec, Arms};
use super::bound::Bound;
use super::calibration::calibrate;
use super::equivalence::{Agreement, compare, compare_here};
use super::patching::Patched;
use super::protocol::{Protocol, not_equivalent};
use super::request::{BenchmarkRequest, Report};
use super::site::Site;
use super::{BenchmarkError, write_cost};
use crate::sandbox::StructureKind;
use crate::sql::{self, Statement};

/// What was measured in one place.
pub(super) struct Measured {
    pub bindings: Vec<BindingResult>,
    pub plans: Option<PlanPair>,
    pub calibration: Calibration,
    pub write_cost: Option<MeasuredWriteCost>,
    /// Whether a plan of the patched arm uses the index that the change makes.
    pub uses_index: bool,
    pub warnings: Vec<String>,
}

pub(super) async fn run_all(
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
    plannable: &PlannableStatement,
    agreement: &Agreement,
) -> Result<RowComparison, BenchmarkError> {
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
    plannable: &PlannableStatement,
    rows: &mut RowComparison,
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
        .filter(|(top, _)| !matches!(top.kind, StructureKind::MaterializedView))
        .map(|(top, _)| site.located(&top.table))
        .collect();
    let predicates: Vec<&Predicate> = one.predicates.iter().collect();
    let fence = site.fence;
    let (added, found) = fence
        .around(site.connection(), async |connection| {
            let mut added = Added::default();
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
