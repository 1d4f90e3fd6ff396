//! Main, where the checks of its connection let it be used.

use optischema::model::TargetHealth;
use optischema::operations::{OperationError, Outcome};

use crate::config::Settings;
use crate::postgres::{Dsn, check_main, copying_is_refused, main_is_refused};
use crate::workload::CollectError;

impl From<CollectError> for OperationError {
    fn from(error: CollectError) -> Self {
        Self::Unavailable(error.to_string())
    }
}

/// Main, where its role may be used.
pub(crate) async fn checked_main(settings: &Settings) -> Outcome<&Dsn> {
    main_unless(settings, main_is_refused).await
}

/// Main, where tables and rows can be copied from it. The workload need not be readable.
pub(crate) async fn copied_main(settings: &Settings) -> Outcome<&Dsn> {
    main_unless(settings, copying_is_refused).await
}

async fn main_unless(
    settings: &Settings,
    refused: impl Fn(&TargetHealth) -> Option<String>,
) -> Outcome<&Dsn> {
    let dsn = settings.main_url.as_ref();
    let health = check_main(dsn, settings.allow_privileged_main).await;
    match (dsn, refused(&health)) {
        (Some(dsn), None) => Ok(dsn),
        (_, Some(reason)) => Err(OperationError::Unavailable(reason)),
        (None, None) => Err(OperationError::Unavailable(
            "no main database is configured: set OPTISCHEMA_MAIN_URL".into(),
        )),
    }
}
