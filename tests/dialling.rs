//! Two exchanges side by side: which one dials, and what the CRM is told of the calls of the one beside Phonet.

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
    ANNA, CRM_SITE, Death, World, document,
    uis::{Dial, HELD, RINGING, TALKING},
};
use serde_json::{Value, json};
use trubka::{
    Millis,
    core::io::Input,
    exchange::{Abilities, ExchangeName},
    problem::{Code, Problem},
    protocol::{CallPhase, CheckState, CheckStep, DialPhase, DialView, Message, Request, Sender},
    settings::Settings,
};

const NUMBER: &str = "+79161234567";
const DIGITS: &str = "79161234567";
const UIS: &str = "https://callapi.uiscom.ru";

/// The settings of Anna with UIS beside Phonet.
fn settings(uis: &Value, dialling: &Value) -> Settings {
    with_uis(document(), uis, dialling)
}

fn with_uis(mut document: Value, uis: &Value, dialling: &Value) -> Settings {
    document["uis"] =
        json!({ "login": "anna", "password": "u-password", "virtualNumber": "74993720692", "operator": "79164572521" });
    document["uis"].as_object_mut().unwrap().extend(uis.as_object().unwrap().clone());
    document["dialling"] = dialling.clone();
    Settings::default().replaced_by(&document.to_string()).unwrap()
}

/// Anna's world, where UIS dials.
fn world(seed: u64, uis: &Value) -> World {
    let mut world = World::new(seed, settings(uis, &json!({ "exchange": "uis" })));
    world.run_for(Millis::secs(5));
    world
}

/// As [`world`], with a relay.
fn relayed(seed: u64) -> World {
    let mut world = World::new(seed, with_uis(model::with_relay(), &json!({}), &json!({ "exchange": "uis" })));
    world.run_for(Millis::secs(5));
    world
}

/// A click in the popup.
fn dial_in_popup(world: &mut World, key: &str, number: &str) -> DialView {
    let ask = world.ask(Sender::Extension, Request::Dial { key: key.into(), number: number.into() });
    match world.replies.remove(&ask) {
        Some(Message::Dial { dial }) => dial,
        other => panic!("{other:?}"),
    }
}

fn told(world: &World) -> Vec<&str> {
    world.crm.requests.iter().map(|(method, body)| body["type"].as_str().unwrap_or(method)).collect()
}

fn clean(world: &World) {
    assert_eq!(world.crm.violations, Vec::<String>::new());
    assert_eq!(world.violations, Vec::<String>::new());
    assert_eq!(world.store.rows.len(), 0, "nothing is left in the outbox");
}

#[test]
fn a_click_dials_through_uis_and_the_crm_hears_of_all_of_it() {
    let mut world = world(1, &json!({}));
    assert_eq!(world.dial("k1", NUMBER).phase, DialPhase::Dialling);
    assert_eq!(world.uis.dialled(), 0, "nothing is dialled before the intent is stored");
    world.run_for(Millis::secs(2));
    assert_eq!((world.uis.dialled(), world.uis.asked["login.user"]), (1, 1));
    assert_eq!(world.uis.sessions[&100].contact, "79161234567");
    assert_eq!(world.dialled.len(), 0, "Phonet is not asked");
    assert_eq!(world.view.dials[0].phase, DialPhase::Ringing);
    assert_eq!((world.view.calls[0].exchange, world.view.calls[0].can_hang_up), (ExchangeName::Uis, true));
    world.uis.set(100, Some([TALKING, RINGING]));
    world.run_for(Millis::secs(10));
    assert_eq!(world.view.dials[0].phase, DialPhase::Ringing, "the agent alone is no talk");
    world.uis.set(100, Some([TALKING, TALKING]));
    world.run_for(Millis::secs(10));
    assert_eq!(world.view.dials[0].phase, DialPhase::Talking);
    world.run_for(Millis::mins(5));
    assert_eq!(world.view.dials[0].phase, DialPhase::Talking, "Phonet, which knows nothing of it, cannot end it");
    world.uis.set(100, None);
    world.run_for(Millis::secs(10));
    assert_eq!(world.view.dials[0].phase, DialPhase::Ended);
    assert_eq!(
        told(&world),
        ["call-started", "appeared", "connected", "disconnected", "call-finished", "register-call"]
    );
    let call = &world.crm.calls["uis-100"];
    let started = call.started.as_ref().unwrap();
    assert_eq!((&started["direction"], &started["clientPhone"]), (&json!("outbound"), &json!("79161234567")));
    assert_eq!(started["externalVatsPhone"], "74993720692");
    let registered = call.registered.as_ref().unwrap();
    assert_eq!(registered["items"][0]["from"], json!({ "type": "user", "userId": ANNA }));
    assert_eq!(registered["items"][0]["to"], json!({ "type": "client" }));
    let asked = world.uis.asked["list.calls"];
    world.run_for(Millis::mins(5));
    assert_eq!(world.uis.asked["list.calls"], asked, "nobody is asked while nothing goes on");
    clean(&world);
}

