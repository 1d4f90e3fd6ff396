//! A literal with a decimal point beside a column of whole numbers (`id = 5.0`, `account < 12.5`): PostgreSQL casts the
//! column for every row. The whole number that means the same is written instead.

use optischema::model::{Catalog, Rule};
use pg_query::NodeEnum;
use pg_query::protobuf::{AConst, a_const::Val};

use super::conditions::{Around, Instead, everywhere};
use super::pieces::{
    column, compare, constant_text, expression, inner, mirrored, operator, type_cast_to,
};
use super::{Rewrite, Sameness};
use crate::sql::Statement;

const WHOLE: &[&str] = &["smallint", "integer", "bigint"];

pub(super) fn rewrite(statement: &Statement, catalog: &Catalog) -> Option<Rewrite> {
    everywhere(statement, catalog, Rule::ImplicitCast, instead)
}

fn instead(condition: &NodeEnum, around: &Around<'_>) -> Option<Instead> {
    let NodeEnum::AExpr(expr) = condition else { return None };
    let (left, right, sign) = (inner(&expr.lexpr)?, inner(&expr.rexpr)?, operator(expr)?);
    let (of, sign, value) = match (decimal(left), decimal(right)) {
        (None, Some(value)) => (left, sign, value),
        (Some(value), None) => (right, mirrored(sign)?, value),
        _ => return None,
    };
    let (_, found) = column(of, around)?;
    if !WHOLE.contains(&found.data_type.as_str()) {
        return None;
    }
    let (sign, number) = whole(sign, &value)?;
    let name = &found.name;
    Some(Instead {
        conditions: vec![compare(of.clone(), sign, expression(&number.to_string())?)],
        why: format!(
            "{name} holds whole numbers and is compared with a number that has a decimal point, so that PostgreSQL casts it for every row, and an index on it cannot be searched."
        ),
        sameness: Sameness::Proven(
            "A whole number is above or below a fraction exactly where it is above or below the nearest whole number.",
        ),
    })
}

/// A literal with a decimal point: its whole part, toward minus infinity, and whether there is more.
struct Decimal {
    floor: i64,
    has_fraction: bool,
}

fn decimal(node: &NodeEnum) -> Option<Decimal> {
    // `'77'::numeric` is one as well.
    let is_whole_text =
        |text: &str| text.bytes().all(|byte| byte.is_ascii_digit()) && !text.is_empty();
    if let Some((inside, "numeric")) = type_cast_to(node) {
        let text = constant_text(inside).filter(|text| is_whole_text(text))?;
        return Some(Decimal { floor: text.parse().ok()?, has_fraction: false });
    }
    let NodeEnum::AConst(AConst { val: Some(Val::Fval(text)), .. }) = node else { return None };
    // Whole numbers beyond an integer come as text, too, and powers of ten are left alone.
    let (whole, fraction) = text.fval.split_once('.')?;
    let is_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if !is_digits(whole.trim_start_matches('-')) || !is_digits(fraction) {
        return None;
    }
    let has_fraction = fraction.bytes().any(|digit| digit != b'0');
    let toward_zero: i64 = match whole {
        "" | "-" => 0,
        whole => whole.parse().ok()?,
    };
    let below = i64::from(has_fraction && whole.starts_with('-'));
    Some(Decimal { floor: toward_zero.checked_sub(below)?, has_fraction })
}

/// The comparison with a whole number that holds for the same whole numbers.
fn whole(sign: &str, value: &Decimal) -> Option<(&'static str, i64)> {
    if !value.has_fraction {
        let same = ["=", "<>", "<", "<=", ">", ">="].into_iter().find(|known| *known == sign)?;
        return Some((same, value.floor));
    }
    match sign {
        "<" | "<=" => Some(("<=", value.floor)),
        ">" | ">=" => Some((">=", value.floor.checked_add(1)?)),
        // No whole number equals a fraction: whoever wrote that meant something else.
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::by;
    use optischema::model::Rule;

    #[test]
    fn the_whole_number_that_means_the_same_is_written() {
        for (condition, same) in [
            ("id = 4711.0", "id = 4711"),
            ("id <> 4711.00", "id <> 4711"),
            ("id < 12.5", "id <= 12"),
            ("id <= 12.5", "id <= 12"),
            ("id > 12.5", "id >= 13"),
            ("id >= 12.0", "id >= 12"),
            ("12.5 > id", "id <= 12"),
            ("id < -12.5", "id <= -13"),
            ("id > -0.5", "id >= 0"),
            ("id > .5", "id >= 1"),
        ] {
            let sql = format!("SELECT note FROM orders WHERE {condition}");
            let expected = format!("SELECT note FROM orders WHERE {same}");
            assert_eq!(by(Rule::ImplicitCast, &sql), Some(expected), "{condition}");
        }
    }

    #[test]
    fn what_has_no_whole_number_of_the_same_meaning_stays() {
        for condition in [
            "id = 4711.5",
            "id <> 4711.5",
            "id = 12345678901234567890",
            "id = 12345678901234567890.0",
            "id < 1e3",
            "id = 4711",
            "total = 4711.0",
            "id + 1 = 2.0",
        ] {
            let sql = format!("SELECT note FROM orders WHERE {condition}");
            assert_eq!(by(Rule::ImplicitCast, &sql), None, "{condition}");
        }
    }
}
