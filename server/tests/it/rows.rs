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
    let options = Options::of(&shop);
    let cases: &[(&str, &str, &str)] = &[
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
        // A condition on a text: what is put in must meet it.
        (
            "SELECT id FROM a WHERE y = 'y7' AND (x > 3 OR x IS NULL)",
            "SELECT id FROM a WHERE y = 'y7' AND x > 3",
            "NULLs and duplicates",
        ),
        // A column that has the name of an alias of ours.
        (
            "SELECT id, y AS r, y AS optischema_r FROM a",
            "SELECT id + 1, y AS r, y AS optischema_r FROM a",
            "comes",
        ),
        // Another number of rows, and another order that is not returned.
        (
            "SELECT id FROM a ORDER BY id LIMIT 50",
            "SELECT id FROM a ORDER BY id LIMIT 40",
            "comes once without the change and not at all",
        ),
        (
            "SELECT id FROM a ORDER BY id OFFSET 2990",
            "SELECT id FROM a ORDER BY id",
            "not at all without the change",
        ),
        (
            "SELECT id FROM a ORDER BY lower(y) LIMIT 50",
            "SELECT id FROM a LIMIT 50",
            "nothing asks for their order any more",
        ),
        (
            "SELECT id FROM a ORDER BY lower(y)",
            "SELECT id FROM a ORDER BY upper(y) DESC",
            "their order is another one",
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
    for &(before, after, reason) in cases {
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
    let options = Options::of(&shop);
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
    let options = Options::of(&shop);
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

#[tokio::test]
async fn what_a_statement_leaves_open_is_told_from_what_a_change_breaks() {
    let shop = Shop::start().await;
    let options = Options::of(&shop);
    // The same statement: an aggregate takes its rows in the order in which they come.
    let open =
        "SELECT string_agg(id::text, ',') AS ids FROM \"Items\" WHERE price = 7 AND order_id < 900";
    let index = "CREATE INDEX by_price ON public.\"Items\" (price, order_id, id DESC)";
    let result = measured(&shop, open, index, &options).await;
    assert_ne!(result.verdict, Verdict::NotEquivalent, "{:?}", result.bindings);
    // Two statements: the difference may be the statement's own, and says so.
    let sorted = "SELECT string_agg(id::text, ',' ORDER BY id) AS ids FROM \"Items\" WHERE price = 7 AND order_id < 900";
    let other = "SELECT string_agg(id::text, ',' ORDER BY id DESC) AS ids FROM \"Items\" WHERE price = 7 AND order_id < 900";
    let broken = measured(&shop, sorted, other, &options).await;
    assert_eq!(broken.verdict, Verdict::NotEquivalent);
    assert!(!broken.warnings[0].contains("no fault of the change"), "{:?}", broken.warnings);
    // The same rows under another name and type.
    let named = "SELECT id AS x, price FROM \"Items\" WHERE id < 50";
    let typed = "SELECT id AS y, price::text AS price FROM \"Items\" WHERE id < 50";
    let other = measured(&shop, named, typed, &options).await;
    assert_eq!(other.bindings[0].comparison.difference, None);
    assert!(
        other.warnings.iter().any(|w| w.contains("called or typed otherwise: x integer")),
        "{:?}",
        other.warnings
    );
    // One row asked for in two ways: a LIMIT on one side only is compared as it stands.
    let last = "SELECT max(id) AS id FROM \"Items\"";
    let first = "SELECT id FROM \"Items\" ORDER BY id DESC LIMIT 1";
    let same = measured(&shop, last, first, &options).await;
    assert_ne!(same.verdict, Verdict::NotEquivalent, "{:?}", same.bindings[0].comparison);
    assert!(
        same.warnings.iter().any(|w| w.contains("limit their rows differently")),
        "{:?}",
        same.warnings
    );
}

#[tokio::test]
async fn values_of_a_statement_are_never_taken_for_sql() {
    let shop = Shop::start().await;
    shop.run(
        "postgres",
        "staging",
        &["CREATE SEQUENCE marked", "GRANT ALL ON SEQUENCE marked TO sandbox"],
    )
    .await;
    let options = Options::of(&shop);
    let odd = "(SELECT setval(''public.marked'', 999)::text)";
    let before = format!("SELECT id FROM orders WHERE name = '{odd}'");
    let after = format!("SELECT id FROM orders WHERE name IN ('{odd}')");
    let result = measured(&shop, &before, &after, &options).await;
    assert!(result.bindings[0].comparison.rows_added > 0);
    assert_eq!(shop.text("staging", "SELECT last_value::text FROM marked").await, "1");
}
