//! The CRM's book of communications and the order in which a call may be told.

use std::collections::{BTreeMap, BTreeSet};

use axum::http::StatusCode;
use serde_json::{Value, json};
use uuid::Uuid;

use super::body::{
    Boundary, CallInfo, CallRef, Direction, EventType, Item, LateRecording, LegEvent, NamedFile, Parties, Registration,
    SystemCall,
};
use super::caller::Outcome;
use super::files::Files;
use crate::clock::{now, rfc3339};
use crate::data::{Contact, INTEGRATION_ID, USERS, contact_by_phone, links};
use crate::http::Answer;

/// A clock may be ahead of ours by this much.
const TOLERATED_AHEAD: i64 = 60 * 1000;
/// Telephony history does not reach further back; what does is a unit mistaken (seconds read as milliseconds).
const OLDEST: i64 = 1_577_836_800_000;

/// A call as the CRM holds it.
pub(crate) struct Communication {
    pub id: String,
    pub external_id: String,
    pub info: CallInfo,
    pub started_at: Option<i64>,
    pub finished_at: Option<i64>,
    pub events: Vec<LegEvent>,
    pub registered: Option<Registered>,
    /// Files of recordings by leg.
    pub recordings: BTreeMap<String, String>,
    failed: bool,
    updated_at: i64,
}

/// What `register-call` left.
pub(crate) struct Registered {
    pub created_at: i64,
    pub items: Vec<Item>,
    body: Value,
}

/// A call that a user asked for by «Позвонить».
pub(crate) struct Called {
    /// The communication's.
    pub id: String,
    /// Who asked, by id.
    pub from: String,
    pub info: CallInfo,
    pub at: i64,
    /// What the integration's server answered; none while it has not.
    pub outcome: Option<Outcome>,
    /// The exchange's call that came of it.
    pub external_id: Option<String>,
    pub failed: bool,
}

impl Called {
    /// Whether the integration took it, and no callback has named it yet.
    pub fn is_owed(&self) -> bool {
        self.outcome == Some(Outcome::Done) && self.external_id.is_none() && !self.failed
    }

    fn is_like(&self, info: &CallInfo) -> bool {
        self.info.direction == info.direction && self.info.client_phone == info.client_phone
    }

    fn state(&self) -> &'static str {
        match &self.outcome {
            _ if self.failed => "failed",
            None | Some(Outcome::Done) => "called",
            Some(_) => "refused",
        }
    }

    /// As a communication of which nothing is known yet.
    fn to_json(&self) -> Value {
        json!({
            "id": self.id, "externalId": null, "direction": self.info.direction.word(),
            "clientPhone": self.info.client_phone, "externalVatsPhone": null, "state": self.state(),
            "startedAt": null, "finishedAt": null, "externalCreatedAt": null,
            "events": [], "items": [], "recordings": {}, "links": links(self.info.client_phone.as_deref()),
        })
    }
}

impl Communication {
    fn new(id: Option<&String>, external_id: &str, info: CallInfo) -> Self {
        Self {
            id: id.cloned().unwrap_or_else(|| Uuid::new_v4().to_string()),
            external_id: external_id.to_owned(),
            info,
            started_at: None,
            finished_at: None,
            events: Vec::new(),
            registered: None,
            recordings: BTreeMap::new(),
            failed: false,
            updated_at: now(),
        }
    }

    /// What was told of one leg, oldest first.
    pub fn leg<'a>(&'a self, id: &'a str) -> impl DoubleEndedIterator<Item = &'a LegEvent> {
        self.events.iter().filter(move |event| event.realtime_item_id == id)
    }

    /// The ids of the legs that appeared.
    pub fn leg_ids(&self) -> BTreeSet<&str> {
        self.events.iter().map(|event| event.realtime_item_id.as_str()).collect()
    }

    /// Whether these items are the conversation of a member whose browser was away: others' browsers told the call
    /// as far as they heard it, and nobody else was there to finish it.
    fn told_by_others(&self, items: &[Item]) -> bool {
        let answered = self.events.iter().any(|event| event.kind == EventType::Connected);
        !answered && items.iter().all(|item| item.id != self.external_id && self.leg(&item.id).next().is_none())
    }

