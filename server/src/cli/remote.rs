//! The server that holds the data folder, over its REST calls.

use reqwest::{Client, RequestBuilder, StatusCode};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::outcome::CommandError;
use crate::config::Settings;
use crate::instance::running_server;

/// A running server.
pub(super) struct Remote {
    client: Client,
    base: String,
    token: String,
}

impl Remote {
    /// The server of a data folder.
    pub(super) fn of(settings: &Settings) -> Result<Self, CommandError> {
        let (address, token) = running_server(settings)?;
        Ok(Self { client: Client::new(), base: format!("http://{address}"), token })
    }

    pub(super) async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, CommandError> {
        let request = self.client.get(format!("{}{path}", self.base));
        self.answer(request, StatusCode::OK).await
    }

    pub(super) async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        body: Option<&Value>,
        expected: StatusCode,
    ) -> Result<T, CommandError> {
        let mut request = self.client.post(format!("{}{path}", self.base));
        if let Some(body) = body {
            request = request.json(body);
        }
        self.answer(request, expected).await
    }

    async fn answer<T: DeserializeOwned>(
        &self,
        request: RequestBuilder,
        expected: StatusCode,
    ) -> Result<T, CommandError> {
        let lost =
            |_| CommandError::Missing(format!("the server at {} does not answer", self.base));
        let response = request.bearer_auth(&self.token).send().await.map_err(lost)?;
        let status = response.status();
        if status == StatusCode::UNAUTHORIZED {
            let message =
                "the token is none of the server's: give one as --token or OPTISCHEMA_TOKEN";
            return Err(CommandError::Missing(message.to_owned()));
        }
        let body: Value = response.json().await.map_err(lost)?;
        if status != expected {
            let detail = body.get("detail").and_then(Value::as_str).unwrap_or("no reason given");
            return Err(CommandError::Missing(detail.to_owned()));
        }
        Ok(serde_json::from_value(body)?)
    }
}
