//! The staging copy against what it copies: `pg_dump` of both, row by row and object by object.

use std::path::PathBuf;
use std::process::Command;

use optischema::model::TableName;
use optischema_server::config::DumpProgram;
use optischema_server::postgres::{Dsn, MainSession, OutOfReach, Session, connect_writable};
use optischema_server::sandbox::{
    Cause, SandboxError, StagingOptions, StagingReport, definitions_from_catalogs, drop_staging,
    init_staging,
};
use optischema_server::sql::DumpKind;
use sqlx::Executor;

use crate::fixture::Shop;

/// Public applications in miniature, each with its hard parts: the second file wants PostgreSQL 15.
const MINIATURES: &[(&str, &str, &str)] = &[
    (
        "forum",
        include_str!("../corpus/copies/forum.sql"),
        include_str!("../corpus/copies/forum.since15.sql"),
    ),
    (
        "forge",
        include_str!("../corpus/copies/forge.sql"),
        include_str!("../corpus/copies/forge.since15.sql"),
    ),
    ("social", include_str!("../corpus/copies/social.sql"), ""),
    (
        "erp",
        include_str!("../corpus/copies/erp.sql"),
        include_str!("../corpus/copies/erp.since15.sql"),
    ),
    (
        "backend",
        include_str!("../corpus/copies/backend.sql"),
        include_str!("../corpus/copies/backend.since15.sql"),
    ),
    (
        "metrics",
        include_str!("../corpus/copies/metrics.sql"),
        include_str!("../corpus/copies/metrics.since15.sql"),
    ),
    ("odd", include_str!("../corpus/copies/odd.sql"), ""),
    (
        "geo",
        include_str!("../corpus/copies/geo.sql"),
        include_str!("../corpus/copies/geo.since15.sql"),
    ),
];
const FEATURES: &str = include_str!("../corpus/copies/features.since18.sql");

/// A copy with everything that can be had.
pub fn options() -> StagingOptions {
    StagingOptions {
        limit_bytes: 1 << 30,
        sample_percent: 1.0,
        with_functions: false,
        program: DumpProgram::Found,
        replaces: false,
    }
}

fn with_functions() -> StagingOptions {
    StagingOptions { with_functions: true, ..options() }
}

/// Copies one database into another, each named with the role that is used there.
pub async fn copied(
    shop: &Shop,
    main: (&str, &str),
    sandbox: (&str, &str),
    options: &StagingOptions,
) -> StagingReport {
    copied_saying(shop, main, sandbox, options, &mut |_| {}).await.unwrap()
}

async fn copied_saying(
    shop: &Shop,
    (main, reader): (&str, &str),
    (sandbox, owner): (&str, &str),
    options: &StagingOptions,
    say: &mut (dyn FnMut(&str) + Send),
) -> Result<StagingReport, SandboxError> {
    let main: Dsn = shop.url(reader, main).parse().unwrap();
    let sandbox: Dsn = shop.url(owner, sandbox).parse().unwrap();
    let mut session = connect_writable(&sandbox, 60).await.unwrap();
    let mut main = MainSession::begin(&main).await.unwrap();
    main.read_rows_whole().await.unwrap();
    let more = || -> futures_util::future::BoxFuture<'_, Result<Session, SandboxError>> {
        Box::pin(async { Ok(connect_writable(&sandbox, 60).await?) })
    };
    init_staging(&mut main, &mut session.connection, Some(&more), options, say).await
}

/// Runs a script as psql does.
#[expect(clippy::disallowed_methods, reason = "a script of the test's own has many statements")]
async fn run_script(connection: &mut sqlx::PgConnection, script: &str) {
    let script = sqlx::raw_sql(sqlx::AssertSqlSafe(script.to_owned()));
    connection.execute(script).await.unwrap();
}

/// A database with a miniature in it, and an empty one for its copy: `main_NAME` and `copy_NAME`.
pub async fn miniature(shop: &Shop, name: &str, scripts: &[&str]) {
    let is_new = shop.version().await >= 150_000;
    for statement in [
        format!("DROP DATABASE IF EXISTS copy_{name}"),
        format!("DROP DATABASE IF EXISTS main_{name}"),
        format!("CREATE DATABASE main_{name}"),
        format!("CREATE DATABASE copy_{name} OWNER sandbox"),
    ] {
        shop.run("postgres", "postgres", &[&statement]).await;
    }
    let mut connection = shop.connect("postgres", &format!("main_{name}")).await;
    for script in scripts.iter().take(if is_new { 2 } else { 1 }) {
        run_script(&mut connection, script).await;
    }
    if shop.version().await < 140_000 {
        let grants = shop
            .text(
                &format!("main_{name}"),
                "SELECT string_agg(format('GRANT USAGE ON SCHEMA %I TO reader; GRANT SELECT ON ALL TABLES IN SCHEMA %I TO reader', nspname, nspname), ';')
                 FROM pg_namespace WHERE oid >= 16384 OR nspname = 'public'",
            )
            .await;
        run_script(&mut connection, &grants).await;
    }
}

