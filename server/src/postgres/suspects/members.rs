//! Functions that the scripts of known extensions make, by version.
//!
//! Membership alone proves nothing: `ALTER EXTENSION … ADD FUNCTION` makes any function a member. A member is trusted
//! where it is one that this version's script makes, in C from the library that the extension names, unchanged, and
//! a superuser's. `members.tsv` was read from servers of PostgreSQL 13 to 18 by `scripts/extension-members`.

use std::collections::{BTreeSet, HashMap};
use std::sync::LazyLock;

use sqlx::Row;
use sqlx::postgres::{PgConnection, PgRow};

use crate::postgres::{PgFailure, query};

/// Extension, signature, language, library, symbol, versions; separated by tabs.
const LISTED: &str = include_str!("members.tsv");

/// What one line says.
#[derive(Debug)]
struct Listed {
    language: &'static str,
    library: &'static str,
    /// Of a function in `internal`, the one of PostgreSQL's own that it is another name of.
    symbol: &'static str,
    versions: Vec<&'static str>,
}

#[derive(Debug, Default)]
struct Extension {
    versions: BTreeSet<&'static str>,
    by_signature: HashMap<&'static str, Vec<Listed>>,
}

static MEMBERS: LazyLock<HashMap<&'static str, Extension>> = LazyLock::new(|| {
    let mut extensions: HashMap<&str, Extension> = HashMap::new();
    for line in LISTED.lines() {
        let mut columns = line.split('\t');
        let mut next = || columns.next().unwrap_or_default();
        let extension = extensions.entry(next()).or_default();
        let (signature, language, library, symbol) = (next(), next(), next(), next());
        let versions: Vec<&str> = next().split(',').collect();
        extension.versions.extend(&versions);
        let listed = Listed { language, library, symbol, versions };
        extension.by_signature.entry(signature).or_default().push(listed);
    }
    extensions
});

/// A member as the catalogs have it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Member<'a> {
    extension: &'a str,
    version: &'a str,
    signature: &'a str,
    language: &'a str,
    library: &'a str,
    symbol: &'a str,
}

/// Whether the extension's script makes this function. Of a version that is not listed, those functions are known that
/// another version has alike.
fn is_scripts_own(member: &Member<'_>) -> bool {
    let Some(extension) = MEMBERS.get(member.extension) else { return false };
    let listed = extension.by_signature.get(member.signature).into_iter().flatten();
    let is_listed_version = extension.versions.contains(member.version);
    listed.into_iter().any(|listed| {
        listed.language == member.language
            && listed.library == member.library
            && listed.symbol == member.symbol
            && (!is_listed_version || listed.versions.contains(&member.version))
    })
}

/// Members of extensions that are a superuser's, in C or internal. An owner who is none could have changed them.
const NATIVE_MEMBERS: &str = "
    SELECT /* optischema */ p.oid::pg_catalog.int8 AS oid, e.extname::pg_catalog.text AS extension,
           e.extversion AS version, l.lanname::pg_catalog.text AS language,
           pg_catalog.concat(p.proname, '(', (SELECT pg_catalog.string_agg(t.typname::pg_catalog.text, ',' ORDER BY u.n)
               FROM pg_catalog.unnest(p.proargtypes::pg_catalog.oid[]) WITH ORDINALITY u (type, n)
               JOIN pg_catalog.pg_type t ON t.oid = u.type), ')') AS signature,
           COALESCE(p.probin, '') AS library, p.prosrc AS symbol
    FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_extension e ON e.oid = d.refobjid
    JOIN pg_catalog.pg_proc p ON p.oid = d.objid JOIN pg_catalog.pg_language l ON l.oid = p.prolang
    JOIN pg_catalog.pg_roles o ON o.oid = p.proowner
    WHERE d.classid = '1255' AND d.refclassid = '3079' AND d.deptype = 'e' AND o.rolsuper
      AND l.lanname IN ('c', 'internal') AND e.extname = ANY ($1)
      AND NOT EXISTS (SELECT FROM pg_catalog.regexp_matches(p.proargdefaults::pg_catalog.text, ':(?:funcid|opfuncid) ([0-9]+)', 'g') m (found)
                      WHERE m.found[1]::pg_catalog.int8 >= 16384)";