    /// When it ended, as far as it was told.
    fn ended_at(&self) -> Option<i64> {
        let items = self.registered.iter().flat_map(|registered| &registered.items);
        self.finished_at.or_else(|| items.map(|item| item.finished_at).max())
    }

    /// Whether a leg appeared or was registered.
    fn has_leg(&self, id: &str) -> bool {
        self.leg(id).next().is_some()
            || self.registered.iter().flat_map(|registered| &registered.items).any(|item| item.id == id)
    }

    fn state(&self) -> &'static str {
        match (&self.registered, self.finished_at) {
            (Some(_), _) => "registered",
            (None, Some(_)) => "finished",
            (None, None) if self.failed => "failed",
            (None, None) => "started",
        }
    }

    fn events_json(&self) -> Value {
        self.events
            .iter()
            .map(|event| {
                json!({
                    "externalCallItemId": event.external_item_id, "realtimeCallItemId": event.realtime_item_id,
                    "timestamp": rfc3339(event.timestamp), "type": event.kind.word(),
                    "from": party(&event.parties.from), "to": party(&event.parties.to),
                })
            })
            .collect()
    }

    fn items_json(&self) -> Value {
        let items = self.registered.iter().flat_map(|registered| &registered.items);
        items
            .map(|item| {
                let recordings: Value =
                    self.recordings.get(&item.id).map(|file| json!({ "fileId": file })).into_iter().collect();
                json!({
                    "id": item.id, "from": party(&item.parties.from), "to": party(&item.parties.to),
                    "recordings": recordings,
                    "startedAt": rfc3339(item.started_at), "finishedAt": rfc3339(item.finished_at),
                })
            })
            .collect()
    }

    /// The communication as `call-started` answers it.
    fn answer(&self) -> Value {
        let created = rfc3339(self.started_at.unwrap_or(self.updated_at));
        json!({
            "updateInfo": {
                "updatedAt": rfc3339(self.updated_at), "updatedWith": "Integration.phonet",
                "createdAt": created, "createdWith": "Integration.phonet",
            },
            "links": links(self.info.client_phone.as_deref()),
            "externalId": format!("Phonet/{}", self.external_id),
            "externalCreatedAt": created,
            "type": "call",
            "direction": self.info.direction.word(),
            "status": "sealed",
            "integrationId": INTEGRATION_ID,
            "data": { "call": {
                "clientPhone": self.info.client_phone, "externalVatsPhone": self.info.vats_phone,
                "items": self.items_json(), "events": self.events_json(),
            }},
            "assignedToGroupId": "00000000-0000-0000-0000-000000000000",
            "id": self.id,
        })
    }

    /// The communication for the control page.
    fn to_json(&self) -> Value {
        json!({
            "id": self.id, "externalId": self.external_id, "direction": self.info.direction.word(),
            "clientPhone": self.info.client_phone, "externalVatsPhone": self.info.vats_phone, "state": self.state(),
            "startedAt": self.started_at.map(rfc3339), "finishedAt": self.finished_at.map(rfc3339),
            "externalCreatedAt": self.registered.as_ref().map(|registered| rfc3339(registered.created_at)),
            "events": self.events_json(), "items": self.items_json(), "recordings": self.recordings,
            "links": links(self.info.client_phone.as_deref()),
        })
    }
}

fn party(party: &super::body::Party) -> Value {
    let mut value = json!({ "type": if party.user { "user" } else { "client" } });
    if let (Some(id), Value::Object(object)) = (&party.user_id, &mut value) {
        object.insert("userId".to_owned(), id.as_str().into());
    }
    value
}

/// All communications by bare `externalId`.
#[derive(Default)]
pub(crate) struct Book {
    communications: BTreeMap<String, Communication>,
    /// Order of arrival.
    order: Vec<String>,
    called: Vec<Called>,
    /// Calls of which a failure on demand swallowed a request for good: their order is not held against the client.
    excused: BTreeSet<String>,
    /// Calls that were asked about by `call-redirect` while nobody had told of them. That is no fault where nobody ever does: so the
    /// one who reads the history learns which of its calls are missing.
    asked_early: BTreeSet<String>,
}

