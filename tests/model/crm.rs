//! The CRM: strict about the order within a call, about its keys and about its files.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};
use trubka::{
    Millis,
    http::{Body, HttpRequest},
};

use super::Reply;

const HOST: &str = "https://crm.kontur.ru";
const CALLBACKS: &str = "/api/v1/ws/communications/callbacks/telephony/";
/// How long an AccessKey is good for.
const KEY_LIFE: Millis = Millis::mins(20);

/// The CRM.
#[derive(Default)]
pub struct Crm {
    /// Every call it was told of, by `externalId`.
    pub calls: BTreeMap<String, Communication>,
    /// What broke a rule.
    pub violations: Vec<String>,
    /// Answers to give instead, first to last: a status, or `0` for no answer at all, or `1` for an answer lost on its way.
    pub faults: Vec<u16>,
    /// A call of which every request fails.
    pub fails_for: Option<String>,
    /// Calls whose order cannot be held: the CRM refused some of it, or the browser's database lost it.
    pub forgiven: BTreeSet<String>,
    pub exchanges: u32,
    /// The AccessKeys it gave, and until when they are good.
    pub keys: BTreeMap<String, Millis>,
    /// Whether it makes no CALL.
    pub features_off: bool,
    pub refuses_key: bool,
    pub requests: Vec<(String, Value)>,
    /// Which of its cards are every client's; one contact unless set.
    pub links: Option<Value>,
    /// Who is responsible for every client.
    pub responsible: Vec<String>,
    /// What it was asked about that, as the query says.
    pub redirects: Vec<String>,
    /// The files it keeps: `fileId` → what the file holds.
    pub files: BTreeMap<String, String>,
    /// `communicationId`s of its own system calls, and whether it was told that the call failed.
    pub system_calls: BTreeMap<String, bool>,
}

/// A communication in the CRM.
#[derive(Default, Debug, Clone)]
pub struct Communication {
    pub started: Option<Value>,
    pub events: Vec<Value>,
    pub finished: Option<Value>,
    /// As registered last.
    pub registered: Option<Value>,
    /// The items of all registrations, by id.
    pub items: BTreeMap<String, Value>,
    /// The recordings of each item: `fileId`s.
    pub recordings: BTreeMap<String, Vec<String>>,
    /// Its id.
    id: String,
    pub repeats: u32,
}

