//! What the role on main could do besides reading: by itself, or as any role that it is a member of.

use std::collections::BTreeMap;

use sqlx::Row;
use sqlx::postgres::{PgConnection, PgRow};

use super::{PgFailure, query};

/// Something that the role could do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Power {
    /// Follows "The role": `may write public.orders`.
    pub what: String,
    /// The statement that takes it away.
    pub remedy: String,
    /// Whether it changes data or settings of main; else objects of its own could be made, or others' code called.
    pub is_severe: bool,
}

/// Rights on parameters came with PostgreSQL 15.
const FIRST_WITH_PARAMETER_RIGHTS: i32 = 150_000;
/// Each kind is listed so many times.
const MOST_OF_A_KIND: i64 = 20;

/// What a membership gives is said at each one from PostgreSQL 16 on; before, all of them give everything.
const FIRST_WITH_MEMBERSHIP_OPTIONS: i32 = 160_000;

/// The role, and every role whose rights it has or can take on, with the membership of its own that leads there. A role
/// that is only inherited from does not lead on by SET ROLE; one that can be granted by its ADMIN option can be anything.
const REACHED: &str = "
    WITH RECURSIVE reached (oid, is_taken_on, first, grantor) AS (
        SELECT r.oid, true, NULL::pg_catalog.oid, NULL::pg_catalog.oid
        FROM pg_catalog.pg_roles r WHERE r.rolname = CURRENT_USER
        UNION
        SELECT a.roleid, (c.is_taken_on AND a.set_option) OR a.admin_option,
               COALESCE(c.first, a.roleid), COALESCE(c.grantor, a.grantor)
        FROM reached c JOIN pg_catalog.pg_auth_members a ON a.member = c.oid
        WHERE a.inherit_option OR a.admin_option OR (c.is_taken_on AND a.set_option))";

/// The same of servers whose memberships have no options. There one revocation takes a membership away, whoever
/// granted it.
const REACHED_BY_MEMBERSHIP: &str = "
    WITH RECURSIVE reached (oid, first, grantor) AS (
        SELECT r.oid, NULL::pg_catalog.oid, NULL::pg_catalog.oid
        FROM pg_catalog.pg_roles r WHERE r.rolname = CURRENT_USER
        UNION
        SELECT a.roleid, COALESCE(c.first, a.roleid), NULL::pg_catalog.oid
        FROM reached c JOIN pg_catalog.pg_auth_members a ON a.member = c.oid)";

/// Their names.
const REACHABLE: &str = "
    SELECT g.oid, g.rolname FROM pg_catalog.pg_roles g WHERE g.oid IN (SELECT r.oid FROM reached r)";

/// The shortest way to each: the membership that is the role itself.
const WAYS: &str = "
    SELECT DISTINCT ON (r.oid) r.oid, r.first, r.grantor FROM reached r
    ORDER BY r.oid, r.first IS NOT NULL, r.first <> r.oid, r.first, r.grantor";

/// Whether the role is another one than it logs in as: a setting of that one, which anybody can take back.
const LOGS_IN: &str = "
    SELECT /* optischema */ SESSION_USER::pg_catalog.text AS login, pg_catalog.quote_ident(SESSION_USER) AS quoted,
           CURRENT_USER::pg_catalog.text AS role WHERE SESSION_USER <> CURRENT_USER";

const ATTRIBUTES: &str = "
    SELECT /* optischema */ g.rolname = CURRENT_USER AS is_self, g.rolname::pg_catalog.text AS role,
           pg_catalog.quote_ident(g.rolname) AS quoted, pg_catalog.quote_ident(CURRENT_USER) AS own,
           pg_catalog.quote_ident(f.rolname) AS through,
           -- A superuser's REVOKE takes away what the first superuser granted.
           CASE WHEN w.grantor <> '10' THEN pg_catalog.quote_ident(b.rolname) END AS granted_by,
           g.oid = '10' AS is_first, g.rolsuper AS superuser, g.rolcreaterole AS createrole, g.rolcreatedb AS createdb,
           g.rolreplication AS replication
    FROM ways w JOIN pg_catalog.pg_roles g ON g.oid = w.oid
    LEFT JOIN pg_catalog.pg_roles f ON f.oid = w.first LEFT JOIN pg_catalog.pg_roles b ON b.oid = w.grantor
    ORDER BY g.rolname <> CURRENT_USER, g.rolname";

