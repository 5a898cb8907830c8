//! The CRM's refusals: keys, headers, bodies and the order of a call, one by one.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod support;

use serde_json::{Value, json};
use support::{ANNA, Bench, CALLBACKS, CLIENT};

const T: [&str; 6] = [
    "2026-03-22T10:38:35.615+00:00",
    "2026-03-22T10:38:36.000+00:00",
    "2026-03-22T10:38:37.000+00:00",
    "2026-03-22T10:38:38.000+00:00",
    "2026-03-22T10:38:39.000+00:00",
    "2026-03-22T10:38:40.000+00:00",
];

fn boundary(at: &str) -> Value {
    json!({ "externalId": "a.1", "direction": "inbound", "clientPhone": CLIENT, "timestamp": at })
}

fn event(kind: &str, at: &str) -> Value {
    json!({
        "externalId": "a.1", "externalCallItemId": "a.1", "realtimeCallItemId": "a.1", "timestamp": at, "type": kind,
        "from": { "type": "client" }, "to": { "type": "user", "userId": ANNA },
    })
}

fn registration() -> Value {
    json!({
        "externalId": "a.1", "direction": "inbound", "clientPhone": CLIENT, "externalCreatedAt": T[0],
        "items": [{
            "id": "a.1", "from": { "type": "client" }, "to": { "type": "user", "userId": ANNA },
            "startedAt": T[1], "finishedAt": T[3],
        }],
    })
}

/// A body with one field changed; null takes it out.
fn with(mut body: Value, field: &str, value: Value) -> Value {
    let target = field.split('.').fold(&mut body, |body, key| match key.parse::<usize>() {
        Ok(at) => &mut body[at],
        Err(_) => &mut body[key],
    });
    *target = value;
    body
}

#[tokio::test]
async fn a_call_in_order_is_taken() {
    let bench = Bench::new().await;
    let crm = bench.crm().await;
    let answer = crm.good("call-started", boundary(T[0])).await;
    assert_eq!(answer["externalId"], "Phonet/a.1");
    assert_eq!(answer["links"]["contactIds"].as_array().unwrap().len(), 1);
    assert_eq!(answer["links"]["dealIds"].as_array().unwrap().len(), 1);
    let id = &answer["id"];
    crm.good("call-event", event("appeared", T[0])).await;
    crm.good("call-event", with(event("connected", T[1]), "communicationId", id.clone())).await;
    crm.good("call-event", event("paused", T[2])).await;
    crm.good("call-event", event("connected", T[2])).await;
    crm.good("call-event", with(event("disconnected", T[3]), "externalId", json!("Phonet/a.1"))).await;
    assert_eq!(crm.good("call-finished", boundary(T[3])).await, "OK");
    assert_eq!(crm.good("register-call", with(registration(), "communicationId", id.clone())).await, "OK");
}

#[tokio::test]
async fn the_same_again_is_a_repeat_and_changes_nothing() {
    let bench = Bench::new().await;
    let crm = bench.crm().await;
    let first = crm.good("call-started", boundary(T[0])).await["id"].clone();
    let again = crm.good("call-started", boundary(T[0])).await;
    assert_eq!((&again["id"], &bench.last()["repeat"]), (&first, &json!(true)));
    let steps = [
        ("call-event", event("appeared", T[0])),
        ("call-event", event("disconnected", T[3])),
        ("call-finished", boundary(T[3])),
    ];
    for (callback, body) in &steps {
        crm.good(callback, body.clone()).await;
    }
    crm.good("register-call", with(registration(), "items.0.startedAt", json!(T[0]))).await;
    for (callback, body) in steps {
        crm.good(callback, body).await;
        assert_eq!(bench.last()["repeat"], true);
    }
    let answer = crm.tell("register-call", with(registration(), "items.0.startedAt", json!(T[0]))).await;
    assert_eq!(answer, (409, json!("Error")));
    assert_eq!((&bench.last()["repeat"], bench.violations()), (&json!(true), Vec::new()));
    crm.bad(409, "differs from the first", "register-call", registration()).await;
}

