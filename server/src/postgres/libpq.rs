//! A connection URL as libpq's environment variables, for PostgreSQL's own programs. A password in their arguments would
//! be shown to every user of the machine.

use percent_encoding::percent_decode_str;
use sqlx::postgres::PgSslMode;

use super::{Dsn, PgFailure};

/// Variables of libpq that would lead a program elsewhere than the URL says.
pub(crate) const MISLEADING: &[&str] = &[
    "PGHOSTADDR",
    "PGSERVICE",
    "PGSERVICEFILE",
    "PGTARGETSESSIONATTRS",
    "PGLOADBALANCEHOSTS",
    "PGREQUIREAUTH",
    "PGCLIENTENCODING",
];
/// Sessions of main are read-only, whatever the program does.
const OPTIONS: &str = "-c default_transaction_read_only=on";

impl Dsn {
    /// The variables that make a program of PostgreSQL connect as this URL does, read-only.
    ///
    /// # Errors
    /// The URL is not one.
    pub(crate) fn libpq_environment(&self) -> Result<Vec<(&'static str, String)>, PgFailure> {
        let options = self.options()?;
        let host = options.get_socket().map_or_else(
            || options.get_host().trim_matches(['[', ']']).to_owned(),
            |folder| folder.display().to_string(),
        );
        let mut variables = vec![
            ("PGHOST", host),
            ("PGPORT", options.get_port().to_string()),
            ("PGUSER", self.role().to_owned()),
            ("PGDATABASE", self.database().to_owned()),
            ("PGSSLMODE", ssl_mode(options.get_ssl_mode()).to_owned()),
            ("PGAPPNAME", "optischema".to_owned()),
            ("PGCONNECT_TIMEOUT", "10".to_owned()),
            ("PGOPTIONS", OPTIONS.to_owned()),
        ];
        variables.extend(self.password().map(|password| ("PGPASSWORD", password)));
        for (name, variable) in
            [("sslrootcert", "PGSSLROOTCERT"), ("sslcert", "PGSSLCERT"), ("sslkey", "PGSSLKEY")]
        {
            variables.extend(self.parameter(name).map(|value| (variable, value)));
        }
        Ok(variables)
    }
}

const fn ssl_mode(mode: PgSslMode) -> &'static str {
    match mode {
        PgSslMode::Disable => "disable",
        PgSslMode::Allow => "allow",
        PgSslMode::Prefer => "prefer",
        PgSslMode::Require => "require",
        PgSslMode::VerifyCa => "verify-ca",
        PgSslMode::VerifyFull => "verify-full",
    }
}

/// A part of a URL as it is meant.
pub(super) fn decoded(part: &str) -> String {
    percent_decode_str(part).decode_utf8_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variable(url: &str, name: &str) -> Option<String> {
        let variables = url.parse::<Dsn>().unwrap().libpq_environment().unwrap();
        variables.into_iter().find(|(known, _)| *known == name).map(|(_, value)| value)
    }

    #[test]
    fn a_program_of_postgresql_connects_as_the_url_says() {
        let url = "postgres://ann:p%40ss%2Fw%25@db.example:6432/my%20shop?sslmode=verify-full&ssl-root-cert=%2Fca.pem";
        for (name, value) in [
            ("PGHOST", "db.example"),
            ("PGPORT", "6432"),
            ("PGUSER", "ann"),
            ("PGDATABASE", "my shop"),
            ("PGPASSWORD", "p@ss/w%"),
            ("PGSSLMODE", "verify-full"),
            ("PGSSLROOTCERT", "/ca.pem"),
        ] {
            assert_eq!(variable(url, name).as_deref(), Some(value), "{name}");
        }
        assert_eq!(variable("postgres://ann@h/d", "PGPASSWORD"), None);
        let password = variable("postgres://h/d?user=ann&password=a%26b", "PGPASSWORD");
        assert_eq!(password.as_deref(), Some("a&b"));
        let socket = variable("postgres://ann@%2Ftmp%2Fpg/d", "PGHOST");
        assert_eq!(socket.as_deref(), Some("/tmp/pg"));
        let socket = variable("postgres:///d?host=/tmp/pg&user=a", "PGHOST");
        assert_eq!(socket.as_deref(), Some("/tmp/pg"));
        assert_eq!(variable("postgres://a@[::1]/d", "PGHOST").as_deref(), Some("::1"));
    }
}
