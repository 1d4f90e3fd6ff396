//! Whether functions of the database are copied: as configured, else as a person answered.

use optischema::model::{FunctionsChoice, FunctionsDecidedBy};

use crate::config::Settings;
use crate::store::{Store, StoreError};

/// The setting of the store that holds a person's answer.
pub(crate) const COPIES_FUNCTIONS: &str = "copies_own_functions";

/// What holds now.
pub(crate) async fn functions_choice(
    settings: &Settings,
    store: &Store,
) -> Result<FunctionsChoice, StoreError> {
    if let Some(copied) = settings.with_functions {
        return Ok(FunctionsChoice { copied, decided_by: FunctionsDecidedBy::Configuration });
    }
    // Whatever else stands there is no answer.
    let answer = store.setting(COPIES_FUNCTIONS).await?.and_then(|answer| answer.parse().ok());
    Ok(match answer {
        Some(copied) => FunctionsChoice { copied, decided_by: FunctionsDecidedBy::Person },
        None => FunctionsChoice { copied: false, decided_by: FunctionsDecidedBy::Nobody },
    })
}
