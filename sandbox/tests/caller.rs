//! The CRM as the caller: what it sends to an integration's server, how it judges the answers, and what its page is told.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::future::pending;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, Response, Uri};
use serde_json::{Value, json};
use support::{ANNA, BORIS, Bench, CLIENT, Said};
use tokio::net::TcpListener;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::timeout;

const ID: &str = "3f6a0c1e-0000-4000-8000-00000000000a";
const SECOND: &str = "3f6a0c1e-0000-4000-8000-00000000000b";
const AT: &str = "2026-03-22T10:38:35.615+00:00";

/// A request as the integration's server hears it.
struct Heard {
    path: String,
    headers: HeaderMap,
    body: Value,
}

impl Heard {
    fn header(&self, name: &str) -> &str {
        self.headers[name].to_str().unwrap()
    }
}

/// What the server does with a request.
#[derive(Clone, Copy)]
enum Reply {
    /// Status, content type, body.
    Echoing(u16, &'static str, &'static str),
    /// 200 `"OK"` with this echo instead of the right one, none where it is empty.
    Echo(&'static str),
    Never,
}

const GOOD: Reply = Reply::Echoing(200, "application/json", "\"OK\"");

/// An integration's server and the sandbox that calls it.
struct Stand {
    bench: Bench,
    heard: UnboundedReceiver<Heard>,
    reply: Arc<Mutex<Reply>>,
}

type Shared = (UnboundedSender<Heard>, Arc<Mutex<Reply>>);

async fn answer(State((heard, reply)): State<Shared>, uri: Uri, headers: HeaderMap, body: Bytes) -> Response<Body> {
    let echo = headers["x-xcom-integration-echo"].clone();
    let body = serde_json::from_slice(&body).unwrap();
    heard.send(Heard { path: uri.path().to_owned(), headers, body }).unwrap();
    let reply = *reply.lock().unwrap();
    let response = Response::builder();
    let response = match reply {
        Reply::Never => pending().await,
        Reply::Echo("") => response.header("content-type", "application/json").body("\"OK\"".into()),
        Reply::Echo(other) => response
            .header("content-type", "application/json")
            .header("x-xcom-integration-echo", other)
            .body("\"OK\"".into()),
        Reply::Echoing(status, kind, body) => response
            .status(status)
            .header("content-type", kind)
            .header("x-xcom-integration-echo", echo)
            .body(body.into()),
    };
    response.unwrap()
}

impl Stand {
    /// Both features are on, and the CRM knows the server.
    async fn new() -> Self {
        let bench = Bench::new().await;
        let (sender, heard) = unbounded_channel();
        let reply = Arc::new(Mutex::new(GOOD));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}/secret/", listener.local_addr().unwrap());
        let app = Router::new().fallback(answer).with_state((sender, Arc::clone(&reply)));
        tokio::spawn(async { axum::serve(listener, app).await });
        let features = json!({ "call": true, "hangup": true });
        bench.control("integration", json!({ "baseUrl": base, "features": features })).await;
        Self { bench, heard, reply }
    }

    fn replies(&self, reply: Reply) {
        *self.reply.lock().unwrap() = reply;
    }

    async fn heard(&mut self) -> Heard {
        timeout(Duration::from_secs(5), self.heard.recv()).await.expect("no request in time").unwrap()
    }

    /// The user presses a button of the CRM's page.
    async fn press(&self, what: &str, body: Value) -> Said {
        let request = self
            .bench
            .http
            .post(self.bench.url(&format!("/api/v1/sandbox/communications/{what}")))
            .header("cookie", "theme=dark; xcom.session=sandbox")
            .header("origin", format!("http://{}", self.bench.sandbox.http()))
            .json(&body);
        self.bench.send(request).await
    }

    async fn call(&self, id: &str) -> Said {
        self.press("call", json!({ "communicationId": id, "fromUserId": ANNA, "clientPhone": CLIENT })).await
    }

