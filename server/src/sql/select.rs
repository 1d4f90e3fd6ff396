//! What the outermost SELECT says of the order and number of its rows.

use pg_query::NodeEnum;
use pg_query::protobuf::a_const::Val;
use pg_query::protobuf::{AExprKind, Node, ResTarget, SelectStmt};

use super::{SqlError, Statement};

/// By what a statement orders its rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SortedBy {
    /// Columns that it returns, by name.
    Columns(Vec<String>),
    /// Something that cannot be seen in its rows.
    Other,
}

fn outermost(statement: &Statement) -> Option<&SelectStmt> {
    match statement.tree.stmts.first()?.stmt.as_ref()?.node.as_ref()? {
        NodeEnum::SelectStmt(select) => Some(select),
        _ => None,
    }
}

/// The outermost ORDER BY; `None` where there is none.
#[must_use]
pub fn sorted_by(statement: &Statement) -> Option<SortedBy> {
    let select = outermost(statement)?;
    if select.sort_clause.is_empty() {
        return None;
    }
    let outputs: Vec<Option<String>> = select.target_list.iter().map(output).collect();
    let first_star = outputs.iter().position(Option::is_none);
    let columns: Option<Vec<String>> = select
        .sort_clause
        .iter()
        .map(|sort| {
            let Some(NodeEnum::SortBy(sort)) = &sort.node else { return None };
            match sort.node.as_ref()?.node.as_ref()? {
                NodeEnum::ColumnRef(column) => {
                    let name = last_name(&column.fields)?;
                    // `ORDER BY o.created_at` is not the `created_at` of another table.
                    let is_output = if column.fields.len() > 1 {
                        select.target_list.iter().any(|target| is_column(target, &column.fields))
                    } else {
                        first_star.is_some()
                            || outputs.iter().flatten().any(|output| *output == name)
                    };
                    is_output.then_some(name)
                }
                NodeEnum::AConst(constant) => match &constant.val {
                    Some(Val::Ival(place)) => {
                        let place = usize::try_from(place.ival).ok()?.checked_sub(1)?;
                        // A star is nobody knows how many columns.
                        let is_known = first_star.is_none_or(|star| place < star);
                        outputs.get(place)?.clone().filter(|name| is_known && !name.is_empty())
                    }
                    _ => None,
                },
                _ => None,
            }
        })
        .collect();
    Some(columns.map_or(SortedBy::Other, SortedBy::Columns))
}

/// The name of an output; `None` for `*` and for what has none.
fn output(target: &Node) -> Option<String> {
    let Some(NodeEnum::ResTarget(target)) = &target.node else { return None };
    let ResTarget { name, val, .. } = &**target;
    if !name.is_empty() {
        return Some(name.clone());
    }
    match val.as_ref()?.node.as_ref()? {
        NodeEnum::ColumnRef(column) => last_name(&column.fields),
        // A name that PostgreSQL makes up is nothing that ORDER BY could mean.
        _ => Some(String::new()),
    }
}

/// Whether an output is this very column, under its own name.
fn is_column(target: &Node, fields: &[Node]) -> bool {
    let names = |fields: &[Node]| {
        fields.iter().map(|field| last_name(std::slice::from_ref(field))).collect::<Vec<_>>()
    };
    let Some(NodeEnum::ResTarget(target)) = &target.node else { return false };
    let column = target.val.as_ref().and_then(|val| val.node.as_ref());
    let is_renamed = !target.name.is_empty() && Some(&target.name) != last_name(fields).as_ref();
    let Some(NodeEnum::ColumnRef(column)) = column else { return false };
    // Without a table it is the only column of that name, and so the same one.
    let is_same = names(&column.fields) == names(fields)
        || (column.fields.len() == 1 && last_name(&column.fields) == last_name(fields));
    is_same && !is_renamed
}

fn last_name(fields: &[Node]) -> Option<String> {
    match fields.last()?.node.as_ref()? {
        NodeEnum::String(name) => Some(name.sval.clone()),
        _ => None,
    }
}

/// What the outermost SELECT says beside its rows, as text: to be compared with another's.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Ending {
    /// LIMIT and OFFSET; absent where there is neither.
    pub limit: Option<String>,
    /// ORDER BY; absent where there is none.
    pub order: Option<String>,
}

