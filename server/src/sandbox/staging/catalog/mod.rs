//! The definitions of a database from its catalogs, in the form of `pg_dump`: for machines without a fitting one, and for
//! databases with more tables than it can lock. Names are qualified, since the session's path is PostgreSQL's own.

mod relations;
mod rules;
mod types;

use optischema::model::TableName;
use sqlx::Row;
use sqlx::postgres::PgConnection;

use crate::postgres::{PgFailure, query};
use crate::sql::{DumpKind, DumpStatement};

/// A query that gives one definition a row: `schema`, `name`, `of_schema`, `of_name`, `sql`. Its objects come in the order
/// in which they were made.
struct Definitions {
    kind: DumpKind,
    text: String,
}

/// Which catalogs a server has.
#[derive(Debug, Clone, Copy)]
struct Version(i32);

impl Version {
    const fn is_at_least(self, major: i32) -> bool {
        self.0 >= major * 10_000
    }

    /// A part of a query for servers from a version on, and another for older ones.
    fn since(self, major: i32, newer: &'static str, older: &'static str) -> &'static str {
        if self.is_at_least(major) { newer } else { older }
    }
}

/// Stands in a query for the numbers of objects that are left out.
const OUT_OF_REACH: &str = "<out of reach>";

/// The condition that an object is neither PostgreSQL's own nor an extension's nor OptiSchema's.
fn is_own(alias: &str, class: &str) -> String {
    format!(
        "{alias}.oid >= '16384' AND n.nspname <> 'optischema' AND NOT pg_catalog.starts_with(n.nspname::pg_catalog.text, 'pg_')
         AND {alias}.oid <> ALL ('{{{OUT_OF_REACH}}}'::pg_catalog.oid[])
         AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend e WHERE e.classid = 'pg_catalog.{class}'::pg_catalog.regclass AND e.objid = {alias}.oid AND e.deptype = 'e')"
    )
}

/// Reads every definition. Objects for which a whole grammar of their own would be needed (operators, aggregates, text
/// search) come without a text.
///
/// # Errors
/// Main is lost, or changes while it is read.
pub(super) async fn read_definitions(
    main: &mut PgConnection,
    version_number: i32,
    out_of_reach: &[i64],
) -> Result<Vec<DumpStatement>, PgFailure> {
    let version = Version(version_number);
    let mut queries = types::queries(version);
    queries.extend(relations::queries(version));
    queries.extend(rules::queries(version));
    let numbers: Vec<String> = out_of_reach.iter().map(ToString::to_string).collect();
    for setting in ["SET LOCAL datestyle = 'ISO, YMD'", "SET LOCAL intervalstyle = 'postgres'"] {
        query(setting).execute(&mut *main).await?;
    }
    let mut found = Vec::new();
    for Definitions { kind, text } in queries {
        let text = format!("SELECT /* optischema */ d.schema::pg_catalog.text AS schema, d.name::pg_catalog.text AS name, d.of_schema::pg_catalog.text AS of_schema, d.of_name::pg_catalog.text AS of_name, d.sql::pg_catalog.text AS sql FROM ({text}) d")
            .replace(OUT_OF_REACH, &numbers.join(","));
        for row in query(sqlx::AssertSqlSafe(text)).fetch_all(&mut *main).await? {
            let of_schema: Option<String> = row.try_get("of_schema")?;
            let of_name: Option<String> = row.try_get("of_name")?;
            // A definition of something that was dropped since the snapshot is NULL.
            let Some(sql) = row.try_get::<Option<String>, _>("sql")? else { continue };
            found.push(DumpStatement {
                kind,
                sql: sql.trim_end_matches(';').to_owned(),
                object: TableName::new(
                    row.try_get::<Option<String>, _>("schema")?.unwrap_or_default(),
                    row.try_get::<String, _>("name")?,
                ),
                relation: of_schema.zip(of_name).map(|(schema, name)| TableName::new(schema, name)),
            });
        }
    }
    Ok(found)
}
