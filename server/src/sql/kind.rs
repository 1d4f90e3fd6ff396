//! Whose statement a text is.

use optischema::model::{Catalog, QueryKind};

use pg_query::protobuf::{KeywordKind, Token};

use serde_json::Value;

use super::tree;

/// What OptiSchema's own queries on main carry, so that they can be told from the application's even where
/// both use one role.
pub const OWN_MARK: &str = "/* optischema */";

/// Tells the application's statements from utility statements, from those that read no table of its own, and
/// from OptiSchema's. A text that no parser reads counts as the application's: it is listed.
#[must_use]
pub fn kind_of(text: &str, catalog: &Catalog) -> QueryKind {
    if text.contains(OWN_MARK) && has_mark(text) {
        return QueryKind::Own;
    }
    if super::check_length(text).is_err() {
        return kind_of_unread(text);
    }
    if let Ok(statement) = super::parse_one(text) {
        return statement.json().map_or(QueryKind::User, |json| kind_of_tree(json, catalog));
    }
    let Ok(parsed) = pg_query::parse(text, 0) else { return kind_of_unread(text) };
    let Ok(json) = tree::as_json(&parsed.protobuf) else { return QueryKind::User };
    kind_of_tree(&json, catalog)
}

fn kind_of_tree(json: &Value, catalog: &Catalog) -> QueryKind {
    let mut root = None;
    tree::walk(json, &mut |name, _| {
        if root.is_none() && name.starts_with(|c: char| c.is_ascii_uppercase()) {
            root = Some(name.to_owned());
        }
    });
    let read = match root.as_deref() {
        Some(
            "CallStmt" | "SelectStmt" | "InsertStmt" | "UpdateStmt" | "DeleteStmt" | "MergeStmt",
        ) => json,
        Some("RefreshMatViewStmt") => json,
        // What it makes is no table that it reads.
        Some(kind) if CARRYING.contains(&kind) => match carried(json) {
            Some(query) => query,
            None => return QueryKind::System,
        },
        _ => return QueryKind::System,
    };
    let is_system = |relation: &tree::Relation| match relation.schema.as_str() {
        "pg_catalog" | "information_schema" | "pg_toast" => true,
        "" => relation.name.starts_with("pg_") && catalog.resolve("", &relation.name).is_none(),
        schema => relation.name.starts_with("pg_stat_statements") && !schema.is_empty(),
    };
    if !tree::relations(read).iter().all(is_system) || calls_own(read, catalog) {
        QueryKind::User
    } else {
        QueryKind::System
    }
}

/// Whether a function of the database is called: what it reads is the application's.
fn calls_own(read: &Value, catalog: &Catalog) -> bool {
    let mut found = false;
    tree::walk(read, &mut |kind, object| {
        let name = || tree::names(object.get("funcname")).pop();
        found |= matches!(kind, "FuncCall" | "funccall")
            && name().is_some_and(|name| catalog.functions.contains(&name));
    });
    found
}

/// Utility statements that carry a query.
const CARRYING: &[&str] =
    &["DeclareCursorStmt", "PrepareStmt", "CopyStmt", "CreateTableAsStmt", "ExplainStmt"];

/// The innermost query of a statement that carries one; absent where it carries none.
fn carried(json: &Value) -> Option<&Value> {
    let node = json.get("stmts")?.get(0)?.get("stmt")?.get("node")?;
    let mut query = node.as_object()?.values().next()?.get("query").filter(|q| !q.is_null())?;
    while let Some(inner) = CARRYING.iter().find_map(|kind| query.get("node")?.get(kind)) {
        query = inner.get("query").filter(|query| !query.is_null())?;
    }
    Some(query)
}

/// From PostgreSQL 17 on utility statements are normalised to what no parser reads (`SAVEPOINT $1`): their
/// first word tells.
fn kind_of_unread(text: &str) -> QueryKind {
    const QUERIES: &[Token] = &[
        Token::Select,
        Token::With,
        Token::Insert,
        Token::Update,
        Token::DeleteP,
        Token::Merge,
        Token::Values,
        Token::Table,
    ];
    let Ok(scanned) = pg_query::scan(text) else { return QueryKind::User };
    let is_comment =
        |token: i32| token == Token::CComment as i32 || token == Token::SqlComment as i32;
    let Some(first) = scanned.tokens.iter().find(|token| !is_comment(token.token)) else {
        return QueryKind::System;
    };
    let is_word = first.keyword_kind != KeywordKind::NoKeyword as i32;
    let is_query = QUERIES.iter().any(|query| *query as i32 == first.token);
    if is_word && !is_query { QueryKind::System } else { QueryKind::User }
}

/// Whether the mark is a comment, and not a part of a literal.
fn has_mark(text: &str) -> bool {
    let Ok(scanned) = pg_query::scan(text) else { return false };
    let place = |at: i32| usize::try_from(at).unwrap_or_default();
    scanned.tokens.iter().any(|token| {
        token.token == Token::CComment as i32
            && text.get(place(token.start)..place(token.end)) == Some(OWN_MARK)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_are_told_apart() {
        let of = |sql: &str| kind_of(sql, &Catalog::default());
        for sql in [
            "SELECT * FROM orders",
            "INSERT INTO t VALUES ($1)",
            "SELEC",
            "SELECT * FROM pg_class, t",
            "REFRESH MATERIALIZED VIEW CONCURRENTLY sums",
            "EXPLAIN SELECT * FROM orders",
            "DECLARE c CURSOR FOR SELECT * FROM orders",
            "PREPARE p AS SELECT * FROM orders",
            "COPY (SELECT * FROM orders) TO STDOUT",
            "CREATE TABLE x AS SELECT * FROM orders",
            "EXPLAIN DECLARE c CURSOR FOR SELECT * FROM orders",
        ] {
            assert_eq!(of(sql), QueryKind::User, "{sql}");
        }
        for sql in [
            "SELECT 1",
            "BEGIN",
            "SET a = 1",
            "SELECT * FROM pg_stat_activity",
            "VACUUM t",
            "SELECT * FROM information_schema.tables",
            "EXPLAIN SELECT 1",
            "DECLARE c CURSOR FOR SELECT * FROM pg_class",
            "COPY orders TO STDOUT",
            "EXPLAIN EXECUTE p",
            "SAVEPOINT $1",
            "/* x */ RELEASE SAVEPOINT $1",
        ] {
            assert_eq!(of(sql), QueryKind::System, "{sql}");
        }
        let with_own = Catalog { functions: ["total".to_owned()].into(), ..Catalog::default() };
        assert_eq!(kind_of("SELECT total($1)", &with_own), QueryKind::User);
        assert_eq!(kind_of("CALL total(1)", &with_own), QueryKind::User);
        assert_eq!(kind_of("SELECT lower($1)", &with_own), QueryKind::System);
        assert_eq!(of("SELECT /* optischema */ * FROM orders"), QueryKind::Own);
        assert_eq!(of("SELECT '/* optischema */' FROM orders"), QueryKind::User);
    }
}
