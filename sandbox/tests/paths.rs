//! Whole calls, told to the CRM by a scripted browser, and the verdict on them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod support;

use serde_json::{Value, json};
use support::{Bench, Browser, CLIENT, Connection, Crm, Rest};

/// Hears so many frames and tells the CRM of each.
async fn follow(browser: &mut Browser, connection: &mut Connection, crm: &Crm<'_>, frames: usize) -> Vec<Value> {
    let mut heard = Vec::new();
    for _ in 0..frames {
        let frame = connection.frame().await;
        browser.tell(crm, &frame).await;
        heard.push(frame);
    }
    heard
}

fn events(frames: &[Value]) -> Vec<&str> {
    frames.iter().map(|frame| frame["event"].as_str().unwrap()).collect()
}

fn assert_clean(bench: &Bench) {
    assert_eq!(bench.problems(), Vec::<String>::new());
    assert_eq!(bench.sandbox.verdict()["ok"], true);
}

#[tokio::test]
async fn an_answered_incoming_call_is_in_the_crm() {
    let bench = Bench::new().await;
    let (mut anna, crm, mut browser) = (bench.connect("001").await, bench.crm().await, Browser::default());
    let uuid = bench.incoming("001").await;
    bench.answer(&uuid).await;
    bench.hang_up(&uuid).await;
    let frames = follow(&mut browser, &mut anna, &crm, 3).await;
    assert_eq!(events(&frames), ["call.dial", "call.bridge", "call.hangup"]);
    assert_eq!(frames[0]["otherLegs"][0]["name"], "Петров Иван Иванович");
    assert_eq!(frames[0]["otherLegs"][0]["num"], "+79451235489");
    assert_eq!(frames[0]["leg"], json!({ "id": 29, "type": 1, "displayName": "Анна Смирнова", "ext": "001" }));
    assert_eq!(frames[0]["trunkNum"], "74951234567");
    bench.wait(&format!("registered:{uuid}")).await;
    bench.wait(&format!("event:{uuid}:connected")).await;
    let (_, book) = bench.get("/control/crm").await;
    assert_eq!(book["communications"][0]["state"], "registered");
    assert_eq!(book["communications"][0]["clientPhone"], CLIENT);
    assert_clean(&bench);
}

#[tokio::test]
async fn a_missed_call_is_registered_by_its_own_item() {
    let bench = Bench::new().await;
    let (mut anna, crm, mut browser) = (bench.connect("001").await, bench.crm().await, Browser::default());
    let uuid = bench.incoming("001").await;
    bench.hang_up(&uuid).await;
    let frames = follow(&mut browser, &mut anna, &crm, 2).await;
    assert_eq!(frames[1]["bridgeAt"], Value::Null);
    assert_clean(&bench);
}

#[tokio::test]
async fn a_click_dials_and_the_outgoing_call_is_in_the_crm() {
    let bench = Bench::new().await;
    let (mut anna, crm, mut browser) = (bench.connect("anna@example.com").await, bench.crm().await, Browser::default());
    anna.send(json!({ "action": "call", "to": CLIENT })).await;
    assert_eq!(anna.frame().await, json!({ "event": "success" }));
    let uuid = bench.wait(&format!("dial:{CLIENT}")).await["uuid"].as_str().unwrap().to_owned();
    bench.answer(&uuid).await;
    bench.hang_up(&uuid).await;
    let frames = follow(&mut browser, &mut anna, &crm, 3).await;
    assert_eq!((&frames[0]["uuid"], &frames[0]["lgDirection"]), (&json!(uuid), &json!(2)));
    assert_clean(&bench);
}

#[tokio::test]
async fn a_group_call_is_told_by_the_member_who_answers() {
    let bench = Bench::new().await;
    let (mut anna, mut boris) = (bench.connect("001").await, bench.connect("002").await);
    let (crm, mut first, mut second) = (bench.crm().await, Browser::default(), Browser::default());
    let started = bench.control("incoming", json!({ "from": CLIENT, "to": "900" })).await;
    let (group, leg) = (started["uuid"].as_str().unwrap(), &started["legs"]["002"]);
    bench.control(&format!("calls/{group}/answer"), json!({ "by": "002" })).await;
    bench.hang_up(leg.as_str().unwrap()).await;
    let heard = follow(&mut first, &mut anna, &crm, 5).await;
    assert_eq!(events(&heard), ["call.dial", "call.dial", "call.bridge", "call.hangup", "call.hangup"]);
    assert_eq!((&heard[0]["leg"]["type"], &heard[0]["leg"]["ext"]), (&json!(2), &json!("900")));
    assert_eq!((&heard[3]["leg"]["ext"], &heard[3]["bridgeAt"]), (&json!("001"), &Value::Null));
    assert_eq!(heard[4]["uuid"], group);
    assert!(heard[4]["bridgeAt"].is_i64(), "the group's end bears the answer");
    // Boris's browser tells last, with the first dial of the whole call as its date.
    for _ in 0..6 {
        let mut frame = boris.frame().await;
        frame["firstDialAt"] = heard[0]["dialAt"].clone();
        second.tell(&crm, &frame).await;
    }
    assert_clean(&bench);
}

