//! Ecto: a module a change.
//!
//! Without a DDL transaction each statement may take another connection of the pool, on which a `SET` would not hold:
//! all run inside `checkout`. Ecto's lock of its table of migrations is held in a transaction, and `CREATE INDEX
//! CONCURRENTLY` would wait for the end of that: hence `@disable_migration_lock` (or `migration_lock: :pg_advisory_lock`).

use super::super::Migration;
use super::super::literal::ELIXIR;
use super::super::script::Calls;
use super::super::step::any_alone;
use super::super::text::{camel, comment, head, named, version};
use optischema::model::MigrationFile;

const CALLS: Calls<'_> = Calls {
    language: &ELIXIR,
    comment: "#",
    run: ("run(", ")"),
    together: ("repo().transaction(fn ->", "end, timeout: :infinity)"),
    refuse: "raise Ecto.MigrationError, message: \"It cannot be undone.\"",
    shares: false,
    nothing: ":ok",
};

pub(super) fn write(migration: &Migration<'_>) -> Vec<MigrationFile> {
    let files = named(migration).into_iter().map(|named| {
        let change = named.change;
        let alone = any_alone(change);
        let disable = if alone {
            "  # Some statements refuse a transaction; the others have their own.\n  \
             @disable_ddl_transaction true\n  @disable_migration_lock true\n\n"
        } else {
            ""
        };
        let text = format!(
            "{}\ndefmodule OptiSchema.Migrations.{}{} do\n  use Ecto.Migration\n\n{disable}  \
             def up do\n    on_one_connection(fn ->\n{}    end)\n  end\n\n  \
             def down do\n    on_one_connection(fn ->\n{}    end)\n  end\n\n  \
             defp on_one_connection(work) do\n    \
             execute(fn -> repo().checkout(work, timeout: :infinity) end)\n  end\n\n  \
             defp run(sql), do: repo().query!(sql, [], timeout: :infinity, log: false)\nend\n",
            comment("#", &head(change)),
            camel(&named.slug),
            version(migration.stamp, named.place),
            CALLS.up(&named, alone, 6),
            CALLS.down(&named, alone, 6),
        );
        MigrationFile {
            name: format!("{}_{}.exs", version(migration.stamp, named.place), named.slug),
            text,
        }
    });
    files.collect()
}
