//! The verdict: whether the CRM holds exactly what the exchanges did.

mod session;

use serde_json::{Value, json};

use crate::clock::now;
use crate::data::{Entity, TRUNK_NUMBER};
use crate::kontur::body::{EventType, Party};
use crate::kontur::book::{Called, Communication, Registered};
use crate::kontur::files::digest;
use crate::phonet::call::{Call, Direction};
use crate::phonet::recording::audio;
use crate::world::World;

/// In milliseconds: after which an accepted dial that came to nothing should have been told as failed.
const FAILURE_DUE: i64 = 90 * 1000;

/// `{"ok", "problems"}`: every violation, and every ended call the CRM does not hold as it was, with `recordings` also
/// every conversation whose recording it lacks. Live calls are no problem.
pub(crate) fn verdict(world: &World, recordings: bool) -> Value {
    let mut problems: Vec<String> = world
        .ledger
        .entries()
        .iter()
        .flat_map(|entry| {
            entry.violations.iter().map(move |violation| {
                format!("#{} {} {} {}: {violation}", entry.seq, entry.service.name(), entry.method, entry.path)
            })
        })
        .collect();
    for call in ended(world) {
        judge_call(world, call, &mut problems);
        if recordings && lacks_recording(world, call) {
            problems.push(format!("{}: its recording is not in the CRM", call.uuid));
        }
    }
    for session in world.uis.sessions.iter() {
        session::judge(world, session, &mut problems);
    }
    problems.extend(world.crm.book.called().filter_map(|called| judge_called(world, called)));
    for communication in world.crm.book.iter() {
        let id = &communication.external_id;
        let known = world.exchange.call(id).is_some() || world.uis.sessions.by_uuid(id).is_some();
        if !known && !world.exchange.injected(id) {
            problems.push(format!("{id}: in the CRM, but the exchange had no such call"));
        }
    }
    json!({ "ok": problems.is_empty(), "problems": problems })
}

/// Whether the CRM has every ended call that is owed, with `recordings` also their recordings.
pub(crate) fn delivered(world: &World, recordings: bool) -> bool {
    let registered = |id: &str| world.crm.book.get(id).is_some_and(|known| known.registered.is_some());
    let calls = ended(world)
        .all(|call| (!call.owed() || registered(&call.uuid)) && !(recordings && lacks_recording(world, call)));
    calls && world.uis.sessions.iter().all(|session| !session.owed() || registered(&session.uuid()))
}

/// The ended calls, each as a whole.
fn ended(world: &World) -> impl Iterator<Item = &Call> {
    world.exchange.calls().iter().filter(|call| call.parent.is_none() && !call.live())
}

/// The conversation itself: the answered leg, or the call as a whole where nobody answered.
fn talk<'a>(world: &'a World, call: &'a Call) -> &'a Call {
    world.exchange.legs(&call.uuid).find(|leg| leg.bridge_at.is_some()).unwrap_or(call)
}

fn lacks_recording(world: &World, call: &Call) -> bool {
    let talk = talk(world, call);
    let held = || world.crm.book.get(&call.uuid).is_some_and(|known| known.recordings.contains_key(&talk.uuid));
    call.owed() && talk.recording.is_some() && !held()
}

/// A call that the integration took from the CRM must come to be that communication, or to have failed.
fn judge_called(world: &World, called: &Called) -> Option<String> {
    let Called { id, from, info, at, .. } = called;
    if !called.is_owed() {
        return None;
    }
    let of_it = |call: &&Call| {
        call.direction.word() == info.direction.word()
            && call.number == info.client_phone
            && call.leg.user_id == Some(from)
            && call.dial_at >= *at
    };
    match ended(world).find(of_it) {
        Some(call) => Some(format!("{}: the CRM was not told that it is the communication {id}", call.uuid)),
        None if now() - at > FAILURE_DUE => Some(format!("{id}: the integration took it, but nothing was told of it")),
        None => None,
    }
}

/// Whether a time was told as the exchange tells it, or, where that would run backwards, as the time `before` it.
fn follows(told: i64, truths: &[i64], before: i64) -> bool {
    truths.iter().any(|truth| told == before.max(*truth))
}

