//! The model: calls and their legs, and what the CRM is told of them.
//!
//! An event only asserts what is true of a leg: that it rang, was answered, ended. [`Calls::apply`] compares that with
//! what is known and tells the difference, so that repeated, late and missing events all come out right.

use std::collections::VecDeque;

use serde::Serialize;

use crate::{
    Millis,
    json::Fields,
    kontur::{
        digits,
        telephony::{CallBoundary, CallEvent as LegEvent, Callback, EventType, Item, Links, Party, RegisterCall},
    },
    phone,
    phonet::{CallEvent, Contact, EntityKind, EventKind, LegDirection},
    private::Private,
    protocol::Direction,
    settings::Settings,
};

/// How many ended calls are remembered: for the popup's list, and to know late and repeated events by.
const ENDED_KEPT: usize = 50;

/// Every call this browser knows.
#[derive(Debug, Default, Serialize)]
pub struct Calls {
    live: Vec<Call>,
    /// Newest first.
    ended: VecDeque<Call>,
}

/// A client's whole conversation with the company, or a talk among colleagues.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Call {
    /// `externalId`.
    pub id: String,
    /// Which way it goes; a transferred leg does not change it.
    pub direction: Direction,
    /// The other party.
    pub client: Contact,
    /// On an internal call, the internal number of the other side.
    pub colleague: Option<String>,
    /// The client's number for people.
    pub number_shown: Option<Private<String>>,
    /// The company's line.
    line: Option<Private<String>>,
    /// The company's line for people.
    pub line_shown: Option<Private<String>>,
    /// When it first rang.
    pub started_at: Millis,
    /// The group or scenario that the call came to, where the browser hears of it.
    entity: Option<Leg>,
    legs: Vec<Leg>,
    /// Whether it is this browser that tells the CRM.
    pub told: bool,
    /// The legs that the CRM has been told the end of the call with; after that end no event of it is told any more.
    registered: Vec<String>,
    /// The moment of the last thing told: none may be earlier.
    last_at: Millis,
    /// When it left the live calls, by this computer's clock.
    pub closed_at: Option<Millis>,
    /// When it ended, by the exchange's clock.
    pub ended_at: Option<Millis>,
    /// The CRM's own id of it.
    pub communication: Option<String>,
    /// The client's cards in the CRM.
    pub links: Links,
}

/// One conversation between two parties, or the call's stay with a group or scenario.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Leg {
    uuid: String,
    /// Whether another call distributed it.
    distributed: bool,
    from: Party,
    to: Party,
    dial_at: Millis,
    bridge_at: Option<Millis>,
    end_at: Option<Millis>,
    /// When its last event arrived, by this computer's clock.
    heard_at: Millis,
}

impl Calls {
    /// Reads them as they are stored; a call that cannot be read is left out.
    pub fn read(fields: Fields<'_>) -> Self {
        let calls = |key| fields.objects(key).filter_map(Call::read);
        Self { live: calls("live").collect(), ended: calls("ended").collect() }
    }

    /// Takes an event of the exchange and returns what the CRM is to be told, in order, with the call's `externalId`.
    pub fn apply(&mut self, event: &CallEvent, settings: &Settings, now: Millis) -> (String, Vec<Callback>) {
        let id = self.id_of(event);
        if self.ended.iter().any(|call| call.id == id && call.has_leg(&event.uuid)) {
            return (id, Vec::new());
        }
        let mut tell = Vec::new();
        let known = self.take(&id).map(|mut call| {
            call.learn(event, settings);
            call
        });
        let mut call = known.unwrap_or_else(|| {
            let call = Call::open(id.clone(), event, settings, now);
            if call.told {
                tell.push(Callback::CallStarted(call.boundary(call.started_at)));
            }
            call
        });
        call.step(event, settings, now, &mut tell);
        if call.settle(now, &mut tell) {
            self.ended.push_front(call);
            self.ended.truncate(ENDED_KEPT);
        } else {
            let place = self.live.partition_point(|other| (other.started_at, &other.id) <= (call.started_at, &call.id));
            self.live.insert(place, call);
        }
        (id, tell)
    }

    /// Live calls, oldest first.
    pub fn live(&self) -> impl Iterator<Item = &Call> {
        self.live.iter()
    }

    /// Ended calls, newest first.
    pub fn ended(&self) -> impl Iterator<Item = &Call> {
        self.ended.iter()
    }

    /// The call with this `externalId`.
    pub fn get(&self, id: &str) -> Option<&Call> {
        self.live.iter().chain(&self.ended).find(|call| call.id == id)
    }

