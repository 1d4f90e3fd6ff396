//! Operator classes of the tuned database.

use optischema::model::{ClassOperator, OperatorClass};
use sqlx::Row;
use sqlx::postgres::PgConnection;

use super::{PgFailure, query};

/// Each class beside its operators, one row each. Those whose left side is another type than the class takes serve the
/// class of that type.
const CLASSES: &str = "
    SELECT /* optischema */ am.amname::pg_catalog.text AS method, cn.nspname::pg_catalog.text AS class_schema, c.opcname::pg_catalog.text AS class_name,
           c.opcdefault AS is_default, (SELECT e.extname::pg_catalog.text FROM pg_catalog.pg_depend d
               JOIN pg_catalog.pg_extension e ON e.oid = d.refobjid WHERE d.classid = 'pg_catalog.pg_opclass'::pg_catalog.regclass
               AND d.objid = c.oid AND d.deptype = 'e' AND d.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass) AS extension, pg_catalog.format_type(c.opcintype, NULL::pg_catalog.int4) AS input,
           o.oprname::pg_catalog.text AS name, n.nspname::pg_catalog.text AS schema,
           pg_catalog.format_type(a.amoprighttype, NULL::pg_catalog.int4) AS right_type, a.amoppurpose = 'o' AS orders,
           (SELECT x.oprname::pg_catalog.text FROM pg_catalog.pg_operator x WHERE x.oid = o.oprcom) AS commutator
    FROM pg_catalog.pg_opclass c JOIN pg_catalog.pg_am am ON am.oid = c.opcmethod
    JOIN pg_catalog.pg_namespace cn ON cn.oid = c.opcnamespace
    JOIN pg_catalog.pg_amop a ON a.amopfamily = c.opcfamily AND a.amoplefttype = c.opcintype
    JOIN pg_catalog.pg_operator o ON o.oid = a.amopopr JOIN pg_catalog.pg_namespace n ON n.oid = o.oprnamespace
    ORDER BY c.oid, a.amopstrategy, a.amoprighttype";

/// Reads every operator class with what it can search and order by.
///
/// # Errors
/// The catalogs cannot be read.
pub(super) async fn read_operator_classes(
    connection: &mut PgConnection,
) -> Result<Vec<OperatorClass>, PgFailure> {
    let mut classes: Vec<OperatorClass> = Vec::new();
    for row in query(CLASSES).fetch_all(connection).await? {
        let class = OperatorClass {
            method: row.try_get::<String, _>("method")?.into(),
            schema: row.try_get("class_schema")?,
            name: row.try_get("class_name")?,
            is_default: row.try_get("is_default")?,
            input: row.try_get("input")?,
            extension: row.try_get("extension")?,
            operators: Vec::new(),
        };
        let operator = ClassOperator {
            name: row.try_get("name")?,
            schema: row.try_get("schema")?,
            right: row.try_get("right_type")?,
            orders: row.try_get("orders")?,
            commutator: row.try_get("commutator")?,
        };
        let is_same = |known: &OperatorClass| {
            (&known.method, &known.schema, &known.name, &known.input)
                == (&class.method, &class.schema, &class.name, &class.input)
        };
        match classes.last_mut().filter(|known| is_same(known)) {
            Some(known) => known.operators.push(operator),
            None => classes.push(OperatorClass { operators: vec![operator], ..class }),
        }
    }
    Ok(classes)
}
