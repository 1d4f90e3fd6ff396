//! `/ws`: what happens, as it happens. Whoever comes back says the last number that they have seen, and misses nothing.

use std::time::Duration;

use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::extract::{Extension, Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use optischema::model::{InvalidField, LiveMessage};
use serde::Deserialize;
use tokio::sync::broadcast::error::RecvError;

use super::AppState;
use super::access::InSession;
use super::problem::Problem;
use super::serving::Place;
use crate::store::{Store, StoreError};

/// A connection that says nothing for so long is asked whether it is still there.
const PING: Duration = Duration::from_secs(20);
/// The longest message that a browser has to say.
const LONGEST: usize = 4096;

#[derive(Debug, Deserialize)]
pub(super) struct Since {
    /// The last event that was seen; a text, so that what is no number answers as every field does.
    since: Option<String>,
}

impl Since {
    fn parse(&self) -> Result<Option<i64>, InvalidField> {
        let text = self.since.as_deref().map(str::trim).filter(|text| !text.is_empty());
        text.map(str::parse).transpose().map_err(|_| InvalidField {
            field: "since",
            message: "must be the sequence number of an event".to_owned(),
        })
    }
}

/// Follows what happens.
pub(super) async fn follow(
    State(app): State<AppState>,
    place: Option<Extension<Place>>,
    session: Option<Extension<InSession>>,
    Query(query): Query<Since>,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, Problem> {
    let since = query.parse()?;
    let upgrade = upgrade.map_err(|_| {
        Problem::new(
            StatusCode::UPGRADE_REQUIRED,
            "upgrade_required",
            "A WebSocket is needed",
            "open this address as a WebSocket (`ws:` or `wss:`)",
        )
    })?;
    let upgrade = upgrade.max_message_size(LONGEST).max_frame_size(LONGEST);
    Ok(upgrade.on_upgrade(async move |mut socket| {
        let _place = place;
        let signed_out = async {
            match &session {
                Some(Extension(session)) => session.ended().await,
                None => std::future::pending().await,
            }
        };
        let told = tokio::select! {
            told = tell(&mut socket, &app.store, since) => told,
            () = signed_out => Ok(()),
        };
        if let Err(Ended::Store(error)) = told {
            tracing::error!(%error, "events could not be read");
        }
    }))
}

/// Why telling ended.
enum Ended {
    /// The other side is gone.
    Gone,
    Store(StoreError),
}

impl From<axum::Error> for Ended {
    fn from(_: axum::Error) -> Self {
        Self::Gone
    }
}

impl From<StoreError> for Ended {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

async fn tell(socket: &mut WebSocket, store: &Store, since: Option<i64>) -> Result<(), Ended> {
    // Before the first look, so that nothing falls between.
    let mut written = store.live().written();
    let mut progress = store.live().followed_progress();
    let last = store.last_event().await?;
    let mut seen = since.unwrap_or(last);
    send(socket, &LiveMessage::Hello { sequence: last }).await?;
    let mut pings = tokio::time::interval(PING);
    loop {
        seen = tell_new(socket, store, seen).await?;
        tokio::select! {
            changed = written.changed() => if changed.is_err() { return Ok(()) },
            told = progress.recv() => match told {
                Ok(progress) => send(socket, &LiveMessage::Progress { progress }).await?,
                // Progress is no history: the next one says more.
                Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => return Ok(()),
            },
            said = socket.recv() => match said {
                Some(Ok(Message::Close(_)) | Err(_)) | None => return Ok(()),
                // There is nothing to be said by the other side.
                Some(Ok(_)) => {}
            },
            _ = pings.tick() => socket.send(Message::Ping(Vec::new().into())).await?,
        }
    }
}

/// Sends what happened after `seen`; returns the last number.
async fn tell_new(socket: &mut WebSocket, store: &Store, mut seen: i64) -> Result<i64, Ended> {
    loop {
        let batch = store.events_since(seen).await?;
        if batch.gap {
            let sequence = store.last_event().await?;
            send(socket, &LiveMessage::Reset { sequence }).await?;
            return Ok(sequence);
        }
        if batch.events.is_empty() {
            return Ok(seen);
        }
        for event in batch.events {
            seen = event.sequence;
            send(socket, &LiveMessage::Event { event }).await?;
        }
    }
}

async fn send(socket: &mut WebSocket, message: &LiveMessage) -> Result<(), Ended> {
    // A message of texts and numbers always has a JSON form.
    let text = serde_json::to_string(message).unwrap_or_default();
    Ok(socket.send(Message::Text(text.into())).await?)
}
