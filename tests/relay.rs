//! The relay's commands and what it hands out, in virtual time: one CALL never rings twice, and what is answered is true.

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
    ANNA, BORIS, Death, START, World, event, page, read,
    relay::{EXPIRY, HOST},
    uis::Dial,
    with_relay,
};
use serde_json::{Value, json};
use trubka::{
    Millis,
    core::io::Input,
    problem::Code,
    protocol::{CallPhase, CheckState, CheckStep, DialPhase, LinkState, LinkView, Message, Request, Sender, TextItem},
    relay::LONGEST_NAME,
};

const DIGITS: &str = "79161234567";
const CORE: Death = Death { of_browser: false, pause: Millis(0) };

/// A world that has come up with its relay.
fn live(seed: u64) -> World {
    live_with(seed, &with_relay())
}

fn live_with(seed: u64, document: &Value) -> World {
    let mut world = World::new(seed, read(document));
    world.run_for(Millis::secs(5));
    assert_eq!(state(&world), LinkState::Live);
    world
}

fn relay(world: &World) -> LinkView {
    *world.status.as_ref().unwrap().relay.clone().unwrap()
}

fn state(world: &World) -> LinkState {
    relay(world).state
}

fn problem(world: &World) -> Code {
    relay(world).problem.unwrap().code
}

fn told(world: &World) -> Vec<&str> {
    world.crm.requests.iter().map(|(method, body)| body["type"].as_str().unwrap_or(method)).collect()
}

fn clean(world: &World) {
    assert_eq!(world.crm.violations, Vec::<String>::new());
    assert_eq!(world.relay.violations, Vec::<String>::new());
    assert_eq!(world.violations, Vec::<String>::new());
    assert_eq!(world.store.rows.len(), 0, "nothing is left in the outbox");
}

// ── The connection ───────────────────────────────────────────────────────────────────────────────────────────────

#[test]
fn it_greets_answers_pings_and_stays() {
    let mut world = live(1);
    assert_eq!(world.relay.heard[0]["kind"], "hello");
    world.run_for(Millis::mins(10));
    assert_eq!((world.relay.opened, state(&world)), (1, LinkState::Live));
    assert_eq!(world.relay.said("pong"), 30);
    world.drop_relay(false);
    world.run_for(Millis::mins(1));
    let hellos = || world.relay.heard.iter().filter(|frame| frame["kind"] == "hello");
    let names: Vec<u64> = hellos().map(|hello| hello["browser"].as_u64().unwrap()).collect();
    assert!(names.len() == 2 && names[0] == names[1], "its connections are known by one name: {names:?}");
    clean(&world);
}

#[test]
fn a_silent_relay_is_connected_to_anew() {
    for half_open in [true, false] {
        let mut world = live(2);
        world.relay.half_open = half_open;
        world.relay.silent = !half_open;
        world.run_for(Millis::secs(100));
        assert!(world.relay.opened > 1, "half-open: {half_open}");
        world.relay.silent = false;
        world.run_for(Millis::mins(2));
        assert_eq!(state(&world), LinkState::Live);
        clean(&world);
    }
}

#[test]
fn a_relay_that_is_not_there_is_looked_for_and_named() {
    let mut world = World::new(3, read(&with_relay()));
    world.relay.unreachable = true;
    world.die(CORE);
    world.run_for(Millis::mins(3));
    assert_eq!((state(&world), problem(&world)), (LinkState::Reconnecting, Code::RelayUnreachable));
    assert_eq!(relay(&world).problem.unwrap().args, ["relay.example.com"]);
    assert_eq!(world.view.link.state, LinkState::Live, "the exchange has nothing to do with it");
    world.relay.unreachable = false;
    world.run_for(Millis::secs(31));
    assert_eq!((state(&world), relay(&world).problem), (LinkState::Live, None));
    clean(&world);
}

