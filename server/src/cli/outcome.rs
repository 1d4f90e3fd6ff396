//! How a command ends, and what it says on the way.

use std::path::PathBuf;
use std::process::ExitCode;

use optischema::operations::OperationError;
use thiserror::Error;

use crate::apply::ApplyError;
use crate::config::ConfigError;
use crate::demo::ShopError;
use crate::file_error::in_words;
use crate::instance::InstanceError;
use crate::postgres::PgFailure;
use crate::sandbox::SandboxError;
use crate::store::{ImportError, StoreError};

/// Why a command did not do what it was asked. Each is one sentence.
#[derive(Debug, Error)]
pub enum CommandError {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Instance(#[from] InstanceError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Shop(#[from] ShopError),
    #[error(transparent)]
    Operation(#[from] OperationError),
    #[error(transparent)]
    Sandbox(#[from] SandboxError),
    #[error(transparent)]
    Target(#[from] PgFailure),
    #[error(transparent)]
    Import(#[from] ImportError),
    #[error(transparent)]
    Apply(#[from] ApplyError),
    #[error("failed to use {}: {}", .0.display(), in_words(.1))]
    Folder(PathBuf, std::io::Error),
    #[error("failed to write the result: {0}")]
    Json(#[from] serde_json::Error),
    #[error("{0}")]
    Missing(String),
}

pub(super) type Done = Result<ExitCode, CommandError>;

pub(super) fn say(text: &str) {
    eprintln!("… {}", plain(text));
}

/// A text for a terminal: what is no line break and no letter, as a name of a database may hold it, would move its cursor
/// or change its colours.
pub(super) fn plain(text: &str) -> String {
    let shown = |c: char| if c.is_control() && c != '\n' { char::REPLACEMENT_CHARACTER } else { c };
    text.chars().map(shown).collect()
}

#[cfg(test)]
mod tests {
    use super::plain;

    #[test]
    fn a_name_moves_no_cursor() {
        assert_eq!(plain("a\u{1b}[2J\rb\nc é"), "a\u{fffd}[2J\u{fffd}b\nc é");
    }
}
