//! Bodies of the telephony callbacks, read field by field: what has a wrong type, is missing or unknown is named,
//! as the CRM's own validation names it (RFC 7807, HTTP 400).

use std::collections::BTreeMap;

use axum::http::StatusCode;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::clock::millis;
use crate::http::Answer;

/// A call's direction, in the CRM's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    Inbound,
    Outbound,
    Internal,
}

impl Direction {
    pub fn word(self) -> &'static str {
        match self {
            Self::Inbound => "inbound",
            Self::Outbound => "outbound",
            Self::Internal => "internal",
        }
    }

    /// Whom a leg goes from and to: `true` is a user, `false` the client.
    fn parties(self) -> (bool, bool) {
        match self {
            Self::Inbound => (false, true),
            Self::Outbound => (true, false),
            Self::Internal => (true, true),
        }
    }
}

/// What happened to a leg.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EventType {
    Appeared,
    Connected,
    Disconnected,
    Paused,
    Finished,
}

impl EventType {
    pub fn word(self) -> &'static str {
        match self {
            Self::Appeared => "appeared",
            Self::Connected => "connected",
            Self::Disconnected => "disconnected",
            Self::Paused => "paused",
            Self::Finished => "finished",
        }
    }
}

/// One side of a leg.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Party {
    pub user: bool,
    pub user_id: Option<String>,
}

/// Both sides of a leg.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Parties {
    pub from: Party,
    pub to: Party,
}

impl Parties {
    pub fn fit(&self, direction: Direction) -> bool {
        (self.from.user, self.to.user) == direction.parties()
    }

    pub fn user_ids(&self) -> impl Iterator<Item = &str> {
        [&self.from, &self.to].into_iter().filter_map(|party| party.user_id.as_deref())
    }
}

/// What every callback says of its call.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct CallRef {
    /// Without the integration's `Name/` prefix.
    pub external_id: String,
    pub communication_id: Option<String>,
}

/// What `call-started`, `call-finished` and `register-call` say of it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct CallInfo {
    pub direction: Direction,
    pub client_phone: Option<String>,
    pub vats_phone: Option<String>,
}

/// The body of `call-started` and of `call-finished`.
pub(crate) struct Boundary {
    pub call: CallRef,
    pub info: CallInfo,
    pub timestamp: i64,
}

/// The body of `call-event`.
pub(crate) struct LegEvent {
    pub call: CallRef,
    pub external_item_id: String,
    pub realtime_item_id: String,
    pub timestamp: i64,
    pub kind: EventType,
    pub parties: Parties,
}

/// The body of `register-call`.
pub(crate) struct Registration {
    pub call: CallRef,
    pub info: CallInfo,
    pub created_at: i64,
    pub items: Vec<Item>,
}

/// A leg of a registered call.
#[derive(Clone)]
pub(crate) struct Item {
    pub id: String,
    pub parties: Parties,
    pub started_at: i64,
    pub finished_at: i64,
    pub recordings: Vec<NamedFile>,
}

/// An uploaded file as an item's recording.
#[derive(Clone)]
pub(crate) struct NamedFile {
    pub id: String,
    /// Everything said of it.
    pub said: Value,
}

/// The body of `call-recording`.
pub(crate) struct LateRecording {
    pub call: CallRef,
    pub external_item_id: String,
    pub realtime_item_id: String,
    pub file_id: String,
}

/// The body of CALL.
pub(crate) struct SystemCall {
    pub id: String,
    pub from: String,
    /// On an internal call.
    pub to: Option<String>,
    pub client_phone: Option<String>,
}

/// One operation of a patch.
pub(crate) struct Operation {
    pub op: String,
    pub path: String,
    pub value: Value,
}

impl Operation {
    pub fn to_json(&self) -> Value {
        json!({ "op": self.op, "path": self.path, "value": self.value })
    }
}

/// Field errors by path, as ASP.NET collects them.
#[derive(Default)]
struct Errors(BTreeMap<String, Vec<String>>);

impl Errors {
    fn add(&mut self, path: &str, message: String) {
        self.0.entry(path.to_owned()).or_default().push(message);
    }

