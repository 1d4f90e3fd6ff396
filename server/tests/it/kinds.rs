//! Every kind of change can be benchmarked, and what is measured beside run times.

use optischema::model::{BenchmarkSource, Verdict, WriteOperation};

use crate::bench::{Options, measured, refused};
use crate::fixture::Shop;

const ITEMS: &str = "SELECT id, price FROM \"Items\" WHERE order_id = 77";

#[tokio::test]
async fn an_index_is_measured_with_what_it_costs() {
    let shop = Shop::start().await;
    let options = Options::of(&shop);
    let patch = "CREATE INDEX items_order ON public.\"Items\" (order_id)";
    let result = measured(&shop, ITEMS, patch, &options).await;
    assert_eq!(result.verdict, Verdict::Faster, "{result:?}");
    assert_eq!(result.source_tag(), "Sampled 100 %");
    let index = result.index.unwrap();
    assert!(index.build_ms > 0.0 && index.bytes > 100_000);
    // The plan of every run is known, and each arm has one.
    let (baseline, patched) = (result.baseline.unwrap(), result.patched.unwrap());
    assert_eq!(baseline.plan_hashes.len(), baseline.samples_ms.len());
    assert_eq!(patched.plan_hashes.iter().collect::<std::collections::BTreeSet<_>>().len(), 1);
    assert_ne!(baseline.plan_hashes[0], patched.plan_hashes[0]);
    let calibration = result.calibration.unwrap();
    assert!(calibration.pairs >= 10 && calibration.median_ms > 0.0);
    assert!(!matches!(calibration.verdict, Verdict::Faster | Verdict::Slower), "{calibration:?}");

    let cost = result.write_cost.unwrap();
    assert_eq!(cost.absent, Vec::<String>::new());
    let of = |operation| cost.operations.iter().find(|o| o.operation == operation).unwrap();
    let insert = of(WriteOperation::Insert);
    assert!(insert.patched.wal_bytes > insert.baseline.wal_bytes, "{insert:?}");
    assert!(insert.patched.wal_records > insert.baseline.wal_records, "{insert:?}");
    let indexed = of(WriteOperation::UpdateIndexed);
    assert_eq!(indexed.column.as_deref(), Some("order_id"));
    assert!(indexed.baseline.hot_updates > indexed.rows / 2, "{indexed:?}");
    assert_eq!(indexed.patched.hot_updates, 0, "{indexed:?}");
    assert!(indexed.lost_hot_updates() > 0);
    let other = of(WriteOperation::UpdateOther);
    assert_eq!(other.patched.hot_updates, other.baseline.hot_updates, "{other:?}");
    assert_eq!(of(WriteOperation::Delete).pairs, 10);
    assert!(result.environment.settings.contains_key("work_mem"));
    assert_eq!(result.environment.settings_left, Vec::<String>::new());
}

#[tokio::test]
async fn what_a_gin_index_puts_off_is_measured_with_its_writes() {
    let shop = Shop::start().await;
    let options = Options::of(&shop);
    let statement = "SELECT id FROM orders WHERE name LIKE '%er 4321%'";
    for (parameters, is_put_off) in [("", true), (" WITH (fastupdate = off)", false)] {
        let patch = format!(
            "CREATE INDEX o_name ON public.orders USING gin (name gin_trgm_ops){parameters}"
        );
        let result = measured(&shop, statement, &patch, &options).await;
        let cost = result.write_cost.unwrap();
        let insert = cost.operations.iter().find(|o| o.operation == WriteOperation::Insert);
        let insert = insert.unwrap_or_else(|| panic!("{:?}", cost.absent));
        assert_eq!(insert.patched.merge_ms.is_some_and(|ms| ms > 0.0), is_put_off, "{insert:?}");
        assert_eq!(insert.baseline.merge_ms, None);
        // Entries of a dozen trigrams a row are far more than the row itself, whenever they are written.
        assert!(insert.patched.wal_bytes > 3 * insert.baseline.wal_bytes, "{insert:?}");
    }
}

