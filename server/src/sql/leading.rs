//! The table that stands first in a query, which is the only one whose expressions HypoPG can match.

use pg_query::NodeEnum;
use pg_query::protobuf::SetOperation;

use super::Statement;

/// The schema, empty where none is named, and the name of the relation that stands first in FROM; absent where FROM begins
/// with something else, or where the query has WITH or set operations, whose parts get places of their own.
#[must_use]
pub fn leading_relation(statement: &Statement) -> Option<(String, String)> {
    let root = statement.tree.stmts.first()?.stmt.as_ref()?.node.as_ref()?;
    let NodeEnum::SelectStmt(select) = root else { return None };
    if select.with_clause.is_some() || select.op > SetOperation::SetopNone as i32 {
        return None;
    }
    let mut first = select.from_clause.first()?.node.as_ref()?;
    loop {
        match first {
            NodeEnum::JoinExpr(join) => first = join.larg.as_ref()?.node.as_ref()?,
            NodeEnum::RangeVar(relation) => {
                return Some((relation.schemaname.clone(), relation.relname.clone()));
            }
            _ => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::parse_one;

    #[test]
    fn the_first_of_from_leads() {
        for (text, leading) in [
            ("SELECT 1 FROM a", Some(("", "a"))),
            ("SELECT (SELECT 1 FROM b) FROM s.a JOIN b ON true, c", Some(("s", "a"))),
            ("SELECT 1 FROM (a JOIN b ON true) LEFT JOIN c ON true", Some(("", "a"))),
            ("SELECT 1 FROM (SELECT 1 FROM a) x", None),
            ("WITH x AS (SELECT 1 FROM a) SELECT 1 FROM a", None),
            ("SELECT 1 FROM a UNION SELECT 1 FROM a", None),
            ("SELECT 1", None),
        ] {
            let found = leading_relation(&parse_one(text).unwrap());
            let leading = leading.map(|(schema, name)| (schema.to_owned(), name.to_owned()));
            assert_eq!(found, leading, "{text}");
        }
    }
}
