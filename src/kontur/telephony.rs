//! The telephony callbacks («События реального времени», «Регистрация завершенных звонков»): requests and answers.

use serde::{Deserialize, Serialize};

use crate::{Millis, private::Private, protocol::Direction, timestamp::rfc3339};

/// A callback: what the CRM is told. In storage it is tagged by its method's name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "method", content = "body", rename_all = "kebab-case")]
pub enum Callback {
    /// A call begins.
    CallStarted(CallStarted),
    /// Something happens to a leg.
    CallEvent(CallEvent),
    /// A call is over.
    CallFinished(CallFinished),
    /// A call for the history, answered or missed.
    RegisterCall(RegisterCall),
}

impl Callback {
    /// The method's name, the last segment of its path.
    pub fn method(&self) -> &'static str {
        match self {
            Self::CallStarted(_) => "call-started",
            Self::CallEvent(_) => "call-event",
            Self::CallFinished(_) => "call-finished",
            Self::RegisterCall(_) => "register-call",
        }
    }

    /// The method's path in a workspace.
    pub fn path(&self, workspace: &str) -> String {
        let workspace: String = form_urlencoded::byte_serialize(workspace.as_bytes()).collect();
        format!("/api/v1/{workspace}/communications/callbacks/telephony/{}", self.method())
    }

    /// The request's body.
    pub fn body(&self) -> Private<String> {
        let body = match self {
            Self::CallStarted(body) => serde_json::to_string(body),
            Self::CallEvent(body) => serde_json::to_string(body),
            Self::CallFinished(body) => serde_json::to_string(body),
            Self::RegisterCall(body) => serde_json::to_string(body),
        };
        // These types hold nothing that JSON cannot write.
        Private::new(body.unwrap_or_default())
    }

    /// Where the communication's id goes, once the CRM has told it.
    pub fn communication_id(&mut self) -> &mut Option<String> {
        match self {
            Self::CallStarted(body) => &mut body.communication_id,
            Self::CallEvent(body) => &mut body.communication_id,
            Self::CallFinished(body) => &mut body.communication_id,
            Self::RegisterCall(body) => &mut body.communication_id,
        }
    }
}

/// «Сообщение о начале звонка».
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CallStarted {
    /// When the call began to ring.
    #[serde(with = "rfc3339")]
    pub timestamp: Millis,
    /// Known only where the CRM itself asked for the call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub communication_id: Option<String>,
    /// The whole call.
    pub external_id: String,
    /// The company's line, digits only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external_vats_phone: Option<Private<String>>,
    /// The client's number, digits only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_phone: Option<Private<String>>,
    /// Which way the call goes.
    pub direction: Direction,
}

/// «Сообщение о событии звонка».
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CallEvent {
    /// As the answer to `call-started` told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub communication_id: Option<String>,
    /// The whole call.
    pub external_id: String,
    /// The leg.
    pub external_call_item_id: String,
    /// The leg, at the moment of the event; the same for us.
    pub realtime_call_item_id: String,
    /// When it happened.
    #[serde(with = "rfc3339")]
    pub timestamp: Millis,
    /// What happened.
    #[serde(rename = "type")]
    pub kind: EventType,
    /// Who calls.
    pub from: Party,
    /// Who is called.
    pub to: Party,
}

/// What can happen to a leg. A hold is not in the exchange's events, so `paused` is not sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum EventType {
    /// It rings.
    Appeared,
    /// It was answered.
    Connected,
    /// It is over.
    Disconnected,
}

/// One side of a leg.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Party {
    /// A user of the CRM; one the directory does not know has no id.
    User {
        /// The user's GUID.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        user_id: Option<String>,
    },
    /// The client.
    Client,
}

/// «Сообщение о завершении звонка».
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CallFinished {
    /// When the call ended.
    #[serde(with = "rfc3339")]
    pub timestamp: Millis,
    /// As the answer to `call-started` told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub communication_id: Option<String>,
    /// The whole call.
    pub external_id: String,
    /// The company's line, digits only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external_vats_phone: Option<Private<String>>,
    /// The client's number, digits only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_phone: Option<Private<String>>,
    /// Which way the call went.
    pub direction: Direction,
}

