//! What every job works with.

use std::sync::Arc;

use super::signals::Signals;
use crate::config::Settings;
use crate::store::Store;

/// Settings, store and signals of the instance whose job it is.
#[derive(Debug, Clone)]
pub(super) struct JobContext {
    pub settings: Arc<Settings>,
    pub store: Store,
    pub signals: Signals,
}
