//! Django: one migration of `RunSQL` operations.
//!
//! `RunSQL` takes a list and sends each of its statements by itself and as it stands; a single
//! string it would split. If any statement refuses a transaction, the migration is not atomic; an
//! operation that says so is then still run in a transaction (`Migration.apply`).

use std::fmt::Write as _;

use super::python::string;
use super::step::{Step, any_alone, irreversible, outside, steps};
use super::text::{comment, head, no_way_back, slug, title};
use super::{HandedChange, Migration, MigrationFile};

const ATOMIC: &str = "\n\nclass AtomicSQL(migrations.RunSQL):\n    \
    \"\"\"Statements that take effect together, in a migration that is not atomic.\"\"\"\n\n    \
    atomic = True\n";

pub(super) fn write(migration: &Migration<'_>) -> Vec<MigrationFile> {
    let slug = slug(migration.name);
    let alone = any_alone(migration.changes);
    let irreversible = irreversible(migration.changes);
    let changes = migration.changes.iter().enumerate();
    let operations: String =
        changes.map(|(place, change)| operations(place, change, alone, irreversible)).collect();
    // Python takes an encoding from a comment in the first two lines: they are not free text.
    let text = format!(
        "# Rename this file to follow your app's own numbering, and put the app and its latest\n\
         # migration into `dependencies`.\n#\n{}\nfrom django.db import migrations\n{}\n\n\
         class Migration(migrations.Migration):\n{}    \
         dependencies = [\n        # Fill in: your app, its latest migration.\n        \
         (\"your_app\", \"0001_initial\"),\n    ]\n\n    operations = [\n{operations}    ]\n",
        comment("#", &head(migration)),
        if alone { ATOMIC } else { "" },
        if alone {
            "    # Some statements refuse a transaction; the others are in an AtomicSQL.\n    \
             atomic = False\n\n"
        } else {
            ""
        },
    );
    vec![MigrationFile { name: format!("0002_{slug}.py"), text }]
}

/// The operations of a change. Django undoes them from the last one backwards, so that several
/// steps of `down` are operations of their own, last step first.
fn operations(place: usize, change: &HandedChange, alone: bool, irreversible: bool) -> String {
    let (up, down) = (steps(&change.up), steps(&change.down));
    let mut lines = vec![title(place, change)];
    lines.extend(no_way_back(change));
    let mut text = comment("        #", &lines);
    match (up.as_slice(), down.as_slice()) {
        ([one], [back]) if one.together() == back.together() => {
            text += &operation(Some(one), Some(back), alone);
        }
        // Without `reverse_sql`, Django refuses to undo: only where nothing at all can be.
        (_, []) if irreversible => up.iter().for_each(|step| text += &refusing(step, alone)),
        _ => {
            up.iter().for_each(|step| text += &operation(Some(step), None, alone));
            down.iter().rev().for_each(|step| text += &operation(None, Some(step), alone));
        }
    }
    text
}

fn operation(up: Option<&Step<'_>>, down: Option<&Step<'_>>, alone: bool) -> String {
    let sql = |step: Option<&Step<'_>>| step.map_or("migrations.RunSQL.noop".to_owned(), list);
    let class = up.or(down).map_or("migrations.RunSQL", |step| class(step, alone));
    let mut text = String::new();
    let alones = [up, down].into_iter().flatten().filter(|step| !step.together());
    // The longer remark says what the shorter one does.
    if let Some(remark) =
        alones.map(|step| outside(&step.statements().concat())).max_by_key(|r| r.len())
    {
        let _ = writeln!(text, "        # {remark}");
    }
    let _ = writeln!(
        text,
        "        {class}(\n            sql={},\n            reverse_sql={},\n        ),",
        sql(up),
        sql(down)
    );
    text
}

fn refusing(step: &Step<'_>, alone: bool) -> String {
    format!("        {}(\n            sql={},\n        ),\n", class(step, alone), list(step))
}

fn class(step: &Step<'_>, alone: bool) -> &'static str {
    if alone && step.together() { "AtomicSQL" } else { "migrations.RunSQL" }
}

fn list(step: &Step<'_>) -> String {
    let items = step.script().into_iter();
    let items: String =
        items.map(|sql| format!("{}{},\n", " ".repeat(16), string(sql, 16))).collect();
    format!("[\n{items}            ]")
}

#[cfg(test)]
mod tests {
    use super::super::samples::{index, migration, outside, settings, vacuum, within};
    use super::*;

    fn text(changes: &[HandedChange]) -> String {
        write(&migration(changes))[0].text.clone()
    }

    #[test]
    fn a_migration_is_atomic_unless_a_statement_refuses_it() {
        let mixed = text(&[settings(), index()]);
        assert!(mixed.contains("    atomic = False\n") && mixed.contains("        AtomicSQL(\n"));
        let within = text(&[settings()]);
        assert!(!within.contains("atomic = ") && !within.contains("AtomicSQL"));
    }

    #[test]
    fn every_statement_is_an_item_of_its_own_with_its_limits() {
        assert!(text(&[settings()]).contains(
            "sql=[\n                \"SET LOCAL lock_timeout = '5s'\",\n                \
             \"SET LOCAL statement_timeout = '60s'\",\n                \
             \"CREATE STATISTICS s (dependencies) ON town, postcode FROM orders\",\n"
        ));
    }

    #[test]
    fn undoing_operations_backwards_runs_down_in_its_order() {
        let mut change = index();
        change.down = vec![within("d1"), outside("d2")];
        let text = text(&[change]);
        assert!(text.find("\"d2\"").unwrap() < text.find("\"d1\"").unwrap());
        assert_eq!(text.matches("RunSQL.noop").count(), 3);
    }

    #[test]
    fn an_operation_is_atomic_only_if_both_its_directions_can_be() {
        let mut change = settings();
        change.down = vec![outside("DROP INDEX CONCURRENTLY i")];
        let text = text(&[change]);
        let (_, atomic) = text.split_once("        AtomicSQL(\n").unwrap();
        let (atomic, plain) = atomic.split_once("        migrations.RunSQL(\n").unwrap();
        assert!(atomic.contains("CREATE STATISTICS") && plain.contains("DROP INDEX"));
    }

    #[test]
    fn it_is_irreversible_only_where_nothing_can_be_undone() {
        assert!(!text(&[vacuum()]).contains("reverse_sql"));
        assert!(text(&[vacuum(), index()]).contains("reverse_sql=migrations.RunSQL.noop"));
    }
}
