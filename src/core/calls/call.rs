//! One call: what the exchange tells of it, and what the CRM is told.

use serde::Serialize;

use super::{
    Source,
    leg::{Leg, dial_at},
};
use crate::{
    Millis,
    exchange::{CallEvent, Contact, Entry, EventKind, ExchangeName, LegDirection},
    json::Fields,
    kontur::{
        digits,
        files::Recording,
        telephony::{CallBoundary, CallEvent as LegEvent, Callback, EventType, Item, Links, RegisterCall},
    },
    phone::{self, E164},
    private::Private,
    protocol::Direction,
    settings::Settings,
};

/// A client's whole conversation with the company, or a talk among colleagues.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Call {
    /// `externalId`.
    pub id: String,
    /// Whose call it is.
    pub exchange: ExchangeName,
    /// Which way it goes; a transferred leg does not change it.
    pub direction: Direction,
    /// Whether it is the agent who is called.
    pub incoming: bool,
    /// The other party.
    pub client: Contact,
    /// On an internal call, the internal number of the other side.
    pub colleague: Option<String>,
    /// Their name, as the exchange has it.
    pub colleague_name: Option<Private<String>>,
    /// The client's number for people.
    pub number_shown: Option<Private<String>>,
    /// The client's number in E.164, where it is one.
    pub call_back: Option<Private<String>>,
    /// The company's line.
    line: Option<Private<String>>,
    /// The company's line for people.
    pub line_shown: Option<Private<String>>,
    /// The caption of the company's line.
    pub line_name: Option<Private<String>>,
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
    /// The users of the CRM who are responsible for the client.
    pub responsible: Vec<String>,
    /// Whether a person gave up its registration, which the CRM had refused.
    pub given_up: bool,
    /// How the list of ended calls in the database has it; nothing where that is not known.
    #[serde(skip)]
    pub listed: Option<Listed>,
    /// Whether an earlier life of the worker knew it.
    #[serde(skip)]
    restored: bool,
}

/// What a list of ended calls shows of one may have changed where this has.
#[derive(Debug, PartialEq, Eq)]
pub struct Listed {
    ended_at: Option<Millis>,
    links: usize,
    recordings: usize,
    given_up: bool,
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

impl Call {
    pub(super) fn read(fields: Fields<'_>, version: u32) -> Option<Self> {
        let client = fields.object("client")?;
        let direction = Direction::read(&fields.text("direction")?)?;
        Some(Self {
            id: fields.text("id")?,
            exchange: fields.text("exchange").as_deref().and_then(ExchangeName::read).unwrap_or(ExchangeName::Phonet),
            direction,
            incoming: fields.flag("incoming").unwrap_or(direction == Direction::Inbound),
            client: Contact {
                number: client.private("number"),
                name: client.private("name"),
                company: client.private("company"),
                entries: client.objects("entries").filter_map(Entry::read).collect(),
            },
            colleague: fields.text("colleague"),
            colleague_name: fields.private("colleagueName"),
            number_shown: fields.private("numberShown"),
            call_back: fields.private("callBack"),
            line: fields.private("line"),
            line_shown: fields.private("lineShown"),
            line_name: fields.private("lineName"),
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
            responsible: fields.texts("responsible"),
            given_up: fields.flag("givenUp").unwrap_or_default(),
            listed: None,
            restored: true,
        })
    }

