//! `samples <set> <format> <folder>` writes one set of changes as a migration;
//! `samples <set> statements <folder>` writes its bare statements, one file each, for the check to
//! run by itself.

use std::path::Path;

use optischema::model::MigrationFormat;
use optischema_server::handover::{HandedChange, HandedStatement, Migration, write};

fn within(sql: &str) -> HandedStatement {
    HandedStatement { sql: sql.to_owned(), in_transaction: true }
}

fn outside(sql: &str) -> HandedStatement {
    HandedStatement { sql: sql.to_owned(), in_transaction: false }
}

fn change(title: &str, up: Vec<HandedStatement>, down: Vec<HandedStatement>) -> HandedChange {
    let no_down = down.is_empty().then(|| "what it did\nstays */ \"\"\" '''\n".to_owned());
    HandedChange {
        title: title.to_owned(),
        reference: "0197-abc\n\"\"\"\nimport os".to_owned(),
        notes: vec![
            "-*- coding: rot13 -*-".to_owned(),
            "verdict: 31x faster\n*/ DROP TABLE app.orders; /*\r\nDROP TABLE app.orders;"
                .to_owned(),
            "\"\"\" ''' \\ #{x} ${x} ${file.separator} :name %s\u{2028}DROP TABLE app.orders;\\"
                .to_owned(),
            format!("\\! touch {}", std::env::temp_dir().join("optischema-owned").display()),
        ],
        up,
        down,
        no_down,
    }
}

const HOSTILE_NAME: &str = r#""a""b %s %% :name ${file.separator} #{x} %(y)s \ '""#;

fn hostile() -> Vec<HandedChange> {
    let literals = "CREATE INDEX CONCURRENTLY partial ON app.orders (status) WHERE \
        status <> 'it''s \\ \\\\ $$ \"\"\" ''''''  #{x} ${x} :name :\"n\" %s %% %(y)s \\'\n\
        AND status <> E'tab\\tback\\\\ q\\'uote\\n; -- '\nAND status <> $q$ dollar '; /* -- \nSQL\n  SQL_1\n$q$\n\
        AND status <> 'é\u{202e}\u{feff}\ttab\r\n  \\\n''; DROP TABLE app.orders'";
    vec![
        change(
            "coding: latin-1\n*/ index",
            vec![outside(&format!(
                "CREATE INDEX CONCURRENTLY {HOSTILE_NAME} ON app.orders USING btree (status)"
            ))],
            vec![outside(&format!("DROP INDEX CONCURRENTLY app.{HOSTILE_NAME}"))],
        ),
        change(
            "literals",
            vec![outside(literals)],
            vec![outside("DROP INDEX CONCURRENTLY app.partial -- gone")],
        ),
        change(
            "literals within",
            vec![within(&literals.replace("CONCURRENTLY partial", "within").replace('\r', ""))],
            vec![within("DROP INDEX app.within -- gone")],
        ),
        change(
            "slices",
            vec![
                within("CREATE INDEX slice ON app.orders ((tags[1:id]), (id::text)) -- note"),
                within("COMMENT ON INDEX app.slice IS 'a;b' -- last"),
            ],
            vec![within("DROP INDEX app.slice")],
        ),
    ]
}

fn ordinary() -> Vec<HandedChange> {
    let mut changes = within_transactions();
    changes.extend([
        change(
            "drop an index",
            vec![outside("DROP INDEX CONCURRENTLY app.old")],
            vec![outside("CREATE INDEX CONCURRENTLY old ON app.orders (town)")],
        ),
        change(
            "vacuum",
            vec![outside("VACUUM app.orders"), outside("REINDEX TABLE CONCURRENTLY app.orders")],
            vec![],
        ),
        change(
            "mixed",
            vec![
                within("ALTER TABLE app.orders SET (autovacuum_vacuum_scale_factor = 0.05)"),
                within("ALTER TABLE app.orders ALTER COLUMN town SET STATISTICS 200"),
                outside("CREATE INDEX CONCURRENTLY mixed ON app.orders (postcode)"),
            ],
            vec![
                outside("DROP INDEX CONCURRENTLY app.mixed"),
                within("ALTER TABLE app.orders RESET (autovacuum_vacuum_scale_factor)"),
                within("ALTER TABLE app.orders ALTER COLUMN town SET STATISTICS -1"),
            ],
        ),
        change(
            "index in a transaction, dropped outside one",
            vec![within("CREATE INDEX plain ON app.orders (tags)")],
            vec![outside("DROP INDEX CONCURRENTLY app.plain")],
        ),
    ]);
    changes
}

fn within_transactions() -> Vec<HandedChange> {
    vec![
        change(
            "statistics",
            vec![
                within("CREATE STATISTICS app.s (dependencies) ON town, postcode FROM app.orders"),
                within("ANALYZE app.orders"),
            ],
            vec![within("DROP STATISTICS app.s")],
        ),
        change(
            "fillfactor",
            vec![within("ALTER TABLE app.orders SET (fillfactor = 80)")],
            vec![within("ALTER TABLE app.orders RESET (fillfactor)")],
        ),
        change(
            "statistics target",
            vec![within("ALTER TABLE app.orders ALTER COLUMN status SET STATISTICS 500")],
            vec![within("ALTER TABLE app.orders ALTER COLUMN status SET STATISTICS -1")],
        ),
        change(
            "setting",
            vec![within("ALTER DATABASE handover SET work_mem = '8MB'")],
            vec![within("ALTER DATABASE handover RESET work_mem")],
        ),
    ]
}

