//! What runs together, under which time limits, and what makes it safe to run again.
//!
//! A transaction holds its locks until it ends, so that each change has its own: the next change
//! never waits with the locks of the one before. How a step is written is left to the formats.

use super::guard::{drop_leftover, drop_rebuilt, require_index};
use super::{HandedChange, HandedStatement};
use crate::sql::{Leftover, robust};

/// Limits within a transaction: they end with it, and need no putting back.
///
/// A waiting `ALTER TABLE` queues every later query of the table behind itself, hence the short
/// `lock_timeout`.
pub(super) const LOCAL_LIMITS: [&str; 2] =
    ["SET LOCAL lock_timeout = '5s'", "SET LOCAL statement_timeout = '60s'"];

/// Limits of a statement outside transactions: an index build may take hours, and its waits for older transactions hold
/// nobody up. Cut short, they would leave an invalid index: one open writer of 9 s was enough for that with 5 s.
pub(super) const SESSION_LIMITS: [&str; 2] =
    ["SET lock_timeout = '30min'", "SET statement_timeout = 0"];

/// The same of a statement whose wait holds others up: `VACUUM FULL` queues every query of the table behind itself.
pub(super) const SHORT_LIMITS: [&str; 2] = ["SET lock_timeout = '5s'", "SET statement_timeout = 0"];

/// Puts back what the connection began with: its role's, database's and own options.
pub(super) const RESET_LIMITS: [&str; 2] = ["RESET lock_timeout", "RESET statement_timeout"];

/// What runs together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    /// Statements that take effect together; at least one.
    Together(Vec<String>),
    Alone(Alone),
}

/// One statement that PostgreSQL refuses beside others, with what stands around it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Alone {
    /// Limits that the connection must have for it.
    limits: [&'static str; 2],
    /// Removes what a run that was cut off left behind.
    before: Vec<String>,
    pub(super) sql: String,
    /// The same without `IF [NOT] EXISTS`.
    as_is: String,
    /// Fails where the index that it makes is missing, invalid, or another one.
    pub(super) after: Vec<String>,
}

/// The steps of a list of statements of one change.
pub(super) fn steps(statements: &[HandedStatement]) -> Vec<Step> {
    let mut steps = Vec::new();
    for statement in statements {
        match steps.last_mut() {
            _ if !statement.in_transaction => steps.push(Step::Alone(alone(&statement.sql))),
            Some(Step::Together(together)) => together.extend(checked(&statement.sql)),
            _ => steps.push(Step::Together(checked(&statement.sql))),
        }
    }
    steps
}

/// A statement of a transaction, with a check of what it made.
fn checked(sql: &str) -> Vec<String> {
    let robust = robust(sql);
    let check = robust.makes.as_ref().map(require_index);
    std::iter::once(robust.sql).chain(check).collect()
}

fn alone(sql: &str) -> Alone {
    let robust = robust(sql);
    let before = match &robust.leaves {
        Leftover::Nothing => Vec::new(),
        Leftover::Index { table, index } => vec![drop_leftover(table, index)],
        Leftover::Rebuilt(of) => vec![drop_rebuilt(of)],
    };
    let after = robust.makes.as_ref().map(require_index).into_iter().collect();
    let limits = if robust.concurrently { SESSION_LIMITS } else { SHORT_LIMITS };
    Alone { limits, before, sql: robust.sql, as_is: sql.to_owned(), after }
}

/// The steps of a change as pairs of up and down that a framework runs as numbered versions: upwards
/// the first pair's up first, downwards the last pair's down first. At least one pair.
pub(super) fn pairs<T: Clone>(up: &[T], down: &[T]) -> Vec<(Option<T>, Option<T>)> {
    let count = up.len().max(down.len()).max(1);
    (0..count).map(|at| (up.get(at).cloned(), down.get(count - 1 - at).cloned())).collect()
}

/// Whether anything runs outside a transaction, in either direction.
pub(super) fn any_alone(change: &HandedChange) -> bool {
    change.up.iter().chain(&change.down).any(|statement| !statement.in_transaction)
}

/// A file's part for frameworks that send a whole file as one query, of which PostgreSQL makes one transaction: what
/// refuses that stands alone, and what belongs around it in the parts before and after.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Sole {
    /// Statements that run in a transaction.
    Several(Vec<String>),
    /// A statement that runs without.
    One(String),
}

/// How a tool goes on after a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum GoesOn {
    /// With the file that failed: an index that it left behind must make it fail again, rather than pass for built.
    WithWhatFailed,
    /// With the first file of the change, which removes what was left behind.
    FromTheStart,
}

/// The parts of a list of steps.
pub(super) fn soles(steps: &[Step], goes_on: GoesOn) -> Vec<Sole> {
    let mut soles = Vec::new();
    // Limits that the connection has, and what is to run before the next statement.
    let (mut limits, mut pending): (Option<[&str; 2]>, Vec<String>) = (None, Vec::new());
    for step in steps {
        match step {
            Step::Together(statements) => {
                if limits.take().is_some() {
                    pending.extend(RESET_LIMITS.map(str::to_owned));
                }
                flush(&mut pending, &mut soles);
                let local = LOCAL_LIMITS.map(str::to_owned).into_iter();
                soles.push(Sole::Several(local.chain(statements.iter().cloned()).collect()));
            }
            Step::Alone(alone) => {
                if limits != Some(alone.limits) {
                    pending.extend(alone.limits.map(str::to_owned));
                    limits = Some(alone.limits);
                }
                pending.extend(alone.before.iter().cloned());
                flush(&mut pending, &mut soles);
                let builds = !alone.after.is_empty();
                let sql = match goes_on {
                    GoesOn::WithWhatFailed if builds => &alone.as_is,
                    _ => &alone.sql,
                };
                soles.push(Sole::One(sql.clone()));
                pending.extend(alone.after.iter().cloned());
            }
        }
    }
    if limits.is_some() {
        pending.extend(RESET_LIMITS.map(str::to_owned));
    }
    flush(&mut pending, &mut soles);
    soles
}

