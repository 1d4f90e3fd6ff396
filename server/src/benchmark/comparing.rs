//! The gate before anything is timed: what is compared with what.

use optischema::figures;
use optischema::model::{PlannableStatement, Predicate, RowComparison, RowDifference, TableName};
use sqlx::Row;

use super::BenchmarkError;
use super::adversary::{Added, add_rows, has_triggers};
use super::arms::{ArmSpec, Arms, execute};
use super::bound::Bound;
use super::equivalence::{Order, Sides, compare};
use super::site::Site;
use crate::postgres::query;
use crate::sandbox::StructureKind;
use crate::sql::{self, Statement};

/// An index that misses half of the nearest rows answers another question. What is enough above that is the application's
/// to say, and the result says what was found.
const LEAST_RECALL: f64 = 0.5;

/// Compares the rows of both arms. `is_approximate` is whether the change makes an index that finds most of the rows.
///
/// # Errors
/// One of them does not run.
pub(super) async fn compare_rows(
    site: &mut Site,
    specs: &[ArmSpec; 2],
    one: &Bound,
    plannable: &PlannableStatement,
    is_approximate: bool,
) -> Result<RowComparison, BenchmarkError> {
    match &one.rewritten {
        None if is_approximate => approximately(site, specs, one).await,
        None => same_statement(site, specs, one).await,
        Some(rewritten) => two_statements(site, one, rewritten, plannable).await,
    }
}

/// The same statement without and with a change: only what it leaves open can differ.
async fn same_statement(
    site: &mut Site,
    specs: &[ArmSpec; 2],
    one: &Bound,
) -> Result<RowComparison, BenchmarkError> {
    let mut rows = each_arm(site, specs, one).await?;
    if let Some(difference) = rows.difference.take() {
        rows.ties = Some(format!(
            "The same statement returned other rows with the change: LIMIT chooses among ties, or an aggregate depends on the order of its rows, or on the time. {}",
            difference.what
        ));
    }
    Ok(rows)
}

/// The same statement without and with an index that finds most of the nearest rows: the share that it finds, its recall.
async fn approximately(
    site: &mut Site,
    specs: &[ArmSpec; 2],
    one: &Bound,
) -> Result<RowComparison, BenchmarkError> {
    let mut rows = each_arm(site, specs, one).await?;
    let (Some(difference), Some(in_common)) = (rows.difference.take(), rows.in_common) else {
        return Ok(rows);
    };
    let recall = in_common as f64 / rows.rows.max(1) as f64;
    let found = format!(
        "The index finds the nearest rows approximately: {in_common} of {} came with it (recall {}).",
        rows.rows,
        figures::percent(100.0 * recall)
    );
    if recall >= LEAST_RECALL {
        rows.ties = Some(found);
        return Ok(rows);
    }
    rows.difference = Some(RowDifference {
        what: format!(
            "{found} That is less than {}. More are found with a higher hnsw.ef_search or ivfflat.probes, and behind a filter with hnsw.iterative_scan (pgvector 0.8): measure it with what the application sets.",
            figures::percent(100.0 * LEAST_RECALL)
        ),
        ..difference
    });
    Ok(rows)
}

async fn each_arm(
    site: &mut Site,
    specs: &[ArmSpec; 2],
    one: &Bound,
) -> Result<RowComparison, BenchmarkError> {
    let fence = site.fence;
    let [baseline, patched] = specs.clone();
    let mut arms = Arms { connection: site.connection(), fence, baseline, patched };
    compare(Sides::Apart(&mut arms), &Order::of(&one.statement, None)).await
}

/// A statement and the one that takes its place. Where both end in the same LIMIT they are compared without it: which of
/// tied rows a LIMIT keeps says nothing of whether they are the same statement.
async fn two_statements(
    site: &mut Site,
    one: &Bound,
    rewritten: &Statement,
    plannable: &PlannableStatement,
) -> Result<RowComparison, BenchmarkError> {
    let limits = [sql::ending(&one.statement).limit, sql::ending(rewritten).limit];
    let order = Order::of(&one.statement, Some(rewritten));
    let as_is = [one.statement.clone(), rewritten.clone()];
    let whole = if limits[0] == limits[1] { Some(without_limits(&as_is)?) } else { None };
    let compared = whole.as_ref().unwrap_or(&as_is);
    let mut rows = match together(site, compared, plannable, &order).await {
        Err(BenchmarkError::Stopped) if limits[0].is_some() => {
            let mut rows = together(site, &as_is, plannable, &order).await?;
            rows.not_added.push("Without their LIMIT the statements take longer than the time limit: they were compared with it.".to_owned());
            return Ok(rows);
        }
        compared => compared?,
    };
    if rows.difference.is_some() {
        return Ok(rows);
    }
    rows.not_added.extend(other_columns(site, &as_is, plannable).await?);
    match &whole {
        Some(whole) => add_adversary(site, one, whole, plannable, &order, &mut rows).await?,
        None => rows.not_added.push("The two limit their rows differently, so NULLs and duplicates were not put in: they would change which rows are left.".to_owned()),
    }
    Ok(rows)
}

