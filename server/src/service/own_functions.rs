//! Whether functions of the database are copied: the configuration's word, else a person's.

use optischema::model::{FunctionsChoice, FunctionsDecidedBy};
use optischema::operations::{OperationError, Outcome};
use serde_json::json;

use super::Service;
use crate::config::Settings;
use crate::store::{Store, StoreError};

/// The setting of the store that holds a person's answer.
const COPIED: &str = "copies_own_functions";

/// What holds now.
pub(crate) async fn functions_choice(
    settings: &Settings,
    store: &Store,
) -> Result<FunctionsChoice, StoreError> {
    if settings.with_functions {
        return Ok(FunctionsChoice { copied: true, decided_by: FunctionsDecidedBy::Configuration });
    }
    Ok(match store.setting(COPIED).await? {
        Some(answer) => FunctionsChoice {
            copied: answer == true.to_string(),
            decided_by: FunctionsDecidedBy::Person,
        },
        None => FunctionsChoice { copied: false, decided_by: FunctionsDecidedBy::Nobody },
    })
}

impl Service {
    /// Keeps a person's answer.
    pub(super) async fn keep_functions_choice(&self, copied: bool) -> Outcome<FunctionsChoice> {
        if self.settings.with_functions {
            return Err(OperationError::Conflict(
                "OPTISCHEMA_WITH_FUNCTIONS decides it for this instance".into(),
            ));
        }
        self.store.set_setting(COPIED, &copied.to_string()).await?;
        self.note("sandbox.functions", None, json!({ "copied": copied })).await?;
        Ok(FunctionsChoice { copied, decided_by: FunctionsDecidedBy::Person })
    }
}
