//! Who may call: the host that a request names, the origin that it comes from, and the secret it carries.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};
use axum_extra::extract::cookie::CookieJar;
use optischema::operations::Actor;
use subtle::ConstantTimeEq;
use thiserror::Error;
use uuid::Uuid;

use super::attempts::Attempts;
use super::problem::Problem;
use super::sessions::{Sessions, digest};
use crate::config::{Secret, Settings};
use crate::store::{Store, StoreError};

/// The name of the session's cookie.
pub(super) const COOKIE: &str = "optischema_session";

/// The locks of one instance.
#[derive(Debug, Clone)]
pub struct Access {
    /// Each with its name; the first is the instance's own.
    tokens: Arc<Vec<Token>>,
    /// Opens one session, once.
    one_time_code: Arc<Mutex<Option<String>>>,
    hosts: Arc<Vec<String>>,
    sessions: Sessions,
    pub(super) attempts: Attempts,
}

/// A secret that opens the instance.
#[derive(Debug)]
struct Token {
    name: String,
    secret: Secret,
}

impl Token {
    fn new(name: impl Into<String>, secret: Secret) -> Self {
        Self { name: name.into(), secret }
    }

    /// What is kept beside a session, to see later whether the token is still the same.
    fn digest(&self) -> String {
        digest(&format!("optischema token {}", self.secret.expose()))
    }
}

/// The name of the instance's own token.
const OWN_TOKEN: &str = "owner";

/// Why the web app does not start.
#[derive(Debug, Error)]
pub enum AccessError {
    #[error(
        "{0} can be reached from other machines: set OPTISCHEMA_TOKEN to a secret of your own before listening there"
    )]
    OpenWithoutToken(SocketAddr),
    #[error("failed to keep the token in the data folder: {0}")]
    TokenFile(#[from] std::io::Error),
}

impl Access {
    /// Locks for `listen`, the address that is in fact listened on.
    ///
    /// # Errors
    /// It is not loopback and no token is set, or the data folder cannot be written.
    pub fn new(settings: &Settings, listen: SocketAddr) -> Result<Self, AccessError> {
        let token = match &settings.token {
            Some(token) => token.clone(),
            None if !listen.ip().is_loopback() => {
                return Err(AccessError::OpenWithoutToken(listen));
            }
            None => kept_token(&settings.data_dir.join("token"))?,
        };
        let mut hosts = vec![listen.to_string()];
        for name in ["localhost", "127.0.0.1", "[::1]"] {
            hosts.push(format!("{name}:{}", listen.port()));
        }
        for name in &settings.allowed_hosts {
            hosts.push(name.to_ascii_lowercase());
            hosts.push(format!("{}:{}", name.to_ascii_lowercase(), listen.port()));
        }
        let named = settings.tokens.iter().map(|(name, secret)| Token::new(name, secret.clone()));
        Ok(Self {
            tokens: Arc::new(std::iter::once(Token::new(OWN_TOKEN, token)).chain(named).collect()),
            one_time_code: Arc::new(Mutex::new(Some(random()))),
            hosts: Arc::new(hosts),
            sessions: Sessions::default(),
            attempts: Attempts::default(),
        })
    }

    /// The same, with the sessions of a store.
    ///
    /// # Errors
    /// The store cannot be used.
    pub async fn keeping(self, store: Store) -> Result<Self, StoreError> {
        let tokens: Vec<(String, String)> =
            self.tokens.iter().map(|token| (token.name.clone(), token.digest())).collect();
        let sessions = Sessions::of_store(store, &tokens).await?;
        Ok(Self { sessions, ..self })
    }