/// Refusals of `call-started`, `call-event` and `call-finished`.
fn refuse(status: &str, message: String, violation: impl Into<String>) -> Answer {
    let body = json!({ "invalidDatas": [], "invalidConstraints": {}, "status": status, "message": message });
    Answer::json(StatusCode::CONFLICT, body).violation(violation)
}

fn invalid(violation: impl Into<String>) -> Answer {
    let violation = violation.into();
    refuse("invalidArgs", violation.clone(), violation)
}

fn not_found(id: &str, violation: impl Into<String>) -> Answer {
    let body = json!({ "status": "communicationNotFound", "message": format!("Communication not found. Id: {id}") });
    Answer::json(StatusCode::CONFLICT, body).violation(violation)
}

/// The refusal of `register-call`.
fn error(violation: impl Into<String>) -> Answer {
    Answer::json(StatusCode::CONFLICT, "Error".into()).violation(violation)
}

fn done() -> Answer {
    Answer::ok("OK".into())
}

/// Who is responsible for a client.
pub(crate) fn responsible(contact: &Contact) -> Answer {
    Answer::ok(json!({ "userIds": [contact.company.responsible.user_id] }))
}

/// `call-redirect` of what the CRM does not know, in its own words.
pub(crate) fn nobody() -> Answer {
    let message = "Communication Xcom.Api.Models.Communications.CallRedirectRequest not found";
    Answer::json(StatusCode::CONFLICT, json!({ "status": "notFound", "message": message }))
}

/// Why an instant cannot be a call's.
fn implausible(at: i64) -> Option<&'static str> {
    if at > now() + TOLERATED_AHEAD {
        Some("a time in the future")
    } else if at < OLDEST {
        Some("a time before 2020: seconds and milliseconds confused?")
    } else {
        None
    }
}

fn stranger(parties: &Parties) -> Option<String> {
    parties
        .user_ids()
        .find(|id| !USERS.iter().any(|user| user.user_id == Some(*id)))
        .map(|id| format!("the workspace has no user {id}"))
}

/// Whether the leg may go from its last event to the next; `paused` is resumed by `connected`.
fn may_follow(last: Option<EventType>, next: EventType) -> bool {
    use EventType::{Appeared, Connected, Disconnected, Finished, Paused};
    matches!(
        (last, next),
        (None, Appeared)
            | (Some(Appeared | Paused), Connected)
            | (Some(Connected), Paused)
            | (Some(Appeared | Connected | Paused), Disconnected)
            | (Some(Disconnected), Finished)
    )
}

impl Book {
    pub fn get(&self, external_id: &str) -> Option<&Communication> {
        self.communications.get(external_id)
    }

    pub fn iter(&self) -> impl Iterator<Item = &Communication> {
        self.order.iter().filter_map(|id| self.communications.get(id))
    }

    /// The calls that users asked for, in their order.
    pub fn called(&self) -> impl Iterator<Item = &Called> {
        self.called.iter()
    }

    fn called_mut(&mut self, id: &str) -> Option<&mut Called> {
        self.called.iter_mut().find(|called| called.id == id)
    }

    /// The call that a leg is of.
    pub fn with_leg(&self, leg: &str) -> Option<&Communication> {
        self.iter().find(|call| call.has_leg(leg))
    }

    pub fn to_json(&self) -> Value {
        let asked = self.called.iter().filter(|called| called.external_id.is_none()).map(Called::to_json);
        json!({ "communications": self.iter().map(Communication::to_json).chain(asked).collect::<Vec<_>>() })
    }

    /// One communication by its own id.
    pub fn one_to_json(&self, id: &str) -> Option<Value> {
        let begun = self.iter().find(|call| call.id == id).map(Communication::to_json);
        begun.or_else(|| self.called.iter().find(|called| called.id == id).map(Called::to_json))
    }

