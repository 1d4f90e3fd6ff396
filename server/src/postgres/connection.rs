//! Connections to the targets. Each has timeouts from its first moment, and names itself `optischema`.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use optischema::model::MainLimits;
use serde::{Deserialize, Serialize};
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{ConnectOptions, Connection, Row};
use tokio::sync::OwnedSemaphorePermit;

use super::libpq::decoded;
use super::nodelay;
use super::query;
use super::{Budget, PgFailure};

/// `client_connection_check_interval` came with PostgreSQL 14.
const FIRST_THAT_LOOKS_FOR_CLIENTS: i32 = 140_000;
/// A target that does not answer within this is down.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// A connection URL. Its password is never shown.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Dsn {
    url: String,
    address: String,
    role: String,
    /// Functions that the person vouches for, where it is main's.
    trusted_functions: Vec<String>,
    /// What may be taken from it, where it is main's.
    budget: Budget,
}

impl Dsn {
    /// The same, where no more than this may be taken.
    #[must_use]
    pub fn limited(self, limits: MainLimits) -> Self {
        Self { budget: Budget::new(limits), ..self }
    }

    /// The same, counted against no budget: for a look at whether the server answers at all.
    #[must_use]
    pub fn unbudgeted(self) -> Self {
        Self { budget: Budget::default(), ..self }
    }

    /// What may be taken from it.
    #[must_use]
    pub const fn budget(&self) -> &Budget {
        &self.budget
    }

    /// The same, where these functions (`schema.name`, `schema.*`) may be reached by planning.
    #[must_use]
    pub fn trusting(self, functions: &[String]) -> Self {
        Self { trusted_functions: functions.to_vec(), ..self }
    }

    /// Functions that the person vouches for.
    #[must_use]
    pub fn trusted_functions(&self) -> &[String] {
        &self.trusted_functions
    }

    /// `host:port/database`.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    /// `host:port`.
    #[must_use]
    pub fn server(&self) -> &str {
        self.address.rsplit_once('/').map_or(self.address.as_str(), |(server, _)| server)
    }

    /// The database's name.
    #[must_use]
    pub fn database(&self) -> &str {
        self.address.rsplit('/').next().unwrap_or_default()
    }

    /// The role's name.
    #[must_use]
    pub fn role(&self) -> &str {
        &self.role
    }

    /// Whether it goes over no network: a Unix socket, or the loopback interface.
    #[must_use]
    pub fn is_local(&self) -> bool {
        let Some((host, _)) = self.address.rsplit_once(':') else { return false };
        let host = host.trim_matches(['[', ']']);
        host == "localhost"
            || host.starts_with('/')
            || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
    }

    /// The password that the URL holds.
    pub(super) fn password(&self) -> Option<String> {
        let authority = self.url.split_once("://")?.1.split(['/', '?']).next()?;
        let written = authority.rsplit_once('@').and_then(|(user, _)| user.split_once(':'));
        written.map(|(_, password)| decoded(password)).or_else(|| self.parameter("password"))
    }

    /// A parameter of the URL, under the name that libpq gives it or with hyphens.
    pub(super) fn parameter(&self, name: &str) -> Option<String> {
        let is = |given: &str| given.replace('-', "") == name;
        let parameters = self.url.split_once('?')?.1.split('&');
        let mut values = parameters.filter_map(|parameter| parameter.split_once('='));
        values.find(|(given, _)| is(given)).map(|(_, value)| decoded(value))
    }

    pub(super) fn options(&self) -> Result<PgConnectOptions, PgFailure> {
        Ok(PgConnectOptions::from_str(&self.url)?
            .application_name("optischema")
            .statement_cache_capacity(0)
            .disable_statement_logging())
    }
}

impl fmt::Debug for Dsn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Dsn({}@{})", self.role, self.address)
    }
}

/// A text that is no connection URL. It does not repeat the text, which may hold a password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "not a connection URL: it has the form postgres://role:password@host:port/database?sslmode=…; write / as %2F, ? as %3F, # as %23 and @ as %40 in a password"
)]
pub struct InvalidDsn;