#[tokio::test]
async fn another_body_under_the_same_id_is_refused() {
    let bench = Bench::new().await;
    let crm = bench.crm().await;
    crm.good("call-started", boundary(T[0])).await;
    let answer = crm.bad(409, "differs from the first", "call-started", boundary(T[1])).await;
    assert_eq!(answer["status"], "invalidArgs");
    assert!(answer["invalidDatas"].is_array() && answer["message"].is_string());
    crm.good("call-event", event("appeared", T[0])).await;
    let other = with(event("appeared", T[0]), "to", json!({ "type": "user" }));
    crm.bad(409, "a repeat with other parties", "call-event", other.clone()).await;
    let other = with(with(other, "type", json!("connected")), "timestamp", json!(T[1]));
    crm.bad(409, "parties or ids changed", "call-event", other).await;
    crm.good("call-event", event("disconnected", T[3])).await;
    let other = with(boundary(T[3]), "clientPhone", json!("78123854136"));
    crm.bad(409, "differ from call-started", "call-finished", other).await;
    crm.good("call-finished", boundary(T[3])).await;
    crm.bad(409, "differs from the first", "call-finished", boundary(T[4])).await;
}

#[tokio::test]
async fn a_call_out_of_order_is_refused() {
    let bench = Bench::new().await;
    let crm = bench.crm().await;
    let answer = crm.bad(409, "before its call-started", "call-event", event("appeared", T[0])).await;
    assert_eq!(answer, json!({ "status": "communicationNotFound", "message": "Communication not found. Id: a.1" }));
    crm.bad(409, "before its call-started", "call-finished", boundary(T[0])).await;
    crm.good("call-started", boundary(T[1])).await;
    crm.bad(409, "cannot follow nothing", "call-event", event("connected", T[1])).await;
    crm.bad(409, "cannot follow nothing", "call-event", event("disconnected", T[1])).await;
    crm.bad(409, "time runs backwards", "call-event", event("appeared", T[0])).await;
    crm.good("call-event", event("appeared", T[1])).await;
    crm.bad(409, "cannot follow appeared", "call-event", event("paused", T[2])).await;
    crm.bad(409, "cannot follow appeared", "call-event", event("appeared", T[2])).await;
    crm.bad(409, "still open", "call-finished", boundary(T[2])).await;
    crm.good("call-event", event("connected", T[3])).await;
    crm.bad(409, "still open", "call-finished", boundary(T[4])).await;
    crm.bad(409, "time runs backwards", "call-event", event("disconnected", T[2])).await;
    crm.bad(409, "before its call-finished", "register-call", registration()).await;
    crm.good("call-event", event("disconnected", T[4])).await;
    crm.bad(409, "cannot follow disconnected", "call-event", event("connected", T[5])).await;
    crm.bad(409, "time runs backwards", "call-finished", boundary(T[3])).await;
    crm.good("call-finished", boundary(T[4])).await;
    let late =
        with(with(event("appeared", T[5]), "realtimeCallItemId", json!("a.2")), "externalCallItemId", json!("a.2"));
    crm.bad(409, "after call-finished", "call-event", late).await;
    crm.good("register-call", registration()).await;
}

#[tokio::test]
async fn another_members_unanswered_leg_may_come_late() {
    let bench = Bench::new().await;
    let crm = bench.crm().await;
    let leg = |body: Value| with(with(body, "realtimeCallItemId", json!("a.2")), "externalCallItemId", json!("a.2"));
    crm.good("call-started", boundary(T[0])).await;
    crm.good("call-finished", boundary(T[3])).await;
    crm.good("call-event", leg(event("appeared", T[0]))).await;
    crm.bad(409, "after call-finished", "call-event", leg(event("connected", T[1]))).await;
    crm.bad(409, "after call-finished", "call-event", leg(event("disconnected", T[4]))).await;
    crm.good("call-event", leg(event("disconnected", T[3]))).await;
    crm.bad(409, "after call-finished", "call-event", event("appeared", T[1])).await;
}

#[tokio::test]
async fn communication_ids_must_be_the_calls_own() {
    let bench = Bench::new().await;
    let crm = bench.crm().await;
    let stranger = json!(ANNA);
    crm.bad(409, "unknown communication", "call-started", with(boundary(T[0]), "communicationId", stranger.clone()))
        .await;
    crm.good("call-started", boundary(T[0])).await;
    let foreign = |body| with(body, "communicationId", stranger.clone());
    let answer = crm.bad(409, "names the communication", "call-event", foreign(event("appeared", T[0]))).await;
    assert_eq!(answer["status"], "communicationNotFound");
    crm.bad(409, "names the communication", "call-finished", foreign(boundary(T[0]))).await;
    crm.bad(409, "names the communication", "register-call", foreign(registration())).await;
}

