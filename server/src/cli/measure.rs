//! `optischema benchmark --query F --patch F` and `--before F --after F`: measures what is in files. Nothing is stored,
//! so it may run beside a server.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use optischema::model::{BenchmarkResult, TrackedStatement};

use super::benchmark::{ERROR, FAILED, Phases, code_of};
use super::outcome::CommandError;
use super::{BenchmarkWhat, Format};
use crate::analysis::{checked_main, collected, places};
use crate::benchmark::{BenchmarkError, BenchmarkRequest, Places, run_benchmark, typed_cases};
use crate::clock::new_id;
use crate::config::Settings;
use crate::demo::print_result;
use crate::instance::told_to_stop;
use crate::sandbox::{ScratchKind, ScratchSchema, drop_schema_in, stop_named};
use crate::sql::{self, Patch, PatchKind};

/// Time that reading the workload of main may take: the verdict does not wait for it.
const COLLECTING: Duration = Duration::from_secs(20);

/// Files to be measured.
pub(super) struct Files {
    statement: PathBuf,
    patch: PathBuf,
    /// Whether the second must be a statement too.
    both_statements: bool,
}

impl Files {
    pub(super) fn of(what: &BenchmarkWhat) -> Option<Self> {
        let both_statements = what.before.is_some();
        let statement = what.query.clone().or_else(|| what.before.clone())?;
        let patch = what.patch.clone().or_else(|| what.after.clone())?;
        Some(Self { statement, patch, both_statements })
    }
}

fn read(path: &Path) -> Result<String, CommandError> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| CommandError::Folder(path.to_owned(), error))?;
    // Some editors begin a file with a byte-order mark.
    Ok(text.trim_start_matches('\u{feff}').to_owned())
}

pub(super) async fn run(
    settings: Settings,
    files: Files,
    format: Format,
) -> Result<ExitCode, CommandError> {
    let (statement, patch) = (read(&files.statement)?, read(&files.patch)?);
    let Some(places) = places(&settings) else {
        return Err(CommandError::Missing(
            "no main database is configured: set OPTISCHEMA_MAIN_URL".into(),
        ));
    };
    // What cannot be read is said before main is asked for anything.
    for (path, refused) in [
        (&files.statement, sql::parse_one(&statement).err()),
        (&files.patch, Patch::parse(&patch).err()),
    ] {
        if let Some(error) = refused {
            eprintln!("optischema: {}: {error}", path.display());
            return Ok(ExitCode::from(FAILED));
        }
    }
    checked_main(&settings).await?;
    let others = workload(&settings).await;
    let schema = ScratchSchema::new(ScratchKind::Benchmark, new_id());
    let name = format!("optischema benchmark {}", schema.id);
    let measuring =
        Measuring { settings: &settings, places: &places, schema: &schema, name: &name };
    let outcome = tokio::select! {
        outcome = measuring.run(&statement, &patch, &files, &others) => Some(outcome),
        () = told_to_stop() => None,
    };
    let failed = !matches!(outcome, Some(Ok(_)));
    if failed {
        stop_named(&settings, &name).await;
    }
    if let Some(sandbox) = &places.sandbox
        && let Err(error) = drop_schema_in(sandbox, &schema).await
    {
        eprintln!("optischema: the scratch schema {} could not be dropped: {error}", schema.name);
    }
    Ok(match outcome {
        Some(Ok(result)) => {
            match format {
                Format::Table => print_result(&result),
                Format::Json => println!("{}", serde_json::to_string_pretty(&result)?),
            }
            ExitCode::from(code_of(result.verdict))
        }
        Some(Err(error)) => {
            eprintln!("optischema: {error}");
            ExitCode::from(if error.refusal().is_ok() { FAILED } else { ERROR })
        }
        None => ExitCode::from(130),
    })
}

/// The rest of the workload, as far as it can be read in time.
async fn workload(settings: &Settings) -> Vec<TrackedStatement> {
    let reason = match tokio::time::timeout(COLLECTING, collected(settings)).await {
        Ok(Ok(collection)) => return collection.statements,
        Ok(Err(error)) => error.to_string(),
        Err(_) => format!("reading it took more than {} s", COLLECTING.as_secs()),
    };
    eprintln!("optischema: the rest of the workload is not looked at: {reason}");
    Vec::new()
}

struct Measuring<'a> {
    settings: &'a Settings,
    places: &'a Places,
    schema: &'a ScratchSchema,
    name: &'a str,
}

impl Measuring<'_> {
    async fn run(
        &self,
        statement: &str,
        patch_text: &str,
        files: &Files,
        others: &[TrackedStatement],
    ) -> Result<BenchmarkResult, BenchmarkError> {
        let settings = self.settings;
        let patch = Patch::parse(patch_text).map_err(|error| {
            BenchmarkError::Failed(format!("{}: {error}", files.patch.display()))
        })?;
        if files.both_statements && !matches!(patch.kind, PatchKind::Rewrite(_)) {
            return Err(BenchmarkError::Failed(format!(
                "{} is no SELECT: a change is given with --query and --patch",
                files.patch.display()
            )));
        }
        let cases =
            typed_cases(&self.places.main, statement, &files.statement.display().to_string())
                .await?;
        let request = BenchmarkRequest {
            cases: &cases,
            patch: &patch,
            patch_text: patch_text.trim(),
            concerned: &[],
            others,
            name: self.name.to_owned(),
            schema: self.schema,
            seed: self.schema.id.as_u64_pair().1,
            copy_limit_bytes: settings.copy_limit_bytes,
            sample_percent: settings.sample_percent,
            only_planned: false,
            with_functions: settings.with_functions.unwrap_or(false),
            budget: Duration::from_secs(u64::from(settings.benchmark_seconds)),
            statement_timeout_s: settings.statement_timeout_s,
            rewritten_shape: None,
        };
        let mut phases = Phases::default();
        run_benchmark(request, self.places, &mut |phase, _| phases.say(phase)).await
    }
}
