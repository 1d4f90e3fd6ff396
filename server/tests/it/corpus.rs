//! What databases really run: forms of statements, and what mappers and drivers send (recorded from the packages that the
//! first line of each file names). Each is planned, or is known to hold no search for rows.

use std::path::{Path, PathBuf};
use std::time::Duration;

use optischema::model::{QueryKind, ReasonCode, TrackedStatement};
use optischema_server::analysis::analyze_once;
use optischema_server::config::{Settings, SettingsArgs};
use optischema_server::workload::{AdviseLimits, read_sql};

use crate::fixture::Shop;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus")
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

async fn make(shop: &Shop, database: &str, schema: &str) {
    let statements: Vec<String> =
        read_sql(schema).unwrap().into_iter().map(|raw| raw.sql).collect();
    // HypoPG is not there for every version, and planning needs none.
    let needed = |sql: &&str| !sql.ends_with("hypopg");
    let statements: Vec<&str> = statements.iter().map(String::as_str).filter(needed).collect();
    let grants = "DO $$ DECLARE s text; BEGIN
        FOR s IN SELECT nspname FROM pg_namespace WHERE nspname !~ '^(pg_|information_schema)' LOOP
            EXECUTE format('GRANT USAGE ON SCHEMA %I TO reader', s);
            EXECUTE format('GRANT SELECT ON ALL TABLES IN SCHEMA %I TO reader', s);
        END LOOP; END $$";
    shop.run("postgres", database, &statements).await;
    shop.run("postgres", database, &[grants]).await;
}

async fn understood(shop: &Shop, database: &str, workload: &str) -> Vec<TrackedStatement> {
    let args = SettingsArgs {
        main_texts_per_hour: Some(100_000),
        main_planner_calls_per_minute: Some(1_000_000),
        main_url: Some(shop.url("reader", database).parse().unwrap()),
        ..shop.settings()
    };
    let settings = Settings::resolve(&args).unwrap();
    // Only what is planned counts here, not what is advised.
    let limits = AdviseLimits { deadline: Duration::from_millis(100), ..AdviseLimits::default() };
    let (collection, _) =
        analyze_once(&settings, Some(&mut workload.as_bytes()), &limits).await.unwrap();
    collection.statements
}

/// Statements that hold a search for rows.
fn searches(statements: Vec<TrackedStatement>) -> Vec<TrackedStatement> {
    let is_search = |statement: &TrackedStatement| {
        let code = statement.plannable.as_ref().err().map(|reason| reason.code);
        statement.kind == QueryKind::User && code != Some(ReasonCode::RowsGiven)
    };
    statements.into_iter().filter(is_search).collect()
}

/// What is not planned, and why.
fn left(statements: &[TrackedStatement]) -> Vec<String> {
    let line = |statement: &TrackedStatement| {
        let reason = statement.plannable.as_ref().err()?;
        Some(format!("{}: {reason}: {}", reason.code, statement.sql.replace('\n', " ")))
    };
    statements.iter().filter_map(line).collect()
}

struct Form {
    sql: String,
    is_planned: bool,
    from: u32,
}

fn forms() -> Vec<Form> {
    let text = read(&folder().join("forms.sql"));
    let forms = text.split("-- form:").skip(1).map(|form| {
        let (head, sql): (Vec<&str>, Vec<&str>) =
            form.lines().skip(1).partition(|line| line.starts_with("-- "));
        let note =
            |name: &str| head.iter().find_map(|line| line.strip_prefix("-- ")?.strip_prefix(name));
        Form {
            sql: sql.join("\n").trim().to_owned(),
            is_planned: note("expect:").is_none(),
            from: note("from:").map_or(0, |from| from.trim().parse().unwrap()),
        }
    });
    forms.collect()
}

const MULTIRANGE: &str =
    "int4multirange(int4range(i % 10, i % 10 + 5), int4range(i % 10 + 20, i % 10 + 30))";
const RANGE: &str = "int4range(i % 10, i % 10 + 5)";

#[tokio::test]
async fn forms_of_statements_are_planned() {
    let shop = Shop::start().await;
    let version = shop.version().await / 10_000;
    shop.run("postgres", "postgres", &["CREATE DATABASE forms OWNER app"]).await;
    let mut schema = read(&folder().join("schema.sql"));
    if version < 14 {
        // Multiranges came with 14: the column is a range there.
        schema =
            schema.replace("seats int4multirange", "seats int4range").replace(MULTIRANGE, RANGE);
    }
    make(&shop, "forms", &schema).await;
    let forms = forms();
    assert!(forms.len() >= 250, "{}", forms.len());
    let of = |is_planned: bool| {
        let fitting = forms.iter().filter(|f| f.is_planned == is_planned && f.from <= version);
        fitting.map(|form| form.sql.as_str()).collect::<Vec<_>>().join("\n")
    };
    let planned = understood(&shop, "forms", &of(true)).await;
    let searches = searches(planned);
    let (left, planned) = (left(&searches), searches);
    assert!(left.len() * 100 <= planned.len(), "{} of {}: {left:#?}", left.len(), planned.len());
    let others = understood(&shop, "forms", &of(false)).await;
    let planned: Vec<&str> =
        others.iter().filter(|s| s.plannable.is_ok()).map(|s| s.sql.as_str()).collect();
    assert!(planned.is_empty(), "{planned:#?}");
}

#[tokio::test]
async fn what_mappers_and_drivers_send_is_planned() {
    let shop = Shop::start().await;
    let mut seen = 0;
    for name in [
        "django",
        "drizzle",
        "knex",
        "prisma_join",
        "prisma_query",
        "sequelize",
        "sqlalchemy_asyncpg",
        "sqlalchemy_psycopg",
        "sqlx",
        "typeorm",
    ] {
        let folder = folder().join("orms");
        make(&shop, "shop", &read(&folder.join(format!("{name}.schema.sql")))).await;
        let texts = read(&folder.join(format!("{name}.sql")));
        let workload = format!("SET search_path = {name}, public;\n{texts}");
        let statements = understood(&shop, "shop", &workload).await;
        let searches = searches(statements);
        assert_eq!(left(&searches), Vec::<String>::new(), "{name}");
        seen += searches.len();
    }
    assert!(seen > 800, "{seen}");
}
