//! One leg as the exchange knows it, and the frames and history records it is told by.

use serde_json::{Value, json};

use super::recording::Recording;
use crate::clock::now;
use crate::data::{Entity, Kind, PHONET_DOMAIN, TRUNK_NAME, TRUNK_NUMBER, book_entry};

/// `lgDirection` of a call (Phonet, «Интеграция по протоколу WSS»).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    Internal = 1,
    Outbound = 2,
    Inbound = 4,
}

impl Direction {
    /// The CRM's word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Internal => "internal",
            Self::Outbound => "outbound",
            Self::Inbound => "inbound",
        }
    }
}

/// What an event says happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    Dial,
    Bridge,
    Hangup,
}

impl Event {
    pub fn word(self) -> &'static str {
        match self {
            Self::Dial => "call.dial",
            Self::Bridge => "call.bridge",
            Self::Hangup => "call.hangup",
        }
    }
}

/// Ways in which the real exchange strays from its own documents, seen by its public clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Quirk {
    /// Times in seconds instead of milliseconds.
    Seconds,
    /// `serverTime` as a string.
    StringTime,
    /// Every `call.dial` twice.
    DuplicateDial,
    /// `otherLegs` null.
    NullOtherLegs,
    /// `uuid` as a dashed GUID.
    DashedUuid,
    /// `uuid` as 32 hexadecimal digits.
    HexUuid,
    /// A space after the history's `audioRecUrl`.
    AudioSpace,
    /// The history's `trunk` as `o=…;`.
    TrunkOwner,
}

/// A client as a CRM that is connected to the exchange knows them.
#[derive(Clone, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Client {
    name: String,
    company: Option<String>,
}

/// One call of the exchange: a client's call to a user, a group or a scenario, a member's leg of it, or an internal call.
#[derive(Clone)]
pub(crate) struct Call {
    pub uuid: String,
    /// The group's or scenario's call this leg belongs to.
    pub parent: Option<String>,
    pub direction: Direction,
    pub leg: &'static Entity,
    pub leg2: Option<&'static Entity>,
    /// The client's number, digits only; none when internal or withheld.
    pub number: Option<String>,
    /// Who the client is in each CRM that is connected; as the exchange's own book says where there is none.
    pub clients: Vec<Client>,
    pub quirks: Vec<Quirk>,
    pub dial_at: i64,
    pub bridge_at: Option<i64>,
    pub end_at: Option<i64>,
    pub last: Event,
    pub recording: Option<Recording>,
    /// The sockets that heard its end.
    pub end_heard_by: Vec<u64>,
    /// Somebody who tells this call has had a browser connected before its end.
    pub known: bool,
}

impl Call {
    pub fn live(&self) -> bool {
        self.end_at.is_none()
    }