    async fn hang_up(&self, rest: &str) -> Said {
        self.press(&format!("{rest}hangup"), json!({ "realtimeCallItemId": "a.1", "userId": ANNA })).await
    }

    /// The ledger's last entry of a request to the server.
    fn sent(&self) -> Value {
        let ledger = self.bench.sandbox.ledger();
        let mut entries = ledger["entries"].as_array().unwrap().iter().rev();
        entries.find(|entry| entry["path"].as_str().unwrap().starts_with("{baseUrl}")).unwrap().clone()
    }

    async fn communication(&self, id: &str) -> Value {
        let (_, crm) = self.bench.get("/control/crm").await;
        let all = crm["communications"].as_array().unwrap();
        all.iter().find(|one| one["id"] == id).unwrap_or_else(|| panic!("no {id} in {crm}")).clone()
    }
}

fn started(id: &str, communication: Option<&str>) -> Value {
    let mut body = json!({ "externalId": id, "direction": "outbound", "clientPhone": CLIENT, "timestamp": AT });
    if let Some(communication) = communication {
        body["communicationId"] = communication.into();
    }
    body
}

#[tokio::test]
async fn a_system_call_goes_out_as_documented_in_every_form() {
    let mut stand = Stand::new().await;
    assert_eq!(stand.call(ID).await, (200, json!("OK")));
    let heard = stand.heard().await;
    assert_eq!(heard.path, "/secret/api/v1/sandbox/communications/call");
    assert_eq!(heard.body, json!({ "communicationId": ID, "fromUserId": ANNA, "clientPhone": CLIENT }));
    assert_eq!(heard.header("content-type"), "application/json");
    assert_eq!(stand.communication(ID).await["state"], "called");
    let first_echo = heard.header("x-xcom-integration-echo").to_owned();

    // The key that came along is good for callbacks.
    let crm = support::Crm { bench: &stand.bench, key: heard.header("x-xcom-accesskey").to_owned() };
    crm.good("call-started", started("a.1", Some(ID))).await;
    for (prefixed, named, hangup) in [
        (true, false, "/secret/api/v1/sandbox/communications/hangup".to_owned()),
        (true, true, format!("/secret/api/v1/sandbox/communications/{ID}/hangup")),
        (false, false, "/secret/communications/hangup".to_owned()),
        (false, true, format!("/secret/communications/{ID}/hangup")),
    ] {
        stand.bench.control("integration", json!({ "prefixed": prefixed, "named": named })).await;
        assert_eq!(stand.hang_up(&format!("{ID}/")).await, (200, json!("OK")));
        let heard = stand.heard().await;
        assert_eq!(heard.path, hangup);
        assert_eq!(heard.body, json!({ "realtimeCallItemId": "a.1", "userId": ANNA }));
        assert_ne!(heard.header("x-xcom-integration-echo"), first_echo);
    }
    let internal = json!({ "communicationId": SECOND, "fromUserId": ANNA, "toUserId": BORIS, "clientPhone": null });
    assert_eq!(stand.press("call", internal).await.0, 200);
    assert_eq!(stand.heard().await.path, "/secret/communications/call");
    assert_eq!(stand.sent()["path"], "{baseUrl}/communications/call", "the address is a secret");
    assert_eq!(stand.bench.problems(), ["a.1: in the CRM, but the exchange had no such call"], "which is this test's");
}

#[tokio::test]
async fn it_goes_out_only_where_the_feature_is_on_and_there_is_a_server() {
    let stand = Stand::new().await;
    for change in [
        json!({ "features": { "call": false, "hangup": true } }),
        json!({ "features": { "call": true, "hangup": true }, "main": "other" }),
        json!({ "main": "ours", "baseUrl": "" }),
    ] {
        stand.bench.control("integration", change.clone()).await;
        let (status, answer) = stand.call(ID).await;
        assert_eq!((status, &answer["status"]), (409, &json!("notSupported")), "{change}");
    }
    assert!(stand.bench.problems().is_empty());
    for address in ["https://127.0.0.1/x", "http://example.com", "http://127.0.0.1/?a=1", "nonsense", "127.0.0.1:1"] {
        assert_eq!(stand.bench.post("/control/integration", json!({ "baseUrl": address })).await.0, 400, "{address}");
    }
}

