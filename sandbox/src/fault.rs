//! Faults on demand: what goes wrong with the next requests that match.

use std::convert::Infallible;
use std::future::pending;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::{StreamExt, stream};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::clock::now;
use crate::http::{Answer, Content};
use crate::ledger::Service;
use crate::wire::Line;

/// In how many pieces a slow body comes.
const PIECES: usize = 20;

/// Where a captive portal sends whoever asks for anything; the name never resolves.
const PORTAL: &str = "https://portal.invalid/login";
const LOGIN_PAGE: &str =
    "<!doctype html><html><title>Wi-Fi</title><form><input name=phone><button>Enter</button></form>";
const PROXY_PAGE: &str = "<!doctype html><html><title>Error</title><h1>The service is unavailable</h1></html>";

/// What goes wrong. Even those without fields are structs: so serde refuses fields they do not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(tag = "kind", rename_all = "camelCase", rename_all_fields = "camelCase", deny_unknown_fields)]
pub(crate) enum Kind {
    /// A refusal in a documented shape; `retry_after` in seconds.
    Status {
        status: Failure,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        retry_after: Option<u32>,
    },
    /// Processed at once, answered late.
    Latency { millis: u64 },
    /// The connection is reset and the request lost.
    ResetBefore {},
    /// The request is processed, then the connection is reset without an answer.
    ResetAfter {},
    /// Nobody can connect.
    Refuse {},
    /// Status and headers at once, the body little by little.
    SlowBody { millis: u64 },
    /// The answer's second half is missing.
    Malformed {},
    /// 200 and a login page, as a captive portal answers.
    ContentType {},
    /// 302 to a login page elsewhere.
    Portal {},
}

/// The status of a refusal, 400 to 599.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(try_from = "u16", into = "u16")]
pub(crate) struct Failure(StatusCode);

impl TryFrom<u16> for Failure {
    type Error = &'static str;

    fn try_from(status: u16) -> Result<Self, Self::Error> {
        StatusCode::from_u16(status)
            .ok()
            .filter(|status| status.is_client_error() || status.is_server_error())
            .map(Self)
            .ok_or("`status` is 400 to 599")
    }
}

impl From<Failure> for u16 {
    fn from(status: Failure) -> Self {
        status.0.as_u16()
    }
}

impl Kind {
    /// Whether the request is neither processed nor answered.
    pub fn loses_request(self) -> bool {
        matches!(self, Self::ResetBefore {} | Self::Refuse {})
    }

    /// Milliseconds until the answer reaches the client; none where it never does, or not whole.
    pub fn delay(self) -> Option<u64> {
        match self {
            Self::Latency { millis } | Self::SlowBody { millis } => Some(millis),
            _ => None,
        }
    }

    /// Whether the connection is reset instead of an answer.
    pub fn resets(self) -> bool {
        self.loses_request() || self == Self::ResetAfter {}
    }

    /// The answer given instead of the service's own; none where the request is processed.
    pub fn instead(self, service: Service, path: &str) -> Option<Answer> {
        match self {
            Self::Status { status, retry_after } => {
                let answer = error(service, status.0, path);
                Some(match retry_after {
                    Some(seconds) => answer.header(header::RETRY_AFTER, &seconds.to_string()),
                    None => answer,
                })
            }
            Self::ResetBefore {} | Self::Refuse {} => {
                Some(Answer::new(StatusCode::SERVICE_UNAVAILABLE, Content::Empty))
            }
            Self::ContentType {} => Some(Answer::new(StatusCode::OK, Content::Html(LOGIN_PAGE))),
            Self::Portal {} => Some(Answer::new(StatusCode::FOUND, Content::Empty).header(header::LOCATION, PORTAL)),
            Self::Latency { .. } | Self::ResetAfter {} | Self::SlowBody { .. } | Self::Malformed {} => None,
        }
    }
}

/// How long a fault holds.
pub(crate) enum Hold {
    /// For so many requests.
    Count(u32),
    /// Until this millisecond.
    Until(i64),
}

/// A fault waiting for its requests.
pub(crate) struct Fault {
    pub service: Service,
    /// Part of the path a request must have; every request when absent.
    pub path: Option<String>,
    pub kind: Kind,
    pub hold: Hold,
}

impl Fault {
    fn over(&self) -> bool {
        match self.hold {
            Hold::Count(left) => left == 0,
            Hold::Until(end) => end <= now(),
        }
    }

    fn to_json(&self) -> Value {
        let mut value = json!(self.kind);
        if let Value::Object(object) = &mut value {
            let (word, left) = match self.hold {
                Hold::Count(left) => ("count", i64::from(left)),
                Hold::Until(end) => ("seconds", (end - now() + 999) / 1000),
            };
            object.insert(word.to_owned(), left.into());
            object.insert("service".to_owned(), self.service.name().into());
            object.insert("path".to_owned(), self.path.as_deref().into());
        }
        value
    }
}