    /// As [`Calls::get`], to note what the CRM answered.
    pub fn get_mut(&mut self, id: &str) -> Option<&mut Call> {
        self.live.iter_mut().chain(&mut self.ended).find(|call| call.id == id)
    }

    /// The live legs that have been silent since `moment`, by this computer's clock.
    pub fn silent_since(&self, moment: Millis) -> Vec<String> {
        let legs = self.live.iter().flat_map(|call| call.legs.iter().chain(&call.entity));
        legs.filter(|leg| leg.end_at.is_none() && leg.heard_at <= moment).map(|leg| leg.uuid.clone()).collect()
    }

    /// Whether a leg is known.
    pub fn knows(&self, uuid: &str) -> bool {
        self.live.iter().chain(&self.ended).any(|call| call.knows(uuid))
    }

    /// When the oldest live leg of these began: from there the history is to be read.
    pub fn earliest(&self, uuids: &[String]) -> Option<Millis> {
        let legs = self.live.iter().flat_map(|call| call.legs.iter().chain(&call.entity));
        legs.filter(|leg| uuids.contains(&leg.uuid)).map(|leg| leg.dial_at).min()
    }

    /// The hangup of a live leg that the socket missed, as the history tells it.
    pub fn missed_hangup(&self, uuid: &str, bridge_at: Option<Millis>, end_at: Millis) -> Option<CallEvent> {
        let call = self.live.iter().find(|call| call.knows(uuid))?;
        let leg = call.legs.iter().chain(&call.entity).find(|leg| leg.uuid == uuid && leg.end_at.is_none())?;
        Some(CallEvent {
            kind: EventKind::Hangup,
            uuid: uuid.to_owned(),
            parent_uuid: leg.distributed.then(|| call.id.clone()),
            direction: match call.direction {
                Direction::Inbound => LegDirection::Incoming,
                Direction::Outbound => LegDirection::Outgoing,
                Direction::Internal => LegDirection::Internal,
            },
            leg: None,
            leg2: None,
            client: Contact::default(),
            dial_at: Some(leg.dial_at),
            bridge_at,
            server_time: Some(end_at),
            line: None,
        })
    }

    /// `externalId`: the call that knows the leg or its parent; else `parentUuid ?? uuid`.
    fn id_of(&self, event: &CallEvent) -> String {
        let known = |uuid: &str| self.live.iter().chain(&self.ended).find(|call| call.knows(uuid));
        let parent = event.parent_uuid.as_deref();
        let call = known(&event.uuid).or_else(|| parent.and_then(known));
        call.map_or_else(|| parent.unwrap_or(&event.uuid).to_owned(), |call| call.id.clone())
    }

    /// Takes a call out: a live one, or an ended one that a further leg brings back.
    fn take(&mut self, id: &str) -> Option<Call> {
        if let Some(place) = self.live.iter().position(|call| call.id == id) {
            return Some(self.live.remove(place));
        }
        let place = self.ended.iter().position(|call| call.id == id)?;
        let call = self.ended.remove(place)?;
        Some(Call { closed_at: None, ended_at: None, ..call })
    }
}

impl Call {
    fn read(fields: Fields<'_>) -> Option<Self> {
        let client = fields.object("client")?;
        Some(Self {
            id: fields.text("id")?,
            direction: Direction::read(&fields.text("direction")?)?,
            client: Contact {
                number: client.private("number"),
                name: client.private("name"),
                company: client.private("company"),
            },
            colleague: fields.text("colleague"),
            number_shown: fields.private("numberShown"),
            line: fields.private("line"),
            line_shown: fields.private("lineShown"),
            started_at: fields.millis("startedAt")?,
            entity: fields.object("entity").and_then(Leg::read),
            legs: fields.objects("legs").filter_map(Leg::read).collect(),
            told: fields.flag("told")?,
            registered: fields.texts("registered"),
            last_at: fields.millis("lastAt")?,
            closed_at: fields.millis("closedAt"),
            ended_at: fields.millis("endedAt"),
            communication: fields.text("communication"),
            links: fields.object("links").map(Links::read).unwrap_or_default(),
        })
    }

    fn open(id: String, event: &CallEvent, settings: &Settings, now: Millis) -> Self {
        let started_at = dial_at(event, now);
        let direction = match event.direction {
            LegDirection::Incoming => Direction::Inbound,
            LegDirection::Outgoing => Direction::Outbound,
            LegDirection::Internal => Direction::Internal,
        };
        let mut call = Self {
            id,
            direction,
            client: Contact::default(),
            colleague: None,
            number_shown: None,
            line: None,
            line_shown: None,
            started_at,
            entity: None,
            legs: Vec::new(),
            told: settings.kontur.is_some() && tells(event, settings),
            registered: Vec::new(),
            last_at: started_at,
            closed_at: None,
            ended_at: None,
            communication: None,
            links: Links::default(),
        };
        call.learn(event, settings);
        if event.direction == LegDirection::Internal {
            let own = settings.own_ext();
            let sides = [&event.leg2, &event.leg].map(|side| side.as_ref().and_then(|side| side.ext.clone()));
            call.colleague = sides.into_iter().flatten().find(|ext| Some(ext.as_str()) != own);
        }
        call
    }

