//! The control API, the hosts, the pages and their policy.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod support;

use std::time::Duration;

use serde_json::json;
use support::Bench;
use trubka_sandbox::{Config, Error, Wait, start};

#[tokio::test]
async fn only_loopback_is_listened_on() {
    let free = ([127, 0, 0, 1], 0).into();
    let refused = start(Config { http: ([0, 0, 0, 0], 0).into(), tls: free, lab: Vec::new() }).await.err().unwrap();
    assert!(matches!(refused, Error::NotLoopback(_)));
    assert!(refused.to_string().contains("this machine only"));
}

#[tokio::test]
async fn a_page_from_elsewhere_may_not_control() {
    let bench = Bench::new().await;
    let own = format!("http://{}", bench.sandbox.http());
    for (origin, status) in
        [(own.as_str(), 200), ("http://127.0.0.1:1", 403), ("https://crm.kontur.ru", 403), ("null", 403)]
    {
        let request = bench.http.post(bench.url("/control/reset")).header("origin", origin);
        assert_eq!(bench.send(request).await.0, status, "{origin}");
    }
    for host in ["crm.kontur.ru", "demo.phonet.com.ua", "callapi.uiscom.ru", "callapi.comagic.ru"] {
        let request = bench.http.post(bench.url("/control/reset")).header("host", host);
        let (status, answer) = bench.send(request).await;
        assert!(status == 404 || answer["error"]["message"] == "Api version not supported", "{host}");
    }
    assert_eq!(bench.send(bench.http.get(bench.url("/")).header("host", "evil.example")).await.0, 421);
}

#[tokio::test]
async fn bad_control_input_is_refused_with_its_reason() {
    let bench = Bench::new().await;
    for (path, body) in [
        ("incoming", json!({ "from": "+7", "to": "001" })),
        ("incoming", json!({ "from": "79451235489", "to": "777" })),
        ("incoming", json!({ "from": "79451235489" })),
        ("internal", json!({ "from": "001", "to": "001" })),
        ("calls/none/answer", json!({})),
        ("calls/none/hangup", json!({ "x": 1 })),
        ("presence", json!({ "ext": "900", "away": true })),
        ("fault", json!({ "service": "nobody", "status": 500, "count": 1 })),
        ("fault", json!({ "service": "kontur", "status": 200, "count": 1 })),
        ("silence", json!({ "on": "yes" })),
        ("uis", json!({ "ipAllowed": 1 })),
        ("uis", json!({ "nothing": true })),
        ("uis", json!([])),
        ("calls/uis-1/answer", json!({})),
        ("calls/uis-1/hangup", json!({})),
        ("calls/uis-1/legs", json!({ "contact": "Разговор" })),
        ("calls/uis-1/legs", json!({ "contact": "Спит" })),
        ("integration", json!({ "status": "asleep" })),
        ("integration", json!({ "main": "mine" })),
    ] {
        let (status, answer) = bench.post(&format!("/control/{path}"), body).await;
        assert!(status == 400 && answer["error"].is_string(), "{path}: {status} {answer}");
    }
    assert_eq!(bench.get("/control/wait?what=nothing").await.0, 400);
    assert_eq!(bench.get("/control/wait?what=registered:x&timeout=1").await.0, 408);
}

#[tokio::test]
async fn waiting_ends_when_it_happens_or_in_time() {
    let bench = Bench::new().await;
    let (waited, connection) = tokio::join!(bench.get("/control/wait?what=socket:002"), bench.connect("002"));
    assert_eq!(waited, (200, json!({ "ok": true })));
    drop(connection);
    let refused = bench.sandbox.wait(Wait::Requests(1000), Duration::from_millis(1)).await;
    assert!(matches!(refused, Err(Error::Timeout(Wait::Requests(1000)))));
}

#[tokio::test]
async fn stopping_closes_sockets_and_listeners() {
    let bench = Bench::new().await;
    let (mut anna, url) = (bench.connect("001").await, bench.url("/"));
    bench.sandbox.stop().await;
    assert_eq!(anna.hear().await, None);
    assert!(bench.http.get(url).send().await.unwrap_err().is_connect());
}

