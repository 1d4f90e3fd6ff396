//! Where the settings let a benchmark run.

use optischema::benchmark_place::InPlace;

use crate::benchmark::Places;
use crate::config::Settings;

/// The databases of a benchmark; absent without main.
pub(crate) fn places(settings: &Settings) -> Option<Places> {
    Some(Places {
        main: settings.main_url.clone()?,
        sandbox: settings.sandbox_url.clone(),
        replica: settings.replica_url.clone(),
        allow_same_server: settings.allow_same_server,
        in_place: InPlace::Replica,
    })
}
