//! A function or cast around a timestamp: `date_trunc('day', at) = $1`, `at::date = $1`. No plain index on the
//! column can be searched for that; bounds on the bare column can.

use optischema::model::{Catalog, CatalogColumn, Rule};
use pg_query::NodeEnum;
use pg_query::protobuf::{AConst, SelectStmt, a_const::Val};

use super::pieces::{
    all_of, column, conjuncts, expression, inner, is_plain, is_value, operator, relations, text_of,
};
use super::{Rewrite, Sameness, written};

const UNITS: &[&str] = &["second", "minute", "hour", "day", "week", "month", "quarter", "year"];

pub(super) fn rewrite(select: &SelectStmt, catalog: &Catalog) -> Option<Rewrite> {
    if !is_plain(select) {
        return None;
    }
    let relations = relations(select, catalog)?;
    let mut conditions = conjuncts(select);
    let (at, bounds, name) = conditions.iter().enumerate().find_map(|(at, condition)| {
        let (bounds, name) = bounded(condition, &relations)?;
        Some((at, bounds, name))
    })?;
    conditions.splice(at..=at, bounds);
    let sql = written(SelectStmt { where_clause: all_of(conditions), ..select.clone() })?;
    Some(Rewrite {
        rule: Rule::FunctionOnColumn,
        sql,
        why: format!("A function around {name} keeps every index on {name} from being searched."),
        sameness: Sameness::Usual(
            "Both give the same rows in one time zone; not where the value is infinite, or a day of the time zone has no midnight.",
        ),
    })
}

fn bounded(
    condition: &NodeEnum,
    relations: &[(String, &optischema::model::CatalogTable)],
) -> Option<(Vec<NodeEnum>, String)> {
    let NodeEnum::AExpr(expr) = condition else { return None };
    if operator(expr)? != "=" {
        return None;
    }
    let (left, right) = (inner(&expr.lexpr)?, inner(&expr.rexpr)?);
    if !is_value(right) {
        return None;
    }
    let value = text_of(right)?;
    match left {
        NodeEnum::FuncCall(call) if call.args.len() == 2 && call.funcname.len() == 1 => {
            let Some(NodeEnum::String(name)) = &call.funcname[0].node else { return None };
            let Some(NodeEnum::AConst(AConst { val: Some(Val::Sval(unit)), .. })) =
                &call.args[0].node
            else {
                return None;
            };
            let argument = call.args[1].node.as_ref()?;
            let (_, found) = column(argument, relations)?;
            let kind = timestamp(found)?;
            if name.sval != "date_trunc" || !UNITS.contains(&unit.sval.as_str()) {
                return None;
            }
            let bare = text_of(argument)?;
            let length = if unit.sval == "quarter" {
                "3 months".to_owned()
            } else {
                format!("1 {}", unit.sval)
            };
            let truncated = format!("date_trunc('{}', {value}::{kind})", unit.sval);
            let bounds = [
                format!("{bare} >= {value}::{kind}"),
                format!("{bare} < {value}::{kind} + '{length}'::interval"),
                // A value that is not truncated equals no truncated one.
                format!("{value}::{kind} = {truncated}"),
            ];
            let bounds: Option<Vec<NodeEnum>> = bounds.iter().map(|sql| expression(sql)).collect();
            Some((bounds?, found.name.clone()))
        }
        NodeEnum::TypeCast(cast) => {
            let argument = inner(&cast.arg)?;
            let (_, found) = column(argument, relations)?;
            let kind = timestamp(found)?;
            let names = &cast.type_name.as_ref()?.names;
            let Some(NodeEnum::String(name)) = &names.last()?.node else { return None };
            if name.sval != "date" {
                return None;
            }
            let bare = text_of(argument)?;
            let bounds = [
                format!("{bare} >= {value}::date::{kind}"),
                format!("{bare} < ({value}::date + 1)::{kind}"),
            ];
            let bounds: Option<Vec<NodeEnum>> = bounds.iter().map(|sql| expression(sql)).collect();
            Some((bounds?, found.name.clone()))
        }
        _ => None,
    }
}

fn timestamp(column: &CatalogColumn) -> Option<&'static str> {
    if column.data_type.starts_with("timestamp") && column.data_type.ends_with("without time zone")
    {
        Some("timestamp")
    } else if column.data_type.starts_with("timestamp") {
        Some("timestamptz")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::by;
    use optischema::model::Rule;

    #[test]
    fn a_day_becomes_bounds_on_the_bare_column() {
        assert_eq!(
            by(Rule::FunctionOnColumn, "SELECT id FROM orders WHERE created_at::date = $1")
                .unwrap(),
            "SELECT id FROM orders WHERE created_at >= $1::date::timestamp AND created_at < ($1::date + 1)::timestamp"
        );
        let truncated = by(
            Rule::FunctionOnColumn,
            "SELECT 1 FROM orders WHERE date_trunc('month', paid_at) = $1",
        )
        .unwrap();
        assert!(truncated.contains("paid_at >= $1::timestamptz"), "{truncated}");
        assert!(
            truncated.contains("paid_at < $1::timestamptz + '1 month'::interval"),
            "{truncated}"
        );
        assert!(truncated.contains("= date_trunc('month', $1::timestamptz)"), "{truncated}");
    }

    #[test]
    fn other_functions_other_columns_and_other_comparisons_stay() {
        for sql in [
            "SELECT id FROM orders WHERE date_trunc($2, created_at) = $1",
            "SELECT id FROM orders WHERE date_trunc('day', created_at) > $1",
            "SELECT id FROM customers WHERE lower(email) = $1",
            "SELECT id FROM orders WHERE created_at = $1::date",
            "SELECT date_trunc('day', created_at) FROM orders",
        ] {
            assert_eq!(by(Rule::FunctionOnColumn, sql), None, "{sql}");
        }
    }
}
