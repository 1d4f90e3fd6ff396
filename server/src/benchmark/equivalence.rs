//! Whether both arms return the same rows. What passes has shown no difference in so many rows; it is no proof.

use std::collections::HashMap;

use optischema::model::{RowComparison, RowDifference, quote_identifier};
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Row};

use super::BenchmarkError;
use super::arms::{ArmKind, Arms, execute};
use crate::postgres::query;
use crate::sql::{self, SortedBy, Statement};

/// Different rows that are looked through for the first that differs.
const MOST_DISTINCT: i64 = 2_000_000;
/// Characters of a row that are shown.
const SHOWN: usize = 400;
/// A whole row; a column that has the alias's name would hide it otherwise.
const NO_KEYS: &str = "''";
const WHOLE: &str = "ROW(optischema_r.*)::pg_catalog.text";
/// Ways to make the planner read rows in another order.
const OTHER_PLANS: [&[&str]; 2] = [
    &["max_parallel_workers_per_gather = 0", "enable_seqscan = off"],
    &[
        "enable_indexscan = off",
        "enable_indexonlyscan = off",
        "enable_bitmapscan = off",
        "enable_hashjoin = off",
        "enable_hashagg = off",
    ],
];

/// How the baseline orders its rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Order {
    None,
    /// By columns that it returns.
    Columns(Vec<String>),
    /// By what cannot be seen in its rows; whether both statements say the same.
    Hidden {
        same: bool,
    },
    /// The statement that takes its place does not order at all.
    Lost,
}

impl Order {
    /// Of a statement, and of the one that takes its place.
    pub(super) fn of(baseline: &Statement, rewritten: Option<&Statement>) -> Self {
        let is_lost = rewritten.is_some_and(|other| sql::ending(other).order.is_none());
        match sql::sorted_by(baseline) {
            None => Self::None,
            Some(_) if is_lost => Self::Lost,
            Some(SortedBy::Columns(columns)) => Self::Columns(columns),
            Some(SortedBy::Other) => {
                let order = sql::ending(baseline).order;
                Self::Hidden {
                    same: rewritten.is_none_or(|other| sql::ending(other).order == order),
                }
            }
        }
    }
}

/// Both arms, to be asked for their rows.
pub(super) enum Sides<'a, 'b> {
    /// Each in its own fence: what tells them apart is done there.
    Apart(&'a mut Arms<'b>),
    /// Both in the transaction that is open: nothing changes between them.
    Together { connection: &'a mut PgConnection, baseline: &'a str, patched: &'a str },
}

impl Sides<'_, '_> {
    async fn ask<T>(
        &mut self,
        arm: ArmKind,
        question: impl AsyncFnOnce(&mut PgConnection, &str) -> Result<T, BenchmarkError>,
    ) -> Result<T, BenchmarkError> {
        match self {
            Self::Apart(arms) => arms.within(arm, question).await,
            Self::Together { connection, baseline, patched } => {
                let sql = if arm == ArmKind::Baseline { baseline } else { patched };
                question(connection, sql).await
            }
        }
    }

    async fn digests(&mut self, what: &str) -> Result<[Digest; 2], BenchmarkError> {
        let of =
            async |connection: &mut PgConnection, sql: &str| digest(connection, sql, what).await;
        Ok([self.ask(ArmKind::Baseline, of).await?, self.ask(ArmKind::Patched, of).await?])
    }
}

/// The rows of one arm, as numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Digest {
    rows: i64,
    /// Does not depend on their order.
    multiset: String,
    /// Does.
    sequence: String,
    /// The same of the values that the statement orders by, read with the rows: asked for alone they might come in
    /// another order.
    keys: String,
}

impl Digest {
    fn has_rows_of(&self, other: &Self) -> bool {
        self.rows == other.rows && self.multiset == other.multiset
    }
}

