//! Each fault as a client meets it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod support;

use std::error::Error as _;
use std::io;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use support::{Bench, CLIENT, tls_connect};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_tungstenite::tungstenite::Error as WsError;

const GOOD: &str = "domain=demo.phonet.com.ua&apiKey=sandbox-phonet-key&subscriber=001";

fn started() -> Value {
    json!({
        "externalId": "a.1", "direction": "inbound", "clientPhone": CLIENT, "timestamp": "2026-03-22T10:38:35.615+00:00",
    })
}

async fn fault(bench: &Bench, fault: Value) {
    bench.control("fault", fault).await;
}

/// A `call-started`, however it ends.
async fn tell(bench: &Bench, key: &str) -> reqwest::Result<reqwest::Response> {
    let path = format!("{}/call-started", support::CALLBACKS);
    bench.http.post(bench.url(&path)).header("X-XCOM-AccessKey", key).json(&started()).send().await
}

/// An answer's status and one header.
fn head<'a>(answer: &'a reqwest::Response, header: &str) -> (u16, &'a str) {
    (answer.status().as_u16(), answer.headers()[header].to_str().unwrap())
}

/// Whether a request failed by a TCP reset and nothing else.
fn was_reset(error: &reqwest::Error) -> bool {
    let mut cause = error.source();
    while let Some(error) = cause {
        if error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::ConnectionReset) {
            return true;
        }
        cause = error.source();
    }
    false
}

#[tokio::test]
async fn a_late_answer_is_to_a_processed_request() {
    let bench = Bench::new().await;
    let crm = bench.crm().await;
    fault(&bench, json!({ "service": "kontur", "kind": "latency", "millis": 1000, "count": 1 })).await;
    let begun = Instant::now();
    let processed = async {
        bench.wait("requests:2").await;
        begun.elapsed()
    };
    let (answer, processed) = tokio::join!(tell(&bench, &crm.key), processed);
    assert_eq!(answer.unwrap().status(), 200);
    assert!(processed < Duration::from_secs(1) && begun.elapsed() >= Duration::from_secs(1));
    assert_eq!(bench.last()["fault"], json!({ "kind": "latency", "millis": 1000 }));
}

#[tokio::test]
async fn a_reset_before_loses_the_request_and_a_reset_after_only_the_answer() {
    let bench = Bench::new().await;
    let crm = bench.crm().await;
    fault(&bench, json!({ "service": "kontur", "kind": "resetBefore", "count": 1, "path": "call-started" })).await;
    assert!(was_reset(&tell(&bench, &crm.key).await.unwrap_err()));
    assert_eq!((&bench.last()["status"], &bench.last()["fault"]["kind"]), (&json!(0), &json!("resetBefore")));
    assert_eq!(bench.get("/control/crm").await.1["communications"], json!([]));

    fault(&bench, json!({ "service": "kontur", "kind": "resetAfter", "count": 1 })).await;
    assert!(was_reset(&tell(&bench, &crm.key).await.unwrap_err()));
    assert_eq!((&bench.last()["status"], &bench.last()["fault"]["kind"]), (&json!(200), &json!("resetAfter")));
    assert_eq!(bench.get("/control/crm").await.1["communications"][0]["externalId"], "a.1");

    assert_eq!(tell(&bench, &crm.key).await.unwrap().status(), 200);
    assert_eq!((&bench.last()["repeat"], &bench.last()["fault"]), (&json!(true), &Value::Null));
}

#[tokio::test]
async fn a_slow_body_follows_its_headers() {
    let bench = Bench::new().await;
    let crm = bench.crm().await;
    fault(&bench, json!({ "service": "kontur", "kind": "slowBody", "millis": 1000, "count": 1 })).await;
    let begun = Instant::now();
    let answer = tell(&bench, &crm.key).await.unwrap();
    let headers = begun.elapsed();
    assert_eq!(answer.status(), 200);
    let body: Value = answer.json().await.unwrap();
    assert_eq!(body["externalId"], "Phonet/a.1");
    assert!(headers < Duration::from_millis(800), "{headers:?}");
    assert!(begun.elapsed() >= Duration::from_secs(1));
}