/// A `pg_dump` of the machine that reads the cluster.
async fn pg_dump(shop: &Shop) -> Option<PathBuf> {
    let wanted = shop.version().await / 10_000;
    let own = shop.cluster.programs().join("pg_dump");
    let installed =
        (wanted..=19).map(|v| PathBuf::from(format!("/usr/lib/postgresql/{v}/bin/pg_dump")));
    std::iter::once(own).chain(installed).find(|program| program.exists())
}

/// Every definition of a database, in an order of its own: by `pg_dump` where there is one.
async fn definitions(shop: &Shop, database: &str) -> Vec<String> {
    let Some(program) = pg_dump(shop).await else {
        let dsn: Dsn = shop.url("postgres", database).parse().unwrap();
        let mut session = MainSession::begin(&dsn).await.unwrap();
        let mut found: Vec<String> =
            definitions_from_catalogs(&mut session, &OutOfReach::default())
                .await
                .unwrap()
                .into_iter()
                .map(|statement| {
                    format!("{:?} {}: {}", statement.kind, statement.object, statement.sql)
                })
                .collect();
        found.sort();
        return found;
    };
    let output = Command::new(program)
        .args([
            "--schema-only",
            "--no-owner",
            "--no-acl",
            "--exclude-schema=optischema",
            "--dbname",
        ])
        .arg(shop.url("postgres", database))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let script = String::from_utf8(output.stdout).unwrap();
    script.split("\n--\n").filter(|part| !part.contains("restrict")).map(str::to_owned).collect()
}

/// Rows of every table, materialized view and sequence, as counts and a hash of the rows.
async fn rows(shop: &Shop, database: &str) -> String {
    shop.text(
        database,
        "SELECT string_agg(format('%s.%s: %s', n.nspname, c.relname, CASE
             WHEN c.relkind = 'm' AND NOT c.relispopulated THEN 'not populated'
             ELSE (xpath('/row/rows/text()', query_to_xml(format(
                 'SELECT count(*) || '' '' || coalesce(sum(hashtext(t::text)), 0) AS rows FROM ONLY %I.%I t', n.nspname, c.relname), false, true, '')))[1]::text END),
             E'\\n' ORDER BY n.nspname, c.relname)
         FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
         WHERE c.relkind IN ('r', 'm') AND c.oid >= 16384 AND n.nspname <> 'optischema'",
    )
    .await
}

async fn assert_alike(shop: &Shop, name: &str) {
    let (main, copy) = (format!("main_{name}"), format!("copy_{name}"));
    let (of_main, of_copy) = (definitions(shop, &main).await, definitions(shop, &copy).await);
    let missing: Vec<&String> = of_main.iter().filter(|part| !of_copy.contains(part)).collect();
    let other: Vec<&String> = of_copy.iter().filter(|part| !of_main.contains(part)).collect();
    assert!(
        missing.is_empty() && other.is_empty(),
        "{name}: missing {missing:#?}, other {other:#?}"
    );
    assert_eq!(rows(shop, &main).await, rows(shop, &copy).await, "{name}");
    let positions = "SELECT string_agg(format('%s.%s %s', schemaname, sequencename, last_value), E'\\n' ORDER BY schemaname, sequencename) FROM pg_sequences WHERE schemaname <> 'optischema'";
    assert_eq!(shop.text(&main, positions).await, shop.text(&copy, positions).await, "{name}");
}

/// An operator class can be made by a superuser alone, and only pg_dump writes one out.
fn owner_of(name: &str) -> &str {
    if name == "geo" { "postgres" } else { "sandbox" }
}

#[tokio::test]
async fn miniatures_of_public_applications_are_copied_whole() {
    let shop = Shop::start().await;
    let has_program = pg_dump(&shop).await.is_some();
    for (name, first, second) in MINIATURES {
        if *name == "geo" && !has_program {
            continue;
        }
        miniature(&shop, name, &[first, second]).await;
        let (main, copy) = (format!("main_{name}"), format!("copy_{name}"));
        let report =
            copied(&shop, (&main, "postgres"), (&copy, owner_of(name)), &with_functions()).await;
        assert_eq!(report.skipped, [], "{name}");
        assert_eq!(report.lacks.sentences(), Vec::<String>::new(), "{name}");
        assert_eq!(report.program.is_some(), has_program);
        assert_alike(&shop, name).await;
    }
}