/// A relay that is started anew takes all its browsers back within a quarter of a minute, not at once.
#[test]
fn browsers_come_back_spread_after_a_goodbye() {
    let mut back: Vec<_> = (0..60)
        .map(|seed| {
            let mut world = live(seed);
            world.run_for(Millis::secs(20));
            let before = world.now;
            world.drop_relay(true);
            while state(&world) != LinkState::Live {
                world.run_for(Millis(100));
            }
            world.now - before
        })
        .collect();
    back.sort();
    assert!(back[59] <= Millis::secs(16), "{back:?}");
    assert!(back[15] > Millis::secs(1) && back[45] > Millis::secs(7), "{back:?}");
}

#[test]
fn a_refused_token_is_said_and_tried_again_rarely() {
    let mut world = World::new(4, read(&with_relay()));
    world.relay.refuses = Some("token");
    world.die(CORE);
    world.run_for(Millis::mins(1));
    assert_eq!((state(&world), problem(&world)), (LinkState::Refused, Code::RelayTokenRefused));
    let opened = world.relay.opened;
    world.run_for(Millis::mins(9));
    assert_eq!(world.relay.opened, opened + 1);
    world.relay.refuses = None;
    world.ask(Sender::Extension, Request::Reconnect);
    world.run_for(Millis::secs(2));
    assert_eq!(state(&world), LinkState::Live);
    clean(&world);
}

#[test]
fn a_full_relay_and_what_is_none_are_told_apart() {
    let mut world = World::new(5, read(&with_relay()));
    world.relay.refuses = Some("full");
    world.die(CORE);
    world.run_for(Millis::secs(10));
    assert_eq!((state(&world), problem(&world)), (LinkState::Refused, Code::RelayFull));
    world.relay.refuses = None;
    world.relay.is_strange = true;
    world.run_for(Millis::secs(61));
    assert_eq!(problem(&world), Code::RelayUnexpectedAnswer);
    world.relay.is_strange = false;
    world.run_for(Millis::secs(31));
    assert_eq!(state(&world), LinkState::Live);
}

#[test]
fn the_relay_hears_when_somebody_uses_this_browser() {
    let mut world = live(6);
    assert_eq!(world.relay.said("active"), 0);
    let items = vec![TextItem { id: 0, text: DIGITS.into(), label: None }];
    world.ask(page(), Request::FindNumbers { batch: 1, items });
    assert_eq!(world.relay.said("active"), 0, "a page asks for that by itself");
    for _ in 0..5 {
        world.ask(Sender::Extension, Request::GetStatus);
        world.run_for(Millis::secs(10));
    }
    assert_eq!(world.relay.said("active"), 2);
    world.drop_relay(false);
    world.run_for(Millis::secs(2));
    assert_eq!(world.relay.said("active"), 3, "who was at it a moment ago is at it still");
    world.run_for(Millis::mins(6));
    world.drop_relay(false);
    world.run_for(Millis::secs(2));
    assert_eq!((world.relay.opened, world.relay.said("active")), (3, 3));
    clean(&world);
}

#[test]
fn what_the_browser_forbids_is_not_connected_to() {
    let mut world = live(7);
    world.forbidden = vec![HOST.to_owned()];
    world.input(Input::Permissions { forbidden: vec![HOST.to_owned()] });
    assert_eq!((state(&world), problem(&world)), (LinkState::PermissionMissing, Code::PermissionMissing));
    world.run_for(Millis::mins(5));
    world.forbidden = Vec::new();
    world.input(Input::Permissions { forbidden: Vec::new() });
    world.run_for(Millis::secs(2));
    assert_eq!(state(&world), LinkState::Live);
    clean(&world);
}

#[test]
fn after_a_sleep_the_connection_is_made_anew() {
    for seed in 0..8 {
        let mut world = live(seed);
        world.sleep(Millis::mins(30));
        world.run_for(Millis::mins(31));
        assert_eq!(state(&world), LinkState::Live);
        world.exchange.half_open = false;
        world.system_call("c1", DIGITS);
        world.run_for(Millis::secs(2));
        assert_eq!(world.relay.outcome("c1"), Some("accepted"), "{seed}");
    }
}

// ── CALL ─────────────────────────────────────────────────────────────────────────────────────────────────────────

