//! A function or cast around a moment: `date_trunc('day', at) = $1`, `at::date = $1`, `(at AT TIME ZONE 'UTC')::date`. No
//! plain index on the column can be searched for that; bounds on the bare column can.

use optischema::model::{Catalog, Rule};
use pg_query::NodeEnum;
use pg_query::protobuf::{AExpr, AExprKind};

use super::conditions::{Around, Instead, everywhere};
use super::day_values::{day, is_aligned};
use super::moments::{Cut, Moment};
use super::pieces::{
    column, constant_text, expression, inner, is_steady, mirrored, operator, text_of, type_cast_to,
};
use super::{Rewrite, Sameness};
use crate::sql::Statement;

/// Values of a list that is bounded.
const LONGEST_LIST: usize = 50;

pub(super) fn rewrite(statement: &Statement, catalog: &Catalog) -> Option<Rewrite> {
    everywhere(statement, catalog, Rule::FunctionOnColumn, instead)
}

fn instead(condition: &NodeEnum, around: &Around<'_>) -> Option<Instead> {
    let NodeEnum::AExpr(expr) = condition else { return None };
    let asked = Asked::of(expr)?;
    let (moment, name) = Moment::of(asked.left, &|node| column(node, around))?;
    let bounds = bounds(&moment, &asked)?;
    let mut conditions = Vec::new();
    for bound in &bounds.sql {
        conditions.push(expression(bound)?);
    }
    if bounds.beside {
        conditions.push(condition.clone());
    }
    Some(Instead {
        conditions,
        why: format!("A function around {name} keeps every index on {name} from being searched."),
        sameness: Sameness::Usual(if matches!(moment.cut, Cut::Text(_)) {
            "Both give the same rows in one time zone, but where midnight comes twice or never; a value that is no date is an error instead of no row."
        } else {
            "Both give the same rows in one time zone; not where the value is infinite, or midnight comes twice or never (where clocks change at midnight)."
        }),
    })
}

/// A comparison of something with values that are the same for every row.
struct Asked<'a> {
    left: &'a NodeEnum,
    sign: Sign<'a>,
}

enum Sign<'a> {
    /// `=`, `<`, `<=`, `>`, `>=`.
    One(&'static str, &'a NodeEnum),
    Between(&'a NodeEnum, &'a NodeEnum),
    In(Vec<&'a NodeEnum>),
}

impl<'a> Asked<'a> {
    fn of(expr: &'a AExpr) -> Option<Self> {
        let (left, right) = (inner(&expr.lexpr)?, inner(&expr.rexpr)?);
        let list = || match right {
            NodeEnum::List(list) => {
                let items = list.items.iter().map(|item| item.node.as_ref());
                let items: Option<Vec<_>> = items.collect();
                items.filter(|items| items.iter().all(|item| is_steady(item)))
            }
            _ => None,
        };
        if expr.kind == AExprKind::AexprBetween as i32 {
            let [low, high] = list()?[..] else { return None };
            return Some(Self { left, sign: Sign::Between(low, high) });
        }
        if expr.kind == AExprKind::AexprIn as i32 {
            let is_positive = matches!(&expr.name.first()?.node, Some(NodeEnum::String(name)) if name.sval == "=");
            let items = list().filter(|items| is_positive && items.len() <= LONGEST_LIST)?;
            return Some(Self { left, sign: Sign::In(items) });
        }
        let sign =
            ["=", "<", "<=", ">", ">="].into_iter().find(|known| operator(expr) == Some(known))?;
        if is_steady(right) {
            return Some(Self { left, sign: Sign::One(sign, right) });
        }
        let sign = mirrored(sign)?;
        is_steady(left).then_some(Self { left: right, sign: Sign::One(sign, left) })
    }
}

/// Conditions on the bare column.
struct Bounds {
    sql: Vec<String>,
    /// The original stays beside them: they hold for all of its rows, and for more.
    beside: bool,
}

impl Bounds {
    const fn exact(sql: Vec<String>) -> Self {
        Self { sql, beside: false }
    }
}

fn bounds(moment: &Moment, asked: &Asked<'_>) -> Option<Bounds> {
    match &asked.sign {
        Sign::Between(low, high) => {
            let (low, high) = (of_one(moment, ">=", low)?, of_one(moment, "<=", high)?);
            let beside = low.beside || high.beside;
            Some(Bounds { sql: [low.sql, high.sql].concat(), beside })
        }
        Sign::In(values) => {
            if moment.cut != Cut::Day || values.iter().any(|value| is_endless(value)) {
                return None;
            }
            let days: Option<Vec<String>> = values.iter().map(|value| day(value)).collect();
            let days = days?.join(", ");
            let first = moment.value(&format!("LEAST({days})"));
            let next = moment.value(&format!("GREATEST({days}) + 1"));
            Some(Bounds { sql: moment.about("=", &first, &next), beside: true })
        }
        Sign::One(sign, value) => of_one(moment, sign, value),
    }
}