/// Without a pg_dump the same comes of the catalogs.
#[tokio::test]
async fn the_catalogs_give_the_same_copy_as_pg_dump() {
    let shop = Shop::start().await;
    let options = StagingOptions { program: DumpProgram::None, ..with_functions() };
    for (name, first, second) in MINIATURES.iter().filter(|(name, ..)| *name != "geo") {
        miniature(&shop, name, &[first, second]).await;
        let (main, copy) = (format!("main_{name}"), format!("copy_{name}"));
        let report = copied(&shop, (&main, "postgres"), (&copy, "sandbox"), &options).await;
        assert_eq!(report.skipped, [], "{name}");
        assert_eq!(report.lacks.sentences(), Vec::<String>::new(), "{name}");
        assert_eq!(report.program, None);
        assert_alike(&shop, name).await;
    }
}

#[tokio::test]
async fn features_of_18_are_copied_whole() {
    let shop = Shop::start().await;
    if shop.version().await < 180_000 {
        return;
    }
    for program in [DumpProgram::Found, DumpProgram::None] {
        miniature(&shop, "features", &[FEATURES]).await;
        let options = StagingOptions { program, ..with_functions() };
        let report =
            copied(&shop, ("main_features", "postgres"), ("copy_features", "sandbox"), &options)
                .await;
        assert_eq!(report.lacks.sentences(), Vec::<String>::new());
        assert_alike(&shop, "features").await;
    }
}

/// A copy that was cut off, one that is there already, and one made anew: all end alike.
#[tokio::test]
async fn a_second_copy_a_cut_off_one_and_one_made_anew_end_alike() {
    let shop = Shop::start().await;
    let (name, first, second) = MINIATURES[1];
    miniature(&shop, name, &[first, second]).await;
    let (main, copy) = (("main_forge", "postgres"), ("copy_forge", "sandbox"));
    for moment in
        ["reading", "creating", "copying partitions_static.build_100", "building", "collecting"]
    {
        let mut sandbox = shop.connect("sandbox", "copy_forge").await;
        drop_staging(&mut sandbox).await.unwrap();
        let mut reached = false;
        let (stop, stopped) = tokio::sync::oneshot::channel();
        let mut stop = Some(stop);
        let mut say = |said: &str| {
            if said.starts_with(moment) {
                reached = true;
                stop.take().map(|stop| stop.send(()));
            }
        };
        let options = with_functions();
        tokio::select! {
            biased;
            _ = stopped => {}
            made = copied_saying(&shop, main, copy, &options, &mut say) => { made.unwrap(); }
        }
        assert!(reached, "{moment}");
        let report = copied(&shop, main, copy, &with_functions()).await;
        assert!(report.lacks.is_empty(), "{moment}: {:?}", report.lacks);
        assert_alike(&shop, name).await;
    }
    let report = copied(&shop, main, copy, &with_functions()).await;
    assert_eq!(report.copied, []);
    assert!(report.present.len() > 5 && report.lacks.is_empty(), "{report:?}");
    assert_alike(&shop, name).await;
    // Of the copy nothing is left once it is dropped; what a person made stays.
    shop.run("sandbox", "copy_forge", &["CREATE TABLE public.mine AS SELECT 1 AS id"]).await;
    let mut sandbox = shop.connect("sandbox", "copy_forge").await;
    drop_staging(&mut sandbox).await.unwrap();
    let left = shop
        .text(
            "copy_forge",
            "SELECT string_agg(o, ' ' ORDER BY o) FROM (
                 SELECT oid::regclass::text FROM pg_class WHERE oid >= 16384 AND relnamespace::regnamespace::text !~ '^(pg_|optischema)'
                 UNION ALL SELECT oid::regprocedure::text FROM pg_proc WHERE oid >= 16384
                 UNION ALL SELECT oid::regtype::text FROM pg_type WHERE oid >= 16384 AND typnamespace::regnamespace::text !~ '^(pg_|optischema)'
                 UNION ALL SELECT nspname FROM pg_namespace WHERE oid >= 16384 AND nspname <> 'optischema' AND nspname !~ '^pg_') x (o)",
        )
        .await;
    assert_eq!(left, "mine mine mine[]");
    shop.run("sandbox", "copy_forge", &["DROP TABLE public.mine"]).await;
    copied(&shop, main, copy, &with_functions()).await;
    assert_alike(&shop, name).await;
}

