//! The commands: each reads its settings, makes its call, and writes the result.

use std::net::TcpListener;
use std::process::ExitCode;

use optischema::model::{TargetHealth, TargetKind};
use serde_json::json;

use super::outcome::{CommandError, Done, say};
use super::{
    AuditAction, Cli, Command, Format, SandboxAction, analyze, benchmark, check, data, measure,
    staging,
};
use crate::config::{Settings, SettingsArgs, default_data_dir};
use crate::demo::{Shop, StoryEnd, run_once};
use crate::http::openapi;
use crate::instance::{
    FolderLock, Instance, InstanceError, lock_data_dir, prepare_data_dir, told_to_stop,
};
use crate::service::{Targets, rehearse_workload};
use crate::workload::AdviseLimits;

pub(super) async fn dispatch(cli: Cli) -> Done {
    let Cli { settings: args, command } = cli;
    match command {
        Command::Serve => serve(Settings::resolve(&args)?).await,
        Command::Demo { once, keep } => demo(args, once, keep).await,
        Command::Check { format } => check_targets(Settings::resolve(&args)?, format).await,
        Command::Analyze { workload, budget_mb, deadline_s, format } => {
            let limits = AdviseLimits {
                budget: budget_mb.map(|megabytes| i64::from(megabytes) * 1_000_000),
                deadline: std::time::Duration::from_secs(u64::from(deadline_s)),
                for_everything: true,
                ..AdviseLimits::default()
            };
            analyze::analyze(Settings::resolve(&args)?, workload, limits, format).await
        }
        Command::Benchmark { what, format } => {
            let settings = Settings::resolve(&args)?;
            match (what.recommendation_id, measure::Files::of(&what)) {
                (Some(id), _) => benchmark::run(settings, benchmark::Asked::One(id), format).await,
                (None, _) if !what.set.is_empty() => {
                    benchmark::run(settings, benchmark::Asked::Set(what.set), format).await
                }
                (None, Some(files)) => measure::run(settings, files, format).await,
                (None, None) => {
                    Err(CommandError::Missing("there is nothing to be measured".into()))
                }
            }
        }
        Command::Sandbox { action } => {
            let settings = Settings::resolve(&args)?;
            match action {
                SandboxAction::Init => staging::init(settings).await,
                SandboxAction::Refresh => staging::refresh(settings).await,
            }
        }
        Command::Audit { action } => {
            let settings = Settings::resolve(&args)?;
            match action {
                AuditAction::Verify => data::verify_audit(settings).await,
                AuditAction::Export { format } => data::export_audit(settings, format).await,
            }
        }
        Command::Import { file } => data::import(Settings::resolve(&args)?, file).await,
        Command::Backup { file } => data::backup(Settings::resolve(&args)?, file).await,
        Command::Restore { file } => data::restore(Settings::resolve(&args)?, file).await,
        Command::Migration { ids, format, out } => {
            data::migration(Settings::resolve(&args)?, ids, format, out).await
        }
        Command::Openapi => {
            println!("{}", serde_json::to_string_pretty(&openapi())?);
            Ok(ExitCode::SUCCESS)
        }
    }
}

async fn serve(settings: Settings) -> Done {
    let instance = Instance::start(settings).await?;
    let served = serve_until_told(&instance).await;
    instance.stop().await;
    served.map(|()| ExitCode::SUCCESS)
}

async fn serve_until_told(instance: &Instance) -> Result<(), CommandError> {
    let listening = instance.bind().await?;
    println!("OptiSchema serves http://{}", listening.address);
    println!("Open this link once to sign in: {}", listening.link);
    listening
        .serve(async {
            told_to_stop().await;
            say("stopping: running work has some seconds to end");
        })
        .await?;
    Ok(())
}

async fn demo(mut args: SettingsArgs, once: bool, keep: bool) -> Done {
    let data_dir = args.data_dir.clone().unwrap_or_else(|| default_data_dir().join("demo"));
    args.data_dir = Some(data_dir.clone());
    // Its databases are its own, whatever is set for another one.
    (args.main_url, args.sandbox_url, args.replica_url) = (None, None, None);
    if let Some(parent) = data_dir.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        std::fs::create_dir_all(parent)
            .map_err(|error| CommandError::Folder(parent.to_owned(), error))?;
    }
    prepare_data_dir(&data_dir)?;
    // Before anything is touched: a second demo must leave the first one's PostgreSQL alone.
    let lock = lock_data_dir(&data_dir)?;
    if !once {
        let listen = Settings::resolve(&args)?.listen;
        // Told now rather than after the set-up.
        drop(TcpListener::bind(listen).map_err(|error| InstanceError::Listen(listen, error))?);
    }
    let mut tell = say;
    let opened = tokio::select! {
        shop = Shop::open(&data_dir, &mut tell) => Some(shop),
        () = told_to_stop() => None,
    };
    match opened {
        Some(Ok(_)) => {}
        ended => {
            // Whatever was begun is not left running; the next start begins the set-up anew.
            Shop::stop(&data_dir).await;
            return match ended {
                Some(Err(error)) => Err(error.into()),
                _ => Ok(ExitCode::from(130)),
            };
        }
    };
    let done = demo_on(&args, once, lock).await;
    if keep {
        say("PostgreSQL stays up, as --keep says");
    } else {
        Shop::stop(&data_dir).await;
    }
    done
}

async fn demo_on(args: &SettingsArgs, once: bool, lock: FolderLock) -> Done {
    let settings = Settings::resolve(args)?;
    say(&format!("point any command at the shop with --data-dir {}", settings.data_dir.display()));
    let instance = Instance::start_locked(settings, lock).await?;
    let done = if once {
        match run_once(instance.operations.as_ref(), &mut say).await? {
            StoryEnd::Verdict(_) => Ok(ExitCode::SUCCESS),
            StoryEnd::None => Ok(ExitCode::from(2)),
        }
    } else {
        say("reading the shop's workload");
        instance.operations.analyze().await?;
        serve_until_told(&instance).await.map(|()| ExitCode::SUCCESS)
    };
    instance.stop().await;
    done
}

async fn check_targets(settings: Settings, format: Format) -> Done {
    let mut targets = Targets::new(std::sync::Arc::new(settings.clone())).check().await;
    rehearse_workload(&settings, &mut targets).await;
    check::tell_servers_usage(&settings, &mut targets).await;
    match format {
        Format::Table => {
            println!("{}", check::table(&targets));
            check::to_paste(&targets).for_each(|line| println!("{line}"));
        }
        Format::Json => {
            println!("{}", serde_json::to_string_pretty(&json!({ "targets": targets }))?)
        }
    }
    let main = targets.iter().find(|target| target.target == TargetKind::Main);
    let usable = main.is_some_and(TargetHealth::usable);
    Ok(if usable { ExitCode::SUCCESS } else { ExitCode::from(1) })
}