#[tokio::test]
async fn only_the_page_of_a_user_who_is_logged_in_may_press() {
    let stand = Stand::new().await;
    let body = json!({ "communicationId": ID, "fromUserId": ANNA, "clientPhone": CLIENT });
    let url = stand.bench.url("/api/v1/sandbox/communications/call");
    let own = format!("http://{}", stand.bench.sandbox.http());
    for (cookie, origin) in
        [("", &own), ("xcom.session=other", &own), ("xcom.session=sandbox", &"http://evil.example".into())]
    {
        let request =
            stand.bench.http.post(&url).header("cookie", cookie).header("origin", origin.as_str()).json(&body);
        assert_eq!(stand.bench.send(request).await, (401, json!("Unauthorized")), "{cookie} {origin}");
    }
    assert!(stand.bench.problems().is_empty());
    // Elsewhere the user's session is nothing to come with.
    let key = stand.bench.crm().await.key;
    let request = stand.bench.http.post(&url).header("cookie", "xcom.session=sandbox").header("x-xcom-accesskey", key);
    assert_eq!(stand.bench.send(request.json(&body)).await.0, 200);
    assert_eq!(stand.bench.violations().len(), 1);
}

#[tokio::test]
async fn the_answer_is_judged_and_the_page_told() {
    let mut stand = Stand::new().await;
    let refused =
        "{\"invalidDatas\":[],\"invalidConstraints\":{},\"status\":\"agentNotConnected\",\"message\":\"Нет связи\"}";
    let cases = [
        (GOOD, None, ""),
        (Reply::Echoing(409, "application/json; charset=utf-8", refused), Some("agentNotConnected"), ""),
        (Reply::Echoing(503, "application/json", "{\"status\":\"stopping\",\"message\":\"m\"}"), Some("stopping"), ""),
        (Reply::Echo(""), Some("integrationFailed"), ""),
        (Reply::Echo("another"), Some("integrationFailed"), "another echo"),
        (Reply::Echoing(200, "text/plain", "\"OK\""), None, "content type"),
        (Reply::Echoing(200, "application/json", "OK"), None, "200 \"OK\""),
        (Reply::Echoing(204, "application/json", ""), None, "200 \"OK\""),
        (Reply::Echoing(409, "application/json", "\"Error\""), Some("error"), "no documented shape"),
        (
            Reply::Echoing(409, "application/json", "{\"status\":\"x\",\"message\":\"y\",\"z\":1}"),
            Some("error"),
            "no doc",
        ),
        (
            Reply::Echoing(302, "application/json", "{\"status\":\"x\",\"message\":\"y\"}"),
            Some("error"),
            "no documented",
        ),
    ];
    for (number, (reply, status, violation)) in cases.into_iter().enumerate() {
        stand.replies(reply);
        let id = format!("3f6a0c1e-0000-4000-8000-0000000001{number:02}");
        let (said, answer) = stand.call(&id).await;
        stand.heard().await;
        match status {
            None => assert_eq!((said, answer), (200, json!("OK")), "{number}"),
            Some(status) => {
                assert_eq!((said, &answer["status"]), (409, &json!(status)), "{number}");
                assert!(!answer["message"].as_str().unwrap().is_empty());
            }
        }
        let violations = stand.sent()["violations"].to_string();
        assert_eq!(violations == "[]", violation.is_empty(), "{number}: {violations}");
        assert!(violations.replace("\\\"", "\"").contains(violation), "{number}: {violations}");
        let state = if status.is_none() { "called" } else { "refused" };
        assert_eq!(stand.communication(&id).await["state"], state, "{number}");
    }

    stand.replies(Reply::Never);
    stand.bench.control("integration", json!({ "patience": 50 })).await;
    let (status, answer) = stand.call(ID).await;
    assert_eq!((status, &answer["status"]), (409, &json!("integrationFailed")));
    assert!(stand.sent()["violations"][0].as_str().unwrap().contains("within 50ms"));
    stand.bench.control("integration", json!({ "baseUrl": "http://127.0.0.1:1" })).await;
    assert_eq!(stand.call(SECOND).await.0, 409);
    assert_eq!((&stand.sent()["violations"], &stand.sent()["status"]), (&json!([]), &json!(0)), "nobody is there");
}

