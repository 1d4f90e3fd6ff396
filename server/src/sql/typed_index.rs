//! An index that a person types, as a candidate.

use optischema::advisor::{
    IndexCandidate, IndexKey, IndexMethod, IndexPredicate, KeyTarget, PredicateTest,
};
use optischema::model::Catalog;
use pg_query::NodeEnum;
use pg_query::protobuf::{IndexElem, NullTestType, SortByDir, SortByNulls};

use super::SqlError;
use super::shape::{constant_text, expression_text};

/// Operator classes that a person may name: PostgreSQL's own. Another may be the database's, with functions of its
/// own.
const CLASSES: &[&str] = &[
    "text_pattern_ops",
    "varchar_pattern_ops",
    "bpchar_pattern_ops",
    "text_ops",
    "varchar_ops",
    "int4_ops",
    "int8_ops",
    "timestamptz_ops",
    "timestamp_ops",
    "date_ops",
    "numeric_ops",
    "uuid_ops",
];

/// Reads `CREATE INDEX … ON table (…)`, with or without a name.
///
/// # Errors
/// It is not one `CREATE INDEX` on a known table, or of a kind that cannot be planned with.
pub fn typed_index(text: &str, catalog: &Catalog) -> Result<IndexCandidate, SqlError> {
    let refuse = |reason: String| Err(SqlError::Refused(reason));
    let parsed = pg_query::parse(text.trim(), 0)?.protobuf;
    super::can_be_written(&super::tree::as_json(&parsed)?)?;
    let count = parsed.stmts.len();
    let mut statements = parsed.stmts.into_iter();
    let (Some(only), None) = (statements.next(), statements.next()) else {
        return Err(SqlError::NotOne(count));
    };
    let Some(NodeEnum::IndexStmt(index)) = only.stmt.and_then(|node| node.node) else {
        return refuse("it is not a CREATE INDEX: type CREATE INDEX ON table (columns)".into());
    };
    let Some(relation) = &index.relation else { return refuse("the index has no table".into()) };
    let Some(table) = catalog.resolve(&relation.schemaname, &relation.relname) else {
        return refuse(format!("there is no table {}", relation.relname));
    };
    let method = match index.access_method.as_str() {
        "" | "btree" => IndexMethod::Btree,
        "hash" => IndexMethod::Hash,
        "brin" => IndexMethod::Brin,
        "gin" => {
            return refuse(
                "HypoPG cannot plan with a GIN index: benchmark one in the sandbox".into(),
            );
        }
        other => return refuse(format!("{other} indexes cannot be planned with")),
    };
    if index.unique {
        return refuse(
            "a unique index is a constraint: leave UNIQUE out to see what it would save".into(),
        );
    }
    let elements = |nodes: &[pg_query::Node]| -> Vec<IndexElem> {
        nodes
            .iter()
            .filter_map(|node| match &node.node {
                Some(NodeEnum::IndexElem(element)) => Some((**element).clone()),
                _ => None,
            })
            .collect()
    };
    let mut keys = Vec::new();
    for element in elements(&index.index_params) {
        let target = if element.name.is_empty() {
            let node = element.expr.as_ref().and_then(|node| node.node.as_ref());
            match node.and_then(expression_text) {
                Some(sql) => KeyTarget::Expression(sql),
                None => return refuse("an expression of the index cannot be read".into()),
            }
        } else {
            if table.column(&element.name).is_none() {
                return refuse(format!("{} has no column {}", table.name, element.name));
            }
            KeyTarget::Column(element.name.clone())
        };
        if !element.collation.is_empty() {
            return refuse(
                "a key has a collation of its own, which is not planned with: leave COLLATE out"
                    .into(),
            );
        }
        let class = element.opclass.last().and_then(|node| match &node.node {
            Some(NodeEnum::String(name)) => Some(name.sval.clone()),
            _ => None,
        });
        if let Some(class) = class.as_ref().filter(|class| !CLASSES.contains(&class.as_str())) {
            return refuse(format!(
                "the operator class {class} is not one of PostgreSQL's usual ones"
            ));
        }
        let schema = element.opclass.iter().rev().nth(1).and_then(|node| match &node.node {
            Some(NodeEnum::String(name)) => Some(name.sval.as_str()),
            _ => None,
        });
        if schema.is_some_and(|schema| schema != "pg_catalog") {
            return refuse(
                "an operator class of another schema than PostgreSQL's own is not planned with"
                    .into(),
            );
        }
        keys.push(IndexKey {
            target,
            descending: element.ordering == SortByDir::SortbyDesc as i32,
            nulls_first: match element.nulls_ordering {
                n if n == SortByNulls::SortbyNullsFirst as i32 => Some(true),
                n if n == SortByNulls::SortbyNullsLast as i32 => Some(false),
                _ => None,
            },
            operator_class: class.map(|class| optischema::model::quote_identifier(&class)),
        });
    }
    let include: Vec<String> =
        elements(&index.index_including_params).into_iter().map(|element| element.name).collect();
    if let Some(missing) = include.iter().find(|name| table.column(name).is_none()) {
        return refuse(format!("{} has no column {missing}", table.name));
    }
    let predicate = match index.where_clause.as_ref().and_then(|node| node.node.as_ref()) {
        None => None,
        Some(node) => match expression_text(node) {
            Some(sql) => Some(tested(node, sql)),
            None => return refuse("the predicate of the index cannot be read".into()),
        },
    };
    Ok(IndexCandidate {
        table: table.name.clone(),
        method,
        keys,
        include,
        predicate,
        parameters: Vec::new(),
    })
}