/// Functions stay behind without leave, and each thing that needs one says so.
#[tokio::test]
async fn functions_are_copied_with_leave_and_named_without() {
    let shop = Shop::start().await;
    let script = "
        CREATE FUNCTION code(text) RETURNS text IMMUTABLE LANGUAGE sql AS $$ SELECT upper($1) $$;
        CREATE FUNCTION read() RETURNS text LANGUAGE plpgsql AS $$ BEGIN RETURN pg_read_file('a'); END $$;
        CREATE FUNCTION raw(int) RETURNS int IMMUTABLE LANGUAGE internal AS 'int4abs';
        CREATE TABLE parts (
            id serial PRIMARY KEY, name text DEFAULT code('a'), other int DEFAULT 7,
            coded text GENERATED ALWAYS AS (code(name)) STORED, seen timestamptz DEFAULT now(), source text DEFAULT read(),
            CONSTRAINT has_code CHECK (code(name) <> ''), CONSTRAINT is_small CHECK (other < 100));
        CREATE INDEX by_code ON parts (code(name));
        CREATE INDEX by_raw ON parts (raw(other));
        CREATE INDEX by_name ON parts (name);
        CREATE VIEW coded AS SELECT id, code(name) AS code FROM parts;
        CREATE VIEW long_coded AS SELECT * FROM coded WHERE length(code) > 3;
        INSERT INTO parts (name, source) SELECT 'part ' || i, 'here' FROM generate_series(1, 100) i";
    miniature(&shop, "parts", &[script]).await;
    let (main, copy) = (("main_parts", "postgres"), ("copy_parts", "sandbox"));
    let lacking = |report: &StagingReport| {
        let mut lacking: Vec<(String, Vec<String>)> = report
            .lacks
            .all()
            .iter()
            .map(|lack| {
                let cause = match &lack.cause {
                    Cause::FunctionLeftOut(name) => format!("left out {name}"),
                    Cause::ReachesOut { function, by } => format!("{function} reaches out by {by}"),
                    Cause::Untrusted { function, language } => format!("{function} in {language}"),
                    other => format!("{other:?}"),
                };
                let mut objects: Vec<String> = lack
                    .objects
                    .iter()
                    .map(|(kind, name)| format!("{kind:?} {}", name.name))
                    .collect();
                objects.sort();
                (cause, objects)
            })
            .collect();
        lacking.sort();
        lacking
    };
    let owned =
        |objects: &[&str]| objects.iter().map(|object| (*object).to_owned()).collect::<Vec<_>>();
    let report = copied(&shop, main, copy, &options()).await;
    assert_eq!(
        lacking(&report),
        [
            (
                "left out public.code".to_owned(),
                owned(&[
                    "Constraint has_code",
                    "Default parts.coded",
                    "Default parts.name",
                    "Function code",
                    "Index by_code",
                    "View coded",
                    "View long_coded"
                ])
            ),
            ("left out public.raw".to_owned(), owned(&["Function raw", "Index by_raw"])),
            ("left out public.read".to_owned(), owned(&["Default parts.source", "Function read"])),
        ]
    );
    assert_eq!(report.lacks.sentences().len(), 1);
    let table = "SELECT string_agg(concat_ws(' ', a.attname, pg_get_expr(d.adbin, d.adrelid)), ', ' ORDER BY a.attnum)
                 FROM pg_attribute a LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum WHERE a.attrelid = 'parts'::regclass AND a.attnum > 0";
    assert_eq!(
        shop.text("copy_parts", table).await,
        "id nextval('parts_id_seq'::regclass), name, other 7, coded, seen now(), source"
    );
    // Values of a column that is generated on main are there.
    assert_eq!(
        shop.text("copy_parts", "SELECT count(*)::text FROM parts WHERE coded LIKE 'PART %'").await,
        "100"
    );

    let mut sandbox = shop.connect("sandbox", "copy_parts").await;
    drop_staging(&mut sandbox).await.unwrap();
    let report = copied(&shop, main, copy, &with_functions()).await;
    assert_eq!(
        lacking(&report),
        [
            ("public.raw in internal".to_owned(), owned(&["Function raw", "Index by_raw"])),
            (
                "public.read reaches out by pg_read_file".to_owned(),
                owned(&["Default parts.source", "Function read"])
            ),
        ]
    );
    assert_eq!(shop.text("copy_parts", "SELECT count(*)::text FROM long_coded").await, "100");
}