#[tokio::test]
async fn a_missed_group_call_is_one_call_however_many_tell_it() {
    for to in ["900", "scenario"] {
        let bench = Bench::new().await;
        let (mut anna, mut boris) = (bench.connect("001").await, bench.connect("002").await);
        let (crm, mut first, mut second) = (bench.crm().await, Browser::default(), Browser::default());
        let uuid = bench.incoming(to).await;
        bench.hang_up(&uuid).await;
        follow(&mut first, &mut anna, &crm, 4).await;
        let heard = follow(&mut second, &mut boris, &crm, 4).await;
        assert_eq!(heard[0]["leg"]["ext"], if to == "900" { json!("900") } else { Value::Null });
        assert_eq!(bench.last()["repeat"], true, "the second registration is the same one");
        assert_clean(&bench);
    }
}

#[tokio::test]
async fn an_internal_call_is_told_by_its_caller() {
    let bench = Bench::new().await;
    let (mut anna, mut boris) = (bench.connect("001").await, bench.connect("002").await);
    let (crm, mut browser) = (bench.crm().await, Browser::default());
    anna.send(json!({ "action": "call", "to": "002" })).await;
    anna.event("success").await;
    let uuid = bench.wait("dial:002").await["uuid"].as_str().unwrap().to_owned();
    bench.answer(&uuid).await;
    bench.hang_up(&uuid).await;
    let heard = follow(&mut browser, &mut anna, &crm, 3).await;
    assert_eq!((&heard[0]["leg"]["ext"], &heard[0]["leg2"]["ext"]), (&json!("001"), &json!("002")));
    assert_eq!(boris.event("call.dial").await["uuid"], json!(uuid));
    assert_clean(&bench);
}

#[tokio::test]
async fn the_verdict_names_what_the_crm_lacks_or_has_wrong() {
    let bench = Bench::new().await;
    let (mut anna, crm) = (bench.connect("001").await, bench.crm().await);
    let uuid = bench.incoming("001").await;
    assert_clean(&bench);
    bench.hang_up(&uuid).await;
    assert!(bench.problems()[0].contains("never registered"), "{:?}", bench.problems());

    let (dial, hangup) = (anna.frame().await, anna.frame().await);
    Browser::default().tell(&crm, &dial).await;
    let problems = bench.problems().join("\n");
    for lack in ["never finished", "never disconnected", "never registered"] {
        assert!(problems.contains(lack), "{lack} is missing from {problems}");
    }

    let mut wrong = hangup.clone();
    wrong["serverTime"] = (hangup["serverTime"].as_i64().unwrap() + 1).into();
    Browser::default().tell(&crm, &wrong).await;
    let problems = bench.problems().join("\n");
    for wrong in ["disconnected at", "call-finished at", "item finishedAt"] {
        assert!(problems.contains(wrong), "{wrong} is missing from {problems}");
    }
}

#[tokio::test]
async fn the_verdict_knows_calls_that_never_were_and_users_who_never_spoke() {
    let bench = Bench::new().await;
    let (mut boris, crm) = (bench.connect("002").await, bench.crm().await);
    let uuid = bench.incoming("002").await;
    bench.hang_up(&uuid).await;
    let mut browser = Browser::default();
    for _ in 0..2 {
        let mut frame = boris.frame().await;
        frame["leg"]["ext"] = "001".into();
        browser.tell(&crm, &frame).await;
        frame["uuid"] = "never".into();
        browser.tell(&crm, &frame).await;
    }
    let problems = bench.problems().join("\n");
    assert!(problems.contains("names another user"), "{problems}");
    assert!(problems.contains("never: in the CRM, but the exchange had no such call"), "{problems}");
}

#[tokio::test]
async fn a_call_no_browser_could_hear_is_not_owed() {
    let bench = Bench::new().await;
    let _anna = bench.connect("001").await;
    let uuid = bench.incoming("002").await;
    bench.hang_up(&uuid).await;
    let group = bench.control("incoming", json!({ "from": null, "to": "900" })).await;
    bench.control(&format!("calls/{}/answer", group["uuid"].as_str().unwrap()), json!({ "by": "002" })).await;
    bench.hang_up(group["uuid"].as_str().unwrap()).await;
    assert_clean(&bench);
}