/// Parameters of a connection URL that the driver knows. It logs others with their values.
const PARAMETERS: &[&str] = &[
    "sslmode",
    "ssl-mode",
    "sslrootcert",
    "ssl-root-cert",
    "ssl-ca",
    "sslcert",
    "ssl-cert",
    "sslkey",
    "ssl-key",
    "statement-cache-capacity",
    "host",
    "hostaddr",
    "port",
    "dbname",
    "user",
    "password",
    "application_name",
    "options",
];

/// Whether a part of the password stands where something else is expected: a `/`, `?`, `#` or `@` in it that was not
/// encoded. What is taken for the database's name or for a parameter would be shown.
fn has_stray_characters(url: &str) -> bool {
    let Some((_, rest)) = url.split_once("://") else { return true };
    let (place, query) = rest.split_once('?').unwrap_or((rest, ""));
    let (authority, path) = place.split_once('/').unwrap_or((place, ""));
    let known = |parameter: &str| {
        let name = parameter.split('=').next().unwrap_or_default();
        PARAMETERS.contains(&name) || (name.starts_with("options[") && name.ends_with(']'))
    };
    rest.contains('#')
        || path.contains(['@', '/', ':'])
        || authority.matches('@').count() > 1
        || query.split('&').any(|parameter| !parameter.is_empty() && !known(parameter))
}

impl FromStr for Dsn {
    type Err = InvalidDsn;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if !text.starts_with("postgres://") && !text.starts_with("postgresql://") {
            return Err(InvalidDsn);
        }
        if has_stray_characters(text) {
            return Err(InvalidDsn);
        }
        let options = PgConnectOptions::from_str(text).map_err(|_| InvalidDsn)?;
        let database = options.get_database().unwrap_or_else(|| options.get_username());
        Ok(Self {
            address: format!("{}:{}/{database}", options.get_host(), options.get_port()),
            role: options.get_username().to_owned(),
            trusted_functions: Vec::new(),
            budget: Budget::default(),
            url: text.to_owned(),
        })
    }
}

impl TryFrom<String> for Dsn {
    type Error = InvalidDsn;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Dsn> for String {
    fn from(dsn: Dsn) -> Self {
        dsn.url
    }
}

/// An open connection, and the server process behind it.
#[derive(Debug)]
pub struct Session {
    pub connection: PgConnection,
    /// `pg_backend_pid()`: what a cancel request names.
    pub backend_pid: i32,
    /// `server_version_num`: 150004, 180001, …
    pub version_number: i32,
    /// `server_version`.
    pub version: String,
    /// The search path that the database or role sets, where the connection's own is pinned.
    pub own_path: Option<String>,
    /// A place among main's connections.
    _permit: Option<OwnedSemaphorePermit>,
}

impl Session {
    /// Names the connection, so that it can be found and stopped.
    ///
    /// # Errors
    /// The connection is lost.
    pub async fn name(&mut self, name: &str) -> Result<(), PgFailure> {
        query("SELECT pg_catalog.set_config('application_name', $1, false)")
            .bind(name)
            .execute(&mut self.connection)
            .await?;
        Ok(())
    }
}

/// What would make our own queries run a function of the database's even with names pinned: a cast between
/// two built-in types, a function put into `pg_catalog`, a built-in view made anew. No cast is used here.
///
/// A function of an extension in `pg_catalog` is accepted where it is C code of a library that carries the
/// extension's name: what somebody added to the extension by hand is not.
const TAMPERED: &str = "
    SELECT /* optischema */ 'a cast between two built-in types by a function of its own' AS what
    FROM pg_catalog.pg_cast c WHERE c.oid >= '16384' AND c.castsource < '16384' AND c.casttarget < '16384' AND c.castmethod = 'f'
    UNION ALL SELECT 'a function of its own in pg_catalog'
    FROM pg_catalog.pg_proc p WHERE p.oid >= '16384' AND p.pronamespace = '11'
      AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_extension e ON e.oid = d.refobjid
                      WHERE d.classid = '1255' AND d.objid = p.oid AND d.deptype = 'e' AND d.refclassid = '3079'
                        AND p.prolang = '13'
                        AND p.probin = pg_catalog.textcat('$libdir/', pg_catalog.textin(pg_catalog.nameout(e.extname))))
    UNION ALL SELECT 'a built-in function in another language than before'
    FROM pg_catalog.pg_proc p WHERE p.oid < '16384' AND p.pronamespace = '11' AND p.prolang NOT IN ('12', '13', '14')
    UNION ALL SELECT 'an operator of its own in pg_catalog, or tied to a built-in one'
    FROM pg_catalog.pg_operator o WHERE (o.oid >= '16384' AND o.oprnamespace = '11') OR (o.oid < '16384'
      AND (o.oprcom >= '16384' OR o.oprnegate >= '16384' OR o.oprcode::pg_catalog.oid >= '16384'))
    UNION ALL SELECT 'a built-in view that was made anew'
    FROM pg_catalog.pg_depend d WHERE d.classid = '2618' AND d.objid < '16384' AND d.refobjid >= '16384'
    LIMIT 1";

