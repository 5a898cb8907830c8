//! The stand-in for UIS (also CoMagic): JSON-RPC 2.0 over HTTPS, Call API in its versions 1 and 4.0.

mod params;
pub(crate) mod rules;
pub(crate) mod session;
mod v1;
mod v4;

use std::collections::BTreeMap;

use axum::http::{Method, StatusCode, header};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use self::params::Params;
use self::rules::{Rules, Slip};
use self::session::Sessions;
use crate::clock::now;
use crate::http::{Answer, Content, Heard};

/// A version of the API that is in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Version {
    V1,
    V4,
}

impl Version {
    /// As it stands in the path.
    pub fn name(self) -> &'static str {
        match self {
            Self::V1 => "v1",
            Self::V4 => "v4.0",
        }
    }
}

/// Whether a path of the plain listener names a version of the API: `/v1`, `/v4.0`.
pub(crate) fn is_path(path: &str) -> bool {
    path.strip_prefix("/v").is_some_and(|version| version.starts_with(|c: char| c.is_ascii_digit()))
}

/// A request of JSON-RPC 2.0.
struct Request {
    id: Value,
    method: String,
    params: Params,
}

/// Why a body is none.
enum Malformed {
    Encoding,
    Json,
    Batch,
    Notification,
    /// It is no request object, for this reason.
    Invalid(&'static str),
}

impl Malformed {
    fn violation(&self) -> &'static str {
        match self {
            Self::Encoding => "the body is not UTF-8",
            Self::Json => "the body is no JSON",
            Self::Batch => "a batch",
            Self::Notification => "a request without `id`",
            Self::Invalid(reason) => reason,
        }
    }
}

impl Request {
    /// Reads a body; `is_id` tells which ids the version takes. The id is answered as far as it could be read.
    fn read(body: &[u8], is_id: fn(&Value) -> bool) -> Result<Self, (Value, Malformed)> {
        let nameless = |malformed| (Value::Null, malformed);
        let text = std::str::from_utf8(body).map_err(|_| nameless(Malformed::Encoding))?;
        let mut object = match serde_json::from_str(text) {
            Ok(Value::Object(object)) => object,
            Ok(Value::Array(_)) => return Err(nameless(Malformed::Batch)),
            Ok(_) => return Err(nameless(Malformed::Invalid("the body is no object"))),
            Err(_) => return Err(nameless(Malformed::Json)),
        };
        let id = object.remove("id").ok_or_else(|| nameless(Malformed::Notification))?;
        if !is_id(&id) {
            return Err(nameless(Malformed::Invalid("`id` has a wrong type")));
        }
        let invalid = |reason| Err((id.clone(), Malformed::Invalid(reason)));
        if object.remove("jsonrpc") != Some("2.0".into()) {
            return invalid("`jsonrpc` is not \"2.0\"");
        }
        let Some(Value::String(method)) = object.remove("method") else { return invalid("`method` is no text") };
        let Some(Value::Object(params)) = object.remove("params") else { return invalid("`params` is no object") };
        if !object.is_empty() {
            return invalid("a member that is none of jsonrpc, id, method, params");
        }
        Ok(Self { id, method, params: Params::new(params) })
    }
}

/// A refusal, as `error` says it.
struct Failure {
    code: i64,
    message: String,
    /// Further members of `error`.
    details: Box<Map<String, Value>>,
    /// What the request did that no document allows.
    violation: Option<String>,
}

impl Failure {
    fn to_json(&self) -> Value {
        let mut error = (*self.details).clone();
        error.insert("code".to_owned(), self.code.into());
        error.insert("message".to_owned(), self.message.as_str().into());
        error.into()
    }
}

/// What a request comes to.
struct Reply {
    id: Value,
    outcome: Result<Value, Failure>,
    /// The method, where it could be read.
    method: Option<String>,
}

/// A key for a while: a session key of version 1, an access token of version 4.0.
struct Key {
    version: Version,
    ends_at: i64,
}

/// Points used up since a window of time began.
#[derive(Clone, Copy, Default)]
struct Window {
    began_at: i64,
    used: u32,
}

impl Window {
    /// Begins anew where it is over.
    fn roll(&mut self, length: i64) {
        if now() >= self.began_at + length {
            *self = Self { began_at: now(), used: 0 };
        }
    }

    /// Whole seconds until it is over.
    fn reset(self, length: i64) -> i64 {
        (self.began_at + length - now() + 999) / 1000
    }
}

/// Points used up in the current minute and the current day.
#[derive(Default)]
struct Quota {
    minute: Window,
    day: Window,
}

const MINUTE: i64 = 60 * 1000;
const DAY: i64 = 24 * 60 * MINUTE;

impl Quota {
    fn roll(&mut self) {
        self.minute.roll(MINUTE);
        self.day.roll(DAY);
    }

    fn spend(&mut self) {
        self.minute.used += 1;
        self.day.used += 1;
    }
}

