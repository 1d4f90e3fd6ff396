//! Changes for production: gathered in a safe order, and run by psql and by sqlx, up and down. `scripts/migrations` runs
//! the other frameworks.

use std::path::Path;
use std::process::Command;

use optischema::model::{
    Handover, MigrationFile, MigrationFormat, RecommendationId, RecommendationType,
};
use optischema_server::config::SettingsArgs;
use reqwest::StatusCode;
use sqlx::Connection;

use crate::fixture::{App, Shop};
use crate::proposing::{catalog, proposal, propose, store};

/// Listed out of order, on purpose.
const CHANGES: &[&str] = &[
    "DROP INDEX public.by_name",
    "CREATE INDEX \"odd \"\"%s :x ${y} #{z}\" ON public.orders (name) WHERE name <> 'it''s \\ $$ \"\"\"'",
    "ALTER TABLE public.orders SET (fillfactor = 80)",
    "CREATE STATISTICS public.pair (ndistinct) ON price, kind FROM public.\"Items\"",
    "ALTER DATABASE shop SET random_page_cost = 1.1",
];

async fn gathered(shop: &Shop) -> (App, String) {
    shop.run("app", "shop", &["CREATE INDEX by_name ON orders (name text_pattern_ops)"]).await;
    let app = App::start(&shop.settings()).await;
    let mut ids = Vec::new();
    for patch in CHANGES {
        ids.push(propose(shop, patch, &[]).await);
    }
    retype(shop, &ids).await;
    let ids: Vec<String> = ids.iter().map(RecommendationId::to_string).collect();
    (app, ids.join(","))
}

/// Each of its own type, as the advisor would have listed it.
async fn retype(shop: &Shop, ids: &[RecommendationId]) {
    use sqlx::ConnectOptions;
    let file = shop.settings().data_dir.unwrap().join("optischema.db");
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(file);
    let mut raw = options.connect().await.unwrap();
    for (id, kind) in ids.iter().zip(["index_drop", "index", "maintenance", "statistics", "config"])
    {
        sqlx::query("UPDATE recommendations SET recommendation_type = ?2 WHERE id = ?1")
            .bind(id.to_string())
            .bind(kind)
            .execute(&mut raw)
            .await
            .unwrap();
    }
    raw.close().await.unwrap();
}

async fn handover(app: &App, ids: &str, format: &str) -> Handover {
    let path = format!("/api/handover?ids={ids}&format={format}");
    serde_json::from_value(app.json(&path).await).unwrap()
}

