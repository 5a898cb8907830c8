//! One request as a judge hears it, and what he answers.

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::Value;

use crate::fault::Kind;
use crate::kontur::caller::Order;

/// A request read to its end.
pub(crate) struct Heard {
    pub method: Method,
    pub path: String,
    /// Decoded, in the order of arrival.
    pub query: Vec<(String, String)>,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Heard {
    /// The header's text; what is not visible ASCII counts as absent.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The first query parameter of this name.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// Why the query is not made of known parameters, each once.
    pub fn query_fault(&self, known: &[&str]) -> Option<String> {
        let mut seen = Vec::new();
        for (key, _) in &self.query {
            if !known.contains(&key.as_str()) {
                return Some(format!("unknown query parameter `{key}`"));
            }
            if seen.contains(&key) {
                return Some(format!("query parameter `{key}` given twice"));
            }
            seen.push(key);
        }
        None
    }

    /// Whether the body is declared to be JSON.
    pub fn says_json(&self) -> bool {
        self.says("application/json")
    }

    /// Whether the body is declared to be of this kind, in UTF-8.
    pub fn says(&self, expected: &str) -> bool {
        self.header("content-type").is_some_and(|kind| is_kind(kind, expected))
    }

    /// The body for the ledger: JSON where it is JSON, the size of an upload, else its text.
    pub fn body_value(&self) -> Value {
        if self.body.is_empty() {
            return Value::Null;
        }
        if let Some(kind) = self.header("content-type").filter(|kind| kind.starts_with("multipart/")) {
            return format!("<{kind}, {} bytes>", self.body.len()).into();
        }
        json_or_text(&self.body)
    }
}

/// Whether a content type is this one, in UTF-8.
pub(crate) fn is_kind(kind: &str, expected: &str) -> bool {
    let mut parts = kind.split(';').map(|part| part.trim().to_ascii_lowercase());
    parts.next().as_deref() == Some(expected) && parts.all(|part| part == "charset=utf-8")
}

/// A body as JSON where it is JSON, else as its text.
pub(crate) fn json_or_text(body: &[u8]) -> Value {
    serde_json::from_slice(body).unwrap_or_else(|_| String::from_utf8_lossy(body).into())
}

/// An answer together with what the judge thinks of the request.
#[derive(Debug)]
pub(crate) struct Answer {
    pub status: StatusCode,
    pub headers: Vec<(HeaderName, HeaderValue)>,
    pub body: Content,
    /// What the request did that no document allows.
    pub violations: Vec<String>,
    /// The same request had been accepted before.
    pub repeat: bool,
    /// What goes wrong on its way.
    pub fault: Option<Kind>,
    /// What the CRM asks the integration's server for first; its answer takes the place of this one's status and body.
    pub order: Option<Box<Order>>,
}

#[derive(Debug)]
pub(crate) enum Content {
    Empty,
    Json(Box<Value>),
    /// JSON whose keys bear no quotes: no JSON, though the samples of some documents look so.
    Unquoted(Box<Value>),
    Text(&'static str),
    Html(&'static str),
    /// A WAV file.
    Audio(Bytes),
}

impl Content {
    pub fn json(value: impl Into<Value>) -> Self {
        Self::Json(Box::new(value.into()))
    }

    fn into_parts(self) -> (Option<&'static str>, Bytes) {
        match self {
            Self::Empty => (None, Bytes::new()),
            Self::Json(value) => (Some("application/json; charset=utf-8"), value.to_string().into()),
            Self::Unquoted(value) => (Some("application/json; charset=utf-8"), unquoted(&value).into()),
            Self::Text(text) => (Some("text/plain; charset=utf-8"), Bytes::from_static(text.as_bytes())),
            Self::Html(page) => (Some("text/html; charset=utf-8"), Bytes::from_static(page.as_bytes())),
            Self::Audio(bytes) => (Some("audio/wav"), bytes),
        }
    }
}

fn unquoted(value: &Value) -> String {
    let joined = |parts: Vec<String>| parts.join(", ");
    match value {
        Value::Object(map) => {
            format!("{{{}}}", joined(map.iter().map(|(key, value)| format!("{key}: {}", unquoted(value))).collect()))
        }
        Value::Array(items) => format!("[{}]", joined(items.iter().map(unquoted).collect())),
        other => other.to_string(),
    }
}

impl Answer {
    pub fn new(status: StatusCode, body: Content) -> Self {
        Self { status, headers: Vec::new(), body, violations: Vec::new(), repeat: false, fault: None, order: None }
    }

    /// An answer that waits for the integration's server.
    pub fn after(order: Order) -> Self {
        Self { order: Some(Box::new(order)), ..Self::new(StatusCode::OK, Content::Empty) }
    }

    pub fn json(status: StatusCode, body: Value) -> Self {
        Self::new(status, Content::json(body))
    }

    pub fn ok(body: Value) -> Self {
        Self::json(StatusCode::OK, body)
    }

    pub fn violation(mut self, violation: impl Into<String>) -> Self {
        self.violations.push(violation.into());
        self
    }

    pub fn repeat(mut self) -> Self {
        self.repeat = true;
        self
    }

    pub fn header(mut self, name: HeaderName, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.push((name, value));
        }
        self
    }

    /// The body for the ledger.
    pub fn body_value(&self) -> Value {
        match &self.body {
            Content::Empty => Value::Null,
            Content::Json(value) | Content::Unquoted(value) => Value::clone(value),
            Content::Text(text) | Content::Html(text) => Value::from(*text),
            Content::Audio(bytes) => format!("<audio, {} bytes>", bytes.len()).into(),
        }
    }

    /// The answer, its body sent in another way than whole.
    pub fn with_body(self, send: impl FnOnce(Bytes) -> Body) -> Response {
        let (kind, bytes) = self.body.into_parts();
        let mut response = Response::new(send(bytes));
        *response.status_mut() = self.status;
        response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(kind) = kind {
            response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
        }
        response.headers_mut().extend(self.headers);
        response
    }
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        self.with_body(Body::from)
    }
}