/// Predefined roles that do more than read, or that read the server's files.
const HARMFUL_ROLES: &[&str] = &[
    "pg_checkpoint",
    "pg_create_subscription",
    "pg_execute_server_program",
    "pg_maintain",
    "pg_read_server_files",
    "pg_signal_autovacuum_worker",
    "pg_signal_backend",
    "pg_write_all_data",
    "pg_write_server_files",
];

/// Rights on relations and columns beyond SELECT. An owner's are those of ownership.
const RELATIONS: &str = "
    SELECT s.object, s.kind, s.privileges, s.grantee, s.is_owner, s.granted_by FROM (
        SELECT pg_catalog.concat(pg_catalog.quote_ident(n.nspname), '.', pg_catalog.quote_ident(c.relname)) AS object,
               CASE WHEN c.relkind = 'S' THEN 'SEQUENCE' ELSE 'TABLE' END AS kind,
               pg_catalog.string_agg(DISTINCT pg_catalog.concat(x.privilege_type, pg_catalog.concat(' (' OPERATOR(pg_catalog.||) pg_catalog.quote_ident(x.attname) OPERATOR(pg_catalog.||) ')')), ', ') AS privileges,
               COALESCE(pg_catalog.quote_ident(r.rolname), 'PUBLIC') AS grantee,
               x.grantee = c.relowner AS is_owner,
               CASE WHEN x.grantor <> c.relowner THEN pg_catalog.quote_ident(b.rolname) END AS granted_by
        FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
        CROSS JOIN LATERAL (
            SELECT NULL::pg_catalog.name AS attname, e.grantor, e.grantee, e.privilege_type
            FROM pg_catalog.aclexplode(COALESCE(c.relacl, pg_catalog.acldefault(
                     CASE WHEN c.relkind = 'S' THEN 's' ELSE 'r' END::pg_catalog.\"char\", c.relowner))) e
            UNION ALL
            SELECT a.attname, e.grantor, e.grantee, e.privilege_type
            FROM pg_catalog.pg_attribute a CROSS JOIN LATERAL pg_catalog.aclexplode(a.attacl) e
            WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
            -- An owner who has revoked all from itself can grant it again.
            UNION ALL
            SELECT NULL, c.relowner, c.relowner, 'ownership') x
        LEFT JOIN reachable r ON r.oid = x.grantee LEFT JOIN pg_catalog.pg_roles b ON b.oid = x.grantor
        WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
          AND (x.grantee = '0' OR r.oid IS NOT NULL) AND x.privilege_type <> 'SELECT'
          -- Of the system's own only what somebody granted; temporary tables and TOAST are nobody else's.
          AND NOT pg_catalog.starts_with(n.nspname, 'pg_temp') AND NOT pg_catalog.starts_with(n.nspname, 'pg_toast')
          AND NOT (n.nspname IN ('pg_catalog', 'information_schema') AND (x.grantee = c.relowner OR EXISTS (
              SELECT FROM pg_catalog.pg_init_privs i CROSS JOIN LATERAL pg_catalog.aclexplode(i.initprivs) f
              WHERE i.classoid = '1259' AND i.objoid = c.oid AND f.grantee = x.grantee AND f.privilege_type = x.privilege_type)))
        GROUP BY n.nspname, c.relname, c.relkind, r.rolname, x.grantee, x.grantor, b.rolname, c.relowner) s
    ORDER BY s.object LIMIT $1";

const SCHEMAS: &str = "
    SELECT s.object, s.kind, s.grantee, s.is_owner, s.granted_by FROM (
        SELECT pg_catalog.quote_ident(n.nspname) AS object, 'SCHEMA' AS kind,
               COALESCE(pg_catalog.quote_ident(r.rolname), 'PUBLIC') AS grantee, e.grantee = n.nspowner AS is_owner,
               CASE WHEN e.grantor <> n.nspowner THEN pg_catalog.quote_ident(b.rolname) END AS granted_by
        FROM pg_catalog.pg_namespace n
        CROSS JOIN LATERAL (
            SELECT a.grantor, a.grantee, a.privilege_type
            FROM pg_catalog.aclexplode(COALESCE(n.nspacl, pg_catalog.acldefault('n', n.nspowner))) a
            WHERE a.grantee <> n.nspowner UNION ALL SELECT n.nspowner, n.nspowner, 'CREATE') e
        LEFT JOIN reachable r ON r.oid = e.grantee LEFT JOIN pg_catalog.pg_roles b ON b.oid = e.grantor
        WHERE (e.grantee = '0' OR r.oid IS NOT NULL) AND e.privilege_type = 'CREATE'
          AND NOT pg_catalog.starts_with(n.nspname, 'pg_temp') AND NOT pg_catalog.starts_with(n.nspname, 'pg_toast')
        UNION ALL
        SELECT pg_catalog.quote_ident(d.datname), 'DATABASE',
               COALESCE(pg_catalog.quote_ident(r.rolname), 'PUBLIC'), e.grantee = d.datdba,
               CASE WHEN e.grantor <> d.datdba THEN pg_catalog.quote_ident(b.rolname) END
        FROM pg_catalog.pg_database d
        CROSS JOIN LATERAL (
            SELECT a.grantor, a.grantee, a.privilege_type
            FROM pg_catalog.aclexplode(COALESCE(d.datacl, pg_catalog.acldefault('d', d.datdba))) a
            WHERE a.grantee <> d.datdba UNION ALL SELECT d.datdba, d.datdba, 'CREATE') e
        LEFT JOIN reachable r ON r.oid = e.grantee LEFT JOIN pg_catalog.pg_roles b ON b.oid = e.grantor
        WHERE (e.grantee = '0' OR r.oid IS NOT NULL) AND e.privilege_type = 'CREATE'
        UNION ALL
        SELECT pg_catalog.quote_ident(t.spcname), 'TABLESPACE',
               COALESCE(pg_catalog.quote_ident(r.rolname), 'PUBLIC'), e.grantee = t.spcowner,
               CASE WHEN e.grantor <> t.spcowner THEN pg_catalog.quote_ident(b.rolname) END
        FROM pg_catalog.pg_tablespace t CROSS JOIN LATERAL pg_catalog.aclexplode(t.spcacl) e
        LEFT JOIN reachable r ON r.oid = e.grantee LEFT JOIN pg_catalog.pg_roles b ON b.oid = e.grantor
        WHERE (e.grantee = '0' OR r.oid IS NOT NULL) AND e.privilege_type = 'CREATE' AND e.grantee <> t.spcowner) s
    ORDER BY NOT s.is_owner, s.kind, s.object LIMIT $1";

/// Functions and procedures that run with their owner's rights, and may be called.
const FUNCTIONS: &str = "
    SELECT s.object, s.kind, s.grantee, s.is_owner, s.granted_by FROM (
        SELECT DISTINCT pg_catalog.concat(pg_catalog.quote_ident(n.nspname), '.', pg_catalog.quote_ident(p.proname), '(',
                   pg_catalog.oidvectortypes(p.proargtypes), ')') AS object,
               CASE p.prokind WHEN 'p' THEN 'procedure' WHEN 'a' THEN 'aggregate' ELSE 'function' END AS kind,
               COALESCE(pg_catalog.quote_ident(r.rolname), 'PUBLIC') AS grantee, e.grantee = p.proowner AS is_owner,
               CASE WHEN e.grantor <> p.proowner THEN pg_catalog.quote_ident(b.rolname) END AS granted_by
        FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
        CROSS JOIN LATERAL (
            SELECT a.grantor, a.grantee, a.privilege_type
            FROM pg_catalog.aclexplode(COALESCE(p.proacl, pg_catalog.acldefault('f', p.proowner))) a
            WHERE a.grantee <> p.proowner UNION ALL SELECT p.proowner, p.proowner, 'EXECUTE') e
        LEFT JOIN reachable r ON r.oid = e.grantee LEFT JOIN pg_catalog.pg_roles b ON b.oid = e.grantor
        WHERE p.oid >= '16384' AND (e.grantee = '0' OR r.oid IS NOT NULL) AND e.privilege_type = 'EXECUTE'
          AND (p.prosecdef OR e.grantee = p.proowner)) s
    ORDER BY NOT s.is_owner, s.object LIMIT $1";

/// Functions that nobody may call by default, of PostgreSQL and of extensions: each was granted.
const GRANTED: &str = "
    SELECT pg_catalog.concat(pg_catalog.quote_ident(n.nspname), '.', pg_catalog.quote_ident(p.proname), '(',
               pg_catalog.oidvectortypes(p.proargtypes), ')') AS object,
           COALESCE(pg_catalog.quote_ident(r.rolname), 'PUBLIC') AS grantee,
           CASE WHEN e.grantor <> p.proowner THEN pg_catalog.quote_ident(b.rolname) END AS granted_by
    FROM pg_catalog.pg_init_privs i JOIN pg_catalog.pg_proc p ON p.oid = i.objoid
    JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
    CROSS JOIN LATERAL pg_catalog.aclexplode(COALESCE(p.proacl, pg_catalog.acldefault('f', p.proowner))) e
    LEFT JOIN reachable r ON r.oid = e.grantee LEFT JOIN pg_catalog.pg_roles b ON b.oid = e.grantor
    WHERE i.classoid = '1255' AND NOT p.prosecdef AND (e.grantee = '0' OR r.oid IS NOT NULL) AND e.grantee <> p.proowner
      AND NOT EXISTS (SELECT FROM pg_catalog.aclexplode(i.initprivs) f
                      WHERE f.privilege_type = 'EXECUTE' AND (f.grantee = '0' OR f.grantee = e.grantee))
    ORDER BY p.proname LIMIT $1";

/// What the role owns beside relations, functions, schemas and this database; user mappings and default rights change
/// nothing of others.
const OWNED: &str = "
    SELECT o.type AS kind, o.identity AS object, pg_catalog.quote_ident(r.rolname) AS grantee
    FROM pg_catalog.pg_shdepend d JOIN reachable r ON r.oid = d.refobjid
    CROSS JOIN LATERAL pg_catalog.pg_identify_object(d.classid, d.objid, d.objsubid) o
    WHERE d.deptype = 'o' AND d.refclassid = '1260' AND d.classid NOT IN ('1259', '1255', '2615', '1418', '826')
      AND d.dbid IN (SELECT b.oid FROM pg_catalog.pg_database b WHERE b.datname = pg_catalog.current_database()
                     UNION SELECT '0'::pg_catalog.oid)
      AND NOT (d.classid = '1262' AND d.objid IN (SELECT b.oid FROM pg_catalog.pg_database b
                                                  WHERE b.datname = pg_catalog.current_database()))
    ORDER BY o.type, o.identity LIMIT $1";

/// Rights on large objects, foreign-data wrappers and foreign servers.
const OTHERS: &str = "
    SELECT s.object, s.kind, s.privilege, s.grantee, s.granted_by FROM (
        SELECT l.oid::pg_catalog.text AS object, 'LARGE OBJECT' AS kind, e.privilege_type AS privilege,
               COALESCE(pg_catalog.quote_ident(r.rolname), 'PUBLIC') AS grantee,
               CASE WHEN e.grantor <> l.lomowner THEN pg_catalog.quote_ident(b.rolname) END AS granted_by
        FROM pg_catalog.pg_largeobject_metadata l CROSS JOIN LATERAL pg_catalog.aclexplode(l.lomacl) e
        LEFT JOIN reachable r ON r.oid = e.grantee LEFT JOIN pg_catalog.pg_roles b ON b.oid = e.grantor
        WHERE (e.grantee = '0' OR r.oid IS NOT NULL) AND e.grantee <> l.lomowner AND e.privilege_type = 'UPDATE'
        UNION ALL
        SELECT pg_catalog.quote_ident(w.fdwname), 'FOREIGN DATA WRAPPER', e.privilege_type,
               COALESCE(pg_catalog.quote_ident(r.rolname), 'PUBLIC'),
               CASE WHEN e.grantor <> w.fdwowner THEN pg_catalog.quote_ident(b.rolname) END
        FROM pg_catalog.pg_foreign_data_wrapper w CROSS JOIN LATERAL pg_catalog.aclexplode(w.fdwacl) e
        LEFT JOIN reachable r ON r.oid = e.grantee LEFT JOIN pg_catalog.pg_roles b ON b.oid = e.grantor
        WHERE (e.grantee = '0' OR r.oid IS NOT NULL) AND e.grantee <> w.fdwowner
        UNION ALL
        SELECT pg_catalog.quote_ident(v.srvname), 'FOREIGN SERVER', e.privilege_type,
               COALESCE(pg_catalog.quote_ident(r.rolname), 'PUBLIC'),
               CASE WHEN e.grantor <> v.srvowner THEN pg_catalog.quote_ident(b.rolname) END
        FROM pg_catalog.pg_foreign_server v CROSS JOIN LATERAL pg_catalog.aclexplode(v.srvacl) e
        LEFT JOIN reachable r ON r.oid = e.grantee LEFT JOIN pg_catalog.pg_roles b ON b.oid = e.grantor
        WHERE (e.grantee = '0' OR r.oid IS NOT NULL) AND e.grantee <> v.srvowner) s
    ORDER BY s.kind <> 'LARGE OBJECT', s.kind, s.object LIMIT $1";

/// Parameters of the server that the role may set, from PostgreSQL 15 on.
const PARAMETERS: &str = "
    SELECT a.parname AS object, e.privilege_type AS privilege, COALESCE(pg_catalog.quote_ident(r.rolname), 'PUBLIC') AS grantee,
           -- Parameters belong to the first superuser.
           CASE WHEN e.grantor <> '10' THEN pg_catalog.quote_ident(b.rolname) END AS granted_by
    FROM pg_catalog.pg_parameter_acl a CROSS JOIN LATERAL pg_catalog.aclexplode(a.paracl) e
    LEFT JOIN reachable r ON r.oid = e.grantee LEFT JOIN pg_catalog.pg_roles b ON b.oid = e.grantor
    WHERE (e.grantee = '0' OR r.oid IS NOT NULL)
      AND NOT (e.privilege_type = 'SET' AND a.parname = 'pg_stat_statements.track')
    ORDER BY e.privilege_type, a.parname LIMIT $1";

/// Reads them, the worst first.
///
/// # Errors
/// Main is lost.
pub(super) async fn role_powers(
    connection: &mut PgConnection,
    version: i32,
) -> Result<Vec<Power>, PgFailure> {
    let mut powers = Vec::new();
    let mut ways = Ways::default();
    if let Some(row) = query(LOGS_IN).fetch_optional(&mut *connection).await? {
        let (login, role): (String, String) = (row.try_get("login")?, row.try_get("role")?);
        let quoted: String = row.try_get("quoted")?;
        powers.push(Power {
            what: format!(
                "logs in as {login} and is {role} by a setting only, which RESET ROLE takes back"
            ),
            remedy: format!(
                "ALTER ROLE {quoted} RESET role; -- and look again: {login} may do more"
            ),
            is_severe: true,
        });
    }
    let reached = match version >= FIRST_WITH_MEMBERSHIP_OPTIONS {
        true => REACHED,
        false => REACHED_BY_MEMBERSHIP,
    };
    let attributes_of_all =
        sqlx::AssertSqlSafe(format!("{reached}, ways AS ({WAYS}) {ATTRIBUTES}"));
    for row in query(attributes_of_all).fetch_all(&mut *connection).await? {
        powers.extend(attributes(&row, &mut ways)?);
        let (is_self, is_super): (bool, bool) =
            (row.try_get("is_self")?, row.try_get("superuser")?);
        if is_self && is_super {
            // It is a member of everything, and may do everything.
            return Ok(powers);
        }
    }
    for (what, power) in KINDS {
        if *what == PARAMETERS && version < FIRST_WITH_PARAMETER_RIGHTS {
            continue;
        }
        let listed = format!("{reached}, reachable AS ({REACHABLE}) {what}");
        let listed = query(sqlx::AssertSqlSafe(listed)).bind(MOST_OF_A_KIND + 1);
        let rows = listed.fetch_all(&mut *connection).await?;
        let most = usize::try_from(MOST_OF_A_KIND).unwrap_or_default();
        for row in rows.iter().take(most) {
            powers.push(ways.leaving(row, power(row)?)?);
        }
        if rows.len() > most
            && let Some(last) = powers.last_mut()
        {
            last.what += &format!(" (and more than these {most} of the kind)");
        }
    }
    powers.sort_by_key(|power| !power.is_severe);
    Ok(powers)
}

type Named = fn(&PgRow) -> Result<Power, PgFailure>;

/// What is asked, and how a row of it is said.
const KINDS: &[(&str, Named)] = &[
    (RELATIONS, of_relation),
    (SCHEMAS, of_schema),
    (FUNCTIONS, of_function),
    (GRANTED, of_granted),
    (OWNED, of_owned),
    (OTHERS, of_other),
    (PARAMETERS, of_parameter),
];

/// How the role leaves each role that it is a member of. What another role may do, others of its members need: the
/// membership is taken away, and not the right.
#[derive(Default)]
struct Ways(BTreeMap<String, String>);

impl Ways {
    fn leaving(&self, row: &PgRow, power: Power) -> Result<Power, PgFailure> {
        let grantee: String = row.try_get("grantee")?;
        Ok(match self.0.get(&grantee) {
            Some(leave) => Power { remedy: leave.clone(), ..power },
            None => power,
        })
    }
}

fn of_granted(row: &PgRow) -> Result<Power, PgFailure> {
    let (object, grantee): (String, String) = (row.try_get("object")?, row.try_get("grantee")?);
    Ok(Power {
        what: format!("may call {object} (EXECUTE, granted to {grantee})"),
        remedy: revocation(row, &format!("EXECUTE ON FUNCTION {object} FROM {grantee}"))?,
        is_severe: false,
    })
}

fn of_parameter(row: &PgRow) -> Result<Power, PgFailure> {
    let (object, privilege): (String, String) = (row.try_get("object")?, row.try_get("privilege")?);
    let grantee: String = row.try_get("grantee")?;
    Ok(Power {
        what: format!("may change the server's {object} ({privilege}, granted to {grantee})"),
        remedy: revocation(row, &format!("{privilege} ON PARAMETER {object} FROM {grantee}"))?,
        is_severe: privilege != "SET",
    })
}

fn attributes(row: &PgRow, ways: &mut Ways) -> Result<Vec<Power>, PgFailure> {
    let (role, quoted): (String, String) = (row.try_get("role")?, row.try_get("quoted")?);
    let own: String = row.try_get("own")?;
    let is_self: bool = row.try_get("is_self")?;
    let through: Option<String> = row.try_get("through")?;
    let through = through.unwrap_or_else(|| quoted.clone());
    let granted_by: Option<String> = row.try_get("granted_by")?;
    let by = granted_by.map_or_else(String::new, |grantor| format!(" GRANTED BY {grantor}"));
    let leave = format!("REVOKE {through} FROM {own}{by};");
    // Rights of predefined roles are a person's making, and nobody else's need.
    if !is_self && !role.starts_with("pg_") {
        ways.0.insert(quoted.clone(), leave.clone());
    }
    let member = if through == quoted {
        format!("is a member of {role}")
    } else {
        format!("is a member of {role} through {through}")
    };
    let mut powers = Vec::new();
    for (column, does, without) in [
        ("superuser", "is a superuser", "NOSUPERUSER"),
        ("createrole", "may create roles", "NOCREATEROLE"),
        ("createdb", "may create databases", "NOCREATEDB"),
        ("replication", "may replicate", "NOREPLICATION"),
    ] {
        if !row.try_get::<bool, _>(column)? {
            continue;
        }
        powers.push(if is_self {
            // The first superuser is the last one that a server can do without.
            let is_first: bool = row.try_get("is_first")?;
            let remedy = match column {
                _ if is_first => "-- give OptiSchema a role of its own".to_owned(),
                _ => format!("ALTER ROLE {quoted} {without};"),
            };
            Power { what: does.to_owned(), remedy, is_severe: true }
        } else {
            Power {
                what: format!("{member}, which {does}"),
                remedy: leave.clone(),
                is_severe: true,
            }
        });
    }
    if HARMFUL_ROLES.contains(&role.as_str()) {
        powers.push(Power { what: member.clone(), remedy: leave.clone(), is_severe: true });
    }
    Ok(powers)
}

fn of_relation(row: &PgRow) -> Result<Power, PgFailure> {
    let (object, kind): (String, String) = (row.try_get("object")?, row.try_get("kind")?);
    let (privileges, grantee): (String, String) =
        (row.try_get("privileges")?, row.try_get("grantee")?);
    Ok(if row.try_get("is_owner")? {
        Power {
            what: format!("may write {object}, which {grantee} owns"),
            remedy: format!("ALTER {kind} {object} OWNER TO CURRENT_USER; -- as another role"),
            is_severe: true,
        }
    } else {
        Power {
            what: format!("may write {object} ({privileges}, granted to {grantee})"),
            remedy: revocation(row, &format!("{privileges} ON {kind} {object} FROM {grantee}"))?,
            is_severe: true,
        }
    })
}

fn of_schema(row: &PgRow) -> Result<Power, PgFailure> {
    let (object, kind): (String, String) = (row.try_get("object")?, row.try_get("kind")?);
    let grantee: String = row.try_get("grantee")?;
    let is_owner: bool = row.try_get("is_owner")?;
    let name = kind.to_lowercase();
    Ok(Power {
        what: if is_owner {
            format!("may create objects in the {name} {object}, which {grantee} owns")
        } else {
            format!("may create objects in the {name} {object} (CREATE, granted to {grantee})")
        },
        remedy: if is_owner {
            format!("ALTER {kind} {object} OWNER TO CURRENT_USER; -- as another role")
        } else {
            revocation(row, &format!("CREATE ON {kind} {object} FROM {grantee}"))?
        },
        is_severe: is_owner,
    })
}

fn of_function(row: &PgRow) -> Result<Power, PgFailure> {
    let (object, grantee): (String, String) = (row.try_get("object")?, row.try_get("grantee")?);
    let (kind, is_owner): (String, bool) = (row.try_get("kind")?, row.try_get("is_owner")?);
    Ok(Power {
        what: if is_owner {
            format!("may replace the {kind} {object}, which {grantee} owns")
        } else {
            format!("may call the SECURITY DEFINER {kind} {object} (EXECUTE, granted to {grantee})")
        },
        // The word for functions, procedures and aggregates alike.
        remedy: if is_owner {
            format!("ALTER ROUTINE {object} OWNER TO CURRENT_USER; -- as another role")
        } else {
            revocation(row, &format!("EXECUTE ON ROUTINE {object} FROM {grantee}"))?
        },
        is_severe: is_owner,
    })
}

fn of_owned(row: &PgRow) -> Result<Power, PgFailure> {
    let (kind, object): (String, String) = (row.try_get("kind")?, row.try_get("object")?);
    let owner: String = row.try_get("grantee")?;
    // As ALTER names them.
    let word = match kind.as_str() {
        "statistics object" => "STATISTICS".to_owned(),
        "foreign-data wrapper" => "FOREIGN DATA WRAPPER".to_owned(),
        other => other.to_uppercase(),
    };
    Ok(Power {
        what: format!("may change the {kind} {object}, which {owner} owns"),
        remedy: match kind.as_str() {
            "extension" => {
                format!("REASSIGN OWNED BY {owner} TO CURRENT_USER; -- as another role")
            }
            _ => format!("ALTER {word} {object} OWNER TO CURRENT_USER; -- as another role"),
        },
        is_severe: true,
    })
}

fn of_other(row: &PgRow) -> Result<Power, PgFailure> {
    let (kind, object): (String, String) = (row.try_get("kind")?, row.try_get("object")?);
    let (privilege, grantee): (String, String) =
        (row.try_get("privilege")?, row.try_get("grantee")?);
    let is_large_object = kind == "LARGE OBJECT";
    let does = match kind.as_str() {
        "LARGE OBJECT" => "write the large object",
        "FOREIGN SERVER" => "make user mappings for the foreign server",
        _ => "make foreign servers of the wrapper",
    };
    Ok(Power {
        what: format!("may {does} {object} ({privilege}, granted to {grantee})"),
        remedy: revocation(row, &format!("{privilege} ON {kind} {object} FROM {grantee}"))?,
        is_severe: is_large_object,
    })
}

/// A REVOKE that takes away what was granted: an owner's does not where somebody else granted it.
fn revocation(row: &PgRow, what: &str) -> Result<String, PgFailure> {
    let granted_by: Option<String> = row.try_get("granted_by")?;
    Ok(match granted_by {
        None => format!("REVOKE {what};"),
        Some(grantor) => format!("SET ROLE {grantor}; REVOKE {what}; RESET ROLE;"),
    })
}