/// How a statement ends.
#[must_use]
pub fn ending(statement: &Statement) -> Ending {
    let Some(select) = outermost(statement) else { return Ending::default() };
    let part = |kept: SelectStmt| {
        super::tree::as_json(&tree_of(kept)).ok().map(|mut json| {
            without_locations(&mut json);
            json.to_string()
        })
    };
    let has_limit = select.limit_count.is_some() || select.limit_offset.is_some();
    let limit = SelectStmt {
        limit_count: select.limit_count.clone(),
        limit_offset: select.limit_offset.clone(),
        limit_option: select.limit_option,
        ..SelectStmt::default()
    };
    let order = SelectStmt { sort_clause: select.sort_clause.clone(), ..SelectStmt::default() };
    Ending {
        limit: if has_limit { part(limit) } else { None },
        order: if select.sort_clause.is_empty() { None } else { part(order) },
    }
}

fn tree_of(select: SelectStmt) -> pg_query::protobuf::ParseResult {
    let node = Node { node: Some(NodeEnum::SelectStmt(Box::new(select))) };
    let raw = pg_query::protobuf::RawStmt { stmt: Some(Box::new(node)), ..Default::default() };
    pg_query::protobuf::ParseResult { version: 0, stmts: vec![raw] }
}

/// How many OFFSETs a statement has, wherever they stand.
#[must_use]
pub fn offsets(statement: &Statement) -> usize {
    let Ok(json) = statement.json() else { return 0 };
    let mut found = 0;
    super::tree::walk(json, &mut |_, object| {
        found += usize::from(object.get("limit_offset").is_some_and(serde_json::Value::is_object));
    });
    found
}

/// What shapes a plan and is no part of libpg_query's fingerprint: names of tables behind aliases, lists beside single
/// values, and places that ORDER BY and GROUP BY name.
#[must_use]
pub fn left_out_of_fingerprints(statement: &Statement) -> Vec<String> {
    let Ok(json) = statement.json() else { return Vec::new() };
    let (mut found, mut lists) = (Vec::new(), [0_usize; 2]);
    let place = |value: Option<&serde_json::Value>| {
        let constant = value.and_then(|value| value.get("node")?.get("AConst"));
        constant.and_then(|c| c.get("val")?.get("Ival")?.get("ival")?.as_i64())
    };
    super::tree::walk(json, &mut |kind, object| match kind {
        "RangeVar" | "relation"
            if object.get("alias").is_some_and(serde_json::Value::is_object) =>
        {
            found.extend(object.get("relname").and_then(|name| name.as_str()).map(str::to_owned));
        }
        "AExpr" => {
            let kind = object.get("kind").and_then(serde_json::Value::as_i64);
            let is = |other: AExprKind| kind == Some(i64::from(other as i32));
            lists[0] += usize::from(is(AExprKind::AexprIn));
            lists[1] += usize::from(is(AExprKind::AexprOpAny) || is(AExprKind::AexprOpAll));
        }
        // Of a constant or parameter that is cast the fingerprint leaves the type out.
        "TypeCast" => {
            let argument = object.get("arg").and_then(|argument| argument.get("node"));
            let is_value = argument
                .is_some_and(|node| node.get("ParamRef").is_some() || node.get("AConst").is_some());
            let names = object.get("type_name").map(|name| super::tree::names(name.get("names")));
            if let (true, Some(name)) = (is_value, names.and_then(|mut names| names.pop())) {
                found.push(format!("as {name}"));
            }
        }
        "SortBy" => found.extend(place(object.get("node")).map(|at| format!("by {at}"))),
        "SelectStmt" => {
            let keys = object.get("group_clause").and_then(serde_json::Value::as_array);
            for key in keys.into_iter().flatten() {
                found.extend(place(Some(key)).map(|at| format!("of {at}")));
            }
        }
        _ => {}
    });
    for (count, what) in lists.iter().zip(["lists", "arrays"]) {
        if *count > 0 {
            found.push(format!("{count} {what}"));
        }
    }
    found
}

