//! What runs together, and under which time limits.
//!
//! A transaction holds its locks until it ends, so that each change has its own: the next change
//! never waits with the locks of the one before. How a step is written is left to the formats.

use super::{HandedChange, HandedStatement};

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

/// What a reader of a step outside transactions needs to know.
pub(super) fn outside(sql: &str) -> &'static str {
    if is_concurrent(sql) {
        "Outside a transaction. Should it fail, look for an INVALID index and drop it first."
    } else {
        "Outside a transaction."
    }
}

/// Whether it builds or drops beside those who write, and waits for them.
fn is_concurrent(sql: &str) -> bool {
    sql.contains("CONCURRENTLY")
}

/// What runs together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step<'a> {
    /// Statements that take effect together; at least one.
    Together(Vec<&'a str>),
    /// One statement that PostgreSQL refuses beside others.
    Alone(&'a str),
}

/// The steps of a list of statements of one change.
pub(super) fn steps(statements: &[HandedStatement]) -> Vec<Step<'_>> {
    let mut steps = Vec::new();
    for statement in statements {
        match steps.last_mut() {
            _ if !statement.in_transaction => steps.push(Step::Alone(&statement.sql)),
            Some(Step::Together(together)) => together.push(&statement.sql),
            _ => steps.push(Step::Together(vec![&statement.sql])),
        }
    }
    steps
}

/// The steps of a change as pairs of up and down that a framework runs as numbered files: upwards
/// the first pair's up first, downwards the last pair's down first. At least one pair.
pub(super) fn pairs(change: &HandedChange) -> Vec<(Option<Step<'_>>, Option<Step<'_>>)> {
    let (up, down) = (steps(&change.up), steps(&change.down));
    let count = up.len().max(down.len()).max(1);
    (0..count).map(|at| (up.get(at).cloned(), down.get(count - 1 - at).cloned())).collect()
}

/// Whether anything runs outside a transaction, in either direction.
pub(super) fn any_alone(changes: &[HandedChange]) -> bool {
    let mut all = changes.iter().flat_map(|change| change.up.iter().chain(&change.down));
    all.any(|statement| !statement.in_transaction)
}

/// Whether no change has a way back.
pub(super) fn irreversible(changes: &[HandedChange]) -> bool {
    !changes.is_empty() && changes.iter().all(|change| change.down.is_empty())
}

impl<'a> Step<'a> {
    /// Whether it runs in a transaction.
    pub(super) fn together(&self) -> bool {
        matches!(self, Self::Together(_))
    }

    /// Its statements without limits.
    pub(super) fn statements(&self) -> &[&'a str] {
        match self {
            Self::Together(statements) => statements,
            Self::Alone(statement) => std::slice::from_ref(statement),
        }
    }

    /// The limits that the connection must have for it; none within a transaction, which sets its own.
    pub(super) fn limits(&self) -> Option<[&'static str; 2]> {
        match self {
            Self::Together(_) => None,
            Self::Alone(sql) if is_concurrent(sql) => Some(SESSION_LIMITS),
            Self::Alone(_) => Some(SHORT_LIMITS),
        }
    }

    /// Its statements with their limits; outside transactions they are put back, since the
    /// connection outlives the step.
    pub(super) fn script(&self) -> Vec<&'a str> {
        let statements = self.statements().iter().copied();
        match self.limits() {
            None => LOCAL_LIMITS.into_iter().chain(statements).collect(),
            Some(limits) => limits.into_iter().chain(statements).chain(RESET_LIMITS).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::samples::{index, outside, settings, vacuum, within};
    use super::*;

    #[test]
    fn neighbours_share_a_transaction_and_the_rest_stand_alone_in_order() {
        let statements = [within("a"), within("b"), outside("c"), outside("d"), within("e")];
        assert_eq!(
            steps(&statements),
            [
                Step::Together(vec!["a", "b"]),
                Step::Alone("c"),
                Step::Alone("d"),
                Step::Together(vec!["e"]),
            ]
        );
    }

    #[test]
    fn walking_the_pairs_backwards_runs_down_in_its_given_order() {
        let mut change = index();
        change.up = vec![outside("u")];
        change.down = vec![outside("d1"), within("d2"), outside("d3")];
        let pairs = pairs(&change);
        let down: Vec<_> = pairs.iter().rev().filter_map(|(_, down)| down.clone()).collect();
        assert_eq!(down, steps(&change.down));
        let up: Vec<_> = pairs.iter().filter_map(|(up, _)| up.clone()).collect();
        assert_eq!(up, steps(&change.up));
    }

    #[test]
    fn a_change_without_a_statement_still_has_a_pair_for_what_is_said_of_it() {
        let mut change = vacuum();
        assert_eq!(pairs(&change), [(Some(Step::Alone("VACUUM orders")), None)]);
        change.up.clear();
        assert_eq!(pairs(&change), [(None, None)]);
    }

    #[test]
    fn only_a_statement_alone_puts_its_limits_back() {
        let alone = Step::Alone("DROP INDEX CONCURRENTLY x").script();
        assert!(alone.starts_with(&SESSION_LIMITS) && alone.ends_with(&RESET_LIMITS));
        let waits = Step::Alone("VACUUM FULL x").script();
        assert!(waits.starts_with(&SHORT_LIMITS) && waits.ends_with(&RESET_LIMITS));
        assert_eq!(Step::Together(vec!["x"]).script().last(), Some(&"x"));
    }

    #[test]
    fn one_way_back_makes_the_whole_reversible() {
        assert!(irreversible(&[vacuum()]));
        assert!(!irreversible(&[vacuum(), settings()]));
        assert!(any_alone(&[settings(), index()]) && !any_alone(&[settings()]));
    }
}