    /// The code of the link that is printed on start; absent once it was used.
    #[must_use]
    pub fn one_time_code(&self) -> Option<String> {
        self.one_time_code.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Opens a session for the holder of a token; absent where the text is no token. Returns the session's id.
    ///
    /// # Errors
    /// The store cannot be written.
    pub(super) async fn sign_in(&self, text: &str) -> Result<Option<String>, StoreError> {
        match self.by_secret(text) {
            Some(token) => self.open(token).await.map(Some),
            None => Ok(None),
        }
    }

    /// Opens a session for whoever follows the link that is printed on start, and uses its code up; absent where the
    /// code is another one. A code whose session could not be kept stays good.
    ///
    /// # Errors
    /// The store cannot be written.
    pub(super) async fn sign_in_by_link(&self, code: &str) -> Result<Option<String>, StoreError> {
        let Some(token) = self.tokens.first() else { return Ok(None) };
        let code = {
            let mut kept = self.one_time_code.lock().unwrap_or_else(PoisonError::into_inner);
            kept.take_if(|kept| equal(kept, code))
        };
        let Some(code) = code else { return Ok(None) };
        let opened = self.open(token).await;
        if opened.is_err() {
            *self.one_time_code.lock().unwrap_or_else(PoisonError::into_inner) = Some(code);
        }
        opened.map(Some)
    }

    async fn open(&self, token: &Token) -> Result<String, StoreError> {
        self.sessions.begin(random(), &token.name, &token.digest()).await
    }

    /// Ends the session that a request carries.
    ///
    /// # Errors
    /// The store cannot be written.
    pub(super) async fn sign_out(&self, id: &str) -> Result<(), StoreError> {
        self.sessions.end(id).await
    }

    /// Every token is compared, so that the time says nothing about which one it was.
    fn by_secret(&self, text: &str) -> Option<&Token> {
        self.tokens.iter().fold(None, |found, token| {
            if equal(token.secret.expose(), text) { Some(token) } else { found }
        })
    }

    /// Whether the request names one host, and one that this instance answers for.
    fn allows_host(&self, uri: &axum::http::Uri, headers: &HeaderMap) -> bool {
        let mut hosts = headers.get_all(header::HOST).iter();
        let (Some(host), None) = (hosts.next(), hosts.next()) else { return false };
        let known = |name: &str| self.hosts.iter().any(|host| host.eq_ignore_ascii_case(name));
        let is_known = host.to_str().is_ok_and(known);
        // `GET http://elsewhere/ HTTP/1.1` names another one.
        is_known && uri.authority().is_none_or(|authority| known(authority.as_str()))
    }

    fn credential(&self, headers: &HeaderMap) -> Option<(Credential, Actor)> {
        let actor = |token: &Token| Actor(token.name.clone());
        let bearer = headers.get(header::AUTHORIZATION).and_then(|value| {
            let (scheme, text) = value.to_str().ok()?.split_once(' ')?;
            // RFC 9110, 11.1: the name of a scheme is the same in either case.
            scheme.eq_ignore_ascii_case("bearer").then(|| text.trim())
        });
        if let Some(token) = bearer.and_then(|text| self.by_secret(text)) {
            return Some((Credential::Bearer, actor(token)));
        }
        let cookie = CookieJar::from_headers(headers);
        let session = cookie.get(COOKIE).map(|cookie| cookie.value().to_owned())?;
        Some((Credential::Cookie, self.sessions.actor(&session)?))
    }
}

/// The session that a request is made in; one with a token of its own has none.
#[derive(Debug, Clone)]
pub(super) struct InSession {
    sessions: Sessions,
    id: String,
}

impl InSession {
    /// Returns once it has ended.
    pub(super) async fn ended(&self) {
        self.sessions.ended(&self.id).await;
    }
}

/// How a request proved itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Credential {
    Bearer,
    Cookie,
}

fn equal(a: &str, b: &str) -> bool {
    a.as_bytes().ct_eq(b.as_bytes()).into()
}

/// 244 random bits.
fn random() -> String {
    format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple())
}

