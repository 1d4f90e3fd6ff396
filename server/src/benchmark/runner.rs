//! One benchmark from its tables to its verdict, in one scratch schema.

use std::time::{Duration, Instant};

use optischema::model::{
    Arm, BenchmarkResult, BenchmarkSource, Binding, BindingResult, CopiedTable, Fidelity,
    FidelityKind, IndexMeasure, PlanPair, StatementShape, TableName, Verdict,
};
use optischema::statistics::overall_verdict;
use sqlx::Row;
use sqlx::postgres::PgConnection;

use super::BenchmarkError;
use super::arms::{ArmKind, Arms, execute};
use super::protocol::Protocol;
use crate::postgres::{MainSession, Session};
use crate::sandbox::{
    CopyPlan, SandboxError, ScratchSchema, TableStructure, Upkeep, build_indexes, copy_rows,
    create_scratch, create_tables, hold_scratch, read_structure, vacuum_analyze,
};
use crate::sql::{self, Patch, PatchKind, drop_index_sql};

/// Bindings measured at most.
const MAX_BINDINGS: usize = 2;

/// What is compared, and where.
pub struct BenchmarkRequest<'a> {
    pub shape: &'a StatementShape,
    pub bindings: &'a [Binding],
    pub patch_sql: &'a str,
    pub schema: &'a ScratchSchema,
    pub seed: u64,
    /// Tables together up to this size are copied whole.
    pub copy_limit_bytes: i64,
    pub sample_percent: f64,
    /// What the timed runs of all bindings may take.
    pub budget: Duration,
    /// Schemas that a name without a schema is looked for in.
    pub search_path: &'a [String],
}

/// Told what happens, and how far it is (0 to 1).
pub type Report<'a> = &'a mut (dyn FnMut(&str, f64) + Send);

/// Runs it. The caller drops the scratch schema, whatever the end.
pub async fn run_benchmark(
    request: &BenchmarkRequest<'_>,
    mut main: MainSession,
    sandbox: &mut Session,
    report: Report<'_>,
) -> Result<BenchmarkResult, BenchmarkError> {
    let patch = Patch::parse(request.patch_sql)?;
    let connection = &mut sandbox.connection;
    if !hold_scratch(connection, request.schema).await? {
        return Err(BenchmarkError::Error(
            "another process is working on this job's schema".into(),
        ));
    }
    create_scratch(connection, request.schema).await?;
    report("reading the tables' structure", 0.02);
    let structures = structures(&mut main, request).await?;
    let plan = copy_plan(request, &structures)?;
    let copied = copy_all(request, &mut main, connection, &structures, plan, report).await?;
    // Main has given all it is asked for: let its transaction go before the long part.
    main.end().await?;
    report("building the index", 0.45);
    let built = build_patch(connection, request, &patch).await?;
    let schema = &request.schema.name;
    execute(
        connection,
        format!("SET search_path = {}", optischema::model::quote_identifier(schema)),
    )
    .await?;

    let mut warnings = fidelity_warnings(plan, request);
    let mut results = Vec::new();
    let mut plans = None;
    let bindings = &request.bindings[..request.bindings.len().min(MAX_BINDINGS)];
    for (number, binding) in bindings.iter().enumerate() {
        let share = |done: f64| 0.5 + 0.48 * (number as f64 + done) / bindings.len() as f64;
        report("warming up", share(0.0));
        let statement = sql::parse_one(&binding.sql)?;
        sql::check_select(&statement)?;
        let moved = sql::retarget(&statement, schema, &|schema, name| {
            resolve(&structures, request.search_path, schema, name)
        })?;
        let mut arms = Arms { connection: &mut *connection, sql: moved, undo: built.undo.clone() };
        for arm in [ArmKind::Baseline, ArmKind::Patched] {
            arms.check_target(arm, schema).await?;
        }
        let protocol = Protocol {
            binding,
            seed: request.seed.wrapping_add(number as u64),
            deadline: Instant::now() + request.budget / u32::try_from(bindings.len()).unwrap_or(1),
            has_limit: request.shape.has_limit,
        };
        let measured = protocol
            .measure(&mut arms, &mut |pairs, most| {
                report(
                    &format!("measuring pair {pairs} of at most {most} ({})", binding.label),
                    share(pairs as f64 / most as f64),
                );
            })
            .await?;
        if plans.is_none() {
            plans = Some(PlanPair {
                baseline: arms.shown_plan(ArmKind::Baseline).await?,
                patched: arms.shown_plan(ArmKind::Patched).await?,
            });
        }
        warnings.extend(measured.warnings);
        results.push(measured.result);
    }
    report("summing up", 0.99);
    warnings.push("Write cost and the rest of the workload are not measured yet.".into());
    let version = sandbox.version.clone();
    Ok(summary(request, plan, copied, built.measure, results, plans, warnings, version))
}

