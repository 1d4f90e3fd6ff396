//! Changes for production: gathered in a safe order, and run by psql and by sqlx, up and down. `scripts/migrations` runs
//! the other frameworks.

use std::path::Path;
use std::process::Command;

use optischema::model::{Handover, RecommendationId};
use optischema_server::config::SettingsArgs;
use reqwest::StatusCode;
use sqlx::Connection;

use crate::fixture::{App, Shop};
use crate::proposing::{catalog, propose};

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
    let folder = tempfile::tempdir().unwrap();
    let mut files = handover.files.iter().map(|file| {
        let path = folder.path().join(&file.name);
        std::fs::write(&path, &file.text).unwrap();
        (file, path)
    });
    let (up, down) = (files.next().unwrap(), files.next().unwrap());
    assert!(up.0.text.contains("SET lock_timeout") && up.0.text.contains("CONCURRENTLY"));
    psql(&shop, &up.1);
    let with = catalog(&shop, "shop").await;
    assert!(with.contains("fillfactor=80") && with.contains("random_page_cost=1.1"), "{with}");
    assert!(!with.contains("by_name") && with.contains("odd \"\"%s :x ${y} #{z}"), "{with}");
    psql(&shop, &down.1);
    assert_eq!(catalog(&shop, "shop").await, before, "down undoes it to the letter");
    // Each file can be fetched by its name.
    let path = format!("/api/handover/{}?ids={ids}&format=sql", up.0.name);
    let response = app.get(&path).await;
    assert_eq!(response.status(), StatusCode::OK);
    assert!(response.headers()["content-disposition"].to_str().unwrap().contains(".up.sql"));
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
    assert!(handover.notes.iter().any(|note| note.contains("missing on main")));
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
    ] {
        let response = app.get(&format!("/api/handover?{query}")).await;
        assert_eq!(response.status().as_u16(), status, "{query}");
    }
    let response = app.get(&format!("/api/handover/nothing.sql?ids={system}")).await;
    assert_eq!(response.status(), StatusCode::NOT_FOUND);
    app.stop().await;
}