fn is_trusted_row(row: &PgRow) -> Result<bool, PgFailure> {
    Ok(is_scripts_own(&Member {
        extension: row.try_get("extension")?,
        version: row.try_get("version")?,
        signature: row.try_get("signature")?,
        language: row.try_get("language")?,
        library: row.try_get("library")?,
        symbol: row.try_get("symbol")?,
    }))
}

/// OIDs of the trusted functions of these extensions.
///
/// # Errors
/// The connection is lost.
pub(super) async fn trusted_members(
    connection: &mut PgConnection,
    extensions: &[&str],
) -> Result<BTreeSet<i64>, PgFailure> {
    let mut trusted = BTreeSet::new();
    for row in query(NATIVE_MEMBERS).bind(extensions).fetch_all(connection).await? {
        if is_trusted_row(&row)? {
            trusted.insert(row.try_get("oid")?);
        }
    }
    Ok(trusted)
}

/// Checks that an extension's own functions are what its script makes, before they are called. Absent where the
/// extension is not installed.
///
/// # Errors
/// One of the signatures is none of the extension's, or was changed; or the connection is lost.
pub(in crate::postgres) async fn schema_of_trusted(
    connection: &mut PgConnection,
    extension: &'static str,
    signatures: &[&str],
) -> Result<Option<String>, PgFailure> {
    let row = query(
        "SELECT /* optischema */ pg_catalog.quote_ident(n.nspname) AS schema FROM pg_catalog.pg_extension e
         JOIN pg_catalog.pg_namespace n ON n.oid = e.extnamespace WHERE e.extname = $1",
    )
    .bind(extension)
    .fetch_optional(&mut *connection)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let schema: String = row.try_get("schema")?;
    let mut known: BTreeSet<String> = BTreeSet::new();
    for row in query(NATIVE_MEMBERS).bind([extension]).fetch_all(connection).await? {
        if is_trusted_row(&row)? {
            known.insert(row.try_get("signature")?);
        }
    }
    match signatures.iter().find(|signature| !known.contains(**signature)) {
        None => Ok(Some(schema)),
        Some(signature) => Err(PgFailure::Unexpected(format!(
            "the function {signature} of the extension {extension} is not the one that the extension's script makes, so it is not called"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRUE: Member<'static> = Member {
        extension: "pg_trgm",
        version: "1.6",
        signature: "similarity(text,text)",
        language: "c",
        library: "$libdir/pg_trgm",
        symbol: "similarity",
    };

    #[test]
    fn a_member_is_known_by_everything_that_makes_it() {
        assert!(is_scripts_own(&TRUE));
        assert!(is_scripts_own(&Member { version: "9.9", ..TRUE }), "a version of tomorrow");
        for changed in [
            Member { extension: "nobody", ..TRUE },
            Member { signature: "similarity(int4,int4)", ..TRUE },
            Member { signature: "evil(text)", ..TRUE },
            Member { language: "plpgsql", ..TRUE },
            Member { library: "$libdir/dblink", ..TRUE },
            Member { symbol: "gtrgm_in", ..TRUE },
        ] {
            assert!(!is_scripts_own(&changed), "{changed:?}");
        }
        let internal = Member {
            extension: "citext",
            version: "1.6",
            signature: "citext(bool)",
            language: "internal",
            library: "",
            symbol: "booltext",
        };
        assert!(is_scripts_own(&internal));
        assert!(!is_scripts_own(&Member { symbol: "boolout", ..internal }));
        // It came with 1.5 and must not be there before.
        let later = Member {
            signature: "strict_word_similarity(text,text)",
            symbol: "strict_word_similarity",
            ..TRUE
        };
        assert!(is_scripts_own(&later));
        assert!(!is_scripts_own(&Member { version: "1.3", ..later }));
    }

    #[test]
    fn every_line_is_whole() {
        for line in LISTED.lines() {
            let columns: Vec<&str> = line.split('\t').collect();
            assert_eq!(columns.len(), 6, "{line}");
            assert!(matches!(columns[2], "c" | "internal"), "{line}");
            assert!(columns[2] == "internal" || columns[3].starts_with("$libdir/"), "{line}");
            assert!(!columns[4].is_empty(), "{line}");
        }
    }
}
