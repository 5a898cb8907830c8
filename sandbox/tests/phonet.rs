//! The exchange: who may connect, what a browser may send, what it is told, and the REST calls.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod support;

use serde_json::{Value, json};
use support::{Bench, CLIENT, Connection, Rest};
use tokio_tungstenite::tungstenite::Error as WsError;

const GOOD: &str = "domain=demo.phonet.com.ua&apiKey=sandbox-phonet-key&subscriber=001";

#[tokio::test]
async fn a_wrong_handshake_is_refused_before_the_upgrade() {
    let bench = Bench::new().await;
    for (query, violates) in [
        (GOOD.replace("demo.", "other."), false),
        (GOOD.replace("sandbox-phonet-key", "wrong"), false),
        (GOOD.replace("001", "003"), false),
        (GOOD.replace("001", "900"), false),
        (GOOD.replace("&subscriber=001", ""), true),
        (GOOD.replace("domain=demo.phonet.com.ua&", ""), true),
        (format!("{GOOD}&token=x"), true),
        (format!("{GOOD}&subscriber=002"), true),
    ] {
        match bench.socket(&query).await {
            Err(WsError::Http(response)) => assert_eq!(response.status().as_u16(), 403, "{query}"),
            _ => panic!("{query} must be refused"),
        }
        assert_eq!(bench.violations().is_empty(), !violates, "{query}");
        assert_eq!(bench.last()["status"], 403);
        assert_ne!(bench.last()["query"]["apiKey"], "sandbox-phonet-key", "the ledger masks keys");
    }
    let (status, _) = bench.get(&format!("/live/connector/v3/easy?{GOOD}")).await;
    assert_eq!((status, bench.violations().len()), (426, 1));
    bench.control("fault", json!({ "service": "phonet", "status": 503, "count": 1 })).await;
    assert!(matches!(bench.socket(GOOD).await, Err(WsError::Http(response)) if response.status() == 503));
    assert!(bench.socket(GOOD).await.is_ok());
}

#[tokio::test]
async fn a_frame_that_is_no_click2call_is_an_error_and_a_violation() {
    let bench = Bench::new().await;
    let mut anna = bench.connect("001").await;
    for text in [
        "call",
        "[]",
        "{}",
        r#"{"action":"call"}"#,
        r#"{"action":"hangup","to":"79451235489"}"#,
        r#"{"action":"call","to":"+79451235489"}"#,
        r#"{"action":"call","to":"12"}"#,
        r#"{"action":"call","to":"1234567890123456"}"#,
        r#"{"action":"call","to":79451235489}"#,
        r#"{"action":"call","to":"79451235489","from":"001"}"#,
    ] {
        anna.say(text).await;
        let frame = anna.event("error").await;
        assert!(frame["message"].is_string());
        assert_eq!(bench.violations().len(), 1, "{text}");
    }
}

#[tokio::test]
async fn a_dial_may_be_refused_lost_or_doubled() {
    let bench = Bench::new().await;
    let mut anna = bench.connect("001").await;
    let call = |to: &str| json!({ "action": "call", "to": to });
    anna.send(call("74950000000")).await;
    assert_eq!(anna.frame().await, json!({ "event": "error", "message": "Номер заблокирован" }));
    assert_eq!(bench.wait("dial:74950000000").await["uuid"], Value::Null);
    anna.send(call("001")).await;
    anna.event("error").await;
    anna.send(call("003")).await;
    anna.event("error").await;
    anna.send(call("74950000001")).await;
    anna.event("success").await;
    assert_eq!(bench.wait("dial:74950000001").await["uuid"], Value::Null);
    assert!(bench.problems().is_empty());

    anna.send(call(CLIENT)).await;
    anna.event("success").await;
    anna.event("call.dial").await;
    anna.send(call(CLIENT)).await;
    anna.event("error").await;
    assert_eq!(bench.violations(), ["this number is already being called by this subscriber"]);
}

#[tokio::test]
async fn silence_accepts_one_click_and_tells_nothing() {
    let bench = Bench::new().await;
    let mut anna = bench.connect("001").await;
    bench.control("silence", json!({ "on": true })).await;
    anna.send(json!({ "action": "call", "to": CLIENT })).await;
    bench.wait("requests:2").await;
    assert!(bench.violations().is_empty());
    anna.send(json!({ "action": "call", "to": "78123854136" })).await;
    bench.wait("requests:3").await;
    assert_eq!(bench.violations(), ["a click2call on this socket is still in flight"]);
    let uuid = bench.incoming("001").await;
    bench.control("silence", json!({ "on": false })).await;
    bench.hang_up(&uuid).await;
    assert_eq!(anna.event("call.hangup").await["uuid"], json!(uuid), "the first frame after the silence");
}

