//! Rewrites that need an index are one change with it: proposed, measured and handed over together.

use std::collections::BTreeSet;

use optischema::model::{Recommendation, Verdict};
use optischema_server::analysis::analyze_once;
use optischema_server::config::Settings;
use optischema_server::workload::AdviseLimits;
use serde_json::Value;
use sqlx::{AssertSqlSafe, Row};

use crate::fixture::{App, Shop};

const TABLES: &[&str] = &[
    "CREATE TABLE visits (id bigint PRIMARY KEY, at timestamptz NOT NULL, booked timestamp NOT NULL, tags text[],
        places int[], kind int NOT NULL, account int NOT NULL)",
    "INSERT INTO visits SELECT g, timestamptz '2025-01-01' + g * interval '5 minutes', timestamp '2025-01-01' + g * interval '5 minutes',
        CASE WHEN g % 50 = 0 THEN NULL ELSE ARRAY['t' || g % 3000, 'u' || g % 11] END, ARRAY[g % 5000, g % 7], g % 5, g % 20000
     FROM generate_series(1, 120000) g",
    "VACUUM ANALYZE visits",
];

/// A statement that no index serves as it is, and the best that is known for it: an index and the statement that uses it.
struct Form {
    statement: &'static str,
    index: &'static str,
    rewritten: &'static str,
}

const FORMS: &[Form] = &[
    Form {
        statement: "SELECT id FROM visits WHERE at::date = '2025-05-05'",
        index: "(at)",
        rewritten: "SELECT id FROM visits WHERE at >= '2025-05-05' AND at < '2025-05-06'",
    },
    Form {
        statement: "SELECT id, kind FROM visits WHERE date(at) = '2025-05-05'",
        index: "(at)",
        rewritten: "SELECT id, kind FROM visits WHERE at >= '2025-05-05' AND at < '2025-05-06'",
    },
    Form {
        statement: "SELECT id, account FROM visits WHERE date_trunc('day', at) = '2025-05-05'",
        index: "(at)",
        rewritten: "SELECT id, account FROM visits WHERE at >= '2025-05-05' AND at < '2025-05-06'",
    },
    Form {
        statement: "SELECT sum(kind) FROM visits WHERE (at AT TIME ZONE 'UTC')::date = '2025-05-05'",
        index: "(at)",
        rewritten: "SELECT sum(kind) FROM visits WHERE at >= '2025-05-05' AND at < '2025-05-06'",
    },
    Form {
        statement: "SELECT id, at FROM visits WHERE booked::date BETWEEN '2025-05-05' AND '2025-05-06'",
        index: "(booked)",
        rewritten: "SELECT id, at FROM visits WHERE booked >= '2025-05-05' AND booked < '2025-05-07'",
    },
    Form {
        statement: "SELECT id FROM visits WHERE 't77' = ANY (tags)",
        index: "USING gin (tags)",
        rewritten: "SELECT id FROM visits WHERE tags @> ARRAY['t77']",
    },
    Form {
        statement: "SELECT id FROM visits WHERE 4711 = ANY (places)",
        index: "USING gin (places)",
        rewritten: "SELECT id FROM visits WHERE places @> ARRAY[4711]",
    },
    Form {
        statement: "SELECT id, account FROM visits WHERE account > 15000 OR (account = 15000 AND id > 4000) ORDER BY account, id LIMIT 20",
        index: "(account, id)",
        rewritten: "SELECT id, account FROM visits WHERE (account, id) > (15000, 4000) ORDER BY account, id LIMIT 20",
    },
    Form {
        statement: "SELECT kind FROM visits WHERE account = 77.0",
        index: "(account)",
        rewritten: "SELECT kind FROM visits WHERE account = 77",
    },
];

async fn filled() -> Shop {
    let shop = Shop::start().await;
    shop.run("app", "shop", TABLES).await;
    shop
}

/// Blocks that a statement touches with an index that goes again, and its rows in their order.
async fn run(shop: &Shop, index: &str, statement: &str) -> (i64, Vec<String>) {
    let mut connection = shop.connect("postgres", "shop").await;
    let mut all = async |text: String| {
        sqlx::query(AssertSqlSafe(text.clone()))
            .persistent(false)
            .fetch_all(&mut connection)
            .await
            .unwrap_or_else(|error| panic!("{text}: {error}"))
    };
    all("BEGIN".into()).await;
    all(index.to_owned()).await;
    all("ANALYZE visits".into()).await;
    let explain = format!("EXPLAIN (ANALYZE, BUFFERS, TIMING off, FORMAT JSON) {statement}");
    let plan: Value = all(explain).await[0].try_get(0).unwrap();
    let plan = optischema::plan::parse_plan(&plan).unwrap();
    let rows = all(format!("SELECT r::text FROM ({statement}) r")).await;
    all("ROLLBACK".into()).await;
    let rows = rows.iter().map(|row| row.try_get(0).unwrap()).collect();
    (plan.shared_blocks().unwrap(), rows)
}

