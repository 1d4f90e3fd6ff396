//! What of a table's values stands in the value of an index expression, for asking how long that can get.

use optischema::model::{quote_identifier, quote_literal};
use pg_query::NodeEnum;
use pg_query::protobuf::{AExpr, AExprKind, FuncCall, Node, a_const::Val};

/// A part of a row whose bytes are in the expression's value, whole or in part.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Carried {
    Column(String),
    /// A member of a document: the column, and steps into it.
    Member {
        column: String,
        steps: Vec<Step>,
    },
    /// The longest element of an array.
    Element(String),
}

/// One step into a document.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Step {
    operator: Access,
    /// A literal of the operator's type, quoted.
    argument: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Access {
    Member,
    MemberText,
    Path,
    PathText,
}

impl Access {
    fn named(operator: &str) -> Option<Self> {
        match operator {
            "->" => Some(Self::Member),
            "->>" => Some(Self::MemberText),
            "#>" => Some(Self::Path),
            "#>>" => Some(Self::PathText),
            _ => None,
        }
    }

    const fn sign(self) -> &'static str {
        match self {
            Self::Member => "->",
            Self::MemberText => "->>",
            Self::Path => "#>",
            Self::PathText => "#>>",
        }
    }
}

impl Carried {
    /// An expression of its length in bytes, as PostgreSQL stores it, over a row of that alias: names and literals are
    /// quoted from the tree, functions and operators are PostgreSQL's own.
    #[must_use]
    pub fn length_sql(&self, alias: &str) -> String {
        let size = |value: &str| format!("pg_catalog.pg_column_size({value})");
        match self {
            Self::Column(name) => size(&format!("{alias}.{}", quote_identifier(name))),
            Self::Member { column, steps } => {
                let mut value = format!("{alias}.{}", quote_identifier(column));
                for Step { operator, argument } in steps {
                    value =
                        format!("({value} OPERATOR(pg_catalog.{}) {argument})", operator.sign());
                }
                size(&value)
            }
            Self::Element(name) => format!(
                "(SELECT pg_catalog.max({}) FROM pg_catalog.unnest({alias}.{}) AS e (v))",
                size("e.v"),
                quote_identifier(name)
            ),
        }
    }

    /// The column, and how a sentence names the part.
    #[must_use]
    pub fn shown(&self) -> String {
        match self {
            Self::Column(name) => name.clone(),
            Self::Member { column, .. } => format!("this member of {column}"),
            Self::Element(name) => format!("an element of {name}"),
        }
    }
}

/// Functions whose value holds their arguments, as long as they are or nearly so.
const KEEPING: &[&str] = &[
    "lower",
    "upper",
    "initcap",
    "casefold",
    "reverse",
    "btrim",
    "ltrim",
    "rtrim",
    "replace",
    "translate",
    "regexp_replace",
    "concat",
    "concat_ws",
    "textcat",
    "unaccent",
    "normalize",
];
/// Types that hold a text as it is, where no length is set.
const TEXTS: &[&str] = &["text", "varchar", "bpchar", "citext", "json", "jsonb"];

/// The parts of a row that an expression's value holds. Empty where it holds none, as a number or a digest does, and where
/// that is not known.
#[must_use]
pub fn carried(expression: &str) -> Vec<Carried> {
    let Ok(parsed) = pg_query::parse(&format!("SELECT {expression}"), 0) else { return Vec::new() };
    let statement = parsed.protobuf.stmts.into_iter().next().and_then(|raw| raw.stmt);
    let Some(NodeEnum::SelectStmt(select)) = statement.and_then(|node| node.node) else {
        return Vec::new();
    };
    let [Node { node: Some(NodeEnum::ResTarget(target)) }] = select.target_list.as_slice() else {
        return Vec::new();
    };
    let mut parts = Vec::new();
    if let Some(value) = target.val.as_deref() {
        collect(value, &mut parts);
    }
    parts.sort();
    parts.dedup();
    parts
}

fn collect(node: &Node, parts: &mut Vec<Carried>) {
    match &node.node {
        Some(NodeEnum::ColumnRef(_)) => parts.extend(column(node).map(Carried::Column)),
        Some(NodeEnum::AExpr(operation)) => match member(operation) {
            Some((column, steps)) => parts.push(Carried::Member { column, steps }),
            None if operator(operation) == Some("||") => {
                let sides = [&operation.lexpr, &operation.rexpr];
                sides.into_iter().flatten().for_each(|side| collect(side, parts));
            }
            None => {}
        },
        Some(NodeEnum::FuncCall(call)) if keeps(call) => {
            call.args.iter().for_each(|argument| collect(argument, parts));
        }
        Some(NodeEnum::CoalesceExpr(coalesce)) => {
            coalesce.args.iter().for_each(|argument| collect(argument, parts));
        }
        Some(NodeEnum::CollateClause(collate)) => {
            collate.arg.iter().for_each(|argument| collect(argument, parts));
        }
        Some(NodeEnum::TypeCast(cast)) => {
            let to = cast.type_name.as_ref();
            let is_text = to.is_some_and(|to| {
                let name = to.names.last().and_then(text_of).unwrap_or_default();
                TEXTS.contains(&name) && to.typmods.is_empty()
            });
            if is_text {
                cast.arg.iter().for_each(|argument| collect(argument, parts));
            }
        }
        _ => {}
    }
}