    /// Keeps what an event says of the client, where it was not known.
    fn learn(&mut self, event: &CallEvent, settings: &Settings) {
        if self.direction == Direction::Internal {
            return;
        }
        fill(&mut self.client.number, &event.client.number);
        fill(&mut self.client.name, &event.client.name);
        fill(&mut self.client.company, &event.client.company);
        fill(&mut self.line, &event.line);
        let display = |number: &Private<String>| phone::display(number, settings.region.0);
        if self.number_shown.is_none() {
            self.number_shown = self.client.number.as_ref().map(display);
        }
        if self.line_shown.is_none() {
            self.line_shown = self.line.as_ref().map(display);
        }
    }

    /// Brings the event's leg up to what the event asserts.
    fn step(&mut self, event: &CallEvent, settings: &Settings, now: Millis, tell: &mut Vec<Callback>) {
        let heard = event.server_time.unwrap_or(now);
        let bridged = event.bridge_at.or_else(|| (event.kind == EventKind::Bridge).then_some(heard));
        let ended = (event.kind == EventKind::Hangup).then_some(heard);
        if is_entity(event) || self.entity.as_ref().is_some_and(|entity| entity.uuid == event.uuid) {
            let entity = self.entity.get_or_insert_with(|| Leg::new(event, settings, dial_at(event, now), now));
            entity.heard_at = now;
            entity.bridge_at = entity.bridge_at.or(bridged);
            entity.end_at = entity.end_at.or(ended);
            return;
        }
        let place = self.legs.iter().position(|leg| leg.uuid == event.uuid).unwrap_or_else(|| {
            let appeared = self.not_before_last(dial_at(event, now));
            self.legs.push(Leg::new(event, settings, appeared, now));
            let place = self.legs.len() - 1;
            self.tell_leg(place, EventType::Appeared, appeared, tell);
            place
        });
        let Some(leg) = self.legs.get_mut(place) else { return };
        leg.heard_at = now;
        let (answered, over) = (leg.bridge_at.is_some(), leg.end_at.is_some());
        if over {
            return;
        }
        if let Some(at) = bridged.filter(|_| !answered) {
            let at = self.not_before_last(at);
            self.tell_leg(place, EventType::Connected, at, tell);
        }
        if let Some(at) = ended {
            let at = self.not_before_last(at);
            self.tell_leg(place, EventType::Disconnected, at, tell);
        }
    }

    /// Ends the call where nothing of it is left for this browser; true when it has ended.
    fn settle(&mut self, now: Millis, tell: &mut Vec<Callback>) -> bool {
        if self.legs.iter().any(|leg| leg.end_at.is_none()) {
            return false;
        }
        let answered_here = self.legs.iter().any(|leg| leg.bridge_at.is_some());
        let items: Option<Vec<_>> = match &self.entity {
            _ if answered_here => Some(self.legs.iter().filter_map(Leg::item).collect()),
            Some(entity) if entity.end_at.is_none() && entity.bridge_at.is_none() => return false,
            // Somebody else talks or talked: their browser tells the CRM.
            Some(entity) if entity.bridge_at.is_some() => None,
            // The same body in every browser that hears it: the group's own stay, no user's leg.
            Some(entity) => Some(entity.item().into_iter().collect()),
            None if self.legs.iter().all(|leg| leg.distributed) => None,
            None => Some(self.legs.iter().filter_map(Leg::item).collect()),
        };
        let ends = self.legs.iter().chain(&self.entity).filter_map(|leg| leg.end_at);
        let ended_at = self.not_before_last(ends.max().unwrap_or(self.last_at));
        self.ended_at = Some(ended_at);
        self.closed_at = Some(now);
        // A call that a further leg brought back has been finished already; it is registered again only with a new talk in it.
        let is_first_end = self.registered.is_empty();
        let is_new = |leg: &Leg| leg.bridge_at.is_some() && !self.registered.contains(&leg.uuid);
        let is_worth_it = is_first_end || self.legs.iter().any(is_new);
        if let Some(items) = items.filter(|_| self.told && is_worth_it) {
            self.registered = items.iter().map(|item| item.id.clone()).collect();
            tell.extend(is_first_end.then(|| Callback::CallFinished(self.boundary(ended_at))));
            tell.push(self.register(items, !answered_here && self.entity.is_some()));
        }
        true
    }

