//! Bad targets: each gives one clear sentence with the remedy, and the rest keeps working.

use std::sync::Arc;

use optischema::model::{Finding, Health, TargetKind, TargetState};
use optischema_server::config::{Settings, SettingsArgs};
use optischema_server::service::{Targets, rehearse_workload};
use reqwest::StatusCode;

use crate::fixture::{App, Shop};

async fn health(args: &SettingsArgs, kind: TargetKind) -> (TargetState, Vec<Finding>) {
    let app = App::start(args).await;
    let response = app.get("/api/health").await;
    assert_eq!(response.status(), StatusCode::OK, "health itself always answers");
    let text = response.text().await.unwrap();
    assert!(!text.contains("postgres://") && !text.contains(":test@"), "no DSN in {text}");
    let health: Health = serde_json::from_str(&text).unwrap();
    let target = health.target(kind).unwrap();
    let found = (target.state, target.findings.clone());
    // The rest keeps working.
    assert_eq!(app.get("/api/recommendations").await.status(), StatusCode::OK);
    app.stop().await;
    found
}

fn finding<'a>(findings: &'a [Finding], code: &str) -> &'a Finding {
    let found = findings.iter().find(|finding| finding.code == code);
    let found = found.unwrap_or_else(|| panic!("{code} is not among {findings:?}"));
    assert!(found.remedy.as_ref().is_some_and(|remedy| !remedy.is_empty()), "{found:?}");
    found
}

#[tokio::test]
async fn a_main_that_cannot_be_reached_says_why() {
    let shop = Shop::start().await;
    let good = shop.settings();
    let port = shop.cluster.port;
    for (url, word) in [
        (format!("postgres://reader:wrong@127.0.0.1:{port}/shop?sslmode=disable"), "password"),
        (
            format!("postgres://reader:test@127.0.0.1:{port}/nowhere?sslmode=disable"),
            "does not exist",
        ),
        ("postgres://reader:test@127.0.0.1:1/shop".to_owned(), "nothing answers"),
    ] {
        let args = SettingsArgs { main_url: Some(url.parse().unwrap()), ..good.clone() };
        let (state, findings) = health(&args, TargetKind::Main).await;
        assert_eq!(state, TargetState::Down);
        let message = &finding(&findings, "unreachable").message;
        assert!(message.contains(word), "{message}");
        // Without main the sandbox cannot be told from it, so nothing is written there.
        let app = App::start(&args).await;
        assert_eq!(app.post("/api/analyze").await.status(), StatusCode::SERVICE_UNAVAILABLE);
        app.stop().await;
    }
}

#[tokio::test]
async fn a_missing_extension_and_a_missing_hypopg_name_their_remedy() {
    let shop = Shop::start().await;
    shop.run("postgres", "shop", &["DROP EXTENSION hypopg"]).await;
    let (state, findings) = health(&shop.settings(), TargetKind::Main).await;
    assert_eq!(state, TargetState::Warning, "{findings:?}");
    assert_eq!(
        finding(&findings, "hypopg_missing").remedy.as_deref(),
        Some("CREATE EXTENSION hypopg;")
    );
    // Statements are still read; indexes are chosen by arithmetic, which says so.
    let app = App::start(&shop.settings()).await;
    let report: serde_json::Value = app.post("/api/analyze").await.json().await.unwrap();
    for recommendation in report["recommendations"].as_array().unwrap() {
        assert_eq!(recommendation["evidence"]["provenance"], "rule", "{recommendation}");
    }
    assert!(!report["statements"].as_array().unwrap().is_empty());
    app.stop().await;

    shop.run("postgres", "shop", &["DROP EXTENSION pg_stat_statements"]).await;
    let (state, findings) = health(&shop.settings(), TargetKind::Main).await;
    assert_eq!(state, TargetState::Down);
    let remedy = finding(&findings, "pg_stat_statements_missing").remedy.clone().unwrap();
    assert!(remedy.starts_with("CREATE EXTENSION pg_stat_statements"), "{remedy}");
}

