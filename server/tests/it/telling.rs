//! What happens is told: over the WebSocket, without a gap, and to signed webhooks, until they take it.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use futures_util::StreamExt;
use optischema::model::{Event, EventType, LiveMessage, RecommendationType};
use optischema_server::config::Secret;
use optischema_server::store::Store;
use optischema_server::webhooks::sign;
use tokio_tungstenite::connect_async;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

use crate::fixture::{App, Shop, TOKEN};
use crate::proposing::proposal;

type Socket =
    tokio_tungstenite::WebSocketStream<tokio_tungstenite::MaybeTlsStream<tokio::net::TcpStream>>;

async fn follow(app: &App, since: Option<i64>) -> Socket {
    let since = since.map(|since| format!("?since={since}")).unwrap_or_default();
    let mut request = format!("ws://{}/ws{since}", app.address).into_client_request().unwrap();
    request.headers_mut().insert("authorization", format!("Bearer {TOKEN}").parse().unwrap());
    connect_async(request).await.unwrap().0
}

async fn next(socket: &mut Socket) -> LiveMessage {
    loop {
        let message = tokio::time::timeout(Duration::from_secs(20), socket.next()).await;
        if let Message::Text(text) = message.expect("a message").unwrap().unwrap() {
            return serde_json::from_str(&text).unwrap();
        }
    }
}

/// Events up to the end of a job, and whether progress was told.
async fn until_ended(socket: &mut Socket, job: &str) -> (Vec<Event>, bool) {
    let (mut events, mut progress) = (Vec::new(), false);
    loop {
        match next(socket).await {
            LiveMessage::Event { event } => {
                let ends = event.ends_job() && event.id == job;
                events.push(event);
                if ends {
                    return (events, progress);
                }
            }
            LiveMessage::Progress { .. } => progress = true,
            LiveMessage::Hello { .. } | LiveMessage::Reset { .. } => {}
        }
    }
}

#[tokio::test]
async fn who_comes_back_misses_nothing() {
    let shop = Shop::start().await;
    let app = App::start(&shop.settings()).await;
    let id = app.analyzed().await.id;
    let mut socket = follow(&app, None).await;
    let LiveMessage::Hello { sequence } = next(&mut socket).await else { panic!("hello first") };
    let job = app.completed(&format!("/api/benchmark/{id}")).await.id.to_string();
    let (events, progress) = until_ended(&mut socket, &job).await;
    let statuses: Vec<&str> = events
        .iter()
        .filter(|event| event.event_type == EventType::Job)
        .map(|event| event.status.as_str())
        .collect();
    assert_eq!(statuses, ["pending", "running", "completed"]);
    assert!(progress, "running jobs say how far they are");
    // Gone while something happens, it is told all of it, in order, once.
    let seen = events.iter().map(|event| event.sequence).max().unwrap();
    assert!(seen > sequence);
    drop(socket);
    app.post(&format!("/api/recommendations/{id}/dismiss")).await;
    app.post(&format!("/api/recommendations/{id}/restore")).await;
    let mut socket = follow(&app, Some(seen)).await;
    let mut told = Vec::new();
    while told.len() < 3 {
        if let LiveMessage::Event { event } = next(&mut socket).await {
            told.push((event.sequence, event.event_type, event.status));
        }
    }
    let numbers: Vec<i64> = told.iter().map(|(sequence, ..)| *sequence).collect();
    assert_eq!(numbers, [seen + 1, seen + 2, seen + 3], "{told:?}");
    assert!(told.iter().all(|(_, kind, _)| *kind == EventType::Recommendation));
    // A number of another store's cannot be gone on from.
    for future in [seen + 1_000_000, i64::MAX] {
        let mut socket = follow(&app, Some(future)).await;
        assert!(matches!(next(&mut socket).await, LiveMessage::Hello { .. }));
        assert!(matches!(next(&mut socket).await, LiveMessage::Reset { .. }));
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_happens_while_somebody_looks_is_no_gap() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&folder.path().join("optischema.db")).await.unwrap();
    let writer = store.clone();
    let writing = tokio::spawn(async move {
        for number in 0..300 {
            let proposal = proposal(&format!("SELECT {number}"), RecommendationType::Rewrite, &[]);
            writer.add_typed("shop", &proposal).await.unwrap();
        }
    });
    let (mut seen, mut looks) = (0, 0_u64);
    while seen < 300 {
        let batch = store.events_since(seen).await.unwrap();
        assert!(!batch.gap, "after {seen}, at look {looks}");
        seen = batch.events.last().map_or(seen, |event| event.sequence);
        looks += 1;
    }
    writing.await.unwrap();
}

#[tokio::test]
async fn looking_where_a_receiver_stands_wakes_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&folder.path().join("optischema.db")).await.unwrap();
    let first = store.receiver("a").await.unwrap();
    let mut written = store.live().written();
    written.mark_unchanged();
    assert_eq!(store.receiver("a").await.unwrap(), first);
    assert!(!written.has_changed().unwrap(), "a look is no write");
    store.told("a", first.told + 1).await.unwrap();
    assert!(written.has_changed().unwrap());
    assert_eq!(store.receiver("a").await.unwrap().told, first.told + 1);
}

