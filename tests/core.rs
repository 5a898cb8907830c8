//! The core against the model of its services, in virtual time.

#![cfg(not(target_arch = "wasm32"))]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod model;

use std::collections::BTreeSet;

use model::{ANNA, BORIS, CRM_SITE, START, World, event, page};
use serde_json::{Value, json};
use trubka::{
    Millis,
    core::io::{Input, SocketName, ToolbarState},
    private::Private,
    problem::{Code, Problem},
    protocol::{
        CallPhase, CheckItem, CheckState, CheckStep, DeliveryState, DialPhase, LinkState, Message, Request, Sender,
        SettingsView, StatusView, TextItem,
    },
    settings::Settings,
};

const T: i64 = START.0 + 10_000;

fn at(seconds: i64) -> Millis {
    Millis(T + seconds * 1_000)
}

/// What the CRM heard of a call: the methods, with the type and the leg of each event.
fn told(world: &World) -> Vec<String> {
    let line = |(method, body): &(String, Value)| match method.as_str() {
        "call-event" => format!("{} {}", body["type"].as_str().unwrap(), body["realtimeCallItemId"].as_str().unwrap()),
        _ => method.clone(),
    };
    world.crm.requests.iter().map(line).collect()
}

fn clean(world: &World) {
    assert_eq!(world.crm.violations, Vec::<String>::new());
    assert_eq!(world.store.rows.len(), 0, "nothing is left in the outbox");
}

fn time(seconds: i64) -> Value {
    json!(at(seconds).to_rfc3339())
}

#[test]
fn an_answered_incoming_call_is_told_in_order_with_the_exchanges_times() {
    let mut world = World::live(1);
    world.frame(&event("call.dial", "u1", 4, at(0), &json!({})));
    world.run_for(Millis::secs(3));
    let view = &world.view.calls[0];
    assert_eq!((view.phase, view.client.name.as_ref().unwrap().reveal().as_str()), (CallPhase::Ringing, "Пётр"));
    assert_eq!(view.client.number.as_ref().unwrap().reveal(), "+7 916 123-45-67");
    assert_eq!(view.links[0].url.reveal(), "https://crm.kontur.ru/app/ws/contacts/c1");
    world.frame(&event("call.bridge", "u1", 4, at(0), &json!({ "bridgeAt": at(3).0, "serverTime": at(3).0 })));
    world.run_for(Millis::secs(3));
    assert_eq!(world.view.calls[0].phase, CallPhase::Talking);
    world.frame(&event("call.hangup", "u1", 4, at(0), &json!({ "bridgeAt": at(3).0, "serverTime": at(9).0 })));
    world.run_for(Millis::secs(3));
    assert_eq!(
        told(&world),
        ["call-started", "appeared u1", "connected u1", "disconnected u1", "call-finished", "register-call"]
    );
    let call = &world.crm.calls["u1"];
    assert_eq!(
        call.started,
        Some(json!({ "timestamp": time(0), "externalId": "u1", "externalVatsPhone": "74951234567",
            "clientPhone": "79161234567", "direction": "inbound" }))
    );
    assert_eq!(call.events[1]["timestamp"], time(3));
    assert_eq!(call.events[1]["communicationId"], "communication-of-u1");
    let registered = call.registered.as_ref().unwrap();
    assert_eq!(
        registered["items"],
        json!([{ "id": "u1", "from": { "type": "client" }, "to": { "type": "user", "userId": ANNA },
            "startedAt": time(3), "finishedAt": time(9) }])
    );
    assert_eq!(registered["externalCreatedAt"], time(0));
    assert_eq!(world.view.calls[0].delivery.state, DeliveryState::Delivered);
    clean(&world);
}

#[test]
fn a_missed_call_is_registered_from_its_first_ring() {
    let mut world = World::live(2);
    world.frame(&event("call.dial", "u1", 4, at(0), &json!({})));
    world.frame(&event("call.hangup", "u1", 4, at(0), &json!({ "serverTime": at(20).0 })));
    world.run_for(Millis::secs(5));
    assert_eq!(told(&world), ["call-started", "appeared u1", "disconnected u1", "call-finished", "register-call"]);
    assert_eq!(world.crm.calls["u1"].registered.as_ref().unwrap()["items"][0]["startedAt"], time(0));
    assert!(!world.view.calls[0].answered);
    clean(&world);
}

#[test]
fn a_withheld_number_is_left_out() {
    let mut world = World::live(3);
    world.frame(&event("call.dial", "u1", 4, at(0), &json!({ "otherLegs": null })));
    world.run_for(Millis::secs(3));
    assert_eq!(world.crm.calls["u1"].started.as_ref().unwrap().get("clientPhone"), None);
    assert_eq!(world.view.calls[0].client.number, None);
}

#[test]
fn a_click_dials_once_and_follows_its_call() {
    let mut world = World::live(4);
    assert_eq!(world.dial("k1", "+79161234567").phase, DialPhase::Dialling);
    assert_eq!(world.dialled.len(), 0, "nothing is dialled before the intent is stored");
    assert_eq!(world.dial("k1", "+79161234567").phase, DialPhase::Dialling);
    assert_eq!(world.dial("k2", "+79161234567").key, "k1", "the dial that is going on answers for the second click");
    world.run_for(Millis::secs(2));
    assert_eq!(world.dialled, ["79161234567"]);
    world.frame(&event("call.dial", "u1", 2, at(0), &json!({})));
    assert_eq!(world.view.dials[0].phase, DialPhase::Ringing);
    world.frame(&event("call.bridge", "u1", 2, at(0), &json!({ "bridgeAt": at(5).0 })));
    assert_eq!(world.view.dials[0].phase, DialPhase::Talking);
    assert_eq!(world.dial("k3", "+79161234567").key, "k1");
    world.frame(&event("call.hangup", "u1", 2, at(0), &json!({ "bridgeAt": at(5).0, "serverTime": at(8).0 })));
    world.run_for(Millis::secs(3));
    assert_eq!(world.view.dials[0].phase, DialPhase::Ended);
    let item = &world.crm.calls["u1"].registered.as_ref().unwrap()["items"][0];
    assert_eq!(
        (&item["from"], &item["to"]),
        (&json!({ "type": "user", "userId": ANNA }), &json!({ "type": "client" }))
    );
    assert_eq!(world.dialled.len(), 1);
    clean(&world);
}

#[test]
fn a_refused_dial_says_why_and_may_be_tried_again() {
    let mut world = World::live(5);
    world.exchange.silent = true;
    world.dial("k1", "+79161234567");
    world.run_for(Millis::secs(1));
    assert_eq!(world.dial("k2", "+79161234568").problem.unwrap().code, Code::DialBusy);
    world.frame(&json!({ "event": "error", "message": "Номер заблокирован" }));
    let dial = &world.view.dials[0];
    assert_eq!(
        (dial.phase, dial.problem.as_ref().unwrap().args[0].as_str()),
        (DialPhase::Failed, "Номер заблокирован")
    );
    world.dial("k3", "+79161234567");
    world.run_for(Millis::secs(1));
    assert_eq!(world.dialled.len(), 2);
}

#[test]
fn a_dial_without_a_call_is_unknown_after_a_minute_and_never_repeated() {
    let mut world = World::live(6);
    world.dial("k1", "+79161234567");
    world.run_for(Millis::secs(59));
    assert_eq!(world.view.dials[0].phase, DialPhase::Dialling);
    world.run_for(Millis::secs(2));
    assert_eq!(world.view.dials[0].phase, DialPhase::Unknown);
    world.run_for(Millis::mins(30));
    assert_eq!(world.dialled.len(), 1);
}

#[test]
fn a_restart_between_click_and_answer_dials_nothing_twice() {
    let mut world = World::live(7);
    world.dial("k1", "+79161234567");
    world.run_for(Millis(250));
    assert_eq!(world.dialled.len(), 1);
    world.crash();
    assert_eq!(world.dial("k1", "+79161234567").phase, DialPhase::Dialling);
    world.run_for(Millis::secs(2));
    world.frame(&event("call.dial", "u1", 2, at(0), &json!({})));
    assert_eq!(world.view.dials[0].phase, DialPhase::Ringing);
    assert_eq!(world.dialled.len(), 1);
}