async fn structures(
    main: &mut MainSession,
    request: &BenchmarkRequest<'_>,
) -> Result<Vec<TableStructure>, BenchmarkError> {
    let mut structures: Vec<TableStructure> = Vec::new();
    for table in &request.shape.tables {
        if structures.iter().any(|known| known.table.name == table.name) {
            return Err(SandboxError::NameCollision(table.name.clone()).into());
        }
        structures.push(read_structure(main.connection(), table).await?);
    }
    Ok(structures)
}

/// Whole tables where they fit; else a sample of a single table. Tables of a join are never sampled
/// independently: p of each keeps p² of the join.
fn copy_plan(
    request: &BenchmarkRequest<'_>,
    structures: &[TableStructure],
) -> Result<CopyPlan, BenchmarkError> {
    let total: i64 = structures.iter().map(|structure| structure.bytes).sum();
    if total <= request.copy_limit_bytes {
        return Ok(CopyPlan::Full);
    }
    if structures.len() > 1 {
        return Err(BenchmarkError::Error(format!(
            "the joined tables have {} MiB, more than the limit of {} MiB, and joins cannot be sampled yet: raise copy_limit_mb",
            total / 1024 / 1024,
            request.copy_limit_bytes / 1024 / 1024
        )));
    }
    Ok(CopyPlan::Sample { percent: request.sample_percent, seed: request.seed })
}

async fn copy_all(
    request: &BenchmarkRequest<'_>,
    main: &mut MainSession,
    sandbox: &mut PgConnection,
    structures: &[TableStructure],
    plan: CopyPlan,
    report: Report<'_>,
) -> Result<Vec<CopiedTable>, BenchmarkError> {
    let schema = &request.schema.name;
    create_tables(sandbox, structures, &|_| schema.clone(), Upkeep::Still).await?;
    let total: i64 = structures.iter().map(|structure| structure.bytes.max(8192)).sum();
    let mut before = 0;
    let mut copied = Vec::new();
    for structure in structures {
        let phase = format!("copying {}", structure.table);
        let share = |bytes: i64| 0.03 + 0.32 * ((before + bytes) as f64 / total as f64).min(1.0);
        let mut said = Instant::now();
        report(&phase, share(0));
        let table = copy_rows(main.connection(), sandbox, structure, schema, plan, &mut |bytes| {
            if said.elapsed() > Duration::from_millis(250) {
                said = Instant::now();
                report(&phase, share(bytes));
            }
        })
        .await?;
        copied.push(table);
        before += structure.bytes.max(8192);
    }
    for structure in structures {
        report(&format!("indexing and analysing the copy of {}", structure.table), 0.38);
        build_indexes(sandbox, structure, schema).await?;
        vacuum_analyze(sandbox, &TableName::new(schema, &structure.table.name)).await?;
    }
    Ok(copied)
}

/// The patch as it stands in the scratch schema.
struct BuiltPatch {
    /// What the baseline's transaction runs to do without it.
    undo: String,
    measure: Option<IndexMeasure>,
}