    pub(super) fn open(id: String, event: &CallEvent, settings: &Settings, now: Millis) -> Self {
        let started_at = dial_at(event, now);
        let direction = direction_of(event);
        let mut call = Self {
            id,
            exchange: event.exchange,
            direction,
            incoming: direction == Direction::Inbound,
            client: Contact::default(),
            colleague: None,
            colleague_name: None,
            number_shown: None,
            call_back: None,
            line: None,
            line_shown: None,
            line_name: None,
            started_at,
            entity: None,
            legs: Vec::new(),
            // What is heard of live becomes so with its first event.
            telling: telling(event, settings),
            registered: Vec::new(),
            recorded: Vec::new(),
            last_at: started_at,
            closed_at: None,
            ended_at: None,
            communication: None,
            links: Links::default(),
            responsible: Vec::new(),
            given_up: false,
            listed: None,
            restored: false,
        };
        call.learn(event, settings);
        if event.direction == LegDirection::Internal {
            let own = settings.own_ext();
            let sides = [&event.leg2, &event.leg].into_iter().flatten().filter(|side| side.ext.is_some());
            if let Some(colleague) = sides.into_iter().find(|side| side.ext.as_deref() != own) {
                call.colleague.clone_from(&colleague.ext);
                call.colleague_name.clone_from(&colleague.name);
            }
            let callee = event.leg2.as_ref().and_then(|side| side.ext.as_deref());
            call.incoming = own.is_some() && callee == own;
        }
        call
    }

    /// Keeps what an event says of the client, where it was not known.
    pub(super) fn learn(&mut self, event: &CallEvent, settings: &Settings) {
        if self.direction == Direction::Internal {
            // After a colleague's question the client is put through: that is to be told, where the question was not.
            if event.direction == LegDirection::Internal || self.is_told() {
                return;
            }
            self.direction = direction_of(event);
            self.incoming = self.direction == Direction::Inbound;
            self.telling = telling(event, settings);
        }
        fill(&mut self.client.number, &event.client.number);
        fill(&mut self.client.name, &event.client.name);
        fill(&mut self.client.company, &event.client.company);
        if self.client.entries.is_empty() {
            self.client.entries.clone_from(&event.client.entries);
        }
        fill(&mut self.line, &event.line);
        fill(&mut self.line_name, &event.line_name);
        let region = settings.region.0;
        if let (Some(number), None) = (&self.client.number, &self.number_shown) {
            let e164 = phone::normalize(number.reveal(), region);
            self.number_shown = Some(e164.as_ref().map_or_else(|| number.clone(), E164::display));
            self.call_back = e164.map(|number| number.as_private().clone());
        }
        if self.line_shown.is_none() {
            self.line_shown = self.line.as_ref().map(|line| phone::display(line, region));
        }
    }

    /// A call that is heard of while it goes on is told live from its start; what had been over before stays untold.
    pub(super) fn begin(&mut self, source: Source, tell: &mut Vec<Callback>) {
        if source == Source::Live && self.telling == Telling::Afterwards && self.registered.is_empty() {
            self.telling = Telling::Live;
            tell.push(Callback::CallStarted(self.boundary(self.started_at)));
        }
    }