#[test]
fn offline_says_so_at_once_and_queues_no_surprise_call() {
    let mut world = World::new(8, model::settings());
    let dial = world.dial("k1", "+79161234567");
    assert_eq!((dial.phase, dial.problem.unwrap().code), (DialPhase::Failed, Code::DialOffline));
    world.run_for(Millis::mins(2));
    assert_eq!(world.dialled.len(), 0);
    assert_eq!(world.dial("k2", "not a number").problem.unwrap().code, Code::DialNotANumber);
    let mut unconfigured = World::new(8, trubka::settings::Settings::default());
    assert_eq!(unconfigured.dial("k1", "+79161234567").problem.unwrap().code, Code::PhonetNotConfigured);
}

/// The group's own stay rings at the same time as the agent's leg of it.
fn group(name: &str, at: Millis, more: &Value) -> Value {
    let mut all = json!({ "leg": { "id": 7, "type": 2, "displayName": "Продажи", "ext": "900" } });
    all.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    event(name, "g", 4, at, &all)
}

#[test]
fn a_group_call_answered_here_is_one_call_under_the_groups_name() {
    let mut world = World::live(9);
    let parent = json!({ "parentUuid": "g" });
    world.frame(&group("call.dial", at(0), &json!({})));
    world.frame(&event("call.dial", "l1", 4, at(1), &parent));
    world.frame(&event("call.bridge", "l1", 4, at(1), &json!({ "parentUuid": "g", "bridgeAt": at(4).0 })));
    world.frame(&group("call.bridge", at(0), &json!({ "bridgeAt": at(4).0 })));
    world.frame(&event(
        "call.hangup",
        "l1",
        4,
        at(1),
        &json!({ "parentUuid": "g", "bridgeAt": at(4).0, "serverTime": at(9).0 }),
    ));
    world.frame(&group("call.hangup", at(0), &json!({ "bridgeAt": at(4).0, "serverTime": at(9).0 })));
    world.run_for(Millis::secs(5));
    assert_eq!(
        told(&world),
        ["call-started", "appeared l1", "connected l1", "disconnected l1", "call-finished", "register-call"]
    );
    assert_eq!(world.crm.calls.keys().collect::<Vec<_>>(), ["g"]);
    clean(&world);
}

#[test]
fn an_agent_who_did_not_answer_neither_finishes_nor_registers_the_groups_call() {
    for group_is_heard in [true, false] {
        let mut world = World::live(10);
        if group_is_heard {
            world.frame(&group("call.dial", at(0), &json!({})));
        }
        world.frame(&event("call.dial", "l1", 4, at(1), &json!({ "parentUuid": "g" })));
        world.frame(&event("call.hangup", "l1", 4, at(1), &json!({ "parentUuid": "g", "serverTime": at(5).0 })));
        if group_is_heard {
            world.frame(&group("call.hangup", at(0), &json!({ "bridgeAt": at(5).0, "serverTime": at(9).0 })));
        }
        world.run_for(Millis::secs(5));
        assert_eq!(told(&world), ["call-started", "appeared l1", "disconnected l1"]);
        assert_eq!(world.view.calls[0].phase, CallPhase::Ended);
        clean(&world);
    }
}

#[test]
fn a_call_nobody_in_the_group_answered_is_registered_once_with_the_groups_own_stay() {
    let mut world = World::live(11);
    world.frame(&group("call.dial", at(0), &json!({})));
    world.frame(&event("call.dial", "l1", 4, at(1), &json!({ "parentUuid": "g" })));
    world.frame(&event("call.hangup", "l1", 4, at(1), &json!({ "parentUuid": "g", "serverTime": at(20).0 })));
    world.frame(&group("call.hangup", at(0), &json!({ "serverTime": at(21).0 })));
    world.frame(&group("call.hangup", at(0), &json!({ "serverTime": at(21).0 })));
    world.run_for(Millis::secs(5));
    assert_eq!(told(&world), ["call-started", "appeared l1", "disconnected l1", "call-finished", "register-call"]);
    assert_eq!(
        world.crm.calls["g"].registered.as_ref().unwrap()["items"],
        json!([{ "id": "g", "from": { "type": "client" }, "to": { "type": "user" }, "startedAt": time(0), "finishedAt": time(21) }])
    );
    clean(&world);
}

#[test]
fn a_call_that_ends_in_the_menu_is_missed() {
    let mut world = World::live(12);
    let menu = json!({ "leg": { "id": 3, "type": 4, "displayName": "Меню", "ext": null } });
    world.frame(&event("call.dial", "s", 4, at(0), &menu));
    let mut end = menu.clone();
    end["serverTime"] = json!(at(7).0);
    world.frame(&event("call.hangup", "s", 4, at(0), &end));
    world.run_for(Millis::secs(5));
    assert_eq!(told(&world), ["call-started", "call-finished", "register-call"]);
    clean(&world);
}

fn internal(name: &str, caller: &str, callee: &str, more: &Value) -> Value {
    let mut all = json!({ "leg": { "id": 1, "type": 1, "ext": caller }, "leg2": { "id": 2, "type": 1, "ext": callee }, "otherLegs": [] });
    all.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    event(name, "i", 1, at(0), &all)
}

#[test]
fn an_internal_call_is_told_by_the_callers_browser_with_no_phone() {
    let mut world = World::live(13);
    world.frame(&internal("call.dial", "001", "002", &json!({})));
    world.frame(&internal("call.hangup", "001", "002", &json!({ "serverTime": at(4).0 })));
    world.run_for(Millis::secs(5));
    let call = &world.crm.calls["i"];
    let started = call.started.as_ref().unwrap();
    assert_eq!(
        (&started["direction"], started.get("clientPhone"), started.get("externalVatsPhone")),
        (&json!("internal"), None, None)
    );
    assert_eq!(call.events[0]["from"]["userId"], ANNA);
    assert_eq!(call.events[0]["to"]["userId"], BORIS);
    clean(&world);
    let mut callee = World::live(14);
    callee.frame(&internal("call.dial", "002", "001", &json!({})));
    callee.run_for(Millis::secs(3));
    assert_eq!(told(&callee), Vec::<String>::new());
    assert_eq!(callee.view.calls[0].client.name.as_ref().unwrap().reveal(), "Борис");
    let mut stranger = World::live(15);
    stranger.frame(&internal("call.dial", "777", "001", &json!({})));
    stranger.run_for(Millis::secs(3));
    assert_eq!(told(&stranger), ["call-started", "appeared i"]);
}

#[test]
fn events_without_their_dial_open_the_call_from_what_they_say() {
    let mut world = World::live(16);
    world.frame(&event("call.hangup", "u1", 4, at(0), &json!({ "bridgeAt": at(2).0, "serverTime": at(9).0 })));
    world.run_for(Millis::secs(5));
    assert_eq!(
        told(&world),
        ["call-started", "appeared u1", "connected u1", "disconnected u1", "call-finished", "register-call"]
    );
    clean(&world);
}

#[test]
fn repeated_and_late_events_change_nothing() {
    let mut world = World::live(17);
    let dial = event("call.dial", "u1", 4, at(0), &json!({}));
    let bridge = event("call.bridge", "u1", 4, at(0), &json!({ "bridgeAt": at(2).0 }));
    let hangup = event("call.hangup", "u1", 4, at(0), &json!({ "bridgeAt": at(2).0, "serverTime": at(9).0 }));
    for frame in [&dial, &dial, &hangup, &hangup, &bridge, &dial] {
        world.frame(frame);
        world.run_for(Millis::secs(2));
    }
    assert_eq!(
        told(&world),
        ["call-started", "appeared u1", "connected u1", "disconnected u1", "call-finished", "register-call"]
    );
    clean(&world);
}

