//! The staging copy: main's database under its own names in the sandbox, for changes to be applied to. Definitions come
//! from `pg_dump` where a fitting one is on the machine, else from the catalogs; rows by binary COPY.

mod after_rows;
mod builder;
mod catalog;
mod deciding;
mod definitions;
mod extensions;
mod facts;
mod functions;
mod lacks;
mod notes;
mod order;
mod pipeline;
mod program;
mod reducing;
mod removal;
mod running;
mod sorting;
mod workers;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use optischema::model::{CopiedTable, TableName, quote_identifier};
use optischema::sampling::RowChoice;
use sqlx::Row;
use sqlx::postgres::PgConnection;

pub use definitions::definitions_from_catalogs;
pub use functions::copy_functions;
pub use lacks::{Cause, Lack, Lacks};
pub use removal::drop_staging;
pub use workers::Connect;

use self::after_rows::{analyze, built_beside_rows, finish, set_positions};
use self::builder::Builder;
use self::definitions::{Definitions, definitions};
use self::facts::{Facts, TableFacts, generated_columns};
use self::pipeline::{Plan, fill_and_build};
use self::removal::Extent;
use self::workers::Helpers;
use super::SandboxError;
use super::copy::RowChoices;
use super::scratch::execute;
use crate::config::DumpProgram;
use crate::postgres::{MainSession, Snapshot, query, relation_kinds};
use crate::sql::{DumpKind, DumpStatement};

/// What a staging copy was made of.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct StagingReport {
    pub copied: Vec<CopiedTable>,
    /// Tables that were there already.
    pub present: Vec<TableName>,
    /// Tables whose rows were not copied, and why.
    pub skipped: Vec<(TableName, String)>,
    /// Definitions that the copy lacks.
    pub lacks: Lacks,
    /// Relations of an earlier copy that were dropped.
    pub dropped: Vec<TableName>,
    /// The program that read the definitions; absent where OptiSchema read the catalogs itself.
    pub program: Option<String>,
}

impl StagingReport {
    /// Tables whose rows were not copied, by the reason.
    #[must_use]
    pub fn skipped_by_reason(&self) -> BTreeMap<&str, Vec<&TableName>> {
        let mut reasons: BTreeMap<&str, Vec<&TableName>> = BTreeMap::new();
        for (table, reason) in &self.skipped {
            reasons.entry(reason).or_default().push(table);
        }
        reasons
    }
}

/// How a staging copy is made.
#[derive(Debug, Clone)]
pub struct StagingOptions {
    /// Tables up to this size, in bytes, are copied whole.
    pub limit_bytes: i64,
    /// Percentage of a larger table's blocks: above 0, at most 100.
    pub sample_percent: f64,
    /// Whether functions of the database are copied.
    pub with_functions: bool,
    pub program: DumpProgram,
    /// Whether an earlier copy is dropped first, once main was read.
    pub replaces: bool,
}

const PUBLIC: &str = "public";
/// The same blocks are taken each time.
const SEED: u64 = 1;
/// The sandbox holds nothing that could not be made again.
const SESSION: &[&str] = &[
    "SET search_path = ''",
    "SET synchronous_commit = off",
    "SET check_function_bodies = off",
    "SET client_min_messages = warning",
    "SET xmloption = content",
    "SET row_security = off",
    "SET standard_conforming_strings = on",
    "SET default_transaction_read_only = off",
    "SET default_tablespace = ''",
    "SET datestyle = 'ISO, YMD'",
    "SET intervalstyle = 'postgres'",
];

