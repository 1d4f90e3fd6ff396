//! Extensions that the tables of a database need.

use std::collections::BTreeSet;

use sqlx::Row;
use sqlx::postgres::PgConnection;

use super::{PgFailure, query};

/// Extensions with a type, function, operator class or the like that a table, an index, a view, a default or a constraint
/// outside every extension uses.
const USED: &str = "
    SELECT /* optischema */ DISTINCT e.extname::pg_catalog.text AS name
    FROM pg_catalog.pg_extension e
    JOIN pg_catalog.pg_depend m ON m.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass AND m.refobjid = e.oid
        AND m.deptype = 'e'
    JOIN pg_catalog.pg_depend u ON u.refclassid = m.classid AND u.refobjid = m.objid AND u.deptype IN ('n', 'a')
    LEFT JOIN pg_catalog.pg_attrdef a ON u.classid = 'pg_catalog.pg_attrdef'::pg_catalog.regclass AND a.oid = u.objid
    LEFT JOIN pg_catalog.pg_constraint c ON u.classid = 'pg_catalog.pg_constraint'::pg_catalog.regclass AND c.oid = u.objid
    LEFT JOIN pg_catalog.pg_rewrite r ON u.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass AND r.oid = u.objid
    JOIN pg_catalog.pg_class t
        ON t.oid = CASE WHEN u.classid = 'pg_catalog.pg_class'::pg_catalog.regclass THEN u.objid
                        ELSE COALESCE(a.adrelid, c.conrelid, r.ev_class) END
    WHERE NOT EXISTS (SELECT 1 FROM pg_catalog.pg_depend x
                      WHERE x.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND x.objid = t.oid AND x.deptype = 'e')
    ORDER BY name";

/// The names of extensions that something in the database uses.
///
/// # Errors
/// The catalogs cannot be read.
pub async fn used_extensions(connection: &mut PgConnection) -> Result<Vec<String>, PgFailure> {
    let rows = query(USED).fetch_all(connection).await?;
    rows.iter().map(|row| Ok(row.try_get("name")?)).collect()
}

/// Of these extensions, those that a database lacks: the ones that its server can make, and the ones that are not
/// installed on its machine.
///
/// # Errors
/// The catalogs cannot be read.
pub async fn lacking_extensions(
    connection: &mut PgConnection,
    wanted: &[String],
) -> Result<(Vec<String>, Vec<String>), PgFailure> {
    let rows = query(
        "SELECT a.name::pg_catalog.text AS name, a.installed_version IS NOT NULL AS is_there
         FROM pg_catalog.pg_available_extensions a WHERE a.name::pg_catalog.text = ANY ($1)",
    )
    .bind(wanted)
    .fetch_all(connection)
    .await?;
    let (mut there, mut available) = (BTreeSet::new(), BTreeSet::new());
    for row in rows {
        let name: String = row.try_get("name")?;
        match row.try_get("is_there")? {
            true => there.insert(name),
            false => available.insert(name),
        };
    }
    let lacking = wanted.iter().filter(|name| !there.contains(*name)).cloned();
    Ok(lacking.partition(|name| available.contains(name)))
}
