//! A scratch schema of the sandbox, filled from main.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use optischema::benchmark_place::BenchmarkPlace;
use optischema::figures;
use optischema::model::{
    CopiedTable, Fidelity, FidelityKind, Join, Phase, TableName, quote_identifier,
};
use optischema::sampling::{SamplePlan, SourceTable, plan_copy, sample_each};
use sqlx::Row;
use sqlx::postgres::PgConnection;

use super::BenchmarkError;
use super::arms::{Fence, execute};
use super::request::{BenchmarkRequest, Report};
use super::site::{Site, connect, reading};
use super::survey::Places;
use crate::postgres::MainSession;
use crate::postgres::query;
use crate::sandbox::{
    Copied, CopyRows, Family, RowChoices, RowSource, SandboxError, TableStructure, Upkeep,
    copy_functions, create_scratch, create_tables, extension_schemas, finish_tables,
    install_extensions, make_triggers, read_family, vacuum_analyze,
};

/// A sample of fewer rows says little.
const FEW_ROWS: i64 = 1000;

/// Makes it, and fills it.
pub(super) async fn open_scratch(
    request: &BenchmarkRequest<'_>,
    places: &Places,
    report: Report<'_>,
) -> Result<Site, BenchmarkError> {
    let Some(dsn) = &places.sandbox else {
        return Err(BenchmarkError::Unsuitable("no sandbox is configured".into()));
    };
    let mut session = connect(BenchmarkPlace::Sandbox, dsn, request, places, report).await?;
    let mut main = reading(request, places).await?;
    report(Phase::ReadingStructure, 0.02);
    let family = read_family(main.connection().await?, &request.tables()).await?;
    check_names(&family)?;
    let plan = sample_plan(request, &family)?;
    let schema = request.schema.name.clone();
    let sandbox = &mut session.connection;
    create_scratch(sandbox, request.schema).await?;
    install_extensions(sandbox, &family, &schema).await?;
    if request.with_functions {
        report(Phase::CopyingFunctions, 0.02);
        let lacks = copy_functions(&mut main, sandbox).await?;
        tracing::debug!(?lacks, "functions were copied");
    }
    let path = main.search_path().await?;
    // Bodies and definitions may name functions without their schema.
    let functions = if request.with_functions { path.as_slice() } else { &[] };
    set_path(sandbox, &schema, functions).await?;
    let here = |_: &str| schema.clone();
    let resolve = |from: &str, name: &str| resolve(&family, &path, from, name);
    execute(sandbox, "BEGIN".to_owned()).await?;
    create_tables(sandbox, &family, &here, Upkeep::Still, &resolve).await?;
    execute(sandbox, "COMMIT".to_owned()).await?;
    let choices = RowChoices { choices: plan.choices.clone(), seed: request.seed };
    let copied = copy_all(&family, &choices, &schema, &mut main, sandbox, report).await?;
    let mut warnings = differences(main.connection().await?, sandbox).await?;
    // Main has given all it is asked for.
    main.end().await?;
    report(Phase::BuildingIndexes, 0.36);
    let created = finish_tables(sandbox, &family, &here).await?;
    for (top, _) in family.tops() {
        report(Phase::Analyzing { table: top.table.clone() }, 0.42);
        // A partitioned table's own takes its partitions along; children that inherit have statistics of their own.
        let below = family.with_rows(&top.table);
        let inherits = |structure: &&&TableStructure| {
            structure.table != top.table
                && structure.parent.as_ref().is_some_and(|p| p.bound.is_none())
        };
        for structure in std::iter::once(&top).chain(below.iter().filter(inherits)) {
            vacuum_analyze(sandbox, &TableName::new(&schema, &structure.table.name)).await?;
        }
    }
    let triggers = match request.with_functions && request.writes() {
        true => make_triggers(sandbox, &family, &here).await?,
        false => Vec::new(),
    };
    warnings.extend(created.missing.iter().map(ToString::to_string));
    warnings.extend(sample_warnings(request, &plan, &copied));
    let kind = if plan.percent.is_some() { FidelityKind::Sampled } else { FidelityKind::Full };
    Ok(Site {
        session,
        place: BenchmarkPlace::Sandbox,
        fence: Fence::Transaction,
        workspace: Some(schema),
        is_copy: true,
        search_path: path,
        fidelity: Fidelity { kind, percent: plan.percent, tables: copied },
        address: dsn.address().to_owned(),
        warnings,
        lacks_index: created.lacks_index,
        triggers,
        family,
    })
}

/// What makes texts sort, or the planner think, another way than on main.
async fn differences(
    main: &mut PgConnection,
    sandbox: &mut PgConnection,
) -> Result<Vec<String>, BenchmarkError> {
    let (main, sandbox) = (traits(main).await?, traits(sandbox).await?);
    let pairs = TRAITS.iter().zip(main.iter().zip(&sandbox));
    let differ = pairs.filter(|(_, (main, sandbox))| main != sandbox);
    Ok(differ
        .map(|(name, (main, sandbox))| {
            format!("Main has the {name} {main} and the sandbox {sandbox}: plans may differ from main's.")
        })
        .collect())
}

/// Names of what [`traits`] reads, in order.
const TRAITS: [&str; 4] = ["collation", "character type", "encoding", "PostgreSQL version"];

async fn traits(connection: &mut PgConnection) -> Result<[String; 4], BenchmarkError> {
    let row = query(
        "SELECT /* optischema */ d.datcollate::pg_catalog.text AS collate, d.datctype::pg_catalog.text AS ctype,
                pg_catalog.pg_encoding_to_char(d.encoding)::pg_catalog.text AS encoding,
                pg_catalog.split_part(pg_catalog.current_setting('server_version'), '.', 1) AS major
         FROM pg_catalog.pg_database d WHERE d.datname = pg_catalog.current_database()",
    )
    .fetch_one(connection)
    .await?;
    Ok([
        row.try_get("collate")?,
        row.try_get("ctype")?,
        row.try_get("encoding")?,
        row.try_get("major")?,
    ])
}

