//! What makes a file safe to run again after a break: it removes what an index build that was cut off left behind, and
//! fails where an index that is taken for built is not valid.

use optischema::model::{quote_identifier, quote_literal};

use crate::sql::NamedRelation;

/// Drops an invalid index of that name. The lock is a moment's, and waiting for it holds others up: hence its own limit.
pub(super) fn drop_leftover(table: &NamedRelation, index: &str) -> String {
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

fn drop_invalid(table: &str, which: &str) -> String {
    block(&format!(
        "DECLARE leftover text;
BEGIN
  FOR leftover IN
    SELECT pg_catalog.format('%I.%I', n.nspname, c.relname) FROM pg_catalog.pg_index i
      JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid AND c.relkind = 'i'
      JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
     WHERE {table} AND {which} AND NOT i.indisvalid
  LOOP
    PERFORM pg_catalog.set_config('lock_timeout', '5s', true);
    EXECUTE 'DROP INDEX ' || leftover;
  END LOOP;
END"
    ))
}

/// Fails unless a valid index of that name is on the table: `IF NOT EXISTS` takes any relation of that name for it.
pub(super) fn require_valid(table: &NamedRelation, index: &str) -> String {
    let name = one_line(index);
    block(&format!(
        "BEGIN
  IF NOT EXISTS (SELECT FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
     WHERE {table} AND c.relname = {name} AND i.indisvalid)
  THEN
    RAISE EXCEPTION 'The index % is missing or invalid: drop it (DROP INDEX CONCURRENTLY), and run the statement that builds it again', {name};
  END IF;
END",
        table = of_table(table),
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

/// A literal without a line break: tools that read line by line must not find a mark of theirs in it.
fn one_line(text: &str) -> String {
    let quoted = quote_literal(text);
    if !quoted.contains(['\n', '\r', '-']) {
        return quoted;
    }
    let quoted = if quoted.starts_with('E') { quoted } else { format!("E{quoted}") };
    quoted.replace('\n', "\\n").replace('\r', "\\r").replace("--", "-\\x2D")
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
        let odd = "$optischema$\n--rollback x'";
        for text in
            [drop_leftover(&table(), odd), require_valid(&table(), odd), drop_rebuilt(&table())]
        {
            assert!(!text.contains("--"), "{text}");
            pg_query::parse(&text, 0).unwrap();
            let body = text.split('$').nth(2).unwrap();
            assert!(text.starts_with("DO $optischema_1$") || !body.contains(odd), "{text}");
            let plpgsql =
                format!("CREATE FUNCTION f() RETURNS void LANGUAGE plpgsql AS {}", &text[3..]);
            pg_query::parse_plpgsql(&plpgsql).unwrap();
        }
    }
}
