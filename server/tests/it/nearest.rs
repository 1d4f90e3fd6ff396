//! The nearest vectors: indexes that find most of them, and how many these find. Needs a server with pgvector, such as
//! `scripts/postgres bin 18-debian`; the nearest words one with RUM, such as Debian's postgresql-15-rum. Where these are
//! not, nothing is tested here.

use std::time::Duration;

use optischema::model::{RecommendationType, Verdict};
use optischema_server::analysis::analyze_once;
use optischema_server::config::Settings;
use optischema_server::workload::AdviseLimits;

use crate::bench::{Options, measured};
use crate::fixture::Shop;

const TABLES: &[&str] = &[
    "CREATE EXTENSION vector",
    "CREATE TABLE papers (id int PRIMARY KEY, owner int, at vector(64), signs bit(64))",
    "SELECT setseed(0.5)",
    "INSERT INTO papers SELECT i, i % 50, array_agg(random())::vector(64), string_agg((random() > 0.5)::int::text, '')::bit(64)
     FROM generate_series(1, 20000) i, generate_series(1, 64) j GROUP BY i",
    "VACUUM ANALYZE papers",
];

/// A shop with vectors on main, and pgvector in the sandbox too.
async fn with_vectors() -> Option<Shop> {
    let shop = Shop::start().await;
    let there =
        "SELECT count(*)::text FROM pg_available_extensions WHERE name IN ('vector', 'hypopg')";
    if shop.text("shop", there).await != "2" {
        return None;
    }
    shop.run("postgres", "shop", TABLES).await;
    shop.run("postgres", "shop", &["GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader"]).await;
    shop.run("postgres", "staging", &TABLES[..1]).await;
    Some(shop)
}

const NEAR: &str = "(SELECT at FROM papers WHERE id = 77)";

#[tokio::test]
async fn every_distance_gets_the_index_of_its_own_class() {
    let Some(shop) = with_vectors().await else { return };
    let near =
        |distance: &str| format!("SELECT id FROM papers ORDER BY at {distance} {NEAR} LIMIT 5");
    let forms = [
        (near("<->"), "\"at\" vector_l2_ops"),
        (near("<=>"), "\"at\" vector_cosine_ops"),
        (near("<#>"), "\"at\" vector_ip_ops"),
        (
            format!("SELECT id FROM papers ORDER BY at::halfvec(64) <-> {NEAR}::halfvec(64) LIMIT 5"),
            "halfvec(64)) halfvec_l2_ops",
        ),
        (
            "SELECT id FROM papers ORDER BY signs <~> (SELECT signs FROM papers WHERE id = 77) LIMIT 5".to_owned(),
            "\"signs\" bit_hamming_ops",
        ),
    ];
    for (statement, class) in forms {
        let settings = Settings::resolve(&shop.settings()).unwrap();
        let limits = AdviseLimits { deadline: Duration::from_secs(60), ..AdviseLimits::default() };
        let workload = format!("{statement};\n");
        let (_, advice) =
            analyze_once(&settings, Some(&mut workload.as_bytes()), &limits).await.unwrap();
        let index = advice
            .proposals
            .iter()
            .find(|one| one.recommendation_type == RecommendationType::Index)
            .unwrap_or_else(|| panic!("{statement}: {:?}", advice.rejected));
        assert!(
            index.sql_fix.contains("USING hnsw") && index.sql_fix.contains(class),
            "{}",
            index.sql_fix
        );
        let facts = serde_json::to_string(&index.evidence.facts).unwrap();
        assert!(
            facts.contains("Approximate") && facts.contains("Planned in the sandbox"),
            "{facts}"
        );
    }
}

#[tokio::test]
async fn a_benchmark_says_how_many_of_the_nearest_came() {
    let Some(shop) = with_vectors().await else { return };
    let options = Options::of(&shop);
    let statement = format!("SELECT id FROM papers ORDER BY at <-> {NEAR} LIMIT 20");
    // Among a hundred lists of random places one is looked into.
    let few =
        "CREATE INDEX few ON public.papers USING ivfflat (at vector_l2_ops) WITH (lists = 100)";
    let result = measured(&shop, &statement, few, &options).await;
    assert_eq!(result.verdict, Verdict::NotEquivalent, "{result:?}");
    let said = result.bindings[0].comparison.sentence();
    assert!(said.contains("approximately") && said.contains("recall"), "{said}");
    let most = "CREATE INDEX most ON public.papers USING hnsw (at vector_l2_ops) WITH (m = 32, ef_construction = 200)";
    let result = measured(&shop, &statement, most, &options).await;
    assert_eq!(result.verdict, Verdict::Faster, "{result:?}");
    let comparison = &result.bindings[0].comparison;
    assert!(comparison.in_common.unwrap_or(comparison.rows) >= 10, "{comparison:?}");
    assert!(comparison.difference.is_none());
}

#[tokio::test]
async fn words_in_the_order_of_their_distance_get_rum() {
    let shop = Shop::start().await;
    let there = "SELECT count(*)::text FROM pg_available_extensions WHERE name = 'rum'";
    if shop.text("shop", there).await != "1" {
        return;
    }
    let setup = [
        "CREATE EXTENSION rum",
        "CREATE TABLE pages (id int PRIMARY KEY, words tsvector)",
        "INSERT INTO pages SELECT i, to_tsvector('english', 'term' || i % 3000 || ' mark' || i % 50) FROM generate_series(1, 40000) i",
        "GRANT SELECT ON pages TO reader",
        "VACUUM ANALYZE pages",
    ];
    shop.run("postgres", "shop", &setup).await;
    shop.run("postgres", "staging", &setup[..1]).await;
    let settings = Settings::resolve(&shop.settings()).unwrap();
    let limits = AdviseLimits { deadline: Duration::from_secs(60), ..AdviseLimits::default() };
    let words = "to_tsquery('english', 'mark5')";
    let workload =
        format!("SELECT id FROM pages WHERE words @@ {words} ORDER BY words <=> {words} LIMIT 5;");
    let (_, advice) =
        analyze_once(&settings, Some(&mut workload.as_bytes()), &limits).await.unwrap();
    let patches: Vec<&String> = advice.proposals.iter().map(|one| &one.patch_sql).collect();
    assert!(
        patches.iter().any(|patch| patch.contains("USING rum")),
        "{patches:?} {:?}",
        advice.rejected
    );
}