#[test]
fn a_hold_is_told_once_and_its_end_too_whatever_dies() {
    for dies in [false, true] {
        let mut world = world(17, &json!({}));
        world.dial("k1", NUMBER);
        world.run_for(Millis::secs(2));
        for states in [[TALKING, TALKING], [HELD, TALKING], [TALKING, TALKING], [TALKING, HELD]] {
            world.uis.set(100, Some(states));
            world.run_for(Millis::mins(3));
            if dies {
                world.die(Death { of_browser: true, pause: Millis::secs(20) });
                world.run_for(Millis::mins(1));
            }
        }
        assert_eq!(world.view.calls[0].phase, CallPhase::Talking);
        let talked_at = world.view.calls[0].answered_at;
        world.uis.set(100, None);
        world.run_for(Millis::secs(60));
        let [start, end] =
            [["call-started", "appeared", "connected"], ["disconnected", "call-finished", "register-call"]];
        assert_eq!(told(&world), [&start[..], &["paused", "connected", "paused"], &end].concat());
        let registered = world.crm.calls["uis-100"].registered.as_ref().unwrap();
        let started = Millis::from_rfc3339(registered["items"][0]["startedAt"].as_str().unwrap());
        assert_eq!(started, talked_at, "the talk began with its first word");
        clean(&world);
    }
}

#[test]
fn a_dial_whose_answer_is_lost_is_found_and_never_repeated() {
    let mut world = world(2, &json!({}));
    world.uis.dials = vec![Dial::Lost];
    world.dial("k1", NUMBER);
    world.run_for(Millis::secs(20));
    assert_eq!(world.view.dials[0].phase, DialPhase::Ringing, "found by its own name");
    world.uis.set(100, None);
    world.run_for(Millis::secs(20));
    assert_eq!((world.view.dials[0].phase, world.uis.dialled()), (DialPhase::Ended, 1));
    clean(&world);
}

#[test]
fn a_worker_that_dies_goes_on_with_the_call() {
    for of_browser in [false, true] {
        let mut world = world(3, &json!({}));
        world.dial("k1", NUMBER);
        world.run_for(Millis::secs(2));
        world.uis.set(100, Some([TALKING, TALKING]));
        world.die(Death { of_browser, pause: Millis::secs(20) });
        world.run_for(Millis::secs(40));
        assert_eq!(world.view.calls[0].phase, CallPhase::Talking);
        world.die(Death { of_browser, pause: Millis::secs(20) });
        world.uis.set(100, None);
        world.run_for(Millis::secs(60));
        assert_eq!(world.view.calls[0].phase, CallPhase::Ended);
        assert_eq!(world.uis.dialled(), 1);
        assert_eq!(
            world.uis.asked["login.user"],
            if of_browser { 3 } else { 1 },
            "the session key outlives the worker"
        );
        assert!(world.crm.calls["uis-100"].registered.is_some());
        clean(&world);
    }
}

