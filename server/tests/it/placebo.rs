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
    ("setting", "ALTER DATABASE shop SET cursor_tuple_fraction = 0.2"),
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
        "ANALYZE \"Items\"",
    ];
    shop.run("app", "shop", &setup).await;
    let (mut runs, mut wrong) = (0, Vec::new());
    for (kind, change) in CHANGES {
        for (name, statement) in STATEMENTS {
            let mut ratios = Vec::new();
            for seed in 0..times {
                let options = Options { seed, ..Options::of(&shop) };
                let result = measured(&shop, statement, change, &options).await;
                runs += 1;
                ratios.extend(result.change_percent);
                if matches!(result.verdict, Verdict::Faster | Verdict::Slower) {
                    wrong.push(format!("{kind}, {name}: {:?}", result.confidence_interval));
                }
            }
            ratios.sort_by(f64::total_cmp);
            let middle = ratios.get(ratios.len() / 2).copied().unwrap_or_default();
            println!("{kind:20} {name:6} median {middle:+.2} % of {} runs", ratios.len());
        }
    }
    println!("{} false verdicts in {runs} runs: {wrong:#?}", wrong.len());
    assert!(wrong.len() as u64 * 100 <= runs, "{wrong:#?}");
}
