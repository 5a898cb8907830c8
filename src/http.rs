//! Requests over HTTP as data: what a service's side asks for, and what the shell brings back.

use serde::Serialize;

use crate::{Millis, json::Fields, private::Private};

/// An answer over HTTP, whatever its status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpAnswer {
    /// The status.
    pub status: u16,
    /// How long the `Retry-After` header asks to wait, if there is one.
    pub retry_after: Option<Millis>,
    /// The service's clock, from the `Date` header.
    pub date: Option<Millis>,
    /// The body as text, cut at 1 MiB; empty where it is kept as a file.
    pub body: Private<String>,
    /// The body as a file, where [`HttpRequest::keep`] asked for it and the status is a success.
    pub file: Option<FileInfo>,
}

/// A file that the shell keeps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileInfo {
    /// The `Content-Type` as it came; empty where there was none.
    pub content_type: String,
    /// In bytes.
    pub length: u64,
}

/// The most bytes of a file that is kept: what Kontur's API Files takes.
pub const LARGEST_FILE: u64 = 100 * 1024 * 1024;

/// Why no answer came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HttpFailure {
    /// No connection, no name, no permission: the browser does not say which.
    Network,
    /// The answer took longer than the request's timeout.
    Timeout,
    /// The file is larger than [`LARGEST_FILE`].
    TooLarge,
}

/// A request over HTTP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpRequest {
    /// The method.
    pub method: Method,
    /// The whole address. Holds no secret.
    pub url: String,
    /// Further headers; their values may be secret.
    pub headers: Vec<(&'static str, Private<String>)>,
    /// What is sent.
    pub body: Body,
    /// Whether the body of a success is a file: kept under the exchange's id until `Output::DropFile`, and told by
    /// [`HttpAnswer::file`].
    pub keep: bool,
    /// Whether the browser may send and store cookies: only for the exchange, whose REST sessions are cookies.
    pub cookies: bool,
    /// Milliseconds to wait for the whole answer; where it is a file, for its head and then for each further piece.
    pub timeout: u32,
}

/// What a request sends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    /// Nothing.
    Empty,
    /// A text, as `application/json`.
    Json(Private<String>),
    /// A text, as `application/json-patch+json`.
    JsonPatch(Private<String>),
    /// A file kept of an earlier exchange, as the part `file` of `multipart/form-data`.
    File {
        /// The id of that exchange.
        kept: u32,
        /// The name to give it.
        name: String,
    },
}

/// The methods we use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// GET
    Get,
    /// POST
    Post,
    /// PATCH
    Patch,
}

/// A key that a service gave for a while: Kontur's AccessKey, the session key of an exchange.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AccessKey {
    /// The key.
    pub key: Private<String>,
    /// When it was obtained, by this computer's clock.
    pub obtained_at: Millis,
    /// Which settings it was obtained with, so that changed settings do not use it.
    pub fingerprint: u32,
}

impl AccessKey {
    /// Reads it as it was kept.
    pub fn read(fields: Fields<'_>) -> Option<Self> {
        let (key, obtained_at) = (fields.private("key")?, fields.millis("obtainedAt")?);
        Some(Self { key, obtained_at, fingerprint: fields.number("fingerprint")? })
    }
}
