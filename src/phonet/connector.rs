//! The WebSocket connector: one frame, one event; and the one command that goes the other way.

use serde::Serialize;
use serde_json::Value;
use thiserror::Error;

use super::lenient;
use crate::{
    exchange::{CallEvent, Contact, Entity, EntityKind, Entry, EventKind, ExchangeName, LegDirection},
    json::Fields,
    private::Private,
};

/// The path of the connector.
const PATH: &str = "/live/connector/v3/easy";
/// From so many CRMs a client is shown.
const MOST_ENTRIES: usize = 5;

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
            (name, _) => match event_kind(name) {
                Some(kind) => Self::Call(Box::new(self::event(kind, fields)?)),
                None => Self::Unknown(name.chars().take(40).collect()),
            },
        })
    }
}

/// Reads an event. Its line is left out on internal calls, even where the exchange names one.
fn event(kind: EventKind, fields: Fields<'_>) -> Result<CallEvent, FrameError> {
    let uuid = lenient::text(fields, "uuid").ok_or(FrameError::Incomplete("uuid"))?;
    let direction = lenient::integer(fields, "lgDirection").and_then(leg_direction);
    let direction = direction.ok_or(FrameError::Incomplete("lgDirection"))?;
    let internal = direction == LegDirection::Internal;
    Ok(CallEvent {
        exchange: ExchangeName::Phonet,
        kind,
        parent_uuid: lenient::text(fields, "parentUuid").filter(|parent| *parent != uuid),
        uuid,
        direction,
        leg: fields.object("leg").map(entity),
        leg2: fields.object("leg2").map(entity),
        client: if internal { Contact::default() } else { best_contact(fields) },
        dial_at: lenient::moment(fields, "dialAt"),
        bridge_at: lenient::moment(fields, "bridgeAt"),
        server_time: lenient::moment(fields, "serverTime"),
        line: lenient::private(fields, "trunkNum").filter(|_| !internal),
        line_name: lenient::private(fields, "trunkName").filter(|_| !internal),
    })
}

/// Reads who talked to whom from a record of the history, told as a hangup without its times.
pub(super) fn event_of_history(fields: Fields<'_>) -> Option<CallEvent> {
    let mut hangup = event(EventKind::Hangup, fields).ok()?;
    if hangup.direction != LegDirection::Internal {
        let (number, name) = (lenient::private(fields, "otherLegNum"), lenient::private(fields, "otherLegName"));
        hangup.client = Contact { number, name, ..Contact::default() };
        // Seen as `o=380…;` as well as bare.
        let line = lenient::text(fields, "trunk").unwrap_or_default();
        let line: String = line.chars().filter(char::is_ascii_digit).collect();
        hangup.line = (!line.is_empty()).then(|| Private::new(line));
    }
    Some(hangup)
}

/// Reads a row of `/rest/calls/active/v3`: like an event, with `lastEvent` for `event`.
pub(super) fn active_event(row: &Value) -> Option<CallEvent> {
    let fields = Fields::of(row)?;
    let kind = event_kind(&lenient::text(fields, "lastEvent").or(lenient::text(fields, "event"))?)?;
    event(kind, fields).ok()
}

fn event_kind(name: &str) -> Option<EventKind> {
    [EventKind::Dial, EventKind::Bridge, EventKind::Hangup].into_iter().find(|kind| kind.name() == name)
}

/// `lgDirection`, as far as it speaks of calls.
fn leg_direction(number: i64) -> Option<LegDirection> {
    match number {
        1 => Some(LegDirection::Internal),
        2 => Some(LegDirection::Outgoing),
        4 => Some(LegDirection::Incoming),
        _ => None,
    }
}

/// `leg` or `leg2`.
fn entity(fields: Fields<'_>) -> Entity {
    let kind = match lenient::integer(fields, "type") {
        Some(2) => EntityKind::Group,
        Some(4) => EntityKind::Scenario,
        // 1, or no type at all.
        _ => EntityKind::User,
    };
    Entity { kind, ext: lenient::text(fields, "ext"), name: lenient::private(fields, "displayName"), own: false }
}

/// The client, from `otherLegs`. Several CRMs may know the number: the one with a name and the first priority is shown.
fn best_contact(event: Fields<'_>) -> Contact {
    let rank = |leg: &Fields<'_>| {
        (lenient::text(*leg, "name").is_none(), lenient::integer(*leg, "priority").unwrap_or(i64::MAX))
    };
    let mut legs: Vec<_> = event.objects("otherLegs").collect();
    let number = legs.iter().find_map(|leg| lenient::private(*leg, "num"));
    legs.sort_by_key(rank);
    let best = legs.first().copied();
    Contact {
        number,
        name: best.and_then(|leg| lenient::private(leg, "name")),
        company: best.and_then(|leg| lenient::private(leg, "companyName")),
        entries: legs.iter().filter_map(|leg| entry(*leg)).take(MOST_ENTRIES).collect(),
    }
}

/// The client as one CRM has it; without an `id` it is not known there, and `url` is where it is made.
fn entry(leg: Fields<'_>) -> Option<Entry> {
    let url = lenient::private(leg, "url").filter(|url| url.reveal().starts_with("https://"))?;
    Some(Entry { known: lenient::text(leg, "id").is_some(), name: lenient::private(leg, "name"), url })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Millis;

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
        let [entry] = event.client.entries.as_slice() else { panic!("{:?}", event.client.entries) };
        assert!(entry.known);
        assert_eq!(entry.url.reveal(), "https://qwerty.phonet.com.ua/features/crm/contacts/edit.jsp#/?id=1");
        assert_eq!(event.dial_at, Some(Millis(1_473_973_200_000)));
        assert_eq!(event.bridge_at, None);
        assert_eq!(event.server_time, Some(Millis(1_473_973_201_000)));
        assert_eq!(event.line.unwrap().reveal(), "567850550");
        assert_eq!(event.line_name.unwrap().reveal(), "567850550");
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
        assert_eq!(
            event.leg.unwrap(),
            Entity { kind: EntityKind::User, ext: Some("1".into()), name: None, own: false }
        );
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
    fn each_crm_that_has_an_address_for_the_client_is_kept() {
        let event = call(
            r#"{"event":"call.dial","uuid":"a","lgDirection":4,"otherLegs":[
            {"id":null,"name":null,"num":"1","url":"https://a.example/new","priority":1},
            {"id":7,"name":"B","num":"1","url":"https://b.example/7","priority":2},
            {"id":8,"name":"C","num":"1","url":"javascript:alert(1)","priority":3}]}"#,
        );
        let entries: Vec<_> =
            event.client.entries.iter().map(|entry| (entry.known, entry.url.reveal().as_str())).collect();
        assert_eq!(entries, [(true, "https://b.example/7"), (false, "https://a.example/new")]);
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