    /// Whose browsers hear of it.
    pub fn hearers(&self) -> Vec<&'static Entity> {
        self.leg.members().into_iter().chain(self.leg2).collect()
    }

    fn has(&self, quirk: Quirk) -> bool {
        self.quirks.contains(&quirk)
    }

    /// How many times a dial is told.
    pub fn tellings(&self, event: Event) -> usize {
        if event == Event::Dial && self.has(Quirk::DuplicateDial) { 2 } else { 1 }
    }

    /// A time as a client can know it: whole seconds where the exchange tells seconds.
    fn told(&self, millis: i64) -> i64 {
        if self.has(Quirk::Seconds) { millis - millis.rem_euclid(1000) } else { millis }
    }

    /// An earlier time as the socket tells it, and as it follows from the history's record.
    fn told_twice(&self, millis: i64) -> Vec<i64> {
        let live = self.told(millis);
        let after = self.end_at.map(|end| self.told(end) - whole_seconds(end - millis) * 1000);
        [live].into_iter().chain(after).collect()
    }

    /// When it was dialled, as a client can know it.
    pub fn dial_times(&self) -> Vec<i64> {
        self.told_twice(self.dial_at)
    }

    /// When it was answered, as a client can know it.
    pub fn bridge_times(&self) -> Vec<i64> {
        self.bridge_at.map_or_else(Vec::new, |at| self.told_twice(at))
    }

    /// When it ended, as a client can know it.
    pub fn end_times(&self) -> Vec<i64> {
        self.end_at.map(|at| self.told(at)).into_iter().collect()
    }

    /// Whether the CRM must hold this ended call. A group's call that nobody answered is nobody's own: only who heard
    /// its end can know of it.
    pub fn owed(&self) -> bool {
        self.known && (self.leg.kind == Kind::User || self.bridge_at.is_some() || !self.end_heard_by.is_empty())
    }

    /// Whether the exchange records it: a conversation of a user, not a group's or a menu's call as a whole.
    pub fn recorded(&self) -> bool {
        self.leg.kind == Kind::User && self.bridge_at.is_some()
    }

    /// The recording, once it is ready.
    pub fn ready_recording(&self) -> Option<Recording> {
        self.recording.filter(|recording| recording.ready_at <= now())
    }

    fn wire_time(&self, millis: i64) -> i64 {
        if self.has(Quirk::Seconds) { millis / 1000 } else { millis }
    }

    /// The call as an event's frame; `name` is `event` on the socket and `lastEvent` in the list of active calls.
    pub fn frame(&self, name: &str, event: Event, server_time: i64) -> Value {
        let outside = self.direction != Direction::Internal;
        let server_time = self.wire_time(server_time);
        let server_time =
            if self.has(Quirk::StringTime) { Value::from(server_time.to_string()) } else { server_time.into() };
        json!({
            name: event.word(),
            "uuid": self.uuid,
            "parentUuid": self.parent,
            "lgDirection": self.direction as u8,
            "leg": party(self.leg),
            "leg2": self.leg2.map(party),
            "otherLegs": if self.has(Quirk::NullOtherLegs) { Value::Null } else { self.other_legs() },
            "dialAt": self.wire_time(self.dial_at),
            "bridgeAt": self.bridge_at.map(|at| self.wire_time(at)),
            "serverTime": server_time,
            "trunkNum": outside.then_some(TRUNK_NUMBER),
            "trunkName": outside.then_some(TRUNK_NAME),
        })
    }

    fn other_legs(&self) -> Value {
        if self.direction == Direction::Internal {
            return json!([]);
        }
        if !self.clients.is_empty() {
            return self.clients.iter().enumerate().map(|(index, client)| self.other_leg(index, client)).collect();
        }
        let known = self.number.as_deref().and_then(book_entry);
        let url = match &known {
            Some((_, id)) => format!("https://{PHONET_DOMAIN}/features/crm/contacts/edit.jsp#/?id={id}"),
            None => format!("https://{PHONET_DOMAIN}/features/crm/contacts/edit.jsp#/"),
        };
        json!([{
            "id": known.as_ref().map(|(_, id)| id.to_string()),
            "name": known.as_ref().map(|(contact, _)| contact.name),
            "num": self.number.as_ref().map(|number| format!("+{number}")),
            "companyName": known.as_ref().map(|(contact, _)| contact.company.name),
            "url": url,
            "priority": 2,
        }])
    }

    /// The client as the CRM of this place has them: the first is the exchange's own.
    fn other_leg(&self, index: usize, client: &Client) -> Value {
        let host = if index == 0 { PHONET_DOMAIN.to_owned() } else { format!("crm-{}.example", index + 1) };
        json!({
            "id": (index + 1).to_string(),
            "name": client.name,
            "num": self.number.as_ref().map(|number| format!("+{number}")),
            "companyName": client.company,
            "url": format!("https://{host}/features/crm/contacts/edit.jsp#/?id={}", index + 1),
            "priority": index + 1,
        })
    }

    /// The ended call as a record of the exchange's history; durations are in whole seconds.
    pub fn record(&self) -> Option<Value> {
        let end = self.end_at?;
        let seconds = |from: i64| whole_seconds(end - from);
        let trunk = if self.has(Quirk::TrunkOwner) { format!("o={TRUNK_NUMBER};") } else { TRUNK_NUMBER.to_owned() };
        let space = if self.has(Quirk::AudioSpace) { " " } else { "" };
        let audio = format!("https://{PHONET_DOMAIN}/rest/public/calls/{}/audio{space}", self.uuid);
        let known = self.number.as_deref().and_then(book_entry).map(|(contact, _)| contact.name);
        let name = self.clients.first().map(|client| client.name.as_str()).or(known);
        Some(json!({
            "uuid": self.uuid,
            "parentUuid": self.parent,
            "endAt": self.wire_time(end),
            "lgDirection": self.direction as u8,
            "leg": party(self.leg),
            "leg2": self.leg2.map(party),
            "otherLegNum": self.number.as_ref().map(|number| format!("+{number}")),
            "otherLegName": name,
            "billSecs": self.bridge_at.map_or(0, seconds),
            "duration": seconds(self.dial_at),
            "disposition": if self.bridge_at.is_some() { 0 } else { 1 },
            "transferHistory": null,
            "audioRecUrl": self.recording.map(|_| audio),
            "trunk": (self.direction != Direction::Internal).then_some(trunk),
        }))
    }

    /// The call for the control page.
    pub fn to_json(&self) -> Value {
        let known = self.number.as_deref().and_then(book_entry);
        json!({
            "uuid": self.uuid, "parentUuid": self.parent, "direction": self.direction.word(),
            "leg": party(self.leg), "leg2": self.leg2.map(party), "number": self.number,
            "client": known.map(|(contact, _)| contact.name),
            "state": match self.last { Event::Dial => "ringing", Event::Bridge => "talking", Event::Hangup => "ended" },
            "dialAt": self.dial_at, "bridgeAt": self.bridge_at, "endAt": self.end_at,
        })
    }
}

/// A duration as the history tells it.
fn whole_seconds(millis: i64) -> i64 {
    (millis + 500) / 1000
}

/// A party as events name it.
pub(crate) fn party(entity: &Entity) -> Value {
    json!({ "id": entity.id, "type": entity.kind as u8, "displayName": entity.name, "ext": entity.ext })
}