/// Compares both arms.
///
/// # Errors
/// One of them does not run.
pub(super) async fn compare(
    mut sides: Sides<'_, '_>,
    order: &Order,
) -> Result<RowComparison, BenchmarkError> {
    let [baseline, patched] = sides.digests(NO_KEYS).await?;
    let mut found = RowComparison {
        rows: baseline.rows,
        ordered: *order != Order::None,
        ..RowComparison::default()
    };
    if !baseline.has_rows_of(&patched) {
        let (mut difference, in_common) = first_difference(&mut sides, &baseline, &patched).await?;
        found.in_common = in_common;
        if !is_determined(&mut sides, &baseline).await? {
            difference.what.push_str(" The statement itself gives other rows under another plan (an aggregate whose order is open, ties), so this may be no fault of the change.");
        }
        found.difference = Some(difference);
        return Ok(found);
    }
    let is_level = baseline.sequence == patched.sequence && *order != Order::Lost;
    if *order == Order::None || is_level {
        return Ok(found);
    }
    let other_order = |what: &str| RowDifference {
        row: None,
        in_baseline: baseline.rows,
        in_patched: patched.rows,
        what: format!(
            "The rows are the same, and their order is another one than ORDER BY asks for{what}."
        ),
    };
    match order {
        Order::Columns(columns) => match same_order(&mut sides, columns).await? {
            Some(true) => {
                found.ties = Some("The rows are the same; those that ORDER BY leaves tied come in another order.".to_owned());
            }
            Some(false) => found.difference = Some(other_order("")),
            None => found.ties = Some("The rows are the same, some in another order: whether these are ties cannot be seen.".to_owned()),
        },
        Order::Hidden { same: true } => {
            found.ordered = false;
            found.ties = Some("The rows are the same; both sort by the same, which cannot be seen in their rows, so that the order could not be compared.".to_owned());
        }
        Order::Hidden { same: false } => {
            found.difference = Some(other_order(", as far as can be seen: the two sort by different things"));
        }
        Order::Lost => {
            found.difference = Some(RowDifference {
                what: "The rows are the same, and nothing asks for their order any more: without ORDER BY they may come in any.".to_owned(),
                ..other_order("")
            });
        }
        Order::None => {}
    }
    Ok(found)
}

async fn digest(
    connection: &mut PgConnection,
    sql: &str,
    keys: &str,
) -> Result<Digest, BenchmarkError> {
    let text = format!(
        "SELECT pg_catalog.count(*) AS rows,
                COALESCE(pg_catalog.sum(pg_catalog.hashtextextended(t, 0)::pg_catalog.numeric), 0)::pg_catalog.text AS multiset,
                COALESCE(pg_catalog.sum(pg_catalog.hashtextextended(n::pg_catalog.text || ':' || t, 0)::pg_catalog.numeric), 0)::pg_catalog.text AS sequence,
                COALESCE(pg_catalog.sum(pg_catalog.hashtextextended(n::pg_catalog.text || ':' || k, 0)::pg_catalog.numeric), 0)::pg_catalog.text AS keys
         FROM (SELECT pg_catalog.row_number() OVER () AS n, {WHOLE} AS t, {keys} AS k FROM ({sql}\n) optischema_r) optischema_x"
    );
    let row = query(AssertSqlSafe(text)).fetch_one(connection).await?;
    Ok(Digest {
        rows: row.try_get("rows")?,
        multiset: row.try_get("multiset")?,
        sequence: row.try_get("sequence")?,
        keys: row.try_get("keys")?,
    })
}