#[test]
fn a_refusal_names_the_mending_and_tells_the_crm_where_it_had_asked() {
    let mut world = relayed(4);
    world.uis.dials = vec![Dial::Forbidden, Dial::Forbidden];
    world.dial("k1", NUMBER);
    world.run_for(Millis::secs(3));
    let dial = &world.view.dials[0];
    assert_eq!((dial.phase, dial.problem.as_ref().unwrap().code), (DialPhase::Failed, Code::UisNamedAddressRefused));
    world.system_call("c1", DIGITS);
    world.run_for(Millis::secs(5));
    assert!(world.crm.system_calls["c1"], "call-failed");
    assert_eq!(world.uis.dialled(), 2);
    clean(&world);
}

#[test]
fn a_system_calls_communication_goes_with_the_call() {
    let mut world = relayed(5);
    world.system_call("c1", DIGITS);
    world.run_for(Millis::secs(5));
    assert_eq!(world.crm.calls["uis-100"].started.as_ref().unwrap()["communicationId"], "c1");
}

#[test]
fn the_first_version_only_dials_and_says_so() {
    let mut world = world(6, &json!({ "version": "v1" }));
    let can = Abilities { dial: true, ..Abilities::default() };
    assert_eq!((world.view.dialling.exchange, world.view.dialling.can), (ExchangeName::Uis, can));
    world.dial("k1", NUMBER);
    world.run_for(Millis::mins(2));
    assert_eq!((world.view.dials[0].phase, world.uis.dialled()), (DialPhase::Placed, 1));
    assert!(world.view.calls.is_empty() && told(&world).is_empty());
    assert_eq!(world.dial("k2", NUMBER).phase, DialPhase::Dialling, "it can be called again");
    clean(&world);
}

/// The list of calls is a component of the tariff by itself.
#[test]
fn where_nobody_may_look_at_the_calls_they_are_only_dialled() {
    let mut world = world(13, &json!({}));
    world.uis.is_blind = true;
    world.dial("k1", NUMBER);
    world.run_for(Millis::secs(10));
    assert_eq!(world.view.dials[0].phase, DialPhase::Placed);
    assert!(world.view.calls.is_empty() && !world.view.dialling.can.follow && !world.view.dialling.can.hang_up);
    world.dial("k2", "+79169876543");
    world.run_for(Millis::secs(10));
    assert_eq!((world.view.dials[1].phase, world.uis.asked["list.calls"]), (DialPhase::Placed, 1));
    world.die(Death { of_browser: false, pause: Millis::secs(20) });
    world.run_for(Millis::secs(60));
    world.dial("k3", "+79165555555");
    world.run_for(Millis::secs(10));
    assert_eq!(world.view.dials[2].phase, DialPhase::Placed);
    assert_eq!(world.crm.calls.len(), 0, "of what cannot be followed nothing is told");
    assert_eq!(world.violations, Vec::<String>::new());
}

#[test]
fn a_site_may_dial_with_another_exchange() {
    let dialling = json!({ "exchange": "phonet", "sites": { CRM_SITE: "uis" } });
    let mut world = World::new(7, settings(&json!({}), &dialling));
    world.run_for(Millis::secs(5));
    assert_eq!(world.view.dialling.exchange, ExchangeName::Phonet);
    assert_eq!(world.view.elsewhere[0].1.exchange, ExchangeName::Uis);
    world.dial("k1", NUMBER);
    dial_in_popup(&mut world, "k2", "+79169876543");
    world.run_for(Millis::secs(2));
    assert_eq!((world.uis.dialled(), world.dialled.as_slice()), (1, ["79169876543".to_owned()].as_slice()));
    let status = world.status.as_ref().unwrap();
    assert_eq!((status.dialling.exchange, status.exchanges.len()), (ExchangeName::Phonet, 2));
}