#[derive(Default)]
pub(crate) struct Faults {
    waiting: Vec<Fault>,
}

impl Faults {
    /// Sets a fault in place of the one for the same service and path.
    pub fn set(&mut self, fault: Fault) {
        self.clear(fault.service, fault.path.as_deref());
        self.waiting.push(fault);
    }

    /// Takes back the fault for this service and path.
    pub fn clear(&mut self, service: Service, path: Option<&str>) {
        self.waiting.retain(|other| other.service != service || other.path.as_deref() != path);
    }

    /// The fault that a request to this path meets, if any.
    pub fn take(&mut self, service: Service, path: &str) -> Option<Kind> {
        self.take_first(|fault| {
            fault.service == service && fault.path.as_deref().is_none_or(|part| path.contains(part))
        })
    }

    /// Whether the service refuses one more connection.
    pub fn refuses(&mut self, service: Service) -> bool {
        self.take_first(|fault| fault.service == service && fault.kind == Kind::Refuse {}).is_some()
    }

    fn take_first(&mut self, meets: impl Fn(&Fault) -> bool) -> Option<Kind> {
        self.waiting.retain(|fault| !fault.over());
        let fault = self.waiting.iter_mut().find(|fault| meets(fault))?;
        if let Hold::Count(left) = &mut fault.hold {
            *left -= 1;
        }
        Some(fault.kind)
    }

    pub fn to_json(&self) -> Value {
        self.waiting.iter().filter(|fault| !fault.over()).map(Fault::to_json).collect()
    }
}

/// Sends an answer as its fault lets it through.
pub(crate) async fn deliver(answer: Answer, line: &Line) -> Response {
    match answer.fault {
        Some(kind) if kind.resets() => reset(line).await,
        Some(Kind::Latency { millis }) => {
            tokio::time::sleep(Duration::from_millis(millis)).await;
            answer.into_response()
        }
        Some(Kind::SlowBody { millis }) => answer.with_body(|bytes| dribble(&bytes, Duration::from_millis(millis))),
        Some(Kind::Malformed {}) => answer.with_body(|bytes| Body::from(bytes.slice(..bytes.len() / 2))),
        _ => answer.into_response(),
    }
}

/// Resets the connection; there is nothing to answer on it any more.
pub(crate) async fn reset(line: &Line) -> Response {
    line.reset();
    pending().await
}

fn dribble(bytes: &Bytes, time: Duration) -> Body {
    let size = bytes.len().div_ceil(PIECES).max(1);
    let pieces: Vec<Bytes> = bytes.chunks(size).map(|piece| bytes.slice_ref(piece)).collect();
    let pause = time.div_f64(pieces.len().max(1) as f64);
    Body::from_stream(stream::iter(pieces).then(move |piece| async move {
        tokio::time::sleep(pause).await;
        Ok::<_, Infallible>(piece)
    }))
}

/// The documented body that goes with a status: every shape Kontur is known to answer is used by one of them.
fn error(service: Service, status: StatusCode, path: &str) -> Answer {
    match service {
        Service::Phonet => return Answer::json(status, json!({ "message": status.canonical_reason() })),
        // Its own refusals are JSON-RPC errors under 200: any other status is a proxy's.
        Service::Uis => return Answer::new(status, Content::Html(PROXY_PAGE)),
        Service::Kontur => {}
    }
    let body = match status.as_u16() {
        401 => Content::json("Unauthorized"),
        400 => Content::json(json!({
            "errors": { "": ["A non-empty request body is required."] },
            "type": "https://tools.ietf.org/html/rfc7231#section-6.5.1",
            "title": "One or more validation errors occurred.", "status": 400, "traceId": "00-sandbox-00",
        })),
        409 if path.contains("/authorization/") => {
            Content::json(json!({ "status": "notInstalled", "message": "Integration is not installed" }))
        }
        409 if path.ends_with("/register-call") => Content::json("Error"),
        409 if path.ends_with("/files") => {
            Content::json(json!({ "status": "fileTooLarge", "message": "File is too large" }))
        }
        409 => Content::json(json!({
            "errorInfo": { "invalidDatas": [], "invalidConstraints": {}, "status": "invalidArgs", "message": "Conflict" },
            "isSuccessful": false, "responseCode": "conflict",
        })),
        429 => Content::json(json!({ "status": "tooManyRequests", "message": "Too many requests" })),
        _ => Content::Text("The service is unavailable."),
    };
    Answer::new(status, body)
}