#[test]
fn a_transferred_leg_joins_the_call_it_came_from() {
    let mut world = World::live(18);
    world.frame(&event("call.dial", "u1", 4, at(0), &json!({})));
    world.frame(&event("call.bridge", "u1", 4, at(0), &json!({ "bridgeAt": at(2).0 })));
    world.frame(&internal("call.dial", "001", "002", &json!({ "uuid": "i", "parentUuid": "u1", "dialAt": at(4).0 })));
    world.frame(&internal("call.hangup", "001", "002", &json!({ "parentUuid": "u1", "serverTime": at(6).0 })));
    world.frame(&event("call.hangup", "u1", 4, at(0), &json!({ "bridgeAt": at(2).0, "serverTime": at(9).0 })));
    world.run_for(Millis::secs(5));
    let registered = world.crm.calls["u1"].registered.clone().unwrap();
    assert_eq!(registered["direction"], "inbound");
    assert_eq!(registered["items"][1]["to"]["userId"], BORIS);
    assert_eq!(world.crm.calls.len(), 1);
    clean(&world);
}

#[test]
fn a_client_who_is_put_through_after_a_question_is_told() {
    // Boris asked Anna about a client, whom he then puts through.
    let mut world = World::live(18);
    world.frame(&internal("call.dial", "002", "001", &json!({ "uuid": "i", "parentUuid": "u1", "dialAt": at(4).0 })));
    world.frame(&internal(
        "call.hangup",
        "002",
        "001",
        &json!({ "uuid": "i", "parentUuid": "u1", "serverTime": at(6).0 }),
    ));
    world.run_for(Millis::secs(5));
    assert!(world.crm.calls.is_empty(), "the question is told by who asked");
    world.frame(&event("call.dial", "w", 4, at(7), &json!({ "parentUuid": "u1" })));
    world.frame(&event("call.bridge", "w", 4, at(7), &json!({ "parentUuid": "u1", "bridgeAt": at(8).0 })));
    assert_eq!(world.view.calls[0].id, "u1");
    world.frame(&event(
        "call.hangup",
        "w",
        4,
        at(7),
        &json!({ "parentUuid": "u1", "bridgeAt": at(8).0, "serverTime": at(20).0 }),
    ));
    world.run_for(Millis::secs(5));
    let registered = world.crm.calls["u1"].registered.clone().unwrap();
    assert_eq!((&registered["direction"], &registered["clientPhone"]), (&json!("inbound"), &json!("79161234567")));
    let items = registered["items"].as_array().unwrap();
    assert!(items.iter().any(|item| item["id"] == "w" && item["to"]["userId"] == ANNA), "{items:?}");
    clean(&world);
}

#[test]
fn away_and_back_are_no_calls() {
    let mut world = World::live(19);
    world.frame(&event("call.dial", "p", 32, at(0), &json!({})));
    assert_eq!(world.status.as_ref().unwrap().away, Some(true));
    world.frame(&event("call.dial", "p", 64, at(0), &json!({})));
    assert_eq!(world.status.as_ref().unwrap().away, Some(false));
    assert!(world.view.calls.is_empty());
}

#[test]
fn a_crm_that_fails_gets_everything_in_the_end_and_in_order() {
    let mut world = World::live(20);
    world.crm.faults = vec![500, 500, 500, 500, 0, 503, 200, 429, 1, 408, 1, 1, 425, 500];
    world.frame(&event("call.dial", "u1", 4, at(0), &json!({})));
    world.frame(&event("call.hangup", "u1", 4, at(0), &json!({ "bridgeAt": at(2).0, "serverTime": at(9).0 })));
    world.run_for(Millis(700));
    assert_eq!(world.status.as_ref().unwrap().crm.as_ref().map(|problem| problem.code), Some(Code::KonturStatus));
    world.run_for(Millis::mins(30));
    assert!(world.crm.calls["u1"].registered.is_some());
    assert_eq!(world.status.as_ref().unwrap().crm, None);
    clean(&world);
}

#[test]
fn calls_do_not_wait_for_each_other() {
    let mut world = World::live(21);
    // All of the first call fails for as long as the faults last; the second is refused nothing.
    world.crm.fails_for = Some("u1".into());
    world.frame(&event("call.dial", "u1", 4, at(0), &json!({})));
    world.frame(&event("call.dial", "u2", 4, at(0), &json!({ "otherLegs": [{ "num": "+79160000000" }] })));
    world.frame(&event("call.hangup", "u2", 4, at(0), &json!({ "serverTime": at(9).0 })));
    world.run_for(Millis::mins(1));
    assert!(world.crm.calls["u2"].registered.is_some());
    assert!(world.crm.calls.get("u1").is_none_or(|call| call.started.is_none()));
}

#[test]
fn an_expired_key_is_renewed_once() {
    let mut world = World::live(22);
    world.frame(&event("call.dial", "u1", 4, at(0), &json!({})));
    world.frame(&event("call.dial", "u2", 4, at(0), &json!({ "otherLegs": [{ "num": "+79160000000" }] })));
    world.run_for(Millis::secs(3));
    assert_eq!(world.crm.exchanges, 1);
    world.crm.keys.clear();
    world.frame(&event("call.bridge", "u1", 4, at(0), &json!({ "bridgeAt": at(2).0 })));
    world.frame(&event("call.bridge", "u2", 4, at(0), &json!({ "bridgeAt": at(2).0 })));
    world.run_for(Millis::secs(5));
    assert_eq!(world.crm.exchanges, 2, "both 401 bring one exchange");
    clean(&world);
    world.run_for(Millis::mins(19));
    world.frame(&event("call.hangup", "u1", 4, at(0), &json!({ "serverTime": at(9).0 })));
    world.run_for(Millis::secs(5));
    assert_eq!(world.crm.exchanges, 3, "renewed before its 20 minutes end");
    clean(&world);
}

#[test]
fn the_key_survives_the_worker_in_memory_only() {
    let mut world = World::live(23);
    world.frame(&event("call.dial", "u1", 4, at(0), &json!({})));
    world.run_for(Millis::secs(3));
    world.crash();
    world.run_for(Millis::secs(3));
    world.frame(&event("call.hangup", "u1", 4, at(0), &json!({ "serverTime": at(9).0 })));
    world.run_for(Millis::secs(5));
    assert_eq!(world.crm.exchanges, 1);
    assert!(!world.store.state.as_ref().unwrap().reveal().contains("access-1"));
    clean(&world);
}

#[test]
fn a_refused_key_keeps_every_row_and_says_so() {
    let mut world = World::live(24);
    world.crm.refuses_key = true;
    world.frame(&event("call.dial", "u1", 4, at(0), &json!({})));
    world.run_for(Millis::mins(1));
    assert_eq!(world.status.as_ref().unwrap().crm.as_ref().unwrap().code, Code::KonturKeyRefused);
    assert_eq!((world.crm.exchanges, world.store.rows.len()), (1, 2));
    world.crm.refuses_key = false;
    world.run_for(Millis::mins(6));
    clean(&world);
}

#[test]
fn a_refusal_is_set_aside_and_the_rest_still_goes() {
    let mut world = World::live(25);
    world.crm.faults = vec![200, 200, 400];
    world.frame(&event("call.dial", "u1", 4, at(0), &json!({})));
    world.frame(&event("call.hangup", "u1", 4, at(0), &json!({ "serverTime": at(9).0 })));
    world.run_for(Millis::secs(9));
    let delivery = &world.view.calls[0].delivery;
    assert_eq!((delivery.state, delivery.problem.as_ref().unwrap().args[0].as_str()), (DeliveryState::Failed, "Fault"));
    assert!(world.crm.calls["u1"].registered.is_some());
    assert_eq!(world.status.as_ref().unwrap().failed, 1);
    world.crash();
    world.run_for(Millis::secs(5));
    assert_eq!(world.status.as_ref().unwrap().failed, 1, "set aside for good, until a person decides");
    world.ask(Sender::Extension, Request::DiscardDelivery { call: "u1".into() });
    assert_eq!(world.status.as_ref().unwrap().failed, 0);
    world.run_for(Millis::secs(1));
    clean(&world);
}

