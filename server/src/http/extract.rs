//! What handlers extract from a request, and the answers that several of them give.

use axum::Json;
use axum::body::Bytes;
use axum::extract::Query;
use axum::extract::rejection::QueryRejection;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use optischema::model::JobAccepted;
use optischema::operations::OperationError;
use serde::de::DeserializeOwned;

use super::problem::Problem;

/// A JSON body, or a problem.
pub(super) type Answer<T> = Result<Json<T>, Problem>;

/// A malformed id is the id of nothing.
pub(super) fn id<T: std::str::FromStr>(what: &'static str, text: String) -> Result<T, Problem> {
    text.parse().map_err(|_| OperationError::NotFound { what, id: text }.into())
}

pub(super) fn query<T>(query: Result<Query<T>, QueryRejection>) -> Result<T, Problem> {
    query.map(|Query(query)| query).map_err(|rejection| {
        let invalid =
            OperationError::Invalid { field: "query".into(), message: rejection.body_text() };
        invalid.into()
    })
}

/// A body may be left out where every field of it is optional.
pub(super) fn body<T: DeserializeOwned + Default>(bytes: &Bytes) -> Result<T, Problem> {
    let invalid = |message: String| -> Problem {
        OperationError::Invalid { field: "body".into(), message }.into()
    };
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Ok(T::default());
    }
    let value: serde_json::Value =
        serde_json::from_slice(bytes).map_err(|error| invalid(error.to_string()))?;
    match value {
        serde_json::Value::Null => Ok(T::default()),
        // serde would also read a sequence as a struct.
        object @ serde_json::Value::Object(_) => {
            serde_json::from_value(object).map_err(|error| invalid(error.to_string()))
        }
        _ => Err(invalid("must be an object".into())),
    }
}

/// 202 with the place where the job can be watched.
pub(super) fn accepted(job: JobAccepted) -> Response {
    let mut response = (StatusCode::ACCEPTED, Json(&job)).into_response();
    // A UUID is always a legal header value.
    if let Ok(location) = HeaderValue::from_str(&format!("/api/benchmark/{}", job.job_id)) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    response
}
