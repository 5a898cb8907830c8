use serde_json::{Value, json};
use trubka::{
    core::io::{HttpFailure, HttpRequest, Method},
    private::Private,
    shell::http::send,
};
use wasm_bindgen::prelude::*;
use wasm_bindgen_test::wasm_bindgen_test;

use super::fakes::{Patched, fake_fetch};

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(thread_local_v2, js_namespace = location, js_name = origin)]
    static ORIGIN: String;
}

fn get(url: &str) -> HttpRequest {
    HttpRequest {
        method: Method::Get,
        url: url.to_owned(),
        headers: Vec::new(),
        json: None,
        cookies: false,
        timeout: 20_000,
    }
}

#[wasm_bindgen_test]
async fn brings_status_and_body() {
    let origin = ORIGIN.with(String::clone);
    let found = send(get(&origin)).await.unwrap();
    assert_eq!(found.status, 200);
    assert!(found.body.reveal().contains("<html"));
    let missing = send(get(&format!("{origin}/missing"))).await.unwrap();
    assert_eq!(missing.status, 404);
}

#[wasm_bindgen_test]
async fn nobody_listens() {
    assert_eq!(send(get("http://127.0.0.1:2/")).await, Err(HttpFailure::Network));
}

#[wasm_bindgen_test]
async fn says_what_it_was_given_and_no_more() {
    let _patched = Patched;
    let requests = fake_fetch("tooMany");
    let answer = send(HttpRequest {
        method: Method::Post,
        headers: vec![("Authorization", Private::from("secret"))],
        json: Some(Private::from("{}")),
        cookies: true,
        ..get("https://example.com/a?b=%2F#c")
    })
    .await
    .unwrap();
    assert_eq!((answer.status, answer.retry_after.as_deref()), (429, Some("7")));
    send(get("https://example.com/")).await.unwrap();

    let requests: Vec<Value> =
        requests.iter().map(|request| serde_json::from_str(&request.as_string().unwrap()).unwrap()).collect();
    let common = json!({ "cache": "no-store", "redirect": "manual", "referrerPolicy": "no-referrer" });
    for request in &requests {
        for (key, value) in common.as_object().unwrap() {
            assert_eq!(&request[key], value);
        }
    }
    assert_eq!(requests[0]["url"], "https://example.com/a?b=%2F#c");
    assert_eq!(requests[0]["method"], "POST");
    assert_eq!(requests[0]["credentials"], "include");
    assert_eq!(requests[0]["headers"], json!({ "authorization": "secret", "content-type": "application/json" }));
    assert_eq!(requests[0]["body"], "{}");
    assert_eq!(requests[1]["method"], "GET");
    assert_eq!(requests[1]["credentials"], "omit");
    assert_eq!(requests[1]["headers"], json!({}));
}

#[wasm_bindgen_test]
async fn an_answer_that_never_comes_or_never_ends_times_out() {
    for silence in ["nothing", "stall"] {
        let _patched = Patched;
        fake_fetch(silence);
        let request = HttpRequest { timeout: 10, ..get("https://example.com/") };
        assert_eq!(send(request).await, Err(HttpFailure::Timeout), "{silence}");
    }
}

#[wasm_bindgen_test]
async fn a_large_body_is_cut() {
    let _patched = Patched;
    fake_fetch("large");
    let answer = send(get("https://example.com/")).await.unwrap();
    assert_eq!(answer.body.reveal().len(), 1024 * 1024);
}

#[wasm_bindgen_test]
async fn a_redirect_is_not_followed() {
    let _patched = Patched;
    fake_fetch("redirect");
    assert_eq!(send(get("https://example.com/")).await.unwrap().status, 302);
}

#[wasm_bindgen_test]
async fn what_cannot_be_sent_is_a_failure() {
    let header = HttpRequest { headers: vec![("X-Key", Private::from("ключ"))], ..get("https://example.com/") };
    assert_eq!(send(header).await, Err(HttpFailure::Network));
    assert_eq!(send(get("https://exa mple.com/")).await, Err(HttpFailure::Network));
}