/// A table that cannot be read, one that is locked and one that is dropped meanwhile cost themselves.
#[tokio::test]
async fn what_cannot_be_read_is_named_and_the_rest_goes_on() {
    let shop = Shop::start().await;
    let script = "
        CREATE TABLE secret (id int PRIMARY KEY);
        CREATE TABLE hidden (id int PRIMARY KEY, secret_id int REFERENCES secret);
        ALTER TABLE hidden ENABLE ROW LEVEL SECURITY;
        CREATE POLICY few ON hidden USING (id > 5);
        CREATE TABLE busy (id int PRIMARY KEY);
        CREATE TABLE doomed (id int PRIMARY KEY, hidden_id int REFERENCES hidden);
        CREATE TABLE fine (id int PRIMARY KEY, doomed_id int REFERENCES doomed, hidden_id int REFERENCES hidden, busy_id int);
        CREATE VIEW of_busy AS SELECT b.id FROM busy b;
        INSERT INTO secret VALUES (1);
        INSERT INTO hidden VALUES (1, 1);
        INSERT INTO busy VALUES (1);
        INSERT INTO doomed VALUES (1, 1);
        INSERT INTO fine VALUES (1, 1, 1, 1);
        CREATE ROLE few_tables LOGIN PASSWORD 'test';
        GRANT SELECT ON hidden, busy, doomed, fine TO few_tables";
    miniature(&shop, "rights", &[script]).await;
    let mut locking = shop.connect("postgres", "main_rights").await;
    (&mut locking).execute("BEGIN").await.unwrap();
    (&mut locking).execute("LOCK TABLE busy").await.unwrap();
    let dropping = std::sync::Mutex::new(Some(shop.url("postgres", "main_rights")));
    let mut say = |said: &str| {
        if said == "creating types, tables and views"
            && let Some(url) = dropping.lock().unwrap().take()
        {
            // Of the copy no lock is left on main.
            let drop = std::thread::spawn(move || {
                let runtime =
                    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
                runtime.block_on(async {
                    use sqlx::Connection;
                    let mut connection = sqlx::PgConnection::connect(&url).await.unwrap();
                    (&mut connection).execute("DROP TABLE doomed CASCADE").await.unwrap();
                });
            });
            drop.join().unwrap();
        }
    };
    let report = copied_saying(
        &shop,
        ("main_rights", "few_tables"),
        ("copy_rights", "sandbox"),
        &options(),
        &mut say,
    )
    .await
    .unwrap();
    (&mut locking).execute("ROLLBACK").await.unwrap();
    let skipped: Vec<&str> = report.skipped.iter().map(|(table, _)| table.name.as_str()).collect();
    for name in ["doomed", "hidden", "secret"] {
        assert!(skipped.contains(&name), "{name}: {report:?}");
    }
    let copied: Vec<&str> = report.copied.iter().map(|table| table.table.name.as_str()).collect();
    assert_eq!(copied, ["fine"], "{report:?}");
    let of_busy = TableName::new("public", "of_busy");
    assert!(report.lacks.names(&of_busy), "{:?}", report.lacks);
    let policies = "SELECT count(*)::text FROM pg_policy";
    assert_eq!(shop.text("copy_rights", policies).await, "1");
    // Keys to rows that are not there are kept, unproven, and named.
    let keys = "SELECT string_agg(conname || ' ' || convalidated, ', ' ORDER BY conname) FROM pg_constraint WHERE contype = 'f'";
    assert_eq!(
        shop.text("copy_rights", keys).await,
        "doomed_hidden_id_fkey false, fine_doomed_id_fkey false, fine_hidden_id_fkey false, hidden_secret_id_fkey false"
    );
    let unproven =
        report.lacks.all().iter().find(|lack| lack.cause == Cause::NotValidated).unwrap();
    assert_eq!(unproven.objects.len(), 4);
    assert!(unproven.objects.iter().all(|(kind, _)| *kind == DumpKind::ForeignKey));
}

