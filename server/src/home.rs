//! Where a store is at home: a copy of it must not take the jobs of the original's process for its own.

use std::os::unix::fs::MetadataExt;
use std::path::Path;

use crate::store::{Store, StoreError};

/// The setting that says where the store was last used.
const HOME: &str = "home";

/// Whether the store was copied here from somewhere else since it was last used. Its running jobs may then be those
/// of a process that still works on them, elsewhere.
pub(crate) async fn is_copied(store: &Store, data_dir: &Path) -> Result<bool, StoreError> {
    let here = home_of(data_dir);
    let known = store.setting(HOME).await?;
    let is_copied = known.is_some_and(|known| known != here);
    if !is_copied {
        store.set_setting(HOME, &here).await?;
    }
    Ok(is_copied)
}

/// Notes that a copied store is at home here now: its running jobs of elsewhere are ended.
pub(crate) async fn settle(store: &Store, data_dir: &Path) -> Result<(), StoreError> {
    store.set_setting(HOME, &home_of(data_dir)).await
}

/// The machine and the folder. A container has no id of its own and a new name at every start: there the folder's inode
/// tells a copy from the original.
fn home_of(data_dir: &Path) -> String {
    let machine = std::fs::read_to_string("/etc/machine-id").map(|text| text.trim().to_owned());
    let inode = || std::fs::metadata(data_dir).map(|folder| folder.ino().to_string());
    let machine = machine.ok().filter(|id| !id.is_empty()).or_else(|| inode().ok());
    let machine = machine.unwrap_or_default();
    let folder = std::fs::canonicalize(data_dir).unwrap_or_else(|_| data_dir.to_owned());
    format!("{machine} {}", folder.display())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A start that is cut off before it has ended the jobs of elsewhere leaves that to the next one.
    #[tokio::test]
    async fn a_copied_store_stays_foreign_until_it_is_settled() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("optischema.db")).await.unwrap();
        let is_copy = async || is_copied(&store, folder.path()).await.unwrap();
        assert!(!is_copy().await, "a new store is at home where it is made");
        store.set_setting(HOME, "elsewhere").await.unwrap();
        assert!(is_copy().await);
        assert!(is_copy().await, "looking settles nothing");
        settle(&store, folder.path()).await.unwrap();
        assert!(!is_copy().await);
    }
}
