//! What plans show that rows of a table are searched and ordered by, in the form that the planner itself compares with
//! the expressions of indexes.

use crate::model::TableName;

use super::index::KeyTarget;

/// A condition on rows of one table, or an order of them.
#[derive(Debug, Clone, PartialEq)]
pub struct Clause {
    pub table: TableName,
    /// What an index would have as a key.
    pub target: KeyTarget,
    pub test: ClauseTest,
    /// Conditions of which one must hold have the same number: one index for all of them serves, or none does.
    pub arm_of: Option<usize>,
    /// Whether the plan searches an index by it already.
    pub is_served: bool,
}

/// How the target of a clause is tested.
#[derive(Debug, Clone, PartialEq)]
pub enum ClauseTest {
    Operator(OperatorTest),
    /// It is an argument of a function that gives true or false, which PostgreSQL may have an index condition for.
    Function,
}

/// `target <operator> value`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct OperatorTest {
    pub name: String,
    /// Present where the name alone would mean another one.
    pub schema: Option<String>,
    /// The type of the other side as `format_type` names it, where the plan shows it.
    pub other_type: Option<String>,
    /// The other side's text, where it is written out.
    pub value: Option<String>,
    /// Whether that is a pattern of what begins with a text, which a B-tree by bytes finds.
    pub begins: bool,
    /// Whether the target stands on the right.
    pub is_turned: bool,
    /// Whether the first rows in its order are asked for, rather than those that it holds for.
    pub orders: bool,
    /// `= ANY (…)`
    pub is_list: bool,
}

impl Clause {
    /// The operator test, where it is one.
    #[must_use]
    pub const fn operator(&self) -> Option<&OperatorTest> {
        match &self.test {
            ClauseTest::Operator(test) => Some(test),
            ClauseTest::Function => None,
        }
    }
}
