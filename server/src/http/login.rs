//! The way in, by a link that works once or the token typed in; and the way out.

use std::time::Duration;

use axum::extract::{Query, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use axum::{Extension, Form, Router};
use axum_extra::extract::cookie::{Cookie, CookieJar, SameSite};
use serde::Deserialize;

use super::access::{Access, COOKIE};
use super::serving::Peer;
use super::sessions::HOURS;
use crate::store::StoreError;

#[derive(Deserialize)]
struct Code {
    code: Option<String>,
}

#[derive(Deserialize)]
struct Typed {
    token: String,
}

pub(super) fn router(access: Access) -> Router {
    Router::new()
        .route("/login", get(follow_link).post(sign_in))
        .route("/logout", post(sign_out))
        .with_state(access)
}

async fn follow_link(
    State(access): State<Access>,
    peer: Option<Extension<Peer>>,
    jar: CookieJar,
    Query(query): Query<Code>,
) -> Response {
    let Some(code) = query.code else { return page(StatusCode::OK, None) };
    // A code cannot be guessed, and any page can make a browser follow a link: a failure counts for nothing.
    let address = peer.map(|Extension(Peer(address))| address.ip());
    match access.sign_in_by_link(&code).await {
        Ok(Some(session)) => {
            address.into_iter().for_each(|address| access.attempts.succeeded(address));
            Some(opened(session, jar))
        }
        Ok(None) => None,
        Err(error) => Some(not_kept(&error)),
    }
    .unwrap_or_else(|| {
        page(StatusCode::FORBIDDEN, Some("This link was used already, or is of an earlier start."))
    })
}

async fn sign_in(
    State(access): State<Access>,
    peer: Option<Extension<Peer>>,
    jar: CookieJar,
    Form(typed): Form<Typed>,
) -> Response {
    attempt(&access, peer, jar, async |access| access.sign_in(typed.token.trim()).await)
        .await
        .unwrap_or_else(|| page(StatusCode::FORBIDDEN, Some("That is not the token.")))
}

/// One attempt with the token; absent where it failed.
async fn attempt(
    access: &Access,
    peer: Option<Extension<Peer>>,
    jar: CookieJar,
    open: impl AsyncFnOnce(&Access) -> Result<Option<String>, StoreError>,
) -> Option<Response> {
    let address = peer.map(|Extension(Peer(address))| address.ip());
    if let Some(wait) = address.and_then(|address| access.attempts.wait(address)) {
        return Some(too_many(wait));
    }
    match open(access).await {
        Ok(Some(session)) => {
            address.into_iter().for_each(|address| access.attempts.succeeded(address));
            Some(opened(session, jar))
        }
        Ok(None) => {
            address.into_iter().for_each(|address| access.attempts.failed(address));
            None
        }
        Err(error) => Some(not_kept(&error)),
    }
}

fn not_kept(error: &StoreError) -> Response {
    tracing::error!(%error, "a session could not be kept");
    let text = "The session cannot be kept: the store cannot be written now.";
    page(StatusCode::SERVICE_UNAVAILABLE, Some(text))
}

fn too_many(wait: Duration) -> Response {
    let seconds = wait.as_secs().max(1);
    let plural = if seconds == 1 { "" } else { "s" };
    let text = format!("Too many attempts failed. Wait {seconds} second{plural}, then try again.");
    let mut response = page(StatusCode::TOO_MANY_REQUESTS, Some(&text));
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    response
}

async fn sign_out(State(access): State<Access>, jar: CookieJar) -> Response {
    if let Some(session) = jar.get(COOKIE)
        && let Err(error) = access.sign_out(session.value()).await
    {
        tracing::error!(%error, "a session could not be forgotten in the store");
    }
    let gone = Cookie::build((COOKIE, "")).path("/").build();
    (jar.remove(gone), Redirect::to("/login")).into_response()
}

fn opened(session: String, jar: CookieJar) -> Response {
    let cookie = Cookie::build((COOKIE, session))
        .path("/")
        .http_only(true)
        .same_site(SameSite::Strict)
        .max_age(Duration::from_secs(HOURS.unsigned_abs() * 3600).try_into().unwrap_or_default())
        .build();
    (jar.add(cookie), Redirect::to("/dashboard")).into_response()
}

fn page(status: StatusCode, problem: Option<&str>) -> Response {
    let problem = problem.map_or_else(String::new, |text| {
        format!("<p class=\"notice notice-bad\" role=\"alert\">{text}</p>")
    });
    let body = format!(
        "<!DOCTYPE html><html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <title>Sign in · OptiSchema</title><link rel=\"icon\" href=\"/favicon.svg\">\
         <link rel=\"stylesheet\" href=\"/pkg/optischema.css\"></head><body class=\"login\"><main>\
         <h1>OptiSchema</h1>{problem}<form method=\"post\" action=\"/login\" class=\"stack\">\
         <label for=\"token\">Token</label>\
         <input id=\"token\" name=\"token\" type=\"password\" autocomplete=\"current-password\" required>\
         <button class=\"button primary\">Sign in</button></form>\
         <p class=\"quiet\">The program prints a link that signs you in once. The token itself stands in \
         the file <code>token</code> of the data folder.</p></main></body></html>"
    );
    (status, Html(body)).into_response()
}
