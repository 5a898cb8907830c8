//! The telephony callbacks («События реального времени», «Регистрация завершенных звонков»): requests and answers.

use crate::{
    Millis,
    json::{self, Fields},
    kontur::{files::Recording, workspace_path},
    private::Private,
    protocol::Direction,
    timestamp::rfc3339,
};
use serde::Serialize;

/// A callback: what the CRM is told.
#[derive(Clone, Debug, PartialEq)]
pub enum Callback {
    /// A call begins.
    CallStarted(CallBoundary),
    /// Something happens to a leg.
    CallEvent(CallEvent),
    /// A call is over.
    CallFinished(CallBoundary),
    /// A call that the CRM asked for did not come about.
    CallFailed(CallFailed),
    /// The recording of a call that the CRM has already.
    CallRecording(CallRecording),
    /// A call for the history, answered or missed.
    RegisterCall(RegisterCall),
}

impl Callback {
    /// Which method takes it.
    pub fn method(&self) -> Method {
        match self {
            Self::CallStarted(_) => Method::CallStarted,
            Self::CallEvent(_) => Method::CallEvent,
            Self::CallFinished(_) => Method::CallFinished,
            Self::CallFailed(_) => Method::CallFailed,
            Self::CallRecording(_) => Method::CallRecording,
            Self::RegisterCall(_) => Method::RegisterCall,
        }
    }

    /// Whether the CRM may have it from somebody else.
    pub fn is_shared(&self) -> bool {
        matches!(self, Self::RegisterCall(RegisterCall { shared: true, .. }))
    }

    /// The request's body, as JSON.
    pub fn body(&self) -> Private<String> {
        let body = match self {
            Self::CallStarted(body) => serde_json::to_string(body),
            Self::CallEvent(body) => serde_json::to_string(body),
            Self::CallFinished(body) => serde_json::to_string(body),
            Self::CallFailed(body) => serde_json::to_string(body),
            Self::CallRecording(body) => serde_json::to_string(body),
            Self::RegisterCall(body) => serde_json::to_string(body),
        };
        // These types hold nothing that JSON cannot write.
        Private::new(body.unwrap_or_default())
    }
}