/// Whether a value is infinite: there is no next day.
fn is_endless(value: &NodeEnum) -> bool {
    let inside = type_cast_to(value).map_or(value, |(inside, _)| inside);
    constant_text(inside).is_some_and(|text| {
        text.trim().trim_start_matches(['-', '+']).eq_ignore_ascii_case("infinity")
    })
}

fn of_one(moment: &Moment, sign: &str, value: &NodeEnum) -> Option<Bounds> {
    if is_endless(value) {
        return None;
    }
    let text = text_of(value)?;
    match moment.cut {
        Cut::Day => match day(value) {
            Some(day) => {
                let next = moment.value(&format!("{day} + 1"));
                Some(Bounds::exact(moment.between(sign, &moment.value(&day), &next)))
            }
            // The day is midnight of a moment: it lies before the column's own, and less than a day before it.
            None => {
                let value = moment.typed(&text);
                let next = format!("({value} + '1 day'::interval)");
                Some(Bounds { sql: moment.about(sign, &value, &next), beside: true })
            }
        },
        Cut::Unit(unit) => {
            let value_text = moment.value(&text);
            let next = format!("({value_text} + '{}'::interval)", unit.length());
            if is_aligned(value, unit) {
                return Some(Bounds::exact(moment.between(sign, &value_text, &next)));
            }
            if sign == "=" {
                let mut sql = moment.between(sign, &value_text, &next);
                // A value that is not truncated equals no truncated one.
                sql.push(format!("{value_text} = date_trunc('{}', {value_text})", unit.name()));
                return Some(Bounds::exact(sql));
            }
            Some(Bounds { sql: moment.about(sign, &value_text, &next), beside: true })
        }
        Cut::Year => {
            let year = match value {
                NodeEnum::AConst(_) => super::pieces::integer(value)?.to_string(),
                NodeEnum::ParamRef(_) => format!("{text}::int"),
                _ => return None,
            };
            let first = moment.value(&format!("make_date({year}, 1, 1)"));
            let next = moment.value(&format!("make_date({year} + 1, 1, 1)"));
            Some(Bounds::exact(moment.between(sign, &first, &next)))
        }
        Cut::Text(format) => {
            let is_text = matches!(value, NodeEnum::ParamRef(_)) || constant_text(value).is_some();
            if sign != "=" || !is_text {
                return None;
            }
            let (pattern, length) = (format.pattern(), format.unit().length());
            let first = format!("to_date({text}::text, '{pattern}')");
            let next = format!("{first} + '{length}'::interval");
            let mut sql = moment.between(sign, &moment.value(&first), &moment.value(&next));
            sql.push(format!("to_char({first}, '{pattern}') = {text}::text"));
            Some(Bounds::exact(sql))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::by;
    use optischema::model::Rule;

    fn conditions(condition: &str) -> Option<String> {
        let sql = format!("SELECT id FROM orders WHERE {condition}");
        let found = by(Rule::FunctionOnColumn, &sql)?;
        Some(found.strip_prefix("SELECT id FROM orders WHERE ").unwrap().to_owned())
    }

    #[test]
    fn a_day_becomes_bounds_on_the_bare_column() {
        for (condition, bounds) in [
            (
                "created_at::date = $1",
                "created_at >= $1::date::timestamp AND created_at < ($1::date + 1)::timestamp",
            ),
            (
                "date(created_at) = '2026-01-31'",
                "created_at >= '2026-01-31'::date::timestamp AND created_at < ('2026-01-31'::date + 1)::timestamp",
            ),
            ("CAST(created_at AS date) >= $1", "created_at >= $1::date::timestamp"),
            ("$1 >= created_at::date", "created_at < ($1::date + 1)::timestamp"),
            ("created_at::date > current_date", "created_at >= (current_date + 1)::timestamp"),
            ("paid_at::date < current_date - 7", "paid_at < (current_date - 7)::timestamptz"),
            (
                "created_at::date BETWEEN $1 AND $2",
                "created_at >= $1::date::timestamp AND created_at < ($2::date + 1)::timestamp",
            ),
            (
                "(paid_at AT TIME ZONE 'UTC')::date = $1",
                "paid_at >= ($1::date::timestamp AT TIME ZONE 'UTC') AND paid_at < (($1::date + 1)::timestamp AT TIME ZONE 'UTC')",
            ),
            (
                "(created_at AT TIME ZONE 'UTC' AT TIME ZONE 'Europe/Berlin')::date = $1",
                "created_at >= ($1::date::timestamp AT TIME ZONE 'Europe/Berlin' AT TIME ZONE 'UTC') \
                 AND created_at < (($1::date + 1)::timestamp AT TIME ZONE 'Europe/Berlin' AT TIME ZONE 'UTC')",
            ),
            (
                "extract(year FROM created_at) = 2026",
                "created_at >= make_date(2026, 1, 1)::timestamp AND created_at < make_date(2026 + 1, 1, 1)::timestamp",
            ),
        ] {
            let found = conditions(condition).unwrap_or_default();
            assert_eq!(plain(&found), plain(bounds), "{condition}: {found}");
        }
    }

    /// Without the parentheses that the deparser is free to write.
    fn plain(sql: &str) -> String {
        sql.replace(['(', ')'], "").split_whitespace().collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn what_is_truncated_is_bounded_and_the_value_must_be_truncated_too() {
        let month = conditions("date_trunc('month', paid_at) = $1").unwrap();
        assert!(month.contains("paid_at >= $1::timestamptz"), "{month}");
        assert!(month.contains("paid_at < $1::timestamptz + '1 month'::interval"), "{month}");
        assert!(
            month.contains("$1::timestamptz = date_trunc('month', $1::timestamptz)"),
            "{month}"
        );
        // The first of a month needs no proof of it.
        let known = conditions("date_trunc('month', created_at) = '2026-02-01'").unwrap();
        assert!(!known.contains("date_trunc"), "{known}");
        let of_dates = by(
            Rule::FunctionOnColumn,
            "SELECT id FROM documents WHERE date_trunc('month', day) = '2026-02-01'",
        );
        let of_dates = of_dates.unwrap();
        assert!(of_dates.contains("day >= '2026-02-01'::timestamptz::date"), "{of_dates}");
    }

    #[test]
    fn where_bounds_hold_for_more_rows_the_original_stays_beside_them() {
        for (condition, bound) in [
            ("date_trunc('day', created_at) > $1", "created_at > $1::timestamp"),
            (
                "date_trunc('hour', created_at) <= $1",
                "created_at < $1::timestamp + '1 hour'::interval",
            ),
            (
                "created_at::date >= now() - '36 hours'::interval",
                "created_at >= now() - '36 hours'::interval",
            ),
            ("created_at::date IN ($1, $2)", "created_at >= LEAST($1::date, $2::date)::timestamp"),
        ] {
            let found = conditions(condition).unwrap_or_default();
            assert!(found.contains(bound), "{condition}: {found}");
            assert!(found.contains(condition), "{condition}: {found}");
        }
    }

    #[test]
    fn a_text_that_is_made_of_a_date_is_read_again() {
        let found = conditions("to_char(created_at, 'YYYY-MM') = $1").unwrap();
        assert!(found.contains("created_at >= to_date($1::text, 'YYYY-MM')::timestamp"), "{found}");
        assert!(
            found.contains("to_char(to_date($1::text, 'YYYY-MM'), 'YYYY-MM') = $1::text"),
            "{found}"
        );
    }

    #[test]
    fn conditions_inside_are_found() {
        for sql in [
            "SELECT id FROM customers c WHERE EXISTS (SELECT FROM orders o WHERE o.customer_id = c.id AND o.created_at::date = $1)",
            "WITH day AS (SELECT * FROM orders WHERE created_at::date = $1) SELECT count(*) FROM day",
            "SELECT id FROM orders WHERE created_at::date = $1 UNION ALL SELECT id FROM customers",
            "SELECT c.id FROM customers c LEFT JOIN orders o ON o.customer_id = c.id AND o.created_at::date = $1",
            "SELECT x.n FROM (SELECT count(*) AS n FROM orders WHERE created_at::date = $1) x",
        ] {
            let found = by(Rule::FunctionOnColumn, sql).unwrap_or_default();
            assert!(found.contains("created_at >= $1::date::timestamp"), "{sql}: {found}");
        }
    }

    #[test]
    fn other_functions_other_columns_and_other_comparisons_stay() {
        for sql in [
            "SELECT id FROM orders WHERE date_trunc($2, created_at) = $1",
            "SELECT id FROM customers WHERE lower(email) = $1",
            "SELECT id FROM orders WHERE created_at = $1::date",
            "SELECT id FROM orders WHERE created_at::date <> $1",
            "SELECT id FROM orders WHERE created_at::date NOT IN ($1, $2)",
            "SELECT id FROM orders WHERE created_at::date = paid_at::date",
            "SELECT id FROM orders WHERE created_at::date = random_day()",
            "SELECT id FROM documents WHERE day::date = $1",
            "SELECT id FROM orders WHERE created_at::date = 'infinity'",
            "SELECT id FROM orders WHERE created_at::date <= '-infinity'::date",
            "SELECT id FROM orders WHERE created_at::date IN ('2026-01-01', 'infinity')",
            // The hour from two to three comes twice in October, and is missing in March.
            "SELECT id FROM orders WHERE date_trunc('hour', paid_at AT TIME ZONE 'Europe/Berlin') = $1",
            "SELECT id FROM orders WHERE extract(month FROM created_at) = 5",
            "SELECT id FROM orders WHERE to_char(created_at, 'MM-DD') = $1",
            "SELECT date_trunc('day', created_at) FROM orders",
            // A WITH query of the table's name is no table.
            "WITH orders AS (SELECT id, paid_at::text AS created_at FROM public.orders) SELECT id FROM orders WHERE created_at::date = $1",
        ] {
            assert_eq!(by(Rule::FunctionOnColumn, sql), None, "{sql}");
        }
    }
}
