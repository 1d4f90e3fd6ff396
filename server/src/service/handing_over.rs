//! Changes handed over for production: derived from main's catalog as it is now, written as a person's or a framework's
//! files. Nothing is run.

use optischema::model::{
    HandedOver, Handover, Job, JobResult, LatestBenchmark, MigrationFile, Recommendation,
    RecommendationType, Rule, quote_identifier,
};
use optischema::operations::{HandoverAsked, OperationError, Outcome, PatchFile};
use optischema::rollout::rollout_order;

use super::Service;
use crate::analysis::checked_main;
use crate::apply::{ApplyError, PlanSite, plan_change};
use crate::clock::now;
use crate::handover::{
    HandedChange, HandedStatement, Migration, drop_leftover, sql_comment, write,
};
use crate::postgres::query;
use crate::postgres::{MainSession, PgFailure};
use crate::sql::{
    NamedRelation, Patch, PatchKind, Setting, creates_extension, refuses_transaction,
};

impl Service {
    /// Recommendations as files, in a safe order.
    pub(super) async fn handover(&self, asked: HandoverAsked) -> Outcome<Handover> {
        let HandoverAsked { ids, format, stamp } = asked;
        let invalid = |message: &str| OperationError::Invalid {
            field: "ids".to_owned(),
            message: message.to_owned(),
        };
        if ids.is_empty() {
            return Err(invalid("name at least one recommendation"));
        }
        let mut recommendations = Vec::with_capacity(ids.len());
        for id in ids {
            recommendations.push(self.store.recommendation(id).await?);
        }
        let mut session = MainSession::begin(checked_main(&self.settings).await?).await?;
        let (mut changes, mut listed, mut notes) = (Vec::new(), Vec::new(), Vec::new());
        for (recommendation, place) in rollout_order(recommendations) {
            let said = notes.len();
            let change = handed(&mut session, &recommendation, &mut notes).await?;
            if notes.len() > said {
                // A failure may have spoilt the transaction for those that follow. Its connection goes first: main's
                // budget may allow only one.
                drop(session);
                session = MainSession::begin(checked_main(&self.settings).await?).await?;
            }
            listed.push(HandedOver {
                recommendation_id: recommendation.id,
                title: recommendation.title.clone(),
                place: place.to_owned(),
                can_be_undone: !change.down.is_empty(),
            });
            changes.push(change);
        }
        session.end().await?;
        let is_new = stamp.is_none();
        let stamp = match stamp {
            Some(stamp) => stamp,
            None => self.next_stamp().await?,
        };
        let files = write(format, &Migration { stamp: &stamp, changes: &changes });
        if is_new && let Some(highest) = files.iter().filter_map(version_of).max() {
            self.store.set_setting(LAST_VERSION, &highest.to_string()).await?;
        }
        Ok(Handover { format, stamp, changes: listed, files, notes })
    }

    /// The present as 14 digits, and beyond every version that was handed over before: tools refuse two of one number.
    async fn next_stamp(&self) -> Outcome<String> {
        let digits: String =
            now().to_string().chars().filter(char::is_ascii_digit).take(14).collect();
        let last: Option<u64> =
            self.store.setting(LAST_VERSION).await?.and_then(|last| last.parse().ok());
        let present: u64 = digits.parse().unwrap_or_default();
        Ok(format!("{:014}", present.max(last.map_or(0, |last| last + 1))))
    }
}

/// The setting of the store that holds the highest version that was handed over.
const LAST_VERSION: &str = "last_handed_over_version";

/// The version of a file of 14 digits, as most tools have it.
fn version_of(file: &MigrationFile) -> Option<u64> {
    let name = file.name.trim_start_matches(['V', 'U']);
    name.get(..14)?.parse().ok()
}

/// One recommendation's statements both ways, as main's catalog has them now.
async fn handed(
    session: &mut MainSession,
    recommendation: &Recommendation,
    notes: &mut Vec<String>,
) -> Outcome<HandedChange> {
    let mut change = HandedChange {
        title: recommendation.title.clone(),
        reference: recommendation.id.to_string(),
        notes: vec![verdict(recommendation.latest_benchmark.as_ref())],
        up: Vec::new(),
        down: Vec::new(),
        no_down: None,
    };
    let parsed = Patch::parse(&recommendation.patch_sql);
    if recommendation.recommendation_type == RecommendationType::Rewrite {
        match &parsed {
            Ok(Patch { kind: PatchKind::Rewrite(rewritten), .. }) if rewritten.index.is_some() => {
                change.notes.push(format!(
                    "The index is for a statement that the application sends instead of its own, once the index is there:\n{}",
                    rewritten.statement.sql
                ));
            }
            _ => {
                change.notes.push(format!(
                    "A statement for the application to send; nothing is run for it:\n{}",
                    recommendation.sql_fix
                ));
                change.no_down = Some("nothing is run, so there is nothing to undo".to_owned());
                return Ok(change);
            }
        }
    }
    let patch = match parsed {
        Ok(patch) => patch,
        // What no benchmark and no apply takes, such as another type of a column, is handed over as it is written.
        Err(reason) => {
            change.up = split(&recommendation.sql_fix);
            change.notes.push(format!("OptiSchema does not apply it: {reason}."));
            change.no_down = Some("no statement that undoes it is known".to_owned());
            return Ok(change);
        }
    };
    if let PatchKind::Setting(setting) = &patch.kind
        && patch.kind.is_server_wide()
    {
        server_setting(session, setting, recommendation, &mut change).await?;
        return Ok(change);
    }
    let site = PlanSite {
        main_database: &recommendation.database,
        rehearsal_schema: "optischema_unused",
        for_others: true,
    };
    match plan_change(session.connection().await?, &patch, recommendation, site).await {
        Ok(plan) => {
            let statement = |step: &optischema::model::ChangeStep| HandedStatement {
                sql: step.sql.clone(),
                in_transaction: step.in_transaction,
            };
            change.up = prerequisites(&recommendation.sql_fix);
            if !change.up.is_empty() {
                change.notes.push("The extension stays when this is undone.".to_owned());
            }
            change.up.extend(plan.steps.iter().map(statement));
            change.down = plan.rollback.iter().map(statement).collect();
            change.no_down = plan.no_rollback;
            if let (Some(Rule::InvalidIndex), PatchKind::DropIndex(drop), Some(table)) =
                (recommendation.evidence.rule, &patch.kind, recommendation.tables.first())
            {
                // Somebody may have rebuilt it since the advice was given.
                let table =
                    NamedRelation { schema: table.schema.clone(), name: table.name.clone() };
                let sql = drop_leftover(&table, &drop.name);
                change.up = vec![HandedStatement { sql, in_transaction: true }];
                change.notes.push("It is dropped only if it is still invalid.".to_owned());
            }
        }
        Err(error @ ApplyError::Error(_)) => return Err(error.into()),
        // It is written all the same: a person may know why.
        Err(error) => {
            notes.push(format!("{}: {error}.", recommendation.title));
            change.up = split(&recommendation.sql_fix);
            change.no_down = Some(format!("what undoes it is not known: {error}"));
        }
    }
    Ok(change)
}