/// Copies main into the sandbox: every definition, and rows up to the limit. What is there already is left alone; what a
/// copy that was cut off has left is dropped first.
///
/// # Errors
/// Main or the sandbox is lost, or something depends on what a cut-off copy has left. Whatever else fails is named in
/// the report, and the rest goes on.
pub async fn init_staging(
    main: &mut MainSession,
    sandbox: &mut PgConnection,
    connect: Option<Connect<'_>>,
    options: &StagingOptions,
    say: &mut (dyn FnMut(&str) + Send),
) -> Result<StagingReport, SandboxError> {
    for statement in SESSION {
        execute(sandbox, (*statement).to_owned()).await?;
    }
    notes::prepare(sandbox).await?;
    say("reading the structure of main");
    let path = main.search_path().await?;
    let mut report = StagingReport::default();
    let (snapshot, facts, definitions) = read(main, options, &mut report).await?;
    let mut helpers = Helpers::open(main, Some(&snapshot), connect).await;
    for session in &mut helpers.sandboxes {
        for statement in SESSION {
            execute(&mut session.connection, (*statement).to_owned()).await?;
        }
    }
    // Nothing is dropped before main was read.
    if options.replaces {
        say("dropping the copies that were made before");
        report.dropped = removal::drop_noted(sandbox, Extent::All).await?;
    } else if notes::was_cut_off(sandbox).await? {
        say("dropping what a copy that was cut off has left");
        removal::drop_noted(sandbox, Extent::CutOff).await?;
    }
    let present = relation_kinds(sandbox).await?;
    let quoted: Vec<String> = path.iter().map(|schema| quote_identifier(schema)).collect();
    let mut builder =
        Builder::new(&facts, options.with_functions, quoted.join(", "), present, Lacks::default());
    builder.is_mighty = is_mighty(sandbox).await?;
    for relation in &definitions.unread {
        builder.is_locked(relation);
    }
    let own = definitions.names();
    let needs_public = own.iter().any(|name| name.schema == PUBLIC);
    let (mut schemas, before, mut after) = definitions.in_order();
    // Every database begins with it, so that no dump creates it, and somebody may have dropped it.
    schemas.extend(needs_public.then(|| DumpStatement {
        kind: DumpKind::Schema,
        sql: format!("CREATE SCHEMA {}", quote_identifier(PUBLIC)),
        object: TableName::new("", PUBLIC),
        relation: None,
    }));
    say("creating types, tables and views");
    builder.run(sandbox, schemas).await?;
    let mut extensions = extensions::install(
        main.connection().await?,
        sandbox,
        &facts.extensions,
        &mut builder.lacks,
    )
    .await?;
    extensions.without(&own);
    builder.know_extensions(extensions);
    let deferred = builder.run_deferring(sandbox, &mut helpers, before).await?;
    after.extend(deferred.into_iter().map(|(statement, _)| statement));
    let choices = choices(&facts, options);
    let generated = generated_columns(sandbox).await?;
    let tables = tables_to_fill(&facts, &builder, &generated, &mut report);
    let tables: Vec<&TableFacts> = tables.iter().collect();
    let (groups, after) = built_beside_rows(&mut builder, after);
    let plan = Plan { tables: &tables, choices: &choices, groups };
    let done = fill_and_build((main, sandbox), &mut helpers, plan, say).await?;
    helpers.leave_main().await;
    (report.copied, report.skipped) = (done.copied, [report.skipped, done.skipped].concat());
    done.made.iter().for_each(|statement| builder.was_made(statement));
    // Once more, one after another: two of them may have waited for each other.
    builder.run(sandbox, done.failed.into_iter().map(|(statement, _)| statement).collect()).await?;
    set_positions(sandbox, &facts, &builder).await?;
    let partial = partial_tables(&facts, &choices, &report);
    finish(sandbox, &mut builder, after, &partial, say).await?;
    say("collecting statistics");
    analyze(sandbox, &mut helpers, &tables, &builder).await?;
    notes::mark_whole(sandbox).await?;
    report.lacks = builder.lacks;
    Ok(report)
}