#[tokio::test]
async fn a_role_that_could_write_is_refused_unless_allowed() {
    let shop = Shop::start().await;
    for (role, word) in [("postgres", "superuser"), ("app", "may write")] {
        let args = SettingsArgs {
            main_url: Some(shop.url(role, "shop").parse().unwrap()),
            ..shop.settings()
        };
        let (state, findings) = health(&args, TargetKind::Main).await;
        assert_eq!(state, TargetState::Down);
        let refused = finding(&findings, "role_privileged");
        assert!(refused.message.contains(word), "{refused:?}");
        assert!(refused.remedy.as_ref().unwrap().contains("GRANT pg_read_all_data"));
        let app = App::start(&args).await;
        assert_eq!(app.post("/api/analyze").await.status(), StatusCode::SERVICE_UNAVAILABLE);
        app.stop().await;
    }
    let args = SettingsArgs {
        main_url: Some(shop.url("postgres", "shop").parse().unwrap()),
        allow_privileged_main: Some(true),
        ..shop.settings()
    };
    assert_eq!(health(&args, TargetKind::Main).await.0, TargetState::Warning);
    shop.run("postgres", "postgres", &["CREATE ROLE poor LOGIN PASSWORD 'test'"]).await;
    let args = SettingsArgs {
        main_url: Some(shop.url("poor", "shop").parse().unwrap()),
        ..shop.settings()
    };
    let (_, findings) = health(&args, TargetKind::Main).await;
    assert!(
        finding(&findings, "stats_unreadable")
            .remedy
            .as_ref()
            .unwrap()
            .contains("pg_read_all_stats")
    );
}

#[tokio::test]
async fn a_sandbox_that_is_main_is_refused_and_nothing_is_written() {
    let shop = Shop::start().await;
    let before = shop.fingerprint("shop").await;
    let args = SettingsArgs {
        sandbox_url: Some(shop.url("app", "shop").parse().unwrap()),
        ..shop.settings()
    };
    let (state, findings) = health(&args, TargetKind::Sandbox).await;
    assert_eq!(state, TargetState::Down);
    assert!(finding(&findings, "sandbox_is_main").message.contains("main itself"));
    // Nothing is asked for that would let anybody write there.
    let remedies: Vec<String> = findings.iter().filter_map(|f| f.remedy.clone()).collect();
    assert!(!remedies.concat().contains("GRANT"), "{remedies:?}");

    let app = App::start(&args).await;
    let id = app.analyzed().await.id;
    // The benchmark falls back to the planner's word, and says why; no verdict is made up.
    let job = app.completed(&format!("/api/benchmark/{id}")).await;
    let result = job.result.unwrap();
    let result = result.benchmark().unwrap();
    assert_eq!(serde_json::to_value(result.source).unwrap(), "estimated");
    assert_eq!(serde_json::to_value(result.verdict).unwrap(), "inconclusive");
    assert!(result.source_reason.contains("main itself") && result.change_percent.is_none());
    assert_eq!(
        app.post(&format!("/api/apply/{id}")).await.status(),
        StatusCode::SERVICE_UNAVAILABLE
    );
    app.stop().await;
    assert_eq!(shop.fingerprint("shop").await, before);

    // On main's server, another database needs leave.
    let args = SettingsArgs { allow_same_server: Some(false), ..shop.settings() };
    let (_, findings) = health(&args, TargetKind::Sandbox).await;
    finding(&findings, "sandbox_on_main_server");
}

#[tokio::test]
async fn an_unreachable_sandbox_leaves_the_rest_working() {
    let shop = Shop::start().await;
    let args = SettingsArgs {
        sandbox_url: Some("postgres://a:b@127.0.0.1:1/c".parse().unwrap()),
        ..shop.settings()
    };
    let (state, findings) = health(&args, TargetKind::Sandbox).await;
    assert_eq!(state, TargetState::Down);
    finding(&findings, "unreachable");
    let app = App::start(&args).await;
    let id = app.analyzed().await.id;
    let job = app.completed(&format!("/api/benchmark/{id}")).await;
    assert_eq!(serde_json::to_value(job.result).unwrap()["source"], "estimated");
    app.stop().await;
}

