//! TypeORM: a TypeScript class a change.
//!
//! The last 13 digits of a class's name are its place, as milliseconds. A `QueryRunner` is one connection. A migration
//! that has no transaction says so, which TypeORM takes only in its mode `each`: in `all`, its default, it refuses. To
//! revert, 1.1.1 takes no notice of it (findings/typeorm-revert-ignores-transaction-false.sh).

use super::super::Migration;
use super::super::literal::JAVASCRIPT;
use super::super::script::Calls;
use super::super::step::any_alone;
use super::super::text::{camel, comment, head, milliseconds, named};
use optischema::model::MigrationFile;

const CALLS: Calls<'_> = Calls {
    language: &JAVASCRIPT,
    comment: "//",
    run: ("await queryRunner.query(", ");"),
    together: ("await together(queryRunner, async () => {", "});"),
    refuse: "throw new Error(\"It cannot be undone.\");",
    shares: true,
    nothing: "// Nothing runs here.",
};

const TOGETHER: &str = "
async function together(queryRunner: QueryRunner, statements: () => Promise<void>): Promise<void> {
  await queryRunner.startTransaction();
  try {
    await statements();
    await queryRunner.commitTransaction();
  } catch (error) {
    await queryRunner.rollbackTransaction();
    throw error;
  }
}
";

pub(super) fn write(migration: &Migration<'_>) -> Vec<MigrationFile> {
    let files = named(migration).into_iter().map(|named| {
        let change = named.change;
        let alone = any_alone(change);
        let place = milliseconds(migration.stamp, named.place);
        let class = format!("{}{place}", camel(&named.slug));
        let transaction = if alone {
            "  // Some statements refuse a transaction: run it with `--transaction each`, and revert it with\n  \
             // `--transaction none`, since reverting takes no notice of this line.\n  transaction = false;\n"
        } else {
            ""
        };
        let text = format!(
            "{}\nimport {{ MigrationInterface, QueryRunner }} from \"typeorm\";\n{}\n\
             export class {class} implements MigrationInterface {{\n  name = \"{class}\";\n{transaction}\n  \
             public async up(queryRunner: QueryRunner): Promise<void> {{\n{}  }}\n\n  \
             public async down(queryRunner: QueryRunner): Promise<void> {{\n{}  }}\n}}\n",
            comment("//", &head(change)),
            if alone { TOGETHER } else { "" },
            CALLS.up(&named, alone, 4),
            CALLS.down(&named, alone, 4),
        );
        MigrationFile { name: format!("{place}_{}.ts", named.slug), text }
    });
    files.collect()
}
