//! Whether both arms return the same rows. What passes has shown no difference in so many rows; it is no proof.

use std::collections::HashMap;

use optischema::model::{RowComparison, RowDifference};
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Row};

use super::BenchmarkError;
use super::arms::{ArmKind, Arms};
use crate::sql::{self, SortedBy, Statement};

/// Different rows that are looked through for the first that differs.
const MOST_DISTINCT: i64 = 2_000_000;
/// Characters of a row that are shown.
const SHOWN: usize = 400;

/// How the rows of both arms must agree.
#[derive(Debug, Clone)]
pub(super) struct Agreement {
    /// The statement's own order, where it has one.
    sorted_by: Option<SortedBy>,
    /// Whether the arms are two statements: then nothing but their rows says that they are the same.
    is_rewrite: bool,
    /// LIMIT without a total order leaves rows open: the same statement may choose others.
    has_limit: bool,
}

impl Agreement {
    pub(super) fn of(baseline: &Statement, is_rewrite: bool, has_limit: bool) -> Self {
        Self { sorted_by: sql::sorted_by(baseline), is_rewrite, has_limit }
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
}

/// Compares both arms.
pub(super) async fn compare(
    arms: &mut Arms<'_>,
    agreement: &Agreement,
) -> Result<RowComparison, BenchmarkError> {
    let mut digests = Vec::new();
    for arm in ArmKind::BOTH {
        let digest =
            arms.within(arm, async |connection, sql| digest(connection, sql, "r::text").await);
        digests.push(digest.await?);
    }
    let (baseline, patched) = (&digests[0], &digests[1]);
    let mut found = RowComparison {
        rows: baseline.rows,
        ordered: agreement.sorted_by.is_some(),
        ..RowComparison::default()
    };
    if baseline.multiset != patched.multiset || baseline.rows != patched.rows {
        if !agreement.is_rewrite && agreement.has_limit && baseline.rows == patched.rows {
            found.ties = Some("The arms returned different rows of equal number: LIMIT chooses among ties, and the change alters which come first.".to_owned());
            return Ok(found);
        }
        found.difference = Some(first_difference(arms, baseline, patched).await?);
        return Ok(found);
    }
    let Some(sorted_by) = &agreement.sorted_by else { return Ok(found) };
    if baseline.sequence != patched.sequence {
        match same_order(arms, sorted_by).await? {
            Some(true) => {
                found.ties = Some(
                    "The rows are the same; those that ORDER BY leaves tied come in another order."
                        .to_owned(),
                );
            }
            Some(false) => {
                found.difference = Some(RowDifference {
                    row: None,
                    in_baseline: baseline.rows,
                    in_patched: patched.rows,
                    what: "The rows are the same, and their order is another one than ORDER BY asks for.".to_owned(),
                });
            }
            None => {
                found.ordered = false;
                found.ties = Some("The rows are the same in another order; it sorts by what it does not return, so whether these are ties cannot be seen.".to_owned());
            }
        }
    }
    Ok(found)
}

/// Compares two statements on one connection, in the transaction that is open. Gives the baseline's rows.
pub(super) async fn compare_here(
    connection: &mut PgConnection,
    baseline: &str,
    patched: &str,
) -> Result<(i64, Option<RowDifference>), BenchmarkError> {
    let (before, after) = (
        digest(connection, baseline, "r::text").await?,
        digest(connection, patched, "r::text").await?,
    );
    if before.multiset == after.multiset && before.rows == after.rows {
        return Ok((before.rows, None));
    }
    let (known, others) = (hashes(connection, baseline).await?, hashes(connection, patched).await?);
    let Some((hash, in_baseline, in_patched)) = differing(&known, &others) else {
        return Ok((before.rows, Some(counts(&before, &after))));
    };
    let holder = if in_baseline > 0 { baseline } else { patched };
    let row = row_of(connection, holder, hash).await?;
    Ok((before.rows, Some(described(row, in_baseline, in_patched))))
}

async fn digest(
    connection: &mut PgConnection,
    sql: &str,
    what: &str,
) -> Result<Digest, BenchmarkError> {
    let text = format!(
        "SELECT pg_catalog.count(*) AS rows,
                COALESCE(pg_catalog.sum(pg_catalog.hashtextextended(t, 0)::pg_catalog.numeric), 0)::pg_catalog.text AS multiset,
                COALESCE(pg_catalog.sum(pg_catalog.hashtextextended(n::pg_catalog.text || ':' || t, 0)::pg_catalog.numeric), 0)::pg_catalog.text AS sequence
         FROM (SELECT pg_catalog.row_number() OVER () AS n, {what} AS t FROM ({sql}\n) r) x"
    );
    let row = sqlx::query(AssertSqlSafe(text)).persistent(false).fetch_one(connection).await?;
    Ok(Digest {
        rows: row.try_get("rows")?,
        multiset: row.try_get("multiset")?,
        sequence: row.try_get("sequence")?,
    })
}

/// Whether the values that the statement sorts by come in the same order; `None` where they cannot be seen.
async fn same_order(
    arms: &mut Arms<'_>,
    sorted_by: &SortedBy,
) -> Result<Option<bool>, BenchmarkError> {
    let SortedBy::Columns(columns) = sorted_by else { return Ok(None) };
    let keys: Vec<String> = columns
        .iter()
        .map(|column| format!("r.{}", optischema::model::quote_identifier(column)))
        .collect();
    let what = format!("ROW({})::pg_catalog.text", keys.join(", "));
    let mut sequences = Vec::new();
    for arm in ArmKind::BOTH {
        let keyed =
            arms.within(arm, async |connection, sql| digest(connection, sql, &what).await).await;
        match keyed {
            Ok(digest) => sequences.push(digest.sequence),
            // A name that two columns have.
            Err(BenchmarkError::Failed(_)) => return Ok(None),
            Err(error) => return Err(error),
        }
    }
    Ok(Some(sequences[0] == sequences[1]))
}

type Hashes = HashMap<i64, i64>;

/// How often each row comes, by its hash; empty where there are too many.
async fn hashes(connection: &mut PgConnection, sql: &str) -> Result<Hashes, BenchmarkError> {
    let text = format!(
        "SELECT pg_catalog.hashtextextended(r::text, 0) AS hash, pg_catalog.count(*) AS times
         FROM ({sql}\n) r GROUP BY 1 LIMIT {}",
        MOST_DISTINCT + 1
    );
    let rows = sqlx::query(AssertSqlSafe(text)).persistent(false).fetch_all(connection).await?;
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

async fn first_difference(
    arms: &mut Arms<'_>,
    baseline: &Digest,
    patched: &Digest,
) -> Result<RowDifference, BenchmarkError> {
    let mut known = Vec::new();
    for arm in ArmKind::BOTH {
        let hashes = arms.within(arm, async |connection, sql| hashes(connection, sql).await);
        known.push(hashes.await?);
    }
    let Some((hash, in_baseline, in_patched)) = differing(&known[0], &known[1]) else {
        return Ok(counts(baseline, patched));
    };
    let holder = if in_baseline > 0 { ArmKind::Baseline } else { ArmKind::Patched };
    let row =
        arms.within(holder, async |connection, sql| row_of(connection, sql, hash).await).await?;
    Ok(described(row, in_baseline, in_patched))
}

async fn row_of(
    connection: &mut PgConnection,
    sql: &str,
    hash: i64,
) -> Result<Option<String>, BenchmarkError> {
    let text = format!(
        "SELECT pg_catalog.left(t, {SHOWN}) AS shown FROM (SELECT r::text AS t FROM ({sql}\n) r) x
         WHERE pg_catalog.hashtextextended(t, 0) = $1 LIMIT 1"
    );
    let query = sqlx::query(AssertSqlSafe(text)).persistent(false).bind(hash);
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
    }
}