#[tokio::test]
async fn indexes_of_all_kinds_are_measured() {
    let shop = Shop::start().await;
    let options = Options::of(&shop);
    for (statement, patch) in [
        (
            "SELECT id FROM \"Items\" WHERE tags @> ARRAY['z']",
            "CREATE INDEX i_tags ON public.\"Items\" USING gin (tags)",
        ),
        (
            "SELECT id FROM orders WHERE name LIKE '%er 4321%'",
            "CREATE INDEX o_name ON public.orders USING gin (name gin_trgm_ops)",
        ),
        (
            "SELECT count(*) FROM \"Items\" WHERE id BETWEEN 100 AND 200",
            "CREATE INDEX i_id ON public.\"Items\" USING brin (id)",
        ),
        (
            "SELECT id FROM orders WHERE name = 'order 7'",
            "CREATE INDEX o_hash ON public.orders USING hash (name)",
        ),
        (
            "SELECT id FROM orders WHERE lower(name) = 'order 7'",
            "CREATE INDEX o_lower ON public.orders (lower(name))",
        ),
        (
            "SELECT id FROM \"Items\" WHERE kind = 'toy' AND price = 3",
            "CREATE INDEX i_part ON public.\"Items\" (price) INCLUDE (id) WHERE kind = 'toy'",
        ),
    ] {
        let result = measured(&shop, statement, patch, &options).await;
        assert_eq!(result.source, BenchmarkSource::Sampled, "{patch}: {}", result.source_reason);
        assert!(result.index.is_some() && result.write_cost.is_some(), "{patch}");
        assert!(result.pairs > 0, "{patch}");
        let lacks =
            result.warnings.iter().any(|w| w.contains("CREATE EXTENSION pg_trgm comes first"));
        assert_eq!(lacks, patch.contains("trgm"), "{patch}: {:?}", result.warnings);
    }
    let page = "SELECT id FROM orders WHERE id > $1 ORDER BY id LIMIT 5";
    let other = "SELECT id FROM orders WHERE id > $1 AND name > $2 ORDER BY id LIMIT 5";
    let error = refused(&shop, page, other, &options).await;
    assert!(error.to_string().contains("does not have ($2)"), "{error}");
}

#[tokio::test]
async fn dropped_indexes_statistics_parameters_settings_and_rewrites_are_measured() {
    let shop = Shop::start().await;
    shop.run(
        "app",
        "shop",
        &[
            "CREATE INDEX items_order ON \"Items\" (order_id)",
            "CREATE STATISTICS old_stats ON order_id, kind FROM \"Items\"",
            "ANALYZE \"Items\"",
        ],
    )
    .await;
    let options = Options::of(&shop);
    let dropped = measured(&shop, ITEMS, "DROP INDEX public.items_order", &options).await;
    assert_eq!(dropped.verdict, Verdict::Slower, "{dropped:?}");
    let cost = dropped.write_cost.unwrap();
    let insert = &cost.operations[0];
    assert!(insert.patched.wal_bytes < insert.baseline.wal_bytes, "{insert:?}");

    let sorted = "SELECT id FROM \"Items\" ORDER BY md5(price::text || id)";
    let setting =
        measured(&shop, sorted, "ALTER DATABASE shop SET work_mem = '64MB'", &options).await;
    let plans = setting.plans.unwrap();
    let text = |plan: &serde_json::Value| plan.to_string();
    assert!(text(&plans.baseline).contains("\"Disk\""), "{plans:?}");
    assert!(text(&plans.patched).contains("\"Memory\""), "{plans:?}");

    for patch in [
        "CREATE STATISTICS public.new_stats ON price, kind FROM public.\"Items\"",
        "DROP STATISTICS public.old_stats",
        "ALTER TABLE public.\"Items\" ALTER COLUMN price SET STATISTICS 500",
        "ALTER TABLE public.\"Items\" ALTER COLUMN price SET (n_distinct = -0.5)",
        "ALTER TABLE public.\"Items\" SET (fillfactor = 70)",
        "ALTER SYSTEM SET random_page_cost = 1.1",
        "SELECT id, price FROM \"Items\" WHERE order_id IN (77)",
    ] {
        let result = measured(&shop, ITEMS, patch, &options).await;
        assert_eq!(result.source, BenchmarkSource::Sampled, "{patch}");
        assert!(result.pairs >= 10, "{patch}: {:?}", result.warnings);
        assert!(
            !matches!(result.verdict, Verdict::Slower | Verdict::NotEquivalent),
            "{patch}: {result:?}"
        );
    }
    // What a copy mends by being made, or a session cannot have, is not measured; the reason is there.
    for (patch, reason) in [
        ("VACUUM public.\"Items\"", "no dead rows"),
        ("ANALYZE public.\"Items\"", "fresh statistics"),
        ("ALTER SYSTEM SET shared_buffers = '1GB'", "whole server"),
    ] {
        let result = measured(&shop, ITEMS, patch, &options).await;
        assert_eq!(result.source, BenchmarkSource::Estimated, "{patch}");
        assert!(result.source_reason.contains(reason), "{patch}: {}", result.source_reason);
    }
    let same = refused(&shop, ITEMS, ITEMS, &options).await;
    assert!(same.to_string().contains("stays the same"), "{same}");
}