/// Names are looked for in the schema first, then where the sandbox's extensions are, then where functions of main are.
async fn set_path(
    connection: &mut PgConnection,
    schema: &str,
    functions: &[String],
) -> Result<(), BenchmarkError> {
    let mut path = vec![quote_identifier(schema)];
    for name in extension_schemas(connection).await?.iter().chain(functions) {
        let quoted = quote_identifier(name);
        if !path.contains(&quoted) && !name.starts_with("benchmark_job_") {
            path.push(quoted);
        }
    }
    Ok(execute(connection, format!("SET search_path = {}", path.join(", "))).await?)
}

fn resolve(family: &Family, path: &[String], schema: &str, name: &str) -> Option<TableName> {
    let find = |schema: &str| {
        family.get(&TableName::new(schema, name)).map(|structure| structure.table.clone())
    };
    if schema.is_empty() { path.iter().find_map(|schema| find(schema)) } else { find(schema) }
}

fn check_names(family: &Family) -> Result<(), SandboxError> {
    for (at, structure) in family.tables.iter().enumerate() {
        if family.tables[..at].iter().any(|known| known.table.name == structure.table.name) {
            return Err(SandboxError::NameCollision(structure.table.name.clone()));
        }
    }
    match family.colliding_type() {
        Some(name) => Err(SandboxError::NameCollision(name)),
        None => Ok(()),
    }
}

fn sample_plan(
    request: &BenchmarkRequest<'_>,
    family: &Family,
) -> Result<SamplePlan, BenchmarkError> {
    let tops: Vec<SourceTable> = family
        .tops()
        .into_iter()
        .map(|(top, bytes)| SourceTable {
            name: top.table.clone(),
            bytes,
            columns: top
                .columns
                .iter()
                .map(|column| (column.name.clone(), column.type_text.clone()))
                .collect::<BTreeMap<_, _>>(),
            appearances: request.appearances(family, &top.table),
        })
        .collect();
    if request.only_planned {
        return Ok(sample_each(&tops, request.copy_limit_bytes));
    }
    let joins: Vec<Join> = request.joins();
    plan_copy(&tops, &joins, request.copy_limit_bytes, request.sample_percent)
        .map_err(|reason| BenchmarkError::Unsuitable(format!("The sandbox is not used: {reason}")))
}

async fn copy_all(
    family: &Family,
    choices: &RowChoices,
    schema: &str,
    main: &mut MainSession,
    sandbox: &mut PgConnection,
    report: Report<'_>,
) -> Result<Vec<CopiedTable>, BenchmarkError> {
    let tops = family.tops();
    let total: i64 = tops.iter().map(|(_, bytes)| (*bytes).max(8192)).sum();
    let mut before = 0;
    let mut copied: Vec<CopiedTable> = Vec::new();
    for (top, bytes) in &tops {
        let mut of_top: Option<CopiedTable> = None;
        for structure in family.with_rows(&top.table) {
            let so_far = of_top.as_ref().map_or(0, |table| table.bytes);
            let share =
                |bytes: i64| 0.03 + 0.32 * ((before + bytes) as f64 / total as f64).min(1.0);
            let mut said: Option<Instant> = None;
            let source = RowSource::of(structure);
            let rows =
                CopyRows { source: &source, top: &top.table, schema, choices, is_frozen: true };
            let phase = |done: Copied| Phase::Copying {
                table: structure.table.clone(),
                rows: done.rows,
                bytes: done.bytes,
            };
            report(phase(Copied { rows: 0, bytes: 0 }), share(so_far));
            let mut tell = |done: Copied| {
                if said.is_none_or(|at| at.elapsed() > Duration::from_millis(250)) {
                    said = Some(Instant::now());
                    report(phase(done), share(so_far + done.bytes));
                }
            };
            let table = rows.run(main, sandbox, &mut tell).await?;
            let whole = Copied { rows: table.rows, bytes: table.bytes };
            report(phase(whole), share(so_far + table.bytes));
            of_top = Some(match of_top {
                None => CopiedTable { table: top.table.clone(), ..table },
                Some(known) => CopiedTable {
                    rows: known.rows + table.rows,
                    bytes: known.bytes + table.bytes,
                    ..known
                },
            });
        }
        copied.extend(of_top);
        before += (*bytes).max(8192);
    }
    Ok(copied)
}

fn sample_warnings(
    request: &BenchmarkRequest<'_>,
    plan: &SamplePlan,
    copied: &[CopiedTable],
) -> Vec<String> {
    let Some(percent) = plan.percent else { return Vec::new() };
    let mut warnings = vec![format!(
        "The tables are larger than {}, so a sample of {percent:.2} % was measured: {}.",
        figures::bytes(request.copy_limit_bytes),
        copied
            .iter()
            .map(|table| format!("{} {}", table.table, table.method.label()))
            .collect::<Vec<_>>()
            .join(", ")
    )];
    for table in copied {
        let sampled = plan
            .choices
            .get(&table.table)
            .is_some_and(|choice| *choice != optischema::sampling::RowChoice::Whole);
        if sampled && table.rows < FEW_ROWS {
            warnings.push(format!(
                "Only {} rows of {} are in the sample, which is too small to represent it: raise copy_limit_mb or sample_percent.",
                table.rows, table.table
            ));
        }
    }
    warnings
}
