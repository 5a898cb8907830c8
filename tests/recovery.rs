//! What must not be lost, whatever was missed or fails: the history, the recordings, the truth about the connection.
#![cfg(not(target_arch = "wasm32"))]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod model;

use model::{
    Death, START, World, document, event,
    exchange::{Leg, Side},
    page,
};
use serde_json::{Value, json};
use trubka::{
    Millis,
    core::io::Input,
    problem::Code,
    protocol::{DeliveryState, DialPhase, LinkState, Message, Request, Sender},
    settings::Settings,
};

fn at(seconds: i64) -> Millis {
    START + Millis::secs(seconds)
}

fn time(seconds: i64) -> Value {
    at(seconds).to_rfc3339().into()
}

/// A client's call to Anna that rings at once, is answered and ends; its recording is ready when the call is over.
fn talk(uuid: &str, from: i64, to: i64) -> Leg {
    Leg {
        uuid: uuid.to_owned(),
        parent: None,
        direction: 4,
        side: Side::User("001"),
        callee: None,
        number: Some("79161234567".to_owned()),
        is_told: true,
        dial_at: at(from),
        answer_at: Some(at(from + 5)),
        over_at: at(to),
        rang: false,
        bridged_at: None,
        ended_at: None,
        lag: Millis(0),
        rounding: 500,
        recorded_after: Some(Millis(0)),
    }
}

/// A browser that is closed for so long.
fn closed_for(minutes: i64) -> Death {
    Death { of_browser: true, pause: Millis::mins(minutes) }
}

/// What the CRM was told, by method.
fn told(world: &World) -> Vec<&str> {
    world.crm.requests.iter().map(|(method, _)| method.as_str()).collect()
}

fn clean(world: &World) {
    assert_eq!(world.crm.violations, Vec::<String>::new());
    assert_eq!(world.violations, Vec::<String>::new());
}

fn with(kontur: &[(&str, Value)]) -> Settings {
    let mut document = document();
    for (key, value) in kontur {
        document["kontur"][*key] = value.clone();
    }
    Settings::default().replaced_by(&document.to_string()).unwrap()
}

#[test]
fn a_call_that_nobody_heard_is_registered_from_the_history_with_its_recording() {
    let mut world = World::live(1);
    world.plan(talk("u1", 60, 90));
    world.die(closed_for(10));
    world.run_for(Millis::mins(15));
    assert_eq!(told(&world), ["register-call"]);
    let registered = &world.crm.requests[0].1;
    assert_eq!(registered["externalCreatedAt"], time(60));
    assert_eq!(registered["items"][0]["startedAt"], time(65));
    assert_eq!(registered["items"][0]["finishedAt"], time(90));
    assert_eq!(registered["items"][0]["recordings"][0]["contentType"], "audio/mpeg");
    assert!(world.view.calls.is_empty(), "no card for what was over long ago");
    assert_eq!(world.status.as_ref().unwrap().recent[0].recording.state, DeliveryState::Delivered);
    world.run_for(Millis::hours(2));
    assert_eq!(told(&world).len(), 1, "and never again");
    clean(&world);
}

#[test]
fn a_dial_is_not_taken_for_an_older_call_that_the_history_tells_of() {
    let mut world = World::live(1);
    // From the desk phone, while the browser was closed.
    world.plan(Leg { direction: 2, ..talk("u1", 60, 90) });
    world.die(closed_for(10));
    world.run_for(Millis::mins(10));
    // As soon as the socket is there: the history is read after that.
    while world.view.link.state != LinkState::Live {
        world.run_for(Millis(20));
    }
    assert!(world.crm.calls.is_empty());
    world.dial("k1", "+79161234567");
    while !world.crm.calls.contains_key("u1") {
        world.run_for(Millis(20));
    }
    let dial = &world.view.dials[0];
    assert_eq!((dial.phase, dial.call.as_deref()), (DialPhase::Dialling, None));
    clean(&world);
}

#[test]
fn many_missed_calls_are_walked_page_by_page_through_a_death() {
    let mut world = World::live(2);
    for call in 0..130 {
        world.plan(talk(&format!("u{call}"), 60 + call * 60, 90 + call * 60));
    }
    world.die(closed_for(150));
    world.run_for(Millis::mins(150) + Millis::secs(2));
    world.crash();
    world.run_for(Millis::mins(60));
    assert_eq!(world.crm.calls.len(), 130);
    assert!(world.crm.calls.values().all(|call| call.registered.is_some() && call.started.is_none()));
    let state = world.store.state.as_ref().unwrap().reveal().len();
    assert!(state < 60_000, "beyond the newest fifty only names are kept: {state} bytes");
    clean(&world);
}