#[test]
fn a_call_is_dialled_answered_and_told_under_its_communication() {
    let mut world = live(20);
    world.relay.ahead = Millis::hours(-5);
    world.drop_relay(false);
    world.run_for(Millis::secs(20));
    world.system_call("c1", DIGITS);
    world.run_for(Millis::secs(2));
    assert_eq!(world.dialled, [DIGITS]);
    assert_eq!(world.relay.answers["c1"], [json!({ "kind": "answer", "id": "c1", "outcome": "accepted" })]);
    let at = world.now;
    world.frame(&event("call.dial", "u1", 2, at, &json!({})));
    assert_eq!(world.view.dials[0].phase, DialPhase::Ringing);
    world.frame(&event("call.bridge", "u1", 2, at, &json!({ "bridgeAt": at.0 })));
    world.frame(&event("call.hangup", "u1", 2, at, &json!({ "bridgeAt": at.0, "serverTime": at.0 + 5_000 })));
    world.run_for(Millis::secs(5));
    assert_eq!(
        told(&world),
        ["call-started", "appeared", "connected", "disconnected", "call-finished", "register-call"]
    );
    assert!(world.crm.requests.iter().all(|(_, body)| body["communicationId"] == "c1"), "all of it, from the start");
    clean(&world);
}

/// The exchange hears of a CALL only once it is stored, and of the same one never again.
#[test]
fn a_repeat_rings_nobody_and_gets_the_first_ones_answer() {
    let mut world = live(21);
    let id = "c1";
    world.latency = 2;
    world.system_call(id, DIGITS);
    world.system_call(id, DIGITS);
    world.run_for(Millis::secs(1));
    assert_eq!(world.relay.answers[id].len(), 2);
    world.system_call(id, DIGITS);
    for death in [CORE, Death { of_browser: true, pause: Millis::secs(2) }] {
        world.run_for(Millis::secs(20));
        world.die(death);
        world.run_for(Millis::secs(20));
        world.system_call(id, DIGITS);
        // Under another command's id it is the same CALL.
        let again = json!({ "command": "call", "communication": id, "number": DIGITS, "internal": false });
        world.command("another", EXPIRY, &again);
        world.run_for(Millis::secs(2));
        assert_eq!(world.relay.outcome("another"), world.relay.outcome(id));
    }
    assert_eq!(world.dialled.len(), 1);
    assert!(world.relay.answers[id].iter().take(3).all(|answer| answer["outcome"] == "accepted"));
    clean(&world);
}

#[test]
fn a_call_whose_worker_dies_before_the_answer_is_not_repeated() {
    for outputs in 0..6 {
        let mut world = live(22);
        world.system_call("c1", DIGITS);
        world.doom(outputs, Death { of_browser: false, pause: Millis::secs(1) });
        world.run_for(Millis::secs(20));
        world.system_call("c1", DIGITS);
        world.run_for(Millis::secs(20));
        assert!(world.dialled.len() <= 1, "{outputs}");
        let outcome = world.relay.outcome("c1").unwrap();
        assert!(outcome != "refused" || world.dialled.is_empty(), "{outputs}: {outcome}");
        assert_eq!(world.relay.violations, Vec::<String>::new());
    }
}

#[test]
fn a_stale_call_is_refused_and_the_clocks_are_compared_anew() {
    let mut world = live(23);
    world.run_for(Millis::secs(20));
    let call = json!({ "command": "call", "communication": "c1", "number": DIGITS, "internal": false });
    world.crm.system_calls.insert("c1".into(), false);
    world.command("c1", Millis::secs(-1), &call);
    assert_eq!(world.relay.outcome("c1"), None, "a life that does not store it must not have said it");
    world.run_for(Millis::secs(3));
    assert_eq!(world.relay.problem("c1"), Some("commandExpired"));
    assert_eq!((world.relay.opened, state(&world)), (2, LinkState::Live));
    assert!(world.crm.system_calls["c1"], "call-failed");
    world.system_call("c1", DIGITS);
    world.run_for(Millis::secs(3));
    assert_eq!((world.relay.outcome("c1"), world.dialled.len()), (Some("refused"), 0), "what was refused stays so");
    assert_eq!(world.relay.opened, 2);
    // This computer's clock was set ahead: all seems to be late, once.
    world.ahead = Millis::secs(60);
    world.system_call("c2", DIGITS);
    world.run_for(Millis::secs(3));
    assert_eq!(world.relay.problem("c2"), Some("commandExpired"));
    world.system_call("c3", DIGITS);
    world.run_for(Millis::secs(3));
    assert_eq!(world.relay.outcome("c3"), Some("accepted"));
    clean(&world);
}