    /// The documented answer to a body that cannot be read.
    fn answer(self, model: &str) -> Answer {
        let violations: Vec<String> =
            self.0.iter().flat_map(|(path, found)| found.iter().map(move |one| format!("{path}: {one}"))).collect();
        let mut errors: Map<String, Value> =
            self.0.into_iter().map(|(path, found)| (path, Value::from(found))).collect();
        errors.insert(model.to_owned(), json!([format!("The {model} field is required.")]));
        let mut answer = Answer::json(
            StatusCode::BAD_REQUEST,
            json!({
                "errors": errors,
                "type": "https://tools.ietf.org/html/rfc7231#section-6.5.1",
                "title": "One or more validation errors occurred.",
                "status": 400,
                "traceId": format!("00-{}-00", Uuid::new_v4().simple()),
            }),
        );
        answer.violations = violations;
        answer
    }
}

/// One JSON object, taken apart key by key; what is left over at the end is unknown.
struct Reader<'a> {
    object: Map<String, Value>,
    path: String,
    errors: &'a mut Errors,
}

impl<'a> Reader<'a> {
    fn new(value: Value, path: &str, errors: &'a mut Errors) -> Self {
        let object = if let Value::Object(object) = value {
            object
        } else {
            errors.add(path, format!("Error converting value {value} to an object. Path '{path}'."));
            Map::new()
        };
        Self { object, path: path.to_owned(), errors }
    }

    fn at(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    fn refuse(&mut self, key: &str, value: &Value, kind: &str) {
        let path = self.at(key);
        self.errors.add(&path, format!("Error converting value {value} to type '{kind}'. Path '{path}'."));
    }

    /// A null counts as absent.
    fn take(&mut self, key: &str) -> Option<Value> {
        self.object.remove(key).filter(|value| !value.is_null())
    }

    fn need<T>(&mut self, key: &str, read: impl FnOnce(&mut Self, &str) -> Option<T>) -> Option<T> {
        if self.object.get(key).is_none_or(Value::is_null) {
            let path = self.at(key);
            self.errors.add(&path, format!("The {key} field is required."));
        }
        read(self, key)
    }

    /// A string that `parse` understands; `kind` names its type in the refusal.
    fn parsed<T>(&mut self, key: &str, kind: &str, parse: impl FnOnce(&str) -> Option<T>) -> Option<T> {
        let value = self.take(key)?;
        let parsed = value.as_str().and_then(parse);
        if parsed.is_none() {
            self.refuse(key, &value, kind);
        }
        parsed
    }

    fn id(&mut self, key: &str) -> Option<String> {
        self.parsed(key, "System.String", |text| {
            (!text.is_empty() && text.len() <= 128 && text.bytes().all(|byte| byte.is_ascii_graphic()))
                .then(|| text.to_owned())
        })
    }

    fn guid(&mut self, key: &str) -> Option<String> {
        self.parsed(key, "System.Guid", |text| {
            Uuid::try_parse(text).ok().filter(|_| text.len() == 36).map(|guid| guid.hyphenated().to_string())
        })
    }

    fn digits(&mut self, key: &str) -> Option<String> {
        self.parsed(key, "a phone number in digits", |text| {
            ((3..=15).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())).then(|| text.to_owned())
        })
    }

    fn instant(&mut self, key: &str) -> Option<i64> {
        self.parsed(key, "System.DateTimeOffset", millis)
    }

    fn direction(&mut self, key: &str) -> Option<Direction> {
        self.parsed(key, "Xcom.Api.Models.Communications.CommunicationDirection", |text| {
            [Direction::Inbound, Direction::Outbound, Direction::Internal].into_iter().find(|one| one.word() == text)
        })
    }

    fn event_type(&mut self, key: &str) -> Option<EventType> {
        use EventType::{Appeared, Connected, Disconnected, Finished, Paused};
        self.parsed(key, "Xcom.Api.Models.Communications.CallEventType", |text| {
            [Appeared, Connected, Disconnected, Paused, Finished].into_iter().find(|one| one.word() == text)
        })
    }

    fn party(&mut self, key: &str) -> Option<Party> {
        let value = self.take(key)?;
        let path = self.at(key);
        let mut reader = Reader::new(value, &path, self.errors);
        let user = reader.need("type", |reader, key| {
            reader.parsed(key, "Xcom.Api.Models.Communications.CallPartyType", |text| match text {
                "user" => Some(true),
                "client" => Some(false),
                _ => None,
            })
        });
        let user_id = reader.guid("userId");
        if user == Some(false) && user_id.is_some() {
            reader.refuse("userId", &json!(user_id), "a party of type client");
        }
        reader.end();
        Some(Party { user: user?, user_id })
    }