    /// A user presses «Позвонить».
    pub fn call(&mut self, call: SystemCall) -> Result<(), Answer> {
        let SystemCall { id, from, to, client_phone } = call;
        if self.one_to_json(&id).is_some() {
            return Err(invalid(format!("there is a communication {id} already")));
        }
        let direction = if to.is_some() { Direction::Internal } else { Direction::Outbound };
        let info = CallInfo { direction, client_phone: client_phone.filter(|_| to.is_none()), vats_phone: None };
        self.called.push(Called { id, from, info, at: now(), outcome: None, external_id: None, failed: false });
        Ok(())
    }

    /// The integration's server answered; of several answers to the same call that it took it counts.
    pub fn answered(&mut self, id: &str, outcome: &Outcome) {
        if let Some(called) = self.called_mut(id).filter(|called| called.outcome != Some(Outcome::Done)) {
            called.outcome = Some(outcome.clone());
        }
    }

    /// Why the first that is told of a call cannot be about the communication it names.
    fn foreign(&self, named: &str, info: &CallInfo) -> Option<String> {
        let Some(called) = self.called.iter().find(|called| called.id == named) else {
            return Some(format!("names an unknown communication {named}"));
        };
        match &called.external_id {
            Some(other) => Some(format!("names the communication {named}, which is the call {other}")),
            None if called.failed => Some(format!("names the communication {named}, which has failed")),
            None if !called.is_like(info) => {
                Some(format!("names the communication {named}, which asked for another call"))
            }
            None => None,
        }
    }

    /// The client was told to give up a request about this call.
    pub fn excuse(&mut self, external_id: &str) {
        self.excused.insert(external_id.to_owned());
    }

    /// Takes back the violations of an answer about a call whose order was broken by a failure on demand.
    fn forgive(&self, external_id: &str, mut answer: Answer) -> Answer {
        if self.excused.contains(external_id) {
            answer.violations.clear();
        }
        answer
    }

    /// The started communication a callback is about.
    fn started(&mut self, call: &CallRef, what: &str) -> Result<&mut Communication, Answer> {
        let id = &call.external_id;
        let excused = self.excused.contains(id);
        match self.communications.get_mut(id).filter(|known| known.started_at.is_some()) {
            None => {
                let named = call.communication_id.as_ref().unwrap_or(id);
                let mut answer = not_found(named, format!("{what} of {id} before its call-started"));
                if excused {
                    answer.violations.clear();
                }
                Err(answer)
            }
            Some(known) => match &call.communication_id {
                Some(named) if *named != known.id => {
                    Err(not_found(named, format!("{what} of {id} names the communication {named}, not {}", known.id)))
                }
                _ => Ok(known),
            },
        }
    }

    fn insert(&mut self, communication: Communication) {
        if let Some(called) = self.called_mut(&communication.id) {
            called.external_id = Some(communication.external_id.clone());
        }
        self.order.push(communication.external_id.clone());
        self.communications.insert(communication.external_id.clone(), communication);
    }

    /// `call-started`: opens the communication; the same again answers the same communication.
    pub fn start(&mut self, body: &Boundary) -> Answer {
        let id = &body.call.external_id;
        if let Some(fault) = implausible(body.timestamp) {
            return invalid(format!("call-started of {id}: {fault}"));
        }
        let (known, named) = (self.communications.get(id), body.call.communication_id.as_ref());
        if let Some(fault) = self.names_another(known, named, &body.info) {
            return not_found(named.map_or("", String::as_str), format!("call-started of {id} {fault}"));
        }
        let Some(known) = known else {
            let mut communication = Communication::new(named, id, body.info.clone());
            communication.started_at = Some(body.timestamp);
            let answer = Answer::ok(communication.answer());
            // Whose call it is it does not say, so internal ones are left to the verdict.
            let asked =
                |called: &&Called| body.info.client_phone.is_some() && called.is_owed() && called.is_like(&body.info);
            let unnamed = self.called.iter().find(asked).filter(|_| named.is_none()).map(|called| called.id.clone());
            self.insert(communication);
            let answer = match unnamed {
                Some(asked) => {
                    answer.violation(format!("call-started of {id} does not name the communication {asked}"))
                }
                None => answer,
            };
            if self.asked_early.contains(id) {
                return self.forgive(id, answer.violation(format!("call-redirect of {id} before its call-started")));
            }
            return answer;
        };
        match known.started_at {
            None => self.forgive(id, invalid(format!("call-started of {id} after its register-call"))),
            Some(at) if at == body.timestamp && known.info == body.info => Answer::ok(known.answer()).repeat(),
            Some(_) => invalid(format!("call-started of {id} differs from the first")),
        }
    }