async fn build_patch(
    connection: &mut PgConnection,
    request: &BenchmarkRequest<'_>,
    patch: &Patch,
) -> Result<BuiltPatch, BenchmarkError> {
    let schema = &request.schema.name;
    let index = match &patch.kind {
        PatchKind::CreateIndex(index) => index,
        PatchKind::DropIndex(_) => {
            return Err(BenchmarkError::Failed(
                "dropping an index cannot be benchmarked yet".into(),
            ));
        }
    };
    let started = Instant::now();
    execute(connection, index.sql(schema, false)?).await?;
    let build_ms = started.elapsed().as_secs_f64() * 1000.0;
    let table = TableName::new(schema, &index.table.name);
    // An expression index has statistics of its own.
    execute(connection, format!("ANALYZE {}", table.quoted())).await?;
    let row = sqlx::query(
        "SELECT pg_get_indexdef(c.oid) AS definition, pg_relation_size(c.oid)::int8 AS bytes
         FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
         WHERE n.nspname = $1 AND c.relname = $2",
    )
    .bind(schema)
    .bind(&index.name)
    .fetch_one(connection)
    .await
    .map_err(crate::postgres::PgFailure::from)?;
    let column = |error: sqlx::Error| BenchmarkError::from(crate::postgres::PgFailure::from(error));
    Ok(BuiltPatch {
        undo: drop_index_sql(schema, &index.name, false),
        measure: Some(IndexMeasure {
            definition: row.try_get("definition").map_err(column)?,
            build_ms,
            bytes: row.try_get("bytes").map_err(column)?,
        }),
    })
}

fn resolve(
    structures: &[TableStructure],
    search_path: &[String],
    schema: &str,
    name: &str,
) -> Option<TableName> {
    let find = |schema: &str| {
        structures
            .iter()
            .map(|structure| &structure.table)
            .find(|table| table.schema == schema && table.name == name)
            .cloned()
    };
    if schema.is_empty() { search_path.iter().find_map(|path| find(path)) } else { find(schema) }
}

fn fidelity_warnings(plan: CopyPlan, request: &BenchmarkRequest<'_>) -> Vec<String> {
    match plan {
        CopyPlan::Full => Vec::new(),
        CopyPlan::Sample { percent, .. } => vec![format!(
            "The table is larger than {} MiB, so {percent} % of its blocks were measured.",
            request.copy_limit_bytes / 1024 / 1024
        )],
    }
}

#[expect(clippy::too_many_arguments, reason = "the parts of one result, each named once")]
fn summary(
    request: &BenchmarkRequest<'_>,
    plan: CopyPlan,
    copied: Vec<CopiedTable>,
    index: Option<IndexMeasure>,
    bindings: Vec<BindingResult>,
    plans: Option<PlanPair>,
    mut warnings: Vec<String>,
    server_version: String,
) -> BenchmarkResult {
    let verdicts: Vec<Verdict> = bindings.iter().map(|binding| binding.verdict).collect();
    let sampled = matches!(plan, CopyPlan::Sample { .. });
    let mut verdict = overall_verdict(&verdicts);
    if sampled && verdict == Verdict::Faster {
        // The full-scale planner has not been asked whether it would use the change.
        verdict = Verdict::Inconclusive;
        warnings.push("On a sample alone the change is not called faster: whether the full table's plan uses it is not known yet.".into());
    }
    let first = bindings.first();
    let arm = |of: fn(&BindingResult) -> &Arm| first.map(|binding| of(binding).clone());
    BenchmarkResult {
        source: BenchmarkSource::Sampled,
        source_reason:
            "Measured on rows copied from main into the sandbox; no writable replica is used."
                .into(),
        fidelity: Fidelity {
            kind: if sampled { FidelityKind::Sampled } else { FidelityKind::Full },
            percent: sampled.then_some(request.sample_percent),
            tables: copied,
        },
        verdict,
        change_percent: first.and_then(|binding| binding.change_percent),
        confidence_interval: first.and_then(|binding| binding.confidence_interval),
        pairs: first.map_or(0, |binding| binding.pairs),
        baseline: arm(|binding| &binding.baseline),
        patched: arm(|binding| &binding.patched),
        plans,
        write_cost: None,
        index,
        workload: Vec::new(),
        warnings,
        seed: request.seed,
        server_version,
        schema: Some(request.schema.name.clone()),
        bindings,
    }
}
