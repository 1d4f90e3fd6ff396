//! Which values of a statement's parameters occur together: asked of the rows that it reads.

use std::collections::BTreeMap;

use pg_query::protobuf::{
    AExpr, AExprKind, BoolExpr, BoolExprType, JoinType, NullTest, NullTestType, ParseResult,
    RawStmt, ResTarget, SelectStmt, SetOperation, TypeCast, TypeName,
};
use pg_query::{Node, NodeEnum};

use super::shape::operator_name;
use super::{SqlError, Statement, parameter_places, tree};

/// What one output of [`Drawing`] is a value of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Drawn {
    /// `column = $1`
    One(i32),
    /// `column = ANY ($1)`: one element of it.
    Element(i32),
    /// `column IN ($1, $2)`: any of them.
    OneOf(Vec<i32>),
}

/// A query for sets of values under which a statement finds rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Drawing {
    /// Gives each output as text. It still asks for the parameters that are not drawn.
    pub sql: String,
    pub outputs: Vec<Drawn>,
}

/// The rows that a SELECT would find if its parameters could have any value: what it compares with them by `=`, at the top
/// of its conditions, is returned instead. Absent where nothing is compared so.
///
/// # Errors
/// The deparser refuses the tree.
pub fn drawing(statement: &Statement) -> Result<Option<Drawing>, SqlError> {
    let root = statement.tree.stmts.first().and_then(|raw| raw.stmt.as_ref()?.node.as_ref());
    let Some(NodeEnum::SelectStmt(select)) = root else { return Ok(None) };
    if select.op > SetOperation::SetopNone as i32 || select.from_clause.is_empty() {
        return Ok(None);
    }
    let mut places = BTreeMap::new();
    for (_, number) in parameter_places(&statement.sql)? {
        *places.entry(number).or_insert(0) += 1;
    }
    let mut taken = Taken { places, found: Vec::new() };
    let mut from = select.from_clause.clone();
    from.iter_mut().for_each(|item| taken.from(item));
    let kept = taken.condition(select.where_clause.as_deref());
    let (outputs, conditions) = taken.outputs();
    if outputs.is_empty() {
        return Ok(None);
    }
    let mut all: Vec<Node> = kept.into_iter().collect();
    all.extend(conditions);
    all.extend(outputs.iter().map(|(_, value)| is_known(value)));
    let drawing = SelectStmt {
        target_list: outputs.iter().map(|(_, value)| as_text(value)).collect(),
        from_clause: from,
        where_clause: joined(all).map(Box::new),
        with_clause: select.with_clause.clone(),
        limit_option: select.limit_option,
        op: select.op,
        ..SelectStmt::default()
    };
    let stmt = Some(Box::new(Node { node: Some(NodeEnum::SelectStmt(Box::new(drawing))) }));
    let stmts = vec![RawStmt { stmt, ..RawStmt::default() }];
    let tree = ParseResult { version: statement.tree.version, stmts };
    let sql = pg_query::deparse(&tree, Default::default())?;
    Ok(Some(Drawing { sql, outputs: outputs.into_iter().map(|(drawn, _)| drawn).collect() }))
}

/// Conditions that are taken out of a statement.
struct Taken {
    /// How often each parameter stands in the text.
    places: BTreeMap<i32, usize>,
    found: Vec<(Drawn, Node)>,
}

impl Taken {
    /// Takes conditions out of inner joins; those of outer joins say what is joined, not what is found.
    fn from(&mut self, item: &mut Node) {
        let Some(NodeEnum::JoinExpr(join)) = &mut item.node else { return };
        if join.jointype != JoinType::JoinInner as i32 {
            return;
        }
        if let Some(quals) = join.quals.take() {
            let kept = self.condition(Some(&quals));
            join.quals = Some(Box::new(kept.unwrap_or_else(always)));
        }
        for side in [&mut join.larg, &mut join.rarg].into_iter().flatten() {
            self.from(side);
        }
    }

    /// What is left of a condition.
    fn condition(&mut self, condition: Option<&Node>) -> Option<Node> {
        let mut kept = Vec::new();
        for part in condition.into_iter().flat_map(conjuncts) {
            match part.node.as_ref().and_then(drawn) {
                Some(found) => self.found.push(found),
                None => kept.push(part.clone()),
            }
        }
        joined(kept)
    }