    fn parties(&mut self) -> Option<Parties> {
        let from = self.need("from", Self::party);
        let to = self.need("to", Self::party);
        Some(Parties { from: from?, to: to? })
    }

    fn call(&mut self) -> Option<CallRef> {
        let communication_id = self.guid("communicationId");
        let external_id = self.need("externalId", Self::id)?;
        let bare = external_id.split_once('/').map_or(external_id.as_str(), |(_, bare)| bare);
        Some(CallRef { external_id: bare.to_owned(), communication_id })
    }

    fn info(&mut self) -> Option<CallInfo> {
        let (client_phone, vats_phone) = (self.digits("clientPhone"), self.digits("externalVatsPhone"));
        let direction = self.need("direction", Self::direction)?;
        if direction == Direction::Internal {
            for (key, phone) in [("clientPhone", &client_phone), ("externalVatsPhone", &vats_phone)] {
                if phone.is_some() {
                    self.refuse(key, &json!(phone), "a field of an internal call");
                }
            }
        }
        Some(CallInfo { direction, client_phone, vats_phone })
    }

    /// An array of what `read` reads; `kind` names its type in the refusal.
    fn array<T>(
        &mut self,
        key: &str,
        kind: &str,
        read: impl Fn(Value, &str, &mut Errors) -> Option<T>,
    ) -> Option<Vec<T>> {
        let value = self.take(key)?;
        let Value::Array(values) = value else {
            self.refuse(key, &value, kind);
            return None;
        };
        let base = self.at(key);
        values.into_iter().enumerate().map(|(at, value)| read(value, &format!("{base}[{at}]"), self.errors)).collect()
    }

    fn items(&mut self, key: &str) -> Option<Vec<Item>> {
        self.array(key, "Xcom.Api.Models.Communications.CallItem[]", item)
    }

    /// A length, as a number or as a string of digits.
    fn length(&mut self, key: &str) -> Option<u64> {
        let value = self.take(key)?;
        let length = value.as_u64().or_else(|| value.as_str()?.parse().ok());
        if length.is_none() {
            self.refuse(key, &value, "System.Int64");
        }
        length
    }

    /// Everything known has been taken: what is left is refused.
    fn end(self) {
        for key in self.object.keys() {
            let path = self.at(key);
            self.errors.add(&path, format!("Could not find member '{key}'. Path '{path}'."));
        }
    }
}

fn item(value: Value, path: &str, errors: &mut Errors) -> Option<Item> {
    let mut reader = Reader::new(value, path, errors);
    let id = reader.need("id", Reader::id);
    let parties = reader.parties();
    let started_at = reader.need("startedAt", Reader::instant);
    let finished_at = reader.need("finishedAt", Reader::instant);
    let recordings = reader.array("recordings", "Xcom.Api.Models.Communications.CallRecording[]", named_file);
    reader.end();
    Some(Item {
        id: id?,
        parties: parties?,
        started_at: started_at?,
        finished_at: finished_at?,
        recordings: recordings.unwrap_or_default(),
    })
}

fn operation(value: Value, path: &str, errors: &mut Errors) -> Option<Operation> {
    let mut reader = Reader::new(value, path, errors);
    let text = |reader: &mut Reader, key: &str| {
        reader.parsed(key, "System.String", |text| (!text.is_empty()).then(|| text.to_owned()))
    };
    let (op, at) = (reader.need("op", text), reader.need("path", text));
    let value = reader.need("value", Reader::take);
    reader.end();
    Some(Operation { op: op?, path: at?, value: value? })
}

fn named_file(value: Value, path: &str, errors: &mut Errors) -> Option<NamedFile> {
    let said = value.clone();
    let mut reader = Reader::new(value, path, errors);
    let id = reader.need("fileId", Reader::id);
    for key in ["fileName", "contentType"] {
        reader.need(key, |reader, key| reader.parsed(key, "System.String", |text| (!text.is_empty()).then_some(())));
    }
    reader.need("contentLength", Reader::length);
    reader.end();
    Some(NamedFile { id: id?, said })
}

fn read<T>(body: &[u8], model: &str, fields: impl FnOnce(&mut Reader) -> Option<T>) -> Result<T, Answer> {
    let mut errors = Errors::default();
    let value = match serde_json::from_slice(body) {
        Ok(value) => value,
        Err(error) => {
            errors.add("", format!("The body is no JSON: {error}"));
            return Err(errors.answer(model));
        }
    };
    let mut reader = Reader::new(value, "", &mut errors);
    let read = fields(&mut reader);
    reader.end();
    match read {
        Some(read) if errors.0.is_empty() => Ok(read),
        _ => Err(errors.answer(model)),
    }
}

