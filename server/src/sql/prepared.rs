//! Which prepared statement a text makes or runs.

use pg_query::NodeEnum;
use pg_query::protobuf::a_const::Val;
use pg_query::protobuf::{Node, Token};

use super::names::as_identifier;
use super::rewrite::lexemes;

/// What a text does with a prepared statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PreparedUse {
    Made {
        name: String,
    },
    Run {
        name: String,
        /// In the order of the parameters, `None` for NULL; absent where one is no constant.
        values: Option<Vec<Option<String>>>,
    },
}

/// The prepared statement of PREPARE and EXECUTE. What PREPARE is for need not parse.
#[must_use]
pub fn prepared_use(text: &str) -> Option<PreparedUse> {
    // Most statements are neither, and need not be scanned.
    let first = text.trim_start().get(..7)?.to_ascii_lowercase();
    match first.as_str() {
        "prepare" => {
            let token = lexemes(text).ok()?.into_iter().nth(1)?;
            // PREPARE TRANSACTION names none.
            let is_name = token.token != Token::Transaction as i32;
            let name = as_identifier(text.get(token.start..token.end)?);
            is_name.then_some(PreparedUse::Made { name })
        }
        "execute" => {
            let parsed = pg_query::parse(text, 0).ok()?;
            run(parsed.protobuf.stmts.first()?.stmt.as_ref()?.node.as_ref()?)
        }
        _ if carries_execute(text) => {
            let parsed = pg_query::parse(text, 0).ok()?;
            let root = parsed.protobuf.stmts.first()?.stmt.as_ref()?.node.as_ref()?;
            let query = match root {
                NodeEnum::CreateTableAsStmt(made) => made.query.as_ref()?,
                NodeEnum::ExplainStmt(explain) => explain.query.as_ref()?,
                _ => return None,
            };
            run(query.node.as_ref()?)
        }
        _ => None,
    }
}

/// Whether it may be CREATE TABLE AS EXECUTE or EXPLAIN EXECUTE.
fn carries_execute(text: &str) -> bool {
    let first = text.trim_start().get(..7).unwrap_or_default().to_ascii_lowercase();
    (first == "explain" || first.starts_with("create"))
        && text.len() < LONGEST_EXECUTE
        && text.to_ascii_lowercase().contains("execute")
}

/// Bytes of such a text, values and all.
const LONGEST_EXECUTE: usize = 64 << 10;

fn run(node: &NodeEnum) -> Option<PreparedUse> {
    let NodeEnum::ExecuteStmt(execute) = node else { return None };
    let values = execute.params.iter().map(value).collect();
    Some(PreparedUse::Run { name: execute.name.clone(), values })
}

/// The text of a constant, with or without a cast; `Some(None)` for NULL.
fn value(node: &Node) -> Option<Option<String>> {
    let constant = match node.node.as_ref()? {
        NodeEnum::TypeCast(cast) => return value(cast.arg.as_ref()?),
        NodeEnum::AConst(constant) => constant,
        _ => return None,
    };
    if constant.isnull {
        return Some(None);
    }
    Some(Some(match constant.val.as_ref()? {
        Val::Ival(value) => value.ival.to_string(),
        Val::Fval(value) => value.fval.clone(),
        Val::Boolval(value) => value.boolval.to_string(),
        Val::Sval(value) => value.sval.clone(),
        // A string of bits is no text of a value.
        Val::Bsval(_) => return None,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_values_are_read() {
        let made = |name: &str| Some(PreparedUse::Made { name: name.to_owned() });
        assert_eq!(prepared_use("prepare Find (int) as select no parse"), made("find"));
        assert_eq!(prepared_use("PREPARE \"By \"\"Id\"\"\" AS SELECT 1"), made("By \"Id\""));
        assert_eq!(prepared_use("PREPARE TRANSACTION 'x'"), None);
        let run = |values: Option<&[Option<&str>]>| {
            let owned = |v: &[Option<&str>]| v.iter().map(|v| v.map(str::to_owned)).collect();
            Some(PreparedUse::Run { name: "find".to_owned(), values: values.map(owned) })
        };
        assert_eq!(prepared_use("EXECUTE find"), run(Some(&[])));
        assert_eq!(
            prepared_use("execute FIND (-7, 1.5, 'it''s', NULL, true, '2026-01-01'::date)"),
            run(Some(&[
                Some("-7"),
                Some("1.5"),
                Some("it's"),
                None,
                Some("true"),
                Some("2026-01-01")
            ]))
        );
        assert_eq!(prepared_use("EXECUTE find(now())"), run(None));
        assert_eq!(prepared_use("CREATE TABLE x AS EXECUTE find"), run(Some(&[])));
        assert_eq!(prepared_use("EXPLAIN (ANALYZE) EXECUTE find"), run(Some(&[])));
        assert_eq!(
            prepared_use("CREATE FUNCTION execute_it() RETURNS int LANGUAGE sql AS 'SELECT 1'"),
            None
        );
        assert_eq!(prepared_use("SELECT 1"), None);
    }
}