#[tokio::test]
async fn each_form_gets_its_rewrite_and_its_index_as_good_as_the_best_known() {
    let shop = filled().await;
    let settings = Settings::resolve(&shop.settings()).unwrap();
    let statements: Vec<&str> = FORMS.iter().map(|form| form.statement).collect();
    let workload = format!("{};", statements.join(";\n"));
    let limits = AdviseLimits::default();
    let (_, advice) =
        analyze_once(&settings, Some(&mut workload.as_bytes()), &limits).await.unwrap();
    for form in FORMS {
        let mut of_it = advice.proposals.iter().filter(|proposal| {
            proposal.original_sql == form.statement
                && proposal.evidence.index.is_some()
                && proposal.patch_sql.contains("SELECT")
        });
        let proposal = of_it.next().unwrap_or_else(|| panic!("nothing for {}", form.statement));
        let (index, rewritten) = proposal.patch_sql.split_once(";\n").unwrap();
        let rewritten = rewritten.trim_end_matches(';');
        let best_index = format!("CREATE INDEX best ON visits {}", form.index);
        let (best, _) = run(&shop, &best_index, form.rewritten).await;
        let (blocks, rows) = run(&shop, index, rewritten).await;
        let (_, original) = run(&shop, "SELECT 1", form.statement).await;
        assert!(blocks <= 2 * best.max(4), "{blocks} against {best}: {}", proposal.patch_sql);
        assert!(!rows.is_empty());
        let sorted = |mut rows: Vec<String>| {
            rows.sort();
            rows
        };
        assert_eq!(sorted(rows), sorted(original), "{}", proposal.patch_sql);
    }
    // Several rewrites share one index, which is made once.
    let on_at: BTreeSet<&str> = advice
        .proposals
        .iter()
        .filter_map(|proposal| proposal.patch_sql.split_once(";\n"))
        .filter(|(index, _)| index.contains("(\"at\")"))
        .map(|(index, _)| index)
        .collect();
    assert_eq!(on_at.len(), 1, "{on_at:?}");
    assert_eq!(shop.scratch_schemas().await, "");
}

#[tokio::test]
async fn statements_that_differ_in_the_type_of_a_constant_are_planned_apart() {
    let shop = filled().await;
    let settings = Settings::resolve(&shop.settings()).unwrap();
    // As a number with decimals it casts the key of every row, and as a whole number it does not: one text, two plans.
    let workload = "SELECT at FROM visits WHERE id = 77.0;\nSELECT kind, at FROM visits v WHERE v.id >= 119990.5;";
    let limits = AdviseLimits::default();
    let (_, advice) =
        analyze_once(&settings, Some(&mut workload.as_bytes()), &limits).await.unwrap();
    for rewritten in ["WHERE id = 77;", "WHERE v.id >= 119991;"] {
        let found = advice.proposals.iter().find(|one| one.patch_sql.ends_with(rewritten));
        let found = found.unwrap_or_else(|| panic!("no {rewritten}: {:#?}", advice.rejected));
        assert!(found.patch_sql.starts_with("SELECT"), "no index is needed: {}", found.patch_sql);
    }
}

async fn recommended(app: &App, part: &str) -> Recommendation {
    let page = app.json("/api/recommendations?limit=100").await;
    let list: Vec<Recommendation> = serde_json::from_value(page["items"].clone()).unwrap();
    let texts: Vec<&str> = list.iter().map(|one| one.patch_sql.as_str()).collect();
    let found = list.iter().find(|one| one.patch_sql.contains(part));
    found.unwrap_or_else(|| panic!("{part} is not in {texts:#?}")).clone()
}

#[tokio::test]
async fn both_steps_are_measured_as_one_and_handed_over_as_one() {
    let shop = filled().await;
    let mut client = shop.connect("app", "shop").await;
    // Constants that pg_stat_statements hides, and a page whose key it shows as two parameters.
    for statement in [FORMS[0].statement, FORMS[5].statement, FORMS[7].statement] {
        for _ in 0..5 {
            sqlx::query(statement).persistent(false).fetch_all(&mut client).await.unwrap();
        }
    }
    let app = App::start(&shop.settings()).await;
    assert!(app.post("/api/analyze").await.status().is_success());
    for part in ["::date::timestamptz", "@> ARRAY[$1]::text[]", "(account, id) > ($1, $3)"] {
        let one = recommended(&app, part).await;
        let index = one.evidence.index.as_ref().unwrap_or_else(|| panic!("{}", one.patch_sql));
        let job = app.completed(&format!("/api/benchmark/{}", one.id)).await;
        let result = job.result.unwrap().benchmark().cloned().unwrap();
        assert_eq!(result.verdict, Verdict::Faster, "{part}: {:?}", result.warnings);
        let made = result.index.as_ref().unwrap();
        assert!(made.definition.contains(&index.index_name), "{}", made.definition);
        let handed = app.json(&format!("/api/handover?ids={}&format=sql", one.id)).await;
        let text = handed["files"][0]["text"].as_str().unwrap_or_default().to_owned();
        let is_run = |line: &&str| !line.trim_start().starts_with("--");
        assert!(
            text.lines().filter(is_run).any(|line| line.contains("CREATE INDEX CONCURRENTLY")),
            "{text}"
        );
        assert!(!text.lines().filter(is_run).any(|line| line.contains(part)), "{text}");
        assert!(text.contains(part), "{text}");
        // The application's own step is no one's but the application's.
        let plan = app.json(&format!("/api/apply/{}/plan", one.id)).await;
        assert_eq!(plan["ready"], false, "{plan}");
    }
}
