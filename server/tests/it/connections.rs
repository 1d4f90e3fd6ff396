//! What clients do to a server: half-open connections, too many of them, WebSockets, answers that nobody reads, requests
//! that nobody waits for.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use reqwest::StatusCode;
use serde_json::json;

use crate::fixture::{App, Shop, TOKEN};

/// Sends bytes, and reads until the server closes or the time is up. Returns what came and how long it took.
pub fn exchange(address: SocketAddr, sent: &str, patience: Duration) -> (String, Duration) {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(patience)).unwrap();
    stream.write_all(sent.as_bytes()).unwrap();
    let begun = Instant::now();
    let mut answer = Vec::new();
    let mut buffer = [0; 4096];
    while let Ok(read) = stream.read(&mut buffer) {
        if read == 0 {
            return (String::from_utf8_lossy(&answer).into_owned(), begun.elapsed());
        }
        answer.extend_from_slice(&buffer[..read]);
    }
    (String::from_utf8_lossy(&answer).into_owned(), patience * 2)
}

#[tokio::test]
async fn half_open_connections_close_within_ten_seconds() {
    let shop = Shop::start().await;
    let app = App::start(&shop.settings()).await;
    let address = app.address;
    let head = format!("Host: {address}\r\nAuthorization: Bearer {TOKEN}\r\n");
    let half = [
        String::new(),
        "GET /api/health HT".to_owned(),
        format!("GET /api/health HTTP/1.1\r\n{head}"),
        format!("POST /api/queries HTTP/1.1\r\n{head}Content-Length: 100\r\n\r\n{{\"text\""),
        format!(
            "POST /api/queries HTTP/1.1\r\n{head}Transfer-Encoding: chunked\r\n\r\n5\r\n{{\"te"
        ),
    ];
    let waiting: Vec<_> = half
        .into_iter()
        .map(|sent| {
            std::thread::spawn(move || {
                let (answer, took) = exchange(address, &sent, Duration::from_secs(15));
                (sent, answer, took)
            })
        })
        .collect();
    // Others are served meanwhile.
    assert_eq!(app.get("/api/health").await.status(), StatusCode::OK);
    for thread in waiting {
        let (sent, answer, took) =
            tokio::task::spawn_blocking(|| thread.join().unwrap()).await.unwrap();
        assert!(took < Duration::from_secs(11), "{sent:?}: {took:?}");
        if sent.contains("POST") {
            assert!(
                answer.contains("408") && answer.contains("body_too_slow"),
                "{sent:?}: {answer}"
            );
        }
    }
    app.stop().await;
}

/// The program with so many files open at once, in a folder.
struct Limited(Child, SocketAddr);

impl Limited {
    fn start(shop: &Shop, files: u32) -> Self {
        use std::io::BufRead;
        let command = format!("ulimit -n {files}; exec {} serve", env!("CARGO_BIN_EXE_optischema"));
        let mut child = Command::new("bash")
            .args(["-c", &command])
            .env("OPTISCHEMA_MAIN_URL", shop.url("reader", "shop"))
            .env("OPTISCHEMA_DATA_DIR", shop.folder.path().join("limited"))
            .env("OPTISCHEMA_LISTEN", "127.0.0.1:0")
            .env("OPTISCHEMA_TOKEN", TOKEN)
            .env("OPTISCHEMA_COLLECT_SECONDS", "0")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = std::io::BufReader::new(child.stdout.take().unwrap()).lines();
        let address = loop {
            let line = lines.next().unwrap().unwrap();
            if let Some(address) = line.strip_prefix("OptiSchema serves http://") {
                break address.trim_end_matches('/').parse().unwrap();
            }
        };
        std::thread::spawn(move || lines.for_each(drop));
        Self(child, address)
    }
}

