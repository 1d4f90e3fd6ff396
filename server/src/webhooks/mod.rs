//! Events told to other programs: a signed POST each, in order, tried again until it is taken or given up.
//!
//! Signatures follow the Standard Webhooks specification (standardwebhooks.com): HMAC-SHA256 over
//! `id.timestamp.body`, in Base64, as `webhook-signature: v1,…`.

mod signature;

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use optischema::model::Event;
use reqwest::Client;
use sha2::{Digest, Sha256};
use tokio::sync::watch;

use crate::clock::{in_seconds, now};
use crate::config::{Settings, Webhook};
use crate::hex::hex;
use crate::store::{Store, StoreError};

pub use signature::sign;

/// A receiver has this long to answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// Where nothing is written, receivers that failed are looked at this often.
const IDLE: Duration = Duration::from_secs(1);
/// Attempts at one event; the waits between them double, so that the last comes after some ten minutes.
const ATTEMPTS: i64 = 9;

/// Tells every receiver, until `stopped` turns true.
pub async fn tell(settings: Arc<Settings>, store: Store, stopped: watch::Receiver<bool>) {
    let keys: Vec<String> = settings.webhooks.iter().map(key).collect();
    if let Err(error) = store.keep_receivers(&keys).await {
        tracing::warn!(%error, "receivers of webhooks that are gone were not forgotten");
    }
    if settings.webhooks.is_empty() {
        return;
    }
    let built = Client::builder()
        .timeout(PATIENCE)
        .redirect(reqwest::redirect::Policy::none())
        .user_agent(concat!("OptiSchema/", env!("CARGO_PKG_VERSION")))
        .build();
    let client = match built {
        Ok(client) => client,
        Err(error) => {
            tracing::error!(%error, "webhooks cannot be sent");
            return;
        }
    };
    let each =
        settings.webhooks.iter().map(|webhook| follow(&client, &store, webhook, stopped.clone()));
    join_all(each).await;
}

/// What a receiver is kept under: its address may hold a secret.
#[must_use]
pub fn key(webhook: &Webhook) -> String {
    hex(&Sha256::digest(webhook.url.expose().as_bytes()))
}

async fn follow(client: &Client, store: &Store, webhook: &Webhook, stopped: watch::Receiver<bool>) {
    let mut written = store.live().written();
    while !*stopped.borrow() {
        if let Err(error) = deliver_due(client, store, webhook).await {
            tracing::error!(%error, host = webhook.host, "webhooks could not be read from the store");
        }
        tokio::select! {
            changed = written.changed() => if changed.is_err() { return },
            () = tokio::time::sleep(IDLE) => {}
        }
    }
}

/// Delivers what is due, in order, until there is nothing more or an attempt fails.
async fn deliver_due(client: &Client, store: &Store, webhook: &Webhook) -> Result<(), StoreError> {
    let key = key(webhook);
    let receiver = store.receiver(&key).await?;
    if receiver.not_before.is_some_and(|at| now() < at) {
        return Ok(());
    }
    let mut failures = receiver.failures;
    for event in store.events_since(receiver.told).await?.events {
        match post(client, webhook, &event).await {
            Ok(()) => {
                store.told(&key, event.sequence).await?;
                failures = 0;
            }
            Err(reason) => {
                let given_up = failures + 1 >= ATTEMPTS;
                let wait = optischema::lifecycle::back_off_seconds(failures + 1, fastrand::f64());
                let again = (!given_up).then(|| in_seconds(wait));
                tracing::warn!(
                    host = webhook.host,
                    sequence = event.sequence,
                    reason,
                    given_up,
                    "a webhook was not taken"
                );
                store.not_told(&key, event.sequence, again, &reason).await?;
                return Ok(());
            }
        }
    }
    Ok(())
}

/// One attempt. The reason never holds the address.
async fn post(client: &Client, webhook: &Webhook, event: &Event) -> Result<(), String> {
    let body = serde_json::to_string(event).map_err(|error| error.to_string())?;
    let id = format!("evt_{}", event.sequence);
    let timestamp = now().as_millisecond() / 1000;
    let signature = sign(&webhook.secret, &id, timestamp, &body);
    let sent = client
        .post(webhook.url.expose())
        .header("content-type", "application/json")
        .header("webhook-id", &id)
        .header("webhook-timestamp", timestamp.to_string())
        .header("webhook-signature", signature)
        .body(body)
        .send()
        .await;
    match sent {
        Ok(response) if response.status().is_success() => Ok(()),
        Ok(response) => Err(format!("it answered {}", response.status())),
        Err(error) => Err(error.without_url().to_string()),
    }
}