    /// One output for each parameter, and the conditions that stay: a parameter that is compared twice ties what it is
    /// compared with; one that stands elsewhere too keeps its value.
    fn outputs(self) -> (Vec<(Drawn, Node)>, Vec<Node>) {
        let (mut outputs, mut conditions): (Vec<(Drawn, Node)>, Vec<Node>) = Default::default();
        for (drawn, value) in &self.found {
            let all_drawn = |number: &i32| {
                let compared =
                    self.found.iter().filter(|(other, _)| other.numbers().contains(number));
                self.places.get(number).copied() == Some(compared.count())
            };
            if !drawn.numbers().iter().all(all_drawn) {
                conditions.push(drawn.condition(value));
                continue;
            }
            match outputs.iter().find(|(known, _)| known == drawn) {
                Some((_, first)) => conditions.push(equal(first.clone(), value.clone())),
                None => outputs.push((drawn.clone(), value.clone())),
            }
        }
        (outputs, conditions)
    }
}

impl Drawn {
    /// The parameters that it stands for.
    #[must_use]
    pub fn numbers(&self) -> &[i32] {
        match self {
            Self::One(number) | Self::Element(number) => std::slice::from_ref(number),
            Self::OneOf(numbers) => numbers,
        }
    }

    /// The condition that it was taken from.
    fn condition(&self, value: &Node) -> Node {
        let parameter = |number: i32| {
            let reference = pg_query::protobuf::ParamRef { number, location: -1 };
            Node { node: Some(NodeEnum::ParamRef(reference)) }
        };
        let (kind, right) = match self {
            Self::One(number) => (AExprKind::AexprOp, parameter(*number)),
            Self::Element(number) => (AExprKind::AexprOpAny, parameter(*number)),
            Self::OneOf(numbers) => {
                let items = numbers.iter().map(|number| parameter(*number)).collect();
                let list = NodeEnum::List(pg_query::protobuf::List { items });
                (AExprKind::AexprIn, Node { node: Some(list) })
            }
        };
        operator(kind, value.clone(), right)
    }
}

/// The parts of a condition that all must hold.
fn conjuncts(condition: &Node) -> Vec<&Node> {
    match &condition.node {
        Some(NodeEnum::BoolExpr(expr)) if expr.boolop == BoolExprType::AndExpr as i32 => {
            expr.args.iter().flat_map(conjuncts).collect()
        }
        _ => vec![condition],
    }
}

/// What a comparison by `=` compares with a parameter.
fn drawn(node: &NodeEnum) -> Option<(Drawn, Node)> {
    let NodeEnum::AExpr(expr) = node else { return None };
    if operator_name(expr) != "=" {
        return None;
    }
    let (left, right) = (expr.lexpr.as_deref()?, expr.rexpr.as_deref()?);
    let (found, value) = match AExprKind::try_from(expr.kind).ok()? {
        AExprKind::AexprOp => match (parameter(left), parameter(right)) {
            (None, Some(number)) => (Drawn::One(number), left),
            (Some(number), None) => (Drawn::One(number), right),
            _ => return None,
        },
        AExprKind::AexprOpAny => (Drawn::Element(parameter(right)?), left),
        AExprKind::AexprIn => {
            let Some(NodeEnum::List(list)) = &right.node else { return None };
            (Drawn::OneOf(list.items.iter().map(parameter).collect::<Option<_>>()?), left)
        }
        _ => return None,
    };
    is_of_a_row(value).then(|| (found, value.clone()))
}

/// The number of a parameter, casts around it or not.
fn parameter(node: &Node) -> Option<i32> {
    match node.node.as_ref()? {
        NodeEnum::ParamRef(reference) => Some(reference.number),
        NodeEnum::TypeCast(cast) => parameter(cast.arg.as_deref()?),
        _ => None,
    }
}

/// Whether a value is one of a row: it has a column, and neither a parameter nor a query.
fn is_of_a_row(value: &Node) -> bool {
    let Ok(json) = serde_json::to_value(value) else { return false };
    let (mut columns, mut others) = (0, 0);
    tree::walk(&json, &mut |kind, _| match kind {
        "ColumnRef" => columns += 1,
        "ParamRef" | "SubLink" | "RowExpr" => others += 1,
        _ => {}
    });
    columns > 0 && others == 0
}

fn joined(mut parts: Vec<Node>) -> Option<Node> {
    if parts.len() < 2 {
        return parts.pop();
    }
    let all = BoolExpr { boolop: BoolExprType::AndExpr as i32, args: parts, ..BoolExpr::default() };
    Some(Node { node: Some(NodeEnum::BoolExpr(Box::new(all))) })
}

fn always() -> Node {
    let value =
        pg_query::protobuf::a_const::Val::Boolval(pg_query::protobuf::Boolean { boolval: true });
    let constant = pg_query::protobuf::AConst { val: Some(value), isnull: false, location: -1 };
    Node { node: Some(NodeEnum::AConst(constant)) }
}