/// One ended call of the exchange against its communication.
fn judge_call(world: &World, call: &Call, problems: &mut Vec<String>) {
    let id = &call.uuid;
    let mut problem = |text: String| problems.push(format!("{id}: {text}"));
    let Some(communication) = world.crm.book.get(id) else {
        if call.owed() {
            problem("ended, but was never registered in the CRM".to_owned());
        }
        return;
    };
    let talk = talk(world, call);
    // Who only registers it from the history does not know that another member's browser began it.
    let finishes = communication.registered.is_none() || !talk.end_heard_by.is_empty();
    if call.owed() && finishes && communication.started_at.is_some() && communication.finished_at.is_none() {
        problem("ended, but its communication was never finished".to_owned());
    }
    let truths = dial_times(world, call);
    if let Some(told) = communication.started_at.filter(|told| !truths.contains(told)) {
        problem(format!("call-started at {told}, the exchange says {truths:?}"));
    }
    let truths = talk.end_times();
    if let Some(told) = communication.finished_at.filter(|told| !truths.contains(told)) {
        problem(format!("call-finished at {told}, the exchange says {truths:?}"));
    }
    for leg in communication.leg_ids() {
        let ended = |kind| matches!(kind, EventType::Disconnected | EventType::Finished);
        if !communication.leg(leg).next_back().is_some_and(|event| ended(event.kind)) {
            problem(format!("ended, but its leg {leg} was never disconnected"));
        }
        judge_events(world, communication, leg, &mut problem);
    }
    for (leg, file) in &communication.recordings {
        if !is_recording(world, leg, file) {
            problem(format!("its leg {leg} has another recording than its own"));
        }
    }
    match &communication.registered {
        None if call.owed() => problem("ended, but was never registered in the CRM".to_owned()),
        None => {}
        Some(registered) => judge_registration(world, call, communication, registered, &mut problem),
    }
}

/// When the call began, as a client can know it: who hears only a member's leg of it knows only that.
fn dial_times(world: &World, call: &Call) -> Vec<i64> {
    [call].into_iter().chain(world.exchange.legs(&call.uuid)).flat_map(Call::dial_times).collect()
}

/// A leg's events against the exchange's times.
fn judge_events(world: &World, communication: &Communication, leg: &str, problem: &mut impl FnMut(String)) {
    let Some(call) = world.exchange.call(leg) else {
        if !world.exchange.injected(leg) {
            problem(format!("the CRM was told of a leg {leg} the exchange never had"));
        }
        return;
    };
    let mut before = communication.started_at.unwrap_or(i64::MIN);
    for event in communication.leg(leg) {
        let truths = match event.kind {
            EventType::Appeared => call.dial_times(),
            EventType::Connected => call.bridge_times(),
            EventType::Disconnected => call.end_times(),
            // It tells of no hold.
            EventType::Paused => Vec::new(),
            EventType::Finished => continue,
        };
        if !follows(event.timestamp, &truths, before) {
            let (kind, told) = (event.kind.word(), event.timestamp);
            problem(format!("leg {leg} {kind} at {told}, the exchange says {truths:?}"));
        }
        before = event.timestamp;
    }
}

/// Whether an uploaded file is the exchange's recording of this leg.
fn is_recording(world: &World, leg: &str, file: &str) -> bool {
    let recording = world.exchange.call(leg).and_then(|call| call.recording);
    match (recording, world.crm.files.get(file)) {
        (Some(recording), Some(file)) => file.digest == digest(&audio(leg, recording.bytes)),
        _ => false,
    }
}

/// What was registered against what was.
fn judge_registration(
    world: &World,
    call: &Call,
    communication: &Communication,
    registered: &Registered,
    problem: &mut impl FnMut(String),
) {
    let info = &communication.info;
    if info.direction.word() != call.direction.word() {
        problem(format!("registered as {}, was {}", info.direction.word(), call.direction.word()));
    }
    if info.client_phone != call.number {
        problem("registered with another clientPhone than the client's".to_owned());
    }
    if info.vats_phone.as_deref().is_some_and(|number| number != TRUNK_NUMBER) {
        problem("registered with another externalVatsPhone than the line's".to_owned());
    }
    let created = registered.created_at;
    let truths = dial_times(world, call);
    if !truths.contains(&created) {
        problem(format!("externalCreatedAt {created}, the exchange says {truths:?}"));
    }
    let [item] = registered.items.as_slice() else {
        problem(format!("registered with {} items, had one conversation", registered.items.len()));
        return;
    };
    let talk = talk(world, call);
    if item.id != talk.uuid {
        problem(format!("registered item {}, the conversation was {}", item.id, talk.uuid));
    }
    let started = if talk.bridge_at.is_some() { talk.bridge_times() } else { dial_times(world, call) };
    let connected = communication.leg(&item.id).find(|event| event.kind == EventType::Connected);
    let told = connected.is_some_and(|event| event.timestamp == item.started_at);
    if !told && !follows(item.started_at, &started, created) {
        problem(format!("item startedAt {}, the exchange says {started:?}", item.started_at));
    }
    let ended = talk.end_times();
    if !ended.contains(&item.finished_at) {
        problem(format!("item finishedAt {}, the exchange says {ended:?}", item.finished_at));
    }
    let (from, to) = match talk.direction {
        Direction::Inbound => (None, Some(talk.leg)),
        Direction::Outbound => (Some(talk.leg), None),
        Direction::Internal => (Some(talk.leg), talk.leg2),
    };
    for (said, truth) in [(&item.parties.from, from), (&item.parties.to, to)] {
        if is_other(said, truth) {
            problem(format!("item {} names another user than the one who talked", item.id));
        }
    }
}

/// Whether a party names a user who was not there; to name nobody is allowed.
fn is_other(said: &Party, truth: Option<&Entity>) -> bool {
    said.user_id.is_some() && said.user_id.as_deref() != truth.and_then(|user| user.user_id)
}
