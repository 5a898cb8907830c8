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
        files::Recording,
        telephony::{CallBoundary, CallEvent as LegEvent, Callback, EventType, Item, Links, Party, RegisterCall},
    },
    phone,
    phonet::{CallEvent, Contact, EntityKind, EventKind, LegDirection},
    private::Private,
    protocol::Direction,
    settings::Settings,
};

/// How many ended calls are remembered at least: for the popup's list, and to know late and repeated events by.
const ENDED_KEPT: usize = 50;
/// The clocks of the exchange's events and of its history may differ by less than this.
const SLACK: Millis = Millis::mins(1);

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
    /// How this browser tells the CRM of it.
    telling: Telling,
    /// The legs that the CRM has been told the end of the call with; after that end no event of it is told any more.
    registered: Vec<String>,
    /// The recordings that are uploaded.
    recorded: Vec<Recorded>,
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

/// The recording of a leg.
#[derive(Debug, Serialize)]
struct Recorded {
    leg: String,
    recording: Recording,
}

impl Recorded {
    fn read(fields: Fields<'_>) -> Option<Self> {
        Some(Self { leg: fields.text("leg")?, recording: Recording::read(fields.object("recording")?)? })
    }
}

/// How the CRM is told of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
enum Telling {
    /// Another browser tells, or there is no CRM.
    Nothing,
    /// As it happens, and then registered.
    Live,
    /// It was over before it was heard of: only registered.
    Afterwards,
}

impl Telling {
    fn read(name: &str) -> Option<Self> {
        match name {
            "nothing" => Some(Self::Nothing),
            "live" => Some(Self::Live),
            "afterwards" => Some(Self::Afterwards),
            _ => None,
        }
    }
}

/// Where an event was heard of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// The exchange tells it now.
    Live,
    /// The history tells it afterwards.
    History,
}

/// What the CRM is to be told of one call.
#[derive(Debug)]
pub struct Told {
    /// The call's `externalId`.
    pub call: String,
    /// In this order.
    pub callbacks: Vec<Callback>,
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
    pub fn read(fields: Fields<'_>, version: u32) -> Self {
        let calls = |key| fields.objects(key).filter_map(|call| Call::read(call, version));
        Self { live: calls("live").collect(), ended: calls("ended").collect() }
    }

    /// Takes events of the exchange and returns what the CRM is to be told, call by call. The events of one call are taken together
    /// before it is said to be over.
    pub fn apply(&mut self, events: &[&CallEvent], source: Source, settings: &Settings, now: Millis) -> Vec<Told> {
        let mut calls: Vec<(String, Vec<&CallEvent>)> = Vec::new();
        for event in events {
            let id = self.id_of(event);
            if !self.ended.iter().any(|call| call.id == id && call.has_leg(&event.uuid)) {
                match calls.iter_mut().find(|(call, _)| *call == id) {
                    Some((_, events)) => events.push(event),
                    None => calls.push((id, vec![event])),
                }
            }
        }
        calls.into_iter().map(|(id, events)| self.apply_to(id, &events, source, settings, now)).collect()
    }

    fn apply_to(
        &mut self,
        id: String,
        events: &[&CallEvent],
        source: Source,
        settings: &Settings,
        now: Millis,
    ) -> Told {
        let mut callbacks = Vec::new();
        let mut known = self.take(&id);
        for event in events {
            let mut call = match known.take() {
                Some(mut call) => {
                    call.learn(event, settings);
                    call
                }
                None => Call::open(id.clone(), event, settings, now),
            };
            call.begin(source, &mut callbacks);
            call.step(event, settings, now, &mut callbacks);
            known = Some(call);
        }
        if let Some(mut call) = known {
            if call.settle(source, now, &mut callbacks) {
                self.put_ended(call);
            } else {
                self.put_live(call);
            }
        }
        Told { call: id, callbacks }
    }

    fn put_live(&mut self, call: Call) {
        let place = self.live.partition_point(|other| (other.started_at, &other.id) <= (call.started_at, &call.id));
        self.live.insert(place, call);
    }

    fn put_ended(&mut self, call: Call) {
        let place = self.ended.iter().position(|other| other.ended_at <= call.ended_at).unwrap_or(self.ended.len());
        self.ended.insert(place, call);
    }

    /// Forgets ended calls, but for the newest, those that the history may still tell of, and those that somebody needs.
    pub fn forget(&mut self, certain: Option<Millis>, is_needed: impl Fn(&str) -> bool) {
        if self.ended.len() <= ENDED_KEPT {
            return;
        }
        let mut place = 0;
        self.ended.retain(|call| {
            place += 1;
            let is_recent = certain.is_none_or(|certain| call.ended_at.is_some_and(|at| at + SLACK > certain));
            place <= ENDED_KEPT || is_recent || is_needed(&call.id)
        });
    }

