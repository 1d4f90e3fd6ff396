//! Statements that were parsed last: while one is understood, its text is asked for again and again.

use std::cell::RefCell;
use std::collections::VecDeque;

use super::Statement;

/// Statements that are kept by each thread. A statement has some twenty texts on its way to a plan.
const MOST: usize = 32;
/// Longer texts are not kept, in bytes.
const LONGEST: usize = 16 << 10;

thread_local! {
    static RECENT: RefCell<VecDeque<(String, Statement)>> = const { RefCell::new(VecDeque::new()) };
}

/// The statement of a text that was parsed lately.
pub(super) fn known(text: &str) -> Option<Statement> {
    RECENT.with_borrow(|recent| {
        recent.iter().find(|(known, _)| known == text).map(|(_, statement)| statement.clone())
    })
}

/// Keeps a statement in the place of the oldest one.
pub(super) fn keep(text: &str, statement: &Statement) {
    if text.len() > LONGEST {
        return;
    }
    RECENT.with_borrow_mut(|recent| {
        if recent.len() >= MOST {
            recent.pop_front();
        }
        recent.push_back((text.to_owned(), statement.clone()));
    });
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::sql::parse_one;

    #[test]
    fn a_text_is_parsed_once_and_forgotten_after_many_others() {
        let first = parse_one("SELECT  a FROM t").unwrap();
        let again = parse_one("SELECT  a FROM t").unwrap();
        assert!(Arc::ptr_eq(&first.tree, &again.tree));
        // As it is written by the deparser it is the same statement.
        assert!(Arc::ptr_eq(&first.tree, &parse_one("SELECT a FROM t").unwrap().tree));
        (0..MOST).for_each(|n| drop(parse_one(&format!("SELECT {n} FROM t")).unwrap()));
        assert!(known("SELECT  a FROM t").is_none());
        let long = format!("SELECT '{}'", "x".repeat(LONGEST));
        parse_one(&long).unwrap();
        assert!(known(&long).is_none());
    }
}
