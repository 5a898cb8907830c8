use js_sys::JSON;
use serde_json::{Value, json};
use trubka::{protocol::MAX_PAGE_REQUEST, shell::Shell};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use wasm_bindgen_test::wasm_bindgen_test;

use super::fakes::{
    FakePlatform, FakeSocket, Patched, create_newer, cyclic, delete_database, fake_fetch, fake_sockets,
};

/// The origin of a page on which the extension works.
const PAGE: &str = "https://crm.kontur.ru";

async fn start(database: &str, platform: &FakePlatform) -> Shell {
    delete_database(database).await;
    Shell::start(platform.as_platform(), database).await
}

async fn ask(shell: &Shell, request: &JsValue, sender: &str) -> Value {
    let answer = JsFuture::from(shell.ask(request, sender)).await.unwrap();
    serde_json::from_str(&String::from(JSON::stringify(&answer).unwrap())).unwrap()
}

fn js(value: Value) -> JsValue {
    JSON::parse(&value.to_string()).unwrap()
}

#[wasm_bindgen_test]
async fn starts_and_answers() {
    let shell = start("starts", &FakePlatform::new()).await;
    let status = ask(&shell, &js(json!({ "kind": "getStatus" })), "extension").await;
    assert_eq!(status["kind"], "status");
    assert_eq!(status["link"]["state"], "off");
}

#[wasm_bindgen_test]
async fn starts_over_whatever_is_remembered() {
    let platform = FakePlatform::new();
    platform.set_session("no JSON");
    let shell = start("remembered", &platform).await;
    let status = ask(&shell, &js(json!({ "kind": "getStatus" })), "extension").await;
    assert_eq!(status["kind"], "status");
}

#[wasm_bindgen_test]
async fn refuses_what_is_no_request() {
    let shell = start("refuses", &FakePlatform::new()).await;
    let nonsense = [
        JsValue::UNDEFINED,
        JsValue::NULL,
        JsValue::from(42),
        js_sys::Function::new_no_args("").into(),
        cyclic(),
        js(json!({ "kind": "nonsense" })),
        js(json!({ "kind": "dial", "key": "k" })),
        js(json!({ "kind": "dial", "key": "k", "number": "+79161234567", "url": "https://example.com" })),
    ];
    for request in &nonsense {
        for sender in [PAGE, "extension"] {
            let answer = ask(&shell, request, sender).await;
            assert_eq!(answer, json!({ "kind": "refused", "problem": { "code": "badRequest" } }), "{request:?}");
        }
    }
}

#[wasm_bindgen_test]
async fn a_page_may_not_send_more_than_the_limit() {
    let shell = start("limit", &FakePlatform::new()).await;
    // «ж» is one UTF-16 unit and two bytes of UTF-8: it is the bytes that count.
    for (letter, count) in [("x", MAX_PAGE_REQUEST), ("ж", MAX_PAGE_REQUEST / 2)] {
        let item = json!({ "id": 1, "text": letter.repeat(count) });
        let request = js(json!({ "kind": "findNumbers", "batch": 1, "items": [item] }));
        let refused = ask(&shell, &request, PAGE).await;
        assert_eq!(refused["problem"]["code"], "badRequest");
    }
    let item = json!({ "id": 1, "text": "x".repeat(MAX_PAGE_REQUEST - 100) });
    let request = js(json!({ "kind": "findNumbers", "batch": 1, "items": [item] }));
    assert_ne!(ask(&shell, &request, PAGE).await["problem"]["code"], "badRequest");
}

#[wasm_bindgen_test]
async fn the_extension_may_send_more() {
    let shell = start("unlimited", &FakePlatform::new()).await;
    let document = " ".repeat(MAX_PAGE_REQUEST);
    let answer = ask(&shell, &js(json!({ "kind": "saveSettings", "document": document })), "extension").await;
    assert_eq!(answer["kind"], "invalid");
}