#[tokio::test]
async fn an_extension_that_the_server_has_not_loaded_names_the_setting() {
    use optischema_server::demo::Cluster;
    let mut shop = Shop::start().await;
    shop.run(
        "postgres",
        "postgres",
        &["ALTER SYSTEM SET shared_preload_libraries = 'auto_explain'"],
    )
    .await;
    shop.cluster.stop().await.unwrap();
    shop.cluster = Cluster::start(&shop.folder.path().join("postgres"), "test").await.unwrap();
    let (state, findings) = health(&shop.settings(), TargetKind::Main).await;
    assert_eq!(state, TargetState::Down);
    let remedy = finding(&findings, "pg_stat_statements_not_loaded").remedy.clone().unwrap();
    assert!(
        remedy.contains("ALTER SYSTEM SET shared_preload_libraries = 'pg_stat_statements'"),
        "{remedy}"
    );
    let app = App::start(&shop.settings()).await;
    let response = app.post("/api/queries/collect").await;
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    let text = response.text().await.unwrap();
    assert!(text.contains("restart the server"), "{text}");
    app.stop().await;
}

#[tokio::test]
async fn a_workload_that_is_only_half_seen_is_a_warning_with_its_setting() {
    let shop = Shop::start().await;
    shop.run(
        "postgres",
        "shop",
        &[
            "ALTER SYSTEM SET pg_stat_statements.track = 'none'",
            "SELECT pg_reload_conf()",
            "CREATE TABLE secret (a int)",
            "REVOKE pg_read_all_data FROM reader",
        ],
    )
    .await;
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    let (state, findings) = health(&shop.settings(), TargetKind::Main).await;
    assert_eq!(state, TargetState::Warning);
    let remedy = finding(&findings, "statements_not_tracked").remedy.clone().unwrap();
    assert!(remedy.starts_with("ALTER SYSTEM SET pg_stat_statements.track"), "{remedy}");
    let remedy = finding(&findings, "tables_unreadable").remedy.clone().unwrap();
    assert_eq!(remedy, "GRANT pg_read_all_data TO reader");
}