/// A setting of the whole server: taken out of the server's own file again. What may have stood there before, a role that
/// only reads cannot know.
async fn server_setting(
    session: &mut MainSession,
    setting: &Setting,
    recommendation: &Recommendation,
    change: &mut HandedChange,
) -> Outcome<()> {
    let row = query("SELECT pg_catalog.current_setting($1, true) AS now")
        .bind(&setting.name)
        .fetch_one(session.connection().await?)
        .await
        .map_err(PgFailure::from)?;
    let now: Option<String> = sqlx::Row::try_get(&row, "now").map_err(PgFailure::from)?;
    change.up = split(&recommendation.sql_fix);
    let reset = format!("ALTER SYSTEM RESET {}", quote_identifier(&setting.name));
    change.down = split(&format!("{reset}; SELECT pg_reload_conf()"));
    change.no_down = Some(format!(
        "{} is {} now; if postgresql.auto.conf has it, set it again instead",
        setting.name,
        now.unwrap_or_else(|| "not known".to_owned())
    ));
    Ok(())
}

fn verdict(latest: Option<&LatestBenchmark>) -> String {
    let Some(latest) = latest else { return "It was not benchmarked.".to_owned() };
    let change = latest.change_percent.map(optischema::figures::change);
    let figure = change.map_or_else(
        || latest.verdict.label().to_owned(),
        |change| format!("{}, {change}", latest.verdict.label()),
    );
    format!("Benchmark {}: {figure}.", latest.job_id)
}

/// The statements of a text, each by itself.
fn split(text: &str) -> Vec<HandedStatement> {
    let parts = pg_query::split_with_parser(text).unwrap_or_else(|_| vec![text]);
    parts
        .into_iter()
        .map(|part| part.trim().trim_end_matches(';').trim_end())
        .filter(|part| !part.is_empty())
        .map(|part| HandedStatement {
            sql: part.to_owned(),
            in_transaction: !refuses_transaction(part),
        })
        .collect()
}

/// The extensions that a recommendation makes before its change.
fn prerequisites(sql_fix: &str) -> Vec<HandedStatement> {
    let mut statements = split(sql_fix);
    statements.retain(|statement| creates_extension(&statement.sql));
    statements
}

/// `patch.sql` of a job.
pub(super) fn patch_file(recommendation: &Recommendation, job: &Job) -> PatchFile {
    let mut text = String::new();
    let mut comment = |line: &str| {
        text.push_str(&sql_comment(line));
    };
    comment(&recommendation.title);
    comment(&format!("Recommendation {}, job {}.", recommendation.id, job.id));
    if let Some(benchmark) = job.result.as_ref().and_then(JobResult::benchmark) {
        comment(&format!("Verdict: {} ({}).", benchmark.verdict.label(), benchmark.fidelity.tag()));
    }
    let file_name = format!("optischema-{}.sql", recommendation.id);
    if recommendation.recommendation_type == RecommendationType::Rewrite {
        comment(if recommendation.evidence.index.is_some() {
            "The index is to be made on main; the SELECT is for the application to send instead of its own."
        } else {
            "A statement for the application to send: nothing is to be run on main."
        });
        text.push_str(&recommendation.sql_fix);
        text.push('\n');
        return PatchFile { file_name, sql: text };
    }
    let concurrent = recommendation.sql_fix.contains("CONCURRENTLY");
    if concurrent {
        comment("Run it outside a transaction: CONCURRENTLY does not run inside one.");
        comment(
            "It waits for older transactions without holding anybody up, hence the long lock_timeout.",
        );
    }
    let lock_timeout = if concurrent { "30min" } else { "5s" };
    text.push_str(&format!("SET lock_timeout = '{lock_timeout}';\nSET statement_timeout = 0;\n"));
    text.push_str(&recommendation.sql_fix);
    text.push_str("\nRESET lock_timeout;\nRESET statement_timeout;\n");
    PatchFile { file_name, sql: text }
}