#[test]
fn a_wrong_key_of_the_exchange_is_named() {
    let mut world = World::new(26, model::settings());
    world.exchange.refuses_key = true;
    world.crash();
    world.run_for(Millis::secs(30));
    assert_eq!(world.view.link.state, LinkState::Refused);
    assert_eq!(world.view.link.problem.as_ref().unwrap().code, Code::PhonetKeyRefused);
    world.exchange.refuses_key = false;
    world.ask(Sender::Extension, Request::Reconnect);
    world.run_for(Millis::secs(2));
    assert_eq!(world.view.link.state, LinkState::Live);
}

#[test]
fn a_wrong_domain_is_named() {
    let mut world = World::new(27, model::settings());
    world.exchange.unreachable = true;
    world.crash();
    world.run_for(Millis::secs(60));
    assert_eq!(world.view.link.state, LinkState::Reconnecting);
    assert_eq!(world.view.link.problem.as_ref().unwrap().code, Code::PhonetUnreachable);
}

#[test]
fn a_silent_socket_is_asked_about_and_replaced() {
    let mut world = World::live(28);
    let opened = world.exchange.opened;
    world.run_for(Millis::mins(10));
    assert_eq!(world.exchange.opened, opened, "silence alone proves nothing while the active calls agree");
    world.exchange.active =
        vec![event("call.dial", "u1", 4, at(0), &json!({ "lastEvent": "call.dial", "event": null }))];
    world.run_for(Millis::mins(4));
    assert_eq!(world.exchange.opened, opened + 1, "a call that the socket did not tell of");
    assert_eq!(world.view.calls[0].phase, CallPhase::Ringing);
}

#[test]
fn on_a_busy_computer_a_socket_in_doubt_gets_to_say_what_lies_unread() {
    let mut world = World::live(43);
    world.run_for(Millis::secs(10));
    let ringing = event("call.dial", "u1", 4, at(0), &json!({ "lastEvent": "call.dial" }));
    world.exchange.active = vec![ringing.clone()];
    world.input(Input::Online(true));
    world.run_for(Millis::secs(1));
    assert_eq!(world.view.calls.len(), 1, "REST is faster than the frame");
    // Nothing is read meanwhile, not even the clock.
    world.now = world.now + Millis::secs(8);
    world.input(Input::Wake);
    world.frame(&ringing);
    world.run_for(Millis::secs(10));
    assert_eq!((world.exchange.opened, world.view.link.state), (1, LinkState::Live));
}

#[test]
fn a_hangup_that_the_socket_missed_is_settled_from_the_history() {
    let mut world = World::live(29);
    world.frame(&event("call.dial", "u1", 4, at(0), &json!({})));
    world.frame(&event("call.bridge", "u1", 4, at(0), &json!({ "bridgeAt": at(2).0 })));
    world.run_for(Millis::secs(5));
    world.crash();
    world.run_for(Millis::secs(20));
    assert_eq!(world.crm.calls["u1"].registered, None, "nothing is invented");
    world.exchange.history = vec![
        json!({ "uuid": "u1", "lgDirection": 4, "endAt": at(60).0, "billSecs": 58, "duration": 60, "disposition": 0 }),
    ];
    world.run_for(Millis::mins(3));
    assert_eq!(world.crm.calls["u1"].registered.as_ref().unwrap()["items"][0]["finishedAt"], time(60));
    clean(&world);
}

#[test]
fn a_database_that_fails_is_told_of_and_memory_carries_on() {
    let mut world = World::live(30);
    world.store.fails = true;
    world.frame(&event("call.dial", "u1", 4, at(0), &json!({})));
    world.run_for(Millis::secs(3));
    assert_eq!(world.status.as_ref().unwrap().storage.as_ref().unwrap().code, Code::StorageFailed);
    assert!(world.crm.calls["u1"].started.is_some());
    world.store.fails = false;
    world.run_for(Millis::mins(1));
    assert_eq!(world.status.as_ref().unwrap().storage, None);
    assert!(world.store.state.as_ref().unwrap().reveal().contains("u1"));
}

