//! An instance in this process: the data folder's lock, the store, the worker, the web app.

use std::fs::{File, TryLockError};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use optischema::operations::Operations;
use thiserror::Error;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::config::Settings;
use crate::file_error::in_words;
use crate::home::is_copied;
use crate::http::{Access, AccessError, AppState, router, serve};
use crate::jobs::{Signals, Worker};
use crate::service::{RESTORE_PREFIX, Service};
use crate::store::{Store, StoreError};

/// Why an instance does not run. Each is one sentence.
#[derive(Debug, Error)]
pub enum InstanceError {
    #[error(transparent)]
    Access(#[from] AccessError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("another OptiSchema holds the data folder {}: stop it, or choose another with --data-dir", .0.display())]
    Locked(PathBuf),
    #[error(
        "the server was started with a token of its own: give it as --token or OPTISCHEMA_TOKEN"
    )]
    TokenNeeded,
    #[error("failed to use {}: {}", .0.display(), in_words(.1))]
    Folder(PathBuf, std::io::Error),
    #[error("failed to listen on {}: {}; choose another address with --listen", .0, in_words(.1))]
    Listen(SocketAddr, std::io::Error),
    #[error("failed to serve: {0}")]
    Serve(std::io::Error),
}

/// A running instance.
pub struct Instance {
    pub operations: Arc<dyn Operations>,
    settings: Arc<Settings>,
    store: Store,
    stop: watch::Sender<bool>,
    worker: JoinHandle<()>,
    collector: JoinHandle<()>,
    webhooks: JoinHandle<()>,
    /// Held for the life of the instance.
    _lock: FolderLock,
}

impl Instance {
    /// Takes the data folder and starts the worker.
    ///
    /// # Errors
    /// Another process holds the folder, or it cannot be used.
    pub async fn start(settings: Settings) -> Result<Self, InstanceError> {
        prepare_data_dir(&settings.data_dir)?;
        let lock = lock_data_dir(&settings.data_dir)?;
        Self::start_locked(settings, lock).await
    }

    /// The same, where the caller holds the folder's lock already.
    ///
    /// # Errors
    /// The store cannot be used.
    pub async fn start_locked(settings: Settings, lock: FolderLock) -> Result<Self, InstanceError> {
        let settings = Arc::new(settings);
        remove_half_restored(&settings.data_dir);
        let store = open_store(&settings.data_dir).await?;
        let signals = Signals::default();
        let service = Service::new(settings.clone(), store.clone(), signals.clone());
        let (stop, stopped) = watch::channel(false);
        let is_copy = is_copied(&store, &settings.data_dir).await?;
        let worker = Worker::new(settings.clone(), store.clone(), signals).of_copy(is_copy);
        let operations: Arc<dyn Operations> = Arc::new(service);
        let telling = crate::webhooks::tell(settings.clone(), store.clone(), stopped.clone());
        let collecting = collect_on_schedule(operations.clone(), settings.clone(), stopped.clone());
        Ok(Self {
            operations,
            settings,
            store,
            stop,
            worker: tokio::spawn(worker.run(stopped)),
            collector: tokio::spawn(collecting),
            webhooks: tokio::spawn(telling),
            _lock: lock,
        })
    }

    /// Binds the web app to its address, and to its locks.
    ///
    /// # Errors
    /// The address cannot be listened on, or must not be without a token.
    pub async fn bind(&self) -> Result<Listening, InstanceError> {
        let listener = TcpListener::bind(self.settings.listen)
            .await
            .map_err(|error| InstanceError::Listen(self.settings.listen, error))?;
        let address = listener.local_addr().map_err(InstanceError::Serve)?;
        let access = Access::new(&self.settings, address)?.keeping(self.store.clone()).await?;
        write_address(&self.settings.data_dir, address)?;
        let code = access.one_time_code().unwrap_or_default();
        let state =
            AppState { operations: self.operations.clone(), access, store: self.store.clone() };
        let site_root = site_root(&self.settings);
        if !site_root.join("pkg").exists() {
            tracing::warn!(folder = %site_root.display(), "the browser's files are not there: pages have no style and no life; see --site-root");
        }
        let app = router(state, site_root);
        let link = format!("http://{address}/login?code={code}");
        Ok(Listening { address, link, listener, app })
    }

