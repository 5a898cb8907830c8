//! The WebSocket connector: one frame, one event; and the one command that goes the other way.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use thiserror::Error;

use super::lenient;
use crate::{Millis, private::Private};

/// The path of the connector.
const PATH: &str = "/live/connector/v3/easy";

/// The connector's address: `wss://<domain>/live/connector/v3/easy?domain=…&apiKey=…&subscriber=…`.
/// `address` is the exchange's `https://` (or, on this computer, `http://`) origin. The key rides in it, hence private.
pub fn connector_url(address: &str, domain: &str, api_key: &str, subscriber: &str) -> Private<String> {
    let query = form_urlencoded::Serializer::new(String::new())
        .append_pair("domain", domain)
        .append_pair("apiKey", api_key)
        .append_pair("subscriber", subscriber)
        .finish();
    // https → wss, http → ws.
    let origin = address.replacen("http", "ws", 1);
    Private::new(format!("{origin}{PATH}?{query}"))
}

/// «Набор по клику»: the frame that asks the exchange to call the subscriber and then this number.
/// Digits only: anything else is left out of the number.
pub fn click2call(number: &str) -> Private<String> {
    let to: String = number.chars().filter(char::is_ascii_digit).collect();
    Private::new(serde_json::json!({ "action": "call", "to": to }).to_string())
}

/// One frame of the exchange.
#[derive(Clone, Debug, PartialEq)]
pub enum Frame {
    /// Something happened to a call.
    Call(Box<CallEvent>),
    /// The subscriber said «нет на месте» (true) or «на месте» (false); `ext` is whose state it is.
    Presence {
        /// The user's internal number, where the event names it.
        ext: Option<String>,
        /// Whether they are away.
        away: bool,
    },
    /// The click2call in flight is accepted. It names no call.
    Success,
    /// The click2call in flight is refused, in the exchange's words.
    Error(String),
    /// An event of a kind not known to us: its name.
    Unknown(String),
}

/// A frame that cannot be read. Says nothing of what it held.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum FrameError {
    /// Not JSON, or not an object.
    #[error("the frame is no JSON object")]
    NotJson,
    /// A call's event without what makes it one.
    #[error("the event names no {0}")]
    Incomplete(&'static str),
}

impl Frame {
    /// Reads a frame, leniently: what the documentation promises may be missing or of another type.
    pub fn parse(text: &str) -> Result<Self, FrameError> {
        let value: Value = serde_json::from_str(text).map_err(|_| FrameError::NotJson)?;
        if !value.is_object() {
            return Err(FrameError::NotJson);
        }
        let raw: RawEvent = serde_json::from_value(value).map_err(|_| FrameError::NotJson)?;
        let Some(event) = raw.event.as_deref() else {
            return Err(FrameError::Incomplete("event"));
        };
        match event {
            "success" => return Ok(Self::Success),
            "error" => return Ok(Self::Error(raw.message.or(raw.error).unwrap_or_default())),
            _ => {}
        }
        match raw.lg_direction {
            Some(32) => return Ok(Self::Presence { ext: raw.leg.and_then(|leg| leg.ext), away: true }),
            Some(64) => return Ok(Self::Presence { ext: raw.leg.and_then(|leg| leg.ext), away: false }),
            _ => {}
        }
        match EventKind::from_name(event) {
            Some(kind) => CallEvent::from_raw(kind, raw).map(|event| Self::Call(Box::new(event))),
            None => Ok(Self::Unknown(event.chars().take(40).collect())),
        }
    }
}

/// What happened to a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventKind {
    /// `call.dial`: it began to ring.
    Dial,
    /// `call.bridge`: it was answered.
    Bridge,
    /// `call.hangup`: it, or the talk, is over.
    Hangup,
}

impl EventKind {
    fn from_name(name: &str) -> Option<Self> {
        match name {
            "call.dial" => Some(Self::Dial),
            "call.bridge" => Some(Self::Bridge),
            "call.hangup" => Some(Self::Hangup),
            _ => None,
        }
    }
}

/// `lgDirection`, as far as it speaks of calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum LegDirection {
    /// 1: between colleagues.
    Internal,
    /// 2: to a client.
    Outgoing,
    /// 4: from a client.
    Incoming,
}

impl LegDirection {
    fn from_number(number: i64) -> Option<Self> {
        match number {
            1 => Some(Self::Internal),
            2 => Some(Self::Outgoing),
            4 => Some(Self::Incoming),
            _ => None,
        }
    }
}

/// What a leg leads to or comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum EntityKind {
    /// 1: an employee. Also where the type is missing.
    User,
    /// 2: a department.
    Group,
    /// 4: an IVR menu.
    Scenario,
}

/// `leg` or `leg2`: the company's side of a leg.
#[derive(Clone, Debug, PartialEq)]
pub struct Entity {
    /// User, group or scenario.
    pub kind: EntityKind,
    /// The internal number; a scenario has none.
    pub ext: Option<String>,
    /// `displayName`.
    pub name: Option<Private<String>>,
}

