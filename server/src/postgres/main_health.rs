//! What main lacks, and what its role could do besides reading.

use optischema::model::{Finding, MainUsage};
use sqlx::Row;
use sqlx::postgres::PgConnection;

use super::main_session::HYPOPG_CALLS;
use super::role_powers::{Power, role_powers};
use super::statements_view::StatementsView;
use super::suspects::schema_of_trusted;
use super::{PgFailure, Session, query};

/// The oldest server version that is understood.
const OLDEST: i32 = 130_000;

/// What a proper role for main is granted. PostgreSQL 13 has no role that reads every table.
#[must_use]
pub fn grants_for_main(version: i32) -> String {
    let create = "CREATE ROLE optischema_reader LOGIN PASSWORD 'choose-one';";
    if version >= 140_000 {
        return format!(
            "{create}\nGRANT pg_read_all_data, pg_read_all_stats TO optischema_reader;"
        );
    }
    format!(
        "{create}\nGRANT pg_read_all_stats TO optischema_reader;\n{}",
        grant_reading(version, "optischema_reader", &["public".to_owned()])
    )
}

pub(super) fn version_finding(session: &Session) -> Finding {
    if session.version_number < OLDEST {
        Finding::error(
            "version",
            format!(
                "PostgreSQL {} is older than 13, the oldest that is understood.",
                session.version
            ),
            "use PostgreSQL 13 or later",
        )
    } else {
        Finding::ok(
            "version",
            format!("PostgreSQL {} answers (OptiSchema is tested with 13 to 19).", session.version),
        )
    }
}

/// Login event triggers came with PostgreSQL 17.
const FIRST_WITH_LOGIN_TRIGGERS: i32 = 170_000;

pub(super) async fn main_findings(
    session: &mut Session,
    allow_privileged: bool,
    usage: Option<MainUsage>,
    trusted: &[String],
) -> Result<Vec<Finding>, PgFailure> {
    let mut findings = vec![version_finding(session)];
    let grants = grants_for_main(session.version_number);
    let version = session.version_number;
    let connection = &mut session.connection;
    findings.push(role_finding(connection, version, allow_privileged, &grants).await?);
    findings.extend(tracked_finding(connection).await?);
    findings.push(statements_finding(connection).await?);
    findings.extend(tracking_findings(connection).await?);
    findings.push(reading_finding(session).await?);
    findings.push(hypopg_finding(&mut session.connection).await?);
    findings.extend(login_finding(session).await?);
    findings.extend(trusted_finding(&mut session.connection, trusted).await?);
    findings.extend(policies_finding(&mut session.connection).await?);
    findings.extend(usage.map(|usage| Finding::ok("main_budget", usage.sentence())));
    Ok(findings)
}

/// A role on main that could do harm is refused.
async fn role_finding(
    connection: &mut PgConnection,
    version: i32,
    allow_privileged: bool,
    grants: &str,
) -> Result<Finding, PgFailure> {
    let powers = role_powers(connection, version).await?;
    let all = powers.clone();
    let (severe, others): (Vec<Power>, Vec<Power>) =
        powers.into_iter().partition(|power| power.is_severe);
    let said = |powers: &[Power]| {
        powers.iter().map(|power| power.what.clone()).collect::<Vec<_>>().join(", ")
    };
    let remedies = |powers: &[Power]| {
        let mut lines: Vec<&str> = Vec::new();
        for power in powers {
            if !lines.contains(&power.remedy.as_str()) {
                lines.push(&power.remedy);
            }
        }
        lines.join("\n")
    };
    Ok(match (severe.is_empty(), others.is_empty()) {
        (true, true) => Finding::ok("role", "The role can read and cannot write."),
        (true, false) => Finding::warning(
            "role_could_change",
            format!("The role can read, and could change main: it {}.", said(&others)),
            remedies(&others),
        ),
        (false, _) if allow_privileged => Finding::warning(
            "role_privileged",
            format!("The role {}: it is used because that was allowed.", said(&all)),
            format!(
                "{grants}\n-- Or take these rights from the role; others may lose them too:\n{}",
                remedies(&all)
            ),
        ),
        (false, _) => Finding::error(
            "role_privileged",
            format!("OptiSchema needs a role that cannot change main. This role {}.", said(&all)),
            format!(
                "{grants}\n-- Or take these rights from the role; others may lose them too:\n{}",
                remedies(&all)
            ),
        ),
    })
}