#[test]
fn a_call_of_uis_is_hung_up_there() {
    let mut world = world(8, &json!({}));
    world.dial("k1", NUMBER);
    world.run_for(Millis::secs(2));
    let ask = world.ask(model::page(), Request::HangUp { call: "uis-100".into() });
    world.run_for(Millis::secs(5));
    assert_eq!(world.replies.remove(&ask), Some(Message::HungUp { call: "uis-100".into(), problem: None }));
    assert_eq!(world.view.dials[0].phase, DialPhase::Ended);
    let ask = world.ask(model::page(), Request::HangUp { call: "uis-100".into() });
    let Some(Message::HungUp { problem: Some(problem), .. }) = world.replies.remove(&ask) else { panic!() };
    assert_eq!(problem.code, Code::HangUpOver);
    clean(&world);
}

#[test]
fn the_check_tries_uis_too() {
    let mut world = world(9, &json!({}));
    let ask = world.ask(Sender::Extension, Request::CheckConnection);
    world.run_for(Millis::secs(5));
    let Some(Message::Checks { items }) = world.replies.remove(&ask) else { panic!() };
    let state = |step| items.iter().find(|item| item.step == step).map(|item| (item.state, item.problem.clone()));
    assert_eq!(state(CheckStep::UisKey), Some((CheckState::Passed, None)));
    let unproven = Some(Problem::new(Code::UisNumberUnproven));
    assert_eq!(state(CheckStep::UisNumber), Some((CheckState::NotTried, unproven)));
    world.dial("k1", NUMBER);
    world.run_for(Millis::secs(5));
    let ask = world.ask(Sender::Extension, Request::CheckConnection);
    world.run_for(Millis::secs(5));
    let Some(Message::Checks { items }) = world.replies.remove(&ask) else { panic!() };
    let number = items.iter().find(|item| item.step == CheckStep::UisNumber).unwrap();
    assert_eq!(number.state, CheckState::Passed, "a call has proven it");
    assert_eq!(items.len(), 16);
}

#[test]
fn without_phonet_uis_is_enough() {
    let mut document = document();
    document.as_object_mut().unwrap().remove("phonet");
    document["uis"] =
        json!({ "login": "anna", "password": "u-password", "virtualNumber": "74993720692", "employeeId": 25 });
    let mut world = World::new(10, Settings::default().replaced_by(&document.to_string()).unwrap());
    world.run_for(Millis::secs(2));
    assert_eq!((world.view.dialling.exchange, world.view.dialling.problem.clone()), (ExchangeName::Uis, None));
    world.dial("k1", NUMBER);
    world.run_for(Millis::secs(3));
    assert_eq!(world.uis.asked["start.employee_call"], 1);
    assert_eq!(world.view.calls[0].phase, CallPhase::Ringing);
    let ask = world.ask(Sender::Extension, Request::CheckConnection);
    world.run_for(Millis::secs(5));
    let Some(Message::Checks { items }) = world.replies.remove(&ask) else { panic!() };
    let steps: Vec<_> = items.iter().map(|item| item.step).collect();
    assert_eq!(steps, [&CheckStep::UIS[..], &CheckStep::KONTUR[..]].concat());
}

#[test]
fn what_the_browser_forbids_is_not_asked() {
    let mut world = world(11, &json!({}));
    world.forbidden = vec![UIS.to_owned()];
    world.input(Input::Permissions { forbidden: vec![UIS.to_owned()] });
    let dial = world.dial("k1", NUMBER);
    assert_eq!((dial.phase, dial.problem.unwrap().code), (DialPhase::Failed, Code::PermissionMissing));
    assert_eq!(world.view.dialling.problem.as_ref().unwrap().code, Code::PermissionMissing);
    world.run_for(Millis::secs(10));
    assert_eq!(world.uis.asked.len(), 0);
}

#[test]
fn the_calls_of_an_exchange_that_is_taken_away_are_given_up() {
    let mut world = world(12, &json!({}));
    world.dial("k1", NUMBER);
    world.run_for(Millis::secs(2));
    assert_eq!(world.view.calls.len(), 1);
    let save = Request::SaveSettings { document: document().to_string() };
    world.ask(Sender::Extension, save);
    world.run_for(Millis::secs(5));
    assert!(world.view.calls.iter().all(|call| call.phase == CallPhase::Ended), "{:?}", world.view.calls);
    assert_eq!(world.dial("k2", "+79169876543").phase, DialPhase::Dialling);
    world.run_for(Millis::secs(2));
    assert_eq!(world.dialled, ["79169876543"]);
}

