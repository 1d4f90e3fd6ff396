//! One benchmark: guard, place, copy, change, statements, verdict. The caller drops the scratch schema, whatever the
//! end.

use optischema::benchmark_place::{BenchmarkPlace, InPlace, Need, PassedOver, PlaceChoice, choose};
use optischema::model::{BenchmarkResult, Catalog, Environment, Phase};

use super::bound::{Bound, guard};
use super::drawing::draw;
use super::estimate::estimated;
use super::full_scale::ask;
use super::measuring::run_all;
use super::patching::build;
use super::request::{BenchmarkRequest, Report};
use super::scratch_site::open_scratch;
use super::site::{open_clone, open_standby};
use super::summing::summary;
use super::survey::{Places, survey};
use super::{BenchmarkError, workload};
use crate::postgres::{MainSession, plan_settings};
use crate::sql::{self, PatchKind};

/// Runs it in the best place there is. The caller drops the scratch schema, whatever the end.
///
/// # Errors
/// The answer is no, or it could not run.
pub async fn run_benchmark(
    request: BenchmarkRequest<'_>,
    places: &Places,
    report: Report<'_>,
) -> Result<BenchmarkResult, BenchmarkError> {
    report(Phase::AskingPlanner, 0.0);
    let mut request = request;
    let mut main = MainSession::begin(&places.main).await?;
    let catalog = match &request.patch.kind {
        PatchKind::Rewrite(_) => Some(main.catalog().await?),
        _ => None,
    };
    let bound = guard(&mut main, &request, catalog.as_ref()).await?;
    if let (PatchKind::Rewrite(rewrite), Some(catalog)) = (&request.patch.kind, &catalog) {
        request.rewritten_shape = Some(sql::analyze(&rewrite.statement, catalog)?);
    }
    let settings = plan_settings(main.connection().await?).await?;
    let environment = Environment {
        optischema_version: env!("CARGO_PKG_VERSION").to_owned(),
        main_version: main.version().to_owned(),
        settings: settings.iter().cloned().collect(),
        ..Environment::default()
    };
    main.end().await?;
    let need = if request.only_reads() { Need::Read } else { Need::Write };
    let mut choice = choose(need, &survey(places).await, places.in_place);
    for place in choice.order.clone() {
        if place == BenchmarkPlace::Estimate {
            break;
        }
        let asked = Asked { bound: &bound, catalog: catalog.as_ref(), settings: &settings };
        let measured = measure(&request, places, place, &asked, environment.clone(), report).await;
        match measured {
            Ok(result) => return Ok(with_reasons(result, &choice, (place, places.in_place))),
            Err(BenchmarkError::Unsuitable(reason)) => {
                choice.passed_over.push((place, PassedOver::Unsuitable(reason)));
            }
            Err(error) => return Err(error),
        }
    }
    let answer = ask(&request, places, &bound).await?;
    Ok(estimated(&request, answer, &choice.reasons_before(BenchmarkPlace::Estimate), environment))
}

fn with_reasons(
    mut result: BenchmarkResult,
    choice: &PlaceChoice,
    (place, in_place): (BenchmarkPlace, InPlace),
) -> BenchmarkResult {
    let what = match place {
        BenchmarkPlace::Clone | BenchmarkPlace::Standby if in_place == InPlace::Sandbox => {
            result.source = BenchmarkPlace::Sandbox.source();
            "Measured in the sandbox's own tables, where the change is applied; without it in a transaction that was rolled back."
        }
        BenchmarkPlace::Clone => {
            "Measured on the writable replica, in a transaction that was rolled back."
        }
        BenchmarkPlace::Standby => "Measured on the standby.",
        _ => "Measured on rows copied from main into the sandbox.",
    };
    let reasons = choice.reasons_before(place);
    result.source_reason =
        std::iter::once(what.to_owned()).chain(reasons).collect::<Vec<_>>().join(" ");
    result
}

/// What main said beforehand.
struct Asked<'a> {
    bound: &'a [Bound],
    /// Present where the change is a rewrite.
    catalog: Option<&'a Catalog>,
    settings: &'a [(String, String)],
}

async fn measure(
    request: &BenchmarkRequest<'_>,
    places: &Places,
    place: BenchmarkPlace,
    asked: &Asked<'_>,
    mut environment: Environment,
    report: Report<'_>,
) -> Result<BenchmarkResult, BenchmarkError> {
    let opened = match place {
        BenchmarkPlace::Clone => open_clone(request, places, report).await,
        BenchmarkPlace::Standby => open_standby(request, places, report).await,
        BenchmarkPlace::Sandbox | BenchmarkPlace::Estimate => {
            open_scratch(request, places, report).await
        }
    };
    let mut site = opened.map_err(BenchmarkError::of_place)?;
    environment.target = site.address.clone();
    environment.settings_left = site.take_settings(asked.settings).await?;
    report(Phase::DrawingParameters, 0.45);
    let all = asked.bound.to_vec();
    let (bound, warnings) = draw(request, &mut site, places, all, asked.catalog).await?;
    site.warnings.extend(warnings);
    report(Phase::Patching { change: request.patch.kind.label().to_string() }, 0.46);
    let built = build(&mut site, &request.patch.kind).await;
    let patched = built.map_err(BenchmarkError::of_change)?;
    let measured = run_all(request, &mut site, &patched, &bound, report).await?;
    report(Phase::PlanningWorkload, 0.95);
    let mut answer = ask(request, places, &bound).await?;
    if !matches!(request.patch.kind, PatchKind::CreateIndex(_) | PatchKind::Rewrite(_)) {
        answer.workload = workload::plan_here(request, &mut site, &patched).await?;
    }
    report(Phase::SummingUp, 0.99);
    Ok(summary(request, site, patched, measured, answer, environment))
}