/// The client, from `otherLegs`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Contact {
    /// The number as the exchange writes it; absent where withheld.
    pub number: Option<Private<String>>,
    /// The name, where a CRM connected to the exchange knows it.
    pub name: Option<Private<String>>,
    /// The company, where a CRM connected to the exchange knows it.
    pub company: Option<Private<String>>,
}

/// A call's event, or a row of the active calls, with only what is true in it.
#[derive(Clone, Debug, PartialEq)]
pub struct CallEvent {
    /// What happened.
    pub kind: EventKind,
    /// The leg.
    pub uuid: String,
    /// The call that distributed this leg, if one did.
    pub parent_uuid: Option<String>,
    /// Which way the leg goes.
    pub direction: LegDirection,
    /// The user, group or scenario whose leg this is; the caller of an internal call.
    pub leg: Option<Entity>,
    /// The callee of an internal call.
    pub leg2: Option<Entity>,
    /// The client; empty on internal calls.
    pub client: Contact,
    /// When it began to ring.
    pub dial_at: Option<Millis>,
    /// When it was answered.
    pub bridge_at: Option<Millis>,
    /// When the exchange sent the event.
    pub server_time: Option<Millis>,
    /// `trunkNum`: the company's line; absent on internal calls, even where the exchange names one.
    pub line: Option<Private<String>>,
}

impl CallEvent {
    fn from_raw(kind: EventKind, raw: RawEvent) -> Result<Self, FrameError> {
        let uuid = raw.uuid.ok_or(FrameError::Incomplete("uuid"))?;
        let direction =
            raw.lg_direction.and_then(LegDirection::from_number).ok_or(FrameError::Incomplete("lgDirection"))?;
        let internal = direction == LegDirection::Internal;
        Ok(Self {
            kind,
            parent_uuid: raw.parent_uuid.filter(|parent| *parent != uuid),
            uuid,
            direction,
            leg: raw.leg.map(Entity::from_raw),
            leg2: raw.leg2.map(Entity::from_raw),
            client: if internal { Contact::default() } else { best_contact(raw.other_legs) },
            dial_at: raw.dial_at,
            bridge_at: raw.bridge_at,
            server_time: raw.server_time,
            line: if internal { None } else { raw.trunk_num },
        })
    }

    /// Reads a row of `/rest/calls/active/v3`: like an event, with `lastEvent` for `event`.
    pub(super) fn from_active(value: Value) -> Option<Self> {
        let raw: RawEvent = serde_json::from_value(value).ok()?;
        let kind = EventKind::from_name(raw.last_event.as_deref().or(raw.event.as_deref())?)?;
        Self::from_raw(kind, raw).ok()
    }
}

impl Entity {
    fn from_raw(raw: RawEntity) -> Self {
        let kind = match raw.kind {
            Some(2) => EntityKind::Group,
            Some(4) => EntityKind::Scenario,
            _ => EntityKind::User,
        };
        Self { kind, ext: raw.ext, name: raw.display_name }
    }
}

