//! Changes that cannot touch a statement win and lose nothing: `make placebo` measures how often one does.

use optischema::model::Verdict;

use crate::bench::{Options, measured};
use crate::fixture::Shop;

/// A change of each kind, on what none of the statements uses.
const CHANGES: &[(&str, &str)] = &[
    ("index", "CREATE INDEX placebo ON public.\"Items\" (note)"),
    ("index dropped", "DROP INDEX public.unused"),
    ("statistics", "CREATE STATISTICS public.placebo ON note, tags FROM public.\"Items\""),
    ("statistics dropped", "DROP STATISTICS public.unused_too"),
    ("statistics target", "ALTER TABLE public.\"Items\" ALTER COLUMN note SET STATISTICS 500"),
    ("number of values", "ALTER TABLE public.\"Items\" ALTER COLUMN note SET (n_distinct = 7)"),
    ("setting", "ALTER DATABASE shop SET temp_buffers = '9MB'"),
];

const STATEMENTS: &[(&str, &str)] = &[
    ("point", "SELECT price FROM \"Items\" WHERE id = 777"),
    ("range", "SELECT sum(price) FROM \"Items\" WHERE id BETWEEN 1000 AND 3000"),
    ("scan", "SELECT count(*), sum(price) FROM \"Items\" WHERE price > 50"),
    (
        "join",
        "SELECT count(*) FROM orders o JOIN \"Items\" i ON i.order_id = o.id WHERE o.id < 500",
    ),
];

#[tokio::test]
#[ignore = "takes an hour: make placebo"]
async fn placebos_find_no_winner() {
    let times: u64 = option_env!("OPTISCHEMA_PLACEBOS").and_then(|n| n.parse().ok()).unwrap_or(20);
    let shop = Shop::start().await;
    let setup = [
        "CREATE INDEX unused ON \"Items\" (note)",
        "CREATE STATISTICS unused_too ON note, tags FROM \"Items\"",
        "CREATE TABLE part AS SELECT id, price, 1 AS weight FROM \"Items\"",
        "CREATE TABLE whole AS
         SELECT * FROM part UNION ALL SELECT id, price, 0 FROM part WHERE id % 9 = 0",
        "ANALYZE",
    ];
    shop.run("app", "shop", &setup).await;
    let (mut runs, mut wrong, mut leaning) = (0, Vec::new(), Vec::new());
    for (kind, change) in CHANGES {
        for (name, statement) in STATEMENTS {
            let found = ratios(&shop, statement, change, times).await;
            runs += times;
            let winners = found.iter().filter(|(_, verdict)| is_winner(*verdict));
            wrong.extend(winners.map(|(ratio, _)| format!("{kind}, {name}: {ratio:+.2} %")));
            let middle = middle(&found);
            println!("{kind:20} {name:6} median {middle:+.2} % of {} runs", found.len());
            if middle.abs() > 1.0 {
                leaning.push(format!("{kind}, {name}: {middle:+.2} %"));
            }
        }
    }
    println!("{} false verdicts in {runs} runs: {wrong:#?}", wrong.len());
    let found = ratios(&shop, &weighted("whole"), &weighted("part"), times).await;
    let faster = found.iter().filter(|(_, verdict)| *verdict == Verdict::Faster).count() as u64;
    println!("a tenth less work: median {:+.2} %, faster in {faster} of {times}", middle(&found));
    assert!(wrong.len() as u64 * 100 <= runs, "{wrong:#?}");
    assert!(leaning.is_empty(), "{leaning:#?}");
    assert!(faster * 10 >= times * 9, "{found:?}");
}

/// What the tables `part` and `whole` agree on: the tenth of the rows that `part` lacks weighs nothing.
fn weighted(table: &str) -> String {
    format!("SELECT sum(weight), sum(price * weight) FROM {table}")
}

const fn is_winner(verdict: Verdict) -> bool {
    matches!(verdict, Verdict::Faster | Verdict::Slower)
}

/// The change in percent, and the verdict, of each of so many benchmarks.
async fn ratios(shop: &Shop, statement: &str, change: &str, times: u64) -> Vec<(f64, Verdict)> {
    let mut found = Vec::new();
    for seed in 0..times {
        let options = Options { seed, ..Options::of(shop) };
        let result = measured(shop, statement, change, &options).await;
        found.push((result.change_percent.unwrap_or_default(), result.verdict));
    }
    found
}

fn middle(found: &[(f64, Verdict)]) -> f64 {
    let mut ratios: Vec<f64> = found.iter().map(|(ratio, _)| *ratio).collect();
    ratios.sort_by(f64::total_cmp);
    ratios.get(ratios.len() / 2).copied().unwrap_or_default()
}
