//! Ruby on Rails: one Active Record migration with `up` and `down`.
//!
//! Rails wraps a migration in one transaction. If any statement refuses that, the whole migration
//! must do without (`disable_ddl_transaction!`), and each change that can has its own block. A
//! statement with a `\`, a `#` or a quote is a here document in single quotes, in which Ruby reads
//! none of them.

use super::super::step::{Step, any_alone, steps};
use super::super::text::{camel, comment, head, named, no_way_back, title, version};
use super::super::{HandedStatement, Migration};
use optischema::model::MigrationFile;

/// The oldest version whose behaviour a migration of bare `execute` can ask for; later ones of
/// Rails still know it.
const COMPATIBLE: &str = "6.1";

pub(super) fn write(migration: &Migration<'_>) -> Vec<MigrationFile> {
    let files = named(migration).into_iter().map(|named| {
        let change = named.change;
        let alone = any_alone(change);
        let undo: Vec<_> = std::iter::once(title(change)).chain(no_way_back(change)).collect();
        let mut down = comment("    #", &undo) + &body(&change.down, alone);
        if change.down.is_empty() && named.refuses {
            down.push_str(
                "    raise ActiveRecord::IrreversibleMigration, \"It cannot be undone.\"\n",
            );
        }
        let disable = if alone {
            "  # Some statements refuse a transaction; the others have their own below.\n  \
             disable_ddl_transaction!\n\n"
        } else {
            ""
        };
        // Ruby takes an encoding from a comment in the first line, which is therefore not free text.
        let text = format!(
            "# frozen_string_literal: true\n\n{}class {} < ActiveRecord::Migration[{COMPATIBLE}]\n\
             {disable}  def up\n{}  end\n\n  def down\n{down}  end\nend\n",
            comment("#", &head(change)),
            camel(&named.slug),
            body(&change.up, alone),
        );
        let name = format!("{}_{}.rb", version(migration.stamp, named.place), named.slug);
        MigrationFile { name, text }
    });
    files.collect()
}

fn body(statements: &[HandedStatement], alone: bool) -> String {
    steps(statements).iter().map(|step| written(step, alone)).collect()
}

fn written(step: &Step, alone: bool) -> String {
    let (outer, inner) = (" ".repeat(4), " ".repeat(6));
    let script = |indent: &str| -> String {
        step.script().iter().map(|sql| format!("{indent}execute {}", string(sql))).collect()
    };
    if step.together() && alone {
        format!("{outer}transaction do\n{}{outer}end\n", script(&inner))
    } else {
        script(&outer)
    }
}

/// A statement as the last argument of a line, and the end of that line.
fn string(sql: &str) -> String {
    let taken = |mark: &str| sql.lines().any(|line| line.trim() == mark);
    let plain = !sql.contains(['"', '\\', '#', '\n']);
    if plain || sql.chars().any(|c| c.is_control() && c != '\n' && c != '\t') {
        return escaped(sql) + "\n";
    }
    let marks = std::iter::once("SQL".to_owned()).chain((1..).map(|n| format!("SQL_{n}")));
    let mark = marks.into_iter().find(|mark| !taken(mark)).unwrap_or_default();
    format!("<<'{mark}'\n{sql}\n{mark}\n")
}

/// A string in double quotes: for what needs no escape, and for what a here document changes, in
/// which Ruby drops the `\r` of a line's end.
fn escaped(sql: &str) -> String {
    let mut text = String::from("\"");
    for c in sql.chars() {
        match c {
            '"' | '\\' | '#' => text.extend(['\\', c]),
            c if c.is_control() => text.push_str(&format!("\\u{{{:x}}}", u32::from(c))),
            c => text.push(c),
        }
    }
    text + "\""
}

#[cfg(test)]
mod tests {
    use super::super::super::HandedChange;
    use super::super::super::samples::{index, migration, settings, vacuum};
    use super::*;

    #[test]
    fn the_class_is_the_one_that_rails_looks_for() {
        let files = write(&migration(&[index()]));
        assert_eq!(files[0].name, "20260102030405_index_orders_by_status.rb");
        assert!(files[0].text.contains("\nclass IndexOrdersByStatus < ActiveRecord::Migration["));
    }

    #[test]
    fn without_the_ddl_transaction_what_can_has_its_own() {
        let mut change = settings();
        change.up.extend(index().up);
        let text = &write(&migration(&[change]))[0].text;
        assert!(text.contains("  disable_ddl_transaction!\n"));
        assert_eq!(text.matches("transaction do").count(), 2);
        let text = &write(&migration(&[settings()]))[0].text;
        assert!(!text.contains("transaction!") && !text.contains("transaction do"));
    }

    #[test]
    fn a_statement_stands_between_its_marks_as_it_is_and_never_holds_the_mark() {
        let sql = "SELECT '#{x} \\\\ \"'\nSQL\n  SQL_1";
        assert_eq!(string(sql), format!("<<'SQL_2'\n{sql}\nSQL_2\n"));
    }

    #[test]
    fn a_carriage_return_is_escaped_and_so_is_interpolation() {
        assert_eq!(string("a\r\n#{b}\"\\"), "\"a\\u{d}\\u{a}\\#{b}\\\"\\\\\"\n");
    }

    #[test]
    fn it_is_irreversible_only_where_nothing_can_be_undone() {
        let raises = |changes: &[HandedChange]| {
            write(&migration(changes))[0].text.contains("raise ActiveRecord::Irreversible")
        };
        assert!(raises(&[vacuum()]));
        assert!(!raises(&[vacuum(), index()]));
    }
}
