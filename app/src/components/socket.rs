//! The browser's side of `/ws`: connects, comes back with the last number it has seen, and tells [`Live`].

use std::time::Duration;

use futures_util::StreamExt;
use gloo_net::websocket::Message;
use gloo_net::websocket::futures::WebSocket;
use gloo_timers::future::sleep;
use leptos::prelude::*;
use leptos::task::spawn_local;
use optischema::model::LiveMessage;

use super::live::Live;
use super::notice::NoticeBoard;
use super::notification;

/// The first wait before connecting again; each further one is twice as long.
const SOON: Duration = Duration::from_millis(500);
/// The longest one.
const LATE: Duration = Duration::from_secs(15);

/// Where a tab keeps the last number that it has seen: another page of it goes on from there.
const SEEN: &str = "optischema-seen";
/// What ended longer ago than this is no news, in milliseconds.
const NEWS: f64 = 60_000.0;

/// Follows the server for as long as the page is open. Effects do not run on the server, so neither does this.
pub(crate) fn follow_server(live: Live, board: NoticeBoard) {
    Effect::new(move |_| {
        spawn_local(follow(live, board));
    });
}

async fn follow(live: Live, board: NoticeBoard) {
    let mut seen = kept();
    let mut wait = SOON;
    loop {
        let Some(address) = address(seen) else { return };
        if let Ok(mut socket) = WebSocket::open(&address) {
            while let Some(Ok(Message::Text(text))) = socket.next().await {
                let Ok(message) = serde_json::from_str::<LiveMessage>(&text) else { continue };
                wait = SOON;
                take(message, &mut seen, live, board);
            }
        }
        live.connect(false);
        sleep(wait).await;
        wait = (wait * 2).min(LATE);
    }
}

fn take(message: LiveMessage, seen: &mut Option<i64>, live: Live, board: NoticeBoard) {
    match message {
        LiveMessage::Hello { sequence } => {
            if seen.is_none() {
                see(seen, sequence);
            }
            // Whatever was polled before may be older than the first event.
            live.connect(true);
            live.reset();
        }
        LiveMessage::Event { event } => {
            see(seen, event.sequence);
            let age = js_sys::Date::now() - event.at.as_millisecond() as f64;
            if event.ends_job() && age < NEWS {
                board.job_ended_by(&event);
                notification::job_ended(&event);
            }
            live.tell(&event);
        }
        LiveMessage::Progress { progress } => live.advance(progress),
        LiveMessage::Reset { sequence } => {
            see(seen, sequence);
            live.reset();
        }
    }
}

fn see(seen: &mut Option<i64>, sequence: i64) {
    *seen = Some(sequence);
    // Where nothing may be kept, the next page begins anew.
    if let Some(storage) = storage() {
        drop(storage.set_item(SEEN, &sequence.to_string()));
    }
}

fn kept() -> Option<i64> {
    storage()?.get_item(SEEN).ok()??.parse().ok()
}

fn storage() -> Option<web_sys::Storage> {
    web_sys::window()?.session_storage().ok()?
}

/// Of this page's own server.
fn address(seen: Option<i64>) -> Option<String> {
    let location = web_sys::window()?.location();
    let scheme = if location.protocol().ok()? == "https:" { "wss" } else { "ws" };
    let host = location.host().ok()?;
    let since = seen.map(|sequence| format!("?since={sequence}")).unwrap_or_default();
    Some(format!("{scheme}://{host}/ws{since}"))
}
