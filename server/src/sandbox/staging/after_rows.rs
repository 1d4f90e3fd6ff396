//! What follows the rows: positions of sequences, keys and indexes, foreign keys, materialized views, roles, statistics.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use optischema::model::{TableName, quote_identifier};
use sqlx::Row;
use sqlx::postgres::PgConnection;

use super::super::SandboxError;
use super::super::scratch::execute;
use super::builder::Builder;
use super::facts::{Facts, TableFacts};
use super::lacks::Cause;
use super::running::drop_placeholder;
use super::workers::{self, Helpers};
use crate::postgres::{query, relation_kinds};
use crate::sql::{DumpKind, DumpStatement, qualified_names};

/// Tables that one VACUUM names.
const VACUUMED_AT_ONCE: usize = 20;
/// From PostgreSQL 14 on, COPY FREEZE marks pages as visible to all, so that a frozen table needs no VACUUM.
const FREEZES_WHOLE: i32 = 140_000;

/// Sequences go on where main's are.
pub(super) async fn set_positions(
    sandbox: &mut PgConnection,
    facts: &Facts,
    builder: &Builder<'_>,
) -> Result<(), SandboxError> {
    let there = relation_kinds(sandbox).await?;
    let is_new = |name: &TableName| there.contains_key(name) && !builder.present.contains_key(name);
    let due = facts.positions.iter();
    let (mut names, mut values) = (Vec::new(), Vec::new());
    for (name, value) in due.filter(|(name, _)| is_new(name)) {
        names.push(name.quoted());
        values.push(*value);
    }
    query(
        "SELECT pg_catalog.setval(s.name::pg_catalog.regclass, s.value) FROM ROWS FROM (pg_catalog.unnest($1::pg_catalog.text[]), pg_catalog.unnest($2::pg_catalog.int8[])) AS s (name, value)",
    )
    .bind(names)
    .bind(values)
    .fetch_all(sandbox)
    .await?;
    Ok(())
}

/// The stage of indexes; the one before it has keys.
const LAST_BUILT: u8 = 1;

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

/// Keys and indexes in groups that may be built in any order, and what follows them. The keys of a table come first, since
/// they lock it against the building of other indexes.
pub(super) fn built_beside_rows(
    builder: &mut Builder<'_>,
    after: Vec<DumpStatement>,
) -> (Vec<Vec<DumpStatement>>, Vec<DumpStatement>) {
    let (built, later): (Vec<_>, Vec<_>) =
        after.into_iter().partition(|statement| stage(statement.kind) <= LAST_BUILT);
    let built = built.into_iter().filter_map(|statement| builder.decided(statement));
    let (keys, indexes): (Vec<_>, Vec<_>) =
        built.partition(|statement| stage(statement.kind) < LAST_BUILT);
    let pages = &builder.facts.index_pages;
    let groups = [by_relation(keys), one_by_one(indexes)];
    (groups.map(|groups| largest_first(groups, pages)).concat(), later)
}

pub(super) async fn finish(
    sandbox: &mut PgConnection,
    builder: &mut Builder<'_>,
    after: Vec<DumpStatement>,
    partial: &BTreeSet<TableName>,
    say: &mut (dyn FnMut(&str) + Send),
) -> Result<(), SandboxError> {
    let mut stages: BTreeMap<u8, Vec<DumpStatement>> = BTreeMap::new();
    for statement in after {
        stages.entry(stage(statement.kind)).or_default().push(statement);
    }
    builder.run(sandbox, stages.remove(&2).unwrap_or_default()).await?;
    say("checking foreign keys");
    foreign_keys(sandbox, builder, stages.remove(&3).unwrap_or_default(), partial).await?;
    let views = stages.remove(&4).unwrap_or_default();
    builder.run(sandbox, views.clone()).await?;
    for view in views.iter().filter(|view| builder.lacks.names(&view.object)) {
        drop_placeholder(sandbox, view).await?;
    }
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

/// The groups with the most to build begin, so that all connections end at about the same time.
fn largest_first(
    mut groups: Vec<Vec<DumpStatement>>,
    pages: &HashMap<TableName, i32>,
) -> Vec<Vec<DumpStatement>> {
    let due = |group: &Vec<DumpStatement>| -> i64 {
        group
            .iter()
            .filter_map(|statement| pages.get(&statement.object))
            .copied()
            .map(i64::from)
            .sum()
    };
    groups.sort_by_key(|group| std::cmp::Reverse(due(group)));
    groups
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
        if builder.has_made(&key) {
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
        "SELECT n.nspname::pg_catalog.text AS schema, c.relname::pg_catalog.text AS name FROM pg_catalog.pg_class c
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
pub(super) async fn analyze(
    sandbox: &mut PgConnection,
    helpers: &mut Helpers,
    tables: &[&TableFacts],
    builder: &Builder<'_>,
) -> Result<(), SandboxError> {
    let row = query(
        "SELECT pg_catalog.current_setting('server_version_num')::pg_catalog.int4 AS version",
    )
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_are_built_first_and_those_of_unknown_size_in_their_order() {
        let index = |name: &str| DumpStatement {
            kind: DumpKind::Index,
            sql: String::new(),
            object: TableName::new("public", name),
            relation: None,
        };
        let pages =
            [("b", 200), ("d", 900)].map(|(name, pages)| (TableName::new("public", name), pages));
        let groups = vec![vec![index("a")], vec![index("b")], vec![index("c")], vec![index("d")]];
        let ordered = largest_first(groups, &pages.into());
        let names: Vec<&str> =
            ordered.iter().flatten().map(|index| index.object.name.as_str()).collect();
        assert_eq!(names, ["d", "b", "a", "c"]);
    }
}