/// Several CRMs may know the number: the one with a name and the first priority is shown.
fn best_contact(mut legs: Vec<RawContact>) -> Contact {
    legs.sort_by_key(|leg| (leg.name.is_none(), leg.priority.unwrap_or(i64::MAX)));
    let number = legs.iter().find_map(|leg| leg.num.clone());
    match legs.into_iter().next() {
        Some(leg) => Contact { number, name: leg.name, company: leg.company_name },
        None => Contact::default(),
    }
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct RawEvent {
    #[serde(deserialize_with = "lenient::text")]
    event: Option<String>,
    #[serde(deserialize_with = "lenient::text")]
    last_event: Option<String>,
    #[serde(deserialize_with = "lenient::text")]
    message: Option<String>,
    #[serde(deserialize_with = "lenient::text")]
    error: Option<String>,
    #[serde(deserialize_with = "lenient::text")]
    uuid: Option<String>,
    #[serde(deserialize_with = "lenient::text")]
    parent_uuid: Option<String>,
    #[serde(deserialize_with = "lenient::integer")]
    lg_direction: Option<i64>,
    #[serde(deserialize_with = "lenient::object")]
    leg: Option<RawEntity>,
    #[serde(deserialize_with = "lenient::object")]
    leg2: Option<RawEntity>,
    #[serde(deserialize_with = "lenient::list")]
    other_legs: Vec<RawContact>,
    #[serde(deserialize_with = "lenient::moment")]
    dial_at: Option<Millis>,
    #[serde(deserialize_with = "lenient::moment")]
    bridge_at: Option<Millis>,
    #[serde(deserialize_with = "lenient::moment")]
    server_time: Option<Millis>,
    #[serde(deserialize_with = "lenient::private_text")]
    trunk_num: Option<Private<String>>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct RawEntity {
    #[serde(rename = "type", deserialize_with = "lenient::integer")]
    kind: Option<i64>,
    #[serde(deserialize_with = "lenient::text")]
    ext: Option<String>,
    #[serde(deserialize_with = "lenient::private_text")]
    display_name: Option<Private<String>>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct RawContact {
    #[serde(deserialize_with = "lenient::private_text")]
    name: Option<Private<String>>,
    #[serde(deserialize_with = "lenient::private_text")]
    num: Option<Private<String>>,
    #[serde(deserialize_with = "lenient::private_text")]
    company_name: Option<Private<String>>,
    #[serde(deserialize_with = "lenient::integer")]
    priority: Option<i64>,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The documentation's sample, its trailing comma mended.
    const SAMPLE: &str = r#"{"event":"call.dial","uuid":"23-1453990999.41","parentUuid":null,"lgDirection":4,
        "leg":{"id":120,"type":1,"displayName":"Support Phonet","ext":"911"},"leg2":null,
        "otherLegs":[{"id":"29","name":"Тест","num":"+380567777777","companyName":"Рекламное агентство",
        "url":"https://qwerty.phonet.com.ua/features/crm/contacts/edit.jsp#/?id=1","priority":2}],
        "dialAt":1473973200000,"bridgeAt":null,"serverTime":"1473973201000","trunkNum":"567850550","trunkName":"567850550"}"#;

    fn call(text: &str) -> CallEvent {
        match Frame::parse(text) {
            Ok(Frame::Call(event)) => *event,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn reads_the_documented_sample() {
        let event = call(SAMPLE);
        assert_eq!(event.kind, EventKind::Dial);
        assert_eq!(event.uuid, "23-1453990999.41");
        assert_eq!(event.parent_uuid, None);
        assert_eq!(event.direction, LegDirection::Incoming);
        assert_eq!(event.leg.unwrap().ext.as_deref(), Some("911"));
        assert_eq!(event.client.name.unwrap().reveal(), "Тест");
        assert_eq!(event.client.number.unwrap().reveal(), "+380567777777");
        assert_eq!(event.client.company.unwrap().reveal(), "Рекламное агентство");
        assert_eq!(event.dial_at, Some(Millis(1_473_973_200_000)));
        assert_eq!(event.bridge_at, None);
        assert_eq!(event.server_time, Some(Millis(1_473_973_201_000)));
        assert_eq!(event.line.unwrap().reveal(), "567850550");
    }

    #[test]
    fn survives_the_quirks() {
        let event = call(
            r#"{"event":"call.bridge","uuid":7,"parentUuid":"","lgDirection":"1","leg":{"ext":1},"leg2":null,"otherLegs":null,
            "dialAt":1473973200,"bridgeAt":"1473973205","trunkNum":"o=380"}"#,
        );
        assert_eq!(event.uuid, "7");
        assert_eq!(event.dial_at, Some(Millis(1_473_973_200_000)));
        assert_eq!(event.bridge_at, Some(Millis(1_473_973_205_000)));
        assert_eq!(event.server_time, None);
        assert_eq!(event.leg.unwrap(), Entity { kind: EntityKind::User, ext: Some("1".into()), name: None });
        assert_eq!(event.line, None, "an internal call has no line, whatever the exchange says");
    }

    #[test]
    fn tells_the_kinds_apart() {
        assert_eq!(Frame::parse(r#"{"event":"success"}"#), Ok(Frame::Success));
        assert_eq!(Frame::parse(r#"{"event":"error","message":"занято"}"#), Ok(Frame::Error("занято".into())));
        assert_eq!(Frame::parse(r#"{"event":"error"}"#), Ok(Frame::Error(String::new())));
        assert_eq!(Frame::parse(r#"{"event":"call.moon"}"#), Ok(Frame::Unknown("call.moon".into())));
        assert_eq!(
            Frame::parse(r#"{"event":"call.dial","uuid":"a","lgDirection":32,"leg":{"ext":"001"}}"#),
            Ok(Frame::Presence { ext: Some("001".into()), away: true })
        );
        assert_eq!(Frame::parse(r#"{"a":1,}"#), Err(FrameError::NotJson));
        assert_eq!(Frame::parse("[]"), Err(FrameError::NotJson));
        assert_eq!(Frame::parse("{}"), Err(FrameError::Incomplete("event")));
        assert_eq!(Frame::parse(r#"{"event":"call.dial","lgDirection":4}"#), Err(FrameError::Incomplete("uuid")));
    }

    #[test]
    fn the_contact_with_a_name_wins() {
        let event = call(
            r#"{"event":"call.dial","uuid":"a","lgDirection":4,"otherLegs":[{"num":"1","priority":1},
            {"num":"1","name":"B","priority":3},{"num":"1","name":"A","priority":2}]}"#,
        );
        assert_eq!(event.client.name.unwrap().reveal(), "A");
    }

    #[test]
    fn the_address_and_the_command_are_as_documented() {
        let url = connector_url("https://qwerty.phonet.com.ua", "qwerty.phonet.com.ua", "a+b", "anna@example.com");
        assert_eq!(
            url.reveal(),
            "wss://qwerty.phonet.com.ua/live/connector/v3/easy?domain=qwerty.phonet.com.ua&apiKey=a%2Bb&subscriber=anna%40example.com"
        );
        assert_eq!(format!("{url:?}"), "•••");
        assert_eq!(click2call("+380991234567").reveal(), r#"{"action":"call","to":"380991234567"}"#);
    }
}