#[wasm_bindgen_test]
async fn an_unknown_sender_counts_as_a_page_elsewhere() {
    let shell = start("unknown", &FakePlatform::new()).await;
    let answer = ask(&shell, &js(json!({ "kind": "getSettings" })), "somebody").await;
    assert_eq!(answer, json!({ "kind": "off", "origin": "somebody" }));
    let answer = ask(&shell, &js(json!({ "kind": "getSettings" })), PAGE).await;
    assert_eq!(answer["problem"]["code"], "notAllowed");
}

#[wasm_bindgen_test]
async fn a_site_is_entered_and_left() {
    let platform = FakePlatform::new();
    let shell = start("sites", &platform).await;
    assert!(platform.log().contains(&format!("runOn {PAGE}")));
    let site = "https://helpdesk.example";
    let switch = |on: bool| js(json!({ "kind": "setSite", "origin": site, "on": on }));
    ask(&shell, &switch(true), "extension").await;
    // The browser's answer about the permission takes a turn or two.
    while !platform.log().contains(&format!("runOn {PAGE},{site}")) {
        ask(&shell, &js(json!({ "kind": "getStatus" })), "extension").await;
    }
    ask(&shell, &switch(false), "extension").await;
    assert_eq!(platform.log().last().unwrap(), &format!("leave {site}, needed {PAGE}"));
}

fn settings() -> JsValue {
    let document = json!({
        "version": 1,
        "phonet": { "domain": "demo.phonet.com.ua", "apiKey": "secret-key", "subscriber": "201" },
    });
    js(json!({ "kind": "saveSettings", "document": document.to_string() }))
}

async fn link(shell: &Shell) -> String {
    let status = ask(shell, &js(json!({ "kind": "getStatus" })), "extension").await;
    status["link"]["state"].as_str().unwrap().to_owned()
}

#[wasm_bindgen_test]
async fn what_is_saved_connects_now_and_in_the_next_life() {
    let _patched = Patched;
    let sockets = fake_sockets();
    fake_fetch("nothing");
    let platform = FakePlatform::new();
    let shell = start("lives", &platform).await;
    assert_eq!(sockets.length(), 0);
    assert_eq!(ask(&shell, &settings(), "extension").await["kind"], "settings");
    assert_eq!(sockets.length(), 1);
    assert!(platform.log().contains(&"keepAlive true".to_owned()));

    let next_platform = FakePlatform::new();
    let next_life = Shell::start(next_platform.as_platform(), "lives").await;
    assert_eq!(sockets.length(), 2);
    assert!(next_platform.log().contains(&"keepAlive true".to_owned()));
    let socket: FakeSocket = sockets.get(1).unchecked_into();
    assert!(socket.url().starts_with("wss://demo.phonet.com.ua/"));
    socket.open();
    assert_eq!(link(&next_life).await, "live");
    let shown: Value = serde_json::from_str(&String::from(JSON::stringify(&next_platform.pages()).unwrap())).unwrap();
    assert_eq!(shown.as_array().unwrap().last().unwrap()["link"]["state"], "live");

    socket.end(false);
    assert_eq!(link(&next_life).await, "reconnecting");
    next_life.online(false);
    assert_eq!(link(&next_life).await, "offline");
}

