//! Where a benchmark runs: the best place that answers, and why no better one.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use optischema::model::{BenchmarkSource, Catalog, CopyMethod, TableName, Verdict};
use optischema_server::demo::Cluster;
use optischema_server::postgres::{Dsn, MainSession, add_scans_of_replica};
use sqlx::{AssertSqlSafe, Connection};

use crate::bench::{Options, measured, refused};
use crate::fixture::Shop;

const STATEMENT: &str = "SELECT id, price FROM \"Items\" WHERE order_id = 77";
const PATCH: &str = "CREATE INDEX items_order ON public.\"Items\" (order_id)";
const REWRITE: &str = "SELECT id, price FROM \"Items\" WHERE order_id IN (77)";

async fn run_on(url: &str, statements: &[&str]) {
    let mut connection = sqlx::postgres::PgConnection::connect(url).await.unwrap();
    for statement in statements {
        sqlx::query(AssertSqlSafe((*statement).to_owned())).execute(&mut connection).await.unwrap();
    }
}

/// A physical copy of the shop's cluster, as it stands on the disk.
async fn physical_copy(shop: &Shop, standby: bool) -> Cluster {
    let copy = shop.folder.path().join("copy");
    shop.run("postgres", "postgres", &["ALTER SYSTEM SET wal_level = 'replica'"]).await;
    shop.cluster.stop().await.unwrap();
    // Started once more, so that its log is one that a standby can follow.
    let again = Cluster::start(&shop.folder.path().join("postgres"), "test").await.unwrap();
    again.stop().await.unwrap();
    let source = shop.folder.path().join("postgres");
    let copied = Command::new("cp").arg("-a").arg(&source).arg(&copy).status().unwrap();
    assert!(copied.success());
    if standby {
        let signal = copy.join("standby.signal");
        std::fs::write(&signal, "").unwrap();
        let owner = Command::new("chown").arg("--reference").arg(&copy).arg(&signal).status();
        assert!(owner.unwrap().success());
    }
    Cluster::start(&copy, "test").await.unwrap()
}

#[tokio::test]
async fn a_writable_clone_is_measured_in_place_and_left_as_it_was() {
    let shop = Shop::start().await;
    // Another cluster, with the same tables: another system identifier.
    let clone = Shop::of_its_own().await;
    let before = clone.fingerprint("shop").await;
    let options = Options { replica: Some(clone.url("app", "shop")), ..Options::of(&shop) };
    // The role must be able to make a schema, or the sandbox takes its place, with the reason.
    clone.run("postgres", "shop", &["ALTER DATABASE shop OWNER TO postgres"]).await;
    let fallen = measured(&shop, STATEMENT, PATCH, &options).await;
    assert_eq!(fallen.source, BenchmarkSource::Sampled);
    assert!(fallen.source_reason.contains("may not make a schema"), "{}", fallen.source_reason);

    clone.run("postgres", "shop", &["ALTER DATABASE shop OWNER TO app"]).await;
    let result = measured(&shop, STATEMENT, PATCH, &options).await;
    assert_eq!(result.source, BenchmarkSource::Replica, "{}", result.source_reason);
    assert_eq!(result.source_tag(), "Replica");
    assert_eq!(result.fidelity.tables[0].method, CopyMethod::InPlace);
    assert_eq!(result.verdict, Verdict::Faster, "{result:?}");
    assert!(result.index.is_some());
    let cost = result.write_cost.unwrap();
    assert_eq!((cost.operations.len(), cost.absent.len()), (4, 0), "{:?}", cost.absent);
    let rewritten = measured(&shop, STATEMENT, REWRITE, &options).await;
    assert_eq!(rewritten.source, BenchmarkSource::Replica);
    assert!(rewritten.bindings[0].comparison.rows_added > 0);
    let words = "CREATE INDEX words ON public.orders USING gin (name gin_trgm_ops)";
    let trigrams =
        measured(&shop, "SELECT id FROM orders WHERE name LIKE '%er 4321%'", words, &options).await;
    assert_eq!(trigrams.source, BenchmarkSource::Replica, "{}", trigrams.source_reason);
    assert_eq!(clone.fingerprint("shop").await, before, "nothing is left on the clone");
    // What a trigger does elsewhere stays done: rows are not put into a clone's table that has one.
    clone
        .run(
            "app",
            "shop",
            &[
                "CREATE SEQUENCE calls",
                "CREATE FUNCTION count_calls() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM nextval(''calls''); RETURN NULL; END'",
                "CREATE TRIGGER counted AFTER INSERT ON \"Items\" FOR EACH ROW EXECUTE FUNCTION count_calls()",
            ],
        )
        .await;
    let watched = measured(&shop, STATEMENT, REWRITE, &options).await;
    assert!(watched.warnings.iter().any(|w| w.contains("triggers")), "{:?}", watched.warnings);
    assert_eq!(clone.text("shop", "SELECT is_called::text FROM calls").await, "false");
    clone
        .run(
            "app",
            "shop",
            &[
                "DROP TRIGGER counted ON \"Items\"",
                "DROP FUNCTION count_calls",
                "DROP SEQUENCE calls",
            ],
        )
        .await;
    assert_eq!(clone.fingerprint("shop").await, before, "nothing is left on the clone");
}