/// Tables over the limit are sampled; partitions count together.
fn choices(facts: &Facts, options: &StagingOptions) -> RowChoices {
    let mut bytes: BTreeMap<&TableName, i64> = BTreeMap::new();
    for table in &facts.tables {
        *bytes.entry(&table.top).or_default() += table.bytes;
    }
    let large = bytes.into_iter().filter(|(_, bytes)| *bytes > options.limit_bytes);
    let sample = RowChoice::Blocks { percent: options.sample_percent };
    RowChoices {
        seed: SEED,
        choices: large.map(|(top, _)| (top.clone(), sample.clone())).collect(),
    }
}

/// Readings of main before it is said to change too fast.
const MOST_READINGS: usize = 8;

/// Reads facts and definitions of main in one snapshot, and again in another where something was dropped meanwhile.
async fn read(
    main: &mut MainSession,
    options: &StagingOptions,
    report: &mut StagingReport,
) -> Result<(Snapshot, Facts, Definitions), SandboxError> {
    let mut readings = 1;
    loop {
        match read_once(main, options, report).await {
            Err(SandboxError::Target(failure))
                if failure.is_about_a_moment() && readings < MOST_READINGS =>
            {
                tracing::info!(%failure, "main changed while it was read: reading again");
                readings += 1;
            }
            read => return read,
        }
    }
}

async fn read_once(
    main: &mut MainSession,
    options: &StagingOptions,
    report: &mut StagingReport,
) -> Result<(Snapshot, Facts, Definitions), SandboxError> {
    let snapshot = main.export_snapshot().await?;
    let out_of_reach = main.out_of_reach().await?;
    let facts = Facts::read(main.connection().await?, out_of_reach).await?;
    let definitions = definitions(main, &snapshot, &facts, options, report).await?;
    Ok((snapshot, facts, definitions))
}

/// Whether the sandbox's role is a superuser or may create roles.
async fn is_mighty(sandbox: &mut PgConnection) -> Result<bool, SandboxError> {
    let row = query(
        "SELECT r.rolsuper OR r.rolcreaterole AS is_mighty FROM pg_catalog.pg_roles r WHERE r.rolname = session_user",
    )
    .fetch_one(sandbox)
    .await?;
    Ok(row.try_get("is_mighty")?)
}

/// The tables that this run made, as their rows are read.
fn tables_to_fill(
    facts: &Facts,
    builder: &Builder<'_>,
    generated: &HashMap<TableName, Vec<String>>,
    report: &mut StagingReport,
) -> Vec<TableFacts> {
    let mut tables = Vec::new();
    for table in &facts.tables {
        let name = &table.source.table;
        if builder.present.contains_key(name) {
            report.present.push(name.clone());
        } else if builder.has_relation(name) {
            let mut table = table.clone();
            let kept = generated.get(name).map(Vec::as_slice).unwrap_or_default();
            let is_plain = |column: &String| !kept.contains(column);
            let plain: Vec<String> =
                table.generated.iter().filter(|c| is_plain(c)).cloned().collect();
            if !plain.is_empty() {
                // Values of a column that is plain in the copy must be selected.
                table.source.columns.extend(plain);
                table.source.is_sent = false;
            }
            tables.push(table);
        } else if let Some(reason) = &table.forbidden {
            report.skipped.push((name.clone(), reason.clone()));
        }
    }
    report.present.sort();
    tables
}

/// Tables without all of their rows: a foreign key from or to one cannot be validated.
fn partial_tables(
    facts: &Facts,
    choices: &RowChoices,
    report: &StagingReport,
) -> BTreeSet<TableName> {
    let sampled = choices.choices.keys().cloned();
    let skipped = report.skipped.iter().map(|(table, _)| table.clone());
    let mut partial: BTreeSet<TableName> = sampled.chain(skipped).collect();
    let parts = facts.tables.iter().filter(|table| partial.contains(&table.top));
    let parts: Vec<TableName> = parts.map(|table| table.source.table.clone()).collect();
    partial.extend(parts);
    let tops = facts.tables.iter().filter(|table| partial.contains(&table.source.table));
    let tops: Vec<TableName> = tops.map(|table| table.top.clone()).collect();
    partial.extend(tops);
    partial
}
