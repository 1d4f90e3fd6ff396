//! The cluster that every test copies: made once for this version of PostgreSQL and these fixtures, kept with the build.
//!
//! `initdb` and loading the shop take seconds; copying the folder takes a tenth of one. Copies share the system identifier, so
//! a test that needs two servers makes the second with [`Shop::of_its_own`].

use std::fs::File;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::Command;

use optischema_server::demo::programs_folder;

use crate::fixture::Shop;

/// What a template depends on, beside the version of PostgreSQL.
const SOURCES: [&str; 3] = [
    include_str!("template.rs"),
    include_str!("fixture.rs"),
    include_str!("../../src/demo/cluster.rs"),
];

/// Puts a copy of the template at `folder`. The first caller makes the template; others wait for it.
pub async fn copy_to(folder: &Path) {
    let template = template().await;
    copy(&template, folder);
}

async fn template() -> PathBuf {
    let place = Path::new(env!("CARGO_TARGET_TMPDIR"));
    std::fs::create_dir_all(place).unwrap();
    let template = place.join(format!("shop-{:016x}", key()));
    let lock = File::create(place.join("shop.lock")).unwrap();
    lock.lock().unwrap();
    if !template.exists() {
        make(place, &template).await;
    }
    template
}

/// Makes the template beside its place and moves it there whole, so that one that was cut short is never copied.
async fn make(place: &Path, template: &Path) {
    let shop = Shop::made().await;
    analyze(&shop).await;
    shop.cluster.stop().await.unwrap();
    let half = place.join("shop-half");
    if half.exists() {
        std::fs::remove_dir_all(&half).unwrap();
    }
    let folder = shop.folder.path().join("postgres");
    remove_spare_log(&folder);
    copy(&folder, &half);
    std::fs::rename(&half, template).unwrap();
}

/// Analyzes the tables once the counters of the session that loaded them have arrived: they may come after its own
/// `ANALYZE`, and then say for good that all rows changed since.
async fn analyze(shop: &Shop) {
    let changed =
        "SELECT sum(n_mod_since_analyze)::text FROM pg_stat_user_tables WHERE n_tup_ins > 0";
    let counted = "SELECT sum(n_tup_ins)::text FROM pg_stat_user_tables";
    for _ in 0..100 {
        shop.run("app", "shop", &["ANALYZE orders", "ANALYZE \"Items\""]).await;
        let all = shop.text("shop", counted).await == "105000";
        if all && shop.text("shop", changed).await == "0" {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    panic!("the counters of the load did not arrive");
}

fn key() -> u64 {
    let programs = programs_folder().expect("PostgreSQL is installed");
    let version = Command::new(programs.join("postgres")).arg("--version").output().unwrap();
    let mut hasher = DefaultHasher::new();
    (SOURCES, &programs, version.stdout).hash(&mut hasher);
    hasher.finish()
}

/// Removes segments of the log that a server which was stopped cleanly does not need: all but the one of its last
/// checkpoint. They are half of the folder.
fn remove_spare_log(folder: &Path) {
    let program = programs_folder().expect("PostgreSQL is installed").join("pg_controldata");
    if !program.exists() {
        // Not every package has it. The folder is whole all the same.
        return;
    }
    let control = Command::new(program).arg("-D").arg(folder).output().unwrap();
    let control = String::from_utf8(control.stdout).unwrap();
    let last =
        control.lines().find_map(|line| line.strip_prefix("Latest checkpoint's REDO WAL file:"));
    let last = last.expect("pg_controldata names the file").trim();
    for entry in std::fs::read_dir(folder.join("pg_wal")).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_file() && entry.file_name() != last {
            std::fs::remove_file(entry.path()).unwrap();
        }
    }
}

fn copy(from: &Path, to: &Path) {
    // The rest of the log's segment is empty.
    let copied =
        Command::new("cp").args(["-a", "--sparse=always"]).arg(from).arg(to).status().unwrap();
    assert!(copied.success(), "{} was not copied", from.display());
}
