//! All statements in one place: rows compared, runs timed, writes measured.

use std::time::Instant;

use optischema::model::{BindingResult, Calibration, MeasuredWriteCost, Phase, PlanPair};

use super::arms::{ArmKind, ArmSpec, Arms};
use super::bound::Bound;
use super::calibration::calibrate;
use super::comparing::compare_rows;
use super::patching::Patched;
use super::protocol::{Protocol, not_equivalent};
use super::request::{BenchmarkRequest, Report};
use super::site::Site;
use super::under_policies::{UnderPolicies, under_policies};
use super::{BenchmarkError, as_itself, write_cost};
use crate::postgres::{ExplainMode, explain};

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
    report(Phase::MeasuringNoise, 0.5);
    let cost = expected_cost(request, site, bound).await?;
    let calibration = calibrate(site, &request.patch.kind, cost, request.seed).await?;
    let floor = calibration.floor_percent / 100.0;
    site.limit_statements(request.statement_timeout_s).await?;
    let (fence, workspace) = (site.fence, site.workspace.clone());
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
        report(Phase::ComparingRows { parameters: one.label.clone() }, share(0.0));
        let left = request.budget.saturating_sub(begun.elapsed());
        let deadline = Instant::now() + left / u32::try_from(bound.len() - number).unwrap_or(1);
        let seed = request.seed.wrapping_add(number as u64);
        let protocol = Protocol { seed, deadline, floor };
        run_one(request, site, patched, one, protocol, &mut found, &mut |phase, done| {
            report(phase, share(done));
        })
        .await?;
    }
    if let (Some(target), Some(workspace)) = (&patched.target, &workspace) {
        report(Phase::MeasuringWrites, 0.9);
        let cost =
            write_cost::measure(site.connection(), fence, workspace, target, request.seed).await?;
        found.write_cost = Some(cost);
    }
    Ok(found)
}

/// The planner's word on the first statement, in its units; none is none.
async fn expected_cost(
    request: &BenchmarkRequest<'_>,
    site: &mut Site,
    bound: &[Bound],
) -> Result<f64, BenchmarkError> {
    let Some(first) = bound.first() else { return Ok(0.0) };
    let search_path = &request.cases[first.case].plannable.search_path;
    let sql = site.placed(&first.statement, search_path)?;
    let fence = site.fence;
    let explained = fence.around(site.connection(), async |connection| {
        Ok(explain(connection, ExplainMode::Plan, &sql).await?.0)
    });
    Ok(explained.await?.root.total_cost)
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
    let specs = [(&patched.baseline_setup, baseline), (&patched.patched_setup, other)]
        .map(|(setup, sql)| ArmSpec { setup: setup.clone(), sql, ..ArmSpec::default() });
    let UnderPolicies { specs, are_made, sentence } =
        under_policies(site, plannable, specs).await?;
    if let Some(sentence) = sentence
        && !found.warnings.contains(&sentence)
    {
        found.warnings.push(sentence);
    }
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
            |name: &String| plan.root.walk().any(|node| node.index_name.as_ref() == Some(name));
        // What is made is used by the patched arm, what is dropped by the baseline.
        let arm = |is_made: bool| at == usize::from(is_made);
        found.uses_index |= patched.target.as_ref().is_some_and(|target| arm(target.is_made))
            && patched.target.as_ref().is_some_and(|target| target.parts.iter().any(uses));
    }
    let rows =
        compare_rows(site, &specs, one, plannable, request.patch.kind.is_approximate()).await?;
    found.warnings.extend(rows.ties.clone());
    found.warnings.extend(rows.not_added.clone());
    let measurable =
        as_itself::whole(site, &request.cases[one.case], one, (&specs, are_made)).await?;
    if let Some(warning) = measurable.warning
        && !found.warnings.contains(&warning)
    {
        found.warnings.push(warning);
    }
    let fence = site.fence;
    let [baseline, patched] = measurable.specs;
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
                let phase = Phase::MeasuringPairs {
                    pairs: pairs as u64,
                    most: most as u64,
                    parameters: one.label.clone(),
                };
                report(phase, pairs as f64 / most as f64);
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