#[tokio::test]
async fn a_body_that_cannot_be_read_is_named_field_by_field() {
    let bench = Bench::new().await;
    let crm = bench.crm().await;
    let answer = crm.bad(400, "direction", "call-started", with(boundary(T[0]), "direction", json!("in2bound"))).await;
    assert_eq!(answer["title"], "One or more validation errors occurred.");
    assert_eq!(answer["type"], "https://tools.ietf.org/html/rfc7231#section-6.5.1");
    assert_eq!(answer["status"], 400);
    assert!(answer["errors"]["direction"][0].as_str().unwrap().contains("CommunicationDirection"));
    assert_eq!(answer["errors"]["callStartedInfo"], json!(["The callStartedInfo field is required."]));
    for (field, value, reason) in [
        ("timestamp", json!(1_647_945_515_615_i64), "System.DateTimeOffset"),
        ("timestamp", json!("2026-03-22T10:38:35"), "System.DateTimeOffset"),
        ("timestamp", json!("22.03.2026"), "System.DateTimeOffset"),
        ("timestamp", Value::Null, "timestamp field is required"),
        ("externalId", json!(""), "System.String"),
        ("externalId", json!(5), "System.String"),
        ("externalId", Value::Null, "externalId field is required"),
        ("direction", Value::Null, "direction field is required"),
        ("clientPhone", json!("+79451235489"), "digits"),
        ("clientPhone", json!(79451235489_i64), "digits"),
        ("externalVatsPhone", json!("Москва"), "digits"),
        ("communicationId", json!("184...bcd"), "System.Guid"),
        ("comment", json!("x"), "Could not find member"),
    ] {
        for callback in ["call-started", "call-finished"] {
            crm.bad(400, reason, callback, with(boundary(T[0]), field, value.clone())).await;
        }
    }
    for (field, value, reason) in [
        ("type", json!("ringing"), "CallEventType"),
        ("type", Value::Null, "type field is required"),
        ("realtimeCallItemId", Value::Null, "realtimeCallItemId field is required"),
        ("externalCallItemId", json!({}), "System.String"),
        ("from", Value::Null, "from field is required"),
        ("to", json!([]), "an object"),
        ("to.type", json!("agent"), "CallPartyType"),
        ("to.userId", json!("anna"), "System.Guid"),
        ("to.name", json!("Анна"), "Could not find member"),
        ("from.userId", json!(ANNA), "a party of type client"),
    ] {
        crm.bad(400, reason, "call-event", with(event("appeared", T[0]), field, value)).await;
    }
    for (field, value, reason) in [
        ("items", Value::Null, "items field is required"),
        ("items", json!({}), "CallItem[]"),
        ("items.0.id", Value::Null, "id field is required"),
        ("items.0.startedAt", json!(1), "System.DateTimeOffset"),
        ("items.0.finishedAt", Value::Null, "finishedAt field is required"),
        ("items.0.duration", json!(1), "Could not find member"),
        ("items.0.recordings", json!({}), "CallRecording[]"),
        ("items.0.recordings", json!([{ "fileId": "x" }]), "fileName field is required"),
        (
            "items.0.recordings",
            json!([{ "fileId": "x", "fileName": "x", "contentType": "audio/wav", "contentLength": "much" }]),
            "System.Int64",
        ),
        ("externalCreatedAt", Value::Null, "externalCreatedAt field is required"),
        ("startedAt", json!(T[0]), "Could not find member"),
    ] {
        crm.bad(400, reason, "register-call", with(registration(), field, value)).await;
    }
    let internal = with(boundary(T[0]), "direction", json!("internal"));
    crm.bad(400, "a field of an internal call", "call-started", internal.clone()).await;
    crm.good("call-started", with(internal, "clientPhone", Value::Null)).await;
}

