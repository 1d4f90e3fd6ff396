//! Own functions that are nothing but an expression of PostgreSQL's own: planning may run them, or put their body in their
//! place, and the body is judged as if the statement held it.

use std::collections::{BTreeMap, BTreeSet};

use sqlx::Row;
use sqlx::postgres::PgConnection;

use super::Suspects;
use crate::postgres::{PgFailure, query};
use crate::sql::{self, Name};

/// Bytes of a body that is read: each call may put it in place.
const LONGEST: i32 = 1000;
/// Times that a body may name its arguments.
const MOST_ARGUMENTS: usize = 8;

/// Values of it that together must not be large.
const OFTEN: usize = 4;

/// Parameters of a function, at most, in PostgreSQL.
const MOST_PARAMETERS: usize = 100;

/// Functions in SQL that are stable or immutable, give one value, and have no defaults. What runs with another path, or with
/// other rights, is left out where it could not be judged; so is one whose arguments may be of a type of the database's
/// own, with operators and casts of its own.
const BODIES: &str = "
    SELECT /* optischema */ p.oid::pg_catalog.int8 AS oid, p.proname::pg_catalog.text AS name, p.prosrc AS body,
           (SELECT r.typlen > 0 FROM pg_catalog.pg_type r WHERE r.oid = p.prorettype) AS is_of_fixed_length,
           EXISTS (SELECT FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_extension e ON e.oid = d.refobjid
                   WHERE d.classid = 'pg_proc'::pg_catalog.regclass AND d.objid = p.oid AND d.deptype = 'e'
                     AND d.refclassid = 'pg_extension'::pg_catalog.regclass AND e.extname = ANY ($2)) AS is_member
    FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_language l ON l.oid = p.prolang
    WHERE p.oid::pg_catalog.int8 >= 16384 AND l.lanname = 'sql' AND p.prokind = 'f' AND p.provolatile IN ('i', 's')
      AND NOT p.proretset AND NOT p.prosecdef AND p.pronargdefaults = 0 AND p.provariadic = '0'
      AND pg_catalog.octet_length(p.prosrc) <= $1
      AND NOT EXISTS (SELECT FROM pg_catalog.unnest(p.proargtypes::pg_catalog.oid[] OPERATOR(pg_catalog.||) p.prorettype) a (type)
                      JOIN pg_catalog.pg_type t ON t.oid = a.type
                      WHERE t.typtype = 'p' OR (t.oid::pg_catalog.int8 >= 16384
                        AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_extension e ON e.oid = d.refobjid
                                        WHERE d.classid = 'pg_type'::pg_catalog.regclass AND d.objid = t.oid AND d.deptype = 'e'
                                          AND d.refclassid = 'pg_extension'::pg_catalog.regclass AND e.extname = ANY ($2))))
      AND NOT EXISTS (SELECT FROM pg_catalog.unnest(p.proconfig) c (setting)
                      WHERE pg_catalog.split_part(c.setting, '=', 1) <> 'search_path')";

/// Bodies that the catalogs keep as trees, from PostgreSQL 14 on.
const PARSED_BODY: &str = "
    SELECT /* optischema */ CASE WHEN pg_catalog.pg_column_size(p.prosqlbody) <= 65536
           THEN pg_catalog.pg_get_function_sqlbody(p.oid) END AS body,
           ARRAY(SELECT DISTINCT m.found[1]::pg_catalog.int8
                 FROM pg_catalog.regexp_matches(CASE WHEN pg_catalog.pg_column_size(p.prosqlbody) <= 65536 THEN p.prosqlbody::pg_catalog.text END,
                                                ':(?:funcid|opfuncid) ([0-9]+)', 'g') m (found)) AS functions
    FROM pg_catalog.pg_proc p WHERE p.oid = $1::pg_catalog.int8::pg_catalog.oid";

/// What was found.
#[derive(Debug, Default)]
pub(super) struct Harmless {
    pub functions: BTreeSet<i64>,
    /// Names of those whose value is hardly longer than their arguments.
    pub short: BTreeSet<String>,
    /// How often each names the same argument, by its name: PostgreSQL puts a cheap one in every place.
    pub copies: BTreeMap<String, usize>,
}

/// A body that was judged to be nothing but an expression of PostgreSQL's own.
#[derive(Debug, Clone, Copy)]
struct Judged {
    is_short: bool,
    copies: usize,
}

