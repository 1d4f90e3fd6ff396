//! The way in: a link that works once, or the token typed in.

use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::get;
use axum::{Form, Router};
use axum_extra::extract::cookie::{Cookie, CookieJar, SameSite};
use serde::Deserialize;

use super::access::{Access, COOKIE};

#[derive(Deserialize)]
struct Code {
    code: Option<String>,
}

#[derive(Deserialize)]
struct Typed {
    token: String,
}

pub(super) fn router(access: Access) -> Router {
    Router::new().route("/login", get(follow_link).post(sign_in)).with_state(access)
}

async fn follow_link(
    State(access): State<Access>,
    jar: CookieJar,
    Query(query): Query<Code>,
) -> Response {
    match query.code {
        None => page(StatusCode::OK, None),
        Some(code) if access.redeem(&code) => opened(access.own_session(), jar),
        Some(_) => page(
            StatusCode::FORBIDDEN,
            Some("This link was used already, or is of an earlier start."),
        ),
    }
}

async fn sign_in(
    State(access): State<Access>,
    jar: CookieJar,
    Form(typed): Form<Typed>,
) -> Response {
    match access.session_of(typed.token.trim()) {
        Some(session) => opened(session, jar),
        None => page(StatusCode::FORBIDDEN, Some("That is not the token.")),
    }
}

fn opened(session: &str, jar: CookieJar) -> Response {
    let cookie = Cookie::build((COOKIE, session.to_owned()))
        .path("/")
        .http_only(true)
        .same_site(SameSite::Strict)
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