    /// Stops claiming, lets running work end, and closes the store.
    pub async fn stop(self) {
        // Without a receiver the worker has ended already.
        let _ = self.stop.send(true);
        if let Err(error) = self.worker.await {
            tracing::error!(%error, "the worker did not end in order");
        }
        // A reading that is under way writes nothing until it is whole.
        self.collector.abort();
        // An event that was not delivered yet is told by the next start.
        self.webhooks.abort();
        self.store.close().await;
    }
}

/// The longest time that a reading may take.
const READING_AT_MOST: Duration = Duration::from_secs(900);

/// Reads main's counters every so often. A reading that fails is tried again at the next turn.
async fn collect_on_schedule(
    operations: Arc<dyn Operations>,
    settings: Arc<Settings>,
    mut stopped: watch::Receiver<bool>,
) {
    if settings.collect_seconds == 0 || settings.main_url.is_none() {
        return;
    }
    let period = Duration::from_secs(u64::from(settings.collect_seconds));
    let mut turns = tokio::time::interval(period);
    turns.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = turns.tick() => {}
            _ = stopped.changed() => return,
        }
        // A host that vanished between question and answer is waited for by nobody for ever.
        match tokio::time::timeout(READING_AT_MOST, operations.collect()).await {
            Ok(Ok(_)) => {}
            Ok(Err(error)) => tracing::warn!(%error, "main's counters could not be read"),
            Err(_) => tracing::warn!("reading main's counters took too long, and was given up"),
        }
    }
}

/// A web app that is bound, and not served yet.
#[derive(Debug)]
pub struct Listening {
    pub address: SocketAddr,
    /// Signs in once.
    pub link: String,
    listener: TcpListener,
    app: axum::Router,
}

impl Listening {
    /// Serves until `end`.
    ///
    /// # Errors
    /// The system refuses to serve.
    pub async fn serve(
        self,
        end: impl Future<Output = ()> + Send + 'static,
    ) -> Result<(), InstanceError> {
        serve(self.listener, self.app, end).await.map_err(InstanceError::Serve)
    }
}

/// Where other commands of this data folder find the server.
fn write_address(data_dir: &Path, address: SocketAddr) -> Result<(), InstanceError> {
    let file = data_dir.join("address");
    std::fs::write(&file, address.to_string()).map_err(|error| InstanceError::Folder(file, error))
}

/// Address and token of the server that holds the data folder.
///
/// # Errors
/// It has not left them there yet.
pub fn running_server(settings: &Settings) -> Result<(String, String), InstanceError> {
    let read = |name: &str| {
        let file = settings.data_dir.join(name);
        std::fs::read_to_string(&file)
            .map(|text| text.trim().to_owned())
            .map_err(|error| InstanceError::Folder(file, error))
    };
    let address = read("address")?;
    let token = match &settings.token {
        Some(token) => token.expose().to_owned(),
        None => match read("token") {
            Err(InstanceError::Folder(_, error))
                if error.kind() == std::io::ErrorKind::NotFound =>
            {
                return Err(InstanceError::TokenNeeded);
            }
            read => read?,
        },
    };
    Ok((address, token))
}

/// The store of a data folder; its file is private before anything is written to it.
pub async fn open_store(data_dir: &Path) -> Result<Store, InstanceError> {
    use std::os::unix::fs::OpenOptionsExt;
    let file = data_dir.join("optischema.db");
    // A first start that was cut off leaves an empty file too, and no token beside it.
    let was_used = data_dir.join("token").exists() || data_dir.join("address").exists();
    if was_used && std::fs::metadata(&file).is_ok_and(|found| found.len() == 0) {
        return Err(StoreError::Emptied(file).into());
    }
    std::fs::OpenOptions::new()
        .create(true)
        .append(true)
        .mode(0o600)
        .open(&file)
        .map_err(|error| InstanceError::Folder(file.clone(), error))?;
    Ok(Store::open(&file).await?)
}

/// Removes copies of backups that a restore was cut off from putting in the store's place: whoever starts holds the folder,
/// so that nobody is at it.
fn remove_half_restored(data_dir: &Path) {
    let Ok(entries) = std::fs::read_dir(data_dir) else { return };
    for entry in entries.flatten() {
        let is_copy = entry.file_name().to_string_lossy().starts_with(RESTORE_PREFIX);
        if is_copy && let Err(error) = std::fs::remove_file(entry.path()) {
            tracing::warn!(%error, "a copy of a backup was not removed");
        }
    }
}