#[tokio::test]
async fn no_other_site_and_nobody_without_a_token_may_follow() {
    let shop = Shop::start().await;
    let app = App::start(&shop.settings()).await;
    let attempt = async |headers: &[(&'static str, &str)]| {
        let mut request = format!("ws://{}/ws", app.address).into_client_request().unwrap();
        for (name, value) in headers {
            request.headers_mut().insert(*name, value.parse().unwrap());
        }
        connect_async(request).await.is_ok()
    };
    let bearer = format!("Bearer {TOKEN}");
    assert!(!attempt(&[]).await);
    assert!(!attempt(&[("authorization", &bearer), ("origin", "http://evil.example")]).await);
    assert!(attempt(&[("authorization", &bearer)]).await);
    // What cannot be followed is said as every problem is.
    let upgrade = |path: &str, token: &str| {
        let request = app.anonymous("GET", path).bearer_auth(token);
        let request = request.header("connection", "upgrade").header("upgrade", "websocket");
        request
            .header("sec-websocket-version", "13")
            .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")
            .send()
    };
    for (response, status, code) in [
        (upgrade("/ws?since=abc", TOKEN).await, 422, "invalid_field"),
        (upgrade("/ws", "a-token-of-nobody").await, 401, "unauthorized"),
        (app.anonymous("GET", "/ws").bearer_auth(TOKEN).send().await, 426, "upgrade_required"),
    ] {
        let response = response.unwrap();
        assert_eq!(response.status(), status, "{code}");
        assert_eq!(response.headers()["content-type"], "application/problem+json");
        let problem: serde_json::Value = response.json().await.unwrap();
        assert_eq!(problem["code"], code);
    }
    let large = app.anonymous("POST", "/api/apply/rollback").bearer_auth(TOKEN);
    let large = large.header("content-type", "application/json").body(vec![b' '; 9 << 20]);
    let odd = app.anonymous("GET", "/api/recommendations/%FF").bearer_auth(TOKEN);
    for (request, status) in [(large, 413), (odd, 400)] {
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), status);
        assert_eq!(response.headers()["content-type"], "application/problem+json", "{status}");
    }
    app.stop().await;
}

/// What a receiver got: id, whether the signature was right, the event.
type Got = Arc<Mutex<Vec<(String, bool, Event)>>>;

/// A receiver that refuses the first `refusals` posts.
async fn receiver(secret: &'static str, refusals: usize) -> (String, Got) {
    let got: Got = Arc::default();
    let refused = Arc::new(Mutex::new(0));
    let kept = got.clone();
    let take = move |headers: HeaderMap, body: Bytes| {
        let (kept, refused) = (kept.clone(), refused.clone());
        async move {
            let text = |name: &str| headers[name].to_str().unwrap().to_owned();
            {
                let mut refused = refused.lock().unwrap();
                if *refused < refusals {
                    *refused += 1;
                    return StatusCode::SERVICE_UNAVAILABLE;
                }
            }
            let body = String::from_utf8(body.to_vec()).unwrap();
            let secret = Secret::from(secret.to_owned());
            let at = text("webhook-timestamp").parse().unwrap();
            let right = sign(&secret, &text("webhook-id"), at, &body) == text("webhook-signature");
            let event = serde_json::from_str(&body).unwrap();
            kept.lock().unwrap().push((text("webhook-id"), right, event));
            StatusCode::NO_CONTENT
        }
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let router = Router::new().route("/hook", post(take));
    tokio::spawn(async move { axum::serve(listener, router).await });
    (format!("http://{address}/hook"), got)
}

#[tokio::test]
async fn webhooks_are_signed_in_order_and_tried_again() {
    const SECRET: &str = "a-secret-for-webhooks";
    let shop = Shop::start().await;
    let (url, got) = receiver(SECRET, 2).await;
    let mut settings = shop.settings();
    settings.webhook_urls = Some(vec![Secret::from(url)]);
    settings.webhook_secret = Some(Secret::from(SECRET.to_owned()));
    let app = App::start(&settings).await;
    // The receiver is told of what happens from the first start on.
    tokio::time::sleep(Duration::from_millis(300)).await;
    let id = app.analyzed().await.id;
    app.post(&format!("/api/recommendations/{id}/dismiss")).await;
    for _ in 0..300 {
        let dismissed = |(_, _, event): &(String, bool, Event)| event.status == "dismissed";
        if got.lock().unwrap().iter().any(dismissed) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let got = got.lock().unwrap().clone();
    assert!(got.iter().all(|(_, right, _)| *right), "every signature is right");
    let numbers: Vec<i64> = got.iter().map(|(_, _, event)| event.sequence).collect();
    let expected: Vec<i64> = (numbers[0]..=*numbers.last().unwrap()).collect();
    assert_eq!(numbers, expected, "in order, none left out, none twice, though two were refused");
    assert_eq!(got[0].0, format!("evt_{}", numbers[0]));
    assert_eq!(got.last().unwrap().2.status, "dismissed");
    app.stop().await;
}