#[tokio::test]
async fn a_body_that_makes_no_sense_is_refused() {
    let bench = Bench::new().await;
    let crm = bench.crm().await;
    crm.bad(409, "in the future", "call-started", boundary("2126-03-22T10:38:35+00:00")).await;
    crm.bad(409, "before 2020", "call-started", boundary("1970-01-21T10:38:35+00:00")).await;
    crm.good("call-started", boundary(T[0])).await;
    let client_to_client = with(event("appeared", T[0]), "to", json!({ "type": "client" }));
    crm.bad(409, "make no inbound call", "call-event", client_to_client).await;
    let turned =
        with(with(event("appeared", T[0]), "from", json!({ "type": "user" })), "to", json!({ "type": "client" }));
    crm.bad(409, "make no inbound call", "call-event", turned).await;
    let stranger = json!("3f6a0c1e-0000-4000-8000-000000000009");
    crm.bad(409, "no user", "call-event", with(event("appeared", T[0]), "to.userId", stranger)).await;
    crm.bad(409, "in the future", "call-event", event("appeared", "2126-03-22T10:38:35Z")).await;
}

#[tokio::test]
async fn a_registration_that_contradicts_its_call_is_refused() {
    let bench = Bench::new().await;
    let crm = bench.crm().await;
    let answer = crm.bad(409, "no items", "register-call", with(registration(), "items", json!([]))).await;
    assert_eq!(answer, "Error");
    for (field, value, reason) in [
        ("items.0.startedAt", json!(T[4]), "run backwards"),
        ("externalCreatedAt", json!(T[2]), "run backwards"),
        ("items.0.finishedAt", json!("2126-01-01T00:00:00Z"), "in the future"),
        ("items.0.from", json!({ "type": "user" }), "make no inbound call"),
        ("items.0.to.userId", json!("3f6a0c1e-0000-4000-8000-000000000009"), "no user"),
    ] {
        crm.bad(409, reason, "register-call", with(registration(), field, value)).await;
    }
    let mut twice = registration();
    twice["items"] = json!([twice["items"][0], twice["items"][0]]);
    crm.bad(409, "listed twice", "register-call", twice).await;

    crm.good("call-started", boundary(T[0])).await;
    crm.good("call-finished", boundary(T[3])).await;
    crm.bad(409, "nobody's leg appeared", "register-call", registration()).await;
    crm.bad(409, "no leg that appeared", "register-call", with(registration(), "items.0.id", json!("a.2"))).await;
    let other = with(registration(), "clientPhone", json!("78123854136"));
    crm.bad(409, "differ from call-started", "register-call", other).await;
    crm.good("register-call", with(registration(), "items.0.to", json!({ "type": "user" }))).await;
}

#[tokio::test]
async fn history_may_be_registered_without_a_start() {
    let bench = Bench::new().await;
    let crm = bench.crm().await;
    crm.good("register-call", registration()).await;
    crm.bad(409, "after its register-call", "call-started", boundary(T[0])).await;
}

#[tokio::test]
async fn keys_are_exchanged_live_so_long_and_are_asked_for() {
    let bench = Bench::new().await;
    let authorize = async |path: &str, headers: &[(&str, &str)]| {
        let mut request = bench.http.post(bench.url(&format!("/api/v1/authorization/{path}")));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        bench.send(request).await
    };
    let (private, public) = ("authorize-private-integration", "authorize-integration");
    let (key, secret) = ("X-XCOM-Integration-ApiKey", "X-XCOM-Integration-Secret");
    let refused = (401, json!("Unauthorized"));
    assert_eq!(authorize(private, &[(key, "wrong")]).await, refused);
    assert!(bench.violations().is_empty(), "a wrong key is the user's error, not the client's");
    assert_eq!(authorize(private, &[]).await, refused);
    assert_eq!(bench.violations().len(), 1);
    assert_eq!(authorize(private, &[(key, "sandbox-kontur-key"), (secret, "a=b")]).await, refused);
    assert_eq!(authorize(public, &[(key, "sandbox-public-key")]).await, refused);
    assert_eq!(authorize(public, &[(key, "sandbox-public-key"), (secret, "sandbox-secret")]).await, refused);
    assert_eq!(bench.violations(), ["the secret is not name=value"]);
    assert_eq!(authorize(public, &[(key, "sandbox-public-key"), (secret, "clientId=wrong")]).await, refused);
    assert_eq!(authorize(public, &[(key, "sandbox-kontur-key"), (secret, "clientId=sandbox-secret")]).await, refused);
    let (status, answer) = authorize(public, &[(key, "sandbox-public-key"), (secret, "clientId=sandbox-secret")]).await;
    assert_eq!((status, &answer["workspace"]["name"]), (200, &json!("sandbox")));
    assert_eq!(bench.last()["answer"]["accessKey"], "***");

    let crm = bench.crm().await;
    crm.good("call-started", boundary(T[0])).await;
    bench.control("expire-keys", json!({})).await;
    assert_eq!(crm.tell("call-started", boundary(T[0])).await, refused);
    bench.control("key-lifetime", json!({ "seconds": 0 })).await;
    assert_eq!(bench.crm().await.tell("call-started", boundary(T[0])).await, refused);
    assert!(bench.violations().is_empty());
}

