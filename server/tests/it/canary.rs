//! A secret that is typed into the wrong place, or wrongly, is printed nowhere.

use std::process::Command;

use clap::CommandFactory;
use optischema_server::cli::Cli;

const CANARY: &str = "c4n4ry";

/// Runs the program, and gives everything that it printed.
fn printed(
    arguments: &[String],
    environment: &[(String, String)],
    folder: &std::path::Path,
) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_optischema"))
        .args(arguments)
        .envs(environment.iter().map(|(name, value)| (name.as_str(), value.as_str())))
        .current_dir(folder)
        .output()
        .unwrap();
    assert!(!output.status.success(), "{arguments:?} {environment:?}");
    format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

/// Values that are wrong for every setting that checks its value.
fn wrong_values() -> Vec<String> {
    vec![
        format!("mysql://ann:{CANARY}@db.example/shop"),
        format!("postgres://ann:{CANARY}@db.example:port/shop"),
        format!("postgres://ann:{CANARY}@[::/shop?sslmode=maybe"),
        CANARY.to_owned(),
        format!("ann={CANARY}"),
        format!("postgres://ann:{CANARY}@db.example/shop?sslmode={CANARY}"),
    ]
}

/// Every setting, on the command line and in the environment, and every command.
#[test]
fn no_setting_is_printed_with_its_value() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data").display().to_string();
    let command = Cli::command();
    let settings: Vec<(String, Option<String>)> = command
        .get_arguments()
        .filter(|argument| argument.get_id() != "help" && argument.get_id() != "version")
        .filter_map(|argument| {
            let variable = argument.get_env().map(|name| name.to_string_lossy().into_owned());
            Some((format!("--{}", argument.get_long()?), variable))
        })
        .collect();
    assert!(settings.len() > 25, "{settings:?}");
    let text_settings =
        ["--data-dir", "--allowed-hosts", "--trusted-functions", "--pause-at", "--site-root"];
    let mut tried = 0;
    for (flag, variable) in &settings {
        // What takes any text is no place for a secret, and refuses none.
        if text_settings.contains(&flag.as_str()) {
            continue;
        }
        for value in wrong_values() {
            let base = vec!["check".to_owned(), "--data-dir".to_owned(), data.clone()];
            for arguments in [vec![flag.clone(), value.clone()], vec![format!("{flag}={value}")]] {
                let arguments = [base.clone(), arguments].concat();
                let printed = printed(&arguments, &[], folder.path());
                assert!(!printed.contains(CANARY), "{arguments:?}: {printed}");
                tried += 1;
            }
            if let Some(variable) = variable {
                let printed = printed(&base, &[(variable.clone(), value.clone())], folder.path());
                assert!(!printed.contains(CANARY), "{variable}={value}: {printed}");
                tried += 1;
            }
        }
    }
    assert!(tried > 300, "{tried}");
    for command in command.get_subcommands() {
        let url = format!("postgres://ann:{CANARY}@127.0.0.1:1/shop");
        for arguments in [
            vec![command.get_name().to_owned(), url.clone()],
            vec![command.get_name().to_owned(), format!("--main-ulr={url}")],
            vec![command.get_name().to_owned(), format!("--format={url}")],
            vec![url.clone(), command.get_name().to_owned()],
        ] {
            let printed = printed(&arguments, &[], folder.path());
            assert!(!printed.contains(CANARY), "{arguments:?}: {printed}");
        }
    }
}

/// A settings file that is wrong anywhere.
#[test]
fn no_settings_file_is_printed_with_its_secrets() {
    let folder = tempfile::tempdir().unwrap();
    for text in [
        format!("main_url = \"postgres://ann:{CANARY}@db.example:port/shop\""),
        format!("main_url = postgres://ann:{CANARY}@db.example/shop"),
        format!("main_url = \"postgres://ann:{CANARY}@db.example/shop"),
        format!("token = \"{CANARY}\""),
        format!("token = [\"{CANARY}\"]"),
        format!("tokens = \"ann={CANARY}\""),
        format!("tokens = [\"{CANARY}\"]"),
        format!("webhook_urls = [\"https://hooks.example/{CANARY}\"]"),
        format!("webhook_urls = [\"{CANARY}\"]\nwebhook_secret = \"{CANARY}{CANARY}{CANARY}\""),
        format!("copy_limit_mb = \"{CANARY}\""),
        format!("listen = \"{CANARY}\""),
        format!("[main_url]\n{CANARY} = 1"),
        CANARY.to_owned(),
        format!("{CANARY} = 1"),
        format!("main_url = \"postgres://db.example/shop\"\npassword = \"{CANARY}\""),
        format!("sample_percent = \"postgres://ann:{CANARY}@db.example/shop\""),
    ] {
        std::fs::write(folder.path().join("optischema.toml"), &text).unwrap();
        let arguments = ["check", "--data-dir", folder.path().to_str().unwrap()].map(str::to_owned);
        let printed = printed(&arguments, &[], folder.path());
        assert!(!printed.contains(CANARY), "{text}: {printed}");
        assert!(printed.contains("optischema:"), "{text}: {printed}");
    }
}

/// A target that cannot be reached, or that refuses, is named without its password.
#[test]
fn no_failure_of_a_target_shows_its_password() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().display().to_string();
    for url in [
        format!("postgres://ann:{CANARY}@127.0.0.1:1/shop"),
        format!("postgres://ann:{CANARY}@no-such-host.invalid/shop"),
        format!(
            "postgres://ann:{CANARY}@127.0.0.1:1/shop?sslmode=verify-full&sslrootcert=/nowhere/{CANARY}"
        ),
    ] {
        for command in ["check", "analyze"] {
            let arguments = [command, "--main-url", &url, "--data-dir", &data].map(str::to_owned);
            let printed = printed(
                &arguments,
                &[("OPTISCHEMA_LOG".to_owned(), "debug".to_owned())],
                folder.path(),
            );
            assert!(!printed.contains(CANARY), "{command} {url}: {printed}");
        }
    }
}

/// Arguments that are no UTF-8 are refused in a sentence.
#[test]
fn an_argument_that_is_no_text_is_refused() {
    use std::os::unix::ffi::OsStrExt;
    let folder = tempfile::tempdir().unwrap();
    let broken = std::ffi::OsStr::from_bytes(b"check\xff");
    for arguments in [vec![broken], vec!["--listen".as_ref(), broken, "check".as_ref()]] {
        let output = Command::new(env!("CARGO_BIN_EXE_optischema"))
            .args(&arguments)
            .current_dir(folder.path())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {said}");
        assert!(said.starts_with("optischema: ") && !said.contains("panicked"), "{said}");
    }
}