/// Leftovers of others are used as they are, and kept; what depends on the copy keeps it.
#[tokio::test]
async fn what_somebody_else_made_in_the_sandbox_stays() {
    let shop = Shop::start().await;
    let script = "CREATE TYPE mood AS ENUM ('good', 'bad'); CREATE TABLE a (id int PRIMARY KEY, mood mood); CREATE TABLE b (a_id int REFERENCES a);
                  INSERT INTO a VALUES (1, 'good'); INSERT INTO b VALUES (1)";
    miniature(&shop, "others", &[script]).await;
    shop.run(
        "sandbox",
        "copy_others",
        &[
            "CREATE TYPE mood AS ENUM ('good', 'bad', 'odd')",
            "CREATE TABLE b (a_id int, mine text)",
        ],
    )
    .await;
    let (main, copy) = (("main_others", "postgres"), ("copy_others", "sandbox"));
    let report = copied(&shop, main, copy, &options()).await;
    assert_eq!(report.present, [TableName::new("public", "b")]);
    assert!(report.lacks.is_empty(), "{:?}", report.lacks);
    shop.run("sandbox", "copy_others", &["CREATE VIEW mine AS SELECT id FROM a"]).await;
    let mut sandbox = shop.connect("sandbox", "copy_others").await;
    let refused = drop_staging(&mut sandbox).await.unwrap_err();
    let SandboxError::Depends { dependent, object } = &refused else { panic!("{refused}") };
    assert!(dependent.contains("mine") && object.contains('a'), "{refused}");
    assert_eq!(shop.text("copy_others", "SELECT count(*)::text FROM mine").await, "1");
    shop.run("sandbox", "copy_others", &["DROP VIEW mine"]).await;
    assert_eq!(drop_staging(&mut sandbox).await.unwrap(), [TableName::new("public", "a")]);
    assert_eq!(shop.text("copy_others", "SELECT string_agg(relname, ' ') FROM pg_class WHERE oid >= 16384 AND relkind = 'r' AND relname <> 'staging'").await, "b");
    assert_eq!(
        shop.text("copy_others", "SELECT enum_range(NULL::mood)::text").await,
        "{good,bad,odd}"
    );
}

/// An extension that has another schema here, one that is missing here, and a role that a policy names.
#[tokio::test]
async fn extensions_and_roles_that_the_sandbox_lacks_are_named_once() {
    let shop = Shop::start().await;
    let script = "
        CREATE SCHEMA ext; CREATE EXTENSION hstore SCHEMA ext; CREATE EXTENSION bloom SCHEMA ext; CREATE EXTENSION intagg SCHEMA ext;
        CREATE TABLE tags (id int, pairs ext.hstore, other int);
        CREATE INDEX by_key ON tags USING gin (pairs);
        CREATE INDEX by_any ON tags USING bloom (id, other);
        CREATE VIEW keyed AS SELECT id FROM tags WHERE ext.exist(pairs, 'a');
        CREATE VIEW listed AS SELECT ext.int_array_enum(ARRAY[id]) FROM tags;
        CREATE VIEW counted AS SELECT count(*) FROM listed;
        CREATE ROLE of_policy; CREATE POLICY p ON tags TO of_policy USING (true);
        INSERT INTO tags SELECT i, ext.hstore('a', i::text) FROM generate_series(1, 100) i";
    miniature(&shop, "tags", &[script]).await;
    // hstore has another schema, and a role that is no superuser may create neither of the others.
    shop.run("postgres", "copy_tags", &["CREATE EXTENSION hstore SCHEMA public"]).await;
    let report =
        copied(&shop, ("main_tags", "postgres"), ("copy_tags", "sandbox"), &options()).await;
    assert_eq!(shop.text("copy_tags", "SELECT count(*)::text FROM keyed").await, "100");
    let of = |extension: &str| {
        let is =
            |cause: &Cause| matches!(cause, Cause::Extension { name, .. } if name == extension);
        let lack = report.lacks.all().iter().find(|lack| is(&lack.cause)).unwrap();
        lack.objects.iter().map(|(_, object)| object.name.as_str()).collect::<Vec<_>>()
    };
    assert_eq!(of("bloom"), ["bloom", "by_any"], "{:?}", report.lacks);
    assert_eq!(of("intagg"), ["intagg", "listed", "counted"], "{:?}", report.lacks);
    // The role is the server's, so it is there.
    assert_eq!(report.lacks.all().len(), 2, "{:?}", report.lacks);
}

/// A row holds at most 1,600 columns, and a table that is all defaults must not take an age.
#[tokio::test]
async fn a_table_of_1600_columns_is_copied() {
    let shop = Shop::start().await;
    let columns: Vec<String> = (1..=1600).map(|i| format!("c{i} bool DEFAULT f()")).collect();
    let script = format!(
        "CREATE FUNCTION f() RETURNS bool LANGUAGE sql AS 'SELECT true'; CREATE TABLE wide ({}); INSERT INTO wide DEFAULT VALUES",
        columns.join(", ")
    );
    miniature(&shop, "wide", &[&script]).await;
    let report =
        copied(&shop, ("main_wide", "postgres"), ("copy_wide", "sandbox"), &options()).await;
    assert_eq!(report.lacks.sentences().len(), 1);
    assert_eq!(report.copied[0].rows, 1);
    assert_eq!(report.lacks.all()[0].objects.len(), 1601);
}