impl Crm {
    /// Answers a request; `file` is what the file holds that comes with it.
    pub fn answer(&mut self, now: Millis, request: &HttpRequest, file: Option<&str>) -> Reply {
        let header = |name| {
            let header = request.headers.iter().find(|(header, _)| *header == name);
            header.map(|(_, value)| value.reveal().clone()).unwrap_or_default()
        };
        let path = request.url.trim_start_matches(HOST);
        if path == "/api/v1/authorization/authorize-private-integration" {
            assert_eq!(header("X-XCOM-Integration-ApiKey"), "kontur-key");
            self.exchanges += 1;
            if self.refuses_key {
                return Reply::status(401, r#""Unauthorized""#);
            }
            let key = format!("access-{}", self.exchanges);
            self.keys.insert(key.clone(), now + KEY_LIFE);
            return Reply::json(&json!({ "workspace": { "id": "1", "name": "ws" }, "accessKey": key }));
        }
        if let Some(query) = path.strip_prefix(CALLBACKS).and_then(|method| method.strip_prefix("call-redirect?")) {
            if self.keys.get(&header("X-XCOM-AccessKey")).is_none_or(|until| *until <= now) {
                return Reply::status(401, r#""Unauthorized""#);
            }
            return self.redirect(query);
        }
        let fault = (!self.faults.is_empty()).then(|| self.faults.remove(0));
        match fault {
            Some(0) => return Reply::Network,
            Some(409) => return Reply::status(409, r#""Error""#),
            Some(status) if status > 1 && status != 200 => {
                return Reply::status(status, r#"{"status":"fault","message":"Fault"}"#);
            }
            _ => {}
        }
        if self.keys.get(&header("X-XCOM-AccessKey")).is_none_or(|until| *until <= now) {
            return Reply::status(401, r#""Unauthorized""#);
        }
        if path == "/api/v1/ws/files" {
            return self.keep(request, file);
        }
        if path.starts_with("/api/v1/ws/integrations/instances/") {
            return Reply::json(&json!({ "id": "i", "baseUrl": "https://relay.example.com", "status": "active",
                "features": { "call": !self.features_off, "hangup": true }, "webHooks": [] }));
        }
        if path.starts_with("/api/v1/ws/ui-settings") {
            return Reply::status(409, r#"{"status":"notFound","message":"Telephony not found"}"#);
        }
        let Body::Json(body) = &request.body else { panic!("a callback without a body") };
        if self.fails_for.as_ref().is_some_and(|call| body.reveal().contains(call.as_str())) {
            return Reply::status(500, "");
        }
        let method = path.strip_prefix(CALLBACKS).expect("a callback").to_owned();
        let body: Value = serde_json::from_str(body.reveal()).expect("JSON");
        self.requests.push((method.clone(), body.clone()));
        let (status, text) = self.take(&method, body);
        // The CRM has done it, yet its answer is lost.
        if fault == Some(1) { Reply::Timeout } else { Reply::status(status, text) }
    }

    /// Who is responsible for a client, by a call that is known or by a number.
    fn redirect(&mut self, query: &str) -> Reply {
        self.redirects.push(query.to_owned());
        let is_known = match query.split_once('=') {
            Some(("externalId", id)) => self.calls.contains_key(id),
            Some(("phoneNumber", digits)) => !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()),
            _ => panic!("{query}"),
        };
        if !is_known || self.responsible.is_empty() {
            return Reply::status(409, r#"{"status":"notFound","message":"Communication not found"}"#);
        }
        Reply::json(&json!({ "userIds": self.responsible }))
    }

    /// Keeps a file. Its length comes back as a number or as text, as it likes.
    fn keep(&mut self, request: &HttpRequest, file: Option<&str>) -> Reply {
        let (Body::File { name, .. }, Some(audio)) = (&request.body, file) else { panic!("a file is to be uploaded") };
        let id = format!("file-{}", self.files.len());
        self.files.insert(id.clone(), audio.to_owned());
        let length = if self.files.len().is_multiple_of(2) { json!("9216") } else { json!(9216) };
        Reply::json(&json!({ "fileId": id, "fileName": name, "contentType": "audio/mpeg", "contentLength": length }))
    }

    fn take(&mut self, method: &str, body: Value) -> (u16, String) {
        if method == "call-failed" {
            let id = body["communicationId"].as_str().unwrap_or_default();
            return match self.system_calls.get_mut(id) {
                Some(failed) => {
                    *failed = true;
                    // What the database lost, the core may take for a command of long ago.
                    let is_call =
                        |(call, told): (&String, &Communication)| told.id == id && !self.forgiven.contains(call);
                    if self.calls.iter().any(is_call) {
                        self.violations.push(format!("{id}: failed, though it was a call"));
                    }
                    (200, r#""OK""#.to_owned())
                }
                None => (409, r#"{"status":"communicationNotFound","message":"Communication not found."}"#.to_owned()),
            };
        }
        let id = body["externalId"].as_str().unwrap_or_default().to_owned();
        let named = body["communicationId"].as_str();
        let call = self.calls.entry(id.clone()).or_insert_with(|| {
            let own = named.filter(|named| self.system_calls.contains_key(*named));
            Communication {
                id: own.map_or_else(|| format!("communication-of-{id}"), str::to_owned),
                ..Communication::default()
            }
        });
        let mut broken = Vec::new();
        if named.is_some_and(|named| named != call.id) {
            broken.push("names another communication");
        }
        if self.system_calls.get(&call.id) == Some(&true) {
            broken.push("a call, though it failed");
        }
        let repeat = match method {
            "call-started" => call.started.as_ref() == Some(&body),
            "call-event" => call.events.contains(&body),
            "call-finished" => call.finished.as_ref() == Some(&body),
            "register-call" => call.registered.as_ref() == Some(&body),
            _ => false,
        };
        if repeat {
            call.repeats += 1;
        }
        let ok = || (200, r#""OK""#.to_owned());
        let answer = match method {
            "call-started" => {
                if (call.started.is_some() || call.registered.is_some()) && !repeat {
                    broken.push("started twice");
                }
                let answer = json!({ "id": call.id, "links": self.links.clone().unwrap_or_else(|| json!({ "contactIds": ["c1"] })) }).to_string();
                call.started = Some(body);
                (200, answer)
            }
            "call-event" => {
                broken.extend(call.objection(&body).filter(|_| !repeat));
                if !repeat {
                    call.events.push(body);
                }
                ok()
            }
            "call-finished" => {
                if call.started.is_none() || (call.finished.is_some() && !repeat) {
                    broken.push("finished out of order");
                }
                call.finished = Some(body);
                ok()
            }
            "register-call" => {
                // One that the CRM was not told of while it went on needs no end.
                if call.started.is_some() && call.finished.is_none() {
                    broken.push("registered before the end");
                }
                let items: BTreeMap<String, Value> = body["items"]
                    .as_array()
                    .into_iter()
                    .flatten()
                    .map(|item| (item["id"].as_str().unwrap_or_default().to_owned(), item.clone()))
                    .collect();
                // A call that comes back after its end is registered anew, with a leg that was not in it.
                if call.registered.is_some() && items.keys().all(|item| call.items.contains_key(item)) {
                    if !repeat {
                        broken.push("registered with another body");
                    }
                    (409, r#""Error""#.to_owned())
                } else {
                    for (item, value) in &items {
                        for recording in value["recordings"].as_array().into_iter().flatten() {
                            call.name_recording(item, &recording["fileId"], &self.files, &mut broken);
                        }
                    }
                    call.items.extend(items);
                    call.registered = Some(body);
                    ok()
                }
            }
            "call-recording" => {
                let item = body["externalCallItemId"].as_str().unwrap_or_default();
                if body["realtimeCallItemId"].as_str() != Some(item) {
                    broken.push("the item has two names");
                }
                if call.registered.is_none() && call.started.is_none() {
                    broken.push("a recording of a call never told of");
                }
                call.name_recording(item, &body["recordingFileId"], &self.files, &mut broken);
                ok()
            }
            other => panic!("no such method: {other}"),
        };
        if !self.forgiven.contains(&id) {
            self.violations.extend(broken.into_iter().map(|what| format!("{id} {method}: {what}")));
        }
        answer
    }
}

impl Communication {
    /// What is wrong with an event.
    fn objection(&self, event: &Value) -> Option<&'static str> {
        let of_leg: Vec<_> =
            self.events.iter().filter(|known| known["realtimeCallItemId"] == event["realtimeCallItemId"]).collect();
        let last = of_leg.last().map(|event| text(&event["type"]));
        let before = self.events.last().or(self.started.as_ref()).map(|event| moment(&event["timestamp"]));
        if self.started.is_none() {
            return Some("an event before the start");
        }
        if self.finished.is_some() {
            return Some("an event after the end");
        }
        if Some(moment(&event["timestamp"])) < before {
            return Some("time runs backwards");
        }
        match (last, text(&event["type"])) {
            (None, "appeared")
            | (Some("appeared" | "paused"), "connected")
            | (Some("connected"), "paused")
            | (Some("appeared" | "connected" | "paused"), "disconnected") => None,
            (_, "appeared" | "connected" | "paused" | "disconnected") => Some("an event out of order"),
            _ => Some("no such event"),
        }
    }

    fn name_recording(
        &mut self,
        item: &str,
        file: &Value,
        files: &BTreeMap<String, String>,
        broken: &mut Vec<&'static str>,
    ) {
        let named = self.recordings.entry(item.to_owned()).or_default();
        match file.as_str().and_then(|id| Some((id, files.get(id)?))) {
            None => broken.push("no such file"),
            Some((_, audio)) if audio != item => broken.push("another leg's recording"),
            Some((id, _)) if named.iter().any(|known| known == id) => {}
            Some((id, _)) => named.push(id.to_owned()),
        }
    }
}

/// A moment as the CRM reads it.
#[expect(clippy::cast_possible_truncation, reason = "no moment of the model is out of range")]
pub fn moment(text: &Value) -> Millis {
    let moment = OffsetDateTime::parse(text.as_str().unwrap_or_default(), &Rfc3339).expect("a moment");
    Millis((moment.unix_timestamp_nanos() / 1_000_000) as i64)
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