#[test]
fn a_clock_that_is_set_back_gives_no_call_up_and_tells_none_twice() {
    let mut world = world(14, &json!({}));
    world.dial("k1", NUMBER);
    world.run_for(Millis::secs(2));
    world.ahead = Millis::secs(-30);
    world.uis.set(100, Some([TALKING, TALKING]));
    world.run_for(Millis::secs(60));
    assert_eq!(world.view.calls[0].phase, CallPhase::Talking);
    world.uis.set(100, None);
    world.run_for(Millis::secs(20));
    assert_eq!(
        told(&world),
        ["call-started", "appeared", "connected", "disconnected", "call-finished", "register-call"]
    );
    clean(&world);
}

#[test]
fn the_end_of_a_call_that_nobody_saw_is_not_invented() {
    let mut world = world(16, &json!({}));
    world.dial("k1", NUMBER);
    world.run_for(Millis::secs(2));
    world.uis.set(100, Some([TALKING, TALKING]));
    world.run_for(Millis::mins(5));
    let seen = world.now;
    world.die(Death { of_browser: true, pause: Millis::hours(10) });
    world.uis.set(100, None);
    world.run_for(Millis::hours(11));
    let registered = world.crm.calls["uis-100"].registered.as_ref().unwrap();
    let finished = Millis::from_rfc3339(registered["items"][0]["finishedAt"].as_str().unwrap()).unwrap();
    assert!(finished <= seen && seen - finished <= Millis::mins(2), "{registered}");
    clean(&world);
}

#[test]
fn a_call_that_the_first_version_cannot_follow_on_is_given_up() {
    let mut world = world(17, &json!({}));
    world.dial("k1", NUMBER);
    world.run_for(Millis::secs(2));
    let mut changed = document();
    changed["uis"] = json!({ "version": "v1", "login": "anna", "password": "u-password", "virtualNumber": "74993720692",
        "operator": "79164572521" });
    changed["dialling"] = json!({ "exchange": "uis" });
    world.ask(Sender::Extension, Request::SaveSettings { document: changed.to_string() });
    world.run_for(Millis::secs(5));
    assert!(world.view.calls.iter().all(|call| call.phase == CallPhase::Ended));
    assert_eq!(world.view.dials[0].phase, DialPhase::Placed);
}

#[test]
fn a_hang_up_where_the_browser_forbids_it_is_answered() {
    let mut world = world(18, &json!({}));
    world.dial("k1", NUMBER);
    world.run_for(Millis::secs(2));
    world.forbidden = vec![UIS.to_owned()];
    world.input(Input::Permissions { forbidden: vec![UIS.to_owned()] });
    let ask = world.ask(model::page(), Request::HangUp { call: "uis-100".into() });
    let Some(Message::HungUp { problem: Some(problem), .. }) = world.replies.remove(&ask) else { panic!() };
    assert_eq!(problem.code, Code::PermissionMissing);
}

#[test]
fn a_click_offline_says_so() {
    let mut world = world(19, &json!({}));
    world.input(Input::Online(false));
    let dial = world.dial("k1", NUMBER);
    assert_eq!((dial.phase, dial.problem.unwrap().code), (DialPhase::Failed, Code::DialOffline));
}

#[test]
fn a_call_of_phonet_ends_with_phonet() {
    let mut world = world(20, &json!({}));
    let at = world.now;
    world.frame(&model::event("call.dial", "u1", 4, at, &json!({})));
    world.run_for(Millis::secs(2));
    let mut changed = document();
    changed.as_object_mut().unwrap().remove("phonet");
    world.ask(Sender::Extension, Request::SaveSettings { document: changed.to_string() });
    world.run_for(Millis::secs(2));
    assert!(world.view.calls.iter().all(|call| call.phase == CallPhase::Ended));
}