/// Judges each by `suspects`, which must look everywhere for what a name means: a function may have a path of its own.
pub(super) async fn read(
    connection: &mut PgConnection,
    suspects: &Suspects,
    extensions: &[&str],
    is_suspect: &(dyn Fn(i64) -> bool + Sync),
) -> Result<Harmless, PgFailure> {
    let mut found = Harmless::default();
    let mut long = BTreeSet::new();
    for row in query(BODIES).bind(LONGEST).bind(extensions).fetch_all(&mut *connection).await? {
        let (oid, name): (i64, String) = (row.try_get("oid")?, row.try_get("name")?);
        let mut body: String = row.try_get("body")?;
        // Without a text it is kept as a tree, and written as RETURN and an expression.
        let mut kept = Kept::AsText;
        if body.is_empty() {
            kept = Kept::AsTree;
            let row = query(PARSED_BODY).bind(oid).fetch_optional(&mut *connection).await?;
            // What stands behind a cast or CASE is not in the text.
            let called: Vec<i64> =
                row.as_ref().map(|row| row.try_get("functions")).transpose()?.unwrap_or_default();
            if called.into_iter().any(is_suspect) {
                continue;
            }
            let written = row.map(|row| row.try_get::<Option<String>, _>("body")).transpose()?;
            body = written
                .flatten()
                .filter(|text| i32::try_from(text.len()).is_ok_and(|length| length <= LONGEST))
                .and_then(|text| Some(format!("SELECT {}", text.strip_prefix("RETURN ")?)))
                .unwrap_or_default();
        }
        // An own function under the name of a built-in one would be reckoned as that.
        let is_member: bool = row.try_get("is_member")?;
        let judged = judged(suspects, &body, kept, row.try_get("is_of_fixed_length")?)
            .filter(|_| is_member || !sql::has_known_growth(&name));
        if let Some(judged) = judged {
            found.functions.insert(oid);
            // Those of known extensions cost more than PostgreSQL puts in twice.
            let copies = if is_member { 1 } else { judged.copies };
            let most = found.copies.entry(name.clone()).or_default();
            *most = copies.max(*most);
        }
        if judged.is_some_and(|judged| judged.is_short) {
            found.short.insert(name);
        } else {
            long.insert(name);
        }
    }
    // A name may mean another function, of which less is known.
    found.short.retain(|name| !long.contains(name) && !sql::has_known_growth(name));
    Ok(found)
}

/// How the catalogs keep a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kept {
    AsText,
    /// What a name means was settled when it was made. It is written with the path of our own queries: a function or
    /// operator without a schema is PostgreSQL's own. Arguments go by their names.
    AsTree,
}

/// Whether a body that is one expression of PostgreSQL's own gives values hardly longer than its arguments; absent where it
/// is more than that.
fn judged(suspects: &Suspects, body: &str, kept: Kept, is_of_fixed_length: bool) -> Option<Judged> {
    if !suspects.cuts_names_alike {
        return None;
    }
    // Arguments may go by their names.
    let mut statement = sql::parse_one(body).ok()?;
    statement = sql::with_variables(&statement, &|_, _| None).ok()?.unwrap_or(statement);
    let expression = sql::lone_expression(&statement)?;
    sql::check_select(&statement).ok()?;
    if expression.arguments > MOST_ARGUMENTS {
        return None;
    }
    let mut calls = sql::calls(&statement).ok()?;
    if kept == Kept::AsTree {
        calls.functions = in_pg_catalog(calls.functions);
        calls.operators = in_pg_catalog(calls.operators);
    }
    if !calls.relations.is_empty() || suspects.objection(&calls, &[]).is_some() {
        return None;
    }
    let around = sql::Surroundings {
        views: &BTreeMap::new(),
        parts: &|_| 0,
        is_partitionwise: false,
        is_trusted: &|_| false,
    };
    // What it is given is reckoned with where it is called.
    let given = vec!["'0123456789abcdef'".to_owned(); MOST_PARAMETERS];
    let of_short = sql::parse_one(&sql::bind_parameters(&statement, &given).ok()?).ok()?;
    sql::check_planning_size(&of_short, around).ok()?;
    // Where it is called its value counts as hardly longer than its arguments, however often.
    let often = if is_of_fixed_length { 1 } else { OFTEN };
    let value = of_short.sql.trim().get("SELECT".len()..)?;
    let often = vec![format!("({value})"); often].join(" || ");
    let often = sql::parse_one(&format!("SELECT {often}")).ok()?;
    sql::check_planning_size(&often, around).ok()?;
    let is_short = calls.functions.iter().all(|name| sql::is_short(&name.name));
    Some(Judged { is_short, copies: expression.repeated })
}

fn in_pg_catalog(names: BTreeSet<Name>) -> BTreeSet<Name> {
    let placed = |name: Name| match name.schema.as_str() {
        "" => Name { schema: "pg_catalog".to_owned(), ..name },
        _ => name,
    };
    names.into_iter().map(placed).collect()
}