/// Tables whose rows are hidden from the role: its plans are not the application's.
async fn policies_finding(connection: &mut PgConnection) -> Result<Option<Finding>, PgFailure> {
    let row = query(
        "SELECT /* optischema */ pg_catalog.count(*) AS hidden, pg_catalog.quote_ident(CURRENT_USER) AS role
         FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
         WHERE c.relrowsecurity AND c.relkind IN ('r', 'p') AND n.nspname NOT IN ('pg_catalog', 'information_schema')
           AND pg_catalog.row_security_active(c.oid)",
    )
    .fetch_one(connection)
    .await?;
    let (hidden, role): (i64, String) = (row.try_get("hidden")?, row.try_get("role")?);
    Ok((hidden > 0).then(|| {
        let tables = if hidden == 1 { "1 table".to_owned() } else { format!("{hidden} tables") };
        Finding::warning(
            "rows_hidden",
            format!("Policies hide rows of {tables} from the role: statements on them are not planned, and their rows are not copied."),
            format!("ALTER ROLE {role} BYPASSRLS; -- it reads every row then, and changes none"),
        )
    }))
}

/// Functions that the person vouches for and that are not there: a misspelt name vouches for nothing.
async fn trusted_finding(
    connection: &mut PgConnection,
    trusted: &[String],
) -> Result<Option<Finding>, PgFailure> {
    let rows = query(
        "SELECT /* optischema */ u.name FROM pg_catalog.unnest($1::pg_catalog.text[]) u (name)
         WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
                           WHERE u.name = ANY (ARRAY[pg_catalog.concat(n.nspname, '.', p.proname),
                                                     pg_catalog.concat(n.nspname, '.*')])) ORDER BY u.name",
    )
    .bind(trusted)
    .fetch_all(connection)
    .await?;
    let missing: Vec<String> =
        rows.iter().map(|row| row.try_get("name")).collect::<Result<_, sqlx::Error>>()?;
    Ok((!missing.is_empty()).then(|| {
        Finding::warning(
            "trusted_functions_missing",
            format!("OPTISCHEMA_TRUSTED_FUNCTIONS names what is not there: {}.", missing.join(", ")),
            "write each as schema.function, as the catalog has it: in lower case unless the name is quoted",
        )
    }))
}

/// What runs at each connection, before OptiSchema can pin anything.
async fn login_finding(session: &mut Session) -> Result<Option<Finding>, PgFailure> {
    if session.version_number < FIRST_WITH_LOGIN_TRIGGERS {
        return Ok(None);
    }
    let rows = query(
        "SELECT /* optischema */ pg_catalog.quote_ident(t.evtname) AS name,
                pg_catalog.concat(pg_catalog.quote_ident(n.nspname), '.', pg_catalog.quote_ident(p.proname)) AS function
         FROM pg_catalog.pg_event_trigger t JOIN pg_catalog.pg_proc p ON p.oid = t.evtfoid
         JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
         WHERE t.evtevent = 'login' AND t.evtenabled IN ('O', 'A') ORDER BY t.evtname",
    )
    .fetch_all(&mut session.connection)
    .await?;
    let mut triggers = Vec::new();
    let mut names: Vec<String> = Vec::new();
    for row in &rows {
        let (name, function): (String, String) = (row.try_get("name")?, row.try_get("function")?);
        triggers.push(format!("{name} (function {function})"));
        names.push(format!("ALTER EVENT TRIGGER {name} DISABLE;"));
    }
    Ok((!triggers.is_empty()).then(|| {
        Finding::warning(
            "login_event_trigger",
            format!(
                "Connecting to this database runs a login event trigger: {}. PostgreSQL runs it before OptiSchema can do anything, so it is the one function of the database that runs.",
                triggers.join(", ")
            ),
            format!("check that it only reads, let it return at once for this role, or {}", names.join(" ")),
        )
    }))
}