    /// Why a call cannot be the communication that it is said to be.
    fn names_another(&self, known: Option<&Communication>, named: Option<&String>, info: &CallInfo) -> Option<String> {
        let named = named?;
        match known {
            Some(known) if known.id == *named => None,
            Some(_) => Some(format!("names the communication {named}, which is not its own")),
            None => self.foreign(named, info),
        }
    }

    /// `call-event`: one step of one leg.
    pub fn event(&mut self, event: LegEvent) -> Answer {
        let (id, leg) = (event.call.external_id.clone(), event.realtime_item_id.clone());
        let what = format!("call-event {} of {id}, leg {leg}", event.kind.word());
        let call = match self.started(&event.call, "call-event") {
            Ok(call) => call,
            Err(answer) => return answer,
        };
        let same = |old: &&LegEvent| {
            old.kind == event.kind && old.timestamp == event.timestamp && old.external_item_id == event.external_item_id
        };
        if let Some(old) = call.leg(&leg).find(same) {
            return if old.parties == event.parties {
                done().repeat()
            } else {
                invalid(format!("{what}: a repeat with other parties"))
            };
        }
        if let Some(fault) = implausible(event.timestamp) {
            return invalid(format!("{what}: {fault}"));
        }
        if !event.parties.fit(call.info.direction) {
            return invalid(format!("{what}: these parties make no {} call", call.info.direction.word()));
        }
        if let Some(stranger) = stranger(&event.parties) {
            return invalid(format!("{what}: {stranger}"));
        }
        let last = call.leg(&leg).next_back();
        if let Some(last) = last
            && (last.parties != event.parties || last.external_item_id != event.external_item_id)
        {
            return invalid(format!("{what}: the leg's parties or ids changed"));
        }
        let fault = if !may_follow(last.map(|last| last.kind), event.kind) {
            let last = last.map_or("nothing", |last| last.kind.word());
            Some(format!("{what} cannot follow {last}"))
        } else if last.map_or(call.started_at, |last| Some(last.timestamp)).is_some_and(|at| at > event.timestamp) {
            Some(format!("{what}: time runs backwards"))
        } else if let Some(end) = call.ended_at() {
            // Another member's browser may report an unanswered leg of a group's call a moment late.
            let late_member = leg != id && event.kind != EventType::Connected && event.timestamp <= end;
            (!late_member).then(|| format!("{what} after call-finished"))
        } else {
            None
        };
        if let Some(fault) = fault {
            return self.forgive(&id, invalid(fault));
        }
        call.updated_at = now();
        call.events.push(event);
        done()
    }

    /// `call-finished`: no event follows it.
    pub fn finish(&mut self, body: &Boundary) -> Answer {
        let id = &body.call.external_id;
        let call = match self.started(&body.call, "call-finished") {
            Ok(call) => call,
            Err(answer) => return answer,
        };
        if call.info != body.info {
            return invalid(format!("call-finished of {id}: direction or numbers differ from call-started"));
        }
        if let Some(at) = call.finished_at {
            return if at == body.timestamp {
                done().repeat()
            } else {
                invalid(format!("call-finished of {id} differs from the first"))
            };
        }
        if let Some(fault) = implausible(body.timestamp) {
            return invalid(format!("call-finished of {id}: {fault}"));
        }
        let told = call.events.iter().map(|event| event.timestamp).chain(call.started_at);
        if told.max().is_some_and(|last| last > body.timestamp) {
            return invalid(format!("call-finished of {id}: time runs backwards"));
        }
        let open = call.leg_ids().into_iter().find(|leg| match call.leg(leg).next_back().map(|event| event.kind) {
            Some(EventType::Connected | EventType::Paused) => true,
            Some(EventType::Appeared) => leg == id,
            _ => false,
        });
        if let Some(open) = open {
            let answer = invalid(format!("call-finished of {id} while its leg {open} is still open"));
            return self.forgive(id, answer);
        }
        if call.registered.is_some() {
            return self.forgive(id, invalid(format!("call-finished of {id} after its register-call")));
        }
        call.finished_at = Some(body.timestamp);
        call.updated_at = now();
        done()
    }