/// Reads the body of `call-started` (`callStartedInfo`) or `call-finished` (`callFinishedInfo`).
pub(crate) fn boundary(body: &[u8], model: &str) -> Result<Boundary, Answer> {
    read(body, model, |reader| {
        let (call, info) = (reader.call(), reader.info());
        let timestamp = reader.need("timestamp", Reader::instant);
        Some(Boundary { call: call?, info: info?, timestamp: timestamp? })
    })
}

/// Reads the body of `call-event`.
pub(crate) fn leg_event(body: &[u8]) -> Result<LegEvent, Answer> {
    read(body, "callEventInfo", |reader| {
        let call = reader.call();
        let external_item_id = reader.need("externalCallItemId", Reader::id);
        let realtime_item_id = reader.need("realtimeCallItemId", Reader::id);
        let timestamp = reader.need("timestamp", Reader::instant);
        let kind = reader.need("type", Reader::event_type);
        let parties = reader.parties();
        Some(LegEvent {
            call: call?,
            external_item_id: external_item_id?,
            realtime_item_id: realtime_item_id?,
            timestamp: timestamp?,
            kind: kind?,
            parties: parties?,
        })
    })
}

/// Reads the body of `call-failed`: the communication's id.
pub(crate) fn failure(body: &[u8]) -> Result<String, Answer> {
    read(body, "callFailedInfo", |reader| reader.need("communicationId", Reader::guid))
}

/// Reads the body of `call-recording`.
pub(crate) fn recording(body: &[u8]) -> Result<LateRecording, Answer> {
    read(body, "callRecordingInfo", |reader| {
        let call = reader.call();
        let external_item_id = reader.need("externalCallItemId", Reader::id);
        let realtime_item_id = reader.need("realtimeCallItemId", Reader::id);
        let file_id = reader.need("recordingFileId", Reader::id);
        Some(LateRecording {
            call: call?,
            external_item_id: external_item_id?,
            realtime_item_id: realtime_item_id?,
            file_id: file_id?,
        })
    })
}

/// Reads the body of `register-call`.
pub(crate) fn registration(body: &[u8]) -> Result<Registration, Answer> {
    read(body, "registerCallInfo", |reader| {
        let (call, info) = (reader.call(), reader.info());
        let created_at = reader.need("externalCreatedAt", Reader::instant);
        let items = reader.need("items", Reader::items);
        Some(Registration { call: call?, info: info?, created_at: created_at?, items: items? })
    })
}

/// Reads the body of a patch.
pub(crate) fn operations(body: &[u8]) -> Result<Vec<Operation>, Answer> {
    read(body, "patch", |reader| {
        reader.need("operations", |reader, key| reader.array(key, "Xcom.Api.Models.PatchOperation[]", operation))
    })
}

/// Reads the arguments an integration is set up with: any names, plain values.
pub(crate) fn arguments(body: &[u8]) -> Result<Vec<(String, Value)>, Answer> {
    read(body, "arguments", |reader| {
        let arguments = std::mem::take(&mut reader.object);
        let is_plain = |value: &Value| !value.is_object() && !value.is_array();
        for (key, value) in arguments.iter().filter(|(_, value)| !is_plain(value)) {
            reader.refuse(key, value, "a plain value");
        }
        Some(arguments.into_iter().collect())
    })
}

/// Reads the body of the system call CALL.
pub(crate) fn system_call(body: &[u8]) -> Result<SystemCall, Answer> {
    read(body, "callInfo", |reader| {
        let id = reader.need("communicationId", Reader::guid);
        let from = reader.need("fromUserId", Reader::guid);
        let to = reader.guid("toUserId");
        let phone =
            if to.is_none() { reader.need("clientPhone", Reader::digits) } else { reader.digits("clientPhone") };
        Some(SystemCall { id: id?, from: from?, to, client_phone: phone })
    })
}

/// Reads the body of the system call HANGUP: the leg.
pub(crate) fn system_hang_up(body: &[u8]) -> Result<String, Answer> {
    read(body, "hangupInfo", |reader| {
        let leg = reader.need("realtimeCallItemId", Reader::id);
        reader.need("userId", Reader::guid);
        leg
    })
}