#[tokio::test]
async fn a_malformed_body_is_half_of_the_right_one() {
    let bench = Bench::new().await;
    let crm = bench.crm().await;
    fault(&bench, json!({ "service": "kontur", "kind": "malformed", "count": 1 })).await;
    let answer = tell(&bench, &crm.key).await.unwrap();
    assert_eq!(head(&answer, "content-type"), (200, "application/json; charset=utf-8"));
    let text = answer.text().await.unwrap();
    assert!(text.starts_with('{') && serde_json::from_str::<Value>(&text).is_err(), "{text}");
    assert_eq!(bench.get("/control/crm").await.1["communications"][0]["externalId"], "a.1");
}

#[tokio::test]
async fn a_captive_portal_answers_instead_of_the_service() {
    let bench = Bench::new().await;
    let crm = bench.crm().await;
    fault(&bench, json!({ "service": "kontur", "kind": "contentType", "count": 1 })).await;
    let answer = tell(&bench, &crm.key).await.unwrap();
    assert_eq!(head(&answer, "content-type"), (200, "text/html; charset=utf-8"));
    assert!(answer.text().await.unwrap().starts_with("<!doctype html>"));
    fault(&bench, json!({ "service": "kontur", "kind": "portal", "count": 1 })).await;
    let answer = tell(&bench, &crm.key).await.unwrap();
    assert_eq!(head(&answer, "location"), (302, "https://portal.invalid/login"));
    assert_eq!(bench.get("/control/crm").await.1["communications"], json!([]));
    assert!(bench.problems().is_empty());
}

#[tokio::test]
async fn a_fault_holds_for_so_many_requests_or_so_long() {
    let bench = Bench::new().await;
    let crm = bench.crm().await;
    let status = async || tell(&bench, &crm.key).await.unwrap().status().as_u16();
    fault(&bench, json!({ "service": "kontur", "status": 503, "count": 2 })).await;
    assert_eq!([status().await, status().await, status().await], [503, 503, 200]);

    fault(&bench, json!({ "service": "kontur", "status": 503, "seconds": 60, "path": "call-started" })).await;
    let (_, state) = bench.get("/control/state").await;
    let holds = json!({
        "service": "kontur", "kind": "status", "status": 503, "seconds": 60, "path": "call-started",
    });
    assert_eq!(state["faults"], json!([holds]));
    assert_eq!([status().await, status().await, status().await], [503, 503, 503]);
    fault(&bench, json!({ "service": "kontur", "count": 0 })).await;
    assert_eq!(status().await, 503, "another path is another fault");
    fault(&bench, json!({ "service": "kontur", "count": 0, "path": "call-started" })).await;
    assert_eq!(status().await, 200);

    fault(&bench, json!({ "service": "kontur", "status": 503, "seconds": 1 })).await;
    let begun = Instant::now();
    while status().await == 503 {
        assert!(begun.elapsed() < Duration::from_secs(5));
    }
    assert!(begun.elapsed() > Duration::from_millis(900));
    assert_eq!(bench.get("/control/state").await.1["faults"], json!([]));
}