/// The expressions and the predicate of an index as a SELECT: what the guard passes of it may be handed to HypoPG,
/// which parses and folds them as PostgreSQL does. `None` where it has only columns.
#[must_use]
pub fn evaluated_by(candidate: &IndexCandidate) -> Option<String> {
    let expressions: Vec<String> = candidate
        .keys
        .iter()
        .filter_map(|key| match &key.target {
            KeyTarget::Expression(sql) => Some(format!("({sql})")),
            KeyTarget::Column(_) => None,
        })
        .collect();
    if expressions.is_empty() && candidate.predicate.is_none() {
        return None;
    }
    let list = if expressions.is_empty() { "1".to_owned() } else { expressions.join(", ") };
    let filter = candidate.predicate.as_ref().map(|p| format!(" WHERE {}", p.sql));
    Some(format!("SELECT {list} FROM {}{}", candidate.table.quoted(), filter.unwrap_or_default()))
}

/// What PostgreSQL keeps of each row.
const SYSTEM_COLUMNS: &[&str] = &["ctid", "tableoid", "xmin", "xmax", "cmin", "cmax"];

/// Whether a predicate on a table is made of columns that equal constants, `IS NULL`, `IS NOT NULL`, and ANDs of those.
#[must_use]
pub fn is_plain_predicate(predicate: &str, table: &str) -> bool {
    let text = format!("SELECT 1 FROM t WHERE {predicate}");
    let Ok(statement) = super::parse_one(&text) else { return false };
    let node = statement.tree.stmts.first().and_then(|s| s.stmt.as_ref()?.node.as_ref());
    let Some(NodeEnum::SelectStmt(select)) = node else { return false };
    let is_bare = select.limit_count.is_none()
        && select.limit_offset.is_none()
        && select.sort_clause.is_empty()
        && select.group_clause.is_empty()
        && select.having_clause.is_none()
        && select.window_clause.is_empty()
        && select.locking_clause.is_empty();
    if !is_bare {
        return false;
    }
    let condition = select.where_clause.as_ref().and_then(|condition| condition.node.as_ref());
    condition.is_some_and(|condition| is_plain(condition, table))
}

