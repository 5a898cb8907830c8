//! The verdict: whether the CRM holds exactly what the exchange did.

use serde_json::{Value, json};

use crate::data::{Entity, TRUNK_NUMBER};
use crate::kontur::body::{EventType, Party};
use crate::kontur::book::{Communication, Registered};
use crate::phonet::call::{Call, Direction};
use crate::world::World;

/// History is told in whole seconds: what a browser did not hear live may be off by this much.
const HISTORY_PRECISION: i64 = 1000;

/// `{"ok", "problems"}`: every violation, and every ended call the CRM does not hold as it was. Live calls are no problem.
pub(crate) fn verdict(world: &World) -> Value {
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
    for call in world.exchange.calls().iter().filter(|call| call.parent.is_none() && !call.live()) {
        judge_call(world, call, &mut problems);
    }
    for communication in world.crm.book.iter() {
        let id = &communication.external_id;
        if world.exchange.call(id).is_none() && !world.exchange.injected(id) {
            problems.push(format!("{id}: in the CRM, but the exchange had no such call"));
        }
    }
    json!({ "ok": problems.is_empty(), "problems": problems })
}

/// One ended call of the exchange against its communication.
fn judge_call(world: &World, call: &Call, problems: &mut Vec<String>) {
    let id = &call.uuid;
    let mut problem = |text: String| problems.push(format!("{id}: {text}"));
    let Some(communication) = world.crm.book.get(id) else {
        if call.owed {
            problem("ended, but was never registered in the CRM".to_owned());
        }
        return;
    };
    if communication.started_at.is_some() && communication.finished_at.is_none() {
        problem("ended, but its communication was never finished".to_owned());
    }
    let (talk, tolerance) = talk(world, call);
    let bounds = [
        ("started", communication.started_at, Some(call.dial_at)),
        ("finished", communication.finished_at, talk.end_at),
    ];
    for (what, told, truth) in bounds {
        if let (Some(told), Some(truth)) = (told, truth.map(|at| call.told(at)))
            && (told - truth).abs() > tolerance
        {
            problem(format!("call-{what} at {told}, the exchange says {truth}"));
        }
    }
    for leg in communication.leg_ids() {
        let ended = |kind| matches!(kind, EventType::Disconnected | EventType::Finished);
        if !communication.leg(leg).next_back().is_some_and(|event| ended(event.kind)) {
            problem(format!("ended, but its leg {leg} was never disconnected"));
        }
        judge_events(world, communication, leg, &mut problem);
    }
    match &communication.registered {
        None if call.owed => problem("ended, but was never registered in the CRM".to_owned()),
        None => {}
        Some(registered) => judge_registration(world, call, communication, registered, &mut problem),
    }
}

/// The conversation itself, and how exactly its times must be known: it is the answered leg, or the call as a whole
/// where nobody answered.
fn talk<'a>(world: &'a World, call: &'a Call) -> (&'a Call, i64) {
    let talk = world.exchange.legs(&call.uuid).find(|leg| leg.bridge_at.is_some()).unwrap_or(call);
    (talk, if call.heard && talk.heard { 0 } else { HISTORY_PRECISION })
}

/// A leg's events against the exchange's times.
fn judge_events(world: &World, communication: &Communication, leg: &str, problem: &mut impl FnMut(String)) {
    let Some(call) = world.exchange.call(leg) else {
        if !world.exchange.injected(leg) {
            problem(format!("the CRM was told of a leg {leg} the exchange never had"));
        }
        return;
    };
    let tolerance = if call.heard { 0 } else { HISTORY_PRECISION };
    for event in communication.leg(leg) {
        let true_time = match event.kind {
            EventType::Appeared => Some(call.dial_at),
            EventType::Connected => call.bridge_at,
            EventType::Disconnected => call.end_at,
            EventType::Paused | EventType::Finished => continue,
        };
        let told = true_time.map(|at| call.told(at));
        if told.is_none_or(|told| (told - event.timestamp).abs() > tolerance) {
            problem(format!(
                "leg {leg} {} at {}, the exchange says {}",
                event.kind.word(),
                event.timestamp,
                told.map_or("never".to_owned(), |told| told.to_string()),
            ));
        }
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
    let (talk, tolerance) = talk(world, call);
    let differs = |told: i64, truth: i64| (told - talk.told(truth)).abs() > tolerance;
    if differs(registered.created_at, call.dial_at) {
        problem(format!("externalCreatedAt {}, the exchange dialled at {}", registered.created_at, call.dial_at));
    }
    let [item] = registered.items.as_slice() else {
        problem(format!("registered with {} items, had one conversation", registered.items.len()));
        return;
    };
    if item.id != talk.uuid {
        problem(format!("registered item {}, the conversation was {}", item.id, talk.uuid));
    }
    let started = talk.bridge_at.unwrap_or(talk.dial_at);
    if differs(item.started_at, started) {
        problem(format!("item startedAt {}, the exchange says {started}", item.started_at));
    }
    if let Some(ended) = talk.end_at.filter(|ended| differs(item.finished_at, *ended)) {
        problem(format!("item finishedAt {}, the exchange says {ended}", item.finished_at));
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
