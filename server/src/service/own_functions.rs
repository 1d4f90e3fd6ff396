//! A person's answer to whether functions of the database are copied.

use optischema::audit::SandboxFunctions;
use optischema::model::{FunctionsChoice, FunctionsDecidedBy};
use optischema::operations::Outcome;
use optischema::refusal::Refusal;

use super::Service;
use crate::analysis::COPIES_FUNCTIONS;

impl Service {
    /// Keeps a person's answer.
    pub(super) async fn keep_functions_choice(&self, copied: bool) -> Outcome<FunctionsChoice> {
        if self.settings.with_functions.is_some() {
            return Err(Refusal::Configured("OPTISCHEMA_WITH_FUNCTIONS").into());
        }
        self.store.set_setting(COPIES_FUNCTIONS, &copied.to_string()).await?;
        self.note(SandboxFunctions { copied }).await?;
        Ok(FunctionsChoice { copied, decided_by: FunctionsDecidedBy::Person })
    }
}