/// What makes the role more than a reader, the code that says so, a word of the sentence, and of the remedy.
const POWERS: &[(&[&str], &str, &str, &str)] = &[
    (
        &["ALTER ROLE reader CREATEDB"],
        "role_privileged",
        "may create databases",
        "ALTER ROLE reader NOCREATEDB",
    ),
    (&["ALTER ROLE reader CREATEROLE"], "role_privileged", "may create roles", "NOCREATEROLE"),
    (
        &[
            "CREATE ROLE boss SUPERUSER NOLOGIN",
            "ALTER ROLE reader NOINHERIT",
            "GRANT boss TO reader",
        ],
        "role_privileged",
        "is a member of boss, which is a superuser",
        "REVOKE boss FROM reader",
    ),
    (
        &[
            "CREATE ROLE middle NOLOGIN",
            "CREATE ROLE top SUPERUSER NOLOGIN",
            "GRANT top TO middle",
            "GRANT middle TO reader",
        ],
        "role_privileged",
        "is a member of top through middle",
        "REVOKE middle FROM reader",
    ),
    (
        &["GRANT pg_read_server_files TO reader"],
        "role_privileged",
        "pg_read_server_files",
        "REVOKE pg_read_server_files FROM reader",
    ),
    (
        &["GRANT EXECUTE ON FUNCTION pg_reload_conf() TO reader"],
        "role_could_change",
        "may call pg_catalog.pg_reload_conf()",
        "REVOKE EXECUTE ON FUNCTION pg_catalog.pg_reload_conf() FROM reader",
    ),
    (
        &["GRANT ALTER SYSTEM ON PARAMETER work_mem TO reader"],
        "role_privileged",
        "may change the server's work_mem",
        "REVOKE ALTER SYSTEM ON PARAMETER work_mem FROM reader",
    ),
    (
        &["ALTER TABLE orders OWNER TO reader", "REVOKE ALL ON orders FROM reader"],
        "role_privileged",
        "may write public.orders, which reader owns",
        "ALTER TABLE public.orders OWNER TO",
    ),
    (
        &["ALTER SCHEMA public OWNER TO reader", "REVOKE CREATE ON SCHEMA public FROM reader"],
        "role_privileged",
        "may create objects in the schema public, which reader owns",
        "ALTER SCHEMA public OWNER TO",
    ),
    (
        &["GRANT pg_monitor TO reader", "GRANT DELETE ON orders TO pg_monitor"],
        "role_privileged",
        "may write public.orders (DELETE, granted to pg_monitor)",
        "REVOKE DELETE ON TABLE public.orders FROM pg_monitor",
    ),
    (
        &["GRANT CREATE ON SCHEMA pg_catalog TO reader"],
        "role_could_change",
        "may create objects in the schema pg_catalog",
        "REVOKE CREATE ON SCHEMA pg_catalog FROM reader",
    ),
    (
        &["GRANT UPDATE ON information_schema.sql_features TO reader"],
        "role_privileged",
        "may write information_schema.sql_features (UPDATE, granted to reader)",
        "REVOKE UPDATE ON TABLE information_schema.sql_features FROM reader",
    ),
    (
        &["GRANT CREATE ON DATABASE postgres TO reader"],
        "role_could_change",
        "may create objects in the database postgres",
        "REVOKE CREATE ON DATABASE postgres FROM reader",
    ),
    (
        &["CREATE ROLE plain", "GRANT plain TO reader", "ALTER ROLE reader SET role = 'plain'"],
        "role_privileged",
        "logs in as reader and is plain by a setting only",
        "ALTER ROLE reader RESET role",
    ),
    (
        &["GRANT app TO reader"],
        "role_privileged",
        "may write public.orders, which app owns",
        "REVOKE app FROM reader",
    ),
    (&["GRANT pg_signal_backend TO reader"], "role_privileged", "pg_signal_backend", "REVOKE"),
    (
        &["GRANT UPDATE (name) ON orders TO reader"],
        "role_privileged",
        "may write public.orders (UPDATE (name), granted to reader)",
        "REVOKE UPDATE (name) ON TABLE public.orders FROM reader",
    ),
    (
        &["CREATE VIEW seen AS SELECT * FROM orders", "GRANT INSERT ON seen TO PUBLIC"],
        "role_privileged",
        "public.seen (INSERT, granted to PUBLIC)",
        "REVOKE INSERT ON TABLE public.seen FROM PUBLIC",
    ),
    (
        &["CREATE SEQUENCE counting", "GRANT USAGE ON SEQUENCE counting TO reader"],
        "role_privileged",
        "public.counting (USAGE",
        "REVOKE USAGE ON SEQUENCE public.counting FROM reader",
    ),
    (
        &[
            "CREATE ROLE writers NOLOGIN",
            "GRANT DELETE ON orders TO writers",
            "ALTER ROLE reader NOINHERIT",
            "GRANT writers TO reader",
        ],
        "role_privileged",
        "DELETE, granted to writers",
        "REVOKE writers FROM reader",
    ),
    (
        &["CREATE TABLE own (a int)", "ALTER TABLE own OWNER TO reader"],
        "role_privileged",
        "may write public.own, which reader owns",
        "ALTER TABLE public.own OWNER TO",
    ),
    (
        &[
            "CREATE FUNCTION mine() RETURNS int LANGUAGE sql AS 'SELECT 1'",
            "ALTER FUNCTION mine() OWNER TO reader",
        ],
        "role_privileged",
        "may replace the function public.mine()",
        "ALTER ROUTINE public.mine() OWNER TO",
    ),
    (
        &["GRANT CREATE ON SCHEMA public TO PUBLIC"],
        "role_could_change",
        "schema public (CREATE, granted to PUBLIC)",
        "REVOKE CREATE ON SCHEMA public FROM PUBLIC",
    ),
    (
        &["GRANT CREATE ON DATABASE shop TO reader"],
        "role_could_change",
        "database shop (CREATE, granted to reader)",
        "REVOKE CREATE ON DATABASE shop FROM reader",
    ),
    (
        &["CREATE FUNCTION raised(int) RETURNS int SECURITY DEFINER LANGUAGE sql AS 'SELECT $1'"],
        "role_could_change",
        "SECURITY DEFINER function public.raised(integer)",
        "REVOKE EXECUTE ON ROUTINE public.raised(integer) FROM PUBLIC",
    ),
    (
        &[
            "CREATE PROCEDURE raised(a int, INOUT b numeric(5, 2)) SECURITY DEFINER LANGUAGE sql AS 'SELECT 1.5'",
        ],
        "role_could_change",
        "SECURITY DEFINER procedure public.raised(integer, numeric)",
        "REVOKE EXECUTE ON ROUTINE public.raised(integer, numeric) FROM PUBLIC",
    ),
    (
        &[
            "CREATE AGGREGATE summed(int) (SFUNC = int4pl, STYPE = int)",
            "ALTER AGGREGATE summed(int) OWNER TO reader",
        ],
        "role_privileged",
        "may replace the aggregate public.summed(integer)",
        "ALTER ROUTINE public.summed(integer) OWNER TO",
    ),
    (
        &[
            "CREATE ROLE lender NOLOGIN",
            "GRANT INSERT ON orders TO lender WITH GRANT OPTION",
            "SET ROLE lender",
            "GRANT INSERT ON orders TO reader",
        ],
        "role_privileged",
        "may write public.orders (INSERT, granted to reader)",
        "SET ROLE lender; REVOKE INSERT ON TABLE public.orders FROM reader; RESET ROLE;",
    ),
    (
        &["GRANT EXECUTE ON FUNCTION pg_stat_statements_reset TO reader"],
        "role_could_change",
        "may call public.pg_stat_statements_reset(",
        "REVOKE EXECUTE ON FUNCTION public.pg_stat_statements_reset(",
    ),
    (
        &["SELECT lo_create(4343)", "GRANT UPDATE ON LARGE OBJECT 4343 TO reader"],
        "role_privileged",
        "may write the large object 4343",
        "REVOKE UPDATE ON LARGE OBJECT 4343 FROM reader;",
    ),
    (
        &["CREATE FOREIGN DATA WRAPPER far", "GRANT USAGE ON FOREIGN DATA WRAPPER far TO reader"],
        "role_could_change",
        "may make foreign servers of the wrapper far",
        "REVOKE USAGE ON FOREIGN DATA WRAPPER far FROM reader;",
    ),
    (
        &[
            "CREATE FOREIGN DATA WRAPPER far",
            "CREATE SERVER away FOREIGN DATA WRAPPER far",
            "GRANT USAGE ON FOREIGN SERVER away TO reader",
        ],
        "role_could_change",
        "may make user mappings for the foreign server away",
        "REVOKE USAGE ON FOREIGN SERVER away FROM reader;",
    ),
    (
        &[
            "CREATE FOREIGN DATA WRAPPER far",
            "CREATE SERVER away FOREIGN DATA WRAPPER far",
            "CREATE STATISTICS public.both_of ON id, name FROM orders",
            "CREATE DOMAIN public.small AS int",
            "CREATE TYPE public.shade AS ENUM ('dark')",
            "CREATE OPERATOR public.=== (LEFTARG = int, RIGHTARG = int, FUNCTION = int4eq)",
            "CREATE PUBLICATION told FOR TABLE orders",
            "SELECT lo_create(4344)",
            "ALTER STATISTICS public.both_of OWNER TO reader",
            "ALTER DOMAIN public.small OWNER TO reader",
            "ALTER TYPE public.shade OWNER TO reader",
            "ALTER OPERATOR public.=== (int, int) OWNER TO reader",
            "ALTER LARGE OBJECT 4344 OWNER TO reader",
            "ALTER SERVER away OWNER TO reader",
            "ALTER ROLE reader SUPERUSER",
            "ALTER PUBLICATION told OWNER TO reader",
            "ALTER ROLE reader NOSUPERUSER",
        ],
        "role_privileged",
        "which reader owns",
        "ALTER STATISTICS public.both_of OWNER TO CURRENT_USER;",
    ),
];

