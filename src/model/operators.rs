//! Operator classes: which operators an access method can search or order by, as the catalogs of the tuned database say.

use serde::{Deserialize, Serialize};

use super::AccessMethod;

/// `pg_opclass`, with the operators of `pg_amop` that have its input type on their left.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OperatorClass {
    pub method: AccessMethod,
    pub schema: String,
    pub name: String,
    /// Whether it is what an index has that names none.
    pub is_default: bool,
    /// `opcintype`, as `format_type` gives it; `anyarray`, `anyrange`, … stand for every such type.
    pub input: String,
    /// The extension that it came with.
    pub extension: Option<String>,
    pub operators: Vec<ClassOperator>,
}

/// `pg_amop`, of one class.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClassOperator {
    pub schema: String,
    pub name: String,
    /// The type on its right, as `format_type` gives it.
    pub right: String,
    /// Whether rows come in its order (`ORDER BY place <-> …`), rather than those that it holds for.
    pub orders: bool,
    /// The operator that says the same with its sides exchanged.
    pub commutator: Option<String>,
}

impl OperatorClass {
    /// Whether it takes values of a type, by the names of all that an index on them may be declared with.
    #[must_use]
    pub fn takes(&self, input_types: &[String]) -> bool {
        input_types.contains(&self.input)
    }

    /// Whether it takes any array, any range, and so on, rather than one type.
    #[must_use]
    pub fn is_polymorphic(&self) -> bool {
        matches!(self.input.as_str(), "anyarray" | "anyrange" | "anymultirange" | "anyenum")
    }
}