/// «Регистрация завершенных звонков».
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RegisterCall {
    /// The company's line, digits only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external_vats_phone: Option<Private<String>>,
    /// The client's number, digits only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_phone: Option<Private<String>>,
    /// The call's legs.
    pub items: Vec<Item>,
    /// As the answer to `call-started` told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub communication_id: Option<String>,
    /// When the call first rang.
    #[serde(with = "rfc3339")]
    pub external_created_at: Millis,
    /// The whole call.
    pub external_id: String,
    /// Which way the call went.
    pub direction: Direction,
}

/// One leg of a registered call.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Item {
    /// The leg.
    pub id: String,
    /// Who called.
    pub from: Party,
    /// Who was called.
    pub to: Party,
    /// When it was answered, or began to ring where nobody answered.
    #[serde(with = "rfc3339")]
    pub started_at: Millis,
    /// When it ended.
    #[serde(with = "rfc3339")]
    pub finished_at: Millis,
}

/// What we take from the answer to `call-started`.
#[derive(Clone, Debug, Deserialize)]
pub struct Started {
    /// The communication, to be named in every later callback of the call.
    pub id: String,
    /// The client's cards.
    #[serde(default)]
    pub links: Links,
}

/// The client's cards in the CRM.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Links {
    /// Persons.
    #[serde(deserialize_with = "ids")]
    pub contact_ids: Vec<String>,
    /// Companies.
    #[serde(deserialize_with = "ids")]
    pub company_ids: Vec<String>,
    /// Deals.
    #[serde(deserialize_with = "ids")]
    pub deal_ids: Vec<String>,
}

impl Started {
    /// Reads the answer; `None` when it names no communication.
    pub fn parse(body: &str) -> Option<Self> {
        serde_json::from_str(body).ok()
    }
}

/// A list of ids; `null` is an empty one.
fn ids<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    /// The documentation's samples pass through the types both ways; times are compared as moments.
    fn both_ways<T: Serialize + serde::de::DeserializeOwned>(sample: &Value) {
        let typed: T = serde_json::from_value(sample.clone()).unwrap();
        assert_eq!(serde_json::to_value(typed).unwrap(), *sample);
    }

    #[test]
    fn call_started_is_as_documented() {
        both_ways::<CallStarted>(&json!({
            "timestamp": "2022-03-22T10:38:35.615Z", "communicationId": "184...bcd", "externalId": "333...434",
            "externalVatsPhone": "79229929292", "clientPhone": "79997775533", "direction": "inbound"
        }));
    }

    #[test]
    fn call_event_is_as_documented() {
        both_ways::<CallEvent>(&json!({
            "communicationId": "435...68e", "externalId": "Megafon/262...280", "externalCallItemId": "262...280",
            "realtimeCallItemId": "262...280", "timestamp": "2022-03-17T10:19:05.51Z", "type": "appeared",
            "from": { "type": "client" }, "to": { "type": "user", "userId": "ae9...53d" }
        }));
    }

    #[test]
    fn call_finished_is_as_documented() {
        both_ways::<CallFinished>(&json!({
            "timestamp": "2022-03-22T10:41:19.894Z", "communicationId": "f48...4ac", "externalId": "Megafon/335...952",
            "externalVatsPhone": "79229929292", "clientPhone": "79997775533", "direction": "inbound"
        }));
    }

    #[test]
    fn register_call_is_as_documented() {
        both_ways::<RegisterCall>(&json!({
            "externalVatsPhone": "79229929292", "clientPhone": "79997775533",
            "items": [{
                "id": "143...68e", "from": { "type": "client" }, "to": { "type": "user", "userId": "ae9...53d" },
                "startedAt": "2022-03-18T07:27:54.691Z", "finishedAt": "2022-03-18T07:27:59.062Z"
            }],
            "communicationId": "4358...68e", "externalCreatedAt": "2022-03-17T10:18:58.998Z",
            "externalId": "262...280", "direction": "outbound"
        }));
    }

    #[test]
    fn the_answer_to_call_started_brings_id_and_links() {
        let answer = Started::parse(
            r#"{"links":{"companyIds":["aa8a"],"contactIds":["2ee","b6c"],"dealIds":null},"externalId":"Megafon/333","id":"184"}"#,
        )
        .unwrap();
        assert_eq!(answer.id, "184");
        assert_eq!(answer.links.contact_ids, ["2ee", "b6c"]);
        assert!(answer.links.deal_ids.is_empty());
        assert!(Started::parse(r#""OK""#).is_none());
    }
}
