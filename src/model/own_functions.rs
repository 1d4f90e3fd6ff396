//! Whether functions of the database are copied into the sandbox.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::text_enum::text_enum;

text_enum! {
    /// Who decided it.
    pub enum FunctionsDecidedBy ("decision") {
        /// `OPTISCHEMA_WITH_FUNCTIONS` or `--with-functions`.
        Configuration => "configuration",
        /// The answer to the question in the interface.
        Person => "person",
        Nobody => "nobody",
    }
}

/// Whether functions of the database are copied into the staging copy and into benchmarks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FunctionsChoice {
    pub copied: bool,
    pub decided_by: FunctionsDecidedBy,
}
