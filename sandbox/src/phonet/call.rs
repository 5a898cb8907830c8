//! One leg as the exchange knows it, and the frames and history records it is told by.

use serde_json::{Value, json};

use crate::data::{Entity, PHONET_DOMAIN, TRUNK_NAME, TRUNK_NUMBER, book_entry};

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
    pub quirks: Vec<Quirk>,
    pub dial_at: i64,
    pub bridge_at: Option<i64>,
    pub end_at: Option<i64>,
    pub last: Event,
    /// Every event of this call reached at least one browser.
    pub heard: bool,
    /// A browser that has been connected answers for this call in the CRM.
    pub owed: bool,
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

    /// The time a client of this call can know: whole seconds where the exchange tells seconds.
    pub fn told(&self, millis: i64) -> i64 {
        if self.has(Quirk::Seconds) { millis - millis.rem_euclid(1000) } else { millis }
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

    /// The ended call as a record of the exchange's history; durations are in whole seconds.
    pub fn record(&self) -> Option<Value> {
        let end = self.end_at?;
        let seconds = |from: i64| (end - from + 500) / 1000;
        let name = self.number.as_deref().and_then(book_entry).map(|(contact, _)| contact.name);
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
            "audioRecUrl": null,
            "trunk": (self.direction != Direction::Internal).then_some(TRUNK_NUMBER),
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

/// A party as events name it.
pub(crate) fn party(entity: &Entity) -> Value {
    json!({ "id": entity.id, "type": entity.kind as u8, "displayName": entity.name, "ext": entity.ext })
}
