//! What comes from outside into the store: a backup put in its place while the server runs, and what an earlier
//! OptiSchema knew.

use optischema::audit::{StoreImported, StoreRestored};
use optischema::model::{ImportReport, RestoreReport};
use optischema::operations::{OperationError, Outcome};

use super::Service;
use super::failure::internal;
use crate::store::Imported;

/// What the names of backups in the data folder begin with.
pub(crate) const RESTORE_PREFIX: &str = "restore-";

impl Service {
    /// Takes over what is not known yet.
    ///
    /// # Errors
    ///
    /// A store that cannot be written.
    pub async fn import(&self, imported: &Imported) -> Outcome<ImportReport> {
        let audit = self.record(StoreImported { recommendations: 0, jobs: 0 }, None);
        Ok(self.store.import(self.database(), imported, &audit).await?)
    }

    /// Restores from a file of the data folder, and removes it. Its name is all that a request can say.
    pub(super) async fn restore_from(&self, file_name: &str) -> Outcome<RestoreReport> {
        let is_ours = file_name.strip_prefix(RESTORE_PREFIX).is_some_and(|rest| {
            rest.strip_suffix(".db").is_some_and(|id| id.parse::<uuid::Uuid>().is_ok())
        });
        let file = self.settings.data_dir.join(file_name);
        if !is_ours || !file.is_file() {
            return Err(OperationError::Invalid {
                field: "file".to_owned(),
                message: "it is not there: run `optischema restore FILE`".to_owned(),
            });
        }
        let audit = self.record(StoreRestored { file: file_name.to_owned() }, None);
        let store = self.store.clone();
        // By itself, so that it is carried to its end though whoever asked for it is gone.
        let restoring = tokio::spawn(async move { store.restore_from(&file, &audit).await });
        let restored = restoring.await.map_err(|error| internal(&error))?;
        for suffix in ["", "-wal", "-shm"] {
            // What is left of a copy harms nobody.
            drop(std::fs::remove_file(self.settings.data_dir.join(format!("{file_name}{suffix}"))));
        }
        self.signals.wake_worker();
        Ok(restored?)
    }
}