/// The only path that our own queries run under. Temporary objects come last: by default they come first.
pub(super) const OWN_QUERIES_PATH: &str = "pg_catalog, pg_temp";

/// Pins the path of names to PostgreSQL's own: a function of the database's with a name and arguments that
/// fit better would otherwise be called by our own queries. Schemas of the path before it are kept in a
/// setting of ours (`optischema.search_path`), for `read_catalog`.
///
/// The server itself says which schemas the path means: it cuts names to 63 bytes in its own encoding.
async fn pin_path(connection: &mut PgConnection) -> Result<String, PgFailure> {
    let row = query("SHOW search_path").fetch_one(&mut *connection).await?;
    let path: String = row.try_get(0)?;
    // Named in full and without an operator, since the path is still the database's.
    let row = query("SELECT /* optischema */ pg_catalog.current_schemas(false) AS schemas")
        .fetch_one(&mut *connection)
        .await?;
    let schemas: Vec<String> = row.try_get("schemas")?;
    query("SET search_path = pg_catalog, pg_temp").execute(&mut *connection).await?;
    refuse_tampered(connection).await?;
    keep_schemas(connection, &schemas, false).await?;
    Ok(path)
}

/// Reads anew, in a transaction that is young, which schemas the database's own path means: one that was missing may
/// have been made, and the role may have been let into another.
pub(super) async fn look_again(connection: &mut PgConnection, path: &str) -> Result<(), PgFailure> {
    let set = "SELECT /* optischema */ pg_catalog.set_config('search_path', $1, true)";
    query(set).bind(path).execute(&mut *connection).await?;
    let row = query("SELECT /* optischema */ pg_catalog.current_schemas(false) AS schemas")
        .fetch_one(&mut *connection)
        .await?;
    let schemas: Vec<String> = row.try_get("schemas")?;
    query(set).bind(OWN_QUERIES_PATH).execute(&mut *connection).await?;
    refuse_tampered(connection).await?;
    keep_schemas(connection, &schemas, true).await
}

async fn refuse_tampered(connection: &mut PgConnection) -> Result<(), PgFailure> {
    let tampered = query(TAMPERED).fetch_optional(&mut *connection).await?;
    if let Some(row) = tampered {
        let what: String = row.try_get("what")?;
        return Err(PgFailure::Unexpected(format!(
            "this database has {what}: reading its catalogs could run a function of the database's, so nothing is read"
        )));
    }
    Ok(())
}