#[tokio::test]
async fn quirks_are_told_as_seen_in_the_wild() {
    let bench = Bench::new().await;
    let mut anna = bench.connect("001").await;
    let quirks = json!(["seconds", "stringTime", "duplicateDial", "nullOtherLegs", "dashedUuid"]);
    let call = bench.control("incoming", json!({ "from": CLIENT, "to": "001", "quirks": quirks })).await;
    let (first, second) = (anna.event("call.dial").await, anna.event("call.dial").await);
    assert_eq!(first, second);
    assert_eq!((&first["uuid"], &first["otherLegs"]), (&call["uuid"], &Value::Null));
    assert_eq!(first["uuid"].as_str().unwrap().matches('-').count(), 4);
    assert!(first["dialAt"].as_i64().unwrap() < 1_000_000_000_000);
    assert!(first["serverTime"].as_str().unwrap().parse::<i64>().unwrap() < 1_000_000_000_000);
    bench.control("incoming", json!({ "from": null, "to": "001", "quirks": ["hexUuid"] })).await;
    let withheld = anna.event("call.dial").await;
    assert_eq!(withheld["uuid"].as_str().unwrap().len(), 32);
    assert_eq!(withheld["otherLegs"].as_array().unwrap().len(), 1);
    assert_eq!((&withheld["otherLegs"][0]["num"], &withheld["otherLegs"][0]["name"]), (&Value::Null, &Value::Null));
    let (status, _) = bench.post("/control/incoming", json!({ "from": "1", "to": "001", "quirks": ["x"] })).await;
    assert_eq!(status, 400);
}

#[tokio::test]
async fn times_of_a_call_only_grow_and_events_reach_only_those_concerned() {
    let bench = Bench::new().await;
    let (mut anna, mut boris) = (bench.connect("001").await, bench.connect("002").await);
    let uuid = bench.incoming("001").await;
    bench.answer(&uuid).await;
    bench.hang_up(&uuid).await;
    let mut last = 0;
    for event in ["call.dial", "call.bridge", "call.hangup"] {
        let frame = anna.event(event).await;
        let at = frame["serverTime"].as_i64().unwrap();
        assert!(frame["dialAt"].as_i64().unwrap() < at && at > last);
        last = at;
    }
    bench.control("presence", json!({ "ext": "002", "away": true })).await;
    let presence = boris.event("call.dial").await;
    assert_eq!((&presence["lgDirection"], &presence["leg"]["ext"]), (&json!(32), &json!("002")));
    boris.event("call.hangup").await;
    bench.control("presence", json!({ "ext": "002", "away": false })).await;
    assert_eq!(boris.event("call.dial").await["lgDirection"], 64);
}

#[tokio::test]
async fn a_member_may_decline_and_the_group_rings_on() {
    let bench = Bench::new().await;
    let mut boris = bench.connect("002").await;
    let call = bench.control("incoming", json!({ "from": CLIENT, "to": "900" })).await;
    let (group, legs) = (call["uuid"].as_str().unwrap(), &call["legs"]);
    bench.hang_up(legs["001"].as_str().unwrap()).await;
    bench.answer(group).await;
    let frames = [boris.frame().await, boris.frame().await, boris.frame().await];
    assert_eq!((&frames[1]["parentUuid"], &frames[1]["leg"]["ext"]), (&json!(group), &json!("002")));
    assert_eq!((&frames[2]["event"], &frames[2]["uuid"]), (&json!("call.bridge"), &legs["002"]));
    let (status, _) = bench.post(&format!("/control/calls/{group}/answer"), json!({ "by": "001" })).await;
    assert_eq!(status, 400, "a declined telephone rings no more");
}

#[tokio::test]
async fn sockets_can_be_dropped_and_frames_put_in_by_hand() {
    let bench = Bench::new().await;
    let (mut anna, mut boris) = (bench.connect("001").await, bench.connect("002").await);
    bench.control("frame", json!({ "subscriber": "001", "text": "{not json," })).await;
    assert_eq!(anna.hear().await.as_deref(), Some("{not json,"));
    bench.control("drop", json!({ "subscriber": "001" })).await;
    assert_eq!(anna.hear().await, None);
    bench.control("drop", json!({})).await;
    assert_eq!(boris.hear().await, None);
    let (status, _) = bench.post("/control/frame", json!({ "subscriber": "001", "text": "x" })).await;
    assert_eq!(status, 400);
}