/// From PostgreSQL 16 on a membership says what it gives: only what the role has or can take on counts.
#[tokio::test]
async fn memberships_count_by_what_they_give() {
    let shop = Shop::start().await;
    if shop.version().await < 160_000 {
        return;
    }
    shop.run("postgres", "shop", &["CREATE ROLE middle NOLOGIN", "CREATE ROLE writers NOLOGIN"])
        .await;
    shop.run("postgres", "shop", &["GRANT INSERT ON orders TO writers"]).await;
    let (none, inherit, set, admin) = (
        "INHERIT FALSE, SET FALSE",
        "INHERIT TRUE, SET FALSE",
        "INHERIT FALSE, SET TRUE",
        "INHERIT FALSE, SET FALSE, ADMIN TRUE",
    );
    for (to_middle, to_writers, counts) in [
        (none, inherit, false),
        (inherit, none, false),
        (inherit, inherit, true),
        // SET ROLE asks for SET all the way.
        (inherit, set, false),
        (set, set, true),
        (set, inherit, true),
        (admin, none, false),
        (admin, set, true),
        (inherit, admin, true),
    ] {
        let grants = [
            format!("GRANT middle TO reader WITH {to_middle}"),
            format!("GRANT writers TO middle WITH {to_writers}"),
        ];
        shop.run("postgres", "shop", &[&grants[0], &grants[1]]).await;
        let (_, findings) = health(&shop.settings(), TargetKind::Main).await;
        let writes = |finding: &Finding| finding.message.contains("granted to writers");
        assert_eq!(findings.iter().any(writes), counts, "{grants:?}: {findings:?}");
        shop.run("postgres", "shop", &["REVOKE middle FROM reader", "REVOKE writers FROM middle"])
            .await;
    }
    // A grant of somebody else is taken away only by name.
    shop.run(
        "postgres",
        "shop",
        &[
            "CREATE ROLE boss SUPERUSER NOLOGIN",
            "CREATE ROLE lender NOLOGIN",
            "GRANT boss TO lender WITH ADMIN TRUE",
            "GRANT boss TO reader WITH INHERIT FALSE GRANTED BY lender",
        ],
    )
    .await;
    let (_, findings) = health(&shop.settings(), TargetKind::Main).await;
    let remedy = finding(&findings, "role_privileged").remedy.clone().unwrap();
    assert!(remedy.ends_with("\nREVOKE boss FROM reader GRANTED BY lender;"), "{remedy}");
    follow(&shop, &remedy.lines().collect::<Vec<_>>()).await;
    let (_, findings) = health(&shop.settings(), TargetKind::Main).await;
    assert!(findings.iter().any(|finding| finding.code == "role"), "{findings:?}");
}