#[tokio::test]
async fn a_reset_forgets_calls_and_ledger_but_keeps_sockets() {
    let bench = Bench::new().await;
    let mut anna = bench.connect("001").await;
    bench.incoming("001").await;
    anna.event("call.dial").await;
    bench.control("reset", json!({})).await;
    let (_, state) = bench.get("/control/state").await;
    assert_eq!((&state["calls"], state["sockets"][0]["subscriber"].as_str()), (&json!([]), Some("001")));
    assert_eq!(bench.sandbox.ledger()["entries"], json!([]));
    bench.incoming("001").await;
    anna.event("call.dial").await;
}

#[tokio::test]
async fn faults_are_counted_matched_and_cleared() {
    let bench = Bench::new().await;
    let crm = bench.crm().await;
    let fault = json!({ "service": "kontur", "status": 429, "count": 2, "path": "call-started", "retryAfter": 7 });
    bench.control("fault", fault.clone()).await;
    assert_eq!(crm.tell("call-event", json!({})).await.0, 400, "another path");
    let url = bench.url("/api/v1/sandbox/communications/callbacks/telephony/call-started");
    let response = bench.http.post(url).send().await.unwrap();
    assert_eq!((response.status().as_u16(), &response.headers()["retry-after"]), (429, &"7".parse().unwrap()));
    assert_eq!(bench.get("/control/state").await.1["faults"][0]["count"], 1);
    let mut clear = fault;
    clear["count"] = 0.into();
    bench.control("fault", clear).await;
    assert_eq!(bench.get("/control/state").await.1["faults"], json!([]));
    let fault = json!({ "service": "kontur", "status": 409, "count": 1, "path": "authorization" });
    bench.control("fault", fault).await;
    let (status, answer) = bench.post("/api/v1/authorization/authorize-private-integration", json!({})).await;
    assert_eq!((status, &answer["status"]), (409, &json!("notInstalled")));
}

#[tokio::test]
async fn the_stream_tells_of_the_ledger_and_of_changes() {
    let bench = Bench::new().await;
    bench.crm().await;
    let mut response = bench.http.get(bench.url("/control/stream")).send().await.unwrap();
    let mut heard = String::new();
    while !heard.contains("event: change") {
        heard.push_str(std::str::from_utf8(&response.chunk().await.unwrap().unwrap()).unwrap());
    }
    assert!(heard.starts_with("event: reset"), "{heard}");
    assert!(heard.contains("event: ledger") && heard.contains("authorize-private-integration"), "{heard}");
}

#[tokio::test]
async fn pages_have_a_strict_policy_and_the_crm_its_cookie() {
    let bench = Bench::new().await;
    for path in [
        "/",
        "/control.js",
        "/control.css",
        "/icon.svg",
        "/app/sandbox/contacts",
        "/app/sandbox/deals/x",
        "/app/static/crm.js",
    ] {
        let response = bench.http.get(bench.url(path)).send().await.unwrap();
        assert_eq!(response.status(), 200, "{path}");
        let policy = response.headers()["content-security-policy"].to_str().unwrap();
        assert!(policy.starts_with("default-src 'none'; script-src 'self'; style-src 'self'"), "{path}");
        let cookie = response.headers().get("set-cookie").map(|cookie| cookie.to_str().unwrap());
        assert_eq!(
            cookie.is_some_and(|cookie| cookie.contains("HttpOnly")),
            path.starts_with("/app/sandbox"),
            "{path}"
        );
    }
    assert_eq!(bench.get("/app/sandbox/nothing").await.0, 404);
    let (_, clients) = bench.get("/app/sandbox/clients.json").await;
    assert_eq!(clients["contacts"][3]["phones"], "+7 945 123-54-89, +7 965 456-87-89");
    assert!(bench.problems().is_empty(), "pages are no API requests");
}
