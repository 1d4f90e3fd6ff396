//! What a first analysis would meet: `optischema check` plans main's statements and says what is in the way.

use std::time::{Duration, Instant};

use optischema::model::{
    Finding, NotPlanned, ReasonCode, TargetHealth, TargetKind, quote_identifier,
};
use optischema::workload::{Coverage, trusted_setting};

use crate::config::Settings;
use crate::postgres::{
    Dsn, MainSession, PgFailure, connect_writable, lacking_extensions, used_extensions,
};
use crate::workload::collect;

/// The finding that names functions.
pub const FUNCTIONS_IN_THE_WAY: &str = "functions_in_the_way";
/// How long statements are planned; the dearest come first.
const LONGEST: Duration = Duration::from_secs(20);
/// Below this share of the time, in percent, advice misses much of the workload.
const MUCH: f64 = 90.0;

/// Adds to the targets what planning the workload shows. A target that cannot be used is left as it is.
pub async fn rehearse_workload(settings: &Settings, targets: &mut [TargetHealth]) {
    let is_usable = |targets: &[TargetHealth], kind| {
        targets.iter().any(|target| target.target == kind && target.usable())
    };
    let Some(main) = settings.main_url.as_ref().filter(|_| is_usable(targets, TargetKind::Main))
    else {
        return;
    };
    let of_main = of_main(main).await.unwrap_or_else(|failure| vec![unknown(&failure)]);
    add(targets, TargetKind::Main, of_main);
    let sandbox = settings.sandbox_url.as_ref();
    let Some(sandbox) = sandbox.filter(|_| is_usable(targets, TargetKind::Sandbox)) else { return };
    match of_sandbox(main, sandbox).await {
        Ok(finding) => add(targets, TargetKind::Sandbox, finding.into_iter().collect()),
        Err(failure) => add(targets, TargetKind::Sandbox, vec![unknown(&failure)]),
    }
}

fn unknown(failure: &impl std::fmt::Display) -> Finding {
    Finding::warning(
        "workload_unknown",
        format!("The workload could not be read: {failure}."),
        "run the check again",
    )
}

fn add(targets: &mut [TargetHealth], kind: TargetKind, findings: Vec<Finding>) {
    for target in targets.iter_mut().filter(|target| target.target == kind) {
        target.findings.extend(findings.iter().cloned());
        target.state = TargetHealth::from_findings(kind, target.findings.clone()).state;
    }
}

async fn of_main(main: &Dsn) -> Result<Vec<Finding>, PgFailure> {
    let mut session = MainSession::begin(main).await?;
    session.wait_until(Instant::now() + LONGEST);
    let collected = collect(&mut session, Some(Instant::now() + LONGEST), false).await;
    session.end().await?;
    Ok(match collected {
        Ok(collection) => workload_findings(
            &Coverage::of(&collection.statements),
            main.trusted_functions(),
            main.role(),
        ),
        Err(error) => vec![unknown(&error)],
    })
}

/// What can be planned of the workload, and what is in the way, each kind once.
fn workload_findings(coverage: &Coverage, trusted: &[String], role: &str) -> Vec<Finding> {
    if coverage.statements == 0 {
        return vec![Finding::advice(
            "workload_empty",
            "pg_stat_statements counts no statement of an application yet.",
            "let the application run for a while, or give a log or a SQL file: optischema analyze --workload FILE",
        )];
    }
    let planned = format!("{}.", coverage.sentence());
    let is_little = coverage.planned_time_percent.is_some_and(|share| share < MUCH);
    let mut findings = vec![match is_little {
        true => Finding::warning("workload_planned", planned, "see the reasons below"),
        false => Finding::ok("workload_planned", planned),
    }];
    for group in &coverage.reasons {
        let sentence = format!("{}.", group.sentence());
        let remedy = match group.code {
            ReasonCode::NotSafe if !group.functions.is_empty() => {
                trusted_setting(trusted.iter().chain(&group.functions))
            }
            ReasonCode::RowSecurity => {
                Some(format!("ALTER ROLE {} BYPASSRLS;", quote_identifier(role)))
            }
            _ => group.messages.iter().find_map(|NotPlanned { remedy, .. }| remedy.clone()),
        };
        findings.push(match remedy {
            Some(remedy) => Finding::advice(code_of(group.code), sentence, remedy),
            None => Finding::ok(code_of(group.code), sentence),
        });
    }
    findings
}

const fn code_of(reason: ReasonCode) -> &'static str {
    match reason {
        ReasonCode::NotSafe => FUNCTIONS_IN_THE_WAY,
        ReasonCode::RowSecurity => "policies_in_the_way",
        _ => "not_planned",
    }
}

/// Extensions that main's tables use and the sandbox lacks.
async fn of_sandbox(main: &Dsn, sandbox: &Dsn) -> Result<Option<Finding>, PgFailure> {
    let mut session = MainSession::begin(main).await?;
    let used = used_extensions(session.connection().await?).await;
    session.end().await?;
    let used = used?;
    let mut session = connect_writable(sandbox, 30).await?;
    let lacking = lacking_extensions(&mut session.connection, &used).await;
    drop(sqlx::Connection::close(session.connection).await);
    let (available, absent) = lacking?;
    if available.is_empty() && absent.is_empty() {
        return Ok(None);
    }
    let names: Vec<&str> = available.iter().chain(&absent).map(String::as_str).collect();
    let message = format!(
        "The sandbox lacks extensions that main's tables use: {}. Tables that need them are not copied whole.",
        names.join(", ")
    );
    let made = available.iter().chain(&absent);
    let mut remedy: Vec<String> =
        made.map(|name| format!("CREATE EXTENSION {};", quote_identifier(name))).collect();
    if !absent.is_empty() {
        remedy
            .insert(0, format!("-- first install on the sandbox's server: {}", absent.join(", ")));
    }
    Ok(Some(Finding::warning("extensions_missing", message, remedy.join("\n"))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use optischema::model::{QueryHash, QueryKind, TrackedStatement};

    #[test]
    fn what_is_in_the_way_comes_with_one_line_to_paste() {
        let of = |time: f64, reason: NotPlanned| TrackedStatement {
            query_hash: QueryHash("a".into()),
            sql: String::new(),
            kind: QueryKind::User,
            calls: 1,
            total_time_ms: time,
            rows: 0,
            temp_blocks: 0,
            plannable: Err(reason),
        };
        let calls = |name: &str| NotPlanned {
            functions: vec![name.to_owned()],
            ..NotPlanned::new(ReasonCode::NotSafe, format!("it calls {name}"))
        };
        let coverage = Coverage::of(&[
            of(5.0, calls("app.f")),
            of(4.0, calls("app.g")),
            of(1.0, NotPlanned::new(ReasonCode::RowSecurity, "policies hide rows of notes")),
        ]);
        let findings = workload_findings(&coverage, &["app.known".to_owned()], "Reader");
        let remedies: Vec<&str> = findings.iter().filter_map(|f| f.remedy.as_deref()).collect();
        assert_eq!(
            remedies[1..],
            [
                "OPTISCHEMA_TRUSTED_FUNCTIONS=app.known,app.f,app.g",
                "ALTER ROLE \"Reader\" BYPASSRLS;"
            ]
        );
        assert_eq!(findings[0].level, optischema::model::FindingLevel::Warning);
    }
}
