//! Failures on demand: the next requests that match are answered with a documented error instead of being judged.

use axum::http::{StatusCode, header};
use serde_json::json;

use crate::http::{Answer, Content, Heard};
use crate::ledger::Service;

/// A failure waiting for its requests.
pub(crate) struct Fault {
    pub service: Service,
    pub status: StatusCode,
    /// How many requests it still takes.
    pub count: u32,
    /// Part of the path a request must have; every request when absent.
    pub path: Option<String>,
    /// Seconds for the `Retry-After` header.
    pub retry_after: Option<u32>,
}

#[derive(Default)]
pub(crate) struct Faults {
    waiting: Vec<Fault>,
}

impl Faults {
    /// Sets a failure; with `count` 0 it clears those of the same service and path.
    pub fn set(&mut self, fault: Fault) {
        self.waiting.retain(|other| other.service != fault.service || other.path != fault.path);
        if fault.count > 0 {
            self.waiting.push(fault);
        }
    }

    /// The failure this request meets, if any.
    pub fn take(&mut self, service: Service, heard: &Heard) -> Option<Answer> {
        let fault = self.waiting.iter_mut().find(|fault| {
            fault.service == service && fault.path.as_ref().is_none_or(|part| heard.path.contains(part.as_str()))
        })?;
        fault.count -= 1;
        let mut answer = error(service, fault.status, &heard.path);
        if let Some(seconds) = fault.retry_after {
            answer = answer.header(header::RETRY_AFTER, &seconds.to_string());
        }
        self.waiting.retain(|fault| fault.count > 0);
        Some(answer)
    }

    pub fn to_json(&self) -> serde_json::Value {
        self.waiting
            .iter()
            .map(|fault| {
                json!({
                    "service": fault.service.name(), "status": fault.status.as_u16(), "count": fault.count,
                    "path": fault.path, "retryAfter": fault.retry_after,
                })
            })
            .collect()
    }
}

/// The documented body that goes with a status: every shape Kontur is known to answer is used by one of them.
fn error(service: Service, status: StatusCode, path: &str) -> Answer {
    if service == Service::Phonet {
        return Answer::json(status, json!({ "message": status.canonical_reason() }));
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
        409 => Content::json(json!({
            "errorInfo": { "invalidDatas": [], "invalidConstraints": {}, "status": "invalidArgs", "message": "Conflict" },
            "isSuccessful": false, "responseCode": "conflict",
        })),
        429 => Content::json(json!({ "status": "tooManyRequests", "message": "Too many requests" })),
        _ => Content::Text("The service is unavailable."),
    };
    Answer::new(status, body)
}