#[tokio::test]
async fn the_call_that_follows_names_its_communication() {
    let stand = Stand::new().await;
    let crm = stand.bench.crm().await;
    crm.bad(409, "names an unknown communication", "call-started", started("a.0", Some(ID))).await;
    stand.call(ID).await;
    crm.bad(200, &format!("does not name the communication {ID}"), "call-started", started("a.1", None)).await;
    crm.bad(409, "names an unknown communication", "call-started", started("a.2", Some(SECOND))).await;
    let mut other = started("a.2", Some(ID));
    other["clientPhone"] = "79654568789".into();
    crm.bad(409, "asked for another call", "call-started", other).await;
    let answer = crm.good("call-started", started("a.2", Some(ID))).await;
    assert_eq!(answer["id"], ID);
    assert_eq!(crm.good("call-started", started("a.2", Some(ID))).await["id"], ID, "a repeat");
    assert_eq!(stand.communication(ID).await["externalId"], "a.2");
    crm.bad(409, "which is the call a.2", "call-started", started("a.3", Some(ID))).await;
    // The second of the same number is nobody's who was asked for.
    crm.good("call-started", started("a.4", None)).await;

    stand.call(SECOND).await;
    crm.good("call-failed", json!({ "communicationId": SECOND })).await;
    stand.bench.wait(&format!("failed:{SECOND}")).await;
    crm.good("call-failed", json!({ "communicationId": SECOND })).await;
    crm.bad(409, "which has failed", "call-started", started("a.5", Some(SECOND))).await;
    crm.good("call-started", started("a.6", None)).await;
}

#[tokio::test]
async fn the_verdict_misses_the_name_of_a_call_that_rang() {
    for named in [true, false] {
        let stand = Stand::new().await;
        let crm = stand.bench.crm().await;
        let mut socket = stand.bench.connect("001").await;
        stand.call(ID).await;
        socket.send(json!({ "action": "call", "to": CLIENT })).await;
        socket.event("success").await;
        let dial = socket.event("call.dial").await;
        let call = dial["uuid"].as_str().unwrap().to_owned();
        stand.bench.hang_up(&call).await;
        let hangup = socket.event("call.hangup").await;
        let mut browser = support::Browser::default();
        // Whoever was deaf while it rang registers it from the history.
        for (callback, mut body) in browser.requests(&dial).into_iter().chain(browser.requests(&hangup)) {
            if callback == "register-call" || named {
                if named {
                    body["communicationId"] = ID.into();
                }
                crm.good(callback, body).await;
            }
        }
        let problems = stand.bench.problems();
        if named {
            assert!(problems.is_empty(), "{problems:?}");
            assert_eq!(stand.communication(ID).await["externalId"], call);
        } else {
            assert_eq!(problems, [format!("{call}: the CRM was not told that it is the communication {ID}")]);
        }
    }
}