#[tokio::test]
async fn rest_needs_a_session_and_documented_requests() {
    let bench = Bench::new().await;
    assert_eq!(bench.get("/rest/users").await.0, 403);
    let wrong = json!({ "domain": "demo.phonet.com.ua", "apiKey": "wrong" });
    assert_eq!(bench.post("/rest/security/authorize", wrong).await.0, 403);
    assert!(bench.problems().is_empty());
    let more = json!({ "domain": "demo.phonet.com.ua", "apiKey": "sandbox-phonet-key", "x": 1 });
    assert_eq!(bench.post("/rest/security/authorize", more).await.0, 400);
    let rest = Rest::authorize(&bench).await;
    let (status, users) = rest.get("/rest/users").await;
    assert_eq!((status, &users[1]["ext"], &users[1]["email"]), (200, &json!("002"), &json!("boris@example.com")));
    for (path, status) in [
        ("/rest/nothing", 404),
        ("/elsewhere", 404),
        ("/rest/user/makeCall", 405),
        ("/rest/users?x=1", 400),
        ("/rest/calls/company.api?timeFrom=1700000000000", 400),
        ("/rest/calls/company.api?timeFrom=1700000000000&timeTo=1800000000000&limit=51", 400),
        ("/rest/calls/company.api?timeFrom=1700000000000&timeTo=1800000000000&limit=0", 400),
        ("/rest/calls/company.api?timeFrom=1700000000&timeTo=1800000000", 400),
        ("/rest/calls/company.api?timeFrom=1700000000000&timeTo=1800000000000&directions=1", 400),
    ] {
        // Outside /rest/ and /live/ only the exchange's own name leads to it.
        let request = bench.http.get(bench.url(path)).header("cookie", &rest.cookie);
        assert_eq!(bench.send(request.header("host", "demo.phonet.com.ua")).await.0, status, "{path}");
        assert_eq!(bench.violations().len(), 1, "{path}");
    }
    bench.control("expire-keys", json!({})).await;
    assert_eq!(rest.get("/rest/users").await.0, 403);
}

#[tokio::test]
async fn rest_dials_lists_and_hangs_up() {
    let bench = Bench::new().await;
    let mut anna = bench.connect("001").await;
    let rest = Rest::authorize(&bench).await;
    let dial = |number: &str| json!({ "legExt": "001", "otherLegNum": number });
    assert_eq!(rest.post("/rest/user/makeCall", dial(CLIENT)).await.0, 400, "a number without +");
    assert_eq!(bench.violations().len(), 1);
    let (status, answer) = rest.post("/rest/user/makeCall", dial("+79451235489")).await;
    let uuid = answer["uuid"].as_str().unwrap();
    assert_eq!((status, anna.event("call.dial").await["uuid"].as_str()), (200, Some(uuid)));
    assert_eq!(bench.wait(&format!("dial:{CLIENT}")).await["uuid"], json!(uuid));
    bench.answer(uuid).await;
    let (_, active) = rest.get("/rest/calls/active/v3").await;
    assert_eq!((&active[0]["lastEvent"], &active[0]["event"]), (&json!("call.bridge"), &Value::Null));
    assert_eq!(rest.get(&format!("/rest/calls/active/{uuid}/hangup")).await, (200, Value::Null));
    assert_eq!(rest.get(&format!("/rest/calls/active/{uuid}/hangup")).await.0, 404);
    assert_eq!(rest.get("/rest/calls/active/v3").await.1, json!([]));
    let missed = bench.incoming("001").await;
    bench.hang_up(&missed).await;
    let page = "timeFrom=1700000000000&timeTo=9999999999999";
    let (_, company) = rest.get(&format!("/rest/calls/company.api?{page}&limit=50&offset=0")).await;
    assert_eq!((&company[0]["uuid"], &company[0]["disposition"]), (&json!(missed), &json!(1)));
    assert_eq!((&company[1]["uuid"], &company[1]["disposition"]), (&json!(uuid), &json!(0)));
    assert_eq!(company[1]["otherLegNum"], "+79451235489");
    let (_, listed) = rest.get(&format!("/rest/calls/missed.api?{page}")).await;
    assert_eq!((listed.as_array().unwrap().len(), &listed[0]["uuid"]), (1, &json!(missed)));
    let (_, paged) = rest.get(&format!("/rest/calls/users.api?{page}&limit=1&offset=1")).await;
    assert_eq!((paged.as_array().unwrap().len(), &paged[0]["uuid"]), (1, &json!(uuid)));
}

