//! What goes wrong with a target, as cases that callers tell apart and sentences that people understand.
//! Never a DSN, never a driver's raw text.

use sqlx::error::DatabaseError;
use sqlx::postgres::{PgDatabaseError, PgErrorPosition};
use thiserror::Error;

/// A failure of a target.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum PgFailure {
    /// Nothing answers, or the connection was lost.
    #[error("{0}")]
    Unreachable(String),
    /// It answers, and has no connection free.
    #[error("{0}")]
    Busy(String),
    /// It answers, and refuses the role, the password or the database.
    #[error("{0}")]
    Refused(String),
    /// A statement was cancelled by its timeout, or by a person.
    #[error("the statement was stopped: it reached its time limit, or was cancelled")]
    Stopped,
    /// PostgreSQL did not accept a statement; its own words, which hold no secret of the connection.
    #[error("PostgreSQL says: {message} ({sqlstate})")]
    Sql {
        sqlstate: String,
        message: String,
        /// Where in the statement, in characters from 1.
        position: Option<usize>,
    },
    /// What may be taken from main within an hour is taken.
    #[error("{0}")]
    Spent(String),
    /// The target's answer was not of the form that was asked for.
    #[error("{0}")]
    Unexpected(String),
}

impl PgFailure {
    /// The SQLSTATE, where PostgreSQL gave one.
    #[must_use]
    pub fn sqlstate(&self) -> Option<&str> {
        match self {
            Self::Sql { sqlstate, .. } => Some(sqlstate),
            _ => None,
        }
    }

    /// Whether it says that a text is no statement that can be run: its syntax, names, types or values.
    #[must_use]
    pub fn is_about_the_text(&self) -> bool {
        let classes = ["42", "22", "0A"];
        self.sqlstate().is_some_and(|state| classes.iter().any(|class| state.starts_with(class)))
    }

    /// Whether it says that something was dropped while it was read, which PostgreSQL calls an internal error, or was
    /// locked by another session since it was looked whether it was.
    #[must_use]
    pub fn is_about_a_moment(&self) -> bool {
        matches!(self.sqlstate(), Some("XX000" | "55P03"))
    }

    /// Whether the target itself is gone, rather than a statement being wrong.
    #[must_use]
    pub const fn is_connection(&self) -> bool {
        matches!(self, Self::Unreachable(_) | Self::Busy(_) | Self::Refused(_))
    }

    fn from_database(error: &dyn DatabaseError) -> Self {
        let sqlstate = error.code().map(|code| code.into_owned()).unwrap_or_default();
        let message = error.message().to_owned();
        match sqlstate.as_str() {
            "57014" | "25P03" => Self::Stopped,
            "28P01" => {
                Self::Refused("the password is wrong: check the one in the connection URL".into())
            }
            "28000" => Self::Refused(format!(
                "the server does not let this role in: {message}; check the role and pg_hba.conf"
            )),
            "3D000" => {
                Self::Refused(format!("{message}: check the database's name in the connection URL"))
            }
            "53300" => Self::Busy(
                "the server has no connection free: raise max_connections or try later".into(),
            ),
            "57P01" | "57P02" => Self::Unreachable(
                "the server closed the connection: it is being shut down or restarted".into(),
            ),
            "57P03" => Self::Unreachable(
                "the server is starting up or shutting down: try again in a moment".into(),
            ),
            _ => {
                let original = error.try_downcast_ref::<PgDatabaseError>();
                let position = original.and_then(|error| match error.position() {
                    Some(PgErrorPosition::Original(at)) => Some(at),
                    _ => None,
                });
                Self::Sql { sqlstate, message, position }
            }
        }
    }
}

fn encryption() -> PgFailure {
    PgFailure::Unreachable(
        "the encrypted connection could not be made: check sslmode and certificates".into(),
    )
}

impl From<sqlx::Error> for PgFailure {
    fn from(error: sqlx::Error) -> Self {
        match &error {
            sqlx::Error::Database(database) => Self::from_database(database.as_ref()),
            // What rustls says of a certificate or a handshake.
            sqlx::Error::Io(io) if io.kind() == std::io::ErrorKind::InvalidData => encryption(),
            sqlx::Error::Io(io) => Self::Unreachable(format!(
                "nothing answers there ({}): check host and port, and that the server runs",
                io.kind()
            )),
            sqlx::Error::Tls(_) => encryption(),
            // A connection that was cut inside an answer.
            sqlx::Error::Protocol(_) => Self::Unreachable(
                "the connection was cut, or something else than PostgreSQL answers there".into(),
            ),
            sqlx::Error::PoolTimedOut => {
                Self::Unreachable("the server did not answer in time".into())
            }
            sqlx::Error::Configuration(_) => Self::Refused(
                "the connection URL cannot be used: it has the form postgres://role:password@host:port/database"
                    .into(),
            ),
            other => Self::Unexpected(format!("the server answered something unexpected: {other}")),
        }
    }
}
