//! Connections: each has time to send its request, there are only so many, and an answer is not held back.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};
use tokio_io_timeout::TimeoutStream;
use tower::ServiceExt;

/// A client that has not sent a whole head by then is gone. It holds for idle connections too.
const HEAD_WITHIN: Duration = Duration::from_secs(8);
/// A client that makes no room for what it asked for is gone by then: taking a byte now and then makes none.
const TAKEN_WITHIN: Duration = Duration::from_secs(60);
/// Requests that are under way when the server stops have this long to end.
const END_WITHIN: Duration = Duration::from_secs(10);
/// Files that the process needs besides connections: the store, PostgreSQL, the site's files.
const OTHER_FILES: usize = 200;
/// More connections than this are no use to anybody on one machine.
const MOST_CONNECTIONS: usize = 4096;
/// Answers of "too many connections" that are on their way at once; beyond, a connection is just closed.
const MOST_REFUSALS: usize = 64;

/// Reads from a client that is refused at once.
const MOST_READS: usize = 16;

/// Where a request comes from.
#[derive(Debug, Clone, Copy)]
pub(super) struct Peer(pub SocketAddr);

/// A connection's place among those that are served at once. What a connection turns into holds on to it.
#[derive(Debug, Clone)]
pub(super) struct Place(
    #[expect(dead_code, reason = "it is held, and given back when it is dropped")]
    Arc<OwnedSemaphorePermit>,
);

/// Connections at once, below the limit of open files.
fn most_connections() -> usize {
    let limits = std::fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let line = limits.lines().find(|line| line.starts_with("Max open files"));
    let files = line.and_then(|line| line.split_whitespace().nth(3)?.parse::<usize>().ok());
    // Elsewhere than on Linux: what every system allows.
    let files = files.unwrap_or(256);
    files.saturating_sub(OTHER_FILES).clamp(16, MOST_CONNECTIONS)
}

/// Serves until `end`; requests that are under way may finish.
///
/// # Errors
/// The listener is lost.
pub async fn serve(
    listener: TcpListener,
    app: Router,
    end: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    let places = Arc::new(Semaphore::new(most_connections()));
    let refusals = Arc::new(Semaphore::new(MOST_REFUSALS));
    let (ending, told) = watch::channel(false);
    // Each connection holds a sender: once all are gone the receiver is told.
    let (alive, mut all_gone) = mpsc::channel::<()>(1);
    let mut end = std::pin::pin!(end);
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = &mut end => break,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                // The process has no file left, or the client is gone already.
                tracing::warn!(%error, "a connection could not be taken");
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            }
        };
        // A small answer would wait for the client's acknowledgement of the one before it.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "TCP_NODELAY could not be set");
        }
        match places.clone().try_acquire_owned() {
            Ok(place) => {
                let held = (Place(Arc::new(place)), alive.clone());
                take(stream, peer, app.clone(), held, told.clone());
            }
            Err(_) => match refusals.clone().try_acquire_owned() {
                Ok(permit) => drop(tokio::spawn(refuse(stream, permit))),
                Err(_) => refuse_at_once(&stream),
            },
        }
    }
    drop((listener, alive));
    // Without a receiver no connection is left.
    let _ = ending.send(true);
    if tokio::time::timeout(END_WITHIN, all_gone.recv()).await.is_err() {
        tracing::warn!("requests that were under way were cut off");
    }
    Ok(())
}

fn take(
    stream: TcpStream,
    peer: SocketAddr,
    app: Router,
    held: (Place, mpsc::Sender<()>),
    mut told: watch::Receiver<bool>,
) {
    let place = held.0.clone();
    let service = hyper::service::service_fn(move |request: hyper::Request<_>| {
        let (app, place) = (app.clone(), place.clone());
        async move {
            let mut request: Request = request.map(Body::new);
            request.extensions_mut().insert(Peer(peer));
            request.extensions_mut().insert(place);
            let answer: Result<Response, Infallible> = app.oneshot(request).await;
            answer
        }
    });
    let mut http = hyper::server::conn::http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(HEAD_WITHIN);
    let mut stream = TimeoutStream::new(stream);
    stream.set_write_timeout(Some(TAKEN_WITHIN));
    let stream = TokioIo::new(Box::pin(stream));
    let connection = http.serve_connection(stream, service).with_upgrades();
    tokio::spawn(async move {
        let mut connection = std::pin::pin!(connection);
        // Its sender lives until every connection is told.
        let stop = async { drop(told.wait_for(|ending| *ending).await) };
        let ended = tokio::select! {
            ended = connection.as_mut() => ended,
            () = stop => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        // A client that goes away or sends no HTTP is no news.
        if let Err(error) = ended {
            tracing::debug!(%error, "a connection ended");
        }
        drop(held);
    });
}

/// What a client hears that comes when all places are taken.
const TOO_MANY: &str = "{\"type\":\"about:blank\",\"title\":\"Too many connections\",\"status\":503,\"detail\":\"OptiSchema serves as many connections as it can: try again in a moment\",\"code\":\"too_many_connections\"}";

fn refusal() -> String {
    format!(
        "HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/problem+json\r\nContent-Length: {}\r\nRetry-After: 1\r\nCache-Control: no-store\r\nConnection: close\r\n\r\n{TOO_MANY}",
        TOO_MANY.len()
    )
}

/// Says it without waiting for the client: what it has sent by now is read, or closing would reset the connection.
fn refuse_at_once(stream: &TcpStream) {
    let mut sent = [0; 4096];
    for _ in 0..MOST_READS {
        if !stream.try_read(&mut sent).is_ok_and(|read| read > 0) {
            break;
        }
    }
    // A new connection has room for it; a client that is gone needs no answer.
    drop(stream.try_write(refusal().as_bytes()));
}

async fn refuse(mut stream: TcpStream, _permit: OwnedSemaphorePermit) {
    let answer = refusal();
    let told = async {
        stream.write_all(answer.as_bytes()).await?;
        stream.shutdown().await?;
        // What the client has sent is read, or closing would reset the connection before the answer is read.
        tokio::io::copy(&mut stream, &mut tokio::io::sink()).await
    };
    // A client that does not listen is left.
    drop(tokio::time::timeout(Duration::from_secs(2), told).await);
}
