use js_sys::Array;
use serde_json::{Value, json};
use trubka::{
    Millis,
    http::{Body, FileInfo, HttpAnswer, HttpFailure, HttpRequest, LARGEST_FILE, Method},
    private::Private,
    shell::http::Http,
};
use wasm_bindgen::prelude::*;
use wasm_bindgen_test::wasm_bindgen_test;

use super::fakes::{FakeTimers, Patched, fake_fetch, set_clock};

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
        body: Body::Empty,
        keep: false,
        cookies: false,
        timeout: 20_000,
    }
}

fn download(url: &str) -> HttpRequest {
    HttpRequest { keep: true, ..get(url) }
}

fn upload(kept: u32) -> HttpRequest {
    let body = Body::File { kept, name: "call.mp3".to_owned() };
    HttpRequest { method: Method::Post, body, ..get("https://example.com/files") }
}

async fn send(request: HttpRequest) -> Result<HttpAnswer, HttpFailure> {
    Http::new(LARGEST_FILE).send(1, request).await
}

fn parsed(requests: &Array) -> Vec<Value> {
    requests.iter().map(|request| serde_json::from_str(&request.as_string().unwrap()).unwrap()).collect()
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
    let requests = fake_fetch("busy");
    let answer = send(HttpRequest {
        method: Method::Post,
        headers: vec![("Authorization", Private::from("secret"))],
        body: Body::Json(Private::from("{}")),
        cookies: true,
        ..get("https://example.com/a?b=%2F&wait=7#c")
    })
    .await
    .unwrap();
    assert_eq!((answer.status, answer.date, answer.retry_after), (503, None, Some(Millis::secs(7))));
    send(get("https://example.com/")).await.unwrap();

    let requests = parsed(&requests);
    let common = json!({ "cache": "no-store", "redirect": "manual", "referrerPolicy": "no-referrer" });
    for request in &requests {
        for (key, value) in common.as_object().unwrap() {
            assert_eq!(&request[key], value);
        }
    }
    assert_eq!(requests[0]["url"], "https://example.com/a?b=%2F&wait=7#c");
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

#[wasm_bindgen_test]
async fn the_date_is_the_clock_of_the_service() {
    let _patched = Patched;
    fake_fetch("busy");
    set_clock(0.0);
    let dated = |date: &str| get(&format!("https://example.com/?date={date}&wait=Wed,+21+Oct+2015+07:28:00+GMT"));
    let answer = send(dated("Wed,+21+Oct+2015+07:27:30+GMT")).await.unwrap();
    assert_eq!((answer.date, answer.retry_after), (Some(Millis(1_445_412_450_000)), Some(Millis::secs(30))));
    assert_eq!(send(dated("today+GMT")).await.unwrap().date, None);
}

#[wasm_bindgen_test]
async fn retry_after_is_seconds_or_a_moment() {
    let _patched = Patched;
    fake_fetch("busy");
    set_clock(1_445_412_450_000.0); // Wed, 21 Oct 2015 07:27:30 GMT
    let cases = [
        ("120", Some(Millis::secs(120))),
        ("0", Some(Millis(0))),
        ("Wed,+21+Oct+2015+07:28:00+GMT", Some(Millis::secs(30))),
        ("Wed,+21+Oct+2015+07:27:00+GMT", None),
        ("-5", None),
        ("99999999999999999999", None),
        ("2100", Some(Millis::secs(2100))),
        ("2100-01-01", None),
        ("soon+GMT", None),
        ("", None),
    ];
    for (wait, expected) in cases {
        let answer = send(get(&format!("https://example.com/?wait={wait}"))).await.unwrap();
        assert_eq!(answer.retry_after, expected, "{wait}");
    }
    assert_eq!(send(get("https://example.com/")).await.unwrap().retry_after, None);
}

#[wasm_bindgen_test]
async fn a_file_is_kept_and_sent_until_it_is_dropped() {
    let _patched = Patched;
    let requests = fake_fetch("recording");
    let http = Http::new(LARGEST_FILE);
    let answer = http.send(7, download("https://example.com/call")).await.unwrap();
    assert_eq!(answer.file, Some(FileInfo { content_type: "audio/mpeg".to_owned(), length: 9 << 20 }));
    assert_eq!(answer.body, Private::from(""));

    for id in [8, 9] {
        let answer = http.send(id, upload(7)).await.unwrap();
        assert_eq!((answer.status, answer.body, answer.file), (200, Private::from("{}"), None));
    }
    let runs: Vec<_> = (1..=18).map(|piece| [piece, 512 << 10]).collect();
    for request in &parsed(&requests)[1..] {
        assert_eq!(request["parts"], json!([["file", "call.mp3", "audio/mpeg", runs]]));
        assert!(request["headers"]["content-type"].as_str().unwrap().starts_with("multipart/form-data; boundary="));
    }

    http.drop_file(7);
    http.drop_file(7);
    assert_eq!(http.send(10, upload(7)).await, Err(HttpFailure::Network));
    assert_eq!(requests.length(), 3, "what is gone is not sent");
}

#[wasm_bindgen_test]
async fn a_file_that_is_too_large_is_not_kept() {
    let _patched = Patched;
    let largest = 9 << 20;
    fake_fetch("recording");
    assert!(Http::new(largest).send(1, download("https://example.com/")).await.is_ok());
    let http = Http::new(largest - 1);
    assert_eq!(http.send(1, download("https://example.com/")).await, Err(HttpFailure::TooLarge));
    assert_eq!(http.send(2, upload(1)).await, Err(HttpFailure::Network));
}

#[wasm_bindgen_test]
async fn a_file_that_says_itself_too_large_is_not_even_read() {
    let _patched = Patched;
    fake_fetch("announced");
    let request = |length: u64| download(&format!("https://example.com/?length={length}"));
    assert_eq!(send(request(LARGEST_FILE + 1)).await, Err(HttpFailure::TooLarge));
    let largest = HttpRequest { timeout: 10, ..request(LARGEST_FILE) };
    assert_eq!(send(largest).await, Err(HttpFailure::Timeout), "it is read, and never comes");
}

#[wasm_bindgen_test]
async fn a_file_may_take_its_time_but_not_fall_silent() {
    let _patched = Patched;
    fake_fetch("slowRecording");
    let _clock = FakeTimers::new();
    let recording = |timeout| HttpRequest { timeout, ..download("https://example.com/") };
    assert_eq!(send(recording(100)).await.unwrap().file.unwrap().length, 9 << 20);
    assert_eq!(send(recording(50)).await, Err(HttpFailure::Timeout));
    let text = HttpRequest { keep: false, ..recording(100) };
    assert_eq!(send(text).await, Err(HttpFailure::Timeout));
}

#[wasm_bindgen_test]
async fn a_success_without_a_body_is_an_empty_file_and_a_failure_none() {
    let _patched = Patched;
    fake_fetch("empty");
    let file = send(download("https://example.com/")).await.unwrap().file;
    assert_eq!(file, Some(FileInfo { content_type: String::new(), length: 0 }));
    fake_fetch("busy");
    let answer = send(download("https://example.com/")).await.unwrap();
    assert_eq!((answer.file, answer.body), (None, Private::from("{}")));
}