    /// Brings the event's leg up to what the event asserts.
    pub(super) fn step(&mut self, event: &CallEvent, settings: &Settings, now: Millis, tell: &mut Vec<Callback>) {
        let heard = event.server_time.unwrap_or(now);
        let talks = matches!(event.kind, EventKind::Bridge | EventKind::Hold);
        let bridged = event.bridge_at.or_else(|| talks.then_some(heard));
        let ended = (event.kind == EventKind::Hangup).then_some(heard);
        if event.is_of_entity() || self.entity.as_ref().is_some_and(|entity| entity.uuid == event.uuid) {
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
        let (answered, held, over) = (leg.bridge_at.is_some(), leg.held, leg.end_at.is_some());
        if over {
            return;
        }
        if let Some(at) = bridged.filter(|_| !answered) {
            self.tell_leg(place, EventType::Connected, at, tell);
        }
        match event.kind {
            EventKind::Hold if !held => self.tell_leg(place, EventType::Paused, heard, tell),
            EventKind::Bridge if held => self.tell_leg(place, EventType::Connected, heard, tell),
            EventKind::Hangup => self.tell_leg(place, EventType::Disconnected, heard, tell),
            EventKind::Dial | EventKind::Bridge | EventKind::Hold => {}
        }
    }

    /// Ends the call where nothing of it is left for this browser; true when it has ended.
    pub(super) fn settle(&mut self, source: Source, now: Millis, tell: &mut Vec<Callback>) -> bool {
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
        let ends = self.all_legs().filter_map(|leg| leg.end_at);
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
            self.given_up = false;
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

    /// Whether a client called in vain, as far as this browser knows: where the call was handed out to several and its own end is not
    /// heard of, another may have answered.
    pub fn is_missed(&self) -> bool {
        let is_one_of_many = self.entity.is_none() && self.legs.iter().all(|leg| leg.distributed);
        let is_unanswered = self.ended_at.is_some() && self.answered_at().is_none();
        self.direction == Direction::Inbound && is_unanswered && !is_one_of_many
    }

    /// What a list of ended calls shows of it goes by this.
    pub fn to_list(&self) -> Listed {
        let Links { contact_ids, company_ids, deal_ids } = &self.links;
        Listed {
            ended_at: self.ended_at,
            links: contact_ids.len() + company_ids.len() + deal_ids.len(),
            recordings: self.recorded.len(),
            given_up: self.given_up,
        }
    }

    /// The leg that hanging up means: the agent's own that goes on.
    pub fn leg_to_hang_up(&self) -> Option<&str> {
        self.legs.iter().rev().find(|leg| leg.end_at.is_none()).map(|leg| leg.uuid.as_str())
    }

    /// Whether this is one of its legs, and goes on.
    pub(super) fn is_talked_on(&self, leg: &str) -> bool {
        self.legs.iter().any(|known| known.uuid == leg && known.end_at.is_none())
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

    /// Its legs, and its stay with a group or scenario.
    pub(super) fn all_legs(&self) -> impl Iterator<Item = &Leg> {
        self.legs.iter().chain(&self.entity)
    }

    /// Forgets a leg; false where nothing is left of the call.
    pub(super) fn drop_leg(&mut self, uuid: &str) -> bool {
        self.legs.retain(|leg| leg.uuid != uuid);
        self.entity.take_if(|entity| entity.uuid == uuid);
        self.all_legs().next().is_some()
    }

    /// A further leg brings it back.
    pub(super) fn reopen(&mut self) {
        self.closed_at = None;
        self.ended_at = None;
    }

    /// Whether anybody at the company talked, as far as this browser knows.
    pub fn answered_at(&self) -> Option<Millis> {
        self.all_legs().filter_map(|leg| leg.bridge_at).min()
    }

    pub(super) fn knows(&self, uuid: &str) -> bool {
        self.id == uuid || self.has_leg(uuid)
    }

    pub(super) fn has_leg(&self, uuid: &str) -> bool {
        self.all_legs().any(|leg| leg.uuid == uuid)
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
            EventType::Connected => {
                leg.bridge_at.get_or_insert(at);
                leg.held = false;
            }
            EventType::Paused => leg.held = true,
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
                .all_legs()
                .map(|leg| leg.dial_at)
                .min()
                .unwrap_or(self.started_at)
                .min(self.started_at),
            external_id: self.id.clone(),
            direction: self.direction,
            // An earlier life may have told it, and could not store that.
            shared: shared || self.restored || self.telling == Telling::Afterwards,
            awaits_recordings,
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

fn direction_of(event: &CallEvent) -> Direction {
    match event.direction {
        LegDirection::Incoming => Direction::Inbound,
        LegDirection::Outgoing => Direction::Outbound,
        LegDirection::Internal => Direction::Internal,
    }
}

/// How the CRM is told of a call that begins so, before it is known to go on.
fn telling(event: &CallEvent, settings: &Settings) -> Telling {
    if settings.kontur.is_some() && tells(event, settings) { Telling::Afterwards } else { Telling::Nothing }
}

fn fill<T: Clone>(known: &mut Option<T>, told: &Option<T>) {
    if known.is_none() {
        known.clone_from(told);
    }
}