#[tokio::test]
async fn a_standby_measures_rewrites_and_a_promoted_copy_is_told_from_main() {
    let mut shop = Shop::start().await;
    let standby = physical_copy(&shop, true).await;
    // Main comes back, on another port than before.
    let cluster = Cluster::start(&shop.folder.path().join("postgres"), "test").await.unwrap();
    shop.cluster = cluster;
    let replica = standby.url("reader", "test", "shop");
    let options = Options { replica: Some(replica.clone()), ..Options::of(&shop) };
    let without_sandbox = Options { sandbox: None, ..Options::of(&shop) };
    let without_sandbox = Options { replica: Some(replica), ..without_sandbox };

    let rewritten = measured(&shop, STATEMENT, REWRITE, &without_sandbox).await;
    assert_eq!(rewritten.source, BenchmarkSource::Replica);
    assert!(
        rewritten.source_reason.starts_with("Measured on the standby. No sandbox"),
        "{}",
        rewritten.source_reason
    );
    assert!(rewritten.pairs >= 10 && rewritten.write_cost.is_none());
    assert!(rewritten.warnings.iter().any(|w| w.contains("standby")), "{:?}", rewritten.warnings);

    let index = measured(&shop, STATEMENT, PATCH, &without_sandbox).await;
    assert_eq!(index.source, BenchmarkSource::Estimated);
    assert!(
        index.source_reason.contains("only rewrites are measured on it"),
        "{}",
        index.source_reason
    );
    assert!(index.plans.is_some() && index.baseline.is_none());
    let sampled = measured(&shop, STATEMENT, PATCH, &options).await;
    assert_eq!(sampled.source, BenchmarkSource::Sampled);

    // Promoted, it has main's own identifier and OIDs; a lock tells them apart.
    let superuser = standby.url("postgres", "test", "shop");
    run_on(&superuser, &["SELECT pg_promote()"]).await;
    let options = Options { replica: Some(superuser), ..options };
    let promoted = measured(&shop, STATEMENT, PATCH, &options).await;
    assert_eq!(promoted.source, BenchmarkSource::Replica, "{}", promoted.source_reason);
    // Main named as its own replica is refused, and the sandbox is used.
    let options = Options { replica: Some(shop.url("postgres", "shop")), ..options };
    let before = shop.fingerprint("shop").await;
    let own = measured(&shop, STATEMENT, PATCH, &options).await;
    assert_eq!(own.source, BenchmarkSource::Sampled);
    assert!(own.source_reason.contains("main itself"), "{}", own.source_reason);
    assert_eq!(shop.fingerprint("shop").await, before);
    standby.crash().await.unwrap();
}

#[tokio::test]
async fn a_sandbox_that_is_main_or_down_is_not_used() {
    let shop = Shop::start().await;
    let options = Options { sandbox: Some(shop.url("app", "shop")), ..Options::of(&shop) };
    let before = shop.fingerprint("shop").await;
    let result = measured(&shop, STATEMENT, PATCH, &options).await;
    assert_eq!(result.source, BenchmarkSource::Estimated);
    assert!(result.source_reason.contains("main itself"), "{}", result.source_reason);
    assert_eq!(shop.fingerprint("shop").await, before);

    let gone = "postgres://sandbox:test@127.0.0.1:1/staging?sslmode=disable";
    let options =
        Options { sandbox: Some(gone.into()), replica: Some(gone.into()), ..Options::of(&shop) };
    let result = measured(&shop, STATEMENT, PATCH, &options).await;
    assert_eq!(result.source, BenchmarkSource::Estimated);
    assert!(
        result.source_reason.matches("nothing answers there").count() >= 2,
        "{}",
        result.source_reason
    );
    let nowhere = refused(&shop, "SELECT 1", PATCH, &options).await;
    assert!(nowhere.to_string().contains("reads no user table"), "{nowhere}");
}

fn openssl(folder: &Path, arguments: &[&str]) {
    let made = Command::new("openssl").args(arguments).current_dir(folder).output().unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
}

