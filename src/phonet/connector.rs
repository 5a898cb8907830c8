//! The WebSocket connector: one frame, one event; and the one command that goes the other way.

use serde::Serialize;
use serde_json::Value;
use thiserror::Error;

use super::lenient;
use crate::{Millis, json::Fields, private::Private};

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
    Private::new(serde_json::to_string(&Command { action: "call", to }).unwrap_or_default())
}

#[derive(Serialize)]
struct Command {
    action: &'static str,
    to: String,
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
        let fields = Fields::of(&value).ok_or(FrameError::NotJson)?;
        let event = lenient::text(fields, "event").ok_or(FrameError::Incomplete("event"))?;
        let presence =
            |away| Self::Presence { ext: fields.object("leg").and_then(|leg| lenient::text(leg, "ext")), away };
        Ok(match (event.as_str(), lenient::integer(fields, "lgDirection")) {
            ("success", _) => Self::Success,
            ("error", _) => {
                Self::Error(lenient::text(fields, "message").or(lenient::text(fields, "error")).unwrap_or_default())
            }
            (_, Some(32)) => presence(true),
            (_, Some(64)) => presence(false),
            (name, _) => match EventKind::from_name(name) {
                Some(kind) => Self::Call(Box::new(CallEvent::from_fields(kind, fields)?)),
                None => Self::Unknown(name.chars().take(40).collect()),
            },
        })
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
    /// Its name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::Dial => "call.dial",
            Self::Bridge => "call.bridge",
            Self::Hangup => "call.hangup",
        }
    }

    fn from_name(name: &str) -> Option<Self> {
        [Self::Dial, Self::Bridge, Self::Hangup].into_iter().find(|kind| kind.name() == name)
    }
}

/// `lgDirection`, as far as it speaks of calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
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
    fn from_fields(kind: EventKind, fields: Fields<'_>) -> Result<Self, FrameError> {
        let uuid = lenient::text(fields, "uuid").ok_or(FrameError::Incomplete("uuid"))?;
        let direction = lenient::integer(fields, "lgDirection").and_then(LegDirection::from_number);
        let direction = direction.ok_or(FrameError::Incomplete("lgDirection"))?;
        let internal = direction == LegDirection::Internal;
        Ok(Self {
            kind,
            parent_uuid: lenient::text(fields, "parentUuid").filter(|parent| *parent != uuid),
            uuid,
            direction,
            leg: fields.object("leg").map(Entity::from_fields),
            leg2: fields.object("leg2").map(Entity::from_fields),
            client: if internal { Contact::default() } else { best_contact(fields) },
            dial_at: lenient::moment(fields, "dialAt"),
            bridge_at: lenient::moment(fields, "bridgeAt"),
            server_time: lenient::moment(fields, "serverTime"),
            line: lenient::private(fields, "trunkNum").filter(|_| !internal),
        })
    }

    /// Whether it speaks of a group or a scenario that a client's call came to.
    pub fn is_of_entity(&self) -> bool {
        let is_user = self.leg.as_ref().is_none_or(|leg| leg.kind == EntityKind::User);
        self.direction == LegDirection::Incoming && !is_user
    }

    /// Reads who talked to whom from a record of the history, told as a hangup without its times.
    pub(super) fn from_history(fields: Fields<'_>) -> Option<Self> {
        let mut hangup = Self::from_fields(EventKind::Hangup, fields).ok()?;
        if hangup.direction != LegDirection::Internal {
            let (number, name) = (lenient::private(fields, "otherLegNum"), lenient::private(fields, "otherLegName"));
            hangup.client = Contact { number, name, company: None };
            // Seen as `o=380…;` as well as bare.
            let line = lenient::text(fields, "trunk").unwrap_or_default();
            let line: String = line.chars().filter(char::is_ascii_digit).collect();
            hangup.line = (!line.is_empty()).then(|| Private::new(line));
        }
        Some(hangup)
    }

    /// Reads a row of `/rest/calls/active/v3`: like an event, with `lastEvent` for `event`.
    pub(super) fn from_active(row: &Value) -> Option<Self> {
        let fields = Fields::of(row)?;
        let kind = EventKind::from_name(&lenient::text(fields, "lastEvent").or(lenient::text(fields, "event"))?)?;
        Self::from_fields(kind, fields).ok()
    }
}

impl Entity {
    fn from_fields(fields: Fields<'_>) -> Self {
        let kind = match lenient::integer(fields, "type") {
            Some(2) => EntityKind::Group,
            Some(4) => EntityKind::Scenario,
            _ => EntityKind::User,
        };
        Self { kind, ext: lenient::text(fields, "ext"), name: lenient::private(fields, "displayName") }
    }
}

/// Several CRMs may know the number: the one with a name and the first priority is shown.
fn best_contact(event: Fields<'_>) -> Contact {
    let rank = |leg: &Fields<'_>| {
        (lenient::text(*leg, "name").is_none(), lenient::integer(*leg, "priority").unwrap_or(i64::MAX))
    };
    let best = event.objects("otherLegs").min_by_key(rank);
    Contact {
        number: event.objects("otherLegs").find_map(|leg| lenient::private(leg, "num")),
        name: best.and_then(|leg| lenient::private(leg, "name")),
        company: best.and_then(|leg| lenient::private(leg, "companyName")),
    }
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