fn is_plain(node: &NodeEnum, table: &str) -> bool {
    let inner = |node: &Option<Box<pg_query::Node>>| node.as_ref().and_then(|n| n.node.clone());
    // A column of the table: neither the whole row nor what PostgreSQL keeps of each row.
    let is_column = |node: Option<NodeEnum>| match node {
        Some(NodeEnum::ColumnRef(column)) => match column.fields.as_slice() {
            [field] => matches!(&field.node, Some(NodeEnum::String(name))
                if name.sval != table && !SYSTEM_COLUMNS.contains(&name.sval.as_str())),
            _ => false,
        },
        _ => false,
    };
    // Of another type than the column's, a constant would put a cast around the column.
    let is_constant = |node: Option<NodeEnum>| {
        use pg_query::protobuf::a_const::Val;
        matches!(node, Some(NodeEnum::AConst(constant)) if !constant.isnull
            && matches!(constant.val, Some(Val::Sval(_) | Val::Ival(_) | Val::Boolval(_))))
    };
    match node {
        NodeEnum::NullTest(test) => is_column(inner(&test.arg)),
        NodeEnum::BoolExpr(all)
            if all.boolop == pg_query::protobuf::BoolExprType::AndExpr as i32 =>
        {
            all.args.iter().all(|part| part.node.as_ref().is_some_and(|part| is_plain(part, table)))
        }
        NodeEnum::AExpr(expr) => {
            let equals = matches!(
                expr.name.as_slice(),
                [name] if matches!(&name.node, Some(NodeEnum::String(name)) if name.sval == "=")
            );
            equals
                && expr.kind == pg_query::protobuf::AExprKind::AexprOp as i32
                && is_column(inner(&expr.lexpr))
                && is_constant(inner(&expr.rexpr))
        }
        _ => false,
    }
}

/// What a predicate tests, where it is as simple as one column.
fn tested(node: &NodeEnum, sql: String) -> IndexPredicate {
    let name_of = |node: Option<&NodeEnum>| match node {
        Some(NodeEnum::ColumnRef(column)) => match column.fields.last().map(|f| &f.node) {
            Some(Some(NodeEnum::String(name))) => Some(name.sval.clone()),
            _ => None,
        },
        _ => None,
    };
    let side = |node: &Option<Box<pg_query::Node>>| node.as_ref().and_then(|n| n.node.clone());
    let (column, test) = match node {
        NodeEnum::NullTest(test) => {
            let is_null = test.nulltesttype == NullTestType::IsNull as i32;
            let kind = if is_null { PredicateTest::Null } else { PredicateTest::NotNull };
            (name_of(side(&test.arg).as_ref()), kind)
        }
        NodeEnum::AExpr(expr) => {
            let value = side(&expr.rexpr).as_ref().and_then(constant_text);
            let column = name_of(side(&expr.lexpr).as_ref());
            let equals = expr.name.last().is_some_and(
                |name| matches!(&name.node, Some(NodeEnum::String(name)) if name.sval == "="),
            );
            match value {
                Some(value) if equals => (column, PredicateTest::Equals(value)),
                _ => (None, PredicateTest::Other),
            }
        }
        _ => (None, PredicateTest::Other),
    };
    IndexPredicate { sql, column, test }
}

#[cfg(test)]
mod tests {
    use super::*;
    use optischema::model::{CatalogColumn, CatalogTable, TableName};

    fn typed(text: &str) -> Result<String, SqlError> {
        let name = TableName::new("public", "Odd t");
        let column = |name: &str| CatalogColumn { name: name.into(), ..CatalogColumn::default() };
        let table = CatalogTable {
            name: name.clone(),
            columns: vec![column("a"), column("B"), column("c")],
            ..CatalogTable::default()
        };
        let catalog = Catalog {
            search_path: vec!["public".into()],
            tables: [(name, table)].into(),
            ..Catalog::default()
        };
        typed_index(text, &catalog).map(|candidate| candidate.create_sql_named("x", false))
    }