fn keeps(call: &FuncCall) -> bool {
    call.funcname.last().and_then(text_of).is_some_and(|name| KEEPING.contains(&name))
}

fn text_of(node: &Node) -> Option<&str> {
    match &node.node {
        Some(NodeEnum::String(string)) => Some(&string.sval),
        _ => None,
    }
}

fn operator(operation: &AExpr) -> Option<&str> {
    let is_plain = operation.kind == AExprKind::AexprOp as i32;
    operation.name.last().and_then(text_of).filter(|_| is_plain)
}

fn column(node: &Node) -> Option<String> {
    let Some(NodeEnum::ColumnRef(reference)) = &node.node else { return None };
    reference.fields.last().and_then(text_of).map(str::to_owned)
}

/// Steps into a document by constants.
fn member(operation: &AExpr) -> Option<(String, Vec<Step>)> {
    let access = Access::named(operator(operation)?)?;
    let left = operation.lexpr.as_deref()?;
    let (column, mut steps) = match &left.node {
        Some(NodeEnum::AExpr(inner)) => member(inner)?,
        _ => (column(left)?, Vec::new()),
    };
    steps.push(Step { operator: access, argument: argument(access, operation.rexpr.as_deref()?)? });
    Some((column, steps))
}

fn argument(access: Access, node: &Node) -> Option<String> {
    let value = match &node.node {
        Some(NodeEnum::TypeCast(cast)) => return argument(access, cast.arg.as_deref()?),
        Some(NodeEnum::AConst(constant)) => constant.val.as_ref()?,
        _ => return None,
    };
    match (access, value) {
        (Access::Path | Access::PathText, Val::Sval(path)) => {
            Some(format!("{}::pg_catalog.text[]", quote_literal(&path.sval)))
        }
        (Access::Member | Access::MemberText, Val::Sval(name)) => {
            Some(format!("{}::pg_catalog.text", quote_literal(&name.sval)))
        }
        (Access::Member | Access::MemberText, Val::Ival(place)) => Some(place.ival.to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lengths(expression: &str) -> Vec<String> {
        carried(expression).iter().map(|part| part.length_sql("t")).collect()
    }

    #[test]
    fn what_keeps_a_text_carries_it_and_what_digests_it_does_not() {
        let body = ["pg_catalog.pg_column_size(t.\"body\")"];
        for expression in [
            "lower(body)",
            "upper((body)::text)",
            "body COLLATE \"C\"",
            "btrim(lower(body))",
            "coalesce(body, '')",
        ] {
            assert_eq!(lengths(expression), body, "{expression}");
        }
        assert_eq!(carried("first || ' ' || last").len(), 2);
        for expression in [
            "md5(body)",
            "length(body)",
            "body::int",
            "left(body, 10)",
            "body::varchar(20)",
            "at::date",
            "(",
        ] {
            assert!(carried(expression).is_empty(), "{expression}");
        }
    }

    #[test]
    fn a_member_is_measured_itself_with_its_name_as_a_literal() {
        assert_eq!(
            lengths("(doc -> 'a b') ->> 'it''s'"),
            [
                "pg_catalog.pg_column_size(((t.\"doc\" OPERATOR(pg_catalog.->) 'a b'::pg_catalog.text) OPERATOR(pg_catalog.->>) 'it''s'::pg_catalog.text))"
            ]
        );
        assert_eq!(
            lengths("lower(doc #>> '{a,0}'::text[])"),
            [
                "pg_catalog.pg_column_size((t.\"doc\" OPERATOR(pg_catalog.#>>) '{a,0}'::pg_catalog.text[]))"
            ]
        );
        assert_eq!(
            lengths("doc -> 0"),
            ["pg_catalog.pg_column_size((t.\"doc\" OPERATOR(pg_catalog.->) 0))"]
        );
        // A number is short, whatever it was a member of.
        assert!(carried("(doc ->> 'n')::int").is_empty());
        assert!(carried("doc ->> name").is_empty());
    }
}