/// Makes the folder. Its files are private; the folder itself can be passed through, so that the demo's
/// PostgreSQL, which does not run as root, reaches its own folder below.
pub fn prepare_data_dir(data_dir: &Path) -> Result<(), InstanceError> {
    use std::os::unix::fs::PermissionsExt;
    let failed = |error| InstanceError::Folder(data_dir.to_owned(), error);
    std::fs::create_dir_all(data_dir).map_err(failed)?;
    let mode = if crate::config::runs_as_root() { 0o711 } else { 0o700 };
    std::fs::set_permissions(data_dir, std::fs::Permissions::from_mode(mode)).map_err(failed)
}

/// The folder, taken for one process for as long as this lives.
#[derive(Debug)]
pub struct FolderLock {
    _file: File,
    _folder: File,
}

/// How often the folder is tried before it is called taken: who only looks at it has it for a moment.
const TRIES: usize = 5;
/// Time between two of them.
const BETWEEN_TRIES: Duration = Duration::from_millis(100);

/// Takes the folder for this process: its file `lock`, and the folder itself, which holds where somebody removed the file.
///
/// # Errors
/// Another process holds it.
pub fn lock_data_dir(data_dir: &Path) -> Result<FolderLock, InstanceError> {
    for _ in 1..TRIES {
        match try_to_lock(data_dir) {
            Err(InstanceError::Locked(_)) => std::thread::sleep(BETWEEN_TRIES),
            locked => return locked,
        }
    }
    try_to_lock(data_dir)
}

/// Whether a process holds the folder; nothing is made there. Two that look at once do not see each other.
pub(crate) fn is_served(data_dir: &Path) -> bool {
    let held = |path: &Path| {
        let opened = File::open(path);
        opened.is_ok_and(|file| matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)))
    };
    held(&data_dir.join("lock")) || held(data_dir)
}

fn try_to_lock(data_dir: &Path) -> Result<FolderLock, InstanceError> {
    let path = data_dir.join("lock");
    let file = File::create(&path).map_err(|error| InstanceError::Folder(path.clone(), error))?;
    let folder =
        File::open(data_dir).map_err(|error| InstanceError::Folder(data_dir.to_owned(), error))?;
    for (locked, path) in [(&file, path.as_path()), (&folder, data_dir)] {
        match locked.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(InstanceError::Locked(data_dir.to_owned()));
            }
            // Some network file systems lock files and no folders: then the file alone must do.
            Err(TryLockError::Error(error)) if path == data_dir => {
                tracing::warn!(%error, "the data folder itself cannot be locked; the file in it is");
            }
            Err(TryLockError::Error(error)) => {
                return Err(InstanceError::Folder(path.to_owned(), error));
            }
        }
    }
    Ok(FolderLock { _file: file, _folder: folder })
}

/// The browser's files: where the settings say, or beside the program, or where a build leaves them.
fn site_root(settings: &Settings) -> PathBuf {
    if let Some(folder) = &settings.site_root {
        return folder.clone();
    }
    let program = std::env::current_exe().unwrap_or_default();
    let beside = program.parent().map(Path::to_owned).unwrap_or_default();
    [beside.join("site"), beside.join("../site"), PathBuf::from("target/site")]
        .into_iter()
        .find(|folder| folder.join("pkg").exists())
        .unwrap_or_else(|| PathBuf::from("target/site"))
}

/// Ends when the person or the system asks the process to stop.
pub async fn told_to_stop() {
    let terminate = async {
        match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
            Ok(mut signal) => {
                signal.recv().await;
            }
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        () = terminate => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn looking_at_a_folder_keeps_nobody_from_taking_it() {
        let folder = tempfile::tempdir().unwrap();
        assert!(!is_served(folder.path()));
        assert!(!folder.path().join("lock").exists(), "looking makes nothing");
        let held = lock_data_dir(folder.path()).unwrap();
        assert!(is_served(folder.path()));
        assert!(matches!(lock_data_dir(folder.path()), Err(InstanceError::Locked(_))));
        drop(held);
        // Somebody looks at the very moment.
        let looking = File::open(folder.path()).unwrap();
        looking.try_lock_shared().unwrap();
        assert!(!is_served(folder.path()));
        let done = std::thread::spawn(move || {
            std::thread::sleep(BETWEEN_TRIES / 2);
            drop(looking);
        });
        assert!(lock_data_dir(folder.path()).is_ok());
        done.join().unwrap();
    }
}