/// The token in a file that only its owner reads; made where it is missing.
fn kept_token(file: &std::path::Path) -> Result<Secret, std::io::Error> {
    use std::io::Write;
    use std::os::unix::fs::OpenOptionsExt;
    match std::fs::read_to_string(file) {
        Ok(text) if text.trim().len() >= 16 => Ok(Secret::from(text.trim().to_owned())),
        Ok(_) => Err(std::io::Error::other(format!("{} holds no token", file.display()))),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let token = random();
            // Whole or not at all: a start that ends here leaves no file without a token.
            let new = file.with_extension("new");
            let mut options = std::fs::OpenOptions::new();
            options.write(true).create(true).truncate(true).mode(0o600);
            let mut open = options.open(&new)?;
            open.write_all(token.as_bytes())?;
            open.sync_all()?;
            std::fs::rename(&new, file)?;
            Ok(Secret::from(token))
        }
        Err(error) => Err(error),
    }
}

/// Whether an unsafe request comes from a page of this instance. A browser always says where it comes
/// from; a program with a bearer token need not, since no browser sends that token by itself.
fn same_origin(headers: &HeaderMap, credential: Option<Credential>) -> bool {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    if let Some(site) = text("sec-fetch-site") {
        return site == "same-origin";
    }
    match (text("origin"), text("host")) {
        (Some(origin), Some(host)) => {
            origin.split_once("://").is_some_and(|(_, named)| named.eq_ignore_ascii_case(host))
        }
        (Some(_), None) => false,
        (None, _) => credential == Some(Credential::Bearer),
    }
}

/// Paths that anybody may read: the way in, and files that hold no data.
fn is_open(path: &str) -> bool {
    path == "/login" || path.starts_with("/pkg/") || path == "/favicon.svg" || path == "/logo.svg"
}

/// The middleware in front of everything.
pub(super) async fn guard(
    State(access): State<Access>,
    mut request: Request,
    next: Next,
) -> Response {
    let path = request.uri().path().to_owned();
    if !access.allows_host(request.uri(), request.headers()) {
        return secured(forbidden(
            "host_not_allowed",
            "the request names a host that this instance does not answer for: see --allowed-hosts",
        ));
    }
    let (credential, actor) = access.credential(request.headers()).unzip();
    let safe = matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
    if credential.is_none() && !is_open(&path) {
        let wants_page =
            safe && !path.starts_with("/api") && !path.starts_with("/rpc") && path != "/ws";
        return secured(if wants_page {
            Redirect::to("/login").into_response()
        } else {
            let mut response = Problem::new(
                StatusCode::UNAUTHORIZED,
                "unauthorized",
                "Not signed in",
                "send the token as `Authorization: Bearer …`, or sign in at /login",
            )
            .into_response();
            let scheme = HeaderValue::from_static("Bearer");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, scheme);
            response
        });
    }
    // A WebSocket is opened by a GET, and a browser lets any site try.
    let needs_origin = !safe || path == "/ws";
    if needs_origin && !same_origin(request.headers(), credential) {
        return secured(forbidden("cross_origin", "the request comes from another site"));
    }
    if credential == Some(Credential::Cookie)
        && let Some(cookie) = CookieJar::from_headers(request.headers()).get(COOKIE)
    {
        let id = cookie.value().to_owned();
        request.extensions_mut().insert(InSession { sessions: access.sessions.clone(), id });
    }
    if let Some(actor) = actor {
        request.extensions_mut().insert(optischema_app::server_fns::Authorised(actor));
    }
    let response = next.run(request).await;
    if is_open(&path) && path != "/login" { with_headers(response) } else { secured(response) }
}

fn forbidden(code: &'static str, detail: &str) -> Response {
    Problem::new(StatusCode::FORBIDDEN, code, "Refused", detail).into_response()
}