/// What was sent while the computer slept lies in the socket until it wakes.
#[test]
fn a_call_that_slept_on_its_way_rings_nobody() {
    for slept in [15, 40, 80, 600] {
        let mut world = live(24);
        world.sleep(Millis::secs(slept));
        world.relay.half_open = false;
        world.system_call("c1", DIGITS);
        world.run_for(Millis::secs(slept + 30));
        assert_eq!(world.dialled.len(), 0, "{slept}");
        assert_ne!(world.relay.outcome("c1"), Some("accepted"));
    }
}

#[test]
fn a_name_is_taken_as_long_as_the_relay_takes_it() {
    let mut world = live(26);
    let [longest, longer] = [0, 1].map(|more| "c".repeat(LONGEST_NAME + more));
    world.system_call(&longest, DIGITS);
    world.system_call(&longer, "79165555555");
    world.run_for(Millis::secs(2));
    assert_eq!((world.relay.outcome(&longest), world.relay.outcome(&longer)), (Some("accepted"), None));
    assert_eq!(world.dialled, [DIGITS]);
}

#[test]
fn what_keeps_a_call_from_going_out_is_answered_and_told_to_the_crm() {
    let mut world = live(25);
    world.system_call("none", "12");
    world.exchange.silent = true;
    world.dial("k1", "+79165555555");
    world.run_for(Millis::secs(1));
    world.system_call("busy", DIGITS);
    world.run_for(Millis::secs(1));
    world.raw_frame(r#"{"event":"success"}"#);
    world.system_call("live", "79165555555");
    world.run_for(Millis::secs(1));
    world.exchange.refuses_key = true;
    world.drop_socket();
    world.system_call("offline", DIGITS);
    world.run_for(Millis::secs(1));
    for (id, code) in
        [("none", "dialNotANumber"), ("busy", "dialBusy"), ("live", "dialAlreadyLive"), ("offline", "dialOffline")]
    {
        assert_eq!((world.relay.outcome(id), world.relay.problem(id)), (Some("refused"), Some(code)));
    }
    world.run_for(Millis::secs(5));
    assert!(world.crm.system_calls.values().all(|failed| *failed), "{:?}", world.crm.system_calls);
    assert_eq!(world.dialled, ["79165555555"]);
}

#[test]
fn the_exchanges_refusal_is_quoted_and_its_silence_is_no_answer() {
    let mut world = live(26);
    world.exchange.silent = true;
    world.system_call("c1", DIGITS);
    world.run_for(Millis::secs(1));
    assert_eq!(world.relay.outcome("c1"), None, "nobody has said anything yet");
    world.frame(&json!({ "event": "error", "message": "я".repeat(9_000) }));
    world.run_for(Millis::secs(1));
    let answer = &world.relay.answers["c1"][0];
    assert_eq!((&answer["outcome"], &answer["problem"]["code"]), (&json!("refused"), &json!("dialRefused")));
    assert!(answer.to_string().len() < trubka::relay::LARGEST_FROM_AGENT);
    world.run_for(Millis::secs(3));
    assert!(world.crm.system_calls["c1"], "call-failed");

    world.system_call("c2", DIGITS);
    world.run_for(Millis::secs(9));
    assert_eq!(world.relay.outcome("c2"), None);
    world.run_for(Millis::secs(2));
    assert_eq!(world.relay.outcome("c2"), Some("unknown"), "in time for the relay");
    world.run_for(Millis::mins(2));
    assert_eq!((world.dialled.len(), world.crm.system_calls["c2"]), (2, false), "it may ring: the CRM is not told so");
    assert_eq!(world.relay.answers["c2"].len(), 1);
}

#[test]
fn an_answer_goes_to_the_socket_that_asked_or_nowhere() {
    let mut world = live(27);
    world.exchange.silent = true;
    world.system_call("c1", DIGITS);
    world.run_for(Millis::secs(1));
    world.drop_relay(false);
    world.run_for(Millis::secs(3));
    world.raw_frame(r#"{"event":"success"}"#);
    world.run_for(Millis::secs(3));
    assert_eq!(world.relay.outcome("c1"), None);
    world.system_call("c1", DIGITS);
    world.run_for(Millis::secs(1));
    assert_eq!((world.relay.outcome("c1"), world.dialled.len()), (Some("accepted"), 1));
}

#[test]
fn a_database_that_takes_its_time_takes_the_call_with_it() {
    let mut world = live(28);
    world.latency = 60_000;
    let call = json!({ "command": "call", "communication": "c1", "number": DIGITS, "internal": false });
    world.command("c1", Millis::mins(1), &call);
    for _ in 0..40 {
        world.run_for(Millis::secs(5));
    }
    assert!(world.dialled.is_empty() || world.relay.outcome("c1") != Some("refused"));
    assert!(world.dialled.len() <= 1);
}

#[test]
fn a_colleague_is_called_by_the_internal_number() {
    let mut document = with_relay();
    // Internal numbers are Phonet's, whatever dials otherwise.
    document["uis"] =
        json!({ "login": "anna", "password": "u-password", "virtualNumber": "74993720692", "operator": "79164572521" });
    document["dialling"] = json!({ "exchange": "uis" });
    let mut world = live_with(29, &document);
    let call = json!({ "command": "call", "communication": "c1", "number": "002", "internal": true });
    world.crm.system_calls.insert("c1".into(), false);
    world.command("c1", EXPIRY, &call);
    world.run_for(Millis::secs(2));
    assert_eq!(
        (world.dialled.as_slice(), world.relay.outcome("c1")),
        (["002".to_owned()].as_slice(), Some("accepted"))
    );
    let at = world.now;
    let sides = json!({ "leg": { "type": 1, "ext": "001" }, "leg2": { "type": 1, "ext": "002" }, "otherLegs": [] });
    world.frame(&event("call.dial", "i", 1, at, &sides));
    world.run_for(Millis::secs(2));
    assert_eq!(world.view.dials[0].phase, DialPhase::Ringing);
    let (method, body) = &world.crm.requests[0];
    assert_eq!((method.as_str(), &body["communicationId"]), ("call-started", &json!("c1")));
    assert_eq!(world.crm.calls["i"].events[0]["to"]["userId"], BORIS);

    let again = json!({ "command": "call", "communication": "c2", "number": "002", "internal": true });
    world.command("c2", EXPIRY, &again);
    let nobody = json!({ "command": "call", "communication": "c3", "number": "0a2", "internal": true });
    world.command("c3", EXPIRY, &nobody);
    world.run_for(Millis::secs(2));
    assert_eq!(world.relay.problem("c2"), Some("dialAlreadyLive"));
    assert_eq!(world.relay.problem("c3"), Some("dialNotANumber"));
    assert_eq!(world.dialled.len(), 1);
}

/// A colleague who calls, or a client who does, is nobody's dial.
#[test]
fn a_call_of_a_colleagues_is_not_taken_for_the_one_that_was_asked_for() {
    let mut world = live(30);
    let call = json!({ "command": "call", "communication": "c1", "number": "002", "internal": true });
    world.command("c1", EXPIRY, &call);
    world.run_for(Millis::secs(2));
    let at = world.now;
    let sides = json!({ "leg": { "type": 1, "ext": "002" }, "leg2": { "type": 1, "ext": "001" }, "otherLegs": [] });
    world.frame(&event("call.dial", "i", 1, at, &sides));
    assert_eq!(world.view.dials[0].phase, DialPhase::Dialling);
}

#[test]
fn uis_answers_for_itself() {
    let mut document = with_relay();
    document["uis"] =
        json!({ "login": "anna", "password": "u-password", "virtualNumber": "74993720692", "operator": "79164572521" });
    document["dialling"] = json!({ "exchange": "uis" });
    let mut world = live_with(31, &document);
    world.uis.dials = vec![Dial::Forbidden, Dial::Lost];
    world.system_call("c1", DIGITS);
    world.run_for(Millis::secs(3));
    assert_eq!(world.relay.problem("c1"), Some("uisNamedAddressRefused"));
    world.system_call("c2", DIGITS);
    world.run_for(Millis::secs(3));
    assert!(matches!(world.relay.outcome("c2"), Some("unknown" | "accepted")));
    world.system_call("c3", "79169999999");
    world.run_for(Millis::secs(5));
    assert_eq!(world.relay.outcome("c3"), Some("accepted"));
    world.system_hang_up("h1", "uis-101");
    world.run_for(Millis::secs(5));
    assert_eq!(world.relay.outcome("h1"), Some("accepted"));
    assert_eq!(world.uis.asked["release.call"], 1);
}

// ── HANGUP ───────────────────────────────────────────────────────────────────────────────────────────────────────

/// A client's call to the agent that goes on by itself.
fn talking(seed: u64) -> World {
    let mut world = live(seed);
    let at = world.now + Millis::secs(1);
    let mut leg = model::exchange::Leg::outgoing("u1".into(), DIGITS.into(), at, &mut fastrand::Rng::with_seed(1));
    leg.answer_at = Some(at + Millis::secs(2));
    leg.over_at = at + Millis::mins(20);
    world.plan(leg);
    world.run_for(Millis::secs(5));
    assert_eq!(world.view.calls[0].phase, CallPhase::Talking);
    world
}

fn hang_ups(world: &World) -> usize {
    world.exchange.requests.iter().filter(|path| path.ends_with("/hangup")).count()
}

#[test]
fn a_leg_is_hung_up_once() {
    let mut world = talking(40);
    world.system_hang_up("h1", "u1");
    world.system_hang_up("h1", "u1");
    world.run_for(Millis::secs(3));
    assert_eq!(world.relay.answers["h1"].len(), 2);
    assert!(world.relay.answers["h1"].iter().all(|answer| answer["outcome"] == "accepted"));
    assert!(world.exchange.legs["u1"].ended_at.is_some());
    assert_eq!(hang_ups(&world), 1);
    world.system_hang_up("h2", "u1");
    world.system_hang_up("h3", "nobody's");
    world.run_for(Millis::secs(3));
    assert_eq!((world.relay.problem("h2"), world.relay.problem("h3")), (Some("hangUpOver"), Some("hangUpOver")));
    assert_eq!(hang_ups(&world), 1, "what is over or unknown here is nobody's to hang up");
    world.die(CORE);
    world.run_for(Millis::secs(5));
    world.system_hang_up("h1", "u1");
    world.run_for(Millis::secs(3));
    assert_eq!(world.relay.outcome("h1"), Some("accepted"), "the next life remembers");
}

#[test]
fn a_hang_up_that_is_late_or_whose_answer_is_lost_says_so() {
    let mut world = talking(41);
    world.command("h1", Millis::secs(-1), &json!({ "command": "hangUp", "leg": "u1" }));
    world.run_for(Millis::secs(3));
    assert_eq!((world.relay.problem("h1"), hang_ups(&world)), (Some("commandExpired"), 0));
    world.exchange.unreachable = true;
    world.system_hang_up("h2", "u1");
    world.run_for(Millis::secs(12));
    assert_eq!(world.relay.outcome("h2"), Some("unknown"));
    let mut world = talking(43);
    world.exchange.hang_up_breaks = true;
    world.system_hang_up("h3", "u1");
    world.run_for(Millis::secs(12));
    assert_eq!((world.relay.outcome("h3"), world.relay.problem("h3")), (Some("unknown"), Some("phonetStatus")));
}

#[test]
fn a_hang_up_under_way_at_a_death_is_not_repeated() {
    for outputs in 0..6 {
        let mut world = talking(42);
        world.system_hang_up("h1", "u1");
        world.doom(outputs, Death { of_browser: false, pause: Millis::secs(1) });
        world.run_for(Millis::secs(20));
        world.system_hang_up("h1", "u1");
        world.run_for(Millis::secs(10));
        assert!(hang_ups(&world) <= 1, "{outputs}");
        assert!(world.relay.outcome("h1").is_some(), "{outputs}");
    }
}

// ── What the relay hands out ─────────────────────────────────────────────────────────────────────────────────────

const VERA: &str = "3f6a0c1e-0000-4000-8000-000000000003";

fn incoming(world: &mut World, uuid: &str, ext: &str) -> Value {
    let (at, leg) = (world.now, json!({ "leg": { "type": 1, "ext": ext } }));
    world.frame(&event("call.dial", uuid, 4, at, &leg));
    world.run_for(Millis::secs(3));
    world.crm.calls[uuid].events[0]["to"]["userId"].clone()
}

#[test]
fn the_relays_directory_counts_more_and_outlives_the_browser() {
    let mut world = World::new(50, read(&with_relay()));
    world.relay.handed = json!({ "directory": [
        { "ext": "003", "userId": VERA, "name": "Вера" }, { "ext": "002", "userId": VERA }, { "ext": "x", "userId": "y" },
    ] });
    world.run_for(Millis::secs(5));
    assert_eq!(incoming(&mut world, "a", "003"), VERA);
    assert_eq!(incoming(&mut world, "b", "002"), VERA, "the administrator's word");
    assert_eq!(incoming(&mut world, "c", "001"), ANNA, "and the settings' where there is none");
    world.relay.unreachable = true;
    world.die(Death { of_browser: true, pause: Millis::secs(1) });
    world.run_for(Millis::secs(10));
    assert_eq!(incoming(&mut world, "d", "003"), VERA);
    world.relay.unreachable = false;
    world.run_for(Millis::secs(31));
    world.relay.handed = json!({ "directory": [] });
    let handed = world.relay.hands();
    world.relay_says(&handed);
    world.run_for(Millis::secs(1));
    assert_eq!(incoming(&mut world, "e", "003"), Value::Null, "what is handed out replaces what was");
}

#[test]
fn what_another_relay_handed_out_is_forgotten() {
    let mut world = World::new(51, read(&with_relay()));
    world.relay.handed = json!({ "directory": [{ "ext": "003", "userId": VERA }] });
    world.run_for(Millis::secs(5));
    assert!(world.store.handed.as_ref().unwrap().reveal().contains(VERA));
    let document = model::document().to_string();
    world.ask(Sender::Extension, Request::SaveSettings { document });
    world.run_for(Millis::secs(2));
    assert_eq!(world.status.as_ref().unwrap().relay, None);
    assert!(world.store.handed.as_ref().unwrap().reveal().is_empty());
    assert_eq!(incoming(&mut world, "a", "003"), Value::Null);
}

/// Settings that hold no key to the CRM.
fn keyless() -> Value {
    let mut document = with_relay();
    document["kontur"].as_object_mut().unwrap().remove("apiKey");
    document
}

/// The relay gets a key of the CRM's and hands it out.
fn hand_out(world: &mut World, name: &str) {
    let ends_at = world.now + Millis::mins(20);
    world.crm.keys.insert(name.to_owned(), ends_at);
    let ends_at = world.relay.clock(ends_at);
    world.relay.handed =
        json!({ "access": { "key": name, "workspace": "ws", "integration": "103", "endsAt": ends_at.0 } });
    let handed = world.relay.hands();
    world.relay_says(&handed);
    world.run_for(Millis(500));
}

#[test]
fn a_key_that_is_handed_out_takes_the_place_of_the_exchange() {
    let mut world = live_with(52, &keyless());
    world.relay.ahead = Millis::hours(3);
    world.drop_relay(false);
    world.run_for(Millis::secs(3));
    world.frame(&event("call.dial", "u1", 4, START, &json!({})));
    world.run_for(Millis::mins(1));
    assert_eq!(world.status.as_ref().unwrap().crm.as_ref().unwrap().code, Code::RelayKeyMissing);
    assert_eq!((told(&world).len(), world.store.rows.len()), (0, 2), "kept");
    hand_out(&mut world, "access-1");
    world.run_for(Millis::secs(2));
    assert_eq!((told(&world), &world.status.as_ref().unwrap().crm), (vec!["call-started", "appeared"], &None));
    // The CRM has revoked it: the relay is told once, and gives another.
    world.crm.keys.clear();
    world.frame(&event("call.bridge", "u1", 4, START, &json!({ "bridgeAt": START.0 })));
    world.run_for(Millis::secs(2));
    assert_eq!((world.relay.said("keyRefused"), told(&world).len()), (1, 2));
    hand_out(&mut world, "access-2");
    world.run_for(Millis::secs(2));
    assert_eq!(told(&world).last(), Some(&"connected"));
    // It outlives the worker in memory only.
    world.relay.unreachable = true;
    world.die(CORE);
    world.run_for(Millis::secs(10));
    world.frame(&event("call.hangup", "u1", 4, START, &json!({ "serverTime": START.0 + 9_000 })));
    world.run_for(Millis::secs(3));
    assert_eq!(told(&world).last(), Some(&"register-call"));
    let stored = [&world.store.state, &world.store.handed, &world.store.settings];
    assert!(stored.into_iter().flatten().all(|json| !json.reveal().contains("access-")));
    assert_eq!(world.crm.exchanges, 0);
    clean(&world);
}

#[test]
fn a_key_of_another_workspace_is_not_taken() {
    let mut world = live_with(53, &keyless());
    world.crm.keys.insert("access-1".to_owned(), world.now + Millis::mins(20));
    world.relay.handed =
        json!({ "access": { "key": "access-1", "workspace": "another", "endsAt": (world.now + Millis::mins(20)).0 } });
    let handed = world.relay.hands();
    world.relay_says(&handed);
    world.frame(&event("call.dial", "u1", 4, START, &json!({})));
    world.run_for(Millis::secs(5));
    let problem = world.status.as_ref().unwrap().crm.clone().unwrap();
    assert_eq!((problem.code, problem.args), (Code::KonturWrongWorkspace, vec!["another".to_owned(), "ws".to_owned()]));
    assert_eq!(told(&world).len(), 0);
}

#[test]
fn the_check_says_whether_the_crms_buttons_are_on() {
    let buttons = |world: &mut World| {
        let ask = world.ask(Sender::Extension, Request::CheckConnection);
        world.run_for(Millis::secs(40));
        let Some(Message::Checks { items }) = world.replies.remove(&ask) else { panic!("not answered") };
        let item = items.into_iter().find(|item| item.step == CheckStep::RelayFeatures).unwrap();
        (item.state, item.problem.map(|problem| problem.code))
    };
    // With its own key this CRM does not say which integration that is of.
    let mut world = live(56);
    assert_eq!(buttons(&mut world), (CheckState::NotTried, None));
    world.crm.refuses_key = true;
    assert_eq!(buttons(&mut world), (CheckState::NotTried, None));

    let mut world = World::new(57, read(&keyless()));
    assert_eq!(buttons(&mut world), (CheckState::NotTried, None));
    hand_out(&mut world, "access-1");
    assert_eq!(buttons(&mut world), (CheckState::Passed, None));
    world.crm.features_off = true;
    assert_eq!(buttons(&mut world), (CheckState::Failed, Some(Code::RelayFeaturesOff)));
}

#[test]
fn the_check_tries_the_relay_too() {
    let check = |world: &mut World| {
        let ask = world.ask(Sender::Extension, Request::CheckConnection);
        world.run_for(Millis::secs(40));
        let Some(Message::Checks { items }) = world.replies.remove(&ask) else { panic!("not answered") };
        let found =
            |wanted| items.iter().find(|item| item.step == wanted).map(|it| it.problem.as_ref().map(|it| it.code));
        (found(CheckStep::RelayLink), found(CheckStep::KonturKey))
    };
    let mut world = live(54);
    assert_eq!(check(&mut world), (Some(None), Some(None)));
    world.relay.refuses = Some("token");
    world.drop_relay(false);
    world.run_for(Millis::secs(2));
    assert_eq!(check(&mut world), (Some(Some(Code::RelayTokenRefused)), Some(None)));

    let mut world = World::new(55, read(&keyless()));
    assert_eq!(check(&mut world), (Some(None), Some(Some(Code::RelayKeyMissing))));
    hand_out(&mut world, "access-1");
    assert_eq!(check(&mut world), (Some(None), Some(None)));
}