/// What a program that reads columns by name or type would stumble over.
async fn other_columns(
    site: &mut Site,
    statements: &[Statement; 2],
    plannable: &PlannableStatement,
) -> Result<Option<String>, BenchmarkError> {
    // A standby can make no view, not even a temporary one.
    if site.workspace.is_none() {
        return Ok(None);
    }
    let mut columns = Vec::new();
    for statement in statements {
        let placed = site.placed(statement, &plannable.search_path)?;
        let fence = site.fence;
        let read = fence.around(site.connection(), async |connection| {
            execute(connection, format!("CREATE TEMPORARY VIEW optischema_columns AS {placed}")).await?;
            let row = query(
                "SELECT ARRAY(SELECT a.attname OPERATOR(pg_catalog.||) ' ' OPERATOR(pg_catalog.||) pg_catalog.format_type(a.atttypid, a.atttypmod)
                     FROM pg_catalog.pg_attribute a
                     WHERE a.attrelid = 'pg_temp.optischema_columns'::pg_catalog.regclass AND a.attnum > 0
                     ORDER BY a.attnum)::pg_catalog.text[] AS columns",
            )
            .fetch_one(connection)
            .await?;
            Ok(row.try_get::<Vec<String>, _>("columns")?)
        });
        match read.await {
            Ok(read) => columns.push(read),
            // Two columns of one name make no view.
            Err(error) => {
                error.refusal()?;
                return Ok(None);
            }
        }
    }
    Ok((columns[0] != columns[1]).then(|| {
        format!(
            "The columns are called or typed otherwise: {} without the change, {} with it.",
            columns[0].join(", "),
            columns[1].join(", ")
        )
    }))
}

fn without_limits(statements: &[Statement; 2]) -> Result<[Statement; 2], BenchmarkError> {
    let without = |statement: &Statement| -> Result<Statement, BenchmarkError> {
        match sql::without_limit(statement)? {
            Some(text) => Ok(sql::parse_one(&text)?),
            None => Ok(statement.clone()),
        }
    };
    Ok([without(&statements[0])?, without(&statements[1])?])
}

async fn together(
    site: &mut Site,
    statements: &[Statement; 2],
    plannable: &PlannableStatement,
    order: &Order,
) -> Result<RowComparison, BenchmarkError> {
    let path = &plannable.search_path;
    let baseline = site.placed(&statements[0], path)?;
    let patched = site.placed(&statements[1], path)?;
    let fence = site.fence;
    fence
        .around(site.connection(), async |connection| {
            let sides = Sides::Together { connection, baseline: &baseline, patched: &patched };
            compare(sides, order).await
        })
        .await
}

/// The second comparison of a rewrite: with NULLs and duplicates put into the tables.
async fn add_adversary(
    site: &mut Site,
    one: &Bound,
    statements: &[Statement; 2],
    plannable: &PlannableStatement,
    order: &Order,
    rows: &mut RowComparison,
) -> Result<(), BenchmarkError> {
    if site.workspace.is_none() {
        rows.not_added.push(
            "Rows with NULLs and duplicates could not be put into a standby: only the rows that are there were compared.".to_owned(),
        );
        return Ok(());
    }
    let path = &plannable.search_path;
    let baseline = site.placed(&statements[0], path)?;
    let patched = site.placed(&statements[1], path)?;
    let tops = site.family.tops();
    let stored = tops.iter().filter(|(top, _)| top.kind != StructureKind::MaterializedView);
    let tables: Vec<TableName> = stored.map(|(top, _)| site.located(&top.table)).collect();
    let predicates: Vec<&Predicate> = one.predicates.iter().collect();
    let (fence, is_copy) = (site.fence, site.is_copy);
    let compared = fence
        .around(site.connection(), async |connection| {
            let mut added = Added::default();
            for table in &tables {
                // A copy has no triggers; a clone's would run, and what they do elsewhere stays done.
                if !is_copy && has_triggers(connection, table).await? {
                    added.refused.push(format!(
                        "NULLs and duplicates were not put into {table}: it has triggers or rules, which would run."
                    ));
                    continue;
                }
                let more = add_rows(connection, table, &predicates).await?;
                added.rows += more.rows;
                added.refused.extend(more.refused);
            }
            let sides = Sides::Together { connection, baseline: &baseline, patched: &patched };
            Ok((added, compare(sides, order).await?))
        })
        .await;
    let (added, found) = match compared {
        Ok(compared) => compared,
        // A value that was put in may be one that the statement cannot work with.
        Err(error) => {
            let reason = error.refusal()?;
            rows.not_added.push(format!(
                "With NULLs and duplicates put in, the statements could not be compared: {reason}"
            ));
            return Ok(());
        }
    };
    rows.rows_added = added.rows;
    rows.not_added.extend(added.refused);
    if let Some(mut difference) = found.difference {
        difference.what = format!(
            "With NULLs and duplicates put into the tables, the statements differ. {}",
            difference.what
        );
        rows.difference = Some(difference);
    }
    Ok(())
}