/// Whether the baseline gives the same rows however it is planned, as far as two other plans show. Settings are the
/// transaction's own; it ends after this.
async fn is_determined(
    sides: &mut Sides<'_, '_>,
    baseline: &Digest,
) -> Result<bool, BenchmarkError> {
    for settings in OTHER_PLANS {
        let again = sides
            .ask(ArmKind::Baseline, async |connection, sql| {
                for setting in settings {
                    execute(connection, format!("SET LOCAL {setting}")).await?;
                }
                digest(connection, sql, NO_KEYS).await
            })
            .await?;
        if !again.has_rows_of(baseline) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Whether the values that the statement sorts by come in the same order; `None` where two columns have the name.
async fn same_order(
    sides: &mut Sides<'_, '_>,
    columns: &[String],
) -> Result<Option<bool>, BenchmarkError> {
    let keys: Vec<String> =
        columns.iter().map(|column| format!("optischema_r.{}", quote_identifier(column))).collect();
    let what = format!("ROW({})::pg_catalog.text", keys.join(", "));
    match sides.digests(&what).await {
        Ok([baseline, patched]) => Ok(Some(baseline.keys == patched.keys)),
        Err(BenchmarkError::Sql { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

type Hashes = HashMap<i64, i64>;

/// How often each row comes, by its hash; empty where there are too many.
async fn hashes(connection: &mut PgConnection, sql: &str) -> Result<Hashes, BenchmarkError> {
    let text = format!(
        "SELECT pg_catalog.hashtextextended({WHOLE}, 0) AS hash, pg_catalog.count(*) AS times
         FROM ({sql}\n) optischema_r GROUP BY 1 LIMIT {}",
        MOST_DISTINCT + 1
    );
    let rows = query(AssertSqlSafe(text)).fetch_all(connection).await?;
    if rows.len() as i64 > MOST_DISTINCT {
        return Ok(Hashes::new());
    }
    Ok(rows
        .iter()
        .map(|row| Ok((row.try_get("hash")?, row.try_get("times")?)))
        .collect::<Result<_, sqlx::Error>>()?)
}

/// The least hash that comes more often in one than in the other.
fn differing(baseline: &Hashes, patched: &Hashes) -> Option<(i64, i64, i64)> {
    let times = |hashes: &Hashes, hash: i64| hashes.get(&hash).copied().unwrap_or_default();
    let all = baseline.keys().chain(patched.keys()).copied();
    let differ = all.filter(|hash| times(baseline, *hash) != times(patched, *hash));
    let hash = differ.min()?;
    Some((hash, times(baseline, hash), times(patched, hash)))
}

/// And the rows that both have, where they could be counted.
async fn first_difference(
    sides: &mut Sides<'_, '_>,
    baseline: &Digest,
    patched: &Digest,
) -> Result<(RowDifference, Option<i64>), BenchmarkError> {
    let of = async |connection: &mut PgConnection, sql: &str| hashes(connection, sql).await;
    let known = [sides.ask(ArmKind::Baseline, of).await?, sides.ask(ArmKind::Patched, of).await?];
    let Some((hash, in_baseline, in_patched)) = differing(&known[0], &known[1]) else {
        return Ok((counts(baseline, patched), None));
    };
    let in_common = in_both(&known[0], &known[1]);
    let holder = if in_baseline > 0 { ArmKind::Baseline } else { ArmKind::Patched };
    let row =
        sides.ask(holder, async |connection, sql| row_of(connection, sql, hash).await).await?;
    Ok((described(row, in_baseline, in_patched), Some(in_common)))
}

/// Rows of one that the other has too, as often as the one that has fewer.
fn in_both(baseline: &Hashes, patched: &Hashes) -> i64 {
    let times = |hash: &i64| patched.get(hash).copied().unwrap_or_default();
    baseline.iter().map(|(hash, in_baseline)| times(hash).min(*in_baseline)).sum()
}

async fn row_of(
    connection: &mut PgConnection,
    sql: &str,
    hash: i64,
) -> Result<Option<String>, BenchmarkError> {
    let text = format!(
        "SELECT pg_catalog.left(t, {SHOWN}) AS shown FROM (SELECT {WHOLE} AS t FROM ({sql}\n) optischema_r) optischema_x
         WHERE pg_catalog.hashtextextended(t, 0) = $1 LIMIT 1"
    );
    let query = query(AssertSqlSafe(text)).bind(hash);
    let row = query.fetch_optional(connection).await?;
    Ok(row.map(|row| row.try_get("shown")).transpose()?)
}

fn counts(baseline: &Digest, patched: &Digest) -> RowDifference {
    RowDifference {
        row: None,
        in_baseline: baseline.rows,
        in_patched: patched.rows,
        what: format!(
            "The baseline returned {} rows and the patched arm {}, or rows with other contents.",
            baseline.rows, patched.rows
        ),
    }
}

fn described(row: Option<String>, in_baseline: i64, in_patched: i64) -> RowDifference {
    let times = |n: i64| match n {
        0 => "not at all".to_owned(),
        1 => "once".to_owned(),
        n => format!("{n} times"),
    };
    let what = format!(
        "The row {} comes {} without the change and {} with it.",
        row.as_deref().unwrap_or_default(),
        times(in_baseline),
        times(in_patched)
    );
    RowDifference { row, in_baseline, in_patched, what }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_that_comes_more_often_in_one_arm_is_found() {
        let of = |pairs: &[(i64, i64)]| pairs.iter().copied().collect::<Hashes>();
        assert_eq!(differing(&of(&[(1, 2), (5, 1)]), &of(&[(1, 2), (5, 1)])), None);
        assert_eq!(differing(&of(&[(1, 2), (5, 1)]), &of(&[(1, 1), (5, 1)])), Some((1, 2, 1)));
        assert_eq!(differing(&of(&[(1, 2)]), &of(&[(1, 2), (-4, 1)])), Some((-4, 0, 1)));
        assert_eq!(in_both(&of(&[(1, 2), (5, 1)]), &of(&[(1, 1), (5, 4)])), 2);
        assert_eq!(in_both(&of(&[(1, 2)]), &of(&[(-4, 1)])), 0);
    }
}
