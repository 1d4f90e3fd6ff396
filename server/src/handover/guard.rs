//! What makes a file safe to run again after a break: it removes what an index build that was cut off left behind, and
//! fails where an index that is taken for built is not valid.

use optischema::model::{quote_identifier, quote_literal};

use crate::sql::{MadeIndex as IndexForm, NamedRelation};

/// Drops an invalid index of that name. The lock is a moment's, and waiting for it holds others up: hence its own limit.
#[must_use]
pub fn drop_leftover(table: &NamedRelation, index: &str) -> String {
    let which = format!("c.relname = {}", one_line(index));
    drop_invalid(&of_table(table), &which)
}

/// Drops what `REINDEX CONCURRENTLY` left beside the indexes of a table, or beside an index.
pub(super) fn drop_rebuilt(of: &NamedRelation) -> String {
    let relation = regclass(of);
    let table = format!(
        "(i.indrelid = {relation} OR i.indrelid = (SELECT o.indrelid FROM pg_catalog.pg_index o WHERE o.indexrelid = {relation}))"
    );
    drop_invalid(&table, "c.relname ~ '_cc(new|old)[0-9]*$'")
}

/// An index that is being built is invalid, too: who builds one holds the lock that is asked for first, and so does whoever
/// vacuums the table.
fn drop_invalid(table: &str, which: &str) -> String {
    let leftovers = format!(
        "pg_catalog.pg_index i
      JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid AND c.relkind = 'i'
      JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
     WHERE {table} AND {which} AND NOT i.indisvalid"
    );
    block(&format!(
        "DECLARE leftover record;
BEGIN
  FOR leftover IN SELECT DISTINCT i.indrelid::pg_catalog.regclass AS of FROM {leftovers}
  LOOP
    EXECUTE pg_catalog.format('LOCK TABLE %s IN SHARE UPDATE EXCLUSIVE MODE NOWAIT', leftover.of);
  END LOOP;
  FOR leftover IN SELECT pg_catalog.format('%I.%I', n.nspname, c.relname) AS name FROM {leftovers}
  LOOP
    PERFORM pg_catalog.set_config('lock_timeout', '5s', true);
    EXECUTE 'DROP INDEX IF EXISTS ' || leftover.name;
  END LOOP;
EXCEPTION WHEN lock_not_available THEN
  RAISE EXCEPTION 'An invalid index cannot be dropped now: another session builds an index of its table, or maintains or holds it. Run this again when that has ended.';
END"
    ))
}

/// Fails unless an index of that name and form is on the table: `IF NOT EXISTS` takes any relation of that name for it.
pub(super) fn require_index(wanted: &IndexForm) -> String {
    let name = one_line(&wanted.index);
    let columns: Vec<String> = wanted
        .columns
        .iter()
        .map(|column| column.as_deref().map_or_else(|| "NULL".to_owned(), one_line))
        .collect();
    let valid = if wanted.is_whole { " AND i.indisvalid" } else { "" };
    block(&format!(
        "BEGIN
  IF NOT EXISTS (SELECT FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
      JOIN pg_catalog.pg_am m ON m.oid = c.relam
     WHERE {table} AND c.relname = {name}{valid} AND m.amname = {method} AND i.indisunique = {unique}
       AND (i.indpred IS NOT NULL) = {partial}
       AND ARRAY(SELECT a.attname::text FROM pg_catalog.unnest(i.indkey::pg_catalog.int2[]) WITH ORDINALITY k (number, place)
                 LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.number AND k.number > 0
                 ORDER BY k.place) = ARRAY[{columns}]::text[])
  THEN
    RAISE EXCEPTION 'The index % is missing, invalid, or another one: drop it, and run the statement that builds it again', {name};
  END IF;
END",
        table = of_table(&wanted.table),
        method = one_line(&wanted.method),
        unique = wanted.unique,
        partial = wanted.partial,
        columns = columns.join(", "),
    ))
}

fn of_table(table: &NamedRelation) -> String {
    format!("i.indrelid = {}", regclass(table))
}

fn regclass(relation: &NamedRelation) -> String {
    let name = quote_identifier(&relation.name);
    let name = if relation.schema.is_empty() {
        name
    } else {
        format!("{}.{name}", quote_identifier(&relation.schema))
    };
    format!("pg_catalog.to_regclass({})", one_line(&name))
}

/// A literal without a line break, `--` or `${`: tools must not find a mark of theirs in it.
fn one_line(text: &str) -> String {
    let quoted = quote_literal(text);
    if !quoted.contains(['\n', '\r', '-', '$']) {
        return quoted;
    }
    let quoted = if quoted.starts_with('E') { quoted } else { format!("E{quoted}") };
    quoted.replace('\n', "\\n").replace('\r', "\\r").replace("--", "-\\x2D").replace("${", "\\x24{")
}

fn block(body: &str) -> String {
    let tags = std::iter::once("$optischema$".to_owned())
        .chain((1..).map(|n| format!("$optischema_{n}$")));
    let tag = tags.into_iter().find(|tag| !body.contains(tag.as_str())).unwrap_or_default();
    format!("DO {tag}\n{body}\n{tag}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> NamedRelation {
        NamedRelation { schema: "s".to_owned(), name: "a\"'\n-- +goose Down\\".to_owned() }
    }

    #[test]
    fn names_stay_literals_and_no_line_is_a_mark() {
        let odd = "$optischema$\n--rollback ${x}'";
        let form = IndexForm {
            table: table(),
            index: odd.to_owned(),
            method: "btree".to_owned(),
            unique: false,
            partial: true,
            columns: vec![Some(odd.to_owned()), None],
            is_whole: true,
        };
        for text in [drop_leftover(&table(), odd), require_index(&form), drop_rebuilt(&table())] {
            assert!(!text.contains("--") && !text.contains("${"), "{text}");
            pg_query::parse(&text, 0).unwrap();
            let body = text.split('$').nth(2).unwrap();
            assert!(text.starts_with("DO $optischema_1$") || !body.contains(odd), "{text}");
            let plpgsql =
                format!("CREATE FUNCTION f() RETURNS void LANGUAGE plpgsql AS {}", &text[3..]);
            pg_query::parse_plpgsql(&plpgsql).unwrap();
        }
    }
}