/// A certificate authority of its own.
fn authority(folder: &Path, name: &str) -> PathBuf {
    let subject = format!("/CN={name}");
    let (key, certificate) = (format!("{name}.key"), format!("{name}.crt"));
    openssl(
        folder,
        &[
            "req",
            "-new",
            "-x509",
            "-days",
            "30",
            "-nodes",
            "-subj",
            &subject,
            "-keyout",
            &key,
            "-out",
            &certificate,
        ],
    );
    folder.join(certificate)
}

#[tokio::test]
async fn connections_are_encrypted_and_verified_where_the_url_says_so() {
    use optischema_server::postgres::{check_sandbox, connect_writable};
    let shop = Shop::start().await;
    let own = shop.folder.path();
    let (root, other) = (authority(own, "root"), authority(own, "other"));
    std::fs::write(own.join("san"), "subjectAltName=IP:127.0.0.1").unwrap();
    openssl(
        own,
        &[
            "req",
            "-new",
            "-nodes",
            "-subj",
            "/CN=127.0.0.1",
            "-out",
            "server.csr",
            "-keyout",
            "server.key",
        ],
    );
    openssl(
        own,
        &[
            "x509",
            "-req",
            "-in",
            "server.csr",
            "-days",
            "30",
            "-CA",
            "root.crt",
            "-CAkey",
            "root.key",
            "-CAcreateserial",
            "-extfile",
            "san",
            "-out",
            "server.crt",
        ],
    );
    let folder = own.join("postgres");
    for file in ["server.crt", "server.key"] {
        let path = folder.join(file);
        std::fs::copy(own.join(file), &path).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        let owner = Command::new("chown").arg("--reference").arg(&folder).arg(&path).status();
        assert!(owner.unwrap().success());
    }
    shop.run("postgres", "postgres", &["ALTER SYSTEM SET ssl = on", "SELECT pg_reload_conf()"])
        .await;
    let url = |options: &str| shop.url("sandbox", "staging").replace("sslmode=disable", options);
    let verified = url(&format!("sslmode=verify-full&sslrootcert={}", root.display()));
    let mut message = String::new();
    for _ in 0..50 {
        // The server reads its settings anew in its own time.
        let health = check_sandbox(Some(&verified.parse().unwrap()), None, true).await;
        let encrypted = health.findings.iter().find(|finding| finding.code == "encrypted");
        message = encrypted.map_or_else(|| format!("{:?}", health.findings), |f| f.message.clone());
        if encrypted.is_some() {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    assert!(message.contains("encrypted (TLSv1."), "{message}");
    // Another authority's certificate does not do.
    let wrong = url(&format!("sslmode=verify-full&sslrootcert={}", other.display()));
    let failure = connect_writable(&wrong.parse().unwrap(), 5).await.unwrap_err();
    assert!(failure.to_string().contains("sslmode and certificates"), "{failure}");
}

/// Statistics are each server's own: an index that only reports on the standby use is no unused one.
#[tokio::test]
async fn scans_of_a_standby_count_as_use_of_an_index() {
    let mut shop = Shop::start().await;
    let indexes = [
        "CREATE INDEX by_note ON \"Items\" (note, id)",
        "CREATE INDEX by_price ON \"Items\" (price, id)",
    ];
    shop.run("app", "shop", &indexes).await;
    let standby = physical_copy(&shop, true).await;
    shop.cluster = Cluster::start(&shop.folder.path().join("postgres"), "test").await.unwrap();
    let report = ["SET enable_seqscan = off", "SELECT id FROM \"Items\" WHERE note = 'zzz'"];
    run_on(&standby.url("postgres", "test", "shop"), &report).await;
    let main: Dsn = shop.url("reader", "shop").parse().unwrap();
    let mut session = MainSession::begin(&main).await.unwrap();
    let scans = |catalog: &Catalog, name: &str| {
        let table = &catalog.tables[&TableName::new("public", "Items")];
        table.indexes.iter().find(|index| index.name == name).unwrap().scans
    };
    let mut catalog = session.catalog().await.unwrap();
    assert_eq!(scans(&catalog, "by_note"), 0, "main knows nothing of it");
    let replica: Dsn = standby.url("reader", "test", "shop").parse().unwrap();
    add_scans_of_replica(Some(&replica), &mut catalog).await.unwrap();
    assert_eq!((scans(&catalog, "by_note"), scans(&catalog, "by_price")), (1, 0));
    // A clone is measured on by OptiSchema itself.
    run_on(&standby.url("postgres", "test", "shop"), &["SELECT pg_promote()"]).await;
    let mut catalog = session.catalog().await.unwrap();
    add_scans_of_replica(Some(&replica), &mut catalog).await.unwrap();
    assert_eq!(scans(&catalog, "by_note"), 0);
    standby.crash().await.unwrap();
    assert!(add_scans_of_replica(Some(&replica), &mut catalog).await.is_err());
}