    /// `call-redirect` by a call: who is responsible for its client, if the CRM knows the client.
    pub fn redirect(&mut self, id: &str) -> Answer {
        let Some(call) = self.communications.get(id) else {
            self.asked_early.insert(id.to_owned());
            return nobody();
        };
        let contact = call.info.client_phone.as_deref().and_then(contact_by_phone);
        contact.map_or_else(|| Answer::ok(json!({ "userIds": [] })), responsible)
    }

    /// `call-failed`: a call that the CRM asked for came to nothing.
    pub fn fail(&mut self, id: &str) -> Answer {
        let Some(call) = self.communications.values_mut().find(|call| call.id == id) else {
            let Some(called) = self.called_mut(id) else {
                return not_found(id, format!("call-failed of an unknown communication {id}"));
            };
            return if std::mem::replace(&mut called.failed, true) { done().repeat() } else { done() };
        };
        if call.events.iter().any(|event| event.kind == EventType::Connected) {
            return invalid(format!("call-failed of {}, which was answered", call.external_id));
        }
        if std::mem::replace(&mut call.failed, true) {
            return done().repeat();
        }
        call.updated_at = now();
        done()
    }

    /// `call-recording`: the recording of one leg, when it comes later than the registration.
    pub fn record(&mut self, body: &LateRecording, files: &Files) -> Answer {
        let id = &body.call.external_id;
        let what = format!("call-recording of {id}");
        let named = body.call.communication_id.as_ref();
        let Some(call) = self.communications.get(id).filter(|call| named.is_none_or(|named| *named == call.id)) else {
            let named = named.unwrap_or(id);
            return self.forgive(id, not_found(named, format!("{what} names an unknown communication {named}")));
        };
        let leg = &body.realtime_item_id;
        if *leg != body.external_item_id {
            return invalid(format!("{what}: its two ids of the leg differ"));
        }
        if !call.has_leg(leg) {
            return self.forgive(id, invalid(format!("{what}: {leg} is no leg that appeared")));
        }
        if files.get(&body.file_id).is_none() {
            return invalid(format!("{what} names a file {} that was never uploaded", body.file_id));
        }
        match call.recordings.get(leg) {
            Some(file) if *file == body.file_id => return done().repeat(),
            Some(_) => return invalid(format!("{what}: leg {leg} has its recording already")),
            None => {}
        }
        if let Some(fault) = self.taken(&body.file_id, leg) {
            return invalid(format!("{what}: {fault}"));
        }
        if let Some(call) = self.communications.get_mut(id) {
            call.recordings.insert(leg.clone(), body.file_id.clone());
            call.updated_at = now();
        }
        done()
    }

    /// Why a file cannot be this leg's: it is another's.
    fn taken(&self, file: &str, leg: &str) -> Option<String> {
        self.iter()
            .flat_map(|call| &call.recordings)
            .find(|(other, taken)| *taken == file && *other != leg)
            .map(|(other, _)| format!("the file {file} is the recording of {other}"))
    }

    /// Why an item's files are not its recording.
    fn recording_fault(&self, known: Option<&Communication>, item: &Item, files: &Files) -> Option<String> {
        let named = match item.recordings.as_slice() {
            [] => return None,
            [named] => named,
            _ => return Some("has more than one recording".to_owned()),
        };
        let NamedFile { id, said } = named;
        if known.and_then(|call| call.recordings.get(&item.id)).is_some_and(|file| file != id) {
            return Some("has another recording already".to_owned());
        }
        match files.get(id) {
            None => Some(format!("names a file {id} that was never uploaded")),
            Some(file) if file.answer != *said => Some(format!("says of the file {id} what its upload did not answer")),
            Some(_) => self.taken(id, &item.id),
        }
    }

