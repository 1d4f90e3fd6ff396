//! What the outermost SELECT says of the order and number of its rows.

use pg_query::NodeEnum;
use pg_query::protobuf::a_const::Val;
use pg_query::protobuf::{Node, ResTarget, SelectStmt};

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
    let has_star = outputs.iter().any(Option::is_none);
    let columns: Option<Vec<String>> = select
        .sort_clause
        .iter()
        .map(|sort| {
            let Some(NodeEnum::SortBy(sort)) = &sort.node else { return None };
            match sort.node.as_ref()?.node.as_ref()? {
                NodeEnum::ColumnRef(column) => {
                    let name = last_name(&column.fields)?;
                    let is_output = outputs.iter().flatten().any(|output| *output == name);
                    (is_output || has_star).then_some(name)
                }
                NodeEnum::AConst(constant) => match &constant.val {
                    Some(Val::Ival(place)) => {
                        let place = usize::try_from(place.ival).ok()?.checked_sub(1)?;
                        outputs.get(place)?.clone()
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

fn last_name(fields: &[Node]) -> Option<String> {
    match fields.last()?.node.as_ref()? {
        NodeEnum::String(name) => Some(name.sval.clone()),
        _ => None,
    }
}

/// The statement without its outermost LIMIT and OFFSET; `None` where it has neither.
///
/// # Errors
/// The deparser refuses the tree.
pub fn without_limit(statement: &Statement) -> Result<Option<String>, SqlError> {
    let mut tree = statement.tree.clone();
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
        assert_eq!(of("SELECT a FROM t UNION SELECT b FROM u ORDER BY 1"), Some(SortedBy::Other));
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
