//! Who may call: each lock with the key that must not fit.

use reqwest::StatusCode;

use crate::fixture::{App, Shop, TOKEN};

#[tokio::test]
async fn nothing_is_answered_without_the_secret() {
    let shop = Shop::start().await;
    let app = App::start(&shop.settings()).await;
    for path in ["/api/health", "/api/recommendations", "/api/openapi.json", "/rpc/dashboard"] {
        let response = app.anonymous("GET", path).send().await.unwrap();
        assert_eq!(response.status(), StatusCode::UNAUTHORIZED, "{path}");
        let wrong =
            app.anonymous("GET", path).bearer_auth("a-token-for-the-test").send().await.unwrap();
        assert_eq!(wrong.status(), StatusCode::UNAUTHORIZED, "{path}");
        let cookie = app
            .anonymous("GET", path)
            .header("cookie", "optischema_session=00")
            .send()
            .await
            .unwrap();
        assert_eq!(cookie.status(), StatusCode::UNAUTHORIZED, "{path}");
    }
    let page = app.anonymous("GET", "/dashboard").send().await.unwrap();
    assert_eq!(page.status(), StatusCode::SEE_OTHER);
    assert_eq!(page.headers()["location"], "/login");
    assert_eq!(app.get("/api/health").await.status(), StatusCode::OK);
    app.stop().await;
}

#[tokio::test]
async fn no_call_of_the_api_is_answered_without_the_secret() {
    let shop = Shop::start().await;
    let app = App::start(&shop.settings()).await;
    let document = app.json("/api/openapi.json").await;
    let mut calls = 0;
    for (path, methods) in document["paths"].as_object().unwrap() {
        let place =
            path.split('/')
                .map(|part| {
                    if part.starts_with('{') {
                        "00000000-0000-4000-8000-000000000001"
                    } else {
                        part
                    }
                })
                .collect::<Vec<_>>()
                .join("/");
        for method in methods.as_object().unwrap().keys().filter(|name| *name != "parameters") {
            let response = app.anonymous(&method.to_uppercase(), &place).send().await.unwrap();
            assert_eq!(response.status(), StatusCode::UNAUTHORIZED, "{method} {path}");
            let problem: serde_json::Value = response.json().await.unwrap();
            assert_eq!(problem["code"], "unauthorized", "{method} {path}");
            calls += 1;
        }
    }
    assert!(calls > 30, "{calls}");
    app.stop().await;
}

#[tokio::test]
async fn the_link_works_once_and_gives_a_cookie_that_only_the_server_reads() {
    let shop = Shop::start().await;
    let app = App::start(&shop.settings()).await;
    let path = app.link.split_once("/login").unwrap().1;
    let path = format!("/login{path}");
    let first = app.anonymous("GET", &path).send().await.unwrap();
    assert_eq!(first.status(), StatusCode::SEE_OTHER);
    let cookie = first.headers()["set-cookie"].to_str().unwrap().to_owned();
    for flag in ["HttpOnly", "SameSite=Strict", "Path=/"] {
        assert!(cookie.contains(flag), "{cookie}");
    }
    assert!(!cookie.contains(TOKEN));
    let second = app.anonymous("GET", &path).send().await.unwrap();
    assert_eq!(second.status(), StatusCode::FORBIDDEN);

    let session = cookie.split(';').next().unwrap().to_owned();
    let page = app.anonymous("GET", "/dashboard").header("cookie", &session).send().await.unwrap();
    assert_eq!(page.status(), StatusCode::OK);
    let policy = page.headers()["content-security-policy"].to_str().unwrap().to_owned();
    assert!(
        policy.contains("script-src 'self' 'nonce-") && !policy.contains("unsafe-inline"),
        "{policy}"
    );
    let again = app.anonymous("GET", "/dashboard").header("cookie", &session).send().await.unwrap();
    assert_ne!(
        again.headers()["content-security-policy"].to_str().unwrap(),
        policy,
        "a nonce is used once"
    );

    // The cookie alone does not authorise a change that comes from elsewhere.
    let post = |origin: Option<&'static str>, site: Option<&'static str>| {
        let mut request = app.anonymous("POST", "/api/apply/cleanup").header("cookie", &session);
        if let Some(origin) = origin {
            request = request.header("origin", origin);
        }
        if let Some(site) = site {
            request = request.header("sec-fetch-site", site);
        }
        request.send()
    };
    assert_eq!(post(None, None).await.unwrap().status(), StatusCode::FORBIDDEN);
    assert_eq!(
        post(Some("http://evil.example"), None).await.unwrap().status(),
        StatusCode::FORBIDDEN
    );
    assert_eq!(post(None, Some("cross-site")).await.unwrap().status(), StatusCode::FORBIDDEN);
    assert_eq!(post(None, Some("same-site")).await.unwrap().status(), StatusCode::FORBIDDEN);
    assert_eq!(post(None, Some("same-origin")).await.unwrap().status(), StatusCode::OK);
    app.stop().await;
}

#[tokio::test]
async fn a_name_that_was_rebound_is_refused() {
    let shop = Shop::start().await;
    let app = App::start(&shop.settings()).await;
    for host in ["evil.example", "localhost", "127.0.0.1:1", ""] {
        let response = app
            .anonymous("GET", "/api/health")
            .bearer_auth(TOKEN)
            .header("host", host)
            .send()
            .await
            .unwrap();
        assert!(
            [StatusCode::FORBIDDEN, StatusCode::BAD_REQUEST].contains(&response.status()),
            "{host}: {}",
            response.status()
        );
    }
    let name = format!("localhost:{}", app.address.port());
    let response = app
        .anonymous("GET", "/api/health")
        .bearer_auth(TOKEN)
        .header("host", name)
        .send()
        .await
        .unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    app.stop().await;
}

#[tokio::test]
async fn it_does_not_listen_to_the_world_without_a_token_of_the_persons_own() {
    use optischema_server::config::{Settings, SettingsArgs};
    use optischema_server::http::Access;
    let folder = tempfile::tempdir().unwrap();
    let args = SettingsArgs { data_dir: Some(folder.path().into()), ..SettingsArgs::default() };
    let settings = Settings::resolve(&args).unwrap();
    let error = Access::new(&settings, "0.0.0.0:3000".parse().unwrap()).unwrap_err();
    assert!(error.to_string().contains("OPTISCHEMA_TOKEN"), "{error}");
    assert!(Access::new(&settings, "127.0.0.1:3000".parse().unwrap()).is_ok());
}