#[tokio::test]
async fn every_set_of_values_has_a_verdict_and_the_worst_is_named() {
    let shop = Shop::start().await;
    // One value has half of the rows: the index helps the others and not this one.
    shop.run(
        "app",
        "shop",
        &[
            "CREATE TABLE skewed (id int PRIMARY KEY, k int, pad text)",
            "INSERT INTO skewed SELECT i, CASE WHEN i % 2 = 0 THEN 0 WHEN i % 50 = 1 THEN NULL ELSE i % 997 END,
                    repeat('x', 60) FROM generate_series(1, 60000) i",
            "ANALYZE skewed",
        ],
    )
    .await;
    let options = Options::of(&shop);
    let result = measured(
        &shop,
        "SELECT id, pad FROM skewed WHERE k = $1",
        "CREATE INDEX skewed_k ON public.skewed (k)",
        &options,
    )
    .await;
    assert!(
        result.bindings.len() >= 3,
        "{:?}",
        result.bindings.iter().map(|b| &b.label).collect::<Vec<_>>()
    );
    assert!(result.bindings.iter().any(|b| b.verdict == Verdict::Faster));
    let worst = result.worst_binding.clone().unwrap();
    let of_worst = result.bindings.iter().find(|binding| binding.label == worst).unwrap();
    let change = |b: &optischema::model::BindingResult| b.change_percent.unwrap();
    let most = result.bindings.iter().map(change).fold(f64::MIN, f64::max);
    assert_eq!(change(of_worst), most, "{result:?}");
    let common = result.bindings.iter().find(|b| b.values == ["0"]).unwrap();
    let best = result.bindings.iter().map(change).fold(f64::MAX, f64::min);
    assert!(change(common) > best, "half of the rows gain less than a few");
    let null = result.bindings.iter().find(|b| b.values == ["NULL"]).expect("NULL is measured too");
    assert_eq!(null.comparison.rows, 0);
}

#[tokio::test]
async fn the_rest_of_the_workload_is_planned_without_and_with_the_change() {
    use optischema_server::config::Settings;
    let shop = Shop::start().await;
    shop.run(
        "app",
        "shop",
        &["CREATE INDEX items_order ON \"Items\" (order_id)", "ANALYZE \"Items\""],
    )
    .await;
    shop.traffic().await;
    let settings = Settings::resolve(&shop.settings()).unwrap();
    let collection = optischema_server::analysis::collected(&settings).await.unwrap();
    let options = Options { others: collection.statements, ..Options::of(&shop) };
    let counted = "SELECT count(*) FROM \"Items\" WHERE price = 5";
    let result = measured(&shop, counted, "DROP INDEX public.items_order", &options).await;
    assert!(result.workload_planned > 0);
    let effect = result
        .workload
        .iter()
        .find(|e| e.sql.contains("order_id"))
        .expect("the statement that needs it");
    assert!(effect.cost_after > 2.0 * effect.cost_before, "{effect:?}");
    assert!(
        result.warnings.iter().any(|w| w.contains("becomes") && w.contains("dearer")),
        "{:?}",
        result.warnings
    );
    // With an index to be made, main's planner is asked, on all rows.
    shop.run("app", "shop", &["DROP INDEX items_order"]).await;
    let made =
        measured(&shop, counted, "CREATE INDEX again ON public.\"Items\" (order_id)", &options)
            .await;
    let effect = made
        .workload
        .iter()
        .find(|e| e.sql.contains("order_id"))
        .expect("the statement that gains");
    assert!(effect.cost_after < 0.5 * effect.cost_before, "{effect:?}");
}