/// Keeps the schemas of the path in a setting of ours, for the transaction or the session.
async fn keep_schemas(
    connection: &mut PgConnection,
    schemas: &[String],
    is_local: bool,
) -> Result<(), PgFailure> {
    query(
        "SELECT /* optischema */ pg_catalog.set_config('optischema.search_path', ($1::pg_catalog.text[])::pg_catalog.text, $2)",
    )
    .bind(schemas)
    .bind(is_local)
    .execute(connection)
    .await?;
    Ok(())
}

async fn connect(dsn: &Dsn, options: &[(&str, &str)], pinned: bool) -> Result<Session, PgFailure> {
    let permit = dsn.budget.connection().await?;
    let connecting = dsn.options()?.options(options.iter().copied());
    let connection = tokio::time::timeout(CONNECT_TIMEOUT, PgConnection::connect_with(&connecting));
    let mut connection = connection.await.map_err(|_| {
        PgFailure::Unreachable(format!(
            "no answer within {} seconds: check host, port and firewall",
            CONNECT_TIMEOUT.as_secs()
        ))
    })??;
    nodelay::set_on_sockets();
    let own_path = if pinned { Some(pin_path(&mut connection).await?) } else { None };
    let row = query(
        "SELECT pg_catalog.pg_backend_pid() AS pid, pg_catalog.current_setting('server_version_num')::int AS number,
                pg_catalog.current_setting('server_version') AS version",
    )
    .fetch_one(&mut connection)
    .await?;
    let version_number: i32 = row.try_get("number")?;
    if version_number >= FIRST_THAT_LOOKS_FOR_CLIENTS {
        // A statement ends with the client that asked for it. Some systems cannot tell the server that a client is
        // gone; there it goes on to its end, as before.
        drop(query("SET client_connection_check_interval = '2s'").execute(&mut connection).await);
    }
    Ok(Session {
        backend_pid: row.try_get("pid")?,
        version_number,
        version: row.try_get("version")?,
        own_path,
        connection,
        _permit: permit,
    })
}

/// A connection to main (or a standby): every transaction is read-only, every statement short.
pub async fn connect_main(dsn: &Dsn) -> Result<Session, PgFailure> {
    connect(
        dsn,
        &[
            ("default_transaction_read_only", "on"),
            ("statement_timeout", "30s"),
            ("lock_timeout", "1s"),
            ("idle_in_transaction_session_timeout", "10min"),
            ("standard_conforming_strings", "on"),
        ],
        true,
    )
    .await
}

/// A connection to the sandbox (or a writable clone).
pub async fn connect_writable(dsn: &Dsn, statement_timeout_s: u32) -> Result<Session, PgFailure> {
    let timeout = format!("{statement_timeout_s}s");
    connect(dsn, &[("statement_timeout", &timeout), ("lock_timeout", "10s")], false).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_shown_and_a_password_is_not() {
        let dsn: Dsn = "postgres://ann:hunter2@db.example:6432/shop".parse().unwrap();
        assert_eq!(dsn.address(), "db.example:6432/shop");
        assert_eq!(dsn.role(), "ann");
        assert!(!format!("{dsn:?}").contains("hunter2"));
    }

    #[test]
    fn a_local_address_needs_no_encryption() {
        let local = |url: &str| url.parse::<Dsn>().unwrap().is_local();
        assert!(local("postgres://a@127.0.0.1/b") && local("postgres://a@localhost:99/b"));
        assert!(local("postgres://a@[::1]:5432/b"));
        assert!(!local("postgres://a@db.example/b") && !local("postgres://a@10.0.0.1/b"));
    }

    #[test]
    fn what_is_no_url_is_refused_without_being_repeated() {
        for text in [
            "",
            "shop",
            "mysql://a:secret@b/c",
            "postgres://a:secret@b:port/c",
            "postgres://a:1234/secret@b:5432/c",
            "postgres://a:x@secret/x@b/c",
            "postgres://a:12?secret@b/c",
            "postgres://a:12#secret@b/c",
            "postgres://a:b@c/d?passwort=secret",
        ] {
            let error = text.parse::<Dsn>().unwrap_err();
            assert!(!error.to_string().contains("secret"), "{text}");
        }
    }
}