    /// Whether anybody at the company talked, as far as this browser knows.
    pub fn answered_at(&self) -> Option<Millis> {
        self.legs.iter().chain(&self.entity).filter_map(|leg| leg.bridge_at).min()
    }

    fn knows(&self, uuid: &str) -> bool {
        self.id == uuid || self.has_leg(uuid)
    }

    fn has_leg(&self, uuid: &str) -> bool {
        self.legs.iter().chain(&self.entity).any(|leg| leg.uuid == uuid)
    }

    /// Times that would run backwards are clamped to the event before.
    fn not_before_last(&mut self, at: Millis) -> Millis {
        self.last_at = self.last_at.max(at);
        self.last_at
    }

    fn tell_leg(&mut self, place: usize, kind: EventType, at: Millis, tell: &mut Vec<Callback>) {
        let Some(leg) = self.legs.get_mut(place) else { return };
        match kind {
            EventType::Appeared => leg.dial_at = at,
            EventType::Connected => leg.bridge_at = Some(at),
            EventType::Disconnected => leg.end_at = Some(at),
        }
        if self.told && self.registered.is_empty() {
            tell.push(Callback::CallEvent(LegEvent {
                external_id: self.id.clone(),
                external_call_item_id: leg.uuid.clone(),
                realtime_call_item_id: leg.uuid.clone(),
                timestamp: at,
                kind,
                from: leg.from.clone(),
                to: leg.to.clone(),
            }));
        }
    }

    fn boundary(&self, at: Millis) -> CallBoundary {
        CallBoundary {
            timestamp: at,
            external_id: self.id.clone(),
            external_vats_phone: self.line.as_ref().and_then(digits),
            client_phone: self.client.number.as_ref().and_then(digits),
            direction: self.direction,
        }
    }

    fn register(&self, items: Vec<Item>, shared: bool) -> Callback {
        Callback::RegisterCall(RegisterCall {
            external_vats_phone: self.line.as_ref().and_then(digits),
            client_phone: self.client.number.as_ref().and_then(digits),
            items,
            external_created_at: self.started_at,
            external_id: self.id.clone(),
            direction: self.direction,
            shared,
        })
    }
}

impl Leg {
    fn read(fields: Fields<'_>) -> Option<Self> {
        Some(Self {
            uuid: fields.text("uuid")?,
            distributed: fields.flag("distributed")?,
            from: Party::read(fields.object("from")?)?,
            to: Party::read(fields.object("to")?)?,
            dial_at: fields.millis("dialAt")?,
            bridge_at: fields.millis("bridgeAt"),
            end_at: fields.millis("endAt"),
            heard_at: fields.millis("heardAt")?,
        })
    }

    fn new(event: &CallEvent, settings: &Settings, dial_at: Millis, now: Millis) -> Self {
        let user = |side: &Option<crate::phonet::Entity>| {
            let ext = side.as_ref().filter(|side| side.kind == EntityKind::User).and_then(|side| side.ext.as_deref());
            Party::user(ext.and_then(|ext| settings.user_id(ext)))
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
            heard_at: now,
        }
    }

    fn item(&self) -> Option<Item> {
        Some(Item {
            id: self.uuid.clone(),
            from: self.from.clone(),
            to: self.to.clone(),
            started_at: self.bridge_at.unwrap_or(self.dial_at),
            finished_at: self.end_at?,
        })
    }
}

/// Whether this browser tells the CRM of a call that begins so. An internal call is told by the caller's browser, by the
/// callee's only where the directory knows no CRM user for the caller; one that does not know who it is tells it, too.
fn tells(event: &CallEvent, settings: &Settings) -> bool {
    let caller = event.leg.as_ref().and_then(|leg| leg.ext.as_deref());
    match (event.direction, caller, settings.own_ext()) {
        (LegDirection::Internal, Some(caller), Some(own)) => caller == own || settings.user_id(caller).is_none(),
        _ => true,
    }
}

/// Whether the event speaks of a group or a scenario that a client's call came to.
fn is_entity(event: &CallEvent) -> bool {
    event.direction == LegDirection::Incoming && event.leg.as_ref().is_some_and(|leg| leg.kind != EntityKind::User)
}

/// When the leg began to ring; where the exchange does not say, when it was answered, or when we heard of it.
fn dial_at(event: &CallEvent, now: Millis) -> Millis {
    event.dial_at.or(event.bridge_at).or(event.server_time).unwrap_or(now)
}

fn fill<T: Clone>(known: &mut Option<T>, told: &Option<T>) {
    if known.is_none() {
        known.clone_from(told);
    }
}