fn psql(shop: &Shop, file: &Path) {
    let program = shop.cluster.programs().join("psql");
    let output = Command::new(program)
        .args(["-X", "-v", "ON_ERROR_STOP=1", "-d", &shop.url("app", "shop"), "-f"])
        .arg(file)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// Runs the files of one way with psql.
fn run_in_order(shop: &Shop, folder: &Path, files: &[MigrationFile], way: &str) {
    for file in files.iter().filter(|file| file.name.ends_with(way)) {
        let path = folder.join(&file.name);
        std::fs::write(&path, &file.text).unwrap();
        psql(shop, &path);
    }
}

#[tokio::test]
async fn plain_sql_runs_up_and_down_and_the_order_is_safe() {
    let shop = Shop::start().await;
    let (app, ids) = gathered(&shop).await;
    let before = catalog(&shop, "shop").await;
    let handover = handover(&app, &ids, "sql").await;
    let titles: Vec<&str> = handover.changes.iter().map(|change| change.title.as_str()).collect();
    assert!(titles[0].contains("STATISTICS") && titles[1].contains("CREATE INDEX"), "{titles:?}");
    assert!(titles[4].contains("DROP INDEX"), "indexes go last: {titles:?}");
    assert!(handover.changes.iter().all(|change| change.can_be_undone));
    assert_eq!(catalog(&shop, "shop").await, before, "writing them down changes nothing");
    assert!(handover.files.is_sorted_by(|one, other| one.name[..14] <= other.name[..14]));
    let text = |title: &str| {
        let file = handover.files.iter().find(|file| file.name.contains(title));
        file.unwrap_or_else(|| panic!("{title}")).text.as_str()
    };
    assert!(text("create_index").contains("SET lock_timeout = '30min'"));
    assert!(text("create_index").contains("CONCURRENTLY IF NOT EXISTS"));
    let folder = tempfile::tempdir().unwrap();
    run_in_order(&shop, folder.path(), &handover.files, ".up.sql");
    let with = catalog(&shop, "shop").await;
    assert!(with.contains("fillfactor=80") && with.contains("random_page_cost=1.1"), "{with}");
    assert!(!with.contains("by_name") && with.contains("odd \"\"%s :x ${y} #{z}"), "{with}");
    // As if the connection had been lost at the end.
    run_in_order(&shop, folder.path(), &handover.files, ".up.sql");
    assert_eq!(catalog(&shop, "shop").await, with, "what is done is not done again");
    let backwards: Vec<_> = handover.files.iter().rev().cloned().collect();
    run_in_order(&shop, folder.path(), &backwards, ".down.sql");
    assert_eq!(catalog(&shop, "shop").await, before, "down undoes it to the letter");
    // Each file can be fetched by its name, and all of them as one archive.
    for format in ["sql", "sqlx", "flyway"] {
        let whole = self::handover(&app, &ids, format).await;
        for file in &whole.files {
            let stamp = &whole.stamp;
            let path =
                format!("/api/handover/{}?ids={ids}&format={format}&stamp={stamp}", file.name);
            let response = app.get(&path).await;
            assert_eq!(response.status(), StatusCode::OK, "{path}");
            let disposition =
                response.headers()["content-disposition"].to_str().unwrap().to_owned();
            assert!(disposition.contains(&file.name), "{disposition}");
            assert_eq!(response.text().await.unwrap(), file.text);
        }
    }
    let [one, other] =
        [self::handover(&app, &ids, "sqlx").await, self::handover(&app, &ids, "sqlx").await];
    assert!(one.files.last().unwrap().name[..14] < other.files[0].name[..14], "no number twice");
    let response = app.get(&format!("/api/handover.zip?ids={ids}&format=prisma")).await;
    assert_eq!(response.headers()["content-type"], "application/zip");
    let body = response.bytes().await.unwrap();
    let mut archive = zip::ZipArchive::new(std::io::Cursor::new(body)).unwrap();
    let names: Vec<_> = archive.file_names().map(str::to_owned).collect();
    assert!(names.iter().any(|name| name.ends_with("/migration.sql")), "{names:?}");
    let mut first = String::new();
    std::io::Read::read_to_string(&mut archive.by_index(0).unwrap(), &mut first).unwrap();
    assert!(first.contains("CREATE STATISTICS"), "{first}");
    app.stop().await;
}

#[tokio::test]
async fn sqlx_migrations_run_up_and_down() {
    let shop = Shop::start().await;
    let (app, ids) = gathered(&shop).await;
    let before = catalog(&shop, "shop").await;
    let folder = tempfile::tempdir().unwrap();
    for file in handover(&app, &ids, "sqlx").await.files {
        std::fs::write(folder.path().join(&file.name), &file.text).unwrap();
    }
    let migrator = sqlx::migrate::Migrator::new(folder.path()).await.unwrap();
    let mut connection = shop.connect("app", "shop").await;
    migrator.run(&mut connection).await.unwrap();
    let with = catalog(&shop, "shop").await;
    assert!(with.contains("fillfactor=80") && !with.contains("by_name"), "{with}");
    migrator.undo(&mut connection, 0).await.unwrap();
    sqlx::query("DROP TABLE _sqlx_migrations").execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
    assert_eq!(catalog(&shop, "shop").await, before);
    app.stop().await;
}

/// Every other kind of change, as the advisor writes it: what PostgreSQL refuses in a transaction, what needs an
/// extension, what is of several statements, what nobody applies for a person.
const KINDS: &[(&str, &str)] = &[
    (
        "CREATE INDEX parts ON public.orders USING gin (name gin_trgm_ops)",
        "CREATE EXTENSION IF NOT EXISTS pg_trgm;\nCREATE INDEX CONCURRENTLY parts ON public.orders USING gin (name gin_trgm_ops);",
    ),
    (
        "ALTER TABLE public.orders ALTER COLUMN id TYPE bigint",
        "ALTER TABLE public.orders ALTER COLUMN id TYPE bigint;\nALTER SEQUENCE public.numbers AS bigint;",
    ),
    ("REINDEX INDEX public.by_name", "REINDEX INDEX CONCURRENTLY public.by_name;"),
    ("VACUUM (FULL, ANALYZE) public.orders", "VACUUM (FULL, ANALYZE) public.orders;"),
    ("VACUUM (FREEZE) public.orders", "VACUUM (FREEZE) public.orders;"),
    ("ANALYZE public.orders", "ANALYZE public.orders;"),
    (
        "ALTER TABLE public.orders ALTER COLUMN name SET (n_distinct = -0.5)",
        "ALTER TABLE public.orders ALTER COLUMN name SET (n_distinct = -0.5);\nANALYZE public.orders (name);",
    ),
];

#[tokio::test]
async fn every_kind_is_handed_over_and_runs_and_any_number_of_them() {
    let shop = Shop::start().await;
    let prepare = ["CREATE INDEX by_name ON orders (name)", "CREATE SEQUENCE numbers AS integer"];
    shop.run("app", "shop", &prepare).await;
    let app = App::start(&shop.settings()).await;
    let mut ids = Vec::new();
    let store = store(&shop).await;
    for (patch, fix) in KINDS {
        let mut proposal = proposal(patch, RecommendationType::Maintenance, &[]);
        (*fix).clone_into(&mut proposal.sql_fix);
        ids.push(store.add_typed("shop", &proposal).await.unwrap().id.to_string());
    }
    for n in 0..60 {
        let patch = format!("CREATE INDEX many_{n:02} ON public.orders (id) WHERE id > {n}");
        let proposal = proposal(&patch, RecommendationType::Index, &[]);
        ids.push(store.add_typed("shop", &proposal).await.unwrap().id.to_string());
    }
    store.close().await;
    let handover = handover(&app, &ids.join(","), "sql").await;
    assert_eq!((handover.changes.len(), &handover.notes), (67, &Vec::new()));
    let folder = tempfile::tempdir().unwrap();
    run_in_order(&shop, folder.path(), &handover.files, ".up.sql");
    let with = catalog(&shop, "shop").await;
    assert!(with.contains("parts") && with.contains("many_59") && with.contains("n_distinct=-0.5"));
    let backwards: Vec<_> = handover.files.iter().rev().cloned().collect();
    run_in_order(&shop, folder.path(), &backwards, ".down.sql");
    let without = catalog(&shop, "shop").await;
    assert!(!without.contains("parts") && !without.contains("many_"), "{without}");
    // Each format writes all of it.
    ids.truncate(KINDS.len() + 1);
    for format in MigrationFormat::ALL {
        let files = self::handover(&app, &ids.join(","), format.as_str()).await.files;
        assert!(files.len() >= ids.len(), "{format}");
        let text: String = files.iter().map(|file| file.text.as_str()).collect();
        assert!(text.contains("CREATE EXTENSION IF NOT EXISTS pg_trgm"), "{format}");
        assert!(text.contains("TYPE bigint"), "{format}");
    }
    app.stop().await;
}

#[tokio::test]
async fn sqlx_takes_no_half_built_index_for_a_built_one() {
    let shop = Shop::start().await;
    let prepare = ["CREATE TABLE twins (a int)", "INSERT INTO twins VALUES (1), (1)"];
    shop.run("app", "shop", &prepare).await;
    let app = App::start(&shop.settings()).await;
    // A unique index is nothing that OptiSchema makes; it stands in for a build that is cut off.
    let mut unique =
        proposal("CREATE UNIQUE INDEX one ON public.twins (a)", RecommendationType::Index, &[]);
    "CREATE UNIQUE INDEX CONCURRENTLY one ON public.twins (a);".clone_into(&mut unique.sql_fix);
    let store = store(&shop).await;
    let id = store.add_typed("shop", &unique).await.unwrap().id;
    store.close().await;
    let folder = tempfile::tempdir().unwrap();
    for file in handover(&app, &id.to_string(), "sqlx").await.files {
        std::fs::write(folder.path().join(&file.name), &file.text).unwrap();
    }
    let migrator = sqlx::migrate::Migrator::new(folder.path()).await.unwrap();
    let mut connection = shop.connect("app", "shop").await;
    let failure = migrator.run(&mut connection).await.unwrap_err().to_string();
    assert!(failure.contains("could not create unique index"), "{failure}");
    shop.run("app", "shop", &["DELETE FROM twins", "INSERT INTO twins VALUES (1)"]).await;
    let failure = migrator.run(&mut connection).await.unwrap_err().to_string();
    assert!(failure.contains("already exists"), "{failure}");
    shop.run("app", "shop", &["DROP INDEX one"]).await;
    migrator.run(&mut connection).await.unwrap();
    connection.close().await.unwrap();
    app.stop().await;
}

#[tokio::test]
async fn what_cannot_be_gathered_is_said() {
    let shop = Shop::start().await;
    // What begins anew after a failure must not want a second connection.
    let one = SettingsArgs { main_connections: Some(1), ..shop.settings() };
    let app = App::start(&one).await;
    let system = propose(&shop, "ALTER SYSTEM SET effective_cache_size = '3GB'", &[]).await;
    let missing = propose(&shop, "CREATE INDEX i ON public.gone (a)", &[]).await;
    let handover = handover(&app, &format!("{system},{missing}"), "rails").await;
    assert_eq!(handover.notes.len(), 1, "{:?}", handover.notes);
    assert!(handover.notes.iter().any(|note| note.contains("public.gone")));
    // What is of the whole server is taken out of its file again, and what it is now is said.
    let can_be_undone =
        |id| handover.changes.iter().find(|c| c.recommendation_id == id).unwrap().can_be_undone;
    assert!(can_be_undone(system) && !can_be_undone(missing));
    let text: String = handover.files.iter().map(|file| file.text.as_str()).collect();
    assert!(
        text.contains("ALTER SYSTEM RESET \\\"effective_cache_size\\\"")
            || text.contains("ALTER SYSTEM RESET \"effective_cache_size\""),
        "{text}"
    );
    assert!(text.contains("effective_cache_size is 4GB now"), "{text}");
    for (query, status) in [
        ("ids=", 422),
        ("ids=x", 404),
        ("ids=00000000-0000-7000-8000-000000000000", 404),
        ("format=sql", 422),
        (&format!("ids={system}&format=oracle"), 422),
        (&format!("ids={system}&stamp=now"), 422),
    ] {
        let response = app.get(&format!("/api/handover?{query}")).await;
        assert_eq!(response.status().as_u16(), status, "{query}");
    }
    let file = format!("/api/handover/nothing.sql?ids={system}");
    let response = app.get(&format!("{file}&stamp=20260101000000")).await;
    assert_eq!(response.status(), StatusCode::NOT_FOUND);
    // The names of files begin with the stamp: without it there is none of any name.
    let response = app.get(&file).await;
    assert_eq!(response.status(), StatusCode::UNPROCESSABLE_ENTITY);
    let problem: serde_json::Value = response.json().await.unwrap();
    assert!(problem["detail"].as_str().unwrap().contains("stamp"), "{problem}");
    app.stop().await;
}