impl Drop for Limited {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// Places of a server that may open 240 files.
const PLACES: usize = 40;

async fn health(address: SocketAddr) -> String {
    let request = format!(
        "GET /api/health HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {TOKEN}\r\nConnection: close\r\n\r\n"
    );
    let asking = move || exchange(address, &request, Duration::from_secs(5)).0;
    tokio::task::spawn_blocking(asking).await.unwrap()
}

/// Asks until there is an answer that begins so.
async fn answers_within(address: SocketAddr, start: &str, patience: Duration) -> String {
    let begun = Instant::now();
    loop {
        let answer = health(address).await;
        if answer.starts_with(start) || begun.elapsed() > patience {
            return answer;
        }
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
}

#[tokio::test]
async fn more_connections_than_there_are_places_hear_so() {
    let shop = Shop::start().await;
    let server = Limited::start(&shop, 240);
    let held: Vec<TcpStream> =
        (0..PLACES + 20).map(|_| TcpStream::connect(server.1).unwrap()).collect();
    let answer = health(server.1).await;
    assert!(
        answer.starts_with("HTTP/1.1 503") && answer.contains("too_many_connections"),
        "{answer}"
    );
    drop(held);
    let answer = answers_within(server.1, "HTTP/1.1 200", Duration::from_secs(5)).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

/// A connection that has become a WebSocket takes its place still.
#[tokio::test]
async fn websockets_take_places_like_any_connection() {
    let shop = Shop::start().await;
    let server = Limited::start(&shop, 240);
    let address = server.1;
    let upgrade = format!(
        "GET /ws HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {TOKEN}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    let opening = move || {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.write_all(upgrade.as_bytes()).unwrap();
        let mut answer = [0; 12];
        stream.read_exact(&mut answer).unwrap();
        assert_eq!(&answer, b"HTTP/1.1 101");
        stream
    };
    let opened = move || (0..PLACES).map(|_| opening()).collect::<Vec<TcpStream>>();
    let held = tokio::task::spawn_blocking(opened).await.unwrap();
    let answer = health(address).await;
    assert!(answer.starts_with("HTTP/1.1 503"), "{answer}");
    drop(held);
    let answer = answers_within(address, "HTTP/1.1 200", Duration::from_secs(5)).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

/// What happens is told to whoever is signed in, and to nobody else.
#[tokio::test]
async fn a_websocket_ends_with_its_session() {
    let shop = Shop::start().await;
    let app = App::start(&shop.settings()).await;
    let sign_in = app
        .anonymous("POST", "/login")
        .header("sec-fetch-site", "same-origin")
        .header("content-type", "application/x-www-form-urlencoded")
        .body(format!("token={TOKEN}"));
    let cookie = sign_in.send().await.unwrap().headers()["set-cookie"].to_str().unwrap().to_owned();
    let cookie = cookie.split(';').next().unwrap().to_owned();
    let address = app.address;
    let upgrade = format!(
        "GET /ws HTTP/1.1\r\nHost: {address}\r\nOrigin: http://{address}\r\nSec-Fetch-Site: same-origin\r\nCookie: {cookie}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    let (opened, told) = tokio::sync::oneshot::channel();
    let reading = tokio::task::spawn_blocking(move || {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        stream.write_all(upgrade.as_bytes()).unwrap();
        let mut answer = [0; 12];
        stream.read_exact(&mut answer).unwrap();
        assert_eq!(&answer, b"HTTP/1.1 101");
        opened.send(()).unwrap();
        // Until the server closes; a time that is up is an error.
        std::io::copy(&mut stream, &mut std::io::sink())
    });
    told.await.unwrap();
    let out = app.anonymous("POST", "/logout").header("cookie", &cookie);
    out.header("sec-fetch-site", "same-origin").send().await.unwrap();
    reading.await.unwrap().unwrap();
    app.stop().await;
}

/// Whoever has not signed in has a token to say, and nothing larger.
#[tokio::test]
async fn strangers_send_little() {
    let shop = Shop::start().await;
    let app = App::start(&shop.settings()).await;
    let send = async |path: &str, bytes: usize| {
        let request = app.anonymous("POST", path).header("sec-fetch-site", "same-origin");
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        request.body(format!("token={}", "x".repeat(bytes))).send().await.unwrap().status()
    };
    assert_eq!(send("/login", 100).await, StatusCode::FORBIDDEN);
    assert_eq!(send("/login", 5000).await, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(send("/api/queries", 5000).await, StatusCode::UNAUTHORIZED);
    let known = app.anonymous("POST", "/api/queries").bearer_auth(TOKEN);
    let text = format!("SELECT '{}'", "x".repeat(5000));
    let known = known.json(&json!({ "text": text })).send().await.unwrap();
    assert_ne!(known.status(), StatusCode::PAYLOAD_TOO_LARGE);
    app.stop().await;
}

/// Bodies of those who are known take so much together; who finds no room in time hears so.
#[tokio::test]
async fn all_bodies_together_have_a_limit() {
    let shop = Shop::start().await;
    let app = App::start(&shop.settings()).await;
    let address = app.address;
    let head = format!(
        "POST /api/queries HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {TOKEN}\r\nContent-Type: application/json\r\nConnection: close\r\n"
    );
    // Each has room for eight mebibytes, sends nothing, and is given up after nine seconds.
    let large = format!("{head}Content-Length: {}\r\n\r\n", 8 * 1024 * 1024);
    let holding = || -> Vec<TcpStream> {
        (0..8)
            .map(|_| {
                let mut stream = TcpStream::connect(address).unwrap();
                stream.write_all(large.as_bytes()).unwrap();
                stream
            })
            .collect()
    };
    let first = holding();
    tokio::time::sleep(Duration::from_secs(4)).await;
    // These wait for the first ones' room, and whoever comes later waits for theirs.
    let second = holding();
    tokio::time::sleep(Duration::from_secs(1)).await;
    let small = format!("{head}Content-Length: 2\r\n\r\n{{}}");
    let asking = {
        let small = small.clone();
        move || exchange(address, &small, Duration::from_secs(15)).0
    };
    let answer = tokio::task::spawn_blocking(asking).await.unwrap();
    assert!(answer.contains("503") && answer.contains("too_many_bodies"), "{answer}");
    // Whoever goes away gives the room back.
    drop((first, second));
    let asking = move || exchange(address, &small, Duration::from_secs(15)).0;
    let answer = tokio::task::spawn_blocking(asking).await.unwrap();
    assert!(answer.contains("422"), "{answer}");
    app.stop().await;
}

/// Whoever asks for much and takes nothing, or a byte now and then, gives the place back after a minute.
#[tokio::test]
async fn clients_that_take_no_answer_lose_their_places() {
    let shop = Shop::start().await;
    let server = Limited::start(&shop, 240);
    let address = server.1;
    let request = format!(
        "GET /api/openapi.json HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {TOKEN}\r\n\r\n"
    );
    // More than the buffers of both sides hold.
    let requests = request.repeat(200);
    let mut held: Vec<TcpStream> = (0..PLACES)
        .map(|_| {
            let mut stream = TcpStream::connect(address).unwrap();
            stream.write_all(requests.as_bytes()).unwrap();
            stream
        })
        .collect();
    let mut slow = held.split_off(PLACES / 2);
    let (stop, stopped) = std::sync::mpsc::channel::<()>();
    let reading = std::thread::spawn(move || {
        let second = Duration::from_secs(1);
        while stopped.recv_timeout(second) == Err(std::sync::mpsc::RecvTimeoutError::Timeout) {
            slow.retain_mut(|stream| stream.read_exact(&mut [0; 64]).is_ok());
        }
    });
    let answer = answers_within(address, "HTTP/1.1 503", Duration::from_secs(20)).await;
    assert!(answer.starts_with("HTTP/1.1 503"), "{answer}");
    // Idle connections would be gone by then: these wait to be read.
    tokio::time::sleep(Duration::from_secs(15)).await;
    let answer = health(address).await;
    assert!(answer.starts_with("HTTP/1.1 503"), "{answer}");
    // More than the silent ones are gone: all of them.
    let mut free = 0;
    for _ in 0..150 {
        free = free_places(address).await;
        if free == PLACES {
            break;
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    assert_eq!(free, PLACES, "places that are free");
    drop((held, stop));
    reading.join().unwrap();
}

/// Places that this client can still have.
async fn free_places(address: SocketAddr) -> usize {
    let counting = move || {
        let mut taken = Vec::new();
        while taken.len() < PLACES {
            let mut stream = TcpStream::connect(address).unwrap();
            stream.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
            // Only who is refused hears something before asking.
            if stream.read(&mut [0; 12]).is_ok_and(|read| read > 0) {
                break;
            }
            taken.push(stream);
        }
        taken.len()
    };
    tokio::task::spawn_blocking(counting).await.unwrap()
}

/// A client that goes away takes its work along, on main too.
#[tokio::test]
async fn an_abandoned_request_stops_its_work() {
    let shop = Shop::start().await;
    if shop.version().await < 140_000 {
        return;
    }
    let app = App::start(&shop.settings()).await;
    // Planning waits for the lock of a table.
    let mut blocker = shop.connect("app", "shop").await;
    for statement in ["BEGIN", "LOCK TABLE orders IN ACCESS EXCLUSIVE MODE"] {
        sqlx::query(statement).execute(&mut blocker).await.unwrap();
    }
    let reading = "SELECT count(*)::text FROM pg_stat_activity WHERE usename = 'reader'";
    let index = json!({ "definition": "CREATE INDEX ON public.orders (name)" });
    let abandoned = app.post_json("/api/what-if", &index);
    drop(tokio::time::timeout(Duration::from_millis(400), abandoned).await);
    let mut left = String::new();
    for _ in 0..40 {
        left = shop.text("shop", reading).await;
        if left == "0" {
            break;
        }
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
    assert_eq!(left, "0", "sessions of a request that nobody waits for");
    drop(blocker);
    app.stop().await;
}