/// Whatever the sandbox's own settings say, definitions mean the same there.
#[tokio::test]
async fn settings_of_the_sandbox_change_no_definition() {
    let shop = Shop::start().await;
    let (name, first, _) = MINIATURES.iter().find(|(name, ..)| *name == "odd").unwrap();
    for program in [DumpProgram::Found, DumpProgram::None] {
        miniature(&shop, name, &[first]).await;
        for setting in [
            "standard_conforming_strings = off",
            "default_transaction_read_only = on",
            "intervalstyle = 'sql_standard'",
            "search_path = 'nowhere'",
        ] {
            shop.run("postgres", "postgres", &[&format!("ALTER DATABASE copy_odd SET {setting}")])
                .await;
        }
        shop.run(
            "postgres",
            "postgres",
            &["ALTER DATABASE main_odd SET intervalstyle = 'sql_standard'"],
        )
        .await;
        let options = StagingOptions { program, ..with_functions() };
        let report =
            copied(&shop, ("main_odd", "postgres"), ("copy_odd", "sandbox"), &options).await;
        assert!(report.lacks.is_empty(), "{:?}", report.lacks);
        for database in ["main_odd", "copy_odd"] {
            shop.run("postgres", "postgres", &[&format!("ALTER DATABASE {database} RESET ALL")])
                .await;
        }
        assert_alike(&shop, name).await;
    }
}

/// A view that could not be made is not there, not even as the placeholder that pg_dump puts first.
#[tokio::test]
async fn what_lacks_is_not_half_there() {
    let shop = Shop::start().await;
    let script = "
        CREATE FUNCTION f(i int) RETURNS int LANGUAGE sql AS 'SELECT i';
        CREATE TABLE t (id int PRIMARY KEY, n text);
        CREATE VIEW v AS SELECT id, n, f(count(*)::int) FROM t GROUP BY id;
        CREATE TABLE par (a int, g int GENERATED ALWAYS AS (f(a)) STORED);
        CREATE TABLE chi (b int) INHERITS (par);
        INSERT INTO par (a) VALUES (5); INSERT INTO chi (a, b) VALUES (7, 2)";
    // A generated column takes immutable functions only.
    let script = script.replace("int LANGUAGE", "int IMMUTABLE LANGUAGE");
    miniature(&shop, "half", &[&script]).await;
    let (main, copy) = (("main_half", "postgres"), ("copy_half", "sandbox"));
    let report = copied(&shop, main, copy, &options()).await;
    assert!(report.lacks.names(&TableName::new("public", "v")), "{:?}", report.lacks);
    assert_eq!(shop.text("copy_half", "SELECT to_regclass('v')::text").await, "");
    // Values of what is generated on main, in the children too.
    assert_eq!(
        shop.text("copy_half", "SELECT string_agg(g::text, ' ' ORDER BY g) FROM par").await,
        "5 7"
    );
    let replaced = StagingOptions { replaces: true, ..with_functions() };
    let report = copied(&shop, main, copy, &replaced).await;
    assert!(report.lacks.is_empty(), "{:?}", report.lacks);
    assert_alike(&shop, "half").await;
}

/// Names that are taken are said; a refresh keeps what a person put into the copy, and drops aggregates over rows.
#[tokio::test]
async fn names_that_are_taken_and_parts_that_a_person_added_are_named() {
    let shop = Shop::start().await;
    let script = "
        CREATE TABLE t1 (v int); CREATE INDEX t1_v ON t1 (v);
        CREATE SEQUENCE counted;
        CREATE AGGREGATE cnt(*) (SFUNC = int8inc, STYPE = int8, INITCOND = '0');
        CREATE TABLE ev (at int) PARTITION BY RANGE (at);
        CREATE TABLE ev_1 PARTITION OF ev FOR VALUES FROM (1) TO (2);
        CREATE SCHEMA closed; CREATE TABLE closed.c (id serial PRIMARY KEY);
        CREATE ROLE shut LOGIN PASSWORD 'test'; GRANT SELECT ON t1, ev, ev_1 TO shut;
        INSERT INTO t1 VALUES (1)";
    miniature(&shop, "taken", &[script]).await;
    shop.run(
        "sandbox",
        "copy_taken",
        &["CREATE TABLE t1_v (id int)", "CREATE TABLE counted (id int)"],
    )
    .await;
    let (main, copy) = (("main_taken", "shut"), ("copy_taken", "sandbox"));
    let report = copied(&shop, main, copy, &with_functions()).await;
    let named = |name: &str| report.lacks.names(&TableName::new("public", name));
    assert!(named("t1_v") && named("counted"), "{:?}", report.lacks);
    assert!(
        shop.text("copy_taken", "SELECT to_regclass('closed.c_pkey')::text")
            .await
            .contains("c_pkey"),
        "{:?}",
        report.lacks
    );
    let added = "CREATE TABLE mine PARTITION OF ev FOR VALUES FROM (10) TO (20)";
    shop.run("sandbox", "copy_taken", &[added, "INSERT INTO mine VALUES (11)"]).await;
    let mut sandbox = shop.connect("sandbox", "copy_taken").await;
    let refused = drop_staging(&mut sandbox).await.unwrap_err();
    assert!(
        matches!(&refused, SandboxError::Depends { dependent, .. } if dependent.contains("mine")),
        "{refused}"
    );
    assert_eq!(shop.text("copy_taken", "SELECT count(*)::text FROM mine").await, "1");
    shop.run("sandbox", "copy_taken", &["DROP TABLE mine"]).await;
    drop_staging(&mut sandbox).await.unwrap();
    assert_eq!(shop.text("copy_taken", "SELECT to_regclass('ev')::text").await, "");
}