#[tokio::test]
async fn requests_beside_the_documents_are_refused() {
    let bench = Bench::new().await;
    let crm = bench.crm().await;
    let url = |path: &str| bench.url(&format!("{CALLBACKS}/{path}"));
    let key = |request: reqwest::RequestBuilder| request.header("X-XCOM-AccessKey", &crm.key);
    let refused = async |request, status, reason: &str| {
        let (said, _) = bench.send(request).await;
        let violations = bench.violations().join("; ");
        assert!(said == status && violations.contains(reason), "{reason}: {said} {violations}");
    };
    refused(key(bench.http.get(url("call-started"))), 405, "POST only").await;
    refused(key(bench.http.put(url("call-started"))).json(&boundary(T[0])), 405, "POST only").await;
    refused(key(bench.http.post(url("call-begun"))).json(&boundary(T[0])), 404, "no such path").await;
    refused(key(bench.http.post(url("call-started?x=1"))).json(&boundary(T[0])), 400, "unknown query").await;
    refused(bench.http.post(url("call-started")).json(&boundary(T[0])), 401, "X-XCOM-AccessKey is missing").await;
    refused(key(bench.http.post(url("call-started"))).body("{}"), 415, "content type").await;
    let text = key(bench.http.post(url("call-started"))).header("content-type", "text/plain");
    refused(text.body(boundary(T[0]).to_string()), 415, "content type").await;
    let broken = key(bench.http.post(url("call-started"))).header("content-type", "application/json");
    refused(broken.body("{"), 400, "no JSON").await;
    let key_too = key(bench.http.post(url("call-started"))).header("X-XCOM-Integration-ApiKey", "sandbox-kontur-key");
    refused(key_too.json(&boundary(T[0])), 401, "beside the AccessKey").await;

    let elsewhere = bench.url(&CALLBACKS.replace("sandbox", "elsewhere")) + "/call-started";
    let (status, answer) = bench.send(key(bench.http.post(elsewhere)).json(&boundary(T[0]))).await;
    assert_eq!((status, &answer["status"]), (404, &json!("notFound")));

    for (name, value) in [("cookie", "xcom.session=sandbox"), ("authorization", "Bearer x")] {
        let (status, _) = crm.tell_with("call-started", boundary(T[0]), &[(name, value)]).await;
        assert_eq!((status, bench.violations().len()), (200, 1), "{name}");
    }
}

#[tokio::test]
async fn what_a_failure_on_demand_swallowed_is_not_held_against_the_client() {
    let bench = Bench::new().await;
    let crm = bench.crm().await;
    let fail = async |status: u16, path: &str| {
        bench.control("fault", json!({ "service": "kontur", "status": status, "count": 1, "path": path })).await;
    };
    fail(400, "call-started").await;
    let (status, answer) = crm.tell("call-started", boundary(T[0])).await;
    assert_eq!((status, &answer["status"]), (400, &json!(400)));
    assert_eq!(crm.tell("call-event", event("appeared", T[0])).await.0, 409);
    assert!(bench.violations().is_empty());
    crm.good("register-call", registration()).await;

    // A 500 must be tried again: its order is still judged.
    let other = |body: Value| with(body, "externalId", json!("b.1"));
    fail(500, "call-started").await;
    assert_eq!(crm.tell("call-started", other(boundary(T[0]))).await, (500, Value::Null));
    crm.bad(409, "before its call-started", "call-event", other(event("appeared", T[0]))).await;
}