/// Every kind of recommendation, those that only a person can undo among them.
fn kinds() -> Vec<HandedChange> {
    let parts = [
        "CREATE INDEX part_at ON ONLY app.part (at)",
        "CREATE INDEX part_2_at ON ONLY app.part_2 (at)",
        "CREATE INDEX CONCURRENTLY part_1_at ON app.part_1 (at)",
        "CREATE INDEX CONCURRENTLY part_21_at ON app.part_21 (at)",
        "ALTER INDEX app.part_2_at ATTACH PARTITION app.part_21_at",
        "ALTER INDEX app.part_at ATTACH PARTITION app.part_1_at",
        "ALTER INDEX app.part_at ATTACH PARTITION app.part_2_at",
    ];
    vec![
        change(
            "GIN index with its extension",
            vec![
                within("CREATE EXTENSION IF NOT EXISTS pg_trgm"),
                outside(
                    "CREATE INDEX CONCURRENTLY trigrams ON app.orders USING gin (status gin_trgm_ops)",
                ),
            ],
            vec![outside("DROP INDEX CONCURRENTLY app.trigrams")],
        ),
        change(
            "index of a partitioned table",
            parts.into_iter().map(outside).collect(),
            vec![outside("DROP INDEX app.part_at")],
        ),
        change("bloat", vec![outside("VACUUM (FULL, ANALYZE) app.orders")], vec![]),
        change("wraparound", vec![outside("VACUUM (FREEZE) app.orders")], vec![]),
        change("index bloat", vec![outside("REINDEX INDEX CONCURRENTLY app.old")], vec![]),
        change(
            "server setting",
            vec![outside("ALTER SYSTEM SET work_mem = '16MB'"), within("SELECT pg_reload_conf()")],
            vec![outside("ALTER SYSTEM RESET work_mem"), within("SELECT pg_reload_conf()")],
        ),
        change("type", vec![within("ALTER TABLE app.orders ALTER COLUMN id TYPE bigint")], vec![]),
        change(
            "distinct values",
            vec![
                within("ALTER TABLE app.orders ALTER COLUMN town SET (n_distinct = -0.1)"),
                outside("ANALYZE app.orders (town)"),
            ],
            vec![within("ALTER TABLE app.orders ALTER COLUMN town RESET (n_distinct)")],
        ),
        change("a rewrite: nothing runs", vec![], vec![]),
    ]
}

/// What fails for as long as two rows are alike.
fn unique() -> Vec<HandedChange> {
    let index = "CREATE UNIQUE INDEX CONCURRENTLY one_of_a_kind ON app.orders (postcode)";
    let mut changes = within_transactions();
    changes.push(change(
        "one of a kind",
        vec![outside(index)],
        vec![outside("DROP INDEX CONCURRENTLY app.one_of_a_kind")],
    ));
    changes
}

fn failing(first: Vec<HandedChange>) -> Vec<HandedChange> {
    let mut changes = first;
    changes.push(change(
        "fails halfway",
        vec![
            within("CREATE STATISTICS app.half (dependencies) ON town, postcode FROM app.orders"),
            within("ALTER TABLE app.missing SET (fillfactor = 80)"),
        ],
        vec![within("DROP STATISTICS app.half")],
    ));
    changes
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [set, format, folder] = arguments.as_slice() else {
        return Err("usage: samples <set> <format> <folder>".into());
    };
    let changes = match set.as_str() {
        "hostile" => hostile(),
        "ordinary" => ordinary(),
        "transactional" => within_transactions(),
        "kinds" => kinds(),
        "unique" => unique(),
        "rebuild" => {
            vec![change("rebuild", vec![outside("REINDEX INDEX CONCURRENTLY app.old")], vec![])]
        }
        "irreversible" => vec![change("vacuum", vec![outside("VACUUM app.orders")], vec![])],
        "failing" => failing(hostile().into_iter().take(1).collect()),
        "failing-within" => failing(Vec::new()),
        _ => return Err("no such set".into()),
    };
    std::fs::create_dir_all(folder)?;
    let Ok(format) = format.parse::<MigrationFormat>() else {
        let statements = changes.iter().flat_map(|change| &change.up).enumerate();
        for (nth, statement) in statements {
            std::fs::write(format!("{folder}/{nth:03}"), &statement.sql)?;
        }
        return Ok(());
    };
    let migration = Migration { stamp: "20260102235959", changes: &changes };
    for file in write(format, &migration) {
        let path = Path::new(folder).join(&file.name);
        std::fs::create_dir_all(path.parent().unwrap_or(Path::new(folder)))?;
        std::fs::write(path, file.text)?;
    }
    Ok(())
}