#[wasm_bindgen_test]
async fn the_exchange_and_the_relay_have_a_socket_each() {
    let _patched = Patched;
    let sockets = fake_sockets();
    fake_fetch("nothing");
    let platform = FakePlatform::new();
    let shell = start("two sockets", &platform).await;
    let document = json!({
        "version": 1,
        "phonet": { "domain": "demo.phonet.com.ua", "apiKey": "secret-key", "subscriber": "201" },
        "relay": { "address": "https://relay.example.com", "token": "secret-token" },
    });
    let save = js(json!({ "kind": "saveSettings", "document": document.to_string() }));
    assert_eq!(ask(&shell, &save, "extension").await["kind"], "settings");
    assert_eq!(sockets.length(), 2);
    let at = |place| -> FakeSocket { sockets.get(place).unchecked_into() };
    let (exchange, relay) = (at(0), at(1));
    assert!(exchange.url().starts_with("wss://demo.phonet.com.ua/"));
    assert_eq!(relay.url(), "wss://relay.example.com/agents/v1");
    exchange.open();
    relay.open();
    assert_eq!(exchange.sent(), Vec::<String>::new());
    let hello: Value = serde_json::from_str(&relay.sent()[0]).unwrap();
    assert!(hello["browser"].is_u64(), "it has a name of its own");
    assert_eq!((&hello["kind"], &hello["token"]), (&json!("hello"), &json!("secret-token")));
    assert_eq!(hello["version"], env!("CARGO_PKG_VERSION"));
    let now = js_sys::Date::now();
    relay.receive(&json!({ "kind": "welcome", "now": now as i64 }).to_string().into());
    let call = json!({ "kind": "command", "id": "c", "expiresAt": now as i64 + 9_000, "command": "call",
        "communication": "c", "number": "79161234567", "internal": false });
    let is_dialled = exchange.next_sent();
    relay.receive(&call.to_string().into());
    assert_eq!(exchange.sent(), Vec::<String>::new(), "it is stored first");
    is_dialled.await;
    assert_eq!(exchange.sent(), [r#"{"action":"call","to":"79161234567"}"#]);
    let is_answered = relay.next_sent();
    exchange.receive(&r#"{"event":"success"}"#.into());
    is_answered.await;
    assert_eq!(relay.sent().last().unwrap(), r#"{"kind":"answer","id":"c","outcome":"accepted"}"#);

    let status = ask(&shell, &js(json!({ "kind": "getStatus" })), "extension").await;
    assert_eq!((&status["link"]["state"], &status["relay"]["state"]), (&json!("live"), &json!("live")));
    relay.end(true);
    let status = ask(&shell, &js(json!({ "kind": "getStatus" })), "extension").await;
    assert_eq!((&status["link"]["state"], &status["relay"]["state"]), (&json!("live"), &json!("reconnecting")));
    assert!(!exchange.closed());
}

#[wasm_bindgen_test]
async fn a_host_that_is_not_granted_is_not_reached_until_it_is() {
    let _patched = Patched;
    let sockets = fake_sockets();
    fake_fetch("nothing");
    ask(&start("forbidden", &FakePlatform::new()).await, &settings(), "extension").await;
    let before = sockets.length();

    let platform = FakePlatform::new();
    platform.set_forbidden_origins(vec!["https://demo.phonet.com.ua".to_owned()]);
    let shell = Shell::start(platform.as_platform(), "forbidden").await;
    assert_eq!(link(&shell).await, "permissionMissing");
    assert_eq!(sockets.length(), before);

    platform.set_forbidden_origins(vec![]);
    shell.permissions_changed();
    platform.next_page().await;
    assert_eq!(link(&shell).await, "connecting");
    assert_eq!(sockets.length(), before + 1);
}

#[wasm_bindgen_test]
async fn a_newer_version_is_started_at_once_where_nothing_goes_on() {
    let platform = FakePlatform::new();
    let shell = start("updates", &platform).await;
    assert!(!platform.log().contains(&"reload".to_owned()));
    shell.update_available();
    assert!(platform.log().contains(&"reload".to_owned()));
}

#[wasm_bindgen_test]
async fn a_database_that_cannot_be_read_is_told() {
    let name = "unreadable";
    delete_database(name).await;
    create_newer(name).await;
    let shell = Shell::start(FakePlatform::new().as_platform(), name).await;
    let status = ask(&shell, &js(json!({ "kind": "getStatus" })), "extension").await;
    assert_eq!(status["storage"]["code"], "storageFailed");
}
