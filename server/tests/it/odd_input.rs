//! Statements and sandboxes that go wrong: one clear sentence, nothing left, nothing left running.

use optischema::model::{BenchmarkSource, PhaseName};
use optischema_server::benchmark::BenchmarkError;

use crate::bench::{Options, clean, measured, refused, run};
use crate::fixture::Shop;

const PATCH: &str = "CREATE INDEX items_order ON public.\"Items\" (order_id)";

#[tokio::test]
async fn statements_that_fail_never_end_write_or_wait_are_refused_with_one_sentence() {
    let shop = Shop::start().await;
    shop.run(
        "postgres",
        "shop",
        &[
            "CREATE FUNCTION changing() RETURNS int LANGUAGE sql VOLATILE AS 'SELECT 1'",
            "CREATE EXTENSION citext",
            "CREATE TABLE mails (id int, mail citext)",
            "INSERT INTO mails SELECT i, 'm' || i FROM generate_series(1, 3000) i",
            "GRANT SELECT ON mails TO app",
            "ANALYZE mails",
        ],
    )
    .await;
    let options = Options { statement_timeout_s: 1, seconds: 2, ..Options::of(&shop) };
    for (statement, patch, reason) in [
        ("SELECT id / 0 FROM orders", PATCH, "division by zero"),
        ("SELECT id, 1 / (id - 5) AS x FROM orders", PATCH, "division by zero"),
        (
            "SELECT count(*) FROM \"Items\" a, \"Items\" b, \"Items\" c WHERE a.price + b.price <> c.price",
            PATCH,
            "time limit",
        ),
        ("INSERT INTO orders (name) VALUES ('x')", PATCH, "no row is searched for"),
        ("SELECT 1; DROP TABLE orders", PATCH, "exactly one statement"),
        ("SELECT changing() FROM orders", PATCH, "changing"),
        ("SELECT pg_sleep(100), id FROM orders", PATCH, "pg_sleep"),
        ("SELECT nothing FROM orders", PATCH, "nothing"),
        ("SELECT id FROM orders", "CREATE INDEX broken ON public.orders (missing)", "missing"),
        (
            "SELECT id FROM orders",
            "CREATE INDEX o ON public.orders (name) WHERE 1 / (id - id) > 0",
            "division by zero",
        ),
        ("SELECT id FROM orders", "DROP INDEX public.nowhere", "no valid index nowhere"),
        (
            "SELECT id FROM orders",
            "CREATE INDEX o ON public.orders (name); DROP TABLE orders",
            "exactly one statement",
        ),
        ("SELECT id FROM orders", "DROP TABLE public.orders", "no change that OptiSchema makes"),
    ] {
        let (result, _) = run(&shop, statement, patch, &options).await;
        let said = match result {
            // What one place cannot hold is estimated, with the reason.
            Ok(result) => {
                assert_eq!(result.source, BenchmarkSource::Estimated, "{statement} / {patch}");
                result.source_reason
            }
            Err(error) => {
                error.refusal().unwrap_or_else(|other| panic!("{statement} / {patch}: {other:?}"))
            }
        };
        assert!(said.contains(reason), "{statement} / {patch}: {said}");
        assert!(!said.contains("postgres://"), "{said}");
        clean(&shop).await;
    }
    let left = "SELECT string_agg(query, ' ') FROM pg_stat_activity WHERE application_name = 'optischema test'";
    assert_eq!(shop.text("staging", left).await, "", "nothing is left running");
    assert_eq!(shop.text("shop", "SELECT count(*)::text FROM orders").await, "5000");

    // A trusted extension that the sandbox lacks comes with the schema, and goes with it.
    let mails = "CREATE INDEX mails_mail ON public.mails (mail)";
    let result = measured(&shop, "SELECT id FROM mails WHERE mail = 'M77'", mails, &options).await;
    assert_eq!(result.source, BenchmarkSource::Sampled, "{}", result.source_reason);
    assert_eq!(
        shop.text("staging", "SELECT string_agg(extname, ' ') FROM pg_extension").await,
        "plpgsql"
    );
}

#[tokio::test]
async fn millions_of_rows_are_counted_where_they_are() {
    let shop = Shop::start().await;
    let options = Options { seconds: 2, statement_timeout_s: 30, ..Options::of(&shop) };
    let statement =
        "SELECT a.id, b.id FROM orders a CROSS JOIN LATERAL (SELECT id FROM orders LIMIT 400) b";
    let result =
        measured(&shop, statement, "CREATE INDEX o ON public.orders (name)", &options).await;
    assert_eq!(result.bindings[0].comparison.rows, 2_000_000);
}

#[tokio::test]
async fn a_type_that_the_sandbox_cannot_have_is_named() {
    let shop = Shop::start().await;
    shop.run(
        "postgres",
        "shop",
        &[
            "CREATE EXTENSION file_fdw",
            "CREATE SERVER files FOREIGN DATA WRAPPER file_fdw",
            "CREATE FOREIGN TABLE far (a int) SERVER files OPTIONS (filename '/etc/hostname')",
            "GRANT SELECT ON far TO reader",
        ],
    )
    .await;
    let options = Options { seconds: 2, ..Options::of(&shop) };
    let error = refused(&shop, "SELECT a FROM far WHERE a = 1", PATCH, &options).await;
    assert!(error.to_string().contains("far") || error.to_string().contains("foreign"), "{error}");
}

#[tokio::test]
async fn a_sandbox_that_is_full_or_lost_ends_the_benchmark_with_an_error() {
    let mut shop = Shop::start().await;
    let options = Options { seconds: 2, ..Options::of(&shop) };
    let more = "INSERT INTO \"Items\" (order_id, kind, price, at) SELECT i, 'toy', 1, now() FROM generate_series(1, 5000) i, generate_series(1, 60)";
    shop.run("app", "shop", &[more]).await;
    // Files of the log have 16 MB.
    shop.restart_with_files_of_at_most(20_480).await;
    let statement = "SELECT id FROM \"Items\" WHERE order_id = 7";
    let (result, phases) = run(&shop, statement, PATCH, &options).await;
    let error = result.unwrap_err();
    assert!(matches!(error, BenchmarkError::Error(_)), "{error:?}");
    assert!(error.to_string().contains("ran out of something"), "{error}");
    assert_eq!(phases.last().unwrap().name(), PhaseName::Copying);
    clean(&shop).await;
    shop.restart().await;
    let options = Options { seconds: 2, ..Options::of(&shop) };
    let again = measured(&shop, statement, PATCH, &options).await;
    assert_eq!(again.source, BenchmarkSource::Sampled);

    // Restarted in the middle of it.
    let cluster = shop.cluster.clone();
    let crash = async {
        for _ in 0..400 {
            if !shop.scratch_schemas().await.is_empty() {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        cluster.crash().await.unwrap();
    };
    let (outcome, ()) = tokio::join!(run(&shop, statement, PATCH, &options), crash);
    let error = outcome.0.unwrap_err();
    assert!(matches!(error, BenchmarkError::Unreachable(_)), "{error:?}");
}