/// Entries that are free for OptiSchema's own queries and an hour's plans, at least.
const ROOM_WANTED: i64 = 320;

/// What reading main leaves in its own statistics.
async fn tracked_finding(connection: &mut PgConnection) -> Result<Option<Finding>, PgFailure> {
    let row = query(
        "SELECT /* optischema */ pg_catalog.current_setting('pg_stat_statements.track', true) AS track,
                pg_catalog.current_setting('pg_stat_statements.max', true)::pg_catalog.int8 AS most,
                pg_catalog.quote_ident(CURRENT_USER) AS role",
    )
    .fetch_one(&mut *connection)
    .await?;
    let track: Option<String> = row.try_get("track")?;
    let Some(track) = track else { return Ok(None) };
    if track == "none" {
        return Ok(Some(Finding::ok(
            "reader_not_tracked",
            "pg_stat_statements does not count OptiSchema's own queries.",
        )));
    }
    let role: String = row.try_get("role")?;
    let remedy = format!("ALTER ROLE {role} SET pg_stat_statements.track = 'none';");
    let entries = match StatementsView::find(connection).await {
        Ok(view) => view.count(connection).await.ok(),
        // The next finding says what is wrong with it.
        Err(_) => None,
    };
    let room = row.try_get::<Option<i64>, _>("most")?.zip(entries).map(|(most, used)| most - used);
    Ok(Some(match room.filter(|room| *room < ROOM_WANTED) {
        Some(room) => Finding::warning(
            "reader_evicts",
            format!(
                "pg_stat_statements has room for {} more statements and counts OptiSchema's own: reading main would push some of the application's out.",
                room.max(0)
            ),
            remedy,
        ),
        None => Finding::advice(
            "reader_tracked",
            "pg_stat_statements counts OptiSchema's own queries: about 70 entries, and up to OPTISCHEMA_MAIN_TEXTS_PER_HOUR an hour for plans.",
            remedy,
        ),
    }))
}

async fn statements_finding(connection: &mut PgConnection) -> Result<Finding, PgFailure> {
    let known = schema_of_trusted(connection, "pg_stat_statements", &["pg_stat_statements(bool)"]);
    if let Err(PgFailure::Unexpected(reason)) = known.await {
        return Ok(Finding::error(
            "pg_stat_statements_changed",
            format!("pg_stat_statements is not read: {reason}."),
            "DROP EXTENSION pg_stat_statements; CREATE EXTENSION pg_stat_statements;",
        ));
    }
    let view = match StatementsView::find(connection).await {
        Ok(view) => view,
        Err(failure) if failure.is_connection() => return Err(failure),
        Err(_) => {
            return Ok(Finding::error(
                "pg_stat_statements_missing",
                "The extension pg_stat_statements is not installed in this database: the workload cannot be read.",
                "CREATE EXTENSION pg_stat_statements; (with shared_preload_libraries = 'pg_stat_statements')",
            ));
        }
    };
    Ok(match view.count(connection).await {
        Ok(_) => Finding::ok("pg_stat_statements", "pg_stat_statements can be read."),
        Err(failure) if failure.sqlstate() == Some("55000") => Finding::error(
            "pg_stat_statements_not_loaded",
            "pg_stat_statements is installed, and the server has not loaded it.",
            preloading(connection).await?,
        ),
        Err(failure) if failure.is_connection() => return Err(failure),
        Err(failure) => Finding::error(
            "pg_stat_statements_unreadable",
            format!("pg_stat_statements cannot be read: {failure}."),
            format!("GRANT pg_read_all_stats TO {}", own_name(connection).await?),
        ),
    })
}

