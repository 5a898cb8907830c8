//! One leg of a call.

use serde::Serialize;

use crate::{
    Millis,
    exchange::{CallEvent, Entity, EntityKind, LegDirection},
    json::Fields,
    kontur::telephony::{Item, Party},
    settings::Settings,
};

/// One conversation between two parties, or the call's stay with a group or scenario.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Leg {
    pub uuid: String,
    /// Whether another call distributed it.
    pub distributed: bool,
    pub from: Party,
    pub to: Party,
    pub dial_at: Millis,
    pub bridge_at: Option<Millis>,
    pub end_at: Option<Millis>,
    /// Whether the talk is on hold.
    pub held: bool,
    /// When its last event arrived, by this computer's clock.
    pub heard_at: Millis,
}

impl Leg {
    /// Reads it as it is stored.
    pub fn read(fields: Fields<'_>) -> Option<Self> {
        Some(Self {
            uuid: fields.text("uuid")?,
            distributed: fields.flag("distributed")?,
            from: Party::read(fields.object("from")?)?,
            to: Party::read(fields.object("to")?)?,
            dial_at: fields.millis("dialAt")?,
            bridge_at: fields.millis("bridgeAt"),
            end_at: fields.millis("endAt"),
            held: fields.flag("held").unwrap_or_default(),
            heard_at: fields.millis("heardAt")?,
        })
    }

    /// A leg as an event shows it first.
    pub fn new(event: &CallEvent, settings: &Settings, dial_at: Millis, now: Millis) -> Self {
        let user = |side: &Option<Entity>| {
            let side = side.as_ref().filter(|side| side.kind == EntityKind::User);
            Party::user(side.and_then(|side| match &side.ext {
                Some(ext) => settings.user_id(ext),
                None => settings.kontur.as_ref()?.user_id.as_deref().filter(|_| side.own),
            }))
        };
        let (from, to) = match event.direction {
            LegDirection::Incoming => (Party::client(), user(&event.leg)),
            LegDirection::Outgoing => (user(&event.leg), Party::client()),
            LegDirection::Internal => (user(&event.leg), user(&event.leg2)),
        };
        Self {
            uuid: event.uuid.clone(),
            distributed: event.parent_uuid.is_some(),
            from,
            to,
            dial_at,
            bridge_at: None,
            end_at: None,
            held: false,
            heard_at: now,
        }
    }

    /// The leg as a registered call names it; nothing while it goes on.
    pub fn item(&self) -> Option<Item> {
        Some(Item {
            id: self.uuid.clone(),
            from: self.from.clone(),
            to: self.to.clone(),
            answered: self.bridge_at.is_some(),
            recordings: Vec::new(),
            started_at: self.bridge_at.unwrap_or(self.dial_at),
            finished_at: self.end_at?,
        })
    }
}

/// When the leg began to ring; where the exchange does not say, when it was answered, or when we heard of it.
pub fn dial_at(event: &CallEvent, now: Millis) -> Millis {
    event.dial_at.or(event.bridge_at).or(event.server_time).unwrap_or(now)
}
