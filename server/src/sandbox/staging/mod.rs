//! The staging copy: main's database under its own names in the sandbox, for changes to be applied to. Definitions come
//! from `pg_dump` where a fitting one is on the machine, else from the catalogs; rows by binary COPY.

mod builder;
mod catalog;
mod extensions;
mod facts;
mod functions;
mod lacks;
mod notes;
mod program;
mod removal;
mod workers;

use std::collections::{BTreeMap, BTreeSet};

use optischema::model::{CopiedTable, TableName, quote_identifier};
use optischema::sampling::RowChoice;
use sqlx::Row;
use sqlx::postgres::PgConnection;

pub use functions::copy_functions;
pub use lacks::{Cause, Lack, Lacks};
pub use removal::drop_staging;
pub use workers::Connect;

use self::builder::Builder;
use self::facts::{Facts, TableFacts};
use self::program::{DumpError, Excluded};
use self::removal::Extent;
use self::workers::Helpers;
use super::SandboxError;
use super::copy::RowChoices;
use super::scratch::execute;
use crate::config::DumpProgram;
use crate::postgres::{MainSession, OutOfReach, PlanFailure, Snapshot, query, relation_names};
use crate::sql::{DumpKind, DumpStatement, dump_statements, qualified_names};

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
    /// The program that read the definitions; absent where OptiSchema read the catalogs itself.
    pub program: Option<String>,
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
}

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
];
/// Tables that one VACUUM names.
const VACUUMED_AT_ONCE: usize = 20;
/// From PostgreSQL 14 on, COPY FREEZE marks pages as visible to all, so that a frozen table needs no VACUUM.
const FREEZES_WHOLE: i32 = 140_000;

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
    if notes::was_cut_off(sandbox).await? {
        say("dropping what a copy that was cut off has left");
        removal::drop_noted(sandbox, Extent::CutOff).await?;
    }
    say("reading the structure of main");
    let path = main.search_path().await?;
    let snapshot = main.export_snapshot().await?;
    let out_of_reach = main.out_of_reach().await?;
    let facts = Facts::read(main.connection().await?, out_of_reach).await?;
    let mut report = StagingReport::default();
    let definitions = definitions(main, &snapshot, &facts, options, &mut report).await?;
    let mut helpers = Helpers::open(main, Some(&snapshot), connect).await;
    for session in &mut helpers.sandboxes {
        for statement in SESSION {
            execute(&mut session.connection, (*statement).to_owned()).await?;
        }
    }
    let present = relation_names(sandbox).await?;
    let quoted: Vec<String> = path.iter().map(|schema| quote_identifier(schema)).collect();
    let mut builder =
        Builder::new(&facts, options.with_functions, quoted.join(", "), present, Lacks::default());
    for relation in &definitions.unread {
        builder.is_locked(relation);
    }
    let (schemas, before, mut after) = definitions.in_order();
    say("creating types, tables and views");
    builder.run(sandbox, schemas).await?;
    let extensions = extensions::install(
        main.connection().await?,
        sandbox,
        &facts.extensions,
        &mut builder.lacks,
    )
    .await?;
    builder.know_extensions(extensions);
    let deferred = builder.run_deferring(sandbox, &mut helpers, before).await?;
    after.extend(deferred.into_iter().map(|(statement, _)| statement));
    let choices = choices(&facts, options);
    let tables = tables_to_fill(&facts, &mut builder, &mut report);
    let tables: Vec<&TableFacts> = tables.iter().collect();
    let rows = workers::copy_rows((main, sandbox), &mut helpers, &tables, &choices, say).await?;
    helpers.leave_main().await;
    (report.copied, report.skipped) = (rows.copied, [report.skipped, rows.skipped].concat());
    set_positions(sandbox, &facts, &builder).await?;
    let partial = partial_tables(&facts, &choices, &report);
    finish(sandbox, &mut helpers, &mut builder, after, &partial, say).await?;
    say("collecting statistics");
    analyze(sandbox, &mut helpers, &tables, &builder).await?;
    notes::mark_whole(sandbox).await?;
    report.lacks = builder.lacks;
    Ok(report)
}

/// The definitions of main: those before the rows, those after, and the relations that are not among them.
#[derive(Debug, Default)]
struct Definitions {
    before: Vec<DumpStatement>,
    after: Vec<DumpStatement>,
    unread: Vec<TableName>,
}