/// Where a part stands is not what it is.
fn without_locations(value: &mut serde_json::Value) {
    match value {
        serde_json::Value::Array(items) => items.iter_mut().for_each(without_locations),
        serde_json::Value::Object(object) => {
            object.remove("location");
            object.values_mut().for_each(without_locations);
        }
        _ => {}
    }
}

/// The statement without its outermost LIMIT and OFFSET; `None` where it has neither.
///
/// # Errors
/// The deparser refuses the tree.
pub fn without_limit(statement: &Statement) -> Result<Option<String>, SqlError> {
    let mut tree = (*statement.tree).clone();
    let select = tree
        .stmts
        .first_mut()
        .and_then(|raw| raw.stmt.as_mut())
        .and_then(|node| node.node.as_mut());
    let Some(NodeEnum::SelectStmt(select)) = select else { return Ok(None) };
    if select.limit_count.is_none() && select.limit_offset.is_none() {
        return Ok(None);
    }
    select.limit_count = None;
    select.limit_offset = None;
    select.limit_option = pg_query::protobuf::LimitOption::Default as i32;
    Ok(Some(pg_query::deparse(&tree, Default::default())?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::parse_one;

    #[test]
    fn the_order_is_known_where_its_columns_are_returned() {
        let of = |sql: &str| sorted_by(&parse_one(sql).unwrap());
        let columns = |names: &[&str]| {
            Some(SortedBy::Columns(names.iter().map(|name| (*name).to_owned()).collect()))
        };
        assert_eq!(of("SELECT a FROM t"), None);
        assert_eq!(of("SELECT a, b AS x FROM t ORDER BY x DESC, t.a"), columns(&["x", "a"]));
        assert_eq!(of("SELECT a, b AS x FROM t ORDER BY 2"), columns(&["x"]));
        assert_eq!(of("SELECT * FROM t ORDER BY c"), columns(&["c"]));
        assert_eq!(of("SELECT a FROM t ORDER BY b"), Some(SortedBy::Other));
        assert_eq!(of("SELECT a FROM t ORDER BY lower(a)"), Some(SortedBy::Other));
        assert_eq!(of("SELECT t.a, u.b FROM t, u ORDER BY t.a"), columns(&["a"]));
        assert_eq!(of("SELECT u.a FROM t, u ORDER BY t.a"), Some(SortedBy::Other));
        assert_eq!(of("SELECT t.*, lower(a) AS l FROM t ORDER BY 2"), Some(SortedBy::Other));
        assert_eq!(of("SELECT a FROM t UNION SELECT b FROM u ORDER BY 1"), Some(SortedBy::Other));
    }

    #[test]
    fn endings_are_compared_wherever_they_stand() {
        let of = |sql: &str| ending(&parse_one(sql).unwrap());
        let usual = of("SELECT a FROM t ORDER BY lower(b) DESC LIMIT 10");
        assert_eq!(usual, of("SELECT x.a FROM  u x WHERE true ORDER BY lower(b) DESC LIMIT 10"));
        let fewer = of("SELECT a FROM t ORDER BY lower(b) DESC LIMIT 9");
        assert!(usual.limit != fewer.limit && usual.order == fewer.order);
        assert_ne!(usual.limit, of("SELECT a FROM t LIMIT 10 OFFSET 1").limit);
        assert_ne!(usual.order, of("SELECT a FROM t ORDER BY b DESC").order);
        assert_eq!(of("SELECT a FROM t"), Ending::default());
    }

    #[test]
    fn only_the_outermost_limit_goes() {
        let of = |sql: &str| without_limit(&parse_one(sql).unwrap()).unwrap();
        assert_eq!(of("SELECT a FROM t"), None);
        assert_eq!(
            of("SELECT a FROM (SELECT a FROM t LIMIT 3) s ORDER BY a LIMIT 5 OFFSET 2").as_deref(),
            Some("SELECT a FROM (SELECT a FROM t LIMIT 3) s ORDER BY a")
        );
        assert_eq!(
            of("SELECT a FROM t ORDER BY a FETCH FIRST 5 ROWS WITH TIES").as_deref(),
            Some("SELECT a FROM t ORDER BY a")
        );
    }
}
