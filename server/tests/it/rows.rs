//! Two statements that are not the same are told apart, and passing is no proof.

use optischema::model::Verdict;

use crate::bench::{Options, measured};
use crate::fixture::Shop;

#[tokio::test]
async fn rewrites_that_differ_on_nulls_duplicates_or_order_are_found_out() {
    let shop = Shop::start().await;
    // No NULL and no duplicate stands in these tables: the rows that are there show no difference.
    shop.run(
        "app",
        "shop",
        &[
            "CREATE TABLE a (id int PRIMARY KEY, x int, y text)",
            "CREATE TABLE b (id int PRIMARY KEY, a_x int, label text)",
            "INSERT INTO a SELECT i, i, 'y' || i FROM generate_series(1, 3000) i",
            "INSERT INTO b SELECT i, i * 2, 'l' || i FROM generate_series(1, 1000) i",
            "ANALYZE a",
            "ANALYZE b",
        ],
    )
    .await;
    let options = Options { seconds: 2, ..Options::of(&shop) };
    let cases: [(&str, &str, &str); 6] = [
        // NOT IN and NOT EXISTS part where the inner column holds a NULL.
        (
            "SELECT id FROM a WHERE x NOT IN (SELECT a_x FROM b)",
            "SELECT id FROM a WHERE NOT EXISTS (SELECT 1 FROM b WHERE b.a_x = a.x)",
            "NULLs and duplicates",
        ),
        // A join repeats rows where the inner side has duplicates.
        (
            "SELECT a.id FROM a WHERE EXISTS (SELECT 1 FROM b WHERE b.a_x = a.x)",
            "SELECT a.id FROM a JOIN b ON b.a_x = a.x",
            "NULLs and duplicates",
        ),
        // DISTINCT that is needed.
        ("SELECT DISTINCT x FROM a", "SELECT x FROM a", "NULLs and duplicates"),
        // <> loses NULLs.
        (
            "SELECT id FROM a WHERE y <> 'y5' OR y IS NULL",
            "SELECT id FROM a WHERE y <> 'y5'",
            "NULLs and duplicates",
        ),
        // Simply other rows.
        (
            "SELECT id FROM a WHERE x < 10",
            "SELECT id FROM a WHERE x <= 10",
            "comes not at all without the change and once with it",
        ),
        // The same rows in another order.
        (
            "SELECT id, x FROM a ORDER BY x LIMIT 50",
            "SELECT id, x FROM a ORDER BY x DESC LIMIT 50",
            "their order is another one",
        ),
    ];
    for (before, after, reason) in cases {
        let result = measured(&shop, before, after, &options).await;
        assert_eq!(result.verdict, Verdict::NotEquivalent, "{after}: {:?}", result.bindings);
        let found = &result.bindings[0].comparison;
        let what = &found.difference.as_ref().unwrap().what;
        assert!(what.contains(reason), "{after}: {what}");
        assert!(result.warnings.iter().any(|w| w == what), "{:?}", result.warnings);
    }
}

#[tokio::test]
async fn a_true_rewrite_passes_with_the_number_of_rows_and_no_claim_of_proof() {
    let shop = Shop::start().await;
    let options = Options { seconds: 3, ..Options::of(&shop) };
    let result = measured(
        &shop,
        "SELECT i.id FROM \"Items\" i WHERE i.price = 7 AND (i.kind = 'toy' OR i.kind = 'book') ORDER BY i.id",
        "SELECT i.id FROM \"Items\" i WHERE i.price = 7 AND i.kind IN ('toy', 'book') ORDER BY 1",
        &options,
    )
    .await;
    let compared = &result.bindings[0].comparison;
    assert_eq!(compared.difference, None);
    assert!(compared.ordered && compared.rows > 100, "{compared:?}");
    assert!(compared.rows_added > 20, "NULLs and duplicates were put in: {compared:?}");
    let sentence = compared.sentence();
    assert!(
        sentence.starts_with(&format!(
            "No difference found in {} rows, order included.",
            compared.rows
        )),
        "{sentence}"
    );
    assert!(!sentence.contains("proof") && !sentence.contains("equivalent"), "{sentence}");
    // What was put in is gone again, and main never had it.
    assert_eq!(shop.text("shop", "SELECT count(*)::text FROM \"Items\"").await, "100000");
}

#[tokio::test]
async fn ties_that_a_limit_leaves_open_are_no_difference_of_an_index() {
    let shop = Shop::start().await;
    let options = Options { seconds: 2, ..Options::of(&shop) };
    let result = measured(
        &shop,
        "SELECT id, price FROM \"Items\" WHERE kind = 'toy' ORDER BY price LIMIT 5",
        "CREATE INDEX by_price ON public.\"Items\" (price, id DESC)",
        &options,
    )
    .await;
    assert_eq!(result.verdict, Verdict::Faster, "{result:?}");
    assert!(result.warnings.iter().any(|w| w.contains("ties")), "{:?}", result.warnings);
}
