//! From failures inside to the cases that callers tell apart. Causes are logged here, and nowhere shown.

use optischema::operations::OperationError;
use optischema::refusal::Refusal;

use crate::clock::new_id;
use crate::postgres::PgFailure;
use crate::sandbox::SandboxError;
use crate::store::StoreError;

pub(super) fn internal(cause: &dyn std::fmt::Display) -> OperationError {
    let reference = new_id().simple().to_string();
    tracing::error!(%reference, "{cause}");
    OperationError::Internal { reference }
}

impl From<StoreError> for OperationError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::NotFound { what, id } => Self::NotFound { what, id },
            StoreError::Refused(refusal) => refusal.into(),
            unwritable if unwritable.is_unwritable() => {
                tracing::error!("the store cannot be written: {unwritable}");
                Self::Unavailable(
                    "the store cannot be written now: is the disk of the data folder full?".into(),
                )
            }
            StoreError::LeaseLost => Refusal::LeaseLost.into(),
            other => internal(&other),
        }
    }
}

impl From<PgFailure> for OperationError {
    fn from(failure: PgFailure) -> Self {
        Self::Unavailable(failure.to_string())
    }
}

impl From<SandboxError> for OperationError {
    fn from(error: SandboxError) -> Self {
        Self::Unavailable(error.to_string())
    }
}