impl Definitions {
    /// `pg_dump` begins to write what follows the rows with the first of certain kinds.
    fn by_position(mut statements: Vec<DumpStatement>, unread: Vec<TableName>) -> Self {
        let boundary = statements.iter().position(|statement| statement.kind.is_after_rows());
        let after = statements.split_off(boundary.unwrap_or(statements.len()));
        Self { before: statements, after, unread }
    }

    fn by_kind(statements: Vec<DumpStatement>) -> Self {
        let (after, before) = statements.into_iter().partition(|statement| {
            let kind = statement.kind;
            kind.is_after_rows() || matches!(kind, DumpKind::Mark | DumpKind::RowSecurity)
        });
        Self { before, after, unread: Vec::new() }
    }

    /// Schemas, the rest before the rows, and what follows them. Comments come last, when all that they name is there.
    fn in_order(self) -> (Vec<DumpStatement>, Vec<DumpStatement>, Vec<DumpStatement>) {
        let is_schema = |statement: &DumpStatement| statement.kind == DumpKind::Schema;
        let (schemas, before): (Vec<_>, Vec<_>) = self.before.into_iter().partition(is_schema);
        let is_comment = |statement: &DumpStatement| statement.kind == DumpKind::Comment;
        let (comments, before) = before.into_iter().partition(is_comment);
        (schemas, before, [self.after, comments].concat())
    }
}

/// Reads the definitions of main by `pg_dump` where a fitting one is on the machine, else from the catalogs.
async fn definitions(
    main: &mut MainSession,
    snapshot: &Snapshot,
    facts: &Facts,
    options: &StagingOptions,
    report: &mut StagingReport,
) -> Result<Definitions, SandboxError> {
    let locked = &facts.out_of_reach;
    let excluded = Excluded {
        schemas: facts.closed_schemas.iter().cloned().chain(["optischema".to_owned()]).collect(),
        tables: facts.unreadable.iter().chain(&locked.relations).cloned().collect(),
    };
    let dumped = async {
        // The program locks every table at once.
        if facts.table_count > facts.lock_room / 2 {
            return Err(DumpError::TooManyTables(facts.table_count));
        }
        // No option leaves a function out, and it would wait for the lock without end.
        if locked.has_functions {
            return Err(DumpError::LockedFunctions);
        }
        let program = program::find(&options.program, main.version_number()).await?;
        let script = program::dump(&program, main, Some(snapshot), &excluded).await?;
        Ok((program, script))
    };
    match dumped.await {
        Ok((program, script)) => {
            report.program = Some(program.display().to_string());
            let mut found =
                Definitions::by_position(dump_statements(&script)?, locked.relations.clone());
            if !facts.unreadable.is_empty() || !facts.closed_schemas.is_empty() {
                // Catalogs can be read, whatever the role may read of the tables.
                let others = definitions_from_catalogs(main, locked).await?;
                let others = others.into_iter().filter(|other| facts.hides(other)).collect();
                let others = Definitions::by_kind(others);
                found.before.splice(0..0, others.before);
                found.after.extend(others.after);
            }
            Ok(found)
        }
        Err(DumpError::Target(failure)) if failure.is_connection() => Err(failure.into()),
        Err(error) => {
            tracing::info!(%error, "pg_dump is not used: the catalogs are read instead");
            let statements = definitions_from_catalogs(main, locked).await?;
            Ok(Definitions { unread: locked.relations.clone(), ..Definitions::by_kind(statements) })
        }
    }
}

/// Readings of the catalogs before main is said to change too fast.
const MOST_READINGS: usize = 3;

