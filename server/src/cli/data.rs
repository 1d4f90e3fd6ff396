//! Commands on the store: import, backup, restore, the trail, migrations.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use optischema::model::{ExportFormat, MigrationFormat, RecommendationId, RestoreReport};
use optischema::operations::{Actor, HandoverAsked, Operations};
use reqwest::StatusCode;
use serde_json::json;

use super::outcome::{CommandError, Done, plain};
use super::remote::Remote;
use crate::clock::new_id;
use crate::config::Settings;
use crate::instance::{InstanceError, lock_data_dir, open_store, prepare_data_dir};
use crate::jobs::Signals;
use crate::service::{RESTORE_PREFIX, Service, export};
use crate::store::{Store, read_import};

/// Whose deed it is in the trail.
fn actor() -> Actor {
    Actor("command line".to_owned())
}

/// The store of the data folder; a server may have it open too.
pub(super) async fn store_of(settings: &Settings) -> Result<Store, CommandError> {
    prepare_data_dir(&settings.data_dir)?;
    Ok(open_store(&settings.data_dir).await?)
}

/// The store of a data folder that has one: a name that was mistyped makes no empty trail that verifies.
async fn known_store(settings: &Settings) -> Result<Store, CommandError> {
    let file = settings.data_dir.join("optischema.db");
    if !file.is_file() {
        return Err(CommandError::Missing(format!(
            "there is no store in {}: name the data folder with --data-dir",
            settings.data_dir.display()
        )));
    }
    store_of(settings).await
}

/// The product over that store, without a worker.
pub(super) async fn service_of(settings: Settings) -> Result<Service, CommandError> {
    let store = store_of(&settings).await?;
    Ok(service_on(settings, &store))
}

fn service_on(settings: Settings, store: &Store) -> Service {
    Service::new(Arc::new(settings), store.clone(), Signals::default()).by(actor())
}

pub(super) async fn import(settings: Settings, file: PathBuf) -> Done {
    let imported = read_import(&file).await?;
    let store = store_of(&settings).await?;
    let report = service_on(settings, &store).import(&imported).await?;
    store.close().await;
    println!(
        "{} recommendations and {} jobs imported; {} were there already",
        report.recommendations, report.jobs, report.known
    );
    Ok(ExitCode::SUCCESS)
}

pub(super) async fn backup(settings: Settings, file: PathBuf) -> Done {
    let store = known_store(&settings).await?;
    store.backup(&file).await?;
    store.close().await;
    println!("{} holds the store as it is now", file.display());
    Ok(ExitCode::SUCCESS)
}

pub(super) async fn restore(settings: Settings, file: PathBuf) -> Done {
    prepare_data_dir(&settings.data_dir)?;
    // A copy of our own: it is brought up to this version, and the person's file stays as it is.
    let name = format!("{RESTORE_PREFIX}{}.db", new_id());
    let copy = settings.data_dir.join(&name);
    copy_private(&file, &copy)?;
    let restored = restore_copy(settings, name).await;
    for suffix in ["", "-wal", "-shm"] {
        let mut left = copy.clone().into_os_string();
        left.push(suffix);
        // Whoever restored it has removed it; what could not be restored is not left lying about.
        drop(std::fs::remove_file(left));
    }
    tell(&restored?);
    Ok(ExitCode::SUCCESS)
}

/// Restores from the copy in the data folder: here, or in the server that holds the folder.
async fn restore_copy(settings: Settings, name: String) -> Result<RestoreReport, CommandError> {
    match lock_data_dir(&settings.data_dir) {
        Ok(_lock) => {
            let store = open_store(&settings.data_dir).await?;
            let report = service_on(settings, &store).restore_store(name).await;
            store.close().await;
            Ok(report?)
        }
        Err(InstanceError::Locked(_)) => {
            let body = json!({ "file": name });
            let remote = Remote::of(&settings)?;
            remote.post("/api/store/restore", Some(&body), StatusCode::OK).await
        }
        Err(error) => Err(error.into()),
    }
}

fn tell(report: &RestoreReport) {
    println!(
        "{} recommendations, {} jobs, {} changes; the audit trail has {} rows",
        report.recommendations, report.jobs, report.changes, report.audit_rows
    );
    for note in &report.notes {
        eprintln!("{}", plain(note));
    }
}

fn copy_private(from: &Path, to: &Path) -> Result<(), CommandError> {
    use std::os::unix::fs::OpenOptionsExt;
    let mut source =
        std::fs::File::open(from).map_err(|error| CommandError::Folder(from.to_owned(), error))?;
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true).mode(0o600);
    let copied = options.open(to).and_then(|mut target| std::io::copy(&mut source, &mut target));
    copied.map(drop).map_err(|error| CommandError::Folder(to.to_owned(), error))
}

pub(super) async fn verify_audit(settings: Settings) -> Done {
    let store = known_store(&settings).await?;
    let found = store.verify_audit().await?;
    match found.first_broken {
        None => println!("{} rows, every one follows from the one before it", found.entries),
        Some(sequence) => {
            println!("the trail is broken at row {sequence} of {}", found.entries);
        }
    }
    for problem in &found.problems {
        println!("{problem}");
    }
    Ok(if found.is_sound() { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

pub(super) async fn export_audit(settings: Settings, format: ExportFormat) -> Done {
    let store = known_store(&settings).await?;
    let file = export(&store.whole_trail().await?, format)?;
    print!("{}", file.text);
    Ok(ExitCode::SUCCESS)
}

pub(super) async fn migration(
    settings: Settings,
    ids: Vec<RecommendationId>,
    format: MigrationFormat,
    out: Option<PathBuf>,
) -> Done {
    let handover =
        service_of(settings).await?.hand_over(HandoverAsked { ids, format, stamp: None }).await?;
    for note in &handover.notes {
        eprintln!("{}", plain(note));
    }
    if out.is_some() {
        eprintln!("{}", format.how_to_run());
    }
    for file in &handover.files {
        match &out {
            None => println!("-- {}\n{}", file.name, file.text),
            Some(folder) => {
                let path = folder.join(&file.name);
                std::fs::create_dir_all(path.parent().unwrap_or(folder))
                    .and_then(|()| std::fs::write(&path, &file.text))
                    .map_err(|error| CommandError::Folder(path.clone(), error))?;
                println!("{}", path.display());
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}
