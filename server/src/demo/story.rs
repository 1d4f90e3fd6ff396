//! The story, once: collect, recommend, benchmark the best, print what was found.

use std::time::Duration;

use comfy_table::{Cell, CellAlignment, ContentArrangement, Table};
use optischema::figures;
use optischema::model::{
    BenchmarkResult, ConfidenceInterval, Job, JobStatus, Phase, PlanPair, Recommendation,
    SetBenchmark, Verdict, WriteMeasure,
};
use optischema::operations::{OperationError, Operations};
use optischema::plan::{diff, parse_plan};

/// How the story ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoryEnd {
    /// There is a measured verdict.
    Verdict(Verdict),
    /// There is none.
    None,
}

/// Runs the story on an instance whose worker runs. The table is printed on standard output.
///
/// # Errors
/// A step cannot be taken.
pub async fn run_once(
    operations: &dyn Operations,
    say: &mut (dyn FnMut(&str) + Send),
) -> Result<StoryEnd, OperationError> {
    say("reading the workload and asking the planner");
    let report = operations.analyze().await?;
    let planned = report.statements.iter().filter(|statement| statement.planned).count();
    say(&format!(
        "{planned} of {} statements planned, {} recommendations, {} candidates rejected",
        report.statements.len(),
        report.recommendations.len(),
        report.rejected.len()
    ));
    let Some(top) = report.recommendations.first().cloned() else {
        println!("Nothing is recommended.");
        return Ok(StoryEnd::None);
    };
    say(&format!("benchmarking: {}", top.title));
    let accepted = operations.start_benchmark(top.id).await?;
    let mut last_phase: Option<Phase> = None;
    let job = loop {
        let job = operations.job(accepted.job_id).await?;
        if job.status.is_final() {
            break job;
        }
        if let Some(phase) = job.phase_detail {
            if !last_phase.is_some_and(|last| last.continues_as(&phase)) {
                say(&phase.to_string());
            }
            last_phase = Some(phase);
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    };
    print_recommendations(&report.recommendations);
    print_benchmark(&job);
    println!("Statement: {}", top.original_sql);
    println!("Index:     {}", top.sql_fix);
    Ok(end_of(&job))
}

fn print_recommendations(recommendations: &[Recommendation]) {
    let mut table = Table::new();
    table.set_header(["Recommendation", "Planned saving", "Calls behind it"]);
    for recommendation in recommendations {
        let calls: i64 =
            recommendation.evidence.statements.iter().map(|statement| statement.calls).sum();
        let saving = recommendation
            .estimated_improvement_percent
            .map_or_else(|| "–".to_owned(), |saving| format!("{saving:.1} % (planned)"));
        table.add_row([
            Cell::new(&recommendation.title),
            Cell::new(saving).set_alignment(CellAlignment::Right),
            Cell::new(calls).set_alignment(CellAlignment::Right),
        ]);
    }
    println!("{table}");
}

/// Characters of a line at most.
const WIDTH: u16 = 120;

/// The verdict of a benchmark as a table, or the sentence that says why there is none.
pub fn print_benchmark(job: &Job) {
    if let Some(set) = job.result.as_ref().and_then(|result| result.set()) {
        print_set(set);
        return;
    }
    let result = job.result.as_ref().and_then(|result| result.benchmark());
    let (JobStatus::Completed, Some(result)) = (job.status, result) else {
        let reason = job.error_message.clone().unwrap_or_else(|| job.status.to_string());
        println!("No verdict: {reason}");
        return;
    };
    print_result(result);
}

/// A set of changes: each statement without any and with all of them, and what each change carries.
fn print_set(set: &SetBenchmark) {
    let absent = || "–".to_owned();
    let range =
        |interval: Option<&ConfidenceInterval>| interval.map_or_else(absent, figures::interval);
    let change = |percent: Option<f64>| percent.map_or_else(absent, figures::change);
    let mut table = Table::new();
    table.set_content_arrangement(ContentArrangement::Dynamic).set_width(WIDTH);
    table.set_header(["Statement", "Share", "Verdict", "Without", "With", "Change", "Interval"]);
    for statement in &set.statements {
        table.add_row([
            figures::in_one_line(&statement.sql, 60),
            figures::percent(100.0 * statement.share),
            statement.verdict.label().to_owned(),
            figures::milliseconds(statement.baseline_ms),
            figures::milliseconds(statement.patched_ms),
            change(statement.change_percent),
            range(statement.confidence_interval.as_ref()),
        ]);
    }
    println!("{table}");
    let mut table = Table::new();
    table.set_content_arrangement(ContentArrangement::Dynamic).set_width(WIDTH);
    table.set_header(["Change", "Lost without it", "Interval", "Used by", "Size"]);
    for member in &set.members {
        let points = |percent: f64| figures::percent(percent);
        table.add_row([
            member.title.clone(),
            member.carries_percent.map_or_else(absent, points),
            member.carries_interval.map_or_else(absent, |interval| {
                format!("{} to {}", points(interval.low_percent), points(interval.high_percent))
            }),
            figures::counted(member.used_by.len() as u64, "statement"),
            member.bytes.map_or_else(absent, figures::bytes),
        ]);
    }
    println!("{table}");
    println!("{} {}", set.summary(), range(set.confidence_interval.as_ref()));
    for warning in &set.warnings {
        println!("{warning}");
    }
    if !set.left.is_empty() {
        let left = figures::counted(set.left.len() as u64, "statement");
        println!("{left} on these tables not measured (--format json gives the reasons).");
    }
}

/// What a write takes more or less, as far as the runs show that.
fn time_of(measure: &WriteMeasure) -> String {
    let (Some(change), Some(interval)) = (measure.change_percent, measure.confidence_interval)
    else {
        return "no figure".to_owned();
    };
    let ends = figures::interval(&interval);
    match interval.low_percent > 0.0 || interval.high_percent < 0.0 {
        true => format!("{} ({ends})", figures::change(change)),
        false => format!("no difference shown ({ends})"),
    }
}

/// A result as a table.
pub fn print_result(result: &BenchmarkResult) {
    let mut table = Table::new();
    table.set_content_arrangement(ContentArrangement::Dynamic).set_width(WIDTH);
    table.set_header(["Values", "Verdict", "Without", "With", "Change", "Interval", "Pairs"]);
    for binding in &result.bindings {
        let absent = || "–".to_owned();
        let interval = binding.confidence_interval.map_or_else(absent, |interval| {
            format!("{} ({})", figures::interval(&interval), figures::level(interval.level))
        });
        let change = binding.change_percent.map_or_else(absent, figures::change);
        table.add_row([
            binding.label.clone(),
            binding.verdict.label().to_owned(),
            figures::milliseconds(binding.baseline.median_ms),
            figures::milliseconds(binding.patched.median_ms),
            change,
            interval,
            binding.pairs.to_string(),
        ]);
    }
    println!("{table}");
    println!(
        "Verdict:   {} ({}; {})",
        result.verdict.label(),
        result.fidelity.tag(),
        result.source_tag()
    );
    println!("           {} {}", result.meaning(), result.source_reason);
    for binding in &result.bindings {
        println!("Rows:      {} ({})", binding.comparison.sentence(), binding.label);
    }
    if let Some(worst) = &result.worst_binding {
        println!("Worst:     {worst}");
    }
    if let Some(plans) = &result.plans {
        print_plans(plans);
    }
    if let Some(cost) = &result.write_cost {
        for measure in &cost.operations {
            let hot = match (measure.baseline.hot_updates, measure.patched.hot_updates) {
                (0, 0) => String::new(),
                (without, with) => format!(", HOT updates {without} → {with} of {}", measure.rows),
            };
            println!(
                "Writes:    {}: {}, {:+.0} B of WAL a row{hot}",
                measure.operation.label(),
                time_of(measure),
                // Less than a byte is none, whatever its sign.
                measure.extra_wal_bytes_per_row().round() + 0.0,
            );
        }
    }
    if result.workload_planned > 0 {
        println!(
            "Others:    {} planned, {} change their cost",
            figures::counted(result.workload_planned.unsigned_abs(), "other statement"),
            result.workload.len()
        );
    }
    if let Some(index) = result.index.as_ref().filter(|index| index.build_ms > 0.0) {
        println!(
            "Index:     built in {}, {}",
            figures::milliseconds(index.build_ms),
            figures::bytes(index.bytes)
        );
    }
    for warning in &result.warnings {
        println!("Note:      {warning}");
    }
}

/// What the plans do differently.
fn print_plans(plans: &PlanPair) {
    let (Ok(before), Ok(after)) = (parse_plan(&plans.baseline), parse_plan(&plans.patched)) else {
        return;
    };
    let changes = diff(&before, &after).changes;
    if changes.is_empty() {
        println!("Plan:      the same steps without and with the change");
    }
    for change in changes {
        let side = |how: Option<String>| how.unwrap_or_else(|| "–".to_owned());
        println!("Plan:      {}: {} → {}", change.step, side(change.before), side(change.after));
    }
}

fn end_of(job: &Job) -> StoryEnd {
    let result = job.result.as_ref().and_then(|result| result.benchmark());
    match result.map(|result| result.verdict) {
        Some(verdict @ (Verdict::Faster | Verdict::Slower | Verdict::Equivalent)) => {
            StoryEnd::Verdict(verdict)
        }
        _ => StoryEnd::None,
    }
}