    /// A leg that went on when it was heard of last, and that nobody knows any more, is given up: the call goes on without it, or
    /// is forgotten. Its end is nowhere told, so none is invented.
    pub fn give_up(&mut self, uuid: &str, now: Millis) -> Option<Told> {
        let place = self.live.iter().position(|call| call.has_leg(uuid))?;
        let mut call = self.live.remove(place);
        call.legs.retain(|leg| leg.uuid != uuid);
        call.entity.take_if(|entity| entity.uuid == uuid);
        let mut told = Told { call: call.id.clone(), callbacks: Vec::new() };
        if call.legs.is_empty() && call.entity.is_none() {
            return Some(told);
        }
        if call.settle(Source::History, now, &mut told.callbacks) {
            self.put_ended(call);
        } else {
            self.put_live(call);
        }
        Some(told)
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
    pub fn silent_since(&self, moment: Millis, now: Millis) -> Vec<String> {
        let silent = self.live_legs().filter(|leg| leg.heard_at <= moment || leg.heard_at > now);
        silent.map(|leg| leg.uuid.clone()).collect()
    }

    fn live_legs(&self) -> impl Iterator<Item = &Leg> {
        let legs = self.live.iter().flat_map(|call| call.legs.iter().chain(&call.entity));
        legs.filter(|leg| leg.end_at.is_none())
    }

    /// Whether an active call was answered, though nobody has told so here.
    pub fn is_behind(&self, active: &CallEvent) -> bool {
        let was_answered = active.kind == EventKind::Bridge || active.bridge_at.is_some();
        was_answered && self.live_legs().any(|leg| leg.uuid == active.uuid && leg.bridge_at.is_none())
    }

    /// Whether a leg is known.
    pub fn knows(&self, uuid: &str) -> bool {
        self.live.iter().chain(&self.ended).any(|call| call.knows(uuid))
    }

    /// Whether a leg is known, and not only its call.
    pub fn knows_leg(&self, uuid: &str) -> bool {
        self.live.iter().chain(&self.ended).any(|call| call.has_leg(uuid))
    }

    /// Whether this leg, or the call's stay with a group or scenario, is known to go on.
    pub fn is_live(&self, uuid: &str) -> bool {
        self.live_legs().any(|leg| leg.uuid == uuid)
    }

    /// Since when a live leg has been silent, by this computer's clock.
    pub fn heard_at(&self, uuid: &str) -> Option<Millis> {
        self.live_legs().find(|leg| leg.uuid == uuid).map(|leg| leg.heard_at)
    }

    /// When the oldest live leg of these began: from there the history is to be read.
    pub fn earliest(&self, uuids: &[String]) -> Option<Millis> {
        self.live_legs().filter(|leg| uuids.contains(&leg.uuid)).map(|leg| leg.dial_at).min()
    }

    /// `externalId`: the call that knows the leg or its parent; else `parentUuid ?? uuid`.
    pub fn id_of(&self, event: &CallEvent) -> String {
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
    fn read(fields: Fields<'_>, version: u32) -> Option<Self> {
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
            telling: match version {
                1 if fields.flag("told")? => Telling::Live,
                1 => Telling::Nothing,
                _ => Telling::read(&fields.text("telling")?)?,
            },
            registered: fields.texts("registered"),
            recorded: fields.objects("recorded").filter_map(Recorded::read).collect(),
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
            // What is heard of live becomes so with its first event.
            telling: if settings.kontur.is_some() && tells(event, settings) {
                Telling::Afterwards
            } else {
                Telling::Nothing
            },
            registered: Vec::new(),
            recorded: Vec::new(),
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

    /// A call that is heard of while it goes on is told live from its start; what had been over before stays untold.
    fn begin(&mut self, source: Source, tell: &mut Vec<Callback>) {
        if source == Source::Live && self.telling == Telling::Afterwards && self.registered.is_empty() {
            self.telling = Telling::Live;
            tell.push(Callback::CallStarted(self.boundary(self.started_at)));
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
            self.legs.push(Leg::new(event, settings, dial_at(event, now), now));
            let place = self.legs.len() - 1;
            self.tell_leg(place, EventType::Appeared, dial_at(event, now), tell);
            place
        });
        let Some(leg) = self.legs.get_mut(place) else { return };
        leg.heard_at = now;
        let (answered, over) = (leg.bridge_at.is_some(), leg.end_at.is_some());
        if over {
            return;
        }
        if let Some(at) = bridged.filter(|_| !answered) {
            self.tell_leg(place, EventType::Connected, at, tell);
        }
        if let Some(at) = ended {
            self.tell_leg(place, EventType::Disconnected, at, tell);
        }
    }

    /// Ends the call where nothing of it is left for this browser; true when it has ended.
    fn settle(&mut self, source: Source, now: Millis, tell: &mut Vec<Callback>) -> bool {
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
        let ended_at = ends.max().unwrap_or(self.last_at);
        self.ended_at = Some(ended_at);
        // What was over before it was heard of never was on a card.
        self.closed_at = (source == Source::Live || self.telling == Telling::Live).then_some(now);
        // A call that a further leg brought back has been finished already; it is registered again only with a new talk in it.
        let is_first_end = self.registered.is_empty();
        let is_new = |leg: &Leg| leg.bridge_at.is_some() && !self.registered.contains(&leg.uuid);
        let is_worth_it = is_first_end || self.legs.iter().any(is_new);
        if let Some(items) = items.filter(|_| self.is_told() && is_worth_it) {
            self.registered = items.iter().map(|item| item.id.clone()).collect();
            if is_first_end && self.telling == Telling::Live {
                let at = self.not_before_last(ended_at);
                tell.push(Callback::CallFinished(self.boundary(at)));
            }
            tell.push(self.register(items, !answered_here && self.entity.is_some()));
        }
        true
    }

    /// Whether it is this browser that tells the CRM.
    pub fn is_told(&self) -> bool {
        self.telling != Telling::Nothing
    }

    /// The leg that hanging up means: the agent's own that goes on.
    pub fn leg_to_hang_up(&self) -> Option<&str> {
        self.legs.iter().rev().find(|leg| leg.end_at.is_none()).map(|leg| leg.uuid.as_str())
    }

    /// Whether the recording of a leg is with the CRM, or on its way there.
    pub fn has_recording(&self, leg: &str) -> bool {
        self.recorded.iter().any(|recorded| recorded.leg == leg)
    }

    /// Whether the recording of any leg is with the CRM, or on its way there.
    pub fn is_recorded(&self) -> bool {
        !self.recorded.is_empty()
    }

    /// The recording of a leg is uploaded: a further registration of the call names it, too.
    pub fn recorded(&mut self, leg: String, recording: Recording) {
        self.recorded.push(Recorded { leg, recording });
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

    /// What is told of a call never runs backwards: a time before the last one told is clamped to that.
    fn not_before_last(&mut self, at: Millis) -> Millis {
        self.last_at = self.last_at.max(at);
        self.last_at
    }

    /// Notes what happened to a leg, whose own times do not run backwards either, and tells it.
    fn tell_leg(&mut self, place: usize, kind: EventType, at: Millis, tell: &mut Vec<Callback>) {
        let Some(leg) = self.legs.get_mut(place) else { return };
        let at = at.max(leg.bridge_at.unwrap_or(leg.dial_at));
        match kind {
            EventType::Appeared => leg.dial_at = at,
            EventType::Connected => leg.bridge_at = Some(at),
            EventType::Disconnected => leg.end_at = Some(at),
        }
        if self.telling != Telling::Live || !self.registered.is_empty() {
            return;
        }
        let (uuid, from, to) = (leg.uuid.clone(), leg.from.clone(), leg.to.clone());
        tell.push(Callback::CallEvent(LegEvent {
            external_id: self.id.clone(),
            external_call_item_id: uuid.clone(),
            realtime_call_item_id: uuid,
            timestamp: self.not_before_last(at),
            kind,
            from,
            to,
        }));
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

    fn register(&self, mut items: Vec<Item>, shared: bool) -> Callback {
        for item in &mut items {
            let known = self.recorded.iter().filter(|recorded| recorded.leg == item.id);
            item.recordings.extend(known.map(|recorded| recorded.recording.clone()));
        }
        let awaits_recordings = self.telling == Telling::Afterwards && items.iter().any(|item| item.answered);
        Callback::RegisterCall(RegisterCall {
            external_vats_phone: self.line.as_ref().and_then(digits),
            client_phone: self.client.number.as_ref().and_then(digits),
            items,
            external_created_at: self
                .legs
                .iter()
                .chain(&self.entity)
                .map(|leg| leg.dial_at)
                .min()
                .unwrap_or(self.started_at)
                .min(self.started_at),
            external_id: self.id.clone(),
            direction: self.direction,
            // What was over before it was heard of, a life that could not store it may have told already.
            shared: shared || self.telling == Telling::Afterwards,
            awaits_recordings,
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
            answered: self.bridge_at.is_some(),
            recordings: Vec::new(),
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