/// The definitions of a database as its catalogs have them, but of what is out of reach.
///
/// # Errors
/// The server is lost, or changes faster than it can be read.
pub async fn definitions_from_catalogs(
    main: &mut MainSession,
    out_of_reach: &OutOfReach,
) -> Result<Vec<DumpStatement>, SandboxError> {
    let version = main.version_number();
    let mut readings = 1;
    loop {
        let reading = main
            .guarded(async |connection| {
                catalog::read_definitions(connection, version, &out_of_reach.oids).await
            })
            .await;
        match reading {
            Ok(statements) => return Ok(statements),
            // Something was dropped while it was written out.
            Err(PlanFailure::Target(failure))
                if failure.is_about_a_moment() && readings < MOST_READINGS =>
            {
                readings += 1;
            }
            Err(PlanFailure::Target(failure)) => return Err(failure.into()),
            Err(PlanFailure::Sql(refusal)) => return Err(refusal.into()),
        }
    }
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

/// The tables that this run made, as their rows are read.
fn tables_to_fill(
    facts: &Facts,
    builder: &mut Builder<'_>,
    report: &mut StagingReport,
) -> Vec<TableFacts> {
    let mut tables = Vec::new();
    for table in &facts.tables {
        let name = &table.source.table;
        if builder.present.contains(name) {
            report.present.push(name.clone());
        } else if builder.made.contains(name) {
            let mut table = table.clone();
            if let Some(columns) = builder.ungenerated.get(name) {
                // Stored values of a column that is plain in the copy: they must be selected.
                table.source.columns.extend(columns.iter().cloned());
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

/// Sequences go on where main's are.
async fn set_positions(
    sandbox: &mut PgConnection,
    facts: &Facts,
    builder: &Builder<'_>,
) -> Result<(), SandboxError> {
    let made = relation_names(sandbox).await?;
    let due = facts.positions.iter();
    let (mut names, mut values) = (Vec::new(), Vec::new());
    for (name, value) in due.filter(|(n, _)| made.contains(n) && !builder.present.contains(n)) {
        names.push(name.quoted());
        values.push(*value);
    }
    query(
        "SELECT pg_catalog.setval(s.name::pg_catalog.regclass, s.value) FROM ROWS FROM (pg_catalog.unnest($1::text[]), pg_catalog.unnest($2::bigint[])) AS s (name, value)",
    )
    .bind(names)
    .bind(values)
    .fetch_all(sandbox)
    .await?;
    Ok(())
}

/// In which order definitions follow the rows.
const fn stage(kind: DumpKind) -> u8 {
    match kind {
        DumpKind::Key | DumpKind::Constraint => 0,
        DumpKind::Index => 1,
        DumpKind::IndexLink | DumpKind::Mark | DumpKind::Statistics => 2,
        DumpKind::ForeignKey => 3,
        // After materialized views are filled.
        DumpKind::Rule | DumpKind::Trigger | DumpKind::TriggerState => 5,
        DumpKind::Policy | DumpKind::RowSecurity => 6,
        DumpKind::Comment => 7,
        _ => 4,
    }
}

async fn finish(
    sandbox: &mut PgConnection,
    helpers: &mut Helpers,
    builder: &mut Builder<'_>,
    after: Vec<DumpStatement>,
    partial: &BTreeSet<TableName>,
    say: &mut (dyn FnMut(&str) + Send),
) -> Result<(), SandboxError> {
    let mut stages: BTreeMap<u8, Vec<DumpStatement>> = BTreeMap::new();
    for statement in after {
        stages.entry(stage(statement.kind)).or_default().push(statement);
    }
    say("building keys and indexes");
    for side_by_side in [0, 1] {
        let statements = stages.remove(&side_by_side).unwrap_or_default();
        let due: Vec<DumpStatement> =
            statements.into_iter().filter_map(|statement| builder.decided(statement)).collect();
        let groups = if side_by_side == 0 { by_relation(due) } else { one_by_one(due) };
        let (made, failed) = workers::run_groups(sandbox, helpers, groups).await?;
        made.iter().for_each(|statement| builder.was_made(statement));
        // Once more, one after another: two of them may have waited for each other.
        builder.run(sandbox, failed.into_iter().map(|(statement, _)| statement).collect()).await?;
    }
    builder.run(sandbox, stages.remove(&2).unwrap_or_default()).await?;
    say("checking foreign keys");
    foreign_keys(sandbox, builder, stages.remove(&3).unwrap_or_default(), partial).await?;
    builder.run(sandbox, stages.remove(&4).unwrap_or_default()).await?;
    refresh_views(sandbox, builder, say).await?;
    make_roles(sandbox, builder).await?;
    for (_, statements) in stages {
        builder.run(sandbox, statements).await?;
    }
    Ok(())
}

fn by_relation(statements: Vec<DumpStatement>) -> Vec<Vec<DumpStatement>> {
    let mut groups: BTreeMap<Option<TableName>, Vec<DumpStatement>> = BTreeMap::new();
    for statement in statements {
        groups.entry(statement.relation.clone()).or_default().push(statement);
    }
    groups.into_values().collect()
}

fn one_by_one(statements: Vec<DumpStatement>) -> Vec<Vec<DumpStatement>> {
    statements.into_iter().map(|statement| vec![statement]).collect()
}

/// Foreign keys, validated where main's are and all rows are there.
async fn foreign_keys(
    sandbox: &mut PgConnection,
    builder: &mut Builder<'_>,
    keys: Vec<DumpStatement>,
    partial: &BTreeSet<TableName>,
) -> Result<(), SandboxError> {
    let is_valid = |key: &DumpStatement| !key.sql.ends_with("NOT VALID");
    let is_partial = |key: &DumpStatement| {
        let named = qualified_names(&key.sql).unwrap_or_default();
        is_valid(key) && named.iter().any(|name| partial.contains(name))
    };
    let (unproven, whole): (Vec<_>, Vec<_>) = keys.into_iter().partition(is_partial);
    builder.run(sandbox, whole).await?;
    for key in unproven {
        let unvalidated = DumpStatement { sql: format!("{} NOT VALID", key.sql), ..key.clone() };
        builder.run(sandbox, vec![unvalidated]).await?;
        if builder.made.contains(&key.object) {
            builder.lacks.add(Cause::NotValidated, DumpKind::ForeignKey, key.object);
        }
    }
    Ok(())
}

/// Fills the materialized views that have rows on main, in the order in which they were made.
async fn refresh_views(
    sandbox: &mut PgConnection,
    builder: &mut Builder<'_>,
    say: &mut (dyn FnMut(&str) + Send),
) -> Result<(), SandboxError> {
    let views = query(
        "SELECT n.nspname::text AS schema, c.relname::text AS name FROM pg_catalog.pg_class c
         JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind = 'm' AND NOT c.relispopulated ORDER BY c.oid",
    )
    .fetch_all(&mut *sandbox)
    .await?;
    let mut due = Vec::new();
    for row in views {
        let view =
            TableName::new(row.try_get::<String, _>("schema")?, row.try_get::<String, _>("name")?);
        if builder.is_populated(&view) {
            due.push(DumpStatement {
                kind: DumpKind::MaterializedViewRows,
                sql: format!("REFRESH MATERIALIZED VIEW {}", view.quoted()),
                object: view.clone(),
                relation: Some(view),
            });
        }
    }
    if !due.is_empty() {
        say("filling materialized views");
        builder.run(sandbox, due).await?;
    }
    Ok(())
}

/// Roles that policies name: made where the sandbox's role may, without a login.
async fn make_roles(
    sandbox: &mut PgConnection,
    builder: &mut Builder<'_>,
) -> Result<(), SandboxError> {
    for role in builder.policy_roles() {
        let row =
            query("SELECT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = $1) AS there")
                .bind(&role)
                .fetch_one(&mut *sandbox)
                .await?;
        if row.try_get::<bool, _>("there")? {
            continue;
        }
        let made =
            execute(sandbox, format!("CREATE ROLE {} NOLOGIN", quote_identifier(&role))).await;
        match made {
            Ok(()) => {}
            Err(SandboxError::Target(failure)) if !failure.is_connection() => {
                builder.missing_roles.insert(role);
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Statistics of all tables, so that the planner sees them as they are.
async fn analyze(
    sandbox: &mut PgConnection,
    helpers: &mut Helpers,
    tables: &[&TableFacts],
    builder: &Builder<'_>,
) -> Result<(), SandboxError> {
    let row = query("SELECT pg_catalog.current_setting('server_version_num')::int AS version")
        .fetch_one(&mut *sandbox)
        .await?;
    let freezes_whole = row.try_get::<i32, _>("version")? >= FREEZES_WHOLE;
    let (frozen, others): (Vec<&TableFacts>, Vec<&TableFacts>) = tables
        .iter()
        .filter(|table| !table.is_empty && table.forbidden.is_none())
        .partition(|table| freezes_whole && workers::is_frozen(table));
    let views = builder.filled_views();
    let names = |tables: &[&TableFacts]| -> Vec<TableName> {
        tables.iter().map(|table| table.source.table.clone()).collect()
    };
    let maintenance = |command: &str, tables: &[TableName]| {
        let quoted: Vec<String> = tables.iter().map(TableName::quoted).collect();
        vec![DumpStatement {
            kind: DumpKind::Mark,
            sql: format!("{command} {}", quoted.join(", ")),
            object: TableName::new("", command),
            relation: None,
        }]
    };
    let mut groups = Vec::new();
    for table in names(&frozen) {
        groups.push(maintenance("ANALYZE", &[table]));
    }
    for chunk in [names(&others), views].concat().chunks(VACUUMED_AT_ONCE) {
        groups.push(maintenance("VACUUM (ANALYZE)", chunk));
    }
    let (_, failed) = workers::run_groups(sandbox, helpers, groups).await?;
    for (statement, failure) in failed {
        tracing::warn!(sql = statement.sql, %failure, "statistics of the copy were not collected");
    }
    Ok(())
}