/// Runs what a remedy says, as a superuser. Each line is one or more statements, and may end with a comment.
async fn follow(shop: &Shop, lines: &[&str]) {
    let statements: Vec<&str> = lines
        .iter()
        .filter_map(|line| line.split("--").next())
        .flat_map(|line| line.split(';'))
        .map(str::trim)
        .filter(|statement| !statement.is_empty())
        .collect();
    shop.run("postgres", "shop", &statements).await;
}

/// The answer is about what the role could do, by itself or as any role that it is a member of.
#[tokio::test]
async fn a_role_that_could_do_more_than_read_is_named_with_its_revoke() {
    for (setup, code, said, remedy) in POWERS {
        let shop = Shop::start().await;
        shop.run("postgres", "shop", setup).await;
        let (state, findings) = health(&shop.settings(), TargetKind::Main).await;
        let found = finding(&findings, code);
        assert!(found.message.contains(said), "{setup:?}: {found:?}");
        assert!(found.remedy.as_ref().unwrap().contains(remedy), "{setup:?}: {found:?}");
        assert!(!findings.iter().any(|finding| finding.code == "role"), "{setup:?}");
        let refused = *code == "role_privileged";
        assert_eq!(state == TargetState::Down, refused, "{setup:?}: {state:?}");
        // Whoever does as it says hears of it no more.
        let statements: Vec<&str> = found.remedy.as_ref().unwrap().lines().collect();
        follow(&shop, &statements).await;
        let (_, findings) = health(&shop.settings(), TargetKind::Main).await;
        let messages: Vec<&String> = findings.iter().map(|finding| &finding.message).collect();
        assert!(!messages.iter().any(|message| message.contains(said)), "{setup:?}: {messages:?}");
    }
    let shop = Shop::start().await;
    // As README says: what is set for this role is no fault of the server's.
    shop.run("postgres", "postgres", &["ALTER ROLE reader SET pg_stat_statements.track = 'none'"])
        .await;
    let (state, findings) = health(&shop.settings(), TargetKind::Main).await;
    assert!(!findings.iter().any(|finding| finding.code == "statements_not_tracked"));
    let role = findings.iter().find(|finding| finding.code == "role").unwrap();
    assert_eq!(role.message, "The role can read and cannot write.");
    assert_eq!(state, TargetState::Ok, "{findings:?}");
}

