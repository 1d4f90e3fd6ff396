//! Whether functions of the database are copied: the configuration's word, else a person's.

use optischema::audit::SandboxFunctions;
use optischema::model::{FunctionsChoice, FunctionsDecidedBy};
use optischema::operations::Outcome;
use optischema::refusal::Refusal;

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
    if let Some(copied) = settings.with_functions {
        return Ok(FunctionsChoice { copied, decided_by: FunctionsDecidedBy::Configuration });
    }
    // Whatever else stands there is no answer.
    let answer = store.setting(COPIED).await?.and_then(|answer| answer.parse().ok());
    Ok(match answer {
        Some(copied) => FunctionsChoice { copied, decided_by: FunctionsDecidedBy::Person },
        None => FunctionsChoice { copied: false, decided_by: FunctionsDecidedBy::Nobody },
    })
}

impl Service {
    /// Keeps a person's answer.
    pub(super) async fn keep_functions_choice(&self, copied: bool) -> Outcome<FunctionsChoice> {
        if self.settings.with_functions.is_some() {
            return Err(Refusal::Configured("OPTISCHEMA_WITH_FUNCTIONS").into());
        }
        self.store.set_setting(COPIED, &copied.to_string()).await?;
        self.note(SandboxFunctions { copied }).await?;
        Ok(FunctionsChoice { copied, decided_by: FunctionsDecidedBy::Person })
    }
}