fn flush(pending: &mut Vec<String>, soles: &mut Vec<Sole>) {
    if !pending.is_empty() {
        soles.push(Sole::Several(std::mem::take(pending)));
    }
}

impl Step {
    /// Whether it runs in a transaction.
    pub(super) const fn together(&self) -> bool {
        matches!(self, Self::Together(_))
    }

    /// Its statements with their limits; outside transactions they are put back, since the
    /// connection outlives the step.
    pub(super) fn script(&self) -> Vec<String> {
        let owned = |texts: [&str; 2]| texts.map(str::to_owned);
        match self {
            Self::Together(statements) => {
                owned(LOCAL_LIMITS).into_iter().chain(statements.iter().cloned()).collect()
            }
            Self::Alone(alone) => {
                let mut script = owned(alone.limits).to_vec();
                script.extend(alone.before.iter().cloned());
                script.push(alone.sql.clone());
                script.extend(alone.after.iter().cloned());
                script.extend(owned(RESET_LIMITS));
                script
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::samples::{index, outside, settings, vacuum, within};
    use super::*;

    fn together(statements: &[&str]) -> Step {
        Step::Together(statements.iter().map(|sql| (*sql).to_owned()).collect())
    }

    #[test]
    fn neighbours_share_a_transaction_and_the_rest_stand_alone_in_order() {
        let statements = [within("a"), within("b"), outside("c"), outside("d"), within("e")];
        let steps = steps(&statements);
        let alone: Vec<_> = steps[1..3].iter().map(|step| step.script()[2].clone()).collect();
        assert_eq!(alone, ["c", "d"]);
        assert_eq!([&steps[0], &steps[3]], [&together(&["a", "b"]), &together(&["e"])]);
        assert_eq!(steps.len(), 4);
    }

    #[test]
    fn walking_the_pairs_backwards_runs_down_in_its_given_order() {
        let (up, down) = ([1], [10, 20, 30]);
        let pairs = pairs(&up, &down);
        let undone: Vec<_> = pairs.iter().rev().filter_map(|(_, down)| *down).collect();
        assert_eq!(undone, down);
        let done: Vec<_> = pairs.iter().filter_map(|(up, _)| *up).collect();
        assert_eq!(done, up);
        assert_eq!(
            super::pairs::<u8>(&[], &[]),
            [(None, None)],
            "there is room for what is said of it"
        );
    }

    #[test]
    fn an_index_is_built_between_what_clears_and_what_checks() {
        let script = steps(&index().up)[0].script();
        assert!(script.starts_with(&SESSION_LIMITS.map(str::to_owned)));
        assert!(script.ends_with(&RESET_LIMITS.map(str::to_owned)));
        assert!(script[2].contains("DROP INDEX") && script[4].contains("RAISE EXCEPTION"));
        assert_eq!(script[3], "CREATE INDEX CONCURRENTLY IF NOT EXISTS i ON orders (status)");
        assert_eq!(
            steps(&[outside("VACUUM FULL x")])[0].script()[..2],
            SHORT_LIMITS.map(str::to_owned)
        );
        assert_eq!(together(&["x"]).script().last().map(String::as_str), Some("x"));
    }

    #[test]
    fn what_a_tool_sends_whole_has_each_such_statement_alone_and_its_limits_around_it() {
        let mut change = index();
        change.up.insert(0, within("a"));
        change.up.push(outside("VACUUM FULL orders"));
        let soles = soles(&steps(&change.up), GoesOn::FromTheStart);
        let several = |at: usize| match &soles[at] {
            Sole::Several(statements) => statements.join("; "),
            Sole::One(sql) => panic!("{sql} is alone"),
        };
        assert!(several(0).ends_with("a") && several(0).starts_with("SET LOCAL"));
        assert!(
            several(1).starts_with("SET lock_timeout = '30min'")
                && several(1).contains("DROP INDEX")
        );
        assert!(matches!(&soles[2], Sole::One(sql) if sql.contains("IF NOT EXISTS")));
        assert!(
            several(3).contains("RAISE EXCEPTION") && several(3).contains("lock_timeout = '5s'")
        );
        assert_eq!(soles[4], Sole::One("VACUUM FULL orders".to_owned()));
        assert_eq!(several(5), "RESET lock_timeout; RESET statement_timeout");
        assert_eq!(soles.len(), 6);
    }

    #[test]
    fn what_runs_outside_a_transaction_in_either_direction_counts() {
        let mut change = settings();
        assert!(!any_alone(&change) && any_alone(&vacuum()));
        change.down = vec![outside("DROP INDEX CONCURRENTLY i")];
        assert!(any_alone(&change));
    }
}