/// A misspelt name vouches for nothing, and nobody would know.
#[tokio::test]
async fn a_function_that_is_vouched_for_and_not_there_is_named() {
    let shop = Shop::start().await;
    let create = "CREATE FUNCTION plain(int) RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT $1'";
    shop.run("app", "shop", &[create]).await;
    let names = ["public.plain", "public.*", "public.plian", "nowhere.*"];
    let trusted_functions = Some(names.map(str::to_owned).to_vec());
    let settings = SettingsArgs { trusted_functions, ..shop.settings() };
    let (_, findings) = health(&settings, TargetKind::Main).await;
    let found = finding(&findings, "trusted_functions_missing");
    assert!(found.message.ends_with("not there: nowhere.*, public.plian."), "{found:?}");
    let (_, findings) = health(&shop.settings(), TargetKind::Main).await;
    assert!(!findings.iter().any(|finding| finding.code == "trusted_functions_missing"));
}

/// `check` plans the workload: it says what share can be planned, and what is in the way of the rest.
#[tokio::test]
async fn the_check_rehearses_the_workload() {
    let shop = Shop::start().await;
    let setup = [
        "CREATE EXTENSION citext",
        "CREATE TABLE member (id int PRIMARY KEY, nick citext NOT NULL, folder int NOT NULL)",
        "INSERT INTO member SELECT g, 'nick' || g, g % 7 FROM generate_series(1, 5000) g",
        "CREATE FUNCTION folder_of(text) RETURNS int LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN length($1); END'",
        "CREATE TABLE memo (id int PRIMARY KEY, author int NOT NULL)",
        "ALTER TABLE memo ENABLE ROW LEVEL SECURITY",
        "CREATE POLICY own ON memo USING (author = 7)",
        "GRANT SELECT ON memo, member TO app",
        "ANALYZE",
    ];
    shop.run("postgres", "shop", &setup).await;
    let used = [
        "SELECT id FROM member WHERE folder = folder_of('abc')",
        "SELECT id FROM memo WHERE author = 7",
        "SELECT id FROM member WHERE folder = 3",
    ];
    shop.run("app", "shop", &used).await;
    let settings = Settings::resolve(&shop.settings()).unwrap();
    let mut targets = Targets::new(Arc::new(settings.clone())).check().await;
    rehearse_workload(&settings, &mut targets).await;
    let of = |kind| targets.iter().find(|target| target.target == kind).unwrap();
    let main = &of(TargetKind::Main).findings;
    let planned = main.iter().find(|finding| finding.code == "workload_planned").unwrap();
    assert!(planned.message.contains("statements can be planned"), "{}", planned.message);
    let remedy = |code: &str| finding(main, code).remedy.clone().unwrap();
    assert_eq!(remedy("functions_in_the_way"), "OPTISCHEMA_TRUSTED_FUNCTIONS=public.folder_of");
    assert_eq!(remedy("policies_in_the_way"), "ALTER ROLE \"reader\" BYPASSRLS;");
    let sandbox = &of(TargetKind::Sandbox).findings;
    let lacking = finding(sandbox, "extensions_missing");
    assert!(lacking.message.contains("citext"), "{lacking:?}");
    assert!(!lacking.message.contains("pg_stat_statements"), "{lacking:?}");
    // The line, pasted, lets them be planned.
    let trusted = Some(vec!["public.folder_of".to_owned()]);
    let args = SettingsArgs { trusted_functions: trusted, ..shop.settings() };
    let settings = Settings::resolve(&args).unwrap();
    shop.run("postgres", "shop", &["ALTER ROLE reader BYPASSRLS"]).await;
    shop.run("sandbox", "staging", &["CREATE EXTENSION citext"]).await;
    let mut targets = Targets::new(Arc::new(settings.clone())).check().await;
    rehearse_workload(&settings, &mut targets).await;
    let codes: Vec<&str> =
        targets.iter().flat_map(|t| &t.findings).map(|finding| finding.code.as_str()).collect();
    for code in ["functions_in_the_way", "policies_in_the_way", "extensions_missing"] {
        assert!(!codes.contains(&code), "{codes:?}");
    }
}