/// How to load it, beside what is loaded now; a role may not be allowed to see that.
async fn preloading(connection: &mut PgConnection) -> Result<String, PgFailure> {
    let row = query(
        "SELECT /* optischema */ (SELECT setting FROM pg_catalog.pg_settings WHERE name = 'shared_preload_libraries') AS loaded",
    )
    .fetch_one(connection)
    .await?;
    let loaded: Option<String> = row.try_get("loaded")?;
    Ok(format!(
        "ALTER SYSTEM SET shared_preload_libraries = {}; then restart the server",
        libraries(loaded.as_deref())
    ))
}

/// One literal for each library: in one, they would be the name of a library that is not there, and the server would not
/// start.
fn libraries(loaded: Option<&str>) -> String {
    let Some(loaded) = loaded else {
        return "'pg_stat_statements' (and before it, each in quotes of its own, what SHOW shared_preload_libraries names)"
            .to_owned();
    };
    let names = loaded.split(',').map(|name| name.trim().trim_matches('"'));
    let names = names.filter(|name| !name.is_empty()).chain(["pg_stat_statements"]);
    names.map(|name| format!("'{}'", name.replace('\'', "''"))).collect::<Vec<_>>().join(", ")
}

/// The role's name, as SQL takes it.
async fn own_name(connection: &mut PgConnection) -> Result<String, PgFailure> {
    let row = query("SELECT /* optischema */ pg_catalog.quote_ident(current_user) AS role")
        .fetch_one(connection)
        .await?;
    Ok(row.try_get("role")?)
}

/// Settings that leave the workload half seen.
async fn tracking_findings(connection: &mut PgConnection) -> Result<Vec<Finding>, PgFailure> {
    let row = query(
        "SELECT /* optischema */ (SELECT t.setting FROM pg_catalog.pg_settings t WHERE t.name = 'pg_stat_statements.track'
                    -- What is set for this role says nothing about others.
                    AND t.source NOT IN ('user', 'database user', 'session')) AS track,
                pg_catalog.current_setting('pg_stat_statements.max', true)::pg_catalog.int8 AS most,
                pg_catalog.current_setting('compute_query_id', true) AS query_id",
    )
    .fetch_one(&mut *connection)
    .await?;
    let text = |name: &str| row.try_get::<Option<String>, _>(name);
    let mut findings = Vec::new();
    if text("track")?.as_deref() == Some("none") {
        findings.push(Finding::warning(
            "statements_not_tracked",
            "pg_stat_statements.track is none: no statement is counted.",
            "ALTER SYSTEM SET pg_stat_statements.track = 'top'; SELECT pg_reload_conf();",
        ));
    }
    if text("query_id")?.as_deref() == Some("off") {
        findings.push(Finding::warning(
            "query_id_off",
            "compute_query_id is off: statements have no id, and are not counted.",
            "ALTER SYSTEM SET compute_query_id = 'auto'; SELECT pg_reload_conf();",
        ));
    }
    let most: Option<i64> = row.try_get("most")?;
    let Some(most) = most else { return Ok(findings) };
    let Ok(view) = StatementsView::find(connection).await else { return Ok(findings) };
    if view.count(connection).await.is_ok_and(|entries| entries * 100 >= most * 99) {
        findings.push(Finding::warning(
            "statements_full",
            format!(
                "pg_stat_statements holds all of its {most} entries: the least used ones are dropped and lose their counts."
            ),
            format!(
                "ALTER SYSTEM SET pg_stat_statements.max = {}; then restart the server",
                most.saturating_mul(2)
            ),
        ));
    }
    Ok(findings)
}