/// Which limit is used up.
#[derive(Clone, Copy)]
struct Exceeded {
    /// `minute` or `day`.
    window: &'static str,
    limit: u32,
}

/// The exchange's side of the world.
#[derive(Default)]
pub(crate) struct Uis {
    pub sessions: Sessions,
    pub rules: Rules,
    keys: BTreeMap<String, Key>,
    quota: Quota,
}

impl Uis {
    /// Keys that were issued end now: version 1 says so, version 4.0 does not know them any more.
    pub fn expire_keys(&mut self) {
        for key in self.keys.values_mut() {
            key.ends_at = 0;
        }
    }

    /// Judges a request and answers it. `arrival` is when its answer reaches the client; none where it is lost on the way.
    pub fn judge(&mut self, heard: &Heard, arrival: Option<i64>) -> Answer {
        let mut answer = self.route(heard, arrival);
        for name in ["cookie", "authorization"] {
            if heard.headers.contains_key(name) {
                answer = answer.violation(format!("a header `{name}`: the key is a parameter"));
            }
        }
        answer
    }

    fn route(&mut self, heard: &Heard, arrival: Option<i64>) -> Answer {
        let version = match heard.path.as_str() {
            "/v1" => Version::V1,
            "/v4.0" => Version::V4,
            _ => return unsupported().violation("no such version is documented"),
        };
        if heard.method != Method::POST {
            return Answer::new(StatusCode::METHOD_NOT_ALLOWED, Content::Empty)
                .violation("only POST is taken")
                .header(header::ALLOW, "POST");
        }
        if let Some(fault) = heard.query_fault(&[]) {
            return Answer::new(StatusCode::BAD_REQUEST, Content::Empty).violation(fault);
        }
        if !heard.says_json() {
            return Answer::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, Content::Empty)
                .violation("the content type is not application/json in UTF-8");
        }
        let on = match version {
            Version::V1 => self.rules.v1_on,
            Version::V4 => self.rules.v4_on,
        };
        if !on {
            return unsupported();
        }
        self.quota.roll();
        let Reply { id, outcome, method } = match version {
            Version::V1 => v1::answer(self, &heard.body),
            Version::V4 => v4::answer(self, &heard.body, arrival),
        };
        let violation = outcome.as_ref().err().and_then(|failure| failure.violation.clone());
        let (name, said) = match outcome {
            Ok(result) => ("result", result),
            Err(failure) => ("error", failure.to_json()),
        };
        let body = json!({ "jsonrpc": "2.0", "id": id, name: said });
        let slip = method.and_then(|method| self.rules.take_slip(&method));
        let mut answer = Answer::new(StatusCode::OK, slipped(body, slip));
        answer.violations.extend(violation);
        answer
    }

    /// A new key for a while.
    fn issue(&mut self, version: Version) -> (String, i64) {
        let key = [Uuid::new_v4(), Uuid::new_v4()].map(|half| half.simple().to_string()).concat();
        let ends_at = now() + i64::from(self.rules.key_lifetime) * 1000;
        self.keys.insert(key.clone(), Key { version, ends_at });
        (key, ends_at)
    }

    /// Which limit leaves no point for one more request.
    fn exceeded(&self) -> Option<Exceeded> {
        let Rules { day_limit, minute_limit, .. } = self.rules;
        let windows = [("minute", self.quota.minute.used, minute_limit), ("day", self.quota.day.used, day_limit)];
        let (window, _, limit) = windows.into_iter().find(|(_, used, limit)| used >= limit)?;
        Some(Exceeded { window, limit })
    }

    /// What there is to show and to set, for the control page.
    pub fn to_json(&self) -> Value {
        let (live, ended) = self.sessions.to_json();
        json!({ "calls": live, "history": ended, "rules": self.rules })
    }
}

/// No code belongs to it.
fn unsupported() -> Answer {
    Answer::ok(json!({ "jsonrpc": "2.0", "id": null, "error": { "message": "Api version not supported" } }))
}

/// An answer's body as it goes wrong.
fn slipped(mut body: Value, slip: Option<Slip>) -> Content {
    if let Some(object) = body.as_object_mut() {
        match slip {
            Some(Slip::OtherId) => object.insert("id".to_owned(), (-1).into()),
            Some(Slip::Both) => {
                object.entry("result").or_insert_with(|| "success".into());
                object.entry("error").or_insert_with(|| json!({ "code": -32603, "message": "Internal error" }));
                None
            }
            Some(Slip::Neither) => object.remove("result").or_else(|| object.remove("error")),
            Some(Slip::WrongShape) => object.insert("result".to_owned(), json!([{ "data": "?" }])),
            Some(Slip::Unquoted) | None => None,
        };
    }
    if slip == Some(Slip::Unquoted) { Content::Unquoted(Box::new(body)) } else { Content::json(body) }
}