#[tokio::test]
async fn faults_of_the_connector_alone_leave_rest_alone() {
    let bench = Bench::new().await;
    let live = |kind: Value| {
        let mut fault = json!({ "service": "phonet", "path": "/live/", "count": 1 });
        fault.as_object_mut().unwrap().extend(kind.as_object().unwrap().clone());
        fault
    };
    for kind in ["resetBefore", "resetAfter", "refuse", "contentType", "portal"] {
        if kind == "refuse" {
            fault(&bench, json!({ "service": "phonet", "kind": kind, "count": 1 })).await;
        } else {
            fault(&bench, live(json!({ "kind": kind }))).await;
            assert_eq!(bench.get("/rest/users").await.0, 403, "{kind}");
        }
        let refused = bench.socket(GOOD).await.err().unwrap();
        match kind {
            "contentType" => assert!(matches!(refused, WsError::Http(answer) if answer.status() == 200)),
            "portal" => assert!(matches!(refused, WsError::Http(answer) if answer.status() == 302)),
            _ => assert!(
                matches!(&refused, WsError::Io(error) if error.kind() == io::ErrorKind::ConnectionReset),
                "{kind}: {refused}"
            ),
        }
        assert_eq!(bench.last()["fault"]["kind"], kind);
        assert_eq!(bench.get("/control/state").await.1["sockets"], json!([]), "{kind}");
    }
    let begun = Instant::now();
    fault(&bench, live(json!({ "kind": "latency", "millis": 200 }))).await;
    assert!(bench.socket(GOOD).await.is_ok());
    assert!(begun.elapsed() >= Duration::from_millis(200));
    assert!(bench.problems().is_empty());
}

#[tokio::test]
async fn a_refused_service_cannot_be_reached_and_loses_its_connections() {
    let bench = Bench::new().await;
    let tls = bench.sandbox.tls();
    let mut crm = tls_connect(tls, "crm.kontur.ru").await.unwrap();
    let mut phonet = tls_connect(tls, "demo.phonet.com.ua").await.unwrap();
    fault(&bench, json!({ "service": "kontur", "kind": "refuse", "count": 2 })).await;
    let lost = crm.read_u8().await.unwrap_err();
    assert_eq!(lost.kind(), io::ErrorKind::ConnectionReset);
    for _ in 0..2 {
        let refused = tls_connect(tls, "crm.kontur.ru").await.unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::ConnectionReset);
    }
    let mut crm = tls_connect(tls, "crm.kontur.ru").await.unwrap();
    for (stream, host) in [(&mut crm, "crm.kontur.ru"), (&mut phonet, "demo.phonet.com.ua")] {
        stream.write_all(format!("GET /rest/users HTTP/1.1\r\nhost: {host}\r\n\r\n").as_bytes()).await.unwrap();
        let mut start = [0; 12];
        stream.read_exact(&mut start).await.unwrap();
        assert_eq!(&start, if host == "crm.kontur.ru" { b"HTTP/1.1 404" } else { b"HTTP/1.1 403" });
    }

    // On the plain listener no handshake names a service: the request is lost.
    fault(&bench, json!({ "service": "phonet", "kind": "refuse", "count": 1 })).await;
    let lost = phonet.read_to_end(&mut Vec::new()).await.unwrap_err();
    assert_eq!(lost.kind(), io::ErrorKind::ConnectionReset);
    let lost = bench.http.get(bench.url("/rest/users")).send().await.unwrap_err();
    assert!(was_reset(&lost));
    assert_eq!(bench.get("/rest/users").await.0, 403);
}

#[tokio::test]
async fn a_fault_that_is_none_is_refused() {
    let bench = Bench::new().await;
    for body in [
        json!({ "service": "nobody", "status": 500, "count": 1 }),
        json!({ "service": "kontur", "status": 200, "count": 1 }),
        json!({ "service": "kontur", "status": 500 }),
        json!({ "service": "kontur", "status": 500, "count": 1, "seconds": 1 }),
        json!({ "service": "kontur", "kind": "latency", "count": 1 }),
        json!({ "service": "kontur", "kind": "latency", "millis": 1, "status": 500, "count": 1 }),
        json!({ "service": "kontur", "kind": "resetAfter", "millis": 1, "count": 1 }),
        json!({ "service": "kontur", "kind": "flood", "count": 1 }),
        json!({ "service": "kontur", "kind": "refuse", "count": 1, "path": "call-event" }),
    ] {
        let (status, answer) = bench.post("/control/fault", body.clone()).await;
        assert!(status == 400 && answer["error"].is_string(), "{body}: {status} {answer}");
    }
}