async fn reading_finding(session: &mut Session) -> Result<Finding, PgFailure> {
    let row = query(
        "SELECT /* optischema */ pg_catalog.pg_has_role(current_user, 'pg_read_all_stats', 'USAGE') AS stats,
                pg_catalog.pg_has_role(current_user, 'pg_read_all_stats', 'MEMBER') AS member,
                pg_catalog.quote_ident(current_user) AS role, pg_catalog.count(*) AS unreadable,
                pg_catalog.array_agg(DISTINCT pg_catalog.quote_ident(n.nspname)) FILTER (WHERE n.oid IS NOT NULL) AS schemas
         FROM (SELECT c.relnamespace FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
               WHERE c.relkind IN ('r', 'p') AND n.nspname OPERATOR(pg_catalog.!~) '^pg_' AND n.nspname <> 'information_schema'
                 AND NOT (pg_catalog.has_schema_privilege(n.oid, 'USAGE') AND pg_catalog.has_table_privilege(c.oid, 'SELECT'))) c
         JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace",
    )
    .fetch_one(&mut session.connection)
    .await?;
    let (stats, unreadable): (bool, i64) = (row.try_get("stats")?, row.try_get("unreadable")?);
    let role: String = row.try_get("role")?;
    let schemas: Option<Vec<String>> = row.try_get("schemas")?;
    Ok(if !stats {
        Finding::error(
            "stats_unreadable",
            "The role cannot see other roles' statements.",
            match (row.try_get("member")?, session.version_number) {
                (false, _) => format!("GRANT pg_read_all_stats TO {role};"),
                // It is a member, and does not inherit.
                (true, 160_000..) => {
                    format!(
                        "GRANT pg_read_all_stats, pg_read_all_data TO {role} WITH INHERIT TRUE;"
                    )
                }
                (true, _) => format!("ALTER ROLE {role} INHERIT;"),
            },
        )
    } else if unreadable > 0 {
        Finding::warning(
            "tables_unreadable",
            format!(
                "The role cannot read {unreadable} tables: statements on them are not planned."
            ),
            grant_reading(session.version_number, &role, &schemas.unwrap_or_default()),
        )
    } else {
        Finding::ok("reading", "The role may read tables, statistics and other roles' statements.")
    })
}

/// What lets a role read every table. PostgreSQL 13 has no role for that.
pub(super) fn grant_reading(version: i32, role: &str, schemas: &[String]) -> String {
    if version >= 140_000 {
        return format!("GRANT pg_read_all_data TO {role}");
    }
    let grants: Vec<String> = schemas
        .iter()
        .map(|schema| {
            format!(
                "GRANT USAGE ON SCHEMA {schema} TO {role};\nGRANT SELECT ON ALL TABLES IN SCHEMA {schema} TO {role};"
            )
        })
        .collect();
    grants.join("\n")
}

async fn hypopg_finding(connection: &mut PgConnection) -> Result<Finding, PgFailure> {
    let row = query(
        "SELECT (SELECT extversion FROM pg_catalog.pg_extension WHERE extname = 'hypopg') AS installed,
                EXISTS (SELECT 1 FROM pg_catalog.pg_available_extensions WHERE name = 'hypopg') AS available",
    )
    .fetch_one(&mut *connection)
    .await?;
    let installed: Option<String> = row.try_get("installed")?;
    let available: bool = row.try_get("available")?;
    if let (Some(_), Err(PgFailure::Unexpected(reason))) =
        (&installed, schema_of_trusted(connection, "hypopg", HYPOPG_CALLS).await)
    {
        return Ok(Finding::warning(
            "hypopg_changed",
            format!("HypoPG is not used: {reason}."),
            "DROP EXTENSION hypopg; CREATE EXTENSION hypopg;",
        ));
    }
    let message = "HypoPG is not installed in this database: indexes cannot be costed on main.";
    Ok(match installed {
        Some(version) => Finding::ok("hypopg", format!("HypoPG {version} is installed.")),
        None if available => {
            Finding::warning("hypopg_missing", message, "CREATE EXTENSION hypopg;")
        }
        None => Finding::warning(
            "hypopg_missing",
            message,
            "install the package (postgresql-NN-hypopg), then CREATE EXTENSION hypopg;",
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_library_is_a_literal_of_its_own() {
        assert_eq!(libraries(Some("")), "'pg_stat_statements'");
        assert_eq!(
            libraries(Some("auto_explain, \"$libdir/x\"")),
            "'auto_explain', '$libdir/x', 'pg_stat_statements'"
        );
    }
}
