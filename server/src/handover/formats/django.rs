//! Django: one migration of `RunSQL` operations.
//!
//! `RunSQL` takes a list and sends each of its statements by itself and as it stands; a single
//! string it would split. If any statement refuses a transaction, the migration is not atomic; an
//! operation that says so is then still run in a transaction (`Migration.apply`).

use super::super::Migration;
use super::super::literal::{PYTHON, string};
use super::super::step::{Step, any_alone, steps};
use super::super::text::{Named, comment, head, named, no_way_back, title};
use optischema::model::MigrationFile;

const ATOMIC: &str = "\n\nclass AtomicSQL(migrations.RunSQL):\n    \
    \"\"\"Statements that take effect together, in a migration that is not atomic.\"\"\"\n\n    \
    atomic = True\n";

pub(super) fn write(migration: &Migration<'_>) -> Vec<MigrationFile> {
    let mut before: Option<String> = None;
    let mut files = Vec::new();
    for named in named(migration) {
        let change = named.change;
        let alone = any_alone(change);
        let name = format!("{:04}_{}", named.place + 2, named.slug);
        let follows = match &before {
            Some(before) => format!("        (\"your_app\", \"{before}\"),\n"),
            None => "        # Fill in: your app, its latest migration.\n        \
                     (\"your_app\", \"0001_initial\"),\n"
                .to_owned(),
        };
        let mut lines = vec![title(change)];
        lines.extend(no_way_back(change));
        // Python takes an encoding from a comment in the first two lines: they are not free text.
        let text = format!(
            "# Rename this file to follow your app's own numbering, and put the app and the migration before it\n\
             # into `dependencies`.\n#\n{}\nfrom django.db import migrations\n{}\n\n\
             class Migration(migrations.Migration):\n{}    \
             dependencies = [\n{follows}    ]\n\n    operations = [\n{}{}    ]\n",
            comment("#", &head(change)),
            if alone { ATOMIC } else { "" },
            if alone {
                "    # Some statements refuse a transaction; the others are in an AtomicSQL.\n    \
                 atomic = False\n\n"
            } else {
                ""
            },
            comment("        #", &lines),
            operations(&named, alone),
        );
        files.push(MigrationFile { name: format!("{name}.py"), text });
        before = Some(name);
    }
    files
}

/// The operations of a change. Django undoes them from the last one backwards, so that several
/// steps of `down` are operations of their own, last step first.
fn operations(named: &Named<'_>, alone: bool) -> String {
    let change = named.change;
    let (up, down) = (steps(&change.up), steps(&change.down));
    match (up.as_slice(), down.as_slice()) {
        ([one], [back]) if one.together() == back.together() => {
            operation(Some(one), Some(back), alone)
        }
        // Without `reverse_sql`, Django refuses to undo.
        (up, []) if named.refuses => up.iter().map(|step| refusing(step, alone)).collect(),
        _ => {
            let done = up.iter().map(|step| operation(Some(step), None, alone));
            let undone = down.iter().rev().map(|step| operation(None, Some(step), alone));
            done.chain(undone).collect()
        }
    }
}

fn operation(up: Option<&Step>, down: Option<&Step>, alone: bool) -> String {
    let sql = |step: Option<&Step>| step.map_or("migrations.RunSQL.noop".to_owned(), list);
    let class = up.or(down).map_or("migrations.RunSQL", |step| class(step, alone));
    format!(
        "        {class}(\n            sql={},\n            reverse_sql={},\n        ),\n",
        sql(up),
        sql(down)
    )
}

fn refusing(step: &Step, alone: bool) -> String {
    format!("        {}(\n            sql={},\n        ),\n", class(step, alone), list(step))
}

fn class(step: &Step, alone: bool) -> &'static str {
    if alone && step.together() { "AtomicSQL" } else { "migrations.RunSQL" }
}

fn list(step: &Step) -> String {
    let script = step.script();
    let item = |sql: &String| format!("{}{},\n", " ".repeat(16), string(&PYTHON, sql, 16));
    let items: String = script.iter().map(item).collect();
    format!("[\n{items}            ]")
}

#[cfg(test)]
mod tests {
    use super::super::super::HandedChange;
    use super::super::super::samples::{index, migration, outside, settings, vacuum, within};
    use super::*;

    fn texts(changes: &[HandedChange]) -> Vec<String> {
        write(&migration(changes)).into_iter().map(|file| file.text).collect()
    }

    fn text(change: HandedChange) -> String {
        texts(&[change]).concat()
    }

    #[test]
    fn a_migration_is_atomic_unless_a_statement_refuses_it() {
        let mut mixed = settings();
        mixed.up.extend(index().up);
        let mixed = text(mixed);
        assert!(mixed.contains("    atomic = False\n") && mixed.contains("        AtomicSQL(\n"));
        let within = text(settings());
        assert!(!within.contains("atomic = ") && !within.contains("AtomicSQL"));
    }

    #[test]
    fn each_depends_on_the_one_before() {
        let texts = texts(&[settings(), index()]);
        assert!(texts[0].contains("# Fill in"));
        assert!(texts[1].contains("(\"your_app\", \"0002_correlate_town_and_postcode\"),"));
    }

    #[test]
    fn every_statement_is_an_item_of_its_own_with_its_limits() {
        assert!(text(settings()).contains(
            "sql=[\n                \"SET LOCAL lock_timeout = '5s'\",\n                \
             \"SET LOCAL statement_timeout = '60s'\",\n                \
             \"CREATE STATISTICS IF NOT EXISTS s (dependencies) ON town, postcode FROM orders\",\n"
        ));
    }

    #[test]
    fn undoing_operations_backwards_runs_down_in_its_order() {
        let mut change = index();
        change.down = vec![within("d1"), outside("d2")];
        let text = text(change);
        assert!(text.find("\"d2\"").unwrap() < text.find("\"d1\"").unwrap());
        assert_eq!(text.matches("RunSQL.noop").count(), 3);
    }

    #[test]
    fn an_operation_is_atomic_only_if_both_its_directions_can_be() {
        let mut change = settings();
        change.down = vec![outside("DROP INDEX CONCURRENTLY i")];
        let text = text(change);
        let (_, atomic) = text.split_once("        AtomicSQL(\n").unwrap();
        let (atomic, plain) = atomic.split_once("        migrations.RunSQL(\n").unwrap();
        assert!(atomic.contains("CREATE STATISTICS") && plain.contains("DROP INDEX"));
    }

    #[test]
    fn it_is_irreversible_only_where_nothing_can_be_undone() {
        assert!(!text(vacuum()).contains("reverse_sql"));
        assert!(texts(&[vacuum(), index()])[0].contains("reverse_sql=migrations.RunSQL.noop"));
    }
}