/// The ended call to 001 as the history tells it, in the shape of a hangup.
async fn from_history(bench: &Bench) -> Value {
    let rest = Rest::authorize(bench).await;
    let (_, page) = rest.get("/rest/calls/users.api?timeFrom=1700000000000&timeTo=9999999999999").await;
    let record = &page[0];
    let end = record["endAt"].as_i64().unwrap();
    let before = |key: &str| end - record[key].as_i64().unwrap() * 1000;
    json!({
        "event": "call.hangup", "uuid": record["uuid"], "parentUuid": record["parentUuid"], "leg": record["leg"],
        "lgDirection": record["lgDirection"], "otherLegs": [{ "num": record["otherLegNum"] }],
        "trunkNum": record["trunk"], "dialAt": before("duration"), "serverTime": end,
        "bridgeAt": if record["disposition"] == 0 { json!(before("billSecs")) } else { Value::Null },
    })
}

#[tokio::test]
async fn a_call_that_nobody_heard_is_owed_and_registered_from_the_history() {
    let bench = Bench::new().await;
    let crm = bench.crm().await;
    bench.connect("001").await.close();
    let uuid = bench.incoming("001").await;
    bench.answer(&uuid).await;
    bench.hang_up(&uuid).await;
    assert!(bench.problems()[0].contains("never registered"), "{:?}", bench.problems());
    let refused = bench.get("/control/wait?what=delivered:calls&timeout=1").await;
    assert_eq!(refused.0, 408);

    let record = from_history(&bench).await;
    let (callback, registration) = Browser::default().requests(&record).pop().unwrap();
    crm.good(callback, registration).await;
    bench.wait("delivered:calls").await;
    assert_clean(&bench);
}

#[tokio::test]
async fn a_time_is_the_sockets_or_the_historys_and_nothing_between() {
    let bench = Bench::new().await;
    let (mut anna, crm) = (bench.connect("001").await, bench.crm().await);
    let uuid = bench.incoming("001").await;
    bench.hang_up(&uuid).await;
    let dial = anna.event("call.dial").await["dialAt"].as_i64().unwrap();
    let record = from_history(&bench).await;
    let told = record["dialAt"].as_i64().unwrap();
    assert_eq!((record["serverTime"].as_i64().unwrap() - told) % 1000, 0, "whole seconds");
    let mut wrong = record.clone();
    wrong["dialAt"] = (dial.min(told) - 1).into();
    let (callback, registration) = Browser::default().requests(&wrong).pop().unwrap();
    crm.good(callback, registration).await;
    let problems = bench.problems().join("\n");
    for wrong in ["externalCreatedAt", "item startedAt"] {
        assert!(problems.contains(wrong), "{wrong} is missing from {problems}");
    }
}

#[tokio::test]
async fn a_missed_group_call_is_owed_by_who_heard_its_end_and_lived() {
    let bench = Bench::new().await;
    let anna = bench.connect("001").await;
    let missed = async || {
        let uuid = bench.incoming("900").await;
        bench.hang_up(&uuid).await;
    };
    missed().await;
    assert_eq!(bench.problems().len(), 1);
    anna.close();
    while bench.get("/control/state").await.1["sockets"] != json!([]) {
        tokio::task::yield_now().await;
    }
    assert_eq!(bench.problems(), Vec::<String>::new(), "it may have died before it read the end");
    missed().await;
    assert_eq!(bench.problems(), Vec::<String>::new(), "nobody heard it");
}

#[tokio::test]
async fn a_group_call_answered_by_an_absent_browsers_agent_is_registered_alone() {
    let bench = Bench::new().await;
    let (mut anna, crm, mut browser) = (bench.connect("001").await, bench.crm().await, Browser::default());
    let call = bench.control("incoming", json!({ "from": CLIENT, "to": "900" })).await;
    let group = call["uuid"].as_str().unwrap();
    bench.control(&format!("calls/{group}/answer"), json!({ "by": "002" })).await;
    bench.hang_up(group).await;
    let heard = follow(&mut browser, &mut anna, &crm, 5).await;
    assert_eq!(heard[4]["uuid"], group);
    assert_clean(&bench);

    let record = from_history(&bench).await;
    assert_eq!(record["uuid"], call["legs"]["002"]);
    let (callback, registration) = Browser::default().requests(&record).pop().unwrap();
    let mut own = registration.clone();
    own["items"][0]["id"] = json!(group);
    own["items"][0]["to"] = json!({ "type": "user" });
    crm.bad(409, "before its call-finished", callback, own).await;
    crm.good(callback, registration).await;
    assert_eq!(bench.problems().len(), 1, "{:?}", bench.problems());
}
