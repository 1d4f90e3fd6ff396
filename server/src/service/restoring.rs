//! What comes from outside into the store: a backup put in its place while the server runs, and what an earlier
//! OptiSchema knew.

use optischema::model::{ImportReport, RestoreReport};
use optischema::operations::{OperationError, Outcome};
use serde_json::json;

use super::Service;
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
        let report = self.store.import(self.database(), imported).await?;
        if report.recommendations + report.jobs > 0 {
            let detail = json!({ "recommendations": report.recommendations, "jobs": report.jobs });
            self.note("store.imported", None, detail).await?;
        }
        Ok(report)
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
        let audit = self.record("store.restored", None, json!({ "file": file_name }));
        let restored = self.store.restore_from(&file, &audit).await;
        for suffix in ["", "-wal", "-shm"] {
            // What is left of a copy harms nobody.
            drop(std::fs::remove_file(self.settings.data_dir.join(format!("{file_name}{suffix}"))));
        }
        self.signals.wake_worker();
        Ok(restored?)
    }
}
