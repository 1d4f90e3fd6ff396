//! A sample keeps joins, and stays within its limit.

use optischema::model::{BenchmarkSource, CopyMethod, FidelityKind, Phase, Verdict};

use crate::bench::{Options, measured, refused, run};
use crate::fixture::Shop;

/// Three tables, each larger than the limit that the tests set.
const LARGE: &[&str] = &[
    "CREATE TABLE customers (id bigint PRIMARY KEY, name text, pad text)",
    "CREATE TABLE sales (id bigint PRIMARY KEY, customer_id bigint REFERENCES customers, pad text)",
    "CREATE TABLE lines (id bigint PRIMARY KEY, sale_id bigint REFERENCES sales, price int, pad text)",
    "INSERT INTO customers SELECT i, 'c' || i, repeat('x', 200) FROM generate_series(1, 20000) i",
    "INSERT INTO sales SELECT i, 1 + i % 20000, repeat('x', 200) FROM generate_series(1, 40000) i",
    "INSERT INTO lines SELECT i, 1 + i % 40000, i % 100, repeat('x', 200) FROM generate_series(1, 80000) i",
    "VACUUM ANALYZE customers",
    "VACUUM ANALYZE sales",
    "VACUUM ANALYZE lines",
];

const MIB: i64 = 1024 * 1024;

#[tokio::test]
async fn joined_tables_are_sampled_by_one_key_and_their_parents_follow() {
    let shop = Shop::start().await;
    shop.run("app", "shop", LARGE).await;
    let options = Options { copy_limit_bytes: 8 * MIB, ..Options::of(&shop) };
    let statement = "SELECT c.name, l.price FROM lines l JOIN sales s ON s.id = l.sale_id
                     JOIN customers c ON c.id = s.customer_id WHERE l.price = 7";
    let patch = "CREATE INDEX lines_price ON public.lines (price)";
    let (result, phases) = run(&shop, statement, patch, &options).await;
    let result = result.unwrap();
    assert_eq!(result.source, BenchmarkSource::Sampled);
    assert_eq!(result.fidelity.kind, FidelityKind::Sampled);
    assert!(result.source_tag().starts_with("Sampled "), "{}", result.source_tag());
    let method = |name: &str| {
        result
            .fidelity
            .tables
            .iter()
            .find(|t| t.table.name == name)
            .map(|t| (t.method, t.rows))
            .unwrap()
    };
    assert_eq!(method("lines").0, CopyMethod::JoinKey);
    assert_eq!(method("sales").0, CopyMethod::JoinKey);
    assert_eq!(method("customers").0, CopyMethod::Referenced);
    // p of each, and the whole join of what was taken.
    let percent = result.fidelity.percent.unwrap() / 100.0;
    let expected = 80_000.0 * percent;
    let lines = method("lines").1 as f64;
    assert!((lines - expected).abs() < 0.2 * expected, "{lines} of {expected}");
    let schema = result.schema.clone().unwrap();
    let kept = shop
        .text("staging", &format!("SELECT count(*)::text FROM {schema}.lines l JOIN {schema}.sales s ON s.id = l.sale_id JOIN {schema}.customers c ON c.id = s.customer_id"))
        .await;
    assert_eq!(kept, method("lines").1.to_string(), "every line that was taken joins");
    assert!(
        phases.iter().any(|phase| matches!(phase, Phase::Copying { table, rows: 1.., bytes: 1.. }
            if table.name == "lines")),
        "{phases:?}"
    );
    // The size of what was copied stays within the limit.
    let bytes: i64 = result.fidelity.tables.iter().map(|table| table.bytes).sum();
    assert!(bytes < 8 * MIB, "{bytes}");
}

#[tokio::test]
async fn one_large_table_is_sampled_by_blocks_and_a_verdict_needs_the_planner_on_all_rows() {
    let shop = Shop::start().await;
    shop.run("app", "shop", LARGE).await;
    let options = Options { copy_limit_bytes: 8 * MIB, sample_percent: 10.0, ..Options::of(&shop) };
    let statement = "SELECT id FROM lines WHERE price = 7 AND sale_id < 900";
    let patch = "CREATE INDEX lines_both ON public.lines (price, sale_id)";
    let result = measured(&shop, statement, patch, &options).await;
    assert_eq!(result.fidelity.tables[0].method, CopyMethod::Blocks);
    let rows = result.fidelity.tables[0].rows as f64;
    assert!((rows / 8000.0 - 1.0).abs() < 0.5, "{rows}");
    assert_eq!(result.verdict, Verdict::Faster, "{:?}", result.warnings);
    assert!(
        result.warnings.iter().any(|w| w.contains("a sample of 10.00 %")),
        "{:?}",
        result.warnings
    );

    // An index that no planner would use: on the sample alone nothing is called.
    let useless = "CREATE INDEX lines_pad ON public.lines (pad)";
    shop.run("postgres", "shop", &["DROP EXTENSION hypopg"]).await;
    let unasked = measured(&shop, statement, patch, &options).await;
    assert_eq!(unasked.verdict, Verdict::Inconclusive);
    assert!(
        unasked.warnings.iter().any(|w| w.contains("HypoPG is not installed")),
        "{:?}",
        unasked.warnings
    );
    let useless = measured(&shop, statement, useless, &options).await;
    assert_eq!(useless.verdict, Verdict::Inconclusive, "{:?}", useless.warnings);
}

#[tokio::test]
async fn what_cannot_be_sampled_is_estimated_with_the_reason() {
    let shop = Shop::start().await;
    shop.run("app", "shop", LARGE).await;
    let options = Options { copy_limit_bytes: MIB, ..Options::of(&shop) };
    let statement = "SELECT count(*) FROM lines a JOIN lines b ON b.price = a.sale_id";
    let patch = "CREATE INDEX lines_price ON public.lines (price)";
    let result = measured(&shop, statement, patch, &options).await;
    assert_eq!(result.source, BenchmarkSource::Estimated);
    assert_eq!(
        (result.verdict, result.pairs, result.baseline.is_none()),
        (Verdict::Inconclusive, 0, true)
    );
    assert!(result.source_reason.contains("copy_limit_mb"), "{}", result.source_reason);
    assert!(result.plans.is_some(), "the planner's word is there");
    let gone = refused(&shop, "SELECT 1 FROM nowhere", patch, &options).await;
    assert!(gone.to_string().contains("nowhere"), "{gone}");
}