#[tokio::test]
async fn a_system_call_is_sent_again_word_for_word_or_anew() {
    let mut stand = Stand::new().await;
    assert_eq!(stand.bench.post("/control/system-call", json!({ "again": "call" })).await.0, 400);
    stand.call(ID).await;
    let first = stand.heard().await;
    let echo = first.header("x-xcom-integration-echo");
    for fresh in [false, true] {
        let sent = stand.bench.control("system-call", json!({ "again": "call", "fresh": fresh })).await;
        assert_eq!(sent, json!({ "outcome": "done", "status": 200, "answer": "OK" }));
        let again = stand.heard().await;
        assert_eq!((&again.path, &again.body), (&first.path, &first.body));
        assert_eq!(again.header("x-xcom-accesskey"), first.header("x-xcom-accesskey"));
        assert_eq!(again.header("x-xcom-integration-echo") != echo, fresh);
    }
}

#[tokio::test]
async fn web_hooks_are_called_on_demand_and_by_their_schedule() {
    let mut stand = Stand::new().await;
    let sync = json!({ "relativeUrl": "communications/sync" });
    assert_eq!(stand.bench.post("/control/web-hook", sync.clone()).await.0, 400, "it is not registered");
    let key = stand.bench.crm().await.key;
    for url in ["setup/upgrade", "communications/sync"] {
        let hook = json!({
            "id": "00000000-0000-0000-0000-000000000000", "relativeUrl": url, "triggerType": "schedule",
            "filter": { "items": [] }, "schedule": { "period": "00:05:00" }, "disabled": url == "setup/upgrade",
        });
        let patch = json!({ "operations": [{ "op": "add", "path": "/webHooks", "value": hook }] });
        let instance = "/api/v1/sandbox/integrations/instances/3f6a0c1e-0000-4000-8000-0000000000b0";
        let request = stand.bench.http.patch(stand.bench.url(instance)).header("x-xcom-accesskey", &key);
        let request = request.header("content-type", "application/json-patch+json").body(patch.to_string());
        assert_eq!(stand.bench.send(request).await.0, 200);
    }
    let disabled = json!({ "relativeUrl": "setup/upgrade" });
    assert_eq!(stand.bench.post("/control/web-hook", disabled).await.0, 400);
    assert_eq!(stand.bench.control("web-hook", sync.clone()).await["outcome"], "done");
    let heard = stand.heard().await;
    assert_eq!((heard.path.as_str(), heard.body.clone()), ("/secret/communications/sync", json!({})));
    assert!(!heard.header("x-xcom-accesskey").is_empty() && !heard.header("x-xcom-integration-echo").is_empty());

    // What is refused is sent again, until it is taken; then comes the next period. The other is disabled.
    stand.replies(Reply::Echoing(503, "application/json", "{\"status\":\"stopping\",\"message\":\"m\"}"));
    stand.bench.control("web-hooks", json!({ "on": true, "pace": 6000 })).await;
    for _ in 0..3 {
        assert_eq!(stand.heard().await.path, "/secret/communications/sync");
    }
    stand.replies(GOOD);
    for _ in 0..3 {
        assert_eq!(stand.heard().await.path, "/secret/communications/sync");
    }
    stand.bench.control("web-hooks", json!({ "on": false })).await;
    assert!(stand.bench.problems().is_empty(), "{:?}", stand.bench.problems());
}

#[tokio::test]
async fn the_page_hears_how_its_call_goes_on() {
    let stand = Stand::new().await;
    let crm = stand.bench.crm().await;
    let mut stream = stand.bench.http.get(stand.bench.url(&format!("/app/sandbox/calls/{ID}"))).send().await.unwrap();
    let mut text = String::new();
    let mut hear = async |state: &str| {
        while !text.contains(&format!("\"state\":\"{state}\"")) {
            let chunk = timeout(Duration::from_secs(5), stream.chunk()).await.expect("no news in time");
            text.push_str(std::str::from_utf8(&chunk.unwrap().unwrap()).unwrap());
        }
    };
    stand.call(ID).await;
    hear("called").await;
    crm.good("call-started", started("a.1", Some(ID))).await;
    hear("started").await;
}
