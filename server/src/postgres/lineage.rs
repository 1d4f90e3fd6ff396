//! Reading what lies behind views, and which tables are parts of others.

use std::collections::{BTreeMap, BTreeSet};

use optischema::model::TableName;
use optischema::plan::Lineage;
use sqlx::Row;
use sqlx::postgres::{PgConnection, PgRow};

use super::locked::Locked;
use super::{PgFailure, query};

const VIEWS: &str = "
    SELECT /* optischema */ n.nspname::pg_catalog.text AS schema, c.relname::pg_catalog.text AS name,
           c.relkind = 'm' AS is_materialized,
           COALESCE((SELECT o.option_value::pg_catalog.bool FROM pg_catalog.pg_options_to_table(c.reloptions) o
                     WHERE o.option_name = 'security_invoker'), false) AS is_of_invoker, 
           CASE WHEN pg_catalog.pg_column_size(w.ev_action) <= 65536 THEN pg_catalog.pg_get_viewdef(c.oid) END AS text
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    JOIN pg_catalog.pg_rewrite w ON w.ev_class = c.oid AND w.ev_type = '1'
    WHERE c.relkind IN ('v', 'm') AND NOT c.oid::pg_catalog.int8 = ANY ($1)
      AND NOT EXISTS (SELECT 1 FROM pg_catalog.pg_depend k WHERE k.classid = 'pg_rewrite'::pg_catalog.regclass AND k.objid = w.oid
                      AND k.refclassid = 'pg_class'::pg_catalog.regclass AND k.refobjid::pg_catalog.int8 = ANY ($1)) AND n.nspname NOT IN ('pg_catalog', 'information_schema')
      AND NOT EXISTS (SELECT 1 FROM pg_catalog.pg_depend d WHERE d.classid = 'pg_class'::pg_catalog.regclass
                      AND d.objid = c.oid AND d.deptype = 'e')";

const PARENTS: &str = "
    SELECT /* optischema */ cn.nspname::pg_catalog.text AS child_schema, c.relname::pg_catalog.text AS child,
           pn.nspname::pg_catalog.text AS parent_schema, p.relname::pg_catalog.text AS parent
    FROM pg_catalog.pg_inherits i JOIN pg_catalog.pg_class c ON c.oid = i.inhrelid JOIN pg_catalog.pg_namespace cn ON cn.oid = c.relnamespace
    JOIN pg_catalog.pg_class p ON p.oid = i.inhparent JOIN pg_catalog.pg_namespace pn ON pn.oid = p.relnamespace
    WHERE c.relkind IN ('r', 'p', 'f')";

/// What each view reads, directly.
const VIEW_READS: &str = "
    SELECT DISTINCT /* optischema */ vn.nspname::pg_catalog.text AS view_schema, v.relname::pg_catalog.text AS view,
           tn.nspname::pg_catalog.text AS read_schema, t.relname::pg_catalog.text AS read
    FROM pg_catalog.pg_rewrite r JOIN pg_catalog.pg_class v ON v.oid = r.ev_class AND v.relkind = 'v'
    JOIN pg_catalog.pg_namespace vn ON vn.oid = v.relnamespace
    JOIN pg_catalog.pg_depend d ON d.classid = 'pg_rewrite'::pg_catalog.regclass AND d.objid = r.oid
        AND d.refclassid = 'pg_class'::pg_catalog.regclass AND d.refobjid <> v.oid
    JOIN pg_catalog.pg_class t ON t.oid = d.refobjid JOIN pg_catalog.pg_namespace tn ON tn.oid = t.relnamespace
    WHERE vn.nspname NOT IN ('pg_catalog', 'information_schema')";

/// The queries behind views.
#[derive(Debug, Default)]
pub(super) struct Views {
    pub plain: BTreeMap<TableName, String>,
    pub materialized: BTreeMap<TableName, String>,
    /// Those of the plain ones that read as the role that asks them.
    pub of_invoker: BTreeSet<TableName>,
}

/// Reads the query behind each view, but for those that are so large that writing them out would take main's memory, and
/// those that would wait for another session. The path of our own queries is PostgreSQL's own schema: every other name is
/// in full.
pub(super) async fn read_views(
    connection: &mut PgConnection,
    locked: &Locked,
) -> Result<Views, PgFailure> {
    let mut views = Views::default();
    for row in query(VIEWS).bind(&locked.oids).fetch_all(connection).await? {
        let (schema, name): (String, String) = (row.try_get("schema")?, row.try_get("name")?);
        // A view that is dropped meanwhile has no text.
        let Some(text) = row.try_get::<Option<String>, _>("text")? else { continue };
        let name = TableName::new(schema, name);
        if row.try_get("is_materialized")? {
            views.materialized.insert(name, text);
            continue;
        }
        if row.try_get("is_of_invoker")? {
            views.of_invoker.insert(name.clone());
        }
        views.plain.insert(name, text);
    }
    Ok(views)
}

/// Reads which tables are parts of others, and which tables lie behind each view.
pub async fn read_lineage(connection: &mut PgConnection) -> Result<Lineage, PgFailure> {
    let name = |row: &PgRow, schema: &str, name: &str| -> Result<TableName, PgFailure> {
        Ok(TableName::new(row.try_get::<String, _>(schema)?, row.try_get::<String, _>(name)?))
    };
    let mut lineage = Lineage::default();
    for row in query(PARENTS).fetch_all(&mut *connection).await? {
        let child = name(&row, "child_schema", "child")?;
        lineage.parents.insert(child, name(&row, "parent_schema", "parent")?);
    }
    for row in query(VIEW_READS).fetch_all(&mut *connection).await? {
        let view = name(&row, "view_schema", "view")?;
        lineage.views.entry(view).or_default().insert(name(&row, "read_schema", "read")?);
    }
    // A view of a view reads what that one reads.
    for _ in 0..lineage.views.len() {
        let known = lineage.views.clone();
        let mut grown = false;
        for read in lineage.views.values_mut() {
            let deeper: Vec<TableName> =
                read.iter().filter_map(|table| known.get(table)).flatten().cloned().collect();
            let before = read.len();
            read.extend(deeper);
            grown |= read.len() > before;
        }
        if !grown {
            break;
        }
    }
    Ok(lineage)
}
