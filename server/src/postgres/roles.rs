//! Roles, and the search path that each of them has in the connected database.

use std::collections::BTreeMap;

use sqlx::Row;
use sqlx::postgres::PgConnection;

use super::PgFailure;
use super::query;

/// One role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RolePath {
    pub role: String,
    /// Schemas, in order.
    pub search_path: Vec<String>,
}

/// PostgreSQL's own default.
const DEFAULT: &str = "\"$user\", public";

/// Every role by its OID. A setting for the role in this database wins over one for the role, and that over
/// one for the database.
pub async fn role_paths(
    connection: &mut PgConnection,
) -> Result<BTreeMap<i64, RolePath>, PgFailure> {
    let rows = query(
        "SELECT /* optischema */ r.oid::pg_catalog.int8 AS oid, r.rolname::pg_catalog.text AS role,
                (SELECT pg_catalog.substr(entry, pg_catalog.length('search_path=') OPERATOR(pg_catalog.+) 1)
                 FROM pg_catalog.pg_db_role_setting s, pg_catalog.unnest(s.setconfig) entry
                 WHERE s.setrole IN (0, r.oid) AND entry LIKE 'search\\_path=%'
                   AND s.setdatabase IN (0, (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database()))
                 ORDER BY s.setrole <> 0 DESC, s.setdatabase <> 0 DESC LIMIT 1) AS path,
                EXISTS (SELECT 1 FROM pg_catalog.pg_namespace n WHERE n.nspname = r.rolname) AS has_schema
         FROM pg_catalog.pg_roles r",
    )
    .fetch_all(connection)
    .await?;
    rows.iter()
        .map(|row| {
            let role: String = row.try_get("role")?;
            let path: Option<String> = row.try_get("path")?;
            let has_schema: bool = row.try_get("has_schema")?;
            let search_path = split_path(path.as_deref().unwrap_or(DEFAULT))
                .into_iter()
                .filter_map(|schema| match schema.as_str() {
                    "$user" => has_schema.then(|| role.clone()),
                    _ => Some(schema),
                })
                .collect();
            Ok((row.try_get("oid")?, RolePath { role, search_path }))
        })
        .collect()
}

/// The names of a search path: `"$user", public`.
#[must_use]
pub fn split_path(path: &str) -> Vec<String> {
    let (mut names, mut name, mut quoted) = (Vec::new(), String::new(), false);
    let mut letters = path.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '"' if quoted && letters.peek() == Some(&'"') => {
                name.push('"');
                letters.next();
            }
            '"' => quoted = !quoted,
            ',' if !quoted => names.push(std::mem::take(&mut name)),
            letter if letter.is_whitespace() && !quoted => {}
            // As PostgreSQL does with a name that nobody quoted.
            letter if !quoted => name.push(letter.to_ascii_lowercase()),
            letter => name.push(letter),
        }
    }
    names.push(name);
    names.retain(|name| !name.is_empty());
    names.iter().map(|name| crate::sql::cut_name(name).to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::split_path;

    #[test]
    fn a_path_is_split_at_commas_outside_quotes() {
        assert_eq!(split_path("\"$user\", public"), ["$user", "public"]);
        assert_eq!(split_path("a,\"B, \"\"c\"\"\" , d"), ["a", "B, \"c\"", "d"]);
        assert_eq!(split_path(""), Vec::<String>::new());
    }
}
