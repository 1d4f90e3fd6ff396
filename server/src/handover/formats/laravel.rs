//! Laravel: an anonymous class a change.
//!
//! `$withinTransaction = false` takes the migration out of the transaction that Laravel begins for PostgreSQL.
//! `DB::unprepared` sends a text as it stands: `DB::statement` would take a `?` for a parameter.

use super::super::Migration;
use super::super::literal::PHP;
use super::super::script::Calls;
use super::super::step::any_alone;
use super::super::text::{comment, head, named, version};
use optischema::model::MigrationFile;

const CALLS: Calls<'_> = Calls {
    language: &PHP,
    comment: "//",
    run: ("DB::unprepared(", ");"),
    together: ("DB::transaction(function () {", "});"),
    refuse: "throw new RuntimeException(\"It cannot be undone.\");",
    shares: false,
    nothing: "// Nothing runs here.",
};

pub(super) fn write(migration: &Migration<'_>) -> Vec<MigrationFile> {
    let files = named(migration).into_iter().map(|named| {
        let change = named.change;
        let alone = any_alone(change);
        let within = if alone {
            "    // Some statements refuse a transaction; the others have their own.\n    \
             public $withinTransaction = false;\n\n"
        } else {
            ""
        };
        let text = format!(
            "<?php\n\n{}\nuse Illuminate\\Database\\Migrations\\Migration;\n\
             use Illuminate\\Support\\Facades\\DB;\n\nreturn new class extends Migration\n{{\n{within}    \
             public function up(): void\n    {{\n{}    }}\n\n    \
             public function down(): void\n    {{\n{}    }}\n}};\n",
            comment("//", &head(change)),
            CALLS.up(&named, alone, 8),
            CALLS.down(&named, alone, 8),
        );
        MigrationFile { name: format!("{}_{}.php", dated(&version(migration.stamp, named.place)), named.slug), text }
    });
    files.collect()
}

/// The number as Laravel writes it: `yyyy_mm_dd_hhmmss`.
fn dated(version: &str) -> String {
    let part = |from: usize, to: usize| version.get(from..to).unwrap_or_default();
    format!("{}_{}_{}_{}", part(0, 4), part(4, 6), part(6, 8), version.get(8..).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_written_as_laravel_sorts_it() {
        assert_eq!(dated("20260102030405"), "2026_01_02_030405");
    }
}