    /// `register-call`: the call's last word; `raw` is its body, to know it again by.
    pub fn register(&mut self, body: Registration, mut raw: Value, files: &Files) -> Answer {
        let id = body.call.external_id.clone();
        if let Value::Object(object) = &mut raw {
            // Both name the same call whether or not its client knew the communication's id yet.
            object.remove("communicationId");
            object.insert("externalId".to_owned(), id.as_str().into());
        }
        // Who finds the same call in the history has uploaded the same recordings once more.
        for item in raw.get_mut("items").and_then(Value::as_array_mut).into_iter().flatten() {
            item.as_object_mut().map(|item| item.remove("recordings"));
        }
        let known = self.communications.get(&id);
        if let Some(registered) = known.and_then(|known| known.registered.as_ref()) {
            return if registered.body == raw {
                Answer::json(StatusCode::CONFLICT, "Error".into()).repeat()
            } else {
                error(format!("register-call of {id} differs from the first"))
            };
        }
        if let Some(fault) = self.registration_fault(&body, files) {
            return error(format!("register-call of {id}: {fault}"));
        }
        match known {
            None => self.insert(Communication::new(body.call.communication_id.as_ref(), &id, body.info)),
            Some(known) => {
                let unfinished = known.finished_at.is_none() && !known.told_by_others(&body.items);
                if unfinished && !self.excused.contains(&id) {
                    return error(format!("register-call of {id} before its call-finished"));
                }
            }
        }
        if let Some(call) = self.communications.get_mut(&id) {
            let recordings = body.items.iter().flat_map(|item| item.recordings.iter().map(|file| (&item.id, &file.id)));
            call.recordings.extend(recordings.map(|(leg, file)| (leg.clone(), file.clone())));
            call.registered = Some(Registered { created_at: body.created_at, items: body.items, body: raw });
            call.updated_at = now();
        }
        done()
    }

    /// Why a registration contradicts itself or what was told of its call.
    fn registration_fault(&self, body: &Registration, files: &Files) -> Option<String> {
        let known = self.communications.get(&body.call.external_id);
        if let Some(fault) = self.names_another(known, body.call.communication_id.as_ref(), &body.info) {
            return Some(format!("it {fault}"));
        }
        if known.is_some_and(|known| known.info != body.info) {
            return Some("direction or numbers differ from call-started".to_owned());
        }
        if body.items.is_empty() {
            return Some("it has no items".to_owned());
        }
        let mut seen = BTreeSet::new();
        body.items.iter().find_map(|item| {
            let fault = if !seen.insert(&item.id) {
                "is listed twice".to_owned()
            } else if !item.parties.fit(body.info.direction) {
                format!("has parties that make no {} call", body.info.direction.word())
            } else if let Some(stranger) = stranger(&item.parties) {
                stranger
            } else if let Some(fault) =
                [body.created_at, item.started_at, item.finished_at].into_iter().find_map(implausible)
            {
                fault.to_owned()
            } else if item.started_at < body.created_at || item.finished_at < item.started_at {
                "has times that run backwards".to_owned()
            } else if let Some(fault) = self.recording_fault(known, item, files) {
                fault
            } else {
                self.item_fault(known?, item)?
            };
            Some(format!("item {} {fault}", item.id))
        })
    }

    /// Why an item is none of its call's legs. A call nobody answered is one item under the call's own id.
    fn item_fault(&self, call: &Communication, item: &Item) -> Option<String> {
        match call.leg(&item.id).next() {
            Some(told) if told.parties != item.parties => Some("has other parties than its events".to_owned()),
            Some(told) if told.external_item_id != item.id => Some("is not its leg's externalCallItemId".to_owned()),
            Some(_) => None,
            None if self.excused.contains(&call.external_id) => None,
            None if call.finished_at.is_none() && call.told_by_others(std::slice::from_ref(item)) => None,
            None if item.id != call.external_id => Some("is no leg that appeared".to_owned()),
            None if item.parties.user_ids().next().is_some() => {
                Some("names a user, but nobody's leg appeared".to_owned())
            }
            None => None,
        }
    }
}
