//! Rows after one that is known, in an order of several keys, as people write it out by hand:
//! `a > $1 OR (a = $2 AND b > $3)`.

use pg_query::NodeEnum;
use pg_query::protobuf::{AExpr, AExprKind, BoolExprType};

use super::rewrites::mirrored;
use super::shape::{expression_text, inner};

/// Arms and conditions beyond this are no pages.
const MOST_KEYS: usize = 8;

/// Rows after a known one.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Keyset {
    pub keys: Vec<Key>,
    /// Parameters that must be the same value for the condition to mean that: the later one, and the first of them.
    pub same: Vec<(i32, i32)>,
    /// Whether the known row itself is among them.
    pub is_inclusive: bool,
}

/// A key of the order.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Key {
    pub column: NodeEnum,
    /// Whether rows with higher keys follow.
    pub ascends: bool,
    pub value: NodeEnum,
}

#[derive(Clone)]
struct Comparison {
    column: NodeEnum,
    sign: &'static str,
    value: NodeEnum,
}

impl Keyset {
    /// Reads a condition.
    pub fn of(condition: &NodeEnum) -> Option<Self> {
        let NodeEnum::BoolExpr(expr) = condition else { return None };
        if expr.boolop != BoolExprType::OrExpr as i32 {
            return None;
        }
        let mut arms = arms(condition)?;
        arms.sort_by_key(Vec::len);
        let is_staircase = arms.iter().enumerate().all(|(at, arm)| arm.len() == at + 1);
        if arms.len() < 2 || !is_staircase {
            return None;
        }
        let mut found = Self { keys: Vec::new(), same: Vec::new(), is_inclusive: false };
        let last = arms.len() - 1;
        for (at, arm) in arms.iter().enumerate() {
            let equal = arm.iter().filter(|one| one.sign == "=");
            let mut beyond = arm.iter().filter(|one| one.sign != "=");
            let key = beyond.next().filter(|_| beyond.next().is_none())?;
            found.is_inclusive |= key.sign.ends_with('=');
            if key.sign.ends_with('=') && at != last {
                return None;
            }
            // Each key before this one is equal, once.
            let mut met = vec![false; found.keys.len()];
            for one in equal {
                let place = found.keys.iter().position(|key| is_same(&key.column, &one.column))?;
                let first = found.keys[place].value.clone();
                found.same.extend(link(&first, &one.value)?);
                met[place] = true;
            }
            let is_known = found.keys.iter().any(|known| is_same(&known.column, &key.column));
            if is_known || met.contains(&false) {
                return None;
            }
            found.keys.push(Key {
                column: key.column.clone(),
                ascends: key.sign.starts_with('>'),
                value: key.value.clone(),
            });
        }
        found.same.sort_unstable();
        found.same.dedup();
        Some(found)
    }

    /// Whether all keys go one way, as a comparison of rows does.
    pub fn goes_one_way(&self) -> bool {
        self.keys.iter().all(|key| key.ascends == self.keys[0].ascends)
    }
}

/// Two values that must be one: nothing to be assumed where they are written alike; two parameters that are assumed to be.
/// `None` where they differ.
fn link(first: &NodeEnum, other: &NodeEnum) -> Option<Option<(i32, i32)>> {
    match (first, other) {
        (NodeEnum::ParamRef(one), NodeEnum::ParamRef(two)) => {
            let (low, high) = (one.number.min(two.number), one.number.max(two.number));
            Some((low != high).then_some((high, low)))
        }
        (NodeEnum::TypeCast(one), NodeEnum::TypeCast(two))
            if one.type_name.as_ref().map(|t| &t.names)
                == two.type_name.as_ref().map(|t| &t.names) =>
        {
            link(inner(&one.arg)?, inner(&two.arg)?)
        }
        _ => is_same(first, other).then_some(None),
    }
}

/// Whether two columns or values are written alike, wherever that is.
fn is_same(one: &NodeEnum, other: &NodeEnum) -> bool {
    match (one, other) {
        (NodeEnum::ColumnRef(one), NodeEnum::ColumnRef(other)) => one.fields == other.fields,
        (NodeEnum::ColumnRef(_), _) | (_, NodeEnum::ColumnRef(_)) => false,
        _ => matches!((expression_text(one), expression_text(other)), (Some(a), Some(b)) if a == b),
    }
}

/// The condition as an OR of ANDs.
fn arms(node: &NodeEnum) -> Option<Vec<Vec<Comparison>>> {
    let NodeEnum::BoolExpr(expr) = node else {
        return Some(vec![vec![comparison(node)?]]);
    };
    let parts = expr.args.iter().map(|arg| arms(arg.node.as_ref()?));
    let parts: Vec<Vec<Vec<Comparison>>> = parts.collect::<Option<_>>()?;
    let found = if expr.boolop == BoolExprType::OrExpr as i32 {
        parts.concat()
    } else if expr.boolop == BoolExprType::AndExpr as i32 {
        let mut all = vec![Vec::new()];
        for part in parts {
            let one = |so_far: &Vec<Comparison>| {
                let so_far = so_far.clone();
                part.iter().map(move |arm| [so_far.as_slice(), arm].concat()).collect::<Vec<_>>()
            };
            all = all.iter().flat_map(one).collect();
            if all.len() > MOST_KEYS {
                return None;
            }
        }
        all
    } else {
        return None;
    };
    let fits = found.len() <= MOST_KEYS && found.iter().all(|arm| arm.len() <= MOST_KEYS);
    fits.then_some(found)
}

fn comparison(node: &NodeEnum) -> Option<Comparison> {
    let NodeEnum::AExpr(expr) = node else { return None };
    let (left, right) = (inner(&expr.lexpr)?, inner(&expr.rexpr)?);
    let sign = sign(expr)?;
    let is_value = |node: &NodeEnum| {
        let bare = match node {
            NodeEnum::TypeCast(cast) => inner(&cast.arg),
            other => Some(other),
        };
        matches!(bare, Some(NodeEnum::AConst(_) | NodeEnum::ParamRef(_)))
    };
    match (left, right) {
        (NodeEnum::ColumnRef(_), value) if is_value(value) => {
            Some(Comparison { column: left.clone(), sign, value: value.clone() })
        }
        (value, NodeEnum::ColumnRef(_)) if is_value(value) => {
            Some(Comparison { column: right.clone(), sign: mirrored(sign)?, value: value.clone() })
        }
        _ => None,
    }
}

fn sign(expr: &AExpr) -> Option<&'static str> {
    if expr.kind != AExprKind::AexprOp as i32 || expr.name.len() != 1 {
        return None;
    }
    let Some(NodeEnum::String(name)) = &expr.name[0].node else { return None };
    ["=", "<", "<=", ">", ">="].into_iter().find(|known| *known == name.sval)
}