    #[test]
    fn only_equalities_and_null_tests_are_plain() {
        for plain in [
            "a = 1",
            "\"B\" = 'x'",
            "a IS NULL",
            "a IS NOT NULL AND c = 'x' AND a = -1",
            "(a = 1 AND b IS NULL) AND c = true",
        ] {
            assert!(is_plain_predicate(plain, "t"), "{plain}");
        }
        for other in [
            "a > 1",
            "a = 1 OR a = 2",
            "NOT a = 1",
            "a",
            "a <> 1",
            "a IN (1, 2)",
            "a = b",
            "a = NULL",
            "lower(a) = 'x'",
            "a = lower('x')",
            "a + 1 = 2",
            "a OPERATOR(public.=) 1",
            "a = 1 AND c > 2",
            "a IS TRUE",
            "t IS NOT NULL",
            "ctid = '(0,1)'",
            "tableoid = 5",
            "a = '5'::numeric",
            "a = 99999999999999999999",
            "a = 1.5",
            "x.a = 1",
            "a IS DISTINCT FROM 1",
            "a BETWEEN 1 AND 2",
            "a = ANY ('{1}')",
            "a = 1; DROP TABLE t",
            "a = 1 LIMIT 1",
            "nonsense (",
        ] {
            assert!(!is_plain_predicate(other, "t"), "{other}");
        }
    }

    #[test]
    fn what_is_typed_is_what_is_made() {
        assert_eq!(
            typed("create index on \"Odd t\" (a desc, lower(\"B\") text_pattern_ops) include (c) where c is not null").unwrap(),
            "CREATE INDEX \"x\" ON \"public\".\"Odd t\" USING btree (\"a\" DESC, (lower(\"B\")) \"text_pattern_ops\") \
             INCLUDE (\"c\") WHERE c IS NOT NULL"
        );
        for predicate in ["a IN (1, 2)", "a BETWEEN 1 AND 5", "c = ANY(ARRAY['x', 'y'])"] {
            let made = typed(&format!("CREATE INDEX ON \"Odd t\" (a) WHERE {predicate}"));
            let made = made.unwrap_or_else(|error| panic!("{predicate}: {error}"));
            assert!(made.ends_with(predicate), "{made}");
        }
    }

    #[test]
    fn what_cannot_be_planned_with_is_refused_in_a_sentence() {
        for (text, said) in [
            ("CREATE INDEX ON \"Odd t\" (a); DROP TABLE x", "exactly one"),
            ("DROP TABLE \"Odd t\"", "not a CREATE INDEX"),
            ("CREATE INDEX ON nowhere (a)", "no table nowhere"),
            ("CREATE INDEX ON \"Odd t\" (zzz)", "no column zzz"),
            ("CREATE INDEX ON \"Odd t\" (a) INCLUDE (zzz)", "no column zzz"),
            ("CREATE INDEX ON \"Odd t\" USING gin (a)", "GIN"),
            ("CREATE INDEX ON \"Odd t\" USING gist (a)", "gist"),
            ("CREATE INDEX ON \"Odd t\" (a my_ops)", "my_ops"),
            ("CREATE INDEX ON \"Odd t\" (a public.int4_ops)", "another schema"),
            ("CREATE INDEX ON \"Odd t\" (\"B\" COLLATE \"C\")", "leave COLLATE out"),
            ("CREATE INDEX ON \"Odd t\" ((a::numeric(abs(3), 2)))", "modifiers"),
            ("CREATE UNIQUE INDEX ON \"Odd t\" (a)", "constraint"),
            ("CREATE INDEX ON \"Odd t\" ((a + (SELECT 1)))", "cannot be read"),
            ("nonsense", "cannot be parsed"),
        ] {
            let refused = typed(text).unwrap_err().to_string();
            assert!(refused.contains(said), "{text}: {refused}");
        }
    }
}