#[tokio::test]
async fn a_half_open_socket_hears_nothing_and_says_nothing() {
    let bench = Bench::new().await;
    let mut old = bench.connect("001").await;
    let boris = bench.connect("002").await;
    let (_, opened) = bench.post("/control/half-open", json!({ "subscriber": "001" })).await;
    assert_eq!(opened, json!({ "ok": true, "sockets": 1 }));
    old.send(json!({ "action": "call", "to": "78123854136" })).await;
    assert_eq!(bench.get("/control/wait?what=socket:001&timeout=1").await.0, 408, "it is deaf");
    bench.wait("socket:002").await;

    let mut new = bench.connect("001").await;
    new.send(json!({ "action": "call", "to": CLIENT })).await;
    new.event("success").await;
    let uuid = new.event("call.dial").await["uuid"].clone();
    assert!(old.is_quiet().await);
    let (_, state) = bench.get("/control/state").await;
    assert_eq!([0, 1, 2].map(|at| &state["sockets"][at]["halfOpen"]), [true, false, false]);
    assert_eq!(bench.wait(&format!("dial:{CLIENT}")).await["uuid"], uuid);
    assert_eq!(bench.get("/control/wait?what=dial:78123854136&timeout=1").await.0, 408, "the click was lost");
    assert!(bench.problems().is_empty());

    assert_eq!(bench.control("half-open", json!({})).await["sockets"], 3);
    drop((old, new, boris));
    while bench.get("/control/state").await.1["sockets"] != json!([]) {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_revoked_key_opens_nothing_and_its_sockets_fall_silent() {
    let bench = Bench::new().await;
    let mut anna = bench.connect("001").await;
    let rest = Rest::authorize(&bench).await;
    bench.control("phonet-key", json!({ "valid": false })).await;
    assert_eq!(rest.get("/rest/users").await.0, 403);
    let authorize = async || {
        let body = json!({ "domain": "demo.phonet.com.ua", "apiKey": "sandbox-phonet-key" });
        bench.post("/rest/security/authorize", body).await.0
    };
    assert_eq!(authorize().await, 403);
    assert!(matches!(bench.socket(GOOD).await, Err(WsError::Http(answer)) if answer.status() == 403));
    let uuid = bench.incoming("001").await;
    assert!(anna.is_quiet().await);
    assert_eq!(bench.get("/control/state").await.1["keyValid"], false);

    bench.control("phonet-key", json!({ "valid": true })).await;
    assert_eq!(authorize().await, 200);
    bench.hang_up(&uuid).await;
    anna.event("call.hangup").await;
    bench.control("phonet-key", json!({ "valid": false, "close": true })).await;
    assert_eq!(anna.hear().await, None);
    assert_eq!(bench.problems().len(), 1, "the unheard call is owed: {:?}", bench.problems());
}

#[tokio::test]
async fn two_browsers_of_one_subscriber_are_both_served() {
    let bench = Bench::new().await;
    let mut browsers = [bench.connect("001").await, bench.connect("anna@example.com").await];
    let numbers = [CLIENT, "78123854136"];
    let mut uuids = Vec::new();
    for (browser, number) in browsers.iter_mut().zip(numbers) {
        browser.send(json!({ "action": "call", "to": number })).await;
    }
    for number in numbers {
        uuids.push(bench.wait(&format!("dial:{number}")).await["uuid"].clone());
    }
    let dials = async |browser: &mut Connection| {
        let mut heard = Vec::new();
        while heard.len() < 2 {
            let frame = browser.frame().await;
            if frame["event"] == "call.dial" {
                heard.push(frame["uuid"].clone());
            }
        }
        heard.sort_by_key(Value::to_string);
        heard
    };
    uuids.sort_by_key(Value::to_string);
    for browser in &mut browsers {
        assert_eq!(dials(browser).await, uuids);
    }
    assert!(bench.problems().is_empty());
}

#[tokio::test]
async fn hanging_up_a_members_leg_declines_for_him_alone() {
    let bench = Bench::new().await;
    let rest = Rest::authorize(&bench).await;
    let call = bench.control("incoming", json!({ "from": CLIENT, "to": "900" })).await;
    let hang_up =
        async |uuid: &Value| rest.get(&format!("/rest/calls/active/{}/hangup", uuid.as_str().unwrap())).await.0;
    assert_eq!(hang_up(&call["legs"]["001"]).await, 200);
    assert_eq!(hang_up(&call["legs"]["001"]).await, 404);
    let (_, active) = rest.get("/rest/calls/active/v3").await;
    let active: Vec<&Value> = active.as_array().unwrap().iter().map(|call| &call["uuid"]).collect();
    assert_eq!(active, [&call["uuid"], &call["legs"]["002"]], "the others ring on");
    assert_eq!(hang_up(&call["legs"]["002"]).await, 200);
    assert_eq!(rest.get("/rest/calls/active/v3").await.1, json!([]), "nobody is left to ring");
}
