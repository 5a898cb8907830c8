//! A call through UIS against what the CRM was told of it. Its client learns of it by asking now and then, so a time may be that
//! of any answer that spoke of it; it may be rounded down to a second, for that is how an answer's `Date` tells it.

use crate::kontur::body::{Direction, EventType, Parties};
use crate::kontur::book::{Communication, Registered};
use crate::uis::session::Session;
use crate::world::World;

/// What a `Date` header leaves out, in milliseconds; the exchange's own clock may run ahead by a few.
const ROUNDED: i64 = 1050;
/// From an answer's leaving to its being read.
const ON_ITS_WAY: i64 = 2000;

/// One call against its communication. A live one must not have been ended.
pub(super) fn judge(world: &World, session: &Session, problems: &mut Vec<String>) {
    let id = session.uuid();
    let mut problem = |text: &str| problems.push(format!("{id}: {text}"));
    let Some(communication) = world.crm.book.get(&id) else {
        if session.owed() {
            problem("ended, but was never registered in the CRM");
        }
        return;
    };
    let Communication { info, started_at, finished_at, registered, recordings, .. } = communication;
    if info.direction != Direction::Outbound {
        problem("told as another than an outbound call");
    }
    if info.client_phone.as_ref() != Some(&session.order.contact) {
        problem("told with another clientPhone than the client's");
    }
    if info.vats_phone.as_ref().is_some_and(|number| *number != session.order.virtual_number) {
        problem("told with another externalVatsPhone than the virtual number");
    }
    if !recordings.is_empty() {
        problem("has a recording, but the exchange hands none out");
    }
    let times = Times { told_at: world.uis.sessions.told_at() };
    if started_at.is_some_and(|told| !times.tell(told, Some(session.created_at))) {
        problem("call-started at another time than its start");
    }
    if finished_at.is_some_and(|told| !times.tell(told, session.ended_at)) {
        problem("call-finished at another time than its end");
    }
    if communication.leg_ids().into_iter().any(|leg| leg != id) {
        problem("told with another leg than its own");
    }
    let mut was_connected = false;
    for event in &communication.events {
        let (what, truths) = match event.kind {
            EventType::Appeared => ("appeared", vec![session.created_at]),
            EventType::Connected if was_connected => ("connected again", session.resumed_at.clone()),
            EventType::Connected => ("connected", Vec::from_iter(session.talked_at)),
            EventType::Paused => ("paused", session.held_at.clone()),
            EventType::Disconnected => ("disconnected", Vec::from_iter(session.ended_at)),
            EventType::Finished => continue,
        };
        was_connected |= event.kind == EventType::Connected;
        if !truths.into_iter().any(|truth| times.tell(event.timestamp, Some(truth))) {
            problem(&format!("{what} at a time when it was not"));
        }
        judge_parties(session, &event.parties, &mut problem);
    }
    if session.live() {
        return;
    }
    let last = communication.leg(&id).next_back().map(|event| event.kind);
    if last.is_some_and(|kind| !matches!(kind, EventType::Disconnected | EventType::Finished)) {
        problem("ended, but its leg was never disconnected");
    }
    match registered {
        None if session.owed() => problem("ended, but was never registered in the CRM"),
        None => {}
        Some(registered) => judge_registration(session, communication, registered, &times, &mut problem),
    }
}

/// When its client may have learned of what.
struct Times<'a> {
    told_at: &'a [i64],
}

impl Times<'_> {
    /// Whether something that was true from `truth` on may have been noticed at `told`.
    fn tell(&self, told: i64, truth: Option<i64>) -> bool {
        let near = |at: i64| (at - ROUNDED..=at + ON_ITS_WAY).contains(&told);
        truth.is_some_and(|truth| near(truth) || self.told_at.iter().any(|at| *at >= truth && near(*at)))
    }
}

/// The operator calls the client; where the exchange knows who the operator is, nobody else does.
fn judge_parties(session: &Session, parties: &Parties, problem: &mut impl FnMut(&str)) {
    if let Some(employee) = session.employee()
        && parties.from.user_id.is_some()
        && parties.from.user_id.as_deref() != employee.user_id
    {
        problem("told of another user than the one who called");
    }
}

fn judge_registration(
    session: &Session,
    communication: &Communication,
    registered: &Registered,
    times: &Times<'_>,
    problem: &mut impl FnMut(&str),
) {
    if communication.started_at.is_some() && communication.finished_at.is_none() {
        problem("registered, but its communication was never finished");
    }
    if !times.tell(registered.created_at, Some(session.created_at)) {
        problem("externalCreatedAt is another time than its start");
    }
    let [item] = registered.items.as_slice() else {
        problem("registered with several items, had one leg");
        return;
    };
    if item.id != session.uuid() {
        problem("registered with another leg than its own");
    }
    judge_parties(session, &item.parties, problem);
    // Who only asks now and then may have missed a short talk.
    let connected = communication.events.iter().any(|event| event.kind == EventType::Connected);
    let began = if connected { session.talked_at } else { Some(session.created_at) };
    if !times.tell(item.started_at, began) {
        problem("its item's startedAt is another time than the talk's beginning");
    }
    if !times.tell(item.finished_at, session.ended_at) {
        problem("its item's finishedAt is another time than its end");
    }
}

#[cfg(test)]
mod tests {
    use super::Times;

    #[test]
    fn a_time_is_the_truth_or_that_of_an_answer_since() {
        let times = Times { told_at: &[10_000, 60_000] };
        for (told, truth, right) in [
            (30_000, Some(30_000), true),
            (29_000, Some(30_000), true),
            (31_500, Some(30_000), true),
            (59_000, Some(30_000), true),
            (61_000, Some(30_000), true),
            (10_000, Some(30_000), false),
            (27_000, Some(30_000), false),
            (40_000, Some(30_000), false),
            (70_000, Some(30_000), false),
            (60_000, None, false),
        ] {
            assert_eq!(times.tell(told, truth), right, "{told} of {truth:?}");
        }
    }
}