#[test]
fn the_recording_of_a_call_just_ended_comes_later() {
    let mut world = World::live(3);
    world.plan(Leg { recorded_after: Some(Millis::mins(3)), ..talk("u1", 10, 60) });
    world.run_for(Millis::mins(2));
    assert_eq!(told(&world).last(), Some(&"register-call"), "the call does not wait for it");
    assert_eq!(world.status.as_ref().unwrap().recent[0].recording.state, DeliveryState::Waiting);
    world.run_for(Millis::hours(1));
    let (method, body) = world.crm.requests.last().unwrap();
    assert_eq!(method, "call-recording");
    assert_eq!(body["externalId"], "u1");
    assert_eq!(body["realtimeCallItemId"], "u1");
    assert_eq!(world.crm.calls["u1"].recordings["u1"].len(), 1);
    assert_eq!(world.status.as_ref().unwrap().recent[0].recording.state, DeliveryState::Delivered);
    clean(&world);
}

#[test]
fn recordings_can_be_switched_off() {
    let mut world = World::new(4, with(&[("recordings", false.into())]));
    world.run_for(Millis::secs(5));
    world.plan(talk("u1", 10, 60));
    world.run_for(Millis::hours(1));
    assert_eq!(told(&world).last(), Some(&"register-call"));
    assert!(!world.exchange.requests.iter().any(|path| path.contains("audio")));
    clean(&world);
}

#[test]
fn a_call_that_was_never_recorded_is_looked_for_for_a_day() {
    let mut world = World::live(5);
    world.plan(Leg { recorded_after: None, ..talk("u1", 10, 60) });
    world.run_for(Millis::hours(29));
    let asked = world.exchange.requests.iter().filter(|path| path.contains("audio")).count();
    assert!((8..60).contains(&asked), "{asked}");
    assert_eq!(world.status.as_ref().unwrap().recent[0].recording.state, DeliveryState::None);
    world.run_for(Millis::hours(8));
    assert_eq!(world.exchange.requests.iter().filter(|path| path.contains("audio")).count(), asked);
    clean(&world);
}

