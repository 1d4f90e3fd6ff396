//! Memory and processes with which the keys and indexes of a copy are built.

use super::copies::{copied, miniature, options};
use super::fixture::Shop;

/// Notes the settings under which each index is made.
const WITNESS: &[&str] = &[
    "CREATE SCHEMA witness",
    "CREATE TABLE witness.built (object text, memory text, workers text)",
    "CREATE FUNCTION witness.note() RETURNS event_trigger LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN
         INSERT INTO witness.built SELECT object_identity, current_setting('maintenance_work_mem'), current_setting('max_parallel_maintenance_workers')
         FROM pg_event_trigger_ddl_commands() WHERE object_type = 'index'; END $$",
    "CREATE EVENT TRIGGER witness ON ddl_command_end WHEN TAG IN ('CREATE INDEX') EXECUTE FUNCTION witness.note()",
];

/// The indexes of a copy, each with the settings under which it was made.
async fn built(shop: &Shop, name: &str, script: &str) -> String {
    miniature(shop, name, &[script]).await;
    let copy = format!("copy_{name}");
    shop.run("postgres", &copy, WITNESS).await;
    for setting in ["maintenance_work_mem = '48MB'", "max_parallel_maintenance_workers = 3"] {
        let set = format!("ALTER DATABASE {copy} SET {setting}");
        shop.run("postgres", "postgres", &[&set]).await;
    }
    let main = format!("main_{name}");
    let report = copied(shop, (&main, "postgres"), (&copy, "sandbox"), &options()).await;
    assert!(report.lacks.is_empty(), "{:?}", report.lacks);
    let built = "SELECT string_agg(format('%s %s %s', object, memory, workers), ', ' ORDER BY object) FROM witness.built WHERE object LIKE 'public.%'";
    shop.text(&copy, built).await
}

/// B-trees that are built beside others sort in the processor's caches, each on one processor. Other kinds are built in
/// the memory that the server gives them.
#[tokio::test]
async fn b_trees_beside_each_other_sort_in_small_runs() {
    let shop = Shop::start().await;
    let script = "
        CREATE TABLE t (a int, b int, c int, d int, e int, tags int[]);
        INSERT INTO t SELECT i, i, i, i, i, ARRAY[i] FROM generate_series(1, 1000) i;
        CREATE INDEX t_a ON t (a); CREATE INDEX t_b ON t (b); CREATE INDEX t_c ON t (c);
        CREATE INDEX t_d ON t (d); CREATE INDEX t_e ON t (e); CREATE INDEX a_tags ON t USING gin (tags)";
    let built = built(&shop, "sorted", script).await;
    // They are taken by name, since their sizes are alike, by at most four workers.
    for expected in ["public.a_tags 48MB 3", "public.t_a 16MB 0", "public.t_b 16MB 0"] {
        assert!(built.contains(expected), "{expected}: {built}");
    }
}

/// An index that is built alone has the server's own settings: its workers share the processors.
#[tokio::test]
async fn an_index_alone_is_built_with_all_that_the_server_has() {
    let shop = Shop::start().await;
    let script = "CREATE TABLE t (a int); INSERT INTO t VALUES (1); CREATE INDEX t_a ON t (a)";
    assert_eq!(built(&shop, "alone", script).await, "public.t_a 48MB 3");
}
