//! What a target lacks, in one sentence each, with what mends it.

use optischema::model::{Finding, FindingLevel, TargetHealth, TargetKind, TargetState};
use sqlx::Row;

use super::encryption::encryption_finding;
use super::main_health::{main_findings, version_finding};
use super::query;
use super::{
    Dsn, PgFailure, SameDatabase, Session, connect_main, connect_writable, prove_not_main,
};

/// Checks main.
pub async fn check_main(dsn: Option<&Dsn>, allow_privileged: bool) -> TargetHealth {
    let kind = TargetKind::Main;
    let Some(dsn) = dsn else {
        return not_configured(kind, "No main database is configured.", "set OPTISCHEMA_MAIN_URL");
    };
    with_session(kind, dsn, connect_main(dsn).await, async |session| {
        main_findings(session, allow_privileged, dsn.budget().usage(), dsn.trusted_functions())
            .await
    })
    .await
}

const SANDBOX_IS_MAIN: &str = "sandbox_is_main";

/// Checks the sandbox, and that it is not main.
pub async fn check_sandbox(
    dsn: Option<&Dsn>,
    main: Option<&Dsn>,
    allow_same_server: bool,
) -> TargetHealth {
    let kind = TargetKind::Sandbox;
    let Some(dsn) = dsn else {
        return not_configured(
            kind,
            "No sandbox is configured: benchmarks are planner estimates only, and nothing can be applied.",
            "set OPTISCHEMA_SANDBOX_URL to a database that OptiSchema may write in",
        );
    };
    with_session(kind, dsn, connect_writable(dsn, 30).await, async |session| {
        let identity = match main {
            Some(main) => Some(identity_finding(main, session, allow_same_server).await),
            None => None,
        };
        // Where it is main, nothing is asked for that would make main writable.
        if let Some(identity) = identity.clone().filter(|found| found.code == SANDBOX_IS_MAIN) {
            return Ok(vec![version_finding(session), identity]);
        }
        let mut findings = writable_findings(session).await?;
        findings.extend(identity);
        Ok(findings)
    })
    .await
}

/// The first finding that keeps main from being used.
#[must_use]
pub fn main_is_refused(health: &TargetHealth) -> Option<String> {
    let finding = health.findings.iter().find(|finding| finding.level == FindingLevel::Error)?;
    Some(refusal(finding))
}

/// Findings about the workload: tables and rows can be read without it.
const ABOUT_THE_WORKLOAD: &[&str] = &[
    "pg_stat_statements_changed",
    "pg_stat_statements_missing",
    "pg_stat_statements_not_loaded",
    "pg_stat_statements_unreadable",
    "stats_unreadable",
];

/// Why tables and rows of main cannot be copied; absent where they can, though the workload may not be readable.
#[must_use]
pub fn copying_is_refused(health: &TargetHealth) -> Option<String> {
    let stops = |finding: &&Finding| {
        finding.level == FindingLevel::Error && !ABOUT_THE_WORKLOAD.contains(&finding.code.as_str())
    };
    health.findings.iter().find(stops).map(refusal)
}

fn refusal(finding: &Finding) -> String {
    match &finding.remedy {
        Some(remedy) => format!("{} Remedy: {remedy}", finding.message),
        None => finding.message.clone(),
    }
}

pub(super) fn not_configured(kind: TargetKind, message: &str, remedy: &str) -> TargetHealth {
    TargetHealth {
        target: kind,
        state: TargetState::NotConfigured,
        address: None,
        role: None,
        server_version: None,
        findings: vec![Finding::warning("not_configured", message, remedy)],
    }
}

pub(super) async fn with_session(
    kind: TargetKind,
    dsn: &Dsn,
    session: Result<Session, PgFailure>,
    check: impl AsyncFnOnce(&mut Session) -> Result<Vec<Finding>, PgFailure>,
) -> TargetHealth {
    let mut version = None;
    let findings = match session {
        Err(failure) => Err(failure),
        Ok(mut session) => {
            version = Some(session.version.clone());
            let findings = match check(&mut session).await {
                Ok(mut findings) => {
                    findings.extend(encryption_finding(dsn, &mut session).await);
                    Ok(findings)
                }
                Err(failure) => Err(failure),
            };
            // A connection that does not close properly has nothing left to say.
            drop(sqlx::Connection::close(session.connection).await);
            findings
        }
    };
    let findings = findings.unwrap_or_else(|failure| {
        vec![Finding::error(
            "unreachable",
            format!("{} cannot be used: {failure}.", kind.label()),
            format!("check OPTISCHEMA_{}_URL: {}", kind.as_str().to_uppercase(), dsn.address()),
        )]
    });
    TargetHealth {
        address: Some(dsn.address().to_owned()),
        role: Some(dsn.role().to_owned()),
        server_version: version,
        ..TargetHealth::from_findings(kind, findings)
    }
}

async fn writable_findings(session: &mut Session) -> Result<Vec<Finding>, PgFailure> {
    let mut findings = vec![version_finding(session)];
    let row = query(
        "SELECT pg_catalog.pg_is_in_recovery() AS standby, pg_catalog.current_database()::pg_catalog.text AS database,
                pg_catalog.has_database_privilege(pg_catalog.current_database(), 'CREATE') AS may_create",
    )
    .fetch_one(&mut session.connection)
    .await?;
    if row.try_get("standby")? {
        findings.push(Finding::error(
            "read_only",
            "It is a physical standby, which cannot be written.",
            "point sandbox_url at a writable database",
        ));
    } else if !row.try_get::<bool, _>("may_create")? {
        let database: String = row.try_get("database")?;
        findings.push(Finding::error(
            "no_create",
            "The role may not make schemas in the sandbox.",
            format!(
                "GRANT CREATE ON DATABASE {} TO the role",
                optischema::model::quote_identifier(&database)
            ),
        ));
    } else {
        findings.push(Finding::ok("writable", "Scratch schemas can be made."));
    }
    Ok(findings)
}

async fn identity_finding(main: &Dsn, session: &mut Session, allow_same_server: bool) -> Finding {
    let unknown = |failure: &PgFailure| {
        Finding::error(
            "identity_unknown",
            format!(
                "Main cannot be asked, so it cannot be shown that the sandbox is not main: {failure}."
            ),
            "make main reachable: nothing is written before that is shown",
        )
    };
    let mut main = match connect_main(main).await {
        Ok(main) => main,
        Err(failure) => return unknown(&failure),
    };
    match prove_not_main(&mut main.connection, &mut session.connection, allow_same_server).await {
        Ok(()) => Finding::ok("identity", "It is proven not to be main."),
        Err(SameDatabase::Unknown(failure)) => unknown(&failure),
        Err(same @ SameDatabase::Same) => Finding::error(
            SANDBOX_IS_MAIN,
            format!("Refused: {same}."),
            "set OPTISCHEMA_SANDBOX_URL to a database of its own",
        ),
        Err(
            same @ (SameDatabase::SameServer
            | SameDatabase::ReplicaIsMain
            | SameDatabase::MainIsStandby
            | SameDatabase::OfAnotherServer),
        ) => Finding::error(
            "sandbox_on_main_server",
            format!("Refused: {same}."),
            "OPTISCHEMA_ALLOW_SAME_SERVER=true if that is meant, or a sandbox on another server",
        ),
    }
}