/// A role that may create roles, or anything, is given no function whose statements nobody has read.
#[tokio::test]
async fn a_mighty_role_gets_no_function_that_puts_statements_together() {
    let shop = Shop::start().await;
    let script = "
        CREATE FUNCTION fixed() RETURNS int LANGUAGE plpgsql AS $$ BEGIN EXECUTE 'SELECT 1'; RETURN 1; END $$;
        CREATE FUNCTION made_up(t text) RETURNS int LANGUAGE plpgsql AS $$ BEGIN EXECUTE format('SELECT count(*) FROM %I', t); RETURN 1; END $$;
        CREATE FUNCTION roles() RETURNS int LANGUAGE plpgsql AS $$ BEGIN CREATE ROLE nobody_yet; RETURN 1; END $$";
    let names = |report: &StagingReport| {
        let objects = report.lacks.all().iter().flat_map(|lack| &lack.objects);
        objects.map(|(_, object)| object.name.clone()).collect::<Vec<_>>()
    };
    miniature(&shop, "mighty", &[script]).await;
    let main = ("main_mighty", "postgres");
    let report = copied(&shop, main, ("copy_mighty", "sandbox"), &with_functions()).await;
    assert_eq!(names(&report), ["roles"], "{:?}", report.lacks);
    miniature(&shop, "mighty", &[script]).await;
    shop.run("postgres", "postgres", &["ALTER ROLE sandbox CREATEROLE"]).await;
    let report = copied(&shop, main, ("copy_mighty", "sandbox"), &with_functions()).await;
    assert_eq!(names(&report), ["made_up", "roles"], "{:?}", report.lacks);
}

/// Every database begins with the schema public, so that no dump creates it; the demo's sandbox has none.
#[tokio::test]
async fn a_schema_public_that_somebody_dropped_is_made() {
    let shop = Shop::start().await;
    miniature(&shop, "bare", &["CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1)"])
        .await;
    shop.run("postgres", "copy_bare", &["DROP SCHEMA public"]).await;
    let (main, copy) = (("main_bare", "postgres"), ("copy_bare", "sandbox"));
    let report = copied(&shop, main, copy, &options()).await;
    assert!(report.lacks.is_empty(), "{:?}", report.lacks);
    assert_eq!(shop.text("copy_bare", "SELECT count(*)::text FROM public.t").await, "1");
}

/// What nobody reads but `pg_dump`, and what nobody copies, is named where the catalogs are read.
#[tokio::test]
async fn the_catalogs_name_every_object_that_they_cannot_give() {
    let shop = Shop::start().await;
    let script = "
        CREATE TYPE declared;
        CREATE TRANSFORM FOR int LANGUAGE sql (FROM SQL WITH FUNCTION prsd_lextype(internal), TO SQL WITH FUNCTION int4recv(internal));
        CREATE TEXT SEARCH PARSER words (START = prsd_start, GETTOKEN = prsd_nexttoken, END = prsd_end, LEXTYPES = prsd_lextype);
        CREATE OPERATOR FAMILY kin USING btree;
        CREATE ACCESS METHOD second TYPE TABLE HANDLER heap_tableam_handler;
        CREATE TYPE mood AS ENUM ('calm');
        CREATE TABLE people (id int PRIMARY KEY, moods mood[])";
    miniature(&shop, "named", &[script]).await;
    let (main, copy) = (("main_named", "postgres"), ("copy_named", "sandbox"));
    let options = StagingOptions { program: DumpProgram::None, ..options() };
    let report = copied(&shop, main, copy, &options).await;
    let mut named: Vec<String> = report
        .lacks
        .all()
        .iter()
        .flat_map(|lack| &lack.objects)
        .map(|(_, object)| object.name.clone())
        .collect();
    named.sort();
    assert_eq!(
        named,
        ["ACCESS METHOD second", "TRANSFORM FOR integer LANGUAGE sql", "declared", "kin", "words"]
    );
}
