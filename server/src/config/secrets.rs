//! Settings that hold secrets: tokens with their names, and receivers of webhooks.

use serde::{Deserialize, Serialize};

use super::ConfigError;

/// A text that is never shown.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// The secret itself; for comparing and for showing to its owner.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether it has fewer than 16 characters, so that it could be guessed.
    pub(super) fn is_short(&self) -> bool {
        self.0.chars().count() < 16
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl std::str::FromStr for Secret {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self(text.to_owned()))
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[redacted]")
    }
}

/// A receiver of events.
#[derive(Debug, Clone)]
pub struct Webhook {
    pub url: Secret,
    /// The same without user, path and query, for people and logs.
    pub host: String,
    pub secret: Secret,
}

pub(super) fn too_short(name: &'static str) -> ConfigError {
    ConfigError::Invalid {
        name,
        value: "too short".into(),
        rule: "it must have at least 16 characters",
    }
}

/// Tokens with their names, from `name=secret`.
pub(super) fn named_tokens(given: Vec<Secret>) -> Result<Vec<(String, Secret)>, ConfigError> {
    let mut tokens: Vec<(String, Secret)> = Vec::with_capacity(given.len());
    for (at, one) in given.into_iter().enumerate() {
        // By its place: where name and secret are the wrong way round, the name is the secret.
        let value = format!("wrong at number {}", at + 1);
        let invalid = |rule| ConfigError::Invalid { name: "tokens", value: value.clone(), rule };
        let Some((name, secret)) = one.expose().split_once('=') else {
            return Err(invalid("each has the form name=secret"));
        };
        let (name, secret) = (name.trim(), Secret::from(secret.to_owned()));
        let fits = !name.is_empty()
            && name.chars().all(|c| c.is_ascii_alphanumeric() || "-_.@".contains(c));
        if !fits {
            return Err(invalid("a name has letters, digits and -_.@"));
        }
        if ["owner", "token", "optischema"].contains(&name) {
            return Err(invalid("that name is taken: the trail uses it for others"));
        }
        if tokens.iter().any(|(known, _)| known == name) {
            return Err(invalid("that name is given twice"));
        }
        if secret.is_short() {
            return Err(invalid("its secret must have at least 16 characters"));
        }
        tokens.push((name.to_owned(), secret));
    }
    Ok(tokens)
}

/// Receivers of webhooks, each with its host.
pub(super) fn webhooks(
    urls: Vec<Secret>,
    secret: Option<Secret>,
) -> Result<Vec<Webhook>, ConfigError> {
    let invalid =
        |rule| ConfigError::Invalid { name: "webhook_urls", value: "one of them".into(), rule };
    if urls.is_empty() {
        return Ok(Vec::new());
    }
    let Some(secret) = secret else {
        return Err(invalid("they are signed: set webhook_secret too"));
    };
    if secret.is_short() {
        return Err(too_short("webhook_secret"));
    }
    let mut webhooks = Vec::with_capacity(urls.len());
    for url in urls {
        let parsed: Option<reqwest::Url> = url.expose().parse().ok();
        let host = parsed
            .filter(|parsed| matches!(parsed.scheme(), "http" | "https"))
            .and_then(|parsed| parsed.host_str().map(str::to_owned));
        let Some(host) = host else { return Err(invalid("each is an http or https address")) };
        webhooks.push(Webhook { url, host, secret: secret.clone() });
    }
    Ok(webhooks)
}