/// What is private, or refused, is kept by nobody on the way, and not by the browser's history.
fn secured(response: Response) -> Response {
    let mut response = with_headers(response);
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// Headers that every answer has. A page brings a policy of its own, with its nonce.
fn with_headers(mut response: Response) -> Response {
    let headers = response.headers_mut();
    for (name, value) in [
        ("x-content-type-options", "nosniff"),
        ("x-frame-options", "DENY"),
        ("referrer-policy", "same-origin"),
        ("cross-origin-opener-policy", "same-origin"),
        ("cross-origin-resource-policy", "same-origin"),
        ("permissions-policy", "camera=(), geolocation=(), microphone=()"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.entry(header::CONTENT_SECURITY_POLICY).or_insert(HeaderValue::from_static(
        "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
    ));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| {
                (header::HeaderName::from_static(name), HeaderValue::from_static(value))
            })
            .collect()
    }

    #[test]
    fn an_unsafe_request_from_elsewhere_is_recognised() {
        let cookie = Some(Credential::Cookie);
        let here = [("host", "localhost:3000"), ("origin", "http://localhost:3000")];
        assert!(same_origin(&headers(&here), cookie));
        let there = [("host", "localhost:3000"), ("origin", "http://evil.example")];
        assert!(!same_origin(&headers(&there), cookie));
        assert!(!same_origin(&headers(&there), Some(Credential::Bearer)));
        assert!(!same_origin(&headers(&[("host", "localhost:3000")]), cookie));
        assert!(same_origin(&headers(&[("host", "localhost:3000")]), Some(Credential::Bearer)));
        assert!(!same_origin(&headers(&[("sec-fetch-site", "cross-site")]), cookie));
        assert!(!same_origin(&headers(&[("sec-fetch-site", "same-site")]), cookie));
    }

    fn access() -> Access {
        Access {
            tokens: Arc::new(vec![
                Token::new(OWN_TOKEN, Secret::from("0123456789abcdef".to_owned())),
                Token::new("ann", Secret::from("fedcba9876543210".to_owned())),
            ]),
            one_time_code: Arc::default(),
            hosts: Arc::new(vec!["localhost:3000".to_owned()]),
            sessions: Sessions::default(),
            attempts: Attempts::default(),
        }
    }

    #[tokio::test]
    async fn each_token_has_its_own_name_and_each_session_an_id_of_its_own() {
        let access = access();
        let who = |pairs: &[(&'static str, &str)]| {
            let mut headers = HeaderMap::new();
            for (name, value) in pairs {
                headers.insert(header::HeaderName::from_static(name), value.parse().unwrap());
            }
            access.credential(&headers).map(|(_, actor)| actor.0)
        };
        assert_eq!(who(&[("authorization", "Bearer fedcba9876543210")]).as_deref(), Some("ann"));
        assert_eq!(who(&[("authorization", "bearer  0123456789abcdef")]).as_deref(), Some("owner"));
        assert_eq!(who(&[("authorization", "Basic 0123456789abcdef")]), None);
        let one = access.sign_in("fedcba9876543210").await.unwrap().unwrap();
        let other = access.sign_in("fedcba9876543210").await.unwrap().unwrap();
        assert_ne!(one, other, "the cookie is no function of the token");
        let cookie = format!("{COOKIE}={one}");
        assert_eq!(who(&[("cookie", &cookie)]).as_deref(), Some("ann"));
        access.sign_out(&one).await.unwrap();
        assert_eq!(who(&[("cookie", &cookie)]), None);
        assert_eq!(who(&[("cookie", &format!("{COOKIE}={other}"))]).as_deref(), Some("ann"));
        assert_eq!(who(&[("authorization", "Bearer fedcba987654321")]), None);
        assert_eq!(access.sign_in("ann").await.unwrap(), None);
    }

    #[test]
    fn one_host_is_named_and_no_other() {
        let access = access();
        let uri = |text: &str| text.parse().unwrap();
        let mut hosts = headers(&[("host", "localhost:3000")]);
        assert!(access.allows_host(&uri("/"), &hosts));
        assert!(!access.allows_host(&uri("http://evil.example/"), &hosts));
        assert!(!access.allows_host(&uri("/"), &HeaderMap::new()));
        hosts.append(header::HOST, HeaderValue::from_static("localhost:3000"));
        assert!(!access.allows_host(&uri("/"), &hosts), "not even the same one twice");
    }

    #[test]
    fn the_token_file_is_kept_and_private() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("token");
        let first = kept_token(&file).unwrap();
        assert_eq!(kept_token(&file).unwrap(), first);
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        std::fs::write(&file, "short").unwrap();
        assert!(kept_token(&file).is_err());
    }
}