#[test]
fn hanging_up_says_what_came_of_it() {
    let mut world = World::live(6);
    let hang_up = |world: &mut World| {
        let ask = world.ask(page(), Request::HangUp { call: "u1".to_owned() });
        world.run_for(Millis::secs(20));
        match world.replies.remove(&ask) {
            Some(Message::HungUp { problem, .. }) => problem.map(|problem| problem.code),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(hang_up(&mut world), Some(Code::HangUpOver), "there is none");
    world.plan(talk("u1", 30, 600));
    world.run_for(Millis::secs(20));
    assert!(world.view.calls[0].can_hang_up);
    world.exchange.unreachable = true;
    assert_eq!(hang_up(&mut world), Some(Code::PhonetUnreachable));
    world.exchange.unreachable = false;
    world.run_for(Millis::secs(30));
    assert_eq!(hang_up(&mut world), None);
    assert!(world.exchange.legs["u1"].ended_at.is_some());
    assert_eq!(hang_up(&mut world), Some(Code::HangUpOver));
    clean(&world);
}

#[test]
fn a_call_that_the_crm_asked_for_and_that_fails_is_told_so() {
    let mut world = World::new(7, model::read(&model::with_relay()));
    world.run_for(Millis::secs(5));
    let call = |world: &mut World, communication: &str, number: &str| {
        world.system_call(communication, number);
        world.run_for(Millis::secs(2));
    };
    call(&mut world, "c1", "no number");
    call(&mut world, "c1", "no number");
    assert_eq!(told(&world), ["call-failed"], "once");
    assert_eq!(world.crm.requests[0].1, json!({ "communicationId": "c1" }));

    world.exchange.silent = true;
    call(&mut world, "c2", "79161234567");
    world.raw_frame(r#"{"event":"error","message":"занято"}"#);
    world.run_for(Millis::secs(2));
    assert_eq!(world.crm.requests.last().unwrap().1, json!({ "communicationId": "c2" }));

    call(&mut world, "c3", "79161234567");
    call(&mut world, "c3", "79161234567");
    assert_eq!(world.dialled.len(), 2, "one CALL never rings twice");
    world.frame(&event("call.dial", "u1", 2, world.now, &json!({})));
    world.run_for(Millis::secs(2));
    let (method, started) = &world.crm.requests[2];
    assert_eq!((method.as_str(), &started["communicationId"]), ("call-started", &json!("c3")));
    assert_eq!(told(&world).iter().filter(|method| **method == "call-failed").count(), 2);
}

#[test]
fn a_newer_version_starts_when_nothing_is_going_on() {
    let mut world = World::live(8);
    world.plan(talk("u1", 10, 60));
    world.run_for(Millis::secs(20));
    world.input(Input::UpdateAvailable);
    world.run_for(Millis::secs(20));
    assert_eq!(world.exchange.opened, 1, "not in a call");
    world.run_for(Millis::mins(2));
    assert_eq!(world.exchange.opened, 2, "started anew");
    clean(&world);
}

#[test]
fn the_log_tells_what_happened_and_nobodys_number_name_or_key() {
    let mut world = World::live(9);
    world.plan(talk("u1", 10, 60));
    world.dial("key-1", "+79167654321");
    world.run_for(Millis::mins(3));
    world.crash();
    world.run_for(Millis::secs(5));
    let ask = world.ask(Sender::Extension, Request::ExportLog);
    let Some(Message::Log { text }) = world.replies.remove(&ask) else { panic!() };
    for what in ["exchange: call.dial u1", "crm: register-call u1 200", "dial: sent", "recording: uploaded"] {
        assert!(text.contains(what), "{what} is missing in\n{text}");
    }
    assert_eq!(text.matches("started: ").count(), 2, "it outlives the worker\n{text}");
    for secret in ["7916", "Пётр", "phonet-key", "kontur-key", "access-"] {
        assert!(!text.contains(secret), "{secret}\n{text}");
    }
    let ask = world.ask(page(), Request::ExportLog);
    assert!(matches!(world.replies.remove(&ask), Some(Message::Refused { .. })), "not for a page");
}

#[test]
fn a_connection_that_died_unnoticed_is_told_of_within_half_a_minute() {
    let mut world = World::live(10);
    world.run_for(Millis::mins(3));
    world.exchange.half_open = true;
    world.exchange.unreachable = true;
    world.exchange.swallows = true;
    world.run_for(Millis::secs(30));
    assert_eq!(world.view.link.state, LinkState::Reconnecting);
    assert_eq!(world.dial("key-1", "+79161234567").phase, DialPhase::Failed, "no surprise call later");
}

#[test]
fn a_key_revoked_while_connected_is_told_of_within_half_a_minute() {
    let mut world = World::live(11);
    world.run_for(Millis::mins(3));
    world.exchange.refuses_key = true;
    world.run_for(Millis::secs(30));
    assert_eq!(world.view.link.state, LinkState::Refused);
    assert_eq!(world.view.link.problem.as_ref().unwrap().code, Code::PhonetKeyRefused);
    world.exchange.refuses_key = false;
    world.run_for(Millis::mins(6));
    assert_eq!(world.view.link.state, LinkState::Live);
}

#[test]
fn a_network_that_asks_to_log_in_is_no_exchange() {
    let mut world = World::live(12);
    world.run_for(Millis::mins(3));
    world.troubles.push(model::Trouble {
        service: model::Service::Exchange,
        fault: model::Fault::Html,
        until: world.now + Millis::mins(5),
        percent: 100,
    });
    world.exchange.swallows = true;
    world.run_for(Millis::secs(30));
    assert_eq!(world.view.link.state, LinkState::Reconnecting);
    assert_eq!(world.view.link.problem.as_ref().unwrap().code, Code::PhonetUnexpectedAnswer);
}

#[test]
fn a_clock_that_is_set_back_stops_nothing() {
    let mut world = World::live(13);
    world.run_for(Millis::mins(1));
    world.ahead = Millis::hours(-3);
    world.input(Input::Wake);
    let opened = world.exchange.opened;
    world.exchange.half_open = true;
    world.exchange.unreachable = true;
    world.run_for(Millis::secs(30));
    assert_eq!(world.view.link.state, LinkState::Reconnecting);
    world.exchange.unreachable = false;
    world.run_for(Millis::mins(2));
    assert_eq!(world.exchange.opened, opened + 1);
    world.crm.faults = vec![503, 503];
    world.plan(talk("u1", 300, 330));
    world.run_for(Millis::mins(10));
    assert!(world.crm.calls["u1"].registered.is_some());
    clean(&world);
}

#[test]
fn a_missed_group_call_is_registered_by_the_workstation_that_should() {
    let group = |world: &World| {
        json!({ "uuid": "g1", "parentUuid": null, "endAt": (world.now + Millis::secs(60)).0, "lgDirection": 4,
            "leg": { "type": 2, "ext": "900" }, "otherLegNum": "+79161234567", "billSecs": 0, "duration": 20, "disposition": 1 })
    };
    let mut world = World::live(14);
    world.exchange.history = vec![group(&world)];
    world.run_for(Millis::mins(30));
    assert!(world.crm.calls.is_empty(), "somebody else's matter");

    let mut world = World::new(14, with(&[("missedCalls", true.into())]));
    world.run_for(Millis::secs(5));
    world.exchange.history = vec![group(&world)];
    world.run_for(Millis::mins(30));
    assert_eq!(told(&world), ["register-call"]);
    assert_eq!(world.crm.calls["g1"].registered.as_ref().unwrap()["items"][0]["to"], json!({ "type": "user" }));
    clean(&world);
}

#[test]
fn a_leg_that_nobody_knows_any_more_is_given_up_after_a_day() {
    let mut world = World::live(15);
    world.frame(&event("call.dial", "u1", 4, world.now, &json!({})));
    world.run_for(Millis::hours(23));
    assert_eq!(world.status.as_ref().unwrap().current.len(), 1);
    world.run_for(Millis::hours(2));
    assert!(world.status.as_ref().unwrap().current.is_empty());
    assert_eq!(world.crm.calls["u1"].registered, None, "nothing is invented");
}

#[test]
fn what_an_earlier_version_stored_is_read() {
    let mut world = World::live(16);
    world.die(closed_for(1));
    // As 0.1.0 wrote it.
    let call = json!({ "id": "u1", "direction": "inbound", "client": { "number": "+79161234567", "name": null, "company": null },
        "colleague": null, "numberShown": "+7 916 123-45-67", "line": null, "lineShown": null, "startedAt": world.now.0,
        "entity": null, "legs": [{ "uuid": "u1", "distributed": false, "from": { "type": "client" }, "to": { "type": "user" },
        "dialAt": world.now.0, "bridgeAt": null, "endAt": null, "heardAt": world.now.0 }], "told": true, "registered": [],
        "lastAt": world.now.0, "closedAt": null, "endedAt": null, "communication": "communication-of-u1",
        "links": { "contactIds": [], "companyIds": [], "dealIds": [] } });
    let state = json!({ "version": 1, "calls": { "live": [call], "ended": [] },
        "dials": [{ "key": "k", "number": "+79161234567", "askedAt": world.now.0, "state": "accepted" }], "away": true });
    world.store.state = Some(state.to_string().as_str().into());
    world.run_for(Millis::mins(2));
    let status = world.status.as_ref().unwrap();
    assert_eq!(status.current[0].id, "u1");
    assert_eq!(status.away, Some(true));
    world.frame(&event("call.hangup", "u1", 4, world.now, &json!({})));
    world.run_for(Millis::secs(5));
    let methods = told(&world);
    assert_eq!(methods, ["call-event", "call-finished", "register-call"]);
}

#[test]
fn all_that_waits_or_was_refused_can_be_sent_at_once() {
    let mut world = World::live(17);
    world.crm.faults = vec![400, 400, 400, 400, 400];
    world.frame(&event("call.dial", "u1", 4, world.now, &json!({})));
    world.frame(&event("call.hangup", "u1", 4, world.now, &json!({})));
    world.run_for(Millis::secs(10));
    assert_eq!(world.status.as_ref().unwrap().failed, 1, "one call, five requests");
    let ask = world.ask(Sender::Extension, Request::RetryAll);
    assert!(matches!(world.replies.remove(&ask), Some(Message::Status(_))));
    world.run_for(Millis::secs(10));
    assert_eq!(world.status.as_ref().unwrap().failed, 0);
    assert!(world.crm.calls["u1"].registered.is_some());
}
