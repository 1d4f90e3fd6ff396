//! Knex: a CommonJS module a change, which also a project of ES modules loads (`.cjs`).
//!
//! With `transaction: false` each call of `knex` may take another connection of the pool, and a `SET` would hold on one
//! and the statement run on the next: all run on one that is taken once. `knex.raw` would take a `?` for a parameter;
//! the driver's own `query` does not.

use super::super::Migration;
use super::super::literal::JAVASCRIPT;
use super::super::script::Calls;
use super::super::step::any_alone;
use super::super::text::{comment, head, named, version};
use optischema::model::MigrationFile;

const CALLS: Calls<'_> = Calls {
    language: &JAVASCRIPT,
    comment: "//",
    run: ("await run(", ");"),
    together: ("await together(async () => {", "});"),
    refuse: "throw new Error(\"It cannot be undone.\");",
    shares: false,
    nothing: "// Nothing runs here.",
};

/// A connection is held for the whole of a direction.
const HELPERS: &str = "async function on(knex, work) {
  const connection = await knex.client.acquireConnection();
  const run = (sql) => connection.query(sql);
  const together = async (statements) => {
    await run(\"BEGIN\");
    try {
      await statements();
      await run(\"COMMIT\");
    } catch (error) {
      await run(\"ROLLBACK\");
      throw error;
    }
  };
  try {
    await work(run, together);
  } finally {
    await knex.client.releaseConnection(connection);
  }
}
";

pub(super) fn write(migration: &Migration<'_>) -> Vec<MigrationFile> {
    let files = named(migration).into_iter().map(|named| {
        let change = named.change;
        let alone = any_alone(change);
        let config = if alone {
            "// Some statements refuse a transaction; the others have their own.\nexports.config = { transaction: false };\n\n"
        } else {
            ""
        };
        let text = format!(
            "{}\n{config}{HELPERS}\n\
             exports.up = (knex) => on(knex, async (run, together) => {{\n{}}});\n\n\
             exports.down = (knex) => on(knex, async (run, together) => {{\n{}}});\n",
            comment("//", &head(change)),
            CALLS.up(&named, alone, 2),
            CALLS.down(&named, alone, 2),
        );
        MigrationFile { name: format!("{}_{}.cjs", version(migration.stamp, named.place), named.slug), text }
    });
    files.collect()
}
