//! Which changes a rollback of several takes back.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{ChangeId, InvalidField};

/// Which applied changes to roll back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RollbackScope {
    /// Every applied change that can be rolled back.
    All,
    /// These, at least one.
    Changes(Vec<ChangeId>),
}

/// A scope as a request has it: either `{"changes": [ids]}` or `{"all": true}`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RollbackRequest {
    /// Ids of applied changes, at least one.
    pub changes: Option<Vec<ChangeId>>,
    /// `true`: every applied change that can be rolled back.
    pub all: Option<bool>,
}

impl RollbackRequest {
    /// The scope. No list, however short, means all.
    ///
    /// # Errors
    /// Neither or both are given, the list is empty, or `all` is `false`.
    pub fn parse(self) -> Result<RollbackScope, InvalidField> {
        match (self.changes, self.all) {
            (Some(changes), None) if !changes.is_empty() => Ok(RollbackScope::Changes(changes)),
            (None, Some(true)) => Ok(RollbackScope::All),
            _ => Err(InvalidField {
                field: "changes",
                message:
                    "send either {\"changes\": [ids]} with at least one id, or {\"all\": true}"
                        .to_owned(),
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_one_of_the_two_forms_names_a_scope() {
        let parse = |json: &str| serde_json::from_str::<RollbackRequest>(json).unwrap().parse();
        let id = "00000000-0000-4000-8000-000000000001";
        assert_eq!(
            parse(&format!("{{\"changes\": [\"{id}\"]}}")),
            Ok(RollbackScope::Changes(vec![id.parse().unwrap()]))
        );
        assert_eq!(parse("{\"all\": true}"), Ok(RollbackScope::All));
        let both = format!("{{\"changes\": [\"{id}\"], \"all\": true}}");
        for refused in [
            "{}",
            "{\"changes\": []}",
            "{\"all\": false}",
            "{\"changes\": [], \"all\": true}",
            "{\"changes\": null, \"all\": null}",
            &both,
        ] {
            assert!(parse(refused).is_err(), "{refused}");
        }
    }
}