/// The same body with the communication named, whose id the CRM tells only in its answer to `call-started`.
pub fn with_communication(body: &Private<String>, id: &str) -> Private<String> {
    let id = serde_json::to_string(id).unwrap_or_default();
    Private::new(body.reveal().replacen('{', &format!(r#"{{"communicationId":{id},"#), 1))
}

/// The same body of `register-call` with the recording of one of its items named; `None` where it has no such item.
pub fn with_recording(body: &Private<String>, item: &str, recording: &Recording) -> Option<Private<String>> {
    let item = format!(r#"{{"id":{},"#, serde_json::to_string(item).ok()?);
    let recording = serde_json::to_string(recording).ok()?;
    let (before, after) = body.reveal().split_once(&item)?;
    Some(Private::new(format!(r#"{before}{item}"recordings":[{recording}],{after}"#)))
}

/// The telephony's methods.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Method {
    /// «Сообщение о начале звонка».
    CallStarted,
    /// «Сообщение о событии звонка».
    CallEvent,
    /// «Сообщение о завершении звонка».
    CallFinished,
    /// «Сообщение о неудачной попытке позвонить».
    CallFailed,
    /// «Сообщение о появлении записи разговора».
    CallRecording,
    /// «Регистрация завершенных звонков».
    RegisterCall,
}

impl Method {
    /// Reads it as it is stored.
    pub fn read(name: &str) -> Option<Self> {
        let all = [
            Self::CallStarted,
            Self::CallEvent,
            Self::CallFinished,
            Self::CallFailed,
            Self::CallRecording,
            Self::RegisterCall,
        ];
        all.into_iter().find(|method| method.name() == name)
    }

    /// Its name in the path, and as it is stored.
    pub fn name(self) -> &'static str {
        match self {
            Self::CallStarted => "call-started",
            Self::CallEvent => "call-event",
            Self::CallFinished => "call-finished",
            Self::CallFailed => "call-failed",
            Self::CallRecording => "call-recording",
            Self::RegisterCall => "register-call",
        }
    }

    /// Its path in a workspace.
    pub fn path(self, workspace: &str) -> String {
        format!("{}/communications/callbacks/telephony/{}", workspace_path(workspace), self.name())
    }
}

/// «Сообщение о начале звонка» and «Сообщение о завершении звонка»: the two say the same of a call.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CallBoundary {
    /// When the call began to ring, or ended.
    #[serde(serialize_with = "rfc3339")]
    pub timestamp: Millis,
    /// The whole call.
    pub external_id: String,
    /// The company's line, digits only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub external_vats_phone: Option<Private<String>>,
    /// The client's number, digits only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_phone: Option<Private<String>>,
    /// Which way the call goes.
    pub direction: Direction,
}

/// «Сообщение о событии звонка».
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CallEvent {
    /// The whole call.
    pub external_id: String,
    /// The leg.
    pub external_call_item_id: String,
    /// The leg, at the moment of the event; the same for us.
    pub realtime_call_item_id: String,
    /// When it happened.
    #[serde(serialize_with = "rfc3339")]
    pub timestamp: Millis,
    /// What happened.
    #[serde(rename = "type")]
    pub kind: EventType,
    /// Who calls.
    pub from: Party,
    /// Who is called.
    pub to: Party,
}

/// What can happen to a leg. One more is documented and not sent: `finished` says of a leg what `disconnected` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum EventType {
    /// It rings.
    Appeared,
    /// It was answered, or goes on after a hold.
    Connected,
    /// It is on hold.
    Paused,
    /// It is over.
    Disconnected,
}

/// One side of a leg.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Party {
    /// A user of the CRM or the client.
    #[serde(rename = "type")]
    kind: PartyType,
    /// The user's GUID; one the directory does not know has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    user_id: Option<String>,
}

/// What a party is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
enum PartyType {
    User,
    Client,
}

impl Party {
    /// The client.
    pub fn client() -> Self {
        Self { kind: PartyType::Client, user_id: None }
    }

    /// A user of the CRM, by id where it is known.
    pub fn user(user_id: Option<&str>) -> Self {
        Self { kind: PartyType::User, user_id: user_id.map(str::to_owned) }
    }

    /// Reads it as it is stored.
    pub fn read(fields: Fields<'_>) -> Option<Self> {
        match fields.text("type")?.as_str() {
            "client" => Some(Self::client()),
            "user" => Some(Self { kind: PartyType::User, user_id: fields.text("userId") }),
            _ => None,
        }
    }
}

/// «Сообщение о неудачной попытке позвонить». Its sample in the documentation is that of another method.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CallFailed {
    /// The communication of the system call CALL.
    pub communication_id: String,
}

/// «Сообщение о появлении записи разговора».
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CallRecording {
    /// The whole call.
    pub external_id: String,
    /// The leg.
    pub external_call_item_id: String,
    /// The leg, at the moment of the event; the same for us.
    pub realtime_call_item_id: String,
    /// The file that was uploaded.
    pub recording_file_id: String,
}

/// «Регистрация завершенных звонков».
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RegisterCall {
    /// The company's line, digits only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub external_vats_phone: Option<Private<String>>,
    /// The client's number, digits only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_phone: Option<Private<String>>,
    /// The call's legs.
    pub items: Vec<Item>,
    /// When the call first rang.
    #[serde(serialize_with = "rfc3339")]
    pub external_created_at: Millis,
    /// The whole call.
    pub external_id: String,
    /// Which way the call went.
    pub direction: Direction,
    /// Whether the CRM may have it from somebody else, so that "already there" is no refusal. Not sent.
    #[serde(skip)]
    pub shared: bool,
    /// Whether it may wait a moment for its recordings. Not sent.
    #[serde(skip)]
    pub awaits_recordings: bool,
}

/// One leg of a registered call.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Item {
    /// The leg.
    pub id: String,
    /// Who called.
    pub from: Party,
    /// Who was called.
    pub to: Party,
    /// Whether somebody talked, so that there may be a recording. Not sent.
    #[serde(skip)]
    pub answered: bool,
    /// Its recording, where it is uploaded already.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub recordings: Vec<Recording>,
    /// When it was answered, or began to ring where nobody answered.
    #[serde(serialize_with = "rfc3339")]
    pub started_at: Millis,
    /// When it ended.
    #[serde(serialize_with = "rfc3339")]
    pub finished_at: Millis,
}

/// What we take from the answer to `call-started`. Its `updateInfo`, `data`, `assignedToGroupId` and the rest say what the CRM was
/// told, or concern the CRM alone.
#[derive(Clone, Debug)]
pub struct Started {
    /// The communication, to be named in every later callback of the call.
    pub id: String,
    /// The client's cards.
    pub links: Links,
}

/// The client's cards in the CRM.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Links {
    /// Persons.
    pub contact_ids: Vec<String>,
    /// Companies.
    pub company_ids: Vec<String>,
    /// Deals.
    pub deal_ids: Vec<String>,
}

impl Started {
    /// Reads the answer; `None` when it names no communication.
    pub fn parse(body: &str) -> Option<Self> {
        let body = json::parse(body)?;
        let fields = Fields::of(&body)?;
        let links = fields.object("links").map(Links::read).unwrap_or_default();
        Some(Self { id: fields.text("id")?, links })
    }
}

impl Links {
    /// Reads them as Kontur writes them, and as they are stored.
    pub fn read(fields: Fields<'_>) -> Self {
        let ids = |key| fields.texts(key);
        Self { contact_ids: ids("contactIds"), company_ids: ids("companyIds"), deal_ids: ids("dealIds") }
    }
}