#[test]
fn unreadable_messages_are_told_of_and_the_core_goes_on() {
    let mut world = World::live(31);
    let complaint = |world: &World| world.status.as_ref().unwrap().exchange.as_ref().map(|problem| problem.code);
    world.raw_frame("{\"a\":1,}");
    assert_eq!(complaint(&world), Some(Code::PhonetBadFrame));
    world.raw_frame(r#"{"event":"call.moon"}"#);
    assert_eq!(complaint(&world), Some(Code::PhonetUnknownEvent));
    world.frame(&event("call.dial", "u1", 4, at(0), &json!({})));
    assert_eq!(world.view.calls.len(), 1);
    world.run_for(Millis::mins(11));
    assert_eq!(complaint(&world), None);
}

#[test]
fn what_an_old_epoch_says_is_dropped() {
    let mut world = World::live(32);
    let epoch = world.exchange.socket.unwrap();
    world.input(Input::SocketClosed { socket: SocketName::Exchange, epoch, clean: false });
    world.input(Input::SocketFrame {
        socket: SocketName::Exchange,
        epoch,
        text: event("call.dial", "u1", 4, at(0), &json!({})).to_string().as_str().into(),
    });
    assert!(world.view.calls.is_empty());
    assert_eq!(world.view.link.state, LinkState::Reconnecting);
    world.run_for(Millis::secs(2));
    assert_eq!(world.view.link.state, LinkState::Live);
}

#[test]
fn a_page_may_ask_only_what_is_a_pages() {
    let mut world = World::live(33);
    for request in [
        Request::GetStatus,
        Request::GetSettings,
        Request::Reconnect,
        Request::CheckConnection,
        Request::SaveSettings { document: "{}".into() },
        Request::RetryDelivery { call: "u".into() },
        Request::DiscardDelivery { call: "u".into() },
        Request::Select { text: "+79161234567".into() },
        Request::SetSite { origin: "https://evil.example".into(), on: true },
        Request::ForgetCorrection { label: None, pattern: "12345".into() },
        Request::HangUpCurrent,
    ] {
        let ask = world.ask(page(), request);
        assert!(matches!(&world.replies[&ask], Message::Refused { problem } if problem.code == Code::NotAllowed));
    }
    let ask = world.ask(page(), Request::Hello { version: "0.0.1".into() });
    assert!(matches!(&world.replies[&ask], Message::Reload { .. }));
}

/// What the answer to a request shows.
fn status(world: &mut World, request: Request) -> StatusView {
    let ask = world.ask(Sender::Extension, request);
    match world.replies.remove(&ask) {
        Some(Message::Status(status)) => *status,
        other => panic!("{other:?}"),
    }
}

const SITE: &str = "https://helpdesk.example:8443";

fn hello(world: &mut World, origin: &str) -> Message {
    let version = env!("CARGO_PKG_VERSION").to_owned();
    let ask = world.ask(Sender::Page { origin: origin.to_owned() }, Request::Hello { version });
    world.replies.remove(&ask).unwrap()
}

fn off(origin: &str) -> Message {
    Message::Off { origin: origin.to_owned() }
}

#[test]
fn a_page_of_a_site_that_is_not_on_is_answered_nothing() {
    let mut world = World::live(50);
    assert_eq!(world.sites, [CRM_SITE]);
    assert!(matches!(hello(&mut world, CRM_SITE), Message::View(_)));
    for origin in [SITE, "null", "", "https://crm.kontur.ru.evil.example", "http://crm.kontur.ru", "extension"] {
        assert_eq!(hello(&mut world, origin), off(origin));
        let dial = Request::Dial { key: "k".into(), number: "+79161234567".into() };
        let ask = world.ask(Sender::Page { origin: origin.to_owned() }, dial);
        assert_eq!(world.replies[&ask], off(origin));
    }
    world.run_for(Millis::secs(2));
    assert_eq!(world.dialled.len(), 0);
}

#[test]
fn a_site_is_on_once_the_browser_grants_it_and_until_it_is_switched_off() {
    let mut world = World::live(51);
    let connected = world.view.link.since;
    let switch = |on| Request::SetSite { origin: SITE.to_owned(), on };
    world.input(Input::Permissions { forbidden: vec![SITE.to_owned()] });
    assert_eq!(status(&mut world, switch(true)).sites, [CRM_SITE]);
    world.input(Input::Permissions { forbidden: vec![SITE.to_owned()] });
    assert_eq!(hello(&mut world, SITE), off(SITE), "the user is still being asked");
    world.input(Input::Permissions { forbidden: Vec::new() });
    assert_eq!(world.sites, [CRM_SITE, SITE]);
    assert!(matches!(hello(&mut world, SITE), Message::View(_)));

    world.run_for(Millis::secs(2));
    world.crash();
    world.run_for(Millis::secs(10));
    assert_eq!(world.sites, [CRM_SITE, SITE], "it is stored");
    world.run_for(Millis::secs(10));

    world.input(Input::Permissions { forbidden: vec![SITE.to_owned()] });
    assert_eq!((&world.sites, &world.left), (&vec![CRM_SITE.to_owned()], &vec![SITE.to_owned()]), "withdrawn");
    assert_eq!(hello(&mut world, SITE), off(SITE));
    world.input(Input::Permissions { forbidden: Vec::new() });
    assert_eq!(world.sites, [CRM_SITE, SITE]);

    assert_eq!(status(&mut world, switch(false)).sites, [CRM_SITE]);
    assert_eq!(world.left, [SITE, SITE]);
    let crm = Request::SetSite { origin: CRM_SITE.to_owned(), on: false };
    assert_eq!(status(&mut world, crm).sites, Vec::<String>::new());
    assert_eq!(hello(&mut world, CRM_SITE), off(CRM_SITE));
    assert!(connected.is_some());
    assert_eq!(world.view.link.state, LinkState::Live, "none of this touches the connection");
}

#[test]
fn a_site_that_the_user_did_not_grant_is_not_kept() {
    let mut world = World::live(52);
    status(&mut world, Request::SetSite { origin: SITE.to_owned(), on: true });
    world.input(Input::Permissions { forbidden: vec![SITE.to_owned()] });
    status(&mut world, Request::SetSite { origin: SITE.to_owned(), on: false });
    world.input(Input::Permissions { forbidden: Vec::new() });
    assert_eq!(world.sites, [CRM_SITE]);
    for origin in ["crm.example", "file://x", "https://x/", "https://x/y", "https://X", "https://x:99999", "https://"] {
        let ask = world.ask(Sender::Extension, Request::SetSite { origin: origin.to_owned(), on: true });
        assert!(matches!(&world.replies[&ask], Message::Refused { .. }), "{origin}");
    }
}

/// How many numbers are found in this text in a field of this name.
fn found(world: &mut World, text: &str, label: &str) -> usize {
    let items = vec![TextItem { id: 0, text: text.into(), label: Some(label.to_owned()) }];
    let ask = world.ask(page(), Request::FindNumbers { batch: 1, items });
    match world.replies.remove(&ask) {
        Some(Message::Numbers { items, .. }) => items.iter().map(|item| item.matches.len()).sum(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_correction_counts_at_once_is_stored_and_can_be_taken_back() {
    let mut world = World::live(53);
    let label = "Добавочный код";
    let (text, alike) = ("+7 916 123-45-67", "+7 926 765-43-21");
    assert_eq!((found(&mut world, text, label), found(&mut world, alike, label)), (1, 1));
    let before = world.view.finder;
    let correct = |text: &str, phone| Request::Correct { text: text.into(), label: Some(label.to_owned()), phone };
    let ask = world.ask(page(), correct(text, false));
    assert!(matches!(&world.replies[&ask], Message::View(view) if view.finder != before));
    assert_ne!(world.view.finder, before, "every page hears of it");
    assert_eq!((found(&mut world, text, label), found(&mut world, alike, label)), (0, 0));
    assert_eq!(found(&mut world, text, "Телефон"), 1, "another field");

    world.run_for(Millis::secs(2));
    world.crash();
    world.run_for(Millis::secs(10));
    assert_eq!(found(&mut world, text, label), 0);
    world.ask(page(), correct(text, true));
    assert_eq!(found(&mut world, text, label), 1, "the last word counts");
    let corrections = |world: &mut World| {
        let ask = world.ask(Sender::Extension, Request::GetSettings);
        let Some(Message::Settings(SettingsView { document, .. })) = world.replies.remove(&ask) else { panic!() };
        serde_json::from_str::<Value>(&document).unwrap()["corrections"].clone()
    };
    assert_eq!(
        corrections(&mut world),
        json!([{ "label": "добавочный код", "pattern": "+# ### ###-##-##", "phone": true }])
    );
    let forget = Request::ForgetCorrection {
        label: Some("добавочный код".into()), pattern: "+# ### ###-##-##".into()
    };
    world.ask(Sender::Extension, forget);
    assert_eq!(corrections(&mut world), json!([]));
    assert_eq!(world.view.finder, before);
}

#[test]
fn a_correction_that_cannot_be_remembered_says_why() {
    let mut world = World::live(54);
    let mut correct = |text: &str| {
        let ask = world.ask(page(), Request::Correct { text: text.into(), label: None, phone: false });
        match world.replies.remove(&ask) {
            Some(Message::Refused { problem }) => Some(problem.code),
            Some(Message::View(_)) => None,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(correct("Иванов"), Some(Code::CorrectionNotNumber));
    assert_eq!(correct(""), Some(Code::CorrectionNotNumber));
    for number in 0..200 {
        assert_eq!(correct(&format!("8 916 123 {number:04}")), None);
    }
    assert_eq!(correct("8 916 123 0200"), Some(Code::CorrectionsFull));
    assert_eq!(correct("8 916 123 0000"), None, "one that is known is only said anew");
}

#[test]
fn a_selection_is_shown_before_it_is_dialled() {
    let mut world = World::live(55);
    let select = |text: &str| Request::Select { text: text.into() };
    let numbers = |status: StatusView| status.selected.unwrap().numbers;
    let shown = numbers(status(&mut world, select("звонить 8 (916) 123-45-67 доб. 12")));
    let shown: Vec<_> = shown.iter().map(|it| (it.e164.reveal(), it.display.reveal(), it.ext.as_deref())).collect();
    assert_eq!(shown, [(&"+79161234567".to_owned(), &"+7 916 123-45-67".to_owned(), Some("12"))]);
    world.run_for(Millis::secs(2));
    assert_eq!(world.dialled.len(), 0);
    assert_eq!(numbers(status(&mut world, select("ИНН"))), []);
    assert_eq!(status(&mut world, select("")).selected, None);
    status(&mut world, select("89161234567"));
    world.drop_socket();
    let dial = |key: &str| Request::Dial { key: key.into(), number: "+79161234567".into() };
    world.ask(Sender::Extension, dial("k1"));
    assert!(status(&mut world, Request::GetStatus).selected.is_some(), "what was not dialled is still shown");
    world.run_for(Millis::secs(5));
    world.ask(Sender::Extension, dial("k2"));
    assert_eq!(status(&mut world, Request::GetStatus).selected, None);
    world.run_for(Millis::secs(2));
    assert_eq!(world.dialled, ["79161234567"]);
}

/// The steps that are not as they should be, each with what it says.
fn unsound(items: &[CheckItem]) -> Vec<(CheckStep, CheckState, Option<Code>)> {
    let sound = |item: &&CheckItem| item.state != CheckState::Passed;
    items.iter().filter(sound).map(|item| (item.step, item.state, item.problem.as_ref().map(|it| it.code))).collect()
}

#[test]
fn the_connection_check_tries_each_service() {
    let mut world = World::live(34);
    let ask = world.ask(Sender::Extension, Request::CheckConnection);
    world.run_for(Millis::secs(5));
    let Message::Checks { items } = &world.replies[&ask] else { panic!() };
    let steps: Vec<_> = items.iter().map(|item| item.step).collect();
    assert_eq!(steps, [&CheckStep::PHONET[..], &CheckStep::KONTUR[..]].concat());
    let unnamed = (CheckStep::KonturIntegration, CheckState::NotTried, Some(Code::IntegrationUnnamed));
    assert_eq!(unsound(items), [unnamed]);
    // It is told step by step.
    let waiting: Vec<_> = world.checks.iter().map(|items| unsound(items).len()).collect();
    assert!(waiting.len() > 2 && waiting.is_sorted_by(|one, other| one > other), "{waiting:?}");
    assert_eq!(world.checks.last(), Some(items));
    world.crm.refuses_key = true;
    world.exchange.refuses_key = true;
    let ask = world.ask(Sender::Extension, Request::CheckConnection);
    world.run_for(Millis::secs(30));
    let Message::Checks { items } = &world.replies[&ask] else { panic!() };
    assert_eq!(
        unsound(items),
        [
            (CheckStep::PhonetKey, CheckState::Failed, Some(Code::PhonetKeyRefused)),
            (CheckStep::PhonetSubscriber, CheckState::NotTried, None),
            (CheckStep::PhonetLink, CheckState::NotTried, None),
            (CheckStep::KonturKey, CheckState::Failed, Some(Code::KonturKeyRefused)),
            (CheckStep::KonturWorkspace, CheckState::NotTried, None),
            (CheckStep::KonturIntegration, CheckState::NotTried, None),
            (CheckStep::KonturUser, CheckState::NotTried, None),
        ]
    );
}

/// The first run: a key is tried before anybody is named, and then the users are there to choose from.
#[test]
fn a_key_is_tried_before_anybody_is_named() {
    let document = json!({
        "version": 1,
        "phonet": { "domain": "demo.phonet.com.ua", "apiKey": "phonet-key" },
        "kontur": { "workspace": "ws", "apiKey": "kontur-key" }
    });
    let settings = trubka::settings::Settings::default().replaced_by(&document.to_string()).unwrap();
    assert_eq!(settings.missing(), [Problem::about(Code::SettingsMissing, &["phonet.subscriber"])]);
    let mut world = World::new(45, settings);
    let ask = world.ask(Sender::Extension, Request::CheckConnection);
    world.run_for(Millis::secs(5));
    let Message::Checks { items } = &world.replies[&ask] else { panic!() };
    assert_eq!(
        unsound(items),
        [
            (CheckStep::PhonetSubscriber, CheckState::Failed, Some(Code::SubscriberMissing)),
            (CheckStep::PhonetLink, CheckState::NotTried, None),
            (CheckStep::KonturIntegration, CheckState::NotTried, Some(Code::IntegrationUnnamed)),
            (CheckStep::KonturUser, CheckState::Failed, Some(Code::UserMissing)),
        ]
    );
    assert_eq!(world.exchange.opened, 0, "nobody is connected while nobody is named");
    let ask = world.ask(Sender::Extension, Request::ListUsers);
    world.run_for(Millis::secs(5));
    let Message::People { people, .. } = &world.replies[&ask] else { panic!() };
    assert_eq!(people[0].ext.as_deref(), Some("001"));
    let changes = json!({ "phonet.subscriber": "001", "kontur.userId": ANNA });
    let changes = Private::new(changes.as_object().unwrap().clone());
    world.ask(Sender::Extension, Request::ChangeSettings { changes });
    world.run_for(Millis::secs(5));
    assert_eq!(world.view.link.state, LinkState::Live);
    world.exchange.refuses_key = true;
    let ask = world.ask(Sender::Extension, Request::ListUsers);
    world.run_for(Millis::secs(5));
    let Message::Invalid { problems } = &world.replies[&ask] else { panic!() };
    assert_eq!(problems[0].code, Code::PhonetKeyRefused);
}

/// What is typed is in force at once, and can be taken back, though the worker dies in between.
#[test]
fn a_change_is_taken_back() {
    let mut world = World::live(46);
    let undo = |world: &mut World| {
        let ask = world.ask(Sender::Extension, Request::UndoSettings);
        world.replies.remove(&ask).unwrap()
    };
    let change = |world: &mut World, changes: Value| {
        let changes = Private::new(changes.as_object().unwrap().clone());
        let ask = world.ask(Sender::Extension, Request::ChangeSettings { changes });
        world.replies.remove(&ask).unwrap()
    };
    let Message::Invalid { problems } = undo(&mut world) else { panic!() };
    assert_eq!(problems, [Problem::new(Code::SettingsNothingToUndo)]);
    let Message::Settings(settings) = change(&mut world, json!({ "region": "UA" })) else { panic!() };
    assert!(settings.undo && settings.document.contains("UA"));
    let Message::Settings(settings) = change(&mut world, json!({ "phonet.domain": "other.phonet.com.ua" })) else {
        panic!()
    };
    assert_eq!(settings.secrets, ["kontur.apiKey"], "a key goes to no other host");
    let refused = json!({ "region": "BY", "phonet.subscriber": "nobody" });
    let Message::Invalid { problems } = change(&mut world, refused) else { panic!() };
    assert_eq!(problems, [Problem::about(Code::SettingsWrongValue, &["phonet.subscriber"])]);
    world.crash();
    let Message::Settings(settings) = undo(&mut world) else { panic!() };
    assert_eq!(settings.secrets, ["phonet.apiKey", "kontur.apiKey"]);
    let Message::Settings(settings) = undo(&mut world) else { panic!() };
    assert!(!settings.undo && !settings.document.contains("UA"));
    world.run_for(Millis::secs(5));
    assert_eq!(world.view.link.state, LinkState::Live);
    let ask = world.ask(Sender::Extension, Request::ResetSettings);
    let Message::Settings(settings) = &world.replies[&ask] else { panic!() };
    assert!(settings.secrets.is_empty() && settings.undo, "the keys go, too, and all comes back");
    let Message::Settings(settings) = undo(&mut world) else { panic!() };
    assert_eq!(settings.secrets, ["phonet.apiKey", "kontur.apiKey"]);
}

/// A change breaks off nothing that it is not about: whoever sets the ring in a call keeps the call's connection.
#[test]
fn a_change_starts_anew_only_what_it_is_about() {
    let mut world = World::live(58);
    world.frame(&event("call.dial", "u1", 4, START, &json!({})));
    world.run_for(Millis::secs(1));
    let change = |world: &mut World, changes: Value| {
        let changes = Private::new(changes.as_object().unwrap().clone());
        world.ask(Sender::Extension, Request::ChangeSettings { changes });
        world.run_for(Millis::secs(1));
    };
    let (opened, exchanges) = (world.exchange.opened, world.crm.exchanges);
    let people = json!([{ "ext": "002", "name": "Борис", "userId": BORIS }]);
    for changes in
        [json!({ "interface.volume": 10 }), json!({ "region": "UA" }), json!({ "directory": people }), json!({})]
    {
        change(&mut world, changes);
    }
    assert_eq!((world.exchange.opened, world.crm.exchanges), (opened, exchanges));
    change(&mut world, json!({ "kontur.recordings": false }));
    assert_eq!(world.exchange.opened, opened, "of the CRM the exchange knows nothing");
    change(&mut world, json!({ "phonet.subscriber": "002" }));
    assert_eq!(world.exchange.opened, opened + 1);
}

/// The administrator speaks while the extension runs.
#[test]
fn what_the_administrator_locks_is_in_force_at_once() {
    let mut world = World::live(47);
    let policy = json!({ "locked": { "sites": ["https://crm.kontur.ru"], "phonet": { "subscriber": "002" } } });
    world.input(Input::Policy(Some(Private::new(policy.to_string()))));
    world.run_for(Millis::secs(5));
    let ask = world.ask(Sender::Extension, Request::GetSettings);
    let Message::Settings(settings) = &world.replies[&ask] else { panic!() };
    let locked: BTreeSet<_> = settings.locked.iter().map(String::as_str).collect();
    assert_eq!(locked, BTreeSet::from(["phonet.subscriber", "sites"]));
    let ask = world.ask(Sender::Extension, Request::SetSite { origin: "https://crm.kontur.ru".into(), on: false });
    let Message::Refused { problem } = &world.replies[&ask] else { panic!() };
    assert_eq!(*problem, Problem::about(Code::SettingsLocked, &["sites"]));
    assert_eq!(world.view.link.state, LinkState::Live);
    world.input(Input::Policy(None));
    let ask = world.ask(Sender::Extension, Request::GetSettings);
    let Message::Settings(settings) = &world.replies[&ask] else { panic!() };
    assert!(settings.locked.is_empty() && settings.document.contains("\"001\""), "the user's own is there again");
}

#[test]
fn a_socket_that_works_is_kept_though_rest_refuses() {
    let mut world = World::new(35, model::settings());
    world.exchange.rest_refuses = true;
    world.crash();
    let opened = world.exchange.opened;
    world.run_for(Millis::mins(30));
    assert_eq!(world.exchange.opened, opened);
    assert_eq!(world.view.link.state, LinkState::Live);
}

#[test]
fn what_an_older_socket_was_asked_does_not_touch_the_new_one() {
    let mut world = World::live(36);
    world.run_for(Millis::mins(3) - Millis::secs(5));
    world.exchange.unreachable = true;
    world.input(Input::Online(true));
    let epoch = world.exchange.socket.unwrap();
    world.exchange.unreachable = false;
    world.input(Input::SocketClosed { socket: SocketName::Exchange, epoch, clean: false });
    world.run_for(Millis::mins(1));
    assert_eq!((world.exchange.opened, world.view.link.state), (2, LinkState::Live));
}

#[test]
fn after_a_lost_batch_everything_is_stored_anew() {
    let mut world = World::live(37);
    world.frame(&event("call.dial", "u1", 4, at(0), &json!({})));
    world.run_for(Millis::secs(3));
    world.store.fails = true;
    world.crm.fails_for = Some("u2".into());
    world.frame(&event("call.dial", "u2", 4, at(0), &json!({ "otherLegs": [{ "num": "+79160000000" }] })));
    world.store.fails = false;
    // The next batch is stored, yet it is not the one that was lost.
    world.frame(&event("call.dial", "p", 32, at(0), &json!({})));
    world.run_for(Millis::mins(1));
    assert_eq!(world.status.as_ref().unwrap().storage, None);
    assert_eq!(world.store.rows.len(), 2, "the rows of the lost batch are there");
    world.crm.fails_for = None;
    world.crash();
    world.run_for(Millis::mins(6));
    assert!(world.crm.calls["u2"].started.is_some());
    clean(&world);
}

#[test]
fn what_a_life_told_that_could_not_store_it_is_not_refused_to_the_next() {
    let mut world = World::live(42);
    world.frame(&event("call.dial", "u1", 4, at(0), &json!({})));
    world.run_for(Millis::secs(3));
    world.store.fails = true;
    world.frame(&event("call.hangup", "u1", 4, at(0), &json!({ "serverTime": at(9).0 })));
    world.run_for(Millis::secs(9));
    assert!(world.crm.calls["u1"].registered.is_some());
    world.store.fails = false;
    world.exchange.history = vec![
        json!({ "uuid": "u1", "lgDirection": 4, "endAt": at(9).0, "billSecs": 0, "duration": 9, "disposition": 1 }),
    ];
    world.crash();
    world.run_for(Millis::mins(3));
    assert_eq!(world.status.as_ref().unwrap().failed, 0);
    clean(&world);
}

#[test]
fn a_refused_registration_stays_refused_when_it_is_retried() {
    let mut world = World::live(38);
    world.crm.faults = vec![200, 200, 200, 200, 409, 409];
    world.frame(&event("call.dial", "u1", 4, at(0), &json!({})));
    world.frame(&event("call.hangup", "u1", 4, at(0), &json!({ "serverTime": at(9).0 })));
    world.run_for(Millis::secs(9));
    assert_eq!(world.view.calls[0].delivery.state, DeliveryState::Failed);
    world.ask(Sender::Extension, Request::RetryDelivery { call: "u1".into() });
    world.run_for(Millis::secs(9));
    assert_eq!(world.view.calls[0].delivery.state, DeliveryState::Failed, "a second refusal is no delivery");
    world.crash();
    world.ask(Sender::Extension, Request::RetryDelivery { call: "u1".into() });
    world.run_for(Millis::secs(9));
    assert!(world.crm.calls["u1"].registered.is_some());
    clean(&world);
}

#[test]
fn a_missed_group_call_that_another_browser_registered_is_delivered() {
    let mut world = World::live(39);
    world.crm.faults = vec![200, 200, 409];
    world.frame(&group("call.dial", at(0), &json!({})));
    world.frame(&group("call.hangup", at(0), &json!({ "serverTime": at(21).0 })));
    world.run_for(Millis::secs(9));
    assert_eq!(world.view.calls[0].delivery.state, DeliveryState::Delivered);
}

#[test]
fn a_groups_end_registers_the_missed_call_though_its_dial_was_never_heard() {
    let mut world = World::live(40);
    world.frame(&event("call.dial", "l1", 4, at(1), &json!({ "parentUuid": "g" })));
    world.frame(&event("call.hangup", "l1", 4, at(1), &json!({ "parentUuid": "g", "serverTime": at(20).0 })));
    world.frame(&group("call.hangup", at(0), &json!({ "serverTime": at(21).0 })));
    world.run_for(Millis::secs(5));
    assert_eq!(told(&world), ["call-started", "appeared l1", "disconnected l1", "call-finished", "register-call"]);
    clean(&world);
}

#[test]
fn a_long_talk_keeps_its_button() {
    let mut world = World::live(41);
    world.dial("k1", "+79161234567");
    world.run_for(Millis::secs(2));
    world.frame(&event("call.dial", "u1", 2, at(0), &json!({})));
    world.frame(&event("call.bridge", "u1", 2, at(0), &json!({ "bridgeAt": at(5).0 })));
    world.exchange.active =
        vec![event("call.bridge", "u1", 2, at(0), &json!({ "lastEvent": "call.bridge", "bridgeAt": at(5).0 }))];
    world.run_for(Millis::mins(45));
    assert_eq!(world.view.dials[0].phase, DialPhase::Talking);
    world.frame(&event("call.hangup", "u1", 2, at(0), &json!({ "bridgeAt": at(5).0, "serverTime": at(2700).0 })));
    assert!(world.view.dials.is_empty());
}

#[test]
fn a_check_is_answered_whatever_is_forbidden_or_changed() {
    let mut world = World::live(42);
    let forbidden = vec!["https://demo.phonet.com.ua".to_owned(), "https://crm.kontur.ru".to_owned()];
    let ask = world.ask(Sender::Extension, Request::CheckConnection);
    world.input(Input::Permissions { forbidden });
    world.run_for(Millis::secs(1));
    let Message::Checks { items } = &world.replies[&ask] else { panic!() };
    let failed = items.iter().filter(|item| item.state == CheckState::Failed);
    let failed: Vec<_> = failed.map(|item| (item.step, item.problem.as_ref().unwrap().code)).collect();
    let missing = |step| (step, Code::PermissionMissing);
    assert_eq!(failed, [missing(CheckStep::PhonetPermission), missing(CheckStep::KonturPermission)]);
    assert!(items.iter().all(|item| item.state != CheckState::Passed));
    let ask = world.ask(Sender::Extension, Request::CheckConnection);
    assert!(world.replies.contains_key(&ask));
}

#[test]
fn a_domain_that_swallows_everything_is_named() {
    let mut world = World::new(43, model::settings());
    world.exchange.unreachable = true;
    world.exchange.swallows = true;
    world.crash();
    world.run_for(Millis::mins(3));
    assert_eq!(world.view.link.problem.as_ref().unwrap().code, Code::PhonetUnreachable);
}

#[test]
fn an_email_address_as_subscriber_is_resolved_by_the_exchange() {
    let document = json!({
        "version": 1,
        "phonet": { "domain": "demo.phonet.com.ua", "apiKey": "phonet-key", "subscriber": "Anna@example.com" },
        "kontur": { "workspace": "ws", "apiKey": "kontur-key", "userId": ANNA },
        "directory": [{ "ext": "002", "userId": BORIS }]
    });
    let settings = trubka::settings::Settings::default().replaced_by(&document.to_string()).unwrap();
    let mut world = World::new(44, settings);
    world.run_for(Millis::secs(5));
    world.frame(&internal("call.dial", "002", "001", &json!({})));
    world.run_for(Millis::secs(3));
    assert_eq!(told(&world), Vec::<String>::new(), "the caller's browser tells it, this is the callee's");
    world.frame(&event("call.dial", "u1", 4, at(0), &json!({})));
    world.run_for(Millis::secs(3));
    assert_eq!(world.crm.calls["u1"].events[0]["to"]["userId"], ANNA);
}

/// A call from a client that ends unanswered.
fn miss(world: &mut World, uuid: &str) {
    world.frame(&event("call.dial", uuid, 4, at(0), &json!({})));
    world.frame(&event("call.hangup", uuid, 4, at(0), &json!({ "serverTime": at(9).0 })));
    world.run_for(Millis::secs(3));
}

fn missed(world: &World) -> (Vec<String>, u32) {
    (world.status.as_ref().unwrap().missed.clone(), world.toolbar.unwrap().missed)
}

#[test]
fn missed_calls_are_counted_until_they_are_looked_at() {
    let mut world = World::live(60);
    miss(&mut world, "u1");
    miss(&mut world, "u2");
    world.frame(&event("call.dial", "u3", 2, at(0), &json!({})));
    world.frame(&event("call.hangup", "u3", 2, at(0), &json!({ "serverTime": at(9).0 })));
    world.run_for(Millis::secs(3));
    assert_eq!(missed(&world), (vec!["u1".into(), "u2".into()], 2), "a call that nobody answered us is none");
    world.crash();
    world.run_for(Millis::secs(5));
    assert_eq!(missed(&world).1, 2, "they survive the worker");
    assert!(status(&mut world, Request::SeeMissed).missed.is_empty());
    miss(&mut world, "u1");
    assert_eq!(missed(&world).1, 0, "a repeated event is no news");
    world.crash();
    world.run_for(Millis::secs(5));
    assert_eq!(missed(&world).1, 0);
    clean(&world);
}

#[test]
fn a_group_call_is_missed_only_where_its_own_end_says_so() {
    let mut world = World::live(61);
    world.frame(&event("call.dial", "l1", 4, at(1), &json!({ "parentUuid": "g" })));
    world.frame(&event("call.hangup", "l1", 4, at(1), &json!({ "parentUuid": "g", "serverTime": at(20).0 })));
    assert_eq!(missed(&world).1, 0, "another may have answered");
    world.frame(&group("call.hangup", at(0), &json!({ "serverTime": at(21).0 })));
    assert_eq!(missed(&world), (vec!["g".into()], 1));
    let mut world = World::live(62);
    world.frame(&group("call.dial", at(0), &json!({})));
    world.frame(&group("call.hangup", at(0), &json!({ "bridgeAt": at(5).0, "serverTime": at(9).0 })));
    assert_eq!(missed(&world).1, 0, "somebody answered");
}

/// The calls in the database, the oldest first.
fn listed(world: &World) -> Vec<Value> {
    world.store.calls.values().map(|json| serde_json::from_str(json.reveal()).unwrap()).collect()
}

#[test]
fn every_call_that_ended_is_in_the_list_as_the_crm_has_it_in_the_end() {
    let mut world = World::live(63);
    for n in 0..60 {
        let uuid = format!("u{n}");
        world.frame(&event("call.dial", &uuid, 4, at(n * 10), &json!({})));
        let answered = if n % 2 == 0 { json!({ "bridgeAt": at(n * 10 + 3).0 }) } else { json!({}) };
        let mut end = json!({ "serverTime": at(n * 10 + 8).0 });
        end.as_object_mut().unwrap().extend(answered.as_object().unwrap().clone());
        world.frame(&event("call.hangup", &uuid, 4, at(n * 10), &end));
        world.run_for(Millis::secs(10));
        if n % 20 == 7 {
            world.crash();
            world.run_for(Millis::secs(5));
        }
    }
    world.run_for(Millis::secs(30));
    let calls = listed(&world);
    let ids: Vec<_> = calls.iter().map(|call| call["id"].as_str().unwrap().to_owned()).collect();
    assert_eq!(ids, (0..60).map(|n| format!("u{n}")).collect::<Vec<_>>(), "more than memory holds, in order");
    for (call, n) in calls.iter().zip(0..) {
        assert_eq!(call["missed"], n % 2 == 1, "{call}");
        assert_eq!(call["callBack"], "+79161234567");
        assert_eq!(call["delivery"]["state"], "delivered");
        assert_eq!(call["links"][0]["url"], "https://crm.kontur.ru/app/ws/contacts/c1", "{call}");
    }
    assert_eq!(world.crm.violations, Vec::<String>::new());
}

#[test]
fn the_list_holds_so_many_calls_and_no_more() {
    let mut world = World::live(64);
    for n in 0..5_000 {
        world.store.calls.insert(format!("{n:015}.old"), "{}".into());
    }
    miss(&mut world, "u1");
    assert_eq!(world.store.calls.len(), 5_000);
    assert_eq!(world.store.calls.first_key_value().unwrap().0, "000000000000001.old");
    assert!(world.store.calls.last_key_value().unwrap().0.ends_with(".u1"));
}

#[test]
fn what_is_not_with_the_crm_is_told_of_however_old_it_is() {
    let mut world = World::live(65);
    world.crm.fails_for = Some("kept".into());
    miss(&mut world, "kept");
    for n in 1..70 {
        miss(&mut world, &format!("u{n}"));
    }
    world.run_for(Millis::secs(10));
    let status = world.status.clone().unwrap();
    assert!(status.recent.iter().all(|call| call.id != "kept"));
    assert_eq!(status.undelivered.iter().map(|view| view.call.as_str()).collect::<Vec<_>>(), ["kept"]);
    assert_eq!(status.undelivered[0].delivery.state, DeliveryState::Waiting);
    world.crm.fails_for = None;
    world.run_for(Millis::mins(6));
    assert!(world.status.as_ref().unwrap().undelivered.is_empty());
    clean(&world);
}

#[test]
fn a_registration_that_was_given_up_is_not_said_to_be_in_the_crm() {
    let mut world = World::live(66);
    world.crm.faults = vec![200, 200, 200, 200, 400];
    miss(&mut world, "u1");
    world.run_for(Millis::secs(9));
    assert_eq!(status(&mut world, Request::GetStatus).undelivered[0].delivery.state, DeliveryState::Failed);
    let after = status(&mut world, Request::DiscardDelivery { call: "u1".into() });
    assert_eq!(after.recent[0].delivery.state, DeliveryState::None);
    world.run_for(Millis::secs(1));
    assert_eq!(listed(&world)[0]["delivery"]["state"], "none");
    world.crash();
    world.run_for(Millis::secs(5));
    assert_eq!(world.status.as_ref().unwrap().recent[0].delivery.state, DeliveryState::None);
}

#[test]
fn the_toolbar_shows_how_things_stand() {
    let mut world = World::live(67);
    let state = |world: &World| world.toolbar.unwrap().state;
    assert_eq!(state(&world), ToolbarState::Live);
    world.frame(&event("call.dial", "u1", 4, at(0), &json!({})));
    assert_eq!(state(&world), ToolbarState::Call);
    world.frame(&event("call.hangup", "u1", 4, at(0), &json!({ "serverTime": at(9).0 })));
    assert_eq!(state(&world), ToolbarState::Live);
    world.network = false;
    world.drop_socket();
    world.run_for(Millis::secs(1));
    assert_eq!(state(&world), ToolbarState::Waiting);
    let world = World::new(68, Settings::default());
    assert_eq!(state(&world), ToolbarState::Off);
}