fn operator(kind: AExprKind, left: Node, right: Node) -> Node {
    let name = pg_query::protobuf::String { sval: "=".to_owned() };
    let expr = AExpr {
        kind: kind as i32,
        name: vec![Node { node: Some(NodeEnum::String(name)) }],
        lexpr: Some(Box::new(left)),
        rexpr: Some(Box::new(right)),
        ..AExpr::default()
    };
    Node { node: Some(NodeEnum::AExpr(Box::new(expr))) }
}

fn equal(left: Node, right: Node) -> Node {
    operator(AExprKind::AexprOp, left, right)
}

fn is_known(value: &Node) -> Node {
    let test = NullTest {
        arg: Some(Box::new(value.clone())),
        nulltesttype: NullTestType::IsNotNull as i32,
        ..NullTest::default()
    };
    Node { node: Some(NodeEnum::NullTest(Box::new(test))) }
}

fn as_text(value: &Node) -> Node {
    let part = |name: &str| {
        let name = pg_query::protobuf::String { sval: name.to_owned() };
        Node { node: Some(NodeEnum::String(name)) }
    };
    let text = TypeName {
        names: vec![part("pg_catalog"), part("text")],
        typemod: -1,
        ..TypeName::default()
    };
    let cast = TypeCast { arg: Some(Box::new(value.clone())), type_name: Some(text), location: -1 };
    let val = Some(Box::new(Node { node: Some(NodeEnum::TypeCast(Box::new(cast))) }));
    Node { node: Some(NodeEnum::ResTarget(Box::new(ResTarget { val, ..ResTarget::default() }))) }
}

#[cfg(test)]
mod tests {
    use super::super::parse_one;
    use super::*;

    fn of(sql: &str) -> Option<(String, Vec<Drawn>)> {
        let drawing = drawing(&parse_one(sql).unwrap()).unwrap()?;
        parse_one(&drawing.sql).unwrap();
        Some((drawing.sql, drawing.outputs))
    }

    #[test]
    fn what_is_compared_by_equality_is_returned_and_the_rest_stays() {
        let (sql, outputs) = of(
            "SELECT count(*) FROM orders o JOIN customers c ON c.id = o.customer_id AND c.city = $1
             WHERE o.status = $2::text AND o.at > $3 AND lower(c.name) = $4 GROUP BY o.kind ORDER BY 1 LIMIT $5",
        )
        .unwrap();
        assert_eq!(outputs, [Drawn::One(1), Drawn::One(2), Drawn::One(4)]);
        assert_eq!(
            sql,
            "SELECT c.city::pg_catalog.text, o.status::pg_catalog.text, lower(c.name)::pg_catalog.text \
             FROM orders o JOIN customers c ON c.id = o.customer_id WHERE o.at > $3 \
             AND c.city IS NOT NULL AND o.status IS NOT NULL AND lower(c.name) IS NOT NULL"
        );
    }

    #[test]
    fn lists_give_elements() {
        let outputs = |sql| of(sql).map(|(_, outputs)| outputs);
        assert_eq!(outputs("SELECT 1 FROM t WHERE a = ANY ($1)"), Some(vec![Drawn::Element(1)]));
        assert_eq!(
            outputs("SELECT 1 FROM t WHERE a IN ($1, $2) AND b = $3"),
            Some(vec![Drawn::OneOf(vec![1, 2]), Drawn::One(3)])
        );
    }

    #[test]
    fn a_parameter_that_is_compared_twice_ties_both_and_one_that_stands_elsewhere_keeps_its_value()
    {
        let (sql, outputs) =
            of("SELECT 1 FROM t JOIN u USING (id) WHERE t.tenant = $1 AND u.tenant = $1").unwrap();
        assert_eq!(outputs, [Drawn::One(1)]);
        assert!(sql.contains("t.tenant = u.tenant"), "{sql}");
        let (sql, outputs) = of("SELECT 1 FROM t WHERE a = $1 AND b = $2 AND c > $2").unwrap();
        assert_eq!(outputs, [Drawn::One(1)]);
        assert!(sql.contains("c > $2") && sql.contains("b = $2"), "{sql}");
    }

    #[test]
    fn what_is_not_compared_by_equality_of_rows_is_left_alone() {
        for sql in [
            "SELECT 1 FROM t WHERE a = $1 OR b = $2",
            "SELECT 1 FROM t WHERE a > $1",
            "SELECT 1 FROM t LEFT JOIN u ON u.a = $1",
            "SELECT 1 FROM t WHERE (SELECT 1) = $1",
            "SELECT 1 FROM t WHERE a + $1 = $2",
            "SELECT $1",
            "SELECT 1 FROM t WHERE a = $1 UNION SELECT 1 FROM t WHERE a = $2",
            "SELECT 1 FROM t WHERE a = 1",
        ] {
            assert_eq!(of(sql), None, "{sql}");
        }
    }
}
